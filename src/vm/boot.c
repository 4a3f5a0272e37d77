/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm/boot.c: processors of a machine whose kernel starts without firmware: the first one begins in
 * the kernel, and all have the memory types and interrupt inputs that a BIOS would have set. Intel
 * SDM 3A 11.11 (MTRRs) and 10.5 (local vector table).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "fw/kernel.h"
#include "vm/vm_priv.h"

enum { MTRR_BASE0 = 0x200, MTRR_MASK0 = 0x201, MTRR_DEF_TYPE = 0x2ff };
enum { MTRR_WRITE_BACK = 6, MTRR_UNCACHED = 0, MTRR_VALID = BIT(11), MTRR_ENABLE = BIT(11) };
enum { LAPIC_SVR = 0xf0, LAPIC_LINT0 = 0x350, LAPIC_LINT1 = 0x360 };
enum { SVR_ENABLED = 0x1ff, LVT_EXTINT = 0x700, LVT_NMI = 0x400, LVT_MASKED = 0x10000 };
enum { CR0_PE_ET = 0x11, FLAT_CODE = 0xc09b, FLAT_DATA = 0xc093, BUSY_TSS = 0x8b };

static void set_msr(struct cpu_state *st, u32 index, u64 value)
{
	for (u32 i = 0; i < st->msr_count; i++)
		if (st->msr[i].index == index)
			st->msr[i].value = value;
}

/* RAM is cached; the 2 GiB below 4 GiB, where devices are, are not. */
static void set_memory_types(struct cpu_state *st, unsigned phys_bits)
{
	set_msr(st, MTRR_BASE0, GIB(2) | MTRR_UNCACHED);
	set_msr(st, MTRR_MASK0, ((BIT64(phys_bits) - 1) & ~(GIB(2) - 1)) | MTRR_VALID);
	set_msr(st, MTRR_DEF_TYPE, MTRR_ENABLE | MTRR_WRITE_BACK);
}

/* "Virtual wire": the 8259 interrupts the first processor through LINT0, NMI all through LINT1. */
static void set_lapic(struct cpu_state *st, bool first)
{
	put_le32(st->lapic + LAPIC_SVR, SVR_ENABLED);
	put_le32(st->lapic + LAPIC_LINT0, first ? LVT_EXTINT : LVT_EXTINT | LVT_MASKED);
	put_le32(st->lapic + LAPIC_LINT1, LVT_NMI);
}

static void enter(struct cpu_state *st, const struct kernel_start *k)
{
	const struct cpu_seg data = { 0, ~0u, KERNEL_DS, FLAT_DATA };

	memset(st->gpr, 0, sizeof(st->gpr));
	st->gpr[0] = k->eax;
	st->gpr[3] = k->ebx;
	st->rip = k->entry;
	st->rflags = 2;
	st->cr0 = CR0_PE_ET;
	st->cr4 = 0;
	st->cs = (struct cpu_seg){ 0, ~0u, KERNEL_CS, FLAT_CODE };
	st->ds = st->es = st->fs = st->gs = st->ss = data;
	st->tr = (struct cpu_seg){ 0, 0x67, KERNEL_TR, BUSY_TSS };
	st->gdt = (struct cpu_seg){ .base = k->gdt, .limit = KERNEL_GDT - 1 };
}

static int set_up(struct vm *vm, unsigned i, const struct kernel_start *k, struct error *err)
{
	struct cpu_state *st = xnew(struct cpu_state);
	struct vcpu *v = vm->cpu[i].vcpu;
	int rc = vm->accel->cls->get_state(v, st, err);

	if (rc == 0) {
		set_memory_types(st, vm->board_cfg.phys_bits);
		set_lapic(st, i == 0);
		if (i == 0)
			enter(st, k);
		rc = vm->accel->cls->set_state(v, st, err);
	}
	free(st);
	return rc;
}

int vm_boot(struct vm *vm, struct error *err)
{
	struct kernel_start k;
	int rc;

	machine_lock(vm->machine);
	rc = vm->board_cls->boot(vm->board, &k, err);
	machine_unlock(vm->machine);
	if (rc <= 0)
		return rc;
	if (!vm->started)
		vm->accel->cls->pause(vm->accel); /* the clocks: all states are of one moment */
	rc = 0;
	for (unsigned i = 0; i < vm->vcpus && rc == 0; i++)
		rc = set_up(vm, i, &k, err);
	return rc;
}
