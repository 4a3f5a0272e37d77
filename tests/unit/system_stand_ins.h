/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/system_stand_ins.h: what stands for memory management, loop and floating point of our
 * own CPU: linear addresses are physical, a raised event comes back as its vector, and what the
 * others were asked for is counted. A test program is one file, so this one has bodies.
 */
#pragma once

#include <setjmp.h>

#include "cpu/soft/system_priv.h"
#include "test.h"

enum { RIG_RAM = 1 << 20, RIG_NOTHING = -1 };
#define RIG_TSC_HZ 2500000000ull

struct soft_rig {
	struct soft_cpu c;
	struct soft s;
	struct lapic *lapics[1];
	u8 ram[RIG_RAM], smram[RIG_RAM]; /* what it sees outside and inside of SMM */
	u64 tsc;
	jmp_buf raised;
	unsigned flushes, flushes_all, cr3_kept, cr3_changes, pdpte_loads;
	gva_t page;
	unsigned pcid, pcid_pages;
	u32 attended;
	bool bad_pdptes;
	u32 xstate; /* XSTATE_BV that fpu_save() tells */
	unsigned fpu_resets, fpu_inits, fpu_loads;
} rig;

/* ---- stand-ins ---- */

_Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e)
{
	c->event = *e;
	longjmp(rig.raised, 1);
}
_Noreturn void raise_gp(struct soft_cpu *c)
{
	raise_event(c, &(struct soft_event){
			       .vector = VEC_GP, .kind = EV_EXCEPTION, .has_error = true });
}
_Noreturn void raise_ud(struct soft_cpu *c)
{
	raise_event(c, &(struct soft_event){ .vector = VEC_UD, .kind = EV_EXCEPTION });
}
void cpu_attend(struct soft_cpu *c, u32 bits)
{
	rig.attended |= bits;
}
u64 host_tsc(void)
{
	return rig.tsc;
}
u64 host_tsc_for(const struct soft_cpu *c)
{
	return rig.tsc;
}
u64 cpu_tsc(const struct soft_cpu *c)
{
	return rig.tsc + c->tsc_offset;
}
void mmu_privilege(struct soft_cpu *c)
{
}
void mmu_view(struct soft_cpu *c)
{
}
void mmu_flush(struct soft_cpu *c, bool global_too)
{
	rig.flushes++;
	rig.flushes_all += global_too;
}
void mmu_flush_page(struct soft_cpu *c, gva_t at)
{
	rig.page = at;
}
void mmu_flush_pcid(struct soft_cpu *c, unsigned pcid)
{
	rig.pcid = pcid;
}
void mmu_flush_pcid_page(struct soft_cpu *c, unsigned pcid, gva_t at)
{
	rig.pcid = pcid;
	rig.page = at;
	rig.pcid_pages++;
}
void mmu_cr3_changed(struct soft_cpu *c, bool keep)
{
	rig.cr3_changes++;
	rig.cr3_kept += keep;
}
bool mmu_load_pdptes(struct soft_cpu *c, u64 cr0, u64 cr3, u64 cr4)
{
	rig.pdpte_loads++;
	return !rig.bad_pdptes;
}
static u8 *rig_at(struct soft_cpu *c, u64 at, size_t len)
{
#ifdef RIG_ANY_ADDRESS
	at %= RIG_RAM / 2;
#endif
	CHECK(len <= RIG_RAM && at <= RIG_RAM - len);
	return (c->in_smm ? rig.smram : rig.ram) + at;
}
void seg_read_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, void *buf, size_t len)
{
	memcpy(buf, rig_at(c, c->seg_base[s] + off, len), len);
}
void seg_write_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, const void *buf, size_t len)
{
	memcpy(rig_at(c, c->seg_base[s] + off, len), buf, len);
}
u64 phys_read(struct soft_cpu *c, gpa_t at, unsigned size)
{
	u64 val = 0;

	memcpy(&val, rig_at(c, at, size), size);
	return val;
}
void phys_write(struct soft_cpu *c, gpa_t at, unsigned size, u64 val)
{
	memcpy(rig_at(c, at, size), &val, size);
}
u64 insn_offset(const struct soft_cpu *c, const struct insn *i)
{
	u64 off = (u64)i->disp + (i->base < 16 ? c->gpr[i->base] : 0);

	return i->asz == 8 ? off : off & (BIT64(i->asz * 8) - 1);
}
u64 opnd_get(struct soft_cpu *c, const struct insn *i, unsigned n)
{
	const struct insn_operand *o = &i->operand[n];
	u64 val = 0;

	if (o->kind == OPERAND_GPR)
		return gpr_get(c, o->reg, operand_size(o));
	CHECK_EQ(o->kind, OPERAND_MEM);
	seg_read_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), &val, operand_size(o));
	return val;
}
void opnd_set(struct soft_cpu *c, const struct insn *i, unsigned n, u64 val)
{
	const struct insn_operand *o = &i->operand[n];
	unsigned size = operand_size(o);

	if (o->kind == OPERAND_MEM)
		seg_write_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), &val, size);
	else if (size >= 4)
		c->gpr[o->reg] = size == 8 ? val : (u32)val;
	else
		c->gpr[o->reg] = (c->gpr[o->reg] & ~0xffffull) | (u16)val;
}
void fpu_reset(struct soft_cpu *c, bool init)
{
	rig.fpu_resets++;
	rig.fpu_inits += init;
}
u32 fpu_save(struct soft_cpu *c, u8 *area)
{
	memset(area, 0, 576);
	memcpy(area + 512, &rig.xstate, sizeof(rig.xstate));
	return 576;
}
int fpu_load(struct soft_cpu *c, const u8 *area, u32 len)
{
	rig.fpu_loads++;
	return len == 576 ? 0 : -1;
}
