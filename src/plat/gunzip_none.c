/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/gunzip_none.c: see plat/gunzip.h: a build without zlib. */
#include <errno.h>

#include "plat/gunzip.h"

bool is_gzip(const u8 *bytes, size_t len)
{
	return len > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

int gunzip(u8 **out, size_t *out_len, const u8 *bytes, size_t len, size_t limit, struct error *err)
{
	return error_set(err, -ENOTSUP,
			 "it is compressed, and this build has no zlib; unpack it with gunzip");
}
