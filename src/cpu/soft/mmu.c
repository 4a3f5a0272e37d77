/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/mmu.c: physical memory as a vCPU sees it, what changes it, and what others must know of
 * writes to it.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/mmu_priv.h"

int mmu_create(struct soft_cpu *c)
{
	struct map map = { 0 };
	struct soft_mmu *m;
	int rc = map_create(&map, ALIGN_UP(sizeof(*m), PAGE), MAP_NO_THP, "tlb", NULL);

	if (rc < 0)
		return rc;
	m = map.at;
	m->map = map;
	m->map_epoch = ~0ull;
	m->mode[0] = ~0ull;
	tlb_init(m);
	c->jit_tlb = c->jit_none = &m->none;
	c->mmu = m;
	mmu_view(c);
	return 0;
}

void mmu_destroy(struct soft_cpu *c)
{
	struct map map;

	if (!c->mmu)
		return;
	map = c->mmu->map;
	map_destroy(&map);
	c->mmu = NULL;
	c->tlb = NULL;
}

/* ---- the map of physical memory ---- */

void mmu_resync(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;

	m->map_epoch = __atomic_load_n(&c->soft->map_epoch, __ATOMIC_ACQUIRE);
	m->apic_base = c->lapic.base;
	m->apic_page = ALIGN_DOWN(m->apic_base, PAGE);
	if (!lapic_at(&c->lapic, m->apic_page))
		m->apic_page = ~0ull;
	if (__atomic_exchange_n(&m->log_late, false, __ATOMIC_SEQ_CST))
		tlb_drop_all_writes(c, true);
	m->smm = c->in_smm;
	memset(m->range, 0, sizeof(m->range));
	tlb_flush_all(m, true);
}

const struct mem_range *mmu_range_slow(struct soft_cpu *c, gpa_t at)
{
	struct soft_mmu *m = c->mmu;
	struct mem_range *r = &m->range[m->next_range % MMU_RANGES];

	if (!mem_find(c->soft->base.machine->mem, m->smm ? VIEW_SMM : VIEW_NORMAL, at, r))
		return NULL;
	m->next_range++;
	return r;
}

static int on_add(void *arg, enum mem_view view, const struct mem_range *r)
{
	return 0;
}

static void on_remove(void *arg, enum mem_view view, const struct mem_range *r)
{
}

/* The vCPU that made the change itself has it at once, others at their next boundary. */
static void on_published(void *arg, enum mem_view view)
{
	struct soft_cpu *me = soft_current();
	struct soft *s = arg;

	__atomic_fetch_add(&s->map_epoch, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < ARRAY_LEN(s->cpu); i++)
		if (s->cpu[i])
			cpu_attend(s->cpu[i], ATT_FLUSH);
	if (me && me->soft == s)
		mmu_sync(me);
}

/*
 * Others go on writing unlogged until they drop their write tags: then they mark all pages that
 * they could write. Who is not in guest code drops them on the way in: mmu_enter_guest().
 */
static int on_log_dirty(void *arg, enum mem_view view, const struct mem_range *r, bool on)
{
	struct soft_cpu *me = soft_current();
	struct soft *s = arg;

	for (unsigned i = 0; i < ARRAY_LEN(s->cpu) && on; i++)
		if (s->cpu[i] && s->cpu[i] != me && s->cpu[i]->mmu)
			__atomic_store_n(&s->cpu[i]->mmu->log_late, true, __ATOMIC_SEQ_CST);
	on_published(arg, view);
	return 0;
}

int mmu_listen(struct soft *s, struct error *err)
{
	struct mem *mem = s->base.machine->mem;
	int rc = mem_track_code(mem);

	if (rc < 0)
		return error_set(err, rc, "no memory to keep track of the guest's code");
	s->listener = (struct mem_listener){
		.add = on_add,
		.remove = on_remove,
		.log_dirty = on_log_dirty,
		.published = on_published,
		.arg = s,
	};
	return mem_listen(mem, &s->listener, err);
}

void mmu_unlisten(struct soft *s)
{
	mem_unlisten(s->base.machine->mem, &s->listener);
}

/* ---- devices ---- */

/* It takes 1, 2, 4 and 8 bytes; a part of an access that crosses pages may have others. */
static u64 apic_read(struct soft_cpu *c, gpa_t at, unsigned size)
{
	u64 val = 0;

	if (size == 1 || size == 2 || size == 4 || size == 8)
		return lapic_read(&c->lapic, at % PAGE, size);
	for (unsigned i = 0; i < size; i++)
		val |= lapic_read(&c->lapic, at % PAGE + i, 1) << 8 * i;
	return val;
}

static void apic_write(struct soft_cpu *c, gpa_t at, unsigned size, u64 val)
{
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return;
	lapic_write(&c->lapic, at % PAGE, size, val);
	/* An EOI or a lower priority lets in what waited. */
	cpu_attend(c, ATT_INTR);
}

u64 mmio_read(struct soft_cpu *c, gpa_t at, unsigned size)
{
	u64 val;

	c->base.exits[EXIT_MMIO_READ]++;
	if (c->mmu->undo)
		c->mmu->undo->device = true;
	fpu_park(c);
	if (ALIGN_DOWN(at, PAGE) == c->mmu->apic_page)
		val = apic_read(c, at, size);
	else
		val = io_read_vcpu(c->soft->base.machine, IO_MMIO, at, size);
	mmu_sync(c);
	return val;
}

void mmio_write(struct soft_cpu *c, gpa_t at, unsigned size, u64 val)
{
	c->base.exits[EXIT_MMIO_WRITE]++;
	if (c->mmu->undo)
		c->mmu->undo->device = true;
	fpu_park(c);
	if (ALIGN_DOWN(at, PAGE) == c->mmu->apic_page)
		apic_write(c, at, size, val);
	else
		io_write_vcpu(c->soft->base.machine, IO_MMIO, at, size, val);
	mmu_sync(c);
}

u64 phys_read(struct soft_cpu *c, gpa_t at, unsigned size)
{
	u64 val = 0;

	mmu_sync(c);
	for (unsigned done = 0, n; done < size; done += n, at += n) {
		const struct mem_range *r = mmu_range(c, at);
		u64 part = 0;

		n = MIN(size - done, PAGE - (unsigned)(at % PAGE));
		if (r)
			memcpy(&part, r->host + (at - r->at), n);
		else
			part = mmio_read(c, at, n);
		val |= part << 8 * done;
	}
	return val;
}

void phys_write(struct soft_cpu *c, gpa_t at, unsigned size, u64 val)
{
	mmu_sync(c);
	for (unsigned done = 0, n; done < size; done += n, at += n) {
		const struct mem_range *r = mmu_range(c, at);
		u64 part = val >> 8 * done;

		n = MIN(size - done, PAGE - (unsigned)(at % PAGE));
		if (r && r->region->kind == REGION_RAM) {
			u8 *host = r->host + (at - r->at);

			memcpy(host, &part, n);
			mmu_wrote(c, r->region, (u64)(host - r->region->host), n);
		} else {
			mmio_write(c, at, n, part & ones(n));
		}
	}
}

/* ---- what others must know of writes ---- */

void mmu_wrote(struct soft_cpu *c, struct region *r, u64 offset, u64 len)
{
	/* The block that runs may be what was overwritten: it must end with this instruction. */
	if (code_written(r, offset, len))
		__atomic_fetch_or(&c->attention, ATT_FLUSH, __ATOMIC_SEQ_CST);
	dirty_mark(r, offset, len);
}

static void note_all(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;

	for (unsigned i = 0; i < m->notes; i++)
		mmu_wrote(c, m->note[i].region, m->note[i].offset, m->note[i].len);
	m->notes = 0;
}

/* No instruction has so many at once: when there is no room, the older ones have been written. */
void mmu_note(struct soft_cpu *c, struct region *r, u64 offset, u64 len)
{
	struct soft_mmu *m = c->mmu;

	if (m->notes == MMU_NOTES)
		note_all(c);
	m->note[m->notes++] = (struct mmu_note){ r, offset, len };
	__atomic_fetch_or(&c->attention, ATT_FLUSH, __ATOMIC_SEQ_CST);
}

static void serve(struct soft_cpu *c)
{
	struct soft_mmu *m = c->mmu;
	u32 ticket;

	note_all(c);
	mmu_sync(c);
	ticket = __atomic_load_n(&c->soft->drop_ticket, __ATOMIC_SEQ_CST);
	if (ticket == m->dropped)
		return;
	tlb_drop_all_writes(c, false);
	__atomic_store_n(&m->dropped, ticket, __ATOMIC_SEQ_CST);
}

void mmu_serve(struct soft_cpu *c)
{
	if (__atomic_load_n(&c->attention, __ATOMIC_RELAXED) & ATT_FLUSH)
		__atomic_fetch_and(&c->attention, ~(u32)ATT_FLUSH, __ATOMIC_SEQ_CST);
	serve(c);
}

/*
 * Said before it looks; who asks does it the other way round: mmu_dropped(). An exclusive section
 * leaves and enters within an instruction: ATT_FLUSH still has to end the block.
 */
void mmu_enter_guest(struct soft_cpu *c)
{
	__atomic_store_n(&c->mmu->running, 1, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&c->mmu->log_late, false, __ATOMIC_SEQ_CST))
		tlb_drop_all_writes(c, false);
	serve(c);
}

void mmu_leave_guest(struct soft_cpu *c)
{
	serve(c);
	__atomic_store_n(&c->mmu->running, 0, __ATOMIC_SEQ_CST);
}

u32 mmu_ask_drop(struct soft_cpu *c)
{
	struct soft *s = c->soft;
	u32 ticket = __atomic_add_fetch(&s->drop_ticket, 1, __ATOMIC_SEQ_CST);

	for (unsigned i = 0; i < s->count; i++)
		if (s->cpu[i] && s->cpu[i] != c)
			cpu_attend(s->cpu[i], ATT_FLUSH);
	return ticket;
}

bool mmu_dropped(struct soft_cpu *c, u32 ticket)
{
	struct soft *s = c->soft;

	for (unsigned i = 0; i < s->count; i++) {
		struct soft_mmu *m = s->cpu[i] && s->cpu[i] != c ? s->cpu[i]->mmu : NULL;

		if (m && __atomic_load_n(&m->running, __ATOMIC_SEQ_CST) &&
		    (s32)(__atomic_load_n(&m->dropped, __ATOMIC_SEQ_CST) - ticket) < 0)
			return false;
	}
	return true;
}

/*
 * As long as the word is the same there was code in the page since the others were asked, so that
 * none of them has got a new write tag.
 */
static u32 claim_ticket(struct soft_cpu *c, struct code_page *page, u32 word)
{
	struct soft_mmu *m = c->mmu;
	struct mmu_claim *claim;

	for (unsigned i = 0; i < MMU_CLAIMS; i++)
		if (m->claim[i].page == page && m->claim[i].word == word)
			return m->claim[i].ticket;
	claim = &m->claim[m->next_claim++ % MMU_CLAIMS];
	*claim = (struct mmu_claim){ page, word, mmu_ask_drop(c) };
	return claim->ticket;
}

bool mmu_claim_code(struct soft_cpu *c, const struct fetch *f, u32 *word)
{
	u32 w = __atomic_load_n(&f->page->word, __ATOMIC_SEQ_CST);

	if (!(w & CODE_HERE))
		w = __atomic_or_fetch(&f->page->word, CODE_HERE, __ATOMIC_SEQ_CST);
	*word = w;
	if (!(w & CODE_WRITE_TAGS))
		return true;
	tlb_drop_writes(c, (const u8 *)ALIGN_DOWN((uintptr_t)f->host, (uintptr_t)PAGE));
	if (!mmu_dropped(c, claim_ticket(c, f->page, w)))
		return false;
	*word = w & ~(u32)CODE_WRITE_TAGS;
	return __atomic_compare_exchange_n(&f->page->word, &w, *word, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}
