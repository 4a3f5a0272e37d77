/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/alloc.c: see base/alloc.h. */
#include "base/alloc.h"

#include <stdio.h>

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		fputs("oriel: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *try_alloc(u64 size, size_t limit)
{
	return size <= limit ? calloc(1, size ? (size_t)size : 1) : NULL;
}
