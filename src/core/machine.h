/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/machine.h: what ties one virtual machine together: memory, io maps, clock, devices, the lock
 * and the calls into whichever CPU backend runs it.
 */
#pragma once

#include "base/error.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/io.h"
#include "core/irq.h"
#include "core/stats.h"
#include "mem/mem.h"
#include "plat/thread.h"

/* What the guest (or a device on its behalf) asks of the machine's owner; see machine_request(). */
enum machine_request {
	REQUEST_RESET,    /* CF9, keyboard controller, triple fault policy */
	REQUEST_POWEROFF, /* ACPI S5 */
	REQUEST_CRASH,    /* a vCPU cannot go on: triple fault, internal error */
	REQUEST_EXIT,     /* a test suite is done: machine_request_exit() */
};

/* The CPU side as devices may use it. Set by the backend; all any thread unless noted. */
struct cpu_ops {
	void (*msi_send)(void *cpus, struct msi msg);
	/*
	 * I/O APIC input @pin now sends @msg when it fires (@level: level triggered, so the backend
	 * must report its EOI with machine_eoi()); @masked: it does not fire. [in_machine]
	 */
	void (*ioapic_route)(void *cpus, unsigned pin, struct msi msg, bool level, bool masked);
	void (*extint)(void *cpus, bool level); /* the 8259's INTR line to vCPU 0. [in_machine] */
	void (*nmi)(void *cpus, unsigned vcpu);
	void (*smi)(void *cpus, bool all); /* @all vCPUs, or the one whose access is handled */
	bool (*in_smm)(void *cpus);        /* see machine_in_smm(). May be NULL */
	/* Signal @e without an exit on a guest write of @size bytes at @at. May be NULL. */
	int (*doorbell_add)(void *cpus, enum io_space s, u64 at, unsigned size, struct event *e);
	void (*doorbell_remove)(void *cpus, enum io_space s, u64 at, unsigned size,
				struct event *e);
};

struct machine {
	struct mem *mem;
	struct clock *clock;
	struct io_map *io[N_IO_SPACES];
	struct device *devices; /* newest first */
	struct mutex lock;
	const struct cpu_ops *cpu_ops; /* NULL until a backend is attached: calls are dropped */
	void *cpus;
	void (*request)(void *arg, enum machine_request what); /* any thread; never blocks */
	void *request_arg;
	u32 exit_value;     /* atomic: of REQUEST_EXIT */
	u64 stats[N_STATS]; /* atomic; core/stats.h */
	/* The interrupt controllers' side of the two calls a backend makes. [in_machine] */
	struct {
		int (*ack)(void *pic); /* the 8259's vector for an INTA cycle, or -1 */
		void *pic;
		void (*eoi)(void *ioapic, u8 vector);
		void *ioapic;
	} intc;
};

/* A machine without CPUs. Takes @clock. With a manual clock this is all that a test needs. */
int machine_create(struct machine **out, struct clock *clock, struct error *err) MUST_CHECK;
void machine_destroy(struct machine *m); /* devices newest first, then the rest; NULL is allowed */

void machine_lock(struct machine *m) enters(in_machine);
void machine_unlock(struct machine *m) leaves(in_machine);

void machine_attach_cpus(struct machine *m, const struct cpu_ops *ops, void *cpus);
/* Ask the owner for @what. Any thread. Without an owner (tests) it is only logged. */
void machine_request(struct machine *m, enum machine_request what);
/* Ask for REQUEST_EXIT with @value, a number that the owner hands on. Any thread. */
void machine_request_exit(struct machine *m, u32 value);
void machine_eoi(struct machine *m, u8 vector) needs(in_machine);
/* True if the access that this thread handles was made by a vCPU in System Management Mode. */
bool machine_in_smm(struct machine *m);
/* Vector of the 8259 pair's pending interrupt, acknowledged; -1 when there is none (any more). */
int machine_intack(struct machine *m) needs(in_machine);
