/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/win32/loop.c: see plat/loop.h. Over WaitForMultipleObjects(), so at most 62 sources, with a
 * high-resolution timer (Windows 10 1803) for the deadline.
 */
#include "plat/loop.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "plat/event.h"
#include "plat/plat_priv.h"
#include "plat/win32/win_priv.h"

enum { WAKE, TIMER, FIRST_SOURCE, SOURCES_MAX = MAXIMUM_WAIT_OBJECTS - FIRST_SOURCE };

struct loop_source {
	struct loop *loop;
	struct loop_source *next, **link; /* in loop->live; dead ones in loop->dead */
	HANDLE handle;
	unsigned events;
	bool dead;
	void (*fn)(void *arg, unsigned events);
	void (*unwatched)(void *arg);
	void *arg;
};

struct loop {
	struct loop_base base; /* first */
	HANDLE timer;
	struct loop_source *live, *dead;
	unsigned sources;
};

int loop_create(struct loop **out, struct error *err)
{
	struct loop *l = xnew(struct loop);
	int rc;

	jobs_init(&l->base.jobs);
	rc = event_init(&l->base.wake, err);
	if (!rc) {
		l->timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
						  TIMER_ALL_ACCESS);
		if (!l->timer)
			l->timer = CreateWaitableTimerW(NULL, FALSE, NULL);
		if (!l->timer)
			rc = win_error(err, "cannot make an event loop");
	}
	if (rc) {
		loop_destroy(l);
		return rc;
	}
	*out = l;
	return 0;
}

static void free_dead(struct loop *l)
{
	while (l->dead) {
		struct loop_source *s = l->dead;

		l->dead = s->next;
		free(s);
	}
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	while (l->live)
		loop_unwatch(l->live);
	free_dead(l);
	event_finish(&l->base.wake);
	if (l->timer)
		CloseHandle(l->timer);
	jobs_finish(&l->base.jobs);
	free(l);
}

int loop_watch(struct loop_source **out, struct loop *l, os_handle h, unsigned events,
	       void (*fn)(void *arg, unsigned events), void *arg, struct error *err)
{
	struct loop_source *s;

	if (events & LOOP_WRITE)
		return error_set(err, -EINVAL, "Windows cannot wait for room to write");
	if (l->sources == SOURCES_MAX)
		return error_set(err, -ENOSPC, "Windows waits for at most %d handles", SOURCES_MAX);
	s = xnew(struct loop_source);
	*s = (struct loop_source){ .loop = l,
				   .handle = (HANDLE)h,
				   .events = events,
				   .fn = fn,
				   .arg = arg,
				   .next = l->live,
				   .link = &l->live };
	if (s->next)
		s->next->link = &s->next;
	l->live = s;
	l->sources++;
	*out = s;
	return 0;
}

void loop_rewatch(struct loop_source *s, unsigned events)
{
	s->events = events;
}

void loop_unwatch(struct loop_source *s)
{
	struct loop *l;

	if (!s)
		return;
	assert(!s->dead);
	l = s->loop;
	s->dead = true;
	s->events = 0;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	/* This turn may still point at it: freed when the turn is done. */
	s->next = l->dead;
	l->dead = s;
	l->sources--;
	if (s->unwatched)
		s->unwatched(s->arg);
}

void loop_on_unwatch(struct loop_source *s, void (*fn)(void *arg))
{
	s->unwatched = fn;
}

/* How long to wait, in the units of WaitForMultipleObjects(); else the timer is set. */
static DWORD set_timer(struct loop *l)
{
	u64 ns = l->base.timeout ? l->base.timeout(l->base.timeout_arg) : ~0ull;
	LARGE_INTEGER due;

	if (!ns || jobs_waiting(&l->base.jobs))
		return 0;
	if (ns == ~0ull) {
		CancelWaitableTimer(l->timer);
		return INFINITE;
	}
	/* Units of 100 ns, negative: from now. Rounded up: a loop that wakes early asks again. */
	due.QuadPart = -(s64)((ns + 99) / 100);
	SetWaitableTimer(l->timer, &due, 0, NULL, NULL, FALSE);
	return INFINITE;
}

static void turn(struct loop *l)
{
	struct loop_source *sources[MAXIMUM_WAIT_OBJECTS];
	HANDLE handles[MAXIMUM_WAIT_OBJECTS];
	DWORD n = FIRST_SOURCE, first;

	handles[WAKE] = (HANDLE)l->base.wake.handle;
	handles[TIMER] = l->timer;
	for (struct loop_source *s = l->live; s; s = s->next) {
		if (!(s->events & LOOP_READ))
			continue;
		sources[n] = s;
		handles[n++] = s->handle;
	}
	first = WaitForMultipleObjects(n, handles, FALSE, set_timer(l));
	event_clear(&l->base.wake);
	assert(first != WAIT_FAILED);
	/* It names the first that is ready; those behind it are asked one by one. */
	for (DWORD i = MAX(first, (DWORD)FIRST_SOURCE); first != WAIT_TIMEOUT && i < n; i++) {
		struct loop_source *s = sources[i];

		if (i != first && WaitForSingleObject(handles[i], 0) != WAIT_OBJECT_0)
			continue;
		/* An earlier callback may have changed its mind about this one. */
		if (s->events & LOOP_READ)
			s->fn(s->arg, LOOP_READ);
	}
	free_dead(l);
	jobs_run(&l->base.jobs);
}

int loop_run(struct loop *l)
{
	while (!__atomic_exchange_n(&l->base.stop, false, __ATOMIC_ACQUIRE))
		turn(l);
	return __atomic_load_n(&l->base.code, __ATOMIC_RELAXED);
}
