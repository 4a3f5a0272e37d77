/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables as firmware places them, and SMBIOS, read back field by field. */
#include "bus/pci/pci.h"
#include "fw/fw_priv.h"
#include "table_loader.h"

static struct acpi_board example(void)
{
	return (struct acpi_board){
		.vcpus = 2,
		.apic_id = { 0, 1 },
		.ram_low_end = GIB(2),
		.ram_high_end = GIB(6),
		.phys_bits = 40,
		.ecam_base = 0xe0000000,
		.ecam_size = MIB(256),
		.pm_base = 0x600,
		.has_pic_pit = true,
		.has_com1 = true,
		.rtc_needs_regc = true,
		.flash_base = 0xffc00000,
		.flash_size = MIB(4),
	};
}

/* The bytes @want somewhere in table @t. */
static bool holds(const u8 *t, const void *want, size_t len)
{
	for (u32 i = 36; i + len <= le32_at(t + 4); i++)
		if (!memcmp(t + i, want, len))
			return true;
	return false;
}

static bool holds_window(const u8 *t, u64 first, u64 last)
{
	u8 d[40];

	put_le64(d, first);
	put_le64(d + 8, last);
	put_le64(d + 16, 0);
	put_le64(d + 24, last - first + 1);
	if (holds(t, d, 32))
		return true;
	put_le32(d, (u32)first);
	put_le32(d + 4, (u32)last);
	put_le32(d + 8, 0);
	put_le32(d + 12, (u32)(last - first + 1));
	return holds(t, d, 16);
}

static void every_table_is_reachable_from_the_rsdp(void)
{
	struct acpi_board b = example();
	struct acpi_blobs blobs;
	struct loaded l;
	u8 *rsdp, *rsdt, *xsdt, *fadt, sum = 0;
	static const char *const wanted[] = { "FACP", "APIC", "MCFG", "WAET", "SPCR", "SSDT" };

	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	rsdp = l.blob[0].at;
	CHECK_EQ(l.blob[0].len, 36);
	CHECK(!memcmp(rsdp, "RSD PTR ", 8) && rsdp[15] == 2);
	for (unsigned i = 0; i < 20; i++)
		sum = (u8)(sum + rsdp[i]);
	CHECK_EQ(sum, 0);
	for (unsigned i = 20; i < 36; i++)
		sum = (u8)(sum + rsdp[i]);
	CHECK_EQ(sum, 0);
	rsdt = table_at(&l, le32_at(rsdp + 16));
	xsdt = table_at(&l, le64_at(rsdp + 24));
	CHECK_EQ(le32_at(rsdt + 4), 36 + 6 * 4);
	CHECK_EQ(le32_at(xsdt + 4), 36 + 6 * 8);
	for (unsigned i = 0; i < 6; i++) {
		CHECK(find_table(&l, wanted[i]));
		CHECK_EQ(le32_at(rsdt + 36 + 4 * i), le64_at(xsdt + 36 + 8 * i));
	}
	fadt = find_table(&l, "FACP");
	CHECK(!memcmp(table_at(&l, le32_at(fadt + 40)), "DSDT", 4));
	CHECK_EQ(le64_at(fadt + 140), le32_at(fadt + 40));
	CHECK(!memcmp(at_address(&l, le32_at(fadt + 36), 64), "FACS", 4));
	CHECK_EQ(le64_at(fadt + 132), 0);
	CHECK_EQ(le32_at(fadt + 36) % 64, 0);
	acpi_free(&blobs);
	CHECK(!blobs.tables.at);
}

/* Nested Hyper-V wants PM1a; a power button without a device is a fixed feature. */
static void fadt_describes_fixed_hardware(void)
{
	struct acpi_board b = example();
	struct acpi_blobs blobs;
	struct loaded l;
	u8 *t;

	b.has_i8042 = true;
	b.has_vga = true;
	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	t = find_table(&l, "FACP");
	CHECK_EQ(t[8], 6);
	CHECK_EQ(le32_at(t + 4), 276);
	CHECK_EQ(le16_at(t + 46), 9);
	CHECK_EQ(le32_at(t + 48), 0); /* SMI_CMD: always in ACPI mode */
	CHECK_EQ(le32_at(t + 56), 0x600);
	CHECK_EQ(le32_at(t + 64), 0x604);
	CHECK_EQ(le32_at(t + 76), 0x608);
	CHECK_EQ(le32_at(t + 80), 0x620);
	CHECK_EQ(le32_at(t + 88), 0x04000204);
	CHECK_EQ(t[92], 16);
	CHECK_EQ(t[108], 0x32);
	CHECK_EQ(le16_at(t + 109), 0x02);
	CHECK_EQ(le32_at(t + 112), 0x84a5);
	CHECK_EQ(le64_at(t + 120), 0xcf9);
	CHECK_EQ(t[128], 6);
	CHECK_EQ(le64_at(t + 152), 0x600);
	CHECK_EQ(le64_at(t + 176), 0x604);
	CHECK_EQ(le64_at(t + 212), 0x608);
	CHECK_EQ(le64_at(t + 224), 0x620);
	acpi_free(&blobs);

	b.has_i8042 = false;
	b.has_vga = false;
	b.vcpus = 9;
	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	t = find_table(&l, "FACP");
	CHECK_EQ(le16_at(t + 109), 0x04);
	CHECK_EQ(le32_at(t + 112), 0x84a5 | 1 << 18);
	acpi_free(&blobs);
}

/* The @n-th entry of @type in the MADT, or NULL. */
static const u8 *madt_entry(const u8 *t, u8 type, unsigned n)
{
	u32 len = le32_at(t + 4);

	for (u32 i = 44; i < len; i += t[i + 1]) {
		CHECK(t[i + 1] >= 2 && t[i + 1] <= len - i);
		if (t[i] == type && n-- == 0)
			return t + i;
	}
	return NULL;
}

static void madt_takes_x2apic_entries_for_large_ids(void)
{
	struct acpi_board b = example();
	struct acpi_blobs blobs;
	struct loaded l;
	const u8 *t, *e;

	b.vcpus = 3;
	b.apic_id[1] = 254;
	b.apic_id[2] = 255;
	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	t = find_table(&l, "APIC");
	CHECK_EQ(le32_at(t + 40), 1);
	e = madt_entry(t, 0, 1);
	CHECK(e && e[2] == 1 && e[3] == 254 && le32_at(e + 4) == 1);
	CHECK(!madt_entry(t, 0, 2));
	e = madt_entry(t, 9, 0);
	CHECK(e && le32_at(e + 4) == 255 && le32_at(e + 8) == 1 && le32_at(e + 12) == 2);
	e = madt_entry(t, 1, 0);
	CHECK(e && le32_at(e + 4) == 0xfec00000 && le32_at(e + 8) == 0);
	e = madt_entry(t, 2, 0);
	CHECK(e && e[3] == 0 && le32_at(e + 4) == 2 && le16_at(e + 8) == 0);
	e = madt_entry(t, 2, 1);
	CHECK(e && e[3] == 9 && le32_at(e + 4) == 9 && le16_at(e + 8) == 0x0d);
	e = madt_entry(t, 4, 0);
	CHECK(e && e[2] == 0xff && e[5] == 1);
	CHECK(madt_entry(t, 10, 0));
	acpi_free(&blobs);

	b.vcpus = 1;
	b.has_pic_pit = false;
	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	t = find_table(&l, "APIC");
	CHECK_EQ(le32_at(t + 40), 0);
	CHECK_EQ(madt_entry(t, 2, 0)[3], 9);
	CHECK(!madt_entry(t, 2, 1) && !madt_entry(t, 9, 0) && !madt_entry(t, 10, 0));
	acpi_free(&blobs);
}

static void tables_of_absent_things_are_absent(void)
{
	struct acpi_board b = example();
	struct acpi_blobs blobs;
	struct loaded l;

	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	CHECK_EQ(le64_at(find_table(&l, "MCFG") + 44), 0xe0000000);
	CHECK_EQ(find_table(&l, "MCFG")[55], 255);
	CHECK_EQ(le32_at(find_table(&l, "WAET") + 36), 2);
	CHECK(holds(find_table(&l, "SSDT"), "COM1", 4));
	CHECK(!holds(find_table(&l, "SSDT"), "COM2", 4));
	CHECK(!holds(find_table(&l, "SSDT"), "KBD_", 4));
	acpi_free(&blobs);

	b.ecam_base = 0;
	b.has_com1 = false;
	b.has_com2 = b.has_i8042 = true;
	b.rtc_needs_regc = false;
	acpi_build(&blobs, &b);
	l = load_tables(&blobs);
	CHECK(!find_table(&l, "MCFG"));
	CHECK(!find_table(&l, "SPCR"));
	CHECK_EQ(le32_at(find_table(&l, "WAET") + 36), 3);
	CHECK(!holds(find_table(&l, "SSDT"), "COM1", 4));
	CHECK(holds(find_table(&l, "SSDT"), "COM2", 4));
	CHECK(holds(find_table(&l, "SSDT"), "KBD_", 4));
	acpi_free(&blobs);
}

/* SeaBIOS remembers the sizes that it saw before ECAM was placed. */
static void sizes_do_not_depend_on_ecam(void)
{
	struct acpi_board b = example();

	for (b.vcpus = 1; b.vcpus <= 256; b.vcpus++) {
		struct acpi_blobs before, after;

		b.ecam_base = 0;
		acpi_build(&before, &b);
		b.ecam_base = 0xb0000000;
		acpi_build(&after, &b);
		CHECK_EQ(before.tables.len, after.tables.len);
		CHECK_EQ(before.loader.len, after.loader.len);
		CHECK_EQ(before.rsdp.len, after.rsdp.len);
		CHECK_EQ(after.tables.len % 4096, 0);
		acpi_free(&before);
		acpi_free(&after);
	}
}

static void check_windows(const struct acpi_board *b, const u64 want[3][2])
{
	struct acpi_blobs blobs;
	struct loaded l;
	u8 *t;

	acpi_build(&blobs, b);
	l = load_tables(&blobs);
	t = find_table(&l, "SSDT");
	for (unsigned i = 0; i < 3; i++)
		CHECK(!want[i][1] || holds_window(t, want[i][0], want[i][1]));
	acpi_free(&blobs);
}

static void pci_windows_leave_ram_and_ecam_out(void)
{
	struct acpi_board b = example();

	check_windows(&b, (const u64[3][2]){ { 0x80000000, 0xdfffffff },
					     { 0xf0000000, 0xfebfffff },
					     { 0xe000000000, 0xffffffffff } });
	b.ram_low_end = MIB(128);
	b.ecam_base = 0xb0000000;
	b.phys_bits = 39;
	check_windows(&b, (const u64[3][2]){ { 0x08000000, 0xafffffff },
					     { 0xc0000000, 0xfebfffff },
					     { 0x7000000000, 0x7fffffffff } });
	b.ecam_base = 0;
	b.phys_bits = 52;
	check_windows(&b, (const u64[3][2]){ { 0x08000000, 0xfebfffff },
					     { 0xe000000000, 0x7fffffffffff } });
	b.ram_high_end = GIB(1024) + MIB(64); /* above where the window would begin */
	check_windows(&b, (const u64[3][2]){ { GIB(1025), 0x7fffffffffff } });
}

/* One integer of a package. */
static u32 integer(const u8 **p)
{
	const u8 *at = *p;

	switch (at[0]) {
	case 0x00: *p = at + 1; return 0;
	case 0x01: *p = at + 1; return 1;
	case 0x0a: *p = at + 2; return at[1];
	case 0x0b: *p = at + 3; return le16_at(at + 1);
	case 0x0c: *p = at + 5; return le32_at(at + 1);
	default: CHECK(!"an integer"); return 0;
	}
}

static void prt_agrees_with_the_wires_of_the_bus(void)
{
	const u8 *p = NULL;

	for (size_t i = 0; i + 8 < dsdt_aml_len; i++)
		if (!memcmp(dsdt_aml + i, "\x08PRTA\x12", 6))
			p = dsdt_aml + i + 6;
	CHECK(p);
	p += 1 + (p[0] >> 6);
	CHECK_EQ(*p++, 128);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			CHECK(p[0] == 0x12 && p[2] == 4);
			p += 3;
			CHECK_EQ(integer(&p), slot << 16 | 0xffff);
			CHECK_EQ(integer(&p), pin);
			CHECK_EQ(integer(&p), 0);
			CHECK_EQ(integer(&p), 16 + pci_intx_line(slot, pin));
		}
	}
}

static size_t package_of(size_t body, u8 out[4])
{
	struct aml a = { 0 };
	size_t len;

	aml_scope(&a, "\\"); /* a root path without a segment takes one byte */
	for (size_t i = 1; i < body; i++)
		add_u8(&a.out, 0xa3);
	aml_end(&a);
	memcpy(out, a.out.at + 1, 4);
	len = a.out.len - 1;
	str_free(&a.out);
	return len;
}

static void package_lengths_take_the_fewest_bytes(void)
{
	u8 b[4];

	CHECK_EQ(package_of(62, b), 63);
	CHECK_EQ(b[0], 63);
	CHECK_EQ(package_of(63, b), 65);
	CHECK(b[0] == (0x40 | 1) && b[1] == 4);
	CHECK_EQ(package_of(4093, b), 4095);
	CHECK(b[0] == 0x4f && b[1] == 0xff);
	CHECK_EQ(package_of(4094, b), 4097);
	CHECK(b[0] == 0x81 && b[1] == 0x00 && b[2] == 0x01);
}

static void names_and_ids_are_encoded(void)
{
	struct aml a = { 0 };

	aml_name_int(&a, "\\_SB.PCI0.ISA", 0x1234);
	CHECK_EQ(a.out.len, 1 + 1 + 2 + 12 + 3);
	CHECK(!memcmp(a.out.at, "\x08\\\x2f\x03_SB_PCI0ISA_\x0b\x34\x12", a.out.len));
	a.out.len = 0;
	aml_name_eisa(&a, "_HID", "PNP0A08");
	CHECK(!memcmp(a.out.at, "\x08_HID\x0c\x41\xd0\x0a\x08", 10));
	a.out.len = 0;
	aml_name_int(&a, "A.B", 0x100000000);
	CHECK(!memcmp(a.out.at,
		      "\x08\x2e"
		      "A___B___\x0e\0\0\0\0\1\0\0\0",
		      19));
	str_free(&a.out);
}

static const char *smbios_string(const u8 *t, u8 n)
{
	const char *s = (const char *)t + t[1];

	CHECK(n);
	while (--n)
		s += strlen(s) + 1;
	return s;
}

/* The first structure of @type, walking all of @s strictly; *count is how many there are. */
static const u8 *smbios_find(const struct str *s, u8 type, unsigned *count)
{
	const u8 *p = (const u8 *)s->at, *end = p + s->len, *found = NULL;

	*count = 0;
	for (;;) {
		const u8 *here = p;

		CHECK(end - p >= 6 && p[1] >= 4 && end - p >= p[1] + 2);
		if (p[0] == type && !(*count)++)
			found = p;
		p += p[1];
		while (p[0] || p[1]) {
			p++;
			CHECK(end - p >= 2);
		}
		p += 2;
		if (here[0] == 127)
			break;
	}
	CHECK(p == end);
	return found;
}

static void smbios_structures_follow_each_other(void)
{
	static const char *const oem[] = { "a", "", "c", NULL };
	struct smbios_info s = {
		.uuid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
			  0xcc, 0xdd, 0xee, 0xff },
		.have_uuid = true,
		.uefi = true,
		.serial = "S1",
		.sku = "",
		.oem_strings = oem,
		.cores = 300,
		.threads = 2,
		.packages = 3,
		.ram_low = GIB(2),
		.ram_high = GIB(30),
	};
	struct str t = { 0 }, a = { 0 };
	unsigned n;
	u8 sum = 0;
	const u8 *e;

	smbios_build(&t, &a, &s);
	CHECK_EQ(a.len, 24);
	CHECK(!memcmp(a.at, "_SM3_", 5));
	for (unsigned i = 0; i < 24; i++)
		sum = (u8)(sum + (u8)a.at[i]);
	CHECK_EQ(sum, 0);
	CHECK(le32_at(a.at + 12) == t.len && le64_at(a.at + 16) == 0);
	e = smbios_find(&t, 1, &n);
	CHECK(n == 1 && !memcmp(e + 8, "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb", 12));
	CHECK(!strcmp(smbios_string(e, e[4]), "oriel"));
	CHECK(!strcmp(smbios_string(e, e[7]), "S1"));
	CHECK(e[0x19] == 0 && e[0x1a] == 0); /* empty and absent strings */
	e = smbios_find(&t, 4, &n);
	CHECK(n == 3 && e[0x23] == 0xff && le16_at(e + 0x2a) == 300 && le16_at(e + 0x2e) == 600);
	e = smbios_find(&t, 11, &n);
	CHECK(n == 1 && e[4] == 3 && !strcmp(smbios_string(e, 2), " "));
	e = smbios_find(&t, 17, &n);
	CHECK(n == 1 && le16_at(e + 12) == 0x7fff && le32_at(e + 0x1c) == 32 * 1024);
	smbios_find(&t, 19, &n);
	CHECK_EQ(n, 2);
	for (size_t i = 0; i + 9 <= t.len; i++)
		CHECK(memcmp(t.at + i, "Microsoft", 9));
	str_free(&t);
	str_free(&a);
}

int main(void)
{
	RUN(every_table_is_reachable_from_the_rsdp);
	RUN(fadt_describes_fixed_hardware);
	RUN(madt_takes_x2apic_entries_for_large_ids);
	RUN(tables_of_absent_things_are_absent);
	RUN(sizes_do_not_depend_on_ecam);
	RUN(pci_windows_leave_ram_and_ecam_out);
	RUN(prt_agrees_with_the_wires_of_the_bus);
	RUN(package_lengths_take_the_fewest_bytes);
	RUN(names_and_ids_are_encoded);
	RUN(smbios_structures_follow_each_other);
	return 0;
}
