/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/vcpu.h: one virtual processor: its identity, its whole state and its counters. */
#pragma once

#include "base/types.h"

struct accel;
struct thread;

struct cpu_seg {
	u64 base;
	u32 limit;     /* bytes, granularity already applied */
	u16 sel, attr; /* attr as bits 40-55 of the descriptor; Intel SDM 3A 3.4.5 */
};

struct cpu_msr {
	u32 index;
	u64 value;
};

enum { CPU_MSRS = 256, CPU_XSAVE = 8192 };

/* Everything a vCPU is, in one form for all backends. Save files hold it through a field table. */
struct cpu_state {
	/* gpr: rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
	u64 gpr[16], rip, rflags, cr0, cr2, cr3, cr4, cr8, efer, apic_base, xcr0;
	u64 dr[8]; /* 4 and 5 unused */
	struct cpu_seg cs, ds, es, fs, gs, ss, tr, ldt, gdt, idt;
	u8 xsave[CPU_XSAVE]; /* standard (not compacted) form; SDM 1 13.4 */
	u32 xsave_len;
	u8 lapic[1024]; /* registers at 16-byte steps, as in the xAPIC page */
	struct cpu_msr msr[CPU_MSRS];
	u32 msr_count;
	/* What is on its way: SDM 3A 6; KVM's struct kvm_vcpu_events says the same. */
	struct {
		bool exception_injected, exception_pending, exception_has_error, has_payload;
		u8 exception;
		u32 exception_error;
		u64 payload;
		bool interrupt_injected, interrupt_soft;
		u8 interrupt, interrupt_shadow;
		bool nmi_injected, nmi_pending, nmi_masked, triple_fault;
		bool in_smm, smi_pending, smm_inside_nmi, latched_init;
	} event;
	u32 sipi_vector;
	u8 activity; /* enum cpu_activity */
	u64 tsc;
};

enum cpu_activity { CPU_RUNNING, CPU_WAIT_FOR_SIPI, CPU_INIT_RECEIVED, CPU_HALTED };

/* Why a vCPU came out of the guest; counted, printed by --stats. */
enum exit_kind {
	EXIT_PORT_READ,
	EXIT_PORT_WRITE,
	EXIT_MMIO_READ,
	EXIT_MMIO_WRITE,
	EXIT_MSR_READ,
	EXIT_MSR_WRITE,
	EXIT_HALT,
	EXIT_INTR_WINDOW,
	EXIT_IOAPIC_EOI,
	EXIT_HYPERV,
	EXIT_SYSTEM,
	EXIT_KICK,
	EXIT_OTHER,
	N_EXIT_KINDS
};
extern const char *const exit_names[N_EXIT_KINDS];

/* Backends embed this first. */
struct vcpu {
	struct accel *accel;
	u32 index, apic_id;
	struct thread *thread;   /* calls run(); set by the owner before it first does */
	u64 exits[N_EXIT_KINDS]; /* written by the vCPU's thread only */
	u64 insns;               /* instructions run, likewise; 0 where the backend cannot count */
};
