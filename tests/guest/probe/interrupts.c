/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/interrupts.c: gates of the IDT, stacks, double faults, tasks, virtual-8086
 * and real mode. SDM 3A chapters 7 (interrupts), 9 (tasks), 3B chapter 22 (8086 emulation).
 */
#include "probe.h"

#define V 0x48 /* the vector that is tried; its gate is open to CPL 3 at the beginning */

struct gate {
	char label[28];
	u16 selector;
	u8 access, ist;
	u8 kind, flags; /* of the descriptor at T0 */
};

static const struct gate gates[] = {
	{ "interrupt", K64, 0xee, 1, 0, 0 },
	{ "trap", K64, 0xef, 1, 0, 0 },
	{ "dpl 0", K64, 0x8e, 1, 0, 0 },
	{ "dpl 2", K64, 0xce, 1, 0, 0 },
	{ "not present", K64, 0x6e, 1, 0, 0 },
	{ "call gate", K64, 0xec, 1, 0, 0 },
	{ "task gate", K64, 0xe5, 1, 0, 0 },
	{ "286 interrupt gate", K64, 0xe6, 1, 0, 0 },
	{ "type 0", K64, 0xe0, 1, 0, 0 },
	{ "code segment", K64, 0xfe, 1, 0, 0 },
	{ "to null", 0, 0xee, 1, 0, 0 },
	{ "to rpl 3", K64 | 3, 0xee, 1, 0, 0 },
	{ "to data", KDATA, 0xee, 1, 0, 0 },
	{ "to 32-bit code", K32, 0xee, 1, 0, 0 },
	{ "to 64-bit code of CPL 3", U64, 0xee, 1, 0, 0 },
	{ "to code not present", T0, 0xee, 1, 0x1b, 10 },
	{ "to L and D", T0, 0xee, 1, 0x9b, 14 },
	{ "beyond the table", GDT_SIZE, 0xee, 1, 0, 0 },
	{ "into the LDT", 4, 0xee, 1, 0, 0 },
	{ "ist 2", K64, 0xee, 2, 0, 0 },
	{ "ist 3 not canonical", K64, 0xee, 3, 0, 0 },
	{ "no ist", K64, 0xee, 0, 0, 0 },
};

static void say_stack(void)
{
	u64 top = now.frame + 40;

	if (top == (u64)stack_ist1 + 4096)
		say(" ist1");
	else if (top == (u64)stack_ist2 + 4096)
		say(" ist2");
	else if (top == (u64)stack_ring0 + 4096)
		say(" rsp0");
	else
		say(" sp-%l", now.in.sp - top);
}

static void long_gates(enum mode m, const char *mode_name)
{
	for (unsigned i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
		const struct gate *g = &gates[i];

		set_gdt(T0, descriptor(0, 0xfffff, g->kind, g->flags));
		set_gate(V, g->selector, (u64)landing64 + (g->selector == U64 ? USER : 0),
			 g->access, g->ist);
		*(u64 *)mem((u64)tss64 + 0x34) = 0x800000000000;
		as(m);
		now.in.flags |= 0x200;
		say("%s/%s: ", mode_name, g->label);
		go(C64("nop; int 0x48"));
		say_outcome();
		if (now.vector == LANDED) {
			/* The second INT's frame lies on the first's stack, or at IST 1 again. */
			say(" cs=%x flags=%x", (u32)now.out.cs, (u32)now.out.flags);
			if (g->ist != 1)
				say(" sp&fff=%x", (u32)now.out.sp & 0xfff);
		}
		say("\n");
	}
	default_tables();
}

static void odd_gates(void)
{
	struct table_register short_idt = { V * 16 + 14, (u64)idt };

	memcpy(mem(0x200000), &short_idt, sizeof(short_idt));
	as(LONG);
	now.in.bx = 0x200000;
	try("long0/idt limit", C64("lidt [rbx]; int 0x48"));
	short_idt.limit++;
	memcpy(mem(0x200000), &short_idt, sizeof(short_idt));
	as(LONG);
	now.in.bx = 0x200000;
	try("long0/idt limit just enough", C64("lidt [rbx]; int 0x48"));
	set_gate(V, K64, 0x800000000000, 0xee, 1);
	as(LONG);
	try("long0/offset not canonical", C64("int 0x48"));
	default_tables();
	as(COMPAT_USER);
	now.in.flags |= 0x200;
	try_more("comp3/int", C32("nop; int 0x41"));
	say(" cs=%x ss=%x", (u32)now.out.cs, (u32)now.out.ss);
	say_stack();
	say("\n");
	as(LONG_USER);
	set_gate(LANDED, K64, (u64)stubs64 + 8 * LANDED, 0xee, 0);
	try_more("long3/rsp0", C64("int 0x41"));
	say_stack();
	say("\n");
	*(u64 *)mem((u64)tss64 + 4) = (u64)stack_ring0 + 4093;
	as(LONG_USER);
	try_more("long3/rsp0 odd", C64("int 0x41"));
	say(" frame at %x\n", (u32)now.frame & 0xfff);
	for (unsigned i = 0; i < 17; i += 4) {
		as(LONG);
		now.in.sp -= i + (i >> 2);
		say("long0/sp-%x: ", i + (i >> 2));
		go(C64("int 0x41"));
		say_outcome();
		say(" frame %x below\n", (u32)((u64)stack_test + 2048 - now.frame));
	}
	default_tables();
	as(LONG);
	now.in.flags |= 0x40ed5;
	set_gate(V, K64, (u64)C64("pushf; pop rax"), 0xee, 1);
	try_more("long0/flags in a handler", C64("int 0x48"));
	say(" %x\n", (u32)now.out.ax);
	as(LONG);
	now.in.flags |= 0x240ed5;
	set_gate(V, K64, (u64)C64("pushf; pop rax"), 0xef, 1);
	try_more("long0/flags in a trap handler", C64("int 0x48"));
	say(" %x\n", (u32)now.out.ax);
	set_gate(V, K64, (u64)C64("mov eax, ss; mov ecx, ds"), 0xee, 1);
	as(LONG_USER);
	try_more("long3/ss and ds in a handler", C64("int 0x48"));
	say(" %l %l\n", now.out.ax & 0xffff, now.out.cx & 0xffff);
	default_tables();
}

/* One exception while another is delivered. SDM 3A table 7-5. */
/* check: long-function, a table and what uses it */
static void nested(void)
{
	static const struct {
		char label[28];
		u8 broken; /* its gate is not present */
	} cases[] = {
		{ "#UD", 6 }, { "#DE", 0 }, { "#GP", 13 }, { "#PF", 14 },    { "#SS", 12 },
		{ "#BP", 3 }, { "#NM", 7 }, { "#NP", 11 }, { "int 0d", 13 },
	};
	const u8 *codes[] = {
		C64("ud2"),
		C64("xor ecx, ecx; div ecx"),
		C64("mov rbx, 0x800000000000; mov al, [rbx]"),
		C64("mov ebx, 0x80000000; mov al, [rbx]"),
		C64("mov rsp, 0x800000000000; pop rax"),
		C64("int3"),
		C64("fnop"),
		C64("int 0x48"),
		C64("int 0x0d"),
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_gate(cases[i].broken, K64, 0, 0x6e, 1);
		if (cases[i].broken == 11)
			set_gate(V, K64, 0, 0x6e, 1);
		if (cases[i].broken == 7)
			set_cr0(get_cr0() | 8);
		as(LONG);
		say("nested/%s, gate not present: ", cases[i].label);
		go(codes[i]);
		say_outcome();
		say("\n");
		set_cr0(get_cr0() & ~8ull);
		default_tables();
	}
	set_gate(6, 0, 0, 0x8e, 1);
	as(LONG);
	try("nested/#UD, gate to null", codes[0]);
	set_gate(6, KDATA, 0, 0x8e, 1);
	as(LONG);
	try("nested/#UD, gate to data", codes[0]);
	set_gate(0, KDATA, 0, 0x8e, 1);
	as(LONG);
	try("nested/#DE, gate to data", codes[1]);
	default_tables();
	set_gate(6, K64, (u64)stubs64 + 8 * 6, 0x8e, 3);
	*(u64 *)mem((u64)tss64 + 0x34) = 0x80002000;
	as(LONG);
	try_more("nested/#UD, stack not mapped", codes[0]);
	say(" cr2=%l\n", now.cr2);
	set_gate(13, K64, (u64)stubs64 + 8 * 13, 0x8e, 3);
	as(LONG);
	try_more("nested/#GP, stack not mapped", codes[2]);
	say(" cr2=%l\n", now.cr2);
	default_tables();
	set_gate(14, K64, (u64)stubs64 + 8 * 14, 0x8e, 3);
	as(LONG);
	try("nested/#PF, stack not mapped", codes[3]);
	*(u64 *)mem((u64)tss64 + 0x34) = 0x800000000000;
	set_gate(6, K64, (u64)stubs64 + 8 * 6, 0x8e, 3);
	as(LONG);
	try("nested/#UD, stack not canonical", codes[0]);
	set_gate(13, K64, (u64)stubs64 + 8 * 13, 0x8e, 3);
	as(LONG);
	try("nested/#GP, stack not canonical", codes[2]);
	as(LONG);
	try("nested/#PF, stack not canonical", codes[3]);
	default_tables();
}

/* 32-bit protected mode. */
static void prot_gates(enum mode m, const char *mode_name)
{
	static const struct gate list[] = {
		{ "interrupt", K32, 0xee, 0, 0, 0 },
		{ "trap", K32, 0xef, 0, 0, 0 },
		{ "dpl 0", K32, 0x8e, 0, 0, 0 },
		{ "not present", K32, 0x6e, 0, 0, 0 },
		{ "call gate", K32, 0xec, 0, 0, 0 },
		{ "to null", 0, 0xee, 0, 0, 0 },
		{ "to data", KDATA, 0xee, 0, 0, 0 },
		{ "to dpl 3", U32, 0xee, 0, 0, 0 },
		{ "to conforming", T0, 0xee, 0, 0x9f, 12 },
		{ "to code not present", T0, 0xee, 0, 0x1b, 12 },
		{ "beyond the limit", T0, 0xee, 0, 0x9b, 4 },
		{ "286 gate", T0, 0xe6, 0, 0x9b, 0 },
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const struct gate *g = &list[i];
		u32 to = (u32)(u64)landing32, *top;

		set_gdt(T0, descriptor(g->access == 0xe6 ? 0xf0000 : 0,
				       0xfffff >> (g->flags == 4 ? 4 : 0), g->kind,
				       g->access == 0xe6 ? 4 : g->flags));
		set_gate32(V, g->selector, g->access == 0xe6 ? to & 0xffff : to, g->access);
		as(m);
		now.in.flags |= 0x200;
		say("%s/%s: ", mode_name, g->label);
		go(C32("nop; int 0x48"));
		say_outcome();
		top = mem(now.frame + 12);
		if (now.vector == LANDED && !(now.out.cs & 3)) {
			bool small = g->access == 0xe6;

			say(" cs=%x flags=%x:", (u32)now.out.cs, (u32)now.out.flags);
			if (small)
				say(" ip+%x cs=%x", (u16)(top[0] - (u32)now.in.ip), top[0] >> 16);
			else
				say(" ip+%x cs=%x flags=%x", top[0] - (u32)now.in.ip, top[1],
				    top[2]);
		} else if (now.vector == LANDED) {
			say(" cs=%x", (u32)now.out.cs);
		}
		say("\n");
	}
	default_tables();
}

static void set_task(u32 eip, u16 cs)
{
	u32 *t = mem((u64)tssb);

	memset(tssb, 0, sizeof(tssb));
	t[1] = (u32)(u64)stack_ist1 + 4096; /* ESP0, SS0 */
	t[2] = KDATA;
	t[8] = eip;
	t[9] = 2;
	t[14] = (u32)(u64)stack_ist2 + 4096; /* ESP */
	for (unsigned i = 0; i < 6; i++)
		t[18 + i] = KDATA;
	t[19] = cs;
	*(u16 *)mem((u64)tssb + 0x66) = 0x68;
	set_gdt(TSSB, descriptor((u32)(u64)tssb, 0x67, 0x89, 0));
}

static void say_task(void)
{
	u32 *from = mem((u64)tss32);

	say_outcome();
	if (now.vector == LANDED || now.vector == BY_TASK) {
		if (now.vector == LANDED)
			say(" flags=%x", (u32)now.out.flags & 0x4000);
		say(" link=%x saved ip+%x", *(u32 *)mem((u64)tssb) & 0xffff,
		    from[8] - (u32)now.in.ip);
		say(" busy %x %x", (u32)(gdt[TSS32 / 8] >> 41 & 1), (u32)(gdt[TSSB / 8] >> 41 & 1));
	}
	say("\n");
}

/* check: long-function, one case after the other */
static void tasks(void)
{
	static const struct {
		char label[24];
		u8 access;
		u16 limit;
	} bad[] = { { "busy", 0x8b, 0x67 },
		    { "not present", 0x09, 0x67 },
		    { "short", 0x89, 0x66 } };

	*(u32 *)mem(0x200000) = 0;
	*(u16 *)mem(0x200004) = TSSB;
	set_task((u32)(u64)landing32, K32);
	as(PROT);
	now.in.bx = 0x200000;
	say("task/jump: ");
	go(C32("nop; jmp fword ptr [ebx]"));
	say_task();
	set_task((u32)(u64)landing32, K32);
	as(PROT);
	now.in.bx = 0x200000;
	say("task/call: ");
	go(C32("nop; call fword ptr [ebx]"));
	say_task();
	set_task((u32)(u64)landing32, K32);
	set_gate32(V, TSSB, 0, 0xe5);
	as(PROT);
	say("task/gate: ");
	go(C32("nop; int 0x48"));
	say_task();
	set_task((u32)(u64)task_entry, K32);
	set_gate32(13, TSSB, 0, 0x85);
	as(PROT);
	say("task/gate with an error code: ");
	go(C32("nop; mov eax, 0x200; mov ds, eax"));
	say("%x ", (u32)now.out.ip);
	say_task();
	/* #GP whose gate is not present while #NP ...: a double fault through a task. */
	set_task((u32)(u64)task_entry, K32);
	default_tables();
	set_gate32(8, TSSB, 0, 0x85);
	set_gate32(13, K32, 0, 0x0e);
	as(PROT);
	say("task/double fault: ");
	go(C32("nop; mov eax, 0x200; mov ds, eax"));
	say("%x ", (u32)now.out.ip);
	say_task();
	default_tables();
	for (unsigned i = 0; i < 3; i++) {
		set_task((u32)(u64)landing32, K32);
		set_gdt(TSSB, descriptor((u32)(u64)tssb, bad[i].limit, bad[i].access, 0));
		as(PROT);
		now.in.bx = 0x200000;
		say("task/jump, %s: ", bad[i].label);
		go(C32("nop; jmp fword ptr [ebx]"));
		say_outcome();
		say("\n");
	}
	set_task((u32)(u64)landing32, K32);
	as(PROT_USER);
	now.in.bx = 0x200000;
	try("task/jump, CPL 3", C32("nop; jmp fword ptr [ebx]"));
	/* Back by IRET with NT. */
	set_task((u32)(u64)landing32, K32);
	set_gdt(TSSB, descriptor((u32)(u64)tssb, 0x67, 0x8b, 0));
	*(u16 *)mem((u64)tss32) = TSSB;
	as(PROT);
	say("task/iret: ");
	go(C32("push 0x4002; popfd; iretd"));
	say_task();
	*(u16 *)mem((u64)tss32) = 0;
	default_tables();
}

static void real_mode(void)
{
	as(REAL);
	now.in.flags |= 0xad5;
	try_more("real/int", C16("nop; int 0x41"));
	say(" flags=%x sp-%x\n", (u32)now.out.flags, (u32)(now.in.sp - now.out.sp));
	as(REAL);
	try("real/ud2", C16("nop; ud2"));
	as(REAL);
	try("real/div", C16("xor cx, cx; div cx"));
	as(REAL);
	try("real/word at ffff", C16("mov bx, 0xffff; mov ax, [bx]"));
	as(REAL);
	try("real/ss word at ffff", C16("mov bp, 0xffff; mov ax, [bp]"));
	as(REAL);
	try("real/32-bit offset", C16("mov ebx, 0x10000; mov al, [ebx]"));
	as(REAL);
	try("real/int3", C16("nop; int3"));
	as(REAL);
	try("real/into", C16("nop; mov al, 0x7f; inc al; into"));
	as(REAL);
	try("real/mov cr0 pg", C16("mov eax, 0x80000010; mov cr0, eax"));
	as(REAL);
	try("real/lar", C16("lar ax, bx"));
	as(REAL);
	try("real/sidt", C16("mov bx, 0x600; sidt [bx]"));
	ivtr.limit = 0x60 * 4 - 1;
	as(REAL);
	try("real/beyond the ivt", C16("nop; int 0x60"));
	ivtr.limit = 13 * 4 - 1;
	as(REAL);
	try("real/and #GP beyond too", C16("nop; int 0x40"));
	default_tables();
	as(REAL);
	try("real/pop at fffe", C16("mov dx, ss; mov cx, sp; mov sp, 0xfffe; pop ax; mov bx, sp; "
				    "mov sp, cx"));
	say("real/sp afterwards: %l\n", now.out.bx);
}

static void v86_mode(void)
{
	static const char labels[][12] = { "cli",  "sti", "pushf",   "popf", "int 41",  "iret",
					   "int3", "hlt", "mov cr0", "in",   "lock nop" };
	const u8 *codes[] = { C16("cli"),
			      C16("sti"),
			      C16("pushf"),
			      C16("push 0x3202; popf"),
			      C16("int 0x41"),
			      C16("pushf; push cs; call 1f; jmp 2f; 1: iret; 2:"),
			      C16("int3"),
			      C16("hlt"),
			      C16("mov eax, cr0"),
			      C16("mov dx, 0x534; in al, dx"),
			      C16(".byte 0xf0; nop") };

	for (unsigned iopl = 0; iopl < 4; iopl += 3) {
		for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			as(V86);
			now.in.flags = 0x20002 | iopl << 12;
			say("v86/iopl %x/%s: ", iopl, labels[i]);
			go(codes[i]);
			say_outcome();
			say(" flags=%x\n", (u32)now.out.flags & ~0x10000u);
		}
	}
	as(V86);
	now.in.ds = 0x1234;
	now.in.es = 0x2345;
	now.in.fs = 0x3456;
	now.in.gs = 0x4567;
	go(C16("int 0x41"));
	u32 *f = mem(now.frame);
	say("v86/frame: es=%x ds=%x fs=%x gs=%x", f[5], f[6], f[7], f[8]);
	say(" then ds=%l es=%l fs=%l gs=%l\n", now.out.ds, now.out.es, now.out.fs, now.out.gs);
	as(V86);
	try("v86/32-bit offset", C16("mov ebx, 0x10000; mov al, [ebx]"));
	as(V86);
	try("v86/ss word at ffff", C16("mov bp, 0xffff; mov ax, [bp]"));
	set_gate32(LANDED, T0, (u32)(u64)landing32, 0xee);
	set_gdt(T0, descriptor(0, 0xfffff, 0x9f, 12));
	as(V86);
	try("v86/gate to conforming code", C16("int 0x41"));
	default_tables();
}

void probe(void)
{
	long_gates(LONG, "long0");
	long_gates(LONG_USER, "long3");
	odd_gates();
	nested();
	prot_gates(PROT, "prot0");
	prot_gates(PROT_USER, "prot3");
	tasks();
	real_mode();
	v86_mode();
}
