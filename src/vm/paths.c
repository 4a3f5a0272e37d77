/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm/paths.c: no file serves two ends. A log on top of a disk, or two disks in one image, would
 * destroy what is in it; links and other spellings of a path are seen through.
 */
#include <errno.h>
#include <string.h>

#include "plat/file.h"
#include "vm/config.h"

struct use {
	const char *option, *path;
	bool keeps;  /* what it holds must stay: a disk, firmware, variables, a kernel */
	bool writes; /* this use changes it */
};

struct uses {
	struct use at[CONFIG_DISKS + 16];
	unsigned n;
};

static void add(struct uses *u, const char *option, const char *path, bool keeps, bool writes)
{
	if (path && *path)
		u->at[u->n++] = (struct use){ option, path, keeps, writes };
}

static void add_chr(struct uses *u, const char *option, const struct char_options *c)
{
	if (c->kind == CHR_FILE || c->kind == CHR_SOCKET)
		add(u, option, c->path, false, true);
}

static void collect(struct uses *u, const struct vm_config *c)
{
	add(u, "--firmware", c->firmware, true, false);
	add(u, "--kernel", c->kernel, true, false);
	add(u, "--initramfs", c->initramfs, true, false);
	add(u, "--nvram", c->nvram, true, true);
	for (unsigned i = 0; i < c->disks; i++)
		add(u, "--disk", c->disk[i].path, true, !c->disk[i].readonly);
	add_chr(u, "--serial", &c->serial);
	add_chr(u, "--serial2", &c->serial2);
	add_chr(u, "--debug-console", &c->debugcon);
	add(u, "--log-file", c->log_file, false, true);
	add(u, "--trace-file", c->trace_file, false, true);
	add(u, "--pid-file", c->pid_file, false, true);
}

static int refuse(const struct use *a, const struct use *b, struct error *err)
{
	bool same_text = !strcmp(a->path, b->path);

	if (!strcmp(a->option, b->option) && same_text)
		return error_set(err, -EEXIST,
				 "--disk path=%s is given twice; two disks in one image would "
				 "destroy it",
				 a->path);
	if (!strcmp(a->option, b->option))
		return error_set(err, -EEXIST,
				 "--disk: %s and %s are one file; two disks in one image would "
				 "destroy it",
				 a->path, b->path);
	if (same_text)
		return error_set(err, -EEXIST,
				 "%s and %s both use %s; give one of them another file", a->option,
				 b->option, a->path);
	return error_set(err, -EEXIST, "%s %s and %s %s are one file; give one of them another",
			 a->option, a->path, b->option, b->path);
}

/* Messages and consoles may both go to /dev/null, or to a file that stdout was led to. */
static bool same_output(const char *a, const char *b)
{
	return !strcmp(a, b) && strncmp(a, "/dev/", 5) != 0;
}

int config_check_paths(const struct vm_config *c, struct error *err)
{
	struct uses u = { .n = 0 };

	collect(&u, c);
	for (unsigned j = 1; j < u.n; j++)
		for (unsigned i = 0; i < j; i++) {
			const struct use *a = &u.at[i], *b = &u.at[j];

			if (!a->writes && !b->writes)
				continue;
			if (a->keeps || b->keeps ? file_same(a->path, b->path)
						 : same_output(a->path, b->path))
				return refuse(a, b, err);
		}
	return 0;
}
