/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/jit_glue.c: the code around translated blocks. See jit.h for what is in which register,
 * System V psABI 3.2 for what C keeps.
 */
#include "cpu/soft/fpu_priv.h"
#include "cpu/soft/tr.h"

/* JIT_CALL's: what a callee keeps, and where arguments are. */
static const u8 kept[] = { X64_BX, X64_BP, X64_R12, X64_R13, X64_R14, X64_R15 };
enum { ARG0 = X64_DI, ARG1 = X64_SI, FRAME = 8 };

struct glue {
	struct jit *j;
	struct x64 *x;
	bool vec, wide;   /* vector registers are live: the YMM ones */
	const u8 *finish; /* RAX: where to go on, or 0 */
	const u8 *book;
};

static struct x64_mem at(unsigned base, s32 disp)
{
	return (struct x64_mem){ (u8)base, X64_NONE, 0, disp };
}

static void each_gpr(struct x64 *x, bool store)
{
	for (unsigned r = 0; r < 16; r++) {
		if (tr_in_memory(r))
			continue;
		if (store)
			x64_store(x, 8, tr_gpr(r), tr_reg(r));
		else
			x64_load(x, 8, tr_reg(r), tr_gpr(r));
	}
}

/* movups or vmovups between XMM or YMM @n and [@base + disp]; base is not RSP or R12. */
static void vector(struct glue *g, unsigned n, unsigned base, s32 disp, bool store)
{
	unsigned opcode = store ? 0x11 : 0x10, modrm = 0x80 | (n & 7) << 3 | (base & 7);

	if (g->wide)
		X64_BYTES(g->x, 0xc4, (n < 8 ? 0x80 : 0) | 0x40 | (base < 8 ? 0x20 : 0) | 1, 0x7c,
			  opcode, modrm);
	else
		X64_BYTES(g->x, 0x40 | (n >= 8 ? 4 : 0) | (base >= 8 ? 1 : 0), 0x0f, opcode, modrm);
	x64_u32(g->x, (u32)disp);
}

/* All vector registers, by way of host register @scratch. */
static void each_vector(struct glue *g, unsigned scratch, bool store)
{
	if (!g->vec)
		return;
	x64_load(g->x, 8, scratch, TR_FIELD(fpu));
	for (unsigned n = 0; n < 16; n++)
		vector(g, n, scratch, (s32)(offsetof(struct soft_fpu, vec) + 32 * n), store);
	if (store && g->wide)
		X64_BYTES(g->x, 0xc5, 0xf8, 0x77); /* vzeroupper: C uses SSE */
}

static void enter(struct glue *g)
{
	struct x64 *x = g->x;

	for (unsigned i = 0; i < ARRAY_LEN(kept); i++) {
		if (kept[i] >= 8)
			x64_byte(x, 0x41);
		x64_byte(x, 0x50 | (kept[i] & 7)); /* push */
	}
	x64_alu_ri(x, 8, ALU_SUB, X64_SP, FRAME);
	x64_store(x, 8, at(ARG0, (s32)offsetof(struct soft_cpu, jit_host_sp)), X64_SP);
	x64_mov(x, JIT_T1, ARG1);
	x64_mov(x, X64_SP, ARG0);
	each_vector(g, JIT_T0, false);
	each_gpr(x, false);
	x64_jmp_reg(x, JIT_T1);
}

/* All is saved: back to who called enter(). */
static void back(struct glue *g)
{
	struct x64 *x = g->x;

	x64_load(x, 8, X64_SP, TR_FIELD(jit_host_sp));
	x64_alu_ri(x, 8, ALU_ADD, X64_SP, FRAME);
	for (unsigned i = ARRAY_LEN(kept); i-- > 0;) {
		if (kept[i] >= 8)
			x64_byte(x, 0x41);
		x64_byte(x, 0x58 | (kept[i] & 7)); /* pop */
	}
	x64_byte(x, 0xc3);
}

static void save_all(struct glue *g)
{
	each_gpr(g->x, true);
	each_vector(g, X64_AX, true);
}

/* C has returned, on the host's stack: RBX is the vCPU, RAX where to go on. */
static void finish(struct glue *g)
{
	struct x64 *x = g->x;
	u8 *none;

	g->finish = x64_here(x);
	x64_mov(x, X64_SP, X64_BX);
	x64_rr(x, 8, 0x85, X64_AX, X64_AX); /* test */
	none = x64_jcc(x, CC_E, NULL);
	x64_mov(x, JIT_T1, X64_AX);
	each_vector(g, JIT_T0, false);
	each_gpr(x, false);
	x64_jmp_reg(x, JIT_T1);
	x64_set_jump(x, none, x64_here(x));
	back(g);
}

/* Save all and call @fn(vCPU, @arg), on the host's stack. */
static void call_c(struct glue *g, uintptr_t fn, unsigned arg)
{
	struct x64 *x = g->x;

	save_all(g);
	x64_mov(x, X64_BX, X64_SP);
	x64_mov(x, ARG0, X64_SP);
	x64_mov(x, ARG1, arg);
	x64_load(x, 8, X64_SP, TR_FIELD(jit_host_sp));
	x64_mov_ri(x, X64_AX, fn);
	X64_BYTES(x, 0xff, 0xd0); /* call rax */
	x64_jmp(x, g->finish);
}

static const u8 *calling(struct glue *g, uintptr_t fn, unsigned arg)
{
	const u8 *here = x64_here(g->x);

	call_c(g, fn, arg);
	return here;
}

static const u8 *leave(struct glue *g)
{
	const u8 *here = x64_here(g->x);

	x64_store(g->x, 8, TR_FIELD(rip), JIT_T0);
	save_all(g);
	back(g);
	return here;
}

void jit_emit_way(struct x64 *x, u8 **other, u8 **old)
{
	_Static_assert(sizeof(struct jit_way) == 32, "shifted by 5");

	x64_rr(x, 4, 0x89, JIT_T0, JIT_T1); /* mov */
	x64_rm(x, 4, 0x33, JIT_T1, TR_FIELD(jit_salt));
	x64_alu_ri(x, 4, ALU_AND, JIT_T1, JIT_WAYS - 1);
	x64_rr(x, 4, 0xc1, 4, JIT_T1); /* shl */
	x64_byte(x, 5);
	x64_rm(x, 8, 0x3b, JIT_T0, JIT_WAY(rip));
	*other = x64_jcc(x, CC_NE, NULL);
	x64_load(x, 8, JIT_T0, JIT_WAY(tag));
	x64_rm(x, 8, 0x3b, JIT_T0, TR_FIELD(jit_tag));
	*old = x64_jcc(x, CC_NE, NULL);
}

/* The way of T0; else C. */
static const u8 *jump(struct glue *g)
{
	const u8 *here = x64_here(g->x);
	struct x64 *x = g->x;
	u8 *other, *old;

	jit_emit_way(x, &other, &old);
	x64_jmp_mem(x, JIT_WAY(code));
	x64_set_jump(x, old, x64_here(x));
	x64_load(x, 8, JIT_T0, JIT_WAY(rip));
	x64_set_jump(x, other, x64_here(x));
	call_c(g, (uintptr_t)jit_jump, JIT_T0);
	return here;
}

/*
 * Called: the entry that tlb_index() gives, and if it is right, its place into the cell. The two
 * pushes and the return address are 24 bytes.
 */
static const u8 *miss(struct glue *g, bool write, unsigned size)
{
	const u8 *here = x64_here(g->x);
	struct x64 *x = g->x;
	struct x64_mem tlb = TR_FIELD(jit_tlb);
	size_t tag = write ? offsetof(struct tlb_entry, write) : offsetof(struct tlb_entry, read);
	u8 *real = NULL;

	if (!g->j->opt.slow) {
		tlb.disp += 24;
		X64_BYTES(x, 0x50, 0x51); /* push rax; push rcx */
		x64_mov(x, X64_AX, JIT_T0);
		X64_BYTES(x, 0x48, 0xc1, 0xe8, 12); /* shr rax, 12 */
		x64_mov(x, X64_CX, JIT_T0);
		X64_BYTES(x, 0x48, 0xc1, 0xe9, TLB_FOLD); /* shr rcx */
		x64_rr(x, 4, ALU_XOR, X64_CX, X64_AX);    /* xor eax, ecx */
		x64_alu_ri(x, 4, ALU_AND, X64_AX, TLB_SIZE - 1);
		X64_BYTES(x, 0xc1, 0xe0, 5); /* shl eax, 5: by the size of an entry */
		x64_mov(x, X64_CX, X64_AX);
		x64_rm(x, 8, 0x03, X64_CX, tlb);
		x64_rm(x, 8, 0x2b, JIT_T0, at(X64_CX, (s32)tag));
		x64_alu_ri(x, 8, ALU_CMP, JIT_T0, (s32)(PAGE - size));
		real = x64_jcc(x, CC_A, NULL);
		x64_store(x, 4, (struct x64_mem){ X64_SP, JIT_T1, 2, JIT_CELLS_AT + 24 }, X64_AX);
		X64_BYTES(x, 0x59, 0x58, 0xc3); /* pop rcx; pop rax; ret */
		x64_set_jump(x, real, x64_here(x));
		X64_BYTES(x, 0x59, 0x58);
	}
	x64_lea(x, 8, X64_SP, at(X64_SP, 8));
	x64_jmp(x, g->book);
	return here;
}

static void emit(struct glue *g, const u8 **out)
{
	out[GLUE_ENTER] = x64_here(g->x);
	enter(g);
	finish(g);
	out[GLUE_LEAVE] = leave(g);
	out[GLUE_BOOK] = g->book = calling(g, (uintptr_t)jit_book, JIT_T1);
	out[GLUE_EDGE] = calling(g, (uintptr_t)jit_follow, JIT_T1);
	out[GLUE_STALE] = calling(g, (uintptr_t)jit_stale, JIT_T0);
	out[GLUE_JUMP] = jump(g);
	for (unsigned i = GLUE_MISS; i <= GLUE_MISS_LAST; i++)
		out[i] = miss(g, i - GLUE_MISS >= 6, 1u << (i - GLUE_MISS) % 6);
}

void jit_glue_emit(struct jit *j)
{
	_Static_assert(sizeof(struct tlb_entry) == 32, "miss() shifts by 5");

	for (unsigned vec = 0; vec < 2; vec++) {
		struct glue g = { .j = j, .x = &j->hot, .vec = vec, .wide = vec && j->wide };

		emit(&g, j->glue[vec]);
	}
}
