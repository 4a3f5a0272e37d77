/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets in segments: limits, rights, canonical addresses, where addresses wrap. */
#include "mmu_tables.h"

enum {
	READABLE = SA_P | SA_S,
	DATA = SA_P | SA_S | SA_WRITE,
	DOWN = DATA | SA_DOWN,
	CODE = SA_P | SA_S | SA_CODE,
	CODE_READ = CODE | SA_WRITE,
};

/* Linear is physical; the first RAM_SIZE bytes are there, and the last page of 4 GiB. */
static void begin(struct rig64 *r, bool prot)
{
	rig64_start(r);
	rig_add(&r->rig, REGION_RAM, 0xfffff000, PAGE);
	mmu_serve(r->c);
	r->c->cr0 = prot ? CR0_PE : 0;
	r->c->efer = 0;
	r->c->cr4 = 0;
	rig_mode(r->cpu);
	r->c->mode = prot ? CPU_32 : CPU_16;
}

static void set(struct rig64 *r, enum insn_seg s, u64 base, u32 limit, u16 attr)
{
	r->c->seg[s] = (struct cpu_seg){ .base = base, .limit = limit, .attr = attr };
	r->c->seg_base[s] = base;
}

static bool try(struct rig64 *r, enum rig_way way, enum insn_seg s, u64 off, size_t size)
{
	u8 bytes[PAGE] = { 0 };
	struct rig_access a = { .way = way, .seg = s, .at = off, .size = size, .bytes = bytes };
	bool ok = rig_try(r->cpu, &a);

	if (!ok) {
		CHECK_EQ(r->cpu->event.vector, s == SEG_SS ? VEC_SS : VEC_GP);
		CHECK_EQ(r->cpu->event.error, 0);
	}
	return ok;
}

static bool reads(struct rig64 *r, enum insn_seg s, u64 off, size_t size)
{
	bool ok = try(r, SEG_READ_BYTES, s, off, size);

	if (size == 1 || size == 2 || size == 4 || size == 8)
		CHECK_EQ(try(r, SEG_READ, s, off, size), ok);
	return ok;
}

static bool writes(struct rig64 *r, enum insn_seg s, u64 off, size_t size)
{
	bool ok = try(r, SEG_WRITE_BYTES, s, off, size);

	CHECK_EQ(try(r, SEG_PROBE, s, off, size), ok);
	if (size == 1 || size == 2 || size == 4 || size == 8)
		CHECK_EQ(try(r, SEG_WRITE, s, off, size), ok);
	return ok;
}

static void the_last_byte_must_be_within_the_limit(void)
{
	struct rig64 r;

	begin(&r, true);
	for (enum insn_seg s = SEG_ES; s <= SEG_GS; s++) {
		set(&r, s, 0x1000, 0xfff, DATA | SA_DB);
		CHECK(reads(&r, s, 0xfff, 1) && writes(&r, s, 0xff8, 8) && reads(&r, s, 0, 0x1000));
		CHECK(!reads(&r, s, 0xfff, 2) && !writes(&r, s, 0xff9, 8));
		CHECK(!reads(&r, s, 0x1000, 1) && !reads(&r, s, 0xffffffff, 1));
		CHECK(!reads(&r, s, 0xffffffff, 2) && !writes(&r, s, ~0ull, 2));
		set(&r, s, 0, 0xffffffff, DATA | SA_DB);
		CHECK(reads(&r, s, 0xffffffff, 1) && !reads(&r, s, 0xffffffff, 2));
		set(&r, s, 0, 0, DATA);
		CHECK(reads(&r, s, 0, 1) && !reads(&r, s, 0, 2) && !reads(&r, s, 1, 1));
	}
	rig64_stop(&r);
}

static void segments_that_expand_down_begin_above_their_limit(void)
{
	struct rig64 r;

	begin(&r, true);
	set(&r, SEG_SS, 0x10000, 0xfff, DOWN);
	CHECK(!reads(&r, SEG_SS, 0xfff, 1) && reads(&r, SEG_SS, 0x1000, 4));
	CHECK(writes(&r, SEG_SS, 0xfffc, 4) && !writes(&r, SEG_SS, 0xfffd, 4));
	CHECK(!reads(&r, SEG_SS, 0x10000, 1));
	set(&r, SEG_SS, 0x10000, 0xfff, DOWN | SA_DB);
	CHECK(reads(&r, SEG_SS, 0x10000, 1) && !reads(&r, SEG_SS, 0, 1));
	CHECK(reads(&r, SEG_SS, 0xffffffff, 1) && !reads(&r, SEG_SS, 0xffffffff, 2));
	set(&r, SEG_SS, 0, 0xffff, DOWN);
	CHECK(!reads(&r, SEG_SS, 0xffff, 1) && !reads(&r, SEG_SS, 0x10000, 1));
	set(&r, SEG_CS, 0, 0xfff, CODE_READ | SA_DOWN); /* conforming, not expand down */
	CHECK(reads(&r, SEG_CS, 0, 4) && !reads(&r, SEG_CS, 0x1000, 1));
	rig64_stop(&r);
}

static void rights_are_checked_in_protected_mode(void)
{
	struct rig64 r;

	begin(&r, true);
	set(&r, SEG_DS, 0, 0xffff, READABLE);
	CHECK(reads(&r, SEG_DS, 0, 4) && !writes(&r, SEG_DS, 0, 4));
	set(&r, SEG_DS, 0, 0xffff, DATA & ~(u32)SA_P); /* null selector */
	CHECK(!reads(&r, SEG_DS, 0, 4) && !writes(&r, SEG_DS, 0, 4));
	set(&r, SEG_CS, 0, 0xffff, CODE);
	CHECK(!reads(&r, SEG_CS, 0, 4) && !writes(&r, SEG_CS, 0, 4));
	set(&r, SEG_CS, 0, 0xffff, CODE_READ);
	CHECK(reads(&r, SEG_CS, 0, 4) && !writes(&r, SEG_CS, 0, 4));
	set(&r, SEG_SS, 0, 0xffff, 0);
	CHECK(!reads(&r, SEG_SS, 0, 4));
	rig64_stop(&r);
}

static void real_mode_has_limits_alone(void)
{
	struct rig64 r;

	begin(&r, false);
	set(&r, SEG_CS, 0x10000, 0xffff, CODE);
	CHECK(reads(&r, SEG_CS, 0, 4) && writes(&r, SEG_CS, 0xfffe, 2));
	CHECK(!writes(&r, SEG_CS, 0xffff, 2) && !reads(&r, SEG_CS, 0x10000, 1));
	set(&r, SEG_DS, 0xffff0, 0xffff, DATA); /* beyond 1 MiB: there is no A20 gate */
	r.ram->host[0x10ffee] = 0x5a;
	CHECK(reads(&r, SEG_DS, 0xfffe, 2));
	CHECK_EQ(seg_read(r.c, SEG_DS, 0xfffe, 1), 0x5a);
	rig64_stop(&r);
}

static void linear_addresses_wrap_at_4_gib(void)
{
	struct rig64 r;

	for (unsigned compatible = 0; compatible < 2; compatible++) {
		struct rig_access a;

		begin(&r, true);
		if (compatible) {
			r.c->cr0 = CR0_PE | CR0_PG | CR0_WP;
			r.c->cr4 = CR4_PAE;
			r.c->efer = EFER_LMA | EFER_LME;
			rig_mode(r.cpu);
			map_page(&r, 0xfffff000, 0xfffff000, PT_ALL);
			map_page(&r, 0, 0, PT_ALL);
			r.c->mode = CPU_32;
		}
		set(&r, SEG_DS, 0xfffef000, 0xffffffff, DATA | SA_DB);
		a = (struct rig_access){ .way = SEG_WRITE,
					 .seg = SEG_DS,
					 .at = 0x10ffd,
					 .size = 8,
					 .val = 0x1122334455667788 };
		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(le_at(r.ram->host, 5), 0x1122334455);
		a.way = SEG_READ;
		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(a.val, 0x1122334455667788);
		a.at = 0x11001;
		a.size = 4;
		CHECK(rig_try(r.cpu, &a));
		CHECK_EQ(a.val, 0x11223344);
		a.way = SEG_PROBE;
		a.at = 0x10fff;
		CHECK(rig_try(r.cpu, &a));
		rig64_stop(&r);
	}
}

static void with_64_bits_addresses_must_be_canonical(void)
{
	struct rig64 r;
	gva_t top = 0x7ffffffff000;

	rig64_start(&r);
	map_page(&r, top, 0x10000, PT_ALL);
	map_page(&r, ~0xfffull, 0x11000, PT_ALL);
	map_page(&r, 0, 0x12000, PT_ALL);
	set(&r, SEG_DS, 0, 0, 0); /* nothing of it counts */
	set(&r, SEG_SS, 0, 0, 0);
	set(&r, SEG_FS, top, 0, 0);
	CHECK(reads(&r, SEG_DS, top + 0xff8, 8) && writes(&r, SEG_SS, top + 0xff8, 8));
	CHECK(!reads(&r, SEG_DS, top + 0xff9, 8) && !writes(&r, SEG_SS, top + 0xff9, 8));
	CHECK(!reads(&r, SEG_DS, 0x800000000000, 1) && !reads(&r, SEG_SS, BIT64(63), 1));
	CHECK(reads(&r, SEG_FS, 0xfff, 1) && !reads(&r, SEG_FS, 0x1000, 1));
	CHECK(reads(&r, SEG_FS, 0ull - top, 4));
	CHECK(reads(&r, SEG_DS, 0xfffffffffffffffc, 8)); /* goes on at 0 */
	CHECK(!reads(&r, SEG_DS, 0xffff7fffffffffff, 2));
	rig64_stop(&r);
}

int main(void)
{
	RUN(the_last_byte_must_be_within_the_limit);
	RUN(segments_that_expand_down_begin_above_their_limit);
	RUN(rights_are_checked_in_protected_mode);
	RUN(real_mode_has_limits_alone);
	RUN(linear_addresses_wrap_at_4_gib);
	RUN(with_64_bits_addresses_must_be_canonical);
	return 0;
}
