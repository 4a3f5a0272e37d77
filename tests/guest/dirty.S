/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/dirty.S: the log of written pages, also next to a hole that comes and goes. */
#include "guest.inc"

.macro LOG on
	movw $TD_DIRTY, %dx
	movl $\on, %eax
	outl %eax, %dx
.endm
/* 1 for the report if the page at @at was written since it was last asked for. */
.macro PAGE at
	movw $(TD_DIRTY + 4), %dx
	movl $\at, %eax
	outl %eax, %dx
	inl %dx, %eax
	NUMBER
.endm
	.code16
main16:
	GO_LONG
	SAY "off:"
	movl $1, 0x100000
	PAGE 0x100000
	SAY "\non:"
	LOG 1
	movl $1, 0x200000
	movl $1, 0x202abc
	PAGE 0x200000
	PAGE 0x201000
	PAGE 0x202000
	PAGE 0x200000			/* once is enough */
	movl $2, 0x200ffc
	PAGE 0x200000
	movl $0x400ff0, %edi		/* over a page boundary */
	movl $8, %ecx
	rep stosq
	PAGE 0x400000
	PAGE 0x401000
	SAY "\nhole:"
	TELL TD_HIDE, 1
	movl $1, TD_PAGE - 0x1000
	movl $1, TD_PAGE		/* falls into it */
	movl $1, TD_PAGE + 0x1000
	PAGE 0x5ff000
	PAGE TD_PAGE
	PAGE 0x601000
	movl $1, TD_PAGE + 0x2000
	TELL TD_HIDE, 0			/* the slot goes, but not what it logged */
	PAGE 0x602000
	movl $1, TD_PAGE
	PAGE TD_PAGE
	SAY "\noff:"
	LOG 0
	movl $1, 0x100000
	PAGE 0x100000
	SAY "\n"
	END
GUEST_DATA
