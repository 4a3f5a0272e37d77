/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/kvm_priv.h: one machine and its vCPUs in Linux's KVM.
 *
 * The local APICs are the kernel's (split irqchip); the routes it holds for I/O APIC pins serve
 * only to make it report their EOIs. Linux: Documentation/virt/kvm/api.rst.
 */
#pragma once

#include <linux/kvm.h>
#include <stddef.h>

#include "cpu/accel.h"

enum {
	KVM_IOAPIC_PINS = 24,
	KVM_VIEW_SLOTS = 240, /* memory slots per address space */
	KVM_IRQFDS = 512,
	KVM_CRASH_MSRS = 6, /* 40000100 to 40000105 */
	KVM_SEEN_MSRS = 64, /* unknown MSRs already logged */
};

#define HV_X64_MSR_TIME_REF_COUNT 0x40000020
#define HV_X64_MSR_CRASH_P0 0x40000100
#define HV_X64_MSR_CRASH_CTL 0x40000105
#define HV_CRASH_NOTIFY BIT64(63)
#define HV_CRASH_MESSAGE BIT64(62)

/* What this host's KVM can do; filled once by kvm_host_open(). */
struct kvm_host {
	int fd; /* /dev/kvm */
	size_t run_size;
	unsigned max_vcpus, max_slots;
	bool smm, xcrs, exception_payload, triple_fault, msr_filter, msr_exits, tsc_deadline, clock,
		any_length, x2apic_ids, pmu_cap, tsc_steady;
	bool hyperv; /* the leaves below are worth showing */
	u32 hv_eax, hv_ebx, hv_edx, hv_hints;
};

struct kvm_slot {
	gpa_t at;
	u64 len; /* 0: free */
	u8 *host;
	struct region *region;
};

struct kvm_pin {
	struct msi msg;
	bool active; /* level-triggered: the kernel must report the EOI */
};

struct kvm_fd_route {
	struct event *event;
	struct msi msg;
	bool used, live; /* @live: attached in the kernel */
};

struct kvm_vcpu;

struct kvm {
	struct accel base;
	struct kvm_host host;
	int vm;
	struct mem_listener listener;
	bool listening;
	struct kvm_slot slot[N_VIEWS][KVM_VIEW_SLOTS];
	struct kvm_vcpu **vcpu; /* base.cfg.count of them, NULL until created */
	struct cpuid_policy policy;

	/* Changes of memory slots wait until no vCPU is in the guest; see slots.c. */
	struct mutex gate;
	struct cond left;
	u8 hold; /* atomic */

	u8 extint;             /* atomic: the 8259's INTR line */
	struct mutex irq_lock; /* leaf: routes */
	struct kvm_pin pin[KVM_IOAPIC_PINS];
	struct kvm_fd_route irqfd[KVM_IRQFDS];

	struct mutex msr_lock; /* leaf: the two below */
	u64 crash[KVM_CRASH_MSRS];
	u32 seen_msr[KVM_SEEN_MSRS], seen_msrs;

	u32 saved_msr[CPU_MSRS]; /* those that make up a vCPU's state here */
	unsigned saved_msrs;
	size_t xsave_len;

	bool paused, clock_valid;
	u64 pause_tsc; /* the host's when guest time stopped */
	u64 clock_ns;  /* kvmclock, which Hyper-V's reference time follows */
};

struct kvm_vcpu {
	struct vcpu base;
	struct kvm *kvm;
	int fd;
	struct kvm_run *run;
	u8 kicked;       /* atomic */
	u8 in_guest;     /* atomic; see slots.c */
	bool unfinished; /* the last exit is completed by the next KVM_RUN */
	bool again;      /* the last KVM_RUN gave EAGAIN */
	bool loaded;     /* the state is new: what KVM said of it before is not true any more */
	/*
	 * A vector that the 8259 has handed out: kept here until KVM_RUN is certain to follow, then
	 * given to KVM, which does not tell when it takes it. -1: none.
	 */
	int extint, given;
	struct str why; /* for explain() */
	struct cpu_state *reset_state;
};

static inline struct kvm *kvm_of(struct accel *a)
{
	return container_of(a, struct kvm, base);
}

static inline struct kvm_vcpu *kvm_vcpu_of(struct vcpu *v)
{
	return container_of(v, struct kvm_vcpu, base);
}

/* kvm.c: an ioctl's result, or -errno; and the error that says which one failed. */
int kvm_ioctl(int fd, unsigned long req, void *arg);
int kvm_ioctl_n(int fd, unsigned long req, unsigned long arg);
int kvm_error(struct error *err, int rc, const char *call);
int kvm_check_cap(int fd, long cap);
int kvm_enable_cap(int fd, u32 cap, u64 arg0);
/* Open /dev/kvm and look at what it has. Errors say what to do. */
int kvm_host_open(struct kvm_host *out, struct error *err);
void kvm_host_close(struct kvm_host *h);

/* probe.c: run a few instructions in each CPU mode. */
int kvm_probe(struct accel_info *out, struct error *err);
int kvm_probe_guest(struct kvm_host *h, struct error *err);

/* vcpu.c */
int kvm_vcpu_create(struct vcpu **out, struct accel *a, unsigned index, struct error *err);
void kvm_vcpu_destroy(struct vcpu *v);
int kvm_vcpu_reset(struct vcpu *v, struct error *err);
enum run_result kvm_vcpu_run(struct vcpu *v);
void kvm_vcpu_kick(struct vcpu *v);
void kvm_vcpu_wake(struct kvm_vcpu *v); /* as kick, but run() does not return */
void kvm_vcpu_explain(struct vcpu *v, struct str *out);
struct kvm_vcpu *kvm_current_vcpu(void); /* whose exit this thread handles, or NULL */

/* regs.c */
int kvm_list_msrs(struct kvm_vcpu *v, struct error *err);
int kvm_save_cpu(struct kvm_vcpu *v, struct cpu_state *out, struct error *err);
int kvm_load_cpu(struct kvm_vcpu *v, const struct cpu_state *in, struct error *err);
int kvm_get_state(struct vcpu *v, struct cpu_state *out, struct error *err);
int kvm_set_state(struct vcpu *v, const struct cpu_state *in, struct error *err);
int kvm_get_msr(struct kvm_vcpu *v, u32 index, u64 *out);
int kvm_set_msr(struct kvm_vcpu *v, u32 index, u64 value);

/* slots.c */
int kvm_slots_init(struct kvm *k, struct error *err);
void kvm_slots_finish(struct kvm *k);
void kvm_enter_gate(struct kvm_vcpu *v); /* before KVM_RUN; may wait for the machine lock */
void kvm_leave_gate(struct kvm_vcpu *v);

/* irq.c */
extern const struct cpu_ops kvm_cpu_ops;
int kvm_irq_init(struct kvm *k, struct error *err);
void kvm_irq_finish(struct kvm *k);
void kvm_offer_extint(struct kvm_vcpu *v); /* before KVM_RUN of vCPU 0 */
void kvm_vcpu_nmi(struct vcpu *v);
int kvm_irqfd_add(struct accel *a, unsigned *id, struct event *e, struct msi msg,
		  struct error *err);
void kvm_irqfd_update(struct accel *a, unsigned id, struct msi msg, bool masked);
void kvm_irqfd_remove(struct accel *a, unsigned id);

/* msr.c */
int kvm_msr_init(struct kvm *k, struct error *err);
/* Serve an MSR exit; true when the guest reported its own crash. */
bool kvm_msr_read_exit(struct kvm_vcpu *v);
bool kvm_msr_write_exit(struct kvm_vcpu *v);

/* hyperv.c */
void kvm_hyperv_look(struct kvm_host *h);
int kvm_hyperv_init_vcpu(struct kvm_vcpu *v, struct error *err);
void kvm_hyperv_exit(struct kvm_vcpu *v);
void kvm_hyperv_crashed(struct kvm_vcpu *v); /* say in v->why what the guest reported */
u64 kvm_crash_read(struct kvm *k, u32 index);
void kvm_crash_write(struct kvm *k, u32 index, u64 value);

/* time.c */
bool kvm_tsc_is_steady(void);
void kvm_pause(struct accel *a);
void kvm_resume(struct accel *a);
u64 kvm_get_tsc(struct kvm_vcpu *v);
void kvm_set_tsc(struct kvm_vcpu *v, u64 tsc);
u64 kvm_get_clock(struct kvm *k); /* nanoseconds */
void kvm_set_clock(struct kvm *k, u64 ns);
