/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables and accesses: 16 bytes for the mode and a seed for memory, then 16-byte steps: what,
 * how, a short number, a long one. As long as what is cached must be true, each access is compared
 * with the model; else it must only do no harm.
 */
#include "base/log.h"
#include "unit/mmu_scene.h"

enum { STEP = 16, MAX_STEPS = 64 };

struct fuzz {
	struct scene scene;
	bool clean; /* no table has changed since all was flushed */
	struct region *over;
};

static void set_mode(struct fuzz *f, const u8 *s)
{
	struct soft_cpu *c = f->scene.c;
	bool lma = s[0] & 1, pae = lma || s[0] & 2;

	c->cr0 = CR0_PE | (lma || s[0] & 4 ? CR0_PG : 0) | (s[0] & 8 ? CR0_WP : 0) |
		 (s[0] & 16 ? CR0_AM : 0);
	c->cr4 = (pae ? CR4_PAE : 0) | (s[0] & 32 ? CR4_PSE : 0) | (s[0] & 64 ? CR4_PGE : 0) |
		 (s[0] & 128 ? CR4_SMEP : 0) | (s[1] & 1 ? CR4_SMAP : 0) |
		 (lma && s[1] & 2 ? CR4_PCIDE : 0);
	c->efer = (s[1] & 4 ? EFER_NXE : 0) | (lma ? EFER_LMA | EFER_LME : 0);
	c->cpl = s[1] & 8 ? 3 : 0;
	c->rflags = s[1] & 16 ? FL_AC : 0;
	rig_mode(f->scene.cpu);
}

/* The model's memory follows where tables may have been read that are no longer there. */
static void follow(struct fuzz *f)
{
	struct model *m = f->scene.model;

	memcpy(m->low, f->scene.low->host, LOW_SIZE);
	memcpy(m->high, f->scene.high->host, HIGH_SIZE);
}

static void flush_all(struct fuzz *f)
{
	mmu_flush(f->scene.c, true);
	f->clean = true;
}

static void access_memory(struct fuzz *f, const u8 *s, gva_t at, u64 val)
{
	static const u8 sizes[] = { 1, 2, 4, 8 };
	enum model_access what = (enum model_access)(s[1] % 3);
	unsigned size = what == M_FETCH ? 1 : sizes[s[1] >> 2 & 3];
	bool sys = s[1] & 16 && what != M_FETCH;
	struct rig_access a = { .at = at, .size = size, .val = val };

	if (f->clean && !f->scene.c->mmu->look && !(f->over && f->over->views)) {
		if (scene_access(&f->scene, at, size, what, sys, val) && what == M_WRITE)
			f->clean = false;
		return;
	}
	a.way = what == M_FETCH ? FETCH : what == M_READ ? LIN_READ : LIN_WRITE;
	rig_try(f->scene.cpu, &a);
	f->clean = false;
	follow(f);
}

static void access_bytes(struct fuzz *f, const u8 *s, gva_t at)
{
	static const enum rig_way ways[] = { LIN_READ_BYTES,  LIN_WRITE_BYTES, SYS_READ_BYTES,
					     SYS_WRITE_BYTES, LIN_PROBE,       SYS_PROBE,
					     SYS_CMPXCHG,     LIN_PTR_READ,    LIN_PTR_WRITE };
	u8 bytes[3 * PAGE] = { 0 };
	struct rig_access a = { .way = ways[s[1] % ARRAY_LEN(ways)], .at = at, .bytes = bytes };

	a.size = le16_at(s + 2) % sizeof(bytes);
	if (a.way == SYS_CMPXCHG)
		a.size = s[2] & 1 ? 8 : 4;
	if (rig_try(f->scene.cpu, &a) && a.ptr && a.size)
		memset(a.ptr, s[3], a.size);
	f->clean = false;
	follow(f);
}

static void claim(struct fuzz *f, gva_t at)
{
	struct rig_access a = { .way = FETCH, .at = at };
	u32 word;

	if (rig_try(f->scene.cpu, &a) && a.fetch.page &&
	    mmu_claim_code(f->scene.c, &a.fetch, &word)) {
		CHECK(word & CODE_HERE && !(word & CODE_WRITE_TAGS));
		__atomic_fetch_or(&a.fetch.page->pieces, BIT64(at % PAGE / 64), __ATOMIC_SEQ_CST);
	}
	f->clean = false;
	follow(f);
}

static void change_map(struct fuzz *f, const u8 *s)
{
	struct mmu_rig *r = &f->scene.rig;

	if (!f->over)
		CHECK_EQ(mem_add(&f->over, r->m->mem, "over", s[1] & 1 ? REGION_RAM : REGION_ROM,
				 (gpa_t)(s[2] & 63) * PAGE, PAGE, 0, IN_ALL, NULL),
			 0);
	else
		region_show(f->over, s[1] & 3);
	if (s[1] & 4)
		(void)!dirty_start(f->scene.low, s[1] & 8);
	mmu_serve(f->scene.c);
	flush_all(f);
}

static void one_step(struct fuzz *f, const u8 *s)
{
	struct soft_cpu *c = f->scene.c;
	u64 val = le64_at(s + 8);
	gva_t at = val;

	if (s[0] & 0x40) /* one of few addresses */
		at = (gva_t)(s64)((s8)s[8]) << (12 + 9 * (s[9] & 3)) | (le16_at(s + 2) & 0xfff);
	switch (s[0] & 15) {
	case 0: set_mode(f, s + 1); break;
	case 1:
		c->cr3 = val & (c->lma ? bits(39, 0) : 0xffffffe0);
		mmu_cr3_changed(c, s[1] & 1);
		f->clean &= !(c->cr4 & (CR4_PCIDE | CR4_PGE)); /* they keep what is not of it */
		break;
	case 2: flush_all(f); break;
	case 3: mmu_flush(c, false); break;
	case 4: mmu_flush_page(c, at); break;
	case 5: mmu_flush_pcid(c, s[2]); break;
	case 6: mmu_flush_pcid_page(c, s[2], at); break;
	case 7:
		(void)!mem_write(f->scene.rig.m->mem, (gpa_t)le16_at(s + 2) << 2 & ~7ull, &val, 8);
		f->clean = false;
		follow(f);
		break;
	case 8: access_bytes(f, s, at); break;
	case 9: claim(f, at); break;
	case 10: change_map(f, s); break;
	case 11: mmu_serve(c); break;
	case 12: (void)!mmu_load_pdptes(c, c->cr0, val, c->cr4), f->clean = false; break;
	default: access_memory(f, s, at, val); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct fuzz f = { 0 };

	log_set_rules("error");
	if (len < STEP)
		return 0;
	scene_start(&f.scene);
	f.scene.seed = le64_at(data + 8) | 1;
	f.scene.rig.soft.phys_bits = (u8)(36 + data[2] % 17);
	set_mode(&f, data);
	f.scene.c->cr3 = (u64)(data[3] & 63) << 12;
	random_memory(&f.scene, 2 * PAGE);
	flush_all(&f);
	for (size_t at = STEP; len - at >= STEP && at < MAX_STEPS * STEP; at += STEP)
		one_step(&f, data + at);
	scene_stop(&f.scene);
	return 0;
}
