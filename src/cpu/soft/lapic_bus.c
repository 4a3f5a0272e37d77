/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/lapic_bus.c: who gets a message, and how it gets into the APIC it is for; any thread.
 * Intel SDM 3A 11.6 (IPIs, destinations), 11.11 (messages), 11.12.10 (x2APIC).
 */
#include "base/alloc.h"
#include "base/log.h"
#include "base/trace.h"
#include "cpu/soft/lapic_priv.h"

LOG_MODULE("lapic");

/* ICR, SDM 3A 11.6.1. */
#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL BIT(15)
enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

void apic_bus_init(struct apic_bus *bus)
{
	bus->lapics = xcalloc(bus->count, sizeof(*bus->lapics));
	bus->turn = 0;
}

void apic_bus_finish(struct apic_bus *bus)
{
	free(bus->lapics);
	bus->lapics = NULL;
}

void lapic_publish(struct lapic *l)
{
	u64 a = 0;

	if (lapic_is_x2apic(l))
		a = ADDRESS_X2APIC | l->reg[APIC_ID];
	else if (lapic_is_enabled(l))
		a = ADDRESS_XAPIC | l->reg[APIC_ID] >> 24 | (u64)(l->reg[APIC_LDR] >> 24) << 32 |
		    (u64)(l->reg[APIC_DFR] >> 28) << 40;
	if (l->reg[APIC_SVR] & SVR_ENABLE)
		a |= ADDRESS_ENABLED;
	__atomic_store_n(&l->address, a, __ATOMIC_RELEASE);
}

/* A new INIT voids an older SIPI; of several SIPIs the first counts, SDM 3A 9.4.4. */
static u32 merge_events(u32 old, u32 more)
{
	if (more & LAPIC_INIT)
		old &= ~(u32)(LAPIC_SIPI | LAPIC_SIPI_VECTOR);
	if (more & old & LAPIC_SIPI)
		more &= ~(u32)(LAPIC_SIPI | LAPIC_SIPI_VECTOR);
	if (more & old & LAPIC_NMI)
		more |= LAPIC_NMI_AGAIN;
	return old | more;
}

void lapic_post(struct lapic *l, u32 event)
{
	u32 old = __atomic_load_n(&l->events, __ATOMIC_RELAXED), now;

	do
		now = merge_events(old, event);
	while (!__atomic_compare_exchange_n(&l->events, &old, now, true, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
	if (now != old)
		l->bus->ops->wake(l->cpu);
}

void lapic_error(struct lapic *l, u32 bit)
{
	/* An interrupt for each new bit only: an illegal vector in LVT_ERROR would never end. */
	if (!(__atomic_fetch_or(&l->errors, bit, __ATOMIC_SEQ_CST) & bit))
		lapic_post(l, EVENT_ERROR);
}

/* TMR first: whoever sees the IRR bit must see its trigger mode. */
static void set_irr(struct lapic *l, u8 vector, bool level)
{
	u32 bit = BIT(vector % 32), *tmr = &l->reg[APIC_TMR + vector / 32];

	if (level)
		__atomic_fetch_or(tmr, bit, __ATOMIC_RELAXED);
	else if (__atomic_load_n(tmr, __ATOMIC_RELAXED) & bit)
		__atomic_fetch_and(tmr, ~bit, __ATOMIC_RELAXED);
	if (!(__atomic_fetch_or(&l->reg[APIC_IRR + vector / 32], bit, __ATOMIC_SEQ_CST) & bit))
		l->bus->ops->wake(l->cpu);
}

void lapic_accept(struct lapic *l, const struct apic_msg *msg)
{
	u64 address = __atomic_load_n(&l->address, __ATOMIC_ACQUIRE);

	if (!(address & (ADDRESS_XAPIC | ADDRESS_X2APIC)))
		return;
	trace(lapic_accept, l->index, msg->mode, msg->vector, msg->level);
	switch ((enum apic_mode)msg->mode) {
	case MODE_FIXED:
	case MODE_LOWEST:
		if (msg->vector < 16)
			lapic_error(l, ESR_RECEIVE_VECTOR);
		else if (address & ADDRESS_ENABLED) /* SDM 3A 11.4.7.2 */
			set_irr(l, msg->vector, msg->level);
		break;
	case MODE_SMI: lapic_post(l, LAPIC_SMI); break;
	case MODE_NMI: lapic_post(l, LAPIC_NMI); break;
	case MODE_INIT: lapic_post(l, LAPIC_INIT); break;
	case MODE_SIPI: lapic_post(l, LAPIC_SIPI | msg->vector); break;
	case MODE_EXTINT: lapic_post(l, EVENT_EXTINT); break;
	case MODE_RESERVED: break;
	}
}

static bool match_logical(u64 address, u32 dest)
{
	u32 id = (u32)address, cluster = id >> 4 << 16, bit = BIT(id % 16);
	u8 ldr = (u8)(address >> 32);

	/* The 16 APICs of a cluster: SDM 3A 11.12.10.2. */
	if (address & ADDRESS_X2APIC)
		return (dest & 0xffff0000) == cluster && (dest & bit);
	if (dest > 0xff)
		return false;
	switch (address >> 40 & 0xf) {
	case 0xf: return ldr & dest;
	case 0: return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	default: return false; /* no model */
	}
}

static bool match(const struct lapic *l, const struct apic_msg *msg)
{
	u64 address = __atomic_load_n(&l->address, __ATOMIC_ACQUIRE);

	if (!(address & (ADDRESS_XAPIC | ADDRESS_X2APIC)))
		return false;
	if (msg->dest == (msg->wide ? ~0u : 0xff))
		return true;
	return msg->logical ? match_logical(address, msg->dest) : (u32)address == msg->dest;
}

/* Lowest priority: by TPR among those that take vectors, equals in turn. SDM 3A 11.6.2.4. */
static void send_lowest(struct apic_bus *bus, const struct apic_msg *msg,
			const struct lapic *except)
{
	u32 first = __atomic_fetch_add(&bus->turn, 1, __ATOMIC_RELAXED), least = ~0u;
	struct lapic *best = NULL;

	for (unsigned i = 0; i < bus->count; i++) {
		struct lapic *l = bus->lapics[(first + i) % bus->count];
		u32 priority;

		if (!l || l == except || !match(l, msg) ||
		    !(__atomic_load_n(&l->address, __ATOMIC_RELAXED) & ADDRESS_ENABLED))
			continue;
		priority = __atomic_load_n(&l->reg[APIC_TPR], __ATOMIC_RELAXED) >> 4;
		if (priority < least) {
			least = priority;
			best = l;
		}
	}
	if (best)
		lapic_accept(best, msg);
}

static void send(struct apic_bus *bus, const struct apic_msg *msg, const struct lapic *except)
{
	struct lapic *l = msg->dest < bus->count ? bus->lapics[msg->dest] : NULL;

	/* Nearly always the ID is the index and one APIC is meant. */
	if (!msg->logical && l && msg->dest != 0xff && !except && match(l, msg)) {
		lapic_accept(l, msg);
		return;
	}
	if (msg->one) {
		send_lowest(bus, msg, except);
		return;
	}
	for (unsigned i = 0; i < bus->count; i++) {
		l = bus->lapics[i];
		if (l && l != except && match(l, msg))
			lapic_accept(l, msg);
	}
}

void lapic_deliver(struct apic_bus *bus, struct msi msi)
{
	struct apic_msg msg = {
		.dest = (u8)(msi.addr >> 12),
		.logical = msi.addr & BIT(2),
		.mode = msi.data >> 8 & 7,
		.vector = (u8)msi.data,
		.level = msi.data & ICR_LEVEL,
	};

	if (msi.addr >> 20 != 0xfee) {
		log_guest("message to %llx is for no APIC", (unsigned long long)msi.addr);
		return;
	}
	/* A de-assertion changes nothing since the Pentium 4; a device cannot send a SIPI. */
	if ((msg.level && !(msi.data & ICR_ASSERT)) || msg.mode == MODE_SIPI)
		return;
	if (msg.mode > MODE_LOWEST)
		msg.level = false;
	msg.one = msg.mode == MODE_LOWEST || (msg.mode == MODE_FIXED && (msi.addr & BIT(3)));
	send(bus, &msg, NULL);
}

/*
 * What ICR says now. Combinations that SDM 3A tables 11-3 and 11-4 call invalid (an NMI to
 * oneself by shorthand) do what they say, as on KVM.
 */
void lapic_send_ipi(struct lapic *l)
{
	u32 icr = l->reg[APIC_ICR];
	bool wide = lapic_is_x2apic(l);
	struct apic_msg msg = {
		.dest = wide ? l->reg[APIC_ICR2] : l->reg[APIC_ICR2] >> 24,
		.wide = wide,
		.logical = icr & ICR_LOGICAL,
		.mode = icr >> 8 & 7,
		.vector = (u8)icr,
	};
	unsigned shorthand = icr >> 18 & 3;

	trace(lapic_icr, l->index, icr, msg.dest);
	if (msg.mode == MODE_EXTINT || msg.mode == MODE_RESERVED) {
		log_guest("vcpu %u sends an IPI of reserved mode %u", l->index, msg.mode);
		return;
	}
	/* INIT level de-assert: not supported since the Pentium 4, table 11-3. */
	if (msg.mode == MODE_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return;
	if (msg.mode <= MODE_LOWEST && msg.vector < 16) {
		lapic_error(l, ESR_SEND_VECTOR);
		return;
	}
	if (shorthand == SHORT_SELF) {
		lapic_accept(l, &msg);
		return;
	}
	if (shorthand != SHORT_NONE)
		msg.dest = wide ? ~0u : 0xff;
	msg.one = msg.mode == MODE_LOWEST;
	send(l->bus, &msg, shorthand == SHORT_OTHERS ? l : NULL);
}
