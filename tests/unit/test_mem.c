/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory: what covers what, what may be written, who is told. */
#include "mem/mem.h"

#include "test.h"

static struct mem *fresh(void)
{
	struct mem *m;
	CHECK(mem_create(&m, NULL) == 0);
	return m;
}

static struct region *add(struct mem *m, enum region_kind kind, gpa_t base, u64 size)
{
	struct region *r;
	CHECK(mem_add(&r, m, "test", kind, base, size, 0, IN_ALL, NULL) == 0);
	return r;
}

static void a_copy_crosses_from_one_region_to_the_next(void)
{
	struct mem *m = fresh();
	u8 out[16], in[16] = "0123456789abcde";

	add(m, REGION_RAM, 0, 0x1000);
	add(m, REGION_RAM, 0x1000, 0x1000);
	CHECK(mem_write(m, 0xff8, in, 16) == 0);
	CHECK(mem_read(m, 0xff8, out, 16) == 0);
	CHECK(!memcmp(in, out, 16));
	CHECK(!mem_ptr(m, 0xff8, 16, false)); /* not contiguous on the host */
	CHECK(mem_ptr(m, 0xff8, 8, false));
	CHECK(mem_read(m, 0x1ff8, out, 16) < 0); /* past the end */
	mem_destroy(m);
}

static void a_host_address_tells_whose_memory_it_is(void)
{
	struct mem *m = fresh();
	struct region *ram = add(m, REGION_RAM, 0, 0x2000), *alias;
	struct region *rom = add(m, REGION_ROM, 0x10000, 0x1000);
	u8 other;

	CHECK(mem_alias(&alias, m, "alias", REGION_RAM, 0x20000, rom, 0, 0x1000, IN_ALL, NULL) ==
	      0);
	CHECK(mem_owns(m, REGION_RAM, ram->host) && mem_owns(m, REGION_RAM, ram->host + 0x1fff));
	CHECK(!mem_owns(m, REGION_RAM, ram->host + 0x2000));
	CHECK(mem_owns(m, REGION_ROM, rom->host) && !mem_owns(m, REGION_RAM, alias->host));
	CHECK(!mem_owns(m, REGION_RAM, &other));
	mem_destroy(m);
}

static void rom_reads_and_refuses_writes(void)
{
	struct mem *m = fresh();
	struct region *rom = add(m, REGION_ROM, 0xffff0000, 0x10000);
	u8 b = 0;

	rom->host[0xfff0] = 0xea;
	CHECK(mem_read(m, 0xfffffff0, &b, 1) == 0);
	CHECK_EQ(b, 0xea);
	CHECK(mem_write(m, 0xfffffff0, &b, 1) < 0);
	CHECK(!mem_ptr(m, 0xfffffff0, 1, true));
	CHECK(mem_read(m, 0xffffffff, &b, 1) == 0);
	mem_destroy(m);
}

static void a_hole_hides_ram_in_one_view_only(void)
{
	struct mem *m = fresh();
	struct region *tseg;
	struct mem_range r;
	u8 b;

	add(m, REGION_RAM, 0, 0x10000);
	CHECK(mem_add(&tseg, m, "tseg", REGION_HOLE, 0x8000, 0x2000, 0, IN_NORMAL, NULL) == 0);
	CHECK(mem_read(m, 0x8000, &b, 1) < 0);
	CHECK(mem_read(m, 0x7fff, &b, 1) == 0);
	CHECK(mem_read(m, 0xa000, &b, 1) == 0);
	CHECK(mem_find(m, VIEW_SMM, 0x8000, &r));
	CHECK_EQ(r.at, 0);
	CHECK_EQ(r.len, 0x10000);
	region_show(tseg, 0);
	CHECK(mem_read(m, 0x8000, &b, 1) == 0);
	mem_destroy(m);
}

static void priority_decides_and_hiding_uncovers(void)
{
	struct mem *m = fresh();
	struct region *low = add(m, REGION_RAM, 0, 0x4000),
		      *top = add(m, REGION_RAM, 0x1000, 0x1000);
	u8 b = 1, v = 9;

	top->host[0] = 7;
	low->host[0x1000] = 3;
	CHECK(mem_read(m, 0x1000, &v, 1) == 0 && v == 7);
	region_set_priority(top, -1, IN_ALL);
	CHECK(mem_read(m, 0x1000, &v, 1) == 0 && v == 3);
	region_move(top, 0x8000, IN_ALL);
	CHECK(mem_write(m, 0x8000, &b, 1) == 0);
	CHECK_EQ(top->host[0], 1);
	/* A place chosen by a guest that wraps, or is no page, shows nothing and breaks nothing. */
	region_move(top, ~0ull - 0xfff + 0x800, IN_ALL);
	CHECK(mem_read(m, 0x8000, &v, 1) < 0);
	region_move(top, 0ull - 0x1000, IN_ALL);
	CHECK(mem_read(m, ~0ull, &v, 1) == 0);
	CHECK(mem_read(m, ~0ull, &v, 2) < 0);
	mem_destroy(m);
}

struct seen {
	unsigned adds, removes;
	u64 bytes;
};

static int on_add(void *arg, enum mem_view view, const struct mem_range *r)
{
	struct seen *s = arg;

	if (view == VIEW_NORMAL) {
		s->adds++;
		s->bytes += r->len;
	}
	return 0;
}

static void on_remove(void *arg, enum mem_view view, const struct mem_range *r)
{
	struct seen *s = arg;

	if (view == VIEW_NORMAL) {
		s->removes++;
		s->bytes -= r->len;
	}
}

static void listeners_hear_only_what_changed(void)
{
	struct seen s = { 0 };
	const struct mem_listener l = { .add = on_add, .remove = on_remove, .arg = &s };
	struct mem *m = fresh();
	struct region *flash;

	add(m, REGION_RAM, 0, 0x10000);
	CHECK(mem_listen(m, &l, NULL) == 0);
	CHECK(s.adds == 1 && s.bytes == 0x10000);
	flash = add(m, REGION_ROM_DEVICE, 0xfff00000, 0x10000);
	CHECK(s.adds == 2 && s.removes == 0);
	region_show(flash, 0);
	CHECK(s.adds == 2 && s.removes == 1 && s.bytes == 0x10000);
	region_show(flash, IN_ALL);
	CHECK(s.adds == 3 && s.bytes == 0x20000);
	mem_unlisten(m, &l);
	region_show(flash, 0);
	CHECK(s.removes == 1);
	mem_destroy(m);
}

static void a_batch_is_published_once_and_at_its_end(void)
{
	struct seen s = { 0 };
	const struct mem_listener l = { .add = on_add, .remove = on_remove, .arg = &s };
	struct mem *m = fresh();
	struct region *a = add(m, REGION_RAM, 0, 0x1000), *b;
	u8 v;

	CHECK(mem_listen(m, &l, NULL) == 0);
	mem_begin(m);
	mem_commit(m); /* nothing changed */
	mem_begin(m);
	region_move(a, 0x2000, IN_ALL);
	mem_begin(m);
	b = add(m, REGION_RAM, 0x8000, 0x1000);
	mem_commit(m); /* an inner one */
	CHECK(s.adds == 1 && s.removes == 0);
	CHECK(mem_read(m, 0, &v, 1) == 0);
	CHECK(mem_read(m, 0x8000, &v, 1) < 0);
	/* What is taken back before the end is never told. */
	region_show(b, 0);
	region_move(a, 0x3000, IN_ALL);
	mem_commit(m);
	CHECK(s.adds == 2 && s.removes == 1 && s.bytes == 0x1000);
	CHECK(mem_read(m, 0, &v, 1) < 0);
	CHECK(mem_read(m, 0x2000, &v, 1) < 0);
	CHECK(mem_read(m, 0x3000, &v, 1) == 0);
	region_show(b, IN_ALL); /* after it, changes count at once */
	CHECK(s.adds == 3 && s.bytes == 0x2000);
	mem_destroy(m);
}

static void dirty_pages_are_told_once(void)
{
	struct mem *m = fresh();
	struct region *r = add(m, REGION_RAM, 0x100000, 0x100000);
	u64 bits[4];
	u8 buf[0x2001] = { 0 };

	CHECK(mem_write(m, 0x100000, buf, 1) == 0); /* not logged yet */
	CHECK(dirty_start(r, true) == 0);
	CHECK_EQ(dirty_fetch(r, bits), 0);
	CHECK(mem_write(m, 0x103fff, buf, sizeof(buf)) == 0);
	CHECK_EQ(dirty_fetch(r, bits), 3);
	CHECK_EQ(bits[0], 0x38);
	CHECK_EQ(dirty_fetch(r, bits), 0);
	CHECK(mem_ptr(m, 0x1ff000, 1, true));
	CHECK_EQ(dirty_fetch(r, bits), 1);
	CHECK_EQ(bits[3], 1ull << 63);
	mem_destroy(m);
}

static void bad_places_are_refused(void)
{
	struct mem *m = fresh();
	struct error err = { 0 };
	struct region *r = NULL;

	CHECK(mem_add(&r, m, "odd", REGION_RAM, 0x10, 0x1000, 0, IN_ALL, &err) == -22);
	CHECK(mem_add(&r, m, "none", REGION_RAM, 0, 0, 0, IN_ALL, &err) == -22);
	CHECK(mem_add(&r, m, "wrap", REGION_HOLE, 0ull - 0x1000, 0x2000, 0, IN_ALL, &err) == -22);
	CHECK(strstr(err.msg, "wraps"));
	CHECK(!r);
	mem_destroy(m);
}

static int refuse_high(void *arg, enum mem_view view, const struct mem_range *r)
{
	return r->at >= GIB(4) ? -28 : 0;
}

static void ignore(void *arg, enum mem_view view, const struct mem_range *r)
{
}

static void memory_that_a_backend_cannot_map_is_refused(void)
{
	const struct mem_listener l = { .add = refuse_high, .remove = ignore };
	struct mem *m = fresh();
	struct error err = { 0 };
	struct region *r = NULL, *low;
	u8 b;

	CHECK(mem_listen(m, &l, NULL) == 0);
	low = add(m, REGION_RAM, 0, MIB(1));
	CHECK(mem_add(&r, m, "ram-high", REGION_RAM, GIB(4), MIB(1), 0, IN_ALL, &err) == -28);
	CHECK(!r && strstr(err.msg, "ram-high"));
	CHECK(mem_alias(&r, m, "copy", REGION_ROM, GIB(8), low, 0, MIB(1), IN_ALL, &err) == -28);
	CHECK(!r && strstr(err.msg, "copy"));
	CHECK(mem_read(m, GIB(4), &b, 1) < 0); /* what the guest would not see, nobody does */
	CHECK(mem_read(m, 0, &b, 1) == 0);
	mem_destroy(m);
}

static void limits_tell_low_and_high_ram(void)
{
	struct mem *m = fresh();
	gpa_t low, high;

	add(m, REGION_RAM, 0, MIB(64));
	add(m, REGION_ROM, GIB(4) - MIB(4), MIB(4));
	mem_limits(m, &low, &high);
	CHECK(low == MIB(64) && high == GIB(4));
	add(m, REGION_RAM, GIB(4), MIB(16));
	mem_limits(m, &low, &high);
	CHECK(low == MIB(64) && high == GIB(4) + MIB(16));
	mem_destroy(m);
}

static u32 word_of(const struct region *r, u64 offset)
{
	return r->code[offset / 4096].word;
}

static void decode_at(struct region *r, u64 offset)
{
	r->code[offset / 4096].word |= CODE_HERE;
	r->code[offset / 4096].pieces |= 1ull << offset % 4096 / 64;
}

static void code_pages_are_shared_by_what_shares_memory(void)
{
	struct mem *m = fresh();
	struct region *early = add(m, REGION_RAM, 0, 0x4000), *late, *alias, *again;

	CHECK_EQ(mem_alias(&alias, m, "alias", REGION_RAM, 0x10000, early, 0x1000, 0x2000, IN_ALL,
			   NULL),
		 0);
	CHECK(!code_written(early, 0, 0x4000));
	CHECK_EQ(mem_track_code(m), 0);
	late = add(m, REGION_ROM, 0x20000, 0x1000);
	CHECK_EQ(mem_alias(&again, m, "again", REGION_ROM, 0x30000, alias, 0x1000, 0x1000, IN_ALL,
			   NULL),
		 0);
	CHECK(late->code && alias->code == early->code + 1 && again->code == early->code + 2);
	CHECK(!add(m, REGION_HOLE, 0x40000, 0x1000)->code);
	decode_at(again, 0x40);
	CHECK(code_written(early, 0x2040, 1));
	CHECK(!(word_of(again, 0) & CODE_HERE));
	mem_destroy(m);
}

static void writes_invalidate_the_pieces_that_they_touch(void)
{
	struct mem *m = fresh();
	struct region *ram = add(m, REGION_RAM, 0, 0x4000);
	u8 bytes[0x1000] = { 0 };
	u32 word;

	CHECK_EQ(mem_track_code(m), 0);
	decode_at(ram, 0x1fc0);
	decode_at(ram, 0x2000);
	word = word_of(ram, 0x1000);
	CHECK(mem_write(m, 0x1000, bytes, 0xfc0) == 0); /* up to it */
	CHECK(mem_read(m, 0x1000, bytes, 0x1000) == 0);
	CHECK(mem_ptr(m, 0x1f00, 0x100, false));
	CHECK_EQ(word_of(ram, 0x1000), word);
	CHECK(mem_write(m, 0x1fff, bytes, 1) == 0);
	CHECK(word_of(ram, 0x1000) / CODE_TURN > word / CODE_TURN);
	CHECK(!(word_of(ram, 0x1000) & CODE_HERE) && ram->code[1].pieces == 0);
	CHECK(word_of(ram, 0x2000) & CODE_HERE);
	word = word_of(ram, 0x1000);
	CHECK(mem_write(m, 0x1fff, bytes, 1) == 0); /* there is no more */
	CHECK_EQ(word_of(ram, 0x1000), word);
	decode_at(ram, 0x1000);
	decode_at(ram, 0x3000);
	CHECK(mem_ptr(m, 0x1030, 0x3000 - 0x1030 + 1, true));
	CHECK(!(word_of(ram, 0x1000) & CODE_HERE) && !(word_of(ram, 0x2000) & CODE_HERE) &&
	      !(word_of(ram, 0x3000) & CODE_HERE));
	decode_at(ram, 0x3fff);
	dirty_mark(ram, 0x3fff, 1); /* a device wrote to its flash */
	CHECK(!(word_of(ram, 0x3000) & CODE_HERE));
	mem_destroy(m);
}

static int told_add(void *arg, enum mem_view view, const struct mem_range *r)
{
	return 0;
}

static void told_remove(void *arg, enum mem_view view, const struct mem_range *r)
{
}

struct told {
	struct mem *m;
	unsigned times[N_VIEWS];
	bool there; /* what readers saw then at 0x10000 */
};

static void told_published(void *arg, enum mem_view view)
{
	struct told *t = arg;
	struct mem_range r;

	t->times[view]++;
	t->there = mem_find(t->m, view, 0x10000, &r);
}

static void listeners_hear_when_readers_see_the_change(void)
{
	struct mem *m = fresh();
	struct told t = { .m = m };
	struct mem_listener l = {
		.add = told_add, .remove = told_remove, .published = told_published, .arg = &t
	};
	struct region *r;

	CHECK_EQ(mem_listen(m, &l, NULL), 0);
	r = add(m, REGION_RAM, 0x10000, 0x1000);
	CHECK(t.times[VIEW_NORMAL] == 1 && t.times[VIEW_SMM] == 1 && t.there);
	region_show(r, IN_SMM);
	CHECK(t.times[VIEW_NORMAL] == 2 && t.times[VIEW_SMM] == 1 && !t.there);
	region_set_priority(r, 3, IN_SMM);
	CHECK(t.times[VIEW_NORMAL] == 2 && t.times[VIEW_SMM] == 1);
	mem_unlisten(m, &l);
	mem_destroy(m);
}

int main(void)
{
	RUN(a_copy_crosses_from_one_region_to_the_next);
	RUN(a_host_address_tells_whose_memory_it_is);
	RUN(rom_reads_and_refuses_writes);
	RUN(a_hole_hides_ram_in_one_view_only);
	RUN(priority_decides_and_hiding_uncovers);
	RUN(listeners_hear_only_what_changed);
	RUN(a_batch_is_published_once_and_at_its_end);
	RUN(dirty_pages_are_told_once);
	RUN(bad_places_are_refused);
	RUN(memory_that_a_backend_cannot_map_is_refused);
	RUN(limits_tell_low_and_high_ram);
	RUN(code_pages_are_shared_by_what_shares_memory);
	RUN(writes_invalidate_the_pieces_that_they_touch);
	RUN(listeners_hear_when_readers_see_the_change);
	return 0;
}
