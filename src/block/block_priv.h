/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block/block_priv.h: a disk as its format sees it, and images that are known but not supported. */
#pragma once

#include "block/block.h"

struct disk {
	const struct disk_ops *ops;
	struct file *file;
	struct file_info file_info;
	struct disk_info info; /* size, sector and physical are filled by ops->open */
	char *path;
	void *state;     /* the format's own */
	int flush_error; /* of the first flush that failed: all later ones fail, too */
};

/*
 * Bring what was written to the file onto the disk. Linux tells of a page that could not be written
 * once, and forgets the page: after a failure no later success means anything.
 */
int disk_flush_file(struct disk *d);

extern const struct disk_ops raw_format;

/* How much of an image's begin and end is looked at to tell its format. */
enum { PROBE_HEAD = 4096, PROBE_TAIL = 512 };

struct foreign_format {
	const char *name;   /* "qcow2" */
	const char *advice; /* what to do with such a file */
};
/*
 * The format other than raw that the first (@head) and last (@tail) bytes of a file show, or NULL.
 */
const struct foreign_format *foreign_probe(const u8 *head, size_t head_len, const u8 *tail,
					   size_t tail_len);
/* The same by name, for format=. */
const struct foreign_format *foreign_named(const char *name);
