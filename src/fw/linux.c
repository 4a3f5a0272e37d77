/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/linux.c: a Linux kernel handed to firmware through fw_cfg, as its boot protocol wants it.
 * Linux Documentation/arch/x86/boot.rst, "the real-mode kernel header".
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "fw/fw.h"

enum fw_cfg_linux_key {
	KEY_KERNEL_ADDR = 0x07,
	KEY_KERNEL_SIZE = 0x08,
	KEY_INITRD_ADDR = 0x0a,
	KEY_INITRD_SIZE = 0x0b,
	KEY_KERNEL_DATA = 0x11,
	KEY_INITRD_DATA = 0x12,
	KEY_CMDLINE_ADDR = 0x13,
	KEY_CMDLINE_SIZE = 0x14,
	KEY_CMDLINE_DATA = 0x15,
	KEY_SETUP_ADDR = 0x16,
	KEY_SETUP_SIZE = 0x17,
	KEY_SETUP_DATA = 0x18,
};

/* The header's fields. */
enum {
	SETUP_SECTS = 0x1f1,
	VERSION = 0x206,
	TYPE_OF_LOADER = 0x210,
	LOADFLAGS = 0x211,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	HEAP_END_PTR = 0x224,
	CMD_LINE_PTR = 0x228,
	INITRD_ADDR_MAX = 0x22c, /* from 2.03 */
	CMDLINE_SIZE = 0x238,    /* from 2.06 */
	INIT_SIZE = 0x260,       /* from 2.10 */
	HEADER_END = 0x268,
};
enum { LOADED_HIGH = 0x01, CAN_USE_HEAP = 0x80 };
enum { LOADER_QEMU = 0xb0 }; /* "assigned boot loader ids": what fw_cfg boots look like */
enum { SETUP_AT = 0x10000, CMDLINE_AT = 0x20000, KERNEL_AT = 0x100000 };

struct linux_image {
	const u8 *bytes;
	u32 setup, body; /* bytes of the real-mode part and of the rest */
	unsigned version;
};

static int parse(struct linux_image *out, const u8 *kernel, size_t len, struct error *err)
{
	u32 sectors;

	if (fw_identify(kernel, len) != FW_LINUX || len < HEADER_END || len > GIB(2))
		return error_set(err, -EINVAL, "the kernel is not a bzImage");
	sectors = kernel[SETUP_SECTS] ? kernel[SETUP_SECTS] : 4;
	out->bytes = kernel;
	out->version = le16_at(kernel + VERSION);
	out->setup = (sectors + 1) * 512;
	if (out->setup >= len || out->setup < HEADER_END)
		return error_set(err, -EINVAL, "the kernel ends within its setup code");
	out->body = (u32)len - out->setup;
	if (out->version < 0x203 || !(kernel[LOADFLAGS] & LOADED_HIGH))
		return error_set(
			err, -ENOTSUP,
			"the kernel speaks boot protocol %u.%02u, or is a zImage; a bzImage "
			"of protocol 2.03 is the oldest that can be started",
			out->version >> 8, out->version & 0xff);
	return 0;
}

/* As high as the kernel can reach, above all that it needs for itself while it unpacks. */
static int place_initrd(u32 *out, const struct linux_image *k, size_t len, u64 ram_low,
			struct error *err)
{
	u64 top = MIN(ram_low, (u64)le32_at(k->bytes + INITRD_ADDR_MAX) + 1);
	u64 below = k->body, at = 0;

	if (k->version >= 0x20a)
		below = MAX(below, (u64)le32_at(k->bytes + INIT_SIZE));
	below += KERNEL_AT;
	if (len <= top)
		at = ALIGN_DOWN(top - len, 4096);
	if (at < below)
		return error_set(err, -ENOSPC,
				 "the initramfs of %zu MiB does not fit into the guest's memory; "
				 "give the guest more of it",
				 len >> 20);
	*out = (u32)at;
	return 0;
}

static int check_cmdline(const struct linux_image *k, const char *cmdline, struct error *err)
{
	u32 limit = k->version >= 0x206 ? le32_at(k->bytes + CMDLINE_SIZE) : 255;

	/* What lies between CMDLINE_AT and the BIOS data at 9FC00 is room enough. */
	limit = MIN(limit, 0x7f000u);
	if (strlen(cmdline) > limit)
		return error_set(
			err, -E2BIG,
			"the kernel's command line has %zu characters, this kernel takes %u",
			strlen(cmdline), limit);
	return 0;
}

static int set_u32(struct device *fw, u16 key, u32 v, struct error *err)
{
	u8 bytes[4];

	put_le32(bytes, v);
	return fw_cfg_set(fw, key, bytes, sizeof(bytes), err);
}

static int set_sized(struct device *fw, u16 size_key, u16 data_key, const void *data, size_t len,
		     struct error *err)
{
	int rc = set_u32(fw, size_key, (u32)len, err);

	return rc < 0 ? rc : fw_cfg_set(fw, data_key, data, len, err);
}

static int set_setup(struct device *fw, const struct linux_image *k, u32 initrd_at,
		     size_t initrd_len, struct error *err)
{
	u8 *setup = try_alloc(k->setup, KIB(256));
	int rc;

	if (!setup)
		return error_set(err, -ENOMEM, "no memory for the kernel's setup code");
	memcpy(setup, k->bytes, k->setup);
	setup[TYPE_OF_LOADER] = LOADER_QEMU;
	setup[LOADFLAGS] |= CAN_USE_HEAP;
	/* The heap lies between the setup code and the command line, less its stack. */
	put_le16(setup + HEAP_END_PTR, CMDLINE_AT - SETUP_AT - 0x200);
	put_le32(setup + CMD_LINE_PTR, CMDLINE_AT);
	put_le32(setup + RAMDISK_IMAGE, initrd_at);
	put_le32(setup + RAMDISK_SIZE, (u32)initrd_len);
	rc = set_sized(fw, KEY_SETUP_SIZE, KEY_SETUP_DATA, setup, k->setup, err);
	free(setup);
	return rc;
}

int fw_cfg_add_linux(struct device *fw, const u8 *kernel, size_t kernel_len, const u8 *initrd,
		     size_t initrd_len, const char *cmdline, u64 ram_low, struct error *err)
{
	struct linux_image k = { 0 };
	u32 initrd_at = 0;
	int rc = parse(&k, kernel, kernel_len, err);

	if (rc < 0)
		return rc;
	if (!cmdline)
		cmdline = "";
	rc = check_cmdline(&k, cmdline, err);
	if (rc == 0 && initrd && initrd_len)
		rc = place_initrd(&initrd_at, &k, initrd_len, ram_low, err);
	if (rc < 0)
		return rc;
	if (!initrd)
		initrd_len = 0;
	if ((rc = set_setup(fw, &k, initrd_at, initrd_len, err)) < 0 ||
	    (rc = set_u32(fw, KEY_SETUP_ADDR, SETUP_AT, err)) < 0 ||
	    (rc = set_u32(fw, KEY_KERNEL_ADDR, KERNEL_AT, err)) < 0 ||
	    (rc = set_sized(fw, KEY_KERNEL_SIZE, KEY_KERNEL_DATA, kernel + k.setup, k.body, err)) <
		    0 ||
	    (rc = set_u32(fw, KEY_CMDLINE_ADDR, CMDLINE_AT, err)) < 0 ||
	    (rc = set_sized(fw, KEY_CMDLINE_SIZE, KEY_CMDLINE_DATA, cmdline, strlen(cmdline) + 1,
			    err)) < 0)
		return rc;
	if (!initrd_len)
		return 0;
	rc = set_u32(fw, KEY_INITRD_ADDR, initrd_at, err);
	return rc < 0 ? rc
		      : set_sized(fw, KEY_INITRD_SIZE, KEY_INITRD_DATA, initrd, initrd_len, err);
}
