/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli/values.h: the small language of option values: key=value[,key=value...], toggles, sizes,
 * lists of numbers, tuples and words.
 *
 * "..." and [...] protect commas; quotes are taken off, except inside brackets, where the list
 * parsers below take them off. Blanks around keys and values do not count. Nothing here prints,
 * remembers or opens anything. Errors name the offending text only; callers prefix the option.
 */
#pragma once

#include "base/error.h"

enum { PAIRS_MAX = 48, INTS_MAX = 1024, WORDS_MAX = 64 };

struct pair {
	char *key;
	char *value; /* NULL: there was no '=' */
};

struct pairs {
	unsigned n;
	struct pair at[PAIRS_MAX];
};

/* Split @text; an empty one has no pairs. @out is freed by pairs_finish(), also after an error. */
int pairs_split(struct pairs *out, const char *text, struct error *err) MUST_CHECK;
void pairs_finish(struct pairs *p);
/* The value of @key, or NULL when it is not there or has no value ("key=" counts as not given). */
const char *pairs_get(const struct pairs *p, const char *key);

/* True when the @len bytes at @a and the whole of @b are the same in any case (ASCII). */
bool text_same(const char *a, size_t len, const char *b);

/* on, off, true, false in any case; empty is off. */
int toggle_parse(bool *out, const char *text, struct error *err) MUST_CHECK;
/* A number from @min to @max, decimal or 0x hexadecimal. */
int number_parse(u64 *out, const char *text, u64 min, u64 max, struct error *err) MUST_CHECK;
/* Bytes, or a number with K, M, G or T (powers of 1024). */
int size_parse(u64 *out, const char *text, struct error *err) MUST_CHECK;

/* [0,2-4,6], or one item without brackets. Ranges rise. At most INTS_MAX numbers. */
struct ints {
	unsigned n;
	u64 at[INTS_MAX];
};
int ints_parse(struct ints *out, const char *text, struct error *err) MUST_CHECK;

/*
 * [0@[2,3],1@[0-1]], or one item without brackets: calls @each for every item in order; a negative
 * result ends the walk and is returned. @each may be NULL: only the form is checked.
 */
int tuples_parse(const char *text, int (*each)(void *arg, u64 left, const struct ints *right),
		 void *arg, struct error *err) MUST_CHECK;

/* [a,"b,c"], or one word: a new array that ends with NULL. Freed by words_free(). */
int words_parse(char ***out, const char *text, struct error *err) MUST_CHECK;
void words_free(char **words); /* NULL is allowed */

/* True when @word is one of "a|b|c", in any case: *out, *len are then its spelling there. */
bool choice_find(const char **out, size_t *len, const char *choices, const char *word);

/* xx:xx:xx:xx:xx:xx */
bool mac_is_valid(const char *text);
/* Four decimal numbers up to 255 with dots. */
bool ipv4_is_valid(const char *text);
