/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/acpi.h: ACPI and SMBIOS tables, built when firmware asks for them (it places ECAM and BARs
 * first), handed over through fw_cfg's table loader. ACPI 6.4; SMBIOS 3.4; platform.md 6.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/types.h"

struct device;

/* What the tables describe. */
struct acpi_board {
	unsigned vcpus;
	u32 apic_id[256];
	gpa_t ram_low_end, ram_high_end; /* end of RAM below 4 GiB; above it (4 GiB: none) */
	u8 phys_bits;
	gpa_t ecam_base; /* 0: no MCFG */
	u64 ecam_size;
	u16 pm_base;
	bool has_pic_pit, has_i8042, has_vga, has_com1, has_com2;
	bool rtc_needs_regc; /* the RTC wants register C read: WAET bit 0 stays clear */
	gpa_t flash_base;    /* start of the flash below 4 GiB */
	u64 flash_size;
};

/*
 * The blobs of fw_cfg: etc/acpi/tables, etc/acpi/rsdp, etc/table-loader. Padded so that their sizes
 * do not depend on where firmware places ECAM, nor on whether it does.
 */
struct acpi_blobs {
	struct str tables, rsdp, loader;
};
void acpi_build(struct acpi_blobs *out, const struct acpi_board *b);
void acpi_free(struct acpi_blobs *b);

struct smbios_info {
	u8 uuid[16];
	bool have_uuid, uefi; /* @uuid in the order of its text; the firmware is UEFI */
	const char *manufacturer, *product, *version, *serial, *sku, *family; /* NULL: defaults */
	const char *asset_tag;
	const char *const *oem_strings; /* NULL, or ends with NULL */
	unsigned vcpus, threads, cores, packages;
	u64 ram_low, ram_high; /* bytes below and above 4 GiB */
};
/* etc/smbios/smbios-tables and etc/smbios/smbios-anchor, the 24-byte v3 one; both empty before. */
void smbios_build(struct str *tables, struct str *anchor, const struct smbios_info *s);
