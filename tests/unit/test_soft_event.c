/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU: interrupts and exceptions on their way to a handler, and what fails on it. */
#include "soft_rig.h"

#define OK 0
#define EVENT(v, k) ((struct soft_event){ .vector = (v), .kind = (k) })
#define EXCEPTION(v) EVENT(v, EV_EXCEPTION)
#define WITH_ERROR(v, e)                                                                           \
	((struct soft_event){                                                                      \
		.vector = (v), .kind = EV_EXCEPTION, .has_error = true, .error = (e) })

enum { HANDLER = 0x40000 };

static void check_row(struct rig *r, unsigned n, bool ok, u32 fault)
{
	if (ok == (fault == OK) && (ok || rig_raised(r) == fault))
		return;
	fprintf(stderr, "row %u: %x\n", n, ok ? 0 : rig_raised(r));
	exit(1);
}

/* ---- real mode ---- */

static void real_mode_goes_through_the_ivt(void)
{
	struct rig *r = rig_start(RIG_REAL, 0);
	struct soft_cpu *c = &r->c;

	rig_put(r, RIG_IDT + 0x21 * 4, 4, 0xf0001234);
	c->rip = 0x100;
	flags_set(c, FL_CF | FL_IF | FL_TF | FL_AC, ~0u);
	CHECK(RUN_INSN(r, 0xcd, 0x21));
	CHECK_EQ(c->rip, 0x1234);
	CHECK_EQ(c->seg[SEG_CS].base, 0xf0000);
	CHECK_EQ(c->gpr[R_SP], 0x7ffa);
	CHECK_EQ(rig_get(r, 0x7ffa, 2), 0x102);
	CHECK_EQ(rig_get(r, 0x7ffc, 2), RIG_CODE >> 4);
	CHECK_EQ(rig_get(r, 0x7ffe, 2), FL_CF | FL_IF | FL_TF | FL_1);
	CHECK_EQ(flags_get(c), FL_CF | FL_1);
	/* No error codes here. */
	rig_put(r, RIG_IDT + VEC_GP * 4, 4, 0xe0004321);
	CHECK(rig_deliver(r, WITH_ERROR(VEC_GP, 0x55)));
	CHECK_EQ(c->gpr[R_SP], 0x7ff4);
	CHECK_EQ(rig_get(r, 0x7ff4, 4), 0xf0001234);
	c->rip = 5;
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(c->rip, 0x1234);
	rig_stop(r);
}

static void a_short_ivt_ends_in_shutdown(void)
{
	struct rig *r = rig_start(RIG_REAL, 0);

	r->c.idt.limit = 0x20 * 4 + 2;
	CHECK_FAULT(rig_deliver(r, EVENT(0x20, EV_EXT)), VEC_GP, 0x20 * 8 + 2);
	CHECK(rig_deliver_all(r, EVENT(0x20, EV_EXT))); /* #GP has its entry */
	r->c.idt.limit = VEC_GP * 4 + 2;
	rig_put(r, RIG_IDT + VEC_DF * 4, 4, 0x10000042);
	CHECK(rig_deliver_all(r, EXCEPTION(VEC_GP))); /* becomes #DF */
	CHECK_EQ(r->c.rip, 0x42);
	r->c.idt.limit = VEC_DF * 4 + 2;
	CHECK(!rig_deliver_all(r, EXCEPTION(VEC_GP)));
	r->c.idt.limit = 0x3ff;
	r->c.gpr[R_SP] = 5;
	CHECK(!rig_deliver_all(r, EVENT(0x20, EV_EXT))); /* no room for anything */
	CHECK_EQ(r->c.gpr[R_SP], 5);
	rig_stop(r);
}

/* ---- protected mode: gates and their code segments. SDM 2A, INT n ---- */

struct gate_case {
	enum rig_mode mode;
	u8 cpl;
	u8 kind;
	u16 gate, code, sel; /* attributes; the handler's selector */
	u8 to;
	u32 fault;
};

#define GP_IDT FAULT(VEC_GP, 0x40 * 8 + 2)
#define GP_TEST FAULT(VEC_GP, SEL_TEST)
#define DPL3_INT (A_INT32 | A_DPL3)

static const struct gate_case gates[] = {
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_CODE32, SEL_TEST, 0, OK },
	{ RIG_PROT32, 3, EV_EXT, A_INT32, A_CODE32, SEL_TEST, 0, OK },
	{ RIG_PROT32, 3, EV_EXT, A_TRAP32, A_CODE32 | A_DPL1, SEL_TEST | 3, 1, OK },
	{ RIG_PROT32, 3, EV_EXT, A_TRAP32, A_CODE32 | A_DPL3, SEL_TEST, 3, OK },
	{ RIG_PROT32, 3, EV_EXT, A_TRAP32, A_CONF32, SEL_TEST, 3, OK },
	{ RIG_PROT32, 3, EV_SOFT_INT, DPL3_INT, A_CODE32, SEL_TEST, 0, OK },
	{ RIG_PROT32, 3, EV_SOFT_INT, A_INT32, A_CODE32, SEL_TEST, 0, GP_IDT },
	{ RIG_PROT32, 3, EV_SOFT_EXC, A_INT32, A_CODE32, SEL_TEST, 0, GP_IDT },
	{ RIG_PROT32, 3, EV_ICEBP, A_INT32, A_CODE32, SEL_TEST, 0, OK },
	{ RIG_PROT32, 0, EV_SOFT_INT, A_INT32, A_CODE32, SEL_TEST, 0, OK },
	{ RIG_PROT32, 3, EV_SOFT_INT, A_INT32 & ~A_ABSENT, A_CODE32, SEL_TEST, 0, GP_IDT },
	{ RIG_PROT32, 3, EV_EXT, A_INT32 & ~A_ABSENT, A_CODE32, SEL_TEST, 0,
	  FAULT(VEC_NP, 0x40 * 8 + 2) },
	{ RIG_PROT32, 0, EV_EXT, A_CALL32, A_CODE32, SEL_TEST, 0, GP_IDT },
	{ RIG_PROT32, 0, EV_EXT, A_TSS32, A_CODE32, SEL_TEST, 0, GP_IDT },
	{ RIG_PROT32, 0, EV_EXT, A_CODE32, A_CODE32, SEL_TEST, 0, GP_IDT },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_CODE32, 3, 0, FAULT(VEC_GP, 0) },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_CODE32, 0x1000, 0, FAULT(VEC_GP, 0x1000) },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_DATA32, SEL_TEST, 0, GP_TEST },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_CODE32 | A_DPL3, SEL_TEST, 0, GP_TEST },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_CONF32 | A_DPL3, SEL_TEST, 0, GP_TEST },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, A_CODE32 & ~A_ABSENT, SEL_TEST, 0,
	  FAULT(VEC_NP, SEL_TEST) },
	{ RIG_PROT32, 0, EV_EXT, A_INT32, 0x409b, SEL_TEST, 0, FAULT(VEC_GP, 0) }, /* limit */
	{ RIG_V86, 3, EV_EXT, A_INT32, A_CODE32, SEL_TEST, 0, OK },
	{ RIG_V86, 3, EV_EXT, A_INT32, A_CODE32 | A_DPL1, SEL_TEST, 0, GP_TEST },
	{ RIG_V86, 3, EV_EXT, A_INT32, A_CONF32, SEL_TEST, 0, GP_TEST },
	{ RIG_V86, 3, EV_EXT, A_INT32, A_CODE32 | A_DPL3, SEL_TEST, 0, GP_TEST },
	{ RIG_V86, 3, EV_SOFT_INT, DPL3_INT, A_CODE32, SEL_TEST, 0, FAULT(VEC_GP, 0) },
	{ RIG_V86, 3, EV_SOFT_EXC, DPL3_INT, A_CODE32, SEL_TEST, 0, OK }, /* INT3: no IOPL */
	{ RIG_LONG, 0, EV_EXT, A_INT32, A_CODE64, SEL_TEST, 0, OK },
	{ RIG_LONG, 3, EV_EXT, A_INT32, A_CODE64, SEL_TEST, 0, OK },
	{ RIG_LONG, 3, EV_EXT, A_INT32, A_CODE64 | A_DPL1, SEL_TEST, 1, OK },
	{ RIG_LONG, 3, EV_EXT, A_INT32, A_CODE64 | 4, SEL_TEST, 3, OK },
	{ RIG_LONG, 3, EV_SOFT_INT, A_INT32, A_CODE64, SEL_TEST, 0, GP_IDT },
	{ RIG_COMPAT, 3, EV_EXT, A_TRAP32, A_CODE64, SEL_TEST, 0, OK },
	{ RIG_LONG, 0, EV_EXT, A_INT32, A_CODE32, SEL_TEST, 0, GP_TEST },
	{ RIG_LONG, 0, EV_EXT, A_INT32, A_CODE64 | 0x4000, SEL_TEST, 0, GP_TEST },
	{ RIG_LONG, 0, EV_EXT, A_INT16, A_CODE64, SEL_TEST, 0, GP_IDT },
	{ RIG_LONG, 0, EV_EXT, A_TASK, A_CODE64, SEL_TEST, 0, GP_IDT },
	{ RIG_LONG, 0, EV_EXT, A_INT32, A_CODE64 & ~A_ABSENT, SEL_TEST, 0,
	  FAULT(VEC_NP, SEL_TEST) },
	{ RIG_LONG, 0, EV_EXT, A_INT32, A_CODE64, 0, 0, FAULT(VEC_GP, 0) },
};

static u64 off_of(const struct gate_case *t)
{
	return t->mode >= RIG_COMPAT ? 0xffff800000123456 : 0x123456;
}

static void gates_check_handler_and_privilege(void)
{
	for (unsigned n = 0; n < ARRAY_LEN(gates); n++) {
		const struct gate_case *t = &gates[n];
		struct rig *r = rig_start(t->mode, t->cpl);
		u64 sp = r->c.gpr[R_SP], fl = r->c.rflags;
		unsigned cpl = r->c.cpl;
		bool ok;

		rig_gdt(r, SEL_TEST, rig_desc(0, 0xffffff, t->code & ~1u));
		rig_idt(r, 0x40, t->gate, t->sel, off_of(t), 0);
		ok = rig_deliver(r, EVENT(0x40, t->kind));
		check_row(r, n, ok, t->fault);
		CHECK_EQ(r->c.cpl, ok ? t->to : cpl);
		if (ok) {
			CHECK_EQ(r->c.rip, off_of(t));
			CHECK_EQ(r->c.seg[SEG_CS].sel, SEL_TEST | t->to);
			CHECK_EQ(r->c.rflags & FL_IF, (t->gate & 15) == 15 ? FL_IF : 0);
			CHECK_EQ(rig_get(r, RIG_GDT + SEL_TEST + 5, 1) & 1, 1);
		} else {
			CHECK_EQ(r->c.gpr[R_SP], sp);
			CHECK_EQ(r->c.rflags, fl);
		}
		rig_stop(r);
	}
}

static void frames_of_32_bit_gates(void)
{
	struct rig *r = rig_start(RIG_PROT32, 3);
	struct soft_cpu *c = &r->c;

	rig_idt(r, VEC_GP, A_TRAP32, SEL_CODE0, HANDLER, 0);
	flags_set(c, FL_NT | FL_TF | FL_AC | FL_ZF, FL_NT | FL_TF | FL_AC | FL_ZF);
	CHECK(rig_deliver(r, WITH_ERROR(VEC_GP, 0x1234)));
	CHECK_EQ(c->gpr[R_SP], RIG_STACK0 - 24);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 24, 4), 0x1234);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 20, 4), RIG_CODE);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 16, 4), SEL_CODE3 | 3);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 12, 4),
		 FL_NT | FL_TF | FL_AC | FL_ZF | FL_IF | FL_RF | FL_1);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 8, 4), RIG_STACK);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 4, 4), SEL_DATA3 | 3);
	CHECK_EQ(flags_get(c), FL_AC | FL_ZF | FL_IF | FL_1);
	CHECK_EQ(c->seg[SEG_SS].sel, SEL_DATA0);
	/* The same privilege: the stack goes on. */
	rig_idt(r, 0x80, A_INT16, SEL_CODE0, 0xabc4321, 0);
	CHECK(RUN_INSN(r, 0xcd, 0x80));
	CHECK_EQ(c->rip, 0x4321);
	CHECK_EQ(c->gpr[R_SP], RIG_STACK0 - 30);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 30, 4), SEL_CODE0 << 16 | ((HANDLER + 2) & 0xffff));
	rig_stop(r);
}

static void frames_of_64_bit_gates(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);
	struct soft_cpu *c = &r->c;
	u64 top = RIG_STACK - 16;

	rig_idt(r, VEC_PF, A_INT32, SEL_CODE64_0, HANDLER, 0);
	c->gpr[R_SP] = RIG_STACK - 3; /* to be aligned */
	CHECK(rig_deliver(r,
			  (struct soft_event){ VEC_PF, EV_EXCEPTION, true, 6, 0x1234567890, 0 }));
	CHECK_EQ(c->cr2, 0x1234567890);
	CHECK_EQ(c->gpr[R_SP], top - 48);
	CHECK_EQ(rig_get(r, top - 48, 8), 6);
	CHECK_EQ(rig_get(r, top - 40, 8), RIG_CODE);
	CHECK_EQ(rig_get(r, top - 32, 8), SEL_CODE64_0);
	CHECK_EQ(rig_get(r, top - 24, 8), FL_IF | FL_RF | FL_1);
	CHECK_EQ(rig_get(r, top - 16, 8), RIG_STACK - 3);
	CHECK_EQ(rig_get(r, top - 8, 8), SEL_DATA0);
	CHECK_EQ(c->seg[SEG_SS].sel, SEL_DATA0); /* no change of privilege */
	rig_stop(r);
	r = rig_start(RIG_COMPAT, 3);
	c = &r->c;
	rig_idt(r, 0x40, A_INT32, SEL_CODE64_0, HANDLER, 0);
	rig_put(r, RIG_TSS + 4, 8, RIG_STACK0 + 9);
	CHECK(rig_deliver(r, EVENT(0x40, EV_EXT)));
	CHECK_EQ(c->gpr[R_SP], RIG_STACK0 - 40);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 8, 8), SEL_DATA3 | 3);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 24, 8), FL_IF | FL_1); /* between instructions: no RF */
	CHECK_EQ(c->seg[SEG_SS].sel, 0);
	CHECK_EQ(c->mode, CPU_64);
	rig_stop(r);
}

static void interrupt_stacks_of_the_task_state(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);
	struct soft_cpu *c = &r->c;

	rig_idt(r, VEC_DF, A_INT32, SEL_CODE64_0, HANDLER, 1);
	CHECK(rig_deliver(r, WITH_ERROR(VEC_DF, 0)));
	CHECK_EQ(c->gpr[R_SP], RIG_STACK2 - 48);
	CHECK_EQ(c->seg[SEG_SS].sel, SEL_DATA0);
	rig_idt(r, VEC_NMI, A_INT32, SEL_CODE64_0, HANDLER, 7);
	rig_put(r, RIG_TSS + 0x54, 8, RIG_STACK1);
	CHECK(rig_deliver(r, EVENT(VEC_NMI, EV_NMI)));
	CHECK_EQ(c->gpr[R_SP], RIG_STACK1 - 40);
	CHECK(c->nmi_blocked);
	c->tr.limit = 0x5a;
	CHECK_FAULT(rig_deliver(r, EVENT(VEC_NMI, EV_NMI)), VEC_TS, SEL_TSS);
	c->tr.limit = 0x5b;
	rig_put(r, RIG_TSS + 0x54, 8, 0x800000000000); /* though all that is written would be */
	CHECK_FAULT(rig_deliver(r, EVENT(VEC_NMI, EV_NMI)), VEC_SS, 0);
	rig_stop(r);
}

static void a_frame_is_written_whole_or_not_at_all(void)
{
	struct rig *r = rig_start(RIG_LONG, 3);
	u64 top = 0x50010; /* the frame crosses a page */

	rig_idt(r, 0x40, A_INT32, SEL_CODE64_0, HANDLER, 0);
	rig_put(r, RIG_TSS + 4, 8, top);
	rig_put(r, top - 8, 8, 0x55);
	r->page[0x4f] = PAGE_ABSENT;
	CHECK_FAULT(rig_deliver(r, EVENT(0x40, EV_EXT)), VEC_PF, 2);
	CHECK_EQ(rig_get(r, top - 8, 8), 0x55);
	CHECK_EQ(r->c.gpr[R_SP], RIG_STACK);
	CHECK_EQ(r->c.cpl, 3);
	r->page[0x4f] = PAGE_SYSTEM; /* stacks of more privilege are the system's */
	r->page[0x50] = PAGE_SYSTEM;
	CHECK(rig_deliver(r, EVENT(0x40, EV_EXT)));
	CHECK_EQ(rig_get(r, top - 8, 8), SEL_DATA3 | 3);
	rig_stop(r);
	/* A handler of the same privilege writes with the program's rights. */
	r = rig_start(RIG_LONG, 3);
	rig_gdt(r, SEL_TEST, rig_desc(0, ~0u, A_CODE64 | 4));
	rig_idt(r, 0x40, A_INT32, SEL_TEST, HANDLER, 0);
	r->page[RIG_STACK / PAGE - 1] = PAGE_SYSTEM;
	CHECK_FAULT(rig_deliver(r, EVENT(0x40, EV_EXT)), VEC_PF, 7);
	rig_stop(r);
}

static void the_idt_ends_with_its_limit(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);

	rig_idt(r, 0x40, A_INT32, SEL_CODE0, HANDLER, 0);
	r->c.idt.limit = 0x40 * 8 + 6;
	CHECK_FAULT(rig_deliver(r, EVENT(0x40, EV_EXT)), VEC_GP, 0x40 * 8 + 2);
	r->c.idt.limit++;
	CHECK(rig_deliver(r, EVENT(0x40, EV_EXT)));
	rig_stop(r);
	r = rig_start(RIG_LONG, 0);
	rig_idt(r, 0x40, A_INT32, SEL_CODE64_0, HANDLER, 0);
	r->c.idt.limit = 0x40 * 16 + 14;
	CHECK_FAULT(RUN_INSN(r, 0xcd, 0x40), VEC_GP, 0x40 * 8 + 2);
	r->c.idt.limit++;
	CHECK(RUN_INSN(r, 0xcd, 0x40));
	rig_stop(r);
}

static void virtual_8086_mode_saves_and_clears_segments(void)
{
	struct rig *r = rig_start(RIG_V86, 3);
	struct soft_cpu *c = &r->c;
	static const u32 want[] = { 0x21,   0x3000, FL_VM | FL_IF | FL_IOPL | FL_1,
				    0x8000, 0x2000, 0x4000,
				    0x5000, 0x6000, 0x7000 };
	static const u8 order[] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned n = 0; n < ARRAY_LEN(order); n++)
		c->seg[order[n]].sel = (u16)(n ? 0x3000 + n * 0x1000 : 0x2000);
	rig_idt(r, 0x40, DPL3_INT, SEL_CODE0, HANDLER, 0);
	c->rflags |= FL_IOPL;
	c->rip = 0x1f;
	CHECK(RUN_INSN(r, 0xcd, 0x40));
	CHECK_EQ(c->gpr[R_SP], RIG_STACK0 - 36);
	for (unsigned n = 0; n < ARRAY_LEN(want); n++)
		CHECK_EQ(rig_get(r, RIG_STACK0 - 36 + 4 * n, 4), want[n]);
	CHECK_EQ(c->v86, false);
	CHECK_EQ(c->mode, CPU_32);
	CHECK_EQ(c->seg[SEG_GS].sel | c->seg[SEG_DS].attr, 0);
	CHECK_EQ(flags_get(c), FL_IOPL | FL_1);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK(c->v86);
	CHECK_EQ(c->rip, 0x21);
	CHECK_EQ(c->seg[SEG_GS].base, 0x70000);
	CHECK_EQ(c->seg[SEG_SS].base, 0x20000);
	CHECK_EQ(c->gpr[R_SP], 0x8000);
	rig_stop(r);
}

/* ---- INT3, INTO, INT1; debug registers; RF ---- */

static void software_events_return_behind_themselves(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);
	struct soft_cpu *c = &r->c;

	for (unsigned n = 0; n < 5; n++)
		rig_idt(r, n, A_TRAP32, SEL_CODE0, HANDLER + n, 0);
	c->trap_tf = true;
	CHECK(RUN_INSN(r, 0xcc));
	CHECK_EQ(c->rip, HANDLER + VEC_BP);
	CHECK_EQ(rig_get(r, RIG_STACK - 12, 4), RIG_CODE + 1);
	CHECK_EQ(c->trap_tf, false);
	c->rip = RIG_CODE;
	CHECK(RUN_INSN(r, 0xce)); /* INTO without overflow */
	CHECK_EQ(c->rip, RIG_CODE + 1);
	flags_set(c, FL_OF, FL_OF);
	CHECK(RUN_INSN(r, 0xce));
	CHECK_EQ(c->rip, HANDLER + VEC_OF);
	CHECK_EQ(rig_get(r, RIG_STACK - 24, 4), RIG_CODE + 2);
	CHECK_EQ(rig_get(r, RIG_STACK - 16, 4), FL_OF | FL_IF | FL_1); /* no RF */
	c->dr[6] |= 5;
	CHECK(RUN_INSN(r, 0xf1));
	CHECK_EQ(c->rip, HANDLER + VEC_DB);
	CHECK_EQ(rig_get(r, RIG_STACK - 36, 4), HANDLER + VEC_OF + 1);
	CHECK_EQ(c->dr[6], 0xffff0ff5);
	/* What fails is the instruction's own fault: RIP stays. */
	c->idt.limit = 7;
	CHECK_FAULT(RUN_INSN(r, 0xcc), VEC_GP, VEC_BP * 8 + 2);
	CHECK_EQ(c->rip, HANDLER + VEC_DB);
	rig_stop(r);
}

static void debug_exceptions_say_why_in_dr6(void)
{
	enum { BS = BIT(14), BD = BIT(13), GD = BIT(13) };
	struct rig *r = rig_start(RIG_LONG, 0);
	struct soft_cpu *c = &r->c;
	struct soft_event e = EXCEPTION(VEC_DB);

	rig_idt(r, VEC_DB, A_TRAP32, SEL_CODE64_0, HANDLER, 0);
	c->dr[6] |= 8;
	c->dr[7] |= GD;
	c->debugctl = 3;
	e.dr6 = BS | 2;
	CHECK(rig_deliver(r, e));
	CHECK_EQ(c->dr[6], 0xffff0ff0 | BS | 2);
	CHECK_EQ(c->dr[7], 0x400);
	CHECK_EQ(c->debugctl, 0);
	CHECK_EQ(rig_get(r, RIG_STACK - 24, 8) & FL_RF, 0); /* a trap */
	e.dr6 = BD;
	CHECK(rig_deliver(r, e));
	CHECK_EQ(c->dr[6], 0xffff0ff0 | BS | BD);
	CHECK_EQ(rig_get(r, RIG_STACK - 48 - 24, 8) & FL_RF, FL_RF); /* a fault */
	rig_stop(r);
}

static void faults_push_rf_and_others_do_not(void)
{
	static const struct {
		u8 vector, kind;
		bool rf;
	} rows[] = {
		{ VEC_DE, EV_EXCEPTION, true },  { VEC_UD, EV_EXCEPTION, true },
		{ VEC_NM, EV_EXCEPTION, true },  { VEC_MF, EV_EXCEPTION, true },
		{ VEC_XM, EV_EXCEPTION, true },  { VEC_BR, EV_EXCEPTION, true },
		{ VEC_DB, EV_EXCEPTION, false }, { VEC_NMI, EV_NMI, false },
		{ VEC_UD, EV_SOFT_INT, false },  { 0x30, EV_EXT, false },
		{ VEC_MC, EV_EXCEPTION, false },
	};

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = rig_start(RIG_LONG, 0);

		rig_idt(r, rows[n].vector, A_INT32, SEL_CODE64_0, HANDLER, 0);
		CHECK(rig_deliver(r, EVENT(rows[n].vector, rows[n].kind)));
		CHECK_EQ(!!(rig_get(r, RIG_STACK - 24, 8) & FL_RF), rows[n].rf);
		rig_stop(r);
	}
}

/* ---- faults on the way. SDM 3A tables 6-4 and 6-5 ---- */

static struct soft_event merged(struct rig *r, struct soft_event first, struct soft_event second,
				bool want)
{
	r->c.delivering = first;
	r->c.event = second;
	CHECK_EQ(event_merge(&r->c), want);
	return r->c.event;
}

static void two_faults_make_a_double_fault_or_not(void)
{
	static const u8 benign[] = { VEC_DB, VEC_BP, VEC_OF, VEC_BR, VEC_UD,
				     VEC_NM, VEC_MF, VEC_AC, VEC_MC, VEC_XM };
	static const u8 contributory[] = { VEC_DE, VEC_TS, VEC_NP, VEC_SS, VEC_GP };
	struct rig *r = rig_start(RIG_LONG, 0);
	struct soft_event pf = WITH_ERROR(VEC_PF, 2), df = WITH_ERROR(VEC_DF, 0);

	for (unsigned n = 0; n < ARRAY_LEN(contributory); n++) {
		struct soft_event e = EXCEPTION(contributory[n]);

		for (unsigned k = 0; k < ARRAY_LEN(contributory); k++)
			CHECK_EQ(merged(r, EXCEPTION(contributory[k]), e, true).vector, VEC_DF);
		for (unsigned k = 0; k < ARRAY_LEN(benign); k++) {
			CHECK_EQ(merged(r, EXCEPTION(benign[k]), e, true).vector, e.vector);
			CHECK_EQ(merged(r, e, EXCEPTION(benign[k]), true).vector, benign[k]);
		}
		CHECK_EQ(merged(r, e, pf, true).vector, VEC_PF);
		CHECK_EQ(merged(r, pf, e, true).vector, VEC_DF);
		merged(r, df, e, false);
		CHECK_EQ(merged(r, EVENT(0x30, EV_EXT), e, true).vector, e.vector);
		CHECK_EQ(merged(r, EVENT(VEC_GP, EV_SOFT_INT), e, true).vector, e.vector);
		CHECK_EQ(merged(r, EVENT(VEC_NMI, EV_NMI), e, true).vector, e.vector);
	}
	pf.cr2 = 0x1234;
	CHECK_EQ(merged(r, pf, pf, true).vector, VEC_DF);
	CHECK_EQ(r->c.event.error, 0);
	CHECK(r->c.event.has_error);
	CHECK_EQ(r->c.cr2, 0x1234);
	merged(r, df, pf, false);
	CHECK_EQ(merged(r, EVENT(0x30, EV_EXT), pf, true).vector, VEC_PF);
	CHECK_EQ(merged(r, df, EXCEPTION(VEC_DB), true).vector, VEC_DB);
	rig_stop(r);
}

static void faults_of_external_events_have_the_ext_bit(void)
{
	struct rig *r = rig_start(RIG_PROT32, 0);
	struct soft_event gp = WITH_ERROR(VEC_GP, 0x202), pf = WITH_ERROR(VEC_PF, 2);

	CHECK_EQ(merged(r, EVENT(0x40, EV_EXT), gp, true).error, 0x203);
	CHECK_EQ(merged(r, EVENT(VEC_NMI, EV_NMI), gp, true).error, 0x203);
	CHECK_EQ(merged(r, EVENT(VEC_DB, EV_ICEBP), gp, true).error, 0x203);
	CHECK_EQ(merged(r, EXCEPTION(VEC_UD), gp, true).error, 0x203);
	CHECK_EQ(merged(r, EVENT(0x40, EV_SOFT_INT), gp, true).error, 0x202);
	CHECK_EQ(merged(r, EVENT(VEC_BP, EV_SOFT_EXC), gp, true).error, 0x202);
	CHECK_EQ(merged(r, EVENT(0x40, EV_EXT), pf, true).error, 2);
	rig_stop(r);
}

static void what_fails_is_delivered_in_its_place(void)
{
	struct rig *r = rig_start(RIG_PROT32, 3);
	struct soft_cpu *c = &r->c;

	/* Nothing at vector 40h but a handler for #NP. */
	rig_idt(r, 0x40, A_INT32 & ~A_ABSENT, SEL_CODE0, HANDLER, 0);
	rig_idt(r, VEC_NP, A_INT32, SEL_CODE0, HANDLER + 1, 0);
	CHECK(rig_deliver_all(r, EVENT(0x40, EV_EXT)));
	CHECK_EQ(c->rip, HANDLER + 1);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 24, 4), 0x40 * 8 + 3);
	CHECK_EQ(rig_get(r, RIG_STACK0 - 20, 4), RIG_CODE);
	rig_stop(r);
	/* A page fault whose handler's stack is not there, and so on to the end. */
	r = rig_start(RIG_LONG, 3);
	c = &r->c;
	rig_idt(r, VEC_PF, A_INT32, SEL_CODE64_0, HANDLER, 0);
	rig_idt(r, VEC_DF, A_INT32, SEL_CODE64_0, HANDLER + 2, 1);
	r->page[RIG_STACK0 / PAGE - 1] = PAGE_ABSENT;
	CHECK(rig_deliver_all(r, WITH_ERROR(VEC_PF, 4)));
	CHECK_EQ(c->rip, HANDLER + 2);
	CHECK_EQ(c->gpr[R_SP], RIG_STACK2 - 48);
	CHECK_EQ(rig_get(r, RIG_STACK2 - 40, 8), RIG_CODE);
	CHECK_EQ(c->cr2, RIG_STACK0 - 8); /* the first push */
	r->page[RIG_STACK2 / PAGE - 1] = PAGE_ABSENT;
	CHECK(!rig_deliver_all(r, WITH_ERROR(VEC_PF, 4)));
	rig_stop(r);
}

static void run_all(void)
{
	RUN(real_mode_goes_through_the_ivt);
	RUN(a_short_ivt_ends_in_shutdown);
	RUN(gates_check_handler_and_privilege);
	RUN(frames_of_32_bit_gates);
	RUN(frames_of_64_bit_gates);
	RUN(interrupt_stacks_of_the_task_state);
	RUN(a_frame_is_written_whole_or_not_at_all);
	RUN(the_idt_ends_with_its_limit);
	RUN(virtual_8086_mode_saves_and_clears_segments);
	RUN(software_events_return_behind_themselves);
	RUN(debug_exceptions_say_why_in_dr6);
	RUN(faults_push_rf_and_others_do_not);
	RUN(two_faults_make_a_double_fault_or_not);
	RUN(faults_of_external_events_have_the_ext_bit);
	RUN(what_fails_is_delivered_in_its_place);
}

int main(void)
{
	run_all();
	rig_slow = true;
	run_all();
	return 0;
}
