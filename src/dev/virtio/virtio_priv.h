/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dev/virtio/virtio_priv.h: what every virtio device embeds, and what the parts share. */
#pragma once

#include "core/machine.h"
#include "dev/virtio/virtio.h"
#include "dev/virtio/virtio_abi.h"

/* Embedded first, so that free(v) frees the whole device. */
struct virtio {
	struct device dev;
	struct pci_dev pci;
	const struct virtio_class *cls;
	struct io_loop *loop; /* NULL: virtio_poll() */
	u16 queue_max;
	u64 offered, acked; /* acked does not change while a queue is live */
	u32 offered_select, acked_select;
	u16 queue_select, config_vector; /* the vector is atomic */
	u8 status;                       /* atomic: any thread may find that a reset is needed */
	u8 generation;
	u8 isr;          /* atomic */
	bool intx_stale; /* atomic: the wire has to follow @isr */
	u8 access_cap;   /* offset of the PCI configuration access capability */
	struct vq vq[VIRTIO_MAX_QUEUES];
};
extern const struct field virtio_fields[];

/*
 * Make a zeroed @v a PCI function with queues of at most @queue_max entries, and the machine's,
 * which then owns it. On failure @v is as before and stays the caller's.
 */
int virtio_init(struct virtio *v, const struct virtio_class *cls,
		const struct device_class *dev_cls, struct pci_bus *bus, int slot, const char *id,
		unsigned queue_max, struct io_loop *loop, struct error *err) needs(in_machine)
	MUST_CHECK;
/* For the device_class of each virtio device. */
void virtio_device_reset(struct device *d, enum reset_kind kind) needs(in_machine);
void virtio_device_hold(struct device *d, bool on) needs(in_machine);
int virtio_device_loaded(struct device *d, struct error *err) needs(in_machine);
void virtio_device_destroy(struct device *d);

/* Back to status 0, from the driver or the platform. */
void virtio_reset(struct virtio *v) needs(in_machine);
void virtio_set_status(struct virtio *v, u8 status) needs(in_machine);
/* The driver broke a rule it cannot recover from: set NEEDS_RESET and say so. Any thread. */
void virtio_broken(struct virtio *v, const char *why);
/* Raise @vector, or with INTx @isr, which virtio_sync_intx() then shows. Any thread. */
void virtio_raise(struct virtio *v, u16 vector, u8 isr);
/* The device configuration changed for another reason than the driver's write. */
void virtio_config_changed(struct virtio *v) needs(in_machine);

/* pci.c */
int virtio_pci_init(struct virtio *v, struct pci_bus *bus, int slot, struct error *err)
	needs(in_machine);
/* Let the INTx wire follow the ISR register: after the queue lock was released. */
void virtio_sync_intx(struct virtio *v) barred(in_machine);

/* vq.c: queue lock held, except for vq_init and vq_finish */
int vq_init(struct vq *q, struct virtio *v, u16 index, struct error *err);
void vq_finish(struct vq *q);
void vq_reset(struct vq *q);
/* Serve @q no more until a reset; virtio_broken() with the queue's number. -EPROTO. */
int vq_broken(struct vq *q, const char *what);
/* io_loop.c: serve @q on its loop from now on, if it has one. */
void vq_attach(struct vq *q);
/* Serve @q if its doorbell rang. On the I/O loop, or from virtio_poll(). */
void vq_service(struct vq *q) barred(in_machine);
