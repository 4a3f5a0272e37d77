/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUs that ours can be: complete levels of the psABI, nothing that is not executed. */
#include <cpuid.h>
#include <errno.h>

#include "cpu/soft/soft_priv.h"
#include "test.h"

#define HZ 2400000000ull

static const char *const names[] = { "x86-64-v2", "x86-64-v3" };

enum reg { A, B, C, D };
struct bit {
	u32 leaf;
	enum reg reg;
	unsigned bit;
};

/* x86-64 psABI 1.0, table 3.1. OSXSAVE follows CR4 and is the CPU's to show. */
static const struct bit baseline[] = {
	{ 1, D, 0 },  { 1, D, 8 },  { 1, D, 15 },          { 1, D, 23 }, { 1, D, 24 },
	{ 1, D, 25 }, { 1, D, 26 }, { 0x80000001, D, 11 }, { 1, C, 0 },  { 1, C, 9 },
	{ 1, C, 13 }, { 1, C, 19 }, { 1, C, 20 },          { 1, C, 23 }, { 0x80000001, C, 0 },
};
static const struct bit third[] = {
	{ 1, C, 12 }, { 1, C, 22 }, { 1, C, 26 }, { 1, C, 28 },         { 1, C, 29 },
	{ 7, B, 3 },  { 7, B, 5 },  { 7, B, 8 },  { 0x80000001, C, 5 },
};

/* What soft-CPU code has no semantics for, or no model of. */
static const struct bit hidden[] = {
	{ 1, D, 1 },                                 /* VME */
	{ 1, D, 18 },                                /* PSN */
	{ 1, D, 21 },                                /* DS */
	{ 1, C, 3 },                                 /* MONITOR */
	{ 1, C, 5 },                                 /* VMX */
	{ 1, C, 15 },                                /* PDCM: performance counters */
	{ 7, B, 2 },                                 /* SGX */
	{ 7, B, 4 },                                 /* HLE */
	{ 7, B, 11 },                                /* RTM */
	{ 7, B, 14 },                                /* MPX */
	{ 7, B, 16 },                                /* AVX-512 */
	{ 7, B, 25 },                                /* PT */
	{ 7, C, 3 },                                 /* PKU */
	{ 7, C, 7 },                                 /* shadow stacks */
	{ 7, C, 16 },                                /* LA57 */
	{ 7, D, 20 },                                /* indirect branch tracking */
	{ 7, D, 22 },                                /* AMX */
	{ 7, D, 24 },          { 0x80000001, C, 2 }, /* SVM */
	{ 0x80000001, C, 16 },                       /* FMA4 */
	{ 0x80000001, D, 31 },                       /* 3DNow! */
};

static bool has(struct cpuid_table *t, const struct bit *b)
{
	const struct cpuid_leaf *l = cpuid_find(t, b->leaf, 0);
	u32 r;

	if (!l)
		return false;
	r = b->reg == A ? l->eax : b->reg == B ? l->ebx : b->reg == C ? l->ecx : l->edx;
	return r >> b->bit & 1;
}

/* False: this host cannot be it. */
static bool make(struct cpuid_table *t, const char *name)
{
	struct error err = { 0 };
	int rc = soft_model(t, name, HZ, &err);

	if (rc == 0)
		return true;
	CHECK_EQ(rc, -ENOTSUP);
	printf("skip %s: %s\n", name, err.msg);
	return false;
}

static void each_level_of_the_psabi_is_complete(void)
{
	struct cpuid_table t;

	for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
		if (!make(&t, names[n]))
			continue;
		for (unsigned i = 0; i < ARRAY_LEN(baseline); i++)
			CHECK(has(&t, &baseline[i]));
		for (unsigned i = 0; i < ARRAY_LEN(third); i++)
			CHECK(has(&t, &third[i]) == (n == 1) || third[i].bit == 22 ||
			      third[i].bit == 26); /* MOVBE and XSAVE: both have them */
	}
}

static void what_is_not_executed_is_not_shown(void)
{
	struct cpuid_table t;

	for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
		if (!make(&t, names[n]))
			continue;
		for (unsigned i = 0; i < ARRAY_LEN(hidden); i++)
			CHECK(!has(&t, &hidden[i]));
		CHECK(!cpuid_find(&t, 0xa, 0) && !cpuid_find(&t, 0x14, 0));
	}
}

/* What runs as the host's own instruction must be the host's. */
static void what_the_host_lacks_is_not_shown(void)
{
	static const struct bit native[] = {
		{ 1, C, 1 },  { 1, C, 25 }, { 1, C, 30 }, { 7, B, 18 },
		{ 7, B, 29 }, { 1, C, 28 }, { 1, C, 12 }, { 7, B, 5 },
	};
	struct cpuid_table t;

	for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
		if (!make(&t, names[n]))
			continue;
		for (unsigned i = 0; i < ARRAY_LEN(native); i++) {
			u32 r[4] = { 0 };

			__get_cpuid_count(native[i].leaf, 0, &r[0], &r[1], &r[2], &r[3]);
			if (!(r[native[i].reg] >> native[i].bit & 1))
				CHECK(!has(&t, &native[i]));
		}
	}
}

static void the_policy_accepts_both_models(void)
{
	for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
		struct cpuid_policy p = { .vcpus = 4, .tsc_deadline = true, .x2apic = true };
		struct cpuid_table t;
		struct error err;

		if (!make(&t, names[n]))
			continue;
		CHECK(topology_fill(&p.topology, 4, &err) == 0);
		CHECK(cpuid_apply(&t, &p, &err) == 0);
		cpuid_for_vcpu(&t, &p, 3);
		CHECK_EQ(cpuid_find(&t, 1, 0)->ebx >> 24, 3);
		CHECK(cpuid_find(&t, 1, 0)->ecx & BIT(21)); /* x2APIC */
		CHECK(cpuid_find(&t, 0xb, 0) && cpuid_find(&t, 0xb, 1));
		CHECK(cpuid_find(&t, 0, 0)->eax >= 0x16);
	}
}

static void the_frequencies_are_those_of_tsc_and_apic_timer(void)
{
	struct cpuid_table t;
	struct cpuid_leaf *l;

	if (!make(&t, NULL))
		return;
	l = cpuid_find(&t, 0x15, 0);
	CHECK_EQ(l->ecx, 1000000000);
	CHECK(l->eax);
	CHECK_EQ((u64)l->ecx * l->ebx / l->eax, HZ);
	CHECK_EQ(cpuid_find(&t, 0x16, 0)->eax, 2400);
	CHECK(cpuid_find(&t, 0x80000007, 0)->edx & BIT(8));
}

static void addresses_have_sizes_that_guests_can_use(void)
{
	struct cpuid_table t;
	u32 eax;

	if (!make(&t, NULL))
		return;
	eax = cpuid_find(&t, 0x80000008, 0)->eax;
	CHECK((eax & 0xff) >= 39 && (eax & 0xff) <= 46);
	CHECK_EQ(eax >> 8 & 0xff, 48);
}

static void the_name_is_text_that_ends(void)
{
	struct cpuid_table t;
	char name[49] = "";

	if (!make(&t, NULL))
		return;
	for (u32 i = 0; i < 3; i++) {
		struct cpuid_leaf *l = cpuid_find(&t, 0x80000002 + i, 0);

		memcpy(name + 16 * i, &l->eax, 16);
	}
	CHECK(strstr(name, "oriel") && strstr(name, "x86-64-v2"));
	CHECK_EQ(strlen(name) < 48, 1);
}

static void a_model_is_asked_for_by_its_name(void)
{
	struct cpuid_table t, best;
	struct error err = { 0 };

	CHECK_EQ(soft_model(&t, "host", HZ, &err), -EINVAL);
	CHECK(strstr(err.msg, "x86-64-v3"));
	CHECK_EQ(soft_model(&t, "x86-64-v4", HZ, &err), -EINVAL);
	if (!make(&best, "max"))
		return;
	CHECK(make(&t, has(&best, &third[0]) ? "x86-64-v3" : "x86-64-v2"));
	CHECK_EQ(t.count, best.count);
	CHECK_EQ(cpuid_find(&t, 7, 0)->ebx, cpuid_find(&best, 7, 0)->ebx);
}

int main(void)
{
	RUN(each_level_of_the_psabi_is_complete);
	RUN(what_is_not_executed_is_not_shown);
	RUN(what_the_host_lacks_is_not_shown);
	RUN(the_policy_accepts_both_models);
	RUN(the_frequencies_are_those_of_tsc_and_apic_timer);
	RUN(addresses_have_sizes_that_guests_can_use);
	RUN(the_name_is_text_that_ends);
	RUN(a_model_is_asked_for_by_its_name);
	return 0;
}
