/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four local APICs under 8-byte steps: what and which CPU, a register, size or count, a value.
 * After each step the owner takes what there is; what must never be is checked.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "unit/lapic_rig.h"

static void msr_write(struct lapic *l, u8 reg, u64 val)
{
	u32 msr = reg == 0xff ? 0x6e0 : reg == 0xfe ? 0x1b : 0x800 + reg;

	if (lapic_wrmsr(l, msr, val) < 0 && msr == 0x1b) {
		u64 base = 0;

		CHECK_EQ(lapic_rdmsr(l, 0x1b, &base), 0);
		CHECK(base != val);
	}
}

static void reload(struct lapic_rig *r, struct lapic *l, u32 noise)
{
	u8 page[LAPIC_PAGE];
	u64 base = 0;

	lapic_save_page(l, page);
	page[noise % LAPIC_PAGE] ^= (u8)(noise >> 16);
	CHECK_EQ(lapic_rdmsr(l, 0x1b, &base), 0);
	CHECK_EQ(lapic_load_page(l, base, page, NULL), 0);
	CHECK(l->timer.alarm_ns > r->now_ns || l->timer.alarm_ns == lapic_due_ns(l));
}

static void load_fields(struct lapic *l, u32 noise)
{
	struct str bytes = { 0 };

	state_save(lapic_fields, l, &bytes);
	bytes.at[noise % bytes.len] ^= (char)(noise >> 16);
	if (state_load(lapic_fields, l, (const u8 *)bytes.at, bytes.len, NULL) == 0)
		(void)!lapic_loaded(l, NULL);
	else
		lapic_reset(l, LAPIC_RESET_POWER_ON);
	str_free(&bytes);
}

static void step(struct lapic_rig *r, const u8 *s)
{
	struct lapic *l = &r->l[s[0] >> 6];
	u32 v = le32_at(s + 4);
	u64 val = 0;

	switch (s[0] & 15) {
	case 0: lapic_write(l, (u32)s[1] << 4, 4, v); break;
	case 1: lapic_write(l, le16_at(s + 1) & 0xfff, 1u << (s[3] & 3), v); break;
	case 2: lapic_read(l, le16_at(s + 1) & 0xfff, 1u << (s[3] & 3)); break;
	case 3: msr_write(l, s[1], v | (u64)s[2] << 32 | (u64)s[3] << 56); break;
	case 4: (void)!lapic_rdmsr(l, 0x800 + s[1], &val); break;
	case 5: lapic_deliver(&r->bus, (struct msi){ 0xfee00000 | le16_at(s + 2) << 4, v }); break;
	case 6: lapic_set_lint0(l, v & 1); break;
	case 7: lapic_pulse_lint1(l); break;
	case 8: r->now_ns += (u64)v << (s[1] & 15); break;
	case 9: lapic_local(l, v & 1 ? LVT_PMC : LVT_CMCI); break;
	case 10: lapic_reset(l, LAPIC_RESET_INIT); break;
	case 11: reload(r, l, v); break;
	case 12: lapic_set_cr8(l, s[1] & 15); break;
	case 13: load_fields(l, v); break;
	case 14: lapic_eoi(l); break;
	case 15: lapic_extint_ack(l); break;
	}
}

static void take(struct lapic_rig *r, struct lapic *l)
{
	u32 events = lapic_events_take(l);
	int vector = lapic_pending(l);
	u64 due = lapic_due_ns(l);

	CHECK_EQ(events & ~(u32)LAPIC_EVENTS, 0);
	if (!(events & LAPIC_SIPI))
		CHECK_EQ(events & LAPIC_SIPI_VECTOR, 0);
	if (vector >= 0) {
		CHECK(vector >= 16 && vector <= 255 && vector >> 4 > lapic_get_cr8(l));
		CHECK_EQ(lapic_ack(l), vector);
		CHECK(lapic_pending(l) != vector);
	}
	CHECK(due > r->now_ns); /* what was due has fired */
	CHECK(due == ~0ull || (l->timer.alarm_ns > r->now_ns && l->timer.alarm_ns <= due));
	lapic_extint(l);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct lapic_rig r;

	log_set_rules("error");
	lapic_rig_start(&r, &rig_ops);
	for (unsigned i = 0; i < RIG_CPUS; i++)
		lapic_write(&r.l[i], 0xf0, 4, 0x1ff);
	for (size_t at = 0; len - at >= 8; at += 8) {
		step(&r, data + at);
		for (unsigned i = 0; i < RIG_CPUS; i++)
			take(&r, &r.l[i]);
	}
	lapic_rig_stop(&r);
	return 0;
}
