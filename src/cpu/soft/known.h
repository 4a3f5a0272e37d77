/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/known.h: instructions decoded a while ago, found by their bytes. What the fast ways
 * cannot do (a TLB miss, a fault, an instruction of the system) is mostly the same few.
 */
#pragma once

#include "cpu/soft/decode.h"

enum { KNOWN_BITS = 8, KNOWN_SIZE = 1 << KNOWN_BITS };

struct known_insn {
	u64 key[2]; /* the bytes, then mode and length in the last one; 0: none */
	struct insn insn;
};
struct known_insns {
	struct known_insn at[KNOWN_SIZE];
};

/*
 * The instruction that is the @len bytes at @bytes, 1 to 15, in @mode; good until the next call.
 * NULL: they are no instruction of that length: somebody has written to them meanwhile.
 */
const struct insn *insn_known(struct known_insns *k, const u8 *bytes, unsigned len,
			      enum cpu_mode mode);
