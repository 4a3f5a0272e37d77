/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/posix/code.c: see plat/code.h. A memfd mapped twice (Linux memfd_create(2), mmap(2)). */
#include "plat/code.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plat/posix/fd_priv.h"

#ifndef MFD_EXEC
#define MFD_EXEC 16u /* Linux 6.3; where vm.memfd_noexec is set, nothing can be executed without */
#endif

static int open_code(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC);
	return fd_above_std(fd);
}

static int refused(struct code_map *m, const char *name, struct error *err)
{
	int code = errno;

	code_map_destroy(m);
	return error_set(err, -code,
			 "%s: the host refuses memory for machine code: %s; allow this program "
			 "executable memory (SELinux execmem, vm.memfd_noexec, systemd "
			 "MemoryDenyWriteExecute)",
			 name, strerror(code));
}

int code_map_create(struct code_map *out, size_t size, const char *name, struct error *err)
{
	struct code_map m = { .size = size, .handle = open_code(name) };
	void *at;

	if (m.handle < 0 || ftruncate((int)m.handle, (off_t)size))
		return refused(&m, name, err);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)m.handle, 0);
	if (at == MAP_FAILED)
		return refused(&m, name, err);
	m.write = at;
	at = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, (int)m.handle, 0);
	if (at == MAP_FAILED)
		return refused(&m, name, err);
	m.exec = at;
	*out = m;
	return 0;
}

void code_map_destroy(struct code_map *m)
{
	if (m->write)
		munmap(m->write, m->size);
	if (m->exec)
		munmap((void *)(uintptr_t)m->exec, m->size);
	if (m->handle > 0)
		close((int)m->handle);
	*m = (struct code_map){ 0 };
}
