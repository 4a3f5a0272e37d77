/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Far JMP and CALL to system descriptors: call gates, task gates, tasks. SDM 2A, CALL; 3A 5.8.3. */
#include "cpu/soft/far_priv.h"

struct call_gate {
	u64 off;
	u16 sel;
	u8 params, size; /* slots to copy; bytes of a slot: 2, 4, 8 */
};

/* CPL and RPL may use the gate, and it is there. */
static void check_gate(struct soft_cpu *c, const struct desc *d)
{
	if (desc_dpl(d) < c->cpl || desc_dpl(d) < (d->sel & 3u))
		raise_sel(c, VEC_GP, d->sel);
	if (!(desc_attr(d) & SA_P))
		raise_sel(c, VEC_NP, d->sel);
}

/* SDM 3A figures 5-8, 5-9 */
static void read_gate(struct soft_cpu *c, const struct desc *d, struct call_gate *g)
{
	bool wide = (desc_attr(d) & SYS_MASK) == SYS_CALL32;
	gva_t at;
	u64 high;

	*g = (struct call_gate){
		.off = (d->raw & 0xffff) | (wide ? d->raw >> 32 & 0xffff0000 : 0),
		.sel = (u16)(d->raw >> 16),
		.params = d->raw >> 32 & 31,
		.size = wide ? 4 : 2,
	};
	if (!c->lma)
		return;
	if (!desc_find(c, d->sel, 16, &at))
		raise_sel(c, VEC_GP, d->sel);
	high = sys_read(c, linear(c, at + 8), 8);
	if (high >> 40 & SYS_MASK)
		raise_sel(c, VEC_GP, d->sel);
	g->off |= high << 32;
	g->params = 0;
	g->size = 8;
}

/* The code segment behind the gate; RPL of its selector does not count. */
static void read_target(struct soft_cpu *c, const struct call_gate *g, bool call, struct desc *out)
{
	unsigned attr, dpl;

	if (sel_null(g->sel))
		raise_gp(c);
	desc_read(c, g->sel, VEC_GP, out);
	attr = desc_attr(out);
	dpl = desc_dpl(out);
	if (!attr_code(attr) || dpl > c->cpl)
		raise_sel(c, VEC_GP, g->sel);
	if (!call && !attr_conforming(attr) && dpl != c->cpl)
		raise_sel(c, VEC_GP, g->sel);
	if (c->lma && (attr & (SA_L | SA_DB)) != SA_L)
		raise_sel(c, VEC_GP, g->sel);
	if (!(attr & SA_P))
		raise_sel(c, VEC_NP, g->sel);
}

static void call_same(struct soft_cpu *c, const struct call_gate *g, struct desc *d)
{
	u64 frame[2] = { c->seg[SEG_CS].sel, c->next_rip };
	struct cpu_seg cs = desc_seg(d);
	struct stack st;

	stack_current(c, &st);
	/* From compatibility mode the 64-bit target decides how the stack is used. */
	if (c->lma) {
		st.flat = true;
		st.mask = ~0ull;
	}
	stack_probe(c, &st, 2, g->size);
	check_rip(c, &cs, g->off);
	desc_access(c, d);
	stack_write(c, &st, frame, 2, g->size);
	c->gpr[R_SP] = st.sp;
	cs_put(c, d, c->cpl, g->off);
}

/* The caller's stack pointer and parameters go to the new stack. */
static void call_inner(struct soft_cpu *c, const struct call_gate *g, struct desc *d)
{
	u64 frame[FRAME_MAX] = { c->seg[SEG_SS].sel, c->gpr[R_SP] };
	unsigned cpl = desc_dpl(d), n = 2;
	struct cpu_seg cs = desc_seg(d);
	struct stack st;

	stack_inner(c, cpl, &st);
	stack_probe(c, &st, 4u + g->params, g->size);
	check_rip(c, &cs, g->off);
	for (unsigned p = g->params; p-- > 0;)
		frame[n++] = frame_peek(c, p, g->size, 0);
	frame[n++] = c->seg[SEG_CS].sel;
	frame[n++] = c->next_rip;
	desc_access(c, d);
	stack_write(c, &st, frame, n, g->size);
	c->seg[SEG_SS] = st.seg;
	c->gpr[R_SP] = st.sp;
	cs_put(c, d, cpl, g->off);
}

static void through_gate(struct soft_cpu *c, const struct desc *gate, bool call)
{
	struct call_gate g;
	struct cpu_seg cs;
	struct desc d;

	check_gate(c, gate);
	read_gate(c, gate, &g);
	read_target(c, &g, call, &d);
	if (call && !attr_conforming(desc_attr(&d)) && desc_dpl(&d) < c->cpl) {
		call_inner(c, &g, &d);
	} else if (call) {
		call_same(c, &g, &d);
	} else {
		cs = desc_seg(&d);
		check_rip(c, &cs, g.off);
		desc_access(c, &d);
		cs_put(c, &d, c->cpl, g.off);
	}
}

void far_system(struct soft_cpu *c, struct desc *d, bool call)
{
	enum task_cause cause = call ? TASK_CALL : TASK_JMP;
	unsigned type = desc_attr(d) & SYS_MASK;
	struct desc tss;

	if (type == SYS_CALL32 || (type == SYS_CALL16 && !c->lma)) {
		through_gate(c, d, call);
	} else if (type == SYS_TASK_GATE && !c->lma) {
		check_gate(c, d);
		task_find(c, (u16)(d->raw >> 16), &tss);
		task_switch(c, &tss, cause);
	} else if ((type == SYS_TSS16 || type == SYS_TSS32) && !c->lma) {
		check_gate(c, d);
		if (d->sel & 4)
			raise_sel(c, VEC_GP, d->sel);
		task_switch(c, d, cause);
	} else {
		raise_sel(c, VEC_GP, d->sel);
	}
}
