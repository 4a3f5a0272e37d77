/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine/q35_priv.h: the two chipset functions of the q35 board and how it wires interrupts. */
#pragma once

#include "bus/isa/isa.h"
#include "bus/pci/pci.h"
#include "core/device.h"

/*
 * Host bridge 00:00.0, 8086:29c0 (Intel 3 Series MCH, 316966): PCIEXBAR places ECAM, PAM is stored.
 * With @smm also TSEG of @tseg bytes below @low_end, hidden from code outside SMM while T_EN is on.
 */
struct device *mch_create(struct pci_bus *bus, bool smm, gpa_t low_end, struct error *err)
	needs(in_machine);
gpa_t mch_ecam(struct device *mch, u64 *size); /* 0: off */

/*
 * LPC bridge 00:1f.0, 8086:2918 (Intel ICH9, 316972): PMBASE, ACPI enable, PIRQ routing. It is also
 * where wires meet: ISA lines go to the PIC and the I/O APIC, PIRQ A-H to I/O APIC pins 16-23 and,
 * where a route is on, to the PIC.
 */
struct device *lpc_create(struct pci_bus *bus, struct error *err) needs(in_machine);
void lpc_attach(struct device *lpc, struct device *pic, struct device *ioapic, struct device *pm);
void lpc_isa_set(void *lpc, unsigned line, bool level) needs(in_machine);
void lpc_pirq_set(void *lpc, unsigned pirq, bool level) needs(in_machine);

/*
 * What firmware may ask of SMIs by the fw_cfg files etc/smi/...: that a write to APM interrupts all
 * vCPUs, not only its own.
 */
struct device *smi_features_create(struct machine *m, struct device *pm, struct device *fw_cfg,
				   struct error *err) needs(in_machine);

/* Program the chipset as a BIOS would have left it: ECAM, PM block, interrupt routing, 8259s. */
void post_chipset(struct machine *m) needs(in_machine);
enum { POST_PM_BASE = 0x600 };
#define POST_ECAM 0xb0000000u
#define POST_ECAM_SIZE MIB(256)

enum { TSEG_BYTES = 8 << 20 };
