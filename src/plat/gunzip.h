/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/gunzip.h: bytes in gzip's format (RFC 1952) unpacked, where the build has zlib. */
#pragma once

#include "base/error.h"

bool is_gzip(const u8 *bytes, size_t len); /* by its first bytes */
/*
 * Unpack to at most @limit bytes; the caller frees *out. -EFBIG: there are more; -EINVAL: damaged;
 * -ENOTSUP: this build has no zlib.
 */
int gunzip(u8 **out, size_t *out_len, const u8 *bytes, size_t len, size_t limit, struct error *err)
	MUST_CHECK;
