/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Task switches, and the permission bits for ports. SDM 3A chapter 7; 1 19.5.2. */
#include "base/bytes.h"
#include "cpu/soft/far_priv.h"

/* SDM 3A figures 7-2 and 7-10; the segments' order is that of enum insn_seg. */
enum {
	TSS32_CR3 = 28,
	TSS32_EIP = 32,
	TSS32_FLAGS = 36,
	TSS32_GPR = 40,
	TSS32_SEG = 72,
	TSS32_LDT = 96,
	TSS32_TRAP = 100,
	TSS32_IO = 102,
	TSS32_SIZE = 104,
	TSS16_IP = 14,
	TSS16_FLAGS = 16,
	TSS16_GPR = 18,
	TSS16_SEG = 34,
	TSS16_LDT = 42,
	TSS16_SIZE = 44,
	DR6_BT = BIT(15),
	DR7_LOCAL = 0x155, /* L0 to L3, LE */
	FL_ALL = 0x3f7fd5
};

/* What a task begins with. */
struct task {
	u32 cr3, eip, flags, gpr[8];
	u16 seg[6], ldt;
	bool wide, trap;
};

static bool wide_tss(unsigned attr)
{
	return (attr & SYS_MASK & ~SYS_BUSY) == SYS_TSS32;
}

static bool is_tss(unsigned attr, bool busy)
{
	unsigned type = attr & SYS_MASK;

	return (type & ~(unsigned)SYS_BUSY) == (type & 8 ? SYS_TSS32 : SYS_TSS16) &&
	       ((type & SYS_BUSY) != 0) == busy;
}

void task_find(struct soft_cpu *c, u16 sel, struct desc *out)
{
	if (sel & 4)
		raise_sel(c, VEC_GP, sel);
	desc_read(c, sel, VEC_GP, out);
	if (!is_tss(desc_attr(out), false))
		raise_sel(c, VEC_GP, sel);
	if (!(desc_attr(out) & SA_P))
		raise_sel(c, VEC_NP, sel);
}

static void parse16(const u8 *p, struct task *t)
{
	*t = (struct task){ .eip = le16_at(p + TSS16_IP), .flags = le16_at(p + TSS16_FLAGS) };
	for (unsigned n = 0; n < 8; n++)
		t->gpr[n] = 0xffff0000 | le16_at(p + TSS16_GPR + 2 * n);
	for (unsigned n = 0; n < 4; n++)
		t->seg[n] = le16_at(p + TSS16_SEG + 2 * n);
	t->ldt = le16_at(p + TSS16_LDT);
}

static void parse32(const u8 *p, struct task *t)
{
	*t = (struct task){
		.cr3 = le32_at(p + TSS32_CR3),
		.eip = le32_at(p + TSS32_EIP),
		.flags = le32_at(p + TSS32_FLAGS),
		.ldt = le16_at(p + TSS32_LDT),
		.wide = true,
		.trap = p[TSS32_TRAP] & 1,
	};
	for (unsigned n = 0; n < 8; n++)
		t->gpr[n] = le32_at(p + TSS32_GPR + 4 * n);
	for (unsigned n = 0; n < 6; n++)
		t->seg[n] = le16_at(p + TSS32_SEG + 4 * n);
}

static void read_task(struct soft_cpu *c, const struct cpu_seg *tss, struct task *t)
{
	u8 image[TSS32_SIZE];
	bool wide = wide_tss(tss->attr);
	u32 size = wide ? TSS32_SIZE : TSS16_SIZE;

	if (tss->limit < size - 1)
		raise_sel(c, VEC_TS, tss->sel);
	sys_read_bytes(c, tss->base, image, size);
	if (wide)
		parse32(image, t);
	else
		parse16(image, t);
}

/* Where the state of the task that ends goes to, checked. */
static void probe_old(struct soft_cpu *c)
{
	bool wide = wide_tss(c->tr.attr);
	u32 first = wide ? TSS32_EIP : TSS16_IP, end = wide ? TSS32_LDT : TSS16_LDT;

	if (c->tr.limit < end - 1)
		raise_sel(c, VEC_TS, c->tr.sel);
	sys_probe_write(c, linear(c, c->tr.base + first), end - first);
}

static void save_old(struct soft_cpu *c, u64 flags)
{
	bool wide = wide_tss(c->tr.attr);
	unsigned size = wide ? 4 : 2;
	u64 base = c->tr.base;

	sys_write(c, linear(c, base + (wide ? TSS32_EIP : TSS16_IP)), size, c->next_rip);
	sys_write(c, linear(c, base + (wide ? TSS32_FLAGS : TSS16_FLAGS)), size, flags);
	for (unsigned n = 0; n < 8; n++)
		sys_write(c, linear(c, base + (wide ? TSS32_GPR : TSS16_GPR) + n * size), size,
			  c->gpr[n]);
	for (unsigned n = 0; n < (wide ? 6 : 4); n++)
		sys_write(c, linear(c, base + (wide ? TSS32_SEG : TSS16_SEG) + n * size), 2,
			  c->seg[n].sel);
}

/* The descriptor of the running task, if its table still has one. */
static bool old_desc(struct soft_cpu *c, struct desc *d)
{
	d->sel = c->tr.sel;
	if (sel_null(d->sel) || d->sel & 4 || !desc_find(c, d->sel, 8, &d->at))
		return false;
	d->raw = sys_read(c, d->at, 8);
	return is_tss(desc_attr(d), true);
}

/* Which tasks are busy, and the way back. Raises before anything but the busy bit is changed. */
static void link_tasks(struct soft_cpu *c, struct desc *d, enum task_cause cause, gva_t new_base)
{
	bool nested = cause == TASK_CALL || cause == TASK_INT;
	struct desc old;
	bool leave = !nested && old_desc(c, &old);

	probe_old(c);
	if (nested)
		sys_probe_write(c, new_base, 2);
	if (leave)
		sys_probe_write(c, linear(c, old.at + 5), 1);
	if (cause != TASK_IRET && !desc_set_busy(c, d, true))
		raise_sel(c, VEC_GP, d->sel);
	if (leave)
		desc_set_busy(c, &old, false);
	if (nested)
		sys_write(c, new_base, 2, c->tr.sel);
}

/* ---- the new task; what is wrong with it is raised in it. SDM 3A table 7-1 ---- */

static void load_ldt(struct soft_cpu *c, u16 sel)
{
	struct desc d;

	c->ldt = (struct cpu_seg){ .sel = sel };
	if (sel_null(sel))
		return;
	if (sel & 4)
		raise_sel(c, VEC_TS, sel);
	desc_read(c, sel, VEC_TS, &d);
	if ((desc_attr(&d) & (SYS_MASK | SA_P)) != (SYS_LDT | SA_P))
		raise_sel(c, VEC_TS, sel);
	c->ldt = desc_seg(&d);
}

static void load_cs(struct soft_cpu *c, u16 sel)
{
	struct desc d;
	unsigned attr, dpl;

	if (sel_null(sel))
		raise_sel(c, VEC_TS, sel);
	desc_read(c, sel, VEC_TS, &d);
	attr = desc_attr(&d);
	dpl = desc_dpl(&d);
	if (!attr_code(attr) || (attr_conforming(attr) ? dpl > (sel & 3u) : dpl != (sel & 3u)))
		raise_sel(c, VEC_TS, sel);
	if (!(attr & SA_P))
		raise_sel(c, VEC_NP, sel);
	desc_access(c, &d);
	c->seg[SEG_CS] = desc_seg(&d);
}

static void load_ss(struct soft_cpu *c, u16 sel)
{
	struct desc d;

	if (sel_null(sel))
		raise_sel(c, VEC_TS, sel);
	desc_read(c, sel, VEC_TS, &d);
	if ((sel & 3) != c->cpl || desc_dpl(&d) != c->cpl || !attr_writable_data(desc_attr(&d)))
		raise_sel(c, VEC_TS, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_SS, sel);
	desc_access(c, &d);
	c->seg[SEG_SS] = desc_seg(&d);
}

static void load_data(struct soft_cpu *c, enum insn_seg s, u16 sel)
{
	unsigned attr, dpl;
	struct desc d;

	if (sel_null(sel))
		return;
	desc_read(c, sel, VEC_TS, &d);
	attr = desc_attr(&d);
	dpl = desc_dpl(&d);
	if (!(attr & SA_S) || (attr & (SA_CODE | SA_WRITE)) == SA_CODE)
		raise_sel(c, VEC_TS, sel);
	if (!(attr_code(attr) && attr_conforming(attr)) && (dpl < c->cpl || dpl < (sel & 3u)))
		raise_sel(c, VEC_TS, sel);
	if (!(attr & SA_P))
		raise_sel(c, VEC_NP, sel);
	desc_access(c, &d);
	c->seg[s] = desc_seg(&d);
}

static void load_segments(struct soft_cpu *c, const struct task *t)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	if (c->v86) {
		for (unsigned n = 0; n < 6; n++)
			seg_load_real(c, (enum insn_seg)n, t->seg[n]);
		return;
	}
	load_cs(c, t->seg[SEG_CS]);
	load_ss(c, t->seg[SEG_SS]);
	cpu_mode_changed(c);
	for (unsigned n = 0; n < ARRAY_LEN(data); n++)
		load_data(c, (enum insn_seg)data[n], t->seg[data[n]]);
	cpu_mode_changed(c);
}

/* Registers that need no check. From here on the new task runs. */
static void load_registers(struct soft_cpu *c, const struct task *t, u32 flags)
{
	for (unsigned n = 0; n < 8; n++)
		c->gpr[n] = t->gpr[n];
	for (unsigned n = 0; n < 6; n++)
		c->seg[n] = (struct cpu_seg){ .sel = t->seg[n] };
	c->seg[SEG_SS].attr = (u16)((t->seg[SEG_CS] & 3) << SA_DPL_SHIFT);
	c->rip = c->next_rip = t->eip;
	c->cr0 |= CR0_TS;
	c->dr[7] &= ~(u64)DR7_LOCAL;
	flags_set(c, flags, FL_ALL);
	cpu_mode_changed(c);
}

void task_switch(struct soft_cpu *c, struct desc *d, enum task_cause cause)
{
	struct cpu_seg tss = desc_seg(d);
	u64 old_flags = flags_get(c);
	struct task t;

	read_task(c, &tss, &t);
	link_tasks(c, d, cause, tss.base);
	save_old(c, cause == TASK_IRET ? old_flags & ~(u64)FL_NT : old_flags);
	c->tr = tss;
	c->tr.attr |= SYS_BUSY;
	if (cause == TASK_CALL || cause == TASK_INT)
		t.flags |= FL_NT;
	load_registers(c, &t, t.flags);
	if (t.wide && c->cr0 & CR0_PG && !cr3_write(c, t.cr3))
		raise_sel(c, VEC_TS, tss.sel);
	load_ldt(c, t.ldt);
	load_segments(c, &t);
	check_rip(c, &c->seg[SEG_CS], t.eip);
	if (t.trap) {
		c->trap_dr6 |= DR6_BT;
		cpu_attend(c, ATT_STEP);
	}
}

void task_return(struct soft_cpu *c)
{
	u16 sel = (u16)sys_read(c, linear(c, c->tr.base), 2);
	struct desc d;

	if (sel & 4)
		raise_sel(c, VEC_TS, sel);
	desc_read(c, sel, VEC_TS, &d);
	if (!is_tss(desc_attr(&d), true))
		raise_sel(c, VEC_TS, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_NP, sel);
	task_switch(c, &d, TASK_IRET);
}

/* ---- ports ---- */

static bool port_allowed(struct soft_cpu *c, u16 port, unsigned size)
{
	const struct cpu_seg *tr = &c->tr;
	u64 at;

	if (!(tr->attr & SA_P) || !wide_tss(tr->attr) || tr->limit < TSS32_IO + 1)
		return false;
	at = sys_read(c, linear(c, tr->base + TSS32_IO), 2) + port / 8u;
	/* Two bytes are always read, so the table ends with one of all ones. */
	if (at + 1 > tr->limit)
		return false;
	return !(sys_read(c, linear(c, tr->base + at), 2) >> (port & 7) & (BIT(size) - 1));
}

void io_check(struct soft_cpu *c, u16 port, unsigned size)
{
	bool checked = c->v86 || (c->prot && c->cpl > (c->rflags >> 12 & 3));

	if (checked && !port_allowed(c, port, size))
		raise_gp(c);
}
