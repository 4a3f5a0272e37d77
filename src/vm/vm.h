/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm/vm.h: one virtual machine's life: opened, running, paused, reset, ended. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct loop;
struct vm;
struct vm_config;

enum vm_end {
	VM_POWERED_OFF, /* the guest did it */
	VM_RESET_ASKED, /* the guest asked for a reset and no_reboot is on */
	VM_CRASHED,     /* triple fault or a backend error */
	VM_QUIT,        /* vm_quit() */
	VM_TEST_DONE,   /* a suite wrote to the test devices' exit port: vm_exit_value() */
};

/* Open everything @cfg names and build the machine. @loop is the main loop. */
int vm_create(struct vm **out, const struct vm_config *cfg, struct loop *loop, struct error *err)
	needs(on_loop) MUST_CHECK;
void vm_destroy(struct vm *vm) needs(on_loop); /* stops first; NULL is allowed */

/* Start the vCPUs. @ended is called once, on the loop. */
int vm_start(struct vm *vm, void (*ended)(void *arg, enum vm_end how), void *arg, struct error *err)
	needs(on_loop) MUST_CHECK;
void vm_pause(struct vm *vm) needs(on_loop); /* all vCPUs have stopped when it returns */
void vm_resume(struct vm *vm) needs(on_loop);
void vm_reset(struct vm *vm) needs(on_loop); /* a paused one stays so */
void vm_power_button(struct vm *vm) needs(on_loop);
void vm_quit(struct vm *vm) needs(on_loop); /* end now; the disks are flushed */

/*
 * After the end: 0, or the -errno for which the last changes of the firmware's variables are not in
 * their file.
 */
int vm_lost(const struct vm *vm) needs(on_loop);

/* What the guest wrote there. */
u32 vm_exit_value(const struct vm *vm) needs(on_loop);

/* Counters as lines of text or as one JSON object. */
void vm_stats(struct vm *vm, struct str *out, bool json) needs(on_loop);
void vm_inspect(struct vm *vm, struct str *out) needs(on_loop); /* every device's state, JSON */
/*
 * Lines for the user once vm_create() was good: what runs the guest and where its ports are
 * (@facts), and what was chosen for the user or will not be as asked (@notes).
 */
void vm_tell(const struct vm *vm, struct str *facts, struct str *notes);
