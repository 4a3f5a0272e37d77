/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operands of an instruction whose form is known. Intel SDM 2A chapter 2. */
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/decode_priv.h"

enum { RSP = 4, RBP = 5, RSI = 6, RDI = 7, RBX = 3 };

int decode_number(struct decoder *d, unsigned size, s64 *out)
{
	struct insn *i = d->i;
	const u8 *p = d->bytes + i->len;
	int rc = decode_need(d, size);

	if (rc <= 0)
		return rc;
	switch (size) {
	case 1: *out = (s8)p[0]; break;
	case 2: *out = (s16)le16_at(p); break;
	case 4: *out = (s32)le32_at(p); break;
	default: *out = (s64)le64_at(p);
	}
	i->len += (u8)size;
	return DECODE_OK;
}

static unsigned element(const struct insn *i)
{
	return rex_w(i) ? 8 : 4;
}

/* What an 8-bit displacement is counted in. SDM 2A 2.7.5. */
static unsigned displacement_unit(const struct decoder *d)
{
	const struct insn *i = d->i;
	bool broadcast = i->evex & EVEX_B;

	switch (d->row->tuple) {
	case TUPLE_FV: return broadcast ? element(i) : i->vl;
	case TUPLE_FVM: return i->vl;
	case TUPLE_HV: return broadcast ? 4 : i->vl / 2;
	case TUPLE_HVM: return i->vl / 2;
	case TUPLE_QVM: return i->vl / 4;
	case TUPLE_OVM: return i->vl / 8;
	case TUPLE_M128: return 16;
	case TUPLE_T1S8: return 1;
	case TUPLE_T1S16: return 2;
	case TUPLE_T1F32: return 4;
	case TUPLE_T1F64: return 8;
	case TUPLE_T2: return 2 * element(i);
	case TUPLE_T4: return 4 * element(i);
	case TUPLE_T8: return 32;
	case TUPLE_DUP: return i->vl == 16 ? 8 : i->vl;
	case TUPLE_T1S:
		/* W means nothing to a general register outside 64-bit mode. */
		return d->row->attr & INSN_GPR && i->mode != CPU_64 ? 4 : element(i);
	default: return 1;
	}
}

static int displacement(struct decoder *d, unsigned size)
{
	struct insn *i = d->i;
	int rc;

	if (!size)
		return DECODE_OK;
	i->disp_at = i->len;
	i->disp_len = (u8)size;
	rc = decode_number(d, size, &i->disp);
	if (rc > 0 && size == 1 && i->encoding == ENC_EVEX)
		i->disp *= displacement_unit(d);
	return rc;
}

/* SDM 2A table 2-1. */
static int memory16(struct decoder *d)
{
	static const u8 base[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };
	static const u8 index[4] = { RSI, RDI, RSI, RDI };
	struct insn *i = d->i;
	unsigned mod = insn_mod(i), rm = insn_rm(i);

	if (mod == 0 && rm == 6)
		return displacement(d, 2);
	i->base = base[rm];
	if (rm < 4)
		i->index = index[rm];
	if (i->base == RBP && !(i->prefix & PREFIX_SEG))
		i->seg = SEG_SS;
	return displacement(d, mod);
}

/* SDM 2A table 2-3. With a vector index, 4 is a register like any other: 2.3.12. */
static int sib(struct decoder *d)
{
	struct insn *i = d->i;
	unsigned index;
	int rc = decode_need(d, 1);

	if (rc <= 0)
		return rc;
	i->sib = d->bytes[i->len++];
	index = (i->sib >> 3 & 7) | (i->rex << 2 & 8);
	if (d->row->attr & INSN_VSIB)
		i->index = (u8)(index | (unsigned)d->v4 << 4);
	else if (index != RSP)
		i->index = (u8)index;
	i->scale = i->sib >> 6;
	if ((i->sib & 7) != RBP || insn_mod(i) != 0)
		i->base = (u8)((i->sib & 7) | (i->rex << 3 & 8));
	return DECODE_OK;
}

int decode_memory(struct decoder *d)
{
	struct insn *i = d->i;
	unsigned mod = insn_mod(i), rm = insn_rm(i), size;
	int rc;

	if (i->asz == 2)
		return d->row->attr & INSN_VSIB ? DECODE_UD_OPERAND : memory16(d);
	size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	if (rm == RSP) {
		rc = sib(d);
		if (rc <= 0)
			return rc;
		if (i->base == REG_NONE)
			size = 4;
	} else if (d->row->attr & INSN_VSIB) {
		return DECODE_UD_OPERAND;
	} else if (mod == 0 && rm == RBP) {
		if (i->mode == CPU_64)
			i->base = REG_RIP;
		size = 4;
	} else {
		i->base = (u8)(rm | (i->rex << 3 & 8));
	}
	if ((i->base == RSP || i->base == RBP) && !(i->prefix & PREFIX_SEG))
		i->seg = SEG_SS;
	return displacement(d, size);
}

/* Bytes of an operand of code @code, as a register or as memory. */
static unsigned width(const struct decoder *d, unsigned code, bool memory)
{
	static const u16 fixed[] = { 0, 1, 2, 4, 8, 10, 16, 32, 64, 512 };
	const struct insn *i = d->i;
	bool wide = i->mode == CPU_64 && rex_w(i);

	if (code < ARRAY_LEN(fixed))
		return fixed[code];
	switch (code) {
	case SIZE_BS:
	case SIZE_V: return i->osz;
	case SIZE_B2: return 1;
	case SIZE_Z: return MIN(i->osz, 4);
	case SIZE_Y: return wide ? 8 : 4;
	case SIZE_M: return i->mode == CPU_64 ? 8 : 4;
	case SIZE_A: return i->asz;
	case SIZE_E: return element(i);
	case SIZE_X: return i->vl;
	case SIZE_H: return i->vl / 2;
	case SIZE_F: return i->vl / 4;
	case SIZE_G: return i->vl / 8;
	case SIZE_P: return i->osz + 2u;
	case SIZE_S: return i->mode == CPU_64 ? 10 : 6;
	case SIZE_VW: return memory ? 2 : i->osz;
	case SIZE_DB: return memory ? 1 : 4;
	case SIZE_DW: return memory ? 2 : 4;
	case SIZE_DD: return i->vl == 16 ? 8 : i->vl;
	case SIZE_MA: return i->osz * 2u;
	/* SDM 1 figures 8-9 to 8-12: 16-bit operands have the short form. */
	case SIZE_ENV: return i->osz == 2 ? 14 : 28;
	case SIZE_SAV: return i->osz == 2 ? 94 : 108;
	default: return 0;
	}
}

static void set(struct insn_operand *o, unsigned kind, unsigned reg, unsigned size)
{
	o->kind = (u8)kind;
	o->reg = (u8)reg;
	o->units = (u8)(size < 128 ? size : 127 + size / 128);
}

static void set_gpr(const struct insn *i, struct insn_operand *o, unsigned reg, unsigned size)
{
	if (size == 1 && reg >= 4 && reg < 8 && !(i->prefix & PREFIX_REX) &&
	    i->encoding == ENC_LEGACY)
		set(o, OPERAND_HIGH, reg - 4, size);
	else
		set(o, OPERAND_GPR, reg, size);
}

static void set_vec(struct insn_operand *o, unsigned reg, unsigned size)
{
	set(o, OPERAND_VEC, reg, MAX(size, 16));
}

static void set_memory(const struct decoder *d, struct insn_operand *o, unsigned code)
{
	const struct insn *i = d->i;

	set(o, OPERAND_MEM, 0, width(d, code, true));
	/* A broadcast reads one element. */
	if (i->evex & EVEX_B)
		set(o, OPERAND_MEM, 0, d->row->tuple == TUPLE_HV ? 4 : element(i));
}

/* Operands that ModRM.rm names when it names a register. */
static int rm_register(const struct decoder *d, const struct operand_spec *s,
		       struct insn_operand *o)
{
	const struct insn *i = d->i;
	unsigned rm = insn_rm(i), size = width(d, s->size, false);

	switch (s->source) {
	case SOURCE_E:
	case SOURCE_R: set_gpr(i, o, rm | (i->rex << 3 & 8), size); break;
	case SOURCE_W:
	case SOURCE_U:
		rm |= i->rex << 3 & 8;
		if (i->encoding == ENC_EVEX)
			rm |= i->rex << 3 & 16;
		set_vec(o, rm, size);
		break;
	case SOURCE_Q:
	case SOURCE_N: set(o, OPERAND_MMX, rm, 8); break;
	case SOURCE_KE:
	case SOURCE_KR: set(o, OPERAND_MASK, rm, 8); break;
	default: return DECODE_UD_OPERAND;
	}
	return DECODE_OK;
}

/* Operands that ModRM.reg names. */
static int reg_register(const struct decoder *d, const struct operand_spec *s,
			struct insn_operand *o)
{
	const struct insn *i = d->i;
	unsigned reg = insn_reg(i), extended = reg | (i->rex << 1 & 8);

	switch (s->source) {
	case SOURCE_G:
		if (d->r4)
			return DECODE_UD_EVEX;
		set_gpr(i, o, extended, width(d, s->size, false));
		break;
	case SOURCE_V: set_vec(o, extended | (unsigned)d->r4 << 4, width(d, s->size, false)); break;
	case SOURCE_P: set(o, OPERAND_MMX, reg, 8); break;
	case SOURCE_KG:
		if (extended > 7 || d->r4)
			return DECODE_UD_VEX;
		set(o, OPERAND_MASK, d->row->rules & RULE_KPAIR ? reg & 6 : reg, 8);
		break;
	case SOURCE_S:
		if (reg > SEG_GS || (reg == SEG_CS && d->row->rules & RULE_NOTCS))
			return DECODE_UD_OPERAND;
		set(o, OPERAND_SEG, reg, 2);
		break;
	case SOURCE_C:
		/* CR0, 2, 3, 4 and 8 are there: SDM 2B, MOV to/from control registers. */
		if (extended > 8 || !(BIT(extended) & 0x11d))
			return DECODE_UD_OPERAND;
		set(o, OPERAND_CR, extended, width(d, s->size, false));
		break;
	default:
		if (extended > 7)
			return DECODE_UD_OPERAND;
		set(o, OPERAND_DR, extended, width(d, s->size, false));
	}
	return DECODE_OK;
}

/* Operands that VEX.vvvv names. */
static int v_register(const struct decoder *d, const struct operand_spec *s, struct insn_operand *o)
{
	const struct insn *i = d->i;

	if (s->source == SOURCE_KH) {
		if (i->vvvv > 7 || d->v4)
			return DECODE_UD_VEX;
		set(o, OPERAND_MASK, i->vvvv, 8);
	} else if (s->source == SOURCE_B) {
		set(o, OPERAND_GPR, i->vvvv, width(d, s->size, false));
	} else {
		/* V' is part of a vector index where there is one. */
		bool v4 = d->v4 && !(d->row->attr & INSN_VSIB);

		set_vec(o, i->vvvv | (unsigned)v4 << 4, width(d, s->size, false));
	}
	return DECODE_OK;
}

static void note_immediate(struct insn *i)
{
	if (!i->imm_at)
		i->imm_at = i->len;
}

static int immediate(struct decoder *d, const struct operand_spec *s, struct insn_operand *o)
{
	struct insn *i = d->i;
	unsigned size = s->size == SIZE_Z ? i->osz : width(d, s->size, false);
	unsigned bytes = s->size == SIZE_BS ? 1 : s->size == SIZE_Z ? MIN(i->osz, 4) : size;
	s64 value;
	int rc;

	note_immediate(i);
	rc = decode_number(d, bytes, &value);
	if (rc <= 0)
		return rc;
	i->imm_len += (u8)bytes;
	if (s->size == SIZE_B2) {
		i->imm |= (u64)(u8)value << 32;
		set(o, OPERAND_IMM2, 0, 1);
	} else {
		i->imm = (u64)value & ones(size);
		set(o, OPERAND_IMM, 0, size);
	}
	return DECODE_OK;
}

static int branch_offset(struct decoder *d, const struct operand_spec *s, struct insn_operand *o)
{
	struct insn *i = d->i;
	unsigned bytes = s->size == SIZE_B ? 1 : MIN(i->osz, 4);
	s64 value;
	int rc;

	note_immediate(i);
	rc = decode_number(d, bytes, &value);
	if (rc <= 0)
		return rc;
	i->imm_len = (u8)bytes;
	i->imm = (u64)value;
	set(o, OPERAND_REL, 0, i->osz);
	return DECODE_OK;
}

static int far_pointer(struct decoder *d, struct insn_operand *o)
{
	struct insn *i = d->i;
	s64 offset, selector;
	int rc;

	note_immediate(i);
	rc = decode_number(d, i->osz, &offset);
	if (rc > 0)
		rc = decode_number(d, 2, &selector);
	if (rc <= 0)
		return rc;
	i->imm_len = i->osz + 2;
	i->imm = ((u64)offset & ones(i->osz)) | (u64)(u16)selector << 32;
	set(o, OPERAND_FAR, 0, i->osz + 2u);
	return DECODE_OK;
}

/* An address in the instruction, as long as addresses are; it is not signed. */
static int absolute(struct decoder *d, const struct operand_spec *s, struct insn_operand *o)
{
	struct insn *i = d->i;
	int rc;

	i->disp_at = i->len;
	i->disp_len = i->asz;
	rc = decode_number(d, i->asz, &i->disp);
	if (rc <= 0)
		return rc;
	i->disp = (s64)((u64)i->disp & ones(i->asz));
	set(o, OPERAND_MEM, 0, width(d, s->size, true));
	return DECODE_OK;
}

/* The vector register in the upper half of an immediate byte. SDM 2A 2.3.8, "/is4". */
static int is4(struct decoder *d, const struct operand_spec *s, struct insn_operand *o)
{
	struct insn *i = d->i;
	s64 value;
	int rc;

	note_immediate(i);
	rc = decode_number(d, 1, &value);
	if (rc <= 0)
		return rc;
	i->imm_len = 1;
	i->imm = (u8)value;
	set_vec(o, (u8)value >> 4 & (i->mode == CPU_64 ? 15 : 7), width(d, s->size, false));
	return DECODE_OK;
}

static int fixed_operand(const struct decoder *d, const struct operand_spec *s,
			 struct insn_operand *o)
{
	const struct insn *i = d->i;
	unsigned size = width(d, s->size, true);

	switch (s->source) {
	case SOURCE_Z: set_gpr(i, o, (i->opcode & 7) | (i->rex << 3 & 8), size); break;
	case SOURCE_SEG: set(o, OPERAND_SEG, s->reg, 2); break;
	case SOURCE_GPR: set(o, OPERAND_GPR, s->reg, size); break;
	case SOURCE_ONE:
		set(o, OPERAND_IMM, 0, 1);
		d->i->imm = 1;
		break;
	case SOURCE_ST0:
	case SOURCE_ST1: set(o, OPERAND_ST, s->reg, 10); break;
	case SOURCE_STI: set(o, OPERAND_ST, insn_rm(i), 10); break;
	case SOURCE_XMM0: set_vec(o, 0, 16); break;
	case SOURCE_X: set(o, OPERAND_SRC, RSI, size); break;
	case SOURCE_Y: set(o, OPERAND_DST, RDI, size); break;
	default: return DECODE_UD_OPERAND;
	}
	return DECODE_OK;
}

static int operand(struct decoder *d, const struct operand_spec *s, struct insn_operand *o)
{
	switch (s->source) {
	case SOURCE_E:
	case SOURCE_W:
	case SOURCE_Q:
	case SOURCE_KE:
		if (!d->has_memory)
			return rm_register(d, s, o);
		set_memory(d, o, s->size);
		return DECODE_OK;
	case SOURCE_M:
	case SOURCE_VM: set_memory(d, o, s->size); return DECODE_OK;
	case SOURCE_R:
	case SOURCE_U:
	case SOURCE_N:
	case SOURCE_KR: return rm_register(d, s, o);
	case SOURCE_G:
	case SOURCE_V:
	case SOURCE_P:
	case SOURCE_KG:
	case SOURCE_S:
	case SOURCE_C:
	case SOURCE_D: return reg_register(d, s, o);
	case SOURCE_H:
	case SOURCE_B:
	case SOURCE_KH: return v_register(d, s, o);
	case SOURCE_I: return immediate(d, s, o);
	case SOURCE_J: return branch_offset(d, s, o);
	case SOURCE_A: return far_pointer(d, o);
	case SOURCE_O: return absolute(d, s, o);
	case SOURCE_L: return is4(d, s, o);
	default: return fixed_operand(d, s, o);
	}
}

/* Merging keeps elements of the destination; memory keeps the others' bytes. */
static void masked_access(struct decoder *d)
{
	struct insn_operand *o = &d->i->operand[0];

	if (!(o->access & ACCESS_WRITE))
		return;
	if (o->kind == OPERAND_VEC && !(d->i->evex & EVEX_Z))
		o->access |= ACCESS_READ;
	else if (o->kind == OPERAND_MEM)
		o->access |= ACCESS_MAYBE;
}

int decode_operands(struct decoder *d)
{
	/* In the order of gen-tables: not said, - = + ? ~ */
	static const u8 access[] = { 0,
				     ACCESS_READ,
				     ACCESS_WRITE,
				     ACCESS_READ | ACCESS_WRITE,
				     ACCESS_WRITE | ACCESS_MAYBE,
				     ACCESS_ADDRESS };
	struct insn *i = d->i;

	for (unsigned n = 0; n < ARRAY_LEN(i->operand) && d->row->operand[n]; n++) {
		const struct operand_spec *s = &insn_specs[d->row->operand[n]];
		int rc;

		i->operand[n].access = access[s->access];
		rc = operand(d, s, &i->operand[n]);
		if (rc <= 0)
			return rc;
		i->operands++;
	}
	if (i->mask && !(d->row->rules & RULE_BLEND))
		masked_access(d);
	return DECODE_OK;
}
