/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oriel, the whole program, with a guest written in C: linked with --wrap=accel_choose and
 * --wrap=cmd_run. FAKE_GUEST says what the guest does after it has said its line on COM1:
 *
 *	off	powers the machine off		reset	resets it
 *	crash	stops with a triple fault	hang	waits for ever
 *	button	powers off when the power button is pressed
 *	echo	sends back every byte		flood	talks without end
 *	flash	programs two variables' bytes, then powers off
 */
#include <stdlib.h>

#include "cli/cli.h"
#include "core/io.h"
#include "fake_accel.h"
#include "plat/time.h"

int __real_cmd_run(int argc, const char *const *argv);
int __wrap_cmd_run(int argc, const char *const *argv);

enum {
	COM1 = 0x3f8,
	COM1_LSR = COM1 + 5,
	LSR_DATA = 1,
	LSR_ROOM = 0x20,
	PMBASE = 0x8000f840,
	ACPI_CNTL = 0x8000f844,
	PM1_STS = 0x600,
	PM1_CNT = 0x604,
	PWRBTN_STS = 1 << 8,
	SLP_EN = 1 << 13,
	PROGRAM = 0x10,
};

static const gpa_t variables = 0xfff00000; /* of 1 MiB of firmware */

static u8 in(struct fake_cpu *c, u16 port)
{
	return (u8)io_read_vcpu(fake_machine(c), IO_PORT, port, 1);
}

static void out(struct fake_cpu *c, u16 port, unsigned size, u32 val)
{
	io_write_vcpu(fake_machine(c), IO_PORT, port, size, val);
}

static void pci_write(struct fake_cpu *c, u32 address, u32 val)
{
	out(c, 0xcf8, 4, address);
	out(c, 0xcfc, 4, val);
}

/* As firmware would have done before. */
static void place_pm(struct fake_cpu *c)
{
	pci_write(c, PMBASE, PM1_STS | 1);
	pci_write(c, ACPI_CNTL, 0x80);
}

static void power_off(struct fake_cpu *c)
{
	place_pm(c);
	out(c, PM1_CNT, 2, SLP_EN);
}

static void put(struct fake_cpu *c, char byte)
{
	while (!(in(c, COM1_LSR) & LSR_ROOM))
		time_sleep_ns(NS_PER_US);
	out(c, COM1, 1, (u8)byte);
}

static void say(struct fake_cpu *c, const char *text)
{
	while (*text)
		put(c, *text++);
}

static enum run_result rest(void)
{
	time_sleep_ns(20 * NS_PER_MS);
	return RUN_AGAIN;
}

static enum run_result echo(struct fake_cpu *c)
{
	if (!(in(c, COM1_LSR) & LSR_DATA)) {
		time_sleep_ns(NS_PER_MS / 2);
		return RUN_AGAIN;
	}
	put(c, (char)in(c, COM1));
	return RUN_AGAIN;
}

/* Into two blocks that are 64 KiB apart. */
static void program(struct fake_cpu *c)
{
	for (gpa_t at = variables + KIB(32); at < variables + KIB(128); at += KIB(64)) {
		io_write_vcpu(fake_machine(c), IO_MMIO, at, 1, PROGRAM);
		io_write_vcpu(fake_machine(c), IO_MMIO, at, 1, 0x42);
	}
}

static bool is(const char *what)
{
	const char *guest = getenv("FAKE_GUEST");

	return guest && !strcmp(guest, what);
}

static enum run_result step(struct fake_cpu *c)
{
	static unsigned said; /* by which reset */

	if (said != c->resets) {
		said = c->resets;
		say(c, "the guest is here\r\n");
		place_pm(c);
		if (is("flash"))
			program(c);
		if (is("off") || is("flash"))
			power_off(c);
		if (is("reset"))
			out(c, 0xcf9, 1, 6);
		if (is("crash"))
			return RUN_SHUTDOWN;
	}
	if (is("echo"))
		return echo(c);
	if (is("flood"))
		say(c, "and it goes on and on and on\r\n");
	if (is("button") && io_read_vcpu(fake_machine(c), IO_PORT, PM1_STS, 2) & PWRBTN_STS)
		power_off(c);
	return is("flood") ? RUN_AGAIN : rest();
}

int __wrap_cmd_run(int argc, const char *const *argv)
{
	fake.step = step;
	return __real_cmd_run(argc, argv);
}
