/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/operand.c: operands, the stack and branch targets, as exec_fn see them. */
#include "cpu/soft/int_priv.h"

u64 insn_offset(const struct soft_cpu *c, const struct insn *i)
{
	u64 off = (u64)i->disp;

	if (i->base < 16)
		off += c->gpr[i->base];
	else if (i->base == REG_RIP)
		off += c->rip + i->len;
	if (i->index < 16 && !(insn_info(i)->attr & INSN_VSIB))
		off += c->gpr[i->index] << i->scale;
	return off & ones(i->asz);
}

void gpr_set(struct soft_cpu *c, unsigned reg, unsigned size, u64 val)
{
	u64 *r = &c->gpr[reg];

	switch (size) {
	case 1: *r = (*r & ~0xffull) | (u8)val; break;
	case 2: *r = (*r & ~0xffffull) | (u16)val; break;
	case 4: *r = (u32)val; break;
	default: *r = val;
	}
}

u64 opnd_get(struct soft_cpu *c, const struct insn *i, unsigned n)
{
	const struct insn_operand *o = &i->operand[n];
	unsigned size = operand_size(o);

	switch (o->kind) {
	case OPERAND_GPR: return gpr_get(c, o->reg, size);
	case OPERAND_HIGH: return c->gpr[o->reg] >> 8 & 0xff;
	case OPERAND_SEG: return c->seg[o->reg].sel;
	case OPERAND_IMM: return i->imm & ones(size);
	case OPERAND_IMM2: return i->imm >> 32 & 0xff;
	case OPERAND_REL: return i->imm;
	default: return seg_read(c, (enum insn_seg)i->seg, insn_offset(c, i), size);
	}
}

void opnd_set(struct soft_cpu *c, const struct insn *i, unsigned n, u64 val)
{
	const struct insn_operand *o = &i->operand[n];
	unsigned size = operand_size(o);

	switch (o->kind) {
	case OPERAND_GPR: gpr_set(c, o->reg, size, val); break;
	case OPERAND_HIGH:
		c->gpr[o->reg] = (c->gpr[o->reg] & ~0xff00ull) | (val & 0xff) << 8;
		break;
	default: seg_write(c, (enum insn_seg)i->seg, insn_offset(c, i), size, val);
	}
}

enum place_kind { PLACE_DIRECT, PLACE_GPR, PLACE_COPY };

/* Devices, two pages, or somebody watches: work on a copy. All that can fault does so here. */
static void place_copy(struct soft_cpu *c, unsigned locked, struct place *p)
{
	enum insn_seg s = (enum insn_seg)p->seg;

	p->kind = PLACE_COPY;
	p->at = p->copy;
	if (locked) {
		exclusive_begin(c);
		p->exclusive = true;
	}
	seg_probe_write(c, s, p->off, p->size);
	if (p->size <= 8)
		p->copy[0] = seg_read(c, s, p->off, p->size);
	else
		seg_read_bytes(c, s, p->off, p->copy, p->size);
}

void place_memory(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size, unsigned locked,
		  struct place *p)
{
	gva_t lin = seg_check(c, s, off, size, true);

	p->off = off;
	p->seg = (u8)s;
	p->size = (u8)size;
	p->kind = PLACE_DIRECT;
	p->exclusive = false;
	p->at = NULL;
	if ((lin & (PAGE - 1)) <= PAGE - size)
		p->at = lin_ptr(c, lin, size, true, s);
	if (!p->at)
		place_copy(c, locked, p);
}

void place_begin(struct soft_cpu *c, const struct insn *i, unsigned n, struct place *p)
{
	const struct insn_operand *o = &i->operand[n];
	unsigned size = operand_size(o);

	if (o->kind != OPERAND_GPR && o->kind != OPERAND_HIGH) {
		place_memory(c, (enum insn_seg)i->seg, insn_offset(c, i), size, insn_locked(i), p);
		return;
	}
	/* The host is little endian. */
	p->at = (u8 *)&c->gpr[o->reg] + (o->kind == OPERAND_HIGH);
	p->size = (u8)size;
	p->kind = PLACE_GPR;
	p->exclusive = false;
}

void place_end(struct soft_cpu *c, struct place *p)
{
	if (p->kind == PLACE_GPR && p->size == 4)
		put_le32((u8 *)p->at + 4, 0);
	if (p->kind != PLACE_COPY)
		return;
	if (p->size <= 8)
		seg_write(c, (enum insn_seg)p->seg, p->off, p->size, p->copy[0]);
	else
		seg_write_bytes(c, (enum insn_seg)p->seg, p->off, p->copy, p->size);
	if (p->exclusive)
		exclusive_end(c);
}

u64 stack_pointer(const struct soft_cpu *c)
{
	return c->gpr[R_SP] & ones(c->stack_size);
}

void stack_set(struct soft_cpu *c, u64 sp)
{
	gpr_set(c, R_SP, c->stack_size, sp);
}

void push(struct soft_cpu *c, unsigned size, u64 val)
{
	u64 sp = (stack_pointer(c) - size) & ones(c->stack_size);

	seg_write(c, SEG_SS, sp, size, val);
	stack_set(c, sp);
}

u64 stack_peek(struct soft_cpu *c, unsigned slot, unsigned size)
{
	return seg_read(c, SEG_SS, (stack_pointer(c) + slot * size) & ones(c->stack_size), size);
}

u64 pop(struct soft_cpu *c, unsigned size)
{
	u64 val = stack_peek(c, 0, size);

	stack_set(c, stack_pointer(c) + size);
	return val;
}

void branch_to(struct soft_cpu *c, u64 rip, unsigned size)
{
	rip &= ones(size);
	if (c->mode == CPU_64 ? !is_canonical(rip) : rip > c->seg[SEG_CS].limit)
		raise_gp(c);
	c->next_rip = rip;
}
