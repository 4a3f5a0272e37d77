/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UART under 4-byte steps: a register access, bytes from outside, bytes taken outside, or time.
 * It must never claim a full transmitter, and 16 reads must empty it.
 */
#include "base/log.h"
#include "char/char.h"
#include "unit/legacy_rig.h"

static void step(struct rig *r, struct chr *c, const u8 *s) needs(in_machine)
{
	u16 port = 0x3f8 + (s[1] & 7);
	unsigned size = 1u << (s[1] >> 3 & 1);
	u8 buf[32];

	switch (s[0] % 6) {
	case 0: io_write(r->m, IO_PORT, port, size, (u64)s[2] | s[3] << 8); break;
	case 1: io_read(r->m, IO_PORT, port, size); break;
	case 2:
		memset(buf, s[2], sizeof(buf));
		machine_unlock(r->m);
		chr_memory_feed(c, buf, s[3] % sizeof(buf));
		machine_lock(r->m);
		break;
	case 3: chr_memory_take(c, buf, s[3] % sizeof(buf)); break;
	case 4: clock_advance(r->m->clock, 1ull << (s[1] & 31)); break;
	case 5:
		if (s[1] == 0xff)
			device_reset_all(r->m, RESET_WARM);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct chr *c = chr_create_memory();
	struct rig r;

	log_set_rules("error");
	rig_start(&r);
	CHECK(serial_create(&r.bus, 1, c, NULL));
	for (size_t at = 0; len - at >= 4; at += 4) {
		bool out2;

		step(&r, c, data + at);
		CHECK_EQ(inb(&r, 0x3fd) & 0x60, 0x60);
		out2 = (inb(&r, 0x3fc) & 0x18) == 0x08;
		CHECK(out2 || !r.wire[4]);
	}
	outb(&r, 0x3fb, 0x03);
	for (unsigned i = 0; i < 16; i++)
		inb(&r, 0x3f8);
	CHECK_EQ(inb(&r, 0x3fd), 0x60);
	rig_stop(&r);
	return 0;
}
