/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/regs.c: a vCPU's whole state out of KVM and back.
 *
 * The state after RESET is taken from KVM once, when the vCPU is new, and put back for each reset.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cpu/kvm/kvm_priv.h"

LOG_MODULE("kvm");

#define MSR_TSC 0x10
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER 0xc0000080

struct msr_range {
	u32 first, last;
};

/* Part of a vCPU's state, but not in KVM's list (MTRRs are since Linux 6.5, SynIC never). */
static const struct msr_range extra_msrs[] = {
	{ 0x200, 0x20f },           { 0x250, 0x250 },           { 0x258, 0x259 },
	{ 0x268, 0x26f },           { 0x2ff, 0x2ff },           { 0x40000080, 0x40000084 },
	{ 0x40000090, 0x4000009f }, { 0x400000b0, 0x400000b7 },
};

/*
 * In KVM's list, but saved elsewhere (TSC, EFER, crash MSRs), hidden from the guest (performance
 * counters, tracing), or nothing to load (what only tells or acts).
 */
static const struct msr_range skipped_msrs[] = {
	{ MSR_TSC, MSR_TSC },
	{ MSR_EFER, MSR_EFER },
	{ MSR_TSC_DEADLINE, MSR_TSC_DEADLINE },
	{ 0xc1, 0xd2 },
	{ 0x186, 0x197 },
	{ 0x309, 0x318 },
	{ 0x345, 0x345 },
	{ 0x38d, 0x390 },
	{ 0x3f1, 0x3f2 },
	{ 0x4c1, 0x4d2 },
	{ 0x560, 0x587 },
	{ 0x40000003, 0x40000003 },
	{ 0x40000020, 0x40000020 },
	{ 0x40000022, 0x40000023 },
	{ 0x400000f0, 0x40000105 },
	{ 0xc0000300, 0xc0000302 },
	{ 0xc0010000, 0xc0010007 },
	{ 0xc0010200, 0xc001020b },
};

static bool in_ranges(const struct msr_range *r, size_t n, u32 index)
{
	for (size_t i = 0; i < n; i++)
		if (index >= r[i].first && index <= r[i].last)
			return true;
	return false;
}

/* One call's worth of MSRs: struct kvm_msrs, with room. */
struct msr_block {
	u32 nmsrs, pad;
	struct kvm_msr_entry at[CPU_MSRS];
};
_Static_assert(offsetof(struct msr_block, at) == sizeof(struct kvm_msrs), "KVM's layout");

int kvm_get_msr(struct kvm_vcpu *v, u32 index, u64 *out)
{
	struct msr_block b = { .nmsrs = 1, .at[0].index = index };
	int rc = kvm_ioctl(v->fd, KVM_GET_MSRS, &b);

	if (rc != 1)
		return rc < 0 ? rc : -EINVAL;
	*out = b.at[0].data;
	return 0;
}

int kvm_set_msr(struct kvm_vcpu *v, u32 index, u64 value)
{
	struct msr_block b = { .nmsrs = 1, .at[0] = { .index = index, .data = value } };
	int rc = kvm_ioctl(v->fd, KVM_SET_MSRS, &b);

	return rc == 1 ? 0 : rc < 0 ? rc : -EINVAL;
}

static void want_msr(struct kvm_vcpu *v, u32 index)
{
	struct kvm *k = v->kvm;
	u64 value;

	for (unsigned i = 0; i < k->saved_msrs; i++)
		if (k->saved_msr[i] == index)
			return;
	if (kvm_get_msr(v, index, &value) < 0)
		return;
	/* Some room is kept for what we add ourselves. */
	if (k->saved_msrs + KVM_CRASH_MSRS + 2 < CPU_MSRS)
		k->saved_msr[k->saved_msrs++] = index;
	else
		log_warn("too many MSRs to save: %x is left out", index);
}

/* With the first vCPU: which MSRs there are to save. */
int kvm_list_msrs(struct kvm_vcpu *v, struct error *err)
{
	enum { ROOM = 1024 };
	struct kvm_msr_list *all = xcalloc(1, sizeof(*all) + ROOM * sizeof(u32));
	int rc;

	all->nmsrs = ROOM;
	rc = kvm_ioctl(v->kvm->host.fd, KVM_GET_MSR_INDEX_LIST, all);
	if (rc < 0) {
		free(all);
		return kvm_error(err, rc, "KVM_GET_MSR_INDEX_LIST");
	}
	for (u32 i = 0; i < all->nmsrs; i++)
		if (!in_ranges(skipped_msrs, ARRAY_LEN(skipped_msrs), all->indices[i]))
			want_msr(v, all->indices[i]);
	for (unsigned i = 0; i < ARRAY_LEN(extra_msrs); i++)
		for (u32 m = extra_msrs[i].first; m <= extra_msrs[i].last; m++)
			want_msr(v, m);
	free(all);
	return 0;
}

/* Descriptor bits 40-55; KVM keeps the granularity already applied to the limit, as we do. */
static struct cpu_seg seg_from(const struct kvm_segment *s)
{
	return (struct cpu_seg){
		.base = s->base,
		.limit = s->limit,
		.sel = s->selector,
		.attr = (u16)((s->type & 15) | (s->s & 1) << 4 | (s->dpl & 3) << 5 |
			      (s->present && !s->unusable) << 7 | (s->avl & 1) << 12 |
			      (s->l & 1) << 13 | (s->db & 1) << 14 | (s->g & 1) << 15),
	};
}

static struct kvm_segment seg_to(const struct cpu_seg *s)
{
	return (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->sel,
		.type = s->attr & 15,
		.s = s->attr >> 4 & 1,
		.dpl = s->attr >> 5 & 3,
		.present = s->attr >> 7 & 1,
		.avl = s->attr >> 12 & 1,
		.l = s->attr >> 13 & 1,
		.db = s->attr >> 14 & 1,
		.g = s->attr >> 15 & 1,
		.unusable = !(s->attr >> 7 & 1),
	};
}

static int get_regs(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct kvm_regs r;
	int rc = kvm_ioctl(v->fd, KVM_GET_REGS, &r);
	const u64 gpr[16] = { r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi,
			      r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15 };

	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_REGS");
	memcpy(out->gpr, gpr, sizeof(gpr));
	out->rip = r.rip;
	out->rflags = r.rflags;
	return 0;
}

static int set_regs(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	const u64 *g = in->gpr;
	struct kvm_regs r = {
		.rax = g[0],
		.rcx = g[1],
		.rdx = g[2],
		.rbx = g[3],
		.rsp = g[4],
		.rbp = g[5],
		.rsi = g[6],
		.rdi = g[7],
		.r8 = g[8],
		.r9 = g[9],
		.r10 = g[10],
		.r11 = g[11],
		.r12 = g[12],
		.r13 = g[13],
		.r14 = g[14],
		.r15 = g[15],
		.rip = in->rip,
		.rflags = in->rflags,
	};
	int rc = kvm_ioctl(v->fd, KVM_SET_REGS, &r);

	return rc < 0 ? kvm_error(err, rc, "KVM_SET_REGS") : 0;
}

static int get_sregs(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct kvm_sregs s;
	int rc = kvm_ioctl(v->fd, KVM_GET_SREGS, &s);

	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_SREGS");
	out->cs = seg_from(&s.cs);
	out->ds = seg_from(&s.ds);
	out->es = seg_from(&s.es);
	out->fs = seg_from(&s.fs);
	out->gs = seg_from(&s.gs);
	out->ss = seg_from(&s.ss);
	out->tr = seg_from(&s.tr);
	out->ldt = seg_from(&s.ldt);
	out->gdt = (struct cpu_seg){ .base = s.gdt.base, .limit = s.gdt.limit };
	out->idt = (struct cpu_seg){ .base = s.idt.base, .limit = s.idt.limit };
	out->cr0 = s.cr0;
	out->cr2 = s.cr2;
	out->cr3 = s.cr3;
	out->cr4 = s.cr4;
	out->cr8 = s.cr8;
	out->efer = s.efer;
	out->apic_base = s.apic_base;
	return 0;
}

static int set_sregs(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	struct kvm_sregs s = {
		.cs = seg_to(&in->cs),
		.ds = seg_to(&in->ds),
		.es = seg_to(&in->es),
		.fs = seg_to(&in->fs),
		.gs = seg_to(&in->gs),
		.ss = seg_to(&in->ss),
		.tr = seg_to(&in->tr),
		.ldt = seg_to(&in->ldt),
		.gdt = { .base = in->gdt.base, .limit = (u16)in->gdt.limit },
		.idt = { .base = in->idt.base, .limit = (u16)in->idt.limit },
		.cr0 = in->cr0,
		.cr2 = in->cr2,
		.cr3 = in->cr3,
		.cr4 = in->cr4,
		.cr8 = in->cr8,
		.efer = in->efer,
		.apic_base = in->apic_base,
	};
	int rc = kvm_ioctl(v->fd, KVM_SET_SREGS, &s);

	return rc < 0 ? kvm_error(err, rc, "KVM_SET_SREGS") : 0;
}

/*
 * CPU_XSAVE covers all that a guest may have without AMX, which needs a permission that we do not
 * ask for; so KVM's classic 4096 bytes hold everything.
 */
static int get_fpu(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct kvm_xcrs x;
	int rc;

	_Static_assert(sizeof(struct kvm_xsave) <= CPU_XSAVE, "struct cpu_state is too small");
	out->xsave_len = sizeof(struct kvm_xsave);
	rc = kvm_ioctl(v->fd, KVM_GET_XSAVE, out->xsave);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_XSAVE");
	out->xcr0 = 1;
	if (!v->kvm->host.xcrs)
		return 0;
	rc = kvm_ioctl(v->fd, KVM_GET_XCRS, &x);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_XCRS");
	for (u32 i = 0; i < x.nr_xcrs && i < KVM_MAX_XCRS; i++)
		if (x.xcrs[i].xcr == 0)
			out->xcr0 = x.xcrs[i].value;
	return 0;
}

static int set_fpu(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = in->xcr0 };
	int rc;

	if (in->xsave_len > sizeof(struct kvm_xsave))
		return error_set(err, -ENOTSUP,
				 "kvm: the saved state has %u bytes of XSAVE area; this host "
				 "takes %zu",
				 in->xsave_len, sizeof(struct kvm_xsave));
	rc = kvm_ioctl(v->fd, KVM_SET_XSAVE, (void *)(uintptr_t)in->xsave);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_XSAVE");
	rc = v->kvm->host.xcrs ? kvm_ioctl(v->fd, KVM_SET_XCRS, &x) : 0;
	return rc < 0 ? kvm_error(err, rc, "KVM_SET_XCRS") : 0;
}

static int get_msrs(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct msr_block b = { 0 };
	unsigned n = v->kvm->saved_msrs, done = 0;

	out->msr_count = 0;
	while (done < n) {
		int rc;

		b.nmsrs = n - done;
		for (unsigned i = 0; i < n - done; i++)
			b.at[i].index = v->kvm->saved_msr[done + i];
		rc = kvm_ioctl(v->fd, KVM_GET_MSRS, &b);
		if (rc < 0)
			return kvm_error(err, rc, "KVM_GET_MSRS");
		for (int i = 0; i < rc; i++)
			out->msr[out->msr_count++] =
				(struct cpu_msr){ b.at[i].index, b.at[i].data };
		/* The call stops at one that it cannot read: go on behind it. */
		done += (unsigned)rc + (done + (unsigned)rc < n);
	}
	return 0;
}

static int set_msrs(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	struct msr_block b = { 0 };
	unsigned n = MIN(in->msr_count, (u32)CPU_MSRS), done = 0;

	while (done < n) {
		int rc;

		b.nmsrs = n - done;
		for (unsigned i = 0; i < n - done; i++) {
			b.at[i].index = in->msr[done + i].index;
			b.at[i].data = in->msr[done + i].value;
		}
		rc = kvm_ioctl(v->fd, KVM_SET_MSRS, &b);
		if (rc < 0)
			return kvm_error(err, rc, "KVM_SET_MSRS");
		done += (unsigned)rc;
		if (done < n) {
			log_debug("vcpu%u: MSR %x does not take %llx", v->base.index,
				  in->msr[done].index, (unsigned long long)in->msr[done].value);
			done++;
		}
	}
	return 0;
}

static int get_events(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct kvm_vcpu_events e;
	int rc = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e), pending;

	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_VCPU_EVENTS");
	out->event.exception_injected = e.exception.injected;
	out->event.exception_pending = e.exception.pending;
	out->event.exception_has_error = e.exception.has_error_code;
	out->event.exception = e.exception.nr;
	out->event.exception_error = e.exception.error_code;
	out->event.has_payload = e.exception_has_payload;
	out->event.payload = e.exception_payload;
	out->event.interrupt_injected = e.interrupt.injected;
	out->event.interrupt = e.interrupt.nr;
	out->event.interrupt_soft = e.interrupt.soft;
	out->event.interrupt_shadow = e.interrupt.shadow;
	out->event.nmi_injected = e.nmi.injected;
	out->event.nmi_pending = e.nmi.pending;
	out->event.nmi_masked = e.nmi.masked;
	out->event.triple_fault = v->kvm->host.triple_fault && e.triple_fault.pending;
	out->event.in_smm = e.smi.smm;
	out->event.smi_pending = e.smi.pending;
	out->event.smm_inside_nmi = e.smi.smm_inside_nmi;
	out->event.latched_init = e.smi.latched_init;
	out->sipi_vector = e.sipi_vector;
	/* A vector that the 8259 has handed out and KVM has not begun: not in KVM's state. */
	pending = v->extint >= 0 ? v->extint : v->given;
	if (pending >= 0 && !e.interrupt.injected) {
		out->event.interrupt_injected = true;
		out->event.interrupt = (u8)pending;
	}
	return 0;
}

static int set_events(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	const struct kvm_host *h = &v->kvm->host;
	struct kvm_vcpu_events e = {
		.exception = {
			.injected = in->event.exception_injected,
			.pending = h->exception_payload && in->event.exception_pending,
			.nr = in->event.exception,
			.has_error_code = in->event.exception_has_error,
			.error_code = in->event.exception_error,
		},
		.exception_has_payload = h->exception_payload && in->event.has_payload,
		.exception_payload = in->event.payload,
		.interrupt = {
			.injected = in->event.interrupt_injected,
			.nr = in->event.interrupt,
			.soft = in->event.interrupt_soft,
			.shadow = in->event.interrupt_shadow,
		},
		.nmi = {
			.injected = in->event.nmi_injected,
			.pending = in->event.nmi_pending,
			.masked = in->event.nmi_masked,
		},
		.smi = {
			.smm = in->event.in_smm,
			.pending = in->event.smi_pending,
			.smm_inside_nmi = in->event.smm_inside_nmi,
			.latched_init = in->event.latched_init,
		},
		.triple_fault.pending = in->event.triple_fault,
		.sipi_vector = in->sipi_vector,
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			 KVM_VCPUEVENT_VALID_SHADOW |
			 (h->smm ? KVM_VCPUEVENT_VALID_SMM : 0) |
			 (h->exception_payload ? KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
			 (h->triple_fault ? KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0),
	};
	int rc;

	/* This vCPU's KVM still holds the vector itself: once is enough. */
	if (v->given >= 0 && e.interrupt.nr == v->given)
		e.interrupt.injected = 0;
	rc = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e);
	return rc < 0 ? kvm_error(err, rc, "KVM_SET_VCPU_EVENTS") : 0;
}

static const u8 mp_states[] = {
	[CPU_RUNNING] = KVM_MP_STATE_RUNNABLE,
	[CPU_WAIT_FOR_SIPI] = KVM_MP_STATE_UNINITIALIZED, /* KVM wants an INIT before the SIPI */
	[CPU_INIT_RECEIVED] = KVM_MP_STATE_INIT_RECEIVED,
	[CPU_HALTED] = KVM_MP_STATE_HALTED,
};

/* Before all else: asking makes KVM act on an INIT or SIPI that waits, which changes registers. */
static int get_activity(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct kvm_mp_state mp;
	int rc = kvm_ioctl(v->fd, KVM_GET_MP_STATE, &mp);

	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_MP_STATE");
	out->activity = CPU_RUNNING;
	for (unsigned i = 0; i < ARRAY_LEN(mp_states); i++)
		if (mp_states[i] == mp.mp_state)
			out->activity = (u8)i;
	return 0;
}

static int get_rest(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	struct kvm_debugregs d;
	int rc = kvm_ioctl(v->fd, KVM_GET_DEBUGREGS, &d);

	if (rc < 0)
		return kvm_error(err, rc, "KVM_GET_DEBUGREGS");
	memcpy(out->dr, d.db, sizeof(d.db));
	out->dr[6] = d.dr6;
	out->dr[7] = d.dr7;
	_Static_assert(sizeof(out->lapic) == sizeof(struct kvm_lapic_state), "APIC page");
	rc = kvm_ioctl(v->fd, KVM_GET_LAPIC, out->lapic);
	return rc < 0 ? kvm_error(err, rc, "KVM_GET_LAPIC") : 0;
}

static int set_rest(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	struct kvm_debugregs d = { .dr6 = in->dr[6], .dr7 = in->dr[7] };
	struct kvm_mp_state mp;
	int rc;

	if (in->activity >= ARRAY_LEN(mp_states))
		return error_set(err, -EINVAL, "vcpu%u: activity %u is none", v->base.index,
				 in->activity);
	mp.mp_state = mp_states[in->activity];
	memcpy(d.db, in->dr, sizeof(d.db));
	rc = kvm_ioctl(v->fd, KVM_SET_DEBUGREGS, &d);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_DEBUGREGS");
	rc = kvm_ioctl(v->fd, KVM_SET_LAPIC, (void *)(uintptr_t)in->lapic);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_LAPIC");
	rc = set_events(v, in, err);
	if (rc < 0)
		return rc;
	rc = kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
	return rc < 0 ? kvm_error(err, rc, "KVM_SET_MP_STATE") : 0;
}

int kvm_save_cpu(struct kvm_vcpu *v, struct cpu_state *out, struct error *err)
{
	int rc;

	*out = (struct cpu_state){ 0 };
	rc = get_activity(v, out, err);
	if (rc == 0)
		rc = get_regs(v, out, err);
	if (rc == 0)
		rc = get_sregs(v, out, err);
	if (rc == 0)
		rc = get_fpu(v, out, err);
	if (rc == 0)
		rc = get_msrs(v, out, err);
	if (rc == 0)
		rc = get_events(v, out, err);
	if (rc == 0)
		rc = get_rest(v, out, err);
	/* With an interrupt on its way it does not wait any longer; KVM would not see that. */
	if (out->event.interrupt_injected && out->activity == CPU_HALTED)
		out->activity = CPU_RUNNING;
	return rc;
}

/* Special registers before MSRs and the APIC, whose meaning they set; events after all of them. */
int kvm_load_cpu(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err)
{
	int rc = set_sregs(v, in, err);

	if (rc == 0)
		rc = set_regs(v, in, err);
	if (rc == 0)
		rc = set_fpu(v, in, err);
	if (rc == 0)
		rc = set_msrs(v, in, err);
	if (rc == 0)
		rc = set_rest(v, in, err);
	v->extint = -1;
	v->loaded = true;
	return rc;
}

static void add_msr(struct cpu_state *s, u32 index, u64 value)
{
	if (s->msr_count < CPU_MSRS)
		s->msr[s->msr_count++] = (struct cpu_msr){ index, value };
}

/* The machine-wide values travel with vCPU 0; KVM's clock as Hyper-V's, in units of 100 ns. */
int kvm_get_state(struct vcpu *base, struct cpu_state *out, struct error *err)
{
	struct kvm_vcpu *v = kvm_vcpu_of(base);
	int rc = kvm_save_cpu(v, out, err);
	u64 deadline;

	if (rc < 0)
		return rc;
	out->tsc = kvm_get_tsc(v);
	if (kvm_get_msr(v, MSR_TSC_DEADLINE, &deadline) == 0)
		add_msr(out, MSR_TSC_DEADLINE, deadline);
	if (base->index != 0)
		return 0;
	add_msr(out, HV_X64_MSR_TIME_REF_COUNT, kvm_get_clock(v->kvm) / 100);
	for (u32 i = 0; i + 1 < KVM_CRASH_MSRS; i++)
		add_msr(out, HV_X64_MSR_CRASH_P0 + i,
			kvm_crash_read(v->kvm, HV_X64_MSR_CRASH_P0 + i));
	return 0;
}

int kvm_set_state(struct vcpu *base, const struct cpu_state *in, struct error *err)
{
	struct kvm_vcpu *v = kvm_vcpu_of(base);
	struct cpu_state *mine = xnew(struct cpu_state);
	u64 deadline = 0;
	int rc;

	*mine = *in;
	mine->msr_count = 0;
	for (u32 i = 0; i < MIN(in->msr_count, (u32)CPU_MSRS); i++) {
		const struct cpu_msr *m = &in->msr[i];

		if (m->index == MSR_TSC_DEADLINE)
			deadline = m->value;
		else if (m->index == HV_X64_MSR_TIME_REF_COUNT)
			kvm_set_clock(v->kvm, m->value * 100);
		else if (m->index - HV_X64_MSR_CRASH_P0 < KVM_CRASH_MSRS - 1)
			kvm_crash_write(v->kvm, m->index, m->value);
		else if (!in_ranges(skipped_msrs, ARRAY_LEN(skipped_msrs), m->index))
			add_msr(mine, m->index, m->value);
	}
	kvm_set_tsc(v, in->tsc);
	rc = kvm_load_cpu(v, mine, err);
	/* Means something only once the TSC and the APIC's timer mode are there. */
	if (rc == 0 && deadline)
		(void)kvm_set_msr(v, MSR_TSC_DEADLINE, deadline);
	free(mine);
	return rc;
}
