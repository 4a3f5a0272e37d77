/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/mmu_rig.h: vCPUs of our own CPU that have memory and nothing else, and what the memory
 * part calls of the others. Faults come back to rig_try().
 */
#pragma once

#include <setjmp.h>

#include "cpu/soft/mmu_priv.h"
#include "test.h"

enum { MMU_CPUS = 2 };

struct rig_cpu {
	struct soft_cpu c;
	struct mmu_rig *rig;
	jmp_buf fault;
	struct soft_event event; /* the last one */
	gva_t watched;           /* page of a data breakpoint, where DR7 is not 0 */
	unsigned parks, exclusives;
};

struct mmu_rig {
	struct machine *m;
	struct soft soft;
	struct lapic_ops lapic_ops;
	struct rig_cpu cpu[MMU_CPUS];
};

static struct rig_cpu *rig_cpu_of(const struct soft_cpu *c)
{
	return container_of((struct soft_cpu *)(uintptr_t)c, struct rig_cpu, c);
}

_Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e)
{
	rig_cpu_of(c)->event = *e;
	longjmp(rig_cpu_of(c)->fault, 1);
}

_Noreturn void raise_error(struct soft_cpu *c, enum vector v, u32 error)
{
	raise_event(c, &(struct soft_event){ .vector = (u8)v, .has_error = true, .error = error });
}

_Noreturn void raise_pf(struct soft_cpu *c, gva_t at, u32 error)
{
	raise_event(c, &(struct soft_event){
			       .vector = VEC_PF, .has_error = true, .error = error, .cr2 = at });
}

void cpu_attend(struct soft_cpu *c, u32 bits)
{
	__atomic_fetch_or(&c->attention, bits, __ATOMIC_SEQ_CST);
}

void exclusive_begin(struct soft_cpu *c)
{
	rig_cpu_of(c)->exclusives++;
}

void exclusive_end(struct soft_cpu *c)
{
}

void fpu_park(struct soft_cpu *c)
{
	rig_cpu_of(c)->parks++;
}

bool debug_page_watched(const struct soft_cpu *c, gva_t page)
{
	return page == rig_cpu_of(c)->watched;
}

u64 debug_data_match(const struct soft_cpu *c, gva_t at, unsigned size, bool write)
{
	return write && at <= rig_cpu_of(c)->watched && at + size > rig_cpu_of(c)->watched;
}

/* Whose thread this is. */
static _Thread_local struct soft_cpu *rig_current;

struct soft_cpu *soft_current(void)
{
	return rig_current;
}

static void rig_nothing(void *cpu)
{
}

/* @cpu's registers were changed. What of cpu_mode_changed() (mode.c) memory wants. */
static inline void rig_mode(struct rig_cpu *cpu)
{
	struct soft_cpu *c = &cpu->c;

	c->lma = (c->efer & EFER_LMA) != 0;
	c->prot = c->cr0 & CR0_PE;
	c->mode = c->lma ? CPU_64 : CPU_32;
	mmu_view(c);
}

/* Two vCPUs and a machine without memory yet. */
static inline void mmu_rig_start(struct mmu_rig *r)
{
	memset(r, 0, sizeof(*r));
	CHECK_EQ(machine_create(&r->m, clock_create_manual(), NULL), 0);
	r->soft.base.machine = r->m;
	r->soft.phys_bits = 40;
	r->soft.count = MMU_CPUS;
	r->lapic_ops.wake = rig_nothing;
	r->soft.apics.machine = r->m;
	r->soft.apics.ops = &r->lapic_ops;
	r->soft.apics.phys_bits = 40;
	r->soft.apics.count = MMU_CPUS;
	apic_bus_init(&r->soft.apics);
	CHECK_EQ(mmu_listen(&r->soft, NULL), 0);
	for (unsigned i = 0; i < MMU_CPUS; i++) {
		struct rig_cpu *cpu = &r->cpu[i];

		cpu->rig = r;
		cpu->c.soft = &r->soft;
		cpu->c.cr0 = CR0_PE | CR0_PG | CR0_WP;
		cpu->watched = ~0ull;
		lapic_init(&cpu->c.lapic, &r->soft.apics, i, i, cpu);
		CHECK_EQ(mmu_create(&cpu->c), 0);
		r->soft.cpu[i] = &cpu->c;
	}
}

static inline void mmu_rig_stop(struct mmu_rig *r)
{
	for (unsigned i = 0; i < MMU_CPUS; i++)
		mmu_destroy(&r->cpu[i].c);
	mmu_unlisten(&r->soft);
	apic_bus_finish(&r->soft.apics);
	machine_destroy(r->m);
}

static inline struct region *rig_add(struct mmu_rig *r, enum region_kind kind, gpa_t base, u64 size)
{
	struct region *region;

	CHECK_EQ(mem_add(&region, r->m->mem, "test", kind, base, size, 0, IN_ALL, NULL), 0);
	return region;
}

/* Numbers that are the same in each run. */
static inline u64 rig_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dull;
}
