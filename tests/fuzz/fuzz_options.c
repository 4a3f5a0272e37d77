/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines, their words separated by NUL bytes, down to the checked configuration. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/options.h"
#include "vm/config.h"

enum { WORDS = 40, INPUT_MAX = 16384 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

/* A refusal says why in a message that fits; what passes can be printed. */
static void run(int argc, const char *const *argv)
{
	struct vm_config c;
	struct str notes = { 0 }, out = { 0 };
	struct error err = { 0 };
	int rc;

	config_init(&c);
	rc = options_parse(&c, argc, argv, &notes, &err);
	if (rc == 0)
		rc = config_check(&c, &notes, &err);
	if (rc > 0 || (rc < 0 && (err.code != rc || !*err.msg)))
		abort();
	if (rc == 0)
		config_print(&c, &out);
	if (notes.len && notes.at[notes.len - 1] != '\n')
		abort();
	str_free(&notes);
	str_free(&out);
	config_finish(&c);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	const char *argv[WORDS];
	char *copy;
	int argc = 0;

	if (len > INPUT_MAX)
		return 0;
	copy = xcalloc(len + 1, 1);
	if (len)
		memcpy(copy, data, len);
	for (size_t at = 0; at < len && argc < WORDS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	run(argc, argv);
	free(copy);
	return 0;
}
