/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/state.S: registers of every kind; with --shuttle they are saved and loaded all the time. A reset. */
#include "guest.inc"

#define AGAIN 0x9000
	.code16
main16:
	cmpl $0x600d, AGAIN
	jne first
	movl %edx, %ebx			/* family and model */
	testl %ebx, %ebx
	jz 1f
	SAY16 "again"
1:	GO_LONG
	SAY "\n"
	END

	.code16
first:
	GO_LONG
	/* A value of its own in each register. */
	movq $0x1111111111111111, %rbx
	movq $0x2222222222222222, %rbp
	movq $0x8888888888888888, %r8
	movq $0x9999999999999999, %r9
	movq $0xaaaaaaaaaaaaaaaa, %r10
	movq $0xbbbbbbbbbbbbbbbb, %r11
	movq $0xcccccccccccccccc, %r12
	movq $0xdddddddddddddddd, %r13
	movq $0xeeeeeeeeeeeeeeee, %r14
	movq $0xffffffffffffffff, %r15
	movq %r12, %xmm0
	movq %r13, %xmm15
	fninit
	fldpi
	fldl2e
	movl $0x12000000, %eax
	movq %rax, %dr0
	movl $0x5, %eax
	movq %rax, %cr8
	movl $0xc0000102, %ecx		/* KERNEL_GS_BASE */
	movl $0x1234, %eax
	movl $0x5678, %edx
	wrmsr
	movl $0xc0000082, %ecx		/* LSTAR */
	wrmsr
	rdtsc
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, 0x9010

	/* For a while, with device accesses in between: sum them all up each time. */
	movl $3000, %edi
1:	movw $0x1234, %dx	/* nobody's */
	inl %dx, %eax
	cmpl $-1, %eax
	jne bad
	movl $200, %ecx
2:	loop 2b
	movq %rbx, %rax
	addq %rbp, %rax
	addq %r8, %rax
	addq %r9, %rax
	addq %r10, %rax
	addq %r11, %rax
	addq %r12, %rax
	addq %r13, %rax
	addq %r14, %rax
	addq %r15, %rax
	movq %xmm0, %rcx
	addq %rcx, %rax
	movq %xmm15, %rcx
	addq %rcx, %rax
	movq %dr0, %rcx
	addq %rcx, %rax
	movq %cr8, %rcx
	addq %rcx, %rax
	movq %rax, %rsi
	movl $0xc0000102, %ecx
	rdmsr
	addq %rax, %rsi
	addq %rdx, %rsi
	movl $0xc0000082, %ecx
	rdmsr
	addq %rax, %rsi
	addq %rdx, %rsi
	cmpl $3000, %edi
	jne 3f
	movq %rsi, 0x9020
3:	cmpq %rsi, 0x9020
	jne bad
	rdtsc				/* never runs backwards */
	shlq $32, %rdx
	orq %rdx, %rax
	cmpq 0x9010, %rax
	jb bad
	movq %rax, 0x9010
	decl %edi
	jnz 1b
	fstpl 0x9030
	NUMBER_OF 0x9034		/* log2 e */
	fstpl 0x9030
	NUMBER_OF 0x9034		/* pi */
	SAY "good "
	movl $0x600d, AGAIN
	TELL TD_RESET, 0
4:	hlt
	jmp 4b
bad:
	SAY "bad\n"
	END
GUEST_DATA
