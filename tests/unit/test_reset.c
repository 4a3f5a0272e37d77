/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reset control CF9, port 92, and the debug console ports. */
#include "char/char_priv.h"
#include "legacy_rig.h"

static void start(struct rig *r) enters(in_machine)
{
	rig_start(r);
	CHECK(reset_create(&r->bus, NULL));
}

static void cf9_resets_when_bit_2_is_written(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(inb(&r, 0xcf9), 0);
	outb(&r, 0xcf9, 0x02);
	CHECK_EQ(inb(&r, 0xcf9), 0x02);
	CHECK_EQ(r.resets, 0);
	outb(&r, 0xcf9, 0x06);
	CHECK_EQ(r.resets, 1);
	outb(&r, 0xcf9, 0x0e); /* a second try without taking it back */
	CHECK_EQ(r.resets, 2);
	CHECK_EQ(inb(&r, 0xcf9), 0x0a);
	device_reset_all(r.m, RESET_WARM);
	CHECK_EQ(inb(&r, 0xcf9), 0);
	rig_stop(&r);
}

static void port_92_has_a20_and_a_reset_edge(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(inb(&r, 0x92), 0x02);
	outb(&r, 0x92, 0x00);
	CHECK_EQ(inb(&r, 0x92), 0x00);
	outb(&r, 0x92, 0xfe);
	CHECK_EQ(inb(&r, 0x92), 0x02);
	CHECK_EQ(r.resets, 0);
	outb(&r, 0x92, 0x03);
	CHECK_EQ(r.resets, 1);
	outb(&r, 0x92, 0x03); /* no edge */
	CHECK_EQ(r.resets, 1);
	outb(&r, 0x92, 0x02);
	outb(&r, 0x92, 0x03);
	CHECK_EQ(r.resets, 2);
	rig_stop(&r);
}

static void cf9_leaves_its_neighbours_alone(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(inb(&r, 0xcf8), 0xff);
	CHECK_EQ(inb(&r, 0xcfa), 0xff);
	CHECK_EQ(inb(&r, 0x93), 0xff);
	rig_stop(&r);
}

static void the_debug_console_writes_and_answers_e9(void)
{
	struct chr *c = chr_create_memory();
	size_t all = chr_stage_room(c);
	struct rig r;
	u8 got[8];

	rig_start(&r);
	CHECK(debugcon_create(&r.bus, 0x402, c, NULL));
	CHECK_EQ(inb(&r, 0x402), 0xe9);
	outb(&r, 0x402, 'h');
	outb(&r, 0x402, 0);
	io_write(r.m, IO_PORT, 0x402, 2, 0x4142); /* the second byte is for 403 */
	CHECK_EQ(chr_memory_take(c, got, sizeof(got)), 3);
	CHECK(!memcmp(got, "h\0B", 3));
	chr_memory_feed(c, "to nobody", 9);
	CHECK_EQ(chr_stage_room(c), all); /* it does not pile up */
	device_reset_all(r.m, RESET_WARM);
	rig_stop(&r);
	rig_start(&r);
	CHECK(debugcon_create(&r.bus, 0xe9, NULL, NULL));
	outb(&r, 0xe9, 'x');
	CHECK_EQ(inb(&r, 0xe9), 0xe9);
	rig_stop(&r);
}

int main(void)
{
	RUN(cf9_resets_when_bit_2_is_written);
	RUN(port_92_has_a20_and_a_reset_edge);
	RUN(cf9_leaves_its_neighbours_alone);
	RUN(the_debug_console_writes_and_answers_e9);
	return 0;
}
