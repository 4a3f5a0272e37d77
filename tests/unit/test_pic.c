/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two 8259A: initialisation, priorities, modes, cascade, polling. */
#include "legacy_rig.h"

enum { MASTER = 0x20, SLAVE = 0xa0, ELCR = 0x4d0 };
enum { EOI = 0x20, READ_IRR = 0x0a, READ_ISR = 0x0b };

static void init_chip(struct rig *r, u16 port, u8 vector, u8 cascade, u8 icw4) needs(in_machine)
{
	outb(r, port, 0x11);
	outb(r, port + 1, vector);
	outb(r, port + 1, cascade);
	outb(r, port + 1, icw4);
}

/* The PC's usual set-up with vectors 30h and 38h, everything unmasked. */
static void start(struct rig *r) enters(in_machine)
{
	rig_start(r);
	r->pic = pic_create(&r->bus, rig_intr_wire(r), NULL);
	CHECK(r->pic);
	init_chip(r, MASTER, 0x30, 0x04, 0x01);
	init_chip(r, SLAVE, 0x38, 0x02, 0x01);
}

static u8 isr(struct rig *r, u16 port) needs(in_machine)
{
	outb(r, port, READ_ISR);
	return inb(r, port);
}

static u8 irr(struct rig *r, u16 port) needs(in_machine)
{
	outb(r, port, READ_IRR);
	return inb(r, port);
}

static void nothing_is_delivered_before_initialisation(void)
{
	struct rig r;

	rig_start(&r);
	r.pic = pic_create(&r.bus, rig_intr_wire(&r), NULL);
	CHECK_EQ(inb(&r, MASTER + 1), 0xff);
	pic_set(r.pic, 1, true);
	CHECK(!r.intr);
	outb(&r, MASTER, 0x11); /* unmasks, but is not finished */
	pic_set(r.pic, 1, false);
	pic_set(r.pic, 1, true);
	CHECK(!r.intr);
	CHECK(machine_intack(r.m) == -1);
	rig_stop(&r);
}

static void an_edge_is_delivered_once(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 4, true);
	CHECK(r.intr);
	CHECK_EQ(irr(&r, MASTER), 0x10);
	CHECK_EQ(machine_intack(r.m), 0x34);
	CHECK(!r.intr);
	CHECK_EQ(isr(&r, MASTER), 0x10);
	outb(&r, MASTER, EOI);
	CHECK_EQ(isr(&r, MASTER), 0);
	CHECK(!r.intr); /* still high, but no new edge */
	pic_set(r.pic, 4, true);
	CHECK(!r.intr);
	pic_set(r.pic, 4, false);
	pic_set(r.pic, 4, true);
	CHECK(r.intr);
	rig_stop(&r);
}

static void a_short_pulse_is_not_lost(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 3, true);
	pic_set(r.pic, 3, false);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x33);
	rig_stop(&r);
}

static void a_masked_input_waits(void)
{
	struct rig r;

	start(&r);
	outb(&r, MASTER + 1, 0x02);
	pic_set(r.pic, 1, true);
	CHECK(!r.intr);
	CHECK_EQ(inb(&r, MASTER + 1), 0x02);
	outb(&r, MASTER + 1, 0x00);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x31);
	rig_stop(&r);
}

static void lower_inputs_wait_for_the_eoi_of_higher_ones(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 3, true);
	CHECK_EQ(machine_intack(r.m), 0x33);
	pic_set(r.pic, 5, true);
	CHECK(!r.intr);
	pic_set(r.pic, 1, true); /* higher: nests */
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x31);
	CHECK_EQ(isr(&r, MASTER), 0x0a);
	outb(&r, MASTER, EOI); /* ends 1 */
	CHECK(!r.intr);
	outb(&r, MASTER, 0x63); /* specific: ends 3 */
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x35);
	rig_stop(&r);
}

static void the_slave_interrupts_through_input_2(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 8, true);
	pic_set(r.pic, 14, true);
	CHECK_EQ(machine_intack(r.m), 0x38);
	CHECK_EQ(isr(&r, MASTER), 0x04);
	CHECK_EQ(isr(&r, SLAVE), 0x01);
	outb(&r, MASTER, EOI);
	CHECK(!r.intr); /* the slave still serves input 0 */
	outb(&r, SLAVE, EOI);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x3e);
	rig_stop(&r);
}

static void line_2_of_the_bus_leads_nowhere(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 2, true);
	pic_set(r.pic, 16, true);
	CHECK(!r.intr);
	rig_stop(&r);
}

static void a_slave_request_that_went_away_is_spurious_15(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 12, true);
	outb(&r, SLAVE + 1, 0x10);
	CHECK_EQ(machine_intack(r.m), 0x3f);
	CHECK_EQ(isr(&r, SLAVE), 0);     /* so the handler can tell */
	CHECK_EQ(isr(&r, MASTER), 0x04); /* and ends the master's only */
	rig_stop(&r);
}

static void a_master_request_that_went_away_is_none(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 7, true);
	outb(&r, MASTER + 1, 0x80);
	CHECK(!r.intr);
	CHECK(machine_intack(r.m) == -1);
	CHECK_EQ(isr(&r, MASTER), 0);
	rig_stop(&r);
}

static void a_level_input_repeats_until_it_falls(void)
{
	struct rig r;

	start(&r);
	outb(&r, ELCR + 1, 0x04); /* line 10 */
	pic_set(r.pic, 10, true);
	CHECK_EQ(machine_intack(r.m), 0x3a);
	outb(&r, SLAVE, EOI);
	outb(&r, MASTER, EOI);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x3a);
	pic_set(r.pic, 10, false);
	outb(&r, SLAVE, EOI);
	outb(&r, MASTER, EOI);
	CHECK(!r.intr);
	rig_stop(&r);
}

static void elcr_keeps_the_isa_lines_edge_triggered(void)
{
	struct rig r;

	start(&r);
	io_write(r.m, IO_PORT, ELCR, 2, 0xffff);
	CHECK_EQ(io_read(r.m, IO_PORT, ELCR, 2), 0xdef8);
	rig_stop(&r);
}

static void icw1_forgets_edges_masks_and_service(void)
{
	struct rig r;

	start(&r);
	outb(&r, MASTER + 1, 0x55);
	pic_set(r.pic, 1, true);
	machine_intack(r.m);
	pic_set(r.pic, 3, true);
	init_chip(&r, MASTER, 0x40, 0x04, 0x01);
	CHECK_EQ(inb(&r, MASTER + 1), 0);
	CHECK_EQ(isr(&r, MASTER), 0);
	CHECK_EQ(irr(&r, MASTER), 0);
	CHECK(!r.intr);
	pic_set(r.pic, 1, false);
	pic_set(r.pic, 1, true);
	CHECK_EQ(machine_intack(r.m), 0x41);
	rig_stop(&r);
}

static void icw1_can_leave_out_icw3_and_icw4(void)
{
	struct rig r;

	start(&r);
	outb(&r, MASTER, 0x12); /* single, no ICW4 */
	outb(&r, MASTER + 1, 0x50);
	outb(&r, MASTER + 1, 0xfe); /* a mask already */
	CHECK_EQ(inb(&r, MASTER + 1), 0xfe);
	pic_set(r.pic, 0, true);
	CHECK_EQ(machine_intack(r.m), 0x50);
	rig_stop(&r);
}

static void automatic_eoi_leaves_nothing_in_service(void)
{
	struct rig r;

	start(&r);
	init_chip(&r, MASTER, 0x30, 0x04, 0x03);
	pic_set(r.pic, 1, true);
	pic_set(r.pic, 6, true);
	CHECK_EQ(machine_intack(r.m), 0x31);
	CHECK_EQ(isr(&r, MASTER), 0);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x36);
	rig_stop(&r);
}

static void automatic_eoi_may_rotate(void)
{
	struct rig r;

	start(&r);
	init_chip(&r, MASTER, 0x30, 0x04, 0x03);
	outb(&r, MASTER, 0x80);
	pic_set(r.pic, 3, true);
	CHECK_EQ(machine_intack(r.m), 0x33); /* 3 is now the lowest */
	pic_set(r.pic, 3, false);
	pic_set(r.pic, 3, true);
	pic_set(r.pic, 1, true);
	pic_set(r.pic, 5, true);
	CHECK_EQ(machine_intack(r.m), 0x35);
	CHECK_EQ(machine_intack(r.m), 0x31);
	CHECK_EQ(machine_intack(r.m), 0x33);
	outb(&r, MASTER, 0x00); /* no more rotation */
	pic_set(r.pic, 1, false);
	pic_set(r.pic, 1, true);
	CHECK_EQ(machine_intack(r.m), 0x31);
	pic_set(r.pic, 1, false);
	pic_set(r.pic, 1, true);
	pic_set(r.pic, 5, false);
	pic_set(r.pic, 5, true);
	CHECK_EQ(machine_intack(r.m), 0x35); /* 4 is the highest still */
	rig_stop(&r);
}

static void priorities_rotate_on_command(void)
{
	struct rig r;

	start(&r);
	outb(&r, MASTER, 0xc4); /* 4 lowest, so 5 highest */
	pic_set(r.pic, 0, true);
	pic_set(r.pic, 5, true);
	CHECK_EQ(machine_intack(r.m), 0x35);
	outb(&r, MASTER, 0xa0); /* non-specific EOI, 5 becomes the lowest */
	CHECK_EQ(machine_intack(r.m), 0x30);
	pic_set(r.pic, 6, true);
	CHECK_EQ(machine_intack(r.m), 0x36); /* nests: 6 is the highest */
	outb(&r, MASTER, 0xe6);              /* specific EOI of 6, which becomes the lowest */
	CHECK_EQ(isr(&r, MASTER), 0x01);
	pic_set(r.pic, 7, true);
	CHECK_EQ(machine_intack(r.m), 0x37);
	rig_stop(&r);
}

static void special_mask_mode_lets_lower_inputs_in(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 1, true);
	CHECK_EQ(machine_intack(r.m), 0x31);
	outb(&r, MASTER + 1, 0x02);
	pic_set(r.pic, 6, true);
	CHECK(!r.intr);
	outb(&r, MASTER, 0x68);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x36);
	outb(&r, MASTER, EOI); /* ends 6: the masked 1 is not seen */
	CHECK_EQ(isr(&r, MASTER), 0x02);
	outb(&r, MASTER, EOI);
	CHECK_EQ(isr(&r, MASTER), 0x02);
	outb(&r, MASTER, 0x61);
	CHECK_EQ(isr(&r, MASTER), 0);
	outb(&r, MASTER, 0x48); /* off */
	rig_stop(&r);
}

static void special_fully_nested_mode_nests_slave_requests(void)
{
	struct rig r;

	start(&r);
	init_chip(&r, MASTER, 0x30, 0x04, 0x11);
	pic_set(r.pic, 12, true);
	CHECK_EQ(machine_intack(r.m), 0x3c);
	pic_set(r.pic, 9, true);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x39);
	pic_set(r.pic, 15, true);
	CHECK(!r.intr);
	rig_stop(&r);
}

static void without_it_the_slave_waits_for_the_master(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 12, true);
	CHECK_EQ(machine_intack(r.m), 0x3c);
	pic_set(r.pic, 9, true);
	CHECK(!r.intr);
	outb(&r, MASTER, EOI);
	CHECK_EQ(machine_intack(r.m), 0x39);
	rig_stop(&r);
}

static void a_poll_read_acknowledges(void)
{
	struct rig r;

	start(&r);
	outb(&r, MASTER, 0x0c);
	CHECK_EQ(inb(&r, MASTER), 0); /* nobody asks */
	pic_set(r.pic, 6, true);
	outb(&r, MASTER, 0x0c);
	CHECK_EQ(inb(&r, MASTER), 0x86);
	CHECK(!r.intr);
	CHECK_EQ(isr(&r, MASTER), 0x40);
	rig_stop(&r);
}

static void a_word_access_reaches_both_registers(void)
{
	struct rig r;

	start(&r);
	io_write(r.m, IO_PORT, MASTER, 2, 0xab0b); /* OCW3 read ISR, and a mask */
	CHECK_EQ(inb(&r, MASTER + 1), 0xab);
	CHECK_EQ(io_read(r.m, IO_PORT, MASTER, 2), 0xab00);
	io_write(r.m, IO_PORT, SLAVE, 4, 0xffffffff);
	rig_stop(&r);
}

static void reset_masks_everything(void)
{
	struct rig r;

	start(&r);
	pic_set(r.pic, 1, true);
	CHECK(r.intr);
	device_reset_all(r.m, RESET_WARM);
	CHECK(!r.intr);
	CHECK_EQ(inb(&r, MASTER + 1), 0xff);
	rig_stop(&r);
}

int main(void)
{
	RUN(nothing_is_delivered_before_initialisation);
	RUN(an_edge_is_delivered_once);
	RUN(a_short_pulse_is_not_lost);
	RUN(a_masked_input_waits);
	RUN(lower_inputs_wait_for_the_eoi_of_higher_ones);
	RUN(the_slave_interrupts_through_input_2);
	RUN(line_2_of_the_bus_leads_nowhere);
	RUN(a_slave_request_that_went_away_is_spurious_15);
	RUN(a_master_request_that_went_away_is_none);
	RUN(a_level_input_repeats_until_it_falls);
	RUN(elcr_keeps_the_isa_lines_edge_triggered);
	RUN(icw1_forgets_edges_masks_and_service);
	RUN(icw1_can_leave_out_icw3_and_icw4);
	RUN(automatic_eoi_leaves_nothing_in_service);
	RUN(automatic_eoi_may_rotate);
	RUN(priorities_rotate_on_command);
	RUN(special_mask_mode_lets_lower_inputs_in);
	RUN(special_fully_nested_mode_nests_slave_requests);
	RUN(without_it_the_slave_waits_for_the_master);
	RUN(a_poll_read_acknowledges);
	RUN(a_word_access_reaches_both_registers);
	RUN(reset_masks_everything);
	return 0;
}
