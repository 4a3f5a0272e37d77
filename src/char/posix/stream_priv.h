/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/stream_priv.h: a stream over one descriptor of our own, non-blocking, on the loop. */
#pragma once

#include "char/char_priv.h"

struct stream {
	struct chr *c;
	int fd; /* -1: nobody there; output waits */
	struct loop_source *src;
	struct job flush;
	bool blocked; /* the last write found no room */
	bool ended;   /* the other side sends no more */
	/* The other side has gone: the descriptor is closed after it. NULL: that cannot be. */
	void (*gone)(struct stream *s);
};

void stream_init(struct stream *s, struct chr *c, void (*gone)(struct stream *s));
/* Takes @fd on success. */
int stream_connect(struct stream *s, int fd, struct error *err) MUST_CHECK;
void stream_finish(struct stream *s); /* writes what can be, closes */
void stream_output(struct stream *s); /* any thread */
void stream_want_input(struct stream *s);
