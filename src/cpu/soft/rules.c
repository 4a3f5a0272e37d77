/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Combinations that the tables allow and the processor does not: #UD. Intel SDM 2A chapter 2. */
#include "cpu/soft/decode_priv.h"

/* LOCK goes with a memory destination of some instructions only. SDM 2A, LOCK. */
static int lock_rules(const struct decoder *d)
{
	if (!(d->row->attr & INSN_LOCK) || !d->has_memory)
		return DECODE_UD_LOCK;
	return DECODE_OK;
}

/* A gather's destination, index and (VEX) mask are different registers. SDM 2C, VPGATHERDD. */
static bool gather_overlaps(const struct insn *i)
{
	const struct insn_operand *o = i->operand;

	if (o[0].kind != OPERAND_VEC)
		return false;
	if (i->encoding == ENC_EVEX)
		return o[0].reg == i->index;
	return o[0].reg == i->index || o[2].reg == i->index || o[0].reg == o[2].reg;
}

static bool broadcast_ok(const struct decoder *d)
{
	if (d->has_memory)
		return d->row->rules & RULE_BCST;
	return d->row->rules & (RULE_ER | RULE_SAE);
}

/* Masks, zeroing, broadcast and rounding where they may be. SDM 2A 2.7.4, 2.7.6, 2.7.11. */
static int evex_rules(const struct decoder *d)
{
	const struct insn *i = d->i;
	u16 rules = d->row->rules;

	if ((i->mask && rules & RULE_NK) || (!i->mask && rules & RULE_KM))
		return DECODE_UD_EVEX;
	if (i->evex & EVEX_Z &&
	    (!(rules & RULE_ZEROS) || !i->mask || i->operand[0].kind == OPERAND_MEM))
		return DECODE_UD_EVEX;
	if (i->evex & EVEX_B && !broadcast_ok(d))
		return DECODE_UD_EVEX;
	return DECODE_OK;
}

int decode_rules(const struct decoder *d)
{
	const struct insn *i = d->i;
	bool vsib = d->row->attr & INSN_VSIB;
	int rc = DECODE_OK;

	if (i->prefix & PREFIX_LOCK)
		return lock_rules(d);
	if (i->encoding == ENC_LEGACY)
		return rc;
	if (d->row->rules & RULE_NOV && (d->v_used || (d->v4 && !vsib)))
		return DECODE_UD_VEX;
	if (vsib && gather_overlaps(i))
		return DECODE_UD_OPERAND;
	if (i->encoding == ENC_EVEX)
		rc = evex_rules(d);
	return rc;
}
