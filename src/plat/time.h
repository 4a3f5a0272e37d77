/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/time.h: the host's clocks. Devices use core/clock.h instead. */
#pragma once

#include "base/types.h"

u64 time_now_ns(void);             /* monotonic */
s64 time_wall_ns(void);            /* since 1970-01-01 UTC */
s64 time_zone_offset_s(s64 utc_s); /* local time minus UTC at that moment, seconds */
void time_sleep_ns(u64 ns);
