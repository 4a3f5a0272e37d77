/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/testdev.c: the devices that bare-metal test suites expect: a port that ends the
 * program, registers of every width, interrupt lines moved by port writes, memory that is not RAM,
 * and the control port of Hyper-V's tests.
 *
 * Source: the behaviour of QEMU's isa-debug-exit (at F4, as suites place it), pc-testdev and
 * hyperv-testdev.
 *
 *	E0-E3	a register of four bytes, accessed in any width
 *	E4	a guest page whose mapping the host may drop and make again: nothing to do here
 *	E8-EB	the same register, byte by byte whatever the width of the access
 *	F4-F7	end of the program
 *	2000+n	level of interrupt line n, 0 to 23
 *	3000	Hyper-V: synthetic interrupt source, vCPU, command and connection, a byte each
 *	FF000000 in memory: 64 KiB of bytes that keep what is written
 */
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

LOG_MODULE("testdev");

enum { MEMORY_SIZE = 64 << 10 };
enum { N_WINDOWS = 7 };

struct testdev {
	struct device dev;
	struct io_window window[N_WINDOWS];
	struct irq line[TESTDEV_LINES];
	bool level[TESTDEV_LINES]; /* as last written */
	u8 word[4];
	u8 memory[MEMORY_SIZE];
};

static const struct field testdev_fields[] = {
	FIELD_ARRAY(struct testdev, level),
	FIELD_BUF(struct testdev, word),
	FIELD_BUF(struct testdev, memory),
	FIELD_END,
};

static u64 word_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;

	return le_at(t->word + off, size);
}

static void word_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct testdev *t = dev;

	put_le(t->word + off, size, val);
}

static u64 zero_read(void *dev UNUSED, u64 off UNUSED, unsigned size UNUSED)
{
	return 0;
}

static void ignore_write(void *dev UNUSED, u64 off UNUSED, unsigned size UNUSED, u64 val UNUSED)
{
}

static void exit_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val)
{
	struct testdev *t = dev;

	machine_request_exit(t->dev.machine, (u32)val);
}

static void line_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct testdev *t = dev;

	t->level[off] = val != 0;
	irq_set(&t->line[off], t->level[off]);
}

/* Routes and connections of the synthetic interrupt controller, which is not there yet. */
static void hyperv_write(void *dev UNUSED, u64 off UNUSED, unsigned size, u64 val)
{
	if (size != 4)
		return;
	log_guest("Hyper-V test command %x (SINT %u, vCPU %u, connection %u) has no effect",
		  (unsigned)(val >> 16 & 0xff), (unsigned)(val & 0xff), (unsigned)(val >> 8 & 0xff),
		  (unsigned)(val >> 24 & 0xff));
}

static u64 memory_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;

	return le_at(t->memory + off, size);
}

static void memory_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct testdev *t = dev;

	put_le(t->memory + off, size, val);
}

static const struct io_ops word_io = { .read = word_read, .write = word_write, .max = 4 };
static const struct io_ops flush_io = { .read = zero_read, .write = ignore_write, .max = 4 };
static const struct io_ops byte_io = { .read = word_read, .write = word_write, .max = 1 };
static const struct io_ops exit_io = { .read = zero_read, .write = exit_write, .max = 4 };
static const struct io_ops line_io = { .read = zero_read, .write = line_write, .max = 1 };
static const struct io_ops hyperv_io = { .read = zero_read, .write = hyperv_write, .max = 4 };
static const struct io_ops memory_io = { .read = memory_read, .write = memory_write };

/* Below all others: the debug console's port E9 is seen in front of E8-EB. */
static const struct io_window windows[N_WINDOWS] = {
	{ .ops = &word_io, .base = 0xe0, .len = 4, .name = "test-word" },
	{ .ops = &flush_io, .base = 0xe4, .len = 4, .name = "test-flush" },
	{ .ops = &byte_io, .base = 0xe8, .len = 4, .name = "test-bytes" },
	{ .ops = &exit_io, .base = 0xf4, .len = 4, .name = "test-exit" },
	{ .ops = &line_io, .base = 0x2000, .len = TESTDEV_LINES, .name = "test-lines" },
	{ .ops = &hyperv_io, .base = 0x3000, .len = 4, .name = "test-hyperv" },
	{ .ops = &memory_io,
	  .base = 0xff000000,
	  .len = MEMORY_SIZE,
	  .space = IO_MMIO,
	  .name = "test-memory" },
};

/* Lines that nobody raised here may be held by the devices they belong to. */
static void testdev_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct testdev *t = container_of(d, struct testdev, dev);

	for (unsigned i = 0; i < TESTDEV_LINES; i++) {
		if (t->level[i])
			irq_set(&t->line[i], false);
		t->level[i] = false;
	}
	memset(t->word, 0, sizeof(t->word));
	memset(t->memory, 0, sizeof(t->memory));
}

static void testdev_destroy(struct device *d) needs(in_machine)
{
	struct testdev *t = container_of(d, struct testdev, dev);

	for (unsigned i = 0; i < N_WINDOWS; i++)
		io_unmap(d->machine, &t->window[i]);
	free(t);
}

static const struct device_class testdev_class = {
	.name = "testdev",
	.fields = testdev_fields,
	.reset = testdev_reset,
	.destroy = testdev_destroy,
};

struct device *testdev_create(struct machine *m, const struct irq line[TESTDEV_LINES],
			      struct error *err)
{
	struct testdev *t = xnew(struct testdev);

	t->dev.machine = m;
	memcpy(t->line, line, sizeof(t->line));
	for (unsigned i = 0; i < N_WINDOWS; i++) {
		t->window[i] = windows[i];
		t->window[i].dev = t;
		t->window[i].priority = -1;
		if (io_map(m, &t->window[i], err) < 0) {
			testdev_destroy(&t->dev);
			return NULL;
		}
	}
	device_add(m, &t->dev, &testdev_class, "testdev");
	return &t->dev;
}
