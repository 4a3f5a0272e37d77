/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/tty_mode.c: see char/posix/tty_priv.h. termios(3), POSIX.1-2017 chapter 11. */
#include "char/posix/tty_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/*
 * Signal handlers and atexit() have no argument, and the process has one stdin: this is the one
 * place of the program with state that changes and belongs to no machine.
 */
struct tty_state {
	bool claimed, hooked;
	volatile sig_atomic_t raw; /* the mode below must be restored */
	int fd;
	struct termios saved;
};

static struct tty_state *tty_state(void)
{
	/* check: state, handlers have no argument and the process has one stdin */
	static struct tty_state state;

	return &state;
}

bool tty_claim(void)
{
	return !__atomic_exchange_n(&tty_state()->claimed, true, __ATOMIC_ACQUIRE);
}

void tty_release(void)
{
	__atomic_store_n(&tty_state()->claimed, false, __ATOMIC_RELEASE);
}

bool tty_in_background(int fd)
{
	pid_t owner = tcgetpgrp(fd);

	/* -1: not our controlling terminal, which then has no background. */
	return owner > 0 && owner != getpgrp();
}

/* Also called by signal handlers: POSIX lists these calls as safe there. */
void tty_restore(void)
{
	struct tty_state *t = tty_state();

	if (t->raw && !tty_in_background(t->fd))
		tcsetattr(t->fd, TCSANOW, &t->saved);
	t->raw = 0;
}

/* The disposition is the default again (SA_RESETHAND): the signal does what it would have done. */
static void on_fatal(int sig)
{
	tty_restore();
	raise(sig);
}

static void hook(void)
{
	static const int fatal[] = { SIGHUP, SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
				     SIGFPE, SIGSEGV, SIGSYS,  SIGTERM, SIGALRM, SIGXCPU, SIGXFSZ };
	struct sigaction act = { .sa_handler = on_fatal, .sa_flags = SA_RESETHAND | SA_NODEFER };
	struct sigaction now;

	for (unsigned i = 0; i < ARRAY_LEN(fatal); i++)
		/* What is ignored, or handled by someone else, stays so. */
		if (!sigaction(fatal[i], NULL, &now) && now.sa_handler == SIG_DFL)
			sigaction(fatal[i], &act, NULL);
	atexit(tty_restore);
}

int tty_raw(int fd)
{
	struct tty_state *t = tty_state();
	struct termios raw;

	if (tcgetattr(fd, &raw))
		return -errno;
	if (!t->raw) {
		t->fd = fd;
		t->saved = raw;
	}
	if (!t->hooked)
		hook();
	t->hooked = true;
	/* Nothing is interpreted either way: no ISIG, so that Ctrl-C goes to the guest. */
	cfmakeraw(&raw);
	t->raw = 1;
	return tcsetattr(fd, TCSANOW, &raw) ? -errno : 0;
}
