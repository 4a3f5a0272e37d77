/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening images, good and bad, and raw disks as bytes. */
#include "block/block.h"

#include <errno.h>

#include "block/block_priv.h"
#include "test.h"

static const char path[] = "test_block.img";

/* A file of @size bytes that begins with @head. */
static void image(u64 size, const char *head, size_t len)
{
	struct file *f;

	file_remove(path);
	CHECK(file_open(&f, path, FILE_WRITE | FILE_CREATE, NULL) == 0);
	CHECK(file_resize(f, size) == 0);
	CHECK(file_write(f, head, len, 0) == 0);
	file_close(f);
}

static struct disk *open_disk(struct disk_config cfg)
{
	struct disk *d = NULL;
	struct error err;

	if (disk_open(&d, &cfg, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	return d;
}

/* Opening fails with @code and a message that has @word and the path in it. */
static void refused(struct disk_config cfg, int code, const char *word)
{
	struct disk *d = (struct disk *)(uintptr_t)1;
	struct error err;

	CHECK_EQ(disk_open(&d, &cfg, &err), code);
	CHECK(d == (struct disk *)(uintptr_t)1);
	if (!strstr(err.msg, word) || !strstr(err.msg, cfg.path)) {
		fprintf(stderr, "\"%s\" lacks \"%s\"\n", err.msg, word);
		exit(1);
	}
}

static int result;
static unsigned dones;

static void done(struct disk_req *r, int res)
{
	result = res;
	dones++;
}

static int run(struct disk *d, enum disk_op op, u64 off, u64 len, struct io_vec *v, unsigned n)
{
	struct disk_req r = { .op = op, .off = off, .len = len, .vec = v, .nvec = n, .done = done };

	r.unmap = true;
	dones = 0;
	disk_submit(d, &r);
	CHECK_EQ(dones, 1);
	return result;
}

static void bad_images_are_refused_with_advice(void)
{
	struct disk_config cfg = { .path = path };

	file_remove(path);
	refused(cfg, -ENOENT, "check the path");
	refused((struct disk_config){ .path = "." }, -EISDIR, "directory");
	refused((struct disk_config){ .path = ".", .readonly = true }, -EISDIR, "directory");
	image(0, "", 0);
	refused(cfg, -EINVAL, "empty");
	image(1000, "", 0);
	refused(cfg, -EINVAL, "truncate -s 1024");
	image(1024, "", 0);
	cfg.format = "raww";
	refused(cfg, -EINVAL, "raww");
	cfg.format = "vhdx";
	refused(cfg, -ENOTSUP, "vhdx");
}

static void foreign_formats_are_refused_by_name(void)
{
	static const struct {
		const char *magic, *name, *advice;
		unsigned len, at;
	} f[] = {
		{ "QFI\xfb\0\0\0\3", "qcow2", "qemu-img convert", 8, 0 },
		{ "vhdxfile", "vhdx", "qemu-img convert", 8, 0 },
		{ "conectix", "vhd", "qemu-img convert", 8, 0 },
		{ "KDMV\1\0\0\0", "vmdk", "qemu-img convert", 8, 0 },
		{ "# Disk DescriptorFile\n", "vmdk", "qemu-img convert", 22, 0 },
		{ "LUKS\xba\xbe\0\2", "luks", "cryptsetup", 8, 0 },
		{ "\x7f\x10\xda\xbe", "vdi", "qemu-img convert", 4, 64 },
		{ "MSWIM\0\0\0", "wim", "wimapply", 8, 0 },
		{ "conectix", "vhd", "qemu-img convert", 8, 65536 - 512 }, /* a fixed VHD */
	};
	struct disk_config cfg = { .path = path };

	for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
		static char head[65536];

		memset(head, 0, sizeof(head));
		memcpy(head + f[i].at, f[i].magic, f[i].len);
		image(sizeof(head), head, sizeof(head));
		refused(cfg, -ENOTSUP, f[i].name);
		refused(cfg, -ENOTSUP, f[i].advice);
		cfg.format = "raw"; /* who says so gets it */
		disk_close(open_disk(cfg));
		cfg.format = NULL;
	}
	/* Even when the file is too short to be one, or not a multiple of 512. */
	image(40, "QFI\xfb", 4);
	refused(cfg, -ENOTSUP, "qcow2");
}

static void a_disk_in_use_is_locked(void)
{
	struct disk_config rw = { .path = path }, ro = { .path = path, .readonly = true };
	struct disk *a, *b;

	image(4096, "", 0);
	a = open_disk(rw);
	refused(rw, -EBUSY, "in use by another program");
	refused(ro, -EBUSY, "in use by another program");
	disk_close(a);
	a = open_disk(ro);
	b = open_disk(ro); /* readers share */
	refused(rw, -EBUSY, "in use by another program");
	disk_close(a);
	disk_close(b);
	disk_close(open_disk(rw));
	disk_close(NULL);
}

static void a_raw_disk_reads_what_was_written(void)
{
	struct disk *d;
	u8 a[512], b[1024], c[1536];
	struct io_vec out[] = { { a, 512 }, { b, 1024 } }, in = { c, 1536 };

	image(8192, "", 0);
	d = open_disk((struct disk_config){ .path = path });
	CHECK_EQ(disk_info(d)->size, 8192);
	CHECK_EQ(disk_info(d)->sector, 512);
	CHECK_EQ(disk_info(d)->physical, 4096);
	CHECK(!strcmp(disk_info(d)->format, "raw"));
	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	CHECK_EQ(run(d, DISK_WRITE, 512, 1536, out, 2), 0);
	CHECK_EQ(run(d, DISK_FLUSH, 0, 0, NULL, 0), 0);
	CHECK_EQ(run(d, DISK_READ, 512, 1536, &in, 1), 0);
	CHECK(c[0] == 1 && c[511] == 1 && c[512] == 2 && c[1535] == 2);
	disk_close(d);
}

static void discarded_and_zeroed_bytes_read_as_zero(void)
{
	static u8 buf[MIB(3)];
	struct io_vec v = { buf, sizeof(buf) };
	struct disk_req r = { .op = DISK_WRITE_ZEROES, .off = 512, .len = MIB(2) + 512 };
	struct disk *d;

	image(MIB(3), "", 0);
	d = open_disk((struct disk_config){ .path = path });
	memset(buf, 0xee, sizeof(buf));
	CHECK_EQ(run(d, DISK_WRITE, 0, sizeof(buf), &v, 1), 0);
	r.done = done; /* without unmap the blocks are written */
	disk_submit(d, &r);
	CHECK_EQ(result, 0);
	CHECK_EQ(run(d, DISK_READ, 0, sizeof(buf), &v, 1), 0);
	CHECK(buf[511] == 0xee && buf[512] == 0 && buf[MIB(2) + 1023] == 0);
	CHECK(buf[MIB(2) + 1024] == 0xee);
	CHECK_EQ(run(d, DISK_WRITE_ZEROES, MIB(2) + 1024, 512, NULL, 0), 0);
	CHECK_EQ(run(d, DISK_DISCARD, 0, 512, NULL, 0), 0);
	CHECK_EQ(run(d, DISK_READ, 0, sizeof(buf), &v, 1), 0);
	CHECK(buf[MIB(2) + 1024] == 0 && buf[MIB(2) + 1536] == 0xee);
	disk_close(d);
}

static void requests_outside_or_against_the_mode_fail(void)
{
	u8 buf[512];
	struct io_vec v = { buf, 512 };
	struct disk *d;
	struct file *f;

	image(1024, "", 0);
	d = open_disk((struct disk_config){ .path = path });
	CHECK_EQ(run(d, DISK_READ, 1024, 512, &v, 1), -EINVAL);
	CHECK_EQ(run(d, DISK_READ, ~0ull - 511, 512, &v, 1), -EINVAL);
	CHECK_EQ(run(d, DISK_WRITE_ZEROES, 512, 1024, NULL, 0), -EINVAL);
	disk_close(d);
	d = open_disk((struct disk_config){ .path = path, .readonly = true });
	CHECK(disk_info(d)->readonly);
	CHECK_EQ(run(d, DISK_READ, 0, 512, &v, 1), 0);
	CHECK_EQ(run(d, DISK_WRITE, 0, 512, &v, 1), -EROFS);
	CHECK_EQ(run(d, DISK_DISCARD, 0, 512, NULL, 0), -EROFS);
	CHECK_EQ(run(d, DISK_FLUSH, 0, 0, NULL, 0), 0);
	/* Someone cuts the file under us. */
	CHECK(file_open(&f, path, FILE_WRITE, NULL) == 0);
	CHECK(file_resize(f, 100) == 0);
	file_close(f);
	CHECK_EQ(run(d, DISK_READ, 512, 512, &v, 1), -EIO);
	disk_close(d);
}

/* The linker sends calls of file_flush() here. */
int __real_file_flush(struct file *f);
int __wrap_file_flush(struct file *f);
static int flush_fails;
static unsigned flushes;

int __wrap_file_flush(struct file *f)
{
	int fails = flush_fails;

	flushes++;
	flush_fails = 0; /* the host tells of it once */
	return fails ? fails : __real_file_flush(f);
}

static void a_flush_that_failed_is_never_made_good(void)
{
	struct io_vec v = { (void *)"0123", 4 };
	struct disk *d;

	image(4096, "", 0);
	d = open_disk((struct disk_config){ .path = path });
	CHECK_EQ(run(d, DISK_FLUSH, 0, 0, NULL, 0), 0);
	CHECK_EQ(run(d, DISK_WRITE, 0, 4, &v, 1), 0);
	flush_fails = -EIO;
	flushes = 0;
	CHECK_EQ(run(d, DISK_FLUSH, 0, 0, NULL, 0), -EIO);
	CHECK_EQ(run(d, DISK_FLUSH, 0, 0, NULL, 0), -EIO);
	CHECK_EQ(flushes, 1);
	CHECK_EQ(run(d, DISK_READ, 0, 4, &v, 0), 0); /* the rest goes on */
	disk_close(d);
}

int main(void)
{
	RUN(bad_images_are_refused_with_advice);
	RUN(foreign_formats_are_refused_by_name);
	RUN(a_disk_in_use_is_locked);
	RUN(a_raw_disk_reads_what_was_written);
	RUN(discarded_and_zeroed_bytes_read_as_zero);
	RUN(requests_outside_or_against_the_mode_fail);
	RUN(a_flush_that_failed_is_never_made_good);
	file_remove(path);
	return 0;
}
