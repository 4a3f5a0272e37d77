/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/virtio/blk.c: virtio block device. Virtio 1.2, section 5.2.
 *
 * A request is taken on the I/O loop under the queue lock, handed to the disk, and given back when
 * the disk is done with it: at once, still inside the loop's serve, or later.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "block/block.h"
#include "dev/virtio/virtio_priv.h"

LOG_MODULE("virtio-blk");

enum {
	SECTOR = 512, /* the unit of all counts in the protocol, whatever blk_size says */
	DEFAULT_QUEUE_SIZE = 128,
	MIN_QUEUE_SIZE = 4,
	/*
	 * Windows' viostor divides by these and dies of zeroes. 64 KiB is the granularity that
	 * keeps its defragmenter from trimming crumbs. Zeroing may have to write: less at a time.
	 */
	MAX_DISCARD_SECTORS = 1 << 21,
	MAX_DISCARD_SEGMENTS = 16,
	DISCARD_ALIGNMENT = 65536 / SECTOR,
	MAX_ZEROES_SECTORS = 1 << 16,
	MAX_ZEROES_SEGMENTS = 1,
};

struct segment {
	u64 sector;
	u32 count, flags;
};

struct blk;
struct blk_req {
	struct disk_req disk;
	struct blk *blk;
	struct blk_req *next; /* free ones */
	u32 type, written;    /* bytes given to the driver, without the status byte */
	bool flush_after;     /* write-through: not done before it is on the disk */
	unsigned segments, segment;
	struct segment seg[MAX_DISCARD_SEGMENTS];
	struct vq_chain chain;
	struct io_vec vec[VQ_MAX_BUFS];
};

struct blk {
	struct virtio v;
	struct disk *disk;
	u8 serial[VIRTIO_BLK_ID_BYTES]; /* padded with NUL */
	u8 writeback; /* atomic; the driver's wish: 1 write-back, 0 write-through */
	/* Under the queue lock. */
	struct blk_req *free_reqs; /* as many as were ever in flight */
	struct cond idle;          /* the last request ended */
	bool serving;              /* the I/O loop is inside blk_serve() and holds the lock */
	struct log_limit error_limit;
};

static const struct field blk_fields[] = {
	FIELD_SUB(struct blk, v, virtio_fields),
	FIELD(struct blk, writeback),
	FIELD_END,
};

static struct blk *to_blk(struct virtio *v)
{
	return container_of(v, struct blk, v);
}

static u64 blk_features(struct virtio *v)
{
	bool ro = disk_info(to_blk(v)->disk)->readonly;

	return VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
	       VIRTIO_BLK_F_TOPOLOGY |
	       (ro ? VIRTIO_BLK_F_RO
		   : VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
}

static void blk_config_read(struct virtio *v, unsigned off, void *buf, unsigned len)
{
	struct blk *b = to_blk(v);
	const struct disk_info *info = disk_info(b->disk);
	u8 c[BLK_CFG_LEN] = { 0 };
	u32 per_physical = info->physical / info->sector;

	put_le64(c + BLK_CFG_CAPACITY, info->size / SECTOR);
	put_le32(c + BLK_CFG_SEG_MAX, MIN(v->queue_max, VQ_MAX_BUFS) - 2u);
	put_le32(c + BLK_CFG_BLK_SIZE, info->sector);
	c[BLK_CFG_PHYSICAL_EXP] = (u8)__builtin_ctz(per_physical);
	put_le16(c + BLK_CFG_MIN_IO_SIZE, (u16)per_physical);
	c[BLK_CFG_WRITEBACK] = __atomic_load_n(&b->writeback, __ATOMIC_RELAXED);
	put_le16(c + BLK_CFG_NUM_QUEUES, 1);
	if (v->offered & VIRTIO_BLK_F_DISCARD) {
		put_le32(c + BLK_CFG_MAX_DISCARD_SECTORS, MAX_DISCARD_SECTORS);
		put_le32(c + BLK_CFG_MAX_DISCARD_SEG, MAX_DISCARD_SEGMENTS);
		put_le32(c + BLK_CFG_DISCARD_ALIGNMENT, DISCARD_ALIGNMENT);
		put_le32(c + BLK_CFG_MAX_ZEROES_SECTORS, MAX_ZEROES_SECTORS);
		put_le32(c + BLK_CFG_MAX_ZEROES_SEG, MAX_ZEROES_SEGMENTS);
		c[BLK_CFG_ZEROES_MAY_UNMAP] = 1;
	}
	memcpy(buf, c + off, len);
}

/* 5.2.5.1: only the write cache mode is the driver's, where it took CONFIG_WCE. */
static void blk_config_write(struct virtio *v, unsigned off, const void *buf, unsigned len)
{
	const u8 *p = buf;

	if (off <= BLK_CFG_WRITEBACK && BLK_CFG_WRITEBACK - off < len &&
	    (v->acked & VIRTIO_BLK_F_CONFIG_WCE))
		__atomic_store_n(&to_blk(v)->writeback, p[BLK_CFG_WRITEBACK - off] & 1,
				 __ATOMIC_RELAXED);
}

/* 5.2.6.2: a driver that cannot flush must find its writes on the disk. */
static bool write_through(const struct blk *b)
{
	if (b->v.acked & VIRTIO_BLK_F_CONFIG_WCE)
		return !__atomic_load_n(&b->writeback, __ATOMIC_RELAXED);
	return !(b->v.acked & VIRTIO_BLK_F_FLUSH);
}

static struct blk_req *get_req(struct blk *b)
{
	struct blk_req *r = b->free_reqs;

	if (r)
		b->free_reqs = r->next;
	else
		r = xnew(struct blk_req);
	r->blk = b;
	return r;
}

static void put_req(struct blk *b, struct blk_req *r)
{
	r->next = b->free_reqs;
	b->free_reqs = r;
}

/* Answer @r. Queue lock held. */
static void finish(struct blk *b, struct blk_req *r, u8 status)
{
	struct vq *q = &b->v.vq[0];
	u32 written = status == VIRTIO_BLK_S_OK ? r->written : 0;

	/* The status is the last byte that the device may write, and is written last: 5.2.6. */
	if (vq_chain_write(&r->chain, r->chain.write_len - 1, &status, 1))
		vq_push(q, r->chain.head, written + 1);
	vq_flush(q);
	put_req(b, r);
	if (!q->in_flight)
		cond_broadcast(&b->idle);
}

static void blk_done(struct disk_req *d, int result);

/* Hand r->disk to the disk; its fields for this operation are set, but for those that stay. */
static void submit(struct blk_req *r, enum disk_op op)
{
	r->disk.op = op;
	r->disk.done = blk_done;
	disk_submit(r->blk->disk, &r->disk);
}

static void submit_segment(struct blk_req *r)
{
	const struct segment *s = &r->seg[r->segment++];

	r->disk.off = s->sector * SECTOR;
	r->disk.len = (u64)s->count * SECTOR;
	r->disk.unmap = s->flags & VIRTIO_BLK_SEGMENT_UNMAP;
	submit(r, r->type == VIRTIO_BLK_T_DISCARD ? DISK_DISCARD : DISK_WRITE_ZEROES);
}

static void complain(struct blk *b, const struct blk_req *r, int result)
{
	static const char *const what[] = { "read", "write", "flush", "discard", "write zeroes" };

	if (log_allow(&b->error_limit))
		log_err("%s: cannot %s %llu bytes at %llu of %s: %s", b->v.dev.id, what[r->disk.op],
			(unsigned long long)r->disk.len, (unsigned long long)r->disk.off,
			disk_info(b->disk)->path, strerror(-result));
}

/* One operation of @r ended. Queue lock held. */
static void step(struct blk *b, struct blk_req *r, int result)
{
	if (result < 0) {
		complain(b, r, result);
		finish(b, r, VIRTIO_BLK_S_IOERR);
	} else if (r->segment < r->segments) {
		submit_segment(r);
	} else if (r->flush_after) {
		r->flush_after = false;
		submit(r, DISK_FLUSH);
	} else {
		finish(b, r, VIRTIO_BLK_S_OK);
	}
}

static void blk_done_later(struct blk *b, struct blk_req *r, int result)
{
	mutex_lock(&b->v.vq[0].lock);
	step(b, r, result);
	mutex_unlock(&b->v.vq[0].lock);
	virtio_sync_intx(&b->v);
}

static void blk_done(struct disk_req *d, int result)
{
	struct blk_req *r = container_of(d, struct blk_req, disk);

	if (r->blk->serving)
		step(r->blk, r, result);
	else
		blk_done_later(r->blk, r, result);
}

/* Are @len bytes at @sector whole blocks of the disk? */
static bool in_disk(const struct blk *b, u64 sector, u64 len)
{
	const struct disk_info *info = disk_info(b->disk);
	u64 off;

	return !mul_overflow(sector, (u64)SECTOR, &off) && len <= info->size &&
	       off <= info->size - len && off % info->sector == 0 && len % info->sector == 0;
}

static void start_transfer(struct blk *b, struct blk_req *r, u64 sector)
{
	bool in = r->type == VIRTIO_BLK_T_IN;
	const struct vq_chain *c = &r->chain;
	u64 skip = in ? 0 : VIRTIO_BLK_HEADER_LEN;
	u64 len = in ? c->write_len - 1 : c->read_len - VIRTIO_BLK_HEADER_LEN;
	struct machine *m = b->v.dev.machine;

	if (!in_disk(b, sector, len) || (!in && disk_info(b->disk)->readonly) || len > UINT32_MAX) {
		log_guest("%s: %s of %llu bytes at sector %llu is refused", b->v.dev.id,
			  in ? "a read" : "a write", (unsigned long long)len,
			  (unsigned long long)sector);
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->disk.nvec = vq_chain_slice(c, in, skip, len, r->vec);
	r->disk.vec = r->vec;
	r->disk.off = sector * SECTOR;
	r->disk.len = len;
	r->written = in ? (u32)len : 0;
	r->flush_after = !in && write_through(b);
	stat_add(m, in ? STAT_disk_read : STAT_disk_write, 1);
	stat_add(m, in ? STAT_disk_read_bytes : STAT_disk_write_bytes, len);
	submit(r, in ? DISK_READ : DISK_WRITE);
}

/* Read and check the segments of a discard or write zeroes; 5.2.6.2. Returns the status. */
static u8 read_segments(struct blk *b, struct blk_req *r)
{
	bool discard = r->type == VIRTIO_BLK_T_DISCARD;
	u64 len = r->chain.read_len - VIRTIO_BLK_HEADER_LEN;
	u64 n = len / VIRTIO_BLK_SEGMENT_LEN;

	if (disk_info(b->disk)->readonly)
		return VIRTIO_BLK_S_IOERR;
	if (!n || len % VIRTIO_BLK_SEGMENT_LEN ||
	    n > (discard ? MAX_DISCARD_SEGMENTS : MAX_ZEROES_SEGMENTS))
		return VIRTIO_BLK_S_UNSUPP;
	for (unsigned i = 0; i < n; i++) {
		struct segment *s = &r->seg[i];
		u8 raw[VIRTIO_BLK_SEGMENT_LEN];

		if (!vq_chain_read(&r->chain, VIRTIO_BLK_HEADER_LEN + i * sizeof(raw), raw,
				   sizeof(raw)))
			return VIRTIO_BLK_S_IOERR;
		*s = (struct segment){ le64_at(raw), le32_at(raw + 8), le32_at(raw + 12) };
		if (s->flags & (discard ? ~0u : ~(u32)VIRTIO_BLK_SEGMENT_UNMAP))
			return VIRTIO_BLK_S_UNSUPP;
		if (s->count > (discard ? MAX_DISCARD_SECTORS : MAX_ZEROES_SECTORS) ||
		    !in_disk(b, s->sector, (u64)s->count * SECTOR))
			return VIRTIO_BLK_S_IOERR;
	}
	r->segments = (unsigned)n;
	return VIRTIO_BLK_S_OK;
}

static void start_segments(struct blk *b, struct blk_req *r)
{
	u8 status = read_segments(b, r);

	if (status != VIRTIO_BLK_S_OK) {
		log_guest("%s: a %s is refused", b->v.dev.id,
			  r->type == VIRTIO_BLK_T_DISCARD ? "discard" : "write zeroes");
		r->segments = 0;
		finish(b, r, status);
		return;
	}
	r->flush_after = write_through(b);
	stat_add(b->v.dev.machine, STAT_disk_discard, 1);
	submit_segment(r);
}

static void start_flush(struct blk *b, struct blk_req *r)
{
	r->disk.off = r->disk.len = 0;
	stat_add(b->v.dev.machine, STAT_disk_flush, 1);
	submit(r, DISK_FLUSH);
}

static void give_id(struct blk *b, struct blk_req *r)
{
	u32 len = (u32)MIN(r->chain.write_len - 1, VIRTIO_BLK_ID_BYTES);

	r->written = len;
	finish(b, r,
	       vq_chain_write(&r->chain, 0, b->serial, len) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

/* Begin what r->chain asks for; it may end before this returns. */
static void start(struct blk *b, struct blk_req *r)
{
	u8 header[VIRTIO_BLK_HEADER_LEN];

	r->written = 0;
	r->segment = r->segments = 0;
	r->flush_after = false;
	/* The header may be spread over any descriptors, 2.7.4.3. The caller checked its length. */
	if (!vq_chain_read(&r->chain, 0, header, sizeof(header))) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->type = le32_at(header);
	switch (r->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT: start_transfer(b, r, le64_at(header + 8)); break;
	case VIRTIO_BLK_T_FLUSH: start_flush(b, r); break;
	case VIRTIO_BLK_T_GET_ID: give_id(b, r); break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES: start_segments(b, r); break;
	default:
		log_guest("%s: request type %u is unknown", b->v.dev.id, r->type);
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
	}
}

/* Take and begin one request; false: there is none. */
static bool take(struct blk *b, struct vq *q)
{
	struct blk_req *r = get_req(b);

	if (vq_pop(q, &r->chain) <= 0) {
		put_req(b, r);
		return false;
	}
	/* Nowhere to say what is wrong with it: 5.2.6 wants both. */
	if (r->chain.read_len < VIRTIO_BLK_HEADER_LEN || r->chain.write_len < 1) {
		q->in_flight--;
		put_req(b, r);
		vq_broken(q, "a request lacks its header or status byte");
		return false;
	}
	start(b, r);
	return true;
}

static void blk_serve(struct virtio *v, struct vq *q)
{
	struct blk *b = to_blk(v);
	unsigned budget = q->size;

	b->serving = true;
	do {
		vq_want_kicks(q, false);
		while (budget && take(b, q))
			budget--;
	} while (vq_want_kicks(q, true) && budget);
	b->serving = false;
	/* A driver that never stops must not keep the lock for ever: come back later. */
	if (!budget)
		event_signal(&q->event);
}

/* The disk is not waiting for us: its requests end on the I/O loop, which needs the queue lock. */
static void blk_drain(struct virtio *v, struct vq *q)
{
	while (q->in_flight)
		cond_wait(&to_blk(v)->idle, &q->lock);
}

static void blk_reset(struct virtio *v)
{
	__atomic_store_n(&to_blk(v)->writeback, 1, __ATOMIC_RELAXED);
}

static void blk_destroy(struct virtio *v)
{
	struct blk *b = to_blk(v);
	struct blk_req *next;

	for (struct blk_req *r = b->free_reqs; r; r = next) {
		next = r->next;
		free(r);
	}
	cond_finish(&b->idle);
	disk_close(b->disk);
}

static int blk_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct blk *b = to_blk(container_of(d, struct virtio, dev));

	b->writeback &= 1;
	return virtio_device_loaded(d, err);
}

static const struct virtio_class blk_class = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.nqueues = 1,
	.class_code = 0x010000,
	.config_len = BLK_CFG_LEN,
	.features = blk_features,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.serve = blk_serve,
	.drain = blk_drain,
	.reset = blk_reset,
	.destroy = blk_destroy,
};

static const struct device_class blk_device_class = {
	.name = "virtio-blk",
	.fields = blk_fields,
	.reset = virtio_device_reset,
	.hold = virtio_device_hold,
	.loaded = blk_loaded,
	.destroy = virtio_device_destroy,
};

static int check_config(const char *serial, unsigned queue_size, struct error *err)
{
	if (serial && strlen(serial) > VIRTIO_BLK_ID_BYTES)
		return error_set(err, -EINVAL, "serial \"%s\" is longer than %u bytes", serial,
				 VIRTIO_BLK_ID_BYTES);
	if (queue_size < MIN_QUEUE_SIZE || queue_size > VQ_MAX_SIZE ||
	    (queue_size & (queue_size - 1)))
		return error_set(err, -EINVAL, "queue_size %u is not a power of two from %u to %u",
				 queue_size, MIN_QUEUE_SIZE, VQ_MAX_SIZE);
	return 0;
}

struct device *virtio_blk_create(struct pci_bus *bus, int slot, struct disk *disk, const char *id,
				 const char *serial, unsigned queue_size, struct io_loop *loop,
				 struct error *err)
{
	struct blk *b;

	if (!queue_size)
		queue_size = DEFAULT_QUEUE_SIZE;
	if (check_config(serial, queue_size, err) < 0) {
		disk_close(disk);
		return NULL;
	}
	b = xnew(struct blk);
	b->disk = disk;
	if (serial)
		memcpy(b->serial, serial, strlen(serial));
	cond_init(&b->idle);
	if (virtio_init(&b->v, &blk_class, &blk_device_class, bus, slot, id, queue_size, loop,
			err) < 0) {
		blk_destroy(&b->v);
		free(b);
		return NULL;
	}
	return &b->v.dev;
}
