/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a machine while the host refuses the first, the second, the third ... thing asked of it:
 * each time an error that says something, and nothing left behind (the sanitizers look).
 */
#include "bus/pci/pci.h"
#include "core/io.h"
#include "fw/fw.h"
#include "plat/event.h"
#include "vm_rig.h"

static struct vm_rig rig;
/* The call that fails, counted down; 0: none. And how many there were. Main thread's calls only. */
static unsigned countdown, calls;
static u32 main_thread;

static bool fault(void)
{
	if (thread_id() != main_thread)
		return false;
	calls++;
	return countdown && --countdown == 0;
}

/* The linker sends calls of NAME to __wrap_NAME, which passes them on to __real_NAME. */
#define WRAP(name, params, args)                                                                   \
	int __real_##name params;                                                                  \
	int __wrap_##name params;                                                                  \
	int __wrap_##name params                                                                   \
	{                                                                                          \
		if (fault())                                                                       \
			return error_set(err, -EIO, "%s: refused by the test", #name);             \
		return __real_##name args;                                                         \
	}

WRAP(io_map, (struct machine * m, struct io_window *w, struct error *err), (m, w, err))
WRAP(map_create, (struct map * out, u64 size, unsigned flags, const char *name, struct error *err),
     (out, size, flags, name, err))
WRAP(event_init, (struct event * e, struct error *err), (e, err))
WRAP(thread_start,
     (struct thread * *out, const char *name, void (*fn)(void *), void *arg, struct error *err),
     (out, name, fn, arg, err))
WRAP(loop_create, (struct loop * *out, struct error *err), (out, err))
WRAP(loop_watch,
     (struct loop_source * *out, struct loop *loop, os_handle h, unsigned events,
      void (*fn)(void *arg, unsigned events), void *arg, struct error *err),
     (out, loop, h, events, fn, arg, err))
WRAP(pci_add,
     (struct pci_bus * bus, struct pci_dev *d, u8 devfn, const struct pci_ids *ids,
      struct error *err),
     (bus, d, devfn, ids, err))
WRAP(pci_add_msix,
     (struct pci_dev * d, unsigned bar, u32 offset, unsigned vectors, struct error *err),
     (d, bar, offset, vectors, err))
WRAP(fw_cfg_add,
     (struct device * fw, const char *name, const void *data, size_t len, struct error *err),
     (fw, name, data, len, err))
WRAP(fw_cfg_set, (struct device * fw, u16 key, const void *data, size_t len, struct error *err),
     (fw, key, data, len, err))
WRAP(file_open, (struct file * *out, const char *path, unsigned mode, struct error *err),
     (out, path, mode, err))
WRAP(mem_listen, (struct mem * m, const struct mem_listener *l, struct error *err), (m, l, err))

/* Those without a message of their own. */
int __real_file_read(struct file *f, void *buf, size_t len, u64 off);
int __wrap_file_read(struct file *f, void *buf, size_t len, u64 off);
int __wrap_file_read(struct file *f, void *buf, size_t len, u64 off)
{
	return fault() ? -EIO : __real_file_read(f, buf, len, off);
}

int __real_file_lock(struct file *f, bool exclusive);
int __wrap_file_lock(struct file *f, bool exclusive);
int __wrap_file_lock(struct file *f, bool exclusive)
{
	return fault() ? -EIO : __real_file_lock(f, exclusive);
}

void *__real_try_alloc(u64 size, size_t limit);
void *__wrap_try_alloc(u64 size, size_t limit);
void *__wrap_try_alloc(u64 size, size_t limit)
{
	return fault() ? NULL : __real_try_alloc(size, limit);
}

/* Make, start and end a machine whose @n-th call fails. False: it came to life all the same. */
static bool try_once(unsigned n, void (*change)(struct vm_config *c)) unchecked_roles
{
	int rc;

	rig_begin(&rig, "test_vm_faults", 2);
	if (change)
		change(&rig.cfg);
	rig.err.msg[0] = 0;
	calls = 0;
	countdown = n;
	rc = vm_create(&rig.vm, &rig.cfg, rig.loop, &rig.err);
	if (rc == 0)
		rc = vm_start(rig.vm, rig_ended, &rig, &rig.err);
	countdown = 0;
	if (rc < 0)
		CHECK(strlen(rig.err.msg) > 10);
	rig_end(&rig);
	return rc < 0;
}

static void each_call(void (*change)(struct vm_config *c))
{
	unsigned failed = 0, n, total;

	CHECK(!try_once(0, change));
	total = calls;
	CHECK(total > 40);
	for (n = 1; n <= total; n++)
		failed += try_once(n, change);
	/* Nobody misses a file that only might have been a template for the variables. */
	CHECK(failed + 4 >= total);
}

static void every_refusal_ends_in_an_error(void)
{
	each_call(NULL);
}

static void sockets_and_ptys(struct vm_config *c)
{
	c->serial2.kind = CHR_PTY;
	c->debugcon.kind = CHR_SOCKET;
	c->debugcon.path = xasprintf("%ssocket", rig.prefix);
	c->smm = TOGGLE_ON;
}

static void so_it_does_with_other_streams(void)
{
	each_call(sockets_and_ptys);
}

int main(void)
{
	main_thread = thread_id();
	RUN(every_refusal_ends_in_an_error);
	RUN(so_it_does_with_other_streams);
	return 0;
}
