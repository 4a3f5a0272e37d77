/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/debug.c: debug registers and what matches them. Intel SDM 3B 17.2.
 *
 * DR7 has for breakpoint n: L and G in bits 2n and 2n+1, R/W in 16+4n, LEN in 18+4n.
 */
#include "cpu/soft/system_priv.h"

enum { BREAK_CODE, BREAK_WRITE, BREAK_IO, BREAK_DATA };
enum { BREAKPOINTS = 4 };

static bool enabled(u64 dr7, unsigned n)
{
	return dr7 >> 2 * n & 3;
}

static unsigned kind_of(u64 dr7, unsigned n)
{
	return dr7 >> (16 + 4 * n) & 3;
}

static u64 length_of(u64 dr7, unsigned n)
{
	static const u8 length[4] = { 1, 2, 8, 4 };

	return length[dr7 >> (18 + 4 * n) & 3];
}

static bool watches_data(u64 dr7)
{
	bool found = false;

	for (unsigned n = 0; n < BREAKPOINTS; n++)
		found = found || (enabled(dr7, n) && kind_of(dr7, n) & 1);
	return found;
}

/* Whether breakpoint @n, aligned to its length as the low address bits do not count, is there. */
static bool covers(const struct soft_cpu *c, unsigned n, u64 at, u64 size)
{
	u64 len = length_of(c->dr[7], n), first = c->dr[n] & ~(len - 1);

	return at <= first ? first - at < size : at - first < len;
}

u64 debug_exec_match(const struct soft_cpu *c, gva_t rip)
{
	u64 hits = 0;

	for (unsigned n = 0; n < BREAKPOINTS; n++)
		if (enabled(c->dr[7], n) && kind_of(c->dr[7], n) == BREAK_CODE && c->dr[n] == rip)
			hits |= BIT(n);
	return hits;
}

u64 debug_data_match(const struct soft_cpu *c, gva_t at, unsigned size, bool write)
{
	u64 hits = 0;

	for (unsigned n = 0; n < BREAKPOINTS; n++) {
		unsigned kind = kind_of(c->dr[7], n);

		if (enabled(c->dr[7], n) && covers(c, n, at, size) &&
		    (kind == BREAK_DATA || (kind == BREAK_WRITE && write)))
			hits |= BIT(n);
	}
	return hits;
}

u64 debug_io_match(const struct soft_cpu *c, u16 port, unsigned size)
{
	u64 hits = 0;

	if (!(c->cr4 & CR4_DE))
		return 0;
	for (unsigned n = 0; n < BREAKPOINTS; n++)
		if (enabled(c->dr[7], n) && kind_of(c->dr[7], n) == BREAK_IO &&
		    covers(c, n, port, size))
			hits |= BIT(n);
	return hits;
}

bool debug_page_watched(const struct soft_cpu *c, gva_t page)
{
	return watches_data(c->dr[7]) &&
	       debug_data_match(c, ALIGN_DOWN(page, (gva_t)PAGE), PAGE, true);
}

void debug_changed(struct soft_cpu *c)
{
	if (watches_data(c->dr[7]))
		mmu_flush(c, true);
	if (c->dr[7] & 0xff)
		cpu_attend(c, ATT_STEP);
}

static void write_dr(struct soft_cpu *c, unsigned reg, u64 val)
{
	/* Bits 63:32 of DR6 and DR7 must be 0. SDM 2B MOV DRn */
	if (reg >= 6 && val >> 32)
		raise_gp(c);
	if (reg == 6)
		val = (val & DR6_BITS) | DR6_ONES;
	if (reg == 7)
		val = (val & DR7_BITS) | DR7_ONES;
	if (reg == 6 || c->dr[reg] == val) {
		c->dr[reg] = val;
		return;
	}
	/* Pages that are no longer watched may be used directly again. */
	if (watches_data(c->dr[7]))
		mmu_flush(c, true);
	c->dr[reg] = val;
	debug_changed(c);
}

void exec_mov_dr(struct soft_cpu *c, const struct insn *i)
{
	bool to = i->operand[0].kind == OPERAND_DR;
	unsigned reg = i->operand[to ? 0 : 1].reg;

	if (reg == 4 || reg == 5) {
		if (c->cr4 & CR4_DE)
			raise_ud(c);
		reg += 2;
	}
	/* #UD for a register that is not there goes before the privilege, #DB after it. */
	if (c->cpl)
		raise_gp(c);
	if (c->dr[7] & DR7_GD)
		raise_event(c, &(struct soft_event){
				       .vector = VEC_DB, .kind = EV_EXCEPTION, .dr6 = DR6_BD });
	if (to)
		write_dr(c, reg, opnd_get(c, i, 1));
	else
		opnd_set(c, i, 0, c->dr[reg]);
}
