/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/transfers.c: far jumps, calls and returns, call gates, IRET.
 * SDM 3A 6.8 (privilege), SDM 2 JMP, CALL, RET, IRET.
 */
#include "probe.h"

#define POINTER 0x200000 /* m16:32 for far jumps */
#define FRAME 0x201000   /* stacks to return from */
#define FAR_JMP "jmp fword ptr [ebx]"
#define FAR_CALL "call fword ptr [ebx]"

static const struct mode_name {
	enum mode mode;
	char name[8];
} modes[] = {
	{ PROT, "prot0" },        { PROT_USER, "prot3" }, { COMPAT, "comp0" },
	{ COMPAT_USER, "comp3" }, { LONG, "long0" },      { LONG_USER, "long3" },
};

static bool is_alias(enum mode m)
{
	return m == LONG_USER || m == COMPAT_USER;
}

static const u8 *landing(enum mode m)
{
	const u8 *at = m == LONG || m == LONG_USER ? landing64 : landing32;

	return is_alias(m) ? user(at) : at;
}

static u8 code_flags(enum mode m)
{
	return m == LONG || m == LONG_USER ? 10 : 12;
}

static void say_arrival(void)
{
	say_outcome();
	if (now.vector == LANDED)
		say(" cs=%x", (u32)now.out.cs);
}

static void far_pointer(enum mode m, u64 offset, u16 selector)
{
	*(u32 *)mem(POINTER) = (u32)offset;
	*(u16 *)mem(POINTER + 4) = selector;
	now.in.bx = POINTER + (is_alias(m) ? USER : 0);
}

static void far_by_kind(const char *what, unsigned i, const u8 *code)
{
	static const u8 kinds[] = { 0x00, 0x83, 0x92, 0x98, 0x9a, 0x9c, 0x9e, 0xba,
				    0xbe, 0xfa, 0xfe, 0x1a, 0x1e, 0x7a, 0x7e };

	for (unsigned k = 0; k < sizeof(kinds); k++) {
		say("%s/%s/%x:", what, modes[i].name, (u32)kinds[k]);
		for (unsigned rpl = 0; rpl < 4; rpl++) {
			as(modes[i].mode);
			set_gdt(T0, descriptor(0, 0xfffff, kinds[k], code_flags(modes[i].mode)));
			far_pointer(modes[i].mode, (u64)landing(modes[i].mode), T0 | rpl);
			go(code);
			say(" ");
			say_arrival();
		}
		say("\n");
	}
}

static void far_odd(unsigned i)
{
	enum mode m = modes[i].mode;
	u8 good = m == PROT || m == COMPAT || m == LONG ? 0x9b : 0xfb;

	say("far/%s/null: ", modes[i].name);
	as(m);
	far_pointer(m, (u64)landing(m), 0);
	go(C32(FAR_JMP));
	say_arrival();
	say("\nfar/%s/beyond the table: ", modes[i].name);
	as(m);
	far_pointer(m, (u64)landing(m), GDT_SIZE);
	go(C32(FAR_CALL));
	say_arrival();
	say("\nfar/%s/beyond the limit: ", modes[i].name);
	as(m);
	set_gdt(T0, descriptor(0, 0xfff, good, code_flags(m) & 7));
	far_pointer(m, 0x1000, T0);
	go(C32(FAR_JMP));
	if (m == LONG || m == LONG_USER)
		say("%s", now.vector == OK ? "ok" : "no limit");
	else
		say_arrival();
	if (m >= PROT)
		return (void)say("\n");
	say("\nfar/%s/L and D: ", modes[i].name);
	as(m);
	set_gdt(T0, descriptor(0, 0xfffff, good, 14));
	far_pointer(m, (u64)landing(m), T0);
	go(C32(FAR_JMP));
	say_arrival();
	say("\n");
}

static void far_pushes(void)
{
	u32 *top;

	as(PROT);
	far_pointer(PROT, (u64)landing32, K32);
	go(C32(FAR_CALL));
	top = mem(now.out.sp = now.frame + 12);
	say("far call pushes/32: %x cs=%x sp-%x\n", (u32)(top[0] - now.in.ip), top[1],
	    (u32)(now.in.sp - now.out.sp));
	as(PROT);
	*(u16 *)mem(POINTER) = (u16)(u64)landing16;
	*(u16 *)mem(POINTER + 2) = K16;
	now.in.bx = POINTER;
	go(C32(".byte 0x66; call fword ptr [ebx]"));
	top = mem(now.frame + 12);
	say("far call pushes/16: %s %x sp-%x\n", vector_name(now.vector),
	    top[0] - (u32)(now.in.ip & 0xffff), (u32)(now.in.sp - now.frame - 12));
	as(LONG);
	far_pointer(LONG, (u64)landing64, K64);
	go(C64("call fword ptr [rbx]"));
	top = mem(now.out.sp);
	say("far call pushes/64 by 32: %x cs=%x sp-%x\n", (u32)(top[0] - now.in.ip), top[1],
	    (u32)(now.in.sp - now.out.sp));
	as(LONG);
	try("far jump in 64-bit mode, direct", C64(".byte 0xea; .long 0; .word 8"));
	as(LONG);
	now.in.bx = 0x800000000000;
	try("far jump, pointer not canonical", C64("jmp fword ptr [rbx]"));
}

static void far_returns(void)
{
	static const u8 kinds[] = { 0x00, 0x92, 0x9a, 0x9e, 0xba, 0xfa, 0xfe, 0x1a, 0x7a };

	for (unsigned i = 0; i < 6; i++) {
		enum mode m = modes[i].mode;

		for (unsigned k = 0; k < sizeof(kinds); k++) {
			say("retf/%s/%x:", modes[i].name, (u32)kinds[k]);
			for (unsigned rpl = 0; rpl < 4; rpl++) {
				as(m);
				set_gdt(T0, descriptor(0, 0xfffff, kinds[k], code_flags(m)));
				u32 frame[4] = { (u32)(u64)landing(m), T0 | rpl, (u32)now.in.sp,
						 UDATA };
				if (m == LONG)
					frame[0] += USER, frame[2] += USER;
				if (m == COMPAT && rpl == 3)
					frame[0] += USER, frame[2] += USER;
				if (m == LONG && rpl == 0)
					frame[0] -= USER;
				memcpy(mem(FRAME), frame, sizeof(frame));
				now.in.bx = FRAME + (is_alias(m) ? USER : 0);
				go(C32("mov esp, ebx; retf"));
				say(" ");
				say_arrival();
			}
			say("\n");
		}
	}
}

/* What becomes of data segments, and of what a gate's parameters took, on the way out. */
static void far_return_outer(void)
{
	static const u16 stacks[] = {
		UDATA, UDATA & ~3, KDATA, KDATA | 3, U32, 0, 3, GDT_SIZE | 3
	};
	u32 frame[6] = { (u32)(u64)landing32, U32, 0x11, 0x22, (u32)(u64)stack_test + 2048, UDATA };

	as(PROT);
	memcpy(mem(FRAME), frame, sizeof(frame));
	now.in.bx = FRAME;
	now.in.dx = UDATA;
	try_more("retf 8 to CPL 3", C32("mov es, edx; mov esp, ebx; retf 8"));
	say(" sp+%x ds=%x es=%x fs=%x\n", (u32)(now.out.sp - (u64)stack_test - 2048),
	    (u32)now.out.ds, (u32)now.out.es, (u32)now.out.fs);
	for (unsigned i = 0; i < sizeof(stacks) / 2; i++) {
		frame[5] = stacks[i];
		memcpy(mem(FRAME), frame, sizeof(frame));
		as(PROT);
		now.in.bx = FRAME;
		say("retf to CPL 3, ss=%x: ", (u32)stacks[i]);
		go(C32("mov esp, ebx; retf 8"));
		say_arrival();
		say("\n");
	}
}

static void call_gate(u16 selector, u16 target, u64 offset, u8 access, u8 params)
{
	gdt[selector >> 3] = (offset & 0xffff) | (u64)target << 16 | (u64)params << 32 |
			     (u64)access << 40 | (offset >> 16 & 0xffff) << 48;
}

struct gate_case {
	char label[24];
	u16 selector, target;
	u8 access, target_kind;
};

static const struct gate_case gate_cases[] = {
	{ "plain", T0 | 3, T0 + 16, 0xec, 0x9b },
	{ "dpl 0", T0, T0 + 16, 0x8c, 0x9b },
	{ "dpl 3 rpl 0", T0, T0 + 16, 0xec, 0x9b },
	{ "dpl 2 rpl 3", T0 | 3, T0 + 16, 0xcc, 0x9b },
	{ "not present", T0 | 3, T0 + 16, 0x6c, 0x9b },
	{ "to null", T0 | 3, 0, 0xec, 0x9b },
	{ "to rpl 3", T0 | 3, T0 + 19, 0xec, 0x9b },
	{ "to data", T0 | 3, T0 + 16, 0xec, 0x93 },
	{ "to code not present", T0 | 3, T0 + 16, 0xec, 0x1b },
	{ "to conforming", T0 | 3, T0 + 16, 0xec, 0x9f },
	{ "to dpl 3", T0 | 3, T0 + 16, 0xec, 0xfb },
	{ "to dpl 2", T0 | 3, T0 + 16, 0xec, 0xdb },
	{ "to a gate", T0 | 3, T0, 0xec, 0x9b },
	{ "beyond the table", T0 | 3, GDT_SIZE, 0xec, 0x9b },
};

/* The stack that the gate made: @size bytes an entry. */
static void say_gate_stack(unsigned size)
{
	u64 top = size == 8 ? now.out.sp : now.frame + 12;
	u64 base = (u64)stack_ring0 + 4096, mask = size == 2 ? 0xffff : 0xffffffff;

	if ((now.out.cs & 3) || top + 64 < base || top > base)
		return;
	say(" depth %x:", (u32)(base - top));
	for (u64 at = top; at < base; at += size) {
		u64 v = size == 8 ? *(u64 *)mem(at) : *(u32 *)mem(at) & mask;

		if (((v - now.in.ip) & mask) < 0x100)
			say(" ip+%x", (u32)((v - now.in.ip) & mask));
		else if (((now.in.sp - v) & mask) < 0x100)
			say(" sp-%x", (u32)((now.in.sp - v) & mask));
		else
			say(" %l", v);
	}
}

static void gate_of(unsigned i, u8 type, const struct gate_case *c, bool jump)
{
	enum mode m = modes[i].mode;
	bool wide = m < PROT, stays = c->target_kind == 0x9f || c->target_kind == 0xfb;
	u64 to = wide ? (u64)landing64 : (u64)landing32 & (type == 4 ? 0xffff : 0xfffff);

	as(m);
	if (wide && is_alias(m) && stays)
		to += USER;
	call_gate(T0, c->target, to, (u8)((c->access & 0xf0) | type), wide ? 0 : 2);
	gdt[T0 / 8 + 1] = 0;
	set_gdt(T0 + 16,
		descriptor(type == 4 ? 0xf0000 : 0, 0xfffff, c->target_kind, wide ? 10 : 12));
	far_pointer(m, 0x12345678, c->selector);
	say("%s gate %x/%s/%s: ", jump ? "jump" : "call", (u32)type, modes[i].name, c->label);
	go(jump ? C32(FAR_JMP) : C32("push 0x77; push 0x88; call fword ptr [ebx]"));
	say_arrival();
	if (now.vector == LANDED)
		say_gate_stack(wide ? 8 : type == 4 ? 2 : 4);
	say("\n");
}

static void gates_of(unsigned i, u8 type)
{
	for (unsigned k = 0; k < sizeof(gate_cases) / sizeof(gate_cases[0]); k++) {
		gate_of(i, type, &gate_cases[k], false);
		gate_of(i, type, &gate_cases[k], true);
	}
}

static void gates_odd(void)
{
	static const struct {
		char label[24];
		u16 ss;
		u8 kind;
	} inner[] = {
		{ "plain", T0 + 26, 0xd3 },
		{ "null stack", 2, 0xd3 },
		{ "stack of rpl 3", T0 + 27, 0xd3 },
		{ "stack of dpl 3", T0 + 26, 0xf3 },
		{ "stack is code", T0 + 26, 0xdb },
		{ "stack read only", T0 + 26, 0xd1 },
		{ "stack not present", T0 + 26, 0x53 },
		{ "stack beyond the table", GDT_SIZE | 2, 0xd3 },
	};

	as(LONG_USER);
	call_gate(T0, T0 + 16, (u64)landing64, 0xec, 0);
	gdt[T0 / 8 + 1] = 0x1fULL << 40;
	set_gdt(T0 + 16, descriptor(0, 0xfffff, 0x9b, 10));
	far_pointer(LONG_USER, 0, T0 | 3);
	try("64-bit gate/type in the upper half", C32(FAR_CALL));
	gdt[T0 / 8 + 1] = 0;
	set_gdt(T0 + 16, descriptor(0, 0xfffff, 0x9b, 12));
	as(LONG_USER);
	far_pointer(LONG_USER, 0, T0 | 3);
	try("64-bit gate/to 32-bit code", C32(FAR_CALL));
	set_gdt(T0 + 16, descriptor(0, 0xfffff, 0x9b, 10));
	*(u64 *)mem((u64)tss64 + 4) = 0x800000000000;
	as(LONG_USER);
	far_pointer(LONG_USER, 0, T0 | 3);
	try("64-bit gate/stack not canonical", C32(FAR_CALL));
	default_tables();
	for (unsigned k = 0; k < sizeof(inner) / sizeof(inner[0]); k++) {
		as(PROT_USER);
		call_gate(T0, T0 + 16, (u64)landing32, 0xec, 0);
		set_gdt(T0 + 16, descriptor(0, 0xfffff, 0xdb, 12));
		set_gdt(T0 + 24, descriptor(0, 0xfffff, inner[k].kind, 12));
		*(u32 *)mem((u64)tss32 + 0x14) = (u32)(u64)stack_ist1 + 4096;
		*(u32 *)mem((u64)tss32 + 0x18) = inner[k].ss;
		far_pointer(PROT_USER, 0, T0 | 3);
		say("32-bit gate to CPL 2/%s: ", inner[k].label);
		go(C32(FAR_CALL));
		say_arrival();
		say("\n");
	}
	default_tables();
}

struct iret_case {
	char label[32];
	u64 ip;
	u16 cs;
	u32 flags;
	u16 ss;
};

static const struct iret_case long_cases[] = {
	{ "same", 0, K64, 0xad7, KDATA },
	{ "same, null ss", 0, K64, 2, 0 },
	{ "user", USER, U64, 0x3202, UDATA },
	{ "user, compatibility", USER + 1, U32, 0x202, UDATA },
	{ "user, null ss", USER, U64, 2, 3 },
	{ "user, ss of the kernel", USER, U64, 2, KDATA },
	{ "user, ss rpl 0", USER, U64, 2, UDATA & ~3 },
	{ "user, ss is code", USER, U64, 2, U32 },
	{ "user, cs rpl 0", USER, U64 & ~3, 2, UDATA },
	{ "kernel cs, rpl 3", USER, K64 | 3, 2, UDATA },
	{ "kernel, compatibility", 1, K32, 2, KDATA },
	{ "null cs", 0, 0, 2, KDATA },
	{ "data in cs", 0, KDATA, 2, KDATA },
	{ "cs beyond the table", 0, GDT_SIZE, 2, KDATA },
	{ "reserved flags", 0, K64, 0xffc0802a, KDATA },
	{ "all status flags", 0, K64, 0x244ed5, KDATA },
	{ "vm flag", 0, K64, 0x20002, KDATA },
	{ "ip not canonical", 0x800000000000, K64, 2, KDATA },
};

static void iret_long(enum mode m, const char *mode_name)
{
	for (unsigned i = 0; i < sizeof(long_cases) / sizeof(long_cases[0]); i++) {
		const struct iret_case *c = &long_cases[i];
		u64 ip = c->ip >= 0x800000000000 ? c->ip
			 : c->ip & 1             ? (u64)landing32 + c->ip - 1
						 : (u64)landing64 + c->ip;
		u64 frame[5] = { ip, c->cs, c->flags,
				 (c->cs & 3 ? USER : 0) + (u64)stack_test + 0x808, c->ss };

		as(m);
		memcpy(mem(FRAME), frame, sizeof(frame));
		now.in.bx = FRAME + (is_alias(m) ? USER : 0);
		say("iretq/%s/%s: ", mode_name, c->label);
		go(C64("mov rsp, rbx; iretq"));
		say_outcome();
		if (now.vector == LANDED)
			say(" cs=%x ss=%x flags=%x sp=%x", (u32)now.out.cs, (u32)now.out.ss,
			    (u32)now.out.flags, (u32)(now.out.sp & 0xfff));
		say("\n");
	}
}

static void iret_long_odd(void)
{
	u32 frame[5] = { (u32)(u64)landing64, K64, 2, (u32)(u64)stack_test + 0x800, KDATA };
	u16 frame16[5] = { 0, K16, 2, 0x1234, KDATA };

	as(LONG);
	memcpy(mem(FRAME), frame, sizeof(frame));
	now.in.bx = FRAME;
	try_more("iretd in 64-bit mode", C64("mov rsp, rbx; iretd"));
	say(" sp=%x\n", (u32)(now.out.sp & 0xfff));
	frame16[0] = (u16)(u64)landing16;
	memcpy(mem(FRAME), frame16, sizeof(frame16));
	as(LONG);
	now.in.bx = FRAME;
	try_more("iretw in 64-bit mode", C64("mov rsp, rbx; .byte 0x66; iretd"));
	say(" sp=%x cs=%x\n", (u32)now.out.sp, (u32)now.out.cs);
	as(LONG);
	now.in.flags |= 0x4000;
	try("iretq with NT", C64("mov rsp, 0x201000; iretq"));
	as(COMPAT);
	now.in.flags |= 0x4000;
	try("iretd with NT in compatibility mode", C32("mov esp, 0x201000; iretd"));
	as(LONG);
	try("iretq, stack not canonical",
	    C64("mov rsp, 0x7fffffffffe0; movabs rsp, 0x800000000000; "
		"iretq"));
}

static const struct iret_case prot_cases[] = {
	{ "same", 0, K32, 0xad7, 0 },
	{ "user", 0, U32, 0x3202, UDATA },
	{ "user, null ss", 0, U32, 2, 3 },
	{ "user, ss of the kernel", 0, U32, 2, KDATA },
	{ "user, ss is code", 0, U32, 2, U32 },
	{ "user, cs rpl 0", 0, U32 & ~3, 2, UDATA },
	{ "kernel cs, rpl 3", 0, K32 | 3, 2, UDATA },
	{ "null cs", 0, 0, 2, 0 },
	{ "data in cs", 0, KDATA, 2, 0 },
	{ "cs beyond the table", 0, GDT_SIZE, 2, 0 },
	{ "all status flags", 0, K32, 0x240ed5, 0 },
	{ "beyond the limit", 0x202000, T0, 2, 0 },
};

static void iret_prot(enum mode m, const char *mode_name)
{
	set_gdt(T0, descriptor(0, 0xfffff, m == PROT ? 0x9b : 0xfb, 4));
	*(u16 *)mem(0x202000) = 0xcd | LANDED << 8;
	for (unsigned i = 0; i < sizeof(prot_cases) / sizeof(prot_cases[0]); i++) {
		const struct iret_case *c = &prot_cases[i];
		u32 frame[5] = { c->ip ? (u32)c->ip : (u32)(u64)landing32, c->cs, c->flags,
				 (u32)(u64)stack_test + 0x808, c->ss };

		as(m);
		memcpy(mem(FRAME), frame, sizeof(frame));
		now.in.bx = FRAME;
		say("iretd/%s/%s: ", mode_name, c->label);
		go(C32("mov esp, ebx; iretd"));
		say_outcome();
		if (now.vector == LANDED)
			say(" cs=%x flags=%x ds=%x", (u32)now.out.cs, (u32)now.out.flags,
			    (u32)now.out.ds);
		say("\n");
	}
}

void probe(void)
{
	for (unsigned i = 0; i < 6; i++) {
		far_by_kind("jmpf", i, C32(FAR_JMP));
		far_by_kind("callf", i, C32(FAR_CALL));
		far_odd(i);
	}
	default_tables();
	far_pushes();
	far_returns();
	far_return_outer();
	gates_of(0, 12);
	gates_of(1, 12);
	gates_of(1, 4);
	gates_of(4, 12);
	gates_of(5, 12);
	gates_of(5, 4);
	gates_odd();
	iret_long(LONG, "long0");
	iret_long(LONG_USER, "long3");
	iret_long_odd();
	iret_prot(PROT, "prot0");
	iret_prot(PROT_USER, "prot3");
}
