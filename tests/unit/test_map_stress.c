/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows and regions that move while other threads are on their way to them. */
#include "core/machine.h"
#include "plat/event.h"
#include "plat/time.h"
#include "test.h"

enum { READERS = 3, RUN_MS = 300, LEN = 0x1000, SPAN = 0x10000 };
#define IO_AT 0x80000000ull
#define MEM_AT 0x40000000ull

/* A window whose every byte is its own number. */
struct box {
	struct io_window window;
	u8 number;
};

struct rig {
	struct machine *m;
	struct box box[4];
	struct event bell;
	struct io_window bell_window;
	struct region *ram, *moving;
	bool stop;               /* atomic */
	u64 hits, misses, rings; /* atomic */
};

static u64 box_read(void *dev, u64 off, unsigned size)
{
	struct box *b = dev;

	CHECK(off < LEN && size == 1);
	return b->number;
}

static void box_write(void *dev, u64 off, unsigned size, u64 val)
{
	CHECK(off < LEN && size == 1);
}

static const struct io_ops unlocked = { .read = box_read,
					.write = box_write,
					.max = 1,
					.unlocked = true };
static const struct io_ops locked = { .read = box_read, .write = box_write, .max = 1 };

static void look(struct rig *r, u64 off)
{
	struct mem_range range;
	u8 bytes[16];
	u64 v;

	v = io_read_vcpu(r->m, IO_MMIO, IO_AT + off, 1);
	CHECK(v == 0xff || (v >= 1 && v <= 4) || v == 0);
	__atomic_fetch_add(v == 0xff ? &r->misses : &r->hits, 1, __ATOMIC_RELAXED);
	io_write_vcpu(r->m, IO_MMIO, IO_AT + off, 4, 0);
	/* Whole where it is seen, nothing where it is not. */
	if (mem_find(r->m->mem, VIEW_NORMAL, MEM_AT + off, &range)) {
		CHECK(range.at <= MEM_AT + off && MEM_AT + off - range.at < range.len);
		CHECK_EQ(range.host[MEM_AT + off - range.at], 0x5a);
	}
	if (mem_read(r->m->mem, MEM_AT + off, bytes, sizeof(bytes)) == 0)
		CHECK(bytes[0] == 0x5a && bytes[15] == 0x5a);
}

static void reader(void *arg)
{
	struct rig *r = arg;
	u64 off = 0;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		off = (off * 5 + 0x137) % (SPAN - 16);
		look(r, off);
		if (event_clear(&r->bell))
			__atomic_fetch_add(&r->rings, 1, __ATOMIC_RELAXED);
	}
}

static void change(struct rig *r, unsigned i) needs(in_machine)
{
	struct box *b = &r->box[i % 4];

	switch (i % 7) {
	case 0:
	case 1:
	case 2: io_move(r->m, &b->window, IO_AT + i * 0x777ull % (SPAN - LEN)); break;
	case 3: io_unmap(r->m, &b->window); break;
	case 4: io_move(r->m, &r->bell_window, IO_AT + i * 4 % SPAN); break;
	case 5:
		region_move(r->moving, MEM_AT + ALIGN_DOWN(i * 0x1333ull % (SPAN - LEN), 0x1000),
			    i & 64 ? IN_ALL : IN_SMM);
		break;
	case 6: region_set_priority(r->moving, (s8)(i % 3) - 1, IN_ALL); break;
	}
}

static void start(struct rig *r) enters(in_machine)
{
	CHECK(machine_create(&r->m, clock_create_manual(), NULL) == 0);
	CHECK(event_init(&r->bell, NULL) == 0);
	machine_lock(r->m);
	for (unsigned i = 0; i < 4; i++) {
		r->box[i].number = (u8)(i + 1);
		r->box[i].window = (struct io_window){ .ops = i & 1 ? &locked : &unlocked,
						       .dev = &r->box[i],
						       .base = IO_AT + i * LEN,
						       .len = LEN,
						       .space = IO_MMIO };
		CHECK(io_map(r->m, &r->box[i].window, NULL) == 0);
	}
	r->bell_window = (struct io_window){
		.doorbell = &r->bell, .base = IO_AT, .len = 4, .space = IO_MMIO, .priority = 1
	};
	CHECK(io_map(r->m, &r->bell_window, NULL) == 0);
	CHECK(mem_add(&r->ram, r->m->mem, "ram", REGION_RAM, MEM_AT, SPAN, 0, IN_NORMAL, NULL) ==
	      0);
	CHECK(mem_add(&r->moving, r->m->mem, "moving", REGION_ROM, MEM_AT, LEN, 0, IN_ALL, NULL) ==
	      0);
	memset(r->ram->host, 0x5a, SPAN);
	memset(r->moving->host, 0x5a, LEN);
}

static bool all_seen(struct rig *r)
{
	return __atomic_load_n(&r->hits, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&r->misses, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&r->rings, __ATOMIC_RELAXED);
}

static void moving_targets_are_hit_or_missed_but_never_torn(void)
{
	static struct rig r;
	struct thread *t[READERS];
	u64 until;

	start(&r);
	machine_unlock(r.m);
	for (unsigned i = 0; i < READERS; i++)
		CHECK(thread_start(&t[i], "reader", reader, &r, NULL) == 0);
	until = time_now_ns() + RUN_MS * NS_PER_MS;
	for (unsigned i = 0; time_now_ns() < until || !all_seen(&r); i++) {
		machine_lock(r.m);
		change(&r, i);
		machine_unlock(r.m);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < READERS; i++)
		thread_join(t[i]);
	machine_destroy(r.m);
	event_finish(&r.bell);
}

int main(void)
{
	RUN(moving_targets_are_hit_or_missed_but_never_torn);
	return 0;
}
