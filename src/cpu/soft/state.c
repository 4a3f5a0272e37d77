/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/state.c: a vCPU's whole state out of our CPU and back. It is what cpu/kvm saves, too, as
 * far as both have it. What comes from a save file may be anything: what no processor can be in is
 * refused, and the rest is cut to the bits that there are.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cpu/soft/system_priv.h"

LOG_MODULE("soft");

enum { SHADOW_SS = 1, SHADOW_STI = 2 }; /* of event.interrupt_shadow, as KVM has them */

static const u8 activities[] = {
	[ACT_RUN] = CPU_RUNNING,
	[ACT_HALT] = CPU_HALTED,
	[ACT_WAIT_SIPI] = CPU_WAIT_FOR_SIPI,
	[ACT_SHUTDOWN] = CPU_RUNNING, /* with event.triple_fault */
};

static void save_segments(const struct soft_cpu *c, struct cpu_state *out)
{
	out->es = c->seg[SEG_ES];
	out->cs = c->seg[SEG_CS];
	out->ss = c->seg[SEG_SS];
	out->ds = c->seg[SEG_DS];
	out->fs = c->seg[SEG_FS];
	out->gs = c->seg[SEG_GS];
	out->tr = c->tr;
	out->ldt = c->ldt;
	out->gdt = (struct cpu_seg){ .base = c->gdt.base, .limit = c->gdt.limit };
	out->idt = (struct cpu_seg){ .base = c->idt.base, .limit = c->idt.limit };
}

/* An event that was raised and not delivered yet. */
static void save_event(const struct soft_event *e, struct cpu_state *out)
{
	switch (e->kind) {
	case EV_NONE: break;
	case EV_NMI: out->event.nmi_injected = true; break;
	case EV_EXT:
	case EV_SOFT_INT:
		out->event.interrupt_injected = true;
		out->event.interrupt = e->vector;
		out->event.interrupt_soft = e->kind == EV_SOFT_INT;
		break;
	default:
		out->event.exception_injected = true;
		out->event.exception = e->vector;
		out->event.exception_has_error = e->has_error;
		out->event.exception_error = e->error;
		out->event.has_payload = e->vector == VEC_PF || e->vector == VEC_DB;
		out->event.payload = e->vector == VEC_PF ? e->cr2 : e->dr6;
		break;
	}
}

static void save_events(const struct soft_cpu *c, struct cpu_state *out)
{
	save_event(&c->event, out);
	/* A debug trap of the last instruction is due before the next one. */
	if (c->trap_dr6 && c->event.kind == EV_NONE) {
		out->event.exception_pending = true;
		out->event.exception = VEC_DB;
		out->event.has_payload = true;
		out->event.payload = c->trap_dr6;
	}
	out->event.interrupt_shadow = (u8)((c->shadow_ss ? SHADOW_SS : 0) |
					   (c->shadow && !c->shadow_ss ? SHADOW_STI : 0));
	out->event.nmi_pending = c->nmi_pending;
	out->event.nmi_masked = c->nmi_blocked;
	out->event.triple_fault = c->activity == ACT_SHUTDOWN;
	out->event.in_smm = c->in_smm;
	out->event.smi_pending = c->smi_pending;
	out->event.smm_inside_nmi = c->smm_inside_nmi;
	out->event.latched_init = c->init_latched;
	out->activity = activities[c->activity];
}

static void add_msr(struct cpu_state *s, u32 index, u64 value)
{
	if (s->msr_count < CPU_MSRS)
		s->msr[s->msr_count++] = (struct cpu_msr){ index, value };
}

int soft_get_state(struct vcpu *v, struct cpu_state *out, struct error *err)
{
	struct soft_cpu *c = soft_cpu_of(v);
	u64 deadline;

	/* An INIT or SIPI that waits changes registers: first. */
	cpu_take_events(c);
	*out = (struct cpu_state){ 0 };
	memcpy(out->gpr, c->gpr, sizeof(out->gpr));
	out->rip = c->rip;
	out->rflags = flags_get(c);
	out->cr0 = c->cr0;
	out->cr2 = c->cr2;
	out->cr3 = c->cr3;
	out->cr4 = c->cr4;
	out->cr8 = lapic_get_cr8(&c->lapic);
	out->efer = c->efer;
	out->apic_base = c->lapic.base;
	out->xcr0 = c->xcr0;
	memcpy(out->dr, c->dr, sizeof(out->dr));
	save_segments(c, out);
	out->xsave_len = fpu_save(c, out->xsave);
	lapic_save_page(&c->lapic, out->lapic);
	save_events(c, out);
	out->tsc = host_tsc_for(c) + c->tsc_offset;
	out->msr_count = msr_save(c, out->msr, CPU_MSRS - 2);
	add_msr(out, MSR_SMBASE, c->smbase);
	if (lapic_rdmsr(&c->lapic, MSR_TSC_DEADLINE, &deadline) == 0)
		add_msr(out, MSR_TSC_DEADLINE, deadline);
	return 0;
}

/* ---- and back ---- */

static int refuse(struct soft_cpu *c, struct error *err, const char *why)
{
	return error_set(err, -EINVAL, "the saved vCPU %u cannot be: %s", c->base.index, why);
}

static int check_state(struct soft_cpu *c, const struct cpu_state *in, struct error *err)
{
	struct control r = { in->cr0, in->cr3, in->cr4, in->efer };
	const char *wrong = control_wrong(c, &r);

	if (wrong)
		return refuse(c, err, wrong);
	if (in->activity > CPU_HALTED)
		return refuse(c, err, "there is no such activity");
	if (!xcr0_valid(c, in->xcr0) && in->xcr0 != 1)
		return refuse(c, err, "XCR0 has bits that this CPU model lacks");
	if (in->xsave_len > CPU_XSAVE)
		return refuse(c, err, "its XSAVE area is too long");
	return 0;
}

static struct cpu_seg clean_seg(const struct cpu_seg *s)
{
	return (struct cpu_seg){
		.base = make_canonical(s->base),
		.limit = s->limit,
		.sel = s->sel,
		.attr = s->attr & SEG_ATTR_BITS,
	};
}

static void load_segments(struct soft_cpu *c, const struct cpu_state *in)
{
	c->seg[SEG_ES] = clean_seg(&in->es);
	c->seg[SEG_CS] = clean_seg(&in->cs);
	c->seg[SEG_SS] = clean_seg(&in->ss);
	c->seg[SEG_DS] = clean_seg(&in->ds);
	c->seg[SEG_FS] = clean_seg(&in->fs);
	c->seg[SEG_GS] = clean_seg(&in->gs);
	c->tr = clean_seg(&in->tr);
	c->ldt = clean_seg(&in->ldt);
	c->gdt = (struct soft_dtable){ make_canonical(in->gdt.base), in->gdt.limit & 0xffff };
	c->idt = (struct soft_dtable){ make_canonical(in->idt.base), in->idt.limit & 0xffff };
}

static void load_registers(struct soft_cpu *c, const struct cpu_state *in)
{
	u64 flags = (in->rflags & RFLAGS_BITS) | FL_1;

	memcpy(c->gpr, in->gpr, sizeof(in->gpr));
	c->rip = c->next_rip = in->rip;
	if (in->efer & EFER_LMA)
		flags &= ~(u64)FL_VM;
	c->rflags = flags & ~(u64)FL_ARITH;
	flags_set_arith(c, flags);
	c->cr0 = in->cr0 | CR0_ET;
	c->cr2 = in->cr2;
	c->cr3 = in->cr3;
	c->cr4 = in->cr4;
	c->efer = in->efer;
	c->xcr0 = in->xcr0;
	memcpy(c->dr, in->dr, sizeof(in->dr));
	c->dr[4] = c->dr[5] = 0;
	c->dr[6] = (in->dr[6] & DR6_BITS) | DR6_ONES;
	c->dr[7] = (in->dr[7] & DR7_BITS) | DR7_ONES;
}

static void load_msrs(struct soft_cpu *c, const struct cpu_state *in)
{
	for (u32 n = 0; n < MIN(in->msr_count, (u32)CPU_MSRS); n++) {
		const struct cpu_msr *m = &in->msr[n];

		if (m->index == MSR_SMBASE)
			c->smbase = (u32)m->value;
		else if (m->index != MSR_TSC_DEADLINE && !msr_load(c, m->index, m->value))
			log_debug("vcpu%u: MSR %x does not take %llx", c->base.index, m->index,
				  (unsigned long long)m->value);
	}
}

/* Only once the TSC and the timer's mode are there. */
static void load_deadline(struct soft_cpu *c, const struct cpu_state *in)
{
	for (u32 n = 0; n < MIN(in->msr_count, (u32)CPU_MSRS); n++)
		if (in->msr[n].index == MSR_TSC_DEADLINE)
			(void)!lapic_wrmsr(&c->lapic, MSR_TSC_DEADLINE, in->msr[n].value);
}

static struct soft_event injected_event(const struct cpu_state *in)
{
	struct soft_event e = { .kind = EV_NONE };

	if (in->event.exception_injected && in->event.exception < 32) {
		e.kind = EV_EXCEPTION;
		e.vector = in->event.exception;
		e.has_error = in->event.exception_has_error;
		e.error = in->event.exception_error;
		e.cr2 = e.vector == VEC_PF && in->event.has_payload ? in->event.payload : in->cr2;
		e.dr6 = e.vector == VEC_DB && in->event.has_payload ? in->event.payload & DR6_BITS
								    : 0;
	} else if (in->event.nmi_injected) {
		e.kind = EV_NMI;
		e.vector = VEC_NMI;
	} else if (in->event.interrupt_injected) {
		e.kind = in->event.interrupt_soft ? EV_SOFT_INT : EV_EXT;
		e.vector = in->event.interrupt;
	}
	return e;
}

static void load_events(struct soft_cpu *c, const struct cpu_state *in)
{
	bool trap = in->event.exception_pending && in->event.exception == VEC_DB &&
		    in->event.has_payload;

	c->event = injected_event(in);
	c->delivering = (struct soft_event){ .kind = EV_NONE };
	c->trap_dr6 = trap ? in->event.payload & DR6_BITS : 0;
	c->trap_tf = false;
	c->shadow_ss = in->event.interrupt_shadow & SHADOW_SS;
	c->shadow = in->event.interrupt_shadow & (SHADOW_SS | SHADOW_STI);
	c->shadow_rip = in->rip;
	c->nmi_pending = in->event.nmi_pending;
	c->nmi_blocked = in->event.nmi_masked;
	c->in_smm = in->event.in_smm;
	c->smi_pending = in->event.smi_pending;
	c->smm_inside_nmi = in->event.smm_inside_nmi;
	c->init_latched = in->event.latched_init;
	c->intr_waiting = false;
	switch (in->activity) {
	case CPU_HALTED: c->activity = ACT_HALT; break;
	case CPU_WAIT_FOR_SIPI:
	case CPU_INIT_RECEIVED: c->activity = ACT_WAIT_SIPI; break;
	default: c->activity = in->event.triple_fault ? ACT_SHUTDOWN : ACT_RUN; break;
	}
}

/* As they are in memory now: they are not saved, and one that is wrong is as good as none. */
static void load_pdptes(struct soft_cpu *c)
{
	memset(c->pdpte, 0, sizeof(c->pdpte));
	if (!pdptes_reload(c))
		log_warn("vcpu%u: the loaded state has impossible PDPTEs", c->base.index);
}

int soft_set_state(struct vcpu *v, const struct cpu_state *in, struct error *err)
{
	struct soft_cpu *c = soft_cpu_of(v);
	int rc = check_state(c, in, err);

	if (rc == 0)
		rc = lapic_load_page(&c->lapic, in->apic_base, in->lapic, err);
	if (rc == 0 && fpu_load(c, in->xsave, in->xsave_len) < 0)
		rc = refuse(c, err, "its XSAVE area is damaged");
	if (rc < 0)
		return rc;
	(void)lapic_events_take(&c->lapic); /* of what was before */
	load_registers(c, in);
	load_segments(c, in);
	msr_reset(c);
	load_msrs(c, in);
	c->tsc_offset = in->tsc - host_tsc_for(c);
	load_events(c, in);
	load_deadline(c, in);
	lapic_time_changed(&c->lapic);
	mmu_flush(c, true);
	load_pdptes(c);
	cpu_mode_changed(c);
	debug_changed(c);
	cpu_attend(c, ATT_INTR | ATT_STEP | (c->activity == ACT_RUN ? 0 : ATT_HALT));
	if (c->activity == ACT_SHUTDOWN) {
		c->result = RUN_SHUTDOWN;
		cpu_attend(c, ATT_RESULT);
	}
	return 0;
}
