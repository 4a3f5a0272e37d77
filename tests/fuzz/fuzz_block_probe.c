/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An arbitrary image is opened: told, refused or read, never believed. */
#include "block/block.h"
#include "test.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static void done(struct disk_req *r, int result)
{
	CHECK_EQ(result, 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static const char path[] = "fuzz_block_probe.img";
	struct disk_config cfg = { .path = path, .readonly = true };
	struct error err = { 0 };
	struct disk *disk;
	struct file *f;
	u8 buf[512];
	struct io_vec v = { buf, sizeof(buf) };
	struct disk_req r = { .op = DISK_READ, .vec = &v, .nvec = 1, .len = 512, .done = done };

	CHECK(file_open(&f, path, FILE_WRITE | FILE_CREATE, NULL) == 0);
	CHECK(file_resize(f, 0) == 0 && file_write(f, data, len, 0) == 0);
	file_close(f);
	if (disk_open(&disk, &cfg, &err) < 0) {
		CHECK(err.code < 0 && err.msg[0]);
	} else {
		CHECK(len && len % 512 == 0);
		disk_submit(disk, &r);
		CHECK(!memcmp(buf, data, 512));
		disk_close(disk);
	}
	file_remove(path);
	return 0;
}
