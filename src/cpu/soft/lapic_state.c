/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/lapic_state.c: a local APIC saved and loaded, by field table and as the xAPIC page. */
#include <errno.h>

#include "base/bytes.h"
#include "cpu/soft/lapic_priv.h"

/* In the page: four unused bytes behind ESR. */
enum { PAGE_ERRORS = APIC_ESR * 16 + 4 };

static const struct field timer_fields[] = {
	FIELD(struct lapic_timer, running),
	FIELD(struct lapic_timer, deadline_ns),
	FIELD(struct lapic_timer, tsc_deadline),
	FIELD_END,
};

const struct field lapic_fields[] = {
	FIELD(struct lapic, base),
	FIELD_ARRAY(struct lapic, reg),
	FIELD(struct lapic, errors),
	FIELD(struct lapic, events),
	FIELD(struct lapic, lint0),
	FIELD(struct lapic, extint),
	FIELD_SUB(struct lapic, timer, timer_fields),
	FIELD_END,
};

/* What register @reg may hold of @val. */
static u32 clean(const struct lapic *l, unsigned reg, u32 val)
{
	switch (reg) {
	case APIC_ID: return lapic_is_x2apic(l) ? l->apic_id : val & lapic_regs[reg].bits;
	case APIC_VERSION: return l->reg[reg];
	case APIC_DFR: return val | 0x0fffffff;
	case APIC_ISR:
	case APIC_IRR: return val & 0xffff0000; /* no vector below 16 gets there */
	case APIC_ISR + 1 ... APIC_IRR - 1:
	case APIC_IRR + 1 ... APIC_IRR + 7: return val;
	case APIC_ESR: return val & ESR_BITS;
	case APIC_ICR2: return lapic_is_x2apic(l) ? val : val & lapic_regs[reg].bits;
	case LVT_LINT0: return val & (lapic_regs[reg].bits | LVT_REMOTE_IRR);
	case APIC_SELF_IPI: return 0;
	default: return val & lapic_regs[reg].bits;
	}
}

static void clean_all(struct lapic *l)
{
	for (unsigned reg = 0; reg < LAPIC_REGS; reg++) {
		l->reg[reg] = clean(l, reg, l->reg[reg]);
		/* As after a reset: lapic_reset(). */
		if (reg == LVT_LINT0 && l->reg[reg] == LINT0_AT_RESET && l->index == 0)
			continue;
		if (lapic_is_lvt(reg) && !(l->reg[APIC_SVR] & SVR_ENABLE))
			l->reg[reg] |= LVT_MASKED;
	}
	l->errors &= ESR_BITS;
	lapic_publish(l);
}

static u32 clean_events(u32 events)
{
	if (!(events & LAPIC_SIPI))
		events &= ~(u32)LAPIC_SIPI_VECTOR;
	if (!(events & LAPIC_NMI))
		events &= ~(u32)LAPIC_NMI_AGAIN;
	return events & (LAPIC_EVENTS | EVENTS_INTERNAL);
}

static int check_base(const struct lapic *l, u64 base, struct error *err)
{
	if (lapic_base_valid(l->bus, base))
		return 0;
	return error_set(err, -EINVAL, "the saved vCPU %u has an impossible IA32_APIC_BASE %llx",
			 l->index, (unsigned long long)base);
}

int lapic_loaded(struct lapic *l, struct error *err)
{
	int rc = check_base(l, l->base, err);

	if (rc < 0) {
		lapic_reset(l, LAPIC_RESET_POWER_ON);
		return rc;
	}
	l->reg[APIC_VERSION] = APIC_VERSION_VALUE;
	l->events = clean_events(l->events);
	clean_all(l);
	lapic_timer_loaded(l);
	return 0;
}

void lapic_save_page(struct lapic *l, u8 page[LAPIC_PAGE])
{
	lapic_sync(l);
	for (unsigned reg = 0; reg < LAPIC_REGS; reg++) {
		u8 *at = page + reg * 16;

		put_le64(at, l->reg[reg]);
		put_le64(at + 8, 0);
	}
	put_le32(page + APIC_PPR * 16, lapic_ppr(l));
	put_le32(page + APIC_LDR * 16, lapic_ldr(l));
	put_le32(page + APIC_TMCCT * 16, lapic_timer_count(l));
	put_le32(page + PAGE_ERRORS, l->errors);
}

int lapic_load_page(struct lapic *l, u64 base, const u8 page[LAPIC_PAGE], struct error *err)
{
	int rc = check_base(l, base, err);

	if (rc < 0)
		return rc;
	l->base = base;
	for (unsigned reg = 0; reg < LAPIC_REGS; reg++)
		if (reg != APIC_VERSION)
			l->reg[reg] = le32_at(page + reg * 16);
	l->errors = le32_at(page + PAGE_ERRORS);
	clean_all(l);
	lapic_timer_resume(l, le32_at(page + APIC_TMCCT * 16));
	return 0;
}
