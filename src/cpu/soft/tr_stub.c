/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/tr_stub.c: until there is a translator for vectors: all of them by C. */
#include "cpu/soft/tr.h"

enum tr_result tr_vec(struct tr *t, const struct tr_insn *n)
{
	(void)t, (void)n;
	return TR_NOT_MINE;
}

bool jit_vec_ok(struct soft_cpu *c)
{
	(void)c;
	return false;
}
