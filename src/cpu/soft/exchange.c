/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/exchange.c: XCHG, XADD and CMPXCHG, locked or not. */
#include <string.h>

#include "cpu/soft/int_priv.h"

/* With an operand in memory always locked. */
static u64 native_xchg(void *at, u64 v, unsigned size)
{
	switch (size) {
	case 1: __asm__ volatile("xchgb %b0, (%1)" : "+&r"(v) : "r"(at) : "memory"); break;
	case 2: __asm__ volatile("xchgw %w0, (%1)" : "+&r"(v) : "r"(at) : "memory"); break;
	case 4: __asm__ volatile("xchgl %k0, (%1)" : "+&r"(v) : "r"(at) : "memory"); break;
	default: __asm__ volatile("xchgq %q0, (%1)" : "+&r"(v) : "r"(at) : "memory");
	}
	return v;
}

void exec_xchg(struct soft_cpu *c, const struct insn *i)
{
	u64 v = opnd_get(c, i, 1);
	struct place p;

	place_begin(c, i, 0, &p);
	v = native_xchg(p.at, v, p.size);
	place_end(c, &p);
	opnd_set(c, i, 1, v);
}

/* *@v becomes what was at @at. */
static u32 native_xadd(void *at, u64 *v, unsigned how)
{
	u64 val = *v;
	u32 f;

#define XADD(text)                                                                                 \
	__asm__ volatile(text FLAGS_OUT                                                            \
			 : "=&a"(f), [v] "+&r"(val)                                                \
			 : [at] "r"(at)                                                            \
			 : "cc", "memor"                                                           \
				 "y")
	switch (how) {
	case 1: XADD("xaddb %b[v], (%[at])"); break;
	case 2: XADD("xaddw %w[v], (%[at])"); break;
	case 4: XADD("xaddl %k[v], (%[at])"); break;
	case 8: XADD("xaddq %q[v], (%[at])"); break;
	case LOCKED | 1: XADD("lock xaddb %b[v], (%[at])"); break;
	case LOCKED | 2: XADD("lock xaddw %w[v], (%[at])"); break;
	case LOCKED | 4: XADD("lock xaddl %k[v], (%[at])"); break;
	default: XADD("lock xaddq %q[v], (%[at])");
	}
#undef XADD
	*v = val;
	return f;
}

void exec_xadd(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *to = &i->operand[0], *from = &i->operand[1];
	u64 v = opnd_get(c, i, 1);
	struct place p;
	u32 f;

	place_begin(c, i, 0, &p);
	f = native_xadd(p.at, &v, p.size | insn_locked(i));
	place_end(c, &p);
	/* The sum is written last. SDM 2C, XADD */
	if (to->kind != from->kind || to->reg != from->reg)
		opnd_set(c, i, 1, v);
	c->lf = (u16)f;
}

/* Flags as of a comparison with *@acc, which becomes what was at @at. */
#define CMPXCHG(text)                                                                              \
	__asm__ volatile(text "\n\tmovq %%rax, %[old]" FLAGS_OUT                                   \
			 : "+&a"(a), [old] "=&r"(old)                                              \
			 : [at] "r"(at), [v] "r"(v)                                                \
			 : "cc", "memory")

static u32 native_cmpxchg(void *at, u64 *acc, u64 v, unsigned how)
{
	u64 a = *acc, old;

	switch (how) {
	case 1: CMPXCHG("cmpxchgb %b[v], (%[at])"); break;
	case 2: CMPXCHG("cmpxchgw %w[v], (%[at])"); break;
	case 4: CMPXCHG("cmpxchgl %k[v], (%[at])"); break;
	case 8: CMPXCHG("cmpxchgq %q[v], (%[at])"); break;
	case LOCKED | 1: CMPXCHG("lock cmpxchgb %b[v], (%[at])"); break;
	case LOCKED | 2: CMPXCHG("lock cmpxchgw %w[v], (%[at])"); break;
	case LOCKED | 4: CMPXCHG("lock cmpxchgl %k[v], (%[at])"); break;
	default: CMPXCHG("lock cmpxchgq %q[v], (%[at])");
	}
	*acc = old;
	return (u32)a;
}

/* What becomes of a register's upper half when it is not equal is up to the host. */
static u32 native_cmpxchg32(u64 *at, u64 *acc, u64 v)
{
	u64 a = *acc, old, to = *at;

	__asm__ volatile("cmpxchgl %k[v], %k[to]\n\tmovq %%rax, %[old]" FLAGS_OUT
			 : "+&a"(a), [old] "=&r"(old), [to] "+&r"(to)
			 : [v] "r"(v)
			 : "cc");
	*acc = old;
	*at = to;
	return (u32)a;
}

void exec_cmpxchg(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *to = &i->operand[0];
	unsigned size = operand_size(to);
	u64 v = opnd_get(c, i, 1), acc = gpr_get(c, R_AX, size);
	struct place p;
	u16 lf;

	if (to->kind == OPERAND_GPR && size == 4) {
		lf = (u16)native_cmpxchg32(&c->gpr[to->reg], &acc, v);
	} else {
		place_begin(c, i, 0, &p);
		lf = (u16)native_cmpxchg(p.at, &acc, v, size | insn_locked(i));
		place_end(c, &p);
	}
	if (!(lf & LF_ZF))
		gpr_set(c, R_AX, size, acc);
	c->lf = lf;
}

static void set_zf(struct soft_cpu *c, bool set)
{
	c->lf = (u16)((c->lf & ~LF_ZF) | (set ? LF_ZF : 0));
}

void exec_cmpxchg8b(struct soft_cpu *c, const struct insn *i)
{
	u64 acc = gpr_get(c, R_AX, 4) | c->gpr[R_DX] << 32;
	u64 v = gpr_get(c, R_BX, 4) | c->gpr[R_CX] << 32;
	struct place p;
	bool same;

	place_begin(c, i, 0, &p);
	same = native_cmpxchg(p.at, &acc, v, 8 | insn_locked(i)) & LF_ZF;
	place_end(c, &p);
	if (!same) {
		gpr_set(c, R_AX, 4, acc);
		gpr_set(c, R_DX, 4, acc >> 32);
	}
	set_zf(c, same);
}

/* @at is aligned. Locked or not makes no difference that could be seen. */
static bool native_cmpxchg16b(void *at, u64 acc[2], const u64 v[2])
{
	bool same;

	__asm__ volatile("lock cmpxchg16b (%[at])\n\tsete %[same]"
			 : "+a"(acc[0]), "+d"(acc[1]), [same] "=q"(same)
			 : [at] "r"(at), "b"(v[0]), "c"(v[1])
			 : "cc", "memory");
	return same;
}

void exec_cmpxchg16b(struct soft_cpu *c, const struct insn *i)
{
	const u64 v[2] = { c->gpr[R_BX], c->gpr[R_CX] };
	u64 acc[2] = { c->gpr[R_AX], c->gpr[R_DX] };
	_Alignas(16) u64 copy[2];
	struct place p;
	bool same;

	/* Before the address is found to be none. */
	if ((c->seg_base[i->seg] + insn_offset(c, i)) & 15)
		raise_gp(c);
	place_begin(c, i, 0, &p);
	if (p.at == p.copy) {
		memcpy(copy, p.copy, sizeof(copy));
		same = native_cmpxchg16b(copy, acc, v);
		memcpy(p.copy, copy, sizeof(copy));
	} else {
		same = native_cmpxchg16b(p.at, acc, v);
	}
	place_end(c, &p);
	if (!same) {
		c->gpr[R_AX] = acc[0];
		c->gpr[R_DX] = acc[1];
	}
	set_zf(c, same);
}
