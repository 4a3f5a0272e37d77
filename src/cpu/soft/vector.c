/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/vector.c: vector instructions without a thunk: plain moves, for speed, and those that
 * touch some elements in memory and leave others alone. Intel SDM 2A to 2C, each one's page.
 */
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/thunk.h"

static bool is_vex(const struct insn *i)
{
	return i->encoding == ENC_VEX;
}

static void check(struct soft_cpu *c, const struct insn *i)
{
	fpu_check(c, is_vex(i) ? USE_VEX : USE_SSE);
}

static u8 *slot(const struct soft_cpu *c, const struct insn_operand *o)
{
	return c->fpu->vec[o->reg & 15];
}

/* A result of @size bytes in register @o: VEX clears the rest of it, and SSE up to 16 bytes. */
static void vec_set(struct soft_cpu *c, const struct insn *i, const struct insn_operand *o,
		    const void *from, unsigned size)
{
	u8 value[32] = { 0 };

	memcpy(value, from, size);
	if (is_vex(i))
		memcpy(slot(c, o), value, 32);
	else
		memcpy(slot(c, o), value, 16);
}

static struct fp_access access_of(const struct insn *i, const struct insn_operand *o)
{
	unsigned size = operand_size(o);

	return (struct fp_access){ .size = (u8)size,
				   .align = fp_align(i, insn_info(i), size),
				   .write = o->access & ACCESS_WRITE };
}

static void load(struct soft_cpu *c, const struct insn *i, const struct insn_operand *o, void *to)
{
	struct fp_access a = access_of(i, o);
	struct fp_mem m;

	fp_mem_get(c, i, &a, &m);
	switch (a.size) {
	case 4: memcpy(to, m.at, 4); break;
	case 8: memcpy(to, m.at, 8); break;
	case 16: memcpy(to, m.at, 16); break;
	default: memcpy(to, m.at, 32);
	}
}

static void store(struct soft_cpu *c, const struct insn *i, const struct insn_operand *o,
		  const void *from)
{
	struct fp_access a = access_of(i, o);
	struct fp_mem m;

	fp_mem_get(c, i, &a, &m);
	switch (a.size) {
	case 4: memcpy(m.at, from, 4); break;
	case 8: memcpy(m.at, from, 8); break;
	case 16: memcpy(m.at, from, 16); break;
	default: memcpy(m.at, from, 32);
	}
	if (m.bounced)
		seg_write_bytes(c, (enum insn_seg)i->seg, m.off, m.at, a.size);
}

/* MOVAPS, MOVDQU and all others that move a whole vector. */
void exec_vmove(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *to = &i->operand[0], *from = &i->operand[1];
	u8 value[32];

	check(c, i);
	if (to->kind == OPERAND_MEM) {
		store(c, i, to, slot(c, from));
		return;
	}
	if (from->kind == OPERAND_MEM)
		load(c, i, from, value);
	else
		memcpy(value, slot(c, from), 32);
	if (operand_size(to) == 32)
		memcpy(slot(c, to), value, 32);
	else
		vec_set(c, i, to, value, 16);
}

/* MOVD and MOVQ between a vector and a general register, memory, or another one. */
void exec_movdq(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *to = &i->operand[0], *from = &i->operand[1];
	unsigned size;
	u64 value;

	if (to->kind == OPERAND_MMX || from->kind == OPERAND_MMX) {
		exec_fp(c, i);
		return;
	}
	check(c, i);
	if (to->kind == OPERAND_MEM) {
		store(c, i, to, slot(c, from));
		return;
	}
	size = to->kind == OPERAND_GPR ? operand_size(to) : operand_size(from);
	if (from->kind == OPERAND_MEM)
		load(c, i, from, &value);
	else if (from->kind == OPERAND_GPR)
		value = c->gpr[from->reg];
	else
		value = le64_at(slot(c, from));
	if (to->kind == OPERAND_GPR)
		gpr_set(c, to->reg, size, size == 8 ? value : (u32)value);
	else
		vec_set(c, i, to, &value, MIN(size, 8));
}

/* MOVSS and MOVSD: between registers the rest comes from the first source. */
void exec_movscalar(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *to = &i->operand[0], *from = &i->operand[i->operands - 1];
	unsigned size = i->op == OP_MOVSS ? 4 : 8;
	u8 value[16];

	check(c, i);
	if (to->kind == OPERAND_MEM) {
		store(c, i, to, slot(c, from));
	} else if (from->kind == OPERAND_MEM) {
		load(c, i, from, value);
		vec_set(c, i, to, value, size);
	} else {
		memcpy(value, slot(c, i->operands == 3 ? &i->operand[1] : to), 16);
		memcpy(value, slot(c, from), size);
		vec_set(c, i, to, value, 16);
	}
}

void exec_vzero(struct soft_cpu *c, const struct insn *i)
{
	unsigned count = i->mode == CPU_64 ? 16 : 8, from = i->op == OP_ZEROALL ? 0 : 16;

	check(c, i);
	for (unsigned n = 0; n < count; n++)
		memset(c->fpu->vec[n] + from, 0, 32 - from);
}

/*
 * Store those @size-byte elements of @value whose highest bit in @mask is set; those that are not
 * stored raise nothing.
 */
static void store_masked(struct soft_cpu *c, const struct insn *i, u64 off, const u8 *value,
			 const u8 *mask, unsigned size, unsigned len)
{
	enum insn_seg seg = (enum insn_seg)i->seg;

	for (unsigned at = 0; at < len; at += size)
		if (mask[at + size - 1] & 0x80)
			seg_probe_write(c, seg, off + at, size);
	for (unsigned at = 0; at < len; at += size)
		if (mask[at + size - 1] & 0x80)
			seg_write_bytes(c, seg, off + at, value + at, size);
}

/* VMASKMOVPS, VPMASKMOVD and their like: 4 or 8 bytes by mnemonic. */
void exec_maskmov(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *to = &i->operand[0], *from = &i->operand[2];
	unsigned size = i->op == OP_MASKMOVPS || i->op == OP_PMASKMOVD ? 4 : 8;
	unsigned len = operand_size(to);
	u8 value[32] = { 0 };
	const u8 *mask = slot(c, &i->operand[1]);
	u64 off;

	check(c, i);
	off = insn_offset(c, i);
	if (to->kind == OPERAND_MEM) {
		store_masked(c, i, off, slot(c, from), mask, size, len);
		return;
	}
	for (unsigned at = 0; at < len; at += size)
		if (mask[at + size - 1] & 0x80)
			seg_read_bytes(c, (enum insn_seg)i->seg, off + at, value + at, size);
	memcpy(slot(c, to), value, 32);
}

static u64 di_offset(const struct soft_cpu *c, const struct insn *i)
{
	return gpr_get(c, R_DI, i->asz);
}

/* Alignment, where it is checked, is to 8 bytes, and whatever the mask says: AMD's family 1A. */
static void check_di(struct soft_cpu *c, const struct insn *i)
{
	fp_check_alignment(c, seg_check(c, (enum insn_seg)i->seg, di_offset(c, i), 8, true), 8);
}

void exec_maskmovdqu(struct soft_cpu *c, const struct insn *i)
{
	check(c, i);
	check_di(c, i);
	store_masked(c, i, di_offset(c, i), slot(c, &i->operand[0]), slot(c, &i->operand[1]), 1,
		     16);
}

/* MMX register @n, by a MOVQ to memory that the guest did not write: it makes x87 MMX, too. */
static void read_mmx(struct soft_cpu *c, unsigned n, u8 *out)
{
	static const u8 movq[] = { 0x0f, 0x7f, 0xc0 };
	u8 bytes[sizeof(movq)];
	struct insn i;
	struct thunk *t;

	memcpy(bytes, movq, sizeof(bytes));
	bytes[2] = (u8)(n << 3);
	if (decode(&i, bytes, sizeof(bytes), CPU_64) <= 0)
		raise_ud(c);
	t = thunk_prepare(c, &i);
	if (!t)
		raise_ud(c);
	fpu_enter(c->fpu, LIVE_X87);
	t->fn(&i, 0, c->fpu, out);
}

void exec_maskmovq(struct soft_cpu *c, const struct insn *i)
{
	u8 value[8], mask[8];

	fpu_check(c, USE_MMX);
	fpu_wait(c);
	read_mmx(c, i->operand[0].reg, value);
	read_mmx(c, i->operand[1].reg, mask);
	check_di(c, i);
	store_masked(c, i, di_offset(c, i), value, mask, 1, 8);
}

struct gather {
	unsigned size, index_size, count;
};

static struct gather gather_of(const struct insn *i)
{
	bool qword_index = i->op == OP_PGATHERQD || i->op == OP_PGATHERQQ ||
			   i->op == OP_GATHERQPS || i->op == OP_GATHERQPD;
	bool qword = i->op == OP_PGATHERDQ || i->op == OP_PGATHERQQ || i->op == OP_GATHERDPD ||
		     i->op == OP_GATHERQPD;
	struct gather g = { .size = qword ? 8 : 4, .index_size = qword_index ? 8 : 4 };

	g.count = i->vl / MAX(g.size, g.index_size);
	return g;
}

static u64 gather_offset(const struct soft_cpu *c, const struct insn *i, const struct gather *g,
			 unsigned n)
{
	const u8 *index = c->fpu->vec[i->index & 15] + n * g->index_size;
	u64 off = g->index_size == 4 ? (u64)(s32)le32_at(index) : le64_at(index);

	off = (off << i->scale) + (u64)i->disp;
	if (i->base < 16)
		off += c->gpr[i->base];
	return i->asz == 8 ? off : (u32)off;
}

/*
 * Elements from the lowest up; what was loaded before a fault stays, and its mask is cleared, so
 * that the instruction goes on where it was. At the end all of the mask is 0. SDM 2C, VPGATHERDD
 */
void exec_gather(struct soft_cpu *c, const struct insn *i)
{
	const struct gather g = gather_of(i);
	u8 *to = slot(c, &i->operand[0]), *mask = slot(c, &i->operand[2]);
	unsigned len = g.count * g.size;

	check(c, i);
	for (unsigned n = 0; n < g.count; n++) {
		u8 *m = mask + n * g.size, value[8];

		if (m[g.size - 1] & 0x80) {
			seg_read_bytes(c, (enum insn_seg)i->seg, gather_offset(c, i, &g, n), value,
				       g.size);
			memcpy(to + n * g.size, value, g.size);
		}
		memset(m, 0, g.size);
	}
	memset(to + len, 0, 32 - len);
	memset(mask, 0, 32);
}
