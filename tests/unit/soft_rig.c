/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One vCPU on a flat megabyte: what segments, gates and events need of the other parts. */
#include "soft_rig.h"

#include <setjmp.h>

#include "base/bytes.h"

static jmp_buf raised;
bool rig_slow;

static struct rig *rig_of(struct soft_cpu *c)
{
	return container_of(c, struct rig, c);
}

/* ---- what the loop and the MMU would do ---- */

_Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e)
{
	c->event = *e;
	longjmp(raised, 1);
}

_Noreturn void raise_vec(struct soft_cpu *c, enum vector v)
{
	raise_event(c, &(struct soft_event){ .vector = (u8)v, .kind = EV_EXCEPTION });
}

_Noreturn void raise_error(struct soft_cpu *c, enum vector v, u32 error)
{
	struct soft_event e = { (u8)v, EV_EXCEPTION, true, error, 0, 0 };

	raise_event(c, &e);
}

_Noreturn void raise_gp(struct soft_cpu *c)
{
	raise_error(c, VEC_GP, 0);
}

_Noreturn void raise_ud(struct soft_cpu *c)
{
	raise_vec(c, VEC_UD);
}

_Noreturn void raise_pf(struct soft_cpu *c, gva_t at, u32 error)
{
	struct soft_event e = { VEC_PF, EV_EXCEPTION, true, error, at, 0 };

	raise_event(c, &e);
}

void cpu_attend(struct soft_cpu *c, u32 bits)
{
	rig_of(c)->attended |= bits;
}

void mmu_privilege(struct soft_cpu *c)
{
	struct rig *r = rig_of(c);

	c->tlb = c->cpl == 3 ? &r->user : &r->system;
	c->system_tlb = &r->system;
}

void mmu_view(struct soft_cpu *c)
{
	rig_of(c)->views++;
	mmu_privilege(c);
}

/* All that may be reached, as the test has it now. */
static void fill(struct rig *r)
{
	for (u64 i = 0; i < TLB_SIZE; i++) {
		u8 page = i < RIG_MEM / PAGE && !rig_slow ? r->page[i] : PAGE_ABSENT;
		u64 none = (i ^ 1) * PAGE, delta = (u64)(uintptr_t)r->mem;

		r->system.at[i] = (struct tlb_entry){
			.read = page & PAGE_ABSENT ? none : i * PAGE,
			.write = page & (PAGE_ABSENT | PAGE_READ_ONLY) ? none : i * PAGE,
			.delta = delta,
		};
		r->user.at[i] = r->system.at[i];
		if (page & PAGE_SYSTEM)
			r->user.at[i].read = r->user.at[i].write = none;
	}
}

bool cr3_write(struct soft_cpu *c, u64 val)
{
	c->cr3 = val;
	return !rig_of(c)->cr3_refused;
}

static void access_check(struct soft_cpu *c, gva_t at, size_t len, bool write, bool user)
{
	struct rig *r = rig_of(c);

	for (size_t n = 0; n < len; n++) {
		gva_t a = at + n;
		u8 page = a < RIG_MEM ? r->page[a / PAGE] : PAGE_ABSENT;
		u32 error = (u32)write << 1 | (u32)user << 2;

		if (page & PAGE_ABSENT)
			raise_pf(c, a, error);
		if ((write && page & PAGE_READ_ONLY) || (user && page & PAGE_SYSTEM))
			raise_pf(c, a, error | 1);
	}
}

static void read_mem(struct soft_cpu *c, gva_t at, void *buf, size_t len, bool user)
{
	access_check(c, at, len, false, user);
	memcpy(buf, rig_of(c)->mem + at, len);
}

static void write_mem(struct soft_cpu *c, gva_t at, const void *buf, size_t len, bool user)
{
	access_check(c, at, len, true, user);
	memcpy(rig_of(c)->mem + at, buf, len);
}

void lin_probe_write(struct soft_cpu *c, gva_t at, size_t len)
{
	access_check(c, at, len, true, c->cpl == 3);
}

void sys_probe_write(struct soft_cpu *c, gva_t at, size_t len)
{
	access_check(c, at, len, true, false);
}

void lin_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len)
{
	write_mem(c, at, buf, len, c->cpl == 3);
}

void lin_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val)
{
	u8 b[8];

	put_le64(b, val);
	lin_write_bytes(c, at, b, size);
}

void sys_read_bytes(struct soft_cpu *c, gva_t at, void *buf, size_t len)
{
	read_mem(c, at, buf, len, false);
}

u64 sys_read(struct soft_cpu *c, gva_t at, unsigned size)
{
	u8 b[8] = { 0 };

	sys_read_bytes(c, at, b, size);
	return le64_at(b);
}

void sys_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len)
{
	write_mem(c, at, buf, len, false);
}

void sys_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val)
{
	u8 b[8];

	put_le64(b, val);
	sys_write_bytes(c, at, b, size);
}

bool sys_cmpxchg(struct soft_cpu *c, gva_t at, unsigned size, u64 old, u64 new)
{
	sys_probe_write(c, at, size);
	if (sys_read(c, at, size) != old)
		return false;
	sys_write(c, at, size, new);
	return true;
}

gva_t seg_check(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len, bool write)
{
	const struct cpu_seg *seg = &c->seg[s];
	u64 high = off + len - 1, at = c->seg_base[s] + off;
	bool ok;

	if (c->mode == CPU_64)
		ok = (u64)((s64)(at << 16) >> 16) == at;
	else if ((seg->attr & (SA_CODE | SA_DOWN)) == SA_DOWN)
		ok = off > seg->limit && high <= (seg->attr & SA_DB ? 0xffffffff : 0xffff);
	else
		ok = seg->attr & SA_P && high <= seg->limit;
	if (!ok)
		raise_error(c, s == SEG_SS ? VEC_SS : VEC_GP, 0);
	return c->mode == CPU_64 ? at : (u32)at;
}

void seg_read_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, void *buf, size_t len)
{
	read_mem(c, seg_check(c, s, off, len, false), buf, len, c->cpl == 3);
}

u64 seg_read(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size)
{
	u8 b[8] = { 0 };

	seg_read_bytes(c, s, off, b, size);
	return le64_at(b);
}

void seg_write(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size, u64 val)
{
	lin_write(c, seg_check(c, s, off, size, true), size, val);
}

/* ---- operands: registers, and memory without an index ---- */

static u64 all_ones(unsigned size)
{
	return size == 8 ? ~0ull : BIT64(size * 8) - 1;
}

u64 insn_offset(const struct soft_cpu *c, const struct insn *i)
{
	u64 at = (u64)i->disp;

	if (i->base < 16)
		at += c->gpr[i->base];
	return at & all_ones(i->asz);
}

void gpr_set(struct soft_cpu *c, unsigned reg, unsigned size, u64 val)
{
	if (size == 4)
		c->gpr[reg] = (u32)val;
	else
		c->gpr[reg] = (c->gpr[reg] & ~all_ones(size)) | (val & all_ones(size));
}

u64 opnd_get(struct soft_cpu *c, const struct insn *i, unsigned n)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == OPERAND_GPR)
		return gpr_get(c, o->reg, operand_size(o));
	CHECK_EQ(o->kind, OPERAND_MEM);
	return seg_read(c, (enum insn_seg)i->seg, insn_offset(c, i), operand_size(o));
}

void opnd_set(struct soft_cpu *c, const struct insn *i, unsigned n, u64 val)
{
	const struct insn_operand *o = &i->operand[n];

	if (o->kind == OPERAND_GPR) {
		gpr_set(c, o->reg, operand_size(o), val);
		return;
	}
	CHECK_EQ(o->kind, OPERAND_MEM);
	seg_write(c, (enum insn_seg)i->seg, insn_offset(c, i), operand_size(o), val);
}

void push(struct soft_cpu *c, unsigned size, u64 val)
{
	u64 mask = all_ones(c->stack_size), sp = (c->gpr[R_SP] - size) & mask;

	seg_write(c, SEG_SS, sp, size, val);
	c->gpr[R_SP] = (c->gpr[R_SP] & ~mask) | sp;
}

/* ---- a machine ---- */

u64 rig_get(struct rig *r, u64 at, unsigned size)
{
	u8 b[8] = { 0 };

	CHECK(at + size <= RIG_MEM);
	memcpy(b, r->mem + at, size);
	return le64_at(b);
}

void rig_put(struct rig *r, u64 at, unsigned size, u64 val)
{
	u8 b[8];

	CHECK(at + size <= RIG_MEM);
	put_le64(b, val);
	memcpy(r->mem + at, b, size);
}

u64 rig_desc(u32 base, u32 limit, unsigned attr)
{
	u64 field = attr & SA_G ? limit >> 12 : limit;

	return (field & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)attr << 40 |
	       (field >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
}

void rig_gdt(struct rig *r, u16 sel, u64 raw)
{
	rig_put(r, RIG_GDT + (sel & ~7u), 8, raw);
}

void rig_gate(struct rig *r, u64 at, unsigned attr, u16 sel, u64 off, unsigned extra)
{
	rig_put(r, at, 8,
		(off & 0xffff) | (u64)sel << 16 | (u64)extra << 32 | (u64)(attr & 0xff) << 40 |
			(off >> 16 & 0xffff) << 48);
	if (r->c.lma)
		rig_put(r, at + 8, 8, off >> 32);
}

void rig_idt(struct rig *r, unsigned vector, unsigned attr, u16 sel, u64 off, unsigned ist)
{
	rig_gate(r, RIG_IDT + vector * (r->c.lma ? 16 : 8), attr, sel, off, ist);
}

static void make_gdt(struct rig *r, bool lma)
{
	static const struct {
		u16 sel;
		u16 attr;
	} flat[] = {
		{ SEL_CODE0, A_CODE32 },          { SEL_DATA0, A_DATA32 },
		{ SEL_CODE3, A_CODE32 | A_DPL3 }, { SEL_DATA3, A_DATA32 | A_DPL3 },
		{ SEL_CODE64_0, A_CODE64 },       { SEL_CODE64_3, A_CODE64 | A_DPL3 },
		{ SEL_CONFORMING, A_CONF32 },     { SEL_CODE1, A_CODE32 | A_DPL1 },
		{ SEL_DATA1, A_DATA32 | A_DPL1 },
	};

	for (unsigned n = 0; n < ARRAY_LEN(flat); n++)
		rig_gdt(r, flat[n].sel, rig_desc(0, ~0u, flat[n].attr));
	rig_gdt(r, SEL_CODE16, rig_desc(0, 0xffff, A_CODE16));
	rig_gdt(r, SEL_DATA16, rig_desc(0, 0xffff, A_DATA16));
	rig_gdt(r, SEL_TSS, rig_desc(RIG_TSS, 0x67, A_BUSY32));
	rig_gdt(r, SEL_LDT, rig_desc(RIG_LDT, 0xfff, A_LDT));
	if (!lma)
		rig_gdt(r, SEL_TSS2, rig_desc(RIG_TSS2, 0x67, A_TSS32));
	r->c.gdt = (struct soft_dtable){ RIG_GDT, SEL_LAST + 7 };
}

static void make_tss(struct rig *r, bool lma)
{
	if (lma) {
		rig_put(r, RIG_TSS + 4, 8, RIG_STACK0);
		rig_put(r, RIG_TSS + 12, 8, RIG_STACK1);
		rig_put(r, RIG_TSS + 0x24, 8, RIG_STACK2);
	} else {
		rig_put(r, RIG_TSS + 4, 4, RIG_STACK0);
		rig_put(r, RIG_TSS + 8, 4, SEL_DATA0);
		rig_put(r, RIG_TSS + 12, 4, RIG_STACK1);
		rig_put(r, RIG_TSS + 16, 4, SEL_DATA1 | 1);
	}
	r->c.tr = (struct cpu_seg){ RIG_TSS, 0x67, SEL_TSS, A_BUSY32 };
}

static void set_segments(struct rig *r, enum rig_mode mode, unsigned cpl)
{
	struct soft_cpu *c = &r->c;
	struct cpu_seg data = { 0, ~0u, SEL_DATA0, A_DATA32 },
		       code = { 0, ~0u, SEL_CODE0, A_CODE32 };

	if (mode == RIG_LONG) {
		code.sel = SEL_CODE64_0;
		code.attr = A_CODE64;
	} else if (mode == RIG_PROT16) {
		code = (struct cpu_seg){ 0, 0xffff, SEL_CODE16, A_CODE16 };
		data = (struct cpu_seg){ 0, 0xffff, SEL_DATA16, A_DATA16 };
	}
	if (mode <= RIG_V86)
		cpl = 0;
	if (cpl) {
		CHECK_EQ(cpl, 3);
		code.sel = mode == RIG_LONG ? SEL_CODE64_3 | 3 : SEL_CODE3 | 3;
		data.sel = SEL_DATA3 | 3;
	}
	code.attr |= (u16)(cpl << 5);
	data.attr |= (u16)(cpl << 5);
	if (mode <= RIG_V86) {
		data = (struct cpu_seg){ 0, 0xffff, 0, mode == RIG_V86 ? 0xf3 : 0x93 };
		code = data;
		code.sel = RIG_CODE >> 4;
		code.base = RIG_CODE;
	}
	for (unsigned n = 0; n < 6; n++)
		c->seg[n] = n == SEG_CS ? code : data;
}

struct rig *rig_start(enum rig_mode mode, unsigned cpl)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct soft_cpu *c = &r->c;
	bool lma = mode >= RIG_COMPAT;

	CHECK(r);
	c->cr0 = mode == RIG_REAL ? CR0_ET : CR0_PE | CR0_ET | (lma ? CR0_PG : 0);
	c->efer = lma ? EFER_LME | EFER_LMA : 0;
	c->cr4 = lma ? CR4_PAE : 0;
	c->rflags = FL_1 | FL_IF | (mode == RIG_V86 ? FL_VM : 0);
	set_segments(r, mode, cpl);
	make_gdt(r, lma);
	make_tss(r, lma);
	c->ldt = (struct cpu_seg){ RIG_LDT, 0xfff, SEL_LDT, A_LDT };
	c->idt = (struct soft_dtable){ RIG_IDT, lma ? 0xfff : 0x7ff };
	if (mode == RIG_REAL)
		c->idt = (struct soft_dtable){ RIG_IDT, 0x3ff };
	c->gpr[R_SP] = mode == RIG_REAL || mode == RIG_V86 ? 0x8000 : RIG_STACK;
	if (mode == RIG_PROT16)
		c->gpr[R_SP] = 0x8000;
	c->rip = mode <= RIG_V86 ? 0 : mode == RIG_PROT16 ? 0x3000 : RIG_CODE;
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	cpu_mode_changed(c);
	CHECK_EQ(c->cpl, mode == RIG_V86 ? 3 : mode == RIG_REAL ? 0 : cpl);
	return r;
}

void rig_stop(struct rig *r)
{
	free(r);
}

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_far.def"
#undef EXEC
#define EXEC(op, function, attributes) [OP_##op] = function,
static const exec_fn functions[N_OPS] = {
#include "cpu/soft/exec_far.def"
};
#undef EXEC

bool rig_run(struct rig *r, const void *code, size_t len)
{
	struct soft_cpu *c = &r->c;
	struct insn i;

	CHECK_EQ(decode(&i, code, len, (enum cpu_mode)c->mode), len);
	CHECK(functions[i.op] != NULL);
	c->event.kind = c->delivering.kind = EV_NONE;
	c->next_rip = c->rip + len;
	if (c->mode != CPU_64)
		c->next_rip = (u32)c->next_rip;
	if (setjmp(raised))
		return false;
	fill(r);
	functions[i.op](c, &i);
	c->rip = c->next_rip;
	return true;
}

bool rig_io(struct rig *r, u16 port, unsigned size)
{
	if (setjmp(raised))
		return false;
	io_check(&r->c, port, size);
	return true;
}

bool rig_deliver(struct rig *r, struct soft_event e)
{
	struct soft_cpu *c = &r->c;

	c->event = c->delivering = e;
	if (setjmp(raised))
		return false;
	fill(r);
	event_deliver(c);
	CHECK_EQ(c->event.kind, EV_NONE);
	CHECK_EQ(c->delivering.kind, EV_NONE);
	return true;
}

bool rig_deliver_all(struct rig *r, struct soft_event e)
{
	struct soft_cpu *c = &r->c;

	while (!rig_deliver(r, e)) {
		if (!event_merge(c))
			return false;
		e = c->event;
	}
	return true;
}

u32 rig_raised(struct rig *r)
{
	const struct soft_event *e = &r->c.event;

	CHECK_EQ(e->kind, EV_EXCEPTION);
	return FAULT(e->vector, e->has_error ? e->error : BIT(31));
}
