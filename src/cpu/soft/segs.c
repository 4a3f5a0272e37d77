/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that load, store and look at segment registers and selectors. SDM 2A to 2C. */
#include "cpu/soft/far_priv.h"

static void set_zf(struct soft_cpu *c, bool on)
{
	c->lf = (u16)((c->lf & ~LF_ZF) | (on ? LF_ZF : 0));
}

/* ---- MOV, PUSH and POP; LDS and the like ---- */

/* After MOV SS and POP SS come SP and then interrupts. SDM 3A 6.8.3 */
static void load(struct soft_cpu *c, enum insn_seg s, u16 sel)
{
	seg_load(c, s, sel);
	if (s == SEG_SS)
		c->shadow = c->shadow_ss = true;
}

void exec_mov_seg(struct soft_cpu *c, const struct insn *i)
{
	if (i->operand[0].kind == OPERAND_SEG)
		load(c, (enum insn_seg)i->operand[0].reg, (u16)opnd_get(c, i, 1));
	else
		opnd_set(c, i, 0, c->seg[i->operand[1].reg].sel);
}

/*
 * A 32-bit PUSH of a segment register writes 16 bits and leaves the others of its slot, as Intel's
 * processors do. SDM 2B, PUSH, IA-32 Architecture Compatibility
 */
void exec_push_seg(struct soft_cpu *c, const struct insn *i)
{
	u16 sel = c->seg[i->operand[0].reg].sel;
	struct stack st;
	u64 sp;

	if (i->osz == 4) {
		stack_current(c, &st);
		sp = stack_advance(c, c->gpr[R_SP], -4);
		seg_write(c, SEG_SS, sp & st.mask, 2, sel);
		c->gpr[R_SP] = sp;
	} else {
		push(c, i->osz, sel);
	}
}

void exec_pop_seg(struct soft_cpu *c, const struct insn *i)
{
	u64 old = c->gpr[R_SP], sp = stack_advance(c, old, i->osz);
	enum insn_seg s = (enum insn_seg)i->operand[0].reg;

	/* SP moves by the size that the stack had before POP SS. */
	load(c, s, (u16)frame_peek(c, 0, i->osz == 4 ? 2 : i->osz, 0));
	c->gpr[R_SP] = sp;
}

void read_far(struct soft_cpu *c, const struct insn *i, u64 *off, u16 *sel)
{
	u64 at = insn_offset(c, i), next = at + i->osz;

	*off = seg_read(c, (enum insn_seg)i->seg, at, i->osz);
	*sel = (u16)seg_read(c, (enum insn_seg)i->seg, i->asz == 2 ? (u16)next : next, 2);
}

static void load_far(struct soft_cpu *c, const struct insn *i, enum insn_seg s)
{
	u64 off;
	u16 sel;

	read_far(c, i, &off, &sel);
	seg_load(c, s, sel);
	gpr_set(c, i->operand[0].reg, i->osz, off);
}

void exec_lds(struct soft_cpu *c, const struct insn *i)
{
	load_far(c, i, SEG_DS);
}

void exec_les(struct soft_cpu *c, const struct insn *i)
{
	load_far(c, i, SEG_ES);
}

void exec_lfs(struct soft_cpu *c, const struct insn *i)
{
	load_far(c, i, SEG_FS);
}

void exec_lgs(struct soft_cpu *c, const struct insn *i)
{
	load_far(c, i, SEG_GS);
}

void exec_lss(struct soft_cpu *c, const struct insn *i)
{
	load_far(c, i, SEG_SS);
}

/* ---- LAR, LSL, VERR, VERW, ARPL ---- */

/* Read the descriptor of @sel, if there is one that CPL and RPL may see. */
static bool visible(struct soft_cpu *c, u16 sel, struct desc *d)
{
	unsigned attr;

	if (sel_null(sel) || !desc_find(c, sel, 8, &d->at))
		return false;
	d->sel = sel;
	d->raw = sys_read(c, d->at, 8);
	attr = desc_attr(d);
	if (attr_code(attr) && attr_conforming(attr))
		return true;
	return c->cpl <= desc_dpl(d) && (sel & 3u) <= desc_dpl(d);
}

/* @types: the system types that the instruction knows. */
static bool known_type(const struct desc *d, unsigned types)
{
	unsigned attr = desc_attr(d);

	return attr & SA_S || types >> (attr & SA_TYPE) & 1;
}

enum {
	LSL_LONG = BIT(SYS_LDT) | BIT(SYS_TSS32) | BIT(SYS_TSS32 | SYS_BUSY),
	LSL_TYPES = LSL_LONG | BIT(SYS_TSS16) | BIT(SYS_TSS16 | SYS_BUSY),
	LAR_LONG = LSL_LONG | BIT(SYS_CALL32),
	LAR_TYPES = LAR_LONG | LSL_TYPES | BIT(SYS_CALL16) | BIT(SYS_TASK_GATE)
};

/* SDM 2A, LAR, table 3-53 */
void exec_lar(struct soft_cpu *c, const struct insn *i)
{
	struct desc d;
	u16 sel = (u16)opnd_get(c, i, 1);
	bool ok = visible(c, sel, &d) && known_type(&d, c->lma ? LAR_LONG : LAR_TYPES);

	if (ok)
		opnd_set(c, i, 0, d.raw >> 32 & (i->osz == 2 ? 0xff00 : 0xffff00));
	set_zf(c, ok);
}

/* SDM 2A, LSL, table 3-57 */
void exec_lsl(struct soft_cpu *c, const struct insn *i)
{
	struct desc d;
	u16 sel = (u16)opnd_get(c, i, 1);
	bool ok = visible(c, sel, &d) && known_type(&d, c->lma ? LSL_LONG : LSL_TYPES);

	if (ok)
		opnd_set(c, i, 0, desc_seg(&d).limit);
	set_zf(c, ok);
}

void exec_verr(struct soft_cpu *c, const struct insn *i)
{
	struct desc d;
	u16 sel = (u16)opnd_get(c, i, 0);

	set_zf(c, visible(c, sel, &d) && desc_attr(&d) & SA_S &&
			  (desc_attr(&d) & (SA_CODE | SA_WRITE)) != SA_CODE);
}

void exec_verw(struct soft_cpu *c, const struct insn *i)
{
	struct desc d;
	u16 sel = (u16)opnd_get(c, i, 0);

	set_zf(c, visible(c, sel, &d) && attr_writable_data(desc_attr(&d)));
}

void exec_arpl(struct soft_cpu *c, const struct insn *i)
{
	u64 to = opnd_get(c, i, 0), rpl = opnd_get(c, i, 1) & 3;
	bool raised = (to & 3) < rpl;

	if (raised)
		opnd_set(c, i, 0, (to & ~3ull) | rpl);
	set_zf(c, raised);
}

/* ---- LDTR and TR ---- */

void exec_sldt(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, c->ldt.sel);
}

void exec_str(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, c->tr.sel);
}

void exec_lldt(struct soft_cpu *c, const struct insn *i)
{
	u16 sel = (u16)opnd_get(c, i, 0);
	struct desc d;

	if (sel_null(sel)) {
		c->ldt = (struct cpu_seg){ .sel = sel };
		return;
	}
	if (sel & 4)
		raise_sel(c, VEC_GP, sel);
	desc_read(c, sel, VEC_GP, &d);
	if ((desc_attr(&d) & SYS_MASK) != SYS_LDT)
		raise_sel(c, VEC_GP, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_NP, sel);
	c->ldt = desc_system_seg(c, &d);
}

void exec_ltr(struct soft_cpu *c, const struct insn *i)
{
	u16 sel = (u16)opnd_get(c, i, 0);
	unsigned type;
	struct cpu_seg tr;
	struct desc d;

	if (sel_null(sel))
		raise_gp(c);
	if (sel & 4)
		raise_sel(c, VEC_GP, sel);
	desc_read(c, sel, VEC_GP, &d);
	type = desc_attr(&d) & SYS_MASK;
	if (type != SYS_TSS32 && (c->lma || type != SYS_TSS16))
		raise_sel(c, VEC_GP, sel);
	if (!(desc_attr(&d) & SA_P))
		raise_sel(c, VEC_NP, sel);
	tr = desc_system_seg(c, &d);
	if (!desc_set_busy(c, &d, true))
		raise_sel(c, VEC_GP, sel);
	tr.attr |= SYS_BUSY;
	c->tr = tr;
}
