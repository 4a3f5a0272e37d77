/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/win32/map.c: see plat/map.h. A section of the paging file: counted against the commit limit
 * when made, given real pages when touched.
 */
#include "plat/map.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "plat/win32/win_priv.h"

static int map_error(const char *name, u64 size, unsigned flags, struct error *err)
{
	const char *advice = "; close programs or enlarge the paging file";
	char text[16];

	format_size(text, sizeof(text), size);
	if (flags & MAP_HUGE)
		advice = "; huge pages need the right \"Lock pages in memory\" and free memory";
	return win_error(err, "%s: the host refuses %s of memory%s", name, text, advice);
}

/* Large pages are for accounts with the right; holding it is not yet having it switched on. */
static void enable_large_pages(void)
{
	TOKEN_PRIVILEGES p = { .PrivilegeCount = 1 };
	HANDLE token;

	if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token))
		return;
	p.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
	if (LookupPrivilegeValueA(NULL, "SeLockMemoryPrivilege", &p.Privileges[0].Luid))
		AdjustTokenPrivileges(token, FALSE, &p, 0, NULL, NULL);
	CloseHandle(token);
}

int map_create(struct map *out, u64 size, unsigned flags, const char *name, struct error *err)
{
	DWORD protect = PAGE_READWRITE | SEC_COMMIT, access = FILE_MAP_ALL_ACCESS;
	struct map m = { .size = size };
	HANDLE section;

	if (!size || size > (u64)INT64_MAX)
		return error_set(err, -EINVAL, "%s: no memory of that size", name);
	if (flags & MAP_HUGE) {
		u64 page = GetLargePageMinimum();

		if (!page || size % page)
			return error_set(err, -EINVAL,
					 "%s: not a multiple of this host's huge pages", name);
		enable_large_pages();
		protect |= SEC_LARGE_PAGES;
		access |= FILE_MAP_LARGE_PAGES;
	}
	section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, protect, (DWORD)(size >> 32),
				     (DWORD)size, NULL);
	if (!section)
		return map_error(name, size, flags, err);
	m.handle = (os_handle)section;
	m.at = MapViewOfFile(section, access, 0, 0, 0);
	if (!m.at) {
		int rc = map_error(name, size, flags, err);

		map_destroy(&m);
		return rc;
	}
	if (flags & MAP_PREFAULT)
		for (u64 at = 0; at < size; at += 4096)
			((volatile u8 *)m.at)[at] = 0;
	*out = m;
	return 0;
}

void map_destroy(struct map *m)
{
	if (m->at)
		UnmapViewOfFile(m->at);
	if (m->handle)
		CloseHandle((HANDLE)m->handle);
	*m = (struct map){ 0 };
}

int map_discard(struct map *m, u64 off, u64 len)
{
	if (len > m->size || off > m->size - len)
		return -EINVAL;
	/* Pages of a section cannot be given back one by one; as zeroes they may be paged out. */
	memset((u8 *)m->at + off, 0, len);
	return 0;
}
