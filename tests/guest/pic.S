/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/pic.S: the 8259 pair's interrupts: pending, masked, by priority, waking HLT, withdrawn. */
#include "guest.inc"

.macro PIC_INIT
	movb $0x11, %al
	outb %al, $0x20
	outb %al, $0xa0
	movb $0x20, %al
	outb %al, $0x21
	movb $0x28, %al
	outb %al, $0xa1
	movb $4, %al
	outb %al, $0x21
	movb $2, %al
	outb %al, $0xa1
	movb $1, %al
	outb %al, $0x21
	outb %al, $0xa1
	movb $0, %al
	outb %al, $0x21
	outb %al, $0xa1
.endm

	.code16
main16:
	/* Real mode's vectors first: line 5 is vector 25. */
	movw $(in_real - rom), 0x25 * 4
	movw $0xf000, 0x25 * 4 + 2
	PIC_INIT
	SAY16 "real:"
	TELL TD_RAISE, 5
	SAY16 "pending "
	sti
	nop
	nop
	cli
	SAY16 "after\n"
	GO_LONG
	ON 0x23, on_3
	ON 0x25, on_5
	ON 0x2b, on_11
	ON 0x27, on_7
	SAY "two at once:"
	TELL TD_RAISE, 5
	TELL TD_RAISE, 3
	sti
	nop
	cli
	SAY "\nmasked:"
	inb $0x21, %al
	orb $8, %al
	outb %al, $0x21
	TELL TD_RAISE, 3
	sti
	nop
	cli
	SAY "not yet "
	inb $0x21, %al
	andb $0xf7, %al
	outb %al, $0x21
	sti
	nop
	cli
	SAY "\nslave:"
	TELL TD_RAISE, 11
	sti
	nop
	cli
	SAY "\nhalt:"
	TELL TD_LATER, 5
	sti
	hlt
	cli
	SAY "woken\nmany:"
	xorl %ebp, %ebp
	ON 0x25, on_count
	movl $200, %ebx
1:	TELL TD_RAISE, 5
	sti
	nop
	cli
	decl %ebx
	jnz 1b
	NUMBER_OF %ebp
	SAY "\nwithdrawn:"
	ON 0x25, on_5
	TELL TD_RAISE, 5
	inb $0x21, %al
	orb $0x20, %al
	outb %al, $0x21
	sti
	nop
	cli
	TELL TD_LOWER, 5
	inb $0x21, %al
	andb $0xdf, %al
	outb %al, $0x21
	movb $0x20, %al			/* forget the edge: end of interrupt, then initialise */
	outb %al, $0x20
	PIC_INIT
	sti
	nop
	cli
	SAY "none\nwhile interrupts are off:"
	TELL TD_LATER, 5
	xorl %ecx, %ecx
2:	movw $0x20, %dx			/* until the request is seen in IRR */
	movb $0x0a, %al
	outb %al, %dx
	inb %dx, %al
	testb $0x20, %al
	jz 2b
	SAY "requested "
	sti
	nop
	cli
	SAY "\n"
	END

	.code16
in_real:
	pushaw
	SAY16 "line5 "
	TELL TD_LOWER, 5
	movb $0x20, %al
	outb %al, $0x20
	popaw
	iretw

	.code64
.macro HANDLER name, line, text
\name:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	SAY "\text"
	TELL TD_LOWER, \line
	movb $0x20, %al
.if \line > 7
	outb %al, $0xa0
.endif
	outb %al, $0x20
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	iretq
.endm
HANDLER on_3, 3, "line3 "
HANDLER on_5, 5, "line5 "
HANDLER on_7, 7, "line7 "
HANDLER on_11, 11, "line11 "
on_count:
	incl %ebp
	pushq %rax
	pushq %rdx
	TELL TD_LOWER, 5
	movb $0x20, %al
	outb %al, $0x20
	popq %rdx
	popq %rax
	iretq
GUEST_DATA
