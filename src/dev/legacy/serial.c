/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/serial.c: the 16550A UART of COM1 and COM2.
 *
 * Source: National PC16550D data sheet (TL/C/8652), section 8; PC/AT wiring: OUT2 lets the
 * interrupt out.
 *
 * Characters leave at once whatever the baud rate says, so the transmitter is always empty; bytes
 * pass unaltered in both directions. The baud rate only sets the character timeout.
 */
#include <errno.h>

#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "char/char.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };
enum { IER_RDI = 0x01, IER_THRI = 0x02, IER_RLSI = 0x04, IER_MSI = 0x08, IER_ALL = 0x0f };
enum { IIR_MSI = 0x00, IIR_NONE = 0x01, IIR_THRI = 0x02, IIR_RDI = 0x04, IIR_RLSI = 0x06 };
enum { IIR_TIMEOUT = 0x0c, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_TRIGGER_SHIFT = 6 };
enum { LCR_WLS = 0x03, LCR_STB = 0x04, LCR_PEN = 0x08, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum { MCR_ALL = 0x1f };
enum { LSR_DR = 0x01, LSR_OE = 0x02, LSR_PE = 0x04, LSR_FE = 0x08, LSR_BI = 0x10 };
enum { LSR_EMPTY = 0x60, LSR_FIFO_ERROR = 0x80, LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI };
enum { MSR_DELTAS = 0x0f, MSR_TERI = 0x04 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };
enum { FIFO_LEN = 16, UART_HZ = 1843200, DEFAULT_DIVISOR = 12 };
/* The chip's longest: 12 bits four times at 300 baud. */
#define TIMEOUT_MAX_NS (160 * NS_PER_MS)

struct serial {
	struct device dev;
	struct isa_bus *bus;
	struct io_window window;
	struct chr *chr;
	struct timer timer; /* character timeout */
	unsigned line;
	bool resting; /* the source was told that there is no room */
	u8 ier, fcr, lcr, mcr, scr;
	u8 msr; /* lines and their changes */
	u16 divisor;
	u8 data[FIFO_LEN], errors[FIFO_LEN]; /* what came, with its LSR bits */
	u8 head, count;
	bool overrun, thre, timed_out;
	u64 timeout_ns; /* when it will have timed out; 0: not running */
};

static const struct field serial_fields[] = {
	FIELD(struct serial, ier),        FIELD(struct serial, fcr),
	FIELD(struct serial, lcr),        FIELD(struct serial, mcr),
	FIELD(struct serial, scr),        FIELD(struct serial, msr),
	FIELD(struct serial, divisor),    FIELD_BUF(struct serial, data),
	FIELD_BUF(struct serial, errors), FIELD(struct serial, head),
	FIELD(struct serial, count),      FIELD(struct serial, overrun),
	FIELD(struct serial, thre),       FIELD(struct serial, timed_out),
	FIELD(struct serial, timeout_ns), FIELD_END,
};

static bool fifo_on(const struct serial *s)
{
	return s->fcr & FCR_ENABLE;
}

static u8 trigger_level(const struct serial *s)
{
	static const u8 level[4] = { 1, 4, 8, 14 };

	return fifo_on(s) ? level[s->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

static u8 line_status(const struct serial *s)
{
	u8 lsr = LSR_EMPTY | (s->overrun ? LSR_OE : 0);

	if (s->count)
		lsr |= LSR_DR | s->errors[s->head];
	for (unsigned i = 0; i < s->count && fifo_on(s); i++)
		if (s->errors[(s->head + i) % FIFO_LEN])
			lsr |= LSR_FIFO_ERROR;
	return lsr;
}

/* The enabled interrupt of the highest priority; data sheet, table 5. */
static u8 interrupt_id(const struct serial *s)
{
	if (s->ier & IER_RLSI && line_status(s) & LSR_ERRORS)
		return IIR_RLSI;
	if (s->ier & IER_RDI && s->count >= trigger_level(s))
		return IIR_RDI;
	if (s->ier & IER_RDI && s->timed_out)
		return IIR_TIMEOUT;
	if (s->ier & IER_THRI && s->thre)
		return IIR_THRI;
	if (s->ier & IER_MSI && s->msr & MSR_DELTAS)
		return IIR_MSI;
	return IIR_NONE;
}

/* Loopback disconnects all output pins, OUT2 among them (8.6.7). */
static void update_irq(struct serial *s) needs(in_machine)
{
	bool out2 = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_set(&s->bus->irq[s->line], out2 && interrupt_id(s) != IIR_NONE);
}

/* Four characters without a new one or a read, while something waits; 8.11. */
static u64 timeout_span_ns(const struct serial *s)
{
	u64 bits = 7 + (s->lcr & LCR_WLS) + !!(s->lcr & LCR_PEN) + !!(s->lcr & LCR_STB);
	u64 ns = 4 * bits * MAX(s->divisor, 1) * 16 * NS_PER_S / UART_HZ;

	return MIN(ns, TIMEOUT_MAX_NS);
}

static void restart_timeout(struct serial *s) needs(in_machine)
{
	struct clock *clock = s->dev.machine->clock;

	s->timed_out = false;
	s->timeout_ns = 0;
	if (!s->count || !fifo_on(s)) {
		timer_cancel(clock, &s->timer);
		return;
	}
	s->timeout_ns = clock_now_ns(clock) + timeout_span_ns(s);
	timer_arm(clock, &s->timer, s->timeout_ns);
}

static void serial_timeout(void *dev) needs(in_machine)
{
	struct serial *s = dev;

	s->timeout_ns = 0;
	s->timed_out = true;
	update_irq(s);
}

static size_t room(const struct serial *s)
{
	if (s->mcr & MCR_LOOP) /* the input pin is disconnected: let the sender wait */
		return 0;
	return (fifo_on(s) ? FIFO_LEN : 1) - MIN(s->count, fifo_on(s) ? FIFO_LEN : 1);
}

/* In portions of half a FIFO, so that the source is not woken for every character. */
static void ask_for_more(struct serial *s)
{
	if (!s->resting || room(s) < (fifo_on(s) ? FIFO_LEN / 2 : 1))
		return;
	s->resting = false;
	chr_more(s->chr);
}

static void receive(struct serial *s, u8 val, u8 errors) needs(in_machine)
{
	unsigned depth = fifo_on(s) ? FIFO_LEN : 1, at;

	if (s->count >= depth) {
		s->overrun = true;
		if (fifo_on(s)) /* what is in the FIFO stays; the new one is lost */
			return;
		s->count = 0;
	}
	at = (s->head + s->count) % FIFO_LEN;
	s->data[at] = val;
	s->errors[at] = errors;
	s->count++;
	restart_timeout(s);
}

static void clear_fifo(struct serial *s) needs(in_machine)
{
	s->head = s->count = 0;
	restart_timeout(s);
}

static void write_fcr(struct serial *s, u8 val) needs(in_machine)
{
	bool toggled = (s->fcr ^ val) & FCR_ENABLE;

	if (!(val & FCR_ENABLE)) /* the other bits are programmed only with this one, 8.5 */
		val = 0;
	s->fcr = val & (FCR_ENABLE | 3 << FCR_TRIGGER_SHIFT);
	if (toggled || val & FCR_CLEAR_RX)
		clear_fifo(s);
}

/* Compute the modem lines anew and note what changed. */
static void update_modem(struct serial *s)
{
	u8 was = s->msr & ~MSR_DELTAS, now = 0, changed;

	if (s->mcr & MCR_LOOP)
		now = (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
		      (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
	else if (s->chr)
		now = MSR_CTS | MSR_DSR | MSR_DCD;
	changed = (u8)((was ^ now) >> 4);
	if (now & MSR_RI) /* of the ring indicator only the trailing edge counts */
		changed &= ~MSR_TERI;
	s->msr = now | (s->msr & MSR_DELTAS) | changed;
}

static void transmit(struct serial *s, u8 val) needs(in_machine)
{
	if (s->mcr & MCR_LOOP)
		receive(s, val, 0);
	else if (s->chr && !(s->lcr & LCR_BREAK))
		(void)chr_write(s->chr, &val, 1);
	/* Full for no time at all, but the interrupt line must fall to rise again. */
	s->thre = false;
	update_irq(s);
	s->thre = true;
}

static void write_lcr(struct serial *s, u8 val) needs(in_machine)
{
	bool begins = val & ~s->lcr & LCR_BREAK;

	s->lcr = val;
	if (begins && s->mcr & MCR_LOOP)
		receive(s, 0, LSR_BI | LSR_FE);
}

static void write_ier(struct serial *s, u8 val)
{
	if (val & ~s->ier & IER_THRI) /* enabling it while empty raises it */
		s->thre = true;
	s->ier = val & IER_ALL;
}

static void serial_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct serial *s = dev;
	bool dlab = s->lcr & LCR_DLAB;
	u8 v = (u8)val;

	switch (off) {
	case REG_DATA:
		if (dlab)
			s->divisor = (s->divisor & 0xff00) | v;
		else
			transmit(s, v);
		break;
	case REG_IER:
		if (dlab)
			s->divisor = (u16)((s->divisor & 0x00ff) | v << 8);
		else
			write_ier(s, v);
		break;
	case REG_IIR_FCR: write_fcr(s, v); break;
	case REG_LCR: write_lcr(s, v); break;
	case REG_MCR:
		s->mcr = v & MCR_ALL;
		update_modem(s);
		break;
	case REG_SCR: s->scr = v; break;
	default: break; /* LSR and MSR are read-only; writing them is for factory tests */
	}
	update_irq(s);
	ask_for_more(s);
}

static u8 read_data(struct serial *s) needs(in_machine)
{
	u8 val;

	if (!s->count)
		return 0;
	val = s->data[s->head];
	s->head = (s->head + 1) % FIFO_LEN;
	s->count--;
	restart_timeout(s);
	return val;
}

static u8 read_iir(struct serial *s)
{
	u8 id = interrupt_id(s);

	if (id == IIR_THRI) /* reading it is the acknowledgement */
		s->thre = false;
	return id | (fifo_on(s) ? IIR_FIFO : 0);
}

static u8 read_lsr(struct serial *s)
{
	u8 lsr = line_status(s);

	s->overrun = false;
	if (s->count)
		s->errors[s->head] = 0;
	return lsr;
}

static u64 serial_read(void *dev, u64 off, unsigned size UNUSED) needs(in_machine)
{
	struct serial *s = dev;
	bool dlab = s->lcr & LCR_DLAB;
	u8 val = 0;

	switch (off) {
	case REG_DATA: val = dlab ? (u8)s->divisor : read_data(s); break;
	case REG_IER: val = dlab ? (u8)(s->divisor >> 8) : s->ier; break;
	case REG_IIR_FCR: val = read_iir(s); break;
	case REG_LCR: val = s->lcr; break;
	case REG_MCR: val = s->mcr; break;
	case REG_LSR: val = read_lsr(s); break;
	case REG_MSR:
		val = s->msr;
		s->msr &= ~MSR_DELTAS;
		break;
	default: val = s->scr; break;
	}
	update_irq(s);
	ask_for_more(s);
	return val;
}

static const struct io_ops serial_io = { .read = serial_read, .write = serial_write, .max = 1 };

/* [on_loop] */
static size_t serial_room(void *dev)
{
	struct serial *s = dev;
	struct machine *m = s->dev.machine;
	size_t n;

	machine_lock(m);
	n = room(s);
	s->resting = n == 0;
	machine_unlock(m);
	return n;
}

/* [on_loop] */
static void serial_input(void *dev, const u8 *buf, size_t len)
{
	struct serial *s = dev;
	struct machine *m = s->dev.machine;

	machine_lock(m);
	for (size_t i = 0; i < len; i++)
		receive(s, buf[i], 0);
	update_irq(s);
	machine_unlock(m);
}

static void serial_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct serial *s = container_of(d, struct serial, dev);

	s->ier = s->fcr = s->lcr = s->mcr = s->scr = 0;
	s->divisor = DEFAULT_DIVISOR;
	s->overrun = false;
	s->thre = true;
	clear_fifo(s);
	update_modem(s);
	s->msr &= ~MSR_DELTAS;
	update_irq(s);
	ask_for_more(s);
}

static int serial_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct serial *s = container_of(d, struct serial, dev);
	struct clock *clock = d->machine->clock;

	if (s->head >= FIFO_LEN || s->count > (fifo_on(s) ? FIFO_LEN : 1))
		return error_set(err, -EINVAL, "%u bytes from %u do not fit the FIFO", s->count,
				 s->head);
	s->ier &= IER_ALL;
	s->mcr &= MCR_ALL;
	s->fcr &= FCR_ENABLE | 3 << FCR_TRIGGER_SHIFT;
	for (unsigned i = 0; i < FIFO_LEN; i++)
		s->errors[i] &= LSR_PE | LSR_FE | LSR_BI;
	timer_cancel(clock, &s->timer);
	if (!s->count || !fifo_on(s)) {
		s->timed_out = false;
		s->timeout_ns = 0;
	}
	if (s->timeout_ns)
		timer_arm(clock, &s->timer, s->timeout_ns);
	update_irq(s);
	s->resting = true; /* the source may be waiting since before */
	if (s->chr)
		ask_for_more(s);
	return 0;
}

static void serial_destroy(struct device *d) needs(in_machine)
{
	struct serial *s = container_of(d, struct serial, dev);

	chr_close(s->chr);
	timer_cancel(d->machine->clock, &s->timer);
	io_unmap(d->machine, &s->window);
	free(s);
}

static const struct device_class serial_class = {
	.name = "serial",
	.fields = serial_fields,
	.reset = serial_reset,
	.loaded = serial_loaded,
	.destroy = serial_destroy,
};

struct device *serial_create(struct isa_bus *bus, unsigned com, struct chr *chr, struct error *err)
{
	struct serial *s = xnew(struct serial);
	struct chr_user user = { .room = serial_room, .input = serial_input, .dev = s };

	s->dev.machine = bus->machine;
	s->bus = bus;
	s->chr = chr;
	s->line = com == 2 ? 3 : 4;
	s->timer = (struct timer){ .fire = serial_timeout, .dev = s };
	if (isa_map(bus, &s->window, com == 2 ? 0x2f8 : 0x3f8, 8, &serial_io, s, err) < 0) {
		serial_destroy(&s->dev);
		return NULL;
	}
	device_add(bus->machine, &s->dev, &serial_class, com == 2 ? "com2" : "com1");
	serial_reset(&s->dev, RESET_POWER_ON);
	if (chr)
		chr_attach(chr, &user);
	return &s->dev;
}
