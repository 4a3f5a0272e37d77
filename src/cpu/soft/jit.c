/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/jit.c: keeping, finding, running and linking translated code. See jit.h. */
#include "cpu/soft/jit.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/soft/block.h"
#include "cpu/soft/fpu_priv.h"
#include "cpu/soft/mmu_priv.h"
#include "plat/time.h"

enum {
	HASH_BITS = 16,
	HASH_SIZE = 1 << HASH_BITS,
	ARENA = 96 << 20,
	EDGES = 1 << 20,
	GLUE_ROOM = 64 << 10,
	TINY_CODE = 4 * JIT_BLOCK_ROOM + GLUE_ROOM,
	/* Times that a block runs in the interpreter before translation is tried again. */
	HEAT_AGAIN = 512,
	LINE = 64,
};

/* ---- a vCPU's memory ---- */

/* From the heap, where leak checkers look for pointers; taken from the host when touched. */
struct soft_cpu *jit_cpu_new(void)
{
	u8 *memory =
		xcalloc(1, 2 * LINE + JIT_ROOM + (size_t)JIT_CELLS_AT + JIT_SITES * sizeof(u32));
	u8 *at = (u8 *)ALIGN_UP((uintptr_t)memory, (uintptr_t)LINE) + LINE + JIT_ROOM;

	/* Below the room, where no signal's frame comes. */
	*(u8 **)(void *)(at - JIT_ROOM - sizeof(u8 *)) = memory;
	return (struct soft_cpu *)(void *)at;
}

void jit_cpu_free(struct soft_cpu *c)
{
	if (c)
		free(*(u8 **)(void *)((u8 *)c - JIT_ROOM - sizeof(u8 *)));
}

/* ---- the cache ---- */

static u32 key_of(const struct soft_cpu *c)
{
	return c->block_key | (c->jit_vec ? c->jit_key : 0);
}

static unsigned hash_of(const u8 *host, u64 rip, u32 key)
{
	u64 h = ((u64)(uintptr_t)host ^ rip << 20 ^ (u64)key << 44) * 0x9e3779b97f4a7c15ull;

	return (unsigned)(h >> (64 - HASH_BITS));
}

/* Everything translated is forgotten; nobody runs it. */
static void forget_all(struct jit *j)
{
	size_t hot = j->opt.tiny ? TINY_CODE : JIT_CODE;

	j->hot.at = j->map.write + GLUE_ROOM;
	j->hot.end = j->map.write + hot;
	j->cold.at = j->map.write + JIT_CODE;
	j->cold.end = j->cold.at + (j->opt.tiny ? TINY_CODE : JIT_COLD);
	j->hot.over = j->cold.over = 0;
	memset(j->hash, 0, HASH_SIZE * sizeof(*j->hash));
	j->n_sites = j->n_edges = 0;
	j->arena_used = 64; /* block 0 is none */
	__atomic_fetch_add(&j->turn, 1, __ATOMIC_SEQ_CST);
}

static int create_maps(struct jit *j, struct error *err)
{
	int rc = code_map_create(&j->map, JIT_CODE + JIT_COLD, "translated code", err);

	if (rc == 0)
		rc = map_create(&j->arena, ARENA, MAP_NO_THP, "translated blocks", err);
	if (rc == 0)
		rc = map_create(&j->site_map, JIT_SITES * sizeof(*j->sites), MAP_NO_THP,
				"translated sites", err);
	if (rc == 0)
		rc = map_create(&j->edge_map, EDGES * sizeof(*j->edges), MAP_NO_THP,
				"translated edges", err);
	return rc;
}

static void free_jit(struct jit *j)
{
	code_map_destroy(&j->map);
	map_destroy(&j->arena);
	map_destroy(&j->site_map);
	map_destroy(&j->edge_map);
	mutex_finish(&j->lock);
	free(j->hash);
	free(j);
}

/*
 * Whether the guest has YMM registers. For one that has not their upper halves are never touched:
 * loaded with zeros they would make each SSE instruction wait for what was in its result before.
 */
static bool has_avx(struct soft *s)
{
	const struct cpuid_leaf *l = cpuid_find(&s->base.cpuid, 1, 0);

	return l && l->ecx & BIT(28);
}

int jit_create(struct soft *s, const struct jit_options *opt, struct error *err)
{
	struct jit *j;
	int rc;

	if (opt->off)
		return 0;
	j = xnew(struct jit);
	j->soft = s;
	j->opt = *opt;
	mutex_init(&j->lock);
	j->hash = xcalloc(HASH_SIZE, sizeof(*j->hash));
	rc = create_maps(j, err);
	if (rc < 0) {
		free_jit(j);
		return rc;
	}
	j->sites = j->site_map.at;
	j->edges = j->edge_map.at;
	j->wide = has_avx(s);
	j->hot.exec = j->cold.exec = j->map.exec - j->map.write;
	j->hot.at = j->map.write;
	j->hot.end = j->map.write + GLUE_ROOM;
	jit_glue_emit(j);
	forget_all(j);
	s->jit = j;
	return 0;
}

void jit_destroy(struct soft *s)
{
	if (s->jit)
		free_jit(s->jit);
	s->jit = NULL;
}

void jit_forget_ways(struct soft_cpu *c)
{
	memset(jit_ways(c), 0, JIT_WAYS * sizeof(struct jit_way));
}

/* From a boundary, with no translated code on this thread's stack. */
static void flush(struct soft_cpu *c)
{
	struct jit *j = c->soft->jit;

	exclusive_begin(c);
	mutex_lock(&j->lock);
	forget_all(j);
	for (unsigned i = 0; i < c->soft->count; i++)
		if (c->soft->cpu[i])
			jit_forget_ways(c->soft->cpu[i]);
	j->stats.flushes++;
	mutex_unlock(&j->lock);
	exclusive_end(c);
}

static bool good(const struct jit_block *b)
{
	return b->word == __atomic_load_n(&b->page->word, __ATOMIC_RELAXED);
}

static struct jit_block *look_up(struct jit *j, const u8 *host, u64 rip, u32 key)
{
	struct jit_block *b = __atomic_load_n(&j->hash[hash_of(host, rip, key)], __ATOMIC_ACQUIRE);

	while (b && !(b->host == host && b->rip == rip && b->key == key && good(b)))
		b = __atomic_load_n(&b->next, __ATOMIC_ACQUIRE);
	return b;
}

/* ---- between C and translated code ---- */

/*
 * Most programs use vectors, kernels use few and are entered often: so they begin without. A change
 * of privilege leaves the code that runs.
 */
static void settle_vec(struct soft_cpu *c)
{
	bool user = c->cpl == 3;

	if (user == c->jit_user)
		return;
	if (!user)
		c->jit_user_vec = c->jit_vec;
	c->jit_vec = user && c->jit_user_vec;
	c->jit_user = user;
}

bool jit_ready(struct soft_cpu *c)
{
	unsigned context;

	if (c->jit_vec && !jit_vec_ok(c)) {
		c->jit_vec = false;
		return false;
	}
	c->jit_tag = tlb_epoch(c, &context) << JIT_KEY_BITS | key_of(c);
	c->jit_salt = context * 1657;
	/* cpu_attend() does it the other way round: one of both sees the other. */
	if (__atomic_load_n(&c->jit_tlb, __ATOMIC_RELAXED) != c->tlb)
		__atomic_store_n(&c->jit_tlb, c->tlb, __ATOMIC_SEQ_CST);
	return !__atomic_load_n(&c->attention, __ATOMIC_SEQ_CST);
}

static struct jit_block *find(struct soft_cpu *c)
{
	struct fetch f;

	mmu_fetch(c, c->rip, &f);
	return f.host ? look_up(c->soft->jit, f.host, c->rip, key_of(c)) : NULL;
}

const u8 *jit_find(struct soft_cpu *c)
{
	struct jit_way *w = &jit_ways(c)[jit_way_of(c, c->rip)];
	struct jit_block *b;

	if (w->rip == c->rip && w->tag == c->jit_tag && w->code)
		return w->code;
	b = find(c);
	if (!b)
		return NULL;
	if (c->soft->jit->opt.leave) /* jumps find nothing, and come back */
		return jit_code(c->soft->jit, b->code);
	*w = (struct jit_way){ c->rip, c->jit_tag, jit_code(c->soft->jit, b->code), 0 };
	return w->code;
}

static void enter(struct soft_cpu *c, const u8 *code)
{
	((jit_enter_fn)(uintptr_t)c->soft->jit->glue[c->jit_vec][GLUE_ENTER])(c, code);
}

/* For lockstep_run(), after which nothing need be as it was when @b was found. */
static void enter_block(struct soft_cpu *c, const struct jit_block *b)
{
	if (jit_ready(c) && key_of(c) == b->key)
		enter(c, jit_code(c->soft->jit, b->code));
}

void jit_run(struct soft_cpu *c)
{
	const u8 *code;

	if (c->mode != CPU_64)
		return;
	settle_vec(c);
	while (!__atomic_load_n(&c->attention, __ATOMIC_RELAXED)) {
		if (!jit_ready(c))
			continue;
		code = jit_find(c);
		if (!code)
			return;
		if (c->lockstep)
			lockstep_run(c, find(c), enter_block);
		else
			enter(c, code);
	}
}

/* ---- translation ---- */

static void insert(struct jit *j, struct jit_block *b)
{
	struct jit_block **head = &j->hash[hash_of(b->host, b->rip, b->key)];

	b->next = *head;
	__atomic_store_n(head, b, __ATOMIC_RELEASE);
}

/* Under the lock. */
static bool room(const struct jit *j)
{
	return (size_t)(j->hot.end - j->hot.at) >= JIT_BLOCK_ROOM &&
	       (size_t)(j->cold.end - j->cold.at) >= JIT_BLOCK_ROOM &&
	       j->n_sites + 4 * JIT_BLOCK_INSNS <= JIT_SITES &&
	       j->n_edges + 2 * JIT_BLOCK_INSNS <= EDGES && j->arena_used + 1024 <= ARENA;
}

static struct jit_block *translate_here(struct soft_cpu *c, const struct fetch *f, bool *full)
{
	struct jit *j = c->soft->jit;
	struct jit_block *b = look_up(j, f->host, c->rip, key_of(c));

	*full = false;
	if (b)
		return b;
	mutex_lock(&j->lock);
	*full = !room(j);
	b = look_up(j, f->host, c->rip, key_of(c)); /* another's, made meanwhile */
	if (!b && !*full) {
		u64 begin = time_now_ns();

		b = translate(c, f, key_of(c), full);
		if (b)
			insert(j, b);
		j->stats.translate_ns += time_now_ns() - begin;
	}
	mutex_unlock(&j->lock);
	return b;
}

u32 jit_hot(struct soft_cpu *c)
{
	struct jit_block *b;
	struct fetch f;
	bool full;

	settle_vec(c);
	if (c->jit_vec && !jit_vec_ok(c))
		c->jit_vec = false;
	mmu_fetch(c, c->rip, &f);
	if (!f.host || !f.page)
		return HEAT_AGAIN;
	b = translate_here(c, &f, &full);
	if ((!b && full) || (c->soft->jit->opt.flush && c->base.insns % 61 == 0)) {
		flush(c);
		mmu_fetch(c, c->rip, &f); /* all may have changed meanwhile */
		b = f.host && f.page ? translate_here(c, &f, &full) : NULL;
	}
	/* Each time that the interpreter comes to it, it is to leave for the translation. */
	return b ? 1 : HEAT_AGAIN;
}

/* ---- what translated code calls ---- */

/* The code for c->rip, coming from code with @vec; NULL: out. */
static const u8 *go_on(struct soft_cpu *c, bool vec)
{
	if (!jit_ready(c) || c->jit_vec != vec || c->mode != CPU_64 || c->soft->jit->opt.leave)
		return NULL;
	return jit_find(c);
}

JIT_CALL const u8 *jit_book(struct soft_cpu *c, u32 number)
{
	struct jit *j = c->soft->jit;
	const struct jit_site *s = &j->sites[number];
	const struct jit_block *b = jit_block_at(j, s->block);
	u32 turn = __atomic_load_n(&j->turn, __ATOMIC_RELAXED);
	bool vec = c->jit_vec, ends = false;
	const u8 *resume = NULL;
	const struct insn *insn;

	c->rip = b->rip + s->at;
	c->next_rip = c->rip + s->len;
	c->block = NULL;
	if (j->opt.count) /* the block has counted it already */
		c->base.insns--;
	if (s->x87)
		jit_note_x87(c, b, s->x87);
	if (__atomic_load_n(&c->attention, __ATOMIC_RELAXED))
		return NULL;
	/* In kernels they never are live: jit_run() would come here again, for ever. */
	if (s->flags & SITE_VEC && !vec && c->cpl && jit_vec_ok(c)) {
		c->jit_vec = true;
		return NULL;
	}
	insn = insn_known(&c->blocks->known, b->copy + s->at, s->len, CPU_64);
	c->shadow = false;
	exec_insn(c, insn);
	c->base.insns++;
	if (turn != __atomic_load_n(&j->turn, __ATOMIC_RELAXED)) {
		resume = NULL; /* flushed in an exclusive section of others */
	} else if (c->next_rip == c->rip + s->len && !(s->flags & SITE_ENDS)) {
		resume = jit_code(j, s->resume);
	} else {
		ends = true;
	}
	if (c->shadow_ss)
		__atomic_fetch_or(&c->attention, ATT_STEP, __ATOMIC_SEQ_CST);
	c->rip = c->next_rip;
	settle_vec(c);
	if (ends)
		return go_on(c, vec);
	return resume && jit_ready(c) && c->jit_vec == vec ? resume : NULL;
}

JIT_CALL const u8 *jit_jump(struct soft_cpu *c, u64 rip)
{
	c->rip = rip;
	return go_on(c, c->jit_vec);
}

JIT_CALL const u8 *jit_stale(struct soft_cpu *c, u64 rip)
{
	struct jit_way *w = &jit_ways(c)[jit_way_of(c, rip)];

	c->rip = rip;
	if (w->rip == rip)
		*w = (struct jit_way){ 0 };
	return go_on(c, c->jit_vec);
}

/* Both are in one page, at both addresses, and may be linked for as long as they are good. */
static void link(struct jit *j, const struct jit_edge *e, const struct jit_block *to)
{
	const struct jit_block *from = jit_block_at(j, e->block);
	u8 *place = j->map.write + e->jump;
	u64 pages = from->rip ^ to->rip, hosts = (uintptr_t)from->host ^ (uintptr_t)to->host;

	if (pages >= PAGE || hosts >= PAGE || from->key != to->key || (uintptr_t)place % 8 > 4)
		return;
	/* Others may be running there: they jump to the old place or to the new one. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	x64_set_jump(&j->hot, place, jit_code(j, to->code));
}

JIT_CALL const u8 *jit_follow(struct soft_cpu *c, u32 edge)
{
	struct jit *j = c->soft->jit;
	const struct jit_edge *e = &j->edges[edge];
	struct jit_block *b;
	const u8 *code;

	c->rip = e->rip;
	code = go_on(c, c->jit_vec);
	if (!code || j->opt.leave)
		return code;
	b = find(c);
	if (b)
		link(j, e, b);
	return code;
}
