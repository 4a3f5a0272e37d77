/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory accesses of our own CPU that others must hear of, or that are no memory. */
#include "mmu_tables.h"

enum { A = 0x10000, B = 0x11000, WINDOW = 0x40000000 };

/* Pages at 5000 and 6000, written already, so that all tags are there to be had. */
static void begin(struct rig64 *r)
{
	rig64_start(r);
	map_page(r, 0x5000, A, PT_ALL);
	map_page(r, 0x6000, B, PT_ALL);
	for (unsigned i = 0; i < MMU_CPUS; i++) {
		mmu_serve(&r->rig.cpu[i].c);
		put8(&r->rig.cpu[i], 0x5000, 0);
		put8(&r->rig.cpu[i], 0x6000, 0);
		CHECK(has_tag(&r->rig.cpu[i], 0x5000, true));
	}
}

/* As block.c does. */
static bool claim(struct rig_cpu *cpu, gva_t at, u32 *word)
{
	struct fetch f = fetch(cpu, at);

	if (!mmu_claim_code(&cpu->c, &f, word))
		return false;
	__atomic_fetch_or(&f.page->pieces, BIT64(at % PAGE / 64), __ATOMIC_SEQ_CST);
	return true;
}

static void a_write_to_decoded_bytes_is_noticed(void)
{
	struct rig64 r;
	struct code_page *page;
	u32 word;

	begin(&r);
	page = &r.ram->code[A / PAGE];
	CHECK(page->word & CODE_WRITE_TAGS);
	CHECK(claim(r.cpu, 0x5040, &word));
	CHECK(!has_tag(r.cpu, 0x5000, true) && has_tag(r.cpu, 0x5000, false));
	CHECK(has_tag(r.cpu, 0x6000, true));
	CHECK_EQ(page->word, word);
	CHECK_EQ(word & (CODE_HERE | CODE_WRITE_TAGS), CODE_HERE);

	put8(r.cpu, 0x503f, 1); /* beside it */
	put8(r.cpu, 0x5080, 1);
	CHECK_EQ(page->word, word);
	CHECK_EQ(r.c->attention, 0);
	CHECK(!has_tag(r.cpu, 0x5000, true));
	put8(r.cpu, 0x507f, 0x90);
	CHECK(page->word != word && !(page->word & CODE_HERE));
	CHECK_EQ(page->pieces, 0);
	CHECK_EQ(r.c->attention, ATT_FLUSH); /* the block ends */
	CHECK_EQ(r.ram->host[A + 0x7f], 0x90);
	put8(r.cpu, 0x5000, 1);
	CHECK(has_tag(r.cpu, 0x5000, true));
	rig64_stop(&r);
}

static void a_write_across_pages_invalidates_in_both(void)
{
	struct rig_access a = { .way = LIN_WRITE, .at = 0x5ffc, .size = 8, .val = ~0ull };
	struct rig64 r;
	u32 first, second;

	begin(&r);
	CHECK(claim(r.cpu, 0x5ff0, &first) && claim(r.cpu, 0x6000, &second));
	CHECK(rig_try(r.cpu, &a));
	CHECK(r.ram->code[A / PAGE].word != first && r.ram->code[B / PAGE].word != second);
	CHECK_EQ(le64_at(r.ram->host + A + 0xffc), ~0ull);
	rig64_stop(&r);
}

static void others_must_have_dropped_their_write_tags_first(void)
{
	struct rig64 r;
	struct rig_cpu *other;
	u32 word;

	begin(&r);
	other = &r.rig.cpu[1];
	mmu_enter_guest(r.c);
	mmu_enter_guest(&other->c);
	CHECK(!claim(r.cpu, 0x5000, &word));
	CHECK_EQ(other->c.attention, ATT_FLUSH);
	CHECK_EQ(r.c->attention, 0);
	CHECK(!claim(r.cpu, 0x5000, &word));
	CHECK(has_tag(other, 0x5000, true));
	mmu_serve(&other->c);
	CHECK_EQ(other->c.attention, 0);
	CHECK(!has_tag(other, 0x5000, true) && has_tag(other, 0x5000, false));
	CHECK(claim(r.cpu, 0x5000, &word));
	put8(other, 0x5001, 1); /* and it gets none while there is code */
	CHECK(!has_tag(other, 0x5000, true));
	CHECK(r.ram->code[A / PAGE].word != word);
	rig64_stop(&r);
}

static void who_is_out_of_the_guest_drops_them_on_the_way_in(void)
{
	struct rig64 r;
	struct rig_cpu *other;
	u32 word;

	begin(&r);
	other = &r.rig.cpu[1];
	mmu_enter_guest(r.c);
	mmu_enter_guest(&other->c);
	mmu_leave_guest(&other->c);
	CHECK(claim(r.cpu, 0x5000, &word));
	CHECK(has_tag(other, 0x5000, true));
	mmu_enter_guest(&other->c);
	CHECK(!has_tag(other, 0x5000, true));
	CHECK(other->c.attention & ATT_FLUSH); /* its block would still have to end */
	rig64_stop(&r);
}

static void an_old_answer_does_not_count_for_new_write_tags(void)
{
	struct rig64 r;
	struct rig_cpu *other;
	u32 word;

	begin(&r);
	other = &r.rig.cpu[1];
	mmu_enter_guest(&other->c);
	CHECK(!claim(r.cpu, 0x5000, &word));
	mmu_serve(&other->c);
	r.ram->code[A / PAGE].pieces = 1;
	put8(other, 0x5000, 1); /* the code is gone before the answer is looked at */
	put8(other, 0x5000, 1);
	CHECK(has_tag(other, 0x5000, true));
	CHECK(!claim(r.cpu, 0x5000, &word));
	mmu_serve(&other->c);
	CHECK(claim(r.cpu, 0x5000, &word));
	rig64_stop(&r);
}

static u64 dirty_pages(struct rig64 *r, u64 *bitmap)
{
	return dirty_fetch(r->ram, bitmap);
}

static void logged_pages_are_marked_and_stale_tags_too(void)
{
	u64 bitmap[RAM_SIZE / PAGE / 64];
	struct rig64 r;

	begin(&r);
	for (unsigned i = 0; i < 2; i++)
		mmu_enter_guest(&r.rig.cpu[i].c);
	map_page(&r, 0x7000, 0x12000, PT_ALL);
	get8(r.cpu, 0x7000);
	CHECK_EQ(dirty_start(r.ram, true), 0);
	CHECK(r.c->attention & ATT_FLUSH);
	put8(r.cpu, 0x5000, 9); /* by a tag of old, or not: it is marked in any case */
	for (unsigned i = 0; i < 2; i++)
		mmu_serve(&r.rig.cpu[i].c);
	dirty_pages(&r, bitmap);
	CHECK(bitmap[0] & BIT64(A / PAGE) && bitmap[0] & BIT64(B / PAGE));
	CHECK(!(bitmap[0] & BIT64(0x12)));
	CHECK(!has_tag(r.cpu, 0x5000, true));
	get8(r.cpu, 0x5000);
	CHECK_EQ(dirty_pages(&r, bitmap), 0);
	put8(r.cpu, 0x5000, 10);
	CHECK(!has_tag(r.cpu, 0x5000, true));
	CHECK_EQ(dirty_pages(&r, bitmap), 1);
	CHECK_EQ(bitmap[0], BIT64(A / PAGE));
	map_page(&r, 0x8000, 0x13000, PT_ALL);
	get8(r.cpu, 0x8000); /* sets A in a table: that is a write as well */
	dirty_pages(&r, bitmap);
	CHECK(bitmap[TABLES_AT / PAGE / 64]);
	CHECK_EQ(dirty_start(r.ram, false), 0);
	put8(r.cpu, 0x5000, 11);
	put8(r.cpu, 0x5000, 11);
	CHECK(has_tag(r.cpu, 0x5000, true));
	rig64_stop(&r);
}

static void dirty_logging_catches_who_is_paused_in_between(void)
{
	u64 bitmap[RAM_SIZE / PAGE / 64];
	struct rig64 r;

	begin(&r);
	mmu_enter_guest(r.c);
	CHECK_EQ(dirty_start(r.ram, true), 0);
	mmu_leave_guest(r.c);
	dirty_pages(&r, bitmap);
	CHECK(bitmap[0] & BIT64(A / PAGE));
	rig64_stop(&r);
}

static void who_begins_a_log_itself_marks_nothing_of_old(void)
{
	u64 bitmap[RAM_SIZE / PAGE / 64];
	struct rig64 r;

	begin(&r);
	for (unsigned i = 0; i < 2; i++)
		mmu_enter_guest(&r.rig.cpu[i].c);
	mmu_leave_guest(&r.rig.cpu[1].c);
	rig_current = r.c; /* in a device, as it were */
	CHECK_EQ(dirty_start(r.ram, true), 0);
	rig_current = NULL;
	CHECK(!has_tag(r.cpu, 0x5000, true)); /* at once */
	mmu_serve(r.c);
	mmu_enter_guest(&r.rig.cpu[1].c);
	CHECK(!has_tag(&r.rig.cpu[1], 0x5000, true));
	CHECK_EQ(dirty_pages(&r, bitmap), 0);
	put8(r.cpu, 0x5000, 1);
	CHECK_EQ(dirty_pages(&r, bitmap), 1);
	rig64_stop(&r);
}

/* ---- pointers ---- */

static void *pointer(struct rig_cpu *cpu, gva_t at, size_t len, bool write)
{
	struct rig_access a = { .way = write ? LIN_PTR_WRITE : LIN_PTR_READ,
				.at = at,
				.size = len };

	CHECK(rig_try(cpu, &a));
	return a.ptr;
}

static void a_pointer_is_for_the_rest_of_a_page_at_most(void)
{
	struct rig_access a = { .way = LIN_PTR_READ, .at = 0x9000, .size = 1 };
	struct rig64 r;

	begin(&r);
	CHECK(pointer(r.cpu, 0x5100, 0xf00, true) == r.ram->host + A + 0x100);
	CHECK(pointer(r.cpu, 0x5000, PAGE, false) == r.ram->host + A);
	CHECK(!pointer(r.cpu, 0x5fff, 2, false));
	CHECK(!pointer(r.cpu, 0x5000, 2 * PAGE, true));
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.cr2, 0x9000);
	a.at = 0x800000000000;
	a.seg = SEG_SS;
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.vector, VEC_SS);
	rig64_stop(&r);
}

static void what_is_written_by_pointer_is_noted_after_the_instruction(void)
{
	u64 bitmap[RAM_SIZE / PAGE / 64];
	struct rig64 r;
	u32 word;
	u8 *p;

	begin(&r);
	CHECK(claim(r.cpu, 0x5000, &word));
	p = pointer(r.cpu, 0x5008, 8, true);
	CHECK(p == r.ram->host + A + 8);
	CHECK_EQ(r.ram->code[A / PAGE].word, word);
	CHECK(r.c->attention & ATT_FLUSH);
	mmu_serve(r.c);
	CHECK(r.ram->code[A / PAGE].word != word);

	CHECK_EQ(dirty_start(r.ram, true), 0);
	mmu_serve(r.c);
	dirty_pages(&r, bitmap);
	for (unsigned i = 0; i < 3 * MMU_NOTES; i++)
		CHECK(pointer(r.cpu, 0x6000 + 8 * i, 8, true));
	mmu_serve(r.c);
	dirty_pages(&r, bitmap);
	CHECK_EQ(bitmap[0], BIT64(B / PAGE));
	rig64_stop(&r);
}

/* ---- devices ---- */

struct gadget {
	struct rig64 *r;
	struct io_window window;
	struct region *hide; /* shown or hidden by a write */
	u64 last_off, last_val;
	unsigned last_size, reads, writes;
};

static u64 gadget_read(void *dev, u64 off, unsigned size)
{
	struct gadget *g = dev;

	g->reads++;
	g->last_off = off;
	g->last_size = size;
	return 0x1122334455667788ull >> 8 * (off % 8);
}

static void gadget_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct gadget *g = dev;

	g->writes++;
	g->last_off = off;
	g->last_size = size;
	g->last_val = val;
	if (g->hide)
		region_show(g->hide, val & 1 ? IN_ALL : 0);
}

static const struct io_ops gadget_ops = {
	.read = gadget_read,
	.write = gadget_write,
	.unaligned = true,
};

static void gadget_start(struct gadget *g, struct rig64 *r)
{
	*g = (struct gadget){ .r = r };
	g->window = (struct io_window){
		.ops = &gadget_ops, .dev = g, .base = WINDOW, .len = 2 * PAGE, .space = IO_MMIO
	};
	machine_lock(r->rig.m);
	CHECK_EQ(io_map(r->rig.m, &g->window, NULL), 0);
	machine_unlock(r->rig.m);
	map_page(r, 0x9000, WINDOW, PT_ALL);
	map_page(r, 0xa000, WINDOW + PAGE, PT_ALL);
}

static void what_is_no_memory_goes_to_devices(void)
{
	struct rig_access a = { .way = LIN_READ, .at = 0x9008, .size = 8 };
	struct rig64 r;
	struct gadget g;

	begin(&r);
	gadget_start(&g, &r);
	CHECK(rig_try(r.cpu, &a));
	CHECK_EQ(a.val, 0x1122334455667788ull);
	CHECK_EQ(g.last_off, 8);
	CHECK_EQ(g.last_size, 8);
	CHECK(!has_tag(r.cpu, 0x9000, false));
	put8(r.cpu, 0x9003, 0x5a);
	CHECK_EQ(g.last_off, 3);
	CHECK_EQ(g.last_val, 0x5a);
	CHECK_EQ(r.cpu->parks, 2);
	CHECK_EQ(r.c->base.exits[EXIT_MMIO_READ], 1);
	CHECK_EQ(r.c->base.exits[EXIT_MMIO_WRITE], 1);
	CHECK(!pointer(r.cpu, 0x9000, 8, true));
	CHECK(!fetch(r.cpu, 0x9010).host && !fetch(r.cpu, 0x9010).page);
	CHECK_EQ(fetch(r.cpu, 0x9010).phys, WINDOW + 0x10);
	CHECK_EQ(phys_read(r.c, WINDOW + 1, 2), 0x6677);
	rig64_stop(&r);
}

static void an_access_may_be_half_memory_half_device(void)
{
	struct rig_access a = {
		.way = LIN_WRITE, .at = 0x8ffd, .size = 8, .val = 0x8877665544332211
	};
	u8 bytes[40];
	struct rig64 r;
	struct gadget g;

	begin(&r);
	gadget_start(&g, &r);
	map_page(&r, 0x8000, B, PT_ALL);
	CHECK(rig_try(r.cpu, &a));
	CHECK_EQ(g.writes, 2); /* 4 bytes and 1 */
	CHECK_EQ(g.last_off, 4);
	CHECK_EQ(g.last_val, 0x88);
	CHECK_EQ(le_at(r.ram->host + B + 0xffd, 3), 0x332211);
	a.way = LIN_READ_BYTES;
	a.bytes = bytes;
	a.size = sizeof(bytes);
	CHECK(rig_try(r.cpu, &a));
	CHECK_EQ(le_at(bytes, 3), 0x332211);
	CHECK_EQ(le64_at(bytes + 3), 0x1122334455667788);
	CHECK_EQ(le64_at(bytes + 27), 0x1122334455667788);
	CHECK_EQ(g.reads, 6);
	a.way = LIN_WRITE_BYTES;
	a.at = 0x8ffd;
	CHECK(rig_try(r.cpu, &a));
	CHECK_EQ(g.writes, 8);
	rig64_stop(&r);
}

static void a_change_of_the_map_counts_for_the_next_access(void)
{
	struct rig64 r;
	struct gadget g;
	struct region *over;
	u64 epoch;

	begin(&r);
	gadget_start(&g, &r);
	over = rig_add(&r.rig, REGION_ROM, A, PAGE);
	region_show(over, 0);
	mmu_serve(r.c);
	over->host[0] = 0x77;
	put8(r.cpu, 0x5000, 0xa);
	g.hide = over;
	epoch = mmu_epoch(r.c);
	put8(r.cpu, 0x9000, 1);
	CHECK(mmu_epoch(r.c) != epoch);
	CHECK(r.c->attention & ATT_FLUSH && r.rig.cpu[1].c.attention & ATT_FLUSH);
	CHECK_EQ(get8(r.cpu, 0x5000), 0x77);
	put8(r.cpu, 0x5000, 0xb); /* lost */
	CHECK(has_tag(r.cpu, 0x5000, false) && !has_tag(r.cpu, 0x5000, true));
	CHECK_EQ(get8(&r.rig.cpu[1], 0x5000), 0xa); /* has not heard of it yet */
	mmu_serve(&r.rig.cpu[1].c);
	CHECK_EQ(get8(&r.rig.cpu[1], 0x5000), 0x77);
	put8(r.cpu, 0x9000, 0);
	CHECK_EQ(get8(r.cpu, 0x5000), 0xa);
	rig64_stop(&r);
}

static void system_management_mode_sees_its_own_memory(void)
{
	struct rig64 r;
	struct region *smram;

	begin(&r);
	CHECK_EQ(mem_add(&smram, r.rig.m->mem, "smram", REGION_RAM, A, PAGE, 0, IN_SMM, NULL), 0);
	mmu_serve(r.c);
	put8(r.cpu, 0x5000, 1);
	r.c->in_smm = true;
	phys_write(r.c, A + 0xffe, 4, 0x44332211); /* before anything else hears of the mode */
	CHECK_EQ(smram->host[0xfff], 0x22);
	CHECK_EQ(r.ram->host[B], 0x33);
	rig_mode(r.cpu);
	CHECK_EQ(get8(r.cpu, 0x5000), 0);
	put8(r.cpu, 0x5000, 2);
	r.c->in_smm = false;
	rig_mode(r.cpu);
	CHECK_EQ(get8(r.cpu, 0x5000), 1);
	CHECK_EQ(smram->host[0], 2);
	rig64_stop(&r);
}

static void the_local_apic_hides_what_is_behind_it(void)
{
	struct rig_access a = { .way = LIN_READ, .at = 0x5030, .size = 4 };
	struct rig64 r;

	begin(&r);
	CHECK_EQ(lapic_wrmsr(&r.c->lapic, 0x1b, A | 0x900), 0);
	mmu_flush(r.c, true);
	CHECK(rig_try(r.cpu, &a));
	CHECK_EQ(a.val, 0x01060014);
	CHECK_EQ(get8(r.cpu, 0x5032), 6);
	a = (struct rig_access){ .way = LIN_WRITE, .at = 0x5080, .size = 4, .val = 0x30 };
	CHECK(rig_try(r.cpu, &a));
	CHECK_EQ(lapic_get_cr8(&r.c->lapic), 3);
	CHECK_EQ(phys_read(r.c, A + 0x80, 4), 0x30);
	CHECK(!fetch(r.cpu, 0x5000).host);
	CHECK_EQ(get8(&r.rig.cpu[1], 0x5030), 0);
	CHECK_EQ(lapic_wrmsr(&r.c->lapic, 0x1b, 0xfee00900), 0);
	mmu_flush(r.c, true);
	CHECK_EQ(get8(r.cpu, 0x5030), 0);
	rig64_stop(&r);
}

/* ---- bytes, probes, compare and exchange ---- */

static void nothing_is_written_where_a_later_page_faults(void)
{
	static const enum rig_way ways[] = { LIN_WRITE_BYTES, SYS_WRITE_BYTES, LIN_PROBE,
					     SYS_PROBE };
	u8 bytes[2 * PAGE];
	struct rig64 r;

	begin(&r);
	memset(bytes, 0xee, sizeof(bytes));
	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		struct rig_access a = { .way = ways[i], .at = 0x5ff0, .bytes = bytes };

		a.size = PAGE + 0x11;
		CHECK(!rig_try(r.cpu, &a));
		CHECK_EQ(r.cpu->event.cr2, 0x7000);
		CHECK_EQ(r.cpu->event.error, ACC_WRITE);
		CHECK_EQ(r.ram->host[A + 0xff0], 0);
		a.size--;
		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(r.ram->host[B + 0xfff], i < 2 ? 0xee : 0);
		memset(r.ram->host + A, 0, 2 * PAGE);
	}
	rig64_stop(&r);
}

static void compare_and_exchange_tells_and_writes(void)
{
	static const u8 sizes[] = { 1, 4, 8 };
	struct rig64 r;
	struct gadget g;

	begin(&r);
	gadget_start(&g, &r);
	for (unsigned i = 0; i < 3; i++) {
		struct rig_access a = { .way = SYS_CMPXCHG, .at = 0x5100, .size = sizes[i] };

		memset(r.ram->host + A + 0x100, 0, 16);
		a.val = 0x81;
		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(a.val, 1);
		CHECK_EQ(le64_at(r.ram->host + A + 0x100), 0x81);
		a.val = 5;
		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(a.val, 0);
		CHECK_EQ(r.cpu->exclusives, 0);
	}
	for (gva_t at = 0x5ffd; at; at = at == 0x5ffd ? 0x9000 : 0) {
		struct rig_access a = { .way = SYS_CMPXCHG, .at = at, .size = 8, .val = ~0ull };

		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(a.val, at == 0x5ffd);
		CHECK_EQ(r.cpu->exclusives, at == 0x5ffd ? 1 : 2);
	}
	CHECK_EQ(le32_at(r.ram->host + B), 0xffffffff);
	rig64_stop(&r);
}

/* ---- what must be looked at ---- */

static void alignment_is_checked_for_users_only(void)
{
	struct rig_access a = { .way = LIN_READ, .at = 0x5001, .size = 4 };
	struct rig_access s = { .way = SYS_READ, .at = 0x5001, .size = 4 };
	struct rig64 r;

	begin(&r);
	r.c->cr0 |= CR0_AM;
	r.c->rflags = FL_AC;
	rig_mode(r.cpu);
	CHECK(rig_try(r.cpu, &a));
	r.c->cpl = 3;
	rig_mode(r.cpu);
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.vector, VEC_AC);
	CHECK(rig_try(r.cpu, &s));
	CHECK(!pointer(r.cpu, 0x5000, 4, true));
	a.at = 0x6ffd; /* the next page is not there: that comes first */
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.cpu->event.vector, VEC_PF);
	a = (struct rig_access){ .way = LIN_WRITE, .at = 0x5004, .size = 4, .val = 3 };
	CHECK(rig_try(r.cpu, &a));
	CHECK(!has_tag(r.cpu, 0x5000, true));
	a.at = 0x5004;
	a.size = 8;
	CHECK(!rig_try(r.cpu, &a));
	CHECK_EQ(r.ram->host[A + 4], 3);
	rig64_stop(&r);
}

static void watched_pages_have_no_tags(void)
{
	struct rig64 r;

	begin(&r);
	r.c->dr[7] = 1;
	r.cpu->watched = 0x5000;
	mmu_flush(r.c, true);
	put8(r.cpu, 0x5008, 1);
	CHECK(!has_tag(r.cpu, 0x5000, true));
	CHECK_EQ(r.c->trap_dr6, 0);
	get8(r.cpu, 0x5000);
	CHECK(!has_tag(r.cpu, 0x5000, false));
	CHECK(!pointer(r.cpu, 0x5008, 4, false));
	put8(r.cpu, 0x5000, 1);
	CHECK_EQ(r.c->trap_dr6, 1);
	CHECK(r.c->attention & ATT_STEP);
	put8(r.cpu, 0x6000, 1);
	CHECK(has_tag(r.cpu, 0x6000, true));
	rig64_stop(&r);
}

int main(void)
{
	RUN(a_write_to_decoded_bytes_is_noticed);
	RUN(a_write_across_pages_invalidates_in_both);
	RUN(others_must_have_dropped_their_write_tags_first);
	RUN(who_is_out_of_the_guest_drops_them_on_the_way_in);
	RUN(an_old_answer_does_not_count_for_new_write_tags);
	RUN(logged_pages_are_marked_and_stale_tags_too);
	RUN(dirty_logging_catches_who_is_paused_in_between);
	RUN(who_begins_a_log_itself_marks_nothing_of_old);
	RUN(a_pointer_is_for_the_rest_of_a_page_at_most);
	RUN(what_is_written_by_pointer_is_noted_after_the_instruction);
	RUN(what_is_no_memory_goes_to_devices);
	RUN(an_access_may_be_half_memory_half_device);
	RUN(a_change_of_the_map_counts_for_the_next_access);
	RUN(system_management_mode_sees_its_own_memory);
	RUN(the_local_apic_hides_what_is_behind_it);
	RUN(nothing_is_written_where_a_later_page_faults);
	RUN(compare_and_exchange_tells_and_writes);
	RUN(alignment_is_checked_for_users_only);
	RUN(watched_pages_have_no_tags);
	return 0;
}
