/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own CPU has not all of its parts yet: there is nothing to compare with. */
#include "native.h"

int ours_create(struct ours **out, const struct forms *f)
{
	*out = NULL;
	fprintf(stderr, "fuzz-cpu: our own CPU cannot run yet; use --self\n");
	return -1;
}

void ours_destroy(struct ours *o)
{
}

void ours_run(struct ours *o, const struct ncase *c, struct result *out, enum engine e)
{
}
