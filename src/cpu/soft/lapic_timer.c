/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/lapic_timer.c: the local APIC's timer, by its owner. Intel SDM 3A 11.5.4.
 *
 * The bus clock is 1 GHz, so a tick before the divider is a nanosecond. Debian's OVMF is built for
 * that and does not measure.
 */
#include "cpu/soft/lapic_priv.h"

/*
 * A periodic timer interrupts no more often than this (its count goes its own way): a period of a
 * nanosecond would leave the owner no time for an instruction.
 */
enum { SHORTEST_PERIOD_NS = 50000 };

static u64 now(const struct lapic *l)
{
	return l->bus->ops->now_ns(l->cpu);
}

static u32 mode(const struct lapic *l)
{
	return l->reg[LVT_TIMER] & LVT_TIMER_MODE;
}

/* Bits 3, 1, 0 of the divide configuration: 2, 4, ... 128, and 1. SDM 3A figure 11-10. */
static u64 divisor(const struct lapic *l)
{
	u32 d = l->reg[APIC_DCR];

	return 1ull << ((((d & 3) | (d >> 1 & 4)) + 1) & 7);
}

static u64 period(const struct lapic *l)
{
	return l->reg[APIC_TMICT] * divisor(l);
}

/* Nanoseconds until the TSC gets to @tsc, rounded up. */
static u64 ns_to_tsc(const struct lapic *l, u64 tsc)
{
	u64 have = l->bus->ops->tsc(l->cpu), hz = l->bus->tsc_hz, left = tsc - have;
	unsigned __int128 ns;

	if (tsc <= have)
		return 0;
	if (left <= (~0ull - hz) / NS_PER_S) /* a division of 128 bits takes long */
		return (left * NS_PER_S + hz - 1) / hz;
	ns = ((unsigned __int128)left * NS_PER_S + hz - 1) / hz;
	return ns > INT64_MAX ? INT64_MAX : (u64)ns;
}

static bool is_armed(const struct lapic *l)
{
	return !(l->reg[LVT_TIMER] & LVT_MASKED) && (l->timer.tsc_deadline || l->timer.running);
}

static u64 due_ns(const struct lapic *l, u64 at)
{
	if (l->timer.tsc_deadline)
		return at + ns_to_tsc(l, l->timer.tsc_deadline);
	return l->timer.deadline_ns;
}

u64 lapic_due_ns(struct lapic *l)
{
	return is_armed(l) ? due_ns(l, now(l)) : ~0ull;
}

/* Have an alarm no later than the deadline. One that comes too early only costs a look. */
static void renew_alarm(struct lapic *l)
{
	u64 at, due;

	if (!is_armed(l))
		return;
	at = now(l);
	due = due_ns(l, at);
	if (at >= l->timer.alarm_ns) /* it rang, or is about to for nothing */
		l->timer.alarm_ns = ~0ull;
	if (due < l->timer.alarm_ns) {
		l->timer.alarm_ns = due;
		l->bus->ops->alarm(l->cpu, due);
	}
}

/* One interrupt for all periods that have passed; then the next, in step. */
static void next_period(struct lapic *l, u64 at)
{
	u64 p = period(l), least = at + (p < SHORTEST_PERIOD_NS ? SHORTEST_PERIOD_NS : 1);

	l->timer.deadline_ns += (least - l->timer.deadline_ns + p - 1) / p * p;
}

static void run_due(struct lapic *l)
{
	if (l->timer.tsc_deadline) {
		if (l->bus->ops->tsc(l->cpu) < l->timer.tsc_deadline)
			return;
		l->timer.tsc_deadline = 0;
	} else {
		u64 at = l->timer.running ? now(l) : 0;

		if (!l->timer.running || at < l->timer.deadline_ns)
			return;
		if (mode(l) == LVT_PERIODIC)
			next_period(l, at);
		else
			l->timer.running = false;
	}
	lapic_local(l, LVT_TIMER);
}

void lapic_timer_run(struct lapic *l)
{
	if (!l->timer.running && !l->timer.tsc_deadline)
		return;
	run_due(l);
	renew_alarm(l);
}

void lapic_timer_stop(struct lapic *l)
{
	l->timer.running = false;
	l->timer.tsc_deadline = 0;
	l->timer.deadline_ns = 0;
}

/* Ceiling: the count is at its initial value for the first whole tick, and 0 when it fires. */
u32 lapic_timer_count(struct lapic *l)
{
	u64 at, left;

	lapic_timer_run(l);
	if (!l->timer.running)
		return 0;
	at = now(l);
	left = l->timer.deadline_ns - MIN(at, l->timer.deadline_ns);
	if (mode(l) == LVT_PERIODIC && left > period(l))
		left = (left - 1) % period(l) + 1; /* an interrupt is held back */
	return (u32)((left + divisor(l) - 1) / divisor(l));
}

static void count_from(struct lapic *l, u32 count)
{
	l->timer.running = count != 0;
	l->timer.deadline_ns = count ? now(l) + count * divisor(l) : 0;
	renew_alarm(l);
}

void lapic_timer_set_count(struct lapic *l, u32 initial)
{
	lapic_timer_run(l);
	/* In TSC-deadline mode (and in the reserved one) it is ignored, SDM 3A 11.5.4.1. */
	if (mode(l) != LVT_ONE_SHOT && mode(l) != LVT_PERIODIC)
		return;
	l->reg[APIC_TMICT] = initial;
	count_from(l, initial);
}

void lapic_timer_set_divide(struct lapic *l, u32 val)
{
	u32 count = lapic_timer_count(l);

	l->reg[APIC_DCR] = val;
	if (count)
		count_from(l, count);
}

/*
 * To and from TSC-deadline mode the timer is disarmed. Between one-shot and periodic it counts on,
 * as processors do, although SDM 3A 11.5.4.1 has any change disarm it.
 */
void lapic_timer_set_lvt(struct lapic *l, u32 val)
{
	u32 count = lapic_timer_count(l), old = mode(l);

	l->reg[LVT_TIMER] = val;
	if ((old | mode(l)) & LVT_TSC_DEADLINE && old != mode(l)) {
		lapic_timer_stop(l);
		l->reg[APIC_TMICT] = 0;
	} else if (old != mode(l)) {
		count_from(l, count);
	}
	renew_alarm(l);
}

u64 lapic_timer_get_deadline(struct lapic *l)
{
	lapic_timer_run(l);
	return l->timer.tsc_deadline;
}

void lapic_timer_set_deadline(struct lapic *l, u64 tsc)
{
	if (l->timer.running || l->timer.tsc_deadline)
		run_due(l);
	if (mode(l) != LVT_TSC_DEADLINE)
		return;
	l->timer.tsc_deadline = tsc;
	lapic_timer_run(l);
}

void lapic_timer_resume(struct lapic *l, u32 count)
{
	lapic_timer_stop(l);
	l->timer.alarm_ns = ~0ull;
	if (mode(l) == LVT_ONE_SHOT || mode(l) == LVT_PERIODIC)
		count_from(l, MIN(count, l->reg[APIC_TMICT]));
}

/* What was loaded must be something that a guest could have brought about. */
void lapic_timer_loaded(struct lapic *l)
{
	u64 furthest = now(l) + period(l) + SHORTEST_PERIOD_NS;

	l->timer.alarm_ns = ~0ull;
	if (mode(l) != LVT_TSC_DEADLINE)
		l->timer.tsc_deadline = 0;
	if (mode(l) & LVT_TSC_DEADLINE || !l->reg[APIC_TMICT])
		l->timer.running = false;
	if (!l->timer.running)
		l->timer.deadline_ns = 0;
	else if (l->timer.deadline_ns > furthest)
		l->timer.deadline_ns = furthest;
	renew_alarm(l);
}

void lapic_time_changed(struct lapic *l)
{
	l->timer.alarm_ns = ~0ull;
	lapic_timer_run(l);
}
