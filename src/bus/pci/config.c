/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bus/pci/config.c: configuration accesses, by ports CF8-CFF and by the ECAM window.
 * PCI Local Bus 3.0, 3.2.2.3.2 and 6; PCI Express 4.0, 7.2.2.
 */
#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "bus/pci/pci_priv.h"
#include "core/machine.h"

enum { CF8_ENABLE = 1u << 31, CF8_WRITABLE = 0x80fffffc };

static struct pci_dev *function_at(struct pci_bus *bus, u8 busnr, u8 devfn)
{
	return busnr == 0 ? bus->fn[devfn] : NULL;
}

static bool touches(unsigned off, unsigned size, unsigned reg, unsigned len)
{
	return off < reg + len && reg < off + size;
}

u32 pci_config_read(struct pci_bus *bus, u8 busnr, u8 devfn, unsigned off, unsigned size)
{
	struct pci_dev *d = function_at(bus, busnr, devfn);

	if (!d || off > PCI_CONFIG_SIZE - size)
		return (u32)ones(size);
	if (d->config_reading)
		d->config_reading(d, off, size);
	/* Extended space without capabilities is zeros, not ones: Windows' pci.sys walks ones. */
	return (u32)le_at(d->config + off, size);
}

void pci_config_write(struct pci_bus *bus, u8 busnr, u8 devfn, unsigned off, unsigned size, u32 val)
{
	struct pci_dev *d = function_at(bus, busnr, devfn);

	if (!d || off > PCI_CONFIG_SIZE - size)
		return;
	for (unsigned i = 0; i < size; i++) {
		u8 v = (u8)(val >> (8 * i)), w = d->writable[off + i], *c = &d->config[off + i];

		*c = (u8)((*c & ~w) | (v & w));
		*c &= (u8) ~(v & d->w1c[off + i]);
	}
	if (touches(off, size, PCI_COMMAND, 2) || touches(off, size, PCI_BAR0, 4 * PCI_BARS))
		pci_bars_update(d);
	pci_config_changed(d);
	if (touches(off, size, PCI_COMMAND, 2) ||
	    (d->msix_cap && touches(off, size, d->msix_cap + PCI_MSIX_CONTROL, 2))) {
		pci_msix_update(d);
		pci_intx_update(d);
	}
	if (d->config_written) {
		d->config_written(d, off, size);
		pci_config_changed(d);
	}
}

u16 pci_add_cap(struct pci_dev *d, u8 id, u8 len)
{
	u16 at = d->next_cap;

	assert(at + len <= PCI_LEGACY_SIZE);
	d->config[at] = id;
	d->config[d->last_cap ? d->last_cap + 1 : PCI_CAPABILITIES] = (u8)at;
	d->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	d->last_cap = at;
	d->next_cap = (u16)ALIGN_UP(at + len, 4);
	pci_config_changed(d);
	return at;
}

static u64 ecam_read(void *dev, u64 off, unsigned size) needs(in_machine)
{
	return pci_config_read(dev, (u8)(off >> 20), (u8)(off >> 12), off & 0xfff, size);
}

static void ecam_write(void *dev, u64 off, unsigned size, u64 val) needs(in_machine)
{
	pci_config_write(dev, (u8)(off >> 20), (u8)(off >> 12), off & 0xfff, size, (u32)val);
}

static const struct io_ops ecam_io = {
	.read = ecam_read,
	.write = ecam_write,
	.max = 4,
	.unaligned = true,
};

void pci_set_ecam(struct pci_bus *bus, gpa_t base, u64 size)
{
	struct machine *m = bus->dev.machine;

	mem_begin(m->mem);
	io_unmap(m, &bus->ecam);
	bus->ecam.base = base;
	bus->ecam.len = size;
	if (size && size <= ~0ull - base)
		io_move(m, &bus->ecam, base);
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++)
		if (bus->fn[i])
			pci_config_changed(bus->fn[i]);
	mem_commit(m->mem);
}

static u64 address_read(void *dev, u64 off, unsigned size)
{
	struct pci_bus *bus = dev;

	return off == 0 && size == 4 ? bus->address : ones(size);
}

/* Only whole dwords reach the register; other sizes are ordinary port accesses. */
static void address_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct pci_bus *bus = dev;

	if (off == 0 && size == 4)
		bus->address = (u32)val & CF8_WRITABLE;
}

static u64 data_read(void *dev, u64 off, unsigned size) needs(in_machine)
{
	struct pci_bus *bus = dev;
	u32 a = bus->address;

	if (!(a & CF8_ENABLE))
		return ones(size);
	return pci_config_read(bus, (u8)(a >> 16), (u8)(a >> 8), (a & 0xfc) + (unsigned)off, size);
}

static void data_write(void *dev, u64 off, unsigned size, u64 val) needs(in_machine)
{
	struct pci_bus *bus = dev;
	u32 a = bus->address;

	if (a & CF8_ENABLE)
		pci_config_write(bus, (u8)(a >> 16), (u8)(a >> 8), (a & 0xfc) + (unsigned)off, size,
				 (u32)val);
}

static const struct io_ops address_io = {
	.read = address_read,
	.write = address_write,
	.max = 4,
	.unaligned = true,
};
static const struct io_ops data_io = {
	.read = data_read,
	.write = data_write,
	.max = 4,
	.unaligned = true,
};

int pci_map_ports(struct pci_bus *bus, struct error *err)
{
	struct machine *m = bus->dev.machine;
	int r;

	bus->address_window = (struct io_window){
		.ops = &address_io,
		.dev = bus,
		.base = 0xcf8,
		.len = 4,
		.space = IO_PORT,
		.priority = -1, /* the reset control register at CF9 lies over it */
		.name = "pci-address",
	};
	bus->data_window = (struct io_window){
		.ops = &data_io,
		.dev = bus,
		.base = 0xcfc,
		.len = 4,
		.space = IO_PORT,
		.name = "pci-data",
	};
	bus->ecam = (struct io_window){
		.ops = &ecam_io,
		.dev = bus,
		.space = IO_MMIO,
		.name = "ecam",
	};
	r = io_map(m, &bus->address_window, err);
	if (r < 0)
		return r;
	r = io_map(m, &bus->data_window, err);
	if (r < 0)
		io_unmap(m, &bus->address_window);
	return r;
}
