/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/loader.c: the script etc/table-loader, by which firmware places the ACPI blobs, adds their
 * addresses to pointers and sums them up. QEMU's bios-linker-loader; platform.md 4.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "fw/fw_priv.h"

enum { ENTRY = 128, NAME = 56 };
enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER = 2, CMD_CHECKSUM = 3 };

static void put_name(u8 *at, const char *name)
{
	size_t len = strlen(name);

	assert(len < NAME);
	memcpy(at, name, len);
}

void loader_allocate(struct str *l, const char *file, u32 align, enum loader_zone zone)
{
	u8 e[ENTRY] = { CMD_ALLOCATE };

	put_name(e + 4, file);
	put_le32(e + 60, align);
	e[64] = (u8)zone;
	str_add_bytes(l, e, sizeof(e));
}

void loader_add_pointer(struct str *l, const char *dest, const char *src, u32 off, u8 size)
{
	u8 e[ENTRY] = { CMD_ADD_POINTER };

	put_name(e + 4, dest);
	put_name(e + 60, src);
	put_le32(e + 116, off);
	e[120] = size;
	str_add_bytes(l, e, sizeof(e));
}

void loader_checksum(struct str *l, const char *file, u32 off, u32 start, u32 len)
{
	u8 e[ENTRY] = { CMD_CHECKSUM };

	put_name(e + 4, file);
	put_le32(e + 60, off);
	put_le32(e + 64, start);
	put_le32(e + 68, len);
	str_add_bytes(l, e, sizeof(e));
}
