/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APICs shared by threads: devices post and vCPUs send while others take. */
#include "lapic_rig.h"

#include "plat/time.h"

enum { POSTERS = 3, POSTS = 20000, OWNERS = 2 };

struct stress {
	struct lapic_rig r;
	struct mutex lock[OWNERS];
	struct cond cond[OWNERS];
	bool woken[OWNERS];   /* under lock */
	u32 got[OWNERS][256]; /* atomic */
	u32 nmis[OWNERS];     /* atomic */
	u32 finished;         /* atomic; posters */
	u64 tick;             /* atomic; the clock */
};

struct stress_thread {
	struct stress *s;
	unsigned n;
};

static void stress_wake(void *cpu)
{
	struct rig_cpu *c = cpu;
	struct stress *s = container_of(c->rig, struct stress, r);
	unsigned i = (unsigned)(c - c->rig->cpu);

	if (i >= OWNERS)
		return;
	mutex_lock(&s->lock[i]);
	s->woken[i] = true;
	cond_signal(&s->cond[i]);
	mutex_unlock(&s->lock[i]);
}

static u64 stress_now(void *cpu)
{
	struct stress *s = container_of(((struct rig_cpu *)cpu)->rig, struct stress, r);

	return __atomic_add_fetch(&s->tick, 1, __ATOMIC_RELAXED);
}

static const struct lapic_ops stress_ops = { stress_wake, stress_now, stress_now, rig_alarm };

/* Sleep until a wake-up came after the last sleep: a lost one would stop the test. */
static void park(struct stress *s, unsigned n)
{
	mutex_lock(&s->lock[n]);
	while (!s->woken[n])
		cond_wait(&s->cond[n], &s->lock[n]);
	s->woken[n] = false;
	mutex_unlock(&s->lock[n]);
}

/* A vCPU: takes vectors and events, passes each fourth vector on to the other by IPI. */
static void owner(void *arg)
{
	struct stress_thread *t = arg;
	struct stress *s = t->s;
	struct lapic *l = &s->r.l[t->n];

	while (__atomic_load_n(&s->finished, __ATOMIC_SEQ_CST) < POSTERS) {
		int vector, acked;
		u32 events;

		park(s, t->n);
		events = lapic_events_take(l);
		if (events & LAPIC_NMI)
			__atomic_fetch_add(&s->nmis[t->n], 1, __ATOMIC_SEQ_CST);
		while ((vector = lapic_pending(l)) >= 0) {
			acked = lapic_ack(l);
			CHECK(acked >= vector); /* a higher one may have come meanwhile */
			vector = acked;
			put(l, TPR, (u32)vector);
			put(l, EOI, 0);
			put(l, TPR, 0);
			__atomic_fetch_add(&s->got[t->n][vector], 1, __ATOMIC_SEQ_CST);
			if (vector % 4 == 0)
				put(l, ICR, SHORT_OTHERS | 0xf1);
		}
	}
}

static void await(const u32 *counter, u32 more_than)
{
	for (u64 until = time_now_ns() + 20 * NS_PER_S; time_now_ns() < until;)
		if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) > more_than)
			return;
	CHECK(!"an interrupt was lost");
}

/* A device: posts vectors of its own and waits until each was served. */
static void poster(void *arg)
{
	struct stress_thread *t = arg;
	struct stress *s = t->s;

	for (u32 i = 0; i < POSTS; i++) {
		u32 cpu = i / 8 % OWNERS, vector = 0x40 + t->n * 8 + i % 8;
		u32 before = __atomic_load_n(&s->got[cpu][vector], __ATOMIC_SEQ_CST);
		u32 nmis = __atomic_load_n(&s->nmis[cpu], __ATOMIC_SEQ_CST);

		msi(&s->r, cpu << 12, (i & 16 ? 0xc000 : 0) | vector);
		await(&s->got[cpu][vector], before);
		if (i % 64 == 0) {
			msi(&s->r, cpu << 12, 0x400);
			await(&s->nmis[cpu], nmis);
		}
	}
	__atomic_fetch_add(&s->finished, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < OWNERS; i++)
		stress_wake(&s->r.cpu[i]);
}

static void no_delivery_is_lost_between_threads(void)
{
	static struct stress s; /* too large for a stack */
	struct stress_thread args[OWNERS + POSTERS];
	struct thread *threads[OWNERS + POSTERS];

	memset(&s, 0, sizeof(s));
	lapic_rig_start(&s.r, &stress_ops);
	for (unsigned i = 0; i < OWNERS; i++) {
		mutex_init(&s.lock[i]);
		cond_init(&s.cond[i]);
		put(&s.r.l[i], SVR, 0x1ff);
	}
	for (unsigned i = 0; i < OWNERS + POSTERS; i++) {
		args[i] = (struct stress_thread){ &s, i < OWNERS ? i : i - OWNERS };
		CHECK_EQ(thread_start(&threads[i], "stress", i < OWNERS ? owner : poster, &args[i],
				      NULL),
			 0);
	}
	for (unsigned i = 0; i < OWNERS + POSTERS; i++)
		thread_join(threads[i]);
	CHECK(s.got[0][0xf1] > 0 && s.got[1][0xf1] > 0);
	CHECK(s.r.eois > 0);
	for (unsigned i = 0; i < OWNERS; i++) {
		mutex_finish(&s.lock[i]);
		cond_finish(&s.cond[i]);
	}
	lapic_rig_stop(&s.r);
}

int main(void)
{
	RUN(no_delivery_is_lost_between_threads);
	return 0;
}
