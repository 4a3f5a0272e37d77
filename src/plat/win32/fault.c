/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/win32/fault.c: see plat/fault.h. A vectored exception handler. */
#include "plat/fault.h"

#include "plat/win32/win_priv.h"

/* Slots of each thread. __thread would take memory inside the handler. */
enum slot { SLOT_AREA, SLOT_LAST, N_SLOTS };

static DWORD *slots(void)
{
	static DWORD made[N_SLOTS];

	return made;
}

/* What Windows calls SSE's exceptions; x87's have a code for each cause. */
enum { MULTIPLE_FAULTS = (int)0xc00002b4, MULTIPLE_TRAPS = (int)0xc00002b5 };

/* Wine gives both the same codes; then x87's status word tells: an exception waits (ES). */
static enum fault_kind kind_of(const EXCEPTION_POINTERS *e)
{
	DWORD code = e->ExceptionRecord->ExceptionCode;

	if (code == (DWORD)MULTIPLE_FAULTS || code == (DWORD)MULTIPLE_TRAPS)
		return FAULT_SIMD;
	return e->ContextRecord->FltSave.StatusWord & 0x80 ? FAULT_X87 : FAULT_SIMD;
}

static bool is_float(DWORD code)
{
	switch (code) {
	case EXCEPTION_FLT_DENORMAL_OPERAND:
	case EXCEPTION_FLT_DIVIDE_BY_ZERO:
	case EXCEPTION_FLT_INEXACT_RESULT:
	case EXCEPTION_FLT_INVALID_OPERATION:
	case EXCEPTION_FLT_OVERFLOW:
	case EXCEPTION_FLT_STACK_CHECK:
	case EXCEPTION_FLT_UNDERFLOW:
	case (DWORD)MULTIPLE_FAULTS:
	case (DWORD)MULTIPLE_TRAPS: return true;
	default: return false;
	}
}

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *e)
{
	const struct fault_area *a;
	const u8 *pc = (const u8 *)(uintptr_t)e->ContextRecord->Rip;
	DWORD code = e->ExceptionRecord->ExceptionCode;

	if (!is_float(code))
		return EXCEPTION_CONTINUE_SEARCH;
	a = TlsGetValue(slots()[SLOT_AREA]);
	if (!a || pc < a->from || pc >= a->to)
		return EXCEPTION_CONTINUE_SEARCH;
	TlsSetValue(slots()[SLOT_LAST], (void *)(uintptr_t)kind_of(e));
	e->ContextRecord->Rip = (DWORD64)(uintptr_t)a->resume;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static BOOL CALLBACK install(INIT_ONCE *once, void *arg, void **context)
{
	for (unsigned n = 0; n < N_SLOTS; n++) {
		slots()[n] = TlsAlloc();
		if (slots()[n] == TLS_OUT_OF_INDEXES)
			return FALSE;
	}
	return AddVectoredExceptionHandler(1, on_exception) != NULL;
}

int fault_init(struct error *err)
{
	static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

	if (!InitOnceExecuteOnce(&once, install, NULL, NULL))
		return win_error(err, "cannot handle exceptions");
	return 0;
}

void fault_guard(const struct fault_area *area)
{
	TlsSetValue(slots()[SLOT_AREA], (void *)(uintptr_t)area);
}

enum fault_kind fault_last(void)
{
	return (enum fault_kind)(uintptr_t)TlsGetValue(slots()[SLOT_LAST]);
}
