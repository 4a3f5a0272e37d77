/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/model.c: the CPUs that ours can be: the levels of the x86-64 psABI, 3.1.1, with what
 * their usual silicon has beside. Intel SDM 2A CPUID. What runs natively (SIMD, AES, random
 * numbers) is shown only where the host has it.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cpu/soft/soft_priv.h"

enum { MODEL_V2, MODEL_V3 };

/* CPUID.1. */
#define D1_COMMON 0x078bfbff /* FPU to SSE2: all that 64-bit CPUs have, but VME, PSN, DS, ACPI */
#define D1_VME BIT(1)
#define C1_V2 (BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23)) /* SSE3 to POPCNT */
#define C1_MORE (BIT(1) | BIT(25)) /* PCLMULQDQ, AES: if the host has them */
#define C1_RDRAND BIT(30)
#define C1_OURS (BIT(17) | BIT(22) | BIT(26)) /* PCID, MOVBE, XSAVE */
#define C1_V3 (BIT(12) | BIT(28) | BIT(29))   /* FMA, AVX, F16C */
/* CPUID.7.0 EBX, ECX, EDX. */
/* FSGSBASE, TSC_ADJUST, SMEP, ERMS, INVPCID, SMAP */
#define B7_OURS (BIT(0) | BIT(1) | BIT(7) | BIT(9) | BIT(10) | BIT(20))
#define B7_FDP BIT(6)  /* x87's data pointer is of unmasked exceptions alone */
#define B7_FCS BIT(13) /* no FPU CS and DS */
#define B7_RDSEED BIT(18)
#define B7_V3 (BIT(3) | BIT(5) | BIT(8)) /* BMI1, AVX2, BMI2 */
#define C7_UMIP BIT(2)
#define C7_RDPID BIT(22)
#define D7_FSRM BIT(4)
#define D7_IBRS BIT(26) /* with IBPB; see ARCH_CAPS */
#define D72_BHI_CTRL                                                                               \
	BIT(4) /* of 7.2 EDX: a bit to set once instead of a loop at each system call */
#define D7_ARCH_CAPS BIT(29) /* says that Meltdown and the like do not touch us: msr.c */
/* CPUID.80000001. */
#define C81_OURS (BIT(0) | BIT(8))                                 /* LAHF, PREFETCHW */
#define C81_V3 BIT(5)                                              /* LZCNT */
#define D81_OURS (BIT(11) | BIT(20) | BIT(26) | BIT(27) | BIT(29)) /* SYSCALL NX 1GB RDTSCP LM */

struct host {
	u32 c1, b7;
	bool avx; /* and the OS keeps YMM registers */
};

static u64 host_xcr0(void)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

static struct host look_at_host(void)
{
	struct host h = { 0 };
	u32 a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d))
		h.c1 = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		h.b7 = b;
	h.avx = h.c1 & BIT(27) && (host_xcr0() & 6) == 6;
	return h;
}

static int check_level(const struct host *h, unsigned level, struct error *err)
{
	if ((h->c1 & C1_V2) != C1_V2)
		return error_set(err, -ENOTSUP,
				 "our own CPU uses the host's, which lacks x86-64-v2 (SSE4.2)");
	if (level == MODEL_V3 && (!h->avx || (h->c1 & C1_V3) != C1_V3 || !(h->b7 & BIT(5))))
		return error_set(err, -ENOTSUP,
				 "--cpus model=x86-64-v3: this host has no AVX2; use x86-64-v2");
	return 0;
}

static int choose_level(unsigned *out, const struct host *h, const char *name, struct error *err)
{
	if (!name || strcmp(name, "x86-64-v2") == 0)
		*out = MODEL_V2;
	else if (strcmp(name, "x86-64-v3") == 0)
		*out = MODEL_V3;
	else if (strcmp(name, "max") == 0)
		*out = check_level(h, MODEL_V3, NULL) == 0 ? MODEL_V3 : MODEL_V2;
	else
		return error_set(
			err, -EINVAL,
			"--cpus model=%s: our own CPU can be x86-64-v2, x86-64-v3, or max, "
			"the better of the two that the host allows",
			name);
	return check_level(h, *out, err);
}

static void add(struct cpuid_table *t, u32 leaf, u32 a, u32 b, u32 c, u32 d)
{
	(void)cpuid_add(t, &(struct cpuid_leaf){ leaf, 0, false, a, b, c, d });
}

static void add_sub(struct cpuid_table *t, u32 leaf, u32 sub, u32 a, u32 b, u32 c, u32 d)
{
	(void)cpuid_add(t, &(struct cpuid_leaf){ leaf, sub, true, a, b, c, d });
}

static void add_name(struct cpuid_table *t, unsigned level)
{
	char name[48] = { 0 };
	u32 w[12];

	snprintf(name, sizeof(name), "oriel CPU, x86-64-v%d", level == MODEL_V3 ? 3 : 2);
	memcpy(w, name, sizeof(w));
	for (u32 i = 0; i < 3; i++)
		add(t, 0x80000002 + i, w[i * 4], w[i * 4 + 1], w[i * 4 + 2], w[i * 4 + 3]);
}

/* Leaf D: sizes and places of the XSAVE components; EBX follows XCR0 at run time. */
static void add_xsave(struct cpuid_table *t, unsigned level)
{
	u32 components = level == MODEL_V3 ? 7 : 3, size = level == MODEL_V3 ? 832 : 576;

	add_sub(t, 0xd, 0, components, size, size, 0);
	add_sub(t, 0xd, 1, 0xf, size, 0, 0); /* XSAVEOPT, XSAVEC, XGETBV 1, XSAVES */
	if (level == MODEL_V3)
		add_sub(t, 0xd, 2, 256, 576, 0, 0);
}

static void add_caches(struct cpuid_table *t)
{
	add_sub(t, 4, 0, 0x121, 0x01c0003f, 63, 0);   /* L1d: 32 KiB, 8 ways, 64-byte lines */
	add_sub(t, 4, 1, 0x122, 0x01c0003f, 63, 0);   /* L1i */
	add_sub(t, 4, 2, 0x143, 0x01c0003f, 511, 0);  /* L2: 256 KiB */
	add_sub(t, 4, 3, 0x163, 0x03c0003f, 8191, 6); /* L3: 8 MiB, 16 ways, inclusive */
	add_sub(t, 4, 4, 0, 0, 0, 0);
}

/*
 * Leaf 15h: TSC = crystal * EBX / EAX, and the crystal is the APIC timer's 1 GHz clock. Linux
 * multiplies kHz with EBX in 32 bits (native_calibrate_tsc), so EBX must be small; the best such
 * fraction is off by less than a millionth.
 */
static void add_frequencies(struct cpuid_table *t, u64 tsc_hz)
{
	enum { CRYSTAL_KHZ = 1000000, EBX_MAX = ~0u / CRYSTAL_KHZ };
	u64 best = ~0ull, khz = tsc_hz / 1000;
	u32 mhz = (u32)(tsc_hz / 1000000), eax = 1, ebx = 1;

	for (u64 d = 1; d <= EBX_MAX; d++) {
		u64 n = (khz * d + CRYSTAL_KHZ / 2) / CRYSTAL_KHZ, is = n * CRYSTAL_KHZ / d;
		u64 off = is > khz ? is - khz : khz - is;

		if (n > EBX_MAX)
			break;
		if (n && off < best) {
			best = off;
			eax = (u32)d;
			ebx = (u32)n;
		}
	}
	add(t, 0x15, eax, ebx, CRYSTAL_KHZ * 1000u, 0);
	add(t, 0x16, mhz, mhz, 100, 0);
}

int soft_model(struct cpuid_table *out, const char *name, u64 tsc_hz, struct error *err)
{
	struct host h = look_at_host();
	unsigned level = MODEL_V2;
	int rc = choose_level(&level, &h, name, err);
	bool v3 = level == MODEL_V3;

	if (rc < 0)
		return rc;
	out->count = 0;
	add(out, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69); /* GenuineIntel */
	/* Family 6: model 1E (Nehalem), 3C (Haswell); 8-byte units of CLFLUSH. */
	add(out, 1, v3 ? 0x306c3 : 0x106e5, 8 << 8,
	    C1_V2 | C1_OURS | (h.c1 & (C1_MORE | C1_RDRAND)) | (v3 ? C1_V3 : 0),
	    D1_COMMON & ~D1_VME);
	add(out, 2, 0x00feff01, 0, 0, 0); /* see leaf 4 */
	add_caches(out);
	add(out, 6, 4, 0, 0, 0); /* the APIC timer never stops */
	add_sub(out, 7, 0, 2,
		B7_OURS | B7_FDP | B7_FCS | (h.b7 & B7_RDSEED) |
			(v3 ? B7_V3 | (h.b7 & BIT(19)) : 0),
		C7_UMIP | C7_RDPID, D7_FSRM | D7_IBRS | D7_ARCH_CAPS);
	add_sub(out, 7, 1, 0, 0, 0, 0);
	add_sub(out, 7, 2, 0, 0, 0, D72_BHI_CTRL);
	add_xsave(out, level);
	add_frequencies(out, tsc_hz);
	add(out, 0x80000000, 0x80000008, 0, 0, 0);
	add(out, 0x80000001, 0, 0, C81_OURS | (v3 ? C81_V3 : 0), D81_OURS);
	add_name(out, level);
	add(out, 0x80000006, 0, 0, 0x01006040, 0);
	add(out, 0x80000007, 0, 0, 0, BIT(8)); /* the TSC is steady */
	add(out, 0x80000008, 40 | 48 << 8, 0, 0, 0);
	return 0;
}
