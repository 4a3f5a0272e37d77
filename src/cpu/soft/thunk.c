/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/thunk.c: finding and running thunks, and their memory operands: fpu_priv.h. */
#include "cpu/soft/thunk.h"

#include <cpuid.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cpu/soft/decode_priv.h"

LOG_MODULE("soft");

enum { AREA = 16 << 20, HEADS_BITS = 14, HEADS = 1 << HEADS_BITS, ALIGN = 16 };

/* Of a machine. Found without a lock; made under it. */
struct thunks {
	struct mutex lock;
	struct code_map code;
	struct fault_area area;
	size_t used;
	bool has[N_FEATURES]; /* the host; enum insn_feature */
	struct thunk *head[HEADS];
};

static bool host_has(void *ctx, enum insn_feature feature)
{
	return ((const struct thunks *)ctx)->has[feature];
}

/* What the host can do, and its system supports: YMM registers want XCR0. SDM 1 14.3 */
static void ask_host(bool has[N_FEATURES])
{
	enum { OSXSAVE = BIT(27) };
	u32 r[4], xcr0 = 0, high;

	__cpuid(1, r[0], r[1], r[2], r[3]);
	if (r[2] & OSXSAVE)
		__asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	for (unsigned f = 0; f < N_FEATURES; f++) {
		const struct feature_bit *b = feature_bit((enum insn_feature)f);

		has[f] = !b->leaf ||
			 (__get_cpuid_count(b->leaf, b->subleaf, &r[0], &r[1], &r[2], &r[3]) &&
			  r[b->reg] >> b->bit & 1);
	}
	has[FEATURE_AVX] = has[FEATURE_AVX] && (xcr0 & 6) == 6;
}

bool thunks_host_has(const struct thunks *t, enum insn_feature feature)
{
	return t->has[feature];
}

const struct fault_area *thunks_area(const struct thunks *t)
{
	return &t->area;
}

size_t thunks_room(const struct thunks *t)
{
	return AREA - t->used;
}

int thunks_create(struct soft *s, struct error *err)
{
	struct thunks *t = xnew(struct thunks);
	int rc = code_map_create(&t->code, AREA, "oriel-thunks", err);

	if (rc) {
		free(t);
		return rc;
	}
	mutex_init(&t->lock);
	ask_host(t->has);
	t->used = ALIGN_UP(thunk_emit_fault(t->code.write, t->has[FEATURE_AVX]), ALIGN);
	t->area = (struct fault_area){ .from = t->code.exec,
				       .to = t->code.exec + AREA,
				       .resume = t->code.exec };
	s->thunks = t;
	return 0;
}

void thunks_destroy(struct soft *s)
{
	struct thunks *t = s->thunks;

	if (!t)
		return;
	for (unsigned n = 0; n < HEADS; n++)
		for (struct thunk *at = t->head[n], *next; at; at = next) {
			next = at->next;
			free(at);
		}
	code_map_destroy(&t->code);
	mutex_finish(&t->lock);
	free(t);
	s->thunks = NULL;
}

/* All that the code depends on: see emit.c. */
static u64 key_of(const struct insn *i, const struct insn_info *info)
{
	bool registers = info->cls == CLASS_X87 || info->attr & INSN_MMX;
	bool memory = i->modrm_at && i->modrm < 0xc0;
	unsigned modrm = memory ? (registers ? i->modrm & 0x38u : 0) : registers ? i->modrm : 0xc0u;
	/* An immediate that names a register is a number like any other. */
	u64 imm = i->imm_len && (i->operands < 4 || i->operand[3].kind == OPERAND_IMM) ? (u8)i->imm
										       : 0;

	return i->form | (u64)i->opcode << 16 | (u64)modrm << 24 | imm << 32 |
	       (u64)(i->vl == 32) << 40 | (u64)thunk_wide(i, info) << 41 | (u64)memory << 42 |
	       BIT64(43);
}

static unsigned head_of(u64 key)
{
	return (unsigned)(key * 0x9e3779b97f4a7c15ull >> (64 - HEADS_BITS));
}

static struct thunk *find(const struct thunks *t, u64 key)
{
	struct thunk *at = __atomic_load_n(&t->head[head_of(key)], __ATOMIC_ACQUIRE);

	while (at && at->key != key)
		at = at->next;
	return at;
}

/* A form's memory operand, and who may use it. */
static void describe(struct thunk *t, const struct insn *i, const struct insn_info *info)
{
	const struct insn_operand *m = insn_memory(i);
	/* CVTPS2PI and its like are SSE's, even from memory to an MMX register. */
	bool vec = info->attr & INSN_FPX, mmx = info->attr & INSN_MMX || i->op == OP_EMMS;

	for (unsigned n = 0; n < i->operands; n++)
		vec |= i->operand[n].kind == OPERAND_VEC;
	t->x87 = info->cls == CLASS_X87;
	t->use = t->x87 ? USE_X87 : i->encoding == ENC_VEX ? USE_VEX : vec ? USE_SSE : USE_MMX;
	t->need = fpu_needs[t->use];
	t->live = t->x87 || mmx ? LIVE_X87 | LIVE_MXCSR : LIVE_MXCSR;
	/* Control instructions leave the pointers alone. SDM 1 8.1.8, 8.3.11 */
	t->pointers = t->x87 && i->op != OP_FNOP && i->op != OP_FINCSTP && i->op != OP_FDECSTP &&
		      i->op != OP_FFREE && i->op != OP_FFREEP;
	if (!m)
		return;
	t->size = (u8)operand_size(m);
	t->write = m->access & ACCESS_WRITE;
	t->align = fp_align(i, info, t->size);
	/* CVTPI2PS and CVTPI2PD from memory: whether they wait the host decides, and after that. */
	t->wait = t->live & LIVE_X87 && i->op != OP_CVTPI2PS && i->op != OP_CVTPI2PD;
}

/* Under the lock. NULL: there is no such instruction here, or no room. */
static struct thunk *make(struct thunks *ts, const struct insn *i, u64 key)
{
	const struct insn_info *info = insn_info(i);
	unsigned len, head = head_of(key);
	struct thunk *t;

	if (!insn_has_features(i, host_has, ts))
		return NULL;
	if (AREA - ts->used < THUNK_MAX) {
		log_err("no room for the code of another instruction");
		return NULL;
	}
	len = thunk_emit(i, ts->code.write + ts->used);
	if (!len)
		return NULL;
	t = xnew(struct thunk);
	t->key = key;
	t->fn = (thunk_fn)(uintptr_t)(ts->code.exec + ts->used);
	describe(t, i, info);
	ts->used += ALIGN_UP(len, ALIGN);
	t->next = ts->head[head];
	__atomic_store_n(&ts->head[head], t, __ATOMIC_RELEASE);
	return t;
}

void *thunk_prepare(struct soft_cpu *c, const struct insn *i)
{
	struct thunks *ts = c->fpu->thunks;
	u64 key = key_of(i, insn_info(i));
	struct thunk *t = find(ts, key);

	if (t)
		return t;
	mutex_lock(&ts->lock);
	t = find(ts, key);
	if (!t)
		t = make(ts, i, key);
	mutex_unlock(&ts->lock);
	return t;
}

void fp_check_alignment(struct soft_cpu *c, gva_t lin, unsigned align)
{
	if (c->cpl == 3 && c->cr0 & CR0_AM && c->rflags & FL_AC && lin & (align - 1))
		raise_error(c, VEC_AC, 0);
}

void fp_mem_slow(struct soft_cpu *c, const struct insn *i, const struct fp_access *a,
		 struct fp_mem *m)
{
	enum insn_seg seg = (enum insn_seg)i->seg;
	gva_t lin;

	/* A waiting exception of x87 comes before those of the operand. SDM 3A table 6-2 */
	if (a->wait)
		fpu_wait(c);
	m->off = insn_offset(c, i);
	lin = seg_check(c, seg, m->off, a->size, a->write);
	if (lin & a->align)
		raise_gp(c);
	m->at = NULL;
	if (lin % PAGE + a->size <= PAGE)
		m->at = lin_ptr(c, lin, a->size, a->write, seg);
	if (!m->at) {
		m->at = c->fpu->bounce;
		m->bounced = true;
		if (a->write)
			seg_probe_write(c, seg, m->off, a->size);
		else
			seg_read_bytes(c, seg, m->off, m->at, a->size);
	}
	/* Numbers of 10 bytes lie well at 8, vectors of 32 at 16. SDM 3A 6.15, table 6-7 */
	fp_check_alignment(c, lin, a->size == 10 ? 8 : MIN(a->size, 16));
}

/*
 * An x87 instruction has come to its end with an unmasked exception: did it store? Only what is
 * inexact was stored. SDM 1 8.5.1 to 8.5.6
 */
static bool stored(const struct soft_fpu *f)
{
	u16 sw = fpu_sw(f), cw;

	if (!(sw & SW_ES))
		return true;
	__asm__ volatile("fnstcw %0" : "=m"(cw));
	return !(sw & ~cw & (CW_MASKS & ~CW_PRECISION));
}

/*
 * CR0.NE is clear: the board may be told by a wire, and the instruction runs as if IGNNE# were
 * asserted. SDM 1 8.7.2
 */
static u64 run_anyway(const struct insn *i, const struct thunk *t, struct soft_fpu *f, void *mem)
{
	u8 env[28];
	u16 cw;
	u64 failed;

	__asm__ volatile("fnstcw %0\n\tfnstenv %1" : "=m"(cw), "=m"(env)); /* masks all */
	failed = t->fn(i, 0, f, mem);
	__asm__ volatile("fldcw %0" : : "m"(cw));
	return failed;
}

static void failed(struct soft_cpu *c, const struct insn *i, const struct thunk *t, void *mem)
{
	struct soft_fpu *f = c->fpu;

	/* Some of SSE's instructions on MMX registers wait for x87, too. */
	if (t->live & LIVE_X87 && (t->use != USE_SSE || fault_last() == FAULT_X87)) {
		if (c->cr0 & CR0_NE)
			raise_vec(c, VEC_MF);
		if (!run_anyway(i, t, f, mem))
			return;
	}
	raise_vec(c, c->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}

static void run_memory(struct soft_cpu *c, const struct insn *i, const struct thunk *t)
{
	struct soft_fpu *f = c->fpu;
	struct fp_access a = {
		.size = t->size, .align = t->align, .write = t->write, .wait = t->wait
	};
	struct fp_mem m;

	fp_mem_get(c, i, &a, &m);
	if (t->live & ~f->live)
		fpu_enter(f, t->live);
	if (t->fn(i, 0, f, m.at))
		failed(c, i, t, m.at);
	if (t->pointers)
		thunk_note(c, i, c->rip, m.off);
	if (m.bounced && t->write && (!t->x87 || stored(f)))
		seg_write_bytes(c, (enum insn_seg)i->seg, m.off, m.at, t->size);
}

void thunk_run(struct soft_cpu *c, const struct insn *i, void *thunk)
{
	const struct thunk *t = thunk;
	struct soft_fpu *f = c->fpu;

	if (!fpu_usable(c, &t->need))
		fpu_refuse(c, (enum fpu_use)t->use);
	if (t->size) {
		run_memory(c, i, t);
		return;
	}
	if (t->live & ~f->live)
		fpu_enter(f, t->live);
	if (t->fn(i, 0, f, NULL))
		failed(c, i, t, NULL);
	if (t->pointers)
		thunk_note(c, i, c->rip, 0);
}

void exec_fp(struct soft_cpu *c, const struct insn *i)
{
	void *t = thunk_prepare(c, i);

	if (!t)
		raise_ud(c);
	thunk_run(c, i, t);
}
