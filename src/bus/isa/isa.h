/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus/isa/isa.h: the sixteen interrupt wires and fixed ports of the LPC bridge. */
#pragma once

#include "base/error.h"
#include "core/io.h"
#include "core/irq.h"

struct machine;

/*
 * irq[n] raises ISA line n: the board points each at the PIC and the I/O APIC together. Lines idle
 * low; edge-triggered unless the board says otherwise.
 */
struct isa_bus {
	struct machine *machine;
	struct irq irq[16];
};

/* Map @len ports at @port; fills @w. */
int isa_map(struct isa_bus *bus, struct io_window *w, u16 port, u16 len, const struct io_ops *ops,
	    void *dev, struct error *err) needs(in_machine);
