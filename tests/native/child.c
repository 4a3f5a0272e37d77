/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases on the host's processor, in a process of its own. That process takes a signal for every
 * case's end; its handler writes down what the kernel has saved, replaces it by the next case, and
 * returns into it. So there is neither a trampoline nor anything else between two cases. Linux.
 */
#include <asm/ldt.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "native.h"

enum { TICK_US = 20000, STACK_SIZE = 65536, FRAME_FP = 4096, XSAVE_SW = 464, BUFFERS = 2 };

/* What both processes see. */
struct shared {
	unsigned count, at; /* cases of the batch; the one that runs, atomic */
	struct mem_image image;
	u8 modes; /* that the kernel offers: bit by enum cpu_mode */
};

struct native {
	struct shared *shared;
	struct ncase *cases[BUFFERS];
	struct result *results[BUFFERS];
	unsigned batch, pending[BUFFERS];
	pid_t child;
	int end;       /* how the last one ended, as from wait() */
	int go, ready; /* pipes */
};

/* The child's; a signal handler has no other way to know. */
struct executor {
	struct shared *shared;
	struct ncase *cases;
	struct result *results;
	u8 *code;             /* the case's code, writable */
	u8 *data, *top, *own; /* where the cases see them, too */
	u8 before[MEM_SIZE];  /* memory as the case found it */
	u64 begun, last_tick; /* cases so far; at the last tick */
	bool running;
	u16 dirty_from, dirty_to; /* of code */
	u64 fs_base, gs_base;
	greg_t home[NGREG]; /* the child's own context, while cases run */
	u8 home_fp[FRAME_FP];
	unsigned home_fp_size;
};
static struct executor *executor;

/* AC and NT are as the case left them, and the kernel does not clear them. */
void native_signal(int sig, siginfo_t *info, void *context);
__asm__(".pushsection .text\n"
	".type native_signal, @function\n"
	"native_signal:\n"
	"	pushq $0x202\n"
	"	popfq\n"
	"	jmp native_handle\n"
	".popsection");
void native_handle(int sig, siginfo_t *info, void *context) __attribute__((used));

/* ---- registers ---- */

static const u8 greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				REG_R12, REG_R13, REG_R14, REG_R15 };

static u64 fs_base(void)
{
	u64 v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static u64 gs_base(void)
{
	u64 v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static void set_bases(u64 fs, u64 gs)
{
	__asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(fs), "r"(gs));
}

static void save_segments(u16 sel[6], u64 cs_gs_fs_ss)
{
	__asm__ volatile("mov %%es, %0" : "=rm"(sel[SEG_ES]));
	__asm__ volatile("mov %%ds, %0" : "=rm"(sel[SEG_DS]));
	__asm__ volatile("mov %%fs, %0" : "=rm"(sel[SEG_FS]));
	__asm__ volatile("mov %%gs, %0" : "=rm"(sel[SEG_GS]));
	sel[SEG_CS] = (u16)cs_gs_fs_ss;
	sel[SEG_SS] = (u16)(cs_gs_fs_ss >> 48);
}

static void load_segments(const u16 sel[6])
{
	__asm__ volatile("mov %0, %%es" : : "rm"(sel[SEG_ES]));
	__asm__ volatile("mov %0, %%ds" : : "rm"(sel[SEG_DS]));
	__asm__ volatile("mov %0, %%fs" : : "rm"(sel[SEG_FS]));
	__asm__ volatile("mov %0, %%gs" : : "rm"(sel[SEG_GS]));
}

/* ---- one case ---- */

static bool error_counts(u8 vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* For addresses of its own half Linux tells a user always that the page is there. */
static u32 error_of(u8 vector, u64 error, u64 cr2)
{
	if (vector == 14 && cr2 >= LINUX_TOP)
		error &= ~1ull;
	return (u32)error;
}

/* Byte @at of struct mem_image as the cases see it. */
static u8 *cell(struct executor *e, unsigned at)
{
	return at < MEM_TOP   ? e->data + at
	       : at < MEM_OWN ? e->top + (at - MEM_TOP)
			      : e->own + (at - MEM_OWN);
}

static void put_memory(struct executor *e, const struct ncase *c)
{
	for (unsigned n = 0; n < c->patches; n++) {
		const struct patch *p = &c->patch[n];

		memcpy(e->before + p->at, c->bytes + p->from, p->len);
		memcpy(cell(e, p->at), c->bytes + p->from, p->len);
	}
}

/* Memory as it is before all cases again: what this one changed, and its patches. */
static void restore_memory(struct executor *e, const struct ncase *c, const struct result *r)
{
	const u8 *image = e->shared->image.bytes;

	for (unsigned n = 0; n < r->lines; n++)
		memcpy(cell(e, r->line[n].at), image + r->line[n].at, LINE);
	for (unsigned n = 0; n < c->patches; n++) {
		const struct patch *p = &c->patch[n];

		memcpy(e->before + p->at, image + p->at, p->len);
		memcpy(cell(e, p->at), image + p->at, p->len);
	}
}

static void write_down(struct executor *e, const ucontext_t *uc, u8 vector)
{
	const struct ncase *c = &e->cases[e->shared->at];
	struct result *r = &e->results[e->shared->at];
	const greg_t *g = uc->uc_mcontext.gregs;

	for (unsigned n = 0; n < 16; n++)
		r->out.gpr[n] = (u64)g[greg_of[n]];
	r->out.rip = (u64)g[UC_RIP];
	r->out.rflags = (u64)g[REG_EFL];
	r->out.fs_base = fs_base();
	r->out.gs_base = gs_base();
	save_segments(r->out.sel, (u64)g[REG_CSGSFS]);
	r->vector = vector;
	r->has_error = error_counts(vector);
	r->cr2 = vector == 14 ? (u64)g[REG_CR2] : 0;
	r->error = r->has_error ? error_of(vector, (u64)g[REG_ERR], r->cr2) : 0;
	memcpy(r->fp, uc->uc_mcontext.fpregs, FP_SIZE);
	r->lines = 0;
	result_add_lines(r, e->data, e->before, 0, RO_AT / LINE);
	result_add_lines(r, e->top, e->before + MEM_TOP, MEM_TOP / LINE, PAGE_LEN / LINE);
	result_add_lines(r, e->own, e->before + MEM_OWN, MEM_OWN / LINE, PAGE_LEN / LINE);
	restore_memory(e, c, r);
}

static void put_code(struct executor *e, const struct ncase *c)
{
	unsigned len = c->flags & CASE_OWN ? 0 : c->code_len;

	memset(e->code + e->dirty_from, HLT, (size_t)(e->dirty_to - e->dirty_from));
	if (len > (unsigned)CODE_SIZE - c->code_at)
		len = (unsigned)CODE_SIZE - c->code_at;
	memcpy(e->code + c->code_at, c->code, len);
	e->dirty_from = c->code_at;
	e->dirty_to = (u16)(c->code_at + len);
}

static void begin(struct executor *e, ucontext_t *uc)
{
	const struct ncase *c = &e->cases[e->shared->at];
	greg_t *g = uc->uc_mcontext.gregs;

	e->begun++;
	put_code(e, c);
	put_memory(e, c);
	for (unsigned n = 0; n < 16; n++)
		g[greg_of[n]] = (greg_t)c->in.gpr[n];
	g[UC_RIP] = (greg_t)c->in.rip;
	g[REG_EFL] = (greg_t)c->in.rflags;
	g[REG_CSGSFS] = (greg_t)((u64)c->in.sel[SEG_CS] | (u64)c->in.sel[SEG_SS] << 48);
	memcpy(uc->uc_mcontext.fpregs, c->fp, XSAVE_SW);
	/* Of the header only what is in use: the kernel knows how long the area is. */
	memcpy((u8 *)uc->uc_mcontext.fpregs + 512, c->fp + 512, FP_SIZE - 512);
	load_segments(c->in.sel);
	set_bases(c->in.fs_base, c->in.gs_base);
}

/* ---- the batch ---- */

static void go_home(struct executor *e, ucontext_t *uc)
{
	static const u16 none[6];

	e->running = false;
	memcpy(uc->uc_mcontext.gregs, e->home, sizeof(e->home));
	memcpy(uc->uc_mcontext.fpregs, e->home_fp, e->home_fp_size);
	load_segments(none);
	set_bases(e->fs_base, e->gs_base);
}

static void leave_home(struct executor *e, const ucontext_t *uc)
{
	const u8 *fp = (const u8 *)uc->uc_mcontext.fpregs;
	u32 size;

	memcpy(&size, fp + XSAVE_SW + 16, 4); /* struct _fpx_sw_bytes.xstate_size */
	e->home_fp_size = size <= FRAME_FP ? size : FRAME_FP;
	memcpy(e->home_fp, fp, e->home_fp_size);
	memcpy(e->home, uc->uc_mcontext.gregs, sizeof(e->home));
	e->fs_base = fs_base();
	e->gs_base = gs_base();
	e->running = true;
}

void native_handle(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct executor *e = executor;
	u8 vector = (u8)uc->uc_mcontext.gregs[REG_TRAPNO];

	if (sig == SIGALRM) {
		if (!e->running || e->last_tick != e->begun) {
			e->last_tick = e->begun;
			return;
		}
		vector = VEC_TIMEOUT;
	}
	if (e->running) {
		write_down(e, uc, vector);
		__atomic_store_n(&e->shared->at, e->shared->at + 1, __ATOMIC_RELAXED);
	} else {
		leave_home(e, uc);
	}
	if (e->shared->at < e->shared->count)
		begin(e, uc);
	else
		go_home(e, uc);
}

/* ---- the child's life ---- */

static bool set_ldt(void)
{
	for (unsigned n = 0; n < LDT_COUNT; n++) {
		const struct descriptor *d = &ldt_entries[n];
		struct user_desc u = { .entry_number = n,
				       .base_addr = d->base,
				       .limit = d->limit,
				       .seg_32bit = d->big,
				       .contents = d->code   ? MODIFY_LDT_CONTENTS_CODE
						   : d->down ? MODIFY_LDT_CONTENTS_STACK
							     : MODIFY_LDT_CONTENTS_DATA,
				       .read_exec_only = d->readonly,
				       .limit_in_pages = d->pages,
				       .seg_not_present = d->absent };

		if (syscall(SYS_modify_ldt, 0x11, &u, sizeof(u)))
			return false;
	}
	return true;
}

/* A 32-bit code segment for users: DPL 3, D. SDM 2A, LAR */
static bool has_code32(void)
{
	u32 attr = 0;
	bool ok;

	__asm__("lar %2, %0; setz %1" : "=r"(attr), "=q"(ok) : "r"((u32)SEL_CODE32));
	return ok && (attr & 0x60f800) == 0x40f800;
}

static void *place(u64 at, size_t size, int prot, int fd)
{
	void *want = (void *)(uintptr_t)at;
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(want, size, prot, flags | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);

	return p == MAP_FAILED || (at && p != want) ? NULL : p;
}

static bool map_all(struct executor *e)
{
	int fd = memfd_create("code", 0);
	u8 *readonly;

	if (fd < 0 || ftruncate(fd, CODE_SIZE))
		return false;
	e->code = place(0, CODE_SIZE, PROT_READ | PROT_WRITE, fd);
	if (!e->code || !place(CODE_BASE, CODE_SIZE, PROT_READ | PROT_EXEC, fd))
		return false;
	e->data = place(DATA_BASE, RO_AT, PROT_READ | PROT_WRITE, -1);
	readonly = place(DATA_BASE + RO_AT, PAGE_LEN, PROT_READ | PROT_WRITE, -1);
	e->top = place(TOP_BASE, PAGE_LEN, PROT_READ | PROT_WRITE, -1);
	e->own = place(OWN_BASE, PAGE_LEN, PROT_READ | PROT_WRITE | PROT_EXEC, -1);
	if (!e->data || !readonly || !e->top || !e->own)
		return false;
	memset(e->code, HLT, CODE_SIZE);
	memcpy(readonly, e->shared->image.readonly, PAGE_LEN);
	/* Present before they are used: an error code says whether they were. */
	memcpy(e->before, e->shared->image.bytes, MEM_SIZE);
	memcpy(e->data, e->before, RO_AT);
	memcpy(e->top, e->before + MEM_TOP, PAGE_LEN);
	memcpy(e->own, e->before + MEM_OWN, PAGE_LEN);
	return !mprotect(readonly, PAGE_LEN, PROT_READ);
}

static bool set_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM };
	struct sigaction sa = { .sa_sigaction = native_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	struct itimerval tick = { { 0, TICK_US }, { 0, TICK_US } };
	void *stack = place(0, STACK_SIZE, PROT_READ | PROT_WRITE, -1);
	stack_t st = { .ss_sp = stack, .ss_size = STACK_SIZE };

	sigfillset(&sa.sa_mask);
	if (!stack || sigaltstack(&st, NULL))
		return false;
	for (size_t n = 0; n < ARRAY_LEN(signals); n++)
		if (sigaction(signals[n], &sa, NULL))
			return false;
	return !setitimer(ITIMER_REAL, &tick, NULL);
}

/* No system call but those it needs: a case may make one by accident. */
static bool forbid_calls(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4), /* arch */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* number */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_LEN(f), f };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static _Noreturn void live(struct native *n, int go, int ready)
{
	struct executor *e = calloc(1, sizeof(*e));
	u8 which;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	executor = e;
	if (!e)
		_exit(2);
	e->shared = n->shared;
	n->shared->modes = BIT(CPU_64) | (has_code32() ? BIT(CPU_32) : 0);
	if (set_ldt())
		n->shared->modes |= BIT(CPU_16);
	else
		n->shared->modes &= ~BIT(CPU_32); /* its cases use the table, too */
	if (!map_all(e) || !set_signals() || !forbid_calls())
		_exit(2);
	while (read(go, &which, 1) == 1) {
		e->cases = n->cases[which % BUFFERS];
		e->results = n->results[which % BUFFERS];
		__asm__ volatile("int3" : : : "memory");
		if (write(ready, &which, 1) != 1)
			break;
	}
	_exit(0);
}

/* ---- the parent's side ---- */

static int start_child(struct native *n)
{
	int go[2], ready[2];

	if (pipe(go) || pipe(ready))
		return -1;
	fflush(NULL);
	n->child = fork();
	if (n->child < 0)
		return -1;
	if (n->child == 0) {
		close(go[1]);
		close(ready[0]);
		live(n, go[0], ready[1]);
	}
	close(go[0]);
	close(ready[1]);
	n->go = go[1];
	n->ready = ready[0];
	return 0;
}

static void end_child(struct native *n)
{
	if (n->child > 0) {
		close(n->go);
		close(n->ready);
		waitpid(n->child, &n->end, 0);
	}
	n->child = 0;
}

static void *share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int native_create(struct native **out, unsigned batch)
{
	struct native *n = calloc(1, sizeof(*n));

	if (!n)
		return -1;
	if (!__builtin_cpu_supports("avx")) {
		free(n);
		return -1;
	}
	n->batch = batch;
	n->shared = share(sizeof(*n->shared));
	for (unsigned k = 0; k < BUFFERS; k++) {
		n->cases[k] = share(batch * sizeof(struct ncase));
		n->results[k] = share(batch * sizeof(struct result));
		if (!n->cases[k] || !n->results[k])
			return -1;
	}
	if (!n->shared)
		return -1;
	mem_image_fill(&n->shared->image);
	*out = n;
	if (start_child(n))
		return -1;
	/* An empty batch: the child is ready, and has said what it can do. */
	native_run(n, 0, 0);
	native_wait(n, 0);
	return n->child > 0 ? 0 : -1;
}

void native_destroy(struct native *n)
{
	if (!n)
		return;
	end_child(n);
	for (unsigned k = 0; k < BUFFERS; k++) {
		munmap(n->cases[k], n->batch * sizeof(struct ncase));
		munmap(n->results[k], n->batch * sizeof(struct result));
	}
	munmap(n->shared, sizeof(*n->shared));
	free(n);
}

struct ncase *native_case(struct native *n, unsigned which, unsigned at)
{
	return &n->cases[which][at];
}

struct result *native_result(struct native *n, unsigned which, unsigned at)
{
	return &n->results[which][at];
}

bool native_modes(struct native *n, enum cpu_mode mode)
{
	return n->shared->modes & BIT(mode);
}

static void tell(struct native *n, unsigned which, unsigned from, unsigned count)
{
	u8 byte = (u8)which;

	n->shared->at = from;
	n->shared->count = count;
	if (write(n->go, &byte, 1) != 1) {
		/* It is gone; native_wait() sees that, too. */
	}
}

void native_run(struct native *n, unsigned which, unsigned count)
{
	n->pending[which] = count;
	tell(n, which, 0, count);
}

/* A case that ends the child is marked, and a new child goes on behind it. */
void native_wait(struct native *n, unsigned which)
{
	unsigned count = n->pending[which];
	u8 byte;

	while (read(n->ready, &byte, 1) != 1) {
		unsigned at = __atomic_load_n(&n->shared->at, __ATOMIC_RELAXED);

		end_child(n);
		if (at >= count || start_child(n))
			return;
		memset(&n->results[which][at], 0, offsetof(struct result, line));
		n->results[which][at].vector = VEC_LOST;
		n->results[which][at].error = (u32)n->end;
		tell(n, which, at + 1, count);
	}
}
