/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/i8042.c: the keyboard controller at 60/64, with nothing plugged into its two ports.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device
 * controller": status and command bytes, commands, and the FE with the timeout bit that answers
 * for a device that does not clock a byte in.
 */
#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

enum { DATA_PORT = 0x60, COMMAND_PORT = 0x64, KBD_LINE = 1, AUX_LINE = 12 };
enum { STAT_OBF = 0x01, STAT_SYS = 0x04, STAT_CMD = 0x08, STAT_UNLOCKED = 0x10 };
enum { STAT_AUX_OBF = 0x20, STAT_TIMEOUT = 0x40 };
enum { CFG_KBD_INT = 0x01, CFG_AUX_INT = 0x02, CFG_SYS = 0x04, CFG_KBD_OFF = 0x10 };
enum { CFG_AUX_OFF = 0x20 };
enum { OUT_NO_RESET = 0x01, OUT_A20 = 0x02, OUT_KBD_OBF = 0x10, OUT_AUX_OBF = 0x20 };
enum { OUT_IDLE = 0xc0 }; /* clock and data of the keyboard are high */
enum { RAM_BYTES = 32, RAM_CFG = 0, TIMED_OUT = 0xfe };

enum {
	CMD_READ_RAM = 0x20,
	CMD_WRITE_RAM = 0x60,
	CMD_TEST_PASSWORD = 0xa4,
	CMD_AUX_OFF = 0xa7,
	CMD_AUX_ON = 0xa8,
	CMD_TEST_AUX = 0xa9,
	CMD_SELF_TEST = 0xaa,
	CMD_TEST_KBD = 0xab,
	CMD_KBD_OFF = 0xad,
	CMD_KBD_ON = 0xae,
	CMD_READ_INPUT = 0xc0,
	CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1,
	CMD_KBD_LOOP = 0xd2,
	CMD_AUX_LOOP = 0xd3,
	CMD_WRITE_AUX = 0xd4,
	CMD_A20_OFF = 0xdd,
	CMD_A20_ON = 0xdf,
	CMD_READ_TEST = 0xe0,
	CMD_PULSE = 0xf0,
};

struct i8042 {
	struct device dev;
	struct isa_bus *bus;
	struct io_window data_window, command_window;
	u8 status, outport;
	u8 output;  /* byte for the host, while STAT_OBF */
	u8 command; /* whose operand the next byte at 60 is; 0: none */
	u8 ram[RAM_BYTES];
};

static const struct field i8042_fields[] = {
	FIELD(struct i8042, status),  FIELD(struct i8042, outport), FIELD(struct i8042, output),
	FIELD(struct i8042, command), FIELD_BUF(struct i8042, ram), FIELD_END,
};

static void update_irq(struct i8042 *k) needs(in_machine)
{
	bool full = k->status & STAT_OBF, aux = k->status & STAT_AUX_OBF;

	irq_set(&k->bus->irq[KBD_LINE], full && !aux && k->ram[RAM_CFG] & CFG_KBD_INT);
	irq_set(&k->bus->irq[AUX_LINE], full && aux && k->ram[RAM_CFG] & CFG_AUX_INT);
}

/* @flags: STAT_AUX_OBF, STAT_TIMEOUT. A byte that nobody took is lost. */
static void answer(struct i8042 *k, u8 val, u8 flags) needs(in_machine)
{
	k->output = val;
	k->status &= ~(STAT_AUX_OBF | STAT_TIMEOUT | STAT_OBF);
	update_irq(k); /* the line falls, to rise again */
	k->status |= STAT_OBF | flags;
}

static void write_config(struct i8042 *k, u8 val)
{
	k->ram[RAM_CFG] = val;
	k->status = val & CFG_SYS ? k->status | STAT_SYS : k->status & ~STAT_SYS;
}

static u8 read_output_port(const struct i8042 *k)
{
	u8 val = k->outport | OUT_IDLE;

	if (k->status & STAT_OBF)
		val |= k->status & STAT_AUX_OBF ? OUT_AUX_OBF : OUT_KBD_OBF;
	return val;
}

/* A20 can be read back, but address line 20 is never masked. */
static void write_output_port(struct i8042 *k, u8 val)
{
	k->outport = (val & OUT_A20) | OUT_NO_RESET;
	if (!(val & OUT_NO_RESET))
		machine_request(k->dev.machine, REQUEST_RESET);
}

static void set_config(struct i8042 *k, u8 bit, bool on)
{
	k->ram[RAM_CFG] = on ? k->ram[RAM_CFG] | bit : k->ram[RAM_CFG] & ~bit;
}

/* Commands that are ranges: the RAM and the pulses. False: @cmd is none of them. */
static bool run_range(struct i8042 *k, u8 cmd) needs(in_machine)
{
	if ((cmd & ~(RAM_BYTES - 1)) == CMD_READ_RAM)
		answer(k, k->ram[cmd & (RAM_BYTES - 1)], 0);
	else if ((cmd & ~(RAM_BYTES - 1)) == CMD_WRITE_RAM)
		k->command = cmd;
	else if (cmd >= CMD_PULSE && !(cmd & OUT_NO_RESET)) /* FE: pulse the reset line */
		machine_request(k->dev.machine, REQUEST_RESET);
	else
		return cmd >= CMD_PULSE;
	return true;
}

static void run_command(struct i8042 *k, u8 cmd) needs(in_machine)
{
	k->command = 0;
	if (run_range(k, cmd))
		return;
	switch (cmd) {
	case CMD_TEST_PASSWORD: answer(k, 0xf1, 0); break; /* none is installed */
	case CMD_AUX_OFF: set_config(k, CFG_AUX_OFF, true); break;
	case CMD_AUX_ON: set_config(k, CFG_AUX_OFF, false); break;
	case CMD_KBD_OFF: set_config(k, CFG_KBD_OFF, true); break;
	case CMD_KBD_ON: set_config(k, CFG_KBD_OFF, false); break;
	case CMD_SELF_TEST:
		write_config(k, k->ram[RAM_CFG] | CFG_SYS | CFG_KBD_OFF | CFG_AUX_OFF);
		answer(k, 0x55, 0);
		break;
	case CMD_TEST_AUX:
	case CMD_TEST_KBD:
	case CMD_READ_TEST: answer(k, 0, 0); break;
	case CMD_READ_INPUT: answer(k, 0x80, 0); break; /* not locked */
	case CMD_READ_OUTPUT: answer(k, read_output_port(k), 0); break;
	case CMD_A20_OFF: k->outport &= ~OUT_A20; break;
	case CMD_A20_ON: k->outport |= OUT_A20; break;
	case CMD_WRITE_OUTPUT:
	case CMD_KBD_LOOP:
	case CMD_AUX_LOOP:
	case CMD_WRITE_AUX: k->command = cmd; break;
	default: break;
	}
}

static void run_operand(struct i8042 *k, u8 val) needs(in_machine)
{
	u8 cmd = k->command;

	k->command = 0;
	switch (cmd) {
	case CMD_WRITE_OUTPUT: write_output_port(k, val); break;
	case CMD_KBD_LOOP: answer(k, val, 0); break;
	case CMD_AUX_LOOP: answer(k, val, STAT_AUX_OBF); break;
	case CMD_WRITE_AUX: answer(k, TIMED_OUT, STAT_AUX_OBF | STAT_TIMEOUT); break;
	case CMD_WRITE_RAM: write_config(k, val); break;
	case 0: answer(k, TIMED_OUT, STAT_TIMEOUT); break; /* for a keyboard */
	default: k->ram[cmd & (RAM_BYTES - 1)] = val; break;
	}
}

static u64 data_read(void *dev, u64 off UNUSED, unsigned size UNUSED) needs(in_machine)
{
	struct i8042 *k = dev;

	k->status &= ~(STAT_OBF | STAT_AUX_OBF | STAT_TIMEOUT);
	update_irq(k);
	return k->output; /* an empty buffer gives its last byte again */
}

static void data_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct i8042 *k = dev;

	k->status &= ~STAT_CMD;
	run_operand(k, (u8)val);
	update_irq(k);
}

static u64 status_read(void *dev, u64 off UNUSED, unsigned size UNUSED)
{
	struct i8042 *k = dev;

	return k->status | STAT_UNLOCKED;
}

static void command_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val)
	needs(in_machine)
{
	struct i8042 *k = dev;

	k->status |= STAT_CMD;
	run_command(k, (u8)val);
	update_irq(k);
}

static const struct io_ops data_io = { .read = data_read, .write = data_write, .max = 1 };
static const struct io_ops command_io = { .read = status_read, .write = command_write, .max = 1 };

static void i8042_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	k->status = k->output = k->command = 0;
	k->outport = OUT_NO_RESET | OUT_A20;
	for (unsigned i = 0; i < RAM_BYTES; i++)
		k->ram[i] = 0;
	k->ram[RAM_CFG] = CFG_KBD_OFF | CFG_AUX_OFF;
	update_irq(k);
}

static int i8042_loaded(struct device *d, struct error *err UNUSED) needs(in_machine)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	k->status &= STAT_OBF | STAT_SYS | STAT_CMD | STAT_AUX_OBF | STAT_TIMEOUT;
	k->outport = (k->outport & OUT_A20) | OUT_NO_RESET;
	update_irq(k);
	return 0;
}

static void i8042_destroy(struct device *d) needs(in_machine)
{
	struct i8042 *k = container_of(d, struct i8042, dev);

	io_unmap(d->machine, &k->data_window);
	io_unmap(d->machine, &k->command_window);
	free(k);
}

static const struct device_class i8042_class = {
	.name = "i8042",
	.fields = i8042_fields,
	.reset = i8042_reset,
	.loaded = i8042_loaded,
	.destroy = i8042_destroy,
};

struct device *i8042_create(struct isa_bus *bus, struct error *err)
{
	struct i8042 *k = xnew(struct i8042);

	k->dev.machine = bus->machine;
	k->bus = bus;
	if (isa_map(bus, &k->data_window, DATA_PORT, 1, &data_io, k, err) < 0 ||
	    isa_map(bus, &k->command_window, COMMAND_PORT, 1, &command_io, k, err) < 0) {
		i8042_destroy(&k->dev);
		return NULL;
	}
	device_add(bus->machine, &k->dev, &i8042_class, "i8042");
	i8042_reset(&k->dev, RESET_POWER_ON);
	return &k->dev;
}
