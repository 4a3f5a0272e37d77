/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/loader.c: the script etc/table-loader, by which firmware places the ACPI blobs, adds their
 * addresses to pointers and sums them up, and carrying it out where there is no firmware. QEMU's
 * bios-linker-loader; platform.md 4.
 */
#include <assert.h>
#include <errno.h>
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

static const struct loader_blob *find(const struct loader_blob *blobs, unsigned n, const u8 *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strncmp((const char *)name, blobs[i].file, NAME))
			return &blobs[i];
	return NULL;
}

static bool within(const struct loader_blob *b, u64 off, u64 len)
{
	return b && off <= b->bytes->len && len <= b->bytes->len - off;
}

static int run_pointer(const struct loader_blob *dest, const struct loader_blob *src, const u8 *e)
{
	u32 off = le32_at(e + 116);
	unsigned size = e[120];
	u8 *at;

	if (!src || size < 1 || size > 8 || !within(dest, off, size))
		return -EINVAL;
	at = (u8 *)dest->bytes->at + off;
	put_le(at, size, le_at(at, size) + src->addr);
	return 0;
}

static int run_checksum(const struct loader_blob *b, const u8 *e)
{
	u32 off = le32_at(e + 60), start = le32_at(e + 64), len = le32_at(e + 68);
	u8 sum = 0, *bytes;

	if (!within(b, start, len) || !within(b, off, 1))
		return -EINVAL;
	bytes = (u8 *)b->bytes->at;
	for (u32 i = start; i < start + len; i++)
		sum = (u8)(sum + bytes[i]);
	bytes[off] = (u8)(bytes[off] - sum);
	return 0;
}

int loader_run(const struct str *script, const struct loader_blob *blobs, unsigned n)
{
	int rc = 0;

	for (size_t i = 0; i + ENTRY <= script->len && rc == 0; i += ENTRY) {
		const u8 *e = (const u8 *)script->at + i;
		const struct loader_blob *b = find(blobs, n, e + 4);

		switch (le32_at(e)) {
		case CMD_ALLOCATE: rc = b ? 0 : -EINVAL; break;
		case CMD_ADD_POINTER: rc = run_pointer(b, find(blobs, n, e + 60), e); break;
		case CMD_CHECKSUM: rc = run_checksum(b, e); break;
		default: break; /* padding */
		}
	}
	return rc;
}
