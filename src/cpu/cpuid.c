/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/cpuid.c: from the host's CPUID leaves to the guest's. Intel SDM 2A CPUID; AMD APM 3 appendix
 * E; Hypervisor Top Level Functional Specification 2.4.
 */
#include "cpu/cpuid.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

LOG_MODULE("cpuid");

enum reg { EAX, EBX, ECX, EDX };

struct feature {
	u32 leaf;
	u8 reg, bit;
	const char *name;
};

/* Windows 10 and 11 refuse to start without these. */
static const struct feature needed[] = {
	{ 0x1, EDX, 4, "TSC" },
	{ 0x1, EDX, 5, "MSRs" },
	{ 0x1, EDX, 6, "PAE" },
	{ 0x1, EDX, 8, "CMPXCHG8B" },
	{ 0x1, EDX, 9, "a local APIC" },
	{ 0x1, EDX, 26, "SSE2" },
	{ 0x1, ECX, 13, "CMPXCHG16B" },
	{ 0x80000001, ECX, 0, "LAHF/SAHF in 64-bit mode" },
	{ 0x80000001, EDX, 20, "no-execute pages (NX)" },
	{ 0x80000001, EDX, 29, "64-bit mode" },
};

/* The kernel of Windows 11 24H2 uses them from its first instructions. */
static const struct feature wanted[] = {
	{ 0x1, ECX, 20, "SSE4.2" },
	{ 0x1, ECX, 23, "POPCNT" },
};

/*
 * Never shown: what no backend virtualises (performance counters, tracing, SGX, cache
 * allocation, hybrid cores) and what a hypervisor must keep for itself (MONITOR).
 */
static const struct feature hidden[] = {
	{ 0x1, ECX, 2, "DTES64" },
	{ 0x1, ECX, 3, "MONITOR" },
	{ 0x1, ECX, 4, "DS-CPL" },
	{ 0x1, ECX, 6, "SMX" },
	{ 0x1, ECX, 7, "EIST" },
	{ 0x1, ECX, 8, "TM2" },
	{ 0x1, ECX, 11, "SDBG" },
	{ 0x1, ECX, 15, "PDCM" },
	{ 0x1, ECX, 27, "OSXSAVE" }, /* follows CR4: the backend sets it */
	{ 0x1, EDX, 21, "DS" },
	{ 0x1, EDX, 22, "ACPI" },
	{ 0x1, EDX, 29, "TM" },
	{ 0x7, EBX, 2, "SGX" },
	{ 0x7, EBX, 12, "RDT-M" },
	{ 0x7, EBX, 15, "RDT-A" },
	{ 0x7, EBX, 25, "PT" },
	{ 0x7, ECX, 4, "OSPKE" }, /* follows CR4 */
	{ 0x7, ECX, 30, "SGX-LC" },
	{ 0x7, EDX, 15, "hybrid" },
	{ 0x7, EDX, 18, "PCONFIG" },
	{ 0x80000001, ECX, 10, "IBS" },
	{ 0x80000001, ECX, 12, "SKINIT" },
	{ 0x80000001, ECX, 13, "WDT" },
	{ 0x80000001, ECX, 23, "PerfCtrExtCore" },
	{ 0x80000001, ECX, 24, "PerfCtrExtNB" },
	{ 0x80000001, ECX, 27, "PerfTsc" },
	{ 0x80000001, ECX, 28, "PerfCtrExtLLC" },
	{ 0x80000001, ECX, 29, "MONITORX" },
};

/* Leaves of the same: not there at all, so they read as zero. */
static const struct {
	u32 first, last;
} dropped[] = {
	{ 0x5, 0x5 },               /* MONITOR */
	{ 0x9, 0xa },               /* direct cache access, performance counters */
	{ 0xf, 0x10 },              /* cache monitoring and allocation */
	{ 0x12, 0x12 },             /* SGX */
	{ 0x14, 0x14 },             /* processor trace */
	{ 0x1a, 0x1c },             /* hybrid, PCONFIG, last branch records */
	{ 0x8000001b, 0x8000001c }, /* IBS, LWP */
	{ 0x8000001f, 0x80000020 }, /* encrypted memory, bandwidth enforcement */
	{ 0x80000022, 0x8fffffff }, /* performance counters, memory keys, topology of AMD's own */
	{ 0xc0000000, 0xffffffff }, /* other makers' */
};

#define VENDOR_INTEL 0x756e6547 /* EBX of leaf 0: "Genu" */
#define VENDOR_AMD 0x68747541   /* "Auth" */
#define VENDOR_HYGON 0x6f677948 /* "Hygo" */

#define HV_LEAF_FIRST 0x40000000
#define HV_LEAF_LAST 0x4fffffff

static u32 *reg_of(struct cpuid_leaf *l, u8 reg)
{
	switch (reg) {
	case EAX: return &l->eax;
	case EBX: return &l->ebx;
	case ECX: return &l->ecx;
	default: return &l->edx;
	}
}

struct cpuid_leaf *cpuid_find(struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->at[i].leaf == leaf && (!t->at[i].has_subleaf || t->at[i].subleaf == subleaf))
			return &t->at[i];
	return NULL;
}

int cpuid_add(struct cpuid_table *t, const struct cpuid_leaf *l)
{
	if (t->count == CPUID_MAX)
		return -ENOSPC;
	t->at[t->count++] = *l;
	return 0;
}

static void drop_leaves(struct cpuid_table *t, u32 first, u32 last)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < t->count; i++)
		if (t->at[i].leaf < first || t->at[i].leaf > last)
			t->at[kept++] = t->at[i];
	t->count = kept;
}

static bool has(struct cpuid_table *t, const struct feature *f)
{
	struct cpuid_leaf *l = cpuid_find(t, f->leaf, 0);

	return l && *reg_of(l, f->reg) & BIT(f->bit);
}

static void set_bit(struct cpuid_table *t, u32 leaf, enum reg reg, unsigned bit, bool on)
{
	struct cpuid_leaf *l = cpuid_find(t, leaf, 0);

	if (!l)
		return;
	if (on)
		*reg_of(l, (u8)reg) |= BIT(bit);
	else
		*reg_of(l, (u8)reg) &= ~BIT(bit);
}

static bool is_amd(struct cpuid_table *t)
{
	struct cpuid_leaf *l = cpuid_find(t, 0, 0);

	return l && (l->ebx == VENDOR_AMD || l->ebx == VENDOR_HYGON);
}

/*
 * Windows needs PREFETCHW. Every 64-bit CPU of AMD's has it (APM 3, PREFETCH), and Intel's execute
 * it since Nehalem, years before they said so: say it for them.
 */
static int show_prefetchw(struct cpuid_table *t, struct error *err)
{
	static const struct feature prefetchw = { 0x80000001, ECX, 8, "PREFETCHW" };
	static const struct feature nehalem = { 0x1, ECX, 20, "SSE4.2" };

	if (!has(t, &prefetchw) && !is_amd(t) && !has(t, &nehalem))
		return error_set(err, -ENOTSUP,
				 "this CPU does not offer PREFETCHW, which Windows cannot do "
				 "without; use a newer host");
	set_bit(t, prefetchw.leaf, ECX, prefetchw.bit, true);
	return 0;
}

static int check_needs(struct cpuid_table *t, struct error *err)
{
	for (unsigned i = 0; i < ARRAY_LEN(needed); i++)
		if (!has(t, &needed[i]))
			return error_set(err, -ENOTSUP,
					 "this CPU does not offer %s, which Windows cannot do "
					 "without; use a newer host",
					 needed[i].name);
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++)
		if (!has(t, &wanted[i]))
			log_warn("this CPU has no %s: Windows 11 24H2 and later will not start",
				 wanted[i].name);
	return show_prefetchw(t, err);
}

static void filter(struct cpuid_table *t, const struct cpuid_policy *p)
{
	for (unsigned i = 0; i < ARRAY_LEN(hidden); i++)
		set_bit(t, hidden[i].leaf, hidden[i].reg, hidden[i].bit, false);
	for (unsigned i = 0; i < ARRAY_LEN(dropped); i++)
		drop_leaves(t, dropped[i].first, dropped[i].last);
	if (!p->nested) {
		set_bit(t, 0x1, ECX, 5, false);        /* VMX */
		set_bit(t, 0x80000001, ECX, 2, false); /* SVM */
		drop_leaves(t, 0x8000000a, 0x8000000a);
	}
	set_bit(t, 0x1, ECX, 21, p->x2apic);
	set_bit(t, 0x1, ECX, 24, p->tsc_deadline);
	set_bit(t, 0x1, ECX, 31, true); /* a hypervisor is there */
}

static int limit_phys_bits(struct cpuid_table *t, unsigned limit, struct error *err)
{
	struct cpuid_leaf *l = cpuid_find(t, 0x80000008, 0);

	if (!limit || !l)
		return 0;
	if (limit < 36 || limit > 52)
		return error_set(err, -EINVAL, "%u physical address bits are not 36 to 52", limit);
	if (limit < (l->eax & 0xff))
		l->eax = (l->eax & ~0xffu) | limit;
	/* Bits 23:16: a smaller width for guests, where there is one. AMD APM 3 E.4.7. */
	if (limit < (l->eax >> 16 & 0xff))
		l->eax = (l->eax & ~0xff0000u) | limit << 16;
	return 0;
}

/* Leaves 4 and 8000001D: who shares a cache. Levels 1 and 2 belong to a core, others to a die. */
static void share_caches(struct cpuid_table *t, u32 leaf, const struct cpu_topology *tp)
{
	u32 cores = MIN((1u << (topology_package_shift(tp) - topology_core_shift(tp))) - 1, 63u);

	for (unsigned i = 0; i < t->count; i++) {
		struct cpuid_leaf *l = &t->at[i];
		unsigned level = l->eax >> 5 & 7, shift;

		if (l->leaf != leaf || !(l->eax & 0x1f))
			continue;
		shift = level <= 2 ? topology_core_shift(tp) : topology_die_shift(tp);
		l->eax = (l->eax & 0x3fff) | MIN((1u << shift) - 1, 0xfffu) << 14;
		if (leaf == 4)
			l->eax |= cores << 26;
	}
}

/* One level of leaf B or 1F: @shift bits to the next level's id, @count vCPUs at this one. */
static int add_level(struct cpuid_table *t, u32 leaf, u32 sub, u32 type, u32 shift, u32 count)
{
	return cpuid_add(t, &(struct cpuid_leaf){
				    .leaf = leaf,
				    .subleaf = sub,
				    .has_subleaf = true,
				    .eax = shift,
				    .ebx = count,
				    .ecx = sub | type << 8,
			    });
}

enum { LEVEL_NONE, LEVEL_THREAD, LEVEL_CORE, LEVEL_DIE = 5 }; /* SDM 2A, leaf 1F */

/* Leaf 1F is shown only where dies need it: it says nothing else that B does not. */
static int add_levels(struct cpuid_table *t, const struct cpu_topology *tp, struct error *err)
{
	u32 package = topology_package_shift(tp), in_package = tp->threads * tp->cores * tp->dies;
	struct cpuid_leaf *max = cpuid_find(t, 0, 0);
	int rc;

	drop_leaves(t, 0xb, 0xb);
	drop_leaves(t, 0x1f, 0x1f);
	if (max && max->eax < 0xb)
		max->eax = 0xb;
	rc = add_level(t, 0xb, 0, LEVEL_THREAD, topology_core_shift(tp), tp->threads);
	rc |= add_level(t, 0xb, 1, LEVEL_CORE, package, in_package);
	rc |= add_level(t, 0xb, 2, LEVEL_NONE, 0, 0);
	if (tp->dies > 1) {
		if (max && max->eax < 0x1f)
			max->eax = 0x1f;
		rc |= add_level(t, 0x1f, 0, LEVEL_THREAD, topology_core_shift(tp), tp->threads);
		rc |= add_level(t, 0x1f, 1, LEVEL_CORE, topology_die_shift(tp),
				tp->threads * tp->cores);
		rc |= add_level(t, 0x1f, 2, LEVEL_DIE, package, in_package);
		rc |= add_level(t, 0x1f, 3, LEVEL_NONE, 0, 0);
	} else if (max && max->eax == 0x1f) {
		max->eax = 0x1e;
	}
	return rc ? error_set(err, -ENOSPC, "the host reports too many CPUID leaves") : 0;
}

#define TOPOEXT BIT(22) /* 80000001 ECX: leaves 8000001D and 8000001E are there */

/* KVM keeps 8000001E to itself, so it may have to be made. The ids are filled in for each vCPU. */
static int amd_topology(struct cpuid_table *t, const struct cpu_topology *tp)
{
	u32 in_package = tp->threads * tp->cores * tp->dies;
	struct cpuid_leaf *l = cpuid_find(t, 0x80000008, 0);
	const struct cpuid_leaf *ext = cpuid_find(t, 0x80000001, 0);
	struct cpuid_leaf ids = {
		.leaf = 0x8000001e,
		.ebx = (tp->threads - 1) << 8,
		.ecx = MIN(tp->dies - 1, 7u) << 8,
	};

	set_bit(t, 0x80000001, ECX, 1, in_package > 1); /* CmpLegacy */
	if (l)
		l->ecx = (l->ecx & ~0xf0ffu) | MIN(in_package - 1, 0xffu) |
			 topology_package_shift(tp) << 12;
	drop_leaves(t, ids.leaf, ids.leaf);
	share_caches(t, 0x8000001d, tp);
	return ext && ext->ecx & TOPOEXT ? cpuid_add(t, &ids) : 0;
}

static int apply_topology(struct cpuid_table *t, const struct cpu_topology *tp, struct error *err)
{
	u32 in_package = tp->threads * tp->cores * tp->dies;
	struct cpuid_leaf *l = cpuid_find(t, 1, 0);

	if (l) {
		/* Intel counts the ids a package has room for, AMD the processors in it. */
		u32 ids = is_amd(t) ? in_package : 1u << topology_package_shift(tp);

		l->ebx = (l->ebx & 0xff00ffff) | MIN(ids, 0xffu) << 16;
		set_bit(t, 1, EDX, 28, in_package > 1); /* HTT */
	}
	share_caches(t, 4, tp);
	if (is_amd(t)) {
		if (amd_topology(t, tp) < 0)
			return error_set(err, -ENOSPC, "the host reports too many CPUID leaves");
	} else {
		drop_leaves(t, 0x8000001d, 0x8000001e);
		l = cpuid_find(t, 0x80000008, 0);
		if (l)
			l->ecx = 0;
	}
	return add_levels(t, tp, err);
}

/*
 * What is shown when the backend can do all of it, and why not more: PostMessage and SignalEvent
 * for VMBus; CPU hot-add (EDX 3) costs nothing; the APIC hints depend on the host.
 * platform.md 6: without EAX 5, 6 and 9 every performance counter query is an exit.
 */
#define HV_EAX 0xa7f   /* runtime, time, SynIC, timers, APIC, hypercalls, index, TSC page, freq */
#define HV_EBX 0x30    /* PostMessages, SignalEvents */
#define HV_EDX 0x80518 /* hot-add, XMM input, frequency MSRs, crash MSRs, direct timers */
#define HV_HINTS 0xe2c /* remote flush, APIC MSRs, relaxed, no AutoEOI, cluster IPI, Ex masks */
#define HV_NEEDED 0x60 /* EAX: hypercall MSRs, VP index */
#define HV_EDX_ALWAYS BIT(3) /* nothing for a backend to serve */
#define HV_NEVER_SPIN 0xffffffff

static int add_hyperv(struct cpuid_table *t, const struct cpuid_policy *p, struct error *err)
{
	const struct cpuid_leaf leaves[] = {
		/* Linux looks for this name, Windows only for Hv#1. */
		{ 0x40000000, 0, false, 0x40000005, 0x7263694d, 0x666f736f, 0x76482074 },
		{ 0x40000001, 0, false, 0x31237648, 0, 0, 0 },
		{ 0x40000002, 0, false, 0x3839, 0xa0000, 0, 0 }, /* Windows Server 2016 */
		{ 0x40000003, 0, false, HV_EAX & p->hv_eax, HV_EBX & p->hv_ebx, 0,
		  HV_EDX & (p->hv_edx | HV_EDX_ALWAYS) },
		{ 0x40000004, 0, false, HV_HINTS & p->hv_hints,
		  p->overcommitted ? 0xfff : HV_NEVER_SPIN, 0, 0 },
		{ 0x40000005, 0, false, 240, 64, 0, 0 },
	};

	if ((p->hv_eax & HV_NEEDED) != HV_NEEDED)
		return error_set(err, -ENOTSUP,
				 "this host cannot present the Hyper-V interface (no hypercall or "
				 "VP index MSRs); use kvm_hyperv=off, or a newer host kernel");
	drop_leaves(t, HV_LEAF_FIRST, HV_LEAF_LAST);
	for (unsigned i = 0; i < ARRAY_LEN(leaves); i++)
		if (cpuid_add(t, &leaves[i]) < 0)
			return error_set(err, -ENOSPC, "the host reports too many CPUID leaves");
	return 0;
}

int cpuid_apply(struct cpuid_table *t, const struct cpuid_policy *p, struct error *err)
{
	int rc = check_needs(t, err);

	if (rc < 0)
		return rc;
	filter(t, p);
	rc = limit_phys_bits(t, p->phys_bits_limit, err);
	if (rc == 0)
		rc = apply_topology(t, &p->topology, err);
	if (rc == 0 && p->hyperv)
		rc = add_hyperv(t, p, err);
	return rc;
}

void cpuid_for_vcpu(struct cpuid_table *t, const struct cpuid_policy *p, u32 apic_id)
{
	const struct cpu_topology *tp = &p->topology;

	for (unsigned i = 0; i < t->count; i++) {
		struct cpuid_leaf *l = &t->at[i];

		switch (l->leaf) {
		case 0x1: l->ebx = (l->ebx & 0x00ffffff) | (apic_id & 0xff) << 24; break;
		case 0xb:
		case 0x1f: l->edx = apic_id; break;
		case 0x8000001e: {
			u32 in_package = apic_id & ((1u << topology_package_shift(tp)) - 1);

			l->eax = apic_id;
			l->ebx = (l->ebx & ~0xffu) | (in_package >> topology_core_shift(tp) & 0xff);
			l->ecx = (l->ecx & ~0xffu) | (apic_id >> topology_die_shift(tp) & 0xff);
			break;
		}
		}
	}
}
