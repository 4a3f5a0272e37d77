/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/main.c: finds the verb. "run" may be left out before an option. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "plat/file.h"

int cli_fail(const struct error *err)
{
	fprintf(stderr, "oriel: error: %s\n", err->msg);
	return CODE_ERROR;
}

int cli_print(struct str *out)
{
	bool good = !out->len || fwrite(out->at, 1, out->len, stdout) == out->len;

	good = fflush(stdout) == 0 && good;
	str_free(out);
	return good ? CODE_OK : CODE_ERROR;
}

const char *cli_firmware_dir(void)
{
	const char *dir = getenv("ORIEL_FIRMWARE_DIR");

	return dir && *dir ? dir : NULL;
}

bool cli_wants_help(int argc, const char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

int cmd_version(int argc, const char *const *argv)
{
	struct str out = { 0 };
	struct error err;

	if (argc) {
		error_set(&err, -EINVAL, "version takes nothing, not \"%s\"", argv[0]);
		return cli_fail(&err);
	}
	str_add(&out, "oriel v" ORIEL_VERSION "\n");
	return cli_print(&out);
}

int cmd_help(int argc, const char *const *argv)
{
	struct str out = { 0 };
	struct error err;

	if (argc > 1) {
		error_set(&err, -EINVAL, "help is about one thing at a time, not also \"%s\"",
			  argv[1]);
		return cli_fail(&err);
	}
	if (argc == 0)
		help_overview(&out);
	else if (!help_about(&out, argv[0])) {
		const char *near = option_nearest(argv[0] + strspn(argv[0], "-"));

		error_set(&err, -EINVAL, "there is no help about \"%s\"%s%s%s; oriel help lists it",
			  argv[0], near ? "; did you mean " : "", near ? near : "",
			  near ? "?" : "");
		return cli_fail(&err);
	}
	return cli_print(&out);
}

int cmd_completion(int argc, const char *const *argv)
{
	struct str out = { 0 };
	struct error err;

	if (argc != 1 || !completion_script(&out, argv[0])) {
		error_set(&err, -EINVAL,
			  "%s%sgive one of bash, zsh or fish, for example: oriel completion bash "
			  "> /etc/bash_completion.d/oriel",
			  argc == 1 ? argv[0]
			  : argc    ? "one shell at a time;"
				    : "which shell?",
			  argc == 1 ? " is not a known shell; " : " ");
		return cli_fail(&err);
	}
	return cli_print(&out);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static int unknown_verb(const char *name)
{
	const char *names[16] = { NULL }, *near;
	struct error err;

	for (unsigned i = 0; commands[i].name && i + 1 < ARRAY_LEN(names); i++)
		names[i] = commands[i].name;
	near = str_nearest(name, names);
	if (near)
		error_set(&err, -EINVAL, "there is no verb \"%s\"; did you mean \"%s\"?", name,
			  near);
	else
		error_set(&err, -EINVAL,
			  "there is no verb \"%s\" (oriel help lists them); a disk is started with "
			  "oriel run --disk path=%s",
			  name, name);
	return cli_fail(&err);
}

int main(int argc, char **argv)
{
	const char *const *args = (const char *const *)argv + 1;
	const struct command *c;
	int n = argc - 1;

	file_open_std();
	if (n <= 0)
		return cmd_help(0, NULL);
	if (!strcmp(args[0], "--help") || !strcmp(args[0], "-h"))
		return cmd_help(MIN(n - 1, 1), args + 1);
	if (!strcmp(args[0], "--version") || !strcmp(args[0], "-V"))
		return cmd_version(0, NULL);
	if (args[0][0] == '-')
		return cmd_run(n, args);
	c = find_command(args[0]);
	if (!c)
		return unknown_verb(args[0]);
	if (c->main != cmd_help && cli_wants_help(n - 1, args + 1))
		return cmd_help(1, args);
	return c->main(n - 1, args + 1);
}
