/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/muldiv.c: multiplication and division. */
#include "cpu/soft/int_priv.h"

/* The accumulator pair: AX for bytes, else DX:AX by size. */
struct pair {
	u64 lo, hi;
};

static struct pair pair_get(const struct soft_cpu *c, unsigned size)
{
	if (size == 1)
		return (struct pair){ .lo = gpr_get(c, R_AX, 2) };
	return (struct pair){ gpr_get(c, R_AX, size), gpr_get(c, R_DX, size) };
}

static void pair_set(struct soft_cpu *c, unsigned size, const struct pair *p)
{
	if (size == 1) {
		gpr_set(c, R_AX, 2, p->lo);
		return;
	}
	gpr_set(c, R_AX, size, p->lo);
	gpr_set(c, R_DX, size, p->hi);
}

/* The instruction wants RAX and RDX, and flags are taken before RAX is used again. */
#define ON_PAIR(text, f, p, v_)                                                                    \
	do {                                                                                       \
		u64 lo_;                                                                           \
		__asm__ volatile(FLAGS_IN "movq %[a], %%rax\n\t" text                              \
					  "\n\tmovq %%rax, %[lo]" FLAGS_OUT                        \
				 : "+&a"(f), "+&d"((p)->hi), [lo] "=&r"(lo_)                       \
				 : [a] "r"((p)->lo), [v] "r"(v_)                                   \
				 : "cc");                                                          \
		(p)->lo = lo_;                                                                     \
	} while (0)

#define PAIR_OPERATION(name)                                                                       \
	static inline u32 native_##name(u32 f, struct pair *p, u64 v, unsigned size)               \
	{                                                                                          \
		switch (size) {                                                                    \
		case 1: ON_PAIR(#name "b %b[v]", f, p, v); break;                                  \
		case 2: ON_PAIR(#name "w %w[v]", f, p, v); break;                                  \
		case 4: ON_PAIR(#name "l %k[v]", f, p, v); break;                                  \
		default: ON_PAIR(#name "q %q[v]", f, p, v);                                        \
		}                                                                                  \
		return f;                                                                          \
	}
PAIR_OPERATION(mul)
PAIR_OPERATION(imul)
PAIR_OPERATION(div)
PAIR_OPERATION(idiv)
#undef PAIR_OPERATION

static u32 native_imul2(u32 f, u64 *at, u64 v, unsigned size)
{
	u64 val = *at;

#define IMUL(text)                                                                                 \
	__asm__ volatile(FLAGS_IN text FLAGS_OUT : "+&a"(f), [to] "+&r"(val) : [v] "r"(v) : "cc")
	switch (size) {
	case 2: IMUL("imulw %w[v], %w[to]"); break;
	case 4: IMUL("imull %k[v], %k[to]"); break;
	default: IMUL("imulq %q[v], %q[to]");
	}
#undef IMUL
	*at = val;
	return f;
}

void exec_mul(struct soft_cpu *c, const struct insn *i)
{
	unsigned size = operand_size(&i->operand[0]);
	u64 v = opnd_get(c, i, 0);
	struct pair p = pair_get(c, size);

	c->lf = (u16)native_mul(c->lf, &p, v, size);
	pair_set(c, size, &p);
}

void exec_imul(struct soft_cpu *c, const struct insn *i)
{
	unsigned size = operand_size(&i->operand[0]);
	u64 v = opnd_get(c, i, i->operands - 1u), val;
	struct pair p;

	if (i->operands > 1) {
		val = opnd_get(c, i, i->operands - 2u);
		c->lf = (u16)native_imul2(c->lf, &val, v, size);
		opnd_set(c, i, 0, val);
		return;
	}
	p = pair_get(c, size);
	c->lf = (u16)native_imul(c->lf, &p, v, size);
	pair_set(c, size, &p);
}

void exec_mulx(struct soft_cpu *c, const struct insn *i)
{
	unsigned size = operand_size(&i->operand[0]);
	unsigned __int128 product = (unsigned __int128)gpr_get(c, R_DX, size) * opnd_get(c, i, 2);

	/* With the same register twice the high half stays. SDM 2B, MULX */
	opnd_set(c, i, 1, (u64)product);
	opnd_set(c, i, 0, (u64)(product >> (8 * size)));
}

/* The quotient fits if and only if the high half is less than the divisor. */
static bool div_fits(const struct pair *p, u64 v, unsigned size)
{
	return (size == 1 ? p->lo >> 8 : p->hi) < v;
}

static bool idiv_fits(const struct pair *p, u64 v, unsigned size)
{
	unsigned bits = 8 * size;
	u64 divisor = sign_extend(v, size), limit = BIT64(bits - 1);
	unsigned __int128 dividend;
	bool negative;

	if (size == 1)
		dividend = (unsigned __int128)(__int128)(s64)sign_extend(p->lo, 2);
	else
		dividend = (unsigned __int128)(__int128)(s64)sign_extend(p->hi, size) << bits |
			   p->lo;
	negative = (__int128)dividend < 0;
	if (negative)
		dividend = -dividend;
	negative ^= (s64)divisor < 0;
	if ((s64)divisor < 0)
		divisor = -divisor;
	if (dividend >> bits >= divisor)
		return false;
	return (u64)(dividend / divisor) < limit + negative;
}

static void divide(struct soft_cpu *c, const struct insn *i,
		   bool (*fits)(const struct pair *p, u64 v, unsigned size),
		   u32 (*native)(u32 f, struct pair *p, u64 v, unsigned size))
{
	unsigned size = operand_size(&i->operand[0]);
	u64 v = opnd_get(c, i, 0);
	struct pair p = pair_get(c, size);

	if (!fits(&p, v, size))
		raise_vec(c, VEC_DE);
	c->lf = (u16)native(c->lf, &p, v, size);
	pair_set(c, size, &p);
}

void exec_div(struct soft_cpu *c, const struct insn *i)
{
	divide(c, i, div_fits, native_div);
}

void exec_idiv(struct soft_cpu *c, const struct insn *i)
{
	divide(c, i, idiv_fits, native_idiv);
}
