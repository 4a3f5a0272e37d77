/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/ioapic.S: edge and level interrupts through the I/O APIC, ended by EOI; the local APIC's priorities. */
#include "guest.inc"

/* Pin @pin sends @low (vector, mode, trigger, mask) to APIC 0. */
.macro PIN pin, low
	movl $(0x11 + 2 * \pin), (%rbx)
	movl $0, 0x10(%rbx)
	movl $(0x10 + 2 * \pin), (%rbx)
	movl $\low, 0x10(%rbx)
.endm
/* EAX: the low half of @pin's entry. */
.macro PIN_READ pin
	movl $(0x10 + 2 * \pin), (%rbx)
	movl 0x10(%rbx), %eax
.endm

	.code16
main16:
	GO_LONG
	movl $IOAPIC, %ebx
	movl $LAPIC, %ebp
	movl $0x1ff, 0xf0(%rbp)		/* enabled, spurious vector ff */
	movl $1, (%rbx)
	movl 0x10(%rbx), %eax
	SAY "version:"
	movl 0x10(%rbx), %eax
	NUMBER
	ON 0x41, on_edge
	ON 0x52, on_level
	SAY "\nedge:"
	PIN 5, 0x41
	TELL TD_RAISE, 5
	TELL TD_LOWER, 5
	TELL TD_RAISE, 5		/* merges with the first */
	sti
	nop
	cli
	TELL TD_LOWER, 5
	SAY "\nhalt:"
	TELL TD_LATER, 5
	sti
	hlt
	cli
	TELL TD_LOWER, 5
	SAY "woken\nmasked:"
	PIN 5, 0x10041
	TELL TD_RAISE, 5
	TELL TD_LOWER, 5
	sti
	nop
	cli
	SAY "nothing"

	/* Level: comes again after each EOI for as long as the line is high. */
	SAY "\nlevel:"
	PIN 10, 0x8052
	movl $3, %edi
	TELL TD_RAISE, 10
	PIN_READ 10
	NUMBER				/* remote IRR */
	sti
	nop
	nop
	nop
	cli
	PIN_READ 10
	NUMBER
	SAY "\nmasked while in service:"
	movl $1, %edi
	ON 0x52, on_level_mask
	TELL TD_RAISE, 10
	sti
	nop
	cli
	PIN_READ 10
	NUMBER
	SAY "\nmany:"
	ON 0x52, on_count
	PIN 10, 0x8052
	xorl %r8d, %r8d
	movl $300, %r9d
1:	TELL TD_RAISE, 10
	sti
	nop
	cli
	decl %r9d
	jnz 1b
	NUMBER_OF %r8d
	PIN_READ 10
	NUMBER
	SAY "\npriority:"
	movl $0x60, 0x80(%rbp)		/* TPR: classes 6 and below wait */
	PIN 5, 0x41
	TELL TD_RAISE, 5
	TELL TD_LOWER, 5
	sti
	nop
	SAY "waiting "
	movl $4, %eax
	movq %rax, %cr8			/* class 4 still waits */
	nop
	SAY "waiting "
	movl $3, %eax
	movq %rax, %cr8
	nop
	cli
	SAY "\n"
	END

on_edge:
	pushq %rcx
	SAY "edge "
	movl $0, 0xb0(%rbp)
	popq %rcx
	iretq
on_level:
	SAY "level "
	decl %edi
	jnz 2f
	TELL TD_LOWER, 10
2:	movl $0, 0xb0(%rbp)
	iretq
on_level_mask:
	SAY "in "
	PIN 10, 0x18052
	TELL TD_LOWER, 10
	movl $0, 0xb0(%rbp)
	iretq
on_count:
	incl %r8d
	TELL TD_LOWER, 10
	movl $0, 0xb0(%rbp)
	iretq
GUEST_DATA
