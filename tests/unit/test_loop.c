/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event loop, events and threads: who is called, when, and who no more. */
#include "plat/loop.h"

#include "plat/event.h"
#include "plat/thread.h"
#include "plat/time.h"
#include "test.h"

struct rig {
	struct loop *loop;
	struct event ev[3];
	struct loop_source *src[3];
	unsigned calls[3];
	int next; /* which source a callback unwatches; -1: none */
};

static void setup(struct rig *r)
{
	struct error err;

	memset(r, 0, sizeof(*r));
	r->next = -1;
	CHECK(!loop_create(&r->loop, &err));
	for (int i = 0; i < 3; i++)
		CHECK(!event_init(&r->ev[i], &err));
}

static void teardown(struct rig *r)
{
	loop_destroy(r->loop);
	for (int i = 0; i < 3; i++)
		event_finish(&r->ev[i]);
}

static void stop_job(struct job *job);

struct stopper {
	struct job job;
	struct loop *loop;
	unsigned turns;
};

/* Let the loop turn a few times, so that whatever is to come has come. */
static void stop_job(struct job *job)
{
	struct stopper *s = (struct stopper *)job;

	if (s->turns--)
		loop_post(s->loop, job);
	else
		loop_stop(s->loop, 7);
}

static void turn(struct loop *loop)
{
	struct stopper s = { .job.fn = stop_job, .loop = loop, .turns = 4 };

	loop_post(loop, &s.job);
	CHECK_EQ(loop_run(loop), 7);
}

static void on_event(struct rig *r, int i)
{
	r->calls[i]++;
	CHECK(event_clear(&r->ev[i]));
	if (r->next >= 0) {
		loop_unwatch(r->src[r->next]);
		r->src[r->next] = NULL;
		r->next = -1;
	}
}

static void on_event0(void *arg, unsigned events)
{
	CHECK_EQ(events, LOOP_READ);
	on_event(arg, 0);
}

static void on_event1(void *arg, unsigned events)
{
	CHECK_EQ(events, LOOP_READ);
	on_event(arg, 1);
}

static void watch_two(struct rig *r)
{
	struct error err;

	CHECK(!loop_watch(&r->src[0], r->loop, r->ev[0].handle, LOOP_READ, on_event0, r, &err));
	CHECK(!loop_watch(&r->src[1], r->loop, r->ev[1].handle, LOOP_READ, on_event1, r, &err));
}

static void an_event_is_told_once(void)
{
	struct rig r;

	setup(&r);
	watch_two(&r);
	event_signal(&r.ev[0]);
	event_signal(&r.ev[0]);
	turn(r.loop);
	CHECK_EQ(r.calls[0], 1);
	CHECK_EQ(r.calls[1], 0);
	teardown(&r);
}

static void a_resting_source_is_silent_until_it_is_watched_again(void)
{
	struct rig r;

	setup(&r);
	watch_two(&r);
	loop_rewatch(r.src[0], 0);
	event_signal(&r.ev[0]);
	turn(r.loop);
	CHECK_EQ(r.calls[0], 0);
	loop_rewatch(r.src[0], LOOP_READ);
	turn(r.loop);
	CHECK_EQ(r.calls[0], 1);
	teardown(&r);
}

static void a_callback_may_unwatch_any_source_of_the_same_batch(void)
{
	for (int victim = 0; victim < 2; victim++) {
		struct rig r;

		setup(&r);
		watch_two(&r);
		r.next = victim;
		event_signal(&r.ev[0]);
		event_signal(&r.ev[1]);
		turn(r.loop);
		/* Whoever came first removed the victim: it itself, or before its turn. */
		CHECK_EQ(r.calls[1 - victim], 1);
		CHECK(r.calls[victim] <= 1);
		event_signal(&r.ev[victim]);
		turn(r.loop);
		CHECK(r.calls[victim] <= 1);
		CHECK(!r.src[victim]);
		teardown(&r);
	}
}

struct counted {
	struct job job;
	struct loop *loop;
	unsigned runs;
	bool again;
};

static void count_job(struct job *job)
{
	struct counted *c = (struct counted *)job;

	c->runs++;
	if (c->again) {
		c->again = false;
		loop_post(c->loop, job);
	}
}

static void a_job_posted_twice_runs_once_and_may_post_itself(void)
{
	struct rig r;
	struct counted c = { .job.fn = count_job };

	setup(&r);
	c.loop = r.loop;
	loop_post(r.loop, &c.job);
	loop_post(r.loop, &c.job);
	turn(r.loop);
	CHECK_EQ(c.runs, 1);
	c.again = true;
	loop_post(r.loop, &c.job);
	turn(r.loop);
	CHECK_EQ(c.runs, 3);
	teardown(&r);
}

struct remover {
	struct job job;
	struct loop *loop;
	struct job *victim;
};

static void remove_job(struct job *job)
{
	struct remover *m = (struct remover *)job;

	loop_unpost(m->loop, m->victim);
}

static void an_unposted_job_does_not_run_even_in_the_same_batch(void)
{
	struct rig r;
	struct counted a = { .job.fn = count_job }, b = { .job.fn = count_job };
	struct remover m = { .job.fn = remove_job, .victim = &b.job };

	setup(&r);
	m.loop = r.loop;
	loop_post(r.loop, &a.job);
	loop_unpost(r.loop, &a.job);
	loop_unpost(r.loop, &a.job);
	loop_post(r.loop, &m.job);
	loop_post(r.loop, &b.job);
	loop_post(r.loop, &a.job);
	turn(r.loop);
	CHECK_EQ(a.runs, 1);
	CHECK_EQ(b.runs, 0);
	/* The tail of the queue is still right. */
	loop_post(r.loop, &a.job);
	loop_post(r.loop, &b.job);
	loop_unpost(r.loop, &b.job);
	turn(r.loop);
	CHECK_EQ(a.runs, 2);
	CHECK_EQ(b.runs, 0);
	teardown(&r);
}

struct flood {
	struct loop *loop;
	struct counted jobs[1000];
	struct event *ev;
};

static void post_many(void *arg)
{
	struct flood *f = arg;

	for (unsigned i = 0; i < ARRAY_LEN(f->jobs); i++) {
		f->jobs[i].job.fn = count_job;
		loop_post(f->loop, &f->jobs[i].job);
	}
	event_signal(f->ev);
	loop_stop(f->loop, 3);
}

static void other_threads_post_wake_and_stop(void)
{
	static struct flood f;
	struct thread *t;
	struct error err;
	struct rig r;

	setup(&r);
	watch_two(&r);
	f.loop = r.loop;
	f.ev = &r.ev[1];
	CHECK(!thread_start(&t, "a name longer than the host shows", post_many, &f, &err));
	CHECK_EQ(loop_run(r.loop), 3);
	thread_join(t);
	turn(r.loop);
	for (unsigned i = 0; i < ARRAY_LEN(f.jobs); i++)
		CHECK_EQ(f.jobs[i].runs, 1);
	CHECK_EQ(r.calls[1], 1);
	teardown(&r);
}

struct deadline {
	struct loop *loop;
	u64 at;
	unsigned asked;
};

static u64 until_deadline(void *arg)
{
	struct deadline *d = arg;
	u64 now = time_now_ns();

	d->asked++;
	if (now < d->at)
		return d->at - now;
	loop_stop(d->loop, 0);
	return 0;
}

static void a_timeout_ends_the_wait_in_time_and_without_spinning(void)
{
	struct deadline d = { 0 };
	struct rig r;

	setup(&r);
	d.loop = r.loop;
	d.at = time_now_ns() + 20 * NS_PER_MS;
	loop_set_timeout(r.loop, until_deadline, &d);
	loop_run(r.loop);
	CHECK(time_now_ns() >= d.at);
	CHECK(time_now_ns() < d.at + 2 * NS_PER_S);
	CHECK(d.asked <= 8);
	teardown(&r);
}

struct waiter {
	struct mutex lock;
	struct cond cond;
	unsigned value;
};

static void set_value(void *arg)
{
	struct waiter *w = arg;

	mutex_lock(&w->lock);
	w->value = 5;
	cond_broadcast(&w->cond);
	mutex_unlock(&w->lock);
}

static void condition_variables_wait_and_time_out(void)
{
	struct waiter w = { .value = 0 };
	struct thread *t;
	struct error err;
	u64 before;

	mutex_init(&w.lock);
	cond_init(&w.cond);
	mutex_lock(&w.lock);
	before = time_now_ns();
	CHECK(!cond_wait_ns(&w.cond, &w.lock, 5 * NS_PER_MS));
	CHECK(time_now_ns() - before >= 4 * NS_PER_MS);
	CHECK(!thread_start(&t, "set", set_value, &w, &err));
	while (w.value != 5)
		CHECK(cond_wait_ns(&w.cond, &w.lock, ~0ull));
	mutex_unlock(&w.lock);
	thread_join(t);
	cond_finish(&w.cond);
	mutex_finish(&w.lock);
}

static void an_event_resets_itself_and_may_be_finished_twice(void)
{
	struct event e = { 0 };
	struct error err;

	event_finish(&e);
	CHECK(!event_init(&e, &err));
	CHECK(!event_clear(&e));
	event_signal(&e);
	event_signal(&e);
	CHECK(event_clear(&e));
	CHECK(!event_clear(&e));
	event_finish(&e);
	event_finish(&e);
}

int main(void)
{
	RUN(an_event_is_told_once);
	RUN(a_resting_source_is_silent_until_it_is_watched_again);
	RUN(a_callback_may_unwatch_any_source_of_the_same_batch);
	RUN(a_job_posted_twice_runs_once_and_may_post_itself);
	RUN(an_unposted_job_does_not_run_even_in_the_same_batch);
	RUN(other_threads_post_wake_and_stop);
	RUN(a_timeout_ends_the_wait_in_time_and_without_spinning);
	RUN(condition_variables_wait_and_time_out);
	RUN(an_event_resets_itself_and_may_be_finished_twice);
	return 0;
}
