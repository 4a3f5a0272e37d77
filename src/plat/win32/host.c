/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/host.c: the host's facts and random bytes of plat/map.h. */
#include <errno.h>

#include "plat/map.h"
#include "plat/win32/win_priv.h"

#include <bcrypt.h>
#include <psapi.h>

u64 host_memory_total(void)
{
	MEMORYSTATUSEX m = { .dwLength = sizeof(m) };

	return GlobalMemoryStatusEx(&m) ? m.ullTotalPhys : 0;
}

unsigned host_cpus(void)
{
	DWORD n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);

	return n ? n : 1;
}

u64 process_peak_rss(void)
{
	PROCESS_MEMORY_COUNTERS c = { .cb = sizeof(c) };

	return K32GetProcessMemoryInfo(GetCurrentProcess(), &c, sizeof(c)) ? c.PeakWorkingSetSize
									   : 0;
}

/* One working set; telling its pages apart would take a call for each. */
u64 process_rss_but(bool (*skip)(void *arg, const void *at), void *arg)
{
	return 0;
}

int random_bytes(void *buf, size_t len)
{
	u8 *at = buf;

	while (len) {
		ULONG n = (ULONG)MIN(len, MIB(64));

		if (BCryptGenRandom(NULL, at, n, BCRYPT_USE_SYSTEM_PREFERRED_RNG))
			return -EIO;
		at += n;
		len -= n;
	}
	return 0;
}
