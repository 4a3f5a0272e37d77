/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw/fw_priv.h: what the files of this folder share: the flash's file, table loader, AML. */
#pragma once

#include "base/str.h"
#include "core/machine.h"

struct file;

/* Flash of at most this size, in blocks of which each is written back as a whole. */
enum { FLASH_BLOCK = 4096, FLASH_MAX = 16 << 20, FLASH_WORDS = FLASH_MAX / FLASH_BLOCK / 64 };

/*
 * The file behind a flash chip: a thread writes staged blocks and flushes them, so that neither a
 * vCPU nor the machine lock ever waits for the disk. What could not be written is kept and tried
 * again.
 */
struct flash_file;
/* Takes @file also on failure. */
int flash_file_create(struct flash_file **out, struct machine *m, struct file *file, u64 len,
		      struct error *err) MUST_CHECK;
/* Copy the blocks of @chip whose bits are set in @dirty (then cleared) for writing. Never waits. */
void flash_file_stage(struct flash_file *f, const u8 *chip, u64 dirty[FLASH_WORDS]);
/* Wait until all that was staged is on the disk: 0, or -errno of an attempt that failed. */
int flash_file_wait(struct flash_file *f);
/* Writes what is staged first. NULL is allowed. */
void flash_file_destroy(struct flash_file *f);

/*
 * Commands of etc/table-loader that firmware carries out; 128 bytes each. They name blobs by
 * fw_cfg file name. QEMU's bios-linker-loader interface; platform.md 4.
 */
enum loader_zone { LOADER_HIGH = 1, LOADER_FSEG = 2 };
void loader_allocate(struct str *l, const char *file, u32 align, enum loader_zone zone);
/* Add the address of blob @src to the @size bytes at @off of blob @dest. */
void loader_add_pointer(struct str *l, const char *dest, const char *src, u32 off, u8 size);
/* Make [start, start+len) of @file sum up to 0 through its byte at @off. */
void loader_checksum(struct str *l, const char *file, u32 off, u32 start, u32 len);

/*
 * Carry the script out on blobs that have their places already, as firmware would. -EINVAL: a name
 * or range in it is wrong.
 */
struct loader_blob {
	const char *file;
	struct str *bytes; /* changed */
	u32 addr;
};
int loader_run(const struct str *script, const struct loader_blob *blobs, unsigned n);

/* Little endian numbers at the end of @s. */
void add_u8(struct str *s, u64 v);
void add_le16(struct str *s, u64 v);
void add_le32(struct str *s, u64 v);
void add_le64(struct str *s, u64 v);

/* ACPI machine language, written front to back. ACPI 6.4 chapter 20. Zero it to begin. */
enum { AML_DEPTH = 8 };
struct aml {
	struct str out;
	size_t open[AML_DEPTH]; /* where the length of each open package goes */
	unsigned depth;
};
void aml_scope(struct aml *a, const char *path);  /* until aml_end() */
void aml_device(struct aml *a, const char *name); /* until aml_end() */
void aml_end(struct aml *a);
void aml_name_int(struct aml *a, const char *name, u64 v);
void aml_name_string(struct aml *a, const char *name, const char *text);
void aml_name_eisa(struct aml *a, const char *name, const char *id); /* "PNP0501" */
/* Name @name a resource template: @resources and an end tag. Frees @resources. */
void aml_name_resources(struct aml *a, const char *name, struct str *resources);

/* Resource descriptors. ACPI 6.4 chapter 6.4. Ranges that a bridge passes on end with @last. */
void res_io(struct str *s, u16 base, u8 len);
void res_irq(struct str *s, unsigned line); /* edge, active high */
void res_memory(struct str *s, u32 base, u32 len);
void res_bus_range(struct str *s, u16 first, u16 last);
void res_port_range(struct str *s, u16 first, u16 last);
void res_memory_range(struct str *s, u64 first, u64 last);

/* dsdt.asl as iasl compiled it. */
extern const u8 dsdt_aml[];
extern const size_t dsdt_aml_len;
