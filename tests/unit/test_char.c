/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams: what every kind owes its device, on the one in memory. */
#include "char/char.h"

#include "test.h"

struct device {
	u8 got[8192];
	size_t len, room;
};

static size_t device_room(void *dev)
{
	return ((struct device *)dev)->room;
}

static void device_input(void *dev, const u8 *buf, size_t len)
{
	struct device *d = dev;

	CHECK(len <= d->room);
	memcpy(d->got + d->len, buf, len);
	d->len += len;
	d->room -= len;
}

static struct chr *make(struct device *d, size_t room)
{
	struct chr_user user = { device_room, device_input, d };
	struct chr *c = chr_create_memory();

	memset(d, 0, sizeof(*d));
	d->room = room;
	chr_attach(c, &user);
	return c;
}

static void output_comes_out_in_order_across_the_edge_of_the_ring(void)
{
	static u8 in[100000], out[100000];
	struct device d;
	struct chr *c = make(&d, 0);

	for (unsigned round = 0; round < 10; round++) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (u8)(i * 7 + round);
		CHECK_EQ(chr_write(c, in, sizeof(in)), sizeof(in));
		CHECK_EQ(chr_memory_take(c, out, sizeof(out)), sizeof(out));
		CHECK(!memcmp(in, out, sizeof(in)));
	}
	CHECK_EQ(chr_memory_take(c, out, sizeof(out)), 0);
	chr_close(c);
}

static void output_beyond_the_bound_is_dropped_and_counted(void)
{
	static u8 in[100000], out[1 << 20];
	struct device d;
	struct chr *c = make(&d, 0);
	size_t taken = 0;

	memset(in, 'x', sizeof(in));
	for (unsigned i = 0; i < 5; i++)
		taken += chr_write(c, in, sizeof(in));
	CHECK(taken >= 65536 && taken <= 1 << 20);
	CHECK_EQ(chr_write(c, "y", 1), 0);
	CHECK_EQ(chr_dropped(c), 5 * sizeof(in) + 1 - taken);
	CHECK_EQ(chr_memory_take(c, out, sizeof(out)), taken);
	CHECK_EQ(chr_write(c, "z", 1), 1);
	chr_close(c);
}

static void input_waits_for_room_and_loses_nothing(void)
{
	struct device d;
	struct chr *c = make(&d, 3);

	chr_memory_feed(c, "abcdefgh", 8);
	CHECK_EQ(d.len, 3);
	chr_more(c);
	d.room = 2;
	chr_memory_feed(c, NULL, 0);
	CHECK_EQ(d.len, 5);
	d.room = 100;
	chr_memory_feed(c, "ij", 2);
	CHECK_EQ(d.len, 10);
	CHECK(!memcmp(d.got, "abcdefghij", 10));
	chr_close(c);
}

static void a_test_may_feed_more_than_the_stage_holds(void)
{
	static u8 in[6000];
	struct device d;
	struct chr *c = make(&d, 0);

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 13);
	chr_memory_feed(c, in, sizeof(in));
	d.room = sizeof(d.got);
	chr_memory_feed(c, NULL, 0);
	CHECK_EQ(d.len, sizeof(in));
	CHECK(!memcmp(d.got, in, sizeof(in)));
	chr_close(c);
}

static void all_bytes_pass_unaltered_where_there_is_no_terminal(void)
{
	struct device d;
	struct chr *c = make(&d, 1000);
	u8 all[256], out[256];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (u8)i;
	chr_memory_feed(c, all, 256);
	CHECK_EQ(d.len, 256);
	CHECK(!memcmp(d.got, all, 256));
	CHECK_EQ(chr_write(c, all, 256), 256);
	CHECK_EQ(chr_memory_take(c, out, 256), 256);
	CHECK(!memcmp(out, all, 256));
	chr_close(c);
}

static void nobody_attached_means_that_input_waits(void)
{
	struct chr *c = chr_create_memory();
	struct device d = { .room = 10 };
	struct chr_user user = { device_room, device_input, &d };

	chr_memory_feed(c, "hi", 2);
	chr_attach(c, &user);
	chr_memory_feed(c, NULL, 0);
	CHECK_EQ(d.len, 2);
	chr_close(c);
	chr_close(NULL);
}

static void null_takes_everything_and_loses_nothing(void)
{
	static u8 in[300000];
	struct chr_config cfg = { .kind = CHR_NULL };
	struct loop *loop;
	struct error err;
	struct chr *c;

	CHECK(!loop_create(&loop, &err));
	CHECK(!chr_open(&c, loop, &cfg, &err));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(chr_write(c, in, sizeof(in)), sizeof(in));
	CHECK_EQ(chr_dropped(c), 0);
	CHECK(!strcmp(chr_describe(c), "null"));
	chr_close(c);
	loop_destroy(loop);
}

int main(void)
{
	RUN(output_comes_out_in_order_across_the_edge_of_the_ring);
	RUN(output_beyond_the_bound_is_dropped_and_counted);
	RUN(input_waits_for_room_and_loses_nothing);
	RUN(a_test_may_feed_more_than_the_stage_holds);
	RUN(all_bytes_pass_unaltered_where_there_is_no_terminal);
	RUN(nobody_attached_means_that_input_waits);
	RUN(null_takes_everything_and_loses_nothing);
	return 0;
}
