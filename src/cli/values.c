/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/values.c: see cli/values.h. The rules are those of Cloud Hypervisor's command line. */
#include "cli/values.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

/* Walks over text that quotes and brackets protect. */
struct scanner {
	const char *at;
	int depth;
	bool quoted;
};

/* The next character, or 0 at the end. *plain: it is outside quotes and brackets. */
static char scan(struct scanner *s, bool *plain)
{
	char c = *s->at;

	if (!c)
		return 0;
	s->at++;
	if (c == '"')
		s->quoted = !s->quoted;
	else if (!s->quoted && c == '[')
		s->depth++;
	else if (!s->quoted && c == ']')
		s->depth--;
	*plain = !s->quoted && s->depth == 0;
	return c;
}

static int scan_check(const struct scanner *s, const char *text, struct error *err)
{
	if (s->depth < 0)
		return error_set(err, -EINVAL, "\"%s\" has a ] without its [", text);
	if (s->quoted)
		return error_set(err, -EINVAL, "\"%s\" has a quote (\") that is not closed", text);
	if (s->depth > 0)
		return error_set(err, -EINVAL, "\"%s\" has a [ that is not closed by ]", text);
	return 0;
}

/* The end of the item that begins at @text: the next unprotected comma, or the end of the text. */
static int item_end(const char **out, const char *text, struct error *err)
{
	struct scanner s = { .at = text };
	bool plain;
	char c;

	while ((c = scan(&s, &plain)) != 0) {
		if (s.depth < 0)
			break;
		if (plain && c == ',') {
			*out = s.at - 1;
			return 0;
		}
	}
	if (scan_check(&s, text, err) < 0)
		return -EINVAL;
	*out = s.at;
	return 0;
}

/* A copy of [from, to) without blanks at its ends and without quotes outside brackets. */
static char *unquote(const char *from, const char *to)
{
	char *copy = xcalloc((size_t)(to - from) + 1, 1);
	bool quoted = false;
	size_t len = 0, keep = 0;
	int depth = 0;

	for (; from < to; from++) {
		if (*from == '"')
			quoted = !quoted;
		else if (!quoted && (*from == '[' || *from == ']'))
			depth += *from == '[' ? 1 : -1;
		if (*from == '"' && depth == 0) {
			keep = len;
			continue;
		}
		if (!quoted && len == 0 && isblank((unsigned char)*from))
			continue;
		copy[len++] = *from;
		if (quoted || !isblank((unsigned char)*from))
			keep = len;
	}
	copy[keep] = '\0';
	return copy;
}

static const char *find_equals(const char *from, const char *to)
{
	struct scanner s = { .at = from };
	bool plain;

	while (s.at < to) {
		char c = scan(&s, &plain);

		if (plain && c == '=')
			return s.at - 1;
	}
	return NULL;
}

int pairs_split(struct pairs *out, const char *text, struct error *err)
{
	const char *end, *equals;
	struct pair *p;

	memset(out, 0, sizeof(*out));
	while (isspace((unsigned char)*text))
		text++;
	if (!*text)
		return 0;
	for (;; text = end + 1) {
		if (item_end(&end, text, err) < 0)
			return -EINVAL;
		if (out->n == PAIRS_MAX)
			return error_set(err, -EINVAL, "more than %d keys", PAIRS_MAX);
		p = &out->at[out->n++];
		equals = find_equals(text, end);
		p->key = unquote(text, equals ? equals : end);
		p->value = equals ? unquote(equals + 1, end) : NULL;
		if (!*p->key)
			return error_set(err, -EINVAL, "%s; write key=value,key=value",
					 equals ? "a value has no key"
						: "there is nothing between two commas");
		if (!*end)
			return 0;
	}
}

void pairs_finish(struct pairs *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		free(p->at[i].key);
		free(p->at[i].value);
	}
	p->n = 0;
}

const char *pairs_get(const struct pairs *p, const char *key)
{
	for (unsigned i = 0; i < p->n; i++)
		if (strcmp(p->at[i].key, key) == 0)
			return p->at[i].value && *p->at[i].value ? p->at[i].value : NULL;
	return NULL;
}

bool text_same(const char *a, size_t len, const char *b)
{
	for (size_t i = 0; i < len; i++)
		if (!b[i] || tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
			return false;
	return b[len] == '\0';
}

static bool is_word(const char *text, const char *word)
{
	return text_same(text, strlen(text), word);
}

int toggle_parse(bool *out, const char *text, struct error *err)
{
	if (is_word(text, "on") || is_word(text, "true"))
		*out = true;
	else if (!*text || is_word(text, "off") || is_word(text, "false"))
		*out = false;
	else
		return error_set(err, -EINVAL, "\"%s\" is neither on nor off", text);
	return 0;
}

int number_parse(u64 *out, const char *text, u64 min, u64 max, struct error *err)
{
	u64 n;

	if (parse_u64(&n, text) < 0)
		return error_set(err, -EINVAL, "\"%s\" is not a number", text);
	if (n < min || n > max)
		return error_set(err, -EINVAL, "%s is not in %llu to %llu", text,
				 (unsigned long long)min, (unsigned long long)max);
	*out = n;
	return 0;
}

int size_parse(u64 *out, const char *text, struct error *err)
{
	int rc = parse_size(out, text);

	if (rc == -ERANGE)
		return error_set(err, -EINVAL, "%s is larger than any memory or disk", text);
	if (rc < 0)
		return error_set(err, -EINVAL,
				 "\"%s\" is not a size; give bytes, or a whole number with K, M, "
				 "G or T, for example 4G",
				 text);
	return 0;
}

/*
 * Open a list: *out is its inside, a new string, without the brackets that surround all of it
 * (if there are any). A single item may stand without brackets.
 */
static int list_open(char **out, const char *text, struct error *err)
{
	struct scanner s = { .at = text };
	size_t len = strlen(text);
	bool plain, whole = *text == '[';

	while (scan(&s, &plain) != 0) {
		if (s.depth < 0)
			break;
		if (plain && *s.at) /* the first bracket closes before the end: [0]@[1] */
			whole = false;
	}
	if (scan_check(&s, text, err) < 0)
		return -EINVAL;
	*out = whole ? xstrndup(text + 1, len - 2) : xstrdup(text);
	return 0;
}

/* Call @each for every item of a list. */
static int list_walk(const char *text, int (*each)(void *arg, char *item, struct error *err),
		     void *arg, struct error *err)
{
	AUTO_FREE char *inside = NULL;
	const char *at, *end;
	int rc;

	if (list_open(&inside, text, err) < 0)
		return -EINVAL;
	for (at = inside;; at = end + 1) {
		AUTO_FREE char *item = NULL;

		if (item_end(&end, at, err) < 0)
			return -EINVAL;
		item = unquote(at, end);
		rc = each(arg, item, err);
		if (rc < 0)
			return rc;
		if (!*end)
			return 0;
	}
}

static int add_range(void *arg, char *item, struct error *err)
{
	struct ints *list = arg;
	char *dash = strchr(item, '-');
	u64 first, last;

	if (dash)
		*dash = '\0';
	if (parse_u64(&first, item) < 0 || parse_u64(&last, dash ? dash + 1 : item) < 0)
		return error_set(err, -EINVAL,
				 "\"%s%s%s\" is not a number or a range; write [0,2-4,6]", item,
				 dash ? "-" : "", dash ? dash + 1 : "");
	if (dash && first >= last)
		return error_set(err, -EINVAL, "range %s-%s does not rise", item, dash + 1);
	if (last - first >= INTS_MAX - list->n)
		return error_set(err, -EINVAL, "more than %d numbers in a list", INTS_MAX);
	for (u64 i = 0; i <= last - first; i++)
		list->at[list->n++] = first + i;
	return 0;
}

int ints_parse(struct ints *out, const char *text, struct error *err)
{
	out->n = 0;
	return list_walk(text, add_range, out, err);
}

struct tuple_walk {
	int (*each)(void *arg, u64 left, const struct ints *right);
	void *arg;
};

static int add_tuple(void *arg, char *item, struct error *err)
{
	struct tuple_walk *w = arg;
	char *at = strchr(item, '@');
	struct ints right;
	u64 left;

	if (!at)
		return error_set(err, -EINVAL, "\"%s\" has no @; write [0@[2,3],1@[0-1]]", item);
	*at = '\0';
	if (parse_u64(&left, item) < 0)
		return error_set(err, -EINVAL, "\"%s\" (before @%s) is not a number", item, at + 1);
	if (ints_parse(&right, at + 1, err) < 0)
		return -EINVAL;
	return w->each ? w->each(w->arg, left, &right) : 0;
}

int tuples_parse(const char *text, int (*each)(void *arg, u64 left, const struct ints *right),
		 void *arg, struct error *err)
{
	struct tuple_walk w = { each, arg };

	return list_walk(text, add_tuple, &w, err);
}

struct words {
	char **at;
	unsigned n;
};

static int add_word(void *arg, char *item, struct error *err)
{
	struct words *w = arg;

	if (!*item)
		return error_set(err, -EINVAL, "there is an empty item in the list");
	if (w->n == WORDS_MAX)
		return error_set(err, -EINVAL, "more than %d items in a list", WORDS_MAX);
	w->at[w->n++] = xstrdup(item);
	return 0;
}

int words_parse(char ***out, const char *text, struct error *err)
{
	struct words w = { .at = xcalloc(WORDS_MAX + 1, sizeof(char *)) };
	int rc = list_walk(text, add_word, &w, err);

	if (rc < 0)
		words_free(w.at);
	else
		*out = w.at;
	return rc;
}

void words_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

bool choice_find(const char **out, size_t *len, const char *choices, const char *word)
{
	for (const char *at = choices; *at;) {
		size_t n = strcspn(at, "|");

		if (text_same(at, n, word)) {
			*out = at;
			*len = n;
			return true;
		}
		at += n + (at[n] == '|');
	}
	return false;
}

bool mac_is_valid(const char *text)
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return false;
		if (text[2] != (i < 5 ? ':' : '\0'))
			return false;
	}
	return true;
}

bool ipv4_is_valid(const char *text)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = 0, digits = 0;

		for (; isdigit((unsigned char)*text) && digits < 4; text++, digits++)
			n = n * 10 + (unsigned)(*text - '0');
		if (digits == 0 || n > 255 || *text != (i < 3 ? '.' : '\0'))
			return false;
		text++;
	}
	return true;
}
