/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/mmio.S: memory-mapped accesses of 1 to 16 bytes, strings, ROM, and memory that is not there. */
#include "guest.inc"

	.code16
main16:
	GO_LONG
	movl $TD_MMIO, %ebx
	SAY "read:"
	movb (%rbx), %al
	movw 2(%rbx), %ax
	movl 4(%rbx), %eax
	movq 8(%rbx), %rax
	NUMBER
	shrq $32, %rax
	NUMBER
	movzbl 1(%rbx), %eax
	NUMBER
	movswl 6(%rbx), %eax
	NUMBER
	SAY "\nwrite:"
	movq $0x1122334455667788, %rax
	movb %al, (%rbx)
	movw %ax, 2(%rbx)
	movl %eax, 4(%rbx)
	movq %rax, 8(%rbx)
	movb $0x7f, 0x10(%rbx)
	movq $-2, 0x18(%rbx)
	SAY "\nunaligned:"
	movl 1(%rbx), %eax
	NUMBER
	movl %eax, 0x21(%rbx)
	SAY "\nmodify:"
	orl $0x10, 0x30(%rbx)
	xchgl %eax, 0x38(%rbx)
	NUMBER
	SAY "\nwide:"
	movups (%rbx), %xmm0
	movups %xmm0, 0x40(%rbx)
	SAY "\nstring:"
	movl $TD_MMIO, %esi
	movl $0x9000, %edi
	movl $2, %ecx
	rep movsl
	movl $0x9000, %esi
	movl $TD_MMIO + 0x50, %edi
	movl $1, %ecx
	rep movsq
	SAY "\nnothing:"
	movl 0x800000(%rbx), %eax
	NUMBER
	movl $1, 0x800000(%rbx)
	SAY "\nrom:"
	movl rom_word, %eax
	NUMBER
	movl $1, rom_word
	NUMBER_OF rom_word
	movl $ROM, %eax
	subl $rom_word, %eax		/* the same byte below 4 GiB */
	negl %eax
	addl $0xffff0000, %eax
	movl %eax, %eax
	movl (%rax), %eax
	NUMBER
	SAY "\ndoorbells:"
	movzbl 0x1004(%rbx), %eax
	NUMBER
	movl $7, 0x1000(%rbx)
	movl 0x1004(%rbx), %eax
	NUMBER
	movl 0x1004(%rbx), %eax
	NUMBER
	movw $TD_BELL, %dx
	outl %eax, %dx
	movw $TD_RUNG, %dx
	inb %dx, %al
	movzbl %al, %eax
	NUMBER
	END
rom_word:
	.long 0x600dc0de
GUEST_DATA
