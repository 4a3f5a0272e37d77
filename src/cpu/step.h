/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/step.h: single instructions of oriel's own CPU outside of any machine: registers and memory
 * in, registers and memory out. For test vectors that were captured elsewhere.
 */
#pragma once

#include "base/error.h"
#include "cpu/vcpu.h"

/*
 * One processor with 4 GiB of zeroes as its physical memory, no devices (ports read as ones) and
 * the local APIC switched off. Not two at once in one thread.
 */
struct stepper;

enum step_flags {
	STEP_DELIVER = 1,    /* exceptions go through the vector table; else they end the run */
	STEP_OWN_TABLES = 2, /* map linear addresses one to one: stepper_load() sets CR3 */
};

struct step_result {
	unsigned steps; /* instructions completed, each REP as one */
	bool exception; /* the last one that was raised */
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2;             /* of a page fault */
	bool halted;         /* HLT was executed */
	bool shutdown;       /* a triple fault, or an exception where none can be delivered */
	u32 undefined_flags; /* EFLAGS bits that the last instruction leaves undefined */
};

/* -ENOTSUP: this build has no CPU of its own. @model as in struct cpu_config. */
int stepper_create(struct stepper **out, const char *model, struct error *err) MUST_CHECK;
void stepper_destroy(struct stepper *s); /* NULL is allowed */

/* All memory to zero again, pages above 4 GiB forgotten. */
void stepper_clear(struct stepper *s);
/*
 * A byte of memory. With own tables linear addresses above 4 GiB are there once they were written
 * by this. -EFAULT: not canonical, or too many such pages.
 */
int stepper_poke(struct stepper *s, u64 at, u8 val) MUST_CHECK;
u8 stepper_peek(struct stepper *s, u64 at); /* 0 where nothing is */

/* All registers; in the form of accel_class.set_state(). @flags: STEP_OWN_TABLES counts. */
int stepper_load(struct stepper *s, const struct cpu_state *in, unsigned flags, struct error *err)
	MUST_CHECK;
int stepper_save(struct stepper *s, struct cpu_state *out, struct error *err) MUST_CHECK;
/* What a processor after RESET has; for stepper_load() to begin with. */
int stepper_reset(struct stepper *s, struct cpu_state *out, struct error *err) MUST_CHECK;

/* Run at most @limit instructions. */
void stepper_run(struct stepper *s, unsigned limit, unsigned flags, struct step_result *out);
/* Call @fn with the linear address and the bytes of each page that instructions have written. */
void stepper_each_written(struct stepper *s, void (*fn)(void *arg, u64 at, const u8 page[4096]),
			  void *arg);
