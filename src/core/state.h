/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/state.h: one table per device says what its state is: save, load and inspect use it.
 *
 * The saved form is self-describing (name, type, element size, count, bytes), so a field may be
 * added, or dropped, without breaking old states. Saved names never change meaning.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "core/clock.h"

enum field_type { FIELD_LAST, FIELD_UINT, FIELD_BYTES, FIELD_STRUCT, FIELD_TIME, FIELD_BOOL };

struct field {
	const char *name;
	enum field_type type;
	u32 offset, size, count;   /* of one element; number of elements */
	const struct field *table; /* FIELD_STRUCT: the element's own fields */
};

/* clang-format off */
#define FIELD_KIND_(x) _Generic((x), bool: FIELD_BOOL, default: FIELD_UINT)
#define FIELD_ELEM_(st, m) sizeof(((st *)0)->m[0])
#define FIELD_COUNT_(st, m) sizeof(((st *)0)->m) / FIELD_ELEM_(st, m)
/* An unsigned integer or bool. */
#define FIELD(st, m) \
	{ #m, FIELD_KIND_(((st *)0)->m), offsetof(st, m), sizeof(((st *)0)->m), 1, NULL }
/* An array of integers or bools. */
#define FIELD_ARRAY(st, m) \
	{ #m, FIELD_KIND_(((st *)0)->m[0]), offsetof(st, m), FIELD_ELEM_(st, m), \
	  FIELD_COUNT_(st, m), NULL }
/* Raw bytes: RAM, FIFOs. */
#define FIELD_BUF(st, m) { #m, FIELD_BYTES, offsetof(st, m), sizeof(((st *)0)->m), 1, NULL }
/* An embedded struct, or an array of them, with a table of its own. */
#define FIELD_SUB(st, m, t) { #m, FIELD_STRUCT, offsetof(st, m), sizeof(((st *)0)->m), 1, t }
#define FIELD_SUBS(st, m, t) \
	{ #m, FIELD_STRUCT, offsetof(st, m), FIELD_ELEM_(st, m), FIELD_COUNT_(st, m), t }
/* A struct timer: whether it is armed and when it fires. loaded() calls timer_reload(). */
#define FIELD_TIMER(st, m) { #m, FIELD_TIME, offsetof(st, m), sizeof(struct timer), 1, NULL }
#define FIELD_END { NULL, FIELD_LAST, 0, 0, 0, NULL }
/* clang-format on */

void state_save(const struct field *f, const void *obj, struct str *out);
/* Fields that @bytes lacks keep their value; unknown ones are skipped. -EINVAL: damaged. */
int state_load(const struct field *f, void *obj, const u8 *bytes, size_t len, struct error *err)
	MUST_CHECK;
/* As a JSON object: numbers decimal, bytes as hexadecimal strings. */
void state_inspect(const struct field *f, const void *obj, struct str *out);
