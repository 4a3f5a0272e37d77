/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/bytes.h: little and big endian access to unaligned bytes, and a bounded reader. */
#pragma once

#include "base/types.h"

static inline u16 le16_at(const void *p)
{
	const u8 *b = p;
	return (u16)(b[0] | b[1] << 8);
}

static inline u32 le32_at(const void *p)
{
	return le16_at(p) | (u32)le16_at((const u8 *)p + 2) << 16;
}

static inline u64 le64_at(const void *p)
{
	return le32_at(p) | (u64)le32_at((const u8 *)p + 4) << 32;
}

static inline u32 be32_at(const void *p)
{
	return __builtin_bswap32(le32_at(p));
}

static inline u64 be64_at(const void *p)
{
	return __builtin_bswap64(le64_at(p));
}

static inline void put_le16(void *p, u16 v)
{
	u8 *b = p;
	b[0] = (u8)v;
	b[1] = (u8)(v >> 8);
}

static inline void put_le32(void *p, u32 v)
{
	put_le16(p, (u16)v);
	put_le16((u8 *)p + 2, (u16)(v >> 16));
}

static inline void put_le64(void *p, u64 v)
{
	put_le32(p, (u32)v);
	put_le32((u8 *)p + 4, (u32)(v >> 32));
}

static inline void put_be16(void *p, u16 v)
{
	put_le16(p, __builtin_bswap16(v));
}

static inline void put_be32(void *p, u32 v)
{
	put_le32(p, __builtin_bswap32(v));
}

static inline void put_be64(void *p, u64 v)
{
	put_le64(p, __builtin_bswap64(v));
}

/* The low @size bytes (1 to 8) at @p as a little endian number, and back. */
u64 le_at(const void *p, unsigned size);
void put_le(void *p, unsigned size, u64 v);

/* All ones in the low @size bytes (1 to 8): what an unclaimed read of that size gives. */
static inline u64 ones(unsigned size)
{
	return ~0ull >> (64 - 8 * size);
}

/*
 * A reader over untrusted bytes. A read past the end sets @bad and yields 0,
 * so a parser reads a whole structure and tests @bad once.
 */
struct reader {
	const u8 *at, *end;
	bool bad;
};

u8 read_u8(struct reader *r);
u16 read_le16(struct reader *r);
u32 read_le32(struct reader *r);
u64 read_le64(struct reader *r);
const void *read_bytes(struct reader *r, size_t len); /* NULL past the end */
