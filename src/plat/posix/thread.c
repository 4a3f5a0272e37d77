/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/thread.c: see plat/thread.h. */
#include "plat/thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "plat/plat_priv.h"
#include "plat/time.h"

/* The signal of thread_kick(): glibc keeps the real-time signals below SIGRTMIN to itself. */
#define SIG_KICK (SIGRTMIN + 1)

/*
 * Enough for frames of 32 KiB (meson.build) on top of each other. With glibc's 8 MiB the kernel
 * may give each thread's first touch a huge page of 2 MiB.
 */
enum { STACK = 512 << 10 };

struct thread {
	pthread_t handle;
	void (*fn)(void *);
	void *arg;
	char name[16];
};

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct mutex), "struct mutex is too small");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(struct cond), "struct cond is too small");

static pthread_mutex_t *host_mutex(struct mutex *m)
{
	return (pthread_mutex_t *)m->opaque;
}

static pthread_cond_t *host_cond(struct cond *c)
{
	return (pthread_cond_t *)c->opaque;
}

/* pthread calls on locks fail only when we misuse them. */
static void must(int rc)
{
	assert(rc == 0);
}

void mutex_init(struct mutex *m)
{
	must(pthread_mutex_init(host_mutex(m), NULL));
}

void mutex_finish(struct mutex *m)
{
	must(pthread_mutex_destroy(host_mutex(m)));
}

void mutex_lock(struct mutex *m)
{
	must(pthread_mutex_lock(host_mutex(m)));
}

void mutex_unlock(struct mutex *m)
{
	must(pthread_mutex_unlock(host_mutex(m)));
}

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;

	must(pthread_condattr_init(&attr));
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	must(pthread_cond_init(host_cond(c), &attr));
	must(pthread_condattr_destroy(&attr));
}

void cond_finish(struct cond *c)
{
	must(pthread_cond_destroy(host_cond(c)));
}

void cond_wait(struct cond *c, struct mutex *m)
{
	must(pthread_cond_wait(host_cond(c), host_mutex(m)));
}

bool cond_wait_ns(struct cond *c, struct mutex *m, u64 ns)
{
	u64 until = time_now_ns();
	struct timespec ts;
	int rc;

	if (add_overflow(until, ns, &until) || until / NS_PER_S > INT32_MAX)
		until = (u64)INT32_MAX * NS_PER_S;
	ts.tv_sec = (time_t)(until / NS_PER_S);
	ts.tv_nsec = (long)(until % NS_PER_S);
	rc = pthread_cond_timedwait(host_cond(c), host_mutex(m), &ts);
	assert(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

void cond_signal(struct cond *c)
{
	must(pthread_cond_signal(host_cond(c)));
}

void cond_broadcast(struct cond *c)
{
	must(pthread_cond_broadcast(host_cond(c)));
}

/* Its only effect is that the system call it interrupts returns with EINTR. */
static void on_kick(int sig)
{
}

/*
 * All signals but kicks and what a thread's own faults raise: those sent to the process are for the
 * main thread alone, which may come to wait for one (SIGCONT) long after others have started.
 */
static void block_signals(sigset_t *before)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < ARRAY_LEN(own); i++)
		sigdelset(&set, own[i]);
	sigdelset(&set, SIG_KICK);
	pthread_sigmask(SIG_SETMASK, &set, before);
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	pthread_setname_np(pthread_self(), t->name);
	t->fn(t->arg);
	return NULL;
}

int thread_start(struct thread **out, const char *name, void (*fn)(void *), void *arg,
		 struct error *err)
{
	struct sigaction kick = { .sa_handler = on_kick }; /* no SA_RESTART */
	struct thread *t = xnew(struct thread);
	pthread_attr_t attr;
	sigset_t before;
	int rc;

	t->fn = fn;
	t->arg = arg;
	snprintf(t->name, sizeof(t->name), "%s", name);
	sigaction(SIG_KICK, &kick, NULL); /* the same each time */
	block_signals(&before);           /* inherited */
	must(pthread_attr_init(&attr));
	must(pthread_attr_setstacksize(&attr, STACK));
	rc = pthread_create(&t->handle, &attr, thread_main, t);
	must(pthread_attr_destroy(&attr));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		free(t);
		return error_set(err, -rc,
				 "cannot start thread \"%s\": %s; check the limits on processes "
				 "(ulimit -u) and memory",
				 name, strerror(rc));
	}
	*out = t;
	return 0;
}

void thread_join(struct thread *t)
{
	if (!t)
		return;
	must(pthread_join(t->handle, NULL));
	free(t);
}

u32 thread_id(void)
{
	static _Thread_local u32 id; /* the system call costs more than a trace record */

	if (!id)
		id = (u32)gettid();
	return id;
}

void thread_kick(struct thread *t)
{
	pthread_kill(t->handle, SIG_KICK);
}

u64 process_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * NS_PER_S + (u64)ts.tv_nsec;
}

/* The process's one key whose destructor tells of a thread's end. */
static pthread_key_t *end_key(void)
{
	static pthread_key_t key;

	return &key;
}

static void make_end_key(void)
{
	must(pthread_key_create(end_key(), rcu_thread_end));
}

void thread_at_end(void *slot)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	must(pthread_once(&once, make_end_key));
	must(pthread_setspecific(*end_key(), slot));
}
