/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550A: detection, transmit, receive FIFO and timeout, interrupts, modem lines, loopback. */
#include "char/char.h"
#include "legacy_rig.h"

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { FCR = IIR, LINE = 4 };
#define CHAR_NS_115200 (10 * NS_PER_S / 115200)

static struct chr *start(struct rig *r) enters(in_machine)
{
	struct chr *c = chr_create_memory();

	rig_start(r);
	CHECK(serial_create(&r->bus, 1, c, NULL));
	return c;
}

/* Bytes from outside come on the loop thread, which does not hold the machine lock. */
static void feed(struct rig *r, struct chr *c, const char *text) needs(in_machine)
{
	machine_unlock(r->m);
	chr_memory_feed(c, text, strlen(text));
	machine_lock(r->m);
}

/* 115200 baud, 8 bits, FIFO with trigger level @fcr 7:6, interrupts @ier let out. */
static void set_up(struct rig *r, u8 fcr, u8 ier) needs(in_machine)
{
	outb(r, LCR, 0x83);
	outb(r, DATA, 1);
	outb(r, IER, 0);
	outb(r, LCR, 0x03);
	outb(r, FCR, fcr);
	outb(r, MCR, 0x0b);
	outb(r, IER, ier);
}

static void it_looks_like_a_16550a(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(inb(&r, IER), 0);
	CHECK_EQ(inb(&r, IIR), 0x01);
	CHECK_EQ(inb(&r, LCR), 0);
	CHECK_EQ(inb(&r, LSR), 0x60);
	CHECK_EQ(inb(&r, MSR), 0xb0);
	outb(&r, IER, 0xff);
	CHECK_EQ(inb(&r, IER), 0x0f);
	outb(&r, MCR, 0xff);
	CHECK_EQ(inb(&r, MCR), 0x1f);
	outb(&r, SCR, 0x5a);
	CHECK_EQ(inb(&r, SCR), 0x5a);
	outb(&r, FCR, 0x01);
	CHECK_EQ(inb(&r, IIR) & 0xc0, 0xc0);
	outb(&r, FCR, 0x00);
	CHECK_EQ(inb(&r, IIR) & 0xc0, 0x00);
	outb(&r, FCR, 0xc0); /* without bit 0 the rest is not taken */
	CHECK_EQ(inb(&r, IIR) & 0xc0, 0x00);
	rig_stop(&r);
}

static void the_divisor_hides_behind_dlab(void)
{
	struct rig r;

	start(&r);
	outb(&r, IER, 0x05);
	outb(&r, LCR, 0x80);
	outb(&r, DATA, 0x34);
	outb(&r, IER, 0x12);
	CHECK_EQ(inb(&r, DATA), 0x34);
	CHECK_EQ(inb(&r, IER), 0x12);
	outb(&r, LCR, 0x03);
	CHECK_EQ(inb(&r, IER), 0x05);
	CHECK_EQ(inb(&r, DATA), 0); /* nothing was received */
	rig_stop(&r);
}

static void written_bytes_go_out_unaltered(void)
{
	u8 got[300], all[256];
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x07, 0);
	for (unsigned i = 0; i < 256; i++) {
		all[i] = (u8)i;
		CHECK_EQ(inb(&r, LSR), 0x60);
		outb(&r, DATA, (u8)i);
	}
	CHECK_EQ(chr_memory_take(c, got, sizeof(got)), 256);
	CHECK(!memcmp(got, all, 256));
	outb(&r, LCR, 0x43); /* a break: the line is held low */
	outb(&r, DATA, 'x');
	CHECK_EQ(chr_memory_take(c, got, sizeof(got)), 0);
	rig_stop(&r);
}

static void all_bytes_come_in_unaltered(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x07, 0);
	for (unsigned i = 0; i < 256; i++) {
		u8 byte = (u8)i;

		machine_unlock(r.m);
		chr_memory_feed(c, &byte, 1);
		machine_lock(r.m);
		CHECK_EQ(inb(&r, LSR), 0x61);
		CHECK_EQ(inb(&r, DATA), i);
		CHECK_EQ(inb(&r, LSR), 0x60);
	}
	rig_stop(&r);
}

static void thre_interrupts_when_enabled_and_after_each_byte(void)
{
	struct rig r;

	start(&r);
	set_up(&r, 0x07, 0x02);
	CHECK(r.wire[LINE]); /* the transmitter is empty */
	CHECK_EQ(inb(&r, IIR), 0xc2);
	CHECK(!r.wire[LINE]); /* reading IIR takes it back */
	CHECK_EQ(inb(&r, IIR), 0xc1);
	outb(&r, IER, 0x02); /* it was enabled already */
	CHECK(!r.wire[LINE]);
	outb(&r, DATA, 'a');
	CHECK(r.wire[LINE]);
	unsigned rises = r.rises[LINE];
	outb(&r, DATA, 'b'); /* without IIR read: falls and rises again */
	CHECK_EQ(r.rises[LINE], rises + 1);
	outb(&r, IER, 0);
	CHECK(!r.wire[LINE]);
	outb(&r, IER, 0x02); /* Linux tests for chips that do not raise it again here */
	CHECK_EQ(inb(&r, IIR), 0xc2);
	rig_stop(&r);
}

static void reading_iir_for_another_reason_keeps_thre(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x07, 0x03);
	feed(&r, c, "x");
	CHECK_EQ(inb(&r, IIR), 0xc4);
	CHECK_EQ(inb(&r, IIR), 0xc4);
	inb(&r, DATA);
	CHECK_EQ(inb(&r, IIR), 0xc2);
	CHECK_EQ(inb(&r, IIR), 0xc1);
	rig_stop(&r);
}

static void the_fifo_interrupts_at_its_trigger_level(void)
{
	static const u8 level[] = { 1, 4, 8, 14 };
	struct chr *c;
	struct rig r;

	for (unsigned i = 0; i < 4; i++) {
		c = start(&r);
		set_up(&r, (u8)(0x07 | i << 6), 0x01);
		for (unsigned n = 1; n < level[i]; n++) {
			feed(&r, c, "x");
			CHECK(!r.wire[LINE]);
		}
		feed(&r, c, "x");
		CHECK(r.wire[LINE]);
		CHECK_EQ(inb(&r, IIR), 0xc4);
		inb(&r, DATA); /* below the level */
		CHECK(!r.wire[LINE]);
		CHECK_EQ(inb(&r, IIR), 0xc1);
		rig_stop(&r);
	}
}

static void a_lonely_byte_times_out_after_four_characters(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0xc7, 0x01);
	feed(&r, c, "ab");
	clock_advance(r.m->clock, 3 * CHAR_NS_115200);
	feed(&r, c, "c"); /* starts the time anew */
	clock_advance(r.m->clock, 4 * CHAR_NS_115200 - 1000);
	CHECK(!r.wire[LINE]);
	clock_advance(r.m->clock, 2000);
	CHECK(r.wire[LINE]);
	CHECK_EQ(inb(&r, IIR), 0xcc);
	CHECK_EQ(inb(&r, DATA), 'a'); /* and so does a read */
	CHECK(!r.wire[LINE]);
	CHECK_EQ(inb(&r, IIR), 0xc1);
	clock_advance(r.m->clock, 4 * CHAR_NS_115200 + 1000);
	CHECK_EQ(inb(&r, IIR), 0xcc);
	CHECK_EQ(inb(&r, DATA), 'b');
	CHECK_EQ(inb(&r, DATA), 'c');
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(!r.wire[LINE]); /* nothing waits */
	rig_stop(&r);
}

static void the_timeout_follows_the_baud_rate_within_bounds(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0xc7, 0x01);
	outb(&r, LCR, 0x8f); /* 12 bits, with parity and two stop bits */
	outb(&r, DATA, 12);  /* 9600 */
	outb(&r, LCR, 0x0f);
	feed(&r, c, "x");
	clock_advance(r.m->clock, 4990 * NS_PER_US);
	CHECK(!r.wire[LINE]);
	clock_advance(r.m->clock, 20 * NS_PER_US);
	CHECK(r.wire[LINE]);
	inb(&r, DATA);
	outb(&r, LCR, 0x83);
	outb(&r, DATA, 0xff);
	outb(&r, IER, 0xff);
	outb(&r, LCR, 0x03);
	feed(&r, c, "x");
	clock_advance(r.m->clock, 161 * NS_PER_MS);
	CHECK(r.wire[LINE]);
	inb(&r, DATA);
	outb(&r, LCR, 0x83);
	outb(&r, DATA, 0);
	outb(&r, IER, 0);
	outb(&r, LCR, 0x03);
	feed(&r, c, "x");
	clock_advance(r.m->clock, NS_PER_MS);
	CHECK(r.wire[LINE]);
	rig_stop(&r);
}

static void without_fifo_one_byte_is_held(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x00, 0x01);
	feed(&r, c, "ab"); /* the second waits outside */
	CHECK_EQ(inb(&r, IIR), 0x04);
	CHECK_EQ(inb(&r, DATA), 'a');
	CHECK_EQ(inb(&r, IIR), 0x01);
	CHECK_EQ(inb(&r, LSR), 0x60); /* no overrun */
	feed(&r, c, "");
	CHECK_EQ(inb(&r, DATA), 'b');
	rig_stop(&r);
}

static void a_full_fifo_lets_the_sender_wait(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x07, 0x01);
	feed(&r, c, "0123456789abcdefXYZ");
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(inb(&r, DATA), (u8) "0123456789abcdef"[i]);
	CHECK_EQ(inb(&r, LSR), 0x60);
	feed(&r, c, "");
	CHECK_EQ(inb(&r, DATA), 'X');
	CHECK_EQ(inb(&r, DATA), 'Y');
	CHECK_EQ(inb(&r, DATA), 'Z');
	CHECK_EQ(inb(&r, LSR), 0x60);
	rig_stop(&r);
}

static void fcr_clears_the_receiver(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x01, 0x01);
	feed(&r, c, "abc");
	outb(&r, FCR, 0x05); /* the transmitter's half only */
	CHECK_EQ(inb(&r, DATA), 'a');
	outb(&r, FCR, 0x03);
	CHECK_EQ(inb(&r, LSR), 0x60);
	CHECK(!r.wire[LINE]);
	feed(&r, c, "d");
	outb(&r, FCR, 0x00); /* turning it off clears too */
	CHECK_EQ(inb(&r, LSR), 0x60);
	rig_stop(&r);
}

static void loopback_returns_what_is_sent(void)
{
	struct chr *c;
	u8 got[8];
	struct rig r;

	c = start(&r);
	set_up(&r, 0x07, 0x00);
	outb(&r, MCR, 0x1b);
	feed(&r, c, "z"); /* cannot come in */
	outb(&r, DATA, 0xa5);
	outb(&r, DATA, 0x5a);
	CHECK_EQ(inb(&r, LSR), 0x61);
	CHECK_EQ(inb(&r, DATA), 0xa5);
	CHECK_EQ(inb(&r, DATA), 0x5a);
	CHECK_EQ(inb(&r, LSR), 0x60);
	CHECK_EQ(chr_memory_take(c, got, sizeof(got)), 0);
	for (unsigned i = 0; i < 17; i++)
		outb(&r, DATA, (u8)i);
	CHECK_EQ(inb(&r, LSR), 0x63); /* overrun: the last one is lost */
	CHECK_EQ(inb(&r, LSR), 0x61);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(inb(&r, DATA), i);
	outb(&r, FCR, 0);
	outb(&r, DATA, 1);
	outb(&r, DATA, 2);
	CHECK_EQ(inb(&r, LSR), 0x63);
	CHECK_EQ(inb(&r, DATA), 2); /* without FIFO the older one */
	outb(&r, MCR, 0x0b);
	feed(&r, c, "");
	CHECK_EQ(inb(&r, DATA), 'z');
	rig_stop(&r);
}

static void loopback_ties_the_modem_lines(void)
{
	struct rig r;

	start(&r);
	inb(&r, MSR);
	outb(&r, MCR, 0x1a); /* Linux finds a UART by this */
	CHECK_EQ(inb(&r, MSR) & 0xf0, 0x90);
	outb(&r, MCR, 0x10);
	CHECK_EQ(inb(&r, MSR), 0x09); /* both changed */
	outb(&r, MCR, 0x15);
	CHECK_EQ(inb(&r, MSR), 0x62); /* DSR changed; a rising RI does not count */
	outb(&r, MCR, 0x11);
	CHECK_EQ(inb(&r, MSR), 0x24); /* a falling one does */
	CHECK_EQ(inb(&r, MSR), 0x20);
	rig_stop(&r);
}

static void modem_changes_interrupt_last(void)
{
	struct rig r;

	start(&r);
	set_up(&r, 0x07, 0x08);
	inb(&r, MSR);
	CHECK_EQ(inb(&r, IIR), 0xc1);
	outb(&r, MCR, 0x10);
	CHECK_EQ(inb(&r, IIR), 0xc0);
	outb(&r, IER, 0x0a);
	CHECK_EQ(inb(&r, IIR), 0xc2);
	CHECK_EQ(inb(&r, IIR), 0xc0);
	inb(&r, MSR);
	CHECK_EQ(inb(&r, IIR), 0xc1);
	rig_stop(&r);
}

static void a_break_is_a_line_status_interrupt(void)
{
	struct rig r;

	start(&r);
	set_up(&r, 0x07, 0x05);
	outb(&r, MCR, 0x18);
	outb(&r, DATA, 'a');
	outb(&r, LCR, 0x43);
	outb(&r, LCR, 0x03);
	outb(&r, DATA, 'b');
	CHECK_EQ(inb(&r, IIR), 0xc4); /* the break is not at the top yet */
	CHECK_EQ(inb(&r, LSR), 0xe1); /* but somewhere in the FIFO */
	CHECK_EQ(inb(&r, DATA), 'a');
	CHECK_EQ(inb(&r, IIR), 0xc6);
	CHECK_EQ(inb(&r, LSR), 0xf9);
	CHECK_EQ(inb(&r, IIR), 0xc4);
	CHECK_EQ(inb(&r, DATA), 0);
	CHECK_EQ(inb(&r, LSR), 0x61);
	CHECK_EQ(inb(&r, DATA), 'b');
	rig_stop(&r);
}

static void out2_lets_the_interrupt_out(void)
{
	struct rig r;

	start(&r);
	set_up(&r, 0x07, 0x02);
	CHECK(r.wire[LINE]);
	outb(&r, MCR, 0x03);
	CHECK(!r.wire[LINE]);
	CHECK_EQ(inb(&r, IIR) & 0x0f, 0x02); /* still pending inside */
	outb(&r, IER, 0);
	outb(&r, IER, 2);
	outb(&r, MCR, 0x1b); /* loopback takes the pin away */
	CHECK(!r.wire[LINE]);
	outb(&r, MCR, 0x0b);
	CHECK(r.wire[LINE]);
	rig_stop(&r);
}

static void com2_has_its_own_place(void)
{
	struct chr *c = chr_create_memory();
	struct rig r;
	u8 got[4];

	start(&r);
	CHECK(serial_create(&r.bus, 2, c, NULL));
	outb(&r, 0x2fc, 0x08);
	outb(&r, 0x2f9, 0x02);
	CHECK(r.wire[3]);
	CHECK(!r.wire[4]);
	outb(&r, 0x2f8, '!');
	CHECK_EQ(chr_memory_take(c, got, sizeof(got)), 1);
	CHECK(device_find(r.m, "com1") && device_find(r.m, "com2"));
	rig_stop(&r);
}

static void without_a_cable_bytes_vanish(void)
{
	struct rig r;

	rig_start(&r);
	CHECK(serial_create(&r.bus, 1, NULL, NULL));
	CHECK_EQ(inb(&r, MSR), 0);
	outb(&r, DATA, 'x');
	CHECK_EQ(inb(&r, LSR), 0x60);
	outb(&r, MCR, 0x10);
	outb(&r, DATA, 'x');
	CHECK_EQ(inb(&r, DATA), 'x');
	outb(&r, MCR, 0);
	device_reset_all(r.m, RESET_WARM);
	rig_stop(&r);
}

static void a_wide_access_reaches_the_registers_in_turn(void)
{
	struct chr *c;
	u8 got[4];
	struct rig r;

	c = start(&r);
	io_write(r.m, IO_PORT, DATA, 2, 0x0341); /* a character, then IER */
	CHECK_EQ(chr_memory_take(c, got, sizeof(got)), 1);
	CHECK_EQ(got[0], 'A');
	CHECK_EQ(inb(&r, IER), 3);
	CHECK_EQ(io_read(r.m, IO_PORT, LCR, 4) >> 16 & 0xff, 0x60);
	io_write(r.m, IO_PORT, LSR, 2, 0xffff); /* read-only */
	CHECK_EQ(inb(&r, LSR), 0x60);
	rig_stop(&r);
}

static void reset_forgets_what_was_received(void)
{
	struct chr *c;
	struct rig r;

	c = start(&r);
	set_up(&r, 0x07, 0x0f);
	feed(&r, c, "abc");
	device_reset_all(r.m, RESET_WARM);
	CHECK(!r.wire[LINE]);
	CHECK_EQ(inb(&r, LSR), 0x60);
	CHECK_EQ(inb(&r, MSR), 0xb0);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(inb(&r, IIR), 0x01);
	rig_stop(&r);
}

int main(void)
{
	RUN(it_looks_like_a_16550a);
	RUN(the_divisor_hides_behind_dlab);
	RUN(written_bytes_go_out_unaltered);
	RUN(all_bytes_come_in_unaltered);
	RUN(thre_interrupts_when_enabled_and_after_each_byte);
	RUN(reading_iir_for_another_reason_keeps_thre);
	RUN(the_fifo_interrupts_at_its_trigger_level);
	RUN(a_lonely_byte_times_out_after_four_characters);
	RUN(the_timeout_follows_the_baud_rate_within_bounds);
	RUN(without_fifo_one_byte_is_held);
	RUN(a_full_fifo_lets_the_sender_wait);
	RUN(fcr_clears_the_receiver);
	RUN(loopback_returns_what_is_sent);
	RUN(loopback_ties_the_modem_lines);
	RUN(modem_changes_interrupt_last);
	RUN(a_break_is_a_line_status_interrupt);
	RUN(out2_lets_the_interrupt_out);
	RUN(com2_has_its_own_place);
	RUN(without_a_cable_bytes_vanish);
	RUN(a_wide_access_reaches_the_registers_in_turn);
	RUN(reset_forgets_what_was_received);
	return 0;
}
