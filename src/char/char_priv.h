/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/char_priv.h: what the kinds of streams share: the buffers, and a thread that writes. */
#pragma once

#include "char/char.h"
#include "plat/thread.h"

enum {
	CHR_OUT_MAX = 256 << 10, /* output kept for a slow or absent reader */
	CHR_STAGE = 4096,        /* input taken from the host before the device has room */
};

struct chr_ops {
	/* Any thread, lock not held: output was put where there was none. NULL: nobody wants it. */
	void (*output)(struct chr *c);
	/* [on_loop] The stage has room again. */
	void (*input_wanted)(struct chr *c);
	/* [on_loop] Write what can be, stop threads and sources, free c->host (may be NULL). */
	void (*close)(struct chr *c);
};

struct chr {
	const struct chr_ops *ops;
	void *host; /* the kind's own */
	struct loop *loop;
	char *description;
	struct chr_user user;
	void (*quit)(void *arg);
	void *quit_arg;

	/* Input: the loop's thread only. */
	u8 *stage;
	size_t stage_len, stage_cap;
	bool escapes; /* Ctrl-A is ours */
	bool ctrl_a;  /* the last byte was one */
	bool waiting; /* something is staged: chr_more() must post */
	struct job more;

	/* Output. */
	struct mutex lock;
	u8 *out; /* a ring of CHR_OUT_MAX bytes */
	size_t out_at, out_len;
	u64 dropped;
};

/* One opener for each kind: fills @c's ops, host and description, or fails. */
int chr_open_tty(struct chr *c, const struct chr_config *cfg, struct error *err) MUST_CHECK;
int chr_open_file(struct chr *c, const struct chr_config *cfg, struct error *err) MUST_CHECK;
int chr_open_pty(struct chr *c, const struct chr_config *cfg, struct error *err) MUST_CHECK;
int chr_open_socket(struct chr *c, const struct chr_config *cfg, struct error *err) MUST_CHECK;

struct chr *chr_new(struct loop *loop);

/* [on_loop] How many bytes chr_input() takes now. */
size_t chr_stage_room(const struct chr *c);
/* [on_loop] Bytes came from the host, at most chr_stage_room(). May call the quit function. */
void chr_input(struct chr *c, const u8 *buf, size_t len);
void chr_deliver(struct chr *c); /* [on_loop] give the device what it has room for */

/*
 * The first run of output, 0 when there is none. It stays in place, and only the one consumer takes
 * it away, so that it may be written with the lock released.
 */
size_t chr_out_peek(struct chr *c, const u8 **at);
void chr_out_done(struct chr *c, size_t len);
void chr_out_drop(struct chr *c, size_t len); /* the same, counted as lost */

/*
 * A thread that writes the output with @fn, which may block: bytes written, or -errno. -EINTR and
 * -EAGAIN try again, -EPIPE and -EBADF end all output, other errors lose the run.
 */
struct chr_writer;
int chr_writer_start(struct chr_writer **out, struct chr *c,
		     int (*fn)(void *arg, const u8 *buf, size_t len), void *arg, struct error *err)
	MUST_CHECK;
void chr_writer_wake(struct chr_writer *w);
/* Waits for the output while it moves, then interrupts @fn. NULL is allowed. */
void chr_writer_stop(struct chr_writer *w);
