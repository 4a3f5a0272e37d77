/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/mmu_tables.h: one vCPU in 64-bit mode with page tables that are made as needed. */
#pragma once

#include "base/bytes.h"
#include "mmu_access.h"

enum {
	PT_P = 1,
	PT_W = 2,
	PT_U = 4,
	PT_A = 32,
	PT_D = 64,
	PT_PS = 128,
	PT_G = 256,
	PT_ALL = PT_P | PT_W | PT_U,
	RAM_SIZE = 0x800000,
	TABLES_AT = 0x400000, /* and up, from there */
};

struct rig64 {
	struct mmu_rig rig;
	struct rig_cpu *cpu;
	struct soft_cpu *c;
	struct region *ram;
	gpa_t next_table;
};

static inline gpa_t new_table(struct rig64 *r)
{
	r->next_table += PAGE;
	return r->next_table;
}

static inline void rig64_start(struct rig64 *r)
{
	r->next_table = TABLES_AT;
	mmu_rig_start(&r->rig);
	r->ram = rig_add(&r->rig, REGION_RAM, 0, RAM_SIZE);
	for (unsigned i = MMU_CPUS; i-- > 0;) {
		r->cpu = &r->rig.cpu[i];
		r->c = &r->cpu->c;
		r->c->cr4 = CR4_PAE | CR4_PGE;
		r->c->efer = EFER_LME | EFER_LMA | EFER_NXE;
		r->c->cr3 = TABLES_AT;
		rig_mode(r->cpu);
	}
}

static inline void rig64_stop(struct rig64 *r)
{
	mmu_rig_stop(&r->rig);
}

/* Where the entry of @at at @level is, under @root; tables above are made. */
static inline u8 *entry_under(struct rig64 *r, gpa_t root, gva_t at, unsigned level)
{
	gpa_t table = root;

	for (unsigned l = 4;; l--) {
		u8 *e = r->ram->host + table + (at >> (12 + 9 * (l - 1)) & 511) * 8;

		if (l == level)
			return e;
		if (!(le64_at(e) & PT_P))
			put_le64(e, new_table(r) | PT_ALL);
		table = le64_at(e) & 0xffffffffff000ull;
	}
}

static inline void map_under(struct rig64 *r, gpa_t root, gva_t at, gpa_t to, u64 flags)
{
	put_le64(entry_under(r, root, at, 1), to | flags);
}

static inline void map_page(struct rig64 *r, gva_t at, gpa_t to, u64 flags)
{
	map_under(r, TABLES_AT, at, to, flags);
}

static inline u64 entry_of(struct rig64 *r, gva_t at)
{
	return le64_at(entry_under(r, TABLES_AT, at, 1));
}

/* The byte that a read of @at gives; it must not fault. */
static inline u64 get8(struct rig_cpu *cpu, gva_t at)
{
	struct rig_access a = { .way = LIN_READ, .at = at, .size = 1 };

	CHECK(rig_try(cpu, &a));
	return a.val;
}

static inline void put8(struct rig_cpu *cpu, gva_t at, u8 val)
{
	struct rig_access a = { .way = LIN_WRITE, .at = at, .size = 1, .val = val };

	CHECK(rig_try(cpu, &a));
}

static inline struct fetch fetch(struct rig_cpu *cpu, gva_t at)
{
	struct rig_access a = { .way = FETCH, .at = at };

	CHECK(rig_try(cpu, &a));
	return a.fetch;
}

/* Whether the hot loop would store at @at without being noticed. */
static inline bool has_tag(struct rig_cpu *cpu, gva_t at, bool write)
{
	const struct tlb_entry *e = &cpu->c.tlb->at[tlb_index(at)];

	return at - (write ? e->write : e->read) < PAGE;
}
