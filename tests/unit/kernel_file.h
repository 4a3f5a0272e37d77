/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/kernel_file.h: small kernels for tests: ELF of both classes, Multiboot headers. */
#pragma once

#include "base/bytes.h"
#include "test.h"

enum { KFILE_MAX = 16384, KFILE_TEXT = 4096 };
struct kernel_file {
	u8 at[KFILE_MAX];
	size_t len;
	bool wide;
	unsigned phdrs;
};

static inline void kfile_begin(struct kernel_file *f, bool wide, u64 entry)
{
	memset(f, 0, sizeof(*f));
	f->wide = wide;
	f->len = KFILE_MAX;
	memcpy(f->at, "\177ELF", 4);
	f->at[4] = wide ? 2 : 1;
	f->at[5] = f->at[6] = 1;
	put_le16(f->at + 16, 2);
	put_le16(f->at + 18, wide ? 62 : 3);
	put_le(f->at + 24, wide ? 8 : 4, entry);
	put_le(f->at + (wide ? 32 : 28), wide ? 8 : 4, 64);
	put_le16(f->at + (wide ? 54 : 42), wide ? 56 : 32);
	for (unsigned i = KFILE_TEXT; i < KFILE_MAX; i++)
		f->at[i] = (u8)(i * 7 + i / 256);
}

static inline void kfile_phdr(struct kernel_file *f, u32 type, u64 from, u64 len, u64 vaddr,
			      u64 paddr, u64 size)
{
	unsigned w = f->wide ? 8 : 4;
	u8 *p = f->at + 64 + (size_t)f->phdrs++ * (f->wide ? 56 : 32), *q = p + (f->wide ? 8 : 4);

	put_le32(p, type);
	put_le(q, w, from);
	put_le(q + w, w, vaddr);
	put_le(q + 2 * w, w, paddr);
	put_le(q + 3 * w, w, len);
	put_le(q + 4 * w, w, size);
	put_le16(f->at + (f->wide ? 56 : 44), (u16)f->phdrs);
}

/* At 1024: name, type and number; the note's segment. */
static inline void kfile_note(struct kernel_file *f, const char *name, u32 type, u64 entry,
			      unsigned size)
{
	u8 *n = f->at + 1024;

	put_le32(n, 4); /* another note in front of it */
	put_le32(n + 4, 5);
	memcpy(n + 12, "GNU", 4);
	put_le32(n + 24, 4);
	put_le32(n + 28, size);
	put_le32(n + 32, type);
	memcpy(n + 36, name, 4);
	put_le(n + 40, size, entry);
	kfile_phdr(f, 4, 1024, 40 + size, 0, 0, 0);
}

static inline void kfile_multiboot(struct kernel_file *f, unsigned at, u32 flags)
{
	put_le32(f->at + at, 0x1badb002);
	put_le32(f->at + at + 4, flags);
	put_le32(f->at + at + 8, 0 - 0x1badb002 - flags);
}
