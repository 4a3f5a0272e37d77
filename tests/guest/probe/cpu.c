/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/cpu.c: instructions whose edges emulators get wrong; what only the kernel or
 * IOPL may do. SDM 2. Undefined flags are not reported.
 */
#include "probe.h"

#define DATA 0x200000
#define STATUS 0x8d5 /* OF SF ZF AF PF CF */
#define CF 1
#define OF 0x800

/* The flags of @mask, and RAX, RCX, RDX, RBX. */
static void flags_case(const char *label, u32 mask, u64 a, u64 c, u64 b, u32 flags, const u8 *code)
{
	as(LONG);
	now.in.ax = a;
	now.in.cx = c;
	now.in.bx = b;
	now.in.si = now.in.di = DATA;
	now.in.flags |= flags;
	try_more(label, code);
	if (now.vector == OK)
		say(" %x %l %l %l %l", (u32)now.out.flags & mask, now.out.ax, now.out.cx,
		    now.out.dx, now.out.bx);
	say("\n");
}

static void shifts(void)
{
	enum { NO_AF = STATUS & ~0x10, NO_OF = NO_AF & ~OF };

	flags_case("shl/0 keeps flags", STATUS, 0x81, 0, 0, STATUS, C64("shl al, cl"));
	flags_case("shl/32 in 32 bits is 0", STATUS, ~0ull, 0x20, 0, STATUS, C64("shl eax, cl"));
	flags_case("shl/33 in 32 bits is 1", NO_AF, 0x80000001, 0x21, 0, 0, C64("shl eax, cl"));
	flags_case("shl/64 in 64 bits is 0", STATUS, ~0ull, 0x40, 0, 0, C64("shl rax, cl"));
	flags_case("shl/8 in 8 bits", NO_OF, 0x81, 8, 0, 0, C64("shl al, cl"));
	flags_case("shl/9 in 8 bits", NO_OF & ~CF, 0xff, 9, 0, CF, C64("shl al, cl"));
	flags_case("shr/1", NO_AF, 0x80, 1, 0, 0, C64("shr al, 1"));
	flags_case("sar/31", NO_OF, 0x80000000, 31, 0, 0, C64("sar eax, cl"));
	flags_case("sar/17 in 16 bits", NO_OF, 0x8000, 17, 0, 0, C64("sar ax, cl"));
	flags_case("rol/0 keeps flags", STATUS, 1, 0x20, 0, STATUS, C64("rol eax, cl"));
	flags_case("rol/8 in 8 bits", STATUS & ~OF, 1, 8, 0, STATUS & ~1u, C64("rol al, cl"));
	flags_case("rol/1", STATUS, 0x80, 1, 0, 0xd4, C64("rol al, 1"));
	flags_case("ror/1", STATUS, 1, 1, 0, 0, C64("ror al, 1"));
	flags_case("ror/16 in 16 bits", STATUS & ~OF, 0x8000, 16, 0, 0, C64("ror ax, cl"));
	flags_case("rcl/9 in 8 bits", STATUS & ~OF, 0x81, 9, 0, CF, C64("rcl al, cl"));
	flags_case("rcl/10 in 8 bits", STATUS & ~OF, 0x81, 10, 0, CF, C64("rcl al, cl"));
	flags_case("rcl/17 in 16 bits", STATUS & ~OF, 0x8001, 17, 0, CF, C64("rcl ax, cl"));
	flags_case("rcr/1", STATUS, 1, 1, 0, 0xd4, C64("rcr al, 1"));
	flags_case("rcr/31 in 32 bits", STATUS & ~OF, 0x80000001, 31, 0, CF, C64("rcr eax, cl"));
	flags_case("rcr/63 in 64 bits", STATUS & ~OF, 0x8000000000000001, 63, 0, 0,
		   C64("rcr rax, cl"));
	flags_case("shld/0", STATUS, 5, 0x20, 6, STATUS, C64("shld eax, ebx, cl"));
	flags_case("shld/1", NO_AF, 0x40000000, 1, 0x80000000, 0, C64("shld eax, ebx, 1"));
	flags_case("shrd/4", NO_OF, 0x12345678, 4, 0xf, 0, C64("shrd eax, ebx, 4"));
	flags_case("shld/63", NO_OF, 1, 63, ~0ull, 0, C64("shld rax, rbx, cl"));
	flags_case("shl eax clears the upper half", 0, ~0ull, 0, 0, 0, C64("shl eax, cl"));
	flags_case("shl ax keeps the upper half", 0, ~0ull, 4, 0, 0, C64("shl ax, cl"));
}

static void bits(void)
{
	u64 *m = mem(DATA);

	m[-1] = 0x8000000000000000;
	m[0] = m[1] = 0;
	flags_case("bt/minus 1", CF, 0, (u64)-1, 0, 0, C64("bt [rdi], rcx"));
	flags_case("bts/minus 64", CF, 0, (u64)-64, 0, 0, C64("bts [rdi], rcx"));
	say("bts/memory: %l %l %l\n", m[-1], m[0], m[1]);
	flags_case("btc/100", CF, 0, 100, 0, 0, C64("btc [rdi], ecx"));
	flags_case("btr/16-bit minus 1", CF, 0, 0xffff, 0, 0, C64("btr word ptr [rdi], cx"));
	say("btc/memory: %l %l %l\n", m[-1], m[0], m[1]);
	flags_case("bts/32-bit offset is signed", CF, 0, 0xffffffff, 0, 0, C64("bts [rdi], ecx"));
	say("bts/memory 32: %l\n", m[-1]);
	flags_case("bt/immediate is masked", CF, 0x8000, 0, 0, 0, C64("bt ax, 0x1f"));
	flags_case("bt/register is masked", CF, 2, 65, 0, 0, C64("bt rax, rcx"));
	flags_case("bsf/0", 0x40, 0, 0, 0, 0, C64("mov eax, 7; bsf eax, ebx; mov eax, 0"));
	flags_case("bsr/high", 0x40, 0, 0, 0x8000000000000000, 0, C64("bsr rax, rbx"));
	flags_case("bswap/32 clears the upper half", 0, 0xffffffff12345678, 0, 0, 0,
		   C64("bswap eax"));
	flags_case("popcnt", STATUS, 0, 0, 0xf0f0, STATUS, C64("popcnt rax, rbx"));
	flags_case("popcnt/0", STATUS, 0, 0, 0, 0, C64("popcnt rax, rbx"));
}

static void compare_exchange(void)
{
	u64 *m = mem(DATA);

	m[0] = 0x1111111122222222;
	m[1] = 0x3333333344444444;
	flags_case("cmpxchg/32 fails", STATUS, ~0ull, 5, 0, 0, C64("cmpxchg [rdi], ecx"));
	flags_case("cmpxchg/32 fits", STATUS, 0xffffffff22222222, 5, 0, 0,
		   C64("cmpxchg [rdi], ecx"));
	flags_case("cmpxchg/register fails", STATUS, 1, 5, ~0ull, 0, C64("cmpxchg ebx, ecx"));
	flags_case("cmpxchg/register fits", STATUS, 0xffffffff00000001, 5, 0xffffffff00000001, 0,
		   C64("cmpxchg ebx, ecx"));
	m[0] = 0x1111111122222222;
	flags_case("cmpxchg8b/fails", STATUS, 5, 6, 7, STATUS & ~0x40u, C64("cmpxchg8b [rdi]"));
	flags_case("cmpxchg8b/fits", STATUS, 0x22222222, 6, 7, STATUS & ~0x40u,
		   C64("mov edx, 0x11111111; lock cmpxchg8b [rdi]"));
	say("cmpxchg8b/memory: %l\n", m[0]);
	flags_case("cmpxchg16b/fails", 0x40, 5, 6, 7, 0, C64("cmpxchg16b [rdi]"));
	flags_case("cmpxchg16b/fits", 0x40, 0x600000007, 6, 7, 0,
		   C64("mov rdx, 0x3333333344444444; lock cmpxchg16b [rdi]"));
	say("cmpxchg16b/memory: %l %l\n", m[0], m[1]);
	flags_case("cmpxchg16b/not aligned", 0, 0, 0, 0, 0, C64("cmpxchg16b [rdi + 8]"));
	flags_case("cmpxchg8b/register", 0, 0, 0, 0, 0, C64(".byte 0x0f, 0xc7, 0xc9"));
	flags_case("xadd/same register", STATUS, 0x80000001, 0, 0, 0, C64("xadd eax, eax"));
	flags_case("xchg/memory is 32 bits", 0, ~0ull, 0, 0, 0, C64("xchg [rdi], eax"));
}

static void divisions(void)
{
	flags_case("div/overflow", 0, 0, 0, 2, 0, C64("mov edx, 2; div ebx"));
	flags_case("div/just fits", 0, 0xffffffff, 0, 2, 0, C64("mov edx, 1; div ebx"));
	flags_case("div/8 overflow", 0, 0x200, 0, 2, 0, C64("div bl"));
	flags_case("idiv/least by minus 1", 0, 0x80000000, 0, 0xffffffff, 0,
		   C64("mov edx, 0xffffffff; idiv ebx"));
	flags_case("idiv/8 least", 0, 0xff80, 0, 1, 0, C64("idiv bl"));
	flags_case("idiv/8 least by minus 1", 0, 0xff80, 0, 0xff, 0, C64("idiv bl"));
	flags_case("idiv/negative", 0, (u64)-7, 0, 2, 0, C64("cqo; idiv rbx"));
	flags_case("div/64 overflow", 0, 0, 0, ~0ull, 0, C64("mov rdx, -1; div rbx"));
	flags_case("div/128 by 64", 0, 5, 0, 0x8000000000000000, 0,
		   C64("mov rdx, 0x7fffffffffffffff; div rbx"));
	flags_case("mul/flags", CF | OF, 0x10000, 0, 0x10000, 0, C64("mul ebx"));
	flags_case("imul/fits", CF | OF, (u64)-2, 0, 3, CF | OF, C64("imul rax, rbx"));
	flags_case("imul/does not fit", CF | OF, 0x40000000, 0, 4, 0, C64("imul eax, ebx, 4"));
}

static void try_legacy(const char *label, u64 a, u32 flags, const u8 *code, u32 mask)
{
	as(PROT);
	now.in.ax = a;
	now.in.flags |= flags;
	try_more(label, code);
	say(" %x %x\n", (u32)now.out.ax, (u32)now.out.flags & mask);
}

static void decimals(void)
{
	try_legacy("daa/9a", 0x9a, 0, C32("daa"), 0xd5);
	try_legacy("daa/af and cf", 0x00, 0x11, C32("daa"), 0xd5);
	try_legacy("das/ff", 0xff, 0, C32("das"), 0xd5);
	try_legacy("das/05 with af", 0x05, 0x10, C32("das"), 0xd5);
	try_legacy("aaa/0f", 0x0f, 0, C32("aaa"), 0x11);
	try_legacy("aaa/fa", 0xfa, 0, C32("aaa"), 0x11);
	try_legacy("aas/05 with af", 0x205, 0x10, C32("aas"), 0x11);
	try_legacy("aam/0", 0x20, 0, C32("aam 0"), 0);
	try_legacy("aam/7", 0x20, 0, C32("aam 7"), 0xc4);
	try_legacy("aad/16", 0x1234, 0, C32("aad 16"), 0xc4);
	as(LONG);
	try("daa in 64-bit mode", C64(".byte 0x27"));
	as(LONG);
	try("push cs in 64-bit mode", C64(".byte 0x0e"));
	as(LONG);
	try("pusha in 64-bit mode", C64(".byte 0x60"));
	as(LONG);
	try("group 82 in 64-bit mode", C64(".byte 0x82, 0xc0, 0x01"));
	as(LONG);
	try("les in 64-bit mode", C64(".byte 0xc4, 0x00"));
	as(LONG);
	try("into in 64-bit mode", C64(".byte 0xce"));
	as(LONG);
	try("aam in 64-bit mode", C64(".byte 0xd4, 0x0a"));
}

static void stack_frames(void)
{
	u64 *top;

	as(LONG);
	go(C64("push rsp; pop rax"));
	say("push rsp: sp-%l\n", now.in.sp - now.out.ax);
	as(LONG);
	go(C64("push 0x55; mov rax, rsp; pop [rsp + 8]; mov rcx, rsp; mov rdx, [rsp + 8]"));
	say("pop [rsp + 8]: %l %l\n", now.out.cx - now.out.ax, now.out.dx);
	as(LONG);
	go(C64("mov rdx, rsp; push 0x66; pop rsp; mov rax, rsp; mov rsp, rdx"));
	say("pop rsp: %l\n", now.out.ax);
	as(LONG);
	now.in.bp = (u64)stack_test + 1024;
	top = mem(now.in.bp);
	for (unsigned i = 1; i < 5; i++)
		top[-(int)i] = 0x1111 * i;
	go(C64("enter 0x20, 3"));
	top = mem(now.in.sp);
	say("enter 20, 3: sp-%l bp-%l: %s %l %l %s\n", now.in.sp - now.out.sp,
	    now.in.sp - now.out.bp, top[-1] == now.in.bp ? "bp" : "?", top[-2], top[-3],
	    top[-4] == now.out.bp ? "frame" : "?");
	as(LONG);
	now.in.bp = (u64)stack_test + 1024;
	go(C64("enter 8, 32"));
	say("enter 8, 32: sp-%l bp-%l\n", now.in.sp - now.out.sp, now.in.sp - now.out.bp);
	as(LONG);
	go(C64("enter 8, 33"));
	say("enter 8, 33: sp-%l\n", now.in.sp - now.out.sp);
	as(LONG);
	now.in.sp = 0x80000000 + 8;
	now.in.bp = (u64)stack_test + 1024;
	go(C64("enter 0x10, 0"));
	say("enter, stack absent: %s(%l) sp %l bp %s\n", vector_name(now.vector), now.error,
	    now.out.sp, now.out.bp == now.in.bp ? "same" : "changed");
	as(LONG);
	try_more("leave", C64("mov rbp, rsp; sub rbp, 16; mov qword ptr [rbp], 0x1234; leave"));
	say(" sp-%l %l\n", now.in.sp - now.out.sp, now.out.bp);
	as(LONG);
	try_more("push word", C64("pushw 0x1234; mov ax, [rsp]; push -1; pop rcx"));
	say(" sp-%l %l %l\n", now.in.sp - now.out.sp, now.out.ax, now.out.cx);
	as(LONG);
	try_more("push fs", C64("push -1; push -1; add rsp, 16; push fs; pop rax"));
	say(" %l\n", now.out.ax);
	as(PROT);
	try_more("push fs, 32-bit", C32("push -1; pop eax; push fs; pop eax"));
	say(" %l\n", now.out.ax & 0xffff);
	as(PROT);
	try_more("pusha",
		 C32("mov eax, 1; mov ecx, 2; pusha; mov edi, [esp + 12]; mov esi, [esp]; popa"));
	say(" sp-%l\n", now.in.sp - (now.frame + 12));
	as(LONG);
	try_more("ret 8", C64("push 1; push 2; call 1f; mov rax, rsp; int 0x40; 1: ret 8"));
	say(" sp-%l\n", now.in.sp - now.out.ax);
}

static void loops(void)
{
	flags_case("loop/32-bit count", 0, 0, 0xffffffff00000001, 0, 0,
		   C64("addr32 loop 1f; mov eax, 1; 1:"));
	flags_case("loop/64-bit count", 0, 0, 0x100000000, 0, 0, C64("loop 1f; mov eax, 1; 1:"));
	flags_case("jecxz", 0, 0, 0xffffffff00000000, 0, 0, C64("jecxz 1f; mov eax, 1; 1:"));
	flags_case("jrcxz", 0, 0, 0xffffffff00000000, 0, 0, C64("jrcxz 1f; mov eax, 1; 1:"));
	flags_case("loopne/zf set", 0, 0, 5, 0, 0x40, C64("loopne 1f; mov eax, 1; 1:"));
	as(PROT);
	now.in.cx = 0xffff0000;
	try_more("jcxz", C32("jcxz 1f; mov eax, 1; 1:"));
	say(" %l\n", now.out.ax);
	as(PROT);
	now.in.cx = 0xffff0001;
	try_more("loop/16-bit count", C32("addr16 loop 1f; mov eax, 1; 1:"));
	say(" %l %l\n", now.out.ax, now.out.cx);
	flags_case("rep with 32-bit addresses", 0, 0, 0xffffffff00000002, 0, 0,
		   C64("mov rdi, 0x7700200000; cld; addr32 rep stosb; mov rdx, rdi"));
	flags_case("xlat", 0, 0xffffffffffffff02, 0, DATA + 0x40, 0,
		   C64("mov byte ptr [rbx + 2], 0x5a; xlatb"));
	flags_case("cmps/repe ends", STATUS, 0, 4, 0, 0,
		   C64("mov dword ptr [rsi], 0x01020304; mov dword ptr [rdi + 16], 0x01ff0304; "
		       "add rdi, 16; cld; repe cmpsb; mov rdx, rdi"));
	flags_case("movs/backwards over itself", 0, 0, 4, 0, 0x400,
		   C64("mov rax, 0x0807060504030201; mov [rsi], rax; add rsi, 3; add rdi, 5; "
		       "rep movsb; mov rax, [rsi + 1]; mov rdx, rdi"));
	flags_case("cmov/false clears the upper half", 0, ~0ull, 0, 5, 0, C64("cmovc eax, ebx"));
	flags_case("movsxd", 0, 0, 0, 0x80000000, 0, C64("movsxd rax, ebx"));
	flags_case("mov/al keeps the rest", 0, ~0ull, 0, 5, 0, C64("mov al, bl; mov ah, bl"));
	flags_case("lahf and sahf", STATUS | 2, 0xff00, 0, 0, 0, C64("sahf; lahf"));
	flags_case("cwde, cdq", 0, 0x8000, 0, 0, 0, C64("cwde; cdq"));
}

static void undefined(void)
{
	as(LONG);
	try("lock/nop", C64(".byte 0xf0, 0x90"));
	as(LONG);
	try("lock/add register", C64(".byte 0xf0, 0x01, 0xc0"));
	as(LONG);
	try("lock/mov", C64(".byte 0xf0, 0x89, 0x03"));
	as(LONG);
	try("lock/bt", C64(".byte 0xf0, 0x0f, 0xa3, 0x03"));
	as(LONG);
	try("lock/cmp", C64(".byte 0xf0, 0x39, 0x03"));
	as(LONG);
	try("ud0", C64(".byte 0x0f, 0xff, 0xc0"));
	as(LONG);
	try("ud1", C64(".byte 0x0f, 0xb9, 0xc0"));
	as(LONG);
	try("15 bytes",
	    C64(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, "
		"0x66, 0x66, 0x66, 0x90"));
	as(LONG);
	try("16 bytes",
	    C64(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, "
		"0x66, 0x66, 0x66, 0x66, 0x90"));
	as(LONG);
	try_more("rex before a prefix is nothing",
		 C64("mov rax, -1; .byte 0x48, 0x66, 0x05, 0x01, 0x00"));
	say(" %l\n", now.out.ax);
	as(LONG);
	try("mov to cs", C64(".byte 0x8e, 0xc8"));
	as(LONG);
	try("mov to segment 6", C64(".byte 0x8e, 0xf0"));
	as(LONG);
	try("lea of a register", C64(".byte 0x48, 0x8d, 0xc0"));
	as(LONG);
	try("group 5 /7", C64(".byte 0xff, 0xf8"));
	as(LONG);
	try("group fe /2", C64(".byte 0xfe, 0xd0"));
	as(LONG);
	try("group 8f /1", C64(".byte 0x8f, 0xc8, 0x00"));
	as(LONG);
	try("rsm outside of smm", C64("rsm"));
	as(PROT);
	now.in.bx = DATA;
	*(u64 *)mem(DATA) = 0x0000000500000001;
	now.in.ax = 6;
	try("bound/above", C32("bound eax, [ebx]"));
	as(PROT);
	now.in.bx = DATA;
	now.in.ax = 5;
	try("bound/within", C32("bound eax, [ebx]"));
	as(PROT);
	now.in.bx = DATA;
	now.in.ax = (u64)-1;
	try("bound/below", C32("bound eax, [ebx]"));
}

static void privileged(void)
{
	static const char labels[][10] = { "cli",  "sti",  "hlt",       "wbinvd", "invd",   "in",
					   "out",  "insb", "rep outsb", "lgdt",   "lidt",   "sgdt",
					   "smsw", "str",  "rdtsc",     "rdpmc",  "monitor" };
	const u8 *codes[] = { C64("cli"),
			      C64("sti"),
			      C64("hlt"),
			      C64("wbinvd"),
			      C64("invd"),
			      C64("mov edx, 0x534; in al, dx"),
			      C64("mov edx, 0x534; out dx, al"),
			      C64("mov edx, 0x534; insb"),
			      C64("mov edx, 0x534; mov ecx, 1; rep outsb"),
			      C64("lgdt [rdi]"),
			      C64("lidt [rdi]"),
			      C64("sgdt [rdi]"),
			      C64("smsw eax"),
			      C64("str eax"),
			      C64("rdtsc") };

	for (unsigned iopl = 0; iopl < 4; iopl += 3) {
		for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			as(LONG_USER);
			now.in.flags |= iopl << 12;
			now.in.di = now.in.si = USER + DATA;
			say("iopl %x/%s: ", iopl, labels[i]);
			go(codes[i]);
			say_outcome();
			say("\n");
		}
	}
	set_cr4(get_cr4() | 4);
	as(LONG_USER);
	try("tsd/rdtsc", C64("rdtsc"));
	as(LONG);
	try("tsd/rdtsc, CPL 0", C64("rdtsc"));
	set_cr4(get_cr4() & ~4ull);
	as(LONG_USER);
	now.in.flags |= 0x3000;
	try_more("popf/CPL 3, IOPL 3", C64("push 0x4203; popf; pushf; pop rax"));
	say(" %l\n", now.out.ax);
	as(LONG_USER);
	try_more("popf/CPL 3", C64("push 0x40ffeff; popf; pushf; pop rax; cld"));
	say(" %l\n", now.out.ax);
	as(LONG);
	try_more("popf/CPL 0", C64("push 0x24ffef7; popf; pushf; pop rax; cld; push 2; popf"));
	say(" %l\n", now.out.ax);
	as(LONG);
	try_more("popfw",
		 C64("push 0x40002; popf; pushw 0xed7; popfw; pushf; pop rax; push 2; popf"));
	say(" %l\n", now.out.ax);
	as(LONG);
	try_more("pushf hides rf", C64("push 0x10002; popf; pushf; pop rax"));
	say(" %l\n", now.out.ax);
}

static void ports(void)
{
	u8 *bitmap = tss64 + 0x68;
	u16 *base = mem((u64)tss64 + 0x66);
	static const u16 cases[] = { 0x533, 0x534, 0x535, 0x536 };

	bitmap[0x535 / 8] |= 1 << (0x535 & 7);
	for (unsigned i = 0; i < 4; i++) {
		as(LONG_USER);
		now.in.dx = cases[i];
		say("bitmap/%x: ", (u32)cases[i]);
		go(C64("in al, dx"));
		say_outcome();
		as(LONG_USER);
		now.in.dx = cases[i];
		go(C64("in ax, dx"));
		say(" ");
		say_outcome();
		as(LONG_USER);
		now.in.dx = cases[i];
		go(C64("in eax, dx"));
		say(" ");
		say_outcome();
		say("\n");
	}
	bitmap[0x535 / 8] = 0;
	*base = sizeof(tss64) - 1 - 0x534 / 8;
	as(LONG_USER);
	now.in.dx = 0x534;
	try("bitmap/ends in the middle", C64("in al, dx"));
	*base = 0xffff;
	as(LONG_USER);
	now.in.dx = 0x534;
	try("bitmap/none", C64("in al, dx"));
	*base = 0x68;
	as(LONG);
	now.in.di = DATA;
	now.in.dx = 0x534;
	now.in.cx = 3;
	try_more("rep insb", C64("cld; rep insb"));
	say(" %l %l\n", now.out.cx, now.out.di - DATA);
	as(LONG);
	now.in.si = 0x80000000 - 1;
	now.in.dx = 0x534;
	now.in.cx = 3;
	try_more("rep outsb into an absent page", C64("mov rsi, 0x7fffffff; cld; rep outsb"));
	say(" %l %l cr2=%l\n", now.out.cx, now.out.si, now.cr2);
}

static void umip(void)
{
	static const char labels[][6] = { "sgdt", "sidt", "sldt", "smsw", "str" };
	const u8 *codes[] = { C64("sgdt [rdi]"), C64("sidt [rdi]"), C64("sldt eax"),
			      C64("smsw eax"), C64("str eax") };
	u32 r[4];

	cpuid(7, 0, r);
	if (r[2] & 4)
		set_cr4(get_cr4() | 1 << 11);
	for (unsigned i = 0; i < 5; i++) {
		say("umip/%s: ", labels[i]);
		as(LONG_USER);
		now.in.di = USER + DATA;
		go(codes[i]);
		say_outcome();
		as(LONG);
		now.in.di = DATA;
		go(codes[i]);
		say(" ");
		say_outcome();
		say("\n");
	}
	set_cr4(get_cr4() & ~0x800ull);
}

/* #AC: alignment is checked at CPL 3 with CR0.AM and EFLAGS.AC. SDM 3A 7.15 */
static void alignment(void)
{
	static const char labels[][16] = { "word", "dword",  "qword",     "aligned", "byte",
					   "push", "movups", "fld tbyte", "movs" };
	const u8 *codes[] = {
		C64("mov ax, [rdi + 1]"),        C64("mov eax, [rdi + 2]"),
		C64("mov rax, [rdi + 4]"),       C64("mov rax, [rdi + 8]"),
		C64("mov al, [rdi + 3]"),        C64("sub rsp, 4; push rax"),
		C64("movups xmm0, [rdi + 8]"),   C64("fninit; fld tbyte ptr [rdi + 4]"),
		C64("lea rsi, [rdi + 2]; movsd")
	};

	set_cr0(get_cr0() | 1 << 18);
	for (unsigned i = 0; i < 6; i++) {
		as(LONG_USER);
		now.in.flags |= 0x40000;
		now.in.di = USER + DATA;
		say("alignment/%s: ", labels[i]);
		go(codes[i]);
		say_outcome();
		say("\n");
	}
	as(LONG_USER);
	now.in.flags |= 0x40000;
	now.in.di = USER + DATA;
	try("alignment/movs", codes[8]);
	as(LONG_USER);
	now.in.di = USER + DATA;
	try("alignment/no ac", codes[1]);
	as(LONG);
	now.in.flags |= 0x40000;
	now.in.di = DATA;
	try("alignment/CPL 0", codes[1]);
	set_cr0(get_cr0() & ~(1ull << 18));
	as(LONG_USER);
	now.in.flags |= 0x40000;
	now.in.di = USER + DATA;
	try("alignment/no am", codes[1]);
}

void probe(void)
{
	shifts();
	bits();
	compare_exchange();
	divisions();
	decimals();
	stack_frames();
	loops();
	undefined();
	privileged();
	ports();
	umip();
	alignment();
}
