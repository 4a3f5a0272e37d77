/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/volume.h: firmware volumes that pass for UEFI code or for a variable store. */
#pragma once

#include "base/bytes.h"
#include "test.h"

/* A firmware volume of @len bytes with a good header; @variables: an NV store. PI 1.7 3, 3.2.1. */
static void make_volume(u8 *at, size_t len, bool variables)
{
	static const u8 nv_guid[16] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
					0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };
	u16 sum = 0;

	memset(at, variables ? 0xff : 0x5a, len);
	memset(at, 0, 72);
	if (variables)
		memcpy(at + 16, nv_guid, sizeof(nv_guid));
	else
		memset(at + 16, 0x77, 16);
	put_le64(at + 32, len);
	memcpy(at + 40, "_FVH", 4);
	put_le16(at + 48, 72);
	at[55] = 2;
	for (unsigned i = 0; i < 72; i += 2)
		sum = (u16)(sum + le16_at(at + i));
	put_le16(at + 50, (u16)-sum);
	if (!variables)
		memcpy(at + len - 16, "\x90\x90\xe9\x5b\xff", 5);
}
