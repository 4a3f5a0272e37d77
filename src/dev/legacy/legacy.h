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

/* 24 pins at FEC00000, 82093AA with the version 20h EOI register; sets the machine's intc.eoi. */
struct device *ioapic_create(struct machine *m, struct error *err) needs(in_machine);
void ioapic_set(void *ioapic, unsigned pin, bool level) needs(in_machine);

/* 8254 at 40-43 and the speaker port 61; channel 0 on ISA line 0. */
struct device *pit_create(struct isa_bus *bus, struct error *err) needs(in_machine);

/*
 * MC146818 clock and 128 bytes of CMOS at 70/71, line 8. With @local the clock shows the host's
 * local time, else UTC; platform.md 3. RAM sizes go to 34/35 and 5B-5D for firmware.
 */
struct device *rtc_create(struct isa_bus *bus, bool local, u64 ram_low, u64 ram_high,
			  struct error *err) needs(in_machine);

/* 16550A UART @com (1 or 2: 3F8 line 4, 2F8 line 3). Takes @chr; NULL: nothing there. */
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
void pm_power_button(struct device *pm) needs(in_machine);
/* General purpose event @n (0-15) happened; asserts the SCI where the guest enabled it. */
void pm_gpe(struct device *pm, unsigned n) needs(in_machine);

/* Reset control CF9, fast A20 and INIT port 92. */
struct device *reset_create(struct isa_bus *bus, struct error *err) needs(in_machine);

/* 8042 keyboard controller at 60/64 without a keyboard or mouse attached yet; lines 1 and 12. */
struct device *i8042_create(struct isa_bus *bus, struct error *err) needs(in_machine);

/* Bytes written to @port go to @chr (takes it); reads give @probe. Firmware debug logs: 402, E9. */
struct device *debugcon_create(struct isa_bus *bus, u16 port, struct chr *chr, struct error *err)
	needs(in_machine);
