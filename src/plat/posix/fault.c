/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/posix/fault.c: see plat/fault.h. SIGFPE; the floating point registers that the handler was
 * entered with come back with its return, exception flags and all (Linux sigaction(2),
 * sigreturn(2)).
 */
#include "plat/fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

struct guard {
	const struct fault_area *area;
	enum fault_kind last;
};

/* The calling thread's. A handler may look: no lock, no memory is taken. */
static struct guard *guard(void)
{
	static _Thread_local struct guard g;

	return &g;
}

static bool leave(struct guard *g, ucontext_t *u)
{
#ifdef __x86_64__
	enum { TRAP_MF = 16 };
	const struct fault_area *a = g->area;
	greg_t *regs = u->uc_mcontext.gregs;

	if (a && (const u8 *)regs[REG_RIP] >= a->from && (const u8 *)regs[REG_RIP] < a->to) {
		g->last = regs[REG_TRAPNO] == TRAP_MF ? FAULT_X87 : FAULT_SIMD;
		regs[REG_RIP] = (greg_t)a->resume;
		return true;
	}
#endif
	return false;
}

static void on_fpe(int sig, siginfo_t *info, void *context)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	if (info->si_code > 0 && leave(guard(), context))
		return;
	/* Not ours: happen again, and end the program. One that was sent does not by itself. */
	sigaction(sig, &dfl, NULL);
	if (info->si_code <= 0)
		raise(sig);
}

int fault_init(struct error *err)
{
	struct sigaction on = { .sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigemptyset(&on.sa_mask);
	if (sigaction(SIGFPE, &on, NULL))
		return error_set(err, -errno, "cannot handle SIGFPE: %s", strerror(errno));
	return 0;
}

void fault_guard(const struct fault_area *area)
{
	guard()->area = area;
}

enum fault_kind fault_last(void)
{
	return guard()->last;
}
