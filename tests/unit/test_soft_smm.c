/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System Management Mode of our own CPU, and its whole state saved and loaded. */
#include "system_rig.h"

#include "base/alloc.h"
#include "base/bytes.h"

#define C (&rig.c)

/* Where the firmware looks: AMD APM 2 table 10-1. */
enum { BASE = 0x30000, MAP = BASE + 0x8000 };
enum {
	HALT_RESTART = 0x7ec9,
	EFER = 0x7ed0,
	REVISION = 0x7efc,
	SMBASE = 0x7f00,
	CR4 = 0x7f48,
	CR3 = 0x7f50,
	CR0 = 0x7f58,
	RFLAGS = 0x7f70,
	RIP = 0x7f78,
	R15 = 0x7f80,
	RAX = 0x7ff8
};

static u64 map64(u32 off)
{
	return le64_at(rig.smram + MAP + off);
}

static void poke64(u32 off, u64 val)
{
	put_le64(rig.smram + MAP + off, val);
}

static void start_in_long_mode(void)
{
	rig_start();
	rig_mode64();
	C->cr0 |= CR0_WP | CR0_NE | CR0_TS | CR0_AM;
	C->cr3 = 0x5000;
	C->rip = 0xffffffff81234567;
	C->gpr[R_AX] = 0x1111;
	C->gpr[15] = 0xf0f0f0f0f0f0f0f0;
	C->gdt = (struct soft_dtable){ 0xffffffffff570000, 0x7f };
	C->idt = (struct soft_dtable){ 0xffffffffff580000, 0xfff };
	C->seg[SEG_GS].base = 0xffff888000001000;
	flags_set(C, FL_IF | FL_CF | FL_OF, ~0ull);
	cpu_mode_changed(C);
}

static void entry_is_as_firmware_expects(void)
{
	start_in_long_mode();
	smm_enter(C);
	CHECK(C->in_smm && C->nmi_blocked && !C->smm_inside_nmi);
	CHECK_EQ(C->rip, 0x8000);
	CHECK_EQ(C->seg[SEG_CS].sel, 0x3000);
	CHECK_EQ(C->seg_base[SEG_CS], 0x30000);
	CHECK_EQ(C->seg[SEG_DS].limit, 0xffffffff);
	CHECK_EQ(C->seg[SEG_DS].base, 0);
	CHECK(C->mode == CPU_16 && !C->prot && !C->lma && C->cpl == 0);
	CHECK_EQ(C->cr0, CR0_WP | CR0_NE | CR0_AM | CR0_ET);
	CHECK(C->cr4 == 0 && C->efer == 0 && C->dr[7] == 0x400 && C->idt.limit == 0);
	CHECK_EQ(flags_get(C), 2);
	CHECK(rig.flushes_all);
	CHECK_EQ(le32_at(rig.smram + MAP + REVISION), 0x20064);
	CHECK_EQ(le32_at(rig.smram + MAP + SMBASE), 0x30000);
	CHECK_EQ(map64(RIP), 0xffffffff81234567);
	CHECK_EQ(map64(RAX), 0x1111);
	CHECK_EQ(map64(R15), 0xf0f0f0f0f0f0f0f0);
	CHECK_EQ(map64(CR3), 0x5000);
	CHECK_EQ(map64(CR4), CR4_PAE);
	CHECK_EQ(map64(EFER), EFER_LME | EFER_LMA);
	CHECK_EQ(map64(RFLAGS), FL_IF | FL_CF | FL_OF | 2);
	CHECK_EQ(rig.smram[MAP + HALT_RESTART], 0);
	for (u32 off = 0; off < 0x200; off++) /* nobody outside can see it */
		CHECK_EQ(rig.ram[MAP + 0x7e00 + off], 0);
}

static void rsm_restores_everything(void)
{
	static struct soft_cpu before;

	start_in_long_mode();
	before = *C;
	smm_enter(C);
	memset(C->gpr, 0x77, 16 * sizeof(C->gpr[0]));
	C->seg[SEG_FS].base = 5;
	CHECK(cr0_write(C, CR0_PE | CR0_NE));
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK(!C->in_smm && !C->nmi_blocked);
	CHECK(!memcmp(C->gpr, before.gpr, 16 * sizeof(C->gpr[0])));
	CHECK(!memcmp(C->seg, before.seg, sizeof(C->seg)));
	CHECK(!memcmp(C->seg_base, before.seg_base, sizeof(C->seg_base)));
	CHECK(!memcmp(&C->gdt, &before.gdt, sizeof(C->gdt)));
	CHECK(!memcmp(&C->idt, &before.idt, sizeof(C->idt)));
	CHECK(C->cr0 == before.cr0 && C->cr3 == before.cr3 && C->cr4 == before.cr4);
	CHECK(C->efer == before.efer && C->lma && C->mode == CPU_64);
	CHECK_EQ(flags_get(C), FL_IF | FL_CF | FL_OF | 2);
	CHECK_EQ(C->next_rip, 0xffffffff81234567);
	CHECK(rig.attended & ATT_INTR);
	CHECK_EQ(rig.pdpte_loads, 0);
	CHECK_EQ(run("0f aa"), VEC_UD); /* not in SMM any more */
}

static void the_handler_can_move_smbase(void)
{
	start_in_long_mode();
	smm_enter(C);
	put_le32(rig.smram + MAP + SMBASE, 0x90000);
	poke64(RIP, 0x1234);
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK_EQ(C->rip, 0x1234);
	smm_enter(C);
	CHECK(C->smbase == 0x90000 && C->seg_base[SEG_CS] == 0x90000);
	CHECK_EQ(C->seg[SEG_CS].sel, 0x9000);
	CHECK_EQ(le64_at(rig.smram + 0x98000 + RIP), 0x1234);
}

static void a_halt_goes_on_unless_the_handler_says_no(void)
{
	start_in_long_mode();
	CHECK_EQ(run("f4"), RIG_NOTHING);
	smm_enter(C);
	CHECK(C->activity == ACT_RUN && rig.smram[MAP + HALT_RESTART] == 1);
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK(C->activity == ACT_HALT);
	smm_enter(C);
	rig.smram[MAP + HALT_RESTART] = 0;
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK(C->activity == ACT_RUN);
}

static void nmis_shadows_and_traps_survive(void)
{
	start_in_long_mode();
	C->nmi_blocked = true;
	C->shadow = true;
	C->trap_dr6 = BIT(14);
	smm_enter(C);
	CHECK(C->smm_inside_nmi && !C->shadow && !C->trap_dr6);
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK(C->nmi_blocked && !C->smm_inside_nmi && C->shadow && !C->shadow_ss);
	CHECK_EQ(C->trap_dr6, BIT(14));
}

static void init_waits_for_rsm(void)
{
	start_in_long_mode();
	smm_enter(C);
	lapic_post(&C->lapic, LAPIC_INIT);
	cpu_take_events(C);
	CHECK(C->in_smm && C->init_latched && C->rip == 0x8000);
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	cpu_take_events(C);
	CHECK(!C->init_latched && C->rip == 0xfff0);
}

static void pae_paging_comes_back_with_its_entries(void)
{
	rig_start();
	rig_flat(0xc09b, 0xc093, CR0_PE | CR0_PG, CR4_PAE, 0);
	smm_enter(C);
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK_EQ(rig.pdpte_loads, 1);
	smm_enter(C);
	rig.bad_pdptes = true;
	CHECK_EQ(run("0f aa"), RIG_NOTHING);
	CHECK(C->activity == ACT_SHUTDOWN && C->result == RUN_SHUTDOWN);
	CHECK(rig.attended & ATT_RESULT && C->why[0]);
}

static void impossible_states_are_a_shutdown(void)
{
	static const struct {
		u32 off;
		u64 val;
	} wrong[] = {
		{ CR0, CR0_PG },    { CR0, CR0_PG | CR0_PE | CR0_NW },
		{ CR4, 0 },         { CR4, CR4_PAE | BIT64(31) },
		{ CR3, BIT64(45) }, { EFER, BIT64(20) },
		{ CR0, CR0_PE }, /* with PCIDE, which needs long mode */
	};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		start_in_long_mode();
		smm_enter(C);
		if (i + 1 == ARRAY_LEN(wrong))
			poke64(CR4, CR4_PAE | CR4_PCIDE);
		poke64(wrong[i].off, wrong[i].val);
		CHECK_EQ(run("0f aa"), RIG_NOTHING);
		CHECK(C->activity == ACT_SHUTDOWN);
	}
}

/* Whatever stands in the map, the vCPU is in a state that can be, or shut down. */
static void any_map_is_survived(void)
{
	u64 seed = 88172645463325252;

	for (unsigned round = 0; round < 20000; round++) {
		struct control r;
		unsigned pokes = round % 5 + 1;

		if (round % 100 == 0)
			start_in_long_mode();
		C->activity = ACT_RUN;
		smm_enter(C);
		while (pokes--) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			rig.smram[C->smbase + 0xfe00 + seed % 512] ^= (u8)(seed >> 20);
		}
		put_le32(rig.smram + C->smbase + 0xff00, (u32)(seed >> 30) % 15 * 0x10000);
		CHECK_EQ(run("0f aa"), RIG_NOTHING);
		if (C->activity == ACT_SHUTDOWN) {
			start_in_long_mode();
			continue;
		}
		r = (struct control){ C->cr0, C->cr3, C->cr4, C->efer };
		CHECK(!control_wrong(C, &r));
		CHECK(is_canonical(C->seg[SEG_GS].base) && !(C->seg[SEG_CS].attr & 0xf00));
		CHECK(!(C->rflags & ~(RFLAGS_BITS | FL_1)) && !C->in_smm);
	}
}

/* ---- soft_get_state(), soft_set_state() ---- */

static struct cpu_state *save(void)
{
	struct cpu_state *s = xnew(struct cpu_state);

	CHECK_EQ(soft_get_state(&C->base, s, NULL), 0);
	return s;
}

static void state_goes_there_and_back(void)
{
	struct cpu_state *s, *again;
	struct error err;

	start_in_long_mode();
	C->cr4 |= CR4_OSXSAVE;
	C->xcr0 = 3;
	C->dr[0] = 0x1234;
	C->dr[7] = 0x401;
	C->tr = (struct cpu_seg){ 0xffffffffff590000, 0x67, 0x40, 0x8b };
	CHECK(msr_write(C, 0xc0000082, 0xffffffff81000000) && msr_write(C, MSR_TSC, 99));
	lapic_set_cr8(&C->lapic, 7);
	C->nmi_blocked = C->nmi_pending = C->smi_pending = true;
	C->shadow = true;
	C->activity = ACT_HALT;
	C->trap_dr6 = BIT(14);
	C->smbase = 0x7f000000;
	C->event = (struct soft_event){
		.kind = EV_EXCEPTION, .vector = VEC_PF, .has_error = true, .error = 6, .cr2 = 0x4567
	};
	s = save();
	CHECK(s->cr8 == 7 && s->tsc == 99 && s->activity == CPU_HALTED && s->xcr0 == 3);
	CHECK(s->event.exception_injected && s->event.exception == 14 &&
	      s->event.exception_error == 6 && s->event.payload == 0x4567);
	CHECK_EQ(s->event.interrupt_shadow, 2);
	cpu_reset(C, false);
	rig.attended = 0;
	CHECK_EQ(soft_set_state(&C->base, s, &err), 0);
	CHECK(C->lma && C->mode == CPU_64 && C->activity == ACT_HALT && C->shadow);
	CHECK(C->event.kind == EV_EXCEPTION && C->event.cr2 == 0x4567 && C->event.error == 6);
	CHECK_EQ(cpu_tsc(C), 99);
	CHECK(rig.attended & ATT_STEP && rig.attended & ATT_HALT && rig.attended & ATT_INTR);
	CHECK_EQ(C->smbase, 0x7f000000);
	CHECK_EQ(C->next_rip, 0xffffffff81234567);
	again = save();
	CHECK(!memcmp(s, again, sizeof(*s)));
	free(s);
	free(again);
}

static void other_events_travel_too(void)
{
	static const struct soft_event events[] = {
		{ .kind = EV_EXT, .vector = 0x41 },
		{ .kind = EV_NMI, .vector = VEC_NMI },
		{ .kind = EV_NONE },
		{ .kind = EV_EXCEPTION, .vector = VEC_DB, .dr6 = BIT(0) },
	};
	struct cpu_state *s;

	for (unsigned i = 0; i < ARRAY_LEN(events); i++) {
		rig_start();
		C->event = events[i];
		C->trap_dr6 = events[i].kind ? 0 : BIT(14);
		C->in_smm = i & 1;
		C->activity = i == 2 ? ACT_SHUTDOWN : ACT_RUN;
		s = save();
		cpu_reset(C, false);
		CHECK_EQ(soft_set_state(&C->base, s, NULL), 0);
		CHECK_EQ(C->event.kind, events[i].kind);
		CHECK_EQ(C->event.vector, events[i].vector);
		CHECK_EQ(C->event.dr6, events[i].dr6);
		CHECK_EQ(C->trap_dr6, events[i].kind ? 0 : BIT(14));
		CHECK_EQ(C->in_smm, i & 1);
		CHECK_EQ(C->activity, i == 2 ? ACT_SHUTDOWN : ACT_RUN);
		CHECK_EQ(!!(rig.attended & ATT_RESULT), i == 2);
		free(s);
	}
}

static void an_init_that_waits_is_done_before_saving(void)
{
	struct cpu_state *s;

	start_in_long_mode();
	C->lapic.base &= ~BIT64(8);
	lapic_post(&C->lapic, LAPIC_INIT);
	lapic_post(&C->lapic, LAPIC_SIPI | 0x12);
	s = save();
	CHECK(s->cs.sel == 0x1200 && s->rip == 0 && s->activity == CPU_RUNNING && s->efer == 0);
	free(s);
	start_in_long_mode();
	C->activity = ACT_WAIT_SIPI;
	s = save();
	CHECK_EQ(s->activity, CPU_WAIT_FOR_SIPI);
	s->activity = CPU_INIT_RECEIVED;
	CHECK_EQ(soft_set_state(&C->base, s, NULL), 0);
	CHECK_EQ(C->activity, ACT_WAIT_SIPI);
	free(s);
}

static bool refused(struct cpu_state *s)
{
	struct error err = { 0 };
	u64 rip = C->rip;

	if (soft_set_state(&C->base, s, &err) == 0)
		return false;
	CHECK(err.msg[0]);
	CHECK_EQ(C->rip, rip); /* and nothing was changed */
	return true;
}

static void impossible_states_are_refused(void)
{
	struct cpu_state *s, *good;

	start_in_long_mode();
	good = save();
	s = xnew(struct cpu_state);
#define REFUSED(change) (*s = *good, change, refused(s))
	CHECK(!REFUSED(s->rip = 0x1000));
	CHECK(REFUSED(s->cr0 = CR0_PG));
	CHECK(REFUSED(s->cr0 |= BIT64(40)));
	CHECK(REFUSED(s->cr4 = 0));
	CHECK(REFUSED(s->cr4 |= BIT64(12)));
	CHECK(REFUSED(s->cr3 = BIT64(52)));
	CHECK(REFUSED(s->efer = EFER_LME)); /* without LMA */
	CHECK(REFUSED(s->efer |= BIT64(12)));
	CHECK(REFUSED(s->activity = 4));
	CHECK(REFUSED(s->xcr0 = 0));
	CHECK(REFUSED(s->xcr0 = 7));
	CHECK(REFUSED(s->xsave_len = CPU_XSAVE + 1));
	CHECK(REFUSED(s->xsave_len = 3));
	CHECK(REFUSED(s->apic_base = 0x400));
	/* These are cut to what there is. */
	CHECK(!REFUSED(s->msr_count = ~0u));
	CHECK(!REFUSED(s->rflags = ~0ull));
	CHECK(!(C->rflags & FL_VM) && !(C->rflags >> 22));
	CHECK(!REFUSED((s->gs.base = BIT64(60) | BIT64(47), s->gs.attr = 0xffff)));
	CHECK_EQ(C->seg[SEG_GS].base, 0xffff800000000000);
	CHECK_EQ(C->seg[SEG_GS].attr, 0xf0ff);
	CHECK(!REFUSED(s->dr[7] = s->dr[6] = s->dr[4] = ~0ull));
	CHECK(C->dr[7] == 0xffff2fff && C->dr[6] == 0xffffefff && C->dr[4] == 0);
	CHECK(!REFUSED((s->event.exception_injected = true, s->event.exception = 200)));
	CHECK_EQ(C->event.kind, EV_NONE);
#undef REFUSED
	free(s);
	free(good);
}

int main(void)
{
	RUN(entry_is_as_firmware_expects);
	RUN(rsm_restores_everything);
	RUN(the_handler_can_move_smbase);
	RUN(a_halt_goes_on_unless_the_handler_says_no);
	RUN(nmis_shadows_and_traps_survive);
	RUN(init_waits_for_rsm);
	RUN(pae_paging_comes_back_with_its_entries);
	RUN(impossible_states_are_a_shutdown);
	RUN(any_map_is_survived);
	RUN(state_goes_there_and_back);
	RUN(other_events_travel_too);
	RUN(an_init_that_waits_is_done_before_saving);
	RUN(impossible_states_are_refused);
	return 0;
}
