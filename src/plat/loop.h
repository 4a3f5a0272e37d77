/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/loop.h: an event loop: handles, one deadline callback, posted jobs.
 *
 * The main thread has one; every I/O loop is another, on its own thread. Everything but
 * loop_post() and loop_stop() belongs to the thread that runs the loop, or to the thread that
 * made it while it does not run yet.
 */
#pragma once

#include "base/error.h"

struct loop;
struct loop_source;

typedef intptr_t os_handle; /* a POSIX fd or a Windows HANDLE */

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

int loop_create(struct loop **out, struct error *err) MUST_CHECK;
void loop_destroy(struct loop *loop); /* NULL is allowed; frees all sources */

/* Run until loop_stop(). Returns the code given to it. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code); /* any thread */

/*
 * Watch @h for @events (LOOP_READ, LOOP_WRITE); @fn gets those that came. LOOP_HANGUP comes
 * unasked, with the events that were asked for, so that reading or writing tells the rest. What
 * the host cannot wait for (a regular file) is always ready. A source whose @events are 0 is
 * silent; one with LOOP_HANGUP alone waits for that.
 * The source belongs to the loop until loop_unwatch(), which may be called from any callback, its
 * own included; unwatch before closing @h. Win32 handles (events) know only LOOP_READ.
 */
int loop_watch(struct loop_source **out, struct loop *loop, os_handle h, unsigned events,
	       void (*fn)(void *arg, unsigned events), void *arg, struct error *err) MUST_CHECK;
void loop_rewatch(struct loop_source *src, unsigned events); /* 0 rests the source */
void loop_unwatch(struct loop_source *src);                  /* NULL is allowed */

/* A job is linked into the loop until it runs; it may be posted again once fn() was entered. */
struct job {
	void (*fn)(struct job *job);
	struct job *next;
	bool posted; /* still queued: a second post is a no-op */
};
void loop_post(struct loop *loop, struct job *job);   /* any thread; never blocks */
void loop_unpost(struct loop *loop, struct job *job); /* it will not run unless posted again */

/*
 * Before each wait ask @fn how long to sleep at most: nanoseconds, or ~0ull for as long as nothing
 * happens. This is how a machine clock drives its timers. One per loop.
 */
void loop_set_timeout(struct loop *loop, u64 (*fn)(void *arg), void *arg);
void loop_wake(struct loop *loop); /* any thread: make the loop ask again */
