/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/undo.h: what a vCPU writes to memory, noted and taken back: access.c, for lockstep.c. */
#pragma once

#include "cpu/soft/soft_priv.h"

enum { UNDO_ENTRIES = 4096, UNDO_BYTES = 256 << 10 };

struct undo_entry {
	u8 *at; /* host memory */
	u32 len, from;
};

/* The bytes before each write, and what they were when all was taken back. */
struct undo {
	bool tags;   /* pages that are in here may have write tags: those writes are not noted */
	bool lost;   /* more was written than fits: it cannot be taken back */
	bool device; /* a device was read or written */
	bool marked; /* A or D was set in an entry of a page table; that stays */
	u32 entries, used;
	struct undo_entry entry[UNDO_ENTRIES];
	u8 old[UNDO_BYTES], then[UNDO_BYTES];
};

/* From here on @u notes what @c writes: there are no write tags until it ends. */
void undo_begin(struct soft_cpu *c, struct undo *u);
void undo_end(struct soft_cpu *c);
void undo_note(struct undo *u, void *host, size_t len); /* before a write */
bool undo_allows_tag(const struct undo *u, const u8 *host);
void undo_take_back(struct undo *u);
/*
 * Whether memory is not as it was before undo_take_back(), when there were @before entries: a byte
 * that differs, and what it should be; NULL: none. What was only written since counts, too.
 */
const u8 *undo_differs(const struct undo *u, u32 before, u8 *was);
