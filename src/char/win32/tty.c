/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * char/win32/tty.c: the standard input and output: a console, pipes, files, NUL, or none.
 *
 * Windows cannot wait for a pipe to have input, so a thread reads and hands over to the loop.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "char/char_priv.h"

struct tty {
	struct chr *c;
	HANDLE in, out;
	struct chr_writer *writer;
	struct thread *reader;
	struct job job; /* the reader has something */

	struct mutex lock;
	struct cond taken, ended;
	u8 buf[1024];
	size_t at, len; /* of buf: what the loop did not take yet */
	bool stop, stopped;
};

/*
 * The console's modes outlive the process, and atexit() has no argument: with plat's signal handler
 * this is the one state that belongs to no machine.
 */
struct console {
	bool claimed, hooked, in_set, out_set;
	HANDLE in, out;
	DWORD in_mode, out_mode;
	UINT in_page, out_page;
};

static struct console *console(void)
{
	/* check: state, atexit() has no argument and the process has one console */
	static struct console c;

	return &c;
}

static void console_restore(void)
{
	struct console *s = console();

	if (s->in_set) {
		SetConsoleMode(s->in, s->in_mode);
		SetConsoleCP(s->in_page);
	}
	if (s->out_set) {
		SetConsoleMode(s->out, s->out_mode);
		SetConsoleOutputCP(s->out_page);
	}
	s->in_set = s->out_set = false;
}

/* Bytes as they are, both ways: no line editing, no Ctrl-C, escape sequences, UTF-8. */
static bool console_raw(HANDLE in, HANDLE out)
{
	struct console *s = console();

	if (!s->hooked)
		atexit(console_restore);
	s->hooked = true;
	if (GetConsoleMode(out, &s->out_mode)) {
		s->out = out;
		s->out_page = GetConsoleOutputCP();
		s->out_set = true;
		SetConsoleOutputCP(CP_UTF8);
		SetConsoleMode(out, ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING |
					    DISABLE_NEWLINE_AUTO_RETURN);
	}
	if (!GetConsoleMode(in, &s->in_mode))
		return false;
	s->in = in;
	s->in_page = GetConsoleCP();
	s->in_set = true;
	SetConsoleCP(CP_UTF8);
	SetConsoleMode(in, ENABLE_VIRTUAL_TERMINAL_INPUT);
	return true;
}

static void tty_output(struct chr *c)
{
	chr_writer_wake(((struct tty *)c->host)->writer);
}

static int tty_put(void *arg, const u8 *buf, size_t len)
{
	struct tty *t = arg;
	DWORD done;

	if (WriteFile(t->out, buf, (DWORD)len, &done, NULL))
		return (int)done;
	switch (GetLastError()) {
	case ERROR_OPERATION_ABORTED: return -EINTR;
	case ERROR_INVALID_HANDLE: return -EBADF;
	case ERROR_BROKEN_PIPE:
	case ERROR_NO_DATA: return -EPIPE;
	default: return -EIO;
	}
}

static void tty_take(struct tty *t)
{
	u8 part[sizeof(t->buf)];
	size_t n;

	mutex_lock(&t->lock);
	n = MIN(t->len, chr_stage_room(t->c));
	memcpy(part, t->buf + t->at, n);
	t->at += n;
	t->len -= n;
	if (!t->len)
		cond_signal(&t->taken);
	mutex_unlock(&t->lock);
	if (n)
		chr_input(t->c, part, n);
}

static void on_job(struct job *job)
{
	tty_take(container_of(job, struct tty, job));
}

static void tty_input_wanted(struct chr *c)
{
	struct tty *t = c->host;
	bool more;

	mutex_lock(&t->lock);
	more = t->len;
	mutex_unlock(&t->lock);
	/* By way of the loop: we may be called out of chr_input(). */
	if (more)
		loop_post(c->loop, &t->job);
}

static void reader_main(void *arg)
{
	struct tty *t = arg;
	DWORD n;

	mutex_lock(&t->lock);
	while (!t->stop) {
		bool ok;

		mutex_unlock(&t->lock);
		ok = ReadFile(t->in, t->buf, sizeof(t->buf), &n, NULL);
		mutex_lock(&t->lock);
		if (!ok && GetLastError() == ERROR_OPERATION_ABORTED)
			continue;
		if (!ok || !n)
			break; /* the end of input ends nothing else */
		t->at = 0;
		t->len = n;
		loop_post(t->c->loop, &t->job);
		while (t->len && !t->stop)
			cond_wait(&t->taken, &t->lock);
	}
	t->stopped = true;
	cond_signal(&t->ended);
	mutex_unlock(&t->lock);
}

static void tty_close(struct chr *c)
{
	struct tty *t = c->host;
	bool stopped;

	chr_writer_stop(t->writer);
	mutex_lock(&t->lock);
	t->stop = true;
	cond_signal(&t->taken);
	/* Some consoles do not let a read be cancelled; the process need not wait for them. */
	for (unsigned i = 0; t->reader && !t->stopped && i < 100; i++) {
		thread_kick(t->reader);
		cond_wait_ns(&t->ended, &t->lock, 5 * NS_PER_MS);
	}
	stopped = !t->reader || t->stopped;
	mutex_unlock(&t->lock);
	loop_unpost(c->loop, &t->job);
	console_restore();
	__atomic_store_n(&console()->claimed, false, __ATOMIC_RELEASE);
	if (!stopped)
		return; /* the thread keeps what it uses */
	thread_join(t->reader);
	cond_finish(&t->taken);
	cond_finish(&t->ended);
	mutex_finish(&t->lock);
	free(t);
}

static const struct chr_ops tty_ops = {
	.output = tty_output,
	.input_wanted = tty_input_wanted,
	.close = tty_close,
};

int chr_open_tty(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	struct tty *t;
	int rc;

	if (__atomic_exchange_n(&console()->claimed, true, __ATOMIC_ACQUIRE))
		return error_set(err, -EBUSY,
				 "the standard streams already belong to another port; use file "
				 "for this one");
	t = xnew(struct tty);
	t->c = c;
	t->in = GetStdHandle(STD_INPUT_HANDLE);
	t->out = GetStdHandle(STD_OUTPUT_HANDLE);
	t->job.fn = on_job;
	mutex_init(&t->lock);
	cond_init(&t->taken);
	cond_init(&t->ended);
	c->host = t;
	c->ops = &tty_ops; /* its close knows the half-built one */
	c->description = xstrdup("stdin and stdout");
	rc = chr_writer_start(&t->writer, c, tty_put, t, err);
	if (rc)
		return rc;
	c->escapes = console_raw(t->in, t->out);
	return thread_start(&t->reader, "char-in", reader_main, t, err);
}
