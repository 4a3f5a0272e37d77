/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block device as drivers use it and as they must not, over a file. */
#include "block/block.h"
#include "plat/time.h"
#include "virtio_driver.h"

#define BASIC (VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_FLUSH)
#define ALL ~0ull

enum {
	DISK = 1 << 20,
	HEADER = DRV_DATA,
	STATUS = DRV_DATA + 0x100,
	BUF = DRV_DATA + 0x1000,
	F_W = VIRTQ_DESC_F_WRITE,
	F_N = VIRTQ_DESC_F_NEXT,
};

static const char path[] = "test_virtio_blk.img";
static struct drv d;
static struct device *dev;

static void begin(bool readonly, u64 features, struct io_loop *loop) enters(in_machine)
{
	struct disk_config cfg = { .path = path, .readonly = readonly };
	static u8 sector[512];
	struct disk *disk;
	struct file *f;

	CHECK(file_open(&f, path, FILE_WRITE | FILE_CREATE, NULL) == 0);
	CHECK(file_resize(f, 0) == 0 && file_resize(f, DISK) == 0);
	memset(sector, 0x33, sizeof(sector));
	CHECK(file_write(f, sector, 512, 512 * 3) == 0);
	file_close(f);
	CHECK(disk_open(&disk, &cfg, NULL) == 0);
	drv_begin(&d);
	dev = virtio_blk_create(d.bus, DRV_SLOT, disk, "disk0", "SERIAL-42", 0, loop, NULL);
	CHECK(dev);
	drv_attach(&d, dev, true);
	drv_start(&d, features, 128);
}

static u8 *ram(u64 at)
{
	return d.ram->host + at;
}

static void header(u32 type, u64 sector)
{
	put_le32(ram(HEADER), type);
	put_le32(ram(HEADER) + 4, 0);
	put_le64(ram(HEADER) + 8, sector);
	*ram(STATUS) = 0xee;
}

/* One request with one data buffer of @len bytes; returns its status. */
static u8 request(u32 type, u64 sector, u32 len) needs(in_machine)
{
	u16 n = drv_used(&d);
	bool out = type == VIRTIO_BLK_T_OUT || type >= VIRTIO_BLK_T_DISCARD;

	header(type, sector);
	drv_desc(&d, DRV_DESC, 0, HEADER, 16, F_N, len ? 1 : 2);
	drv_desc(&d, DRV_DESC, 1, BUF, len, F_N | (out ? 0 : F_W), 2);
	drv_desc(&d, DRV_DESC, 2, STATUS, 1, F_W, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(drv_used(&d), (u16)(n + 1));
	return *ram(STATUS);
}

static void segment(unsigned i, u64 sector, u32 count, u32 flags)
{
	u8 *p = ram(BUF) + 16 * i;

	put_le64(p, sector);
	put_le32(p + 8, count);
	put_le32(p + 12, flags);
}

static void the_configuration_tells_the_disk(void)
{
	begin(false, ALL, NULL);
	CHECK_EQ(pci_config_read(d.bus, 0, DRV_DEVFN, 0, 4), 0x10421af4);
	CHECK_EQ(pci_config_read(d.bus, 0, DRV_DEVFN, 9, 4) & 0xffffff, 0x010000);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_CAPACITY, 8), DISK / 512);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_CAPACITY + 4, 4), 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_SEG_MAX, 4), 126);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_BLK_SIZE, 4), 512);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_PHYSICAL_EXP, 1), 3);
	CHECK(drv_get(&d, DRV_CONFIG + BLK_CFG_MAX_DISCARD_SECTORS, 4) > 0);
	CHECK(drv_get(&d, DRV_CONFIG + BLK_CFG_MAX_DISCARD_SEG, 4) > 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_DISCARD_ALIGNMENT, 4), 128);
	CHECK(drv_get(&d, DRV_CONFIG + BLK_CFG_MAX_ZEROES_SECTORS, 4) > 0);
	CHECK(drv_get(&d, DRV_CONFIG + BLK_CFG_MAX_ZEROES_SEG, 4) > 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_LEN, 4), 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_LEN - 4, 8), 1);
	CHECK_EQ(d.n_sent, 0);
	drv_end(&d);
}

static void sectors_are_read_and_written(void)
{
	begin(false, BASIC, NULL);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
	CHECK_EQ(drv_used_len(&d, 0), 513);
	CHECK(ram(BUF)[0] == 0x33 && ram(BUF)[511] == 0x33);
	memset(ram(BUF), 0x44, 1024);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 4, 1024), VIRTIO_BLK_S_OK);
	CHECK_EQ(drv_used_len(&d, 1), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	memset(ram(BUF), 0, 2048);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 2048), VIRTIO_BLK_S_OK);
	CHECK(ram(BUF)[0] == 0x33 && ram(BUF)[512] == 0x44 && ram(BUF)[1535] == 0x44);
	CHECK(ram(BUF)[1536] == 0);
	CHECK_EQ(d.n_sent, 4);
	CHECK_EQ(stat_get(d.m, STAT_disk_read), 2);
	CHECK_EQ(stat_get(d.m, STAT_disk_write), 1);
	CHECK_EQ(stat_get(d.m, STAT_disk_flush), 1);
	CHECK_EQ(stat_get(d.m, STAT_disk_read_bytes), 2560);
	CHECK_EQ(stat_get(d.m, STAT_disk_write_bytes), 1024);
	drv_end(&d);
}

static void data_and_header_may_be_cut_anywhere(void)
{
	begin(false, BASIC, NULL);
	/* Header in two parts, the second with the first data; data in odd pieces. */
	header(VIRTIO_BLK_T_OUT, 8);
	memset(ram(BUF), 0x55, 1024);
	memcpy(ram(BUF) - 9, ram(HEADER) + 7, 9);
	drv_desc(&d, DRV_DESC, 5, HEADER, 7, F_N, 9);
	drv_desc(&d, DRV_DESC, 9, BUF - 9, 9 + 100, F_N, 1);
	drv_desc(&d, DRV_DESC, 1, BUF + 100, 411, F_N, 2);
	drv_desc(&d, DRV_DESC, 2, BUF + 511, 513, F_N, 3);
	drv_desc(&d, DRV_DESC, 3, STATUS, 1, F_W, 0);
	drv_offer(&d, 5);
	drv_kick(&d);
	CHECK_EQ(*ram(STATUS), VIRTIO_BLK_S_OK);
	header(VIRTIO_BLK_T_IN, 8);
	memset(ram(BUF), 0xaa, 1100);
	drv_desc(&d, DRV_DESC, 5, HEADER, 16, F_N, 6);
	drv_desc(&d, DRV_DESC, 6, BUF, 1, F_N | F_W, 7);
	drv_desc(&d, DRV_DESC, 7, BUF + 1, 1024, F_W, 0); /* 1023 of data, 1 of status */
	drv_offer(&d, 5);
	drv_kick(&d);
	CHECK_EQ(drv_used_len(&d, 1), 1025);
	CHECK(ram(BUF)[0] == 0x55 && ram(BUF)[1023] == 0x55);
	CHECK_EQ(ram(BUF)[1024], VIRTIO_BLK_S_OK);
	CHECK_EQ(ram(BUF)[1025], 0xaa);
	drv_end(&d);
}

static void requests_beyond_or_beside_the_sectors_fail(void)
{
	begin(false, ALL, NULL);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, DISK / 512, 512), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(drv_used_len(&d, 0), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, DISK / 512 - 1, 1024), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, ~0ull, 512), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 1ull << 55, 512), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 511), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 100), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(99, 0, 512), VIRTIO_BLK_S_UNSUPP);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_OK); /* nothing is little enough */
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
	drv_end(&d);
}

static void the_serial_is_given(void)
{
	begin(false, BASIC, NULL);
	memset(ram(BUF), 0xaa, 32);
	CHECK_EQ(request(VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
	CHECK(!memcmp(ram(BUF), "SERIAL-42\0\0\0\0\0\0\0\0\0\0\0\xaa", 21));
	memset(ram(BUF), 0xaa, 32);
	CHECK_EQ(request(VIRTIO_BLK_T_GET_ID, 0, 6), VIRTIO_BLK_S_OK);
	CHECK(!memcmp(ram(BUF), "SERIAL\xaa", 7));
	drv_end(&d);
}

static void ranges_are_discarded_and_zeroed(void)
{
	begin(false, ALL, NULL);
	memset(ram(BUF), 0x44, 0x10000);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 0x10000), VIRTIO_BLK_S_OK);
	segment(0, 8, 8, VIRTIO_BLK_SEGMENT_UNMAP);
	CHECK_EQ(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK);
	segment(0, 24, 1, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK);
	segment(0, 32, 8, 0);
	segment(1, 48, 8, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 32), VIRTIO_BLK_S_OK);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 0x10000), VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 128; i++) {
		bool zeroed = (i >= 8 && i < 16) || i == 24;
		bool discarded = (i >= 32 && i < 40) || (i >= 48 && i < 56);
		u8 got = ram(BUF)[512 * i];

		/* Discarding is a hint, which hosts that cannot punch holes do not take. */
		CHECK(got == (zeroed ? 0 : 0x44) || (discarded && got == 0));
	}
	/* Wrong ones. */
	segment(0, 0, 8, 2);
	CHECK_EQ(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_UNSUPP);
	segment(0, 0, 8, 1);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_UNSUPP);
	segment(0, DISK / 512 - 1, 2, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
	segment(0, 0, 0xffffffff, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
	segment(0, 0, 8, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 15), VIRTIO_BLK_S_UNSUPP);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 0), VIRTIO_BLK_S_UNSUPP);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 16 * 17), VIRTIO_BLK_S_UNSUPP);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	CHECK_EQ(ram(BUF)[0], 0x44);
	drv_end(&d);
}

static void a_read_only_disk_stays_as_it_is(void)
{
	begin(true, ALL, NULL);
	CHECK(d.v->acked & VIRTIO_BLK_F_RO);
	CHECK(!(d.v->acked & (VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)));
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_MAX_DISCARD_SECTORS, 4), 0);
	memset(ram(BUF), 0x44, 512);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 3, 512), VIRTIO_BLK_S_IOERR);
	segment(0, 3, 1, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
	CHECK_EQ(ram(BUF)[0], 0x33);
	drv_end(&d);
}

static void the_write_cache_is_the_drivers_choice(void)
{
	begin(false, ALL, NULL);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_WRITEBACK, 1), 1);
	drv_put(&d, DRV_CONFIG + BLK_CFG_WRITEBACK, 1, 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_WRITEBACK, 1), 0);
	drv_put(&d, DRV_CONFIG, 8, 0); /* nothing else is writable */
	CHECK_EQ(drv_get(&d, DRV_CONFIG, 8), DISK / 512);
	memset(ram(BUF), 0x66, 512);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 3, 512), VIRTIO_BLK_S_OK); /* flushed behind */
	segment(0, 0, 1, 0);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_OK);
	drv_set(&d, COMMON_STATUS, 1, 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_WRITEBACK, 1), 1);
	drv_start(&d, BASIC, 128); /* without CONFIG_WCE it cannot be set */
	drv_put(&d, DRV_CONFIG + BLK_CFG_WRITEBACK, 1, 0);
	CHECK_EQ(drv_get(&d, DRV_CONFIG + BLK_CFG_WRITEBACK, 1), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
	CHECK_EQ(ram(BUF)[0], 0x66);
	drv_end(&d);
}

static void requests_without_header_or_status_need_a_reset(void)
{
	begin(false, BASIC, NULL);
	drv_desc(&d, DRV_DESC, 0, HEADER, 15, F_N, 1);
	drv_desc(&d, DRV_DESC, 1, STATUS, 1, F_W, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(drv_used(&d), 0);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 0x4f);
	drv_start(&d, BASIC, 128);
	drv_desc(&d, DRV_DESC, 0, HEADER, 16, 0, 0);
	drv_offer(&d, 0);
	drv_kick(&d);
	CHECK_EQ(drv_common(&d, COMMON_STATUS, 1), 0x4f);
	drv_start(&d, BASIC, 128);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_OK);
	drv_end(&d);
}

static void host_errors_reach_the_guest(void)
{
	struct file *f;

	begin(false, BASIC, NULL);
	CHECK(file_open(&f, path, FILE_WRITE, NULL) == 0);
	CHECK(file_resize(f, 512) == 0);
	file_close(f);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 3, 512), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(drv_used_len(&d, 0), 1);
	drv_end(&d);
}

static void wrong_arguments_are_refused(void)
{
	static const unsigned sizes[] = { 1, 2, 3, 100, 2048 };
	struct disk_config cfg = { .path = path, .readonly = true };
	struct disk *disk;
	struct error err;

	begin(true, BASIC, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		CHECK(disk_open(&disk, &cfg, NULL) == 0);
		CHECK(!virtio_blk_create(d.bus, 5, disk, "disk1", NULL, sizes[i], NULL, &err));
		CHECK(strstr(err.msg, "queue_size"));
	}
	CHECK(disk_open(&disk, &cfg, NULL) == 0);
	CHECK(!virtio_blk_create(d.bus, 5, disk, "disk1", "123456789012345678901", 0, NULL, &err));
	CHECK(strstr(err.msg, "20"));
	CHECK(disk_open(&disk, &cfg, NULL) == 0);
	CHECK(!virtio_blk_create(d.bus, DRV_SLOT, disk, "disk1", NULL, 0, NULL, &err));
	CHECK(disk_open(&disk, &cfg, NULL) == 0);
	CHECK(virtio_blk_create(d.bus, 5, disk, "disk1", "12345678901234567890", 1024, NULL, &err));
	drv_end(&d);
}

static u16 used_now(void)
{
	return __atomic_load_n((u16 *)(void *)ram(DRV_USED + 2), __ATOMIC_ACQUIRE);
}

static void a_reset_may_come_while_the_loop_works(void)
{
	struct io_loop *loop;

	CHECK(io_loop_create(&loop, "io-test", NULL) == 0);
	begin(false, BASIC, loop);
	for (unsigned round = 0; round < 100; round++) {
		drv_start(&d, BASIC, 128);
		header(VIRTIO_BLK_T_IN, 0);
		drv_desc(&d, DRV_DESC, 0, HEADER, 16, F_N, 1);
		drv_desc(&d, DRV_DESC, 1, BUF, 0x20000, F_N | F_W, 2);
		drv_desc(&d, DRV_DESC, 2, STATUS, 1, F_W, 0);
		for (unsigned i = 0; i < 16; i++) {
			drv_offer(&d, 0);
			drv_put(&d, DRV_BELL, 2, 0);
		}
		if (round % 4)
			continue;
		machine_unlock(d.m);
		for (unsigned i = 0; i < 5000 && used_now() != 16; i++)
			time_sleep_ns(NS_PER_MS);
		machine_lock(d.m);
		CHECK_EQ(used_now(), 16);
	}
	machine_unlock(d.m);
	io_loop_stop(loop);
	machine_destroy(d.m);
	io_loop_destroy(loop);
}

/* The machine lock is held meanwhile: all vCPUs would stand until the last request was done. */
static void a_reset_waits_for_one_request_only(void)
{
	struct io_loop *loop;
	unsigned done = 128;

	CHECK(io_loop_create(&loop, "io-test", NULL) == 0);
	begin(false, BASIC, loop);
	for (unsigned round = 0; round < 20 && done == 128; round++) {
		drv_start(&d, BASIC, 128);
		header(VIRTIO_BLK_T_IN, 0);
		drv_desc(&d, DRV_DESC, 0, HEADER, 16, F_N, 1);
		drv_desc(&d, DRV_DESC, 1, BUF, DISK, F_N | F_W, 2);
		drv_desc(&d, DRV_DESC, 2, STATUS, 1, F_W, 0);
		for (unsigned i = 0; i < 128; i++)
			drv_offer(&d, 0);
		drv_put(&d, DRV_BELL, 2, 0);
		while (!used_now())
			time_sleep_ns(10 * NS_PER_US);
		drv_set(&d, COMMON_STATUS, 1, 0);
		done = used_now();
	}
	CHECK(done < 128);
	machine_unlock(d.m);
	io_loop_stop(loop);
	machine_destroy(d.m);
	io_loop_destroy(loop);
}

int main(void)
{
	RUN(the_configuration_tells_the_disk);
	RUN(sectors_are_read_and_written);
	RUN(data_and_header_may_be_cut_anywhere);
	RUN(requests_beyond_or_beside_the_sectors_fail);
	RUN(the_serial_is_given);
	RUN(ranges_are_discarded_and_zeroed);
	RUN(a_read_only_disk_stays_as_it_is);
	RUN(the_write_cache_is_the_drivers_choice);
	RUN(requests_without_header_or_status_need_a_reset);
	RUN(host_errors_reach_the_guest);
	RUN(wrong_arguments_are_refused);
	RUN(a_reset_may_come_while_the_loop_works);
	RUN(a_reset_waits_for_one_request_only);
	file_remove(path);
	return 0;
}
