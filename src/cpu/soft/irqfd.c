/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/irqfd.c: events that become messages. The kernel does that for KVM; here a thread waits
 * for them, from the first one on. Its loop's sources belong to it, so it does all that is asked.
 */
#include "base/alloc.h"
#include "cpu/soft/soft_priv.h"
#include "plat/event.h"
#include "plat/loop.h"

struct irqfd {
	struct soft_irqfds *all;
	unsigned id;
	struct event *event;
	struct msi msg;
	struct loop_source *source;
	struct irqfd *next;
};

enum { ASK_ADD, ASK_UPDATE, ASK_REMOVE };

struct soft_irqfds {
	struct soft *soft;
	struct loop *loop;
	struct thread *thread;
	struct irqfd *list; /* the thread's */
	struct mutex lock;  /* for the rest: one request at a time */
	struct cond changed;
	unsigned next_id;
	struct request {
		struct job job;
		int what, result;
		bool done;
		unsigned id;
		struct event *event;
		struct msi msg;
		bool masked;
		struct error *err;
	} ask;
};

static void signalled(void *arg, unsigned events)
{
	struct irqfd *q = arg;

	(void)events;
	if (event_clear(q->event))
		lapic_deliver(&q->all->soft->apics, q->msg);
}

static int add(struct soft_irqfds *all, const struct request *r)
{
	struct irqfd *q = xnew(struct irqfd);
	int rc;

	*q = (struct irqfd){ .all = all, .id = r->id, .event = r->event, .msg = r->msg };
	rc = loop_watch(&q->source, all->loop, r->event->handle, LOOP_READ, signalled, q, r->err);
	if (rc < 0) {
		free(q);
		return rc;
	}
	q->next = all->list;
	all->list = q;
	return 0;
}

static void drop(struct irqfd **at)
{
	struct irqfd *q = *at;

	*at = q->next;
	loop_unwatch(q->source);
	free(q);
}

static void serve(struct job *job)
{
	struct request *r = container_of(job, struct request, job);
	struct soft_irqfds *all = container_of(r, struct soft_irqfds, ask);
	struct irqfd **at = &all->list;

	if (r->what == ASK_ADD)
		r->result = add(all, r);
	while (r->what != ASK_ADD && *at && (*at)->id != r->id)
		at = &(*at)->next;
	if (r->what == ASK_REMOVE && *at)
		drop(at);
	if (r->what == ASK_UPDATE && *at) {
		(*at)->msg = r->msg;
		/* What is signalled meanwhile is delivered when it is unmasked. */
		loop_rewatch((*at)->source, r->masked ? 0 : LOOP_READ);
	}
	mutex_lock(&all->lock);
	r->done = true;
	cond_broadcast(&all->changed);
	mutex_unlock(&all->lock);
}

static int ask(struct soft_irqfds *all, struct request what)
{
	int rc;

	mutex_lock(&all->lock);
	what.job.fn = serve;
	all->ask = what;
	loop_post(all->loop, &all->ask.job);
	while (!all->ask.done)
		cond_wait(&all->changed, &all->lock);
	rc = all->ask.result;
	mutex_unlock(&all->lock);
	return rc;
}

static void run(void *arg)
{
	struct soft_irqfds *all = arg;

	(void)loop_run(all->loop);
}

static int begin(struct soft *s, struct error *err)
{
	struct soft_irqfds *all = xnew(struct soft_irqfds);
	int rc;

	all->soft = s;
	mutex_init(&all->lock);
	cond_init(&all->changed);
	s->irqfds = all;
	rc = loop_create(&all->loop, err);
	if (rc == 0)
		rc = thread_start(&all->thread, "soft-irqfd", run, all, err);
	return rc;
}

/* [one caller at a time, as for all of a backend's configuration] */
int soft_irqfd_add(struct accel *a, unsigned *id, struct event *e, struct msi msg,
		   struct error *err)
{
	struct soft *s = soft_of(a);
	int rc = s->irqfds ? 0 : begin(s, err);

	if (rc < 0) {
		soft_irqfds_finish(s);
		return rc;
	}
	*id = s->irqfds->next_id++;
	return ask(s->irqfds, (struct request){
				      .what = ASK_ADD,
				      .id = *id,
				      .event = e,
				      .msg = msg,
				      .err = err,
			      });
}

void soft_irqfd_update(struct accel *a, unsigned id, struct msi msg, bool masked)
{
	(void)ask(soft_of(a)->irqfds, (struct request){
					      .what = ASK_UPDATE,
					      .id = id,
					      .msg = msg,
					      .masked = masked,
				      });
}

void soft_irqfd_remove(struct accel *a, unsigned id)
{
	struct soft *s = soft_of(a);

	if (s->irqfds)
		(void)ask(s->irqfds, (struct request){ .what = ASK_REMOVE, .id = id });
}

void soft_irqfds_finish(struct soft *s)
{
	struct soft_irqfds *all = s->irqfds;

	if (!all)
		return;
	if (all->thread) {
		loop_stop(all->loop, 0);
		thread_join(all->thread);
	}
	while (all->list)
		drop(&all->list);
	loop_destroy(all->loop);
	cond_finish(&all->changed);
	mutex_finish(&all->lock);
	free(all);
	s->irqfds = NULL;
}
