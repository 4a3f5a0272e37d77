/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors and segment registers. SDM 3A chapters 3 and 5; 2B, MOV; APM 2 4.8. */
#include "cpu/soft/far_priv.h"

/* How often a descriptor that others change meanwhile is looked at again. */
enum { TRIES = 16 };

_Noreturn void raise_sel(struct soft_cpu *c, enum vector v, u16 sel)
{
	raise_error(c, v, sel & ~3u & 0xffff);
}

bool desc_find(const struct soft_cpu *c, u16 sel, unsigned size, gva_t *out)
{
	u32 off = sel & ~7u, limit = c->gdt.limit;
	u64 base = c->gdt.base;

	if (sel & 4) {
		if (!(c->ldt.attr & SA_P))
			return false;
		base = c->ldt.base;
		limit = c->ldt.limit;
	}
	if (limit < size - 1 || off > limit - (size - 1))
		return false;
	*out = linear(c, base + off);
	return true;
}

void desc_read(struct soft_cpu *c, u16 sel, enum vector v, struct desc *out)
{
	if (!desc_find(c, sel, 8, &out->at))
		raise_sel(c, v, sel);
	out->raw = sys_read(c, out->at, 8);
	out->sel = sel;
}

static u32 raw_base(u64 raw)
{
	return (u32)(raw >> 16 & 0xffffff) | (u32)(raw >> 56) << 24;
}

static u32 raw_limit(u64 raw)
{
	u32 limit = (u32)(raw & 0xffff) | (u32)(raw >> 32 & 0xf0000);

	return raw_attr(raw) & SA_G ? limit << 12 | 0xfff : limit;
}

struct cpu_seg desc_seg(const struct desc *d)
{
	return (struct cpu_seg){
		.base = raw_base(d->raw),
		.limit = raw_limit(d->raw),
		.sel = d->sel,
		.attr = desc_attr(d),
	};
}

/* Where the type of a descriptor is: bits 40-47. */
static gva_t type_at(const struct soft_cpu *c, const struct desc *d)
{
	return linear(c, d->at + 5);
}

/* Others may set the bit, too; a table in ROM never takes it. SDM 3A 3.4.5.1 */
void desc_set_accessed(struct soft_cpu *c, struct desc *d)
{
	u8 type = (u8)(d->raw >> 40);

	for (unsigned n = 0; n < TRIES && !(type & SA_ACCESSED); n++) {
		if (sys_cmpxchg(c, type_at(c, d), 1, type, type | SA_ACCESSED))
			break;
		type = (u8)sys_read(c, type_at(c, d), 1);
	}
	d->raw |= (u64)SA_ACCESSED << 40;
}

struct cpu_seg desc_system_seg(struct soft_cpu *c, const struct desc *d)
{
	struct cpu_seg s = desc_seg(d);
	gva_t at;
	u64 high;

	if (!c->lma)
		return s;
	if (!desc_find(c, d->sel, 16, &at))
		raise_sel(c, VEC_GP, d->sel);
	high = sys_read(c, linear(c, at + 8), 8);
	s.base |= high << 32;
	/* Its second half must not look like a descriptor. SDM 3A figure 7-4 */
	if (high >> 40 & SYS_MASK || !is_canonical(s.base))
		raise_sel(c, VEC_GP, d->sel);
	return s;
}

static bool busy_changes(u8 type, bool busy)
{
	return ((type & SYS_BUSY) != 0) != busy;
}

bool desc_set_busy(struct soft_cpu *c, struct desc *d, bool busy)
{
	u8 type = (u8)(d->raw >> 40);

	for (unsigned n = 0; n < TRIES && busy_changes(type, busy); n++) {
		if (sys_cmpxchg(c, type_at(c, d), 1, type, type ^ SYS_BUSY))
			break;
		type = (u8)sys_read(c, type_at(c, d), 1);
		if (busy && !busy_changes(type, busy))
			return false;
	}
	d->raw = busy ? d->raw | (u64)SYS_BUSY << 40 : d->raw & ~((u64)SYS_BUSY << 40);
	return true;
}

void seg_put(struct soft_cpu *c, enum insn_seg s, const struct cpu_seg *seg)
{
	c->seg[s] = *seg;
	if (c->mode != CPU_64 || s == SEG_SS)
		cpu_mode_changed(c);
	else if (s >= SEG_FS)
		c->seg_base[s] = seg->base;
}

struct cpu_seg seg_null_ss(u16 sel, unsigned cpl)
{
	return (struct cpu_seg){
		.limit = ~0u,
		.sel = sel,
		.attr = (u16)(SA_G | SA_DB | cpl << SA_DPL_SHIFT),
	};
}

void seg_clear(struct soft_cpu *c, enum insn_seg s, u16 sel)
{
	seg_put(c, s, &(struct cpu_seg){ .sel = sel });
}

void desc_check_data(struct soft_cpu *c, const struct desc *d)
{
	unsigned attr = desc_attr(d), dpl = desc_dpl(d);

	if (!(attr & SA_S) || (attr & (SA_CODE | SA_WRITE)) == SA_CODE)
		raise_sel(c, VEC_GP, d->sel);
	if (!(attr_code(attr) && attr_conforming(attr)) && (c->cpl > dpl || (d->sel & 3u) > dpl))
		raise_sel(c, VEC_GP, d->sel);
	if (!(attr & SA_P))
		raise_sel(c, VEC_NP, d->sel);
}

static void load_ss(struct soft_cpu *c, u16 sel)
{
	struct cpu_seg seg;
	struct desc d;

	if (sel_null(sel)) {
		/* Only 64-bit code of more privilege than 3 may have none. */
		if (c->mode != CPU_64 || c->cpl == 3 || (sel & 3) != c->cpl)
			raise_gp(c);
		seg = seg_null_ss(sel, c->cpl);
		seg_put(c, SEG_SS, &seg);
		return;
	}
	desc_read(c, sel, VEC_GP, &d);
	if ((sel & 3) != c->cpl || desc_dpl(&d) != c->cpl || !attr_writable_data(desc_attr(&d)))
		raise_sel(c, VEC_GP, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_SS, sel);
	desc_access(c, &d);
	seg = desc_seg(&d);
	seg_put(c, SEG_SS, &seg);
}

void seg_load(struct soft_cpu *c, enum insn_seg s, u16 sel)
{
	struct cpu_seg seg;
	struct desc d;

	if (!c->prot) {
		seg_load_real(c, s, sel);
	} else if (s == SEG_SS) {
		load_ss(c, sel);
	} else if (sel_null(sel)) {
		seg_clear(c, s, sel);
	} else {
		desc_read(c, sel, VEC_GP, &d);
		desc_check_data(c, &d);
		desc_access(c, &d);
		seg = desc_seg(&d);
		seg_put(c, s, &seg);
	}
}

/*
 * Virtual-8086 mode fixes limit and rights. Real mode leaves them as protected mode last set them
 * ("unreal mode"), but a segment is never absent, and CS becomes writable: SDM 3A 9.9.2, 20.1.1.
 */
void seg_load_real(struct soft_cpu *c, enum insn_seg s, u16 sel)
{
	struct cpu_seg seg = c->seg[s];

	seg.sel = sel;
	seg.base = (u32)sel << 4;
	if (c->v86) {
		seg.limit = 0xffff;
		seg.attr = ATTR_REAL | ATTR_DPL3;
	} else if (!(seg.attr & SA_P)) {
		seg.limit = 0xffff;
		seg.attr = ATTR_REAL;
	} else if (s == SEG_CS) {
		seg.attr = (seg.attr & 0xff00) | ATTR_REAL;
	}
	seg_put(c, s, &seg);
}

void check_rip(struct soft_cpu *c, const struct cpu_seg *cs, u64 rip)
{
	if (c->lma && cs->attr & SA_L ? !is_canonical(rip) : rip > cs->limit)
		raise_gp(c);
}

void check_code_size(struct soft_cpu *c, const struct desc *d)
{
	if (c->lma && (desc_attr(d) & (SA_L | SA_DB)) == (SA_L | SA_DB))
		raise_sel(c, VEC_GP, d->sel);
}
