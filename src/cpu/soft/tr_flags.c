/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr_flags.c: arithmetic flags in translated code: which are read later, and where they
 * are. What an instruction leaves undefined counts as written; handlers of faults and interrupts
 * may find old ones where no code of the guest reads them.
 */
#include "cpu/soft/tr.h"

enum { LOOK_AHEAD = 8 };

/* ---- which are read later ---- */

/* Flags that @n writes for sure, whatever comes out. */
static u32 killed(const struct flag_use *u)
{
	return u->conditional ? 0 : (u->written | u->undefined) & FL_ARITH;
}

/*
 * Code may overwrite what follows it, and then other flags are read than it seemed. Seen where the
 * address says so itself; pointers into the own page are taken for others.
 */
static bool changes_code(const struct tr *t, const struct insn *i, u64 rip)
{
	const struct insn_operand *m = insn_memory(i);

	return m && m->access & ACCESS_WRITE && i->base == REG_RIP &&
	       ((rip + i->len + (u64)i->disp) ^ t->block->rip) < PAGE;
}

/* The look goes on where a direct jump does, as long as that is in the page. */
static bool follow(const struct tr *t, const struct insn *i, unsigned *at)
{
	u64 rip = (t->block->rip & ~(u64)(PAGE - 1)) + *at;

	if (!tr_ends(i)) {
		*at += i->len;
		return !tr_may_jump(i) && !changes_code(t, i, rip);
	}
	rip += i->len + i->imm;
	*at = (unsigned)rip % PAGE;
	return (i->op == OP_JMP || i->op == OP_CALL) && tr_is_direct(i) &&
	       (rip ^ t->block->rip) < PAGE;
}

u32 tr_live_at(struct tr *t, u64 rip)
{
	unsigned at = (unsigned)rip % PAGE;
	u32 open = FL_ARITH, live = 0;
	struct flag_use use;
	struct insn i;

	if ((rip ^ t->block->rip) >= PAGE)
		return FL_ARITH;
	for (unsigned n = 0; n < LOOK_AHEAD && open; n++) {
		if (tr_decode(t, &i, at) <= 0)
			break;
		if (!follow(t, &i, &at))
			break;
		insn_flags(&i, &use);
		live |= use.read & open;
		open &= ~killed(&use);
	}
	return live | open;
}

static u32 live_before(struct tr *t, const struct tr_insn *n)
{
	const struct insn *i = &n->i;
	u32 live = (n->live_after & ~killed(&n->flags)) | (n->flags.read & FL_ARITH);

	if (tr_may_jump(i))
		return live | tr_live_at(t, tr_target(t, n));
	if (!tr_ends(i))
		return changes_code(t, i, tr_rip(t, n)) ? FL_ARITH : live;
	if ((i->op == OP_JMP || i->op == OP_CALL) && tr_is_direct(i))
		return tr_live_at(t, tr_target(t, n));
	return FL_ARITH;
}

void tr_liveness(struct tr *t)
{
	struct tr_insn *last = &t->insn[t->n - 1];
	u32 live = tr_ends(&last->i) ? 0 : tr_live_at(t, tr_rip(t, last) + last->i.len);

	for (unsigned k = t->n; k-- > 0;) {
		t->insn[k].live_after = live;
		live = live_before(t, &t->insn[k]);
		t->insn[k].live_before = live;
	}
}

/* ---- where they are ---- */

/* LAHF and SETO, in the form of soft_cpu.lf. */
static void save(struct x64 *x)
{
	x64_mov(x, JIT_T0, X64_AX);
	X64_BYTES(x, 0x9f);             /* lahf */
	X64_BYTES(x, 0x0f, 0x90, 0xc0); /* seto al */
	x64_store(x, 2, TR_FIELD(lf), X64_AX);
	x64_mov(x, X64_AX, JIT_T0);
}

/* 7F + 1 overflows: so does OF come back; the others by SAHF. */
void tr_flags_restore(struct x64 *x)
{
	x64_mov(x, JIT_T0, X64_AX);
	x64_rm(x, 4, 0x0fb7, X64_AX, TR_FIELD(lf)); /* movzx eax, word */
	X64_BYTES(x, 0x04, 0x7f);                   /* add al, 0x7f */
	X64_BYTES(x, 0x9e);                         /* sahf */
	x64_mov(x, X64_AX, JIT_T0);
}

void tr_flags_saved(struct tr *t, u32 live)
{
	if (!(live & FL_ARITH) || t->flags != FLAGS_NATIVE)
		return;
	save(&t->x);
	t->flags |= FLAGS_SAVED;
}

void tr_flags_lost(struct tr *t, u32 live)
{
	tr_flags_saved(t, live);
	t->flags &= ~(unsigned)FLAGS_NATIVE;
}

void tr_flags_native(struct tr *t)
{
	if (t->flags != FLAGS_SAVED)
		return;
	tr_flags_restore(&t->x);
	t->flags |= FLAGS_NATIVE;
}

void tr_flags_set(struct tr *t)
{
	t->flags = FLAGS_NATIVE;
}

void tr_flags_before(struct tr *t)
{
	const struct tr_insn *n = &t->insn[t->k];
	u32 touched = (n->flags.written | n->flags.undefined) & FL_ARITH;

	if (n->flags.read & FL_ARITH || (touched && n->live_after & ~killed(&n->flags)))
		tr_flags_native(t);
}

void tr_flags_after(struct tr *t)
{
	const struct tr_insn *n = &t->insn[t->k];

	if ((n->flags.written | n->flags.undefined) & FL_ARITH)
		tr_flags_set(t);
}
