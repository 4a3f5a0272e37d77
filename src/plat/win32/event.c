/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/win32/event.c: see plat/event.h. A manual-reset event object: an automatic one would be
 * reset by the loop's wait, and event_clear() in the callback would not find it signalled.
 */
#include "plat/event.h"

#include "plat/win32/win_priv.h"

int event_init(struct event *e, struct error *err)
{
	HANDLE h = CreateEventW(NULL, TRUE, FALSE, NULL);

	if (!h)
		return win_error(err, "cannot make an event");
	e->handle = (os_handle)h;
	return 0;
}

void event_finish(struct event *e)
{
	if (e->handle)
		CloseHandle((HANDLE)e->handle);
	e->handle = 0;
}

void event_signal(struct event *e)
{
	SetEvent((HANDLE)e->handle);
}

bool event_clear(struct event *e)
{
	if (WaitForSingleObject((HANDLE)e->handle, 0) != WAIT_OBJECT_0)
		return false;
	ResetEvent((HANDLE)e->handle);
	return true;
}
