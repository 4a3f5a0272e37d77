/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/posix/map.c: see plat/map.h. A sealed memfd, mapped shared (Linux memfd_create(2), mmap(2),
 * madvise(2)).
 */
#include "plat/map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"
#include "plat/posix/fd_priv.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* A number of /proc/meminfo, or 0. */
static u64 meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	u64 found = 0;

	while (f && fgets(line, sizeof(line), f)) {
		size_t n = strlen(name);

		if (!strncmp(line, name, n) && line[n] == ':') {
			found = strtoull(line + n + 1, NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static int huge_error(const char *name, u64 size, int code, struct error *err)
{
	u64 page = KIB(meminfo("Hugepagesize")), unreserved = meminfo("HugePages_Free");
	u64 need, total = meminfo("HugePages_Total");
	char page_text[16], size_text[16];

	if (!page)
		return error_set(err, code, "%s: this host has no huge pages; do not ask for them",
				 name);
	need = (size + page - 1) / page;
	unreserved -= MIN(unreserved, meminfo("HugePages_Rsvd"));
	format_size(page_text, sizeof(page_text), page);
	format_size(size_text, sizeof(size_text), size);
	if (size % page)
		return error_set(err, -EINVAL, "%s: %s is not a multiple of the huge page of %s",
				 name, size_text, page_text);
	return error_set(err, code,
			 "%s: %s need %llu huge pages of %s, %llu are free (%s); reserve them with "
			 "sysctl vm.nr_hugepages=%llu",
			 name, size_text, (unsigned long long)need, page_text,
			 (unsigned long long)unreserved, strerror(-code),
			 (unsigned long long)(total - MIN(unreserved, total) + need));
}

static int map_error(const char *name, u64 size, unsigned flags, int code, struct error *err)
{
	char text[16];

	if (flags & MAP_HUGE)
		return huge_error(name, size, code, err);
	return error_set(err, code, "%s: the host refuses %s of memory: %s", name,
			 format_size(text, sizeof(text), size), strerror(-code));
}

/* Touch every page, so that a host without the memory says so now. */
static int prefault(struct map *m)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!madvise(m->at, m->size, MADV_POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	for (u64 at = 0; at < m->size; at += page)
		((volatile u8 *)m->at)[at] = 0;
	return 0;
}

int map_create(struct map *out, u64 size, unsigned flags, const char *name, struct error *err)
{
	unsigned fd_flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int map_flags = MAP_SHARED, fd, rc;
	struct map m = { .size = size };

	if (flags & MAP_HUGE)
		fd_flags |= MFD_HUGETLB;
	else
		map_flags |= MAP_NORESERVE; /* huge pages are reserved, lest a touch kills us */
	if (!size || size > (u64)INT64_MAX)
		return error_set(err, -EINVAL, "%s: no memory of that size", name);
	fd = fd_above_std(memfd_create(name, fd_flags));
	if (fd < 0)
		return map_error(name, size, flags, -errno, err);
	m.at = MAP_FAILED;
	rc = ftruncate(fd, (off_t)size) ? -errno : 0;
	/* A process that the memory is shared with cannot pull it from under us. */
	if (!rc && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rc = -errno;
	if (!rc) {
		m.at = mmap(NULL, size, PROT_READ | PROT_WRITE, map_flags, fd, 0);
		rc = m.at == MAP_FAILED ? -errno : 0;
	}
	m.handle = fd;
	if (!rc) {
		/* Advice: a host that does not know it loses nothing. */
		madvise(m.at, size, MADV_DONTDUMP);
		if (!(flags & (MAP_HUGE | MAP_NO_THP)))
			madvise(m.at, size, MADV_HUGEPAGE);
		if (flags & MAP_MERGE)
			madvise(m.at, size, MADV_MERGEABLE);
		if (flags & MAP_PREFAULT)
			rc = prefault(&m);
	}
	if (rc) {
		if (m.at == MAP_FAILED)
			m.at = NULL;
		map_destroy(&m);
		return map_error(name, size, flags, rc, err);
	}
	*out = m;
	return 0;
}

void map_destroy(struct map *m)
{
	if (m->at)
		munmap(m->at, m->size);
	if (m->handle > 0)
		close((int)m->handle);
	*m = (struct map){ 0 };
}

int map_discard(struct map *m, u64 off, u64 len)
{
	if (len > m->size || off > m->size - len)
		return -EINVAL;
	if (!len)
		return 0;
	if (fallocate((int)m->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
		      (off_t)len))
		return -errno;
	return 0;
}
