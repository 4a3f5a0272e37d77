/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr_vec.c: translation of SSE, AVX, MMX and x87 instructions. Intel SDM 1 chapters 8 to
 * 14, SDM 2.
 *
 * Guest register n is the host's n, so these instructions are copied; only general registers and
 * memory are others. All exceptions are masked wherever this code runs (jit_vec_ok()), so none of
 * them can fault. What is not known to be safe is never copied.
 */
#include <string.h>

#include "cpu/soft/decode_priv.h"
#include "cpu/soft/thunk.h"
#include "cpu/soft/tr.h"

/* ---- what may be copied ---- */

/* Control instructions leave x87's pointers alone. SDM 1 8.1.8, 8.3.11 */
static bool notes(const struct insn *i, const struct insn_info *info)
{
	return info->cls == CLASS_X87 && !(info->attr & INSN_HAND) && i->map == 1 &&
	       i->op != OP_FWAIT && i->op != OP_FNOP && i->op != OP_FINCSTP &&
	       i->op != OP_FDECSTP && i->op != OP_FFREE && i->op != OP_FFREEP;
}

/* Those of exec functions of their own that do without one here. */
static bool by_hand(const struct insn *i)
{
	switch (i->op) {
	case OP_FNSTSW:
	case OP_FNSTCW:
	case OP_FLDCW:
	case OP_FNCLEX: return true;
	default: return false;
	}
}

static bool known_operands(const struct insn *i, u32 *key)
{
	for (unsigned n = 0; n < i->operands; n++) {
		const struct insn_operand *o = &i->operand[n];

		switch (o->kind) {
		case OPERAND_VEC:
			if (operand_size(o) > 32 || o->reg > 15)
				return false;
			break;
		case OPERAND_MMX: *key |= JIT_X87; break;
		case OPERAND_GPR:
		case OPERAND_MEM:
		case OPERAND_ST:
		case OPERAND_IMM: break;
		default: return false;
		}
	}
	return true;
}

static bool host_has(void *ctx, enum insn_feature feature)
{
	return thunks_host_has(ctx, feature);
}

/* What must be in the key for @i to be copied; 0: it cannot be. The same rules as a thunk's. */
static u32 required(const struct tr *t, const struct insn *i, const struct insn_info *info)
{
	bool x87 = info->cls == CLASS_X87;
	u32 key = JIT_VEC;

	if ((i->map == 1) != x87 || i->encoding == ENC_EVEX || i->imm_len > 1 ||
	    (info->attr & INSN_HAND && !(x87 && by_hand(i))) ||
	    info->attr & (INSN_VSIB | INSN_MASKMOV) || !cpu_has_insn(t->c, i) ||
	    !insn_has_features(i, host_has, t->c->fpu->thunks))
		return 0;
	if (i->encoding == ENC_VEX)
		key |= JIT_AVX;
	if (x87 || info->attr & INSN_MMX || i->op == OP_EMMS)
		key |= JIT_X87;
	return known_operands(i, &key) ? key : 0;
}

/* ---- x87 ---- */

/*
 * Whether C may look at x87's pointers before another instruction sets them, at other places than
 * the sites: those know by themselves what ran before them.
 */
static bool must_note(const struct tr *t)
{
	for (unsigned k = t->k + 1; k < t->n; k++) {
		const struct insn *i = &t->insn[k].i;
		const struct insn_info *info = insn_info(i);

		if (info->cls == CLASS_BRANCH)
			return true;
		if (notes(i, info))
			return false;
	}
	return true;
}

/* As thunk_note() does it; the data pointer is of unmasked exceptions alone. */
static void note(struct tr *t, const struct tr_insn *n)
{
	struct x64_mem f = { JIT_T0, X64_NONE, 0, (s32)offsetof(struct soft_fpu, fop) };
	u64 rip = tr_rip(t, n);

	t->x87 = (u8)(n->at + 1);
	if (!must_note(t))
		return;
	x64_load(&t->x, 8, JIT_T0, TR_FIELD(fpu));
	x64_store_imm(&t->x, 2, f, thunk_fop(&n->i));
	f.disp = (s32)offsetof(struct soft_fpu, cs_base);
	x64_store_imm(&t->x, 8, f, 0);
	f.disp = (s32)offsetof(struct soft_fpu, fip);
	if (rip == (u64)(s32)rip) {
		x64_store_imm(&t->x, 8, f, (u32)rip);
		return;
	}
	x64_store_imm(&t->x, 4, f, (u32)rip);
	f.disp += 4;
	x64_store_imm(&t->x, 4, f, (u32)(rip >> 32));
}

void jit_note_x87(struct soft_cpu *c, const struct jit_block *b, unsigned x87)
{
	struct insn i;

	if (decode(&i, b->copy + x87 - 1, b->bytes - (x87 - 1), CPU_64) > 0)
		thunk_note(c, &i, b->rip + x87 - 1, 0);
}

/* One that unmasks an exception is the site's. Memory may change after it was looked at. */
static void load_control(struct tr *t)
{
	struct x64_mem m = tr_memory(t, 2, TR_READ, 0), cw = TR_FIELD(jit_spare);

	x64_rm(&t->x, 4, 0x0fb7, JIT_T0, m); /* movzx */
	x64_store(&t->x, 2, cw, JIT_T0);
	x64_rr(&t->x, 4, 0xf7, 2, JIT_T0); /* not */
	x64_rr(&t->x, 1, 0xf6, 0, JIT_T0); /* test r9b, imm8 */
	x64_byte(&t->x, CW_MASKS);
	tr_site_if(t, CC_NE);
	x64_rm(&t->x, 4, 0xd9, 5, cw);
}

static void x87(struct tr *t, const struct tr_insn *n, const struct insn_info *info)
{
	const struct insn_operand *m = insn_memory(&n->i);
	unsigned size;

	if (n->i.op == OP_FLDCW) {
		load_control(t);
		return;
	}
	if (n->i.op == OP_FWAIT)
		return;
	if (m) {
		size = operand_size(m);
		/* Ten bytes are looked for as if they were more. */
		struct x64_mem at = tr_memory(t, size == 10 ? 16 : size,
					      m->access & ACCESS_WRITE ? TR_WRITE : TR_READ, 0);

		x64_rm(&t->x, 4, n->i.opcode, insn_reg(&n->i), at);
	} else {
		if (n->flags.read)
			tr_flags_native(t);
		X64_BYTES(&t->x, n->i.opcode, n->i.modrm);
	}
	if (n->flags.written)
		tr_flags_set(t);
	if (notes(&n->i, info))
		note(t, n);
}

/* ---- MMX, SSE, AVX ---- */

/* The host's general register for operand @o; one in memory is loaded if it is read. */
static unsigned general(struct tr *t, const struct insn_operand *o)
{
	if (o->access & ACCESS_READ)
		return tr_get(t, o->reg, JIT_T0);
	return tr_in_memory(o->reg) ? JIT_T0 : tr_reg(o->reg);
}

/* Operand @n's place in the instruction. */
static void place(struct tr *t, const struct insn *i, unsigned n, struct x64_form *f)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == OPERAND_MEM || o->kind == OPERAND_IMM)
		return;
	switch (insn_specs[insn_info(i)->operand[n]].source) {
	case SOURCE_V:
	case SOURCE_P: f->reg = o->reg; break;
	case SOURCE_H: f->vvvv = o->reg; break;
	case SOURCE_W:
	case SOURCE_U:
	case SOURCE_Q:
	case SOURCE_N: f->rm = o->reg; break;
	case SOURCE_G: f->reg = (u8)general(t, o); break;
	case SOURCE_E:
	case SOURCE_R: f->rm = (u8)general(t, o); break;
	default: break; /* in the immediate, or always XMM0: the same as the guest's */
	}
}

static void put_result(struct tr *t, const struct insn *i)
{
	for (unsigned n = 0; n < i->operands; n++) {
		const struct insn_operand *o = &i->operand[n];

		if (o->kind == OPERAND_GPR && o->access & ACCESS_WRITE && tr_in_memory(o->reg))
			tr_put(t, o->reg, JIT_T0);
	}
}

static void simd(struct tr *t, const struct tr_insn *n, const struct insn_info *info)
{
	const struct insn_operand *m = insn_memory(&n->i);
	struct x64_form f = { 0 };
	unsigned size;

	if (m) {
		size = operand_size(m);
		f.memory = true;
		f.m = tr_memory(t, size, m->access & ACCESS_WRITE ? TR_WRITE : TR_READ,
				fp_align(&n->i, info, size));
	}
	for (unsigned k = 0; k < n->i.operands; k++)
		place(t, &n->i, k, &f);
	if (!x64_insn(&t->x, &n->i, &f)) {
		tr_by_book(t, false);
		return;
	}
	put_result(t, &n->i);
	if (n->flags.written)
		tr_flags_set(t);
}

/* ---- all ---- */

/* Others have other sizes of their own: FXSAVE and the like. */
static bool known_memory(const struct insn *i)
{
	const struct insn_operand *m = insn_memory(i);
	unsigned size = m ? operand_size(m) : 1;

	return (size && size <= 32 && !(size & (size - 1))) ||
	       (size == 10 && insn_info(i)->cls == CLASS_X87);
}

/* Pointers that come from elsewhere: what ran before is of no account. */
static bool loads_pointers(const struct insn *i)
{
	switch (i->op) {
	case OP_FNINIT:
	case OP_FLDENV:
	case OP_FNSAVE:
	case OP_FRSTOR:
	case OP_FXRSTOR:
	case OP_XRSTOR:
	case OP_XRSTORS: return true;
	default: return false;
	}
}

enum tr_result tr_vec(struct tr *t, const struct tr_insn *n)
{
	const struct insn_info *info = insn_info(&n->i);
	u32 key = 0;

	if (loads_pointers(&n->i)) {
		tr_by_book(t, false);
		t->x87 = 0;
		return TR_DONE;
	}
	if (n->i.op == OP_FWAIT)
		key = JIT_VEC | JIT_X87;
	else if (info->cls == CLASS_SIMD || info->cls == CLASS_X87)
		key = required(t, &n->i, info);
	if (!key || !known_memory(&n->i))
		return TR_NOT_MINE;
	if (!(t->key & JIT_VEC)) {
		tr_by_book(t, true);
		if (!t->full)
			t->jit->sites[t->jit->n_sites - 1].flags |= SITE_VEC;
		return TR_DONE;
	}
	if (key & ~t->key)
		return TR_NOT_MINE;
	if (info->cls == CLASS_X87)
		x87(t, n, info);
	else
		simd(t, n, info);
	return TR_DONE;
}

bool jit_vec_ok(struct soft_cpu *c)
{
	struct soft_fpu *f = c->fpu;
	u16 key = JIT_VEC;
	bool same;

	if (!fpu_usable(c, &fpu_needs[USE_SSE]))
		return false;
	fpu_enter(f, LIVE_X87);
	if (!f->quiet)
		return false;
	if (f->x87_quiet)
		key |= JIT_X87;
	if (c->soft->jit->wide && fpu_usable(c, &fpu_needs[USE_VEX]))
		key |= JIT_AVX;
	same = !c->jit_vec || key == c->jit_key;
	c->jit_key = key;
	return same;
}
