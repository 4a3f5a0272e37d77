/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/lapic.h: the local APICs of our own CPU: Intel SDM 3A 11, AMD APM 2 16.
 *
 * Who may touch what:
 *  - IRR, TMR, collected errors, the LINT wires and the event word are atomic. Any thread delivers
 *    into them (lapic_deliver, lapic_post, lapic_set_lint0, another vCPU's ICR) without a lock and
 *    then calls ops->wake(). No delivery is lost: what was set stays set until the owner takes
 *    it. Owners that sleep must look once more after they have said so, as for any wake-up.
 *  - Of a lapic's other registers a deliverer reads its TPR and one published word (mode, IDs,
 *    software enable), both atomic. A delivery that races with a change of them meets the old or
 *    the new value, as a message on its way does.
 *  - Everything else belongs to the owner, the vCPU's thread, or to whoever has stopped it.
 *
 * The timer has no host timer of its own and takes no lock. The owner keeps the deadline and looks
 * at it in lapic_pending(); ops->alarm() asks that the owner be made to look at a certain time. It
 * is called only when no earlier alarm is outstanding, so a guest that moves its deadline out
 * again and again (TSC-deadline mode, thousands a second) costs two stores each time, and an early
 * alarm costs one look. Core timers would take the machine lock for each of these.
 */
#pragma once

#include "core/machine.h"

/* What a run loop does for its lapic. @cpu is what lapic_init() was given. */
struct lapic_ops {
	void (*wake)(void *cpu);  /* any thread, any lock held: something may be deliverable now */
	u64 (*now_ns)(void *cpu); /* machine time: the timer's 1 GHz bus clock */
	u64 (*tsc)(void *cpu);    /* the guest's TSC, of the frequency in struct apic_bus */
	/* Owner: at machine time @at_ns have it call lapic_pending(). Replaces the last alarm. */
	void (*alarm)(void *cpu, u64 at_ns);
};

/* All local APICs of a machine. Fill in all but the last three, then apic_bus_init(). */
struct apic_bus {
	struct machine *machine; /* for EOI of levels and for the 8259's acknowledge */
	const struct lapic_ops *ops;
	u64 tsc_hz;
	u8 phys_bits; /* address bits of the CPU: above them IA32_APIC_BASE is reserved */
	bool x2apic;  /* as in CPUID.1:ECX[21] */
	unsigned count;
	struct lapic **lapics; /* by vCPU index; an entry is NULL until lapic_init() */
	u32 turn;              /* atomic; where the search for equal priorities begins */
};

enum { LAPIC_REGS = 64, LAPIC_PAGE = 1024 };

struct lapic_timer {
	bool running;     /* counts towards deadline_ns: not in TSC-deadline mode */
	u64 deadline_ns;  /* machine time */
	u64 tsc_deadline; /* IA32_TSC_DEADLINE; 0: not armed */
	u64 alarm_ns;     /* earliest outstanding ops->alarm(); ~0: none */
};

struct lapic {
	struct apic_bus *bus;
	void *cpu;
	u32 index, apic_id;  /* vCPU number; initial x2APIC ID */
	u64 base;            /* IA32_APIC_BASE */
	u64 address;         /* atomic; what a deliverer must know, see lapic_priv.h */
	u32 reg[LAPIC_REGS]; /* the xAPIC page, a register each 16 bytes; IRR, TMR, TPR: atomic */
	u32 errors;          /* atomic; collected for the next write of ESR */
	u32 events;          /* atomic; enum lapic_event */
	bool lint0;          /* atomic; level of the wire */
	bool extint;         /* an ExtINT message waits for its acknowledge */
	struct lapic_timer timer;
};

/* Events that are no vector, as lapic_events_take() returns them. */
enum lapic_event {
	LAPIC_SIPI_VECTOR = 0xff, /* with LAPIC_SIPI: the start page's number */
	LAPIC_SIPI = BIT(8),      /* came after the INIT beside it */
	LAPIC_INIT = BIT(9),
	LAPIC_SMI = BIT(10),
	LAPIC_NMI = BIT(11),
	LAPIC_NMI_AGAIN = BIT(12), /* a second one came before the first was taken */
	LAPIC_EVENTS = 0x1fff,
};

enum lapic_reset { LAPIC_RESET_POWER_ON, LAPIC_RESET_INIT };

/* Local interrupt sources: the LVT entry's register number. */
enum lapic_lvt {
	LVT_CMCI = 0x2f,
	LVT_TIMER = 0x32,
	LVT_THERMAL = 0x33,
	LVT_PMC = 0x34,
	LVT_LINT0 = 0x35,
	LVT_LINT1 = 0x36,
	LVT_ERROR = 0x37,
};

/* @bus->count lapics at most. */
void apic_bus_init(struct apic_bus *bus);
void apic_bus_finish(struct apic_bus *bus);
/* Number @index of @bus, in power-on state. Index 0 is the BSP. Before other threads run. */
void lapic_init(struct lapic *l, struct apic_bus *bus, unsigned index, u32 apic_id, void *cpu);

/* ---- any thread ---- */

/* A message-signalled interrupt, or what an I/O APIC sends. SDM 3A 11.11; others are ignored. */
void lapic_deliver(struct apic_bus *bus, struct msi msg);
/* LAPIC_NMI, LAPIC_SMI, LAPIC_INIT or LAPIC_SIPI with a vector, as if from a pin of its own. */
void lapic_post(struct lapic *l, u32 event);
void lapic_set_lint0(struct lapic *l, bool level); /* the 8259's INTR */
void lapic_pulse_lint1(struct lapic *l);           /* the board's NMI */

/* ---- the owner ---- */

/* INIT keeps IA32_APIC_BASE and the ID, and events that are not taken yet. */
void lapic_reset(struct lapic *l, enum lapic_reset kind);

/* Look at timer, wires and errors, then: the vector to be delivered if IF allows, or -1. */
int lapic_pending(struct lapic *l);
/* The vector that lapic_pending() told, now in service; -1 if there is none. */
int lapic_ack(struct lapic *l);
/* An EOI of the highest vector in service; of a level, the I/O APIC hears of it. */
void lapic_eoi(struct lapic *l) barred(in_machine);
/* The 8259 interrupts, through LINT0 or an ExtINT message; it goes before lapic_pending(). */
bool lapic_extint(struct lapic *l);
/* Its vector, acknowledged; -1: the request has gone away, nothing is to be delivered. */
int lapic_extint_ack(struct lapic *l) barred(in_machine);
/* Take all events at once; enum lapic_event bits. */
u32 lapic_events_take(struct lapic *l);
/* A local source fires: thermal sensor, performance counter, CMCI. */
void lapic_local(struct lapic *l, enum lapic_lvt lvt);

u8 lapic_get_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, u8 cr8); /* TPR = CR8 * 16 */

/* Whether the register page is at @at: in xAPIC mode only. */
bool lapic_at(const struct lapic *l, gpa_t at);
/* An access of 1, 2, 4 or 8 bytes at offset @off of the page. */
u64 lapic_read(struct lapic *l, u32 off, unsigned size);
void lapic_write(struct lapic *l, u32 off, unsigned size, u64 val) barred(in_machine);
/* IA32_APIC_BASE, IA32_TSC_DEADLINE and 800h-8FFh. 0, or -1 for #GP(0). */
int lapic_rdmsr(struct lapic *l, u32 msr, u64 *out) MUST_CHECK;
int lapic_wrmsr(struct lapic *l, u32 msr, u64 val) barred(in_machine) MUST_CHECK;

/* Machine time at which a halted owner must call lapic_pending(), or ~0. */
u64 lapic_due_ns(struct lapic *l);
/* The guest's TSC was changed, or time was: see to the alarm again. */
void lapic_time_changed(struct lapic *l);

/* ---- with the owner stopped ---- */

/* All state that is not configuration; call lapic_loaded() after a load. */
extern const struct field lapic_fields[];
int lapic_loaded(struct lapic *l, struct error *err) MUST_CHECK;
/*
 * The same as struct cpu_state has it: the page, with the current count in its place and errors
 * collected so far in the unused bytes behind ESR. Events and IA32_TSC_DEADLINE travel separately.
 * Load refuses an impossible @base and drops bits that no register has.
 */
void lapic_save_page(struct lapic *l, u8 page[LAPIC_PAGE]);
int lapic_load_page(struct lapic *l, u64 base, const u8 page[LAPIC_PAGE], struct error *err)
	MUST_CHECK;
u32 lapic_events_peek(struct lapic *l);
