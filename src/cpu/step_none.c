/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/step_none.c: cpu/step.h where this build has no CPU of its own. */
#include <errno.h>

#include "cpu/step.h"

int stepper_create(struct stepper **out, const char *model, struct error *err)
{
	return error_set(err, -ENOTSUP, "this build of oriel has no CPU of its own");
}

void stepper_destroy(struct stepper *s)
{
}

void stepper_clear(struct stepper *s)
{
}

int stepper_poke(struct stepper *s, u64 at, u8 val)
{
	return -EFAULT;
}

u8 stepper_peek(struct stepper *s, u64 at)
{
	return 0;
}

int stepper_reset(struct stepper *s, struct cpu_state *out, struct error *err)
{
	return error_set(err, -ENOTSUP, "there is no such processor");
}

int stepper_load(struct stepper *s, const struct cpu_state *in, unsigned flags, struct error *err)
{
	return error_set(err, -ENOTSUP, "there is no such processor");
}

int stepper_save(struct stepper *s, struct cpu_state *out, struct error *err)
{
	return error_set(err, -ENOTSUP, "there is no such processor");
}

void stepper_run(struct stepper *s, unsigned limit, unsigned flags, struct step_result *out)
{
	*out = (struct step_result){ .shutdown = true };
}

void stepper_each_written(struct stepper *s, void (*fn)(void *arg, u64 at, const u8 page[4096]),
			  void *arg)
{
}
