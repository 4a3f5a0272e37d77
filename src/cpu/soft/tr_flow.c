/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/tr_flow.c: translation of near branches and of the stack's instructions, in 64-bit mode
 * and with 64 bits. What leaves the block settles the flags first: jit.h.
 *
 * A target in the block's page is an edge: a direct jump that jit.c links. Elsewhere a jump is
 * looked up in the vCPU's ways, inline.
 */
#include "cpu/soft/tr.h"

static u64 behind(const struct tr *t, const struct tr_insn *n)
{
	return tr_rip(t, n) + n->i.len;
}

static bool same_page(const struct tr *t, u64 rip)
{
	return (rip ^ t->block->rip) < PAGE;
}

/* What is emitted between the two goes to the cold part; flags are afterwards as they were. */
static void swap_parts(struct tr *t)
{
	struct x64 x = t->x;

	t->x = t->cold;
	t->cold = x;
}

/* ---- jumps out of the block ---- */

/*
 * The distance that follows @opcode bytes lies within 8 aligned bytes, so that a store to it is
 * atomic wherever it is: AMD APM 2 7.3.2, SDM 3A 8.1.1.
 */
static void align_distance(struct x64 *x, unsigned opcode)
{
	unsigned at = (unsigned)((uintptr_t)x->at + opcode) % 8;

	switch (at > 4 ? 8 - at : 0) {
	case 1: X64_BYTES(x, 0x90); break;
	case 2: X64_BYTES(x, 0x66, 0x90); break;
	case 3: X64_BYTES(x, 0x0f, 0x1f, 0x00); break;
	default: break;
	}
}

/* The jump at @place is a new edge: it goes to C until it is linked. */
static void add_edge(struct tr *t, u8 *place, u64 rip)
{
	struct jit *j = t->jit;
	u32 edge = j->n_edges++;

	if (!place)
		return;
	x64_set_jump(&t->cold, place, x64_here(&t->cold));
	j->edges[edge] = (struct jit_edge){ t->number, (u32)(place - j->map.write), rip };
	x64_mov_ri(&t->cold, JIT_T1, edge);
	(void)x64_jmp(&t->cold, tr_glue(t, GLUE_EDGE));
}

/* To the code that T0 names, if it is known: else out of the block by C. */
struct way_jump {
	bool check; /* T0 may not be canonical: then the site of the instruction, to which */
	u32 site;   /* nothing has happened yet, */
	s32 pops;   /* so that this is added to RSP at last */
};

/* T0: a canonical address, or the site. T1 and flags are lost. */
static void check_canonical(struct tr *t, struct x64 *x, u32 site)
{
	u8 *no, *over;

	tr_test_canonical(x, JIT_T0);
	no = x64_jcc(x, CC_A, NULL);
	if (x != &t->cold) {
		x64_set_jump(&t->cold, no, x64_here(&t->cold));
		tr_go_to_site(t, &t->cold, site);
		return;
	}
	over = x64_jmp(x, NULL);
	x64_set_jump(x, no, x64_here(x));
	tr_go_to_site(t, x, site);
	x64_set_jump(x, over, x64_here(x));
}

static void add_to_rsp(struct x64 *x, s32 n)
{
	if (n)
		x64_lea(x, 8, JIT_RSP, (struct x64_mem){ JIT_RSP, X64_NONE, 0, n });
}

static void jump_t0(struct tr *t, const struct way_jump *w)
{
	struct x64 *x = &t->x;
	u8 *other, *old;

	jit_emit_way(x, &other, &old);
	add_to_rsp(x, w->pops);
	x64_jmp_mem(x, JIT_WAY(code));

	x64_set_jump(&t->cold, old, x64_here(&t->cold));
	x64_load(&t->cold, 8, JIT_T0, JIT_WAY(rip));
	x64_set_jump(&t->cold, other, x64_here(&t->cold));
	if (w->check)
		check_canonical(t, &t->cold, w->site);
	add_to_rsp(&t->cold, w->pops);
	(void)x64_jmp(&t->cold, tr_glue(t, GLUE_JUMP));
}

/* Go on where T0 says; a canonical address. */
static void goto_t0(struct tr *t)
{
	jump_t0(t, &(struct way_jump){ .check = false });
	t->ended = true;
}

void tr_goto(struct tr *t, struct x64 *x, u64 rip)
{
	if (same_page(t, rip)) {
		align_distance(x, 1);
		add_edge(t, x64_jmp(x, NULL), rip);
		return;
	}
	x64_mov_ri(x, JIT_T0, rip);
	if (x == &t->x)
		jump_t0(t, &(struct way_jump){ .check = false });
	else
		(void)x64_jmp(x, tr_glue(t, GLUE_JUMP));
}

/* ---- direct branches ---- */

/* A backward jump, with nothing before it in the block that would have noticed attention. */
static bool must_poll(const struct tr *t, const struct tr_insn *n, u64 rip)
{
	return rip <= tr_rip(t, n) && !t->accessed;
}

/* What comes in the cold part runs if something wants attention. */
static void if_wanted(struct tr *t)
{
	x64_alu_mi(&t->x, 4, ALU_CMP, TR_FIELD(attention), 0);
	(void)x64_jcc(&t->x, CC_NE, x64_here(&t->cold));
}

static void poll(struct tr *t, u64 rip)
{
	if_wanted(t);
	x64_mov_ri(&t->cold, JIT_T0, rip);
	(void)x64_jmp(&t->cold, tr_glue(t, GLUE_LEAVE));
}

/* The branch is taken, here: out of the block. */
static void taken(struct tr *t, const struct tr_insn *n, u64 rip)
{
	tr_flags_saved(t, tr_live_at(t, rip));
	if (must_poll(t, n, rip))
		poll(t, rip);
	tr_goto(t, &t->x, rip);
}

static void jmp(struct tr *t, const struct tr_insn *n)
{
	taken(t, n, tr_target(t, n));
	t->ended = true;
}

/* Code goes on behind this if @not_taken, the place of a jump's distance. */
static void taken_unless(struct tr *t, const struct tr_insn *n, u8 *not_taken)
{
	unsigned flags = t->flags;

	taken(t, n, tr_target(t, n));
	t->flags = flags;
	x64_set_jump(&t->x, not_taken, x64_here(&t->x));
}

static void jcc(struct tr *t, const struct tr_insn *n)
{
	u64 rip = tr_target(t, n);
	u32 live = tr_live_at(t, rip);
	unsigned flags;

	tr_flags_native(t);
	if (must_poll(t, n, rip)) {
		taken_unless(t, n, x64_jcc(&t->x, n->i.cc ^ 1u, NULL));
		return;
	}
	if (same_page(t, rip) && (!live || t->flags & FLAGS_SAVED)) {
		align_distance(&t->x, 2);
		add_edge(t, x64_jcc(&t->x, n->i.cc, NULL), rip);
		return;
	}
	x64_set_jump(&t->x, x64_jcc(&t->x, n->i.cc, NULL), x64_here(&t->cold));
	flags = t->flags;
	swap_parts(t);
	tr_flags_saved(t, live);
	swap_parts(t);
	t->flags = flags;
	tr_goto(t, &t->cold, rip);
}

/* JCXZ and LOOP: the host's own, which have but 8 bits of distance: over the jump behind them. */
static void count_branch(struct tr *t, const struct tr_insn *n)
{
	if (n->i.op == OP_LOOPE || n->i.op == OP_LOOPNE)
		tr_flags_native(t);
	if (n->i.asz == 4)
		x64_byte(&t->x, 0x67);
	X64_BYTES(&t->x, n->i.opcode, 5);
	taken_unless(t, n, x64_jmp(&t->x, NULL));
}

/* ---- the stack ---- */

static struct x64_mem stack_slot(struct tr *t, s32 disp, enum tr_access access)
{
	struct tr_address a = {
		.base = R_SP,
		.index = REG_NONE,
		.seg = SEG_SS,
		.asz = 8,
		.disp = disp,
	};

	return tr_memory_at(t, &a, 8, access, 0);
}

static void push_constant(struct tr *t, u64 val)
{
	struct x64_mem m = stack_slot(t, -8, TR_WRITE);

	if (val == (u64)(s32)val) {
		x64_store_imm(&t->x, 8, m, (u32)val);
	} else {
		x64_mov_ri(&t->x, JIT_T0, val);
		x64_store(&t->x, 8, m, JIT_T0);
	}
	add_to_rsp(&t->x, -8);
}

static void push_spare(struct tr *t)
{
	struct x64_mem m = stack_slot(t, -8, TR_WRITE);

	x64_load(&t->x, 8, JIT_T0, TR_FIELD(jit_spare[0]));
	x64_store(&t->x, 8, m, JIT_T0);
	add_to_rsp(&t->x, -8);
}

static void push_value(struct tr *t, const struct tr_insn *n)
{
	const struct insn_operand *a = &n->i.operand[0];
	struct x64_mem m;

	tr_flags_lost(t, n->live_before);
	if (a->kind == OPERAND_IMM) {
		push_constant(t, n->i.imm);
		return;
	}
	if (a->kind == OPERAND_GPR) {
		m = stack_slot(t, -8, TR_WRITE);
		x64_store(&t->x, 8, m, tr_get(t, a->reg, JIT_T0));
		add_to_rsp(&t->x, -8);
		return;
	}
	m = tr_memory(t, 8, TR_READ, 0);
	x64_load(&t->x, 8, JIT_T0, m);
	x64_store(&t->x, 8, TR_FIELD(jit_spare[0]), JIT_T0);
	push_spare(t);
}

static void pop_register(struct tr *t, unsigned r)
{
	struct x64_mem m = stack_slot(t, 0, TR_READ);

	if (r != R_SP && !tr_in_memory(r)) {
		x64_load(&t->x, 8, tr_reg(r), m);
		add_to_rsp(&t->x, 8);
		return;
	}
	x64_load(&t->x, 8, JIT_T0, m);
	add_to_rsp(&t->x, 8);
	tr_put(t, r, JIT_T0);
}

static void pop_memory(struct tr *t)
{
	struct x64_mem m = stack_slot(t, 0, TR_READ);

	x64_load(&t->x, 8, JIT_T0, m);
	x64_store(&t->x, 8, TR_FIELD(jit_spare[0]), JIT_T0);
	m = tr_memory(t, 8, TR_WRITE, 0);
	x64_load(&t->x, 8, JIT_T0, TR_FIELD(jit_spare[0]));
	x64_store(&t->x, 8, m, JIT_T0);
	add_to_rsp(&t->x, 8);
}

static void pop_value(struct tr *t, const struct tr_insn *n)
{
	const struct insn_operand *a = &n->i.operand[0];

	tr_flags_lost(t, n->live_before);
	if (a->kind == OPERAND_GPR)
		pop_register(t, a->reg);
	else
		pop_memory(t);
}

static void leave(struct tr *t, const struct tr_insn *n)
{
	struct tr_address a = { .base = R_BP, .index = REG_NONE, .seg = SEG_SS, .asz = 8 };
	struct x64_mem m;

	tr_flags_lost(t, n->live_before);
	m = tr_memory_at(t, &a, 8, TR_READ, 0);
	x64_lea(&t->x, 8, JIT_RSP, (struct x64_mem){ X64_BP, X64_NONE, 0, 8 });
	x64_load(&t->x, 8, X64_BP, m);
}

static void pushf(struct tr *t, const struct tr_insn *n)
{
	struct x64_mem arith = TR_FIELD(lf), high = arith;
	struct x64 *x = &t->x;

	high.disp++;
	tr_flags_saved(t, FL_ARITH);
	tr_flags_lost(t, n->live_after);
	x64_rm(x, 4, 0x0fb6, JIT_T0, arith); /* movzx: OF */
	x64_rr(x, 4, 0xc1, 4, JIT_T0);       /* shl */
	x64_byte(x, 11);
	x64_rm(x, 4, 0x0fb6, JIT_T1, high);
	x64_alu_ri(x, 4, ALU_AND, JIT_T1, FL_ARITH & 0xff);
	x64_rr(x, 4, 0x09, JIT_T1, JIT_T0); /* or */
	x64_rm(x, 8, 0x0b, JIT_T0, TR_FIELD(rflags));
	x64_alu_ri(x, 8, ALU_AND, JIT_T0, ~(FL_VM | FL_RF));
	x64_store(x, 8, TR_FIELD(jit_spare[0]), JIT_T0);
	push_spare(t);
}

/* ---- calls, returns, indirect jumps ---- */

static void call_direct(struct tr *t, const struct tr_insn *n)
{
	u64 rip = tr_target(t, n);

	tr_flags_lost(t, tr_live_at(t, rip));
	push_constant(t, behind(t, n));
	tr_goto(t, &t->x, rip);
	t->ended = true;
}

static void target_to_t0(struct tr *t, const struct insn_operand *a)
{
	if (a->kind == OPERAND_MEM)
		x64_load(&t->x, 8, JIT_T0, tr_memory(t, 8, TR_READ, 0));
	else if (tr_in_memory(a->reg))
		x64_load(&t->x, 8, JIT_T0, tr_gpr(a->reg));
	else
		x64_mov(&t->x, JIT_T0, tr_reg(a->reg));
}

static void call_indirect(struct tr *t, const struct tr_insn *n)
{
	const struct insn_operand *a = &n->i.operand[0];
	bool stays = a->kind == OPERAND_GPR && a->reg != R_SP;

	tr_flags_lost(t, FL_ARITH);
	target_to_t0(t, a);
	check_canonical(t, &t->x, tr_site(t, true));
	if (!stays)
		x64_store(&t->x, 8, TR_FIELD(jit_spare[0]), JIT_T0);
	push_constant(t, behind(t, n));
	if (stays)
		target_to_t0(t, a);
	else
		x64_load(&t->x, 8, JIT_T0, TR_FIELD(jit_spare[0]));
	goto_t0(t);
}

static void jmp_indirect(struct tr *t, const struct tr_insn *n)
{
	const struct insn_operand *a = &n->i.operand[0];
	struct way_jump w = { .check = true };

	tr_flags_lost(t, FL_ARITH);
	w.site = tr_site(t, true);
	if (a->kind == OPERAND_GPR && !t->accessed) {
		if_wanted(t);
		tr_go_to_site(t, &t->cold, w.site);
	}
	target_to_t0(t, a);
	jump_t0(t, &w);
	t->ended = true;
}

static void ret(struct tr *t, const struct tr_insn *n)
{
	struct way_jump w = { .check = true, .pops = 8 };

	if (n->i.operands)
		w.pops += (u16)n->i.imm;
	tr_flags_lost(t, FL_ARITH);
	w.site = tr_site(t, true);
	x64_load(&t->x, 8, JIT_T0, stack_slot(t, 0, TR_READ));
	jump_t0(t, &w);
	t->ended = true;
}

/* ---- all ---- */

/* A direct branch that leaves the canonical addresses faults where it is. */
static bool by_book(const struct tr *t, const struct tr_insn *n)
{
	if (n->i.osz != 8)
		return true;
	if (tr_may_jump(&n->i))
		return !is_canonical(tr_target(t, n));
	switch (n->i.op) {
	case OP_POP:
		/* RSP counts as it is afterwards, also as an address. */
		return n->i.operand[0].kind == OPERAND_MEM && n->i.base == R_SP;
	case OP_JMP:
	case OP_CALL: return tr_is_direct(&n->i) && !is_canonical(tr_target(t, n));
	case OP_ENTER:
	case OP_POPF: return true;
	default: return false;
	}
}

static bool is_flow(const struct insn *i)
{
	if (tr_may_jump(i))
		return true;
	switch (i->op) {
	case OP_JMP:
	case OP_CALL:
	case OP_RET:
	case OP_PUSH:
	case OP_POP:
	case OP_PUSHF:
	case OP_POPF:
	case OP_ENTER:
	case OP_LEAVE: return true;
	default: return false;
	}
}

static void emit(struct tr *t, const struct tr_insn *n)
{
	switch (n->i.op) {
	case OP_JCC: jcc(t, n); break;
	case OP_JMP: (tr_is_direct(&n->i) ? jmp : jmp_indirect)(t, n); break;
	case OP_CALL: (tr_is_direct(&n->i) ? call_direct : call_indirect)(t, n); break;
	case OP_RET: ret(t, n); break;
	case OP_PUSH: push_value(t, n); break;
	case OP_POP: pop_value(t, n); break;
	case OP_PUSHF: pushf(t, n); break;
	case OP_LEAVE: leave(t, n); break;
	default: count_branch(t, n); break;
	}
}

enum tr_result tr_flow(struct tr *t, const struct tr_insn *n)
{
	if (!is_flow(&n->i))
		return TR_NOT_MINE;
	if (by_book(t, n))
		tr_by_book(t, exec_table[n->i.op].attr & EXEC_END);
	else
		emit(t, n);
	return TR_DONE;
}
