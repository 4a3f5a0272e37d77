/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/lower.c: from a decoded instruction to an op of the hot loop. See block.h, interp.h. */
#include "cpu/soft/fpu_priv.h"
#include "cpu/soft/lower_priv.h"

enum { FORM_RR, FORM_RI, FORM_RM, FORM_MR, FORM_MI, FORM_RMF, FORM_MRF, FORM_MIF };

static unsigned log2_of(unsigned size)
{
	return (unsigned)__builtin_ctz(size);
}

static u8 reg_at(const struct insn_operand *o)
{
	return (u8)(o->kind == OPERAND_HIGH ? o->reg * 8 + 1 : o->reg * 8);
}

static bool is_reg(const struct insn_operand *o)
{
	return o->kind == OPERAND_GPR || o->kind == OPERAND_HIGH;
}

bool lower_address(struct lowering *l)
{
	const struct insn *i = l->i;
	struct op *op = l->op;
	s64 disp = i->disp;

	if (l->flat ? i->asz != 4 || i->seg >= SEG_FS : i->mode != CPU_64 || i->asz != 8)
		return false;
	/* CS cannot be written, and not always be read. */
	if (l->flat && i->seg == SEG_CS)
		return false;
	op->base = op->index = R_ZERO * 8;
	if (i->base == REG_RIP) {
		op->base = R_BLOCK * 8;
		disp += op->at + i->len;
	} else if (i->base != REG_NONE) {
		op->base = (u8)(i->base * 8);
	}
	if (i->index != REG_NONE)
		op->index = (u8)(i->index * 8);
	op->scale = i->scale;
	op->seg = i->seg;
	op->disp = (s32)disp;
	return op->disp == disp;
}

static bool small_imm(struct lowering *l, const struct insn_operand *o)
{
	s64 imm = (s64)l->i->imm;
	unsigned bits = operand_size(o) * 8;

	if (bits < 64) /* only the low bits count: any extension will do */
		imm = (s64)((u64)imm << (64 - bits)) >> (64 - bits);
	l->op->imm = (s32)imm;
	return l->op->imm == imm;
}

/* One of the eight forms of two operands, and what it needs; or NO_HANDLER. */
static int form(struct lowering *l)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];
	int f = l->flat ? FORM_RMF - FORM_RM : 0;

	if (is_reg(a))
		l->op->dst = reg_at(a);
	if (is_reg(b))
		l->op->src = reg_at(b);
	if (is_reg(a) && is_reg(b))
		return FORM_RR;
	if (is_reg(a) && b->kind == OPERAND_IMM)
		return small_imm(l, a) ? FORM_RI : NO_HANDLER;
	if (is_reg(a) && b->kind == OPERAND_MEM)
		return lower_address(l) ? FORM_RM + f : NO_HANDLER;
	if (a->kind != OPERAND_MEM || !lower_address(l))
		return NO_HANDLER;
	if (is_reg(b))
		return FORM_MR + f;
	if (b->kind == OPERAND_IMM && small_imm(l, a))
		return FORM_MI + f;
	return NO_HANDLER;
}

static int two(struct lowering *l, enum handler first)
{
	unsigned size = operand_size(&l->i->operand[0]);
	int f = form(l);

	if (f < 0 || l->i->prefix & PREFIX_LOCK)
		return NO_HANDLER;
	return (int)first + f * 4 + (int)log2_of(size);
}

static int one(struct lowering *l, enum handler first)
{
	const struct insn_operand *a = &l->i->operand[0];
	int size = (int)log2_of(operand_size(a));

	if (l->i->prefix & PREFIX_LOCK)
		return NO_HANDLER;
	if (is_reg(a)) {
		l->op->dst = reg_at(a);
		return (int)first + size;
	}
	if (!lower_address(l))
		return NO_HANDLER;
	return (int)first + (l->flat ? 8 : 4) + size;
}

static int move(struct lowering *l)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];

	if (is_reg(a) && b->kind == OPERAND_IMM && operand_size(a) == 8 && !small_imm(l, a)) {
		l->op->dst = reg_at(a);
		l->op->imm64 = l->i->imm;
		return H_mov_imm64;
	}
	return two(l, H_mov_rr_1);
}

/* rr, rm or rmf of instructions that write a register. */
static int to_reg(struct lowering *l, enum handler first, unsigned step)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];

	l->op->dst = reg_at(a);
	if (is_reg(b)) {
		l->op->src = reg_at(b);
		return (int)first;
	}
	if (!lower_address(l))
		return NO_HANDLER;
	return (int)(first + (l->flat ? 2 * step : step));
}

static int widen(struct lowering *l)
{
	unsigned to = operand_size(&l->i->operand[0]), from = operand_size(&l->i->operand[1]);

	if (to == 2 || from == to)
		return NO_HANDLER;
	if (l->i->op == OP_MOVZX)
		return to_reg(l, from == 1 ? H_zx1_rr : H_zx2_rr, 1);
	if (from == 4)
		return to_reg(l, H_sx4_8_rr, 1);
	if (from == 2)
		return to_reg(l, to == 8 ? H_sx2_8_rr : H_sx2_4_rr, 1);
	return to_reg(l, to == 8 ? H_sx1_8_rr : H_sx1_4_rr, 1);
}

static int shift(struct lowering *l, enum handler first)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];
	unsigned size = operand_size(a);

	if (!is_reg(a) || size < 4)
		return NO_HANDLER;
	l->op->dst = reg_at(a);
	l->op->imm = (s32)(l->i->imm & (size == 8 ? 63 : 31));
	if (b->kind == OPERAND_IMM)
		return l->op->imm ? (int)first + (size == 8) : NO_HANDLER;
	return (int)first + 2 + (size == 8);
}

static int multiply(struct lowering *l)
{
	unsigned size = operand_size(&l->i->operand[0]);

	if (l->i->operands < 2 || size < 4)
		return NO_HANDLER;
	if (l->i->operands == 3) {
		if (!small_imm(l, &l->i->operand[0]))
			return NO_HANDLER;
		return to_reg(l, size == 8 ? H_imuli_rr_8 : H_imuli_rr_4, 2);
	}
	return to_reg(l, size == 8 ? H_imul_rr_8 : H_imul_rr_4, 2);
}

static int cmov(struct lowering *l)
{
	unsigned size = operand_size(&l->i->operand[0]);

	l->op->imm = l->i->cc;
	return size < 4 ? NO_HANDLER : to_reg(l, size == 8 ? H_cmov_rr_8 : H_cmov_rr_4, 2);
}

static int lea(struct lowering *l)
{
	unsigned size = operand_size(&l->i->operand[0]);

	l->op->dst = reg_at(&l->i->operand[0]);
	if (size < 4 || l->i->seg >= SEG_FS || !lower_address(l))
		return NO_HANDLER;
	l->op->seg = SEG_DS;
	return size == 8 ? H_lea_8 : H_lea_4;
}

/* Stack and control transfers: with 8-byte slots in 64-bit mode, 4-byte ones on flat segments. */
static int stack(struct lowering *l, enum handler r, enum handler i, enum handler m)
{
	const struct insn_operand *a = &l->i->operand[0];
	int f = l->flat ? H_pushf_r - H_push_r : 0;

	if (l->i->osz != (l->flat ? 4 : 8))
		return NO_HANDLER;
	if (a->kind == OPERAND_GPR) {
		l->op->dst = reg_at(a);
		return (int)r + f;
	}
	if (a->kind == OPERAND_IMM && i && small_imm(l, a))
		return (int)i + f;
	if (a->kind == OPERAND_MEM && m && lower_address(l))
		return (int)m + f;
	return NO_HANDLER;
}

static int branch(struct lowering *l, enum handler rel, enum handler r, enum handler m, int f)
{
	const struct insn_operand *a = &l->i->operand[0];

	if (l->i->mode == CPU_64 ? false : l->i->osz != 4)
		return NO_HANDLER;
	if (!l->flat)
		f = 0;
	if (a->kind == OPERAND_REL) {
		s64 to = (s64)l->i->imm + l->op->at + l->i->len;

		l->op->disp = (s32)to; /* from the block's first byte */
		l->op->link = NULL;
		return l->op->disp == to ? (int)rel + f : NO_HANDLER;
	}
	if (a->kind == OPERAND_GPR && r) {
		l->op->dst = reg_at(a);
		return (int)r + f;
	}
	return a->kind == OPERAND_MEM && m && lower_address(l) ? (int)m + f : NO_HANDLER;
}

static int bits(struct lowering *l)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];
	unsigned size = operand_size(a);

	if (!is_reg(a) || size < 4)
		return NO_HANDLER;
	l->op->dst = reg_at(a);
	l->op->imm = (s32)(l->i->imm & (size * 8 - 1));
	if (b->kind == OPERAND_IMM)
		return size == 8 ? H_bt_ri_8 : H_bt_ri_4;
	l->op->src = reg_at(b);
	return size == 8 ? H_bt_rr_8 : H_bt_rr_4;
}

static int plain_reg(struct lowering *l, enum handler four, unsigned operands)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];
	unsigned size = operand_size(a);

	if (!is_reg(a) || (operands == 2 && !is_reg(b)) || size < 4)
		return NO_HANDLER;
	l->op->dst = reg_at(a);
	l->op->src = operands == 2 ? reg_at(b) : 0;
	return (int)four + (size == 8);
}

static int setcc(struct lowering *l)
{
	const struct insn_operand *a = &l->i->operand[0];

	l->op->dst = reg_at(a);
	l->op->imm = l->i->cc;
	return is_reg(a) ? H_setcc_r : NO_HANDLER;
}

static int by_size(const struct insn *i, int four, int eight)
{
	return i->osz == 8 ? eight : i->osz == 4 ? four : NO_HANDLER;
}

static int unary(struct lowering *l)
{
	switch (l->i->op) {
	case OP_INC: return one(l, H_inc_r_1);
	case OP_DEC: return one(l, H_dec_r_1);
	case OP_NEG: return one(l, H_neg_r_1);
	case OP_NOT: return one(l, H_not_r_1);
	case OP_ROL: return shift(l, H_rol_ri_4);
	case OP_ROR: return shift(l, H_ror_ri_4);
	case OP_SHL: return shift(l, H_shl_ri_4);
	case OP_SHR: return shift(l, H_shr_ri_4);
	case OP_SAR: return shift(l, H_sar_ri_4);
	case OP_CBW: return by_size(l->i, H_cwde, H_cdqe);
	case OP_CWD: return by_size(l->i, H_cdq, H_cqo);
	case OP_XCHG: return plain_reg(l, H_xchg_rr_4, 2);
	case OP_BSWAP: return plain_reg(l, H_bswap_r_4, 1);
	case OP_BT: return bits(l);
	case OP_NOP: return H_nop;
	default: return NO_HANDLER;
	}
}

static int flow(struct lowering *l)
{
	int stack32 = l->i->osz == 4 && l->flat, stack64 = l->i->osz == 8 && l->i->mode == CPU_64;

	switch (l->i->op) {
	case OP_PUSH: return stack(l, H_push_r, H_push_i, H_push_m);
	case OP_POP: return stack(l, H_pop_r, 0, 0);
	case OP_LEAVE: return stack64 ? H_leave : stack32 ? H_leavef : NO_HANDLER;
	case OP_CALL: return branch(l, H_call, H_call_r, H_call_m, H_callf - H_call);
	case OP_JMP: return branch(l, H_jmp, H_jmp_r, H_jmp_m, H_jmpf - H_jmp);
	case OP_JCC: return branch(l, H_jcc_o + l->i->cc, 0, 0, H_jccf_o - H_jcc_o);
	case OP_RET:
		if (l->i->operands)
			return NO_HANDLER;
		return l->i->mode == CPU_64 ? H_ret : stack32 ? H_retf : NO_HANDLER;
	default: return NO_HANDLER;
	}
}

static int choose(struct lowering *l)
{
	switch (l->i->op) {
	case OP_ADD: return two(l, H_add_rr_1);
	case OP_OR: return two(l, H_or_rr_1);
	case OP_ADC: return two(l, H_adc_rr_1);
	case OP_SBB: return two(l, H_sbb_rr_1);
	case OP_AND: return two(l, H_and_rr_1);
	case OP_SUB: return two(l, H_sub_rr_1);
	case OP_XOR: return two(l, H_xor_rr_1);
	case OP_CMP: return two(l, H_cmp_rr_1);
	case OP_TEST: return two(l, H_test_rr_1);
	case OP_MOV: return move(l);
	case OP_MOVZX:
	case OP_MOVSX:
	case OP_MOVSXD: return widen(l);
	case OP_IMUL: return multiply(l);
	case OP_CMOVCC: return cmov(l);
	case OP_LEA: return lea(l);
	case OP_SETCC: return setcc(l);
	case OP_PUSH:
	case OP_POP:
	case OP_LEAVE:
	case OP_CALL:
	case OP_JMP:
	case OP_JCC:
	case OP_RET: return flow(l);
	default: return unary(l);
	}
}

static bool ends(const struct insn *i)
{
	return exec_table[i->op].attr & (EXEC_END | EXEC_SHADOW);
}

static void begin(struct op *op, const struct insn *i, unsigned at)
{
	*op = (struct op){ .len = i->len, .at = (u8)at };
}

void lower_exec(struct op *op, const struct insn *i, unsigned at)
{
	begin(op, i, at);
	op->go = interp_labels()[ends(i) ? H_exec_end : H_exec];
}

void lower_end(struct op *op, unsigned at)
{
	*op = (struct op){ .go = interp_labels()[H_end], .at = (u8)at };
}

/* Jumps that are always taken end a block, too; conditional ones go on. */
static bool goes_on(const struct insn *i)
{
	return i->op != OP_JMP && i->op != OP_CALL && i->op != OP_RET;
}

/*
 * A thunk, found now instead of each time. All that exec_check() would look at is in the
 * block's key, never changes, or is looked at by thunk_run().
 */
static bool lower_thunk(struct soft_cpu *c, struct op *op, const struct insn *i)
{
	if (exec_table[i->op].fn != exec_fp || !cpu_has_insn(c, i))
		return false;
	if (i->encoding != ENC_LEGACY && !c->prot)
		return false;
	begin(op, i, op->at);
	op->thunk = thunk_prepare(c, i);
	if (op->thunk)
		op->go = interp_labels()[insn_memory(i) ? H_thunk_m : H_thunk];
	return op->thunk != NULL;
}

unsigned lower(struct soft_cpu *c, struct op *op, const struct insn *i, unsigned at)
{
	struct lowering l = { .i = i, .op = op };
	unsigned keeps = 0;
	int h = NO_HANDLER;

	begin(op, i, at);
	l.flat = i->mode == CPU_32 && c->block_key & KEY_FLAT;
	if ((i->mode == CPU_64 || l.flat) && insn_info(i)->feature != FEATURE_MOVBE)
		h = choose(&l);
	if (h < 0) {
		h = lower_sse(&l);
		keeps = LOWER_KEEPS; /* for its exec_fn */
	}
	if (h < 0 && lower_thunk(c, op, i))
		return keeps;
	if (h < 0) {
		lower_exec(op, i, at);
		return keeps | (ends(i) ? LOWER_ENDS : 0);
	}
	op->go = interp_labels()[h];
	return keeps | (goes_on(i) ? 0 : LOWER_ENDS);
}
