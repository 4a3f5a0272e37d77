/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/map.h: zeroed memory for guest RAM, and the host's memory facts. */
#pragma once

#include "base/error.h"
#include "plat/loop.h"

enum map_flags {
	MAP_HUGE = 1,     /* back with huge pages; fails when there are none */
	MAP_PREFAULT = 2, /* touch every page now */
	MAP_MERGE = 4,    /* let the host merge equal pages */
	MAP_NO_THP = 8,   /* do not ask for transparent huge pages */
	MAP_SHARE = 16,   /* other processes can be given it by @handle */
};

struct map {
	void *at;
	u64 size;
	os_handle handle; /* memfd or section; 0: memory that cannot be shared */
	u64 span;         /* address space that @at takes, for map_destroy() */
};

/*
 * @name is for the host's tools. Memory is committed when touched. From 2 MiB on it begins at a
 * multiple of that on POSIX, where a page that cannot be touched follows it.
 */
int map_create(struct map *out, u64 size, unsigned flags, const char *name, struct error *err)
	MUST_CHECK;
void map_destroy(struct map *m); /* a zeroed map is allowed */
/* Give the whole pages of [off, off+len) back to the host; they read as zero afterwards. */
int map_discard(struct map *m, u64 off, u64 len);

u64 host_memory_total(void); /* bytes of RAM in the host */
unsigned host_cpus(void);
u64 process_peak_rss(void); /* bytes; 0 when the host does not tell */
/*
 * Bytes of RAM that this process has now, shared libraries and file pages included, without the
 * mappings whose first byte @skip says are not to be counted. 0 when the host does not tell.
 */
u64 process_rss_but(bool (*skip)(void *arg, const void *at), void *arg);
/* Fill with unpredictable bytes from the host. 0 or -errno; may block only at early boot. */
int random_bytes(void *buf, size_t len) MUST_CHECK;
