/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/soft_fpu_rig.h: a vCPU that has nothing but floating point, whose linear addresses are
 * the host's; and the same instruction bytes run by the host, to compare with.
 * check: long-file, two halves that belong together
 */
#pragma once

/* The C library's name of a register in a signal's context is also one of decode.h's. */
#define REG_RIP HOST_RIP
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#undef REG_RIP

#include "base/bytes.h"
#include "cpu/soft/fpu_priv.h"
#include "test.h"

/* Pages of the guest, one after another; below 4 GiB. */
enum page_kind { PAGE_FAST, PAGE_FAST2, PAGE_SLOW, PAGE_DEVICE, PAGE_ABSENT, N_PAGES };

static struct soft soft;
static struct soft_cpu cpu;
static struct tlb tlb;
static u8 *memory;
static jmp_buf raised;
static unsigned device_writes;

static u64 random_state = 88172645463325252ull;
static u64 rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* ---- what the interpreter's other parts do ---- */

_Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e)
{
	c->event = *e;
	longjmp(raised, 1);
}

_Noreturn void raise_vec(struct soft_cpu *c, enum vector v)
{
	raise_event(c, &(struct soft_event){ .vector = (u8)v, .kind = EV_EXCEPTION });
}

_Noreturn void raise_error(struct soft_cpu *c, enum vector v, u32 error)
{
	raise_vec(c, v);
}

_Noreturn void raise_gp(struct soft_cpu *c)
{
	raise_vec(c, VEC_GP);
}

_Noreturn void raise_ud(struct soft_cpu *c)
{
	raise_vec(c, VEC_UD);
}

_Noreturn void raise_pf(struct soft_cpu *c, gva_t at, u32 error)
{
	raise_event(c, &(struct soft_event){
			       .vector = VEC_PF, .kind = EV_EXCEPTION, .cr2 = at, .error = error });
}

u64 insn_offset(const struct soft_cpu *c, const struct insn *i)
{
	u64 off = (u64)i->disp;

	if (i->base < 16)
		off += c->gpr[i->base];
	else if (i->base == REG_RIP)
		off += c->rip + i->len;
	if (i->index < 16)
		off += c->gpr[i->index] << i->scale;
	return off & ones(i->asz);
}

static enum page_kind page_of(gva_t at)
{
	u64 n = (at - (uintptr_t)memory) / PAGE;

	return n < N_PAGES ? (enum page_kind)n : PAGE_ABSENT;
}

static void touch(struct soft_cpu *c, gva_t at, size_t len, bool write)
{
	if (page_of(at) == PAGE_ABSENT)
		raise_pf(c, at, write ? 2 : 0);
	if (len && page_of(at + len - 1) == PAGE_ABSENT)
		raise_pf(c, (at + len - 1) & ~(u64)(PAGE - 1), write ? 2 : 0);
}

gva_t seg_check(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len, bool write)
{
	(void)len, (void)write;
	return c->seg_base[s] + off;
}

void *lin_ptr(struct soft_cpu *c, gva_t at, size_t len, bool write, enum insn_seg seg)
{
	(void)seg;
	CHECK(at % PAGE + len <= PAGE);
	touch(c, at, len, write);
	return page_of(at) == PAGE_DEVICE ? NULL : (void *)(uintptr_t)at;
}

void seg_read_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, void *buf, size_t len)
{
	gva_t at = c->seg_base[s] + off;

	touch(c, at, len, false);
	if (page_of(at) == PAGE_DEVICE)
		fpu_park(c);
	memcpy(buf, (void *)(uintptr_t)at, len);
}

void seg_write_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, const void *buf, size_t len)
{
	gva_t at = c->seg_base[s] + off;

	touch(c, at, len, true);
	if (page_of(at) == PAGE_DEVICE) {
		fpu_park(c);
		device_writes++;
	}
	memcpy((void *)(uintptr_t)at, buf, len);
}

void seg_probe_write(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len)
{
	touch(c, c->seg_base[s] + off, len, true);
}

u64 seg_read(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size)
{
	u64 v = 0;

	seg_read_bytes(c, s, off, &v, size);
	return v;
}

void gpr_set(struct soft_cpu *c, unsigned reg, unsigned size, u64 val)
{
	if (size == 4)
		c->gpr[reg] = (u32)val;
	else
		memcpy(&c->gpr[reg], &val, size);
}

u64 opnd_get(struct soft_cpu *c, const struct insn *i, unsigned n)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == OPERAND_MEM)
		return seg_read(c, (enum insn_seg)i->seg, insn_offset(c, i), operand_size(o));
	return gpr_get(c, o->reg, operand_size(o));
}

void opnd_set(struct soft_cpu *c, const struct insn *i, unsigned n, u64 val)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == OPERAND_MEM)
		seg_write_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), &val, operand_size(o));
	else
		gpr_set(c, o->reg, operand_size(o), val);
}

#define EXEC(op, function, attributes) [OP_##op] = { function, attributes },
static const struct exec fp_table[N_OPS] = {
#include "cpu/soft/exec_fp.def"
};
#undef EXEC

static void set_mode(enum cpu_mode mode)
{
	cpu.mode = (u8)mode;
	cpu.prot = true;
	cpu.lma = mode == CPU_64;
}

static void rig_create(void)
{
	struct error err = { 0 };

	memory = mmap(NULL, (N_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(memory != MAP_FAILED);
	CHECK_EQ(mprotect(memory + PAGE_ABSENT * PAGE, 2 * PAGE, PROT_NONE), 0);
	memset(&tlb, 0xff, sizeof(tlb));
	for (unsigned p = PAGE_FAST; p <= PAGE_FAST2; p++) {
		gva_t at = (uintptr_t)memory + p * PAGE;

		tlb.at[tlb_index(at)] = (struct tlb_entry){ .read = at, .write = at };
	}
	cpu.soft = &soft;
	cpu.tlb = &tlb;
	cpu.cr0 = CR0_PE | CR0_MP | CR0_NE;
	cpu.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	cpu.xcr0 = 7;
	memset(cpu.has, 1, sizeof(cpu.has));
	set_mode(CPU_64);
	CHECK_EQ(fpu_create(&cpu, &err), 0);
}

static void rig_destroy(void)
{
	fpu_destroy(&cpu);
	thunks_destroy(&soft);
	munmap(memory, (N_PAGES + 1) * PAGE);
}

/* Run @i: the vector it raised, or -1. */
static int run_ours(const struct insn *i)
{
	cpu.event.kind = EV_NONE;
	cpu.next_rip = cpu.rip + i->len;
	if (setjmp(raised))
		return cpu.event.vector;
	CHECK(fp_table[i->op].fn != NULL);
	fp_table[i->op].fn(&cpu, i);
	return -1;
}

/* ---- the host ---- */

/* Registers before and after, as the code below finds them by their offsets. */
struct native {
	u64 gpr[16], flags, stack;
	u8 area[2688] __attribute__((aligned(64))); /* XSAVE, standard form */
};

struct native_code {
	u8 *at;
	size_t after; /* where it goes on when the instruction is left by a signal */
	struct native *n;
};
static struct native_code native_code;
static volatile int native_fault; /* the host's trap number, -1: none */
static bool native_running;
static struct sigaction before_fpe; /* thunks' own handler */

static void native_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	if (!native_running) {
		if (sig == SIGFPE)
			before_fpe.sa_sigaction(sig, info, context);
		else
			signal(sig, SIG_DFL);
		return;
	}
	native_fault = (int)u->uc_mcontext.gregs[REG_TRAPNO];
	u->uc_mcontext.gregs[HOST_RIP] = (greg_t)(native_code.at + native_code.after);
}

struct writer {
	u8 *at;
	size_t n;
};

static unsigned digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Bytes in hexadecimal, two digits each, with or without spaces. */
static void put(struct writer *w, const char *hex)
{
	for (; *hex; hex++)
		if (*hex != ' ') {
			w->at[w->n++] = (u8)(digit(hex[0]) << 4 | digit(hex[1]));
			hex++;
		}
}

static void put_value(struct writer *w, u64 v, unsigned size)
{
	memcpy(w->at + w->n, &v, size);
	w->n += size;
}

/* Load all registers from struct native, run @bytes, store them all. */
static void native_build(struct native *n, const u8 *bytes, size_t len)
{
	struct writer w = { .at = native_code.at };
	u64 base = (uintptr_t)n;

	native_code.n = n;
	put(&w, "53 55 41 54 41 55 41 56 41 57 48 b8"); /* push; mov rax, base */
	put_value(&w, base, 8);
	put(&w, "48 89 c3 48 89 a3"); /* mov rbx, rax; mov [rbx + stack], rsp */
	put_value(&w, offsetof(struct native, stack), 4);
	put(&w,
	    "b8 07 00 00 00 31 d2 0f ae ab"); /* mov eax, 7; xor edx, edx; xrstor [rbx + area] */
	put_value(&w, offsetof(struct native, area), 4);
	put(&w, "ff b3"); /* push [rbx + flags]; popf */
	put_value(&w, offsetof(struct native, flags), 4);
	put(&w, "9d");
	for (unsigned r = 0; r < 16; r++) {
		if (r == 3)
			continue;
		w.at[w.n++] = r < 8 ? 0x48 : 0x4c; /* mov r, [rbx + r*8] */
		put(&w, "8b");
		w.at[w.n++] = (u8)(0x83 | (r & 7) << 3);
		put_value(&w, r * 8, 4);
	}
	put(&w, "48 8b 5b 18"); /* mov rbx, [rbx + 3*8] */
	memcpy(w.at + w.n, bytes, len);
	w.n += len;
	native_code.after = w.n;
	put(&w, "48 a3"); /* mov [base], rax */
	put_value(&w, base, 8);
	put(&w, "48 b8"); /* mov rax, base */
	put_value(&w, base, 8);
	for (unsigned r = 1; r < 16; r++) {
		w.at[w.n++] = r < 8 ? 0x48 : 0x4c; /* mov [rax + r*8], r */
		put(&w, "89");
		w.at[w.n++] = (u8)(0x80 | (r & 7) << 3);
		put_value(&w, r * 8, 4);
	}
	put(&w, "48 8b a0"); /* mov rsp, [rax + stack] */
	put_value(&w, offsetof(struct native, stack), 4);
	put(&w, "48 89 c3 9c 8f 83"); /* mov rbx, rax; pushf; pop [rbx + flags] */
	put_value(&w, offsetof(struct native, flags), 4);
	put(&w, "b8 07 00 00 00 31 d2 0f ae a3"); /* xsave */
	put_value(&w, offsetof(struct native, area), 4);
	put(&w, "fc db e3 41 5f 41 5e 41 5d 41 5c 5d 5b c3"); /* cld; fninit; pop; ret */
}

/* Run it: the vector, or -1. Memory is changed, too. */
static int native_run(void)
{
	u32 mxcsr;

	native_fault = -1;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	native_running = true;
	((void (*)(void))(uintptr_t)native_code.at)();
	native_running = false;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	return native_fault;
}

static void native_create(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL };
	static u8 stack[65536];
	struct sigaction on = { .sa_sigaction = native_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	native_code.at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(native_code.at != MAP_FAILED);
	CHECK_EQ(sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL), 0);
	for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
		CHECK_EQ(sigaction(signals[i], &on, NULL), 0);
	CHECK_EQ(sigaction(SIGFPE, &on, &before_fpe), 0);
}

static void native_destroy(void)
{
	munmap(native_code.at, PAGE);
}
