/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem/mem_priv.h: the published map and what mem.c, map.c and dirty.c share. */
#pragma once

#include "mem/mem.h"
#include "plat/rcu.h"

enum { MEM_LISTENERS = 2, MEM_PAGE = 4096 };

/* What a view shows: sorted, not overlapping, holes left out. Immutable once published. */
struct mem_map {
	struct rcu_head rcu;
	unsigned count;
	struct mem_range at[];
};

struct mem {
	struct region *regions;       /* oldest first */
	struct mem_map *map[N_VIEWS]; /* atomic */
	const struct mem_listener *listener[MEM_LISTENERS];
	bool code_tracked;        /* mem_track_code() was called */
	unsigned batches;         /* mem_begin() without its mem_commit() */
	bool stale;               /* something changed in them */
	struct mem_range refused; /* what a listener could not map when mem_publish() failed */
};

/* Rebuild each view that changed and tell the listeners; in a batch, leave it to mem_commit(). */
int mem_publish(struct mem *m);
/* Give @r its code pages where they are tracked. -ENOMEM. */
int code_attach(struct region *r);
/* Ask the listeners for the dirty bits only they know. */
void mem_sync_dirty(struct region *r);
