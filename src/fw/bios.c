/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/bios.c: a BIOS image: ROM at the top of 4 GiB, and its end in RAM below 1 MiB, where a PC's
 * chip set would show it until the BIOS shadows itself. platform.md 2 and 8.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "fw/fw.h"

LOG_MODULE("bios");

struct bios {
	struct device dev;
	struct region *rom;
	u64 copied; /* bytes of its end that lie below 1 MiB, too */
};

static const struct field bios_fields[] = {
	FIELD_END, /* its copy is RAM */
};

static int copy_below_1m(struct bios *b)
{
	return mem_write(b->dev.machine->mem, MIB(1) - b->copied,
			 b->rom->host + b->rom->size - b->copied, b->copied);
}

/* The last run has changed its copy: SeaBIOS relocates its data there. */
static void bios_reset(struct device *d, enum reset_kind kind)
{
	(void)kind;
	if (copy_below_1m(container_of(d, struct bios, dev)) < 0)
		log_err("no RAM below 1 MiB for the BIOS");
}

static void bios_destroy(struct device *d)
{
	free(container_of(d, struct bios, dev));
}

static const struct device_class bios_class = {
	.name = "bios",
	.fields = bios_fields,
	.reset = bios_reset,
	.destroy = bios_destroy,
};

int bios_load(struct machine *m, const u8 *image, size_t len, struct error *err)
{
	struct region *rom;
	struct bios *b;
	int rc;

	if (len < KIB(64) || len > MIB(4) || len % 4096)
		return error_set(err, -EINVAL,
				 "a BIOS of %zu bytes is not 64 KiB to 4 MiB in whole pages", len);
	if (!mem_ptr(m->mem, MIB(1) - MIN(len, KIB(256)), MIN(len, KIB(256)), true))
		return error_set(err, -EFAULT, "there is no RAM below 1 MiB for the BIOS");
	rc = mem_add(&rom, m->mem, "bios", REGION_ROM, GIB(4) - len, len, 0, IN_ALL, err);
	if (rc < 0)
		return rc;
	memcpy(rom->host, image, len);
	b = xnew(struct bios);
	b->rom = rom;
	b->copied = MIN(len, KIB(256));
	device_add(m, &b->dev, &bios_class, "bios");
	bios_reset(&b->dev, RESET_POWER_ON);
	return 0;
}
