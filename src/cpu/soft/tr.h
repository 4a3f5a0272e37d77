/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr.h: translation of one block: what tr_*.c share. See jit.h for the rules of
 * translated code.
 *
 * tr.c decodes the block, computes which flags are read later, and hands each instruction to the
 * first of tr_flow, tr_vec, tr_sys, tr_int that takes it; what none takes is a site. All host code
 * for one instruction is such that nothing of the guest's state changes before its last memory
 * operand has been looked up: the site does the whole instruction again.
 *
 * Flags: in the host's (NATIVE), in soft_cpu.lf (SAVED), in both, or dead in neither.
 */
#pragma once

#include "cpu/soft/jit.h"

struct tr_insn {
	struct insn i;
	struct flag_use flags;
	struct insn_regs regs;
	u32 live_before, live_after; /* flags that are read later, this instruction's included */
	u8 at;
};

enum tr_flags { FLAGS_NATIVE = 1, FLAGS_SAVED = 2 };

struct tr {
	struct soft_cpu *c;
	struct jit *jit;
	struct jit_block *block;
	u32 number; /* the block's */
	u32 key;
	const u8 *from; /* the page in the host's memory */
	u64 copied;     /* pieces of 64 bytes that are in @page */
	u8 page[PAGE];  /* its bytes, read once, where they were asked for; tr_decode() */
	struct x64 x, cold;
	struct tr_insn insn[JIT_BLOCK_INSNS];
	unsigned n, k;  /* how many, and which is being translated */
	unsigned flags; /* enum tr_flags */
	bool accessed;  /* a memory operand came before: a backward jump need not poll */
	bool ended;     /* nothing comes behind */
	bool full;      /* no room for one more site */
	u32 sites;      /* the first one of insn[k] */
	u8 x87;         /* jit_site.x87 of sites made now */
};

enum tr_result { TR_NOT_MINE, TR_DONE };

/* Each: translate insn[k], or leave it to the next. */
enum tr_result tr_flow(struct tr *t, const struct tr_insn *n); /* branches, stack */
enum tr_result tr_vec(struct tr *t, const struct tr_insn *n);  /* SSE, AVX, MMX, x87 */
enum tr_result tr_sys(struct tr *t, const struct tr_insn *n);  /* CLI, RDTSC, STAC, strings, ... */
enum tr_result tr_int(struct tr *t, const struct tr_insn *n);  /* white list of integer ones */

/* ---- tr.c ---- */

/* Decode what is @at bytes into the page. 0 or less: there is no whole instruction in it. */
int tr_decode(struct tr *t, struct insn *out, unsigned at);
/* @i may go on elsewhere, or behind it; or it goes on elsewhere, or wherever C says. */
bool tr_may_jump(const struct insn *i);
bool tr_ends(const struct insn *i);
static inline u64 tr_rip(const struct tr *t, const struct tr_insn *n)
{
	return t->block->rip + n->at;
}
static inline bool tr_is_direct(const struct insn *i)
{
	return i->operand[0].kind == OPERAND_REL;
}
/* Where a direct jump goes. */
static inline u64 tr_target(const struct tr *t, const struct tr_insn *n)
{
	return tr_rip(t, n) + n->i.len + n->i.imm;
}

/* ---- registers ---- */

/* Whether the guest's general register @r is in soft_cpu.gpr. */
static inline bool tr_in_memory(unsigned r)
{
	return JIT_IN_MEMORY >> r & 1;
}
/* The host's register of one that is not. */
static inline unsigned tr_reg(unsigned r)
{
	return r == R_SP ? JIT_RSP : r;
}
#define TR_FIELD(field)                                                                            \
	((struct x64_mem){ X64_SP, X64_NONE, 0, (s32)offsetof(struct soft_cpu, field) })
struct x64_mem tr_gpr(unsigned r); /* soft_cpu.gpr[r] */
/* The 64 bits of @r in a host register: its own, or loaded into @scratch. */
unsigned tr_get(struct tr *t, unsigned r, unsigned scratch);
/* @r becomes the 64 bits of @host. */
void tr_put(struct tr *t, unsigned r, unsigned host);

/* ---- flags; tr_flags.c. All but tr_flags_set() may use T0 ---- */

/* Host code that is to follow destroys the host's flags: save them if they are alive. */
void tr_flags_lost(struct tr *t, u32 live);
/* What follows needs them in the host's. */
void tr_flags_native(struct tr *t);
/* They must be in soft_cpu.lf if @live: before jumps out of the block and sites. */
void tr_flags_saved(struct tr *t, u32 live);
/* insn[k] has set them natively. */
void tr_flags_set(struct tr *t);
/* insn[k] follows as a copy, behind its memory operand: what it reads, or leaves, is native. */
void tr_flags_before(struct tr *t);
void tr_flags_after(struct tr *t); /* it was one */
/* From soft_cpu.lf to the host's, which @x's code goes on with. */
void tr_flags_restore(struct x64 *x);
/* live_before and live_after of all. */
void tr_liveness(struct tr *t);
/* Flags that code at @rip reads before it writes them; FL_ARITH where that cannot be known. */
u32 tr_live_at(struct tr *t, u64 rip);

/* ---- memory; tr_mem.c ---- */

enum tr_access { TR_READ, TR_WRITE };
/*
 * insn[k]'s memory operand, or @m, of @size bytes (1, 2, 4, 8, 16, 32; others are looked up by C):
 * look it up, and give the host operand. Uses T0 and T1, destroys the host's flags; T0 is free
 * afterwards, T1 belongs to the operand. @align: address bits that must be 0, else the site.
 */
struct tr_address {
	u8 base, index, scale, seg; /* the guest's; REG_NONE, REG_RIP */
	u8 asz;
	s64 disp;
};
struct x64_mem tr_memory(struct tr *t, unsigned size, enum tr_access access, unsigned align);
struct x64_mem tr_memory_at(struct tr *t, const struct tr_address *a, unsigned size,
			    enum tr_access access, unsigned align);
/* The effective address of insn[k] in @dst (LEA), not using flags. */
void tr_effective(struct tr *t, unsigned dst);

/* ---- sites ---- */

/*
 * A new site for insn[k], and its cell, by number. An instruction has one for each memory operand.
 * tr.c says where they come back when the instruction is complete.
 */
u32 tr_site(struct tr *t, bool ends);
static inline const u8 *tr_glue(const struct tr *t, enum jit_glue which)
{
	return t->jit->glue[(t->key & JIT_VEC) != 0][which];
}
/* The code in @x goes to C with @site. */
void tr_go_to_site(struct tr *t, struct x64 *x, u32 site);
/* insn[k] is done by C: flags saved before, where they are found afterwards. */
void tr_by_book(struct tr *t, bool ends);
/* CC_A if @reg is no canonical address. T1 is lost. */
void tr_test_canonical(struct x64 *x, unsigned reg);
/* insn[k]'s host code goes to its site here if @cc holds: with the host's flags destroyed. */
void tr_site_if(struct tr *t, unsigned cc);

/* ---- ends of blocks; tr_flow.c ---- */

/* Go on at @rip: a direct jump, linked within the page. Flags must be settled (tr_flags_saved). */
void tr_goto(struct tr *t, struct x64 *x, u64 rip);
