/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/help.c: help texts, from the option table. */
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"

enum { WIDTH = 80, COLUMN = 6 };

const struct command commands[] = {
	{ "run", "[OPTION..]", "start a virtual machine (run may be left out)", cmd_run },
	{ "doctor", "[--json]", "look whether this host can run guests, and say what is missing",
	  cmd_doctor },
	{ "cpu-step", "[--check] FILE..", "run single instructions from JSON states to JSON states",
	  cmd_cpu_step },
	{ "help", "[TOPIC]", "explain a verb, an option or a topic", cmd_help },
	{ "version", "", "print the version", cmd_version },
	{ "completion", "bash|zsh|fish", "print a completion script for the shell",
	  cmd_completion },
	{ NULL },
};

static const struct {
	const char *name, *summary, *text;
} topics[] = {
	{ "options", "every option in short", NULL },
	{ "exit-codes", "how a run ended",
	  "  0  the guest powered itself off\n"
	  "  1  something was wrong; the message says what, why, and what to do\n"
	  "  3  the guest asked for a reset under --no-reboot\n"
	  "  4  the guest crashed beyond repair (triple fault), or the backend gave up\n"
	  "  5  it was ended from outside: a second signal, or Ctrl-A x\n"
	  "  Under --test-devices a suite that writes V to port 0xf4 ends with (V << 1 | 1) & "
	  "255.\n" },
	{ "signals", "how to end a guest from outside",
	  "  SIGTERM, SIGINT (Ctrl-C), SIGHUP press the guest's power button: Windows shuts down\n"
	  "  the same once more ends the guest at once; its disks are flushed first\n"
	  "  Ctrl-A x on a --serial tty terminal ends it too; Ctrl-A Ctrl-A sends one Ctrl-A\n"
	  "  nohup oriel .. & keeps the guest when the terminal closes\n" },
	{ "environment", "variables that oriel reads",
	  "  ORIEL_LOG           which messages appear: error, warning, info or debug, also per\n"
	  "                      module, for example ORIEL_LOG=info,kvm=debug (like -v)\n"
	  "  ORIEL_FIRMWARE_DIR  directory where the default firmware is looked for\n" },
};

/* @text broken into lines that begin @indent columns from the left. */
static void add_wrapped(struct str *out, unsigned indent, const char *text)
{
	unsigned column = indent;

	str_add(out, "%*s", (int)indent, "");
	while (*text) {
		unsigned len = (unsigned)strcspn(text, " ");

		if (column > indent && column + 1 + len > WIDTH) {
			str_add(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			str_add(out, " ");
			column++;
		}
		str_add(out, "%.*s", (int)len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	str_add(out, "\n");
}

void help_overview(struct str *out)
{
	str_add(out,
		"oriel " ORIEL_VERSION ": virtual machines for Windows guests\n\n"
		"  oriel --disk path=windows.img --memory size=4G --serial tty\n"
		"      start an installed Windows disk; its first serial port is this terminal\n"
		"  oriel --disk path=windows.img --nvram windows.nvram --cpus boot=4\n"
		"      with four vCPUs, keeping the boot entries in a file\n"
		"  oriel doctor\n"
		"      see whether this host can run it, and what to do if not\n\n"
		"Verbs:\n");
	for (const struct command *c = commands; c->name; c++) {
		struct str usage = { 0 };

		str_add(&usage, "%s %s", c->name, c->arguments);
		str_add(out, "  %-26s %s\n", usage.at, c->summary);
		str_free(&usage);
	}
	str_add(out, "\nTopics for oriel help:\n");
	for (unsigned i = 0; i < ARRAY_LEN(topics); i++)
		str_add(out, "  %-26s %s\n", topics[i].name, topics[i].summary);
	str_add(out, "  %-26s %s\n", "OPTION",
		"one option with its keys, for example: oriel help disk");
}

static void add_option_head(struct str *out, const struct option *o)
{
	const char *form = key_form(&o->self);
	bool letter_only = o->letter && !o->self.name[1];

	str_add(out, "  %s%s%s%s", letter_only ? "-" : "--", o->self.name, *form ? " " : "", form);
	if (o->letter && !letter_only)
		str_add(out, ", -%c", o->letter);
	if (o->self.initial)
		str_add(out, "  (default %s)", o->self.initial);
	str_add(out, "\n");
}

static const char *state_of(const struct key *k)
{
	static const char *const words[] = { "", "no effect: ", "not supported: " };

	return words[k->support];
}

static void add_sentence(struct str *out, unsigned indent, const struct key *k)
{
	struct str line = { 0 };

	str_add(&line, "%s%s", state_of(k), k->help);
	add_wrapped(out, indent, line.at);
	str_free(&line);
}

void help_options(struct str *out)
{
	const char *group = "";

	for (const struct option *o = options; o->self.name; o++) {
		if (strcmp(o->group, group) != 0) {
			str_add(out, "%s%s:\n", *group ? "\n" : "", o->group);
			group = o->group;
		}
		add_option_head(out, o);
		add_sentence(out, COLUMN, &o->self);
	}
	str_add(out, "\nSizes take K, M, G or T. \"..\" and [..] protect commas in values; key= "
		     "counts as not given.\noriel help OPTION shows the keys of one option.\n");
}

static void help_option(struct str *out, const struct option *o)
{
	add_option_head(out, o);
	add_sentence(out, COLUMN, &o->self);
	for (const struct key *k = o->keys; k && k->name; k++) {
		str_add(out, "\n    %s%s%s", k->name, k->type == V_NONE ? "" : "=", key_form(k));
		if (k->initial)
			str_add(out, "  (default %s)", k->initial);
		str_add(out, "\n");
		add_sentence(out, COLUMN + 2, k);
	}
	if (o->example)
		str_add(out, "\n  Example: oriel %s\n", o->example);
}

static void help_command(struct str *out, const struct command *c)
{
	str_add(out, "oriel %s %s\n", c->name, c->arguments);
	add_wrapped(out, COLUMN, c->summary);
	str_add(out, "\n");
	if (c->main == cmd_run)
		help_options(out);
}

bool help_about(struct str *out, const char *name)
{
	const struct option *o = option_find(name + strspn(name, "-"));

	if (o && *name == '-') {
		help_option(out, o);
		return true;
	}
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name)) {
			help_command(out, c);
			return true;
		}
	for (unsigned i = 0; i < ARRAY_LEN(topics); i++) {
		if (strcmp(topics[i].name, name) != 0)
			continue;
		if (topics[i].text)
			str_add(out, "%s", topics[i].text);
		else
			help_options(out);
		return true;
	}
	if (o)
		help_option(out, o);
	return o;
}
