/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/probe_guest.S: the page at FFFFF000 of the probe guest: from the reset vector through
 * real and protected mode into 64-bit mode, an exception, a device read, a vector sum, a port write. probe.c
 * lays out its page tables and IDT. Intel SDM 3A 9.8.5.
 */
#define AT(label) (label - kvm_probe_rom + 0xfffff000)

	.section .rodata
	.balign 4096
	.globl kvm_probe_rom
kvm_probe_rom:
	.code16
start16:
	cli
	lgdtl %cs:(gdt_pointer - kvm_probe_rom + 0xf000)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $0x08, $AT(start32)

	.code32
start32:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %ss
	movl $0x7000, %esp
	movl $0x1000, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x220, %eax		/* PAE, OSFXSR */
	movl %eax, %cr4
	movl $0xc0000080, %ecx		/* EFER.LME */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax		/* PG */
	movl %eax, %cr0
	ljmpl $0x18, $AT(start64)

	.code64
start64:
	lidt idt_pointer(%rip)
	ud2
	movl 0x100000, %eax		/* no memory there: an exit */
	movd %eax, %xmm0		/* KVM's instruction emulator knows no arithmetic on these */
	paddd %xmm0, %xmm0
	movd %xmm0, %eax
	notl %eax
	movw $0x510, %dx
	outl %eax, %dx
1:	hlt
	jmp 1b

	.globl kvm_probe_ud
kvm_probe_ud:
	addq $2, (%rsp)			/* behind the ud2 */
	incl 0x6000
	iretq

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 08: 32-bit code */
	.quad 0x00cf93000000ffff	/* 10: data */
	.quad 0x00af9b000000ffff	/* 18: 64-bit code */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long AT(gdt)
idt_pointer:
	.word 0xfff
	.quad 0x5000

	.org kvm_probe_rom + 0xff0
	.code16
	jmp start16
	.org kvm_probe_rom + 0x1000

	.section .note.GNU-stack, "", @progbits
