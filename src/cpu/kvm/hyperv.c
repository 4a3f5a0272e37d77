/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/hyperv.c: the Hyper-V interface that KVM implements, and the parts it leaves to us.
 * Hypervisor Top Level Functional Specification 6.0b (TLFS).
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cpu/kvm/kvm_priv.h"
#include "plat/file.h"

LOG_MODULE("hyperv");

#define HV_FEATURES 0x40000003
#define HV_HINTS 0x40000004
#define HV_EAX_NEEDED 0x60 /* hypercall MSRs, VP index */
#define HV_EDX_CRASH BIT(10)
#define HV_HINT_APIC BIT(3) /* prefer the APIC MSRs to its page */
#define HV_ENABLED 1        /* SIMP, SIEFP */
#define HV_PAGE_MASK 0xfffffffffffff000ull

#define HV_POST_MESSAGE 0x5c
#define HV_SIGNAL_EVENT 0x5d
#define HV_STATUS_INVALID_HYPERCALL_CODE 2
#define HV_STATUS_INVALID_CONNECTION_ID 0x12

/* With APICv or AVIC the APIC page costs no exit, and the MSRs would. */
static bool apic_in_hardware(void)
{
	static const char *const names[] = {
		"/sys/module/kvm_intel/parameters/enable_apicv",
		"/sys/module/kvm_amd/parameters/avic",
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct file *f;
		char on = 'N';

		if (file_open(&f, names[i], FILE_READ, NULL) < 0)
			continue;
		if (file_read(f, &on, 1, 0) < 0)
			on = 'N';
		file_close(f);
		if (on == 'Y' || on == '1')
			return true;
	}
	return false;
}

void kvm_hyperv_look(struct kvm_host *h)
{
	enum { ROOM = 32 };
	struct kvm_cpuid2 *all;

	if (kvm_check_cap(h->fd, KVM_CAP_SYS_HYPERV_CPUID) <= 0 ||
	    kvm_check_cap(h->fd, KVM_CAP_HYPERV_SYNIC2) <= 0)
		return;
	all = xcalloc(1, sizeof(*all) + ROOM * sizeof(struct kvm_cpuid_entry2));
	all->nent = ROOM;
	if (kvm_ioctl(h->fd, KVM_GET_SUPPORTED_HV_CPUID, all) < 0)
		all->nent = 0;
	for (u32 i = 0; i < all->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &all->entries[i];

		if (e->function == HV_FEATURES) {
			h->hv_eax = e->eax;
			h->hv_ebx = e->ebx;
			h->hv_edx = e->edx;
		} else if (e->function == HV_HINTS) {
			h->hv_hints = e->eax;
		}
	}
	free(all);
	h->hyperv = (h->hv_eax & HV_EAX_NEEDED) == HV_EAX_NEEDED;
	if (h->msr_filter)
		h->hv_edx |= HV_EDX_CRASH; /* ours then */
	if (apic_in_hardware())
		h->hv_hints &= ~HV_HINT_APIC;
}

int kvm_hyperv_init_vcpu(struct kvm_vcpu *v, struct error *err)
{
	int rc;

	if (!v->kvm->base.cfg.hyperv)
		return 0;
	rc = kvm_enable_cap(v->fd, KVM_CAP_HYPERV_SYNIC2, 0);
	return rc < 0 ? kvm_error(err, rc, "enabling the Hyper-V interrupt controller") : 0;
}

/*
 * Hyper-V shows fresh, zeroed pages where the guest puts these; KVM uses the guest's own memory.
 * What was there would look like a message that waits.
 */
static void clear_page(struct kvm_vcpu *v, u64 page_msr)
{
	static const u8 zero[4096];

	if (!(page_msr & HV_ENABLED))
		return;
	if (mem_write(v->kvm->base.machine->mem, page_msr & HV_PAGE_MASK, zero, sizeof(zero)) < 0)
		log_guest("vcpu%u: a SynIC page at %llx, which is not RAM", v->base.index,
			  (unsigned long long)(page_msr & HV_PAGE_MASK));
}

#define HV_X64_MSR_SIEFP 0x40000082
#define HV_X64_MSR_SIMP 0x40000083

void kvm_hyperv_exit(struct kvm_vcpu *v)
{
	struct kvm_hyperv_exit *x = &v->run->hyperv;

	switch (x->type) {
	case KVM_EXIT_HYPERV_SYNIC:
		if (x->u.synic.msr == HV_X64_MSR_SIEFP)
			clear_page(v, x->u.synic.evt_page);
		else if (x->u.synic.msr == HV_X64_MSR_SIMP)
			clear_page(v, x->u.synic.msg_page);
		break;
	case KVM_EXIT_HYPERV_HCALL: {
		u16 code = (u16)x->u.hcall.input;
		bool port = code == HV_POST_MESSAGE || code == HV_SIGNAL_EVENT;

		/* Nobody listens at any connection yet. */
		x->u.hcall.result = port ? HV_STATUS_INVALID_CONNECTION_ID
					 : HV_STATUS_INVALID_HYPERCALL_CODE;
		break;
	}
	default: log_guest("vcpu%u: Hyper-V exit %u is not handled", v->base.index, x->type);
	}
}

u64 kvm_crash_read(struct kvm *k, u32 index)
{
	u64 value;

	/* CTL reads as what may be asked for: a notification, with a message. TLFS 9.3. */
	if (index == HV_X64_MSR_CRASH_CTL)
		return HV_CRASH_NOTIFY | HV_CRASH_MESSAGE;
	mutex_lock(&k->msr_lock);
	value = k->crash[index - HV_X64_MSR_CRASH_P0];
	mutex_unlock(&k->msr_lock);
	return value;
}

void kvm_crash_write(struct kvm *k, u32 index, u64 value)
{
	mutex_lock(&k->msr_lock);
	k->crash[index - HV_X64_MSR_CRASH_P0] = value;
	mutex_unlock(&k->msr_lock);
}

/* Without an MSR filter the parameters are in KVM. */
static void fetch_params(struct kvm_vcpu *v, u64 p[KVM_CRASH_MSRS])
{
	if (v->kvm->host.msr_filter) {
		mutex_lock(&v->kvm->msr_lock);
		memcpy(p, v->kvm->crash, sizeof(v->kvm->crash));
		mutex_unlock(&v->kvm->msr_lock);
		return;
	}
	for (u32 i = 0; i < KVM_CRASH_MSRS; i++)
		if (kvm_get_msr(v, HV_X64_MSR_CRASH_P0 + i, &p[i]) < 0)
			p[i] = 0;
}

/* TLFS 9.3: with CrashMessage set, P3 is the guest physical address of the text, P4 its length. */
static void add_message(struct kvm_vcpu *v, gpa_t at, u64 len)
{
	char text[4096];

	len = MIN(len, sizeof(text));
	if (!len || mem_read(v->kvm->base.machine->mem, at, text, (size_t)len) < 0)
		return;
	for (u64 i = 0; i < len; i++)
		if ((u8)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t')
			text[i] = ' ';
	str_add(&v->why, "; it says: ");
	str_add_bytes(&v->why, text, (size_t)len);
}

void kvm_hyperv_crashed(struct kvm_vcpu *v)
{
	u64 p[KVM_CRASH_MSRS];

	fetch_params(v, p);
	str_free(&v->why);
	str_add(&v->why,
		"the guest reported its own crash: code %llx, parameters %llx %llx %llx %llx",
		(unsigned long long)p[0], (unsigned long long)p[1], (unsigned long long)p[2],
		(unsigned long long)p[3], (unsigned long long)p[4]);
	if (p[5] & HV_CRASH_MESSAGE)
		add_message(v, p[3], p[4]);
}
