/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/file.c: see plat/file.h: the part of reading and writing that is the same on all hosts. */
#include "plat/file.h"

#include <errno.h>

#include "plat/plat_priv.h"

static bool aligned(const struct io_vec *v, unsigned n, u64 off)
{
	u64 bits = off;

	for (unsigned i = 0; i < n; i++)
		bits |= (u64)(uintptr_t)v[i].ptr | v[i].len;
	return !(bits & (FILE_ALIGN - 1));
}

static int vectored(struct file *f, const struct io_vec *v, unsigned n, u64 off, bool write)
{
	u64 total = 0, end;

	for (unsigned i = 0; i < n; i++)
		if (add_overflow(total, v[i].len, &total))
			return -EINVAL;
	if (add_overflow(off, total, &end) || end > (u64)INT64_MAX)
		return write ? -EFBIG : -EIO;
	return file_transfer(f, v, n, off, total, aligned(v, n, off), write);
}

int file_readv(struct file *f, const struct io_vec *v, unsigned n, u64 off)
{
	return vectored(f, v, n, off, false);
}

int file_writev(struct file *f, const struct io_vec *v, unsigned n, u64 off)
{
	return vectored(f, v, n, off, true);
}

int file_read(struct file *f, void *buf, size_t len, u64 off)
{
	struct io_vec v = { buf, len };

	return vectored(f, &v, 1, off, false);
}

int file_write(struct file *f, const void *buf, size_t len, u64 off)
{
	struct io_vec v = { (void *)(uintptr_t)buf, len };

	return vectored(f, &v, 1, off, true);
}
