/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/io.c: from overlapping windows to the flat map, and from an access to a device. */
#include "core/io.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/trace.h"
#include "core/machine.h"
#include "plat/event.h"
#include "plat/rcu.h"

/* Immutable once published: sorted, not overlapping pieces of windows. */
struct io_range {
	u64 at, last;  /* both inclusive: a range may end at 2^64 - 1 */
	u64 base, len; /* of the window then: it may move while a reader is on its way to it */
	struct io_window *window;
};
struct io_flat {
	struct rcu_head rcu;
	unsigned count;
	struct io_range range[];
};

struct io_map {
	struct io_window *windows; /* oldest first */
	struct io_flat *flat;      /* atomic */
};

int io_map_create(struct io_map **out)
{
	struct io_map *map = xnew(struct io_map);

	map->flat = xnew(struct io_flat);
	*out = map;
	return 0;
}

void io_map_clear(struct io_map *map)
{
	struct io_window *next;

	if (!map)
		return;
	for (struct io_window *w = map->windows; w; w = next) {
		next = w->next;
		w->next = NULL;
		w->mapped = false;
	}
	map->windows = NULL;
	map->flat->count = 0;
}

void io_map_destroy(struct io_map *map)
{
	if (!map)
		return;
	rcu_synchronize();
	free(map->flat);
	free(map);
}

static int by_address(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static struct io_window *seen(const struct io_map *map, u64 at)
{
	struct io_window *top = NULL;

	for (struct io_window *w = map->windows; w; w = w->next)
		if (at - w->base < w->len && (!top || w->priority >= top->priority))
			top = w;
	return top;
}

const struct io_window *io_at(struct machine *m, enum io_space s, u64 at)
{
	return seen(m->io[s], at);
}

static struct io_flat *flatten(const struct io_map *map)
{
	unsigned n = 0, cuts = 0;
	struct io_flat *flat;
	u64 *cut;

	for (struct io_window *w = map->windows; w; w = w->next)
		n++;
	cut = xcalloc(2 * n + 1, sizeof(*cut));
	for (struct io_window *w = map->windows; w; w = w->next) {
		cut[cuts++] = w->base;
		if (w->base + w->len) /* does not end at 2^64 */
			cut[cuts++] = w->base + w->len;
	}
	qsort(cut, cuts, sizeof(*cut), by_address);
	flat = xcalloc(1, sizeof(*flat) + cuts * sizeof(flat->range[0]));
	for (unsigned i = 0; i < cuts; i++) {
		struct io_range *prev = flat->count ? &flat->range[flat->count - 1] : NULL;
		u64 last = i + 1 < cuts ? cut[i + 1] - 1 : ~0ull;
		struct io_window *w;

		if (i + 1 < cuts && cut[i + 1] == cut[i])
			continue;
		w = seen(map, cut[i]);
		if (!w)
			continue;
		if (prev && prev->window == w && prev->last + 1 == cut[i])
			prev->last = last;
		else
			flat->range[flat->count++] =
				(struct io_range){ cut[i], last, w->base, w->len, w };
	}
	free(cut);
	return flat;
}

/* A doorbell counts as shown only when all of it is: a kernel cannot watch a part. */
static bool shows_doorbell(const struct io_range *r)
{
	return r->window->doorbell && r->at == r->base && r->last - r->at == r->window->len - 1;
}

static bool has_range(const struct io_flat *flat, const struct io_range *r)
{
	for (unsigned i = 0; i < flat->count; i++)
		if (flat->range[i].window == r->window && flat->range[i].at == r->at &&
		    flat->range[i].last == r->last)
			return true;
	return false;
}

static void tell_doorbells(struct machine *m, const struct io_flat *from, const struct io_flat *to,
			   bool add)
{
	const struct cpu_ops *ops = m->cpu_ops;

	if (!ops || !ops->doorbell_add)
		return;
	for (unsigned i = 0; i < from->count; i++) {
		const struct io_range *r = &from->range[i];
		struct io_window *w = r->window;

		if (!shows_doorbell(r) || has_range(to, r))
			continue;
		/* A doorbell that the kernel does not take still works, by an exit. */
		if (add)
			(void)ops->doorbell_add(m->cpus, w->space, r->at, (unsigned)w->len,
						w->doorbell);
		else
			ops->doorbell_remove(m->cpus, w->space, r->at, (unsigned)w->len,
					     w->doorbell);
	}
}

static void flat_free(struct rcu_head *head)
{
	free(container_of(head, struct io_flat, rcu));
}

static void publish(struct machine *m, enum io_space s)
{
	struct io_map *map = m->io[s];
	struct io_flat *old = map->flat, *flat = flatten(map);

	tell_doorbells(m, old, flat, false);
	__atomic_store_n(&map->flat, flat, __ATOMIC_RELEASE);
	tell_doorbells(m, flat, old, true);
	rcu_retire(&old->rcu, flat_free);
}

static void unlink_window(struct io_map *map, struct io_window *w)
{
	struct io_window **p = &map->windows;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	w->next = NULL;
	w->mapped = false;
}

static bool fits(const struct io_window *w)
{
	u64 top = w->space == IO_PORT ? 0xffff : ~0ull;

	return w->len && w->base + (w->len - 1) >= w->base && w->base + (w->len - 1) <= top;
}

static void link_window(struct io_map *map, struct io_window *w)
{
	struct io_window **p = &map->windows;

	while (*p)
		p = &(*p)->next;
	*p = w;
	w->next = NULL;
	w->mapped = true;
}

int io_map(struct machine *m, struct io_window *w, struct error *err)
{
	if (!fits(w))
		return error_set(err, -EINVAL, "io window %s at %llx+%llx wraps",
				 w->name ? w->name : "?", (unsigned long long)w->base,
				 (unsigned long long)w->len);
	if (w->mapped)
		unlink_window(m->io[w->space], w);
	link_window(m->io[w->space], w);
	trace(io_map, w->space, w->base, w->len);
	publish(m, w->space);
	return 0;
}

void io_unmap(struct machine *m, struct io_window *w)
{
	if (!w->mapped)
		return;
	unlink_window(m->io[w->space], w);
	trace(io_unmap, w->space, w->base, w->len);
	publish(m, w->space);
}

void io_move(struct machine *m, struct io_window *w, u64 base)
{
	if (w->mapped && w->base == base)
		return;
	/* One map must never be published with a base that changes under its readers. */
	io_unmap(m, w);
	w->base = base;
	if (fits(w))
		(void)io_map(m, w, NULL);
}

void io_each_doorbell(struct machine *m, void (*fn)(void *arg, const struct io_window *w),
		      void *arg)
{
	for (unsigned s = 0; s < N_IO_SPACES; s++) {
		const struct io_flat *flat = m->io[s]->flat;

		for (unsigned i = 0; i < flat->count; i++)
			if (shows_doorbell(&flat->range[i]))
				fn(arg, flat->range[i].window);
	}
}

/*
 * The window that holds @at, @off bytes from its base; *len is cut to what fits into it, or, where
 * nothing is, to the next window. The window lives as long as its device, so it may be used after
 * the snapshot.
 */
static struct io_window *find(struct machine *m, enum io_space s, u64 at, unsigned *len, u64 *off)
{
	struct io_window *w = NULL;
	const struct io_flat *flat;
	unsigned lo = 0, hi;

	rcu_read_lock();
	flat = __atomic_load_n(&m->io[s]->flat, __ATOMIC_ACQUIRE);
	hi = flat->count;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (at <= flat->range[mid].last)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (lo < flat->count) { /* the first range that ends at or after @at */
		const struct io_range *r = &flat->range[lo];
		u64 room = r->at - at - 1;

		if (at >= r->at) {
			/* Whole, whatever covers its end: CF8 takes a dword that spans CF9. */
			w = r->window;
			*off = at - r->base;
			room = r->len - 1 - *off;
		}
		if (room < *len - 1)
			*len = (unsigned)room + 1;
	}
	rcu_read_unlock();
	return w;
}

static unsigned ops_min(const struct io_ops *o)
{
	return o->min ? o->min : 1;
}

/* The largest access the device takes that is at most @len and aligned at @off. */
static unsigned piece(const struct io_ops *o, u64 off, unsigned len)
{
	unsigned n = o->max ? o->max : 8;

	while (n > len || (n > 1 && !o->unaligned && off % n))
		n /= 2;
	return n;
}

static u64 read_piece(struct io_window *w, u64 off, unsigned n)
{
	const struct io_ops *o = w->ops;
	unsigned min = ops_min(o);

	if (n >= min)
		return o->read(w->dev, off, n) & ones(n);
	return o->read(w->dev, off & ~(u64)(min - 1), min) >> (8 * (off & (min - 1))) & ones(n);
}

static void write_piece(struct io_window *w, u64 off, unsigned n, u64 val)
{
	const struct io_ops *o = w->ops;
	unsigned min = ops_min(o), shift = 8 * (unsigned)(off & (min - 1));
	u64 base = off & ~(u64)(min - 1), old;

	if (n >= min) {
		o->write(w->dev, off, n, val & ones(n));
		return;
	}
	old = o->read(w->dev, base, min) & ~(ones(n) << shift);
	o->write(w->dev, base, min, old | (val & ones(n)) << shift);
}

static u64 read_window(struct io_window *w, u64 off, unsigned len)
{
	u64 val = 0;

	if (!w->ops)
		return 0; /* a doorbell */
	for (unsigned done = 0, n; done < len; done += n) {
		n = piece(w->ops, off + done, len - done);
		val |= read_piece(w, off + done, n) << (8 * done);
	}
	return val;
}

static void write_window(struct io_window *w, u64 off, unsigned len, u64 val)
{
	if (w->doorbell) {
		event_signal(w->doorbell);
		return;
	}
	for (unsigned done = 0, n; done < len; done += n) {
		n = piece(w->ops, off + done, len - done);
		write_piece(w, off + done, n, val >> (8 * done));
	}
}

static bool is_unlocked(const struct io_window *w)
{
	return w->doorbell || w->ops->unlocked;
}

/* @locked: the caller holds the machine lock already. */
static u64 read_any(struct machine *m, enum io_space s, u64 at, unsigned size, bool locked)
	unchecked_roles
{
	u64 val = 0;

	for (unsigned done = 0, n; done < size; done += n) {
		struct io_window *w;
		u64 part, off = 0;

		n = size - done;
		w = find(m, s, at + done, &n, &off);
		if (!w) {
			part = ones(n);
			stat_add(m, STAT_io_unclaimed, 1);
			trace(io_unclaimed, s, at + done, n, part);
		} else if (locked || is_unlocked(w)) {
			part = read_window(w, off, n);
		} else {
			machine_lock(m);
			part = read_window(w, off, n);
			machine_unlock(m);
		}
		val |= part << (8 * done);
	}
	return val;
}

static void write_any(struct machine *m, enum io_space s, u64 at, unsigned size, u64 val,
		      bool locked) unchecked_roles
{
	for (unsigned done = 0, n; done < size; done += n) {
		u64 part = val >> (8 * done), off = 0;
		struct io_window *w;

		n = size - done;
		w = find(m, s, at + done, &n, &off);
		if (!w) {
			stat_add(m, STAT_io_unclaimed, 1);
			trace(io_unclaimed, s, at + done, n, part);
		} else if (locked || is_unlocked(w)) {
			write_window(w, off, n, part);
		} else {
			machine_lock(m);
			write_window(w, off, n, part);
			machine_unlock(m);
		}
	}
}

u64 io_read(struct machine *m, enum io_space s, u64 at, unsigned size)
{
	return read_any(m, s, at, size, true);
}

void io_write(struct machine *m, enum io_space s, u64 at, unsigned size, u64 val)
{
	write_any(m, s, at, size, val, true);
}

u64 io_read_vcpu(struct machine *m, enum io_space s, u64 at, unsigned size)
{
	return read_any(m, s, at, size, false);
}

void io_write_vcpu(struct machine *m, enum io_space s, u64 at, unsigned size, u64 val)
{
	write_any(m, s, at, size, val, false);
}
