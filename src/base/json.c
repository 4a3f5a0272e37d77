/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/json.c: see base/json.h. */
#include "base/json.h"

#include <string.h>

void json_begin(struct json *j, const char *text, size_t len)
{
	*j = (struct json){ .begin = text, .at = text, .end = text + len };
}

void json_refuse(struct json *j, const char *why)
{
	if (!j->wrong)
		j->wrong = why;
}

unsigned json_line(const struct json *j)
{
	unsigned line = 1;

	for (const char *p = j->begin; p < j->at; p++)
		line += *p == '\n';
	return line;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte that counts, or 0 at the end. */
static char next(struct json *j)
{
	while (j->at < j->end && is_space(*j->at))
		j->at++;
	return j->wrong || j->at == j->end ? 0 : *j->at;
}

static bool take(struct json *j, char c)
{
	if (next(j) != c)
		return false;
	j->at++;
	return true;
}

enum json_type json_peek(struct json *j)
{
	char c = next(j);

	if (c == '{')
		return JSON_OBJECT;
	if (c == '[')
		return JSON_ARRAY;
	if (c == '"')
		return JSON_STRING;
	if (c == '-' || (c >= '0' && c <= '9'))
		return JSON_NUMBER;
	if (c == 't' || c == 'f')
		return JSON_BOOL;
	if (c == 'n')
		return JSON_NULL;
	if (c)
		json_refuse(j, "here is no value");
	return JSON_END;
}

static bool enter(struct json *j, char c, const char *why)
{
	if (!take(j, c)) {
		json_refuse(j, why);
		return false;
	}
	if (j->depth == JSON_DEPTH - 1) {
		json_refuse(j, "objects and arrays are nested too deeply");
		return false;
	}
	j->depth++;
	j->some &= ~BIT64(j->depth);
	return true;
}

bool json_object(struct json *j)
{
	return enter(j, '{', "an object { is missing");
}

bool json_array(struct json *j)
{
	return enter(j, '[', "an array [ is missing");
}

/* Another member: after a comma, but for the first. Else it is left behind. */
static bool more(struct json *j, char close)
{
	if (j->wrong || !j->depth)
		return false;
	if (take(j, close)) {
		j->depth--;
		return false;
	}
	if (j->some & BIT64(j->depth) && !take(j, ',')) {
		json_refuse(j, "a comma or the end of an object or array is missing");
		return false;
	}
	j->some |= BIT64(j->depth);
	if (next(j))
		return true;
	json_refuse(j, "the text ends in the middle");
	return false;
}

bool json_item(struct json *j)
{
	return more(j, ']');
}

bool json_key(struct json *j, char *name, size_t room)
{
	if (!more(j, '}'))
		return false;
	json_text(j, name, room);
	if (!j->wrong && !take(j, ':'))
		json_refuse(j, "a colon after a name is missing");
	return !j->wrong;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits after \u; -1: there are none. */
static int code_unit(struct json *j)
{
	int v = 0;

	if (j->end - j->at < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		int digit = hex(*j->at++);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* One escape, behind its backslash, as UTF-8. Halves of pairs become one '?' each. */
static unsigned unescape(struct json *j, char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = j->at < j->end ? *j->at++ : 0;
	const char *which = c ? strchr(from, c) : NULL;
	int v;

	if (which) {
		out[0] = to[which - from];
		return 1;
	}
	v = c == 'u' ? code_unit(j) : -1;
	if (v < 0) {
		json_refuse(j, "a wrong escape in a string");
		return 0;
	}
	if (v < 0x80 || (v >= 0xd800 && v < 0xe000)) {
		out[0] = v < 0x80 ? (char)v : '?';
		return 1;
	}
	if (v < 0x800) {
		out[0] = (char)(0xc0 | v >> 6);
		out[1] = (char)(0x80 | (v & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | v >> 12);
	out[1] = (char)(0x80 | (v >> 6 & 0x3f));
	out[2] = (char)(0x80 | (v & 0x3f));
	return 3;
}

void json_text(struct json *j, char *buf, size_t room)
{
	size_t len = 0;

	if (!take(j, '"')) {
		json_refuse(j, "a string is missing");
		buf[0] = 0;
		return;
	}
	while (!j->wrong && j->at < j->end && *j->at != '"') {
		char part[4];
		unsigned n = 1;

		part[0] = *j->at++;
		if (part[0] == '\\')
			n = unescape(j, part);
		for (unsigned i = 0; i < n; i++)
			if (len + 1 < room)
				buf[len++] = part[i];
	}
	buf[len] = 0;
	if (!take(j, '"'))
		json_refuse(j, "a string has no end");
}

static u64 digits(struct json *j, const char *at, const char *end, unsigned base)
{
	u64 v = 0;

	if (at == end)
		json_refuse(j, "a number is missing");
	for (; at < end; at++) {
		int digit = hex(*at);

		if (digit < 0 || (unsigned)digit >= base || mul_overflow(v, (u64)base, &v) ||
		    add_overflow(v, (u64)digit, &v)) {
			json_refuse(j, "a number is no integer of 64 bits");
			return 0;
		}
	}
	return v;
}

static u64 number(struct json *j, const char *at, const char *end)
{
	bool minus = at < end && *at == '-';
	u64 v;

	at += minus;
	if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
		v = digits(j, at + 2, end, 16);
	else
		v = digits(j, at, end, 10);
	return minus ? -v : v;
}

u64 json_u64(struct json *j)
{
	const char *from;
	char text[40];

	if (json_peek(j) == JSON_STRING) {
		json_text(j, text, sizeof(text));
		return number(j, text, text + strlen(text));
	}
	if (json_peek(j) != JSON_NUMBER) {
		json_refuse(j, "a number is missing");
		return 0;
	}
	from = j->at;
	while (j->at < j->end && (hex(*j->at) >= 0 || (*j->at && strchr("+-.xX", *j->at))))
		j->at++;
	return number(j, from, j->at);
}

static bool word(struct json *j, const char *w)
{
	size_t len = strlen(w);

	if (!next(j) || (size_t)(j->end - j->at) < len || memcmp(j->at, w, len))
		return false;
	j->at += len;
	return true;
}

bool json_bool(struct json *j)
{
	if (word(j, "true"))
		return true;
	if (!word(j, "false"))
		json_refuse(j, "true or false is missing");
	return false;
}

static void skip_number(struct json *j)
{
	while (j->at < j->end && (hex(*j->at) >= 0 || (*j->at && strchr("+-.", *j->at))))
		j->at++;
}

/* One that is no object or array. */
static void skip_plain(struct json *j)
{
	char none[1];

	switch (json_peek(j)) {
	case JSON_STRING: json_text(j, none, sizeof(none)); break;
	case JSON_NUMBER: skip_number(j); break;
	case JSON_BOOL: json_bool(j); break;
	case JSON_NULL:
		if (!word(j, "null"))
			json_refuse(j, "here is no value");
		break;
	default: json_refuse(j, "a value is missing"); break;
	}
}

void json_skip(struct json *j)
{
	bool object[JSON_DEPTH + 1];
	unsigned outside = j->depth;
	char none[1];

	do {
		enum json_type type = json_peek(j);

		if (type == JSON_OBJECT || type == JSON_ARRAY) {
			if (enter(j, *j->at, ""))
				object[j->depth] = type == JSON_OBJECT;
		} else {
			skip_plain(j);
		}
		while (j->depth > outside && !j->wrong &&
		       !(object[j->depth] ? json_key(j, none, 1) : json_item(j)))
			; /* it has ended, and perhaps what it is in */
	} while (j->depth > outside && !j->wrong);
}
