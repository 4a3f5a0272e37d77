/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/msr.c: MSRs that KVM leaves to us.
 *
 * Windows touches MSRs of whatever CPU model it believes to run on and does not expect a fault:
 * unknown ones read as zero and ignore writes. Values that KVM itself refuses fault as they would
 * on the CPU, but for a few of AMD's. The Hyper-V crash MSRs are ours because KVM keeps the
 * guest's message from us.
 */
#include <string.h>

#include "base/log.h"
#include "cpu/kvm/kvm_priv.h"

LOG_MODULE("kvm");

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_CONTROL_LOCKED 1

/* AMD's, which Windows writes with bits that KVM does not know. */
static const u32 tolerated[] = {
	0xc0010010, /* SYSCFG */
	0xc0010015, /* HWCR */
	0xc001001f, /* NB_CFG */
	0xc0010115, /* IGNNE */
	0xc0011020, /* LS_CFG */
	0xc0011022, /* DC_CFG */
	0xc0011029, /* DE_CFG */
};

int kvm_msr_init(struct kvm *k, struct error *err)
{
	static u8 const deny[1]; /* a zero bit denies, which makes it exit to us */
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.nmsrs = KVM_CRASH_MSRS,
			.base = HV_X64_MSR_CRASH_P0,
			.bitmap = (u8 *)(uintptr_t)deny,
		},
	};
	int rc;

	if (!k->host.msr_exits) {
		log_warn("this kernel keeps unknown MSRs to itself; should Windows stop early, "
			 "load kvm with ignore_msrs=1 or use Linux 5.10 or newer");
		return 0;
	}
	rc = kvm_enable_cap(k->vm, KVM_CAP_X86_USER_SPACE_MSR,
			    KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL |
				    KVM_MSR_EXIT_REASON_FILTER);
	if (rc < 0)
		return kvm_error(err, rc, "enabling MSR exits");
	if (!k->base.cfg.hyperv || !k->host.msr_filter)
		return 0;
	rc = kvm_ioctl(k->vm, KVM_X86_SET_MSR_FILTER, &filter);
	return rc < 0 ? kvm_error(err, rc, "KVM_X86_SET_MSR_FILTER") : 0;
}

/* True the first time an MSR is seen, as long as there is room to remember it. */
static bool first_time(struct kvm *k, u32 index)
{
	bool first = true;

	mutex_lock(&k->msr_lock);
	for (u32 i = 0; i < k->seen_msrs; i++)
		first = first && k->seen_msr[i] != index;
	if (first && k->seen_msrs < KVM_SEEN_MSRS)
		k->seen_msr[k->seen_msrs++] = index;
	else
		first = false;
	mutex_unlock(&k->msr_lock);
	return first;
}

static bool is_crash(const struct kvm_vcpu *v)
{
	return v->run->msr.reason == KVM_MSR_EXIT_REASON_FILTER &&
	       v->run->msr.index - HV_X64_MSR_CRASH_P0 < KVM_CRASH_MSRS;
}

/* A value the CPU would refuse: let it fault, unless the MSR is known to be written carelessly. */
static bool must_fault(const struct kvm_vcpu *v)
{
	if (v->run->msr.reason != KVM_MSR_EXIT_REASON_INVAL)
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(tolerated); i++)
		if (tolerated[i] == v->run->msr.index)
			return false;
	return true;
}

bool kvm_msr_read_exit(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	u32 index = run->msr.index;

	run->msr.error = must_fault(v);
	run->msr.data = 0;
	if (run->msr.error)
		return false;
	if (is_crash(v)) {
		run->msr.data = kvm_crash_read(v->kvm, index);
	} else if (index == MSR_FEATURE_CONTROL) {
		/* Locked with everything off; a fault here stops Windows. */
		run->msr.data = FEATURE_CONTROL_LOCKED;
	} else if (first_time(v->kvm, index)) {
		log_info("vcpu%u reads MSR %x, unknown here: 0", v->base.index, index);
	}
	return false;
}

bool kvm_msr_write_exit(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	u32 index = run->msr.index;
	u64 value = run->msr.data;

	run->msr.error = must_fault(v);
	if (run->msr.error)
		return false;
	if (is_crash(v)) {
		kvm_crash_write(v->kvm, index, value);
		if (index != HV_X64_MSR_CRASH_CTL || !(value & HV_CRASH_NOTIFY))
			return false;
		kvm_hyperv_crashed(v);
		return true;
	}
	if (first_time(v->kvm, index))
		log_info("vcpu%u writes %llx to MSR %x, unknown here: ignored", v->base.index,
			 (unsigned long long)value, index);
	return false;
}
