/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/signals.c: see plat/signals.h. Console control events (HandlerRoutine). */
#include "plat/signals.h"

#include "base/alloc.h"
#include "plat/event.h"
#include "plat/plat_priv.h"
#include "plat/win32/win_priv.h"

struct signals {
	struct event event;
	u32 came; /* bit n: quit_signal n */
	void (*fn)(void *arg, enum quit_signal s);
	void *arg;
};

/* Windows calls the handler on a thread of its own, without an argument. */
static struct signals **watching(void)
{
	static struct signals *s;

	return &s;
}

static BOOL WINAPI on_control(DWORD type)
{
	struct signals *s = __atomic_load_n(watching(), __ATOMIC_ACQUIRE);
	enum quit_signal q = type == CTRL_C_EVENT       ? QUIT_INTERRUPT
			     : type == CTRL_BREAK_EVENT ? QUIT_TERMINATE
							: QUIT_HANGUP;

	if (!s)
		return FALSE;
	__atomic_fetch_or(&s->came, BIT(q), __ATOMIC_RELEASE);
	event_signal(&s->event);
	/* When this returns after a close, the process is ended: the loop has until then. */
	if (q == QUIT_HANGUP)
		Sleep(INFINITE);
	return TRUE;
}

static void on_event(void *arg, unsigned events)
{
	struct signals *s = arg;
	u32 came;

	event_clear(&s->event);
	came = __atomic_exchange_n(&s->came, 0, __ATOMIC_ACQUIRE);
	for (unsigned q = QUIT_INTERRUPT; q <= QUIT_HANGUP; q++)
		if (came & BIT(q))
			s->fn(s->arg, (enum quit_signal)q);
}

static void signals_end(void *arg)
{
	struct signals *s = arg;

	SetConsoleCtrlHandler(on_control, FALSE);
	__atomic_store_n(watching(), NULL, __ATOMIC_RELEASE);
	event_finish(&s->event);
	free(s);
}

int signals_watch(struct loop *loop, void (*fn)(void *arg, enum quit_signal s), void *arg,
		  struct error *err)
{
	struct signals *s = xnew(struct signals);
	struct loop_source *src;
	int rc;

	s->fn = fn;
	s->arg = arg;
	rc = event_init(&s->event, err);
	if (!rc)
		rc = loop_watch(&src, loop, s->event.handle, LOOP_READ, on_event, s, err);
	if (rc) {
		event_finish(&s->event);
		free(s);
		return rc;
	}
	loop_on_unwatch(src, signals_end);
	__atomic_store_n(watching(), s, __ATOMIC_RELEASE);
	SetConsoleCtrlHandler(on_control, TRUE);
	return 0;
}

bool signals_waiting(void)
{
	struct signals *s = __atomic_load_n(watching(), __ATOMIC_ACQUIRE);

	return s && __atomic_load_n(&s->came, __ATOMIC_ACQUIRE);
}
