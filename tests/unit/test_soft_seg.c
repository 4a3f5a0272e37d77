/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU: loading and looking at segment registers, LDTR and TR; ports; bases of FS and GS. */
#include "soft_rig.h"

/* MOV Sw, AX; the register is in bits 3 to 5. */
static bool mov(struct rig *r, enum insn_seg s, u16 sel)
{
	r->c.gpr[R_AX] = sel;
	return RUN_INSN(r, 0x8e, 0xc0 | (u8)(s << 3));
}

struct load_case {
	enum rig_mode mode;
	u8 cpl, seg, rpl;
	u16 attr; /* of the descriptor at SEL_TEST */
	u32 fault;
};

#define GP_SEL FAULT(VEC_GP, SEL_TEST)
#define NP_SEL FAULT(VEC_NP, SEL_TEST)
#define SS_SEL FAULT(VEC_SS, SEL_TEST)
#define OK 0

/* SDM 2B, MOV: every row of its checks. */
static const struct load_case loads[] = {
	{ RIG_PROT32, 0, SEG_DS, 0, A_DATA32, OK },
	{ RIG_PROT32, 0, SEG_DS, 0, A_DATA32 & ~2, OK }, /* read-only */
	{ RIG_PROT32, 0, SEG_ES, 0, A_CODE32, OK },
	{ RIG_PROT32, 0, SEG_ES, 0, A_CODE32 & ~2, GP_SEL }, /* not readable */
	{ RIG_PROT32, 0, SEG_DS, 3, A_DATA32, GP_SEL },
	{ RIG_PROT32, 3, SEG_DS, 0, A_DATA32, GP_SEL },
	{ RIG_PROT32, 3, SEG_DS, 3, A_DATA32, GP_SEL },
	{ RIG_PROT32, 3, SEG_DS, 0, A_DATA32 | A_DPL3, OK },
	{ RIG_PROT32, 3, SEG_FS, 3, A_DATA32 | A_DPL3, OK },
	{ RIG_PROT32, 3, SEG_FS, 3, A_DATA32 | A_DPL2, GP_SEL },
	{ RIG_PROT32, 3, SEG_GS, 3, A_CONF32, OK }, /* conforming: no check */
	{ RIG_PROT32, 3, SEG_GS, 3, A_CODE32, GP_SEL },
	{ RIG_PROT32, 3, SEG_GS, 3, A_CONF32 & ~2, GP_SEL },
	{ RIG_PROT32, 0, SEG_DS, 0, A_DATA32 & ~A_ABSENT, NP_SEL },
	{ RIG_PROT32, 3, SEG_DS, 0, A_DATA32 & ~A_ABSENT, GP_SEL }, /* rights come first */
	{ RIG_PROT32, 0, SEG_DS, 0, A_TSS32, GP_SEL },
	{ RIG_PROT32, 0, SEG_DS, 0, A_LDT, GP_SEL },
	{ RIG_PROT32, 0, SEG_DS, 0, A_CALL32, GP_SEL },
	{ RIG_PROT32, 0, SEG_SS, 0, A_DATA32, OK },
	{ RIG_PROT32, 0, SEG_SS, 0, A_DATA32 | 4, OK }, /* expand down */
	{ RIG_PROT32, 0, SEG_SS, 0, A_DATA32 & ~2, GP_SEL },
	{ RIG_PROT32, 0, SEG_SS, 0, A_CODE32, GP_SEL },
	{ RIG_PROT32, 0, SEG_SS, 3, A_DATA32, GP_SEL },
	{ RIG_PROT32, 0, SEG_SS, 0, A_DATA32 | A_DPL3, GP_SEL },
	{ RIG_PROT32, 0, SEG_SS, 3, A_DATA32 | A_DPL3, GP_SEL },
	{ RIG_PROT32, 3, SEG_SS, 3, A_DATA32 | A_DPL3, OK },
	{ RIG_PROT32, 3, SEG_SS, 0, A_DATA32 | A_DPL3, GP_SEL },
	{ RIG_PROT32, 0, SEG_SS, 0, A_DATA32 & ~A_ABSENT, SS_SEL },
	{ RIG_PROT32, 0, SEG_SS, 0, A_TSS32, GP_SEL },
	{ RIG_PROT16, 0, SEG_DS, 0, A_DATA16, OK },
	{ RIG_COMPAT, 3, SEG_DS, 3, A_DATA32 | A_DPL3, OK },
	{ RIG_LONG, 0, SEG_DS, 0, A_DATA32, OK },
	{ RIG_LONG, 0, SEG_DS, 0, A_CODE32 & ~2, GP_SEL },
	{ RIG_LONG, 3, SEG_SS, 3, A_DATA32 | A_DPL3, OK },
	{ RIG_LONG, 3, SEG_SS, 3, A_DATA32, GP_SEL },
};

static void loads_make_the_documented_checks(void)
{
	for (unsigned n = 0; n < ARRAY_LEN(loads); n++) {
		const struct load_case *t = &loads[n];
		struct rig *r = rig_start(t->mode, t->cpl);
		struct cpu_seg before = r->c.seg[t->seg];
		u16 sel = SEL_TEST | t->rpl;
		bool ok;

		rig_gdt(r, SEL_TEST, rig_desc(0x12345678, 0x77fff, t->attr & ~1u));
		ok = mov(r, t->seg, sel);
		if (ok != (t->fault == OK) || (!ok && rig_raised(r) != t->fault)) {
			fprintf(stderr, "row %u\n", n);
			exit(1);
		}
		if (ok) {
			CHECK_EQ(r->c.seg[t->seg].sel, sel);
			CHECK_EQ(r->c.seg[t->seg].base, 0x12345678);
			CHECK_EQ(r->c.seg[t->seg].attr, t->attr | 1);
			CHECK_EQ(r->c.seg[t->seg].limit, 0x77fff);
			CHECK_EQ(rig_get(r, RIG_GDT + SEL_TEST + 5, 1) & 1, 1);
			CHECK_EQ(r->c.shadow_ss, t->seg == SEG_SS);
			CHECK_EQ(r->c.shadow, t->seg == SEG_SS);
		} else {
			CHECK(!memcmp(&before, &r->c.seg[t->seg], sizeof(before)));
			CHECK_EQ(rig_get(r, RIG_GDT + SEL_TEST + 5, 1) & 1, 0);
		}
		rig_stop(r);
	}
}

static void null_selectors_are_for_data_segments(void)
{
	struct rig *r = rig_start(RIG_PROT32, 3);

	for (u16 sel = 0; sel < 4; sel++) {
		CHECK(mov(r, SEG_ES, sel));
		CHECK_EQ(r->c.seg[SEG_ES].sel, sel);
		CHECK_EQ(r->c.seg[SEG_ES].attr, 0);
		CHECK_FAULT(mov(r, SEG_SS, sel), VEC_GP, 0);
	}
	rig_stop(r);
	r = rig_start(RIG_COMPAT, 0);
	CHECK_FAULT(mov(r, SEG_SS, 0), VEC_GP, 0);
	rig_stop(r);
	r = rig_start(RIG_LONG, 0);
	CHECK(mov(r, SEG_SS, 0));
	CHECK_EQ(r->c.cpl, 0);
	CHECK_EQ(r->c.seg[SEG_SS].attr & SA_P, 0);
	CHECK_FAULT(mov(r, SEG_SS, 3), VEC_GP, 0);
	CHECK_FAULT(mov(r, SEG_SS, 1), VEC_GP, 0);
	r->c.seg[SEG_FS].base = 0x123456789;
	CHECK(mov(r, SEG_FS, 0));
	CHECK_EQ(r->c.seg[SEG_FS].base, 0);
	CHECK_EQ(r->c.seg_base[SEG_FS], 0);
	rig_stop(r);
	r = rig_start(RIG_LONG, 3);
	CHECK_FAULT(mov(r, SEG_SS, 3), VEC_GP, 0);
	rig_stop(r);
}

static void selectors_end_with_their_table(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	rig_put(r, RIG_LDT + 8, 8, rig_desc(0x1000, 0xfff, A_DATA16));
	CHECK(mov(r, SEG_DS, 0xc));
	CHECK_EQ(r->c.seg[SEG_DS].base, 0x1000);
	r->c.ldt.limit = 14;
	CHECK_FAULT(mov(r, SEG_DS, 0xc), VEC_GP, 0xc);
	r->c.ldt.limit = 15;
	CHECK(mov(r, SEG_DS, 0xc));
	r->c.ldt.limit = 6;
	CHECK_FAULT(mov(r, SEG_DS, 4), VEC_GP, 4);
	r->c.ldt = (struct cpu_seg){ 0 };
	CHECK_FAULT(mov(r, SEG_DS, 0xc), VEC_GP, 0xc);
	CHECK_FAULT(mov(r, SEG_DS, 0xd0), VEC_GP, 0xd0);
	CHECK_FAULT(mov(r, SEG_DS, 0xfffb), VEC_GP, 0xfff8);
	r->c.gdt.limit = SEL_DATA0 + 6;
	CHECK_FAULT(mov(r, SEG_DS, SEL_DATA0), VEC_GP, SEL_DATA0);
	r->c.gdt.limit++;
	CHECK(mov(r, SEG_DS, SEL_DATA0));
	rig_stop(r);
}

static void the_accessed_bit_is_written_once_and_may_fault(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	rig_gdt(r, SEL_TEST, rig_desc(0, 0xfff, A_DATA32 & ~1));
	r->page[RIG_GDT / PAGE] = PAGE_READ_ONLY;
	CHECK_FAULT(mov(r, SEG_DS, SEL_TEST), VEC_PF, 3);
	CHECK_EQ(r->c.seg[SEG_DS].sel, SEL_DATA0);
	CHECK(mov(r, SEG_ES, SEL_DATA0)); /* it has the bit */
	r->page[RIG_GDT / PAGE] = PAGE_SYSTEM;
	CHECK(mov(r, SEG_DS, SEL_TEST));
	rig_stop(r);
}

static void real_mode_changes_selector_and_base_alone(void)
{
	struct rig *r = rig_start(RIG_REAL, 0);

	r->c.seg[SEG_ES] = (struct cpu_seg){ 0, ~0u, 8, 0xc093 };
	CHECK(mov(r, SEG_ES, 0xf123));
	CHECK_EQ(r->c.seg[SEG_ES].base, 0xf1230);
	CHECK_EQ(r->c.seg[SEG_ES].sel, 0xf123);
	CHECK_EQ(r->c.seg[SEG_ES].limit, ~0u);
	CHECK_EQ(r->c.seg[SEG_ES].attr, 0xc093);
	r->c.seg[SEG_FS] = (struct cpu_seg){ 0 }; /* null when protected mode was left */
	CHECK(mov(r, SEG_FS, 1));
	CHECK_EQ(r->c.seg[SEG_FS].limit, 0xffff);
	CHECK_EQ(r->c.seg[SEG_FS].attr, 0x93);
	CHECK(mov(r, SEG_SS, 0));
	CHECK(r->c.shadow_ss);
	rig_stop(r);
	r = rig_start(RIG_V86, 3);
	r->c.seg[SEG_DS].limit = ~0u;
	CHECK(mov(r, SEG_DS, 0x1234));
	CHECK_EQ(r->c.seg[SEG_DS].base, 0x12340);
	CHECK_EQ(r->c.seg[SEG_DS].limit, 0xffff);
	CHECK_EQ(r->c.seg[SEG_DS].attr, 0xf3);
	rig_stop(r);
}

static void stores_of_selectors_have_the_operand_size(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);

	r->c.seg[SEG_DS].sel = 0xabcd;
	r->c.gpr[R_AX] = ~0ull;
	CHECK(RUN_INSN(r, 0x66, 0x8c, 0xd8));
	CHECK_EQ(r->c.gpr[R_AX], 0xffffffffffffabcd);
	CHECK(RUN_INSN(r, 0x8c, 0xd8));
	CHECK_EQ(r->c.gpr[R_AX], 0xabcd);
	rig_put(r, RIG_CODE, 8, ~0ull);
	r->c.gpr[R_BX] = RIG_CODE;
	CHECK(RUN_INSN(r, 0x8c, 0x1b)); /* mov [rbx], ds */
	CHECK_EQ(rig_get(r, RIG_CODE, 8), 0xffffffffffffabcd);
	CHECK(RUN_INSN(r, 0x0f, 0x00, 0xc1)); /* sldt ecx */
	CHECK_EQ(r->c.gpr[R_CX], SEL_LDT);
	CHECK(RUN_INSN(r, 0x0f, 0x00, 0x0b)); /* str [rbx] */
	CHECK_EQ(rig_get(r, RIG_CODE, 8), 0xffffffffffff0000 | SEL_TSS);
	rig_stop(r);
}

static void pushes_and_pops_of_segments(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	rig_put(r, RIG_STACK - 4, 4, 0xaaaaaaaa);
	CHECK(RUN_INSN(r, 0x1e)); /* push ds: 16 bits into a slot of 32 */
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK - 4);
	CHECK_EQ(rig_get(r, RIG_STACK - 4, 4), 0xaaaa0000 | SEL_DATA0);
	CHECK(RUN_INSN(r, 0x0f, 0xa1)); /* pop fs */
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK);
	CHECK_EQ(r->c.seg[SEG_FS].sel, SEL_DATA0);
	CHECK(RUN_INSN(r, 0x66, 0x16));
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK - 2);
	/* POP SS: the stack pointer moves by the old stack's size. */
	rig_put(r, RIG_STACK - 2, 2, SEL_DATA16);
	CHECK(RUN_INSN(r, 0x66, 0x17));
	CHECK_EQ(r->c.seg[SEG_SS].sel, SEL_DATA16);
	CHECK_EQ(r->c.stack_size, 2);
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK);
	CHECK(r->c.shadow_ss);
	rig_put(r, 0, 2, SEL_TSS);
	CHECK_FAULT(RUN_INSN(r, 0x1f), VEC_GP, SEL_TSS);
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK);
	rig_stop(r);
	r = rig_start(RIG_LONG, 3);
	CHECK(RUN_INSN(r, 0x0f, 0xa8)); /* push gs */
	CHECK_EQ(rig_get(r, RIG_STACK - 8, 8), SEL_DATA3 | 3);
	rig_put(r, RIG_STACK - 8, 8, 0xffff0000);
	CHECK(RUN_INSN(r, 0x0f, 0xa9));
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK);
	CHECK_EQ(r->c.seg[SEG_GS].sel, 0);
	rig_stop(r);
}

static void far_pointers_load_both_or_nothing(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	r->c.gpr[R_BX] = RIG_CODE;
	rig_put(r, RIG_CODE, 8, (u64)SEL_CODE3 << 32 | 0xcafe1234);
	CHECK(RUN_INSN(r, 0x0f, 0xb4, 0x0b)); /* lfs ecx, [ebx]: readable code */
	CHECK_EQ(r->c.gpr[R_CX], 0xcafe1234);
	CHECK_EQ(r->c.seg[SEG_FS].sel, SEL_CODE3);
	rig_put(r, RIG_CODE, 8, (u64)SEL_TSS << 32 | 0xcafe);
	CHECK_FAULT(RUN_INSN(r, 0xc4, 0x0b), VEC_GP, SEL_TSS); /* les */
	CHECK_EQ(r->c.gpr[R_CX], 0xcafe1234);
	rig_put(r, RIG_CODE, 4, SEL_DATA0 << 16 | 0x8000);
	CHECK(RUN_INSN(r, 0x66, 0x0f, 0xb2, 0x0b)); /* lss cx, [ebx] */
	CHECK_EQ(r->c.gpr[R_CX], 0xcafe8000);
	CHECK_EQ(r->c.shadow_ss, 0);
	rig_stop(r);
	r = rig_start(RIG_LONG, 0);
	r->c.gpr[R_BX] = RIG_CODE;
	rig_put(r, RIG_CODE, 8, 0x1122334455667788);
	rig_put(r, RIG_CODE + 8, 2, SEL_DATA0);
	CHECK(RUN_INSN(r, 0x48, 0x0f, 0xb5, 0x0b)); /* lgs rcx, [rbx] */
	CHECK_EQ(r->c.gpr[R_CX], 0x1122334455667788);
	CHECK_EQ(r->c.seg[SEG_GS].sel, SEL_DATA0);
	rig_stop(r);
	r = rig_start(RIG_REAL, 0);
	rig_put(r, 0xfffe, 2, 0x5678); /* the selector lies at 0 */
	rig_put(r, 0, 2, 0x1234);
	CHECK(RUN_INSN(r, 0xc5, 0x0e, 0xfe, 0xff)); /* lds cx, [0xfffe] */
	CHECK_EQ(r->c.gpr[R_CX], 0x5678);
	CHECK_EQ(r->c.seg[SEG_DS].base, 0x12340);
	rig_stop(r);
}

/* ---- LAR, LSL, VERR, VERW, ARPL ---- */

static bool zf(struct rig *r)
{
	return flags_get(&r->c) & FL_ZF;
}

enum { LAR = 0x02, LSL = 0x03 };

static bool look(struct rig *r, u8 op, u16 sel)
{
	r->c.gpr[R_AX] = sel;
	r->c.gpr[R_CX] = 0x5a5a5a5a5a5a5a5a;
	CHECK(RUN_INSN(r, 0x0f, op, 0xc8)); /* ecx, ax */
	if (!zf(r))
		CHECK_EQ(r->c.gpr[R_CX], 0x5a5a5a5a5a5a5a5a);
	return zf(r);
}

/* SDM 2A, tables 3-53 and 3-57: bit n for type n. */
static void lar_and_lsl_know_some_system_types(void)
{
	static const struct {
		enum rig_mode mode;
		u8 op;
		u16 types;
	} rows[] = {
		{ RIG_PROT32, LAR, 0x1a3e }, { RIG_PROT32, LSL, 0x0a0e }, { RIG_LONG, LAR, 0x1a04 },
		{ RIG_LONG, LSL, 0x0a04 },   { RIG_COMPAT, LAR, 0x1a04 },
	};

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = rig_start(rows[n].mode, 0);

		for (unsigned type = 0; type < 16; type++) {
			bool known = rows[n].types >> type & 1;

			rig_gdt(r, SEL_TEST, rig_desc(0x12345678, 0xabfff, 0x8000 | type));
			CHECK_EQ(look(r, rows[n].op, SEL_TEST), known);
			if (known)
				CHECK_EQ(r->c.gpr[R_CX],
					 rows[n].op == LSL ? 0xabfff : 0x800000 | type << 8);
			rig_gdt(r, SEL_TEST, rig_desc(0, 0xabfff, 0xc010 | type));
			CHECK(look(r, rows[n].op, SEL_TEST));
		}
		rig_stop(r);
	}
}

static void looking_at_segments_obeys_privilege(void)
{
	static const struct {
		u8 cpl, rpl;
		u16 attr;
		bool lar, verr, verw;
	} rows[] = {
		{ 0, 0, A_DATA32, true, true, true },
		{ 0, 3, A_DATA32, false, false, false },
		{ 3, 0, A_DATA32, false, false, false },
		{ 3, 3, A_DATA32 | A_DPL3, true, true, true },
		{ 3, 3, (A_DATA32 | A_DPL3) & ~2, true, true, false },
		{ 3, 3, A_CONF32, true, true, false },
		{ 3, 3, A_CONF32 & ~2, true, false, false },
		{ 3, 3, A_CODE32, false, false, false },
		{ 0, 0, A_CODE32, true, true, false },
		{ 0, 0, A_CODE32 & ~2, true, false, false },
		{ 0, 0, A_DATA32 & ~A_ABSENT, true, true,
		  true }, /* absent ones are looked at, too */
		{ 0, 0, A_LDT, true, false, false },
		{ 3, 0, A_LDT, false, false, false },
	};

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = rig_start(RIG_PROT32, rows[n].cpl);
		u16 sel = SEL_TEST | rows[n].rpl;

		rig_gdt(r, SEL_TEST, rig_desc(0, 0xfff, rows[n].attr));
		CHECK_EQ(look(r, LAR, sel), rows[n].lar);
		CHECK_EQ(look(r, LSL, sel), rows[n].lar);
		r->c.gpr[R_AX] = sel;
		CHECK(RUN_INSN(r, 0x0f, 0x00, 0xe0));
		CHECK_EQ(zf(r), rows[n].verr);
		CHECK(RUN_INSN(r, 0x0f, 0x00, 0xe8));
		CHECK_EQ(zf(r), rows[n].verw);
		CHECK(!look(r, LAR, 3));
		CHECK(!look(r, LSL, 0xfff8));
		rig_stop(r);
	}
}

static void arpl_raises_rpl_only(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	r->c.gpr[R_AX] = 0x11111234;
	r->c.gpr[R_CX] = 2;
	CHECK(RUN_INSN(r, 0x63, 0xc8));
	CHECK_EQ(r->c.gpr[R_AX], 0x11111236);
	CHECK(zf(r));
	r->c.gpr[R_CX] = 1;
	CHECK(RUN_INSN(r, 0x63, 0xc8));
	CHECK_EQ(r->c.gpr[R_AX], 0x11111236);
	CHECK(!zf(r));
	rig_stop(r);
}

/* ---- LDTR, TR ---- */

static bool lldt(struct rig *r, u16 sel)
{
	r->c.gpr[R_AX] = sel;
	return RUN_INSN(r, 0x0f, 0x00, 0xd0);
}

static bool ltr(struct rig *r, u16 sel)
{
	r->c.gpr[R_AX] = sel;
	return RUN_INSN(r, 0x0f, 0x00, 0xd8);
}

static void lldt_wants_an_ldt_of_the_gdt(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	CHECK(lldt(r, 2));
	CHECK_EQ(r->c.ldt.sel, 2);
	CHECK_EQ(r->c.ldt.attr & SA_P, 0);
	CHECK(lldt(r, SEL_LDT | 3));
	CHECK_EQ(r->c.ldt.base, RIG_LDT);
	CHECK_EQ(r->c.ldt.sel, SEL_LDT | 3);
	CHECK_FAULT(lldt(r, SEL_LDT | 4), VEC_GP, SEL_LDT | 4);
	CHECK_FAULT(lldt(r, SEL_DATA0), VEC_GP, SEL_DATA0);
	CHECK_FAULT(lldt(r, SEL_TSS2), VEC_GP, SEL_TSS2);
	CHECK_FAULT(lldt(r, 0x1000), VEC_GP, 0x1000);
	rig_gdt(r, SEL_LDT, rig_desc(0, 0xfff, A_LDT & ~A_ABSENT));
	CHECK_FAULT(lldt(r, SEL_LDT), VEC_NP, SEL_LDT);
	CHECK_EQ(r->c.ldt.base, RIG_LDT);
	rig_stop(r);
}

static void ltr_makes_an_available_task_busy(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	CHECK_FAULT(ltr(r, 0), VEC_GP, 0);
	CHECK_FAULT(ltr(r, SEL_TSS2 | 4), VEC_GP, SEL_TSS2 | 4);
	CHECK_FAULT(ltr(r, SEL_TSS), VEC_GP, SEL_TSS);
	CHECK_FAULT(ltr(r, SEL_LDT), VEC_GP, SEL_LDT);
	CHECK_FAULT(ltr(r, SEL_DATA0), VEC_GP, SEL_DATA0);
	CHECK(ltr(r, SEL_TSS2));
	CHECK_EQ(r->c.tr.base, RIG_TSS2);
	CHECK_EQ(r->c.tr.attr, A_BUSY32);
	CHECK_EQ(rig_get(r, RIG_GDT + SEL_TSS2 + 5, 1), A_BUSY32);
	CHECK_FAULT(ltr(r, SEL_TSS2), VEC_GP, SEL_TSS2);
	rig_gdt(r, SEL_TEST, rig_desc(RIG_TSS2, 0x2b, A_TSS16));
	CHECK(ltr(r, SEL_TEST));
	CHECK_EQ(r->c.tr.attr, A_TSS16 | 2);
	rig_gdt(r, SEL_TEST, rig_desc(RIG_TSS2, 0x2b, A_TSS32 & ~A_ABSENT));
	CHECK_FAULT(ltr(r, SEL_TEST), VEC_NP, SEL_TEST);
	CHECK_EQ(rig_get(r, RIG_GDT + SEL_TEST + 5, 1), A_TSS32 & ~A_ABSENT);
	rig_stop(r);
}

static void system_descriptors_have_16_bytes_in_ia32e_mode(void)
{
	static const enum rig_mode modes[] = { RIG_LONG, RIG_COMPAT };

	for (unsigned n = 0; n < ARRAY_LEN(modes); n++) {
		struct rig *r = rig_start(modes[n], 0);

		rig_gdt(r, SEL_TEST, rig_desc(0x80001000, 0x67, A_TSS32));
		rig_gdt(r, SEL_TEST + 8, 0xffffffff);
		CHECK(ltr(r, SEL_TEST));
		CHECK_EQ(r->c.tr.base, 0xffffffff80001000);
		rig_gdt(r, SEL_TEST, rig_desc(0x80001000, 0x67, A_TSS16));
		CHECK_FAULT(ltr(r, SEL_TEST), VEC_GP, SEL_TEST);
		rig_gdt(r, SEL_TEST, rig_desc(0x80001000, 0x67, A_TSS32));
		rig_gdt(r, SEL_TEST + 8, 0x7fff0000); /* not canonical */
		CHECK_FAULT(ltr(r, SEL_TEST), VEC_GP, SEL_TEST);
		CHECK_EQ(rig_get(r, RIG_GDT + SEL_TEST + 5, 1), A_TSS32);
		rig_gdt(r, SEL_TEST + 8, 0x100ull << 32); /* a type in the second half */
		CHECK_FAULT(ltr(r, SEL_TEST), VEC_GP, SEL_TEST);
		rig_gdt(r, SEL_TEST, rig_desc(0x1000, 0xfff, A_LDT));
		rig_gdt(r, SEL_TEST + 8, 0x1);
		CHECK(lldt(r, SEL_TEST));
		CHECK_EQ(r->c.ldt.base, 0x100001000);
		r->c.gdt.limit = SEL_TEST + 14;
		CHECK_FAULT(lldt(r, SEL_TEST), VEC_GP, SEL_TEST);
		rig_stop(r);
	}
}

/* ---- ports, bases ---- */

static void ports_follow_the_task_s_bits(void)
{
	struct rig *r = rig_start(RIG_PROT32, 3);

	rig_put(r, RIG_TSS + 102, 2, 0x68);
	CHECK_FAULT(rig_io(r, 0x60, 1), VEC_GP, 0); /* behind the end */
	r->c.tr.limit = 0x68 + 16;
	CHECK(rig_io(r, 0x60, 1));
	CHECK(rig_io(r, 0x7f, 1)); /* its byte is 15, and byte 16 is there */
	CHECK_FAULT(rig_io(r, 0x80, 1), VEC_GP, 0);
	rig_put(r, RIG_TSS + 0x68 + 12, 1, BIT(4)); /* port 64h */
	CHECK(rig_io(r, 0x60, 4));
	CHECK_FAULT(rig_io(r, 0x61, 4), VEC_GP, 0);
	CHECK_FAULT(rig_io(r, 0x64, 1), VEC_GP, 0);
	CHECK(rig_io(r, 0x65, 2));
	rig_put(r, RIG_TSS + 0x68 + 13, 1, BIT(0)); /* port 68h: bits of two bytes count */
	CHECK_FAULT(rig_io(r, 0x67, 2), VEC_GP, 0);
	r->c.tr.attr = A_TSS16 | 2;
	CHECK_FAULT(rig_io(r, 0x60, 1), VEC_GP, 0);
	r->c.rflags |= FL_IOPL;
	CHECK(rig_io(r, 0x64, 1));
	rig_stop(r);
	r = rig_start(RIG_V86, 3);
	r->c.rflags |= FL_IOPL; /* does not count */
	rig_put(r, RIG_TSS + 102, 2, 0xffff);
	CHECK_FAULT(rig_io(r, 0x60, 1), VEC_GP, 0);
	rig_stop(r);
	r = rig_start(RIG_REAL, 0);
	CHECK(rig_io(r, 0x60, 4));
	rig_stop(r);
	r = rig_start(RIG_PROT32, 0);
	CHECK(rig_io(r, 0x60, 4));
	rig_stop(r);
}

static void bases_of_fs_and_gs(void)
{
	struct rig *r = rig_start(RIG_LONG, 3);
	struct soft_cpu *c = &r->c;

	CHECK_FAULT(RUN_INSN(r, 0xf3, 0x0f, 0xae, 0xc0), VEC_UD, BIT(31));
	CHECK_FAULT(RUN_INSN(r, 0xf3, 0x0f, 0xae, 0xd0), VEC_UD, BIT(31));
	c->cr4 |= CR4_FSGSBASE;
	c->gpr[R_AX] = 0x7fffffffffff;
	CHECK(RUN_INSN(r, 0xf3, 0x48, 0x0f, 0xae, 0xd0)); /* wrfsbase rax */
	CHECK_EQ(c->seg_base[SEG_FS], 0x7fffffffffff);
	c->gpr[R_AX] = 0x800000000000;
	CHECK_FAULT(RUN_INSN(r, 0xf3, 0x48, 0x0f, 0xae, 0xd8), VEC_GP, 0);
	CHECK(RUN_INSN(r, 0xf3, 0x0f, 0xae, 0xd8)); /* wrgsbase eax */
	CHECK_EQ(c->seg[SEG_GS].base, 0);
	CHECK(RUN_INSN(r, 0xf3, 0x48, 0x0f, 0xae, 0xc1)); /* rdfsbase rcx */
	CHECK_EQ(c->gpr[R_CX], 0x7fffffffffff);
	CHECK(RUN_INSN(r, 0xf3, 0x0f, 0xae, 0xc1)); /* rdfsbase ecx */
	CHECK_EQ(c->gpr[R_CX], 0xffffffff);
	c->seg[SEG_GS].base = c->seg_base[SEG_GS] = 0x1111;
	c->kernel_gs_base = 0x2222;
	CHECK(RUN_INSN(r, 0x0f, 0x01, 0xf8)); /* swapgs; its privilege is checked elsewhere */
	CHECK_EQ(c->seg_base[SEG_GS], 0x2222);
	CHECK_EQ(c->kernel_gs_base, 0x1111);
	CHECK(RUN_INSN(r, 0xf3, 0x48, 0x0f, 0xae, 0xc9)); /* rdgsbase rcx */
	CHECK_EQ(c->gpr[R_CX], 0x2222);
	rig_stop(r);
}

static void run_all(void)
{
	RUN(loads_make_the_documented_checks);
	RUN(null_selectors_are_for_data_segments);
	RUN(selectors_end_with_their_table);
	RUN(the_accessed_bit_is_written_once_and_may_fault);
	RUN(real_mode_changes_selector_and_base_alone);
	RUN(stores_of_selectors_have_the_operand_size);
	RUN(pushes_and_pops_of_segments);
	RUN(far_pointers_load_both_or_nothing);
	RUN(lar_and_lsl_know_some_system_types);
	RUN(looking_at_segments_obeys_privilege);
	RUN(arpl_raises_rpl_only);
	RUN(lldt_wants_an_ldt_of_the_gdt);
	RUN(ltr_makes_an_available_task_busy);
	RUN(system_descriptors_have_16_bytes_in_ia32e_mode);
	RUN(ports_follow_the_task_s_bits);
	RUN(bases_of_fs_and_gs);
}

int main(void)
{
	run_all();
	rig_slow = true;
	run_all();
	return 0;
}
