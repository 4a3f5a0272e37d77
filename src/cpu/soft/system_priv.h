/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/system_priv.h: what the files of the system part share. */
#pragma once

#include "cpu/soft/soft_priv.h"

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_sys.def"
#undef EXEC

/* DR6 and DR7: what can be written, and what always reads as 1. SDM 3B 17.2 */
#define DR6_BITS 0xe00full
#define DR6_ONES 0xffff0ff0ull
#define DR6_BD BIT(13)
#define DR7_BITS 0xffff2bffull
#define DR7_ONES BIT(10)
#define DR7_GD BIT(13)

#define RFLAGS_BITS 0x3f7fd5ull
#define SEG_ATTR_BITS 0xf0ffu

enum {
	MSR_TSC = 0x10,
	MSR_TSC_ADJUST = 0x3b,
	MSR_SMBASE = 0x9e,
	MSR_APIC_BASE = 0x1b,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC_FIRST = 0x800,
	MSR_X2APIC_LAST = 0x8ff,
};

static inline u64 make_canonical(u64 at)
{
	return (u64)((s64)(at << 16) >> 16);
}

/* ---- control.c ---- */

/* CR0, CR3, CR4 and EFER as they would be together, LMA included. */
struct control {
	u64 cr0, cr3, cr4, efer;
};
/* Why a processor cannot be in such a state, for people; NULL: it can. SDM 3A 2.5, 9.8.5 */
const char *control_wrong(const struct soft_cpu *c, const struct control *r);
bool pdptes_reload(
	struct soft_cpu *c); /* after CR0, CR3, CR4, EFER were set; false: reserved bits */
bool efer_write(struct soft_cpu *c, u64 val); /* false: #GP(0) */
bool xcr0_valid(struct soft_cpu *c, u64 val);

/* ---- debug.c ---- */

/* Debug registers were loaded: breakpoints of code and of data take effect. */
void debug_changed(struct soft_cpu *c);

/* ---- msr.c ---- */

/* MSRs that are saved, at most @room; how many. */
unsigned msr_save(struct soft_cpu *c, struct cpu_msr *out, unsigned room);
/* One that was saved; false: not one of ours, or its value is impossible. */
bool msr_load(struct soft_cpu *c, u32 index, u64 val);
void msr_reset(struct soft_cpu *c); /* RESET; INIT leaves them */

/* ---- cpuid_query.c ---- */

/* A bit as the guest's CPUID has it, without what changes while it runs. */
bool cpuid_shows(const struct soft_cpu *c, u32 leaf, u32 subleaf, enum cpuid_register reg,
		 unsigned bit);
/* The register itself; 0 when there is no such leaf. */
u32 cpuid_value(const struct soft_cpu *c, u32 leaf, u32 subleaf, enum cpuid_register reg);
bool cpu_is_amd(const struct soft_cpu *c); /* or Hygon */

/* ---- smm.c ---- */

void smm_leave(struct soft_cpu *c); /* RSM in SMM */
