/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSRs of our own CPU: which there are, what they take, what follows from a write. */
#include "system_rig.h"

#define C (&rig.c)

static u64 get(u32 index)
{
	u64 val = 0xdead;

	CHECK(msr_read(C, index, &val));
	return val;
}

static bool set(u32 index, u64 val)
{
	return msr_write(C, index, val);
}

static bool faults(u32 index)
{
	u64 val;

	return !msr_read(C, index, &val);
}

static void become_amd(void)
{
	struct cpuid_leaf *l = cpuid_find(&C->cpuid, 0, 0);

	l->ebx = 0x68747541;
	cpu_features_init(C);
}

static void instructions_use_edx_and_eax(void)
{
	rig_start();
	rig_mode64();
	C->gpr[R_CX] = 0xffffffffc0000102;
	C->gpr[R_AX] = 0xffffffff12345678;
	C->gpr[R_DX] = 0xffffffff00007fff;
	CHECK_EQ(run("0f 30"), RIG_NOTHING);
	CHECK_EQ(C->kernel_gs_base, 0x7fff12345678);
	CHECK_EQ(run("0f 32"), RIG_NOTHING);
	CHECK(C->gpr[R_AX] == 0x12345678 && C->gpr[R_DX] == 0x7fff);
	C->gpr[R_CX] = 0x1f00;
	CHECK_EQ(run("0f 30"), RIG_NOTHING);
	CHECK_EQ(run("0f 32"), RIG_NOTHING);
	CHECK(C->gpr[R_AX] == 0 && C->gpr[R_DX] == 0);
}

static void unknown_ones_read_as_zero_but_not_those_of_known_blocks(void)
{
	static const u32 unknown[] = { 0x2,        0x3b + 1,   0x100,  0x17c,      0x180,
				       0x210,      0x280,      0x480,  0x600,      0x7ff,
				       0x900,      0xda1,      0x1f00, 0xc0000085, 0xc0000104,
				       0xc0010010, 0x40000000, ~0u };
	static const u32 none[] = { 0x428, 0x47f, 0x83f };

	rig_start();
	for (unsigned i = 0; i < ARRAY_LEN(unknown); i++) {
		CHECK(set(unknown[i], ~0ull));
		CHECK_EQ(get(unknown[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(none); i++) {
		CHECK(faults(none[i]));
		CHECK(!set(none[i], 0));
	}
}

static void every_index_may_be_tried(void)
{
	static const u64 values[] = { 0, 1, ~0ull, BIT64(47), 0x0606060606060606, 0x12345 };

	rig_start();
	for (u32 index = 0; index < 0x2000; index++)
		for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
			u32 at = index < 0x1000 ? index : index - 0x1000 + 0xc0000000;
			u64 val;

			(void)msr_write(C, at, values[i]);
			(void)msr_read(C, at, &val);
		}
	CHECK_EQ(get(0xda0), 0);
	CHECK(!(C->efer & ~(u64)(EFER_SCE | EFER_LME | EFER_NXE)));
}

static void efer_has_the_bits_that_cpuid_shows(void)
{
	rig_start();
	CHECK(!set(0xc0000080, BIT(12))); /* SVME */
	CHECK(!set(0xc0000080, BIT(1)));
	CHECK(set(0xc0000080, EFER_SCE | EFER_LME | EFER_NXE | EFER_LMA));
	CHECK_EQ(get(0xc0000080), EFER_SCE | EFER_LME | EFER_NXE);
	CHECK_EQ(rig.flushes_all, 1); /* NXE */
	CHECK(set(0xc0000080, EFER_LME | EFER_NXE));
	CHECK_EQ(rig.flushes_all, 1);
	rig_mode64();
	CHECK(set(0xc0000080, EFER_LME | EFER_SCE));
	CHECK_EQ(get(0xc0000080), EFER_LME | EFER_SCE | EFER_LMA);
	CHECK(!set(0xc0000080, EFER_LMA)); /* LME while paging is on */
	cpuid_find(&C->cpuid, 0x80000001, 0)->edx &= ~BIT(20);
	CHECK(!set(0xc0000080, EFER_LME | EFER_NXE));
}

static void addresses_are_canonical(void)
{
	static const u32 linear[] = { 0x175,      0x176,      0xc0000082, 0xc0000083,
				      0xc0000100, 0xc0000101, 0xc0000102 };

	rig_start();
	for (unsigned i = 0; i < ARRAY_LEN(linear); i++) {
		CHECK(set(linear[i], 0xffff800000001000));
		CHECK(!set(linear[i], 0x0000800000000000));
		CHECK(!set(linear[i], 0x7fff800000000000));
		CHECK_EQ(get(linear[i]), 0xffff800000001000);
	}
	CHECK_EQ(C->seg[SEG_FS].base, 0xffff800000001000);
	CHECK_EQ(C->seg_base[SEG_GS], 0xffff800000001000);
	CHECK(set(0xc0000081, ~0ull) && get(0xc0000081) == ~0ull);
	CHECK(set(0xc0000084, 0x47700) && !set(0xc0000084, BIT64(32)));
	CHECK(set(0x174, 0x10) && !set(0x174, BIT64(32)));
}

static void memory_types_are_checked(void)
{
	rig_start();
	CHECK_EQ(get(0x277), 0x0007040600070406);
	CHECK(!set(0x277, 0x22222222));
	CHECK(!set(0x277, 0x0807040600070406));
	CHECK(!set(0x277, 0x03));
	CHECK(set(0x277, 0x0007010600070406));
	CHECK_EQ(get(0xfe), 0x508);
	CHECK(!set(0xfe, 0x508));
	CHECK(!set(0x2ff, 0xc07) && !set(0x2ff, 0x1006) && !set(0x2ff, 0x102));
	CHECK(set(0x2ff, 0xc06) && get(0x2ff) == 0xc06);
	CHECK(!set(0x200, 0xc0000002) && !set(0x200, 0xc0000106) && !set(0x200, BIT64(40)));
	CHECK(set(0x200, 0xc0000006) && get(0x200) == 0xc0000006);
	CHECK(!set(0x20f, 0xff400) && !set(0x20f, 0xffffffffc0000800));
	CHECK(set(0x20f, 0xffc0000800) && get(0x20f) == 0xffc0000800);
	CHECK(!set(0x26f, 0x0606060602060606) && !set(0x26f, 0x0606060607060606));
	CHECK(set(0x26f, 0x0605040100060606) && C->mtrr_fixed[10] == 0x0605040100060606);
	CHECK(set(0x250, 0) && set(0x258, 0));
}

static void machine_checks_take_nothing_or_all(void)
{
	rig_start();
	CHECK_EQ(get(0x179), 0x10a);
	CHECK(!set(0x179, 0));
	CHECK(set(0x17b, 0) && set(0x17b, ~0ull) && !set(0x17b, 1));
	CHECK(set(0x17a, 7) && !set(0x17a, 8));
	for (u32 bank = 0x400; bank < 0x428; bank += 4) {
		CHECK_EQ(get(bank), ~0ull);
		CHECK(set(bank, 0) && !set(bank, 2) && set(bank, ~0ull));
		CHECK(set(bank + 1, 0) && !set(bank + 1, 1));
		CHECK(set(bank + 2, BIT64(63) | 5) && set(bank + 3, BIT64(47)));
		CHECK(get(bank + 2) == (BIT64(63) | 5) && set(bank + 2, 0));
	}
}

static void tsc_and_its_adjustment_move_together(void)
{
	rig_start();
	cpuid_find(&C->cpuid, 7, 0)->ebx &= ~BIT(1);
	CHECK(faults(0x3b));
	cpuid_find(&C->cpuid, 7, 0)->ebx |= BIT(1);
	CHECK_EQ(get(0x3b), 0);
	CHECK(set(0x10, 5));
	CHECK_EQ(get(0x10), 5);
	CHECK_EQ(get(0x3b), 5 - rig.tsc);
	CHECK(set(0x3b, 0));
	CHECK_EQ(get(0x10), rig.tsc);
	rig.attended = 0;
	CHECK(set(0x3b, 1000));
	CHECK_EQ(get(0x10), rig.tsc + 1000);
	CHECK(rig.attended & ATT_INTR);
}

static void the_apic_is_asked_and_its_page_may_move(void)
{
	rig_start();
	CHECK(faults(0x802)); /* not in x2APIC mode */
	CHECK_EQ(get(0x1b), 0xfee00900);
	CHECK(!set(0x1b, 0xfee00400) && !set(0x1b, BIT64(41)));
	CHECK_EQ(rig.flushes, 0);
	CHECK(set(0x1b, 0xfee00d00));
	CHECK(rig.flushes == 1 && rig.attended & ATT_INTR);
	CHECK_EQ(get(0x802), 0);
	CHECK(set(0x80f, 0x1ff));
	CHECK(set(0x83f, 0x55) && lapic_pending(&C->lapic) == 0x55);
	CHECK(!set(0x802, 0) && faults(0x83f) && !set(0x80f, BIT64(32)));
	CHECK(set(0x832, 2u << 17 | 0x40)); /* TSC-deadline mode */
	CHECK(set(0x6e0, rig.tsc + 100) && get(0x6e0) == rig.tsc + 100);
	cpuid_find(&C->cpuid, 1, 0)->ecx &= ~BIT(24);
	CHECK(faults(0x6e0));
}

static void speculation_controls_follow_cpuid(void)
{
	rig_start();
	CHECK(get(0x10a) & BIT(1)); /* IBRS once and for all */
	CHECK(set(0x48, BIT(10) | 1) && !set(0x48, BIT(6)));
	cpuid_find(&C->cpuid, 7, 0)->edx = cpuid_find(&C->cpuid, 7, 2)->edx = 0;
	CHECK(faults(0x48) && !set(0x48, 0) && !set(0x49, 1) && faults(0x10a) && !set(0x10b, 1));
	cpuid_find(&C->cpuid, 7, 0)->edx |= BIT(29);
	CHECK(!(get(0x10a) & BIT(1)));
	cpuid_find(&C->cpuid, 7, 0)->edx |= BIT(26) | BIT(28);
	CHECK(set(0x48, 1) && get(0x48) == 1 && !set(0x48, 2) && !set(0x48, 4));
	CHECK(set(0x49, 1) && set(0x49, 0) && !set(0x49, 2) && faults(0x49));
	CHECK(set(0x10b, 1) && !set(0x10b, 2));
	CHECK(get(0x10a) & BIT(0)); /* no Meltdown */
	CHECK(!set(0x10a, 0));
	cpuid_find(&C->cpuid, 7, 0)->edx |= BIT(27) | BIT(31);
	CHECK(set(0x48, 7));
	become_amd();
	cpuid_find(&C->cpuid, 7, 0)->edx = 0;
	CHECK(faults(0x48));
	cpuid_find(&C->cpuid, 0x80000008, 0)->ebx = BIT(12) | BIT(24);
	CHECK(set(0x48, 4) && !set(0x48, 1) && set(0x49, 1));
}

static void some_belong_to_one_maker(void)
{
	rig_start();
	CHECK_EQ(get(0x3a), 1);
	CHECK(!set(0x3a, 5));
	CHECK_EQ(get(0xce), 25 << 8);
	CHECK_EQ(get(0x8b), BIT64(32));
	CHECK(set(0x8b, 0) && get(0x8b) == BIT64(32));
	CHECK_EQ(get(0x1a0), 0x1801);
	CHECK(set(0x1a0, 0x1801 | BIT64(22) | BIT(7)) && !set(0x1a0, BIT64(5)));
	CHECK_EQ(get(0x1a0), 0x1801 | BIT64(22));
	CHECK(set(0x140, 0) && !set(0x140, 1) && get(0x140) == 0);
	become_amd();
	CHECK(faults(0x3a) && faults(0xce) && faults(0x1a0) && faults(0x17));
	CHECK_EQ(get(0xc0010015), BIT64(24));
	CHECK(set(0xc0010015, 0x01000010) && set(0xc001001f, BIT64(46)) && set(0xc0010115, 1));
	CHECK_EQ(get(0xc0011029), 2);
}

static void smbase_shows_in_smm_only(void)
{
	rig_start();
	CHECK(faults(0x9e));
	C->in_smm = true;
	CHECK_EQ(get(0x9e), 0x30000);
	CHECK(!set(0x9e, 0));
}

static void what_is_saved_can_be_loaded(void)
{
	struct cpu_msr saved[CPU_MSRS], few[3];
	unsigned n;

	rig_start();
	cpuid_find(&C->cpuid, 7, 0)->ebx |= BIT(1);
	CHECK(set(0xc0000082, 0xffffffff81000000) && set(0x200, 0x80000006) && set(0x403, 0));
	CHECK(set(0xc0000103, 3) && set(0x10, 77) && set(0x1d9, 2));
	n = msr_save(C, saved, CPU_MSRS);
	CHECK(n > 70 && n < CPU_MSRS);
	CHECK_EQ(msr_save(C, few, ARRAY_LEN(few)), ARRAY_LEN(few));
	msr_reset(C);
	CHECK_EQ(C->lstar, 0);
	for (unsigned i = 0; i < n; i++)
		CHECK(msr_load(C, saved[i].index, saved[i].value));
	CHECK(C->lstar == 0xffffffff81000000 && C->mtrr_var[0] == 0x80000006);
	CHECK(C->tsc_aux == 3 && C->debugctl == 2);
	CHECK_EQ(C->tsc_adjust, 77 - rig.tsc);
	CHECK_EQ(cpu_tsc(C), rig.tsc); /* itself it travels apart */
	CHECK(!msr_load(C, 0xc0000082, BIT64(50)) && !msr_load(C, 0x277, 2));
	CHECK(!msr_load(C, 0xc0000080, 0) && !msr_load(C, 0x10, 0) && !msr_load(C, 0x1f00, 0));
}

int main(void)
{
	RUN(instructions_use_edx_and_eax);
	RUN(unknown_ones_read_as_zero_but_not_those_of_known_blocks);
	RUN(every_index_may_be_tried);
	RUN(efer_has_the_bits_that_cpuid_shows);
	RUN(addresses_are_canonical);
	RUN(memory_types_are_checked);
	RUN(machine_checks_take_nothing_or_all);
	RUN(tsc_and_its_adjustment_move_together);
	RUN(the_apic_is_asked_and_its_page_may_move);
	RUN(speculation_controls_follow_cpuid);
	RUN(some_belong_to_one_maker);
	RUN(smbase_shows_in_smm_only);
	RUN(what_is_saved_can_be_loaded);
	return 0;
}
