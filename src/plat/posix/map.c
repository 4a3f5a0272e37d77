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

enum { HUGE = 2 << 20 }; /* of x86; other huge pages are larger */

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
	return error_set(err, code,
			 "%s: the host refuses %s of memory: %s; ask for less, or raise its limits "
			 "(ulimit -v, the cgroup's, vm.overcommit_memory)",
			 name, format_size(text, sizeof(text), size), strerror(-code));
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

/* A memfd of @size bytes that a process it is shared with cannot pull from under us. */
static int open_shared(u64 size, unsigned flags, const char *name)
{
	unsigned fd_flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = fd_above_std(
		memfd_create(name, flags & MAP_HUGE ? fd_flags | MFD_HUGETLB : fd_flags));

	if (fd >= 0 && (ftruncate(fd, (off_t)size) ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd < 0 ? -errno : fd;
}

static u64 page_size(unsigned flags)
{
	return flags & MAP_HUGE ? KIB(meminfo("Hugepagesize")) : (u64)sysconf(_SC_PAGESIZE);
}

/*
 * Address space of @size bytes that begins where a huge page may (a guest's huge page must begin
 * where the host's does), with a page after it that nobody may touch: what runs over the end is
 * found out, and the kernel makes no one mapping of ours and a neighbour's, so that /proc tells
 * which pages are whose.
 */
static u8 *reserve(u64 size, u64 page)
{
	u64 align = size < HUGE ? page : MAX(page, (u64)HUGE), whole = size + align + page;
	u8 *at = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *start = (u8 *)ALIGN_UP((uintptr_t)at, (uintptr_t)align);

	if (at == MAP_FAILED)
		return MAP_FAILED;
	if (start > at)
		munmap(at, (size_t)(start - at));
	munmap(start + size + page, (size_t)(at + align - start));
	return start;
}

/* Advice: a host that does not know it loses nothing. */
static int advise(struct map *m, unsigned flags)
{
	madvise(m->at, m->size, MADV_DONTDUMP);
	if (!(flags & (MAP_HUGE | MAP_NO_THP)))
		madvise(m->at, m->size, MADV_HUGEPAGE);
	if (flags & MAP_MERGE)
		madvise(m->at, m->size, MADV_MERGEABLE);
	return flags & MAP_PREFAULT ? prefault(m) : 0;
}

/* Taking more than there is would not fail: the kernel would end a process, ours or another. */
static int check_room(const char *name, u64 size, unsigned flags, struct error *err)
{
	u64 room = KIB(meminfo("MemAvailable"));
	char size_text[16], room_text[16];

	if (!(flags & MAP_PREFAULT) || flags & MAP_HUGE || !room || size <= room)
		return 0;
	return error_set(err, -ENOMEM,
			 "%s: %s cannot be taken at once, the host has %s left; ask for less, or "
			 "let it be taken as it is used",
			 name, format_size(size_text, sizeof(size_text), size),
			 format_size(room_text, sizeof(room_text), room));
}

/*
 * Private memory unless it is to be shared: hosts give transparent huge pages to it and, as they
 * are set up, not to shared memory (shmem_enabled is "never"), and merge equal pages of it only.
 */
int map_create(struct map *out, u64 size, unsigned flags, const char *name, struct error *err)
{
	int map_flags = MAP_PRIVATE | MAP_ANONYMOUS, fd = -1, rc = 0;
	u64 page = page_size(flags);
	struct map m = { .size = size };

	if (!size || size > (u64)INT64_MAX / 2)
		return error_set(err, -EINVAL, "%s: no memory of that size", name);
	if (flags & MAP_HUGE && (!page || size % page))
		return huge_error(name, size, -EINVAL, err);
	if (check_room(name, size, flags, err) < 0)
		return -ENOMEM;
	if (flags & MAP_SHARE) {
		map_flags = MAP_SHARED;
		fd = open_shared(size, flags, name);
		if (fd < 0)
			return map_error(name, size, flags, fd, err);
		m.handle = fd;
	} else if (flags & MAP_HUGE) {
		map_flags |= MAP_HUGETLB;
	}
	if (!(flags & MAP_HUGE)) /* huge pages are reserved, lest a touch kills us */
		map_flags |= MAP_NORESERVE;
	m.span = ALIGN_UP(size, page) + page;
	m.at = reserve(ALIGN_UP(size, page), page);
	if (m.at == MAP_FAILED) {
		rc = -errno;
		m.at = NULL;
	} else if (mmap(m.at, size, PROT_READ | PROT_WRITE, map_flags | MAP_FIXED, fd, 0) ==
		   MAP_FAILED) {
		rc = -errno;
	} else {
		rc = advise(&m, flags);
	}
	if (rc) {
		map_destroy(&m);
		return map_error(name, size, flags, rc, err);
	}
	*out = m;
	return 0;
}

void map_destroy(struct map *m)
{
	if (m->at)
		munmap(m->at, m->span);
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
	/* Private pages are dropped; of shared ones the memfd holds the content. */
	if (!m->handle)
		return madvise((u8 *)m->at + off, len, MADV_DONTNEED) ? -errno : 0;
	if (fallocate((int)m->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
		      (off_t)len))
		return -errno;
	return 0;
}
