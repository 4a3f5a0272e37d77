/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames on stacks that now are, or will be: all of one is checked before any is written. */
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/far_priv.h"

static u64 size_mask(unsigned size)
{
	return size == 8 ? ~0ull : BIT64(size * 8) - 1;
}

void stack_current(const struct soft_cpu *c, struct stack *out)
{
	*out = (struct stack){
		.seg = c->seg[SEG_SS],
		.sp = c->gpr[R_SP],
		.mask = size_mask(c->stack_size),
		.flat = c->mode == CPU_64,
	};
}

u64 stack_advance(const struct soft_cpu *c, u64 sp, s64 by)
{
	u64 mask = size_mask(c->stack_size);

	return (sp & ~mask) | ((sp + (u64)by) & mask);
}

/* Offsets from @low to @low + @len - 1 of @s. SDM 3A 5.3 */
static bool within_limit(const struct cpu_seg *s, u64 low, u64 len)
{
	u64 high = low + len - 1;

	if (!(s->attr & SA_DOWN))
		return high <= s->limit;
	return low > s->limit && high <= (s->attr & SA_DB ? 0xffffffff : 0xffff);
}

/* The linear address of @len bytes at @off, checked against the segment. */
static gva_t place(struct soft_cpu *c, const struct stack *st, u64 off, u64 len)
{
	if (st->flat ? !is_canonical(off) || !is_canonical(off + len - 1)
		     : !within_limit(&st->seg, off, len))
		raise_sel(c, VEC_SS, st->error);
	return st->flat ? off : (u32)(st->seg.base + off);
}

static void probe(struct soft_cpu *c, const struct stack *st, gva_t at, u64 len)
{
	if (st->inner)
		sys_probe_write(c, at, len);
	else
		lin_probe_write(c, at, len);
}

static bool wraps(const struct stack *st, u64 len)
{
	return (st->sp & st->mask) < len && !st->flat;
}

/*
 * The limit is checked for all slots at once; pages are met in the order of the pushes, which CR2
 * tells. Around the end of a 16-bit or 32-bit stack slots lie apart.
 */
void stack_probe(struct soft_cpu *c, const struct stack *st, unsigned n, unsigned size)
{
	u64 len = (u64)n * size, low = (st->sp & st->mask) - len;
	gva_t at;

	if (!wraps(st, len)) {
		at = place(c, st, low, len);
		probe(c, st, at + len - size, size);
		if (at % PAGE + len <= PAGE)
			return;
	}
	for (unsigned i = 1; i <= n; i++) {
		u64 off = (st->sp - (u64)i * size) & st->mask;

		probe(c, st, place(c, st, off, size), size);
	}
}

static void write_slot(struct soft_cpu *c, const struct stack *st, u64 off, unsigned size, u64 val)
{
	gva_t at = place(c, st, off, size);

	if (st->inner)
		sys_write(c, at, size, val);
	else
		lin_write(c, at, size, val);
}

static void store(u8 *p, unsigned size, u64 val)
{
	u8 bytes[8];

	put_le64(bytes, val);
	memcpy(p, bytes, size);
}

void stack_write(struct soft_cpu *c, struct stack *st, const u64 *val, unsigned n, unsigned size)
{
	u64 len = (u64)n * size, low = (st->sp - len) & st->mask;
	u8 buf[FRAME_MAX * 8];

	if (wraps(st, len)) {
		for (unsigned i = 0; i < n; i++)
			write_slot(c, st, (st->sp - (i + 1ull) * size) & st->mask, size, val[i]);
	} else {
		gva_t at = place(c, st, low, len);

		for (unsigned i = 0; i < n; i++)
			store(buf + (size_t)(n - 1 - i) * size, size, val[i]);
		if (st->inner)
			sys_write_bytes(c, at, buf, len);
		else
			lin_write_bytes(c, at, buf, len);
	}
	st->sp = (st->sp & ~st->mask) | low;
}

u64 frame_peek(struct soft_cpu *c, unsigned n, unsigned size, u64 skip)
{
	u64 off = (c->gpr[R_SP] + (u64)n * size + skip) & size_mask(c->stack_size);

	return seg_read(c, SEG_SS, off, size);
}

/* ---- stacks of the task state. SDM 3A 7.2.1, 7.7 ---- */

u64 tss_rsp(struct soft_cpu *c, unsigned n)
{
	u32 off = 4 + 8 * n;
	u64 sp;

	/* Behind RSP2 there are 8 reserved bytes, then IST1. */
	if (n > 3)
		off = 0x24 + 8 * (n - 4);
	if (off + 7 > c->tr.limit)
		raise_sel(c, VEC_TS, c->tr.sel);
	sp = sys_read(c, c->tr.base + off, 8);
	/* Not only where it is written: the top itself counts. SDM 3A 6.14.4 */
	if (!is_canonical(sp))
		raise_error(c, VEC_SS, 0);
	return sp;
}

/* SS and SP of privilege @cpl from a 16-bit or 32-bit task state. */
static u16 tss_ss(struct soft_cpu *c, unsigned cpl, u64 *sp)
{
	bool wide = (c->tr.attr & SYS_MASK & ~SYS_BUSY) == SYS_TSS32;
	u32 off = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
	unsigned size = wide ? 4 : 2;

	if (off + size + 1 > c->tr.limit)
		raise_sel(c, VEC_TS, c->tr.sel);
	*sp = sys_read(c, linear(c, c->tr.base + off), size);
	return (u16)sys_read(c, linear(c, c->tr.base + off + size), 2);
}

void stack_inner(struct soft_cpu *c, unsigned cpl, struct stack *out)
{
	struct desc d;
	u64 sp;
	u16 sel;

	if (c->lma) {
		*out = (struct stack){
			.seg = seg_null_ss((u16)cpl, cpl),
			.sp = tss_rsp(c, cpl),
			.mask = ~0ull,
			.flat = true,
			.inner = true,
		};
		return;
	}
	sel = tss_ss(c, cpl, &sp);
	if (sel_null(sel))
		raise_sel(c, VEC_TS, 0);
	desc_read(c, sel, VEC_TS, &d);
	if ((sel & 3) != cpl || desc_dpl(&d) != cpl || !attr_writable_data(desc_attr(&d)))
		raise_sel(c, VEC_TS, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_SS, sel);
	desc_access(c, &d);
	*out = (struct stack){
		.seg = desc_seg(&d),
		.sp = sp,
		.mask = desc_attr(&d) & SA_DB ? 0xffffffff : 0xffff,
		.error = sel,
		.inner = true,
	};
}
