/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * char/char.h: a two-way byte stream to the host: terminal, file, pty, Unix socket, nothing.
 *
 * Output may come from any thread and never blocks: what the host cannot take is kept in a bounded
 * buffer, then dropped and counted. Input is delivered on the loop thread.
 */
#pragma once

#include "base/error.h"
#include "plat/loop.h"

struct chr;

struct chr_user {
	/* [on_loop] Bytes the device can take now; after 0 nothing comes until chr_more(). */
	size_t (*room)(void *dev);
	void (*input)(void *dev, const u8 *buf, size_t len); /* [on_loop] */
	void *dev;
};

enum chr_kind { CHR_OFF, CHR_NULL, CHR_TTY, CHR_FILE, CHR_PTY, CHR_SOCKET };
struct chr_config {
	enum chr_kind kind;
	const char *path; /* CHR_FILE, CHR_SOCKET */
};

/*
 * Open on @loop. CHR_TTY is stdin and stdout: a terminal goes raw (restored by chr_close and at a
 * fatal signal); end of file on stdin stops input, nothing else; stdin may be /dev/null.
 * CHR_FILE is emptied first and takes output only. CHR_PTY makes one and says its name
 * (chr_describe). CHR_SOCKET listens; one client at a time, the next waits until it has gone;
 * output while nobody listens is kept up to the bound. A stale socket is replaced, a live one
 * refused.
 * CHR_OFF is as CHR_NULL. Windows refuses CHR_PTY and CHR_SOCKET.
 * On a raw terminal Ctrl-A x ends oriel (fn given to chr_on_quit) and Ctrl-A Ctrl-A sends one; all
 * other bytes pass unaltered both ways.
 */
int chr_open(struct chr **out, struct loop *loop, const struct chr_config *cfg, struct error *err)
	MUST_CHECK;
void chr_close(struct chr *c); /* before its loop; flushes what can be; NULL is allowed */
void chr_attach(struct chr *c, const struct chr_user *user);
/* Any thread. Returns the bytes taken; the rest is lost, the caller need not try again. */
size_t chr_write(struct chr *c, const void *buf, size_t len);
u64 chr_dropped(struct chr *c);                /* bytes of output that were lost so far */
void chr_more(struct chr *c);                  /* the device has room again; any thread */
const char *chr_describe(const struct chr *c); /* "pty /dev/pts/3" */
void chr_on_quit(struct chr *c, void (*fn)(void *arg), void *arg);

/*
 * In memory, for tests: what was written, and bytes to be read. There is no loop: input is
 * delivered inside chr_memory_feed(). What the device had no room for comes with the next one, of
 * 0 bytes too.
 */
struct chr *chr_create_memory(void);
size_t chr_memory_take(struct chr *c, void *buf, size_t len);
void chr_memory_feed(struct chr *c, const void *buf, size_t len);
