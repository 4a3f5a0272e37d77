/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O APIC under 8-byte steps: which access, its size, offset and value, or a pin, or an EOI.
 * After each step its entries must hold nothing that cannot be, and messages must be for APICs.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "unit/legacy_rig.h"

enum { BASE = 0xfec00000 };

static u32 get(struct rig *r, u32 reg) needs(in_machine)
{
	io_write(r->m, IO_MMIO, BASE, 4, reg);
	return (u32)io_read(r->m, IO_MMIO, BASE + 0x10, 4);
}

static void check_entries(struct rig *r) needs(in_machine)
{
	u32 select = (u32)io_read(r->m, IO_MMIO, BASE, 4);

	for (u32 pin = 0; pin < 24; pin++) {
		u32 low = get(r, 0x10 + 2 * pin), high = get(r, 0x11 + 2 * pin);

		CHECK(!(low & 0xfffe1000) && !(high & 0x00ffffff));
		CHECK(!(low & BIT(14)) || low & BIT(15)); /* remote IRR is for levels */
		CHECK_EQ(r->route[pin].masked, !!(low & BIT(16)));
		CHECK_EQ(r->route[pin].msg.addr, 0xfee00000 | high >> 24 << 12 | (low >> 9 & 4));
		CHECK_EQ(r->route[pin].msg.data & 0x7ff, low & 0x7ff);
	}
	io_write(r->m, IO_MMIO, BASE, 4, select);
}

static void step(struct rig *r, const u8 *s) needs(in_machine)
{
	unsigned size = 1u << (s[0] >> 4 & 3);
	u16 off = le16_at(s + 2) & 0xfff;
	u32 v = le32_at(s + 4);

	switch (s[0] & 7) {
	case 0: io_write(r->m, IO_MMIO, BASE + off, size, v | (u64)v << 32); break;
	case 1: io_read(r->m, IO_MMIO, BASE + off, size); break;
	case 2: io_write(r->m, IO_MMIO, BASE, 4, s[1]); break;
	case 3: io_write(r->m, IO_MMIO, BASE + 0x10, 4, v); break;
	case 4: ioapic_set(r->ioapic, s[1], v & 1); break;
	case 5: machine_eoi(r->m, s[1]); break;
	case 6: get(r, s[1]); break;
	case 7:
		if (s[1] == 0xff)
			device_reset_all(r->m, RESET_WARM);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct rig r;

	log_set_rules("error");
	rig_start(&r);
	r.ioapic = ioapic_create(r.m, NULL);
	CHECK(r.ioapic);
	for (size_t at = 0; len - at >= 8; at += 8) {
		unsigned before = r.msis;

		step(&r, data + at);
		check_entries(&r);
		CHECK(r.msis - before <= 24);
	}
	for (unsigned i = 0; i < MIN(r.msis, (unsigned)RIG_MSIS); i++) {
		CHECK_EQ(r.msi[i].addr >> 20, 0xfee);
		CHECK_EQ(r.msi[i].data & ~0xc7ffu, 0);
	}
	rig_stop(&r);
	return 0;
}
