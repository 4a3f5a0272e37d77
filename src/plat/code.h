/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/code.h: memory for machine code that we write. The same pages at two addresses, writable at
 * one and executable at the other, so that hosts which refuse both at once (W^X) are content.
 */
#pragma once

#include "base/error.h"
#include "plat/loop.h"

struct code_map {
	u8 *write;
	const u8 *exec;
	size_t size;
	os_handle handle; /* memfd or section */
};

/* @name is for the host's tools. Zeroed; memory is taken when touched. */
int code_map_create(struct code_map *out, size_t size, const char *name, struct error *err)
	MUST_CHECK;
void code_map_destroy(struct code_map *m); /* a zeroed one is allowed */
