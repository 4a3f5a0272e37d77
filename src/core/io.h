/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/io.h: port and memory-mapped register windows, and how an access finds its device.
 *
 * Lookup is lock-free on an immutable snapshot. Where windows overlap (the guest moves BARs over
 * each other during a rebalance), the one with the higher priority is seen, then the later mapped.
 * An access belongs to the window that its first byte finds, as far as that window reaches.
 * Addresses nobody claims read as all ones and ignore writes; QEMU's zero makes Debian 12's OVMF
 * poll an absent TPM a million times.
 */
#pragma once

#include "base/error.h"

struct event;
struct io_map;
struct machine;

enum io_space { IO_PORT, IO_MMIO, N_IO_SPACES };

struct io_ops {
	/*
	 * @off is from the window's base; @size is 1, 2, 4 or 8 and within [min, max]. Accesses are
	 * naturally aligned unless @unaligned. [in_machine] unless @unlocked.
	 */
	u64 (*read)(void *dev, u64 off, unsigned size);
	void (*write)(void *dev, u64 off, unsigned size, u64 val);
	/*
	 * Access sizes the device takes. Larger accesses are split; smaller reads are cut from a
	 * @min read, smaller writes are merged into a read of @min bytes. 0 stands for 1 and 8.
	 */
	u8 min, max;
	bool unaligned;
	bool unlocked; /* the device does its own locking: called without the machine lock */
};

struct io_window {
	const struct io_ops *ops; /* NULL for a doorbell */
	void *dev;
	struct event *doorbell; /* signalled by any write instead of ops->write; reads give 0 */
	u64 base, len;
	enum io_space space;
	s8 priority;
	bool mapped;
	const char *name; /* for logs and traces; may be NULL */
	struct io_window *next;
};

/* Put @w into its space, fields filled by the caller. -EINVAL for an empty or wrapping range. */
int io_map(struct machine *m, struct io_window *w, struct error *err) needs(in_machine);
void io_unmap(struct machine *m, struct io_window *w) needs(in_machine); /* unmapped: no-op */
/* Move a window, mapped or not, and map it. */
void io_move(struct machine *m, struct io_window *w, u64 base) needs(in_machine);

/* The window seen at @at now, or NULL. */
const struct io_window *io_at(struct machine *m, enum io_space s, u64 at) needs(in_machine);

/* One guest access of 1 to 8 bytes at any alignment. */
u64 io_read(struct machine *m, enum io_space s, u64 at, unsigned size) needs(in_machine);
void io_write(struct machine *m, enum io_space s, u64 at, unsigned size, u64 val) needs(in_machine);

/* The same from a vCPU thread that does not hold the machine lock: takes it where needed. */
u64 io_read_vcpu(struct machine *m, enum io_space s, u64 at, unsigned size) barred(in_machine);
void io_write_vcpu(struct machine *m, enum io_space s, u64 at, unsigned size, u64 val)
	barred(in_machine);

/* For core/machine.c and backends. */
int io_map_create(struct io_map **out);
/* Forget all windows at the end of a machine that nobody uses any more; NULL is allowed. */
void io_map_clear(struct io_map *map);
void io_map_destroy(struct io_map *map);
/* Call @fn for every doorbell shown now (a backend that was attached late). */
void io_each_doorbell(struct machine *m, void (*fn)(void *arg, const struct io_window *w),
		      void *arg) needs(in_machine);
