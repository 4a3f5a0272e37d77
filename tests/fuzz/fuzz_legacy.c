/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All the PC devices on one machine under 8-byte steps: a port or I/O APIC access of any size, an
 * interrupt acknowledged or ended, a wire, the power button, another wall time, a reset, and the
 * saved state changed by a byte and loaded. Time goes on with each step.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "unit/legacy_rig.h"

enum { STEP_NS_BITS = 24 }; /* at most 34 ms, or the fastest timers make runs slow */

struct board {
	struct rig r;
	struct device *pm;
};

static const struct {
	u16 port, len;
} windows[] = {
	{ 0x20, 2 },   { 0xa0, 2 },  { 0x4d0, 2 },   { 0x40, 4 },   { 0x61, 1 }, { 0x70, 2 },
	{ 0x92, 1 },   { 0xcf9, 1 }, { 0x60, 1 },    { 0x64, 1 },   { 0xb2, 2 }, { 0x600, 16 },
	{ 0x620, 32 }, { 0xe0, 24 }, { 0x2000, 25 }, { 0x3000, 4 },
};

static void build(struct board *b) enters(in_machine)
{
	struct irq line[TESTDEV_LINES];
	struct rig *r = &b->r;

	rig_start(r);
	r->pic = pic_create(&r->bus, rig_intr_wire(r), NULL);
	r->ioapic = ioapic_create(r->m, NULL);
	b->pm = pm_create(r->m, rig_sci_wire(r), true, NULL);
	CHECK(r->pic && r->ioapic && b->pm);
	CHECK(pit_create(&r->bus, NULL) && rtc_create(&r->bus, GIB(2), GIB(2), NULL));
	CHECK(reset_create(&r->bus, NULL) && i8042_create(&r->bus, NULL));
	for (unsigned i = 0; i < TESTDEV_LINES; i++)
		line[i] = r->bus.irq[i % 16];
	CHECK(testdev_create(r->m, line, NULL));
	pm_set_base(b->pm, 0x600, true);
}

/* False: the load was refused, and the machine is not to be used any more. */
static bool reload(struct board *b, u16 at, u8 flip) needs(in_machine)
{
	struct str saved = { 0 };
	bool ok;

	device_save_all(b->r.m, &saved);
	if (at < saved.len)
		saved.at[at] ^= flip;
	ok = device_load_all(b->r.m, (u8 *)saved.at, saved.len, NULL) == 0;
	str_free(&saved);
	return ok;
}

static bool step(struct board *b, const u8 *s) needs(in_machine)
{
	unsigned size = 1u << (s[0] >> 4 & 3), n = s[1] % ARRAY_LEN(windows);
	struct machine *m = b->r.m;
	u16 off = le16_at(s + 2), port = windows[n].port + off % windows[n].len;
	u64 mmio = s[1] & 0x80 ? 0xff00f800 : 0xfec00000;
	u32 v = le32_at(s + 4);
	int vector;

	switch (s[0] & 15) {
	case 0:
	case 1:
	case 2: io_write(m, IO_PORT, port, MIN(size, 4u), v); break;
	case 3:
	case 4: io_read(m, IO_PORT, port, MIN(size, 4u)); break;
	case 5: io_write(m, IO_MMIO, mmio + (off & 0xfff), size, v); break;
	case 6: io_read(m, IO_MMIO, mmio + (off & 0xfff), size); break;
	case 7:
		vector = machine_intack(m);
		CHECK(vector >= -1 && vector < 256);
		break;
	case 8: machine_eoi(m, s[1]); break;
	case 9: irq_set(&b->r.bus.irq[s[1] & 15], v & 1); break;
	case 10: pm_power_button(b->pm); break;
	case 11: pm_gpe(b->pm, s[1]); break;
	case 12: pm_set_base(b->pm, off, s[1] & 1); break;
	case 13: clock_set_wall(m->clock, (s64)(s32)v * (s64)NS_PER_S + off); break;
	case 14: device_reset_all(m, s[1] & 1 ? RESET_WARM : RESET_POWER_ON); break;
	default: return reload(b, off, s[1]);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct board b;
	bool ok = true;

	log_set_rules("error");
	build(&b);
	for (size_t at = 0; ok && len - at >= 8; at += 8) {
		const u8 *s = data + at;

		ok = step(&b, s);
		if (ok)
			clock_advance(b.r.m->clock, s[7] ? 1ull << (s[7] % (STEP_NS_BITS + 1)) : 0);
	}
	rig_stop(&b.r);
	return 0;
}
