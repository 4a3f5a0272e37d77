/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/pit.c: the 8254 interval timer at 40-43 and port 61.
 *
 * Source: Intel 8254 data sheet (231164-005), the mode definitions and "Operation common to all
 * modes"; ICH9 (316972) 13.7.1 for NMI_SC (port 61). The gates of counters 0 and 1 are tied high,
 * that of counter 2 is port 61 bit 0.
 *
 * Nothing is counted: where a counter stands follows from when it was loaded. Only the rising
 * edges of counter 0 need a host timer.
 */
#include <errno.h>

#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"
#include "dev/legacy/legacy_priv.h"

enum { PIT_HZ = 1193182, PIT_COUNTERS = 3 };
enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };
enum { SC_GATE2 = 0x01, SC_WRITABLE = 0x0f, SC_REFRESH = 0x10, SC_OUT2 = 0x20 };
enum { REFRESH_TICKS = 18 }; /* 15 us */
/* No guest needs a faster rate than this; a faster one would only keep the host busy. */
#define MIN_TICK_NS (20 * NS_PER_US)
#define NEVER (~0ull)

struct counter {
	u64 start; /* tick at which @count was loaded; may be the next one */
	u64 held;  /* ticks counted when the gate stopped it */
	u32 count; /* 1 to 65536 */
	u32 next;  /* written, but not loaded yet; 0: none */
	u8 mode, access;
	u8 low; /* first byte of a count written in two */
	u8 status;
	u16 latch;
	bool bcd, gate;
	bool running;  /* loaded, and triggered where the mode wants that */
	bool low_half; /* mode 3: the half in which OUT is low */
	bool second_write, second_read;
	bool latched, status_latched;
};

struct pit {
	struct device dev;
	struct isa_bus *bus;
	struct io_window window, sc_window;
	struct timer timer; /* next rising edge of counter 0 */
	struct counter counter[PIT_COUNTERS];
	u8 sc; /* port 61, written bits */
};

static const struct field counter_fields[] = {
	FIELD(struct counter, start),
	FIELD(struct counter, held),
	FIELD(struct counter, count),
	FIELD(struct counter, next),
	FIELD(struct counter, mode),
	FIELD(struct counter, access),
	FIELD(struct counter, low),
	FIELD(struct counter, status),
	FIELD(struct counter, latch),
	FIELD(struct counter, bcd),
	FIELD(struct counter, gate),
	FIELD(struct counter, running),
	FIELD(struct counter, low_half),
	FIELD(struct counter, second_write),
	FIELD(struct counter, second_read),
	FIELD(struct counter, latched),
	FIELD(struct counter, status_latched),
	FIELD_END,
};

static const struct field pit_fields[] = {
	FIELD_SUBS(struct pit, counter, counter_fields),
	FIELD(struct pit, sc),
	FIELD_END,
};

static u64 pit_now(struct pit *p)
{
	return ticks_at(clock_now_ns(p->dev.machine->clock), PIT_HZ);
}

/* Counters that go on with the same count for ever. */
static bool is_periodic(const struct counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* In modes 1 and 5 the gate only triggers; in the others it also stops the counter. */
static bool is_stopped(const struct counter *c)
{
	return !c->gate && c->mode != 1 && c->mode != 5;
}

/* Ticks since the count was loaded; negative while that is still to come. */
static s64 elapsed(const struct counter *c, u64 now)
{
	return is_stopped(c) ? (s64)c->held : (s64)(now - c->start);
}

static u32 half(const struct counter *c)
{
	return c->low_half ? c->count / 2 : (c->count + 1) / 2;
}

static void load(struct counter *c, u32 count, u64 at)
{
	c->count = count;
	c->next = 0;
	c->start = at;
	c->held = 0;
	c->low_half = false;
	c->running = true;
}

/* A new count written meanwhile takes over at the end of a period or half period. */
static void take_next(struct counter *c)
{
	if (c->next)
		c->count = c->next;
	c->next = 0;
}

/* Bring a periodic counter's start to the period (mode 3: half period) that @now is in. */
static void counter_sync(struct counter *c, u64 now)
{
	u32 len;

	if (!c->running || !is_periodic(c) || is_stopped(c))
		return;
	for (;;) {
		len = c->mode == 3 ? half(c) : c->count;
		if (elapsed(c, now) < (s64)len)
			return;
		c->start += len;
		c->low_half = !c->low_half;
		take_next(c);
		/* Whole periods change nothing any more. */
		if (elapsed(c, now) > 0)
			c->start += (now - c->start) / c->count * c->count;
	}
}

/* The OUT pin, after counter_sync(). */
static bool counter_out(const struct counter *c, u64 now)
{
	s64 d = elapsed(c, now), count = c->count;

	if (!c->running)
		return c->mode != 0;
	switch (c->mode) {
	case 0: return d >= count;
	case 1: return d < 0 || d >= count;
	case 2: return is_stopped(c) || d != count - 1;
	case 3: return is_stopped(c) || !c->low_half;
	default: return d != count;
	}
}

/* The counting element as a guest reads it, after counter_sync(). */
static u16 counter_value(const struct counter *c, u64 now)
{
	u32 modulus = c->bcd ? 10000 : 0x10000, v;
	s64 d = elapsed(c, now);

	if (d < 0 || !c->running)
		d = 0;
	if (!is_periodic(c))
		v = c->count + modulus - (u32)(d % modulus);
	else if (c->mode == 3) /* odd counts begin one lower */
		v = (c->count & ~1u) - 2 * (u32)d;
	else
		v = c->count - (u32)d;
	v %= modulus;
	if (!c->bcd)
		return (u16)v;
	return (u16)(v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

/* The tick at which OUT rises next, after counter_sync(). */
static u64 next_rise(const struct counter *c, u64 now)
{
	u64 at;

	if (!c->running || is_stopped(c))
		return NEVER;
	switch (c->mode) {
	case 2: return c->start + c->count;
	case 3:
		at = c->start + half(c);
		return c->low_half ? at : at + (c->next ? c->next : c->count) / 2;
	case 0:
	case 1: at = c->start + c->count; break;
	default: at = c->start + c->count + 1; break;
	}
	return (s64)(at - now) > 0 ? at : NEVER;
}

/* IRQ 0 follows OUT of counter 0. Call after every change. */
static void update_irq(struct pit *p) needs(in_machine)
{
	struct clock *clock = p->dev.machine->clock;
	struct counter *c = &p->counter[0];
	u64 now = pit_now(p), at;

	counter_sync(c, now);
	irq_set(&p->bus->irq[0], counter_out(c, now));
	at = next_rise(c, now);
	if (at == NEVER) {
		timer_cancel(clock, &p->timer);
		return;
	}
	at = tick_ns(at, PIT_HZ);
	if (is_periodic(c))
		at = MAX(at, clock_now_ns(clock) + MIN_TICK_NS);
	timer_arm(clock, &p->timer, at);
}

/* Edges that the host slept through have merged into this one. */
static void pit_fire(void *dev) needs(in_machine)
{
	struct pit *p = dev;

	irq_set(&p->bus->irq[0], false);
	irq_set(&p->bus->irq[0], true);
	update_irq(p);
}

static void set_gate(struct counter *c, bool gate, u64 now)
{
	s64 d;

	if (c->gate == gate)
		return;
	counter_sync(c, now);
	d = elapsed(c, now);
	c->gate = gate;
	if (!gate) {
		c->held = d > 0 ? (u64)d : 0;
		return;
	}
	if (c->mode == 0 || c->mode == 4)
		c->start = now - c->held;
	else if (c->running || c->next)
		load(c, c->next ? c->next : c->count, now + 1);
}

/* @raw as written to a counter; 0 stands for the largest count. */
static void write_count(struct counter *c, u16 raw, u64 now)
{
	u32 count = raw;

	if (c->bcd)
		count = (raw >> 12) * 1000u + (raw >> 8 & 15) * 100u + (raw >> 4 & 15) * 10u +
			(raw & 15);
	if (!count)
		count = c->bcd ? 10000 : 0x10000;
	counter_sync(c, now);
	if (is_periodic(c) && count == 1)
		count = 2; /* 1 is illegal there */
	if (c->mode == 1 || c->mode == 5 || (is_periodic(c) && c->running))
		c->next = count;
	else
		load(c, count, now + 1);
}

static void write_counter(struct counter *c, u8 val, u64 now)
{
	switch (c->access) {
	case ACCESS_LOW: write_count(c, val, now); break;
	case ACCESS_HIGH: write_count(c, (u16)(val << 8), now); break;
	default:
		c->second_write = !c->second_write;
		if (!c->second_write) {
			write_count(c, (u16)(val << 8 | c->low), now);
			break;
		}
		c->low = val;
		if (c->mode == 0) /* the first byte stops the count and lowers OUT */
			c->running = false;
		break;
	}
}

static u8 read_counter(struct counter *c, u64 now)
{
	bool high = c->access == ACCESS_HIGH;
	u16 v;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	counter_sync(c, now);
	v = c->latched ? c->latch : counter_value(c, now);
	if (c->access == ACCESS_BOTH) {
		high = c->second_read;
		c->second_read = !c->second_read;
	}
	if (high || c->access == ACCESS_LOW)
		c->latched = false;
	return (u8)(high ? v >> 8 : v);
}

static void latch_count(struct counter *c, u64 now)
{
	if (c->latched) /* holds until it is read */
		return;
	counter_sync(c, now);
	c->latch = counter_value(c, now);
	c->latched = true;
}

static void latch_status(struct counter *c, u64 now)
{
	if (c->status_latched)
		return;
	counter_sync(c, now);
	c->status = (u8)(c->access << 4 | c->mode << 1 | c->bcd);
	if (counter_out(c, now))
		c->status |= STATUS_OUT;
	if (!c->running || c->next || (!is_stopped(c) && elapsed(c, now) < 0))
		c->status |= STATUS_NULL;
	c->status_latched = true;
}

/* Control word 11: bits 3:1 choose counters, bits 5 and 4 are low for "count" and "status". */
static void read_back(struct pit *p, u8 val, u64 now)
{
	for (unsigned i = 0; i < PIT_COUNTERS; i++) {
		if (!(val >> (i + 1) & 1))
			continue;
		if (!(val & 0x20))
			latch_count(&p->counter[i], now);
		if (!(val & 0x10))
			latch_status(&p->counter[i], now);
	}
}

static void write_control(struct pit *p, u8 val, u64 now)
{
	struct counter *c;
	u8 mode = val >> 1 & 7;

	if (val >> 6 == 3) {
		read_back(p, val, now);
		return;
	}
	c = &p->counter[val >> 6];
	if ((val >> 4 & 3) == ACCESS_LATCH) {
		latch_count(c, now);
		return;
	}
	*c = (struct counter){
		.access = val >> 4 & 3,
		.mode = mode > 5 ? mode - 4 : mode,
		.bcd = val & 1,
		.gate = c->gate,
		.count = c->count,
	};
	if (is_periodic(c) && c->count < 2)
		c->count = 2;
}

static void pit_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct pit *p = dev;
	u64 now = pit_now(p);

	if (off == PIT_COUNTERS)
		write_control(p, (u8)val, now);
	else
		write_counter(&p->counter[off], (u8)val, now);
	/* Not for the others: an edge that is due but not fired yet must not be lost. */
	if (off == 0 || (off == PIT_COUNTERS && val >> 6 == 0 && val & 0x30))
		update_irq(p);
}

static u64 pit_read(void *dev, u64 off, unsigned size UNUSED)
{
	struct pit *p = dev;

	if (off == PIT_COUNTERS) /* write only */
		return 0xff;
	return read_counter(&p->counter[off], pit_now(p));
}

static const struct io_ops pit_io = { .read = pit_read, .write = pit_write, .max = 1 };

/* Bits 7 and 6 would report SERR# and IOCHK#, which nobody drives. */
static u64 sc_read(void *dev, u64 off UNUSED, unsigned size UNUSED)
{
	struct pit *p = dev;
	u64 now = pit_now(p);
	u8 val = p->sc;

	counter_sync(&p->counter[2], now);
	if (counter_out(&p->counter[2], now))
		val |= SC_OUT2;
	if (now / REFRESH_TICKS & 1)
		val |= SC_REFRESH;
	return val;
}

static void sc_write(void *dev, u64 off UNUSED, unsigned size UNUSED, u64 val)
{
	struct pit *p = dev;

	p->sc = val & SC_WRITABLE;
	set_gate(&p->counter[2], val & SC_GATE2, pit_now(p));
}

static const struct io_ops sc_io = { .read = sc_read, .write = sc_write, .max = 1 };

/*
 * The chip has no reset pin. Mode 3 without a count does nothing and holds OUT high, so that
 * setting a rate later is no edge; the one seen now goes to masked controllers.
 */
static void pit_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct pit *p = container_of(d, struct pit, dev);

	for (unsigned i = 0; i < PIT_COUNTERS; i++)
		p->counter[i] = (struct counter){
			.access = ACCESS_BOTH,
			.mode = 3,
			.count = 0x10000,
			.gate = i != 2,
		};
	p->sc = 0;
	update_irq(p);
}

static int pit_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct pit *p = container_of(d, struct pit, dev);

	for (unsigned i = 0; i < PIT_COUNTERS; i++) {
		const struct counter *c = &p->counter[i];
		u32 least = is_periodic(c) ? 2 : 1;

		if (c->mode > 5 || !c->access || c->access > ACCESS_BOTH || c->count < least ||
		    c->count > 0x10000 || c->next > 0x10000 || (c->next && c->next < least))
			return error_set(err, -EINVAL, "counter %u: mode %u, access %u, count %u",
					 i, c->mode, c->access, c->count);
		/* A century, so that no time that follows from these overflows. */
		if (c->start > BIT64(52) || c->held > BIT64(52))
			return error_set(err, -EINVAL, "counter %u: its times are absurd", i);
	}
	/* While stopped, a periodic counter stands within one period. */
	for (unsigned i = 0; i < PIT_COUNTERS; i++)
		if (is_periodic(&p->counter[i]))
			p->counter[i].held %= p->counter[i].count;
	p->sc &= SC_WRITABLE;
	p->counter[0].gate = p->counter[1].gate = true;
	p->counter[2].gate = p->sc & SC_GATE2;
	update_irq(p);
	return 0;
}

static void pit_destroy(struct device *d) needs(in_machine)
{
	struct pit *p = container_of(d, struct pit, dev);

	timer_cancel(d->machine->clock, &p->timer);
	io_unmap(d->machine, &p->window);
	io_unmap(d->machine, &p->sc_window);
	free(p);
}

static const struct device_class pit_class = {
	.name = "pit",
	.fields = pit_fields,
	.reset = pit_reset,
	.loaded = pit_loaded,
	.destroy = pit_destroy,
};

struct device *pit_create(struct isa_bus *bus, struct error *err)
{
	struct pit *p = xnew(struct pit);

	p->dev.machine = bus->machine;
	p->bus = bus;
	p->timer = (struct timer){ .fire = pit_fire, .dev = p };
	if (isa_map(bus, &p->window, 0x40, 4, &pit_io, p, err) < 0 ||
	    isa_map(bus, &p->sc_window, 0x61, 1, &sc_io, p, err) < 0) {
		pit_destroy(&p->dev);
		return NULL;
	}
	device_add(bus->machine, &p->dev, &pit_class, "pit");
	pit_reset(&p->dev, RESET_POWER_ON);
	return &p->dev;
}
