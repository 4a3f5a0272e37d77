/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr_sys.c: translation of the system's instructions that kernels run all the time, each
 * exactly as its exec_fn does it. Where anything is unusual it is left to that.
 */
#include "cpu/soft/tr.h"

static unsigned cpl(const struct tr *t)
{
	return t->key >> 2 & 3;
}

/* The byte of rflags with IF and DF. */
static struct x64_mem flags_byte(void)
{
	struct x64_mem m = TR_FIELD(rflags);

	m.disp++;
	return m;
}

static void hint(struct tr *t, unsigned op)
{
	switch (op) {
	case OP_PAUSE: X64_BYTES(&t->x, 0xf3, 0x90); break;
	case OP_LFENCE: X64_BYTES(&t->x, 0x0f, 0xae, 0xe8); break;
	case OP_MFENCE: X64_BYTES(&t->x, 0x0f, 0xae, 0xf0); break;
	default: X64_BYTES(&t->x, 0x0f, 0xae, 0xf8); break; /* sfence */
	}
}

/* Clear and set flags beyond the arithmetic ones: bits 8 to 15. */
static void change_flags(struct tr *t, const struct tr_insn *n, u32 clear, u32 set)
{
	tr_flags_lost(t, n->live_before);
	if (clear)
		x64_alu_mi(&t->x, 1, ALU_AND, flags_byte(), (s8) ~(clear >> 8));
	else
		x64_alu_mi(&t->x, 1, ALU_OR, flags_byte(), (s8)(set >> 8));
}

/* ---- time ---- */

static void shift_rdx(struct tr *t, unsigned how)
{
	x64_rr(&t->x, 8, 0xc1, how, X64_DX);
	x64_byte(&t->x, 32);
}

/* host_tsc(): what came before is over. It only stands still where no guest code runs. */
static void rdtsc(struct tr *t, const struct tr_insn *n)
{
	enum { SHL = 4, SHR = 5 };
	struct x64 *x = &t->x;

	tr_flags_lost(t, n->live_before);
	if (cpl(t)) {
		x64_rm(x, 1, 0xf6, 0, TR_FIELD(cr4)); /* test m8, imm8 */
		x64_byte(x, CR4_TSD);
		tr_site_if(t, CC_NE);
	}
	X64_BYTES(x, 0x0f, 0xae, 0xe8, 0x0f, 0x31); /* lfence; rdtsc */
	shift_rdx(t, SHL);
	x64_rr(x, 8, ALU_OR, X64_DX, X64_AX);
	x64_rm(x, 8, 0x03, X64_AX, TR_FIELD(tsc_offset)); /* add */
	x64_mov(x, X64_DX, X64_AX);
	shift_rdx(t, SHR);
	x64_rr(x, 4, 0x89, X64_AX, X64_AX); /* mov eax, eax */
	if (n->i.op == OP_RDTSCP)
		x64_load(x, 4, X64_CX, TR_FIELD(tsc_aux));
}

/* ---- FS and GS ---- */

/* Two fields: the register's base, and what is added to addresses. */
static struct x64_mem seg_field(enum insn_seg s)
{
	struct x64_mem m = TR_FIELD(seg);

	m.disp += (s32)(s * sizeof(struct cpu_seg) + offsetof(struct cpu_seg, base));
	return m;
}

static void put_base(struct tr *t, enum insn_seg s, unsigned host)
{
	struct x64_mem m = TR_FIELD(seg_base);

	m.disp += (s32)(s * sizeof(u64));
	x64_store(&t->x, 8, seg_field(s), host);
	x64_store(&t->x, 8, m, host);
}

static void swapgs(struct tr *t)
{
	struct x64 *x = &t->x;

	x64_load(x, 8, JIT_T0, TR_FIELD(kernel_gs_base));
	x64_load(x, 8, JIT_T1, seg_field(SEG_GS));
	x64_store(x, 8, TR_FIELD(kernel_gs_base), JIT_T1);
	put_base(t, SEG_GS, JIT_T0);
}

static void need_fsgsbase(struct tr *t, const struct tr_insn *n)
{
	tr_flags_lost(t, n->live_before);
	x64_rm(&t->x, 4, 0xf7, 0, TR_FIELD(cr4)); /* test m32, imm32 */
	x64_u32(&t->x, CR4_FSGSBASE);
	tr_site_if(t, CC_E);
}

static void read_base(struct tr *t, const struct tr_insn *n, enum insn_seg s)
{
	const struct insn_operand *a = &n->i.operand[0];

	need_fsgsbase(t, n);
	x64_load(&t->x, operand_size(a), JIT_T0, seg_field(s));
	tr_put(t, a->reg, JIT_T0);
}

static void write_base(struct tr *t, const struct tr_insn *n, enum insn_seg s)
{
	const struct insn_operand *a = &n->i.operand[0];
	struct x64 *x = &t->x;
	unsigned from;

	need_fsgsbase(t, n);
	from = tr_get(t, a->reg, JIT_T0);
	if (operand_size(a) == 4) {
		x64_rr(x, 4, 0x89, from, JIT_T0); /* mov: clears the upper half */
	} else {
		tr_test_canonical(x, from);
		tr_site_if(t, CC_A);
		if (from != JIT_T0)
			x64_mov(x, JIT_T0, from);
	}
	put_base(t, s, JIT_T0);
}

/* ---- all ---- */

static bool emit(struct tr *t, const struct tr_insn *n)
{
	switch (n->i.op) {
	case OP_PAUSE:
	case OP_LFENCE:
	case OP_MFENCE:
	case OP_SFENCE: hint(t, n->i.op); return true;
	case OP_CLD: change_flags(t, n, FL_DF, 0); return true;
	case OP_STD: change_flags(t, n, 0, FL_DF); return true;
	case OP_RDTSC:
	case OP_RDTSCP: rdtsc(t, n); return true;
	case OP_RDFSBASE: read_base(t, n, SEG_FS); return true;
	case OP_RDGSBASE: read_base(t, n, SEG_GS); return true;
	case OP_WRFSBASE: write_base(t, n, SEG_FS); return true;
	case OP_WRGSBASE: write_base(t, n, SEG_GS); return true;
	default: return false;
	}
}

static bool emit_supervisor(struct tr *t, const struct tr_insn *n)
{
	switch (n->i.op) {
	case OP_CLI: change_flags(t, n, FL_IF, 0); return true;
	case OP_SWAPGS: swapgs(t); return true;
	default: return false;
	}
}

enum tr_result tr_sys(struct tr *t, const struct tr_insn *n)
{
	if (!cpu_has_insn(t->c, &n->i))
		return TR_NOT_MINE;
	if (emit(t, n) || (cpl(t) == 0 && emit_supervisor(t, n)))
		return TR_DONE;
	return TR_NOT_MINE;
}
