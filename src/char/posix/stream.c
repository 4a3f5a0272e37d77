/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/stream.c: see char/posix/stream_priv.h. */
#include "char/posix/stream_priv.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 200 }; /* at the end: how long one write may wait for room */

static void stream_rest(struct stream *s)
{
	unsigned events = s->blocked ? LOOP_WRITE : 0;

	if (!s->src)
		return;
	if (!s->ended && chr_stage_room(s->c))
		events |= LOOP_READ;
	/* At the end of input only a hang-up tells that the other side no longer listens. */
	if (s->ended && !events)
		events = LOOP_HANGUP;
	loop_rewatch(s->src, events);
}

static void stream_drop(struct stream *s)
{
	loop_unwatch(s->src);
	s->src = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->blocked = false;
	s->ended = false;
}

static void stream_gone(struct stream *s)
{
	stream_drop(s);
	if (s->gone)
		s->gone(s);
}

/* Write until nothing is left (true) or the descriptor is full or dead (false). */
static bool write_out(struct stream *s)
{
	const u8 *at;
	size_t len;
	ssize_t n;

	while (s->fd >= 0 && (len = chr_out_peek(s->c, &at))) {
		/* A client that has gone must not cost us a SIGPIPE; a pty is no socket. */
		n = send(s->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK)
			n = write(s->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			stream_gone(s);
			return false;
		}
		chr_out_done(s->c, (size_t)n);
	}
	return s->fd >= 0;
}

static void stream_flush(struct stream *s)
{
	s->blocked = !write_out(s) && s->fd >= 0;
	stream_rest(s);
}

static void on_flush(struct job *job)
{
	stream_flush(container_of(job, struct stream, flush));
}

static void read_in(struct stream *s)
{
	u8 buf[CHR_STAGE];
	size_t room = chr_stage_room(s->c);
	ssize_t n;

	if (!room)
		return;
	n = read(s->fd, buf, MIN(room, sizeof(buf)));
	if (n > 0)
		chr_input(s->c, buf, (size_t)n);
	else if (!n)
		s->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		stream_gone(s);
}

static void on_events(void *arg, unsigned events)
{
	struct stream *s = arg;

	if ((events & LOOP_READ) && !s->ended)
		read_in(s);
	else if ((events & LOOP_HANGUP) && s->ended)
		stream_gone(s);
	if (s->fd >= 0 && (events & LOOP_WRITE))
		stream_flush(s);
	stream_rest(s);
}

void stream_init(struct stream *s, struct chr *c, void (*gone)(struct stream *s))
{
	*s = (struct stream){ .c = c, .fd = -1, .gone = gone, .flush.fn = on_flush };
}

int stream_connect(struct stream *s, int fd, struct error *err)
{
	int rc = loop_watch(&s->src, s->c->loop, fd, LOOP_READ, on_events, s, err);

	if (rc)
		return rc;
	s->fd = fd;
	stream_flush(s);
	return 0;
}

void stream_finish(struct stream *s)
{
	struct pollfd p = { .events = POLLOUT };

	loop_unpost(s->c->loop, &s->flush);
	s->gone = NULL;
	while (!write_out(s) && s->fd >= 0) {
		p.fd = s->fd;
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			break;
	}
	stream_drop(s);
}

void stream_output(struct stream *s)
{
	loop_post(s->c->loop, &s->flush);
}

void stream_want_input(struct stream *s)
{
	stream_rest(s);
}
