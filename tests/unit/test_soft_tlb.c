/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What our own CPU remembers of translations, and what makes it forget. */
#include "mmu_tables.h"

enum { A = 0x10000, B = 0x11000, ROOT_2 = 0x700000, ROOT_3 = 0x710000 };

/* Two pages with a byte each that tells them apart. */
static void begin(struct rig64 *r)
{
	rig64_start(r);
	r->ram->host[A] = 0xa;
	r->ram->host[B] = 0xb;
}

static void a_translation_stays_until_its_page_is_flushed(void)
{
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	CHECK_EQ(entry_of(&r, 0x5000), A | PT_ALL | PT_A);
	map_page(&r, 0x5000, B, PT_ALL);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	mmu_flush_page(r.c, 0x6000);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	mmu_flush_page(r.c, 0x5fff);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xb);
	rig64_stop(&r);
}

static void a_page_gets_its_write_tag_with_the_dirty_bit(void)
{
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL);
	get8(r.cpu, 0x5000);
	CHECK(has_tag(r.cpu, 0x5000, false) && !has_tag(r.cpu, 0x5000, true));
	put8(r.cpu, 0x5001, 7);
	CHECK(has_tag(r.cpu, 0x5000, true));
	CHECK_EQ(entry_of(&r, 0x5000), A | PT_ALL | PT_A | PT_D);
	CHECK_EQ(r.ram->host[A + 1], 7);
	map_page(&r, 0x7000, A, PT_ALL | PT_A | PT_D);
	get8(r.cpu, 0x7000);
	CHECK(has_tag(r.cpu, 0x7000, true));
	map_page(&r, 0x8000, A, PT_P | PT_A | PT_D);
	get8(r.cpu, 0x8000);
	CHECK(!has_tag(r.cpu, 0x8000, true));
	rig64_stop(&r);
}

static void a_large_page_is_flushed_whole(void)
{
	static const struct {
		unsigned level;
		u64 size;
	} kinds[] = { { 2, MIB(2) }, { 3, GIB(1) } };
	struct rig64 r;

	begin(&r);
	CHECK_EQ(cpuid_add(&r.c->cpuid, &(struct cpuid_leaf){ 0x80000001, .edx = BIT(26) }), 0);
	r.c->cr4 |= CR4_PSE; /* so that it looks again */
	rig_mode(r.cpu);
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		gva_t at = GIB(4) << i;
		u8 *e = entry_under(&r, TABLES_AT, at, kinds[i].level);
		u64 epoch;

		put_le64(e, PT_ALL | PT_PS);
		CHECK_EQ(get8(r.cpu, at + A), 0xa);
		CHECK_EQ(get8(r.cpu, at + B), 0xb);
		put_le64(e, 0);
		mmu_flush_page(r.c, at + kinds[i].size); /* behind it */
		CHECK_EQ(get8(r.cpu, at + A), 0xa);
		put_le64(e, PT_ALL | PT_PS);
		fetch(r.cpu, at + A);
		epoch = mmu_epoch(r.c);
		mmu_flush_page(r.c, at + kinds[i].size - 1);
		CHECK(!has_tag(r.cpu, at + A, false) && !has_tag(r.cpu, at + B, false));
		CHECK(mmu_epoch(r.c) != epoch);
	}
	rig64_stop(&r);
}

static void a_new_cr3_keeps_what_is_global(void)
{
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL | PT_G);
	map_page(&r, 0x6000, A, PT_ALL);
	map_under(&r, ROOT_2, 0x5000, B, PT_ALL);
	map_under(&r, ROOT_2, 0x6000, B, PT_ALL);
	get8(r.cpu, 0x5000);
	get8(r.cpu, 0x6000);
	r.c->cr3 = ROOT_2;
	mmu_cr3_changed(r.c, true); /* without PCIDs nothing else is kept */
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	CHECK_EQ(get8(r.cpu, 0x6000), 0xb);
	mmu_flush(r.c, false);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	mmu_flush(r.c, true);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xb);
	mmu_flush_page(r.c, 0x6000);
	rig64_stop(&r);
}

static void global_means_nothing_without_pge(void)
{
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL | PT_G);
	get8(r.cpu, 0x5000);
	r.c->cr4 &= ~(u64)CR4_PGE;
	rig_mode(r.cpu);
	CHECK(!has_tag(r.cpu, 0x5000, false));
	get8(r.cpu, 0x5000);
	mmu_cr3_changed(r.c, false);
	CHECK(!has_tag(r.cpu, 0x5000, false));
	rig64_stop(&r);
}

static void switch_to(struct rig64 *r, gpa_t root, unsigned pcid, bool keep)
{
	r->c->cr3 = root | pcid;
	mmu_cr3_changed(r->c, keep);
}

/* PCIDs 1 and 2, each with a page of its own at 5000 and a global one at 6000. */
static void begin_pcids(struct rig64 *r)
{
	begin(r);
	r->c->cr4 |= CR4_PCIDE;
	rig_mode(r->cpu);
	map_under(r, ROOT_2, 0x5000, A, PT_ALL);
	map_under(r, ROOT_2, 0x6000, A, PT_ALL | PT_G);
	map_under(r, ROOT_3, 0x5000, B, PT_ALL);
	map_under(r, ROOT_3, 0x6000, B, PT_ALL | PT_G);
	for (unsigned i = 0; i < 2; i++) {
		switch_to(r, i ? ROOT_3 : ROOT_2, i + 1, false);
		get8(r->cpu, 0x5000);
		get8(r->cpu, 0x6000);
	}
}

static bool tag_in(struct rig64 *r, unsigned pcid, gva_t at)
{
	switch_to(r, ROOT_2, pcid, true);
	return has_tag(r->cpu, at, false);
}

static void a_pcid_keeps_its_translations_if_asked_to(void)
{
	struct rig64 r;
	u64 epoch;

	begin_pcids(&r);
	CHECK(tag_in(&r, 1, 0x5000) && tag_in(&r, 1, 0x6000));
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	fetch(r.cpu, 0x5000);
	epoch = mmu_epoch(r.c);
	CHECK(tag_in(&r, 2, 0x5000));
	CHECK_EQ(get8(r.cpu, 0x5000), 0xb);
	CHECK(mmu_epoch(r.c) != epoch);
	switch_to(&r, ROOT_2, 1, true);
	CHECK_EQ(mmu_epoch(r.c), epoch);
	switch_to(&r, ROOT_2, 1, false);
	CHECK(mmu_epoch(r.c) != epoch);
	CHECK(!tag_in(&r, 1, 0x5000) && tag_in(&r, 1, 0x6000));
	CHECK(tag_in(&r, 2, 0x5000));
	rig64_stop(&r);
}

static void invlpg_reaches_the_own_pcid_and_global_pages_of_all(void)
{
	struct rig64 r;

	begin_pcids(&r);
	mmu_flush_page(r.c, 0x5000);
	CHECK(!tag_in(&r, 2, 0x5000) && tag_in(&r, 1, 0x5000));
	mmu_flush_page(r.c, 0x6000);
	CHECK(!tag_in(&r, 2, 0x6000) && !tag_in(&r, 1, 0x6000));
	rig64_stop(&r);
}

static void invpcid_reaches_what_its_type_says(void)
{
	struct rig64 r;

	begin_pcids(&r);
	mmu_flush_pcid_page(r.c, 1, 0x5000);
	mmu_flush_pcid_page(r.c, 1, 0x6000);
	mmu_flush_pcid_page(r.c, 77, 0x5000);
	CHECK(!tag_in(&r, 1, 0x5000) && tag_in(&r, 1, 0x6000));
	CHECK(tag_in(&r, 2, 0x5000));
	mmu_flush_pcid(r.c, 2);
	mmu_flush_pcid(r.c, 77);
	CHECK(!tag_in(&r, 2, 0x5000) && tag_in(&r, 2, 0x6000));
	mmu_flush(r.c, false);
	CHECK(tag_in(&r, 1, 0x6000) && tag_in(&r, 2, 0x6000));
	mmu_flush(r.c, true);
	CHECK(!tag_in(&r, 1, 0x6000) && !tag_in(&r, 2, 0x6000));
	rig64_stop(&r);
}

static void the_pcid_that_was_not_used_for_longest_makes_room(void)
{
	struct rig64 r;

	begin_pcids(&r);
	for (unsigned i = 0; i < MMU_CONTEXTS - 2; i++)
		switch_to(&r, ROOT_2, 100 + i, true); /* 0 goes */
	CHECK(tag_in(&r, 1, 0x5000));
	switch_to(&r, ROOT_2, 0x200, true);
	switch_to(&r, ROOT_2, 0x201, true);
	CHECK(tag_in(&r, 1, 0x5000));
	CHECK(!tag_in(&r, 2, 0x5000));
	rig64_stop(&r);
}

static void write_protection_counts_at_once(void)
{
	struct rig_access a = { .way = LIN_WRITE, .at = 0x5000, .size = 1 };
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_P);
	r.c->cr0 &= ~(u64)CR0_WP;
	rig_mode(r.cpu);
	CHECK(rig_try(r.cpu, &a));
	CHECK(has_tag(r.cpu, 0x5000, true));
	r.c->cr0 |= CR0_WP;
	rig_mode(r.cpu);
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.error, PF_P | ACC_WRITE);
	CHECK_EQ(r.cpu->event.cr2, 0x5000);
	rig64_stop(&r);
}

static void privilege_and_ac_choose_what_may_be_used(void)
{
	struct rig_access a = { .way = LIN_READ, .at = 0x5000, .size = 1 };
	struct rig_access s = { .way = SYS_READ, .at = 0x5000, .size = 1 };
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL);
	map_page(&r, 0x6000, A, PT_P | PT_W);
	get8(r.cpu, 0x5000);
	get8(r.cpu, 0x6000);
	r.c->cr4 |= CR4_SMAP;
	rig_mode(r.cpu);
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.error, PF_P);
	r.c->rflags |= FL_AC;
	rig_mode(r.cpu);
	CHECK(has_tag(r.cpu, 0x5000, false));
	CHECK(rig_try(r.cpu, &a));
	CHECK(!rig_try(r.cpu, &s)); /* implicit: AC does not help */
	r.c->rflags = 0;
	r.c->cpl = 3;
	rig_mode(r.cpu);
	CHECK(rig_try(r.cpu, &a));
	CHECK(!rig_try(r.cpu, &s));
	CHECK_EQ(r.cpu->event.error, PF_P);
	a.at = s.at = 0x6000;
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.error, PF_P | ACC_USER);
	CHECK(rig_try(r.cpu, &s));
	rig64_stop(&r);
}

static void the_epoch_changes_where_code_was_and_only_there(void)
{
	struct rig64 r;
	u64 epoch;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL);
	map_page(&r, 0x6000, B, PT_ALL);
	CHECK_EQ(fetch(r.cpu, 0x5123).phys, A + 0x123);
	CHECK_EQ(fetch(r.cpu, 0x5123).len, PAGE - 0x123);
	CHECK(fetch(r.cpu, 0x5123).host == r.ram->host + A + 0x123);
	CHECK(fetch(r.cpu, 0x5123).page == &r.ram->code[A / PAGE]);
	get8(r.cpu, 0x6000);
	epoch = mmu_epoch(r.c);
	mmu_flush_page(r.c, 0x6000);
	CHECK_EQ(mmu_epoch(r.c), epoch);
	mmu_flush_page(r.c, 0x5000);
	CHECK(mmu_epoch(r.c) != epoch);
	map_page(&r, 0x5000, B, PT_ALL);
	CHECK_EQ(fetch(r.cpu, 0x5000).phys, B);
	epoch = mmu_epoch(r.c);
	mmu_cr3_changed(r.c, false);
	CHECK(mmu_epoch(r.c) != epoch);
	rig64_stop(&r);
}

#define KERNEL 0xffff800000000000ull

static void begin_kernel(struct rig64 *r)
{
	begin_pcids(r);
	for (unsigned i = 0; i < 2; i++) {
		map_under(r, i ? ROOT_3 : ROOT_2, KERNEL + 0x5000, A, PT_P | PT_W | PT_G);
		map_under(r, i ? ROOT_3 : ROOT_2, KERNEL + 0x6000, i ? B : A, PT_P | PT_W);
	}
	mmu_flush(r->c, true);
	fetch(r->cpu, KERNEL + 0x5000);
}

static void global_code_of_the_kernel_has_one_epoch_for_all_pcids(void)
{
	struct rig64 r;
	u64 epoch, user[2];

	begin_kernel(&r);
	epoch = mmu_epoch(r.c);
	for (unsigned i = 0; i < 2; i++) {
		switch_to(&r, i ? ROOT_2 : ROOT_3, 1 + i, i);
		CHECK_EQ(mmu_epoch(r.c), epoch);
		r.c->cpl = 3;
		user[i] = mmu_epoch(r.c);
		r.c->cpl = 0;
	}
	CHECK(user[0] != user[1] && user[0] != epoch);
	mmu_flush(r.c, false);
	mmu_flush_page(r.c, 0x5000); /* the same index */
	mmu_flush_pcid_page(r.c, 2, KERNEL + 0x5000);
	CHECK_EQ(mmu_epoch(r.c), epoch);
	mmu_flush_page(r.c, KERNEL + 0x5000);
	CHECK(mmu_epoch(r.c) != epoch);
	epoch = mmu_epoch(r.c);
	mmu_flush(r.c, true);
	CHECK(mmu_epoch(r.c) != epoch);
	rig64_stop(&r);
}

static void code_that_is_not_global_ends_the_kernels_epoch(void)
{
	struct rig64 r;
	u64 shared, epoch;

	begin_kernel(&r);
	shared = mmu_epoch(r.c);
	switch_to(&r, ROOT_2, 1, true);
	CHECK_EQ(fetch(r.cpu, KERNEL + 0x6000).phys, A);
	epoch = mmu_epoch(r.c);
	CHECK(epoch != shared);
	switch_to(&r, ROOT_3, 2, true);
	CHECK(mmu_epoch(r.c) != epoch && mmu_epoch(r.c) != shared);
	CHECK_EQ(fetch(r.cpu, KERNEL + 0x6000).phys, B);
	fetch(r.cpu, KERNEL + 0x5000);
	switch_to(&r, ROOT_2, 1, true);
	CHECK_EQ(mmu_epoch(r.c), epoch);
	mmu_flush_page(r.c, KERNEL + 0x6000);
	CHECK(mmu_epoch(r.c) != epoch);
	switch_to(&r, ROOT_3, 2, true);
	fetch(r.cpu, KERNEL + 0x5000);
	epoch = mmu_epoch(r.c);
	mmu_flush_page(r.c, KERNEL + 0x5000);
	CHECK(mmu_epoch(r.c) != epoch);
	/* All is flushed: it begins again. */
	mmu_flush(r.c, true);
	fetch(r.cpu, KERNEL + 0x5000);
	epoch = mmu_epoch(r.c);
	CHECK(epoch != shared);
	switch_to(&r, ROOT_2, 1, false);
	CHECK_EQ(mmu_epoch(r.c), epoch);
	rig64_stop(&r);
}

static void a_kernels_large_page_of_code_is_one(void)
{
	struct rig64 r;
	u64 epoch;

	begin_kernel(&r);
	put_le64(entry_under(&r, ROOT_2, KERNEL + MIB(2), 2), PT_P | PT_W | PT_G | PT_PS);
	switch_to(&r, ROOT_2, 1, false);
	fetch(r.cpu, KERNEL + MIB(2) + A);
	epoch = mmu_epoch(r.c);
	mmu_flush_page(r.c, KERNEL + MIB(4));
	mmu_flush_page(r.c, MIB(2) + B);
	CHECK_EQ(mmu_epoch(r.c), epoch);
	mmu_flush_page(r.c, KERNEL + MIB(2) + B);
	CHECK(mmu_epoch(r.c) != epoch);
	rig64_stop(&r);
}

static void code_is_kept_apart_from_data(void)
{
	struct rig_access f = { .way = FETCH, .at = 0x5000 };
	struct rig64 r;

	begin(&r);
	map_page(&r, 0x5000, A, PT_ALL | BIT64(63));
	get8(r.cpu, 0x5000);
	CHECK(!rig_try(r.cpu, &f));
	CHECK_EQ(r.cpu->event.error, PF_P | ACC_FETCH);
	map_page(&r, 0x5000, A, PT_ALL);
	fetch(r.cpu, 0x5000);
	r.c->cr4 |= CR4_SMEP;
	rig_mode(r.cpu);
	CHECK(!rig_try(r.cpu, &f));
	r.c->cpl = 3;
	rig_mode(r.cpu);
	CHECK(rig_try(r.cpu, &f));
	f.at = 0x8000000000000000ull;
	CHECK(!rig_try(r.cpu, &f));
	CHECK_EQ(r.cpu->event.vector, VEC_GP);
	rig64_stop(&r);
}

static void pdptes_are_checked_before_they_are_loaded(void)
{
	struct rig64 r;
	u8 *at;

	begin(&r);
	at = r.ram->host + 0x2e0;
	r.c->efer = EFER_NXE;
	for (unsigned i = 0; i < 4; i++)
		put_le64(at + 8 * i, 0x1000 * i | (i & 1));
	put_le64(at, 0xfffffffffffffffeull); /* not present: nothing else counts */
	CHECK(mmu_load_pdptes(r.c, CR0_PG | CR0_PE, 0x2e0, CR4_PAE));
	CHECK_EQ(r.c->pdpte[3], 0x3001);
	put_le64(at + 24, 0x5001 | BIT64(r.rig.soft.phys_bits));
	CHECK(!mmu_load_pdptes(r.c, CR0_PG | CR0_PE, 0x2e0, CR4_PAE));
	CHECK_EQ(r.c->pdpte[3], 0x3001);
	for (unsigned bit = 0; bit < 64; bit++) {
		bool bad = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		put_le64(at + 24, 1 | BIT64(bit));
		CHECK_EQ(mmu_load_pdptes(r.c, CR0_PG | CR0_PE, 0x2e0, CR4_PAE), !bad);
	}
	CHECK(mmu_load_pdptes(r.c, CR0_PE, 0x2e0, CR4_PAE));
	CHECK(mmu_load_pdptes(r.c, CR0_PE | CR0_PG, 0x2e0, CR4_PSE));
	r.c->efer = EFER_LME;
	CHECK(mmu_load_pdptes(r.c, CR0_PE | CR0_PG, 0x2e0, CR4_PAE));
	rig64_stop(&r);
}

static void a_full_table_of_translations_is_flushed_whole(void)
{
	struct rig64 r;

	begin(&r);
	for (unsigned i = 0; i < 2 * TLB_SIZE; i++) {
		map_page(&r, 0x40000000 + (gva_t)i * PAGE, (gpa_t)(i % 16) * PAGE, PT_ALL);
		get8(r.cpu, 0x40000000 + (gva_t)i * PAGE);
	}
	mmu_flush(r.c, false);
	for (unsigned i = 0; i < 2 * TLB_SIZE; i++)
		CHECK(!has_tag(r.cpu, 0x40000000 + (gva_t)i * PAGE, false));
	CHECK_EQ(r.c->mmu->now->view[USE_SUPER].count, 0);
	rig64_stop(&r);
}

int main(void)
{
	RUN(a_translation_stays_until_its_page_is_flushed);
	RUN(a_page_gets_its_write_tag_with_the_dirty_bit);
	RUN(a_large_page_is_flushed_whole);
	RUN(a_new_cr3_keeps_what_is_global);
	RUN(global_means_nothing_without_pge);
	RUN(a_pcid_keeps_its_translations_if_asked_to);
	RUN(invlpg_reaches_the_own_pcid_and_global_pages_of_all);
	RUN(invpcid_reaches_what_its_type_says);
	RUN(the_pcid_that_was_not_used_for_longest_makes_room);
	RUN(write_protection_counts_at_once);
	RUN(privilege_and_ac_choose_what_may_be_used);
	RUN(the_epoch_changes_where_code_was_and_only_there);
	RUN(global_code_of_the_kernel_has_one_epoch_for_all_pcids);
	RUN(code_that_is_not_global_ends_the_kernels_epoch);
	RUN(a_kernels_large_page_of_code_is_one);
	RUN(code_is_kept_apart_from_data);
	RUN(pdptes_are_checked_before_they_are_loaded);
	RUN(a_full_table_of_translations_is_flushed_whole);
	return 0;
}
