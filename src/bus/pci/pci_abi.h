/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus/pci/pci_abi.h: configuration header and MSI-X layout. PCI Local Bus 3.0, 6.1, 6.8.2. */
#pragma once

enum {
	PCI_CONFIG_SIZE = 4096, /* with the extended space; PCI_LEGACY_SIZE without */
	PCI_LEGACY_SIZE = 256,

	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION_ID = 0x08,
	PCI_CLASS_CODE = 0x09,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
	PCI_SUBSYSTEM_ID = 0x2e,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d, /* 1 to 4: INTA to INTD; set by the device */
	PCI_HEADER_END = 0x40,
};

enum {
	PCI_COMMAND_IO = 1 << 0,
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_PARITY = 1 << 6,
	PCI_COMMAND_SERR = 1 << 8,
	PCI_COMMAND_INTX_DISABLE = 1 << 10,

	PCI_STATUS_INTERRUPT = 1 << 3,
	PCI_STATUS_CAP_LIST = 1 << 4,
	PCI_STATUS_W1C = 0xf900, /* the error bits */

	PCI_HEADER_MULTIFUNCTION = 0x80,
};

enum { PCI_CAP_ID_VENDOR = 0x09, PCI_CAP_ID_MSIX = 0x11 };

/* MSI-X capability (offsets from its start) and table entries. */
enum {
	PCI_MSIX_CONTROL = 2, /* bits 10:0 table size - 1 */
	PCI_MSIX_TABLE = 4,
	PCI_MSIX_PBA = 8,
	PCI_MSIX_LEN = 12,
	PCI_MSIX_FUNCTION_MASK = 0x4000,
	PCI_MSIX_ENABLE = 0x8000,
	PCI_MSIX_ENTRY_LEN = 16,
	PCI_MSIX_ENTRY_MASKED = 1,
};
