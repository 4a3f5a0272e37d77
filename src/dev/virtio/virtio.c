/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/virtio/virtio.c: the transport-free part of a virtio device: status, features, reset, state.
 * Virtio 1.2, sections 2.1, 2.2, 2.4 and 3.1.
 */
#include "dev/virtio/virtio.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dev/virtio/virtio_priv.h"

LOG_MODULE("virtio");

static const struct field vq_fields[] = {
	FIELD(struct vq, size),           FIELD(struct vq, vector),
	FIELD(struct vq, enabled),        FIELD(struct vq, desc),
	FIELD(struct vq, driver),         FIELD(struct vq, device),
	FIELD(struct vq, last_avail),     FIELD(struct vq, used_idx),
	FIELD(struct vq, signalled_used), FIELD_END,
};

const struct field virtio_fields[] = {
	FIELD_SUB(struct virtio, pci, pci_fields),
	FIELD(struct virtio, offered_select),
	FIELD(struct virtio, acked_select),
	FIELD(struct virtio, acked),
	FIELD(struct virtio, queue_select),
	FIELD(struct virtio, config_vector),
	FIELD(struct virtio, status),
	FIELD(struct virtio, generation),
	FIELD(struct virtio, isr),
	FIELD_SUBS(struct virtio, vq, vq_fields),
	FIELD_END,
};

static u8 status_of(const struct virtio *v)
{
	return __atomic_load_n(&v->status, __ATOMIC_RELAXED);
}

/* A queue is served while this is so; the caller holds its lock. */
static void update_live(struct vq *q)
{
	u8 s = status_of(q->virtio);

	q->live = q->enabled && (s & VIRTIO_STATUS_DRIVER_OK) && !(s & VIRTIO_STATUS_NEEDS_RESET);
}

/* Serve what may have been made available before, without a kick. */
static void start_queues(struct virtio *v)
{
	for (unsigned i = 0; i < v->cls->nqueues; i++) {
		struct vq *q = &v->vq[i];

		mutex_lock(&q->lock);
		update_live(q);
		if (q->live)
			event_signal(&q->event);
		mutex_unlock(&q->lock);
	}
}

/*
 * Take @q's lock with nobody serving it and no request in flight. Whoever serves it ends the
 * request at hand and lets go.
 */
static void seize(struct vq *q)
{
	struct virtio *v = q->virtio;

	__atomic_store_n(&q->stopping, true, __ATOMIC_RELAXED);
	mutex_lock(&q->lock);
	if (v->cls->drain)
		v->cls->drain(v, q);
}

static void release(struct vq *q)
{
	__atomic_store_n(&q->stopping, false, __ATOMIC_RELAXED);
	mutex_unlock(&q->lock);
}

void virtio_reset(struct virtio *v)
{
	for (unsigned i = 0; i < v->cls->nqueues; i++) {
		struct vq *q = &v->vq[i];

		seize(q);
		vq_reset(q);
		release(q);
	}
	if (v->cls->reset)
		v->cls->reset(v);
	__atomic_store_n(&v->status, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&v->isr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&v->config_vector, (u16)VIRTIO_MSI_NO_VECTOR, __ATOMIC_RELAXED);
	v->offered_select = v->acked_select = 0;
	v->acked = 0;
	v->queue_select = 0;
	pci_intx(&v->pci, false);
}

/* 2.2.2, 6.1: a driver must take VERSION_1 and nothing that was not offered. */
static bool features_fit(const struct virtio *v)
{
	return (v->acked & VIRTIO_F_VERSION_1) && !(v->acked & ~v->offered);
}

void virtio_set_status(struct virtio *v, u8 status)
{
	u8 old = status_of(v), fresh;

	if (status == 0) {
		virtio_reset(v);
		return;
	}
	/* 2.1.1: bits are only ever added; NEEDS_RESET is ours. */
	fresh = status & (u8) ~(old | VIRTIO_STATUS_NEEDS_RESET);
	if ((fresh & VIRTIO_STATUS_FEATURES_OK) && !features_fit(v)) {
		log_guest("%s: features %llx are refused: %llx are offered", v->dev.id,
			  (unsigned long long)v->acked, (unsigned long long)v->offered);
		fresh &= (u8)~VIRTIO_STATUS_FEATURES_OK;
	}
	if ((fresh & VIRTIO_STATUS_DRIVER_OK) && !((old | fresh) & VIRTIO_STATUS_FEATURES_OK)) {
		log_guest("%s: DRIVER_OK without FEATURES_OK", v->dev.id);
		fresh &= (u8)~VIRTIO_STATUS_DRIVER_OK;
	}
	__atomic_fetch_or(&v->status, fresh, __ATOMIC_RELAXED);
	if (fresh & VIRTIO_STATUS_DRIVER_OK)
		start_queues(v);
}

void virtio_broken(struct virtio *v, const char *why)
{
	u8 old = __atomic_fetch_or(&v->status, VIRTIO_STATUS_NEEDS_RESET, __ATOMIC_RELAXED);

	log_guest("%s: %s; it needs a reset", v->dev.id, why);
	if (old & VIRTIO_STATUS_DRIVER_OK)
		virtio_raise(v, __atomic_load_n(&v->config_vector, __ATOMIC_RELAXED),
			     VIRTIO_ISR_CONFIG);
}

void virtio_raise(struct virtio *v, u16 vector, u8 isr)
{
	if (pci_msix_enabled(&v->pci)) {
		pci_msix_notify(&v->pci, vector); /* NO_VECTOR is none of them */
		return;
	}
	__atomic_fetch_or(&v->isr, isr, __ATOMIC_RELAXED);
	__atomic_store_n(&v->intx_stale, true, __ATOMIC_RELEASE);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	if (!(status_of(v) & VIRTIO_STATUS_DRIVER_OK))
		return;
	virtio_raise(v, __atomic_load_n(&v->config_vector, __ATOMIC_RELAXED), VIRTIO_ISR_CONFIG);
	pci_intx(&v->pci, __atomic_load_n(&v->isr, __ATOMIC_RELAXED) != 0);
}

void virtio_device_reset(struct device *d, enum reset_kind kind UNUSED)
{
	struct virtio *v = container_of(d, struct virtio, dev);

	virtio_reset(v);
	v->generation = 0;
	pci_reset(&v->pci);
}

void virtio_device_hold(struct device *d, bool on)
{
	struct virtio *v = container_of(d, struct virtio, dev);

	for (unsigned i = 0; i < v->cls->nqueues; i++) {
		struct vq *q = &v->vq[i];

		if (on) {
			seize(q);
			continue;
		}
		release(q);
		event_signal(&q->event); /* it may have stopped half-way */
	}
}

static bool queue_state_fits(struct virtio *v, struct vq *q)
{
	if (q->vector >= v->pci.msix_vectors)
		q->vector = VIRTIO_MSI_NO_VECTOR;
	return q->size && q->size <= v->queue_max && !(q->size & (q->size - 1));
}

int virtio_device_loaded(struct device *d, struct error *err)
{
	struct virtio *v = container_of(d, struct virtio, dev);
	int r = pci_loaded(&v->pci, err);

	if (r < 0)
		return r;
	if (v->acked & ~v->offered)
		return error_set(err, -EINVAL, "the state uses features %llx that are not offered",
				 (unsigned long long)(v->acked & ~v->offered));
	if (v->config_vector >= v->pci.msix_vectors)
		v->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned i = 0; i < v->cls->nqueues; i++) {
		struct vq *q = &v->vq[i];
		bool fits;

		mutex_lock(&q->lock);
		fits = queue_state_fits(v, q);
		q->in_flight = 0;
		mutex_unlock(&q->lock);
		if (!fits)
			return error_set(err, -EINVAL, "queue %u has %u entries, at most %u fit", i,
					 q->size, v->queue_max);
	}
	start_queues(v);
	return 0;
}

void virtio_device_destroy(struct device *d)
{
	struct virtio *v = container_of(d, struct virtio, dev);

	if (v->cls->destroy)
		v->cls->destroy(v);
	for (unsigned i = 0; i < v->cls->nqueues; i++)
		vq_finish(&v->vq[i]);
	free(v);
}

int virtio_init(struct virtio *v, const struct virtio_class *cls,
		const struct device_class *dev_cls, struct pci_bus *bus, int slot, const char *id,
		unsigned queue_max, struct io_loop *loop, struct error *err)
{
	unsigned n = 0;
	int r = 0;

	assert(cls->nqueues <= VIRTIO_MAX_QUEUES && queue_max <= VQ_MAX_SIZE);
	v->cls = cls;
	v->loop = loop;
	v->queue_max = (u16)queue_max;
	if (device_find(pci_machine(bus), id))
		r = error_set(err, -EEXIST,
			      "there is a device called %s already; choose another id", id);
	while (r == 0 && n < cls->nqueues) {
		r = vq_init(&v->vq[n], v, (u16)n, err);
		n++;
	}
	if (r == 0)
		r = virtio_pci_init(v, bus, slot, err);
	if (r < 0) {
		while (n)
			vq_finish(&v->vq[--n]);
		return r;
	}
	v->offered = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
		     (cls->features ? cls->features(v) : 0);
	device_add(pci_machine(bus), &v->dev, dev_cls, id);
	virtio_device_reset(&v->dev, RESET_POWER_ON);
	for (unsigned i = 0; i < cls->nqueues; i++)
		vq_attach(&v->vq[i]);
	return 0;
}

struct pci_dev *virtio_pci(struct device *d)
{
	return &container_of(d, struct virtio, dev)->pci;
}

void virtio_poll(struct device *d)
{
	struct virtio *v = container_of(d, struct virtio, dev);

	for (unsigned i = 0; i < v->cls->nqueues; i++)
		vq_service(&v->vq[i]);
}
