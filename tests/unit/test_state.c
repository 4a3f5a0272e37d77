/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State tables: saved, loaded, inspected; what hostile bytes may do; timers and the clock. */
#include "core/state.h"

#include <errno.h>

#include "core/machine.h"
#include "test.h"

struct pin {
	u64 entry;
	bool level;
};

struct thing {
	struct device dev;
	u8 a;
	u16 b[3];
	bool flag;
	u8 fifo[4];
	struct pin pin[2];
	struct timer timer;
	unsigned fired;
};

static const struct field pin_fields[] = {
	FIELD(struct pin, entry),
	FIELD(struct pin, level),
	FIELD_END,
};

static const struct field thing_fields[] = {
	FIELD(struct thing, a),
	FIELD_ARRAY(struct thing, b),
	FIELD(struct thing, flag),
	FIELD_BUF(struct thing, fifo),
	FIELD_SUBS(struct thing, pin, pin_fields),
	FIELD_TIMER(struct thing, timer),
	FIELD_END,
};

static struct thing sample(void)
{
	return (struct thing){ .a = 7,
			       .b = { 1, 2, 0xffff },
			       .flag = true,
			       .fifo = { 0xde, 0xad, 0, 1 },
			       .pin = { { 0x123456789a, true }, { 1, false } },
			       .timer = { .armed = true, .deadline_ns = 1000 } };
}

static void what_is_saved_comes_back(void)
{
	struct thing in = sample(), out = { 0 };
	struct str s = { 0 };

	state_save(thing_fields, &in, &s);
	CHECK(state_load(thing_fields, &out, (u8 *)s.at, s.len, NULL) == 0);
	CHECK(out.a == 7 && out.b[2] == 0xffff && out.flag);
	CHECK(!memcmp(out.fifo, in.fifo, 4));
	CHECK(out.pin[0].entry == 0x123456789a && out.pin[0].level && !out.pin[1].level);
	CHECK(out.timer.armed && out.timer.deadline_ns == 1000);
	str_free(&s);
}

static void inspect_is_json(void)
{
	struct thing t = sample();
	struct str s = { 0 };

	state_inspect(thing_fields, &t, &s);
	CHECK(!strcmp(s.at, "{\"a\":7,\"b\":[1,2,65535],\"flag\":1,\"fifo\":\"dead0001\","
			    "\"pin\":[{\"entry\":78187493530,\"level\":1},"
			    "{\"entry\":1,\"level\":0}],\"timer\":1000}"));
	str_free(&s);
}

static void fields_may_come_and_go(void)
{
	static const struct field old_fields[] = {
		{ "gone", FIELD_UINT, offsetof(struct thing, b), 2, 1, NULL },
		FIELD(struct thing, a),
		FIELD_END,
	};
	struct thing in = sample(), out = { .flag = true, .a = 1 };
	struct str s = { 0 };

	state_save(old_fields, &in, &s);
	CHECK(state_load(thing_fields, &out, (u8 *)s.at, s.len, NULL) == 0);
	CHECK(out.a == 7 && out.flag && out.b[0] == 0); /* others keep their value */
	str_free(&s);
}

static void damage_is_refused_at_every_length(void)
{
	struct thing in = sample();
	struct error err = { 0 };
	struct str s = { 0 };

	state_save(thing_fields, &in, &s);
	for (size_t len = 0; len < s.len; len++) {
		struct thing out = { 0 };
		CHECK(state_load(thing_fields, &out, (u8 *)s.at, len, &err) == -EINVAL);
	}
	s.at[1 + 1 + 1] ^= 4; /* the element size of "a" */
	CHECK(state_load(thing_fields, &in, (u8 *)s.at, s.len, &err) == -EINVAL);
	CHECK(strstr(err.msg, "another form"));
	str_free(&s);
}

static void a_loaded_bool_is_a_bool(void)
{
	static const struct field one[] = { FIELD(struct thing, flag), FIELD_END };
	struct thing t = { .flag = true };
	struct str s = { 0 };

	state_save(one, &t, &s);
	s.at[s.len - 2] = 0x5a;
	CHECK(state_load(one, &t, (u8 *)s.at, s.len, NULL) == 0);
	CHECK(*(u8 *)&t.flag == 1);
	str_free(&s);
}

static void fire(void *dev)
{
	((struct thing *)dev)->fired++;
}

static int thing_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct thing *t = container_of(d, struct thing, dev);

	t->timer.fire = fire;
	t->timer.dev = t;
	timer_reload(d->machine->clock, &t->timer);
	return t->a == 0xee ? error_set(err, -EINVAL, "a is ee") : 0;
}

static void thing_destroy(struct device *d)
{
	(void)d; /* on the test's stack */
}

static const struct device_class thing_class = {
	.name = "thing",
	.fields = thing_fields,
	.loaded = thing_loaded,
	.destroy = thing_destroy,
};

static void a_machine_loads_into_its_twin(void)
{
	struct thing a = sample(), b = { 0 };
	struct machine *m1, *m2;
	struct str s = { 0 };
	struct error err = { 0 };

	a.timer.armed = false;
	CHECK(machine_create(&m1, clock_create_manual(), NULL) == 0);
	CHECK(machine_create(&m2, clock_create_manual(), NULL) == 0);
	machine_lock(m1);
	device_add(m1, &a.dev, &thing_class, "thing0");
	device_add(m2, &b.dev, &thing_class, "thing0");
	timer_arm(m1->clock, &a.timer, 500);
	device_save_all(m1, &s);
	CHECK(device_load_all(m2, (u8 *)s.at, s.len, &err) == 0);
	CHECK(b.timer.armed);
	clock_advance(m2->clock, 499);
	CHECK_EQ(b.fired, 0);
	clock_advance(m2->clock, 1);
	CHECK_EQ(b.fired, 1);
	a.a = 0xee;
	str_free(&s);
	device_save_all(m1, &s);
	CHECK(device_load_all(m2, (u8 *)s.at, s.len, &err) == -EINVAL);
	CHECK(!strcmp(err.msg, "thing0: a is ee"));
	s.at[1] = 'x';
	CHECK(device_load_all(m2, (u8 *)s.at, s.len, &err) == -ENODEV);
	str_free(&s);
	machine_unlock(m1);
	machine_destroy(m1);
	machine_destroy(m2);
}

static unsigned order[8], n_order;

static void note(void *dev)
{
	order[n_order++] = (unsigned)(uintptr_t)dev;
}

static void timers_fire_in_order_and_may_rearm(void) unchecked_roles
{
	struct clock *c = clock_create_manual();
	struct timer t[3] = { { .fire = note, .dev = (void *)1 },
			      { .fire = note, .dev = (void *)2 },
			      { .fire = note, .dev = (void *)3 } };

	timer_arm(c, &t[0], 30);
	timer_arm(c, &t[1], 10);
	timer_arm(c, &t[2], 20);
	timer_arm(c, &t[1], 40); /* moves */
	timer_cancel(c, &t[2]);
	timer_cancel(c, &t[2]);
	clock_advance(c, 100);
	CHECK(n_order == 2 && order[0] == 1 && order[1] == 2);
	CHECK_EQ(clock_now_ns(c), 100);
	timer_arm(c, &t[0], 50); /* in the past: at the next step */
	clock_advance(c, 0);
	CHECK_EQ(n_order, 3);
	CHECK_EQ(clock_now_ns(c), 100);
	clock_set_wall(c, 5000);
	clock_advance(c, 11);
	CHECK_EQ(clock_wall_ns(c), 5011);
	clock_destroy(c);
}

static void the_host_clock_stands_still_while_paused(void)
{
	struct clock *c = clock_create_host();
	u64 a = clock_now_ns(c);

	CHECK_EQ(a, 0); /* not resumed yet */
	clock_resume(c);
	while (clock_now_ns(c) == a)
		;
	clock_pause(c);
	a = clock_now_ns(c);
	CHECK_EQ(clock_now_ns(c), a);
	clock_set_now(c, 77);
	CHECK_EQ(clock_now_ns(c), 77);
	clock_destroy(c);
}

int main(void)
{
	RUN(what_is_saved_comes_back);
	RUN(inspect_is_json);
	RUN(fields_may_come_and_go);
	RUN(damage_is_refused_at_every_length);
	RUN(a_loaded_bool_is_a_bool);
	RUN(a_machine_loads_into_its_twin);
	RUN(timers_fire_in_order_and_may_rearm);
	RUN(the_host_clock_stands_still_while_paused);
	return 0;
}
