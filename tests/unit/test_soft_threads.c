/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs of our own CPU on threads: nobody keeps decoded code that somebody else has overwritten. */
#include "mmu_tables.h"

#include "plat/thread.h"
#include "plat/time.h"

enum { CODE = 0x10000, AT = 0x5000, TABLE_ROUNDS = 3000 };
#define RACE_NS (300 * NS_PER_MS)

struct scene {
	struct rig64 r;
	u64 done;       /* atomic: the last number that was stored, and seen to be */
	bool ended;     /* atomic */
	u64 kept, once; /* atomic: runs of what was kept, of what could not be */
	bool devices;   /* the writer is no vCPU */
};

static struct rig_cpu *writer(struct scene *s)
{
	return &s->r.rig.cpu[1];
}

/* What a vCPU does between instructions. */
static void boundary(struct rig_cpu *cpu)
{
	if (__atomic_load_n(&cpu->c.attention, __ATOMIC_SEQ_CST) & ATT_FLUSH)
		mmu_serve(&cpu->c);
}

/* One number, at the code and sometimes elsewhere in its page: by a tag where there may be one. */
static void write_number(struct scene *s, u64 n)
{
	struct rig_access a = { .way = LIN_WRITE, .at = AT + 0x800, .size = 8, .val = n };

	if (s->devices) {
		CHECK_EQ(mem_write(s->r.rig.m->mem, CODE, &n, 8), 0);
		return;
	}
	if (n % 3 == 0)
		CHECK(rig_try(writer(s), &a));
	a.at = AT;
	CHECK(rig_try(writer(s), &a));
	boundary(writer(s));
}

/* Code that is written all the time is never kept: let it run a little, now and then. */
static void let_run(struct scene *s, u64 ns)
{
	u64 kept = __atomic_load_n(&s->kept, __ATOMIC_SEQ_CST), since = time_now_ns();

	while (__atomic_load_n(&s->kept, __ATOMIC_SEQ_CST) == kept && time_now_ns() - since < ns)
		boundary(writer(s));
}

/* On a busy host it takes longer until both threads have had a turn. */
static bool goes_on(struct scene *s, u64 since)
{
	u64 took = time_now_ns() - since;

	return took < RACE_NS || (took < 40 * RACE_NS &&
				  (s->done < 64 || !__atomic_load_n(&s->kept, __ATOMIC_SEQ_CST)));
}

static void write_numbers(void *arg)
{
	struct scene *s = arg;
	u64 since = time_now_ns();

	mmu_enter_guest(&writer(s)->c);
	for (u64 n = 1; goes_on(s, since); n++) {
		write_number(s, n);
		__atomic_store_n(&s->done, n, __ATOMIC_SEQ_CST);
		if (n % 16 == 0)
			let_run(s, n % 512 ? 20 * NS_PER_US : RACE_NS);
		if (n % 100 == 0) {
			mmu_leave_guest(&writer(s)->c);
			mmu_enter_guest(&writer(s)->c);
		}
	}
	mmu_leave_guest(&writer(s)->c);
	__atomic_store_n(&s->ended, true, __ATOMIC_SEQ_CST);
}

/* A block that consists of one number. As block.c does. */
struct number {
	struct code_page *page;
	u32 word;
	u64 val;
};

static bool decode_number(struct scene *s, struct number *b)
{
	struct rig_cpu *cpu = &s->r.rig.cpu[0];
	struct fetch f = fetch(cpu, AT);
	bool keep = mmu_claim_code(&cpu->c, &f, &b->word);

	b->page = f.page;
	__atomic_fetch_or(&f.page->pieces, 1, __ATOMIC_SEQ_CST);
	b->val = __atomic_load_n((const u64 *)(const void *)f.host, __ATOMIC_RELAXED);
	return keep;
}

static void run_numbers(struct scene *s)
{
	struct rig_cpu *cpu = &s->r.rig.cpu[0];
	struct number b = { 0 };

	mmu_enter_guest(&cpu->c);
	while (!__atomic_load_n(&s->ended, __ATOMIC_SEQ_CST)) {
		u64 done = __atomic_load_n(&s->done, __ATOMIC_SEQ_CST);

		if (b.page && b.word == __atomic_load_n(&b.page->word, __ATOMIC_SEQ_CST)) {
			CHECK(b.val >= done);
			__atomic_fetch_add(&s->kept, 1, __ATOMIC_SEQ_CST);
		} else if (!decode_number(s, &b)) {
			CHECK(b.val >= done);
			b.page = NULL;
			s->once++;
		}
		boundary(cpu);
	}
	mmu_leave_guest(&cpu->c);
}

static void race_for_code(bool devices)
{
	struct scene s = { .devices = devices };
	struct thread *t;

	rig64_start(&s.r);
	map_page(&s.r, AT, CODE, PT_ALL | PT_A | PT_D);
	for (unsigned i = 0; i < MMU_CPUS; i++)
		mmu_serve(&s.r.rig.cpu[i].c);
	CHECK_EQ(thread_start(&t, "writer", write_numbers, &s, NULL), 0);
	run_numbers(&s);
	thread_join(t);
	CHECK_EQ(le64_at(s.r.ram->host + CODE), s.done);
	CHECK(s.kept && s.done > 16);
	rig64_stop(&s.r);
}

static void no_stale_code_is_kept_while_a_vcpu_writes(void)
{
	race_for_code(false);
}

static void no_stale_code_is_kept_while_a_device_writes(void)
{
	race_for_code(true);
}

/* ---- accessed and dirty bits, while another flips a bit of the same entry ---- */

static void flip_entry(void *arg)
{
	struct scene *s = arg;
	u8 *e = entry_under(&s->r, TABLES_AT, AT, 1);

	while (!__atomic_load_n(&s->ended, __ATOMIC_SEQ_CST))
		__atomic_fetch_xor((u64 *)(void *)e, BIT64(9), __ATOMIC_SEQ_CST);
}

static void a_and_d_are_set_in_entries_that_change(void)
{
	struct scene s = { 0 };
	struct thread *t;
	u64 *e;

	rig64_start(&s.r);
	map_page(&s.r, AT, CODE, PT_ALL);
	e = (u64 *)(void *)entry_under(&s.r, TABLES_AT, AT, 1);
	CHECK_EQ(thread_start(&t, "flipper", flip_entry, &s, NULL), 0);
	for (unsigned n = 0; n < TABLE_ROUNDS; n++) {
		u64 now;

		__atomic_fetch_and(e, ~(u64)(PT_A | PT_D), __ATOMIC_SEQ_CST);
		mmu_flush(s.r.c, true);
		put8(s.r.cpu, AT, (u8)n);
		now = __atomic_load_n(e, __ATOMIC_SEQ_CST);
		CHECK_EQ(now & ~BIT64(9), CODE | PT_ALL | PT_A | PT_D);
	}
	__atomic_store_n(&s.ended, true, __ATOMIC_SEQ_CST);
	thread_join(t);
	rig64_stop(&s.r);
}

/* ---- changes of the map ---- */

static void show_and_hide(void *arg)
{
	struct scene *s = arg;
	struct region *over;
	u64 since = time_now_ns();

	CHECK_EQ(mem_add(&over, s->r.rig.m->mem, "over", REGION_RAM, CODE, PAGE, 0, 0, NULL), 0);
	memset(over->host, 1, PAGE);
	for (u64 n = 1; time_now_ns() - since < RACE_NS || n < 3; n++) {
		region_show(over, n & 1 ? IN_ALL : 0);
		__atomic_store_n(&s->done, n, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&s->kept, __ATOMIC_SEQ_CST) != n)
			;
	}
	__atomic_store_n(&s->ended, true, __ATOMIC_SEQ_CST);
}

/* Once it is done, the next instruction finds it; before, either will do. */
static void changes_of_the_map_arrive(void)
{
	struct scene s = { 0 };
	struct thread *t;

	rig64_start(&s.r);
	map_page(&s.r, AT, CODE, PT_ALL);
	CHECK_EQ(thread_start(&t, "mapper", show_and_hide, &s, NULL), 0);
	mmu_enter_guest(s.r.c);
	while (!__atomic_load_n(&s.ended, __ATOMIC_SEQ_CST)) {
		u64 n = __atomic_load_n(&s.done, __ATOMIC_SEQ_CST), got;

		boundary(s.r.cpu);
		got = get8(s.r.cpu, AT);
		if (n > s.kept) {
			CHECK_EQ(got, n & 1);
			__atomic_store_n(&s.kept, n, __ATOMIC_SEQ_CST);
		}
	}
	mmu_leave_guest(s.r.c);
	thread_join(t);
	CHECK(s.kept >= 2);
	CHECK_EQ(get8(s.r.cpu, AT), s.done & 1);
	rig64_stop(&s.r);
}

int main(void)
{
	RUN(no_stale_code_is_kept_while_a_vcpu_writes);
	RUN(no_stale_code_is_kept_while_a_device_writes);
	RUN(a_and_d_are_set_in_entries_that_change);
	RUN(changes_of_the_map_arrive);
	return 0;
}
