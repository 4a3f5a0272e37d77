/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/error.h: one error a person can read, beside the errno a program can test. */
#pragma once

#include "base/types.h"

struct error {
	int code; /* 0, or a negative errno */
	char msg[508];
};

/*
 * Record @code and the message in @err (which may be NULL) and return @code,
 * so that a failing function can end with: return error_set(err, -EINVAL, "...");
 * Messages name the object and the value, start lower case, end without a period.
 */
int error_set(struct error *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "<text>: " before the message of an error already set. Returns err->code. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
