/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/event.h: an auto-reset event that a thread, the kernel (ioeventfd) or a loop can wait for.
 *
 * POSIX: an eventfd, so that KVM can signal it without an exit. Win32: an event object.
 */
#pragma once

#include "plat/loop.h"

struct event {
	os_handle handle;
};

int event_init(struct event *e, struct error *err) MUST_CHECK;
void event_finish(struct event *e); /* a zeroed or finished event is allowed */
void event_signal(struct event *e); /* any thread; never blocks */
bool event_clear(struct event *e);  /* true if it was signalled; never blocks */
