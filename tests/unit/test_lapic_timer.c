/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC's timer: counting, dividers, modes, TSC deadline, alarms. */
#include "lapic_rig.h"

static void one_shot_counts_down_once(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, LVTT, 0x40);
	put(l, DCR, 0xb); /* 1 */
	put(l, TMICT, 1000);
	CHECK_EQ(get(l, TMCCT), 1000);
	CHECK_EQ(r.cpu[0].alarm_ns, 2000);
	CHECK_EQ(lapic_due_ns(l), 2000);
	r.now_ns += 400;
	CHECK_EQ(get(l, TMCCT), 600);
	CHECK_EQ(lapic_pending(l), -1);
	r.now_ns += 600;
	CHECK_EQ(get(l, TMCCT), 0);
	CHECK_EQ(drain(&r, 0x40), 1);
	CHECK_EQ(get(l, TMICT), 1000);
	CHECK_EQ(lapic_due_ns(l), ~0ull);
	r.now_ns += 100000;
	CHECK_EQ(drain(&r, 0x40), 0);
	put(l, TMICT, 50);
	put(l, TMICT, 0); /* stops it */
	r.now_ns += 100000;
	CHECK_EQ(drain(&r, 0x40), 0);
	lapic_rig_stop(&r);
}

static void every_divider_divides(void)
{
	static const u8 dcr[] = { 0xb, 0, 1, 2, 3, 8, 9, 0xa };
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, LVTT, 0x40);
	for (unsigned i = 0; i < ARRAY_LEN(dcr); i++) {
		put(l, DCR, dcr[i]);
		CHECK_EQ(get(l, DCR), dcr[i]);
		put(l, TMICT, 10);
		r.now_ns += (10ull << i) - 1;
		CHECK_EQ(get(l, TMCCT), 1);
		CHECK_EQ(drain(&r, 0x40), 0);
		r.now_ns++;
		CHECK_EQ(drain(&r, 0x40), 1);
	}
	put(l, DCR, 0xb);
	put(l, TMICT, 100);
	r.now_ns += 50;
	put(l, DCR, 0); /* the rest at half the speed */
	CHECK_EQ(get(l, TMCCT), 50);
	r.now_ns += 99;
	CHECK_EQ(drain(&r, 0x40), 0);
	r.now_ns++;
	CHECK_EQ(drain(&r, 0x40), 1);
	put(l, DCR, 0xa);
	put(l, TMICT, ~0u);
	CHECK_EQ(get(l, TMCCT), ~0u);
	CHECK_EQ(lapic_due_ns(l), r.now_ns + 128ull * ~0u);
	lapic_rig_stop(&r);
}

static void periodic_stays_in_step(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];
	u64 began;

	start(&r);
	put(l, DCR, 0xb);
	put(l, LVTT, PERIODIC | 0x40);
	put(l, TMICT, 1000000);
	began = r.now_ns;
	for (unsigned i = 1; i <= 3; i++) {
		r.now_ns = began + i * 1000000 + 7;
		CHECK_EQ(drain(&r, 0x40), 1);
		CHECK_EQ(get(l, TMCCT), 1000000 - 7);
		CHECK_EQ(lapic_due_ns(l), began + (i + 1) * 1000000);
		CHECK_EQ(r.cpu[0].alarm_ns, began + (i + 1) * 1000000);
	}
	r.now_ns = began + 50500000; /* many at once: one interrupt */
	CHECK_EQ(drain(&r, 0x40), 1);
	CHECK_EQ(drain(&r, 0x40), 0);
	CHECK_EQ(lapic_due_ns(l), began + 51000000);
	put(l, TMICT, 1); /* a period of a nanosecond */
	r.now_ns += 10;
	CHECK_EQ(drain(&r, 0x40), 1);
	r.now_ns += 10;
	CHECK_EQ(get(l, TMCCT), 1);
	CHECK_EQ(drain(&r, 0x40), 0); /* held back */
	r.now_ns += 50000;
	CHECK_EQ(drain(&r, 0x40), 1);
	lapic_rig_stop(&r);
}

static void a_mode_change_counts_on_except_for_tsc_deadline(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, DCR, 0xb);
	put(l, LVTT, 0x40);
	put(l, TMICT, 100000);
	r.now_ns += 60000;
	put(l, LVTT, PERIODIC | 0x40);
	CHECK_EQ(get(l, TMCCT), 40000);
	r.now_ns += 50000;
	CHECK_EQ(drain(&r, 0x40), 1);
	CHECK_EQ(get(l, TMCCT), 90000);
	put(l, LVTT, 0x41);
	r.now_ns += 90000;
	CHECK_EQ(drain(&r, 0x41), 1);
	CHECK_EQ(get(l, TMCCT), 0);
	put(l, LVTT, PERIODIC | 0x41); /* has ended: stays so */
	CHECK_EQ(get(l, TMCCT), 0);
	put(l, TMICT, 100000);
	put(l, LVTT, DEADLINE | 0x41);
	CHECK_EQ(get(l, TMCCT) | get(l, TMICT), 0);
	put(l, TMICT, 5); /* ignored here */
	CHECK_EQ(get(l, TMICT), 0);
	r.now_ns += 1000000;
	CHECK_EQ(lapic_pending(l), -1);
	wrmsr(l, TSC_DEADLINE, ~0ull);
	put(l, LVTT, 0x41);
	CHECK_EQ(rdmsr(l, TSC_DEADLINE), 0);
	wrmsr(l, TSC_DEADLINE, 1); /* ignored */
	CHECK_EQ(lapic_pending(l), -1);
	put(l, LVTT, DEADLINE | PERIODIC | 0x41); /* reserved: no timer */
	put(l, TMICT, 5);
	wrmsr(l, TSC_DEADLINE, 1);
	CHECK_EQ(lapic_due_ns(l), ~0ull);
	lapic_rig_stop(&r);
}

static void a_masked_timer_runs_without_interrupts(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	put(l, DCR, 0xb);
	put(l, TMICT, 1000); /* firmware measures like this */
	CHECK_EQ(r.cpu[0].alarms, 0);
	r.now_ns += 999;
	CHECK_EQ(get(l, TMCCT), 1);
	r.now_ns += 1;
	CHECK_EQ(get(l, TMCCT), 0);
	put(l, LVTT, 0x40);
	CHECK_EQ(lapic_pending(l), -1); /* lost */
	put(l, LVTT, MASKED | PERIODIC | 0x40);
	put(l, TMICT, 1000000);
	r.now_ns += 2500000;
	CHECK_EQ(get(l, TMCCT), 500000);
	put(l, LVTT, PERIODIC | 0x40);
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(r.cpu[0].alarm_ns, r.now_ns + 500000);
	r.now_ns += 500000;
	CHECK_EQ(drain(&r, 0x40), 1);
	put(l, LVTT, PERIODIC | 7);
	r.now_ns += 1000000;
	CHECK_EQ(lapic_pending(l), -1);
	put(l, ESR, 0);
	CHECK_EQ(get(l, ESR), 0x40); /* its vector is illegal */
	lapic_rig_stop(&r);
}

static void tsc_deadline_fires_once_and_reads_zero(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];
	u64 tsc;

	start(&r);
	put(l, LVTT, DEADLINE | 0x40);
	tsc = rig_tsc(&r.cpu[0]);
	wrmsr(l, TSC_DEADLINE, tsc + 2501); /* 1000.4 ns */
	CHECK_EQ(r.cpu[0].alarm_ns, r.now_ns + 1001);
	CHECK_EQ(lapic_due_ns(l), r.now_ns + 1001);
	r.now_ns += 1000;
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(rdmsr(l, TSC_DEADLINE), tsc + 2501);
	r.now_ns++;
	CHECK_EQ(drain(&r, 0x40), 1);
	CHECK_EQ(rdmsr(l, TSC_DEADLINE), 0);
	wrmsr(l, TSC_DEADLINE, 1); /* long past: at once */
	CHECK_EQ(drain(&r, 0x40), 1);
	wrmsr(l, TSC_DEADLINE, tsc + 25000000);
	wrmsr(l, TSC_DEADLINE, 0); /* disarmed */
	CHECK_EQ(lapic_due_ns(l), ~0ull);
	wrmsr(l, TSC_DEADLINE, tsc + 25000000);
	r.tsc_offset += 25000000; /* the guest wrote its TSC */
	lapic_time_changed(l);
	CHECK_EQ(drain(&r, 0x40), 1);
	wrmsr(l, TSC_DEADLINE, ~0ull); /* centuries */
	CHECK(lapic_due_ns(l) > r.now_ns);
	lapic_rig_stop(&r);
}

static void moving_a_deadline_out_asks_for_no_new_alarm(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];
	u64 tsc;

	start(&r);
	put(l, LVTT, DEADLINE | 0x40);
	tsc = rig_tsc(&r.cpu[0]);
	for (unsigned i = 1; i <= 1000; i++)
		wrmsr(l, TSC_DEADLINE, tsc + i * 25000);
	CHECK_EQ(r.cpu[0].alarms, 1);
	CHECK_EQ(r.cpu[0].alarm_ns, r.now_ns + 10000);
	r.now_ns += 10000; /* the alarm: too early */
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(r.cpu[0].alarms, 2);
	CHECK_EQ(r.cpu[0].alarm_ns, 1000 + 10000000);
	wrmsr(l, TSC_DEADLINE, rig_tsc(&r.cpu[0]) + 2500); /* earlier */
	CHECK_EQ(r.cpu[0].alarms, 3);
	CHECK_EQ(r.cpu[0].alarm_ns, r.now_ns + 1000);
	wrmsr(l, TSC_DEADLINE, 0);
	r.now_ns += 5000; /* rings for nothing */
	CHECK_EQ(lapic_pending(l), -1);
	wrmsr(l, TSC_DEADLINE, rig_tsc(&r.cpu[0]) + 2500);
	CHECK_EQ(r.cpu[0].alarms, 4);
	CHECK_EQ(r.cpu[0].alarm_ns, r.now_ns + 1000);
	lapic_rig_stop(&r);
}

int main(void)
{
	RUN(one_shot_counts_down_once);
	RUN(every_divider_divides);
	RUN(periodic_stays_in_step);
	RUN(a_mode_change_counts_on_except_for_tsc_deadline);
	RUN(a_masked_timer_runs_without_interrupts);
	RUN(tsc_deadline_fires_once_and_reads_zero);
	RUN(moving_a_deadline_out_asks_for_no_new_alarm);
	return 0;
}
