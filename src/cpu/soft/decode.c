/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From bytes to a line of the tables: prefixes, VEX, EVEX, opcode. Intel SDM 2A chapter 2. */
#include "cpu/soft/decode.h"

#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/decode_priv.h"

/* In 64-bit mode CS, DS, ES and SS overrides are null prefixes: SDM 1 3.3.7.1. */
static void override_segment(struct insn *i, enum insn_seg seg)
{
	if (i->mode == CPU_64 && seg < SEG_FS)
		return;
	i->prefix |= PREFIX_SEG;
	i->seg = (u8)seg;
}

static bool take_prefix(struct decoder *d, u8 b)
{
	struct insn *i = d->i;

	switch (b) {
	case 0x26: override_segment(i, SEG_ES); break;
	case 0x2e: override_segment(i, SEG_CS); break;
	case 0x36: override_segment(i, SEG_SS); break;
	case 0x3e: override_segment(i, SEG_DS); break;
	case 0x64: override_segment(i, SEG_FS); break;
	case 0x65: override_segment(i, SEG_GS); break;
	case 0x66:
		i->prefix |= PREFIX_66;
		d->opsize = true;
		break;
	case 0x67: i->prefix |= PREFIX_67; break;
	case 0xf0: i->prefix |= PREFIX_LOCK; break;
	case 0xf2:
		i->prefix |= PREFIX_F2;
		d->rep = 2;
		break;
	case 0xf3:
		i->prefix |= PREFIX_F3;
		d->rep = 1;
		break;
	default: return false;
	}
	return true;
}

/* A REX that is not the last prefix does not count: SDM 2A 2.2.1. */
static int prefixes(struct decoder *d)
{
	struct insn *i = d->i;
	int rc;

	for (;; i->len++) {
		u8 b;

		rc = decode_need(d, 1);
		if (rc <= 0)
			return rc;
		b = d->bytes[i->len];
		if (i->mode == CPU_64 && (b & 0xf0) == 0x40) {
			i->rex = b & 15;
			i->prefix |= PREFIX_REX;
		} else if (take_prefix(d, b)) {
			i->rex = 0;
			i->prefix &= (u8)~PREFIX_REX;
		} else {
			return DECODE_OK;
		}
	}
}

static void vex_pp(struct decoder *d, u8 b)
{
	static const u8 rep[4] = { 0, 0, 1, 2 };

	d->opsize = (b & 3) == 1;
	d->rep = rep[b & 3];
}

static void vex_vvvv(struct decoder *d, u8 b)
{
	struct insn *i = d->i;

	i->vvvv = ~b >> 3 & 15;
	d->v_used = i->vvvv != 0;
	if (i->mode != CPU_64) {
		i->vvvv &= 7;
		i->rex &= 8;
	}
}

/* C5: R vvvv L pp. C4: R X B mmmmm, then W vvvv L pp. SDM 2A 2.3.5. */
static int vex(struct decoder *d, u8 first)
{
	struct insn *i = d->i;
	unsigned count = first == 0xc5 ? 2 : 3;
	const u8 *b = d->bytes + i->len + 1;
	int rc = decode_need(d, count + 1);

	if (i->prefix & (PREFIX_66 | PREFIX_F2 | PREFIX_F3 | PREFIX_LOCK | PREFIX_REX))
		return DECODE_UD_VEX;
	if (rc <= 0)
		return rc;
	i->encoding = ENC_VEX;
	if (first == 0xc5) {
		i->rex = b[0] & 0x80 ? 0 : 4;
		i->map = 2;
	} else {
		i->rex = (u8)((~b[0] >> 5 & 7) | (b[1] >> 4 & 8));
		i->map = (b[0] & 31) + 1;
		b++;
	}
	if (i->map < 2 || i->map > 4)
		return DECODE_UD_OPCODE;
	vex_vvvv(d, *b);
	vex_pp(d, *b);
	d->vector_len = *b >> 2 & 1;
	i->vl = (u8)(16u << d->vector_len);
	i->len += (u8)count;
	return DECODE_OK;
}

/* 62, then R X B R' 0mmm, W vvvv 1pp, z L'L b V'aaa. SDM 2A 2.7.1, figure 2-10. */
static int evex(struct decoder *d)
{
	struct insn *i = d->i;
	const u8 *b = d->bytes + i->len + 1;
	int rc = decode_need(d, 5);

	if (i->prefix & (PREFIX_66 | PREFIX_F2 | PREFIX_F3 | PREFIX_LOCK | PREFIX_REX))
		return DECODE_UD_EVEX;
	if (rc <= 0)
		return rc;
	i->encoding = ENC_EVEX;
	i->map = (b[0] & 7) + 1;
	if (b[0] & 8 || !(b[1] & 4) || i->map < 2 || i->map > 4)
		return DECODE_UD_EVEX;
	i->rex = (u8)((~b[0] >> 5 & 7) | (b[1] >> 4 & 8));
	vex_vvvv(d, b[1]);
	vex_pp(d, b[1]);
	if (i->mode == CPU_64) {
		d->r4 = !(b[0] & 0x10);
		d->v4 = !(b[2] & 8);
	} else if (!(b[2] & 8)) {
		return DECODE_UD_EVEX;
	}
	i->mask = b[2] & 7;
	i->evex = (u8)((b[2] & 0x10 ? EVEX_B : 0) | (b[2] & 0x80 ? EVEX_Z : 0));
	d->vector_len = b[2] >> 5 & 3;
	i->len += 4;
	return DECODE_OK;
}

static int legacy_opcode(struct decoder *d, u8 b)
{
	struct insn *i = d->i;
	int rc;

	i->map = 1;
	i->vl = 16;
	if (b != 0x0f)
		return DECODE_OK;
	for (unsigned map = 2;; map++) {
		i->len++;
		rc = decode_need(d, 1);
		if (rc <= 0)
			return rc;
		b = d->bytes[i->len];
		i->map = map == 2 ? 2 : i->map;
		if (map == 3 || (b != 0x38 && b != 0x3a))
			return DECODE_OK;
		i->map = b == 0x38 ? 3 : 4;
	}
}

/*
 * Find the opcode and its map. Outside 64-bit mode C4, C5 and 62 are LES, LDS and BOUND unless
 * their ModRM would name a register: SDM 2A 2.3.5.
 */
static int opcode(struct decoder *d)
{
	struct insn *i = d->i;
	u8 b = d->bytes[i->len];
	int rc;

	if (b == 0xc4 || b == 0xc5 || b == 0x62) {
		rc = decode_need(d, 2);
		if (rc <= 0)
			return rc;
		if (i->mode == CPU_64 || d->bytes[i->len + 1] >= 0xc0)
			rc = b == 0x62 ? evex(d) : vex(d, b);
		else
			rc = legacy_opcode(d, b);
	} else {
		rc = legacy_opcode(d, b);
	}
	if (rc <= 0)
		return rc;
	i->opcode_at = i->len;
	i->opcode = d->bytes[i->len++];
	return DECODE_OK;
}

static u32 match_key(const struct decoder *d)
{
	const struct insn *i = d->i;

	return (u32)d->rep << MATCH_REP | (u32)d->opsize << MATCH_66 |
	       (u32)(i->rex >> 3) << MATCH_W | (u32)d->vector_len << MATCH_L |
	       (u32)(i->modrm >= 0xc0) << MATCH_MOD3 | insn_reg(i) << MATCH_REG |
	       insn_rm(i) << MATCH_RM | (u32)(i->mode == CPU_64) << MATCH_LONG |
	       (u32)(i->rex & 1) << MATCH_REXB;
}

static const struct insn_info *match(const struct row_range *range, u32 key, u32 care)
{
	const struct insn_info *row = insn_rows + range->first;

	for (unsigned n = range->count; n; n--, row++) {
		if ((key & row->mask & care) == (row->want & care))
			return row;
	}
	return NULL;
}

/* With rounding or SAE the vector is as long as can be, and L'L says how to round. SDM 2A 2.7.7. */
static int evex_length(struct decoder *d)
{
	struct insn *i = d->i;

	if (i->evex & EVEX_B && !d->has_memory && d->row->rules & (RULE_ER | RULE_SAE)) {
		i->vl = 64;
		i->evex |= (u8)(d->vector_len * EVEX_RC);
		return DECODE_OK;
	}
	if (d->vector_len == 3)
		return DECODE_UD_EVEX;
	i->vl = (u8)(16u << d->vector_len);
	return DECODE_OK;
}

static int find_row(struct decoder *d)
{
	struct insn *i = d->i;
	const struct row_range *range = &insn_ranges[i->encoding * 4 + i->map - 1][i->opcode];
	int rc;

	if (range->modrm) {
		rc = decode_need(d, 1);
		if (rc <= 0)
			return rc;
		i->modrm_at = i->len;
		i->modrm = d->bytes[i->len++];
	}
	d->row = match(range, match_key(d), ~0u);
	if (!d->row)
		return match(range, match_key(d), ~(1u << MATCH_LONG)) ? DECODE_UD_MODE
								       : DECODE_UD_OPCODE;
	i->op = d->row->op;
	i->form = (u16)(d->row - insn_rows);
	d->has_memory = range->modrm && i->modrm < 0xc0 && !(d->row->rules & RULE_MODREG);
	if (i->encoding == ENC_EVEX)
		return evex_length(d);
	return DECODE_OK;
}

static u8 operand_width(const struct decoder *d)
{
	const struct insn *i = d->i;
	bool small = i->prefix & PREFIX_66;

	if (i->mode == CPU_16)
		return small ? 4 : 2;
	if (i->mode == CPU_32)
		return small ? 2 : 4;
	if (i->rex & 8 || d->row->rules & RULE_F64)
		return 8;
	if (small)
		return 2;
	return d->row->rules & RULE_D64 ? 8 : 4;
}

static void sizes(struct decoder *d)
{
	struct insn *i = d->i;
	u32 attr = d->row->attr;

	i->osz = operand_width(d);
	if (attr & INSN_CC)
		i->cc = i->opcode & 15;
	if (attr & INSN_REP && d->rep)
		i->rep = REP_REP;
	else if (attr & INSN_REPZ && d->rep)
		i->rep = d->rep == 1 ? REP_REPZ : REP_REPNZ;
}

static u8 address_width(const struct insn *i)
{
	bool other = i->prefix & PREFIX_67;

	if (i->mode == CPU_64)
		return other ? 4 : 8;
	return (i->mode == CPU_32) == other ? 2 : 4;
}

int decode(struct insn *out, const u8 *bytes, size_t len, enum cpu_mode mode)
{
	struct decoder d = { .i = out, .bytes = bytes, .limit = (unsigned)MIN(len, INSN_MAX) };
	int rc;

	memset(out, 0, sizeof(*out));
	out->mode = (u8)mode;
	out->seg = SEG_DS;
	out->base = out->index = REG_NONE;
	rc = prefixes(&d);
	if (rc > 0)
		rc = opcode(&d);
	if (rc > 0)
		rc = find_row(&d);
	if (rc <= 0)
		return rc;
	out->asz = address_width(out);
	sizes(&d);
	if (d.has_memory)
		rc = decode_memory(&d);
	if (rc > 0)
		rc = decode_operands(&d);
	if (rc > 0)
		rc = decode_rules(&d);
	return rc > 0 ? out->len : rc;
}

u8 decode_vector(int error)
{
	return error == DECODE_GP_LENGTH ? 13 : 6;
}
