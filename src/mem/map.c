/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/map.c: from overlapping regions to the flat, immutable map of each view; listeners. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mem/mem_priv.h"

LOG_MODULE("mem");

static int by_address(const void *a, const void *b)
{
	gpa_t x = *(const gpa_t *)a, y = *(const gpa_t *)b;

	return x < y ? -1 : x > y;
}

/* The region seen at @at: highest priority, then the latest. NULL: nothing, or a hole. */
static struct region *seen(struct mem *m, enum mem_view view, gpa_t at)
{
	struct region *top = NULL;

	for (struct region *r = m->regions; r; r = r->next)
		if (r->views & BIT(view) && at - r->base < r->size &&
		    (!top || r->priority >= top->priority))
			top = r;
	return top && top->kind != REGION_HOLE ? top : NULL;
}

/*
 * Cut the address space at every region's first and last byte, see who is on top of each piece,
 * and join neighbours that continue each other. A cut is the piece's first address, so that a
 * region may end at 2^64.
 */
static struct mem_map *flatten(struct mem *m, enum mem_view view)
{
	unsigned n = 0, cuts = 0;
	struct mem_map *map;
	gpa_t *cut;

	for (struct region *r = m->regions; r; r = r->next)
		n++;
	cut = xcalloc(2 * n + 1, sizeof(*cut));
	for (struct region *r = m->regions; r; r = r->next) {
		if (!(r->views & BIT(view)))
			continue;
		cut[cuts++] = r->base;
		if (r->base + r->size) /* does not end at 2^64 */
			cut[cuts++] = r->base + r->size;
	}
	qsort(cut, cuts, sizeof(*cut), by_address);
	map = xcalloc(1, sizeof(*map) + cuts * sizeof(map->at[0]));
	for (unsigned i = 0; i < cuts; i++) {
		struct mem_range *last = map->count ? &map->at[map->count - 1] : NULL;
		u64 len = (i + 1 < cuts ? cut[i + 1] : 0) - cut[i];
		struct region *r = len ? seen(m, view, cut[i]) : NULL;
		u8 *host = r ? r->host + (cut[i] - r->base) : NULL;

		if (!r)
			continue;
		if (last && last->region == r && last->at + last->len == cut[i])
			last->len += len;
		else
			map->at[map->count++] = (struct mem_range){ cut[i], len, host, r };
	}
	free(cut);
	return map;
}

static bool same(const struct mem_range *a, const struct mem_range *b)
{
	return a->at == b->at && a->len == b->len && a->host == b->host && a->region == b->region;
}

static bool contains(const struct mem_map *map, const struct mem_range *r)
{
	for (unsigned i = 0; i < map->count; i++)
		if (same(&map->at[i], r))
			return true;
	return false;
}

/* Ranges of @from that @to lacks are removed, or added: 0, or -errno of the first refusal. */
static int tell(struct mem *m, enum mem_view view, const struct mem_map *from,
		const struct mem_map *to, bool add)
{
	int first = 0;

	for (unsigned i = 0; i < from->count; i++) {
		const struct mem_range *r = &from->at[i];

		if (contains(to, r))
			continue;
		for (unsigned l = 0; l < MEM_LISTENERS; l++) {
			const struct mem_listener *who = m->listener[l];
			int rc = 0;

			if (who && add)
				rc = who->add(who->arg, view, r);
			else if (who)
				who->remove(who->arg, view, r);
			if (rc < 0 && first == 0) {
				first = rc;
				m->refused = *r;
			}
		}
	}
	return first;
}

static bool same_map(const struct mem_map *a, const struct mem_map *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!same(&a->at[i], &b->at[i]))
			return false;
	return true;
}

static void tell_published(struct mem *m, enum mem_view view)
{
	for (unsigned l = 0; l < MEM_LISTENERS; l++)
		if (m->listener[l] && m->listener[l]->published)
			m->listener[l]->published(m->listener[l]->arg, view);
}

static void map_free(struct rcu_head *head)
{
	free(container_of(head, struct mem_map, rcu));
}

static int publish_view(struct mem *m, enum mem_view view)
{
	struct mem_map *old = m->map[view], *map = flatten(m, view);
	int rc;

	(void)tell(m, view, old, map, false);
	__atomic_store_n(&m->map[view], map, __ATOMIC_RELEASE);
	rc = tell(m, view, map, old, true);
	if (!same_map(old, map))
		tell_published(m, view);
	rcu_retire(&old->rcu, map_free);
	return rc;
}

int mem_publish(struct mem *m)
{
	int first = 0;

	m->stale = m->batches != 0;
	for (unsigned v = 0; v < N_VIEWS && !m->stale; v++) {
		int rc = publish_view(m, (enum mem_view)v);

		first = first ? first : rc;
	}
	return first;
}

/* For changes that the guest makes, or that end a batch: nobody is there to take an error. */
static void publish_or_say(struct mem *m)
{
	int rc = mem_publish(m);

	if (rc < 0)
		log_err("%s: the backend cannot map %llx+%llx: %s", m->refused.region->name,
			(unsigned long long)m->refused.at, (unsigned long long)m->refused.len,
			strerror(-rc));
}

void mem_begin(struct mem *m)
{
	m->batches++;
}

void mem_commit(struct mem *m)
{
	assert(m->batches);
	if (--m->batches == 0 && m->stale)
		publish_or_say(m);
}

static void change(struct region *r, gpa_t base, s8 priority, u8 views)
{
	/* A region that would wrap is simply not seen: the guest chose its place. */
	if (base + (r->size - 1) < base || base % MEM_PAGE)
		views = 0;
	if (r->base == base && r->priority == priority && r->views == views)
		return;
	r->base = base;
	r->priority = priority;
	r->views = views;
	publish_or_say(r->mem);
}

void region_show(struct region *r, u8 views)
{
	change(r, r->base, r->priority, views);
}

void region_move(struct region *r, gpa_t base, u8 views)
{
	change(r, base, r->priority, views);
}

void region_set_priority(struct region *r, s8 priority, u8 views)
{
	change(r, r->base, priority, views);
}

int mem_listen(struct mem *m, const struct mem_listener *l, struct error *err)
{
	unsigned slot = 0;

	while (slot < MEM_LISTENERS && m->listener[slot])
		slot++;
	if (slot == MEM_LISTENERS)
		return error_set(err, -ENOSPC, "guest memory has too many listeners");
	for (unsigned v = 0; v < N_VIEWS; v++) {
		for (unsigned i = 0; i < m->map[v]->count; i++) {
			int rc = l->add(l->arg, (enum mem_view)v, &m->map[v]->at[i]);

			if (rc < 0)
				return error_set(err, rc, "the backend cannot map %s",
						 m->map[v]->at[i].region->name);
		}
	}
	m->listener[slot] = l;
	return 0;
}

void mem_unlisten(struct mem *m, const struct mem_listener *l)
{
	for (unsigned i = 0; i < MEM_LISTENERS; i++)
		if (m->listener[i] == l)
			m->listener[i] = NULL;
}

void mem_sync_dirty(struct region *r)
{
	const struct mem_map *map = r->mem->map[VIEW_NORMAL];

	for (unsigned l = 0; l < MEM_LISTENERS; l++) {
		const struct mem_listener *who = r->mem->listener[l];

		if (!who || !who->sync_dirty)
			continue;
		for (unsigned i = 0; i < map->count; i++)
			if (map->at[i].region == r)
				who->sync_dirty(who->arg, &map->at[i]);
	}
}
