/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/msr.S: MSRs: unknown ones, those that Windows expects, values that must fault. */
#include "guest.inc"

.macro READ index
	movl $\index, %ecx
	movl $0x55555555, %eax
	movl $0x55555555, %edx
	rdmsr
	movl %edx, %r8d
	NUMBER
	NUMBER_OF %r8d
.endm
.macro WRITE index, high, low
	movl $\index, %ecx
	movl $\low, %eax
	movl $\high, %edx
	wrmsr
.endm

	.code16
main16:
	GO_LONG
	ON 13, on_gp
	SAY "unknown:"
	READ 0x1f00
	WRITE 0x1f00, 1, 2
	READ 0x1f00
	READ 0xc0011fff
	SAY "\nfeature control:"
	READ 0x3a
	SAY "\ntolerated:"
	WRITE 0xc0010015, 0, 0x01000010
	WRITE 0xc001001f, 0x00004000, 0
	WRITE 0xc0010115, 0, 1
	SAY "ok\npat:"
	READ 0x277
	SAY "\nmtrr:"
	READ 0xfe
	WRITE 0x200, 0, 0xc0000006
	READ 0x200
	SAY "\nfaults:"
	WRITE 0xc0000080, 0, 0xffffffff
	WRITE 0x277, 0, 0x22222222
	SAY "\ntsc:"
	WRITE 0x10, 0x1800, 0		/* far from the limits of what is checked */
	rdtsc
	shrl $12, %edx
	NUMBER_OF %edx
	SAY "\n"
	END
on_gp:
	addq $8, %rsp
	addq $2, (%rsp)			/* both instructions have two bytes */
	SAY "#GP "
	iretq
GUEST_DATA
