/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/stack.c: PUSH, POP and what is made of them. */
#include "cpu/soft/int_priv.h"

static const u8 all_order[8] = { R_AX, R_CX, R_DX, R_BX, R_SP, R_BP, R_SI, R_DI };

/* What RSP would be with its stack part @sp. */
static u64 sp_register(const struct soft_cpu *c, u64 sp)
{
	switch (c->stack_size) {
	case 2: return (c->gpr[R_SP] & ~0xffffull) | (u16)sp;
	case 4: return (u32)sp;
	default: return sp;
	}
}

void exec_push(struct soft_cpu *c, const struct insn *i)
{
	push(c, i->osz, opnd_get(c, i, 0));
}

/* RSP changes first, as an address and as the register itself, but not when something faults. */
static void pop_memory(struct soft_cpu *c, const struct insn *i)
{
	u64 before = c->gpr[R_SP], val = pop(c, i->osz), after = c->gpr[R_SP];
	u64 off = insn_offset(c, i);

	c->gpr[R_SP] = before;
	seg_write(c, (enum insn_seg)i->seg, off, i->osz, val);
	c->gpr[R_SP] = after;
}

void exec_pop(struct soft_cpu *c, const struct insn *i)
{
	if (i->operand[0].kind == OPERAND_GPR)
		opnd_set(c, i, 0, pop(c, i->osz));
	else
		pop_memory(c, i);
}

/* What was done before a fault is done again, so it does no harm; processors leave it, too. */
void exec_pusha(struct soft_cpu *c, const struct insn *i)
{
	u64 sp = stack_pointer(c), mask = ones(c->stack_size);
	unsigned size = i->osz;

	for (unsigned n = 1; n <= 8; n++)
		seg_write(c, SEG_SS, (sp - n * size) & mask, size,
			  gpr_get(c, all_order[n - 1], size));
	stack_set(c, sp - 8 * size);
}

void exec_popa(struct soft_cpu *c, const struct insn *i)
{
	for (unsigned n = 0; n < 8; n++) {
		u64 val = stack_peek(c, n, i->osz);

		if (all_order[7 - n] != R_SP)
			gpr_set(c, all_order[7 - n], i->osz, val);
	}
	stack_set(c, stack_pointer(c) + 8 * i->osz);
}

/* SDM 2A, ENTER. Memory may be written before a fault. */
void exec_enter(struct soft_cpu *c, const struct insn *i)
{
	unsigned size = i->osz, level = opnd_get(c, i, 1) & 31;
	u64 mask = ones(c->stack_size), sp = (stack_pointer(c) - size) & mask;
	u64 bp = c->gpr[R_BP] & mask, frame = sp_register(c, sp);

	seg_write(c, SEG_SS, sp, size, gpr_get(c, R_BP, size));
	for (unsigned n = 1; n < level; n++) {
		bp = (bp - size) & mask;
		sp = (sp - size) & mask;
		seg_write(c, SEG_SS, sp, size, seg_read(c, SEG_SS, bp, size));
	}
	if (level) {
		sp = (sp - size) & mask;
		seg_write(c, SEG_SS, sp, size, frame & ones(size));
	}
	sp = (sp - opnd_get(c, i, 0)) & mask;
	seg_probe_write(c, SEG_SS, sp, size);
	gpr_set(c, R_BP, size, frame);
	stack_set(c, sp);
}

void exec_leave(struct soft_cpu *c, const struct insn *i)
{
	u64 sp = c->gpr[R_BP] & ones(c->stack_size);
	u64 val = seg_read(c, SEG_SS, sp, i->osz);

	stack_set(c, sp + i->osz);
	gpr_set(c, R_BP, i->osz, val);
}

/* ---- PUSHF, POPF: SDM 2B, their tables; 3B 20.3 for virtual-8086 mode ---- */

static unsigned iopl(const struct soft_cpu *c)
{
	return c->rflags >> 12 & 3;
}

/* Virtual-8086 mode without the right to IF: #GP(0), or with CR4.VME 16 bits with VIF for IF. */
static bool flags_are_virtual(struct soft_cpu *c, const struct insn *i)
{
	if (!c->v86 || iopl(c) == 3)
		return false;
	if (!(c->cr4 & CR4_VME) || i->osz != 2)
		raise_gp(c);
	return true;
}

void exec_pushf(struct soft_cpu *c, const struct insn *i)
{
	u64 fl = flags_get(c) & ~(u64)(FL_VM | FL_RF);

	if (flags_are_virtual(c, i))
		fl = (fl & ~(u64)FL_IF) | FL_IOPL | (fl & FL_VIF ? FL_IF : 0);
	push(c, i->osz, fl);
}

static void popf_virtual(struct soft_cpu *c, u64 fl)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_VIF | FL_RF;

	if (fl & FL_TF || (fl & FL_IF && c->rflags & FL_VIP))
		raise_gp(c);
	pop(c, 2);
	flags_set(c, (fl & 0xffff) | (fl & FL_IF ? FL_VIF : 0), mask);
}

void exec_popf(struct soft_cpu *c, const struct insn *i)
{
	u64 fl = stack_peek(c, 0, i->osz), mask = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_RF;

	if (flags_are_virtual(c, i)) {
		popf_virtual(c, fl);
		return;
	}
	pop(c, i->osz);
	if (i->osz > 2)
		mask |= FL_AC | FL_ID;
	if (c->cpl <= iopl(c))
		mask |= FL_IF;
	if (c->cpl == 0)
		mask |= FL_IOPL;
	flags_set(c, fl & ~(u64)FL_RF, mask);
}
