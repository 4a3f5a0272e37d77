/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/mmu_priv.h: what mmu.c, tlb.c, walk.c, access.c and seg_access.c share.
 * check: long-file, one struct and what is said of it
 */
#pragma once

#include "cpu/soft/host_memory.h"
#include "cpu/soft/soft_priv.h"
#include "cpu/soft/undo.h"

enum {
	MMU_CONTEXTS = 8, /* PCIDs that are kept */
	MMU_RANGES = 4,   /* of the memory map, remembered */
	MMU_NOTES = 4,    /* writes to be noted when the instruction has ended */
	MMU_CLAIMS = 8,   /* code pages that others may still write */
};

/* Who asks, and for what. The values of the error code are its bits: SDM 3A figure 4-12. */
enum access {
	ACC_READ = 0,
	PF_P = 1,
	ACC_WRITE = 2,
	ACC_USER = 4,
	PF_RSVD = 8,
	ACC_FETCH = 16,
	ACC_SYSTEM = 32, /* implicit supervisor access: SDM 3A 4.6 */
};

/* What is cached for each kind of access. Those for code have read tags only. */
enum tlb_use {
	USE_USER,
	USE_SUPER,
	USE_SMAP, /* supervisor, kept out of user pages */
	USE_CODE_USER,
	USE_CODE_SUPER,
	N_USES
};

/* struct tlb_entry.info */
enum {
	TE_LISTED = 1,   /* in tlb_view.listed */
	TE_GLOBAL = 2,   /* stays where CR3 changes */
	TE_WRITABLE = 4, /* may be written, and is dirty: only the write must be noted */
	TE_SHIFT = 4,    /* 5 bits: the guest's page has that many address bits */
	TE_SHIFT_MASK = 31 << TE_SHIFT,
};
#define TE_PAGE (~0ull << 12)

struct tlb_view {
	struct tlb tlb;
	u32 count;
	u16 listed[TLB_SIZE]; /* indexes that are not empty */
};

/* Large pages of which parts are cached, by hashes, and for each half of the addresses. */
struct large_set {
	u32 shifts; /* BIT(address bits): there are such pages at all */
	u64 bit[2][8];
};

/* What mmu_fetch() was asked for since an epoch changed: by tlb_index() and half. */
struct code_seen {
	bool any;
	u64 page[2][TLB_SIZE / 64];
	struct large_set large;
};

/* All that is cached for one PCID, or for all without PCIDs. */
struct tlb_context {
	struct tlb_view view[N_USES];
	bool ready; /* its entries have been initialised */
	u16 pcid;
	u64 used;  /* mmu.ticks then */
	u64 epoch; /* mmu_epoch() */
	struct large_set large;
	struct code_seen code;
};

/* How the tables are to be read; from CR0, CR4, EFER. Index: level, 1 is the last. */
struct paging {
	u8 levels; /* 0: no paging; PAE has two below the PDPTEs */
	u8 bits;   /* of the address for each level */
	u8 entry;  /* bytes */
	u8 fetch_bit;
	bool pae, wp, smep, global;
	u32 large; /* BIT(level): PS means a page */
	u64 reserved[5], reserved_large[5];
};

struct mmu_note {
	struct region *region;
	u64 offset, len;
};

struct mmu_claim {
	struct code_page *page;
	u32 word, ticket;
};

struct soft_mmu {
	struct map map; /* where this is, and the contexts */
	struct tlb_context *now;
	u8 data, system; /* enum tlb_use */
	bool look;       /* c->tlb is @none: each access must be looked at, for #AC */
	struct paging paging;
	u64 mode[2]; /* what @paging was made of */
	u64 ticks, epochs;

	/*
	 * A kernel's code is mostly global, the same for all PCIDs. As long as all that privilege 0
	 * to 2 has fetched is, one epoch is theirs in all contexts.
	 */
	bool shared;
	u64 shared_epoch;
	struct code_seen shared_code;

	/* What depends on the machine's memory map. */
	u64 map_epoch;
	u64 apic_base, apic_page; /* page: of the local APIC, or ~0 */
	struct mem_range range[MMU_RANGES];
	u8 next_range, next_claim, notes;
	bool smm; /* it is System Management Mode's */
	struct mmu_note note[MMU_NOTES];
	struct mmu_claim claim[MMU_CLAIMS];

	struct undo *undo; /* NULL, or notes what is written: lockstep.c */
	bool log_late;     /* atomic: a log began, mark what has a write tag */
	u32 running;       /* atomic: between mmu_enter_guest() and mmu_leave_guest() */
	u32 dropped;       /* atomic: the last ticket that was served */
	struct tlb none;
	struct tlb_context context[MMU_CONTEXTS];
};

/* ---- tlb.c ---- */

void tlb_init(struct soft_mmu *m);

/*
 * The tag of what is not there. No address with index @i matches it. Translated code looks into any
 * entry: no canonical address matches it at all, and which others do, a guest cannot know, as its
 * place in the host's memory is in it. The host then faults: there is no such address.
 */
static inline u64 tlb_no_tag(unsigned i)
{
	u64 place = (u64)(uintptr_t)tlb_init >> 12 & 0x3ffffff;

	return BIT64(63) | place << 36 | (u64)(i ^ 1) << 12;
}

void tlb_flush_all(struct soft_mmu *m, bool global_too);
/* Drop all write tags; with @mark first mark those pages dirty that are logged now. */
void tlb_drop_all_writes(struct soft_cpu *c, bool mark);
/* Code of @e at @at is fetched: what drops its translation has to change the epoch. */
void tlb_note_code(struct soft_cpu *c, gva_t at, const struct tlb_entry *e);
/* mmu_epoch(), and which context's it is: 0 for all. */
static inline u64 tlb_epoch(const struct soft_cpu *c, unsigned *context)
{
	const struct soft_mmu *m = c->mmu;

	if (m->shared && c->cpl != 3) {
		*context = 0;
		return m->shared_epoch;
	}
	*context = (unsigned)(m->now - m->context) + 1;
	return m->now->epoch;
}
/* Put @at's page into @v, in place of what is there. No tags yet. */
struct tlb_entry *tlb_fill(struct tlb_context *x, struct tlb_view *v, gva_t at, u64 info);

/* ---- walk.c ---- */

struct walk {
	gpa_t phys;
	u32 error; /* the page fault's, where there is one */
	u8 shift;  /* of the page */
	bool global;
	bool writable; /* for this privilege, and the page is dirty */
};
/* How tables are read from now on. */
void paging_setup(struct soft_cpu *c);
/* Translate @at for @access (enum access); @use says whether SMAP counts. False: @out->error. */
bool mmu_walk(struct soft_cpu *c, gva_t at, unsigned access, enum tlb_use use, struct walk *out);

/* ---- mmu.c: physical memory ---- */

/* The memory map, its view, or the local APIC's place in it changed: forget all. */
void mmu_resync(struct soft_cpu *c);
static inline void mmu_sync(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;

	if (__atomic_load_n(&c->soft->map_epoch, __ATOMIC_ACQUIRE) != m->map_epoch ||
	    c->lapic.base != m->apic_base || c->in_smm != m->smm)
		mmu_resync(c);
}

const struct mem_range *mmu_range_slow(struct soft_cpu *c, gpa_t at);
/* What is at @at; NULL: nothing, or the local APIC. Good until the next call. */
static inline const struct mem_range *mmu_range(struct soft_cpu *c, gpa_t at)
{
	struct soft_mmu *m = c->mmu;

	if (ALIGN_DOWN(at, PAGE) == m->apic_page)
		return NULL;
	for (unsigned i = 0; i < MMU_RANGES; i++)
		if (at - m->range[i].at < m->range[i].len)
			return &m->range[i];
	return mmu_range_slow(c, at);
}

/* 1 to 8 bytes of devices, within a page. */
u64 mmio_read(struct soft_cpu *c, gpa_t at, unsigned size);
void mmio_write(struct soft_cpu *c, gpa_t at, unsigned size, u64 val);
/* Bytes of RAM were written, past the TLB. */
void mmu_wrote(struct soft_cpu *c, struct region *r, u64 offset, u64 len);
/* They will be, by this instruction. */
void mmu_note(struct soft_cpu *c, struct region *r, u64 offset, u64 len);
