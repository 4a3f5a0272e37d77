/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/code.c: see plat/code.h. A section of the paging file, mapped twice. */
#include "plat/code.h"

#include <errno.h>

#include "plat/win32/win_priv.h"

static int refused(struct code_map *m, const char *name, struct error *err)
{
	int rc = win_error(err, "%s: the host refuses memory for machine code", name);

	code_map_destroy(m);
	return rc;
}

int code_map_create(struct code_map *out, size_t size, const char *name, struct error *err)
{
	struct code_map m = { .size = size };
	HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL,
					    PAGE_EXECUTE_READWRITE | SEC_COMMIT,
					    (DWORD)((u64)size >> 32), (DWORD)size, NULL);

	if (!section)
		return refused(&m, name, err);
	m.handle = (os_handle)section;
	m.write = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
	if (!m.write)
		return refused(&m, name, err);
	m.exec = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0);
	if (!m.exec)
		return refused(&m, name, err);
	*out = m;
	return 0;
}

void code_map_destroy(struct code_map *m)
{
	if (m->write)
		UnmapViewOfFile(m->write);
	if (m->exec)
		UnmapViewOfFile((void *)(uintptr_t)m->exec);
	if (m->handle)
		CloseHandle((HANDLE)m->handle);
	*m = (struct code_map){ 0 };
}
