/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/bytes.c: see base/bytes.h. */
#include "base/bytes.h"

const void *read_bytes(struct reader *r, size_t len)
{
	const u8 *at = r->at;

	if (r->bad || (size_t)(r->end - at) < len) {
		r->bad = true;
		return NULL;
	}
	r->at += len;
	return at;
}

u8 read_u8(struct reader *r)
{
	const u8 *p = read_bytes(r, 1);
	return p ? *p : 0;
}

u16 read_le16(struct reader *r)
{
	const void *p = read_bytes(r, 2);
	return p ? le16_at(p) : 0;
}

u32 read_le32(struct reader *r)
{
	const void *p = read_bytes(r, 4);
	return p ? le32_at(p) : 0;
}

u64 read_le64(struct reader *r)
{
	const void *p = read_bytes(r, 8);
	return p ? le64_at(p) : 0;
}

u64 le_at(const void *p, unsigned size)
{
	const u8 *b = p;
	u64 v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (u64)b[i] << (8 * i);
	return v;
}

void put_le(void *p, unsigned size, u64 v)
{
	u8 *b = p;

	for (unsigned i = 0; i < size; i++)
		b[i] = (u8)(v >> (8 * i));
}
