/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/jump.h: leaving many calls at once. As setjmp and longjmp without a signal mask: two words
 * are stored, and nothing is unwound, on Windows neither. Who sets must still be running: behind a
 * last call that may jump, jump_stay() keeps clang from making a tail call of it. clang also takes
 * it for a function that returns once, and may use a stack slot again that the second return reads:
 * set in a function that is not inlined and does nothing but call another that is not.
 */
#pragma once

#ifdef __SANITIZE_THREAD__
/* The thread sanitizer follows calls and returns; it knows these two. */
#include <setjmp.h>
struct jump {
	jmp_buf buf;
};
#define jump_set(j) _setjmp((j)->buf)
#define jump_to(j) longjmp((j)->buf, 1)
#else
struct jump {
	void *buf[5];
};
/* 0 at first, 1 when jump_to() brings it here. Locals that changed in between are lost. */
#define jump_set(j) __builtin_setjmp((j)->buf)
/* Not from the function that set it. */
#define jump_to(j) __builtin_longjmp((j)->buf, 1)
#endif
#define jump_stay() __asm__ volatile("" : : : "memory")
