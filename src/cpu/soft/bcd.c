/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/bcd.c: decimal adjustment and SALC. The host runs 64-bit code, which has none of them,
 * so they are written out as in SDM 2A and 2B. Flags that are undefined there are those of the
 * addition or subtraction, as on AMD's Zen.
 */
#include "cpu/soft/int_priv.h"

static u8 get_al(const struct soft_cpu *c)
{
	return (u8)c->gpr[R_AX];
}

static u16 adjusted(u16 lf, bool cf, bool af)
{
	return (u16)((lf & ~(LF_CF | LF_AF)) | (cf ? LF_CF : 0) | (af ? LF_AF : 0));
}

/* DAA. */
static void decimal_add(struct soft_cpu *c)
{
	u8 al = get_al(c);
	bool af = (al & 15) > 9 || c->lf & LF_AF, cf = al > 0x99 || c->lf & LF_CF;
	u8 by = (af ? 6 : 0) + (cf ? 0x60 : 0);

	gpr_set(c, R_AX, 1, al + by);
	c->lf = adjusted(add_flags(al, by, 1), cf, af);
}

/* DAS: a borrow of the first step counts, too. */
static void decimal_sub(struct soft_cpu *c)
{
	u8 al = get_al(c);
	bool af = (al & 15) > 9 || c->lf & LF_AF, high = al > 0x99 || c->lf & LF_CF;
	u8 by = (af ? 6 : 0) + (high ? 0x60 : 0);

	gpr_set(c, R_AX, 1, al - by);
	c->lf = adjusted(compare_flags(al, by, 1), high || (af && al < 6), af);
}

void exec_daa(struct soft_cpu *c, const struct insn *i)
{
	decimal_add(c);
}

void exec_das(struct soft_cpu *c, const struct insn *i)
{
	decimal_sub(c);
}

/* AAA and AAS: AX changes as one number. SDM 2A, AAA */
static bool needs_ascii(const struct soft_cpu *c)
{
	return (c->gpr[R_AX] & 15) > 9 || c->lf & LF_AF;
}

void exec_aaa(struct soft_cpu *c, const struct insn *i)
{
	bool af = needs_ascii(c);
	u16 ax = (u16)c->gpr[R_AX], by = af ? 0x106 : 0;

	gpr_set(c, R_AX, 2, (ax + by) & 0xff0f);
	c->lf = adjusted(add_flags(ax, by, 2), af, af);
}

void exec_aas(struct soft_cpu *c, const struct insn *i)
{
	bool af = needs_ascii(c);
	u16 ax = (u16)c->gpr[R_AX], by = af ? 0x106 : 0;

	gpr_set(c, R_AX, 2, (ax - by) & 0xff0f);
	c->lf = adjusted(compare_flags(ax, by, 2), af, af);
}

void exec_aam(struct soft_cpu *c, const struct insn *i)
{
	u8 al = get_al(c), base = (u8)i->imm;

	if (!base)
		raise_vec(c, VEC_DE);
	gpr_set(c, R_AX, 2, (u64)(al / base) << 8 | al % base);
	c->lf = logic_flags(al % base, 1);
}

void exec_aad(struct soft_cpu *c, const struct insn *i)
{
	u8 al = get_al(c), tens = (u8)((c->gpr[R_AX] >> 8) * i->imm);

	gpr_set(c, R_AX, 2, (u8)(al + tens));
	c->lf = add_flags(al, tens, 1);
}

void exec_salc(struct soft_cpu *c, const struct insn *i)
{
	gpr_set(c, R_AX, 1, c->lf & LF_CF ? 0xff : 0);
}
