/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/cpuid.h: what the guest's CPUID says: the host's leaves, filtered, with the topology, the
 * Hyper-V identity and Windows' needs worked in. Intel SDM 2A CPUID; AMD APM 3 appendix E.
 */
#pragma once

#include "base/error.h"

struct cpuid_leaf {
	u32 leaf, subleaf;
	bool has_subleaf; /* the subleaf matters */
	u32 eax, ebx, ecx, edx;
};

enum { CPUID_MAX = 128 };
struct cpuid_table {
	unsigned count;
	struct cpuid_leaf at[CPUID_MAX];
};

/* 0 stands for 1 (cores: for the rest). threads*cores*dies*packages = vCPUs. */
struct cpu_topology {
	unsigned threads, cores, dies, packages;
};

struct cpuid_policy {
	unsigned vcpus;
	struct cpu_topology topology;
	bool hyperv;              /* Hyper-V leaves instead of the backend's own at 4000xxxx */
	bool nested;              /* keep VMX / SVM */
	bool tsc_deadline;        /* the backend's local APIC has the mode */
	bool x2apic;              /* the backend's local APIC has the mode */
	bool overcommitted;       /* fewer host CPUs than vCPUs: spinning guests should say so */
	unsigned phys_bits_limit; /* 0: as the host */
	/* Hyper-V leaves 40000003 EAX, EBX, EDX and 40000004 EAX that the backend can serve. */
	u32 hv_eax, hv_ebx, hv_edx, hv_hints;
};

/* The entry for @leaf and @subleaf (ignored where the leaf has none), or NULL. */
struct cpuid_leaf *cpuid_find(struct cpuid_table *t, u32 leaf, u32 subleaf);
int cpuid_add(struct cpuid_table *t, const struct cpuid_leaf *l); /* -ENOSPC */

/*
 * Turn what the host offers (@t, as the backend reported it) into what every vCPU shows.
 * -ENOTSUP with the feature's name when the host lacks what Windows cannot do without.
 */
int cpuid_apply(struct cpuid_table *t, const struct cpuid_policy *p, struct error *err) MUST_CHECK;
/* Fill in the numbers that differ between vCPUs: APIC ids in leaves 1, B, 1F, 8000001E. */
void cpuid_for_vcpu(struct cpuid_table *t, const struct cpuid_policy *p, u32 apic_id);

/*
 * Put numbers in place of @t's zeros for a machine of @vcpus: one thread per core, one die, one
 * package, and as many cores as that takes. -EINVAL when the product is not @vcpus.
 */
int topology_fill(struct cpu_topology *t, unsigned vcpus, struct error *err) MUST_CHECK;
/* Bits of an APIC id below the core, die and package numbers of a filled @t. */
unsigned topology_core_shift(const struct cpu_topology *t);
unsigned topology_die_shift(const struct cpu_topology *t);
unsigned topology_package_shift(const struct cpu_topology *t);
/* APIC id of vCPU @index under a filled @t: bit fields sized by the topology. SDM 3A 9.9. */
u32 topology_apic_id(const struct cpu_topology *t, unsigned index);
