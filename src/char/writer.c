/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * char/writer.c: a thread that writes a stream's output with calls that may block. For descriptors
 * that are shared with other programs (stdout), which must not be made non-blocking, and files.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "char/char_priv.h"
#include "plat/time.h"

LOG_MODULE("char");

enum { PATIENCE_MS = 300 }; /* at the end: how long the output may stand still */

struct chr_writer {
	struct chr *c;
	int (*fn)(void *arg, const u8 *buf, size_t len);
	void *arg;
	struct thread *thread;
	struct mutex lock;
	struct cond work, moved;
	u64 written; /* counts calls that wrote */
	int error;   /* of the last call, or 0: not every one is told */
	bool stop, stopped, broken;
};

static bool stopping(struct chr_writer *w)
{
	bool stop;

	mutex_lock(&w->lock);
	stop = w->stop;
	mutex_unlock(&w->lock);
	return stop;
}

/* One call of fn. */
static void write_run(struct chr_writer *w, const u8 *at, size_t len)
{
	int n = w->broken ? -EPIPE : w->fn(w->arg, at, len);

	if (n == -EINTR)
		return;
	if (n == -EAGAIN) {
		/* Someone else made the descriptor non-blocking. */
		time_sleep_ns(10 * NS_PER_MS);
		return;
	}
	if (n >= 0) {
		chr_out_done(w->c, (size_t)n);
	} else {
		if (n != w->error)
			log_warn("%s: output is lost: %s", chr_describe(w->c), strerror(-n));
		chr_out_drop(w->c, len);
	}
	w->error = MIN(n, 0);
	mutex_lock(&w->lock);
	w->broken = n == -EPIPE || n == -EBADF;
	w->written++;
	cond_signal(&w->moved);
	mutex_unlock(&w->lock);
}

static void writer_main(void *arg)
{
	struct chr_writer *w = arg;
	const u8 *at;
	size_t n;

	while (!stopping(w)) {
		n = chr_out_peek(w->c, &at);
		if (n) {
			/* Not too much at once, that room is seen soon. */
			write_run(w, at, MIN(n, (size_t)16384));
			continue;
		}
		mutex_lock(&w->lock);
		while (!w->stop && !chr_out_peek(w->c, &at))
			cond_wait(&w->work, &w->lock);
		mutex_unlock(&w->lock);
	}
	mutex_lock(&w->lock);
	w->stopped = true;
	cond_signal(&w->moved);
	mutex_unlock(&w->lock);
}

int chr_writer_start(struct chr_writer **out, struct chr *c,
		     int (*fn)(void *arg, const u8 *buf, size_t len), void *arg, struct error *err)
{
	struct chr_writer *w = xnew(struct chr_writer);
	int rc;

	w->c = c;
	w->fn = fn;
	w->arg = arg;
	mutex_init(&w->lock);
	cond_init(&w->work);
	cond_init(&w->moved);
	rc = thread_start(&w->thread, "char-out", writer_main, w, err);
	if (rc) {
		chr_writer_stop(w);
		return rc;
	}
	*out = w;
	return 0;
}

void chr_writer_wake(struct chr_writer *w)
{
	mutex_lock(&w->lock);
	cond_signal(&w->work);
	mutex_unlock(&w->lock);
}

void chr_writer_stop(struct chr_writer *w)
{
	const u8 *at;
	u64 seen;

	if (!w)
		return;
	mutex_lock(&w->lock);
	if (w->thread) {
		while (chr_out_peek(w->c, &at)) {
			seen = w->written;
			if (!cond_wait_ns(&w->moved, &w->lock, PATIENCE_MS * NS_PER_MS) &&
			    seen == w->written)
				break;
		}
		w->stop = true;
		cond_signal(&w->work);
		/* Again and again: a kick before the call it is to interrupt does nothing. */
		while (!w->stopped) {
			thread_kick(w->thread);
			cond_wait_ns(&w->moved, &w->lock, 5 * NS_PER_MS);
		}
	}
	mutex_unlock(&w->lock);
	thread_join(w->thread);
	cond_finish(&w->moved);
	cond_finish(&w->work);
	mutex_finish(&w->lock);
	free(w);
}
