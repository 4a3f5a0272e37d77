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
#include "plat/file.h"
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
	struct job watch;   /* tells the I/O loop about @event */
	struct loop_source *source;
	u16 index;
	/* Guest-visible and saved. Sizes and addresses stay as they are once @enabled. */
	u16 size, vector; /* the vector is atomic */
	bool enabled;
	u64 desc, driver, device; /* ring addresses, GPA */
	u16 last_avail, used_idx;
	u16 signalled_used; /* used_idx when the driver was last told, or left alone */
	/* Under the lock. */
	bool live; /* enabled, DRIVER_OK, not broken: may be served */
	u32 in_flight;
	/* Atomic: who waits for the lock has the machine's in hand: take no more requests. */
	bool stopping;
};

struct virtio_class {
	const char *name; /* "virtio-blk" */
	u16 id;           /* virtio device id: 2 block, 4 entropy */
	u16 nqueues;
	u32 class_code; /* PCI class */
	u16 config_len;
	u64 (*features)(struct virtio *v); /* beyond the transport's */
	/* Copy @len bytes of configuration at @off (checked against config_len). [in_machine] */
	void (*config_read)(struct virtio *v, unsigned off, void *buf, unsigned len);
	void (*config_write)(struct virtio *v, unsigned off, const void *buf, unsigned len);
	/* Queue @q was kicked. [on the I/O loop, queue lock held] */
	void (*serve)(struct virtio *v, struct vq *q);
	/*
	 * Queue @q is about to be reset or looked at: return when all its requests have ended.
	 * [in_machine, queue lock held]
	 */
	void (*drain)(struct virtio *v, struct vq *q);
	void (*reset)(
		struct virtio *v); /* the device, its queues drained and reset. [in_machine] */
	void (*destroy)(
		struct virtio *v); /* what the device owns; not @v. Any callback may be NULL */
};

/*
 * Take the next request, its descriptors copied once. 1: @out is filled; 0: nothing to do;
 * -EPROTO: the driver broke the ring: the queue is dead until the device is reset, which the driver
 * has been told. All vq_ calls: queue lock held. Virtio 1.2, 2.7.
 */
int vq_pop(struct vq *q, struct vq_chain *out);
/* Give a request back with @written bytes; the driver sees it after vq_flush(). */
void vq_push(struct vq *q, u16 head, u32 written);
/* Interrupt the driver if it wants to know about what was pushed. */
void vq_flush(struct vq *q);
/* Ask for (or suppress) kicks; returns true if, with kicks wanted, requests came meanwhile. */
bool vq_want_kicks(struct vq *q, bool on);

/* Copy from the part that the device reads, or to the part that it writes; false if too short. */
bool vq_chain_read(const struct vq_chain *c, u64 off, void *buf, size_t len) MUST_CHECK;
bool vq_chain_write(const struct vq_chain *c, u64 off, const void *buf, size_t len) MUST_CHECK;
/* Bytes [off, off+len) of the one part or (@written) the other as at most VQ_MAX_BUFS pieces. */
unsigned vq_chain_slice(const struct vq_chain *c, bool written, u64 off, u64 len,
			struct io_vec *out);

/*
 * A loop on a thread of its own, on which devices' queues are served; devices made with NULL are
 * served by virtio_poll(). It is stopped (for good) before the machine whose devices it serves is
 * destroyed, by a thread that does not hold the machine lock: no queue is served from then on.
 */
struct io_loop;
int io_loop_create(struct io_loop **out, const char *name, struct error *err) MUST_CHECK;
void io_loop_stop(struct io_loop *l);    /* and join; NULL is allowed */
void io_loop_destroy(struct io_loop *l); /* stops first; NULL is allowed */
struct loop *io_loop_of(struct io_loop *l);

/*
 * Takes @disk, when it fails too. @serial: at most 20 bytes, may be NULL. @slot < 0: first free.
 * @queue_size: 4 to VQ_MAX_SIZE, a power of two; 0 for the default. NULL with @err on failure.
 */
struct device *virtio_blk_create(struct pci_bus *bus, int slot, struct disk *disk, const char *id,
				 const char *serial, unsigned queue_size, struct io_loop *loop,
				 struct error *err) needs(in_machine);
struct device *virtio_rng_create(struct pci_bus *bus, int slot, const char *id,
				 struct io_loop *loop, struct error *err) needs(in_machine);

/* The PCI function of a virtio device, for boot order paths. */
struct pci_dev *virtio_pci(struct device *d);
/* Serve every queue whose doorbell rang, on the calling thread (tests, fuzzers). */
void virtio_poll(struct device *d) barred(in_machine);
