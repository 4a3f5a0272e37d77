/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case from a number: mode, segments, registers, one instruction or some, where they lie. */
#include <string.h>

#include "native.h"
#include "steer.h"

enum { RAX, RCX, RSP = 4 };
enum { FL_DF = 1 << 10, FL_ARITH_MASK = 0x8d5, FL_TF = 1 << 8, FL_IF = 1 << 9, FL_AC = 1 << 18 };

const struct descriptor ldt_entries[LDT_COUNT] = {
	/*
	 * Longer than the code: on a Zen 5 a branch that ends at the limit is, once in 100000
	 * times, #GP even when it is taken.
	 */
	{ .base = CODE_BASE, .limit = CODE_SIZE + PAGE_LEN - 1, .code = true },
	{ .base = CODE_BASE, .limit = CODE_SIZE + PAGE_LEN - 1, .code = true, .big = true },
	{ .base = DATA_BASE, .limit = DATA_SIZE - 1 },
	{ .base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true },
	{ .base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true, .readonly = true },
	{ .base = DATA_BASE, .limit = 0xfff, .down = true, .big = true },
	{ .base = DATA_BASE, .limit = 0x7ff, .down = true },
	{ .base = DATA_BASE, .limit = DATA_SIZE - 1, .big = true, .absent = true },
	{ .base = DATA_BASE, .limit = DATA_SIZE - 1, .code = true, .readonly = true, .big = true },
	{ .base = 0, .limit = 0xfffff, .pages = true },
	{ .base = DATA_BASE + 0x800, .limit = 15, .big = true },
	{ .base = DATA_BASE - 0x8000, .limit = 0xffff },
};

static u16 ldt_selector(unsigned n)
{
	return (u16)(n << 3 | 7);
}

void mem_image_fill(struct mem_image *m)
{
	struct rng r = { 42 };

	for (unsigned at = 0; at < MEM_OWN; at += 16)
		edge_bytes(&r, m->bytes + at, 16);
	memset(m->bytes + MEM_OWN, HLT, PAGE_LEN);
	for (unsigned at = 0; at < PAGE_LEN; at += 16)
		edge_bytes(&r, m->readonly + at, 16);
}

void result_add_lines(struct result *r, const u8 *now, const u8 *before, unsigned first,
		      unsigned count)
{
	if (!memcmp(now, before, (size_t)count * LINE))
		return;
	for (unsigned n = 0; n < count; n++) {
		if (!memcmp(now + n * LINE, before + n * LINE, LINE))
			continue;
		r->line[r->lines].at = (first + n) * LINE;
		memcpy(r->line[r->lines++].bytes, now + n * LINE, LINE);
	}
}

/* ---- segments ---- */

static u16 data_selector(struct rng *r, enum cpu_mode mode)
{
	static const u8 some[] = { 2, 3, 3, 4, 5, 6, 9, 10, 11, 0, 1 };

	if (mode == CPU_32 && !one_in(r, 3))
		return SEL_DATA;
	if (mode == CPU_16 && one_in(r, 2))
		return ldt_selector(one_in(r, 2) ? 2 : 11);
	return one_in(r, 30) ? 0 : ldt_selector(some[below(r, ARRAY_LEN(some))]);
}

static void choose_segments(struct ncase *c, struct rng *r)
{
	static const u8 stacks[] = { 2, 3, 5, 6, 9, 11, 2, 3 };
	enum cpu_mode mode = (enum cpu_mode)c->mode;
	u16 *sel = c->in.sel;

	if (mode == CPU_64) {
		memset(sel, 0, sizeof(c->in.sel));
		sel[SEG_CS] = SEL_CODE64;
		sel[SEG_SS] = SEL_DATA;
		if (one_in(r, 8))
			sel[SEG_DS] = sel[SEG_ES] = SEL_DATA;
		c->in.fs_base = one_in(r, 4) ? 0 : DATA_BASE + below(r, 0x4000) - 0x1000;
		c->in.gs_base = one_in(r, 8) ? 0x7fffffff0000ull : edge_value(r) & 0x7fffffff;
		return;
	}
	for (unsigned s = 0; s < 6; s++)
		sel[s] = data_selector(r, mode);
	sel[SEG_CS] = mode == CPU_16 ? SEL_CODE16 : one_in(r, 4) ? ldt_selector(1) : SEL_CODE32;
	if (mode == CPU_16 || one_in(r, 4))
		sel[SEG_SS] = ldt_selector(stacks[below(r, ARRAY_LEN(stacks))]);
	else
		sel[SEG_SS] = SEL_DATA;
	c->in.fs_base = seg_base_of(c, SEG_FS);
	c->in.gs_base = seg_base_of(c, SEG_GS);
}

static void choose_registers(struct ncase *c, struct forms *f, struct rng *r)
{
	for (unsigned n = 0; n < 16; n++)
		c->in.gpr[n] = edge_value(r);
	if (c->mode != CPU_64)
		memset(c->in.gpr + 8, 0, 8 * sizeof(u64));
	if (one_in(r, 2))
		c->in.gpr[RSP] = DATA_BASE + 0x1000 + below(r, 0x100) * 8 - seg_base_of(c, SEG_SS);
	c->in.rflags = (rng_next(r) & FL_ARITH_MASK) | 2 | FL_IF;
	if (one_in(r, 4))
		c->in.rflags |= FL_DF;
	memcpy(c->fp, f->fp_pool[below(r, FP_POOL)], FP_SIZE);
}

static void choose_place(struct ncase *c, struct rng *r, bool sequence)
{
	switch (sequence ? 11 : below(r, 12)) {
	case 0: c->code_at = (u16)(PAGE_LEN - below(r, 17)); break;
	case 1: c->code_at = (u16)(CODE_SIZE - below(r, 17) - 1); break;
	default: c->code_at = (u16)(0x100 + below(r, 0x1c00));
	}
}

/* ---- one instruction ---- */

/* Vector registers that it reads, and the control words: of the best. */
static void choose_fp(struct making *m)
{
	const struct insn_info *info = insn_info(m->i);
	struct insn_regs regs;
	u32 mxcsr;

	if (info->cls == CLASS_X87 || info->attr & INSN_MMX) {
		edge_fp_state(m->rng, m->c->fp);
		return;
	}
	if (info->cls != CLASS_SIMD)
		return;
	insn_regs(m->i, &regs);
	for (unsigned n = 0; n < 16; n++) {
		if (!(regs.vec_read & BIT(n)))
			continue;
		edge_bytes(m->rng, m->c->fp + 160 + 16 * n, 16);
		edge_bytes(m->rng, m->c->fp + 576 + 16 * n, 16);
	}
	mxcsr = edge_mxcsr(m->rng);
	memcpy(m->c->fp + 24, &mxcsr, 4);
}

/*
 * Flags that are not defined afterwards, beyond what insn_flags() can know: a count in CL of as
 * many bits as the operand has, or more. SDM 2B, SAL/SAR/SHL/SHR, SHLD
 */
static u32 undefined_after(const struct insn *i, u32 before)
{
	const struct insn_operand *last = &i->operand[i->operands ? i->operands - 1 : 0];
	unsigned size = operand_size(&i->operand[0]);
	struct flag_use use;

	insn_flags(i, &use);
	if (last->kind == OPERAND_GPR && last->reg == RCX && last->units == 1) {
		if ((i->op == OP_SHL || i->op == OP_SHR) && size < 4)
			use.undefined |= 1;
		if ((i->op == OP_SHLD || i->op == OP_SHRD) && size < 4)
			use.undefined |= FL_ARITH_MASK;
	}
	if (!use.conditional)
		before &= ~use.written;
	return before | use.undefined;
}

bool reads_undefined(const struct ncase *c)
{
	u32 undefined = 0, jumped = 0;

	for (unsigned n = 0; n < c->insns; n++) {
		struct flag_use use;
		struct insn i;

		if (decode(&i, c->code + c->insn_at[n], 15, (enum cpu_mode)c->mode) <= 0)
			continue;
		insn_flags(&i, &use);
		if (use.read & undefined)
			return true;
		if (insn_info(&i)->cls == CLASS_BRANCH)
			jumped |= undefined;
		undefined = undefined_after(&i, undefined) | jumped;
	}
	return false;
}

static bool wanted(const struct gen_options *o, const struct insn *i)
{
	char name[32];

	if (!o->form)
		return true;
	insn_name(i, name, sizeof(name));
	return !strcmp(name, o->form);
}

static unsigned pick(struct forms *f, const struct gen_options *o, struct rng *r)
{
	if (o->form && o->chosen)
		return o->chosen[below(r, o->chosen_count)];
	return one_in(r, 24) ? ~0u : forms_pick(f, r);
}

/* What these write is not all compared, so nothing may read it. */
static bool saves_state(u16 op)
{
	return op == OP_FXSAVE || op == OP_FNSAVE || op == OP_FNSTENV || op == OP_XSAVE ||
	       op == OP_XSAVEC || op == OP_XSAVEOPT;
}

/* Bad company: shifts whose result is undefined, too; in a row, what stops or goes elsewhere. */
static bool fits(const struct making *m, bool sequence)
{
	const struct insn *i = m->i;
	const struct insn_info *info = insn_info(i);
	struct insn_regs regs;

	if ((i->op == OP_SHLD || i->op == OP_SHRD) && i->osz == 2)
		return i->operand[2].kind == OPERAND_IMM && ((u8)i->imm & 31) <= 16;
	if (i->op == OP_BSWAP && i->osz == 2)
		return false;
	if (!sequence)
		return true;
	insn_regs(i, &regs);
	if (m->loop_reg && (regs.gpr_written & m->loop_reg || undefined_after(i, 0)))
		return false;
	if (saves_state(i->op))
		return false;
	return info->cls != CLASS_SYSTEM && !(info->attr & (INSN_FAR | INSN_SYS)) &&
	       i->op != OP_IRET && i->op != OP_POPF;
}

static bool add_insn(struct making *m, struct forms *f, const struct gen_options *o, bool sequence)
{
	struct ncase *c = m->c;
	u8 *at = c->code + c->code_len;
	struct flag_use use;

	for (unsigned tries = 0; tries < 200; tries++) {
		unsigned n = pick(f, o, m->rng);
		u8 bytes[16];

		if (!forms_make(f, m->rng, n, (enum cpu_mode)c->mode, bytes, m->i) ||
		    !comparable(m->i, f->has) || !wanted(o, m->i) || !fits(m, sequence))
			continue;
		insn_flags(m->i, &use);
		if (use.read & c->undefined[c->insns])
			continue;
		memcpy(at, bytes, m->i->len);
		m->code = at;
		m->rip = CODE_BASE + c->code_at + c->code_len;
		return true;
	}
	return false;
}

static void note_insn(struct making *m)
{
	struct ncase *c = m->c;
	struct insn_regs regs;

	insn_regs(m->i, &regs);
	m->written |= regs.gpr_written;
	c->insn_at[c->insns] = (u8)c->code_len;
	/* Who jumps may pass over all that defines flags behind it. */
	if (insn_info(m->i)->cls == CLASS_BRANCH)
		m->jumped |= c->undefined[c->insns];
	c->undefined[c->insns + 1] = undefined_after(m->i, c->undefined[c->insns]) | m->jumped;
	c->code_len += m->i->len;
	c->insns++;
	c->insn_at[c->insns] = (u8)c->code_len;
}

/* ---- branches ---- */

/* Relative branches go to a later instruction, behind the last, or to HLT somewhere. */
static void aim_branch(struct making *m, unsigned n)
{
	struct ncase *c = m->c;
	struct insn i;
	u8 *code = c->code + c->insn_at[n];
	unsigned next;
	s64 rel;

	if (decode(&i, code, 15, (enum cpu_mode)c->mode) <= 0 || !i.operands ||
	    i.operand[0].kind != OPERAND_REL)
		return;
	next = c->insn_at[n] + i.len;
	if (one_in(m->rng, 2) || c->insns > 1)
		rel = c->insn_at[n + 1 + below(m->rng, c->insns - n)] - (s64)next;
	else if (i.imm_len > 1)
		rel = (s64)(code_target(m) - (CODE_BASE + c->code_at + next));
	else
		rel = one_in(m->rng, 2) ? 32 + (s64)below(m->rng, 96)
					: -32 - (s64)below(m->rng, 96);
	memcpy(code + i.imm_at, &rel, i.imm_len);
}

static bool branches(const struct ncase *c)
{
	for (unsigned n = 0; n < c->insns; n++) {
		struct insn i;

		if (decode(&i, c->code + c->insn_at[n], 15, (enum cpu_mode)c->mode) > 0 &&
		    insn_info(&i)->cls == CLASS_BRANCH)
			return true;
	}
	return false;
}

/* Where control flow is not straight, undefined anywhere before is undefined. */
static void spread_undefined(struct ncase *c, bool loop)
{
	u32 all = 0;

	for (unsigned n = 0; n <= c->insns; n++) {
		all |= c->undefined[n];
		if (!loop)
			c->undefined[n] = all;
	}
	for (unsigned n = 0; loop && n <= c->insns; n++)
		c->undefined[n] = all;
}

/* DEC of a register that nothing else uses, JNZ back. */
static void close_loop(struct making *m)
{
	struct ncase *c = m->c;
	u8 *p = c->code + c->code_len;
	unsigned reg = m->c->mode == CPU_64 ? 15 : 5, len = 0;
	s32 back;

	if (c->mode == CPU_64)
		p[len++] = 0x49;
	p[len++] = 0xff;
	p[len++] = (u8)(0xc8 | (reg & 7));
	p[len++] = 0x0f;
	p[len++] = 0x85;
	back = -(s32)(c->code_len + len + (c->mode == CPU_16 ? 2 : 4));
	memcpy(p + len, &back, 4);
	len += c->mode == CPU_16 ? 2 : 4;
	m->c->in.gpr[reg] = 2 + below(m->rng, 30);
	c->code_len += (u16)len;
	c->flags |= CASE_LOOP;
}

static void make_wrong(struct ncase *c, struct rng *r)
{
	u8 bytes[16];

	while (!forms_make_wrong(r, (enum cpu_mode)c->mode, bytes))
		;
	memcpy(c->code, bytes, 15);
	/* At the end of the code it may be #PF first: how much is fetched before it is refused? */
	c->code_at = (u16)(0x100 + below(r, 0x1c00));
	c->flags |= CASE_UD;
	c->code_len = c->insn_at[1] = 15;
	c->insns = 1;
}

void case_make(struct ncase *c, struct forms *f, const struct gen_options *o, u64 seed)
{
	struct rng r = { seed };
	struct insn i;
	struct making m = { .c = c, .rng = &r, .i = &i };
	bool sequence = !o->single && (o->sequences || one_in(&r, 5)), loop;
	unsigned count = sequence ? 2 + below(&r, MAX_INSNS - 2) : 1;

	memset(c, 0, offsetof(struct ncase, fp));
	c->mode = (u8)(o->mode >= 0 ? (unsigned)o->mode : one_in(&r, 3) ? below(&r, 3) : CPU_64);
	if (!(o->modes & BIT(c->mode)))
		c->mode = CPU_64;
	choose_segments(c, &r);
	choose_registers(c, f, &r);
	if (o->align)
		c->in.rflags |= FL_AC;
	choose_place(c, &r, sequence);
	if (o->own || (!o->form && !o->single && one_in(&r, 48))) {
		own_make(c, &r);
		return;
	}
	if (o->wrong || (!o->form && !o->sequences && one_in(&r, 64))) {
		make_wrong(c, &r);
		c->in.rip = CODE_BASE + c->code_at - seg_base_of(c, SEG_CS);
		return;
	}
	loop = sequence && one_in(&r, 4);
	if (loop)
		m.fixed = m.loop_reg = c->mode == CPU_64 ? BIT(15) : BIT(5);
	for (unsigned n = 0; n < count; n++) {
		if (!add_insn(&m, f, o, sequence))
			break;
		if (n == 0)
			choose_fp(&m);
		steer(&m);
		note_insn(&m);
	}
	if (sequence && branches(c))
		spread_undefined(c, false);
	for (unsigned n = 0; n < c->insns; n++)
		aim_branch(&m, n);
	if (loop) {
		close_loop(&m);
		spread_undefined(c, true);
	}
	/* A gather may stop for the trap after each element. */
	if (c->insns == 1 && !sequence && one_in(&r, 12) && !(insn_info(&i)->attr & INSN_VSIB)) {
		c->flags |= CASE_TF;
		c->in.rflags |= FL_TF;
	}
	if (c->insns > 1 || one_in(&r, 4))
		c->flags |= CASE_TWICE;
	c->in.rip = CODE_BASE + c->code_at - seg_base_of(c, SEG_CS);
}
