/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/socket.c: a listening Unix socket, one client at a time (unix(7)). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "char/posix/stream_priv.h"

LOG_MODULE("char");

struct sock {
	struct stream stream; /* the client */
	int fd;               /* listens */
	struct loop_source *src;
	char *path;
	dev_t dev; /* of the name we made: another may stand there at the end */
	ino_t inode;
};

static void sock_output(struct chr *c)
{
	stream_output(&((struct sock *)c->host)->stream);
}

static void sock_input_wanted(struct chr *c)
{
	stream_want_input(&((struct sock *)c->host)->stream);
}

static void sock_close(struct chr *c)
{
	struct sock *k = c->host;
	struct stat st;

	stream_finish(&k->stream);
	loop_unwatch(k->src);
	if (k->inode && !stat(k->path, &st) && st.st_dev == k->dev && st.st_ino == k->inode)
		unlink(k->path);
	if (k->fd >= 0)
		close(k->fd);
	free(k->path);
	free(k);
}

static const struct chr_ops sock_ops = {
	.output = sock_output,
	.input_wanted = sock_input_wanted,
	.close = sock_close,
};

static void on_gone(struct stream *s)
{
	loop_rewatch(container_of(s, struct sock, stream)->src, LOOP_READ);
}

static void on_client(void *arg, unsigned events)
{
	struct sock *k = arg;
	struct error err;
	int fd = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	/* The next one waits in the queue until this one has gone. */
	loop_rewatch(k->src, 0);
	if (stream_connect(&k->stream, fd, &err)) {
		log_warn("%s: %s", k->path, err.msg);
		close(fd);
		loop_rewatch(k->src, LOOP_READ);
	}
}

/* True when a socket stands at @addr that no program listens on any more. */
static bool is_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int sock_listen(struct sock *k, struct error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int rc;

	if (strlen(k->path) >= sizeof(addr.sun_path))
		return error_set(
			err, -ENAMETOOLONG,
			"%s: the path of a socket has at most %zu bytes; use a shorter one",
			k->path, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, k->path, strlen(k->path));
	k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return error_set(err, -errno, "%s: no socket: %s", k->path, strerror(errno));
	rc = bind(k->fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	if (rc == -EADDRINUSE && is_stale(&addr)) {
		unlink(k->path);
		rc = bind(k->fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	}
	if (rc == -EADDRINUSE && !lstat(k->path, &st) && !S_ISSOCK(st.st_mode))
		return error_set(err, -EEXIST,
				 "%s: a file that is no socket stands there; "
				 "remove it or choose another path",
				 k->path);
	if (rc == -EADDRINUSE)
		return error_set(err, rc, "%s: another program listens there; choose another path",
				 k->path);
	if (rc)
		return error_set(err, rc, "%s: cannot make the socket: %s; choose another path",
				 k->path, strerror(-rc));
	if (!stat(k->path, &st)) {
		k->dev = st.st_dev;
		k->inode = st.st_ino;
	}
	if (listen(k->fd, 4))
		return error_set(err, -errno, "%s: cannot listen: %s", k->path, strerror(errno));
	return loop_watch(&k->src, k->stream.c->loop, k->fd, LOOP_READ, on_client, k, err);
}

int chr_open_socket(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	struct sock *k = xnew(struct sock);

	stream_init(&k->stream, c, on_gone);
	k->fd = -1;
	k->path = xstrdup(cfg->path);
	c->host = k;
	c->ops = &sock_ops; /* its close knows the half-built one */
	c->description = xasprintf("socket %s", cfg->path);
	return sock_listen(k, err);
}
