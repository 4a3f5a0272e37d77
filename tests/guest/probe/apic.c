/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/probe/apic.c: interrupts at the local APIC: priorities, the order of IRR, ISR and
 * EOI, errors, modes, the timer; when interrupts and NMIs are held back. SDM 3A chapters 7, 12.
 */
#include "probe.h"

#define APIC 0xfee00000
#define TD_NMI 0x529
#define LOG_MAX 32

enum {
	ID = 0x20,
	VERSION = 0x30,
	TPR = 0x80,
	PPR = 0xa0,
	EOI = 0xb0,
	LDR = 0xd0,
	DFR = 0xe0,
	SVR = 0xf0,
	ISR = 0x100,
	TMR = 0x180,
	IRR = 0x200,
	ESR = 0x280,
	ICR = 0x300,
	ICR_HIGH = 0x310,
	LVT_TIMER = 0x320,
	LVT_LINT0 = 0x350,
	LVT_ERROR = 0x370,
	COUNT = 0x380,
	CURRENT = 0x390,
	DIVIDE = 0x3e0,
};

static u32 events[LOG_MAX];
static unsigned event_count;
static bool eoi_now; /* else the case does it */

static u32 get(u32 reg)
{
	return *(volatile u32 *)mem(APIC + reg);
}

static void set(u32 reg, u32 value)
{
	*(volatile u32 *)mem(APIC + reg) = value;
}

/* Note interrupts from outside, and go on. */
static bool note_event(void)
{
	bool nmi = now.vector == 2;

	if ((now.vector < 0x50 && !nmi) || event_count >= LOG_MAX)
		return false;
	events[event_count++] = (u32)now.vector;
	if (!nmi && eoi_now && rdmsr(0x1b) & 0x400)
		wrmsr(0x80b, 0);
	else if (!nmi && eoi_now)
		set(EOI, 0);
	return true;
}

static void send(u8 vector)
{
	set(ICR_HIGH, get(ID) & 0xff000000);
	set(ICR, 0x4000 | vector);
}

static void start_log(bool with_eoi)
{
	event_count = 0;
	eoi_now = with_eoi;
	hook = note_event;
}

static void say_log(void)
{
	hook = NULL;
	for (unsigned i = 0; i < event_count; i++)
		say(" %x", events[i]);
	event_count = 0;
}

/* Let what waits come. */
static void open_window(void)
{
	u64 rounds = 2000;

	__asm__ volatile("sti; 1: loop 1b; cli" : "+c"(rounds)::"memory");
}

static u32 bits_of(u32 base, u8 vector)
{
	return get(base + (vector >> 5) * 0x10) >> (vector & 31) & 1;
}

static void order(void)
{
	start_log(true);
	send(0x61);
	send(0x82);
	send(0x73);
	send(0x61);
	say("order/irr: %x %x %x %x", bits_of(IRR, 0x61), bits_of(IRR, 0x73), bits_of(IRR, 0x82),
	    bits_of(IRR, 0x83));
	open_window();
	say_log();
	say("\norder/without eoi:");
	start_log(false);
	send(0x71);
	send(0x61);
	send(0x79);
	open_window();
	say(" isr %x %x irr %x %x ppr %x", bits_of(ISR, 0x79), bits_of(ISR, 0x71),
	    bits_of(IRR, 0x71), bits_of(IRR, 0x61), get(PPR));
	set(EOI, 0);
	say(" then ppr %x:", get(PPR));
	open_window();
	say(" ppr %x", get(PPR));
	set(EOI, 0);
	open_window();
	set(EOI, 0);
	say_log();
	say("\norder/higher class interrupts lower:");
	start_log(false);
	send(0x61);
	open_window();
	send(0x68);
	send(0x70);
	open_window();
	say(" ppr %x", get(PPR));
	set(EOI, 0);
	set(EOI, 0);
	open_window();
	set(EOI, 0);
	say_log();
	say("\norder/eoi with nothing in service: ");
	set(EOI, 0);
	say("%x\n", get(PPR));
}

/* The second comes when the first one's handler returns, before the next instruction. */
static void at_once(void)
{
	start_log(true);
	send(0x61);
	send(0x82);
	__asm__ volatile("sti; nop; cli" ::: "memory");
	say("order/both in one gap: %x\n", event_count);
	open_window();
	hook = NULL;
}

static void priorities(void)
{
	start_log(true);
	set(TPR, 0x75);
	say("tpr/75: cr8 %x ppr %x:", (u32)get_cr8(), get(PPR));
	send(0x71);
	open_window();
	say_log();
	start_log(true);
	send(0x81);
	open_window();
	say_log();
	start_log(true);
	set_cr8(3);
	say(" cr8 3: tpr %x:", get(TPR));
	open_window();
	say_log();
	set_cr8(0);
	say("\ntpr/ff: ");
	set(TPR, 0xff);
	start_log(true);
	send(0xf1);
	open_window();
	say("cr8 %x irr %x", (u32)get_cr8(), bits_of(IRR, 0xf1));
	set(TPR, 0);
	open_window();
	say_log();
	say("\ntpr/lowered by mov cr8: ");
	start_log(true);
	set_cr8(15);
	send(0x91);
	__asm__ volatile("sti; nop; nop" ::: "memory");
	say("%x", event_count);
	set_cr8(8);
	say(" %x", event_count);
	__asm__ volatile("cli");
	set_cr8(0);
	say_log();
	say("\n");
}

static void errors(void)
{
	set(ESR, 0);
	set(ESR, 0);
	say("esr/clear: %x\n", get(ESR));
	send(0x0f);
	set(ESR, 0);
	say("esr/vector 0f sent: %x\n", get(ESR) & 0x20);
	set(ESR, 0);
	say("esr/again: %x\n", get(ESR));
	start_log(true);
	set(LVT_ERROR, 0xe1);
	send(5);
	open_window();
	set(ESR, 0);
	say("esr/interrupt:");
	say_log();
	say(" %x\n", get(ESR) & 0x20);
	set(LVT_ERROR, 0x100e1);
	set(ESR, 0);
}

/* check: long-function, one case after the other */
static void registers(void)
{
	say("reg/version: %x\n", get(VERSION) & 0xff);
	say("reg/id: %x\n", get(ID));
	set(TPR, 0xffffffff);
	say("reg/tpr: %x\n", get(TPR));
	set(TPR, 0);
	set(DFR, 0);
	say("reg/dfr: %x\n", get(DFR));
	set(DFR, 0xffffffff);
	set(LDR, 0xffffffff);
	say("reg/ldr: %x\n", get(LDR));
	set(LDR, 0);
	set(DIVIDE, 0xffffffff);
	say("reg/divide: %x\n", get(DIVIDE));
	set(ICR_HIGH, 0xffffffff);
	say("reg/icr high: %x\n", get(ICR_HIGH));
	set(ICR_HIGH, 0);
	set(LVT_LINT0, 0x1ffff);
	say("reg/lint0: %x\n", get(LVT_LINT0) & ~0x5000u);
	set(LVT_LINT0, 0x10000);
	set(LVT_TIMER, 0x100f1);
	say("reg/timer: %x\n", get(LVT_TIMER));
	set(SVR, 0xff);
	say("reg/off, timer: %x", get(LVT_TIMER));
	set(LVT_TIMER, 0xf1);
	say(" %x", get(LVT_TIMER));
	set(SVR, 0x1ff);
	say(" on %x\n", get(LVT_TIMER));
	start_log(true);
	set(SVR, 0x1fe);
	set(ICR, 0x40000 | 0x61);
	set(ICR, 0x80000 | 0x62);
	set(ICR, 0xc0000 | 0x63);
	open_window();
	say("icr/to self, to all, to all but self:");
	say_log();
	say("\n");
	set(SVR, 0x1ff);
	/* A logical destination. */
	set(LDR, 0x04000000);
	set(ICR_HIGH, 0x06000000);
	start_log(true);
	set(ICR, 0x4800 | 0x64);
	open_window();
	say("icr/logical, flat:");
	set(ICR_HIGH, 0x0a000000);
	set(ICR, 0x4800 | 0x65);
	open_window();
	say_log();
	start_log(true);
	set(DFR, 0x0fffffff);
	set(LDR, 0x12000000);
	set(ICR_HIGH, 0x13000000);
	set(ICR, 0x4800 | 0x66);
	set(ICR_HIGH, 0x23000000);
	set(ICR, 0x4800 | 0x67);
	open_window();
	say(" cluster:");
	say_log();
	set(DFR, 0xffffffff);
	set(LDR, 0);
	say("\n");
}

static u64 came_at;

static bool note_place(void)
{
	bool ours = note_event();

	if (ours)
		came_at = now.out.ip - now.in.ip;
	return ours;
}

static void where(const char *label, const u8 *code)
{
	start_log(true);
	hook = note_place;
	came_at = ~0ull;
	send(0x6b);
	as(LONG);
	now.in.dx = KDATA;
	go(code);
	say("%s: %s", label, vector_name(now.vector));
	if (event_count)
		say(" at +%l", came_at);
	else
		say(" not in the run");
	say_log();
	start_log(true);
	open_window();
	say_log();
	say("\n");
}

static void shadows(void)
{
	where("shadow/sti", C64("sti; nop; nop; nop; cli"));
	where("shadow/sti cli", C64("sti; cli; nop; nop"));
	where("shadow/sti while on", C64("nop; sti; sti; nop; cli"));
	where("shadow/popf has none", C64("push 0x202; popf; nop; nop; cli"));
	where("shadow/sti hlt", C64("sti; hlt; nop; cli"));
	where("shadow/sti pushf popf", C64("sti; pushf; popf; cli; nop"));
	where("shadow/iretq has none", C64("mov rax, rsp; push 0x10; push rax; push 0x202; push 8; "
					   "lea rax, [rip + 1f]; push rax; "
					   "iretq; 1: nop; cli"));
	where("shadow/cr8 closed", C64("mov eax, 15; mov cr8, rax; sti; nop; nop; xor eax, eax; "
				       "mov cr8, rax; nop; cli"));
}

static unsigned nmi_depth, nmi_seen;

/* A second NMI while the first is served waits until IRET. */
static bool nested_nmi(void)
{
	if (now.vector != 2)
		return false;
	nmi_seen++;
	if (nmi_seen == 1) {
		out8(TD_NMI, 0);
		for (volatile unsigned i = 0; i < 2000; i++)
			;
		nmi_depth = nmi_seen;
	}
	return true;
}

static void nmis(void)
{
	nmi_depth = nmi_seen = 0;
	hook = nested_nmi;
	as(LONG);
	go(C64("mov edx, 0x529; xor eax, eax; out dx, al; nop; mov ecx, 1000; 1: loop 1b"));
	hook = NULL;
	say("nmi/another while one is served: %x then %x\n", nmi_depth, nmi_seen);
	start_log(true);
	set(TPR, 0xff);
	as(LONG);
	go(C64("mov edx, 0x529; xor eax, eax; out dx, al; nop; mov ecx, 1000; 1: loop 1b"));
	set(TPR, 0);
	say("nmi/tpr ff, if off:");
	say_log();
	say("\n");
}

static void timer(void)
{
	volatile unsigned waits;

	set(DIVIDE, 0xb);
	set(LVT_TIMER, 0x100c1);
	set(COUNT, 0xffffffff);
	say("timer/masked counts: %s", get(CURRENT) ? "yes" : "no");
	set(COUNT, 100000);
	for (waits = 0; get(CURRENT) && waits < 100000000; waits++)
		;
	say(" ends %s irr %x\n", get(CURRENT) ? "never" : "at 0", bits_of(IRR, 0xc1));
	/* KVM reads 0 before its own timer has fired: what is late must not come unmasked. */
	set(COUNT, 0);
	start_log(true);
	set(LVT_TIMER, 0xc1);
	set(COUNT, 100000);
	__asm__ volatile("sti; hlt; cli" ::: "memory");
	say("timer/once:");
	say_log();
	say(" %x\n", get(CURRENT));
	set(COUNT, 0xffffffff);
	set(COUNT, 0);
	say("timer/stopped: %x\n", get(CURRENT));
	start_log(true);
	set(LVT_TIMER, 0x200c2);
	set(COUNT, 1000000);
	while (event_count < 3)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	set(COUNT, 0);
	open_window();
	say("timer/periodic:");
	event_count = 3;
	say_log();
	say("\n");
	start_log(true);
	set(LVT_TIMER, 0x400c3);
	set(COUNT, 1000);
	say("timer/deadline mode ignores the count: %x\n", get(CURRENT));
	wrmsr(0x6e0, 1);
	__asm__ volatile("sti; hlt; cli" ::: "memory");
	say("timer/deadline in the past:");
	say_log();
	say(" msr %l\n", rdmsr(0x6e0));
	wrmsr(0x6e0, ~0ull >> 1);
	say("timer/deadline far: %s", rdmsr(0x6e0) ? "armed" : "not armed");
	set(LVT_TIMER, 0x100c3);
	say(" then %l\n", rdmsr(0x6e0));
}

static void one_x2apic(const char *label, u32 index, u64 value)
{
	u64 old, r = try_rdmsr(index, &old);

	say("x2apic/%s: read ", label);
	if (r)
		say("%s", vector_name(r));
	else
		say("%l", old);
	r = try_wrmsr(index, value);
	say(" write %s\n", r ? vector_name(r) : "ok");
}

static void x2apic(void)
{
	u64 base = rdmsr(0x1b), r, v;

	say("x2apic/off, msr: %s\n", vector_name(try_rdmsr(0x802, &v)));
	wrmsr(0x1b, base | 0x400);
	say("x2apic/on: %x\n", (u32)rdmsr(0x1b) & 0xf00);
	one_x2apic("id", 0x802, 0);
	one_x2apic("tpr", 0x808, 0x20);
	one_x2apic("tpr, bit 8", 0x808, 0x100);
	wrmsr(0x808, 0);
	one_x2apic("ppr", 0x80a, 0);
	one_x2apic("eoi", 0x80b, 0);
	one_x2apic("eoi of 1", 0x80b, 1);
	one_x2apic("ldr", 0x80d, 0);
	one_x2apic("dfr", 0x80e, 0);
	one_x2apic("svr, bit 16", 0x80f, 0x101ff);
	one_x2apic("esr of 1", 0x828, 1);
	one_x2apic("icr high", 0x831, 0);
	one_x2apic("self ipi of 100", 0x83f, 0x100);
	one_x2apic("none at 804", 0x804, 0);
	one_x2apic("none at 840", 0x840, 0);
	start_log(true);
	wrmsr(0x83f, 0x75);
	open_window();
	wrmsr(0x830, 0x40076);
	open_window();
	wrmsr(0x830, 0x77);
	open_window();
	say("x2apic/self ipi, icr self, icr to 0:");
	say_log();
	say("\n");
	r = try_wrmsr(0x1b, base);
	say("x2apic/back without a stop: %s\n", r ? vector_name(r) : "ok");
	wrmsr(0x1b, base & ~0x800ull);
	r = try_wrmsr(0x1b, base);
	say("x2apic/back by off: %s %x\n", r ? vector_name(r) : "ok", (u32)rdmsr(0x1b) & 0xf00);
	set(SVR, 0x1ff);
}

void probe(void)
{
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	set(SVR, 0x1ff);
	registers();
	order();
	at_once();
	priorities();
	errors();
	shadows();
	nmis();
	timer();
	x2apic();
}
