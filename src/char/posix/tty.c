/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * char/posix/tty.c: stdin and stdout, be they a terminal, pipes, files, /dev/null or closed.
 *
 * Both are shared with the shell and others, so they stay as they are: input is read when the loop
 * says that there is some, output is written by a thread that may block. As a background job of a
 * shell the terminal is left alone until we are brought to the foreground.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "char/char_priv.h"
#include "char/posix/tty_priv.h"

LOG_MODULE("char");

enum { LOOK_MS = 300 }; /* in the background: how often to see whether that has changed */

struct tty {
	struct chr *c;
	struct chr_writer *writer;
	struct loop_source *in; /* NULL after the end of input */
	bool terminal;          /* stdin is one */
	bool background;
	int look, cont; /* timerfd, signalfd of SIGCONT; -1 unless a terminal */
	struct loop_source *look_src, *cont_src;
};

static void tty_output(struct chr *c)
{
	chr_writer_wake(((struct tty *)c->host)->writer);
}

static int tty_put(void *arg, const u8 *buf, size_t len)
{
	ssize_t n = write(STDOUT_FILENO, buf, len);

	return n < 0 ? -errno : (int)n;
}

static void tty_rest(struct tty *t)
{
	bool reads = !t->background && chr_stage_room(t->c);

	if (t->in)
		loop_rewatch(t->in, reads ? LOOP_READ : 0);
}

static void tty_input_wanted(struct chr *c)
{
	tty_rest(c->host);
}

static void set_look(struct tty *t, bool on)
{
	struct itimerspec when = { 0 };

	when.it_value.tv_nsec = on ? LOOK_MS * (long)NS_PER_MS : 0;
	when.it_interval = when.it_value;
	timerfd_settime(t->look, 0, &when, NULL);
}

/* Take the terminal if it is ours, else look again later. */
static void tty_enter(struct tty *t)
{
	int rc;

	t->background = tty_in_background(STDIN_FILENO);
	if (!t->background && t->in) {
		rc = tty_raw(STDIN_FILENO);
		if (rc)
			log_warn("cannot make the terminal raw: %s", strerror(-rc));
	}
	set_look(t, t->background);
	tty_rest(t);
}

static void on_look(void *arg, unsigned events)
{
	struct tty *t = arg;
	u64 count;

	if (read(t->look, &count, sizeof(count)) == sizeof(count) && t->background)
		tty_enter(t);
}

/* After a stop the shell has set the terminal's mode as it likes it. */
static void on_continue(void *arg, unsigned events)
{
	struct tty *t = arg;
	struct signalfd_siginfo info;

	while (read(t->cont, &info, sizeof(info)) == sizeof(info))
		;
	tty_enter(t);
}

static void on_input(void *arg, unsigned events)
{
	struct tty *t = arg;
	u8 buf[CHR_STAGE];
	size_t room = chr_stage_room(t->c);
	ssize_t n;

	if (!room) {
		tty_rest(t);
		return;
	}
	n = read(STDIN_FILENO, buf, MIN(room, sizeof(buf)));
	if (n > 0) {
		chr_input(t->c, buf, (size_t)n);
		tty_rest(t);
		return;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* SIGTTIN is ignored, so reading from the background fails instead of stopping us. */
	if (n < 0 && errno == EIO && t->terminal && tty_in_background(STDIN_FILENO)) {
		tty_enter(t);
		return;
	}
	loop_unwatch(t->in);
	t->in = NULL;
}

static void tty_close(struct chr *c)
{
	struct tty *t = c->host;

	chr_writer_stop(t->writer);
	loop_unwatch(t->in);
	loop_unwatch(t->look_src);
	loop_unwatch(t->cont_src);
	if (t->look >= 0)
		close(t->look);
	if (t->cont >= 0)
		close(t->cont);
	tty_restore();
	tty_release();
	free(t);
}

static const struct chr_ops tty_ops = {
	.output = tty_output,
	.input_wanted = tty_input_wanted,
	.close = tty_close,
};

/* What a terminal needs beyond a pipe. */
static int open_terminal(struct tty *t, struct error *err)
{
	sigset_t cont;
	int rc;

	/* Writing (stty tostop) and reading in the background must not stop the machine. */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	t->look = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	t->cont = signalfd(-1, &cont, SFD_CLOEXEC | SFD_NONBLOCK);
	if (t->look < 0 || t->cont < 0)
		return error_set(err, -errno, "cannot watch the terminal: %s", strerror(errno));
	/* Blocked, it still makes us go on; see signal(7). */
	pthread_sigmask(SIG_BLOCK, &cont, NULL);
	rc = loop_watch(&t->look_src, t->c->loop, t->look, LOOP_READ, on_look, t, err);
	if (!rc)
		rc = loop_watch(&t->cont_src, t->c->loop, t->cont, LOOP_READ, on_continue, t, err);
	if (rc)
		return rc;
	t->c->escapes = true;
	tty_enter(t);
	return 0;
}

int chr_open_tty(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	struct sigaction pipe;
	struct tty *t;
	int rc;

	if (!tty_claim())
		return error_set(err, -EBUSY,
				 "stdin and stdout already belong to another port; use pty, file "
				 "or socket for this one");
	t = xnew(struct tty);
	t->c = c;
	t->look = t->cont = -1;
	c->host = t;
	c->ops = &tty_ops; /* its close knows the half-built one */
	c->description = xstrdup("stdin and stdout");
	/* A reader of our output that has gone is an error of write(), not our end. */
	if (!sigaction(SIGPIPE, NULL, &pipe) && pipe.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
	rc = chr_writer_start(&t->writer, c, tty_put, t, err);
	if (rc)
		return rc;
	t->terminal = isatty(STDIN_FILENO);
	/* A stdin that was closed, or cannot be watched, is one at its end. */
	if (loop_watch(&t->in, c->loop, STDIN_FILENO, LOOP_READ, on_input, t, NULL))
		t->in = NULL;
	if (t->in && t->terminal)
		return open_terminal(t, err);
	return 0;
}
