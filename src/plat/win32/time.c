/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/time.c: see plat/time.h. */
#include "plat/time.h"

#include "plat/win32/win_priv.h"

/* 1601-01-01 to 1970-01-01 in 100 ns: FILETIME counts from the former. */
#define EPOCH_1970 116444736000000000ull

static u64 from_filetime(const FILETIME *ft)
{
	return ((u64)ft->dwHighDateTime << 32) + ft->dwLowDateTime;
}

u64 time_now_ns(void)
{
	LARGE_INTEGER now, hz;

	QueryPerformanceCounter(&now);
	QueryPerformanceFrequency(&hz);
	return (u64)((unsigned __int128)now.QuadPart * NS_PER_S / (u64)hz.QuadPart);
}

s64 time_wall_ns(void)
{
	FILETIME ft;

	GetSystemTimePreciseAsFileTime(&ft);
	return ((s64)from_filetime(&ft) - (s64)EPOCH_1970) * 100;
}

s64 time_zone_offset_s(s64 utc_s)
{
	u64 t = (u64)utc_s * 10000000 + EPOCH_1970;
	FILETIME ft = { (DWORD)t, (DWORD)(t >> 32) };
	SYSTEMTIME utc, local;
	FILETIME there;

	if (!FileTimeToSystemTime(&ft, &utc) ||
	    !SystemTimeToTzSpecificLocalTime(NULL, &utc, &local) ||
	    !SystemTimeToFileTime(&local, &there))
		return 0;
	/* SYSTEMTIME has milliseconds: whole seconds stay whole. */
	return ((s64)from_filetime(&there) - (s64)t) / 10000000;
}

void time_sleep_ns(u64 ns)
{
	HANDLE timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
					      TIMER_ALL_ACCESS);
	LARGE_INTEGER due = { .QuadPart = -(s64)MIN(ns / 100 + 1, (u64)INT64_MAX) };

	/* Windows before 10 1803 has no such timers, only its tick of up to 16 ms. */
	if (timer && SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE))
		WaitForSingleObject(timer, INFINITE);
	else
		Sleep((DWORD)MIN(ns / NS_PER_MS + 1, (u64)INFINITE - 1));
	if (timer)
		CloseHandle(timer);
}
