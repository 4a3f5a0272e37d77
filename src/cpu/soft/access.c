/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/access.c: reads, writes and fetches at linear addresses. */
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/mmu_priv.h"

enum { DR7_ENABLES = 0xff };

/* A part of an access that is in one page. */
struct spot {
	u8 *host; /* NULL: devices at @phys */
	gpa_t phys;
	unsigned len;
	struct region *region; /* of a write that must be noted, else NULL */
	u64 offset;
};

struct span {
	struct spot spot[2];
	unsigned spots;
};

/* ---- translation ---- */

static bool watched(const struct soft_cpu *c, gva_t at)
{
	return c->dr[7] & DR7_ENABLES && debug_page_watched(c, at & TE_PAGE);
}

/*
 * Whether writes to the page at @offset of @r need not be noted. Then whoever decodes code of it
 * finds that there are write tags.
 */
static bool may_tag(struct region *r, u64 offset)
{
	struct code_page *code = __atomic_load_n(&r->code, __ATOMIC_ACQUIRE);
	u32 *word = code ? &code[offset / PAGE].word : NULL;
	u32 was = code ? __atomic_load_n(word, __ATOMIC_SEQ_CST) : CODE_WRITE_TAGS;

	if (__atomic_load_n(&r->dirty_logged, __ATOMIC_ACQUIRE))
		return false;
	while (!(was & (CODE_HERE | CODE_WRITE_TAGS)))
		if (__atomic_compare_exchange_n(word, &was, was | CODE_WRITE_TAGS, true,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return !(was & CODE_HERE);
}

/* What is at @phys, for @access; @e: the page's entry, which gets the tags that it may have. */
static void locate(struct soft_cpu *c, gva_t at, gpa_t phys, unsigned access, struct tlb_entry *e,
		   struct spot *out)
{
	const struct mem_range *r = mmu_range(c, phys);
	bool ram = r && r->region->kind == REGION_RAM;
	u64 offset;

	out->phys = phys;
	out->host = NULL;
	out->region = NULL;
	if (!r)
		return;
	out->host = r->host + (phys - r->at);
	offset = (u64)(out->host - r->region->host);
	if (e) {
		e->read = at & TE_PAGE;
		e->delta = (u64)(uintptr_t)out->host - at;
	}
	if (e && ram && e->info & TE_WRITABLE &&
	    (!c->mmu->undo || undo_allows_tag(c->mmu->undo, out->host)) &&
	    may_tag(r->region, offset)) {
		e->write = e->read;
	} else if (access & ACC_WRITE && ram) {
		out->region = r->region;
		out->offset = offset;
	} else if (access & ACC_WRITE) {
		out->host = NULL; /* ROM: its device hears of writes */
	}
}

static void translate(struct soft_cpu *c, gva_t at, unsigned access, struct spot *out)
{
	struct soft_mmu *m = c->mmu;
	unsigned use = access & ACC_SYSTEM ? m->system : m->data;
	struct tlb_view *v = &m->now->view[use];
	struct tlb_entry *e = &v->tlb.at[tlb_index(at)];
	u64 page = at & TE_PAGE, info;
	struct walk w;

	if ((access & ACC_WRITE ? e->write : e->read) == page) {
		out->host = (u8 *)(uintptr_t)(at + e->delta);
		out->region = NULL;
		return;
	}
	if (e->read == page && e->info & TE_WRITABLE) {
		locate(c, at, (e->info & TE_PAGE) | at % PAGE, access, e, out);
		return;
	}
	if (!mmu_walk(c, at, access, (enum tlb_use)use, &w))
		raise_pf(c, at, w.error);
	e = NULL;
	if (mmu_range(c, w.phys) && !watched(c, at)) {
		info = (w.phys & TE_PAGE) | (u64)w.shift << TE_SHIFT | (w.global ? TE_GLOBAL : 0) |
		       (w.writable ? TE_WRITABLE : 0);
		e = tlb_fill(m->now, v, at, info);
	}
	locate(c, at, w.phys, access, e, out);
}

/* Only 64-bit processors in IA-32e mode have more than 32 bits of linear address. */
static gva_t linear(const struct soft_cpu *c, gva_t at)
{
	return c->lma ? at : (u32)at;
}

static void check_canonical(struct soft_cpu *c, gva_t at, size_t len, enum insn_seg seg)
{
	if (c->lma && !(is_canonical(at) && is_canonical(at + len - 1)))
		raise_error(c, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
}

/* Translate [at, at+len), at most two pages, before anything is touched. */
static void reach(struct soft_cpu *c, gva_t at, size_t len, unsigned access, enum insn_seg seg,
		  struct span *s)
{
	size_t first;

	at = linear(c, at);
	first = MIN(len, PAGE - at % PAGE);
	mmu_sync(c);
	check_canonical(c, at, len, seg);
	translate(c, at, access, &s->spot[0]);
	s->spot[0].len = (unsigned)first;
	s->spots = 1;
	if (first == len)
		return;
	translate(c, linear(c, at + first), access, &s->spot[1]);
	s->spot[1].len = (unsigned)(len - first);
	s->spots = 2;
}

static unsigned data_access(const struct soft_cpu *c)
{
	return c->cpl == 3 ? ACC_USER : 0;
}

/* ---- numbers ---- */

static u64 span_read(struct soft_cpu *c, const struct span *s)
{
	u64 val = 0;
	unsigned done = 0;

	for (unsigned i = 0; i < s->spots; i++) {
		const struct spot *p = &s->spot[i];
		u64 part = p->host ? host_load(p->host, p->len) : mmio_read(c, p->phys, p->len);

		val |= part << 8 * done;
		done += p->len;
	}
	return val;
}

static void span_write(struct soft_cpu *c, const struct span *s, u64 val)
{
	for (unsigned i = 0; i < s->spots; i++) {
		const struct spot *p = &s->spot[i];
		u64 part = val & ones(p->len);

		if (p->host && c->mmu->undo)
			undo_note(c->mmu->undo, p->host, p->len);
		if (p->host)
			host_store(p->host, p->len, part);
		else
			mmio_write(c, p->phys, p->len, part);
		if (p->region)
			mmu_wrote(c, p->region, p->offset, p->len);
		if (i + 1 < s->spots)
			val >>= 8 * p->len;
	}
}

/* A page fault goes before #AC: SDM 3A table 6-2. */
static void check_alignment(struct soft_cpu *c, gva_t at, unsigned size)
{
	if (c->mmu->look && at & (size - 1) && !(size & (size - 1)))
		raise_error(c, VEC_AC, 0);
}

static void match_data(struct soft_cpu *c, gva_t at, size_t len, bool write)
{
	u64 hit;

	if (!(c->dr[7] & DR7_ENABLES) || !len)
		return;
	hit = debug_data_match(c, at, (unsigned)len, write);
	if (hit) {
		c->trap_dr6 |= hit;
		cpu_attend(c, ATT_STEP);
	}
}

u64 lin_read_slow(struct soft_cpu *c, gva_t at, unsigned size, enum insn_seg seg)
{
	struct span s;
	u64 val;

	reach(c, at, size, data_access(c), seg, &s);
	check_alignment(c, at, size);
	val = span_read(c, &s);
	match_data(c, at, size, false);
	return val;
}

void lin_write_slow(struct soft_cpu *c, gva_t at, unsigned size, u64 val, enum insn_seg seg)
{
	struct span s;

	reach(c, at, size, data_access(c) | ACC_WRITE, seg, &s);
	check_alignment(c, at, size);
	span_write(c, &s, val);
	match_data(c, at, size, true);
}

u64 lin_read(struct soft_cpu *c, gva_t at, unsigned size)
{
	const struct tlb_entry *e = &c->tlb->at[tlb_index(at)];

	if (at - e->read <= PAGE - size)
		return host_load((const u8 *)(uintptr_t)(at + e->delta), size);
	return lin_read_slow(c, at, size, SEG_DS);
}

void lin_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val)
{
	const struct tlb_entry *e = &c->tlb->at[tlb_index(at)];

	if (at - e->write <= PAGE - size)
		host_store((u8 *)(uintptr_t)(at + e->delta), size, val);
	else
		lin_write_slow(c, at, size, val, SEG_DS);
}

u64 sys_read(struct soft_cpu *c, gva_t at, unsigned size)
{
	const struct tlb_entry *e = &c->system_tlb->at[tlb_index(at)];
	struct span s;

	if (at - e->read <= PAGE - size)
		return host_load((const u8 *)(uintptr_t)(at + e->delta), size);
	reach(c, at, size, ACC_SYSTEM, SEG_DS, &s);
	return span_read(c, &s);
}

void sys_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val)
{
	struct span s;

	reach(c, at, size, ACC_SYSTEM | ACC_WRITE, SEG_DS, &s);
	span_write(c, &s, val);
}

/* ---- bytes ---- */

static void spot_read(struct soft_cpu *c, const struct spot *p, u8 *buf)
{
	if (p->host) {
		memcpy(buf, p->host, p->len);
		return;
	}
	for (unsigned done = 0, n; done < p->len; done += n) {
		n = MIN(p->len - done, 8 - (unsigned)(p->phys + done) % 8);
		put_le(buf + done, n, mmio_read(c, p->phys + done, n));
	}
}

static void spot_write(struct soft_cpu *c, const struct spot *p, const u8 *buf)
{
	if (p->host && c->mmu->undo)
		undo_note(c->mmu->undo, p->host, p->len);
	if (p->host) {
		memcpy(p->host, buf, p->len);
		if (p->region)
			mmu_wrote(c, p->region, p->offset, p->len);
		return;
	}
	for (unsigned done = 0, n; done < p->len; done += n) {
		n = MIN(p->len - done, 8 - (unsigned)(p->phys + done) % 8);
		mmio_write(c, p->phys + done, n, le_at(buf + done, n));
	}
}

static void bytes_read(struct soft_cpu *c, gva_t at, u8 *buf, size_t len, unsigned access)
{
	struct span s;

	for (size_t n; len; at += n, buf += n, len -= n) {
		n = MIN(len, PAGE - at % PAGE);
		reach(c, at, n, access, SEG_DS, &s);
		spot_read(c, &s.spot[0], buf);
	}
}

static void probe(struct soft_cpu *c, gva_t at, size_t len, unsigned access)
{
	struct span s;

	for (size_t n; len; at += n, len -= n) {
		n = MIN(len, PAGE - at % PAGE);
		reach(c, at, n, access | ACC_WRITE, SEG_DS, &s);
	}
}

static void bytes_write(struct soft_cpu *c, gva_t at, const u8 *buf, size_t len, unsigned access)
{
	struct span s;

	if (at % PAGE + len > PAGE)
		probe(c, at, len, access);
	for (size_t n; len; at += n, buf += n, len -= n) {
		n = MIN(len, PAGE - at % PAGE);
		reach(c, at, n, access | ACC_WRITE, SEG_DS, &s);
		spot_write(c, &s.spot[0], buf);
	}
}

void lin_read_bytes(struct soft_cpu *c, gva_t at, void *buf, size_t len)
{
	bytes_read(c, at, buf, len, data_access(c));
	match_data(c, at, len, false);
}

void lin_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len)
{
	bytes_write(c, at, buf, len, data_access(c));
	match_data(c, at, len, true);
}

void sys_read_bytes(struct soft_cpu *c, gva_t at, void *buf, size_t len)
{
	bytes_read(c, at, buf, len, ACC_SYSTEM);
}

void sys_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len)
{
	bytes_write(c, at, buf, len, ACC_SYSTEM);
}

void lin_probe_write(struct soft_cpu *c, gva_t at, size_t len)
{
	probe(c, at, len, data_access(c));
}

void sys_probe_write(struct soft_cpu *c, gva_t at, size_t len)
{
	probe(c, at, len, ACC_SYSTEM);
}

/* ---- pointers ---- */

void *lin_ptr(struct soft_cpu *c, gva_t at, size_t len, bool write, enum insn_seg seg)
{
	const struct tlb_entry *e = &c->tlb->at[tlb_index(at)];
	struct span s;

	if (at % PAGE + len > PAGE)
		return NULL;
	if (((at & TE_PAGE) == (write ? e->write : e->read)))
		return (void *)(uintptr_t)(at + e->delta);
	if (c->mmu->look)
		return NULL;
	reach(c, at, len, data_access(c) | (write ? ACC_WRITE : 0), seg, &s);
	if (!s.spot[0].host || watched(c, at))
		return NULL;
	if (write && c->mmu->undo)
		undo_note(c->mmu->undo, s.spot[0].host, len);
	if (s.spot[0].region)
		mmu_note(c, s.spot[0].region, s.spot[0].offset, len);
	return s.spot[0].host;
}

static bool host_cmpxchg(u8 *p, unsigned size, u64 old, u64 new)
{
	u8 old8 = (u8)old;
	u32 old32 = (u32)old;

	switch (size) {
	case 1:
		return __atomic_compare_exchange_n(p, &old8, (u8) new, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_RELAXED);
	case 4:
		return __atomic_compare_exchange_n((u32 *)(void *)p, &old32, (u32) new, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	default:
		return __atomic_compare_exchange_n((u64 *)(void *)p, &old, new, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
}

/* Where the host has no such operation, the others stand still: from before it is translated. */
static bool slow_cmpxchg(struct soft_cpu *c, gva_t at, unsigned size, u64 old, u64 new)
{
	struct span s;
	bool same;

	exclusive_begin(c);
	reach(c, at, size, ACC_SYSTEM | ACC_WRITE, SEG_DS, &s);
	same = span_read(c, &s) == (old & ones(size));
	if (same)
		span_write(c, &s, new);
	exclusive_end(c);
	return same;
}

bool sys_cmpxchg(struct soft_cpu *c, gva_t at, unsigned size, u64 old, u64 new)
{
	struct span s;
	bool same;

	if (at % size)
		return slow_cmpxchg(c, at, size, old, new);
	reach(c, at, size, ACC_SYSTEM | ACC_WRITE, SEG_DS, &s);
	if (!s.spot[0].host)
		return slow_cmpxchg(c, at, size, old, new);
	if (c->mmu->undo)
		undo_note(c->mmu->undo, s.spot[0].host, size);
	same = host_cmpxchg(s.spot[0].host, size, old, new);
	if (same && s.spot[0].region)
		mmu_wrote(c, s.spot[0].region, s.spot[0].offset, size);
	return same;
}

/* ---- code ---- */

void mmu_fetch(struct soft_cpu *c, gva_t at, struct fetch *out)
{
	struct soft_mmu *m = c->mmu;
	unsigned use = c->cpl == 3 ? USE_CODE_USER : USE_CODE_SUPER;
	const struct mem_range *r;
	struct tlb_entry *e;
	struct walk w;

	at = linear(c, at);
	mmu_sync(c);
	check_canonical(c, at, 1, SEG_CS);
	e = &m->now->view[use].tlb.at[tlb_index(at)];
	if (e->read != (at & TE_PAGE)) {
		if (!mmu_walk(c, at, ACC_FETCH | data_access(c), (enum tlb_use)use, &w))
			raise_pf(c, at, w.error);
		e = tlb_fill(m->now, &m->now->view[use], at,
			     (w.phys & TE_PAGE) | (u64)w.shift << TE_SHIFT |
				     (w.global ? TE_GLOBAL : 0));
		e->read = at & TE_PAGE;
	}
	tlb_note_code(c, at, e);
	*out = (struct fetch){ .phys = (e->info & TE_PAGE) | at % PAGE,
			       .len = PAGE - (unsigned)(at % PAGE) };
	r = mmu_range(c, out->phys);
	if (!r)
		return;
	out->host = r->host + (out->phys - r->at);
	if (r->region->code)
		out->page = &r->region->code[(u64)(out->host - r->region->host) / PAGE];
}
