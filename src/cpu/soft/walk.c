/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/walk.c: from linear to physical addresses, through the guest's tables. SDM 3A 4.
 *
 * The tables are the guest's: they may be anywhere, point to each other and change meanwhile. A
 * walk reads each entry once, whole, and takes at most four.
 */
#include "cpu/soft/mmu_priv.h"

enum {
	PTE_P = 1,
	PTE_W = 2,
	PTE_U = 4,
	PTE_A = 32,
	PTE_D = 64,
	PTE_PS = 128,
	PTE_G = 256,
	PATIENCE = 64, /* with entries that change while A and D are set */
};
#define PTE_NX BIT64(63)
#define PTE_ADDRESS 0xffffffffff000ull

/* CPUID.80000001H:EDX[26]: 1 GiB pages. */
static bool has_giant_pages(struct soft_cpu *c)
{
	const struct cpuid_leaf *l = cpuid_find(&c->cpuid, 0x80000001, 0);

	return l && l->edx & BIT(26);
}

/* SDM 3A tables 4-15 to 4-20 for four levels, 4-9 to 4-11 for PAE. */
static void setup_wide(struct soft_cpu *c, struct paging *p)
{
	u64 high = BIT64(52) - BIT64(MIN(c->soft->phys_bits, 52));

	if (!(c->efer & EFER_NXE))
		high |= PTE_NX;
	if (!c->lma)
		high |= BIT64(63) - BIT64(52);
	p->levels = c->lma ? 4 : 2;
	p->bits = 9;
	p->entry = 8;
	p->pae = !c->lma;
	p->large = BIT(2);
	for (unsigned level = 1; level <= 4; level++)
		p->reserved[level] = high;
	p->reserved_large[2] = high | 0x1fe000;
	p->reserved[4] |= PTE_PS;
	if (has_giant_pages(c)) {
		p->large |= BIT(3);
		p->reserved_large[3] = high | 0x3fffe000;
	} else {
		p->reserved[3] |= PTE_PS;
	}
}

/* Bits 13 and up of a large page's entry are bits 32 and up of its address. SDM 3A table 4-4 */
static void setup_narrow(struct soft_cpu *c, struct paging *p)
{
	unsigned phys_bits = MAX(32, MIN(c->soft->phys_bits, 40));

	p->levels = 2;
	p->bits = 10;
	p->entry = 4;
	p->large = c->cr4 & CR4_PSE ? BIT(2) : 0;
	p->reserved_large[2] = BIT(22) - BIT(phys_bits - 19);
}

void paging_setup(struct soft_cpu *c)
{
	struct paging *p = &c->mmu->paging;

	*p = (struct paging){
		.wp = c->cr0 & CR0_WP,
		.smep = c->cr4 & CR4_SMEP,
		.global = c->cr4 & CR4_PGE,
	};
	if (!(c->cr0 & CR0_PG))
		return;
	if (c->cr4 & CR4_PAE)
		setup_wide(c, p);
	else
		setup_narrow(c, p);
	if (p->smep || (c->cr4 & CR4_PAE && c->efer & EFER_NXE))
		p->fetch_bit = ACC_FETCH;
}

/* An entry of a table, where it was read. */
struct slot {
	gpa_t at;
	u64 val;
	u8 *host;
	struct region *region; /* NULL: cannot be written */
	u64 offset;
};

static void slot_read(struct soft_cpu *c, struct slot *s, gpa_t at)
{
	const struct mem_range *r = mmu_range(c, at);
	unsigned size = c->mmu->paging.entry;

	s->at = at;
	s->region = NULL;
	if (!r) {
		s->val = mmio_read(c, at, size);
		return;
	}
	s->host = r->host + (at - r->at);
	if (r->region->kind == REGION_RAM) {
		s->region = r->region;
		s->offset = (u64)(s->host - r->region->host);
	}
	s->val = size == 8 ? __atomic_load_n((u64 *)(void *)s->host, __ATOMIC_ACQUIRE)
			   : __atomic_load_n((u32 *)(void *)s->host, __ATOMIC_ACQUIRE);
}

/*
 * Set @bits, A or D, if the entry is still what was read. False: it is not. What is no RAM cannot
 * remember them. With @force they are set into whatever is there now.
 */
static bool slot_mark(struct soft_cpu *c, struct slot *s, u64 bits, bool force)
{
	u64 *wide = (u64 *)(void *)s->host, old = s->val;
	u32 *narrow = (u32 *)(void *)s->host, old32 = (u32)s->val;
	bool done = true;

	if ((s->val & bits) == bits || !s->region)
		return true;
	if (c->mmu->paging.entry == 8 && force)
		__atomic_fetch_or(wide, bits, __ATOMIC_SEQ_CST);
	else if (force)
		__atomic_fetch_or(narrow, (u32)bits, __ATOMIC_SEQ_CST);
	else if (c->mmu->paging.entry == 8)
		done = __atomic_compare_exchange_n(wide, &old, old | bits, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_RELAXED);
	else
		done = __atomic_compare_exchange_n(narrow, &old32, old32 | (u32)bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	if (done && c->mmu->undo)
		c->mmu->undo->marked = true;
	if (done)
		mmu_wrote(c, s->region, s->offset, c->mmu->paging.entry);
	return done;
}

/* SDM 3A 4.6.1. @user: the page is a user's; @writable: no level forbids it. */
static bool allowed(const struct paging *p, unsigned access, enum tlb_use use, bool user,
		    bool writable)
{
	if (access & ACC_USER)
		return user && (writable || !(access & ACC_WRITE));
	if (access & ACC_WRITE && !writable && p->wp)
		return false;
	if (access & ACC_FETCH)
		return !(user && p->smep);
	return !(user && use == USE_SMAP);
}

enum outcome { WALK_FAULT, WALK_AGAIN, WALK_DONE };

static enum outcome fault(const struct paging *p, unsigned access, u32 error, struct walk *out)
{
	out->error = error | (access & (ACC_WRITE | ACC_USER));
	if (access & ACC_FETCH)
		out->error |= p->fetch_bit;
	return WALK_FAULT;
}

static enum outcome try(struct soft_cpu *c, gva_t at, unsigned access, enum tlb_use use, bool force,
			struct walk *out)
{
	const struct paging *p = &c->mmu->paging;
	unsigned level = p->levels, shift;
	u64 table = p->entry == 4 ? (u32)c->cr3 : c->cr3, rights = ~0ull, nx = 0, marks, offset;
	struct slot s;
	bool large;

	if (p->pae)
		table = c->pdpte[at >> 30 & 3];
	if (p->pae && !(table & PTE_P))
		return fault(p, access, 0, out);
	for (;; level--) {
		shift = 12 + p->bits * (level - 1);
		table = (table & PTE_ADDRESS) + (at >> shift & (BIT(p->bits) - 1)) * p->entry;
		slot_read(c, &s, table);
		if (!(s.val & PTE_P))
			return fault(p, access, 0, out);
		large = s.val & PTE_PS && p->large & BIT(level);
		if (s.val & (large ? p->reserved_large[level] : p->reserved[level]))
			return fault(p, access, PF_P | PF_RSVD, out);
		rights &= s.val;
		nx |= s.val;
		if (level == 1 || large)
			break;
		if (!slot_mark(c, &s, PTE_A, force))
			return WALK_AGAIN;
		table = s.val;
	}
	if (!allowed(p, access, use, rights & PTE_U, rights & PTE_W) ||
	    (access & ACC_FETCH && nx & PTE_NX))
		return fault(p, access, PF_P, out);
	marks = access & ACC_WRITE ? PTE_A | PTE_D : PTE_A;
	if (!slot_mark(c, &s, marks, force))
		return WALK_AGAIN;
	offset = BIT64(shift) - 1;
	out->phys = (s.val & PTE_ADDRESS & ~offset) | (at & offset);
	if (large && p->entry == 4)
		out->phys |= (s.val & 0x1fe000) << 19;
	out->shift = (u8)shift;
	out->global = p->global && s.val & PTE_G;
	out->writable = (s.val | marks) & PTE_D &&
			(rights & PTE_W || (!(access & ACC_USER) && !p->wp));
	return WALK_DONE;
}

bool mmu_walk(struct soft_cpu *c, gva_t at, unsigned access, enum tlb_use use, struct walk *out)
{
	enum outcome o = WALK_AGAIN;

	if (!c->mmu->paging.levels) {
		*out = (struct walk){ .phys = at, .shift = 12, .writable = true };
		return true;
	}
	for (unsigned tries = 0; o == WALK_AGAIN; tries++)
		o = try(c, at, access, use, tries > PATIENCE, out);
	return o == WALK_DONE;
}

/* Present ones with reserved bits are refused, and then none is loaded. SDM 3A table 4-8 */
bool mmu_load_pdptes(struct soft_cpu *c, u64 cr0, u64 cr3, u64 cr4)
{
	u64 reserved = ~(BIT64(MIN(c->soft->phys_bits, 52)) - 1) | 0x1e6, entry[4];

	if (!(cr0 & CR0_PG) || !(cr4 & CR4_PAE) || c->efer & EFER_LME)
		return true;
	for (unsigned i = 0; i < 4; i++) {
		entry[i] = phys_read(c, (cr3 & 0xffffffe0) + 8 * i, 8);
		if (entry[i] & PTE_P && entry[i] & reserved)
			return false;
	}
	memcpy(c->pdpte, entry, sizeof(entry));
	return true;
}
