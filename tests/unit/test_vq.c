/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split rings: chains as drivers make them, and as they must not; both kinds of notification. */
#include <errno.h>

#include "base/alloc.h"
#include "virtio_driver.h"

#define ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
#define PLAIN VIRTIO_F_VERSION_1

/* A device that notes the last chain and gives each back with its head + 100 as length. */
struct sink {
	struct virtio v;
	struct vq_chain last;
	unsigned popped, broken;
	bool hold; /* do not flush */
};

static const struct field sink_fields[] = { FIELD_SUB(struct sink, v, virtio_fields), FIELD_END };
static const struct device_class sink_device = {
	"sink", sink_fields, virtio_device_reset, virtio_device_loaded, virtio_device_destroy,
};

static void sink_serve(struct virtio *v, struct vq *q)
{
	struct sink *s = container_of(v, struct sink, v);
	int r;

	do {
		vq_want_kicks(q, false);
		while ((r = vq_pop(q, &s->last)) > 0) {
			s->popped++;
			vq_push(q, s->last.head, s->last.head + 100u);
		}
		s->broken += r == -EPROTO;
		if (!s->hold)
			vq_flush(q);
	} while (vq_want_kicks(q, true));
}

static const struct virtio_class sink_class = { .name = "sink",
						.id = 63,
						.nqueues = 2,
						.serve = sink_serve };

static struct drv d;
static struct sink *s;

static void begin(u64 features, u16 size) enters(in_machine)
{
	drv_begin(&d);
	s = xnew(struct sink);
	CHECK(virtio_init(&s->v, &sink_class, &sink_device, d.bus, DRV_SLOT, "sink", 256, NULL,
			  NULL) == 0);
	drv_attach(&d, &s->v.dev, true);
	CHECK_EQ(drv_start(&d, features, size), features);
	d.n_sent = 0;
}

static bool needs_reset(void) needs(in_machine)
{
	return drv_common(&d, COMMON_STATUS, 1) & VIRTIO_STATUS_NEEDS_RESET;
}

static void a_chain_is_taken_and_given_back(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 3, DRV_DATA, 16, VIRTQ_DESC_F_NEXT, 5);
	drv_desc(&d, DRV_DESC, 5, DRV_DATA + 100, 7, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 0);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA + 200, 1, VIRTQ_DESC_F_WRITE, 77);
	drv_offer(&d, 3);
	drv_kick(&d);
	CHECK_EQ(s->popped, 1);
	CHECK_EQ(s->last.nread, 1);
	CHECK_EQ(s->last.nwrite, 2);
	CHECK_EQ(s->last.read_len, 16);
	CHECK_EQ(s->last.write_len, 8);
	CHECK(s->last.buf[1].ptr == d.ram->host + DRV_DATA + 100);
	CHECK_EQ(drv_used(&d), 1);
	CHECK_EQ(drv_used_id(&d, 0), 3);
	CHECK_EQ(drv_used_len(&d, 0), 103);
	CHECK_EQ(d.n_sent, 1);
	CHECK_EQ(d.sent[0].data, 0x41);
	drv_kick(&d); /* nothing new */
	CHECK_EQ(s->popped, 1);
	CHECK_EQ(d.n_sent, 1);
	drv_end(&d);
}

static void copies_reach_across_buffers(void)
{
	u8 buf[24];

	begin(ALL, 8);
	memcpy(d.ram->host + DRV_DATA, "abcdef", 6);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 2, VIRTQ_DESC_F_NEXT, 1);
	drv_desc(&d, DRV_DESC, 1, DRV_DATA + 2, 0, VIRTQ_DESC_F_NEXT, 2); /* empty */
	drv_desc(&d, DRV_DESC, 2, DRV_DATA + 2, 4, VIRTQ_DESC_F_NEXT, 3);
	drv_desc(&d, DRV_DESC, 3, DRV_DATA + 64, 3, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 4);
	drv_desc(&d, DRV_DESC, 4, DRV_DATA + 80, 3, VIRTQ_DESC_F_WRITE, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK(vq_chain_read(&s->last, 1, buf, 4));
	CHECK(!memcmp(buf, "bcde", 4));
	CHECK(!vq_chain_read(&s->last, 3, buf, 4));
	CHECK(!vq_chain_read(&s->last, ~0ull, buf, 4));
	CHECK(vq_chain_write(&s->last, 2, "xyz", 3));
	CHECK(d.ram->host[DRV_DATA + 66] == 'x' && d.ram->host[DRV_DATA + 81] == 'z');
	CHECK(!vq_chain_write(&s->last, 4, "xyz", 3));
	drv_end(&d);
}

static void indirect_tables_are_followed(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 4, VIRTQ_DESC_F_NEXT, 1); /* a direct one before */
	drv_desc(&d, DRV_DESC, 1, DRV_DATA + 0x1000, 48, VIRTQ_DESC_F_INDIRECT, 0);
	drv_desc(&d, DRV_DATA + 0x1000, 0, DRV_DATA, 8, VIRTQ_DESC_F_NEXT, 2);
	drv_desc(&d, DRV_DATA + 0x1000, 2, DRV_DATA, 9, VIRTQ_DESC_F_WRITE, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(s->popped, 1);
	CHECK_EQ(s->last.read_len, 12);
	CHECK_EQ(s->last.write_len, 9);
	drv_end(&d);
}

/* Offer descriptor 0, which is wrong, and see the queue die until the reset. */
static void must_break(void) leaves(in_machine)
{
	unsigned before = s->popped;

	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(s->popped, before);
	CHECK(needs_reset());
	CHECK_EQ(d.n_sent, 1);
	CHECK_EQ(d.sent[0].data, 0x40); /* the configuration vector */
	drv_kick(&d);
	CHECK_EQ(s->broken, 1);
	CHECK_EQ(d.n_sent, 1);
	/* After a reset it works again. */
	drv_start(&d, ALL, 8);
	CHECK(!needs_reset());
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 4, 0, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(s->popped, before + 1);
	drv_end(&d);
}

static void a_loop_ends(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 0, VIRTQ_DESC_F_NEXT, 1);
	drv_desc(&d, DRV_DESC, 1, DRV_DATA, 0, VIRTQ_DESC_F_NEXT, 0);
	must_break();
}

static void too_many_buffers_are_refused(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 16 * 300, VIRTQ_DESC_F_INDIRECT, 0);
	for (unsigned i = 0; i < 300; i++)
		drv_desc(&d, DRV_DATA, i, DRV_DATA, 1, VIRTQ_DESC_F_NEXT, (u16)(i + 1));
	must_break();
}

static void an_index_beyond_the_table_is_refused(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 1, VIRTQ_DESC_F_NEXT, 8);
	must_break();
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 16, VIRTQ_DESC_F_INDIRECT, 0);
	drv_desc(&d, DRV_DATA, 0, DRV_DATA, 1, VIRTQ_DESC_F_NEXT, 1);
	must_break();
}

static void wrong_indirect_descriptors_are_refused(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 24, VIRTQ_DESC_F_INDIRECT, 0);
	must_break();
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 0, VIRTQ_DESC_F_INDIRECT, 0);
	must_break();
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 16, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_NEXT, 1);
	must_break();
	begin(ALL, 8); /* nested */
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 16, VIRTQ_DESC_F_INDIRECT, 0);
	drv_desc(&d, DRV_DATA, 0, DRV_DATA, 16, VIRTQ_DESC_F_INDIRECT, 0);
	must_break();
	begin(PLAIN, 8); /* not negotiated */
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 16, VIRTQ_DESC_F_INDIRECT, 0);
	must_break();
}

static void buffers_outside_of_ram_are_refused(void)
{
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_RAM - 4, 8, 0, 0);
	must_break();
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, ~0ull - 3, 8, 0, 0);
	must_break();
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_BAR4, 8, VIRTQ_DESC_F_WRITE, 0);
	must_break();
	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 0xffffffff, VIRTQ_DESC_F_WRITE, 0);
	must_break();
	begin(ALL, 8); /* reading after writing */
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 8, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
	drv_desc(&d, DRV_DESC, 1, DRV_DATA, 8, 0, 0);
	must_break();
}

static void a_buffer_may_span_two_regions(void)
{
	struct region *more;

	begin(ALL, 8);
	CHECK(mem_add(&more, d.m->mem, "more", REGION_RAM, DRV_RAM, 0x1000, 0, IN_ALL, NULL) == 0);
	drv_desc(&d, DRV_DESC, 0, DRV_RAM - 4, 8, VIRTQ_DESC_F_WRITE, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(s->popped, 1);
	CHECK_EQ(s->last.nwrite, 2);
	CHECK(s->last.buf[1].ptr == more->host);
	CHECK_EQ(s->last.write_len, 8);
	drv_end(&d);
}

static void rings_outside_of_ram_or_askew_are_refused(void)
{
	static const struct {
		u64 desc, avail, used;
	} bad[] = {
		{ DRV_DESC + 8, DRV_AVAIL, DRV_USED }, { DRV_DESC, DRV_AVAIL + 1, DRV_USED },
		{ DRV_DESC, DRV_AVAIL, DRV_USED + 2 }, { DRV_DESC, DRV_RAM, DRV_USED },
		{ DRV_DESC, ~0ull - 1, DRV_USED },     { ~0ull - 15, DRV_AVAIL, DRV_USED },
	};

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		begin(ALL, 8);
		d.v->vq[0].desc = bad[i].desc;
		d.v->vq[0].driver = bad[i].avail;
		d.v->vq[0].device = bad[i].used;
		drv_desc(&d, DRV_DESC, 1, DRV_DATA, 4, 0, 0);
		drv_offer(&d, 1);
		drv_kick(&d);
		CHECK_EQ(s->popped, 0);
		drv_end(&d);
	}
}

static void an_absurd_available_index_is_refused(void)
{
	begin(ALL, 8);
	d.avail = 8;
	must_break();
}

static void the_indices_wrap(void)
{
	begin(ALL, 4);
	drv_desc(&d, DRV_DESC, 2, DRV_DATA, 4, 0, 0);
	for (unsigned i = 0; i < 70000; i++) {
		drv_offer(&d, 2);
		if (i % 3 == 2)
			drv_kick(&d);
	}
	drv_kick(&d);
	CHECK_EQ(s->popped, 70000);
	CHECK_EQ(drv_used(&d), 70000 & 0xffff);
	CHECK(!needs_reset());
	drv_end(&d);
}

static void without_event_idx_a_flag_silences(void)
{
	begin(PLAIN, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 4, 0, 0);
	put_le16(d.ram->host + DRV_AVAIL, VIRTQ_AVAIL_F_NO_INTERRUPT);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(drv_used(&d), 1);
	CHECK_EQ(d.n_sent, 0);
	put_le16(d.ram->host + DRV_AVAIL, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(d.n_sent, 1);
	CHECK_EQ(le16_at(d.ram->host + DRV_USED), 0); /* kicks are wanted again */
	drv_end(&d);
}

static void with_event_idx_an_index_decides(void)
{
	u8 *used_event, *avail_event;

	begin(ALL, 8);
	used_event = d.ram->host + DRV_AVAIL + 4 + 2 * 8;
	avail_event = d.ram->host + DRV_USED + 4 + 8 * 8;
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 4, 0, 0);
	put_le16(used_event, 2); /* tell me about the third */
	for (unsigned i = 0; i < 2; i++) {
		drv_offer(&d, 0);
		drv_kick(&d);
	}
	CHECK_EQ(d.n_sent, 0);
	CHECK_EQ(le16_at(avail_event), 2);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(d.n_sent, 1);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(d.n_sent, 1); /* once */
	drv_end(&d);
}

static void a_saved_ring_goes_on(void)
{
	struct str state = { 0 };

	begin(ALL, 8);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 4, 0, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	device_save_all(d.m, &state);
	device_reset_all(d.m, RESET_POWER_ON);
	CHECK_EQ(d.v->status, 0);
	CHECK(device_load_all(d.m, (u8 *)state.at, state.len, NULL) == 0);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 15);
	put_le16(d.ram->host + DRV_AVAIL + 4 + 2 * 8, 1);
	drv_offer(&d, 0);
	machine_unlock(d.m);
	virtio_poll(&d.v->dev); /* no kick is needed after a load */
	machine_lock(d.m);
	CHECK_EQ(s->popped, 2);
	CHECK_EQ(drv_used(&d), 2);
	CHECK_EQ(d.n_sent, 2);
	str_free(&state);
	drv_end(&d);
}

int main(void)
{
	RUN(a_chain_is_taken_and_given_back);
	RUN(copies_reach_across_buffers);
	RUN(indirect_tables_are_followed);
	RUN(a_loop_ends);
	RUN(too_many_buffers_are_refused);
	RUN(an_index_beyond_the_table_is_refused);
	RUN(wrong_indirect_descriptors_are_refused);
	RUN(buffers_outside_of_ram_are_refused);
	RUN(a_buffer_may_span_two_regions);
	RUN(rings_outside_of_ram_or_askew_are_refused);
	RUN(an_absurd_available_index_is_refused);
	RUN(the_indices_wrap);
	RUN(without_event_idx_a_flag_silences);
	RUN(with_event_idx_an_index_decides);
	RUN(a_saved_ring_goes_on);
	return 0;
}
