/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/xsave.c: the state in memory: FXSAVE, XSAVE and what goes with them, MXCSR. Intel SDM 1
 * chapters 10.5 and 13. The components are x87, SSE and AVX; there are no supervisor components.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/fpu_priv.h"

enum { COMP_X87 = 1, COMP_SSE = 2, COMP_AVX = 4, COMP_ALL = 7 };
/* The area: legacy region, header, then AVX in both forms, as it is the first of the others. */
enum {
	XS_BV = 512,
	XS_COMP = 520,
	XS_REST = 528,
	XS_AVX = 576,
	XS_SIZE = 832,
};
#define XCOMP_COMPACT BIT64(63)

/* The registers there are in this mode: XMM8 to 15 are of 64-bit mode alone. SDM 1 13.5.2 */
static unsigned vectors(const struct soft_cpu *c)
{
	return c->mode == CPU_64 ? 16 : 8;
}

/*
 * REX.W: 64-bit pointers; else 32 bits and selectors, which are always saved as 0: CPUID.7:EBX bit
 * 13. SDM 1 10.5.1
 */
static void put_x87(const struct soft_cpu *c, u8 *area, bool wide)
{
	const struct soft_fpu *f = c->fpu;

	memcpy(area, f->image, FX_OP);
	put_le16(area + FX_OP, f->fop);
	put_le64(area + FX_IP, f->fip);
	put_le64(area + FX_DP, f->fdp);
	if (!wide) {
		put_le32(area + FX_IP + 4, 0);
		put_le32(area + FX_DP + 4, 0);
	}
	memcpy(area + FX_ST, f->image + FX_ST, FX_XMM - FX_ST);
}

/* Reserved bits and the summary of exceptions are as the host will read them once it has them. */
static void get_x87(struct soft_cpu *c, const u8 *area, bool wide)
{
	struct soft_fpu *f = c->fpu;
	u16 cw = le16_at(area + FX_CW), sw = le16_at(area + FX_SW);
	bool waits = sw & ~cw & CW_MASKS;

	put_le16(f->image + FX_CW, (cw & CW_USED) | CW_ONE);
	put_le16(f->image + FX_SW, (u16)((sw & ~(SW_ES | SW_B)) | (waits ? SW_ES | SW_B : 0)));
	f->image[FX_TW] = area[FX_TW];
	memcpy(f->image + FX_ST, area + FX_ST, FX_XMM - FX_ST);
	f->fop = le16_at(area + FX_OP) & 0x7ff;
	f->fip = wide ? le64_at(area + FX_IP) : le32_at(area + FX_IP);
	f->fdp = wide ? le64_at(area + FX_DP) : le32_at(area + FX_DP);
	f->cs_base = f->ds_base = 0;
}

static void put_mxcsr(const struct soft_cpu *c, u8 *area)
{
	put_le32(area + FX_MXCSR, c->fpu->mxcsr);
	put_le32(area + FX_MASK, MXCSR_MASK);
}

static void put_vectors(const struct soft_cpu *c, u8 *area, unsigned part, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		memcpy(area + 16 * n, c->fpu->vec[n] + 16 * part, 16);
}

static void get_vectors(struct soft_cpu *c, const u8 *area, unsigned part, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		if (area)
			memcpy(c->fpu->vec[n] + 16 * part, area + 16 * n, 16);
		else
			memset(c->fpu->vec[n] + 16 * part, 0, 16);
	}
}

static bool all_zero(const u8 *p, size_t n)
{
	u8 any = 0;

	for (size_t k = 0; k < n; k++)
		any |= p[k];
	return !any;
}

/* Components that are not as after initialisation; image is up to date. SDM 1 13.6 */
static u64 in_use(const struct soft_cpu *c, unsigned count)
{
	const struct soft_fpu *f = c->fpu;
	u64 used = 0;

	if (le16_at(f->image + FX_CW) != 0x37f || !all_zero(f->image + FX_SW, 4) ||
	    !all_zero(f->image + FX_ST, FX_XMM - FX_ST) || f->fip || f->fdp || f->fop)
		used |= COMP_X87;
	for (unsigned n = 0; n < count; n++) {
		if (!all_zero(f->vec[n], 16))
			used |= COMP_SSE;
		if (!all_zero(f->vec[n] + 16, 16))
			used |= COMP_AVX;
	}
	return used;
}

static bool is_wide(const struct insn *i)
{
	return i->mode == CPU_64 && i->rex & 8;
}

/* Check the operand's address as a whole: its segment, and alignment. */
static u64 area_begin(struct soft_cpu *c, const struct insn *i, size_t size, unsigned align,
		      bool write)
{
	u64 off = insn_offset(c, i);
	gva_t lin = seg_check(c, (enum insn_seg)i->seg, off, size, write);

	if (lin & (align - 1))
		raise_gp(c);
	return off;
}

void exec_fxsave(struct soft_cpu *c, const struct insn *i)
{
	unsigned end = FX_XMM + 16 * vectors(c);
	u8 area[FX_END];
	u64 off;

	fpu_check(c, USE_FXSAVE);
	off = area_begin(c, i, FX_SIZE, 16, true);
	seg_probe_write(c, (enum insn_seg)i->seg, off, FX_SIZE);
	fpu_sync(c->fpu);
	put_x87(c, area, is_wide(i));
	put_mxcsr(c, area);
	put_vectors(c, area + FX_XMM, 0, vectors(c));
	seg_write_bytes(c, (enum insn_seg)i->seg, off, area, end);
}

void exec_fxrstor(struct soft_cpu *c, const struct insn *i)
{
	struct soft_fpu *f = c->fpu;
	u8 area[FX_SIZE];
	u64 off;

	fpu_check(c, USE_FXSAVE);
	off = area_begin(c, i, FX_SIZE, 16, false);
	seg_read_bytes(c, (enum insn_seg)i->seg, off, area, FX_SIZE);
	if (le32_at(area + FX_MXCSR) & ~(u32)MXCSR_MASK)
		raise_gp(c);
	f->mxcsr = le32_at(area + FX_MXCSR);
	get_x87(c, area, is_wide(i));
	get_vectors(c, area + FX_XMM, 0, vectors(c));
	fpu_reload(f);
}

void exec_ldmxcsr(struct soft_cpu *c, const struct insn *i)
{
	u32 v;

	fpu_check(c, i->encoding == ENC_VEX ? USE_VEX : USE_SSE);
	v = (u32)opnd_get(c, i, 0);
	if (v & ~(u32)MXCSR_MASK)
		raise_gp(c);
	fpu_sync(c->fpu);
	c->fpu->mxcsr = v;
	fpu_reload(c->fpu);
}

void exec_stmxcsr(struct soft_cpu *c, const struct insn *i)
{
	fpu_check(c, i->encoding == ENC_VEX ? USE_VEX : USE_SSE);
	opnd_set(c, i, 0, fpu_mxcsr(c->fpu));
}

static u64 requested(const struct soft_cpu *c)
{
	u64 mask = (u32)c->gpr[R_AX] | c->gpr[R_DX] << 32;

	return mask & c->xcr0 & COMP_ALL;
}

/* One run of bytes that a save writes. */
struct piece {
	u16 at, len;
};

/*
 * The parts of the area that are written for the components @save, MXCSR apart: their number.
 * SDM 1 13.7: AVX brings MXCSR with it in the standard form.
 */
static unsigned pieces(const struct soft_cpu *c, u64 save, bool mxcsr, struct piece *out)
{
	unsigned n = 0;
	u16 xmm = (u16)(16 * vectors(c));

	if (save & COMP_X87) {
		out[n++] = (struct piece){ FX_CW, FX_MXCSR };
		out[n++] = (struct piece){ FX_ST, FX_XMM - FX_ST };
	}
	if (mxcsr)
		out[n++] = (struct piece){ FX_MXCSR, 8 };
	if (save & COMP_SSE)
		out[n++] = (struct piece){ FX_XMM, xmm };
	if (save & COMP_AVX)
		out[n++] = (struct piece){ XS_AVX, xmm };
	return n;
}

static void fill_area(const struct soft_cpu *c, u8 *area, bool wide)
{
	put_x87(c, area, wide);
	put_mxcsr(c, area);
	put_vectors(c, area + FX_XMM, 0, vectors(c));
	put_vectors(c, area + XS_AVX, 1, vectors(c));
}

/* Write @p, having made sure that nothing of it can fail. */
static void write_pieces(struct soft_cpu *c, const struct insn *i, u64 off, const u8 *area,
			 const struct piece *p, unsigned n)
{
	enum insn_seg seg = (enum insn_seg)i->seg;

	for (unsigned k = 0; k < n; k++)
		seg_probe_write(c, seg, off + p[k].at, p[k].len);
	for (unsigned k = 0; k < n; k++)
		seg_write_bytes(c, seg, off + p[k].at, area + p[k].at, p[k].len);
}

static size_t area_size(u64 comps)
{
	return comps & COMP_AVX ? XS_SIZE : XS_AVX;
}

/* XSAVE and, with @init, XSAVEOPT. SDM 1 13.7, 13.9 */
static void save_standard(struct soft_cpu *c, const struct insn *i, bool init)
{
	u64 rfbm, used, off, bv;
	struct piece p[8];
	u8 area[XS_SIZE];
	unsigned n;

	fpu_check(c, USE_XSAVE);
	rfbm = requested(c);
	off = area_begin(c, i, area_size(rfbm), 64, true);
	fpu_sync(c->fpu);
	used = in_use(c, vectors(c));
	bv = seg_read(c, (enum insn_seg)i->seg, off + XS_BV, 8);
	fill_area(c, area, is_wide(i));
	put_le64(area + XS_BV, (bv & ~rfbm) | (used & rfbm));
	n = pieces(c, init ? rfbm & used : rfbm, rfbm & (COMP_SSE | COMP_AVX), p);
	p[n++] = (struct piece){ XS_BV, 8 };
	write_pieces(c, i, off, area, p, n);
}

void exec_xsave(struct soft_cpu *c, const struct insn *i)
{
	save_standard(c, i, false);
}

void exec_xsaveopt(struct soft_cpu *c, const struct insn *i)
{
	save_standard(c, i, true);
}

/*
 * XSAVEC, and XSAVES, as no supervisor state is there. MXCSR belongs to SSE here, and makes it
 * used. SDM 1 13.10, 13.11
 */
void exec_xsavec(struct soft_cpu *c, const struct insn *i)
{
	u64 rfbm, used, off;
	struct piece p[8];
	u8 area[XS_SIZE];
	unsigned n;

	fpu_check(c, USE_XSAVE);
	rfbm = requested(c);
	off = area_begin(c, i, area_size(rfbm), 64, true);
	fpu_sync(c->fpu);
	used = in_use(c, vectors(c));
	if (c->fpu->mxcsr != MXCSR_RESET)
		used |= COMP_SSE;
	fill_area(c, area, is_wide(i));
	put_le64(area + XS_BV, used & rfbm);
	put_le64(area + XS_COMP, rfbm | XCOMP_COMPACT);
	n = pieces(c, rfbm & used, rfbm & used & COMP_SSE, p);
	p[n++] = (struct piece){ XS_BV, 16 };
	write_pieces(c, i, off, area, p, n);
}

/* Load the components of @rfbm: those of @bv from @area, others as after initialisation. */
static void load(struct soft_cpu *c, const u8 *area, u64 rfbm, u64 bv, bool wide, unsigned count)
{
	u64 from = rfbm & bv;

	if (from & COMP_X87)
		get_x87(c, area, wide);
	else if (rfbm & COMP_X87)
		fpu_clear_x87(c->fpu);
	if (rfbm & COMP_SSE)
		get_vectors(c, from & COMP_SSE ? area + FX_XMM : NULL, 0, count);
	if (rfbm & COMP_AVX)
		get_vectors(c, from & COMP_AVX ? area + XS_AVX : NULL, 1, count);
}

/* Whether the header of @area is one that XRSTOR takes; @supervisor: XRSTORS. SDM 1 13.8, 13.12 */
static bool header_ok(const struct soft_cpu *c, const u8 *area, bool supervisor)
{
	u64 bv = le64_at(area + XS_BV), comp = le64_at(area + XS_COMP);

	if (!(comp & XCOMP_COMPACT))
		return !supervisor && !comp && !le64_at(area + XS_REST) && !(bv & ~c->xcr0);
	if (!cpu_has(c, FEATURE_XSAVEC))
		return false;
	comp &= ~XCOMP_COMPACT;
	return !(comp & ~c->xcr0) && !(bv & ~comp) && all_zero(area + XS_REST, XS_AVX - XS_REST);
}

static void restore(struct soft_cpu *c, const struct insn *i, bool supervisor)
{
	enum insn_seg seg = (enum insn_seg)i->seg;
	struct soft_fpu *f = c->fpu;
	u64 rfbm, bv, off, takes_mxcsr;
	u8 area[XS_SIZE];

	fpu_check(c, USE_XSAVE);
	rfbm = requested(c);
	off = area_begin(c, i, XS_AVX, 64, false);
	seg_read_bytes(c, seg, off, area, XS_AVX);
	if (!header_ok(c, area, supervisor))
		raise_gp(c);
	bv = le64_at(area + XS_BV);
	takes_mxcsr = le64_at(area + XS_COMP) & XCOMP_COMPACT ? rfbm & bv & COMP_SSE
							      : rfbm & (COMP_SSE | COMP_AVX);
	if (takes_mxcsr && le32_at(area + FX_MXCSR) & ~(u32)MXCSR_MASK)
		raise_gp(c);
	if (rfbm & bv & COMP_AVX)
		seg_read_bytes(c, seg, off + XS_AVX, area + XS_AVX, 16 * vectors(c));
	fpu_sync(f);
	if (takes_mxcsr)
		f->mxcsr = le32_at(area + FX_MXCSR);
	else if (rfbm & COMP_SSE)
		f->mxcsr = MXCSR_RESET;
	load(c, area, rfbm, bv, is_wide(i), vectors(c));
	fpu_reload(f);
}

void exec_xrstor(struct soft_cpu *c, const struct insn *i)
{
	restore(c, i, false);
}

void exec_xrstors(struct soft_cpu *c, const struct insn *i)
{
	restore(c, i, true);
}

u32 fpu_save(struct soft_cpu *c, u8 *area)
{
	memset(area, 0, XS_SIZE);
	fpu_sync(c->fpu);
	put_x87(c, area, true);
	put_mxcsr(c, area);
	put_vectors(c, area + FX_XMM, 0, 16);
	put_vectors(c, area + XS_AVX, 1, 16);
	put_le64(area + XS_BV, in_use(c, 16));
	return XS_SIZE;
}

int fpu_load(struct soft_cpu *c, const u8 *area, u32 len)
{
	struct soft_fpu *f = c->fpu;
	u64 bv;

	if (len < XS_AVX)
		return -EINVAL;
	bv = le64_at(area + XS_BV);
	if (le64_at(area + XS_COMP) || bv & ~(u64)COMP_ALL || (bv & COMP_AVX && len < XS_SIZE) ||
	    le32_at(area + FX_MXCSR) & ~(u32)MXCSR_MASK)
		return -EINVAL;
	fpu_sync(f);
	f->mxcsr = le32_at(area + FX_MXCSR);
	load(c, area, COMP_ALL, bv, true, 16);
	fpu_reload(f);
	return 0;
}
