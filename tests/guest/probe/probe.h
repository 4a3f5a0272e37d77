/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/probe.h: payloads in C that run snippets of code in any mode of the processor
 * and report how each ended: a line "label: outcome" for each case.
 *
 * A payload defines probe(), which runs in 64-bit mode at CPL 0. go() enters the mode described
 * by now.in (as() fills it in) at a snippet; whatever interrupt or exception comes ends the run
 * and is found in now.out. Snippets end with INT 40h, which counts as "ok".
 *
 * Memory: the first GiB (and C0000000-FFFFFFFF) mapped one to one for the supervisor, the first
 * GiB again at USER for everyone. ROM and all data lie below 512 KiB; from 200000 on all is free,
 * as are all linear addresses from 80000000 to BFFFFFFF and from 8000000000 on.
 */
#pragma once

/* Selectors. */
#define K64 0x08
#define KDATA 0x10
#define K32 0x18
#define KDATA2 0x20
#define U32 0x2b
#define UDATA 0x33
#define U64 0x3b
#define K16 0x48 /* base F0000 */
#define KDATA16 0x50
#define TSS64 0x58
#define TSS32 0x68
#define TSSB 0x70 /* 32-bit, for tests */
#define LDT 0x78
#define T0 0x88 /* for tests, up to GDT_SIZE */
#define GDT_SIZE 0x200

#define OK 0x40       /* the vector that ends a snippet */
#define LANDED 0x41   /* the one that ends landing places */
#define BY_TASK 0x100 /* out.vector: entered through a task gate */
#define USER 0x40000000

#define N_REGS 24
#define IN_CR0 (8 * N_REGS)
#define IN_CR3 (IN_CR0 + 8)
#define IN_CR4 (IN_CR0 + 16)
#define IN_EFER (IN_CR0 + 24)
#define IN_REAL (IN_CR0 + 32)
#define OUT (IN_CR0 + 40)
#define OUT_VECTOR (OUT + 8 * N_REGS)
#define R_SP 32
#define R_IP 128
#define R_FLAGS 136
#define R_CS 144
#define R_SS 152
#define R_DS 160

#ifndef __ASSEMBLER__
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regs.h"

struct regs {
	u64 ax, cx, dx, bx, sp, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 ip, flags, cs, ss, ds, es, fs, gs;
};

struct engine {
	struct regs in;
	u64 cr0, cr3, cr4, efer; /* outside long mode */
	u64 real;                /* 0 protected, 1 real mode */
	struct regs out;
	u64 vector, error, cr2;
	u64 frame; /* where IP, CS, FLAGS were pushed */
};
_Static_assert(offsetof(struct engine, out) == OUT, "as enter.S has it");
_Static_assert(offsetof(struct engine, vector) == OUT_VECTOR, "as enter.S has it");

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

extern struct engine now;
extern u64 gdt[GDT_SIZE / 8], idt[512], idt32[256], ldt[32];
extern u8 tss64[0x68 + 0x2020], tss32[0x68 + 0x2020], tssb[0x100];
extern u64 pml4[512], pdpt[512], pd_low[512], pd_user[512], pd_high[512];
extern u64 pdpt_pae[4];
extern u32 pd32[1024];
extern struct table_register gdtr, idtr, idtr32, ivtr;
extern u8 stack_test[4096], stack_ist1[4096], stack_ist2[4096], stack_ring0[4096];
extern const u8 rom[], stubs64[], stubs32[], stubs16[], task_entry[];
extern const u8 landing64[], landing32[], landing16[];
/* Called for every event in 64-bit mode while set; true: go on where it came from. */
extern bool (*hook)(void);

/* The modes in which a snippet can run. */
enum mode {
	LONG,      /* 64-bit code, CPL 0 */
	LONG_USER, /* 64-bit code, CPL 3; code and stack at USER */
	COMPAT,    /* 32-bit code under EFER.LMA, CPL 0 */
	COMPAT_USER,
	PROT, /* 32-bit protected mode without paging, CPL 0 */
	PROT_USER,
	V86, /* IOPL 3 */
	REAL,
};

/* A snippet: Intel syntax, ending with INT 40h. C32 and C16: assembled as 32- and 16-bit code. */
#define SNIPPET(bits, text)                                                                        \
	({                                                                                         \
		const u8 *at_;                                                                     \
		__asm__(".pushsection .text.snip,\"ax\"\n\t.intel_syntax noprefix\n\t.code" bits   \
			"\n770:\t" text "\n\tint 0x40\n\t.code64\n\t.att_syntax prefix\n\t"        \
			".popsection\n\tmovl $770b, %k0"                                           \
			: "=r"(at_));                                                              \
		at_;                                                                               \
	})
#define C64(text) SNIPPET("64", text)
#define C32(text) SNIPPET("32", text)
#define C16(text) SNIPPET("16", text)

void probe(void);
void *memset(void *at, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* now.in for a run in @m, all general registers 0. */
void as(enum mode m);
/* Run @code as now.in says. */
void go(const u8 *code);
/* The same, and report the line "@label: outcome". now.in is then as as() left it. */
void try(const char *label, const u8 *code);
/* QEMU's emulated processor, which some cases would bring to an end. */
bool in_qemu(void);
/* In 64-bit mode with RBX; left out on QEMU's processor, which would end the machine or itself. */
void try_but_in_qemu(const char *label, u64 bx, const u8 *code);
/* The same without the end of the line: the caller says more. */
void try_more(const char *label, const u8 *code);
/* Report text: %s, %x (u32), %l (u64), %c. One line at a time. */
void say(const char *format, ...);
/* "ok", "landed" or "#GP(18)+3" for now.out, the distance being from the beginning of the run. */
void say_outcome(void);
const char *vector_name(u64 vector);

/* Descriptors: @access is bits 40-47, @flags bits 52-55. */
u64 descriptor(u32 base, u32 limit, u8 access, u8 flags);
void set_gdt(u16 selector, u64 value);
/* An LDT or TSS in 64-bit mode: 16 bytes. */
void set_system(u16 selector, u64 base, u32 limit, u8 access);
void set_gate(u8 vector, u16 selector, u64 offset, u8 access, u8 ist);
void set_gate32(u8 vector, u16 selector, u32 offset, u8 access);
/* All tables as at the beginning. */
void default_tables(void);

/* @vendor's is what Intel's and what AMD's processors do where their manuals differ. */
bool is_amd(void);
void cpuid(u32 leaf, u32 sub, u32 out[4]);
u64 rdmsr(u32 index);
void wrmsr(u32 index, u64 value);
/* 0, or the vector of the exception that it raised (13). */
u64 try_rdmsr(u32 index, u64 *value);
u64 try_wrmsr(u32 index, u64 value);

static inline void out8(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline u8 *user(const void *p)
{
	return (u8 *)((u64)p + USER);
}

static inline void *mem(u64 at)
{
	__asm__("" : "+r"(at)); /* the compiler knows nothing of it */
	return (void *)at;
}
#endif
