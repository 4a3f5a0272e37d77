/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/far_priv.h: descriptors, frames on stacks and control transfers, among desc.c, frame.c,
 * far.c, gate.c, iret.c, task.c and event.c. SDM 3A chapters 3, 5, 6 and 7
 *
 * Error codes here have no EXT bit: event_merge() adds it to what is raised during delivery.
 */
#pragma once

#include "cpu/soft/soft_priv.h"

/* System descriptors: type and the S bit, 0. SDM 3A table 3-2 */
enum {
	SYS_TSS16 = 1,
	SYS_LDT = 2,
	SYS_CALL16 = 4,
	SYS_TASK_GATE = 5,
	SYS_INT16 = 6,
	SYS_TRAP16 = 7,
	SYS_TSS32 = 9, /* also the 64-bit one */
	SYS_CALL32 = 12,
	SYS_INT32 = 14,
	SYS_TRAP32 = 15,
	SYS_BUSY = 2, /* in the type of a task state segment */
	SYS_MASK = SA_S | SA_TYPE
};

/* What has a meaning in cpu_seg.attr; the rest of bits 40-55 belongs to the limit. */
#define SA_ALL 0xf0ffu

/* Hidden parts that SYSCALL, SYSENTER and others set without a descriptor. SDM 2B, SYSCALL */
enum {
	ATTR_CODE64 = SA_G | SA_L | SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED,
	ATTR_CODE32 = SA_G | SA_DB | SA_P | SA_S | SA_CODE | SA_WRITE | SA_ACCESSED,
	ATTR_DATA32 = SA_G | SA_DB | SA_P | SA_S | SA_WRITE | SA_ACCESSED,
	ATTR_REAL = SA_P | SA_S | SA_WRITE | SA_ACCESSED,
	ATTR_DPL3 = 3 << SA_DPL_SHIFT
};

/* A descriptor of 8 bytes, and where it was read. */
struct desc {
	u64 raw;
	gva_t at;
	u16 sel;
};

static inline u16 raw_attr(u64 raw)
{
	return (u16)(raw >> 40) & SA_ALL;
}
static inline unsigned attr_dpl(unsigned attr)
{
	return attr >> SA_DPL_SHIFT & 3;
}
static inline u16 desc_attr(const struct desc *d)
{
	return raw_attr(d->raw);
}
static inline unsigned desc_dpl(const struct desc *d)
{
	return attr_dpl((unsigned)(d->raw >> 40));
}
static inline bool attr_code(unsigned attr)
{
	return (attr & (SA_S | SA_CODE)) == (SA_S | SA_CODE);
}
static inline bool attr_conforming(unsigned attr)
{
	return attr & SA_DOWN;
}
static inline bool attr_writable_data(unsigned attr)
{
	return (attr & (SA_S | SA_CODE | SA_WRITE)) == (SA_S | SA_WRITE);
}
static inline bool sel_null(u16 sel)
{
	return !(sel & ~3);
}
/* Linear addresses have 32 bits outside IA-32e mode. */
static inline gva_t linear(const struct soft_cpu *c, u64 at)
{
	return c->lma ? at : (u32)at;
}

/* ---- the exec_fn of exec_far.def ---- */

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_far.def"
#undef EXEC
/* A far pointer in memory. segs.c */
void read_far(struct soft_cpu *c, const struct insn *i, u64 *off, u16 *sel);

/* [at, at + len) on the host where @t allows it at once, else NULL. */
static inline u8 *tlb_host(const struct tlb *t, gva_t at, unsigned len, bool write)
{
	const struct tlb_entry *e = &t->at[tlb_index(at)];

	if (at - (write ? e->write : e->read) > PAGE - len)
		return NULL;
	return (u8 *)(uintptr_t)(at + e->delta);
}

/* ---- desc.c ---- */

/* Fault with a selector as error code. */
_Noreturn void raise_sel(struct soft_cpu *c, enum vector v, u16 sel);
/* Where the @size bytes of the descriptor of @sel are; false: outside its table, or no table. */
bool desc_find(const struct soft_cpu *c, u16 sel, unsigned size, gva_t *out);
/* Read the descriptor of @sel, which is not null; outside its table: @v with the selector. */
void desc_read(struct soft_cpu *c, u16 sel, enum vector v, struct desc *out);
/* The hidden part of a code or data segment; RPL as in the selector. */
struct cpu_seg desc_seg(const struct desc *d);
/* Set the accessed bit in memory and in @d. May raise #PF: before anything is changed. */
void desc_set_accessed(struct soft_cpu *c, struct desc *d);
static inline void desc_access(struct soft_cpu *c, struct desc *d)
{
	if (!(d->raw >> 40 & SA_ACCESSED))
		desc_set_accessed(c, d);
}
/* LDT or task state: 16 bytes in IA-32e mode. Raises #GP(sel) for an impossible base. */
struct cpu_seg desc_system_seg(struct soft_cpu *c, const struct desc *d);
/* Atomically make a task's type busy or free. False: it is busy already; nothing is changed. */
bool desc_set_busy(struct soft_cpu *c, struct desc *d, bool busy);
/* Put a segment register in place and do what follows from it, but for CS and SS. */
void seg_put(struct soft_cpu *c, enum insn_seg s, const struct cpu_seg *seg);
/* SS of privilege @cpl without a descriptor: in 64-bit mode. */
struct cpu_seg seg_null_ss(u16 sel, unsigned cpl);
/* Leave a segment register without a segment. */
void seg_clear(struct soft_cpu *c, enum insn_seg s, u16 sel);
/* What a data segment register allows: #GP(sel), #NP(sel); not null. SDM 2B, MOV */
void desc_check_data(struct soft_cpu *c, const struct desc *d);
/* A code segment that execution may go on at @rip: #GP(0). */
void check_rip(struct soft_cpu *c, const struct cpu_seg *cs, u64 rip);
/* L and D may not both be set where L counts: #GP(sel). */
void check_code_size(struct soft_cpu *c, const struct desc *d);

/* ---- frame.c: several slots of a stack at once ---- */

enum { FRAME_MAX = 36 };

/* A stack to push to: the current one or one that will be. */
struct stack {
	struct cpu_seg seg;
	u64 sp, mask; /* @mask: the part of @sp that changes */
	u16 error;    /* of #SS: the selector of a new stack */
	bool flat;    /* 64-bit: canonical form alone is checked */
	bool inner;   /* a new stack of more privilege */
};
void stack_current(const struct soft_cpu *c, struct stack *out);
/* Raise what writing @n slots of @size bytes would raise. */
void stack_probe(struct soft_cpu *c, const struct stack *st, unsigned n, unsigned size);
/* Push @val[0], then [1] and so on. May only raise what stack_probe() would have. */
void stack_write(struct soft_cpu *c, struct stack *st, const u64 *val, unsigned n, unsigned size);
/* Slot @n of @size bytes above the stack pointer, plus @skip bytes. Raises #SS(0) and so on. */
u64 frame_peek(struct soft_cpu *c, unsigned n, unsigned size, u64 skip);
/* Add to the stack pointer, in its present size. */
u64 stack_advance(const struct soft_cpu *c, u64 sp, s64 by);

/* The task state's stack of privilege @cpl: #TS, #SS. In IA-32e mode SS is null. SDM 3A 6.12.1 */
void stack_inner(struct soft_cpu *c, unsigned cpl, struct stack *out);
/* RSP from the task state: @n 0 to 2: of a privilege, 3 + n: IST n. */
u64 tss_rsp(struct soft_cpu *c, unsigned n);

/* ---- far.c, gate.c, iret.c ---- */

/* CS and SS were put in place, nothing else changed. */
void mode_put(struct soft_cpu *c);
/*
 * Enter the code segment @d, in real and virtual-8086 mode @sel, at @rip with privilege @cpl.
 * Nothing may raise any more.
 */
void cs_put(struct soft_cpu *c, const struct desc *d, unsigned cpl, u64 rip);
void cs_put_real(struct soft_cpu *c, u16 sel, u64 rip);
/* A far JMP or CALL met a system descriptor. @osz: of the instruction. */
void far_system(struct soft_cpu *c, struct desc *d, bool call);
/* Checks of the code segment that a return goes to: SDM 2B, RET; 2A, IRET. */
void ret_read_code(struct soft_cpu *c, u16 sel, struct desc *out);
/* SS of a return to @rpl; in *@out what to load. @cs is the code segment returned to. */
void ret_read_ss(struct soft_cpu *c, u16 sel, const struct desc *cs, struct cpu_seg *out);
/* Put SS:SP of a return in place, and clear data segments that its privilege may not have. */
void ret_put_outer(struct soft_cpu *c, const struct desc *cs, const struct cpu_seg *ss, u64 sp);

/* ---- task.c ---- */

enum task_cause { TASK_JMP, TASK_CALL, TASK_IRET, TASK_INT };
/*
 * Switch to the task of @d, a task state segment that was found and looked at (present; busy for
 * IRET only, else available). c->next_rip is saved as the old task's. What is wrong with the new
 * task's state is raised in the new task: #TS and others. SDM 3A 7.3
 */
void task_switch(struct soft_cpu *c, struct desc *d, enum task_cause cause);
/* Read and check the task that a task gate or a far branch names: #GP, #NP. */
void task_find(struct soft_cpu *c, u16 sel, struct desc *out);
/* IRET with NT: back to the task that called. */
void task_return(struct soft_cpu *c);
