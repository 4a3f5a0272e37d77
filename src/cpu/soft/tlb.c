/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tlb.c: what is cached of translations, and when it is forgotten. SDM 3A 4.10.
 *
 * A context holds the translations of one PCID. What is cached is found by its index, and all of
 * it through lists, so that a flush costs what was filled. Large pages are cached as the 4 KiB
 * pieces that were used: a set of hashes tells whether an address may belong to such a page.
 */
#include <string.h>

#include "cpu/soft/mmu_priv.h"

enum { GLOBAL_ONES = 1, OTHER_ONES = 2, ALL_ONES = 3, NO_PCID = 0xffff };

static bool chosen(const struct tlb_entry *e, unsigned which)
{
	return which & (e->info & TE_GLOBAL ? GLOBAL_ONES : OTHER_ONES);
}

static unsigned shift_of(const struct tlb_entry *e)
{
	return e->info >> TE_SHIFT & (TE_SHIFT_MASK >> TE_SHIFT);
}

static unsigned half(gva_t at)
{
	return (unsigned)(at >> 63);
}

static unsigned large_bit(gva_t at, unsigned shift)
{
	return ((unsigned)(at >> shift) * 7 + shift) & 511;
}

static void large_add(struct large_set *l, gva_t at, unsigned shift)
{
	unsigned bit = large_bit(at, shift);

	l->shifts |= BIT(shift);
	l->bit[half(at)][bit / 64] |= BIT64(bit % 64);
}

static bool large_maybe(const struct large_set *l, gva_t at)
{
	static const u8 shifts[] = { 21, 22, 30 };

	for (unsigned i = 0; i < ARRAY_LEN(shifts) && l->shifts; i++) {
		unsigned bit = large_bit(at, shifts[i]);

		if (l->shifts & BIT(shifts[i]) && l->bit[half(at)][bit / 64] & BIT64(bit % 64))
			return true;
	}
	return false;
}

static bool code_maybe(const struct code_seen *s, gva_t at)
{
	unsigned i = tlb_index(at);

	return s->page[half(at)][i / 64] & BIT64(i % 64) || large_maybe(&s->large, at);
}

static void forget(struct tlb_entry *e, unsigned i)
{
	e->read = e->write = tlb_no_tag(i);
	e->info = 0;
}

struct tlb_entry *tlb_fill(struct tlb_context *x, struct tlb_view *v, gva_t at, u64 info)
{
	unsigned i = tlb_index(at);
	struct tlb_entry *e = &v->tlb.at[i];

	if (!(e->info & TE_LISTED))
		v->listed[v->count++] = (u16)i;
	forget(e, i);
	e->info = info | TE_LISTED;
	if (shift_of(e) > 12)
		large_add(&x->large, at, shift_of(e));
	return e;
}

static void new_epoch(struct soft_mmu *m, struct tlb_context *x)
{
	x->epoch = ++m->epochs;
	if (x->code.any)
		memset(&x->code, 0, sizeof(x->code));
}

static void new_shared_epoch(struct soft_mmu *m)
{
	m->shared_epoch = ++m->epochs;
	memset(&m->shared_code, 0, sizeof(m->shared_code));
}

/*
 * The first code that is not global ends it, until all is flushed: what was found under the shared
 * epoch is not found again, as no flush ends before the epoch is asked for.
 */
void tlb_note_code(struct soft_cpu *c, gva_t at, const struct tlb_entry *e)
{
	struct soft_mmu *m = c->mmu;
	struct code_seen *s = &m->now->code;
	unsigned i = tlb_index(at);

	if (c->cpl != 3 && m->shared && e->info & TE_GLOBAL)
		s = &m->shared_code;
	else if (c->cpl != 3)
		m->shared = false;
	s->any = true;
	s->page[half(at)][i / 64] |= BIT64(i % 64);
	if (shift_of(e) > 12)
		large_add(&s->large, at, shift_of(e));
}

static void flush_view(struct tlb_context *x, struct tlb_view *v, bool global_too)
{
	u32 kept = 0;

	for (u32 n = 0; n < v->count; n++) {
		unsigned i = v->listed[n];
		struct tlb_entry *e = &v->tlb.at[i];

		if (!global_too && e->info & TE_GLOBAL) {
			v->listed[kept++] = (u16)i;
			if (shift_of(e) > 12)
				large_add(&x->large, e->read, shift_of(e));
		} else {
			forget(e, i);
		}
	}
	v->count = kept;
}

static void flush_context(struct soft_mmu *m, struct tlb_context *x, bool global_too)
{
	if (!x->ready)
		return;
	new_epoch(m, x);
	memset(&x->large, 0, sizeof(x->large));
	for (unsigned u = 0; u < N_USES; u++)
		flush_view(x, &x->view[u], global_too);
}

void tlb_flush_all(struct soft_mmu *m, bool global_too)
{
	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		flush_context(m, &m->context[i], global_too);
	if (global_too) {
		new_shared_epoch(m);
		m->shared = true;
	}
}

/* What of @which belongs to @at's page, the parts of a large page included. */
static void drop_page(struct soft_mmu *m, struct tlb_context *x, gva_t at, unsigned which)
{
	unsigned i = tlb_index(at);
	bool large;

	if (!x->ready)
		return;
	large = large_maybe(&x->large, at);
	for (unsigned u = 0; u < N_USES; u++) {
		struct tlb_view *v = &x->view[u];
		struct tlb_entry *e = &v->tlb.at[i];

		if (e->read == (at & TE_PAGE) && chosen(e, which)) {
			forget(e, i);
			e->info = TE_LISTED;
		}
		for (u32 n = 0; large && n < v->count; n++) {
			e = &v->tlb.at[v->listed[n]];
			if (shift_of(e) <= 12 || (e->read ^ at) >> shift_of(e) || !chosen(e, which))
				continue;
			forget(e, v->listed[n]);
			e->info = TE_LISTED;
		}
	}
	if (code_maybe(&x->code, at))
		new_epoch(m, x);
}

/* ---- write tags ---- */

static bool has_write_tag(const struct tlb_entry *e, unsigned i)
{
	return e->write != tlb_no_tag(i);
}

void tlb_drop_writes(struct soft_cpu *c, const u8 *host_page)
{
	for (unsigned k = 0; k < MMU_CONTEXTS; k++) {
		struct tlb_context *x = &c->mmu->context[k];

		for (unsigned u = 0; x->ready && u <= USE_SMAP; u++) {
			struct tlb_view *v = &x->view[u];

			for (u32 n = 0; n < v->count; n++) {
				struct tlb_entry *e = &v->tlb.at[v->listed[n]];

				if (has_write_tag(e, v->listed[n]) &&
				    e->write + e->delta == (u64)(uintptr_t)host_page)
					e->write = tlb_no_tag(v->listed[n]);
			}
		}
	}
}

/* The page of a write tag may have been written since its region began to be logged. */
static void mark_dirty(struct soft_cpu *c, const struct tlb_entry *e)
{
	struct mem_range r;
	u64 off;

	if (!mem_find(c->soft->base.machine->mem, c->mmu->smm ? VIEW_SMM : VIEW_NORMAL,
		      e->info & TE_PAGE, &r))
		return;
	off = (u64)(r.host - r.region->host) + ((e->info & TE_PAGE) - r.at);
	if (r.region->kind == REGION_RAM)
		dirty_mark(r.region, off, PAGE);
}

void tlb_drop_all_writes(struct soft_cpu *c, bool mark)
{
	for (unsigned k = 0; k < MMU_CONTEXTS; k++) {
		struct tlb_context *x = &c->mmu->context[k];

		for (unsigned u = 0; x->ready && u <= USE_SMAP; u++) {
			struct tlb_view *v = &x->view[u];

			for (u32 n = 0; n < v->count; n++) {
				struct tlb_entry *e = &v->tlb.at[v->listed[n]];

				if (mark && has_write_tag(e, v->listed[n]))
					mark_dirty(c, e);
				e->write = tlb_no_tag(v->listed[n]);
			}
		}
	}
}

/* ---- contexts ---- */

static void prepare(struct soft_mmu *m, struct tlb_context *x)
{
	if (!x->ready)
		for (unsigned u = 0; u < N_USES; u++)
			memcpy(&x->view[u].tlb, &m->none, sizeof(m->none));
	x->ready = true;
}

void tlb_init(struct soft_mmu *m)
{
	for (unsigned i = 0; i < TLB_SIZE; i++)
		forget(&m->none.at[i], i);
	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		m->context[i].pcid = NO_PCID;
	m->now = &m->context[0];
	prepare(m, m->now);
}

static struct tlb_context *find_pcid(struct soft_mmu *m, unsigned pcid)
{
	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		if (m->context[i].pcid == pcid)
			return &m->context[i];
	return NULL;
}

/* The context of @pcid; it takes the place of the one that was not used for longest. */
static struct tlb_context *take_pcid(struct soft_mmu *m, unsigned pcid)
{
	struct tlb_context *x = find_pcid(m, pcid);

	if (!x) {
		x = &m->context[0];
		for (unsigned i = 1; i < MMU_CONTEXTS; i++)
			if (m->context[i].used < x->used)
				x = &m->context[i];
		flush_context(m, x, false);
		prepare(m, x);
		x->pcid = (u16)pcid;
		new_epoch(m, x);
	}
	x->used = ++m->ticks;
	return x;
}

static unsigned pcid_of(const struct soft_cpu *c)
{
	return c->cr4 & CR4_PCIDE ? c->cr3 & 0xfff : 0;
}

void mmu_cr3_changed(struct soft_cpu *c, bool keep)
{
	struct soft_mmu *m = c->mmu;

	mmu_sync(c);
	m->now = take_pcid(m, pcid_of(c));
	if (!keep || !(c->cr4 & CR4_PCIDE))
		flush_context(m, m->now, false);
	mmu_view(c);
}

void mmu_flush(struct soft_cpu *c, bool global_too)
{
	mmu_sync(c);
	tlb_flush_all(c->mmu, global_too);
}

void mmu_flush_page(struct soft_cpu *c, gva_t at)
{
	struct soft_mmu *m = c->mmu;

	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		drop_page(m, &m->context[i], at, &m->context[i] == m->now ? ALL_ONES : GLOBAL_ONES);
	if (code_maybe(&m->shared_code, at))
		new_shared_epoch(m);
}

void mmu_flush_pcid(struct soft_cpu *c, unsigned pcid)
{
	struct tlb_context *x = find_pcid(c->mmu, pcid);

	if (x)
		flush_context(c->mmu, x, false);
}

void mmu_flush_pcid_page(struct soft_cpu *c, unsigned pcid, gva_t at)
{
	struct tlb_context *x = find_pcid(c->mmu, pcid);

	if (x)
		drop_page(c->mmu, x, at, OTHER_ONES);
}

u64 mmu_epoch(const struct soft_cpu *c)
{
	unsigned context;

	return tlb_epoch(c, &context);
}

/* ---- what an access may use ---- */

/* How tables are read changed: nothing cached holds. */
static void change_mode(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;

	paging_setup(c);
	tlb_flush_all(m, true);
	for (unsigned i = 0; i < MMU_CONTEXTS; i++)
		m->context[i].pcid = NO_PCID;
	m->now->pcid = (u16)pcid_of(c);
}

void mmu_view(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;
	u64 cr4 = c->cr4 & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_PCIDE);
	u64 a = (c->cr0 & (CR0_PG | CR0_WP)) | cr4 << 32, b = c->efer & (EFER_NXE | EFER_LMA);

	mmu_sync(c);
	if (m->mode[0] != a || m->mode[1] != b) {
		m->mode[0] = a;
		m->mode[1] = b;
		change_mode(c);
	}
	m->system = c->cr4 & CR4_SMAP ? USE_SMAP : USE_SUPER;
	c->system_tlb = &m->now->view[m->system].tlb;
	mmu_privilege(c);
}

void mmu_privilege(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;

	m->data = c->cpl == 3 ? USE_USER : c->rflags & FL_AC ? USE_SUPER : m->system;
	/* SDM 3A 6.15, #AC: by users, where CR0.AM and EFLAGS.AC are set. */
	m->look = c->cpl == 3 && c->cr0 & CR0_AM && c->rflags & FL_AC;
	c->tlb = m->look ? &m->none : &m->now->view[m->data].tlb;
}
