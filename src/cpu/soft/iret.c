/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IRET. SDM 2A, IRET/IRETD/IRETQ. */
#include "cpu/soft/far_priv.h"
#include "cpu/soft/host_memory.h"

enum {
	FL_LOW = FL_ARITH | FL_TF | FL_DF | FL_NT,
	FL_HIGH = FL_RF | FL_AC | FL_ID,
	DR7_ENABLED = 0xff,
};

struct ret_frame {
	u64 rip, flags, sp;
	u16 cs, ss;
};

/*
 * Flags that a return takes from the stack. RF makes the next instruction a step of its own; where
 * no breakpoint is set it would change nothing, and each page fault returns with it.
 */
static void put_flags(struct soft_cpu *c, u64 fl, u64 mask)
{
	if (!(c->dr[7] & DR7_ENABLED))
		fl &= ~(u64)FL_RF;
	flags_set(c, fl, mask);
}

/* Those that a return at @cpl may change. */
static u64 flags_mask(const struct soft_cpu *c, unsigned osz, unsigned cpl)
{
	u64 mask = osz == 2 ? FL_LOW : FL_LOW | FL_HIGH;

	if (cpl <= (c->rflags >> 12 & 3))
		mask |= FL_IF;
	if (cpl == 0)
		mask |= osz == 2 ? FL_IOPL : FL_IOPL | FL_VIF | FL_VIP;
	return mask;
}

/* NMIs come again, even if the return itself faults. SDM 3A 6.7.1 */
static void unblock_nmi(struct soft_cpu *c)
{
	c->nmi_blocked = false;
	if (c->nmi_pending)
		cpu_attend(c, ATT_INTR);
}

/* Real mode, and virtual-8086 mode with IOPL 3, which keeps its IOPL. */
static void iret_real(struct soft_cpu *c, unsigned osz)
{
	u64 rip = frame_peek(c, 0, osz, 0), fl = frame_peek(c, 2, osz, 0);
	u16 sel = (u16)frame_peek(c, 1, osz, 0);
	u64 mask = FL_LOW | FL_IF | (c->v86 ? 0 : FL_IOPL) | (osz == 2 ? 0 : FL_HIGH);

	if (rip > c->seg[SEG_CS].limit)
		raise_gp(c);
	c->gpr[R_SP] = stack_advance(c, c->gpr[R_SP], 3 * (s64)osz);
	cs_put_real(c, sel, rip);
	put_flags(c, fl, mask);
}

/* From privilege 0 to virtual-8086 mode: nine slots of 32 bits. */
static void iret_v86(struct soft_cpu *c, const struct ret_frame *f)
{
	static const u8 order[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u16 sel[ARRAY_LEN(order)], ss = (u16)frame_peek(c, 4, 4, 0);
	u64 sp = frame_peek(c, 3, 4, 0);

	for (unsigned n = 0; n < ARRAY_LEN(order); n++)
		sel[n] = (u16)frame_peek(c, 5 + n, 4, 0);
	if (f->rip > 0xffff)
		raise_gp(c);
	flags_set(c, f->flags, flags_mask(c, 4, 0) | FL_VM);
	seg_load_real(c, SEG_CS, f->cs);
	seg_load_real(c, SEG_SS, ss);
	for (unsigned n = 0; n < ARRAY_LEN(order); n++)
		seg_load_real(c, (enum insn_seg)order[n], sel[n]);
	c->gpr[R_SP] = sp;
	c->next_rip = f->rip;
}

static u64 slot(const u64 *raw, unsigned n, unsigned osz)
{
	if (osz == 8)
		return raw[n];
	if (osz == 4)
		return (u32)(raw[n / 2] >> (n % 2 * 32));
	return (u16)(raw[n / 4] >> (n % 4 * 16));
}

/* 64-bit mode takes all five slots, wherever it returns to. */
static void pop_long(struct soft_cpu *c, unsigned osz, struct ret_frame *f)
{
	const u8 *host = tlb_host(c->tlb, c->gpr[R_SP], 40, false);
	u64 raw[5];

	if (host && osz == 8) {
		*f = (struct ret_frame){
			.rip = host_load(host, 8),
			.cs = (u16)host_load(host + 8, 2),
			.flags = host_load(host + 16, 8),
			.sp = host_load(host + 24, 8),
			.ss = (u16)host_load(host + 32, 2),
		};
		return;
	}
	seg_read_bytes(c, SEG_SS, c->gpr[R_SP], raw, 5 * (size_t)osz);
	f->rip = slot(raw, 0, osz);
	f->cs = (u16)slot(raw, 1, osz);
	f->flags = slot(raw, 2, osz);
	f->sp = slot(raw, 3, osz);
	f->ss = (u16)slot(raw, 4, osz);
}

static void pop_short(struct soft_cpu *c, unsigned osz, struct ret_frame *f)
{
	f->rip = frame_peek(c, 0, osz, 0);
	f->cs = (u16)frame_peek(c, 1, osz, 0);
	f->flags = frame_peek(c, 2, osz, 0);
}

static void iret_prot(struct soft_cpu *c, unsigned osz)
{
	bool wide = c->mode == CPU_64, outer;
	struct cpu_seg cs, ss;
	struct ret_frame f = { 0 };
	struct desc d;
	u64 mask;

	if (wide)
		pop_long(c, osz, &f);
	else
		pop_short(c, osz, &f);
	if (f.flags & FL_VM && osz == 4 && c->cpl == 0 && !c->lma) {
		iret_v86(c, &f);
		return;
	}
	ret_read_code(c, f.cs, &d);
	outer = (f.cs & 3) > c->cpl;
	if (outer && !wide) {
		f.sp = frame_peek(c, 3, osz, 0);
		f.ss = (u16)frame_peek(c, 4, osz, 0);
	}
	if (outer || wide)
		ret_read_ss(c, f.ss, &d, &ss);
	cs = desc_seg(&d);
	check_rip(c, &cs, f.rip);
	desc_access(c, &d);
	mask = flags_mask(c, osz, c->cpl);
	if (outer || wide)
		ret_put_outer(c, &d, &ss, f.sp);
	else
		c->gpr[R_SP] = stack_advance(c, c->gpr[R_SP], 3 * (s64)osz);
	cs_put(c, &d, d.sel & 3u, f.rip);
	put_flags(c, f.flags, mask);
}

void exec_iret(struct soft_cpu *c, const struct insn *i)
{
	if (c->v86 && (c->rflags & FL_IOPL) != FL_IOPL)
		raise_gp(c);
	unblock_nmi(c);
	if (!c->prot) {
		iret_real(c, i->osz);
	} else if (!(c->rflags & FL_NT)) {
		iret_prot(c, i->osz);
	} else {
		if (c->lma)
			raise_gp(c);
		task_return(c);
	}
}
