/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/kernel.S: a kernel that starts without firmware: by Multiboot, or (with PVH defined)
 * by Xen's note. Says on COM1 what it was given, and ends with the exit port of --test-devices.
 */
#define COM1 0x3f8
#define EXIT_PORT 0xf4
#define ACPI_RSDP 0xf0000

#ifdef PVH
	.section .note.xen, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long _start
#endif
	.text
	.globl _start
#ifndef PVH
	.align 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)
#endif

.macro SAY text
	jmp 771f
770:	.asciz "\text"
771:	movl $770b, %esi
	call say
.endm

_start:
	movl $stack, %esp /* of the segment that it begins with */
	movl %eax, %ebp
	movl $0x10, %eax /* and of the GDT it is left */
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %cr0, %eax
	andl $0x80000001, %eax
	cmpl $1, %eax
	jne wrong
	pushfl
	popl %eax
	testl $0x20200, %eax
	jnz wrong
	str %ax
	testw %ax, %ax
	jz wrong
#ifdef PVH
	cmpl $0x336ec578, (%ebx)
	jne wrong
	cmpl $1, 4(%ebx)
	jne wrong
	SAY "PVH, command line: "
	movl 24(%ebx), %esi
	call say
	SAY "\nmodule: "
	movl 16(%ebx), %eax
	movl (%eax), %esi
	movl 8(%eax), %ecx
	movl 32(%ebx), %edi
#else
	cmpl $0x2badb002, %ebp
	jne wrong
	movl (%ebx), %eax
	notl %eax
	testl $0x24d, %eax
	jnz wrong
	SAY "Multiboot, command line: "
	movl 16(%ebx), %esi
	call say
	SAY "\nloader: "
	movl 64(%ebx), %esi
	call say
	SAY "\nmodule: "
	movl 24(%ebx), %eax
	movl (%eax), %esi
	movl 4(%eax), %ecx
	subl %esi, %ecx
	movl $ACPI_RSDP, %edi
#endif
	call say_bytes
	SAY "\nACPI: "
	movl %edi, %esi
	movl $8, %ecx
	call say_bytes
	SAY ", "
	movl 16(%edi), %esi /* RSDT: its first table */
	movl 36(%esi), %esi
	movl $4, %ecx
	call say_bytes
	SAY "\n"
	incl starts
	cmpl $1, starts /* 0 again after each reset */
	jne wrong
	movw $0x70, %dx /* one reset, remembered in CMOS */
	movb $0x7f, %al
	outb %al, %dx
	incw %dx
	inb %dx, %al
	cmpb $0x5a, %al
	je done
	movb $0x5a, %al
	outb %al, %dx
	movw $0xcf9, %dx
	movb $6, %al
	outb %al, %dx
1:	hlt
	jmp 1b
done:
	movl $0x10, %eax
	jmp leave
wrong:
	SAY "not as it should be\n"
	movl $0x11, %eax
leave:
	movw $EXIT_PORT, %dx
	outl %eax, %dx
1:	hlt
	jmp 1b

say: /* the text at ESI */
	lodsb
	testb %al, %al
	jz 2f
	call put
	jmp say
say_bytes: /* ECX bytes at ESI */
	lodsb
	call put
	loop say_bytes
2:	ret

put: /* AL */
	movb %al, %ah
	movw $(COM1 + 5), %dx
3:	inb %dx, %al
	testb $0x20, %al
	jz 3b
	movb %ah, %al
	movw $COM1, %dx
	outb %al, %dx
	ret

	.bss
starts:	.space 4
	.space 1024
stack:
