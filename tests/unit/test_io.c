/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Access dispatch: split, merged, unclaimed, overlapping, doorbells. */
#include "core/io.h"

#include "core/machine.h"
#include "plat/event.h"
#include "test.h"

/* A device of 16 byte registers that notes how it was asked. */
struct probe {
	u8 reg[16];
	unsigned reads, writes, last_size;
	u64 last_off;
};

static u64 probe_read(void *dev, u64 off, unsigned size)
{
	struct probe *p = dev;
	u64 v = 0;

	p->reads++;
	p->last_size = size;
	p->last_off = off;
	for (unsigned i = 0; i < size; i++)
		v |= (u64)p->reg[(off + i) & 15] << (8 * i);
	return v;
}

static void probe_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct probe *p = dev;

	p->writes++;
	p->last_size = size;
	p->last_off = off;
	for (unsigned i = 0; i < size; i++)
		p->reg[(off + i) & 15] = (u8)(val >> (8 * i));
}

static const struct io_ops bytes_only = { .read = probe_read, .write = probe_write, .max = 1 };
static const struct io_ops dwords_only = { probe_read, probe_write, 4, 4, false, false };
static const struct io_ops any_size = { .read = probe_read, .write = probe_write };

static struct machine *fresh(void) enters(in_machine)
{
	struct machine *m;
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_lock(m);
	return m;
}

static void done(struct machine *m) leaves(in_machine)
{
	machine_unlock(m);
	machine_destroy(m);
}

static struct io_window window(const struct io_ops *ops, struct probe *p, enum io_space s, u64 base,
			       u64 len)
{
	return (struct io_window){ .ops = ops, .dev = p, .base = base, .len = len, .space = s };
}

static void a_port_tells_who_is_there(void)
{
	struct machine *m = fresh();
	struct probe p = { 0 };
	struct io_window w = window(&any_size, &p, IO_PORT, 0x3f8, 8);

	CHECK(!io_at(m, IO_PORT, 0x3f8));
	CHECK(io_map(m, &w, NULL) == 0);
	CHECK(io_at(m, IO_PORT, 0x3f8) == &w && io_at(m, IO_PORT, 0x3ff) == &w);
	CHECK(!io_at(m, IO_PORT, 0x400) && !io_at(m, IO_MMIO, 0x3f8));
	io_unmap(m, &w);
	CHECK(!io_at(m, IO_PORT, 0x3f8));
	done(m);
}

static void nobody_home_reads_all_ones(void)
{
	struct machine *m = fresh();

	CHECK_EQ(io_read(m, IO_PORT, 0x80, 1), 0xff);
	CHECK_EQ(io_read(m, IO_MMIO, 0xfed40000, 4), 0xffffffff);
	CHECK_EQ(io_read(m, IO_MMIO, ~0ull - 7, 8), ~0ull);
	io_write(m, IO_MMIO, 0xfed40000, 8, 1);
	CHECK_EQ(stat_get(m, STAT_io_unclaimed), 4);
	done(m);
}

static void big_accesses_are_split_and_small_ones_merged(void)
{
	struct machine *m = fresh();
	struct probe a = { 0 }, b = { .reg = { 1, 2, 3, 4 } };
	struct io_window wa = window(&bytes_only, &a, IO_PORT, 0x100, 8),
			 wb = window(&dwords_only, &b, IO_MMIO, 0x1000, 16);

	CHECK(io_map(m, &wa, NULL) == 0 && io_map(m, &wb, NULL) == 0);
	io_write(m, IO_PORT, 0x102, 4, 0x44332211);
	CHECK(a.writes == 4 && a.reg[2] == 0x11 && a.reg[5] == 0x44);
	CHECK_EQ(io_read(m, IO_PORT, 0x101, 4), 0x33221100);
	CHECK_EQ(io_read(m, IO_MMIO, 0x1002, 1), 3);
	CHECK(b.last_size == 4 && b.last_off == 0);
	io_write(m, IO_MMIO, 0x1001, 1, 0xaa);
	CHECK_EQ(io_read(m, IO_MMIO, 0x1000, 4), 0x0403aa01);
	io_write(m, IO_MMIO, 0x1000, 8, 0x1122334455667788);
	CHECK_EQ(io_read(m, IO_MMIO, 0x1004, 4), 0x11223344);
	done(m);
}

static void an_access_past_a_window_sees_its_neighbour(void)
{
	struct machine *m = fresh();
	struct probe a = { .reg = { [7] = 0x77 } }, b = { .reg = { 0x88 } };
	struct io_window wa = window(&any_size, &a, IO_PORT, 0x100, 8),
			 wb = window(&any_size, &b, IO_PORT, 0x108, 1);

	CHECK(io_map(m, &wa, NULL) == 0 && io_map(m, &wb, NULL) == 0);
	CHECK_EQ(io_read(m, IO_PORT, 0x107, 4), 0xffff8877);
	CHECK_EQ(io_read(m, IO_PORT, 0xfe, 4), 0x0000ffff);
	done(m);
}

static void overlaps_go_by_priority_then_by_age(void)
{
	struct machine *m = fresh();
	struct probe a = { .reg = { 1 } }, b = { .reg = { 2 } }, c = { .reg = { 3 } };
	struct io_window wa = window(&any_size, &a, IO_MMIO, 0x1000, 0x3000),
			 wb = window(&any_size, &b, IO_MMIO, 0x2000, 0x1000),
			 wc = window(&any_size, &c, IO_MMIO, 0x2000, 0x1000);

	wa.priority = 0;
	wc.priority = -1;
	CHECK(io_map(m, &wa, NULL) == 0 && io_map(m, &wb, NULL) == 0 && io_map(m, &wc, NULL) == 0);
	CHECK_EQ(io_read(m, IO_MMIO, 0x2000, 1), 2);
	CHECK_EQ(io_read(m, IO_MMIO, 0x3000, 1), 1);
	io_unmap(m, &wb);
	CHECK_EQ(io_read(m, IO_MMIO, 0x2000, 1), 1); /* the lower priority stays below */
	io_unmap(m, &wa);
	CHECK_EQ(io_read(m, IO_MMIO, 0x2000, 1), 3);
	CHECK_EQ(io_read(m, IO_MMIO, 0x3000, 1), 0xff);
	io_unmap(m, &wa); /* twice is once */
	done(m);
}

static void a_window_may_move_anywhere(void)
{
	struct machine *m = fresh();
	struct probe a = { .reg = { 0x5a } };
	struct io_window w = window(&any_size, &a, IO_MMIO, 0x1000, 0x10);

	io_move(m, &w, 0xfe000000);
	CHECK_EQ(io_read(m, IO_MMIO, 0xfe000000, 1), 0x5a);
	io_move(m, &w, 0ull - 0x10);
	CHECK_EQ(io_read(m, IO_MMIO, 0ull - 0x10, 1), 0x5a);
	io_move(m, &w, 0ull - 8); /* would wrap: not shown */
	CHECK_EQ(io_read(m, IO_MMIO, 0ull - 8, 1), 0xff);
	CHECK(!w.mapped);
	io_move(m, &w, 0x2000);
	CHECK_EQ(io_read(m, IO_MMIO, 0x2000, 1), 0x5a);
	w.len = 0;
	CHECK(io_map(m, &w, NULL) < 0);
	done(m);
}

static void a_doorbell_rings_and_reads_zero(void)
{
	struct machine *m = fresh();
	struct event e;
	struct io_window w = { .doorbell = &e, .base = 0x3000, .len = 4, .space = IO_MMIO };

	CHECK(event_init(&e, NULL) == 0);
	CHECK(io_map(m, &w, NULL) == 0);
	CHECK(!event_clear(&e));
	io_write(m, IO_MMIO, 0x3000, 2, 7);
	CHECK(event_clear(&e));
	CHECK(!event_clear(&e));
	CHECK_EQ(io_read(m, IO_MMIO, 0x3000, 4), 0);
	io_unmap(m, &w);
	event_finish(&e);
	done(m);
}

static unsigned bells_added, bells_removed;

static int bell_add(void *cpus, enum io_space s, u64 at, unsigned size, struct event *e)
{
	bells_added++;
	return 0;
}

static void bell_remove(void *cpus, enum io_space s, u64 at, unsigned size, struct event *e)
{
	bells_removed++;
}

static void a_covered_doorbell_is_taken_from_the_kernel(void)
{
	static const struct cpu_ops ops = { .doorbell_add = bell_add,
					    .doorbell_remove = bell_remove };
	struct machine *m = fresh();
	struct probe p = { 0 };
	struct event e;
	struct io_window bell = { .doorbell = &e, .base = 0x3000, .len = 4, .space = IO_MMIO };
	struct io_window over = window(&any_size, &p, IO_MMIO, 0x3002, 0x10);

	CHECK(event_init(&e, NULL) == 0);
	CHECK(io_map(m, &bell, NULL) == 0);
	machine_unlock(m);
	machine_attach_cpus(m, &ops, NULL);
	machine_lock(m);
	CHECK_EQ(bells_added, 1);
	CHECK(io_map(m, &over, NULL) == 0); /* half covered: an exit decides */
	CHECK_EQ(bells_removed, 1);
	io_unmap(m, &over);
	CHECK_EQ(bells_added, 2);
	io_unmap(m, &bell);
	CHECK_EQ(bells_removed, 2);
	event_finish(&e);
	done(m);
}

struct simple {
	struct device dev;
	struct io_window window;
	struct probe probe;
	bool tidy; /* unmaps its window when it goes */
};

static void simple_destroy(struct device *d) needs(in_machine)
{
	struct simple *s = container_of(d, struct simple, dev);

	if (s->tidy)
		io_unmap(d->machine, &s->window);
	free(s);
}

static const struct device_class simple_class = { .name = "simple", .destroy = simple_destroy };

static void devices_may_go_with_their_windows_still_mapped(void)
{
	struct machine *m = fresh();

	for (unsigned i = 0; i < 4; i++) {
		struct simple *s = calloc(1, sizeof(*s));
		char name[] = { (char)('a' + i), 0 };

		CHECK(s);
		s->tidy = i % 2 == 0; /* the oldest among them: newer windows are freed before */
		s->window = window(&any_size, &s->probe, IO_PORT, 0x100 * i, 0x10);
		CHECK(io_map(m, &s->window, NULL) == 0);
		device_add(m, &s->dev, &simple_class, name);
	}
	done(m);
}

int main(void)
{
	RUN(a_port_tells_who_is_there);
	RUN(nobody_home_reads_all_ones);
	RUN(big_accesses_are_split_and_small_ones_merged);
	RUN(an_access_past_a_window_sees_its_neighbour);
	RUN(overlaps_go_by_priority_then_by_age);
	RUN(a_window_may_move_anywhere);
	RUN(a_doorbell_rings_and_reads_zero);
	RUN(a_covered_doorbell_is_taken_from_the_kernel);
	RUN(devices_may_go_with_their_windows_still_mapped);
	return 0;
}
