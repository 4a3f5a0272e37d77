/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The I/O APIC: registers, edges and levels, messages, what the backend is told. */
#include "legacy_rig.h"

enum { BASE = 0xfec00000 };
#define LEVEL BIT(15)
#define MASKED BIT(16)
#define REMOTE_IRR BIT(14)

static void start(struct rig *r) enters(in_machine)
{
	rig_start(r);
	r->ioapic = ioapic_create(r->m, NULL);
	CHECK(r->ioapic);
}

static u32 get(struct rig *r, u8 reg) needs(in_machine)
{
	io_write(r->m, IO_MMIO, BASE, 4, reg);
	return (u32)io_read(r->m, IO_MMIO, BASE + 0x10, 4);
}

static void put(struct rig *r, u8 reg, u32 val) needs(in_machine)
{
	io_write(r->m, IO_MMIO, BASE, 4, reg);
	io_write(r->m, IO_MMIO, BASE + 0x10, 4, val);
}

static void route(struct rig *r, unsigned pin, u8 dest, u32 low) needs(in_machine)
{
	put(r, (u8)(0x11 + 2 * pin), (u32)dest << 24);
	put(r, (u8)(0x10 + 2 * pin), low);
}

static void registers_read_as_the_data_sheet_says(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(get(&r, 1), 0x00170020);
	put(&r, 1, 0); /* Windows does it */
	CHECK_EQ(get(&r, 1), 0x00170020);
	put(&r, 0, 0xffffffff);
	CHECK_EQ(get(&r, 0), 0x0f000000);
	CHECK_EQ(get(&r, 2), 0x0f000000);
	put(&r, 2, 0);
	CHECK_EQ(get(&r, 2), 0x0f000000);
	for (u8 reg = 0x10; reg < 0x40; reg++)
		CHECK_EQ(get(&r, reg), reg & 1 ? 0 : MASKED);
	CHECK_EQ(get(&r, 3), 0);
	CHECK_EQ(get(&r, 0x40), 0);
	CHECK_EQ(get(&r, 0xff), 0);
	put(&r, 0x40, ~0u);
	put(&r, 0xff, ~0u);
	CHECK_EQ(io_read(r.m, IO_MMIO, BASE, 4), 0xff);
	rig_stop(&r);
}

static void an_entry_keeps_what_may_be_written(void)
{
	struct rig r;

	start(&r);
	route(&r, 5, 0xa5, ~0u & ~REMOTE_IRR);
	CHECK_EQ(get(&r, 0x1a), 0x1afff); /* neither status bit, nothing reserved */
	CHECK_EQ(get(&r, 0x1b), 0xa5000000);
	put(&r, 0x1b, ~0u);
	CHECK_EQ(get(&r, 0x1b), 0xff000000);
	rig_stop(&r);
}

static void an_edge_sends_one_message(void)
{
	struct rig r;

	start(&r);
	route(&r, 4, 3, 0x51);
	ioapic_set(r.ioapic, 4, true);
	CHECK_EQ(r.msis, 1);
	CHECK_EQ(r.msi[0].addr, 0xfee03000);
	CHECK_EQ(r.msi[0].data, 0x51);
	ioapic_set(r.ioapic, 4, true);
	ioapic_set(r.ioapic, 4, false);
	CHECK_EQ(r.msis, 1);
	ioapic_set(r.ioapic, 4, true);
	CHECK_EQ(r.msis, 2);
	CHECK_EQ(get(&r, 0x18), 0x51); /* no remote IRR */
	rig_stop(&r);
}

static void a_masked_edge_is_lost(void)
{
	struct rig r;

	start(&r);
	route(&r, 4, 0, 0x51 | MASKED);
	ioapic_set(r.ioapic, 4, true);
	route(&r, 4, 0, 0x51);
	CHECK_EQ(r.msis, 0);
	rig_stop(&r);
}

static void a_level_waits_for_its_eoi(void)
{
	struct rig r;

	start(&r);
	route(&r, 16, 1, 0x61 | LEVEL);
	ioapic_set(r.ioapic, 16, true);
	CHECK_EQ(r.msis, 1);
	CHECK_EQ(r.msi[0].data, 0xc061); /* level, asserted */
	CHECK_EQ(get(&r, 0x30), 0x61 | LEVEL | REMOTE_IRR);
	ioapic_set(r.ioapic, 16, false);
	ioapic_set(r.ioapic, 16, true);
	CHECK_EQ(r.msis, 1); /* being served */
	machine_eoi(r.m, 0x62);
	CHECK_EQ(r.msis, 1); /* somebody else's */
	machine_eoi(r.m, 0x61);
	CHECK_EQ(r.msis, 2); /* still asserted */
	ioapic_set(r.ioapic, 16, false);
	machine_eoi(r.m, 0x61);
	CHECK_EQ(r.msis, 2);
	CHECK_EQ(get(&r, 0x30), 0x61 | LEVEL);
	rig_stop(&r);
}

static void the_eoi_register_does_what_the_broadcast_does(void)
{
	struct rig r;

	start(&r);
	route(&r, 10, 0, 0x71 | LEVEL);
	route(&r, 11, 0, 0x71 | LEVEL); /* shares the vector */
	ioapic_set(r.ioapic, 10, true);
	ioapic_set(r.ioapic, 11, true);
	CHECK_EQ(r.msis, 2);
	ioapic_set(r.ioapic, 10, false);
	io_write(r.m, IO_MMIO, BASE + 0x40, 4, 0x71);
	CHECK_EQ(get(&r, 0x24), 0x71 | LEVEL);
	CHECK_EQ(get(&r, 0x26), 0x71 | LEVEL | REMOTE_IRR);
	CHECK_EQ(r.msis, 3);
	CHECK_EQ(io_read(r.m, IO_MMIO, BASE + 0x40, 4), 0);
	rig_stop(&r);
}

static void unmasking_an_asserted_level_fires(void)
{
	struct rig r;

	start(&r);
	route(&r, 9, 0, 0x49 | LEVEL | MASKED);
	ioapic_set(r.ioapic, 9, true);
	CHECK_EQ(r.msis, 0);
	route(&r, 9, 0, 0x49 | LEVEL);
	CHECK_EQ(r.msis, 1);
	put(&r, 0x22, 0x49 | LEVEL); /* remote IRR holds it back */
	CHECK_EQ(r.msis, 1);
	put(&r, 0x22, 0x49 | LEVEL | MASKED);
	machine_eoi(r.m, 0x49);
	CHECK_EQ(r.msis, 1);
	CHECK_EQ(get(&r, 0x22), 0x49 | LEVEL | MASKED);
	rig_stop(&r);
}

static void switching_to_edge_forgets_remote_irr(void)
{
	struct rig r;

	start(&r);
	route(&r, 9, 0, 0x49 | LEVEL);
	ioapic_set(r.ioapic, 9, true);
	put(&r, 0x22, 0x49 | MASKED);
	CHECK_EQ(get(&r, 0x22), 0x49 | MASKED);
	put(&r, 0x22, 0x49 | LEVEL);
	CHECK_EQ(r.msis, 2);
	rig_stop(&r);
}

static void destinations_and_modes_go_into_the_message(void)
{
	struct rig r;

	start(&r);
	route(&r, 1, 0xff, 0x0931); /* lowest priority, logical */
	ioapic_set(r.ioapic, 1, true);
	CHECK_EQ(r.msi[0].addr, 0xfeeff004);
	CHECK_EQ(r.msi[0].data, 0x131);
	route(&r, 2, 2, 0x0400 | LEVEL); /* NMI: an edge whatever is said */
	ioapic_set(r.ioapic, 2, true);
	CHECK_EQ(r.msi[1].data, 0x400);
	ioapic_set(r.ioapic, 2, false);
	ioapic_set(r.ioapic, 2, true);
	CHECK_EQ(r.msis, 3); /* needs no EOI */
	CHECK(!r.route[2].level);
	rig_stop(&r);
}

static void the_backend_hears_of_every_change(void)
{
	struct rig r;

	start(&r);
	for (unsigned pin = 0; pin < 24; pin++)
		CHECK(r.route[pin].masked);
	route(&r, 23, 7, 0x80 | LEVEL);
	CHECK(!r.route[23].masked && r.route[23].level);
	CHECK_EQ(r.route[23].msg.addr, 0xfee07000);
	CHECK_EQ(r.route[23].msg.data, 0xc080);
	put(&r, 0x3e, 0x80 | LEVEL | MASKED);
	CHECK(r.route[23].masked);
	put(&r, 0x3e, 0x81);
	CHECK(!r.route[23].masked && !r.route[23].level);
	device_reset_all(r.m, RESET_WARM);
	CHECK(r.route[23].masked);
	rig_stop(&r);
}

static void polarity_changes_nothing(void)
{
	struct rig r;

	start(&r);
	route(&r, 17, 0, 0x55 | LEVEL | BIT(13));
	CHECK_EQ(r.msis, 0);
	ioapic_set(r.ioapic, 17, true);
	CHECK_EQ(r.msis, 1);
	rig_stop(&r);
}

static void odd_accesses_are_harmless(void)
{
	struct rig r;

	start(&r);
	for (unsigned size = 1; size <= 8; size *= 2)
		for (u64 at = 0; at < 0x1000; at += size == 1 ? 3 : size)
			io_read(r.m, IO_MMIO, BASE + at, size);
	io_write(r.m, IO_MMIO, BASE, 1, 0x12);              /* a byte is enough to select */
	CHECK_EQ(io_read(r.m, IO_MMIO, BASE + 0x12, 1), 1); /* byte 2 of a masked entry */
	io_write(r.m, IO_MMIO, BASE + 0x10, 1, 0x44);
	CHECK_EQ(get(&r, 0x12), 0x44 | MASKED);
	io_write(r.m, IO_MMIO, BASE + 0x20, 8, ~0ull);
	io_write(r.m, IO_MMIO, BASE + 0xffc, 8, ~0ull);
	CHECK_EQ(get(&r, 0x12), 0x44 | MASKED);
	ioapic_set(r.ioapic, 24, true);
	ioapic_set(r.ioapic, ~0u, true);
	CHECK_EQ(r.msis, 0);
	rig_stop(&r);
}

static void an_isa_interrupt_reaches_both_controllers(void)
{
	struct rig r;

	start(&r);
	r.pic = pic_create(&r.bus, rig_intr_wire(&r), NULL);
	CHECK(pit_create(&r.bus, NULL));
	outb(&r, 0x20, 0x11);
	outb(&r, 0x21, 0x20);
	outb(&r, 0x21, 0x04);
	outb(&r, 0x21, 0x01);
	route(&r, 2, 0, 0x30);
	outb(&r, 0x43, 0x34);
	outb(&r, 0x40, 0xa9); /* 1193: about 1 ms */
	outb(&r, 0x40, 0x04);
	clock_advance(r.m->clock, 900 * NS_PER_US);
	CHECK_EQ(r.msis, 0);
	CHECK(!r.intr);
	clock_advance(r.m->clock, 200 * NS_PER_US);
	CHECK_EQ(r.msis, 1);
	CHECK_EQ(r.msi[0].data, 0x30);
	CHECK(r.intr);
	CHECK_EQ(machine_intack(r.m), 0x20);
	clock_advance(r.m->clock, 10 * NS_PER_MS);
	CHECK_EQ(r.msis, 11);
	rig_stop(&r);
}

int main(void)
{
	RUN(registers_read_as_the_data_sheet_says);
	RUN(an_entry_keeps_what_may_be_written);
	RUN(an_edge_sends_one_message);
	RUN(a_masked_edge_is_lost);
	RUN(a_level_waits_for_its_eoi);
	RUN(the_eoi_register_does_what_the_broadcast_does);
	RUN(unmasking_an_asserted_level_fires);
	RUN(switching_to_edge_forgets_remote_irr);
	RUN(destinations_and_modes_go_into_the_message);
	RUN(the_backend_hears_of_every_change);
	RUN(polarity_changes_nothing);
	RUN(odd_accesses_are_harmless);
	RUN(an_isa_interrupt_reaches_both_controllers);
	return 0;
}
