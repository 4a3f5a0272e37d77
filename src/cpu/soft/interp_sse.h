/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/interp_sse.h: the hot loop's SSE instructions in 64-bit mode: those that compilers use
 * for scalar arithmetic, moves and whole-register integer work. All others run as thunks.
 *
 * Registers are in memory (struct soft_fpu, vec), 32 bytes each; the host's XMM0 is scratch. What
 * may raise floating-point exceptions runs here only while the guest's MXCSR is the host's and
 * masks all of them (struct soft_fpu, quiet).
 */
/* check: long-file, a list and its macros */
#pragma once

/* clang-format off */

#include "base/types.h"

/* name, bytes of the source. With MXCSR: */
#define SSE_ARITH(H) \
	H(addsd, 8) H(subsd, 8) H(mulsd, 8) H(divsd, 8) H(sqrtsd, 8) H(minsd, 8) H(maxsd, 8) \
	H(addss, 4) H(subss, 4) H(mulss, 4) H(divss, 4) H(sqrtss, 4) H(cvtsd2ss, 8) H(cvtss2sd, 4) \
	H(addpd, 16) H(subpd, 16) H(mulpd, 16) H(divpd, 16) H(addps, 16) H(subps, 16) \
	H(mulps, 16) H(divps, 16) H(cvtdq2pd, 8) H(cvtdq2ps, 16)
/* And without: */
#define SSE_LOGIC(H) \
	H(andps, 16) H(andnps, 16) H(orps, 16) H(xorps, 16) H(unpcklps, 16) H(unpcklpd, 16) \
	H(unpckhpd, 16) H(pxor, 16) H(por, 16) H(pand, 16) H(pandn, 16) H(paddb, 16) H(paddw, 16) \
	H(paddd, 16) H(paddq, 16) H(psubb, 16) H(psubw, 16) H(psubd, 16) H(psubq, 16) \
	H(pcmpeqb, 16) H(pcmpeqw, 16) H(pcmpeqd, 16) H(pcmpgtb, 16) H(pcmpgtd, 16) \
	H(pminub, 16) H(pmaxub, 16) H(pmullw, 16) H(pmuludq, 16) H(punpcklbw, 16) \
	H(punpcklwd, 16) H(punpckldq, 16) H(punpcklqdq, 16) H(punpckhbw, 16) \
	H(punpckhqdq, 16)
#define SSE_COMPARE(H) H(ucomisd, 8) H(comisd, 8) H(ucomiss, 4) H(comiss, 4)

#define SSE_TWO(name, size) HANDLER(sse_##name##_rr) HANDLER(sse_##name##_rm)
/* The names, through HANDLER(). */
#define SSE_HANDLERS \
	SSE_ARITH(SSE_TWO) SSE_LOGIC(SSE_TWO) SSE_COMPARE(SSE_TWO) \
	HANDLER(sse_mov_rr) HANDLER(sse_mova_rm) HANDLER(sse_mova_mr) HANDLER(sse_movu_rm) \
	HANDLER(sse_movu_mr) HANDLER(sse_mov4_rm) HANDLER(sse_mov4_mr) HANDLER(sse_mov8_rm) \
	HANDLER(sse_mov8_mr) HANDLER(sse_movsd_rr) HANDLER(sse_movq_rr) HANDLER(sse_movd_xg) \
	HANDLER(sse_movq_xg) HANDLER(sse_movd_gx) HANDLER(sse_movq_gx) HANDLER(sse_si2sd_4) \
	HANDLER(sse_si2sd_8) HANDLER(sse_sd2si_4) HANDLER(sse_sd2si_8)

/* ---- what follows is for interp.c's loop alone ---- */

typedef u8 __attribute__((vector_size(16), may_alias)) xmm;

#define SSE_OK !((c->cr0 & (CR0_EM | CR0_TS)) | (~c->cr4 & CR4_OSFXSR))
#define VEC(n) ((xmm *)(void *)(vec + (n) * 32))
#define SSE_NEEDS(ok) \
	if (unlikely(!(SSE_OK) || !(ok))) \
		goto L_exec;
#define QUIET c->fpu->quiet

/*
 * A host pointer for @size bytes; 16 of them only at their multiple. Misses are done by the book.
 */
#define SSE_AT(p, size, tag, align) \
	do { \
		u64 ea_ = EA; \
		const struct tlb_entry *e_ = &c->tlb->at[tlb_index(ea_)]; \
\
		if (unlikely(ea_ - e_->tag > PAGE - (size) || ea_ & (align))) \
			goto L_exec; \
		(p) = (void *)(uintptr_t)(ea_ + e_->delta); \
	} while (0)

#define SSE_DO(ins, size, ok) \
	L_sse_##ins##_rr : \
	{ \
		SSE_NEEDS(ok) \
		asm volatile("movaps %0, %%xmm0; " #ins " %1, %%xmm0; movaps %%xmm0, %0" \
			     : "+m"(*VEC(op->dst)) \
			     : "m"(*VEC(op->src)) \
			     : "xmm0"); \
		NEXT; \
	} \
	L_sse_##ins##_rm : \
	{ \
		const struct bytes##size *p; \
\
		SSE_NEEDS(ok) \
		SSE_AT(p, size, read, size == 16 ? 15 : 0); \
		asm volatile("movaps %0, %%xmm0; " #ins " %1, %%xmm0; movaps %%xmm0, %0" \
			     : "+m"(*VEC(op->dst)) \
			     : "m"(*p) \
			     : "xmm0"); \
		NEXT; \
	}
#define SSE_DO_ARITH(ins, size) SSE_DO(ins, size, QUIET)
#define SSE_DO_LOGIC(ins, size) SSE_DO(ins, size, true)

#define SSE_DO_COMPARE(ins, size) \
	L_sse_##ins##_rr : \
	{ \
		u64 f; \
\
		SSE_NEEDS(QUIET) \
		asm volatile("movaps %1, %%xmm0; " #ins " %2, %%xmm0" FLAGS \
			     : "=&a"(f) \
			     : "m"(*VEC(op->dst)), "m"(*VEC(op->src)) \
			     : "xmm0", "cc"); \
		c->lf = (u16)f; \
		NEXT; \
	} \
	L_sse_##ins##_rm : \
	{ \
		const struct bytes##size *p; \
		u64 f; \
\
		SSE_NEEDS(QUIET) \
		SSE_AT(p, size, read, 0); \
		asm volatile("movaps %1, %%xmm0; " #ins " %2, %%xmm0" FLAGS \
			     : "=&a"(f) \
			     : "m"(*VEC(op->dst)), "m"(*p) \
			     : "xmm0", "cc"); \
		c->lf = (u16)f; \
		NEXT; \
	}

struct bytes4 {
	u8 at[4];
};
struct bytes8 {
	u8 at[8];
};
struct bytes16 {
	u8 at[16];
};

#define SSE_LOAD16(name, align) \
	L_sse_##name##_rm : \
	{ \
		const struct bytes16 *p; \
\
		SSE_NEEDS(true) \
		SSE_AT(p, 16, read, align); \
		__builtin_memcpy(VEC(op->dst), p, 16); \
		NEXT; \
	}
#define SSE_STORE16(name, align) \
	L_sse_##name##_mr : \
	{ \
		struct bytes16 *p; \
\
		SSE_NEEDS(true) \
		SSE_AT(p, 16, write, align); \
		__builtin_memcpy(p, VEC(op->src), 16); \
		NEXT; \
	}
/* Low @n bytes; a load clears the rest of the register. */
#define SSE_MOVE_N(n) \
	L_sse_mov##n##_rm : \
	{ \
		const v##n *p; \
\
		SSE_NEEDS(true) \
		SSE_AT(p, n, read, 0); \
		SET_LOW(op->dst, *p); \
		NEXT; \
	} \
	L_sse_mov##n##_mr : \
	{ \
		v##n *p; \
\
		SSE_NEEDS(true) \
		SSE_AT(p, n, write, 0); \
		*p = *(v##n *)(void *)VEC(op->src); \
		NEXT; \
	}
#define LOW(n) (((v8 *)(void *)VEC(n))[0])
#define HIGH(n) (((v8 *)(void *)VEC(n))[1])
#define SET_LOW(n, value) \
	do { \
		u64 low_ = (value); \
\
		LOW(n) = low_; \
		HIGH(n) = 0; \
	} while (0)
#define SSE_FROM_INT(n, ins) \
	L_sse_si2sd_##n : \
	{ \
		SSE_NEEDS(QUIET) \
		asm volatile("movaps %0, %%xmm0; " ins " %1, %%xmm0; movaps %%xmm0, %0" \
			     : "+m"(*VEC(op->dst)) \
			     : "r"(REG(v##n, op->src)) \
			     : "xmm0"); \
		NEXT; \
	}
#define SSE_TO_INT(n, ins) \
	L_sse_sd2si_##n : \
	{ \
		v##n d; \
\
		SSE_NEEDS(QUIET) \
		asm volatile(ins " %1, %0" : "=r"(d) : "m"(LOW(op->src))); \
		PUT_##n(op->dst, d); \
		NEXT; \
	}

#define SSE_BODY \
	SSE_ARITH(SSE_DO_ARITH) SSE_LOGIC(SSE_DO_LOGIC) SSE_COMPARE(SSE_DO_COMPARE) \
	L_sse_mov_rr : SSE_NEEDS(true) *VEC(op->dst) = *VEC(op->src); \
	NEXT; \
	SSE_LOAD16(mova, 15) SSE_LOAD16(movu, 0) SSE_STORE16(mova, 15) SSE_STORE16(movu, 0) \
	SSE_MOVE_N(4) SSE_MOVE_N(8) \
	L_sse_movsd_rr : SSE_NEEDS(true) LOW(op->dst) = LOW(op->src); \
	NEXT; \
	L_sse_movq_rr : SSE_NEEDS(true) SET_LOW(op->dst, LOW(op->src)); \
	NEXT; \
	L_sse_movd_xg : SSE_NEEDS(true) SET_LOW(op->dst, REG(v4, op->src)); \
	NEXT; \
	L_sse_movq_xg : SSE_NEEDS(true) SET_LOW(op->dst, REG(v8, op->src)); \
	NEXT; \
	L_sse_movd_gx : SSE_NEEDS(true) PUT_4(op->dst, LOW(op->src)); \
	NEXT; \
	L_sse_movq_gx : SSE_NEEDS(true) PUT_8(op->dst, LOW(op->src)); \
	NEXT; \
	SSE_FROM_INT(4, "cvtsi2sdl") SSE_FROM_INT(8, "cvtsi2sdq") \
	SSE_TO_INT(4, "cvttsd2sil") SSE_TO_INT(8, "cvttsd2siq")
