/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/legacy.h: constructors of the PC devices. The machine owns what they return; NULL with
 * @err filled when the ports are taken.
 */
#pragma once

#include "base/error.h"
#include "core/irq.h"

struct chr;
struct device;
struct isa_bus;
struct machine;
struct pci_bus;

/*
 * The two 8259A controllers at 20/21, A0/A1 and 4D0/4D1. @intr follows the INTR line; the machine's
 * intc.ack is set to it. pic_set() is the input of line 0-15.
 */
struct device *pic_create(struct isa_bus *bus, struct irq intr, struct error *err)
	needs(in_machine);
void pic_set(void *pic, unsigned line, bool level) needs(in_machine);

/*
 * 24 pins at FEC00000, 82093AA with the version 20h EOI register; sets the machine's intc.eoi.
 * ioapic_set() says that input @pin is asserted: wires carry no polarity. Several sources of one
 * pin must be joined by their owner.
 */
struct device *ioapic_create(struct machine *m, struct error *err) needs(in_machine);
void ioapic_set(void *ioapic, unsigned pin, bool level) needs(in_machine);

/* 8254 at 40-43 and the speaker port 61; channel 0 on ISA line 0. */
struct device *pit_create(struct isa_bus *bus, struct error *err) needs(in_machine);

/*
 * MC146818 clock and 128 bytes of CMOS at 70/71, line 8. It shows the machine clock's wall time,
 * which the owner shifts for a local-time guest, until the guest sets another. @ram_low and
 * @ram_high, bytes below and above 4 GiB, go to 34/35 and 5B-5D for firmware; platform.md 3.
 */
struct device *rtc_create(struct isa_bus *bus, u64 ram_low, u64 ram_high, struct error *err)
	needs(in_machine);

/*
 * 16550A UART @com (1 or 2: 3F8 line 4, 2F8 line 3). Takes @chr, also on failure; NULL is a port
 * with no cable. The chr's callbacks take the machine lock: feed it from outside of it.
 */
struct device *serial_create(struct isa_bus *bus, unsigned com, struct chr *chr, struct error *err)
	needs(in_machine);

/*
 * ICH9's power management block (PM1, timer, GPE0, SMI_EN, APM B2/B3); shown at the base that the
 * LPC function holds. @sci follows STS & EN. S5 (SLP_TYP 0) asks the machine for power-off.
 */
struct device *pm_create(struct machine *m, struct irq sci, bool smm, struct error *err)
	needs(in_machine);
void pm_set_base(struct device *pm, u16 base, bool enabled) needs(in_machine);
void pm_lock_smi(struct device *pm) needs(in_machine); /* GEN_PMCON_1 SMI_LOCK */
/* APM SMIs go to all vCPUs, or to the writing one only (after reset): fw_cfg etc/smi/features. */
void pm_smi_all(struct device *pm, bool all) needs(in_machine);
void pm_power_button(struct device *pm) needs(in_machine);
/* General purpose event @n (0-15) happened; asserts the SCI where the guest enabled it. */
void pm_gpe(struct device *pm, unsigned n) needs(in_machine);

/* Reset control CF9, fast A20 and INIT port 92. */
struct device *reset_create(struct isa_bus *bus, struct error *err) needs(in_machine);

/*
 * 8042 keyboard controller at 60/64, lines 1 and 12, with nothing plugged in yet: bytes for a
 * keyboard or mouse time out.
 */
struct device *i8042_create(struct isa_bus *bus, struct error *err) needs(in_machine);

/*
 * What bare-metal test suites expect: the list is in testdev.c. A write to F4 ends the program with
 * machine_request_exit(). Line @n is moved as the suite says, whatever the devices that share it
 * do.
 */
enum { TESTDEV_LINES = 24 };
struct device *testdev_create(struct machine *m, const struct irq line[TESTDEV_LINES],
			      struct error *err) needs(in_machine);

/* Bytes written to @port go to @chr (takes it, also on failure; may be NULL); reads give E9. */
struct device *debugcon_create(struct isa_bus *bus, u16 port, struct chr *chr, struct error *err)
	needs(in_machine);
