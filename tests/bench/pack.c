/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/pack.c: zlib, bzip2 and zstd, as Debian compiles them: text is packed, unpacked, and
 * compared with what it was.
 */
#include <bzlib.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "work.h"

enum { LEN = 128 << 10, ROOM = LEN * 2, ZLIB_LEVEL = 6, BZIP2_LEVEL = 1, ZSTD_LEVEL = 3 };

struct packer {
	const char *name;
	size_t (*pack)(u8 *to, size_t room, const u8 *from, size_t len); /* 0: it did not work */
	size_t (*unpack)(u8 *to, size_t room, const u8 *from, size_t len);
};

struct state {
	u8 text[LEN], packed[ROOM], again[LEN];
	size_t packed_len;
	ZSTD_CCtx *zstd_pack;
	ZSTD_DCtx *zstd_unpack;
};

static struct state s;

static size_t zlib_pack(u8 *to, size_t room, const u8 *from, size_t len)
{
	uLongf n = room;

	return compress2(to, &n, from, len, ZLIB_LEVEL) == Z_OK ? n : 0;
}

static size_t zlib_unpack(u8 *to, size_t room, const u8 *from, size_t len)
{
	uLongf n = room;

	return uncompress(to, &n, from, len) == Z_OK ? n : 0;
}

static size_t bzip2_pack(u8 *to, size_t room, const u8 *from, size_t len)
{
	unsigned n = (unsigned)room;

	return BZ2_bzBuffToBuffCompress((char *)to, &n, (char *)(uintptr_t)from, (unsigned)len,
					BZIP2_LEVEL, 0, 0) == BZ_OK
		       ? n
		       : 0;
}

static size_t bzip2_unpack(u8 *to, size_t room, const u8 *from, size_t len)
{
	unsigned n = (unsigned)room;

	return BZ2_bzBuffToBuffDecompress((char *)to, &n, (char *)(uintptr_t)from, (unsigned)len, 0,
					  0) == BZ_OK
		       ? n
		       : 0;
}

static size_t zstd_pack(u8 *to, size_t room, const u8 *from, size_t len)
{
	size_t n = ZSTD_compressCCtx(s.zstd_pack, to, room, from, len, ZSTD_LEVEL);

	return ZSTD_isError(n) ? 0 : n;
}

static size_t zstd_unpack(u8 *to, size_t room, const u8 *from, size_t len)
{
	size_t n = ZSTD_decompressDCtx(s.zstd_unpack, to, room, from, len);

	return ZSTD_isError(n) ? 0 : n;
}

static const struct packer zlib = { "zlib", zlib_pack, zlib_unpack };
static const struct packer bzip2 = { "bzip2", bzip2_pack, bzip2_unpack };
static const struct packer zstd = { "zstd", zstd_pack, zstd_unpack };

static void prepare(const struct packer *p)
{
	make_text(s.text, LEN, 7);
	memset(s.again, 0, LEN); /* its pages are there before the first run */
	memset(s.packed, 0, ROOM);
	if (!s.zstd_pack)
		s.zstd_pack = ZSTD_createCCtx();
	if (!s.zstd_unpack)
		s.zstd_unpack = ZSTD_createDCtx();
	s.packed_len = p->pack(s.packed, ROOM, s.text, LEN);
	if (p->unpack(s.again, LEN, s.packed, s.packed_len) != LEN)
		wrong(p->name);
}

static u64 pack(const struct packer *p, u64 count)
{
	u64 sum = 0;

	for (u64 i = 0; i < count; i++) {
		s.packed_len = p->pack(s.packed, ROOM, s.text, LEN);
		sum += sum_of(s.packed, s.packed_len) + i;
	}
	memset(s.again, 0, LEN);
	if (p->unpack(s.again, LEN, s.packed, s.packed_len) != LEN ||
	    memcmp(s.again, s.text, LEN) != 0)
		wrong(p->name);
	return sum;
}

static u64 unpack(const struct packer *p, u64 count)
{
	u64 sum = 0;

	for (u64 i = 0; i < count; i++) {
		memset(s.again, 0, 64);
		if (p->unpack(s.again, LEN, s.packed, s.packed_len) != LEN)
			wrong(p->name);
		sum += s.again[i % LEN];
	}
	if (memcmp(s.again, s.text, LEN) != 0)
		wrong(p->name);
	return sum + sum_of(s.again, LEN);
}

#define ROWS_OF(packer)                                                                            \
	static void prepare_##packer(void)                                                         \
	{                                                                                          \
		prepare(&packer);                                                                  \
	}                                                                                          \
	static u64 pack_##packer(u64 count)                                                        \
	{                                                                                          \
		return pack(&packer, count);                                                       \
	}                                                                                          \
	static u64 unpack_##packer(u64 count)                                                      \
	{                                                                                          \
		return unpack(&packer, count);                                                     \
	}
ROWS_OF(zlib)
ROWS_OF(bzip2)
ROWS_OF(zstd)

const struct row pack_rows[] = {
	{ "int", "zlib-pack", 10, prepare_zlib, pack_zlib },
	{ "int", "zlib-unpack", 90, prepare_zlib, unpack_zlib },
	{ "int", "bzip2-pack", 4, prepare_bzip2, pack_bzip2 },
	{ "int", "bzip2-unpack", 10, prepare_bzip2, unpack_bzip2 },
	{ "int", "zstd-pack", 50, prepare_zstd, pack_zstd },
	{ "int", "zstd-unpack", 350, prepare_zstd, unpack_zstd },
	{ 0 },
};
