/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/mem.c: making regions, and copying to and from guest memory. See mem/mem.h. */
#include "mem/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "mem/mem_priv.h"

int mem_create(struct mem **out, struct error *err)
{
	struct mem *m = xnew(struct mem);

	for (unsigned v = 0; v < N_VIEWS; v++)
		m->map[v] = xnew(struct mem_map);
	*out = m;
	(void)err;
	return 0;
}

void mem_destroy(struct mem *m)
{
	struct region *next;

	if (!m)
		return;
	rcu_synchronize();
	for (struct region *r = m->regions; r; r = next) {
		next = r->next;
		map_destroy(&r->backing);
		map_destroy(&r->code_map);
		free(r->dirty);
		free(r);
	}
	for (unsigned v = 0; v < N_VIEWS; v++)
		free(m->map[v]);
	free(m);
}

static int check_place(const char *name, gpa_t base, u64 size, struct error *err)
{
	u64 end;

	if (!size || size % MEM_PAGE || base % MEM_PAGE)
		return error_set(err, -EINVAL, "%s: %llx+%llx is not made of whole pages", name,
				 (unsigned long long)base, (unsigned long long)size);
	if (add_overflow(base, size - 1, &end))
		return error_set(err, -EINVAL, "%s: %llx+%llx wraps", name,
				 (unsigned long long)base, (unsigned long long)size);
	return 0;
}

/* Show the new @r. Where a listener cannot map it, it stays, but hidden: mem_destroy() frees it. */
static int region_begin(struct region *r, struct error *err)
{
	int rc = code_attach(r);

	if (rc < 0) {
		r->views = 0;
		return error_set(err, rc, "%s: no memory to keep track of its code", r->name);
	}
	rc = mem_publish(r->mem);
	if (rc == 0)
		return 0;
	error_set(err, rc, "%s: the CPU backend cannot map %llx+%llx: %s", r->name,
		  (unsigned long long)r->base, (unsigned long long)r->size, strerror(-rc));
	r->views = 0;
	(void)mem_publish(r->mem);
	return rc;
}

static struct region *region_new(struct mem *m, const char *name, enum region_kind kind, gpa_t base,
				 u64 size, u8 views)
{
	struct region *r = xnew(struct region), **tail = &m->regions;

	*r = (struct region){
		.name = name,
		.kind = kind,
		.base = base,
		.size = size,
		.views = views,
		.mem = m,
	};
	while (*tail)
		tail = &(*tail)->next;
	*tail = r;
	return r;
}

int mem_add(struct region **out, struct mem *m, const char *name, enum region_kind kind, gpa_t base,
	    u64 size, unsigned flags, u8 views, struct error *err)
{
	struct map backing = { 0 };
	struct region *r;
	int rc = check_place(name, base, size, err);

	if (rc < 0)
		return rc;
	if (kind != REGION_HOLE) {
		rc = map_create(&backing, size, flags, name, err);
		if (rc < 0)
			return rc;
	}
	r = region_new(m, name, kind, base, size, views);
	r->backing = backing;
	r->host = backing.at;
	rc = region_begin(r, err);
	if (rc == 0)
		*out = r;
	return rc;
}

int mem_alias(struct region **out, struct mem *m, const char *name, enum region_kind kind,
	      gpa_t base, const struct region *of, u64 offset, u64 size, u8 views,
	      struct error *err)
{
	struct region *r;
	int rc = check_place(name, base, size, err);

	if (rc < 0)
		return rc;
	if (!of->host || offset % MEM_PAGE || size > of->size || offset > of->size - size)
		return error_set(err, -EINVAL, "%s: not a part of %s", name, of->name);
	r = region_new(m, name, kind, base, size, views);
	r->host = of->host + offset;
	rc = region_begin(r, err);
	if (rc == 0)
		*out = r;
	return rc;
}

bool mem_owns(struct mem *m, enum region_kind kind, const void *host)
{
	const u8 *at = host;

	for (const struct region *r = m->regions; r; r = r->next)
		if (r->kind == kind && r->backing.at && at >= r->host &&
		    at - r->host < (s64)r->size)
			return true;
	return false;
}

/* The range of @map that holds @at, or NULL. */
static const struct mem_range *map_find(const struct mem_map *map, gpa_t at)
{
	unsigned lo = 0, hi = map->count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct mem_range *r = &map->at[mid];

		if (at < r->at)
			hi = mid;
		else if (at - r->at >= r->len)
			lo = mid + 1;
		else
			return r;
	}
	return NULL;
}

bool mem_find(struct mem *m, enum mem_view view, gpa_t at, struct mem_range *out)
{
	const struct mem_range *r;

	rcu_read_lock();
	r = map_find(__atomic_load_n(&m->map[view], __ATOMIC_ACQUIRE), at);
	if (r)
		*out = *r;
	rcu_read_unlock();
	return r != NULL;
}

void *mem_ptr(struct mem *m, gpa_t at, size_t len, bool write)
{
	struct mem_range r;
	u64 off;

	if (!mem_find(m, VIEW_NORMAL, at, &r))
		return NULL;
	off = at - r.at;
	if (len > r.len - off || (write && r.region->kind != REGION_RAM))
		return NULL;
	if (write)
		dirty_mark(r.region, (u64)(r.host - r.region->host) + off, len);
	return r.host + off;
}

/*
 * Walk [at, at+len) range by range, copying with @write's direction. Pages are marked dirty when
 * they are: marked before, they could be fetched, and the write be missed by the next fetch.
 */
static int copy(struct mem *m, gpa_t at, u8 *buf, size_t len, bool write)
{
	while (len) {
		struct mem_range r;
		size_t n;
		u64 off;

		if (!mem_find(m, VIEW_NORMAL, at, &r))
			return -EFAULT;
		if (write && r.region->kind != REGION_RAM)
			return -EFAULT;
		off = at - r.at;
		n = (size_t)MIN(r.len - off, len);
		if (write) {
			memcpy(r.host + off, buf, n);
			dirty_mark(r.region, (u64)(r.host - r.region->host) + off, n);
		} else {
			memcpy(buf, r.host + off, n);
		}
		buf += n;
		len -= n;
		if (len && add_overflow(at, n, &at))
			return -EFAULT;
	}
	return 0;
}

int mem_read(struct mem *m, gpa_t at, void *buf, size_t len)
{
	return copy(m, at, buf, len, false);
}

int mem_write(struct mem *m, gpa_t at, const void *buf, size_t len)
{
	return copy(m, at, (u8 *)(uintptr_t)buf, len, true);
}

void mem_limits(struct mem *m, gpa_t *low_end, gpa_t *high_end)
{
	*low_end = 0;
	*high_end = GIB(4);
	for (const struct region *r = m->regions; r; r = r->next) {
		gpa_t end = r->base + r->size;

		if (r->kind != REGION_RAM || !(r->views & IN_NORMAL) || !r->backing.at)
			continue;
		if (r->base < GIB(4) && end <= GIB(4))
			*low_end = MAX(*low_end, end);
		else if (r->base >= GIB(4))
			*high_end = MAX(*high_end, end);
	}
}
