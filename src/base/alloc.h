/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/alloc.h: two kinds of memory: ours (small, never refused) and sized by others (may be). */
#pragma once

#include <stdlib.h>

#include "base/types.h"

/* Zeroed memory for our own fixed-size objects. Ends the process when there is none. */
void *xcalloc(size_t n, size_t size);
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

/* Memory whose size came from a guest, file or peer: NULL if over @limit or refused. */
void *try_alloc(u64 size, size_t limit);

/* AUTO_FREE char *name = NULL; frees at the end of the block. For image, api, cli and tests. */
static inline void auto_free(void *pp)
{
	free(*(void **)pp);
}
#define AUTO_FREE __attribute__((cleanup(auto_free)))
