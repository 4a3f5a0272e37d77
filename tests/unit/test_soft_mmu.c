/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linear memory of our own CPU against a second implementation: random tables, random accesses. */
#include "base/alloc.h"
#include "mmu_model.h"

struct scene {
	struct mmu_rig rig;
	struct rig_cpu *cpu;
	struct soft_cpu *c;
	struct model *model;
	struct region *low, *rom, *high;
	struct io_window window;
	u64 seed;
	unsigned faults, reserved, done;
};

static u64 random_u64(struct scene *w)
{
	return rig_random(&w->seed);
}

static bool one_in(struct scene *w, unsigned n)
{
	return random_u64(w) % n == 0;
}

static u64 device_read(void *dev, u64 off, unsigned size)
{
	u64 val = 0;

	for (unsigned i = 0; i < size; i++)
		val |= (u64)device_byte(off + i) << 8 * i;
	return val;
}

static void device_write(void *dev, u64 off, unsigned size, u64 val)
{
}

static const struct io_ops device_ops = { .read = device_read, .write = device_write };

static void scene_start(struct scene *w)
{
	memset(w, 0, sizeof(*w));
	w->seed = 88172645463325252ull;
	mmu_rig_start(&w->rig);
	w->cpu = &w->rig.cpu[0];
	w->c = &w->cpu->c;
	w->model = xnew(struct model);
	w->low = rig_add(&w->rig, REGION_RAM, 0, LOW_SIZE);
	w->rom = rig_add(&w->rig, REGION_ROM, ROM_AT, ROM_SIZE);
	w->high = rig_add(&w->rig, REGION_RAM, HIGH_AT, HIGH_SIZE);
	w->window = (struct io_window){
		.ops = &device_ops, .base = DEVICE_AT, .len = DEVICE_SIZE, .space = IO_MMIO
	};
	machine_lock(w->rig.m);
	CHECK_EQ(io_map(w->rig.m, &w->window, NULL), 0);
	machine_unlock(w->rig.m);
}

static void scene_stop(struct scene *w)
{
	mmu_rig_stop(&w->rig);
	free(w->model);
}

/* A physical address, mostly of RAM. */
static gpa_t random_phys(struct scene *w)
{
	switch (random_u64(w) % 16) {
	case 0: return ROM_AT + random_u64(w) % ROM_SIZE;
	case 1: return DEVICE_AT + random_u64(w) % DEVICE_SIZE;
	case 2: return HIGH_AT + random_u64(w) % HIGH_SIZE;
	case 3: return random_u64(w) & bits(35, 0);
	default: return random_u64(w) % LOW_SIZE;
	}
}

/* Entries that mostly lead somewhere; @oddness: one in that many has a bit that is odd. */
static u64 random_entry(struct scene *w, bool wide, unsigned oddness)
{
	u64 e = random_phys(w) & bits(51, 12);

	if (!wide)
		e = (u32)e;
	e |= random_u64(w) & 0xf7e; /* without PS */
	e |= one_in(w, 8) ? 0 : 1;
	e |= one_in(w, 3) ? 0 : 2 | 4;
	if (one_in(w, 6)) {
		e |= 128;
		if (!one_in(w, 4))
			e &= ~(wide ? one_in(w, 2) ? bits(29, 13) : bits(20, 13) : bits(21, 13));
	}
	if (one_in(w, oddness))
		e ^= BIT64(random_u64(w) % (wide ? 64 : 32));
	if (wide && one_in(w, 5))
		e |= BIT64(63);
	return e;
}

static void random_memory(struct scene *w)
{
	bool wide = w->c->cr4 & CR4_PAE;
	unsigned size = wide ? 8 : 4, oddness = 3 + (unsigned)random_u64(w) % 60;
	struct model *m = w->model;

	for (unsigned i = 0; i < LOW_SIZE; i += size)
		put_le(m->low + i, size, random_entry(w, wide, oddness));
	for (unsigned i = 0; i < ROM_SIZE; i += size)
		put_le(m->rom + i, size, random_entry(w, wide, oddness));
	for (unsigned i = 0; i < HIGH_SIZE; i += size)
		put_le(m->high + i, size, random_entry(w, wide, oddness));
	memcpy(w->low->host, m->low, LOW_SIZE);
	memcpy(w->rom->host, m->rom, ROM_SIZE);
	memcpy(w->high->host, m->high, HIGH_SIZE);
}

static void set_giant(struct scene *w, bool giant)
{
	w->model->giant = giant;
	w->c->cpuid.count = 0;
	CHECK_EQ(cpuid_add(&w->c->cpuid,
			   &(struct cpuid_leaf){ .leaf = 0x80000001, .edx = giant ? BIT(26) : 0 }),
		 0);
}

enum kind { NARROW, PAE, LONG };

static void random_mode(struct scene *w, enum kind kind)
{
	struct soft_cpu *c = w->c;
	u64 r = random_u64(w);

	set_giant(w, one_in(w, 2));
	w->rig.soft.phys_bits = (u8)(36 + random_u64(w) % 17);
	c->cr0 = CR0_PE | CR0_PG;
	mmu_view(c); /* so that another width of addresses is noticed */
	c->cr0 = CR0_PE | (one_in(w, 20) && kind != LONG ? 0 : CR0_PG) | (r & CR0_WP);
	c->cr4 = (r & (CR4_PSE | CR4_PGE | CR4_SMEP | CR4_SMAP)) | (kind != NARROW ? CR4_PAE : 0);
	c->efer = (r & EFER_NXE) | (kind == LONG ? EFER_LMA | EFER_LME : 0);
	c->cr3 = random_phys(w) & bits(w->rig.soft.phys_bits - 1, 12);
	if (kind != LONG)
		c->cr3 = (u32)c->cr3;
	random_memory(w);
	for (unsigned i = 0; i < 4; i++)
		c->pdpte[i] = (random_phys(w) & bits(35, 12)) | !one_in(w, 8);
	c->cr0 ^= CR0_WP; /* at least one thing changes */
	mmu_view(c);
	c->cr0 ^= CR0_WP;
	rig_mode(w->cpu);
}

static gva_t random_linear(struct scene *w)
{
	gva_t at = random_u64(w);

	if (w->c->lma && !one_in(w, 30))
		at = (u64)((s64)(at << 16) >> 16);
	else if (!w->c->lma)
		at = (u32)at;
	if (one_in(w, 8))
		at = (at | 0xfff) - random_u64(w) % 8;
	return at;
}

static bool canonical(const struct soft_cpu *c, gva_t at)
{
	return !c->lma || at >> 47 == 0 || at >> 47 == 0x1ffff;
}

/* What must come of it: false and @event, or true and the value. */
static bool expect(struct scene *w, gva_t at, unsigned size, enum model_access what, bool sys,
		   u64 *val, struct soft_event *event)
{
	const struct soft_cpu *c = w->c;
	bool user = c->cpl == 3 && !sys;
	bool smap = c->cr4 & CR4_SMAP && (sys || !(c->rflags & FL_AC));
	unsigned first = MIN(size, PAGE - (unsigned)(at % PAGE));
	struct model_result r[2];

	*event = (struct soft_event){ .vector = VEC_GP, .has_error = true };
	if (!canonical(c, at) || !canonical(c, at + size - 1))
		return false;
	for (unsigned i = 0; i < (first < size ? 2 : 1); i++) {
		gva_t part = i ? at + first : at;

		if (!c->lma)
			part = (u32)part;
		r[i] = model_walk(c, w->model, part, what, user, smap);
		if (r[i].fault) {
			*event = (struct soft_event){ .vector = VEC_PF,
						      .has_error = true,
						      .error = r[i].error,
						      .cr2 = part };
			return false;
		}
	}
	if (what == M_FETCH) {
		*val = r[0].phys;
	} else if (what == M_WRITE) {
		model_store(w->model, r[0].phys, first, *val);
		if (first < size)
			model_store(w->model, r[1].phys, size - first, *val >> 8 * first);
	} else {
		*val = model_load(w->model, r[0].phys, first);
		if (first < size)
			*val |= model_load(w->model, r[1].phys, size - first) << 8 * first;
	}
	return true;
}

static void one_access(struct scene *w)
{
	static const u8 sizes[] = { 1, 2, 4, 8 };
	enum model_access what = (enum model_access)(random_u64(w) % 3);
	unsigned size = what == M_FETCH ? 1 : sizes[random_u64(w) % 4];
	bool sys = what != M_FETCH && one_in(w, 4), ok;
	gva_t at = random_linear(w);
	struct rig_access a = { .at = at, .size = size, .val = random_u64(w) };
	u64 val = a.val;
	struct soft_event want;

	w->c->cpl = one_in(w, 2) ? 3 : 0;
	w->c->rflags = one_in(w, 2) ? FL_AC : 0;
	rig_mode(w->cpu);
	ok = expect(w, at, size, what, sys, &val, &want);
	a.way = what == M_FETCH  ? FETCH
		: what == M_READ ? (sys ? SYS_READ : LIN_READ)
				 : (sys ? SYS_WRITE : LIN_WRITE);
	CHECK_EQ(rig_try(w->cpu, &a), ok);
	if (!ok) {
		CHECK_EQ(w->cpu->event.vector, want.vector);
		CHECK_EQ(w->cpu->event.error, want.error);
		CHECK_EQ(w->cpu->event.cr2, want.cr2);
	} else if (what != M_WRITE) {
		CHECK_EQ(a.val, size == 8 || what == M_FETCH ? val : val & ones(size));
	}
	CHECK(!memcmp(w->low->host, w->model->low, LOW_SIZE));
	CHECK(!memcmp(w->high->host, w->model->high, HIGH_SIZE));
	CHECK(!memcmp(w->rom->host, w->model->rom, ROM_SIZE));
	w->faults += !ok;
	w->reserved += !ok && want.error & PF_RSVD;
	w->done += ok;
}

/* Writes may have changed the tables: then nothing is known to be cached that still holds. */
static void many_accesses(enum kind kind)
{
	struct scene w;

	scene_start(&w);
	for (unsigned round = 0; round < 60; round++) {
		random_mode(&w, kind);
		for (unsigned i = 0; i < 150; i++) {
			one_access(&w);
			mmu_flush(w.c, true);
		}
	}
	CHECK(w.done > 500 && w.faults > 1000 && w.reserved > 50);
	scene_stop(&w);
}

static void narrow_paging_is_as_the_model_says(void)
{
	many_accesses(NARROW);
}

static void pae_paging_is_as_the_model_says(void)
{
	many_accesses(PAE);
}

static void four_level_paging_is_as_the_model_says(void)
{
	many_accesses(LONG);
}

int main(void)
{
	RUN(narrow_paging_is_as_the_model_says);
	RUN(pae_paging_is_as_the_model_says);
	RUN(four_level_paging_is_as_the_model_says);
	return 0;
}
