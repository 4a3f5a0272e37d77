/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/signals.c: see plat/signals.h. Blocked and read from a signalfd(2). */
#include "plat/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "plat/plat_priv.h"
#include "plat/posix/fd_priv.h"

struct signals {
	int fd;
	void (*fn)(void *arg, enum quit_signal s);
	void *arg;
};

static const struct {
	int host;
	enum quit_signal s;
} quit_signals[] = {
	{ SIGINT, QUIT_INTERRUPT },
	{ SIGTERM, QUIT_TERMINATE },
	{ SIGHUP, QUIT_HANGUP },
};

static void on_signal(void *arg, unsigned events)
{
	struct signals *s = arg;
	struct signalfd_siginfo info;

	while (read(s->fd, &info, sizeof(info)) == sizeof(info))
		for (unsigned i = 0; i < ARRAY_LEN(quit_signals); i++)
			if ((int)info.ssi_signo == quit_signals[i].host)
				s->fn(s->arg, quit_signals[i].s);
}

static void signals_end(void *arg)
{
	struct signals *s = arg;

	close(s->fd);
	free(s);
}

int signals_watch(struct loop *loop, void (*fn)(void *arg, enum quit_signal s), void *arg,
		  struct error *err)
{
	struct signals *s = xnew(struct signals);
	struct loop_source *src;
	struct sigaction now;
	sigset_t set;
	int rc;

	/* A reader that has gone, a file at its limit (ulimit -f): errors of write(), no death. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	for (unsigned i = 0; i < ARRAY_LEN(quit_signals); i++)
		if (!sigaction(quit_signals[i].host, NULL, &now) && now.sa_handler != SIG_IGN)
			sigaddset(&set, quit_signals[i].host);
	s->fn = fn;
	s->arg = arg;
	s->fd = fd_above_std(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	if (s->fd < 0) {
		rc = error_set(err, -errno, "cannot watch signals: %s", strerror(errno));
		free(s);
		return rc;
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	rc = loop_watch(&src, loop, s->fd, LOOP_READ, on_signal, s, err);
	if (rc)
		signals_end(s);
	else
		loop_on_unwatch(src, signals_end);
	return rc;
}

/* They are blocked, so what came waits in the kernel until it is read. */
bool signals_waiting(void)
{
	sigset_t set;
	bool waiting = false;

	sigpending(&set);
	for (unsigned i = 0; i < ARRAY_LEN(quit_signals); i++)
		waiting |= sigismember(&set, quit_signals[i].host) == 1;
	return waiting;
}
