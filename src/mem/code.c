/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/code.c: which bytes of guest memory a CPU has decoded, and that they were written since. */
#include <errno.h>

#include "mem/mem_priv.h"

enum { PIECE = 64 };

static u64 pages(const struct region *r)
{
	return r->size / MEM_PAGE;
}

/* The region whose memory @r shows: itself, or one made before it. */
static struct region *owner(struct region *r)
{
	struct region *o = r->mem->regions;

	while (o && !(o->backing.at && r->host >= o->host && r->host < o->host + o->size))
		o = o->next;
	return o;
}

int code_attach(struct region *r)
{
	struct region *o = r->host ? owner(r) : NULL;
	struct code_page *code;

	if (!r->mem->code_tracked || !o || r->code)
		return 0;
	if (o == r) {
		u64 size = ALIGN_UP(pages(r) * sizeof(*code), MEM_PAGE);
		int rc = map_create(&r->code_map, size, MAP_NO_THP, "code", NULL);

		if (rc < 0)
			return rc;
		code = r->code_map.at;
	} else if (!o->code) {
		return -ENOMEM; /* there was none for it, either */
	} else {
		code = o->code + (r->host - o->host) / MEM_PAGE;
	}
	__atomic_store_n(&r->code, code, __ATOMIC_RELEASE);
	return 0;
}

int mem_track_code(struct mem *m)
{
	m->code_tracked = true;
	for (struct region *r = m->regions; r; r = r->next)
		if (code_attach(r) < 0)
			return -ENOMEM;
	return 0;
}

/*
 * The word is changed before the pieces are cleared, so that what runs now ends at once, and again
 * after, for who set pieces in between with a word that was already new.
 */
static void invalidate(struct code_page *p)
{
	u32 word = __atomic_add_fetch(&p->word, CODE_TURN, __ATOMIC_SEQ_CST);

	__atomic_store_n(&p->pieces, 0, __ATOMIC_SEQ_CST);
	while (!__atomic_compare_exchange_n(&p->word, &word, (word & ~(u32)CODE_HERE) + CODE_TURN,
					    true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

static bool written(struct code_page *p, unsigned first, unsigned last)
{
	u64 touched = ~0ull << first / PIECE & ~0ull >> (63 - last / PIECE);

	if (!(__atomic_load_n(&p->word, __ATOMIC_RELAXED) & CODE_HERE) ||
	    !(__atomic_load_n(&p->pieces, __ATOMIC_RELAXED) & touched))
		return false;
	invalidate(p);
	return true;
}

bool code_written(struct region *r, u64 offset, u64 len)
{
	struct code_page *code = __atomic_load_n(&r->code, __ATOMIC_ACQUIRE);
	u64 end = offset + len;
	bool hit = false;

	if (!code || !len)
		return false;
	/* The store is seen before the word is looked at: who decodes does both the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u64 at = offset; at < end;) {
		u64 next = MIN(ALIGN_DOWN(at, MEM_PAGE) + MEM_PAGE, end);

		hit |= written(&code[at / MEM_PAGE], at % MEM_PAGE, (next - 1) % MEM_PAGE);
		at = next;
	}
	return hit;
}
