/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole-request file I/O, locks, holes, whole files. */
#include "plat/file.h"

#include <errno.h>

#include "base/types.h"
#include "plat/map.h"
#include "plat/thread.h"
#include "test.h"

static void name(char *buf, size_t len, const char *what)
{
	snprintf(buf, len, "oriel-test-file-%u-%s", thread_id(), what);
	file_remove(buf);
}

static struct file *make(const char *path, unsigned mode)
{
	struct file *f = NULL;
	struct error err = { 0 };

	if (file_open(&f, path, mode, &err))
		fprintf(stderr, "%s\n", err.msg);
	CHECK(f);
	return f;
}

static u64 size_of(struct file *f)
{
	struct file_info info;

	CHECK(!file_info(f, &info));
	CHECK(info.regular && !info.block_device);
	CHECK_EQ(info.sector, 512);
	return info.size;
}

static void requests_are_whole_and_the_end_is_an_error(void)
{
	struct file *f;
	char path[64];
	u8 buf[16];

	name(path, sizeof(path), "rw");
	f = make(path, FILE_WRITE | FILE_CREATE);
	CHECK(!file_write(f, "hello", 5, 3));
	CHECK_EQ(size_of(f), 8);
	CHECK(!file_read(f, buf, 8, 0));
	CHECK(!memcmp(buf, "\0\0\0hello", 8));
	CHECK_EQ(file_read(f, buf, 9, 0), -EIO);
	CHECK_EQ(file_read(f, buf, 1, 8), -EIO);
	CHECK_EQ(file_read(f, buf, 1, ~0ull), -EIO);
	CHECK_EQ(file_read(f, buf, 8, (u64)INT64_MAX - 3), -EIO);
	CHECK(!file_read(f, buf, 0, 100));
	CHECK(file_write(f, buf, 8, (u64)INT64_MAX - 3) < 0);
	CHECK(!file_flush(f));
	CHECK(!file_resize(f, 4));
	CHECK_EQ(size_of(f), 4);
	file_close(f);
	file_close(NULL);
	file_remove(path);
}

static void vectors_may_be_many_and_may_be_empty(void)
{
	static u8 out[3000], in[3000];
	static struct io_vec v[3000];
	struct file *f;
	char path[64];
	unsigned n = 0, sum = 0;

	name(path, sizeof(path), "vec");
	f = make(path, FILE_WRITE | FILE_CREATE | FILE_NEW);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 3);
	/* Runs of empty parts longer than any one system call's list. */
	for (unsigned i = 0; i < 3000; i++) {
		size_t len = i % 300 == 299 ? 100 + i % 7 : 0;

		v[n++] = (struct io_vec){ out + sum, len };
		sum += (unsigned)len;
	}
	CHECK(!file_writev(f, v, n, 10));
	CHECK_EQ(size_of(f), 10 + sum);
	for (unsigned i = 0; i < n; i++)
		v[i].ptr = in + ((u8 *)v[i].ptr - out);
	CHECK(!file_readv(f, v, n, 10));
	CHECK(!memcmp(in, out, sum));
	CHECK_EQ(file_readv(f, v, n, 11), -EIO);
	CHECK(!file_readv(f, v, 0, 0));
	file_close(f);
	file_remove(path);
}

static void direct_files_take_any_request(void)
{
	static u8 out[12288] __attribute__((aligned(4096)));
	static u8 in[12288] __attribute__((aligned(4096)));
	struct file *f;
	char path[64];

	name(path, sizeof(path), "direct");
	f = make(path, FILE_WRITE | FILE_CREATE | FILE_DIRECT);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 3 + i / 256);
	CHECK(!file_write(f, out, 8192, 0));
	CHECK(!file_write(f, out + 8192, 100, 8192));
	CHECK(!file_read(f, in, 8192, 0));
	CHECK(!file_read(f, in + 8192, 100, 8192));
	CHECK(!memcmp(in, out, 8292));
	/* A multiple of the block that ends beyond the end of the file. */
	CHECK_EQ(file_read(f, in, 4096, 8192), -EIO);
	CHECK(!file_write(f, "x", 1, 5));
	CHECK(!file_read(f, in, 4096, 0));
	CHECK_EQ(in[5], 'x');
	file_close(f);
	file_remove(path);
}

static void what_is_no_file_is_refused_with_advice(void)
{
	struct error err = { 0 };
	struct file *f;
	char path[64];

	name(path, sizeof(path), "none");
	CHECK_EQ(file_open(&f, path, FILE_READ, &err), -ENOENT);
	CHECK(strstr(err.msg, path) && strstr(err.msg, "check the path"));
	CHECK_EQ(file_open(&f, ".", FILE_READ, &err), -EISDIR);
	CHECK(strstr(err.msg, "directory"));
	CHECK_EQ(file_open(&f, ".", FILE_WRITE, &err), -EISDIR);
	f = make(path, FILE_WRITE | FILE_CREATE | FILE_NEW);
	file_close(f);
	CHECK_EQ(file_open(&f, path, FILE_WRITE | FILE_CREATE | FILE_NEW, &err), -EEXIST);
	CHECK(file_exists(path));
	CHECK(!file_remove(path));
	CHECK_EQ(file_remove(path), -ENOENT);
	CHECK(!file_exists(path));
}

static void locks_hold_against_other_opens_until_closed(void)
{
	struct file *a, *b, *c;
	char path[64];

	name(path, sizeof(path), "lock");
	a = make(path, FILE_WRITE | FILE_CREATE);
	b = make(path, FILE_WRITE);
	c = make(path, FILE_READ);
	CHECK(!file_lock(a, true));
	CHECK_EQ(file_lock(b, true), -EBUSY);
	CHECK_EQ(file_lock(c, false), -EBUSY);
	file_close(a);
	CHECK(!file_lock(b, false));
	CHECK(!file_lock(c, false));
	a = make(path, FILE_WRITE);
	CHECK_EQ(file_lock(a, true), -EBUSY);
	file_close(b);
	file_close(c);
	CHECK(!file_lock(a, true));
	file_close(a);
	file_remove(path);
}

static void a_punched_hole_reads_as_zeroes(void)
{
	static u8 buf[65536 * 4];
	struct file *f;
	char path[64];
	int rc;

	name(path, sizeof(path), "punch");
	f = make(path, FILE_WRITE | FILE_CREATE);
	memset(buf, 'x', sizeof(buf));
	CHECK(!file_write(f, buf, sizeof(buf), 0));
	rc = file_punch(f, 65536, 65536 + 10);
	CHECK(rc == 0 || rc == -ENOTSUP);
	if (!rc) {
		CHECK_EQ(size_of(f), sizeof(buf));
		CHECK(!file_read(f, buf, sizeof(buf), 0));
		CHECK(buf[65535] == 'x' && !buf[65536] && !buf[65536 * 2 + 9]);
		CHECK_EQ(buf[65536 * 2 + 10], 'x');
	}
	CHECK(!file_punch(f, 5, 0));
	CHECK_EQ(file_punch(f, ~0ull, 2), -EINVAL);
	file_close(f);
	file_remove(path);
}

static void whole_files_are_saved_and_loaded(void)
{
	struct error err = { 0 };
	char path[64];
	size_t len;
	u8 *data;

	name(path, sizeof(path), "whole");
	CHECK(!file_save(path, "one", 3, &err));
	CHECK(!file_save(path, "second", 6, &err));
	CHECK(!file_load(&data, &len, path, 6, &err));
	CHECK_EQ(len, 6);
	CHECK(!memcmp(data, "second", 7));
	free(data);
	CHECK_EQ(file_load(&data, &len, path, 5, &err), -EFBIG);
	CHECK(strstr(err.msg, path));
	CHECK(!file_save(path, "", 0, &err));
	CHECK(!file_load(&data, &len, path, 0, &err));
	CHECK_EQ(len, 0);
	free(data);
	file_remove(path);
	CHECK_EQ(file_load(&data, &len, path, 5, &err), -ENOENT);
	CHECK_EQ(file_save("no-such-folder/file", "x", 1, &err), -ENOENT);
	CHECK_EQ(file_save(".", "x", 1, &err), -EISDIR);
}

static void check_memory(unsigned flags)
{
	struct map m = { 0 };
	struct error err = { 0 };
	u8 *p;

	map_destroy(&m);
	CHECK(!map_create(&m, GIB(1), flags, "test", &err));
	CHECK(m.handle > 0 || !(flags & MAP_SHARE));
	p = m.at;
	CHECK(!p[0] && !p[GIB(1) - 1]);
	p[0] = 1;
	p[4096] = 2;
	p[8192] = 3;
	CHECK(!map_discard(&m, 4096, 4096));
	CHECK(p[0] == 1 && !p[4096] && p[8192] == 3);
	CHECK_EQ(map_discard(&m, GIB(1), 4096), -EINVAL);
	CHECK_EQ(map_discard(&m, 4096, ~0ull), -EINVAL);
	map_destroy(&m);
	CHECK(!m.at);
}

static void memory_is_zeroed_and_can_be_given_back(void)
{
	struct map m = { 0 };
	struct error err = { 0 };

	check_memory(0);
	check_memory(MAP_SHARE);
	CHECK(!map_create(&m, MIB(8), MAP_PREFAULT | MAP_MERGE | MAP_NO_THP, "test", &err));
	map_destroy(&m);
	CHECK_EQ(map_create(&m, 0, 0, "test", &err), -EINVAL);
	CHECK(map_create(&m, 1ull << 62, 0, "test", &err) < 0);
	CHECK(!strncmp(err.msg, "test: ", 6));
	/* So many huge pages no host has reserved. */
	CHECK(map_create(&m, GIB(1) << 12, MAP_HUGE, "test", &err) < 0);
	CHECK(strstr(err.msg, "huge"));
}

static void the_host_has_memory_processors_and_entropy(void)
{
	u8 a[32] = { 0 }, b[32] = { 0 };

	CHECK(host_memory_total() > MIB(64));
	CHECK(host_cpus() >= 1);
	CHECK(process_peak_rss() > KIB(100));
	CHECK(!random_bytes(a, sizeof(a)) && !random_bytes(b, sizeof(b)));
	CHECK(memcmp(a, b, sizeof(a)));
	CHECK(!random_bytes(NULL, 0));
}

int main(void)
{
	RUN(requests_are_whole_and_the_end_is_an_error);
	RUN(vectors_may_be_many_and_may_be_empty);
	RUN(direct_files_take_any_request);
	RUN(what_is_no_file_is_refused_with_advice);
	RUN(locks_hold_against_other_opens_until_closed);
	RUN(a_punched_hole_reads_as_zeroes);
	RUN(whole_files_are_saved_and_loaded);
	RUN(memory_is_zeroed_and_can_be_given_back);
	RUN(the_host_has_memory_processors_and_entropy);
	return 0;
}
