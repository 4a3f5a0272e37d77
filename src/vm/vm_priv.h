/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm/vm_priv.h: the whole of a VM, shared by open.c, run.c and report.c. */
#pragma once

#include "cpu/accel.h"
#include "dev/virtio/virtio.h"
#include "machine/board.h"
#include "plat/loop.h"
#include "plat/thread.h"
#include "vm/config.h"
#include "vm/firmware.h"
#include "vm/vm.h"

enum { VM_MAX_VCPUS = 240 };

struct vm_cpu {
	struct vm *vm;
	struct vcpu *vcpu;
	struct thread *thread;
	bool parked; /* waits in run.c; guarded by vm->run_lock */
	bool failed; /* its last run ended in RUN_SHUTDOWN or RUN_ERROR */
};

struct vm {
	struct loop *loop;
	struct machine *machine;
	struct accel *accel;
	struct board *board;
	const struct board_class *board_cls;
	struct firmware firmware;
	struct board_config board_cfg;
	struct io_loop *io_loop[CONFIG_DISKS + 1]; /* one a disk, the last for the rng */
	u8 *kernel, *initrd;
	struct str facts, notes; /* lines for the user */
	u64 peak_own;            /* bytes of memory beyond the guest's; report.c */
	bool no_reboot;

	unsigned vcpus;
	struct vm_cpu cpu[VM_MAX_VCPUS];

	/* Run state; run.c. */
	struct mutex run_lock;
	struct cond run_changed;
	bool hold;    /* vCPUs park instead of running */
	bool ending;  /* vCPU threads return */
	bool started; /* threads exist */
	bool paused;  /* by vm_pause(): a reset does not start it again */
	bool over;    /* ended() was called */
	int lost;     /* see vm_lost() */
	unsigned parked;
	u32 requests; /* atomic: bits of enum machine_request */
	struct job request_job;
	void (*ended)(void *arg, enum vm_end how);
	void *ended_arg;
	u64 started_ns;
};

void vm_run_init(struct vm *vm);
void vm_run_finish(struct vm *vm) needs(on_loop); /* stops and joins the vCPU threads */
/*
 * After a reset of devices and vCPUs: a kernel that needs no firmware is put into memory, and the
 * vCPUs' states are as it expects them. The backend is paused when it does.
 */
int vm_boot(struct vm *vm, struct error *err) needs(on_loop) MUST_CHECK;
void vm_sample_memory(struct vm *vm); /* for vm_stats(); takes about a millisecond */
/* Callbacks of the machine and the clock. */
void vm_request(void *arg, enum machine_request what);
