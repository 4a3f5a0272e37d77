/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/branch.c: near branches. The target is checked before anything changes. */
#include "cpu/soft/int_priv.h"

static u64 behind(const struct soft_cpu *c, const struct insn *i)
{
	return c->rip + i->len;
}

static u64 target(struct soft_cpu *c, const struct insn *i)
{
	if (i->operand[0].kind == OPERAND_REL)
		return behind(c, i) + i->imm;
	return opnd_get(c, i, 0);
}

void exec_jcc(struct soft_cpu *c, const struct insn *i)
{
	if (condition(c, i->cc))
		branch_to(c, target(c, i), i->osz);
}

void exec_jmp(struct soft_cpu *c, const struct insn *i)
{
	branch_to(c, target(c, i), i->osz);
}

void exec_call(struct soft_cpu *c, const struct insn *i)
{
	u64 to = target(c, i);

	/* A fault of the stack comes before one of the target. */
	seg_probe_write(c, SEG_SS, (stack_pointer(c) - i->osz) & ones(c->stack_size), i->osz);
	branch_to(c, to, i->osz);
	push(c, i->osz, behind(c, i));
}

void exec_ret(struct soft_cpu *c, const struct insn *i)
{
	u64 more = i->operands ? opnd_get(c, i, 0) : 0;

	branch_to(c, stack_peek(c, 0, i->osz), i->osz);
	stack_set(c, stack_pointer(c) + i->osz + more);
}

void exec_jcxz(struct soft_cpu *c, const struct insn *i)
{
	if (gpr_get(c, R_CX, i->asz) == 0)
		branch_to(c, target(c, i), i->osz);
}

static void loop(struct soft_cpu *c, const struct insn *i, bool wanted)
{
	u64 count = (gpr_get(c, R_CX, i->asz) - 1) & ones(i->asz);

	if (count && wanted)
		branch_to(c, target(c, i), i->osz);
	gpr_set(c, R_CX, i->asz, count);
}

void exec_loop(struct soft_cpu *c, const struct insn *i)
{
	loop(c, i, true);
}

void exec_loope(struct soft_cpu *c, const struct insn *i)
{
	loop(c, i, c->lf & LF_ZF);
}

void exec_loopne(struct soft_cpu *c, const struct insn *i)
{
	loop(c, i, !(c->lf & LF_ZF));
}

void exec_bound(struct soft_cpu *c, const struct insn *i)
{
	enum insn_seg s = (enum insn_seg)i->seg;
	u64 off = insn_offset(c, i);
	s64 index = (s64)sign_extend(opnd_get(c, i, 0), i->osz);
	s64 first = (s64)sign_extend(seg_read(c, s, off, i->osz), i->osz);
	u64 next = (off + i->osz) & ones(i->asz);
	s64 last = (s64)sign_extend(seg_read(c, s, next, i->osz), i->osz);

	if (index < first || index > last)
		raise_vec(c, VEC_BR);
}
