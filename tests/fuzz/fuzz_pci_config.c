/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function under arbitrary accesses. Input: records of op, where (le16), size, value (le32):
 * configuration, BAR, port and ECAM accesses, interrupts, resets, loads of a damaged state, and a
 * window that moves. After each, the page in ECAM must say what an access by an exit says.
 */
#include "base/bytes.h"
#include "bus/pci/pci_priv.h"
#include "core/machine.h"
#include "plat/event.h"
#include "test.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

enum { ECAM = 0xb0000000, DEVFN = 1 << 3 };

struct gadget {
	struct device dev;
	struct pci_dev pci;
	struct event bell;
	u16 cap; /* selector at 4: while it is odd, the data at 8 are computed */
	u32 reads;
};

static bool config_computed(const struct pci_dev *d)
{
	return d->config[((struct gadget *)d->dev)->cap + 4] & 1;
}
static void config_reading(struct pci_dev *d, unsigned off, unsigned len)
{
	struct gadget *g = d->dev;
	unsigned at = g->cap + 8;

	if (config_computed(d) && off < at + 4 && off + len > at)
		put_le32(d->config + at, ++g->reads);
}
static void config_written(struct pci_dev *d, unsigned off, unsigned len)
{
	struct gadget *g = d->dev;

	d->config[g->cap + 12] = (u8)(off + len);
}

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
	g->pci.dev = g;
	g->pci.config_reading = config_reading;
	g->pci.config_computed = config_computed;
	g->pci.config_written = config_written;
	CHECK(pci_add(bus, &g->pci, DEVFN, &ids, NULL) == 0);
	g->pci.config[PCI_INTERRUPT_PIN] = 1;
	CHECK(pci_add_bar(&g->pci, 0, 0, 0x1000, &bar_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 1, BAR_IO, 16, &bar_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 2, BAR_64, 0x4000, &bar_io, g, NULL) == 0);
	CHECK(pci_add_ram_bar(&g->pci, 4, BAR_64 | BAR_PREFETCH, vram, NULL) == 0);
	CHECK(pci_add_msix(&g->pci, 0, 0x800, 5, NULL) == 0);
	CHECK(pci_add_doorbell(&g->pci, 2, 0x3000, 2, &g->bell, NULL) == 0);
	g->cap = pci_add_cap(&g->pci, PCI_CAP_ID_VENDOR, 16);
	memset(g->pci.writable + g->cap + 4, 0xff, 8);
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

	switch (p[0] % 11) {
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
	case 10: pci_set_ecam(bus, (u64)val << 4 & ~0xfffull, (u64)at << 8); break;
	}
}

static void check_page(struct machine *m, struct pci_bus *bus, const struct gadget *g)
	needs(in_machine)
{
	const struct io_window *ecam = &bus->ecam;
	u64 off = (u64)DEVFN << 12;
	struct mem_range r;
	bool room = ecam->mapped && ecam->len >= off + PCI_CONFIG_SIZE;
	bool shown = room && mem_find(m->mem, VIEW_NORMAL, ecam->base + off, &r);

	/* BAR memory may lie over it. */
	if (shown && r.region->kind != REGION_ROM_DEVICE)
		return;
	CHECK(!shown || !config_computed(&g->pci));
	CHECK(shown || !room || g->pci.config_trapped);
	for (unsigned i = 0; shown && i < PCI_CONFIG_SIZE; i += 4)
		CHECK_EQ(le32_at(r.host + i), pci_config_read(bus, 0, DEVFN, i, 4));
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
	for (; len >= 8; data += 8, len -= 8) {
		step(m, bus, g, data);
		check_page(m, bus, g);
	}
	machine_unlock(m);
	machine_destroy(m);
	return 0;
}
