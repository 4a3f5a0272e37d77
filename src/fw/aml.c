/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/aml.c: a small writer of ACPI machine language, as much as the SSDT needs. ACPI 6.4 chapter 20
 * (byte codes) and 6.4 (resource descriptors).
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "fw/fw_priv.h"

enum aml_op {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_DUAL_NAME = 0x2e,
	OP_MULTI_NAME = 0x2f,
	OP_EXT = 0x5b,
	OP_EXT_DEVICE = 0x82,
};

enum { RES_IRQ = 0x22, RES_IO = 0x47, RES_END = 0x79 };
enum { RES_MEMORY32 = 0x86, RES_DWORD = 0x87, RES_WORD = 0x88, RES_QWORD = 0x8a };
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2 };
enum { RANGE_FIXED = 0x0c }; /* both ends; produced, positive decode */
enum { IO_DECODE_16 = 1, IO_ENTIRE = 3, MEMORY_WRITABLE = 1, MEMORY_CACHEABLE = 2 };

void add_u8(struct str *s, u64 v)
{
	u8 b = (u8)v;

	str_add_bytes(s, &b, 1);
}

void add_le16(struct str *s, u64 v)
{
	add_u8(s, v);
	add_u8(s, v >> 8);
}

void add_le32(struct str *s, u64 v)
{
	add_le16(s, v);
	add_le16(s, v >> 16);
}

void add_le64(struct str *s, u64 v)
{
	add_le32(s, v);
	add_le32(s, v >> 32);
}

/* NameSeg: four characters, filled up with underscores. Returns what follows @name. */
static const char *add_segment(struct str *s, const char *name)
{
	size_t len = strcspn(name, ".");

	assert(len >= 1 && len <= 4);
	str_add_bytes(s, name, len);
	str_add_bytes(s, "____", 4 - len);
	return name[len] ? name + len + 1 : name + len;
}

static void add_path(struct str *s, const char *path)
{
	unsigned segments = 1;

	if (*path == '\\') {
		add_u8(s, '\\');
		path++;
	}
	for (const char *p = path; *p; p++)
		segments += *p == '.';
	if (segments == 2) {
		add_u8(s, OP_DUAL_NAME);
	} else if (segments > 2) {
		add_u8(s, OP_MULTI_NAME);
		add_u8(s, segments);
	}
	while (*path)
		path = add_segment(s, path);
}

/* PkgLength counts itself; the fewest bytes that hold it. ACPI 6.4, 20.2.4. */
static unsigned package_length(u8 out[4], size_t body)
{
	size_t len = body + 1;

	if (len < 0x40) {
		out[0] = (u8)len;
		return 1;
	}
	for (unsigned more = 1; more <= 3; more++) {
		len = body + 1 + more;
		if (len >> (4 + 8 * more))
			continue;
		out[0] = (u8)(more << 6 | (len & 0x0f));
		for (unsigned i = 1; i <= more; i++)
			out[i] = (u8)(len >> (8 * i - 4));
		return 1 + more;
	}
	assert(!"an AML package of 256 MiB");
	return 0;
}

static void open_package(struct aml *a)
{
	assert(a->depth < AML_DEPTH);
	a->open[a->depth++] = a->out.len;
}

void aml_end(struct aml *a)
{
	size_t at, body;
	unsigned n;
	u8 len[4];

	assert(a->depth > 0);
	at = a->open[--a->depth];
	body = a->out.len - at;
	n = package_length(len, body);
	str_add_bytes(&a->out, len, n); /* room for it */
	memmove(a->out.at + at + n, a->out.at + at, body);
	memcpy(a->out.at + at, len, n);
}

void aml_scope(struct aml *a, const char *path)
{
	add_u8(&a->out, OP_SCOPE);
	open_package(a);
	add_path(&a->out, path);
}

void aml_device(struct aml *a, const char *name)
{
	add_u8(&a->out, OP_EXT);
	add_u8(&a->out, OP_EXT_DEVICE);
	open_package(a);
	add_path(&a->out, name);
}

static void add_integer(struct str *s, u64 v)
{
	if (v <= 1) {
		add_u8(s, v ? OP_ONE : OP_ZERO);
	} else if (v <= 0xff) {
		add_u8(s, OP_BYTE);
		add_u8(s, v);
	} else if (v <= 0xffff) {
		add_u8(s, OP_WORD);
		add_le16(s, v);
	} else if (v <= 0xffffffff) {
		add_u8(s, OP_DWORD);
		add_le32(s, v);
	} else {
		add_u8(s, OP_QWORD);
		add_le64(s, v);
	}
}

static void add_name(struct aml *a, const char *name)
{
	add_u8(&a->out, OP_NAME);
	add_path(&a->out, name);
}

void aml_name_int(struct aml *a, const char *name, u64 v)
{
	add_name(a, name);
	add_integer(&a->out, v);
}

void aml_name_string(struct aml *a, const char *name, const char *text)
{
	add_name(a, name);
	add_u8(&a->out, OP_STRING);
	str_add_bytes(&a->out, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
}

/* Three letters in five bits each, four digits; stored highest byte first. ACPI 6.4, 19.3.4. */
void aml_name_eisa(struct aml *a, const char *name, const char *id)
{
	u32 v = 0;

	assert(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | (u32)(id[i] - '@');
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	add_name(a, name);
	add_integer(&a->out, __builtin_bswap32(v));
}

void aml_name_resources(struct aml *a, const char *name, struct str *resources)
{
	add_u8(resources, RES_END);
	add_u8(resources, 0); /* the checksum byte: zero stands for a right one */
	add_name(a, name);
	add_u8(&a->out, OP_BUFFER);
	open_package(a);
	add_integer(&a->out, resources->len);
	str_add_bytes(&a->out, resources->at, resources->len);
	aml_end(a);
	str_free(resources);
}

void res_io(struct str *s, u16 base, u8 len)
{
	add_u8(s, RES_IO);
	add_u8(s, IO_DECODE_16);
	add_le16(s, base);
	add_le16(s, base);
	add_u8(s, 1); /* alignment */
	add_u8(s, len);
}

void res_irq(struct str *s, unsigned line)
{
	add_u8(s, RES_IRQ);
	add_le16(s, 1u << line);
}

void res_memory(struct str *s, u32 base, u32 len)
{
	add_u8(s, RES_MEMORY32);
	add_le16(s, 9);
	add_u8(s, MEMORY_WRITABLE);
	add_le32(s, base);
	add_le32(s, len);
}

/* Descriptor @tag with five numbers of @size bytes: granularity, ends, translation, length. */
static void add_range(struct str *s, u8 tag, unsigned size, u8 space, u8 flags, u64 first, u64 last)
{
	u64 number[5] = { 0, first, last, 0, last - first + 1 };

	add_u8(s, tag);
	add_le16(s, 3 + 5 * size);
	add_u8(s, space);
	add_u8(s, RANGE_FIXED);
	add_u8(s, flags);
	for (unsigned i = 0; i < 5; i++) {
		u8 bytes[8];

		put_le(bytes, size, number[i]);
		str_add_bytes(s, bytes, size);
	}
}

void res_bus_range(struct str *s, u16 first, u16 last)
{
	add_range(s, RES_WORD, 2, SPACE_BUS, 0, first, last);
}

void res_port_range(struct str *s, u16 first, u16 last)
{
	add_range(s, RES_WORD, 2, SPACE_IO, IO_ENTIRE, first, last);
}

void res_memory_range(struct str *s, u64 first, u64 last)
{
	if (last <= 0xffffffff)
		add_range(s, RES_DWORD, 4, SPACE_MEMORY, MEMORY_WRITABLE, first, last);
	else
		add_range(s, RES_QWORD, 8, SPACE_MEMORY, MEMORY_WRITABLE | MEMORY_CACHEABLE, first,
			  last);
}
