/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/lower_sse.c: which SSE instructions the hot loop does itself: interp_sse.h. */
#include "cpu/soft/lower_priv.h"

/* By operation: the handler of the form with registers; the one with memory follows. */
struct sse_row {
	u16 op, handler;
};

/* clang-format off */
#define ROW(op, name) { OP_##op, H_sse_##name##_rr }
static const struct sse_row rows[] = {
	ROW(ADDSD, addsd), ROW(SUBSD, subsd), ROW(MULSD, mulsd), ROW(DIVSD, divsd),
	ROW(SQRTSD, sqrtsd), ROW(MINSD, minsd), ROW(MAXSD, maxsd), ROW(ADDSS, addss),
	ROW(SUBSS, subss), ROW(MULSS, mulss), ROW(DIVSS, divss), ROW(SQRTSS, sqrtss),
	ROW(CVTSD2SS, cvtsd2ss), ROW(CVTSS2SD, cvtss2sd), ROW(ADDPD, addpd), ROW(SUBPD, subpd),
	ROW(MULPD, mulpd), ROW(DIVPD, divpd), ROW(ADDPS, addps), ROW(SUBPS, subps),
	ROW(MULPS, mulps), ROW(DIVPS, divps), ROW(CVTDQ2PD, cvtdq2pd), ROW(CVTDQ2PS, cvtdq2ps),
	ROW(ANDPS, andps), ROW(ANDPD, andps), ROW(ANDNPS, andnps), ROW(ANDNPD, andnps),
	ROW(ORPS, orps), ROW(ORPD, orps), ROW(XORPS, xorps), ROW(XORPD, xorps),
	ROW(UNPCKLPS, unpcklps), ROW(UNPCKLPD, unpcklpd), ROW(UNPCKHPD, unpckhpd),
	ROW(PXOR, pxor), ROW(POR, por), ROW(PAND, pand), ROW(PANDN, pandn), ROW(PADDB, paddb),
	ROW(PADDW, paddw), ROW(PADDD, paddd), ROW(PADDQ, paddq), ROW(PSUBB, psubb),
	ROW(PSUBW, psubw), ROW(PSUBD, psubd), ROW(PSUBQ, psubq), ROW(PCMPEQB, pcmpeqb),
	ROW(PCMPEQW, pcmpeqw), ROW(PCMPEQD, pcmpeqd), ROW(PCMPGTB, pcmpgtb),
	ROW(PCMPGTD, pcmpgtd), ROW(PMINUB, pminub), ROW(PMAXUB, pmaxub), ROW(PMULLW, pmullw),
	ROW(PMULUDQ, pmuludq), ROW(PUNPCKLBW, punpcklbw), ROW(PUNPCKLWD, punpcklwd),
	ROW(PUNPCKLDQ, punpckldq), ROW(PUNPCKLQDQ, punpcklqdq), ROW(PUNPCKHBW, punpckhbw),
	ROW(PUNPCKHQDQ, punpckhqdq), ROW(UCOMISD, ucomisd), ROW(COMISD, comisd),
	ROW(UCOMISS, ucomiss), ROW(COMISS, comiss),
};
#undef ROW
/* clang-format on */

static bool is_vec(const struct insn_operand *o)
{
	return o->kind == OPERAND_VEC;
}

static int calculate(struct lowering *l)
{
	const struct insn_operand *b = &l->i->operand[1];
	int h = NO_HANDLER;

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
		if (rows[n].op == l->i->op)
			h = rows[n].handler;
	if (h < 0 || !is_vec(&l->i->operand[0]))
		return NO_HANDLER;
	l->op->dst = l->i->operand[0].reg;
	l->op->src = b->reg;
	if (is_vec(b))
		return h;
	return b->kind == OPERAND_MEM && lower_address(l) ? h + 1 : NO_HANDLER;
}

/* Moves of @rm, or @mr, or registers alone (@rr). */
static int move(struct lowering *l, int rr, int rm, int mr)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];

	l->op->dst = a->reg;
	l->op->src = b->reg;
	if (is_vec(a) && is_vec(b))
		return rr;
	if (is_vec(a) && b->kind == OPERAND_MEM)
		return lower_address(l) ? rm : NO_HANDLER;
	if (a->kind == OPERAND_MEM && is_vec(b))
		return lower_address(l) ? mr : NO_HANDLER;
	return NO_HANDLER;
}

/* MOVD, MOVQ; general registers are byte offsets, as everywhere. */
static int move_general(struct lowering *l)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];
	bool wide = (a->kind == OPERAND_GPR ? operand_size(a) : operand_size(b)) == 8;

	if (is_vec(a) && b->kind == OPERAND_GPR) {
		l->op->dst = a->reg;
		l->op->src = (u8)(b->reg * 8);
		return wide ? H_sse_movq_xg : H_sse_movd_xg;
	}
	if (a->kind == OPERAND_GPR && is_vec(b)) {
		l->op->dst = (u8)(a->reg * 8);
		l->op->src = b->reg;
		return wide ? H_sse_movq_gx : H_sse_movd_gx;
	}
	if (a->kind == OPERAND_MEM)
		wide = operand_size(a) == 8;
	return wide ? move(l, H_sse_movq_rr, H_sse_mov8_rm, H_sse_mov8_mr)
		    : move(l, NO_HANDLER, H_sse_mov4_rm, H_sse_mov4_mr);
}

static int convert(struct lowering *l)
{
	const struct insn_operand *a = &l->i->operand[0], *b = &l->i->operand[1];

	if (l->i->op == OP_CVTSI2SD && b->kind == OPERAND_GPR) {
		l->op->dst = a->reg;
		l->op->src = (u8)(b->reg * 8);
		return operand_size(b) == 8 ? H_sse_si2sd_8 : H_sse_si2sd_4;
	}
	if (l->i->op == OP_CVTTSD2SI && is_vec(b)) {
		l->op->dst = (u8)(a->reg * 8);
		l->op->src = b->reg;
		return operand_size(a) == 8 ? H_sse_sd2si_8 : H_sse_sd2si_4;
	}
	return NO_HANDLER;
}

int lower_sse(struct lowering *l)
{
	const struct insn *i = l->i;

	if (i->mode != CPU_64 || i->encoding != ENC_LEGACY || i->operands != 2 ||
	    insn_info(i)->cls != CLASS_SIMD)
		return NO_HANDLER;
	switch (i->op) {
	case OP_MOVAPS:
	case OP_MOVAPD:
	case OP_MOVDQA: return move(l, H_sse_mov_rr, H_sse_mova_rm, H_sse_mova_mr);
	case OP_MOVUPS:
	case OP_MOVUPD:
	case OP_MOVDQU: return move(l, H_sse_mov_rr, H_sse_movu_rm, H_sse_movu_mr);
	case OP_MOVSS: return move(l, NO_HANDLER, H_sse_mov4_rm, H_sse_mov4_mr);
	case OP_MOVSD: return move(l, H_sse_movsd_rr, H_sse_mov8_rm, H_sse_mov8_mr);
	case OP_MOVD:
	case OP_MOVQ: return move_general(l);
	case OP_CVTSI2SD:
	case OP_CVTTSD2SI: return convert(l);
	default: return calculate(l);
	}
}
