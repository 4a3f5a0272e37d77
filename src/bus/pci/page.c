/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bus/pci/page.c: configuration space that the guest reads without an exit. PCIe 4.0, 7.2.2.
 *
 * Firmware and Windows scan whole headers again and again. So each function's 4 KiB of the ECAM
 * window hold a read-only page with a copy of its registers; writes, and reads of what has no page,
 * reach the window's own handlers as ever. Only those change registers, always under the machine
 * lock, and the copy follows at once: after the effects that a reader could go looking for (a BAR
 * is there when decode reads as on), before the interrupts that could send it.
 */
#include <string.h>

#include "base/trace.h"
#include "bus/pci/pci_priv.h"
#include "core/machine.h"

enum {
	PAGE_LEN = PCI_CONFIG_SIZE,
	/*
	 * The ECAM window lies below RAM and below BAR memory, as all that exits lies below all
	 * that does not; so must the pages.
	 */
	PAGE_PRIORITY = PCI_BAR_PRIORITY - 1,
};

int pci_pages_create(struct pci_bus *bus, struct error *err)
{
	return mem_add(&bus->pages, bus->dev.machine->mem, "pci-config", REGION_ROM_DEVICE, 0,
		       PCI_FUNCTIONS * PAGE_LEN, MAP_NO_THP, 0, err);
}

int pci_page_add(struct pci_bus *bus, u8 devfn, struct error *err)
{
	struct region **page = &bus->page[devfn];
	int r;

	if (*page)
		return 0; /* an unplugged function left it */
	r = mem_alias(page, bus->dev.machine->mem, "pci-config", REGION_ROM_DEVICE, 0, bus->pages,
		      (u64)devfn * PAGE_LEN, PAGE_LEN, 0, err);
	if (r == 0)
		region_set_priority(*page, PAGE_PRIORITY, 0);
	return r;
}

void pci_page_hide(struct pci_bus *bus, u8 devfn)
{
	region_show(bus->page[devfn], 0);
}

/* Bring [off, off+len) of the copy up to date. Readers are other vCPUs: no dword may be torn. */
static void copy(struct pci_dev *d, unsigned off, unsigned len)
{
	u8 *page = d->bus->page[d->devfn]->host;

	if (!memcmp(page + off, d->config + off, len))
		return;
	for (unsigned i = off; i < off + len; i += 4) {
		u32 *was = (u32 *)(void *)(page + i), now;

		memcpy(&now, d->config + i, 4);
		if (*was != now)
			__atomic_store_n(was, now, __ATOMIC_RELAXED);
	}
}

/*
 * Once reads must reach config_reading() they do so until reset: a driver that uses such a window
 * sets it anew for each access, and each page that comes or goes is dear.
 */
static bool is_trapped(struct pci_dev *d)
{
	if (!d->config_trapped && d->config_reading &&
	    (!d->config_computed || d->config_computed(d))) {
		d->config_trapped = true;
		trace(pci_config_trapped, d->devfn);
	}
	return d->config_trapped;
}

void pci_config_changed(struct pci_dev *d)
{
	const struct io_window *ecam;
	u64 at = (u64)d->devfn * PAGE_LEN;

	if (!d->bus)
		return;
	ecam = &d->bus->ecam;
	if (is_trapped(d) || !ecam->mapped || ecam->len < at + PAGE_LEN) {
		pci_page_hide(d->bus, d->devfn);
		return;
	}
	copy(d, 0, PAGE_LEN);
	/* Code in SMM hardly reads it: not worth slots of its own. */
	region_move(d->bus->page[d->devfn], ecam->base + at, IN_NORMAL);
}

void pci_status_changed(struct pci_dev *d)
{
	if (d->bus)
		copy(d, PCI_COMMAND, 4);
}
