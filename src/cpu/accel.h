/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/accel.h: what runs the guest's instructions: KVM, WHP or our own CPU.
 *
 * Every backend owns the local APICs and nothing else; the I/O APIC, PIC and PIT are always our
 * own devices, so a board is the same on all three. A backend reaches devices with io_read_vcpu()
 * and io_write_vcpu(), and devices reach it through struct cpu_ops (core/machine.h), which
 * create() attaches to the machine together with a mem_listener.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "core/machine.h"
#include "cpu/cpuid.h"
#include "cpu/vcpu.h"

struct accel;

struct cpu_config {
	unsigned count; /* vCPUs, at least 1 */
	struct cpu_topology topology;
	const char *model;        /* of CPU, for create() alone; NULL: the backend's own choice */
	const char *jit;          /* of our own CPU, likewise: see --cpus jit=; NULL: on */
	bool hyperv;              /* present the Hyper-V interface and hide the backend's own */
	bool nested;              /* offer VMX/SVM to the guest */
	bool smm;                 /* System Management Mode is wanted */
	unsigned phys_bits_limit; /* 0: as the host */
};

/* What a usable backend can do here; filled by probe(). */
struct accel_info {
	char detail[200]; /* one line for people: "KVM API 12, Hyper-V, SMM" */
	bool hyperv, smm;
	unsigned max_vcpus;
};

/* How run() ended. */
enum run_result {
	RUN_AGAIN,    /* kicked: look at the run state, then run again */
	RUN_RESET,    /* the guest asked the backend for a system reset (Hyper-V reset MSR) */
	RUN_SHUTDOWN, /* triple fault */
	RUN_CRASH,    /* Hyper-V crash MSRs: the guest reported its own end and may go on */
	RUN_ERROR,    /* the backend gave up: accel_class.explain() says why */
};

struct accel_class {
	const char *name;    /* "kvm", "whp", "soft" */
	const char *summary; /* one line for help */
	/* 0 if usable here (a probe guest really ran); else why not and what to do about it. */
	int (*probe)(struct accel_info *out, struct error *err);

	int (*create)(struct accel **out, struct machine *m, const struct cpu_config *cfg,
		      struct error *err);
	void (*destroy)(struct accel *a); /* after the last vCPU; NULL is allowed */

	int (*vcpu_create)(struct vcpu **out, struct accel *a, unsigned index, struct error *err);
	void (*vcpu_destroy)(struct vcpu *v);
	/* Architectural state after RESET: vCPU 0 runs at FFFFFFF0, the others wait for SIPI. */
	int (*vcpu_reset)(struct vcpu *v, struct error *err);

	/* [on_vcpu, never in_machine] Run until kicked or until the owner must act. */
	enum run_result (*run)(struct vcpu *v);
	void (*kick)(struct vcpu *v); /* any thread: run() returns soon, now or at its next call */
	/* Lines about the last RUN_ERROR, RUN_SHUTDOWN or RUN_CRASH, registers included. */
	void (*explain)(struct vcpu *v, struct str *out);

	/* Between pause() and resume(), so that all vCPUs' clocks refer to one moment. */
	int (*get_state)(struct vcpu *v, struct cpu_state *out, struct error *err);
	int (*set_state)(struct vcpu *v, const struct cpu_state *in, struct error *err);
	/* All vCPUs are paused / about to run again: stop and restart guest time. */
	void (*pause)(struct accel *a);
	void (*resume)(struct accel *a);
	void (*nmi)(struct vcpu *v); /* any thread */

	/* Deliver @msg whenever @e is signalled, without a thread of ours (vhost). */
	int (*irqfd_add)(struct accel *a, unsigned *id, struct event *e, struct msi msg,
			 struct error *err);
	void (*irqfd_update)(struct accel *a, unsigned id, struct msi msg, bool masked);
	void (*irqfd_remove)(struct accel *a, unsigned id);
};

/* Backends embed this first. */
struct accel {
	const struct accel_class *cls;
	struct machine *machine;
	struct cpu_config cfg;
	struct cpuid_table cpuid; /* the policy, before per-vCPU numbers are filled in */
};

extern const struct accel_class *const accel_classes[]; /* best first, ends with NULL */
extern const struct accel_class kvm_accel;              /* cpu/kvm, where it was built */
extern const struct accel_class soft_accel;             /* cpu/soft */

/*
 * The backend called @name, or for "auto" (or NULL) the first whose probe succeeds, and what its
 * probe found. @why gets one line for people: what was taken, and why the better ones were not.
 */
int accel_choose(const struct accel_class **out, struct accel_info *info, const char *name,
		 struct str *why, struct error *err) MUST_CHECK;
