/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/lapic.c: the local APIC's interrupts as its owner sees them: what is pending, what is in
 * service, local sources, reset. Intel SDM 3A 11.4.7 (states), 11.5 (local interrupts), 11.8
 * (handling). The rules for threads are in cpu/soft/lapic.h.
 */
#include "cpu/soft/lapic.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "cpu/soft/lapic_priv.h"

LOG_MODULE("lapic");

enum { APIC_DEFAULT_BASE = 0xfee00000 };

/* The highest vector of a 256-bit map of eight registers, or -1. */
static int highest(const u32 *map)
{
	for (int w = 7; w >= 0; w--) {
		u32 bits = __atomic_load_n(&map[w], __ATOMIC_RELAXED);

		if (bits)
			return w * 32 + 31 - __builtin_clz(bits);
	}
	return -1;
}

u8 lapic_ppr(const struct lapic *l)
{
	int service = highest(&l->reg[APIC_ISR]);
	u8 tpr = (u8)l->reg[APIC_TPR], class = service < 0 ? 0 : (u8)(service & 0xf0);

	return (tpr & 0xf0) >= class ? tpr : class;
}

/* Pending vectors survive a disabling by software, SDM 3A 11.4.7.2; so its bit is not looked at. */
static int deliverable(const struct lapic *l)
{
	int vector = highest(&l->reg[APIC_IRR]);

	if (vector < 0 || !lapic_is_enabled(l) || vector >> 4 <= lapic_ppr(l) >> 4)
		return -1;
	return vector;
}

static void lint0_rises(struct lapic *l)
{
	u32 lvt = l->reg[LVT_LINT0];

	if (lapic_is_enabled(l) && (lvt >> 8 & 7) != MODE_EXTINT)
		lapic_local(l, LVT_LINT0);
}

static void take_internal(struct lapic *l)
{
	u32 events = __atomic_fetch_and(&l->events, ~EVENTS_INTERNAL, __ATOMIC_SEQ_CST);

	if (events & EVENT_EXTINT)
		l->extint = true;
	if (events & EVENT_LINT0)
		lint0_rises(l);
	/* Without the APIC the pins are the processor's INTR and NMI, SDM 3A 11.4.3. */
	if (events & EVENT_LINT1 && !lapic_is_enabled(l))
		lapic_post(l, LAPIC_NMI);
	else if (events & EVENT_LINT1)
		lapic_local(l, LVT_LINT1);
	if (events & EVENT_ERROR)
		lapic_local(l, LVT_ERROR);
}

static void serve_events(struct lapic *l)
{
	if (__atomic_load_n(&l->events, __ATOMIC_RELAXED) & EVENTS_INTERNAL)
		take_internal(l);
}

void lapic_sync(struct lapic *l)
{
	serve_events(l);
	lapic_timer_run(l);
}

int lapic_pending(struct lapic *l)
{
	lapic_sync(l);
	return deliverable(l);
}

int lapic_ack(struct lapic *l)
{
	int vector = deliverable(l);

	if (vector < 0)
		return -1;
	__atomic_fetch_and(&l->reg[APIC_IRR + vector / 32], ~BIT(vector % 32), __ATOMIC_SEQ_CST);
	l->reg[APIC_ISR + vector / 32] |= BIT(vector % 32);
	return vector;
}

/* A level-triggered LINT0 fires until its wire falls; remote IRR says it waits for its EOI. */
static void raise_level(struct lapic *l, u32 lvt)
{
	struct apic_msg msg = { .mode = MODE_FIXED, .vector = (u8)lvt, .level = true };

	if ((lvt & LVT_REMOTE_IRR) || !__atomic_load_n(&l->lint0, __ATOMIC_ACQUIRE))
		return;
	l->reg[LVT_LINT0] |= LVT_REMOTE_IRR;
	lapic_accept(l, &msg);
}

void lapic_eoi(struct lapic *l)
{
	int vector = highest(&l->reg[APIC_ISR]);
	struct machine *m = l->bus->machine;
	u32 bit, lvt = l->reg[LVT_LINT0];

	if (vector < 0)
		return;
	bit = BIT(vector % 32);
	l->reg[APIC_ISR + vector / 32] &= ~bit;
	if (!(__atomic_load_n(&l->reg[APIC_TMR + vector / 32], __ATOMIC_RELAXED) & bit))
		return;
	if ((lvt & LVT_REMOTE_IRR) && (u8)lvt == vector) {
		l->reg[LVT_LINT0] &= ~LVT_REMOTE_IRR;
		lapic_local(l, LVT_LINT0);
	}
	if (l->reg[APIC_SVR] & SVR_NO_EOI_BROADCAST)
		return;
	machine_lock(m);
	machine_eoi(m, (u8)vector);
	machine_unlock(m);
}

void lapic_local(struct lapic *l, enum lapic_lvt which)
{
	u32 lvt = l->reg[which];
	struct apic_msg msg = { .mode = lvt >> 8 & 7, .vector = (u8)lvt };

	if ((lvt & LVT_MASKED) || !lapic_is_enabled(l))
		return;
	if (which == LVT_LINT0 && (lvt & LVT_LEVEL) && msg.mode == MODE_FIXED)
		raise_level(l, lvt);
	else if (msg.mode != MODE_LOWEST && msg.mode != MODE_SIPI && msg.mode != MODE_EXTINT)
		lapic_accept(l, &msg);
}

void lapic_set_lint0(struct lapic *l, bool level)
{
	if (__atomic_exchange_n(&l->lint0, level, __ATOMIC_SEQ_CST) != level && level)
		lapic_post(l, EVENT_LINT0);
}

void lapic_pulse_lint1(struct lapic *l)
{
	lapic_post(l, EVENT_LINT1);
}

bool lapic_extint(struct lapic *l)
{
	u32 lvt = l->reg[LVT_LINT0];

	serve_events(l); /* the timer cannot send it */
	if (l->extint)
		return true;
	if (!__atomic_load_n(&l->lint0, __ATOMIC_ACQUIRE))
		return false;
	return !lapic_is_enabled(l) || (!(lvt & LVT_MASKED) && (lvt >> 8 & 7) == MODE_EXTINT);
}

int lapic_extint_ack(struct lapic *l)
{
	struct machine *m = l->bus->machine;
	int vector;

	l->extint = false;
	machine_lock(m);
	vector = machine_intack(m);
	machine_unlock(m);
	return vector;
}

u32 lapic_events_take(struct lapic *l)
{
	lapic_sync(l);
	if (!lapic_events_peek(l))
		return 0;
	/* What became internal work meanwhile stays for the next time: its poster wakes us. */
	return __atomic_fetch_and(&l->events, EVENTS_INTERNAL, __ATOMIC_SEQ_CST) & LAPIC_EVENTS;
}

u32 lapic_events_peek(struct lapic *l)
{
	return __atomic_load_n(&l->events, __ATOMIC_ACQUIRE) & LAPIC_EVENTS;
}

u8 lapic_get_cr8(const struct lapic *l)
{
	return (u8)(l->reg[APIC_TPR] >> 4);
}

void lapic_set_cr8(struct lapic *l, u8 cr8)
{
	__atomic_store_n(&l->reg[APIC_TPR], (u32)(cr8 & 0xf) << 4, __ATOMIC_RELAXED);
}

/* Atomic stores: a deliverer may be looking at IRR, TMR or TPR. SDM 3A 11.4.7.1. */
static void reset_registers(struct lapic *l)
{
	static const u8 lvts[] = { LVT_CMCI,  LVT_TIMER, LVT_THERMAL, LVT_PMC,
				   LVT_LINT0, LVT_LINT1, LVT_ERROR };

	for (unsigned r = APIC_VERSION; r < LAPIC_REGS; r++)
		__atomic_store_n(&l->reg[r], 0, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ARRAY_LEN(lvts); i++)
		l->reg[lvts[i]] = LVT_MASKED;
	l->reg[APIC_DFR] = ~0u;
	l->reg[APIC_SVR] = 0xff;
	l->reg[APIC_VERSION] = APIC_VERSION_VALUE;
	__atomic_store_n(&l->errors, 0, __ATOMIC_RELAXED);
	l->extint = false;
	__atomic_fetch_and(&l->events, ~EVENTS_INTERNAL, __ATOMIC_RELAXED);
	lapic_timer_stop(l);
}

void lapic_reset(struct lapic *l, enum lapic_reset kind)
{
	reset_registers(l);
	/*
	 * SDM 3A 11.4.7.1 masks it until firmware sets up virtual wire mode. KVM and QEMU begin so:
	 * images that are started without firmware (Multiboot) count on the 8259 reaching vCPU 0.
	 */
	if (l->index == 0)
		l->reg[LVT_LINT0] = LINT0_AT_RESET;
	if (kind == LAPIC_RESET_POWER_ON) {
		l->base = APIC_DEFAULT_BASE | BASE_EN | (l->index == 0 ? BASE_BSP : 0);
		l->reg[APIC_ID] = l->apic_id << 24;
		__atomic_store_n(&l->events, 0, __ATOMIC_RELAXED);
	}
	lapic_publish(l);
}

void lapic_init(struct lapic *l, struct apic_bus *bus, unsigned index, u32 apic_id, void *cpu)
{
	assert(index < bus->count);
	memset(l, 0, sizeof(*l));
	l->bus = bus;
	l->cpu = cpu;
	l->index = index;
	l->apic_id = apic_id;
	l->timer.alarm_ns = ~0ull;
	lapic_reset(l, LAPIC_RESET_POWER_ON);
	bus->lapics[index] = l;
}

/* ---- IA32_APIC_BASE, SDM 3A 11.4.4 and 11.12.5 ---- */

bool lapic_base_valid(const struct apic_bus *bus, u64 base)
{
	u64 reserved = 0x2ff | ~0ull << bus->phys_bits;

	if (!bus->x2apic)
		reserved |= BASE_EXTD;
	return !(base & reserved) && (base & BASE_MODE) != BASE_EXTD;
}

bool lapic_at(const struct lapic *l, gpa_t at)
{
	return (l->base & BASE_MODE) == BASE_EN && ALIGN_DOWN(at ^ l->base, 4096) == 0;
}

int lapic_set_base(struct lapic *l, u64 base)
{
	u64 from = l->base & BASE_MODE, to = base & BASE_MODE;

	if (!lapic_base_valid(l->bus, base))
		return -1;
	if ((from == BASE_MODE && to == BASE_EN) || (!from && to == BASE_MODE))
		return -1;
	/* Which processor is the BSP has been decided: the bit stays. */
	l->base = (base & ~BASE_BSP) | (l->base & BASE_BSP);
	if (to == from)
		return 0;
	if (to == BASE_MODE) {
		l->reg[APIC_ID] = l->apic_id;
		l->reg[APIC_ICR2] = 0;
	} else {
		/* Off, or on again: as after a reset, SDM 3A 11.4.3. */
		reset_registers(l);
		l->reg[APIC_ID] = l->apic_id << 24;
		log_debug("vcpu %u: local APIC %s", l->index, to ? "enabled" : "disabled");
	}
	lapic_publish(l);
	return 0;
}
