/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/fpu_priv.h: floating point and vectors: the registers, and where they are.
 *
 * The guest's x87 registers and MXCSR are loaded into the host's when an instruction first needs
 * them (live), and stay until fpu_park(): no C code between two instructions uses x87, and none
 * calculates with SSE. Vector registers stay in memory.
 */
#pragma once

#include "cpu/soft/soft_priv.h"
#include "plat/code.h"
#include "plat/fault.h"
#include "plat/thread.h"

enum fpu_live { LIVE_MXCSR = 1, LIVE_X87 = 2 };

/* FXSAVE's image. SDM 1 10.5.1, table 10-2 */
enum {
	FX_CW = 0,
	FX_SW = 2,
	FX_TW = 4,
	FX_OP = 6,
	FX_IP = 8,
	FX_DP = 16,
	FX_MXCSR = 24,
	FX_MASK = 28,
	FX_ST = 32,
	FX_XMM = 160,
	FX_END = 416, /* what is behind is not written */
	FX_SIZE = 512
};
enum {
	MXCSR_RESET = 0x1f80,
	MXCSR_MASK = 0xffff, /* AMD's bit 17 is not offered. SDM 1 11.6.6 */
	SW_ES = 0x80,        /* status word: an exception waits for the next instruction */
	SW_B = 0x8000,       /* always the same as ES. SDM 1 8.1.3 */
	CW_USED = 0x1f3f,
	CW_ONE = 0x40, /* reads as 1 */
	CW_MASKS = 0x3f,
	CW_PRECISION = 0x20
};

struct thunks;

struct soft_fpu {
	u8 vec[16][32];                                 /* thunks count on it being first */
	u8 image[FX_SIZE] __attribute__((aligned(64))); /* x87 while it is not live; no XMM */
	u8 bounce[64] __attribute__((aligned(64)));
	struct soft_cpu *cpu;
	struct thunks *thunks;
	u32 mxcsr; /* while it is not live */
	u32 host_mxcsr;
	u16 host_cw;
	u8 live;        /* enum fpu_live */
	bool quiet;     /* MXCSR is live and masks all exceptions */
	bool x87_quiet; /* x87 is live, masks all exceptions, and none waits */
	/*
	 * Of the last x87 instruction that was no control instruction; of data, only if an unmasked
	 * exception came of it: CPUID.7:EBX bit 6. SDM 1 8.1.8
	 */
	u16 fop;
	u64 fip, fdp;         /* offsets */
	u64 cs_base, ds_base; /* what real mode adds to them */
	void *memory;         /* what free() takes */
};

/* Whether instructions of a kind may run: CR0.EM and TS, CR4, XCR0. */
enum fpu_use { USE_X87, USE_MMX, USE_SSE, USE_VEX, USE_FXSAVE, USE_XSAVE, USE_WAIT, N_FPU_USES };
struct fpu_need {
	u32 cr0_clear, cr4_set, xcr0_set;
};
extern const struct fpu_need fpu_needs[N_FPU_USES];
_Noreturn void fpu_refuse(struct soft_cpu *c, enum fpu_use use);

static inline bool fpu_usable(const struct soft_cpu *c, const struct fpu_need *n)
{
	return !((c->cr0 & n->cr0_clear) | (~c->cr4 & n->cr4_set) | (~c->xcr0 & n->xcr0_set));
}
/* Raises #UD or #NM unless instructions of kind @use may run. */
static inline void fpu_check(struct soft_cpu *c, enum fpu_use use)
{
	if (!fpu_usable(c, &fpu_needs[use]))
		fpu_refuse(c, use);
}

/* Load what of enum fpu_live is not live yet. */
void fpu_enter(struct soft_fpu *f, unsigned live);
/* Write what is live to memory; it stays live. */
void fpu_sync(struct soft_fpu *f);
/* image and mxcsr were changed: load again what is live. */
void fpu_reload(struct soft_fpu *f);
u32 fpu_mxcsr(const struct soft_fpu *f);
/* x87 exceptions wait for the next instruction that looks (SW_ES). */
u16 fpu_sw(const struct soft_fpu *f);
bool fpu_pending(const struct soft_fpu *f);
/* Raise #MF when one waits. With CR0.NE clear nothing happens: docs/gaps.md. */
void fpu_wait(struct soft_cpu *c);
void fpu_clear_x87(struct soft_fpu *f); /* as FNINIT leaves it */
/* x87's control or status word was changed while it is live: x87_quiet. */
void fpu_note_x87(struct soft_fpu *f);

size_t thunks_room(const struct thunks *t); /* bytes of code that can still be made */
bool thunks_host_has(const struct thunks *t, enum insn_feature feature);
const struct fault_area *thunks_area(const struct thunks *t);

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_fp.def"
#undef EXEC
