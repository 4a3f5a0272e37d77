/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/time.c: see plat/time.h. */
#include "plat/time.h"

#include <errno.h>
#include <time.h>

u64 time_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NS_PER_S + (u64)ts.tv_nsec;
}

s64 time_wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (s64)ts.tv_sec * (s64)NS_PER_S + ts.tv_nsec;
}

s64 time_zone_offset_s(s64 utc_s)
{
	time_t t = (time_t)utc_s;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return 0;
	return tm.tm_gmtoff;
}

void time_sleep_ns(u64 ns)
{
	struct timespec ts;

	ts.tv_sec = (time_t)MIN(ns / NS_PER_S, (u64)INT32_MAX);
	ts.tv_nsec = (long)(ns % NS_PER_S);
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}
