/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/lapic_rig.h: a few local APICs, a clock stepped by hand, and what they asked for. */
#pragma once

#include "cpu/soft/lapic.h"
#include "test.h"

enum { RIG_CPUS = 4, RIG_TSC_MHZ = 2500 };

struct lapic_rig {
	struct machine *m;
	struct apic_bus bus;
	struct lapic l[RIG_CPUS];
	struct rig_cpu {
		struct lapic_rig *rig;
		u32 wakes; /* atomic */
		unsigned alarms;
		u64 alarm_ns;
	} cpu[RIG_CPUS];
	u64 now_ns, tsc_offset;
	unsigned eois;
	u8 eoi;
	int intack; /* what the 8259 answers */
};

static void rig_wake(void *cpu)
{
	struct rig_cpu *c = cpu;

	__atomic_fetch_add(&c->wakes, 1, __ATOMIC_SEQ_CST);
}

static u64 rig_now(void *cpu)
{
	return ((struct rig_cpu *)cpu)->rig->now_ns;
}

static u64 rig_tsc(void *cpu)
{
	struct lapic_rig *r = ((struct rig_cpu *)cpu)->rig;

	return r->now_ns * RIG_TSC_MHZ / 1000 + r->tsc_offset;
}

static void rig_alarm(void *cpu, u64 at_ns)
{
	struct rig_cpu *c = cpu;

	c->alarms++;
	c->alarm_ns = at_ns;
}

static void rig_eoi(void *ioapic, u8 vector)
{
	struct lapic_rig *r = ioapic;

	r->eois++;
	r->eoi = vector;
}

static int rig_intack(void *pic)
{
	return ((struct lapic_rig *)pic)->intack;
}

static const struct lapic_ops rig_ops = { rig_wake, rig_now, rig_tsc, rig_alarm };

/* APIC IDs are the indices. All are as after power-on. */
static inline void lapic_rig_start(struct lapic_rig *r, const struct lapic_ops *ops)
{
	*r = (struct lapic_rig){ .now_ns = 1000, .intack = -1 };
	CHECK_EQ(machine_create(&r->m, clock_create_manual(), NULL), 0);
	r->m->intc.eoi = rig_eoi;
	r->m->intc.ioapic = r;
	r->m->intc.ack = rig_intack;
	r->m->intc.pic = r;
	r->bus = (struct apic_bus){ .machine = r->m,
				    .ops = ops,
				    .tsc_hz = RIG_TSC_MHZ * 1000000ull,
				    .phys_bits = 40,
				    .x2apic = true,
				    .count = RIG_CPUS };
	apic_bus_init(&r->bus);
	for (unsigned i = 0; i < RIG_CPUS; i++) {
		r->cpu[i].rig = r;
		lapic_init(&r->l[i], &r->bus, i, i, &r->cpu[i]);
	}
}

static inline void lapic_rig_stop(struct lapic_rig *r)
{
	apic_bus_finish(&r->bus);
	machine_destroy(r->m);
}

/* ---- what tests say ---- */

enum { ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0 };
enum { LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280 };
enum { CMCI = 0x2f0, ICR = 0x300, ICR2 = 0x310, LVTT = 0x320, THERMAL = 0x330, PMC = 0x340 };
enum { LINT0 = 0x350, LINT1 = 0x360, LVTERR = 0x370, TMICT = 0x380, TMCCT = 0x390, DCR = 0x3e0 };
enum { APIC_BASE = 0x1b, TSC_DEADLINE = 0x6e0, X2 = 0x800 };
#define MASKED 0x10000u
#define PERIODIC 0x20000u
#define DEADLINE 0x40000u
#define SHORT_SELF 0x40000u
#define SHORT_ALL 0x80000u
#define SHORT_OTHERS 0xc0000u
#define ON 0xfee00800ull
#define ON_X2 0xfee00c00ull

static inline u32 get(struct lapic *l, u32 off)
{
	return (u32)lapic_read(l, off, 4);
}

static inline void put(struct lapic *l, u32 off, u32 val)
{
	lapic_write(l, off, 4, val);
}

static inline void start(struct lapic_rig *r)
{
	lapic_rig_start(r, &rig_ops);
	for (unsigned i = 0; i < RIG_CPUS; i++)
		put(&r->l[i], SVR, 0x1ff);
}

static inline void msi(struct lapic_rig *r, u32 addr, u32 data)
{
	lapic_deliver(&r->bus, (struct msi){ 0xfee00000 | addr, data });
}

static inline int serve(struct lapic *l)
{
	int pending = lapic_pending(l);

	CHECK_EQ(lapic_ack(l), pending);
	return pending;
}

/* The CPUs that have something pending, as bits; takes and ends it. */
static inline u32 drain(struct lapic_rig *r, int vector)
{
	u32 who = 0;

	for (unsigned i = 0; i < RIG_CPUS; i++) {
		int got = serve(&r->l[i]);

		if (got < 0)
			continue;
		CHECK_EQ(got, vector);
		CHECK_EQ(lapic_pending(&r->l[i]), -1);
		lapic_eoi(&r->l[i]);
		who |= BIT(i);
	}
	return who;
}

static inline u64 rdmsr(struct lapic *l, u32 msr)
{
	u64 val = 0;

	CHECK_EQ(lapic_rdmsr(l, msr, &val), 0);
	return val;
}

static inline void wrmsr(struct lapic *l, u32 msr, u64 val)
{
	CHECK_EQ(lapic_wrmsr(l, msr, val), 0);
}

static inline void to_x2apic(struct lapic_rig *r)
{
	for (unsigned i = 0; i < RIG_CPUS; i++)
		wrmsr(&r->l[i], APIC_BASE, ON_X2);
}
