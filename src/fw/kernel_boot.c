/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/kernel_boot.c: a start without firmware: what goes where in memory, and what the kernel is
 * told. See fw/kernel.h. Multiboot Specification 0.6.96, 3.3; Xen's hvm/start_info.h.
 *
 * From the bottom: BIOS data area; below the extended one, at 9FC00, or else behind the kernel,
 * what the kernel is told; RSDP at F0000; the kernel where it wants to be; the initramfs behind it
 * (and behind 1 MiB); ACPI tables at the end of low RAM.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "fw/acpi.h"
#include "fw/fw_priv.h"
#include "fw/kernel.h"
#include "mem/mem.h"

enum {
	BDA = 0x400,
	BDA_END = 0x500,
	EBDA = 0x9fc00,
	EBDA_END = 0xa0000,
	FSEG = 0xf0000,
	RSDP_ROOM = 64
};
enum { FIRST_FREE = 0x1000, PAGE_SIZE = 4096, MB_INFO = 88, PVH_INFO = 56 };
enum { CMDLINE_MAX = 64 << 10, NAME_MAX_BYTES = 4096 };
enum e820_type { RAM = 1, RESERVED = 2 };

struct map_entry {
	u64 at, size;
	u32 type;
};

struct kernel_boot {
	struct kernel_image image;
	u8 *kernel, *initrd;
	size_t initrd_len;
	u32 initrd_at, info_at, tables_at;
	size_t tables;
	struct map_entry map[8];
	unsigned maps;
	struct str info; /* for info_at: GDT, what ebx points to, and what that points to */
	u32 ebx;
};

static void add_map(struct kernel_boot *b, u64 at, u64 end, u32 type)
{
	if (end > at)
		b->map[b->maps++] = (struct map_entry){ at, end - at, type };
}

static void make_map(struct kernel_boot *b, const struct kernel_config *cfg)
{
	add_map(b, 0, EBDA, RAM);
	add_map(b, EBDA, EBDA_END, RESERVED);
	add_map(b, FSEG, MIB(1), RESERVED);
	add_map(b, MIB(1), b->tables_at, RAM);
	add_map(b, b->tables_at, cfg->ram_low, RESERVED);
	add_map(b, cfg->ecam_base, cfg->ecam_base + cfg->ecam_size, RESERVED);
	add_map(b, GIB(4), GIB(4) + cfg->ram_high, RAM);
}

/* Lowest part that meets [at, end), or NULL. */
static const struct kernel_part *in_the_way(const struct kernel_boot *b, u64 at, u64 end)
{
	const struct kernel_part *low = NULL;

	for (unsigned i = 0; i < b->image.parts; i++) {
		const struct kernel_part *p = &b->image.part[i];

		if (p->at < end && at < (u64)p->at + p->size && (!low || p->at < low->at))
			low = p;
	}
	return low;
}

static int check_parts(const struct kernel_boot *b, struct error *err)
{
	/* Linkers put headers in front of what is to be at 1 MiB: those may stay there. */
	static const u64 taken[][2] = { { 0, BDA_END },
					{ EBDA, EBDA_END },
					{ FSEG, FSEG + RSDP_ROOM } };
	const struct kernel_part *p = NULL;

	for (unsigned i = 0; i < ARRAY_LEN(taken) && !p; i++)
		p = in_the_way(b, taken[i][0], taken[i][1]);
	if (p)
		return error_set(err, -ENOTSUP,
				 "the kernel wants memory at %x, where the data of a BIOS is",
				 p->at);
	for (unsigned i = 0; i < b->image.parts; i++) {
		p = &b->image.part[i];
		if ((u64)p->at + p->size > b->tables_at)
			return error_set(err, -ENOSPC,
					 "the kernel wants memory from %x to %llx; give the guest "
					 "more with --memory size=",
					 p->at, (unsigned long long)p->at + p->size);
	}
	return 0;
}

/* The first free page at or behind 1 MiB and all of the kernel. */
static u64 behind_kernel(const struct kernel_boot *b)
{
	u64 end = MIB(1);

	for (unsigned i = 0; i < b->image.parts; i++)
		end = MAX(end, (u64)b->image.part[i].at + b->image.part[i].size);
	return ALIGN_UP(end, PAGE_SIZE);
}

/* As high as it gets below the BIOS data; 0: nowhere. */
static u64 below_bios(const struct kernel_boot *b, size_t size)
{
	const struct kernel_part *p;
	u64 top = EBDA;

	while (top >= FIRST_FREE + size) {
		u64 at = ALIGN_DOWN(top - size, 16);

		p = in_the_way(b, at, at + size);
		if (at < FIRST_FREE)
			return 0;
		if (!p)
			return at;
		top = p->at;
	}
	return 0;
}

static u32 add_text(struct kernel_boot *b, const char *text)
{
	u32 at = b->info_at + (u32)b->info.len;

	str_add_bytes(&b->info, text, strlen(text) + 1);
	return at;
}

static u32 here(struct kernel_boot *b)
{
	while (b->info.len % 8)
		add_u8(&b->info, 0);
	return b->info_at + (u32)b->info.len;
}

static void multiboot_info(struct kernel_boot *b, const struct kernel_config *cfg)
{
	enum { MEMORY = BIT(0), CMDLINE = BIT(2), MODULES = BIT(3), MMAP = BIT(6), NAME = BIT(9) };
	const char *args = cfg->cmdline ? cfg->cmdline : "";
	char *cmdline = xasprintf("%s%s%s", cfg->kernel_name, *args ? " " : "", args);
	size_t info = b->info.len;
	u8 mbi[MB_INFO] = { 0 };

	str_add_bytes(&b->info, mbi, sizeof(mbi));
	put_le32(mbi, MEMORY | CMDLINE | MODULES | MMAP | NAME);
	put_le32(mbi + 4, EBDA >> 10);
	put_le32(mbi + 8, (u32)(b->tables_at - MIB(1)) >> 10);
	put_le32(mbi + 16, add_text(b, cmdline));
	put_le32(mbi + 20, cfg->initrd ? 1 : 0);
	if (cfg->initrd) {
		u32 name = add_text(b, cfg->initrd_name);

		put_le32(mbi + 24, here(b));
		add_le32(&b->info, b->initrd_at);
		add_le32(&b->info, b->initrd_at + b->initrd_len);
		add_le32(&b->info, name);
		add_le32(&b->info, 0);
	}
	put_le32(mbi + 44, b->maps * 24);
	put_le32(mbi + 48, here(b));
	for (unsigned i = 0; i < b->maps; i++) {
		add_le32(&b->info, 20); /* bytes of the entry that follow */
		add_le64(&b->info, b->map[i].at);
		add_le64(&b->info, b->map[i].size);
		add_le32(&b->info, b->map[i].type);
	}
	put_le32(mbi + 64, add_text(b, "oriel"));
	memcpy(b->info.at + info, mbi, sizeof(mbi));
	free(cmdline);
}

static void pvh_info(struct kernel_boot *b, const struct kernel_config *cfg)
{
	enum { MAGIC = 0x336ec578, VERSION = 1 };
	size_t info = b->info.len;
	u8 start[PVH_INFO] = { 0 };

	str_add_bytes(&b->info, start, sizeof(start));
	put_le32(start, MAGIC);
	put_le32(start + 4, VERSION);
	put_le32(start + 12, cfg->initrd ? 1 : 0);
	if (cfg->initrd) {
		put_le64(start + 16, here(b));
		add_le64(&b->info, b->initrd_at);
		add_le64(&b->info, b->initrd_len);
		add_le64(&b->info, 0); /* no text */
		add_le64(&b->info, 0);
	}
	if (cfg->cmdline)
		put_le64(start + 24, add_text(b, cfg->cmdline));
	put_le64(start + 32, FSEG);
	put_le64(start + 40, here(b));
	put_le32(start + 48, b->maps);
	for (unsigned i = 0; i < b->maps; i++) {
		add_le64(&b->info, b->map[i].at);
		add_le64(&b->info, b->map[i].size);
		add_le64(&b->info, b->map[i].type);
	}
	memcpy(b->info.at + info, start, sizeof(start));
}

static void make_info(struct kernel_boot *b, const struct kernel_config *cfg)
{
	b->info.len = 0;
	add_le64(&b->info, 0);
	add_le64(&b->info, 0x00cf9b000000ffff); /* KERNEL_CS */
	add_le64(&b->info, 0x00cf93000000ffff); /* KERNEL_DS */
	add_le64(&b->info, 0x00008b0000000067); /* KERNEL_TR */
	b->ebx = here(b);
	if (b->image.protocol == KERNEL_MULTIBOOT)
		multiboot_info(b, cfg);
	else
		pvh_info(b, cfg);
}

static int place(struct kernel_boot *b, const struct kernel_config *cfg, struct error *err)
{
	u64 next = behind_kernel(b), at;

	make_info(b, cfg); /* for its size, which does not depend on its place */
	at = below_bios(b, b->info.len);
	if (!at) {
		at = next;
		next = ALIGN_UP(at + b->info.len, PAGE_SIZE);
	}
	b->info_at = (u32)at;
	b->initrd_at = (u32)next;
	if (next > b->tables_at || b->initrd_len > b->tables_at - next)
		return error_set(err, -ENOSPC,
				 "the initramfs of %zu MiB does not fit into the guest's memory "
				 "behind the kernel; give the guest more of it",
				 b->initrd_len >> 20);
	make_info(b, cfg);
	return 0;
}

static int copy_files(struct kernel_boot *b, const struct kernel_config *cfg, struct error *err)
{
	b->kernel = try_alloc(cfg->kernel_len, SIZE_MAX);
	b->initrd = cfg->initrd ? try_alloc(MAX(cfg->initrd_len, 1), SIZE_MAX) : NULL;
	if (!b->kernel || (cfg->initrd && !b->initrd))
		return error_set(err, -ENOMEM, "no memory for a copy of the kernel");
	memcpy(b->kernel, cfg->kernel, cfg->kernel_len);
	if (cfg->initrd)
		memcpy(b->initrd, cfg->initrd, cfg->initrd_len);
	b->initrd_len = cfg->initrd ? cfg->initrd_len : 0;
	return 0;
}

static int check_texts(const struct kernel_config *cfg, struct error *err)
{
	if (cfg->cmdline && strlen(cfg->cmdline) > CMDLINE_MAX)
		return error_set(err, -E2BIG, "the kernel's command line is longer than %d bytes",
				 CMDLINE_MAX);
	if (strlen(cfg->kernel_name) > NAME_MAX_BYTES ||
	    (cfg->initrd && strlen(cfg->initrd_name) > NAME_MAX_BYTES))
		return error_set(err, -E2BIG, "a file's name is longer than %d bytes",
				 NAME_MAX_BYTES);
	return 0;
}

int kernel_boot_create(struct kernel_boot **out, const struct kernel_config *cfg, struct error *err)
{
	struct kernel_boot *b = xnew(struct kernel_boot);
	int rc = check_texts(cfg, err);

	b->tables = ALIGN_UP(cfg->tables, PAGE_SIZE);
	if (rc == 0 && (cfg->ram_low < MIB(2) || b->tables > cfg->ram_low - MIB(2)))
		rc = error_set(err, -ENOSPC, "there is not enough memory for a kernel");
	if (rc == 0)
		rc = kernel_parse(&b->image, cfg->kernel, cfg->kernel_len, err);
	if (rc == 0) {
		b->tables_at = (u32)ALIGN_DOWN(cfg->ram_low - b->tables, PAGE_SIZE);
		make_map(b, cfg);
		rc = check_parts(b, err);
	}
	if (rc == 0)
		rc = copy_files(b, cfg, err);
	if (rc == 0)
		rc = place(b, cfg, err);
	if (rc < 0) {
		kernel_boot_destroy(b);
		return rc;
	}
	*out = b;
	return 0;
}

/* What a BIOS leaves at 400: COM1, where its extended data is, and how much lies below that. */
static int write_bios_data(struct mem *m)
{
	u8 bda[BDA_END - BDA] = { 0 }, ebda[16] = { (EBDA_END - EBDA) >> 10 };
	int rc;

	put_le16(bda, 0x3f8);
	put_le16(bda + 0x0e, EBDA >> 4);
	put_le16(bda + 0x13, EBDA >> 10);
	rc = mem_write(m, BDA, bda, sizeof(bda));
	return rc < 0 ? rc : mem_write(m, EBDA, ebda, sizeof(ebda));
}

static int write_kernel(const struct kernel_boot *b, struct mem *m)
{
	for (unsigned i = 0; i < b->image.parts; i++) {
		const struct kernel_part *p = &b->image.part[i];
		u8 *to = mem_ptr(m, p->at, p->size, true);

		if (!to)
			return -EFAULT;
		memcpy(to, b->kernel + p->from, p->len);
		memset(to + p->len, 0, p->size - p->len);
	}
	return b->initrd_len ? mem_write(m, b->initrd_at, b->initrd, b->initrd_len) : 0;
}

static int write_tables(const struct kernel_boot *b, struct mem *m, struct acpi_blobs *acpi)
{
	struct loader_blob blobs[] = {
		{ "etc/acpi/tables", &acpi->tables, b->tables_at },
		{ "etc/acpi/rsdp", &acpi->rsdp, FSEG },
	};
	int rc;

	if (acpi->tables.len > b->tables)
		return -ENOSPC;
	rc = loader_run(&acpi->loader, blobs, ARRAY_LEN(blobs));
	for (unsigned i = 0; i < ARRAY_LEN(blobs) && rc == 0; i++)
		rc = mem_write(m, blobs[i].addr, blobs[i].bytes->at, blobs[i].bytes->len);
	return rc;
}

int kernel_boot_load(const struct kernel_boot *b, struct mem *m, struct acpi_blobs *acpi,
		     struct kernel_start *out, struct error *err)
{
	enum { MULTIBOOT_MAGIC = 0x2badb002 };
	int rc = write_bios_data(m);

	if (rc == 0)
		rc = write_tables(b, m, acpi);
	if (rc == 0)
		rc = write_kernel(b, m);
	if (rc == 0)
		rc = mem_write(m, b->info_at, b->info.at, b->info.len);
	if (rc < 0)
		return error_set(err, rc, "the kernel could not be written to the guest's memory");
	*out = (struct kernel_start){
		.entry = b->image.entry,
		.eax = b->image.protocol == KERNEL_MULTIBOOT ? MULTIBOOT_MAGIC : 0,
		.ebx = b->ebx,
		.gdt = b->info_at,
	};
	return 0;
}

void kernel_boot_destroy(struct kernel_boot *b)
{
	if (!b)
		return;
	free(b->kernel);
	free(b->initrd);
	str_free(&b->info);
	free(b);
}
