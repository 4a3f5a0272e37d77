/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/native/native.h: random instructions on the host's processor and on our own.
 *
 * A case is some bytes of code and a whole user-mode state; a result is the state when it ended.
 * Cases end with a fault: behind the code, and wherever a branch may go, there is HLT, which is
 * #GP(0) in user mode. So nothing tells a fault that is meant from one that is not, and vector,
 * error code, address and all registers are compared in either case.
 *
 *	values.c           numbers that are interesting
 *	forms.c            an instruction of a chosen form of the decoder's tables, as bytes
 *	steer.c state.c    registers and memory such that it mostly reaches what it is to reach
 *	own.c              code that changes itself
 *	child.c            runs cases natively, in a process of its own
 *	ours.c             runs them on our own processor
 *	compare.c          what differs, and for people
 *	excuses.c          what may differ, with the reasons
 *	main.c             the rest
 *
 * check: long-file, one interface for all parts of one program
 */
#pragma once

#include <stdio.h>

/* <signal.h> and the decoder both have a REG_RIP. */
#ifdef REG_RIP
enum { UC_RIP = REG_RIP };
#undef REG_RIP
#define REG_RIP DECODER_REG_RIP
#endif

#include "base/types.h"
#include "cpu/soft/decode.h"

/* ---- where everything is, on both sides: linear addresses below 4 GiB ---- */

enum {
	PAGE_LEN = 4096,
	DATA_BASE = 0x10000000, /* two pages to read and write, one to read; none around them */
	DATA_SIZE = 3 * PAGE_LEN,
	RO_AT = 2 * PAGE_LEN,
	CODE_BASE = 0x20000000, /* two pages; HLT wherever there is no code of the case */
	CODE_SIZE = 2 * PAGE_LEN,
	HLT = 0xf4,
};
enum {
	OWN_BASE = 0x30000000
};                           /* a page to read, write and execute: for code that changes itself */
#define TOP_BASE 0xfffff000u /* one page to read and write; nothing above it */

#define LINUX_TOP 0x7ffffffff000ull /* the addresses of user mode end here */

/* Memory that a case may change: the two pages at DATA_BASE, TOP_BASE's, OWN_BASE's. */
enum {
	LINE = 64,
	MEM_TOP = 2 * PAGE_LEN,
	MEM_OWN = 3 * PAGE_LEN,
	MEM_SIZE = 4 * PAGE_LEN,
	MEM_LINES = MEM_SIZE / LINE,
};

/* Selectors as Linux has them. */
enum { SEL_CODE32 = 0x23, SEL_DATA = 0x2b, SEL_CODE64 = 0x33 };
enum { LDT_COUNT = 12, GDT_COUNT = 16, SEL_CODE16 = 7 };

struct descriptor {
	u32 base, limit; /* limit in pages when @pages */
	bool big, pages, code, down, readonly, absent;
};
extern const struct descriptor ldt_entries[LDT_COUNT];

/* ---- a case ---- */

enum { MAX_INSNS = 8, MAX_CODE = 160, MAX_PATCHES = 12, PATCH_BYTES = 1600, FP_SIZE = 832 };

enum case_flags {
	CASE_TF = 1,     /* one instruction with EFLAGS.TF */
	CASE_OWN = 2,    /* the code is at OWN_BASE, by a patch, and changes itself */
	CASE_LOOP = 4,   /* runs several times: ends by a counter */
	CASE_UD = 8,     /* bytes that are no instruction */
	CASE_TWICE = 16, /* ours runs it again with its code decoded, and is looked at then */
};

/* Memory before the case, by place in struct mem_image, where it is not as that has it. */
struct patch {
	u16 at, len, from; /* from: in struct ncase.bytes */
};

struct regs {
	u64 gpr[16], rip, rflags, fs_base, gs_base;
	u16 sel[6]; /* by enum insn_seg */
};

struct ncase {
	u8 mode; /* enum cpu_mode */
	u8 flags, insns, patches;
	u16 code_at, code_len; /* from CODE_BASE */
	u8 insn_at[MAX_INSNS + 2];
	u32 undefined[MAX_INSNS + 2]; /* flags not defined when that instruction begins */
	struct regs in;
	struct patch patch[MAX_PATCHES];
	u8 code[MAX_CODE];
	u8 fp[FP_SIZE]; /* XSAVE area, standard form: x87, SSE, AVX; SDM 1 13.4 */
	u8 bytes[PATCH_BYTES];
};

enum { VEC_TIMEOUT = 254, VEC_LOST = 255 }; /* runs for ever; the child died of it */

struct line {
	u32 at;
	u8 bytes[LINE];
};

struct result {
	struct regs out;
	u8 vector;
	bool has_error; /* error counts */
	u32 error;
	u64 cr2;  /* of #PF */
	u32 dead; /* arithmetic flags that nothing reads, and that ours did not keep */
	u8 fp[FP_SIZE];
	u32 lines; /* of memory that changed */
	struct line line[MEM_LINES];
};

/* What memory is before a case, apart from its patches. */
struct mem_image {
	u8 bytes[MEM_SIZE];
	u8 readonly[PAGE_LEN];
};
void mem_image_fill(struct mem_image *m);
/* Lines of @now that are not as @before and @patches made them. */
void result_add_lines(struct result *r, const u8 *now, const u8 *before, unsigned first,
		      unsigned count);

/* ---- values.c ---- */

struct rng {
	u64 state;
};
u64 rng_next(struct rng *r);
unsigned below(struct rng *r, unsigned n);
static inline bool one_in(struct rng *r, unsigned n)
{
	return below(r, n) == 0;
}
u64 edge_value(struct rng *r);
void edge_bytes(struct rng *r, u8 *out, size_t len); /* integers or floats of some size */
void edge_x87(struct rng *r, u8 out[10]);
u32 edge_mxcsr(struct rng *r);
void edge_fp_state(struct rng *r, u8 fp[FP_SIZE]);
u16 edge_selector(struct rng *r);

/* ---- forms.c ---- */

struct form {
	u16 row, seen; /* seen: in struct forms.seen */
	u8 encoding, map, opcode;
};
struct forms {
	struct form *at;
	unsigned count;
	u32 *seen; /* instructions of each that ran */
	u16 seen_at[12][256];
	unsigned first[4], end[4]; /* ranges: integer, system and far, x87, SIMD */
	u8 has[N_FEATURES];
	u8 (*fp_pool)[FP_SIZE]; /* FP_POOL states */
};
enum { FP_POOL = 64 };
int forms_create(struct forms *f);
void forms_destroy(struct forms *f);
/* Bytes and decoded form of some instruction, @n: which, or ~0: any. False: try again. */
bool forms_make(struct forms *f, struct rng *r, unsigned n, enum cpu_mode mode, u8 code[16],
		struct insn *out);
bool forms_make_wrong(struct rng *r, enum cpu_mode mode, u8 code[16]);
void form_name(const struct form *f, char *buf, size_t size);
void forms_note(struct forms *f, const struct insn *i);
unsigned forms_pick(const struct forms *f, struct rng *r);
/* Whether both sides can run it and must agree. */
bool comparable(const struct insn *i, const u8 has[N_FEATURES]);

/* ---- steer.c, state.c ---- */

struct gen_options {
	int mode;               /* enum cpu_mode, or -1: any */
	u8 modes;               /* that there are: bit by enum cpu_mode */
	const char *form;       /* this mnemonic only; NULL: all */
	const unsigned *chosen; /* forms that may have it */
	unsigned chosen_count;
	bool sequences, single; /* only several instructions; only one */
	bool wrong;             /* only bytes that are no instruction */
	bool align;             /* with EFLAGS.AC */
	bool own;               /* only code that changes itself */
};
/* A case from nothing but @seed. */
void case_make(struct ncase *c, struct forms *f, const struct gen_options *o, u64 seed);
/* Whether an instruction of it reads a flag that is not defined on some way there. */
bool reads_undefined(const struct ncase *c);

/* State while it is made: which registers still may be chosen. */
struct making {
	struct ncase *c;
	struct rng *rng;
	u32 fixed;    /* GPRs whose value at the beginning is settled */
	u32 written;  /* GPRs that an earlier instruction of the case writes */
	u32 loop_reg; /* counts how often the case runs; nobody else's */
	u32 jumped;   /* flags not defined where an earlier instruction may have jumped */
	struct insn *i;
	u8 *code; /* of @i */
	u64 rip;  /* of @i, linear */
};
void steer(struct making *m);
u64 seg_base_of(const struct ncase *c, enum insn_seg s);

/* ---- own.c ---- */

void own_make(struct ncase *c, struct rng *r);

/* ---- corpus.c ---- */

void case_write(FILE *f, const struct ncase *c);
bool case_read(FILE *f, struct ncase *c);

/* ---- child.c ---- */

struct native;
int native_create(struct native **out, unsigned batch);
void native_destroy(struct native *n);
/* Two buffers, @which: fill the cases, run, wait, look at the results. */
struct ncase *native_case(struct native *n, unsigned which, unsigned at);
struct result *native_result(struct native *n, unsigned which, unsigned at);
void native_run(struct native *n, unsigned which, unsigned count);
void native_wait(struct native *n, unsigned which);
bool native_modes(struct native *n, enum cpu_mode mode); /* the kernel lets us */

/* ---- ours.c ---- */

/*
 * The reference, one by one; or run(), with what is raised delivered to a kernel: interpreted, or
 * translated at once.
 */
enum engine { ENGINE_EXEC, ENGINE_LOOP, ENGINE_JIT };
struct ours;
/* @jit: as struct cpu_config has it. */
int ours_create(struct ours **out, const struct forms *f, const char *jit);
void ours_destroy(struct ours *o);
void ours_run(struct ours *o, const struct ncase *c, struct result *out, enum engine e);

/* ---- compare.c ---- */

enum { WHAT_LEN = 160 };
/*
 * False and one word on what differs first: "rax", "flags", "memory" ... True and @excused not -1:
 * they differ as they may.
 */
bool results_equal(const struct ncase *c, const struct result *a, const struct result *b,
		   char what[WHAT_LEN], int *excused);
/* Why the host may do otherwise than ours, @what differing first: a number; -1: it may not. */
enum { MAX_EXCUSES = 24 };
int excuse(const struct ncase *c, const struct result *native, const struct result *ours,
	   const char *what);
const char *excuse_reason(unsigned n); /* NULL: there is no such */
/* The same for flags that are left undefined. */
bool results_equal_undefined(const struct ncase *c, const struct result *a, const struct result *b);
void report(FILE *f, const struct ncase *c, const struct result *native, const struct result *ours);
void case_name(const struct ncase *c, char *buf, size_t size);
