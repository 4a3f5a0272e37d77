/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Odd corners of the decoder; the bulk of it is compared with others' in tests/decoder. */
#include "test.h"

#include "cpu/soft/decode.h"

enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, DF = 0x400, OF = 0x800 };

static struct insn I;

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Decode up to 16 bytes written as hexadecimal numbers of one or two digits. */
static int try(enum cpu_mode mode, const char *text)
{
	u8 bytes[16];
	size_t n = 0;

	for (; n < sizeof(bytes) && *text; n++) {
		bytes[n] = (u8)digit(*text++);
		if (*text && *text != ' ')
			bytes[n] = (u8)(bytes[n] << 4 | digit(*text++));
		text += *text == ' ';
	}
	return decode(&I, bytes, n, mode);
}

static bool is(const char *name)
{
	char buf[32];

	insn_name(&I, buf, sizeof(buf));
	if (strcmp(buf, name) != 0)
		fprintf(stderr, "name is %s, want %s\n", buf, name);
	return !strcmp(buf, name);
}

static void an_instruction_is_one_cache_line(void)
{
	CHECK_EQ(sizeof(struct insn), 64);
}

static void short_input_asks_for_more(void)
{
	CHECK_EQ(try(CPU_64, ""), 0);
	CHECK_EQ(try(CPU_64, "48"), 0);
	CHECK_EQ(try(CPU_64, "48 8b"), 0);
	CHECK_EQ(try(CPU_64, "48 8b 84"), 0);
	CHECK_EQ(try(CPU_64, "48 8b 84 24 1 2 3"), 0);
	CHECK_EQ(try(CPU_64, "48 8b 84 24 1 2 3 4"), 8);
	CHECK_EQ(try(CPU_64, "c5 f8"), 0);
	CHECK_EQ(try(CPU_64, "62 f1 7c 48"), 0);
	CHECK_EQ(try(CPU_64, "0f 38"), 0);
}

static void more_than_fifteen_bytes_are_a_protection_fault(void)
{
	CHECK_EQ(try(CPU_64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90"), 15);
	CHECK_EQ(-try(CPU_64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90"),
		 -DECODE_GP_LENGTH);
	CHECK_EQ(-try(CPU_64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66"), -DECODE_GP_LENGTH);
	CHECK_EQ(try(CPU_32, "66 66 66 66 66 66 66 66 66 66 66 66 b8 1 2"), 15);
	CHECK_EQ(-try(CPU_32, "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e b8 1 2 3 4"), -DECODE_GP_LENGTH);
	CHECK_EQ(decode_vector(DECODE_GP_LENGTH), 13);
	CHECK_EQ(decode_vector(DECODE_UD_LOCK), 6);
}

static void rex_counts_only_as_the_last_prefix(void)
{
	CHECK_EQ(try(CPU_64, "48 66 89 c8"), 4);
	CHECK_EQ(I.osz, 2);
	CHECK_EQ(try(CPU_64, "66 48 89 c8"), 4);
	CHECK_EQ(I.osz, 8);
	CHECK_EQ(try(CPU_32, "48"), 1);
	CHECK(is("dec"));
}

static void the_high_bytes_vanish_with_any_rex(void)
{
	CHECK_EQ(try(CPU_64, "88 e0"), 2);
	CHECK_EQ(I.operand[1].kind, OPERAND_HIGH);
	CHECK_EQ(I.operand[1].reg, 0);
	CHECK_EQ(try(CPU_64, "40 88 e0"), 3);
	CHECK_EQ(I.operand[1].kind, OPERAND_GPR);
	CHECK_EQ(I.operand[1].reg, 4);
}

static void nop_is_exchange_with_rex_b(void)
{
	CHECK_EQ(try(CPU_64, "90"), 1);
	CHECK(is("nop"));
	CHECK_EQ(try(CPU_64, "41 90"), 2);
	CHECK(is("xchg"));
	CHECK_EQ(try(CPU_64, "f3 90"), 2);
	CHECK(is("pause"));
	CHECK_EQ(try(CPU_64, "f3 41 90"), 3);
	CHECK(is("xchg"));
}

static void lock_wants_a_lockable_form_and_memory(void)
{
	CHECK_EQ(try(CPU_64, "f0 48 0f b1 0e"), 5);
	CHECK_EQ(-try(CPU_64, "f0 48 0f b1 ce"), -DECODE_UD_LOCK);
	CHECK_EQ(try(CPU_64, "f0 01 08"), 3);
	CHECK_EQ(-try(CPU_64, "f0 03 08"), -DECODE_UD_LOCK);
	CHECK_EQ(-try(CPU_64, "f0 39 08"), -DECODE_UD_LOCK);
	CHECK_EQ(-try(CPU_64, "f0 0f a3 08"), -DECODE_UD_LOCK);
	CHECK_EQ(try(CPU_64, "f0 0f ab 08"), 4);
	CHECK_EQ(-try(CPU_32, "f0 0f 20 c0"), -DECODE_UD_LOCK);
	CHECK_EQ(-try(CPU_64, "f0 90"), -DECODE_UD_LOCK);
}

static void modes_have_instructions_of_their_own(void)
{
	CHECK_EQ(-try(CPU_64, "06"), -DECODE_UD_MODE);
	CHECK_EQ(try(CPU_32, "06"), 1);
	CHECK_EQ(-try(CPU_64, "ea 1 2 3 4 5 6"), -DECODE_UD_MODE);
	CHECK_EQ(-try(CPU_32, "0f 05"), -DECODE_UD_MODE);
	CHECK_EQ(try(CPU_64, "0f 05"), 2);
	CHECK_EQ(try(CPU_64, "63 c8"), 2);
	CHECK(is("movsxd"));
	CHECK_EQ(try(CPU_32, "63 c8"), 2);
	CHECK(is("arpl"));
	CHECK(insn_info(&I)->attr & INSN_PROT);
}

static void les_and_bound_give_way_to_vex_and_evex(void)
{
	CHECK_EQ(try(CPU_32, "c5 06"), 2);
	CHECK(is("lds"));
	CHECK_EQ(try(CPU_32, "c5 f8 58 c1"), 4);
	CHECK(is("vaddps"));
	CHECK_EQ(try(CPU_32, "62 06"), 2);
	CHECK(is("bound"));
	CHECK_EQ(try(CPU_32, "62 f1 7c 48 58 c1"), 6);
	CHECK_EQ(I.vl, 64);
	CHECK_EQ(try(CPU_16, "c4 06 34 12"), 4);
	CHECK(is("les"));
}

static void vex_takes_no_other_prefix_and_no_stray_vvvv(void)
{
	CHECK_EQ(-try(CPU_64, "66 c5 f8 58 c1"), -DECODE_UD_VEX);
	CHECK_EQ(-try(CPU_64, "f3 c5 f8 58 c1"), -DECODE_UD_VEX);
	CHECK_EQ(-try(CPU_64, "f0 c5 f8 58 c1"), -DECODE_UD_VEX);
	CHECK_EQ(-try(CPU_64, "40 c5 f8 58 c1"), -DECODE_UD_VEX);
	CHECK_EQ(try(CPU_64, "64 c5 f8 58 00"), 5);
	CHECK_EQ(-try(CPU_64, "c5 f0 28 c1"), -DECODE_UD_VEX);
	CHECK_EQ(try(CPU_64, "c5 f8 28 c1"), 4);
	/* ANDN has no 256-bit form, VINSERTF128 no 128-bit one, BLSR no reg field 0. */
	CHECK_EQ(-try(CPU_64, "c4 e2 74 f2 c2"), -DECODE_UD_OPCODE);
	CHECK_EQ(-try(CPU_64, "c4 e3 71 18 c2 1"), -DECODE_UD_OPCODE);
	CHECK_EQ(-try(CPU_64, "c4 e2 70 f3 c2"), -DECODE_UD_OPCODE);
}

static void evex_checks_its_own_bits(void)
{
	CHECK_EQ(try(CPU_64, "62 f1 7c 78 58 c1"), 6); /* rounding: L'L is the mode */
	CHECK_EQ(I.vl, 64);
	CHECK_EQ((I.evex & EVEX_RC_MASK) / EVEX_RC, 3);
	CHECK_EQ(-try(CPU_64, "62 f1 7c 68 58 c1"), -DECODE_UD_EVEX); /* L'L 3 without it */
	CHECK_EQ(-try(CPU_64, "62 f1 7c c8 58 c1"), -DECODE_UD_EVEX); /* zeroing without a mask */
	CHECK_EQ(-try(CPU_64, "62 f1 7c 58 28 00"), -DECODE_UD_EVEX); /* nothing to broadcast */
	CHECK_EQ(-try(CPU_64, "62 f1 7c c9 29 00"), -DECODE_UD_EVEX); /* zeroing of memory */
	CHECK_EQ(-try(CPU_64, "62 f2 7d 48 92 04 08"), -DECODE_UD_EVEX); /* a gather needs a mask */
	CHECK_EQ(-try(CPU_64, "62 f2 7d 49 92 04 00"), -DECODE_UD_OPERAND); /* and another index */
	CHECK_EQ(try(CPU_64, "62 f2 7d 49 92 04 08"), 7);
	CHECK_EQ(try(CPU_64, "62 f1 7c 48 58 40 01"), 7);
	CHECK_EQ(I.disp, 64);
	CHECK_EQ(try(CPU_64, "62 f1 7c 58 58 40 01"), 7);
	CHECK_EQ(I.disp, 4);
	CHECK_EQ(operand_size(insn_memory(&I)), 4);
	CHECK_EQ(try(CPU_64, "62 a1 7c 40 58 c1"), 6);
	CHECK_EQ(I.operand[0].reg, 16);
	CHECK_EQ(I.operand[1].reg, 16);
	CHECK_EQ(I.operand[2].reg, 17);
}

static void gathers_want_three_registers(void)
{
	CHECK_EQ(try(CPU_64, "c4 e2 71 92 04 10"), 6);
	CHECK(insn_info(&I)->attr & INSN_VSIB);
	CHECK_EQ(I.base, 0);
	CHECK_EQ(I.index, 2);
	CHECK_EQ(-try(CPU_64, "c4 e2 71 92 04 00"), -DECODE_UD_OPERAND);
	CHECK_EQ(-try(CPU_64, "c4 e2 69 92 04 10"), -DECODE_UD_OPERAND);
	CHECK_EQ(-try(CPU_64, "c4 e2 71 92 00"), -DECODE_UD_OPERAND);
}

static void what_is_not_listed_is_undefined(void)
{
	CHECK_EQ(-try(CPU_64, "0f 0b"), -DECODE_UD_OPCODE);
	CHECK_EQ(-try(CPU_64, "0f ff c0"), -DECODE_UD_OPCODE);
	CHECK_EQ(-try(CPU_64, "0f 0f c1 9e"), -DECODE_UD_OPCODE);      /* 3DNow! */
	CHECK_EQ(-try(CPU_64, "8f e8 78 c2 ec e"), -DECODE_UD_OPCODE); /* XOP */
	CHECK_EQ(-try(CPU_64, "c6 f8 1"), -DECODE_UD_OPCODE);          /* XABORT */
	CHECK_EQ(-try(CPU_64, "f3 0f 28 c1"), -DECODE_UD_OPCODE);
	CHECK_EQ(-try(CPU_64, "d9 d1"), -DECODE_UD_OPCODE);
	CHECK_EQ(-try(CPU_64, "8e c8"), -DECODE_UD_OPERAND); /* MOV CS */
	CHECK_EQ(-try(CPU_64, "8e f0"), -DECODE_UD_OPERAND);
	CHECK_EQ(-try(CPU_64, "0f 20 c8"), -DECODE_UD_OPERAND); /* CR1 */
	CHECK_EQ(try(CPU_64, "44 0f 20 c0"), 4);                /* CR8 */
	CHECK_EQ(I.operand[1].reg, 8);
	CHECK_EQ(-try(CPU_64, "8d c0"), -DECODE_UD_OPCODE); /* LEA of a register */
}

static void mod_of_control_register_moves_is_ignored(void)
{
	CHECK_EQ(try(CPU_64, "0f 22 1c"), 3);
	CHECK_EQ(I.operand[0].kind, OPERAND_CR);
	CHECK_EQ(I.operand[0].reg, 3);
	CHECK_EQ(I.operand[1].reg, 4);
	CHECK_EQ(operand_size(&I.operand[1]), 8);
}

static void addresses_of_all_widths(void)
{
	CHECK_EQ(try(CPU_16, "8b 42 fe"), 3); /* mov ax,[bp+si-2] */
	CHECK_EQ(I.base, 5);
	CHECK_EQ(I.index, 6);
	CHECK_EQ(I.seg, SEG_SS);
	CHECK_EQ(I.disp, -2);
	CHECK_EQ(try(CPU_16, "8b 06 34 12"), 4);
	CHECK_EQ(I.base, REG_NONE);
	CHECK_EQ(I.disp, 0x1234);
	CHECK_EQ(I.seg, SEG_DS);
	CHECK_EQ(try(CPU_16, "67 66 8b 04 8d 1 0 0 80"), 9);
	CHECK_EQ(I.asz, 4);
	CHECK_EQ(I.osz, 4);
	CHECK_EQ(I.index, 1);
	CHECK_EQ(I.scale, 2);
	CHECK_EQ(try(CPU_64, "8b 05 fc ff ff ff"), 6);
	CHECK_EQ(I.base, REG_RIP);
	CHECK_EQ(I.disp, -4);
	CHECK_EQ(try(CPU_32, "8b 05 fc ff ff ff"), 6);
	CHECK_EQ(I.base, REG_NONE);
	CHECK_EQ(try(CPU_64, "48 a1 1 2 3 4 5 6 7 88"), 10);
	CHECK_EQ((u64)I.disp, 0x8807060504030201ull);
	CHECK_EQ(try(CPU_64, "67 a1 1 2 3 84"), 6);
	CHECK_EQ((u64)I.disp, 0x84030201);
	CHECK_EQ(try(CPU_64, "41 8b 45 0"), 4); /* r13: not the stack's segment */
	CHECK_EQ(I.base, 13);
	CHECK_EQ(I.seg, SEG_DS);
}

static void segment_overrides_that_count(void)
{
	CHECK_EQ(try(CPU_64, "64 3e 8b 00"), 4);
	CHECK_EQ(I.seg, SEG_FS);
	CHECK_EQ(try(CPU_64, "2e 8b 45 0"), 4);
	CHECK_EQ(I.seg, SEG_SS);
	CHECK(!(I.prefix & PREFIX_SEG));
	CHECK_EQ(try(CPU_32, "64 3e 8b 00"), 4);
	CHECK_EQ(I.seg, SEG_DS);
	CHECK_EQ(try(CPU_32, "26 a4"), 2);
	CHECK_EQ(I.operand[0].kind, OPERAND_DST);
	CHECK_EQ(I.operand[1].kind, OPERAND_SRC);
	CHECK_EQ(I.seg, SEG_ES);
}

static void repeat_prefixes_as_meant(void)
{
	CHECK_EQ(try(CPU_64, "f3 a4"), 2);
	CHECK_EQ(I.rep, REP_REP);
	CHECK_EQ(try(CPU_64, "f2 a6"), 2);
	CHECK_EQ(I.rep, REP_REPNZ);
	CHECK_EQ(try(CPU_64, "f2 f3 a6"), 3);
	CHECK_EQ(I.rep, REP_REPZ);
	CHECK_EQ(try(CPU_64, "f3 0f 58 c1"), 4);
	CHECK(is("addss"));
	CHECK_EQ(I.rep, REP_NONE);
	CHECK_EQ(try(CPU_64, "66 f3 0f 58 c1"), 5);
	CHECK(is("addss"));
	CHECK_EQ(try(CPU_64, "f3 f2 0f 58 c1"), 5);
	CHECK(is("addsd"));
	CHECK_EQ(try(CPU_64, "f2 66 0f 38 f1 c1"), 6);
	CHECK(is("crc32"));
	CHECK_EQ(operand_size(&I.operand[1]), 2);
}

static void immediates_and_far_pointers(void)
{
	CHECK_EQ(try(CPU_64, "48 83 c0 ff"), 4);
	CHECK_EQ(I.imm, ~0ull);
	CHECK_EQ(try(CPU_64, "83 c0 ff"), 3);
	CHECK_EQ(I.imm, 0xffffffff);
	CHECK_EQ(try(CPU_64, "48 b8 1 2 3 4 5 6 7 8"), 10);
	CHECK_EQ(I.imm, 0x0807060504030201ull);
	CHECK_EQ(I.imm_len, 8);
	CHECK_EQ(I.imm_at, 2);
	CHECK_EQ(try(CPU_32, "c8 10 20 3"), 4);
	CHECK_EQ(I.imm, 0x300002010ull);
	CHECK_EQ(try(CPU_32, "ea 78 56 34 92 8 0"), 7);
	CHECK_EQ(I.imm, 0x892345678ull);
	CHECK_EQ(try(CPU_16, "ea 5b e0 0 f0"), 5);
	CHECK_EQ(I.imm, 0xf0000000e05bull);
	CHECK_EQ(try(CPU_64, "f7 04 24 1 0 0 80"), 7);
	CHECK(is("test"));
	CHECK_EQ(try(CPU_64, "f7 1c 24"), 3);
	CHECK(is("neg"));
}

/* Intel ignores 66 before near branches in 64-bit mode: SDM 2A 3.1.1.3; 2B, JMP. */
static void near_branches_are_64_bits_wide(void)
{
	CHECK_EQ(try(CPU_64, "66 e8 fb ff ff ff"), 6);
	CHECK_EQ((s64)I.imm, -5);
	CHECK_EQ(I.osz, 8);
	CHECK_EQ(try(CPU_32, "66 e8 fb ff"), 4);
	CHECK_EQ(I.osz, 2);
	CHECK_EQ(try(CPU_64, "66 c3"), 2);
	CHECK_EQ(I.osz, 8);
	CHECK_EQ(try(CPU_64, "66 50"), 2);
	CHECK_EQ(I.osz, 2);
	CHECK_EQ(try(CPU_64, "50"), 1);
	CHECK_EQ(I.osz, 8);
	CHECK_EQ(try(CPU_64, "cb"), 1);
	CHECK_EQ(I.osz, 4);
}

static void flags_follow_condition_and_count(void)
{
	struct flag_use f;

	CHECK_EQ(try(CPU_64, "7e 0"), 2);
	CHECK(is("jle"));
	insn_flags(&I, &f);
	CHECK_EQ(f.read, ZF | SF | OF);
	CHECK_EQ(f.written, 0);
	CHECK_EQ(try(CPU_64, "48 d3 e0"), 3);
	insn_flags(&I, &f);
	CHECK(f.conditional);
	CHECK_EQ(f.undefined, OF | AF);
	CHECK_EQ(try(CPU_64, "48 d1 e0"), 3);
	insn_flags(&I, &f);
	CHECK(!f.conditional);
	CHECK_EQ(f.written, CF | PF | ZF | SF | OF);
	CHECK_EQ(try(CPU_64, "c1 e0 2"), 3);
	insn_flags(&I, &f);
	CHECK(!f.conditional);
	CHECK_EQ(f.undefined, OF | AF);
	CHECK_EQ(try(CPU_64, "c1 e0 20"), 3); /* 32 is 0 */
	insn_flags(&I, &f);
	CHECK_EQ(f.written | f.undefined | f.read, 0);
	CHECK_EQ(try(CPU_64, "48 c1 d8 21"), 4); /* rcr */
	insn_flags(&I, &f);
	CHECK(f.read == CF && f.written == CF && f.undefined == OF);
	CHECK_EQ(try(CPU_64, "c0 e0 8"), 3);
	insn_flags(&I, &f);
	CHECK_EQ(f.undefined, OF | AF | CF);
	CHECK_EQ(try(CPU_64, "66 0f a4 c8 11"), 5);
	insn_flags(&I, &f);
	CHECK_EQ(f.written, 0);
	CHECK_EQ(try(CPU_64, "a6"), 1);
	insn_flags(&I, &f);
	CHECK(!f.conditional && f.read == DF);
	CHECK_EQ(try(CPU_64, "f3 a6"), 2);
	insn_flags(&I, &f);
	CHECK(f.conditional);
	CHECK_EQ(try(CPU_64, "ff c0"), 2);
	insn_flags(&I, &f);
	CHECK_EQ(f.written, PF | AF | ZF | SF | OF);
}

static void registers_include_what_is_implied(void)
{
	struct insn_regs r;

	CHECK_EQ(try(CPU_64, "f3 48 a5"), 3);
	insn_regs(&I, &r);
	CHECK_EQ(r.gpr_read, 0xc2);
	CHECK_EQ(r.gpr_written, 0xc2);
	CHECK_EQ(try(CPU_64, "48 f7 24 cb"), 4); /* mul qword [rbx+rcx*8] */
	insn_regs(&I, &r);
	CHECK_EQ(r.gpr_read, 0xb);
	CHECK_EQ(r.gpr_written, 5);
	CHECK_EQ(try(CPU_64, "88 e0"), 2); /* mov al,ah keeps the rest of rax */
	insn_regs(&I, &r);
	CHECK_EQ(r.gpr_read, 1);
	CHECK_EQ(r.gpr_written, 1);
	CHECK_EQ(try(CPU_64, "41 56"), 2);
	insn_regs(&I, &r);
	CHECK_EQ(r.gpr_read, 0x4010);
	CHECK_EQ(r.gpr_written, 0x10);
	CHECK_EQ(try(CPU_64, "66 0f 38 10 ca"), 5); /* pblendvb xmm1,xmm2 by xmm0 */
	insn_regs(&I, &r);
	CHECK_EQ(r.vec_read, 7);
	CHECK_EQ(r.vec_written, 2);
}

static void classes_privileges_and_features(void)
{
	CHECK_EQ(try(CPU_64, "0f 22 d8"), 3);
	CHECK(insn_info(&I)->attr & INSN_CPL0);
	CHECK_EQ(insn_info(&I)->cls, CLASS_SYSTEM);
	CHECK_EQ(try(CPU_64, "fa"), 1);
	CHECK(insn_info(&I)->attr & INSN_IOPL);
	CHECK_EQ(try(CPU_64, "6c"), 1);
	CHECK(insn_info(&I)->attr & INSN_IO);
	CHECK_EQ(insn_info(&I)->cls, CLASS_STRING);
	CHECK_EQ(try(CPU_64, "0f 01 08"), 3);
	CHECK(is("sidt"));
	CHECK(insn_info(&I)->attr & INSN_UMIP);
	CHECK_EQ(operand_size(insn_memory(&I)), 10);
	CHECK_EQ(try(CPU_64, "c5 fd 6f 00"), 4); /* vmovdqa ymm0,[rax] */
	CHECK(insn_info(&I)->attr & INSN_AL);
	CHECK_EQ(operand_size(insn_memory(&I)), 32);
	CHECK_EQ(try(CPU_64, "c5 fd fe c1"), 4);
	CHECK_EQ(insn_info(&I)->feature, FEATURE_AVX2);
	CHECK_EQ(try(CPU_64, "c5 f9 fe c1"), 4);
	CHECK_EQ(insn_info(&I)->feature, FEATURE_AVX);
	CHECK_EQ(try(CPU_64, "66 0f fe c1"), 4);
	CHECK_EQ(insn_info(&I)->feature, FEATURE_SSE2);
	CHECK_EQ(try(CPU_64, "0f fe c1"), 3);
	CHECK(insn_info(&I)->attr & INSN_MMX);
	CHECK_EQ(try(CPU_64, "0f ae 00"), 3);
	CHECK(is("fxsave"));
	CHECK(insn_info(&I)->attr & INSN_HAND);
	CHECK_EQ(operand_size(insn_memory(&I)), 512);
}

/* @ctx is the one feature that is missing. */
static bool all_but(void *ctx, enum insn_feature feature)
{
	return feature != *(enum insn_feature *)ctx;
}

static bool lives_without(enum insn_feature missing)
{
	return insn_has_features(&I, all_but, &missing);
}

static void features_decide_what_a_processor_has(void)
{
	CHECK_EQ(try(CPU_64, "c5 f9 fe c1"), 4); /* vpaddd xmm */
	CHECK(!lives_without(FEATURE_AVX) && lives_without(FEATURE_AVX2));
	CHECK_EQ(try(CPU_64, "c5 fd fe c1"), 4); /* vpaddd ymm */
	CHECK(!lives_without(FEATURE_AVX) && !lives_without(FEATURE_AVX2));
	CHECK_EQ(try(CPU_64, "62 f1 7d 28 fe c1"), 6);
	CHECK(!lives_without(FEATURE_AVX512F) && !lives_without(FEATURE_AVX512VL));
	CHECK_EQ(try(CPU_64, "62 f1 7d 48 fe c1"), 6);
	CHECK(lives_without(FEATURE_AVX512VL) && lives_without(FEATURE_AVX512BW));
	CHECK_EQ(try(CPU_64, "62 f1 7e 8 58 c1"), 6); /* vaddss */
	CHECK(lives_without(FEATURE_AVX512VL));
	CHECK_EQ(try(CPU_64, "c4 e2 70 f2 c2"), 5); /* andn */
	CHECK(lives_without(FEATURE_AVX) && !lives_without(FEATURE_BMI1));
	CHECK_EQ(try(CPU_64, "f3 0f b8 c1"), 4);
	CHECK(!lives_without(FEATURE_POPCNT));
	CHECK_EQ(feature_bit(FEATURE_POPCNT)->leaf, 1);
	CHECK_EQ(feature_bit(FEATURE_POPCNT)->reg, CPUID_ECX);
	CHECK_EQ(feature_bit(FEATURE_POPCNT)->bit, 23);
	CHECK_EQ(feature_bit(FEATURE_BASE)->leaf, 0);
}

int main(void)
{
	RUN(an_instruction_is_one_cache_line);
	RUN(short_input_asks_for_more);
	RUN(more_than_fifteen_bytes_are_a_protection_fault);
	RUN(rex_counts_only_as_the_last_prefix);
	RUN(the_high_bytes_vanish_with_any_rex);
	RUN(nop_is_exchange_with_rex_b);
	RUN(lock_wants_a_lockable_form_and_memory);
	RUN(modes_have_instructions_of_their_own);
	RUN(les_and_bound_give_way_to_vex_and_evex);
	RUN(vex_takes_no_other_prefix_and_no_stray_vvvv);
	RUN(evex_checks_its_own_bits);
	RUN(gathers_want_three_registers);
	RUN(what_is_not_listed_is_undefined);
	RUN(mod_of_control_register_moves_is_ignored);
	RUN(addresses_of_all_widths);
	RUN(segment_overrides_that_count);
	RUN(repeat_prefixes_as_meant);
	RUN(immediates_and_far_pointers);
	RUN(near_branches_are_64_bits_wide);
	RUN(flags_follow_condition_and_count);
	RUN(registers_include_what_is_implied);
	RUN(classes_privileges_and_features);
	RUN(features_decide_what_a_processor_has);
	return 0;
}
