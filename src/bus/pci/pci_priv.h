/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus/pci/pci_priv.h: the bus itself, and the calls between the files of this folder. */
#pragma once

#include "bus/pci/pci.h"
#include "bus/pci/pci_abi.h"
#include "core/device.h"

/* Below every fixed window and below RAM, so that a BAR put over them hides nothing. */
enum { PCI_BAR_PRIORITY = -1 };

struct pci_bus {
	struct device dev;
	struct pci_dev *fn[PCI_FUNCTIONS];
	struct irq intx[8];
	u16 asserted[8]; /* functions that hold the wire high */
	u32 address;     /* CF8 */
	struct io_window address_window, data_window, ecam;
	struct region *pages;               /* backs those below; never shown itself */
	struct region *page[PCI_FUNCTIONS]; /* made with the first function there */
};

static inline u16 pci_command(const struct pci_dev *d)
{
	return (u16)(d->config[PCI_COMMAND] | d->config[PCI_COMMAND + 1] << 8);
}

/* config.c */
int pci_map_ports(struct pci_bus *bus, struct error *err) needs(in_machine);

/* bar.c: show, hide or move what the BARs and the command register now say. */
void pci_bars_update(struct pci_dev *d) needs(in_machine);
void pci_bars_hide(struct pci_dev *d) needs(in_machine);

/* page.c: the copies of configuration space that the guest reads in ECAM. */
int pci_pages_create(struct pci_bus *bus, struct error *err) needs(in_machine) MUST_CHECK;
int pci_page_add(struct pci_bus *bus, u8 devfn, struct error *err) needs(in_machine) MUST_CHECK;
void pci_page_hide(struct pci_bus *bus, u8 devfn) needs(in_machine);
/* As pci_config_changed(), when it is only the command or status register. */
void pci_status_changed(struct pci_dev *d) needs(in_machine);

/* pci.c: drive the wire as pci_dev.intx, the command register and MSI-X say. */
void pci_intx_update(struct pci_dev *d) needs(in_machine);

/* msix.c: take over the control word and the bus master bit; send what may now be sent. */
void pci_msix_update(struct pci_dev *d) needs(in_machine);
void pci_msix_reset(struct pci_dev *d) needs(in_machine);
void pci_msix_loaded(struct pci_dev *d) needs(in_machine);
