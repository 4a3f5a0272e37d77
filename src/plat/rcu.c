/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/rcu.c: see plat/rcu.h.
 *
 * A global epoch counts retirements. A reader notes the epoch it came in at in its thread's slot
 * and clears the note when it leaves. What was retired at epoch e may be freed when every note is
 * above e: a reader that came later found the new snapshot published.
 */
#include "plat/rcu.h"

#include <assert.h>

#include "plat/plat_priv.h"
#include "plat/time.h"

struct rcu_slot {
	u64 epoch; /* when the reader came in; 0: it is outside */
	bool used;
} __attribute__((aligned(64)));

/* Threads are the process's, not a machine's: so is this. */
struct rcu_state {
	struct rcu_slot slots[RCU_THREADS];
	u32 high; /* slots at and above were never used */
	bool reclaiming;
	u64 epoch;
	struct rcu_head *retired;
};

struct rcu_reader {
	struct rcu_slot *slot;
	unsigned depth;
};

static struct rcu_state *rcu_state(void)
{
	static struct rcu_state state = { .epoch = 1 };

	return &state;
}

static struct rcu_reader *rcu_reader(void)
{
	static _Thread_local struct rcu_reader reader;

	return &reader;
}

static struct rcu_slot *claim_slot(struct rcu_state *s)
{
	for (u32 i = 0; i < RCU_THREADS; i++) {
		u32 high = __atomic_load_n(&s->high, __ATOMIC_RELAXED);

		if (__atomic_exchange_n(&s->slots[i].used, true, __ATOMIC_ACQUIRE))
			continue;
		/* Ordered before the scan by the fence in rcu_read_lock(). */
		while (high <= i &&
		       !__atomic_compare_exchange_n(&s->high, &high, i + 1, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_RELAXED))
			;
		thread_at_end(&s->slots[i]);
		return &s->slots[i];
	}
	assert(!"more threads than RCU_THREADS");
	return NULL;
}

void rcu_thread_end(void *slot)
{
	struct rcu_slot *s = slot;

	assert(!s->epoch);
	rcu_reader()->slot = NULL;
	__atomic_store_n(&s->used, false, __ATOMIC_RELEASE);
}

void rcu_read_lock(void)
{
	struct rcu_state *s = rcu_state();
	struct rcu_reader *r = rcu_reader();

	if (r->depth++)
		return;
	if (!r->slot)
		r->slot = claim_slot(s);
	__atomic_store_n(&r->slot->epoch, __atomic_load_n(&s->epoch, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
	/* The note is seen before the snapshot is read; pairs with the fence in oldest_reader(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void rcu_read_unlock(void)
{
	struct rcu_reader *r = rcu_reader();

	assert(r->depth);
	if (!--r->depth)
		__atomic_store_n(&r->slot->epoch, 0, __ATOMIC_RELEASE);
}

static u64 oldest_reader(struct rcu_state *s)
{
	u64 oldest = ~0ull;
	u32 high;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	high = __atomic_load_n(&s->high, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < high; i++) {
		u64 e = __atomic_load_n(&s->slots[i].epoch, __ATOMIC_ACQUIRE);

		if (e && e < oldest)
			oldest = e;
	}
	return oldest;
}

static void push(struct rcu_state *s, struct rcu_head *head)
{
	head->next = __atomic_load_n(&s->retired, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&s->retired, &head->next, head, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

/* Free what no reader can see. False when another thread is at it. */
static bool reclaim(struct rcu_state *s)
{
	struct rcu_head *list, *head;
	u64 oldest;

	if (__atomic_exchange_n(&s->reclaiming, true, __ATOMIC_ACQUIRE))
		return false;
	list = __atomic_exchange_n(&s->retired, NULL, __ATOMIC_ACQUIRE);
	oldest = oldest_reader(s);
	while (list) {
		head = list;
		list = head->next;
		if (head->epoch < oldest)
			head->free_fn(head);
		else
			push(s, head);
	}
	__atomic_store_n(&s->reclaiming, false, __ATOMIC_RELEASE);
	return true;
}

void rcu_retire(struct rcu_head *head, void (*free_fn)(struct rcu_head *head))
{
	struct rcu_state *s = rcu_state();

	head->free_fn = free_fn;
	head->epoch = __atomic_fetch_add(&s->epoch, 1, __ATOMIC_SEQ_CST);
	push(s, head);
	reclaim(s);
}

void rcu_synchronize(void)
{
	struct rcu_state *s = rcu_state();
	u64 now = __atomic_fetch_add(&s->epoch, 1, __ATOMIC_SEQ_CST);

	assert(!rcu_reader()->depth); /* we would wait for ourselves */
	while (oldest_reader(s) <= now)
		time_sleep_ns(20 * NS_PER_US);
	while (!reclaim(s))
		time_sleep_ns(20 * NS_PER_US);
}
