/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/kernel.c: what a kernel's file says about itself: ELF program headers and notes, Multiboot
 * header. See fw/kernel.h. System V ABI, chapters 4 and 5; Multiboot Specification 0.6.96, 3.1.
 */
#include "fw/kernel.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"

LOG_MODULE("kernel");

enum { ELF_HEADER_32 = 52, ELF_HEADER_64 = 64 };
enum { ELF_CLASS = 4, ELF_DATA = 5, ELF_TYPE = 16, ELF_MACHINE = 18 };
enum { CLASS_32 = 1, CLASS_64 = 2, LITTLE_ENDIAN_DATA = 1, TYPE_EXEC = 2, TYPE_DYN = 3 };
enum { MACHINE_386 = 3, MACHINE_X86_64 = 62 };
enum { PT_LOAD = 1, PT_NOTE = 4, PHDRS_MAX = 256 };
enum { NOTE_PHYS32_ENTRY = 18 }; /* Xen's */

#define MB_MAGIC 0x1badb002u
enum { MB_FLAGS = 4, MB_CHECKSUM = 8, MB_HEADER_ADDR = 12, MB_LOAD_ADDR = 16 };
enum { MB_LOAD_END = 20, MB_BSS_END = 24, MB_ENTRY = 28, MB_LEN = 12, MB_LEN_ADDRESSES = 32 };
enum { MB_VIDEO = BIT(2), MB_UNKNOWN_NEEDS = 0xfff8, MB_ADDRESSES = BIT(16) };

struct file_bytes {
	const u8 *at;
	size_t len;
};

static bool holds(const struct file_bytes *f, u64 from, u64 len)
{
	return from <= f->len && len <= f->len - from;
}

static bool is_elf(const u8 *bytes, size_t len)
{
	return len >= 4 && !memcmp(bytes, "\177ELF", 4);
}

/* Where the Multiboot header is, or -1. */
static s64 find_multiboot(const u8 *bytes, size_t len)
{
	size_t end = MIN(len, (size_t)KERNEL_HEAD);

	for (size_t at = 0; at + MB_LEN <= end; at += 4)
		if (le32_at(bytes + at) == MB_MAGIC &&
		    le32_at(bytes + at + MB_FLAGS) + le32_at(bytes + at + MB_CHECKSUM) + MB_MAGIC ==
			    0)
			return (s64)at;
	return -1;
}

bool kernel_likely(const u8 *bytes, size_t len)
{
	return is_elf(bytes, len) || find_multiboot(bytes, len) >= 0;
}

static int bad_part(u64 at, struct error *err)
{
	return error_set(err, -EINVAL, "the kernel's part for address %llx is damaged or too large",
			 (unsigned long long)at);
}

static int add_part(struct kernel_image *k, const struct file_bytes *f, u64 from, u64 len, u64 at,
		    u64 size, struct error *err)
{
	u64 end;

	if (!size)
		return 0;
	if (!holds(f, from, len) || len > size || !at || add_overflow(at, size, &end) ||
	    end > BIT64(32))
		return bad_part(at, err);
	for (unsigned i = 0; i < k->parts; i++)
		if (at < (u64)k->part[i].at + k->part[i].size && k->part[i].at < end)
			return error_set(err, -EINVAL, "two parts of the kernel meet at %llx",
					 (unsigned long long)MAX(at, (u64)k->part[i].at));
	if (k->parts == KERNEL_PARTS)
		return error_set(err, -ENOTSUP, "the kernel has more than %d parts", KERNEL_PARTS);
	k->part[k->parts++] = (struct kernel_part){ (u32)at, (u32)size, (u32)len, (size_t)from };
	return 0;
}

static int check_entry(struct kernel_image *k, u64 entry, struct error *err)
{
	for (unsigned i = 0; i < k->parts; i++)
		if (entry >= k->part[i].at && entry - k->part[i].at < k->part[i].size) {
			k->entry = (u32)entry;
			return 0;
		}
	return error_set(err, -EINVAL, "the kernel begins at %llx, where none of its parts is",
			 (unsigned long long)entry);
}

/* An ELF file, both classes in one form. */
struct elf {
	struct file_bytes file;
	bool wide;
	u16 machine;
	u64 entry, phoff;
	unsigned phdrs, phsize;
};
struct phdr {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static int elf_open(struct elf *e, const u8 *bytes, size_t len, struct error *err)
{
	u16 type;

	if (len < ELF_HEADER_32 || (bytes[ELF_CLASS] == CLASS_64 && len < ELF_HEADER_64))
		return error_set(err, -EINVAL, "this ELF file ends within its header");
	type = le16_at(bytes + ELF_TYPE);
	e->file = (struct file_bytes){ bytes, len };
	e->wide = bytes[ELF_CLASS] == CLASS_64;
	e->machine = le16_at(bytes + ELF_MACHINE);
	if ((!e->wide && bytes[ELF_CLASS] != CLASS_32) || bytes[ELF_DATA] != LITTLE_ENDIAN_DATA ||
	    (type != TYPE_EXEC && type != TYPE_DYN) ||
	    (e->machine != MACHINE_386 && e->machine != MACHINE_X86_64))
		return error_set(err, -EINVAL, "this ELF file is no program for a PC");
	e->entry = le_at(bytes + 24, e->wide ? 8 : 4);
	e->phoff = e->wide ? le64_at(bytes + 32) : le32_at(bytes + 28);
	e->phsize = le16_at(bytes + (e->wide ? 54 : 42));
	e->phdrs = le16_at(bytes + (e->wide ? 56 : 44));
	if (e->phsize != (e->wide ? 56 : 32) || e->phdrs > PHDRS_MAX ||
	    !holds(&e->file, e->phoff, (u64)e->phsize * e->phdrs))
		return error_set(err, -EINVAL, "this ELF file's program headers are damaged");
	return 0;
}

static struct phdr elf_phdr(const struct elf *e, unsigned n)
{
	const u8 *p = e->file.at + e->phoff + (size_t)n * e->phsize;

	if (e->wide)
		return (struct phdr){ le32_at(p),      le64_at(p + 8),  le64_at(p + 16),
				      le64_at(p + 24), le64_at(p + 32), le64_at(p + 40),
				      le64_at(p + 48) };
	return (struct phdr){ le32_at(p),      le32_at(p + 4),  le32_at(p + 8), le32_at(p + 12),
			      le32_at(p + 16), le32_at(p + 20), le32_at(p + 28) };
}

static int elf_parts(struct kernel_image *k, const struct elf *e, struct error *err)
{
	int rc = 0;

	for (unsigned i = 0; i < e->phdrs && rc == 0; i++) {
		struct phdr p = elf_phdr(e, i);

		if (p.type == PT_LOAD)
			rc = add_part(k, &e->file, p.offset, p.filesz, p.paddr, p.memsz, err);
	}
	return rc;
}

/* The entry is a virtual address, which counts where it is loaded. */
static u64 elf_entry(const struct elf *e)
{
	for (unsigned i = 0; i < e->phdrs; i++) {
		struct phdr p = elf_phdr(e, i);

		if (p.type == PT_LOAD && e->entry >= p.vaddr && e->entry - p.vaddr < p.filesz)
			return e->entry - p.vaddr + p.paddr;
	}
	return e->entry;
}

/* In one PT_NOTE segment: Xen's note of where a PVH start begins. */
static bool note_entry(u64 *out, const u8 *at, u64 len, u64 align)
{
	align = align == 8 ? 8 : 4;
	while (len >= 12) {
		u64 name = le32_at(at), desc = le32_at(at + 4);
		u64 desc_at = ALIGN_UP(12 + name, align);
		u64 next = ALIGN_UP(desc_at + desc, align);

		if (desc_at + desc > len)
			return false;
		if (le32_at(at + 8) == NOTE_PHYS32_ENTRY && name == 4 &&
		    !memcmp(at + 12, "Xen", 4) && (desc == 4 || desc == 8)) {
			*out = le_at(at + desc_at, (unsigned)desc);
			return true;
		}
		if (next > len)
			return false;
		at += next;
		len -= next;
	}
	return false;
}

static bool pvh_entry(u64 *out, const struct elf *e)
{
	for (unsigned i = 0; i < e->phdrs; i++) {
		struct phdr p = elf_phdr(e, i);

		if (p.type == PT_NOTE && holds(&e->file, p.offset, p.filesz) &&
		    note_entry(out, e->file.at + p.offset, p.filesz, p.align))
			return true;
	}
	return false;
}

/* Address fields of the header, "a.out kludge": any file format. 3.1.3 */
static int kludge_parts(struct kernel_image *k, const struct file_bytes *f, u64 header,
			struct error *err)
{
	const u8 *h = f->at + header;
	u64 load, back, from, end, bss, len;
	int rc;

	if (!holds(f, header, MB_LEN_ADDRESSES))
		return error_set(err, -EINVAL, "the kernel ends within its Multiboot header");
	load = le32_at(h + MB_LOAD_ADDR);
	end = le32_at(h + MB_LOAD_END);
	bss = le32_at(h + MB_BSS_END);
	back = le32_at(h + MB_HEADER_ADDR) - load;
	if (le32_at(h + MB_HEADER_ADDR) < load || back > header || (end && end < load))
		return error_set(err, -EINVAL, "the Multiboot header has wrong addresses");
	from = header - back;
	len = end ? end - load : f->len - from;
	rc = add_part(k, f, from, len, load, MAX(len, bss > load ? bss - load : 0), err);
	return rc < 0 ? rc : check_entry(k, le32_at(h + MB_ENTRY), err);
}

static int parse_multiboot(struct kernel_image *k, const struct file_bytes *f, u64 header,
			   const struct elf *e, struct error *err)
{
	u32 flags = le32_at(f->at + header + MB_FLAGS);
	int rc;

	k->protocol = KERNEL_MULTIBOOT;
	if (flags & MB_UNKNOWN_NEEDS)
		return error_set(err, -ENOTSUP,
				 "the Multiboot kernel needs what is not known here (flags %x)",
				 flags & MB_UNKNOWN_NEEDS);
	if (flags & MB_VIDEO)
		log_warn("the Multiboot kernel asks for a video mode and gets none");
	if (flags & MB_ADDRESSES)
		return kludge_parts(k, f, header, err);
	if (!e)
		return error_set(err, -ENOTSUP,
				 "the Multiboot kernel is no ELF file and has no address fields");
	rc = elf_parts(k, e, err);
	return rc < 0 ? rc : check_entry(k, elf_entry(e), err);
}

/* Multiboot's ELF has 32 bits; of a 64-bit file with both, PVH is what is meant for this. */
int kernel_parse(struct kernel_image *out, const u8 *bytes, size_t len, struct error *err)
{
	struct kernel_image k = { .parts = 0 };
	struct file_bytes f = { bytes, len };
	s64 header = find_multiboot(bytes, len);
	struct elf e = { .phdrs = 0 };
	bool elf = is_elf(bytes, len);
	u64 entry = 0;
	int rc = elf ? elf_open(&e, bytes, len, err) : 0;
	bool pvh = elf && rc == 0 && pvh_entry(&entry, &e);

	if (rc == 0 && header >= 0 && !(pvh && e.wide)) {
		rc = parse_multiboot(&k, &f, (u64)header, elf ? &e : NULL, err);
	} else if (pvh) {
		k.protocol = KERNEL_PVH;
		rc = elf_parts(&k, &e, err);
		if (rc == 0)
			rc = check_entry(&k, entry, err);
	} else if (rc == 0) {
		rc = error_set(err, -EINVAL,
			       "this is an ELF file without a Multiboot header or a PVH entry; of "
			       "Linux give the bzImage (vmlinuz)");
	}
	if (rc == 0)
		*out = k;
	return rc;
}
