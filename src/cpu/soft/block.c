/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/block.c: fetching, decoding and keeping blocks. See block.h. */
#include "cpu/soft/block.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/soft/jit.h"

enum {
	HASH_BITS = 15,
	HASH_SIZE = 1 << HASH_BITS,
	/* With a translator only what runs seldom stays here. */
	ARENA = 48 << 20,
	ARENA_BESIDE = 16 << 20,
	INSN_MAX = 15,
	/* A full block with an instruction for each op. */
	BLOCK_ROOM = sizeof(struct block) + (BLOCK_OPS + 1) * sizeof(struct op) +
		     BLOCK_OPS * sizeof(struct insn),
};

int blocks_create(struct soft_cpu *c, struct error *err)
{
	struct soft_blocks *s = xnew(struct soft_blocks);
	int rc = map_create(&s->arena, c->soft->jit ? ARENA_BESIDE : ARENA, MAP_NO_THP,
			    "decoded code", err);

	if (rc < 0) {
		free(s);
		return rc;
	}
	s->hash = xcalloc(HASH_SIZE, sizeof(*s->hash));
	c->blocks = s;
	return 0;
}

void blocks_destroy(struct soft_cpu *c)
{
	if (!c->blocks)
		return;
	map_destroy(&c->blocks->arena);
	free(c->blocks->hash);
	free(c->blocks);
	c->blocks = NULL;
}

void blocks_flush(struct soft_cpu *c)
{
	struct soft_blocks *s = c->blocks;

	memset(s->jump, 0, sizeof(s->jump));
	memset(s->hash, 0, HASH_SIZE * sizeof(*s->hash));
	s->used = 0;
	s->flushes++;
}

void block_leave(struct soft_cpu *c)
{
	if (c->block)
		c->base.insns += (u64)(c->op - c->block->op);
	c->block = NULL;
}

static unsigned hash_of(const u8 *host, u32 key)
{
	u64 h = ((u64)(uintptr_t)host ^ (u64)key << 40) * 0x9e3779b97f4a7c15ull;

	return (unsigned)(h >> (64 - HASH_BITS));
}

/* Linear address of the code at @rip. */
static gva_t code_at(const struct soft_cpu *c, u64 rip)
{
	gva_t at = c->seg_base[SEG_CS] + rip;

	return c->mode == CPU_64 ? at : (u32)at;
}

/* How many bytes from @rip on are within CS: at least @want, or #GP(0). */
static size_t within_cs(struct soft_cpu *c, u64 rip, size_t want)
{
	u32 limit = c->seg[SEG_CS].limit;

	if (c->mode == CPU_64)
		return SIZE_MAX;
	if (rip > limit || limit - rip < want - 1)
		raise_gp(c);
	return (size_t)(limit - rip) + 1;
}

/* Bytes of code at @rip, from one page: RAM as it is, devices byte by byte. */
static unsigned code_bytes(struct soft_cpu *c, u64 rip, u8 *buf, unsigned max)
{
	size_t room = within_cs(c, rip, 1);
	struct fetch f;
	unsigned n;

	mmu_fetch(c, code_at(c, rip), &f);
	n = (unsigned)MIN(MIN(room, f.len), max);
	if (f.host) {
		memcpy(buf, f.host, n);
		return n;
	}
	for (unsigned i = 0; i < n; i++)
		buf[i] = (u8)phys_read(c, f.phys + i, 1);
	return n;
}

/* The next page is only looked at where the instruction reaches into it: it may not be there. */
void code_fetch_insn(struct soft_cpu *c, struct insn *out)
{
	u8 bytes[INSN_MAX + 1];
	unsigned n = code_bytes(c, c->rip, bytes, INSN_MAX);
	int len = decode(out, bytes, n, (enum cpu_mode)c->mode);

	if (len == 0 && n < INSN_MAX) {
		n += code_bytes(c, c->rip + n, bytes + n, INSN_MAX - n);
		len = decode(out, bytes, n, (enum cpu_mode)c->mode);
	}
	if (len > 0)
		return;
	if (len == 0) /* CS ends within it, or it does not end */
		raise_gp(c);
	if (decode_vector(len) == VEC_GP)
		raise_gp(c);
	raise_ud(c);
}

static struct block *room_for_block(struct soft_cpu *c, bool once)
{
	struct soft_blocks *s = c->blocks;

	if (once)
		return (struct block *)((u8 *)s->arena.at + s->arena.size -
					ALIGN_UP(BLOCK_ROOM, 64));
	if (s->used + 2 * ALIGN_UP(BLOCK_ROOM, 64) > s->arena.size)
		blocks_flush(c);
	return (struct block *)((u8 *)s->arena.at + s->used);
}

/* One instruction that is in two pages, or in a device. */
static struct block *single(struct soft_cpu *c)
{
	struct block *b = room_for_block(c, true);
	struct insn *i = (struct insn *)(b->op + 2);

	*b = (struct block){ .key = c->block_key, .once = true };
	code_fetch_insn(c, i);
	lower_exec(&b->op[0], i, 0);
	b->op[0].insn = i;
	lower_end(&b->op[1], i->len);
	b->ops = 1;
	b->bytes = i->len;
	return b;
}

void mark_pieces(struct code_page *page, unsigned off, unsigned len)
{
	u64 pieces = 0;

	for (unsigned i = off / 64; i <= (off + len - 1) / 64 && i < 64; i++)
		pieces |= BIT64(i);
	if ((__atomic_load_n(&page->pieces, __ATOMIC_RELAXED) & pieces) != pieces)
		__atomic_fetch_or(&page->pieces, pieces, __ATOMIC_SEQ_CST);
}

/* What follows a block begins where nothing is used: move the instructions that it keeps down. */
static size_t pack(struct block *b, u32 kept)
{
	struct insn *from = (struct insn *)(b->op + BLOCK_OPS + 1);
	struct insn *to = (struct insn *)(b->op + b->ops + 1);
	size_t n = 0;

	for (unsigned i = 0; i < b->ops; i++) {
		if (!(kept & BIT(i)))
			continue;
		memmove(&to[n], &from[n], sizeof(*to));
		b->op[i].insn = &to[n++];
	}
	return (size_t)((u8 *)(to + n) - (u8 *)b);
}

/* Decode from @bytes, @len of which are there, until the block ends. 0 ops: not even one fits. */
static void fill(struct soft_cpu *c, struct block *b, const u8 *bytes, unsigned len)
{
	struct insn *insn = (struct insn *)(b->op + BLOCK_OPS + 1);
	unsigned at = 0, how = 0;
	u32 kept = 0;

	while (!(how & LOWER_ENDS) && b->ops < BLOCK_OPS && at < BLOCK_BYTES) {
		int n = decode(insn, bytes + at, len - at, (enum cpu_mode)c->mode);

		if (n <= 0)
			break; /* a fault, if it comes to that, is for a block of its own */
		how = lower(c, &b->op[b->ops], insn, at);
		if (how & LOWER_KEEPS) {
			kept |= BIT(b->ops);
			insn++;
		}
		at += (unsigned)n;
		b->ops++;
	}
	lower_end(&b->op[b->ops], at);
	b->bytes = (u16)at;
	b->room = (u32)pack(b, kept);
}

/* With a translator 64-bit code is its when it has run a while. */
static u32 heat(const struct soft_cpu *c)
{
	return c->soft->jit && c->mode == CPU_64 ? MAX(c->soft->jit->opt.heat, 1u) : 0;
}

static struct block *decode_block(struct soft_cpu *c, const struct fetch *f)
{
	struct soft_blocks *s = c->blocks;
	size_t room = within_cs(c, c->rip, 1);
	unsigned len = (unsigned)MIN(MIN(f->len, room), BLOCK_BYTES + INSN_MAX);
	u8 bytes[BLOCK_BYTES + INSN_MAX];
	u32 word;
	struct block *b;
	bool keep;

	if (!f->host || !f->page)
		return single(c);
	keep = mmu_claim_code(c, f, &word);
	mark_pieces(f->page, (unsigned)((uintptr_t)f->host % PAGE), len);
	b = room_for_block(c, !keep);
	*b = (struct block){
		.host = f->host,
		.page = f->page,
		.word = word,
		.key = c->block_key,
		.once = !keep,
		.heat = keep ? heat(c) : 0,
	};
	memcpy(bytes, f->host, len); /* other vCPUs may write to it: decode one state of it */
	fill(c, b, bytes, len);
	if (b->ops == 0)
		return single(c);
	s->decoded += b->ops;
	if (!keep)
		return b;
	s->used += ALIGN_UP(b->room, 64);
	b->next = s->hash[hash_of(f->host, b->key)];
	s->hash[hash_of(f->host, b->key)] = b;
	return b;
}

/* Stale blocks on the way are unlinked; their memory comes back with the next flush. */
static struct block *look_up(struct soft_cpu *c, const u8 *host)
{
	struct block **at = &c->blocks->hash[hash_of(host, c->block_key)];

	while (*at) {
		struct block *b = *at;

		if (!block_good(b)) {
			*at = b->next;
			continue;
		}
		if (b->host == host && b->key == c->block_key)
			return b;
		at = &b->next;
	}
	return NULL;
}

struct block *block_find(struct soft_cpu *c, u64 tag)
{
	struct fetch f;
	struct block *b;
	struct jump_entry *j;

	(void)within_cs(c, c->rip, 1);
	mmu_fetch(c, code_at(c, c->rip), &f);
	b = f.host ? look_up(c, f.host) : NULL;
	if (!b)
		b = decode_block(c, &f);
	if (b->once)
		return b;
	/* CS may end within the block: found again it would not be looked at. */
	if (c->mode != CPU_64 && c->seg[SEG_CS].limit - c->rip < b->bytes - 1u)
		return single(c);
	j = &c->blocks->jump[jump_index(c->rip)];
	*j = (struct jump_entry){ c->rip, tag, b };
	return b;
}
