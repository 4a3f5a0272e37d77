/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A decoded instruction as host code again, with other registers or memory. Intel SDM 2A 2. */
#include "cpu/soft/decode_priv.h"
#include "cpu/soft/x64_priv.h"

struct plan {
	const struct insn *i;
	const struct insn_info *row;
	const struct x64_form *f;
	unsigned reg, rm, vvvv; /* what the fields become */
	unsigned opcode;
	bool memory;
	bool has_rm; /* an operand has said what ModRM.rm is */
	bool rex;    /* SPL to DIL */
	bool high;   /* AH to BH: no REX */
};

static const struct operand_spec *spec(const struct plan *p, unsigned n)
{
	return &insn_specs[p->row->operand[n]];
}

/* Operand @n becomes general register @reg in field @out. */
static bool general(struct plan *p, unsigned n, unsigned reg, unsigned *out)
{
	if (reg > 15)
		return false;
	*out = reg;
	if (p->i->operand[n].kind == OPERAND_HIGH) {
		*out = reg + 4;
		p->high = true;
		return reg < 4;
	}
	if (spec(p, n)->size == SIZE_B && x64_low_byte(reg) && p->i->encoding == ENC_LEGACY)
		p->rex = true;
	return true;
}

static bool vector(unsigned reg, unsigned *out, unsigned count)
{
	*out = reg;
	return reg < count;
}

static bool is_memory(const struct plan *p)
{
	return p->i->modrm < 0xc0;
}

/*
 * A general register or memory may become the other where that means the same. BT and its like
 * reach beyond their memory operand; PEXTRB and its like write more of a register.
 */
static bool may_change(const struct plan *p, unsigned n)
{
	unsigned size = spec(p, n)->size;

	return !(p->row->mask >> MATCH_MOD3 & 1) && !(p->row->attr & INSN_BITBASE) &&
	       size != SIZE_DB && size != SIZE_DW && size != SIZE_VW &&
	       !(p->i->prefix & PREFIX_LOCK);
}

static bool place_rm(struct plan *p, unsigned n)
{
	const struct x64_form *f = p->f;
	unsigned source = spec(p, n)->source;

	p->has_rm = true;
	p->memory = f->memory;
	if (f->memory != is_memory(p) && (source != SOURCE_E || !may_change(p, n)))
		return false;
	if (f->memory)
		return p->row->attr & INSN_VSIB ? f->m.index < 16 : f->m.index != X64_SP;
	switch (source) {
	case SOURCE_E:
	case SOURCE_R: return general(p, n, f->rm, &p->rm);
	case SOURCE_W:
	case SOURCE_U: return vector(f->rm, &p->rm, 16);
	default: return vector(f->rm, &p->rm, 8);
	}
}

/* Registers 0 of 90+r: what was an exchange would be NOP, which does not clear bits 63:32. */
static bool place_opcode(struct plan *p, unsigned n)
{
	unsigned reg;

	if (p->f->memory || !general(p, n, p->f->rm, &reg))
		return false;
	if (p->i->op == OP_XCHG && reg == X64_AX)
		return false;
	p->rm = reg;
	p->opcode = (p->opcode & 0xf8) | (reg & 7);
	return true;
}

/* Control, debug and segment registers, masks, strings, branches, addresses: no. */
static bool place(struct plan *p, unsigned n)
{
	switch (spec(p, n)->source) {
	case SOURCE_E:
	case SOURCE_M:
	case SOURCE_R:
	case SOURCE_W:
	case SOURCE_U:
	case SOURCE_Q:
	case SOURCE_N:
	case SOURCE_VM: return place_rm(p, n);
	case SOURCE_Z: return place_opcode(p, n);
	case SOURCE_G: return general(p, n, p->f->reg, &p->reg);
	case SOURCE_V: return vector(p->f->reg, &p->reg, 16);
	case SOURCE_P: return vector(p->f->reg, &p->reg, 8);
	case SOURCE_H:
	case SOURCE_B: return vector(p->f->vvvv, &p->vvvv, 16);
	case SOURCE_I: return spec(p, n)->size != SIZE_B2;
	case SOURCE_L:
	case SOURCE_GPR:
	case SOURCE_ONE:
	case SOURCE_ST0:
	case SOURCE_ST1:
	case SOURCE_STI:
	case SOURCE_XMM0: return true;
	default: return false;
	}
}

static unsigned rex_of(const struct plan *p)
{
	unsigned rex = p->i->rex & REX_W;

	rex |= x64_extends(p->reg, REX_R);
	return rex | (p->memory ? x64_memory_rex(p->f->m) : x64_extends(p->rm, REX_B));
}

static bool plan(struct plan *p)
{
	const struct insn *i = p->i;

	if (i->encoding == ENC_EVEX || i->mode != CPU_64 || i->rep ||
	    p->row->attr & (INSN_MASKMOV | INSN_XLAT) || p->row->cls == CLASS_STRING)
		return false;
	for (unsigned n = 0; n < i->operands; n++) {
		if (!place(p, n))
			return false;
	}
	/* ModRM.rm that is a part of the opcode. */
	if (i->modrm_at && !p->has_rm) {
		if (is_memory(p))
			return false;
		p->rm = insn_rm(i);
	}
	return !(p->high && (p->rex || rex_of(p)));
}

static unsigned match(const struct plan *p, enum match_shift shift, unsigned mask)
{
	return p->row->want >> shift & mask;
}

/* What the form does not ask for is dropped, but for 66 where it is the operand size. */
static void opcode_legacy(struct x64 *x, const struct plan *p)
{
	static const u8 rep[4] = { 0, 0xf3, 0xf2, 0 };
	const struct insn *i = p->i;
	unsigned rex = rex_of(p), r = match(p, MATCH_REP, 3);

	if (i->prefix & PREFIX_LOCK)
		x64_byte(x, 0xf0);
	if (match(p, MATCH_66, 1) || (i->prefix & PREFIX_66 && i->osz == 2))
		x64_byte(x, 0x66);
	if (rep[r])
		x64_byte(x, rep[r]);
	if (rex || p->rex)
		x64_byte(x, 0x40 | rex);
	if (i->map > 1)
		x64_byte(x, 0x0f);
	if (i->map > 2)
		x64_byte(x, i->map == 3 ? 0x38 : 0x3a);
}

/* R, X, B and vvvv are stored inverted. SDM 2A 2.3.5 */
static void opcode_vex(struct x64 *x, const struct plan *p)
{
	static const u8 pp[4] = { 0, 2, 3, 0 };
	unsigned rex = rex_of(p);
	unsigned last = (~p->vvvv & 15) << 3 | (p->i->vl == 32 ? 4 : 0) |
			(match(p, MATCH_66, 1) ? 1 : pp[match(p, MATCH_REP, 3)]);

	if (p->i->map == 2 && !(rex & ~(unsigned)REX_R))
		X64_BYTES(x, 0xc5, (u8)((rex ? 0 : 0x80) | last));
	else
		X64_BYTES(x, 0xc4, (u8)((~rex & 7) << 5 | (p->i->map - 1u)),
			  (u8)((rex & REX_W) << 4 | last));
}

bool x64_insn(struct x64 *x, const struct insn *i, const struct x64_form *f)
{
	struct plan p = { .i = i, .row = insn_info(i), .f = f, .opcode = i->opcode };

	p.reg = insn_reg(i);
	p.vvvv = i->vvvv;
	if (!plan(&p))
		return false;
	if (i->encoding == ENC_VEX)
		opcode_vex(x, &p);
	else
		opcode_legacy(x, &p);
	x64_byte(x, p.opcode);
	if (p.memory)
		x64_modrm(x, p.reg, f->m);
	else if (i->modrm_at)
		x64_byte(x, 0xc0 | (p.reg & 7) << 3 | (p.rm & 7));
	x64_number(x, i->imm, i->imm_len);
	return true;
}
