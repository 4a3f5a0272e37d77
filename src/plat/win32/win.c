/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/win.c: see plat/win32/win_priv.h. */
#include "plat/win32/win_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

int win_errno(DWORD code)
{
	switch (code) {
	case ERROR_FILE_NOT_FOUND:
	case ERROR_PATH_NOT_FOUND:
	case ERROR_INVALID_DRIVE:
	case ERROR_BAD_NETPATH:
	case ERROR_INVALID_NAME: return -ENOENT;
	case ERROR_ACCESS_DENIED:
	case ERROR_PRIVILEGE_NOT_HELD: return -EACCES;
	case ERROR_WRITE_PROTECT: return -EROFS;
	case ERROR_FILE_EXISTS:
	case ERROR_ALREADY_EXISTS: return -EEXIST;
	case ERROR_SHARING_VIOLATION:
	case ERROR_LOCK_VIOLATION: return -EBUSY;
	case ERROR_DISK_FULL:
	case ERROR_HANDLE_DISK_FULL: return -ENOSPC;
	case ERROR_NOT_ENOUGH_MEMORY:
	case ERROR_OUTOFMEMORY:
	case ERROR_COMMITMENT_LIMIT:
	case ERROR_NO_SYSTEM_RESOURCES: return -ENOMEM;
	case ERROR_TOO_MANY_OPEN_FILES: return -EMFILE;
	case ERROR_INVALID_PARAMETER: return -EINVAL;
	case ERROR_INVALID_FUNCTION:
	case ERROR_NOT_SUPPORTED: return -ENOTSUP;
	case ERROR_BROKEN_PIPE:
	case ERROR_NO_DATA:
	case ERROR_PIPE_NOT_CONNECTED: return -EPIPE;
	case ERROR_INVALID_HANDLE: return -EBADF;
	case ERROR_OPERATION_ABORTED: return -EINTR;
	default: return -EIO;
	}
}

int win_error(struct error *err, const char *fmt, ...)
{
	DWORD code = GetLastError();
	char text[256] = "";
	struct str s = { 0 };
	va_list ap;
	int rc;

	FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0,
		       text, sizeof(text), NULL);
	text[strcspn(text, ".\r\n")] = 0;
	va_start(ap, fmt);
	str_vadd(&s, fmt, ap);
	va_end(ap);
	rc = error_set(err, win_errno(code), "%s: %s (Windows error %lu)", s.at, text,
		       (unsigned long)code);
	str_free(&s);
	return rc;
}

wchar_t *win_wide(const char *s)
{
	int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, s, -1, NULL, 0);
	wchar_t *w;

	if (n <= 0)
		return NULL;
	w = xcalloc((size_t)n, sizeof(*w));
	MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, s, -1, w, n);
	return w;
}
