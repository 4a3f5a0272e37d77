/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/acpi.c: the ACPI tables of a q35 board and the loader script that places them. ACPI 6.4
 * chapter 5; PCI Firmware 3.3, 4.1.2 (MCFG); Microsoft's WAET and SPCR specifications;
 * platform.md 6.
 */
#include "fw/acpi.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "fw/fw_priv.h"

#define TABLES "etc/acpi/tables"
#define RSDP "etc/acpi/rsdp"

enum { HEADER = 36, CHECKSUM_AT = 9, TABLES_MAX = 8 };
/* What ECAM adds to a blob is less than the second. */
enum { BLOB_ALIGN = 4096, ECAM_ROOM = 512 };
enum { IOAPIC_AT = 0xfec00000, LAPIC_AT = 0xfee00000, PORT_LIMIT = 0xffff };
enum { SCI = 9, COM1_PORT = 0x3f8, COM1_LINE = 4, COM2_PORT = 0x2f8, COM2_LINE = 3 };

/* Offsets from the PM base: ICH9's block. */
enum { PM1_EVT = 0, PM1_CNT = 4, PM_TMR = 8, GPE0 = 0x20, PM_LEN = 0x80 };

struct builder {
	const struct acpi_board *board;
	struct str *tables, *loader;
	u32 start;              /* of the table being written */
	u32 listed[TABLES_MAX]; /* offsets of what RSDT and XSDT point to */
	unsigned n_listed;
	u32 facs, dsdt;
};

static void begin(struct builder *b, const char *signature, u8 revision)
{
	struct str *t = b->tables;

	while (t->len % 8)
		add_u8(t, 0);
	b->start = (u32)t->len;
	str_add_bytes(t, signature, 4);
	add_le32(t, 0); /* length: see end() */
	add_u8(t, revision);
	add_u8(t, 0); /* checksum: the loader's */
	str_add_bytes(t, "ORIEL ", 6);
	str_add_bytes(t, "ORIELQ35", 8);
	add_le32(t, 1);
	str_add_bytes(t, "ORIL", 4);
	add_le32(t, 1);
}

static void checksum(struct builder *b, u32 start, u32 len)
{
	loader_checksum(b->loader, TABLES, start + CHECKSUM_AT, start, len);
}

static u32 end(struct builder *b)
{
	u32 len = (u32)b->tables->len - b->start;

	put_le32(b->tables->at + b->start + 4, len);
	return len;
}

/* A table that the XSDT lists and that has no pointers of its own left to fill in. */
static void end_listed(struct builder *b)
{
	checksum(b, b->start, end(b));
	b->listed[b->n_listed++] = b->start;
}

/* At @off of the blob there is a pointer of @size bytes to another of its places, @to. */
static void point(struct builder *b, u32 off, unsigned size, u32 to)
{
	put_le(b->tables->at + off, size, to);
	loader_add_pointer(b->loader, TABLES, TABLES, off, (u8)size);
}

/* Generic address structure: @bits of I/O ports at @port, accessed by 1 << (access - 1) bytes. */
static void put_gas(u8 *at, u8 bits, u8 access, u16 port)
{
	at[0] = 1; /* system I/O */
	at[1] = bits;
	at[2] = 0;
	at[3] = access;
	put_le64(at + 4, port);
}

static void build_facs(struct builder *b)
{
	u8 t[64] = "FACS";

	put_le32(t + 4, sizeof(t));
	t[32] = 2;
	b->facs = (u32)b->tables->len; /* the blob begins with it: 64-byte aligned */
	str_add_bytes(b->tables, t, sizeof(t));
}

static void build_dsdt(struct builder *b)
{
	b->dsdt = (u32)b->tables->len;
	str_add_bytes(b->tables, dsdt_aml, dsdt_aml_len);
	b->tables->at[b->dsdt + CHECKSUM_AT] = 0;
	checksum(b, b->dsdt, (u32)dsdt_aml_len);
}

enum fadt_field {
	FADT_FACS = 36,
	FADT_DSDT = 40,
	FADT_SCI = 46,
	FADT_PM1A_EVT = 56,
	FADT_PM1A_CNT = 64,
	FADT_PM_TMR = 76,
	FADT_GPE0 = 80,
	FADT_PM1_EVT_LEN = 88,
	FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91,
	FADT_GPE0_LEN = 92,
	FADT_P_LVL2_LAT = 96,
	FADT_P_LVL3_LAT = 98,
	FADT_CENTURY = 108,
	FADT_IAPC_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR = 131,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_EVT = 148,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM_TMR = 208,
	FADT_X_GPE0 = 220,
	FADT_LEN = 276,
};
enum { BOOT_8042 = 0x02, BOOT_NO_VGA = 0x04 };
enum fadt_flag { /* bit numbers; PWR_BUTTON (4) clear: the button is a fixed feature */
		 WBINVD = 0,
		 PROC_C1 = 2,
		 SLP_BUTTON = 5,
		 RTC_S4 = 7,
		 RESET_REG_SUP = 10,
		 USE_PLATFORM_CLOCK = 15,
		 FORCE_APIC_CLUSTER = 18,
};
enum { RESET_PORT = 0xcf9, RESET_COLD = 6, LATENCY_NONE = 0xfff, CMOS_CENTURY = 0x32 };

/* The fixed hardware at b->pm_base, in the 32-bit and in the extended form. */
static void put_fixed_hardware(u8 *t, u16 pm_base)
{
	put_le32(t + FADT_PM1A_EVT, pm_base + PM1_EVT);
	put_le32(t + FADT_PM1A_CNT, pm_base + PM1_CNT);
	put_le32(t + FADT_PM_TMR, pm_base + PM_TMR);
	put_le32(t + FADT_GPE0, pm_base + GPE0);
	t[FADT_PM1_EVT_LEN] = 4;
	t[FADT_PM1_CNT_LEN] = 2;
	t[FADT_PM_TMR_LEN] = 4;
	t[FADT_GPE0_LEN] = 16;
	put_gas(t + FADT_X_PM1A_EVT, 32, 2, (u16)(pm_base + PM1_EVT));
	put_gas(t + FADT_X_PM1A_CNT, 16, 2, (u16)(pm_base + PM1_CNT));
	put_gas(t + FADT_X_PM_TMR, 32, 3, (u16)(pm_base + PM_TMR));
	put_gas(t + FADT_X_GPE0, 128, 1, (u16)(pm_base + GPE0));
}

static void build_fadt(struct builder *b)
{
	u8 t[FADT_LEN] = { 0 };
	u32 flags = BIT(WBINVD) | BIT(PROC_C1) | BIT(SLP_BUTTON) | BIT(RTC_S4) |
		    BIT(RESET_REG_SUP) | BIT(USE_PLATFORM_CLOCK);

	if (b->board->vcpus > 8)
		flags |= BIT(FORCE_APIC_CLUSTER);
	put_fixed_hardware(t, b->board->pm_base);
	put_le16(t + FADT_SCI, SCI);
	put_le16(t + FADT_P_LVL2_LAT, LATENCY_NONE);
	put_le16(t + FADT_P_LVL3_LAT, LATENCY_NONE);
	t[FADT_CENTURY] = CMOS_CENTURY;
	put_le16(t + FADT_IAPC_BOOT_ARCH,
		 (b->board->has_i8042 ? BOOT_8042 : 0) | (b->board->has_vga ? 0 : BOOT_NO_VGA));
	put_le32(t + FADT_FLAGS, flags);
	put_gas(t + FADT_RESET_REG, 8, 1, RESET_PORT);
	t[FADT_RESET_VALUE] = RESET_COLD;
	t[FADT_MINOR] = 4;

	begin(b, "FACP", 6);
	str_add_bytes(b->tables, t + HEADER, sizeof(t) - HEADER);
	/* Its 64-bit form stays 0: with both, Linux takes them for two. */
	point(b, b->start + FADT_FACS, 4, b->facs);
	point(b, b->start + FADT_DSDT, 4, b->dsdt);
	point(b, b->start + FADT_X_DSDT, 8, b->dsdt);
	end_listed(b);
}

enum madt_entry {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};
enum { LEVEL_HIGH = 0x0d, AS_THE_BUS = 0 };

static void add_override(struct str *t, u8 line, u32 gsi, u16 flags)
{
	add_u8(t, MADT_OVERRIDE);
	add_u8(t, 10);
	add_u8(t, 0); /* ISA */
	add_u8(t, line);
	add_le32(t, gsi);
	add_le16(t, flags);
}

/* Ids and numbers that an old entry cannot hold (255 means all) take the new form. */
static bool needs_x2apic(const struct acpi_board *b, unsigned cpu)
{
	return b->apic_id[cpu] >= 255 || cpu >= 255;
}

static void add_processor(struct str *t, const struct acpi_board *b, unsigned cpu)
{
	bool wide = needs_x2apic(b, cpu);

	add_u8(t, wide ? MADT_X2APIC : MADT_LAPIC);
	add_u8(t, wide ? 16 : 8);
	if (wide) {
		add_le16(t, 0);
		add_le32(t, b->apic_id[cpu]);
		add_le32(t, 1); /* enabled */
		add_le32(t, cpu);
	} else {
		add_u8(t, cpu);
		add_u8(t, b->apic_id[cpu]);
		add_le32(t, 1);
	}
}

static void build_madt(struct builder *b)
{
	struct str *t = b->tables;
	bool wide = false;

	begin(b, "APIC", 4);
	add_le32(t, LAPIC_AT);
	add_le32(t, b->board->has_pic_pit ? 1 : 0); /* PCAT_COMPAT */
	for (unsigned i = 0; i < b->board->vcpus; i++) {
		add_processor(t, b->board, i);
		wide |= needs_x2apic(b->board, i);
	}
	add_u8(t, MADT_IOAPIC);
	add_u8(t, 12);
	add_le16(t, 0); /* its id, reserved */
	add_le32(t, IOAPIC_AT);
	add_le32(t, 0); /* its first GSI */
	if (b->board->has_pic_pit)
		add_override(t, 0, 2, AS_THE_BUS);
	add_override(t, SCI, SCI, LEVEL_HIGH);
	add_u8(t, MADT_LAPIC_NMI);
	add_u8(t, 6);
	add_u8(t, 0xff);
	add_le16(t, AS_THE_BUS);
	add_u8(t, 1); /* LINT1 */
	if (wide) {
		add_u8(t, MADT_X2APIC_NMI);
		add_u8(t, 12);
		add_le16(t, AS_THE_BUS);
		add_le32(t, 0xffffffff);
		add_le32(t, 1); /* LINT1, and three reserved bytes */
	}
	end_listed(b);
}

static void build_mcfg(struct builder *b)
{
	if (!b->board->ecam_base)
		return;
	begin(b, "MCFG", 1);
	add_le64(b->tables, 0);
	add_le64(b->tables, b->board->ecam_base);
	add_le16(b->tables, 0); /* segment */
	add_u8(b->tables, 0);   /* first bus */
	add_u8(b->tables, (b->board->ecam_size >> 20) - 1);
	add_le32(b->tables, 0);
	end_listed(b);
}

static void build_waet(struct builder *b)
{
	enum { RTC_GOOD = 1, PM_TIMER_GOOD = 2 };

	begin(b, "WAET", 1);
	add_le32(b->tables, PM_TIMER_GOOD | (b->board->rtc_needs_regc ? 0 : RTC_GOOD));
	end_listed(b);
}

/* Where Windows' Emergency Management Services and other consoles find COM1. */
static void build_spcr(struct builder *b)
{
	enum { UART_16550 = 0, INT_8259 = 1, INT_IOAPIC = 2, BAUD_115200 = 7, VT_UTF8 = 2 };
	u8 t[80] = { 0 };

	if (!b->board->has_com1)
		return;
	t[36] = UART_16550;
	put_gas(t + 40, 8, 1, COM1_PORT);
	t[52] = INT_IOAPIC | (b->board->has_pic_pit ? INT_8259 : 0);
	t[53] = COM1_LINE;
	put_le32(t + 54, COM1_LINE);
	t[58] = BAUD_115200;
	t[60] = 1; /* stop bit */
	t[62] = VT_UTF8;
	put_le16(t + 64, 0xffff); /* no PCI device */
	put_le16(t + 66, 0xffff);
	begin(b, "SPCR", 2);
	str_add_bytes(b->tables, t + HEADER, sizeof(t) - HEADER);
	end_listed(b);
}

/* [first, limit) but for ECAM, if anything is left. */
static void add_window(struct str *crs, const struct acpi_board *b, u64 first, u64 limit)
{
	u64 ecam_end = b->ecam_base + b->ecam_size;

	if (b->ecam_base && b->ecam_base < limit && ecam_end > first) {
		if (b->ecam_base > first)
			res_memory_range(crs, first, b->ecam_base - 1);
		first = ecam_end;
	}
	if (first < limit)
		res_memory_range(crs, first, limit - 1);
}

/*
 * Above RAM, from where OVMF places BARs when it takes the CPU for one of 40 physical address bits
 * (that is without 1 GiB pages), to the end that it never exceeds: the window holds its window,
 * the top eighth, for every width. platform.md 2.
 */
static void add_high_window(struct str *crs, const struct acpi_board *b)
{
	unsigned low_bits = MIN(b->phys_bits, 40), bits = MIN(b->phys_bits, 47);
	u64 first, limit;

	if (low_bits < 36)
		return;
	first = BIT64(low_bits) - BIT64(low_bits - 3);
	limit = BIT64(bits);
	if (b->ram_high_end > first)
		first = ALIGN_UP(b->ram_high_end, GIB(1));
	if (first < limit)
		add_window(crs, b, first, limit);
}

static void add_pci_resources(struct aml *a, const struct acpi_board *b)
{
	struct str crs = { 0 };

	aml_scope(a, "\\_SB.PCI0");
	res_bus_range(&crs, 0, 255);
	res_io(&crs, 0xcf8, 8);
	res_port_range(&crs, 0, 0xcf7);
	res_port_range(&crs, 0xd00, PORT_LIMIT);
	if (b->has_vga)
		res_memory_range(&crs, 0xa0000, 0xbffff);
	add_window(&crs, b, b->ram_low_end, IOAPIC_AT);
	add_high_window(&crs, b);
	aml_name_resources(a, "_CRS", &crs);
	aml_end(a);
}

/* What no driver may use. Ports are below the bridge whose windows they lie in. */
static void add_reserved(struct aml *a, const struct acpi_board *b)
{
	struct str crs = { 0 };

	aml_scope(a, "\\_SB");
	aml_device(a, "MBMM");
	aml_name_eisa(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 0);
	if (b->ecam_base)
		res_memory(&crs, (u32)b->ecam_base, (u32)b->ecam_size);
	if (b->flash_size)
		res_memory(&crs, (u32)b->flash_base, (u32)b->flash_size);
	aml_name_resources(a, "_CRS", &crs);
	aml_end(a);
	aml_end(a);

	aml_scope(a, "\\_SB.PCI0.ISA");
	aml_device(a, "MBIO");
	aml_name_eisa(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 1);
	res_io(&crs, b->pm_base, PM_LEN);
	res_io(&crs, 0x92, 1);
	res_io(&crs, 0xb2, 2);
	if (b->has_pic_pit)
		res_io(&crs, 0x4d0, 2);
	aml_name_resources(a, "_CRS", &crs);
	aml_end(a);
	aml_end(a);
}

static void add_com(struct aml *a, unsigned n, u16 port, unsigned line)
{
	struct str crs = { 0 };
	char name[] = { 'C', 'O', 'M', (char)('0' + n), 0 };

	aml_device(a, name);
	aml_name_eisa(a, "_HID", "PNP0501");
	aml_name_int(a, "_UID", n);
	res_io(&crs, port, 8);
	res_irq(&crs, line);
	aml_name_resources(a, "_CRS", &crs);
	aml_end(a);
}

static void add_isa_devices(struct aml *a, const struct acpi_board *b)
{
	struct str crs = { 0 };

	aml_scope(a, "\\_SB.PCI0.ISA");
	if (b->has_com1)
		add_com(a, 1, COM1_PORT, COM1_LINE);
	if (b->has_com2)
		add_com(a, 2, COM2_PORT, COM2_LINE);
	if (b->has_i8042) {
		aml_device(a, "KBD");
		aml_name_eisa(a, "_HID", "PNP0303");
		res_io(&crs, 0x60, 1);
		res_io(&crs, 0x64, 1);
		res_irq(&crs, 1);
		aml_name_resources(a, "_CRS", &crs);
		aml_end(a);
		aml_device(a, "MOU");
		aml_name_eisa(a, "_HID", "PNP0F13");
		res_irq(&crs, 12);
		aml_name_resources(a, "_CRS", &crs);
		aml_end(a);
	}
	aml_end(a);
}

static void add_processors(struct aml *a, const struct acpi_board *b)
{
	static const char digit[] = "0123456789ABCDEF";

	aml_scope(a, "\\_SB");
	for (unsigned i = 0; i < b->vcpus; i++) {
		char name[] = { 'C', digit[i >> 8 & 15], digit[i >> 4 & 15], digit[i & 15], 0 };

		aml_device(a, name);
		aml_name_string(a, "_HID", "ACPI0007");
		aml_name_int(a, "_UID", i); /* as in the MADT */
		aml_end(a);
	}
	aml_end(a);
}

static void build_ssdt(struct builder *b)
{
	struct aml a = { 0 };

	add_pci_resources(&a, b->board);
	add_reserved(&a, b->board);
	add_isa_devices(&a, b->board);
	add_processors(&a, b->board);
	begin(b, "SSDT", 2);
	str_add_bytes(b->tables, a.out.at, a.out.len);
	str_free(&a.out);
	end_listed(b);
}

/* RSDT (4-byte pointers) or XSDT (8): where it starts. */
static u32 build_root(struct builder *b, const char *signature, unsigned pointer)
{
	u32 start, len;

	begin(b, signature, 1);
	start = b->start;
	for (unsigned i = 0; i < b->n_listed; i++) {
		u32 at = (u32)b->tables->len;

		str_add_bytes(b->tables, "\0\0\0\0\0\0\0", pointer);
		point(b, at, pointer, b->listed[i]);
	}
	len = end(b);
	checksum(b, start, len);
	return start;
}

static void build_rsdp(struct str *out, struct str *loader, u32 rsdt, u32 xsdt)
{
	enum { RSDP_RSDT = 16, RSDP_XSDT = 24, RSDP_V1 = 20, RSDP_LEN = 36 };
	u8 t[RSDP_LEN] = "RSD PTR ";

	memcpy(t + 9, "ORIEL ", 6);
	t[15] = 2;
	put_le32(t + RSDP_RSDT, rsdt);
	put_le32(t + 20, RSDP_LEN);
	put_le64(t + RSDP_XSDT, xsdt);
	str_add_bytes(out, t, sizeof(t));
	loader_add_pointer(loader, RSDP, TABLES, RSDP_RSDT, 4);
	loader_add_pointer(loader, RSDP, TABLES, RSDP_XSDT, 8);
	loader_checksum(loader, RSDP, 8, 0, RSDP_V1);
	loader_checksum(loader, RSDP, 32, 0, RSDP_LEN);
}

static void build(struct acpi_blobs *out, const struct acpi_board *board)
{
	struct builder b = { .board = board, .tables = &out->tables, .loader = &out->loader };
	u32 rsdt, xsdt;

	memset(out, 0, sizeof(*out));
	loader_allocate(&out->loader, RSDP, 16, LOADER_FSEG);
	loader_allocate(&out->loader, TABLES, 64, LOADER_HIGH);
	build_facs(&b);
	build_dsdt(&b);
	build_fadt(&b);
	build_madt(&b);
	build_mcfg(&b);
	build_waet(&b);
	build_spcr(&b);
	build_ssdt(&b);
	rsdt = build_root(&b, "RSDT", 4);
	xsdt = build_root(&b, "XSDT", 8);
	build_rsdp(&out->rsdp, &out->loader, rsdt, xsdt);
}

/* Zeroes up to a size told by what @s would be without ECAM; as commands, firmware skips them. */
static void pad(struct str *s, size_t without_ecam)
{
	size_t size = ALIGN_UP(without_ecam + ECAM_ROOM, BLOB_ALIGN);

	assert(s->len <= size);
	while (s->len < size)
		add_u8(s, 0);
}

void acpi_build(struct acpi_blobs *out, const struct acpi_board *board)
{
	struct acpi_board without_ecam = *board;
	struct acpi_blobs plain;

	without_ecam.ecam_base = 0;
	build(&plain, &without_ecam);
	build(out, board);
	pad(&out->tables, plain.tables.len);
	pad(&out->loader, plain.loader.len);
	acpi_free(&plain);
}

void acpi_free(struct acpi_blobs *b)
{
	str_free(&b->tables);
	str_free(&b->rsdp);
	str_free(&b->loader);
}
