/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/decode_priv.h: the decoder's tables, as the build makes them, and their words. */
#pragma once

#include "cpu/soft/decode.h"

enum table_rules {
	RULE_D64 = 1 << 0,    /* 64-bit operands by default in 64-bit mode */
	RULE_F64 = 1 << 1,    /* and no others */
	RULE_MODREG = 1 << 2, /* ModRM.mod is taken for 3 */
	RULE_NOTCS = 1 << 3,  /* CS cannot be written */
	RULE_NOV = 1 << 4,    /* VEX.vvvv must be 1111b */
	RULE_NK = 1 << 5,     /* EVEX.aaa must be 0 */
	RULE_KM = 1 << 6,     /* EVEX.aaa must not be 0 */
	RULE_ER = 1 << 7,     /* EVEX.b on registers: rounding */
	RULE_SAE = 1 << 8,    /* EVEX.b on registers: no exceptions */
	RULE_BCST = 1 << 9,   /* EVEX.b on memory: broadcast */
	RULE_BLEND = 1 << 10, /* the mask chooses between two sources: nothing is merged */
	RULE_KPAIR = 1 << 11, /* writes two mask registers, the first one even */
	RULE_ZEROS = 1 << 12  /* EVEX.z is allowed */
};

/* clang-format off */
/* How an EVEX memory operand scales its 8-bit displacement. SDM 2A 2.7.5, tables 2-34 and 2-35. */
enum table_tuple {
	TUPLE_NONE, TUPLE_FV, TUPLE_FVM, TUPLE_HV, TUPLE_HVM, TUPLE_QVM, TUPLE_OVM, TUPLE_M128,
	TUPLE_T1S, TUPLE_T1S8, TUPLE_T1S16, TUPLE_T1F32, TUPLE_T1F64, TUPLE_T2, TUPLE_T4,
	TUPLE_T8, TUPLE_DUP
};
/* clang-format on */

/* The match key of a row: what gen-tables calls constraints. */
enum match_shift {
	MATCH_REP = 0, /* 1: F3, 2: F2; the last one counts */
	MATCH_66 = 2,
	MATCH_W = 3,
	MATCH_L = 4,
	MATCH_MOD3 = 6,
	MATCH_REG = 7,
	MATCH_RM = 10,
	MATCH_LONG = 13,
	MATCH_REXB = 14
};

/*
 * Operand kinds and sizes: the head of gen-tables explains them. Sizes up to SIZE_FX are a number
 * of bytes by table; MA is BOUND's two of the operand size.
 */
/* clang-format off */
enum operand_source {
	SOURCE_E, SOURCE_M, SOURCE_R, SOURCE_G, SOURCE_Z, SOURCE_B, SOURCE_V, SOURCE_H, SOURCE_W,
	SOURCE_U, SOURCE_L, SOURCE_P, SOURCE_Q, SOURCE_N, SOURCE_KG, SOURCE_KH, SOURCE_KE,
	SOURCE_KR, SOURCE_VM, SOURCE_S, SOURCE_C, SOURCE_D, SOURCE_I, SOURCE_J, SOURCE_A,
	SOURCE_O, SOURCE_X, SOURCE_Y, SOURCE_SEG, SOURCE_GPR, SOURCE_ONE, SOURCE_ST0, SOURCE_ST1,
	SOURCE_STI, SOURCE_XMM0
};

enum operand_width {
	SIZE_N, SIZE_B, SIZE_W, SIZE_D, SIZE_Q, SIZE_T, SIZE_DQ, SIZE_QQ, SIZE_OQ, SIZE_FX,
	SIZE_BS, SIZE_B2, SIZE_V, SIZE_Z, SIZE_Y, SIZE_M, SIZE_A, SIZE_E, SIZE_X, SIZE_H, SIZE_F,
	SIZE_G, SIZE_P, SIZE_S, SIZE_VW, SIZE_DB, SIZE_DW, SIZE_DD, SIZE_MA, SIZE_ENV, SIZE_SAV
};

/* clang-format on */

struct operand_spec {
	u8 source, size, access, reg;
};

struct row_range {
	u16 first;
	u8 count;
	u8 modrm; /* a ModRM byte follows the opcode */
};

struct implicit_regs {
	u16 read, written;
};

/* tables.c, which gen-tables writes. Ranges are by encoding * 4 + map - 1, then opcode. */
extern const struct insn_info insn_rows[];
extern const struct row_range insn_ranges[12][256];
extern const struct operand_spec insn_specs[]; /* by number; 0: none */
extern const struct flag_use insn_flag_uses[];
extern const struct implicit_regs insn_implicit[];

/* What decode() knows besides its result. */
struct decoder {
	struct insn *i;
	const u8 *bytes;
	unsigned limit; /* bytes that may be read, at most 15 */
	const struct insn_info *row;
	u8 rep;          /* 1: F3, 2: F2, whichever came last, or VEX.pp */
	u8 vector_len;   /* L'L */
	bool opsize;     /* 66, or VEX.pp */
	bool r4, v4;     /* EVEX.R' and V', not inverted */
	bool v_used;     /* VEX.vvvv is not 1111b */
	bool has_memory; /* ModRM names memory */
};

enum { DECODE_OK = 1 };
enum { INSN_MAX = 15 };

static inline unsigned insn_mod(const struct insn *i)
{
	return i->modrm >> 6;
}

static inline unsigned insn_reg(const struct insn *i)
{
	return i->modrm >> 3 & 7;
}

static inline unsigned insn_rm(const struct insn *i)
{
	return i->modrm & 7;
}

static inline bool rex_w(const struct insn *i)
{
	return i->rex & 8;
}

/* @n more bytes: DECODE_OK, 0 when they are not there yet, DECODE_GP_LENGTH when they never may. */
static inline int decode_need(const struct decoder *d, unsigned n)
{
	if (d->i->len + n <= d->limit)
		return DECODE_OK;
	return d->i->len + n > INSN_MAX ? DECODE_GP_LENGTH : 0;
}

/* The little endian number of @size bytes that follows, its sign extended. */
int decode_number(struct decoder *d, unsigned size, s64 *out);
/* SIB and displacement of the memory operand that ModRM names. */
int decode_memory(struct decoder *d);
/* Immediates, and the operands one by one. */
int decode_operands(struct decoder *d);
/* What the encoding forbids beyond the tables: LOCK, vvvv, masks. */
int decode_rules(const struct decoder *d);
