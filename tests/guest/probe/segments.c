/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/segments.c: loading segment registers, the instructions that look at
 * descriptors, limits. SDM 3A 3.4, 5.5 to 5.7; SDM 2A/2B MOV, LAR, LSL, VERR, ARPL.
 */
#include "probe.h"

static const struct mode_name {
	enum mode mode;
	char name[8];
} modes[] = {
	{ PROT, "prot0" },        { PROT_USER, "prot3" }, { COMPAT, "comp0" },
	{ COMPAT_USER, "comp3" }, { LONG, "long0" },      { LONG_USER, "long3" },
};

/* Bits 40-47 of descriptors of all kinds. */
static const u8 kinds[] = { 0x00, 0x80, 0x82, 0x89, 0x8c, 0x90, 0x92, 0x93, 0x94,
			    0x96, 0x98, 0x9a, 0x9c, 0x9e, 0xb2, 0xd2, 0xf0, 0xf2,
			    0xf3, 0xfa, 0xfe, 0xfc, 0x12, 0x1a, 0x72, 0x70 };

/* A few of them for places where every other thing is varied too. */
static const u8 few_kinds[] = { 0x00, 0x89, 0x92, 0x9a, 0x9e, 0xf2, 0xfa, 0x72 };

static void each_kind(const char *what, enum mode m, const char *mode_name, const u8 *code,
		      const u8 *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		/* The next frame must lie within a segment that expands down, too. */
		u32 limit = (list[i] & 0x1c) == 0x14 ? 0 : 0xfffff;

		say("%s/%s/%x:", what, mode_name, (u32)list[i]);
		for (unsigned rpl = 0; rpl < 4; rpl++) {
			set_gdt(T0, descriptor(0, limit, list[i], 12));
			as(m);
			now.in.ax = T0 | rpl;
			go(code);
			say(" ");
			say_outcome();
			if ((u8)(gdt[T0 / 8] >> 40) != list[i])
				say("->%x", (u32)(u8)(gdt[T0 / 8] >> 40));
		}
		say("\n");
	}
}

static void loads(void)
{
	for (unsigned i = 0; i < 6; i++) {
		const struct mode_name *m = &modes[i];

		each_kind("ds", m->mode, m->name, C32("mov ds, eax"), kinds, sizeof(kinds));
		each_kind("ss", m->mode, m->name, C32("mov ss, eax"), kinds, sizeof(kinds));
	}
	each_kind("es", PROT, "prot0", C32("mov es, eax"), few_kinds, sizeof(few_kinds));
	each_kind("fs", LONG, "long0", C64("mov fs, eax"), few_kinds, sizeof(few_kinds));
	each_kind("gs", LONG_USER, "long3", C64("mov gs, eax"), few_kinds, sizeof(few_kinds));
	each_kind("popds", PROT, "prot0", C32("push eax; pop ds"), few_kinds, sizeof(few_kinds));
	each_kind("popss", PROT, "prot0", C32("push eax; pop ss"), few_kinds, sizeof(few_kinds));
	each_kind("popfs", LONG, "long0", C64("push rax; pop fs"), few_kinds, sizeof(few_kinds));
	each_kind("lds", PROT, "prot0", C32("push eax; push ebx; lds ebx, [esp]"), few_kinds,
		  sizeof(few_kinds));
	each_kind("lss", LONG, "long0",
		  C64("push rax; shl dword ptr [rsp], 16; "
		      "lss bx, [rsp]"),
		  few_kinds, sizeof(few_kinds));
}

static void selectors(void)
{
	static const u16 values[] = {
		0, 1, 2, 3, 4, 7, GDT_SIZE - 8, GDT_SIZE, GDT_SIZE + 4, 0xfff8, 0xffff, T0 + 4
	};

	set_gdt(GDT_SIZE - 8, descriptor(0, 0xfffff, 0xf3, 12));
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned v = 0; v < sizeof(values) / 2; v++) {
			say("selector/%s/%x:", modes[i].name, (u32)values[v]);
			as(modes[i].mode);
			now.in.ax = values[v];
			go(C32("mov ds, eax"));
			say(" ds ");
			say_outcome();
			/* NULL with RPL 1 to 3 in SS at CPL 0: Intel #GP, AMD none. */
			if (modes[i].mode != LONG || values[v] == 0 || values[v] > 3) {
				as(modes[i].mode);
				now.in.ax = values[v];
				go(C32("mov ss, eax"));
				say(" ss ");
				say_outcome();
			}
			say("\n");
		}
	}
}

/* The GDT's limit in the middle of a descriptor, and an LDT. */
static void table_limits(void)
{
	static const u16 limits[] = { 0x8f, 0x8e, 0x88, 0x87, 0x97 };

	for (unsigned i = 0; i < sizeof(limits) / 2; i++) {
		struct table_register *t = mem(0x200000);

		t->limit = limits[i];
		t->base = (u64)gdt;
		set_gdt(T0, descriptor(0, 0xfffff, 0x93, 12));
		say("gdt limit/%x: ", (u32)limits[i]);
		as(LONG);
		now.in.ax = T0;
		now.in.bx = 0x200000;
		go(C64("lgdt [rbx]; 1: mov ds, eax"));
		say_outcome();
		say("\n");
	}
	for (unsigned limit = 0x16; limit < 0x19; limit++) {
		memset(ldt, 0, 256);
		ldt[2] = descriptor(0, 0xfffff, 0xf2, 12);
		set_system(LDT, (u64)ldt, limit, 0x82);
		say("ldt limit/%x: ", limit);
		as(LONG);
		now.in.ax = 0x17;
		now.in.bx = LDT;
		go(C64("lldt bx; mov ds, eax"));
		say_outcome();
		say(" %x\n", (u32)(u8)(ldt[2] >> 40));
	}
}

static void system_loads(const char *what, enum mode m, const char *mode_name, const u8 *code)
{
	static const u8 list[] = { 0x00, 0x81, 0x82, 0x83, 0x85, 0x89, 0x8b,
				   0x8c, 0x92, 0xe2, 0xe9, 0x02, 0x09 };

	for (unsigned i = 0; i < sizeof(list); i++) {
		say("%s/%s/%x: ", what, mode_name, (u32)list[i]);
		set_gdt(T0 + 8, 0);
		set_gdt(T0, descriptor((u32)(u64)tss64, 0x67, list[i], 0));
		as(m);
		now.in.ax = T0 | 3;
		go(code);
		say_outcome();
		if ((u8)(gdt[T0 / 8] >> 40) != list[i])
			say(" ->%x", (u32)(u8)(gdt[T0 / 8] >> 40));
		say("\n");
	}
	/* LTR of NULL in 64-bit mode is left out: QEMU ends itself. */
	for (unsigned sel = what[1] == 't' && m == LONG ? 6 : 0; sel < 8; sel += 3) {
		say("%s/%s/selector %x: ", what, mode_name, sel);
		as(m);
		now.in.ax = sel;
		go(code);
		say_outcome();
		say("\n");
	}
}

static void tables_loads(void)
{
	system_loads("lldt", PROT, "prot0", C32("lldt ax"));
	system_loads("lldt", LONG, "long0", C64("lldt ax"));
	system_loads("ltr", PROT, "prot0", C32("ltr ax"));
	system_loads("ltr", LONG, "long0", C64("ltr ax"));
	as(LONG_USER);
	try("lldt/long3", C64("lldt ax"));
	as(PROT_USER);
	try("ltr/prot3", C32("ltr ax"));
	as(REAL);
	try("lldt/real", C16("lldt ax"));
	as(V86);
	try("str/v86", C16("str ax"));
	/* In 64-bit mode a descriptor has 16 bytes. */
	set_gdt(GDT_SIZE - 8, descriptor(0, 0x67, 0x82, 0));
	as(LONG);
	now.in.ax = GDT_SIZE - 8;
	try("lldt/long0/half beyond the limit", C64("lldt ax"));
	set_gdt(GDT_SIZE - 8, 0);
	as(LONG);
	now.in.ax = LDT;
	set_system(LDT, (u64)ldt, 0xff, 0x82);
	try_more("sldt after lldt", C64("lldt ax; mov rbx, -1; mov rcx, -1; mov rdx, -1; sldt bx; "
					"sldt ecx; sldt rdx"));
	say(" %l %l %l\n", now.out.bx, now.out.cx, now.out.dx);
	as(LONG);
	try_more("str", C64("mov rbx, -1; mov rcx, -1; str bx; str ecx"));
	say(" %l %l\n", now.out.bx, now.out.cx);
}

/* One line for a mode and kind: for each RPL the result of LAR, LSL, VERR and VERW. */
static void look(enum mode m, const char *mode_name, u8 kind)
{
	static const char names[4][5] = { "lar", "lsl", "verr", "verw" };

	for (unsigned what = 0; what < 4; what++) {
		const u8 *code[4] = { C32("lar ebx, eax; setz cl"), C32("lsl ebx, eax; setz cl"),
				      C32("verr ax; setz cl"), C32("verw ax; setz cl") };

		say("%s/%s/%x:", names[what], mode_name, (u32)kind);
		for (unsigned rpl = 0; rpl < 4; rpl++) {
			set_gdt(T0, descriptor(0x12345678, 0x1234, kind, 8));
			set_gdt(T0 + 8, 0);
			as(m);
			now.in.ax = T0 | rpl;
			now.in.bx = 0x55;
			go(code[what]);
			if (now.vector != OK) {
				say(" ");
				say_outcome();
			} else {
				say(now.out.cx ? " z" : " -");
				if (now.out.bx != 0x55)
					say("%l", now.out.bx);
			}
		}
		say("\n");
	}
}

static void looks(void)
{
	static const u8 list[] = {
		0x00, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
		0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x92, 0x94, 0x96, 0x98, 0x9a,
		0x9c, 0x9e, 0xe9, 0xf0, 0xf2, 0xf8, 0xfa, 0xfc, 0xfe, 0x72, 0x09
	};
	static const u8 user_list[] = { 0x82, 0x8c, 0x92, 0x9a, 0x9e, 0xe2,
					0xec, 0xf0, 0xf2, 0xf8, 0xfa, 0xfe };

	for (unsigned i = 0; i < sizeof(list); i++) {
		look(PROT, "prot0", list[i]);
		look(LONG, "long0", list[i]);
	}
	for (unsigned i = 0; i < sizeof(user_list); i++) {
		look(PROT_USER, "prot3", user_list[i]);
		look(LONG_USER, "long3", user_list[i]);
	}
	as(LONG);
	try_more("lar/null", C64("xor eax, eax; lar ebx, eax; setz cl"));
	say(" %l\n", now.out.cx);
	as(LONG);
	now.in.ax = GDT_SIZE;
	try_more("lsl/beyond", C64("lsl ebx, eax; setz cl"));
	say(" %l\n", now.out.cx);
	as(REAL);
	try("lar/real", C16("lar eax, ebx"));
	as(V86);
	try("lsl/v86", C16("lsl eax, ebx"));
	as(V86);
	try("verr/v86", C16("verr ax"));
	as(REAL);
	try("arpl/real", C16("arpl ax, bx"));
	for (unsigned i = 0; i < 16; i++) {
		as(PROT_USER);
		now.in.ax = 0x100 + i / 4;
		now.in.bx = 0x200 + i % 4;
		say("arpl/%x %x: ", i / 4, i % 4);
		go(C32("arpl ax, bx; setz cl"));
		say("%l %l\n", now.out.ax, now.out.cx);
	}
}

/* A read at each of these offsets through ES or SS of the given kind. */
static void limits_of(const char *label, u32 limit, u8 access, u8 flags, u32 stack)
{
	static const u32 at[] = { 0,      1,      0xffc,  0xffd,  0xffe,  0xfff,   0x1000,
				  0x1001, 0xfffc, 0xfffd, 0xfffe, 0xffff, 0x10000, 0xfffffffc };

	set_gdt(T0, descriptor(0x200000, limit, access, flags));
	say("%s:", label);
	for (unsigned i = 0; i < sizeof(at) / 4; i++) {
		as(PROT);
		now.in.ax = T0;
		now.in.bx = at[i];
		now.in.cx = stack;
		now.in.dx = KDATA;
		now.in.si = now.in.sp;
		go(stack ? C32("mov ss, eax; mov esp, ecx; mov al, ss:[ebx]; mov ss, edx; "
			       "mov esp, esi")
			 : C32("mov es, eax; mov eax, es:[ebx]"));
		say(" ");
		say_outcome();
	}
	say("\n");
}

static void limits(void)
{
	limits_of("limit/up fff bytes", 0xfff, 0x93, 4, 0);
	limits_of("limit/up 1 page", 0, 0x93, 12, 0);
	limits_of("limit/up ffff 16-bit", 0xffff, 0x93, 0, 0);
	limits_of("limit/up 4 GiB", 0xfffff, 0x93, 12, 0);
	limits_of("limit/up read only", 0xfff, 0x91, 4, 0);
	limits_of("limit/code", 0xfff, 0x9b, 4, 0);
	limits_of("limit/code no read", 0xfff, 0x99, 4, 0);
	limits_of("limit/down fff 16-bit", 0xfff, 0x97, 0, 0);
	limits_of("limit/down fff 32-bit", 0xfff, 0x97, 4, 0);
	limits_of("limit/down 0 page", 0, 0x97, 12, 0);
	limits_of("limit/down ffff 16-bit", 0xffff, 0x97, 0, 0);
	limits_of("limit/down ffffffff", 0xfffff, 0x97, 12, 0);
	limits_of("limit/ss up fff", 0xfff, 0x93, 4, 0x800);
	limits_of("limit/ss down fff 16-bit", 0xfff, 0x97, 0, 0x2000);
	limits_of("limit/ss down fff 32-bit", 0xfff, 0x97, 4, 0x2000);
}

static void writes(void)
{
	static const u8 list[] = { 0x91, 0x93, 0x99, 0x9b, 0x9d, 0x9f, 0x95, 0x97 };

	for (unsigned i = 0; i < sizeof(list); i++) {
		bool can_load = !(list[i] & 8) || (list[i] & 2);

		set_gdt(T0, descriptor(0x200000, 0xfff, list[i], 4));
		say("rw/%x:", (u32)list[i]);
		as(PROT);
		now.in.ax = T0;
		now.in.bx = list[i] & 4 && !(list[i] & 8) ? 0x2000 : 0x10;
		go(can_load ? C32("mov es, eax; mov al, es:[ebx]; mov es:[ebx], al")
			    : C32("mov es, eax"));
		say(" ");
		say_outcome();
		say("\n");
	}
	as(PROT);
	try("cs write", C32("mov cs:[0x200000], al"));
	as(PROT);
	try("null ds read", C32("xor eax, eax; mov ds, eax; mov eax, [0x200000]"));
	as(PROT);
	try("null gs write", C32("xor eax, eax; mov gs, eax; mov gs:[0x200000], eax"));
	as(LONG);
	try("null ds in 64-bit mode", C64("xor eax, eax; mov ds, eax; mov eax, [0x200000]"));
	as(LONG);
	try("null gs in 64-bit mode", C64("xor eax, eax; mov gs, eax; mov eax, gs:[0x200000]"));
	set_gdt(T0, descriptor(0x1000, 0xf, 0x93, 4));
	as(LONG);
	now.in.ax = T0;
	try("ds limit in 64-bit mode", C64("mov ds, eax; mov eax, [0x200000]"));
	as(COMPAT);
	now.in.ax = T0;
	try("ds limit in compatibility mode", C32("mov ds, eax; mov eax, [0x200000]"));
	as(LONG);
	now.in.ax = T0;
	*(u32 *)mem(0x201000) = 0x1234567;
	try_more("fs base in 64-bit mode", C64("mov fs, eax; mov eax, fs:[0x200000]"));
	say(" %l\n", now.out.ax);
	as(LONG);
	now.in.ax = T0;
	*(u32 *)mem(0x200000) = 0x7654321;
	try_more("es base in 64-bit mode", C64("mov es, eax; mov eax, es:[0x200000]"));
	say(" %l\n", now.out.ax);
}

/* Stacks of 16 bits: only SP moves, and what does not fit wraps or faults. SDM 3A 6.2.3. */
static void stacks(void)
{
	static const struct {
		char label[28];
		u32 limit, sp;
	} cases[] = {
		{ "stack16/sp 0", 0xffff, 0xabcd0000 },
		{ "stack16/sp 1", 0xffff, 0xabcd0001 },
		{ "stack16/sp 2", 0xffff, 0xabcd0002 },
		{ "stack16/sp 3", 0xffff, 0xabcd0003 },
		{ "stack16/sp 4", 0xffff, 0xabcd0004 },
		{ "stack16/limit fff sp 0", 0xfff, 0 },
		{ "stack16/limit fff sp 1002", 0xfff, 0x1002 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_gdt(T0, descriptor(0x200000, cases[i].limit, 0x93, 0));
		as(PROT);
		now.in.ax = T0;
		now.in.bx = cases[i].sp;
		now.in.cx = (u64)(stack_test + 2048);
		/* The handler must find a stack: the flat one comes back before INT. */
		idt32[12] = 0;
		set_gate32(12, TSSB, 0, 0x85);
		*(u32 *)(tssb + 0x20) = (u32)(u64)task_entry;
		*(u32 *)(tssb + 0x24) = 2;
		*(u32 *)(tssb + 0x38) = (u32)(u64)(stack_ist2 + 4096);
		for (unsigned s = 0; s < 6; s++)
			*(u32 *)(tssb + 0x48 + 4 * s) = s == 1 ? K32 : KDATA;
		go(C32("mov ss, eax; mov esp, ebx; push eax; mov edx, esp; mov esi, 0x10; "
		       "mov ss, esi; mov esp, ecx"));
		say("%s: ", cases[i].label);
		say_outcome();
		if (now.vector == OK)
			say(" esp=%l", now.out.dx);
		say("\n");
		default_tables();
	}
	as(PROT);
	set_gdt(T0, descriptor(0x200000, 0xffff, 0x93, 0));
	now.in.ax = T0;
	now.in.cx = (u64)(stack_test + 2048);
	try_more("stack16/pop at ffff+1", C32("mov ss, eax; mov esp, 0x5555fffc; pop ebx; pop ebx; "
					      "mov edx, esp; mov esi, 0x10; mov ss, esi; "
					      "mov esp, ecx"));
	say(" esp=%l\n", now.out.dx);
	as(PROT);
	now.in.ax = T0;
	now.in.cx = (u64)(stack_test + 2048);
	try_more("stack16/enter leave",
		 C32("mov ss, eax; mov esp, 0x55551000; mov ebp, 0x66662000; enter 0x10, 0; "
		     "mov edi, esp; mov ebx, ebp; leave; mov edx, esp; mov esi, 0x10; mov ss, esi; "
		     "mov esp, ecx"));
	say(" %l %l %l %l\n", now.out.di, now.out.bx & 0xffff, now.out.dx, now.out.bp);
}

void probe(void)
{
	loads();
	selectors();
	default_tables();
	table_limits();
	tables_loads();
	default_tables();
	looks();
	limits();
	writes();
	stacks();
}
