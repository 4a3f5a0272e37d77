/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers of snapshots never see a freed one; retired ones are freed in the end. */
#include "plat/rcu.h"

#include "base/alloc.h"
#include "plat/event.h"
#include "plat/thread.h"
#include "plat/time.h"
#include "test.h"

struct snapshot {
	struct rcu_head head;
	u64 value, twice;
	unsigned *freed;
};

static struct snapshot *make(u64 value, unsigned *freed)
{
	struct snapshot *s = xnew(struct snapshot);

	s->value = value;
	s->twice = 2 * value;
	s->freed = freed;
	return s;
}

static void poison(struct rcu_head *head)
{
	struct snapshot *s = (struct snapshot *)head;

	__atomic_fetch_add(s->freed, 1, __ATOMIC_RELAXED);
	s->value = s->twice = ~0ull;
	free(s);
}

static void without_readers_the_old_one_goes_at_once(void)
{
	unsigned freed = 0;

	rcu_retire(&make(1, &freed)->head, poison);
	CHECK_EQ(freed, 1);
	rcu_synchronize();
}

static void a_reader_keeps_what_it_may_see_until_its_outermost_unlock(void)
{
	unsigned freed = 0;

	rcu_read_lock();
	rcu_read_lock();
	rcu_retire(&make(1, &freed)->head, poison);
	rcu_read_unlock();
	rcu_retire(&make(2, &freed)->head, poison);
	CHECK_EQ(freed, 0);
	rcu_read_unlock();
	rcu_synchronize();
	CHECK_EQ(freed, 2);
}

struct shared {
	struct snapshot *now;
	bool stop;
	unsigned freed;
	u64 reads;
	struct event inside, leave;
};

static void read_on(void *arg)
{
	struct shared *s = arg;
	u64 reads = 0;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		struct snapshot *now;

		rcu_read_lock();
		now = __atomic_load_n(&s->now, __ATOMIC_ACQUIRE);
		CHECK(now->twice == 2 * now->value && now->value != ~0ull);
		rcu_read_unlock();
		reads++;
	}
	__atomic_fetch_add(&s->reads, reads, __ATOMIC_RELAXED);
}

static void readers_never_see_a_freed_snapshot(void)
{
	enum { READERS = 4 };
	struct shared s = { 0 };
	struct thread *t[READERS];
	struct error err;
	u64 until = time_now_ns() + 300 * NS_PER_MS;
	unsigned made = 1;

	s.now = make(0, &s.freed);
	for (unsigned i = 0; i < READERS; i++)
		CHECK(!thread_start(&t[i], "reader", read_on, &s, &err));
	while (time_now_ns() < until) {
		struct snapshot *old = s.now;

		__atomic_store_n(&s.now, make(made++, &s.freed), __ATOMIC_RELEASE);
		rcu_retire(&old->head, poison);
		if (made % 64 == 0)
			rcu_synchronize();
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++)
		thread_join(t[i]);
	rcu_synchronize();
	CHECK_EQ(s.freed, made - 1);
	CHECK(s.reads > 0);
	free(s.now);
}

static void stay_inside(void *arg)
{
	struct shared *s = arg;

	rcu_read_lock();
	event_signal(&s->inside);
	while (!event_clear(&s->leave))
		time_sleep_ns(NS_PER_MS);
	rcu_read_unlock();
}

static void wait_for_readers(void *arg)
{
	struct shared *s = arg;

	rcu_synchronize();
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
}

static void synchronize_waits_for_those_inside_only(void)
{
	struct shared s = { 0 };
	struct thread *reader, *writer;
	struct error err;

	CHECK(!event_init(&s.inside, &err) && !event_init(&s.leave, &err));
	CHECK(!thread_start(&reader, "inside", stay_inside, &s, &err));
	while (!event_clear(&s.inside))
		time_sleep_ns(NS_PER_MS);
	rcu_retire(&make(1, &s.freed)->head, poison);
	CHECK_EQ(s.freed, 0);
	CHECK(!thread_start(&writer, "wait", wait_for_readers, &s, &err));
	time_sleep_ns(20 * NS_PER_MS);
	CHECK(!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE));
	event_signal(&s.leave);
	thread_join(reader);
	thread_join(writer);
	CHECK_EQ(s.freed, 1);
	event_finish(&s.inside);
	event_finish(&s.leave);
}

static void read_once(void *arg)
{
	rcu_read_lock();
	rcu_read_unlock();
}

static void places_of_ended_threads_are_used_again(void)
{
	struct thread *t;
	struct error err;

	for (unsigned i = 0; i < 2 * RCU_THREADS; i++) {
		CHECK(!thread_start(&t, "once", read_once, NULL, &err));
		thread_join(t);
	}
}

int main(void)
{
	RUN(without_readers_the_old_one_goes_at_once);
	RUN(a_reader_keeps_what_it_may_see_until_its_outermost_unlock);
	RUN(readers_never_see_a_freed_snapshot);
	RUN(synchronize_waits_for_those_inside_only);
	RUN(places_of_ended_threads_are_used_again);
	return 0;
}
