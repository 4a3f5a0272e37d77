/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/dirty.c: which pages of a region were written since they were last asked for. */
#include <errno.h>

#include "base/alloc.h"
#include "mem/mem_priv.h"

static size_t words(const struct region *r)
{
	return (size_t)((r->size / MEM_PAGE + 63) / 64);
}

int dirty_start(struct region *r, bool on)
{
	if (on && !r->dirty) {
		u64 *bits = try_alloc(words(r) * sizeof(u64), SIZE_MAX);

		if (!bits)
			return -ENOMEM;
		__atomic_store_n(&r->dirty, bits, __ATOMIC_RELEASE);
	}
	if (r->dirty_logged == on)
		return 0;
	__atomic_store_n(&r->dirty_logged, on, __ATOMIC_RELEASE);
	for (unsigned l = 0; l < MEM_LISTENERS; l++) {
		const struct mem_listener *who = r->mem->listener[l];

		if (!who || !who->log_dirty)
			continue;
		for (unsigned v = 0; v < N_VIEWS; v++) {
			const struct mem_map *map = r->mem->map[v];

			for (unsigned i = 0; i < map->count; i++)
				if (map->at[i].region == r &&
				    who->log_dirty(who->arg, (enum mem_view)v, &map->at[i], on) < 0)
					return -EIO;
		}
	}
	return 0;
}

u64 dirty_fetch(struct region *r, u64 *bitmap)
{
	u64 total = 0;

	if (r->dirty_logged)
		mem_sync_dirty(r);
	for (size_t i = 0; i < words(r); i++) {
		/* Few are set, and looking is cheaper than taking. */
		bitmap[i] = r->dirty && __atomic_load_n(&r->dirty[i], __ATOMIC_RELAXED)
				    ? __atomic_exchange_n(&r->dirty[i], 0, __ATOMIC_ACQ_REL)
				    : 0;
		total += (u64)__builtin_popcountll(bitmap[i]);
	}
	return total;
}

void dirty_mark(struct region *r, u64 offset, u64 len)
{
	if (!len)
		return;
	(void)code_written(r, offset, len);
	if (!__atomic_load_n(&r->dirty_logged, __ATOMIC_ACQUIRE))
		return;
	for (u64 page = offset / MEM_PAGE; page <= (offset + len - 1) / MEM_PAGE; page++)
		__atomic_fetch_or(&r->dirty[page / 64], 1ull << page % 64, __ATOMIC_RELEASE);
}
