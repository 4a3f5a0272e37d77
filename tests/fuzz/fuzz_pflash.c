/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a list of 4-byte steps: what to do, where, and a byte. The array must only ever
 * change as flash can: bits fall by programming, whole blocks rise by erasing.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "fw/fw.h"

enum { VARS = 0x2000, CODE = 0x2000 };
#define BASE (GIB(4) - VARS - CODE)

static void step(struct machine *m, const u8 *s) needs(in_machine)
{
	unsigned size = 1u << (s[0] >> 4 & 3);
	gpa_t at = BASE + (le16_at(s + 1) & (VARS + CODE - 1));

	switch (s[0] & 7) {
	case 0: io_read(m, IO_MMIO, at, size); break;
	case 1: clock_advance(m->clock, s[3] * NS_PER_MS); break;
	case 2: device_reset_all(m, s[3] & 1 ? RESET_WARM : RESET_POWER_ON); break;
	default: io_write(m, IO_MMIO, at, size, 0x0101010101010101ull * s[3]); break;
	}
}

static void check(const u8 *before, const u8 *now)
{
	for (unsigned b = 0; b < VARS; b += 4096) {
		bool rose = false;

		for (unsigned i = b; i < b + 4096; i++)
			rose |= (now[i] & ~before[i]) != 0;
		for (unsigned i = b; rose && i < b + 4096; i++)
			assert(now[i] == 0xff);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static u8 vars[VARS], code[CODE], before[VARS];
	struct flash_config cfg = {
		.code = code,
		.vars = vars,
		.code_len = CODE,
		.vars_len = VARS,
	};
	struct mem_range range;
	struct machine *m;
	struct device *flash;

	log_set_rules("error");
	memset(vars, 0xa5, sizeof(vars));
	if (machine_create(&m, clock_create_manual(), NULL) < 0)
		return 0;
	machine_lock(m);
	flash = pflash_create(m, &cfg, NULL);
	assert(flash && mem_find(m->mem, VIEW_NORMAL, BASE, &range));
	for (size_t i = 0; i + 4 <= len; i += 4) {
		unsigned size = 1u << (data[i] >> 4 & 3);

		memcpy(before, range.host, VARS);
		step(m, data + i);
		if (size == 1) /* one command at a time */
			check(before, range.host);
	}
	device_reset_all(m, RESET_WARM);
	assert(mem_find(m->mem, VIEW_NORMAL, BASE, &range));
	machine_unlock(m);
	machine_destroy(m);
	return 0;
}
