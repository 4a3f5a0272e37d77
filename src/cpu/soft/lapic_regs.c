/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/lapic_regs.c: the local APIC's registers as a guest reads and writes them, in the xAPIC
 * page or as x2APIC MSRs. Intel SDM 3A tables 11-1 and 11-6, 11.12.1.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "cpu/soft/lapic_priv.h"

LOG_MODULE("lapic");

enum { R = REG_R, W = REG_W, XR = REG_XR, XW = REG_XW, ALL = REG_ALL };

const struct reg_info lapic_regs[LAPIC_REGS] = {
	[APIC_ID] = { R | W | XR, 0xff000000, 0 },
	[APIC_VERSION] = { R | XR, 0, 0 },
	[APIC_TPR] = { ALL, 0xff, 0 },
	[APIC_APR] = { R, 0, 0 },
	[APIC_PPR] = { R | XR, 0, 0 },
	[APIC_EOI] = { R | W | XW, 0, 0 },
	[APIC_RRD] = { R, 0, 0 },
	[APIC_LDR] = { R | W | XR, 0xff000000, 0 },
	[APIC_DFR] = { R | W, 0xf0000000, 0 },
	[APIC_SVR] = { ALL, 0x13ff, 0 },
	[APIC_ISR... APIC_IRR + 7] = { R | XR, 0, 0 },
	[APIC_ESR] = { ALL, 0, 0 },
	[LVT_CMCI] = { ALL, 0x107ff, BIT(12) },
	[APIC_ICR] = { ALL, 0xccfff & ~BIT(12), BIT(12) },
	[APIC_ICR2] = { R | W, 0xff000000, 0 },
	[LVT_TIMER] = { ALL, 0x700ff, BIT(12) },
	[LVT_THERMAL... LVT_PMC] = { ALL, 0x107ff, BIT(12) },
	[LVT_LINT0... LVT_LINT1] = { ALL, 0x1a7ff, BIT(12) | LVT_REMOTE_IRR },
	[LVT_ERROR] = { ALL, 0x100ff, BIT(12) },
	[APIC_TMICT] = { ALL, ~0u, 0 },
	[APIC_TMCCT] = { R | XR, 0, 0 },
	[APIC_DCR] = { ALL, 0xb, 0 },
	[APIC_SELF_IPI] = { XW, 0xff, 0 },
};

bool lapic_is_lvt(unsigned reg)
{
	return reg == LVT_CMCI || (reg >= LVT_TIMER && reg <= LVT_ERROR);
}

/* Of an x2APIC it follows from the ID, SDM 3A 11.12.10.2. */
u32 lapic_ldr(const struct lapic *l)
{
	if (lapic_is_x2apic(l))
		return l->apic_id >> 4 << 16 | BIT(l->apic_id % 16);
	return l->reg[APIC_LDR];
}

static u32 read_reg(struct lapic *l, unsigned reg)
{
	switch (reg) {
	case APIC_PPR: return lapic_ppr(l);
	case APIC_LDR: return lapic_ldr(l);
	case APIC_TMCCT: return lapic_timer_count(l);
	default: lapic_sync(l); return __atomic_load_n(&l->reg[reg], __ATOMIC_ACQUIRE);
	}
}

/* Disabling masks all local interrupts, and they cannot be unmasked before it is undone. */
static void write_svr(struct lapic *l, u32 val)
{
	l->reg[APIC_SVR] = val;
	if (!(val & SVR_ENABLE))
		for (unsigned reg = 0; reg < LAPIC_REGS; reg++)
			if (lapic_is_lvt(reg))
				l->reg[reg] |= LVT_MASKED;
	lapic_publish(l);
}

static void write_lvt(struct lapic *l, unsigned reg, u32 val)
{
	if (!(l->reg[APIC_SVR] & SVR_ENABLE))
		val |= LVT_MASKED;
	if (reg == LVT_TIMER) {
		lapic_timer_set_lvt(l, val);
		return;
	}
	lapic_sync(l); /* what came before is delivered by the old entry */
	l->reg[reg] = val | (val & LVT_LEVEL ? l->reg[reg] & LVT_REMOTE_IRR : 0);
	if (reg == LVT_LINT0 && (val & LVT_LEVEL))
		lapic_local(l, LVT_LINT0);
}

static void write_self_ipi(struct lapic *l, u8 vector)
{
	struct apic_msg msg = { .mode = MODE_FIXED, .vector = vector };

	if (vector < 16)
		lapic_error(l, ESR_SEND_VECTOR);
	else
		lapic_accept(l, &msg);
}

/* @val has only bits that the register has. */
static void write_reg(struct lapic *l, unsigned reg, u32 val) barred(in_machine)
{
	switch (reg) {
	case APIC_TPR: __atomic_store_n(&l->reg[reg], val, __ATOMIC_RELAXED); break;
	case APIC_EOI: lapic_eoi(l); break;
	case APIC_ID:
	case APIC_LDR:
		l->reg[reg] = val;
		lapic_publish(l);
		break;
	case APIC_DFR:
		l->reg[reg] = val | 0x0fffffff;
		lapic_publish(l);
		break;
	case APIC_SVR: write_svr(l, val); break;
	/* Shows what was collected since the last write, SDM 3A 11.5.3. */
	case APIC_ESR: l->reg[reg] = __atomic_exchange_n(&l->errors, 0, __ATOMIC_SEQ_CST); break;
	case APIC_ICR:
		l->reg[reg] = val;
		lapic_send_ipi(l);
		break;
	case APIC_TMICT: lapic_timer_set_count(l, val); break;
	case APIC_DCR: lapic_timer_set_divide(l, val); break;
	case APIC_SELF_IPI: write_self_ipi(l, (u8)val); break;
	default:
		if (lapic_is_lvt(reg))
			write_lvt(l, reg, val);
		else
			l->reg[reg] = val;
		break;
	}
}

/* ---- the page: 32 bits at each 16 bytes; SDM 3A 11.4.1 ---- */

static const struct reg_info *page_reg(struct lapic *l, unsigned reg, u8 access)
{
	const struct reg_info *info = reg < LAPIC_REGS ? &lapic_regs[reg] : NULL;

	if (info && info->access & access)
		return info;
	/* A write of a read-only register is lost; no register at all is an error. */
	if (!info || !(info->access & (R | W))) {
		log_guest("vcpu %u: local APIC has no register %x", l->index, reg << 4);
		lapic_error(l, ESR_REGISTER);
	}
	return NULL;
}

/* Bytes past a register's four are 0, for accesses of a kind the SDM leaves undefined. */
u64 lapic_read(struct lapic *l, u32 off, unsigned size)
{
	unsigned byte = off & 15;
	u64 val;

	if (!page_reg(l, off >> 4, R))
		return 0;
	val = byte < 4 ? (u64)read_reg(l, off >> 4) >> 8 * byte : 0;
	return val & ones(size);
}

void lapic_write(struct lapic *l, u32 off, unsigned size, u64 val)
{
	const struct reg_info *info = page_reg(l, off >> 4, W);

	if (!info || size != 4 || off & 15)
		return;
	write_reg(l, off >> 4, (u32)val & info->bits);
}

/* ---- MSRs ---- */

static u64 read_icr(const struct lapic *l)
{
	return l->reg[APIC_ICR] | (u64)l->reg[APIC_ICR2] << 32;
}

int lapic_rdmsr(struct lapic *l, u32 msr, u64 *out)
{
	u32 reg = msr - MSR_X2APIC;

	if (msr == MSR_APIC_BASE) {
		*out = l->base;
		return 0;
	}
	if (msr == MSR_TSC_DEADLINE) {
		*out = lapic_timer_get_deadline(l);
		return 0;
	}
	if (reg >= LAPIC_REGS || !lapic_is_x2apic(l) || !(lapic_regs[reg].access & XR))
		return -1;
	*out = reg == APIC_ICR ? read_icr(l) : read_reg(l, reg);
	return 0;
}

int lapic_wrmsr(struct lapic *l, u32 msr, u64 val)
{
	u32 reg = msr - MSR_X2APIC;
	const struct reg_info *info;

	if (msr == MSR_APIC_BASE)
		return lapic_set_base(l, val);
	if (msr == MSR_TSC_DEADLINE) {
		lapic_timer_set_deadline(l, val);
		return 0;
	}
	if (reg >= LAPIC_REGS || !lapic_is_x2apic(l) || !(lapic_regs[reg].access & XW))
		return -1;
	info = &lapic_regs[reg];
	if (reg == APIC_ICR) {
		if ((u32)val & ~(info->bits | info->read_only))
			return -1;
		l->reg[APIC_ICR2] = (u32)(val >> 32);
	} else if (val & ~(u64)(info->bits | info->read_only)) {
		return -1; /* SDM 3A 11.12.1.3 */
	}
	write_reg(l, reg, (u32)val & info->bits);
	return 0;
}
