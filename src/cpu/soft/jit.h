/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/jit.h: translated code: 64-bit code of the guest, copied instruction by instruction
 * into host code that does the same with the guest's registers in the host's.
 *
 * In translated code RSP is the struct soft_cpu itself: its fields are operands. The guest's
 * registers are in the host's of the same name, but for RSP, which is in R11, and R9, R10 and R11,
 * which stay in soft_cpu.gpr: R9 and R10 of the host are scratch (T0, T1). No C runs with that
 * stack pointer; below it is room for the frames of signals (JIT_ROOM).
 *
 * A translated block belongs to a host address, a linear address and a key, and is shared by all
 * vCPUs. It is good as long as its page's word is what it was: each block looks at its beginning.
 * Where blocks meet, arithmetic flags are in soft_cpu.lf if what comes reads them, and nowhere if
 * it does not: then handlers of interrupts and page faults there find old ones.
 *
 * What translated code does not do itself is a *site*: it leaves for C (jit_book()), which executes
 * that whole instruction by its exec_fn, and comes back behind it. Memory operands look into
 * soft_cpu.jit_tlb inline, at the entry that the site's cell names: a prediction, each vCPU's own,
 * which is only a matter of speed. When something wants attention, jit_tlb is a TLB without
 * entries: so the next memory operand is a site. Backward jumps without one poll.
 *
 *	jit.c       the cache: find, promote, run, link, flush
 *	jit_glue.c  the code around blocks: in and out, TLB misses, indirect jumps
 *	jit_options.c  --cpus jit=
 *	tr.c ...    translation (tr.h)
 *	lockstep.c  each block against the interpreter; torture
 *
 * check: long-file, the contract between them
 */
#pragma once

#include "cpu/soft/soft_priv.h"
#include "cpu/soft/x64.h"
#include "plat/code.h"

enum { JIT_T0 = X64_R9, JIT_T1 = X64_R10, JIT_RSP = X64_R11, JIT_IN_MEMORY = 7 << 9 };

enum {
	JIT_ROOM = 64 << 10, /* below soft_cpu */
	JIT_SITES = 1 << 20, /* and cells; then all is flushed */
	JIT_CODE = 96 << 20, /* bytes for what runs often */
	JIT_COLD = 64 << 20, /* and for what does not */
	JIT_BLOCK_INSNS = 48,
	JIT_BLOCK_BYTES = 240,     /* of guest code */
	JIT_BLOCK_ROOM = 32 << 10, /* of host code that one block may take, hot and cold each */
	JIT_HEAT = 12,             /* runs in the interpreter before a block is translated */
	JIT_WAYS_BITS = 14,
	JIT_WAYS = 1 << JIT_WAYS_BITS,
};

/*
 * In jit keys, above soft_cpu.block_key: the vector registers are live in the host's, and what may
 * be run on them: VEX; and x87 and MMX instructions, whose registers are live anyway. jit_vec_ok()
 */
enum { JIT_VEC = BIT(8), JIT_AVX = BIT(9), JIT_X87 = BIT(10), JIT_KEY_BITS = 11 };

/* Where a jump goes: valid if rip and tag are the same. 32 bytes: the glue knows. */
struct jit_way {
	u64 rip, tag; /* tag: mmu_epoch() << JIT_KEY_BITS | key */
	const u8 *code;
	u64 spare;
};

/* An instruction that C may have to do. */
struct jit_site {
	u32 block; /* its number: jit_block_at() */
	u8 at, len, flags;
	u8 x87;     /* of the last x87 instruction before, how far into the block, + 1; 0: none */
	u32 resume; /* where to come back behind it: from the code's first byte */
};
enum {
	SITE_ENDS = 1, /* never comes back behind it: EXEC_END and the like */
	SITE_VEC = 2,  /* from here on with JIT_VEC, if that may be */
};

/* A direct jump that is not linked yet, or never. */
struct jit_edge {
	u32 block;
	u32 jump; /* the place of its distance, from the code's first byte */
	u64 rip;  /* where it goes */
};

struct jit_block {
	struct jit_block *next; /* same hash; atomic */
	const u8 *host;
	struct code_page *page;
	u64 rip;
	u32 word, key;
	u32 code, size, cold, cold_size; /* from the code's first byte, bytes */
	u16 bytes, insns;
	u8 copy[]; /* the guest's bytes */
};

enum jit_glue {
	GLUE_ENTER, /* jit_enter_fn */
	GLUE_LEAVE, /* T0: where the guest is; back to jit_run() */
	GLUE_BOOK,  /* T1: a site */
	GLUE_EDGE,  /* T1: an edge */
	GLUE_JUMP,  /* T0: where to; by the ways, else by C */
	GLUE_STALE, /* T0: where the guest is: the block is not good any more; by C */
	/* T0: linear address, T1: a site; called. Returns if the cell was wrong; or GLUE_BOOK. */
	GLUE_MISS, /* + 6 * write + log2(bytes of the access: 1 to 32) */
	GLUE_MISS_LAST = GLUE_MISS + 11,
	N_GLUES
};

/* One calling convention on all hosts. */
#define JIT_CALL __attribute__((sysv_abi))
/* Runs @code until it leaves. Where the guest is then: soft_cpu.rip. */
typedef void(JIT_CALL *jit_enter_fn)(struct soft_cpu *c, const u8 *code);

struct jit_stats {
	u64 blocks, insns, guest_bytes, code_bytes, cold_bytes, flushes, retranslated;
	u64 translate_ns;
};

/* --cpus jit=: what is asked for, and what tests ask for. */
struct jit_options {
	bool off, lockstep, count; /* count: keep soft_cpu.base.insns exact */
	/*
	 * Torture: one instruction a block, a tiny cache, flushes now and then, all memory
	 * operands by C, out at every block's end.
	 */
	bool one, tiny, flush, slow, leave;
	bool perf; /* tell perf where code is: /tmp/perf-PID.map */
	unsigned heat;
};
/*
 * "on", "off" or "lockstep" (none of them: on), then torture and other words, all with + between:
 * "lockstep+one+heat=0". NULL: on. -EINVAL: @err says what is allowed, @out is untouched.
 */
int jit_options_parse(struct jit_options *out, const char *text, struct error *err) MUST_CHECK;

/* Of a machine: shared by its vCPUs. */
struct jit {
	struct soft *soft;
	struct jit_options opt;
	struct code_map map;
	struct map arena, site_map, edge_map; /* blocks, and what follows */
	const u8 *glue[2][N_GLUES];           /* [vector registers are live] */
	bool wide;                            /* the whole YMM registers: else no JIT_AVX */
	struct mutex lock;       /* translation, linking, flushing; lookups do without */
	struct x64 hot, cold;    /* the free rest of both parts of the code */
	struct jit_block **hash; /* atomic heads */
	struct jit_site *sites;
	struct jit_edge *edges;
	u32 n_sites, n_edges, arena_used;
	u32 turn; /* atomic; flushes */
	struct jit_stats stats;
};

/* ---- jit.c ---- */

int jit_create(struct soft *s, const struct jit_options *opt, struct error *err) MUST_CHECK;
void jit_destroy(struct soft *s);
/* A vCPU's struct with JIT_ROOM below, cells and ways behind; zeroed. */
struct soft_cpu *jit_cpu_new(void);
void jit_cpu_free(struct soft_cpu *c);
/*
 * Run translated code from c->rip on, until there is none or c->attention says something: the
 * interpreter goes on. Only with soft.jit. May raise.
 */
void jit_run(struct soft_cpu *c);
/*
 * The block at c->rip has been run often: translate it. For the interpreter, which is to ask again
 * after as many runs as are returned, and now to leave if that is 1. May raise (fetch).
 */
u32 jit_hot(struct soft_cpu *c);
/* The translation for c->rip, if there is one that is good. NULL: none. May raise (fetch). */
const u8 *jit_find(struct soft_cpu *c);
/* From C to translated code again: jit_tlb, tag, live vectors. False: attention; leave. */
bool jit_ready(struct soft_cpu *c);
/* All jumps of @c look their targets up again. */
void jit_forget_ways(struct soft_cpu *c);
/*
 * tr_vec.c: whether the vector registers may be live in translated code now: MXCSR masks all
 * exceptions. Sets c->jit_key, and makes MXCSR and x87 live. False also if c->jit_vec is set and
 * the key was another: then the code that runs is not for it any more.
 */
bool jit_vec_ok(struct soft_cpu *c);
/* Before C does anything else for a site with jit_site.x87: that instruction has run. */
void jit_note_x87(struct soft_cpu *c, const struct jit_block *b, unsigned x87);
static inline struct jit_block *jit_block_at(const struct jit *j, u32 n)
{
	return (struct jit_block *)((u8 *)j->arena.at + (size_t)n * 64);
}
static inline const u8 *jit_code(const struct jit *j, u32 at)
{
	return j->map.exec + at;
}

/* What the glue calls: where to go on, or NULL: leave, the guest is at c->rip. May raise. */
JIT_CALL const u8 *jit_book(struct soft_cpu *c, u32 site);
JIT_CALL const u8 *jit_follow(struct soft_cpu *c, u32 edge);
JIT_CALL const u8 *jit_jump(struct soft_cpu *c, u64 rip);
JIT_CALL const u8 *jit_stale(struct soft_cpu *c, u64 rip);

/* Offsets from soft_cpu, for operands: cells and ways are behind it. */
#define JIT_WAYS_AT ((s32)ALIGN_UP(sizeof(struct soft_cpu), 64))
#define JIT_CELLS_AT (JIT_WAYS_AT + (s32)(JIT_WAYS * sizeof(struct jit_way)))
static inline struct jit_way *jit_ways(struct soft_cpu *c)
{
	return (struct jit_way *)(void *)((u8 *)c + JIT_WAYS_AT);
}
static inline unsigned jit_way_of(const struct soft_cpu *c, u64 rip)
{
	return (unsigned)(rip ^ c->jit_salt) & (JIT_WAYS - 1);
}

/* ---- jit_glue.c ---- */
/* All of enum jit_glue, at the start of the code. */
void jit_glue_emit(struct jit *j);
/* A field of the way that T1 is, as jit_emit_way() leaves it. */
#define JIT_WAY(field)                                                                             \
	((struct x64_mem){ X64_SP, JIT_T1, 0, JIT_WAYS_AT + (s32)offsetof(struct jit_way, field) })
/*
 * Find the way of T0 (jit_way_of()): T1, and T0 is lost. Jumps, to be set, for those of @other
 * addresses, where T0 is still the address, and for @old ones.
 */
void jit_emit_way(struct x64 *x, u8 **other, u8 **old);

/* ---- tr.c ---- */

/*
 * Translate the code at @f, which is at c->rip, for @key, under the lock. NULL: it cannot be (no
 * room: *full; else not worth it or others may still write there).
 */
struct jit_block *translate(struct soft_cpu *c, const struct fetch *f, u32 key, bool *full);

/* ---- alive.c ---- */

/* Up to 15 bytes of the code at a linear address: how many. */
typedef unsigned (*code_fn)(void *ctx, u64 at, u8 bytes[15]);
/*
 * Arithmetic flags that the 64-bit code at @rip may read before it writes them. Those alone are
 * compared where translated code has ended.
 */
u32 flags_alive(u64 rip, code_fn fetch, void *ctx);

/* ---- lockstep.c ---- */

/* With jit=lockstep each vCPU has one. */
int lockstep_create(struct soft_cpu *c, struct error *err) MUST_CHECK;
void lockstep_destroy(struct soft_cpu *c);
/* Runs @b, whose first instruction is at c->rip, until it is left. May raise. */
typedef void (*lockstep_fn)(struct soft_cpu *c, const struct jit_block *b);
/*
 * Run @b once by @run; when it is new, and now and then later, after the interpreter has run it and
 * all it did was taken back: then what both did is compared. A difference ends the run with
 * RUN_ERROR. Where it cannot be compared (devices, time, code that changes itself) what the
 * interpreter did stays done. May raise; @b may be gone afterwards, and c->attention is set often.
 */
void lockstep_run(struct soft_cpu *c, const struct jit_block *b, lockstep_fn run);
/* Whether an instruction can be taken back: where not, translated blocks end before and behind. */
bool lockstep_can(const struct insn *i);
