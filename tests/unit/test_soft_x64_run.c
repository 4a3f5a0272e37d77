/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the translator's assembler writes does on this processor what it says. */
#include "cpu/soft/x64.h"
#include "plat/code.h"
#include "test.h"

/* Code is called with the address of the registers it begins and ends with. */
struct state {
	u64 gpr[16]; /* but RSP */
	u64 flags;
	u64 data[32];
};

typedef void(__attribute__((ms_abi)) * code_fn)(struct state *s);

static struct code_map code;

/* Registers that Windows' calling convention wants back, and then the argument. */
static const u8 kept[] = { X64_BX, X64_BP, X64_SI, X64_DI, X64_R12, X64_R13, X64_R14, X64_R15 };

static void push(struct x64 *x, unsigned reg)
{
	if (reg >= 8)
		x64_byte(x, 0x41);
	x64_byte(x, 0x50 | (reg & 7));
}

static void pop(struct x64 *x, unsigned reg)
{
	if (reg >= 8)
		x64_byte(x, 0x41);
	x64_byte(x, 0x58 | (reg & 7));
}

static struct x64_mem field(unsigned base, size_t at)
{
	return (struct x64_mem){ (u8)base, X64_NONE, 0, (s32)at };
}
#define GPR(base, r) field(base, (r) * sizeof(u64))
#define FLAGS(base) field(base, offsetof(struct state, flags))

static struct x64 begin(void)
{
	struct x64 x = { .at = code.write,
			 .end = code.write + code.size,
			 .exec = code.exec - code.write };

	for (unsigned n = 0; n < ARRAY_LEN(kept); n++)
		push(&x, kept[n]);
	push(&x, X64_CX);
	x64_rm(&x, 4, 0xff, 6, FLAGS(X64_CX)); /* push flags; popf */
	x64_byte(&x, 0x9d);
	for (unsigned r = 0; r < 16; r++)
		if (r != X64_SP && r != X64_CX)
			x64_load(&x, 8, r, GPR(X64_CX, r));
	x64_load(&x, 8, X64_CX, GPR(X64_CX, X64_CX));
	return x;
}

/* Registers and flags go back to where they came from. */
static void end(struct x64 *x, struct state *s)
{
	push(x, X64_AX);
	x64_load(x, 8, X64_AX, field(X64_SP, 8));
	for (unsigned r = 1; r < 16; r++)
		if (r != X64_SP)
			x64_store(x, 8, GPR(X64_AX, r), r);
	x64_mov(x, X64_DX, X64_AX);
	pop(x, X64_AX);
	x64_store(x, 8, GPR(X64_DX, X64_AX), X64_AX);
	x64_byte(x, 0x9c); /* pushf; pop flags */
	x64_rm(x, 4, 0x8f, 0, FLAGS(X64_DX));
	pop(x, X64_CX);
	for (unsigned n = ARRAY_LEN(kept); n--;)
		pop(x, kept[n]);
	x64_byte(x, 0xc3);
	CHECK(!x64_full(x));
	((code_fn)(uintptr_t)code.exec)(s);
}

static struct state some_state(void)
{
	struct state s = { .flags = 0x202 };

	for (unsigned r = 0; r < 16; r++)
		s.gpr[r] = 0x1111111111111111ull * r + 0xfedcba98;
	for (unsigned n = 0; n < ARRAY_LEN(s.data); n++)
		s.data[n] = 0x0101010101010101ull * n + 0x8877665544332211;
	return s;
}

enum { ARITH = 0x8d5 };

/* All but RSP are as in @want. */
static void check_state(const struct state *s, const struct state *want)
{
	for (unsigned r = 0; r < 16; r++)
		if (r != X64_SP)
			CHECK_EQ(s->gpr[r], want->gpr[r]);
	CHECK_EQ(s->flags & ARITH, want->flags & ARITH);
	CHECK(!memcmp(s->data, want->data, sizeof(s->data)));
}

static void constants_arrive_and_flags_stay(void)
{
	static const u64 imms[] = {
		0,          1,     0x7fffffff,         0x80000000,        0xffffffff,
		1ull << 32, ~0ull, 0xffffffff80000000, 0x123456789abcdef0
	};

	for (unsigned n = 0; n < ARRAY_LEN(imms) * 16; n++) {
		struct state s = some_state(), want;
		struct x64 x;

		if (n % 16 == X64_SP)
			continue;
		s.flags |= n & 1 ? ARITH : 0;
		want = s;
		want.gpr[n % 16] = imms[n / 16];
		x = begin();
		x64_mov_ri(&x, n % 16, imms[n / 16]);
		end(&x, &s);
		check_state(&s, &want);
	}
}

/* A state whose base and index together give data[16]; false: they cannot. */
static bool aim(struct state *s, struct x64_mem *m)
{
	u64 target = (uintptr_t)&s->data[16] - (u64)(s64)m->disp;

	if (m->base == X64_SP || m->base == X64_NONE || m->index == X64_SP)
		return false;
	if (m->index == m->base) {
		m->scale = 0;
		m->disp = (s32)((uintptr_t)&s->data[16] & 1);
		s->gpr[m->base] = ((uintptr_t)&s->data[16] - (u64)m->disp) / 2;
		return true;
	}
	s->gpr[m->base] = target;
	if (m->index != X64_NONE) {
		s->gpr[m->index] = 5;
		s->gpr[m->base] -= 5ull << m->scale;
	}
	return true;
}

static void use_memory(struct x64_mem m, unsigned reg)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	struct state s = some_state(), want;
	struct x64 x;

	if (reg == X64_SP || !aim(&s, &m))
		return;
	for (unsigned n = 0; n < 4; n++) {
		unsigned size = sizes[n];

		want = s;
		memcpy(&want.data[16], &s.gpr[reg], size);
		x = begin();
		x64_store(&x, size, m, reg);
		end(&x, &s);
		check_state(&s, &want);
	}
	want.gpr[reg] = s.data[16];
	want.gpr[reg] = (u32)want.gpr[reg];
	x = begin();
	x64_load(&x, 4, reg, m);
	end(&x, &s);
	check_state(&s, &want);
}

static void memory_is_found_by_every_base_and_index(void)
{
	static const s32 disps[] = { 0, 8, -8, 0x1000, -0x7fffff00 };
	unsigned turn = 0;

	for (unsigned base = 0; base < 16; base++) {
		for (unsigned index = 0; index < 17; index++) {
			for (unsigned k = 0; k < ARRAY_LEN(disps); k++) {
				struct x64_mem m = { (u8)base, index == 16 ? X64_NONE : (u8)index,
						     (u8)(turn & 3), disps[k] };

				use_memory(m, turn++ & 15);
			}
		}
	}
}

/* Conditions by the flags they are made of. SDM 1 appendix B */
static bool holds(unsigned cc, u64 flags)
{
	bool cf = flags & 1, pf = flags & 4, zf = flags & 0x40, sf = flags & 0x80;
	bool of = flags & 0x800, yes = false;

	switch (cc & ~1u) {
	case CC_O: yes = of; break;
	case CC_B: yes = cf; break;
	case CC_E: yes = zf; break;
	case CC_BE: yes = cf || zf; break;
	case CC_S: yes = sf; break;
	case CC_P: yes = pf; break;
	case CC_L: yes = sf != of; break;
	case CC_LE: yes = zf || sf != of; break;
	default: break;
	}
	return yes != (cc & 1);
}

static void jumps_are_taken_when_their_condition_holds(void)
{
	for (unsigned k = 0; k < 16 * 32; k++) {
		struct state s = some_state(), want;
		unsigned cc = k & 15;
		struct x64 x;
		u8 *no, *over;

		/* C P Z S O */
		s.flags |= (k >> 4 & 1) | (k >> 3 & 4) | (k & 0x40) | (k & 0x80) | (k & 0x100) << 3;
		want = s;
		want.gpr[X64_BX] = holds(cc, s.flags) ? 2 : 1;
		x = begin();
		no = x64_jcc(&x, cc, NULL);
		x64_mov_ri(&x, X64_BX, 1);
		over = x64_jmp(&x, NULL);
		x64_set_jump(&x, no, x64_here(&x));
		x64_mov_ri(&x, X64_BX, 2);
		x64_set_jump(&x, over, x64_here(&x));
		end(&x, &s);
		check_state(&s, &want);
	}
}

static void calls_and_jumps_by_registers_and_memory_arrive(void)
{
	for (unsigned reg = 0; reg < 16; reg++) {
		struct state s = some_state(), want;
		const u8 *sub, *back;
		struct x64 x;
		u8 *over, *on;

		if (reg == X64_SP || reg == X64_DX)
			continue;
		want = s;
		want.gpr[X64_DX] = 0x3e7;
		x = begin();
		push(&x, reg);
		over = x64_jmp(&x, NULL);
		sub = x64_here(&x);
		x64_mov_ri(&x, X64_DX, 1000);
		x64_byte(&x, 0xc3);
		back = x64_here(&x);
		on = x64_jmp(&x, NULL);
		x64_set_jump(&x, over, x64_here(&x));
		(void)x64_call(&x, sub);
		/* Over an INT3, by the register, then by memory. */
		x64_mov_ri(&x, reg, (uintptr_t)back);
		x64_jmp_reg(&x, reg);
		x64_byte(&x, 0xcc);
		x64_set_jump(&x, on, x64_here(&x));
		x64_mov_ri(&x, reg, (uintptr_t)&s.data[1]);
		x64_jmp_mem(&x, field(reg, 8));
		s.data[2] = want.data[2] = (uintptr_t)x64_here(&x) + 1;
		x64_byte(&x, 0xcc);
		x64_rr(&x, 4, 0xff, 1, X64_DX); /* dec */
		pop(&x, reg);
		end(&x, &s);
		want.flags = s.flags;
		check_state(&s, &want);
	}
}

static void arithmetic_does_what_it_is_called(void)
{
	static const s32 imms[] = { 5, -5, 0x1234, -0x123456 };
	static const unsigned alus[] = { ALU_ADD, ALU_OR, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

	for (unsigned k = 0; k < 6 * 4 * 16; k++) {
		struct state s = some_state(), want;
		unsigned alu = k % 6, reg = k / 24;
		s32 imm = imms[k / 6 % 4];
		u64 a = s.gpr[reg], v = (u64)(s64)imm;
		const u64 result[] = { a + v, a | v, a & v, a - v, a ^ v, a };
		struct x64 x;

		if (reg == X64_SP)
			continue;
		want = s;
		want.gpr[reg] = result[alu];
		x = begin();
		x64_alu_ri(&x, 8, alus[alu], reg, imm);
		end(&x, &s);
		want.flags = s.flags;
		check_state(&s, &want);
		CHECK_EQ(s.flags >> 6 & 1, (alu == 5 ? a - v : result[alu]) == 0);

		/* The same on the low byte, by another register. */
		s = some_state();
		want = s;
		if (reg == X64_CX || alu == 5)
			continue;
		memcpy(&want.gpr[reg], &result[alu], 1);
		s.gpr[X64_CX] = want.gpr[X64_CX] = v;
		x = begin();
		x64_rr(&x, 1, alus[alu] - 1, X64_CX, reg);
		end(&x, &s);
		want.flags = s.flags;
		check_state(&s, &want);
	}
}

int main(void)
{
	struct error err = { 0 };

	CHECK_EQ(code_map_create(&code, 65536, "test-x64", &err), 0);
	RUN(constants_arrive_and_flags_stay);
	RUN(memory_is_found_by_every_base_and_index);
	RUN(jumps_are_taken_when_their_condition_holds);
	RUN(calls_and_jumps_by_registers_and_memory_arrive);
	RUN(arithmetic_does_what_it_is_called);
	code_map_destroy(&code);
	return 0;
}
