/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/clock.c: machine time, wall time and the list of armed timers. See core/clock.h. */
#include "core/clock.h"

#include <assert.h>

#include "base/alloc.h"
#include "plat/thread.h"
#include "plat/time.h"

struct clock {
	bool manual, running;
	/*
	 * now = frozen_ns while stopped, else frozen_ns + (host - started_ns). The three change
	 * together under the leaf lock; readers take it too.
	 */
	struct mutex lock;
	u64 frozen_ns, started_ns;
	s64 wall_offset_ns;  /* wall time minus machine time (manual) or minus host wall time */
	struct timer *armed; /* sorted by deadline; guarded by the machine lock */
	u64 turn;            /* counts calls of clock_run_due() */
	void (*earlier)(void *arg);
	void *earlier_arg;
};

static struct clock *create(bool manual)
{
	struct clock *c = xnew(struct clock);

	c->manual = manual;
	mutex_init(&c->lock);
	return c;
}

struct clock *clock_create_manual(void)
{
	return create(true);
}

struct clock *clock_create_host(void)
{
	return create(false);
}

void clock_destroy(struct clock *c)
{
	if (!c)
		return;
	mutex_finish(&c->lock);
	free(c);
}

static u64 now_locked(const struct clock *c)
{
	return c->frozen_ns + (c->running ? time_now_ns() - c->started_ns : 0);
}

u64 clock_now_ns(struct clock *c)
{
	u64 now;

	mutex_lock(&c->lock);
	now = now_locked(c);
	mutex_unlock(&c->lock);
	return now;
}

/* Wall time goes on while the machine is paused: it is the world's, not the machine's. */
s64 clock_wall_ns(struct clock *c)
{
	s64 wall;

	mutex_lock(&c->lock);
	wall = (c->manual ? (s64)now_locked(c) : time_wall_ns()) + c->wall_offset_ns;
	mutex_unlock(&c->lock);
	return wall;
}

void clock_set_wall(struct clock *c, s64 wall_ns)
{
	mutex_lock(&c->lock);
	c->wall_offset_ns = wall_ns - (c->manual ? (s64)now_locked(c) : time_wall_ns());
	mutex_unlock(&c->lock);
}

void timer_cancel(struct clock *c, struct timer *t)
{
	struct timer **p;

	if (!t->armed)
		return;
	for (p = &c->armed; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	t->next = NULL;
	t->armed = false;
}

void timer_arm(struct clock *c, struct timer *t, u64 deadline_ns)
{
	struct timer **p;

	timer_cancel(c, t);
	t->deadline_ns = deadline_ns;
	for (p = &c->armed; *p && (*p)->deadline_ns <= deadline_ns; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
	t->armed = true;
	if (c->armed == t && c->earlier)
		c->earlier(c->earlier_arg);
}

void timer_reload(struct clock *c, struct timer *t)
{
	bool armed = t->armed;

	/* The load changed @t while the list may still hold it, at its old place. */
	for (struct timer **p = &c->armed; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	t->armed = false;
	t->next = NULL;
	if (armed)
		timer_arm(c, t, t->deadline_ns);
}

static void fire_first(struct clock *c) needs(in_machine)
{
	struct timer *t = c->armed;

	timer_cancel(c, t);
	t->fire(t->dev);
}

void clock_advance(struct clock *c, u64 by_ns)
{
	u64 end = c->frozen_ns + by_ns;

	assert(c->manual);
	while (c->armed && c->armed->deadline_ns <= end) {
		c->frozen_ns = MAX(c->frozen_ns, c->armed->deadline_ns);
		fire_first(c);
	}
	c->frozen_ns = end;
}

void clock_pause(struct clock *c)
{
	mutex_lock(&c->lock);
	c->frozen_ns = now_locked(c);
	c->running = false;
	mutex_unlock(&c->lock);
}

void clock_resume(struct clock *c)
{
	if (c->manual)
		return;
	mutex_lock(&c->lock);
	c->frozen_ns = now_locked(c);
	c->started_ns = time_now_ns();
	c->running = true;
	mutex_unlock(&c->lock);
}

void clock_set_now(struct clock *c, u64 now_ns)
{
	mutex_lock(&c->lock);
	c->frozen_ns = now_ns;
	c->started_ns = time_now_ns();
	mutex_unlock(&c->lock);
}

u64 clock_run_due(struct clock *c)
{
	u64 now = clock_now_ns(c);

	if (!c->running)
		return ~0ull;
	c->turn++;
	/* Timers that re-arm themselves in the past fire once a call, so that the loop goes on. */
	while (c->armed && c->armed->deadline_ns <= now) {
		if (c->armed->turn == c->turn)
			return 0;
		c->armed->turn = c->turn;
		fire_first(c);
	}
	return c->armed ? c->armed->deadline_ns - MIN(now, c->armed->deadline_ns) : ~0ull;
}

void clock_on_earlier(struct clock *c, void (*fn)(void *arg), void *arg)
{
	c->earlier = fn;
	c->earlier_arg = arg;
}
