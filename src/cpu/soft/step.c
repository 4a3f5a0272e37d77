/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/step.c: one vCPU in a machine that has nothing but memory, for cpu/step.h.
 *
 * RAM lies at 0, up to 4 GiB. Behind it are page tables of our own, for 64-bit mode: the first
 * 4 GiB one to one by pages of 1 GiB, and a page each for higher linear addresses that were named.
 * The dirty log tells which pages were written.
 */
#include "cpu/step.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "cpu/soft/block.h"
#include "cpu/soft/soft_priv.h"

enum { HIGH_PAGES = 2048, TABLE_ENTRY = 0x67, PAGE_ENTRY = 0x67, GIANT_ENTRY = 0xe7 };
enum { ROUNDS = 1 << 20 }; /* of one REP */

struct pages {
	struct region *region;
	u64 *bits; /* one fetch of its dirty log */
	u64 *used; /* all that must be zeroed */
	size_t words;
};

struct stepper {
	struct machine *m;
	struct accel *a;
	struct soft_cpu *c;
	struct pages low, high;
	bool own_tables;
	unsigned taken;         /* pages of @high */
	u64 linear[HIGH_PAGES]; /* what is mapped there; 1: a table */
};

static const u64 high_at = GIB(4);

/* Move what the log says into @p->bits, and remember it for the next clear. */
static void look(struct pages *p)
{
	dirty_fetch(p->region, p->bits);
	for (size_t i = 0; i < p->words; i++)
		p->used[i] |= p->bits[i];
}

static int add_pages(struct stepper *s, struct pages *p, const char *name, u64 at, u64 size,
		     struct error *err)
{
	int rc = mem_add(&p->region, s->m->mem, name, REGION_RAM, at, size, 0, IN_ALL, err);

	if (rc < 0)
		return rc;
	p->words = (size_t)(size / PAGE / 64);
	p->bits = xcalloc(p->words, sizeof(u64));
	p->used = xcalloc(p->words, sizeof(u64));
	return dirty_start(p->region, true);
}

/* As much as there is: a host may refuse to promise all of it. */
static int add_memory(struct stepper *s, struct error *err)
{
	static const u64 sizes[] = { GIB(4), GIB(1), MIB(256) };
	int rc = -ENOMEM;

	for (unsigned i = 0; i < ARRAY_LEN(sizes) && rc < 0; i++)
		rc = add_pages(s, &s->low, "step", 0, sizes[i], err);
	return rc < 0 ? rc : add_pages(s, &s->high, "step-high", high_at, HIGH_PAGES * PAGE, err);
}

static int add_cpu(struct stepper *s, const char *model, struct error *err)
{
	struct cpu_config cfg = { .count = 1, .model = model ? model : "max" };
	struct vcpu *v;
	int rc = soft_accel.create(&s->a, s->m, &cfg, err);
	if (rc == 0)
		rc = soft_accel.vcpu_create(&v, s->a, 0, err);
	if (rc == 0)
		s->c = soft_cpu_of(v);
	return rc;
}

int stepper_create(struct stepper **out, const char *model, struct error *err)
{
	struct stepper *s = xnew(struct stepper);
	int rc = machine_create(&s->m, clock_create_manual(), err);

	if (rc == 0)
		rc = add_memory(s, err);
	if (rc == 0)
		rc = add_cpu(s, model, err);
	if (rc < 0) {
		stepper_destroy(s);
		return rc;
	}
	*out = s;
	return 0;
}

void stepper_destroy(struct stepper *s)
{
	if (!s)
		return;
	if (s->c)
		soft_accel.vcpu_destroy(&s->c->base);
	soft_accel.destroy(s->a);
	machine_destroy(s->m);
	free(s->low.bits);
	free(s->low.used);
	free(s->high.bits);
	free(s->high.used);
	free(s);
}

/* Memory of ours to be written; decoded code there is forgotten. */
static u8 *host(struct stepper *s, u64 at, size_t len)
{
	u8 *p = mem_ptr(s->m->mem, at, len, true);

	assert(p);
	return p;
}

static void clear_pages(struct stepper *s, struct pages *p)
{
	look(p);
	for (size_t i = 0; i < p->words; i++)
		for (u64 left = p->used[i]; left; left &= left - 1) {
			u64 page = i * 64 + (u64)__builtin_ctzll(left);

			memset(host(s, p->region->base + page * PAGE, PAGE), 0, PAGE);
		}
	dirty_fetch(p->region, p->bits);
	memset(p->used, 0, p->words * sizeof(u64));
}

void stepper_clear(struct stepper *s)
{
	clear_pages(s, &s->low);
	clear_pages(s, &s->high);
	s->own_tables = false;
	s->taken = 0;
}

/* ---- linear addresses ---- */

static u64 take_page(struct stepper *s, u64 linear)
{
	if (s->taken == HIGH_PAGES)
		return 0;
	s->linear[s->taken] = linear;
	return high_at + (u64)s->taken++ * PAGE;
}

static void make_tables(struct stepper *s)
{
	u64 pml4 = take_page(s, 1), pdpt = take_page(s, 1);

	put_le64(host(s, pml4, 8), pdpt | TABLE_ENTRY);
	for (u64 i = 0; i < 4; i++)
		put_le64(host(s, pdpt + i * 8, 8), i << 30 | GIANT_ENTRY);
	s->own_tables = true;
}

/* The physical page of a linear one above 4 GiB; made if @make. 0: there is none. */
static u64 high_page(struct stepper *s, u64 linear, bool make)
{
	u64 table = high_at;

	if ((u64)((s64)(linear << 16) >> 16) != linear)
		return 0;
	for (unsigned shift = 39; shift >= 12; shift -= 9) {
		u8 *entry = host(s, table + (linear >> shift & 511) * 8, 8);
		u64 e = le64_at(entry);

		if (!e) {
			u64 page = make ? take_page(s, shift > 12 ? 1 : linear & ~(u64)(PAGE - 1))
					: 0;

			if (!page)
				return 0;
			e = page | (shift > 12 ? TABLE_ENTRY : PAGE_ENTRY);
			put_le64(entry, e);
		}
		table = e & 0xffffffffff000;
	}
	return table;
}

static bool physical(struct stepper *s, u64 *out, u64 at, bool make)
{
	u64 page;

	*out = at;
	if (at < s->low.region->size)
		return true;
	if (!s->own_tables || at < high_at)
		return false;
	page = high_page(s, at, make);
	*out = page | (at & (PAGE - 1));
	return page;
}

int stepper_poke(struct stepper *s, u64 at, u8 val)
{
	u64 gpa;

	return physical(s, &gpa, at, true) ? mem_write(s->m->mem, gpa, &val, 1) : -EFAULT;
}

u8 stepper_peek(struct stepper *s, u64 at)
{
	u64 gpa;
	u8 val = 0;

	if (physical(s, &gpa, at, false) && mem_read(s->m->mem, gpa, &val, 1) < 0)
		val = 0;
	return val;
}

/* ---- registers ---- */

int stepper_reset(struct stepper *s, struct cpu_state *out, struct error *err)
{
	int rc = soft_accel.vcpu_reset(&s->c->base, err);

	return rc < 0 ? rc : soft_accel.get_state(&s->c->base, out, err);
}

int stepper_load(struct stepper *s, const struct cpu_state *in, unsigned flags, struct error *err)
{
	const struct cpuid_leaf *xsave = cpuid_find(&s->c->cpuid, 0xd, 0);
	struct cpu_state *st = xnew(struct cpu_state);
	int rc;

	*st = *in;
	st->apic_base = 0; /* off: its page is memory */
	st->xcr0 &= (xsave ? xsave->eax : 0) | 1;
	if (flags & STEP_OWN_TABLES) {
		make_tables(s);
		st->cr3 = high_at;
	}
	rc = soft_accel.set_state(&s->c->base, st, err);
	free(st);
	return rc;
}

int stepper_save(struct stepper *s, struct cpu_state *out, struct error *err)
{
	return soft_accel.get_state(&s->c->base, out, err);
}

/* ---- instructions ---- */

/* The instruction at CS:RIP, if it can be fetched. */
static __attribute__((noinline)) bool fetch(struct soft_cpu *c, struct insn *out)
{
	if (jump_set(&c->jump))
		return false;
	code_fetch_insn(c, out);
	return true;
}

static __attribute__((noinline)) bool try_deliver(struct soft_cpu *c)
{
	if (jump_set(&c->jump))
		return false;
	event_deliver(c);
	jump_stay();
	return true;
}

/* Through the vector table; false: the third fault. */
static bool take_exception(struct soft_cpu *c)
{
	while (!try_deliver(c))
		if (!event_merge(c))
			return false;
	return true;
}

/* One instruction with all rounds of its REP. False: it raised something. */
static bool run_one(struct soft_cpu *c, struct step_result *out)
{
	struct insn insn = { 0 };
	struct flag_use use = { 0 };
	u64 rip = c->rip;

	if (fetch(c, &insn))
		insn_flags(&insn, &use);
	out->undefined_flags = use.undefined;
	for (unsigned i = 0; i < ROUNDS; i++) {
		soft_step(c);
		if (c->event.kind != EV_NONE || !insn.rep || c->rip != rip)
			break;
	}
	return c->event.kind == EV_NONE;
}

/* The single step trap or a breakpoint on data, behind the instruction: into c->event. */
static bool trapped(struct soft_cpu *c)
{
	u64 dr6 = c->trap_dr6;

	c->trap_dr6 = 0;
	if (!dr6 || c->shadow_ss)
		return false;
	c->event = (struct soft_event){ .vector = VEC_DB, .kind = EV_EXCEPTION, .dr6 = dr6 };
	return true;
}

static void note_exception(struct step_result *out, const struct soft_event *e)
{
	out->exception = true;
	out->vector = e->vector;
	out->has_error = e->has_error;
	out->error = e->error;
	out->cr2 = e->cr2;
}

void stepper_run(struct stepper *s, unsigned limit, unsigned flags, struct step_result *out)
{
	struct soft_cpu *c = s->c;

	*out = (struct step_result){ .steps = 0 };
	look(&s->low);
	look(&s->high);
	world_enter(c);
	while (out->steps < limit && !out->halted && !out->shutdown) {
		bool ran = run_one(c, out);

		out->steps += ran;
		if (!ran || trapped(c)) {
			note_exception(out, &c->event);
			out->shutdown = !(flags & STEP_DELIVER) || !take_exception(c);
			out->steps += !ran && !out->shutdown;
		}
		out->halted = c->activity == ACT_HALT;
	}
	c->event.kind = c->delivering.kind = EV_NONE;
	fpu_park(c);
	world_leave(c);
	look(&s->low);
	look(&s->high);
}

static void each(struct stepper *s, const struct pages *p,
		 void (*fn)(void *arg, u64 at, const u8 page[4096]), void *arg)
{
	for (size_t i = 0; i < p->words; i++)
		for (u64 left = p->bits[i]; left; left &= left - 1) {
			u64 page = i * 64 + (u64)__builtin_ctzll(left);
			u64 at = p == &s->high ? s->linear[page] : page * PAGE;

			if (p == &s->low || (page < s->taken && at != 1))
				fn(arg, at, p->region->host + page * PAGE);
		}
}

void stepper_each_written(struct stepper *s, void (*fn)(void *arg, u64 at, const u8 page[4096]),
			  void *arg)
{
	each(s, &s->low, fn, arg);
	each(s, &s->high, fn, arg);
}
