/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU: SYSCALL, SYSRET, SYSENTER and SYSEXIT. */
#include "soft_rig.h"

static void syscall_and_sysret(void)
{
	struct rig *r = rig_start(RIG_LONG, 3);
	struct soft_cpu *c = &r->c;

	c->star = 0x0023001000000000;
	c->lstar = 0xffffffff81000000;
	c->sfmask = FL_IF | FL_TF | FL_AC | FL_DF | FL_CF;
	CHECK_FAULT(RUN_INSN(r, 0x0f, 0x05), VEC_UD, BIT(31));
	c->efer |= EFER_SCE;
	flags_set(c, FL_CF | FL_ZF | FL_TF | FL_AC | FL_RF | FL_IF, ~0u);
	CHECK(RUN_INSN(r, 0x0f, 0x05));
	CHECK_EQ(c->gpr[R_CX], RIG_CODE + 2);
	CHECK_EQ(c->gpr[11], FL_CF | FL_ZF | FL_TF | FL_AC | FL_IF | FL_1);
	CHECK_EQ(flags_get(c), FL_ZF | FL_1);
	CHECK_EQ(c->rip, 0xffffffff81000000);
	CHECK_EQ(c->cpl, 0);
	CHECK_EQ(c->trap_tf, false);
	CHECK(!memcmp(&c->seg[SEG_CS], &(struct cpu_seg){ 0, ~0u, 0x10, A_CODE64 },
		      sizeof(struct cpu_seg)));
	CHECK(!memcmp(&c->seg[SEG_SS], &(struct cpu_seg){ 0, ~0u, 0x18, A_DATA32 },
		      sizeof(struct cpu_seg)));
	c->gpr[11] = ~0ull;
	CHECK(RUN_INSN(r, 0x48, 0x0f, 0x07));
	CHECK_EQ(c->rip, RIG_CODE + 2);
	CHECK_EQ(c->mode, CPU_64);
	CHECK_EQ(flags_get(c), 0x3c7fd7);
	CHECK_EQ(c->seg[SEG_CS].sel, 0x33);
	CHECK_EQ(c->seg[SEG_SS].sel, 0x2b);
	CHECK_EQ(c->seg[SEG_CS].attr, A_CODE64 | A_DPL3);
	CHECK_EQ(c->seg[SEG_SS].attr, A_DATA32 | A_DPL3);
	CHECK_EQ(c->cpl, 3);
	rig_stop(r);
}

static void sysret_to_compatibility_mode_and_to_nowhere(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);
	struct soft_cpu *c = &r->c;

	c->star = 0x0020000000000000;
	CHECK_FAULT(RUN_INSN(r, 0x48, 0x0f, 0x07), VEC_UD, BIT(31));
	c->efer |= EFER_SCE;
	c->gpr[R_CX] = 0x800000001234;
	CHECK_FAULT(RUN_INSN(r, 0x48, 0x0f, 0x07), VEC_GP, 0);
	CHECK_EQ(c->cpl, 0);
	c->gpr[11] = FL_IF;
	CHECK(RUN_INSN(r, 0x0f, 0x07));
	CHECK_EQ(c->rip, 0x1234);
	CHECK_EQ(c->mode, CPU_32);
	CHECK_EQ(c->seg[SEG_CS].sel, 0x23);
	CHECK_EQ(c->seg[SEG_CS].attr, A_CODE32 | A_DPL3);
	CHECK_EQ(c->seg[SEG_SS].sel, 0x2b);
	rig_stop(r);
}

static void sysenter_and_sysexit(void)
{
	static const enum rig_mode modes[] = { RIG_PROT32, RIG_V86, RIG_COMPAT, RIG_LONG };

	for (unsigned n = 0; n < ARRAY_LEN(modes); n++) {
		struct rig *r = rig_start(modes[n], 3);
		struct soft_cpu *c = &r->c;
		bool wide = modes[n] >= RIG_COMPAT;

		c->sysenter_cs = 3;
		CHECK_FAULT(RUN_INSN(r, 0x0f, 0x34), VEC_GP, 0);
		c->sysenter_cs = 0x100b;
		c->sysenter_eip = 0xffff800000001000;
		c->sysenter_esp = 0xffff800000002000;
		CHECK(RUN_INSN(r, 0x0f, 0x34));
		CHECK_EQ(c->rip, wide ? 0xffff800000001000 : 0x1000);
		CHECK_EQ(c->gpr[R_SP], wide ? 0xffff800000002000 : 0x2000);
		CHECK_EQ(c->seg[SEG_CS].sel, 0x1008);
		CHECK_EQ(c->seg[SEG_SS].sel, 0x1010);
		CHECK_EQ(c->mode, wide ? CPU_64 : CPU_32);
		CHECK_EQ(c->cpl, 0);
		CHECK_EQ(flags_get(c), FL_1);
		c->gpr[R_DX] = 0x8000;
		c->gpr[R_CX] = 0x9000;
		CHECK(RUN_INSN(r, 0x0f, 0x35));
		CHECK_EQ(c->rip, 0x8000);
		CHECK_EQ(c->gpr[R_SP], 0x9000);
		CHECK_EQ(c->cpl, 3);
		CHECK_EQ(c->mode, CPU_32);
		CHECK_EQ(c->seg[SEG_CS].sel, 0x101b);
		CHECK_EQ(c->seg[SEG_SS].sel, 0x1023);
		rig_stop(r);
	}
}

static void sysexit_to_64_bit_mode_checks_both_addresses(void)
{
	struct rig *r = rig_start(RIG_LONG, 0);
	struct soft_cpu *c = &r->c;

	CHECK_FAULT(RUN_INSN(r, 0x48, 0x0f, 0x35), VEC_GP, 0);
	c->sysenter_cs = 0x10;
	c->gpr[R_DX] = 0x7fffffffffff;
	c->gpr[R_CX] = 0x800000000000;
	CHECK_FAULT(RUN_INSN(r, 0x48, 0x0f, 0x35), VEC_GP, 0);
	c->gpr[R_CX] = 0x7ffffffff000;
	CHECK(RUN_INSN(r, 0x48, 0x0f, 0x35));
	CHECK_EQ(c->rip, 0x7fffffffffff);
	CHECK_EQ(c->gpr[R_SP], 0x7ffffffff000);
	CHECK_EQ(c->seg[SEG_CS].sel, 0x33);
	CHECK_EQ(c->seg[SEG_SS].sel, 0x3b);
	CHECK_EQ(c->mode, CPU_64);
	rig_stop(r);
	r = rig_start(RIG_REAL, 0);
	r->c.sysenter_cs = 0x10;
	CHECK_FAULT(RUN_INSN(r, 0x0f, 0x34), VEC_GP, 0);
	CHECK_FAULT(RUN_INSN(r, 0x0f, 0x35), VEC_GP, 0);
	rig_stop(r);
}

static void run_all(void)
{
	RUN(syscall_and_sysret);
	RUN(sysret_to_compatibility_mode_and_to_nowhere);
	RUN(sysenter_and_sysexit);
	RUN(sysexit_to_64_bit_mode_checks_both_addresses);
}

int main(void)
{
	run_all();
	rig_slow = true;
	run_all();
	return 0;
}
