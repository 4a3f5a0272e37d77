/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/move.c: data from here to there, unchanged but for its size. */
#include "cpu/soft/int_priv.h"

/* Also what extends with zeros, and what only differs in hints about caches. */
void exec_mov(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, opnd_get(c, i, 1));
}

/* MOVSXD, too: with 16-bit operands it extends nothing. SDM 2B, MOVSX */
void exec_movsx(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, sign_extend(opnd_get(c, i, 1), operand_size(&i->operand[1])));
}

void exec_lea(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, insn_offset(c, i));
}

void exec_xlat(struct soft_cpu *c, const struct insn *i)
{
	u64 off = (c->gpr[R_BX] + gpr_get(c, R_AX, 1)) & ones(i->asz);

	gpr_set(c, R_AX, 1, seg_read(c, (enum insn_seg)i->seg, off, 1));
}

/* CBW, CWDE, CDQE. */
void exec_cbw(struct soft_cpu *c, const struct insn *i)
{
	unsigned half = i->osz / 2;

	gpr_set(c, R_AX, i->osz, sign_extend(gpr_get(c, R_AX, half), half));
}

/* CWD, CDQ, CQO. */
void exec_cwd(struct soft_cpu *c, const struct insn *i)
{
	bool negative = gpr_get(c, R_AX, i->osz) >> (8 * i->osz - 1);

	gpr_set(c, R_DX, i->osz, negative ? ~0ull : 0);
}

/* Memory is read, and the upper half of a 64-bit register cleared, whatever the condition. */
void exec_cmovcc(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1);

	opnd_set(c, i, 0, condition(c, i->cc) ? val : opnd_get(c, i, 0));
}

void exec_setcc(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, condition(c, i->cc));
}

/* To ES:reg, which is aligned to the 64 bytes. SDM 2B, MOVDIR64B */
void exec_movdir64b(struct soft_cpu *c, const struct insn *i)
{
	u8 data[64];
	u64 off = opnd_get(c, i, 0);
	gva_t to = seg_check(c, SEG_ES, off, sizeof(data), true);

	if (to % sizeof(data))
		raise_gp(c);
	seg_read_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), data, sizeof(data));
	lin_write_bytes(c, to, data, sizeof(data));
}

/* ---- flags ---- */

void exec_lahf(struct soft_cpu *c, const struct insn *i)
{
	c->gpr[R_AX] = (c->gpr[R_AX] & ~0xff00ull) | (flags_get(c) & 0xd5) << 8 | 0x200;
}

void exec_sahf(struct soft_cpu *c, const struct insn *i)
{
	c->lf = (u16)((c->gpr[R_AX] & 0xd500) | (c->lf & LF_OF));
}

void exec_clc(struct soft_cpu *c, const struct insn *i)
{
	c->lf &= (u16)~LF_CF;
}

void exec_stc(struct soft_cpu *c, const struct insn *i)
{
	c->lf |= LF_CF;
}

void exec_cmc(struct soft_cpu *c, const struct insn *i)
{
	c->lf ^= LF_CF;
}

void exec_cld(struct soft_cpu *c, const struct insn *i)
{
	c->rflags &= ~(u64)FL_DF;
}

void exec_std(struct soft_cpu *c, const struct insn *i)
{
	c->rflags |= FL_DF;
}

/* ---- hints, caches, order ---- */

void exec_nop(struct soft_cpu *c, const struct insn *i)
{
}

void exec_pause(struct soft_cpu *c, const struct insn *i)
{
	__builtin_ia32_pause();
}

/* CLFLUSH, CLFLUSHOPT, CLWB: the byte must be readable; caches are coherent. SDM 2A, CLFLUSH */
void exec_clflush(struct soft_cpu *c, const struct insn *i)
{
	enum insn_seg s = (enum insn_seg)i->seg;

	lin_ptr(c, seg_check(c, s, insn_offset(c, i), 1, false), 1, false, s);
}

/* All memory accesses of the guest are the host's, and of its kind: only full fences do more. */
void exec_fence(struct soft_cpu *c, const struct insn *i)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
