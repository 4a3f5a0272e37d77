/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI-X: the table, three kinds of mask, pending bits, state. */
#include "bus/pci/pci.h"

#include "base/bytes.h"
#include "bus/pci/pci_abi.h"
#include "core/machine.h"
#include "test.h"

enum { DEVFN = 5 << 3, BASE = 0xe0000000, VECTORS = 3, PBA = BASE + 16 * VECTORS };

static struct msi sent[16];
static unsigned n_sent;

static void take_msi(void *cpus, struct msi msg)
{
	CHECK(n_sent < ARRAY_LEN(sent));
	sent[n_sent++] = msg;
}

static u8 wire[8];
static void wire_set(void *chip, unsigned pin, bool level)
{
	wire[pin] = level;
}

static u64 no_read(void *dev, u64 off, unsigned size)
{
	return 0xee;
}
static void no_write(void *dev, u64 off, unsigned size, u64 val)
{
}
static const struct io_ops no_io = { .read = no_read, .write = no_write };

struct gadget {
	struct device dev;
	struct pci_dev pci;
};
static const struct field fields[] = { FIELD_SUB(struct gadget, pci, pci_fields), FIELD_END };

static void reset(struct device *d, enum reset_kind kind) needs(in_machine)
{
	pci_reset(&container_of(d, struct gadget, dev)->pci);
}
static int loaded(struct device *d, struct error *err) needs(in_machine)
{
	return pci_loaded(&container_of(d, struct gadget, dev)->pci, err);
}
static void destroy(struct device *d)
{
	free(container_of(d, struct gadget, dev));
}
static const struct device_class cls = { "gadget", fields, reset, loaded, destroy };

static struct machine *m;
static struct pci_bus *bus;
static struct pci_dev *d;
static u16 control; /* offset of the MSI-X control word */

static void cfg(unsigned off, u16 val) needs(in_machine)
{
	pci_config_write(bus, 0, DEVFN, off, 2, val);
}

static void begin(void) enters(in_machine)
{
	static const struct cpu_ops ops = { .msi_send = take_msi };
	static const struct pci_ids ids = { 0x1234, 0x5678, 0, 0, 0xff0000, 0 };
	struct gadget *g = calloc(1, sizeof(*g));
	struct irq irq[8];

	for (unsigned i = 0; i < 8; i++)
		irq[i] = (struct irq){ wire_set, NULL, i };
	n_sent = 0;
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_attach_cpus(m, &ops, NULL);
	machine_lock(m);
	CHECK(pci_bus_create(&bus, m, irq, NULL) == 0);
	d = &g->pci;
	CHECK(pci_add(bus, d, DEVFN, &ids, NULL) == 0);
	d->config[PCI_INTERRUPT_PIN] = 1;
	CHECK(pci_add_bar(d, 0, 0, 0x1000, &no_io, NULL, NULL) == 0);
	CHECK(pci_add_msix(d, 0, 0xff0, 3, NULL) < 0);
	CHECK(pci_add_msix(d, 1, 0, 3, NULL) < 0);
	CHECK(pci_add_msix(d, 0, 0, 65, NULL) < 0);
	CHECK(pci_add_msix(d, 0, 0, VECTORS, NULL) == 0);
	device_add(m, &g->dev, &cls, "gadget");
	reset(&g->dev, RESET_POWER_ON);
	control = d->msix_cap + 2;
	pci_config_write(bus, 0, DEVFN, 0x10, 4, BASE);
	cfg(4, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void end(void) leaves(in_machine)
{
	machine_unlock(m);
	machine_destroy(m);
}

static void set_vector(unsigned v, u64 addr, u32 data, u32 masked) needs(in_machine)
{
	io_write(m, IO_MMIO, BASE + 16 * v, 8, addr);
	io_write(m, IO_MMIO, BASE + 16 * v + 8, 4, data);
	io_write(m, IO_MMIO, BASE + 16 * v + 12, 4, masked);
}

static void the_table_is_read_and_written_by_any_size(void)
{
	begin();
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 12, 4), 1); /* masked at first */
	set_vector(1, 0xfee01003, 0x4567, 0xfffffffe);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 16, 4), 0xfee01000);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 20, 4), 0);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 24, 8), 0x4567);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 25, 1), 0x45);
	io_write(m, IO_MMIO, BASE + 20, 4, 0x12);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 16, 8), 0x12fee01000);
	io_write(m, IO_MMIO, BASE + 24, 8, 0x100000089);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 24, 8), 0x100000089);
	CHECK_EQ(io_read(m, IO_MMIO, PBA, 8), 0);
	io_write(m, IO_MMIO, PBA, 8, ~0ull);
	CHECK_EQ(io_read(m, IO_MMIO, PBA, 8), 0);
	CHECK_EQ(io_read(m, IO_MMIO, PBA + 8, 1), 0xee); /* the BAR's own registers follow */
	CHECK_EQ(pci_config_read(bus, 0, DEVFN, control, 2), VECTORS - 1);
	CHECK_EQ(pci_config_read(bus, 0, DEVFN, control + 2, 4), 0);
	CHECK_EQ(pci_config_read(bus, 0, DEVFN, control + 6, 4), 16 * VECTORS);
	end();
}

static void a_vector_sends_its_message_once_enabled(void)
{
	begin();
	set_vector(2, 0xfee00000, 0x31, 0);
	pci_msix_notify(d, 2);
	CHECK_EQ(n_sent, 0); /* off: forgotten */
	cfg(control, PCI_MSIX_ENABLE);
	CHECK(pci_msix_enabled(d));
	CHECK_EQ(n_sent, 0);
	pci_msix_notify(d, 2);
	CHECK_EQ(n_sent, 1);
	CHECK_EQ(sent[0].addr, 0xfee00000);
	CHECK_EQ(sent[0].data, 0x31);
	pci_msix_notify(d, VECTORS);
	pci_msix_notify(d, 0xffff);
	CHECK_EQ(n_sent, 1);
	end();
}

static void masked_vectors_pend_and_are_sent_once(void)
{
	begin();
	cfg(control, PCI_MSIX_ENABLE);
	set_vector(0, 0xfee00000, 0x30, 1);
	set_vector(1, 0xfee00000, 0x31, 0);
	pci_msix_notify(d, 0);
	pci_msix_notify(d, 0);
	CHECK_EQ(n_sent, 0);
	CHECK_EQ(io_read(m, IO_MMIO, PBA, 4), 1);
	io_write(m, IO_MMIO, BASE + 12, 4, 0);
	CHECK_EQ(n_sent, 1);
	CHECK_EQ(sent[0].data, 0x30);
	CHECK_EQ(io_read(m, IO_MMIO, PBA, 4), 0);
	/* The function mask covers all; the address may change while it does. */
	cfg(control, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	pci_msix_notify(d, 1);
	CHECK_EQ(n_sent, 1);
	set_vector(1, 0xfee02000, 0x41, 0);
	CHECK_EQ(n_sent, 1);
	cfg(control, PCI_MSIX_ENABLE);
	CHECK_EQ(n_sent, 2);
	CHECK_EQ(sent[1].addr, 0xfee02000);
	CHECK_EQ(sent[1].data, 0x41);
	end();
}

static void nothing_is_sent_without_bus_master(void)
{
	begin();
	cfg(control, PCI_MSIX_ENABLE);
	set_vector(0, 0xfee00000, 0x30, 0);
	cfg(4, PCI_COMMAND_MEMORY);
	pci_msix_notify(d, 0);
	CHECK_EQ(n_sent, 0);
	cfg(4, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(n_sent, 1);
	end();
}

static void turning_it_off_or_resetting_forgets(void)
{
	begin();
	cfg(control, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	set_vector(0, 0xfee00000, 0x30, 0);
	pci_msix_notify(d, 0);
	cfg(control, 0);
	cfg(control, PCI_MSIX_ENABLE);
	CHECK_EQ(n_sent, 0);
	cfg(control, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	pci_msix_notify(d, 0);
	device_reset_all(m, RESET_WARM);
	CHECK(!pci_msix_enabled(d));
	pci_config_write(bus, 0, DEVFN, 0x10, 4, BASE);
	cfg(4, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(io_read(m, IO_MMIO, BASE, 8), 0);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 12, 4), 1);
	CHECK_EQ(io_read(m, IO_MMIO, PBA, 8), 0);
	CHECK_EQ(n_sent, 0);
	end();
}

static void intx_is_quiet_while_msix_is_enabled(void)
{
	begin();
	pci_intx(d, true);
	CHECK_EQ(wire[5], 1);
	cfg(control, PCI_MSIX_ENABLE);
	CHECK_EQ(wire[5], 0);
	cfg(control, 0);
	CHECK_EQ(wire[5], 1);
	pci_intx(d, false);
	CHECK_EQ(wire[5], 0);
	end();
}

static void the_table_moves_with_its_bar(void)
{
	begin();
	set_vector(0, 0xfee00000, 0x30, 1);
	pci_config_write(bus, 0, DEVFN, 0x10, 4, BASE + 0x1000);
	CHECK_EQ(io_read(m, IO_MMIO, BASE, 4), 0xffffffff);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 0x1000, 4), 0xfee00000);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 0x1000 + 16 * VECTORS, 4), 0);
	cfg(4, 0);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 0x1000, 4), 0xffffffff);
	end();
}

static void pending_vectors_survive_a_save(void)
{
	struct str s = { 0 };

	begin();
	cfg(control, PCI_MSIX_ENABLE);
	set_vector(0, 0xfee00000, 0x30, 1);
	pci_msix_notify(d, 0);
	d->msix_pending |= 1ull << 40; /* damage that a file may have */
	d->msix[1].control = 0xffffffff;
	device_save_all(m, &s);
	device_reset_all(m, RESET_POWER_ON);
	CHECK(device_load_all(m, (u8 *)s.at, s.len, NULL) == 0);
	CHECK_EQ(io_read(m, IO_MMIO, PBA, 8), 1);
	CHECK_EQ(io_read(m, IO_MMIO, BASE + 28, 4), 1);
	io_write(m, IO_MMIO, BASE + 12, 4, 0);
	CHECK_EQ(n_sent, 1);
	str_free(&s);
	end();
}

int main(void)
{
	RUN(the_table_is_read_and_written_by_any_size);
	RUN(a_vector_sends_its_message_once_enabled);
	RUN(masked_vectors_pend_and_are_sent_once);
	RUN(nothing_is_sent_without_bus_master);
	RUN(turning_it_off_or_resetting_forgets);
	RUN(intx_is_quiet_while_msix_is_enabled);
	RUN(the_table_moves_with_its_bar);
	RUN(pending_vectors_survive_a_save);
	return 0;
}
