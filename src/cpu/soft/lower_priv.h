/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/lower_priv.h: what lower.c and lower_sse.c share. */
#pragma once

#include "cpu/soft/block.h"
#include "cpu/soft/interp.h"

enum { NO_HANDLER = -1 };

struct lowering {
	const struct insn *i;
	struct op *op;
	bool flat; /* 32-bit addresses, flat segments */
};

/* Put the memory operand's address into the op; false: the hot loop cannot compute it. */
bool lower_address(struct lowering *l);
/* The handler for an SSE instruction, or NO_HANDLER. */
int lower_sse(struct lowering *l);
