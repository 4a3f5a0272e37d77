/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a decoded instruction besides its own fields: flags, registers, name. */
#include <stdio.h>
#include <string.h>

#include "cpu/soft/decode_priv.h"

enum { CF = 1, PF = 4, ZF = 0x40, SF = 0x80, OF = 0x800 };
enum { RCX = 1, RSP = 4 };

const struct insn_info *insn_info(const struct insn *i)
{
	return &insn_rows[i->form];
}

#define FEATURE_BIT(id, leaf, subleaf, reg, bit) { leaf, subleaf, CPUID_##reg, bit },
static const struct feature_bit feature_bits[] = { INSN_FEATURES(FEATURE_BIT) };
#undef FEATURE_BIT

const struct feature_bit *feature_bit(enum insn_feature feature)
{
	return &feature_bits[feature];
}

/*
 * VEX and EVEX need the processor's vectors besides what brought the instruction: AVX, AVX512F and
 * below 512 bits AVX512VL. Those on general registers (BMI) need the encoding alone.
 */
bool insn_has_features(const struct insn *i, feature_fn has, void *ctx)
{
	const struct insn_info *info = insn_info(i);

	if (!has(ctx, (enum insn_feature)info->feature))
		return false;
	if (info->cls != CLASS_SIMD || i->encoding == ENC_LEGACY)
		return true;
	if (i->encoding == ENC_VEX)
		return has(ctx, FEATURE_AVX);
	return has(ctx, FEATURE_AVX512F) &&
	       (i->vl == 64 || info->attr & INSN_SCALAR || has(ctx, FEATURE_AVX512VL));
}

/* Flags that condition @cc depends on. SDM 1 appendix B. */
static u32 condition_flags(u8 cc)
{
	static const u32 flags[8] = { OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF };

	return flags[cc >> 1 & 7];
}

/*
 * A count in the instruction says more than the form: 0 changes nothing; 1 defines OF; as many bits
 * as the operand has, or more, leave CF of SHL and SHR, and all flags of SHLD and SHRD, undefined.
 * SDM 2B, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD.
 */
static void known_count(const struct insn *i, struct flag_use *out)
{
	unsigned last = i->operands - 1u, bits = 8 * operand_size(&i->operand[0]);
	unsigned count = (u8)i->imm & (bits == 64 ? 63 : 31);

	if (i->operand[last].kind != OPERAND_IMM)
		return;
	out->conditional = false;
	if (count == 0) {
		*out = (struct flag_use){ 0 };
	} else if (count == 1) {
		out->undefined &= ~(u32)OF;
		out->written |= OF;
	} else if (count > bits && last == 2) {
		out->undefined |= out->written;
		out->written = 0;
	} else if (count >= bits && (i->op == OP_SHL || i->op == OP_SHR)) {
		out->undefined |= CF;
		out->written &= ~(u32)CF;
	}
}

void insn_flags(const struct insn *i, struct flag_use *out)
{
	const struct insn_info *info = insn_info(i);

	*out = insn_flag_uses[info->flags];
	out->conditional = info->attr & INSN_COND;
	/* REP CMPS may run no time at all; once it surely runs. */
	if (info->cls == CLASS_STRING)
		out->conditional = out->written && i->rep != REP_NONE;
	if (info->cls == CLASS_INT && info->attr & INSN_COND)
		known_count(i, out);
	if (info->attr & INSN_CC)
		out->read |= condition_flags(i->cc);
}

static void add_address(const struct insn *i, struct insn_regs *out)
{
	if (i->base < 16)
		out->gpr_read |= BIT(i->base);
	if (i->index >= 32)
		return;
	if (insn_info(i)->attr & INSN_VSIB)
		out->vec_read |= BIT(i->index);
	else
		out->gpr_read |= BIT(i->index);
}

static void add_operand(const struct insn *i, const struct insn_operand *o, struct insn_regs *out)
{
	u32 *read = &out->gpr_read, *written = &out->gpr_written;
	bool partial = o->units < 4 || o->access & ACCESS_MAYBE;

	if (o->kind == OPERAND_MEM) {
		add_address(i, out);
		return;
	}
	if (o->kind == OPERAND_VEC) {
		read = &out->vec_read;
		written = &out->vec_written;
		partial = false;
	} else if (o->kind != OPERAND_GPR && o->kind != OPERAND_HIGH) {
		return;
	}
	if (o->access & ACCESS_READ || (o->access & ACCESS_WRITE && partial))
		*read |= BIT(o->reg);
	if (o->access & ACCESS_WRITE)
		*written |= BIT(o->reg);
}

void insn_regs(const struct insn *i, struct insn_regs *out)
{
	const struct insn_info *info = insn_info(i);
	const struct implicit_regs *im = &insn_implicit[info->implicit];

	*out = (struct insn_regs){ .gpr_read = im->read, .gpr_written = im->written };
	for (unsigned n = 0; n < i->operands; n++)
		add_operand(i, &i->operand[n], out);
	if (i->rep != REP_NONE) {
		out->gpr_read |= BIT(RCX);
		out->gpr_written |= BIT(RCX);
	}
	if (info->attr & INSN_W_XMM0)
		out->vec_written |= 1;
}

const struct insn_operand *insn_memory(const struct insn *i)
{
	for (unsigned n = 0; n < i->operands; n++) {
		u8 kind = i->operand[n].kind;

		if (kind == OPERAND_MEM || kind == OPERAND_SRC || kind == OPERAND_DST)
			return &i->operand[n];
	}
	return NULL;
}

#define OP_NAME(id, name) #name,
static const char *const op_names[] = { INSN_OPS(OP_NAME) };
#undef OP_NAME

void insn_name(const struct insn *i, char *buf, size_t size)
{
	static const char conditions[16][4] = { "o", "no", "b", "ae", "e", "ne", "be", "a",
						"s", "ns", "p", "np", "l", "ge", "le", "g" };
	const char *name = op_names[i->op];
	u32 attr = insn_info(i)->attr;
	int len = (int)strlen(name);
	bool v = i->encoding != ENC_LEGACY && insn_info(i)->cls == CLASS_SIMD && *name != 'k';

	if (attr & INSN_CC)
		len -= 2; /* cc */
	snprintf(buf, size, "%s%.*s%s", v ? "v" : "", len, name,
		 attr & INSN_CC ? conditions[i->cc & 15] : "");
}
