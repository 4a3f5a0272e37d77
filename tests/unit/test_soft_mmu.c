/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linear memory of our own CPU against a second implementation: random tables, random accesses. */
#include "mmu_scene.h"

static void set_giant(struct scene *w, bool giant)
{
	w->model->giant = giant;
	w->c->cpuid.count = 0;
	CHECK_EQ(cpuid_add(&w->c->cpuid,
			   &(struct cpuid_leaf){ .leaf = 0x80000001, .edx = giant ? BIT(26) : 0 }),
		 0);
}

enum kind { NARROW, PAE, LONG };

static void random_mode(struct scene *w, enum kind kind)
{
	struct soft_cpu *c = w->c;
	u64 r = random_u64(w);

	set_giant(w, one_in(w, 2));
	w->rig.soft.phys_bits = (u8)(36 + random_u64(w) % 17);
	c->cr0 = CR0_PE | CR0_PG;
	mmu_view(c); /* so that another width of addresses is noticed */
	c->cr0 = CR0_PE | (one_in(w, 20) && kind != LONG ? 0 : CR0_PG) | (r & CR0_WP);
	c->cr4 = (r & (CR4_PSE | CR4_PGE | CR4_SMEP | CR4_SMAP)) | (kind != NARROW ? CR4_PAE : 0);
	c->efer = (r & EFER_NXE) | (kind == LONG ? EFER_LMA | EFER_LME : 0);
	c->cr3 = random_phys(w) & bits(w->rig.soft.phys_bits - 1, 12);
	if (kind != LONG)
		c->cr3 = (u32)c->cr3;
	random_memory(w, LOW_SIZE);
	for (unsigned i = 0; i < 4; i++)
		c->pdpte[i] = (random_phys(w) & bits(35, 12)) | !one_in(w, 8);
	c->cr0 ^= CR0_WP; /* at least one thing changes */
	mmu_view(c);
	c->cr0 ^= CR0_WP;
	rig_mode(w->cpu);
}

static gva_t random_linear(struct scene *w)
{
	gva_t at = random_u64(w);

	if (w->c->lma && !one_in(w, 30))
		at = (u64)((s64)(at << 16) >> 16);
	else if (!w->c->lma)
		at = (u32)at;
	if (one_in(w, 8))
		at = (at | 0xfff) - random_u64(w) % 8;
	return at;
}

/* Addresses that were used before are likely, so that what is cached is used. */
static gva_t likely_linear(struct scene *w)
{
	gva_t *old = &w->pool[random_u64(w) % ARRAY_LEN(w->pool)];

	if (one_in(w, 4))
		*old = random_linear(w);
	return (*old & TE_PAGE) | random_u64(w) % PAGE;
}

static void one_access(struct scene *w, gva_t at)
{
	static const u8 sizes[] = { 1, 2, 4, 8 };
	enum model_access what = (enum model_access)(random_u64(w) % 3);
	unsigned size = what == M_FETCH ? 1 : sizes[random_u64(w) % 4];
	bool sys = what != M_FETCH && one_in(w, 4);

	w->c->cpl = one_in(w, 2) ? 3 : 0;
	w->c->rflags = one_in(w, 2) ? FL_AC : 0;
	rig_mode(w->cpu);
	if (scene_access(w, at, size, what, sys, random_u64(w)) && what == M_WRITE)
		mmu_flush(w->c, true); /* it may have changed a table */
}

static void many_accesses(enum kind kind)
{
	struct scene w;

	scene_start(&w);
	for (unsigned round = 0; round < 60; round++) {
		random_mode(&w, kind);
		for (unsigned i = 0; i < 150; i++)
			one_access(&w, random_linear(&w));
		for (unsigned i = 0; i < 300; i++)
			one_access(&w, likely_linear(&w));
	}
	CHECK(w.done > 500 && w.faults > 1000 && w.reserved > 50);
	scene_stop(&w);
}

static void narrow_paging_is_as_the_model_says(void)
{
	many_accesses(NARROW);
}

static void pae_paging_is_as_the_model_says(void)
{
	many_accesses(PAE);
}

static void four_level_paging_is_as_the_model_says(void)
{
	many_accesses(LONG);
}

int main(void)
{
	RUN(narrow_paging_is_as_the_model_says);
	RUN(pae_paging_is_as_the_model_says);
	RUN(four_level_paging_is_as_the_model_says);
	return 0;
}
