/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/fd_priv.h: file descriptors that never pass for stdin, stdout or stderr. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * Move @fd above the three standard ones, which are free numbers in a process started with them
 * closed: a disk must not become the stdin of a serial port. @fd or -1 with errno set.
 */
static inline int fd_above_std(int fd)
{
	int moved, saved;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	saved = errno;
	close(fd);
	errno = saved;
	return moved;
}
