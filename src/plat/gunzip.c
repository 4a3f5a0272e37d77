/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/gunzip.c: see plat/gunzip.h: through zlib. */
#include "plat/gunzip.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

enum { FIRST_ROOM = 1 << 20, GZIP = 16 + MAX_WBITS };

bool is_gzip(const u8 *bytes, size_t len)
{
	return len > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* Room for as much again, the bytes kept; false: there is none. */
static bool grow(u8 **buf, size_t *room, size_t limit)
{
	size_t more = *room ? MIN(2 * *room, limit) : MIN((size_t)FIRST_ROOM, limit);
	u8 *p = more > *room ? try_alloc(more, limit) : NULL;

	if (!p)
		return false;
	if (*room)
		memcpy(p, *buf, *room);
	free(*buf);
	*buf = p;
	*room = more;
	return true;
}

static int inflate_all(z_stream *z, u8 **buf, size_t *len, size_t limit)
{
	size_t room = 0, more;
	int rc = Z_OK;

	while (rc == Z_OK) {
		if (*len == room && !grow(buf, &room, limit))
			return -EFBIG;
		z->next_out = *buf + *len;
		z->avail_out = (uInt)MIN(room - *len, (size_t)1 << 30);
		more = z->avail_out;
		rc = inflate(z, Z_NO_FLUSH);
		*len += more - z->avail_out;
		if (rc == Z_STREAM_END && z->avail_in) /* members follow each other */
			rc = inflateReset(z);
		else if (rc == Z_OK && !z->avail_in && z->avail_out)
			rc = Z_DATA_ERROR; /* cut short */
	}
	return rc == Z_STREAM_END ? 0 : -EINVAL;
}

int gunzip(u8 **out, size_t *out_len, const u8 *bytes, size_t len, size_t limit, struct error *err)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len };
	u8 *buf = NULL;
	size_t n = 0;
	int rc;

	if (len > (1u << 30) || inflateInit2(&z, GZIP) != Z_OK)
		return error_set(err, -ENOMEM, "it cannot be unpacked here");
	rc = inflate_all(&z, &buf, &n, limit);
	inflateEnd(&z);
	if (rc < 0) {
		free(buf);
		return error_set(err, rc,
				 rc == -EFBIG ? "it is too large once unpacked"
					      : "its compressed data is damaged");
	}
	*out = buf;
	*out_len = n;
	return 0;
}
