/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/probe/enter.S: from reset to 64-bit mode, into any mode and back. See probe.h. */
#include "probe.h"

#define CR4_LONG 0x620		/* PAE, OSFXSR, OSXMMEXCPT */
#define CR0_LONG 0x80000031	/* PG, NE, ET, PE */
#define HAS_ERROR 0x27d00	/* vectors 8, 10-14, 17 */

	.section .text.first, "ax"
	.globl rom, run_long, run_legacy, stubs64, stubs32, stubs16, task_entry
	.globl landing64, landing32, landing16
rom:

/* In real mode: DS=ES=SS=0. */
	.code16
begin16:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	lgdtl %cs:(boot_gdtr - rom)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $K32, $1f
	.code32
1:	movl $KDATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $(stack_main + 8192), %esp
	cld
	call build_tables
	jmp to_long

/* Large pages: the first GiB one to one, again at USER for all, the last one to one. */
build_tables:
	movl $(pdpt + 7), pml4
	movl $(pd_low + 7), pdpt
	movl $(pd_user + 7), pdpt + 8
	movl $(pd_high + 7), pdpt + 24
	movl $(pd_low + 1), pdpt_pae
	movl $(pd_user + 1), pdpt_pae + 8
	movl $(pd_high + 1), pdpt_pae + 24
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, pd_low(,%ecx,8)
	orl $4, %eax
	movl %eax, pd_user(,%ecx,8)
	xorl $0xc0000004, %eax
	movl %eax, pd_high(,%ecx,8)
	incl %ecx
	cmpl $512, %ecx
	jb 1b
	xorl %ecx, %ecx
2:	movl %ecx, %eax
	shll $22, %eax
	orl $0x83, %eax
	movl %eax, pd32 + 3072(,%ecx,4)
	orl $0xc0000000, pd32 + 3072(,%ecx,4)
	movl %eax, pd32(,%ecx,4)
	orl $4, %eax
	movl %eax, pd32 + 1024(,%ecx,4)
	incl %ecx
	cmpl $256, %ecx
	jb 2b
	ret

/* From protected mode without paging, flat segments: 64-bit mode, then probe() or back to go(). */
to_long:
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	/* A 16-bit task state would keep long mode from being entered. What is busy is told later. */
	cmpl $0, saved_rsp
	je 1f
	lgdt gdtr
	movb gdt + TSS32 + 5, %bl
	andb $0xfd, gdt + TSS32 + 5
	movl $TSS32, %eax
	ltr %ax
	movb %bl, gdt + TSS32 + 5
1:	movl $CR4_LONG, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	movl $0x901, %eax		/* NXE, LME, SCE */
	xorl %edx, %edx
	wrmsr
	movl $CR0_LONG, %eax
	movl %eax, %cr0
	ljmpl $K64, $1f
	.code64
1:	movl $KDATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movq saved_rsp, %rsp
	testq %rsp, %rsp
	jnz 2f
	movl $(stack_main + 8192), %esp
	call start
2:
back:
	lgdt gdtr
	lidt idtr
	andb $0xfd, gdt + TSS64 + 5
	movl $TSS64, %eax
	ltr %ax
	xorl %eax, %eax
	lldt %ax
	pushq $2
	popfq
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

.macro SAVE_CALLER
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, saved_rsp
.endm

/* Enter code under EFER.LMA. */
run_long:
	SAVE_CALLER
	movl now + R_DS, %eax
	movl %eax, %ds
	movl now + R_DS + 8, %eax
	movl %eax, %es
	movl now + R_DS + 16, %eax
	movl %eax, %fs
	movl now + R_DS + 24, %eax
	movl %eax, %gs
	pushq now + R_SS
	pushq now + R_SP
	pushq now + R_FLAGS
	pushq now + R_CS
	pushq now + R_IP
	movq now, %rax
load_rest:
	movq now + 8, %rcx
	movq now + 16, %rdx
	movq now + 24, %rbx
	movq now + 40, %rbp
	movq now + 48, %rsi
	movq now + 56, %rdi
	movq now + 64, %r8
	movq now + 72, %r9
	movq now + 80, %r10
	movq now + 88, %r11
	movq now + 96, %r12
	movq now + 104, %r13
	movq now + 112, %r14
	movq now + 120, %r15
	iretq

	.balign 16
stubs64:
	vector = 0
	.rept 256
	.byte 0x6a, vector		/* push */
	.byte 0xe9			/* jmp */
	.long common64 - . - 4
	nop
	vector = vector + 1
	.endr

common64:
	movq %rax, now + OUT
	movq %rcx, now + OUT + 8
	movq %rdx, now + OUT + 16
	movq %rbx, now + OUT + 24
	movq %rbp, now + OUT + 40
	movq %rsi, now + OUT + 48
	movq %rdi, now + OUT + 56
	movq %r8, now + OUT + 64
	movq %r9, now + OUT + 72
	movq %r10, now + OUT + 80
	movq %r11, now + OUT + 88
	movq %r12, now + OUT + 96
	movq %r13, now + OUT + 104
	movq %r14, now + OUT + 112
	movq %r15, now + OUT + 120
	popq %rax
	movzbl %al, %eax
	movq %rax, now + OUT_VECTOR
	movq $-1, now + OUT_VECTOR + 8
	cmpl $31, %eax
	ja 1f
	movl $HAS_ERROR, %ecx
	btl %eax, %ecx
	jnc 1f
	popq now + OUT_VECTOR + 8
1:	movq %rsp, now + OUT_VECTOR + 24
	movq (%rsp), %rax
	movq %rax, now + OUT + R_IP
	movq 8(%rsp), %rax
	movq %rax, now + OUT + R_CS
	movq 16(%rsp), %rax
	movq %rax, now + OUT + R_FLAGS
	movq 24(%rsp), %rax
	movq %rax, now + OUT + R_SP
	movq 32(%rsp), %rax
	movq %rax, now + OUT + R_SS
	xorl %eax, %eax
	movl %ds, %eax
	movq %rax, now + OUT + R_DS
	movl %es, %eax
	movq %rax, now + OUT + R_DS + 8
	movl %fs, %eax
	movq %rax, now + OUT + R_DS + 16
	movl %gs, %eax
	movq %rax, now + OUT + R_DS + 24
	movq %cr2, %rax
	movq %rax, now + OUT_VECTOR + 16
	cld
	movq hook, %rax
	testq %rax, %rax
	jz end64
	movq %rsp, %rbx
	andq $-16, %rsp
	call *%rax
	movq %rbx, %rsp
	testb %al, %al
	jz end64
	movq now + OUT, %rax
	movq now + OUT + 8, %rcx
	movq now + OUT + 16, %rdx
	movq now + OUT + 24, %rbx
	movq now + OUT + 40, %rbp
	movq now + OUT + 48, %rsi
	movq now + OUT + 56, %rdi
	movq now + OUT + 64, %r8
	movq now + OUT + 72, %r9
	movq now + OUT + 80, %r10
	movq now + OUT + 88, %r11
	movq now + OUT + 96, %r12
	movq now + OUT + 104, %r13
	movq now + OUT + 112, %r14
	movq now + OUT + 120, %r15
	iretq
end64:
	lgdt gdtr
	movl $KDATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movq saved_rsp, %rsp
	jmp back

/* Enter code outside long mode: real mode if now.real. */
run_legacy:
	SAVE_CALLER
	pushq $K32
	pushq $1f
	lretq
	.code32
1:	movl $KDATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $(stack_legacy + 4096), %esp
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl $0xc0000080, %ecx
	movl now + IN_EFER, %eax
	xorl %edx, %edx
	wrmsr
	movl now + IN_CR4, %eax
	movl %eax, %cr4
	movl now + IN_CR3, %eax
	movl %eax, %cr3
	lidt idtr32
	andb $0xfd, gdt + TSS32 + 5
	movl $TSS32, %eax
	ltr %ax
	cmpl $0, now + IN_REAL
	jne go_real
	movl now + IN_CR0, %eax
	.globl legacy_cr0, legacy_cr0_end
legacy_cr0:
	movl %eax, %cr0
legacy_cr0_end:
	jmp 2f
2:	testl $0x20000, now + R_FLAGS
	jz 3f
	pushl now + R_DS + 24
	pushl now + R_DS + 16
	pushl now + R_DS
	pushl now + R_DS + 8
	jmp 4f
3:	testl $3, now + R_CS
	jnz 4f
	movw now + R_SS, %ss
	movl now + R_SP, %esp
	jmp 5f
4:	pushl now + R_SS
	pushl now + R_SP
5:	pushl now + R_FLAGS
	pushl now + R_CS
	pushl now + R_IP
	movl now + 8, %ecx
	movl now + 16, %edx
	movl now + 24, %ebx
	movl now + 40, %ebp
	movl now + 48, %esi
	movl now + 56, %edi
	testl $0x20000, now + R_FLAGS
	jnz 6f
	movw now + R_DS + 8, %es
	movw now + R_DS + 16, %fs
	movw now + R_DS + 24, %gs
	pushl now + R_DS
	movl now, %eax
	popl %ds
	iretl
6:	movl now, %eax
	iretl

	.balign 16
stubs32:
	vector = 0
	.rept 0x50
	.byte 0x6a, vector
	.byte 0xe9
	.long common32 - . - 4
	nop
	vector = vector + 1
	.endr
/* Where a task begins that an interrupt started. */
task_entry:
	pushl $-1
common32:
	pushl %eax
	pushl %ds
	movl $KDATA, %eax
	movl %eax, %ds
	popl %eax
	movzwl %ax, %eax
	movl %eax, now + OUT + R_DS
	popl now + OUT
	movl %ecx, now + OUT + 8
	movl %edx, now + OUT + 16
	movl %ebx, now + OUT + 24
	movl %ebp, now + OUT + 40
	movl %esi, now + OUT + 48
	movl %edi, now + OUT + 56
	movl %es, %eax
	movzwl %ax, %eax
	movl %eax, now + OUT + R_DS + 8
	movl %fs, %eax
	movzwl %ax, %eax
	movl %eax, now + OUT + R_DS + 16
	movl %gs, %eax
	movzwl %ax, %eax
	movl %eax, now + OUT + R_DS + 24
	movl %cr2, %eax
	movl %eax, now + OUT_VECTOR + 16
	popl %eax
	movl $-1, now + OUT_VECTOR + 8
	movl $-1, now + OUT_VECTOR + 12
	cmpl $-1, %eax
	jne 1f
	movl $BY_TASK, %eax
	movl %eax, now + OUT_VECTOR
	movl (%esp), %eax
	jmp 3f
1:	movl %eax, now + OUT_VECTOR
	cmpl $31, %eax
	ja 3f
	movl $HAS_ERROR, %ecx
	btl %eax, %ecx
	jnc 3f
	popl now + OUT_VECTOR + 8
	movl $0, now + OUT_VECTOR + 12
3:	movl %esp, now + OUT_VECTOR + 24
	movl (%esp), %eax
	movl %eax, now + OUT + R_IP
	movl 4(%esp), %eax
	movl %eax, now + OUT + R_CS
	movl 8(%esp), %eax
	movl %eax, now + OUT + R_FLAGS
	movl 12(%esp), %eax
	movl %eax, now + OUT + R_SP
	movl 16(%esp), %eax
	movl %eax, now + OUT + R_SS
end_legacy:
	movl $KDATA, %eax
	movl %eax, %es
	movl %eax, %ss
	movl $(stack_legacy + 4096), %esp
	lgdt gdtr
	pushl $2			/* no NT */
	popfl
	jmp to_long

/* To real mode: through 16-bit protected mode. */
go_real:
	ljmpl $K16, $(1f - rom)
	.code16
1:	movw $KDATA16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movl now + IN_CR0, %eax
	movl %eax, %cr0
	ljmpw $0xf000, $(2f - rom)
2:	xorw %ax, %ax
	movw %ax, %ds
	lidtl ivtr
	movw now + R_SS, %ss
	movl now + R_SP, %esp
	pushw now + R_FLAGS
	pushw now + R_CS
	pushw now + R_IP
	movw now + R_DS + 8, %es
	movw now + R_DS + 16, %fs
	movw now + R_DS + 24, %gs
	movl now + 8, %ecx
	movl now + 16, %edx
	movl now + 24, %ebx
	movl now + 40, %ebp
	movl now + 48, %esi
	movl now + 56, %edi
	movl now, %eax
	movw now + R_DS, %ds
	iretw

	.balign 16
stubs16:
	vector = 0
	.rept 0x50
	.byte 0x6a, vector
	.byte 0xe9
	.word common16 - . - 2
	nop
	nop
	nop
	vector = vector + 1
	.endr
common16:
	pushw %ds
	pushw $0
	popw %ds
	movl %eax, now + OUT
	movl %ecx, now + OUT + 8
	movl %edx, now + OUT + 16
	movl %ebx, now + OUT + 24
	movl %ebp, now + OUT + 40
	movl %esi, now + OUT + 48
	movl %edi, now + OUT + 56
	xorl %eax, %eax
	popw %ax
	movl %eax, now + OUT + R_DS
	movw %es, now + OUT + R_DS + 8
	movw %fs, now + OUT + R_DS + 16
	movw %gs, now + OUT + R_DS + 24
	popw %ax
	movzbl %al, %eax
	movl %eax, now + OUT_VECTOR
	movl $-1, now + OUT_VECTOR + 8
	movl $-1, now + OUT_VECTOR + 12
	movl $0, now + OUT_VECTOR + 16
	movzwl %sp, %ebp
	movl %ebp, now + OUT_VECTOR + 24
	addl $6, %ebp
	movl %ebp, now + OUT + R_SP
	movw %ss, now + OUT + R_SS
	popw now + OUT + R_IP
	popw now + OUT + R_CS
	popw now + OUT + R_FLAGS
	lgdtl gdtr
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $K32, $1f
	.code32
1:	movl $KDATA, %eax
	movl %eax, %ds
	jmp end_legacy

	.code64
landing64:
	int $LANDED
	.code32
landing32:
	int $LANDED
	.code16
landing16:
	int $LANDED

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* K64 */
	.quad 0x00cf93000000ffff	/* KDATA */
	.quad 0x00cf9b000000ffff	/* K32 */
boot_gdtr:
	.word boot_gdtr - boot_gdt - 1
	.quad boot_gdt

	.section .reset, "ax"
	.code16
	ljmpw $0xf000, $(begin16 - rom)
	.balign 16

	.section .lowbss, "aw", @nobits
	.globl now, hook, gdtr, idtr, idtr32, ivtr
	.balign 16
now:	.skip 512
hook:	.skip 8
saved_rsp: .skip 8
	.balign 16
gdtr:	.skip 16
idtr:	.skip 16
idtr32:	.skip 16
ivtr:	.skip 16
	.globl stack_legacy
	.balign 4096
stack_legacy: .skip 4096
stack_main: .skip 8192
