/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base/json.h: JSON text read piece by piece, as its reader asks for it; no tree is built, so that
 * a file of any size costs nothing but itself. RFC 8259; numbers are integers of 64 bits.
 *
 *	json_object(&j);
 *	while (json_key(&j, key, sizeof(key)))
 *		if (!strcmp(key, "size"))
 *			size = json_u64(&j);
 *		else
 *			json_skip(&j);
 *	if (j.wrong) ...
 */
#pragma once

#include "base/types.h"

enum json_type {
	JSON_END, /* of the text, or something is wrong */
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

enum { JSON_DEPTH = 64 };

/* The first thing wrong stays in @wrong; from then on everything is empty and over. */
struct json {
	const char *begin, *at, *end;
	const char *wrong; /* what; NULL: nothing */
	unsigned depth;
	u64 some; /* bit n: the object or array at depth n has had a member */
};

void json_begin(struct json *j, const char *text, size_t len);
/* What comes next. Between several texts in a row: JSON_END only after the last. */
enum json_type json_peek(struct json *j);

/* Enter one; false: something else is there, which is wrong. */
bool json_object(struct json *j);
bool json_array(struct json *j);
/* The next member's name (cut to @room - 1 bytes), its value follows; false: that was the last. */
bool json_key(struct json *j, char *name, size_t room);
bool json_item(struct json *j); /* another element follows */

/*
 * A number, or a string with one in hexadecimal ("0xffffffff80000000"). Negative ones are two's
 * complement; what is no integer, or needs more than 64 bits, is wrong.
 */
u64 json_u64(struct json *j);
bool json_bool(struct json *j);
/* A string, escapes resolved, cut to @room - 1 bytes. */
void json_text(struct json *j, char *buf, size_t room);
void json_skip(struct json *j); /* any value */

/* Give up at this place, for a reason of the reader's own; the first one counts. */
void json_refuse(struct json *j, const char *why);
unsigned json_line(const struct json *j); /* where it is, from 1 */
