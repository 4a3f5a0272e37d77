/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts and exceptions: through the IDT to their handlers. SDM 3A chapter 6; 2A, INT n. */
#include "cpu/soft/far_priv.h"
#include "cpu/soft/host_memory.h"

enum { DR6_TRAPS = 15, DR7_GD = BIT(13), DEBUGCTL_LBR_BTF = 3 };

/* EFLAGS.RF as it is pushed: faults are to be resumed. SDM 3B 17.3.1.1 */
static bool is_fault(const struct soft_event *e)
{
	const u32 no_faults = BIT(VEC_NMI) | BIT(VEC_BP) | BIT(VEC_OF) | BIT(VEC_DF) | BIT(VEC_MC);

	if (e->kind != EV_EXCEPTION)
		return false;
	/* But for DR7.GD's they are traps, or breakpoints that IRET sets RF for. */
	if (e->vector == VEC_DB)
		return e->dr6 & BIT(13);
	return e->vector < 32 && !(no_faults >> e->vector & 1);
}

static bool is_soft(const struct soft_event *e)
{
	return e->kind == EV_SOFT_INT || e->kind == EV_SOFT_EXC;
}

/* ---- real mode. SDM 3A 20.1.4 ---- */

static void deliver_real(struct soft_cpu *c, const struct soft_event *e, u64 rip)
{
	u64 frame[3] = { flags_get(c), c->seg[SEG_CS].sel, rip };
	u32 off = e->vector * 4u, entry;
	struct stack st;

	if (off + 3 > c->idt.limit)
		raise_error(c, VEC_GP, e->vector * 8u + 2);
	entry = (u32)sys_read(c, linear(c, c->idt.base + off), 4);
	stack_current(c, &st);
	stack_probe(c, &st, 3, 2);
	if ((entry & 0xffff) > c->seg[SEG_CS].limit)
		raise_gp(c);
	stack_write(c, &st, frame, 3, 2);
	c->gpr[R_SP] = st.sp;
	flags_set(c, 0, FL_IF | FL_TF | FL_RF | FL_AC);
	cs_put_real(c, (u16)(entry >> 16), entry & 0xffff);
}

/* ---- gates ---- */

struct gate {
	u64 off;
	u16 sel, attr;
	u8 ist;
};

static _Noreturn void raise_vector(struct soft_cpu *c, enum vector v, const struct soft_event *e)
{
	raise_error(c, v, e->vector * 8u + 2);
}

static bool type_allowed(const struct soft_cpu *c, unsigned type)
{
	if (type == SYS_INT32 || type == SYS_TRAP32)
		return true;
	return !c->lma && (type == SYS_INT16 || type == SYS_TRAP16 || type == SYS_TASK_GATE);
}

static void read_gate(struct soft_cpu *c, const struct soft_event *e, struct gate *g)
{
	unsigned size = c->lma ? 16 : 8;
	u32 off = e->vector * size;
	u64 raw[2] = { 0 };

	if (off + size - 1 > c->idt.limit)
		raise_vector(c, VEC_GP, e);
	raw[0] = sys_read(c, linear(c, c->idt.base + off), 8);
	if (c->lma)
		raw[1] = sys_read(c, c->idt.base + off + 8, 8);
	g->attr = raw_attr(raw[0]);
	if (!type_allowed(c, g->attr & SYS_MASK))
		raise_vector(c, VEC_GP, e);
	if (is_soft(e) && attr_dpl(g->attr) < c->cpl)
		raise_vector(c, VEC_GP, e);
	if (!(g->attr & SA_P))
		raise_vector(c, VEC_NP, e);
	g->sel = (u16)(raw[0] >> 16);
	g->ist = raw[0] >> 32 & 7;
	g->off = raw[0] & 0xffff;
	if (g->attr & 8)
		g->off |= (raw[0] >> 32 & 0xffff0000) | raw[1] << 32;
}

/* The handler's code segment; RPL of its selector does not count. */
static void read_handler(struct soft_cpu *c, const struct gate *g, struct desc *d)
{
	unsigned attr;

	if (sel_null(g->sel))
		raise_gp(c);
	desc_read(c, g->sel, VEC_GP, d);
	attr = desc_attr(d);
	if (!attr_code(attr) || desc_dpl(d) > c->cpl)
		raise_sel(c, VEC_GP, g->sel);
	if (c->lma && (attr & (SA_L | SA_DB)) != SA_L)
		raise_sel(c, VEC_GP, g->sel);
	if (!(attr & SA_P))
		raise_sel(c, VEC_NP, g->sel);
	/* Out of virtual-8086 mode only privilege 0 is entered. */
	if (c->v86 && (attr_conforming(attr) || desc_dpl(d) != 0))
		raise_sel(c, VEC_GP, g->sel);
}

/* Interrupt gates hold interrupts off; IST and so on are behind them. */
static u64 cleared_flags(const struct gate *g)
{
	u64 mask = FL_TF | FL_NT | FL_RF | FL_VM;

	return g->attr & 1 ? mask : mask | FL_IF;
}

/* ---- 64-bit mode. SDM 3A 6.14 ---- */

static void store_frame(u8 *host, const u64 *frame, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		host_store(host + 8 * (n - 1 - i), 8, frame[i]);
}

static void deliver_long(struct soft_cpu *c, const struct soft_event *e, u64 rip)
{
	unsigned cpl = c->cpl, n = 5;
	u64 frame[6] = { c->seg[SEG_SS].sel, c->gpr[R_SP], flags_get(c), c->seg[SEG_CS].sel, rip };
	struct stack st = { .mask = ~0ull, .flat = true };
	u8 *host;
	struct gate g;
	struct desc d;

	read_gate(c, e, &g);
	read_handler(c, &g, &d);
	if (!attr_conforming(desc_attr(&d)))
		cpl = desc_dpl(&d);
	st.inner = cpl < c->cpl;
	if (g.ist)
		st.sp = tss_rsp(c, 3u + g.ist);
	else if (st.inner)
		st.sp = tss_rsp(c, cpl);
	else
		st.sp = c->gpr[R_SP];
	st.sp &= ~15ull;
	if (is_fault(e))
		frame[2] |= FL_RF;
	if (e->has_error)
		frame[n++] = e->error;
	host = tlb_host(st.inner ? c->system_tlb : c->tlb, st.sp - 8 * n, 8 * n, true);
	if (!host)
		stack_probe(c, &st, n, 8);
	if (!is_canonical(g.off))
		raise_gp(c);
	if (!(d.raw >> 40 & SA_ACCESSED)) {
		desc_access(c, &d);
		host = NULL;
	}
	if (host)
		store_frame(host, frame, n);
	else
		stack_write(c, &st, frame, n, 8);
	if (st.inner)
		c->seg[SEG_SS] = seg_null_ss((u16)cpl, cpl);
	c->gpr[R_SP] = host ? st.sp - 8 * n : st.sp;
	c->rflags &= ~cleared_flags(&g);
	cs_put(c, &d, cpl, g.off);
}

/* ---- protected mode. SDM 3A 6.12 ---- */

static void deliver_task(struct soft_cpu *c, const struct soft_event *e, u16 sel, u64 rip)
{
	u64 error = e->error;
	struct stack st;
	struct desc d;
	unsigned size;

	task_find(c, sel, &d);
	if (is_fault(e))
		c->rflags |= FL_RF;
	c->next_rip = rip;
	task_switch(c, &d, TASK_INT);
	if (!e->has_error)
		return;
	size = c->tr.attr & 8 ? 4 : 2;
	stack_current(c, &st);
	stack_probe(c, &st, 1, size);
	stack_write(c, &st, &error, 1, size);
	c->gpr[R_SP] = st.sp;
}

/* The caller's segments, of no use to the handler. SDM 3A 20.3.1.1 */
static unsigned push_v86(const struct soft_cpu *c, u64 *frame)
{
	frame[0] = c->seg[SEG_GS].sel;
	frame[1] = c->seg[SEG_FS].sel;
	frame[2] = c->seg[SEG_DS].sel;
	frame[3] = c->seg[SEG_ES].sel;
	return 4;
}

static void drop_v86_segments(struct soft_cpu *c)
{
	c->seg[SEG_ES] = c->seg[SEG_DS] = (struct cpu_seg){ 0 };
	c->seg[SEG_FS] = c->seg[SEG_GS] = (struct cpu_seg){ 0 };
}

static void deliver_prot(struct soft_cpu *c, const struct soft_event *e, u64 rip)
{
	u64 frame[10], mask, fl = flags_get(c) | (is_fault(e) ? FL_RF : 0);
	unsigned cpl, n = 0, size;
	bool v86 = c->v86, inner;
	struct cpu_seg cs;
	struct stack st;
	struct gate g;
	struct desc d;

	read_gate(c, e, &g);
	if ((g.attr & SYS_MASK) == SYS_TASK_GATE) {
		deliver_task(c, e, g.sel, rip);
		return;
	}
	read_handler(c, &g, &d);
	cpl = attr_conforming(desc_attr(&d)) ? c->cpl : desc_dpl(&d);
	size = g.attr & 8 ? 4 : 2;
	inner = cpl < c->cpl;
	if (inner)
		stack_inner(c, cpl, &st);
	else
		stack_current(c, &st);
	if (v86)
		n = push_v86(c, frame);
	if (inner) {
		frame[n++] = c->seg[SEG_SS].sel;
		frame[n++] = c->gpr[R_SP];
	}
	frame[n++] = fl;
	frame[n++] = c->seg[SEG_CS].sel;
	frame[n++] = rip;
	if (e->has_error)
		frame[n++] = e->error;
	stack_probe(c, &st, n, size);
	cs = desc_seg(&d);
	check_rip(c, &cs, g.off);
	desc_access(c, &d);
	stack_write(c, &st, frame, n, size);
	mask = cleared_flags(&g);
	if (inner)
		c->seg[SEG_SS] = st.seg;
	if (v86)
		drop_v86_segments(c);
	c->gpr[R_SP] = st.sp;
	c->rflags &= ~mask;
	cs_put(c, &d, cpl, g.off);
}

/* ---- all modes ---- */

/* Registers that tell the handler more: they change even when delivery fails. */
static void note(struct soft_cpu *c, const struct soft_event *e)
{
	if (e->kind == EV_NMI)
		c->nmi_blocked = true;
	if (e->kind != EV_EXCEPTION && e->kind != EV_ICEBP)
		return;
	if (e->vector == VEC_PF)
		c->cr2 = e->cr2;
	if (e->vector != VEC_DB)
		return;
	/* SDM 3B 17.2.3, 17.2.4, 17.4.1 */
	if (e->kind == EV_EXCEPTION)
		c->dr[6] = (c->dr[6] & ~(u64)DR6_TRAPS) | e->dr6;
	c->dr[7] &= ~(u64)DR7_GD;
	c->debugctl &= ~(u64)DEBUGCTL_LBR_BTF;
}

static void deliver(struct soft_cpu *c, const struct soft_event *e, u64 rip)
{
	c->delivering = *e;
	note(c, e);
	if (e->kind == EV_SOFT_INT && c->v86 && (c->rflags & FL_IOPL) != FL_IOPL)
		raise_gp(c);
	if (c->lma)
		deliver_long(c, e, rip);
	else if (c->cr0 & CR0_PE)
		deliver_prot(c, e, rip);
	else
		deliver_real(c, e, rip);
	/* The handler is not stepped because what it interrupted was. */
	c->trap_tf = false;
	c->delivering.kind = EV_NONE;
}

void event_deliver(struct soft_cpu *c)
{
	struct soft_event e = c->event;

	c->event.kind = EV_NONE;
	deliver(c, &e, c->rip);
	c->rip = c->next_rip;
}

/* SDM 3A table 6-4 */
static bool contributory(u8 vector)
{
	return vector == VEC_DE || (vector >= VEC_TS && vector <= VEC_GP);
}

bool event_merge(struct soft_cpu *c)
{
	const struct soft_event *first = &c->delivering;
	struct soft_event *second = &c->event;
	bool page = second->vector == VEC_PF, bad = contributory(second->vector);

	/* The EXT bit; not for what the program asked for. SDM 3A 6.13 */
	if (bad && second->has_error && !is_soft(first))
		second->error |= 1;
	if (first->kind != EV_EXCEPTION || second->kind != EV_EXCEPTION)
		return true;
	if (first->vector == VEC_DF)
		return !page && !bad;
	if (first->vector == VEC_PF ? !page && !bad : !contributory(first->vector) || !bad)
		return true;
	/* The handler finds the address of the later fault. */
	if (page)
		c->cr2 = second->cr2;
	*second = (struct soft_event){ .vector = VEC_DF, .kind = EV_EXCEPTION, .has_error = true };
	return true;
}

/* ---- INT n, INT3, INTO, INT1 ---- */

static void software(struct soft_cpu *c, u8 vector, enum event_kind kind)
{
	struct soft_event e = { .vector = vector, .kind = (u8)kind };

	deliver(c, &e, c->next_rip);
}

void exec_int(struct soft_cpu *c, const struct insn *i)
{
	software(c, (u8)i->imm, EV_SOFT_INT);
}

void exec_int3(struct soft_cpu *c, const struct insn *i)
{
	software(c, VEC_BP, EV_SOFT_EXC);
}

void exec_into(struct soft_cpu *c, const struct insn *i)
{
	if (c->lf & LF_OF)
		software(c, VEC_OF, EV_SOFT_EXC);
}

void exec_int1(struct soft_cpu *c, const struct insn *i)
{
	software(c, VEC_DB, EV_ICEBP);
}
