/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/seg_access.c: offsets in segments: limits and rights. SDM 3A 5.3, 5.5; APM 2 4.12. */
#include "cpu/soft/mmu_priv.h"

static _Noreturn void refuse(struct soft_cpu *c, enum insn_seg s)
{
	raise_error(c, s == SEG_SS ? VEC_SS : VEC_GP, 0);
}

static bool within_limit(const struct cpu_seg *g, u64 off, size_t len)
{
	u64 last = off + len - 1;

	if (last < off || last > 0xffffffff)
		return false;
	if (g->attr & SA_CODE || !(g->attr & SA_DOWN))
		return last <= g->limit;
	/* Expand down: what is above the limit. SDM 3A 5.3 */
	return off > g->limit && last <= (g->attr & SA_DB ? 0xffffffff : 0xffff);
}

/* A null selector leaves a segment that is not present. SDM 3A 3.4.2, 5.4.1, table 3-1 */
static bool has_right(const struct cpu_seg *g, bool write)
{
	if (!(g->attr & SA_P))
		return false;
	if (write)
		return (g->attr & (SA_CODE | SA_WRITE)) == SA_WRITE;
	return (g->attr & (SA_CODE | SA_WRITE)) != SA_CODE;
}

gva_t seg_check(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len, bool write)
{
	const struct cpu_seg *g = &c->seg[s];
	gva_t at = c->seg_base[s] + off;

	if (c->mode == CPU_64) {
		u64 last = at + (len ? len - 1 : 0);

		if ((u64)((s64)(at << 16) >> 16) != at || (u64)((s64)(last << 16) >> 16) != last)
			refuse(c, s);
		return at;
	}
	if (c->prot && !has_right(g, write))
		refuse(c, s);
	if (len && !within_limit(g, off, len))
		refuse(c, s);
	return (u32)at;
}

/* In compatibility mode an operand may wrap at 4 GiB, where the tables of IA-32e mode go on. */
static bool wraps(const struct soft_cpu *c, gva_t at, size_t len)
{
	return c->lma && c->mode != CPU_64 && at + len > BIT64(32);
}

u64 seg_read(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size)
{
	gva_t at = seg_check(c, s, off, size, false);
	const struct tlb_entry *e = &c->tlb->at[tlb_index(at)];
	u64 val = 0;

	if (at - e->read <= PAGE - size)
		return host_load((const u8 *)(uintptr_t)(at + e->delta), size);
	if (!wraps(c, at, size))
		return lin_read_slow(c, at, size, s);
	seg_read_bytes(c, s, off, &val, size);
	return val;
}

void seg_write(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size, u64 val)
{
	gva_t at = seg_check(c, s, off, size, true);
	const struct tlb_entry *e = &c->tlb->at[tlb_index(at)];

	if (at - e->write <= PAGE - size)
		host_store((u8 *)(uintptr_t)(at + e->delta), size, val);
	else if (!wraps(c, at, size))
		lin_write_slow(c, at, size, val, s);
	else
		seg_write_bytes(c, s, off, &val, size);
}

/* Bytes of [at, at+len) before the wrap. */
static size_t before_wrap(const struct soft_cpu *c, gva_t at, size_t len)
{
	return wraps(c, at, len) ? (size_t)(BIT64(32) - at) : len;
}

void seg_read_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, void *buf, size_t len)
{
	gva_t at = seg_check(c, s, off, len, false);
	size_t n = before_wrap(c, at, len);

	lin_read_bytes(c, at, buf, n);
	if (n < len)
		lin_read_bytes(c, 0, (u8 *)buf + n, len - n);
}

void seg_write_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, const void *buf, size_t len)
{
	gva_t at = seg_check(c, s, off, len, true);
	size_t n = before_wrap(c, at, len);

	if (n < len) {
		lin_probe_write(c, at, n);
		lin_probe_write(c, 0, len - n);
	}
	lin_write_bytes(c, at, buf, n);
	if (n < len)
		lin_write_bytes(c, 0, (const u8 *)buf + n, len - n);
}

void seg_probe_write(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len)
{
	gva_t at = seg_check(c, s, off, len, true);
	size_t n = before_wrap(c, at, len);

	lin_probe_write(c, at, n);
	if (n < len)
		lin_probe_write(c, 0, len - n);
}
