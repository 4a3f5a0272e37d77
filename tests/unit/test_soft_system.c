/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System instructions of our own CPU: control registers, tables, flags, debug registers, CPUID. */
#include "system_rig.h"

#include "base/bytes.h"

#define C (&rig.c)

static int mov_cr0(u64 val)
{
	C->gpr[R_AX] = val;
	return run("0f 22 c0");
}
static int mov_cr3(u64 val)
{
	C->gpr[R_AX] = val;
	return run("0f 22 d8");
}
static int mov_cr4(u64 val)
{
	C->gpr[R_AX] = val;
	return run("0f 22 e0");
}

static void cr0_takes_no_impossible_combination(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(mov_cr0(C->cr0 | BIT64(32)), VEC_GP);
	CHECK_EQ(mov_cr0(CR0_PG), VEC_GP);
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE | CR0_NW), VEC_GP);
	CHECK_EQ(mov_cr0(CR0_PE), VEC_GP); /* paging off in 64-bit mode */
	CHECK_EQ(C->cr0, CR0_PG | CR0_PE | CR0_ET);
	CHECK_EQ(rig.flushes, 0);
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE | CR0_NW | CR0_CD | BIT(7) | BIT(28)), RIG_NOTHING);
	CHECK_EQ(C->cr0, CR0_PG | CR0_PE | CR0_NW | CR0_CD | CR0_ET);
	CHECK_EQ(rig.flushes, 0);
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE | CR0_WP | CR0_TS), RIG_NOTHING);
	CHECK_EQ(rig.flushes_all, 1);
	CHECK_EQ(run("0f 20 c3"), RIG_NOTHING);
	CHECK_EQ(C->gpr[R_BX], CR0_PG | CR0_PE | CR0_WP | CR0_TS | CR0_ET);
	CHECK_EQ(run("0f 06"), RIG_NOTHING);
	CHECK_EQ(C->cr0 & CR0_TS, 0);
}

static void long_mode_is_entered_and_left_in_order(void)
{
	rig_start();
	rig_mode32();
	C->efer = EFER_LME;
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE), VEC_GP); /* no PAE */
	CHECK_EQ(mov_cr4(CR4_PAE), RIG_NOTHING);
	C->seg[SEG_CS].attr |= SA_L;
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE), VEC_GP); /* would begin in 64-bit code */
	C->seg[SEG_CS].attr &= (u16)~SA_L;
	C->tr.attr = 0x83;
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE), VEC_GP); /* a 16-bit TSS */
	C->tr.attr = 0x8b;
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE), RIG_NOTHING);
	CHECK(C->lma && C->efer & EFER_LMA && C->mode == CPU_32);
	CHECK_EQ(rig.pdpte_loads, 0);
	CHECK_EQ(mov_cr4(0), VEC_GP); /* PAE cannot go */
	CHECK_EQ(efer_write(C, 0), false);
	CHECK_EQ(efer_write(C, EFER_LME), true);
	CHECK(C->efer & EFER_LMA);
	CHECK_EQ(mov_cr0(0), RIG_NOTHING); /* from compatibility mode all at once */
	CHECK(!C->lma && C->efer == EFER_LME && !C->prot);
}

static void pae_paging_loads_its_four_entries(void)
{
	rig_start();
	rig_mode32();
	C->cr4 = CR4_PAE;
	rig.bad_pdptes = true;
	CHECK_EQ(mov_cr3(0x1000), RIG_NOTHING); /* paging is off */
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE), VEC_GP);
	CHECK_EQ(C->cr0 & CR0_PG, 0);
	rig.bad_pdptes = false;
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE), RIG_NOTHING);
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE | CR0_WP), RIG_NOTHING);
	CHECK_EQ(rig.pdpte_loads, 2);
	CHECK_EQ(mov_cr0(CR0_PG | CR0_PE | CR0_CD), RIG_NOTHING);
	CHECK_EQ(rig.pdpte_loads, 3);
	rig.bad_pdptes = true;
	CHECK_EQ(mov_cr3(0x2000), VEC_GP);
	CHECK_EQ(C->cr3, 0x1000);
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_PGE), VEC_GP);
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_TSD), RIG_NOTHING);
	CHECK_EQ(rig.pdpte_loads, 5);
}

static void cr3_and_pcids(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(mov_cr3(BIT64(40)), VEC_GP);
	CHECK_EQ(mov_cr3(BIT64(63)), VEC_GP);
	CHECK_EQ(mov_cr3(0x1005), RIG_NOTHING);
	CHECK_EQ(C->cr3, 0x1005);
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_PCIDE), VEC_GP); /* CR3[11:0] is not 0 */
	CHECK_EQ(mov_cr3(0x1000), RIG_NOTHING);
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_PCIDE), RIG_NOTHING);
	CHECK_EQ(rig.cr3_kept, 0);
	CHECK_EQ(mov_cr3(BIT64(63) | 0x2007), RIG_NOTHING);
	CHECK_EQ(C->cr3, 0x2007);
	CHECK_EQ(rig.cr3_kept, 1);
	CHECK_EQ(mov_cr3(BIT64(62) | 0x2007), VEC_GP);
	C->seg[SEG_CS].attr = 0xc09b; /* compatibility mode */
	cpu_mode_changed(C);
	CHECK_EQ(mov_cr0(CR0_PE), VEC_GP);
	CHECK_EQ(mov_cr4(CR4_PAE), RIG_NOTHING);
	CHECK_EQ(mov_cr0(CR0_PE), RIG_NOTHING);
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_PCIDE), VEC_GP); /* not in long mode */
}

static void cr4_has_the_bits_that_cpuid_shows(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(C->cr4_mask & (CR4_VME | CR4_PVI), 0);
	for (unsigned bit = 0; bit < 64; bit++) {
		bool there = C->cr4_mask & BIT64(bit);
		u64 val = CR4_PAE | BIT64(bit);

		C->cr3 = 0;
		CHECK_EQ(mov_cr4(val), there ? RIG_NOTHING : VEC_GP);
		CHECK_EQ(C->cr4, there ? val : CR4_PAE);
		CHECK_EQ(mov_cr4(CR4_PAE), RIG_NOTHING);
	}
	CHECK_EQ(C->cr4_mask & BIT64(12), 0); /* LA57 */
	rig.flushes = 0;
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_TSD | CR4_DE | CR4_UMIP), RIG_NOTHING);
	CHECK_EQ(rig.flushes, 0);
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_PGE), RIG_NOTHING);
	CHECK_EQ(rig.flushes, 1);
	cpuid_find(&C->cpuid, 7, 0)->ebx &= ~BIT(20);
	cpu_features_init(C);
	CHECK(!cpu_has(C, FEATURE_SMAP) && cpu_has(C, FEATURE_BASE));
	CHECK_EQ(mov_cr4(CR4_PAE | CR4_SMAP), VEC_GP);
}

static void cr8_is_the_apics_priority(void)
{
	rig_start();
	rig_mode64();
	C->gpr[R_AX] = 0x10;
	CHECK_EQ(run("44 0f 22 c0"), VEC_GP);
	C->gpr[R_AX] = 9;
	CHECK_EQ(run("44 0f 22 c0"), RIG_NOTHING);
	CHECK_EQ(rig.attended & ATT_INTR, 0);
	CHECK_EQ(run("44 0f 20 c1"), RIG_NOTHING);
	CHECK_EQ(C->gpr[R_CX], 9);
	CHECK_EQ(lapic_read(&C->lapic, 0x80, 4), 0x90);
	C->gpr[R_AX] = 3;
	CHECK_EQ(run("44 0f 22 c0"), RIG_NOTHING);
	CHECK(rig.attended & ATT_INTR);
}

static void lmsw_sets_protection_and_cannot_clear_it(void)
{
	rig_start();
	C->gpr[R_AX] = 0xffff;
	CHECK_EQ(run("0f 01 f0"), RIG_NOTHING);
	CHECK_EQ(C->cr0, 0x60000010 | CR0_PE | CR0_MP | CR0_EM | CR0_TS);
	CHECK(C->prot);
	C->gpr[R_AX] = 0;
	CHECK_EQ(run("0f 01 f0"), RIG_NOTHING);
	CHECK_EQ(C->cr0, 0x60000010 | CR0_PE);
	C->gpr[R_CX] = ~0ull;
	CHECK_EQ(run("0f 01 e1"), RIG_NOTHING);
	CHECK_EQ(C->gpr[R_CX], 0xffffffffffff0011);
	rig_mode64();
	C->cr0 |= CR0_CD;
	CHECK_EQ(run("0f 01 e1"), RIG_NOTHING);
	CHECK_EQ(C->gpr[R_CX], CR0_PG | CR0_CD | CR0_PE | CR0_ET);
	memset(rig.ram + 0x500, 0xaa, 4);
	C->gpr[R_BX] = 0x500;
	CHECK_EQ(run("0f 01 23"), RIG_NOTHING); /* to memory: always 16 bits */
	CHECK_EQ(le32_at(rig.ram + 0x500), 0xaaaa0011);
}

static void descriptor_tables_in_each_operand_size(void)
{
	static const u8 image[10] = { 0x34, 0x12, 1, 2, 3, 4, 5, 0x7f, 0, 0 };

	rig_start();
	memcpy(rig.ram + 0x500, image, sizeof(image));
	C->gpr[R_BX] = 0x500;
	CHECK_EQ(run("0f 01 17"), RIG_NOTHING); /* LGDT [BX] */
	CHECK_EQ(C->gdt.limit, 0x1234);
	CHECK_EQ(C->gdt.base, 0x030201);
	CHECK_EQ(run("66 0f 01 1f"), RIG_NOTHING); /* LIDT with 32-bit operands */
	CHECK_EQ(C->idt.base, 0x04030201);
	C->gpr[R_BX] = 0x600;
	CHECK_EQ(run("0f 01 0f"), RIG_NOTHING); /* SIDT: the whole base */
	CHECK_EQ(le16_at(rig.ram + 0x600), 0x1234);
	CHECK_EQ(le32_at(rig.ram + 0x602), 0x04030201);
	CHECK_EQ(rig.ram[0x606], 0);
	rig_mode64();
	C->gpr[R_BX] = 0x500;
	CHECK_EQ(run("0f 01 13"), RIG_NOTHING);
	CHECK_EQ(C->gdt.base, 0x7f0504030201);
	rig.ram[0x507] = 0x80; /* not canonical */
	CHECK_EQ(run("0f 01 13"), VEC_GP);
	CHECK_EQ(C->gdt.base, 0x7f0504030201);
	C->gpr[R_BX] = 0x600;
	CHECK_EQ(run("66 0f 01 03"), RIG_NOTHING); /* SGDT */
	CHECK_EQ(le64_at(rig.ram + 0x602), 0x7f0504030201);
}

static void invalidations_name_what_they_are_for(void)
{
	rig_start();
	rig_mode64();
	C->gpr[R_BX] = 0x7fffffff1234;
	CHECK_EQ(run("0f 01 3b"), RIG_NOTHING);
	CHECK_EQ(rig.page, 0x7fffffff1234);
	C->gpr[R_BX] = 0x800000000000;
	CHECK_EQ(run("0f 01 3b"), RIG_NOTHING); /* not canonical: no effect */
	CHECK_EQ(rig.page, 0x7fffffff1234);
	C->gpr[R_BX] = 0x700;
	put_le64(rig.ram + 0x700, 5);
	put_le64(rig.ram + 0x708, 0x123456789000);
	C->gpr[R_AX] = 0;
	CHECK_EQ(run("66 0f 38 82 03"), VEC_GP); /* a PCID without CR4.PCIDE */
	C->cr4 |= CR4_PCIDE;
	CHECK_EQ(run("66 0f 38 82 03"), RIG_NOTHING);
	CHECK(rig.pcid == 5 && rig.page == 0x123456789000 && rig.pcid_pages == 1);
	put_le64(rig.ram + 0x708, 0x923456789000);
	CHECK_EQ(run("66 0f 38 82 03"), VEC_GP);
	C->gpr[R_AX] = 1;
	put_le64(rig.ram + 0x700, 7);
	CHECK_EQ(run("66 0f 38 82 03"), RIG_NOTHING); /* the address does not matter */
	CHECK_EQ(rig.pcid, 7);
	C->gpr[R_AX] = 2;
	CHECK_EQ(run("66 0f 38 82 03"), RIG_NOTHING);
	CHECK(rig.flushes == 1 && rig.flushes_all == 1);
	C->gpr[R_AX] = 3;
	CHECK_EQ(run("66 0f 38 82 03"), RIG_NOTHING);
	CHECK(rig.flushes == 2 && rig.flushes_all == 1);
	put_le64(rig.ram + 0x700, 0x1000);
	CHECK_EQ(run("66 0f 38 82 03"), VEC_GP);
	put_le64(rig.ram + 0x700, 0);
	C->gpr[R_AX] = 4;
	CHECK_EQ(run("66 0f 38 82 03"), VEC_GP);
	CHECK_EQ(run("0f 09") + run("0f 08"), 2 * RIG_NOTHING); /* WBINVD, INVD */
}

static void sti_holds_interrupts_back_once(void)
{
	rig_start();
	CHECK_EQ(run("fb"), RIG_NOTHING);
	CHECK(C->rflags & FL_IF && C->shadow);
	C->shadow = false;
	CHECK_EQ(run("fb"), RIG_NOTHING); /* IF was set already */
	CHECK(!C->shadow);
	CHECK_EQ(run("fa"), RIG_NOTHING);
	CHECK_EQ(C->rflags, FL_1);
	C->intr_waiting = true;
	CHECK_EQ(run("fb"), RIG_NOTHING);
	CHECK(rig.attended & ATT_INTR);
	CHECK_EQ(run("f4"), RIG_NOTHING);
	CHECK(C->activity == ACT_HALT && rig.attended & ATT_HALT);
}

static void stac_and_clac_are_for_the_kernel(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(run("0f 01 cb"), RIG_NOTHING);
	CHECK(C->rflags & FL_AC);
	CHECK_EQ(run("0f 01 ca"), RIG_NOTHING);
	CHECK(!(C->rflags & FL_AC));
	rig_privilege(3);
	CHECK_EQ(run("0f 01 cb"), VEC_UD);
}

static void time_stamps_can_be_forbidden(void)
{
	rig_start();
	rig_mode64();
	C->tsc_offset = 0x1234567800000000 - rig.tsc;
	C->tsc_aux = 77;
	C->gpr[R_AX] = C->gpr[R_DX] = C->gpr[R_CX] = ~0ull;
	CHECK_EQ(run("0f 01 f9"), RIG_NOTHING);
	CHECK(C->gpr[R_AX] == 0 && C->gpr[R_DX] == 0x12345678 && C->gpr[R_CX] == 77);
	C->cr4 |= CR4_TSD;
	CHECK_EQ(run("0f 31"), RIG_NOTHING);
	rig_privilege(3);
	CHECK_EQ(run("0f 31"), VEC_GP);
	CHECK_EQ(run("0f 01 f9"), VEC_GP);
	CHECK_EQ(run("f3 0f c7 fb"), RIG_NOTHING); /* RDPID EBX */
	CHECK_EQ(C->gpr[R_BX], 77);
	CHECK_EQ(run("0f 33"), VEC_GP); /* no counters */
}

static int xsetbv(u32 reg, u64 val)
{
	C->gpr[R_CX] = reg;
	C->gpr[R_AX] = (u32)val;
	C->gpr[R_DX] = val >> 32;
	return run("0f 01 d1");
}

static void xcr0_keeps_its_rules(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(xsetbv(0, 3), VEC_UD);
	CHECK_EQ(run("0f 01 d0"), VEC_UD);
	C->cr4 |= CR4_OSXSAVE;
	CHECK_EQ(xsetbv(0, 3), RIG_NOTHING);
	CHECK_EQ(C->xcr0, 3);
	CHECK_EQ(xsetbv(0, 2), VEC_GP);
	CHECK_EQ(xsetbv(0, 7), VEC_GP); /* this model has no AVX */
	CHECK_EQ(xsetbv(1, 3), VEC_GP);
	CHECK_EQ(xsetbv(0, BIT64(40) | 3), VEC_GP);
	cpuid_find(&C->cpuid, 0xd, 0)->eax = 0xff;
	CHECK_EQ(xsetbv(0, 5), VEC_GP); /* AVX without SSE */
	CHECK_EQ(xsetbv(0, 7), RIG_NOTHING);
	CHECK_EQ(xsetbv(0, 0x27), VEC_GP); /* a part of AVX-512 */
	CHECK_EQ(xsetbv(0, 0xe3), VEC_GP);
	CHECK_EQ(xsetbv(0, 0xe7), RIG_NOTHING);
	CHECK_EQ(xsetbv(0, 0xf), VEC_GP); /* half of MPX */
	rig.xstate = 5;
	C->gpr[R_CX] = 1;
	CHECK_EQ(run("0f 01 d0"), RIG_NOTHING);
	CHECK(C->gpr[R_AX] == 5 && C->gpr[R_DX] == 0);
	C->gpr[R_CX] = 0;
	CHECK_EQ(run("0f 01 d0"), RIG_NOTHING);
	CHECK_EQ(C->gpr[R_AX], 0xe7);
	C->gpr[R_CX] = 2;
	CHECK_EQ(run("0f 01 d0"), VEC_GP);
	rig_privilege(3);
	CHECK_EQ(xsetbv(0, 3), VEC_GP);
	C->cr4 = CR4_PAE;
	CHECK_EQ(xsetbv(0, 3), VEC_UD);
}

static void debug_registers_have_fixed_bits(void)
{
	rig_start();
	rig_mode64();
	C->gpr[R_AX] = 0;
	CHECK_EQ(run("0f 23 f0"), RIG_NOTHING);
	CHECK_EQ(C->dr[6], 0xffff0ff0);
	C->gpr[R_AX] = 0xffffffff;
	CHECK_EQ(run("0f 23 f0"), RIG_NOTHING);
	CHECK_EQ(C->dr[6], 0xffffefff);
	CHECK_EQ(run("0f 23 e0"), RIG_NOTHING); /* DR4 is DR6 */
	CHECK_EQ(run("0f 23 f8"), RIG_NOTHING);
	CHECK_EQ(C->dr[7], 0xffff2fff);
	CHECK_EQ(run("0f 21 fb"), VEC_DB); /* GD is set */
	CHECK_EQ(C->event.dr6, BIT(13));
	C->dr[7] = 0x400;
	C->gpr[R_AX] = BIT64(32);
	CHECK_EQ(run("0f 23 f0"), VEC_GP);
	CHECK_EQ(run("0f 23 f8"), VEC_GP);
	CHECK_EQ(run("0f 23 d8"), RIG_NOTHING); /* DR3 */
	CHECK_EQ(C->dr[3], BIT64(32));
	C->cr4 |= CR4_DE;
	CHECK_EQ(run("0f 23 e0"), VEC_UD);
	rig_privilege(3);
	CHECK_EQ(run("0f 23 e0"), VEC_UD);
	CHECK_EQ(run("0f 21 f0"), VEC_GP);
}

static void breakpoints_match_what_they_cover(void)
{
	rig_start();
	rig_mode64();
	C->dr[0] = 0x1000; /* code */
	C->dr[1] = 0x2006; /* data, 4 bytes: from 2004 */
	C->dr[2] = 0x2008; /* writes, 8 bytes */
	C->dr[3] = 0x61;   /* ports, 2 bytes: from 60 */
	CHECK_EQ(debug_data_match(C, 0x2004, 8, true), 0);
	C->gpr[R_AX] = 0x1 | 0x8 | 0x10 | 0x40 | 0xfull << 20 | 0x9ull << 24 | 0x6ull << 28;
	CHECK_EQ(run("0f 23 f8"), RIG_NOTHING);
	CHECK(rig.attended & ATT_STEP && rig.flushes);
	CHECK_EQ(debug_exec_match(C, 0x1000), 1);
	CHECK_EQ(debug_exec_match(C, 0x1001), 0);
	CHECK_EQ(debug_exec_match(C, 0x2006), 0);
	CHECK_EQ(debug_data_match(C, 0x2003, 1, true), 0);
	CHECK_EQ(debug_data_match(C, 0x2003, 2, false), 2);
	CHECK_EQ(debug_data_match(C, 0x2007, 1, false), 2);
	CHECK_EQ(debug_data_match(C, 0x2007, 2, true), 6);
	CHECK_EQ(debug_data_match(C, 0x200f, 1, true), 4);
	CHECK_EQ(debug_data_match(C, 0x200f, 1, false), 0);
	CHECK_EQ(debug_data_match(C, 0x2010, 1, true), 0);
	CHECK_EQ(debug_data_match(C, 0x1000, 1, true), 0);
	CHECK(debug_page_watched(C, 0x2000) && !debug_page_watched(C, 0x1000));
	CHECK_EQ(debug_io_match(C, 0x60, 1), 0);
	C->cr4 |= CR4_DE;
	CHECK_EQ(debug_io_match(C, 0x60, 1), 8);
	CHECK_EQ(debug_io_match(C, 0x5e, 4), 8);
	CHECK_EQ(debug_io_match(C, 0x62, 4), 0);
	rig.flushes = 0;
	C->gpr[R_AX] = 0;
	CHECK_EQ(run("0f 23 f8"), RIG_NOTHING);
	CHECK(rig.flushes && !debug_page_watched(C, 0x2000));
	rig.flushes = 0;
	CHECK_EQ(run("0f 23 c8"), RIG_NOTHING); /* nothing watched: nothing to flush */
	CHECK_EQ(rig.flushes, 0);
}

static u32 cpuid(u32 leaf, u32 subleaf, enum cpuid_register reg)
{
	C->gpr[R_AX] = leaf | BIT64(40);
	C->gpr[R_CX] = subleaf;
	CHECK_EQ(run("0f a2"), RIG_NOTHING);
	return (u32)C->gpr[(u8[]){ R_AX, R_BX, R_CX, R_DX }[reg]];
}

static void cpuid_follows_the_state(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(cpuid(1, 0, CPUID_ECX) & BIT(27), 0);
	C->cr4 |= CR4_OSXSAVE;
	CHECK(cpuid(1, 0, CPUID_ECX) & BIT(27));
	CHECK(cpuid(1, 0, CPUID_EDX) & BIT(9));
	CHECK(msr_write(C, MSR_APIC_BASE, 0xfee00100));
	CHECK_EQ(cpuid(1, 0, CPUID_EDX) & BIT(9), 0);
	CHECK_EQ(cpuid(0xd, 0, CPUID_EBX), 576);
	cpuid_find(&C->cpuid, 0xd, 0)->eax = 0x207;
	(void)cpuid_add(&C->cpuid, &(struct cpuid_leaf){ 0xd, 2, true, 256, 576, 0, 0 });
	(void)cpuid_add(&C->cpuid, &(struct cpuid_leaf){ 0xd, 9, true, 8, 2688, 2, 0 });
	C->xcr0 = 7;
	CHECK_EQ(cpuid(0xd, 0, CPUID_EBX), 832);
	CHECK_EQ(cpuid(0xd, 1, CPUID_EBX), 832);
	C->xcr0 = 0x203;
	CHECK_EQ(cpuid(0xd, 0, CPUID_EBX), 2696);
	CHECK_EQ(cpuid(0xd, 1, CPUID_EBX), 584);
	C->xcr0 = 3;
	C->xss = 0x204;
	CHECK_EQ(cpuid(0xd, 1, CPUID_EBX), 832 + 8);
}

static void cpuid_beyond_its_leaves(void)
{
	rig_start();
	rig_mode64();
	CHECK_EQ(cpuid(0, 0, CPUID_EAX), 0x16);
	CHECK_EQ(cpuid(0x17, 0, CPUID_EBX), 2500); /* Intel: as the last basic leaf */
	CHECK_EQ(cpuid(0x80000009, 0, CPUID_EBX), 2500);
	CHECK_EQ(cpuid(0x40000000, 0, CPUID_EBX), 2500);
	CHECK_EQ(cpuid(0xc0000000, 0, CPUID_EBX), 2500);
	CHECK_EQ(cpuid(3, 0, CPUID_EBX), 0); /* within the range, but not there */
	CHECK_EQ(cpuid(7, 5, CPUID_EBX), 0);
	cpuid_find(&C->cpuid, 0, 0)->eax = 0x1f;
	CHECK_EQ(cpuid(0xb, 0x105, CPUID_ECX), 5);
	(void)cpuid_add(&C->cpuid,
			&(struct cpuid_leaf){ 0x40000000, 0, false, 0x40000001, 1, 0, 0 });
	CHECK_EQ(cpuid(0x40000000, 0, CPUID_EBX), 1);
	CHECK_EQ(cpuid(0x40000001, 0, CPUID_EBX), 0);
	CHECK(msr_write(C, 0x1a0, BIT64(22) | 1));
	CHECK_EQ(cpuid(0, 0, CPUID_EAX), 2);
	CHECK_EQ(cpuid(7, 0, CPUID_EAX), cpuid(2, 0, CPUID_EAX));
	CHECK(msr_write(C, 0x1a0, BIT64(34) | 1));
	CHECK_EQ(cpuid(0x80000001, 0, CPUID_EDX) & BIT(20), 0);
	CHECK(!efer_write(C, C->efer | EFER_NXE));
	cpuid_find(&C->cpuid, 0, 0)->ebx = 0x68747541; /* AMD: zeros */
	CHECK_EQ(cpuid(0x99, 0, CPUID_EBX), 0);
}

static void reset_gives_the_documented_state(void)
{
	rig_start();
	rig_mode64();
	C->gpr[R_BX] = C->cr2 = C->dr[0] = C->star = 5;
	C->nmi_blocked = C->in_smm = C->smi_pending = true;
	C->smbase = 0xa0000;
	CHECK(msr_write(C, MSR_TSC, 0));
	cpu_reset(C, false);
	CHECK_EQ(C->cr0, 0x60000010);
	CHECK_EQ(C->cr2 | C->cr3 | C->cr4 | C->efer | C->star | C->gpr[R_BX] | C->dr[0], 0);
	CHECK_EQ(C->gpr[R_DX], 0x106e5);
	CHECK(C->rip == 0xfff0 && C->seg[SEG_CS].base == 0xffff0000 && C->rflags == 2);
	CHECK(C->mode == CPU_16 && C->cpl == 0 && !C->prot && C->stack_size == 2);
	CHECK(!C->in_smm && !C->nmi_blocked && C->smbase == 0x30000 && C->xcr0 == 1);
	CHECK_EQ(cpu_tsc(C), rig.tsc); /* as if the guest had never written it */
	CHECK(C->activity == ACT_RUN && rig.fpu_inits == 0 && rig.flushes_all);
}

static void init_keeps_what_reset_does_not(void)
{
	rig_start();
	rig_mode64();
	C->cr0 = CR0_PE | CR0_PG | CR0_CD | CR0_ET;
	C->star = 5;
	C->xcr0 = 3;
	C->smbase = 0xa0000;
	CHECK(msr_write(C, 0x200, 6));
	CHECK(msr_write(C, MSR_TSC, 12345));
	lapic_post(&C->lapic, LAPIC_INIT);
	lapic_post(&C->lapic, LAPIC_SIPI | 0x9a);
	cpu_take_events(C);
	CHECK_EQ(C->cr0, CR0_CD | CR0_ET);
	CHECK(C->star == 5 && C->xcr0 == 3 && C->smbase == 0xa0000 && C->mtrr_var[0] == 6);
	CHECK_EQ(cpu_tsc(C), 12345);
	CHECK(C->rip == 0xfff0 && C->activity == ACT_RUN); /* the BSP waits for nobody */
	CHECK_EQ(rig.fpu_inits, 1);
	C->lapic.base &= ~BIT64(8);
	lapic_post(&C->lapic, LAPIC_INIT);
	cpu_take_events(C);
	CHECK(C->activity == ACT_WAIT_SIPI && rig.attended & ATT_HALT);
	lapic_post(&C->lapic, LAPIC_SIPI | 0x9a);
	cpu_take_events(C);
	CHECK(C->activity == ACT_RUN && C->rip == 0);
	CHECK(C->seg[SEG_CS].sel == 0x9a00 && C->seg_base[SEG_CS] == 0x9a000);
	lapic_post(&C->lapic, LAPIC_SIPI | 0x10); /* it runs already */
	cpu_take_events(C);
	CHECK_EQ(C->seg[SEG_CS].sel, 0x9a00);
}

static void of_two_nmis_none_is_lost(void)
{
	rig_start();
	lapic_post(&C->lapic, LAPIC_NMI);
	lapic_post(&C->lapic, LAPIC_NMI);
	lapic_post(&C->lapic, LAPIC_SMI);
	cpu_take_events(C);
	CHECK(C->nmi_pending && C->smi_pending);
	C->nmi_pending = false;
	cpu_take_events(C);
	CHECK(C->nmi_pending);
	C->nmi_pending = false;
	cpu_take_events(C);
	CHECK(!C->nmi_pending);
}

int main(void)
{
	RUN(cr0_takes_no_impossible_combination);
	RUN(long_mode_is_entered_and_left_in_order);
	RUN(pae_paging_loads_its_four_entries);
	RUN(cr3_and_pcids);
	RUN(cr4_has_the_bits_that_cpuid_shows);
	RUN(cr8_is_the_apics_priority);
	RUN(lmsw_sets_protection_and_cannot_clear_it);
	RUN(descriptor_tables_in_each_operand_size);
	RUN(invalidations_name_what_they_are_for);
	RUN(sti_holds_interrupts_back_once);
	RUN(stac_and_clac_are_for_the_kernel);
	RUN(time_stamps_can_be_forbidden);
	RUN(xcr0_keeps_its_rules);
	RUN(debug_registers_have_fixed_bits);
	RUN(breakpoints_match_what_they_cover);
	RUN(cpuid_follows_the_state);
	RUN(cpuid_beyond_its_leaves);
	RUN(reset_gives_the_documented_state);
	RUN(init_keeps_what_reset_does_not);
	RUN(of_two_nmis_none_is_lost);
	return 0;
}
