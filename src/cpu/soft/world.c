/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/world.c: vCPUs among each other: waking, sleeping, alarms, and having the world stand
 * still for one of them.
 */
#include <x86intrin.h>

#include "base/alloc.h"
#include "cpu/soft/soft_priv.h"

#define NEVER ~0ull
/* The machine's clock may stand still, so that an alarm is always a little ahead. */
#define ALARM_MIN_NS (20 * NS_PER_US)

u64 host_tsc(void)
{
	/* Or it is read before what the guest did before, and its vCPUs see time go back. */
	__builtin_ia32_lfence();
	return __rdtsc();
}

u64 host_tsc_for(const struct soft_cpu *c)
{
	return c->soft->paused ? c->soft->paused_tsc : host_tsc();
}

u64 cpu_tsc(const struct soft_cpu *c)
{
	return host_tsc() + c->tsc_offset;
}

/*
 * Both sides store, then look at what the other stored: one of them sees it. So a sleeper either
 * finds the bits or is found sleeping. In translated code each use of memory looks at jit_tlb.
 */
void cpu_attend(struct soft_cpu *c, u32 bits)
{
	__atomic_fetch_or(&c->attention, bits, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->jit_tlb, c->jit_none, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&c->sleeping, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&c->sleep_lock);
	cond_signal(&c->sleep_changed);
	mutex_unlock(&c->sleep_lock);
}

static bool wanted(struct soft_cpu *c)
{
	u32 att = __atomic_load_n(&c->attention, __ATOMIC_SEQ_CST);

	return (att & ~(u32)(ATT_HALT | ATT_STEP | ATT_STOP | ATT_FLUSH)) != 0;
}

void world_sleep(struct soft_cpu *c, u64 due_ns)
{
	struct clock *clock = c->soft->base.machine->clock;

	fpu_park(c);
	world_leave(c);
	mutex_lock(&c->sleep_lock);
	__atomic_store_n(&c->sleeping, 1, __ATOMIC_SEQ_CST);
	while (!wanted(c)) {
		u64 now = due_ns == NEVER ? 0 : clock_now_ns(clock);

		if (due_ns == NEVER)
			cond_wait(&c->sleep_changed, &c->sleep_lock);
		else if (now < due_ns)
			(void)cond_wait_ns(&c->sleep_changed, &c->sleep_lock, due_ns - now);
		else
			__atomic_fetch_or(&c->attention, ATT_INTR, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&c->sleeping, 0, __ATOMIC_SEQ_CST);
	mutex_unlock(&c->sleep_lock);
	world_enter(c);
}

/* ---- exclusive sections ---- */

/* @exclusive and @in_guest are again a pair that both sides store before they look. */
void world_enter(struct soft_cpu *c)
{
	struct soft *s = c->soft;

	__atomic_store_n(&c->in_guest, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->exclusive, __ATOMIC_SEQ_CST) && !c->exclusive) {
		mutex_lock(&s->world_lock);
		__atomic_store_n(&c->in_guest, 0, __ATOMIC_SEQ_CST);
		cond_broadcast(&s->world_changed);
		while (__atomic_load_n(&s->exclusive, __ATOMIC_SEQ_CST))
			cond_wait(&s->world_changed, &s->world_lock);
		mutex_unlock(&s->world_lock);
		__atomic_store_n(&c->in_guest, 1, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_and(&c->attention, ~(u32)ATT_STOP, __ATOMIC_SEQ_CST);
	mmu_enter_guest(c);
}

void world_leave(struct soft_cpu *c)
{
	struct soft *s = c->soft;

	mmu_leave_guest(c);
	__atomic_store_n(&c->in_guest, 0, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&s->exclusive, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&s->world_lock);
	cond_broadcast(&s->world_changed);
	mutex_unlock(&s->world_lock);
}

static bool others_in_guest(struct soft *s, const struct soft_cpu *c)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->cpu[i] && s->cpu[i] != c &&
		    __atomic_load_n(&s->cpu[i]->in_guest, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

void exclusive_begin(struct soft_cpu *c)
{
	struct soft *s = c->soft;

	if (c->held)
		return;
	/* Another may be first: to it, this vCPU has left the guest. */
	__atomic_fetch_add(&s->exclusive, 1, __ATOMIC_SEQ_CST);
	world_leave(c);
	for (unsigned i = 0; i < s->count; i++)
		if (s->cpu[i] && s->cpu[i] != c)
			cpu_attend(s->cpu[i], ATT_STOP);
	mutex_lock(&s->world_lock);
	while (s->owner || others_in_guest(s, c))
		cond_wait(&s->world_changed, &s->world_lock);
	s->owner = c;
	mutex_unlock(&s->world_lock);
	c->exclusive = true;
	world_enter(c);
}

void exclusive_end(struct soft_cpu *c)
{
	struct soft *s = c->soft;

	if (c->held)
		return;
	c->exclusive = false;
	mutex_lock(&s->world_lock);
	s->owner = NULL;
	__atomic_fetch_sub(&s->exclusive, 1, __ATOMIC_SEQ_CST);
	cond_broadcast(&s->world_changed);
	mutex_unlock(&s->world_lock);
	/* Somebody else may be waiting for its turn. */
	cpu_attend(c, ATT_STOP);
}

/* ---- alarms: a running vCPU is to look at its timer ---- */

void world_alarm(void *cpu, u64 at_ns)
{
	struct soft_cpu *c = cpu;
	struct soft *s = c->soft;

	mutex_lock(&s->world_lock);
	c->alarm_ns = at_ns;
	cond_broadcast(&s->world_changed);
	mutex_unlock(&s->world_lock);
}

/* Under the lock: wake those that are due; nanoseconds to the next. */
static u64 ring(struct soft *s)
{
	u64 now = clock_now_ns(s->base.machine->clock), next = NEVER;

	for (unsigned i = 0; i < s->count; i++) {
		struct soft_cpu *c = s->cpu[i];

		if (!c || c->alarm_ns == NEVER)
			continue;
		if (c->alarm_ns <= now) {
			c->alarm_ns = NEVER;
			cpu_attend(c, ATT_INTR);
		} else {
			next = MIN(next, c->alarm_ns - now);
		}
	}
	return next;
}

static void alarm_main(void *arg)
{
	struct soft *s = arg;

	mutex_lock(&s->world_lock);
	while (!s->ending) {
		u64 wait = s->paused ? NEVER : ring(s);

		if (wait == NEVER)
			cond_wait(&s->world_changed, &s->world_lock);
		else
			(void)cond_wait_ns(&s->world_changed, &s->world_lock,
					   MAX(wait, ALARM_MIN_NS));
	}
	mutex_unlock(&s->world_lock);
}

void world_init(struct soft *s)
{
	mutex_init(&s->world_lock);
	cond_init(&s->world_changed);
}

int world_start(struct soft *s, struct error *err)
{
	return thread_start(&s->alarm_thread, "soft-alarm", alarm_main, s, err);
}

void world_finish(struct soft *s)
{
	mutex_lock(&s->world_lock);
	s->ending = true;
	cond_broadcast(&s->world_changed);
	mutex_unlock(&s->world_lock);
	thread_join(s->alarm_thread);
	cond_finish(&s->world_changed);
	mutex_finish(&s->world_lock);
}
