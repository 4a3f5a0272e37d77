/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/fw.h: what firmware is given: flash and its variables, fw_cfg items, direct kernel load.
 */
#pragma once

#include "base/error.h"
#include "core/machine.h"

struct device;
struct file;
struct isa_bus;

/* What a firmware file is, by content. */
enum fw_kind {
	FW_UNKNOWN,
	FW_UEFI,      /* code, or code with variables before it: _FVH at 40 */
	FW_UEFI_VARS, /* a variable store alone: NV data GUID */
	FW_BIOS,      /* 64 KiB to 4 MiB with a reset vector in its last 16 bytes */
	FW_LINUX,     /* bzImage */
	FW_KERNEL,    /* may start without firmware: fw/kernel.h tells */
};
enum fw_kind fw_identify(const u8 *bytes, size_t len);
/* Bytes of the variable store at the start of a combined UEFI image; 0 for code alone. */
size_t fw_vars_size(const u8 *bytes, size_t len);

/*
 * Firmware at the top of 4 GiB: @code as ROM; below it @vars as flash chip (x8, 4 KiB blocks,
 * platform.md 4) with its bytes written through to @backing (may be NULL: volatile; takes it)
 * a moment after the last change, then flushed. NULL vars: no variables. NULL code: it is read
 * from @code_file at @code_at, so that nobody else need hold it in memory. With @smm_only the chip
 * takes commands from code in System Management Mode only; other code sees the array at all times.
 */
struct flash_config {
	const u8 *code, *vars;
	struct file *code_file; /* borrowed, until pflash_create() returns */
	u64 code_at;
	size_t code_len, vars_len;
	struct file *backing;
	bool smm_only;
};
struct device *pflash_create(struct machine *m, const struct flash_config *cfg, struct error *err)
	needs(in_machine);
/* Wait until all that the guest has written is in the file, flushed. 0 or -errno. */
int pflash_sync(struct device *flash) barred(in_machine);

/*
 * A BIOS image: as ROM at the top of 4 GiB, its last 256 KiB (or all of a smaller one) copied to
 * the RAM that ends at 1 MiB, at each reset again.
 */
int bios_load(struct machine *m, const u8 *image, size_t len, struct error *err) needs(in_machine);

/* fw_cfg at 510-51B, with DMA. QEMU docs/specs/fw_cfg.rst; platform.md 4. */
struct device *fw_cfg_create(struct isa_bus *bus, struct error *err) needs(in_machine);
/* Numbered item, or file "etc/..." (keys from 20h in order of addition); @data is copied. */
int fw_cfg_set(struct device *fw, u16 key, const void *data, size_t len, struct error *err);
int fw_cfg_add(struct device *fw, const char *name, const void *data, size_t len,
	       struct error *err);
/*
 * A file whose bytes are made when firmware first selects it after a reset, and stay so until the
 * next. They are also made for their size whenever firmware reads the directory before that: its
 * length should therefore not depend on what firmware sets up, since SeaBIOS keeps the sizes it
 * saw first. @fill returns bytes that are copied at once (NULL: none), and their number in @len.
 * [in_machine]
 */
int fw_cfg_add_lazy(struct device *fw, const char *name,
		    const void *(*fill)(void *arg, size_t *len), void *arg, struct error *err);
/*
 * A file that the guest may write by DMA; @written (may be NULL) is called after each write.
 * [in_machine]. @data is the caller's, who saves it with its own state, and outlives @fw.
 */
int fw_cfg_add_writable(struct device *fw, const char *name, void *data, size_t len,
			void (*written)(void *arg), void *arg, struct error *err);
/*
 * A file to read, of bytes that are the caller's as above. @selected is called each time that the
 * guest selects the file, before it reads. [in_machine]
 */
int fw_cfg_add_watched(struct device *fw, const char *name, void *data, size_t len,
		       void (*selected)(void *arg), void *arg, struct error *err);

/*
 * Items 7 to 18 (hexadecimal) for a start of a bzImage through firmware. @initrd and @cmdline may
 * be NULL; the initramfs goes below @ram_low. -ENOSPC: it does not fit.
 */
int fw_cfg_add_linux(struct device *fw, const u8 *kernel, size_t kernel_len, const u8 *initrd,
		     size_t initrd_len, const char *cmdline, u64 ram_low, struct error *err);
