/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC: registers, priorities, destinations, events, errors, pins. */
#include "lapic_rig.h"

#include "base/log.h"

static void power_on_gives_the_documented_values(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[3];

	lapic_rig_start(&r, &rig_ops);
	CHECK_EQ(rdmsr(&r.l[0], APIC_BASE), 0xfee00900);
	CHECK_EQ(rdmsr(l, APIC_BASE), 0xfee00800);
	CHECK_EQ(get(l, ID), 3u << 24);
	CHECK_EQ(get(l, VERSION), 0x01060014);
	CHECK_EQ(get(l, DFR), ~0u);
	CHECK_EQ(get(l, SVR), 0xff);
	for (u32 off = LVTT; off <= LVTERR; off += 16)
		CHECK_EQ(get(l, off), MASKED);
	CHECK_EQ(get(l, CMCI), MASKED);
	for (u32 off = ISR; off <= ESR; off += 16)
		CHECK_EQ(get(l, off), 0);
	CHECK_EQ(get(l, TPR) | get(l, PPR) | get(l, LDR) | get(l, ICR) | get(l, TMICT), 0);
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(lapic_ack(l), -1);
	CHECK_EQ(lapic_events_take(l), 0);
	CHECK_EQ(lapic_due_ns(l), ~0ull);
	lapic_rig_stop(&r);
}

static void registers_keep_only_the_bits_they_have(void)
{
	static const u32 want[][2] = {
		{ ID, 0xff000000 },   { VERSION, 0x01060014 }, { TPR, 0xff },
		{ APR, 0 },           { LDR, 0xff000000 },     { DFR, ~0u },
		{ SVR, 0x13ff },      { ICR2, 0xff000000 },    { CMCI, 0x107ff },
		{ THERMAL, 0x107ff }, { PMC, 0x107ff },        { LINT0, 0x1a7ff },
		{ LINT1, 0x1a7ff },   { LVTERR, 0x100ff },     { DCR, 0xb },
		{ TMCCT, 0 },         { LVTT, 0x700ff },       { 0xc0, 0 },
	};
	struct lapic_rig r;

	start(&r);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		put(&r.l[1], want[i][0], ~0u);
		CHECK_EQ(get(&r.l[1], want[i][0]), want[i][1]);
	}
	put(&r.l[1], ISR + 16, ~0u);
	put(&r.l[1], IRR + 16, ~0u);
	CHECK_EQ(get(&r.l[1], ISR + 16) | get(&r.l[1], IRR + 16), 0);
	put(&r.l[1], DFR, 0);
	CHECK_EQ(get(&r.l[1], DFR), 0x0fffffff);
	lapic_rig_stop(&r);
}

static void other_access_sizes_read_parts_and_write_nothing(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, LDR, 0x12000000);
	CHECK_EQ(lapic_read(l, LDR + 3, 1), 0x12);
	CHECK_EQ(lapic_read(l, LDR + 2, 2), 0x1200);
	CHECK_EQ(lapic_read(l, LDR, 8), 0x12000000);
	CHECK_EQ(lapic_read(l, LDR + 4, 4), 0);
	lapic_write(l, TPR, 1, 0x20);
	lapic_write(l, TPR, 8, 0x20);
	lapic_write(l, TPR + 4, 4, 0x20);
	lapic_write(l, TPR + 1, 2, 0x20);
	CHECK_EQ(get(l, TPR), 0);
	lapic_rig_stop(&r);
}

static void the_highest_vector_comes_first_and_classes_nest(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	msi(&r, 0, 0x51);
	msi(&r, 0, 0x55);
	msi(&r, 0, 0x32);
	CHECK_EQ(get(l, IRR + 0x20), BIT(0x11) | BIT(0x15));
	CHECK_EQ(serve(l), 0x55);
	CHECK_EQ(get(l, PPR), 0x50);
	CHECK_EQ(lapic_pending(l), -1); /* 51h is of the same class */
	msi(&r, 0, 0x60);
	CHECK_EQ(serve(l), 0x60);
	CHECK_EQ(get(l, ISR + 0x20), BIT(0x15));
	CHECK_EQ(get(l, ISR + 0x30), BIT(0));
	put(l, EOI, 0);
	CHECK_EQ(get(l, PPR), 0x50);
	put(l, EOI, 0);
	CHECK_EQ(serve(l), 0x51);
	put(l, EOI, 0);
	CHECK_EQ(serve(l), 0x32);
	put(l, EOI, 0);
	put(l, EOI, 0); /* one too many */
	CHECK_EQ(get(l, PPR), 0);
	CHECK_EQ(r.eois, 0); /* no levels among them */
	lapic_rig_stop(&r);
}

static void a_vector_waits_in_irr_while_it_is_in_service(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	msi(&r, 0, 0x71);
	CHECK_EQ(serve(l), 0x71);
	msi(&r, 0, 0x71);
	msi(&r, 0, 0x71); /* merges */
	CHECK_EQ(lapic_pending(l), -1);
	lapic_eoi(l);
	CHECK_EQ(serve(l), 0x71);
	lapic_eoi(l);
	CHECK_EQ(lapic_pending(l), -1);
	lapic_rig_stop(&r);
}

static void tpr_and_cr8_hold_back(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	msi(&r, 0, 0x4f);
	put(l, TPR, 0x4a);
	CHECK_EQ(lapic_get_cr8(l), 4);
	CHECK_EQ(get(l, PPR), 0x4a);
	CHECK_EQ(lapic_pending(l), -1);
	lapic_set_cr8(l, 3);
	CHECK_EQ(get(l, TPR), 0x30);
	CHECK_EQ(serve(l), 0x4f);
	CHECK_EQ(get(l, PPR), 0x40);
	put(l, TPR, 0x45);
	CHECK_EQ(get(l, PPR), 0x45); /* TPR's own class: its low bits show */
	put(l, TPR, 0xff);
	msi(&r, 0, 0xff);
	CHECK_EQ(lapic_pending(l), -1);
	lapic_set_cr8(l, 14);
	CHECK_EQ(lapic_pending(l), 0xff);
	lapic_rig_stop(&r);
}

static void the_eoi_of_a_level_is_told_unless_suppressed(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[1];

	start(&r);
	msi(&r, 0x1000, 0xc061); /* level, asserted */
	CHECK_EQ(get(l, TMR + 0x30), BIT(1));
	CHECK_EQ(serve(l), 0x61);
	CHECK_EQ(r.eois, 0);
	put(l, EOI, 0);
	CHECK_EQ(r.eois, 1);
	CHECK_EQ(r.eoi, 0x61);
	put(l, SVR, 0x11ff);
	msi(&r, 0x1000, 0xc061);
	CHECK_EQ(serve(l), 0x61);
	put(l, EOI, 0);
	CHECK_EQ(r.eois, 1);
	put(l, SVR, 0x1ff);
	msi(&r, 0x1000, 0x61); /* an edge of the same vector */
	CHECK_EQ(get(l, TMR + 0x30), 0);
	CHECK_EQ(serve(l), 0x61);
	put(l, EOI, 0);
	CHECK_EQ(r.eois, 1);
	msi(&r, 0x1000, 0x8061); /* de-asserted: nothing */
	CHECK_EQ(lapic_pending(l), -1);
	lapic_rig_stop(&r);
}

static void physical_destinations_are_ids_or_everybody(void)
{
	struct lapic_rig r;

	start(&r);
	msi(&r, 0x2000, 0x31);
	CHECK_EQ(drain(&r, 0x31), BIT(2));
	msi(&r, 0xff000, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0xf);
	msi(&r, 0x9000, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0);
	put(&r.l[2], ID, 9u << 24);
	msi(&r, 0x9000, 0x31);
	CHECK_EQ(drain(&r, 0x31), BIT(2));
	msi(&r, 0x2000, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0);
	lapic_deliver(&r.bus, (struct msi){ 0x1fee00000, 0x31 });
	lapic_deliver(&r.bus, (struct msi){ 0xfef00000, 0x31 });
	CHECK_EQ(drain(&r, 0x31), 0);
	lapic_rig_stop(&r);
}

static void logical_destinations_are_flat_or_in_clusters(void)
{
	struct lapic_rig r;

	start(&r);
	for (unsigned i = 0; i < RIG_CPUS; i++)
		put(&r.l[i], LDR, BIT(i) << 24);
	msi(&r, 0x5004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 5);
	msi(&r, 0xff004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0xf);
	for (unsigned i = 0; i < RIG_CPUS; i++) {
		put(&r.l[i], DFR, 0);
		put(&r.l[i], LDR, (i / 2) << 28 | BIT(i % 2) << 24);
	}
	msi(&r, 0x02004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 2);
	msi(&r, 0x13004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0xc);
	msi(&r, 0xff004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0xf);
	for (unsigned i = 0; i < RIG_CPUS; i++)
		put(&r.l[i], DFR, 0x50000000); /* no model */
	msi(&r, 0x13004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 0);
	lapic_rig_stop(&r);
}

static void lowest_priority_picks_one_and_takes_turns(void)
{
	struct lapic_rig r;
	u32 seen = 0;

	start(&r);
	for (unsigned i = 0; i < RIG_CPUS; i++) {
		put(&r.l[i], LDR, BIT(i) << 24);
		put(&r.l[i], TPR, i == 2 ? 0x10 : 0x20);
	}
	for (unsigned i = 0; i < 5; i++) {
		msi(&r, 0xf004, 0x131);
		CHECK_EQ(drain(&r, 0x31), BIT(2));
	}
	put(&r.l[2], TPR, 0x2f); /* the same class */
	for (unsigned i = 0; i < 4; i++) {
		u32 who;

		msi(&r, 0xf00c, 0x31); /* a fixed one with the redirection hint */
		who = drain(&r, 0x31);
		CHECK_EQ(who & (who - 1), 0);
		seen |= who;
	}
	CHECK_EQ(seen, 0xf);
	put(&r.l[2], TPR, 0);
	put(&r.l[2], SVR, 0xff);
	msi(&r, 0xf004, 0x131);
	CHECK_EQ(drain(&r, 0x31) & BIT(2), 0); /* disabled: not asked */
	msi(&r, 0x1008, 0x31);                 /* the hint with one physical destination */
	CHECK_EQ(drain(&r, 0x31), BIT(1));
	lapic_rig_stop(&r);
}

static void ipis_go_by_destination_and_shorthand(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[1];

	start(&r);
	put(l, ICR2, 3u << 24);
	put(l, ICR, 0x4041);
	CHECK_EQ(drain(&r, 0x41), BIT(3));
	CHECK_EQ(get(l, ICR), 0x4041); /* idle */
	CHECK_EQ(get(l, ICR2), 3u << 24);
	put(l, ICR, 0x5041); /* the busy bit is read-only */
	CHECK_EQ(get(l, ICR), 0x4041);
	CHECK_EQ(drain(&r, 0x41), BIT(3));
	put(l, ICR, SHORT_SELF | 0x41);
	CHECK_EQ(drain(&r, 0x41), BIT(1));
	put(l, ICR, SHORT_ALL | 0x41);
	CHECK_EQ(drain(&r, 0x41), 0xf);
	put(l, ICR, SHORT_OTHERS | 0x41);
	CHECK_EQ(drain(&r, 0x41), 0xd);
	put(l, ICR2, 0xffu << 24);
	put(l, ICR, 0x41);
	CHECK_EQ(drain(&r, 0x41), 0xf);
	put(&r.l[2], LDR, 0x80000000);
	put(l, ICR2, 0x80000000);
	put(l, ICR, 0x841); /* logical */
	CHECK_EQ(drain(&r, 0x41), BIT(2));
	put(l, ICR, SHORT_OTHERS | 0xc041); /* level is overridden */
	CHECK_EQ(get(&r.l[0], TMR + 0x20), 0);
	CHECK_EQ(drain(&r, 0x41), 0xd);
	CHECK_EQ(r.eois, 0);
	lapic_rig_stop(&r);
}

static void init_sipi_nmi_and_smi_are_events(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0], *ap = &r.l[1];

	start(&r);
	put(l, ICR2, 1u << 24);
	put(l, ICR, 0xc500); /* INIT, level, assert */
	put(l, ICR, 0x8500); /* de-assert */
	CHECK_EQ(lapic_events_peek(ap), LAPIC_INIT);
	put(l, ICR, 0x4608);
	put(l, ICR, 0x4609); /* the second SIPI of the usual pair */
	CHECK_EQ(lapic_events_take(ap), LAPIC_INIT | LAPIC_SIPI | 8);
	CHECK_EQ(lapic_events_take(ap), 0);
	put(l, ICR, 0x4608);
	put(l, ICR, 0x500); /* a later INIT voids the SIPI */
	CHECK_EQ(lapic_events_take(ap), LAPIC_INIT);
	put(l, ICR, 0x8500);
	CHECK_EQ(lapic_events_take(ap), 0);
	put(l, ICR, 0x4400);
	put(l, ICR, 0x4200);
	CHECK_EQ(lapic_events_take(ap), LAPIC_NMI | LAPIC_SMI);
	put(l, ICR, 0x4400);
	put(l, ICR, 0x4400);
	put(l, ICR, 0x4400);
	CHECK_EQ(lapic_events_take(ap), LAPIC_NMI | LAPIC_NMI_AGAIN);
	put(l, ICR, SHORT_OTHERS | 0x4400);
	CHECK_EQ(lapic_events_peek(l), 0);
	for (unsigned i = 1; i < RIG_CPUS; i++)
		CHECK_EQ(lapic_events_take(&r.l[i]), LAPIC_NMI);
	put(l, ICR, 0x4700); /* reserved modes */
	put(l, ICR, 0x4300);
	CHECK_EQ(lapic_events_take(ap), 0);
	put(ap, SVR, 0xff); /* a disabled one still takes these */
	msi(&r, 0x1000, 0x400);
	msi(&r, 0x1000, 0x608); /* no device sends SIPIs */
	CHECK_EQ(lapic_events_take(ap), LAPIC_NMI);
	CHECK_EQ(r.cpu[3].wakes, 1);
	lapic_rig_stop(&r);
}

static void illegal_vectors_and_registers_are_collected_in_esr(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, LVTERR, 0xe0);
	msi(&r, 0, 0x0f);
	CHECK_EQ(get(l, ESR), 0); /* shown by a write only */
	CHECK_EQ(get(l, IRR), 0);
	CHECK_EQ(serve(l), 0xe0);
	lapic_eoi(l);
	put(l, ESR, 0);
	CHECK_EQ(get(l, ESR), 0x40);
	CHECK_EQ(get(l, ESR), 0x40);
	put(l, ICR, SHORT_OTHERS | 5);
	CHECK_EQ(drain(&r, 0xe0), 1);
	CHECK_EQ(get(l, ESR), 0x40);
	CHECK_EQ(get(l, 0x400), 0);
	put(l, 0x40, 1);
	get(l, 0xff0);
	put(l, ESR, ~0u);
	CHECK_EQ(get(l, ESR), 0xa0);
	put(l, ESR, 0);
	CHECK_EQ(get(l, ESR), 0);
	put(&r.l[1], ESR, 0);
	CHECK_EQ(get(&r.l[1], ESR), 0); /* nothing was sent */
	put(l, LVTERR, 3);              /* its own vector is illegal: reported, without an end */
	msi(&r, 0, 1);
	CHECK_EQ(lapic_pending(l), 0xe0); /* 400h above */
	CHECK_EQ(lapic_pending(l), 0xe0);
	put(l, ESR, 0);
	CHECK_EQ(get(l, ESR), 0x40);
	lapic_rig_stop(&r);
}

static void disabling_by_software_masks_and_refuses(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, LINT0, 0x700);
	put(l, LVTT, 0x40);
	msi(&r, 0, 0x51);
	put(l, SVR, 0xff);
	CHECK_EQ(get(l, LINT0), MASKED | 0x700);
	CHECK_EQ(get(l, LVTT), MASKED | 0x40);
	put(l, LINT1, 0x400);
	CHECK_EQ(get(l, LINT1), MASKED | 0x400);
	msi(&r, 0, 0x52);
	CHECK_EQ(serve(l), 0x51); /* what came before is still delivered */
	lapic_eoi(l);
	CHECK_EQ(lapic_pending(l), -1);
	put(l, ICR2, 1u << 24);
	put(l, ICR, 0x33); /* and it can send */
	CHECK_EQ(drain(&r, 0x33), BIT(1));
	put(l, SVR, 0x1ff);
	CHECK_EQ(get(l, LINT0), MASKED | 0x700);
	lapic_rig_stop(&r);
}

static void the_8259_interrupts_through_lint0(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	lapic_set_lint0(l, true);
	CHECK_EQ(r.cpu[0].wakes, 1);
	CHECK(lapic_extint(l)); /* as after a reset */
	put(l, LINT0, MASKED | 0x700);
	CHECK(!lapic_extint(l));
	put(l, LINT0, 0x700);
	CHECK(lapic_extint(l));
	CHECK_EQ(lapic_pending(l), -1);
	r.intack = 0x08;
	CHECK_EQ(lapic_extint_ack(l), 8);
	lapic_set_lint0(l, false);
	CHECK(!lapic_extint(l));
	lapic_set_lint0(l, true);
	put(l, LINT0, MASKED | 0x700);
	CHECK(!lapic_extint(l));
	wrmsr(l, APIC_BASE, 0xfee00100); /* off: the pin is INTR */
	CHECK(lapic_extint(l));
	lapic_set_lint0(l, false);
	CHECK(!lapic_extint(l));
	lapic_pulse_lint1(l);
	CHECK_EQ(lapic_events_take(l), LAPIC_NMI);
	msi(&r, 0x1000, 0x700); /* an ExtINT message */
	CHECK(lapic_extint(&r.l[1]));
	r.intack = -1;
	CHECK_EQ(lapic_extint_ack(&r.l[1]), -1);
	CHECK(!lapic_extint(&r.l[1]));
	lapic_rig_stop(&r);
}

static void lint_pins_deliver_what_their_entries_say(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, LINT0, 0x31); /* fixed, edge */
	lapic_set_lint0(l, true);
	CHECK_EQ(drain(&r, 0x31), 1);
	lapic_set_lint0(l, true);
	CHECK_EQ(drain(&r, 0x31), 0);
	lapic_set_lint0(l, false);
	put(l, LINT0, 0x8031); /* level */
	lapic_set_lint0(l, true);
	CHECK_EQ(serve(l), 0x31);
	CHECK_EQ(get(l, LINT0), 0xc031); /* remote IRR */
	put(l, LINT0, 0x8031);
	CHECK_EQ(get(l, LINT0), 0xc031);
	lapic_eoi(l);
	CHECK_EQ(serve(l), 0x31); /* still asserted */
	lapic_set_lint0(l, false);
	lapic_eoi(l);
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(get(l, LINT0), 0x8031);
	put(l, LINT0, 0x400);
	lapic_set_lint0(l, true);
	CHECK_EQ(lapic_events_take(l), LAPIC_NMI);
	lapic_pulse_lint1(l);
	CHECK_EQ(lapic_events_take(l), 0); /* masked */
	put(l, LINT1, 0x400);
	lapic_pulse_lint1(l);
	CHECK_EQ(lapic_events_take(l), LAPIC_NMI);
	put(l, LINT1, 0x200);
	lapic_pulse_lint1(l);
	CHECK_EQ(lapic_events_take(l), LAPIC_SMI);
	put(l, PMC, 0x400);
	put(l, THERMAL, 0x61);
	put(l, CMCI, MASKED | 0x62);
	lapic_local(l, LVT_PMC);
	lapic_local(l, LVT_THERMAL);
	lapic_local(l, LVT_CMCI);
	CHECK_EQ(lapic_events_take(l), LAPIC_NMI);
	CHECK_EQ(drain(&r, 0x61), 1);
	lapic_rig_stop(&r);
}

int main(void)
{
	log_set_rules("error"); /* the guest here misbehaves on purpose */
	RUN(power_on_gives_the_documented_values);
	RUN(registers_keep_only_the_bits_they_have);
	RUN(other_access_sizes_read_parts_and_write_nothing);
	RUN(the_highest_vector_comes_first_and_classes_nest);
	RUN(a_vector_waits_in_irr_while_it_is_in_service);
	RUN(tpr_and_cr8_hold_back);
	RUN(the_eoi_of_a_level_is_told_unless_suppressed);
	RUN(physical_destinations_are_ids_or_everybody);
	RUN(logical_destinations_are_flat_or_in_clusters);
	RUN(lowest_priority_picks_one_and_takes_turns);
	RUN(ipis_go_by_destination_and_shorthand);
	RUN(init_sipi_nmi_and_smi_are_events);
	RUN(illegal_vectors_and_registers_are_collected_in_esr);
	RUN(disabling_by_software_masks_and_refuses);
	RUN(the_8259_interrupts_through_lint0);
	RUN(lint_pins_deliver_what_their_entries_say);
	return 0;
}
