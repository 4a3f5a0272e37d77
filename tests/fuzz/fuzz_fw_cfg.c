/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a list of 8-byte steps: which access, its size, and a value. Steps of one kind put
 * the value into guest memory, so that DMA blocks are made of input, too.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "bus/isa/isa.h"
#include "fw/fw.h"

enum { RAM = 0x4000, FILE_LEN = 24 };

static const void *lazy(void *arg, size_t *len)
{
	*len = 5;
	return arg;
}

static void see(void *seen)
{
	++*(u8 *)seen;
}

static void step(struct machine *m, struct region *ram, const u8 *s) needs(in_machine)
{
	unsigned size = 1u << (s[0] >> 4 & 3);
	u32 v = le32_at(s + 4);

	switch (s[0] & 7) {
	case 0: io_write(m, IO_PORT, 0x510, 2, v); break;
	case 1: io_read(m, IO_PORT, 0x511, MIN(size, 4)); break;
	case 2: put_le32(ram->host + (le16_at(s + 2) & (RAM - 4)), v); break;
	case 3: io_write(m, IO_PORT, 0x518, 4, __builtin_bswap32(v & (RAM - 1))); break;
	case 4: io_write(m, IO_PORT, 0x514, 4, v); break;
	case 5: io_write(m, IO_PORT, 0x510 + (s[1] & 15), MIN(size, 4), v); break;
	case 6: io_read(m, IO_PORT, 0x510 + (s[1] & 15), MIN(size, 4)); break;
	case 7: device_reset_all(m, s[1] & 1 ? RESET_WARM : RESET_POWER_ON); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct {
		u8 before[8], file[FILE_LEN], after[8], seen[4];
	} w = { .file = { 1 } };
	static const u8 zeroes[8];
	struct isa_bus bus = { 0 };
	struct region *ram;
	struct machine *m;
	struct device *fw;

	log_set_rules("error");
	if (machine_create(&m, clock_create_manual(), NULL) < 0)
		return 0;
	machine_lock(m);
	bus.machine = m;
	if (mem_add(&ram, m->mem, "ram", REGION_RAM, 0, RAM, 0, IN_ALL, NULL) == 0 &&
	    (fw = fw_cfg_create(&bus, NULL)) != NULL &&
	    fw_cfg_add(fw, "plain", "0123456789", 10, NULL) == 0 &&
	    fw_cfg_add_lazy(fw, "lazy", lazy, (void *)(uintptr_t) "lazy", NULL) == 0 &&
	    fw_cfg_add_writable(fw, "writable", w.file, FILE_LEN, NULL, NULL, NULL) == 0 &&
	    fw_cfg_add_watched(fw, "watched", w.seen, sizeof(w.seen), see, w.seen, NULL) == 0)
		for (size_t i = 0; i + 8 <= len; i += 8)
			step(m, ram, data + i);
	assert(!memcmp(w.before, zeroes, 8) && !memcmp(w.after, zeroes, 8));
	machine_unlock(m);
	machine_destroy(m);
	return 0;
}
