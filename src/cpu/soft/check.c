/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/check.c: what may keep any instruction from running, before it does anything: first
 * all reasons for #UD, then privilege, #GP(0). SDM 3A table 6-2.
 */
#include "cpu/soft/soft_priv.h"

static bool has_feature(void *ctx, enum insn_feature f)
{
	const struct soft_cpu *c = ctx;

	return f == FEATURE_BASE || cpu_has(c, f);
}

/* What most instructions that are looked at more than a few times need. */
static bool has_plainly(const struct soft_cpu *c, const struct insn *i,
			const struct insn_info *info)
{
	return i->encoding == ENC_LEGACY &&
	       (info->feature == FEATURE_BASE || cpu_has(c, (enum insn_feature)info->feature));
}

bool cpu_has_insn(const struct soft_cpu *c, const struct insn *i)
{
	return insn_has_features(i, has_feature, (void *)(uintptr_t)c);
}

/*
 * LZCNT and TZCNT are BSR and BSF with a prefix that means nothing to a processor without them:
 * exec_lzcnt() and exec_tzcnt() do as such a one. LAHF's bit is about 64-bit mode. SDM 2A, LAHF
 */
static bool needs_no_feature(const struct insn *i)
{
	switch (i->op) {
	case OP_LZCNT:
	case OP_TZCNT: return true;
	case OP_LAHF:
	case OP_SAHF: return i->mode != CPU_64;
	default: return false;
	}
}

static bool uses_masks(const struct insn *i)
{
	if (i->encoding == ENC_EVEX)
		return true;
	for (unsigned n = 0; n < i->operands; n++) {
		if (i->operand[n].kind == OPERAND_MASK)
			return true;
	}
	return false;
}

enum { XCR0_AVX = 6, XCR0_AVX512 = 0xe6 };

/* VEX on general registers needs protected mode alone. SDM 2A 2.4, types 1 to 13, K20, K21 */
static bool vex_usable(const struct soft_cpu *c, const struct insn *i, const struct insn_info *info)
{
	u64 state;

	if (!c->prot)
		return false;
	if (info->cls != CLASS_SIMD)
		return true;
	state = uses_masks(i) ? XCR0_AVX512 : XCR0_AVX;
	return c->cr4 & CR4_OSXSAVE && (c->xcr0 & state) == state;
}

/* Privileged instructions that are #UD for a reason of their own before CPL is looked at. */
static bool system_usable(const struct soft_cpu *c, const struct insn *i)
{
	switch (i->op) {
	case OP_XSAVES:
	case OP_XRSTORS: return c->cr4 & CR4_OSXSAVE;
	case OP_SYSRET: return c->efer & EFER_SCE;
	default: return true;
	}
}

static bool usable(struct soft_cpu *c, const struct insn *i, const struct insn_info *info)
{
	if (!has_plainly(c, i, info) && !needs_no_feature(i) && !cpu_has_insn(c, i))
		return false;
	if (info->attr & INSN_PROT && !c->prot)
		return false;
	if (i->encoding != ENC_LEGACY && !vex_usable(c, i, info))
		return false;
	return !(info->attr & INSN_CPL0) || system_usable(c, i);
}

/*
 * CLI and STI: where IOPL does not allow them, privilege 3 may have a virtual flag, which is up to
 * them. SDM 3B 20.3.3.4, 20.4
 */
static bool iopl_allows(const struct soft_cpu *c)
{
	unsigned iopl = c->rflags >> 12 & 3;

	if (c->cpl <= iopl)
		return true;
	return c->v86 ? c->cr4 & CR4_VME : c->cpl == 3 && c->cr4 & CR4_PVI;
}

static bool permitted(const struct soft_cpu *c, u32 attr)
{
	if (attr & INSN_CPL0 && c->cpl)
		return false;
	if (attr & INSN_UMIP && c->cr4 & CR4_UMIP && c->cpl)
		return false;
	return !(attr & INSN_IOPL) || iopl_allows(c);
}

void exec_check(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_info *info = insn_info(i);
	const u32 attr = INSN_CPL0 | INSN_IOPL | INSN_PROT | INSN_UMIP;

	if (info->feature == FEATURE_BASE && i->encoding == ENC_LEGACY && !(info->attr & attr))
		return;
	if (!usable(c, i, info))
		raise_ud(c);
	if (!permitted(c, info->attr))
		raise_gp(c);
}
