/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual page tells of every option and key, and of no others. Its path is the argument. */
#include "base/str.h"
#include "cli/options.h"
#include "plat/file.h"
#include "test.h"

static char *page;

/* "no-reboot" as the page spells it: its dashes must not become typographic ones. */
static void add_escaped(struct str *s, const char *text)
{
	for (; *text; text++)
		str_add(s, "%s%c", *text == '-' ? "\\" : "", *text);
}

/* The paragraph of option @o, or NULL. */
static const char *find_option(const struct option *o)
{
	bool letter_only = o->letter && !o->self.name[1];
	struct str head = { 0 };
	const char *at;

	str_add(&head, ".TP\n.B ");
	if (o->letter && !letter_only)
		str_add(&head, "\\-%c\\fR, \\fB", o->letter);
	str_add(&head, letter_only ? "\\-" : "\\-\\-");
	add_escaped(&head, o->self.name);
	at = page;
	do { /* --rtc is not --rtc-utc */
		at = strstr(at, head.at);
		if (at)
			at += head.len;
	} while (at && *at != ' ' && *at != '\n');
	str_free(&head);
	return at;
}

static void every_option_has_a_paragraph(void)
{
	for (const struct option *o = options; o->self.name; o++) {
		const char *at = find_option(o);

		if (!at)
			fprintf(stderr, "docs/oriel.1 lacks the option %s\n", o->self.name);
		CHECK(at);
		at = strchr(at, '\n') + 1;
		CHECK((o->self.support == REFUSED) == !strncmp(at, "Not supported: ", 15));
		CHECK((o->self.support == IGNORED) == !strncmp(at, "No effect: ", 11));
	}
}

/* --serial2 takes what --serial takes: the page does not say it twice. */
static bool is_repetition(const struct option *o)
{
	for (const struct option *p = options; p != o; p++)
		if (p->keys == o->keys)
			return true;
	return false;
}

static void every_key_stands_beneath_its_option(void)
{
	for (const struct option *o = options; o->self.name; o++) {
		const char *at = find_option(o), *end;

		if (!o->keys || is_repetition(o))
			continue;
		end = strstr(at, "\n.RE\n");
		for (const struct key *k = o->keys; k->name; k++) {
			struct str head = { 0 };
			const char *key;

			str_add(&head, "\\fB");
			add_escaped(&head, k->name);
			str_add(&head, k->type == V_NONE ? "\\fR" : "=");
			key = strstr(at, head.at);
			if (!key || key > end)
				fprintf(stderr, "docs/oriel.1: --%s lacks %s\n", o->self.name,
					k->name);
			CHECK(key && key < end);
			str_free(&head);
		}
	}
}

static void no_option_is_made_up(void)
{
	const char *end = strstr(page, ".SH EXIT STATUS");

	CHECK(end);
	for (const char *at = strstr(page, "\n.SH OPTIONS"); at && at < end;
	     at = strchr(at, '\n')) {
		static const char head[] = ".B \\-\\-";
		char name[64] = "";
		size_t n = 0;

		at++;
		if (strncmp(at, head, sizeof(head) - 1) != 0)
			continue;
		for (at += sizeof(head) - 1; *at != ' ' && *at != '\n' && n < sizeof(name) - 1;
		     at++)
			if (*at != '\\')
				name[n++] = *at;
		if (!option_find(name))
			fprintf(stderr, "docs/oriel.1: --%s does not exist\n", name);
		CHECK(option_find(name));
	}
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	u8 *bytes;
	size_t len;

	CHECK(argc == 2);
	CHECK(file_load(&bytes, &len, argv[1], MIB(1), &err) == 0);
	page = (char *)bytes;
	RUN(every_option_has_a_paragraph);
	RUN(every_key_stands_beneath_its_option);
	RUN(no_option_is_made_up);
	free(bytes);
	return 0;
}
