/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/cpu_step.h: the parts of "oriel cpu-step": a file of cases, one case run, one compared. */
#pragma once

#include "cli/step_state.h"
#include "cpu/step.h"

/* One case of a file: a state, or a suite's initial and final states. */
struct step_case {
	char name[128];
	struct step_text in, want;
	bool has_want;
	u64 flags_mask;    /* of EFLAGS bits that are defined */
	bool wants_vector; /* the suite names an exception */
	u8 vector;
	u64 flags_at;      /* where it pushed its flags; ~0: not said */
	bool ends_in_halt; /* the last of its instruction bytes is HLT */
};
void step_case_read(struct step_case *c, struct json *j); /* of a zeroed or a used one */
void step_case_free(struct step_case *c);

struct step_options {
	bool halt;   /* final states are behind an HLT that followed the instruction */
	bool strict; /* also compare flags that the architecture leaves undefined */
	u64 flags_mask;
};

struct step_run {
	struct stepper *cpu;
	struct cpu_state reset, before, after;
	struct step_result result;
	unsigned mode;
	struct step_bytes changed; /* memory that is not as it was, in order */
};
int step_run_case(struct step_run *r, const struct step_case *c, const struct step_options *o,
		  struct error *err) MUST_CHECK;
/* A line for each thing that is not as @c wants it; their number. */
unsigned step_compare(struct str *out, struct step_run *r, const struct step_case *c,
		      const struct step_options *o);
/* The state after it, one line of JSON. */
void step_run_print(struct str *out, struct step_run *r, const struct step_case *c);
