/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/system_rig.h: a vCPU of our own CPU that executes single system instructions. */
#pragma once

#include "system_stand_ins.h"

static void rig_wake(void *cpu)
{
	rig.attended |= ATT_INTR;
}
static u64 rig_now(void *cpu)
{
	return rig.tsc / 10 * 4;
}
static u64 rig_tsc(void *cpu)
{
	return cpu_tsc(cpu);
}
static void rig_alarm(void *cpu, u64 at_ns)
{
}
static const struct lapic_ops rig_lapic_ops = { rig_wake, rig_now, rig_tsc, rig_alarm };

/* As after RESET, of model x86-64-v2 with x2APIC and TSC-deadline mode. */
static inline void rig_start(void)
{
	struct soft_cpu *c = &rig.c;
	struct cpuid_leaf *l;

	memset(&rig, 0, sizeof(rig));
	rig.tsc = 1000000;
	rig.s.phys_bits = 40;
	rig.s.tsc_hz = RIG_TSC_HZ;
	rig.s.apics = (struct apic_bus){ .ops = &rig_lapic_ops,
					 .tsc_hz = RIG_TSC_HZ,
					 .phys_bits = 40,
					 .x2apic = true,
					 .count = 1,
					 .lapics = rig.lapics };
	c->soft = &rig.s;
	CHECK_EQ(soft_model(&c->cpuid, NULL, RIG_TSC_HZ, NULL), 0);
	l = cpuid_find(&c->cpuid, 1, 0);
	l->ecx |= BIT(21) | BIT(24);
	cpu_features_init(c);
	lapic_init(&c->lapic, &rig.s.apics, 0, 0, c);
	cpu_reset(c, false);
	rig.flushes = rig.flushes_all = 0;
	rig.attended = 0;
}

static inline void rig_flat(u16 code, u16 data, u64 cr0, u64 cr4, u64 efer)
{
	struct soft_cpu *c = &rig.c;

	for (unsigned s = 0; s < 6; s++)
		c->seg[s] = (struct cpu_seg){ .sel = 16, .limit = ~0u, .attr = data };
	c->seg[SEG_CS] = (struct cpu_seg){ .sel = 8, .limit = ~0u, .attr = code };
	c->cr0 = cr0 | CR0_ET;
	c->cr4 = cr4;
	c->efer = efer;
	cpu_mode_changed(c);
}
/* Flat 32-bit protected mode without paging; 64-bit mode; each at privilege 0. */
static inline void rig_mode32(void)
{
	rig_flat(0xc09b, 0xc093, CR0_PE, 0, 0);
}
static inline void rig_mode64(void)
{
	rig_flat(0xa09b, 0xc093, CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA);
}
static inline void rig_privilege(unsigned cpl)
{
	rig.c.seg[SEG_SS].attr |= (u16)(cpl << SA_DPL_SHIFT);
	cpu_mode_changed(&rig.c);
}

#define EXEC(op, function, attributes) [OP_##op] = function,
static const exec_fn rig_functions[N_OPS] = {
#include "cpu/soft/exec_sys.def"
};
#undef EXEC

static inline int rig_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Execute the instruction that @text is in hexadecimal: the vector that it raises, or -1. */
static inline int run(const char *text)
{
	struct soft_cpu *c = &rig.c;
	struct insn i;
	u8 bytes[15];
	size_t len = 0;

	for (; len < sizeof(bytes) && *text; text += text[2] ? 3 : 2)
		bytes[len++] = (u8)(rig_digit(text[0]) << 4 | rig_digit(text[1]));
	CHECK_EQ(decode(&i, bytes, len, (enum cpu_mode)c->mode), len);
	CHECK(rig_functions[i.op]);
	c->next_rip = c->rip + i.len;
	c->event.kind = EV_NONE;
	if (setjmp(rig.raised))
		return c->event.vector;
	rig_functions[i.op](c, &i);
	c->rip = c->next_rip;
	return RIG_NOTHING;
}
