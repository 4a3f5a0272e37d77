/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/save.c: the whole-file half of plat/file.h. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "plat/file.h"
#include "plat/map.h"
#include "plat/win32/win_priv.h"

static int replace(const char *temp, const char *path, struct error *err)
{
	wchar_t *from = win_wide(temp), *to = win_wide(path);
	int rc = 0;

	if (!from || !to)
		rc = error_set(err, -EINVAL, "%s: this path is no UTF-8", path);
	else if (!MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
		rc = win_error(err, "%s: cannot replace", path);
	free(from);
	free(to);
	return rc;
}

static bool is_directory(const char *path)
{
	wchar_t *wide = win_wide(path);
	DWORD a = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;

	free(wide);
	return a != INVALID_FILE_ATTRIBUTES && (a & FILE_ATTRIBUTE_DIRECTORY);
}

int file_save(const char *path, const void *data, size_t len, struct error *err)
{
	AUTO_FREE char *temp = NULL;
	struct file *f;
	u64 tag;
	int rc;

	if (is_directory(path))
		return error_set(err, -EISDIR, "%s: this is a directory; name a file", path);
	rc = random_bytes(&tag, sizeof(tag));
	if (rc)
		return error_set(err, rc, "%s: no name for a temporary file", path);
	temp = xasprintf("%s.%016llx.tmp", path, (unsigned long long)tag);
	rc = file_open(&f, temp, FILE_WRITE | FILE_CREATE | FILE_NEW, err);
	if (rc)
		return rc;
	rc = file_write(f, data, len, 0);
	if (!rc)
		rc = file_flush(f);
	file_close(f);
	if (rc)
		error_set(err, rc, "%s: cannot write: %s", path, strerror(-rc));
	else
		rc = replace(temp, path, err);
	if (rc)
		file_remove(temp);
	return rc;
}

int file_load(u8 **out, size_t *len, const char *path, size_t limit, struct error *err)
{
	struct file_info info = { 0 };
	struct file *f;
	u8 *buf = NULL;
	char text[16];
	int rc;

	rc = file_open(&f, path, FILE_READ, err);
	if (rc)
		return rc;
	rc = file_info(f, &info);
	if (!rc && info.size > limit)
		rc = -EFBIG;
	if (!rc) {
		buf = try_alloc(info.size + 1, SIZE_MAX);
		rc = buf ? file_read(f, buf, (size_t)info.size, 0) : -ENOMEM;
	}
	file_close(f);
	if (!rc) {
		*out = buf;
		*len = (size_t)info.size;
		return 0;
	}
	free(buf);
	if (rc == -EFBIG)
		return error_set(err, rc,
				 "%s: larger than the limit of %s; is this the right file?", path,
				 format_size(text, sizeof(text), limit));
	return error_set(err, rc, "%s: cannot read: %s", path, strerror(-rc));
}
