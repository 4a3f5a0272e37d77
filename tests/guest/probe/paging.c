/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/paging.c: translation in all paging modes: rights, error codes, accessed and
 * dirty bits, caches, accesses that touch two pages. SDM 3A chapter 5 (4 in older editions).
 * Which bits are set by a walk that ends in a fault is not reported: processors differ.
 */
#include "probe.h"

#define P 1ull
#define W 2ull
#define U 4ull
#define A 0x20ull
#define D 0x40ull
#define PS 0x80ull
#define G 0x100ull
#define NX (1ull << 63)
#define RSVD (1ull << 51)
#define ALL (P | W | U)

#define VA 0x8000000000ull /* in 4-level paging; 80000000 in 32-bit modes */
#define VA32 0x80000000u
#define PAGE 0x400000 /* physical: what is mapped there; a landing place at its beginning */

static u64 t3[512] __attribute__((aligned(4096))); /* pages of entries: PDPT, PD, PT */
static u64 t2[512] __attribute__((aligned(4096)));
static u64 t1[512] __attribute__((aligned(4096)));

enum access { KREAD, KWRITE, KRMW, KFETCH, UREAD, UWRITE, UFETCH, N_ACCESSES };
static const char access_names[N_ACCESSES][3] = { "kr", "kw", "km", "kx", "ur", "uw", "ux" };

static const u8 *access_code(enum access a)
{
	switch (a) {
	case KREAD:
	case UREAD: return C32("mov al, [ebx]");
	case KWRITE:
	case UWRITE: return C32("mov [ebx], al");
	case KRMW: return C32("lock or byte ptr [ebx], 0");
	default: return C32("jmp ebx");
	}
}

static const u8 *access_code64(enum access a)
{
	switch (a) {
	case KREAD:
	case UREAD: return C64("mov al, [rbx]");
	case KWRITE:
	case UWRITE: return C64("mov [rbx], al");
	case KRMW: return C64("lock or byte ptr [rbx], 0");
	default: return C64("jmp rbx");
	}
}

static void fill_pages(void)
{
	for (unsigned i = 0; i < 4; i++) {
		memset(mem(PAGE + 4096 * i), (int)(0x11 * (i + 1)), 4096);
		*(u16 *)mem(PAGE + 4096 * i) = 0xcd | LANDED << 8;
	}
}

static void flush(void)
{
	set_cr3(get_cr3());
}

struct walk {
	char label[24];
	u64 e4, e3, e2, e1; /* flags; e2 or e3 with PS end the walk */
};

static const struct walk walks[] = {
	{ "4k/all", ALL, ALL, ALL, ALL },
	{ "4k/read only", ALL, ALL, ALL, P | U },
	{ "4k/kernel", ALL, ALL, ALL, P | W },
	{ "4k/kernel read only", ALL, ALL, ALL, P },
	{ "4k/nx", ALL, ALL, ALL, ALL | NX },
	{ "4k/absent", ALL, ALL, ALL, W | U },
	{ "4k/absent reserved", ALL, ALL, ALL, RSVD | NX },
	{ "4k/reserved", ALL, ALL, ALL, ALL | RSVD },
	{ "4k/pd read only", ALL, ALL, P | U, ALL },
	{ "4k/pd kernel", ALL, ALL, P | W, ALL },
	{ "4k/pd nx", ALL, ALL, ALL | NX, ALL },
	{ "4k/pd absent", ALL, ALL, W | U | A | D, ALL },
	{ "4k/pd reserved", ALL, ALL, ALL | RSVD, ALL },
	{ "4k/pdpt read only", ALL, P | U, ALL, ALL },
	{ "4k/pdpt kernel", ALL, P | W, ALL, ALL },
	{ "4k/pdpt nx", ALL, ALL | NX, ALL, ALL },
	{ "4k/pdpt absent", ALL, 0, ALL, ALL },
	{ "4k/pdpt reserved", ALL, ALL | RSVD, ALL, ALL },
	{ "4k/pml4 read only", P | U, ALL, ALL, ALL },
	{ "4k/pml4 kernel", P | W, ALL, ALL, ALL },
	{ "4k/pml4 nx", ALL | NX, ALL, ALL, ALL },
	{ "4k/pml4 absent", 0, ALL, ALL, ALL },
	{ "4k/pml4 reserved", ALL | RSVD, ALL, ALL, ALL },
	{ "4k/pml4 large", ALL | PS, ALL, ALL, ALL },
	{ "4k/pat, pcd, pwt, avl", ALL | 0xe18, ALL | 0xe18, ALL | 0xe18, ALL | 0xe98 },
	{ "2m/all", ALL, ALL, ALL | PS, 0 },
	{ "2m/read only", ALL, ALL, P | U | PS, 0 },
	{ "2m/kernel", ALL, ALL, P | W | PS, 0 },
	{ "2m/nx", ALL, ALL, ALL | PS | NX, 0 },
	{ "2m/reserved 13", ALL, ALL, ALL | PS | 0x2000, 0 },
	{ "2m/reserved 20", ALL, ALL, ALL | PS | 0x100000, 0 },
	{ "1g/all", ALL, ALL | PS, 0, 0 },
	{ "1g/read only", ALL, P | U | PS, 0, 0 },
	{ "1g/kernel", ALL, P | W | PS, 0, 0 },
	{ "1g/nx", ALL, ALL | PS | NX, 0, 0 },
	{ "1g/reserved 29", ALL, ALL | PS | 0x20000000, 0, 0 },
	{ "1g/reserved 13", ALL, ALL | PS | 0x2000, 0, 0 },
};

static void set_walk(const struct walk *w)
{
	memset(t1, 0, 4096);
	memset(t2, 0, 4096);
	memset(t3, 0, 4096);
	pml4[1] = (u64)t3 | w->e4;
	/* A page of 1 GiB begins at 0: reach PAGE in it by the other bits of the address. */
	t3[0] = w->e3 & PS ? w->e3 : (u64)t2 | w->e3;
	t2[PAGE >> 21] = w->e2 & PS ? PAGE | w->e2 : (u64)t1 | w->e2;
	t1[0] = PAGE | w->e1;
	flush();
}

/* Accessed bits from PML4E (8) to PTE (1), and D of the entry that maps the page. */
static void say_used(const struct walk *w)
{
	u64 leaf = w->e3 & PS ? t3[0] : w->e2 & PS ? t2[PAGE >> 21] : t1[0];
	u32 used = (pml4[1] & A ? 8 : 0) | (t3[0] & A ? 4 : 0) | (t2[PAGE >> 21] & A ? 2 : 0) |
		   (t1[0] & A ? 1 : 0);

	if (now.vector == OK || now.vector == LANDED)
		say("/%x", used);
	if (leaf & D)
		say("D");
}

static void walk_row(const struct walk *w, const char *how)
{
	say("%s%s:", w->label, how);
	for (enum access a = 0; a < N_ACCESSES; a++) {
		set_walk(w);
		as(a < UREAD ? LONG : LONG_USER);
		now.in.bx = VA + PAGE;
		go(access_code64(a));
		say(" %s ", access_names[a]);
		if (now.vector == OK || now.vector == LANDED)
			say("ok");
		else
			say("%s(%l)", vector_name(now.vector), now.error);
		if (now.vector == 14 && now.cr2 != VA + PAGE)
			say(" cr2=%l", now.cr2);
		say_used(w);
		if (a == KRMW)
			*(u16 *)mem(PAGE) = 0xcd | LANDED << 8;
		fill_pages();
	}
	say("\n");
}

static bool has(u32 leaf, u32 sub, unsigned reg, unsigned bit)
{
	u32 r[4], most[4];

	cpuid(leaf & 0x80000000, 0, most);
	if (most[0] < leaf)
		return false;
	cpuid(leaf, sub, r);
	return r[reg] >> bit & 1;
}

static void long_walks(void)
{
	u64 cr0 = get_cr0(), cr4 = get_cr4(), efer = rdmsr(0xc0000080);
	unsigned count = sizeof(walks) / sizeof(walks[0]);

	for (unsigned i = 0; i < count; i++)
		walk_row(&walks[i], "");
	set_cr0(cr0 | 1 << 16);
	for (unsigned i = 0; i < count; i++)
		if (i < 9 || walks[i].label[0] != '4')
			walk_row(&walks[i], ", WP");
	set_cr0(cr0);
	if (has(7, 0, 1, 7)) {
		set_cr4(cr4 | 1 << 20);
		for (unsigned i = 0; i < count; i++)
			if (i < 6 || walks[i].e1 == 0 || walks[i].e2 == (P | W))
				walk_row(&walks[i], ", SMEP");
		set_cr4(cr4);
	}
	wrmsr(0xc0000080, efer & ~0x800ull);
	walk_row(&walks[0], ", no NXE");
	walk_row(&walks[2], ", no NXE");
	walk_row(&walks[4], ", no NXE");
	walk_row(&walks[5], ", no NXE");
	walk_row(&walks[10], ", no NXE");
	wrmsr(0xc0000080, efer);
}

/* A first access of one kind, then another: bits are added and never taken away. */
static void later_bits(void)
{
	set_walk(&walks[0]);
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("mov al, [rbx]; mov rcx, [rsi]; mov [rbx], al"));
	say("read then write: %x\n", (u32)t1[0] & 0x60);
	set_walk(&walks[0]);
	t1[0] |= A;
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("mov [rbx+2], al; mov byte ptr [rbx+2], 0x11"));
	say("write: %x\n", (u32)t1[0] & 0x60);
	t1[0] &= ~D;
	flush();
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("mov al, [rbx]"));
	say("read of what was dirty: %x\n", (u32)t1[0] & 0x60);
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("xor eax, eax; mov ecx, 1; cmpxchg [rbx+4], ecx"));
	say("cmpxchg that fails: %x\n", (u32)t1[0] & 0x60);
	t1[0] &= ~(A | D);
	flush();
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("prefetchw [rbx]; lea rax, [rbx]; invlpg [rbx]; nop dword ptr [rbx]; clc"));
	say("invlpg, lea, nop: %s\n", vector_name(now.vector));
	set_walk(&walks[1]);
	set_cr0(get_cr0() | 1 << 16);
	as(LONG);
	now.in.bx = VA + PAGE;
	try("cmpxchg that fails, read only", C64("xor eax, eax; mov ecx, 1; cmpxchg [rbx+4], ecx"));
	as(LONG);
	now.in.bx = VA + PAGE;
	try("bts of a bit that is set, read only", C64("bts dword ptr [rbx], 0"));
	set_cr0(get_cr0() & ~(1ull << 16));
}

/* 32-bit and PAE paging. */
static const struct walk small_walks[] = {
	{ "all", 0, 0, ALL, ALL },
	{ "read only", 0, 0, ALL, P | U },
	{ "kernel", 0, 0, ALL, P | W },
	{ "kernel read only", 0, 0, ALL, P },
	{ "absent", 0, 0, ALL, 0 },
	{ "pd read only", 0, 0, P | U, ALL },
	{ "pd kernel", 0, 0, P | W, ALL },
	{ "pd absent", 0, 0, 0, ALL },
	{ "large", 0, 0, ALL | PS, 0 },
	{ "large read only", 0, 0, P | U | PS, 0 },
	{ "large kernel", 0, 0, P | W | PS, 0 },
};
static const struct walk pae_walks[] = {
	{ "nx", 0, 0, ALL, ALL | NX },
	{ "reserved", 0, 0, ALL, ALL | RSVD },
	{ "pd nx", 0, 0, ALL | NX, ALL },
	{ "pd reserved", 0, 0, ALL | RSVD, ALL },
	{ "bit 62", 0, 0, ALL, ALL | 1ull << 62 },
	{ "large nx", 0, 0, ALL | PS | NX, 0 },
	{ "large reserved 13", 0, 0, ALL | PS | 0x2000, 0 },
};

enum small_mode { TWO_LEVEL, TWO_LEVEL_PSE, PAE };

static void set_pointers(void)
{
	pdpt_pae[0] = (u64)pd_low | P;
	pdpt_pae[1] = (u64)pd_user | P;
	pdpt_pae[2] = 0;
	pdpt_pae[3] = (u64)pd_high | P;
}

static void set_small(enum small_mode m, const struct walk *w)
{
	u32 *pt = mem((u64)t1);
	unsigned index = PAGE >> 22;

	memset(t1, 0, 4096);
	memset(t2, 0, 4096);
	if (m == PAE) {
		set_pointers();
		pdpt_pae[2] = (u64)t2 | P;
		t2[PAGE >> 21] = w->e2 & PS ? PAGE | w->e2 : (u64)t1 | w->e2;
		t1[0] = PAGE | w->e1;
		return;
	}
	/* Without CR4.PSE the bit PS means nothing. */
	pd32[512 + index] = w->e2 & PS && m == TWO_LEVEL_PSE ? PAGE | (u32)w->e2
							     : (u32)((u64)t1 | w->e2);
	pt[0] = PAGE | (u32)(w->e2 & PS ? (u64)ALL : w->e1);
}

static void small_row(enum small_mode m, const struct walk *w, u32 cr0, u32 cr4, const char *how)
{
	static const char names[3][8] = { "32", "32 pse", "pae" };
	unsigned index = PAGE >> 22;

	say("%s%s/%s:", names[m], how, w->label);
	for (enum access a = 0; a < N_ACCESSES; a++) {
		u32 pde, pte;

		set_small(m, w);
		as(a < UREAD ? PROT : PROT_USER);
		now.cr0 |= 1u << 31 | cr0;
		now.cr4 = cr4 | (m == PAE ? 0x20 : m == TWO_LEVEL_PSE ? 0x10 : 0);
		now.cr3 = m == PAE ? (u64)pdpt_pae : (u64)pd32;
		now.efer = m == PAE ? 0x800 : 0;
		now.in.bx = VA32 + PAGE;
		if (a >= UREAD) {
			now.in.sp += USER;
			go(access_code(a) + USER);
		} else {
			go(access_code(a));
		}
		say(" %s ", access_names[a]);
		if (now.vector == OK || now.vector == LANDED)
			say("ok");
		else
			say("%s(%l)", vector_name(now.vector), now.error);
		if (now.vector == 14 && now.cr2 != VA32 + PAGE)
			say(" cr2=%l", now.cr2);
		pde = m == PAE ? (u32)t2[PAGE >> 21] : pd32[512 + index];
		pte = *(u32 *)mem((u64)t1);
		if (now.vector != 14)
			say("/%x", (pde & A ? 2 : 0) | (pte & A ? 1 : 0));
		if ((w->e2 & PS && m != TWO_LEVEL ? pde : pte) & D)
			say("D");
		fill_pages();
	}
	say("\n");
}

static void small_walks_all(void)
{
	unsigned count = sizeof(small_walks) / sizeof(small_walks[0]);
	static const struct walk rsvd = { "large reserved 21", 0, 0, ALL | PS | 0x200000, 0 };

	/* The tables have 4 MiB pages for all else. */
	for (enum small_mode m = TWO_LEVEL_PSE; m <= PAE; m++) {
		for (unsigned i = 0; i < count; i++)
			small_row(m, &small_walks[i], 0, 0, "");
		for (unsigned i = 1; i < count; i++)
			if (i == 1 || i == 3 || i == 5 || i == 9)
				small_row(m, &small_walks[i], 1 << 16, 0, ", WP");
		if (has(7, 0, 1, 7))
			small_row(m, &small_walks[0], 0, 1 << 20, ", SMEP");
	}
	small_row(TWO_LEVEL_PSE, &rsvd, 0, 0, "");
	for (unsigned i = 0; i < sizeof(pae_walks) / sizeof(pae_walks[0]); i++)
		small_row(PAE, &pae_walks[i], 0, 0, "");
}

/* Reserved bits of a PDPTE in PAE paging: Intel refuses to load CR3, AMD to use the entry. */
static void pae_pointers(void)
{
	static const u8 bits[] = { 1, 2, 5, 8, 51, 63 };

	for (unsigned i = 0; i < sizeof(bits); i++) {
		set_small(PAE, &small_walks[0]);
		pdpt_pae[2] |= 1ull << bits[i];
		as(PROT);
		now.cr0 |= 1u << 31;
		now.cr4 = 0x20;
		now.cr3 = (u64)pdpt_pae;
		now.in.bx = VA32 + PAGE;
		go(C32("mov al, [ebx]"));
		say("pae/pdpte bit %x: %s\n", (u32)bits[i],
		    (now.vector == 13 && now.error == 0) || (now.vector == 14 && now.error == 9)
			    ? "refused"
			    : vector_name(now.vector));
	}
	set_pointers();
	as(PROT);
	now.cr0 |= 1u << 31;
	now.cr4 = 0x20;
	now.cr3 = (u64)pdpt_pae;
	now.in.bx = VA32 + PAGE;
	try("pae/pdpte absent", C32("mov al, [ebx]"));
	say("pae/pdpte afterwards: %x\n", (u32)pdpt_pae[0] & 0xfff);
}

/* Two pages at VA: PAGE and PAGE + 1000, with these rights. */
static void two_pages(u64 first, u64 second)
{
	set_walk(&walks[0]);
	t1[0] = PAGE | first;
	t1[1] = (PAGE + 4096) | second;
	fill_pages();
	memset(mem(PAGE + 0xff0), 0x90, 16);
	flush();
}

static void cross(const char *label, u64 first, u64 second, u64 offset, const u8 *code)
{
	u64 before, after;

	two_pages(first, second);
	memcpy(&before, mem(PAGE + offset), 8);
	as(LONG);
	now.in.bx = VA + PAGE + offset;
	now.in.ax = 0x0102030405060708;
	now.in.cx = 2;
	now.in.si = now.in.di = VA + PAGE + offset;
	try_more(label, code);
	memcpy(&after, mem(PAGE + offset), 8);
	if (now.vector == 14)
		say(" cr2=+%x", (u32)(now.cr2 - VA - PAGE));
	say(" %s", before == after ? "same" : "changed");
	if (now.vector == OK)
		say(" dirty %x %x", (u32)t1[0] & D, (u32)t1[1] & D);
	if (now.out.cx != 2)
		say(" cx=%l di=+%l", now.out.cx, now.out.di - VA - PAGE);
	say("\n");
}

static void crossings(void)
{
	set_cr0(get_cr0() | 1 << 16);
	cross("cross/read, both", ALL, ALL, 0xffe, C64("mov eax, [rbx]"));
	cross("cross/read, no second", ALL, 0, 0xffe, C64("mov eax, [rbx]"));
	cross("cross/read, no first", 0, ALL, 0xffe, C64("mov eax, [rbx]"));
	cross("cross/read, neither", 0, 0, 0xffe, C64("mov eax, [rbx]"));
	cross("cross/write, both", ALL, ALL, 0xffe, C64("mov [rbx], eax"));
	cross("cross/write, no second", ALL, 0, 0xffd, C64("mov [rbx], eax"));
	cross("cross/write, second read only", ALL, P, 0xffd, C64("mov [rbx], eax"));
	cross("cross/write, first read only", P, ALL, 0xffd, C64("mov [rbx], eax"));
	cross("cross/write 8, no second", ALL, 0, 0xff9, C64("mov [rbx], rax"));
	cross("cross/read-write, second read only", ALL, P, 0xffd, C64("add [rbx], eax"));
	cross("cross/locked, second read only", ALL, P, 0xffd, C64("lock add [rbx], eax"));
	cross("cross/xchg, no second", ALL, 0, 0xffd, C64("xchg [rbx], eax"));
	cross("cross/push, no first", 0, ALL, 0xffc + 8, C64("mov rsp, rbx; push rax"));
	cross("cross/push, no second", ALL, 0, 0xffc + 8, C64("mov rsp, rbx; push rax"));
	cross("cross/fetch, no second", ALL, 0, 0xffe, C64("mov word ptr [rbx], 0x00b8; jmp rbx"));
	cross("cross/fetch at the edge", ALL, 0, 0xfff, C64("jmp rbx"));
	cross("cross/fetch, second nx", ALL, ALL | NX, 0xffe,
	      C64("mov word ptr [rbx], 0x00b8; jmp rbx"));
	cross("cross/movsq to read only", ALL, P, 0xff8, C64("mov rsi, 0x400000; cld; rep movsq"));
	cross("cross/stosb to absent", ALL, 0, 0xfff, C64("cld; rep stosb"));
	cross("cross/x87 store, no second", ALL, 0, 0xff9,
	      C64("fninit; fldz; fstp tbyte ptr [rbx]"));
	cross("cross/movups, second read only", ALL, P, 0xff9, C64("movups [rbx], xmm0"));
	set_cr0(get_cr0() & ~(1ull << 16));
}

/* What a change of the tables does at the latest. */
static void caches(void)
{
	u64 cr4 = get_cr4();
	volatile u8 *at = mem(VA + PAGE + 8);

	two_pages(ALL, ALL);
	say("tlb: %x", (u32)*at);
	t1[0] = (PAGE + 4096) | ALL;
	invlpg(VA + PAGE + 5);
	say(" invlpg %x", (u32)*at);
	t1[0] = (PAGE + 8192) | ALL;
	flush();
	say(" cr3 %x", (u32)*at);
	set_cr4(cr4 | 0x80);
	t1[0] = PAGE | ALL | G;
	flush();
	say(" global %x", (u32)*at);
	t1[0] = (PAGE + 4096) | ALL | G;
	invlpg(VA + PAGE);
	say(" invlpg %x", (u32)*at);
	t1[0] = (PAGE + 8192) | ALL | G;
	set_cr4(cr4);
	say(" pge %x", (u32)*at);
	t1[0] = 0;
	set_cr0(get_cr0());
	invlpg(VA + PAGE);
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("mov al, [rbx]"));
	say(" absent %s(%l)", vector_name(now.vector), now.error);
	/* What was absent needs no invalidation. SDM 3A 5.10.4.3 */
	t1[0] = PAGE | ALL;
	say(" present %x", (u32)*at);
	t1[0] = PAGE | P;
	invlpg(VA + PAGE);
	(void)*at;
	set_cr0(get_cr0() | 1 << 16);
	as(LONG);
	now.in.bx = VA + PAGE;
	go(C64("mov [rbx], al"));
	say(" wp %s(%l)", vector_name(now.vector), now.error);
	set_cr0(get_cr0() & ~(1ull << 16));
	go(C64("mov [rbx], al"));
	say(" no wp %s\n", vector_name(now.vector));
	as(LONG);
	now.in.bx = 0x800000000000;
	try("invlpg, not canonical", C64("invlpg [rbx]"));
	as(LONG_USER);
	try("invlpg, CPL 3", C64("invlpg [rbx]"));
}

void probe(void)
{
	fill_pages();
	long_walks();
	later_bits();
	small_walks_all();
	pae_pointers();
	crossings();
	caches();
}
