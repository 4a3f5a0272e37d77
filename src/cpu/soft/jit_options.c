/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/jit_options.c: --cpus jit= as words: the mode, and what tests ask for. */
#include <errno.h>
#include <string.h>

#include "cpu/soft/jit.h"

enum { HEAT_MAX = 1000000, WORD_MAX = 32 };

static const struct {
	const char *name;
	size_t at;
} switches[] = {
	{ "one", offsetof(struct jit_options, one) },
	{ "tiny", offsetof(struct jit_options, tiny) },
	{ "flush", offsetof(struct jit_options, flush) },
	{ "slow", offsetof(struct jit_options, slow) },
	{ "leave", offsetof(struct jit_options, leave) },
	{ "count", offsetof(struct jit_options, count) },
	{ "perf", offsetof(struct jit_options, perf) },
};

static int set_heat(struct jit_options *o, const char *text, struct error *err)
{
	u64 n;

	if (parse_u64(&n, text) < 0 || n > HEAT_MAX)
		return error_set(
			err, -EINVAL,
			"heat=%s is not a number of runs from 0 to %u, after which code is "
			"translated",
			text, HEAT_MAX);
	o->heat = (unsigned)n;
	return 0;
}

static int set_word(struct jit_options *o, const char *word, struct error *err)
{
	if (strncmp(word, "heat=", 5) == 0)
		return set_heat(o, word + 5, err);
	for (unsigned i = 0; i < ARRAY_LEN(switches); i++) {
		if (strcmp(word, switches[i].name) != 0)
			continue;
		*(bool *)((u8 *)o + switches[i].at) = true;
		return 0;
	}
	return error_set(err, -EINVAL,
			 "\"%s\" is none of on, off, lockstep; behind them, with + between, may be "
			 "one, tiny, flush, slow, leave, count, perf, heat=N",
			 word);
}

static int set_mode(struct jit_options *o, const char *word, bool first, struct error *err)
{
	if (!first)
		return error_set(err, -EINVAL, "\"%s\" must be the first word, and the only such",
				 word);
	o->off = strcmp(word, "off") == 0;
	o->lockstep = strcmp(word, "lockstep") == 0;
	return 0;
}

static bool is_mode(const char *word)
{
	return !strcmp(word, "on") || !strcmp(word, "off") || !strcmp(word, "lockstep");
}

int jit_options_parse(struct jit_options *out, const char *text, struct error *err)
{
	struct jit_options o = { .heat = JIT_HEAT };
	const char *at = text ? text : "on";

	for (bool first = true;; first = false) {
		size_t len = strcspn(at, "+");
		char word[WORD_MAX];
		int rc;

		if (len >= sizeof(word))
			return error_set(err, -EINVAL, "\"%.20s...\" is too long for a word", at);
		memcpy(word, at, len);
		word[len] = 0;
		rc = is_mode(word) ? set_mode(&o, word, first, err) : set_word(&o, word, err);
		if (rc < 0)
			return rc;
		if (!at[len])
			break;
		at += len + 1;
	}
	if (o.off && strchr(text, '+'))
		return error_set(err, -EINVAL, "off goes with no other word");
	o.leave |= o.lockstep; /* one block at a time */
	*out = o;
	return 0;
}
