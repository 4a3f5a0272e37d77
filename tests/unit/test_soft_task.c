/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU: task switches between 16-bit and 32-bit tasks, and what may be wrong with one. */
#include "soft_rig.h"

#define GATE_IDT 0x40
enum { EIP = 32, FLAGS = 36, GPR = 40, SEG = 72, LDT = 96, TRAP = 100, DR6_BT = BIT(15) };

/* A sound task of privilege 0 in the second task state. */
static struct rig *start(unsigned cpl)
{
	static const u16 seg[6] = { SEL_DATA0, SEL_CODE0, SEL_DATA0, SEL_DATA3, 0, SEL_DATA16 };
	struct rig *r = rig_start(RIG_PROT32, cpl);

	rig_put(r, RIG_TSS2 + 28, 4, 0x7000);
	rig_put(r, RIG_TSS2 + EIP, 4, 0x44444);
	rig_put(r, RIG_TSS2 + FLAGS, 4, FL_CF | FL_IOPL | FL_1);
	for (unsigned n = 0; n < 8; n++)
		rig_put(r, RIG_TSS2 + GPR + 4 * n, 4, 0x10000 + 0x1111 * n);
	rig_put(r, RIG_TSS2 + GPR + 16, 4, RIG_STACK2);
	for (unsigned n = 0; n < 6; n++)
		rig_put(r, RIG_TSS2 + SEG + 4 * n, 2, seg[n]);
	rig_put(r, RIG_TSS2 + LDT, 2, SEL_LDT);
	for (unsigned n = 0; n < 8; n++)
		r->c.gpr[n] = n == R_SP ? RIG_STACK : 0xa0000 + n;
	return r;
}

static bool jmp(struct rig *r, u16 sel)
{
	return RUN_INSN(r, 0xea, 0, 0, 0, 0, (u8)sel, (u8)(sel >> 8));
}

static bool call(struct rig *r, u16 sel)
{
	return RUN_INSN(r, 0x9a, 0, 0, 0, 0, (u8)sel, (u8)(sel >> 8));
}

static u64 type(struct rig *r, u16 sel)
{
	return rig_get(r, RIG_GDT + (sel & ~7u) + 5, 1);
}

static void a_jump_saves_all_and_loads_all(void)
{
	struct rig *r = start(0);
	struct soft_cpu *c = &r->c;

	c->dr[7] = 0x7ff;
	rig_put(r, RIG_TSS + SEG + 2, 2, 0x5555);
	flags_set(c, FL_NT | FL_ZF, FL_NT | FL_ZF);
	CHECK(jmp(r, SEL_TSS2));
	CHECK_EQ(rig_get(r, RIG_TSS + EIP, 4), RIG_CODE + 7);
	CHECK_EQ(rig_get(r, RIG_TSS + FLAGS, 4), FL_NT | FL_ZF | FL_IF | FL_1);
	CHECK_EQ(rig_get(r, RIG_TSS + GPR, 4), 0xa0000);
	CHECK_EQ(rig_get(r, RIG_TSS + GPR + 16, 4), RIG_STACK);
	CHECK_EQ(rig_get(r, RIG_TSS + GPR + 28, 4), 0xa0007);
	CHECK_EQ(rig_get(r, RIG_TSS + SEG, 4), 0x55550000 | SEL_DATA0);
	CHECK_EQ(rig_get(r, RIG_TSS + SEG + 4, 4), SEL_CODE0);
	CHECK_EQ(type(r, SEL_TSS), A_TSS32);
	CHECK_EQ(type(r, SEL_TSS2), A_BUSY32);
	CHECK_EQ(c->tr.sel, SEL_TSS2);
	CHECK_EQ(c->tr.base, RIG_TSS2);
	CHECK_EQ(c->tr.attr, A_BUSY32);
	CHECK_EQ(c->rip, 0x44444);
	CHECK_EQ(flags_get(c), FL_CF | FL_IOPL | FL_1);
	CHECK_EQ(c->gpr[R_DX], 0x12222);
	CHECK_EQ(c->gpr[R_SP], RIG_STACK2);
	CHECK_EQ(c->seg[SEG_DS].attr, A_DATA32 | A_DPL3);
	CHECK_EQ(c->seg[SEG_FS].attr, 0);
	CHECK_EQ(c->seg[SEG_GS].limit, 0xffff);
	CHECK_EQ(c->ldt.base, RIG_LDT);
	CHECK_EQ(c->dr[7], 0x7ff & ~0x155);
	CHECK(c->cr0 & CR0_TS);
	CHECK_EQ(c->cr3, 0);                             /* no paging, no CR3 */
	CHECK_EQ(rig_get(r, RIG_TSS2, 2), 0);            /* no way back */
	CHECK_FAULT(jmp(r, SEL_TSS2), VEC_GP, SEL_TSS2); /* busy */
	rig_stop(r);
}

static void a_call_and_its_return(void)
{
	struct rig *r = start(0);
	struct soft_cpu *c = &r->c;

	c->cr0 |= CR0_PG;
	c->cr3 = 0x6000;
	rig_put(r, RIG_TSS + 28, 4, 0x6000);
	rig_put(r, RIG_TSS + LDT, 2, 0);
	CHECK(call(r, SEL_TSS2));
	CHECK_EQ(rig_get(r, RIG_TSS2, 2), SEL_TSS);
	CHECK_EQ(flags_get(c), FL_NT | FL_CF | FL_IOPL | FL_1);
	CHECK_EQ(type(r, SEL_TSS), A_BUSY32);
	CHECK_EQ(type(r, SEL_TSS2), A_BUSY32);
	CHECK_EQ(c->cr3, 0x7000);
	c->gpr[R_AX] = 0x99;
	CHECK(RUN_INSN(r, 0xcf)); /* iret */
	CHECK_EQ(c->tr.sel, SEL_TSS);
	CHECK_EQ(c->rip, RIG_CODE + 7);
	CHECK_EQ(c->gpr[R_SP], RIG_STACK);
	CHECK_EQ(c->cr3, 0x6000);
	CHECK_EQ(flags_get(c), FL_IF | FL_1);
	CHECK_EQ(type(r, SEL_TSS), A_BUSY32);
	CHECK_EQ(type(r, SEL_TSS2), A_TSS32);
	CHECK_EQ(rig_get(r, RIG_TSS2 + GPR, 4), 0x99);
	CHECK_EQ(rig_get(r, RIG_TSS2 + EIP, 4), 0x44445);
	CHECK_EQ(rig_get(r, RIG_TSS2 + FLAGS, 4), FL_CF | FL_IOPL | FL_1); /* NT is gone */
	rig_stop(r);
}

static void returns_want_a_busy_task(void)
{
	struct rig *r = start(0);

	r->c.rflags |= FL_NT;
	rig_put(r, RIG_TSS, 2, SEL_TSS2);
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_TS, SEL_TSS2);
	rig_put(r, RIG_TSS, 2, SEL_TSS2 | 4);
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_TS, SEL_TSS2 | 4);
	rig_put(r, RIG_TSS, 2, 0x1000);
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_TS, 0x1000);
	rig_put(r, RIG_TSS, 2, SEL_TSS2);
	rig_gdt(r, SEL_TSS2, rig_desc(RIG_TSS2, 0x67, A_BUSY32 & ~A_ABSENT));
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_NP, SEL_TSS2);
	rig_gdt(r, SEL_TSS2, rig_desc(RIG_TSS2, 0x66, A_BUSY32));
	CHECK_FAULT(RUN_INSN(r, 0xcf), VEC_TS, SEL_TSS2);
	CHECK_EQ(r->c.tr.sel, SEL_TSS);
	CHECK_EQ(r->c.rip, RIG_CODE);
	rig_stop(r);
}

static void task_gates_and_descriptors_are_checked(void)
{
	struct rig *r = start(3);

	CHECK_FAULT(jmp(r, SEL_TSS2), VEC_GP, SEL_TSS2); /* DPL 0 */
	rig_gate(r, RIG_GDT + SEL_GATE, A_TASK, SEL_TSS2, 0, 0);
	CHECK_FAULT(jmp(r, SEL_GATE), VEC_GP, SEL_GATE);
	rig_gate(r, RIG_GDT + SEL_GATE, (A_TASK | A_DPL3) & ~A_ABSENT, SEL_TSS2, 0, 0);
	CHECK_FAULT(jmp(r, SEL_GATE), VEC_NP, SEL_GATE);
	rig_gate(r, RIG_GDT + SEL_GATE, A_TASK | A_DPL3, SEL_TSS2 | 4, 0, 0);
	CHECK_FAULT(jmp(r, SEL_GATE), VEC_GP, SEL_TSS2 | 4);
	rig_gate(r, RIG_GDT + SEL_GATE, A_TASK | A_DPL3, SEL_TSS, 0, 0);
	CHECK_FAULT(call(r, SEL_GATE), VEC_GP, SEL_TSS); /* busy */
	rig_gate(r, RIG_GDT + SEL_GATE, A_TASK | A_DPL3, SEL_DATA0, 0, 0);
	CHECK_FAULT(call(r, SEL_GATE), VEC_GP, SEL_DATA0);
	rig_gate(r, RIG_GDT + SEL_GATE, A_TASK | A_DPL3, SEL_TSS2 | 3, 0, 0);
	CHECK(call(r, SEL_GATE | 3)); /* the task's DPL does not count */
	CHECK_EQ(r->c.cpl, 0);
	CHECK_EQ(rig_get(r, RIG_TSS + SEG + 4, 4), SEL_CODE3 | 3);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(r->c.cpl, 3);
	rig_gdt(r, SEL_TSS2, rig_desc(RIG_TSS2, 0x67, (A_TSS32 | A_DPL3) & ~A_ABSENT));
	CHECK_FAULT(jmp(r, SEL_TSS2), VEC_NP, SEL_TSS2);
	rig_gdt(r, SEL_TSS2, rig_desc(RIG_TSS2, 0x66, A_TSS32 | A_DPL3));
	CHECK_FAULT(jmp(r, SEL_TSS2), VEC_TS, SEL_TSS2);
	rig_stop(r);
}

/* What is wrong is raised in the new task. SDM 3A table 7-1 */
static void bad_selectors_fault_in_the_new_task(void)
{
	static const struct {
		u8 at;
		u16 sel, attr;
		u8 vector;
	} rows[] = {
		{ LDT, SEL_DATA0, 0, VEC_TS },
		{ LDT, SEL_LDT | 4, 0, VEC_TS },
		{ LDT, 0x1000, 0, VEC_TS },
		{ LDT, SEL_TEST, A_LDT & ~A_ABSENT, VEC_TS },
		{ SEG + 4, 0, 0, VEC_TS },
		{ SEG + 4, 0x1000, 0, VEC_TS },
		{ SEG + 4, SEL_DATA0, 0, VEC_TS },
		{ SEG + 4, SEL_CODE3, 0, VEC_TS },
		{ SEG + 4, SEL_CODE0 | 3, 0, VEC_TS },
		{ SEG + 4, SEL_TEST, A_CONF32 | A_DPL3, VEC_TS },
		{ SEG + 4, SEL_TEST, A_CODE32 & ~A_ABSENT, VEC_NP },
		{ SEG + 4, SEL_CODE3 | 3, 0, VEC_TS }, /* then SS is wrong */
		{ SEG + 8, 0, 0, VEC_TS },
		{ SEG + 8, SEL_DATA3 | 3, 0, VEC_TS },
		{ SEG + 8, SEL_DATA0 | 1, 0, VEC_TS },
		{ SEG + 8, SEL_TEST, A_DATA32 & ~2, VEC_TS },
		{ SEG + 8, SEL_TEST, A_DATA32 & ~A_ABSENT, VEC_SS },
		{ SEG + 12, 0x1000, 0, VEC_TS },
		{ SEG + 12, SEL_TSS, 0, VEC_TS },
		{ SEG + 16, SEL_DATA0 | 3, 0, VEC_TS },
		{ SEG + 20, SEL_TEST, A_CODE32 & ~2, VEC_TS },
		{ SEG + 0, SEL_TEST, A_DATA32 & ~A_ABSENT, VEC_NP },
	};

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = start(0);
		u16 sel = rows[n].sel == (SEL_CODE3 | 3) ? SEL_DATA0 : rows[n].sel;
		bool ok;

		rig_gdt(r, SEL_TEST, rig_desc(0, ~0u, rows[n].attr));
		rig_put(r, RIG_TSS2 + rows[n].at, 2, rows[n].sel);
		ok = jmp(r, SEL_TSS2);
		if (ok || rig_raised(r) != FAULT(rows[n].vector, sel & ~3)) {
			fprintf(stderr, "row %u: %d %x\n", n, ok, rig_raised(r));
			exit(1);
		}
		CHECK_EQ(r->c.rip, 0x44444);
		CHECK_EQ(r->c.tr.sel, SEL_TSS2);
		CHECK_EQ(type(r, SEL_TSS), A_TSS32);
		CHECK_EQ(r->c.gpr[R_DX], 0x12222);
		rig_stop(r);
	}
}

static void eip_beyond_the_segment_faults_in_the_new_task(void)
{
	struct rig *r = start(0);

	rig_gdt(r, SEL_TEST, rig_desc(0, 0x44443, A_CODE32 & ~SA_G));
	rig_put(r, RIG_TSS2 + SEG + 4, 2, SEL_TEST);
	CHECK_FAULT(jmp(r, SEL_TSS2), VEC_GP, 0);
	CHECK_EQ(r->c.rip, 0x44444);
	rig_stop(r);
}

static void nothing_happens_when_memory_is_not_there(void)
{
	static const struct {
		u32 page;
		u8 how;
	} rows[] = { { RIG_TSS, PAGE_READ_ONLY },
		     { RIG_TSS2, PAGE_ABSENT },
		     { RIG_TSS2, PAGE_READ_ONLY },
		     { RIG_GDT, PAGE_READ_ONLY } };

	for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = start(0);

		r->page[rows[n].page / PAGE] = rows[n].how;
		CHECK(!call(r, SEL_TSS2));
		CHECK_EQ(rig_raised(r) >> 16, VEC_PF);
		CHECK_EQ(r->c.rip, RIG_CODE);
		CHECK_EQ(r->c.tr.sel, SEL_TSS);
		CHECK_EQ(type(r, SEL_TSS2), A_TSS32);
		CHECK_EQ(rig_get(r, RIG_TSS + EIP, 4), 0);
		rig_stop(r);
	}
}

static void sixteen_bit_tasks(void)
{
	struct rig *r = start(0);
	struct soft_cpu *c = &r->c;

	rig_gdt(r, SEL_TSS2, rig_desc(RIG_TSS2, 0x2b, A_TSS16));
	memset(r->mem + RIG_TSS2, 0, 0x68);
	rig_put(r, RIG_TSS2 + 14, 2, 0x3333);
	rig_put(r, RIG_TSS2 + 16, 2, FL_ZF);
	rig_put(r, RIG_TSS2 + 18, 2, 0x1234);
	rig_put(r, RIG_TSS2 + 26, 2, 0x9000);
	rig_put(r, RIG_TSS2 + 34, 2, SEL_DATA16);
	rig_put(r, RIG_TSS2 + 36, 2, SEL_CODE16);
	rig_put(r, RIG_TSS2 + 38, 2, SEL_DATA16);
	CHECK(call(r, SEL_TSS2));
	CHECK_EQ(c->rip, 0x3333);
	CHECK_EQ(c->mode, CPU_16);
	CHECK_EQ(c->gpr[R_AX] & 0xffff, 0x1234);
	CHECK_EQ(c->gpr[R_SP] & 0xffff, 0x9000);
	CHECK_EQ(flags_get(c), FL_ZF | FL_NT | FL_1);
	CHECK_EQ(c->seg[SEG_FS].sel | c->seg[SEG_DS].sel, 0);
	c->gpr[R_BX] = 0x77;
	rig_put(r, RIG_TSS2 + 44, 2, 0xeeee);
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(c->tr.sel, SEL_TSS);
	CHECK_EQ(c->mode, CPU_32);
	CHECK_EQ(rig_get(r, RIG_TSS2 + 14, 2), 0x3334);
	CHECK_EQ(rig_get(r, RIG_TSS2 + 24, 2), 0x77);
	CHECK_EQ(rig_get(r, RIG_TSS2 + 44, 2), 0xeeee);
	rig_stop(r);
}

static void interrupts_through_task_gates(void)
{
	struct rig *r = start(3);
	struct soft_cpu *c = &r->c;
	struct soft_event e = { .vector = VEC_DF, .kind = EV_EXCEPTION, .has_error = true };

	rig_idt(r, VEC_DF, A_TASK, SEL_TSS2, 0, 0);
	e.error = 0x42;
	CHECK(rig_deliver(r, e));
	CHECK_EQ(c->rip, 0x44444);
	CHECK_EQ(c->cpl, 0);
	CHECK_EQ(c->gpr[R_SP], RIG_STACK2 - 4);
	CHECK_EQ(rig_get(r, RIG_STACK2 - 4, 4), 0x42);
	CHECK_EQ(rig_get(r, RIG_TSS + EIP, 4), RIG_CODE);
	CHECK_EQ(rig_get(r, RIG_TSS2, 2), SEL_TSS);
	CHECK(c->rflags & FL_NT);
	c->gpr[R_SP] += 4;
	CHECK(RUN_INSN(r, 0xcf));
	CHECK_EQ(c->rip, RIG_CODE);
	CHECK_EQ(c->cpl, 3);
	/* INT n: DPL of the gate counts, and the return is behind it. */
	rig_idt(r, GATE_IDT, A_TASK, SEL_TSS2, 0, 0);
	CHECK_FAULT(RUN_INSN(r, 0xcd, GATE_IDT), VEC_GP, GATE_IDT * 8 + 2);
	rig_idt(r, GATE_IDT, A_TASK | A_DPL3, SEL_TSS2, 0, 0);
	CHECK(RUN_INSN(r, 0xcd, GATE_IDT));
	CHECK_EQ(rig_get(r, RIG_TSS + EIP, 4), RIG_CODE + 2);
	CHECK_EQ(c->rip, 0x44445);
	rig_stop(r);
	r = start(0);
	e.vector = VEC_GP;
	rig_idt(r, VEC_GP, A_TASK, SEL_TSS2, 0, 0);
	rig_put(r, RIG_TSS2 + GPR + 16, 4, 0x40002);
	r->page[0x3f] = r->page[0x40] = PAGE_ABSENT;
	CHECK_FAULT(rig_deliver(r, e), VEC_PF, 2); /* in the new task */
	CHECK_EQ(r->c.rip, 0x44444);
	CHECK_EQ(rig_get(r, RIG_TSS + FLAGS, 4), FL_IF | FL_RF | FL_1);
	rig_stop(r);
}

static void tasks_in_virtual_8086_mode(void)
{
	struct rig *r = start(0);
	struct soft_cpu *c = &r->c;

	rig_put(r, RIG_TSS2 + FLAGS, 4, FL_VM | FL_IF);
	rig_put(r, RIG_TSS2 + EIP, 4, 0x100);
	rig_put(r, RIG_TSS2 + SEG + 4, 2, 0x1234);
	CHECK(jmp(r, SEL_TSS2));
	CHECK(c->v86);
	CHECK_EQ(c->seg[SEG_CS].base, 0x12340);
	CHECK_EQ(c->seg[SEG_SS].base, SEL_DATA0 << 4);
	CHECK_EQ(c->rip, 0x100);
	rig_stop(r);
}

static void the_trap_flag_of_a_task_stops_at_its_beginning(void)
{
	struct rig *r = start(0);

	rig_put(r, RIG_TSS2 + TRAP, 2, 1);
	CHECK(jmp(r, SEL_TSS2));
	CHECK_EQ(r->c.trap_dr6, DR6_BT);
	CHECK(r->attended & ATT_STEP);
	rig_stop(r);
}

static void bad_page_tables_are_the_new_tasks_fault(void)
{
	struct rig *r = start(0);

	r->c.cr0 |= CR0_PG;
	r->cr3_refused = true;
	CHECK_FAULT(jmp(r, SEL_TSS2), VEC_TS, SEL_TSS2);
	CHECK_EQ(r->c.rip, 0x44444);
	rig_stop(r);
}

static void run_all(void)
{
	RUN(a_jump_saves_all_and_loads_all);
	RUN(a_call_and_its_return);
	RUN(returns_want_a_busy_task);
	RUN(task_gates_and_descriptors_are_checked);
	RUN(bad_selectors_fault_in_the_new_task);
	RUN(eip_beyond_the_segment_faults_in_the_new_task);
	RUN(nothing_happens_when_memory_is_not_there);
	RUN(sixteen_bit_tasks);
	RUN(interrupts_through_task_gates);
	RUN(tasks_in_virtual_8086_mode);
	RUN(the_trap_flag_of_a_task_stops_at_its_beginning);
	RUN(bad_page_tables_are_the_new_tasks_fault);
}

int main(void)
{
	run_all();
	rig_slow = true;
	run_all();
	return 0;
}
