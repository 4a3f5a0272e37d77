/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/decode.h: x86 machine code, one instruction at a time, as plain data. Intel SDM 2
 * (chapter 2 for the format, appendix A for the opcode maps), AMD APM 3 for SVM.
 *
 * decode() looks bytes up in the tables that the build makes of tables/, and fills struct insn:
 * what is particular to this one. What all of the same form share is behind insn_info(). Whatever
 * the tables do not list is #UD, so a CPU model offers nothing by accident. Where makers differ,
 * Intel's way is taken: SYSCALL in 64-bit mode only; 66 before a near branch in 64-bit mode is
 * ignored; no LOCK MOV CR0 for CR8; REX.W gives far branches a 64-bit offset.
 *
 * Left to whoever executes, because it depends on more than the bytes: VEX and EVEX in real and
 * virtual-8086 mode (#UD, as for INSN_PROT), CPUID features, CPL and IOPL, CR0 and CR4.
 */
#pragma once

#include "base/types.h"
#include "cpu/soft/features.h"
#include "cpu/soft/ops.h"

/* CS.D and CS.L; real and virtual-8086 mode are CPU_16. */
enum cpu_mode { CPU_16, CPU_32, CPU_64 };

/* Why there is no instruction: #UD, but for the last. */
enum decode_error {
	DECODE_UD_OPCODE = -1,  /* no such opcode, prefix or register */
	DECODE_UD_MODE = -2,    /* not in this mode */
	DECODE_UD_LOCK = -3,    /* LOCK where it may not be */
	DECODE_UD_OPERAND = -4, /* a control, debug or segment register that is not there */
	DECODE_UD_VEX = -5,     /* VEX: prefixes before it, VEX.vvvv or registers that may not be */
	DECODE_UD_EVEX = -6,    /* the same for EVEX, and its mask, broadcast and rounding bits */
	DECODE_GP_LENGTH = -7   /* longer than 15 bytes: #GP(0) */
};

enum insn_encoding { ENC_LEGACY, ENC_VEX, ENC_EVEX };
enum insn_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
enum { REG_RIP = 32, REG_NONE = 255 };

enum insn_prefix {
	PREFIX_LOCK = 1,
	PREFIX_F3 = 2,
	PREFIX_F2 = 4,
	PREFIX_66 = 8,
	PREFIX_67 = 16,
	PREFIX_SEG = 32, /* an override that counts; insn.seg is it */
	PREFIX_REX = 64
};

enum insn_rep { REP_NONE, REP_REP, REP_REPZ, REP_REPNZ };

enum operand_kind {
	OPERAND_NONE,
	OPERAND_GPR,  /* reg 0 to 15 */
	OPERAND_HIGH, /* AH CH DH BH: reg 0 to 3 */
	OPERAND_SEG,  /* enum insn_seg */
	OPERAND_CR,   /* also CR8 */
	OPERAND_DR,   /* 4 and 5 still to be turned into 6 and 7, or refused: CR4.DE */
	OPERAND_ST,   /* ST(reg) */
	OPERAND_MMX,
	OPERAND_VEC,  /* XMM, YMM or ZMM by size */
	OPERAND_MASK, /* K0 to K7 */
	OPERAND_MEM,  /* seg:base+index<<scale+disp, address size asz */
	OPERAND_SRC,  /* string at seg:rSI */
	OPERAND_DST,  /* string at ES:rDI */
	OPERAND_IMM,  /* imm, extended to the operand's size with its sign where there is one */
	OPERAND_IMM2, /* imm >> 32: level of ENTER */
	OPERAND_REL,  /* branch: (s64)imm from the end of the instruction */
	OPERAND_FAR   /* imm: offset, selector << 32 */
};

enum operand_access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_MAYBE = 4,  /* written or left as it was: CMOV, BSF, masked stores */
	ACCESS_ADDRESS = 8 /* address or name alone: LEA, PREFETCH, NOP */
};

struct insn_operand {
	u8 kind, reg;
	u8 access; /* enum operand_access */
	u8 units;  /* size in bytes, or in 128 bytes more than 127: operand_size() */
};

/* One instruction: 64 bytes. Offsets count from the first byte. */
struct insn {
	u16 op, form;                  /* enum insn_op; the line of the tables */
	u8 len, encoding, map, opcode; /* map 1: one byte, 2: 0F, 3: 0F 38, 4: 0F 3A */
	u8 modrm, sib, rex, prefix;    /* REX's or VEX's W R X B as 8 4 2 1; enum insn_prefix */
	u8 osz, asz, mode, rep;        /* operand and address size in bytes; enum insn_rep */
	u8 seg, base, index, scale;    /* of the memory operand; index is a vector with VSIB */
	u8 vl, vvvv, mask, evex;       /* vector length in bytes; EVEX.aaa; enum evex_bits */
	u8 opcode_at, modrm_at, disp_at, imm_at; /* 0: there is none */
	u8 disp_len, imm_len, cc, operands;      /* cc: condition of Jcc, SETcc, CMOVcc */
	s64 disp;
	u64 imm;
	struct insn_operand operand[4];
};

/* b, z, and with b on registers the rounding mode in the two bits from EVEX_RC. */
enum evex_bits { EVEX_B = 1, EVEX_Z = 2, EVEX_RC = 4, EVEX_RC_MASK = 12 };

enum insn_class {
	CLASS_INT,
	CLASS_BRANCH,
	CLASS_STACK,
	CLASS_STRING,
	CLASS_SYSTEM,
	CLASS_X87,
	CLASS_SIMD /* MMX to AVX-512: a thunk may do it, unless INSN_HAND */
};

enum insn_attr {
	INSN_LOCK = 1 << 0, /* LOCK is allowed with memory as first operand */
	INSN_REP = 1 << 1,
	INSN_REPZ = 1 << 2,
	INSN_CPL0 = 1 << 3,
	INSN_IOPL = 1 << 4, /* CLI, STI: CPL against IOPL */
	INSN_IO = 1 << 5,   /* IOPL or the I/O permission bits */
	INSN_PROT = 1 << 6, /* #UD in real and virtual-8086 mode */
	INSN_UMIP = 1 << 7, /* CPL0 when CR4.UMIP */
	INSN_SYS = 1 << 8,  /* enters an operating system or hypervisor */
	INSN_PUSH = 1 << 9,
	INSN_POP = 1 << 10,
	INSN_FAR = 1 << 11,
	INSN_CC = 1 << 12, /* depends on insn.cc */
	INSN_BITBASE =
		1 << 13,     /* the bit number reaches beyond the memory operand: SDM 2A 3.1.1.9 */
	INSN_HAND = 1 << 14, /* no thunk: touches memory in a way of its own */
	INSN_FPX = 1 << 15,  /* may raise a floating point exception: #MF or #XM */
	INSN_AL = 1 << 16,   /* memory operand aligned to its size, else #GP(0) */
	INSN_UN = 1 << 17,   /* never checks alignment; SSE forms without it do for 16 bytes */
	INSN_VSIB = 1 << 18,
	INSN_MASKMOV = 1 << 19, /* stores at seg:rDI */
	INSN_XLAT = 1 << 20,    /* reads seg:rBX+AL */
	INSN_MMX = 1 << 21,     /* uses the x87 registers as MMX */
	INSN_COND = 1 << 22,    /* flags may stay as they were: count 0 */
	INSN_SSE = 1 << 23,     /* MXCSR */
	INSN_W_XMM0 = 1 << 24,
	INSN_W_SEG = 1 << 25, /* loads the segment register that its name says: LES */
	INSN_GPR = 1 << 26, /* a SIMD instruction with a general register, or memory of its size */
	INSN_SCALAR = 1 << 27 /* EVEX, the vector length does not matter */
};

/* What all instructions of one form share. */
struct insn_info {
	u32 mask, want; /* how the decoder finds it */
	u32 attr;       /* enum insn_attr */
	u16 rules;      /* the decoder's */
	u16 op;
	u8 cls, feature; /* enum insn_class, enum insn_feature */
	u8 operand[4], flags, implicit, tuple;
};

const struct insn_info *insn_info(const struct insn *i);

/*
 * EFLAGS bits. With @conditional, the written and undefined ones may also stay as they were: a
 * count in CL or CX may be 0. Such a count may also leave more undefined: SDM 2B, SHL, SHLD.
 */
struct flag_use {
	u32 read, written, undefined;
	bool conditional;
};

/* Registers, bit n for register n; what operands, addresses and the instruction itself use. */
struct insn_regs {
	u32 gpr_read, gpr_written; /* a partial or uncertain write also reads */
	u32 vec_read, vec_written;
};

/*
 * Decode the instruction at @bytes, of which @len may be read. Its length; 0: more bytes are
 * needed; else enum decode_error, and then @out holds nothing of use. Touches nothing else.
 */
int decode(struct insn *out, const u8 *bytes, size_t len, enum cpu_mode mode);
u8 decode_vector(int error); /* 6 (#UD) or 13 (#GP) for an error of decode() */

/* Whether a processor that @has these features has the instruction: else it is #UD. */
typedef bool (*feature_fn)(void *ctx, enum insn_feature feature);
bool insn_has_features(const struct insn *i, feature_fn has, void *ctx);
void insn_flags(const struct insn *i, struct flag_use *out);
void insn_regs(const struct insn *i, struct insn_regs *out);
/* The mnemonic, with V for VEX and EVEX and the condition: "vaddps", "cmovne". At most @size. */
void insn_name(const struct insn *i, char *buf, size_t size);
/* The memory or string operand of an explicit access, or NULL. */
const struct insn_operand *insn_memory(const struct insn *i);

static inline unsigned operand_size(const struct insn_operand *o)
{
	return o->units < 128 ? o->units : (o->units - 127u) * 128;
}
