/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: registers and displacements such that an instruction reaches chosen memory. */
#include <string.h>

#include "steer.h"

static u64 ones_of(unsigned size)
{
	return size >= 8 ? ~0ull : BIT64(size * 8) - 1;
}

u64 seg_base_of(const struct ncase *c, enum insn_seg s)
{
	u16 sel = c->in.sel[s];

	if (c->mode == CPU_64)
		return s == SEG_FS ? c->in.fs_base : s == SEG_GS ? c->in.gs_base : 0;
	return sel & 4 && sel >> 3 < LDT_COUNT ? ldt_entries[sel >> 3].base : 0;
}

bool reg_free(const struct making *m, unsigned reg)
{
	return !((m->fixed | m->written) & BIT(reg));
}

/* Settle a register's value at the beginning. Its upper bits may be anything when @size is less. */
bool reg_settle(struct making *m, unsigned reg, u64 val, unsigned size)
{
	u64 above = size < 8 && one_in(m->rng, 2) ? edge_value(m->rng) & ~ones_of(size) : 0;

	if (!reg_free(m, reg))
		return false;
	m->c->in.gpr[reg] = (val & ones_of(size)) | above;
	m->fixed |= BIT(reg);
	return true;
}

static bool reg_known(const struct making *m, unsigned reg)
{
	return !(m->written & BIT(reg));
}

/* A linear address near something: @size bytes there lie in a page, cross pages or meet nothing. */
u64 pick_target(struct making *m, unsigned size, unsigned align)
{
	struct rng *r = m->rng;
	unsigned near = below(r, size + 1);
	u64 at;

	if (size > 2048)
		return DATA_BASE;
	switch (below(r, 32)) {
	case 0:
	case 1: at = DATA_BASE + PAGE_LEN - near; break;
	case 2: at = DATA_BASE + RO_AT - near; break;
	case 3: at = DATA_BASE + RO_AT + below(r, PAGE_LEN - size); break;
	case 4: at = DATA_BASE + DATA_SIZE - near; break;
	case 5: at = DATA_BASE - near; break;
	case 6: at = DATA_BASE - PAGE_LEN + below(r, PAGE_LEN); break;
	case 7:
		at = one_in(r, 2) ? 0x100000000ull - near : TOP_BASE + below(r, PAGE_LEN - size);
		break;
	case 8:
		if (m->c->mode == CPU_64 && one_in(r, 2))
			return (one_in(r, 2) ? 0x0000800000000000ull : 0xffff800000000000ull) -
			       below(r, 16);
		at = CODE_BASE + below(r, CODE_SIZE);
		break;
	default: at = DATA_BASE + below(r, RO_AT - size);
	}
	return one_in(r, 8) ? at : at & ~(u64)(align - 1);
}

/* ---- displacements ---- */

static bool disp_set(struct making *m, u64 disp)
{
	struct insn *i = m->i;
	unsigned size = i->disp_len;

	if (!size)
		return false;
	if (size < i->asz && (s64)disp != (s64)(size == 1   ? (u64)(s64)(s8)disp
						: size == 2 ? (u64)(s64)(s16)disp
							    : (u64)(s64)(s32)disp))
		return false;
	memcpy(m->code + i->disp_at, &disp, size);
	return decode(i, m->code, 15, (enum cpu_mode)m->c->mode) > 0;
}

/* r * (scale + 1) + disp */
static bool steer_twice(struct making *m, u64 off)
{
	struct insn *i = m->i;
	u64 times = (1u << i->scale) + 1;
	u64 val = i->disp_len >= 2 ? below(m->rng, 256) : (off - (u64)i->disp) / times;

	if (!reg_settle(m, i->base, val, i->asz))
		val = m->c->in.gpr[i->base];
	disp_set(m, off - val * times);
	return true;
}

static u64 index_part(struct making *m)
{
	struct insn *i = m->i;
	u64 val = one_in(m->rng, 3) ? edge_value(m->rng) : below(m->rng, 64);

	if (i->index >= 16 || insn_info(i)->attr & INSN_VSIB)
		return 0;
	reg_settle(m, i->index, val, i->asz);
	return (m->c->in.gpr[i->index] & ones_of(i->asz)) << i->scale;
}

/*
 * Make the memory operand's address linear @target. What cannot be had is left as it is: the
 * instruction then goes wherever it goes.
 */
bool steer_to(struct making *m, u64 target)
{
	struct insn *i = m->i;
	u64 off = target - seg_base_of(m->c, (enum insn_seg)i->seg), sum;

	off &= ones_of(i->asz);
	if (i->base == REG_RIP)
		return disp_set(m, (u64)(s64)(s32)(off - (m->rip + i->len)));
	if (i->index < 16 && !reg_known(m, i->index))
		return false;
	if (i->base == i->index && i->base < 16 && !(insn_info(i)->attr & INSN_VSIB))
		return steer_twice(m, off);
	sum = off - index_part(m);
	if (i->base >= 16)
		return disp_set(m, i->asz == 8 || i->disp_len == i->asz ? sum : (u64)(s64)(s32)sum);
	if (reg_settle(m, i->base, sum - (u64)i->disp, i->asz))
		return true;
	if (!reg_known(m, i->base))
		return false;
	sum -= m->c->in.gpr[i->base];
	return disp_set(m, i->asz == 8   ? sum
			   : i->asz == 4 ? (u64)(s64)(s32)sum
					 : (u64)(s64)(s16)sum);
}

/* Where the memory operand lies, if nothing has written its registers. */
u64 address_now(const struct making *m)
{
	const struct insn *i = m->i;
	u64 off = (u64)i->disp;

	if (i->base == REG_RIP)
		off += m->rip + i->len;
	else if (i->base < 16)
		off += m->c->in.gpr[i->base];
	if (i->index < 16 && !(insn_info(i)->attr & INSN_VSIB))
		off += m->c->in.gpr[i->index] << i->scale;
	off = (off & ones_of(i->asz)) + seg_base_of(m->c, (enum insn_seg)i->seg);
	return m->c->mode == CPU_64 ? off : (u32)off;
}

/* ---- memory ---- */

/* The place of linear @at in struct mem_image, or -1: it cannot be written there. */
static int image_offset(struct making *m, u64 at, unsigned len)
{
	if (at >= DATA_BASE && at + len <= DATA_BASE + RO_AT)
		return (int)(at - DATA_BASE);
	if (at >= TOP_BASE && at + len <= TOP_BASE + (u64)PAGE_LEN) {
		return MEM_TOP + (int)(at - TOP_BASE);
	}
	return -1;
}

/* Memory at linear @at holds @bytes when the case begins. */
bool patch_memory(struct making *m, u64 at, const void *bytes, unsigned len)
{
	struct ncase *c = m->c;
	unsigned from = 0;
	int off = image_offset(m, at, len);

	if (c->patches)
		from = c->patch[c->patches - 1u].from + c->patch[c->patches - 1u].len;
	if (off < 0 || c->patches == MAX_PATCHES || from + len > PATCH_BYTES)
		return false;
	c->patch[c->patches++] =
		(struct patch){ .at = (u16)off, .len = (u16)len, .from = (u16)from };
	memcpy(c->bytes + from, bytes, len);
	return true;
}

/* ---- places in code ---- */

/* Where a branch may go: mostly HLT, away from the case's own bytes. */
u64 code_target(struct making *m)
{
	struct rng *r = m->rng;
	u64 at;

	if (one_in(r, 16)) {
		switch (below(r, 5)) {
		case 0: return DATA_BASE + below(r, DATA_SIZE);
		case 1: return CODE_BASE + CODE_SIZE;
		case 2: return CODE_BASE - 1 - below(r, 64);
		case 3: return m->c->mode == CPU_64 ? 0x0000800000000000ull + below(r, 8) : 0xffff;
		default: return CODE_BASE + CODE_SIZE - 1;
		}
	}
	at = CODE_BASE + m->c->code_at;
	at += one_in(r, 2) ? 0x200 + below(r, 0x800) : (u64) - (0x40 + (s64)below(r, 0x400));
	if (at < CODE_BASE || at >= CODE_BASE + CODE_SIZE)
		at = CODE_BASE + (m->c->code_at > PAGE_LEN ? 8 : CODE_SIZE - 8);
	return at;
}

u64 code_offset(const struct making *m, u64 linear)
{
	return linear - seg_base_of(m->c, SEG_CS);
}
