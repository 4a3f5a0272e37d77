/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/win32/file.c: output into a file; no input. */
#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "char/char_priv.h"
#include "plat/file.h"

struct chr_file {
	struct file *file;
	u64 at;
	struct chr_writer *writer;
};

static void file_output(struct chr *c)
{
	chr_writer_wake(((struct chr_file *)c->host)->writer);
}

static int file_put(void *arg, const u8 *buf, size_t len)
{
	struct chr_file *f = arg;
	int rc = file_write(f->file, buf, len, f->at);

	if (rc)
		return rc;
	f->at += len;
	return (int)len;
}

static void file_end(struct chr *c)
{
	struct chr_file *f = c->host;

	chr_writer_stop(f->writer);
	file_close(f->file);
	free(f);
}

static const struct chr_ops file_ops = {
	.output = file_output,
	.close = file_end,
};

int chr_open_file(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	struct chr_file *f = xnew(struct chr_file);
	int rc;

	c->description = xasprintf("file %s", cfg->path);
	c->host = f;
	c->ops = &file_ops; /* its close knows the half-built one */
	rc = file_open(&f->file, cfg->path, FILE_WRITE | FILE_CREATE, err);
	if (rc)
		return rc;
	rc = file_resize(f->file, 0);
	if (rc)
		return error_set(err, rc, "%s: cannot empty it", cfg->path);
	return chr_writer_start(&f->writer, c, file_put, f, err);
}
