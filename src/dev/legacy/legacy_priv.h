/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dev/legacy/legacy_priv.h: machine time as clock ticks of a chip that runs at @hz. */
#pragma once

#include "base/types.h"

/* Ticks that have passed at @ns. Exact for any @ns while @hz is below 2^34. */
static inline u64 ticks_at(u64 ns, u32 hz)
{
	return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

/* The first nanosecond at which @tick ticks have passed. */
static inline u64 tick_ns(u64 tick, u32 hz)
{
	return tick / hz * NS_PER_S + (tick % hz * NS_PER_S + hz - 1) / hz;
}
