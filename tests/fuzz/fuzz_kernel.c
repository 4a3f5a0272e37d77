/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's file, for a start without firmware: whatever it says, its parts lie within it and
 * apart, and what is loaded stays within 8 MiB of memory.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fw/acpi.h"
#include "fw/kernel.h"
#include "mem/mem.h"

enum { MEMORY = 8 << 20 };

static void check(const struct kernel_image *k, size_t len)
{
	bool inside = false;

	assert(k->parts && k->parts <= KERNEL_PARTS);
	for (unsigned i = 0; i < k->parts; i++) {
		const struct kernel_part *p = &k->part[i];
		u64 end = (u64)p->at + p->size;

		assert(p->at && p->len <= p->size && end <= BIT64(32));
		assert(p->from <= len && p->len <= len - p->from);
		inside |= k->entry >= p->at && k->entry < end;
		for (unsigned j = 0; j < i; j++)
			assert(k->part[j].at >= end ||
			       p->at >= (u64)k->part[j].at + k->part[j].size);
	}
	assert(inside);
}

static void load(const u8 *bytes, size_t len)
{
	struct acpi_board board = { .vcpus = 1,
				    .ram_low_end = MEMORY,
				    .ram_high_end = GIB(4),
				    .phys_bits = 40,
				    .pm_base = 0x600 };
	struct acpi_blobs blobs;
	struct kernel_config cfg = {
		.kernel = bytes,
		.kernel_len = len,
		.kernel_name = "kernel",
		.initrd = bytes,
		.initrd_len = len / 2,
		.initrd_name = "initrd",
		.cmdline = "quiet",
		.ram_low = MEMORY,
	};
	struct kernel_boot *b = NULL;
	struct kernel_start start;
	struct region *r;
	struct mem *m;

	acpi_build(&blobs, &board);
	cfg.tables = blobs.tables.len;
	if (mem_create(&m, NULL) < 0)
		abort();
	if (mem_add(&r, m, "ram", REGION_RAM, 0, MEMORY, 0, IN_ALL, NULL) == 0 &&
	    kernel_boot_create(&b, &cfg, NULL) == 0) {
		assert(kernel_boot_load(b, m, &blobs, &start, NULL) == 0);
		assert(start.ebx < MEMORY && start.gdt < MEMORY && start.entry < MEMORY);
	}
	kernel_boot_destroy(b);
	mem_destroy(m);
	acpi_free(&blobs);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct kernel_image k;
	u8 *copy = malloc(len ? len : 1); /* so that its end is known */

	log_set_rules("error");
	if (!copy)
		return 0;
	memcpy(copy, data, len);
	(void)kernel_likely(copy, len);
	if (kernel_parse(&k, copy, len, NULL) == 0) {
		check(&k, len);
		load(copy, len);
	}
	free(copy);
	return 0;
}
