/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/mode.c: what follows from the control registers, CS, SS and EFLAGS together. */
#include "cpu/soft/soft_priv.h"

static u8 code_mode(const struct soft_cpu *c)
{
	u16 attr = c->seg[SEG_CS].attr;

	if (!c->prot)
		return CPU_16;
	if (c->lma && attr & SA_L)
		return CPU_64;
	return attr & SA_DB ? CPU_32 : CPU_16;
}

/* Base 0, 4 GiB, writable data or readable code: nothing to check. */
static bool flat(const struct cpu_seg *s)
{
	return s->base == 0 && s->limit == 0xffffffff && s->attr & SA_P &&
	       (s->attr & (SA_CODE | SA_DOWN | SA_WRITE)) == SA_WRITE;
}

void cpu_mode_changed(struct soft_cpu *c)
{
	const struct cpu_seg *cs = &c->seg[SEG_CS];

	c->lma = (c->efer & EFER_LMA) != 0;
	c->v86 = (c->cr0 & CR0_PE) && c->rflags & FL_VM;
	c->prot = (c->cr0 & CR0_PE) && !c->v86;
	/* The privilege is SS.DPL: real mode 0, virtual-8086 3. SDM 3A 5.5, 20.1.1 */
	c->cpl = c->v86 ? 3 : c->prot ? c->seg[SEG_SS].attr >> SA_DPL_SHIFT & 3 : 0;
	c->mode = code_mode(c);
	c->stack_size = c->mode == CPU_64 ? 8 : c->seg[SEG_SS].attr & SA_DB ? 4 : 2;
	for (unsigned i = 0; i < 6; i++)
		c->seg_base[i] = c->mode == CPU_64 && i < SEG_FS ? 0 : c->seg[i].base;
	c->block_key = c->mode | (u32)c->cpl << 2 | (u32)(c->stack_size == 4) << 4 |
		       (u32)c->v86 << 5 | (u32)c->prot << 6;
	if (c->mode == CPU_32 && cs->base == 0 && cs->limit == 0xffffffff && c->stack_size == 4 &&
	    flat(&c->seg[SEG_DS]) && flat(&c->seg[SEG_ES]) && flat(&c->seg[SEG_SS]))
		c->block_key |= KEY_FLAT;
	mmu_view(c);
}

void cpu_privilege_changed(struct soft_cpu *c)
{
	c->cpl = c->seg[SEG_SS].attr >> SA_DPL_SHIFT & 3;
	c->block_key = (c->block_key & ~(3u << 2)) | (u32)c->cpl << 2;
	mmu_privilege(c);
}

void flags_set(struct soft_cpu *c, u64 fl, u64 mask)
{
	u64 old = flags_get(c), new = (old & ~mask) | (fl & mask) | FL_1;
	u64 changed = old ^ new;

	flags_set_arith(c, new);
	c->rflags = new & ~(u64)FL_ARITH;
	if (changed & new &FL_IF && c->intr_waiting)
		cpu_attend(c, ATT_INTR);
	if (new &(FL_TF | FL_RF))
		cpu_attend(c, ATT_STEP);
	if (changed & (FL_AC | FL_VM))
		cpu_mode_changed(c);
}
