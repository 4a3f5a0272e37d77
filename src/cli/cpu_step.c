/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/cpu_step.c: the verb "cpu-step": single instructions of oriel's own CPU, states as JSON. */
#include "cli/cpu_step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "plat/file.h"
#include "plat/gunzip.h"

#define FILE_LIMIT ((size_t)1 << 30)
enum { SHOWN = 10 }; /* cases that differ, of each file */

struct arguments {
	struct step_options options;
	bool check;
	const char *model;
	const char *file[256];
	unsigned files;
};

static int load_stdin(u8 **out, size_t *len, struct error *err)
{
	struct str all = { 0 };
	char part[1 << 14];
	size_t got;

	while ((got = fread(part, 1, sizeof(part), stdin)) > 0) {
		str_add_bytes(&all, part, got);
		if (all.len > FILE_LIMIT) {
			str_free(&all);
			return error_set(err, -EFBIG, "standard input is too long");
		}
	}
	*out = (u8 *)all.at;
	*len = all.len;
	return 0;
}

/* "-" is standard input. The caller frees *out. */
static int load(u8 **out, size_t *len, const char *path, struct error *err)
{
	u8 *packed;
	size_t n;
	int rc = strcmp(path, "-") == 0 ? load_stdin(&packed, &n, err)
					: file_load(&packed, &n, path, FILE_LIMIT, err);

	if (rc < 0)
		return rc;
	if (!is_gzip(packed, n)) {
		*out = packed;
		*len = n;
		return 0;
	}
	rc = gunzip(out, len, packed, n, FILE_LIMIT, err);
	free(packed);
	if (rc < 0)
		error_prefix(err, "%s", path);
	return rc;
}

static int parse_mask(u64 *out, const char *text, struct error *err)
{
	if (text && parse_u64(out, text) == 0)
		return 0;
	return error_set(err, -EINVAL, "--flags-mask wants a number, for example 0x8d5");
}

static int parse_arguments(struct arguments *a, int argc, const char *const *argv,
			   struct error *err)
{
	*a = (struct arguments){ .options.flags_mask = ~0ull };
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(arg, "--check"))
			a->check = true;
		else if (!strcmp(arg, "--halt"))
			a->options.halt = true;
		else if (!strcmp(arg, "--strict"))
			a->options.strict = true;
		else if (!strcmp(arg, "--model") && value)
			a->model = argv[++i];
		else if (!strcmp(arg, "--flags-mask")) {
			if (parse_mask(&a->options.flags_mask, value, err) < 0)
				return -EINVAL;
			i++;
		} else if (arg[0] == '-' && arg[1])
			return error_set(err, -EINVAL,
					 "cpu-step has no %s (or it lacks a value); oriel help "
					 "cpu-step",
					 arg);
		else if (a->files == ARRAY_LEN(a->file))
			return error_set(err, -E2BIG, "cpu-step takes at most %zu files",
					 ARRAY_LEN(a->file));
		else
			a->file[a->files++] = arg;
	}
	if (!a->files)
		return error_set(err, -EINVAL,
				 "cpu-step wants a file of JSON states, or - for standard input");
	return 0;
}

struct counts {
	unsigned cases, differ;
};

/* Print the state that follows, or what is not as the case wants it. */
static void show(struct counts *n, struct step_run *r, const struct step_case *c,
		 const struct arguments *a, const char *path)
{
	struct step_options o = a->options;
	struct str out = { 0 };

	if (!a->check) {
		step_run_print(&out, r, c);
		fwrite(out.at, 1, out.len, stdout);
	} else if (c->has_want && step_compare(&out, r, c, &o)) {
		n->differ++;
		if (n->differ <= SHOWN)
			printf("%s: case %u, %s:\n%s", path, n->cases, c->name, out.at);
	}
	str_free(&out);
}

static int run_text(struct counts *n, struct step_run *r, const struct arguments *a,
		    const char *path, struct json *j, struct error *err)
{
	struct step_case *c = xnew(struct step_case);
	bool array = json_peek(j) == JSON_ARRAY && json_array(j);
	int rc = 0;

	while (rc == 0 && (array ? json_item(j) : json_peek(j) != JSON_END)) {
		struct step_options o = a->options;

		step_case_read(c, j);
		if (j->wrong)
			break;
		n->cases++;
		/* A suite that ends its vectors with HLT says so in their bytes. */
		o.halt |= a->check && c->ends_in_halt && c->in.size[N_IP] == 4;
		rc = step_run_case(r, c, &o, err);
		if (rc == 0)
			show(n, r, c, a, path);
		else
			error_prefix(err, "%s: case %u", path, n->cases);
	}
	if (rc == 0 && j->wrong)
		rc = error_set(err, -EINVAL, "%s: line %u: %s", path, json_line(j), j->wrong);
	step_case_free(c);
	free(c);
	return rc;
}

static int run_file(struct counts *n, struct step_run *r, const struct arguments *a,
		    const char *path, struct error *err)
{
	u8 *bytes = NULL;
	struct json j;
	size_t len;
	int rc = load(&bytes, &len, path, err);

	if (rc < 0)
		return rc;
	json_begin(&j, (const char *)bytes, len);
	rc = run_text(n, r, a, path, &j, err);
	free(bytes);
	if (rc == 0 && a->check)
		printf("%s: %u cases, %u differ\n", path, n->cases, n->differ);
	return rc;
}

int cmd_cpu_step(int argc, const char *const *argv)
{
	struct step_run *r = xnew(struct step_run);
	struct arguments a;
	struct error err = { 0 };
	bool differ = false;
	int rc = parse_arguments(&a, argc, argv, &err);

	if (rc == 0)
		rc = stepper_create(&r->cpu, a.model, &err);
	if (rc == 0)
		rc = stepper_reset(r->cpu, &r->reset, &err);
	for (unsigned i = 0; i < a.files && rc == 0; i++) {
		struct counts n = { 0 };

		rc = run_file(&n, r, &a, a.file[i], &err);
		differ |= n.differ;
	}
	stepper_destroy(r->cpu);
	free(r->changed.at);
	free(r);
	if (fflush(stdout) != 0 && rc == 0)
		rc = error_set(&err, -EIO, "standard output: %s", strerror(errno));
	return rc < 0 ? cli_fail(&err) : differ ? CODE_ERROR : CODE_OK;
}
