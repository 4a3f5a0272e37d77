/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What instructions need besides an address: counts, selectors, stacks, areas, vectors. */
#include <string.h>

#include "native.h"
#include "steer.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static const struct insn_operand *last_operand(const struct insn *i)
{
	return &i->operand[i->operands ? i->operands - 1 : 0];
}

/* ---- stack ---- */

/* What is popped: addresses, selectors, flags. */
static void steer_pops(struct making *m, u64 sp)
{
	const struct insn *i = m->i;
	unsigned size = i->osz, n = 0;
	u64 frame[5], val;
	u8 bytes[40];

	if (i->op == OP_RET || i->op == OP_RETF || i->op == OP_IRET)
		frame[n++] = code_offset(m, code_target(m));
	if (i->op == OP_RETF || i->op == OP_IRET)
		frame[n++] = one_in(m->rng, 3) ? edge_selector(m->rng) : m->c->in.sel[SEG_CS];
	if (i->op == OP_IRET || i->op == OP_POPF)
		frame[n++] = one_in(m->rng, 2) ? rng_next(m->rng) & 0x247fd5
					       : rng_next(m->rng) & 0xcd5;
	if (i->op == OP_IRET) {
		frame[n++] = DATA_BASE + below(m->rng, RO_AT);
		frame[n++] = one_in(m->rng, 4) ? edge_selector(m->rng) : m->c->in.sel[SEG_SS];
	}
	if (i->op == OP_POP && i->operand[0].kind == OPERAND_SEG)
		frame[n++] = edge_selector(m->rng);
	for (unsigned k = 0; k < n; k++) {
		val = frame[k];
		memcpy(bytes + size * k, &val, size);
	}
	if (n)
		patch_memory(m, sp, bytes, size * n);
}

static unsigned stack_size(const struct making *m)
{
	u16 sel = m->c->in.sel[SEG_SS];

	if (m->c->mode == CPU_64)
		return 8;
	return sel & 4 && !ldt_entries[sel >> 3].big ? 2 : 4;
}

static void steer_stack(struct making *m)
{
	unsigned size = stack_size(m);
	u64 sp = one_in(m->rng, 6) ? pick_target(m, m->i->osz, m->i->osz)
				   : (u64)(DATA_BASE + 0x400 + 4 * below(m->rng, 0x700));

	if (m->i->op == OP_LEAVE) {
		reg_settle(m, RBP, sp - seg_base_of(m->c, SEG_SS), size);
		return;
	}
	if (m->i->op == OP_ENTER)
		reg_settle(m, RBP,
			   DATA_BASE + 0x200 + below(m->rng, 0x1c00) - seg_base_of(m->c, SEG_SS),
			   size);
	reg_settle(m, RSP, sp - seg_base_of(m->c, SEG_SS), size);
	if (m->written & BIT(RSP))
		return;
	sp = m->c->in.gpr[RSP];
	sp = (size == 8 ? sp : size == 4 ? (u32)sp : (u16)sp) + seg_base_of(m->c, SEG_SS);
	steer_pops(m, sp);
}

/* ---- strings ---- */

static void steer_string(struct making *m)
{
	const struct insn *i = m->i;
	unsigned asz = i->asz, size = operand_size(&i->operand[0]);
	u64 count = one_in(m->rng, 12) ? edge_value(m->rng) : below(m->rng, 40);

	if (i->rep != REP_NONE)
		reg_settle(m, RCX, count, asz);
	reg_settle(m, RSI, pick_target(m, size, 1) - seg_base_of(m->c, (enum insn_seg)i->seg), asz);
	reg_settle(m, RDI, pick_target(m, size, 1) - seg_base_of(m->c, SEG_ES), asz);
	if (i->rep >= REP_REPZ && one_in(m->rng, 2)) {
		/* Something to run along. */
		u8 same[64];
		u64 at = (m->c->in.gpr[RDI] & 0xffffffff) - 32;

		memset(same, (u8)m->c->in.gpr[RAX], sizeof(same));
		patch_memory(m, at + seg_base_of(m->c, SEG_ES), same, sizeof(same));
	}
}

/* ---- what is in memory ---- */

static u16 edge_fcw(struct rng *r)
{
	return (u16)(rng_next(r) & 0xf00) | (one_in(r, 4) ? (u16)(rng_next(r) & 0xff) : 0x7f);
}

/* An area for FXRSTOR, XRSTOR: mostly valid. */
static unsigned fill_area(struct making *m, u8 *buf)
{
	u64 bv = below(m->rng, 8);

	edge_fp_state(m->rng, buf);
	if (one_in(m->rng, 12))
		buf[24 + below(m->rng, 4)] |= (u8)rng_next(m->rng);
	if (one_in(m->rng, 12))
		bv |= one_in(m->rng, 2) ? BIT64(3) : BIT64(62); /* nobody has them */
	memcpy(buf + 512, &bv, 8);
	if (one_in(m->rng, 12))
		buf[520 + below(m->rng, 56)] = (u8)rng_next(m->rng);
	return FP_SIZE;
}

static unsigned fill_old_area(struct making *m, u8 *buf, unsigned size)
{
	unsigned word = m->i->osz == 2 ? 2 : 4, env = 7 * word;
	u16 fcw = edge_fcw(m->rng), fsw = (u16)rng_next(m->rng) & 0x7f7f;

	fsw &= (u16) ~(~fcw & 0x3f);
	memset(buf, 0, size);
	memcpy(buf, &fcw, 2);
	memcpy(buf + word, &fsw, 2);
	buf[2 * word] = (u8)rng_next(m->rng);
	buf[2 * word + 1] = (u8)rng_next(m->rng);
	for (unsigned at = env; at + 10 <= size; at += 10)
		edge_x87(m->rng, buf + at);
	return size;
}

/* Bytes that suit the memory operand, and how many. */
static unsigned fill_memory(struct making *m, u8 *buf)
{
	const struct insn *i = m->i;
	unsigned size = operand_size(insn_memory(i));
	u64 val;
	u32 mxcsr;
	u16 word;

	switch (i->op) {
	case OP_LDMXCSR:
		mxcsr = one_in(m->rng, 8) ? (u32)rng_next(m->rng) & ~BIT(17) : edge_mxcsr(m->rng);
		memcpy(buf, &mxcsr, 4);
		return 4;
	case OP_FLDCW:
		word = edge_fcw(m->rng);
		memcpy(buf, &word, 2);
		return 2;
	case OP_FXRSTOR:
	case OP_XRSTOR: return fill_area(m, buf);
	case OP_FLDENV:
	case OP_FRSTOR: return fill_old_area(m, buf, size);
	case OP_CALL:
	case OP_JMP:
		val = code_offset(m, code_target(m));
		memcpy(buf, &val, 8);
		return size;
	case OP_CALLF:
	case OP_JMPF:
	case OP_LDS:
	case OP_LES:
	case OP_LFS:
	case OP_LGS:
	case OP_LSS:
		val = code_offset(m, code_target(m));
		memcpy(buf, &val, 8);
		word = one_in(m->rng, 3) && insn_info(i)->attr & INSN_FAR ? m->c->in.sel[SEG_CS]
									  : edge_selector(m->rng);
		memcpy(buf + i->osz, &word, 2);
		return size;
	case OP_LAR:
	case OP_LSL:
	case OP_VERR:
	case OP_VERW:
		word = edge_selector(m->rng);
		memcpy(buf, &word, 2);
		return 2;
	default: break;
	}
	edge_bytes(m->rng, buf, size);
	if (last_operand(i)->kind == OPERAND_MEM && i->operand[0].kind == OPERAND_SEG) {
		word = edge_selector(m->rng);
		memcpy(buf, &word, 2);
	}
	return size;
}

/* The comparison may well be equal. */
static void steer_cmpxchg(struct making *m, const u8 *bytes)
{
	u64 low = 0, high = 0;
	unsigned size = operand_size(&m->i->operand[0]);

	if (m->i->op == OP_CMPXCHG) {
		memcpy(&low, bytes, size);
		reg_settle(m, RAX, low, size);
		return;
	}
	memcpy(&low, bytes, size / 2);
	memcpy(&high, bytes + size / 2, size / 2);
	reg_settle(m, RAX, low, size / 2);
	reg_settle(m, RDX, high, size / 2);
}

static bool compares(u16 op)
{
	return op == OP_CMPXCHG || op == OP_CMPXCHG8B || op == OP_CMPXCHG16B;
}

static unsigned alignment(const struct insn *i, unsigned size)
{
	u32 attr = insn_info(i)->attr;

	if (insn_info(i)->feature >= FEATURE_XSAVE && size == 0)
		return 64;
	if (i->op == OP_FXSAVE || i->op == OP_FXRSTOR || i->op == OP_CMPXCHG16B)
		return 16;
	if (attr & INSN_AL || (insn_info(i)->cls == CLASS_SIMD && i->encoding == ENC_LEGACY &&
			       size == 16 && !(attr & INSN_UN)))
		return size;
	return 1;
}

static void steer_memory(struct making *m, const struct insn_operand *o)
{
	unsigned size = operand_size(o), align;
	u8 buf[1024];
	u64 at;

	switch (m->i->op) {
	case OP_XSAVE:
	case OP_XSAVEC:
	case OP_XSAVEOPT:
	case OP_XRSTOR:
		align = 64;
		size = FP_SIZE;
		break;
	default: align = alignment(m->i, size);
	}
	at = pick_target(m, size ? size : 1, align ? align : 1);
	if (m->i->op == OP_XRSTOR && one_in(m->rng, 2))
		at = DATA_BASE + 64 * below(m->rng, 64);
	if (!steer_to(m, at))
		return;
	size = fill_memory(m, buf);
	if (size && size <= sizeof(buf) && !one_in(m->rng, 6) &&
	    patch_memory(m, address_now(m), buf, size) && compares(m->i->op) && one_in(m->rng, 2))
		steer_cmpxchg(m, buf);
}

/* ---- gathers ---- */

static void steer_gather(struct making *m)
{
	const struct insn *i = m->i;
	bool wide = i->op == OP_GATHERQPD || i->op == OP_GATHERQPS || i->op == OP_PGATHERQD ||
		    i->op == OP_PGATHERQQ;
	unsigned size = wide ? 8 : 4;
	u8 vec[32];

	if (i->base < 16)
		reg_settle(m, i->base,
			   DATA_BASE + 0x800 + below(m->rng, 0x1000) - (u64)i->disp -
				   seg_base_of(m->c, (enum insn_seg)i->seg),
			   i->asz);
	for (unsigned at = 0; at < 32; at += size) {
		s64 v = one_in(m->rng, 24) ? (s64)edge_value(m->rng)
					   : (s64)below(m->rng, 256) - 128;

		memcpy(vec + at, &v, size);
	}
	if (i->index < 16) {
		memcpy(m->c->fp + 160 + 16 * i->index, vec, 16);
		memcpy(m->c->fp + 576 + 16 * i->index, vec + 16, 16);
	}
}

/* ---- registers ---- */

static void steer_division(struct making *m)
{
	const struct insn_operand *o = &m->i->operand[0];
	unsigned size = operand_size(o);
	u64 divisor = edge_value(m->rng);

	if (one_in(m->rng, 4))
		return;
	if (o->kind == OPERAND_GPR && o->reg != RAX && o->reg != RDX)
		reg_settle(m, o->reg, divisor | 1, size);
	if (size > 1) {
		u64 high = m->i->op == OP_IDIV && one_in(m->rng, 2) ? ~0ull : 0;

		reg_settle(m, RDX, one_in(m->rng, 2) ? high : below(m->rng, 64), size);
	} else {
		reg_settle(m, RAX, edge_value(m->rng) & 0x3ff, 2);
	}
}

static void steer_bit_number(struct making *m)
{
	const struct insn_operand *o = &m->i->operand[1];

	if (o->kind == OPERAND_GPR && !one_in(m->rng, 6))
		reg_settle(m, o->reg, (u64)((s64)below(m->rng, 0x4000) - 0x2000), operand_size(o));
}

static void steer_selector(struct making *m)
{
	const struct insn_operand *o = last_operand(m->i);

	if (o->kind == OPERAND_GPR)
		reg_settle(m, o->reg, edge_selector(m->rng), 2);
}

static void steer_pointer(struct making *m, unsigned reg, enum insn_seg seg, unsigned size)
{
	reg_settle(m, reg, pick_target(m, size, 1) - seg_base_of(m->c, seg), m->i->asz);
}

static void steer_by_op(struct making *m)
{
	struct insn *i = m->i;
	const struct insn_operand *o = &i->operand[0];

	switch (i->op) {
	case OP_DIV:
	case OP_IDIV: steer_division(m); break;
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC: steer_bit_number(m); break;
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE:
	case OP_JCXZ: reg_settle(m, RCX, below(m->rng, 4), i->asz); break;
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
	case OP_ROL:
	case OP_ROR:
	case OP_RCL:
	case OP_RCR:
	case OP_SHLD:
	case OP_SHRD:
		if (!one_in(m->rng, 3))
			reg_settle(m, RCX, below(m->rng, 70), 1);
		break;
	case OP_CALL:
	case OP_JMP:
		if (o->kind == OPERAND_GPR)
			reg_settle(m, o->reg, code_offset(m, code_target(m)), i->osz);
		break;
	case OP_XLAT: steer_pointer(m, RBX, (enum insn_seg)i->seg, 256); break;
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU: steer_pointer(m, RDI, (enum insn_seg)i->seg, 16); break;
	case OP_XSAVE:
	case OP_XSAVEC:
	case OP_XSAVEOPT:
	case OP_XRSTOR:
		reg_settle(m, RAX, below(m->rng, 8), 8);
		reg_settle(m, RDX, 0, 8);
		break;
	case OP_LAR:
	case OP_LSL:
	case OP_VERR:
	case OP_VERW: steer_selector(m); break;
	case OP_MOV:
		if (o->kind == OPERAND_SEG)
			steer_selector(m);
		break;
	default: break;
	}
}

void steer(struct making *m)
{
	const struct insn_info *info = insn_info(m->i);
	const struct insn_operand *o = insn_memory(m->i);

	steer_by_op(m);
	if (info->attr & INSN_VSIB)
		steer_gather(m);
	else if (o && o->kind == OPERAND_MEM)
		steer_memory(m, o);
	else if (o)
		steer_string(m);
	if (info->attr & (INSN_PUSH | INSN_POP))
		steer_stack(m);
}
