/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/thunk.h: host code for x87 and SIMD instructions, and their memory operands.
 *
 * A thunk is host code that executes one form of instruction: the same opcode, with registers of
 * its own choice, memory behind one pointer, and loads and stores around it. It takes the numbers
 * of the guest's registers from struct insn when it runs, so that all registers, addresses and
 * modes share one; only what is part of an opcode makes another: an immediate byte, the vector
 * length, ST(i) and MMX registers, which are the host's own. That bounds how many there can be
 * and nothing ever needs to be thrown away.
 */
#pragma once

#include "cpu/soft/fpu_priv.h"

/* A memory operand. @wait: a waiting x87 exception comes first. */
struct fp_access {
	u8 size, align; /* address bits that must be 0, else #GP(0) */
	bool write, wait;
};
struct fp_mem {
	u8 *at;  /* host memory, or bounce: read already, or to be written back */
	u64 off; /* effective address */
	bool bounced;
};
/* #AC(0) where it is asked for; @align is a power of two. After all page faults. */
void fp_check_alignment(struct soft_cpu *c, gva_t lin, unsigned align);
void fp_mem_slow(struct soft_cpu *c, const struct insn *i, const struct fp_access *a,
		 struct fp_mem *m);

/*
 * @i's memory operand as it mostly is: RAM, in one page that the TLB knows, in segments that have
 * nothing to check. False: it is another.
 */
static inline bool fp_mem_fast(const struct soft_cpu *c, const struct insn *i, u64 rip,
			       unsigned size, unsigned align, bool write, struct fp_mem *m)
{
	u64 off = (u64)i->disp, tag;
	const struct tlb_entry *e;
	gva_t lin;

	if (i->asz != 8 &&
	    !(c->block_key & KEY_FLAT && i->asz == 4 && i->seg != SEG_CS && i->seg < SEG_FS))
		return false;
	if (i->base < 16)
		off += c->gpr[i->base];
	else if (i->base == REG_RIP)
		off += rip + i->len;
	if (i->index < 16)
		off += c->gpr[i->index] << i->scale;
	if (i->asz == 4)
		off = (u32)off;
	lin = off + c->seg_base[i->seg];
	e = &c->tlb->at[tlb_index(lin)];
	tag = write ? e->write : e->read;
	if (lin - tag > PAGE - (u64)size || lin & align)
		return false;
	m->at = (u8 *)(uintptr_t)(lin + e->delta);
	m->off = off;
	return true;
}

/* Make @i's memory operand ready. Raises all that reading or writing it would. */
static inline void fp_mem_get(struct soft_cpu *c, const struct insn *i, const struct fp_access *a,
			      struct fp_mem *m)
{
	m->bounced = false;
	if (!fp_mem_fast(c, i, c->rip, a->size, a->align, a->write, m))
		fp_mem_slow(c, i, a, m);
}

/* Legacy SSE wants 16-byte operands aligned unless it says otherwise. SDM 1 10.4.1.1, 14.9 */
static inline u8 fp_align(const struct insn *i, const struct insn_info *info, unsigned size)
{
	if (info->attr & INSN_AL ||
	    (i->encoding == ENC_LEGACY && size == 16 && !(info->attr & INSN_UN)))
		return (u8)(size - 1);
	return 0;
}

/* ---- thunk.c, emit.c ---- */

/*
 * Windows' calling convention on all hosts: it keeps more registers. Other than 0: an exception was
 * raised, and nothing was changed but its flags.
 */
typedef u64(__attribute__((ms_abi)) * thunk_fn)(const struct insn *i, u64 spare, struct soft_fpu *f,
						void *mem);

struct thunk {
	u64 key;
	struct thunk *next;
	thunk_fn fn;
	struct fpu_need need;
	u8 use;   /* enum fpu_use */
	u8 live;  /* enum fpu_live */
	u8 size;  /* of the memory operand; 0: none */
	u8 align; /* 15, 31: its low address bits must be 0 */
	bool write, wait, x87, pointers;
};

static inline u16 thunk_fop(const struct insn *i)
{
	return (u16)((i->opcode & 7) << 8 | i->modrm);
}
/* The x87 instruction @i at @rip has run; @off: of its memory operand, if it has one. */
static inline void thunk_note(struct soft_cpu *c, const struct insn *i, u64 rip, u64 off)
{
	struct soft_fpu *f = c->fpu;

	f->fip = rip;
	f->cs_base = c->seg_base[SEG_CS];
	f->fop = thunk_fop(i);
	if (i->modrm < 0xc0 && !f->x87_quiet && fpu_pending(f)) {
		f->fdp = off;
		f->ds_base = c->seg_base[i->seg];
	}
}
/*
 * Run @t for @i at @rip, which has a @memory operand or not, unless something stands in the way:
 * then nothing has happened, and false is for thunk_run(), which does it by the book.
 */
__attribute__((always_inline)) static inline bool thunk_try(struct soft_cpu *c,
							    const struct insn *i,
							    const struct thunk *t, u64 rip,
							    bool memory)
{
	struct fp_mem m = { 0 };

	if (!fpu_usable(c, &t->need) || t->live & ~c->fpu->live)
		return false;
	if (memory && !fp_mem_fast(c, i, rip, t->size, t->align, t->write, &m))
		return false;
	if (t->fn(i, 0, c->fpu, m.at))
		return false;
	if (t->pointers)
		thunk_note(c, i, c->mode == CPU_64 ? rip : (u32)rip, m.off);
	return true;
}

enum { THUNK_MAX = 128 };
/* REX.W or VEX.W says how wide general registers are, named or implied. */
static inline bool thunk_wide(const struct insn *i, const struct insn_info *info)
{
	return i->mode == CPU_64 && i->rex & 8 && (info->attr & INSN_GPR || info->implicit);
}
/* The code for @i at @out, at most THUNK_MAX bytes: its length; 0: no such instruction. */
unsigned thunk_emit(const struct insn *i, u8 *out);
/* Where a thunk goes on after an exception; @wide: there are YMM registers. */
unsigned thunk_emit_fault(u8 *out, bool wide);
