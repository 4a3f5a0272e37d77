/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/cli.h: the verbs, what they print and how they end. */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* With --test-devices a suite's own value v ends "run" with (v << 1 | 1) & 255 instead. */
enum exit_code {
	CODE_OK = 0,      /* done; run: the guest powered itself off */
	CODE_ERROR = 1,   /* bad arguments, or something failed; a message says what */
	CODE_RESET = 3,   /* run --no-reboot: the guest asked for a reset */
	CODE_CRASHED = 4, /* run: the guest's processor stopped, or the backend gave up */
	CODE_STOPPED = 5, /* run: ended from outside by a second signal or Ctrl-A x */
};

struct command {
	const char *name, *arguments, *summary;
	int (*main)(int argc, const char *const *argv); /* what follows the verb; an exit_code */
};
extern const struct command commands[]; /* ends with a NULL name */

int cmd_run(int argc, const char *const *argv);
int cmd_doctor(int argc, const char *const *argv);
int cmd_cpu_step(int argc, const char *const *argv);
int cmd_help(int argc, const char *const *argv);
int cmd_version(int argc, const char *const *argv);
int cmd_completion(int argc, const char *const *argv);

/* Help texts, for standard output. */
void help_overview(struct str *out);
void help_options(struct str *out);
/* About a verb, a topic or an option; with dashes an option only. False: nothing has that name. */
bool help_about(struct str *out, const char *name);
/* A script for bash, zsh or fish. False: another shell. */
bool completion_script(struct str *out, const char *shell);

/* Print @err to standard error; returns CODE_ERROR. */
int cli_fail(const struct error *err);
/* Print @out to standard output and free it; returns CODE_OK, or CODE_ERROR if it cannot. */
int cli_print(struct str *out);
/* ORIEL_FIRMWARE_DIR, or NULL. */
const char *cli_firmware_dir(void);
/* True when --help (or -h) is among the arguments. */
bool cli_wants_help(int argc, const char *const *argv);
