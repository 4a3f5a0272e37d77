/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/alive.c: flags that translated code must have kept where it ends or faults (jit.h),
 * found by following the code: for tests, so apart from how the translator finds them.
 */
#include "cpu/soft/jit.h"

enum { MAX_STOPS = 64, INSN_MAX = 15 };

struct stop {
	u64 at;
	u32 reach, todo; /* flags that get there unwritten, and those not yet followed from there */
};

struct search {
	code_fn fetch;
	void *ctx;
	struct stop stop[MAX_STOPS];
	unsigned stops;
	u32 alive;
};

static void reach(struct search *s, u64 at, u32 flags)
{
	unsigned n = 0;

	if (!flags)
		return;
	while (n < s->stops && s->stop[n].at != at)
		n++;
	if (n == MAX_STOPS) {
		s->alive |= flags;
		return;
	}
	if (n == s->stops)
		s->stop[s->stops++] = (struct stop){ .at = at };
	s->stop[n].todo |= flags & ~s->stop[n].reach;
	s->stop[n].reach |= flags;
}

static void follow(struct search *s, u64 at, u32 flags)
{
	u8 bytes[INSN_MAX];
	struct flag_use use;
	struct insn i;

	if (decode(&i, bytes, s->fetch(s->ctx, at, bytes), CPU_64) <= 0) {
		s->alive |= flags;
		return;
	}
	insn_flags(&i, &use);
	s->alive |= flags & use.read;
	if (!use.conditional)
		flags &= ~(use.written | use.undefined);
	if (i.operands && i.operand[0].kind == OPERAND_REL) {
		reach(s, at + i.len + i.imm, flags);
		if (i.op != OP_JMP && i.op != OP_CALL)
			reach(s, at + i.len, flags);
	} else if (exec_table[i.op].attr & EXEC_END || !exec_table[i.op].fn) {
		s->alive |= flags; /* it goes anywhere */
	} else {
		reach(s, at + i.len, flags);
	}
}

u32 flags_alive(u64 rip, code_fn fetch, void *ctx)
{
	struct search s = { .fetch = fetch, .ctx = ctx };
	bool more = true;

	reach(&s, rip, FL_ARITH);
	while (more) {
		more = false;
		for (unsigned n = 0; n < s.stops; n++) {
			u32 todo = s.stop[n].todo;

			s.stop[n].todo = 0;
			if (todo)
				follow(&s, s.stop[n].at, todo);
			more |= todo != 0;
		}
	}
	return s.alive;
}
