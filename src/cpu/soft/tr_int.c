/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr_int.c: translation of integer instructions: a list of those that do on the host what
 * they do in the guest, and mostly are copied with other registers. Intel SDM 2.
 *
 * AH to BH cannot be named beside a register of 64-bit mode, and no memory operand does without:
 * such an instruction is done on the low byte, with both exchanged meanwhile.
 */
#include "cpu/soft/decode_priv.h"
#include "cpu/soft/fpu_priv.h"
#include "cpu/soft/tr.h"

enum { FIELD_REG, FIELD_RM, FIELD_V, FIELDS };

/* A copy of insn[k]: what stands for its registers, by field, and for its memory. */
struct copied {
	struct tr *t;
	const struct insn *i;
	const struct insn_operand *memory; /* explicit, or NULL */
	struct x64_form form;
	u8 guest[FIELDS]; /* REG_NONE: has no such register, or it is the host's own */
	u8 host[FIELDS];
	bool read[FIELDS], written[FIELDS];
	u8 held[2]; /* the guest's register in T0 and T1 */
};

static enum operand_source source_of(const struct insn *i, unsigned n)
{
	return (enum operand_source)insn_specs[insn_info(i)->operand[n]].source;
}

static unsigned field_of(const struct insn *i, unsigned n)
{
	switch (source_of(i, n)) {
	case SOURCE_G: return FIELD_REG;
	case SOURCE_E:
	case SOURCE_R:
	case SOURCE_Z: return FIELD_RM;
	case SOURCE_B: return FIELD_V;
	default: return FIELDS;
	}
}

/*
 * A register that is kept in memory, as the operand that may be memory: no load, no store. But
 * 32 bits written must clear the others; BT reaches further into memory, XCHG would lock, and
 * XADD may write to the same register twice.
 */
static bool in_place(const struct insn *i, unsigned n)
{
	const struct insn_operand *o = &i->operand[n];

	return source_of(i, n) == SOURCE_E && o->kind == OPERAND_GPR && tr_in_memory(o->reg) &&
	       !(o->access & ACCESS_WRITE && operand_size(o) == 4) &&
	       !(insn_info(i)->attr & INSN_BITBASE) && i->op != OP_XCHG && i->op != OP_XADD;
}

static void find_field(struct copied *c, unsigned n)
{
	const struct insn_operand *o = &c->i->operand[n];
	unsigned f = field_of(c->i, n);

	if (f == FIELDS || o->kind == OPERAND_MEM)
		return;
	if (in_place(c->i, n)) {
		c->form.memory = true;
		c->form.m = tr_gpr(o->reg);
		return;
	}
	c->host[f] = o->kind == OPERAND_HIGH ? o->reg : (u8)tr_reg(o->reg);
	if (o->kind == OPERAND_HIGH || !tr_in_memory(o->reg))
		return;
	c->guest[f] = o->reg;
	c->read[f] = o->access & (ACCESS_READ | ACCESS_MAYBE) || operand_size(o) < 4;
	c->written[f] = o->access & ACCESS_WRITE;
}

/*
 * A scratch register for @guest. T1 is part of the memory operand, but may be written where that
 * was read. There is always one: of three registers one is in place.
 */
static u8 hold(struct copied *c, u8 guest, bool load)
{
	unsigned n = 0;

	if (c->held[0] != REG_NONE && c->held[0] != guest)
		n = 1;
	if (c->held[1] == guest)
		n = 1;
	if (c->held[n] != guest && load)
		x64_load(&c->t->x, 8, n ? JIT_T1 : JIT_T0, tr_gpr(guest));
	c->held[n] = guest;
	return n ? JIT_T1 : JIT_T0;
}

static void hold_all(struct copied *c, bool read)
{
	for (unsigned f = 0; f < FIELDS; f++)
		if (c->guest[f] != REG_NONE && c->read[f] == read)
			c->host[f] = hold(c, c->guest[f], read);
}

static void put_all(struct copied *c)
{
	for (unsigned f = 0; f < FIELDS; f++)
		if (c->guest[f] != REG_NONE && c->written[f])
			x64_store(&c->t->x, 8, tr_gpr(c->guest[f]), c->host[f]);
}

/* xchg al, ah and the like. */
static void exchange(struct x64 *x, unsigned r)
{
	X64_BYTES(x, 0x86, (u8)(0xc4 | r << 3 | r));
}

/* The same with the low byte of the register whose high byte is named. False: there is none. */
static bool emit_exchanged(struct copied *c)
{
	struct x64 *x = &c->t->x;
	struct insn low = *c->i;
	unsigned r = REG_NONE;
	bool done;

	for (unsigned n = 0; n < low.operands; n++) {
		if (low.operand[n].kind != OPERAND_HIGH)
			continue;
		r = low.operand[n].reg;
		low.operand[n].kind = OPERAND_GPR;
	}
	if (r == REG_NONE)
		return false;
	if (c->memory && (c->form.m.base == r || c->form.m.index == r)) {
		x64_lea(x, 8, JIT_T1, c->form.m);
		c->form.m = (struct x64_mem){ JIT_T1, X64_NONE, 0, 0 };
	}
	exchange(x, r);
	done = x64_insn(x, &low, &c->form);
	exchange(x, r);
	return done;
}

static enum tr_result copy_aligned(struct tr *t, const struct insn *i, unsigned align)
{
	struct copied c = {
		.t = t,
		.i = i,
		.memory = insn_memory(i),
		.guest = { REG_NONE, REG_NONE, REG_NONE },
		.held = { REG_NONE, REG_NONE },
	};

	for (unsigned n = 0; n < i->operands; n++)
		find_field(&c, n);
	if (c.memory) {
		bool write = c.memory->access & ACCESS_WRITE;

		c.form.memory = true;
		c.form.m = tr_memory(t, operand_size(c.memory), write ? TR_WRITE : TR_READ, align);
	}
	tr_flags_before(t);
	hold_all(&c, true);
	hold_all(&c, false);
	c.form.reg = c.host[FIELD_REG];
	c.form.rm = c.host[FIELD_RM];
	c.form.vvvv = c.host[FIELD_V];
	if (!x64_insn(&t->x, i, &c.form) && !emit_exchanged(&c)) {
		tr_by_book(t, false);
		return TR_DONE;
	}
	tr_flags_after(t);
	put_all(&c);
	return TR_DONE;
}

static enum tr_result copy(struct tr *t, const struct insn *i)
{
	return copy_aligned(t, i, 0);
}

/* ---- moves ---- */

/* MOV between the accumulator and an address in the instruction. */
static enum tr_result move_absolute(struct tr *t, const struct insn *i)
{
	bool store = i->operand[0].kind == OPERAND_MEM;
	unsigned size = operand_size(&i->operand[0]);
	struct x64_mem m = tr_memory(t, size, store ? TR_WRITE : TR_READ, 0);

	if (store)
		x64_store(&t->x, size, m, X64_AX);
	else
		x64_rm(&t->x, size, size == 1 ? 0x8a : 0x8b, X64_AX, m);
	return TR_DONE;
}

static enum tr_result move(struct tr *t, const struct insn *i)
{
	const struct insn_operand *a = &i->operand[0], *b = &i->operand[1];

	if (source_of(i, 0) == SOURCE_O || source_of(i, 1) == SOURCE_O)
		return move_absolute(t, i);
	if (operand_size(a) != 8 || a->kind != OPERAND_GPR || b->kind != OPERAND_GPR)
		return copy(t, i);
	if (tr_in_memory(a->reg))
		tr_put(t, a->reg, tr_get(t, b->reg, JIT_T0));
	else
		tr_put(t, a->reg, tr_get(t, b->reg, tr_reg(a->reg)));
	return TR_DONE;
}

static enum tr_result lea(struct tr *t, const struct insn *i)
{
	const struct insn_operand *a = &i->operand[0];
	unsigned size = operand_size(a);
	bool direct = size == 8 && !tr_in_memory(a->reg);
	struct x64 *x = &t->x;

	tr_effective(t, direct ? tr_reg(a->reg) : JIT_T0);
	if (direct)
		return TR_DONE;
	if (size == 2 && tr_in_memory(a->reg)) {
		x64_store(x, 2, tr_gpr(a->reg), JIT_T0);
	} else if (size == 2) {
		x64_rr(x, 2, 0x89, JIT_T0, tr_reg(a->reg));
	} else if (tr_in_memory(a->reg)) {
		if (size == 4)
			x64_rr(x, 4, 0x89, JIT_T0, JIT_T0);
		x64_store(x, 8, tr_gpr(a->reg), JIT_T0);
	} else {
		x64_rr(x, 4, 0x89, JIT_T0, tr_reg(a->reg));
	}
	return TR_DONE;
}

/* ---- division: by C where it may fault ---- */

/* The divisor in a register: memory may change between the look at it and its use. */
static unsigned divisor(struct tr *t, const struct insn *i, unsigned size)
{
	const struct insn_operand *o = &i->operand[0];

	if (o->kind != OPERAND_MEM)
		return tr_get(t, o->reg, JIT_T0);
	x64_load(&t->x, size, JIT_T0, tr_memory(t, size, TR_READ, 0));
	return JIT_T0;
}

/* T1: whether the dividend is more than RAX with its sign. */
static void check_signed(struct tr *t, unsigned size, unsigned by)
{
	struct x64 *x = &t->x;

	x64_rr(x, size, 0x89, X64_AX, JIT_T1);
	x64_rr(x, size, 0xc1, 7, JIT_T1); /* sar */
	x64_byte(x, size * 8 - 1);
	x64_rr(x, size, ALU_CMP, X64_DX, JIT_T1);
	tr_site_if(t, CC_NE);
	/* Neither -1, as the quotient might not fit, nor 0. */
	x64_lea(x, size, JIT_T1, (struct x64_mem){ (u8)by, X64_NONE, 0, 1 });
	x64_alu_ri(x, size, ALU_CMP, JIT_T1, 1);
	tr_site_if(t, CC_BE);
}

static enum tr_result divide(struct tr *t, const struct insn *i)
{
	unsigned size = operand_size(&i->operand[0]), by;
	struct x64 *x = &t->x;

	if (size < 4)
		return TR_NOT_MINE;
	tr_flags_lost(t, t->insn[t->k].live_before);
	by = divisor(t, i, size);
	if (i->op == OP_DIV) {
		x64_rr(x, size, ALU_CMP, by, X64_DX);
		tr_site_if(t, CC_AE);
	} else {
		check_signed(t, size, by);
	}
	x64_rr(x, size, 0xf7, i->op == OP_DIV ? 6 : 7, by);
	tr_flags_after(t);
	return TR_DONE;
}

/* ---- the list ---- */

static bool names_high(const struct insn *i)
{
	return i->operand[0].kind == OPERAND_HIGH || i->operand[1].kind == OPERAND_HIGH;
}

/* The guest has it, and so has the host: not all that models offer is checked of the host. */
static bool available(const struct tr *t, const struct insn *i)
{
	enum insn_feature f = (enum insn_feature)insn_info(i)->feature;

	return f == FEATURE_BASE ||
	       (cpu_has_insn(t->c, i) && thunks_host_has(t->c->soft->thunks, f));
}

/*
 * TZCNT and LZCNT on a model without them: the prefix means nothing, they are BSF and BSR, as the
 * same opcode is without it. SDM 2A, LZCNT; SDM 2B, TZCNT
 */
static enum tr_result count_zeros(struct tr *t, const struct insn *i)
{
	const u8 code[] = { 0x0f, i->opcode, 0xc0 };
	struct insn scan, as = *i;

	if (cpu_has_insn(t->c, i))
		return available(t, i) ? copy(t, i) : TR_NOT_MINE;
	if (decode(&scan, code, sizeof(code), CPU_64) <= 0)
		return TR_NOT_MINE;
	as.op = scan.op;
	as.form = scan.form;
	as.operand[0].access = scan.operand[0].access;
	return copy(t, &as);
}

enum how { BY_BOOK, NOTHING, COPY, MOVE, LEA, DIVIDE, PAIR };

static enum how how_arithmetic(const struct insn *i)
{
	bool memory = insn_memory(i);

	switch (i->op) {
	case OP_ADD:
	case OP_OR:
	case OP_ADC:
	case OP_SBB:
	case OP_AND:
	case OP_SUB:
	case OP_XOR:
	case OP_CMP:
	case OP_TEST:
	case OP_INC:
	case OP_DEC:
	case OP_NEG:
	case OP_NOT:
	case OP_MUL:
	case OP_IMUL:
	case OP_ROL:
	case OP_ROR:
	case OP_RCL:
	case OP_RCR:
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
	case OP_SHLD:
	case OP_SHRD: return COPY;
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC: return memory && insn_info(i)->attr & INSN_BITBASE ? BY_BOOK : COPY;
	case OP_DIV:
	case OP_IDIV: return DIVIDE;
	case OP_BSWAP: return i->osz == 2 ? BY_BOOK : COPY;
	case OP_BSF:
	case OP_BSR:
	case OP_POPCNT:
	case OP_CRC32:
	case OP_ADCX:
	case OP_ADOX:
	case OP_ANDN:
	case OP_BEXTR:
	case OP_BLSI:
	case OP_BLSMSK:
	case OP_BLSR:
	case OP_BZHI:
	case OP_MULX:
	case OP_PDEP:
	case OP_PEXT:
	case OP_RORX:
	case OP_SARX:
	case OP_SHLX:
	case OP_SHRX: return COPY;
	default: return BY_BOOK;
	}
}

static enum how how(const struct insn *i)
{
	switch (i->op) {
	case OP_MOV: return MOVE;
	case OP_LEA: return LEA;
	case OP_MOVSXD: return i->osz == 2 ? BY_BOOK : COPY;
	case OP_MOVZX:
	case OP_MOVSX:
	case OP_MOVBE:
	case OP_MOVNTI:
	case OP_CMOVCC:
	case OP_SETCC:
	case OP_CBW:
	case OP_CWD:
	case OP_XCHG:
	case OP_XADD:
	case OP_CMPXCHG8B:
	case OP_LAHF:
	case OP_SAHF:
	case OP_CLC:
	case OP_STC:
	case OP_CMC: return COPY;
	/* AL is an operand that is not named: it cannot be exchanged. */
	case OP_CMPXCHG: return names_high(i) ? BY_BOOK : COPY;
	case OP_CMPXCHG16B: return PAIR;
	case OP_NOP:
	case OP_PREFETCHNTA:
	case OP_PREFETCHT0:
	case OP_PREFETCHT1:
	case OP_PREFETCHT2:
	case OP_PREFETCHW: return NOTHING;
	default: return how_arithmetic(i);
	}
}

enum tr_result tr_int(struct tr *t, const struct tr_insn *n)
{
	const struct insn *i = &n->i;

	if (i->op == OP_TZCNT || i->op == OP_LZCNT)
		return count_zeros(t, i);
	if (!available(t, i))
		return TR_NOT_MINE;
	switch (how(i)) {
	case NOTHING: return TR_DONE;
	case COPY: return copy(t, i);
	case MOVE: return move(t, i);
	case LEA: return lea(t, i);
	case DIVIDE: return divide(t, i);
	case PAIR: return copy_aligned(t, i, 15);
	default: return TR_NOT_MINE;
	}
}
