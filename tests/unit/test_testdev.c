/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices that bare-metal test suites expect. */
#include "legacy_rig.h"

struct suite {
	struct rig r;
	bool line[TESTDEV_LINES];
	unsigned moves, exits;
};

static void line_set(void *chip, unsigned pin, bool level)
{
	struct suite *s = chip;

	s->line[pin] = level;
	s->moves++;
}

static void request(void *arg, enum machine_request what)
{
	struct suite *s = arg;

	s->exits += what == REQUEST_EXIT;
}

static void start(struct suite *s) enters(in_machine)
{
	struct irq line[TESTDEV_LINES];

	memset(s, 0, sizeof(*s));
	rig_start(&s->r);
	s->r.m->request = request;
	s->r.m->request_arg = s;
	for (unsigned i = 0; i < TESTDEV_LINES; i++)
		line[i] = (struct irq){ line_set, s, i };
	CHECK(testdev_create(s->r.m, line, NULL));
}

static u64 in(struct suite *s, u16 port, unsigned size)needs(in_machine)
{
	return io_read(s->r.m, IO_PORT, port, size);
}

static void out(struct suite *s, u16 port, unsigned size, u32 val) needs(in_machine)
{
	io_write(s->r.m, IO_PORT, port, size, val);
}

static void a_write_of_any_width_to_f4_asks_for_the_end(void)
{
	static const unsigned sizes[] = { 1, 2, 4 };
	struct suite s;

	start(&s);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		out(&s, 0xf4, sizes[i], 0x12345678);
		CHECK_EQ(s.exits, i + 1);
		CHECK_EQ(s.r.m->exit_value,
			 sizes[i] == 4 ? 0x12345678 : 0x5678 & ((1u << 8 * sizes[i]) - 1));
	}
	CHECK_EQ(in(&s, 0xf4, 4), 0);
	out(&s, 0xf3, 1, 1); /* not ours */
	out(&s, 0xf8, 1, 1);
	CHECK_EQ(s.exits, 3);
	rig_stop(&s.r);
}

static void the_register_keeps_what_each_width_wrote(void)
{
	struct suite s;

	start(&s);
	out(&s, 0xe0, 4, 0x87654321);
	CHECK_EQ(in(&s, 0xe0, 4), 0x87654321);
	CHECK_EQ(in(&s, 0xe0, 2), 0x4321);
	CHECK_EQ(in(&s, 0xe2, 2), 0x8765);
	CHECK_EQ(in(&s, 0xe3, 1), 0x87);
	out(&s, 0xe1, 1, 0xaa);
	out(&s, 0xe2, 2, 0xbbcc);
	CHECK_EQ(in(&s, 0xe0, 4), 0xbbccaa21);
	CHECK_EQ(in(&s, 0xe8, 4), 0xbbccaa21); /* byte by byte */
	out(&s, 0xe8, 4, 0x01020304);
	CHECK_EQ(in(&s, 0xe0, 4), 0x01020304);
	CHECK_EQ(in(&s, 0xe9, 2), 0x0203);
	out(&s, 0xe4, 4, 0xfffff000); /* a page to be flushed: nothing changes */
	CHECK_EQ(in(&s, 0xe0, 4), 0x01020304);
	rig_stop(&s.r);
}

static void a_debug_console_at_e9_is_seen_in_front(void)
{
	struct suite s;

	start(&s);
	CHECK(debugcon_create(&s.r.bus, 0xe9, NULL, NULL));
	out(&s, 0xe0, 4, 0x11223344);
	CHECK_EQ(in(&s, 0xe9, 1), 0xe9);
	CHECK_EQ(in(&s, 0xe8, 1), 0x44);
	out(&s, 0xe9, 1, 'x');
	CHECK_EQ(in(&s, 0xe0, 4), 0x11223344);
	rig_stop(&s.r);
}

static void each_of_24_ports_moves_its_line(void)
{
	struct suite s;

	start(&s);
	for (unsigned i = 0; i < TESTDEV_LINES; i++) {
		out(&s, (u16)(0x2000 + i), 1, i % 3 ? 1 : 0x80); /* any bit */
		CHECK(s.line[i]);
		CHECK_EQ(s.moves, i + 1);
	}
	out(&s, 0x2000 + TESTDEV_LINES, 1, 0);
	CHECK_EQ(s.moves, TESTDEV_LINES);
	out(&s, 0x200e, 1, 0);
	CHECK(!s.line[14] && s.line[13] && s.line[15]);
	rig_stop(&s.r);
}

static void memory_keeps_bytes_of_any_access(void)
{
	struct suite s;

	start(&s);
	io_write(s.r.m, IO_MMIO, 0xff000000, 8, 0x1122334455667788);
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff000003, 1), 0x55);
	io_write(s.r.m, IO_MMIO, 0xff000007, 2, 0xaabb); /* across two words */
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff000000, 8), 0xbb22334455667788);
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff000008, 4), 0xaa);
	io_write(s.r.m, IO_MMIO, 0xff00fffc, 4, 0xdeadbeef);
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff00fffc, 4), 0xdeadbeef);
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff010000, 4), 0xffffffff);
	rig_stop(&s.r);
}

static void the_hyperv_port_takes_commands_and_does_nothing(void)
{
	struct suite s;

	start(&s);
	for (u32 command = 0; command < 9; command++)
		out(&s, 0x3000, 4, 0x05000102 | command << 16);
	out(&s, 0x3000, 1, 0xff);
	CHECK_EQ(in(&s, 0x3000, 4), 0);
	CHECK_EQ(s.moves + s.exits, 0);
	rig_stop(&s.r);
}

static void reset_lowers_only_lines_that_were_raised_here(void)
{
	struct suite s;

	start(&s);
	out(&s, 0x2009, 1, 1);
	out(&s, 0xe0, 4, ~0u);
	io_write(s.r.m, IO_MMIO, 0xff001000, 1, 1);
	s.line[4] = true; /* by its device */
	device_reset_all(s.r.m, RESET_WARM);
	CHECK(!s.line[9] && s.line[4]);
	CHECK_EQ(in(&s, 0xe0, 4), 0);
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff001000, 1), 0);
	rig_stop(&s.r);
}

static void what_was_saved_is_loaded(void)
{
	struct str saved = { 0 };
	struct suite s;

	start(&s);
	out(&s, 0xe0, 4, 0xcafe1234);
	out(&s, 0x2005, 1, 1);
	io_write(s.r.m, IO_MMIO, 0xff00abcd, 1, 0x77);
	device_save_all(s.r.m, &saved);
	rig_stop(&s.r);
	start(&s);
	CHECK(device_load_all(s.r.m, (u8 *)saved.at, saved.len, NULL) == 0);
	CHECK_EQ(in(&s, 0xe0, 4), 0xcafe1234);
	CHECK_EQ(io_read(s.r.m, IO_MMIO, 0xff00abcd, 1), 0x77);
	s.line[5] = true; /* as the interrupt controllers' own state has it */
	device_reset_all(s.r.m, RESET_WARM);
	CHECK(!s.line[5]);
	rig_stop(&s.r);
	str_free(&saved);
}

int main(void)
{
	RUN(a_write_of_any_width_to_f4_asks_for_the_end);
	RUN(the_register_keeps_what_each_width_wrote);
	RUN(a_debug_console_at_e9_is_seen_in_front);
	RUN(each_of_24_ports_moves_its_line);
	RUN(memory_keeps_bytes_of_any_access);
	RUN(the_hyperv_port_takes_commands_and_does_nothing);
	RUN(reset_lowers_only_lines_that_were_raised_here);
	RUN(what_was_saved_is_loaded);
	return 0;
}
