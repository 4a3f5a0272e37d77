/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/reset.c: the reset control register CF9 and the fast reset and A20 port 92.
 *
 * Source: ICH9 (316972) 13.7.5 (RST_CNT) and 13.7.3 (PORT92). Every reset resets the whole
 * platform: a CPU that alone starts over was for 80286 operating systems.
 */
#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

enum { RST_CNT_PORT = 0xcf9, PORT92 = 0x92 };
enum { SYS_RST = 0x02, RST_CPU = 0x04, FULL_RST = 0x08 };
enum { INIT_NOW = 0x01, ALT_A20_GATE = 0x02 };

struct reset {
	struct device dev;
	struct io_window cnt_window, port92_window;
	u8 cnt, port92;
};

static const struct field reset_fields[] = {
	FIELD(struct reset, cnt),
	FIELD(struct reset, port92),
	FIELD_END,
};

static u64 cnt_read(void *dev, u64 off UNUSED, unsigned size UNUSED)
{
	struct reset *r = dev;

	return r->cnt;
}

/* Every write with RST_CPU resets; the bit itself is not kept, so there is no wrong order. */
static void cnt_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val)
{
	struct reset *r = dev;

	r->cnt = val & (SYS_RST | FULL_RST);
	if (val & RST_CPU)
		machine_request(r->dev.machine, REQUEST_RESET);
}

static const struct io_ops cnt_io = { .read = cnt_read, .write = cnt_write, .max = 1 };

static u64 port92_read(void *dev, u64 off UNUSED, unsigned size UNUSED)
{
	struct reset *r = dev;

	return r->port92;
}

/* A20 is a bit to be read back: address line 20 is never masked. */
static void port92_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val)
{
	struct reset *r = dev;
	bool rises = val & ~(u64)r->port92 & INIT_NOW;

	r->port92 = val & (ALT_A20_GATE | INIT_NOW);
	if (rises)
		machine_request(r->dev.machine, REQUEST_RESET);
}

static const struct io_ops port92_io = { .read = port92_read, .write = port92_write, .max = 1 };

static void reset_reset(struct device *d, enum reset_kind kind UNUSED)
{
	struct reset *r = container_of(d, struct reset, dev);

	r->cnt = 0;
	r->port92 = ALT_A20_GATE;
}

static int reset_loaded(struct device *d, struct error *err UNUSED)
{
	struct reset *r = container_of(d, struct reset, dev);

	r->cnt &= SYS_RST | FULL_RST;
	r->port92 &= ALT_A20_GATE | INIT_NOW;
	return 0;
}

static void reset_destroy(struct device *d) needs(in_machine)
{
	struct reset *r = container_of(d, struct reset, dev);

	io_unmap(d->machine, &r->cnt_window);
	io_unmap(d->machine, &r->port92_window);
	free(r);
}

static const struct device_class reset_class = {
	.name = "reset",
	.fields = reset_fields,
	.reset = reset_reset,
	.loaded = reset_loaded,
	.destroy = reset_destroy,
};

struct device *reset_create(struct isa_bus *bus, struct error *err)
{
	struct reset *r = xnew(struct reset);

	r->dev.machine = bus->machine;
	if (isa_map(bus, &r->cnt_window, RST_CNT_PORT, 1, &cnt_io, r, err) < 0 ||
	    isa_map(bus, &r->port92_window, PORT92, 1, &port92_io, r, err) < 0) {
		reset_destroy(&r->dev);
		return NULL;
	}
	device_add(bus->machine, &r->dev, &reset_class, "reset");
	reset_reset(&r->dev, RESET_POWER_ON);
	return &r->dev;
}
