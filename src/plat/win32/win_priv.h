/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/win_priv.h: Windows' errors as errno and text, paths as UTF-16. */
#pragma once

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "base/error.h"

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 2 /* Windows 10 1803; not in MinGW-w64 10 */
#endif

/* The errno nearest to a Windows error, negative. */
int win_errno(DWORD code);
/* error_set() with GetLastError()'s errno and, after the message, Windows' own text. */
int win_error(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* UTF-8 to UTF-16; free() it. NULL when @s is no UTF-8. */
wchar_t *win_wide(const char *s);
