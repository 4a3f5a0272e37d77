/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/char.c: see char/char.h. */
#include "char/char.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "char/char_priv.h"

LOG_MODULE("char");

enum { CTRL_A = 1 };

static void on_more(struct job *job)
{
	chr_deliver(container_of(job, struct chr, more));
}

struct chr *chr_new(struct loop *loop)
{
	struct chr *c = xnew(struct chr);

	c->loop = loop;
	c->more.fn = on_more;
	mutex_init(&c->lock);
	c->out = xcalloc(CHR_OUT_MAX, 1);
	c->stage_cap = CHR_STAGE;
	c->stage = xcalloc(c->stage_cap, 1);
	return c;
}

/* No output(): what is written is gone at once, and not lost. */
static const struct chr_ops null_ops = { 0 };

static int open_null(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	c->ops = &null_ops;
	c->description = xstrdup("null");
	return 0;
}

int chr_open(struct chr **out, struct loop *loop, const struct chr_config *cfg, struct error *err)
{
	static int (*const openers[])(struct chr *, const struct chr_config *, struct error *) = {
		[CHR_OFF] = open_null,    [CHR_NULL] = open_null,
		[CHR_TTY] = chr_open_tty, [CHR_FILE] = chr_open_file,
		[CHR_PTY] = chr_open_pty, [CHR_SOCKET] = chr_open_socket,
	};
	struct chr *c = chr_new(loop);
	int rc;

	assert((unsigned)cfg->kind < ARRAY_LEN(openers));
	rc = openers[cfg->kind](c, cfg, err);
	if (rc) {
		chr_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

void chr_close(struct chr *c)
{
	if (!c)
		return;
	if (c->ops && c->ops->close)
		c->ops->close(c);
	if (c->loop)
		loop_unpost(c->loop, &c->more);
	if (c->dropped)
		log_warn("%s: %llu bytes of output were lost in all", chr_describe(c),
			 (unsigned long long)c->dropped);
	mutex_finish(&c->lock);
	free(c->description);
	free(c->stage);
	free(c->out);
	free(c);
}

const char *chr_describe(const struct chr *c)
{
	return c->description ? c->description : "nothing";
}

void chr_on_quit(struct chr *c, void (*fn)(void *arg), void *arg)
{
	c->quit = fn;
	c->quit_arg = arg;
}

void chr_attach(struct chr *c, const struct chr_user *user)
{
	c->user = *user;
	if (c->loop)
		loop_post(c->loop, &c->more);
}

void chr_more(struct chr *c)
{
	if (c->loop && __atomic_load_n(&c->waiting, __ATOMIC_SEQ_CST))
		loop_post(c->loop, &c->more);
}

size_t chr_stage_room(const struct chr *c)
{
	size_t room = c->stage_cap - c->stage_len;

	/* A Ctrl-A that was held back may need a place too. */
	return room ? room - 1 : 0;
}

void chr_deliver(struct chr *c)
{
	size_t at = 0, room;

	/* Told before the device is asked, so that room it makes meanwhile is not overlooked. */
	__atomic_store_n(&c->waiting, true, __ATOMIC_SEQ_CST);
	while (c->user.input && at < c->stage_len && (room = c->user.room(c->user.dev))) {
		size_t n = MIN(room, c->stage_len - at);

		c->user.input(c->user.dev, c->stage + at, n);
		at += n;
	}
	c->stage_len -= at;
	memmove(c->stage, c->stage + at, c->stage_len);
	if (!c->stage_len)
		__atomic_store_n(&c->waiting, false, __ATOMIC_SEQ_CST);
	if (c->ops->input_wanted && chr_stage_room(c))
		c->ops->input_wanted(c);
}

void chr_input(struct chr *c, const u8 *buf, size_t len)
{
	bool quit = false;

	assert(len <= chr_stage_room(c));
	for (size_t i = 0; i < len; i++) {
		bool after = c->ctrl_a;

		c->ctrl_a = c->escapes && !after && buf[i] == CTRL_A;
		if (c->ctrl_a)
			continue;
		if (after && buf[i] == 'x') {
			quit = true;
			continue;
		}
		/* Ctrl-A before any other byte was meant for the guest; before itself it is one. */
		if (after && buf[i] != CTRL_A)
			c->stage[c->stage_len++] = CTRL_A;
		c->stage[c->stage_len++] = buf[i];
	}
	chr_deliver(c);
	if (quit && c->quit)
		c->quit(c->quit_arg);
}

size_t chr_write(struct chr *c, const void *buf, size_t len)
{
	size_t n, at, first;
	bool was_empty, loses;

	if (!c->ops->output)
		return len;
	mutex_lock(&c->lock);
	was_empty = !c->out_len;
	n = MIN(len, CHR_OUT_MAX - c->out_len);
	at = (c->out_at + c->out_len) % CHR_OUT_MAX;
	first = MIN(n, CHR_OUT_MAX - at);
	memcpy(c->out + at, buf, first);
	memcpy(c->out, (const u8 *)buf + first, n - first);
	c->out_len += n;
	loses = n < len && !c->dropped;
	c->dropped += len - n;
	mutex_unlock(&c->lock);
	if (loses)
		log_warn("%s: nobody takes the output; %u KiB are kept, the rest is dropped",
			 chr_describe(c), CHR_OUT_MAX >> 10);
	if (n && was_empty)
		c->ops->output(c);
	return n;
}

u64 chr_dropped(struct chr *c)
{
	u64 n;

	mutex_lock(&c->lock);
	n = c->dropped;
	mutex_unlock(&c->lock);
	return n;
}

size_t chr_out_peek(struct chr *c, const u8 **at)
{
	size_t n;

	mutex_lock(&c->lock);
	n = MIN(c->out_len, CHR_OUT_MAX - c->out_at);
	*at = c->out + c->out_at;
	mutex_unlock(&c->lock);
	return n;
}

static void out_take(struct chr *c, size_t len, bool lost)
{
	mutex_lock(&c->lock);
	assert(len <= c->out_len);
	c->out_at = (c->out_at + len) % CHR_OUT_MAX;
	c->out_len -= len;
	if (lost)
		c->dropped += len;
	mutex_unlock(&c->lock);
}

void chr_out_done(struct chr *c, size_t len)
{
	out_take(c, len, false);
}

void chr_out_drop(struct chr *c, size_t len)
{
	out_take(c, len, true);
}
