/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU: far JMP, CALL and RET, call gates, IRET. */
#include "soft_rig.h"

#define OK 0
#define GP_TEST FAULT(VEC_GP, SEL_TEST)
#define NP_TEST FAULT(VEC_NP, SEL_TEST)
#define GP0 FAULT(VEC_GP, 0)

static void fail_row(unsigned n)
{
	fprintf(stderr, "row %u\n", n);
	exit(1);
}

/* The run did what the row says. */
static void check_row(struct rig *r, unsigned n, bool ok, u32 fault)
{
	if (ok != (fault == OK) || (!ok && rig_raised(r) != fault))
		fail_row(n);
}

enum { JMP = 0x2d, CALL = 0x1d }; /* FF /5, /3 with [disp32] */
enum { POINTER = 0x100 };         /* where the far pointer lies */

/* A far branch through memory, 32-bit offset. */
static bool branch(struct rig *r, u8 op, u16 sel, u32 off)
{
	rig_put(r, POINTER, 4, off);
	rig_put(r, POINTER + 4, 2, sel);
	if (r->c.mode == CPU_64)
		return RUN_INSN(r, 0xff, op - 1, 0x25, 0x00, 0x01, 0x00, 0x00);
	return RUN_INSN(r, 0xff, op, 0x00, 0x01, 0x00, 0x00);
}

/* ---- real and virtual-8086 mode ---- */

static void real_mode_transfers_are_arithmetic(void)
{
	static const enum rig_mode modes[] = { RIG_REAL, RIG_V86 };

	for (unsigned n = 0; n < ARRAY_LEN(modes); n++) {
		struct rig *r = rig_start(modes[n], 3);
		struct soft_cpu *c = &r->c;

		CHECK(RUN_INSN(r, 0xea, 0x34, 0x12, 0x00, 0xf0)); /* jmp f000:1234 */
		CHECK_EQ(c->rip, 0x1234);
		CHECK_EQ(c->seg[SEG_CS].base, 0xf0000);
		CHECK(RUN_INSN(r, 0x9a, 0x00, 0x01, 0x00, 0x20)); /* call 2000:100 */
		CHECK_EQ(c->gpr[R_SP], 0x7ffc);
		CHECK_EQ(rig_get(r, 0x7ffc, 4), 0xf0001239);
		CHECK_EQ(c->rip, 0x100);
		CHECK(RUN_INSN(r, 0xca, 0x10, 0x00)); /* retf 16 */
		CHECK_EQ(c->rip, 0x1239);
		CHECK_EQ(c->seg[SEG_CS].sel, 0xf000);
		CHECK_EQ(c->gpr[R_SP], 0x8010);
		CHECK(RUN_INSN(r, 0x66, 0x9a, 0x00, 0x01, 0x00, 0x00, 0x00, 0x20));
		CHECK_EQ(c->gpr[R_SP], 0x8008);
		CHECK_EQ(rig_get(r, 0x8008, 8), 0x0000f00000001241);
		CHECK(RUN_INSN(r, 0x66, 0xcb));
		CHECK_EQ(c->rip, 0x1241);
		CHECK_FAULT(RUN_INSN(r, 0x66, 0xea, 0, 0, 1, 0, 0, 0), VEC_GP, 0);
		CHECK_FAULT(RUN_INSN(r, 0x66, 0x9a, 0, 0, 1, 0, 0, 0), VEC_GP, 0);
		CHECK_EQ(c->gpr[R_SP], 0x8010);
		c->gpr[R_SP] = 1;
		CHECK_FAULT(RUN_INSN(r, 0x9a, 0, 0, 0, 0), VEC_SS, 0);
		c->gpr[R_SP] = 2; /* wraps between the two slots */
		CHECK(RUN_INSN(r, 0x9a, 0, 0, 0, 0));
		CHECK_EQ(c->gpr[R_SP], 0xfffe);
		CHECK_EQ(rig_get(r, 0, 2), 0xf000);
		CHECK_EQ(rig_get(r, 0xfffe, 2), 0x1246);
		rig_stop(r);
	}
}

static void a_far_jump_in_big_real_mode_keeps_the_limit(void)
{
	struct rig *r = rig_start(RIG_REAL, 0);

	r->c.seg[SEG_CS] = (struct cpu_seg){ 0, ~0u, 8, A_CODE32 };
	CHECK(RUN_INSN(r, 0x66, 0xea, 0, 0, 8, 0, 0, 0x10)); /* 1000:80000 */
	CHECK_EQ(r->c.rip, 0x80000);
	CHECK_EQ(r->c.seg[SEG_CS].limit, ~0u);
	CHECK_EQ(r->c.seg[SEG_CS].attr, A_DATA32);
	CHECK_EQ(r->c.mode, CPU_16);
	rig_stop(r);
}

/* ---- straight to code segments. SDM 2A, JMP, CALL ---- */

static const struct {
	enum rig_mode mode;
	u8 cpl, rpl;
	u16 attr;
	u32 off, fault;
} codes[] = {
	{ RIG_PROT32, 0, 0, A_CODE32, 0x1000, OK },
	{ RIG_PROT32, 0, 0, A_CODE32 & ~2, 0x1000, OK }, /* execute only */
	{ RIG_PROT32, 0, 3, A_CODE32, 0x1000, GP_TEST },
	{ RIG_PROT32, 0, 0, A_CODE32 | A_DPL3, 0x1000, GP_TEST },
	{ RIG_PROT32, 3, 3, A_CODE32, 0x1000, GP_TEST },
	{ RIG_PROT32, 3, 0, A_CODE32 | A_DPL3, 0x1000, OK },
	{ RIG_PROT32, 3, 3, A_CODE32 | A_DPL3, 0x1000, OK },
	{ RIG_PROT32, 3, 3, A_CODE32 | A_DPL2, 0x1000, GP_TEST },
	{ RIG_PROT32, 3, 3, A_CONF32, 0x1000, OK },
	{ RIG_PROT32, 0, 3, A_CONF32, 0x1000, OK },
	{ RIG_PROT32, 0, 0, A_CONF32 | A_DPL3, 0x1000, GP_TEST },
	{ RIG_PROT32, 0, 0, A_DATA32, 0x1000, GP_TEST },
	{ RIG_PROT32, 0, 0, A_CODE32 & ~A_ABSENT, 0x1000, NP_TEST },
	{ RIG_PROT32, 3, 3, A_CODE32 & ~A_ABSENT, 0x1000, GP_TEST },
	{ RIG_PROT32, 0, 0, A_CODE32, 0x78000, GP0 },
	{ RIG_PROT32, 0, 0, A_LDT, 0x1000, GP_TEST },
	{ RIG_PROT32, 0, 0, A_INT32, 0x1000, GP_TEST },
	{ RIG_PROT32, 0, 0, A_BUSY32, 0x1000, GP_TEST },
	{ RIG_LONG, 0, 0, A_CODE32, 0x1000, OK }, /* to compatibility mode */
	{ RIG_LONG, 0, 0, A_CODE64, 0xffffffff, OK },
	{ RIG_LONG, 0, 0, A_CODE64 | 0x4000, 0x1000, GP_TEST }, /* L and D */
	{ RIG_LONG, 3, 3, A_CODE32 | A_DPL3, 0x1000, OK },
	{ RIG_LONG, 0, 0, A_CODE32, 0x78000, GP0 },
	{ RIG_LONG, 0, 0, A_TSS32, 0x1000, GP_TEST },
	{ RIG_LONG, 0, 0, A_TASK, 0x1000, GP_TEST },
	{ RIG_LONG, 0, 0, A_CALL16, 0x1000, GP_TEST },
	{ RIG_COMPAT, 0, 0, A_CODE64, 0x1000, OK },
	{ RIG_PROT32, 0, 0, A_CODE64 | 0x4000, 0x1000, OK }, /* L says nothing here */
};

static void far_branches_check_the_code_segment(void)
{
	for (unsigned n = 0; n < 2 * ARRAY_LEN(codes); n++) {
		unsigned row = n / 2;
		bool call = n % 2;
		struct rig *r = rig_start(codes[row].mode, codes[row].cpl);
		struct soft_cpu *c = &r->c;
		struct cpu_seg cs = c->seg[SEG_CS];
		unsigned cpl = c->cpl;
		bool ok;

		rig_gdt(r, SEL_TEST, rig_desc(0, 0x77fff, codes[row].attr & ~1u));
		ok = branch(r, call ? CALL : JMP, SEL_TEST | codes[row].rpl, codes[row].off);
		check_row(r, row, ok, codes[row].fault);
		CHECK_EQ(c->cpl, cpl);
		if (ok) {
			CHECK_EQ(c->rip, codes[row].off);
			CHECK_EQ(c->seg[SEG_CS].sel, SEL_TEST | cpl);
			CHECK_EQ(c->seg[SEG_CS].attr, codes[row].attr | 1);
			CHECK_EQ(rig_get(r, RIG_GDT + SEL_TEST + 5, 1),
				 (codes[row].attr & 0xff) | 1);
			CHECK_EQ(c->gpr[R_SP], RIG_STACK - (call ? 8 : 0));
			if (call)
				CHECK_EQ(rig_get(r, RIG_STACK - 4, 4), cs.sel);
			if (call)
				CHECK_EQ(rig_get(r, RIG_STACK - 8, 4),
					 RIG_CODE + (cs.attr & SA_L ? 7 : 6));
		} else {
			CHECK(!memcmp(&cs, &c->seg[SEG_CS], sizeof(cs)));
			CHECK_EQ(c->gpr[R_SP], RIG_STACK);
		}
		rig_stop(r);
	}
}

static void null_selectors_are_no_target(void)
{
	struct rig *r = rig_start(RIG_PROT32, 3);

	CHECK_FAULT(branch(r, JMP, 3, 0), VEC_GP, 0);
	CHECK_FAULT(branch(r, CALL, 0, 0), VEC_GP, 0);
	CHECK_FAULT(branch(r, JMP, 0x1003, 0), VEC_GP, 0x1000);
	CHECK_FAULT(RUN_INSN(r, 0xea, 0, 0, 0, 0, 7, 0), VEC_GP, 4); /* an empty slot of the LDT */
	rig_stop(r);
}

static void sixty_four_bit_offsets_must_be_canonical(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);

	rig_put(r, POINTER, 8, 0x800000000000);
	rig_put(r, POINTER + 8, 2, SEL_CODE64_0);
	CHECK_FAULT(RUN_INSN(r, 0x48, 0xff, 0x2c, 0x25, 0x00, 0x01, 0x00, 0x00), VEC_GP, 0);
	rig_put(r, POINTER, 8, 0xffff800000000000);
	CHECK(RUN_INSN(r, 0x48, 0xff, 0x2c, 0x25, 0x00, 0x01, 0x00, 0x00));
	CHECK_EQ(r->c.rip, 0xffff800000000000);
	rig_put(r, POINTER + 8, 2, SEL_CODE0);
	CHECK_FAULT(RUN_INSN(r, 0x48, 0xff, 0x2c, 0x25, 0x00, 0x01, 0x00, 0x00), VEC_GP, 0);
	/* REX.W: 8 bytes a slot. */
	rig_put(r, POINTER, 8, 0x1234);
	CHECK(RUN_INSN(r, 0x48, 0xff, 0x1c, 0x25, 0x00, 0x01, 0x00, 0x00));
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK - 16);
	CHECK_EQ(rig_get(r, RIG_STACK - 16, 8), 0xffff800000000008);
	CHECK_EQ(rig_get(r, RIG_STACK - 8, 8), SEL_CODE64_0);
	CHECK_EQ(r->c.mode, CPU_32);
	r->c.gpr[R_SP] = 0xffff800000000008; /* half of the frame is not canonical */
	r->c.seg[SEG_CS].attr = A_CODE64;
	cpu_mode_changed(&r->c);
	CHECK_FAULT(RUN_INSN(r, 0x48, 0xff, 0x1c, 0x25, 0x00, 0x01, 0x00, 0x00), VEC_SS, 0);
	rig_stop(r);
}

static void calls_need_room_on_the_stack(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);
	struct soft_cpu *c = &r->c;

	c->seg[SEG_SS].attr |= SA_DOWN; /* expand down: nothing below the limit */
	c->seg[SEG_SS].limit = RIG_STACK - 9;
	CHECK(branch(r, CALL, SEL_CODE0, 0x1000));
	c->gpr[R_SP] = RIG_STACK;
	c->seg[SEG_SS].limit++;
	CHECK_FAULT(branch(r, CALL, SEL_CODE0, 0x1000), VEC_SS, 0);
	c->seg[SEG_SS].attr &= ~(u16)SA_DOWN;
	c->seg[SEG_SS].limit = RIG_STACK - 2;
	CHECK_FAULT(branch(r, CALL, SEL_CODE0, 0x1000), VEC_SS, 0);
	c->seg[SEG_SS].limit++;
	r->page[RIG_STACK / PAGE - 1] = PAGE_READ_ONLY;
	CHECK_FAULT(branch(r, CALL, SEL_CODE0, 0x1000), VEC_PF, 3);
	CHECK_EQ(c->event.cr2, RIG_STACK - 4);
	CHECK_EQ(c->gpr[R_SP], RIG_STACK);
	rig_stop(r);
}

/* ---- call gates ---- */

struct gate_case {
	enum rig_mode mode;
	u8 cpl, rpl;
	u16 gate, code; /* attributes; the code segment is SEL_TEST */
	u8 to;          /* the privilege that CALL comes to */
	bool jmp;       /* the same for JMP */
	u32 fault;
};

#define GP_GATE FAULT(VEC_GP, SEL_GATE)
#define A_DPL3_CALL (A_CALL32 | A_DPL3)

static const struct gate_case gates[] = {
	{ RIG_PROT32, 0, 0, A_CALL32, A_CODE32, 0, true, OK },
	{ RIG_PROT32, 3, 3, A_DPL3_CALL, A_CODE32 | A_DPL3, 3, true, OK },
	{ RIG_PROT32, 3, 3, A_DPL3_CALL, A_CODE32, 0, false, OK },
	{ RIG_PROT32, 3, 3, A_DPL3_CALL, A_CODE32 | A_DPL1, 1, false, OK },
	{ RIG_PROT32, 3, 3, A_DPL3_CALL, A_CONF32, 3, true, OK },
	{ RIG_PROT32, 0, 0, A_CALL32, A_CODE32 | A_DPL3, 0, true, GP_TEST },
	{ RIG_PROT32, 0, 0, A_CALL32, A_CONF32 | A_DPL3, 0, true, GP_TEST },
	{ RIG_PROT32, 3, 3, A_CALL32, A_CODE32 | A_DPL3, 0, true, GP_GATE },
	{ RIG_PROT32, 0, 3, A_CALL32, A_CODE32, 0, true, GP_GATE },
	{ RIG_PROT32, 3, 0, A_DPL3_CALL & ~A_ABSENT, A_CODE32, 0, true, FAULT(VEC_NP, SEL_GATE) },
	{ RIG_PROT32, 0, 0, A_CALL32, A_DATA32, 0, true, GP_TEST },
	{ RIG_PROT32, 0, 0, A_CALL32, A_CODE32 & ~A_ABSENT, 0, true, NP_TEST },
	{ RIG_LONG, 0, 0, A_CALL32, A_CODE64, 0, true, OK },
	{ RIG_LONG, 3, 3, A_DPL3_CALL, A_CODE64, 0, false, OK },
	{ RIG_LONG, 3, 3, A_DPL3_CALL, A_CODE64 | A_DPL1, 1, false, OK },
	{ RIG_LONG, 3, 3, A_DPL3_CALL, A_CODE32, 0, true, GP_TEST },
	{ RIG_LONG, 0, 0, A_CALL32, A_CODE64 | 0x4000, 0, true, GP_TEST },
	{ RIG_COMPAT, 0, 0, A_CALL32, A_CODE64, 0, true, OK },
	{ RIG_COMPAT, 3, 3, A_DPL3_CALL, A_CODE64, 0, false, OK },
	{ RIG_LONG, 0, 0, A_CALL16, A_CODE64, 0, true, GP_GATE },
};

static void check_inner_frame(struct rig *r, const struct gate_case *t, u16 cs)
{
	unsigned size = t->mode == RIG_PROT32 ? 4 : 8;
	u64 sp = (t->to ? RIG_STACK1 : RIG_STACK0) - 4 * size;

	CHECK_EQ(r->c.gpr[R_SP], sp);
	CHECK_EQ(rig_get(r, sp + size, size), cs);
	CHECK_EQ(rig_get(r, sp + 2 * size, size), RIG_STACK);
	CHECK_EQ(rig_get(r, sp + 3 * size, size), SEL_DATA3 | 3);
	if (t->mode != RIG_PROT32)
		CHECK_EQ(r->c.seg[SEG_SS].sel, t->to);
	else
		CHECK_EQ(r->c.seg[SEG_SS].sel, t->to ? SEL_DATA1 | 1 : SEL_DATA0);
}

static void call_gates_check_and_change_the_privilege(void)
{
	for (unsigned n = 0; n < 2 * ARRAY_LEN(gates); n++) {
		const struct gate_case *t = &gates[n / 2];
		bool call = n % 2, ok;
		struct rig *r = rig_start(t->mode, t->cpl);
		u64 off = t->mode == RIG_PROT32 ? 0x12345 : 0xffff800012345678;
		u16 cs = r->c.seg[SEG_CS].sel;
		u32 fault = t->fault;

		if (!call && !t->jmp)
			fault = GP_TEST;
		rig_gate(r, RIG_GDT + SEL_GATE, t->gate, SEL_TEST | 3, off, 0);
		rig_gdt(r, SEL_TEST, rig_desc(0, 0xfffff, t->code));
		ok = branch(r, call ? CALL : JMP, SEL_GATE | t->rpl, 0xffffffff);
		check_row(r, n / 2, ok, fault);
		CHECK_EQ(r->c.cpl, ok && call ? t->to : t->cpl);
		if (ok) {
			CHECK_EQ(r->c.rip, off);
			CHECK_EQ(r->c.seg[SEG_CS].sel, SEL_TEST | r->c.cpl);
		}
		if (ok && call && t->to < t->cpl)
			check_inner_frame(r, t, cs);
		else if (ok && call)
			CHECK_EQ(r->c.gpr[R_SP], RIG_STACK - (t->mode == RIG_PROT32 ? 8 : 16));
		else
			CHECK_EQ(r->c.gpr[R_SP], RIG_STACK);
		rig_stop(r);
	}
}

static void parameters_go_to_the_new_stack(void)
{
	struct rig *r = rig_start(RIG_PROT32, 3);

	for (unsigned n = 0; n < 31; n++)
		rig_put(r, RIG_STACK + 4 * n, 4, 0x1000 + n);
	rig_gate(r, RIG_GDT + SEL_GATE, A_DPL3_CALL, SEL_CODE0, 0x5000, 31);
	CHECK(branch(r, CALL, SEL_GATE, 0));
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK0 - 35 * 4);
	for (unsigned n = 0; n < 31; n++)
		CHECK_EQ(rig_get(r, RIG_STACK0 - 33 * 4 + 4 * n, 4), 0x1000 + n);
	/* And back, leaving them on both stacks. */
	CHECK(RUN_INSN(r, 0xca, 124, 0));
	CHECK_EQ(r->c.cpl, 3);
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK + 124);
	CHECK_EQ(r->c.rip, RIG_CODE + 6);
	rig_stop(r);
	r = rig_start(RIG_PROT32, 3);
	rig_put(r, RIG_STACK, 4, 0x22221111);
	rig_gate(r, RIG_GDT + SEL_GATE, A_CALL16 | A_DPL3, SEL_CODE0, 0xfff5000, 2);
	CHECK(branch(r, CALL, SEL_GATE, 0));
	CHECK_EQ(r->c.rip, 0x5000);
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK0 - 12);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 8, 8), (u64)(SEL_DATA3 | 3) << 48 | 0x22221111);
	rig_stop(r);
}

static void gates_end_where_their_stack_is_bad(void)
{
	static const struct {
		u16 ss, attr; /* of SEL_TEST */
		u32 limit, fault;
	} rows[] = {
		{ SEL_DATA0, 0, 0, OK },
		{ 0, 0, 0, FAULT(VEC_TS, 0) },
		{ 0x1000, 0, 0, FAULT(VEC_TS, 0x1000) },
		{ SEL_DATA0 | 3, 0, 0, FAULT(VEC_TS, SEL_DATA0) },
		{ SEL_DATA3, 0, 0, FAULT(VEC_TS, SEL_DATA3) },
		{ SEL_CODE0, 0, 0, FAULT(VEC_TS, SEL_CODE0) },
		{ SEL_TEST, A_DATA32 & ~2, ~0u, FAULT(VEC_TS, SEL_TEST) },
		{ SEL_TEST, A_DATA32 & ~A_ABSENT, ~0u, FAULT(VEC_SS, SEL_TEST) },
		{ SEL_TEST, 0x4093, RIG_STACK0 - 1, OK },
		{ SEL_TEST, 0x4093, RIG_STACK0 - 2, FAULT(VEC_SS, SEL_TEST) },
	};
	struct rig *r;

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		r = rig_start(RIG_PROT32, 3);
		rig_gdt(r, SEL_TEST, rig_desc(0, rows[n].limit, rows[n].attr));
		rig_put(r, RIG_TSS + 8, 2, rows[n].ss);
		rig_gate(r, RIG_GDT + SEL_GATE, A_DPL3_CALL, SEL_CODE0, 0x5000, 0);
		check_row(r, n, branch(r, CALL, SEL_GATE, 0), rows[n].fault);
		CHECK_EQ(r->c.cpl, rows[n].fault == OK ? 0 : 3);
		rig_stop(r);
	}
	r = rig_start(RIG_PROT32, 3);
	rig_gate(r, RIG_GDT + SEL_GATE, A_DPL3_CALL, SEL_CODE0, 0x5000, 0);
	r->c.tr.limit = 8;
	CHECK_FAULT(branch(r, CALL, SEL_GATE, 0), VEC_TS, SEL_TSS);
	r->c.tr.limit = 9;
	CHECK(branch(r, CALL, SEL_GATE, 0));
	rig_stop(r);
	r = rig_start(RIG_LONG, 3);
	rig_gate(r, RIG_GDT + SEL_GATE, A_DPL3_CALL, SEL_CODE64_0, 0x5000, 0);
	r->c.tr.limit = 10;
	CHECK_FAULT(branch(r, CALL, SEL_GATE, 0), VEC_TS, SEL_TSS);
	r->c.tr.limit = 11;
	rig_put(r, RIG_TSS + 4, 8, 0x800000000010);
	CHECK_FAULT(branch(r, CALL, SEL_GATE, 0), VEC_SS, 0);
	rig_put(r, RIG_TSS + 4, 8, RIG_STACK0);
	rig_gdt(r, SEL_GATE + 8, 0x8000);
	CHECK_FAULT(branch(r, CALL, SEL_GATE, 0), VEC_GP, 0); /* no canonical target */
	rig_gdt(r, SEL_GATE + 8, BIT64(40));
	CHECK_FAULT(branch(r, CALL, SEL_GATE, 0), VEC_GP, SEL_GATE);
	rig_stop(r);
}

/* ---- RETF and IRET: what both check ---- */

struct ret_case {
	enum rig_mode mode;
	u8 cpl;
	u16 cs, ss;
	u16 attr; /* of SEL_TEST */
	u32 fault;
};

static const struct ret_case rets[] = {
	{ RIG_PROT32, 0, SEL_CODE0, 0, 0, OK },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, SEL_DATA3 | 3, 0, OK },
	{ RIG_PROT32, 0, SEL_CODE1 | 1, SEL_DATA1 | 1, 0, OK },
	{ RIG_PROT32, 3, SEL_CODE3 | 3, 0, 0, OK },
	{ RIG_PROT32, 0, 0, 0, 0, GP0 },
	{ RIG_PROT32, 0, 3, 0, 0, GP0 },
	{ RIG_PROT32, 0, 0x1000, 0, 0, FAULT(VEC_GP, 0x1000) },
	{ RIG_PROT32, 3, SEL_CODE0, 0, 0, FAULT(VEC_GP, SEL_CODE0) }, /* inwards */
	{ RIG_PROT32, 0, SEL_CODE3, 0, 0, FAULT(VEC_GP, SEL_CODE3) }, /* DPL above RPL */
	{ RIG_PROT32, 0, SEL_CODE0 | 3, 0, 0, FAULT(VEC_GP, SEL_CODE0) },
	{ RIG_PROT32, 0, SEL_CONFORMING | 3, SEL_DATA3 | 3, 0, OK },
	{ RIG_PROT32, 0, SEL_TEST, 0, A_CONF32 | A_DPL3, GP_TEST },
	{ RIG_PROT32, 0, SEL_DATA0, 0, 0, FAULT(VEC_GP, SEL_DATA0) },
	{ RIG_PROT32, 0, SEL_TEST, 0, A_CODE32 & ~A_ABSENT, NP_TEST },
	{ RIG_PROT32, 0, SEL_TEST, 0, 0x409b, GP0 }, /* EIP beyond its limit */
	{ RIG_PROT32, 0, SEL_CODE3 | 3, 0, 0, GP0 },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, 3, 0, GP0 },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, 0x1003, 0, FAULT(VEC_GP, 0x1000) },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, SEL_DATA3, 0, FAULT(VEC_GP, SEL_DATA3) },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, SEL_DATA0 | 3, 0, FAULT(VEC_GP, SEL_DATA0) },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, SEL_CODE3 | 3, 0, FAULT(VEC_GP, SEL_CODE3) },
	{ RIG_PROT32, 0, SEL_CODE3 | 3, SEL_TEST | 3, 0xf1, GP_TEST }, /* read-only */
	{ RIG_PROT32, 0, SEL_CODE3 | 3, SEL_TEST | 3, 0x73, FAULT(VEC_SS, SEL_TEST) },
	{ RIG_LONG, 0, SEL_CODE64_0, SEL_DATA0, 0, OK },
	{ RIG_LONG, 0, SEL_CODE64_3 | 3, SEL_DATA3 | 3, 0, OK },
	{ RIG_LONG, 0, SEL_CODE3 | 3, SEL_DATA3 | 3, 0, OK },
	{ RIG_LONG, 0, SEL_CODE64_3 | 3, 3, 0, GP0 },
	{ RIG_LONG, 0, SEL_CODE3 | 3, 0, 0, GP0 },
	{ RIG_LONG, 0, SEL_TEST, 0, A_CODE64 | 0x4000, GP_TEST },
	{ RIG_LONG, 0, SEL_TEST | 1, 1, A_CODE64 | A_DPL1, OK },
	{ RIG_LONG, 0, SEL_TEST | 1, 2, A_CODE64 | A_DPL1, GP0 },
	{ RIG_LONG, 3, SEL_CODE64_3 | 3, SEL_DATA3 | 3, 0, OK },
};

/* Run the row's return with slots of @size bytes. */
static void check_return(const struct ret_case *t, unsigned n, unsigned size, bool iret)
{
	struct rig *r = rig_start(t->mode, t->cpl);
	bool outer = (t->cs & 3) > t->cpl, wide = iret && t->mode == RIG_LONG, ok;
	u64 sp = RIG_STACK, at = sp;
	struct cpu_seg ss = r->c.seg[SEG_SS];

	rig_gdt(r, SEL_TEST, rig_desc(0, 0xffff, t->attr));
	rig_put(r, at, size, 0x12345);
	rig_put(r, at += size, size, t->cs);
	if (iret)
		rig_put(r, at += size, size, FL_CF | FL_1);
	rig_put(r, at += size, size, 0x77770);
	rig_put(r, at += size, size, t->ss);
	if (iret)
		ok = size == 8 ? RUN_INSN(r, 0x48, 0xcf) : RUN_INSN(r, 0xcf);
	else
		ok = size == 8 ? RUN_INSN(r, 0x48, 0xcb) : RUN_INSN(r, 0xcb);
	check_row(r, n, ok, t->fault);
	CHECK_EQ(r->c.cpl, ok ? t->cs & 3u : t->cpl);
	if (ok) {
		CHECK_EQ(r->c.rip, 0x12345);
		CHECK_EQ(r->c.seg[SEG_CS].sel, t->cs);
		CHECK_EQ(flags_get(&r->c) & FL_CF, iret);
		sp = outer || wide ? 0x77770 : sp + size * (iret ? 3 : 2);
		CHECK_EQ(r->c.seg[SEG_SS].sel, outer || wide ? t->ss : ss.sel);
	}
	CHECK_EQ(r->c.gpr[R_SP], sp);
	rig_stop(r);
}

static void returns_check_both_segments(void)
{
	for (unsigned n = 0; n < ARRAY_LEN(rets); n++) {
		check_return(&rets[n], n, 4, false);
		check_return(&rets[n], n, 4, true);
		if (rets[n].mode == RIG_LONG) {
			check_return(&rets[n], n, 8, false);
			check_return(&rets[n], n, 8, true);
		}
	}
}

static void outer_returns_drop_segments_of_more_privilege(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);
	struct soft_cpu *c = &r->c;

	c->seg[SEG_ES] = (struct cpu_seg){ 0x1000, ~0u, SEL_DATA0, A_DATA32 };
	c->seg[SEG_DS] = (struct cpu_seg){ 0x1000, ~0u, SEL_DATA3 | 3, A_DATA32 | A_DPL3 };
	c->seg[SEG_FS] = (struct cpu_seg){ 0x1000, ~0u, SEL_CONFORMING, A_CONF32 };
	c->seg[SEG_GS] = (struct cpu_seg){ 0x1000, ~0u, SEL_CODE1, A_CODE32 | A_DPL1 };
	rig_put(r, RIG_STACK, 8, (u64)(SEL_CODE3 | 3) << 32 | 0x1234);
	rig_put(r, RIG_STACK + 8, 8, (u64)(SEL_DATA3 | 3) << 32 | 0x9000);
	CHECK(RUN_INSN(r, 0xcb));
	CHECK_EQ(c->seg[SEG_ES].sel, 0);
	CHECK_EQ(c->seg[SEG_ES].attr, 0);
	CHECK_EQ(c->seg[SEG_DS].sel, SEL_DATA3 | 3);
	CHECK_EQ(c->seg[SEG_FS].sel, SEL_CONFORMING);
	CHECK_EQ(c->seg[SEG_GS].attr, 0);
	rig_stop(r);
	/* A null FS keeps the base that its MSR gave it. */
	r = rig_start(RIG_LONG, 0);
	c = &r->c;
	c->seg[SEG_FS] = (struct cpu_seg){ .base = 0x7f0012345678 };
	cpu_mode_changed(c);
	rig_put(r, RIG_STACK, 8, 0x1234);
	rig_put(r, RIG_STACK + 8, 8, SEL_CODE64_3 | 3);
	rig_put(r, RIG_STACK + 16, 8, FL_1);
	rig_put(r, RIG_STACK + 24, 8, 0x9000);
	rig_put(r, RIG_STACK + 32, 8, SEL_DATA3 | 3);
	CHECK(RUN_INSN(r, 0x48, 0xcf));
	CHECK_EQ(c->seg_base[SEG_FS], 0x7f0012345678);
	CHECK_EQ(c->seg[SEG_DS].sel, 0);
	rig_stop(r);
}

static void a_16_bit_stack_gets_sp_alone(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);

	rig_gdt(r, SEL_TEST, rig_desc(0, 0xffff, A_DATA16 | A_DPL3));
	r->c.gpr[R_SP] = RIG_STACK + 0x1000;
	rig_put(r, RIG_STACK + 0x1000, 8, 0x1234);
	rig_put(r, RIG_STACK + 0x1008, 8, SEL_CODE3 | 3);
	rig_put(r, RIG_STACK + 0x1010, 8, FL_1);
	rig_put(r, RIG_STACK + 0x1018, 8, 0x11111234abcd);
	rig_put(r, RIG_STACK + 0x1020, 8, SEL_TEST | 3);
	CHECK(RUN_INSN(r, 0x48, 0xcf));
	CHECK_EQ(r->c.gpr[R_SP], (RIG_STACK & 0xffff0000) | 0xabcd);
	CHECK_EQ(r->c.stack_size, 2);
	CHECK_EQ(r->c.mode, CPU_32);
	rig_stop(r);
}

/* ---- IRET alone ---- */

static void iret_restores_the_flags_that_the_privilege_may(void)
{
	enum { ALL = 0x003f7fd5, USER = FL_ARITH | FL_TF | FL_DF | FL_NT };
	static const struct {
		u8 cpl, iopl, size;
		u32 want; /* what can be set */
	} rows[] = {
		{ 0, 0, 4, ALL & ~FL_VM },
		{ 3, 0, 4, USER | FL_RF | FL_AC | FL_ID },
		{ 3, 3, 4, USER | FL_RF | FL_AC | FL_ID | FL_IF },
		{ 0, 0, 2, USER | FL_IF | FL_IOPL },
		{ 3, 0, 2, USER },
	};

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = rig_start(RIG_PROT32, rows[n].cpl);
		unsigned size = rows[n].size;
		u64 keep = (u64)rows[n].iopl << 12;

		r->c.rflags = FL_1 | keep;
		r->c.dr[7] |= 1; /* else RF would mean nothing */
		rig_put(r, RIG_STACK, size, 0x1234);
		rig_put(r, RIG_STACK + size, size, r->c.seg[SEG_CS].sel);
		rig_put(r, RIG_STACK + 2 * size, size, size == 2 ? 0xffff : 0xffffffff & ~FL_VM);
		CHECK(size == 2 ? RUN_INSN(r, 0x66, 0xcf) : RUN_INSN(r, 0xcf));
		CHECK_EQ(flags_get(&r->c), rows[n].want | keep | FL_1);
		CHECK(r->attended & ATT_STEP);
		rig_stop(r);
	}
}

static void iret_without_breakpoints_does_not_step(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	rig_put(r, RIG_STACK, 8, (u64)SEL_CODE0 << 32 | 0x1234);
	rig_put(r, RIG_STACK + 8, 4, FL_RF | FL_IF);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(flags_get(&r->c), FL_1 | FL_IF);
	CHECK_EQ(r->attended, 0);
	rig_stop(r);
}

static void iret_unblocks_nmis_even_if_it_faults(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	r->c.nmi_blocked = r->c.nmi_pending = true;
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_GP, 0);
	CHECK(!r->c.nmi_blocked);
	CHECK(r->attended & ATT_INTR);
	rig_stop(r);
	r = rig_start(RIG_LONG, 0);
	r->c.nmi_blocked = true;
	r->c.rflags |= FL_NT;
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_GP, 0);
	CHECK(!r->c.nmi_blocked);
	rig_stop(r);
	r = rig_start(RIG_V86, 3);
	r->c.nmi_blocked = true;
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_GP, 0); /* IOPL is 0 */
	CHECK(r->c.nmi_blocked);
	rig_stop(r);
}

static void iret_in_real_and_virtual_8086_mode(void)
{
	struct rig *r = rig_start(RIG_REAL, 0);

	rig_put(r, 0x8000, 2, 0x1234);
	rig_put(r, 0x8002, 2, 0xf000);
	rig_put(r, 0x8004, 2, 0xffff);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(r->c.rip, 0x1234);
	CHECK_EQ(r->c.seg[SEG_CS].base, 0xf0000);
	CHECK_EQ(flags_get(&r->c), 0x7fd7);
	CHECK_EQ(r->c.gpr[R_SP], 0x8006);
	rig_stop(r);
	r = rig_start(RIG_V86, 3);
	r->c.rflags = FL_VM | FL_1 | FL_IOPL;
	rig_put(r, 0x8000, 4, 0x1234);
	rig_put(r, 0x8004, 4, 0x2000);
	rig_put(r, 0x8008, 4, FL_AC | FL_CF | FL_VIF);
	CHECK(RUN_INSN(r, 0x66, 0xcf));
	CHECK_EQ(flags_get(&r->c), FL_VM | FL_1 | FL_IOPL | FL_AC | FL_CF);
	CHECK_EQ(r->c.seg[SEG_CS].base, 0x20000);
	rig_put(r, 0x800c, 4, 0x10000);
	rig_put(r, 0x8010, 8, 0);
	CHECK_FAULT(RUN_INSN(r, 0x66, 0xcf), VEC_GP, 0);
	rig_stop(r);
}

static void iret_enters_virtual_8086_mode_from_privilege_0(void)
{
	static const u32 frame[] = { 0xfff0, 0x1000, FL_VM | FL_IF | FL_IOPL,
				     0x7ffe, 0x2000, 0x3000,
				     0x4000, 0x5000, 0x6000 };
	struct rig *r = rig_start(RIG_PROT32, 0);
	struct soft_cpu *c = &r->c;

	for (unsigned n = 0; n < ARRAY_LEN(frame); n++)
		rig_put(r, RIG_STACK + 4 * n, 4, frame[n]);
	rig_put(r, RIG_STACK, 4, 0x10000);
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_GP, 0);
	rig_put(r, RIG_STACK, 4, 0xfff0);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK(c->v86);
	CHECK_EQ(c->cpl, 3);
	CHECK_EQ(c->mode, CPU_16);
	CHECK_EQ(c->stack_size, 2);
	CHECK_EQ(flags_get(c), FL_VM | FL_IF | FL_IOPL | FL_1);
	CHECK_EQ(c->gpr[R_SP], 0x7ffe);
	CHECK_EQ(c->seg[SEG_CS].base, 0x10000);
	CHECK_EQ(c->seg[SEG_SS].base, 0x20000);
	CHECK_EQ(c->seg[SEG_ES].base, 0x30000);
	CHECK_EQ(c->seg[SEG_DS].base, 0x40000);
	CHECK_EQ(c->seg[SEG_FS].base, 0x50000);
	CHECK_EQ(c->seg[SEG_GS].base, 0x60000);
	CHECK_EQ(c->seg[SEG_DS].attr, 0xf3);
	CHECK_EQ(c->seg[SEG_CS].limit, 0xffff);
	rig_stop(r);
	/* In IA-32e mode the flag is just ignored. */
	r = rig_start(RIG_COMPAT, 0);
	rig_put(r, RIG_STACK, 8, (u64)SEL_CODE0 << 32 | 0x1234);
	rig_put(r, RIG_STACK + 8, 4, FL_VM);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(r->c.v86, false);
	CHECK_EQ(flags_get(&r->c), FL_1);
	rig_stop(r);
}

static void sixteen_bit_protected_code_returns_too(void)
{
	struct rig *r = rig_start(RIG_PROT16, 0);

	CHECK(RUN_INSN(r, 0x9a, 0x00, 0x20, SEL_CODE16, 0));
	CHECK_EQ(r->c.gpr[R_SP], 0x7ffc);
	CHECK(RUN_INSN(r, 0xcb));
	CHECK_EQ(r->c.rip, 0x3005);
	r->c.gpr[R_SP] = 0xfffe; /* around the end of the stack */
	rig_put(r, 0xfffe, 2, 0x1111);
	rig_put(r, 0, 2, SEL_CODE16);
	rig_put(r, 2, 2, FL_CF);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(r->c.rip, 0x1111);
	CHECK_EQ(r->c.gpr[R_SP], 4);
	rig_stop(r);
}

static void run_all(void)
{
	RUN(real_mode_transfers_are_arithmetic);
	RUN(a_far_jump_in_big_real_mode_keeps_the_limit);
	RUN(far_branches_check_the_code_segment);
	RUN(null_selectors_are_no_target);
	RUN(sixty_four_bit_offsets_must_be_canonical);
	RUN(calls_need_room_on_the_stack);
	RUN(call_gates_check_and_change_the_privilege);
	RUN(parameters_go_to_the_new_stack);
	RUN(gates_end_where_their_stack_is_bad);
	RUN(returns_check_both_segments);
	RUN(outer_returns_drop_segments_of_more_privilege);
	RUN(a_16_bit_stack_gets_sp_alone);
	RUN(iret_restores_the_flags_that_the_privilege_may);
	RUN(iret_without_breakpoints_does_not_step);
	RUN(iret_unblocks_nmis_even_if_it_faults);
	RUN(iret_in_real_and_virtual_8086_mode);
	RUN(iret_enters_virtual_8086_mode_from_privilege_0);
	RUN(sixteen_bit_protected_code_returns_too);
}

int main(void)
{
	run_all();
	rig_slow = true;
	run_all();
	return 0;
}
