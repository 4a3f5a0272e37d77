/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/report.c: see report.h. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* As the files in the tree are: no space before the end of a line, and the last line ends. */
static void tidy(char *text)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		while (*p == '\n' && n && text[n - 1] == ' ')
			n--;
		text[n++] = *p;
	}
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\n'))
		n--;
	text[n++] = '\n';
	text[n] = 0;
}

/* A text file with a zero at its end; "" if it cannot be read. */
static char *read_text(const char *path)
{
	enum { LIMIT = 1 << 20 };
	char *text = xcalloc(1, LIMIT);
	FILE *f = path ? fopen(path, "rb") : NULL;

	if (f) {
		(void)!fread(text, 1, LIMIT - 1, f);
		fclose(f);
	}
	return text;
}

/* The next line of *at, without its end; NULL after the last. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!*line)
		return NULL;
	*at = end ? end + 1 : line + strlen(line);
	if (end)
		*end = 0;
	return line;
}

/* Bytes of @line up to and with the colon that ends the case's name. */
static size_t name_length(const char *line)
{
	return strcspn(line, ":") + 1;
}

/* @exceptions' line for the case of @line: its value up to the reason; NULL if there is none. */
static char *exception_for(char *exceptions, const char *line, size_t *len)
{
	for (char *e = exceptions; *e; e = strchr(e, '\n') + 1) {
		char *end = strchr(e, '\n'), *why = strstr(e, " ; ");

		if (!end)
			break;
		if (strncmp(e, line, name_length(line)) == 0 && why && why < end) {
			*len = (size_t)(why - e);
			return e;
		}
	}
	return NULL;
}

/* Put the lines of the exceptions in the place of those of @want; returns the new text. */
static char *with_exceptions(char *want, char *exceptions)
{
	struct str out = { 0 };
	char *line, *e;
	size_t len;

	while ((line = next_line(&want))) {
		e = exception_for(exceptions, line, &len);
		if (!e) {
			str_add(&out, "%s\n", line);
			continue;
		}
		if (len == strlen(line) && !strncmp(e, line, len))
			str_add(&out, "[no difference: delete the exception] ");
		str_add_bytes(&out, e, len);
		str_add(&out, "\n");
		*e = '#'; /* used */
	}
	while ((e = next_line(&exceptions)))
		if (*e != '#')
			str_add(&out, "[no such case] %s\n", e);
	return out.at;
}

/* Lines in which the texts differ, or all of the first if they have other cases. */
static void print_difference(char *got, char *want)
{
	char *g, *w;

	while ((g = next_line(&got))) {
		w = next_line(&want);
		if (w && !strcmp(g, w))
			continue;
		printf("- %s\n+ %s\n", w ? w : "", g);
		if (!w || strncmp(g, w, name_length(w))) {
			printf("--- reported from there on\n%s--- wanted\n%s---\n", got, want);
			return;
		}
	}
	while ((w = next_line(&want)))
		printf("- %s\n", w);
}

bool report_is(struct str *got, const char *want_path, const char *exceptions_path)
{
	char *want = read_text(want_path), *exceptions = read_text(exceptions_path);
	bool same;

	str_add(got, "\n\n"); /* room for tidy() */
	tidy(got->at);
	if (*exceptions) {
		char *mended = with_exceptions(want, exceptions);

		free(want);
		want = mended;
	}
	same = strcmp(got->at, want) == 0;
	if (!same)
		print_difference(got->at, want);
	free(want);
	free(exceptions);
	return same;
}
