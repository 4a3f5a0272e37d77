/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/pty.c: a pseudo terminal for screen, minicom and the like (pty(7)). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "char/posix/stream_priv.h"

struct pty {
	struct stream stream;
	/*
	 * The other end, held open: without it the kernel reports a hang-up, again and again, as
	 * long as no program has it open, and forgets the mode.
	 */
	int peer;
};

static void pty_output(struct chr *c)
{
	stream_output(&((struct pty *)c->host)->stream);
}

static void pty_input_wanted(struct chr *c)
{
	stream_want_input(&((struct pty *)c->host)->stream);
}

static void pty_close(struct chr *c)
{
	struct pty *p = c->host;

	stream_finish(&p->stream);
	close(p->peer);
	free(p);
}

static const struct chr_ops pty_ops = {
	.output = pty_output,
	.input_wanted = pty_input_wanted,
	.close = pty_close,
};

/* Open the other end of @fd in raw mode and tell its @name. The descriptor, or -errno. */
static int open_peer(int fd, char *name, size_t len)
{
	struct termios t;
	int peer, rc;

	if (grantpt(fd) || unlockpt(fd))
		return -errno;
	rc = ptsname_r(fd, name, len);
	if (rc)
		return -rc;
	peer = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (peer < 0)
		return -errno;
	if (!tcgetattr(peer, &t)) {
		cfmakeraw(&t);
		tcsetattr(peer, TCSANOW, &t);
	}
	return peer;
}

int chr_open_pty(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	struct pty *p = xnew(struct pty);
	char name[64];
	int fd, rc;

	stream_init(&p->stream, c, NULL);
	fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	p->peer = fd < 0 ? -errno : open_peer(fd, name, sizeof(name));
	rc = p->peer < 0 ? error_set(err, p->peer, "cannot make a pty: %s; is /dev/pts mounted?",
				     strerror(-p->peer))
			 : 0;
	c->host = p;
	if (!rc)
		rc = stream_connect(&p->stream, fd, err);
	if (rc) {
		if (p->peer >= 0)
			close(p->peer);
		if (fd >= 0)
			close(fd);
		free(p);
		return rc;
	}
	c->ops = &pty_ops;
	c->description = xasprintf("pty %s", name);
	return 0;
}
