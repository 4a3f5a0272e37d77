/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/reset.c: RESET, INIT and SIPI. Intel SDM 3A 9.1.1 (table 9-1), 8.4.
 *
 * The code segment begins as code, and the task register as a busy 32-bit TSS: what virtual
 * machines show, and what a later entry into long mode needs.
 */
#include <string.h>

#include "cpu/soft/system_priv.h"

#define APIC_BASE_BSP BIT64(8)

enum { ATTR_DATA = 0x93, ATTR_CODE = 0x9b, ATTR_LDT = 0x82, ATTR_TSS = 0x8b };

static void reset_segments(struct soft_cpu *c)
{
	for (unsigned s = 0; s < ARRAY_LEN(c->seg); s++)
		c->seg[s] = (struct cpu_seg){ .limit = 0xffff, .attr = ATTR_DATA };
	c->seg[SEG_CS] = (struct cpu_seg){
		.sel = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = ATTR_CODE
	};
	c->ldt = (struct cpu_seg){ .limit = 0xffff, .attr = ATTR_LDT };
	c->tr = (struct cpu_seg){ .limit = 0xffff, .attr = ATTR_TSS };
	c->gdt = c->idt = (struct soft_dtable){ .limit = 0xffff };
}

static void reset_registers(struct soft_cpu *c)
{
	u32 id[4];

	memset(c->gpr, 0, 16 * sizeof(c->gpr[0]));
	cpuid_query(c, 1, 0, id);
	c->gpr[R_DX] = id[CPUID_EAX];
	c->rip = c->next_rip = 0xfff0;
	c->rflags = FL_1;
	flags_set_arith(c, 0);
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = DR6_ONES;
	c->dr[7] = DR7_ONES;
}

/* What was on its way is gone. */
static void reset_events(struct soft_cpu *c)
{
	c->event = c->delivering = (struct soft_event){ .kind = EV_NONE };
	c->shadow = c->shadow_ss = c->trap_tf = c->intr_waiting = false;
	c->trap_dr6 = 0;
	c->nmi_blocked = c->nmi_pending = c->smi_pending = c->init_latched = false;
	c->in_smm = c->smm_inside_nmi = false;
}

void cpu_reset(struct soft_cpu *c, bool init)
{
	u64 kept = init ? c->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

	reset_events(c);
	c->cr0 = kept | CR0_ET;
	c->cr2 = c->cr3 = c->cr4 = c->efer = c->debugctl = 0;
	memset(c->pdpte, 0, sizeof(c->pdpte));
	reset_segments(c);
	lapic_reset(&c->lapic, init ? LAPIC_RESET_INIT : LAPIC_RESET_POWER_ON);
	if (!init) {
		c->xcr0 = 1;
		c->smbase = 0x30000;
		msr_reset(c);
	}
	reset_registers(c);
	fpu_reset(c, init);
	c->activity = c->lapic.base & APIC_BASE_BSP ? ACT_RUN : ACT_WAIT_SIPI;
	if (c->activity == ACT_WAIT_SIPI)
		cpu_attend(c, ATT_HALT);
	cpu_mode_changed(c);
	mmu_flush(c, true);
}

void cpu_sipi(struct soft_cpu *c, u8 vector)
{
	if (c->activity != ACT_WAIT_SIPI)
		return;
	c->activity = ACT_RUN;
	c->seg[SEG_CS].sel = (u16)(vector << 8);
	c->seg[SEG_CS].base = (u64)vector << 12;
	c->rip = c->next_rip = 0;
	cpu_mode_changed(c);
}

/* In SMM an INIT waits, and so does what came behind it; SDM 3C 31.3.1 */
static void take_init(struct soft_cpu *c, u32 events)
{
	if (c->in_smm) {
		c->init_latched = true;
		return;
	}
	cpu_reset(c, true);
	if (events & LAPIC_SIPI)
		cpu_sipi(c, (u8)(events & LAPIC_SIPI_VECTOR));
}

void cpu_take_events(struct soft_cpu *c)
{
	u32 events = lapic_events_take(&c->lapic);

	if (c->init_latched && !c->in_smm) {
		c->init_latched = false;
		events |= LAPIC_INIT;
	}
	if (events & LAPIC_INIT)
		take_init(c, events);
	else if (events & LAPIC_SIPI)
		cpu_sipi(c, (u8)(events & LAPIC_SIPI_VECTOR));
	if (events & LAPIC_SMI)
		c->smi_pending = true;
	if (events & LAPIC_NMI)
		c->nmi_pending = true;
	/* The first may be taken before the second is looked at. */
	if (events & LAPIC_NMI_AGAIN)
		lapic_post(&c->lapic, LAPIC_NMI);
}
