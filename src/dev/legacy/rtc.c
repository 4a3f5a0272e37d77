/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/rtc.c: the MC146818 clock with its interrupts, and 128 bytes of CMOS memory.
 *
 * Source: Motorola MC146818A data sheet; ICH9 (316972) 13.6 for ports and the fixed register D;
 * IBM PC/AT Technical Reference for the memory size bytes; platform.md 3 for what firmware reads.
 *
 * While the clock runs, the time registers follow the machine's wall time plus an offset, which
 * changes when the guest sets the time. While it is halted (SET, or the divider in reset) they are
 * plain bytes in @ram. Flags are computed when somebody looks; a host timer runs only for an
 * enabled interrupt whose flag is not set yet.
 */
#include <errno.h>

#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"
#include "dev/legacy/legacy_priv.h"

enum {
	RTC_SECONDS,
	RTC_SECONDS_ALARM,
	RTC_MINUTES,
	RTC_MINUTES_ALARM,
	RTC_HOURS,
	RTC_HOURS_ALARM,
	RTC_WEEKDAY,
	RTC_DAY,
	RTC_MONTH,
	RTC_YEAR,
	RTC_A,
	RTC_B,
	RTC_C,
	RTC_D,
	RTC_CENTURY = 0x32, /* as the FADT says */
	RTC_BYTES = 128,
};
enum { A_UIP = 0x80, A_DV_RESET = 0x60, A_RS = 0x0f, A_DEFAULT = 0x26 };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 0x08 };
enum { B_BINARY = 0x04, B_24H = 0x02 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { HOUR_PM = 0x80, ALARM_ANY = 0xc0, D_VRT = 0x80 };
enum { RTC_HZ = 32768, RTC_LINE = 8, DAY_S = 86400 };
/* UIP rises 244 us before an update, which takes 1984 us: data sheet, table 6. */
#define UIP_NS (2228 * NS_PER_US)
/* 100,000 years: more than the registers can say either way. */
#define OFFSET_MAX_S 3200000000000ll
#define NEVER_S INT64_MAX

struct rtc {
	struct device dev;
	struct isa_bus *bus;
	struct io_window window;
	struct timer timer; /* for the next interrupt */
	u64 ram_low, ram_high;
	u8 index; /* port 70, NMI mask in bit 7 included */
	u8 ram[RTC_BYTES];
	s64 offset_s;  /* our seconds minus those of the wall ... */
	u32 phase_ns;  /* ... which turn this much earlier */
	s64 updated_s; /* the update that was last noticed */
	u64 period;    /* number of the periodic interrupt that was last noticed */
};

static const struct field rtc_fields[] = {
	FIELD(struct rtc, index),
	FIELD_BUF(struct rtc, ram),
	FIELD(struct rtc, offset_s),
	FIELD(struct rtc, phase_ns),
	FIELD(struct rtc, updated_s),
	FIELD(struct rtc, period),
	FIELD_END,
};

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

/* Our seconds since 1970 as if the clock ran, and the nanoseconds into the current one. */
static s64 rtc_now(struct rtc *r, u64 *sub_ns)
{
	s64 wall = clock_wall_ns(r->dev.machine->clock);
	s64 s = floor_div(wall, (s64)NS_PER_S);
	u64 sub = (u64)(wall - s * (s64)NS_PER_S) + r->phase_ns;

	*sub_ns = sub % NS_PER_S;
	return s + (s64)(sub / NS_PER_S) + r->offset_s;
}

static bool is_running(const struct rtc *r)
{
	return !(r->ram[RTC_B] & B_SET) && (r->ram[RTC_A] & A_DV_RESET) != A_DV_RESET;
}

static bool is_time(u8 reg)
{
	switch (reg) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY: return true;
	default: return false;
	}
}

static u8 encode(const struct rtc *r, unsigned n)
{
	return (u8)(r->ram[RTC_B] & B_BINARY ? n : n / 10 % 10 << 4 | n % 10);
}

static unsigned decode(const struct rtc *r, u8 v)
{
	return r->ram[RTC_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static u8 encode_hour(const struct rtc *r, unsigned h)
{
	if (r->ram[RTC_B] & B_24H)
		return encode(r, h);
	return encode(r, (h + 11) % 12 + 1) | (h >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct rtc *r, u8 v)
{
	if (r->ram[RTC_B] & B_24H)
		return decode(r, v);
	return decode(r, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* Days from 1970-01-01 to a day of the Gregorian calendar; months are counted from March. */
static s64 days_from_date(s64 year, unsigned month, unsigned day)
{
	s64 y = year - (month < 3);
	unsigned m = (month + 9) % 12;

	return 365 * y + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) +
	       (153 * m + 2) / 5 + day - 719469;
}

static void date_from_days(s64 days, s64 *year, unsigned *month, unsigned *day)
{
	/* 97 leap days in 400 years; the estimate is never more than one year off. */
	s64 y = 1970 + floor_div(days * 400, 146097), d;
	unsigned m = 12;

	while (days_from_date(y, 1, 1) > days)
		y--;
	while (days_from_date(y + 1, 1, 1) <= days)
		y++;
	while (days_from_date(y, m, 1) > days)
		m--;
	d = days - days_from_date(y, m, 1) + 1;
	*year = y;
	*month = m;
	*day = (unsigned)d;
}

/* Write the registers for second @s into the bytes that are seen while the clock is halted. */
static void show(struct rtc *r, s64 s)
{
	s64 days = floor_div(s, DAY_S), year, century;
	unsigned tod = (unsigned)(s - days * DAY_S), month, day;

	date_from_days(days, &year, &month, &day);
	century = floor_div(year, 100);
	r->ram[RTC_SECONDS] = encode(r, tod % 60);
	r->ram[RTC_MINUTES] = encode(r, tod / 60 % 60);
	r->ram[RTC_HOURS] = encode_hour(r, tod / 3600);
	r->ram[RTC_WEEKDAY] = encode(r, (unsigned)(days + 4 - floor_div(days + 4, 7) * 7) + 1);
	r->ram[RTC_DAY] = encode(r, day);
	r->ram[RTC_MONTH] = encode(r, month);
	r->ram[RTC_YEAR] = encode(r, (unsigned)(year - century * 100));
	r->ram[RTC_CENTURY] = encode(r, (unsigned)century & 0xff);
}

/* The second that the halted registers say; the day of the week follows from the date. */
static s64 said(const struct rtc *r)
{
	s64 year = (s64)decode(r, r->ram[RTC_CENTURY]) * 100 + decode(r, r->ram[RTC_YEAR]);
	unsigned month = MIN(MAX(decode(r, r->ram[RTC_MONTH]), 1u), 12u);

	return days_from_date(year, month, decode(r, r->ram[RTC_DAY])) * DAY_S +
	       decode_hour(r, r->ram[RTC_HOURS]) * 3600 + decode(r, r->ram[RTC_MINUTES]) * 60 +
	       decode(r, r->ram[RTC_SECONDS]);
}

static void halt(struct rtc *r)
{
	u64 sub;

	show(r, rtc_now(r, &sub));
}

/* Go on from what the registers say, without a jump inside the second. */
static void go_on(struct rtc *r)
{
	u64 sub;
	s64 now = rtc_now(r, &sub);

	r->updated_s = said(r);
	r->offset_s += r->updated_s - now;
}

static bool alarm_matches(u8 alarm, u8 now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

/* The first second after @s at which the alarm goes off. */
static s64 next_alarm(const struct rtc *r, s64 s)
{
	unsigned hours = 0, minutes = 0, seconds = 0;
	s64 end = s + DAY_S;

	for (unsigned n = 0; n < 60; n++) {
		hours += n < 24 && alarm_matches(r->ram[RTC_HOURS_ALARM], encode_hour(r, n));
		minutes += alarm_matches(r->ram[RTC_MINUTES_ALARM], encode(r, n));
		seconds += alarm_matches(r->ram[RTC_SECONDS_ALARM], encode(r, n));
	}
	if (!hours || !minutes || !seconds)
		return NEVER_S;
	for (s++; s <= end;) {
		unsigned tod = (unsigned)(s - floor_div(s, DAY_S) * DAY_S);

		if (!alarm_matches(r->ram[RTC_HOURS_ALARM], encode_hour(r, tod / 3600)))
			s += 3600 - tod % 3600;
		else if (!alarm_matches(r->ram[RTC_MINUTES_ALARM], encode(r, tod / 60 % 60)))
			s += 60 - tod % 60;
		else if (!alarm_matches(r->ram[RTC_SECONDS_ALARM], encode(r, tod % 60)))
			s++;
		else
			return s;
	}
	return NEVER_S;
}

/* Ticks between periodic interrupts; 0: none. Data sheet, table 5. */
static u32 period_ticks(const struct rtc *r)
{
	unsigned rs = r->ram[RTC_A] & A_RS;

	if (!rs || (r->ram[RTC_A] & A_DV_RESET) == A_DV_RESET)
		return 0;
	return 1u << (rs < 3 ? rs + 6 : rs - 1);
}

/* Machine time of the next enabled interrupt that is not pending already, or ~0. */
static u64 next_event(struct rtc *r, u64 now_ns)
{
	u8 wanted = r->ram[RTC_B] & ~r->ram[RTC_C];
	u32 ticks = period_ticks(r);
	s64 s, due = NEVER_S;
	u64 sub, at = ~0ull;

	if (is_running(r) && wanted & (B_UIE | B_AIE)) {
		s = rtc_now(r, &sub);
		due = wanted & B_UIE ? s + 1 : next_alarm(r, s);
		if (due != NEVER_S)
			at = now_ns + (u64)(due - s) * NS_PER_S - sub;
	}
	if (ticks && wanted & B_PIE)
		at = MIN(at, MAX(tick_ns((r->period + 1) * ticks, RTC_HZ), now_ns + 1));
	return at;
}

/* Notice what has passed since the last time, and set flags, line and timer accordingly. */
static void rtc_sync(struct rtc *r) needs(in_machine)
{
	struct clock *clock = r->dev.machine->clock;
	u64 now_ns = clock_now_ns(clock), sub, at, period;
	u8 *c = &r->ram[RTC_C];
	u32 ticks = period_ticks(r);
	s64 s = rtc_now(r, &sub);

	if (is_running(r) && s != r->updated_s) {
		*c |= C_UF;
		if (next_alarm(r, r->updated_s) <= s)
			*c |= C_AF;
		r->updated_s = s;
	}
	period = ticks ? ticks_at(now_ns, RTC_HZ) / ticks : 0;
	if (period != r->period) {
		if (ticks)
			*c |= C_PF;
		r->period = period;
	}
	irq_set(&r->bus->irq[RTC_LINE], *c & r->ram[RTC_B] & (C_PF | C_AF | C_UF));
	at = next_event(r, now_ns);
	if (at == ~0ull)
		timer_cancel(clock, &r->timer);
	else
		timer_arm(clock, &r->timer, at);
}

static void rtc_fire(void *dev) needs(in_machine)
{
	rtc_sync(dev);
}

static void write_a(struct rtc *r, u8 val)
{
	bool was = is_running(r), held = (r->ram[RTC_A] & A_DV_RESET) == A_DV_RESET;
	u64 sub;

	if (was && (val & A_DV_RESET) == A_DV_RESET)
		halt(r);
	r->ram[RTC_A] = val & ~A_UIP;
	/* The first update comes half a second after the divider is let go. */
	if (held && (val & A_DV_RESET) != A_DV_RESET) {
		(void)rtc_now(r, &sub);
		r->phase_ns = (u32)((r->phase_ns + NS_PER_S * 3 / 2 - sub) % NS_PER_S);
	}
	if (!was && is_running(r))
		go_on(r);
	r->period = period_ticks(r) ? ticks_at(clock_now_ns(r->dev.machine->clock), RTC_HZ) /
					      period_ticks(r)
				    : 0;
}

static void write_b(struct rtc *r, u8 val)
{
	bool was = is_running(r);

	if (val & B_SET)
		val &= ~B_UIE;
	/* The registers keep the form they had: changing it means setting the time again. */
	if (was && val & B_SET)
		halt(r);
	r->ram[RTC_B] = val;
	if (!was && is_running(r))
		go_on(r);
}

static void write_time(struct rtc *r, u8 reg, u8 val)
{
	bool running = is_running(r);

	if (running)
		halt(r);
	r->ram[reg] = val;
	if (running)
		go_on(r);
}

static void rtc_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct rtc *r = dev;
	u8 reg = r->index & 0x7f;

	if (off == 0) {
		r->index = (u8)val;
		return;
	}
	rtc_sync(r);
	if (is_time(reg))
		write_time(r, reg, (u8)val);
	else if (reg == RTC_A)
		write_a(r, (u8)val);
	else if (reg == RTC_B)
		write_b(r, (u8)val);
	else if (reg != RTC_C && reg != RTC_D)
		r->ram[reg] = (u8)val;
	rtc_sync(r);
}

static u8 read_a(struct rtc *r)
{
	u64 sub;

	(void)rtc_now(r, &sub);
	return r->ram[RTC_A] | (is_running(r) && sub >= NS_PER_S - UIP_NS ? A_UIP : 0);
}

static u8 read_c(struct rtc *r) needs(in_machine)
{
	u8 c;

	rtc_sync(r);
	c = r->ram[RTC_C];
	if (c & r->ram[RTC_B] & (C_PF | C_AF | C_UF))
		c |= C_IRQF;
	r->ram[RTC_C] = 0;
	rtc_sync(r);
	return c;
}

static u64 rtc_read(void *dev, u64 off, unsigned size UNUSED) needs(in_machine)
{
	struct rtc *r = dev;
	u8 reg = r->index & 0x7f;

	if (off == 0) /* ICH9 hides it; firmware wants to keep bit 7 */
		return r->index;
	if (reg == RTC_A)
		return read_a(r);
	if (reg == RTC_C)
		return read_c(r);
	if (is_time(reg) && is_running(r))
		halt(r);
	return r->ram[reg];
}

static const struct io_ops rtc_io = { .read = rtc_read, .write = rtc_write, .max = 1 };

/* What a BIOS would have found out about RAM; OVMF and SeaBIOS read it when there is no e820. */
static void put_memory_sizes(struct rtc *r)
{
	u64 extended_kib = MIN((r->ram_low - MIN(r->ram_low, MIB(1))) >> 10, 0xffffull);
	u64 above_16m = MIN((r->ram_low - MIN(r->ram_low, MIB(16))) >> 16, 0xffffull);
	u64 above_4g = r->ram_high >> 16;

	r->ram[0x15] = 640 & 0xff;
	r->ram[0x16] = 640 >> 8;
	for (unsigned i = 0; i < 2; i++) {
		r->ram[0x17 + i] = r->ram[0x30 + i] = (u8)(extended_kib >> (8 * i));
		r->ram[0x34 + i] = (u8)(above_16m >> (8 * i));
	}
	for (unsigned i = 0; i < 3; i++)
		r->ram[0x5b + i] = (u8)(above_4g >> (8 * i));
}

/* RESET# leaves the time alone (data sheet, "RESET"), and the battery what is in memory. */
static void rtc_reset(struct device *d, enum reset_kind kind) needs(in_machine)
{
	struct rtc *r = container_of(d, struct rtc, dev);

	rtc_sync(r); /* so that nothing older is noticed after the flags are cleared */
	r->index = 0;
	r->ram[RTC_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	r->ram[RTC_C] = 0;
	if (kind == RESET_POWER_ON)
		r->ram[0x0f] = 0; /* shutdown code: a plain start */
	put_memory_sizes(r);
	rtc_sync(r);
}

static int rtc_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct rtc *r = container_of(d, struct rtc, dev);

	if (r->offset_s > OFFSET_MAX_S || r->offset_s < -OFFSET_MAX_S ||
	    r->updated_s > 2 * OFFSET_MAX_S || r->updated_s < -2 * OFFSET_MAX_S)
		return error_set(err, -EINVAL, "the time is more than 100000 years off");
	if (r->phase_ns >= NS_PER_S)
		return error_set(err, -EINVAL, "phase %u is a second or more", r->phase_ns);
	r->ram[RTC_A] &= ~A_UIP;
	r->ram[RTC_C] &= C_PF | C_AF | C_UF;
	r->ram[RTC_D] = D_VRT;
	rtc_sync(r);
	return 0;
}

static void rtc_destroy(struct device *d) needs(in_machine)
{
	struct rtc *r = container_of(d, struct rtc, dev);

	timer_cancel(d->machine->clock, &r->timer);
	io_unmap(d->machine, &r->window);
	free(r);
}

static const struct device_class rtc_class = {
	.name = "rtc",
	.fields = rtc_fields,
	.reset = rtc_reset,
	.loaded = rtc_loaded,
	.destroy = rtc_destroy,
};

struct device *rtc_create(struct isa_bus *bus, u64 ram_low, u64 ram_high, struct error *err)
{
	struct rtc *r = xnew(struct rtc);
	u64 sub;

	r->dev.machine = bus->machine;
	r->bus = bus;
	r->timer = (struct timer){ .fire = rtc_fire, .dev = r };
	r->ram_low = ram_low;
	r->ram_high = ram_high;
	if (isa_map(bus, &r->window, 0x70, 2, &rtc_io, r, err) < 0) {
		rtc_destroy(&r->dev);
		return NULL;
	}
	device_add(bus->machine, &r->dev, &rtc_class, "rtc");
	r->ram[RTC_A] = A_DEFAULT;
	r->ram[RTC_B] = B_24H;
	r->ram[RTC_D] = D_VRT;
	r->updated_s = rtc_now(r, &sub);
	rtc_reset(&r->dev, RESET_POWER_ON);
	return &r->dev;
}
