/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host instructions as bytes: the encodings that translated code is made of. Intel SDM 2A 2. */
#include "cpu/soft/x64.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/x64_priv.h"

void x64_byte(struct x64 *x, unsigned b)
{
	if (x->at < x->end)
		*x->at++ = (u8)b;
	else
		x->over++;
}

void x64_bytes(struct x64 *x, const void *p, size_t n)
{
	if (n <= (size_t)(x->end - x->at)) {
		memcpy(x->at, p, n);
		x->at += n;
	} else {
		x->at = x->end;
		x->over += n;
	}
}

void x64_u32(struct x64 *x, u32 v)
{
	u8 b[4];

	put_le32(b, v);
	x64_bytes(x, b, sizeof(b));
}

void x64_number(struct x64 *x, u64 v, unsigned n)
{
	u8 b[8];

	put_le64(b, v);
	x64_bytes(x, b, n);
}

static bool fits_s8(s32 v)
{
	return v == (s8)v;
}

/* SDM 2A table 2-2: base 5 without displacement is none, and base 4 needs SIB. */
void x64_modrm(struct x64 *x, unsigned reg, struct x64_mem m)
{
	unsigned index = m.index == X64_NONE ? 4 : m.index & 7;
	unsigned base = m.base == X64_NONE ? 5 : m.base & 7;
	unsigned mod = 2;
	u8 b[2];

	if (m.base == X64_NONE || (!m.disp && base != 5))
		mod = 0;
	else if (fits_s8(m.disp))
		mod = 1;
	b[1] = (u8)(m.scale << 6 | index << 3 | base);
	if (m.base == X64_NONE || m.index != X64_NONE || base == 4) {
		b[0] = (u8)(mod << 6 | (reg & 7) << 3 | 4);
		x64_bytes(x, b, 2);
	} else {
		x64_byte(x, mod << 6 | (reg & 7) << 3 | base);
	}
	if (mod == 1)
		x64_byte(x, (u8)m.disp);
	else if (mod == 2 || m.base == X64_NONE)
		x64_u32(x, (u32)m.disp);
}

static bool is_prefix(unsigned b)
{
	return b == 0x66 || b == 0xf2 || b == 0xf3;
}

/* Prefixes, REX and opcode; @rex without W. */
static void opcode(struct x64 *x, unsigned size, u32 op, unsigned rex, bool byte_reg)
{
	unsigned n = op >> 24 ? 4 : op >> 16 ? 3 : op >> 8 ? 2 : 1;
	unsigned top = op >> (n - 1) * 8;

	if (size == 2)
		x64_byte(x, 0x66);
	if (n > 1 && is_prefix(top)) {
		x64_byte(x, top);
		n--;
	}
	if (size == 8)
		rex |= REX_W;
	if (rex || byte_reg)
		x64_byte(x, 0x40 | rex);
	while (n--)
		x64_byte(x, op >> n * 8 & 0xff);
}

void x64_rr(struct x64 *x, unsigned size, u32 op, unsigned reg, unsigned rm)
{
	opcode(x, size, op, x64_extends(reg, REX_R) | x64_extends(rm, REX_B),
	       size == 1 && (x64_low_byte(reg) || x64_low_byte(rm)));
	x64_byte(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void x64_rm(struct x64 *x, unsigned size, u32 op, unsigned reg, struct x64_mem m)
{
	assert(m.index != X64_SP);
	opcode(x, size, op, x64_extends(reg, REX_R) | x64_memory_rex(m),
	       size == 1 && x64_low_byte(reg));
	x64_modrm(x, reg, m);
}

static bool short_immediate(unsigned size, s32 imm)
{
	return fits_s8(size == 2 ? (s16)imm : imm);
}

/* Group 1's opcode, and how long its immediate is. SDM 2D table A-6 */
static u32 group1(unsigned size, s32 imm, unsigned *len)
{
	*len = size == 1 || short_immediate(size, imm) ? 1 : MIN(size, 4u);
	return size == 1 ? 0x80 : *len == 1 ? 0x83 : 0x81;
}

void x64_alu_ri(struct x64 *x, unsigned size, unsigned alu, unsigned rm, s32 imm)
{
	unsigned len;
	u32 op = group1(size, imm, &len);

	opcode(x, size, op, x64_extends(rm, REX_B), size == 1 && x64_low_byte(rm));
	x64_byte(x, 0xc0 | (alu & 0x38) | (rm & 7));
	x64_number(x, (u32)imm, len);
}

void x64_alu_mi(struct x64 *x, unsigned size, unsigned alu, struct x64_mem m, s32 imm)
{
	unsigned len;
	u32 op = group1(size, imm, &len);

	assert(m.index != X64_SP);
	opcode(x, size, op, x64_memory_rex(m), false);
	x64_modrm(x, alu >> 3, m);
	x64_number(x, (u32)imm, len);
}

void x64_mov(struct x64 *x, unsigned dst, unsigned src)
{
	x64_rr(x, 8, 0x89, src, dst);
}

void x64_mov_ri(struct x64 *x, unsigned dst, u64 imm)
{
	if (imm == (u32)imm) {
		opcode(x, 4, 0xb8 | (dst & 7), x64_extends(dst, REX_B), false);
		x64_u32(x, (u32)imm);
	} else if (imm == (u64)(s32)imm) {
		x64_rr(x, 8, 0xc7, 0, dst);
		x64_u32(x, (u32)imm);
	} else {
		opcode(x, 8, 0xb8 | (dst & 7), x64_extends(dst, REX_B), false);
		x64_number(x, imm, 8);
	}
}

void x64_load(struct x64 *x, unsigned size, unsigned dst, struct x64_mem m)
{
	x64_rm(x, size, 0x8b, dst, m);
}

void x64_store(struct x64 *x, unsigned size, struct x64_mem m, unsigned src)
{
	x64_rm(x, size, size == 1 ? 0x88 : 0x89, src, m);
}

void x64_store_imm(struct x64 *x, unsigned size, struct x64_mem m, u32 imm)
{
	x64_rm(x, size, 0xc7, 0, m);
	x64_number(x, imm, MIN(size, 4u));
}

void x64_lea(struct x64 *x, unsigned size, unsigned dst, struct x64_mem m)
{
	x64_rm(x, size, 0x8d, dst, m);
}

/* The distance behind an opcode of @n bytes that has just been written, if it found room. */
static u8 *distance(struct x64 *x, const u8 *to)
{
	u8 *place = x->at;

	x64_u32(x, 0);
	if (x64_full(x))
		return NULL;
	if (to)
		x64_set_jump(x, place, to);
	return place;
}

u8 *x64_jmp(struct x64 *x, const u8 *to)
{
	x64_byte(x, 0xe9);
	return distance(x, to);
}

u8 *x64_jcc(struct x64 *x, unsigned cc, const u8 *to)
{
	X64_BYTES(x, 0x0f, (u8)(0x80 | cc));
	return distance(x, to);
}

u8 *x64_call(struct x64 *x, const u8 *to)
{
	x64_byte(x, 0xe8);
	return distance(x, to);
}

struct distance {
	s32 d;
} __attribute__((packed, may_alias));

void x64_set_jump(const struct x64 *x, u8 *place, const u8 *to)
{
	ptrdiff_t from;
	s32 d;

	if (!place)
		return;
	from = (ptrdiff_t)(place + 4) + x->exec;
	d = (s32)((ptrdiff_t)to - from);
	assert(from + d == (ptrdiff_t)to);
	((volatile struct distance *)place)->d = d;
}

void x64_jmp_reg(struct x64 *x, unsigned reg)
{
	x64_rr(x, 4, 0xff, 4, reg);
}

void x64_jmp_mem(struct x64 *x, struct x64_mem m)
{
	x64_rm(x, 4, 0xff, 4, m);
}
