/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/smm.S: System Management Mode: its own memory, RSM, an SMI in HLT, 64-bit state across it. */
#include "guest.inc"

#define COUNT	0x9000
	.code16
main16:
	GO_LONG
	SAY "outside:"
	movl 0x38000, %eax		/* covered: nobody there */
	NUMBER
	movl $0x12345678, %r15d
	movl $0x9abcdef0, %r14d
	movl $3, %ebx
1:	TELL TD_SMI, 0
	decl %ebx
	jnz 1b
	NUMBER_OF COUNT
	NUMBER_OF %r15d
	NUMBER_OF %r14d
	movl $5, %eax			/* all vCPUs, also this one */
	TELL TD_SMI, 1
	NUMBER_OF COUNT
	NUMBER_OF 0x9004		/* what the handler saw at its own address */
	NUMBER_OF 0x9008		/* what a device was told of it */
	movw $TD_SMI, %dx
	xorl %eax, %eax
	inb %dx, %al
	NUMBER				/* and now */
	SAY "\nstill outside:"
	movl 0x38000, %eax
	NUMBER
	SAY "\n"
	END

	/* The runner puts it at 38000, where an SMI begins in a mode much like real mode. */
	.org rom + 0x4000
	.code16
smi_handler:
	movw $0, %ax
	movw %ax, %ds
	incl COUNT
	movl %cs:0x8000, %eax
	movl %eax, 0x9004
	movw $TD_SMI, %dx
	xorl %eax, %eax
	inb %dx, %al
	movl %eax, 0x9008
	rsm
GUEST_DATA
