/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/log.c: see base/log.h. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

/* Where the process's messages go and which pass: set before other threads start. */
struct log_state {
	char *rules; /* NULL: the environment's */
	FILE *file;  /* NULL: stderr */
	u8 generation;
};

static const char default_rules[] = "warning";

static struct log_state *log_state(void)
{
	static struct log_state state = { .generation = 1 };

	return &state;
}

static int level_of(const char *word, size_t len)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && !memcmp(word, names[i], len))
			return (int)i;
	return -1;
}

/*
 * The level that @rules give to @module, or @level if they are silent about it. A rule that names
 * the module wins over one for all, wherever it stands; of equals the later wins.
 * -EINVAL, with what the good rules say in *@level, if a rule has an unknown level.
 */
static int apply_rules(u8 *level, const char *rules, const char *module)
{
	bool named = false;
	int rc = 0;

	while (*rules) {
		size_t len = strcspn(rules, ",");
		const char *eq = memchr(rules, '=', len);
		const char *word = eq ? eq + 1 : rules;
		int l = level_of(word, len - (size_t)(word - rules));

		if (l < 0 && len)
			rc = -EINVAL;
		else if (l >= 0 && !eq && !named)
			*level = (u8)l;
		else if (l >= 0 && eq && strlen(module) == (size_t)(eq - rules) &&
			 !memcmp(module, rules, (size_t)(eq - rules))) {
			*level = (u8)l;
			named = true;
		}
		rules += len;
		if (*rules)
			rules++;
	}
	return rc;
}

/* Several threads may come here at once with the same answer. */
static u8 level_now(struct log_module *m)
{
	struct log_state *s = log_state();
	const char *rules = s->rules;
	u8 level = LVL_WARN;

	if (__atomic_load_n(&m->rules, __ATOMIC_ACQUIRE) == s->generation)
		return __atomic_load_n(&m->level, __ATOMIC_RELAXED);
	if (!rules)
		rules = getenv("ORIEL_LOG");
	apply_rules(&level, rules ? rules : default_rules, m->name);
	__atomic_store_n(&m->level, level, __ATOMIC_RELAXED);
	__atomic_store_n(&m->rules, s->generation, __ATOMIC_RELEASE);
	return level;
}

void log_at(struct log_module *m, enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = { "error: ", "warning: ", "", "" };
	FILE *to = log_state()->file;
	char line[1024];
	size_t len, max = sizeof(line) - 1;
	int saved = errno;
	va_list ap;
	int n;

	if (level > level_now(m))
		return;
	n = snprintf(line, max, "oriel: %s: %s", m->name, words[level]);
	len = MIN((size_t)MAX(n, 0), max - 1);
	va_start(ap, fmt);
	errno = saved;
	n = vsnprintf(line + len, max - len, fmt, ap);
	va_end(ap);
	len += MIN((size_t)MAX(n, 0), max - len - 1);
	/* Names and texts may come from a guest or a file: they must not drive the terminal. */
	for (size_t i = 0; i < len; i++)
		if ((u8)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	if (!to)
		to = stderr;
	fwrite(line, 1, len, to);
	fflush(to);
	errno = saved;
}

bool log_allow(struct log_limit *limit)
{
	u64 now = (u64)time(NULL);

	/* Two threads at the turn of a second may let a line too many through. */
	if (__atomic_exchange_n(&limit->window_s, now, __ATOMIC_RELAXED) != now)
		__atomic_store_n(&limit->count, 0, __ATOMIC_RELAXED);
	if (__atomic_load_n(&limit->count, __ATOMIC_RELAXED) >= 10)
		return false;
	return __atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) < 10;
}

int log_set_rules(const char *rules)
{
	struct log_state *s = log_state();
	u8 level = 0;

	if (rules && apply_rules(&level, rules, ""))
		return -EINVAL;
	free(s->rules);
	s->rules = rules ? xstrdup(rules) : NULL;
	s->generation = s->generation == 255 ? 1 : (u8)(s->generation + 1);
	return 0;
}

int log_to_file(const char *path)
{
	struct log_state *s = log_state();
	FILE *f = NULL;

	if (path) {
		f = fopen(path, "ab");
		if (!f)
			return -errno;
	}
	if (s->file)
		fclose(s->file);
	s->file = f;
	return 0;
}
