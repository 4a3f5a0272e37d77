/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/tr.c: translation of a block: decode, order of work, sites. See tr.h. */
#include "cpu/soft/tr.h"

#include <string.h>

#include "cpu/soft/block.h"

enum { PIECE = 64, INSN_MAX = 15, CODE_ALIGN = 16 };

/* ---- registers ---- */

struct x64_mem tr_gpr(unsigned r)
{
	struct x64_mem m = TR_FIELD(gpr);

	m.disp += (s32)(r * sizeof(u64));
	return m;
}

unsigned tr_get(struct tr *t, unsigned r, unsigned scratch)
{
	if (!tr_in_memory(r))
		return tr_reg(r);
	x64_load(&t->x, 8, scratch, tr_gpr(r));
	return scratch;
}

void tr_put(struct tr *t, unsigned r, unsigned host)
{
	if (tr_in_memory(r))
		x64_store(&t->x, 8, tr_gpr(r), host);
	else if (tr_reg(r) != host)
		x64_mov(&t->x, tr_reg(r), host);
}

/* ---- the guest's bytes ---- */

/*
 * Others may write them at any time: each piece is read once, after it was noted that it is code.
 * So it is what it was, or the page's word has changed.
 */
static void look(struct tr *t, unsigned from, unsigned to)
{
	for (unsigned n = from / PIECE; n < (to + PIECE - 1) / PIECE; n++) {
		if (t->copied & BIT64(n))
			continue;
		mark_pieces(t->block->page, n * PIECE, PIECE);
		memcpy(t->page + n * PIECE, t->from + n * PIECE, PIECE);
		t->copied |= BIT64(n);
	}
}

int tr_decode(struct tr *t, struct insn *out, unsigned at)
{
	unsigned end = MIN(at + INSN_MAX, (unsigned)PAGE);

	look(t, at, end);
	return decode(out, t->page + at, end - at, CPU_64);
}

bool tr_may_jump(const struct insn *i)
{
	switch (i->op) {
	case OP_JCC:
	case OP_JCXZ:
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE: return true;
	default: return false;
	}
}

/* What has no function is #UD. */
bool tr_ends(const struct insn *i)
{
	const struct exec *e = &exec_table[i->op];

	return !tr_may_jump(i) && (!e->fn || e->attr & (EXEC_END | EXEC_SHADOW));
}

static unsigned page_offset(const struct tr *t)
{
	return (unsigned)t->block->rip % PAGE;
}

static void decode_block(struct tr *t)
{
	unsigned max = t->jit->opt.one ? 1 : JIT_BLOCK_INSNS, at = 0;

	for (t->n = 0; t->n < max && at < JIT_BLOCK_BYTES && page_offset(t) + at < PAGE; t->n++) {
		struct tr_insn *n = &t->insn[t->n];
		int len = tr_decode(t, &n->i, page_offset(t) + at);
		bool alone;

		if (len <= 0 || at + (unsigned)len > JIT_BLOCK_BYTES)
			break;
		alone = t->jit->opt.lockstep && !lockstep_can(&n->i);
		if (alone && t->n)
			break;
		insn_flags(&n->i, &n->flags);
		insn_regs(&n->i, &n->regs);
		n->at = (u8)at;
		at += (unsigned)len;
		if (alone || tr_ends(&n->i)) {
			t->n++;
			break;
		}
	}
}

/* ---- sites ---- */

static u32 offset_in_code(const struct tr *t, const struct x64 *x)
{
	return (u32)(x->at - t->jit->map.write);
}

u32 tr_site(struct tr *t, bool ends)
{
	const struct tr_insn *n = &t->insn[t->k];
	struct jit *j = t->jit;

	if (j->n_sites >= JIT_SITES) {
		t->full = true;
		return 0;
	}
	j->sites[j->n_sites] = (struct jit_site){
		.block = t->number,
		.at = n->at,
		.len = n->i.len,
		.flags = ends ? SITE_ENDS : 0,
		.x87 = t->x87,
	};
	return j->n_sites++;
}

void tr_go_to_site(struct tr *t, struct x64 *x, u32 site)
{
	x64_mov_ri(x, JIT_T1, site);
	(void)x64_jmp(x, tr_glue(t, GLUE_BOOK));
}

void tr_test_canonical(struct x64 *x, unsigned reg)
{
	x64_mov(x, JIT_T1, reg);
	x64_rr(x, 8, 0xc1, 7, JIT_T1); /* sar */
	x64_byte(x, 47);
	x64_rr(x, 8, 0xff, 0, JIT_T1); /* inc: 0 or 1 */
	x64_alu_ri(x, 8, ALU_CMP, JIT_T1, 1);
}

void tr_by_book(struct tr *t, bool ends)
{
	tr_flags_saved(t, t->insn[t->k].live_before);
	tr_go_to_site(t, &t->x, tr_site(t, ends));
	t->flags = FLAGS_SAVED;
	if (ends)
		t->ended = true;
}

void tr_site_if(struct tr *t, unsigned cc)
{
	(void)x64_jcc(&t->x, cc, x64_here(&t->cold));
	tr_go_to_site(t, &t->cold, tr_site(t, tr_ends(&t->insn[t->k].i)));
}

/* C leaves flags in soft_cpu.lf: code that goes on with native ones fetches them from there. */
static void settle_sites(struct tr *t)
{
	struct jit *j = t->jit;
	u32 resume = offset_in_code(t, &t->x);

	if (t->flags & FLAGS_NATIVE) {
		resume = offset_in_code(t, &t->cold);
		tr_flags_restore(&t->cold);
		(void)x64_jmp(&t->cold, x64_here(&t->x));
	}
	for (u32 s = t->sites; s < j->n_sites; s++)
		j->sites[s].resume = resume;
}

/* ---- order of work ---- */

/* One more instruction, without touching flags; jit_book() takes back what it counts itself. */
static void count(struct tr *t)
{
	struct x64_mem more = { JIT_T0, X64_NONE, 0, 1 };

	x64_load(&t->x, 8, JIT_T0, TR_FIELD(base.insns));
	x64_lea(&t->x, 8, JIT_T0, more);
	x64_store(&t->x, 8, TR_FIELD(base.insns), JIT_T0);
}

static void one(struct tr *t)
{
	const struct tr_insn *n = &t->insn[t->k];

	t->sites = t->jit->n_sites;
	if (t->jit->opt.count)
		count(t);
	if (tr_flow(t, n) == TR_NOT_MINE && tr_vec(t, n) == TR_NOT_MINE &&
	    tr_sys(t, n) == TR_NOT_MINE && tr_int(t, n) == TR_NOT_MINE)
		tr_by_book(t, tr_ends(&n->i) || tr_may_jump(&n->i));
	if (!n->live_after)
		t->flags = 0;
	if (t->sites != t->jit->n_sites && !t->ended)
		settle_sites(t);
}

/* Look whether the code is still what was translated; flags are saved or dead here. */
static void entry(struct tr *t, u32 word)
{
	struct x64_mem m = { JIT_T1, X64_NONE, 0, 0 };

	x64_mov_ri(&t->x, JIT_T1, (u64)(uintptr_t)&t->block->page->word);
	x64_alu_mi(&t->x, 4, ALU_CMP, m, (s32)word);
	(void)x64_jcc(&t->x, CC_NE, x64_here(&t->cold));
	x64_mov_ri(&t->cold, JIT_T0, t->block->rip);
	(void)x64_jmp(&t->cold, tr_glue(t, GLUE_STALE));
	t->flags = t->insn[0].live_before ? FLAGS_SAVED : 0;
}

/* A part of @from, from which this block takes. */
static struct x64 part(const struct x64 *from)
{
	struct x64 x = *from;
	size_t pad = ALIGN_UP((uintptr_t)x.at, CODE_ALIGN) - (uintptr_t)x.at;

	x.over = 0;
	if ((size_t)(x.end - x.at) < pad + JIT_BLOCK_ROOM) {
		x.over = 1;
		return x;
	}
	x.at += pad;
	x.end = x.at + JIT_BLOCK_ROOM;
	return x;
}

/* Host code for the first @n instructions. False: that much does not fit. */
static bool emit(struct tr *t, unsigned n)
{
	struct jit_block *b = t->block;
	struct jit *j = t->jit;
	const struct tr_insn *last;

	t->n = n;
	t->x = part(&j->hot);
	t->cold = part(&j->cold);
	t->accessed = t->ended = t->full = false;
	t->x87 = 0;
	b->code = offset_in_code(t, &t->x);
	b->cold = offset_in_code(t, &t->cold);
	tr_liveness(t);
	entry(t, b->word);
	for (t->k = 0; t->k < t->n && !t->ended && !t->full; t->k++)
		one(t);
	last = &t->insn[t->k - 1];
	b->insns = (u16)t->k;
	b->bytes = (u16)(last->at + last->i.len);
	if (!t->ended) {
		tr_flags_saved(t, last->live_after);
		tr_goto(t, &t->x, b->rip + b->bytes);
	}
	b->size = offset_in_code(t, &t->x) - b->code;
	b->cold_size = offset_in_code(t, &t->cold) - b->cold;
	return !t->full && !x64_full(&t->x) && !x64_full(&t->cold);
}

/* It has become a block. */
static void keep(struct tr *t)
{
	struct jit_block *b = t->block;
	struct jit *j = t->jit;

	memcpy(b->copy, t->page + page_offset(t), b->bytes);
	j->hot.at = t->x.at;
	j->cold.at = t->cold.at;
	j->arena_used += (u32)ALIGN_UP(sizeof(*b) + b->bytes, 64);
	j->stats.blocks++;
	j->stats.insns += b->insns;
	j->stats.guest_bytes += b->bytes;
	j->stats.code_bytes += b->size;
	j->stats.cold_bytes += b->cold_size;
}

static bool try_sizes(struct tr *t, bool *full)
{
	u32 sites = t->jit->n_sites, edges = t->jit->n_edges;

	for (unsigned n = t->n; n; n /= 2) {
		if (emit(t, n))
			return true;
		t->jit->n_sites = sites;
		t->jit->n_edges = edges;
	}
	*full = true;
	return false;
}

struct jit_block *translate(struct soft_cpu *c, const struct fetch *f, u32 key, bool *full)
{
	struct jit *j = c->soft->jit;
	struct tr t;
	u32 word;

	*full = false;
	if (!f->host || !f->page || !mmu_claim_code(c, f, &word))
		return NULL;
	*full = j->arena_used + sizeof(*t.block) + JIT_BLOCK_BYTES > j->arena.size;
	if (*full)
		return NULL;
	t.c = c;
	t.jit = j;
	t.number = j->arena_used / 64;
	t.block = jit_block_at(j, t.number);
	t.key = key;
	t.from = f->host - c->rip % PAGE;
	t.copied = 0;
	*t.block = (struct jit_block){
		.host = f->host,
		.page = f->page,
		.rip = c->rip,
		.word = word,
		.key = key,
	};
	decode_block(&t);
	if (!t.n || !try_sizes(&t, full))
		return NULL;
	keep(&t);
	return t.block;
}
