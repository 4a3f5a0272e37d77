/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function under arbitrary accesses. Input: records of op, where (le16), size, value (le32):
 * configuration, BAR, port and ECAM accesses, interrupts, resets, and loads of a damaged state.
 */
#include "base/bytes.h"
#include "bus/pci/pci.h"
#include "bus/pci/pci_abi.h"
#include "core/machine.h"
#include "plat/event.h"
#include "test.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

enum { ECAM = 0xb0000000, DEVFN = 1 << 3 };

struct gadget {
	struct device dev;
	struct pci_dev pci;
	struct event bell;
};

static void wire(void *chip, unsigned pin, bool level)
{
}
static void take_msi(void *cpus, struct msi msg)
{
}
static u64 bar_read(void *dev, u64 off, unsigned size)
{
	return off;
}
static void bar_write(void *dev, u64 off, unsigned size, u64 val)
{
}
static const struct io_ops bar_io = { .read = bar_read, .write = bar_write };

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
	struct gadget *g = container_of(d, struct gadget, dev);

	event_finish(&g->bell);
	free(g);
}
static const struct device_class cls = { "gadget", fields, reset, loaded, destroy };

static struct gadget *make(struct pci_bus *bus, struct region *vram) needs(in_machine)
{
	static const struct pci_ids ids = { 0x1234, 0x5678, 0, 0, 0xff0000, 0 };
	struct gadget *g = calloc(1, sizeof(*g));

	CHECK(event_init(&g->bell, NULL) == 0);
	CHECK(pci_add(bus, &g->pci, DEVFN, &ids, NULL) == 0);
	g->pci.config[PCI_INTERRUPT_PIN] = 1;
	CHECK(pci_add_bar(&g->pci, 0, 0, 0x1000, &bar_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 1, BAR_IO, 16, &bar_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 2, BAR_64, 0x4000, &bar_io, g, NULL) == 0);
	CHECK(pci_add_ram_bar(&g->pci, 4, BAR_64 | BAR_PREFETCH, vram, NULL) == 0);
	CHECK(pci_add_msix(&g->pci, 0, 0x800, 5, NULL) == 0);
	CHECK(pci_add_doorbell(&g->pci, 2, 0x3000, 2, &g->bell, NULL) == 0);
	device_add(pci_machine(bus), &g->dev, &cls, "gadget");
	reset(&g->dev, RESET_POWER_ON);
	return g;
}

static void load_damaged(struct machine *m, u16 at, u32 val) needs(in_machine)
{
	struct str s = { 0 };
	struct error err;

	device_save_all(m, &s);
	s.at[at % s.len] = (char)val;
	if (device_load_all(m, (u8 *)s.at, s.len, &err) < 0)
		device_reset_all(m, RESET_POWER_ON);
	str_free(&s);
}

static void step(struct machine *m, struct pci_bus *bus, struct gadget *g, const u8 *p)
	needs(in_machine)
{
	u16 at = le16_at(p + 1);
	unsigned size = 1u << (p[3] & 3), small = size > 4 ? 4 : size;
	u32 val = le32_at(p + 4);

	switch (p[0] % 10) {
	case 0: pci_config_write(bus, 0, DEVFN, at & 0xfff, small, val); break;
	case 1: pci_config_write(bus, 0, DEVFN, at % 64, small, val); break;
	case 2: (void)pci_config_read(bus, p[3] >> 7, (u8)val, at, small); break;
	case 3: io_write(m, IO_MMIO, g->pci.bar[p[3] >> 5 & 3].at + at % 0x4000, size, val); break;
	case 4: (void)io_read(m, IO_MMIO, g->pci.bar[p[3] >> 5 & 3].at + at % 0x4000, size); break;
	case 5: io_write(m, IO_PORT, 0xcf8 + at % 8, small, val); break;
	case 6: (void)io_read(m, IO_PORT, 0xcf8 + at % 8, small); break;
	case 7: io_write(m, IO_MMIO, ECAM + ((u64)DEVFN << 12) + at, size, val); break;
	case 8:
		pci_msix_notify(&g->pci, at % 8);
		pci_intx(&g->pci, val & 1);
		break;
	case 9:
		if (val & 1)
			load_damaged(m, at, val);
		else
			device_reset_all(m, RESET_WARM);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static const struct cpu_ops ops = { .msi_send = take_msi };
	struct irq irq[8] = { { wire, NULL, 0 } };
	struct region *vram;
	struct machine *m;
	struct pci_bus *bus;
	struct gadget *g;

	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_attach_cpus(m, &ops, NULL);
	machine_lock(m);
	CHECK(mem_add(&vram, m->mem, "vram", REGION_RAM, 0, 0x4000, 0, 0, NULL) == 0);
	CHECK(pci_bus_create(&bus, m, irq, NULL) == 0);
	pci_set_ecam(bus, ECAM, MIB(256));
	g = make(bus, vram);
	for (; len >= 8; data += 8, len -= 8)
		step(m, bus, g, data);
	machine_unlock(m);
	machine_destroy(m);
	return 0;
}
