/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/tr_stub.c: until there is a translator: no block is translated. */
#include "cpu/soft/tr.h"

struct jit_block *translate(struct soft_cpu *c, const struct fetch *f, u32 key, bool *full)
{
	(void)c, (void)f, (void)key, (void)full;
	return NULL;
}

bool jit_vec_ok(struct soft_cpu *c)
{
	(void)c;
	return false;
}
