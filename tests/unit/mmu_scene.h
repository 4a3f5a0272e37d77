/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/mmu_scene.h: a vCPU whose memory is all page tables, and the model's copy of it; one
 * access, and what the model says to it.
 */
#pragma once

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
	gva_t pool[16];
	unsigned faults, reserved, done;
};

static inline u64 random_u64(struct scene *w)
{
	return rig_random(&w->seed);
}

static inline bool one_in(struct scene *w, unsigned n)
{
	return random_u64(w) % n == 0;
}

static inline u64 device_read(void *dev, u64 off, unsigned size)
{
	u64 val = 0;

	for (unsigned i = 0; i < size; i++)
		val |= (u64)device_byte(off + i) << 8 * i;
	return val;
}

static inline void device_write(void *dev, u64 off, unsigned size, u64 val)
{
}

static const struct io_ops device_ops = { .read = device_read, .write = device_write };

static inline void scene_start(struct scene *w)
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

static inline void scene_stop(struct scene *w)
{
	mmu_rig_stop(&w->rig);
	free(w->model);
}

/* A physical address, mostly of RAM. */
static inline gpa_t random_phys(struct scene *w)
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
static inline u64 random_entry(struct scene *w, bool wide, unsigned oddness)
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

/* All memory is tables; each @distinct bytes of it are the same again. */
static inline void random_memory(struct scene *w, unsigned distinct)
{
	bool wide = w->c->cr4 & CR4_PAE;
	unsigned size = wide ? 8 : 4, oddness = 3 + (unsigned)random_u64(w) % 60;
	struct model *m = w->model;

	for (unsigned i = 0; i < distinct; i += size)
		put_le(m->low + i, size, random_entry(w, wide, oddness));
	for (unsigned i = distinct; i < LOW_SIZE; i += PAGE)
		memcpy(m->low + i, m->low + i % distinct, PAGE);
	memcpy(m->rom, m->low + PAGE, ROM_SIZE);
	memcpy(m->high, m->low + ROM_SIZE, HIGH_SIZE);
	memcpy(w->low->host, m->low, LOW_SIZE);
	memcpy(w->rom->host, m->rom, ROM_SIZE);
	memcpy(w->high->host, m->high, HIGH_SIZE);
}

static inline bool canonical(const struct soft_cpu *c, gva_t at)
{
	return !c->lma || at >> 47 == 0 || at >> 47 == 0x1ffff;
}

/* What must come of it: false and @event, or true and the value. */
static inline bool expect(struct scene *w, gva_t at, unsigned size, enum model_access what,
			  bool sys, u64 *val, struct soft_event *event)
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

/* One access, which must do what the model says, to all memory: true if it does not fault. */
static inline bool scene_access(struct scene *w, gva_t at, unsigned size, enum model_access what,
				bool sys, u64 val)
{
	struct rig_access a = { .at = at, .size = size, .val = val };
	struct soft_event want;
	bool ok = expect(w, at, size, what, sys, &val, &want);

	if (what == M_WRITE)
		a.way = sys ? SYS_WRITE : LIN_WRITE;
	else
		a.way = what == M_FETCH ? FETCH : sys ? SYS_READ : LIN_READ;
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
	return ok;
}
