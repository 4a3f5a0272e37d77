/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/stats.h: machine-wide counters, one line each in core/stats.def. Any thread. */
#pragma once

#include "base/types.h"

#define STAT(name, text) STAT_##name,
enum stat {
#include "core/stats.def"
	N_STATS
};
#undef STAT

struct machine;
extern const char *const stat_names[N_STATS];

/* Add @n to a counter, and read one; relaxed atomics. */
void stat_add(struct machine *m, enum stat s, u64 n);
u64 stat_get(struct machine *m, enum stat s);
