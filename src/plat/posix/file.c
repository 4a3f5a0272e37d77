/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/file.c: see plat/file.h. */
#include "plat/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "plat/plat_priv.h"
#include "plat/posix/fd_priv.h"

enum { BATCH = 64 };

struct file {
	int fd;
	int direct; /* the same file opened with O_DIRECT, or -1 */
	bool block_device;
};

static int open_error(const char *path, unsigned mode, int code, struct error *err)
{
	const char *advice = "";

	switch (-code) {
	case ENOENT: advice = "; check the path"; break;
	case EACCES:
	case EPERM:
		advice = mode & FILE_WRITE ? "; change its permissions, or use it read-only"
					   : "; change its permissions";
		break;
	case EROFS: advice = "; use it read-only, or copy it to a writable place"; break;
	case EISDIR: return error_set(err, code, "%s: this is a directory; name a file", path);
	case EEXIST: advice = "; remove it first, or choose another name"; break;
	case ETXTBSY: advice = "; a running program uses it"; break;
	case EMFILE:
	case ENFILE: advice = "; raise the limit on open files (ulimit -n)"; break;
	default: break;
	}
	return error_set(err, code, "%s: cannot %s: %s%s", path,
			 mode & FILE_NEW ? "create" : "open", strerror(-code), advice);
}

/* Refuse what has no offsets. 0, or -EINVAL with @err. */
static int check_kind(const char *path, const struct stat *st, struct error *err)
{
	const char *what = S_ISDIR(st->st_mode)    ? "a directory"
			   : S_ISFIFO(st->st_mode) ? "a pipe"
			   : S_ISSOCK(st->st_mode) ? "a socket"
			   : S_ISCHR(st->st_mode)  ? "a character device"
						   : NULL;

	if (!what)
		return 0;
	return error_set(err, S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL,
			 "%s: this is %s; name a file or a block device", path, what);
}

/*
 * A block device to be written must be ours alone: O_EXCL without O_CREAT asks the kernel whether
 * it is mounted, a part of another device, or open in this way elsewhere (open(2)). *fd is then the
 * exclusive one.
 */
static int claim_device(int *fd, const char *path, struct error *err)
{
	char self[32];
	int mine;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", *fd);
	mine = fd_above_std(open(self, O_RDWR | O_EXCL | O_CLOEXEC));
	if (mine < 0 && errno == EBUSY)
		return error_set(
			err, -EBUSY,
			"%s: this host uses it: it is mounted, a part of another device, or "
			"another program's; unmount it first",
			path);
	if (mine < 0)
		return 0; /* it cannot be asked, which is no reason against it */
	close(*fd);
	*fd = mine;
	return 0;
}

int file_open(struct file **out, const char *path, unsigned mode, struct error *err)
{
	/* O_NONBLOCK: opening a pipe that nobody writes to must not wait. */
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct file *f;
	struct stat st;
	char self[32];
	int fd, rc;

	flags |= mode & FILE_WRITE ? O_RDWR : O_RDONLY;
	flags |= mode & FILE_CREATE ? O_CREAT : 0;
	flags |= mode & FILE_NEW ? O_EXCL : 0;
	fd = fd_above_std(open(path, flags, 0666));
	if (fd < 0 && errno == ENXIO) /* a socket, or a device without a driver */
		return error_set(err, -ENXIO, "%s: this is no file or block device", path);
	if (fd < 0)
		return open_error(path, mode, -errno, err);
	rc = fstat(fd, &st) ? open_error(path, mode, -errno, err) : check_kind(path, &st, err);
	if (!rc && S_ISBLK(st.st_mode) && mode & FILE_WRITE)
		rc = claim_device(&fd, path, err);
	if (rc) {
		close(fd);
		return rc;
	}
	f = xnew(struct file);
	f->fd = fd;
	f->direct = -1;
	f->block_device = S_ISBLK(st.st_mode);
	if (mode & FILE_DIRECT) {
		/* By descriptor, so that it is the same file whatever became of the path. */
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		f->direct = fd_above_std(
			open(self, (mode & FILE_WRITE ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC));
	}
	*out = f;
	return 0;
}

void file_close(struct file *f)
{
	if (!f)
		return;
	if (f->direct >= 0)
		close(f->direct);
	close(f->fd);
	free(f);
}

int file_info(struct file *f, struct file_info *out)
{
	struct stat st;
	u64 size;
	int sector = 512;

	if (fstat(f->fd, &st))
		return -errno;
	size = (u64)st.st_size;
	if (f->block_device &&
	    (ioctl(f->fd, BLKGETSIZE64, &size) || ioctl(f->fd, BLKSSZGET, &sector)))
		return -errno;
	*out = (struct file_info){
		.size = size,
		.dev = st.st_dev,
		.inode = st.st_ino,
		.regular = S_ISREG(st.st_mode),
		.block_device = f->block_device,
		.sector = (u32)sector,
	};
	return 0;
}

os_handle file_handle(struct file *f)
{
	return f->fd;
}

int file_transfer(struct file *f, const struct io_vec *v, unsigned n, u64 off, u64 total,
		  bool aligned, bool write)
{
	bool direct = aligned && f->direct >= 0;
	size_t skip = 0; /* of v[0] */

	while (total) {
		struct iovec part[BATCH];
		ssize_t done;
		int k = 0, fd;

		for (unsigned i = 0; i < n && k < BATCH; i++, k++) {
			part[k].iov_base = (u8 *)v[i].ptr + (i ? 0 : skip);
			part[k].iov_len = v[i].len - (i ? 0 : skip);
		}
		/* Cut short, by the end of the file or a full disk, the rest may begin anywhere. */
		fd = direct && !((off | skip) & (FILE_ALIGN - 1)) ? f->direct : f->fd;
		done = write ? pwritev(fd, part, k, (off_t)off) : preadv(fd, part, k, (off_t)off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		/* A batch of empty parts moves nothing; else 0 is the end of the file. */
		if (!done) {
			for (int i = 0; i < k; i++)
				if (part[i].iov_len)
					return write ? -ENOSPC : -EIO;
		}
		off += (u64)done;
		total -= (u64)done;
		skip += (size_t)done;
		while (n && skip >= v->len) {
			skip -= v->len;
			v++;
			n--;
		}
	}
	return 0;
}

/* Repeat a call that gives 0 or -1 until no signal interrupts it. 0 or -errno. */
#define RETRY(call)                                                                                \
	({                                                                                         \
		int rc_;                                                                           \
		do {                                                                               \
			rc_ = (call) ? -errno : 0;                                                 \
		} while (rc_ == -EINTR);                                                           \
		rc_;                                                                               \
	})

int file_flush(struct file *f)
{
	return RETRY(fdatasync(f->fd));
}

int file_resize(struct file *f, u64 size)
{
	if (f->block_device)
		return -ENOTSUP;
	if (size > (u64)INT64_MAX)
		return -EFBIG;
	return RETRY(ftruncate(f->fd, (off_t)size));
}

int file_punch(struct file *f, u64 off, u64 len)
{
	u64 end;
	int rc;

	if (!len)
		return 0;
	if (add_overflow(off, len, &end) || end > (u64)INT64_MAX)
		return -EINVAL;
	/*
	 * On a block device too this discards only where zeroes are sure to follow: fallocate(2).
	 */
	rc = RETRY(fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
			     (off_t)len));
	return rc == -ENOSYS || rc == -ENODEV || rc == -EOPNOTSUPP ? -ENOTSUP : rc;
}

int file_lock(struct file *f, bool exclusive)
{
	struct flock fl = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

	if (!fcntl(f->fd, F_OFD_SETLK, &fl))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

bool file_exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

bool file_same(const char *a, const char *b)
{
	struct stat x, y;

	if (!strcmp(a, b))
		return true;
	if (stat(a, &x) || stat(b, &y))
		return false;
	if (S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode))
		return x.st_rdev == y.st_rdev;
	return S_ISREG(x.st_mode) && S_ISREG(y.st_mode) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int file_remove(const char *path)
{
	return unlink(path) ? -errno : 0;
}

void file_open_std(void)
{
	/* open() takes the lowest free number. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return;
}
