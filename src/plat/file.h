/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/file.h: whole-request file I/O by 64-bit offset; never short, never EINTR. */
#pragma once

#include "base/error.h"
#include "plat/loop.h"

struct file;

struct io_vec {
	void *ptr;
	size_t len;
};

enum file_mode {
	FILE_READ = 0,
	FILE_WRITE = 1,  /* read and write */
	FILE_CREATE = 2, /* with FILE_WRITE: make it if it is not there */
	FILE_NEW = 4,    /* with FILE_CREATE: fail with -EEXIST if it is there */
	FILE_DIRECT = 8, /* bypass the page cache where the host can, for requests whose offset,
			    lengths and buffers are multiples of 4096; others still work */
};

struct file_info {
	u64 size; /* bytes; of a block device its capacity */
	u64 dev, inode;
	bool regular, block_device;
	u32 sector; /* logical sector of a block device, else 512 */
};

/*
 * Regular files and block devices; everything else is refused, and a block device that is to be
 * written and is mounted, or someone else's, too (-EBUSY). Errors are filled with the path and what
 * to do about it.
 */
int file_open(struct file **out, const char *path, unsigned mode, struct error *err) MUST_CHECK;
void file_close(struct file *f); /* NULL is allowed */
int file_info(struct file *f, struct file_info *out) MUST_CHECK;
os_handle file_handle(struct file *f);

/* 0, -EIO past the end (read), or -errno. Any thread, several at once. */
int file_read(struct file *f, void *buf, size_t len, u64 off) MUST_CHECK;
int file_write(struct file *f, const void *buf, size_t len, u64 off) MUST_CHECK;
int file_readv(struct file *f, const struct io_vec *v, unsigned n, u64 off) MUST_CHECK;
int file_writev(struct file *f, const struct io_vec *v, unsigned n, u64 off) MUST_CHECK;
int file_flush(struct file *f) MUST_CHECK; /* on the disk when it returns */
int file_resize(struct file *f, u64 size) MUST_CHECK;
/*
 * Make [off, off+len) read as zeroes and free its blocks; the size stays. -ENOTSUP where the host
 * cannot, -EINVAL for parts of a block device's sectors.
 */
int file_punch(struct file *f, u64 off, u64 len) MUST_CHECK;

/*
 * Lock the whole file against other programs (and other opens in this one), shared or exclusive,
 * until it is closed. -EBUSY when someone else holds it. An exclusive lock needs FILE_WRITE.
 * POSIX: open file description locks.
 */
int file_lock(struct file *f, bool exclusive) MUST_CHECK;

/*
 * Read a whole file of at most @limit bytes; the caller frees *out. A NUL follows the last byte.
 * -EFBIG when it is longer.
 */
int file_load(u8 **out, size_t *len, const char *path, size_t limit, struct error *err) MUST_CHECK;
/*
 * Write a whole file: to a temporary beside it, flushed, then renamed over it. Symbolic links are
 * followed, permissions kept; what is no regular file (/dev/stdout) is written in place.
 */
int file_save(const char *path, const void *data, size_t len, struct error *err) MUST_CHECK;
bool file_exists(const char *path);
/* Both are there and one file or block device, whatever the paths look like; or equal paths. */
bool file_same(const char *a, const char *b);
int file_remove(const char *path);

/*
 * Give a standard stream that the process was started without (<&- in a shell) the null device, so
 * that no file opened later passes for it. Call first thing.
 */
void file_open_std(void);
