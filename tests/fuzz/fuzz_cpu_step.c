/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON states for "oriel cpu-step": whatever they say, a processor's state comes of it, or none. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cpu_step.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct cpu_state *state = calloc(1, sizeof(*state));
	struct step_case *c = calloc(1, sizeof(*c));
	char *text = malloc(len ? len : 1); /* so that its end is known */
	struct str out = { 0 };
	struct json j;

	if (!state || !c || !text)
		abort();
	if (len)
		memcpy(text, data, len);
	json_begin(&j, text, len);
	while (json_peek(&j) != JSON_END) {
		step_case_read(c, &j);
		if (j.wrong)
			break;
		step_apply(state, &c->in, step_mode(&c->in));
		assert(state->rflags & 2);
		step_print(&out, state, state, &c->in, step_mode(&c->in));
		out.len = 0;
	}
	assert(j.at >= j.begin && j.at <= j.end);
	str_free(&out);
	step_case_free(c);
	free(text);
	free(c);
	free(state);
	return 0;
}
