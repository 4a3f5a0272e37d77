/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/identify.c: what a firmware file is, by its bytes. UEFI Platform Initialization 1.7 volume 3,
 * 3.2 (firmware volumes); Linux Documentation/arch/x86/boot.rst.
 */
#include <string.h>

#include "base/bytes.h"
#include "fw/fw.h"
#include "fw/kernel.h"

/* A firmware volume: 16 bytes of zero vector, file system GUID, length, "_FVH", ... */
enum { FV_GUID = 16, FV_LENGTH = 32, FV_SIGNATURE = 40, FV_HEADER_LENGTH = 48, FV_MIN = 72 };

/* EFI_SYSTEM_NV_DATA_FV_GUID: FFF12B8D-7696-4C8B-A985-2747075B4F50 as stored. */
static const u8 nv_data_guid[16] = {
	0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
	0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50,
};

static bool is_volume(const u8 *p, size_t len)
{
	unsigned header;
	u16 sum = 0;

	if (len < FV_MIN || memcmp(p + FV_SIGNATURE, "_FVH", 4))
		return false;
	header = le16_at(p + FV_HEADER_LENGTH);
	if (header < FV_MIN || header > len || header % 2 || le64_at(p + FV_LENGTH) > len)
		return false;
	for (unsigned i = 0; i < header; i += 2)
		sum = (u16)(sum + le16_at(p + i));
	return sum == 0;
}

static bool holds_variables(const u8 *p)
{
	return !memcmp(p + FV_GUID, nv_data_guid, sizeof(nv_data_guid));
}

/* An image for another processor has no code where x86 starts. */
static bool ends_with_code(const u8 *bytes, size_t len)
{
	const u8 *vector = bytes + len - 16;

	for (unsigned i = 1; i < 16; i++)
		if (vector[i] != vector[0])
			return true;
	return vector[0] != 0 && vector[0] != 0xff;
}

/* At FFFFFFF0: perhaps CLI, NOP or WBINVD, then a jump that stays within the last mebibyte. */
static bool has_reset_vector(const u8 *bytes, size_t len)
{
	const u8 *p = bytes + len - 16;
	unsigned i = 0;

	while (i < 4) {
		if (p[i] == 0x90 || p[i] == 0xfa || p[i] == 0xfc)
			i++;
		else if (p[i] == 0x0f && p[i + 1] == 0x09)
			i += 2;
		else
			break;
	}
	if (p[i] == 0xea) /* far, to a segment that the image's copy below 1 MiB covers */
		return le16_at(p + i + 3) >= 0xc000;
	return p[i] == 0xe9 || p[i] == 0xeb;
}

static bool is_linux(const u8 *p, size_t len)
{
	return len >= 0x250 && le16_at(p + 0x1fe) == 0xaa55 && !memcmp(p + 0x202, "HdrS", 4) &&
	       le16_at(p + 0x206) >= 0x200;
}

size_t fw_vars_size(const u8 *bytes, size_t len)
{
	u64 size;

	if (!is_volume(bytes, len) || !holds_variables(bytes))
		return 0;
	size = le64_at(bytes + FV_LENGTH);
	if (size >= len || size % 4096 || !is_volume(bytes + size, len - size) ||
	    holds_variables(bytes + size))
		return 0;
	return size;
}

enum fw_kind fw_identify(const u8 *bytes, size_t len)
{
	if (is_linux(bytes, len))
		return FW_LINUX;
	if (kernel_likely(bytes, len))
		return FW_KERNEL;
	if (is_volume(bytes, len)) {
		if (holds_variables(bytes) && !fw_vars_size(bytes, len))
			return FW_UEFI_VARS;
		return ends_with_code(bytes, len) ? FW_UEFI : FW_UNKNOWN;
	}
	if (len >= KIB(64) && len <= MIB(4) && len % 4096 == 0 && has_reset_vector(bytes, len))
		return FW_BIOS;
	return FW_UNKNOWN;
}
