/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Far JMP, CALL and RET without gates. SDM 2A, CALL, JMP; 2B, RET; SDM 3A 5.8. */
#include "cpu/soft/far_priv.h"

static u64 cut(u64 rip, unsigned osz)
{
	return osz == 8 ? rip : osz == 4 ? (u32)rip : (u16)rip;
}

/* After CS and SS. From 64-bit code to such code is the usual way. */
void mode_put(struct soft_cpu *c)
{
	if (c->mode == CPU_64 && c->seg[SEG_CS].attr & SA_L)
		cpu_privilege_changed(c);
	else
		cpu_mode_changed(c);
}

void cs_put(struct soft_cpu *c, const struct desc *d, unsigned cpl, u64 rip)
{
	c->seg[SEG_CS] = desc_seg(d);
	c->seg[SEG_CS].sel = (u16)((d->sel & ~3u) | cpl);
	c->next_rip = rip;
	mode_put(c);
}

void cs_put_real(struct soft_cpu *c, u16 sel, u64 rip)
{
	seg_load_real(c, SEG_CS, sel);
	c->next_rip = rip;
}

/* The target of a JMP or CALL that names the code segment itself. */
static void check_code(struct soft_cpu *c, const struct desc *d)
{
	unsigned dpl = desc_dpl(d);

	if (attr_conforming(desc_attr(d)) ? dpl > c->cpl : (d->sel & 3u) > c->cpl || dpl != c->cpl)
		raise_sel(c, VEC_GP, d->sel);
	check_code_size(c, d);
	if (!(desc_attr(d) & SA_P))
		raise_sel(c, VEC_NP, d->sel);
}

/* Where a far JMP or CALL goes to. */
static void target(struct soft_cpu *c, const struct insn *i, u64 *off, u16 *sel)
{
	if (i->operand[0].kind == OPERAND_FAR) {
		*off = (u32)i->imm;
		*sel = (u16)(i->imm >> 32);
	} else {
		read_far(c, i, off, sel);
	}
	*off = cut(*off, i->osz);
}

static void jump_real(struct soft_cpu *c, u64 off, u16 sel)
{
	if (off > c->seg[SEG_CS].limit)
		raise_gp(c);
	cs_put_real(c, sel, off);
}

void exec_jmpf(struct soft_cpu *c, const struct insn *i)
{
	struct cpu_seg cs;
	struct desc d;
	u64 off;
	u16 sel;

	target(c, i, &off, &sel);
	if (!c->prot) {
		jump_real(c, off, sel);
		return;
	}
	if (sel_null(sel))
		raise_gp(c);
	desc_read(c, sel, VEC_GP, &d);
	if (!attr_code(desc_attr(&d))) {
		far_system(c, &d, false);
		return;
	}
	check_code(c, &d);
	cs = desc_seg(&d);
	check_rip(c, &cs, off);
	desc_access(c, &d);
	cs_put(c, &d, c->cpl, off);
}

void exec_callf(struct soft_cpu *c, const struct insn *i)
{
	u64 off, frame[2] = { c->seg[SEG_CS].sel, c->next_rip };
	struct cpu_seg cs = c->seg[SEG_CS];
	struct stack st;
	struct desc d;
	u16 sel;

	target(c, i, &off, &sel);
	if (c->prot) {
		if (sel_null(sel))
			raise_gp(c);
		desc_read(c, sel, VEC_GP, &d);
		if (!attr_code(desc_attr(&d))) {
			far_system(c, &d, true);
			return;
		}
		check_code(c, &d);
		cs = desc_seg(&d);
	}
	stack_current(c, &st);
	stack_probe(c, &st, 2, i->osz);
	check_rip(c, &cs, off);
	if (c->prot)
		desc_access(c, &d);
	stack_write(c, &st, frame, 2, i->osz);
	c->gpr[R_SP] = st.sp;
	if (c->prot)
		cs_put(c, &d, c->cpl, off);
	else
		cs_put_real(c, sel, off);
}

/* ---- returning ---- */

void ret_read_code(struct soft_cpu *c, u16 sel, struct desc *out)
{
	unsigned rpl = sel & 3, attr, dpl;

	if (sel_null(sel))
		raise_gp(c);
	desc_read(c, sel, VEC_GP, out);
	attr = desc_attr(out);
	dpl = desc_dpl(out);
	if (!attr_code(attr) || rpl < c->cpl)
		raise_sel(c, VEC_GP, sel);
	if (attr_conforming(attr) ? dpl > rpl : dpl != rpl)
		raise_sel(c, VEC_GP, sel);
	check_code_size(c, out);
	if (!(attr & SA_P))
		raise_sel(c, VEC_NP, sel);
}

void ret_read_ss(struct soft_cpu *c, u16 sel, const struct desc *cs, struct cpu_seg *out)
{
	unsigned rpl = cs->sel & 3;
	struct desc d;

	if (sel_null(sel)) {
		if (!c->lma || !(desc_attr(cs) & SA_L) || rpl == 3 || (sel & 3) != rpl)
			raise_gp(c);
		*out = seg_null_ss(sel, rpl);
		return;
	}
	desc_read(c, sel, VEC_GP, &d);
	if ((sel & 3) != rpl || desc_dpl(&d) != rpl || !attr_writable_data(desc_attr(&d)))
		raise_sel(c, VEC_GP, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_SS, sel);
	desc_access(c, &d);
	*out = desc_seg(&d);
}

/* Data segments that the new privilege may not see become null. SDM 2B, RET */
static void drop_segments(struct soft_cpu *c, unsigned cpl)
{
	static const u8 which[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned n = 0; n < ARRAY_LEN(which); n++) {
		struct cpu_seg *s = &c->seg[which[n]];

		if (!(s->attr & SA_P) || attr_dpl(s->attr) >= cpl)
			continue;
		if (attr_code(s->attr) && attr_conforming(s->attr))
			continue;
		s->sel = 0;
		s->attr = 0;
	}
}

/* A 16-bit stack takes SP alone; the rest of ESP stays. Bits 63:32 end with 64-bit mode. */
void ret_put_outer(struct soft_cpu *c, const struct desc *cs, const struct cpu_seg *ss, u64 sp)
{
	if (!(c->lma && desc_attr(cs) & SA_L)) {
		if (ss->attr & SA_DB)
			sp = (u32)sp;
		else
			sp = (u32)((c->gpr[R_SP] & 0xffff0000) | (u16)sp);
	}
	if ((cs->sel & 3u) > c->cpl)
		drop_segments(c, cs->sel & 3u);
	c->seg[SEG_SS] = *ss;
	c->gpr[R_SP] = sp;
}

static void ret_real(struct soft_cpu *c, unsigned osz, u16 extra)
{
	u64 rip = frame_peek(c, 0, osz, 0);
	u16 sel = (u16)frame_peek(c, 1, osz, 0);

	if (rip > c->seg[SEG_CS].limit)
		raise_gp(c);
	c->gpr[R_SP] = stack_advance(c, c->gpr[R_SP], (s64)osz * 2 + extra);
	cs_put_real(c, sel, rip);
}

/* To less privilege: the caller's stack lies behind the parameters. */
static void ret_outer(struct soft_cpu *c, struct desc *d, u64 rip, unsigned osz, u16 extra)
{
	u64 sp = frame_peek(c, 2, osz, extra);
	u16 sel = (u16)frame_peek(c, 3, osz, extra);
	struct cpu_seg cs = desc_seg(d), ss;

	ret_read_ss(c, sel, d, &ss);
	check_rip(c, &cs, rip);
	desc_access(c, d);
	/* The parameters are there, too. */
	if ((c->lma && cs.attr & SA_L) || ss.attr & SA_DB)
		sp += extra;
	else
		sp = (u16)(sp + extra);
	ret_put_outer(c, d, &ss, sp);
	cs_put(c, d, d->sel & 3u, rip);
}

void exec_retf(struct soft_cpu *c, const struct insn *i)
{
	u16 extra = i->operands ? (u16)i->imm : 0;
	unsigned osz = i->osz;
	struct cpu_seg cs;
	struct desc d;
	u64 rip;

	if (!c->prot) {
		ret_real(c, osz, extra);
		return;
	}
	rip = frame_peek(c, 0, osz, 0);
	ret_read_code(c, (u16)frame_peek(c, 1, osz, 0), &d);
	if ((d.sel & 3u) > c->cpl) {
		ret_outer(c, &d, rip, osz, extra);
		return;
	}
	cs = desc_seg(&d);
	check_rip(c, &cs, rip);
	desc_access(c, &d);
	c->gpr[R_SP] = stack_advance(c, c->gpr[R_SP], (s64)osz * 2 + extra);
	cs_put(c, &d, c->cpl, rip);
}
