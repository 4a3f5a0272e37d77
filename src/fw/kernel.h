/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/kernel.h: kernels that start without firmware, in 32-bit protected mode: Multiboot 1 images
 * (ELF, or any file with address fields in its header) and ELF files with a PVH entry. Multiboot
 * Specification 0.6.96; Xen's "x86/HVM direct boot ABI" and hvm_start_info version 1.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/types.h"

struct acpi_blobs;
struct kernel_boot;
struct mem;

/* Where a Multiboot header must lie. */
enum { KERNEL_HEAD = 8192 };

/* Whether a file that begins with these bytes (KERNEL_HEAD of them, or all) may be one of these. */
bool kernel_likely(const u8 *bytes, size_t len);

enum kernel_protocol { KERNEL_MULTIBOOT, KERNEL_PVH };
enum { KERNEL_PARTS = 64 };

/* What of a file goes where. Parts do not overlap, and are below 4 GiB with no byte at 0. */
struct kernel_image {
	enum kernel_protocol protocol;
	u32 entry; /* within a part */
	unsigned parts;
	struct kernel_part {
		u32 at, size; /* physical address; bytes there, of which those past @len are 0 */
		u32 len;
		size_t from; /* in the file */
	} part[KERNEL_PARTS];
};
/* -EINVAL, -ENOTSUP: damaged, or none that can be started; @err says what to give instead. */
int kernel_parse(struct kernel_image *out, const u8 *bytes, size_t len, struct error *err)
	MUST_CHECK;

struct kernel_config {
	const u8 *kernel, *initrd; /* copied; the second may be NULL */
	size_t kernel_len, initrd_len;
	const char *kernel_name, *initrd_name; /* as a Multiboot kernel is told them */
	const char *cmdline;                   /* NULL: none */
	u64 ram_low, ram_high;                 /* bytes from 0 on, and from 4 GiB on */
	u64 ecam_base, ecam_size;              /* reserved in the memory map */
	size_t tables;                         /* room for ACPI tables at the end of @ram_low */
};

/* How the first processor begins: flat 32-bit segments 8 and 10h, no paging, interrupts off. */
struct kernel_start {
	u32 entry, eax, ebx;
	u32 gdt; /* of KERNEL_GDT bytes */
};
enum { KERNEL_GDT = 32, KERNEL_CS = 0x08, KERNEL_DS = 0x10, KERNEL_TR = 0x18 };

/* Find a place for everything. -ENOSPC: it does not fit into @ram_low. */
int kernel_boot_create(struct kernel_boot **out, const struct kernel_config *cfg, struct error *err)
	MUST_CHECK;
/*
 * Write everything to memory: kernel, initramfs, what its protocol tells it, a BIOS data area, and
 * @acpi (with RSDP; changed, as its loader script says) with the RSDP at F0000.
 */
int kernel_boot_load(const struct kernel_boot *b, struct mem *m, struct acpi_blobs *acpi,
		     struct kernel_start *out, struct error *err) MUST_CHECK;
void kernel_boot_destroy(struct kernel_boot *b); /* NULL is allowed */
