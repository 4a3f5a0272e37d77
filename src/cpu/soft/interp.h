/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/interp.h: the instructions that the hot loop does itself, by name, size in bytes and
 * form. Forms: r register, i immediate, m memory; the destination first. Memory is addressed with
 * 64 bits (mode CPU_64), or in forms with an f with 32 bits in flat segments.
 */
#pragma once

#include "cpu/soft/interp_sse.h"

/* clang-format off */
#define H_SIZES(H, name, form) H(name##_##form##_1) H(name##_##form##_2) \
	H(name##_##form##_4) H(name##_##form##_8)
#define H_SIZES48(H, name, form) H(name##_##form##_4) H(name##_##form##_8)

/* The order of forms and sizes is lower.c's: 8 forms, then 4 sizes. */
#define H_TWO(H, name) \
	H_SIZES(H, name, rr) H_SIZES(H, name, ri) H_SIZES(H, name, rm) H_SIZES(H, name, mr) \
	H_SIZES(H, name, mi) H_SIZES(H, name, rmf) H_SIZES(H, name, mrf) H_SIZES(H, name, mif)
#define H_ONE(H, name) H_SIZES(H, name, r) H_SIZES(H, name, m) H_SIZES(H, name, mf)
#define H_WIDEN(H, name) H(name##_rr) H(name##_rm) H(name##_rmf)
#define H_SHIFT(H, name) H_SIZES48(H, name, ri) H_SIZES48(H, name, rc)
#define H_MUL(H, name) H_SIZES48(H, name, rr) H_SIZES48(H, name, rm) H_SIZES48(H, name, rmf)

#define H_CONDS(H, name) \
	H(name##_o) H(name##_no) H(name##_b) H(name##_ae) H(name##_e) H(name##_ne) H(name##_be) \
	H(name##_a) H(name##_s) H(name##_ns) H(name##_p) H(name##_np) H(name##_l) H(name##_ge) \
	H(name##_le) H(name##_g)

#define HANDLERS(H) \
	H(exec) H(exec_end) H(thunk) H(thunk_m) H(end) H(nop) \
	H_TWO(H, add) H_TWO(H, or) H_TWO(H, adc) H_TWO(H, sbb) H_TWO(H, and) H_TWO(H, sub) \
	H_TWO(H, xor) H_TWO(H, cmp) H_TWO(H, test) H_TWO(H, mov) \
	H_ONE(H, inc) H_ONE(H, dec) H_ONE(H, neg) H_ONE(H, not) \
	H_WIDEN(H, zx1) H_WIDEN(H, zx2) H_WIDEN(H, sx1_4) H_WIDEN(H, sx1_8) H_WIDEN(H, sx2_4) \
	H_WIDEN(H, sx2_8) H_WIDEN(H, sx4_8) \
	H_SHIFT(H, rol) H_SHIFT(H, ror) H_SHIFT(H, shl) H_SHIFT(H, shr) H_SHIFT(H, sar) \
	H_MUL(H, imul) H_MUL(H, imuli) H_MUL(H, cmov) \
	H_SIZES48(H, xchg, rr) H_SIZES48(H, bswap, r) H_SIZES48(H, bt, ri) H_SIZES48(H, bt, rr) \
	H(mov_imm64) H(lea_8) H(lea_4) H(setcc_r) H(cwde) H(cdqe) H(cdq) H(cqo) \
	H(push_r) H(push_i) H(push_m) H(pop_r) H(leave) H(call) H(call_r) H(call_m) H(ret) \
	H(pushf_r) H(pushf_i) H(pushf_m) H(popf_r) H(leavef) H(callf) H(callf_r) H(callf_m) \
	H(retf) H(jmp) H(jmp_r) H(jmp_m) H(jmpf) H(jmpf_r) H(jmpf_m) \
	H_CONDS(H, jcc) H_CONDS(H, jccf)

#define H_ENUM(name) H_##name,
#define HANDLER(name) H_##name,
enum handler {
	HANDLERS(H_ENUM)
	SSE_HANDLERS N_HANDLERS,
	H_SSE_FIRST = H_sse_addsd_rr,
	H_SSE_LAST = N_HANDLERS - 1
};
#undef HANDLER
#undef H_ENUM

const void *const *interp_labels(void); /* by enum handler */
