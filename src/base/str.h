/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/str.h: growing text, numbers from text, and the nearest known word. */
#pragma once

#include <stdarg.h>

#include "base/error.h"

/* A growing string; zero it to begin. @at is always NUL-terminated once something was added. */
struct str {
	char *at;
	size_t len, cap;
};

void str_add(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_vadd(struct str *s, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void str_add_bytes(struct str *s, const void *p, size_t len);
void str_add_json(struct str *s, const char *text); /* quoted and escaped as a JSON string */
void str_free(struct str *s);                       /* zeroed again; NULL is allowed */

char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * Whole-string numbers. 0, -EINVAL (not a number, or trailing text), -ERANGE. *out is untouched on
 * failure. parse_u64 takes decimal or 0x hexadecimal; parse_size takes decimal bytes with an
 * optional binary suffix K, M, G or T in either case.
 */
int parse_u64(u64 *out, const char *s);
int parse_size(u64 *out, const char *s);

/* "1.5 GiB": @bytes for people, into @buf of at least 16 bytes. Returns buf. */
char *format_size(char *buf, size_t len, u64 bytes);

/* The entry of @words (ends with NULL) nearest to @word, or NULL when none is near. */
const char *str_nearest(const char *word, const char *const *words);
