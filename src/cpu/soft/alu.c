/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/alu.c: addition, subtraction and logic. */
#include "cpu/soft/int_priv.h"

#define ALU(name)                                                                                  \
	static inline u32 native_##name(u32 f, void *at, u64 v, unsigned how)                      \
	{                                                                                          \
		switch (how) {                                                                     \
			NATIVE_SIZES(#name, f, at, v);                                             \
			NATIVE_LOCKED(#name, f, at, v);                                            \
		}                                                                                  \
		return f;                                                                          \
	}
ALU(add)
ALU(or)
ALU(adc)
ALU(sbb)
ALU(and)
ALU(sub)
ALU(xor)
#undef ALU

#define COMPARE(name)                                                                              \
	static inline u32 native_##name(u32 f, void *at, u64 v, unsigned how)                      \
	{                                                                                          \
		switch (how) {                                                                     \
			NATIVE_SIZES(#name, f, at, v);                                             \
		}                                                                                  \
		return f;                                                                          \
	}
COMPARE(cmp)
COMPARE(test)
#undef COMPARE

/* One operand: the same with nothing before the address. */
#define UNARY(name)                                                                                \
	static inline u32 native_##name(u32 f, void *at, u64 v, unsigned how)                      \
	{                                                                                          \
		switch (how) {                                                                     \
		case 1: NATIVE(#name "b (%[at])", f, at, v); break;                                \
		case 2: NATIVE(#name "w (%[at])", f, at, v); break;                                \
		case 4: NATIVE(#name "l (%[at])", f, at, v); break;                                \
		case 8: NATIVE(#name "q (%[at])", f, at, v); break;                                \
		case LOCKED | 1: NATIVE("lock " #name "b (%[at])", f, at, v); break;               \
		case LOCKED | 2: NATIVE("lock " #name "w (%[at])", f, at, v); break;               \
		case LOCKED | 4: NATIVE("lock " #name "l (%[at])", f, at, v); break;               \
		case LOCKED | 8: NATIVE("lock " #name "q (%[at])", f, at, v); break;               \
		}                                                                                  \
		return f;                                                                          \
	}
UNARY(inc)
UNARY(dec)
UNARY(neg)
UNARY(not )
#undef UNARY

u16 logic_flags(u64 val, unsigned size)
{
	return (u16)native_test(0, &val, val, size);
}

u16 add_flags(u64 a, u64 b, unsigned size)
{
	return (u16)native_add(0, &a, b, size);
}

u16 compare_flags(u64 a, u64 b, unsigned size)
{
	return (u16)native_cmp(0, &a, b, size);
}

static void modify(struct soft_cpu *c, const struct insn *i, alu_fn fn, u64 v)
{
	struct place p;
	u32 f;

	place_begin(c, i, 0, &p);
	f = fn(c->lf, p.at, v, p.size | insn_locked(i));
	place_end(c, &p);
	c->lf = (u16)f;
}

static void compare(struct soft_cpu *c, const struct insn *i, alu_fn fn)
{
	u64 a = opnd_get(c, i, 0), b = opnd_get(c, i, 1);

	c->lf = (u16)fn(c->lf, &a, b, operand_size(&i->operand[0]));
}

#define EXEC_TWO(name)                                                                             \
	void exec_##name(struct soft_cpu *c, const struct insn *i)                                 \
	{                                                                                          \
		modify(c, i, native_##name, opnd_get(c, i, 1));                                    \
	}
EXEC_TWO(add)
EXEC_TWO(or)
EXEC_TWO(adc)
EXEC_TWO(sbb)
EXEC_TWO(and)
EXEC_TWO(sub)
EXEC_TWO(xor)
#undef EXEC_TWO

#define EXEC_ONE(name)                                                                             \
	void exec_##name(struct soft_cpu *c, const struct insn *i)                                 \
	{                                                                                          \
		modify(c, i, native_##name, 0);                                                    \
	}
EXEC_ONE(inc)
EXEC_ONE(dec)
EXEC_ONE(neg)
EXEC_ONE(not )
#undef EXEC_ONE

void exec_cmp(struct soft_cpu *c, const struct insn *i)
{
	compare(c, i, native_cmp);
}

void exec_test(struct soft_cpu *c, const struct insn *i)
{
	compare(c, i, native_test);
}
