/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem/mem.h: guest physical memory: RAM, ROM, flash windows, what covers what, dirty pages.
 *
 * Regions are made once and live as long as struct mem; showing, hiding and moving them only
 * publishes a new immutable map, which readers on any thread use without a lock (plat/rcu.h).
 * Host pointers therefore stay valid after a region is hidden. Where regions overlap, the one
 * with the higher priority is seen, then the one added later.
 */
#pragma once

#include "base/error.h"
#include "plat/map.h"

struct mem;

enum region_kind {
	REGION_RAM,
	REGION_ROM,        /* reads direct; guest writes go to the io windows, host writes fail */
	REGION_ROM_DEVICE, /* as ROM; hidden while the device wants to see reads too */
	REGION_HOLE,       /* hides RAM below it: accesses go to the io windows (SMRAM) */
};

/* The address spaces of a vCPU: as all code sees it, and as code in System Management Mode does. */
enum mem_view { VIEW_NORMAL, VIEW_SMM, N_VIEWS };
enum { IN_NORMAL = 1 << VIEW_NORMAL, IN_SMM = 1 << VIEW_SMM, IN_ALL = IN_NORMAL | IN_SMM };

struct region {
	const char *name; /* borrowed, for logs */
	enum region_kind kind;
	gpa_t base;
	u64 size;
	u8 *host; /* NULL for REGION_HOLE */
	u8 views; /* where it is seen: IN_* */
	s8 priority;
	bool dirty_logged;
	u64 *dirty;             /* one bit per page since the last fetch; atomic */
	struct code_page *code; /* one per page once mem_track_code() was called, else NULL */
	struct map backing;     /* zero when @host is borrowed from another region */
	struct map code_map;    /* of @code, in the same way */
	struct mem *mem;
	struct region *next;
};

/*
 * What a CPU that keeps decoded code must know of a page; regions that share memory share it.
 * Writers store, then look: where they find CODE_HERE, and touch a piece of 64 bytes that is set
 * in @pieces, they clear both and add CODE_TURN, so that what was decoded at an older word is no
 * longer valid. Who decodes sets CODE_HERE and remembers the word, then sets the pieces, then reads
 * the bytes; in this order, or a writer may clear pieces that belong to a newer word.
 */
struct code_page {
	u32 word; /* atomic; enum code_word, and above it the number of invalidations */
	u32 spare;
	u64 pieces; /* atomic; bit n: bytes 64n to 64n+63 were decoded */
};
enum code_word {
	CODE_HERE = 1, /* something was decoded: writes must be noted */
	CODE_WRITE_TAGS =
		2, /* some vCPU may write without being noticed: it keeps a direct pointer */
	CODE_TURN = 4
};

/* One piece of a published map: @len bytes at @at are @host of @region. */
struct mem_range {
	gpa_t at;
	u64 len;
	u8 *host;
	struct region *region;
};

/* Told about each change of a view, under the machine lock: removals first, then additions. */
struct mem_listener {
	int (*add)(void *arg, enum mem_view view, const struct mem_range *r);
	void (*remove)(void *arg, enum mem_view view, const struct mem_range *r);
	/* Begin or end to log writes to @r, which stays mapped. May be NULL. */
	int (*log_dirty)(void *arg, enum mem_view view, const struct mem_range *r, bool on);
	/* Or the host-side dirty bits of @r into region->dirty. May be NULL. */
	void (*sync_dirty)(void *arg, const struct mem_range *r);
	/* From now on readers find the changed map of @view. May be NULL. */
	void (*published)(void *arg, enum mem_view view);
	void *arg;
};

/* True when @host points into a region of @kind with memory of its own. */
bool mem_owns(struct mem *m, enum region_kind kind, const void *host);

int mem_create(struct mem **out, struct error *err) MUST_CHECK;
void mem_destroy(struct mem *m); /* NULL is allowed; after all readers have ended */

/*
 * Add memory of our own (@flags: enum map_flags), or a window on @len bytes of another region's
 * host memory. @base and @size are multiples of 4096. The new region is seen in @views at once; an
 * error when a listener cannot map it.
 */
int mem_add(struct region **out, struct mem *m, const char *name, enum region_kind kind, gpa_t base,
	    u64 size, unsigned flags, u8 views, struct error *err) MUST_CHECK;
int mem_alias(struct region **out, struct mem *m, const char *name, enum region_kind kind,
	      gpa_t base, const struct region *of, u64 offset, u64 size, u8 views,
	      struct error *err) MUST_CHECK;

/* Change where and whether @r is seen, and publish. [in_machine] once vCPUs run. */
void region_show(struct region *r, u8 views);
void region_move(struct region *r, gpa_t base, u8 views);
void region_set_priority(struct region *r, s8 priority, u8 views);

/*
 * Changes between the two are published together, at the outermost mem_commit(): a new map for
 * each change is dear once a backend listens. Readers see the old map until then. [in_machine]
 */
void mem_begin(struct mem *m);
void mem_commit(struct mem *m);

/* Copy guest memory as VIEW_NORMAL. Any thread. -EFAULT if any byte of the range is not RAM/ROM. */
int mem_read(struct mem *m, gpa_t at, void *buf, size_t len) MUST_CHECK;
/* -EFAULT also for ROM; earlier bytes may have been written. Marks pages dirty. */
int mem_write(struct mem *m, gpa_t at, const void *buf, size_t len) MUST_CHECK;

/*
 * Host pointer to @len contiguous bytes of guest RAM (@write: writable RAM, pages marked dirty), or
 * NULL. Any thread. The pointer stays valid as long as @m, but the guest may see or change the
 * bytes at any moment: copy, check the copy, use the copy.
 */
void *mem_ptr(struct mem *m, gpa_t at, size_t len, bool write);

/* The range of @view that holds @at, copied to *out; false when nothing is there. Any thread. */
bool mem_find(struct mem *m, enum mem_view view, gpa_t at, struct mem_range *out);

/* End of RAM below 4 GiB, and end of RAM above it (4 GiB when there is none). */
void mem_limits(struct mem *m, gpa_t *low_end, gpa_t *high_end);

/* Tell @l about everything shown now and from now on. At most two listeners. */
int mem_listen(struct mem *m, const struct mem_listener *l, struct error *err) MUST_CHECK;
void mem_unlisten(struct mem *m, const struct mem_listener *l);

/*
 * Dirty pages. dirty_start begins (or ends) logging of @r; dirty_fetch moves the bits since the
 * last fetch into @bitmap (one bit per 4096 bytes, (size/4096+63)/64 words) and returns how many
 * are set.
 */
int dirty_start(struct region *r, bool on) MUST_CHECK;
u64 dirty_fetch(struct region *r, u64 *bitmap);
void dirty_mark(struct region *r, u64 offset, u64 len);

/*
 * Keep struct code_page for all RAM and ROM, now and later; -ENOMEM. From then on everything that
 * marks pages dirty (mem_write, mem_ptr for writing, dirty_mark) notes the write there, too.
 */
int mem_track_code(struct mem *m) MUST_CHECK;
/*
 * Note a write of @len bytes at @offset of @r that has been done: what was decoded from there
 * becomes invalid. True if something was. Any thread.
 */
bool code_written(struct region *r, u64 offset, u64 len);
