/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/hyperv.S: the Hyper-V interface: leaves, hypercalls, clocks, SynIC pages, crash report, reset. */
#include "guest.inc"

#define OS_ID	0x8100000000000000	/* an open source system */
#define HCALL	0x20000
#define TSCPAGE	0x21000
#define SIMP	0x22000
#define AGAIN	0x9000			/* survives the reset */

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
.macro WRITE index, value
	movl $\index, %ecx
	movabsq $\value, %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
.endm
/* RAX: an MSR. */
.macro READ index
	movl $\index, %ecx
	rdmsr
	shlq $32, %rdx
	orq %rdx, %rax
.endm

	.code16
main16:
	GO_LONG
	cmpl $0x600d, AGAIN
	je second
	SAY "features:"
	movl $1, %eax
	cpuid
	shrl $31, %ecx
	NUMBER_OF %ecx
	LEAF 0x40000000
	SAY "\n"
	LEAF 0x40000001
	SAY "\n"
	LEAF 0x40000002
	SAY "\n"
	LEAF 0x40000005
	SAY "\nhypercall:"
	WRITE 0x40000000, OS_ID
	WRITE 0x40000001, HCALL+1
	movl $0x5d, %ecx		/* signal an event: nobody is there */
	orl $0x10000, %ecx
	xorl %edx, %edx
	xorl %r8d, %r8d
	movl $HCALL, %ebx
	call *%rbx
	NUMBER
	movl $0x7777, %ecx		/* no such call */
	movl $HCALL, %ebx
	call *%rbx
	NUMBER
	SAY "\nindex:"
	READ 0x40000002
	NUMBER
	SAY "\nclock:"
	READ 0x40000020
	movq %rax, %r12
	READ 0x40000020
	cmpq %r12, %rax
	jb bad
	READ 0x40000022			/* TSC frequency */
	testq %rax, %rax
	jz bad
	READ 0x40000023
	NUMBER
	/* The page's sequence is 0 on hosts whose TSC is not steady: then it tells nothing. */
	WRITE 0x40000021, TSCPAGE+1
	cmpl $0, TSCPAGE
	je 3f
	READ 0x40000020
	movq %rax, %r12
	rdtsc
	shlq $32, %rdx
	orq %rdx, %rax
	mulq TSCPAGE + 8
	addq TSCPAGE + 16, %rdx		/* the same time, without an exit, a little later */
	subq %r12, %rdx
	js bad
	cmpq $10000000, %rdx
	ja bad
3:	SAY "page"

	/* A page with old bytes in it must be clean once it is the message page. */
	SAY "\nsynic:"
	movl $SIMP, %edi
	movl $0x5a5a5a5a, %eax
	movl $1024, %ecx
	rep stosl
	WRITE 0x40000083, SIMP+1
	movl SIMP, %eax
	orl SIMP + 0xffc, %eax
	NUMBER
	READ 0x40000083
	NUMBER
	/* Timer 0, one shot, by message to SINT 3, vector 51. */
	movl $LAPIC, %ebp
	movl $0x1ff, 0xf0(%rbp)
	ON 0x51, on_sint
	WRITE 0x40000093, 0x51
	WRITE 0x40000080, 1
	READ 0x40000020
	addq $20000, %rax		/* 2 ms */
	movq %rax, %rdx
	shrq $32, %rdx
	movl $0x400000b1, %ecx
	wrmsr
	WRITE 0x400000b0, 0x30001
	sti
1:	hlt
	cmpl $0, SIMP + 3 * 256
	je 1b
	cli
	movl SIMP + 3 * 256, %eax
	NUMBER

	SAY "\ncrash:"
	READ 0x40000105
	shrq $32, %rax
	NUMBER
	WRITE 0x40000100, 0xd1
	WRITE 0x40000101, 1
	WRITE 0x40000102, 2
	movl $(end_text - text), %eax
	movl $0x40000104, %ecx
	xorl %edx, %edx
	wrmsr
	WRITE 0x40000103, 0x23000
	movl $text, %esi
	movl $0x23000, %edi
	movl $(end_text - text), %ecx
	rep movsb
	READ 0x40000100
	NUMBER
	WRITE 0x40000105, 0xc000000000000000
	SAY "\non it goes:"
	movl $0x600d, AGAIN
	READ 0x40000020
	movq %rax, AGAIN + 8
	WRITE 0x40000003, 1		/* reset */
2:	hlt
	jmp 2b

	/* All MSRs are as new, but time goes on. */
second:
	SAY "\nagain:"
	READ 0x40000000
	NUMBER
	READ 0x40000083
	NUMBER
	WRITE 0x40000000, OS_ID
	READ 0x40000020
	cmpq AGAIN + 8, %rax
	jb bad
	SAY "good\n"
	END
bad:
	SAY "bad\n"
	END

on_sint:
	movl $0, 0xb0(%rbp)
	iretq
text:	.ascii "it was me"
end_text:
GUEST_DATA
