/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine/board.h: a board wires devices to buses, addresses and interrupts: q35. */
#pragma once

#include "base/error.h"
#include "core/machine.h"
#include "cpu/cpuid.h"
#include "fw/acpi.h"

struct chr;
struct disk;
struct file;
struct io_loop;
struct kernel_start;

enum { BOARD_DISKS = 16 };

struct board_disk {
	struct disk *disk; /* taken */
	const char *id, *serial;
	unsigned queue_size;
	int slot;      /* PCI slot, or -1 */
	int bootindex; /* lower first; -1: none given */
	struct io_loop *loop;
};

/*
 * Everything a board is made of, opened by the caller. Pointers are borrowed; those marked "taken"
 * become NULL at the moment the board hands them to a device, so what is left is the caller's.
 */
struct board_config {
	u64 ram;            /* bytes */
	unsigned ram_flags; /* enum map_flags */
	unsigned vcpus;
	u32 apic_id[256];
	struct cpu_topology topology;
	u8 phys_bits;
	bool smm;
	bool rtc_utc, i8042, test_devices;
	const u8 *firmware, *vars; /* code, and variables (NULL: none) */
	/* Where UEFI code is read from when @firmware is NULL. */
	struct file *firmware_file;
	u64 firmware_at;
	bool is_bios; /* @firmware is a BIOS image, not UEFI code */
	size_t firmware_len, vars_len;
	struct file *vars_file; /* taken; NULL: volatile */
	bool direct;            /* there is no firmware: @kernel is one for fw/kernel.h */
	const u8 *kernel, *initrd;
	size_t kernel_len, initrd_len;
	const char *cmdline, *kernel_name, *initrd_name;
	struct chr *com[2];   /* taken; NULL: no such port */
	struct chr *debugcon; /* taken */
	u16 debugcon_port;
	struct board_disk disk[BOARD_DISKS];
	unsigned disks;
	bool rng;
	struct io_loop *rng_loop;
	struct smbios_info smbios;
};

struct board; /* what the board needs to keep: power button, flash */
struct board_class {
	const char *name, *summary;
	/*
	 * [in_machine] Memory, devices, firmware; ends ready for power-on. On failure too *out may
	 * be set, to be destroyed after the machine.
	 */
	int (*build)(struct board **out, struct machine *m, struct board_config *cfg,
		     struct error *err);
	/*
	 * [in_machine] After each reset: where a kernel starts without firmware, put it into memory
	 * with all that firmware would have prepared. 1: *out says how the first processor begins;
	 * 0: at its reset vector.
	 */
	int (*boot)(struct board *b, struct kernel_start *out, struct error *err);
	void (*power_button)(struct board *b); /* [in_machine] */
	int (*sync)(struct board *b);          /* variables to their file */
	void (*destroy)(struct board *b);      /* after the machine; NULL is allowed */
};

extern const struct board_class *const boards[]; /* ends with NULL */
