/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The translator's assembler against our own decoder, and on this processor. */
#include "cpu/soft/x64.h"

#include "base/bytes.h"
#include "cpu/soft/decode_priv.h"
#include "plat/code.h"
#include "test.h"

enum { ROOM = 64 };

struct page {
	u8 bytes[ROOM];
	struct x64 x;
};

static struct x64 *begin(struct page *p)
{
	memset(p->bytes, 0xcc, sizeof(p->bytes));
	p->x = (struct x64){ .at = p->bytes, .end = p->bytes + sizeof(p->bytes) };
	return &p->x;
}

/* What is there is one instruction and nothing else. */
static struct insn end(struct page *p)
{
	size_t n = (size_t)(p->x.at - p->bytes);
	struct insn i;

	CHECK(!x64_full(&p->x));
	CHECK_EQ(decode(&i, p->bytes, n, CPU_64), (int)n);
	return i;
}

static void check_reg(const struct insn_operand *o, unsigned reg, unsigned size)
{
	CHECK_EQ(o->kind, OPERAND_GPR);
	CHECK_EQ(o->reg, reg);
	CHECK_EQ(operand_size(o), size);
}

static void check_memory(const struct insn *i, const struct insn_operand *o, struct x64_mem m,
			 unsigned size)
{
	CHECK_EQ(o->kind, OPERAND_MEM);
	CHECK_EQ(operand_size(o), size);
	CHECK_EQ(i->base, m.base);
	CHECK_EQ(i->index, m.index);
	if (m.index != X64_NONE)
		CHECK_EQ(i->scale, m.scale);
	CHECK_EQ(i->disp, m.disp);
	CHECK_EQ(i->asz, 8);
	CHECK(!(i->prefix & (PREFIX_67 | PREFIX_SEG)));
	/* No byte too many. */
	if (m.base == X64_NONE)
		CHECK_EQ(i->disp_len, 4);
	else if (m.disp != (s8)m.disp)
		CHECK_EQ(i->disp_len, 4);
	else
		CHECK_EQ(i->disp_len, m.disp || (m.base & 7) == X64_BP);
}

static const unsigned sizes[] = { 1, 2, 4, 8 };

static void registers_are_what_was_said(void)
{
	struct page p;
	struct insn i;

	for (unsigned reg = 0; reg < 16; reg++) {
		for (unsigned rm = 0; rm < 16; rm++) {
			for (unsigned k = 0; k < 4; k++) {
				x64_rr(begin(&p), sizes[k], k ? 0x89 : 0x88, reg, rm);
				i = end(&p);
				CHECK_EQ(i.op, OP_MOV);
				check_reg(&i.operand[0], rm, sizes[k]);
				check_reg(&i.operand[1], reg, sizes[k]);
			}
			x64_rr(begin(&p), 1, 0x0fb6, reg, rm);
			i = end(&p);
			CHECK_EQ(i.op, OP_MOVZX);
			check_reg(&i.operand[0], reg, 4);
			check_reg(&i.operand[1], rm, 1);
			x64_rr(begin(&p), 8, 0xf30fb8, reg, rm);
			i = end(&p);
			CHECK_EQ(i.op, OP_POPCNT);
			check_reg(&i.operand[0], reg, 8);
			check_reg(&i.operand[1], rm, 8);
			x64_rr(begin(&p), 2, 0xf20f38f1, reg, rm);
			i = end(&p);
			CHECK_EQ(i.op, OP_CRC32);
			check_reg(&i.operand[0], reg, 4);
			check_reg(&i.operand[1], rm, 2);
		}
	}
}

static const s32 disps[] = {
	0, 1, -1, 127, -128, 128, -129, 0x12345678, -0x7fffffff - 1, 0x7fffffff
};
static const u8 registers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, X64_NONE };

typedef void (*each_fn)(struct x64_mem m, unsigned reg);

static void each_memory(each_fn fn)
{
	for (unsigned b = 0; b < 17; b++) {
		for (unsigned n = 0; n < 17; n++) {
			for (unsigned k = 0; k < ARRAY_LEN(disps) * 4; k++) {
				struct x64_mem m = { registers[b], registers[n], (u8)(k & 3),
						     disps[k / 4] };

				if (m.index == X64_SP)
					continue;
				for (unsigned reg = 0; reg < 16; reg++)
					fn(m, reg);
			}
		}
	}
}

static void memory_forms(struct x64_mem m, unsigned reg)
{
	struct page p;
	struct insn i;

	for (unsigned k = 0; k < 4; k++) {
		x64_store(begin(&p), sizes[k], m, reg);
		i = end(&p);
		CHECK_EQ(i.op, OP_MOV);
		check_memory(&i, &i.operand[0], m, sizes[k]);
		check_reg(&i.operand[1], reg, sizes[k]);
	}
	for (unsigned size = 4; size <= 8; size += 4) {
		x64_load(begin(&p), size, reg, m);
		i = end(&p);
		CHECK_EQ(i.op, OP_MOV);
		check_reg(&i.operand[0], reg, size);
		check_memory(&i, &i.operand[1], m, size);
		x64_lea(begin(&p), size, reg, m);
		i = end(&p);
		CHECK_EQ(i.op, OP_LEA);
		check_reg(&i.operand[0], reg, size);
	}
	x64_rm(begin(&p), 1, 0xf20f38f0, reg, m);
	i = end(&p);
	CHECK_EQ(i.op, OP_CRC32);
	check_memory(&i, &i.operand[1], m, 1);
}

static void memory_is_what_was_said(void)
{
	each_memory(memory_forms);
}

static const struct {
	unsigned alu, op;
} alus[] = { { ALU_ADD, OP_ADD }, { ALU_OR, OP_OR },   { ALU_ADC, OP_ADC }, { ALU_SBB, OP_SBB },
	     { ALU_AND, OP_AND }, { ALU_SUB, OP_SUB }, { ALU_XOR, OP_XOR }, { ALU_CMP, OP_CMP } };

static void check_immediate(const struct insn *i, unsigned k, unsigned size, s32 imm)
{
	s64 value = size == 1 ? (s8)imm : size == 2 ? (s16)imm : imm;

	CHECK_EQ(i->op, alus[k].op);
	CHECK_EQ(i->operand[1].kind, OPERAND_IMM);
	CHECK_EQ(i->imm, (u64)value & ones(size));
	CHECK_EQ(i->imm_len, value == (s8)value ? 1 : MIN(size, 4u));
}

static void arithmetic_takes_immediates_of_every_size(void)
{
	static const s32 imms[] = { 0,    1,    -1,     127,    -128,       128,
				    -129, 0xff, 0xff80, 0xffff, 0x12345678, -0x7fffffff - 1 };
	const struct x64_mem m = { X64_R13, X64_R12, 2, 0 };
	struct page p;
	struct insn i;

	for (unsigned n = 0; n < ARRAY_LEN(imms) * 4 * 8; n++) {
		unsigned k = n & 7, size = sizes[n >> 3 & 3];
		s32 imm = imms[n >> 5];

		for (unsigned rm = 0; rm < 16; rm++) {
			x64_alu_ri(begin(&p), size, alus[k].alu, rm, imm);
			i = end(&p);
			check_reg(&i.operand[0], rm, size);
			check_immediate(&i, k, size, imm);
		}
		x64_alu_mi(begin(&p), size, alus[k].alu, m, imm);
		i = end(&p);
		check_memory(&i, &i.operand[0], m, size);
		check_immediate(&i, k, size, imm);
	}
}

static void constants_are_short_and_leave_flags_alone(void)
{
	static const struct {
		u64 imm;
		unsigned len; /* without REX.B where it counts */
	} rows[] = { { 0, 5 },
		     { 1, 5 },
		     { 0xffffffff, 5 },
		     { 0x80000000, 5 },
		     { ~0ull, 7 },
		     { 0xffffffff80000000, 7 },
		     { 0xffffffff7fffffff, 10 },
		     { 0x100000000, 10 },
		     { 0x8000000000000000, 10 } };
	struct flag_use flags;
	struct page p;
	struct insn i;

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		for (unsigned dst = 0; dst < 16; dst++) {
			x64_mov_ri(begin(&p), dst, rows[n].imm);
			i = end(&p);
			CHECK_EQ(i.op, OP_MOV);
			CHECK_EQ(i.operand[0].reg, dst);
			CHECK_EQ(i.imm, rows[n].imm);
			CHECK_EQ(i.len, rows[n].len + (rows[n].len == 5 && dst >= 8));
			insn_flags(&i, &flags);
			CHECK_EQ(flags.written | flags.undefined, 0);
		}
	}
	x64_mov(begin(&p), X64_R12, X64_SP);
	i = end(&p);
	check_reg(&i.operand[0], X64_R12, 8);
	check_reg(&i.operand[1], X64_SP, 8);
}

static void jumps_find_their_targets(void)
{
	struct page p;
	struct x64 *x = begin(&p);
	u8 *place[3];
	struct insn i;
	const u8 *at = p.bytes;

	/* As if it ran 32 bytes further. */
	x->exec = 32;
	place[0] = x64_jmp(x, NULL);
	place[1] = x64_jcc(x, CC_LE, x64_here(x));
	place[2] = x64_call(x, p.bytes + 32);
	x64_set_jump(x, place[0], x64_here(x) + 8);
	CHECK_EQ(place[1] - p.bytes, 7);
	CHECK_EQ(x->at - p.bytes, 16);
	for (unsigned n = 0; n < 3; n++) {
		static const u16 op[] = { OP_JMP, OP_JCC, OP_CALL };
		static const s32 to[] = { 16 + 8, 5, 0 };

		CHECK(decode(&i, at, ROOM, CPU_64) > 0);
		at += i.len;
		CHECK_EQ(i.op, op[n]);
		CHECK_EQ((s64)i.imm + (at - p.bytes), to[n]);
		if (n == 1)
			CHECK_EQ(i.cc, CC_LE);
	}
	for (unsigned reg = 0; reg < 16; reg++) {
		x64_jmp_reg(begin(&p), reg);
		i = end(&p);
		CHECK_EQ(i.op, OP_JMP);
		check_reg(&i.operand[0], reg, 8);
		x64_jmp_mem(begin(&p), (struct x64_mem){ (u8)reg, X64_CX, 3, -8 });
		i = end(&p);
		CHECK_EQ(i.op, OP_JMP);
		check_memory(&i, &i.operand[0], (struct x64_mem){ (u8)reg, X64_CX, 3, -8 }, 8);
	}
}

static void what_finds_no_room_is_counted_and_not_written(void)
{
	struct page p;

	for (unsigned room = 0; room < 5; room++) {
		struct x64 *x = begin(&p);

		x->end = x->at + room;
		CHECK(!x64_full(x));
		CHECK(!x64_jmp(x, NULL));
		CHECK(x64_full(x));
		x64_set_jump(x, NULL, p.bytes);
		x64_u32(x, 0);
		x64_byte(x, 0);
		X64_BYTES(x, 0, 0, 0);
		CHECK_EQ(p.bytes[room], 0xcc);
		CHECK(x->at <= x->end);
	}
	begin(&p)->end = p.bytes + 5;
	CHECK(x64_jmp(&p.x, NULL) == p.bytes + 1);
	CHECK(!x64_full(&p.x));
}

/* ---- the guest's instructions again ---- */

static u64 random_state;

static unsigned any(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

static unsigned source(const struct insn *i, unsigned n)
{
	return insn_specs[insn_info(i)->operand[n]].source;
}

enum field { FIELD_NONE, FIELD_REG, FIELD_RM, FIELD_VVVV, FIELD_OPCODE, FIELD_NEVER };

static enum field field(const struct insn *i, unsigned n)
{
	switch (source(i, n)) {
	case SOURCE_G:
	case SOURCE_V:
	case SOURCE_P: return FIELD_REG;
	case SOURCE_E:
	case SOURCE_M:
	case SOURCE_R:
	case SOURCE_W:
	case SOURCE_U:
	case SOURCE_Q:
	case SOURCE_N:
	case SOURCE_VM: return FIELD_RM;
	case SOURCE_H:
	case SOURCE_B: return FIELD_VVVV;
	case SOURCE_Z: return FIELD_OPCODE;
	case SOURCE_I:
		return insn_specs[insn_info(i)->operand[n]].size == SIZE_B2 ? FIELD_NEVER
									    : FIELD_NONE;
	case SOURCE_L:
	case SOURCE_GPR:
	case SOURCE_ONE:
	case SOURCE_ST0:
	case SOURCE_ST1:
	case SOURCE_STI:
	case SOURCE_XMM0: return FIELD_NONE;
	default: return FIELD_NEVER;
	}
}

/* What x64_insn() may refuse whatever the form is. */
static bool never(const struct insn *i)
{
	if (insn_info(i)->attr & (INSN_XLAT | INSN_MASKMOV))
		return true;
	for (unsigned n = 0; n < i->operands; n++)
		if (field(i, n) == FIELD_NEVER)
			return true;
	return false;
}

static const struct x64_mem slot = { X64_SP, X64_NONE, 0, 0x48 };

static struct x64_mem any_memory(bool vsib)
{
	static const s32 few[] = { 0, 1, -128, 128, 0x1000, -0x7fffffff };
	struct x64_mem m = { (u8)any(17), (u8)any(17), (u8)any(4), few[any(ARRAY_LEN(few))] };

	if (m.base == 16)
		m.base = X64_NONE;
	if (m.index == 16 || (m.index == X64_SP && !vsib))
		m.index = vsib ? X64_R12 : X64_NONE;
	return m;
}

/* The form that says what @i says; memory that cannot be said is replaced. */
static struct x64_form same_form(const struct insn *i)
{
	struct x64_form f = { .reg = 77, .rm = 77, .vvvv = 77, .m = { .scale = 9 } };

	for (unsigned n = 0; n < i->operands; n++) {
		const struct insn_operand *o = &i->operand[n];

		switch (field(i, n)) {
		case FIELD_REG: f.reg = o->reg; break;
		case FIELD_VVVV: f.vvvv = o->reg; break;
		case FIELD_OPCODE: f.rm = o->reg; break;
		case FIELD_RM:
			if (o->kind != OPERAND_MEM) {
				f.rm = o->reg;
				break;
			}
			f.memory = true;
			if (i->base == REG_RIP)
				f.m = slot;
			else
				f.m = (struct x64_mem){ i->base, i->index, i->scale, (s32)i->disp };
			break;
		default: break;
		}
	}
	return f;
}

static struct x64_form any_form(const struct insn *i)
{
	struct x64_form f = same_form(i);

	for (unsigned n = 0; n < i->operands; n++) {
		const struct insn_operand *o = &i->operand[n];
		u8 reg = (u8)any(o->kind == OPERAND_MMX ? 8 : o->kind == OPERAND_HIGH ? 4 : 16);

		switch (field(i, n)) {
		case FIELD_REG: f.reg = reg; break;
		case FIELD_VVVV: f.vvvv = reg; break;
		case FIELD_OPCODE: f.rm = reg; break;
		case FIELD_RM:
			f.rm = reg;
			if (f.memory)
				f.m = any_memory(insn_info(i)->attr & INSN_VSIB);
			else if (source(i, n) == SOURCE_E && !any(4)) {
				f.memory = true;
				f.m = any_memory(false);
			}
			break;
		default: break;
		}
	}
	/* Gathers take three registers that differ. */
	if (insn_info(i)->attr & INSN_VSIB) {
		f.reg = (f.m.index + 1) & 15;
		f.vvvv = (f.m.index + 2) & 15;
	}
	return f;
}

static void check_address(const struct insn *i, struct x64_mem m)
{
	u8 seg = m.base == X64_SP || m.base == X64_BP ? SEG_SS : SEG_DS;

	CHECK_EQ(i->base, m.base);
	CHECK_EQ(i->index, m.index);
	if (m.index != X64_NONE)
		CHECK_EQ(i->scale, m.scale);
	CHECK_EQ(i->disp, m.disp);
	CHECK_EQ(i->seg, seg);
}

static void check_operand(const struct insn *was, const struct insn *is, unsigned n,
			  const struct x64_form *f)
{
	const struct insn_operand *a = &was->operand[n], *b = &is->operand[n];
	const u8 reg[] = { a->reg, f->reg, f->rm, f->vvvv, f->rm };
	enum field where = field(was, n);

	CHECK_EQ(b->access, a->access);
	CHECK_EQ(operand_size(b), operand_size(a));
	if (where == FIELD_RM && f->memory) {
		CHECK_EQ(b->kind, OPERAND_MEM);
		check_address(is, f->m);
	} else {
		CHECK_EQ(b->kind, a->kind == OPERAND_MEM ? OPERAND_GPR : a->kind);
		CHECK_EQ(b->reg, reg[where]);
	}
}

static void check_same(const struct insn *was, const struct insn *is, const struct x64_form *f)
{
	CHECK_EQ(is->op, was->op);
	/* 90 with REX.B has a form of its own. */
	if (was->op != OP_XCHG)
		CHECK_EQ(is->form, was->form);
	CHECK_EQ(is->encoding, was->encoding);
	CHECK_EQ(is->map, was->map);
	CHECK_EQ(is->osz, was->osz);
	CHECK_EQ(is->asz, 8);
	CHECK_EQ(is->vl, was->vl);
	CHECK_EQ(is->cc, was->cc);
	CHECK_EQ(is->rep, was->rep);
	CHECK_EQ(is->imm, was->imm);
	CHECK_EQ(is->imm_len, was->imm_len);
	CHECK_EQ(is->prefix & PREFIX_LOCK, was->prefix & PREFIX_LOCK);
	CHECK_EQ(is->prefix & (PREFIX_67 | PREFIX_SEG), 0);
	CHECK_EQ(is->operands, was->operands);
	for (unsigned n = 0; n < was->operands; n++)
		check_operand(was, is, n, f);
}

/* Whether @f asks for more than other registers and other memory. */
static bool may_refuse(const struct insn *i, const struct x64_form *f)
{
	for (unsigned n = 0; n < i->operands; n++) {
		if (i->operand[n].kind == OPERAND_HIGH)
			return true;
		if (field(i, n) == FIELD_RM && (i->operand[n].kind == OPERAND_MEM) != f->memory)
			return true;
	}
	return i->op == OP_XCHG && i->map == 1 && i->opcode >= 0x90 && !f->rm;
}

static struct {
	u64 said, refused, changed;
} seen;

static void try_form(const struct insn *i, struct x64_form f, bool same)
{
	struct page p;
	struct x64 *x = begin(&p);
	struct insn is;

	if (x64_insn(x, i, &f)) {
		CHECK(!never(i));
		is = end(&p);
		check_same(i, &is, &f);
		seen.said++;
	} else {
		CHECK_EQ(x->at - p.bytes, 0);
		CHECK(!x64_full(x));
		CHECK(never(i) || (!same && may_refuse(i, &f)));
		seen.refused++;
	}
}

static void try_bytes(const u8 *bytes, size_t n)
{
	struct insn i;

	if (decode(&i, bytes, n, CPU_64) <= 0)
		return;
	try_form(&i, same_form(&i), true);
	try_form(&i, any_form(&i), false);
	try_form(&i, any_form(&i), false);
}

/* ModRM with each mod and reg, and whatever may come behind. */
static void try_opcode(u8 *bytes, unsigned n)
{
	for (unsigned k = 0; k < 32; k++) {
		bytes[n] = (u8)(k << 3 | any(8));
		for (unsigned m = n + 1; m < n + 12; m++)
			bytes[m] = (u8)any(256);
		try_bytes(bytes, n + 12);
	}
}

static void legacy_instructions_come_back_with_other_registers(void)
{
	static const struct {
		u8 n, bytes[3];
	} prefixes[] = {
		{ 0, { 0 } },          { 1, { 0x66 } },       { 1, { 0xf2 } },
		{ 1, { 0xf3 } },       { 2, { 0x66, 0xf2 } }, { 2, { 0xf3, 0x66 } },
		{ 1, { 0xf0 } },       { 2, { 0x66, 0xf0 } }, { 2, { 0x67, 0x65 } },
		{ 2, { 0xf0, 0xf2 } }, { 2, { 0x64, 0x66 } }, { 3, { 0xf2, 0x36, 0xf3 } }
	};
	static const struct {
		u8 n, bytes[2];
	} maps[] = { { 0, { 0 } }, { 1, { 0x0f } }, { 2, { 0x0f, 0x38 } }, { 2, { 0x0f, 0x3a } } };
	u8 b[32];

	for (unsigned k = 0; k < ARRAY_LEN(prefixes) * 4 * 4; k++) {
		unsigned rex = k & 3, map = k >> 2 & 3, n = prefixes[k >> 4].n;

		memcpy(b, prefixes[k >> 4].bytes, n);
		/* None, one with W, one without. */
		if (rex)
			b[n++] = (u8)(rex == 1 ? 0x40 : rex == 2 ? 0x48 : 0x40 + any(16));
		memcpy(b + n, maps[map].bytes, maps[map].n);
		n += maps[map].n;
		for (unsigned op = 0; op < 256; op++) {
			b[n] = (u8)op;
			try_opcode(b, n + 1);
		}
	}
	CHECK(seen.said > 100000);
}

static void vex_instructions_come_back_with_other_registers(void)
{
	u64 before = seen.said;
	u8 b[32];

	for (unsigned k = 0; k < 5 * 16 * 256; k++) {
		unsigned map = k >> 12, w_l_pp = k >> 8 & 15;
		unsigned n = 0;

		/* vvvv is mostly none: most have none. */
		u8 vvvv = (u8)(any(3) ? 0x78 : any(16) << 3);
		u8 last = (u8)((w_l_pp & 8) << 4 | vvvv | (w_l_pp & 7));

		if (map < 3) {
			b[n++] = 0xc4;
			b[n++] = (u8)(any(8) << 5 | (map + 1));
		} else {
			b[n++] = 0xc5;
		}
		b[n++] = last;
		b[n++] = (u8)k;
		try_opcode(b, n);
	}
	CHECK(seen.said > before + 50000);
}

static struct insn decoded(const u8 *bytes, size_t n)
{
	struct insn i;

	CHECK_EQ(decode(&i, bytes, n, CPU_64), (int)n);
	return i;
}
#define DECODED(...) decoded((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void check_bytes(struct insn i, struct x64_form f, const u8 *bytes, size_t n)
{
	struct page p;

	CHECK(x64_insn(begin(&p), &i, &f));
	CHECK_EQ(p.x.at - p.bytes, n);
	CHECK(!memcmp(p.bytes, bytes, n));
}
#define BECOMES(i, f, ...)                                                                         \
	check_bytes(i, f, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static bool refused(struct insn i, struct x64_form f)
{
	struct page p;
	bool said = x64_insn(begin(&p), &i, &f);

	CHECK(said || p.x.at == p.bytes);
	return !said;
}

#define REGS(r, m) ((struct x64_form){ .reg = (r), .rm = (m) })
#define SLOT(r) ((struct x64_form){ .reg = (r), .memory = true, .m = slot })

static void registers_become_memory_where_that_means_the_same(void)
{
	/* add r9, rax; add rax, gs:[rax]; movzx eax, r9b; bt r9, 1 */
	BECOMES(DECODED(0x49, 0x01, 0xc1), SLOT(X64_AX), 0x48, 0x01, 0x44, 0x24, 0x48);
	BECOMES(DECODED(0x65, 0x48, 0x03, 0x00), REGS(X64_AX, X64_R9), 0x49, 0x03, 0xc1);
	BECOMES(DECODED(0x41, 0x0f, 0xb6, 0xc1), SLOT(X64_AX), 0x0f, 0xb6, 0x44, 0x24, 0x48);
	BECOMES(DECODED(0x49, 0x0f, 0xba, 0xe1, 1), SLOT(0), 0x48, 0x0f, 0xba, 0x64, 0x24, 0x48, 1);
	/* bt r9, rax; lock add [rax], rax; pextrb eax, xmm0, 1; lea; movd xmm0, eax; movaps */
	CHECK(refused(DECODED(0x49, 0x0f, 0xa3, 0xc1), SLOT(X64_AX)));
	CHECK(refused(DECODED(0xf0, 0x48, 0x01, 0x00), REGS(X64_AX, X64_CX)));
	CHECK(refused(DECODED(0x66, 0x0f, 0x3a, 0x14, 0xc0, 1), SLOT(X64_AX)));
	CHECK(refused(DECODED(0x48, 0x8d, 0x00), REGS(X64_AX, X64_CX)));
	CHECK(!refused(DECODED(0x66, 0x0f, 0x6e, 0xc0), SLOT(X64_AX)));
	CHECK(refused(DECODED(0x0f, 0x28, 0xc0), SLOT(X64_AX)));
	/* mov r9, imm: no memory in the opcode's register */
	CHECK(refused(DECODED(0x41, 0xb9, 1, 0, 0, 0), SLOT(X64_AX)));
}

static void high_byte_registers_stand_without_rex(void)
{
	/* mov ah, bl; mov ah, [rax]; movzx ecx, ah */
	BECOMES(DECODED(0x88, 0xdc), REGS(X64_CX, X64_DX), 0x88, 0xce);
	CHECK(refused(DECODED(0x88, 0xdc), REGS(X64_SI, X64_DX)));
	CHECK(refused(DECODED(0x88, 0xdc), REGS(X64_R8, X64_DX)));
	CHECK(refused(DECODED(0x88, 0xdc), REGS(X64_CX, X64_SP)));
	BECOMES(DECODED(0x8a, 0x20), SLOT(X64_BX), 0x8a, 0x7c, 0x24, 0x48);
	CHECK(refused(DECODED(0x8a, 0x20),
		      ((struct x64_form){ .memory = true, .m.base = X64_R8 })));
	BECOMES(DECODED(0x0f, 0xb6, 0xcc), REGS(X64_CX, X64_BX), 0x0f, 0xb6, 0xcf);
	CHECK(refused(DECODED(0x0f, 0xb6, 0xcc), REGS(X64_R9, X64_BX)));
	/* What was a high byte may lie in memory. */
	BECOMES(DECODED(0x88, 0xdc), SLOT(X64_SI), 0x40, 0x88, 0x74, 0x24, 0x48);
}

static void forms_with_their_register_in_the_opcode_change_it(void)
{
	/* bswap; mov; xchg, which with rAX would be NOP */
	BECOMES(DECODED(0x0f, 0xc8), REGS(0, X64_R10), 0x41, 0x0f, 0xca);
	BECOMES(DECODED(0xb0, 7), REGS(0, X64_SI), 0x40, 0xb6, 7);
	BECOMES(DECODED(0xb4, 7), REGS(0, X64_BX), 0xb7, 7);
	BECOMES(DECODED(0x48, 0x91), REGS(0, X64_R9), 0x49, 0x91);
	BECOMES(DECODED(0x41, 0x90), REGS(0, X64_CX), 0x91);
	CHECK(refused(DECODED(0x41, 0x90), REGS(0, X64_AX)));
	/* add eax, imm; nop; pause */
	BECOMES(DECODED(0x05, 1, 2, 3, 4), REGS(0, 0), 0x05, 1, 2, 3, 4);
	BECOMES(DECODED(0x66, 0x05, 1, 2), REGS(0, 0), 0x66, 0x05, 1, 2);
	BECOMES(DECODED(0x90), REGS(0, 0), 0x90);
	BECOMES(DECODED(0xf3, 0x90), REGS(0, 0), 0xf3, 0x90);
}

static void vex_is_short_where_it_can_be(void)
{
	/* vaddps xmm0, xmm1, xmm2; andn eax, ecx, edx */
	const struct x64_form low = { .reg = 8, .vvvv = 15, .rm = 7 };
	const struct x64_form high = { .reg = 0, .vvvv = 0, .rm = 8 };

	BECOMES(DECODED(0xc4, 0xe1, 0x70, 0x58, 0xc2), low, 0xc5, 0x00, 0x58, 0xc7);
	BECOMES(DECODED(0xc5, 0xf0, 0x58, 0xc2), high, 0xc4, 0xc1, 0x78, 0x58, 0xc0);
	BECOMES(DECODED(0xc4, 0xe2, 0x70, 0xf2, 0xc2), low, 0xc4, 0x62, 0x00, 0xf2, 0xc7);
}

int main(void)
{
	RUN(registers_are_what_was_said);
	RUN(memory_is_what_was_said);
	RUN(arithmetic_takes_immediates_of_every_size);
	RUN(constants_are_short_and_leave_flags_alone);
	RUN(jumps_find_their_targets);
	RUN(what_finds_no_room_is_counted_and_not_written);
	random_state = 0x9e3779b97f4a7c15;
	RUN(legacy_instructions_come_back_with_other_registers);
	RUN(vex_instructions_come_back_with_other_registers);
	RUN(registers_become_memory_where_that_means_the_same);
	RUN(high_byte_registers_stand_without_rex);
	RUN(forms_with_their_register_in_the_opcode_change_it);
	RUN(vex_is_short_where_it_can_be);
	return 0;
}
