/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/cpuid_query.c: the CPUID instruction: the table of the model, and the bits and sizes in
 * it that follow the processor's state. Intel SDM 2A CPUID; SDM 1 13.2; AMD APM 3 CPUID.
 */
#include <string.h>

#include "cpu/soft/system_priv.h"

#define VENDOR_AMD 0x68747541   /* EBX of leaf 0: "Auth" */
#define VENDOR_HYGON 0x6f677948 /* "Hygo" */

#define MISC_LIMIT_CPUID BIT64(22)
#define MISC_XD_DISABLE BIT64(34)

static struct cpuid_leaf *find(const struct soft_cpu *c, u32 leaf, u32 subleaf)
{
	return cpuid_find((struct cpuid_table *)(uintptr_t)&c->cpuid, leaf, subleaf);
}

u32 cpuid_value(const struct soft_cpu *c, u32 leaf, u32 subleaf, enum cpuid_register reg)
{
	const struct cpuid_leaf *l = find(c, leaf, subleaf);

	if (!l)
		return 0;
	switch (reg) {
	case CPUID_EAX: return l->eax;
	case CPUID_EBX: return l->ebx;
	case CPUID_ECX: return l->ecx;
	default: return l->edx;
	}
}

bool cpuid_shows(const struct soft_cpu *c, u32 leaf, u32 subleaf, enum cpuid_register reg,
		 unsigned bit)
{
	return cpuid_value(c, leaf, subleaf, reg) & BIT(bit);
}

bool cpu_is_amd(const struct soft_cpu *c)
{
	u32 vendor = cpuid_value(c, 0, 0, CPUID_EBX);

	return vendor == VENDOR_AMD || vendor == VENDOR_HYGON;
}

/* Of each bit of CR4, the feature that brings it. SDM 3A 2.5 */
static const struct {
	u32 cr4;
	struct feature_bit needs;
} cr4_features[] = {
	{ CR4_VME | CR4_PVI, { 1, 0, CPUID_EDX, 1 } }, { CR4_DE, { 1, 0, CPUID_EDX, 2 } },
	{ CR4_PSE, { 1, 0, CPUID_EDX, 3 } },           { CR4_TSD, { 1, 0, CPUID_EDX, 4 } },
	{ CR4_PAE, { 1, 0, CPUID_EDX, 6 } },           { CR4_MCE, { 1, 0, CPUID_EDX, 7 } },
	{ CR4_PGE, { 1, 0, CPUID_EDX, 13 } },          { CR4_OSFXSR, { 1, 0, CPUID_EDX, 24 } },
	{ CR4_OSXMMEXCPT, { 1, 0, CPUID_EDX, 25 } },   { CR4_PCIDE, { 1, 0, CPUID_ECX, 17 } },
	{ CR4_OSXSAVE, { 1, 0, CPUID_ECX, 26 } },      { CR4_FSGSBASE, { 7, 0, CPUID_EBX, 0 } },
	{ CR4_SMEP, { 7, 0, CPUID_EBX, 7 } },          { CR4_SMAP, { 7, 0, CPUID_EBX, 20 } },
	{ CR4_UMIP, { 7, 0, CPUID_ECX, 2 } },
};

void cpu_features_init(struct soft_cpu *c)
{
	for (unsigned f = 0; f < N_FEATURES; f++) {
		const struct feature_bit *b = feature_bit((enum insn_feature)f);

		c->has[f] = !b->leaf || cpuid_shows(c, b->leaf, b->subleaf,
						    (enum cpuid_register)b->reg, b->bit);
	}
	c->cr4_mask = CR4_PCE;
	for (unsigned n = 0; n < ARRAY_LEN(cr4_features); n++) {
		const struct feature_bit *b = &cr4_features[n].needs;

		if (cpuid_shows(c, b->leaf, b->subleaf, (enum cpuid_register)b->reg, b->bit))
			c->cr4_mask |= cr4_features[n].cr4;
	}
}

/* Bytes of an XSAVE area with @components: standard form, or compacted. SDM 1 13.4 */
static u32 xsave_size(const struct soft_cpu *c, u64 components, bool compacted)
{
	u32 size = 576;

	for (u32 n = 2; n < 63; n++) {
		const struct cpuid_leaf *l = components & BIT64(n) ? find(c, 0xd, n) : NULL;

		if (!l)
			continue;
		if (!compacted)
			size = MAX(size, l->ebx + l->eax);
		else
			size = (l->ecx & 2 ? ALIGN_UP(size, 64u) : size) + l->eax;
	}
	return size;
}

static void set_bit(u32 *reg, unsigned bit, bool on)
{
	*reg = on ? *reg | BIT(bit) : *reg & ~BIT(bit);
}

/* What changes while the processor runs. */
static void fill_dynamic(struct soft_cpu *c, u32 leaf, u32 subleaf, u32 out[4])
{
	bool apic = c->lapic.base & BIT(11);

	switch (leaf) {
	case 1:
		set_bit(&out[CPUID_ECX], 27, c->cr4 & CR4_OSXSAVE);
		if (!apic)
			set_bit(&out[CPUID_EDX], 9, false);
		break;
	case 0xd:
		if (subleaf == 0)
			out[CPUID_EBX] = xsave_size(c, c->xcr0, false);
		else if (subleaf == 1 && out[CPUID_EAX] & 0xa) /* XSAVEC, XSAVES */
			out[CPUID_EBX] = xsave_size(c, c->xcr0 | c->xss, true);
		break;
	case 0x80000001:
		if (cpu_is_amd(c) && !apic)
			set_bit(&out[CPUID_EDX], 9, false);
		if (c->misc_enable & MISC_XD_DISABLE)
			set_bit(&out[CPUID_EDX], 20, false);
		break;
	}
}

/* The highest leaf of 0 to 7FFFFFFF. */
static u32 highest_basic(const struct soft_cpu *c)
{
	u32 highest = cpuid_value(c, 0, 0, CPUID_EAX);

	return c->misc_enable & MISC_LIMIT_CPUID ? MIN(highest, 2u) : highest;
}

/* The first leaf of a range tells its last. Those of hypervisors stand in steps of 100h. */
static bool in_range(const struct soft_cpu *c, u32 leaf)
{
	u32 first = leaf & 0x80000000;
	const struct cpuid_leaf *l;

	if (leaf >> 28 == 4)
		first = leaf & 0xffffff00;
	else if (leaf >= 0xc0000000)
		first = 0xc0000000;
	if (!first)
		return leaf <= highest_basic(c);
	l = find(c, first, 0);
	return l && leaf <= l->eax;
}

void cpuid_query(struct soft_cpu *c, u32 leaf, u32 subleaf, u32 out[4])
{
	const struct cpuid_leaf *l;

	memset(out, 0, 4 * sizeof(*out));
	if (!in_range(c, leaf)) {
		/* Intel's answer is that of the highest basic leaf, AMD's is zeros. */
		if (cpu_is_amd(c))
			return;
		leaf = highest_basic(c);
	}
	l = find(c, leaf, subleaf);
	if (l) {
		out[CPUID_EAX] = l->eax;
		out[CPUID_EBX] = l->ebx;
		out[CPUID_ECX] = l->ecx;
		out[CPUID_EDX] = l->edx;
		fill_dynamic(c, leaf, subleaf, out);
	} else if (leaf == 0xb || leaf == 0x1f) {
		/* A level that is not there: its number comes back, and the ID is always told. */
		out[CPUID_ECX] = subleaf & 0xff;
		out[CPUID_EDX] = c->lapic.apic_id;
	}
	if (leaf == 0)
		out[CPUID_EAX] = highest_basic(c);
}
