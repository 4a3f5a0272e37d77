/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/block.h: decoded code. A block is a run of instructions of one page, for one
 * soft_cpu.block_key, that begins where something jumped to. It ends behind an instruction with
 * EXEC_END, at the end of the page, or when it is full; conditional branches that are not taken
 * stay in it.
 *
 * Every vCPU has blocks of its own, found by host address, so that they outlive changes of the
 * guest's page tables. A block is good as long as its page's word is what it was when it was
 * decoded (mem.h, struct code_page).
 */
#pragma once

#include "cpu/soft/known.h"
#include "cpu/soft/soft_priv.h"

enum { BLOCK_OPS = 32, BLOCK_BYTES = 200 };

/* One instruction, ready to run. Registers as byte offsets into soft_cpu.gpr. */
struct op {
	const void *go; /* interp.c's label */
	u8 dst, src, base, index;
	u8 scale, seg; /* seg: index of seg_base */
	u8 len, at;    /* at: bytes from the block's first */
	union {
		struct {
			s32 disp, imm;
		};
		void *thunk; /* fpu_priv.h */
	};
	union {
		const struct insn *insn; /* to be run by its exec_fn */
		struct block *link;      /* of a direct branch: where it goes, or NULL */
		u64 imm64;
	};
};

struct block {
	const u8 *host;         /* its first byte; NULL: device memory, used once */
	struct code_page *page; /* NULL with @host NULL */
	u32 word, key;
	struct block *next; /* same hash */
	u16 ops, bytes;
	u32 room;  /* bytes with all that belongs to it */
	u32 heat;  /* runs until jit_hot() is asked */
	bool once; /* not to be kept: crosses pages, or others may still write unnoticed */
	struct op op[];
};

/* A block for the jump cache: valid if rip, tag and the page's word are the same. */
struct jump_entry {
	u64 rip, tag;
	struct block *block;
};

enum { JUMP_BITS = 12, JUMP_SIZE = 1 << JUMP_BITS };

struct soft_blocks {
	struct jump_entry jump[JUMP_SIZE];
	struct map arena;
	size_t used, scratch; /* bytes; the scratch at the end is for blocks that are used once */
	struct block **hash;
	u64 flushes, decoded;
	struct known_insns known;
};

static inline unsigned jump_index(u64 rip)
{
	return (unsigned)(rip ^ rip >> JUMP_BITS) & (JUMP_SIZE - 1);
}
static inline bool block_good(const struct block *b)
{
	return b->page && b->word == __atomic_load_n(&b->page->word, __ATOMIC_RELAXED);
}

int blocks_create(struct soft_cpu *c, struct error *err) MUST_CHECK;
void blocks_destroy(struct soft_cpu *c);
void blocks_flush(struct soft_cpu *c); /* forget everything; not while a block runs */
/* The block at c->rip, which is put into the jump cache under @tag. May raise. */
struct block *block_find(struct soft_cpu *c, u64 tag);
/* Note that there is code in [off, off+len) of the page, before its bytes are decoded. */
void mark_pieces(struct code_page *page, unsigned off, unsigned len);
/* Decode the instruction at c->rip. May raise. */
void code_fetch_insn(struct soft_cpu *c, struct insn *out);
/* After a raise: count what ran of the block that was left. */
void block_leave(struct soft_cpu *c);

/*
 * lower.c: fill @op for @i, which begins @at bytes into its block. Its insn is to be set to a copy
 * of @i that lives as long as the block, with LOWER_KEEPS.
 */
enum { LOWER_ENDS = 1, LOWER_KEEPS = 2 };
unsigned lower(struct soft_cpu *c, struct op *op, const struct insn *i, unsigned at);
/* The same, but always by its exec_fn. */
void lower_exec(struct op *op, const struct insn *i, unsigned at);
void lower_end(struct op *op, unsigned at); /* an op that leaves for the next instruction */

/* interp.c: run blocks from c->rip until c->attention. May raise. */
void interp(struct soft_cpu *c);
