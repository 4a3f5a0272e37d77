/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/doctor.c: what this host offers: backends (tried, not guessed), firmware, memory, tools. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cpu/accel.h"
#include "plat/file.h"
#include "plat/map.h"
#include "vm/firmware.h"

enum { TOOLS = 3 };

static const struct {
	const char *name, *use;
} tools[TOOLS] = {
	{ "qemu-img", "makes and converts disk images" },
	{ "socat", "connects to --serial socket=PATH" },
	{ "taskset", "chooses the host CPUs of a guest" },
};

struct findings {
	bool backend; /* at least one works */
	char *code, *vars, *bios;
	u64 memory;
	unsigned cpus;
	bool tool[TOOLS];
};

static bool in_path(const char *tool)
{
	const char *at = getenv("PATH");
	const char *separator = at && strchr(at, ';') ? ";" : ":"; /* Windows has ; */

	while (at && *at) {
		size_t len = strcspn(at, separator);
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, at, tool);
		AUTO_FREE char *exe = xasprintf("%s.exe", path);

		if (file_exists(path) || file_exists(exe))
			return true;
		at += len + (at[len] != '\0');
	}
	return false;
}

static void find(struct findings *f)
{
	char *none;

	firmware_find(FW_UEFI, cli_firmware_dir(), &f->code, &f->vars);
	firmware_find(FW_BIOS, cli_firmware_dir(), &f->bios, &none);
	free(none);
	f->memory = host_memory_total();
	f->cpus = host_cpus();
	for (unsigned i = 0; i < TOOLS; i++)
		f->tool[i] = in_path(tools[i].name);
}

static void row(struct str *out, const char *mark, const char *name, const char *text)
{
	str_add(out, "  %-4s %-12s %s\n", mark, name, text);
}

static bool add_backends(struct str *out, bool json)
{
	bool any = false;

	if (!json && !accel_classes[0])
		row(out, "no", "none", "this program was built without any backend");
	for (unsigned i = 0; accel_classes[i]; i++) {
		struct accel_info info = { 0 };
		struct error err = { 0 };
		bool good = accel_classes[i]->probe(&info, &err) == 0;

		any |= good;
		if (!json) {
			row(out, good ? "ok" : "no", accel_classes[i]->name,
			    good ? info.detail : err.msg);
			continue;
		}
		str_add(out, "%s{\"name\":", i ? "," : "");
		str_add_json(out, accel_classes[i]->name);
		str_add(out, ",\"usable\":%s,\"detail\":", good ? "true" : "false");
		str_add_json(out, good ? info.detail : err.msg);
		str_add(out, ",\"hyperv\":%s,\"smm\":%s,\"max_vcpus\":%u}",
			info.hyperv ? "true" : "false", info.smm ? "true" : "false",
			info.max_vcpus);
	}
	return any;
}

static void add_table(struct str *out, struct findings *f)
{
	char text[64], size[16];

	str_add(out, "What can run a guest (oriel takes the first that works)\n");
	f->backend = add_backends(out, false);
	str_add(out, "\nFirmware\n");
	row(out, f->code ? "ok" : "no", "UEFI", f->code ? f->code : firmware_advice);
	if (f->vars)
		row(out, "ok", "variables", f->vars);
	row(out, f->bios ? "ok" : "-", "BIOS",
	    f->bios ? f->bios : "none; Debian's package is seabios; Windows does not need it");
	str_add(out, "\nHost\n");
	snprintf(text, sizeof(text), "%u", f->cpus);
	row(out, "ok", "CPUs", text);
	snprintf(text, sizeof(text), "%s%s", format_size(size, sizeof(size), f->memory),
		 f->memory < GIB(4) ? "; Windows 11 wants 4 GiB for itself" : "");
	row(out, f->memory < GIB(4) ? "-" : "ok", "memory", text);
	str_add(out, "\nTools that help (none is needed)\n");
	for (unsigned i = 0; i < TOOLS; i++)
		row(out, f->tool[i] ? "ok" : "-", tools[i].name, tools[i].use);
	str_add(out, "\n%s\n",
		!f->backend ? "This host cannot run a guest: see the reasons above."
		: !f->code  ? "There is no UEFI firmware: see the advice above."
			    : "This host can run guests.");
}

static void add_path(struct str *out, const char *name, const char *path)
{
	str_add(out, "\"%s\":", name);
	if (path)
		str_add_json(out, path);
	else
		str_add(out, "null");
}

static void add_json(struct str *out, struct findings *f)
{
	str_add(out, "{\"version\":\"" ORIEL_VERSION "\",\"backends\":[");
	f->backend = add_backends(out, true);
	str_add(out, "],\"firmware\":{");
	add_path(out, "uefi", f->code);
	str_add(out, ",");
	add_path(out, "variables", f->vars);
	str_add(out, ",");
	add_path(out, "bios", f->bios);
	str_add(out, "},\"cpus\":%u,\"memory\":%llu,\"tools\":{", f->cpus,
		(unsigned long long)f->memory);
	for (unsigned i = 0; i < TOOLS; i++)
		str_add(out, "%s\"%s\":%s", i ? "," : "", tools[i].name,
			f->tool[i] ? "true" : "false");
	str_add(out, "},\"ok\":%s}\n", f->backend && f->code ? "true" : "false");
}

int cmd_doctor(int argc, const char *const *argv)
{
	bool json = argc == 1 && !strcmp(argv[0], "--json");
	struct findings f = { 0 };
	struct str out = { 0 };
	struct error err;
	int code;

	if (argc > 1 || (argc == 1 && !json)) {
		error_set(&err, -EINVAL, "doctor takes --json or nothing, not \"%s\"",
			  argv[argc - 1]);
		return cli_fail(&err);
	}
	find(&f);
	if (json)
		add_json(&out, &f);
	else
		add_table(&out, &f);
	code = cli_print(&out);
	free(f.code);
	free(f.vars);
	free(f.bios);
	return f.backend && f.code ? code : CODE_ERROR;
}
