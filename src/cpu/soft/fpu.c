/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/fpu.c: the floating point registers, in memory or in the host's: fpu_priv.h. Intel SDM 1
 * chapters 8 and 10, SDM 3A chapter 14.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "cpu/soft/fpu_priv.h"

/* FXRSTOR loads all vector registers, too. */
#define ALL_XMM                                                                                    \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",   \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static void load_image(const struct soft_fpu *f)
{
	__asm__ volatile("fxrstor64 %0" : : "m"(f->image) : ALL_XMM);
}

static void store_image(struct soft_fpu *f)
{
	__asm__ volatile("fxsave64 %0" : "=m"(f->image));
	/* Where the host's instruction was is nobody's business: the guest's pointers are ours. */
	memset(f->image + FX_OP, 0, FX_MXCSR - FX_OP);
}

static u32 read_mxcsr(void)
{
	u32 v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static void write_mxcsr(u32 v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v));
}

static u16 read_cw(void)
{
	u16 v;

	__asm__ volatile("fnstcw %0" : "=m"(v));
	return v;
}

static u16 read_sw(void)
{
	u16 v;

	__asm__ volatile("fnstsw %0" : "=a"(v));
	return v;
}

void fpu_note_x87(struct soft_fpu *f)
{
	f->x87_quiet = f->live & LIVE_X87 && (read_cw() & CW_MASKS) == CW_MASKS &&
		       !(read_sw() & SW_ES);
}

static void note_masks(struct soft_fpu *f)
{
	enum { ALL_MASKED = 0x1f80 };

	f->quiet = f->live && (read_mxcsr() & ALL_MASKED) == ALL_MASKED;
	fpu_note_x87(f);
}

void fpu_enter(struct soft_fpu *f, unsigned live)
{
	live &= ~(unsigned)f->live;
	if (!live)
		return;
	if (!f->live) {
		fault_guard(thunks_area(f->thunks));
		f->host_mxcsr = read_mxcsr();
		f->host_cw = read_cw();
	}
	if (live & LIVE_X87) {
		/* It brings MXCSR with it. */
		put_le32(f->image + FX_MXCSR, fpu_mxcsr(f));
		load_image(f);
		f->live = LIVE_X87 | LIVE_MXCSR;
	} else {
		write_mxcsr(f->mxcsr);
		f->live |= LIVE_MXCSR;
	}
	note_masks(f);
}

void fpu_sync(struct soft_fpu *f)
{
	if (f->live & LIVE_X87)
		store_image(f);
	f->mxcsr = fpu_mxcsr(f);
}

void fpu_reload(struct soft_fpu *f)
{
	if (f->live & LIVE_X87) {
		put_le32(f->image + FX_MXCSR, f->mxcsr);
		load_image(f);
	} else if (f->live) {
		write_mxcsr(f->mxcsr);
	}
	note_masks(f);
}

void fpu_park(struct soft_cpu *c)
{
	struct soft_fpu *f = c->fpu;

	if (!f->live)
		return;
	fpu_sync(f);
	if (f->live & LIVE_X87)
		__asm__ volatile("fninit\n\tfldcw %0" : : "m"(f->host_cw));
	write_mxcsr(f->host_mxcsr);
	f->live = 0;
	f->quiet = f->x87_quiet = false;
	fault_guard(NULL);
}

u32 fpu_mxcsr(const struct soft_fpu *f)
{
	return f->live ? read_mxcsr() : f->mxcsr;
}

u16 fpu_sw(const struct soft_fpu *f)
{
	return f->live & LIVE_X87 ? read_sw() : le16_at(f->image + FX_SW);
}

bool fpu_pending(const struct soft_fpu *f)
{
	return fpu_sw(f) & SW_ES;
}

void fpu_wait(struct soft_cpu *c)
{
	if (fpu_pending(c->fpu) && c->cr0 & CR0_NE)
		raise_vec(c, VEC_MF);
}

const struct fpu_need fpu_needs[N_FPU_USES] = {
	[USE_X87] = { .cr0_clear = CR0_EM | CR0_TS },
	[USE_MMX] = { .cr0_clear = CR0_EM | CR0_TS },
	[USE_SSE] = { .cr0_clear = CR0_EM | CR0_TS, .cr4_set = CR4_OSFXSR },
	[USE_VEX] = { .cr0_clear = CR0_TS, .cr4_set = CR4_OSXSAVE, .xcr0_set = 6 },
	[USE_FXSAVE] = { .cr0_clear = CR0_EM | CR0_TS },
	[USE_XSAVE] = { .cr0_clear = CR0_TS, .cr4_set = CR4_OSXSAVE },
};

/* SDM 3A 2.5 (EM, TS), SDM 2A tables 2-18 to 2-29. x87 has #NM for EM, too; all others #UD. */
void fpu_refuse(struct soft_cpu *c, enum fpu_use use)
{
	struct fpu_need n = fpu_needs[use];

	if (use != USE_X87)
		n.cr0_clear &= ~(u32)CR0_TS;
	else
		n.cr0_clear = 0;
	raise_vec(c, fpu_usable(c, &n) ? VEC_NM : VEC_UD);
}

/* Control word 37F, everything else 0; tags (abridged): empty. SDM 2A, FINIT */
void fpu_clear_x87(struct soft_fpu *f)
{
	memset(f->image, 0, sizeof(f->image));
	put_le16(f->image + FX_CW, 0x37f);
	f->fop = 0;
	f->fip = f->fdp = f->cs_base = f->ds_base = 0;
}

/* After RESET the registers hold 0.0 and are no empty ones. SDM 3A table 10-1 */
void fpu_reset(struct soft_cpu *c, bool init)
{
	struct soft_fpu *f = c->fpu;

	if (init)
		return;
	fpu_sync(f);
	memset(f->vec, 0, sizeof(f->vec));
	fpu_clear_x87(f);
	put_le16(f->image + FX_CW, 0x40);
	f->image[FX_TW] = 0xff;
	f->mxcsr = MXCSR_RESET;
	fpu_reload(f);
}

int fpu_create(struct soft_cpu *c, struct error *err)
{
	struct soft_fpu *f;
	void *memory;
	int rc = 0;

	if (!c->soft->thunks)
		rc = thunks_create(c->soft, err);
	if (!rc)
		rc = fault_init(err);
	if (rc)
		return rc;
	memory = xcalloc(1, sizeof(*f) + 64);
	f = (struct soft_fpu *)ALIGN_UP((uintptr_t)memory, 64);
	f->memory = memory;
	f->cpu = c;
	f->thunks = c->soft->thunks;
	c->fpu = f;
	fpu_reset(c, false);
	return 0;
}

void fpu_destroy(struct soft_cpu *c)
{
	if (!c->fpu)
		return;
	fpu_park(c);
	free(c->fpu->memory);
	c->fpu = NULL;
}

u8 *fpu_vec(struct soft_cpu *c, unsigned n)
{
	return c->fpu->vec[n & 15];
}
