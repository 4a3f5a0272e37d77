/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/hints.S: which features and hints of the Hyper-V interface are shown. */
#include "guest.inc"

.macro LEAF number
	movl $\number, %eax
	xorl %ecx, %ecx
	cpuid
	movl %ecx, %r8d
	movl %edx, %r9d
	NUMBER
	NUMBER_OF %ebx
	NUMBER_OF %r8d
	NUMBER_OF %r9d
.endm
	.code16
main16:
	GO_LONG
	LEAF 0x40000003
	SAY "\n"
	LEAF 0x40000004
	SAY "\n"
	END
GUEST_DATA
