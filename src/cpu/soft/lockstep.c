/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/lockstep.c: translated blocks against the interpreter. A block is run by the exec_fn of
 * its instructions, with a note of each byte of memory before it is written; then registers and
 * memory are put back, the translated code runs, and what both did is compared. All other vCPUs
 * stand still meanwhile; devices do not, and what they write to memory in between looks like a
 * difference: so only one that is there each time counts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "cpu/soft/fpu_priv.h"
#include "cpu/soft/jit.h"
#include "cpu/soft/mmu_priv.h"

LOG_MODULE("lockstep");

enum { RUNS_BITS = 16, TRIES = 4, COPY_MAX = 256, INSN_MAX = 15, FILES_MAX = 100, FLUSH_EACH = 4 };

/* What soft_cpu has from rip to fpu: all that instructions change, and more. */
enum {
	REGS_AT = offsetof(struct soft_cpu, rip),
	REGS_LEN = offsetof(struct soft_cpu, fpu) - REGS_AT
};

struct saved {
	u64 gpr[N_GPRS];
	u16 lf;
	u8 regs[REGS_LEN] __attribute__((aligned(16)));
	struct soft_fpu fpu;
};

struct lockstep {
	struct soft_cpu *c;
	lockstep_fn run;

	/* The block; a flush may take it away. */
	const struct jit_block *block;
	u64 rip;
	const u8 *host;
	struct code_page *page;
	u32 word;
	unsigned bytes, insns;
	u8 copy[COPY_MAX];

	struct saved before, book, code; /* at first; by the interpreter; by translated code */
	struct soft_event book_raised, code_raised;
	u32 begins[COPY_MAX / 32]; /* offsets of instructions that the interpreter has run */
	u32 undefined;             /* flags that are so at its end */
	unsigned at;               /* of the next instruction, from the block's first byte */
	bool settled;              /* what the interpreter did stays done */
	struct undo undo;
	u64 compared, not_compared;
	struct {
		const u8 *host;
		u32 key, runs;
	} seen[1 << RUNS_BITS];
};

int lockstep_create(struct soft_cpu *c, struct error *err)
{
	c->lockstep = try_alloc(sizeof(*c->lockstep), sizeof(*c->lockstep));
	if (!c->lockstep)
		return error_set(err, -ENOMEM, "no memory to compare translated code");
	c->lockstep->c = c;
	return 0;
}

void lockstep_destroy(struct soft_cpu *c)
{
	free(c->lockstep);
	c->lockstep = NULL;
}

/* Time and chance, devices, what other vCPUs see, and what the next instruction must know of. */
bool lockstep_can(const struct insn *i)
{
	switch (i->op) {
	case OP_RDTSC:
	case OP_RDTSCP:
	case OP_RDPMC:
	case OP_RDRAND:
	case OP_RDSEED:
	case OP_RDMSR:
	case OP_WRMSR:
	case OP_IN:
	case OP_OUT:
	case OP_INS:
	case OP_OUTS:
	case OP_HLT:
	case OP_STI:
	case OP_MOV_SEG:
	case OP_POP_SEG:
	case OP_LSS:
	case OP_MOV_CR:
	case OP_MOV_DR:
	case OP_LMSW:
	case OP_CLTS:
	case OP_INVD:
	case OP_WBINVD:
	case OP_INVLPG:
	case OP_INVPCID:
	case OP_XSETBV:
	case OP_RSM: return false;
	default: return exec_table[i->op].fn != NULL;
	}
}

/* ---- registers ---- */

static void save(struct soft_cpu *c, struct saved *s)
{
	fpu_park(c);
	memcpy(s->gpr, c->gpr, sizeof(s->gpr));
	s->lf = c->lf;
	memcpy(s->regs, (u8 *)c + REGS_AT, REGS_LEN);
	s->fpu = *c->fpu;
}

static void put_back(struct soft_cpu *c, const struct saved *s)
{
	fpu_park(c);
	memcpy(c->gpr, s->gpr, sizeof(s->gpr));
	c->lf = s->lf;
	memcpy((u8 *)c + REGS_AT, s->regs, REGS_LEN);
	*c->fpu = s->fpu;
	cpu_mode_changed(c);
}

#define REG(s, field)                                                                              \
	(*(const typeof(((struct soft_cpu *)0)->field) *)(const void *)((s)->regs +                \
									offsetof(struct soft_cpu,  \
										 field) -          \
									REGS_AT))

/* ---- running ---- */

/* Plain enough for jump_set(). False: raised; then the event is in c->event. */
static __attribute__((noinline)) bool attempt(struct lockstep *l, void (*fn)(struct lockstep *l))
{
	if (jump_set(&l->c->jump))
		return false;
	fn(l);
	jump_stay();
	return true;
}

static struct soft_event guarded(struct lockstep *l, void (*fn)(struct lockstep *l))
{
	struct jump outer = l->c->jump;

	l->c->event.kind = EV_NONE;
	(void)attempt(l, fn);
	l->c->jump = outer;
	return l->c->event;
}

static bool block_is_good(const struct lockstep *l)
{
	return !l->page || __atomic_load_n(&l->page->word, __ATOMIC_RELAXED) == l->word;
}

/* A count in CL may be as large as the operand, and more. SDM 2B, SHL, SHLD */
static u32 by_count(const struct insn *i)
{
	bool shift = i->op == OP_SHL || i->op == OP_SHR,
	     twice = i->op == OP_SHLD || i->op == OP_SHRD;

	if (operand_size(&i->operand[0]) >= 4)
		return 0;
	return twice ? FL_ARITH : shift ? FL_CF : 0;
}

static u32 undefined_after(const struct insn *i, u32 before)
{
	struct flag_use use;

	insn_flags(i, &use);
	if (use.conditional)
		return before | use.undefined | by_count(i);
	return (before & ~use.written) | use.undefined;
}

/* One instruction. False: the block ends here, for one reason or another. */
static bool book_insn(struct lockstep *l, const struct insn *i)
{
	struct soft_cpu *c = l->c;
	struct flag_use use;
	u64 behind = l->rip + l->at + i->len;

	insn_flags(i, &use);
	if (!lockstep_can(i) || use.read & l->undefined) {
		l->settled = true;
		return false;
	}
	l->begins[l->at / 32] |= BIT(l->at % 32);
	do {
		c->rip = l->rip + l->at;
		c->next_rip = behind;
		c->shadow = false;
		exec_insn(c, i);
		if (__atomic_load_n(&c->attention, __ATOMIC_RELAXED) & ATT_FLUSH)
			mmu_serve(c);
	} while (c->next_rip == c->rip && i->rep && !l->undo.device && !l->undo.lost);
	c->base.insns++;
	c->rip = c->next_rip;
	l->undefined = undefined_after(i, l->undefined);
	l->settled |= l->undo.device || l->undo.lost || !block_is_good(l);
	if (l->settled || c->rip != behind)
		return false;
	l->at += i->len;
	return true;
}

/* From l->at to the block's end. */
static void by_the_book(struct lockstep *l)
{
	struct insn i;
	int len = 1;

	while (l->at < l->bytes && len > 0) {
		len = decode(&i, l->copy + l->at, l->bytes - l->at, CPU_64);
		if (len <= 0)
			l->settled = true;
		else if (!book_insn(l, &i))
			return;
	}
}

static void translated(struct lockstep *l)
{
	l->run(l->c, l->block);
}

/* Whether translated code has left where the interpreter came by, on its way. */
static bool left_early(const struct lockstep *l)
{
	u64 at = l->c->rip - l->rip;

	if (l->c->rip == REG(&l->book, rip) && !l->book_raised.kind)
		return false;
	return at < l->bytes && l->begins[at / 32] & BIT(at % 32);
}

/* ---- comparing ---- */

/* Code in the block's page; others' may be another when it comes to that. */
static unsigned fetch_near(void *ctx, u64 at, u8 bytes[15])
{
	const struct lockstep *l = ctx;
	const u8 *page = (const u8 *)ALIGN_DOWN((uintptr_t)l->host, (uintptr_t)PAGE);
	unsigned n = MIN(INSN_MAX, PAGE - (unsigned)(at % PAGE));

	if ((at ^ l->rip) / PAGE)
		return 0;
	memcpy(bytes, page + at % PAGE, n);
	return n;
}

static bool say(struct str *out, const char *what, u64 book, u64 code)
{
	str_add(out, "%s: interpreted %" PRIx64 ", translated %" PRIx64 "\n", what, book, code);
	return true;
}

#define COMPARED(name)                                                                             \
	if (REG(&l->book, name) != REG(&l->code, name))                                            \
	any |= say(out, #name, (u64)REG(&l->book, name), (u64)REG(&l->code, name))

static const char gpr_names[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				       "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static bool events_differ(const struct lockstep *l, struct str *out)
{
	const struct soft_event *a = &l->book_raised, *b = &l->code_raised;
	bool any = false;

	if (a->kind != b->kind || (a->kind && a->vector != b->vector))
		any |= say(out, "raised (kind << 8 | vector)", (u64)a->kind << 8 | a->vector,
			   (u64)b->kind << 8 | b->vector);
	else if (a->kind && (a->has_error != b->has_error || a->error != b->error))
		any |= say(out, "error code", a->error, b->error);
	else if (a->kind && a->vector == VEC_PF && a->cr2 != b->cr2)
		any |= say(out, "cr2 of the fault", a->cr2, b->cr2);
	return any;
}

static bool registers_differ(struct lockstep *l, struct str *out)
{
	u16 mask, alive = (u16)(flags_alive(REG(&l->book, rip), fetch_near, l) & ~l->undefined);
	bool any = false;

	COMPARED(rip);
	for (unsigned n = 0; n < 16; n++)
		if (l->book.gpr[n] != l->code.gpr[n])
			any |= say(out, gpr_names[n], l->book.gpr[n], l->code.gpr[n]);
	mask = (u16)((alive & 0xd5) << 8 | (alive & FL_OF ? LF_OF : 0));
	if ((l->book.lf ^ l->code.lf) & mask)
		any |= say(out, "flags (see LF_*)", l->book.lf & mask, l->code.lf & mask);
	COMPARED(rflags);
	COMPARED(cpl);
	COMPARED(kernel_gs_base);
	COMPARED(cr0);
	COMPARED(cr3);
	COMPARED(cr4);
	COMPARED(trap_dr6);
	for (unsigned s = 0; s < 6; s++) {
		COMPARED(seg[s].sel);
		COMPARED(seg[s].base);
		COMPARED(seg[s].limit);
		COMPARED(seg[s].attr);
	}
	return any;
}

/* The last x87 instruction's address counts for nobody. */
static bool vectors_differ(const struct lockstep *l, struct str *out)
{
	const struct soft_fpu *a = &l->book.fpu, *b = &l->code.fpu;
	bool any = false;
	char name[16];

	for (unsigned n = 0; n < 64; n++) {
		u64 x = le64_at(a->vec[n / 4] + n % 4 * 8), y = le64_at(b->vec[n / 4] + n % 4 * 8);

		snprintf(name, sizeof(name), "ymm%u.%u", n / 4, n % 4);
		if (x != y)
			any |= say(out, name, x, y);
	}
	for (unsigned n = 0; n < 8; n++) {
		const u8 *x = a->image + FX_ST + 16 * n, *y = b->image + FX_ST + 16 * n;

		snprintf(name, sizeof(name), "st%u", n);
		if (memcmp(x, y, 10) != 0)
			any |= say(out, name, le64_at(x), le64_at(y));
	}
	if (memcmp(a->image, b->image, FX_OP) != 0)
		any |= say(out, "fcw, fsw, ftw", le64_at(a->image) & 0xffffffffffff,
			   le64_at(b->image) & 0xffffffffffff);
	if (a->mxcsr != b->mxcsr)
		any |= say(out, "mxcsr", a->mxcsr, b->mxcsr);
	return any;
}

/* Lines about what differs; false: nothing. */
static bool differs(struct lockstep *l, u32 entries, struct str *out)
{
	bool any = events_differ(l, out);
	const u8 *at;
	u8 was;

	any |= registers_differ(l, out);
	any |= vectors_differ(l, out);
	at = undo_differs(&l->undo, entries, &was);
	if (at)
		any |= say(out, "memory", was, *at);
	return any;
}

/* ---- what there is to say ---- */

static void tell_state(const struct saved *s, const char *title, struct str *out)
{
	str_add(out, "%s: rip %" PRIx64 " lf %04x rflags %" PRIx64 " cpl %u\n", title, REG(s, rip),
		s->lf, REG(s, rflags), REG(s, cpl));
	for (unsigned n = 0; n < 16; n++)
		str_add(out, "  %-3s %016" PRIx64 "%s", gpr_names[n], s->gpr[n],
			n % 4 == 3 ? "\n" : "");
}

static void tell_code(const struct lockstep *l, struct str *out)
{
	struct insn i;

	for (unsigned at = 0; at < l->bytes; at += i.len) {
		char name[32];

		if (decode(&i, l->copy + at, l->bytes - at, CPU_64) <= 0)
			break;
		insn_name(&i, name, sizeof(name));
		str_add(out, "  %016" PRIx64 " %-12s", l->rip + at, name);
		for (unsigned k = 0; k < i.len; k++)
			str_add(out, " %02x", l->copy[at + k]);
		str_add(out, "\n");
	}
}

/* Into a new file here. Its name; empty where none could be made. */
static void keep(const struct str *text, char name[32])
{
	FILE *f = NULL;

	for (unsigned n = 0; n < FILES_MAX && !f; n++) {
		snprintf(name, 32, "oriel-lockstep-%u.txt", n);
		f = fopen(name, "wx");
	}
	if (!f) {
		name[0] = 0;
		return;
	}
	fwrite(text->at, 1, text->len, f);
	fclose(f);
}

static void report(struct lockstep *l, const struct str *what)
{
	struct soft_cpu *c = l->c;
	struct str text = { 0 };
	char name[32];

	str_add(&text,
		"translated code does otherwise than the interpreter: vCPU %u, %u blocks "
		"were equal\n%s",
		c->base.index, (unsigned)l->compared, what->at);
	tell_code(l, &text);
	tell_state(&l->before, "before", &text);
	tell_state(&l->book, "interpreted", &text);
	tell_state(&l->code, "translated", &text);
	keep(&text, name);
	for (char *at = text.at, *end; at && *at; at = end + 1) {
		end = strchr(at, '\n');
		*end = 0;
		log_err("%s", at);
	}
	snprintf(c->why, sizeof(c->why),
		 "lockstep: the block at %" PRIx64 " does otherwise when it is translated; %s%s",
		 l->rip, name[0] ? "see " : "no file could be written", name);
	c->result = RUN_ERROR;
	__atomic_fetch_or(&c->attention, ATT_RESULT, __ATOMIC_SEQ_CST);
	str_free(&text);
}

/* ---- a block ---- */

/* The interpreter's way, which is then taken back unless it is settled. */
static void run_book(struct lockstep *l)
{
	struct soft_cpu *c = l->c;

	memset(l->begins, 0, sizeof(l->begins));
	l->at = 0;
	l->undefined = 0;
	l->settled = false;
	undo_begin(c, &l->undo);
	save(c, &l->before);
	l->book_raised = guarded(l, by_the_book);
	mmu_serve(c); /* what it was going to write when it faulted */
	l->settled |= l->undo.device || l->undo.lost || !block_is_good(l);
	save(c, &l->book);
	if (l->settled)
		undo_end(c);
}

/* True: the same. Else what differs is in @what, and all has been taken back. */
static bool run_code(struct lockstep *l, struct str *what)
{
	struct soft_cpu *c = l->c;
	u32 entries = l->undo.entries;
	u32 attention = __atomic_exchange_n(&c->attention, 0, __ATOMIC_SEQ_CST);
	bool same;

	undo_take_back(&l->undo);
	put_back(c, &l->before);
	/* What the first run has filled would spare the second its misses. */
	if (l->undo.marked || l->compared % FLUSH_EACH == 0)
		mmu_flush(c, true);
	l->undo.tags = true;
	l->code_raised = guarded(l, translated);
	if (!l->code_raised.kind && left_early(l)) {
		l->at = (unsigned)(c->rip - l->rip);
		l->code_raised = guarded(l, by_the_book);
	}
	mmu_serve(c);
	save(c, &l->code);
	__atomic_fetch_or(&c->attention, attention, __ATOMIC_SEQ_CST);
	same = !differs(l, entries, what);
	undo_end(c);
	if (!same) {
		l->undo.tags = false;
		undo_take_back(&l->undo);
		put_back(c, &l->before);
	}
	return same;
}

static void compare(struct lockstep *l)
{
	struct soft_cpu *c = l->c;
	struct str what = { 0 };
	bool same = false;

	for (unsigned n = 0; n < TRIES && !same; n++) {
		u32 attention = __atomic_exchange_n(&c->attention, 0, __ATOMIC_SEQ_CST);

		what.len = 0;
		run_book(l);
		same = l->settled || run_code(l, &what);
		__atomic_fetch_or(&c->attention, attention, __ATOMIC_SEQ_CST);
	}
	l->compared += !l->settled;
	l->not_compared += l->settled;
	if (!same) {
		report(l, &what);
		c->event.kind = EV_NONE;
	}
	str_free(&what);
}

/* The first time, then ever more seldom. */
static bool due(struct lockstep *l, const struct jit_block *b)
{
	u64 hash = ((u64)(uintptr_t)b->host ^ (u64)b->key << 40) * 0x9e3779b97f4a7c15ull;
	unsigned n = (unsigned)(hash >> (64 - RUNS_BITS));
	struct insn i;
	u32 runs;

	if (l->seen[n].host != b->host || l->seen[n].key != b->key) {
		l->seen[n].host = b->host;
		l->seen[n].key = b->key;
		l->seen[n].runs = 0;
	}
	runs = l->seen[n].runs++;
	if (runs & (runs - 1))
		return false;
	return decode(&i, b->copy, b->bytes, CPU_64) > 0 && lockstep_can(&i);
}

static void take_block(struct lockstep *l, const struct jit_block *b, lockstep_fn run)
{
	l->run = run;
	l->block = b;
	l->rip = l->c->rip;
	l->host = b->host;
	l->page = b->page;
	l->word = b->word;
	l->bytes = MIN(b->bytes, COPY_MAX);
	memcpy(l->copy, b->copy, l->bytes);
}

void lockstep_run(struct soft_cpu *c, const struct jit_block *b, lockstep_fn run)
{
	struct lockstep *l = c->lockstep;
	bool alone = c->soft->count == 1;
	struct soft_event e;

	if (!due(l, b)) {
		run(c, b);
		return;
	}
	if (!alone)
		exclusive_begin(c);
	c->held = true;
	take_block(l, b, run);
	compare(l);
	c->held = false;
	if (!alone)
		exclusive_end(c);
	e = c->event;
	c->event.kind = EV_NONE;
	if (e.kind)
		raise_event(c, &e);
}
