/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr_mem.c: memory operands of translated code. The entry of the TLB that the site's cell
 * names is looked at inline; if it is another one's, the glue finds the right one and all is done
 * again from the start of the check, or C does the instruction.
 */
#include "cpu/soft/tr.h"

enum { MISS_WRITE = 6 };

static struct x64_mem behind(unsigned base, size_t disp)
{
	return (struct x64_mem){ (u8)base, X64_NONE, 0, (s32)disp };
}

static struct tr_address address_of(const struct insn *i)
{
	return (struct tr_address){ i->base, i->index, i->scale, i->seg, i->asz, i->disp };
}

/* An address without registers: the block's own is known. */
static bool is_constant(const struct tr *t, const struct tr_address *a, u64 *val)
{
	const struct tr_insn *n = &t->insn[t->k];

	if (a->index != REG_NONE || (a->base != REG_NONE && a->base != REG_RIP))
		return false;
	*val = (u64)a->disp + (a->base == REG_RIP ? tr_rip(t, n) + n->i.len : 0);
	if (a->asz == 4)
		*val = (u32)*val;
	return true;
}

/* The host's register for one of an address: loaded into @scratch if it is in memory. */
static u8 part(struct x64 *x, unsigned r, unsigned scratch)
{
	if (r == REG_NONE)
		return X64_NONE;
	if (!tr_in_memory(r))
		return (u8)tr_reg(r);
	x64_load(x, 8, scratch, tr_gpr(r));
	return (u8)scratch;
}

/* The effective address in @dst; T0 and T1 may be used for it, flags not. */
static void effective(struct tr *t, struct x64 *x, const struct tr_address *a, unsigned dst)
{
	struct x64_mem m = { .scale = a->scale, .disp = (s32)a->disp };
	u64 val;

	if (is_constant(t, a, &val)) {
		x64_mov_ri(x, dst, val);
		return;
	}
	m.base = part(x, a->base, JIT_T0);
	m.index = part(x, a->index, JIT_T1);
	x64_lea(x, a->asz, dst, m);
}

void tr_effective(struct tr *t, unsigned dst)
{
	struct tr_address a = address_of(&t->insn[t->k].i);

	effective(t, &t->x, &a, dst);
}

/* The linear address in T0. */
static void linear(struct tr *t, struct x64 *x, const struct tr_address *a)
{
	struct x64_mem base = TR_FIELD(seg_base);

	effective(t, x, a, JIT_T0);
	if (a->seg < SEG_FS)
		return;
	base.disp += (s32)(a->seg * sizeof(u64));
	x64_rm(x, 8, 0x03, JIT_T0, base); /* add */
}

/* T1 is what is to be added to the linear address, whose registers are the operand's own. */
static struct x64_mem with_registers(struct tr *t, const struct tr_address *a)
{
	bool base = a->base != REG_NONE, index = a->index != REG_NONE;
	struct x64 *x = &t->x;

	if (index && tr_in_memory(a->index)) {
		x64_load(x, 8, JIT_T0, tr_gpr(a->index));
		x64_lea(x, 8, JIT_T1, (struct x64_mem){ JIT_T1, JIT_T0, a->scale, 0 });
		index = false;
	}
	if (base && tr_in_memory(a->base)) {
		x64_rm(x, 8, 0x03, JIT_T1, tr_gpr(a->base)); /* add */
		base = false;
	}
	if (base && !index)
		return (struct x64_mem){ (u8)tr_reg(a->base), JIT_T1, 0, (s32)a->disp };
	if (base)
		x64_rr(x, 8, ALU_ADD, tr_reg(a->base), JIT_T1);
	if (!index)
		return behind(JIT_T1, (size_t)a->disp);
	return (struct x64_mem){ JIT_T1, (u8)tr_reg(a->index), a->scale, (s32)a->disp };
}

/* The check has passed: T1 is the entry, T0 the linear address less @tag. */
static struct x64_mem operand(struct tr *t, const struct tr_address *a, size_t tag)
{
	struct x64_mem delta = behind(JIT_T1, offsetof(struct tlb_entry, delta));
	bool plain = a->asz == 8 && a->seg < SEG_FS;
	u64 val;

	if (plain && is_constant(t, a, &val) && val == (u64)(s32)val) {
		x64_load(&t->x, 8, JIT_T1, delta);
		return behind(JIT_T1, (size_t)val);
	}
	if (plain && !is_constant(t, a, &val)) {
		x64_load(&t->x, 8, JIT_T1, delta);
		return with_registers(t, a);
	}
	x64_rm(&t->x, 8, 0x03, JIT_T0, behind(JIT_T1, tag)); /* add */
	x64_load(&t->x, 8, JIT_T1, delta);
	x64_rr(&t->x, 8, ALU_ADD, JIT_T0, JIT_T1);
	return behind(JIT_T1, 0);
}

static void miss(struct tr *t, const struct tr_address *a, u32 site, unsigned which,
		 const u8 *again)
{
	linear(t, &t->cold, a);
	x64_mov_ri(&t->cold, JIT_T1, site);
	(void)x64_call(&t->cold, tr_glue(t, (enum jit_glue)(GLUE_MISS + which)));
	(void)x64_jmp(&t->cold, again);
}

/* T0's low bits are the address's own: tags are pages. */
static void check_alignment(struct tr *t, u32 site, unsigned align)
{
	x64_rr(&t->x, 1, 0xf6, 0, JIT_T0); /* test */
	x64_byte(&t->x, align);
	(void)x64_jcc(&t->x, CC_NE, x64_here(&t->cold));
	tr_go_to_site(t, &t->cold, site);
}

static bool looked_up_inline(unsigned size)
{
	return size && size <= 32 && !(size & (size - 1));
}

struct x64_mem tr_memory_at(struct tr *t, const struct tr_address *a, unsigned size,
			    enum tr_access access, unsigned align)
{
	bool write = access == TR_WRITE;
	size_t tag = write ? offsetof(struct tlb_entry, write) : offsetof(struct tlb_entry, read);
	u32 site = tr_site(t, tr_ends(&t->insn[t->k].i));
	struct x64_mem cell = behind(X64_SP, (size_t)JIT_CELLS_AT + 4 * (size_t)site);
	const u8 *again;

	tr_flags_lost(t, t->insn[t->k].live_before);
	t->accessed = true;
	if (!looked_up_inline(size)) {
		tr_go_to_site(t, &t->x, site);
		return behind(JIT_T1, 0);
	}
	again = x64_here(&t->x);
	linear(t, &t->x, a);
	x64_load(&t->x, 4, JIT_T1, cell);
	x64_rm(&t->x, 8, 0x03, JIT_T1, TR_FIELD(jit_tlb));   /* add */
	x64_rm(&t->x, 8, 0x2b, JIT_T0, behind(JIT_T1, tag)); /* sub */
	x64_alu_ri(&t->x, 8, ALU_CMP, JIT_T0, (s32)(PAGE - size));
	(void)x64_jcc(&t->x, CC_A, x64_here(&t->cold));
	miss(t, a, site, (write ? MISS_WRITE : 0) + (unsigned)__builtin_ctz(size), again);
	if (align)
		check_alignment(t, site, align);
	return operand(t, a, tag);
}

struct x64_mem tr_memory(struct tr *t, unsigned size, enum tr_access access, unsigned align)
{
	struct tr_address a = address_of(&t->insn[t->k].i);

	return tr_memory_at(t, &a, size, access, align);
}
