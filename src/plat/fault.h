/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/fault.h: floating point exceptions (x86 #MF, #XM) of machine code that we wrote: the code is
 * left, the program goes on. Anywhere else they end the program as ever.
 */
#pragma once

#include "base/error.h"

/*
 * Code from @from up to, without, @to. An exception in it goes on at @resume with all registers as
 * they were: it keeps the stack pointer, so @resume should be where the code returns from.
 */
struct fault_area {
	const u8 *from, *to, *resume;
};

/* Once before the first fault_guard(); again does nothing. Any thread. */
int fault_init(struct error *err) MUST_CHECK;
/* From now on for the calling thread; NULL: nothing is guarded. @area must live until then. */
void fault_guard(const struct fault_area *area);

enum fault_kind { FAULT_X87, FAULT_SIMD };
/* Which exception the calling thread's guarded code was left with the last time. */
enum fault_kind fault_last(void);
