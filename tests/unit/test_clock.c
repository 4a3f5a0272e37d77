/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock that follows the host's: it stands and goes on, and its timers fire in order. */
#include "core/clock.h"

#include "core/machine.h"
#include "plat/time.h"
#include "test.h"

/* A timer that fires for ever, each time @step later than before. */
struct ticker {
	struct clock *clock;
	struct timer timer;
	u64 step;
	unsigned fired;
};

static void tick(void *dev) needs(in_machine)
{
	struct ticker *t = dev;

	CHECK(++t->fired < 1000); /* the others, and the loop, must have their turn */
	timer_arm(t->clock, &t->timer, t->timer.deadline_ns + t->step);
}

static void start(struct ticker *t, struct clock *c, u64 step) needs(in_machine)
{
	*t = (struct ticker){ .clock = c, .timer = { .fire = tick, .dev = t }, .step = step };
	timer_arm(c, &t->timer, step);
}

static void timers_that_are_late_for_ever_let_the_loop_go_on(void) unchecked_roles
{
	struct clock *c = clock_create_host();
	struct ticker a, b, late;

	clock_resume(c);
	start(&a, c, 1);
	start(&b, c, 1);
	start(&late, c, 3600 * NS_PER_S);
	time_sleep_ns(NS_PER_MS);
	for (unsigned i = 1; i < 5; i++) {
		CHECK_EQ(clock_run_due(c), 0);
		CHECK_EQ(a.fired, i);
		CHECK_EQ(b.fired, i);
	}
	CHECK_EQ(late.fired, 0);
	timer_cancel(c, &a.timer);
	timer_cancel(c, &b.timer);
	CHECK(clock_run_due(c) > 3000 * NS_PER_S);
	clock_destroy(c);
}

static void time_stands_while_paused_and_never_goes_back(void) unchecked_roles
{
	struct clock *c = clock_create_host();
	struct ticker t;
	u64 before;

	CHECK_EQ(clock_now_ns(c), 0);
	clock_resume(c);
	start(&t, c, NS_PER_MS);
	time_sleep_ns(2 * NS_PER_MS);
	clock_pause(c);
	clock_pause(c);
	before = clock_now_ns(c);
	CHECK(before >= 2 * NS_PER_MS);
	CHECK(clock_run_due(c) == ~0ull); /* due, but not while paused */
	CHECK_EQ(t.fired, 0);
	time_sleep_ns(2 * NS_PER_MS);
	CHECK_EQ(clock_now_ns(c), before);
	clock_resume(c);
	clock_resume(c);
	CHECK(clock_now_ns(c) >= before);
	CHECK(clock_now_ns(c) < before + NS_PER_S);
	(void)clock_run_due(c);
	CHECK_EQ(t.fired, 1);
	clock_destroy(c);
}

static void earlier(void *arg)
{
	++*(unsigned *)arg;
}

static void the_owner_hears_of_earlier_deadlines_only(void) unchecked_roles
{
	struct clock *c = clock_create_manual();
	struct ticker a, b, d;
	unsigned told = 0;

	clock_on_earlier(c, earlier, &told);
	start(&a, c, 1000);
	CHECK_EQ(told, 1);
	start(&b, c, 2000);
	CHECK_EQ(told, 1);
	start(&d, c, 500);
	CHECK_EQ(told, 2);
	clock_destroy(c);
}

int main(void)
{
	RUN(timers_that_are_late_for_ever_let_the_loop_go_on);
	RUN(time_stands_while_paused_and_never_goes_back);
	RUN(the_owner_hears_of_earlier_deadlines_only);
	return 0;
}
