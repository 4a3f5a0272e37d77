/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first byte says how the rest is seen: as a whole file, or as the two ends of a larger one.
 * What is taken for a kernel is also handed to fw_cfg.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bus/isa/isa.h"
#include "fw/fw.h"

static void load(const u8 *bytes, size_t len)
{
	struct isa_bus bus = { 0 };
	struct machine *m;
	struct device *fw;

	if (machine_create(&m, clock_create_manual(), NULL) < 0)
		return;
	machine_lock(m);
	bus.machine = m;
	fw = fw_cfg_create(&bus, NULL);
	if (fw)
		fw_cfg_add_linux(fw, bytes, len, bytes, len / 2, "quiet", MIB(64), NULL);
	machine_unlock(m);
	machine_destroy(m);
}

static void look(const u8 *bytes, size_t len)
{
	enum fw_kind kind = fw_identify(bytes, len);
	size_t vars = fw_vars_size(bytes, len);

	assert(kind == FW_UNKNOWN || len >= 72);
	assert(vars == 0 || vars < len);
	assert(kind != FW_UEFI_VARS || vars == 0);
	if (kind == FW_LINUX)
		load(bytes, len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	size_t size;
	u8 *file;

	log_set_rules("error");
	if (len < 17)
		return 0;
	size = data[0] & 1 ? 0x10000 : len - 1;
	file = calloc(1, size);
	if (!file)
		return 0;
	memcpy(file, data + 1, len - 1 < size ? len - 1 : size);
	if (data[0] & 1)
		memcpy(file + size - 16, data + len - 16, 16);
	look(file, size);
	free(file);
	return 0;
}
