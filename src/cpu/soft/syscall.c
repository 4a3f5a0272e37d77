/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls without gates, and the bases of FS and GS. SDM 2B: SYSCALL and others; 3A 5.8.7. */
#include "cpu/soft/far_priv.h"

static void set_flat(struct cpu_seg *s, u16 sel, unsigned attr)
{
	*s = (struct cpu_seg){ .limit = ~0u, .sel = sel, .attr = (u16)attr };
}

/* CS and SS of fixed form, SS one descriptor behind CS unless told; then the privilege is that. */
static void set_cs_ss(struct soft_cpu *c, u16 cs, u16 ss, unsigned code, unsigned cpl)
{
	unsigned dpl = cpl << SA_DPL_SHIFT;

	set_flat(&c->seg[SEG_CS], cs, code | dpl);
	set_flat(&c->seg[SEG_SS], ss, ATTR_DATA32 | dpl);
	mode_put(c);
}

void exec_syscall(struct soft_cpu *c, const struct insn *i)
{
	u64 fl = flags_get(c);
	u16 cs = (u16)(c->star >> 32) & ~3u;

	if (!(c->efer & EFER_SCE))
		raise_ud(c);
	c->gpr[R_CX] = c->next_rip;
	c->gpr[11] = fl & ~(u64)FL_RF;
	c->next_rip = c->lstar;
	fl &= ~c->sfmask & ~(u64)FL_RF;
	flags_set_arith(c, fl);
	c->rflags = (fl & ~(u64)FL_ARITH) | FL_1;
	c->trap_tf = fl & FL_TF;
	set_cs_ss(c, cs, cs + 8, ATTR_CODE64, 0);
}

void exec_sysret(struct soft_cpu *c, const struct insn *i)
{
	enum { FL_SYSRET = 0x3c7fd5 };
	u16 sel = (u16)(c->star >> 48);

	if (!(c->efer & EFER_SCE))
		raise_ud(c);
	if (i->osz == 8 && !is_canonical(c->gpr[R_CX]))
		raise_gp(c);
	c->next_rip = i->osz == 8 ? c->gpr[R_CX] : (u32)c->gpr[R_CX];
	flags_set(c, c->gpr[11] & FL_SYSRET, FL_SYSRET | FL_RF);
	if (i->osz == 8)
		set_cs_ss(c, (u16)(sel + 16) | 3, (u16)(sel + 8) | 3, ATTR_CODE64, 3);
	else
		set_cs_ss(c, sel | 3, (u16)(sel + 8) | 3, ATTR_CODE32, 3);
}

void exec_sysenter(struct soft_cpu *c, const struct insn *i)
{
	u16 cs = (u16)c->sysenter_cs & ~3u;

	if (!(c->cr0 & CR0_PE) || !cs)
		raise_gp(c);
	c->rflags &= ~(u64)(FL_VM | FL_IF | FL_RF);
	c->gpr[R_SP] = c->lma ? c->sysenter_esp : (u32)c->sysenter_esp;
	c->next_rip = c->lma ? c->sysenter_eip : (u32)c->sysenter_eip;
	set_cs_ss(c, cs, cs + 8, c->lma ? ATTR_CODE64 : ATTR_CODE32, 0);
}

void exec_sysexit(struct soft_cpu *c, const struct insn *i)
{
	u16 sel = (u16)c->sysenter_cs, cs = sel + (i->osz == 8 ? 32 : 16);
	u64 rip = c->gpr[R_DX], rsp = c->gpr[R_CX];

	if (!(c->cr0 & CR0_PE) || sel_null(sel))
		raise_gp(c);
	if (i->osz == 8 && (!is_canonical(rip) || !is_canonical(rsp)))
		raise_gp(c);
	c->next_rip = i->osz == 8 ? rip : (u32)rip;
	c->gpr[R_SP] = i->osz == 8 ? rsp : (u32)rsp;
	set_cs_ss(c, cs | 3, (u16)(cs + 8) | 3, i->osz == 8 ? ATTR_CODE64 : ATTR_CODE32, 3);
}

/* ---- FS and GS ---- */

static void set_base(struct soft_cpu *c, enum insn_seg s, u64 base)
{
	c->seg[s].base = base;
	c->seg_base[s] = base;
}

void exec_swapgs(struct soft_cpu *c, const struct insn *i)
{
	u64 base = c->kernel_gs_base;

	c->kernel_gs_base = c->seg[SEG_GS].base;
	set_base(c, SEG_GS, base);
}

static void read_base(struct soft_cpu *c, const struct insn *i, enum insn_seg s)
{
	if (!(c->cr4 & CR4_FSGSBASE))
		raise_ud(c);
	gpr_set(c, i->operand[0].reg, operand_size(&i->operand[0]), c->seg[s].base);
}

static void write_base(struct soft_cpu *c, const struct insn *i, enum insn_seg s)
{
	u64 base;

	if (!(c->cr4 & CR4_FSGSBASE))
		raise_ud(c);
	base = gpr_get(c, i->operand[0].reg, operand_size(&i->operand[0]));
	if (!is_canonical(base))
		raise_gp(c);
	set_base(c, s, base);
}

void exec_rdfsbase(struct soft_cpu *c, const struct insn *i)
{
	read_base(c, i, SEG_FS);
}

void exec_rdgsbase(struct soft_cpu *c, const struct insn *i)
{
	read_base(c, i, SEG_GS);
}

void exec_wrfsbase(struct soft_cpu *c, const struct insn *i)
{
	write_base(c, i, SEG_FS);
}

void exec_wrgsbase(struct soft_cpu *c, const struct insn *i)
{
	write_base(c, i, SEG_GS);
}
