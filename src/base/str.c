/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/str.c: see base/str.h. */
#include "base/str.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* Room for @more bytes and the NUL. Ends the process when there is none, as xcalloc does. */
static void grow(struct str *s, size_t more)
{
	size_t need, cap = s->cap ? s->cap : 64;
	char *at;

	if (add_overflow(s->len, more, &need) || need > SIZE_MAX / 2 - 1)
		abort();
	need++;
	if (need <= s->cap)
		return;
	while (cap < need)
		cap *= 2;
	at = xcalloc(cap, 1);
	if (s->len)
		memcpy(at, s->at, s->len);
	free(s->at);
	s->at = at;
	s->cap = cap;
}

void str_vadd(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	assert(n >= 0);
	grow(s, (size_t)n);
	vsnprintf(s->at + s->len, (size_t)n + 1, fmt, again);
	va_end(again);
	s->len += (size_t)n;
}

void str_add(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vadd(s, fmt, ap);
	va_end(ap);
}

void str_add_bytes(struct str *s, const void *p, size_t len)
{
	grow(s, len);
	if (len)
		memcpy(s->at + s->len, p, len);
	s->len += len;
	s->at[s->len] = 0;
}

/* Bytes of the UTF-8 character at @p, or 0 when it is none. Unicode 15, table 3-7. */
static unsigned utf8_len(const u8 *p)
{
	u8 low = 0x80, high = 0xbf;
	unsigned n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void str_add_json(struct str *s, const char *text)
{
	static const char short_of[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	const u8 *p = (const u8 *)text;

	str_add_bytes(s, "\"", 1);
	while (*p) {
		unsigned n = utf8_len(p);
		const char *e = NULL;

		for (size_t i = 0; i + 1 < sizeof(short_of); i += 2)
			if (*p == (u8)short_of[i])
				e = &short_of[i + 1];
		if (e)
			str_add(s, "\\%c", *e);
		else if (*p < 0x20 || *p == 0x7f)
			str_add(s, "\\u%04x", *p);
		else if (!n)
			str_add(s, "\\ufffd");
		else
			str_add_bytes(s, p, n);
		p += n ? n : 1;
	}
	str_add_bytes(s, "\"", 1);
}

void str_free(struct str *s)
{
	if (!s)
		return;
	free(s->at);
	*s = (struct str){ 0 };
}

char *xstrndup(const char *s, size_t len)
{
	size_t n = strnlen(s, len);
	char *p = xcalloc(n + 1, 1);

	memcpy(p, s, n);
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xasprintf(const char *fmt, ...)
{
	struct str s = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vadd(&s, fmt, ap);
	va_end(ap);
	return s.at;
}

/* The digits at *@s in @base; *@s is then behind them. */
static int parse_digits(u64 *out, const char **s, unsigned base)
{
	const char *p = *s;
	u64 v = 0;

	for (;; p++) {
		unsigned d = isdigit((u8)*p)    ? (unsigned)(*p - '0')
			     : isxdigit((u8)*p) ? (unsigned)((*p | 0x20) - 'a' + 10)
						: base;

		if (d >= base)
			break;
		if (mul_overflow(v, base, &v) || add_overflow(v, d, &v))
			return -ERANGE;
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*out = v;
	return 0;
}

int parse_u64(u64 *out, const char *s)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	u64 v;
	int rc;

	if (hex)
		s += 2;
	rc = parse_digits(&v, &s, hex ? 16 : 10);
	if (rc)
		return rc;
	if (*s)
		return -EINVAL;
	*out = v;
	return 0;
}

int parse_size(u64 *out, const char *s)
{
	static const char units[] = "KMGT";
	u64 v, scale = 1;
	int rc;

	rc = parse_digits(&v, &s, 10);
	if (rc)
		return rc;
	if (*s) {
		const char *u = strchr(units, toupper((u8)*s));

		if (!u || s[1])
			return -EINVAL;
		scale = 1ull << (10 * (u - units + 1));
	}
	if (mul_overflow(v, scale, &v))
		return -ERANGE;
	*out = v;
	return 0;
}

char *format_size(char *buf, size_t len, u64 bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned u = 0, shift;
	u64 whole, tenths;

	while (u + 1 < ARRAY_LEN(units) && bytes >> (10 * (u + 1)))
		u++;
	shift = 10 * u;
	whole = bytes >> shift;
	/* At most 2^60 * 10 + 2^59, which fits. */
	tenths = u ? ((bytes - (whole << shift)) * 10 + (1ull << (shift - 1))) >> shift : 0;
	if (tenths == 10) {
		tenths = 0;
		whole++;
	}
	if (whole == 1024 && u + 1 < ARRAY_LEN(units)) {
		whole = 1;
		u++;
	}
	if (tenths)
		snprintf(buf, len, "%llu.%llu %s", (unsigned long long)whole,
			 (unsigned long long)tenths, units[u]);
	else
		snprintf(buf, len, "%llu %s", (unsigned long long)whole, units[u]);
	return buf;
}

enum { NEAR_MAX = 48 }; /* longer words have no neighbour */

/*
 * Edits between two words of at most NEAR_MAX letters: insert, delete, replace, or swap two
 * neighbours, without regard to case (optimal string alignment distance).
 */
static unsigned edits(const char *a, const char *b)
{
	unsigned rows[3][NEAR_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *swap;
	size_t la = strlen(a), lb = strlen(b);

	for (size_t j = 0; j <= lb; j++)
		last[j] = (unsigned)j;
	memset(rows[0], 0, sizeof(rows[0]));
	for (size_t i = 1; i <= la; i++) {
		int ca = tolower((u8)a[i - 1]);

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			int cb = tolower((u8)b[j - 1]);
			unsigned best = last[j - 1] + (ca != cb);

			best = MIN(best, last[j] + 1);
			best = MIN(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && ca == tolower((u8)b[j - 2]) &&
			    cb == tolower((u8)a[i - 2]))
				best = MIN(best, before[j - 2] + 1);
			row[j] = best;
		}
		swap = before;
		before = last;
		last = row;
		row = swap;
	}
	return last[lb];
}

/* True when @word is the beginning of @whole, or the other way round, by three letters or more. */
static bool begins(const char *word, const char *whole)
{
	size_t n = MIN(strlen(word), strlen(whole));

	for (size_t i = 0; i < n; i++)
		if (tolower((u8)word[i]) != tolower((u8)whole[i]))
			return false;
	return n >= 3;
}

const char *str_nearest(const char *word, const char *const *words)
{
	size_t len = strlen(word);
	unsigned limit = (unsigned)MIN(3u, (len + 2) / 3), best = ~0u;
	const char *found = NULL;

	if (!len || len > NEAR_MAX)
		return NULL;
	for (; *words; words++) {
		unsigned n;

		if (strlen(*words) > NEAR_MAX)
			continue;
		n = edits(word, *words);
		/* A beginning counts as if it were just inside the limit: a true typo wins. */
		if (n > limit && begins(word, *words))
			n = limit;
		/* All letters replaced is no likeness: "a" is not near to "b". */
		if (n > limit || n >= MAX(len, strlen(*words)) || n >= best)
			continue;
		best = n;
		found = *words;
	}
	return found;
}
