/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm/firmware.h: which firmware a machine starts with, and where its variables live.
 *
 * None for a kernel that starts by itself (fw/kernel.h). Else --firmware FILE, or --kernel FILE
 * whose content is firmware, or the first firmware of the places where distributions keep it. UEFI
 * code comes alone ("CODE") or behind its variable store in one file; variables go to --nvram FILE,
 * or are lost when the machine ends.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "fw/fw.h"

struct file;
struct vm_config;

struct firmware {
	struct file *code_file; /* holds the code */
	u64 code_at;            /* and there it begins */
	size_t code_len;
	const u8 *code; /* a BIOS; UEFI code is not kept in memory */
	const u8 *vars; /* the store as it is now; NULL: the firmware has none */
	size_t vars_len;
	struct file *vars_file;  /* open for writing and locked; NULL: variables are volatile */
	bool vars_made;          /* that file was not there before */
	bool is_bios;            /* not UEFI */
	bool direct;             /* none at all: @kernel_path starts by itself */
	bool needs_smm;          /* a Secure Boot build: hangs without System Management Mode */
	const char *kernel_path; /* a kernel to be started; borrowed from the config */
	u8 *image, *vars_image;  /* what @code and @vars point into */
	struct str notes; /* lines: what was chosen instead of the user, and what will be lost */
};

int firmware_open(struct firmware *out, const struct vm_config *cfg, struct error *err) MUST_CHECK;
void firmware_close(struct firmware *fw); /* a zeroed or closed one is allowed */

/*
 * The installed firmware of @kind (FW_UEFI or FW_BIOS): new strings, *vars NULL where there is no
 * template. @dir, unless it is NULL, is looked at instead of the usual places. False: none is
 * installed; *code and *vars are NULL.
 */
bool firmware_find(enum fw_kind kind, const char *dir, char **code, char **vars);
/* What a person must do to get a firmware, one clause. */
extern const char firmware_advice[];
