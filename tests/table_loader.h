/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/table_loader.h: carries out etc/table-loader as firmware does, strictly: every name, range
 * and number must be right.
 */
#pragma once

#include "base/bytes.h"
#include "fw/acpi.h"
#include "test.h"

struct blob {
	const char *name;
	u8 *at;
	size_t len;
	gpa_t addr; /* 0: not allocated */
};

struct loaded {
	struct blob blob[2];
	unsigned pointers, checksums;
};

static inline struct blob *blob_named(struct loaded *l, const u8 *name)
{
	CHECK(memchr(name, 0, 56));
	for (unsigned i = 0; i < 2; i++)
		if (!strcmp((const char *)name, l->blob[i].name))
			return &l->blob[i];
	fprintf(stderr, "no blob %s\n", (const char *)name);
	exit(1);
}

static inline void load_allocate(struct loaded *l, const u8 *e)
{
	struct blob *b = blob_named(l, e);
	u32 align = le32_at(e + 56);

	CHECK(!b->addr && align && align <= 4096 && (align & (align - 1)) == 0);
	CHECK(e[60] == 1 || e[60] == 2);
	b->addr = e[60] == 2 ? 0xf1230 : 0x7e000000; /* no more aligned than was asked for */
	while (b->addr % align)
		b->addr++;
}

static inline void load_pointer(struct loaded *l, const u8 *e)
{
	struct blob *dest = blob_named(l, e), *src = blob_named(l, e + 56);
	u32 off = le32_at(e + 112);
	u8 size = e[116];
	u64 v;

	CHECK(dest->addr && src->addr && (size == 1 || size == 2 || size == 4 || size == 8));
	CHECK(off <= dest->len && size <= dest->len - off);
	v = le_at(dest->at + off, size);
	CHECK(v < src->len);
	put_le(dest->at + off, size, v + src->addr);
	l->pointers++;
}

static inline void load_checksum(struct loaded *l, const u8 *e)
{
	struct blob *b = blob_named(l, e);
	u32 off = le32_at(e + 56), start = le32_at(e + 60), len = le32_at(e + 64);
	u8 sum = 0;

	CHECK(b->addr && start <= b->len && len <= b->len - start);
	CHECK(off >= start && off < start + len && b->at[off] == 0);
	for (u32 i = start; i < start + len; i++)
		sum = (u8)(sum + b->at[i]);
	b->at[off] = (u8)-sum;
	l->checksums++;
}

/* Writes to @b's blobs. */
static inline struct loaded load_tables(struct acpi_blobs *b)
{
	struct loaded l = { .blob = {
				    { "etc/acpi/rsdp", (u8 *)b->rsdp.at, b->rsdp.len, 0 },
				    { "etc/acpi/tables", (u8 *)b->tables.at, b->tables.len, 0 },
			    } };

	CHECK(b->loader.len % 128 == 0);
	for (size_t i = 0; i < b->loader.len; i += 128) {
		const u8 *e = (const u8 *)b->loader.at + i;

		switch (le32_at(e)) {
		case 0: break; /* padding */
		case 1: load_allocate(&l, e + 4); break;
		case 2: load_pointer(&l, e + 4); break;
		case 3: load_checksum(&l, e + 4); break;
		default: CHECK(!"a command of the loader");
		}
	}
	return l;
}

static inline u8 *at_address(const struct loaded *l, u64 addr, size_t len)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct blob *b = &l->blob[i];

		if (addr >= b->addr && addr - b->addr < b->len && len <= b->len - (addr - b->addr))
			return b->at + (addr - b->addr);
	}
	fprintf(stderr, "nothing at %llx\n", (unsigned long long)addr);
	exit(1);
}

/* A whole table at @addr whose bytes add up to zero. */
static inline u8 *table_at(const struct loaded *l, u64 addr)
{
	u8 *t = at_address(l, addr, 36), sum = 0;
	u32 len = le32_at(t + 4);

	CHECK(len >= 36);
	at_address(l, addr, len);
	for (u32 i = 0; i < len; i++)
		sum = (u8)(sum + t[i]);
	CHECK(sum == 0);
	return t;
}

/* The table with @signature in the XSDT, or NULL. */
static inline u8 *find_table(const struct loaded *l, const char *signature)
{
	u8 *xsdt = table_at(l, le64_at(l->blob[0].at + 24));

	for (u32 i = 36; i < le32_at(xsdt + 4); i += 8) {
		u8 *t = table_at(l, le64_at(xsdt + i));

		if (!memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}
