/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/debugcon.c: a port whose written bytes are firmware's log.
 *
 * Source: QEMU docs/specs ("isa-debugcon"), Bochs' port E9: reading gives E9, by which SeaBIOS
 * (port 402) and others find out that somebody listens.
 */
#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "char/char.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

enum { DEBUGCON_READBACK = 0xe9 };

struct debugcon {
	struct device dev;
	struct io_window window;
	struct chr *chr;
};

static const struct field debugcon_fields[] = {
	FIELD_END, /* it remembers nothing */
};

static u64 debugcon_read(void *dev UNUSED, u64 off UNUSED, unsigned size UNUSED)
{
	return DEBUGCON_READBACK;
}

static void debugcon_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val)
{
	struct debugcon *c = dev;
	u8 byte = (u8)val;

	if (c->chr)
		(void)chr_write(c->chr, &byte, 1);
}

static const struct io_ops debugcon_io = {
	.read = debugcon_read,
	.write = debugcon_write,
	.max = 1,
};

/*
 * Input is for nobody, but it must be taken: what waits keeps the stream from being read, and a
 * terminal's escape from being seen.
 */
static size_t debugcon_room(void *dev UNUSED)
{
	return SIZE_MAX;
}

static void debugcon_input(void *dev UNUSED, const u8 *buf UNUSED, size_t len UNUSED)
{
}

static void debugcon_reset(struct device *d UNUSED, enum reset_kind kind UNUSED)
{
}

static void debugcon_destroy(struct device *d) needs(in_machine)
{
	struct debugcon *c = container_of(d, struct debugcon, dev);

	chr_close(c->chr);
	io_unmap(d->machine, &c->window);
	free(c);
}

static const struct device_class debugcon_class = {
	.name = "debugcon",
	.fields = debugcon_fields,
	.reset = debugcon_reset,
	.destroy = debugcon_destroy,
};

struct device *debugcon_create(struct isa_bus *bus, u16 port, struct chr *chr, struct error *err)
{
	static const struct chr_user user = { .room = debugcon_room, .input = debugcon_input };
	struct debugcon *c = xnew(struct debugcon);

	c->dev.machine = bus->machine;
	c->chr = chr;
	if (isa_map(bus, &c->window, port, 1, &debugcon_io, c, err) < 0) {
		debugcon_destroy(&c->dev);
		return NULL;
	}
	device_add(bus->machine, &c->dev, &debugcon_class, "debugcon");
	if (chr)
		chr_attach(chr, &user);
	return &c->dev;
}
