/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/string.c: MOVS, CMPS, SCAS, LODS, STOS, and how REP repeats them. Where both operands
 * are plain memory the host's own instruction does what lies within a page, so that overlapping
 * operands come out right in all cases.
 */
#include "cpu/soft/int_priv.h"

/* ---- operands ---- */

static u64 offset_of(const struct soft_cpu *c, const struct insn *i, struct string_side s)
{
	return gpr_get(c, s.reg, i->asz);
}

u64 string_read(struct soft_cpu *c, const struct insn *i, struct string_side s)
{
	return seg_read(c, s.seg, offset_of(c, i, s), string_size(i));
}

void string_write(struct soft_cpu *c, const struct insn *i, struct string_side s, u64 val)
{
	seg_write(c, s.seg, offset_of(c, i, s), string_size(i), val);
}

void string_advance(struct soft_cpu *c, const struct insn *i, struct string_side s, u64 count)
{
	u64 by = count * string_size(i);

	gpr_set(c, s.reg, i->asz, c->gpr[s.reg] + (c->rflags & FL_DF ? -by : by));
}

/* How many elements from @off, at @lin, on lie in this page and are sure to be in the segment. */
static u64 room(const struct soft_cpu *c, const struct insn *i, enum insn_seg seg, u64 off,
		gva_t lin)
{
	const struct cpu_seg *s = &c->seg[seg];
	u64 in_page = lin & (PAGE - 1), last = ones(i->asz) - off;
	unsigned size = string_size(i);

	if (in_page > PAGE - size)
		return 0;
	if (c->mode != CPU_64) {
		if (c->prot && (s->attr & (SA_CODE | SA_DOWN)) == SA_DOWN)
			return 0;
		last = MIN(last, s->limit - off);
	}
	if (c->rflags & FL_DF)
		return MIN(in_page, off) / size + 1;
	return MIN(PAGE - in_page, MIN(last, PAGE) + 1) / size;
}

/* Each element must be aligned: one by one. */
static bool checks_alignment(const struct soft_cpu *c)
{
	return c->cpl == 3 && c->cr0 & CR0_AM && c->rflags & FL_AC;
}

/*
 * The usual case: 64-bit addresses going up, in a page that the hot loop may use: then nothing else
 * is to be checked.
 */
static void *memory_at_once(const struct soft_cpu *c, const struct insn *i, struct string_side s,
			    bool write, u64 *count)
{
	gva_t at = c->gpr[s.reg] + c->seg_base[s.seg];
	const struct tlb_entry *e = &c->tlb->at[tlb_index(at)];
	u64 fit = (PAGE - at % PAGE) >> __builtin_ctz(string_size(i));

	if (at - (write ? e->write : e->read) >= PAGE || !fit)
		return NULL;
	*count = MIN(*count, fit);
	return (void *)(uintptr_t)(at + e->delta);
}

void *string_memory(struct soft_cpu *c, const struct insn *i, struct string_side s, bool write,
		    u64 *count)
{
	unsigned size = string_size(i);
	u64 off = offset_of(c, i, s), below;
	gva_t lin;
	u8 *at = NULL;

	if (c->mode == CPU_64 && i->asz == 8 && !(c->rflags & FL_DF))
		at = memory_at_once(c, i, s, write, count);
	if (at)
		return at;
	lin = seg_check(c, s.seg, off, size, write);
	*count = MIN(*count, room(c, i, s.seg, off, lin));
	if (!*count || checks_alignment(c))
		return NULL;
	below = c->rflags & FL_DF ? (*count - 1) * size : 0;
	/* What faults is the first element, not the lowest. */
	if (below && !lin_ptr(c, lin, size, write, s.seg))
		return NULL;
	at = lin_ptr(c, lin - below, *count * size, write, s.seg);
	return at ? at + below : NULL;
}

/* ---- repetition ---- */

/*
 * How many bytes at a time, or elements one by one that stand for 64 each. Interrupts are looked
 * for after each page or such element.
 */
enum { PIECE = 16 * PAGE, ELEMENT_COST = 64 };

/*
 * Between two pieces the instruction is to be run again. Then a breakpoint on it, which was met
 * once, must not be met again: SDM 3B 17.3.1.1. Without breakpoints RF stays out of sight, as it
 * does on AMD's processors.
 */
static void leave(struct soft_cpu *c, bool again)
{
	c->rflags &= ~(u64)FL_RF;
	if (!again)
		return;
	c->next_rip = c->rip;
	if (c->dr[7] & 0xff || c->rflags & FL_TF)
		c->rflags |= FL_RF;
}

void string_run(struct soft_cpu *c, const struct insn *i, const struct string_op *op)
{
	bool step = c->rflags & FL_TF, done = false;
	u64 count = gpr_get(c, R_CX, i->asz);

	if (i->rep == REP_NONE) {
		(void)op->one(c, i);
		return;
	}
	for (s64 budget = PIECE; count && !done && budget > 0;) {
		u64 n = step || !op->bulk ? 0 : op->bulk(c, i, count, &done);

		if (n == 0) {
			done = op->one(c, i);
			n = 1;
			budget -= ELEMENT_COST;
		}
		budget -= (s64)(n * string_size(i));
		count -= n;
		gpr_set(c, R_CX, i->asz, count);
		if (step || c->trap_dr6 || cpu_is_wanted(c))
			break;
	}
	leave(c, count && !done);
}

/* ---- MOVS, STOS, LODS ---- */

static bool movs_one(struct soft_cpu *c, const struct insn *i)
{
	string_write(c, i, string_target(), string_read(c, i, string_source(i)));
	string_advance(c, i, string_source(i), 1);
	string_advance(c, i, string_target(), 1);
	return false;
}

#define REP_MOVS(text) __asm__ volatile(text : "+D"(to), "+S"(from), "+c"(count) : : "memory", "cc")

static void native_movs(void *to, const void *from, u64 count, unsigned size, bool down)
{
	switch (size | (unsigned)down << 4) {
	case 1: REP_MOVS("rep movsb"); break;
	case 2: REP_MOVS("rep movsw"); break;
	case 4: REP_MOVS("rep movsl"); break;
	case 8: REP_MOVS("rep movsq"); break;
	case 17: REP_MOVS("std\n\trep movsb\n\tcld"); break;
	case 18: REP_MOVS("std\n\trep movsw\n\tcld"); break;
	case 20: REP_MOVS("std\n\trep movsl\n\tcld"); break;
	default: REP_MOVS("std\n\trep movsq\n\tcld");
	}
}

static u64 movs_bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool *done)
{
	void *from = string_memory(c, i, string_source(i), false, &count), *to;

	if (!from)
		return 0;
	to = string_memory(c, i, string_target(), true, &count);
	if (!to)
		return 0;
	native_movs(to, from, count, string_size(i), c->rflags & FL_DF);
	string_advance(c, i, string_source(i), count);
	string_advance(c, i, string_target(), count);
	return count;
}

void exec_movs(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { movs_one, movs_bulk };

	string_run(c, i, &op);
}

static bool stos_one(struct soft_cpu *c, const struct insn *i)
{
	string_write(c, i, string_target(), gpr_get(c, R_AX, string_size(i)));
	string_advance(c, i, string_target(), 1);
	return false;
}

#define REP_STOS(text) __asm__ volatile(text : "+D"(to), "+c"(count) : "a"(val) : "memory", "cc")

static void native_stos(void *to, u64 val, u64 count, unsigned size, bool down)
{
	switch (size | (unsigned)down << 4) {
	case 1: REP_STOS("rep stosb"); break;
	case 2: REP_STOS("rep stosw"); break;
	case 4: REP_STOS("rep stosl"); break;
	case 8: REP_STOS("rep stosq"); break;
	case 17: REP_STOS("std\n\trep stosb\n\tcld"); break;
	case 18: REP_STOS("std\n\trep stosw\n\tcld"); break;
	case 20: REP_STOS("std\n\trep stosl\n\tcld"); break;
	default: REP_STOS("std\n\trep stosq\n\tcld");
	}
}

static u64 stos_bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool *done)
{
	void *to = string_memory(c, i, string_target(), true, &count);

	if (!to)
		return 0;
	native_stos(to, c->gpr[R_AX], count, string_size(i), c->rflags & FL_DF);
	string_advance(c, i, string_target(), count);
	return count;
}

void exec_stos(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { stos_one, stos_bulk };

	string_run(c, i, &op);
}

static bool lods_one(struct soft_cpu *c, const struct insn *i)
{
	gpr_set(c, R_AX, string_size(i), string_read(c, i, string_source(i)));
	string_advance(c, i, string_source(i), 1);
	return false;
}

void exec_lods(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { lods_one, NULL };

	string_run(c, i, &op);
}

/* ---- CMPS, SCAS ---- */

/* True: the condition ends it. Flags are there after each round, also when the next one faults. */
static bool compared(struct soft_cpu *c, const struct insn *i, u16 lf)
{
	bool equal = lf & LF_ZF;

	c->lf = lf;
	return i->rep == REP_REPZ ? !equal : equal;
}

static bool cmps_one(struct soft_cpu *c, const struct insn *i)
{
	u64 a = string_read(c, i, string_source(i)), b = string_read(c, i, string_target());

	string_advance(c, i, string_source(i), 1);
	string_advance(c, i, string_target(), 1);
	return compared(c, i, compare_flags(a, b, string_size(i)));
}

#define REP_CMPS(text)                                                                             \
	__asm__ volatile(text FLAGS_OUT "\n\tcld"                                                  \
			 : "=&a"(f), "+D"(to), "+S"(from), "+c"(count)                             \
			 :                                                                         \
			 : "memory", "cc")
#define EACH_SIZE(macro, text, down)                                                               \
	case 1 | (down): macro(text "b"); break;                                                   \
	case 2 | (down): macro(text "w"); break;                                                   \
	case 4 | (down): macro(text "l"); break;                                                   \
	case 8 | (down): macro(text "q"); break
enum { DOWN = 16, WHILE_NOT = 32 };

static unsigned how(const struct soft_cpu *c, const struct insn *i)
{
	return string_size(i) | (c->rflags & FL_DF ? DOWN : 0) |
	       (i->rep == REP_REPNZ ? WHILE_NOT : 0);
}

/* How many elements were compared. */
static u64 native_cmps(const void *from, const void *to, u64 count, unsigned what, u16 *lf)
{
	u64 before = count;
	u32 f = 0;

	switch (what) {
		EACH_SIZE(REP_CMPS, "repe cmps", 0);
		EACH_SIZE(REP_CMPS, "std\n\trepe cmps", DOWN);
		EACH_SIZE(REP_CMPS, "repne cmps", WHILE_NOT);
		EACH_SIZE(REP_CMPS, "std\n\trepne cmps", DOWN | WHILE_NOT);
	}
	*lf = (u16)f;
	return before - count;
}

static u64 cmps_bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool *done)
{
	const void *from = string_memory(c, i, string_source(i), false, &count), *to;
	u16 lf;

	if (!from)
		return 0;
	to = string_memory(c, i, string_target(), false, &count);
	if (!to)
		return 0;
	count = native_cmps(from, to, count, how(c, i), &lf);
	*done = compared(c, i, lf);
	string_advance(c, i, string_source(i), count);
	string_advance(c, i, string_target(), count);
	return count;
}

void exec_cmps(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { cmps_one, cmps_bulk };

	string_run(c, i, &op);
}

static bool scas_one(struct soft_cpu *c, const struct insn *i)
{
	unsigned size = string_size(i);
	u64 b = string_read(c, i, string_target());

	string_advance(c, i, string_target(), 1);
	return compared(c, i, compare_flags(gpr_get(c, R_AX, size), b, size));
}

#define REP_SCAS(text)                                                                             \
	__asm__ volatile(text FLAGS_OUT "\n\tcld"                                                  \
			 : "+&a"(val), "+D"(to), "+c"(count)                                       \
			 :                                                                         \
			 : "memory", "cc")

static u64 native_scas(u64 val, const void *to, u64 count, unsigned what, u16 *lf)
{
	u64 before = count;

	switch (what) {
		EACH_SIZE(REP_SCAS, "repe scas", 0);
		EACH_SIZE(REP_SCAS, "std\n\trepe scas", DOWN);
		EACH_SIZE(REP_SCAS, "repne scas", WHILE_NOT);
		EACH_SIZE(REP_SCAS, "std\n\trepne scas", DOWN | WHILE_NOT);
	}
	*lf = (u16)val;
	return before - count;
}

static u64 scas_bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool *done)
{
	const void *to = string_memory(c, i, string_target(), false, &count);
	u16 lf;

	if (!to)
		return 0;
	count = native_scas(c->gpr[R_AX], to, count, how(c, i), &lf);
	*done = compared(c, i, lf);
	string_advance(c, i, string_target(), count);
	return count;
}

void exec_scas(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { scas_one, scas_bulk };

	string_run(c, i, &op);
}
