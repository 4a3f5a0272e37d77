/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/time.c: the guest's TSC and KVM's clock stand still while the machine does.
 *
 * Otherwise a guest that compares the TSC with the PM timer, which stops, would distrust one of
 * them. All vCPUs get their TSC as an offset from one moment, so that they stay in step.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cpu/kvm/kvm_priv.h"
#include "plat/file.h"

LOG_MODULE("kvm");

#define MSR_TSC 0x10
#define MSR_TSC_DEADLINE 0x6e0

static u64 host_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* The host's TSC at the moment that saved and loaded values refer to. */
static u64 moment(struct kvm *k)
{
	return k->paused ? k->pause_tsc : host_tsc();
}

/*
 * True when the host trusts its TSC. Otherwise the CPUs' TSCs differ, offsets mean little, and KVM
 * itself lets each vCPU go on from where it stopped.
 */
bool kvm_tsc_is_steady(void)
{
	char name[3] = { 0 };
	struct file *f;

	if (file_open(&f, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
		      FILE_READ, NULL) < 0)
		return false;
	if (file_read(f, name, sizeof(name), 0) < 0)
		name[0] = 0;
	file_close(f);
	/* "tsc", or under Hyper-V "hyperv_clocksource_tsc_page". */
	return memcmp(name, "tsc", 3) == 0 || memcmp(name, "hyp", 3) == 0;
}

/*
 * Since Linux 5.16. Before, writing the TSC is all there is, and it runs on in a pause. Elsewhere
 * too, where the host's is not steady: -ENOTSUP.
 */
static int tsc_offset(struct kvm_vcpu *v, unsigned long req, u64 *offset)
{
	struct kvm_device_attr arg = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)(uintptr_t)offset,
	};

	return v->kvm->host.tsc_steady ? kvm_ioctl(v->fd, req, &arg) : -ENOTSUP;
}

u64 kvm_get_tsc(struct kvm_vcpu *v)
{
	u64 value = 0;

	if (tsc_offset(v, KVM_GET_DEVICE_ATTR, &value) >= 0)
		return moment(v->kvm) + value;
	(void)kvm_get_msr(v, MSR_TSC, &value);
	return value;
}

void kvm_set_tsc(struct kvm_vcpu *v, u64 tsc)
{
	u64 offset = tsc - moment(v->kvm);

	if (tsc_offset(v, KVM_SET_DEVICE_ATTR, &offset) >= 0)
		return;
	(void)kvm_set_msr(v, MSR_TSC, tsc);
}

u64 kvm_get_clock(struct kvm *k)
{
	struct kvm_clock_data c = { 0 };

	if (k->paused && k->clock_valid)
		return k->clock_ns;
	if (!k->host.clock || kvm_ioctl(k->vm, KVM_GET_CLOCK, &c) < 0)
		return 0;
	return c.clock;
}

static void put_clock(struct kvm *k, u64 ns)
{
	struct kvm_clock_data c = { .clock = ns };
	int rc = k->host.clock ? kvm_ioctl(k->vm, KVM_SET_CLOCK, &c) : 0;

	if (rc < 0)
		log_warn("KVM_SET_CLOCK failed: %s; guest time jumps", strerror(-rc));
}

void kvm_set_clock(struct kvm *k, u64 ns)
{
	if (k->paused) {
		k->clock_ns = ns;
		k->clock_valid = true;
	} else {
		put_clock(k, ns);
	}
}

void kvm_pause(struct accel *a)
{
	struct kvm *k = kvm_of(a);

	if (k->paused)
		return;
	k->clock_ns = kvm_get_clock(k);
	k->clock_valid = k->host.clock;
	k->pause_tsc = host_tsc();
	k->paused = true;
	/* Tells a kvmclock guest not to mistake the pause for a hang; refused where it has none. */
	for (unsigned i = 0; i < k->base.cfg.count; i++)
		if (k->vcpu[i])
			(void)kvm_ioctl_n(k->vcpu[i]->fd, KVM_KVMCLOCK_CTRL, 0);
}

/* The kernel's timer was armed for the old offset: arm it again. 0: it is not armed. */
static void rearm_deadline(struct kvm_vcpu *v)
{
	u64 deadline;

	if (kvm_get_msr(v, MSR_TSC_DEADLINE, &deadline) == 0 && deadline)
		(void)kvm_set_msr(v, MSR_TSC_DEADLINE, deadline);
}

void kvm_resume(struct accel *a)
{
	struct kvm *k = kvm_of(a);
	u64 shift;

	if (!k->paused)
		return;
	/* The clock first: vCPUs that run before it is set see it jump. */
	if (k->clock_valid)
		put_clock(k, k->clock_ns);
	shift = k->pause_tsc - host_tsc();
	for (unsigned i = 0; i < k->base.cfg.count; i++) {
		struct kvm_vcpu *v = k->vcpu[i];
		u64 offset = 0;

		if (!v)
			continue;
		if (tsc_offset(v, KVM_GET_DEVICE_ATTR, &offset) == 0) {
			offset += shift;
			(void)tsc_offset(v, KVM_SET_DEVICE_ATTR, &offset);
		}
		rearm_deadline(v);
	}
	k->paused = k->clock_valid = false;
}
