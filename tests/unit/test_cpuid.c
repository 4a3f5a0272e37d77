/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/test_cpuid.c: the CPUID policy on tables as KVM reports them. */
#include <errno.h>

#include "cpu/accel.h"
#include "cpu/cpuid.h"
#include "test.h"

/* An AMD EPYC (family 19h) under Linux 6.18; zero leaves left out, some features added. */
static const struct cpuid_leaf amd[] = {
	{ 0x0, 0, false, 0x0000001c, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x1, 0, false, 0x00b00f21, 0x00020800, 0xfefa3203, 0x078bfbff },
	{ 0x5, 0, false, 0x00000040, 0x00000040, 0x00000003, 0x00000011 },
	{ 0x6, 0, false, 0x00000004, 0x00000000, 0x00000000, 0x00000000 },
	{ 0x7, 0, true, 0x00000001, 0x219c97a9, 0x0040069c, 0x20000000 },
	{ 0xd, 0, true, 0x000000e7, 0x00000980, 0x00000980, 0x00000000 },
	{ 0xd, 2, true, 0x00000100, 0x00000240, 0x00000000, 0x00000000 },
	{ 0x80000000, 0, false, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x80000001, 0, false, 0x00b00f21, 0x40000000, 0x00c007f7, 0x2fd3fbff },
	{ 0x80000007, 0, false, 0x00000000, 0x00000000, 0x00000000, 0x00000100 },
	{ 0x80000008, 0, false, 0x00003030, 0x50020005, 0x00007001, 0x00000000 },
	{ 0x8000000a, 0, false, 0x00000001, 0x00000008, 0x00000000, 0x10010021 },
	{ 0x8000001d, 0, true, 0x00000121, 0x02c0003f, 0x0000003f, 0x00000000 },
	{ 0x8000001d, 1, true, 0x00000122, 0x01c0003f, 0x0000003f, 0x00000000 },
	{ 0x8000001d, 2, true, 0x00000143, 0x03c0003f, 0x000003ff, 0x00000002 },
	{ 0x8000001d, 3, true, 0x00004163, 0x03c0003f, 0x00007fff, 0x00000001 },
	{ 0x8000001f, 0, false, 0x00000002, 0x00000073, 0x00000000, 0x00000000 },
	{ 0x80000022, 0, false, 0x00000001, 0x00000006, 0x00000000, 0x00000000 },
	{ 0x40000000, 0, false, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x0000004d },
	{ 0x40000001, 0, false, 0x01007efb, 0x00000000, 0x00000000, 0x00000000 },
};

/* Shaped like an Intel Core of the sixth generation. */
static const struct cpuid_leaf intel[] = {
	{ 0x0, 0, false, 0x0000001f, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 0x1, 0, false, 0x000506e3, 0x07100800, 0xfffab22f, 0x1fabfbff },
	{ 0x4, 0, true, 0x1c004121, 0x01c0003f, 0x0000003f, 0x00000000 },
	{ 0x4, 1, true, 0x1c004122, 0x01c0003f, 0x0000003f, 0x00000000 },
	{ 0x4, 2, true, 0x1c004143, 0x00c0003f, 0x000003ff, 0x00000000 },
	{ 0x4, 3, true, 0x1c03c163, 0x03c0003f, 0x00001fff, 0x00000006 },
	{ 0x7, 0, true, 0x00000000, 0x029c6fbf, 0x40000010, 0x00008000 },
	{ 0xa, 0, false, 0x07300804, 0x00000000, 0x00000000, 0x00000603 },
	{ 0xd, 0, true, 0x0000001f, 0x00000440, 0x00000440, 0x00000000 },
	{ 0x14, 0, true, 0x00000001, 0x0000000f, 0x00000007, 0x00000000 },
	{ 0x80000000, 0, false, 0x80000008, 0x00000000, 0x00000000, 0x00000000 },
	{ 0x80000001, 0, false, 0x00000000, 0x00000000, 0x00000021, 0x2c100800 },
	{ 0x80000008, 0, false, 0x00003027, 0x00000000, 0x00000000, 0x00000000 },
	{ 0x40000000, 0, false, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x0000004d },
	{ 0x40000001, 0, false, 0x01007efb, 0x00000000, 0x00000000, 0x00000000 },
};

static struct cpuid_table table(const struct cpuid_leaf *l, size_t n)
{
	struct cpuid_table t = { 0 };

	for (size_t i = 0; i < n; i++)
		CHECK_EQ(cpuid_add(&t, &l[i]), 0);
	return t;
}
#define TABLE(l) table(l, ARRAY_LEN(l))

static struct cpuid_policy policy(unsigned vcpus)
{
	struct cpuid_policy p = {
		.vcpus = vcpus,
		.tsc_deadline = true,
		.x2apic = true,
		.hv_eax = 0x2aff,
		.hv_ebx = 0x830,
		.hv_edx = 0x80d12,
		.hv_hints = 0x40e2c,
	};

	CHECK_EQ(topology_fill(&p.topology, vcpus, NULL), 0);
	return p;
}

static struct cpuid_leaf *leaf(struct cpuid_table *t, u32 number, u32 sub)
{
	struct cpuid_leaf *l = cpuid_find(t, number, sub);

	CHECK(l);
	return l;
}

static void hidden_features_are_gone(void)
{
	struct cpuid_table t = TABLE(intel);
	struct cpuid_policy p = policy(1);

	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	/* DTES64, MONITOR, DS-CPL, VMX, SMX, SDBG, PDCM, OSXSAVE */
	CHECK_EQ(leaf(&t, 1, 0)->ecx & 0x0800887c, 0);
	CHECK_EQ(leaf(&t, 1, 0)->edx & 0x20600000, 0); /* DS, ACPI, TM */
	CHECK_EQ(leaf(&t, 7, 0)->ebx & 0x02009004, 0); /* SGX, RDT, PT */
	CHECK_EQ(leaf(&t, 7, 0)->ecx & 0x40000010, 0);
	CHECK_EQ(leaf(&t, 7, 0)->edx & 0x8000, 0);
	CHECK(!cpuid_find(&t, 0xa, 0));
	CHECK(!cpuid_find(&t, 0x14, 0));
	CHECK_EQ(leaf(&t, 0xd, 0)->ebx, 0x440); /* sizes stay the backend's */

	t = TABLE(amd);
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x80000001, 0)->ecx & 0x39803404, 0); /* SVM, IBS, counters */
	CHECK(!cpuid_find(&t, 0x5, 0));
	CHECK(!cpuid_find(&t, 0x8000000a, 0));
	CHECK(!cpuid_find(&t, 0x8000001f, 0));
	CHECK(!cpuid_find(&t, 0x80000022, 0));
	CHECK_EQ(leaf(&t, 0x80000007, 0)->edx, 0x100); /* invariant TSC stays */
}

static void virtualisation_is_shown_only_when_asked_for(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(1);

	p.nested = true;
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK(leaf(&t, 0x80000001, 0)->ecx & BIT(2));
	CHECK(cpuid_find(&t, 0x8000000a, 0));
	t = TABLE(intel);
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK(leaf(&t, 1, 0)->ecx & BIT(5));
}

static void local_apic_modes_follow_the_backend(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(1);

	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 1, 0)->ecx >> 21 & 1, 1);
	CHECK_EQ(leaf(&t, 1, 0)->ecx >> 24 & 1, 1);
	CHECK_EQ(leaf(&t, 1, 0)->ecx >> 31, 1); /* a hypervisor */
	t = TABLE(amd);
	p.tsc_deadline = p.x2apic = false;
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 1, 0)->ecx & (BIT(21) | BIT(24)), 0);
}

static void a_missing_need_is_refused_by_name(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(1);
	struct error err = { 0 };

	leaf(&t, 1, 0)->ecx &= ~BIT(13);
	CHECK_EQ(cpuid_apply(&t, &p, &err), -ENOTSUP);
	CHECK(strstr(err.msg, "CMPXCHG16B"));
	t = TABLE(amd);
	leaf(&t, 0x80000001, 0)->edx &= ~BIT(20);
	CHECK_EQ(cpuid_apply(&t, &p, &err), -ENOTSUP);
	CHECK(strstr(err.msg, "NX"));
	t = TABLE(amd);
	leaf(&t, 0x80000001, 0)->ecx &= ~BIT(0);
	CHECK_EQ(cpuid_apply(&t, &p, &err), -ENOTSUP);
	CHECK(strstr(err.msg, "LAHF"));
	/* Only Windows 11 24H2 needs these: a warning. */
	t = TABLE(amd);
	leaf(&t, 1, 0)->ecx &= ~(BIT(20) | BIT(23));
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	/* An empty table lacks everything and crashes nothing. */
	t.count = 0;
	CHECK_EQ(cpuid_apply(&t, &p, &err), -ENOTSUP);
}

static void prefetchw_is_shown_where_the_cpu_has_it_unsaid(void)
{
	struct cpuid_table t = TABLE(intel);
	struct cpuid_policy p = policy(1);
	struct error err = { 0 };

	CHECK_EQ(leaf(&t, 0x80000001, 0)->ecx & BIT(8), 0);
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK(leaf(&t, 0x80000001, 0)->ecx & BIT(8));
	t = TABLE(intel);
	leaf(&t, 1, 0)->ecx &= ~BIT(20); /* before Nehalem */
	CHECK_EQ(cpuid_apply(&t, &p, &err), -ENOTSUP);
	CHECK(strstr(err.msg, "PREFETCHW"));
}

static void hyperv_replaces_the_backends_own_leaves(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(2);

	p.hyperv = true;
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x40000000, 0)->eax, 0x40000005);
	CHECK_EQ(leaf(&t, 0x40000000, 0)->ebx, 0x7263694d);
	CHECK_EQ(leaf(&t, 0x40000001, 0)->eax, 0x31237648);
	CHECK_EQ(leaf(&t, 0x40000002, 0)->eax, 0x3839);
	CHECK_EQ(leaf(&t, 0x40000002, 0)->ebx, 0xa0000);
	CHECK_EQ(leaf(&t, 0x40000003, 0)->eax, 0xa7f);
	CHECK_EQ(leaf(&t, 0x40000003, 0)->ebx, 0x30);
	CHECK_EQ(leaf(&t, 0x40000003, 0)->edx, 0x80518 & (0x80d12 | 8));
	CHECK_EQ(leaf(&t, 0x40000004, 0)->eax, 0xe2c);
	CHECK_EQ(leaf(&t, 0x40000004, 0)->ebx, 0xffffffff);
	CHECK_EQ(leaf(&t, 0x40000005, 0)->eax, 240);
	CHECK_EQ(leaf(&t, 0x40000005, 0)->ebx, 64);
	for (unsigned i = 0; i < t.count; i++)
		CHECK(t.at[i].ebx != 0x4b4d564b);
}

static void hyperv_shows_no_more_than_the_backend_serves(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(2);
	struct error err = { 0 };

	p.hyperv = p.overcommitted = true;
	p.hv_eax = 0x60;
	p.hv_ebx = p.hv_edx = p.hv_hints = 0;
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x40000003, 0)->eax, 0x60);
	CHECK_EQ(leaf(&t, 0x40000003, 0)->edx, 8);
	CHECK_EQ(leaf(&t, 0x40000004, 0)->eax, 0);
	CHECK_EQ(leaf(&t, 0x40000004, 0)->ebx, 0xfff);
	t = TABLE(amd);
	p.hv_eax = 0x20;
	CHECK_EQ(cpuid_apply(&t, &p, &err), -ENOTSUP);
}

static void without_hyperv_the_backends_leaves_stay(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(1);

	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x40000000, 0)->ebx, 0x4b4d564b);
	CHECK_EQ(leaf(&t, 0x40000001, 0)->eax, 0x01007efb);
}

static void physical_width_is_the_hosts_unless_limited(void)
{
	struct cpuid_table t = TABLE(intel);
	struct cpuid_policy p = policy(1);
	struct error err = { 0 };

	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x80000008, 0)->eax & 0xff, 39);
	t = TABLE(intel);
	p.phys_bits_limit = 46; /* more than the host has */
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x80000008, 0)->eax & 0xff, 39);
	t = TABLE(amd);
	leaf(&t, 0x80000008, 0)->eax = 0x00303030;
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0x80000008, 0)->eax, 0x002e302e);
	p.phys_bits_limit = 20;
	t = TABLE(amd);
	CHECK_EQ(cpuid_apply(&t, &p, &err), -EINVAL);
}

static void intel_leaves_show_the_topology(void)
{
	struct cpuid_table t = TABLE(intel);
	struct cpuid_policy p = policy(12);

	p.topology = (struct cpu_topology){ .threads = 2, .cores = 3, .dies = 1, .packages = 2 };
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	/* 1 bit of thread, 2 of core: a package has room for 8 ids. */
	CHECK_EQ(leaf(&t, 1, 0)->ebx >> 16 & 0xff, 8);
	CHECK(leaf(&t, 1, 0)->edx & BIT(28));
	CHECK_EQ(leaf(&t, 4, 0)->eax >> 14 & 0xfff, 1); /* level 1: the core's two threads */
	CHECK_EQ(leaf(&t, 4, 3)->eax >> 14 & 0xfff, 7); /* level 3: all */
	CHECK_EQ(leaf(&t, 4, 3)->eax >> 26, 3);
	CHECK_EQ(leaf(&t, 4, 3)->ecx, 0x1fff); /* the cache itself is the host's */
	CHECK_EQ(leaf(&t, 0xb, 0)->eax, 1);
	CHECK_EQ(leaf(&t, 0xb, 0)->ebx, 2);
	CHECK_EQ(leaf(&t, 0xb, 0)->ecx, 0x100);
	CHECK_EQ(leaf(&t, 0xb, 1)->eax, 3);
	CHECK_EQ(leaf(&t, 0xb, 1)->ebx, 6);
	CHECK_EQ(leaf(&t, 0xb, 1)->ecx, 0x201);
	CHECK_EQ(leaf(&t, 0xb, 2)->ebx, 0);
	CHECK(!cpuid_find(&t, 0x1f, 0));
	CHECK_EQ(leaf(&t, 0, 0)->eax, 0x1e); /* so nobody looks for 1F */
	CHECK_EQ(leaf(&t, 0x80000008, 0)->ecx, 0);

	/* vCPU 9: package 1, core 1, thread 1. */
	cpuid_for_vcpu(&t, &p, topology_apic_id(&p.topology, 9));
	CHECK_EQ(leaf(&t, 1, 0)->ebx >> 24, 0xb);
	CHECK_EQ(leaf(&t, 0xb, 0)->edx, 0xb);
	CHECK_EQ(leaf(&t, 0xb, 1)->edx, 0xb);
}

static void dies_need_leaf_1f(void)
{
	struct cpuid_table t = TABLE(intel);
	struct cpuid_policy p = policy(8);

	p.topology = (struct cpu_topology){ .threads = 2, .cores = 2, .dies = 2, .packages = 1 };
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 0, 0)->eax, 0x1f);
	CHECK_EQ(leaf(&t, 0x1f, 1)->eax, 2);
	CHECK_EQ(leaf(&t, 0x1f, 1)->ebx, 4);
	CHECK_EQ(leaf(&t, 0x1f, 2)->eax, 3);
	CHECK_EQ(leaf(&t, 0x1f, 2)->ebx, 8);
	CHECK_EQ(leaf(&t, 0x1f, 2)->ecx, 0x502);
	CHECK_EQ(leaf(&t, 0x1f, 3)->ebx, 0);
	CHECK_EQ(leaf(&t, 4, 3)->eax >> 14 & 0xfff, 3); /* level 3 belongs to a die */
}

static void amd_leaves_show_the_topology(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(8);

	p.topology = (struct cpu_topology){ .threads = 2, .cores = 2, .dies = 1, .packages = 2 };
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 1, 0)->ebx >> 16 & 0xff, 4);
	CHECK(leaf(&t, 0x80000001, 0)->ecx & BIT(1)); /* CmpLegacy */
	CHECK_EQ(leaf(&t, 0x80000008, 0)->ecx & 0xf0ff, 0x2003);
	CHECK_EQ(leaf(&t, 0x8000001d, 0)->eax >> 14 & 0xfff, 1);
	CHECK_EQ(leaf(&t, 0x8000001d, 3)->eax >> 14 & 0xfff, 3);
	cpuid_for_vcpu(&t, &p, topology_apic_id(&p.topology, 6)); /* package 1, core 1 */
	CHECK_EQ(leaf(&t, 0x8000001e, 0)->eax, 6);
	CHECK_EQ(leaf(&t, 0x8000001e, 0)->ebx, 0x101);
	CHECK_EQ(leaf(&t, 0x8000001e, 0)->ecx, 1);

	/* One vCPU is no multiprocessor, and without the extension there is no such leaf. */
	t = TABLE(amd);
	p = policy(1);
	leaf(&t, 0x80000001, 0)->ecx &= ~BIT(22);
	CHECK_EQ(cpuid_apply(&t, &p, NULL), 0);
	CHECK_EQ(leaf(&t, 1, 0)->edx & BIT(28), 0);
	CHECK_EQ(leaf(&t, 0x80000001, 0)->ecx & BIT(1), 0);
	CHECK(!cpuid_find(&t, 0x8000001e, 0));
}

static void a_full_table_is_refused(void)
{
	struct cpuid_table t = TABLE(amd);
	struct cpuid_policy p = policy(2);
	struct cpuid_leaf more = { .leaf = 0xd, .has_subleaf = true };

	while (t.count < CPUID_MAX) {
		more.subleaf = t.count + 100;
		CHECK_EQ(cpuid_add(&t, &more), 0);
	}
	CHECK_EQ(cpuid_add(&t, &more), -ENOSPC);
	p.hyperv = true;
	/* Some leaves were dropped, but not as many as are wanted. */
	CHECK_EQ(cpuid_apply(&t, &p, NULL), -ENOSPC);
}

static void topology_is_filled_from_what_is_given(void)
{
	struct cpu_topology t = { 0 };
	struct error err = { 0 };

	CHECK_EQ(topology_fill(&t, 6, NULL), 0);
	CHECK_EQ(t.threads, 1);
	CHECK_EQ(t.cores, 6);
	CHECK_EQ(t.packages, 1);
	t = (struct cpu_topology){ .threads = 2, .packages = 2 };
	CHECK_EQ(topology_fill(&t, 8, NULL), 0);
	CHECK_EQ(t.cores, 2);
	t = (struct cpu_topology){ .threads = 2 };
	CHECK_EQ(topology_fill(&t, 5, &err), -EINVAL);
	CHECK_EQ(t.cores, 0); /* untouched */
	t = (struct cpu_topology){ .cores = 3, .packages = 2 };
	CHECK_EQ(topology_fill(&t, 5, &err), -EINVAL);
	CHECK(strstr(err.msg, "3 cores"));
	t = (struct cpu_topology){ .cores = 0x80000000, .dies = 0x80000000, .packages = 4 };
	CHECK_EQ(topology_fill(&t, 1, NULL), -EINVAL);
	t = (struct cpu_topology){ .threads = 3 };
	CHECK_EQ(topology_fill(&t, 3, NULL), -EINVAL);
}

static void apic_ids_have_a_field_for_each_level(void)
{
	struct cpu_topology t = { .threads = 2, .cores = 3, .dies = 2, .packages = 2 };

	CHECK_EQ(topology_core_shift(&t), 1);
	CHECK_EQ(topology_die_shift(&t), 3);
	CHECK_EQ(topology_package_shift(&t), 4);
	CHECK_EQ(topology_apic_id(&t, 0), 0);
	CHECK_EQ(topology_apic_id(&t, 1), 1);
	CHECK_EQ(topology_apic_id(&t, 5), 5);
	CHECK_EQ(topology_apic_id(&t, 6), 8);   /* the next die */
	CHECK_EQ(topology_apic_id(&t, 12), 16); /* the next package */
	CHECK_EQ(topology_apic_id(&t, 23), 29);
	t = (struct cpu_topology){ .threads = 1, .cores = 5, .dies = 1, .packages = 1 };
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(topology_apic_id(&t, i), i);
}

static void an_unknown_backend_is_named(void)
{
	const struct accel_class *cls = NULL;
	struct accel_info info;
	struct error err = { 0 };
	struct str why = { 0 };

	CHECK_EQ(accel_choose(&cls, &info, "hvf", &why, &err), -EINVAL);
	CHECK(strstr(err.msg, "hvf"));
	CHECK(!cls);
	str_free(&why);
}

/* Whatever this host is: an answer comes, and a refusal says why. */
static void the_choice_always_explains_itself(void)
{
	const struct accel_class *cls = NULL;
	struct accel_info info = { 0 };
	struct error err = { 0 };
	struct str why = { 0 };

	if (accel_choose(&cls, &info, NULL, &why, &err) == 0) {
		CHECK(cls && why.len);
		CHECK(info.max_vcpus >= 1);
	} else {
		CHECK(!cls);
		CHECK(err.msg[0]);
	}
	str_free(&why);
}

static void every_exit_has_a_name(void)
{
	for (unsigned i = 0; i < N_EXIT_KINDS; i++)
		CHECK(exit_names[i] && exit_names[i][0]);
}

int main(void)
{
	RUN(hidden_features_are_gone);
	RUN(virtualisation_is_shown_only_when_asked_for);
	RUN(local_apic_modes_follow_the_backend);
	RUN(a_missing_need_is_refused_by_name);
	RUN(prefetchw_is_shown_where_the_cpu_has_it_unsaid);
	RUN(hyperv_replaces_the_backends_own_leaves);
	RUN(hyperv_shows_no_more_than_the_backend_serves);
	RUN(without_hyperv_the_backends_leaves_stay);
	RUN(physical_width_is_the_hosts_unless_limited);
	RUN(intel_leaves_show_the_topology);
	RUN(dies_need_leaf_1f);
	RUN(amd_leaves_show_the_topology);
	RUN(a_full_table_is_refused);
	RUN(topology_is_filled_from_what_is_given);
	RUN(apic_ids_have_a_field_for_each_level);
	RUN(an_unknown_backend_is_named);
	RUN(the_choice_always_explains_itself);
	RUN(every_exit_has_a_name);
	return 0;
}
