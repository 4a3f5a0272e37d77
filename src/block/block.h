/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block/block.h: a disk seen as bytes. One format so far: raw.
 *
 * A disk is used by one I/O loop thread: disk_submit() is called there and done() runs there, at
 * once or later, in any order. A flush covers every write whose done() ran before it was submitted.
 * When one has failed all later ones do: nobody knows what of those writes is on the disk.
 */
#pragma once

#include "base/error.h"
#include "plat/file.h"

struct disk;
struct disk_req;
struct loop;

struct disk_ops {
	const char *name;                               /* "raw" */
	int (*probe)(const u8 *head, size_t len);       /* 0..100: how sure it is this format */
	int (*open)(struct disk *d, struct error *err); /* the file is open and locked */
	void (*close)(struct disk *d);                  /* may be NULL */
	void (*submit)(struct disk *d, struct disk_req *r);
};
extern const struct disk_ops *const disk_formats[]; /* ends with NULL */

struct disk_info {
	u64 size;             /* bytes; a multiple of sector */
	u32 sector, physical; /* bytes */
	bool readonly;
	const char *format, *path;
};

struct disk_config {
	const char *path;
	const char *format; /* NULL: by content */
	bool readonly, direct;
};

/*
 * Open and lock (exclusively, or shared when read-only) an image. Formats that are recognised but
 * not supported are refused by name; @format "raw" takes any file as it is. An image whose format
 * is only guessed to be raw stays writable everywhere: Windows' installer writes sector 0.
 */
int disk_open(struct disk **out, const struct disk_config *cfg, struct error *err) MUST_CHECK;
void disk_close(struct disk *d); /* NULL is allowed; flushes */
const struct disk_info *disk_info(const struct disk *d);

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_WRITE_ZEROES };
struct disk_req {
	enum disk_op op;
	const struct io_vec *vec; /* DISK_READ, DISK_WRITE */
	unsigned nvec;
	u64 off, len;                                 /* bytes; len is the sum of @vec */
	bool unmap;                                   /* DISK_WRITE_ZEROES: blocks may be freed */
	void (*done)(struct disk_req *r, int result); /* 0 or -errno; -ENOSPC: host disk full */
	struct disk_req *next;                        /* for the format's queue */
};
/* Requests beyond the end give -EINVAL, writes to a read-only disk -EROFS. */
void disk_submit(struct disk *d, struct disk_req *r);
