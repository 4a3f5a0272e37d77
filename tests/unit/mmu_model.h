/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/mmu_model.h: paging once more, by the tables of SDM 3A 4 and without a TLB, on a copy
 * of all memory: what an access must give and what it must leave behind.
 */
#pragma once

#include "base/bytes.h"
#include "mmu_access.h"

/* RAM below, ROM and a device window behind it, RAM above 4 GiB; nothing elsewhere. */
enum {
	LOW_SIZE = 0x40000,
	ROM_AT = LOW_SIZE,
	ROM_SIZE = 0x4000,
	DEVICE_AT = 0x50000,
	DEVICE_SIZE = 0x1000,
	HIGH_SIZE = 0x8000
};
#define HIGH_AT 0x100000000ull

struct model {
	u8 low[LOW_SIZE], rom[ROM_SIZE], high[HIGH_SIZE];
	bool giant; /* CPUID has 1 GiB pages */
};

enum model_access { M_READ, M_WRITE, M_FETCH };

struct model_result {
	bool fault;
	u32 error;
	gpa_t phys;
};

/* What the device gives for each byte. */
static inline u8 device_byte(u64 off)
{
	return (u8)(off * 37 + (off >> 3) * 11);
}

static inline u8 *model_byte(struct model *m, gpa_t at, bool write)
{
	if (at < LOW_SIZE)
		return &m->low[at];
	if (at - ROM_AT < ROM_SIZE && !write)
		return &m->rom[at - ROM_AT];
	if (at - HIGH_AT < HIGH_SIZE)
		return &m->high[at - HIGH_AT];
	return NULL;
}

static inline u64 model_load(struct model *m, gpa_t at, unsigned size)
{
	u64 val = 0;

	for (unsigned i = 0; i < size; i++) {
		u8 *p = model_byte(m, at + i, false);
		u8 b = p                              ? *p
		       : at - DEVICE_AT < DEVICE_SIZE ? device_byte(at + i - DEVICE_AT)
						      : 0xff;

		val |= (u64)b << 8 * i;
	}
	return val;
}

static inline void model_store(struct model *m, gpa_t at, unsigned size, u64 val)
{
	for (unsigned i = 0; i < size; i++) {
		u8 *p = model_byte(m, at + i, true);

		if (p)
			*p = (u8)(val >> 8 * i);
	}
}

static inline u64 bits(unsigned high, unsigned low)
{
	u64 upto = high == 63 ? ~0ull : BIT64(high + 1) - 1;

	return upto & ~(BIT64(low) - 1);
}

/* Reserved bits of the entry @e at @level. */
static inline u64 model_reserved(const struct soft_cpu *c, const struct model *m, unsigned level,
				 bool page)
{
	unsigned phys = c->soft->phys_bits;
	u64 r = 0;

	if (!(c->cr4 & CR4_PAE)) {
		if (level == 2 && page && phys < 40)
			r |= bits(21, MAX(phys, 32) - 19);
		else if (level == 2 && page)
			r |= bits(21, 21);
		return r;
	}
	if (phys < 52)
		r |= bits(51, phys);
	if (!(c->efer & EFER_NXE))
		r |= bits(63, 63);
	if (!(c->efer & EFER_LMA))
		r |= bits(62, 52);
	if (level == 4)
		r |= bits(7, 7);
	if (level == 3 && !m->giant)
		r |= bits(7, 7);
	if (level == 3 && page)
		r |= bits(29, 13);
	if (level == 2 && page)
		r |= bits(20, 13);
	return r;
}

/* One page. @user, @smap: how the access counts. */
static inline struct model_result model_walk(const struct soft_cpu *c, struct model *m, gva_t at,
					     enum model_access what, bool user, bool smap)
{
	bool wide = c->cr4 & CR4_PAE, lma = c->efer & EFER_LMA, can_write = true, is_user = true;
	bool nx = false, write = what == M_WRITE;
	unsigned size = wide ? 8 : 4, per = wide ? 9 : 10, level = lma ? 4 : 2, shift;
	struct model_result out = { .fault = true };
	u64 base = c->cr3 & (wide ? bits(51, 12) : bits(31, 12)), e, entry;

	out.error = (write ? 2u : 0) | (user ? 4u : 0);
	if (what == M_FETCH && (c->cr4 & CR4_SMEP || (wide && c->efer & EFER_NXE)))
		out.error |= 16;
	if (!(c->cr0 & CR0_PG))
		return (struct model_result){ .phys = at };
	if (wide && !lma) {
		base = c->pdpte[at >> 30] & bits(51, 12);
		if (!(c->pdpte[at >> 30] & 1))
			return out;
	}
	for (;; level--) {
		bool page;

		shift = 12 + (level - 1) * per;
		entry = base + (at >> shift) % (1u << per) * size;
		e = model_load(m, entry, size);
		if (!(e & 1))
			return out;
		page = level == 1;
		if (level == 2 && e & 128 && (wide || c->cr4 & CR4_PSE))
			page = true;
		if (level == 3 && e & 128 && m->giant)
			page = true;
		if (e & model_reserved(c, m, level, page)) {
			out.error |= 1 | 8;
			return out;
		}
		can_write &= (e & 2) != 0;
		is_user &= (e & 4) != 0;
		nx |= wide && e >> 63;
		if (page)
			break;
		model_store(m, entry, size, e | 32);
		base = e & (wide ? bits(51, 12) : bits(31, 12));
	}
	out.error |= 1;
	if (user && (!is_user || (write && !can_write)))
		return out;
	if (!user && write && !can_write && c->cr0 & CR0_WP)
		return out;
	if (!user && is_user && what == M_FETCH && c->cr4 & CR4_SMEP)
		return out;
	if (!user && is_user && what != M_FETCH && smap)
		return out;
	if (what == M_FETCH && nx)
		return out;
	model_store(m, entry, size, e | 32 | (write ? 64 : 0));
	out.fault = false;
	out.error = 0;
	if (!wide && shift == 22)
		out.phys = (e & bits(31, 22)) | (e >> 13 & 0xff) << 32 | (at & bits(21, 0));
	else
		out.phys = (e & bits(51, shift)) | (at & bits(shift - 1, 0));
	return out;
}
