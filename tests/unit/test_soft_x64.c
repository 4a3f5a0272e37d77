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

int main(void)
{
	RUN(registers_are_what_was_said);
	RUN(memory_is_what_was_said);
	RUN(arithmetic_takes_immediates_of_every_size);
	RUN(constants_are_short_and_leave_flags_alone);
	RUN(jumps_find_their_targets);
	RUN(what_finds_no_room_is_counted_and_not_written);
	return 0;
}
