/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/host.c: the host's facts and random bytes of plat/map.h. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "plat/map.h"

u64 host_memory_total(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (u64)pages * (u64)page : 0;
}

unsigned host_cpus(void)
{
	size_t len = CPU_ALLOC_SIZE(8192);
	cpu_set_t *set = CPU_ALLOC(8192);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int n = 0;

	/* Those that we may run on: containers and taskset narrow them. */
	if (set && !sched_getaffinity(0, len, set))
		n = CPU_COUNT_S(len, set);
	CPU_FREE(set);
	if (n <= 0)
		n = online > 0 ? (int)online : 1;
	return (unsigned)n;
}

u64 process_peak_rss(void)
{
	struct rusage r;

	return getrusage(RUSAGE_SELF, &r) ? 0 : KIB(r.ru_maxrss);
}

u64 process_rss_but(bool (*skip)(void *arg, const void *at), void *arg)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long from, to, kib;
	bool counts = false;
	char line[512];
	u64 sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		/* "7f0c2a000000-7f0c2a021000 rw-p ..." begins a mapping: proc(5). */
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
			counts = !skip(arg, (const void *)(uintptr_t)from);
		else if (counts && sscanf(line, "Rss: %llu kB", &kib) == 1)
			sum += KIB(kib);
	}
	if (f)
		fclose(f);
	return sum;
}

int random_bytes(void *buf, size_t len)
{
	u8 *at = buf;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}
