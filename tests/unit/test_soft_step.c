/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU with all its parts, instruction by instruction: steps, SMM, state in the middle. */
#include "test.h"

#include "base/alloc.h"
#include "cpu/soft/soft_priv.h"

enum { RAM = 1 << 20, CODE = 0x1000 };

static struct machine *M;
static struct accel *A;
static struct soft_cpu *C;

/* A vCPU in real mode at CODE, segments at 0. */
static void start(const void *code, size_t len)
{
	struct cpu_config cfg = { .count = 1, .smm = true };
	struct region *ram;
	struct vcpu *v;
	struct error err = { 0 };

	CHECK_EQ(machine_create(&M, clock_create_manual(), &err), 0);
	CHECK_EQ(mem_add(&ram, M->mem, "ram", REGION_RAM, 0, RAM, 0, IN_ALL, &err), 0);
	CHECK_EQ(topology_fill(&cfg.topology, 1, &err), 0);
	CHECK_EQ(soft_accel.create(&A, M, &cfg, &err), 0);
	CHECK_EQ(soft_accel.vcpu_create(&v, A, 0, &err), 0);
	C = soft_cpu_of(v);
	C->seg[SEG_CS].sel = 0;
	C->seg[SEG_CS].base = 0;
	C->rip = C->next_rip = CODE;
	C->gpr[R_SP] = 0x8000;
	cpu_mode_changed(C);
	CHECK_EQ(mem_write(M->mem, CODE, code, len), 0);
}

static void stop(void)
{
	soft_accel.vcpu_destroy(&C->base);
	soft_accel.destroy(A);
	machine_destroy(M);
}

#define START(...)                                                                                 \
	do {                                                                                       \
		static const u8 code[] = { __VA_ARGS__ };                                          \
		start(code, sizeof(code));                                                         \
	} while (0)

/* Where a debug trap is due after each of @n instructions, as bits. */
static unsigned traps(unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		soft_step(C);
		CHECK_EQ(C->event.kind, EV_NONE);
		if (C->trap_dr6 == BIT(14))
			found |= BIT(i);
		C->trap_dr6 = 0;
	}
	return found;
}

/* NOP; JZ over a NOP; JNZ there; NOP; CALL behind it; RET, to the NOP */
#define BRANCHES 0x90, 0x74, 0x01, 0x75, 0x01, 0x90, 0x90, 0xe8, 0x02, 0x00, 0x90, 0xf4, 0x90, 0xc3

static void steps_are_taken_at_each_instruction(void)
{
	START(BRANCHES);
	flags_set(C, FL_TF, FL_TF);
	CHECK_EQ(traps(7), 0x7f);
	CHECK_EQ(C->rip, CODE + 10);
	stop();
}

static void with_btf_only_taken_branches_step(void)
{
	START(BRANCHES);
	flags_set(C, FL_TF, FL_TF);
	CHECK(msr_write(C, 0x1d9, 2));
	CHECK_EQ(traps(7), BIT(2) | BIT(4) | BIT(6)); /* JNZ, CALL, RET */
	CHECK_EQ(C->rip, CODE + 10);
	stop();
}

static void an_smi_handler_runs_and_returns(void)
{
	/* INC word [9000]; MOV EAX,CS:[FEFC]; MOV [9004],EAX; RSM */
	static const u8 handler[] = { 0xff, 0x06, 0x00, 0x90, 0x66, 0x2e, 0xa1, 0xfc,
				      0xfe, 0x66, 0xa3, 0x04, 0x90, 0x0f, 0xaa };
	u8 seen[8];

	START(0x40, 0x40, 0x40); /* INC AX */
	CHECK_EQ(mem_write(M->mem, 0x38000, handler, sizeof(handler)), 0);
	soft_step(C);
	for (unsigned i = 0; i < 2; i++) {
		smm_enter(C);
		CHECK_EQ(traps(4), 0);
		CHECK(!C->in_smm);
	}
	soft_step(C);
	CHECK(C->rip == CODE + 2 && C->gpr[R_AX] == 2);
	CHECK_EQ(mem_read(M->mem, 0x9000, seen, sizeof(seen)), 0);
	CHECK(seen[0] == 2 && seen[4] == 0x64 && seen[6] == 2);
	stop();
}

static void state_is_carried_over_a_reset_in_the_middle(void)
{
	struct cpu_state *s = xnew(struct cpu_state);
	struct error err = { 0 };

	/* MOV EAX,CR0; OR AL,1; MOV CR0,EAX; INC EBX; then the same in protected mode */
	START(0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, 0x66, 0x43, 0x66, 0x43, 0x66, 0x43);
	(void)traps(4);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(soft_accel.get_state(&C->base, s, &err), 0);
		CHECK_EQ(soft_accel.vcpu_reset(&C->base, &err), 0);
		CHECK(C->rip == 0xfff0 && !C->prot);
		CHECK_EQ(soft_accel.set_state(&C->base, s, &err), 0);
		CHECK(C->prot && C->rip == CODE + 10 + 2 * i);
		soft_step(C);
	}
	CHECK_EQ(C->gpr[R_BX], 3);
	free(s);
	stop();
}

static void time_stands_still_in_a_pause(void)
{
	struct cpu_state *s = xnew(struct cpu_state), *later = xnew(struct cpu_state);
	struct error err = { 0 };
	u64 deadline = 0;

	START(0x90);
	CHECK(msr_write(C, 0x1b, 0xfee00d00) && msr_write(C, 0x80f, 0x1ff));
	CHECK(msr_write(C, 0x832, 2u << 17 | 0x40)); /* TSC-deadline mode */
	soft_accel.pause(A);
	CHECK_EQ(soft_accel.get_state(&C->base, s, &err), 0);
	CHECK(msr_write(C, 0x6e0, s->tsc + 1000));
	CHECK_EQ(soft_accel.get_state(&C->base, later, &err), 0);
	CHECK_EQ(later->tsc, s->tsc);
	CHECK(msr_read(C, 0x6e0, &deadline) && deadline == s->tsc + 1000);
	CHECK_EQ(lapic_pending(&C->lapic), -1);
	soft_accel.resume(A);
	while (cpu_tsc(C) < deadline)
		;
	CHECK_EQ(lapic_pending(&C->lapic), 0x40);
	free(s);
	free(later);
	stop();
}

/* What interrupt 30 finds in AX: what ran before it. Its handler ends in a shutdown. */
enum { HANDLER = 0x2000, FOUND = 0x500 };

static u32 found_by_interrupt(bool before)
{
	/* MOV [ES:FOUND], AX; LIDT [CS:FOUND + 2], which is 0; UD2 */
	static const u8 handler[] = { 0x26, 0xa3, 0x00, 0x05, 0x2e, 0x0f,
				      0x01, 0x1e, 0x02, 0x05, 0x0f, 0x0b };
	u32 found = 0, vector = HANDLER;

	CHECK_EQ(mem_write(M->mem, HANDLER, handler, sizeof(handler)), 0);
	CHECK_EQ(mem_write(M->mem, 4 * 0x30, &vector, 4), 0);
	C->seg[SEG_DS].base = 0xfee00000;
	C->gpr[R_AX] = 0;
	cpu_mode_changed(C);
	lapic_write(&C->lapic, 0xf0, 4, 0x1ff);
	if (before)
		lapic_write(&C->lapic, 0x300, 4, 1u << 18 | 0x30);
	CHECK_EQ(soft_accel.run(&C->base), RUN_SHUTDOWN);
	CHECK_EQ(mem_read(M->mem, FOUND, &found, 2), 0);
	return found;
}

static void interrupts_come_one_instruction_behind_sti(void)
{
	START(0xfb, 0x40, 0x40, 0x40, 0xf4); /* STI; INC AX ... */
	CHECK_EQ(found_by_interrupt(true), 1);
	stop();
}

static void a_halt_behind_sti_wakes(void)
{
	START(0xfb, 0xf4, 0x40, 0x40, 0xf4);
	CHECK_EQ(found_by_interrupt(true), 0);
	stop();
}

#define SEND_30 0x66, 0xc7, 0x06, 0x00, 0x03, 0x30, 0x00, 0x04, 0x00 /* MOV DWORD [300], 40030 */

static void sti_holds_back_only_what_comes_at_once(void)
{
	START(0xfb, 0x90, 0x90, SEND_30, 0x40, 0x40, 0xf4);
	CHECK_EQ(found_by_interrupt(false), 0);
	stop();
	START(0xfb, SEND_30, 0x40, 0x40, 0xf4);
	CHECK_EQ(found_by_interrupt(false), 0);
	stop();
	START(0xfb, 0xfb, 0xeb, 0x00, SEND_30, 0x40, 0xf4);
	CHECK_EQ(found_by_interrupt(false), 0);
	stop();
}

static void an_interrupt_that_waits_outlives_a_fault_behind_sti(void)
{
	const u32 vector = 0x3000;
	const u8 handler[] = { 0xfb, 0x40, 0x40, 0xf4 };

	START(0xfb, 0x0f, 0x0b); /* STI; UD2 */
	CHECK_EQ(mem_write(M->mem, 4 * VEC_UD, &vector, 4), 0);
	CHECK_EQ(mem_write(M->mem, vector, handler, sizeof(handler)), 0);
	CHECK_EQ(found_by_interrupt(true), 1);
	stop();
}

int main(void)
{
	RUN(steps_are_taken_at_each_instruction);
	RUN(with_btf_only_taken_branches_step);
	RUN(an_smi_handler_runs_and_returns);
	RUN(state_is_carried_over_a_reset_in_the_middle);
	RUN(time_stands_still_in_a_pause);
	RUN(interrupts_come_one_instruction_behind_sti);
	RUN(a_halt_behind_sti_wakes);
	RUN(sti_holds_back_only_what_comes_at_once);
	RUN(an_interrupt_that_waits_outlives_a_fault_behind_sti);
	return 0;
}
