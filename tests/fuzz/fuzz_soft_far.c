/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment loads, far transfers and events under descriptors, gates and frames of the input's
 * choice: 12-byte steps that set a table's entry, a frame or a limit, or run an instruction or an
 * event. A fault must leave everything as it was; what must never be is checked after each.
 */
#include "base/bytes.h"
#include "unit/soft_rig.h"

enum { STEPS_MAX = 200 };

struct seen {
	u64 gpr[16], rip, rflags;
	struct cpu_seg seg[6], ldt, tr;
	u64 cr3;
	u16 lf;
	u8 cpl, mode;
};

static void look(const struct soft_cpu *c, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->gpr, c->gpr, sizeof(s->gpr));
	memcpy(s->seg, c->seg, sizeof(s->seg));
	s->ldt = c->ldt;
	s->tr = c->tr;
	s->rip = c->rip;
	s->rflags = c->rflags & ~(u64)FL_RF;
	s->lf = c->lf;
	s->cr3 = c->cr3;
	s->cpl = c->cpl;
	s->mode = c->mode;
}

static bool canonical(u64 at)
{
	return (u64)((s64)(at << 16) >> 16) == at;
}

static void check_sound(const struct soft_cpu *c)
{
	const struct cpu_seg *cs = &c->seg[SEG_CS], *ss = &c->seg[SEG_SS];

	CHECK(c->rflags & FL_1);
	CHECK(!(c->rflags & FL_ARITH));
	CHECK(!(c->lma && c->v86));
	CHECK(c->mode != CPU_64 || canonical(c->rip));
	if (c->mode != CPU_64)
		CHECK(c->rip <= 0xffffffff);
	if (!c->prot)
		return;
	CHECK_EQ(ss->attr >> SA_DPL_SHIFT & 3, c->cpl);
	/* Where a task could not be loaded, its segments are not there. */
	if (!(cs->attr & SA_P) || !(ss->attr & SA_P))
		return;
	CHECK_EQ(cs->sel & 3, c->cpl);
	CHECK_EQ(ss->sel & 3, c->cpl);
	CHECK((cs->attr & (SA_S | SA_CODE)) == (SA_S | SA_CODE));
	CHECK((ss->attr & (SA_S | SA_CODE | SA_WRITE)) == (SA_S | SA_WRITE));
	CHECK(!c->lma || (cs->attr & (SA_L | SA_DB)) != (SA_L | SA_DB));
	for (unsigned s = 0; s < 6; s++)
		CHECK(c->seg[s].attr & SA_S || !(c->seg[s].attr & SA_P));
}

/* The instruction of a step; its length. None of those that need privilege 0 elsewhere. */
static size_t code_of(const struct soft_cpu *c, const u8 *p, u8 *code)
{
	static const u8 loads[] = { 0xc0, 0xd0, 0xd8, 0xe0, 0xe8 };
	size_t n = 0;

	if (p[1] & 0x80)
		code[n++] = 0x66;
	else if (p[1] & 0x40 && c->mode == CPU_64)
		code[n++] = 0x48;
	switch (p[1] & 15) {
	case 0: code[n++] = 0xcf; return n;
	case 1: code[n++] = 0xcb; return n;
	case 2:
		code[n++] = 0xca;
		code[n++] = p[2];
		code[n++] = p[3];
		return n;
	case 3:
		code[n++] = 0xcd;
		code[n++] = p[2];
		return n;
	case 4: code[n++] = 0xcc; return n;
	case 5: code[n++] = 0xf1; return n;
	case 6:
	case 7:
	case 8:
	case 9: /* far JMP, CALL through [BX] */
		code[n++] = 0xff;
		code[n++] = (u8)((p[1] & 1 ? 0x18 : 0x28) | (c->mode == CPU_16 ? 7 : 3));
		return n;
	case 10:
		code[n++] = 0x0f;
		code[n++] = p[2] & 1 ? 0x34 : 0x02;
		if (!(p[2] & 1))
			code[n++] = 0xc8; /* LAR */
		return n;
	case 11:
		code[n++] = 0x0f;
		code[n++] = c->mode == CPU_64 ? 0x05 : 0x03;
		if (c->mode != CPU_64)
			code[n++] = 0xc8; /* LSL */
		return n;
	case 12:
		code[n++] = 0x0f;
		code[n++] = 0xa1; /* POP FS */
		return n;
	default:
		code[n++] = 0x8e;
		code[n++] = loads[p[2] % sizeof(loads)];
		return n;
	}
}

/* One of the first 32 of its table. */
static u16 selector(u8 p)
{
	return (u16)((p & 31) << 3 | p >> 5);
}

static bool far_pointer(struct rig *r, const u8 *p)
{
	struct soft_cpu *c = &r->c;
	u64 at = c->mode == CPU_16 ? 0x7000 : RIG_CODE;
	unsigned size = p[1] & 0x80 ? 2 : 4;

	if (c->mode == CPU_16)
		size = 6 - size;
	if (c->mode == CPU_64 && (p[1] & 0xc0) == 0x40)
		size = 8;
	c->gpr[R_BX] = at;
	at += c->seg_base[SEG_DS];
	if (at + 16 > RIG_MEM)
		return false;
	rig_put(r, at, size, p[3] & 1 ? le64_at(p + 4) : le32_at(p + 4) & 0xfffff);
	rig_put(r, at + size, 2, selector(p[2]));
	return true;
}

static bool run(struct rig *r, const u8 *p)
{
	u8 code[8];

	if ((p[1] & 15) >= 6 && (p[1] & 15) <= 9 && !far_pointer(r, p))
		return true;
	r->c.gpr[R_AX] = selector(p[3]);
	return rig_run(r, code, code_of(&r->c, p, code));
}

static bool deliver(struct rig *r, const u8 *p)
{
	struct soft_event e = {
		.vector = p[1],
		.kind = (u8)(EV_EXT + p[2] % EV_ICEBP),
		.has_error = p[3] & 1,
		.error = le16_at(p + 4),
		.dr6 = p[6],
	};

	if (e.kind != EV_EXCEPTION)
		e.has_error = false;
	return rig_deliver(r, e);
}

static void transfer(struct rig *r, const u8 *p, bool event)
{
	struct soft_cpu *c = &r->c;
	struct seen before, after;
	bool ok;

	look(c, &before);
	ok = event ? deliver(r, p) : run(r, p);
	look(c, &after);
	if (!ok) {
		CHECK_EQ(c->event.kind, EV_EXCEPTION);
		CHECK(c->event.vector < 32);
		/* In a new task its faults are raised. */
		if (before.tr.sel == after.tr.sel && !(before.rip != after.rip)) {
			before.gpr[R_AX] = after.gpr[R_AX];
			before.gpr[R_BX] = after.gpr[R_BX];
			CHECK(!memcmp(&before, &after, sizeof(before)));
		}
		CHECK(!event || event_merge(c) || p[1] == VEC_DF);
	}
	check_sound(c);
}

/* A frame as RETF and IRET expect it. */
static void put_frame(struct rig *r, const u8 *p)
{
	const u64 slot[5] = { le32_at(p + 4) & 0xfffff, selector(p[2]), le32_at(p + 8),
			      (u64)p[8] << 8 | 0x20000, selector(p[3]) };
	struct soft_cpu *c = &r->c;
	u64 at = c->seg_base[SEG_SS] + (c->gpr[R_SP] & 0xffff0);
	unsigned size = 2u << p[1] % 3, skip = p[1] & 8 ? 2 : 5;

	if (at + 64 > RIG_MEM)
		return;
	for (unsigned n = 0; n < 5; n++, at += size * (n != skip))
		rig_put(r, at, size, slot[n]);
	c->gpr[R_SP] &= 0xffff0;
}

static void put_gate(struct rig *r, const u8 *p)
{
	u64 at = p[1] & 0x80 ? RIG_GDT + p[1] % 25 * 8u : RIG_IDT + p[1] * (r->c.lma ? 16u : 8u);

	rig_gate(r, at, p[2], selector(p[3]), le32_at(p + 4) & 0xfffff, p[8]);
}

static void set(struct rig *r, const u8 *p)
{
	struct soft_cpu *c = &r->c;
	u64 val = le64_at(p + 4);

	switch (p[0] & 15) {
	case 4:
		rig_gdt(r, (u16)(p[1] % 25 * 8),
			rig_desc(le32_at(p + 4) & 0xfffff, le32_at(p + 8),
				 le16_at(p + 2) & 0xf0ff));
		break;
	case 5: put_gate(r, p); break;
	case 6: rig_put(r, RIG_TSS + p[1] % 14 * 8u, 8, val); break;
	case 7: rig_put(r, RIG_TSS2 + p[1] % 14 * 8u, 8, val); break;
	case 8: rig_put(r, RIG_LDT + p[1] % 8 * 8u, 8, val); break;
	case 9: put_frame(r, p); break;
	case 10: c->gdt.limit = p[1]; break;
	case 11: c->idt.limit = le16_at(p + 1); break;
	case 12: c->tr.limit = p[1]; break;
	case 13: r->page[p[1]] = p[2] & 7; break;
	case 14: c->gpr[R_SP] = p[2] & 1 ? val : val & 0xfffff; break;
	default: flags_set(c, val, FL_IOPL | FL_NT | FL_ARITH | FL_TF | FL_AC | FL_RF);
	}
}

/* Tables with which most things work. */
static void prepare(struct rig *r)
{
	struct soft_cpu *c = &r->c;
	u16 sel = c->lma ? SEL_CODE64_0 : SEL_CODE0;

	c->efer |= EFER_SCE;
	c->sysenter_cs = SEL_CODE0;
	c->star = (u64)SEL_CODE0 << 32;
	for (unsigned v = 0; v < 256 && c->cr0 & CR0_PE; v++)
		rig_idt(r, v, A_INT32 | A_DPL3, sel, RIG_CODE, 0);
	rig_put(r, RIG_TSS, 2, SEL_TSS2);
	rig_put(r, RIG_TSS2, 2, SEL_TSS);
	rig_put(r, RIG_TSS2 + 32, 4, RIG_CODE);
	rig_put(r, RIG_TSS2 + 56, 4, RIG_STACK1);
	rig_put(r, RIG_TSS2 + 72, 8, (u64)SEL_CODE0 << 32);
	rig_put(r, RIG_TSS2 + 80, 4, SEL_DATA0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct rig *r;

	if (len < 1)
		return 0;
	r = rig_start((enum rig_mode)(data[0] % 6), data[0] & 0x80 ? 3 : 0);
	prepare(r);
	for (size_t n = 0; n < (len - 1) / 12 && n < STEPS_MAX; n++) {
		const u8 *p = data + 1 + n * 12;

		if ((p[0] & 15) < 3)
			transfer(r, p, false);
		else if ((p[0] & 15) == 3)
			transfer(r, p, true);
		else
			set(r, p);
	}
	rig_stop(r);
	return 0;
}
