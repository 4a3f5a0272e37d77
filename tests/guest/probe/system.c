/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/system.c: control registers, MSRs, system calls, addresses that are not
 * canonical, descriptor tables on pages that fault. SDM 3A 2.5, 5; SDM 4; SDM 2 SYSCALL and on.
 */
#include "probe.h"

#define BAD 0x800000000000 /* not canonical */
#define EFER 0xc0000080
#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define CSTAR 0xc0000083
#define FMASK 0xc0000084
#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101
#define KERNEL_GS 0xc0000102

static u64 pd_test[512] __attribute__((aligned(4096)));
static u64 pt_test[512] __attribute__((aligned(4096)));

static bool has(u32 leaf, u32 sub, unsigned reg, unsigned bit)
{
	u32 r[4], most[4];

	cpuid(leaf & 0x80000000, 0, most);
	if (most[0] < leaf)
		return false;
	cpuid(leaf, sub, r);
	return r[reg] >> bit & 1;
}

static void with(const char *label, u64 value, const u8 *code)
{
	as(LONG);
	now.in.bx = value;
	try(label, code);
}

/* What is restored: engine and C code rely on it. */
static void keep(const char *label, u64 value, const u8 *code)
{
	u64 cr0 = get_cr0(), cr3 = get_cr3(), cr4 = get_cr4();

	with(label, value, code);
	set_cr0(cr0);
	set_cr4(cr4);
	set_cr3(cr3);
}

static void control_registers(void)
{
	u64 cr0 = get_cr0(), cr4 = get_cr4(), cr3 = get_cr3();

	keep("cr0/no pg in 64-bit mode", cr0 & 0x7fffffff, C64("mov cr0, rbx"));
	keep("cr0/no pe", cr0 & ~1ull, C64("mov cr0, rbx"));
	keep("cr0/nw without cd", cr0 | 1 << 29, C64("mov cr0, rbx"));
	keep("cr0/cd", cr0 | 1 << 30, C64("mov cr0, rbx"));
	keep("cr0/cd and nw", cr0 | 3 << 29, C64("mov cr0, rbx"));
	keep("cr0/bit 32", cr0 | 1ull << 32, C64("mov cr0, rbx"));
	keep("cr0/bit 63", cr0 | 1ull << 63, C64("mov cr0, rbx"));
	as(LONG);
	now.in.bx = (cr0 & ~0x10ull) | 0x1ff8ffc0;
	try_more("cr0/et and reserved bits", C64("mov cr0, rbx; mov rcx, cr0"));
	/* Reserved bits may read as written or as 0. */
	say(" %l\n", now.out.cx & 0xe005003f);
	set_cr0(cr0);
	keep("cr1", 0, C64(".byte 0x0f, 0x20, 0xc8"));
	keep("cr5", 0, C64(".byte 0x0f, 0x22, 0xe8"));
	keep("cr15", 0, C64(".byte 0x44, 0x0f, 0x22, 0xf8"));
	as(LONG_USER);
	try("cr0/read, CPL 3", C64("mov rax, cr0"));
	as(LONG_USER);
	try("cr8/write, CPL 3", C64("mov cr8, rax"));
	keep("cr4/no pae", cr4 & ~0x20ull, C64("mov cr4, rbx"));
	keep("cr4/bit 31", cr4 | 1ull << 31, C64("mov cr4, rbx"));
	keep("cr4/bit 32", cr4 | 1ull << 32, C64("mov cr4, rbx"));
	keep("cr4/bit 15", cr4 | 1ull << 15, C64("mov cr4, rbx"));
	keep("cr4/de, tsd, pge, pce", cr4 | 0x18c, C64("mov cr4, rbx"));
	try_but_in_qemu("cr3/bit 63", cr3 | 1ull << 63, C64("mov cr3, rbx"));
	try_but_in_qemu("cr3/bit 51", cr3 | 1ull << 51, C64("mov cr3, rbx"));
	keep("cr3/low bits", cr3 | 0xfe7, C64("mov cr3, rbx"));
	keep("cr8/f", 15, C64("mov cr8, rbx"));
	set_cr8(0);
	keep("cr8/10", 16, C64("mov cr8, rbx"));
	as(LONG);
	now.in.ax = 0;
	try_more("lmsw/clears nothing of pe", C64("lmsw ax; smsw ecx"));
	say(" %l\n", now.out.cx & 0x3f);
	as(LONG);
	now.in.ax = 0xfffb;
	try_more("lmsw/four bits only", C64("lmsw ax; mov rcx, cr0; clts; mov rdx, cr0"));
	say(" %l %l\n", now.out.cx & 0xe005003f, now.out.dx & 0xe005003f);
	set_cr0(cr0);
	as(LONG_USER);
	try("clts, CPL 3", C64("clts"));
	as(LONG_USER);
	try("lmsw, CPL 3", C64("lmsw ax"));
	as(LONG);
	now.in.cx = now.in.dx = ~0ull;
	try_more("smsw/sizes", C64("smsw cx; smsw edx; smsw rsi"));
	say(" %l %l %l\n", now.out.cx, now.out.dx & 0xe005003f, now.out.si & 0xe005003f);
}

/* Into paging and out of it. */
static void long_mode_bit(void)
{
	as(PROT);
	now.efer = 0x100;
	now.cr0 |= 1u << 31;
	now.cr3 = (u64)pml4;
	go(C32("nop"));
	say("mode/lme and pg without pae: %s(%l)\n", vector_name(now.vector), now.error);
	as(PROT);
	now.in.cx = EFER;
	try_more("mode/lme without paging", C32("rdmsr; or eax, 0x100; wrmsr; rdmsr; mov ebx, eax; "
						"and eax, ~0x100; wrmsr"));
	say(" %l\n", now.out.bx & 0x500);
}

static void mode_changes(void)
{
	if (in_qemu())
		say("mode/lme and pg without pae: left out\nmode/lme without paging: left out\n");
	else
		long_mode_bit();
	as(PROT);
	now.cr0 = 0x80000030;
	go(C32("nop"));
	say("mode/pg without pe: %s(%l)\n", vector_name(now.vector), now.error);
	as(COMPAT);
	now.in.cx = EFER;
	try("mode/lme cleared in compatibility mode", C32("rdmsr; and eax, ~0x100; wrmsr"));
	as(COMPAT);
	try_more("mode/cr0 in compatibility mode", C32("mov eax, cr0; mov cr0, eax"));
	say(" %l\n", now.out.ax);
}

static void say_absent(const char *const *labels, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		say("%s: absent\n", labels[i]);
}

static void pcid(void)
{
	static const char *const labels[] = { "pcid/on with cr3 low bits", "pcid/on",
					      "pcid/bit 63 is not kept", "pcid/off, bit 63",
					      "pcid/on outside of long mode" };
	u64 cr3 = get_cr3(), cr4 = get_cr4();

	if (!has(1, 0, 2, 17))
		return say_absent(labels, 5);
	set_cr3(cr3 | 8);
	keep(labels[0], cr4 | 1 << 17, C64("mov cr4, rbx"));
	set_cr3(cr3);
	keep(labels[1], cr4 | 1 << 17, C64("mov cr4, rbx"));
	set_cr4(cr4 | 1 << 17);
	as(LONG);
	now.in.bx = cr3 | 0x123;
	try_more(labels[2], C64("mov cr3, rbx; bts rbx, 63; mov cr3, rbx; mov rcx, cr3"));
	say(" %l\n", now.out.cx ^ cr3);
	set_cr3(cr3);
	set_cr4(cr4);
	with(labels[3], cr3 | 1ull << 63, C64("mov cr3, rbx"));
	as(PROT);
	now.in.bx = 1 << 17;
	try(labels[4], C32("mov cr4, ebx"));
}

static void invpcid(void)
{
	static const char *const labels[] = {
		"invpcid/all",           "invpcid/address, pcid 0",
		"invpcid/type 4",        "invpcid/not canonical",
		"invpcid/reserved bits", "invpcid/pcid without cr4.pcide",
		"invpcid/CPL 3"
	};
	static const u64 values[][3] = { { 2, 0, 0 },   { 0, 0, 0x80000000 }, { 4, 0, 0 },
					 { 0, 0, BAD }, { 2, 1 << 12, 0 },    { 1, 5, 0 } };

	if (!has(7, 0, 1, 10))
		return say_absent(labels, 7);
	for (unsigned i = 0; i < 6; i++) {
		u64 *d = mem(0x200000);

		d[0] = values[i][1];
		d[1] = values[i][2];
		as(LONG);
		now.in.ax = values[i][0];
		now.in.bx = 0x200000;
		try(labels[i], C64("invpcid rax, [rbx]"));
	}
	as(LONG_USER);
	now.in.bx = USER + 0x200000;
	try(labels[6], C64("invpcid rax, [rbx]"));
}

static void efer(void)
{
	static const u8 reserved[] = { 1, 7, 9, 16, 31, 32, 63 };
	u64 v = rdmsr(EFER);

	say("efer: %l\n", v);
	for (unsigned i = 0; i < sizeof(reserved); i++) {
		u64 r = try_wrmsr(EFER, v | 1ull << reserved[i]);

		/* Bit 16: interruptible WBINVD of some; 9 is unused by all. */
		say("efer/bit %x: %s\n", (u32)reserved[i], r ? vector_name(r) : "ok");
		wrmsr(EFER, v);
	}
	u64 r = try_wrmsr(EFER, v & ~0x100ull);

	say("efer/no lme: %s\n", r ? vector_name(r) : "ok");
	/* LMA is not written. */
	r = try_wrmsr(EFER, v & ~0x400ull);
	say("efer/no lma: %s %l\n", r ? vector_name(r) : "ok", rdmsr(EFER));
	wrmsr(EFER, v);
}

/* Write and read back in one run: the engine loads FS and GS for each. */
static void one_msr(const char *label, u32 index, u64 value)
{
	u64 before, r = try_rdmsr(index, &before);

	if (r) {
		say("msr/%s: %s\n", label, vector_name(r));
		return;
	}
	as(LONG);
	now.in.cx = index;
	now.in.ax = (u32)value;
	now.in.dx = value >> 32;
	go(C64("wrmsr; xor eax, eax; xor edx, edx; rdmsr"));
	if (now.vector == OK)
		say("msr/%s: %l\n", label, now.out.dx << 32 | now.out.ax);
	else
		say("msr/%s: write %s\n", label, vector_name(now.vector));
	(void)try_wrmsr(index, before);
}

static void msrs(void)
{
	u64 apic = rdmsr(0x1b);

	one_msr("fs base", FS_BASE, 0x7fffffffffff);
	one_msr("fs base, high", FS_BASE, 0xffff800000000000);
	one_msr("fs base, not canonical", FS_BASE, BAD);
	one_msr("gs base, not canonical", GS_BASE, 0xffff7fffffffffff);
	one_msr("kernel gs base", KERNEL_GS, 0xfffffffffffffff8);
	one_msr("kernel gs base, not canonical", KERNEL_GS, 1ull << 63);
	one_msr("lstar", LSTAR, 0xffffffff81000000);
	one_msr("lstar, not canonical", LSTAR, BAD);
	one_msr("cstar, not canonical", CSTAR, BAD);
	one_msr("star", STAR, 0x123456789abcdef0);
	one_msr("fmask", FMASK, 0x47700);
	one_msr("sysenter cs", 0x174, 0x18);
	one_msr("sysenter esp", 0x175, 0xffff800012345678);
	one_msr("sysenter eip", 0x176, 0x12345678);
	one_msr("pat", 0x277, 0x0706050401000706 ^ 0x0302000000000000);
	one_msr("pat, uncached types", 0x277, 0x0007040600070406);
	one_msr("pat, type 2", 0x277, 0x0007040600020406);
	one_msr("pat, type 3", 0x277, 0x0307040600070406);
	one_msr("pat, type 8", 0x277, 0x0007040600070408);
	one_msr("mtrr def type", 0x2ff, 0xc06);
	one_msr("mtrr def type 2", 0x2ff, 0xc02);
	one_msr("mtrr def type, bit 8", 0x2ff, 0x900);
	one_msr("mtrr base", 0x200, 0x80000006);
	one_msr("mtrr base, type 2", 0x200, 0x80000002);
	one_msr("mtrr base, bit 8", 0x200, 0x80000106);
	one_msr("mtrr mask", 0x201, 0xf80000800);
	one_msr("mtrr mask, bit 0", 0x201, 0xf80000801);
	one_msr("mtrr fixed 64k", 0x250, 0x0606060606060606);
	one_msr("mtrr fixed 4k", 0x26f, 0x0504010006050401);
	one_msr("mtrr fixed, type 2", 0x268, 0x0606060206060606);
	one_msr("apic base, reserved bits", 0x1b, apic | 1);
	one_msr("apic base, bit 51", 0x1b, apic | 1ull << 51);
	one_msr("apic base, x2apic without enable", 0x1b, (apic & ~0x800ull) | 0x400);
	if (has(0x80000001, 0, 3, 27)) {
		one_msr("tsc aux", 0xc0000103, 0x12345678);
		as(LONG);
		wrmsr(0xc0000103, 0x89abcdef);
		go(C64("rdtscp"));
		say("rdtscp: %s %l\n", vector_name(now.vector), now.out.cx);
	}
	as(LONG_USER);
	try("rdmsr, CPL 3", C64("mov ecx, 0x10; rdmsr"));
	as(LONG_USER);
	try("wrmsr, CPL 3", C64("mov ecx, 0x10; wrmsr"));
	as(V86);
	try("rdmsr, v86", C16("rdmsr"));
}

static void bases(void)
{
	*(u32 *)mem(0x200010) = 0x11223344;
	as(LONG);
	now.in.cx = FS_BASE;
	now.in.ax = 0x200000;
	try_more("base/fs", C64("wrmsr; mov eax, fs:[0x10]"));
	say(" %l\n", now.out.ax);
	wrmsr(KERNEL_GS, 0x200010);
	as(LONG);
	now.in.bx = 0;
	try_more("swapgs", C64("swapgs; mov eax, gs:[rbx]; swapgs"));
	say(" %l\n", now.out.ax);
	as(LONG_USER);
	try("swapgs, CPL 3", C64("swapgs"));
	as(COMPAT);
	try("swapgs, compatibility mode", C32(".byte 0x0f, 0x01, 0xf8"));
	as(PROT);
	try("swapgs, protected mode", C32(".byte 0x0f, 0x01, 0xf8"));
	if (has(7, 0, 1, 0)) {
		as(LONG);
		try("fsgsbase/off", C64("rdfsbase rax"));
		set_cr4(get_cr4() | 1 << 16);
		as(LONG_USER);
		now.in.bx = 0x123456789a;
		try_more("fsgsbase/on, CPL 3",
			 C64("wrgsbase rbx; rdgsbase rcx; wrgsbase ebx; rdgsbase rdx"));
		say(" %l %l\n", now.out.cx, now.out.dx);
		with("fsgsbase/not canonical", BAD, C64("wrfsbase rbx"));
		as(COMPAT);
		try("fsgsbase/compatibility mode", C32(".byte 0xf3, 0x0f, 0xae, 0xc0"));
		set_cr4(get_cr4() & ~(1ull << 16));
	}
}

static void addresses(void)
{
	with("canonical/read", BAD, C64("mov al, [rbx]"));
	with("canonical/write", BAD, C64("mov [rbx], al"));
	with("canonical/last byte", BAD - 1, C64("mov al, [rbx]"));
	with("canonical/into the hole", BAD - 2, C64("mov eax, [rbx]"));
	with("canonical/by rbp", BAD, C64("mov rbp, rbx; mov al, [rbp]"));
	with("canonical/by rsp", BAD, C64("mov rsp, rbx; mov al, [rsp]"));
	with("canonical/by rbp as index", BAD, C64("mov rbp, rbx; mov al, [rcx + rbp]"));
	with("canonical/push", BAD + 8, C64("mov rsp, rbx; push rax"));
	with("canonical/pop", BAD, C64("mov rsp, rbx; pop rax"));
	with("canonical/call", BAD, C64("call rbx"));
	with("canonical/jmp", BAD, C64("jmp rbx"));
	with("canonical/ret", BAD, C64("push rbx; ret"));
	with("canonical/enter", BAD, C64("mov rsp, rbx; enter 0, 0"));
	with("canonical/leave", BAD, C64("mov rbp, rbx; leave"));
	with("canonical/movs", BAD, C64("mov rsi, rbx; movsb"));
	with("canonical/sum of two", 0x7fffffffffff, C64("mov rcx, rbx; mov al, [rcx + rbx]"));
	with("canonical/xlat", BAD, C64("xor eax, eax; xlatb"));
	with("canonical/lea", BAD, C64("lea rax, [rbx]"));
	with("canonical/prefetch", BAD, C64("prefetcht0 [rbx]"));
	with("canonical/clflush", BAD, C64("clflush [rbx]"));
	with("canonical/fs base", BAD, C64("mov al, fs:[rbx]"));
	with("canonical/lgdt operand", BAD, C64("lgdt [rbx]"));
}

/* Two pages at 80000000 for what the processor itself must read. */
static u8 *test_pages(u64 first, u64 second)
{
	pdpt[2] = (u64)pd_test | 7;
	pd_test[0] = (u64)pt_test | 7;
	pt_test[0] = 0x400000 | first;
	pt_test[1] = 0x401000 | second;
	set_cr3(get_cr3());
	return mem(0x400000);
}

static void load_gdt_at(u64 base)
{
	struct table_register t = { GDT_SIZE - 1, base };

	memcpy(mem(0x200000), &t, sizeof(t));
	__asm__ volatile("lgdt (%0)" ::"r"(0x200000ull) : "memory");
}

static void table_on_page(const char *label, u64 flags, u64 cr0, enum mode m, u8 access)
{
	u8 *page = test_pages(flags, 0);
	u64 before = get_cr0();

	memcpy(page, gdt, GDT_SIZE);
	*(u64 *)mem(0x400000 + T0) = descriptor(0, 0xfffff, access, 12);
	set_cr0(before | cr0);
	load_gdt_at(0x80000000);
	as(m);
	now.in.ax = T0 | 3;
	try_more(label, C64("mov fs, eax"));
	set_cr0(before);
	if (now.vector == 14)
		say(" cr2=%l", now.cr2 & ~0xfffull);
	say(" %x\n", (u32)page[T0 + 5]);
}

static void implicit_accesses(void)
{
	struct table_register t = { 0xfff, 0x80001000 - 13 * 16 };
	u8 *page;

	table_on_page("gdt/kernel page", 3, 0, LONG_USER, 0xf2);
	table_on_page("gdt/read only", 1, 0, LONG_USER, 0xf2);
	table_on_page("gdt/read only, wp", 1, 1 << 16, LONG_USER, 0xf2);
	table_on_page("gdt/read only, wp, accessed", 1, 1 << 16, LONG_USER, 0xf3);
	page = test_pages(3, 0);
	memcpy(page + 0xf80, gdt, 0x80);
	load_gdt_at(0x80000f80);
	as(LONG_USER);
	now.in.ax = T0 | 3;
	try_more("gdt/absent page, CPL 3", C64("mov fs, eax"));
	say(" cr2=%l\n", now.cr2);
	/* Of the IDT, the page with gates 0 to 12 is absent, or that with 13 and on. */
	page = test_pages(2, 3);
	memcpy(page + 0x1000 - 13 * 16, idt, 0x900);
	memcpy(mem(0x200000), &t, sizeof(t));
	as(LONG);
	now.in.bx = 0x200000;
	try_more("idt/#DE, gate absent", C64("lidt [rbx]; xor ecx, ecx; div ecx"));
	say(" cr2=%l\n", now.cr2);
	(void)test_pages(3, 2);
	as(LONG);
	now.in.bx = 0x200000;
	try_more("idt/#PF, gate absent", C64("lidt [rbx]; mov r8d, 0x90000000; mov al, [r8]"));
	say(" cr2=%l\n", now.cr2);
	pdpt[2] = 0;
	set_cr3(get_cr3());
}

/* LSTAR's code reports what it finds. */
static void syscall_case(const char *label, u64 flags, u64 mask)
{
	wrmsr(FMASK, mask);
	as(LONG_USER);
	now.in.flags |= flags;
	now.in.di = (u64)stack_test + 1024;
	go(C64("nop; syscall"));
	say("%s: ", label);
	say("%s cs=%l ss=%l rcx-ip=%l r11=%l flags=%l\n", vector_name(now.vector),
	    now.out.ax & 0xffff, now.out.bx & 0xffff, now.out.cx - now.in.ip, now.out.r11,
	    now.out.dx);
}

static void system_calls(void)
{
	const u8 *syscall_at = C64("mov rsp, rdi; pushf; pop rdx; mov eax, cs; mov ebx, ss");
	wrmsr(STAR, 0x0028000800000000);
	wrmsr(LSTAR, (u64)syscall_at);
	syscall_case("syscall/plain", 0x0, 0);
	syscall_case("syscall/flags", 0x40cd5, 0);
	syscall_case("syscall/masked", 0x40ed5, 0x40cd5);
	wrmsr(EFER, rdmsr(EFER) & ~1ull);
	as(LONG_USER);
	try("syscall/off", C64("syscall"));
	as(LONG);
	try("sysret/off", C64(".byte 0x48, 0x0f, 0x07"));
	wrmsr(EFER, rdmsr(EFER) | 1);
	as(LONG_USER);
	try("sysret/CPL 3", C64(".byte 0x48, 0x0f, 0x07"));
	as(LONG);
	now.in.cx = (u64)landing64 + USER;
	now.in.r11 = ~0x180100ull; /* no TF, VIF, VIP */
	try_more("sysret/64", C64(".byte 0x48, 0x0f, 0x07"));
	say(" cs=%l ss=%l flags=%l\n", now.out.cs, now.out.ss, now.out.flags);
	as(LONG);
	now.in.cx = (u64)landing32 + USER + 0xff00000000;
	now.in.r11 = 0;
	try_more("sysret/32", C64(".byte 0x0f, 0x07"));
	say(" cs=%l ss=%l flags=%l\n", now.out.cs, now.out.ss, now.out.flags);
	as(REAL);
	try("sysenter/real", C16("sysenter"));
	as(REAL);
	try("sysexit/real", C16("sysexit"));
	wrmsr(0x174, 0);
	as(PROT_USER);
	try("sysenter/no cs", C32("sysenter"));
	as(PROT);
	try("sysexit/no cs", C32("sysexit"));
	wrmsr(0x174, K32);
	wrmsr(0x175, (u64)stack_test + 1024);
	wrmsr(0x176, (u64)landing32);
	as(PROT_USER);
	now.in.flags |= 0x40e01;
	try_more("sysenter", C32("sysenter"));
	say(" cs=%l flags=%l sp=%l\n", now.out.cs, now.out.flags & ~0x10000ull,
	    (now.frame + 12) & 0xfff);
	as(PROT);
	now.in.dx = (u64)landing32;
	now.in.cx = (u64)stack_test + 512;
	try_more("sysexit", C32("sysexit"));
	say(" cs=%l ss=%l sp=%l\n", now.out.cs, now.out.ss, now.out.sp & 0xfff);
	as(PROT_USER);
	try("sysexit/CPL 3", C32("sysexit"));
	wrmsr(0x174, 0);
}

void probe(void)
{
	control_registers();
	mode_changes();
	pcid();
	invpcid();
	efer();
	msrs();
	bases();
	addresses();
	implicit_accesses();
	system_calls();
}
