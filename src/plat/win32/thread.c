/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/thread.c: see plat/thread.h. Slim locks, condition variables, fiber-local storage. */
#include "plat/thread.h"

#include <assert.h>
#include <errno.h>
#include <process.h>
#include <string.h>

#include "base/alloc.h"
#include "plat/plat_priv.h"
#include "plat/time.h"
#include "plat/win32/win_priv.h"

struct thread {
	HANDLE handle;
	void (*fn)(void *);
	void *arg;
};

_Static_assert(sizeof(SRWLOCK) <= sizeof(struct mutex), "struct mutex is too small");
_Static_assert(sizeof(CONDITION_VARIABLE) <= sizeof(struct cond), "struct cond is too small");

static SRWLOCK *host_mutex(struct mutex *m)
{
	return (SRWLOCK *)m->opaque;
}

static CONDITION_VARIABLE *host_cond(struct cond *c)
{
	return (CONDITION_VARIABLE *)c->opaque;
}

void mutex_init(struct mutex *m)
{
	InitializeSRWLock(host_mutex(m));
}

void mutex_finish(struct mutex *m)
{
}

void mutex_lock(struct mutex *m)
{
	AcquireSRWLockExclusive(host_mutex(m));
}

void mutex_unlock(struct mutex *m)
{
	ReleaseSRWLockExclusive(host_mutex(m));
}

void cond_init(struct cond *c)
{
	InitializeConditionVariable(host_cond(c));
}

void cond_finish(struct cond *c)
{
}

void cond_wait(struct cond *c, struct mutex *m)
{
	SleepConditionVariableSRW(host_cond(c), host_mutex(m), INFINITE, 0);
}

bool cond_wait_ns(struct cond *c, struct mutex *m, u64 ns)
{
	u64 ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);
	DWORD wait = ms >= INFINITE ? INFINITE : (DWORD)ms;

	if (SleepConditionVariableSRW(host_cond(c), host_mutex(m), wait, 0))
		return true;
	assert(GetLastError() == ERROR_TIMEOUT);
	return false;
}

void cond_signal(struct cond *c)
{
	WakeConditionVariable(host_cond(c));
}

void cond_broadcast(struct cond *c)
{
	WakeAllConditionVariable(host_cond(c));
}

/* Windows 10 1607 and later know names; older ones do without. */
static void set_name(HANDLE thread, const char *name)
{
	typedef HRESULT(WINAPI * set_fn)(HANDLE, PCWSTR);
	HMODULE kernel = GetModuleHandleA("kernelbase.dll");
	set_fn set = NULL;
	wchar_t *wide;

	if (kernel)
		set = (set_fn)(void (*)(void))GetProcAddress(kernel, "SetThreadDescription");
	wide = set ? win_wide(name) : NULL;
	if (wide)
		set(thread, wide);
	free(wide);
}

static unsigned __stdcall thread_main(void *arg)
{
	struct thread *t = arg;

	t->fn(t->arg);
	return 0;
}

int thread_start(struct thread **out, const char *name, void (*fn)(void *), void *arg,
		 struct error *err)
{
	struct thread *t = xnew(struct thread);
	int rc;

	t->fn = fn;
	t->arg = arg;
	t->handle = (HANDLE)_beginthreadex(NULL, 0, thread_main, t, CREATE_SUSPENDED, NULL);
	if (!t->handle) {
		rc = error_set(err, -errno, "cannot start thread \"%s\": %s", name,
			       strerror(errno));
		free(t);
		return rc;
	}
	set_name(t->handle, name);
	*out = t;
	ResumeThread(t->handle);
	return 0;
}

void thread_join(struct thread *t)
{
	if (!t)
		return;
	WaitForSingleObject(t->handle, INFINITE);
	CloseHandle(t->handle);
	free(t);
}

u32 thread_id(void)
{
	return GetCurrentThreadId();
}

void thread_kick(struct thread *t)
{
	/* A blocking ReadFile() or WriteFile(); vCPUs are stopped by their backend's own call. */
	CancelSynchronousIo(t->handle);
}

u64 process_cpu_ns(void)
{
	FILETIME made, ended, kernel, user;

	if (!GetProcessTimes(GetCurrentProcess(), &made, &ended, &kernel, &user))
		return 0;
	return 100 * (((u64)kernel.dwHighDateTime << 32) + kernel.dwLowDateTime +
		      ((u64)user.dwHighDateTime << 32) + user.dwLowDateTime);
}

static void WINAPI on_end(void *slot)
{
	if (slot)
		rcu_thread_end(slot);
}

static BOOL WINAPI make_end_key(INIT_ONCE *once, void *arg, void **out)
{
	*(DWORD *)arg = FlsAlloc(on_end);
	return TRUE;
}

void thread_at_end(void *slot)
{
	static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
	static DWORD key; /* the process's one key whose callback tells of a thread's end */

	InitOnceExecuteOnce(&once, make_end_key, &key, NULL);
	assert(key != FLS_OUT_OF_INDEXES);
	FlsSetValue(key, slot);
}
