/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block/raw.c: a disk whose bytes are the bytes of a regular file or a block device. */
#include <errno.h>

#include "block/block_priv.h"

static int raw_probe(const u8 *head UNUSED, size_t len UNUSED)
{
	return 1; /* anything can be raw, so every other format is surer */
}

static int raw_open(struct disk *d, struct error *err)
{
	u64 size = d->file_info.size;
	u32 sector = d->file_info.sector;

	if (size % sector)
		return error_set(
			err, -EINVAL,
			"%s: its size, %llu bytes, is not a multiple of %u, so it is no whole "
			"disk; was a copy cut short? Add zeroes with: truncate -s %llu %s",
			d->path, (unsigned long long)size, sector,
			(unsigned long long)(size + sector - size % sector), d->path);
	d->info.size = size;
	d->info.sector = sector;
	/* Files live on file systems of 4 KiB blocks; smaller writes cost a read there. */
	d->info.physical = MAX(sector, 4096);
	return 0;
}

static int write_zeroes(struct disk *d, u64 off, u64 len)
{
	static const u8 zeroes[KIB(64)];
	struct io_vec vec[16];

	while (len) {
		u64 left = len;
		unsigned n = 0;
		int r;

		for (; n < ARRAY_LEN(vec) && left; n++) {
			vec[n].ptr = (void *)(uintptr_t)zeroes; /* only read */
			vec[n].len = (size_t)MIN(left, sizeof(zeroes));
			left -= vec[n].len;
		}
		r = file_writev(d->file, vec, n, off);
		if (r < 0)
			return r;
		off += len - left;
		len = left;
	}
	return 0;
}

static int raw_do(struct disk *d, const struct disk_req *r)
{
	int e;

	switch (r->op) {
	case DISK_READ: return file_readv(d->file, r->vec, r->nvec, r->off);
	case DISK_WRITE: return file_writev(d->file, r->vec, r->nvec, r->off);
	case DISK_FLUSH: return disk_flush_file(d);
	case DISK_DISCARD:
		e = file_punch(d->file, r->off, r->len);
		return e == -ENOTSUP ? 0 : e; /* a hint: it may be ignored */
	case DISK_WRITE_ZEROES:
		e = r->unmap ? file_punch(d->file, r->off, r->len) : -ENOTSUP;
		return e == -ENOTSUP ? write_zeroes(d, r->off, r->len) : e;
	}
	return -ENOTSUP;
}

static void raw_submit(struct disk *d, struct disk_req *r)
{
	r->done(r, raw_do(d, r));
}

const struct disk_ops raw_format = {
	.name = "raw",
	.probe = raw_probe,
	.open = raw_open,
	.submit = raw_submit,
};
