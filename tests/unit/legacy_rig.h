/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/legacy_rig.h: a machine without CPUs for tests of dev/legacy: a hand-stepped clock,
 * sixteen watched ISA wires that lead to a PIC and an I/O APIC once these exist, and a CPU side
 * that writes down what reaches it.
 */
#pragma once

#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"
#include "test.h"

enum { RIG_MSIS = 64 };

struct rig {
	struct machine *m;
	struct isa_bus bus;
	struct device *pic, *ioapic;
	bool wire[16], intr, sci;
	unsigned rises[16]; /* times each wire rose */
	struct msi msi[RIG_MSIS];
	unsigned msis; /* may exceed RIG_MSIS: the first ones are kept */
	struct {
		struct msi msg;
		bool level, masked;
	} route[24];
	unsigned smis, resets, poweroffs;
	bool smi_all;
};

static inline void rig_wire(void *chip, unsigned pin, bool level) needs(in_machine)
{
	struct rig *r = chip;

	if (level && !r->wire[pin])
		r->rises[pin]++;
	r->wire[pin] = level;
	if (r->pic)
		pic_set(r->pic, pin, level);
	if (r->ioapic && pin != 2)
		ioapic_set(r->ioapic, pin ? pin : 2, level);
}

static inline void rig_intr(void *chip, unsigned pin UNUSED, bool level)
{
	((struct rig *)chip)->intr = level;
}

static inline void rig_sci(void *chip, unsigned pin UNUSED, bool level)
{
	((struct rig *)chip)->sci = level;
}

static inline void rig_msi(void *cpus, struct msi msg)
{
	struct rig *r = cpus;

	if (r->msis < RIG_MSIS)
		r->msi[r->msis] = msg;
	r->msis++;
}

static inline void rig_route(void *cpus, unsigned pin, struct msi msg, bool level, bool masked)
{
	struct rig *r = cpus;

	CHECK(pin < 24);
	r->route[pin].msg = msg;
	r->route[pin].level = level;
	r->route[pin].masked = masked;
}

static inline void rig_smi(void *cpus, bool all)
{
	struct rig *r = cpus;

	r->smis++;
	r->smi_all = all;
}

static inline void rig_request(void *arg, enum machine_request what)
{
	struct rig *r = arg;

	r->resets += what == REQUEST_RESET;
	r->poweroffs += what == REQUEST_POWEROFF;
}

static const struct cpu_ops rig_cpu_ops = {
	.msi_send = rig_msi,
	.ioapic_route = rig_route,
	.smi = rig_smi,
};

/* Zeroes and fills @r; the machine is locked until rig_stop(). */
static inline void rig_start(struct rig *r) enters(in_machine)
{
	struct machine *m;

	memset(r, 0, sizeof(*r));
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	r->m = m;
	r->bus.machine = m;
	for (unsigned i = 0; i < 16; i++)
		r->bus.irq[i] = (struct irq){ rig_wire, r, i };
	m->request = rig_request;
	m->request_arg = r;
	machine_attach_cpus(m, &rig_cpu_ops, r);
	machine_lock(m);
}

static inline void rig_stop(struct rig *r) leaves(in_machine)
{
	machine_unlock(r->m);
	machine_destroy(r->m);
}

static inline struct irq rig_intr_wire(struct rig *r)
{
	return (struct irq){ rig_intr, r, 0 };
}

static inline struct irq rig_sci_wire(struct rig *r)
{
	return (struct irq){ rig_sci, r, 0 };
}

static inline void outb(struct rig *r, u16 port, u8 val) needs(in_machine)
{
	io_write(r->m, IO_PORT, port, 1, val);
}

static inline u8 inb(struct rig *r, u16 port) needs(in_machine)
{
	return (u8)io_read(r->m, IO_PORT, port, 1);
}
