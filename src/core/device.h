/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/device.h: what every emulated device is.
 *
 * A device embeds struct device first, is created by its own xxx_create(), and belongs to the
 * machine, which destroys devices in reverse order. All callbacks run with the machine lock held.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "core/state.h"

struct machine;
struct device;

enum reset_kind {
	RESET_POWER_ON, /* everything, battery-backed state excepted */
	RESET_WARM,     /* the platform's reset line: CF9, keyboard controller */
};

struct device_class {
	const char *name;           /* "cmos", "virtio-blk": stable, used in saved state */
	const struct field *fields; /* drives save, load and inspect; ends with FIELD_END */
	void (*reset)(struct device *d, enum reset_kind kind);
	/* After the fields were loaded: check them (they are hostile) and rebuild what derives. */
	int (*loaded)(struct device *d, struct error *err);
	void (*destroy)(struct device *d); /* also frees @d */
	/*
	 * Around each reading or loading of the fields: keep threads that work without the machine
	 * lock from changing them, their work at hand ended. May be NULL.
	 */
	void (*hold)(struct device *d, bool on);
};

struct device {
	const struct device_class *cls;
	char id[32]; /* "disk0"; unique in the machine */
	struct machine *machine;
	struct device *next; /* older one; owned by machine */
};

/* @id is copied. Does not reset: constructors end with their own power-on reset. */
void device_add(struct machine *m, struct device *d, const struct device_class *cls,
		const char *id);
struct device *device_find(struct machine *m, const char *id);
void device_reset_all(struct machine *m, enum reset_kind kind) needs(in_machine);

/*
 * All devices' states, oldest first. Load refuses unknown devices and damaged bytes; the machine is
 * then half loaded and good for machine_destroy() only.
 */
void device_save_all(struct machine *m, struct str *out) needs(in_machine);
int device_load_all(struct machine *m, const u8 *bytes, size_t len, struct error *err)
	needs(in_machine) MUST_CHECK;
/* One JSON object: {"id":{"field":value,...},...}. */
void device_inspect_all(struct machine *m, struct str *out) needs(in_machine);
