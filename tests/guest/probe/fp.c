/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/fp.c: x87, MMX and SSE state: images, exceptions and when they come, CR0's and
 * CR4's bits. SDM 1 chapters 8, 11, 12; SDM 3A 2.5, 14.
 */
#include "probe.h"

#define DATA 0x200000

static u8 *data(void)
{
	memset(mem(DATA), 0, 1024);
	return mem(DATA);
}

static void run(const char *label, const u8 *code)
{
	as(LONG);
	now.in.di = DATA;
	now.in.si = DATA + 512;
	try(label, code);
}

/* Bytes of memory as words of 32 bits, from the lowest. */
static void say_words(const u8 *at, unsigned words)
{
	for (unsigned i = 0; i < words; i++)
		say(" %x", *(const u32 *)(at + 4 * i));
	say("\n");
}

static void images(void)
{
	u8 *d = data();

	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; mov dword ptr [rdi], 0x1f80; ldmxcsr [rdi]; fxsave64 [rdi]"));
	say("fxsave/after fninit: fcw=%x fsw=%x ftw=%x mxcsr=%x\n", *(u16 *)d, *(u16 *)(d + 2),
	    d[4], *(u32 *)(d + 24));
	say("fxsave/mask of mxcsr has daz and the masks: %x\n", *(u32 *)(d + 28) & 0xffff);
	d = data();
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fld1; fldpi; fldz; fxsave64 [rdi]; fninit"));
	say("fxsave/three loaded: fsw=%x ftw=%x", *(u16 *)(d + 2), d[4]);
	say_words(d + 32, 3);
	say("fxsave/second:");
	say_words(d + 48, 3);
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fldz; fld1; fnstenv [rdi]; fnsave [rdi + 64]; fnstsw ax"));
	/* Last instruction and operand pointers are left out: processors differ. */
	say("fnstenv: %x %x %x\n", *(u32 *)d & 0xffff, *(u32 *)(d + 4) & 0xffff,
	    *(u32 *)(d + 8) & 0xffff);
	say("fnsave: %x %x %x", *(u32 *)(d + 64) & 0xffff, *(u32 *)(d + 68) & 0xffff,
	    *(u32 *)(d + 72) & 0xffff);
	say_words(d + 64 + 28, 5);
	say("fnsave/then: %l\n", now.out.ax & 0xffff);
	as(LONG);
	now.in.di = DATA;
	go(C64("fldenv [rdi]; fnstenv [rdi + 128]; frstor [rdi + 64]; fnstsw ax; fstp qword ptr "
	       "[rdi + 256]; fninit"));
	say("fldenv: %x %x\n", *(u32 *)(d + 132) & 0xffff, *(u32 *)(d + 136) & 0xffff);
	say("frstor: %l", now.out.ax & 0xffff);
	say_words(d + 256, 2);
	run("fxsave/not aligned", C64("fxsave [rdi + 8]"));
	run("fxrstor/not aligned", C64("fxrstor [rdi + 4]"));
	data();
	*(u32 *)mem(DATA + 24) = 0x10000;
	run("fxrstor/mxcsr bit 16", C64("fxrstor [rdi]"));
	*(u32 *)mem(DATA) = 0x10000;
	run("ldmxcsr/bit 16", C64("ldmxcsr [rdi]"));
	*(u32 *)mem(DATA) = 0xffff;
	run("ldmxcsr/ffff", C64("ldmxcsr [rdi]; mov dword ptr [rdi], 0x1f80; ldmxcsr [rdi]"));
	d = data();
	as(LONG);
	now.in.di = DATA;
	go(C64("mov word ptr [rdi], 0xffff; fldcw [rdi]; fnstcw [rdi + 2]; fninit"));
	say("fldcw/ffff: %x\n", *(u16 *)(d + 2) & 0x1f3f);
}

static void x87_stack(void)
{
	u8 *d = data();

	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fstp tbyte ptr [rdi]; fnstsw ax; mov ecx, eax; fnclex; fnstsw ax"));
	say("x87/underflow: sw=%l then %l", now.out.cx & 0xffff, now.out.ax & 0xffff);
	say_words(d, 3);
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fnstsw ax; fxsave "
	       "[rdi]; "
	       "fninit"));
	say("x87/overflow: sw=%l ftw=%x", now.out.ax & 0xffff, d[4]);
	say_words(d + 32, 3);
	as(LONG);
	go(C64("fninit; fldz; fincstp; fnstsw ax; mov ecx, eax; fdecstp; ffree st(0); fxam; fnstsw "
	       "ax; fninit"));
	say("x87/fincstp, ffree, fxam: %l %l\n", now.out.cx & 0xffff, now.out.ax & 0xffff);
	as(LONG);
	go(C64("fninit; fldz; fld1; fdivrp; fnstsw ax; mov ecx, eax; fxam; fnstsw ax; fninit"));
	say("x87/zero by zero and one: %l %l\n", now.out.cx & 0xffff, now.out.ax & 0xffff);
	as(LONG);
	go(C64("fninit; fld1; fldz; fdivp; fnstsw ax; mov ecx, eax; fxam; fnstsw ax; fninit"));
	say("x87/one by zero: %l %l\n", now.out.cx & 0xffff, now.out.ax & 0xffff);
	d = data();
	*(u32 *)(d + 16) = 1; /* a denormal */
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fld dword ptr [rdi + 16]; fnstsw ax; fstp qword ptr [rdi]; fninit"));
	say("x87/denormal: %l", now.out.ax & 0xffff);
	say_words(d, 2);
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fldpi; fistp dword ptr [rdi]; fldpi; fisttp dword ptr [rdi + 4]; fldl2t; "
	       "fbstp "
	       "tbyte ptr [rdi + 8]; fnstsw ax; fninit"));
	say("x87/stores of integers: %l", now.out.ax & 0xffff);
	say_words(d, 4);
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fld1; fldz; fucomip st, st(1); pushf; pop rcx; fninit; fldz; fchs; fstp "
	       "dword "
	       "ptr [rdi]"));
	say("x87/fucomip: %l", now.out.cx & 0x45);
	say_words(d, 1);
}

/* MMX writes set all tags to valid and TOP to 0. */
static void mmx(void)
{
	u8 *d = data();

	as(LONG);
	now.in.di = DATA;
	now.in.ax = 0x1122334455667788;
	go(C64("fninit; fld1; fld1; movq mm3, rax; fxsave [rdi]; emms; fnstenv [rdi + 512]; "
	       "fninit"));
	say("mmx/movq: fsw=%x ftw=%x", *(u16 *)(d + 2), d[4]);
	say_words(d + 32 + 48, 3);
	say("mmx/emms: %x\n", *(u32 *)(d + 512 + 8) & 0xffff);
	set_cr0(get_cr0() | 4);
	run("mmx/em", C64("emms"));
	set_cr0((get_cr0() & ~4ull) | 8);
	run("mmx/ts", C64("emms"));
	set_cr0(get_cr0() & ~8ull);
}

/* Which of EM, MP and TS make which instruction fault. SDM 3A table 2-2. */
static void control_bits(void)
{
	static const char labels[][12] = { "fnop",     "fwait",   "fninit", "emms",
					   "movaps",   "ldmxcsr", "fxsave", "sfence",
					   "prefetch", "movnti",  "pause" };
	const u8 *codes[] = { C64("fnop"),
			      C64("fwait"),
			      C64("fninit"),
			      C64("emms"),
			      C64("movaps xmm0, xmm1"),
			      C64("mov dword ptr [rdi], 0x1f80; ldmxcsr [rdi]"),
			      C64("fxsave [rdi]"),
			      C64("sfence"),
			      C64("prefetcht0 [rdi]"),
			      C64("movnti [rdi], eax"),
			      C64("pause") };
	u64 cr0 = get_cr0(), cr4 = get_cr4();

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		say("bits/%s:", labels[i]);
		for (unsigned bits = 0; bits < 8; bits++) {
			/* FXSAVE with EM: #UD with Intel, #NM with AMD. */
			if (i == 6 && bits & 2)
				continue;
			set_cr0((cr0 & ~14ull) | bits << 1);
			as(LONG);
			now.in.di = DATA;
			go(codes[i]);
			set_cr0(cr0);
			say(" %s", vector_name(now.vector));
		}
		set_cr4(cr4 & ~0x200ull);
		as(LONG);
		now.in.di = DATA;
		go(codes[i]);
		set_cr4(cr4);
		say(" no osfxsr %s\n", vector_name(now.vector));
	}
}

/* #MF waits for the next waiting instruction; without CR0.NE it goes out by a wire. */
static void x87_exceptions(void)
{
	u8 *d = data();

	*(u16 *)d = 0x340; /* all unmasked */
	run("mf/1 by 0, then fwait",
	    C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; nop; nop; fwait"));
	run("mf/then fnop", C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; nop; fnop"));
	run("mf/then fnstsw", C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; fnstsw ax; fninit"));
	run("mf/then fnclex", C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; fnclex; fwait"));
	run("mf/then movq mm", C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; movq mm0, rax"));
	run("mf/then movaps",
	    C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; movaps xmm0, xmm1; fninit"));
	run("mf/then fxsave", C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; fxsave [rsi]; fninit"));
	run("mf/unmasked by fldcw", C64("fninit; fld1; fldz; fdivp; fldcw [rdi]; nop; fwait"));
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fldcw [rdi]; fld1; fldz; fdivp; fnstsw ax; fnclex; fstp qword ptr [rdi + "
	       "8]; "
	       "fstp qword ptr [rdi + 16]; fninit"));
	say("mf/operands stay: %l", now.out.ax & 0xffff);
	say_words(d + 8, 4);
	*(u64 *)(d + 32) = 0x123;
	run("mf/underflow of the stack",
	    C64("fninit; fldcw [rdi]; fstp qword ptr [rdi + 32]; fwait"));
	say("mf/nothing is stored: %l\n", *(u64 *)(d + 32));
	*(u64 *)(d + 40) = 0x7ff0000000000001;
	run("mf/signalling nan", C64("fninit; fldcw [rdi]; fld qword ptr [rdi + 40]; fwait"));
	set_cr0(get_cr0() | 8);
	run("mf/ts first",
	    C64("clts; fninit; fldcw [rdi]; fld1; fldz; fdivp; mov rax, cr0; or eax, 8; "
		"mov cr0, rax; fnop"));
	set_cr0(get_cr0() & ~8ull);
	as(LONG);
	go(C64("fninit"));
}

/* @bits of MXCSR before, the operation, then: outcome, XMM0's low half, MXCSR. */
static void sse_case(const char *label, u32 mxcsr, u64 a, u64 b, const u8 *code)
{
	u8 *d = data();

	*(u32 *)d = mxcsr;
	*(u64 *)(d + 16) = a;
	*(u64 *)(d + 32) = b;
	as(LONG);
	now.in.di = DATA;
	now.in.si = DATA + 64;
	go(code);
	u64 vector = now.vector, error = now.error;

	say("%s: %s", label, vector_name(vector));
	as(LONG);
	now.in.di = DATA;
	go(C64("movq rax, xmm0; stmxcsr [rdi + 4]; mov dword ptr [rdi], 0x1f80; ldmxcsr [rdi]"));
	if (error + 1)
		say("(%l)", error);
	/* Whether PE joins an exception that is not masked: processors differ. */
	say(" %l %x\n", now.out.ax,
	    *(u32 *)(d + 4) & ~(vector != OK && mxcsr & 0x1000 ? 0x20u : 0));
}

#define LOAD "ldmxcsr [rdi]; movups xmm0, [rdi + 16]; movups xmm1, [rdi + 32]; "

static void sse(void)
{
	u64 one = 0x3ff0000000000000, zero = 0, least = 1, most = 0x7fefffffffffffff;
	u64 snan = 0x7ff0000000000001, qnan = 0x7ff8000000000123;
	u64 cr4 = get_cr4();

	sse_case("sse/1 by 0", 0x1f80, one, zero, C64(LOAD "divsd xmm0, xmm1"));
	sse_case("sse/1 by 0 unmasked", 0x1d80, one, zero, C64(LOAD "divsd xmm0, xmm1"));
	sse_case("sse/0 by 0", 0x1f80, zero, zero, C64(LOAD "divsd xmm0, xmm1"));
	sse_case("sse/0 by 0 unmasked", 0x1f00, zero, zero, C64(LOAD "divsd xmm0, xmm1"));
	sse_case("sse/overflow", 0x1f80, most, most, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/overflow unmasked", 0x1b80, most, most, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/overflow to zero", 0x7f80, most, most, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/denormal", 0x1f80, least, one, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/denormal unmasked", 0x1e80, least, one, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/denormals are zero", 0x1fc0, least, least, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/underflow", 0x1f80, 0x0010000000000000, 0x3fe8000000000001,
		 C64(LOAD "mulsd xmm0, xmm1"));
	sse_case("sse/underflow flushed", 0x9f80, 0x0010000000000000, 0x3fe8000000000001,
		 C64(LOAD "mulsd xmm0, xmm1"));
	sse_case("sse/underflow unmasked", 0x1780, 0x0010000000000000, 0x3fe8000000000001,
		 C64(LOAD "mulsd xmm0, xmm1"));
	sse_case("sse/inexact unmasked", 0x0f80, one, 0x4008000000000000,
		 C64(LOAD "divsd xmm0, xmm1"));
	sse_case("sse/round up", 0x5f80, one, 0x4008000000000000, C64(LOAD "divsd xmm0, xmm1"));
	sse_case("sse/signalling nan", 0x1f80, snan, one, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/quiet nan", 0x1f80, qnan, snan, C64(LOAD "addsd xmm0, xmm1"));
	sse_case("sse/max of nan and 1", 0x1f80, qnan, one, C64(LOAD "maxsd xmm0, xmm1"));
	sse_case("sse/comisd of nan", 0x1f80, qnan, one, C64(LOAD "comisd xmm0, xmm1"));
	sse_case("sse/ucomisd of nan", 0x1f80, qnan, one, C64(LOAD "ucomisd xmm0, xmm1"));
	sse_case("sse/sqrt of minus 1", 0x1f80, 0, one | 1ull << 63, C64(LOAD "sqrtsd xmm0, xmm1"));
	sse_case("sse/conversion too large", 0x1f80, most, 0,
		 C64(LOAD "cvttsd2si eax, xmm0; "
			  "movd xmm0, eax"));
	sse_case("sse/no osxmmexcpt", 0x1f80, 0, 0, C64(LOAD "nop"));
	set_cr4(cr4 & ~0x400ull);
	sse_case("sse/1 by 0 unmasked, no osxmmexcpt", 0x1d80, one, zero,
		 C64(LOAD "divsd xmm0, xmm1"));
	set_cr4(cr4);
	run("movaps/not aligned", C64("movaps xmm0, [rdi + 8]"));
	run("movups/not aligned", C64("movups xmm0, [rdi + 8]"));
	run("movdqa/store not aligned", C64("movdqa [rdi + 4], xmm0"));
	run("addps/not aligned", C64("addps xmm0, [rdi + 8]"));
	run("addsd/not aligned", C64("addsd xmm0, [rdi + 4]"));
	run("movntps/not aligned", C64("movntps [rdi + 8], xmm0"));
	run("pshufb/not aligned mm", C64("pshufb mm0, [rdi + 4]; emms"));
	run("movaps/absent and not aligned", C64("mov edi, 0x80000008; movaps xmm0, [rdi]"));
	as(LONG);
	now.in.di = DATA;
	now.in.ax = ~0ull;
	go(C64("movd xmm5, eax; movq xmm6, rax; movups [rdi], xmm5; movups [rdi + 16], xmm6"));
	say("movd and movq clear the rest:");
	say_words(mem(DATA), 8);
}

static void xsave(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 26 & 1)) {
		say("xsave/off: absent\nxsave/xgetbv: absent\nxsave/xsetbv 2: absent\n"
		    "xsave/xsetbv 0: absent\nxsave/xcr 1: absent\nxsave/CPL 3: absent\n"
		    "xsave/not aligned: absent\nxrstor/bad header: absent\nxsave/image: absent\n");
		return;
	}
	run("xsave/off", C64("xor ecx, ecx; xgetbv"));
	set_cr4(get_cr4() | 1 << 18);
	as(LONG);
	try_more("xsave/xgetbv", C64("xor ecx, ecx; xor edx, edx; mov eax, 3; xsetbv; xgetbv"));
	say(" %l\n", now.out.ax);
	run("xsave/xsetbv 2", C64("xor ecx, ecx; xor edx, edx; mov eax, 2; xsetbv"));
	run("xsave/xsetbv 0", C64("xor ecx, ecx; xor edx, edx; xor eax, eax; xsetbv"));
	run("xsave/xcr 1", C64("mov ecx, 0x101; xor edx, edx; mov eax, 3; xsetbv"));
	as(LONG_USER);
	try("xsave/CPL 3", C64("xor ecx, ecx; xor edx, edx; mov eax, 3; xsetbv"));
	run("xsave/not aligned", C64("mov eax, 3; xor edx, edx; xsave [rdi + 16]"));
	data();
	*(u64 *)mem(DATA + 520) = 1;
	run("xrstor/bad header", C64("mov eax, 3; xor edx, edx; xrstor [rdi]"));
	data();
	as(LONG);
	now.in.di = DATA;
	go(C64("fninit; fld1; pcmpeqd xmm0, xmm0; mov eax, 7; xor edx, edx; xsave [rdi]; fninit"));
	say("xsave/image: %l %x %x", *(u64 *)mem(DATA + 512), *(u16 *)mem(DATA + 2),
	    *(u8 *)mem(DATA + 4));
	say_words(mem(DATA + 160), 2);
	set_cr4(get_cr4() & ~(1ull << 18));
}

void probe(void)
{
	images();
	x87_stack();
	mmx();
	control_bits();
	x87_exceptions();
	sse();
	xsave();
}
