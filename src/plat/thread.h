/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/thread.h: threads, locks and condition variables, over pthreads or Win32. */
#pragma once

#include "base/error.h"

/* Storage for the host's lock and condition variable; sizes are checked where they are used. */
struct mutex {
	u64 opaque[6];
};
struct cond {
	u64 opaque[6];
};
struct thread;

void mutex_init(struct mutex *m);
void mutex_finish(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

void cond_init(struct cond *c);
void cond_finish(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* As cond_wait, but no longer than @ns. False when the time ran out. */
bool cond_wait_ns(struct cond *c, struct mutex *m, u64 ns);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/*
 * @name (at most 15 bytes are shown by the host's tools) is copied. POSIX: the thread gets no
 * signals that are sent to the process.
 */
int thread_start(struct thread **out, const char *name, void (*fn)(void *), void *arg,
		 struct error *err) MUST_CHECK;
void thread_join(struct thread *t); /* frees @t; NULL is allowed */
u32 thread_id(void);                /* the host's number for the calling thread */

/*
 * Interrupt @t's blocking host call (KVM_RUN) once. A kick that arrives before the call is not lost
 * where the backend checks its own flag first. POSIX: a signal without SA_RESTART; Win32: nothing.
 */
void thread_kick(struct thread *t);
/* CPU time used by the whole process, nanoseconds. */
u64 process_cpu_ns(void);
