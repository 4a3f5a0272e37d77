/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PM block: timer, status and enable bits with their SCI, sleep, SMI enable and APM. */
#include "legacy_rig.h"

enum { BASE = 0x600, TIMER_HZ = 3579545 };
enum { PM1_STS = BASE, PM1_EN = BASE + 2, PM1_CNT = BASE + 4, PM_TMR = BASE + 8 };
enum { GPE_STS = BASE + 0x20, GPE_EN = BASE + 0x28, SMI_EN = BASE + 0x30, SMI_STS = BASE + 0x34 };

static struct device *start(struct rig *r, bool smm) enters(in_machine)
{
	struct device *pm;

	rig_start(r);
	pm = pm_create(r->m, rig_sci_wire(r), smm, NULL);
	CHECK(pm);
	pm_set_base(pm, BASE, true);
	return pm;
}

static u32 in(struct rig *r, u16 port, unsigned size)needs(in_machine)
{
	return (u32)io_read(r->m, IO_PORT, port, size);
}

static void out(struct rig *r, u16 port, unsigned size, u32 val) needs(in_machine)
{
	io_write(r->m, IO_PORT, port, size, val);
}

static void the_block_is_where_the_bridge_puts_it(void)
{
	struct device *pm;
	struct rig r;

	pm = start(&r, false);
	CHECK_EQ(in(&r, PM1_CNT, 2), 1); /* SCI_EN */
	pm_set_base(pm, 0xb040, true);   /* low bits do not count */
	CHECK_EQ(in(&r, PM1_CNT, 2), 0xffff);
	CHECK_EQ(in(&r, 0xb004, 2), 1);
	pm_set_base(pm, 0xb000, false);
	CHECK_EQ(in(&r, 0xb004, 2), 0xffff);
	pm_set_base(pm, BASE, true);
	device_reset_all(r.m, RESET_WARM);
	CHECK_EQ(in(&r, PM1_CNT, 2), 0xffff);
	rig_stop(&r);
}

static void the_timer_counts_at_its_rate_and_wraps(void)
{
	struct rig r;

	start(&r, false);
	CHECK_EQ(in(&r, PM_TMR, 4), 0);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK_EQ(in(&r, PM_TMR, 4), TIMER_HZ);
	clock_advance(r.m->clock, 4 * NS_PER_S);
	CHECK_EQ(in(&r, PM_TMR, 4), (5 * TIMER_HZ) & 0xffffff);
	CHECK_EQ(in(&r, PM_TMR, 4) >> 24, 0);
	CHECK_EQ(in(&r, PM_TMR + 1, 1), (5 * TIMER_HZ) >> 8 & 0xff);
	CHECK_EQ(in(&r, PM_TMR, 2), (5 * TIMER_HZ) & 0xffff);
	out(&r, PM_TMR, 4, 0); /* read-only */
	CHECK_EQ(in(&r, PM_TMR, 4), (5 * TIMER_HZ) & 0xffffff);
	rig_stop(&r);
}

static void the_top_bit_of_the_timer_carries(void)
{
	const u64 half_ns = (NS_PER_S << 23) / TIMER_HZ;
	struct rig r;

	start(&r, false);
	clock_advance(r.m->clock, half_ns);
	CHECK_EQ(in(&r, PM1_STS, 2), 0);
	clock_advance(r.m->clock, 1);
	CHECK_EQ(in(&r, PM_TMR, 4), 0x800000);
	CHECK_EQ(in(&r, PM1_STS, 2), 1);
	CHECK(!r.sci);
	out(&r, PM1_STS, 2, 1);
	CHECK_EQ(in(&r, PM1_STS, 2), 0);
	out(&r, PM1_EN, 2, 1);
	clock_advance(r.m->clock, half_ns - 1);
	CHECK(!r.sci);
	clock_advance(r.m->clock, 2); /* to 0 again: the SCI comes by itself */
	CHECK(r.sci);
	CHECK_EQ(in(&r, PM_TMR, 4), 0);
	out(&r, PM1_STS, 1, 1);
	CHECK(!r.sci);
	clock_advance(r.m->clock, half_ns + 1);
	CHECK(r.sci);
	out(&r, PM1_EN, 1, 0);
	CHECK(!r.sci);
	rig_stop(&r);
}

static void the_power_button_asks_by_sci(void)
{
	struct device *pm;
	struct rig r;

	pm = start(&r, false);
	pm_power_button(pm);
	CHECK(!r.sci);
	CHECK_EQ(in(&r, PM1_STS, 2), 0x100);
	out(&r, PM1_EN, 2, 0x100);
	CHECK(r.sci);
	out(&r, PM1_STS, 2, 0x0001); /* another bit */
	CHECK(r.sci);
	out(&r, PM1_STS + 1, 1, 0x01); /* byte access */
	CHECK(!r.sci);
	pm_power_button(pm);
	CHECK(r.sci);
	out(&r, PM1_STS, 4, 0x01000100); /* status and enable in one go */
	CHECK(!r.sci);
	CHECK_EQ(in(&r, PM1_STS, 4), 0x01000000);
	rig_stop(&r);
}

static void a_byte_write_clears_no_other_status(void)
{
	struct device *pm;
	struct rig r;

	pm = start(&r, false);
	pm_power_button(pm);
	pm_gpe(pm, 0);
	pm_gpe(pm, 9);
	out(&r, PM1_STS, 1, 0xff);
	CHECK_EQ(in(&r, PM1_STS, 2), 0x100);
	out(&r, PM1_EN, 1, 0xff);
	CHECK_EQ(in(&r, PM1_EN, 2), 0x21);
	out(&r, GPE_STS, 1, 0xff);
	CHECK_EQ(in(&r, GPE_STS, 2), 0x200);
	rig_stop(&r);
}

static void general_purpose_events_follow_their_enables(void)
{
	struct device *pm;
	struct rig r;

	pm = start(&r, false);
	pm_gpe(pm, 3);
	pm_gpe(pm, 15);
	pm_gpe(pm, 16); /* there is none */
	CHECK_EQ(in(&r, GPE_STS, 4), 0x8008);
	CHECK(!r.sci);
	out(&r, GPE_EN + 1, 1, 0x80);
	CHECK(r.sci);
	out(&r, GPE_STS, 2, 0x8000);
	CHECK(!r.sci);
	CHECK_EQ(in(&r, GPE_STS, 2), 0x0008);
	out(&r, GPE_EN, 4, 0xffffffff);
	out(&r, GPE_EN + 4, 4, 0x12345678);
	CHECK_EQ(in(&r, GPE_EN + 4, 4), 0x12345678);
	CHECK(r.sci);
	rig_stop(&r);
}

static void sleep_type_0_powers_off(void)
{
	struct rig r;

	start(&r, false);
	out(&r, PM1_CNT, 2, 0x0000);
	out(&r, PM1_CNT, 2, 5 << 10 | 1 << 13); /* S3 of real chips */
	CHECK_EQ(r.poweroffs, 0);
	CHECK_EQ(in(&r, PM1_CNT, 2), 5 << 10 | 1);
	out(&r, PM1_CNT, 2, 0x2001);
	CHECK_EQ(r.poweroffs, 1);
	CHECK_EQ(in(&r, PM1_CNT, 2), 1); /* SLP_EN reads 0 */
	out(&r, PM1_CNT + 1, 1, 0x20);
	CHECK_EQ(r.poweroffs, 2);
	out(&r, PM1_CNT, 1, 0x00);
	CHECK_EQ(r.poweroffs, 2);
	rig_stop(&r);
}

static void without_smm_apm_is_storage(void)
{
	struct rig r;

	start(&r, false);
	CHECK_EQ(in(&r, SMI_EN, 4), 0x20);
	out(&r, SMI_EN, 4, 0);
	CHECK_EQ(in(&r, SMI_EN, 4), 0x20);
	outb(&r, 0xb2, 0x12);
	outb(&r, 0xb3, 0x34);
	CHECK_EQ(in(&r, 0xb2, 2), 0x3412);
	CHECK_EQ(r.smis, 0);
	rig_stop(&r);
}

static void with_smm_apm_interrupts_where_enabled(void)
{
	struct device *pm;
	struct rig r;

	pm = start(&r, true);
	CHECK_EQ(in(&r, SMI_EN, 4), 0);
	outb(&r, 0xb2, 1);
	CHECK_EQ(r.smis, 0);
	out(&r, SMI_EN, 4, 0x21);
	outb(&r, 0xb3, 1);
	CHECK_EQ(r.smis, 0);
	outb(&r, 0xb2, 1);
	CHECK_EQ(r.smis, 1);
	CHECK(!r.smi_all);
	CHECK_EQ(in(&r, SMI_STS, 4), 0x20);
	out(&r, SMI_STS, 4, 0x20);
	CHECK_EQ(in(&r, SMI_STS, 4), 0);
	pm_smi_all(pm, true);
	outb(&r, 0xb2, 1);
	CHECK(r.smi_all);
	pm_lock_smi(pm);
	out(&r, SMI_EN, 4, 0);
	CHECK_EQ(in(&r, SMI_EN, 4), 0x01); /* only GBL_SMI_EN is locked */
	device_reset_all(r.m, RESET_WARM);
	pm_set_base(pm, BASE, true);
	CHECK_EQ(in(&r, SMI_EN, 4), 0);
	out(&r, SMI_EN, 4, 1);
	out(&r, SMI_EN, 4, 0);
	CHECK_EQ(in(&r, SMI_EN, 4), 0); /* and not locked any more */
	rig_stop(&r);
}

static void a_block_over_fixed_ports_does_not_hide_them(void)
{
	struct device *pm;
	struct rig r;

	pm = start(&r, false);
	CHECK(pit_create(&r.bus, NULL));
	outb(&r, 0x61, 0x03);
	pm_set_base(pm, 0, true);
	CHECK_EQ(inb(&r, 0x61) & 0x0f, 0x03);
	rig_stop(&r);
}

static void odd_accesses_are_harmless(void)
{
	struct rig r;

	start(&r, true);
	for (unsigned size = 1; size <= 4; size *= 2)
		for (u16 at = BASE; at < BASE + 0x80; at++) {
			u32 val = in(&r, at, size);

			if (at / 4 != PM1_CNT / 4 && (at + size - 1) / 4 != PM1_CNT / 4)
				out(&r, at, size, ~val);
		}
	CHECK_EQ(r.poweroffs, 0);
	CHECK_EQ(in(&r, BASE + 0x60, 4), 0);
	rig_stop(&r);
}

int main(void)
{
	RUN(the_block_is_where_the_bridge_puts_it);
	RUN(the_timer_counts_at_its_rate_and_wraps);
	RUN(the_top_bit_of_the_timer_carries);
	RUN(the_power_button_asks_by_sci);
	RUN(a_byte_write_clears_no_other_status);
	RUN(general_purpose_events_follow_their_enables);
	RUN(sleep_type_0_powers_off);
	RUN(without_smm_apm_is_storage);
	RUN(with_smm_apm_interrupts_where_enabled);
	RUN(a_block_over_fixed_ports_does_not_hide_them);
	RUN(odd_accesses_are_harmless);
	return 0;
}
