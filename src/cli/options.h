/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli/options.h: every option of the command line as one const table: what Cloud Hypervisor has,
 * and oriel's own. Parser, help, shell completion and the test of the manual page all read it.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "cli/values.h"

struct vm_config;

enum support {
	WORKS,
	IGNORED, /* taken, checked for form, and said to have no effect */
	REFUSED, /* an error that says what to use instead */
};

/* What a value looks like. The C type it is stored as is the business of key.set. */
enum value_type {
	V_NONE,   /* an option without a value, or a bare word ("tty") among keys */
	V_TEXT,   /* any text */
	V_TOGGLE, /* on or off */
	V_NUMBER, /* key.min to key.max */
	V_SIZE,
	V_CHOICE, /* one of key.values, "a|b|c" */
	V_INTS,
	V_TUPLES,
	V_WORDS,
	V_MAC,
	V_IPV4,
	V_KEYS, /* options only: key=value[,key=value...] of option.keys */
};

/* A value whose form was checked. @text is always there; the rest follows key.type. */
struct value {
	const char *text; /* V_CHOICE: in the spelling of the table */
	bool on;
	u64 number;
};

struct key {
	const char *name;
	enum value_type type;
	const char *values;  /* for people: "FILE", "raw|qcow2"; NULL: by the type */
	const char *initial; /* the default, for people; NULL: none */
	enum support support;
	const char *harmless; /* REFUSED, IGNORED: the value that asks for nothing special */
	const char *help;     /* WORKS: what it does. Else: why not, and what to use instead */
	u64 min, max;         /* V_NUMBER; V_NONE with set_chr: the kind */
	/* Store @v in @to + offset. NULL: the value is only checked. */
	int (*set)(void *to, const struct key *k, const struct value *v, struct error *err);
	size_t offset;
};

struct option {
	struct key self;
	char letter;         /* -v; 0: none */
	bool list;           /* one or more values, any number of times */
	bool optional;       /* may stand without a value */
	bool ours;           /* not an option of Cloud Hypervisor */
	const char *group;   /* heading in the help */
	const char *example; /* without the program's name */
	const struct key *keys;
	/* The object that the keys fill; NULL: the configuration itself. */
	void *(*target)(struct vm_config *c, const struct option *o, struct error *err);
	/* What the keys mean together, once all are stored. May add lines to @notes. */
	int (*done)(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		    struct error *err);
};

enum { OPTIONS_MAX = 128 };
extern const struct option options[]; /* in the order of the help; ends with a NULL name */

const struct option *option_find(const char *name); /* without dashes; NULL: none */
const struct option *option_find_letter(char letter);
/* The known option nearest to @name, or NULL. */
const char *option_nearest(const char *name);
const struct key *key_find(const struct key *keys, const char *name);
const char *key_nearest(const struct key *keys, const char *name);
/* What a value looks like: key.values, or a word for its type. "" for V_NONE. */
const char *key_form(const struct key *k);

/*
 * Put one value (NULL: none was given) of @o into @c. What is ignored, or worth knowing, becomes a
 * line in @notes. Touches nothing but @c and @notes; after an error @c may hold some of the keys
 * and is good for config_finish() only.
 */
int option_apply(struct vm_config *c, const struct option *o, const char *text, struct str *notes,
		 struct error *err) MUST_CHECK;

/* All of a command line, program and verb left out. The rules of option_apply() hold. */
int options_parse(struct vm_config *c, int argc, const char *const *argv, struct str *notes,
		  struct error *err) MUST_CHECK;
