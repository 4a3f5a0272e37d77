/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/file.c: output into a file, a named pipe or a device; no input. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "char/char_priv.h"

struct chr_file {
	int fd;
	struct chr_writer *writer;
};

static void file_output(struct chr *c)
{
	chr_writer_wake(((struct chr_file *)c->host)->writer);
}

static int file_put(void *arg, const u8 *buf, size_t len)
{
	ssize_t n = write(((struct chr_file *)arg)->fd, buf, len);

	return n < 0 ? -errno : (int)n;
}

static void file_end(struct chr *c)
{
	struct chr_file *f = c->host;

	chr_writer_stop(f->writer);
	close(f->fd);
	free(f);
}

static const struct chr_ops file_ops = {
	.output = file_output,
	.close = file_end,
};

/* A named pipe is opened both ways, lest it wait for a reader or die with one. */
static int open_output(const char *path)
{
	struct stat st;
	int how = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
	int fd;

	if (!stat(path, &st) && S_ISFIFO(st.st_mode))
		how = O_RDWR;
	fd = open(path, how | O_CLOEXEC | O_NOCTTY, 0666);
	return fd < 0 ? -errno : fd;
}

int chr_open_file(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	struct chr_file *f = xnew(struct chr_file);
	int rc;

	c->description = xasprintf("file %s", cfg->path);
	c->host = f;
	f->fd = open_output(cfg->path);
	if (f->fd < 0) {
		rc = error_set(err, f->fd, "%s: cannot write: %s; choose another file", cfg->path,
			       strerror(-f->fd));
		free(f);
		return rc;
	}
	rc = chr_writer_start(&f->writer, c, file_put, f, err);
	if (rc) {
		close(f->fd);
		free(f);
		return rc;
	}
	c->ops = &file_ops;
	return 0;
}
