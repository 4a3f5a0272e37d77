/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/control.c: control registers, EFER and XCR0: which values can be, which changes, and
 * what follows from them. Intel SDM 3A 2.5 and 2.6, 4.1, 4.10.4.1, 9.8.5; SDM 2B MOV CRn.
 */
#include "cpu/soft/system_priv.h"

#define CR0_BITS                                                                                   \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
#define CR3_KEEP BIT64(63) /* with PCIDE: leave this PCID's translations. SDM 3A 4.10.4.1 */
#define CR3_PCID 0xfffull

/* Translations made before such a change are void: SDM 3A 4.10.4.1, and more than that. */
#define CR0_FLUSH (CR0_PG | CR0_PE | CR0_WP)
#define CR4_FLUSH (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
/* Changes of these load the PDPTEs again. SDM 3A 4.4.1 */
#define CR0_PDPTE (CR0_PG | CR0_CD | CR0_NW)
#define CR4_PDPTE (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP)

static u64 efer_bits(const struct soft_cpu *c)
{
	bool xd_off = c->misc_enable & BIT64(34); /* IA32_MISC_ENABLE: XD Bit Disable */

	return (cpu_has(c, FEATURE_SYSCALL) ? EFER_SCE : 0) |
	       (cpuid_shows(c, 0x80000001, 0, CPUID_EDX, 29) ? EFER_LME | EFER_LMA : 0) |
	       (cpuid_shows(c, 0x80000001, 0, CPUID_EDX, 20) && !xd_off ? EFER_NXE : 0);
}

static bool cr3_valid(const struct soft_cpu *c, u64 val)
{
	return !(val >> c->soft->phys_bits);
}

const char *control_wrong(const struct soft_cpu *c, const struct control *r)
{
	bool paging = r->cr0 & CR0_PG, lma = r->efer & EFER_LMA;

	if (r->cr0 & ~(u64)CR0_BITS || r->cr4 & ~c->cr4_mask || r->efer & ~efer_bits(c))
		return "reserved bits are set in CR0, CR4 or EFER";
	if (paging && !(r->cr0 & CR0_PE))
		return "CR0 has paging without protection";
	if (r->cr0 & CR0_NW && !(r->cr0 & CR0_CD))
		return "CR0 has NW without CD";
	if (lma != (paging && r->efer & EFER_LME))
		return "EFER.LMA is not CR0.PG and EFER.LME";
	if (lma && !(r->cr4 & CR4_PAE))
		return "long mode is on without CR4.PAE";
	if (r->cr4 & CR4_PCIDE && !lma)
		return "CR4.PCIDE is set outside long mode";
	return cr3_valid(c, r->cr3) ? NULL : "CR3 is beyond the physical addresses";
}

/* A 16-bit TSS, which long mode has no use for. SDM 3A 9.8.5 */
static bool has_tss16(const struct soft_cpu *c)
{
	return (c->tr.attr & (SA_S | SA_TYPE) & ~2) == 1;
}

static bool cr0_allowed(const struct soft_cpu *c, u64 val)
{
	u64 on = val & ~c->cr0, off = c->cr0 & ~val;

	if (val & CR0_PG && !(val & CR0_PE))
		return false;
	if (val & CR0_NW && !(val & CR0_CD))
		return false;
	if (on & CR0_PG && c->efer & EFER_LME &&
	    (!(c->cr4 & CR4_PAE) || c->seg[SEG_CS].attr & SA_L || has_tss16(c)))
		return false;
	return !(off & CR0_PG) || (c->mode != CPU_64 && !(c->cr4 & CR4_PCIDE));
}

static bool pae_paging(const struct soft_cpu *c, u64 cr0, u64 cr4)
{
	return cr0 & CR0_PG && cr4 & CR4_PAE && !(c->efer & EFER_LME);
}

bool pdptes_reload(struct soft_cpu *c)
{
	return !pae_paging(c, c->cr0, c->cr4) || mmu_load_pdptes(c, c->cr0, c->cr3, c->cr4);
}

bool cr0_write(struct soft_cpu *c, u64 val)
{
	u64 changed;

	if (val >> 32)
		return false;
	val = (val & CR0_BITS) | CR0_ET; /* other reserved bits are ignored: SDM 2B MOV CRn */
	changed = c->cr0 ^ val;
	if (!cr0_allowed(c, val))
		return false;
	if (changed & CR0_PDPTE && pae_paging(c, val, c->cr4) &&
	    !mmu_load_pdptes(c, val, c->cr3, c->cr4))
		return false;
	c->cr0 = val;
	if (val & CR0_PG && c->efer & EFER_LME)
		c->efer |= EFER_LMA;
	else
		c->efer &= ~(u64)EFER_LMA;
	if (changed & CR0_FLUSH)
		mmu_flush(c, true);
	if (changed)
		cpu_mode_changed(c);
	return true;
}

bool cr3_write(struct soft_cpu *c, u64 val)
{
	bool keep = c->cr4 & CR4_PCIDE && val & CR3_KEEP;

	if (c->cr4 & CR4_PCIDE)
		val &= ~CR3_KEEP;
	if (!cr3_valid(c, val))
		return false;
	if (pae_paging(c, c->cr0, c->cr4) && !mmu_load_pdptes(c, c->cr0, val, c->cr4))
		return false;
	c->cr3 = val;
	mmu_cr3_changed(c, keep);
	return true;
}

bool cr4_write(struct soft_cpu *c, u64 val)
{
	u64 changed = c->cr4 ^ val;

	if (val & ~c->cr4_mask)
		return false;
	if (c->lma && !(val & CR4_PAE))
		return false;
	if (changed & val & CR4_PCIDE && (!c->lma || c->cr3 & CR3_PCID))
		return false;
	if (changed & CR4_PDPTE && pae_paging(c, c->cr0, val) &&
	    !mmu_load_pdptes(c, c->cr0, c->cr3, val))
		return false;
	c->cr4 = val;
	if (changed & CR4_FLUSH)
		mmu_flush(c, true);
	if (changed)
		cpu_mode_changed(c);
	return true;
}

/* LMA cannot be written: whatever stands there is ignored. SDM 3A 2.2.1 */
bool efer_write(struct soft_cpu *c, u64 val)
{
	u64 changed;

	if (val & ~efer_bits(c))
		return false;
	val = (val & ~(u64)EFER_LMA) | (c->efer & EFER_LMA);
	changed = c->efer ^ val;
	if (changed & EFER_LME && c->cr0 & CR0_PG)
		return false;
	c->efer = val;
	if (changed & EFER_NXE)
		mmu_flush(c, true);
	if (changed)
		cpu_mode_changed(c);
	return true;
}

/* SDM 1 13.3: what depends on what. */
bool xcr0_valid(struct soft_cpu *c, u64 val)
{
	enum { X87 = 1, SSE = 2, AVX = 4, BNDS = 0x18, AVX512 = 0xe0, TILES = 0x60000 };
	u64 there = cpuid_value(c, 0xd, 0, CPUID_EAX) | (u64)cpuid_value(c, 0xd, 0, CPUID_EDX)
								<< 32;

	if (!(val & X87) || val & ~there)
		return false;
	if (val & AVX && !(val & SSE))
		return false;
	if (val & AVX512 && ((val & AVX512) != AVX512 || !(val & AVX)))
		return false;
	return (!(val & BNDS) || (val & BNDS) == BNDS) &&
	       (!(val & TILES) || (val & TILES) == TILES);
}

/* ---- instructions ---- */

static bool write_cr(struct soft_cpu *c, unsigned reg, u64 val)
{
	u8 old = lapic_get_cr8(&c->lapic);

	switch (reg) {
	case 0: return cr0_write(c, val);
	case 2: c->cr2 = val; return true;
	case 3: return cr3_write(c, val);
	case 4: return cr4_write(c, val);
	default: break;
	}
	if (val & ~0xfull)
		return false;
	lapic_set_cr8(&c->lapic, (u8)val);
	if (val < old) /* an interrupt that waited may now come */
		cpu_attend(c, ATT_INTR);
	return true;
}

static u64 read_cr(const struct soft_cpu *c, unsigned reg)
{
	switch (reg) {
	case 0: return c->cr0;
	case 2: return c->cr2;
	case 3: return c->cr3;
	case 4: return c->cr4;
	default: return lapic_get_cr8(&c->lapic);
	}
}

void exec_mov_cr(struct soft_cpu *c, const struct insn *i)
{
	if (i->operand[0].kind != OPERAND_CR)
		opnd_set(c, i, 0, read_cr(c, i->operand[1].reg));
	else if (!write_cr(c, i->operand[0].reg, opnd_get(c, i, 1)))
		raise_gp(c);
}

/* The low four bits; PE can be set only. SDM 2A LMSW */
void exec_lmsw(struct soft_cpu *c, const struct insn *i)
{
	u64 low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u64 val = (opnd_get(c, i, 0) & low) | (c->cr0 & CR0_PE);

	if (!cr0_write(c, (c->cr0 & ~low) | val))
		raise_gp(c);
}

void exec_smsw(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, c->cr0);
}

void exec_clts(struct soft_cpu *c, const struct insn *i)
{
	c->cr0 &= ~(u64)CR0_TS;
	cpu_mode_changed(c);
}

/* The CPL is checked here, because without OSXSAVE it is #UD at any. SDM 2D XSETBV */
void exec_xsetbv(struct soft_cpu *c, const struct insn *i)
{
	u64 val = (u32)c->gpr[R_AX] | c->gpr[R_DX] << 32;

	if (!(c->cr4 & CR4_OSXSAVE))
		raise_ud(c);
	if (c->cpl || (u32)c->gpr[R_CX] || !xcr0_valid(c, val))
		raise_gp(c);
	c->xcr0 = val;
}

/* XCR1 is XCR0 without what is in its initial state. SDM 1 13.2 */
static u64 in_use(struct soft_cpu *c)
{
	u8 area[CPU_XSAVE];
	u64 components = 0;

	if (fpu_save(c, area) >= 520)
		for (unsigned n = 0; n < 8; n++)
			components |= (u64)area[512 + n] << 8 * n;
	return c->xcr0 & components;
}

void exec_xgetbv(struct soft_cpu *c, const struct insn *i)
{
	u32 reg = (u32)c->gpr[R_CX];
	u64 val;

	if (!(c->cr4 & CR4_OSXSAVE))
		raise_ud(c);
	if (reg > 1 || (reg == 1 && !cpuid_shows(c, 0xd, 1, CPUID_EAX, 2)))
		raise_gp(c);
	val = reg ? in_use(c) : c->xcr0;
	c->gpr[R_AX] = (u32)val;
	c->gpr[R_DX] = val >> 32;
}
