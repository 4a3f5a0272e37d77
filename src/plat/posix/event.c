/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/event.c: see plat/event.h. An eventfd (Linux eventfd(2)). */
#include "plat/event.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plat/posix/fd_priv.h"

int event_init(struct event *e, struct error *err)
{
	int fd = fd_above_std(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

	if (fd < 0)
		return error_set(err, -errno, "cannot make an event: %s", strerror(errno));
	e->handle = fd;
	return 0;
}

void event_finish(struct event *e)
{
	if (e->handle > 0)
		close((int)e->handle);
	e->handle = 0;
}

void event_signal(struct event *e)
{
	u64 one = 1;
	ssize_t n;

	/* EAGAIN: the counter is full, so the event is signalled already. */
	do {
		n = write((int)e->handle, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
}

bool event_clear(struct event *e)
{
	u64 count;
	ssize_t n;

	do {
		n = read((int)e->handle, &count, sizeof(count));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(count);
}
