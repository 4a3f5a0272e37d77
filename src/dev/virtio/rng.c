/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/virtio/rng.c: virtio entropy device. Virtio 1.2, section 5.4. Debian 13's OVMF has no network
 * boot without it (or RDRAND).
 */
#include "base/alloc.h"
#include "base/log.h"
#include "dev/virtio/virtio_priv.h"
#include "plat/map.h"

LOG_MODULE("virtio-rng");

/* Bytes per request: a driver that asks for more asks again. */
enum { RNG_QUEUE_SIZE = 64, RNG_MAX = 65536 };

struct rng {
	struct virtio v;
};

static const struct field rng_fields[] = {
	FIELD_SUB(struct rng, v, virtio_fields),
	FIELD_END,
};

static const struct device_class rng_device_class = {
	.name = "virtio-rng",
	.fields = rng_fields,
	.reset = virtio_device_reset,
	.hold = virtio_device_hold,
	.loaded = virtio_device_loaded,
	.destroy = virtio_device_destroy,
};

/* Fill what the driver gave; returns how much. */
static u32 fill(struct virtio *v, const struct vq_chain *c)
{
	struct io_vec vec[VQ_MAX_BUFS];
	unsigned n = vq_chain_slice(c, true, 0, RNG_MAX, vec);
	u32 done = 0;

	for (unsigned i = 0; i < n; i++) {
		if (random_bytes(vec[i].ptr, vec[i].len) < 0) {
			log_guest("%s: the host has no random bytes", v->dev.id);
			break;
		}
		done += (u32)vec[i].len;
	}
	return done;
}

static void rng_serve(struct virtio *v, struct vq *q)
{
	unsigned budget = q->size;
	struct vq_chain c;

	do {
		vq_want_kicks(q, false);
		while (budget && vq_pop(q, &c) > 0) {
			vq_push(q, c.head, fill(v, &c));
			budget--;
		}
		vq_flush(q);
	} while (vq_want_kicks(q, true) && budget);
	/* A driver that never stops must not keep the lock for ever: come back later. */
	if (!budget)
		event_signal(&q->event);
}

static const struct virtio_class rng_class = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_ENTROPY,
	.nqueues = 1,
	.class_code = 0x00ff00,
	.serve = rng_serve,
};

struct device *virtio_rng_create(struct pci_bus *bus, int slot, const char *id,
				 struct io_loop *loop, struct error *err)
{
	struct rng *r = xnew(struct rng);

	if (virtio_init(&r->v, &rng_class, &rng_device_class, bus, slot, id, RNG_QUEUE_SIZE, loop,
			err) < 0) {
		free(r);
		return NULL;
	}
	return &r->v.dev;
}
