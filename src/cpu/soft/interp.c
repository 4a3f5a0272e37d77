/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/interp.c: the hot loop: a label for each handler of interp.h, reached by computed goto.
 *
 * A handler reads registers through byte offsets, memory through the TLB, and lets the host
 * compute flags. What it cannot do at once (a TLB miss, a device, a fault) it leaves undone and
 * goes to `slow`, which has the instruction once more and runs its exec_fn. So nothing here raises
 * but exec_fn and block_find(), and each handler does all its reads before it changes anything.
 */
#include "cpu/soft/interp.h"

#include "cpu/soft/block.h"
#include "cpu/soft/jit.h"
#include "cpu/soft/thunk.h"

/* Registers and guest memory are seen with all sizes. */
typedef u8 __attribute__((may_alias)) v1;
typedef u16 __attribute__((may_alias, aligned(1))) v2;
typedef u32 __attribute__((may_alias, aligned(1))) v4;
typedef u64 __attribute__((may_alias, aligned(1))) v8;
typedef s8 __attribute__((may_alias)) i1;
typedef s16 __attribute__((may_alias, aligned(1))) i2;
typedef s32 __attribute__((may_alias, aligned(1))) i4;

/* clang-format off */

/* Bit cc of an entry: whether condition cc holds with these flags; by OF, then AH of LAHF. */
struct cond_table {
	u16 at[2][256];
};

#define C_CF(f) ((f) & 1)
#define C_PF(f) ((f) >> 2 & 1)
#define C_ZF(f) ((f) >> 6 & 1)
#define C_SF(f) ((f) >> 7 & 1)
#define PAIR(n, c) ((c) ? 1u << (n) : 2u << (n))
#define COND(of, f) \
	(PAIR(0, of) | PAIR(2, C_CF(f)) | PAIR(4, C_ZF(f)) | PAIR(6, C_CF(f) | C_ZF(f)) | \
	 PAIR(8, C_SF(f)) | PAIR(10, C_PF(f)) | PAIR(12, C_SF(f) ^ (of)) | \
	 PAIR(14, C_ZF(f) | (C_SF(f) ^ (of))))
#define COND4(of, f) COND(of, f), COND(of, (f) + 1), COND(of, (f) + 2), COND(of, (f) + 3)
#define COND16(of, f) COND4(of, f), COND4(of, (f) + 4), COND4(of, (f) + 8), COND4(of, (f) + 12)
#define COND64(of, f) \
	COND16(of, f), COND16(of, (f) + 16), COND16(of, (f) + 32), COND16(of, (f) + 48)
#define COND256(of) COND64(of, 0), COND64(of, 64), COND64(of, 128), COND64(of, 192)
static const struct cond_table conds = { { { COND256(0) }, { COND256(1) } } };

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define REG(T, off) (*(T *)(void *)(gpr + (off)))
#define NEXT \
	do { \
		op++; \
		goto *op->go; \
	} while (0)

/* Results go to registers so: 32-bit ones clear the upper half. */
#define PUT_1(off, v) REG(v1, off) = (u8)(v)
#define PUT_2(off, v) REG(v2, off) = (u16)(v)
#define PUT_4(off, v) REG(v8, off) = (u32)(v)
#define PUT_8(off, v) REG(v8, off) = (v)

#define SUM (REG(v8, op->base) + (REG(v8, op->index) << op->scale) + (u64)(s64)op->disp)
#define EA (SUM + c->seg_base[op->seg])
#define EAF ((u64)(u32)SUM)

/* A host pointer for an access, or out to `slow`. */
#define AT(T, p, ea, tag) \
	do { \
		u64 ea_ = (ea); \
		const struct tlb_entry *e_ = &c->tlb->at[tlb_index(ea_)]; \
\
		if (unlikely(ea_ - e_->tag > PAGE - sizeof(T))) \
			goto slow; \
		(p) = (T *)(uintptr_t)(ea_ + e_->delta); \
	} while (0)
#define READ(T, p, ea) AT(T, p, ea, read)
#define WRITE(T, p, ea) AT(T, p, ea, write)

/* @ins of two operands on @d, which is a register variable or memory; flags to lf. */
#define FLAGS "; lahf; seto %%al"
#define DO2(ins, d, kind, s) \
	do { \
		u64 f_; \
\
		asm volatile(ins " %2, %0" FLAGS \
			     : kind(d), "=&a"(f_) \
			     : "r"(s), [lf] "m"(c->lf) \
			     : "cc"); \
		c->lf = (u16)f_; \
	} while (0)
#define DO1(ins, d, kind) \
	do { \
		u64 f_; \
\
		asm volatile(ins " %0" FLAGS \
			     : kind(d), "=&a"(f_) \
			     : [lf] "m"(c->lf) \
			     : "cc"); \
		c->lf = (u16)f_; \
	} while (0)
#define CARRY "btw $8, %[lf]; "

#define YES(x) x
#define NO(x)

/* The eight forms of a two-operand instruction; @W: whether it writes its destination. */
#define TWO_RR(name, ins, n, put) \
	L_##name##_rr_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s = REG(v##n, op->src); \
\
		DO2(ins, d, "+q", s); \
		put(PUT_##n(op->dst, d)); \
		NEXT; \
	}
#define TWO_RI(name, ins, n, put) \
	L_##name##_ri_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s = (v##n)(s64)op->imm; \
\
		DO2(ins, d, "+q", s); \
		put(PUT_##n(op->dst, d)); \
		NEXT; \
	}
#define TWO_RM(name, ins, n, put, f, ea) \
	L_##name##_rm##f##_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s; \
		const v##n *p; \
\
		READ(const v##n, p, ea); \
		s = *p; \
		DO2(ins, d, "+q", s); \
		put(PUT_##n(op->dst, d)); \
		NEXT; \
	}
/* Memory that is only compared is read once: it may be read-only, and others may write to it. */
#define TWO_MEM(ins, n, put, not_put, src, ea) \
	{ \
		v##n s = src; \
\
		put(v##n *p; WRITE(v##n, p, ea); DO2(ins, *p, "+m", s);) \
		not_put(const v##n *q; v##n d; READ(const v##n, q, ea); d = *q; \
			DO2(ins, d, "+q", s);) \
		NEXT; \
	}
#define TWO_N(name, ins, n, put, not_put) \
	TWO_RR(name, ins, n, put) \
	TWO_RI(name, ins, n, put) \
	TWO_RM(name, ins, n, put, , EA) \
	TWO_RM(name, ins, n, put, f, EAF) \
	L_##name##_mr_##n : TWO_MEM(ins, n, put, not_put, REG(v##n, op->src), EA) \
	L_##name##_mi_##n : TWO_MEM(ins, n, put, not_put, (v##n)(s64)op->imm, EA) \
	L_##name##_mrf_##n : TWO_MEM(ins, n, put, not_put, REG(v##n, op->src), EAF) \
	L_##name##_mif_##n : TWO_MEM(ins, n, put, not_put, (v##n)(s64)op->imm, EAF)
#define TWO(name, pre, ins, put, not_put) \
	TWO_N(name, pre ins "b", 1, put, not_put) \
	TWO_N(name, pre ins "w", 2, put, not_put) \
	TWO_N(name, pre ins "l", 4, put, not_put) \
	TWO_N(name, pre ins "q", 8, put, not_put)

#define ONE_N(name, ins, n) \
	L_##name##_r_##n : \
	{ \
		v##n d = REG(v##n, op->dst); \
\
		DO1(ins, d, "+q"); \
		PUT_##n(op->dst, d); \
		NEXT; \
	} \
	L_##name##_m_##n : \
	{ \
		v##n *p; \
\
		WRITE(v##n, p, EA); \
		DO1(ins, *p, "+m"); \
		NEXT; \
	} \
	L_##name##_mf_##n : \
	{ \
		v##n *p; \
\
		WRITE(v##n, p, EAF); \
		DO1(ins, *p, "+m"); \
		NEXT; \
	}
#define ONE(name, pre, ins) \
	ONE_N(name, pre ins "b", 1) \
	ONE_N(name, pre ins "w", 2) ONE_N(name, pre ins "l", 4) ONE_N(name, pre ins "q", 8)

/* NOT leaves the flags alone. */
#define NOT_N(n) \
	L_not_r_##n : PUT_##n(op->dst, ~REG(v##n, op->dst)); \
	NEXT; \
	L_not_m_##n : \
	{ \
		v##n *p; \
\
		WRITE(v##n, p, EA); \
		*p = (v##n)~*p; \
		NEXT; \
	} \
	L_not_mf_##n : \
	{ \
		v##n *p; \
\
		WRITE(v##n, p, EAF); \
		*p = (v##n)~*p; \
		NEXT; \
	}

#define MOV_MEM(n, src, ea) \
	{ \
		v##n s = src, *p; \
\
		WRITE(v##n, p, ea); \
		*p = s; \
		NEXT; \
	}
#define MOV_N(n) \
	L_mov_rr_##n : PUT_##n(op->dst, REG(v##n, op->src)); \
	NEXT; \
	L_mov_ri_##n : PUT_##n(op->dst, (v##n)(s64)op->imm); \
	NEXT; \
	L_mov_rm_##n : \
	{ \
		const v##n *p; \
\
		READ(const v##n, p, EA); \
		PUT_##n(op->dst, *p); \
		NEXT; \
	} \
	L_mov_rmf_##n : \
	{ \
		const v##n *p; \
\
		READ(const v##n, p, EAF); \
		PUT_##n(op->dst, *p); \
		NEXT; \
	} \
	L_mov_mr_##n : MOV_MEM(n, REG(v##n, op->src), EA) \
	L_mov_mi_##n : MOV_MEM(n, (v##n)(s64)op->imm, EA) \
	L_mov_mrf_##n : MOV_MEM(n, REG(v##n, op->src), EAF) \
	L_mov_mif_##n : MOV_MEM(n, (v##n)(s64)op->imm, EAF)

/* A register from a smaller source of type @T; @n: 4 clears the upper half, 8 does not. */
#define WIDEN(name, T, n, cast) \
	L_##name##_rr : PUT_##n(op->dst, (u64)(cast)REG(T, op->src)); \
	NEXT; \
	L_##name##_rm : \
	{ \
		const T *p; \
\
		READ(const T, p, EA); \
		PUT_##n(op->dst, (u64)(cast)*p); \
		NEXT; \
	} \
	L_##name##_rmf : \
	{ \
		const T *p; \
\
		READ(const T, p, EAF); \
		PUT_##n(op->dst, (u64)(cast)*p); \
		NEXT; \
	}

/* Counts that are 0 leave the flags alone; rotates leave all but CF and OF: SDM 2B. */
#define SHIFT_N(name, ins, n, keep) \
	L_##name##_ri_##n : count = (u32)op->imm; \
	goto do_##name##_##n; \
	L_##name##_rc_##n : count = REG(v1, R_CX * 8) & (n == 8 ? 63 : 31); \
	do_##name##_##n : \
	{ \
		v##n d = REG(v##n, op->dst); \
		u64 f; \
\
		if (count) { \
			asm volatile(ins " %%cl, %0" FLAGS \
				     : "+r"(d), "=&a"(f) \
				     : "c"(count) \
				     : "cc"); \
			c->lf = (u16)((c->lf & (keep)) | (f & LF_ALL & ~(keep))); \
		} \
		PUT_##n(op->dst, d); \
		NEXT; \
	}
#define SHIFT(name, ins, keep) SHIFT_N(name, ins "l", 4, keep) SHIFT_N(name, ins "q", 8, keep)
#define ROTATE_KEEPS (LF_ALL & ~(LF_CF | LF_OF))

/* The immediate is the destination's first value. */
#define MUL_IMM(n, ins, f, ea) \
	L_imuli_rm##f##_##n : \
	{ \
		v##n d = (v##n)(s64)op->imm, s; \
		const v##n *p; \
\
		READ(const v##n, p, ea); \
		s = *p; \
		DO2(ins, d, "+r", s); \
		PUT_##n(op->dst, d); \
		NEXT; \
	}
#define MUL_N(n, ins) \
	TWO_RR(imul, ins, n, YES) \
	TWO_RM(imul, ins, n, YES, , EA) \
	TWO_RM(imul, ins, n, YES, f, EAF) \
	MUL_IMM(n, ins, , EA) \
	MUL_IMM(n, ins, f, EAF) \
	L_imuli_rr_##n : \
	{ \
		v##n d = (v##n)(s64)op->imm, s = REG(v##n, op->src); \
\
		DO2(ins, d, "+r", s); \
		PUT_##n(op->dst, d); \
		NEXT; \
	}

#define HOLDS(cc) (conds.at[c->lf & 1][c->lf >> 8] >> (cc) & 1)
/* CMOV reads its source and clears the upper half in any case. */
#define CMOV_N(n) \
	L_cmov_rr_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s = REG(v##n, op->src); \
\
		PUT_##n(op->dst, HOLDS(op->imm) ? s : d); \
		NEXT; \
	} \
	L_cmov_rm_##n : \
	{ \
		v##n d = REG(v##n, op->dst); \
		const v##n *p; \
\
		READ(const v##n, p, EA); \
		PUT_##n(op->dst, HOLDS(op->imm) ? *p : d); \
		NEXT; \
	} \
	L_cmov_rmf_##n : \
	{ \
		v##n d = REG(v##n, op->dst); \
		const v##n *p; \
\
		READ(const v##n, p, EAF); \
		PUT_##n(op->dst, HOLDS(op->imm) ? *p : d); \
		NEXT; \
	}

/* CF alone changes: ZF is defined to stay. SDM 2A, BT */
#define BT(ins, d, s) \
	do { \
		u8 cf_; \
\
		asm volatile(ins " %2, %1; setc %0" : "=q"(cf_) : "r"(d), "r"(s) : "cc"); \
		c->lf = (u16)((c->lf & ~LF_CF) | (cf_ ? LF_CF : 0)); \
	} while (0)
#define BT_N(n, ins) \
	L_bt_ri_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s = (v##n)op->imm; \
\
		BT(ins, d, s); \
		NEXT; \
	} \
	L_bt_rr_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s = REG(v##n, op->src); \
\
		BT(ins, d, s); \
		NEXT; \
	}

#define XCHG_N(n) \
	L_xchg_rr_##n : \
	{ \
		v##n d = REG(v##n, op->dst), s = REG(v##n, op->src); \
\
		PUT_##n(op->dst, s); \
		PUT_##n(op->src, d); \
		NEXT; \
	}

/* A direct branch to @cut(block + disp): to its block, if that is known and still good. */
#define JUMP(cut) \
	do { \
		struct block *to_ = op->link; \
\
		rip = (cut)(gpr8[R_BLOCK] + (u64)(s64)op->disp); \
		if (unlikely(!to_ || !block_good(to_))) \
			goto unlinked; \
		c->base.insns += (u64)(op - b->op) + 1; \
		if (unlikely(__atomic_load_n(&c->attention, __ATOMIC_RELAXED))) \
			goto leave; \
		b = to_; \
		if (unlikely(--b->heat == 0)) \
			goto hot; \
		gpr8[R_BLOCK] = rip; \
		c->block = b; \
		op = b->op; \
		goto *op->go; \
	} while (0)
#define JCC(cc, test) \
	L_jcc_##cc : if (test) JUMP(u64); \
	NEXT; \
	L_jccf_##cc : if (test) JUMP(u32); \
	NEXT;

#define LESS ((c->lf >> 15 ^ c->lf) & 1)

/* Push @v as @T: everything is checked before RSP changes. */
#define PUSH(T, cut, v) \
	do { \
		u64 sp_ = (cut)(gpr8[R_SP] - sizeof(T)); \
		T *p_; \
\
		WRITE(T, p_, sp_); \
		*p_ = (T)(v); \
		gpr8[R_SP] = sp_; \
	} while (0)
#define STACK(f, n, cut, ea) \
	L_push##f##_r : \
	{ \
		v##n s = REG(v##n, op->dst); \
\
		PUSH(v##n, cut, s); \
		NEXT; \
	} \
	L_push##f##_i : PUSH(v##n, cut, (s64)op->imm); \
	NEXT; \
	L_push##f##_m : \
	{ \
		const v##n *q; \
		v##n s; \
\
		READ(const v##n, q, ea); \
		s = *q; \
		PUSH(v##n, cut, s); \
		NEXT; \
	} \
	L_pop##f##_r : \
	{ \
		const v##n *p; \
		v##n s; \
\
		READ(const v##n, p, (cut)gpr8[R_SP]); \
		s = *p; \
		gpr8[R_SP] = (cut)(gpr8[R_SP] + n); \
		PUT_##n(op->dst, s); \
		NEXT; \
	} \
	L_leave##f : \
	{ \
		const v##n *p; \
\
		READ(const v##n, p, (cut)gpr8[R_BP]); \
		gpr8[R_SP] = (cut)(gpr8[R_BP] + n); \
		gpr8[R_BP] = *p; \
		NEXT; \
	} \
	L_call##f : rip = (cut)(gpr8[R_BLOCK] + (u64)(s64)op->disp); \
	if (unlikely(!is_canonical(rip))) \
		goto slow; \
	PUSH(v##n, cut, gpr8[R_BLOCK] + op->at + op->len); \
	goto L_jmp##f; \
	L_call##f##_r : rip = REG(v##n, op->dst); \
	goto call##f; \
	L_call##f##_m : \
	{ \
		const v##n *p; \
\
		READ(const v##n, p, ea); \
		rip = *p; \
	} \
	call##f : if (unlikely(!is_canonical(rip))) goto slow; \
	PUSH(v##n, cut, gpr8[R_BLOCK] + op->at + op->len); \
	goto jumped; \
	L_ret##f : \
	{ \
		const v##n *p; \
\
		READ(const v##n, p, (cut)gpr8[R_SP]); \
		rip = *p; \
		if (unlikely(!is_canonical(rip))) \
			goto slow; \
		gpr8[R_SP] = (cut)(gpr8[R_SP] + n); \
		goto jumped; \
	} \
	L_jmp##f : JUMP(cut); \
	L_jmp##f##_r : rip = REG(v##n, op->dst); \
	if (unlikely(!is_canonical(rip))) \
		goto slow; \
	goto jumped; \
	L_jmp##f##_m : \
	{ \
		const v##n *p; \
\
		READ(const v##n, p, ea); \
		rip = *p; \
		if (unlikely(!is_canonical(rip))) \
			goto slow; \
		goto jumped; \
	}

/* clang-format on */

/* What the exec_fn may rely on, and where to go on if it does not say otherwise. */
static inline u64 sync(struct soft_cpu *c, const struct op *op)
{
	u64 rip = c->gpr[R_BLOCK] + op->at, next = rip + op->len;

	if (c->mode != CPU_64) {
		rip = (u32)rip;
		next = (u32)next;
	}
	c->op = op;
	c->rip = rip;
	c->next_rip = next;
	return next;
}

/* Remember in @op, of block @from, that it goes to @to: within a page that is always so. */
static void link(struct op *op, const struct block *from, u64 from_rip, struct block *to, u64 rip)
{
	u64 pages = from_rip ^ rip, hosts = (uintptr_t)from->host ^ (uintptr_t)to->host;

	if (!from->once && !to->once && pages < PAGE && hosts < PAGE)
		op->link = to;
}

#define LABEL(name) &&L_##name,
#define HANDLER(name) LABEL(name)

/*
 * Sanitizers look at C objects; what is read and written here is guest memory, which the TLB
 * vouches for. With them clang takes many minutes for this one function.
 */
/* check: long-function, all handlers */
UNWATCHED static const void *const *loop(struct soft_cpu *c)
{
	static const void *const labels[N_HANDLERS] = { HANDLERS(LABEL) SSE_HANDLERS };
	u8 *gpr, *vec;
	u64 *gpr8, rip, tag, expected;
	struct soft_blocks *blocks;
	struct block *b;
	struct op *op;
	const struct insn *insn;
	bool last;
	u32 count;

	if (!c)
		return labels;
	gpr = (u8 *)c->gpr;
	gpr8 = c->gpr;
	vec = fpu_vec(c, 0);
	blocks = c->blocks;
	rip = c->rip;
remap:
	tag = mmu_epoch(c) << 8 | c->block_key;
	goto enter;

jumped:
	c->base.insns += (u64)(op - b->op) + 1;
enter:
	if (unlikely(__atomic_load_n(&c->attention, __ATOMIC_RELAXED)))
		goto leave;
	{
		const struct jump_entry *j = &blocks->jump[jump_index(rip)];

		if (likely(j->rip == rip && j->tag == tag && block_good(j->block))) {
			b = j->block;
		} else {
			c->rip = rip;
			c->block = NULL;
			b = block_find(c, tag);
		}
	}
begin:
	if (unlikely(--b->heat == 0))
		goto hot;
	gpr8[R_BLOCK] = rip;
	c->block = b;
	op = b->op;
	goto * op->go;

unlinked:
	/* A direct branch to another page, or perhaps for the first time. */
	if (unlikely(!is_canonical(rip)))
		goto slow;
	if ((gpr8[R_BLOCK] ^ rip) >= PAGE)
		goto jumped;
	c->base.insns += (u64)(op - b->op) + 1;
	if (unlikely(__atomic_load_n(&c->attention, __ATOMIC_RELAXED)))
		goto leave;
	{
		struct block *from = b;
		u64 from_rip = gpr8[R_BLOCK], flushes = blocks->flushes;
		struct block *to;

		c->rip = rip;
		c->block = NULL;
		to = block_find(c, tag);
		if (blocks->flushes == flushes)
			link(op, from, from_rip, to, rip);
		b = to;
	}
	goto begin;

leave:
	c->rip = rip;
	c->block = NULL;
	return NULL;

	/* It has been run often: to be translated. */
hot:
	c->rip = rip;
	c->block = NULL;
	if (c->soft->jit) {
		b->heat = jit_hot(c);
		if (b->heat == 1)
			return NULL;
	}
	goto enter;

	/* The whole instruction, once more, by the book. */
slow:
	expected = sync(c, op);
	insn = NULL;
	if (likely(block_good(b)))
		insn = insn_known(&blocks->known, b->host + op->at, op->len,
				  (enum cpu_mode)c->mode);
	if (unlikely(!insn)) {
		c->base.insns += (u64)(op - b->op);
		rip = c->rip;
		goto enter;
	}
	last = insn->op == OP_JMP || insn->op == OP_CALL || insn->op == OP_RET;
	goto run;
L_exec:
	expected = sync(c, op);
	insn = op->insn;
	last = false;
run:
	exec_insn(c, insn);
	if (likely(!last && c->next_rip == expected && !c->attention))
		NEXT;
	rip = c->next_rip;
	goto jumped;
L_thunk:
	if (likely(thunk_try(c, op->insn, op->thunk, gpr8[R_BLOCK] + op->at, false)))
		NEXT;
by_the_book:
	(void)sync(c, op);
	thunk_run(c, op->insn, op->thunk);
	if (likely(!c->attention))
		NEXT;
	rip = c->next_rip;
	goto jumped;
L_thunk_m:
	if (likely(thunk_try(c, op->insn, op->thunk, gpr8[R_BLOCK] + op->at, true)))
		NEXT;
	goto by_the_book;
L_exec_end:
	(void)sync(c, op);
	c->shadow = false;
	exec_insn(c, op->insn);
	if (unlikely(c->shadow_ss))
		__atomic_fetch_or(&c->attention, ATT_STEP, __ATOMIC_SEQ_CST);
	c->base.insns += (u64)(op - b->op) + 1;
	rip = c->next_rip;
	goto remap;
L_end:
	c->base.insns += (u64)(op - b->op);
	rip = gpr8[R_BLOCK] + op->at;
	if (c->mode != CPU_64)
		rip = (u32)rip;
	goto enter;
L_nop:
	NEXT;

	/* clang-format off */
	TWO(add, "", "add", YES, NO)
	TWO(or, "", "or", YES, NO)
	TWO(adc, CARRY, "adc", YES, NO)
	TWO(sbb, CARRY, "sbb", YES, NO)
	TWO(and, "", "and", YES, NO)
	TWO(sub, "", "sub", YES, NO)
	TWO(xor, "", "xor", YES, NO)
	TWO(cmp, "", "cmp", NO, YES)
	TWO(test, "", "test", NO, YES)
	MOV_N(1) MOV_N(2) MOV_N(4) MOV_N(8)
	ONE(inc, CARRY, "inc")
	ONE(dec, CARRY, "dec")
	ONE(neg, "", "neg")
	NOT_N(1) NOT_N(2) NOT_N(4) NOT_N(8)
	WIDEN(zx1, v1, 8, u8)
	WIDEN(zx2, v2, 8, u16)
	WIDEN(sx1_4, i1, 4, s64)
	WIDEN(sx1_8, i1, 8, s64)
	WIDEN(sx2_4, i2, 4, s64)
	WIDEN(sx2_8, i2, 8, s64)
	WIDEN(sx4_8, i4, 8, s64)
	SHIFT(rol, "rol", ROTATE_KEEPS)
	SHIFT(ror, "ror", ROTATE_KEEPS)
	SHIFT(shl, "shl", 0)
	SHIFT(shr, "shr", 0)
	SHIFT(sar, "sar", 0)
	MUL_N(4, "imull") MUL_N(8, "imulq")
	CMOV_N(4) CMOV_N(8)
	XCHG_N(4) XCHG_N(8)
	BT_N(4, "btl") BT_N(8, "btq")
		/* clang-format on */
		L_bswap_r_4 : PUT_4(op->dst, __builtin_bswap32(REG(v4, op->dst)));
	NEXT;
L_bswap_r_8:
	PUT_8(op->dst, __builtin_bswap64(REG(v8, op->dst)));
	NEXT;
L_mov_imm64:
	REG(v8, op->dst) = op->imm64;
	NEXT;
L_lea_8:
	REG(v8, op->dst) = SUM;
	NEXT;
L_lea_4:
	REG(v8, op->dst) = (u32)SUM;
	NEXT;
L_setcc_r:
	REG(v1, op->dst) = (u8)HOLDS(op->imm);
	NEXT;
L_cwde:
	gpr8[R_AX] = (u32)(s32)(s16)gpr8[R_AX];
	NEXT;
L_cdqe:
	gpr8[R_AX] = (u64)(s64)(s32)gpr8[R_AX];
	NEXT;
L_cdq:
	gpr8[R_DX] = (u32)((s32)gpr8[R_AX] >> 31);
	NEXT;
L_cqo:
	gpr8[R_DX] = (u64)((s64)gpr8[R_AX] >> 63);
	NEXT;
	/* clang-format off */
	STACK(, 8, u64, EA)
	STACK(f, 4, u32, EAF)
	JCC(o, c->lf & LF_OF)
	JCC(no, !(c->lf & LF_OF))
	JCC(b, c->lf & LF_CF)
	JCC(ae, !(c->lf & LF_CF))
	JCC(e, c->lf & LF_ZF)
	JCC(ne, !(c->lf & LF_ZF))
	JCC(be, c->lf & (LF_ZF | LF_CF))
	JCC(a, !(c->lf & (LF_ZF | LF_CF)))
	JCC(s, c->lf & LF_SF)
	JCC(ns, !(c->lf & LF_SF))
	JCC(p, c->lf & LF_PF)
	JCC(np, !(c->lf & LF_PF))
	JCC(l, LESS)
	JCC(ge, !LESS)
	JCC(le, c->lf & LF_ZF || LESS)
	JCC(g, !(c->lf & LF_ZF || LESS))
	SSE_BODY
	/* clang-format on */
}

void interp(struct soft_cpu *c)
{
	(void)loop(c);
}

const void *const *interp_labels(void)
{
	return loop(NULL);
}
