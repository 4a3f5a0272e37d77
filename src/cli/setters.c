/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/setters.c: store a checked value in the member that a key names. See cli/options_priv.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/options_priv.h"
#include "vm/config.h"

static void *member(void *to, const struct key *k)
{
	return (char *)to + k->offset;
}

static void replace(char **at, char *text)
{
	free(*at);
	*at = text;
}

int set_text(void *to, const struct key *k, const struct value *v, struct error *err)
{
	replace(member(to, k), xstrdup(v->text));
	return 0;
}

int set_bool(void *to, const struct key *k, const struct value *v, struct error *err)
{
	*(bool *)member(to, k) = k->type == V_NONE || v->on;
	return 0;
}

int set_bool_not(void *to, const struct key *k, const struct value *v, struct error *err)
{
	*(bool *)member(to, k) = !v->on;
	return 0;
}

/* "auto" passes V_CHOICE only; a V_TOGGLE knows it as "not given". */
int set_toggle(void *to, const struct key *k, const struct value *v, struct error *err)
{
	enum toggle *at = member(to, k);
	bool on;

	if (strcmp(v->text, "auto") == 0) {
		*at = TOGGLE_AUTO;
		return 0;
	}
	if (toggle_parse(&on, v->text, err) < 0)
		return -EINVAL;
	*at = on ? TOGGLE_ON : TOGGLE_OFF;
	return 0;
}

int set_unsigned(void *to, const struct key *k, const struct value *v, struct error *err)
{
	*(unsigned *)member(to, k) = (unsigned)v->number;
	return 0;
}

int set_int(void *to, const struct key *k, const struct value *v, struct error *err)
{
	*(int *)member(to, k) = (int)v->number;
	return 0;
}

int set_u16(void *to, const struct key *k, const struct value *v, struct error *err)
{
	*(u16 *)member(to, k) = (u16)v->number;
	return 0;
}

int set_u64(void *to, const struct key *k, const struct value *v, struct error *err)
{
	*(u64 *)member(to, k) = v->number;
	return 0;
}

int set_words(void *to, const struct key *k, const struct value *v, struct error *err)
{
	char ***at = member(to, k);
	char **words;

	if (words_parse(&words, v->text, err) < 0)
		return -EINVAL;
	words_free(*at);
	*at = words;
	return 0;
}

int set_name(void *to, const struct key *k, const struct value *v, struct error *err)
{
	replace(member(to, k), xstrdup(k->name));
	return 0;
}

int set_count(void *to, const struct key *k, const struct value *v, struct error *err)
{
	++*(unsigned *)member(to, k);
	return 0;
}

int set_chr_kind(void *to, const struct key *k, const struct value *v, struct error *err)
{
	struct char_options *chr = member(to, k);

	chr->kind = (enum chr_kind)k->min;
	replace(&chr->path, NULL);
	return 0;
}

int set_chr_path(void *to, const struct key *k, const struct value *v, struct error *err)
{
	struct char_options *chr = member(to, k);

	chr->kind = (enum chr_kind)k->min;
	replace(&chr->path, xstrdup(v->text));
	return 0;
}

/* threads:cores:dies:packages, each per the next. */
int set_topology(void *to, const struct key *k, const struct value *v, struct error *err)
{
	struct cpu_topology *t = member(to, k);
	unsigned n[4], i = 0;
	const char *at = v->text;

	for (;; i++) {
		size_t len = strcspn(at, ":");
		char part[12] = "";
		u64 number;

		if (i == 4 || len == 0 || len >= sizeof(part))
			break;
		memcpy(part, at, len);
		if (number_parse(&number, part, 1, 65535, err) < 0)
			return -EINVAL;
		n[i] = (unsigned)number;
		at += len;
		if (!*at && i == 3) {
			*t = (struct cpu_topology){ n[0], n[1], n[2], n[3] };
			return 0;
		}
		if (!*at)
			break;
		at++;
	}
	return error_set(err, -EINVAL,
			 "\"%s\" is not threads:cores:dies:packages, for example 1:4:1:1", v->text);
}
