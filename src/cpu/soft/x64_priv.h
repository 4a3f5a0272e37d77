/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/x64_priv.h: what is below instructions: prefixes' bits, ModRM. Intel SDM 2A 2. */
#pragma once

#include "cpu/soft/x64.h"

enum { REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

/* @bit of REX for a register number of four bits. */
static inline unsigned x64_extends(unsigned reg, unsigned bit)
{
	return reg != X64_NONE && reg & 8 ? bit : 0;
}

static inline unsigned x64_memory_rex(struct x64_mem m)
{
	return x64_extends(m.index, REX_X) | x64_extends(m.base, REX_B);
}

/* SPL, BPL, SIL, DIL: without REX the number means AH to BH. */
static inline bool x64_low_byte(unsigned reg)
{
	return reg >= 4 && reg < 8;
}

/* The @n low bytes of @v. */
void x64_number(struct x64 *x, u64 v, unsigned n);
/* ModRM, SIB and displacement. A vector index may be 4. */
void x64_modrm(struct x64 *x, unsigned reg, struct x64_mem m);
