/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/irq.h: a wire from a device to an interrupt controller, and a message-signalled one. */
#pragma once

#include "base/types.h"

struct machine;

struct irq {
	void (*set)(void *chip, unsigned pin, bool level); /* [in_machine] */
	void *chip;
	unsigned pin;
};

static inline void irq_set(const struct irq *q, bool level) needs(in_machine)
{
	if (q->set)
		q->set(q->chip, q->pin, level);
}

/* A short high pulse, for edge-triggered inputs. */
static inline void irq_pulse(const struct irq *q) needs(in_machine)
{
	irq_set(q, true);
	irq_set(q, false);
}

/* A write of @data to @addr as a device does it; Intel SDM 3A 11.11. */
struct msi {
	u64 addr;
	u32 data;
};

/* Deliver to the local APICs of whichever CPU backend runs the machine. Any thread. */
void msi_send(struct machine *m, struct msi msg);
