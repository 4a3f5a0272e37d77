/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC: IA32_APIC_BASE, x2APIC, INIT, saved state. */
#include "lapic_rig.h"

#include <errno.h>

#include "base/log.h"

static void apic_base_refuses_illegal_transitions(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, 0xfee00500), -1); /* EXTD without EN */
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, ON | 1), -1);
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, ON | BIT(9)), -1);
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, ON | BIT64(40)), -1);
	wrmsr(l, APIC_BASE, ON | BIT64(39));
	CHECK(lapic_at(l, 0x80fee00ff0));
	CHECK(!lapic_at(l, 0xfee00ff0));
	wrmsr(l, APIC_BASE, 0xd0000800);
	CHECK_EQ(rdmsr(l, APIC_BASE), 0xd0000900); /* BSP stays */
	CHECK(lapic_at(l, 0xd0000000));
	CHECK(!lapic_at(l, 0xd0001000));
	CHECK_EQ(get(l, SVR), 0x1ff);
	wrmsr(l, APIC_BASE, ON_X2);
	CHECK(!lapic_at(l, 0xfee00000));
	CHECK_EQ(rdmsr(l, X2 + 0x0f), 0x1ff); /* kept */
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, ON), -1);
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, 0xfee00400), -1);
	wrmsr(l, APIC_BASE, 0xfee00000);
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, ON_X2), -1);
	CHECK(!lapic_at(l, 0xfee00000));
	msi(&r, 0, 0x31);
	msi(&r, 0, 0x400);
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(lapic_events_take(l), 0);
	wrmsr(l, APIC_BASE, ON);
	CHECK_EQ(get(l, SVR), 0xff); /* as after reset */
	CHECK_EQ(lapic_pending(l), -1);
	r.bus.x2apic = false;
	CHECK_EQ(lapic_wrmsr(l, APIC_BASE, ON_X2), -1);
	lapic_rig_stop(&r);
}

static void x2apic_registers_are_msrs(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[1];
	u64 val;

	start(&r);
	CHECK_EQ(lapic_rdmsr(l, X2 + 2, &val), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 8, 0), -1);
	put(l, ID, 0x77000000);
	to_x2apic(&r);
	CHECK_EQ(rdmsr(l, X2 + 2), 1);
	CHECK_EQ(rdmsr(l, X2 + 0xd), 2);
	CHECK_EQ(rdmsr(l, X2 + 3), 0x01060014);
	for (u32 reg = 0; reg < 0x100; reg++) {
		bool readable = reg == 2 || reg == 3 || reg == 8 || reg == 0xa || reg == 0xd ||
				reg == 0xf || (reg >= 0x10 && reg <= 0x28) || reg == 0x2f ||
				reg == 0x30 || (reg >= 0x32 && reg <= 0x39) || reg == 0x3e;
		bool writable = reg == 8 || reg == 0xb || reg == 0xf || reg == 0x28 ||
				reg == 0x2f || reg == 0x30 || (reg >= 0x32 && reg <= 0x38) ||
				reg == 0x3e || reg == 0x3f;

		CHECK_EQ(lapic_rdmsr(l, X2 + reg, &val), readable ? 0 : -1);
		CHECK_EQ(lapic_wrmsr(l, X2 + reg, reg == 0xf ? 0x1ff : 0), writable ? 0 : -1);
		if (writable && reg != 0x30)
			CHECK_EQ(lapic_wrmsr(l, X2 + reg, BIT64(32)), -1);
	}
	CHECK_EQ(lapic_wrmsr(l, X2 + 8, 0x100), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0xb, 1), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0xf, 0x401), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0x28, 1), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0x32, 0x80040), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0x37, 0x10400), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0x3e, 4), -1);
	CHECK_EQ(lapic_wrmsr(l, X2 + 0x30, 0x2041), -1);
	wrmsr(l, X2 + 0x35, 0x15700); /* status bits may be written back */
	CHECK_EQ(rdmsr(l, X2 + 0x35), 0x10700);
	wrmsr(l, X2 + 0x28, 0);
	wrmsr(l, X2 + 0x28, 0);
	CHECK_EQ(rdmsr(l, X2 + 0x28), 0);
	CHECK_EQ(lapic_rdmsr(l, 0x1c, &val), -1);
	lapic_rig_stop(&r);
}

static void x2apic_ipis_have_wide_destinations(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[0];

	start(&r);
	to_x2apic(&r);
	wrmsr(l, X2 + 0x30, 0x200000041);
	CHECK_EQ(drain(&r, 0x41), BIT(2));
	CHECK_EQ(rdmsr(l, X2 + 0x30), 0x200000041);
	wrmsr(l, X2 + 0x30, 0xff00000041ull);
	CHECK_EQ(drain(&r, 0x41), 0);
	wrmsr(l, X2 + 0x30, 0xffffffff00000041ull);
	CHECK_EQ(drain(&r, 0x41), 0xf);
	wrmsr(l, X2 + 0x30, 0xa00000841ull); /* logical: cluster 0, members 1 and 3 */
	CHECK_EQ(drain(&r, 0x41), 0xa);
	wrmsr(l, X2 + 0x30, 0x1000a00000841ull); /* another cluster */
	CHECK_EQ(drain(&r, 0x41), 0);
	wrmsr(l, X2 + 0x30, SHORT_OTHERS | 0x41);
	CHECK_EQ(drain(&r, 0x41), 0xe);
	wrmsr(l, X2 + 0x3f, 0x51);
	CHECK_EQ(drain(&r, 0x51), 1);
	wrmsr(l, X2 + 0x3f, 0x0f);
	wrmsr(l, X2 + 0x28, 0);
	CHECK_EQ(rdmsr(l, X2 + 0x28), 0x20);
	msi(&r, 0xff000, 0x31); /* a device's 8 bits */
	CHECK_EQ(drain(&r, 0x31), 0xf);
	msi(&r, 0x3004, 0x31);
	CHECK_EQ(drain(&r, 0x31), 3);
	lapic_rig_stop(&r);
}

static void x2apic_ids_may_be_large(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[3];

	start(&r);
	lapic_init(l, &r.bus, 3, 0x12345, &r.cpu[3]);
	CHECK_EQ(get(l, ID), 0x45000000);
	put(l, SVR, 0x1ff);
	to_x2apic(&r);
	CHECK_EQ(rdmsr(l, X2 + 2), 0x12345);
	CHECK_EQ(rdmsr(l, X2 + 0xd), 0x12340020);
	wrmsr(&r.l[0], X2 + 0x30, 0x1234500000041ull);
	CHECK_EQ(drain(&r, 0x41), BIT(3));
	wrmsr(&r.l[0], X2 + 0x30, 0x1234002000000841ull);
	CHECK_EQ(drain(&r, 0x41), BIT(3));
	lapic_rig_stop(&r);
}

static void init_keeps_mode_and_id(void)
{
	struct lapic_rig r;
	struct lapic *l = &r.l[1];

	start(&r);
	put(l, ID, 0x11000000);
	put(l, TPR, 0x30);
	put(l, DCR, 0xb);
	put(l, LVTT, PERIODIC | 0x40);
	put(l, TMICT, 100);
	msi(&r, 0x11000, 0x51);
	msi(&r, 0x11000, 0x400);
	lapic_reset(l, LAPIC_RESET_INIT);
	r.now_ns += 1000;
	CHECK_EQ(lapic_pending(l), -1);
	CHECK_EQ(lapic_events_take(l), LAPIC_NMI); /* the run loop's */
	CHECK_EQ(get(l, ID), 0x11000000);
	CHECK_EQ(get(l, SVR), 0xff);
	CHECK_EQ(get(l, TPR) | get(l, TMICT) | get(l, TMCCT), 0);
	wrmsr(l, APIC_BASE, ON_X2);
	lapic_reset(l, LAPIC_RESET_INIT);
	CHECK_EQ(rdmsr(l, APIC_BASE), ON_X2);
	CHECK_EQ(rdmsr(l, X2 + 2), 1);
	lapic_reset(l, LAPIC_RESET_POWER_ON);
	CHECK_EQ(rdmsr(l, APIC_BASE), ON);
	CHECK_EQ(get(l, ID), 0x01000000);
	lapic_rig_stop(&r);
}

/* Something of everything. */
static void fill(struct lapic_rig *r, struct lapic *l)
{
	put(l, LDR, 0x02000000);
	put(l, TPR, 0x20);
	put(l, DCR, 0xb);
	put(l, LVTT, PERIODIC | 0x40);
	put(l, TMICT, 1000000);
	put(l, LINT0, 0x700);
	r->now_ns += 400000;
	msi(r, 0x1000, 0xc0d1);
	CHECK_EQ(serve(l), 0xd1);
	msi(r, 0x1000, 0x51);
	get(l, 0x40); /* an error */
}

static void check_filled(struct lapic_rig *r, struct lapic *l)
{
	CHECK_EQ(get(l, LDR), 0x02000000);
	CHECK_EQ(get(l, PPR), 0xd0);
	CHECK_EQ(get(l, TMCCT), 600000);
	put(l, ESR, 0);
	CHECK_EQ(get(l, ESR), 0x80);
	CHECK_EQ(lapic_pending(l), -1);
	r->eois = 0;
	lapic_eoi(l);
	CHECK_EQ(r->eoi, 0xd1);
	CHECK_EQ(r->eois, 1);
	CHECK_EQ(serve(l), 0x51);
	lapic_eoi(l);
	r->now_ns += 600000;
	CHECK_EQ(serve(l), 0x40);
	lapic_eoi(l);
	r->now_ns += 1000000;
	CHECK_EQ(serve(l), 0x40);
	put(l, DFR, ~0u);
	msi(r, 0x2004, 0x71);
	lapic_eoi(l);
	CHECK_EQ(serve(l), 0x71);
}

static void the_page_carries_the_state(void)
{
	struct lapic_rig r, s;
	u8 page[LAPIC_PAGE];
	struct error err;
	u64 base;

	start(&r);
	fill(&r, &r.l[1]);
	base = rdmsr(&r.l[1], APIC_BASE);
	lapic_save_page(&r.l[1], page);
	CHECK_EQ(page[0xf0 + 1], 1);
	CHECK_EQ(page[0xa0], 0xd0);
	lapic_rig_start(&s, &rig_ops);
	s.now_ns = 77;
	CHECK_EQ(lapic_load_page(&s.l[1], base, page, &err), 0);
	CHECK_EQ(s.cpu[1].alarm_ns, 77 + 600000);
	check_filled(&s, &s.l[1]);
	CHECK_EQ(lapic_load_page(&s.l[1], 0xfee00400, page, &err), -EINVAL);
	memset(page, 0xff, sizeof(page)); /* nonsense keeps the rules */
	CHECK_EQ(lapic_load_page(&s.l[1], ON, page, &err), 0);
	CHECK_EQ(get(&s.l[1], VERSION), 0x01060014);
	CHECK_EQ(get(&s.l[1], LVTT), 0x700ff);
	CHECK_EQ(get(&s.l[1], IRR), 0xffff0000);
	CHECK_EQ(get(&s.l[1], ESR), 0xe0);
	lapic_rig_stop(&s);
	lapic_rig_stop(&r);
}

static void the_fields_carry_the_state(void)
{
	struct lapic_rig r, s;
	struct str bytes = { 0 };
	struct error err;
	struct lapic *l = &s.l[1];

	start(&r);
	fill(&r, &r.l[1]);
	lapic_post(&r.l[1], LAPIC_SIPI | 0x9a);
	state_save(lapic_fields, &r.l[1], &bytes);
	lapic_rig_start(&s, &rig_ops);
	s.now_ns = r.now_ns;
	CHECK_EQ(state_load(lapic_fields, l, (const u8 *)bytes.at, bytes.len, &err), 0);
	CHECK_EQ(lapic_loaded(l, &err), 0);
	CHECK_EQ(lapic_events_take(l), LAPIC_SIPI | 0x9a);
	check_filled(&s, l);
	l->timer.running = true;
	l->timer.deadline_ns = ~0ull;
	CHECK_EQ(lapic_loaded(l, &err), 0);
	CHECK(lapic_due_ns(l) <= s.now_ns + 1000000 + 50000);
	l->base = 0xfee00400;
	CHECK_EQ(lapic_loaded(l, &err), -EINVAL);
	CHECK_EQ(rdmsr(l, APIC_BASE), ON);
	str_free(&bytes);
	lapic_rig_stop(&s);
	lapic_rig_stop(&r);
}

int main(void)
{
	log_set_rules("error"); /* the guest here misbehaves on purpose */
	RUN(apic_base_refuses_illegal_transitions);
	RUN(x2apic_registers_are_msrs);
	RUN(x2apic_ipis_have_wide_destinations);
	RUN(x2apic_ids_may_be_large);
	RUN(init_keeps_mode_and_id);
	RUN(the_page_carries_the_state);
	RUN(the_fields_carry_the_state);
	return 0;
}
