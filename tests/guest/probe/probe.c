/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/probe/probe.c: tables, modes and report of the payloads in C. See probe.h. */
#include "probe.h"

#define TD_TEXT 0x500
#define TD_END 0x508

u64 gdt[GDT_SIZE / 8] __attribute__((aligned(16)));
u64 idt[512] __attribute__((aligned(16)));
u64 idt32[256] __attribute__((aligned(16)));
u64 ldt[32] __attribute__((aligned(16)));
u8 tss64[0x68 + 0x2020] __attribute__((aligned(128)));
u8 tss32[0x68 + 0x2020] __attribute__((aligned(128)));
u8 tssb[0x100] __attribute__((aligned(128)));
u64 pml4[512] __attribute__((aligned(4096)));
u64 pdpt[512] __attribute__((aligned(4096)));
u64 pd_low[512] __attribute__((aligned(4096)));
u64 pd_user[512] __attribute__((aligned(4096)));
u64 pd_high[512] __attribute__((aligned(4096)));
u32 pd32[1024] __attribute__((aligned(4096)));
u64 pdpt_pae[4] __attribute__((aligned(32)));
u8 stack_test[4096] __attribute__((aligned(4096)));
u8 stack_ist1[4096] __attribute__((aligned(4096)));
u8 stack_ist2[4096] __attribute__((aligned(4096)));
u8 stack_ring0[4096] __attribute__((aligned(4096)));
static struct regs as_before;
static enum mode mode_before;

void run_long(void);
void run_legacy(void);
void start(void);

void *memset(void *at, int c, size_t n)
{
	void *p = at;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return at;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *t = to;

	__asm__ volatile("rep movsb" : "+D"(t), "+S"(from), "+c"(n) : : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (size_t i = 0; i < n; i++)
		if (p[i] != q[i])
			return p[i] - q[i];
	return 0;
}

static void put(const char *text, size_t n)
{
	__asm__ volatile("cld; rep outsb" : "+S"(text), "+c"(n) : "d"(TD_TEXT) : "memory");
}

static size_t add_hex(char *to, u64 v)
{
	unsigned digits = 1;

	while (digits < 16 && v >> 4 * digits)
		digits++;
	for (unsigned i = 0; i < digits; i++)
		to[i] = "0123456789abcdef"[v >> 4 * (digits - 1 - i) & 15];
	return digits;
}

void say(const char *format, ...)
{
	char line[256];
	size_t n = 0;
	va_list args;

	va_start(args, format);
	for (const char *f = format; *f && n < sizeof(line) - 20; f++) {
		if (*f != '%') {
			line[n++] = *f;
			continue;
		}
		switch (*++f) {
		case 'x': n += add_hex(line + n, va_arg(args, u32)); break;
		case 'l': n += add_hex(line + n, va_arg(args, u64)); break;
		case 'c': line[n++] = (char)va_arg(args, int); break;
		case 's':
			for (const char *s = va_arg(args, const char *); *s && n < 230; s++)
				line[n++] = *s;
			break;
		default: line[n++] = '?';
		}
	}
	va_end(args);
	put(line, n);
}

const char *vector_name(u64 vector)
{
	static const char names[20][4] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
					   "#NM", "#DF", "#9",  "#TS", "#NP", "#SS", "#GP",
					   "#PF", "#15", "#MF", "#AC", "#MC", "#XM" };

	if (vector == OK)
		return "ok";
	if (vector == LANDED)
		return "landed";
	if (vector == BY_TASK)
		return "task";
	return vector < 20 ? names[vector] : "?";
}

void say_outcome(void)
{
	say("%s", vector_name(now.vector));
	if (now.vector > 20 && now.vector < 0x100 && now.vector != OK && now.vector != LANDED)
		say("%l", now.vector);
	if (now.error + 1)
		say("(%l)", now.error);
	if (now.vector >= 32)
		return;
	if (now.out.ip - now.in.ip < 0x1000)
		say("+%l", now.out.ip - now.in.ip);
	else
		say(" elsewhere");
}

u64 descriptor(u32 base, u32 limit, u8 access, u8 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

void set_gdt(u16 selector, u64 value)
{
	gdt[selector >> 3] = value;
}

void set_system(u16 selector, u64 base, u32 limit, u8 access)
{
	gdt[selector >> 3] = descriptor((u32)base, limit, access, 0);
	gdt[(selector >> 3) + 1] = base >> 32;
}

void set_gate(u8 vector, u16 selector, u64 offset, u8 access, u8 ist)
{
	idt[2 * vector] = (offset & 0xffff) | (u64)selector << 16 | (u64)ist << 32 |
			  (u64)access << 40 | (offset >> 16 & 0xffff) << 48;
	idt[2 * vector + 1] = offset >> 32;
}

void set_gate32(u8 vector, u16 selector, u32 offset, u8 access)
{
	idt32[vector] = (offset & 0xffff) | (u64)selector << 16 | (u64)access << 40 |
			(u64)(offset >> 16) << 48;
}

static void default_gates(void)
{
	volatile u32 *ivt = mem(0);

	for (unsigned i = 0; i < 256; i++) {
		bool open = i == 3 || i == 4 || (i >= 0x40 && i < 0x50);

		set_gate((u8)i, K64, (u64)stubs64 + 8 * i, open ? 0xee : 0x8e,
			 i == 2 || i == 8 ? 2 : 1);
		if (i >= 0x50)
			continue;
		set_gate32((u8)i, K32, (u32)(u64)stubs32 + 8 * i, open ? 0xee : 0x8e);
		ivt[i] = 0xf0000000 | (u16)(u64)(stubs16 + 8 * i);
	}
	gdtr.limit = GDT_SIZE - 1;
	gdtr.base = (u64)gdt;
	idtr.limit = 4095;
	idtr.base = (u64)idt;
	idtr32.limit = 0x50 * 8 - 1;
	idtr32.base = (u64)idt32;
	ivtr.limit = 0x3ff;
	ivtr.base = 0;
}

static void default_tss(void)
{
	/* 64-bit: RSP0 at 4, IST1 at 24, I/O map at 66. 32-bit: ESP0 at 4, SS0 at 8. */
	*(u64 *)mem((u64)tss64 + 4) = (u64)(stack_ring0 + 4096);
	*(u64 *)mem((u64)tss64 + 0x24) = (u64)(stack_ist1 + 4096);
	*(u64 *)mem((u64)tss64 + 0x2c) = (u64)(stack_ist2 + 4096);
	*(u16 *)mem((u64)tss64 + 0x66) = 0x68;
	*(u32 *)mem((u64)tss32 + 4) = (u32)(u64)(stack_ring0 + 4096);
	*(u32 *)mem((u64)tss32 + 8) = KDATA;
	*(u16 *)mem((u64)tss32 + 0x66) = 0x68;
}

void default_tables(void)
{
	memset(gdt, 0, sizeof(gdt));
	set_gdt(K64, descriptor(0, 0xfffff, 0x9b, 10));
	set_gdt(KDATA, descriptor(0, 0xfffff, 0x93, 12));
	set_gdt(K32, descriptor(0, 0xfffff, 0x9b, 12));
	set_gdt(KDATA2, descriptor(0, 0xfffff, 0x93, 12));
	set_gdt(U32 & ~7, descriptor(0, 0xfffff, 0xfb, 12));
	set_gdt(UDATA & ~7, descriptor(0, 0xfffff, 0xf3, 12));
	set_gdt(U64 & ~7, descriptor(0, 0xfffff, 0xfb, 10));
	set_gdt(0x40, descriptor(0, 0xfffff, 0xf3, 12));
	set_gdt(K16, descriptor(0xf0000, 0xffff, 0x9b, 0));
	set_gdt(KDATA16, descriptor(0, 0xffff, 0x93, 0));
	set_system(TSS64, (u64)tss64, sizeof(tss64) - 1, 0x8b);
	set_gdt(TSS32, descriptor((u32)(u64)tss32, sizeof(tss32) - 1, 0x89, 0));
	set_gdt(TSSB, descriptor((u32)(u64)tssb, sizeof(tssb) - 1, 0x89, 0));
	default_gates();
	default_tss();
}

static void as_segments(u16 cs, u16 data, u64 stack)
{
	now.in.cs = cs;
	now.in.ss = now.in.ds = now.in.es = now.in.fs = now.in.gs = data;
	now.in.sp = stack;
}

void as(enum mode m)
{
	u64 stack = (u64)(stack_test + 2048), top = (u64)stack_test & 0xf0000;

	memset(&now.in, 0, sizeof(now.in));
	now.in.flags = 2;
	now.cr0 = m == REAL ? 0x30 : 0x31;
	now.cr3 = now.cr4 = now.efer = 0;
	now.real = m == REAL;
	switch (m) {
	case LONG: as_segments(K64, KDATA, stack); break;
	case LONG_USER: as_segments(U64, UDATA, USER + stack); break;
	case COMPAT: as_segments(K32, KDATA, stack); break;
	case COMPAT_USER: as_segments(U32, UDATA, USER + stack); break;
	case PROT: as_segments(K32, KDATA, stack); break;
	case PROT_USER: as_segments(U32, UDATA, stack); break;
	case V86: now.in.flags |= 0x23000; /* fall through */
	case REAL:
		as_segments(0xf000, 0, stack - top);
		now.in.ss = (u16)(top >> 4);
		break;
	}
	as_before = now.in;
	mode_before = m;
}

void go(const u8 *code)
{
	now.in.ip = (u64)code;
	if (mode_before == LONG_USER || mode_before == COMPAT_USER)
		now.in.ip += USER;
	if (mode_before == V86 || mode_before == REAL)
		now.in.ip &= 0xffff;
	memset(&now.out, 0, sizeof(now.out));
	now.vector = now.error = now.cr2 = 0;
	if (mode_before < PROT)
		run_long();
	else
		run_legacy();
}

void try_more(const char *label, const u8 *code)
{
	go(code);
	say("%s: ", label);
	say_outcome();
	as_before.ip = now.in.ip;
	now.in = as_before;
}

void try(const char *label, const u8 *code)
{
	try_more(label, code);
	say("\n");
}

/* It takes a CR0 with bit 32 set, as no other. */
bool in_qemu(void)
{
	as(LONG);
	now.in.bx = get_cr0() | 1ull << 32;
	go(C64("mov cr0, rbx"));
	return now.vector == OK;
}

void try_but_in_qemu(const char *label, u64 bx, const u8 *code)
{
	if (in_qemu())
		return say("%s: left out\n", label);
	as(LONG);
	now.in.bx = bx;
	try(label, code);
}

void cpuid(u32 leaf, u32 sub, u32 out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "a"(leaf), "c"(sub));
}

bool is_amd(void)
{
	u32 r[4];

	cpuid(0, 0, r);
	return r[2] == 0x444d4163 || r[2] == 0x656e6975; /* cAMD, uine (Hygon) */
}

u64 rdmsr(u32 index)
{
	u32 a, d;

	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(index));
	return (u64)d << 32 | a;
}

void wrmsr(u32 index, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

u64 try_rdmsr(u32 index, u64 *value)
{
	as(LONG);
	now.in.cx = index;
	go(C64("rdmsr"));
	*value = now.out.dx << 32 | (u32)now.out.ax;
	return now.vector == OK ? 0 : now.vector;
}

u64 try_wrmsr(u32 index, u64 value)
{
	as(LONG);
	now.in.cx = index;
	now.in.ax = (u32)value;
	now.in.dx = value >> 32;
	go(C64("wrmsr"));
	return now.vector == OK ? 0 : now.vector;
}

void start(void)
{
	default_tables();
	__asm__ volatile("lgdt gdtr; lidt idtr");
	gdt[TSS64 >> 3] &= ~(2ull << 40);
	__asm__ volatile("ltr %w0" ::"r"(TSS64));
	probe();
	out8(TD_END, 0);
	for (;;)
		__asm__ volatile("hlt");
}
