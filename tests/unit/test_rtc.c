/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MC146818: time and its forms, setting it, update in progress, the three interrupts, CMOS. */
#include "legacy_rig.h"

enum { SECONDS, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D };
enum { CENTURY = 0x32 };
#define LEAP_DAY 1709210096ll /* 2024-02-29 12:34:56, a Thursday */
#define DAY_S 86400ll

static void start_at(struct rig *r, s64 wall_s) enters(in_machine)
{
	rig_start(r);
	clock_set_wall(r->m->clock, wall_s * (s64)NS_PER_S);
	CHECK(rtc_create(&r->bus, GIB(2), GIB(6), NULL));
}

static u8 get(struct rig *r, u8 reg) needs(in_machine)
{
	outb(r, 0x70, reg);
	return inb(r, 0x71);
}

static void put(struct rig *r, u8 reg, u8 val) needs(in_machine)
{
	outb(r, 0x70, reg);
	outb(r, 0x71, val);
}

/* Date as 0xYYYYMMDD and time as 0xHHMMSS, as the registers say in BCD. */
static u32 date(struct rig *r) needs(in_machine)
{
	return (u32)get(r, CENTURY) << 24 | (u32)get(r, YEAR) << 16 | (u32)get(r, MONTH) << 8 |
	       get(r, DAY);
}

static u32 time_of_day(struct rig *r) needs(in_machine)
{
	return (u32)get(r, HOURS) << 16 | (u32)get(r, MINUTES) << 8 | get(r, SECONDS);
}

/* As an operating system sets the clock. */
static void set(struct rig *r, u32 ymd, u32 hms) needs(in_machine)
{
	u8 b = get(r, REG_B);

	put(r, REG_B, b | 0x80);
	put(r, CENTURY, (u8)(ymd >> 24));
	put(r, YEAR, (u8)(ymd >> 16));
	put(r, MONTH, (u8)(ymd >> 8));
	put(r, DAY, (u8)ymd);
	put(r, HOURS, (u8)(hms >> 16));
	put(r, MINUTES, (u8)(hms >> 8));
	put(r, SECONDS, (u8)hms);
	put(r, REG_B, b);
}

static void time_is_that_of_the_wall(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	CHECK_EQ(date(&r), 0x20240229);
	CHECK_EQ(time_of_day(&r), 0x123456);
	CHECK_EQ(get(&r, WEEKDAY), 5);
	CHECK_EQ(get(&r, REG_A), 0x26);
	CHECK_EQ(get(&r, REG_B), 0x02);
	CHECK_EQ(get(&r, REG_D), 0x80);
	clock_advance(r.m->clock, 4 * NS_PER_S);
	CHECK_EQ(time_of_day(&r), 0x123500);
	rig_stop(&r);
}

static void days_months_years_and_centuries_roll_over(void)
{
	static const struct {
		u32 from, to;
		u8 weekday; /* of @to */
	} roll[] = {
		{ 0x20231231, 0x20240101, 2 }, { 0x20240228, 0x20240229, 5 },
		{ 0x20240229, 0x20240301, 6 }, { 0x20250228, 0x20250301, 7 },
		{ 0x20000228, 0x20000229, 3 }, { 0x19991231, 0x20000101, 7 },
		{ 0x20991231, 0x21000101, 6 }, { 0x21000228, 0x21000301, 2 },
		{ 0x20240430, 0x20240501, 4 }, { 0x20240831, 0x20240901, 1 },
		{ 0x19700101, 0x19700102, 6 }, { 0x99991231, 0x00000101, 7 },
		{ 0x16000228, 0x16000229, 3 }, { 0x00010101, 0x00010102, 3 },
	};
	struct rig r;

	start_at(&r, LEAP_DAY);
	for (unsigned i = 0; i < ARRAY_LEN(roll); i++) {
		set(&r, roll[i].from, 0x235959);
		CHECK_EQ(date(&r), roll[i].from);
		CHECK_EQ(time_of_day(&r), 0x235959);
		clock_advance(r.m->clock, NS_PER_S);
		CHECK_EQ(date(&r), roll[i].to);
		CHECK_EQ(time_of_day(&r), 0x000000);
		CHECK_EQ(get(&r, WEEKDAY), roll[i].weekday);
	}
	rig_stop(&r);
}

static void walk(unsigned y, unsigned end, unsigned weekday)
{
	static const u8 length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned m = 1, d = 1;
	struct rig r;

	start_at(&r, 0);
	put(&r, REG_B, 0x06); /* binary */
	set(&r, y / 100 << 24 | (y % 100) << 16 | 1 << 8 | 1, 12 << 16);
	while (y < end) {
		bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

		CHECK_EQ(date(&r), (u32)(y / 100) << 24 | (y % 100) << 16 | m << 8 | d);
		CHECK_EQ(get(&r, WEEKDAY), weekday);
		weekday = weekday % 7 + 1;
		if (++d > length[m - 1] + (m == 2 && leap ? 1u : 0u)) {
			d = 1;
			y += m == 12;
			m = m % 12 + 1;
		}
		clock_advance(r.m->clock, (u64)DAY_S * NS_PER_S);
	}
	rig_stop(&r);
}

static void each_day_follows_the_one_before(void)
{
	walk(1583, 1801, 7); /* Saturday */
	walk(1970, 2201, 5); /* Thursday */
	walk(2390, 2410, 2); /* Monday */
}

static void hours_can_be_of_twelve_and_numbers_binary(void)
{
	static const u8 twelve[24] = { 0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
				       0x08, 0x09, 0x10, 0x11, 0x92, 0x81, 0x82, 0x83,
				       0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90, 0x91 };
	struct rig r;

	start_at(&r, 0);
	put(&r, REG_B, 0x00);
	for (unsigned h = 0; h < 24; h++) {
		CHECK_EQ(get(&r, HOURS), twelve[h]);
		put(&r, HOURS, twelve[h]); /* means the same when written */
		CHECK_EQ(get(&r, HOURS), twelve[h]);
		clock_advance(r.m->clock, 3600 * NS_PER_S);
	}
	CHECK_EQ(date(&r), 0x19700102);
	put(&r, REG_B, 0x06);
	clock_advance(r.m->clock, 15 * 3600 * NS_PER_S + 59 * NS_PER_S);
	CHECK_EQ(time_of_day(&r), 15 << 16 | 59);
	put(&r, REG_B, 0x04);
	CHECK_EQ(get(&r, HOURS), 0x83);
	rig_stop(&r);
}

static void the_guest_may_set_the_time(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	clock_advance(r.m->clock, 300 * NS_PER_MS);
	set(&r, 0x20301130, 0x080910);
	CHECK_EQ(date(&r), 0x20301130);
	CHECK_EQ(time_of_day(&r), 0x080910);
	clock_advance(r.m->clock, 699 * NS_PER_MS);
	CHECK_EQ(time_of_day(&r), 0x080910);
	clock_advance(r.m->clock, NS_PER_MS); /* the seconds turn when they did before */
	CHECK_EQ(time_of_day(&r), 0x080911);
	put(&r, MINUTES, 0x59); /* without SET, one register changes */
	CHECK_EQ(time_of_day(&r), 0x085911);
	device_reset_all(r.m, RESET_WARM);
	CHECK_EQ(time_of_day(&r), 0x085911);
	clock_set_wall(r.m->clock, clock_wall_ns(r.m->clock) + 3600 * (s64)NS_PER_S);
	CHECK_EQ(time_of_day(&r), 0x095911); /* and the host's clock goes on counting */
	rig_stop(&r);
}

static void set_halts_the_clock(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	put(&r, REG_B, 0x92); /* SET clears UIE */
	CHECK_EQ(get(&r, REG_B), 0x82);
	clock_advance(r.m->clock, 100 * NS_PER_S);
	CHECK_EQ(time_of_day(&r), 0x123456);
	CHECK_EQ(get(&r, REG_C), 0x40); /* only the periodic flag goes on */
	put(&r, DAY, 0x77);             /* nonsense is shown as it was written */
	CHECK_EQ(get(&r, DAY), 0x77);
	put(&r, DAY, 0x28);
	put(&r, REG_B, 0x02);
	CHECK_EQ(date(&r), 0x20240228);
	CHECK_EQ(time_of_day(&r), 0x123456);
	rig_stop(&r);
}

static void nonsense_becomes_some_time(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	set(&r, 0xffffffff, 0xffffff);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(get(&r, MONTH) >= 1 && get(&r, MONTH) <= 0x12);
	CHECK(get(&r, SECONDS) < 0x60);
	set(&r, 0, 0);
	CHECK_EQ(get(&r, MONTH), 0x12); /* day 0 of January of year 0 */
	CHECK_EQ(get(&r, DAY), 0x31);
	rig_stop(&r);
}

static void the_divider_reset_halts_and_gives_half_a_second(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	put(&r, REG_A, 0x76);
	clock_advance(r.m->clock, 12345678901);
	CHECK_EQ(time_of_day(&r), 0x123456);
	put(&r, REG_A, 0x26);
	clock_advance(r.m->clock, 499 * NS_PER_MS);
	CHECK_EQ(time_of_day(&r), 0x123456);
	clock_advance(r.m->clock, NS_PER_MS);
	CHECK_EQ(time_of_day(&r), 0x123457);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(time_of_day(&r), 0x123458);
	rig_stop(&r);
}

static void update_in_progress_precedes_each_second(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	for (unsigned s = 0; s < 3; s++) {
		CHECK_EQ(get(&r, REG_A), 0x26);
		clock_advance(r.m->clock, NS_PER_S - 2228 * NS_PER_US - 1);
		CHECK_EQ(get(&r, REG_A), 0x26);
		clock_advance(r.m->clock, 1);
		CHECK_EQ(get(&r, REG_A), 0xa6);
		CHECK_EQ(time_of_day(&r), 0x123456 + s);
		clock_advance(r.m->clock, 2228 * NS_PER_US - 1);
		CHECK_EQ(get(&r, REG_A), 0xa6);
		clock_advance(r.m->clock, 1);
		CHECK_EQ(time_of_day(&r), 0x123457 + s);
	}
	clock_advance(r.m->clock, 999 * NS_PER_MS);
	CHECK_EQ(get(&r, REG_A), 0xa6);
	put(&r, REG_B, 0x82); /* SET ends it */
	CHECK_EQ(get(&r, REG_A), 0x26);
	put(&r, REG_A, 0xff); /* UIP cannot be written */
	CHECK_EQ(get(&r, REG_A), 0x7f);
	rig_stop(&r);
}

static void the_update_interrupt_comes_every_second(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	put(&r, REG_B, 0x12);
	clock_advance(r.m->clock, NS_PER_S - 1);
	CHECK(!r.wire[8]);
	clock_advance(r.m->clock, 1);
	CHECK(r.wire[8]);
	clock_advance(r.m->clock, 5 * NS_PER_S); /* nobody reads C: no more edges */
	CHECK_EQ(r.rises[8], 1);
	CHECK_EQ(get(&r, REG_C), 0xd0); /* the periodic flag as well */
	CHECK(!r.wire[8]);
	CHECK_EQ(get(&r, REG_C), 0);
	for (unsigned i = 0; i < 10; i++) {
		clock_advance(r.m->clock, NS_PER_S);
		CHECK_EQ(get(&r, REG_C), 0xd0);
	}
	CHECK_EQ(r.rises[8], 11);
	rig_stop(&r);
}

static void flags_rise_without_their_interrupts(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	clock_advance(r.m->clock, 1500 * NS_PER_MS);
	CHECK_EQ(get(&r, REG_C), 0x50); /* update and periodic; no IRQF */
	CHECK_EQ(r.rises[8], 0);
	clock_advance(r.m->clock, 600 * NS_PER_MS);
	put(&r, REG_B, 0x12); /* enabling a set flag interrupts at once */
	CHECK(r.wire[8]);
	put(&r, REG_B, 0x02);
	CHECK(!r.wire[8]);
	put(&r, REG_C, 0xff);
	put(&r, REG_D, 0x00);
	CHECK_EQ(get(&r, REG_C), 0x50);
	CHECK_EQ(get(&r, REG_D), 0x80);
	rig_stop(&r);
}

static void the_alarm_matches_time_and_wildcards(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	put(&r, 1, 0x10);
	put(&r, 3, 0x35);
	put(&r, 5, 0x12);
	put(&r, REG_B, 0x22);
	clock_advance(r.m->clock, 13 * NS_PER_S);
	CHECK(!r.wire[8]);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(r.wire[8]);
	CHECK_EQ(get(&r, REG_C), 0xf0);
	clock_advance(r.m->clock, (u64)DAY_S * NS_PER_S - 1);
	CHECK(!r.wire[8]);
	clock_advance(r.m->clock, 1); /* the same time tomorrow */
	CHECK(r.wire[8]);
	get(&r, REG_C);
	put(&r, 5, 0xff); /* every hour */
	clock_advance(r.m->clock, 3600 * NS_PER_S - 1);
	CHECK(!r.wire[8]);
	clock_advance(r.m->clock, 1);
	CHECK_EQ(get(&r, REG_C) & 0xa0, 0xa0);
	put(&r, 3, 0xc0); /* every minute */
	clock_advance(r.m->clock, 60 * NS_PER_S);
	CHECK_EQ(get(&r, REG_C) & 0xa0, 0xa0);
	put(&r, 1, 0xff); /* every second */
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(get(&r, REG_C) & 0xa0, 0xa0);
	put(&r, 1, 0x60); /* never */
	clock_advance(r.m->clock, 2 * (u64)DAY_S * NS_PER_S);
	CHECK_EQ(get(&r, REG_C) & 0xa0, 0);
	rig_stop(&r);
}

static void the_periodic_interrupt_has_its_rate(void)
{
	static const struct {
		u8 rs;
		unsigned hz;
	} rate[] = { { 1, 256 }, { 2, 128 }, { 3, 8192 }, { 6, 1024 }, { 10, 64 }, { 15, 2 } };
	struct rig r;

	for (unsigned i = 0; i < ARRAY_LEN(rate); i++) {
		unsigned seen = 0;

		start_at(&r, LEAP_DAY);
		put(&r, REG_A, 0x20 | rate[i].rs);
		put(&r, REG_B, 0x42);
		for (unsigned step = 0; step < 40000; step++) {
			clock_advance(r.m->clock, 25 * NS_PER_US);
			if (!r.wire[8])
				continue;
			CHECK_EQ(get(&r, REG_C) & 0xc0, 0xc0);
			seen++;
		}
		CHECK_EQ(seen, rate[i].hz);
		put(&r, REG_A, 0x20);
		get(&r, REG_C);
		clock_advance(r.m->clock, NS_PER_S);
		CHECK_EQ(get(&r, REG_C) & 0x40, 0);
		rig_stop(&r);
	}
}

static void a_wall_clock_set_back_stops_nothing(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	put(&r, REG_B, 0x12);
	clock_set_wall(r.m->clock, (LEAP_DAY - 1000) * (s64)NS_PER_S + 1);
	clock_advance(r.m->clock, 3 * NS_PER_S);
	CHECK(r.wire[8]);
	CHECK_EQ(get(&r, REG_C) & 0x90, 0x90);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(get(&r, REG_C) & 0x90, 0x90);
	rig_stop(&r);
}

static void cmos_tells_the_size_of_memory(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	CHECK_EQ(get(&r, 0x34) | get(&r, 0x35) << 8, (GIB(2) - MIB(16)) >> 16);
	CHECK_EQ(get(&r, 0x5b) | get(&r, 0x5c) << 8 | get(&r, 0x5d) << 16, GIB(6) >> 16);
	CHECK_EQ(get(&r, 0x15) | get(&r, 0x16) << 8, 640);
	CHECK_EQ(get(&r, 0x17) | get(&r, 0x18) << 8, 0xffff);
	CHECK_EQ(get(&r, 0x30) | get(&r, 0x31) << 8, 0xffff);
	put(&r, 0x34, 0);
	put(&r, 0x0f, 0x0a);
	put(&r, 0x40, 0x99);
	device_reset_all(r.m, RESET_WARM);
	CHECK_EQ(get(&r, 0x0f), 0x0a);
	CHECK_EQ(get(&r, 0x40), 0x99);
	CHECK_EQ(get(&r, 0x34), ((GIB(2) - MIB(16)) >> 16) & 0xff);
	device_reset_all(r.m, RESET_POWER_ON);
	CHECK_EQ(get(&r, 0x0f), 0);
	rig_stop(&r);
	rig_start(&r);
	CHECK(rtc_create(&r.bus, MIB(8), 0, NULL));
	CHECK_EQ(get(&r, 0x34) | get(&r, 0x35), 0);
	CHECK_EQ(get(&r, 0x30) | get(&r, 0x31) << 8, 7 * 1024);
	rig_stop(&r);
}

static void the_index_reads_back(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	outb(&r, 0x70, 0x8d);
	CHECK_EQ(inb(&r, 0x70), 0x8d);
	CHECK_EQ(inb(&r, 0x71), 0x80); /* bit 7 is the NMI mask, no part of the index */
	io_write(r.m, IO_PORT, 0x70, 2, 0x5544);
	CHECK_EQ(get(&r, 0x44), 0x55);
	CHECK_EQ(io_read(r.m, IO_PORT, 0x70, 2), 0x5544);
	rig_stop(&r);
}

static void reset_disables_interrupts(void)
{
	struct rig r;

	start_at(&r, LEAP_DAY);
	put(&r, REG_B, 0x7e);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(r.wire[8]);
	device_reset_all(r.m, RESET_WARM);
	CHECK(!r.wire[8]);
	CHECK_EQ(get(&r, REG_B), 0x06);
	CHECK_EQ(get(&r, REG_C), 0);
	clock_advance(r.m->clock, 2 * NS_PER_S);
	device_reset_all(r.m, RESET_WARM); /* flags that nobody looked at go, too */
	CHECK_EQ(get(&r, REG_C), 0);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(r.rises[8], 1);
	rig_stop(&r);
}

int main(void)
{
	RUN(time_is_that_of_the_wall);
	RUN(days_months_years_and_centuries_roll_over);
	RUN(each_day_follows_the_one_before);
	RUN(hours_can_be_of_twelve_and_numbers_binary);
	RUN(the_guest_may_set_the_time);
	RUN(set_halts_the_clock);
	RUN(nonsense_becomes_some_time);
	RUN(the_divider_reset_halts_and_gives_half_a_second);
	RUN(update_in_progress_precedes_each_second);
	RUN(the_update_interrupt_comes_every_second);
	RUN(flags_rise_without_their_interrupts);
	RUN(the_alarm_matches_time_and_wildcards);
	RUN(the_periodic_interrupt_has_its_rate);
	RUN(a_wall_clock_set_back_stops_nothing);
	RUN(cmos_tells_the_size_of_memory);
	RUN(the_index_reads_back);
	RUN(reset_disables_interrupts);
	return 0;
}
