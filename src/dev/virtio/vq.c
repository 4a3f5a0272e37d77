/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/virtio/vq.c: split virtqueues. Virtio 1.2, section 2.7.
 *
 * The rings lie in guest RAM and change while we look: each word is read once, checked, then used.
 * A driver that breaks a rule finds its queue dead and the device in need of a reset.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/virtio/virtio_priv.h"

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

int vq_init(struct vq *q, struct virtio *v, u16 index, struct error *err)
{
	q->virtio = v;
	q->index = index;
	mutex_init(&q->lock);
	return event_init(&q->event, err);
}

void vq_finish(struct vq *q)
{
	event_finish(&q->event);
	mutex_finish(&q->lock);
}

void vq_reset(struct vq *q)
{
	q->live = q->enabled = false;
	q->size = q->virtio->queue_max;
	__atomic_store_n(&q->vector, (u16)VIRTIO_MSI_NO_VECTOR, __ATOMIC_RELAXED);
	q->desc = q->driver = q->device = 0;
	q->last_avail = q->used_idx = q->signalled_used = 0;
	q->in_flight = 0;
	event_clear(&q->event);
}

int vq_broken(struct vq *q, const char *what)
{
	char why[100];

	snprintf(why, sizeof(why), "queue %u: %s", q->index, what);
	q->live = false;
	virtio_broken(q->virtio, why);
	return -EPROTO;
}

static struct mem *guest(const struct vq *q)
{
	return q->virtio->dev.machine->mem;
}

/* 2.7: the rings are aligned, which makes the accesses to their words atomic. */
static bool aligned(const struct vq *q)
{
	return !(q->desc % 16 || q->driver % 2 || q->device % 4);
}

static bool ring_load(struct vq *q, gpa_t at, u16 *out)
{
	const u16 *p = mem_ptr(guest(q), at, sizeof(*p), false);

	if (p)
		*out = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	return p;
}

static bool ring_store(struct vq *q, gpa_t at, u16 val)
{
	u16 *p = mem_ptr(guest(q), at, sizeof(*p), true);

	if (p)
		__atomic_store_n(p, val, __ATOMIC_RELEASE);
	return p;
}

static bool has(const struct vq *q, u64 feature)
{
	return q->virtio->acked & feature;
}

/* Add @d to @out, in pieces where it spans regions of memory. NULL, or what is wrong with it. */
static const char *add_buffer(struct vq *q, struct vq_chain *out, const struct desc *d)
{
	bool write = d->flags & VIRTQ_DESC_F_WRITE;
	gpa_t at = d->addr;
	u64 end;

	if (!write && out->nwrite)
		return "a buffer to read follows one to write";
	if (add_overflow(d->addr, d->len, &end))
		return "a buffer wraps";
	for (u32 left = d->len; left;) {
		u8 *ptr = mem_ptr(guest(q), at, left, write);
		struct mem_range r;
		u32 len = left;

		if (!ptr && mem_find(guest(q), VIEW_NORMAL, at, &r) && r.len - (at - r.at) < left) {
			len = (u32)(r.len - (at - r.at));
			ptr = mem_ptr(guest(q), at, len, write);
		}
		if (!ptr)
			return "a buffer is not in RAM";
		if (out->nread + out->nwrite == VQ_MAX_BUFS)
			return "a request has too many buffers";
		out->buf[out->nread + out->nwrite] = (struct vq_buf){ ptr, len };
		if (write)
			out->nwrite++;
		else
			out->nread++;
		*(write ? &out->write_len : &out->read_len) += len;
		at += len;
		left -= len;
	}
	return NULL;
}

/* Copy descriptor @i of @table. */
static bool read_desc(struct vq *q, gpa_t table, u32 i, struct desc *out)
{
	u8 b[VIRTQ_DESC_LEN];
	u64 at;

	if (add_overflow(table, (u64)i * VIRTQ_DESC_LEN, &at) ||
	    mem_read(guest(q), at, b, sizeof(b)) < 0)
		return false;
	*out = (struct desc){ le64_at(b), le32_at(b + 8), le16_at(b + 12), le16_at(b + 14) };
	return true;
}

/* Follow the chain from @head. NULL, or what is wrong with it. */
static const char *read_chain(struct vq *q, u16 head, struct vq_chain *out)
{
	gpa_t table = q->desc;
	u32 entries = q->size, i = head;
	bool indirect = false;
	const char *wrong;

	out->head = head;
	out->nread = out->nwrite = 0;
	out->read_len = out->write_len = 0;
	/* As many steps as the longest ring has entries: a loop ends, whatever the table's size. */
	for (unsigned steps = 0; steps < VQ_MAX_SIZE; steps++) {
		struct desc d;

		if (i >= entries)
			return "a descriptor index is beyond the table";
		if (!read_desc(q, table, i, &d))
			return "a descriptor is not in RAM";
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			/* 2.7.5.3: may end a chain, must not be nested, holds whole descriptors. */
			if (!has(q, VIRTIO_F_INDIRECT_DESC) || indirect ||
			    d.flags & VIRTQ_DESC_F_NEXT || !d.len || d.len % VIRTQ_DESC_LEN)
				return "an indirect descriptor is wrong";
			indirect = true;
			table = d.addr;
			entries = d.len / VIRTQ_DESC_LEN;
			i = 0;
			continue;
		}
		wrong = add_buffer(q, out, &d);
		if (wrong)
			return wrong;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return NULL;
		i = d.next;
	}
	return "a descriptor chain does not end";
}

static bool is_served(const struct vq *q)
{
	return q->live && !__atomic_load_n(&q->stopping, __ATOMIC_RELAXED);
}

int vq_pop(struct vq *q, struct vq_chain *out)
{
	const char *wrong;
	u16 avail, head;

	if (!is_served(q))
		return 0;
	if (!aligned(q))
		return vq_broken(q, "a ring is not aligned");
	if (!ring_load(q, q->driver + 2, &avail))
		return vq_broken(q, "the available ring is not in RAM");
	if (avail == q->last_avail)
		return 0;
	if ((u16)(avail - q->last_avail) > q->size || q->in_flight >= q->size)
		return vq_broken(q, "more requests are available than the queue holds");
	if (!ring_load(q, q->driver + VIRTQ_AVAIL_RING + 2 * (u64)(q->last_avail % q->size), &head))
		return vq_broken(q, "the available ring is not in RAM");
	wrong = read_chain(q, head, out);
	if (wrong)
		return vq_broken(q, wrong);
	q->last_avail++;
	q->in_flight++;
	return 1;
}

void vq_push(struct vq *q, u16 head, u32 written)
{
	u64 at = q->device + VIRTQ_USED_RING + 8 * (u64)(q->used_idx % q->size);
	u8 elem[8];

	q->in_flight--;
	if (!q->live)
		return;
	put_le32(elem, head);
	put_le32(elem + 4, written);
	/* The element, and all data before it, is seen before the index: a release store. */
	if (mem_write(guest(q), at, elem, sizeof(elem)) < 0 ||
	    !ring_store(q, q->device + 2, (u16)(q->used_idx + 1))) {
		vq_broken(q, "the used ring is not in RAM");
		return;
	}
	q->used_idx++;
}

void vq_flush(struct vq *q)
{
	u16 old = q->signalled_used, word = 0;
	bool tell;

	if (!q->live || q->used_idx == old)
		return;
	q->signalled_used = q->used_idx;
	/* The index was written before the driver's wish is read, or both sides may fall asleep. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (has(q, VIRTIO_F_EVENT_IDX)) {
		/* 2.7.7: used_event is the index whose passing the driver wants to hear of. */
		if (!ring_load(q, q->driver + VIRTQ_AVAIL_RING + 2 * (u64)q->size, &word))
			return;
		tell = (u16)(q->used_idx - word - 1) < (u16)(q->used_idx - old);
	} else {
		if (!ring_load(q, q->driver, &word))
			return;
		tell = !(word & VIRTQ_AVAIL_F_NO_INTERRUPT);
	}
	if (tell)
		virtio_raise(q->virtio, __atomic_load_n(&q->vector, __ATOMIC_RELAXED),
			     VIRTIO_ISR_QUEUE);
}

bool vq_want_kicks(struct vq *q, bool on)
{
	u16 avail;

	if (!is_served(q) || !aligned(q))
		return false;
	if (!has(q, VIRTIO_F_EVENT_IDX)) {
		if (!ring_store(q, q->device, on ? 0 : VIRTQ_USED_F_NO_NOTIFY))
			return false;
	} else if (on) {
		/* avail_event, behind the used ring. Left behind, it asks for nothing: 2.7.10. */
		if (!ring_store(q, q->device + VIRTQ_USED_RING + 8 * (u64)q->size, q->last_avail))
			return false;
	}
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring_load(q, q->driver + 2, &avail) && avail != q->last_avail;
}

unsigned vq_chain_slice(const struct vq_chain *c, bool written, u64 off, u64 len,
			struct io_vec *out)
{
	unsigned first = written ? c->nread : 0, end = written ? c->nread + c->nwrite : c->nread;
	unsigned n = 0;

	for (unsigned i = first; i < end && len; i++) {
		const struct vq_buf *b = &c->buf[i];
		u64 part;

		if (off >= b->len) {
			off -= b->len;
			continue;
		}
		part = MIN(b->len - off, len);
		out[n++] = (struct io_vec){ b->ptr + off, (size_t)part };
		len -= part;
		off = 0;
	}
	return n;
}

bool vq_chain_read(const struct vq_chain *c, u64 off, void *buf, size_t len)
{
	struct io_vec v[VQ_MAX_BUFS];
	unsigned n;
	u8 *to = buf;

	if (len > c->read_len || off > c->read_len - len)
		return false;
	n = vq_chain_slice(c, false, off, len, v);
	for (unsigned i = 0; i < n; to += v[i++].len)
		memcpy(to, v[i].ptr, v[i].len);
	return true;
}

bool vq_chain_write(const struct vq_chain *c, u64 off, const void *buf, size_t len)
{
	struct io_vec v[VQ_MAX_BUFS];
	const u8 *from = buf;
	unsigned n;

	if (len > c->write_len || off > c->write_len - len)
		return false;
	n = vq_chain_slice(c, true, off, len, v);
	for (unsigned i = 0; i < n; from += v[i++].len)
		memcpy(v[i].ptr, from, v[i].len);
	return true;
}
