/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/soft_rig.h: one vCPU for tests of segments, gates and events. Linear memory is a flat
 * megabyte whose pages may be absent, read-only or not for privilege 3; instructions are decoded
 * and run by their exec_fn; what they raise is caught.
 */
#pragma once

#include "cpu/soft/soft_priv.h"
#include "test.h"

enum {
	RIG_MEM = 1 << 20,
	RIG_GDT = 0x1000,
	RIG_IDT = 0x2000,
	RIG_TSS = 0x3000, /* the running task's */
	RIG_LDT = 0x4000,
	RIG_TSS2 = 0x5000,
	RIG_STACK0 = 0x18000, /* what the task state says; stacks grow down from here */
	RIG_STACK1 = 0x1a000,
	RIG_STACK2 = 0x1c000,
	RIG_STACK = 0x20000, /* the running program's */
	RIG_CODE = 0x30000,
};

/* Selectors of the table that rig_start() makes; RPL is to be added. 16 bytes: TSS, LDT, GATE. */
enum {
	SEL_CODE0 = 0x08,
	SEL_DATA0 = 0x10,
	SEL_CODE3 = 0x18,
	SEL_DATA3 = 0x20,
	SEL_CODE64_0 = 0x28,
	SEL_CODE64_3 = 0x30,
	SEL_CONFORMING = 0x38, /* of privilege 0 */
	SEL_CODE16 = 0x40,
	SEL_DATA16 = 0x48,
	SEL_TSS = 0x50,
	SEL_LDT = 0x60,
	SEL_GATE = 0x70,
	SEL_TEST = 0x80, /* for the test's own, as the five behind it */
	SEL_CODE1 = 0xb0,
	SEL_DATA1 = 0xb8,
	SEL_TSS2 = 0xc0,
	SEL_LAST = 0xc8,
};

/* Bits 40-55 of descriptors: present, with the accessed bit where there is one. */
enum {
	A_CODE32 = 0xc09b,
	A_CODE16 = 0x009b,
	A_CODE64 = 0xa09b,
	A_DATA32 = 0xc093,
	A_DATA16 = 0x0093,
	A_CONF32 = 0xc09f,
	A_DPL1 = 0x20,
	A_DPL2 = 0x40,
	A_DPL3 = 0x60,
	A_ABSENT = 0x80, /* to be taken away */
	A_TSS16 = 0x81,
	A_LDT = 0x82,
	A_CALL16 = 0x84,
	A_TASK = 0x85,
	A_INT16 = 0x86,
	A_TRAP16 = 0x87,
	A_TSS32 = 0x89,
	A_BUSY32 = 0x8b,
	A_CALL32 = 0x8c,
	A_INT32 = 0x8e,
	A_TRAP32 = 0x8f,
};

enum rig_mode { RIG_REAL, RIG_V86, RIG_PROT16, RIG_PROT32, RIG_COMPAT, RIG_LONG };
enum { PAGE_ABSENT = 1, PAGE_READ_ONLY = 2, PAGE_SYSTEM = 4 };

struct rig {
	struct soft_cpu c;
	u8 mem[RIG_MEM];
	u8 page[RIG_MEM / PAGE];
	struct tlb user, system;
	u32 attended;
	unsigned views; /* calls of mmu_view() */
	bool cr3_refused;
};

/* Let nothing be found in the TLB: each access goes the long way. False at first. */
extern bool rig_slow;

/* Everything set up for a program of privilege @cpl that runs at RIG_CODE. */
struct rig *rig_start(enum rig_mode mode, unsigned cpl);
void rig_stop(struct rig *r);

u64 rig_get(struct rig *r, u64 at, unsigned size);
void rig_put(struct rig *r, u64 at, unsigned size, u64 val);
u64 rig_desc(u32 base, u32 limit, unsigned attr);
void rig_gdt(struct rig *r, u16 sel, u64 raw);
/* A gate of 8 bytes, in IA-32e mode 16, in the GDT or IDT. */
void rig_gate(struct rig *r, u64 at, unsigned attr, u16 sel, u64 off, unsigned extra);
void rig_idt(struct rig *r, unsigned vector, unsigned attr, u16 sel, u64 off, unsigned ist);

/* Run an instruction. True: done, RIP moved. False: raised, see rig_raised(). */
bool rig_run(struct rig *r, const void *code, size_t len);
#define RUN_INSN(r, ...)                                                                           \
	rig_run(r, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
bool rig_io(struct rig *r, u16 port, unsigned size); /* io_check() */
/* Deliver an event: true when that raised nothing. */
bool rig_deliver(struct rig *r, struct soft_event e);
/* As the loop does: an event and what comes of it, until delivered or (false) shutdown. */
bool rig_deliver_all(struct rig *r, struct soft_event e);

/* Vector << 16 | error code of what was raised; plus no error code at all: BIT(31). */
u32 rig_raised(struct rig *r);
#define FAULT(vector, error) ((u32)(vector) << 16 | (u32)(error))
#define CHECK_FAULT(run, vector, error)                                                            \
	do {                                                                                       \
		CHECK(!(run));                                                                     \
		CHECK_EQ(rig_raised(r), FAULT(vector, error));                                     \
	} while (0)
