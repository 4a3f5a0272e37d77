/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the host may do otherwise than ours, with the reasons: mostly that an instruction has more
 * than one fault to give, or that makers differ. What can be told from the bytes alone is not even
 * made: forms.c.
 */
#include <string.h>
#include <sys/mman.h>

#include "native.h"

struct question {
	const struct ncase *c;
	const struct result *native, *ours;
	const char *what;
	struct insn i; /* at which one of them stopped */
};

static bool differs_in(const struct question *q, const char *what)
{
	return !strncmp(q->what, what, strlen(what));
}

static bool memory_fault(u8 vector)
{
	return vector >= 12 && vector <= 14;
}

/* XSAVE and its kind: makers order the parts, and probe, as they like. */
static bool much_memory(const struct question *q)
{
	switch (q->i.op) {
	case OP_FLDENV:
	case OP_FNSAVE:
	case OP_FNSTENV:
	case OP_FRSTOR:
	case OP_FXRSTOR:
	case OP_FXSAVE:
	case OP_XRSTOR:
	case OP_XSAVE:
	case OP_XSAVEC:
	case OP_XSAVEOPT: break;
	case OP_FBLD:
	case OP_FBSTP:
	case OP_FLD:
	case OP_FSTP:
		if (insn_memory(&q->i) && operand_size(insn_memory(&q->i)) == 10)
			break;
		return false;
	default: return false;
	}
	return q->native->vector == 14 || q->ours->vector == 14 ||
	       (memory_fault(q->native->vector) && memory_fault(q->ours->vector));
}

/* A far pointer's two parts, where addresses wrap. */
static bool far_pointer(const struct question *q)
{
	return insn_info(&q->i)->attr & (INSN_W_SEG | INSN_FAR) && !differs_in(q, "rip") &&
	       memory_fault(q->native->vector) && memory_fault(q->ours->vector);
}

/* Is the offset to be canonical, too? Not with Intel: SDM 3A 5.3.1 speaks of linear addresses. */
static bool canonical_offset(const struct question *q)
{
	return q->c->mode == CPU_64 && q->i.seg >= SEG_FS && q->native->vector == 13 &&
	       q->ours->vector == 14 && q->ours->cr2 >= LINUX_TOP;
}

/* Frames on the stack: which of their slots is looked at first, and the target before or after. */
static bool stack_frame(const struct question *q)
{
	switch (q->i.op) {
	case OP_CALL:
	case OP_CALLF:
	case OP_RETF:
	case OP_IRET:
		return memory_fault(q->native->vector) && memory_fault(q->ours->vector) &&
		       !differs_in(q, "rip");
	default: return false;
	}
}

/*
 * A far transfer to a segment of another width: whether what follows of it uses the old or the new
 * width of the stack pointer.
 */
static bool other_width(const struct question *q)
{
	u16 before = q->c->in.sel[SEG_CS];

	return insn_info(&q->i)->attr & INSN_FAR && !differs_in(q, "rip") &&
	       (q->native->out.sel[SEG_CS] != before || q->ours->out.sel[SEG_CS] != before);
}

/* PUSHA and POPA that fault: how much of them is done. */
static bool all_registers(const struct question *q)
{
	return (q->i.op == OP_PUSHA || q->i.op == OP_POPA) && memory_fault(q->native->vector);
}

/* POP of a segment register reads 2 or 4 bytes. */
static bool pop_segment(const struct question *q)
{
	return q->i.op == OP_POP_SEG && q->i.osz == 4 && memory_fault(q->native->vector);
}

/* The processor's number, which Linux keeps in a limit. */
static bool processor_number(const struct question *q)
{
	return q->i.op == OP_LSL;
}

/* Alignment and canonical form: either may be looked at first. */
static bool misaligned(const struct question *q)
{
	return (insn_info(&q->i)->cls == CLASS_SIMD || q->i.op == OP_CMPXCHG16B) &&
	       differs_in(q, "vector") && memory_fault(q->native->vector) &&
	       memory_fault(q->ours->vector);
}

/* SHA: Zen 5 asks for no alignment. SDM 2C has it #GP, exception type 4. */
static bool sha(const struct question *q)
{
	return insn_info(&q->i)->feature == FEATURE_SHA && q->ours->vector == 13;
}

/* A mask of zeros, and which byte of the whole a fault is of: SDM 2B, MASKMOVDQU, MASKMOVQ */
static bool maskmov(const struct question *q)
{
	return insn_info(&q->i)->attr & INSN_MASKMOV && memory_fault(q->native->vector);
}

/* INS and OUTS that repeat no time: AMD's look at the permission all the same. */
static bool repeated_port(const struct question *q)
{
	return (q->i.op == OP_INS || q->i.op == OP_OUTS) && q->i.rep && q->native->vector == 13;
}

/* A fault within REP CMPS, SCAS: the flags of the last round (AMD), or of before (SDM 2B, REP). */
static bool repeated_compare(const struct question *q)
{
	return (q->i.op == OP_CMPS || q->i.op == OP_SCAS) && q->i.rep && differs_in(q, "flags");
}

/* A trap between two rounds: with RF, SDM 3B 17.3.1.1; not on AMD. */
static bool repeated_trap(const struct question *q)
{
	return q->i.rep && q->native->vector == 1 && differs_in(q, "flags") &&
	       (q->native->out.rflags ^ q->ours->out.rflags) == BIT(16);
}

/* Alignment and everything else about memory: the order of SDM 3A table 6-2 leaves it open. */
static bool alignment_check(const struct question *q)
{
	return (q->native->vector == 17 && memory_fault(q->ours->vector)) ||
	       (q->ours->vector == 17 && memory_fault(q->native->vector));
}

/* MXCSR bit 17, MM, is AMD's alone. */
static bool misaligned_mode(const struct question *q)
{
	u32 mxcsr;

	memcpy(&mxcsr, q->native->fp + 24, 4);
	if (q->ours->vector != 13)
		return false;
	/* In a row another may have been loaded since. */
	return mxcsr & BIT(17) || (q->c->insns > 1 && q->i.op == OP_LDMXCSR);
}

/* How much is fetched of what is no instruction, before it is refused. */
static bool fetch(const struct question *q)
{
	return q->native->vector == 14 && q->native->error & 16 && q->ours->vector == 6 &&
	       q->native->out.rip == q->ours->out.rip;
}

/*
 * The child that runs the case is this process once more: some of its memory, far above all that
 * belongs to cases, may be in the way.
 */
static bool in_the_way(const struct question *q)
{
	unsigned char there;

	return q->ours->vector == 14 && q->ours->cr2 >> 32 && q->ours->cr2 < LINUX_TOP &&
	       !mincore((void *)(uintptr_t)(q->ours->cr2 & ~4095ull), 1, &there);
}

static const struct {
	bool (*is)(const struct question *q);
	const char *why;
} excuses[] = {
	{ in_the_way, "memory of the process that runs the case" },
	{ much_memory, "a page fault of an instruction that accesses much" },
	{ stack_frame, "the order of a frame's parts" },
	{ other_width, "the stack after a far transfer to another mode" },
	{ all_registers, "PUSHA and POPA in part" },
	{ pop_segment, "how much POP of a segment register reads" },
	{ processor_number, "LSL of the processor's number" },
	{ far_pointer, "the parts of a far pointer" },
	{ canonical_offset, "an offset that is not canonical though the address is" },
	{ misaligned, "alignment against canonical form" },
	{ sha, "SHA with memory that is not aligned" },
	{ alignment_check, "#AC or another fault" },
	{ misaligned_mode, "MXCSR.MM" },
	{ fetch, "#UD or a page fault behind its first bytes" },
	{ maskmov, "a masked store that faults" },
	{ repeated_port, "REP INS and OUTS with permission lacking" },
	{ repeated_compare, "flags within REP CMPS, SCAS" },
	{ repeated_trap, "RF within REP" },
};

static bool decode_at(struct question *q, const struct result *r)
{
	u64 at = r->out.rip - q->c->in.rip;

	/* One alone: it has gone to where it jumps. */
	if (at >= q->c->code_len && q->c->insns == 1)
		at = 0;
	return at < q->c->code_len &&
	       decode(&q->i, q->c->code + at, 15, (enum cpu_mode)q->c->mode) > 0;
}

static int excuse_number(bool (*is)(const struct question *q))
{
	int n = 0;

	while (excuses[n].is != is)
		n++;
	return n;
}

const char *excuse_reason(unsigned n)
{
	return n < ARRAY_LEN(excuses) ? excuses[n].why : NULL;
}

int excuse(const struct ncase *c, const struct result *native, const struct result *ours,
	   const char *what)
{
	struct question q = { .c = c, .native = native, .ours = ours, .what = what };

	if (fetch(&q)) /* the bytes may be anyone's */
		return excuse_number(fetch);
	/* The instruction at which either of them stopped early. */
	for (unsigned k = 0; k < 2; k++) {
		if (!decode_at(&q, k ? ours : native))
			continue;
		for (size_t n = 0; n < ARRAY_LEN(excuses); n++)
			if (excuses[n].is(&q))
				return (int)n;
	}
	return -1;
}
