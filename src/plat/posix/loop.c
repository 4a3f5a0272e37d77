/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/loop.c: see plat/loop.h. Over epoll(7); nanosecond timeouts from Linux 5.11 on. */
#include "plat/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "plat/event.h"
#include "plat/plat_priv.h"
#include "plat/posix/fd_priv.h"

enum { BATCH = 64 };

struct loop_source {
	struct loop *loop;
	struct loop_source *next, **link; /* in loop->live; dead ones in loop->dead */
	int fd;
	unsigned events; /* asked for; 0 while it rests */
	bool always;     /* epoll refuses it: a regular file, always ready */
	bool dead;
	void (*fn)(void *arg, unsigned events);
	void (*unwatched)(void *arg);
	void *arg;
};

struct loop {
	struct loop_base base; /* first */
	int epoll;
	bool coarse; /* the kernel has no epoll_pwait2: milliseconds only */
	struct loop_source *live, *dead;
	unsigned always; /* sources that are always ready and do not rest */
};

int loop_create(struct loop **out, struct error *err)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct loop *l = xnew(struct loop);
	int rc;

	jobs_init(&l->base.jobs);
	l->epoll = fd_above_std(epoll_create1(EPOLL_CLOEXEC));
	rc = l->epoll < 0 ? error_set(err, -errno, "cannot make an event loop: %s", strerror(errno))
			  : event_init(&l->base.wake, err);
	/* The wake-up is the one source without a struct. */
	if (!rc && epoll_ctl(l->epoll, EPOLL_CTL_ADD, (int)l->base.wake.handle, &ev))
		rc = error_set(err, -errno, "cannot make an event loop: %s", strerror(errno));
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
	if (l->epoll >= 0)
		close(l->epoll);
	jobs_finish(&l->base.jobs);
	free(l);
}

static u32 to_epoll(unsigned events)
{
	return (events & LOOP_READ ? EPOLLIN : 0u) | (events & LOOP_WRITE ? EPOLLOUT : 0u);
}

static unsigned from_epoll(u32 got, unsigned asked)
{
	unsigned events = 0;

	if (got & EPOLLIN)
		events |= LOOP_READ;
	if (got & EPOLLOUT)
		events |= LOOP_WRITE;
	if (got & (EPOLLHUP | EPOLLERR))
		events |= LOOP_HANGUP | asked;
	return events;
}

int loop_watch(struct loop_source **out, struct loop *l, os_handle h, unsigned events,
	       void (*fn)(void *arg, unsigned events), void *arg, struct error *err)
{
	struct loop_source *s = xnew(struct loop_source);
	struct epoll_event ev = { .events = to_epoll(events), .data.ptr = s };
	int rc;

	s->loop = l;
	s->fd = (int)h;
	s->fn = fn;
	s->arg = arg;
	/* Added even when it is to rest, to hear now what the kernel has against it. */
	rc = epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &ev) ? -errno : 0;
	if (rc == -EPERM) {
		s->always = true;
	} else if (rc) {
		free(s);
		return error_set(err, rc, "cannot watch descriptor %d: %s", (int)h, strerror(-rc));
	} else if (!events) {
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	}
	s->events = events;
	if (s->always && events)
		l->always++;
	s->next = l->live;
	s->link = &l->live;
	if (s->next)
		s->next->link = &s->next;
	l->live = s;
	*out = s;
	return 0;
}

void loop_rewatch(struct loop_source *s, unsigned events)
{
	struct epoll_event ev = { .events = to_epoll(events), .data.ptr = s };
	unsigned before = s->events;
	int op = !events ? EPOLL_CTL_DEL : before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == before)
		return;
	s->events = events;
	if (s->always) {
		s->loop->always += (events != 0) - (unsigned)(before != 0);
		return;
	}
	/* At rest it is taken out: epoll tells of a hang-up even those who ask for nothing. */
	epoll_ctl(s->loop->epoll, op, s->fd, &ev);
}

void loop_unwatch(struct loop_source *s)
{
	struct loop *l;

	if (!s)
		return;
	assert(!s->dead);
	l = s->loop;
	loop_rewatch(s, 0);
	s->dead = true;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	/* The current batch may still point at it: freed when the batch is done. */
	s->next = l->dead;
	l->dead = s;
	if (s->unwatched)
		s->unwatched(s->arg);
}

void loop_on_unwatch(struct loop_source *s, void (*fn)(void *arg))
{
	s->unwatched = fn;
}

static int wait_events(struct loop *l, struct epoll_event *ev, u64 ns)
{
	struct timespec ts;
	int ms = -1, n;

	if (!l->coarse) {
		ts.tv_sec = (time_t)(ns / NS_PER_S);
		ts.tv_nsec = (long)(ns % NS_PER_S);
		n = epoll_pwait2(l->epoll, ev, BATCH, ns == ~0ull ? NULL : &ts, NULL);
		/* EPERM: a container's filter that does not know the call either. */
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		l->coarse = true;
	}
	/* Rounded up: a loop that wakes early asks again and again. */
	if (ns != ~0ull)
		ms = (int)MIN((ns + NS_PER_MS - 1) / NS_PER_MS, (u64)INT32_MAX);
	return epoll_wait(l->epoll, ev, BATCH, ms);
}

static void run_always(struct loop *l)
{
	struct loop_source *s, *next;

	/* A callback may unwatch any: those go to the dead list, whose chain is not ours. */
	for (s = l->live; s; s = next) {
		next = s->next;
		if (!s->always || !s->events)
			continue;
		s->fn(s->arg, s->events);
		if (s->dead || (next && next->dead))
			return; /* the rest have their turn soon */
	}
}

static void turn(struct loop *l)
{
	struct epoll_event ev[BATCH];
	u64 ns = l->base.timeout ? l->base.timeout(l->base.timeout_arg) : ~0ull;
	int n;

	if (l->always || jobs_waiting(&l->base.jobs))
		ns = 0;
	n = wait_events(l, ev, ns);
	assert(n >= 0 || errno == EINTR);
	for (int i = 0; i < n; i++) {
		struct loop_source *s = ev[i].data.ptr;
		unsigned events;

		if (!s) {
			event_clear(&l->base.wake);
			continue;
		}
		/* An earlier callback of this batch may have changed its mind about this one. */
		events = s->dead ? 0 : from_epoll(ev[i].events, s->events);
		events &= s->events | (s->events ? LOOP_HANGUP : 0u);
		if (events)
			s->fn(s->arg, events);
	}
	if (l->always)
		run_always(l);
	free_dead(l);
	jobs_run(&l->base.jobs);
}

int loop_run(struct loop *l)
{
	/* Timers of the guest hang on the waits of this thread: the default slack is 50 us. */
	prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);
	while (!__atomic_exchange_n(&l->base.stop, false, __ATOMIC_ACQUIRE))
		turn(l);
	return __atomic_load_n(&l->base.code, __ATOMIC_RELAXED);
}
