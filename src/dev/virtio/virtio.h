/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/virtio/virtio.h: the transport-free part of a virtio device and its rings, and constructors.
 * Virtio 1.2, sections 2 and 4.1. Modern (version 1) only.
 *
 * Queues are served on the device's I/O loop, woken by a doorbell; a queue's ring is touched under
 * its own lock (order: machine, then queue). Configuration and reset hold the machine lock.
 */
#pragma once

#include "base/error.h"
#include "bus/pci/pci.h"
#include "core/device.h"
#include "plat/event.h"
#include "plat/thread.h"

struct disk;
struct virtio;

enum { VQ_MAX_SIZE = 1024, VQ_MAX_BUFS = 256, VIRTIO_MAX_QUEUES = 16 };

struct vq_buf {
	u8 *ptr;
	u32 len;
};

/* One request: the device reads buf[0..nread), then writes buf[nread..nread+nwrite). */
struct vq_chain {
	u16 head;
	u16 nread, nwrite;
	u64 read_len, write_len; /* bytes in each part */
	struct vq_buf buf[VQ_MAX_BUFS];
};

struct vq {
	struct virtio *virtio;
	struct mutex lock;
	struct event event; /* the doorbell */
	u16 index;
	/* guest-visible, saved */
	u16 size, vector;
	bool enabled;
	u64 desc, driver, device; /* ring addresses, GPA */
	u16 last_avail, used_idx;
	/* event-idx and in-flight bookkeeping */
	u16 signalled_used;
	bool signalled_valid;
	u32 in_flight;
};

struct virtio_class {
	const char *name; /* "virtio-blk" */
	u16 id;           /* virtio device id: 2 block, 4 entropy */
	u16 nqueues;
	u16 queue_size; /* largest and default */
	u32 class_code; /* PCI class */
	u16 config_len;
	u64 (*features)(struct virtio *v); /* beyond the transport's */
	/* Copy @len bytes of configuration at @off (checked against config_len). [in_machine] */
	void (*config_read)(struct virtio *v, unsigned off, void *buf, unsigned len);
	void (*config_write)(struct virtio *v, unsigned off, const void *buf, unsigned len);
	/* The driver set DRIVER_OK. [in_machine] */
	void (*start)(struct virtio *v);
	/* Queue @q was kicked. [on the I/O loop, queue lock held] */
	void (*serve)(struct virtio *v, struct vq *q);
	/* Device reset: complete or abandon all requests before returning. [in_machine] */
	void (*reset)(struct virtio *v);
	void (*destroy)(struct virtio *v);
};

/* Take the next request. 1: @out is filled; 0: empty; -EPROTO: broken ring, device needs reset. */
int vq_pop(struct vq *q, struct vq_chain *out);
/* Give a request back with @written bytes; the driver sees it after vq_flush(). */
void vq_push(struct vq *q, u16 head, u32 written);
/* Interrupt the driver if it wants to know about what was pushed. */
void vq_flush(struct vq *q);
/* Ask for (or suppress) kicks; returns true if requests came meanwhile. */
bool vq_want_kicks(struct vq *q, bool on);

/* The loop on which a device's queues are served; NULL: the queue is served by virtio_poll(). */
struct io_loop;
int io_loop_create(struct io_loop **out, const char *name, struct error *err) MUST_CHECK;
void io_loop_destroy(struct io_loop *l); /* stops and joins; NULL is allowed */
struct loop *io_loop_of(struct io_loop *l);

/* Takes @disk. @serial: at most 20 bytes, may be NULL. @slot < 0: first free. */
struct device *virtio_blk_create(struct pci_bus *bus, int slot, struct disk *disk, const char *id,
				 const char *serial, unsigned queue_size, struct io_loop *loop,
				 struct error *err) needs(in_machine);
struct device *virtio_rng_create(struct pci_bus *bus, int slot, const char *id,
				 struct io_loop *loop, struct error *err) needs(in_machine);

/* The PCI function of a virtio device, for boot order paths. */
struct pci_dev *virtio_pci(struct device *d);
/* Serve every queue whose doorbell rang, on the calling thread (tests, fuzzers). */
void virtio_poll(struct device *d);
