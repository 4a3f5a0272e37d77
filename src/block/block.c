/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block/block.c: opening a disk image, telling its format, and the gate to its format. */
#include "block/block.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "block/block_priv.h"

LOG_MODULE("block");

static int open_file(struct disk *d, const struct disk_config *cfg, struct error *err)
{
	unsigned mode = (cfg->readonly ? FILE_READ : FILE_WRITE) | (cfg->direct ? FILE_DIRECT : 0);
	struct file *probe;
	int r = file_open(&d->file, cfg->path, mode, err);

	if ((r == -EACCES || r == -EPERM || r == -EROFS) && !cfg->readonly &&
	    file_open(&probe, cfg->path, FILE_READ, NULL) == 0) {
		file_close(probe);
		return error_set(err, r,
				 "%s: it may be read but not written; make it writable, or add "
				 "readonly=on",
				 cfg->path);
	}
	if (r < 0)
		return r;
	r = file_info(d->file, &d->file_info);
	if (r < 0)
		return error_set(err, r, "%s: cannot tell its size: %s", cfg->path, strerror(-r));
	if (d->file_info.size == 0)
		return error_set(err, -EINVAL,
				 "%s: it is empty (0 bytes); make a disk with: truncate -s 64G %s",
				 cfg->path, cfg->path);
	return 0;
}

static int lock_file(struct disk *d, const struct disk_config *cfg, struct error *err)
{
	int r = file_lock(d->file, !cfg->readonly);

	if (r == -EBUSY)
		return error_set(
			err, r,
			"%s: it is in use by another program (a running machine?); two would "
			"destroy it: stop the other, or work on a copy",
			cfg->path);
	/* Some network file systems have no locks: that must not keep a disk from being used. */
	if (r < 0 && r != -ENOTSUP && r != -ENOLCK && r != -ENOSYS && r != -EINVAL)
		return error_set(err, r, "%s: cannot lock it: %s", cfg->path, strerror(-r));
	return 0;
}

static int refuse(const struct disk_config *cfg, const struct foreign_format *f, struct error *err)
{
	return error_set(err, -ENOTSUP, "%s: it is a %s image, which is not supported yet; %s",
			 cfg->path, f->name, f->advice);
}

static int format_by_name(struct disk *d, const struct disk_config *cfg, struct error *err)
{
	const struct foreign_format *f = foreign_named(cfg->format);

	for (unsigned i = 0; disk_formats[i]; i++) {
		if (!strcmp(disk_formats[i]->name, cfg->format)) {
			d->ops = disk_formats[i];
			return 0;
		}
	}
	if (f)
		return refuse(cfg, f, err);
	return error_set(err, -EINVAL, "%s: there is no image format \"%s\"; use raw", cfg->path,
			 cfg->format);
}

static int format_by_content(struct disk *d, const struct disk_config *cfg, struct error *err)
{
	u8 head[PROBE_HEAD], tail[PROBE_TAIL];
	u64 size = d->file_info.size;
	size_t head_len = (size_t)MIN(size, sizeof(head)),
	       tail_len = (size_t)MIN(size, sizeof(tail));
	const struct foreign_format *f;
	int best = 0, r;

	r = file_read(d->file, head, head_len, 0);
	if (r == 0)
		r = file_read(d->file, tail, tail_len, size - tail_len);
	if (r < 0)
		return error_set(err, r, "%s: cannot read it: %s", cfg->path, strerror(-r));
	f = foreign_probe(head, head_len, tail, tail_len);
	if (f)
		return refuse(cfg, f, err);
	for (unsigned i = 0; disk_formats[i]; i++) {
		int sure = disk_formats[i]->probe(head, head_len);

		if (sure > best) {
			best = sure;
			d->ops = disk_formats[i];
		}
	}
	return 0;
}

int disk_open(struct disk **out, const struct disk_config *cfg, struct error *err)
{
	struct disk *d = xnew(struct disk);
	int r = open_file(d, cfg, err);

	if (r == 0)
		r = lock_file(d, cfg, err);
	if (r == 0)
		r = cfg->format ? format_by_name(d, cfg, err) : format_by_content(d, cfg, err);
	if (r < 0)
		goto fail;
	d->path = xstrdup(cfg->path);
	d->info.readonly = cfg->readonly;
	d->info.format = d->ops->name;
	d->info.path = d->path;
	r = d->ops->open(d, err);
	if (r < 0)
		goto fail;
	*out = d;
	return 0;
fail:
	file_close(d->file);
	free(d->path);
	free(d);
	return r;
}

int disk_flush_file(struct disk *d)
{
	if (d->flush_error == 0)
		d->flush_error = file_flush(d->file);
	return d->flush_error;
}

void disk_close(struct disk *d)
{
	int r;

	if (!d)
		return;
	if (d->ops->close)
		d->ops->close(d);
	r = d->info.readonly ? 0 : disk_flush_file(d);
	if (r < 0)
		log_err("%s: what was written last may be lost: %s", d->path, strerror(-r));
	file_close(d->file);
	free(d->path);
	free(d);
}

const struct disk_info *disk_info(const struct disk *d)
{
	return &d->info;
}

void disk_submit(struct disk *d, struct disk_req *r)
{
	bool inside = r->len <= d->info.size && r->off <= d->info.size - r->len;
	bool changes = r->op != DISK_READ && r->op != DISK_FLUSH;

	if (r->op != DISK_FLUSH && !inside)
		r->done(r, -EINVAL);
	else if (changes && d->info.readonly)
		r->done(r, -EROFS);
	else if (r->op == DISK_FLUSH && d->info.readonly)
		r->done(r, 0);
	else
		d->ops->submit(d, r);
}
