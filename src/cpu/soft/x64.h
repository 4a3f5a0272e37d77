/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/x64.h: host instructions as bytes, for the translator and its glue. Intel SDM 2A 2.
 *
 * An emitter writes at one address what will run at another (plat/code.h). When there is no room
 * it counts on and writes nothing: look at x64_full() at the end.
 */
#pragma once

#include "cpu/soft/decode.h"

/* Host registers by number; XMM and YMM alike. */
enum {
	X64_AX,
	X64_CX,
	X64_DX,
	X64_BX,
	X64_SP,
	X64_BP,
	X64_SI,
	X64_DI,
	X64_R8,
	X64_R9,
	X64_R10,
	X64_R11,
	X64_R12,
	X64_R13,
	X64_R14,
	X64_R15,
	X64_NONE = 255
};

/* Conditions of Jcc, SETcc, CMOVcc. SDM 1 appendix B */
enum {
	CC_O,
	CC_NO,
	CC_B,
	CC_AE,
	CC_E,
	CC_NE,
	CC_BE,
	CC_A,
	CC_S,
	CC_NS,
	CC_P,
	CC_NP,
	CC_L,
	CC_GE,
	CC_LE,
	CC_G
};

/* The second opcode byte of arithmetic on r/m and reg, OP r/m, reg; +2: OP reg, r/m. */
enum {
	ALU_ADD = 0x01,
	ALU_OR = 0x09,
	ALU_ADC = 0x11,
	ALU_SBB = 0x19,
	ALU_AND = 0x21,
	ALU_SUB = 0x29,
	ALU_XOR = 0x31,
	ALU_CMP = 0x39
};

struct x64 {
	u8 *at, *end;   /* where the next byte is written */
	ptrdiff_t exec; /* from there to where it runs */
	size_t over;    /* bytes that found no room */
};

/* [base + index << scale + disp]; no base: an absolute disp. The index is not RSP. */
struct x64_mem {
	u8 base, index, scale;
	s32 disp;
};

static inline const u8 *x64_here(const struct x64 *x)
{
	return x->at + x->exec;
}
static inline bool x64_full(const struct x64 *x)
{
	return x->over != 0;
}

/* Plain bytes. */
void x64_byte(struct x64 *x, unsigned b);
void x64_bytes(struct x64 *x, const void *p, size_t n);
void x64_u32(struct x64 *x, u32 v);
#define X64_BYTES(x, ...)                                                                          \
	x64_bytes(x, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

/*
 * @opcode with ModRM, @reg and a register or memory; @size is 1 (only to choose REX for byte
 * registers), 2, 4, 8. Two and three byte opcodes as 0x0fb6, 0x0f38f0; a mandatory prefix above
 * them: 0xf30fb8, 0xf20f38f1.
 */
void x64_rr(struct x64 *x, unsigned size, u32 opcode, unsigned reg, unsigned rm);
void x64_rm(struct x64 *x, unsigned size, u32 opcode, unsigned reg, struct x64_mem m);
/* Group 1 with an immediate: @alu is one of ALU_*. */
void x64_alu_ri(struct x64 *x, unsigned size, unsigned alu, unsigned rm, s32 imm);
void x64_alu_mi(struct x64 *x, unsigned size, unsigned alu, struct x64_mem m, s32 imm);
void x64_mov(struct x64 *x, unsigned dst, unsigned src); /* 64 bits */
void x64_mov_ri(struct x64 *x, unsigned dst, u64 imm);   /* the shortest that leaves flags alone */
void x64_load(struct x64 *x, unsigned size, unsigned dst, struct x64_mem m);  /* 4 or 8 */
void x64_store(struct x64 *x, unsigned size, struct x64_mem m, unsigned src); /* 1 to 8 */
void x64_store_imm(struct x64 *x, unsigned size, struct x64_mem m, u32 imm);  /* 2 to 8, extended */
void x64_lea(struct x64 *x, unsigned size, unsigned dst, struct x64_mem m);

/*
 * Jumps with 32 bits of distance to an executable address, or to one that is not known yet (NULL).
 * They return the place of the distance, to be given to x64_set_jump(); NULL where it found no
 * room, which x64_set_jump() takes. It stores once: where the distance lies within 8 aligned bytes,
 * others that run there meanwhile jump to the old place or to the new one. SDM 3A 9.1.1
 */
u8 *x64_jmp(struct x64 *x, const u8 *to);
u8 *x64_jcc(struct x64 *x, unsigned cc, const u8 *to);
u8 *x64_call(struct x64 *x, const u8 *to);
void x64_set_jump(const struct x64 *x, u8 *place, const u8 *to);
void x64_jmp_reg(struct x64 *x, unsigned reg);
void x64_jmp_mem(struct x64 *x, struct x64_mem m);

/*
 * The guest's instruction @i, of 64-bit code, again, with other registers or memory behind its
 * fields: ModRM.reg, ModRM.rm (or the register in the opcode), VEX.vvvv. What the instruction does
 * not have is not looked at; operand size, LOCK, immediates, vector length stay. The address is
 * always 64-bit and in DS. A high byte register is said by 0 to 3: the register it is a part of.
 *
 * General registers and memory (E of the tables) may become each other; then a 32-bit result does
 * not clear what lies above it in memory.
 *
 * False: it cannot be said so, and nothing is written: AH to BH beside a register that needs REX;
 * LOCK without memory; a change between register and memory that would do something else (BT by a
 * register, PEXTRB); XCHG of rAX with itself; and whatever has operands that are not general, MMX
 * or vector registers, memory of ModRM, or one immediate: branches, strings, moffs, MOV of a
 * segment or control register, EVEX.
 */
struct x64_form {
	u8 reg, rm, vvvv;
	bool memory; /* m instead of rm */
	struct x64_mem m;
};
bool x64_insn(struct x64 *x, const struct insn *i, const struct x64_form *f);
