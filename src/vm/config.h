/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm/config.h: what a user asks for: one plain struct, filled by cli/ and by the REST interface.
 * Strings are owned by the struct; NULL means "not given".
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "char/char.h"
#include "cpu/cpuid.h"

enum { CONFIG_DISKS = 16, CONFIG_VCPUS = 240 };

enum toggle { TOGGLE_AUTO, TOGGLE_OFF, TOGGLE_ON };

struct disk_options {
	char *path, *id, *serial, *format;
	bool readonly, direct;
	unsigned queue_size, num_queues;
	int slot, bootindex; /* -1: not given */
};

struct char_options {
	enum chr_kind kind;
	char *path;
};

struct vm_config {
	char *accel, *machine;   /* NULL: "auto", "q35" */
	char *firmware, *kernel; /* as given; --kernel may turn out to be firmware */
	char *initramfs, *cmdline, *nvram;
	char *firmware_dir; /* where default firmware is looked for; NULL: the usual places */
	unsigned vcpus;
	struct cpu_topology topology;
	char *cpu_model; /* NULL: the backend's own choice */
	char *jit;       /* how our own CPU translates; NULL: on */
	enum toggle hyperv, nested, smm;
	unsigned max_phys_bits;
	u64 memory;
	bool prefault, hugepages, mergeable, no_thp, shared;
	struct disk_options disk[CONFIG_DISKS];
	unsigned disks;
	struct char_options serial, serial2, debugcon;
	u16 debugcon_port;
	bool no_rng, no_reboot, rtc_utc, i8042, test_devices, stats, json, dry_run;
	char *manufacturer, *product, *version, *serial_number, *uuid, *sku, *family, *asset_tag;
	u8 uuid_bytes[16];  /* @uuid parsed by config_check(), in the order of its text */
	char **oem_strings; /* ends with NULL */
	char *log_file, *trace_file, *pid_file;
	unsigned verbose;
};

void config_init(struct vm_config *c); /* the defaults */
void config_finish(struct vm_config *c);
/* One more disk with the defaults of a disk; NULL when there are CONFIG_DISKS already. */
struct disk_options *config_add_disk(struct vm_config *c);

/*
 * What one option cannot know of the others: unique ids and paths, sizes, one payload. Fills in
 * what follows from the rest: ids of disks, uuid_bytes, queue sizes. What is allowed but hardly
 * meant becomes a line in @notes. Opens nothing.
 */
int config_check(struct vm_config *c, struct str *notes, struct error *err) MUST_CHECK;
/* The part of it that compares files: -EEXIST where one use of a file would destroy another. */
int config_check_paths(const struct vm_config *c, struct error *err) MUST_CHECK;
/* Every setting that is not empty, one a line, for people. */
void config_print(const struct vm_config *c, struct str *out);
