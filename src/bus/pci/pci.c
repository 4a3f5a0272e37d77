/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus/pci/pci.c: the root bus, its functions, their INTx wires and resets. PCI Local Bus 3.0. */
#include "bus/pci/pci.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "bus/pci/pci_priv.h"
#include "core/machine.h"

static const struct field msix_fields[] = {
	FIELD(struct pci_msix_entry, addr),
	FIELD(struct pci_msix_entry, data),
	FIELD(struct pci_msix_entry, control),
	FIELD_END,
};

const struct field pci_fields[] = {
	FIELD_BUF(struct pci_dev, config),
	FIELD_SUBS(struct pci_dev, msix, msix_fields),
	FIELD(struct pci_dev, msix_pending),
	FIELD(struct pci_dev, intx),
	FIELD_END,
};

static const struct field bus_fields[] = {
	FIELD(struct pci_bus, address),
	FIELD_END,
};

static void bus_reset(struct device *dev, enum reset_kind kind UNUSED)
{
	struct pci_bus *bus = container_of(dev, struct pci_bus, dev);

	bus->address = 0;
}

static void bus_destroy(struct device *dev)
{
	struct pci_bus *bus = container_of(dev, struct pci_bus, dev);

	free(bus);
}

static const struct device_class bus_class = {
	.name = "pci-bus",
	.fields = bus_fields,
	.reset = bus_reset,
	.destroy = bus_destroy,
};

int pci_bus_create(struct pci_bus **out, struct machine *m, const struct irq intx[8],
		   struct error *err)
{
	struct pci_bus *bus = xnew(struct pci_bus);
	int r;

	memcpy(bus->intx, intx, sizeof(bus->intx));
	bus->dev.machine = m;
	r = pci_pages_create(bus, err);
	if (r == 0)
		r = pci_map_ports(bus, err);
	if (r < 0) {
		free(bus);
		return r;
	}
	device_add(m, &bus->dev, &bus_class, "pci");
	bus_reset(&bus->dev, RESET_POWER_ON);
	*out = bus;
	return 0;
}

struct machine *pci_machine(struct pci_bus *bus)
{
	return bus->dev.machine;
}

/* The multifunction bit tells the guest to look for functions 1-7: only where there are some. */
static void update_multifunction(struct pci_bus *bus, unsigned slot) needs(in_machine)
{
	struct pci_dev *const *fn = &bus->fn[pci_devfn(slot, 0)];
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		n += fn[i] != NULL;
	for (unsigned i = 0; i < 8; i++) {
		if (!fn[i])
			continue;
		fn[i]->config[PCI_HEADER_TYPE] &= (u8)~PCI_HEADER_MULTIFUNCTION;
		if (n > 1)
			fn[i]->config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
		pci_config_changed(fn[i]);
	}
}

int pci_add(struct pci_bus *bus, struct pci_dev *d, u8 devfn, const struct pci_ids *ids,
	    struct error *err)
{
	u8 *c = d->config;
	int r;

	if (bus->fn[devfn])
		return error_set(err, -EBUSY, "PCI function 00:%02x.%x is already in use",
				 devfn >> 3, devfn & 7);
	r = pci_page_add(bus, devfn, err);
	if (r < 0)
		return r;
	d->bus = bus;
	d->devfn = devfn;
	d->ids = (u32)ids->device << 16 | ids->vendor;
	d->next_cap = PCI_HEADER_END;
	d->config_trapped = true; /* until its device is complete and calls pci_reset() */
	mutex_init(&d->msix_lock);
	put_le16(c + PCI_VENDOR_ID, ids->vendor);
	put_le16(c + PCI_DEVICE_ID, ids->device);
	c[PCI_REVISION_ID] = ids->revision;
	put_le16(c + PCI_CLASS_CODE, (u16)ids->class_code);
	c[PCI_CLASS_CODE + 2] = (u8)(ids->class_code >> 16);
	put_le16(c + PCI_SUBSYSTEM_VENDOR_ID, ids->subvendor);
	put_le16(c + PCI_SUBSYSTEM_ID, ids->subdevice);
	put_le16(d->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
						    PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
						    PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	put_le16(d->w1c + PCI_STATUS, PCI_STATUS_W1C);
	d->writable[PCI_INTERRUPT_LINE] = 0xff;
	bus->fn[devfn] = d;
	update_multifunction(bus, devfn >> 3);
	return 0;
}

void pci_remove(struct pci_dev *d)
{
	struct pci_bus *bus = d->bus;

	if (!bus)
		return;
	pci_intx(d, false);
	pci_bars_hide(d);
	pci_page_hide(bus, d->devfn);
	bus->fn[d->devfn] = NULL;
	update_multifunction(bus, d->devfn >> 3);
	mutex_finish(&d->msix_lock);
	d->bus = NULL;
}

int pci_free_slot(struct pci_bus *bus, unsigned from)
{
	for (unsigned slot = from; slot < PCI_SLOTS; slot++) {
		unsigned i = 0;

		while (i < 8 && !bus->fn[pci_devfn(slot, i)])
			i++;
		if (i == 8)
			return (int)slot;
	}
	return -ENOSPC;
}

void pci_intx_update(struct pci_dev *d)
{
	unsigned pin = d->config[PCI_INTERRUPT_PIN];
	unsigned line = pci_intx_line(d->devfn >> 3, pin - 1);
	bool on = d->intx && pin >= 1 && pin <= 4 && !(pci_command(d) & PCI_COMMAND_INTX_DISABLE) &&
		  !pci_msix_enabled(d);

	/* The status bit shows the request even while the pin is disabled; PCI 3.0, 6.2.3. */
	d->config[PCI_STATUS] &= (u8)~PCI_STATUS_INTERRUPT;
	if (d->intx)
		d->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	pci_status_changed(d);
	if (on == d->intx_wire)
		return;
	d->intx_wire = on;
	/* Wires are shared: the first function raises one, the last lowers it. */
	if (on && d->bus->asserted[line]++ == 0)
		irq_set(&d->bus->intx[line], true);
	else if (!on && --d->bus->asserted[line] == 0)
		irq_set(&d->bus->intx[line], false);
}

void pci_intx(struct pci_dev *d, bool level)
{
	d->intx = level;
	pci_intx_update(d);
}

void pci_reset(struct pci_dev *d)
{
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
		d->config[i] &= (u8) ~(d->writable[i] | d->w1c[i]);
	d->intx = false;
	d->config_trapped = false;
	pci_bars_update(d);
	pci_config_changed(d);
	pci_intx_update(d);
	pci_msix_reset(d);
}

/* Do the loaded read-only bytes that drivers find things by say what this device is? */
static bool same_layout(const struct pci_dev *d)
{
	const u8 *c = d->config;

	if (le32_at(c + PCI_VENDOR_ID) != d->ids || c[PCI_HEADER_TYPE] & 0x7f)
		return false;
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &d->bar[n];

		if (b->size && ((c[PCI_BAR0 + 4 * n] & 1) != b->is_io ||
				(!b->is_io && !(c[PCI_BAR0 + 4 * n] & 4) == b->is_64)))
			return false;
	}
	return !d->msix_cap ||
	       (c[d->msix_cap] == PCI_CAP_ID_MSIX &&
		(le16_at(c + d->msix_cap + PCI_MSIX_CONTROL) & 0x7ff) == d->msix_vectors - 1);
}

int pci_loaded(struct pci_dev *d, struct error *err)
{
	if (!same_layout(d))
		return error_set(
			err, -EINVAL,
			"PCI function 00:%02x.%x: the state is of another device (%04x:%04x)",
			d->devfn >> 3, d->devfn & 7, le16_at(d->config + PCI_VENDOR_ID),
			le16_at(d->config + PCI_DEVICE_ID));
	d->config_trapped = false;
	pci_bars_update(d);
	pci_config_changed(d);
	pci_msix_loaded(d);
	pci_intx_update(d);
	return 0;
}
