/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/smp.S: a second processor: INIT, SIPI, its identity, interrupts both ways, work on shared memory. */
#include "guest.inc"

#define AP_PAGE 0x10000
#define FLAG	0x9000
#define COUNT	0x9008
#define CALLS	0x9010

/* Wait until the dword at @at is @value. */
.macro AWAIT at, value
781:	pause
	cmpl $\value, \at
	jne 781b
.endm

	.code16
main16:
	GO_LONG
	movl $LAPIC, %ebp
	movl $0x1ff, 0xf0(%rbp)
	SAY "bsp:"
	movl 0x20(%rbp), %eax
	shrl $24, %eax
	NUMBER
	movl $0x1b, %ecx
	rdmsr
	NUMBER
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	NUMBER_OF %ebx
	movl $0xb, %eax
	movl $1, %ecx
	cpuid
	movl %ebx, %r8d
	NUMBER				/* shift to the package */
	NUMBER_OF %r8d			/* processors in it */

	/* The start page: real mode code copied to 10000. */
	movl $ap16, %esi
	movl $AP_PAGE, %edi
	movl $(ap16_end - ap16), %ecx
	rep movsb
	ON 0x41, on_ipi
	SAY "\nap:"
	movl $0x01000000, 0x310(%rbp)
	movl $0xc500, 0x300(%rbp)	/* INIT */
	movl $0x01000000, 0x310(%rbp)
	movl $0x4610, 0x300(%rbp)	/* SIPI to page 10 */
	AWAIT FLAG, 1
	NUMBER_OF 0x9020		/* its APIC id, by the APIC */
	NUMBER_OF 0x9024		/* by CPUID 1 */
	NUMBER_OF 0x9028		/* by CPUID B */
	NUMBER_OF 0x902c		/* APIC base: not the BSP */

	/* Both count on one word. */
	SAY "\ncount:"
	movl $2, FLAG
	movl $100000, %ecx
1:	lock incl COUNT
	loop 1b
	AWAIT FLAG, 3
	NUMBER_OF COUNT

	/* The AP halts; an IPI wakes it, and it answers with one. */
	SAY "\nipi:"
	movl $50, %r9d
2:	movl CALLS, %r10d
	movl $0x01000000, 0x310(%rbp)
	movl $0x4041, 0x300(%rbp)
	sti
bsp_halt:
3:	hlt
	cmpl CALLS, %r10d
	je 3b
	cli
	decl %r9d
	jnz 2b
	NUMBER_OF CALLS

	/* Memory changes under its feet: a hole comes and goes next to where it works. */
	SAY "\nholes:"
	movl $0, 0x9040
	movl $4, FLAG
	movl $0x01000000, 0x310(%rbp)
	movl $0x4041, 0x300(%rbp)
	movl $100, %r9d
4:	TELL TD_HIDE, 1
	movl TD_PAGE, %eax
	cmpl $-1, %eax
	jne bad
	TELL TD_HIDE, 0
	movl %r9d, TD_PAGE
	cmpl %r9d, TD_PAGE
	jne bad
	decl %r9d
	jnz 4b
	movl $5, FLAG
	AWAIT FLAG, 6
	movl 0x9040, %eax
	testl %eax, %eax
	jz bad
	SAY "good"

	/* INIT again: it starts over. */
	SAY "\nagain:"
	movl $0, FLAG
	movl $0x01000000, 0x310(%rbp)
	movl $0xc500, 0x300(%rbp)
	movl $0x01000000, 0x310(%rbp)
	movl $0x4610, 0x300(%rbp)
	AWAIT FLAG, 1
	SAY "came\n"
	END
bad:
	SAY "bad\n"
	END

/* Never before a HLT that follows STI: who halts then has missed what it waits for. */
on_ipi:
	cmpq $bsp_halt, (%rsp)
	je 1f
	cmpq $ap_halt, (%rsp)
	je 1f
	lock incl CALLS
	movl $LAPIC, %eax
	movl $0, 0xb0(%rax)
	iretq
1:	SAY "interrupted between STI and HLT\n"
	END

	.code16
ap16:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl %cs:(gdt_copy - ap16)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $0x08, $ap32
gdt_copy:
	.word 31
	.long gdt
ap16_end:

	.code32
ap32:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0xf000, %esp
	call go_long_ap
	ljmpl $0x18, $ap64
	.code64
ap64:
	movl $0xf000, %esp
	lidt idt_pointer
	movl $LAPIC, %ebp
	movl $0x1ff, 0xf0(%rbp)
	movl 0x20(%rbp), %eax
	shrl $24, %eax
	movl %eax, 0x9020
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movl %ebx, 0x9024
	movl $0xb, %eax
	xorl %ecx, %ecx
	cpuid
	movl %edx, 0x9028
	movl $0x1b, %ecx
	rdmsr
	movl %eax, 0x902c
	movl $1, FLAG
	AWAIT FLAG, 2
	movl $100000, %ecx
1:	lock incl COUNT
	loop 1b
	movl $3, FLAG
2:	sti
ap_halt:
	hlt
	cli
	cmpl $4, FLAG			/* or 5 already, when the host was slow to wake us */
	jae 3f
	movl $0, 0x310(%rbp)		/* answer */
	movl $0x4041, 0x300(%rbp)
	jmp 2b
3:	/* Fill and check RAM on both sides of the page that comes and goes. */
	movl $(TD_PAGE - 0x10000), %edi
	incl 0x9040
	movl 0x9040, %eax
4:	cmpl $TD_PAGE, %edi
	je 5f
	movl %eax, (%rdi)
	cmpl %eax, (%rdi)
	jne 6f
5:	addl $0x1000, %edi
	cmpl $(TD_PAGE + 0x10000), %edi
	jb 4b
	cmpl $5, FLAG
	jne 3b
	movl $6, FLAG
	jmp 2b
6:	movl $0, 0x9040
	movl $6, FLAG
	jmp 2b
GUEST_DATA
