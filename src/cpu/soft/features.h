/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/features.h: the CPUID features that instructions belong to, and where CPUID tells them.
 * Intel SDM 2A, CPUID; AMD APM 3 E.4. BASE is what every 64-bit processor has.
 */
#pragma once

#include "base/types.h"

/* clang-format off */
#define INSN_FEATURES(F) \
	F(BASE, 0x0, 0, EAX, 0) F(FPU, 0x1, 0, EDX, 0) F(TSC, 0x1, 0, EDX, 4) \
	F(MSR, 0x1, 0, EDX, 5) F(CX8, 0x1, 0, EDX, 8) F(SEP, 0x1, 0, EDX, 11) \
	F(CMOV, 0x1, 0, EDX, 15) F(CLFLUSH, 0x1, 0, EDX, 19) F(MMX, 0x1, 0, EDX, 23) \
	F(FXSR, 0x1, 0, EDX, 24) F(SSE1, 0x1, 0, EDX, 25) F(MMXEXT, 0x1, 0, EDX, 25) \
	F(SSE2, 0x1, 0, EDX, 26) F(SSE3, 0x1, 0, ECX, 0) F(PCLMULQDQ, 0x1, 0, ECX, 1) \
	F(MONITOR, 0x1, 0, ECX, 3) F(VMX, 0x1, 0, ECX, 5) F(SSSE3, 0x1, 0, ECX, 9) \
	F(FMA, 0x1, 0, ECX, 12) F(CX16, 0x1, 0, ECX, 13) F(SSE41, 0x1, 0, ECX, 19) \
	F(SSE42, 0x1, 0, ECX, 20) F(MOVBE, 0x1, 0, ECX, 22) F(POPCNT, 0x1, 0, ECX, 23) \
	F(AES, 0x1, 0, ECX, 25) F(XSAVE, 0x1, 0, ECX, 26) F(AVX, 0x1, 0, ECX, 28) \
	F(F16C, 0x1, 0, ECX, 29) F(RDRAND, 0x1, 0, ECX, 30) F(FSGSBASE, 0x7, 0, EBX, 0) \
	F(BMI1, 0x7, 0, EBX, 3) F(AVX2, 0x7, 0, EBX, 5) F(BMI2, 0x7, 0, EBX, 8) \
	F(INVPCID, 0x7, 0, EBX, 10) F(AVX512F, 0x7, 0, EBX, 16) F(AVX512DQ, 0x7, 0, EBX, 17) \
	F(RDSEED, 0x7, 0, EBX, 18) F(ADX, 0x7, 0, EBX, 19) F(SMAP, 0x7, 0, EBX, 20) \
	F(AVX512IFMA, 0x7, 0, EBX, 21) F(CLFLUSHOPT, 0x7, 0, EBX, 23) F(CLWB, 0x7, 0, EBX, 24) \
	F(AVX512CD, 0x7, 0, EBX, 28) F(SHA, 0x7, 0, EBX, 29) F(AVX512BW, 0x7, 0, EBX, 30) \
	F(AVX512VL, 0x7, 0, EBX, 31) F(AVX512VBMI, 0x7, 0, ECX, 1) F(PKU, 0x7, 0, ECX, 3) \
	F(WAITPKG, 0x7, 0, ECX, 5) F(AVX512VBMI2, 0x7, 0, ECX, 6) F(GFNI, 0x7, 0, ECX, 8) \
	F(VAES, 0x7, 0, ECX, 9) F(VPCLMULQDQ, 0x7, 0, ECX, 10) F(AVX512VNNI, 0x7, 0, ECX, 11) \
	F(AVX512BITALG, 0x7, 0, ECX, 12) F(AVX512VPOPCNTDQ, 0x7, 0, ECX, 14) \
	F(RDPID, 0x7, 0, ECX, 22) F(MOVDIRI, 0x7, 0, ECX, 27) F(MOVDIR64B, 0x7, 0, ECX, 28) \
	F(AVX512VP2INTERSECT, 0x7, 0, EDX, 8) F(SERIALIZE, 0x7, 0, EDX, 14) \
	F(AVXVNNI, 0x7, 1, EAX, 4) F(AVX512BF16, 0x7, 1, EAX, 5) F(XSAVEOPT, 0xd, 1, EAX, 0) \
	F(XSAVEC, 0xd, 1, EAX, 1) F(XSAVES, 0xd, 1, EAX, 3) F(LAHF, 0x80000001, 0, ECX, 0) \
	F(SVM, 0x80000001, 0, ECX, 2) F(LZCNT, 0x80000001, 0, ECX, 5) \
	F(SYSCALL, 0x80000001, 0, EDX, 11) F(RDTSCP, 0x80000001, 0, EDX, 27)
/* clang-format on */

#define FEATURE_ENUM(id, leaf, subleaf, reg, bit) FEATURE_##id,
enum insn_feature { INSN_FEATURES(FEATURE_ENUM) N_FEATURES };
#undef FEATURE_ENUM

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct feature_bit {
	u32 leaf, subleaf;
	u8 reg, bit; /* enum cpuid_register */
};

/* Where CPUID says whether a processor has @feature; leaf 0: it always has. */
const struct feature_bit *feature_bit(enum insn_feature feature);
