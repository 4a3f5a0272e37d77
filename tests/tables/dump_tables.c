/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump_tables CASE DIRECTORY: writes the ACPI and SMBIOS tables of an example board as files, for
 * tests/tables/check-tables to hold against iasl and dmidecode.
 */
#include <stdio.h>

#include "fw/acpi.h"
#include "table_loader.h"

struct example {
	const char *name;
	struct acpi_board board;
	struct smbios_info smbios;
};

static const char *const oem[] = { "first", "", "third", NULL };

static const struct example examples[] = {
	{
		.name = "least",
		.board = { .vcpus = 1,
			   .ram_low_end = MIB(128),
			   .ram_high_end = GIB(4),
			   .phys_bits = 36,
			   .pm_base = 0x600,
			   .flash_base = 0xffc00000,
			   .flash_size = MIB(4) },
		.smbios = { .vcpus = 1, .ram_low = MIB(128) },
	},
	{
		.name = "windows",
		.board = { .vcpus = 4,
			   .apic_id = { 0, 1, 2, 3 },
			   .ram_low_end = GIB(2),
			   .ram_high_end = GIB(6),
			   .phys_bits = 46,
			   .ecam_base = 0xb0000000,
			   .ecam_size = MIB(256),
			   .pm_base = 0x600,
			   .has_pic_pit = true,
			   .has_i8042 = true,
			   .has_vga = true,
			   .has_com1 = true,
			   .has_com2 = true,
			   .rtc_needs_regc = true,
			   .flash_base = 0xffc00000,
			   .flash_size = MIB(4) },
		.smbios = { .have_uuid = true,
			    .uefi = true,
			    .uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
				      0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
			    .manufacturer = "Example & Sons",
			    .product = "Box",
			    .version = "7",
			    .serial = "0001",
			    .sku = "S",
			    .family = "F",
			    .asset_tag = "tag",
			    .oem_strings = oem,
			    .vcpus = 4,
			    .threads = 2,
			    .cores = 2,
			    .packages = 1,
			    .ram_low = GIB(2),
			    .ram_high = GIB(2) },
	},
	{
		.name = "large",
		.board = { .vcpus = 256,
			   .ram_low_end = GIB(2),
			   .ram_high_end = GIB(4100),
			   .phys_bits = 52,
			   .ecam_base = 0xe0000000,
			   .ecam_size = MIB(256),
			   .pm_base = 0x600,
			   .has_com1 = true,
			   .flash_base = 0xffc00000,
			   .flash_size = MIB(4) },
		.smbios = { .vcpus = 256,
			    .threads = 1,
			    .cores = 128,
			    .packages = 2,
			    .ram_low = GIB(2),
			    .ram_high = GIB(4096) },
	},
};

static void write_file(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	CHECK(f);
	CHECK(fwrite(bytes, 1, len, f) == len);
	CHECK(fclose(f) == 0);
}

static void write_table(const char *dir, const u8 *t)
{
	char name[16];

	snprintf(name, sizeof(name), "%.4s.dat", (const char *)t);
	write_file(dir, name, t, le32_at(t + 4));
}

static void dump_acpi(const char *dir, const struct acpi_board *board)
{
	struct acpi_blobs blobs;
	struct loaded l;
	u8 *xsdt, *fadt;

	acpi_build(&blobs, board);
	l = load_tables(&blobs);
	write_file(dir, "RSDP.dat", l.blob[0].at, l.blob[0].len);
	write_table(dir, table_at(&l, le32_at(l.blob[0].at + 16)));
	xsdt = table_at(&l, le64_at(l.blob[0].at + 24));
	write_table(dir, xsdt);
	for (u32 i = 36; i < le32_at(xsdt + 4); i += 8)
		write_table(dir, table_at(&l, le64_at(xsdt + i)));
	fadt = find_table(&l, "FACP");
	CHECK(fadt);
	write_table(dir, table_at(&l, le64_at(fadt + 140)));
	write_table(dir, at_address(&l, le32_at(fadt + 36), 64));
	acpi_free(&blobs);
}

/* What dmidecode --from-dump reads: the entry point, its tables at 20h. */
static void dump_smbios(const char *dir, const struct smbios_info *s)
{
	struct str tables = { 0 }, anchor = { 0 };
	u8 sum = 0;

	smbios_build(&tables, &anchor, s);
	put_le64(anchor.at + 16, 32);
	anchor.at[5] = 0;
	for (size_t i = 0; i < anchor.len; i++)
		sum = (u8)(sum + (u8)anchor.at[i]);
	anchor.at[5] = (char)-sum;
	while (anchor.len < 32)
		str_add_bytes(&anchor, "", 1);
	str_add_bytes(&anchor, tables.at, tables.len);
	write_file(dir, "smbios.bin", anchor.at, anchor.len);
	str_free(&tables);
	str_free(&anchor);
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	for (unsigned i = 0; i < ARRAY_LEN(examples); i++) {
		struct acpi_board board = examples[i].board;

		if (strcmp(examples[i].name, argv[1]))
			continue;
		if (board.vcpus > 4)
			for (unsigned c = 0; c < board.vcpus; c++)
				board.apic_id[c] = c * 2;
		dump_acpi(argv[2], &board);
		dump_smbios(argv[2], &examples[i].smbios);
		return 0;
	}
	return 1;
}
