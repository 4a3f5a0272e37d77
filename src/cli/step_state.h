/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli/step_state.h: a processor's state and memory as JSON, for "oriel cpu-step". The form is
 * docs/manual/cpu-step.md; it reads what suites of captured vectors have ("regs", "ram").
 */
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "cpu/vcpu.h"

/* Registers that are a number. */
enum step_num {
	N_GPR = 0, /* 16 of them */
	N_IP = 16,
	N_FLAGS,
	N_CR0,
	N_CR2,
	N_CR3,
	N_CR4,
	N_CR8,
	N_EFER,
	N_XCR0,
	N_DR0,             /* 8 */
	N_SEG = N_DR0 + 8, /* es cs ss ds fs gs: selectors */
	N_MXCSR = N_SEG + 6,
	N_FCW,
	N_FSW,
	N_FTW,
	N_NUMS
};
/* Whole segment registers and tables. */
enum step_seg { S_ES, S_CS, S_SS, S_DS, S_FS, S_GS, S_TR, S_LDT, S_GDT, S_IDT, N_SEGS };
/* Registers of 16 bytes: ST(n) (10 bytes) and XMMn, and the upper halves of YMMn. */
enum step_wide { W_ST = 0, W_XMM = 8, W_YMMH = 24, N_WIDE = 40 };

struct step_byte {
	u64 at;
	u8 value;
};

/* A growing list; zero it to begin. At most STEP_RAM_MAX. */
enum { STEP_RAM_MAX = 1 << 20 };
struct step_bytes {
	struct step_byte *at;
	size_t count, room;
};
bool step_bytes_add(struct step_bytes *b, u64 at, u8 value); /* false: it is full */

/* What a text says; what it does not name is not "given". */
struct step_text {
	unsigned mode; /* 16, 32, 64; 0: not given */
	unsigned steps;
	u64 num[N_NUMS], given_num; /* bit n of the second: num[n] was given */
	u8 size[N_NUMS];            /* bytes of the name used: 2 for "ax", 4 for "eax" */
	struct cpu_seg seg[N_SEGS];
	u32 given_seg;
	u8 wide[N_WIDE][16];
	u64 given_wide;
	struct step_bytes ram;
};

void step_text_begin(struct step_text *t); /* of a zeroed or a used one, whose memory stays */
void step_text_free(struct step_text *t);
/* Read an object: all that is known in it; the rest is skipped. @j says what is wrong. */
void step_text_read(struct step_text *t, struct json *j);
void step_text_members(struct step_text *t, struct json *j, const char *key); /* one of its keys */

/* The mode that @t means, if it does not say so: by its registers' names and CR0. */
unsigned step_mode(const struct step_text *t);
/* From a processor after RESET to what @t says, the rest as its mode has it (flat, ring 0). */
void step_apply(struct cpu_state *cpu, const struct step_text *t, unsigned mode);

u64 step_num_get(const struct cpu_state *cpu, unsigned n);
const u8 *step_wide_at(const struct cpu_state *cpu, unsigned n);
/* The name of a register, in the width of @mode and (in real mode) of what was given. */
const char *step_num_name(unsigned n, unsigned size, char buf[8]);
const char *step_wide_name(unsigned n, char buf[8]);
/* EFLAGS bits that exist; others are not compared. */
u64 step_flags_mask(unsigned mode);

/* {"regs":{..},"ram":[..]: all registers of @mode, those of @before that changed besides. */
void step_print(struct str *out, const struct cpu_state *cpu, const struct cpu_state *before,
		const struct step_text *t, unsigned mode);
