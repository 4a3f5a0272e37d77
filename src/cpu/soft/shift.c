/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/shift.c: shifts and rotations. */
#include "cpu/soft/int_priv.h"

typedef u32 (*shift_fn)(u32 f, void *at, u64 v, u8 count, unsigned size);

/* The host masks the count as the guest's processor does; 0 leaves flags and value alone. */
#define SHIFT_BY_CL(text, f, at_, v_, count)                                                       \
	__asm__ volatile(FLAGS_IN text FLAGS_OUT                                                   \
			 : "+&a"(f)                                                                \
			 : [at] "r"(at_), [v] "r"(v_), "c"(count)                                  \
			 : "cc", "memory")

#define SHIFT(name)                                                                                \
	static inline u32 native_##name(u32 f, void *at, u64 v, u8 count, unsigned size)           \
	{                                                                                          \
		switch (size) {                                                                    \
		case 1: SHIFT_BY_CL(#name "b %%cl, (%[at])", f, at, v, count); break;              \
		case 2: SHIFT_BY_CL(#name "w %%cl, (%[at])", f, at, v, count); break;              \
		case 4: SHIFT_BY_CL(#name "l %%cl, (%[at])", f, at, v, count); break;              \
		default: SHIFT_BY_CL(#name "q %%cl, (%[at])", f, at, v, count);                    \
		}                                                                                  \
		return f;                                                                          \
	}
SHIFT(rol)
SHIFT(ror)
SHIFT(rcl)
SHIFT(rcr)
SHIFT(shl)
SHIFT(shr)
SHIFT(sar)
#undef SHIFT

#define DOUBLE_SHIFT(name)                                                                         \
	static inline u32 native_##name(u32 f, void *at, u64 v, u8 count, unsigned size)           \
	{                                                                                          \
		switch (size) {                                                                    \
		case 2: SHIFT_BY_CL(#name "w %%cl, %w[v], (%[at])", f, at, v, count); break;       \
		case 4: SHIFT_BY_CL(#name "l %%cl, %k[v], (%[at])", f, at, v, count); break;       \
		default: SHIFT_BY_CL(#name "q %%cl, %q[v], (%[at])", f, at, v, count);             \
		}                                                                                  \
		return f;                                                                          \
	}
DOUBLE_SHIFT(shld)
DOUBLE_SHIFT(shrd)
#undef DOUBLE_SHIFT

/* Operand 0 by the last one, which is CL or an immediate. */
static void shift(struct soft_cpu *c, const struct insn *i, shift_fn fn)
{
	u8 count = (u8)opnd_get(c, i, i->operands - 1u);
	u64 v = opnd_get(c, i, 1);
	struct place p;
	u32 f;

	place_begin(c, i, 0, &p);
	f = fn(c->lf, p.at, v, count, p.size);
	place_end(c, &p);
	c->lf = (u16)f;
}

#define EXEC_SHIFT(name)                                                                           \
	void exec_##name(struct soft_cpu *c, const struct insn *i)                                 \
	{                                                                                          \
		shift(c, i, native_##name);                                                        \
	}
EXEC_SHIFT(rol)
EXEC_SHIFT(ror)
EXEC_SHIFT(rcl)
EXEC_SHIFT(rcr)
EXEC_SHIFT(shl)
EXEC_SHIFT(shr)
EXEC_SHIFT(sar)
EXEC_SHIFT(shld)
EXEC_SHIFT(shrd)
#undef EXEC_SHIFT

/* BMI2: operand 1 by operand 2, no flags. */
static unsigned count_without_flags(struct soft_cpu *c, const struct insn *i)
{
	return opnd_get(c, i, 2) & (operand_size(&i->operand[0]) * 8 - 1);
}

void exec_shlx(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1);

	opnd_set(c, i, 0, val << count_without_flags(c, i));
}

void exec_shrx(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1);

	opnd_set(c, i, 0, val >> count_without_flags(c, i));
}

void exec_sarx(struct soft_cpu *c, const struct insn *i)
{
	u64 val = sign_extend(opnd_get(c, i, 1), operand_size(&i->operand[0]));

	opnd_set(c, i, 0, (u64)((s64)val >> count_without_flags(c, i)));
}

void exec_rorx(struct soft_cpu *c, const struct insn *i)
{
	unsigned bits = operand_size(&i->operand[0]) * 8;
	unsigned count = count_without_flags(c, i);
	u64 val = opnd_get(c, i, 1);

	opnd_set(c, i, 0, count ? val >> count | val << (bits - count) : val);
}
