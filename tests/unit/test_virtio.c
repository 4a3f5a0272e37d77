/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI transport and status machine, with the entropy device behind them; its I/O loop. */
#include "plat/time.h"
#include "virtio_driver.h"

#define ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static struct drv d;

static void begin(bool msix, struct io_loop *loop) enters(in_machine)
{
	struct device *dev;

	drv_begin(&d);
	dev = virtio_rng_create(d.bus, DRV_SLOT, "rng0", loop, NULL);
	CHECK(dev);
	CHECK(virtio_pci(dev)->devfn == DRV_DEVFN);
	drv_attach(&d, dev, msix);
}

static u32 cfg(unsigned off, unsigned size) needs(in_machine)
{
	return pci_config_read(d.bus, 0, DRV_DEVFN, off, size);
}

static void cfg_put(unsigned off, unsigned size, u32 val) needs(in_machine)
{
	pci_config_write(d.bus, 0, DRV_DEVFN, off, size, val);
}

/* Offset of the virtio capability of @type, or 0. */
static unsigned find_cap(u8 type) needs(in_machine)
{
	for (unsigned at = cfg(0x34, 1), n = 0; at && n < 20; at = cfg(at + 1, 1), n++)
		if (cfg(at, 1) == 9 && cfg(at + 3, 1) == type)
			return at;
	return 0;
}

static void the_function_looks_as_drivers_expect(void)
{
	static const u32 page[] = { 0, 0, 0x3000, 0x1000, 0x2000 };

	begin(true, NULL);
	CHECK_EQ(cfg(0, 4), 0x10441af4);
	CHECK_EQ(cfg(8, 1), 1);
	CHECK_EQ(cfg(0x2c, 4), 0x11001af4);
	CHECK_EQ(cfg(0x3d, 1), 1);
	CHECK_EQ(cfg(0x20, 4) & 15, 12);
	for (unsigned type = 1; type <= 4; type++) {
		unsigned at = find_cap((u8)type);

		CHECK(at);
		CHECK_EQ(cfg(at + 4, 1), 4);
		CHECK_EQ(cfg(at + 8, 4), page[type]);
		CHECK_EQ(cfg(at + 12, 4), 0x1000);
	}
	CHECK_EQ(cfg(find_cap(2) + 16, 4), 4);
	CHECK_EQ(cfg(find_cap(2) + 2, 1), 20);
	CHECK(find_cap(5));
	CHECK_EQ(cfg(d.v->pci.msix_cap + 2, 2) & 0x7ff, 1); /* two vectors */
	CHECK_EQ(drv_common(&d, COMMON_NUM_QUEUES, 2), 1);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_SIZE, 2), 64);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_NOTIFY_OFF, 2), 0);
	CHECK_EQ(drv_common(&d, 0x40, 4), 0);
	drv_end(&d);
}

static void features_are_negotiated(void)
{
	begin(true, NULL);
	drv_set(&d, COMMON_DEVICE_FEATURE_SELECT, 4, 7);
	CHECK_EQ(drv_common(&d, COMMON_DEVICE_FEATURE, 4), 0);
	drv_set(&d, COMMON_STATUS, 1, 3);
	/* Without VERSION_1, or with a bit too many, FEATURES_OK does not stick. */
	drv_set(&d, COMMON_STATUS, 1, 11);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 3);
	drv_set(&d, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	drv_set(&d, COMMON_DRIVER_FEATURE, 4, 3);
	drv_set(&d, COMMON_STATUS, 1, 11);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 3);
	drv_set(&d, COMMON_STATUS, 1, 7); /* nor does DRIVER_OK without it */
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 3);
	drv_set(&d, COMMON_DRIVER_FEATURE, 4, 1);
	drv_set(&d, COMMON_STATUS, 1, 11);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 11);
	drv_set(&d, COMMON_DRIVER_FEATURE, 4, 0); /* too late */
	CHECK_EQ(drv_common(&d, COMMON_DRIVER_FEATURE, 4), 1);
	drv_set(&d, COMMON_STATUS, 1, 0x80);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 0x8b);
	drv_set(&d, COMMON_STATUS, 1, 0x40); /* NEEDS_RESET is not the driver's */
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 0x8b);
	drv_set(&d, COMMON_STATUS, 1, 0);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 0);
	CHECK_EQ(drv_common(&d, COMMON_DRIVER_FEATURE, 4), 0);
	drv_end(&d);
}

static void queue_registers_keep_their_rules(void)
{
	begin(true, NULL);
	drv_set(&d, COMMON_QUEUE_SIZE, 2, 24); /* no power of two */
	drv_set(&d, COMMON_QUEUE_SIZE, 2, 128);
	drv_set(&d, COMMON_QUEUE_SIZE, 2, 0);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_SIZE, 2), 64);
	drv_set(&d, COMMON_QUEUE_SIZE, 2, 16);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_SIZE, 2), 16);
	drv_set(&d, COMMON_QUEUE_VECTOR, 2, 2);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_VECTOR, 2), 0xffff);
	drv_set(&d, COMMON_CONFIG_VECTOR, 2, 1);
	CHECK_EQ(drv_common(&d, COMMON_CONFIG_VECTOR, 2), 1);
	/* 64-bit registers by halves, low or high first, and whole. */
	drv_set(&d, COMMON_QUEUE_DESC + 4, 4, 0x12);
	drv_set(&d, COMMON_QUEUE_DESC, 4, 0x34567890);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_DESC, 8), 0x1234567890);
	drv_set(&d, COMMON_QUEUE_DEVICE, 8, 0xabcdef0000);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_DEVICE + 4, 4), 0xab);
	drv_set(&d, COMMON_QUEUE_ENABLE, 2, 1);
	drv_set(&d, COMMON_QUEUE_DESC, 8, 0); /* not while enabled */
	drv_set(&d, COMMON_QUEUE_SIZE, 2, 8);
	drv_set(&d, COMMON_QUEUE_ENABLE, 2, 0);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_DESC, 8), 0x1234567890);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_SIZE, 2), 16);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_ENABLE, 2), 1);
	drv_set(&d, COMMON_QUEUE_SELECT, 2, 1); /* there is no such queue */
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_SIZE, 2), 0);
	drv_set(&d, COMMON_QUEUE_ENABLE, 2, 1);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_ENABLE, 2), 0);
	drv_end(&d);
}

static void offer_buffer(u32 len)
{
	memset(d.ram->host + DRV_DATA, 0, len);
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, len, VIRTQ_DESC_F_WRITE, 0);
	drv_offer(&d, 0);
}

static bool all_zero(const u8 *p, unsigned n)
{
	while (n)
		if (p[--n])
			return false;
	return true;
}

static void random_bytes_arrive(void)
{
	begin(true, NULL);
	drv_start(&d, ALL, 64);
	CHECK_EQ(d.n_sent, 0); /* no interrupt at DRIVER_OK */
	offer_buffer(64);
	drv_kick(&d);
	CHECK_EQ(drv_used_len(&d, 0), 64);
	CHECK(!all_zero(d.ram->host + DRV_DATA, 32));
	CHECK(!all_zero(d.ram->host + DRV_DATA + 32, 32));
	CHECK_EQ(d.n_sent, 1);
	CHECK_EQ(d.sent[0].data, 0x41);
	offer_buffer(1 << 20); /* greed is cut */
	drv_kick(&d);
	CHECK_EQ(drv_used_len(&d, 1), 65536);
	CHECK(all_zero(d.ram->host + DRV_DATA + 65536, 1000));
	/* A request with nothing to fill is given back. */
	drv_desc(&d, DRV_DESC, 0, DRV_DATA, 8, 0, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(drv_used_len(&d, 2), 0);
	drv_end(&d);
}

static void without_msix_the_isr_and_the_wire_tell(void)
{
	begin(false, NULL);
	drv_start(&d, ALL, 64);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_VECTOR, 2), 1);
	CHECK(!d.wire);
	offer_buffer(8);
	drv_kick(&d);
	CHECK(d.wire);
	CHECK_EQ(d.n_sent, 0);
	CHECK_EQ(drv_get(&d, DRV_ISR, 1), VIRTIO_ISR_QUEUE);
	CHECK(!d.wire);
	CHECK_EQ(drv_get(&d, DRV_ISR, 1), 0);
	put_le16(d.ram->host + DRV_AVAIL + 4 + 2 * 64, 1);
	offer_buffer(8);
	drv_kick(&d);
	CHECK(d.wire);
	drv_set(&d, COMMON_STATUS, 1, 0); /* a reset quiets it */
	CHECK(!d.wire);
	CHECK_EQ(drv_get(&d, DRV_ISR, 1), 0);
	drv_end(&d);
}

static void configuration_changes_are_told(void)
{
	begin(true, NULL);
	virtio_config_changed(d.v);
	CHECK_EQ(d.n_sent, 0); /* there is no driver yet */
	CHECK_EQ(drv_common(&d, COMMON_GENERATION, 1), 1);
	drv_start(&d, ALL, 64);
	virtio_config_changed(d.v);
	CHECK_EQ(drv_common(&d, COMMON_GENERATION, 1), 2);
	CHECK_EQ(d.n_sent, 1);
	CHECK_EQ(d.sent[0].data, 0x40);
	drv_end(&d);
	begin(false, NULL);
	drv_start(&d, ALL, 64);
	virtio_config_changed(d.v);
	CHECK(d.wire);
	CHECK_EQ(drv_get(&d, DRV_ISR, 1), VIRTIO_ISR_CONFIG);
	drv_end(&d);
}

static void a_queue_is_idle_until_driver_ok_and_after_reset(void)
{
	begin(true, NULL);
	drv_start(&d, ALL, 64);
	drv_set(&d, COMMON_STATUS, 1, 0);
	offer_buffer(8);
	drv_kick(&d);
	CHECK_EQ(drv_used(&d), 0);
	/* What was offered before DRIVER_OK is served without a kick. */
	drv_start(&d, ALL, 64);
	offer_buffer(8);
	machine_unlock(d.m);
	virtio_poll(&d.v->dev);
	machine_lock(d.m);
	CHECK_EQ(drv_used(&d), 1);
	device_reset_all(d.m, RESET_WARM);
	CHECK_EQ(cfg(4, 2), 0);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 0xff); /* the BAR is gone */
	drv_end(&d);
}

static void bar_4_is_reached_through_configuration_space(void)
{
	unsigned cap;

	begin(true, NULL);
	drv_start(&d, ALL, 64);
	cap = find_cap(5);
	cfg_put(cap + 4, 1, 4);
	cfg_put(cap + 8, 4, COMMON_STATUS);
	cfg_put(cap + 12, 4, 1);
	CHECK_EQ(cfg(cap + 16, 1), 15);
	cfg_put(cap + 8, 4, COMMON_NUM_QUEUES);
	cfg_put(cap + 12, 4, 2);
	CHECK_EQ(cfg(cap + 16, 2), 1);
	cfg_put(cap + 8, 4, COMMON_QUEUE_SELECT);
	cfg_put(cap + 16, 2, 3);
	CHECK_EQ(drv_common(&d, COMMON_QUEUE_SELECT, 2), 3);
	offer_buffer(8);
	cfg_put(cap + 8, 4, 0x3000); /* the doorbell */
	cfg_put(cap + 16, 2, 0);
	machine_unlock(d.m);
	virtio_poll(&d.v->dev);
	machine_lock(d.m);
	CHECK_EQ(drv_used(&d), 1);
	/* Nonsense is harmless. */
	static const u32 bad[][3] = {
		{ 4, 0x4000, 4 },     { 4, 0xffffffff, 4 }, { 4, 0x3ffe, 4 },
		{ 4, 0, 8 },          { 4, 0, 0 },          { 1, 0, 4 },
		{ 4, 0xfffffffc, 4 }, { 4, 2, 4 },          { 4, 0x3ffc, 4 }
	};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		cfg_put(cap + 4, 1, bad[i][0]);
		cfg_put(cap + 8, 4, bad[i][1]);
		cfg_put(cap + 12, 4, bad[i][2]);
		cfg_put(cap + 16, 4, ~0u);
		(void)cfg(cap + 16, 4);
	}
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 15);
	drv_end(&d);
}

static void damaged_states_are_refused(void)
{
	struct str s = { 0 };
	struct error err;

	begin(true, NULL);
	drv_start(&d, ALL, 64);
	d.v->vq[0].size = 48;
	device_save_all(d.m, &s);
	CHECK(device_load_all(d.m, (u8 *)s.at, s.len, &err) < 0);
	CHECK(strstr(err.msg, "rng0"));
	d.v->vq[0].size = 64;
	d.v->acked |= BIT64(40);
	s.len = 0;
	device_save_all(d.m, &s);
	CHECK(device_load_all(d.m, (u8 *)s.at, s.len, &err) < 0);
	str_free(&s);
	drv_end(&d);
}

static void a_taken_slot_is_refused(void)
{
	struct error err;

	begin(true, NULL);
	CHECK(!virtio_rng_create(d.bus, DRV_SLOT, "rng1", NULL, &err));
	CHECK(strstr(err.msg, "00:04.0"));
	CHECK(!virtio_rng_create(d.bus, 32, "rng1", NULL, &err));
	CHECK(virtio_rng_create(d.bus, -1, "rng1", NULL, &err));
	CHECK(cfg(0, 4) == 0x10441af4);
	drv_end(&d);
}

static u16 used_now(void)
{
	return __atomic_load_n((u16 *)(void *)(d.ram->host + DRV_USED + 2), __ATOMIC_ACQUIRE);
}

static void the_io_loop_serves_while_resets_come_and_go(void)
{
	struct io_loop *loop;

	CHECK(io_loop_create(&loop, "test", NULL) == 0);
	begin(true, loop);
	for (unsigned round = 0; round < 50; round++) {
		drv_start(&d, ALL, 64);
		for (unsigned i = 0; i < 8; i++) {
			offer_buffer(4096);
			drv_put(&d, DRV_BELL, 2, 0);
		}
		if (round % 2)
			continue; /* the reset meets requests in flight */
		machine_unlock(d.m);
		for (unsigned i = 0; i < 5000 && used_now() != 8; i++)
			time_sleep_ns(NS_PER_MS);
		machine_lock(d.m);
		CHECK_EQ(used_now(), 8);
	}
	CHECK(__atomic_load_n(&d.n_sent, __ATOMIC_RELAXED) > 0);
	machine_unlock(d.m);
	io_loop_stop(loop);
	machine_destroy(d.m);
	io_loop_destroy(loop);
}

int main(void)
{
	RUN(the_function_looks_as_drivers_expect);
	RUN(features_are_negotiated);
	RUN(queue_registers_keep_their_rules);
	RUN(random_bytes_arrive);
	RUN(without_msix_the_isr_and_the_wire_tell);
	RUN(configuration_changes_are_told);
	RUN(a_queue_is_idle_until_driver_ok_and_after_reset);
	RUN(bar_4_is_reached_through_configuration_space);
	RUN(damaged_states_are_refused);
	RUN(a_taken_slot_is_refused);
	RUN(the_io_loop_serves_while_resets_come_and_go);
	return 0;
}
