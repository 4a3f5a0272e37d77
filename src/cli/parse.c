/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/parse.c: from a command line to a configuration, by the table. See cli/options.h. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/options_priv.h"
#include "vm/config.h"

void note_add(struct str *notes, const char *fmt, ...)
{
	struct str line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vadd(&line, fmt, ap);
	va_end(ap);
	str_add(&line, "\n");
	if (!notes->len || !strstr(notes->at, line.at))
		str_add_bytes(notes, line.at, line.len);
	str_free(&line);
}

/* "0" and "0x0", "off" and "FALSE" are the same. */
static bool means_the_same(const char *a, const char *b)
{
	bool on_a, on_b;
	u64 n_a, n_b;

	if (text_same(a, strlen(a), b))
		return true;
	if (*a && toggle_parse(&on_a, a, NULL) == 0 && toggle_parse(&on_b, b, NULL) == 0)
		return on_a == on_b;
	if (parse_size(&n_a, a) == 0 && parse_size(&n_b, b) == 0)
		return n_a == n_b;
	return false;
}

static bool form_is_right(const struct key *k, struct value *v, struct error *err)
{
	switch (k->type) {
	case V_TOGGLE: return toggle_parse(&v->on, v->text, err) == 0;
	case V_NUMBER: return number_parse(&v->number, v->text, k->min, k->max, err) == 0;
	case V_SIZE: return size_parse(&v->number, v->text, err) == 0;
	case V_TUPLES: return tuples_parse(v->text, NULL, NULL, err) == 0;
	case V_INTS: {
		struct ints list;
		return ints_parse(&list, v->text, err) == 0;
	}
	case V_WORDS: {
		char **words;
		if (words_parse(&words, v->text, err) < 0)
			return false;
		words_free(words);
		return true;
	}
	case V_MAC:
		if (!mac_is_valid(v->text))
			error_set(err, -EINVAL, "\"%s\" is not a MAC address, for example %s",
				  v->text, "52:54:00:12:34:56");
		return mac_is_valid(v->text);
	case V_IPV4:
		if (!ipv4_is_valid(v->text))
			error_set(err, -EINVAL, "\"%s\" is not an IPv4 address, for example %s",
				  v->text, "192.168.249.1");
		return ipv4_is_valid(v->text);
	default: return true;
	}
}

/* Check @text by the key's type, and store it. */
static int key_store(void *to, const struct key *k, const char *text, struct error *err)
{
	AUTO_FREE char *choice = NULL;
	struct value v = { .text = text };
	const char *at;
	size_t len;

	if (k->type == V_CHOICE) {
		if (!choice_find(&at, &len, k->values, text))
			return error_set(err, -EINVAL, "\"%s\" is not one of %s", text, k->values);
		choice = xstrndup(at, len);
		v.text = choice;
	} else if (k->type != V_NONE && !form_is_right(k, &v, err)) {
		return -EINVAL;
	}
	return k->set ? k->set(to, k, &v, err) : 0;
}

static int unknown_key(const struct option *o, const struct pair *p, struct error *err)
{
	const char *near = key_nearest(o->keys, p->key);

	if (near)
		return error_set(
			err, -EINVAL,
			"unknown key \"%s\"; did you mean \"%s\"? (oriel help %s lists them)",
			p->key, near, o->self.name);
	if (!p->value && o->keys->type != V_NONE)
		return error_set(err, -EINVAL, "\"%s\" has no key; did you mean %s=%s?", p->key,
				 o->keys->name, p->key);
	if (o->keys->type == V_NONE)
		return error_set(err, -EINVAL, "\"%s\" is not one of %s", p->key,
				 key_form(&o->self));
	return error_set(err, -EINVAL, "unknown key \"%s\" (oriel help %s lists what it knows)",
			 p->key, o->self.name);
}

static int apply_pair(void *to, const struct option *o, const struct pair *p, struct str *notes,
		      struct error *err)
{
	const struct key *k = key_find(o->keys, p->key);
	const char *equals, *harmless;

	if (!k)
		return unknown_key(o, p, err);
	harmless = k->harmless;
	if (k->type == V_NONE && p->value)
		return error_set(err, -EINVAL, "\"%s\" takes no value", p->key);
	if (k->type != V_NONE && !p->value)
		return error_set(err, -EINVAL, "\"%s\" needs a value: %s=%s", p->key, p->key,
				 key_form(k));
	if (p->value && !*p->value)
		return 0; /* "key=" counts as not given */
	equals = p->value ? "=" : "";
	if (k->support == REFUSED && !(harmless && p->value && means_the_same(p->value, harmless)))
		return error_set(err, -ENOTSUP, "%s%s%s is not supported: %s", p->key, equals,
				 p->value ? p->value : "", k->help);
	if (k->support == WORKS || k->type != V_NONE)
		if (key_store(to, k, p->value ? p->value : "", err) < 0) {
			error_prefix(err, "%s", p->key);
			return -EINVAL;
		}
	if (k->support == IGNORED && o->self.support == WORKS &&
	    !(harmless && p->value && means_the_same(p->value, harmless)))
		note_add(notes, "--%s %s%s%s has no effect: %s", o->self.name, p->key, equals,
			 p->value ? p->value : "", k->help);
	return 0;
}

static int apply_pairs(struct vm_config *c, const struct option *o, const char *text,
		       struct pairs *pairs, struct str *notes, struct error *err)
{
	void *to = (char *)c + o->self.offset;

	if (pairs_split(pairs, text, err) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < pairs->n; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(pairs->at[i].key, pairs->at[j].key) == 0)
				return error_set(err, -EINVAL,
						 "\"%s\" is given twice; give it once",
						 pairs->at[i].key);
	if (o->target) {
		to = o->target(c, o, err);
		if (!to)
			return -EINVAL;
	}
	for (unsigned i = 0; i < pairs->n; i++) {
		int rc = apply_pair(to, o, &pairs->at[i], notes, err);

		if (rc < 0)
			return rc;
	}
	return o->done ? o->done(c, to, pairs, notes, err) : 0;
}

int option_apply(struct vm_config *c, const struct option *o, const char *text, struct str *notes,
		 struct error *err)
{
	const struct key *k = &o->self;
	const char *dashes = o->letter && !k->name[1] ? "-" : "--";
	struct pairs pairs;
	int rc = 0;

	if (k->support == REFUSED)
		return error_set(err, -ENOTSUP, "%s%s is not supported: %s", dashes, k->name,
				 k->help);
	if (k->type == V_KEYS) {
		rc = apply_pairs(c, o, text ? text : "", &pairs, notes, err);
		pairs_finish(&pairs);
	} else {
		rc = key_store(c, k, text ? text : "", err);
	}
	if (rc < 0) {
		error_prefix(err, "%s%s", dashes, k->name);
		return rc;
	}
	if (k->support == IGNORED)
		note_add(notes, "--%s has no effect: %s", k->name, k->help);
	return 0;
}

static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1];
}

static int unknown_option(const char *arg, size_t len, struct error *err)
{
	AUTO_FREE char *given = xstrndup(arg, len);
	const char *near = option_nearest(given + strspn(given, "-"));

	if (near)
		return error_set(err, -EINVAL,
				 "unknown option %s; did you mean --%s? (oriel help options lists "
				 "all)",
				 given, near);
	return error_set(err, -EINVAL, "unknown option %s (oriel help options lists all)", given);
}

static int unexpected(const char *arg, struct error *err)
{
	return error_set(err, -EINVAL,
			 "\"%s\" belongs to no option; a disk is given with --disk path=%s, and "
			 "every option begins with --",
			 arg, arg);
}

static int missing_value(const struct option *o, struct error *err)
{
	if (!o->example)
		return error_set(err, -EINVAL, "--%s needs a value", o->self.name);
	return error_set(err, -EINVAL,
			 "--%s needs a value, for example %s; one that begins with - is written "
			 "--%s=VALUE",
			 o->self.name, o->example, o->self.name);
}

struct args {
	int argc, at;
	const char *const *argv;
	bool seen[OPTIONS_MAX];
};

/* An option whose name was read; @inlined is what follows its '=', or NULL. */
static int take_option(struct vm_config *c, struct args *a, const struct option *o,
		       const char *inlined, struct str *notes, struct error *err)
{
	bool *seen = &a->seen[o - options];
	int rc, values = 0;

	if (o->self.support != REFUSED && *seen && !o->list && o->letter != 'v')
		return error_set(err, -EINVAL, "--%s is given twice; give it once%s", o->self.name,
				 o->self.type == V_KEYS ? ", with all that it shall say" : "");
	*seen = true;
	if (o->self.type == V_NONE) {
		if (inlined)
			return error_set(err, -EINVAL, "--%s takes no value, but \"%s\" follows",
					 o->self.name, inlined);
		return option_apply(c, o, NULL, notes, err);
	}
	if (o->self.support == REFUSED)
		return option_apply(c, o, inlined, notes, err);
	if (inlined && *inlined)
		return option_apply(c, o, inlined, notes, err);
	while (!inlined && a->at < a->argc && !is_option(a->argv[a->at])) {
		if (!*a->argv[a->at])
			break;
		rc = option_apply(c, o, a->argv[a->at++], notes, err);
		if (rc < 0)
			return rc;
		values++;
		if (!o->list)
			break;
	}
	if (!values && o->optional)
		return option_apply(c, o, NULL, notes, err);
	return values ? 0 : missing_value(o, err);
}

/* -v, -vv, -hV */
static int take_letters(struct vm_config *c, struct args *a, const char *arg, struct str *notes,
			struct error *err)
{
	for (const char *l = arg + 1; *l; l++) {
		const struct option *o = option_find_letter(*l);
		int rc;

		if (!o)
			return unknown_option(arg, strlen(arg), err);
		rc = take_option(c, a, o, NULL, notes, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int options_parse(struct vm_config *c, int argc, const char *const *argv, struct str *notes,
		  struct error *err)
{
	struct args a = { .argc = argc, .argv = argv };

	while (a.at < argc) {
		const char *arg = argv[a.at++];
		const struct option *o;
		size_t len;
		int rc;

		if (!is_option(arg))
			return unexpected(arg, err);
		if (arg[1] != '-') {
			rc = take_letters(c, &a, arg, notes, err);
		} else {
			AUTO_FREE char *name = NULL;

			len = strcspn(arg, "=");
			name = xstrndup(arg + 2, len - 2);
			o = option_find(name);
			if (!o || !o->self.name[1])
				return unknown_option(arg, len, err);
			rc = take_option(c, &a, o, arg[len] ? arg + len + 1 : NULL, notes, err);
		}
		if (rc < 0)
			return rc;
	}
	if (!a.seen[option_find("serial") - options])
		note_add(notes,
			 "no --serial is given, so the guest runs unseen; --serial tty shows its "
			 "first serial port here");
	return 0;
}
