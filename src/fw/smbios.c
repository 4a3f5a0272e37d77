/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/smbios.c: the machine's description of itself. DMTF DSP0134, SMBIOS 3.4, clause 5.2.2 (entry
 * point) and 7 (structures).
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fw/acpi.h"
#include "fw/fw_priv.h"

enum smbios_type {
	TYPE_BIOS = 0,
	TYPE_SYSTEM = 1,
	TYPE_CHASSIS = 3,
	TYPE_PROCESSOR = 4,
	TYPE_OEM_STRINGS = 11,
	TYPE_MEMORY_ARRAY = 16,
	TYPE_MEMORY_DEVICE = 17,
	TYPE_MEMORY_ADDRESS = 19,
	TYPE_BOOT = 32,
	TYPE_END = 127,
};
enum { OTHER = 1, UNKNOWN = 2, SAFE = 3 }; /* of most enumerations */
enum { HANDLE_NONE = 0xffff, HANDLE_NOT_GIVEN = 0xfffe };
enum { OEM_STRINGS_MAX = 255 };

/* A structure being written: its formatted part has a fixed size, its strings follow it. */
struct entry {
	struct str *out;
	struct str strings;
	u8 bytes[96];
	u8 len, n_strings;
};

/* Handles tell the type, and count within it. */
static u16 handle(enum smbios_type type, unsigned n)
{
	return (u16)(type << 8 | n);
}

static struct entry begin(struct str *out, enum smbios_type type, u8 len, unsigned n)
{
	struct entry e = { .out = out, .len = len };

	e.bytes[0] = (u8)type;
	e.bytes[1] = len;
	put_le16(e.bytes + 2, handle(type, n));
	return e;
}

/* The number by which the structure names @text; nothing for an absent or empty one. */
static u8 string(struct entry *e, const char *text)
{
	if (!text || !text[0])
		return 0;
	str_add_bytes(&e->strings, text, strlen(text) + 1);
	return ++e->n_strings;
}

static void end(struct entry *e)
{
	str_add_bytes(e->out, e->bytes, e->len);
	str_add_bytes(e->out, e->strings.at, e->strings.len);
	str_add_bytes(e->out, "\0", e->n_strings ? 1 : 2);
	str_free(&e->strings);
}

static const char *given(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static void add_bios(struct str *out, const struct smbios_info *s)
{
	enum { NOT_SUPPORTED = 1 << 3, IS_UEFI = 1 << 3, IS_VIRTUAL = 1 << 4 };
	struct entry e = begin(out, TYPE_BIOS, 0x1a, 0);

	e.bytes[0x04] = string(&e, "oriel");
	e.bytes[0x05] = string(&e, ORIEL_VERSION);
	put_le16(e.bytes + 0x06, s->uefi ? 0 : 0xe800);
	e.bytes[0x08] = string(&e, "01/01/2025");
	put_le64(e.bytes + 0x0a, NOT_SUPPORTED);
	e.bytes[0x13] = IS_VIRTUAL | (s->uefi ? IS_UEFI : 0);
	memset(e.bytes + 0x14, 0xff, 4); /* no release numbers */
	end(&e);
}

/* Text order to the wire: the first three fields are little endian. SMBIOS 3.4, 7.2.1. */
static void put_uuid(u8 *at, const u8 *uuid)
{
	static const u8 from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	for (unsigned i = 0; i < 16; i++)
		at[i] = uuid[from[i]];
}

static void add_system(struct str *out, const struct smbios_info *s)
{
	enum { POWER_SWITCH = 6 };
	struct entry e = begin(out, TYPE_SYSTEM, 0x1b, 0);

	e.bytes[0x04] = string(&e, given(s->manufacturer, "oriel"));
	e.bytes[0x05] = string(&e, given(s->product, "oriel q35"));
	e.bytes[0x06] = string(&e, given(s->version, ORIEL_VERSION));
	e.bytes[0x07] = string(&e, s->serial);
	if (s->have_uuid)
		put_uuid(e.bytes + 0x08, s->uuid);
	e.bytes[0x18] = POWER_SWITCH;
	e.bytes[0x19] = string(&e, s->sku);
	e.bytes[0x1a] = string(&e, s->family);
	end(&e);
}

static void add_chassis(struct str *out, const struct smbios_info *s)
{
	struct entry e = begin(out, TYPE_CHASSIS, 0x16, 0);

	e.bytes[0x04] = string(&e, given(s->manufacturer, "oriel"));
	e.bytes[0x05] = OTHER;
	e.bytes[0x06] = string(&e, given(s->version, ORIEL_VERSION));
	e.bytes[0x07] = string(&e, s->serial);
	e.bytes[0x08] = string(&e, s->asset_tag);
	e.bytes[0x09] = SAFE; /* boot-up, power supply, thermal */
	e.bytes[0x0a] = SAFE;
	e.bytes[0x0b] = SAFE;
	e.bytes[0x0c] = UNKNOWN;
	end(&e);
}

/* A count in a byte, where FF says that the word elsewhere holds it. */
static u8 short_count(unsigned n)
{
	return (u8)MIN(n, 0xff);
}

static void add_processor(struct str *out, const struct smbios_info *s, unsigned n)
{
	enum { CENTRAL = 3, POPULATED_ENABLED = 0x41, FAMILY_OTHER = 1 };
	enum { IS_64_BIT = 4, MULTI_CORE = 8, MULTI_THREAD = 16, EXECUTE_PROTECTION = 32 };
	struct entry e = begin(out, TYPE_PROCESSOR, 0x30, n);
	unsigned cores = MAX(s->cores, 1), threads = cores * MAX(s->threads, 1);
	char socket[16];

	snprintf(socket, sizeof(socket), "CPU %u", n);
	e.bytes[0x04] = string(&e, socket);
	e.bytes[0x05] = CENTRAL;
	e.bytes[0x06] = FAMILY_OTHER;
	e.bytes[0x07] = string(&e, given(s->manufacturer, "oriel"));
	e.bytes[0x10] = string(&e, given(s->version, ORIEL_VERSION));
	put_le16(e.bytes + 0x14, 2000); /* MHz; CPUID knows better */
	put_le16(e.bytes + 0x16, 2000);
	e.bytes[0x18] = POPULATED_ENABLED;
	e.bytes[0x19] = OTHER; /* socket kind */
	put_le16(e.bytes + 0x1a, HANDLE_NONE);
	put_le16(e.bytes + 0x1c, HANDLE_NONE);
	put_le16(e.bytes + 0x1e, HANDLE_NONE);
	e.bytes[0x23] = short_count(cores);
	e.bytes[0x24] = short_count(cores);
	e.bytes[0x25] = short_count(threads);
	put_le16(e.bytes + 0x26, IS_64_BIT | EXECUTE_PROTECTION | (cores > 1 ? MULTI_CORE : 0) |
					 (threads > cores ? MULTI_THREAD : 0));
	put_le16(e.bytes + 0x28, FAMILY_OTHER);
	put_le16(e.bytes + 0x2a, (u16)cores);
	put_le16(e.bytes + 0x2c, (u16)cores);
	put_le16(e.bytes + 0x2e, (u16)threads);
	end(&e);
}

static void add_oem_strings(struct str *out, const struct smbios_info *s)
{
	struct entry e = begin(out, TYPE_OEM_STRINGS, 0x05, 0);

	if (!s->oem_strings || !s->oem_strings[0])
		return;
	for (unsigned i = 0; s->oem_strings[i] && i < OEM_STRINGS_MAX; i++)
		string(&e, s->oem_strings[i][0] ? s->oem_strings[i] : " ");
	e.bytes[0x04] = e.n_strings;
	end(&e);
}

static void add_memory_array(struct str *out, const struct smbios_info *s)
{
	enum { ON_BOARD = 3, SYSTEM_MEMORY = 3, NO_ECC = 3 };
	struct entry e = begin(out, TYPE_MEMORY_ARRAY, 0x17, 0);
	u64 bytes = s->ram_low + s->ram_high;

	e.bytes[0x04] = ON_BOARD;
	e.bytes[0x05] = SYSTEM_MEMORY;
	e.bytes[0x06] = NO_ECC;
	if (bytes >> 10 < 0x80000000) {
		put_le32(e.bytes + 0x07, (u32)(bytes >> 10));
	} else {
		put_le32(e.bytes + 0x07, 0x80000000); /* see the extended field */
		put_le64(e.bytes + 0x0f, bytes);
	}
	put_le16(e.bytes + 0x0b, HANDLE_NOT_GIVEN);
	put_le16(e.bytes + 0x0d, 1);
	end(&e);
}

static void add_memory_device(struct str *out, const struct smbios_info *s)
{
	enum { DIMM = 9, KIND_RAM = 7, DETAIL_OTHER = 2, VOLATILE = 8, DRAM = 3 };
	enum { SIZE_EXTENDED = 0x7fff, WIDTH_UNKNOWN = 0xffff };
	struct entry e = begin(out, TYPE_MEMORY_DEVICE, 0x5c, 0);
	u64 mib = (s->ram_low + s->ram_high) >> 20;

	put_le16(e.bytes + 0x04, handle(TYPE_MEMORY_ARRAY, 0));
	put_le16(e.bytes + 0x06, HANDLE_NOT_GIVEN);
	put_le16(e.bytes + 0x08, WIDTH_UNKNOWN);
	put_le16(e.bytes + 0x0a, WIDTH_UNKNOWN);
	put_le16(e.bytes + 0x0c, (u16)MIN(mib, SIZE_EXTENDED));
	e.bytes[0x0e] = DIMM;
	e.bytes[0x10] = string(&e, "DIMM 0");
	e.bytes[0x12] = KIND_RAM;
	put_le16(e.bytes + 0x13, DETAIL_OTHER);
	e.bytes[0x17] = string(&e, given(s->manufacturer, "oriel"));
	if (mib >= SIZE_EXTENDED)
		put_le32(e.bytes + 0x1c, (u32)mib);
	e.bytes[0x28] = DRAM;
	put_le16(e.bytes + 0x29, VOLATILE);
	put_le64(e.bytes + 0x3c, mib << 20); /* of it volatile */
	end(&e);
}

static void add_memory_range(struct str *out, unsigned n, u64 first, u64 bytes)
{
	struct entry e = begin(out, TYPE_MEMORY_ADDRESS, 0x1f, n);
	u64 last = first + bytes - 1;

	if (!bytes)
		return;
	if (last >> 10 < 0xffffffff) {
		put_le32(e.bytes + 0x04, (u32)(first >> 10));
		put_le32(e.bytes + 0x08, (u32)(last >> 10));
	} else {
		memset(e.bytes + 0x04, 0xff, 8); /* see the extended fields */
		put_le64(e.bytes + 0x0f, first);
		put_le64(e.bytes + 0x17, last);
	}
	put_le16(e.bytes + 0x0c, handle(TYPE_MEMORY_ARRAY, 0));
	e.bytes[0x0e] = 1; /* devices in a row of it */
	end(&e);
}

static void add_plain(struct str *out, enum smbios_type type, u8 len)
{
	struct entry e = begin(out, type, len, 0);

	end(&e);
}

/* 5.2.2: the 64-bit entry point; firmware puts in the address and sums it up anew. */
static void build_anchor(struct str *out, size_t tables)
{
	u8 a[24] = "_SM3_", sum = 0;

	a[6] = sizeof(a);
	a[7] = 3;
	a[8] = 4;
	a[10] = 1; /* entry point revision */
	put_le32(a + 12, (u32)tables);
	for (unsigned i = 0; i < sizeof(a); i++)
		sum = (u8)(sum + a[i]);
	a[5] = (u8)-sum;
	str_add_bytes(out, a, sizeof(a));
}

void smbios_build(struct str *tables, struct str *anchor, const struct smbios_info *s)
{
	add_bios(tables, s);
	add_system(tables, s);
	add_chassis(tables, s);
	for (unsigned i = 0; i < MAX(s->packages, 1); i++)
		add_processor(tables, s, i);
	add_oem_strings(tables, s);
	add_memory_array(tables, s);
	add_memory_device(tables, s);
	add_memory_range(tables, 0, 0, s->ram_low);
	add_memory_range(tables, 1, GIB(4), s->ram_high);
	add_plain(tables, TYPE_BOOT, 0x0b); /* status 0: no errors */
	add_plain(tables, TYPE_END, 0x04);
	build_anchor(anchor, tables->len);
}
