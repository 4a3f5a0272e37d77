/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block/formats.c: the image formats there are, and those that are recognised to be refused by
 * name: taken for raw, they would show the guest a disk of garbage and be destroyed by its writes.
 *
 * Magics: QEMU docs/interop/qcow2.txt and qed_spec.txt; MS-VHDX 2.2.1; Microsoft "Virtual Hard
 * Disk Image Format Specification" (footer cookie); VMware "Virtual Disk Format 5.0"; LUKS on-disk
 * formats 1.2.3 and 2; VirtualBox VDICore.h (signature); WIM file format (Microsoft white paper).
 */
#include <string.h>

#include "block/block_priv.h"

const struct disk_ops *const disk_formats[] = { &raw_format, NULL };

#define CONVERT "convert it first: qemu-img convert -O raw IMAGE NEW.raw"

enum { QCOW, VHDX, VHD, VMDK, VDI, QED, LUKS, WIM };
static const struct foreign_format foreign[] = {
	[QCOW] = { "qcow2", CONVERT },
	[VHDX] = { "vhdx", CONVERT },
	[VHD] = { "vhd", CONVERT },
	[VMDK] = { "vmdk", CONVERT },
	[VDI] = { "vdi", CONVERT },
	[QED] = { "qed", CONVERT },
	[LUKS] = { "luks", "open it first with cryptsetup open, then use /dev/mapper/NAME" },
	[WIM] = { "wim", "it holds files, not a disk: apply it to one with wimapply" },
};

static const struct magic {
	u8 format;
	bool tail; /* in the last 512 bytes, not at the begin */
	u16 at;
	u8 len;
	const char *bytes;
} magics[] = {
	{ QCOW, false, 0, 4, "QFI\xfb" },
	{ VHDX, false, 0, 8, "vhdxfile" },
	{ VHD, false, 0, 8, "conectix" },
	{ VHD, true, 0, 8, "conectix" },
	{ VMDK, false, 0, 4, "KDMV" },
	{ VMDK, false, 0, 4, "COWD" },
	{ VMDK, false, 0, 21, "# Disk DescriptorFile" },
	{ VDI, false, 64, 4, "\x7f\x10\xda\xbe" },
	{ QED, false, 0, 4, "QED\0" },
	{ LUKS, false, 0, 6, "LUKS\xba\xbe" },
	{ WIM, false, 0, 8, "MSWIM\0\0\0" },
};

const struct foreign_format *foreign_probe(const u8 *head, size_t head_len, const u8 *tail,
					   size_t tail_len)
{
	for (unsigned i = 0; i < ARRAY_LEN(magics); i++) {
		const struct magic *m = &magics[i];
		const u8 *p = m->tail ? tail : head;
		size_t len = m->tail ? tail_len : head_len;

		if (m->len <= len && m->at <= len - m->len && !memcmp(p + m->at, m->bytes, m->len))
			return &foreign[m->format];
	}
	return NULL;
}

const struct foreign_format *foreign_named(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(foreign); i++) {
		if (!strcmp(foreign[i].name, name))
			return &foreign[i];
	}
	return NULL;
}
