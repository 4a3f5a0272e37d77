/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keyboard controller with nothing plugged in: tests, configuration, timeouts, A20, reset. */
#include "legacy_rig.h"

enum { DATA = 0x60, COMMAND = 0x64 };

static void start(struct rig *r) enters(in_machine)
{
	rig_start(r);
	CHECK(i8042_create(&r->bus, NULL));
}

/* The answer to @cmd, which must be there and is the only one. */
static u8 ask(struct rig *r, u8 cmd) needs(in_machine)
{
	u8 val;

	outb(r, COMMAND, cmd);
	CHECK(inb(r, COMMAND) & 0x01);
	val = inb(r, DATA);
	CHECK(!(inb(r, COMMAND) & 0x01));
	return val;
}

static void tell(struct rig *r, u8 cmd, u8 val) needs(in_machine)
{
	outb(r, COMMAND, cmd);
	CHECK(!(inb(r, COMMAND) & 0x01));
	outb(r, DATA, val);
}

static void self_tests_pass(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(inb(&r, COMMAND), 0x10);
	CHECK_EQ(ask(&r, 0xaa), 0x55);
	CHECK_EQ(inb(&r, COMMAND), 0x1c); /* the system flag; last write was a command */
	CHECK_EQ(ask(&r, 0xab), 0x00);
	CHECK_EQ(ask(&r, 0xa9), 0x00);
	CHECK_EQ(ask(&r, 0xa4), 0xf1);
	CHECK_EQ(ask(&r, 0xc0), 0x80);
	CHECK_EQ(ask(&r, 0xe0), 0x00);
	rig_stop(&r);
}

static void the_configuration_byte_is_kept(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(ask(&r, 0x20), 0x30);
	tell(&r, 0x60, 0x47);
	CHECK_EQ(ask(&r, 0x20), 0x47);
	CHECK(inb(&r, COMMAND) & 0x04);
	outb(&r, COMMAND, 0xad);
	CHECK_EQ(ask(&r, 0x20), 0x57);
	outb(&r, COMMAND, 0xa7);
	CHECK_EQ(ask(&r, 0x20), 0x77);
	outb(&r, COMMAND, 0xae);
	outb(&r, COMMAND, 0xa8);
	CHECK_EQ(ask(&r, 0x20), 0x47);
	tell(&r, 0x7f, 0xab); /* the rest of its memory */
	CHECK_EQ(ask(&r, 0x3f), 0xab);
	tell(&r, 0x60, 0x00);
	CHECK(!(inb(&r, COMMAND) & 0x04));
	rig_stop(&r);
}

static void absent_devices_time_out(void)
{
	struct rig r;

	start(&r);
	outb(&r, DATA, 0xff); /* reset, to a keyboard */
	CHECK_EQ(inb(&r, COMMAND), 0x51);
	CHECK_EQ(inb(&r, DATA), 0xfe);
	CHECK_EQ(inb(&r, COMMAND), 0x10);
	tell(&r, 0xd4, 0xf2);
	CHECK_EQ(inb(&r, COMMAND), 0x71);
	CHECK_EQ(inb(&r, DATA), 0xfe);
	CHECK_EQ(inb(&r, COMMAND), 0x10);
	rig_stop(&r);
}

static void loops_return_the_byte_on_their_line(void)
{
	struct rig r;

	start(&r);
	tell(&r, 0x60, 0x03);
	tell(&r, 0xd2, 0x1c);
	CHECK(r.wire[1] && !r.wire[12]);
	CHECK_EQ(inb(&r, COMMAND) & 0x61, 0x01);
	CHECK_EQ(inb(&r, DATA), 0x1c);
	CHECK(!r.wire[1]);
	tell(&r, 0xd3, 0xa5); /* Linux looks for the mouse port like this */
	CHECK(!r.wire[1] && r.wire[12]);
	CHECK_EQ(inb(&r, COMMAND) & 0x61, 0x21);
	CHECK_EQ(inb(&r, DATA), 0xa5);
	CHECK(!r.wire[12]);
	tell(&r, 0x60, 0x00);
	tell(&r, 0xd2, 0x1c);
	CHECK(!r.wire[1]);
	outb(&r, COMMAND, 0xd2);
	outb(&r, DATA, 0x1d); /* takes the place of the one nobody read */
	CHECK_EQ(inb(&r, DATA), 0x1d);
	CHECK_EQ(inb(&r, DATA), 0x1d); /* empty: the last byte again */
	rig_stop(&r);
}

static void a20_is_a_bit_and_reset_resets(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(ask(&r, 0xd0), 0xc3);
	outb(&r, COMMAND, 0xdd);
	CHECK_EQ(ask(&r, 0xd0), 0xc1);
	outb(&r, COMMAND, 0xdf);
	CHECK_EQ(ask(&r, 0xd0), 0xc3);
	tell(&r, 0xd1, 0xcd);
	CHECK_EQ(ask(&r, 0xd0), 0xc1);
	CHECK_EQ(r.resets, 0);
	tell(&r, 0xd1, 0xfe);
	CHECK_EQ(r.resets, 1);
	outb(&r, COMMAND, 0xfe);
	CHECK_EQ(r.resets, 2);
	outb(&r, COMMAND, 0xff); /* pulses nothing */
	outb(&r, COMMAND, 0xf1);
	CHECK_EQ(r.resets, 2);
	outb(&r, COMMAND, 0xf0);
	CHECK_EQ(r.resets, 3);
	rig_stop(&r);
}

static void a_command_drops_the_operand_of_another(void)
{
	struct rig r;

	start(&r);
	outb(&r, COMMAND, 0xd1);
	outb(&r, COMMAND, 0xae);
	outb(&r, DATA, 0x00); /* for the keyboard now, no reset */
	CHECK_EQ(r.resets, 0);
	CHECK_EQ(inb(&r, DATA), 0xfe);
	rig_stop(&r);
}

int main(void)
{
	RUN(self_tests_pass);
	RUN(the_configuration_byte_is_kept);
	RUN(absent_devices_time_out);
	RUN(loops_return_the_byte_on_their_line);
	RUN(a20_is_a_bit_and_reset_resets);
	RUN(a_command_drops_the_operand_of_another);
	return 0;
}
