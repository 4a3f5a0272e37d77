/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/lapic_priv.h: what the local APIC's files share; SDM 3A table 11-1 and figures. */
#pragma once

#include "cpu/soft/lapic.h"

/* Register numbers: offset in the xAPIC page / 16, MSR - 800h. */
enum {
	APIC_ID = 0x02,
	APIC_VERSION = 0x03,
	APIC_TPR = 0x08,
	APIC_APR = 0x09,
	APIC_PPR = 0x0a,
	APIC_EOI = 0x0b,
	APIC_RRD = 0x0c,
	APIC_LDR = 0x0d,
	APIC_DFR = 0x0e,
	APIC_SVR = 0x0f,
	APIC_ISR = 0x10,
	APIC_TMR = 0x18,
	APIC_IRR = 0x20,
	APIC_ESR = 0x28,
	APIC_ICR = 0x30,
	APIC_ICR2 = 0x31,
	APIC_TMICT = 0x38,
	APIC_TMCCT = 0x39,
	APIC_DCR = 0x3e,
	APIC_SELF_IPI = 0x3f,
};

enum { MSR_APIC_BASE = 0x1b, MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800 };
#define BASE_BSP BIT64(8)
#define BASE_EXTD BIT64(10)
#define BASE_EN BIT64(11)
#define BASE_MODE (BASE_EN | BASE_EXTD)

/* 7 LVT entries, EOI broadcast can be suppressed, an integrated APIC. SDM 3A 11.4.8. */
#define APIC_VERSION_VALUE (BIT(24) | 6 << 16 | 0x14)

#define SVR_ENABLE BIT(8)
#define SVR_NO_EOI_BROADCAST BIT(12)

#define LVT_REMOTE_IRR BIT(14)
#define LVT_LEVEL BIT(15)
#define LVT_MASKED BIT(16)
#define LVT_TIMER_MODE (3u << 17)
#define LVT_ONE_SHOT 0
#define LVT_PERIODIC (1u << 17)
#define LVT_TSC_DEADLINE (2u << 17)

/* Delivery modes, SDM 3A 11.6.1. */
enum apic_mode {
	MODE_FIXED,
	MODE_LOWEST,
	MODE_SMI,
	MODE_RESERVED,
	MODE_NMI,
	MODE_INIT,
	MODE_SIPI,
	MODE_EXTINT,
};
enum { LINT0_AT_RESET = MODE_EXTINT << 8 }; /* the BSP's; see lapic_reset() */

/* ESR, SDM 3A 11.5.3. */
#define ESR_SEND_VECTOR BIT(5)
#define ESR_RECEIVE_VECTOR BIT(6)
#define ESR_REGISTER BIT(7)
#define ESR_BITS (ESR_SEND_VECTOR | ESR_RECEIVE_VECTOR | ESR_REGISTER)

/* Events that the owner turns into others by itself. */
#define EVENT_LINT0 BIT(16)
#define EVENT_LINT1 BIT(17)
#define EVENT_ERROR BIT(18)
#define EVENT_EXTINT BIT(19)
#define EVENTS_INTERNAL (EVENT_LINT0 | EVENT_LINT1 | EVENT_ERROR | EVENT_EXTINT)

/* struct lapic.address: 31:0 ID, 39:32 xAPIC logical ID, 43:40 DFR model, then: */
#define ADDRESS_XAPIC BIT64(44)
#define ADDRESS_X2APIC BIT64(45)
#define ADDRESS_ENABLED BIT64(46) /* by software: takes vectors */

struct apic_msg {
	u32 dest;
	bool wide;    /* @dest has 32 bits, else 8 */
	bool logical; /* destination mode */
	bool one;     /* the one of lowest priority gets it */
	bool level;
	u8 mode, vector;
};

/* lapic_bus.c */
void lapic_publish(struct lapic *l); /* after a change of base, ID, LDR, DFR or SVR */
void lapic_accept(struct lapic *l, const struct apic_msg *msg);
void lapic_error(struct lapic *l, u32 bit);
void lapic_send_ipi(struct lapic *l); /* what ICR says */

/* lapic_timer.c */
void lapic_timer_run(struct lapic *l); /* fire what is due, renew the alarm */
void lapic_timer_stop(struct lapic *l);
u32 lapic_timer_count(struct lapic *l);
void lapic_timer_set_count(struct lapic *l, u32 initial);
void lapic_timer_set_divide(struct lapic *l, u32 val);
void lapic_timer_set_lvt(struct lapic *l, u32 val);
u64 lapic_timer_get_deadline(struct lapic *l);
void lapic_timer_set_deadline(struct lapic *l, u64 tsc);
void lapic_timer_resume(struct lapic *l, u32 count); /* after a load, from @count */
void lapic_timer_loaded(struct lapic *l);

/* lapic_regs.c */
struct reg_info {
	u8 access;     /* enum reg_access */
	u32 bits;      /* that a guest can set */
	u32 read_only; /* of the others, those that an MSR write may have set */
};
extern const struct reg_info lapic_regs[LAPIC_REGS];
/* Readable and writable: in the xAPIC page, as an x2APIC MSR. */
enum reg_access { REG_R = 1, REG_W = 2, REG_XR = 4, REG_XW = 8, REG_ALL = 15 };
bool lapic_is_lvt(unsigned reg);
u32 lapic_ldr(const struct lapic *l); /* as it is read */

/* lapic.c */
void lapic_sync(struct lapic *l); /* wires, errors and timer: what is due gets into IRR or events */
u8 lapic_ppr(const struct lapic *l);
int lapic_set_base(struct lapic *l, u64 base); /* 0, or -1 for #GP */
bool lapic_base_valid(const struct apic_bus *bus, u64 base);

static inline bool lapic_is_x2apic(const struct lapic *l)
{
	return (l->base & BASE_MODE) == BASE_MODE;
}

static inline bool lapic_is_enabled(const struct lapic *l)
{
	return l->base & BASE_EN;
}
