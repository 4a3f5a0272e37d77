/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A block device on whatever a driver may leave in its rings. Input: u8 features, u8 where rings
 * lie, 16 descriptors, 36 bytes of available ring, and the memory that descriptors point to.
 */
#include "../unit/virtio_driver.h"
#include "block/block.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

enum { RING = 16, DISK = 1 << 16 };
static const char path[] = "fuzz_virtqueue.img";

static struct disk *make_disk(bool readonly)
{
	struct disk_config cfg = { .path = path, .format = "raw", .readonly = readonly };
	struct disk *disk;
	struct file *f;

	CHECK(file_open(&f, path, FILE_WRITE | FILE_CREATE, NULL) == 0);
	CHECK(file_resize(f, DISK) == 0);
	file_close(f);
	CHECK(disk_open(&disk, &cfg, NULL) == 0);
	return disk;
}

static void take(u8 *to, size_t n, const u8 **data, size_t *len)
{
	n = MIN(n, *len);
	memcpy(to, *data, n);
	*data += n;
	*len -= n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static struct drv d;
	struct device *dev;
	u8 head[2] = { 0 };

	take(head, 2, &data, &len);
	drv_begin(&d);
	dev = virtio_blk_create(d.bus, DRV_SLOT, make_disk(head[0] & 1), "disk0", "X", RING, NULL,
				NULL);
	CHECK(dev);
	drv_attach(&d, dev, head[0] & 2);
	drv_start(&d, head[0] & 4 ? ~0ull : VIRTIO_F_VERSION_1 | (u64)head[0] << 25, RING);
	if (head[1] & 1) /* the used ring over the descriptors */
		d.v->vq[0].device = DRV_DESC;
	if (head[1] & 2) /* the available ring at the end of RAM */
		d.v->vq[0].driver = DRV_RAM - 8;
	take(d.ram->host + DRV_DESC, 16 * RING, &data, &len);
	take(d.ram->host + DRV_AVAIL, 36, &data, &len);
	take(d.ram->host + DRV_DATA, DRV_RAM - DRV_DATA, &data, &len);
	for (unsigned i = 0; i < 3; i++) {
		drv_kick(&d);
		put_le16(d.ram->host + DRV_AVAIL + 2,
			 (u16)(le16_at(d.ram->host + DRV_AVAIL + 2) + head[1] / 16));
	}
	drv_set(&d, COMMON_STATUS, 1, 0);
	drv_end(&d);
	file_remove(path);
	return 0;
}
