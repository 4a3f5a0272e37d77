/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/clock.h: the only time a device may know.
 *
 * Machine time counts nanoseconds since power on and stands still while the machine is paused.
 * Tests own a clock and step it by hand. Timers fire with the machine lock held.
 */
#pragma once

#include "base/types.h"

struct clock;

struct timer {
	void (*fire)(void *dev); /* [in_machine]; may arm any timer again */
	void *dev;
	u64 deadline_ns; /* meaningful while armed; FIELD_TIMER saves it */
	u64 turn;        /* the clock_run_due() that fired it last */
	bool armed;
	struct timer *next;
};

/* Stands still until clock_advance(). Wall time starts at 1970-01-01. */
struct clock *clock_create_manual(void);
/* Follows the host's clocks from clock_resume() on. */
struct clock *clock_create_host(void);
void clock_destroy(struct clock *c);

u64 clock_now_ns(struct clock *c); /* any thread */
/* Wall time, nanoseconds since 1970 UTC, plus the offset the guest or user chose. Any thread. */
s64 clock_wall_ns(struct clock *c);
void clock_set_wall(struct clock *c, s64 wall_ns); /* from now on it is @wall_ns */

void timer_arm(struct clock *c, struct timer *t, u64 deadline_ns) needs(in_machine);
void timer_cancel(struct clock *c, struct timer *t) needs(in_machine);
/* timer_arm after a load: arms @t if its saved state says so. */
void timer_reload(struct clock *c, struct timer *t) needs(in_machine);

void clock_advance(struct clock *c, u64 by_ns) needs(in_machine); /* manual clocks only */

/* For the machine's owner. */
void clock_pause(struct clock *c);
void clock_resume(struct clock *c);
void clock_set_now(struct clock *c, u64 now_ns);      /* after a load, while paused */
u64 clock_run_due(struct clock *c) needs(in_machine); /* fires; nanoseconds to the next, or ~0 */
/* @fn is called, in_machine, when a timer is armed that is due before all others. */
void clock_on_earlier(struct clock *c, void (*fn)(void *arg), void *arg);
