/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/run.c: the verb "run": from a command line to a machine, and how it ended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/trace.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "plat/file.h"
#include "plat/loop.h"
#include "plat/signals.h"
#include "plat/thread.h"
#include "plat/time.h"
#include "vm/config.h"
#include "vm/vm.h"

enum { TRACE_RECORDS = 1 << 18 };

struct run {
	struct loop *loop;
	struct vm *vm;
	enum vm_end how;
	u32 value;  /* of VM_TEST_DONE */
	bool asked; /* the power button was pressed for a signal */
	bool lost;  /* something that the guest wrote is not on the disk */
};

static void say_lines(const char *prefix, const struct str *lines)
{
	for (const char *at = lines->at; at && *at;) {
		size_t len = strcspn(at, "\n");

		fprintf(stderr, "oriel: %s%.*s\n", prefix, (int)len, at);
		at += len + (at[len] == '\n');
	}
}

/* Not before the machine is there: of one that cannot be made only the reason is of interest. */
static void greet(const struct vm *vm, struct str *notes)
{
	struct str facts = { 0 };

	vm_tell(vm, &facts, notes);
	say_lines("warning: ", notes);
	say_lines("", &facts);
	str_free(&facts);
}

/* A guest that ignores its power button, as firmware does, needs the second signal. */
static void on_signal(void *arg, enum quit_signal s) unchecked_roles
{
	struct run *r = arg;

	if (!r->vm)
		return;
	if (r->asked) {
		vm_quit(r->vm);
		return;
	}
	r->asked = true;
	fprintf(stderr, "oriel: pressed the guest's power button; once more ends it at once\n");
	vm_power_button(r->vm);
}

static void on_end(void *arg, enum vm_end how) unchecked_roles
{
	struct run *r = arg;

	r->how = how;
	r->value = vm_exit_value(r->vm);
	loop_stop(r->loop, 0);
}

static int set_up_logs(const struct vm_config *c, struct error *err)
{
	const char *rules = getenv("ORIEL_LOG");
	int rc = rules ? log_set_rules(rules) : 0;

	if (rc < 0)
		return error_set(err, rc,
				 "ORIEL_LOG=%s: levels are error, warning, info and debug, also "
				 "for one module, for example info,kvm=debug",
				 rules);
	if (c->verbose)
		rc = log_set_rules(c->verbose > 1 ? "debug" : "info");
	if (rc == 0 && c->log_file) {
		rc = log_to_file(c->log_file);
		if (rc < 0)
			return error_set(err, rc, "--log-file %s cannot be written: %s",
					 c->log_file, strerror(-rc));
	}
	if (rc == 0 && c->trace_file) {
		/* Found out now, not when the trace has been made. */
		rc = file_save(c->trace_file, "", 0, err);
		if (rc < 0)
			return error_prefix(err, "--trace-file"), rc;
		rc = trace_start(TRACE_RECORDS, time_now_ns, thread_id);
		if (rc < 0)
			return error_set(err, rc, "--trace-file: %s", strerror(-rc));
	}
	return rc;
}

static int write_pid(const char *path, struct error *err)
{
	char text[16];
	/* The main thread has the number of its process (Linux, gettid(2)). */
	int len = snprintf(text, sizeof(text), "%u\n", thread_id());
	int rc = file_save(path, text, (size_t)len, err);

	if (rc < 0)
		error_prefix(err, "--pid-file");
	return rc;
}

static int how_it_ended(const struct run *r)
{
	switch (r->how) {
	case VM_POWERED_OFF: return r->lost ? CODE_ERROR : CODE_OK;
	case VM_RESET_ASKED:
		fprintf(stderr, "oriel: the guest asked for a reset, and --no-reboot is given\n");
		return CODE_RESET;
	case VM_CRASHED:
		fprintf(stderr, "oriel: the guest cannot go on; -v tells more\n");
		return CODE_CRASHED;
	case VM_TEST_DONE:
		fprintf(stderr, "oriel: the guest's test ended with the value %u\n", r->value);
		return (r->value << 1 | 1) & 0xff;
	case VM_QUIT: fprintf(stderr, "oriel: the guest was ended from outside\n"); break;
	}
	return CODE_STOPPED;
}

static void report(const struct vm_config *c, const struct str *stats)
{
	int rc = 0;

	if (stats->len)
		fwrite(stats->at, 1, stats->len, stderr);
	if (c->trace_file)
		rc = trace_dump(c->trace_file);
	if (rc < 0)
		fprintf(stderr, "oriel: warning: --trace-file %s cannot be written: %s\n",
			c->trace_file, strerror(-rc));
}

/* This thread is the main loop's. */
static int run_machine(const struct vm_config *c, struct str *notes, struct error *err)
	unchecked_roles
{
	struct run r = { .how = VM_QUIT };
	struct str stats = { 0 };
	bool has_pid_file = false;
	int rc = loop_create(&r.loop, err);

	if (rc == 0)
		rc = signals_watch(r.loop, on_signal, &r, err);
	if (rc == 0)
		rc = vm_create(&r.vm, c, r.loop, err);
	if (rc == 0 && c->pid_file) {
		rc = write_pid(c->pid_file, err);
		has_pid_file = rc == 0;
	}
	if (rc == 0)
		greet(r.vm, notes);
	/* Who wanted an end while the machine was made wants none that begins to run. */
	if (rc == 0 && !signals_waiting()) {
		rc = vm_start(r.vm, on_end, &r, err);
		if (rc == 0)
			loop_run(r.loop);
		r.lost = vm_lost(r.vm) < 0;
	}
	if (rc == 0 && c->stats)
		vm_stats(r.vm, &stats, c->json);
	vm_destroy(r.vm); /* the terminal is as it was: what follows is printed well */
	loop_destroy(r.loop);
	if (has_pid_file)
		file_remove(c->pid_file);
	if (rc == 0)
		report(c, &stats);
	str_free(&stats);
	return rc < 0 ? cli_fail(err) : how_it_ended(&r);
}

static int dry_run(const struct vm_config *c, const struct str *notes)
{
	struct str out = { 0 };

	say_lines("warning: ", notes);
	config_print(c, &out);
	return cli_print(&out);
}

/* -h and -V count wherever they stand: no option takes its value from a word with a dash. */
static int flag_verb(int argc, const char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "--version") || !strcmp(argv[i], "-V"))
			return cmd_version(0, NULL);
	return -1;
}

int cmd_run(int argc, const char *const *argv)
{
	struct vm_config config;
	struct str notes = { 0 };
	struct error err = { 0 };
	int code;

	if (cli_wants_help(argc, argv))
		return cmd_help(1, (const char *const[]){ "run" });
	code = flag_verb(argc, argv);
	if (code >= 0)
		return code;
	config_init(&config);
	if (cli_firmware_dir())
		config.firmware_dir = xstrdup(cli_firmware_dir());
	if (options_parse(&config, argc, argv, &notes, &err) < 0 ||
	    config_check(&config, &notes, &err) < 0 || set_up_logs(&config, &err) < 0) {
		code = cli_fail(&err);
	} else {
		code = config.dry_run ? dry_run(&config, &notes)
				      : run_machine(&config, &notes, &err);
	}
	str_free(&notes);
	config_finish(&config);
	return code;
}
