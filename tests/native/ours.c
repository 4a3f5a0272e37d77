/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same cases on our own CPU: a vCPU whose page tables, descriptor tables and control registers
 * are as Linux gives them to a process, and which is looked at when something is raised, before it
 * would be delivered.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "native.h"

#include "cpu/soft/jit.h"

/* Physical memory: tables from page 1 on, then what the cases see, then what only the CPU sees. */
enum {
	RAM_SIZE = 4 << 20,
	TABLES_AT = 0x1000,
	DATA_AT = 0x100000,
	TOP_AT = 0x110000,
	CODE_AT = 0x120000,
	OWN_AT = 0x128000,
	SYSTEM_AT = 0x130000,
	SYSTEM_SIZE = 0x10000,
	GDT_OFF = 0,
	LDT_OFF = 0x1000,
	IDT_OFF = 0x2000,
	TSS_OFF = 0x4000,
	STACK_OFF = 0x7000, /* its end */
	STUBS_OFF = 0x8000, /* where gates lead: 16 bytes for each vector */
	DONE_PORT = 0xf4,
};
#define SYSTEM_BASE 0xffffffff81000000ull /* the kernel's half */

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40 };
#define PTE_NX BIT64(63)

enum { TICK_US = 50000, MAX_STEPS = 100000 };

struct ours {
	struct machine *m;
	struct accel *accel;
	struct soft_cpu *c;
	struct mem_image image;
	u8 before[MEM_SIZE];
	u8 *data, *top; /* host memory of the pages */
	const u8 *own;
	u64 next_table;
	u16 code_from, code_to;
	struct io_window done;
	u64 gdt[GDT_COUNT], ldt[LDT_COUNT];
};

/* For the signal handler: the CPU that runs, and whether it has since the last tick. */
static struct soft_cpu *running;
static unsigned ticks;

/* ---- descriptors: SDM 3A 3.4.5 ---- */

static u64 descriptor(u64 base, u32 limit, u16 attr)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)attr << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (base >> 24 & 0xff) << 56;
}

static u64 ldt_descriptor(const struct descriptor *d)
{
	u16 attr = SA_S | 3 << SA_DPL_SHIFT | SA_ACCESSED;

	attr |= (d->absent ? 0 : SA_P) | (d->readonly ? 0 : SA_WRITE) | (d->down ? SA_DOWN : 0);
	attr |= (d->code ? SA_CODE : 0) | (d->big ? SA_DB : 0) | (d->pages ? SA_G : 0);
	return descriptor(d->base, d->limit, attr);
}

static void make_descriptors(struct ours *o)
{
	o->gdt[1] = descriptor(0, 0xfffff, 0xc09b);
	o->gdt[2] = descriptor(0, 0xfffff, 0xa09b);
	o->gdt[3] = descriptor(0, 0xfffff, 0xc093);
	o->gdt[4] = descriptor(0, 0xfffff, 0xc0fb);
	o->gdt[5] = descriptor(0, 0xfffff, 0xc0f3);
	o->gdt[6] = descriptor(0, 0xfffff, 0xa0fb);
	o->gdt[8] = descriptor(SYSTEM_BASE + TSS_OFF, 0x67, 0x8b);
	o->gdt[9] = o->gdt[11] = SYSTEM_BASE >> 32;
	o->gdt[10] = descriptor(SYSTEM_BASE + LDT_OFF, sizeof(o->ldt) - 1, 0x82);
	o->gdt[15] = descriptor(0, 0, 0x40f5); /* its limit is the number of the processor */
	for (unsigned n = 0; n < LDT_COUNT; n++)
		o->ldt[n] = ldt_descriptor(&ldt_entries[n]);
}

static void fill_segment(const struct ours *o, struct cpu_seg *s, u16 sel)
{
	u64 d = sel & 4 ? o->ldt[sel >> 3] : o->gdt[sel >> 3];

	*s = (struct cpu_seg){ .sel = sel };
	if (!(sel & ~3u))
		return;
	s->base = (d >> 16 & 0xffffff) | d >> 56 << 24;
	s->limit = (u32)(d & 0xffff) | (u32)(d >> 32 & 0xf0000);
	s->attr = (u16)(d >> 40 & 0xf0ff);
	if (s->attr & SA_G)
		s->limit = s->limit << 12 | 0xfff;
}

/* ---- memory ---- */

static void put(struct ours *o, gpa_t at, const void *bytes, size_t len)
{
	if (mem_write(o->m->mem, at, bytes, len))
		abort();
}

static u64 get64(struct ours *o, gpa_t at)
{
	u64 v = 0;

	if (mem_read(o->m->mem, at, &v, 8))
		abort();
	return v;
}

/* One page of 4 KiB through four levels. SDM 3A 4.5 */
static void map_page(struct ours *o, u64 linear, gpa_t page, u64 bits)
{
	gpa_t table = TABLES_AT;
	u64 entry;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		gpa_t at = table + (linear >> shift & 511) * 8;

		entry = get64(o, at);
		if (!entry) {
			entry = o->next_table | PTE_P | PTE_W | PTE_U | PTE_A;
			o->next_table += PAGE_LEN;
			put(o, at, &entry, 8);
		}
		table = entry & 0xffffffffff000ull;
	}
	entry = page | bits | PTE_P | PTE_A;
	put(o, table + (linear >> 12 & 511) * 8, &entry, 8);
}

static void map_pages(struct ours *o, u64 linear, gpa_t at, unsigned size, u64 bits)
{
	for (unsigned n = 0; n < size; n += PAGE_LEN)
		map_page(o, linear + n, at + n, bits);
}

/* Gates that only the kernel may use, but 3 and 4. SDM 3A 6.14.1 */
static void make_gates(struct ours *o)
{
	u64 stack = SYSTEM_BASE + STACK_OFF;
	u16 no_ports = 0xffff;
	u8 stub[16] = { 0xe6, DONE_PORT }; /* OUT */

	for (unsigned n = 0; n < 256; n++) {
		u64 to = SYSTEM_BASE + STUBS_OFF + 16 * n, gate[2];
		u64 attr = n == VEC_BP || n == VEC_OF ? 0xee : 0x8e;

		gate[0] = (to & 0xffff) | 0x10 << 16 | attr << 40 | (to >> 16 & 0xffff) << 48;
		gate[1] = to >> 32;
		put(o, SYSTEM_AT + IDT_OFF + 16 * n, gate, 16);
		put(o, SYSTEM_AT + STUBS_OFF + 16 * n, stub, 16);
	}
	put(o, SYSTEM_AT + TSS_OFF + 4, &stack, 8);
	put(o, SYSTEM_AT + TSS_OFF + 0x66, &no_ports, 2);
}

static void make_memory(struct ours *o)
{
	u8 fill[CODE_SIZE];

	mem_image_fill(&o->image);
	memcpy(o->before, o->image.bytes, MEM_SIZE);
	o->next_table = TABLES_AT + PAGE_LEN;
	map_pages(o, DATA_BASE, DATA_AT, RO_AT, PTE_W | PTE_U | PTE_D | PTE_NX);
	map_pages(o, DATA_BASE + RO_AT, DATA_AT + RO_AT, PAGE_LEN, PTE_U | PTE_NX);
	map_pages(o, TOP_BASE, TOP_AT, PAGE_LEN, PTE_W | PTE_U | PTE_D | PTE_NX);
	map_pages(o, CODE_BASE, CODE_AT, CODE_SIZE, PTE_U);
	map_pages(o, OWN_BASE, OWN_AT, PAGE_LEN, PTE_U | PTE_W | PTE_D);
	map_pages(o, SYSTEM_BASE, SYSTEM_AT, SYSTEM_SIZE, PTE_W | PTE_D);
	put(o, DATA_AT, o->image.bytes, RO_AT);
	put(o, DATA_AT + RO_AT, o->image.readonly, PAGE_LEN);
	put(o, TOP_AT, o->image.bytes + MEM_TOP, PAGE_LEN);
	put(o, OWN_AT, o->image.bytes + MEM_OWN, PAGE_LEN);
	memset(fill, HLT, sizeof(fill));
	put(o, CODE_AT, fill, sizeof(fill));
	make_descriptors(o);
	put(o, SYSTEM_AT + GDT_OFF, o->gdt, sizeof(o->gdt));
	put(o, SYSTEM_AT + LDT_OFF, o->ldt, sizeof(o->ldt));
	make_gates(o);
	o->data = mem_ptr(o->m->mem, DATA_AT, RO_AT, true);
	o->top = mem_ptr(o->m->mem, TOP_AT, PAGE_LEN, true);
	o->own = mem_ptr(o->m->mem, OWN_AT, PAGE_LEN, false);
}

/* Write to memory behind the CPU's back; to code as a device does, which it must notice. */
static void set(struct ours *o, unsigned at, const void *bytes, size_t len)
{
	if (at < MEM_TOP)
		memcpy(o->data + at, bytes, len);
	else if (at < MEM_OWN)
		memcpy(o->top + (at - MEM_TOP), bytes, len);
	else
		put(o, OWN_AT + (at - MEM_OWN), bytes, len);
}

static void put_code(struct ours *o, const struct ncase *c)
{
	unsigned len = c->flags & CASE_OWN ? 0 : c->code_len;
	u8 fill[MAX_CODE];

	memset(fill, HLT, sizeof(fill));
	if (o->code_to > o->code_from)
		put(o, CODE_AT + o->code_from, fill, (size_t)(o->code_to - o->code_from));
	if (len > (unsigned)CODE_SIZE - c->code_at)
		len = (unsigned)CODE_SIZE - c->code_at;
	if (len)
		put(o, CODE_AT + c->code_at, c->code, len);
	o->code_from = c->code_at;
	o->code_to = (u16)(c->code_at + len);
}

static void put_patches(struct ours *o, const struct ncase *c)
{
	for (unsigned n = 0; n < c->patches; n++) {
		const struct patch *p = &c->patch[n];

		memcpy(o->before + p->at, c->bytes + p->from, p->len);
		set(o, p->at, c->bytes + p->from, p->len);
	}
}

static void restore_memory(struct ours *o, const struct ncase *c, const struct result *r)
{
	for (unsigned n = 0; n < r->lines; n++)
		set(o, r->line[n].at, o->image.bytes + r->line[n].at, LINE);
	for (unsigned n = 0; n < c->patches; n++) {
		const struct patch *p = &c->patch[n];

		memcpy(o->before + p->at, o->image.bytes + p->at, p->len);
		set(o, p->at, o->image.bytes + p->at, p->len);
	}
}

/* ---- the processor ---- */

/* What Linux sets for a process, and no more features than the host has. */
static void set_system(struct ours *o, const struct forms *f)
{
	struct soft_cpu *c = o->c;

	c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	c->cr3 = TABLES_AT;
	c->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE;
	c->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	c->xcr0 = f->has[FEATURE_AVX] ? 7 : 3;
	c->gdt = (struct soft_dtable){ SYSTEM_BASE + GDT_OFF, sizeof(o->gdt) - 1 };
	c->idt = (struct soft_dtable){ SYSTEM_BASE + IDT_OFF, 0xfff };
	c->ldt = (struct cpu_seg){ .sel = 0x50,
				   .base = SYSTEM_BASE + LDT_OFF,
				   .limit = sizeof(o->ldt) - 1,
				   .attr = 0x82 };
	c->tr = (struct cpu_seg){
		.sel = 0x40, .base = SYSTEM_BASE + TSS_OFF, .limit = 0x67, .attr = 0x8b
	};
	memcpy(c->has, f->has, sizeof(c->has));
}

static void set_registers(struct ours *o, const struct ncase *in)
{
	struct soft_cpu *c = o->c;

	memcpy(c->gpr, in->in.gpr, sizeof(in->in.gpr));
	c->rip = c->next_rip = in->in.rip;
	flags_set_arith(c, in->in.rflags);
	c->rflags = in->in.rflags & ~(u64)FL_ARITH;
	for (unsigned s = 0; s < 6; s++)
		fill_segment(o, &c->seg[s], in->in.sel[s]);
	if (in->mode == CPU_64) {
		c->seg[SEG_FS].base = in->in.fs_base;
		c->seg[SEG_GS].base = in->in.gs_base;
	}
	c->event.kind = c->delivering.kind = EV_NONE;
	c->shadow = c->shadow_ss = false;
	c->trap_dr6 = 0;
	c->activity = ACT_RUN;
	if (fpu_load(c, in->fp, FP_SIZE))
		abort();
	cpu_mode_changed(c);
}

/* ---- running ---- */

/* An event was delivered: what it is by the gate it took, the rest by what it pushed. */
static void read_frame(struct ours *o, struct result *r)
{
	u64 off = r->out.gpr[R_SP] - SYSTEM_BASE, frame[6] = { 0 }, *f = frame;

	r->vector = (u8)((r->out.rip - SYSTEM_BASE - STUBS_OFF) / 16);
	if (mem_read(o->m->mem, SYSTEM_AT + off, frame, MIN(sizeof(frame), STACK_OFF - off)))
		abort();
	r->has_error = r->vector == 8 || (r->vector >= 10 && r->vector <= 14) || r->vector == 17;
	r->error = r->has_error ? (u32)*f++ : 0;
	r->out.rip = f[0];
	r->out.sel[SEG_CS] = (u16)f[1];
	r->out.rflags = f[2];
	r->out.gpr[R_SP] = f[3];
	r->out.sel[SEG_SS] = (u16)f[4];
	r->cr2 = r->vector == VEC_PF ? o->c->cr2 : 0;
}

static void write_down(struct ours *o, struct result *r)
{
	struct soft_cpu *c = o->c;

	memcpy(r->out.gpr, c->gpr, sizeof(r->out.gpr));
	r->out.rip = c->rip;
	r->out.rflags = flags_get(c);
	r->out.fs_base = c->seg[SEG_FS].base;
	r->out.gs_base = c->seg[SEG_GS].base;
	for (unsigned s = 0; s < 6; s++)
		r->out.sel[s] = c->seg[s].sel;
	r->vector = VEC_TIMEOUT;
	r->has_error = c->event.kind && c->event.has_error;
	r->error = r->has_error ? c->event.error : 0;
	r->cr2 = 0;
	if (c->event.kind) {
		r->vector = c->event.vector;
		r->cr2 = r->vector == VEC_PF ? c->event.cr2 : 0;
		/* Faults are pushed with RF. SDM 3B 17.3.1.1 */
		if (c->event.kind == EV_EXCEPTION)
			r->out.rflags |= FL_RF;
	} else if (c->trap_dr6) {
		r->vector = VEC_DB;
	} else if (c->cpl == 0) {
		read_frame(o, r);
	}
	if (r->vector == VEC_PF && r->cr2 >= LINUX_TOP)
		r->error &= ~1u;
	fpu_save(c, r->fp);
	r->lines = 0;
	result_add_lines(r, o->data, o->before, 0, RO_AT / LINE);
	result_add_lines(r, o->top, o->before + MEM_TOP, MEM_TOP / LINE, PAGE_LEN / LINE);
	result_add_lines(r, o->own, o->before + MEM_OWN, MEM_OWN / LINE, PAGE_LEN / LINE);
}

/* For flags_alive(): what is in memory now; no code is in the last bytes of either place. */
static unsigned fetch_code(void *ctx, u64 at, u8 bytes[15])
{
	struct ours *o = ctx;

	if (at - CODE_BASE < CODE_SIZE - 15)
		return mem_read(o->m->mem, CODE_AT + (at - CODE_BASE), bytes, 15) ? 0 : 15;
	if (at - OWN_BASE < PAGE_LEN - 15)
		return mem_read(o->m->mem, OWN_AT + (at - OWN_BASE), bytes, 15) ? 0 : 15;
	return 0;
}

/* Single steps are not translated, and 64-bit code alone is. */
static u32 dead_flags(struct ours *o, const struct ncase *c, const struct result *r, enum engine e)
{
	if (e != ENGINE_JIT || c->flags & CASE_TF || r->out.sel[SEG_CS] != SEL_CODE64)
		return 0;
	return FL_ARITH & ~flags_alive(r->out.rip, fetch_code, o);
}

/* Two ticks in the same case: it does not end. A running vCPU takes no lock here. */
static void tick(int sig)
{
	if (running && ++ticks > 2)
		cpu_attend(running, ATT_KICK);
}

static bool ended(const struct soft_cpu *c)
{
	return c->event.kind || c->trap_dr6 || c->cpl == 0;
}

/* Until something is raised, which stays in c->event, or has been delivered by the instruction. */
static void step_until_raised(struct soft_cpu *c)
{
	for (unsigned n = 0; n < MAX_STEPS && !ended(c); n++) {
		soft_step(c);
		if (__atomic_fetch_and(&c->attention, 0, __ATOMIC_RELAXED) & ATT_KICK)
			break;
	}
	fpu_park(c);
}

static void run_case(struct ours *o, const struct ncase *c, struct result *out, enum engine e)
{
	struct soft_cpu *cpu = o->c;

	set_registers(o, c);
	__atomic_store_n(&cpu->attention, c->in.rflags & FL_TF ? ATT_STEP : 0, __ATOMIC_RELAXED);
	ticks = 0;
	running = cpu;
	if (e == ENGINE_EXEC)
		step_until_raised(cpu);
	else
		(void)soft_run(&cpu->base);
	running = NULL;
	write_down(o, out);
	out->dead = dead_flags(o, c, out, e);
}

void ours_run(struct ours *o, const struct ncase *c, struct result *out, enum engine e)
{
	put_code(o, c);
	put_patches(o, c);
	run_case(o, c, out, e);
	/* Once more, now that its code is decoded. */
	if (e != ENGINE_EXEC && c->flags & CASE_TWICE) {
		restore_memory(o, c, out);
		put_patches(o, c);
		run_case(o, c, out, e);
	}
	restore_memory(o, c, out);
}

/* ---- made and ended ---- */

/* The kernel has got an event: that is all. */
static void done(void *dev, u64 off, unsigned size, u64 val)
{
	struct ours *o = dev;

	cpu_attend(o->c, ATT_KICK);
}

static const struct io_ops done_ops = { .write = done };

static int make_machine(struct ours *o, const char *jit)
{
	struct cpu_config cfg = {
		.count = 1, .topology = { 1, 1, 1, 1 }, .model = "max", .jit = jit
	};
	struct region *ram;
	struct error err = { 0 };
	struct vcpu *v;
	int rc = machine_create(&o->m, clock_create_manual(), &err);

	if (rc == 0) {
		machine_lock(o->m);
		rc = mem_add(&ram, o->m->mem, "ram", REGION_RAM, 0, RAM_SIZE, 0, IN_ALL, &err);
		o->done = (struct io_window){
			.ops = &done_ops, .dev = o, .base = DONE_PORT, .len = 1, .space = IO_PORT
		};
		if (rc == 0)
			rc = io_map(o->m, &o->done, &err);
		machine_unlock(o->m);
	}
	if (rc == 0)
		rc = soft_accel.create(&o->accel, o->m, &cfg, &err);
	if (rc == 0)
		rc = soft_accel.vcpu_create(&v, o->accel, 0, &err);
	if (rc == 0)
		o->c = soft_cpu_of(v);
	else
		fprintf(stderr, "fuzz-cpu: %s\n", err.msg);
	return rc;
}

static void start_ticks(void)
{
	struct sigaction sa = { .sa_handler = tick, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, TICK_US }, { 0, TICK_US } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

int ours_create(struct ours **out, const struct forms *f, const char *jit)
{
	struct ours *o = calloc(1, sizeof(*o));

	if (!o)
		return -1;
	if (make_machine(o, jit)) {
		ours_destroy(o);
		return -1;
	}
	make_memory(o);
	set_system(o, f);
	mmu_flush(o->c, true);
	start_ticks();
	*out = o;
	return 0;
}

void ours_destroy(struct ours *o)
{
	if (!o)
		return;
	if (o->c)
		soft_accel.vcpu_destroy(&o->c->base);
	if (o->accel)
		soft_accel.destroy(o->accel);
	machine_destroy(o->m);
	free(o);
}
