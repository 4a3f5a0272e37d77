/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels that start without firmware: Multiboot and PVH files, and what they find in memory. */
#include <errno.h>

#include "fw/acpi.h"
#include "fw/fw.h"
#include "fw/kernel.h"
#include "kernel_file.h"
#include "mem/mem.h"

static struct kernel_file f;
static struct kernel_image k;
static struct error err;

static void begin_multiboot(void)
{
	kfile_begin(&f, false, 0x100010);
	kfile_multiboot(&f, KFILE_TEXT, 0);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0x100000, 0x100000, 0x3000);
}

static void begin_pvh(void)
{
	kfile_begin(&f, true, 0xffffffff81000000);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0xffffffff81000000, 0x1000000, 0x1000);
	kfile_phdr(&f, 1, KFILE_TEXT + 0x1000, 0x10, 0xffffffff81200000, 0x1200000, 0x8000);
	kfile_note(&f, "Xen", 18, 0x1000040, 8);
}

static void both_kinds_are_known_by_their_first_bytes(void)
{
	begin_multiboot();
	CHECK_EQ(fw_identify(f.at, f.len), FW_KERNEL);
	CHECK_EQ(fw_identify(f.at, 60), FW_KERNEL);
	begin_pvh();
	CHECK_EQ(fw_identify(f.at, KERNEL_HEAD), FW_KERNEL);
	memset(&f, 0, sizeof(f));
	CHECK_EQ(fw_identify(f.at, KFILE_MAX), FW_UNKNOWN);
	kfile_multiboot(&f, KERNEL_HEAD - 12, 1 << 16);
	CHECK_EQ(fw_identify(f.at, KFILE_MAX), FW_KERNEL);
	f.at[KERNEL_HEAD - 1]++; /* the sum is wrong */
	CHECK_EQ(fw_identify(f.at, KFILE_MAX), FW_UNKNOWN);
	memset(&f, 0, sizeof(f));
	kfile_multiboot(&f, KERNEL_HEAD, 0); /* too late */
	kfile_multiboot(&f, 18, 0);          /* not aligned */
	CHECK_EQ(fw_identify(f.at, KFILE_MAX), FW_UNKNOWN);
}

static void a_multiboot_elf_goes_to_its_physical_addresses(void)
{
	begin_multiboot();
	CHECK(kernel_parse(&k, f.at, f.len, &err) == 0);
	CHECK_EQ(k.protocol, KERNEL_MULTIBOOT);
	CHECK_EQ(k.entry, 0x100010);
	CHECK_EQ(k.parts, 1);
	CHECK_EQ(k.part[0].at, 0x100000);
	CHECK_EQ(k.part[0].len, 0x1000);
	CHECK_EQ(k.part[0].size, 0x3000);
	CHECK_EQ(k.part[0].from, KFILE_TEXT);
}

static void an_entry_in_virtual_memory_counts_where_it_is_loaded(void)
{
	kfile_begin(&f, false, 0xc0100020);
	kfile_multiboot(&f, KFILE_TEXT, 2);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0xc0100000, 0x200000, 0x1000);
	CHECK(kernel_parse(&k, f.at, f.len, &err) == 0);
	CHECK_EQ(k.entry, 0x200020);
}

static void address_fields_load_any_file(void)
{
	u8 *h = f.at + 256;

	memset(&f, 0, sizeof(f));
	kfile_multiboot(&f, 256, 0x10003);
	put_le32(h + 12, 0x200100); /* the header itself */
	put_le32(h + 16, 0x200080);
	put_le32(h + 20, 0x201000);
	put_le32(h + 24, 0x205000);
	put_le32(h + 28, 0x200200);
	CHECK(kernel_parse(&k, f.at, KFILE_MAX, &err) == 0);
	CHECK_EQ(k.entry, 0x200200);
	CHECK_EQ(k.part[0].from, 128);
	CHECK_EQ(k.part[0].at, 0x200080);
	CHECK_EQ(k.part[0].len, 0xf80);
	CHECK_EQ(k.part[0].size, 0x4f80);
	put_le32(h + 20, 0); /* all of the file, and no more */
	put_le32(h + 24, 0);
	CHECK(kernel_parse(&k, f.at, KFILE_MAX, &err) == 0);
	CHECK_EQ(k.part[0].len, KFILE_MAX - 128);
	CHECK_EQ(k.part[0].size, KFILE_MAX - 128);
	put_le32(h + 16, 0x200000 - 0x100); /* would begin before the file */
	CHECK_EQ(kernel_parse(&k, f.at, KFILE_MAX, &err), -EINVAL);
	put_le32(h + 16, 0x200101);
	CHECK_EQ(kernel_parse(&k, f.at, KFILE_MAX, &err), -EINVAL);
	put_le32(h + 16, 0x200080);
	put_le32(h + 20, 0x20007f);
	CHECK_EQ(kernel_parse(&k, f.at, KFILE_MAX, &err), -EINVAL);
	put_le32(h + 20, 0x300000); /* more than there is */
	CHECK_EQ(kernel_parse(&k, f.at, KFILE_MAX, &err), -EINVAL);
	CHECK_EQ(kernel_parse(&k, f.at, 256 + 28, &err), -EINVAL);
}

static void a_pvh_note_names_the_entry(void)
{
	begin_pvh();
	CHECK(kernel_parse(&k, f.at, f.len, &err) == 0);
	CHECK_EQ(k.protocol, KERNEL_PVH);
	CHECK_EQ(k.entry, 0x1000040);
	CHECK_EQ(k.parts, 2);
	CHECK_EQ(k.part[1].len, 0x10);
	CHECK_EQ(k.part[1].size, 0x8000);
	kfile_begin(&f, false, 0);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0, 0x100000, 0x1000);
	kfile_note(&f, "Xen", 18, 0x100000, 4);
	CHECK(kernel_parse(&k, f.at, f.len, &err) == 0);
	CHECK_EQ(k.entry, 0x100000);
}

static void files_without_an_entry_of_either_kind_are_refused(void)
{
	kfile_begin(&f, true, 0x1000000);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0x1000000, 0x1000000, 0x1000);
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	CHECK(strstr(err.msg, "bzImage"));
	kfile_note(&f, "XEN", 18, 0x1000000, 4); /* another's note */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	kfile_note(&f, "Xen", 1, 0x1000000, 4);
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	f.at[18] = 183; /* ARM */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	memset(&f, 0, sizeof(f));
	kfile_multiboot(&f, 0, 0);
	CHECK_EQ(kernel_parse(&k, f.at, KFILE_MAX, &err), -ENOTSUP);
	kfile_multiboot(&f, 0, 1 << 16 | 8); /* wants what no specification told */
	CHECK_EQ(kernel_parse(&k, f.at, KFILE_MAX, &err), -ENOTSUP);
}

/* Each is one thing away from a kernel that works. */
static void damaged_files_are_refused(void)
{
	begin_multiboot();
	put_le32(f.at + 24, 0x103000); /* begins behind its end */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_multiboot();
	kfile_phdr(&f, 1, KFILE_TEXT, 0x10, 0, 0x102fff, 0x10); /* two meet */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_multiboot();
	kfile_phdr(&f, 1, KFILE_TEXT, 0x20, 0, 0x200000, 0x10); /* more than fits */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_multiboot();
	kfile_phdr(&f, 1, KFILE_MAX, 1, 0, 0x200000, 0x10); /* past the file */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	kfile_phdr(&f, 1, ~0ull, 2, 0, 0x2000000, 0x10);
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	kfile_phdr(&f, 1, 0, 0, 0, GIB(4) - 4096, 4097);
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	kfile_phdr(&f, 1, 0, 0, 0, ~0ull, 2);
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	put_le64(f.at + 32, KFILE_MAX - 100); /* headers past the file */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	put_le32(f.at + 1024 + 4, 0xfffffff0); /* a note of nearly 4 GiB */
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
	begin_pvh();
	for (unsigned len = 4; len < 64; len += 12)
		CHECK_EQ(kernel_parse(&k, f.at, len, &err), -EINVAL);
	put_le16(f.at + 56, 0xffff);
	CHECK_EQ(kernel_parse(&k, f.at, f.len, &err), -EINVAL);
}

/* A machine's memory with a loaded kernel in it. */
struct started {
	struct mem *m;
	struct acpi_board board;
	struct kernel_start start;
	struct kernel_config cfg;
	struct kernel_boot *boot;
};

static void load(struct started *s)
{
	struct acpi_blobs blobs;

	acpi_build(&blobs, &s->board);
	CHECK(kernel_boot_load(s->boot, s->m, &blobs, &s->start, &err) == 0);
	acpi_free(&blobs);
}

static void start(struct started *s, u64 low, u64 high, const char *cmdline, const char *initrd)
{
	struct acpi_blobs blobs;
	struct region *r;

	memset(s, 0, sizeof(*s));
	CHECK(mem_create(&s->m, NULL) == 0);
	CHECK(mem_add(&r, s->m, "low", REGION_RAM, 0, low, 0, IN_ALL, NULL) == 0);
	s->board = (struct acpi_board){ .vcpus = 2,
					.apic_id = { 0, 1 },
					.ram_low_end = low,
					.ram_high_end = GIB(4) + high,
					.phys_bits = 40,
					.ecam_base = 0xb0000000,
					.ecam_size = MIB(256),
					.pm_base = 0x600 };
	acpi_build(&blobs, &s->board);
	s->cfg = (struct kernel_config){
		.kernel = f.at,
		.kernel_len = f.len,
		.kernel_name = "k.flat",
		.initrd = (const u8 *)initrd,
		.initrd_len = initrd ? strlen(initrd) : 0,
		.initrd_name = "mod",
		.cmdline = cmdline,
		.ram_low = low,
		.ram_high = high,
		.ecam_base = 0xb0000000,
		.ecam_size = MIB(256),
		.tables = blobs.tables.len,
	};
	acpi_free(&blobs);
	CHECK(kernel_boot_create(&s->boot, &s->cfg, &err) == 0);
	load(s);
}

static void stop(struct started *s)
{
	kernel_boot_destroy(s->boot);
	mem_destroy(s->m);
}

static const u8 *at(struct started *s, u64 addr, size_t len)
{
	const u8 *p = mem_ptr(s->m, addr, len, false);

	CHECK(p);
	return p;
}

static u32 word(struct started *s, u64 addr)
{
	return le32_at(at(s, addr, 4));
}

static bool says(struct started *s, u64 addr, const char *text)
{
	return !strcmp((const char *)at(s, addr, strlen(text) + 1), text);
}

/* Every table that the RSDP leads to is whole; the number of those in the XSDT. */
static unsigned tables_at(struct started *s, u64 rsdp)
{
	const u8 *p = at(s, rsdp, 36), *xsdt;
	unsigned n = 0;
	u8 sum = 0;

	CHECK(!memcmp(p, "RSD PTR ", 8));
	for (unsigned i = 0; i < 36; i++)
		sum = (u8)(sum + p[i]);
	CHECK_EQ(sum, 0);
	xsdt = at(s, le64_at(p + 24), 36);
	CHECK(!memcmp(xsdt, "XSDT", 4));
	for (u32 i = 36; i < le32_at(xsdt + 4); i += 8, n++) {
		u64 table = le64_at(xsdt + i);
		u32 len = word(s, table + 4);

		sum = 0;
		for (u32 j = 0; j < len; j++)
			sum = (u8)(sum + *at(s, table + j, 1));
		CHECK_EQ(sum, 0);
	}
	return n;
}

static void a_multiboot_kernel_is_told_what_the_specification_says(void)
{
	struct started s;
	u32 i, mod, map;

	begin_multiboot();
	start(&s, MIB(64), MIB(512), "a=1 b", "environment");
	CHECK_EQ(s.start.entry, 0x100010);
	CHECK_EQ(s.start.eax, 0x2badb002);
	i = s.start.ebx;
	CHECK(i < 0x9fc00 && s.start.gdt < 0x9fc00);
	CHECK_EQ(word(&s, i), 0x24d);
	CHECK_EQ(word(&s, i + 4), 639);
	CHECK(says(&s, word(&s, i + 16), "k.flat a=1 b"));
	CHECK_EQ(word(&s, i + 20), 1);
	mod = word(&s, i + 24);
	CHECK(!memcmp(at(&s, word(&s, mod), 11), "environment", 11));
	CHECK_EQ(word(&s, mod), 0x103000);
	CHECK_EQ(word(&s, mod + 4) - word(&s, mod), 11);
	CHECK(says(&s, word(&s, mod + 8), "mod"));
	CHECK(says(&s, word(&s, i + 64), "oriel"));
	CHECK_EQ(word(&s, i + 44), 7 * 24);
	map = word(&s, i + 48);
	CHECK_EQ(word(&s, map), 20);
	CHECK_EQ(word(&s, map + 4) + word(&s, map + 12), 0x9fc00);
	map += 3 * 24; /* the RAM above 1 MiB */
	CHECK_EQ(word(&s, map + 4), MIB(1));
	CHECK_EQ(word(&s, map + 12), word(&s, i + 8) * 1024);
	CHECK_EQ(word(&s, map + 20), 1);
	map += 3 * 24;
	CHECK_EQ(le64_at(at(&s, map + 4, 8)), GIB(4));
	CHECK_EQ(le64_at(at(&s, map + 12, 8)), MIB(512));
	CHECK(!memcmp(at(&s, 0x100000, 0x1000), f.at + KFILE_TEXT, 0x1000));
	CHECK_EQ(tables_at(&s, 0xf0000), 5);
	stop(&s);
}

static void without_arguments_and_modules_the_name_is_alone(void)
{
	struct started s;

	begin_multiboot();
	start(&s, MIB(64), 0, NULL, NULL);
	CHECK(says(&s, word(&s, s.start.ebx + 16), "k.flat"));
	CHECK_EQ(word(&s, s.start.ebx + 20), 0);
	CHECK_EQ(word(&s, s.start.ebx + 44), 6 * 24);
	stop(&s);
}

static void a_pvh_kernel_gets_its_start_info(void)
{
	struct started s;
	u32 i;
	u64 mod, map;

	begin_pvh();
	start(&s, MIB(64), 0, "console=ttyS0", "initrd");
	CHECK_EQ(s.start.entry, 0x1000040);
	i = s.start.ebx;
	CHECK_EQ(word(&s, i), 0x336ec578);
	CHECK_EQ(word(&s, i + 4), 1);
	CHECK_EQ(word(&s, i + 12), 1);
	mod = le64_at(at(&s, i + 16, 8));
	CHECK_EQ(word(&s, mod), 0x1208000);
	CHECK_EQ(word(&s, mod + 8), 6);
	CHECK(!memcmp(at(&s, 0x1208000, 6), "initrd", 6));
	CHECK(says(&s, le64_at(at(&s, i + 24, 8)), "console=ttyS0"));
	CHECK_EQ(tables_at(&s, le64_at(at(&s, i + 32, 8))), 5);
	map = le64_at(at(&s, i + 40, 8));
	CHECK_EQ(word(&s, i + 48), 6);
	CHECK_EQ(le64_at(at(&s, map + 8, 8)), 0x9fc00);
	CHECK_EQ(word(&s, map + 16), 1);
	CHECK_EQ(word(&s, map + 24 + 16), 2);
	stop(&s);
}

static void a_bios_data_area_is_there(void)
{
	struct started s;

	begin_multiboot();
	start(&s, MIB(64), 0, NULL, NULL);
	CHECK_EQ(le16_at(at(&s, 0x400, 2)), 0x3f8);
	CHECK_EQ(le16_at(at(&s, 0x40e, 2)) << 4, 0x9fc00);
	CHECK_EQ(le16_at(at(&s, 0x413, 2)), 639);
	CHECK_EQ(*at(&s, 0x9fc00, 1), 1);
	stop(&s);
}

static void a_second_start_finds_all_as_at_the_first(void)
{
	struct started s;
	u32 info;

	begin_multiboot();
	start(&s, MIB(64), 0, "x", "module");
	info = s.start.ebx;
	memset(mem_ptr(s.m, 0, MIB(64), true), 0xee, MIB(64));
	load(&s);
	CHECK_EQ(s.start.ebx, info);
	CHECK(says(&s, word(&s, info + 16), "k.flat x"));
	CHECK_EQ(word(&s, 0x101000), 0); /* its zeroes */
	CHECK_EQ(word(&s, 0x102ffc), 0);
	CHECK_EQ(tables_at(&s, 0xf0000), 5);
	stop(&s);
}

static void what_it_is_told_keeps_out_of_a_low_kernels_way(void)
{
	struct started s;

	/* All but a page below the BIOS data, then the whole of it. */
	kfile_begin(&f, false, 0x2000);
	kfile_multiboot(&f, KFILE_TEXT, 0);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0x2000, 0x2000, 0x9fc00 - 0x2000);
	start(&s, MIB(64), 0, NULL, NULL);
	CHECK(s.start.ebx >= 0x1000 && s.start.ebx < 0x2000);
	stop(&s);
	kfile_begin(&f, false, 0x1000);
	kfile_multiboot(&f, KFILE_TEXT, 0);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0x1000, 0x1000, 0x9fc00 - 0x1000);
	start(&s, MIB(64), 0, NULL, "module");
	CHECK_EQ(s.start.gdt, MIB(1));
	CHECK_EQ(word(&s, word(&s, s.start.ebx + 24)), MIB(1) + 4096);
	stop(&s);
}

static int create(u64 low, const char *initrd, size_t initrd_len)
{
	struct kernel_config cfg = {
		.kernel = f.at,
		.kernel_len = f.len,
		.kernel_name = "k",
		.initrd_name = "i",
		.initrd = (const u8 *)initrd,
		.initrd_len = initrd_len,
		.ram_low = low,
		.tables = 8192,
	};
	struct kernel_boot *b = NULL;
	int rc = kernel_boot_create(&b, &cfg, &err);

	kernel_boot_destroy(b);
	return rc;
}

static void what_does_not_fit_is_refused(void)
{
	static const char big[1 << 20];

	begin_multiboot();
	CHECK_EQ(create(MIB(1), NULL, 0), -ENOSPC);
	CHECK_EQ(create(MIB(3), NULL, 0), 0);
	CHECK_EQ(create(MIB(3), big, sizeof(big)), 0);
	kfile_phdr(&f, 1, 0, 0, 0, 0x200000, MIB(1) - 8192);
	CHECK_EQ(create(MIB(3), NULL, 0), 0);
	CHECK_EQ(create(MIB(3), big, 1), -ENOSPC);
	kfile_phdr(&f, 1, 0, 0, 0, 0x300000 - 8192, 1);
	CHECK_EQ(create(MIB(3), NULL, 0), -ENOSPC);
	begin_multiboot();
	kfile_phdr(&f, 1, 0, 52, 0, 0xff000, 52); /* its own header */
	CHECK_EQ(create(MIB(64), NULL, 0), 0);
	begin_multiboot();
	kfile_phdr(&f, 1, 0, 0, 0, 0x400, 1);
	CHECK_EQ(create(MIB(64), NULL, 0), -ENOTSUP);
	begin_multiboot();
	kfile_phdr(&f, 1, 0, 0, 0, 0xf0023, 1);
	CHECK_EQ(create(MIB(64), NULL, 0), -ENOTSUP);
}

int main(void)
{
	RUN(both_kinds_are_known_by_their_first_bytes);
	RUN(a_multiboot_elf_goes_to_its_physical_addresses);
	RUN(an_entry_in_virtual_memory_counts_where_it_is_loaded);
	RUN(address_fields_load_any_file);
	RUN(a_pvh_note_names_the_entry);
	RUN(files_without_an_entry_of_either_kind_are_refused);
	RUN(damaged_files_are_refused);
	RUN(a_multiboot_kernel_is_told_what_the_specification_says);
	RUN(without_arguments_and_modules_the_name_is_alone);
	RUN(a_pvh_kernel_gets_its_start_info);
	RUN(a_bios_data_area_is_there);
	RUN(a_second_start_finds_all_as_at_the_first);
	RUN(what_it_is_told_keeps_out_of_a_low_kernels_way);
	RUN(what_does_not_fit_is_refused);
	return 0;
}
