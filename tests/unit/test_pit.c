/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8254: its six modes, latches, BCD, gate and port 61, and the interrupts of counter 0. */
#include "legacy_rig.h"

enum { HZ = 1193182, CONTROL = 0x43, PORT61 = 0x61 };

static void start(struct rig *r) enters(in_machine)
{
	rig_start(r);
	CHECK(pit_create(&r->bus, NULL));
	r->rises[0] = 0; /* OUT starts high */
}

/* Advance to the first nanosecond of the machine's clock tick @tick. */
static void go_to(struct rig *r, u64 tick) needs(in_machine)
{
	u64 at = tick / HZ * NS_PER_S + (tick % HZ * NS_PER_S + HZ - 1) / HZ;

	clock_advance(r->m->clock, at - clock_now_ns(r->m->clock));
}

/* Counter @n, low then high byte, mode @mode, binary. Loaded at the next tick. */
static void program(struct rig *r, unsigned n, unsigned mode, u16 count) needs(in_machine)
{
	outb(r, CONTROL, (u8)(n << 6 | 0x30 | mode << 1));
	outb(r, (u16)(0x40 + n), (u8)count);
	outb(r, (u16)(0x40 + n), (u8)(count >> 8));
}

static u16 count(struct rig *r, unsigned n) needs(in_machine)
{
	u8 low;

	outb(r, CONTROL, (u8)(n << 6));
	low = inb(r, (u16)(0x40 + n));
	return (u16)(low | inb(r, (u16)(0x40 + n)) << 8);
}

static u8 status(struct rig *r, unsigned n) needs(in_machine)
{
	outb(r, CONTROL, (u8)(0xe0 | 2 << n));
	return inb(r, (u16)(0x40 + n));
}

static bool out(struct rig *r, unsigned n) needs(in_machine)
{
	return status(r, n) & 0x80;
}

static void mode_0_raises_out_after_n_plus_1_ticks(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 0, 100);
	CHECK(!out(&r, 0));
	CHECK(!r.wire[0]);
	go_to(&r, 100);
	CHECK(!r.wire[0]);
	go_to(&r, 101);
	CHECK(r.wire[0]);
	CHECK_EQ(r.rises[0], 1);
	CHECK(out(&r, 0));
	CHECK_EQ(count(&r, 0), 0);
	go_to(&r, 103);
	CHECK_EQ(count(&r, 0), 0xfffe); /* goes on counting */
	go_to(&r, 1000000);
	CHECK_EQ(r.rises[0], 1);
	outb(&r, 0x40, 5); /* a first byte lowers OUT and stops the count */
	CHECK(!out(&r, 0));
	CHECK(!r.wire[0]);
	go_to(&r, 1000100);
	CHECK(!r.wire[0]);
	outb(&r, 0x40, 0);
	go_to(&r, 1000106);
	CHECK(r.wire[0]);
	rig_stop(&r);
}

static void mode_2_ticks_at_its_rate(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 11932); /* 100 Hz */
	CHECK_EQ(r.rises[0], 0);
	go_to(&r, 1);
	CHECK_EQ(count(&r, 0), 11932);
	go_to(&r, 11932);
	CHECK_EQ(count(&r, 0), 1);
	CHECK(!out(&r, 0)); /* low for one tick */
	go_to(&r, 11933);
	CHECK_EQ(count(&r, 0), 11932);
	CHECK(out(&r, 0));
	CHECK_EQ(r.rises[0], 1);
	clock_advance(r.m->clock, 10 * NS_PER_S);
	CHECK_EQ(r.rises[0], 1 + 999); /* 11932 is a little slow */
	rig_stop(&r);
}

static void mode_2_takes_a_new_count_at_the_end_of_the_period(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 1000);
	go_to(&r, 101);
	outb(&r, 0x40, 0xf4);
	outb(&r, 0x40, 0x01); /* 500 */
	CHECK(status(&r, 0) & 0x40);
	CHECK_EQ(count(&r, 0), 900);
	go_to(&r, 1000);
	CHECK_EQ(r.rises[0], 0);
	go_to(&r, 1001);
	CHECK_EQ(r.rises[0], 1);
	CHECK(!(status(&r, 0) & 0x40));
	CHECK_EQ(count(&r, 0), 500);
	go_to(&r, 1501);
	CHECK_EQ(r.rises[0], 2);
	rig_stop(&r);
}

static void mode_3_is_high_for_the_longer_half(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 7, 5); /* mode 7 is mode 3 */
	CHECK_EQ(status(&r, 0) & 0x3f, 0x36);
	static const u16 value[] = { 4, 2, 0, 4, 2 };
	for (unsigned tick = 1; tick <= 20; tick++) {
		unsigned phase = (tick - 1) % 5;

		go_to(&r, tick);
		CHECK_EQ(count(&r, 0), value[phase]);
		CHECK_EQ(out(&r, 0), phase < 3);
	}
	program(&r, 0, 3, 6); /* loaded at 21 */
	for (unsigned tick = 21; tick <= 40; tick++) {
		go_to(&r, tick);
		CHECK_EQ(count(&r, 0), 6 - 2 * ((tick - 21) % 3));
		CHECK_EQ(out(&r, 0), (tick - 21) % 6 < 3);
	}
	rig_stop(&r);
}

static void mode_3_interrupts_once_a_period(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 3, 0); /* 65536: the BIOS's 18.2 Hz */
	go_to(&r, 65536);
	CHECK_EQ(r.rises[0], 0);
	go_to(&r, 65537);
	CHECK_EQ(r.rises[0], 1);
	clock_advance(r.m->clock, 10 * NS_PER_S);
	CHECK_EQ(r.rises[0], 183);
	rig_stop(&r);
}

static void mode_3_takes_a_new_count_at_the_half_period(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 3, 1000);
	go_to(&r, 101);
	outb(&r, 0x40, 100);
	outb(&r, 0x40, 0);
	go_to(&r, 501); /* the high half of 1000 is over */
	CHECK(!out(&r, 0));
	CHECK_EQ(count(&r, 0), 100);
	go_to(&r, 550);
	CHECK_EQ(r.rises[0], 0);
	go_to(&r, 551);
	CHECK_EQ(r.rises[0], 1);
	go_to(&r, 651);
	CHECK_EQ(r.rises[0], 2);
	rig_stop(&r);
}

static void mode_4_strobes_once(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 4, 50);
	CHECK(out(&r, 0));
	go_to(&r, 50);
	CHECK(out(&r, 0));
	go_to(&r, 51);
	CHECK(!out(&r, 0));
	CHECK_EQ(r.rises[0], 0);
	go_to(&r, 52);
	CHECK(out(&r, 0));
	CHECK_EQ(r.rises[0], 1);
	go_to(&r, 70000);
	CHECK_EQ(r.rises[0], 1);
	rig_stop(&r);
}

static void modes_1_and_5_wait_for_the_gate(void)
{
	struct rig r;

	start(&r);
	program(&r, 2, 1, 100);
	go_to(&r, 10);
	CHECK(out(&r, 2));
	CHECK(status(&r, 2) & 0x40); /* not loaded yet */
	outb(&r, PORT61, 1);
	CHECK(out(&r, 2));
	go_to(&r, 11);
	CHECK(!out(&r, 2));
	go_to(&r, 60);
	outb(&r, PORT61, 0); /* does not stop it */
	outb(&r, PORT61, 1); /* but starts it anew */
	go_to(&r, 160);
	CHECK(!out(&r, 2));
	go_to(&r, 161);
	CHECK(out(&r, 2));
	program(&r, 2, 5, 20);
	outb(&r, PORT61, 0);
	outb(&r, PORT61, 1);
	go_to(&r, 181);
	CHECK(out(&r, 2));
	go_to(&r, 182);
	CHECK(!out(&r, 2));
	go_to(&r, 183);
	CHECK(out(&r, 2));
	rig_stop(&r);
}

static void the_gate_suspends_mode_0(void)
{
	struct rig r;

	start(&r);
	outb(&r, PORT61, 1);
	program(&r, 2, 0, 100);
	go_to(&r, 41); /* 40 counted */
	outb(&r, PORT61, 0);
	go_to(&r, 1000);
	CHECK_EQ(count(&r, 2), 60);
	CHECK(!out(&r, 2));
	outb(&r, PORT61, 1);
	go_to(&r, 1059);
	CHECK(!(inb(&r, PORT61) & 0x20));
	go_to(&r, 1060);
	CHECK(inb(&r, PORT61) & 0x20);
	rig_stop(&r);
}

static void the_gate_restarts_modes_2_and_3(void)
{
	struct rig r;

	for (unsigned mode = 2; mode <= 3; mode++) {
		start(&r);
		outb(&r, PORT61, 1);
		program(&r, 2, mode, 100);
		go_to(&r, 91);
		outb(&r, PORT61, 0);
		CHECK(out(&r, 2));
		go_to(&r, 500);
		CHECK(out(&r, 2));
		CHECK_EQ(count(&r, 2), mode == 2 ? 10 : 20);
		outb(&r, PORT61, 1);
		go_to(&r, 501);
		CHECK_EQ(count(&r, 2), 100);
		go_to(&r, 600);
		CHECK_EQ(out(&r, 2), false); /* the last tick of either period */
		go_to(&r, 601);
		CHECK(out(&r, 2));
		rig_stop(&r);
	}
}

static void counter_2_measures_time_for_calibration(void)
{
	struct rig r;

	/* Linux and Windows do this: 50 ms on the speaker's counter, then poll its output. */
	start(&r);
	outb(&r, PORT61, (inb(&r, PORT61) & ~2) | 1);
	outb(&r, CONTROL, 0xb0);
	outb(&r, 0x42, 59659 & 0xff);
	outb(&r, 0x42, 59659 >> 8);
	u64 began = clock_now_ns(r.m->clock);
	while (!(inb(&r, PORT61) & 0x20))
		clock_advance(r.m->clock, NS_PER_US);
	u64 took = clock_now_ns(r.m->clock) - began;
	CHECK(took > 49998 * NS_PER_US && took < 50005 * NS_PER_US);
	rig_stop(&r);
}

static void an_unlatched_read_alternates_between_the_bytes(void)
{
	struct rig r;

	start(&r);
	outb(&r, PORT61, 1);
	program(&r, 2, 0, 0xffff);
	go_to(&r, 1);
	for (unsigned n = 0; n < 1000; n++) { /* Linux's quick calibration watches the high byte */
		go_to(&r, 1 + n);
		CHECK_EQ(inb(&r, 0x42), (0xffff - n) & 0xff);
		CHECK_EQ(inb(&r, 0x42), (0xffff - n) >> 8);
	}
	rig_stop(&r);
}

static void a_latched_count_holds_until_it_is_read(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 0x1234);
	go_to(&r, 1);
	outb(&r, CONTROL, 0x00);
	go_to(&r, 101);
	outb(&r, CONTROL, 0x00); /* ignored: still latched */
	CHECK_EQ(inb(&r, 0x40), 0x34);
	CHECK_EQ(inb(&r, 0x40), 0x12);
	CHECK_EQ(count(&r, 0), 0x1234 - 100);
	rig_stop(&r);
}

static void read_back_latches_status_and_count_of_many(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 0x1000);
	outb(&r, CONTROL, 0x40 | 0x10 | 0x08); /* counter 1, low byte, mode 4 */
	CHECK_EQ(inb(&r, 0x41), 0x00);
	go_to(&r, 11);
	outb(&r, CONTROL, 0xc0 | 0x0e); /* count and status of all three */
	CHECK_EQ(inb(&r, 0x40), 0x80 | 0x34);
	go_to(&r, 50);
	CHECK_EQ(inb(&r, 0x40), 0xf6);
	CHECK_EQ(inb(&r, 0x40), 0x0f);
	CHECK_EQ(inb(&r, 0x41) & 0x3f, 0x18);
	CHECK_EQ(inb(&r, 0x42) & 0x40, 0x40);
	rig_stop(&r);
}

static void single_byte_access_reads_and_writes_that_byte(void)
{
	struct rig r;

	start(&r);
	outb(&r, CONTROL, 0x14); /* low byte only, mode 2 */
	outb(&r, 0x40, 200);
	go_to(&r, 11);
	CHECK_EQ(inb(&r, 0x40), 190);
	CHECK_EQ(inb(&r, 0x40), 190);
	outb(&r, CONTROL, 0x24); /* high byte only */
	outb(&r, 0x40, 2);
	go_to(&r, 12);
	CHECK_EQ(inb(&r, 0x40), 2);
	go_to(&r, 13);
	CHECK_EQ(inb(&r, 0x40), 1);
	rig_stop(&r);
}

static void bcd_counts_in_decimal(void)
{
	struct rig r;

	start(&r);
	outb(&r, CONTROL, 0x31); /* mode 0, BCD */
	outb(&r, 0x40, 0x50);
	outb(&r, 0x40, 0x10); /* 1050 */
	go_to(&r, 1);
	CHECK_EQ(count(&r, 0), 0x1050);
	go_to(&r, 101);
	CHECK_EQ(count(&r, 0), 0x0950);
	go_to(&r, 1051);
	CHECK_EQ(r.rises[0], 1);
	go_to(&r, 1052);
	CHECK_EQ(count(&r, 0), 0x9999);
	outb(&r, CONTROL, 0x35);
	outb(&r, 0x40, 0);
	outb(&r, 0x40, 0); /* 10000 */
	go_to(&r, 11053);
	CHECK_EQ(r.rises[0], 2); /* OUT was high when mode 2 was set */
	rig_stop(&r);
}

static void port_61_keeps_bits_and_toggles_refresh(void)
{
	struct rig r;
	unsigned toggles = 0;
	u8 last;

	start(&r);
	outb(&r, PORT61, 0xff);
	CHECK_EQ(inb(&r, PORT61) & 0xcf, 0x0f);
	last = inb(&r, PORT61) & 0x10;
	for (unsigned us = 0; us < 1000; us++) {
		u8 now;

		clock_advance(r.m->clock, NS_PER_US);
		now = inb(&r, PORT61) & 0x10;
		toggles += now != last;
		last = now;
	}
	CHECK_EQ(toggles, 66); /* every 15 us */
	rig_stop(&r);
}

static void absurd_rates_do_not_keep_the_host_busy(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 1); /* illegal */
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(r.rises[0] > 1000 && r.rises[0] <= 50000);
	program(&r, 0, 3, 2);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(r.rises[0] <= 100001);
	rig_stop(&r);
}

static void counters_do_not_disturb_each_other(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 1000);
	for (unsigned tick = 10; tick < 5000; tick += 10) {
		go_to(&r, tick);
		program(&r, 1, 2, 18);
		program(&r, 2, 3, 77);
		count(&r, 0);
	}
	CHECK_EQ(r.rises[0], 4);
	rig_stop(&r);
}

static void odd_accesses_are_harmless(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(inb(&r, CONTROL), 0xff);
	io_write(r.m, IO_PORT, 0x40, 4, 0x00000001);
	io_write(r.m, IO_PORT, 0x42, 2, 0x3412);
	io_read(r.m, IO_PORT, 0x40, 4);
	io_read(r.m, IO_PORT, 0x43, 2);
	rig_stop(&r);
}

static void reset_stops_the_ticks(void)
{
	struct rig r;

	start(&r);
	program(&r, 0, 2, 1000);
	device_reset_all(r.m, RESET_WARM);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(r.rises[0], 0);
	rig_stop(&r);
}

int main(void)
{
	RUN(mode_0_raises_out_after_n_plus_1_ticks);
	RUN(mode_2_ticks_at_its_rate);
	RUN(mode_2_takes_a_new_count_at_the_end_of_the_period);
	RUN(mode_3_is_high_for_the_longer_half);
	RUN(mode_3_interrupts_once_a_period);
	RUN(mode_3_takes_a_new_count_at_the_half_period);
	RUN(mode_4_strobes_once);
	RUN(modes_1_and_5_wait_for_the_gate);
	RUN(the_gate_suspends_mode_0);
	RUN(the_gate_restarts_modes_2_and_3);
	RUN(counter_2_measures_time_for_calibration);
	RUN(an_unlatched_read_alternates_between_the_bytes);
	RUN(a_latched_count_holds_until_it_is_read);
	RUN(read_back_latches_status_and_count_of_many);
	RUN(single_byte_access_reads_and_writes_that_byte);
	RUN(bcd_counts_in_decimal);
	RUN(port_61_keeps_bits_and_toggles_refresh);
	RUN(absurd_rates_do_not_keep_the_host_busy);
	RUN(counters_do_not_disturb_each_other);
	RUN(odd_accesses_are_harmless);
	RUN(reset_stops_the_ticks);
	return 0;
}
