/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/lapic.S: messages, NMI, the local APIC's timer in its three modes, x2APIC mode. */
#include "guest.inc"

	.code16
main16:
	GO_LONG
	movl $LAPIC, %ebp
	movl $0x1ff, 0xf0(%rbp)
	ON 0x61, on_msi
	ON 0x02, on_nmi
	ON 0x71, on_timer
	xorl %r8d, %r8d
	SAY "msi:"
	movw $TD_MSI, %dx
	movl $0x61, %eax
	outl %eax, %dx
	sti
	nop
	cli
	SAY "\nnmi:"
	TELL TD_NMI, 0
	nop
	/* While interrupts are off: an NMI comes anyway. */
	SAY "\nirqfd:"
	ON TD_VECTOR, on_irqfd
	movl $1, %ebx
	call signal
	TELL TD_MASK, 1
	TELL TD_IRQFD, 0
	movl $2000, %ecx
7:	movw $0x1234, %dx
	inb %dx, %al
	loop 7b
	sti
	nop
	cli
	SAY "masked "
	TELL TD_MASK, 0
	call await			/* the one from before */
	movl $20, %ebx
	call signal
	NUMBER_OF %r8d
	SAY "\ntimer:"
	movl $0xb, 0x3e0(%rbp)		/* divide by 1 */
	movl $0x71, 0x320(%rbp)		/* one shot */
	xorl %r8d, %r8d
	movl $1000000, 0x380(%rbp)	/* 1 ms at 1 GHz */
	sti
1:	hlt
	testl %r8d, %r8d
	jz 1b
	cli
	NUMBER_OF %r8d
	movl 0x390(%rbp), %eax
	NUMBER
	SAY "\nperiodic:"
	movl $0x20071, 0x320(%rbp)
	xorl %r8d, %r8d
	movl $2000000, 0x380(%rbp)
	sti
2:	hlt
	cmpl $5, %r8d
	jb 2b
	cli
	movl $0, 0x380(%rbp)
	SAY "5 "

	/*
	 * The APIC's clock is 1 GHz: compare 50 ms of it with the 8254 (1.193182 MHz). A busy host
	 * makes it look slower, so the best of ten counts.
	 */
	SAY "\nclock:"
	movl $0x10071, 0x320(%rbp)	/* masked */
	movl $10, %r10d
3:	movb $0xb0, %al			/* channel 2, mode 0 */
	outb %al, $0x43
	inb $0x61, %al
	andb $0xfd, %al
	orb $1, %al
	outb %al, $0x61
	movb $0x0b, %al			/* 59659 ticks: 50 ms */
	outb %al, $0x42
	movb $0xe9, %al
	outb %al, $0x42
	movl $0xffffffff, 0x380(%rbp)
9:	inb $0x61, %al
	testb $0x20, %al
	jz 9b
	movl $0xffffffff, %eax
	subl 0x390(%rbp), %eax
	xorl %edx, %edx
	movl $1000000, %ecx
	divl %ecx			/* milliseconds, if it is 1 GHz */
	movl %eax, %r9d
	cmpl $48, %r9d
	jb wrong
	cmpl $65, %r9d
	jb right
	decl %r10d
	jnz 3b
wrong:
	NUMBER_OF %r9d
	jmp clock_done
right:
	SAY "1 GHz"
clock_done:

	SAY "\ndeadline:"
	movl $1, %eax
	cpuid
	btl $24, %ecx
	jc 4f
	SAY "none"
	jmp x2apic
4:	movl $0x40071, 0x320(%rbp)
	mfence
	xorl %r8d, %r8d
	rdtsc
	shlq $32, %rdx
	orq %rdx, %rax
	addq $2000000, %rax
	movq %rax, %rdx
	shrq $32, %rdx
	movl $0x6e0, %ecx
	wrmsr
	sti
5:	hlt
	testl %r8d, %r8d
	jz 5b
	cli
	SAY "came"
	movl $0x6e0, %ecx
	rdmsr
	NUMBER

x2apic:
	SAY "\nx2apic:"
	movl $0x1b, %ecx
	rdmsr
	movl %eax, %r9d
	NUMBER
	movl $0x1b, %ecx
	movl %r9d, %eax
	orl $0xc00, %eax
	xorl %edx, %edx
	wrmsr
	movl $0x802, %ecx		/* the id */
	rdmsr
	NUMBER
	movl $0x803, %ecx		/* the version */
	rdmsr
	andl $0xff, %eax
	NUMBER
	ON 0x62, on_x2
	movl $0x83f, %ecx		/* to itself */
	movl $0x62, %eax
	xorl %edx, %edx
	wrmsr
	sti
	nop
	cli
	SAY "\n"
	END

	/* EBX times: signal, and wait until it comes. R8D counts. */
signal:	TELL TD_IRQFD, 0
	call await
	decl %ebx
	jnz signal
	ret
await:	movl %r8d, %r9d
	sti
8:	pause
	cmpl %r8d, %r9d
	je 8b
	cli
	ret
on_irqfd:
	incl %r8d
	movl $0, 0xb0(%rbp)
	iretq
on_msi:
	SAY "msi "
	movl $0, 0xb0(%rbp)
	iretq
on_nmi:
	SAY "nmi "
	iretq
on_timer:
	incl %r8d
	movl $0, 0xb0(%rbp)
	iretq
on_x2:
	SAY "self "
	movl $0x80b, %ecx
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	iretq
GUEST_DATA
