/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/msr.c: model-specific registers: one table, sorted by index; what it does not list is
 * #GP(0). Intel SDM 4, table 2-2; AMD APM 2 appendix A.
 *
 * Some that stand for hardware which is not there are readable, because kernels of the time look at
 * them without being ready for a fault: those read as a constant and take writes without effect.
 */
#include <string.h>

#include "base/log.h"
#include "cpu/soft/system_priv.h"

LOG_MODULE("msr");

enum msr_kind {
	M_FIELD,  /* a u64 of struct soft_cpu, @value: the bits that there are */
	M_LINEAR, /* the same for a canonical address */
	M_CONST,  /* @value; a write is #GP */
	M_LOST,   /* @value; writes are lost */
	M_CALL    /* functions; without one: #GP */
};

enum msr_flag { F_SAVE = 1, F_INTEL = 2, F_AMD = 4 };

struct msr {
	u32 first, last;
	u8 kind, flags;
	u16 at;    /* of the first one in struct soft_cpu */
	u64 value; /* see enum msr_kind */
	struct feature_bit needs;
	/* M_FIELD, M_LOST: whether @val is possible. */
	bool (*check)(const struct soft_cpu *c, u32 index, u64 val);
	/* M_CALL: do it; false: #GP. */
	bool (*read)(struct soft_cpu *c, u32 index, u64 *out);
	bool (*write)(struct soft_cpu *c, u32 index, u64 val);
};

/* ---- memory types: PAT and MTRRs. SDM 3A 11.11, 11.12 ---- */

enum { MTRRCAP = 0x508 }; /* 8 variable ranges, fixed ranges, write combining */

static bool all_bytes_in(u64 val, u32 types)
{
	bool ok = true;

	for (unsigned n = 0; n < 64; n += 8)
		ok = ok && (val >> n & 0xff) < 8 && types & BIT(val >> n & 7);
	return ok;
}

enum { MTRR_TYPES = 0x73 /* 0 1 4 5 6 */, PAT_TYPES = 0xf3 /* and 7 */ };

static bool pat_valid(const struct soft_cpu *c, u32 index, u64 val)
{
	return all_bytes_in(val, PAT_TYPES);
}

static bool fixed_valid(const struct soft_cpu *c, u32 index, u64 val)
{
	return all_bytes_in(val, MTRR_TYPES);
}

static bool def_type_valid(const struct soft_cpu *c, u32 index, u64 val)
{
	return all_bytes_in(val & 0xff, MTRR_TYPES);
}

static bool range_valid(const struct soft_cpu *c, u32 index, u64 val)
{
	if (val >> c->soft->phys_bits)
		return false;
	if (index & 1) /* mask */
		return !(val & 0x7ff);
	return !(val & 0xf00) && all_bytes_in(val & 0xff, MTRR_TYPES);
}

/* ---- machine checks. SDM 3B 15.3 ---- */

enum { MC_BANKS = 10, MCG_CTL_P = BIT(8) };

/* Control: nothing or all. Status can only be cleared. Address and what else there is: anything. */
static bool bank_valid(const struct soft_cpu *c, u32 index, u64 val)
{
	switch (index & 3) {
	case 0: return val == 0 || val == ~0ull;
	case 1: return val == 0;
	default: return true;
	}
}

static bool nothing(const struct soft_cpu *c, u32 index, u64 val)
{
	return val == 0;
}

static bool nothing_or_all(const struct soft_cpu *c, u32 index, u64 val)
{
	return val == 0 || val == ~0ull;
}

/* ---- time ---- */

/* Moves the TSC and says so in IA32_TSC_ADJUST. SDM 3B 17.17.3 */
static void move_tsc(struct soft_cpu *c, u64 by)
{
	c->tsc_offset += by;
	c->tsc_adjust += by;
	lapic_time_changed(&c->lapic);
	cpu_attend(c, ATT_INTR);
}

static bool read_tsc(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = cpu_tsc(c);
	return true;
}

static bool write_tsc(struct soft_cpu *c, u32 index, u64 val)
{
	move_tsc(c, val - cpu_tsc(c));
	return true;
}

static bool read_tsc_adjust(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->tsc_adjust;
	return true;
}

static bool write_tsc_adjust(struct soft_cpu *c, u32 index, u64 val)
{
	move_tsc(c, val - c->tsc_adjust);
	return true;
}

/* Ratio of the TSC to the 100 MHz bus clock. */
static bool read_ratio(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = (c->soft->tsc_hz / 100000000 & 0xff) << 8;
	return true;
}

/* ---- the local APIC ---- */

static bool read_apic(struct soft_cpu *c, u32 index, u64 *out)
{
	return lapic_rdmsr(&c->lapic, index, out) == 0;
}

static bool write_apic(struct soft_cpu *c, u32 index, u64 val)
{
	u64 base = c->lapic.base;

	if (lapic_wrmsr(&c->lapic, index, val) < 0)
		return false;
	if (c->lapic.base != base)
		mmu_flush(c, true);
	cpu_attend(c, ATT_INTR);
	return true;
}

/* ---- modes and segments ---- */

static bool read_efer(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->efer;
	return true;
}

static bool write_efer(struct soft_cpu *c, u32 index, u64 val)
{
	return efer_write(c, val);
}

static enum insn_seg seg_of(u32 index)
{
	return index & 1 ? SEG_GS : SEG_FS; /* C0000100, C0000101 */
}

static bool read_seg_base(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->seg[seg_of(index)].base;
	return true;
}

static bool write_seg_base(struct soft_cpu *c, u32 index, u64 val)
{
	enum insn_seg s = seg_of(index);

	if (!is_canonical(val))
		return false;
	c->seg[s].base = c->seg_base[s] = val;
	return true;
}

static bool read_ucode_rev(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->ucode_rev;
	return true;
}

/* Kernels write 0 before they ask CPUID to put the revision there. SDM 3A 9.11.7 */
static bool lose(struct soft_cpu *c, u32 index, u64 val)
{
	return true;
}

static bool read_smbase(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->smbase;
	return c->in_smm;
}

/* ---- speculation: nothing to be done, but the bits must be there ---- */

static u64 spec_ctrl_bits(const struct soft_cpu *c)
{
	u32 intel = cpuid_value(c, 7, 0, CPUID_EDX), amd = cpuid_value(c, 0x80000008, 0, CPUID_EBX);

	return (intel & BIT(26) || amd & BIT(14) ? BIT(0) : 0) |
	       (intel & BIT(27) || amd & BIT(15) ? BIT(1) : 0) |
	       (intel & BIT(31) || amd & BIT(24) ? BIT(2) : 0) |
	       (cpuid_shows(c, 7, 2, CPUID_EDX, 4) ? BIT(10) : 0);
}

static bool read_spec_ctrl(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->spec_ctrl;
	return spec_ctrl_bits(c) != 0;
}

static bool write_spec_ctrl(struct soft_cpu *c, u32 index, u64 val)
{
	u64 bits = spec_ctrl_bits(c);

	if (!bits || val & ~bits)
		return false;
	c->spec_ctrl = val;
	return true;
}

static bool write_pred_cmd(struct soft_cpu *c, u32 index, u64 val)
{
	return val <= 1 && (cpuid_shows(c, 7, 0, CPUID_EDX, 26) ||
			    cpuid_shows(c, 0x80000008, 0, CPUID_EBX, 12));
}

static bool write_flush_cmd(struct soft_cpu *c, u32 index, u64 val)
{
	return val <= 1;
}

/*
 * None of the structures that leaked between privileges on some processors stands between the
 * guest's: RDCL_NO, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO,
 * FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO.
 */
#define ARCH_CAPS                                                                                  \
	(BIT64(0) | BIT64(3) | BIT64(4) | BIT64(5) | BIT64(6) | BIT64(8) | BIT64(13) | BIT64(14) | \
	 BIT64(15) | BIT64(20) | BIT64(24) | BIT64(26) | BIT64(27) | BIT64(62))
#define ARCH_CAP_IBRS_ALL BIT64(1)

/*
 * IBRS, where it is shown, need not be switched at each entry to the kernel. What a guest puts
 * around its indirect branches would only cost time: none of its branches is one of the host's.
 */
static bool read_arch_caps(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = ARCH_CAPS | (cpuid_shows(c, 7, 0, CPUID_EDX, 26) ? ARCH_CAP_IBRS_ALL : 0);
	return true;
}

/* Fast strings, thermal control, EIST, MONITOR, LIMIT CPUID, xTPR, no NX. */
#define MISC_ENABLE_BITS                                                                           \
	(BIT64(0) | BIT64(3) | BIT64(16) | BIT64(18) | BIT64(22) | BIT64(23) | BIT64(34))
#define MISC_ENABLE_FIXED (BIT64(11) | BIT64(12)) /* no branch traces, no PEBS */
#define MISC_ENABLE_READ_ONLY (MISC_ENABLE_FIXED | BIT64(7))

static bool read_misc_enable(struct soft_cpu *c, u32 index, u64 *out)
{
	*out = c->misc_enable | MISC_ENABLE_FIXED;
	return true;
}

static bool write_misc_enable(struct soft_cpu *c, u32 index, u64 val)
{
	if (val & ~(MISC_ENABLE_BITS | MISC_ENABLE_READ_ONLY))
		return false;
	c->misc_enable = val & MISC_ENABLE_BITS;
	return true;
}

/* clang-format off */
#define AT(member) .at = offsetof(struct soft_cpu, member)
#define ONE(n) .first = n, .last = n
#define RANGE(a, b) .first = a, .last = b
#define FIELD_OF(member, bits) .kind = M_FIELD, .flags = F_SAVE, AT(member), .value = bits
#define LINEAR(member) .kind = M_LINEAR, .flags = F_SAVE, AT(member)
#define CALL(r, w) .kind = M_CALL, .read = r, .write = w
#define LOST(who, val) .kind = M_LOST, .flags = who, .value = val
#define CONST(who, val) .kind = M_CONST, .flags = who, .value = val
#define NEEDS(leaf, reg, bit) NEEDS_SUB(leaf, 0, reg, bit)
#define NEEDS_SUB(leaf, sub, reg, bit) .needs = { leaf, sub, CPUID_##reg, bit }
#define ANY_VALUE ~0ull

static const struct msr msrs[] = {
	{ RANGE(0x0, 0x1), CONST(0, 0) },                     /* P5_MC_ADDR, P5_MC_TYPE */
	{ ONE(MSR_TSC), CALL(read_tsc, write_tsc) },
	{ ONE(0x17), CONST(F_INTEL, 0) },                     /* PLATFORM_ID */
	{ ONE(MSR_APIC_BASE), CALL(read_apic, write_apic) },
	{ ONE(0x2a), LOST(F_INTEL, 0) },                      /* EBL_CR_POWERON */
	{ ONE(0x34), CONST(F_INTEL, 0) },                     /* SMI_COUNT */
	{ ONE(0x3a), CONST(F_INTEL, 1) },                     /* FEATURE_CONTROL: locked */
	{ ONE(MSR_TSC_ADJUST), CALL(read_tsc_adjust, write_tsc_adjust), .flags = F_SAVE,
	  NEEDS(7, EBX, 1) },
	{ ONE(0x48), CALL(read_spec_ctrl, write_spec_ctrl), .flags = F_SAVE },
	{ ONE(0x49), CALL(NULL, write_pred_cmd) },
	{ ONE(0x79), LOST(F_INTEL, 0) },                      /* BIOS_UPDT_TRIG */
	{ ONE(0x8b), CALL(read_ucode_rev, lose) },            /* BIOS_SIGN_ID, PATCH_LEVEL */
	{ ONE(MSR_SMBASE), CALL(read_smbase, NULL) },
	{ RANGE(0xc1, 0xc2), LOST(F_INTEL, 0) },              /* PMC0, PMC1 */
	{ ONE(0xcd), CONST(F_INTEL, 0) },                     /* FSB_FREQ */
	{ ONE(0xce), CALL(read_ratio, NULL), .flags = F_INTEL }, /* PLATFORM_INFO */
	{ RANGE(0xe7, 0xe8), CALL(read_tsc, NULL), NEEDS(6, ECX, 0) }, /* MPERF, APERF */
	{ ONE(0xfe), CONST(0, MTRRCAP) },
	{ ONE(0x10a), CALL(read_arch_caps, NULL), NEEDS(7, EDX, 29) },
	{ ONE(0x10b), CALL(NULL, write_flush_cmd), NEEDS(7, EDX, 28) },
	{ ONE(0x11e), CONST(F_INTEL, 0x101) },                /* BBL_CR_CTL3: an L2 cache */
	{ ONE(0x140), LOST(F_INTEL, 0), .check = nothing },   /* MISC_FEATURE_ENABLES */
	{ ONE(0x174), FIELD_OF(sysenter_cs, 0xffffffff) },
	{ ONE(0x175), LINEAR(sysenter_esp) },
	{ ONE(0x176), LINEAR(sysenter_eip) },
	{ ONE(0x179), CONST(0, MCG_CTL_P | MC_BANKS) },       /* MCG_CAP */
	{ ONE(0x17a), FIELD_OF(mcg_status, 7) },
	{ ONE(0x17b), FIELD_OF(mcg_ctl, ANY_VALUE), .check = nothing_or_all },
	{ RANGE(0x186, 0x187), LOST(F_INTEL, 0) },            /* PERFEVTSEL0, 1 */
	{ ONE(0x198), CALL(read_ratio, NULL), .flags = F_INTEL }, /* PERF_STATUS */
	{ ONE(0x199), LOST(F_INTEL, 0) },                     /* PERF_CTL */
	{ ONE(0x1a0), CALL(read_misc_enable, write_misc_enable), .flags = F_SAVE | F_INTEL },
	{ ONE(0x1d9), FIELD_OF(debugctl, 3) },                /* LBR and BTF are kept, no more */
	{ RANGE(0x1db, 0x1de), CONST(0, 0) },                 /* LASTBRANCHFROMIP ... */
	{ ONE(0x1fc), LOST(F_INTEL, 0) },                     /* POWER_CTL */
	{ RANGE(0x200, 0x20f), FIELD_OF(mtrr_var, ANY_VALUE), .check = range_valid },
	{ ONE(0x250), FIELD_OF(mtrr_fixed[0], ANY_VALUE), .check = fixed_valid },
	{ RANGE(0x258, 0x259), FIELD_OF(mtrr_fixed[1], ANY_VALUE), .check = fixed_valid },
	{ RANGE(0x268, 0x26f), FIELD_OF(mtrr_fixed[3], ANY_VALUE), .check = fixed_valid },
	{ ONE(0x277), FIELD_OF(pat, ANY_VALUE), .check = pat_valid },
	{ ONE(0x2ff), FIELD_OF(mtrr_def_type, 0xcff), .check = def_type_valid },
	{ RANGE(0x400, 0x400 + 4 * MC_BANKS - 1), FIELD_OF(mc_bank, ANY_VALUE),
	  .check = bank_valid },
	{ ONE(0x606), CONST(F_INTEL, 0) },                    /* RAPL_POWER_UNIT */
	{ ONE(0x611), CONST(F_INTEL, 0) },                    /* PKG_ENERGY_STATUS */
	{ ONE(0x619), CONST(F_INTEL, 0) },                    /* DRAM_ENERGY_STATUS */
	{ ONE(0x639), CONST(F_INTEL, 0) },                    /* PP0_ENERGY_STATUS */
	{ ONE(0x641), CONST(F_INTEL, 0) },                    /* PP1_ENERGY_STATUS */
	{ ONE(MSR_TSC_DEADLINE), CALL(read_apic, write_apic), NEEDS(1, ECX, 24) },
	{ RANGE(MSR_X2APIC_FIRST, MSR_X2APIC_LAST), CALL(read_apic, write_apic) },
	{ ONE(0xda0), FIELD_OF(xss, 0), NEEDS_SUB(0xd, 1, EAX, 3) },
	{ ONE(0xc0000080), CALL(read_efer, write_efer) },
	{ ONE(0xc0000081), FIELD_OF(star, ANY_VALUE) },
	{ ONE(0xc0000082), LINEAR(lstar) },
	{ ONE(0xc0000083), LINEAR(cstar) },
	{ ONE(0xc0000084), FIELD_OF(sfmask, 0xffffffff) },
	{ RANGE(0xc0000100, 0xc0000101), CALL(read_seg_base, write_seg_base) },
	{ ONE(0xc0000102), LINEAR(kernel_gs_base) },
	{ ONE(0xc0000103), FIELD_OF(tsc_aux, 0xffffffff), NEEDS(0x80000001, EDX, 27) },
	{ RANGE(0xc0010000, 0xc0010007), LOST(F_AMD, 0) },    /* PerfEvtSel, PerfCtr */
	{ ONE(0xc0010010), LOST(F_AMD, 0) },                  /* SYSCFG */
	{ ONE(0xc0010015), LOST(F_AMD, BIT64(24)) },          /* HWCR: the TSC runs at P0's speed */
	{ ONE(0xc001001a), CONST(F_AMD, 0) },                 /* TOP_MEM */
	{ ONE(0xc001001d), CONST(F_AMD, 0) },                 /* TOP_MEM2 */
	{ ONE(0xc001001f), LOST(F_AMD, 0) },                  /* NB_CFG */
	{ ONE(0xc0010020), LOST(F_AMD, 0) },                  /* PATCH_LOADER */
	{ ONE(0xc0010055), LOST(F_AMD, 0) },                  /* INT_PENDING */
	{ ONE(0xc0010058), LOST(F_AMD, 0) },                  /* MMIO_CONF_BASE */
	{ ONE(0xc0010112), LOST(F_AMD, 0) },                  /* SMM_ADDR */
	{ ONE(0xc0010113), LOST(F_AMD, 0) },                  /* SMM_MASK */
	{ ONE(0xc0010114), CONST(F_AMD, BIT64(3) | BIT64(4)) }, /* VM_CR: SVM is locked off */
	{ ONE(0xc0010115), LOST(F_AMD, 0) },                  /* IGNNE */
	{ ONE(0xc0010117), LOST(F_AMD, 0) },                  /* VM_HSAVE_PA */
	{ ONE(0xc0010140), CONST(F_AMD, 0), NEEDS(0x80000001, ECX, 9) }, /* OSVW: nothing */
	{ ONE(0xc0010141), CONST(F_AMD, 0), NEEDS(0x80000001, ECX, 9) },
	{ RANGE(0xc0011020, 0xc0011022), LOST(F_AMD, 0) },    /* LS_CFG, IC_CFG, DC_CFG */
	{ ONE(0xc0011023), LOST(F_AMD, 0) },                  /* BU_CFG */
	{ ONE(0xc0011029), LOST(F_AMD, BIT64(1)) },           /* DE_CFG: LFENCE serialises */
	{ ONE(0xc001102a), LOST(F_AMD, 0) },                  /* BU_CFG2 */
	{ ONE(0xc001102c), LOST(F_AMD, 0) },                  /* EX_CFG */
};
/* clang-format on */

static bool is_there(const struct soft_cpu *c, const struct msr *m)
{
	bool amd = cpu_is_amd(c);

	if ((m->flags & F_INTEL && amd) || (m->flags & F_AMD && !amd))
		return false;
	return !m->needs.leaf || cpuid_shows(c, m->needs.leaf, m->needs.subleaf,
					     (enum cpuid_register)m->needs.reg, m->needs.bit);
}

/*
 * The table's row for @index, or NULL. @known: this CPU's architecture has the register, or has a
 * block of which it is part; where it is not there it faults.
 */
static const struct msr *find(const struct soft_cpu *c, u32 index, bool *known)
{
	size_t low = 0, high = ARRAY_LEN(msrs);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (index > msrs[mid].last)
			low = mid + 1;
		else if (index < msrs[mid].first)
			high = mid;
		else
			break;
	}
	*known = (low < high && index >> 16 != 0xc001) || /* AMD's are written carelessly */
		 (index >= 0x400 && index < 0x480) ||     /* machine check banks */
		 (index >= 0x800 && index < 0x900);       /* x2APIC */
	if (low >= high)
		return NULL;
	low = (low + high) / 2;
	return is_there(c, &msrs[low]) ? &msrs[low] : NULL;
}

static u64 *field_of(struct soft_cpu *c, const struct msr *m, u32 index)
{
	return (u64 *)(void *)((char *)c + m->at) + (index - m->first);
}

static bool read_one(struct soft_cpu *c, const struct msr *m, u32 index, u64 *out)
{
	switch (m->kind) {
	case M_FIELD:
	case M_LINEAR: *out = *field_of(c, m, index); return true;
	case M_CONST:
	case M_LOST: *out = m->value; return true;
	default: return m->read && m->read(c, index, out);
	}
}

static bool write_one(struct soft_cpu *c, const struct msr *m, u32 index, u64 val)
{
	switch (m->kind) {
	case M_FIELD:
		if (val & ~m->value || (m->check && !m->check(c, index, val)))
			return false;
		break;
	case M_LINEAR:
		if (!is_canonical(val))
			return false;
		break;
	case M_LOST: return !m->check || m->check(c, index, val);
	case M_CONST: return false;
	default: return m->write && m->write(c, index, val);
	}
	*field_of(c, m, index) = val;
	return true;
}

bool msr_read(struct soft_cpu *c, u32 index, u64 *out)
{
	bool known;
	const struct msr *m = find(c, index, &known);

	if (m && read_one(c, m, index, out))
		return true;
	/* Windows reads what the CPU that it believes to run on has: as cpu/kvm/msr.c does. */
	*out = 0;
	log_debug("vcpu%u reads MSR %x: %s", c->base.index, index, known ? "#GP" : "0");
	return !known;
}

bool msr_write(struct soft_cpu *c, u32 index, u64 val)
{
	bool known;
	const struct msr *m = find(c, index, &known);

	if (m && write_one(c, m, index, val))
		return true;
	log_debug("vcpu%u writes %llx to MSR %x: %s", c->base.index, (unsigned long long)val, index,
		  known ? "#GP" : "ignored");
	return !known;
}

unsigned msr_save(struct soft_cpu *c, struct cpu_msr *out, unsigned room)
{
	unsigned count = 0;

	for (size_t n = 0; n < ARRAY_LEN(msrs); n++) {
		const struct msr *m = &msrs[n];

		if (!(m->flags & F_SAVE) || !is_there(c, m))
			continue;
		for (u32 index = m->first; index <= m->last && count < room; index++) {
			out[count].index = index;
			if (read_one(c, m, index, &out[count].value))
				count++;
		}
	}
	return count;
}

bool msr_load(struct soft_cpu *c, u32 index, u64 val)
{
	bool known;
	const struct msr *m = find(c, index, &known);

	if (!m || !(m->flags & F_SAVE))
		return false;
	if (index == MSR_TSC_ADJUST) { /* the TSC itself travels apart */
		c->tsc_adjust = val;
		return true;
	}
	return write_one(c, m, index, val);
}

void msr_reset(struct soft_cpu *c)
{
	c->star = c->lstar = c->cstar = c->sfmask = c->kernel_gs_base = c->tsc_aux = 0;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->pat = 0x0007040600070406;
	c->misc_enable = BIT64(0); /* fast strings */
	c->mtrr_def_type = 0;
	memset(c->mtrr_fixed, 0, sizeof(c->mtrr_fixed));
	memset(c->mtrr_var, 0, sizeof(c->mtrr_var));
	memset(c->mc_bank, 0, sizeof(c->mc_bank));
	for (unsigned n = 0; n < MC_BANKS; n++)
		c->mc_bank[4 * n] = ~0ull;
	c->mcg_ctl = ~0ull;
	c->mcg_status = c->xss = c->spec_ctrl = c->debugctl = 0;
	c->ucode_rev = cpu_is_amd(c) ? 0x01000065 : BIT64(32);
	c->tsc_offset -= c->tsc_adjust;
	c->tsc_adjust = 0;
}
