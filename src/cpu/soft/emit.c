/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/emit.c: the host code of a thunk. Intel SDM 2A chapter 2.
 *
 * Registers: RCX struct insn, R8 struct soft_fpu, R9 the memory operand, R10 struct soft_cpu where
 * it is needed, R11 the offset of the destination's slot, RAX and RDX scratch; a general register
 * operand is EAX. Operand n is XMMn, or one more where XMM0 has a part of its own. All of these a
 * function may use freely in Windows' calling convention.
 */
#include <string.h>

#include "cpu/soft/decode_priv.h"
#include "cpu/soft/thunk.h"

enum { RAX, RCX, RDX, R8 = 8, R9, R10, R11 };
enum { NONE = 255 };

struct emitter {
	const struct insn *i;
	const struct insn_info *row;
	u8 *out;
	unsigned len;
	u8 host[4]; /* the XMM register of each operand */
	u8 gpr;     /* the operand that is a general register */
	u8 written; /* the operand that is a vector and written */
	bool vex, memory;
};

static void byte(struct emitter *e, unsigned b)
{
	if (e->len < THUNK_MAX)
		e->out[e->len] = (u8)b;
	e->len++;
}

static void bytes(struct emitter *e, const void *p, size_t n)
{
	for (size_t k = 0; k < n; k++)
		byte(e, ((const u8 *)p)[k]);
}
#define BYTES(e, ...) bytes(e, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void disp32(struct emitter *e, size_t v)
{
	u32 d = (u32)v;

	bytes(e, &d, sizeof(d));
}

/* movzx r32, byte [rcx + offset of operand n's register number] */
static void number(struct emitter *e, unsigned reg, unsigned n)
{
	size_t at = offsetof(struct insn, operand) + n * sizeof(struct insn_operand) +
		    offsetof(struct insn_operand, reg);

	if (reg >= 8)
		byte(e, 0x44);
	BYTES(e, 0x0f, 0xb6, 0x41 | (reg & 7) << 3, (u8)at);
}

/* Operand n's slot: its offset in reg. */
static void slot(struct emitter *e, unsigned reg, unsigned n)
{
	number(e, reg, n);
	if (reg >= 8)
		byte(e, 0x41);
	BYTES(e, 0xc1, 0xe0 | (reg & 7), 5);
}

/* Move XMM or YMM @host from or to [r8 + index], or [r8] for NONE. */
static void vector(struct emitter *e, unsigned host, unsigned index, bool wide, bool store)
{
	bool x = index != NONE && index >= 8;
	unsigned opcode = store ? 0x29 : 0x28;

	if (e->vex)
		BYTES(e, 0xc4, x ? 0x81 : 0xc1, wide ? 0x7c : 0x78, opcode);
	else
		BYTES(e, x ? 0x43 : 0x41, 0x0f, opcode);
	if (index == NONE)
		byte(e, host << 3);
	else
		BYTES(e, host << 3 | 4, (index & 7) << 3);
}

static void load_cpu(struct emitter *e)
{
	BYTES(e, 0x4d, 0x8b, 0x90); /* mov r10, [r8 + disp32] */
	disp32(e, offsetof(struct soft_fpu, cpu));
}

/* mov reg, [r10 + offset] or back. */
static void cpu_field(struct emitter *e, unsigned reg, size_t offset, bool store)
{
	BYTES(e, 0x49, store ? 0x89 : 0x8b, 0x82 | reg << 3);
	disp32(e, offset);
}

static size_t gpr_at(unsigned reg)
{
	return offsetof(struct soft_cpu, gpr) + reg * sizeof(u64);
}

static bool is_vec(const struct emitter *e, unsigned n)
{
	return e->i->operand[n].kind == OPERAND_VEC;
}

static unsigned source(const struct emitter *e, unsigned n)
{
	return insn_specs[e->row->operand[n]].source;
}

static bool wide_operand(const struct emitter *e, unsigned n)
{
	return operand_size(&e->i->operand[n]) == 32;
}

static void load_vectors(struct emitter *e)
{
	for (unsigned n = 0; n < e->i->operands; n++) {
		unsigned at = RAX;

		if (!is_vec(e, n))
			continue;
		if (n == e->written)
			at = R11;
		if (source(e, n) == SOURCE_XMM0)
			at = NONE;
		else
			slot(e, at, n);
		if (e->i->operand[n].access & ACCESS_READ)
			vector(e, e->host[n], at, wide_operand(e, n), false);
	}
}

/* mov rax, [r10 + rax*8 + disp32] after the number; or back by way of rdx. */
static void general(struct emitter *e, unsigned n, bool store)
{
	number(e, RDX, n);
	BYTES(e, 0x49, store ? 0x89 : 0x8b, 0x84, 0xd2);
	disp32(e, gpr_at(0));
}

/* Flags from lf: OF by an addition that overflows, the others by SAHF. */
static void load_flags(struct emitter *e)
{
	BYTES(e, 0x41, 0x0f, 0xb7, 0x82); /* movzx eax, word [r10 + disp32] */
	disp32(e, offsetof(struct soft_cpu, lf));
	BYTES(e, 0x04, 0x7f, 0x9e); /* add al, 127; sahf */
}

static void store_flags(struct emitter *e)
{
	BYTES(e, 0x9f, 0x0f, 0x90, 0xc0); /* lahf; seto al */
	BYTES(e, 0x66, 0x41, 0x89, 0x82); /* mov [r10 + disp32], ax */
	disp32(e, offsetof(struct soft_cpu, lf));
}

/* ModRM's fields, the rest of the instruction's register numbers, and its immediate. */
struct fields {
	unsigned reg, rm, vvvv, imm;
	bool has_modrm;
};

static void collect(const struct emitter *e, struct fields *f)
{
	const struct insn *i = e->i;

	*f = (struct fields){ .reg = insn_reg(i),
			      .rm = insn_rm(i),
			      .imm = (u8)i->imm,
			      .has_modrm = i->modrm_at != 0 };
	for (unsigned n = 0; n < i->operands; n++) {
		switch (source(e, n)) {
		case SOURCE_V: f->reg = e->host[n]; break;
		case SOURCE_G: f->reg = RAX; break;
		case SOURCE_H: f->vvvv = e->host[n]; break;
		case SOURCE_L: f->imm = (unsigned)e->host[n] << 4; break;
		case SOURCE_W:
		case SOURCE_U:
			if (is_vec(e, n))
				f->rm = e->host[n];
			break;
		case SOURCE_E:
		case SOURCE_R: f->rm = RAX; break;
		default: break;
		}
	}
	if (e->memory)
		f->rm = R9 & 7;
}

static unsigned match(const struct insn_info *row, enum match_shift shift, unsigned mask)
{
	return row->want >> shift & mask;
}

/* W where the form has one, and where the guest says how wide general registers are. */
static bool want_w(const struct emitter *e)
{
	if (e->row->mask >> MATCH_W & 1)
		return match(e->row, MATCH_W, 1);
	return thunk_wide(e->i, e->row);
}

static void opcode_legacy(struct emitter *e)
{
	static const u8 rep[4] = { 0, 0xf3, 0xf2, 0 };
	unsigned r = match(e->row, MATCH_REP, 3);
	unsigned rex = (want_w(e) ? 8u : 0) | (e->memory ? 1 : 0);

	if (e->i->map != 1) {
		if (match(e->row, MATCH_66, 1))
			byte(e, 0x66);
		if (rep[r])
			byte(e, rep[r]);
	}
	if (rex)
		byte(e, 0x40 | rex);
	if (e->i->map > 1)
		byte(e, 0x0f);
	if (e->i->map > 2)
		byte(e, e->i->map == 3 ? 0x38 : 0x3a);
}

static void opcode_vex(struct emitter *e, const struct fields *f)
{
	static const u8 pp[4] = { 0, 2, 3, 0 };
	unsigned p = match(e->row, MATCH_66, 1) ? 1 : pp[match(e->row, MATCH_REP, 3)];
	unsigned l = e->i->vl == 32;

	/* R, X, B and vvvv are stored inverted. */
	BYTES(e, 0xc4, (e->memory ? 0xc0 : 0xe0) | (e->i->map - 1u),
	      (want_w(e) ? 0x80 : 0) | (~f->vvvv & 15) << 3 | l << 2 | p);
}

static void instruction(struct emitter *e)
{
	struct fields f;

	collect(e, &f);
	if (e->vex)
		opcode_vex(e, &f);
	else
		opcode_legacy(e);
	byte(e, e->i->opcode);
	if (f.has_modrm)
		byte(e, (e->memory ? 0 : 0xc0) | f.reg << 3 | f.rm);
	if (e->i->imm_len)
		byte(e, f.imm);
}

/* Nothing but what is known to be safe is ever copied. False: this is not. */
static bool plan(struct emitter *e)
{
	const struct insn *i = e->i;
	u32 attr = e->row->attr;
	bool xmm0 = attr & INSN_W_XMM0;

	/* These are about all registers, or have reasons of their own not to run. */
	if (i->op == OP_ZEROUPPER || i->op == OP_ZEROALL || i->op == OP_FWAIT)
		return false;
	if ((e->row->cls != CLASS_SIMD && e->row->cls != CLASS_X87) || attr & INSN_HAND ||
	    i->encoding == ENC_EVEX || i->imm_len > 1 ||
	    (i->map == 1) != (e->row->cls == CLASS_X87))
		return false;
	e->vex = i->encoding == ENC_VEX;
	e->gpr = e->written = NONE;
	for (unsigned n = 0; n < i->operands; n++)
		xmm0 |= source(e, n) == SOURCE_XMM0;
	for (unsigned n = 0; n < i->operands; n++) {
		const struct insn_operand *o = &i->operand[n];

		e->host[n] = (u8)(source(e, n) == SOURCE_XMM0 ? 0 : n + xmm0);
		switch (o->kind) {
		case OPERAND_VEC:
			if (operand_size(o) > 32 || o->reg > 15)
				return false;
			if (o->access & ACCESS_WRITE)
				e->written = (u8)n;
			break;
		case OPERAND_GPR: e->gpr = (u8)n; break;
		case OPERAND_MEM: e->memory = true; break;
		case OPERAND_MMX:
		case OPERAND_ST:
		case OPERAND_IMM: break;
		default: return false;
		}
	}
	return true;
}

static void before(struct emitter *e, const struct flag_use *flags, const struct insn_regs *regs)
{
	bool implicit = insn_implicit[e->row->implicit].read;
	/* An unmasked exception leaves the flags of FCOMI as they were. */
	bool load = flags->read || (flags->written && e->row->cls == CLASS_X87);

	load_vectors(e);
	if (regs->gpr_read | regs->gpr_written || flags->read | flags->written)
		load_cpu(e);
	if (e->gpr != NONE && e->i->operand[e->gpr].access & ACCESS_READ)
		general(e, e->gpr, false);
	if (implicit) {
		cpu_field(e, RAX, gpr_at(R_AX), false);
		cpu_field(e, RDX, gpr_at(R_DX), false);
	}
	if (load)
		load_flags(e);
}

static void after(struct emitter *e, const struct flag_use *flags)
{
	if (insn_implicit[e->row->implicit].written)
		cpu_field(e, RCX, gpr_at(R_CX), true);
	if (flags->written)
		store_flags(e);
	/* The upper half of a VEX result is 0 unless it is written: store it always. */
	if (e->written != NONE)
		vector(e, e->host[e->written], R11, e->vex, true);
	if (e->row->attr & INSN_W_XMM0)
		vector(e, 0, NONE, e->vex, true);
	if (e->gpr != NONE && e->i->operand[e->gpr].access & ACCESS_WRITE)
		general(e, e->gpr, true);
	if (e->vex && e->i->vl == 32)
		BYTES(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
	BYTES(e, 0x31, 0xc0, 0xc3);         /* xor eax, eax; ret */
}

unsigned thunk_emit(const struct insn *i, u8 *out)
{
	struct emitter e = { .i = i, .row = insn_info(i), .out = out };
	struct flag_use flags;
	struct insn_regs regs;

	if (!plan(&e))
		return 0;
	insn_flags(i, &flags);
	insn_regs(i, &regs);
	before(&e, &flags, &regs);
	instruction(&e);
	after(&e, &flags);
	return e.len <= THUNK_MAX ? e.len : 0;
}

unsigned thunk_emit_fault(u8 *out, bool wide)
{
	struct emitter e = { .out = out };

	if (wide)
		BYTES(&e, 0xc5, 0xf8, 0x77);
	BYTES(&e, 0xb8, 1, 0, 0, 0, 0xc3); /* mov eax, 1; ret */
	return e.len;
}
