/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/debug.c: single step, breakpoints, DR6 and DR7. SDM 3B chapter 18.
 * Data breakpoints are traps: the instruction after is where #DB points.
 */
#include "probe.h"

#define DATA 0x200000
#define DR6_CLEAR 0xffff0ff0

static struct step {
	u32 ip, dr6, flags;
	u64 cx;
} steps[64];
static unsigned step_count;
static u64 steps_max;
static u32 dr6_shown; /* bits of DR6 that are defined in the case at hand */

static u64 *frame(unsigned i)
{
	return mem(now.frame + 8 * i);
}

/* At #DB: note where and why, and go on. */
static bool note_step(void)
{
	if (now.vector != 1 || step_count >= steps_max)
		return false;
	steps[step_count++] = (struct step){
		(u32)(now.out.ip - now.in.ip),
		((u32)get_dr6() ^ DR6_CLEAR) & dr6_shown,
		(u32)now.out.flags,
		now.out.cx,
	};
	set_dr6(DR6_CLEAR);
	return true;
}

/* Like note_step, and sets RF so that the instruction is not stopped at again. */
static bool note_and_resume(void)
{
	bool go_on = note_step();

	if (go_on)
		*frame(2) |= 0x10000;
	return go_on;
}

/*
 * Run @code and report every #DB: IP, DR6 without the bits that are always 1. RF is not reported
 * of steps: within a REP Intel's processors set it and AMD's do not.
 */
static void trace_with(bool (*handler)(void), const char *label, const u8 *code)
{
	step_count = 0;
	steps_max = 40;
	set_dr6(DR6_CLEAR);
	hook = handler;
	go(code);
	hook = NULL;
	say("%s:", label);
	for (unsigned i = 0; i < step_count; i++)
		if (steps[i].ip < 0x1000)
			say(" %x/%x%s", steps[i].ip, steps[i].dr6,
			    steps[i].flags & 0x10000 && !(steps[i].dr6 & 0x6000) ? "/RF" : "");
		else
			say(" out/%x", steps[i].dr6);
	say(" %s", vector_name(now.vector));
	if (now.vector < 32 && now.out.ip - now.in.ip < 0x1000)
		say("+%l", now.out.ip - now.in.ip);
	say("%s\n", now.out.flags & 0x100 ? " TF" : "");
}

static void trace(const char *label, const u8 *code)
{
	trace_with(note_step, label, code);
}

static void trace_exec(const char *label, const u8 *code)
{
	trace_with(note_and_resume, label, code);
}

#define TF 0x100

static void step(const char *label, enum mode m, const u8 *code)
{
	as(m);
	now.in.flags |= TF;
	now.in.bx = DATA + (m == LONG_USER || m == COMPAT_USER ? USER : 0);
	now.in.si = now.in.di = now.in.bx;
	trace(label, code);
}

static void single_steps(void)
{
	step("step/plain", LONG, C64("nop; mov eax, 1; inc eax"));
	step("step/user", LONG_USER, C64("nop; mov eax, 1; inc eax"));
	step("step/compatibility", COMPAT_USER, C32("nop; mov eax, 1; inc eax"));
	step("step/jump", LONG, C64("jmp 1f; nop; 1: call 2f; 2: pop rax"));
	step("step/rep movsb", LONG, C64("mov ecx, 3; cld; rep movsb; nop"));
	step("step/rep stosb, cx 0", LONG, C64("xor ecx, ecx; rep stosb; nop"));
	step("step/repne scasb", LONG, C64("mov ecx, 3; mov al, 0x99; repne scasb; nop"));
	step("step/loop", LONG, C64("mov ecx, 2; 1: loop 1b; nop"));
	step("step/mov ss", LONG, C64("mov eax, 0x10; mov ss, eax; nop; nop"));
	step("step/pop ss", COMPAT, C32("push ss; pop ss; nop; nop"));
	step("step/mov ds", LONG, C64("mov eax, 0x10; mov ds, eax; nop"));
	step("step/sti", LONG, C64("sti; nop; cli; nop"));
	step("step/popf clears", LONG, C64("push 2; popf; nop; nop"));
	step("step/pushf", LONG, C64("pushf; pop rax; and eax, 0x100; nop"));
	step("step/cpuid", LONG, C64("xor eax, eax; cpuid; nop"));
	step("step/rdmsr", LONG, C64("mov ecx, 0x10; rdmsr; nop"));
	step("step/wrmsr", LONG, C64("mov ecx, 0x174; rdmsr; wrmsr; nop"));
	step("step/mov cr", LONG,
	     C64("mov rax, cr3; mov cr3, rax; mov rax, cr0; mov cr0, rax; nop"));
	step("step/in", LONG, C64("mov edx, 0x534; in al, dx; nop"));
	step("step/out", LONG, C64("mov edx, 0x534; mov al, 0; out dx, al; nop"));
	step("step/pause", LONG, C64("pause; nop"));
	step("step/invlpg", LONG, C64("invlpg [rbx]; wbinvd; nop"));
	step("step/fault", LONG, C64("nop; ud2"));
	step("step/int 41", LONG, C64("nop; int 0x41"));
	step("step/int3", LONG, C64("nop; int3"));
	step("step/iretq", LONG,
	     C64("mov rdx, rsp; push 0x10; push rdx; push 0x102; push 8; lea rax, [rip + 1f]; "
		 "push rax; iretq; 1: nop; nop"));
	as(LONG);
	trace("step/popf sets", C64("push 0x102; popf; nop; nop"));
	as(LONG);
	trace("step/popf sets, mov ss",
	      C64("push 0x102; mov eax, 0x10; popf; mov ss, eax; nop; nop"));
	as(LONG);
	trace("step/iretq sets",
	      C64("mov rdx, rsp; push 0x10; push rdx; push 0x102; push 8; lea rax, [rip + 1f]; "
		  "push rax; iretq; 1: nop; nop"));
	as(LONG);
	trace("step/icebp", C64("nop; .byte 0xf1; nop"));
	as(LONG_USER);
	trace("step/icebp, CPL 3", C64("nop; .byte 0xf1; nop"));
	as(LONG);
	now.in.flags |= TF;
	trace("step/icebp and TF", C64("nop; .byte 0xf1; nop"));
}

/* Breakpoint 0 at @at, length and kind as in DR7 bits 16-19. */
static void watch(u64 at, unsigned bits)
{
	set_dr0(at);
	set_dr7(0x401 | (u64)bits << 16);
}

enum { EXEC = 0, WRITE = 1, IO = 2, ACCESS = 3, LEN1 = 0, LEN2 = 4, LEN8 = 8, LEN4 = 12 };

static void data_case(const char *label, u64 at, unsigned bits, const u8 *code)
{
	as(LONG);
	now.in.bx = DATA;
	now.in.si = DATA + 0x100;
	now.in.di = DATA;
	watch(at, bits);
	trace(label, code);
	set_dr7(0x400);
}

/* check: long-function, one case after the other */
static void data_breakpoints(void)
{
	data_case("data/write 1", DATA, WRITE | LEN1, C64("mov [rbx], al; nop"));
	data_case("data/read of write 1", DATA, WRITE | LEN1, C64("mov al, [rbx]; nop"));
	data_case("data/read of access 1", DATA, ACCESS | LEN1, C64("mov al, [rbx]; nop"));
	data_case("data/write 1 beside", DATA, WRITE | LEN1, C64("mov [rbx+1], al; nop"));
	data_case("data/write 4 over 1", DATA + 3, WRITE | LEN1, C64("mov [rbx], eax; nop"));
	data_case("data/write 4 before", DATA + 4, WRITE | LEN1, C64("mov [rbx], eax; nop"));
	data_case("data/write 1 in 2", DATA, WRITE | LEN2, C64("mov [rbx+1], al; nop"));
	data_case("data/write 1 in 4", DATA, WRITE | LEN4, C64("mov [rbx+3], al; nop"));
	data_case("data/write 1 in 8", DATA, WRITE | LEN8, C64("mov [rbx+7], al; nop"));
	data_case("data/write 1 behind 8", DATA, WRITE | LEN8, C64("mov [rbx+8], al; nop"));
	data_case("data/length 4 at an odd address", DATA + 2, WRITE | LEN4,
		  C64("mov [rbx], al; nop; mov [rbx+4], al; nop"));
	data_case("data/xchg", DATA, ACCESS | LEN4, C64("xchg eax, [rbx]; nop"));
	data_case("data/add", DATA, WRITE | LEN4, C64("add [rbx], eax; nop"));
	data_case("data/push", DATA - 8, WRITE | LEN8,
		  C64("mov rdx, rsp; mov rsp, rbx; push rax; nop; "
		      "mov rsp, rdx"));
	data_case("data/pop", DATA, ACCESS | LEN8,
		  C64("mov rdx, rsp; mov rsp, rbx; pop rax; nop; "
		      "mov rsp, rdx"));
	data_case("data/movsb", DATA, WRITE | LEN1, C64("movsb; nop"));
	data_case("data/rep movsb at the end", DATA + 4, WRITE | LEN1,
		  C64("mov ecx, 5; cld; rep movsb; nop"));
	data_case("data/read 2", DATA, ACCESS | LEN2,
		  C64("mov word ptr [rbx+8], 0x10; mov dx, [rbx]; mov ss, [rbx+8]; nop; nop"));
	*(u16 *)mem(DATA + 8) = KDATA;
	data_case("data/mov ss", DATA + 8, ACCESS | LEN2, C64("mov ss, [rbx+8]; nop; nop"));
	data_case("data/lea and nop", DATA, ACCESS | LEN1,
		  C64("lea rax, [rbx]; nop dword ptr [rbx]"));
	data_case("data/sse", DATA + 8, WRITE | LEN4, C64("movups [rbx], xmm0; nop"));
	data_case("data/x87", DATA + 8, WRITE | LEN1,
		  C64("fninit; fldz; fstp tbyte ptr [rbx]; nop"));
	data_case("data/fault before", DATA, ACCESS | LEN1,
		  C64("mov rdx, 0x800000000000; "
		      "mov al, [rbx]; mov [rdx], al"));
	as(LONG);
	now.in.bx = DATA;
	now.in.flags |= TF;
	watch(DATA, WRITE | LEN1);
	trace("data/and single step", C64("nop; mov [rbx], al; nop"));
	set_dr1(DATA);
	set_dr2(DATA + 2);
	set_dr7(0x400 | 0x3 | 1 << 4 | 0x05ddull << 16);
	dr6_shown = 0x5;
	as(LONG);
	now.in.bx = DATA;
	trace("data/two at once", C64("mov [rbx], eax; nop"));
	/* Not enabled: the bit in DR6 may be set all the same, but only with another's #DB. */
	set_dr7(0x400 | 0x8 | 0xdddull << 16);
	dr6_shown = 0x2;
	as(LONG);
	now.in.bx = DATA;
	trace("data/global enable only", C64("mov [rbx+4], eax; mov [rbx], al; nop"));
	dr6_shown = ~0u;
	set_dr7(0x400);
	as(LONG);
	now.in.bx = DATA;
	trace("data/none enabled", C64("mov [rbx], eax; nop"));
	as(LONG_USER);
	now.in.bx = DATA + USER;
	watch(DATA + USER, WRITE | LEN1);
	trace("data/user", C64("mov [rbx], al; nop"));
	set_dr7(0x400);
}

static void exec_breakpoints(void)
{
	const u8 *code = C64("nop; 1: mov eax, 1; nop");
	const u8 *faulty = C64("nop; ud2");
	const u8 *target = C64("mov ecx, 2; 1: nop; loop 1b");
	const u8 *after_ss = C64("mov eax, 0x10; mov ss, eax; nop; nop");
	const u8 *rep = C64("mov ecx, 3; cld; rep stosb; nop");
	static const u8 offsets[] = { 0, 1, 2, 6 };

	for (unsigned i = 0; i < sizeof(offsets); i++) {
		as(LONG);
		watch((u64)code + offsets[i], EXEC);
		say("exec %x ", (u32)offsets[i]);
		trace_exec("plain", code);
	}
	as(LONG);
	watch((u64)code + 1, EXEC);
	now.in.flags |= TF;
	trace_exec("exec/and single step", code);
	as(LONG);
	now.in.flags |= 0x10000;
	watch((u64)code, EXEC);
	trace_exec("exec/first, RF set", code);
	as(LONG);
	watch((u64)code + 1, EXEC);
	step_count = 0;
	steps_max = 3;
	hook = note_step;
	go(code);
	hook = NULL;
	say("exec/RF not set by the handler: %x times\n", step_count);
	as(LONG);
	watch((u64)faulty + 1, EXEC);
	trace_exec("exec/of what faults", faulty);
	as(LONG);
	watch((u64)target + 5, EXEC);
	trace_exec("exec/loop", target);
	as(LONG);
	watch((u64)after_ss + 7, EXEC);
	trace_exec("exec/after mov ss", after_ss);
	as(LONG);
	now.in.di = DATA;
	watch((u64)rep + 6, EXEC);
	trace_exec("exec/rep", rep);
	as(LONG_USER);
	watch((u64)code + 1 + USER, EXEC);
	trace_exec("exec/user", code);
	set_dr7(0x400);
}

static void io_breakpoints(void)
{
	set_cr4(get_cr4() | 8);
	set_dr0(0x534);
	set_dr7(0x401 | (IO | LEN1) << 16);
	as(LONG);
	now.in.dx = 0x534;
	trace("io/in", C64("in al, dx; nop"));
	as(LONG);
	now.in.dx = 0x535;
	trace("io/in beside", C64("in al, dx; nop"));
	as(LONG);
	now.in.dx = 0x534;
	trace("io/out", C64("out dx, al; nop"));
	set_dr7(0x401 | (IO | LEN4) << 16);
	as(LONG);
	now.in.dx = 0x536;
	trace("io/in, length 4", C64("in al, dx; nop"));
	set_dr7(0x400);
	set_cr4(get_cr4() & ~8ull);
}

static void registers(void)
{
	/* The report itself touches these registers, so the code that is tried sets GD. */
	as(LONG);
	trace("gd/read dr0", C64("mov eax, 0x2400; mov dr7, rax; nop; mov rax, dr0; nop"));
	say("gd/dr7 afterwards: %l\n", get_dr7());
	as(LONG);
	trace("gd/write dr7",
	      C64("mov eax, 0x2400; mov dr7, rax; mov eax, 0x400; mov dr7, rax; nop"));
	set_dr7(0x400);
	as(LONG);
	try_more("dr4 as dr6",
		 C64("mov rax, 0xffff4ff1; mov dr6, rax; mov rcx, dr4; mov rdx, dr5"));
	say(" %l %l\n", now.out.cx, now.out.dx);
	set_dr6(DR6_CLEAR);
	set_cr4(get_cr4() | 8);
	as(LONG);
	try("dr4 with de", C64("mov rcx, dr4"));
	as(LONG);
	try("dr5 with de, write", C64("mov dr5, rcx"));
	set_cr4(get_cr4() & ~8ull);
	as(LONG);
	try_more("dr6 bits", C64("xor eax, eax; mov dr6, rax; mov rcx, dr6; mov eax, 0xffffffff; "
				 "mov dr6, rax; mov rdx, dr6"));
	/* Bits 11 and 16 mean something on some. */
	say(" %l %l\n", now.out.cx & ~0x10800ull, now.out.dx & ~0x10800ull);
	as(LONG);
	try_more("dr7 bits", C64("xor eax, eax; mov dr7, rax; mov rcx, dr7; mov eax, 0xffffd7ff; "
				 "and eax, 0xffff0300; mov dr7, rax; mov rdx, dr7"));
	say(" %l %l\n", now.out.cx, now.out.dx & ~0x800ull);
	set_dr7(0x400);
	as(LONG);
	try("dr6 bit 32", C64("mov rax, 0x100000000; mov dr6, rax"));
	as(LONG);
	try("dr7 bit 32", C64("mov rax, 0x100000000; mov dr7, rax"));
	as(LONG);
	try_more("dr0 bit 63", C64("mov rax, 0x8000000000000000; mov dr0, rax; mov rcx, dr0"));
	say(" %l\n", now.out.cx);
	as(LONG_USER);
	try("dr6 read, CPL 3", C64("mov rax, dr6"));
	as(LONG_USER);
	try("dr7 write, CPL 3", C64("mov dr7, rax"));
	as(V86);
	try("dr7 read, v86", C16("mov eax, dr7"));
	as(LONG);
	set_dr6(DR6_CLEAR);
	now.in.flags |= TF;
	go(C64("nop"));
	say("dr6 after a step: %x\n", (u32)get_dr6() ^ DR6_CLEAR);
	as(LONG);
	set_dr6(DR6_CLEAR | 0x6001);
	now.in.flags |= TF;
	go(C64("nop"));
	/* BD and BS stay until software clears them; the processor may clear B0 to B3. */
	say("dr6 is not cleared: %x\n", ((u32)get_dr6() ^ DR6_CLEAR) & 0xf000);
	set_dr6(DR6_CLEAR);
}

/* System calls with TF set: where does the trap come? */
static void system_calls(void)
{
	wrmsr(0xc0000081, 0x0028000800000000);
	wrmsr(0xc0000082, (u64)C64("nop; nop"));
	wrmsr(0xc0000084, 0);
	as(LONG_USER);
	now.in.flags |= TF;
	trace("syscall/TF not masked", C64("syscall; nop"));
	wrmsr(0xc0000084, TF);
	as(LONG_USER);
	now.in.flags |= TF;
	trace("syscall/TF masked", C64("syscall; nop"));
	wrmsr(0xc0000084, 0x40700);
	as(LONG);
	now.in.cx = (u64)C64("nop; nop") + USER;
	now.in.r11 = 0x102;
	now.in.flags |= TF;
	trace("sysret/TF set", C64(".byte 0x48, 0x0f, 0x07"));
	set_gate(0x42, K64, (u64)C64("nop; nop"), 0xee, 1);
	as(LONG);
	now.in.flags |= TF;
	trace("int/TF", C64("nop; int 0x42"));
	set_gate(0x42, K64, (u64)C64("nop; nop"), 0xef, 1);
	as(LONG_USER);
	now.in.flags |= TF;
	trace("int/TF, trap gate", C64("int 0x42"));
	default_tables();
}

/* RF in the flags that faults push. SDM 3B 18.3.1.1. */
static void resume_flags(void)
{
	const u8 *codes[] = {
		C64("ud2"),
		C64("mov rax, [rbx]"),
		C64("mov rbx, 0x800000000000; mov [rbx], al"),
		C64("xor ecx, ecx; div ecx"),
		C64("int3"),
		C64("int 0x41"),
		C64("cld; mov ecx, 2; rep stosb"),
	};
	static const char names[][12] = { "#UD", "#PF", "#GP", "#DE", "int3", "int", "#PF in rep" };

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		as(LONG);
		now.in.bx = now.in.di = 0x80000000;
		go(codes[i]);
		say("resume flag of %s: %s %x\n", names[i], vector_name(now.vector),
		    (u32)(now.out.flags >> 16 & 1));
	}
}

void probe(void)
{
	dr6_shown = ~0u;
	resume_flags();
	single_steps();
	data_breakpoints();
	exec_breakpoints();
	io_breakpoints();
	registers();
	system_calls();
}
