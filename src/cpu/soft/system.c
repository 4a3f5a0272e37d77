/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/system.c: system instructions: descriptor tables, invalidations, interrupt flag, halt,
 * time, identification, MSRs. Intel SDM 2A to 2D, each instruction's page.
 *
 * What all instructions have checked (exec_check) is not checked here: features, privilege, LOCK.
 */
#include "base/bytes.h"
#include "cpu/soft/system_priv.h"

static void set32(struct soft_cpu *c, unsigned reg, u64 val)
{
	c->gpr[reg] = (u32)val;
}

/* ---- descriptor tables ---- */

/* With 16-bit operands the base has 24 bits. */
static struct soft_dtable load_table(struct soft_cpu *c, const struct insn *i)
{
	bool wide = i->mode == CPU_64;
	u8 b[10] = { 0 };
	struct soft_dtable t;

	seg_read_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), b, wide ? 10 : 6);
	t.limit = le16_at(b);
	t.base = wide ? le64_at(b + 2) : le32_at(b + 2);
	if (!wide && i->osz == 2)
		t.base &= 0xffffff;
	if (!is_canonical(t.base) && wide)
		raise_gp(c);
	return t;
}

/* All 32 bits of the base with any operand size, as processors since the 386 do. */
static void store_table(struct soft_cpu *c, const struct insn *i, const struct soft_dtable *t)
{
	u8 b[10];

	put_le16(b, (u16)t->limit);
	put_le64(b + 2, t->base);
	seg_write_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), b, i->mode == CPU_64 ? 10 : 6);
}

void exec_lgdt(struct soft_cpu *c, const struct insn *i)
{
	c->gdt = load_table(c, i);
}

void exec_lidt(struct soft_cpu *c, const struct insn *i)
{
	c->idt = load_table(c, i);
}

void exec_sgdt(struct soft_cpu *c, const struct insn *i)
{
	store_table(c, i, &c->gdt);
}

void exec_sidt(struct soft_cpu *c, const struct insn *i)
{
	store_table(c, i, &c->idt);
}

/* ---- translations and caches ---- */

/* Neither limits nor rights count; an address that is not canonical does nothing. */
void exec_invlpg(struct soft_cpu *c, const struct insn *i)
{
	gva_t at = c->seg_base[i->seg] + insn_offset(c, i);

	if (i->mode != CPU_64)
		at = (u32)at;
	if (is_canonical(at))
		mmu_flush_page(c, at);
}

void exec_invpcid(struct soft_cpu *c, const struct insn *i)
{
	enum { ONE_ADDRESS, ONE_PCID, ALL_AND_GLOBAL, ALL };
	u64 kind = opnd_get(c, i, 0), pcid, at;
	u8 b[16];

	seg_read_bytes(c, (enum insn_seg)i->seg, insn_offset(c, i), b, sizeof(b));
	pcid = le64_at(b);
	at = le64_at(b + 8);
	if (kind > ALL || pcid >> 12 || (kind == ONE_ADDRESS && !is_canonical(at)))
		raise_gp(c);
	if (kind <= ONE_PCID && pcid && !(c->cr4 & CR4_PCIDE))
		raise_gp(c);
	switch (kind) {
	case ONE_ADDRESS: mmu_flush_pcid_page(c, (unsigned)pcid, at); break;
	case ONE_PCID: mmu_flush_pcid(c, (unsigned)pcid); break;
	case ALL_AND_GLOBAL: mmu_flush(c, true); break;
	default: mmu_flush(c, false); break;
	}
}

/* Memory is always coherent, and so are decoded instructions. INVD, WBINVD, SERIALIZE. */
void exec_no_effect(struct soft_cpu *c, const struct insn *i)
{
}

/* ---- interrupts ---- */

void exec_hlt(struct soft_cpu *c, const struct insn *i)
{
	c->activity = ACT_HALT;
	cpu_attend(c, ATT_HALT);
}

void exec_cli(struct soft_cpu *c, const struct insn *i)
{
	c->rflags &= ~(u64)FL_IF;
}

/* Interrupts come one instruction later, but only where they were held back before. */
void exec_sti(struct soft_cpu *c, const struct insn *i)
{
	if (c->rflags & FL_IF)
		return;
	c->shadow = true;
	c->shadow_rip = c->next_rip;
	flags_set(c, FL_IF, FL_IF);
}

/* #UD at any CPL but 0: SDM 2A CLAC, 2B STAC. */
static void set_ac(struct soft_cpu *c, u64 ac)
{
	if (c->cpl)
		raise_ud(c);
	flags_set(c, ac, FL_AC);
}

void exec_clac(struct soft_cpu *c, const struct insn *i)
{
	set_ac(c, 0);
}

void exec_stac(struct soft_cpu *c, const struct insn *i)
{
	set_ac(c, FL_AC);
}

/* ---- time, identification ---- */

static u64 read_tsc(struct soft_cpu *c)
{
	if (c->cr4 & CR4_TSD && c->cpl)
		raise_gp(c);
	return cpu_tsc(c);
}

void exec_rdtsc(struct soft_cpu *c, const struct insn *i)
{
	u64 tsc = read_tsc(c);

	set32(c, R_AX, tsc);
	set32(c, R_DX, tsc >> 32);
}

void exec_rdtscp(struct soft_cpu *c, const struct insn *i)
{
	exec_rdtsc(c, i);
	set32(c, R_CX, c->tsc_aux);
}

void exec_rdpid(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, c->tsc_aux);
}

/* There is no counter that ECX could name. */
void exec_rdpmc(struct soft_cpu *c, const struct insn *i)
{
	raise_gp(c);
}

void exec_cpuid(struct soft_cpu *c, const struct insn *i)
{
	u32 out[4];

	cpuid_query(c, (u32)c->gpr[R_AX], (u32)c->gpr[R_CX], out);
	set32(c, R_AX, out[CPUID_EAX]);
	set32(c, R_BX, out[CPUID_EBX]);
	set32(c, R_CX, out[CPUID_ECX]);
	set32(c, R_DX, out[CPUID_EDX]);
}

/* ---- MSRs ---- */

void exec_rdmsr(struct soft_cpu *c, const struct insn *i)
{
	u64 val = 0;

	if (!msr_read(c, (u32)c->gpr[R_CX], &val))
		raise_gp(c);
	set32(c, R_AX, val);
	set32(c, R_DX, val >> 32);
}

void exec_wrmsr(struct soft_cpu *c, const struct insn *i)
{
	u64 val = (u32)c->gpr[R_AX] | c->gpr[R_DX] << 32;

	if (!msr_write(c, (u32)c->gpr[R_CX], val))
		raise_gp(c);
}

void exec_rsm(struct soft_cpu *c, const struct insn *i)
{
	if (!c->in_smm)
		raise_ud(c);
	smm_leave(c);
}
