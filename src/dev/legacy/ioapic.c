/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/ioapic.c: the I/O APIC: 24 inputs, each turned into a message to local APICs.
 *
 * Source: Intel 82093AA data sheet (290566-001) section 3; ICH9 (316972) 13.5 for version 20h and
 * its EOI register; message format: Intel SDM 3A 11.11.
 *
 * A wire carries "asserted", not volts, so the polarity bit is stored and has no effect.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/trace.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

enum { IOAPIC_PINS = 24, IOAPIC_BASE = 0xfec00000, IOAPIC_LEN = 0x1000 };
enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { IOAPICID = 0x00, IOAPICVER = 0x01, IOAPICARB = 0x02, IOREDTBL = 0x10 };

/* Redirection table entries, 82093AA 3.2.4. Destination in 63:56, vector in 7:0. */
#define RTE_MODE_SHIFT 8
#define RTE_MODE (7ull << RTE_MODE_SHIFT)
#define RTE_LOGICAL BIT64(11)
#define RTE_POLARITY BIT64(13)
#define RTE_REMOTE_IRR BIT64(14)
#define RTE_LEVEL BIT64(15)
#define RTE_MASKED BIT64(16)
#define RTE_DEST_SHIFT 56
#define RTE_WRITABLE                                                                               \
	(0xffull << RTE_DEST_SHIFT | RTE_MASKED | RTE_LEVEL | RTE_POLARITY | RTE_LOGICAL |         \
	 RTE_MODE | 0xff)
enum { MODE_FIXED, MODE_LOWEST };

struct ioapic {
	struct device dev;
	struct io_window window;
	u32 lines; /* asserted inputs */
	u8 id, select;
	u64 entry[IOAPIC_PINS];
};

static const struct field ioapic_fields[] = {
	FIELD(struct ioapic, lines),
	FIELD(struct ioapic, id),
	FIELD(struct ioapic, select),
	FIELD_ARRAY(struct ioapic, entry),
	FIELD_END,
};

/* SMI, NMI, INIT and ExtINT are edges whatever the trigger mode says; nobody sends their EOI. */
static bool is_level(u64 e)
{
	return (e & RTE_LEVEL) && (e & RTE_MODE) >> RTE_MODE_SHIFT <= MODE_LOWEST;
}

static struct msi message(u64 e)
{
	struct msi msg = {
		.addr = 0xfee00000 | e >> RTE_DEST_SHIFT << 12 | (e & RTE_LOGICAL ? 1 << 2 : 0),
		.data = (u32)(e & (RTE_MODE | 0xff)),
	};

	if (is_level(e))
		msg.data |= BIT(15) | BIT(14); /* level, asserted */
	return msg;
}

static void fire(struct ioapic *a, unsigned pin)
{
	struct msi msg = message(a->entry[pin]);

	if (is_level(a->entry[pin]))
		a->entry[pin] |= RTE_REMOTE_IRR;
	trace(ioapic_fire, pin, msg.addr, msg.data);
	msi_send(a->dev.machine, msg);
}

/* Send a level-triggered pin that is asserted and not being served. */
static void service(struct ioapic *a, unsigned pin)
{
	u64 e = a->entry[pin];

	if (is_level(e) && !(e & (RTE_MASKED | RTE_REMOTE_IRR)) && (a->lines >> pin & 1))
		fire(a, pin);
}

void ioapic_set(void *ioapic, unsigned pin, bool level)
{
	struct ioapic *a = ioapic;
	bool rises;
	u64 e;

	if (pin >= IOAPIC_PINS)
		return;
	rises = level && !(a->lines >> pin & 1);
	a->lines = level ? a->lines | BIT(pin) : a->lines & ~BIT(pin);
	e = a->entry[pin];
	if (is_level(e))
		service(a, pin);
	else if (rises && !(e & RTE_MASKED)) /* a masked edge is lost, 82093AA 3.2.4 bit 16 */
		fire(a, pin);
}

static void ioapic_eoi(void *dev, u8 vector) needs(in_machine)
{
	struct ioapic *a = dev;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 e = a->entry[pin];

		if (!(e & RTE_REMOTE_IRR) || (u8)e != vector)
			continue;
		a->entry[pin] &= ~RTE_REMOTE_IRR;
		service(a, pin);
	}
}

static void push_route(struct ioapic *a, unsigned pin) needs(in_machine)
{
	struct machine *m = a->dev.machine;
	u64 e = a->entry[pin];

	if (m->cpu_ops && m->cpu_ops->ioapic_route)
		m->cpu_ops->ioapic_route(m->cpus, pin, message(e), is_level(e), e & RTE_MASKED);
}

static void write_entry(struct ioapic *a, unsigned pin, bool high, u32 val) needs(in_machine)
{
	u64 mask = high ? RTE_WRITABLE >> 32 << 32 : (u32)RTE_WRITABLE;
	u64 *e = &a->entry[pin];

	*e = (*e & ~mask) | ((high ? (u64)val << 32 : val) & mask);
	/* Linux ends a stuck level interrupt by switching the entry to edge and back. */
	if (!(*e & RTE_LEVEL))
		*e &= ~RTE_REMOTE_IRR;
	push_route(a, pin);
	service(a, pin);
}

static u32 read_register(const struct ioapic *a)
{
	unsigned n = a->select - IOREDTBL;

	switch (a->select) {
	case IOAPICID:
	case IOAPICARB: return (u32)a->id << 24;
	case IOAPICVER: return (IOAPIC_PINS - 1) << 16 | 0x20;
	default: break;
	}
	if (a->select < IOREDTBL || n / 2 >= IOAPIC_PINS)
		return 0;
	return (u32)(a->entry[n / 2] >> (n & 1 ? 32 : 0));
}

static void write_register(struct ioapic *a, u32 val) needs(in_machine)
{
	unsigned n = a->select - IOREDTBL;

	if (a->select == IOAPICID)
		a->id = val >> 24 & 0x0f;
	/* The rest of the low registers is read-only; Windows writes 0 to the version. */
	else if (a->select >= IOREDTBL && n / 2 < IOAPIC_PINS)
		write_entry(a, n / 2, n & 1, val);
}

static u64 ioapic_read(void *dev, u64 off, unsigned size UNUSED)
{
	struct ioapic *a = dev;

	switch (off) {
	case IOREGSEL: return a->select;
	case IOWIN: return read_register(a);
	default: return 0;
	}
}

static void ioapic_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct ioapic *a = dev;

	switch (off) {
	case IOREGSEL: a->select = (u8)val; break;
	case IOWIN: write_register(a, (u32)val); break;
	case IOEOI: ioapic_eoi(a, (u8)val); break;
	default: break;
	}
}

static const struct io_ops ioapic_io = {
	.read = ioapic_read,
	.write = ioapic_write,
	.min = 4,
	.max = 4,
};

static void ioapic_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct ioapic *a = container_of(d, struct ioapic, dev);

	a->id = a->select = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		a->entry[pin] = RTE_MASKED;
		push_route(a, pin);
	}
}

static int ioapic_loaded(struct device *d, struct error *err UNUSED) needs(in_machine)
{
	struct ioapic *a = container_of(d, struct ioapic, dev);

	a->id &= 0x0f;
	a->lines &= BIT(IOAPIC_PINS) - 1;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		a->entry[pin] &= RTE_WRITABLE | RTE_REMOTE_IRR;
		if (!(a->entry[pin] & RTE_LEVEL))
			a->entry[pin] &= ~RTE_REMOTE_IRR;
		/* Nothing is sent: what was pending is in the saved local APICs. */
		push_route(a, pin);
	}
	return 0;
}

static void ioapic_destroy(struct device *d) needs(in_machine)
{
	struct ioapic *a = container_of(d, struct ioapic, dev);

	io_unmap(d->machine, &a->window);
	free(a);
}

static const struct device_class ioapic_class = {
	.name = "ioapic",
	.fields = ioapic_fields,
	.reset = ioapic_reset,
	.loaded = ioapic_loaded,
	.destroy = ioapic_destroy,
};

struct device *ioapic_create(struct machine *m, struct error *err)
{
	struct ioapic *a = xnew(struct ioapic);

	a->dev.machine = m;
	a->window = (struct io_window){
		.ops = &ioapic_io,
		.dev = a,
		.base = IOAPIC_BASE,
		.len = IOAPIC_LEN,
		.space = IO_MMIO,
		.name = "ioapic",
	};
	if (io_map(m, &a->window, err) < 0) {
		ioapic_destroy(&a->dev);
		return NULL;
	}
	device_add(m, &a->dev, &ioapic_class, "ioapic");
	m->intc.eoi = ioapic_eoi;
	m->intc.ioapic = a;
	ioapic_reset(&a->dev, RESET_POWER_ON);
	return &a->dev;
}
