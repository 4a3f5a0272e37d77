/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/vcpu.c: the names of the exits. */
#include "cpu/vcpu.h"

const char *const exit_names[N_EXIT_KINDS] = {
	[EXIT_PORT_READ] = "port_read",
	[EXIT_PORT_WRITE] = "port_write",
	[EXIT_MMIO_READ] = "mmio_read",
	[EXIT_MMIO_WRITE] = "mmio_write",
	[EXIT_MSR_READ] = "msr_read",
	[EXIT_MSR_WRITE] = "msr_write",
	[EXIT_HALT] = "halt",
	[EXIT_INTR_WINDOW] = "intr_window",
	[EXIT_IOAPIC_EOI] = "ioapic_eoi",
	[EXIT_HYPERV] = "hyperv",
	[EXIT_SYSTEM] = "system",
	[EXIT_KICK] = "kick",
	[EXIT_OTHER] = "other",
};
