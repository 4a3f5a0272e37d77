/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the wires meet: PIRQs to the PIC by the routes that firmware sets. */
#include "core/machine.h"
#include "dev/legacy/legacy.h"
#include "machine/q35_priv.h"
#include "test.h"

static struct machine *m;
static struct pci_bus *bus;
static struct isa_bus isa;
static struct device *lpc;

static void to_lpc(void *chip, unsigned pirq, bool level) needs(in_machine)
{
	if (lpc)
		lpc_pirq_set(lpc, pirq, level);
}

static void start(void) enters(in_machine)
{
	struct irq pirq[8];
	struct device *pic;

	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_lock(m);
	isa.machine = m;
	for (unsigned i = 0; i < 8; i++)
		pirq[i] = (struct irq){ to_lpc, NULL, i };
	CHECK(pci_bus_create(&bus, m, pirq, NULL) == 0);
	pic = pic_create(&isa, (struct irq){ 0 }, NULL);
	lpc = lpc_create(bus, NULL);
	CHECK(pic && lpc);
	lpc_attach(lpc, pic, NULL, NULL);
}

static void stop(void) leaves(in_machine)
{
	machine_unlock(m);
	machine_destroy(m);
	lpc = NULL;
}

static void route(unsigned pirq, u8 to) needs(in_machine)
{
	unsigned reg = pirq < 4 ? 0x60 + pirq : 0x64 + pirq;

	pci_config_write(bus, 0, pci_devfn(31, 0), reg, 1, to);
}

/* Line 8-15 as the slave sees it: level-triggered, so that its request register shows the level. */
static bool slave_sees(unsigned line) needs(in_machine)
{
	io_write(m, IO_PORT, 0x4d1, 1, 1u << (line - 8));
	io_write(m, IO_PORT, 0xa0, 1, 0x0a);
	return io_read(m, IO_PORT, 0xa0, 1) >> (line - 8) & 1;
}

static void a_pirq_reaches_the_line_it_is_routed_to(void)
{
	start();
	lpc_pirq_set(lpc, 0, true);
	CHECK(!slave_sees(11));
	route(0, 11);
	CHECK(slave_sees(11));
	route(0, 10);
	CHECK(!slave_sees(11) && slave_sees(10));
	lpc_pirq_set(lpc, 5, true);
	route(5, 10);
	lpc_pirq_set(lpc, 0, false);
	CHECK(slave_sees(10)); /* shared: the other still holds it */
	lpc_pirq_set(lpc, 5, false);
	CHECK(!slave_sees(10));
	stop();
}

static void a_reset_leaves_no_line_behind(void)
{
	start();
	route(0, 11);
	lpc_pirq_set(lpc, 0, true);
	CHECK(slave_sees(11));
	/* The bridge is older than the devices: when they let go, its routes are gone. */
	device_reset_all(m, RESET_WARM);
	lpc_pirq_set(lpc, 0, false);
	CHECK(!slave_sees(11));
	stop();
}

int main(void)
{
	RUN(a_pirq_reaches_the_line_it_is_routed_to);
	RUN(a_reset_leaves_no_line_behind);
	return 0;
}
