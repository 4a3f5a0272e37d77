/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/loop.c: the half of plat/loop.h that is the same on all hosts. */
#include "plat/loop.h"

#include "plat/plat_priv.h"

static struct loop_base *base_of(struct loop *l)
{
	return (struct loop_base *)(void *)l;
}

void loop_stop(struct loop *l, int code)
{
	struct loop_base *b = base_of(l);

	__atomic_store_n(&b->code, code, __ATOMIC_RELAXED);
	__atomic_store_n(&b->stop, true, __ATOMIC_RELEASE);
	loop_wake(l);
}

void loop_wake(struct loop *l)
{
	event_signal(&base_of(l)->wake);
}

void loop_post(struct loop *l, struct job *job)
{
	if (jobs_post(&base_of(l)->jobs, job))
		loop_wake(l);
}

void loop_unpost(struct loop *l, struct job *job)
{
	jobs_unpost(&base_of(l)->jobs, job);
}

void loop_set_timeout(struct loop *l, u64 (*fn)(void *arg), void *arg)
{
	base_of(l)->timeout = fn;
	base_of(l)->timeout_arg = arg;
}
