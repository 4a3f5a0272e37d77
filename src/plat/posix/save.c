/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/save.c: the whole-file half of plat/file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "plat/file.h"
#include "plat/map.h"
#include "plat/posix/fd_priv.h"

static int write_all(int fd, const void *data, size_t len)
{
	const u8 *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Make the rename itself last: the folder is a file too. Not all file systems can. */
static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

static int save_in_place(const char *path, const void *data, size_t len)
{
	int fd = fd_above_std(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, len);
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

/* @old is the file that is replaced, or NULL. */
static int save_beside(const char *path, const struct stat *old, const void *data, size_t len)
{
	AUTO_FREE char *temp = NULL;
	u64 tag;
	int fd, rc;

	rc = random_bytes(&tag, sizeof(tag));
	if (rc)
		return rc;
	temp = xasprintf("%s.%016llx.tmp", path, (unsigned long long)tag);
	fd = fd_above_std(open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, len);
	if (!rc && old && fchmod(fd, old->st_mode & 07777))
		rc = -errno;
	if (!rc && fsync(fd))
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && rename(temp, path))
		rc = -errno;
	if (rc)
		unlink(temp);
	else
		sync_folder(path);
	return rc;
}

int file_save(const char *path, const void *data, size_t len, struct error *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	struct stat st;
	bool there = !stat(path, &st);
	int rc;

	if (there && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (there && !S_ISREG(st.st_mode))
		rc = save_in_place(path, data, len);
	else
		rc = save_beside(real ? real : path, there ? &st : NULL, data, len);
	if (rc)
		return error_set(err, rc, "%s: cannot write: %s", path, strerror(-rc));
	return 0;
}

/* All of @fd, at most @limit bytes; the size that fstat tells is a hint (0 in /proc). */
static int read_all(u8 **out, size_t *len, int fd, size_t hint, size_t limit)
{
	size_t cap = MIN(hint, limit) + 1, at = 0;
	u8 *buf = try_alloc((u64)cap + 1, SIZE_MAX);
	ssize_t n = 1;

	while (buf && n) {
		n = read(fd, buf + at, cap - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		at += (size_t)n;
		if (at > limit) {
			free(buf);
			return -EFBIG;
		}
		if (at == cap) {
			size_t more = MIN(limit, cap * 2) + 1;
			u8 *bigger = realloc(buf, more + 1);

			if (!bigger)
				free(buf);
			buf = bigger;
			cap = more;
		}
	}
	if (!buf)
		return -ENOMEM;
	if (n < 0) {
		int rc = -errno;

		free(buf);
		return rc;
	}
	buf[at] = 0;
	*out = buf;
	*len = at;
	return 0;
}

int file_load(u8 **out, size_t *len, const char *path, size_t limit, struct error *err)
{
	struct file_info info = { 0 };
	struct file *f;
	char text[16];
	int rc;

	rc = file_open(&f, path, FILE_READ, err);
	if (rc)
		return rc;
	rc = file_info(f, &info);
	if (!rc && info.size > limit)
		rc = -EFBIG;
	if (!rc)
		rc = read_all(out, len, (int)file_handle(f), (size_t)info.size, limit);
	file_close(f);
	if (rc == -EFBIG)
		return error_set(err, rc,
				 "%s: larger than the limit of %s; is this the right file?", path,
				 format_size(text, sizeof(text), limit));
	if (rc)
		return error_set(err, rc, "%s: cannot read: %s", path, strerror(-rc));
	return 0;
}
