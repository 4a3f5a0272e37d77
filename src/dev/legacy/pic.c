/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/pic.c: the two 8259A interrupt controllers, the slave on the master's input 2.
 *
 * Source: Intel 8259A data sheet (231468-003); ICH9 (316972) 5.8 and 13.4 for what its copy leaves
 * out (MCS-80 mode, buffered mode, LTIM) and for the edge/level registers 4D0 and 4D1.
 *
 * One difference from the chip: an edge is remembered until it is acknowledged, even when the line
 * falls before. A vCPU may not run for longer than any pulse lasts; the chip would answer with a
 * spurious IRQ 7 and the interrupt would be lost.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/trace.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

enum { CASCADE = 2 }; /* the master's input with the slave on it */
enum { ICW1_IC4 = 0x01, ICW1_SNGL = 0x02, IS_ICW1 = 0x10, IS_OCW3 = 0x08 };
enum { ICW4_AEOI = 0x02, ICW4_SFNM = 0x10 };
enum { OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_P = 0x04, OCW3_SMM = 0x20, OCW3_ESMM = 0x40 };

struct pic;

struct chip {
	struct pic *pic;
	u8 lines;  /* levels of the inputs */
	u8 edges;  /* inputs that rose and were not acknowledged since */
	u8 elcr;   /* level-triggered inputs */
	u8 imr;    /* masked */
	u8 isr;    /* in service */
	u8 vector; /* of input 0 */
	u8 first;  /* the input with the highest priority */
	u8 step;   /* which ICW comes next: 2, 3, 4, or 0 for none */
	bool single, icw4;
	bool aeoi, rotate_aeoi, sfnm, special_mask;
	bool read_isr, poll;
};

struct pic {
	struct device dev;
	struct irq intr;
	struct io_window window[2], elcr_window;
	struct chip chip[2]; /* master, slave */
};

static const struct field chip_fields[] = {
	FIELD(struct chip, lines),
	FIELD(struct chip, edges),
	FIELD(struct chip, elcr),
	FIELD(struct chip, imr),
	FIELD(struct chip, isr),
	FIELD(struct chip, vector),
	FIELD(struct chip, first),
	FIELD(struct chip, step),
	FIELD(struct chip, single),
	FIELD(struct chip, icw4),
	FIELD(struct chip, aeoi),
	FIELD(struct chip, rotate_aeoi),
	FIELD(struct chip, sfnm),
	FIELD(struct chip, special_mask),
	FIELD(struct chip, read_isr),
	FIELD(struct chip, poll),
	FIELD_END,
};

static const struct field pic_fields[] = {
	FIELD_SUBS(struct pic, chip, chip_fields),
	FIELD_END,
};

/* Inputs that the ISA bus needs edge-triggered: 0, 1, 2 and 8, 13 (ICH9 13.4.10, 13.4.11). */
static const u8 elcr_writable[2] = { 0xf8, 0xde };

static u8 requests(const struct chip *c)
{
	return (c->edges & ~c->elcr) | (c->lines & c->elcr);
}

/* How far the most urgent of @inputs is from the top of the priority order; 8 for none. */
static unsigned rank(const struct chip *c, u8 inputs)
{
	unsigned n = 0;

	while (n < 8 && !(inputs >> ((c->first + n) & 7) & 1))
		n++;
	return n;
}

/* The input that asks for service and may have it now, or -1. */
static int pending(const struct chip *c)
{
	u8 busy = c->isr;
	unsigned n;

	if (c->step) /* half initialised */
		return -1;
	if (c->special_mask)
		busy &= ~c->imr;
	/* Special fully nested: the slave may interrupt its own earlier, lower request. */
	if (c->sfnm && c == &c->pic->chip[0])
		busy &= ~BIT(CASCADE);
	n = rank(c, requests(c) & ~c->imr);
	return n < rank(c, busy) ? (int)((c->first + n) & 7) : -1;
}

static void update(struct pic *p) needs(in_machine)
{
	if (pending(&p->chip[1]) >= 0)
		p->chip[0].edges |= BIT(CASCADE);
	irq_set(&p->intr, pending(&p->chip[0]) >= 0);
}

/* What the second INTA pulse does to the chip. */
static void accept(struct chip *c, unsigned n)
{
	c->edges &= ~BIT(n);
	if (!c->aeoi)
		c->isr |= BIT(n);
	else if (c->rotate_aeoi)
		c->first = (n + 1) & 7;
}

static int pic_ack(void *dev) needs(in_machine)
{
	struct pic *p = dev;
	struct chip *master = &p->chip[0], *slave = &p->chip[1];
	int n = pending(master), vector;

	if (n < 0)
		return -1;
	accept(master, (unsigned)n);
	vector = master->vector | n;
	if (n == CASCADE) {
		n = pending(slave);
		if (n >= 0)
			accept(slave, (unsigned)n);
		/* A request that went away answers as input 7, and is not in service. */
		vector = slave->vector | (n < 0 ? 7 : n);
	}
	trace(pic_ack, vector);
	update(p);
	return vector;
}

void pic_set(void *pic, unsigned line, bool level)
{
	struct pic *p = pic;
	struct chip *c = &p->chip[line >> 3 & 1];
	u8 bit = BIT(line & 7);

	if (line > 15 || line == CASCADE)
		return;
	if (level && !(c->lines & bit))
		c->edges |= bit;
	c->lines = level ? c->lines | bit : c->lines & ~bit;
	update(p);
}

static void end_of_interrupt(struct chip *c, u8 inputs, bool rotate)
{
	unsigned n = rank(c, inputs);

	if (n == 8)
		return;
	n = (c->first + n) & 7;
	c->isr &= ~BIT(n);
	if (rotate)
		c->first = (n + 1) & 7;
}

/* The command is in bits 7:5 (rotate, specific, EOI), an input in 2:0. */
static void write_ocw2(struct chip *c, u8 val)
{
	u8 in_service = c->isr;

	/* In special mask mode masked inputs need a specific EOI. */
	if (c->special_mask)
		in_service &= ~c->imr;
	switch (val >> 5) {
	case 0: c->rotate_aeoi = false; break;
	case 4: c->rotate_aeoi = true; break;
	case 1: end_of_interrupt(c, in_service, false); break;
	case 5: end_of_interrupt(c, in_service, true); break;
	case 3:
	case 7: c->isr &= ~BIT(val & 7); break;
	default: break;
	}
	if (val >> 6 == 3) /* set priority, and rotate on specific EOI */
		c->first = (val + 1) & 7;
}

static void write_icw1(struct chip *c, u8 val)
{
	c->edges = 0; /* an input that is high must fall first */
	c->imr = c->isr = 0;
	c->first = 0;
	c->rotate_aeoi = c->special_mask = c->read_isr = c->poll = false;
	c->icw4 = val & ICW1_IC4;
	c->single = val & ICW1_SNGL;
	if (!c->icw4)
		c->aeoi = c->sfnm = false;
	c->step = 2;
}

static void write_command(struct chip *c, u8 val)
{
	if (val & IS_ICW1) {
		write_icw1(c, val);
	} else if (val & IS_OCW3) {
		if (val & OCW3_ESMM)
			c->special_mask = val & OCW3_SMM;
		if (val & OCW3_P)
			c->poll = true;
		else if (val & OCW3_RR)
			c->read_isr = val & OCW3_RIS;
	} else {
		write_ocw2(c, val);
	}
}

static void write_data(struct chip *c, u8 val)
{
	u8 after = c->icw4 ? 4 : 0;

	switch (c->step) {
	case 2:
		c->vector = val & 0xf8;
		c->step = c->single ? after : 3;
		break;
	case 3: c->step = after; break; /* the cascade is wired */
	case 4:
		c->aeoi = val & ICW4_AEOI;
		c->sfnm = val & ICW4_SFNM;
		c->step = 0;
		break;
	default: c->imr = val; break;
	}
}

static void pic_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct chip *c = dev;

	if (off)
		write_data(c, (u8)val);
	else
		write_command(c, (u8)val);
	update(c->pic);
}

static u64 pic_read(void *dev, u64 off, unsigned size UNUSED) needs(in_machine)
{
	struct chip *c = dev;
	int n;

	if (c->poll) { /* this read is the acknowledgement */
		c->poll = false;
		n = pending(c);
		if (n < 0)
			return 0;
		accept(c, (unsigned)n);
		update(c->pic);
		return 0x80 | (u64)n;
	}
	if (off)
		return c->imr;
	return c->read_isr ? c->isr : requests(c);
}

static const struct io_ops pic_io = { .read = pic_read, .write = pic_write, .max = 1 };

static u64 elcr_read(void *dev, u64 off, unsigned size UNUSED)
{
	struct pic *p = dev;

	return p->chip[off].elcr;
}

static void elcr_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct pic *p = dev;

	p->chip[off].elcr = val & elcr_writable[off];
	update(p);
}

static const struct io_ops elcr_io = { .read = elcr_read, .write = elcr_write, .max = 1 };

/* The chip has no reset pin. Everything masked is the quietest of its undefined states. */
static void pic_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct pic *p = container_of(d, struct pic, dev);

	for (unsigned i = 0; i < 2; i++)
		p->chip[i] = (struct chip){ .pic = p, .lines = p->chip[i].lines, .imr = 0xff };
	update(p);
}

static int pic_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct pic *p = container_of(d, struct pic, dev);

	for (unsigned i = 0; i < 2; i++) {
		struct chip *c = &p->chip[i];

		if (c->first > 7 || c->step == 1 || c->step > 4)
			return error_set(err, -EINVAL, "chip %u: priority %u or step %u", i,
					 c->first, c->step);
		c->elcr &= elcr_writable[i];
		c->vector &= 0xf8;
	}
	update(p);
	return 0;
}

static void pic_destroy(struct device *d) needs(in_machine)
{
	struct pic *p = container_of(d, struct pic, dev);

	io_unmap(d->machine, &p->window[0]);
	io_unmap(d->machine, &p->window[1]);
	io_unmap(d->machine, &p->elcr_window);
	free(p);
}

static const struct device_class pic_class = {
	.name = "pic",
	.fields = pic_fields,
	.reset = pic_reset,
	.loaded = pic_loaded,
	.destroy = pic_destroy,
};

struct device *pic_create(struct isa_bus *bus, struct irq intr, struct error *err)
{
	struct pic *p = xnew(struct pic);
	struct machine *m = bus->machine;

	p->dev.machine = m;
	p->intr = intr;
	if (isa_map(bus, &p->window[0], 0x20, 2, &pic_io, &p->chip[0], err) < 0 ||
	    isa_map(bus, &p->window[1], 0xa0, 2, &pic_io, &p->chip[1], err) < 0 ||
	    isa_map(bus, &p->elcr_window, 0x4d0, 2, &elcr_io, p, err) < 0) {
		pic_destroy(&p->dev);
		return NULL;
	}
	device_add(m, &p->dev, &pic_class, "pic");
	m->intc.ack = pic_ack;
	m->intc.pic = p;
	pic_reset(&p->dev, RESET_POWER_ON);
	return &p->dev;
}
