/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/ports.S: port accesses of every size in every mode, strings, and ports nobody claims. */
#include "guest.inc"

	.code16
main16:
	SAY16 "real:"
	movw $TD_ECHO, %dx
	inb %dx, %al
	outb %al, %dx
	inw %dx, %ax
	outw %ax, %dx
	inl %dx, %eax
	outl %eax, %dx
	movw $(TD_ECHO + 3), %dx
	inw %dx, %ax
	NUMBER
	movw $0x1234, %dx
	movl $0x5a5a5a5a, %eax
	inb %dx, %al			/* all ones, and nothing above the byte */
	NUMBER
	movl $0, %eax
	inl %dx, %eax
	NUMBER
	inb $0xf7, %al			/* the short form */
	movzbl %al, %eax
	NUMBER

	SAY16 "\nstrings:"
	movw $0x9000, %di
	movw $3, %cx
	movw $TD_ECHO, %dx
	cld
	rep insw %dx, %es:(%di)
	movw $0x9000, %si
	movw $3, %cx
	rep outsw %ds:(%si), %dx
	std				/* backwards */
	movw $0x9004, %si
	movw $2, %cx
	rep outsw %ds:(%si), %dx
	cld

	GO_LONG
	SAY "\nlong:"
	movl $0x9000, %edi
	movl $2, %ecx
	movw $(TD_ECHO + 4), %dx
	rep insl
	movl $0x9000, %esi
	movl $2, %ecx
	rep outsl
	/* More elements than one exit can carry, over a page boundary. */
	movl $0xaff0, %edi
	movl $0x1800, %ecx
	movw $0x1234, %dx
	rep insb
	movl $0xaff0, %esi
	movl $0x600, %ecx
	xorl %ebx, %ebx
1:	lodsl
	addl $1, %eax			/* each was all ones */
	orl %eax, %ebx
	loop 1b
	NUMBER_OF %ebx
	movl $0x99887766, %eax
	movw $TD_ECHO, %dx
	outb %al, %dx
	outw %ax, %dx
	outl %eax, %dx
	movq $-1, %rax
	inl %dx, %eax			/* clears the upper half */
	shrq $32, %rax
	NUMBER
	END
GUEST_DATA
