/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/memory.c: the stream of char/char.h that lives in memory, for tests. */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "char/char_priv.h"

static void memory_output(struct chr *c)
{
}

static const struct chr_ops memory_ops = {
	.output = memory_output,
};

struct chr *chr_create_memory(void)
{
	struct chr *c = chr_new(NULL);

	c->ops = &memory_ops;
	c->description = xstrdup("memory");
	return c;
}

size_t chr_memory_take(struct chr *c, void *buf, size_t len)
{
	size_t taken = 0, n;
	const u8 *at;

	while (taken < len && (n = chr_out_peek(c, &at))) {
		n = MIN(n, len - taken);
		memcpy((u8 *)buf + taken, at, n);
		chr_out_done(c, n);
		taken += n;
	}
	return taken;
}

void chr_memory_feed(struct chr *c, const void *buf, size_t len)
{
	/* A test may feed any amount: the stage grows. */
	if (len > chr_stage_room(c)) {
		size_t cap = c->stage_len + len + 1;
		u8 *bigger = xcalloc(cap, 1);

		memcpy(bigger, c->stage, c->stage_len);
		free(c->stage);
		c->stage = bigger;
		c->stage_cap = cap;
	}
	chr_input(c, buf, len);
}
