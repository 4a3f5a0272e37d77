/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/file.c: see plat/file.h. */
#include "plat/file.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>

#include "base/alloc.h"
#include "plat/plat_priv.h"
#include "plat/win32/win_priv.h"

#include <winioctl.h>

enum { CALL_MAX = 1 << 30 };

struct file {
	HANDLE handle;
	HANDLE direct; /* the same file without buffering, or NULL */
	bool block_device, writable;
	u64 capacity; /* of a block device */
	u32 sector;
};

/* A disk such as \\.\PhysicalDrive1 tells its capacity; a file does not. */
static void ask_disk(struct file *f)
{
	GET_LENGTH_INFORMATION length;
	DISK_GEOMETRY geometry;
	DWORD got;

	f->sector = 512;
	if (!DeviceIoControl(f->handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length,
			     sizeof(length), &got, NULL))
		return;
	f->block_device = true;
	f->capacity = (u64)length.Length.QuadPart;
	if (DeviceIoControl(f->handle, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry,
			    sizeof(geometry), &got, NULL))
		f->sector = geometry.BytesPerSector;
}

static int open_handle(HANDLE *out, const char *path, unsigned mode, struct error *err)
{
	DWORD access = GENERIC_READ | (mode & FILE_WRITE ? GENERIC_WRITE : 0);
	DWORD how = mode & FILE_NEW ? CREATE_NEW : mode & FILE_CREATE ? OPEN_ALWAYS : OPEN_EXISTING;
	wchar_t *wide = win_wide(path);
	DWORD attributes;
	HANDLE h;
	int rc = 0;

	if (!wide)
		return error_set(err, -EINVAL, "%s: this path is no UTF-8", path);
	attributes = GetFileAttributesW(wide);
	if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)) {
		free(wide);
		return error_set(err, -EISDIR, "%s: this is a directory; name a file", path);
	}
	h = CreateFileW(wide, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			how, FILE_ATTRIBUTE_NORMAL, NULL);
	if (h == INVALID_HANDLE_VALUE) {
		DWORD code = GetLastError();
		const char *advice = "";

		rc = win_errno(code);
		if (rc == -ENOENT)
			advice = "; check the path";
		else if (rc == -EEXIST)
			advice = "; remove it first, or choose another name";
		else if (rc == -EACCES || rc == -EROFS)
			advice = mode & FILE_WRITE ? "; change its permissions, or use it read-only"
						   : "; change its permissions";
		SetLastError(code);
		win_error(err, "%s: cannot %s%s", path, mode & FILE_NEW ? "create" : "open",
			  advice);
	}
	free(wide);
	*out = h;
	return rc;
}

int file_open(struct file **out, const char *path, unsigned mode, struct error *err)
{
	struct file *f;
	HANDLE h;
	int rc;

	rc = open_handle(&h, path, mode, err);
	if (rc)
		return rc;
	if (GetFileType(h) != FILE_TYPE_DISK) {
		CloseHandle(h);
		return error_set(err, -EINVAL,
				 "%s: this is a pipe or a device; name a file or a disk", path);
	}
	f = xnew(struct file);
	f->handle = h;
	f->writable = mode & FILE_WRITE;
	ask_disk(f);
	if (mode & FILE_DIRECT) {
		f->direct = ReOpenFile(h, GENERIC_READ | (mode & FILE_WRITE ? GENERIC_WRITE : 0),
				       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
				       FILE_FLAG_NO_BUFFERING);
		if (f->direct == INVALID_HANDLE_VALUE)
			f->direct = NULL;
	}
	*out = f;
	return 0;
}

void file_close(struct file *f)
{
	if (!f)
		return;
	if (f->direct)
		CloseHandle(f->direct);
	CloseHandle(f->handle);
	free(f);
}

int file_info(struct file *f, struct file_info *out)
{
	BY_HANDLE_FILE_INFORMATION info;

	*out = (struct file_info){ .size = f->capacity,
				   .block_device = f->block_device,
				   .regular = !f->block_device,
				   .sector = f->sector };
	if (f->block_device)
		return 0;
	if (!GetFileInformationByHandle(f->handle, &info))
		return win_errno(GetLastError());
	out->size = (u64)info.nFileSizeHigh << 32 | info.nFileSizeLow;
	out->dev = info.dwVolumeSerialNumber;
	out->inode = (u64)info.nFileIndexHigh << 32 | info.nFileIndexLow;
	return 0;
}

os_handle file_handle(struct file *f)
{
	return (os_handle)f->handle;
}

static int move(HANDLE h, u8 *at, size_t len, u64 off, bool write)
{
	while (len) {
		OVERLAPPED o = { .Offset = (DWORD)off, .OffsetHigh = (DWORD)(off >> 32) };
		DWORD want = (DWORD)MIN(len, (size_t)CALL_MAX), done = 0;
		BOOL ok = write ? WriteFile(h, at, want, &done, &o)
				: ReadFile(h, at, want, &done, &o);

		if (!ok && GetLastError() != ERROR_HANDLE_EOF)
			return win_errno(GetLastError());
		if (!done)
			return write ? -ENOSPC : -EIO;
		at += done;
		len -= done;
		off += done;
	}
	return 0;
}

int file_transfer(struct file *f, const struct io_vec *v, unsigned n, u64 off, u64 total,
		  bool aligned, bool write)
{
	HANDLE h = f->direct && aligned ? f->direct : f->handle;
	int rc = 0;

	(void)total;
	for (unsigned i = 0; i < n && !rc; i++) {
		rc = move(h, v[i].ptr, v[i].len, off, write);
		off += v[i].len;
	}
	return rc;
}

int file_flush(struct file *f)
{
	/* Windows refuses this for a file that was not opened for writing, which has nothing to. */
	if (!f->writable || FlushFileBuffers(f->handle))
		return 0;
	return win_errno(GetLastError());
}

int file_resize(struct file *f, u64 size)
{
	FILE_END_OF_FILE_INFO end = { .EndOfFile.QuadPart = (s64)size };

	if (f->block_device)
		return -ENOTSUP;
	if (size > (u64)INT64_MAX)
		return -EFBIG;
	if (!SetFileInformationByHandle(f->handle, FileEndOfFileInfo, &end, sizeof(end)))
		return win_errno(GetLastError());
	return 0;
}

static bool reads_as_zero(struct file *f, u64 off, size_t len)
{
	u8 got[512] = { 0 };

	if (file_read(f, got, len, off) < 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (got[i])
			return false;
	return true;
}

int file_punch(struct file *f, u64 off, u64 len)
{
	size_t edge = (size_t)MIN(len, 512);
	FILE_ZERO_DATA_INFORMATION zero = { .FileOffset.QuadPart = (s64)off };
	DWORD got;
	u64 end;

	if (!len)
		return 0;
	if (add_overflow(off, len, &end) || end > (u64)INT64_MAX)
		return -EINVAL;
	if (f->block_device)
		return -ENOTSUP;
	zero.BeyondFinalZero.QuadPart = (s64)end;
	/* Blocks are freed only in a file that is marked sparse; marking it again does nothing. */
	if (!DeviceIoControl(f->handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &got, NULL))
		return -ENOTSUP;
	if (!DeviceIoControl(f->handle, FSCTL_SET_ZERO_DATA, &zero, sizeof(zero), NULL, 0, &got,
			     NULL))
		return win_errno(GetLastError());
	/* Wine 8 says yes and leaves the data: zeroes are a promise, so look at both ends. */
	return reads_as_zero(f, off, edge) && reads_as_zero(f, end - edge, edge) ? 0 : -ENOTSUP;
}

int file_lock(struct file *f, bool exclusive)
{
	/*
	 * Windows' locks bind everyone who reads or writes the range, our second handle too. So it
	 * is one byte where no file has data: only others who lock it meet it.
	 */
	OVERLAPPED o = { .Offset = 0xfffffffe, .OffsetHigh = 0x7fffffff };
	DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0);

	if (LockFileEx(f->handle, flags, 0, 1, 0, &o))
		return 0;
	return GetLastError() == ERROR_IO_PENDING ? -EBUSY : win_errno(GetLastError());
}

bool file_exists(const char *path)
{
	wchar_t *wide = win_wide(path);
	bool there = wide && GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;

	free(wide);
	return there;
}

bool file_same(const char *a, const char *b)
{
	struct file *f[2] = { NULL, NULL };
	struct file_info x, y;
	bool same = !strcmp(a, b);

	if (!same && file_open(&f[0], a, FILE_READ, NULL) == 0 &&
	    file_open(&f[1], b, FILE_READ, NULL) == 0 && file_info(f[0], &x) == 0 &&
	    file_info(f[1], &y) == 0)
		same = x.dev == y.dev && x.inode == y.inode && x.inode;
	file_close(f[0]);
	file_close(f[1]);
	return same;
}

int file_remove(const char *path)
{
	wchar_t *wide = win_wide(path);
	int rc = wide ? 0 : -ENOENT;

	if (wide && !DeleteFileW(wide))
		rc = win_errno(GetLastError());
	free(wide);
	return rc;
}

void file_open_std(void)
{
	/* Handles are not handed out by number here: nothing takes the place of a missing one. */
}
