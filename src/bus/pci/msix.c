/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bus/pci/msix.c: message-signalled interrupts by table. PCI Local Bus 3.0, 6.8.2 and 6.8.3.
 *
 * Every notification first becomes a pending bit; pending bits whose vector is unmasked are sent at
 * once while the function may send. So nothing is lost and nothing is sent twice, whichever of
 * the vector mask, the function mask and the bus master bit changes last.
 */
#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "bus/pci/pci_priv.h"
#include "core/machine.h"

/* Send what is pending and allowed. @d's msix_lock is held. */
static void send_pending(struct pci_dev *d)
{
	u64 left = d->msix_may_send ? d->msix_pending : 0;

	while (left) {
		unsigned v = (unsigned)__builtin_ctzll(left);
		const struct pci_msix_entry *e = &d->msix[v];

		left &= left - 1;
		if (e->control & PCI_MSIX_ENTRY_MASKED)
			continue;
		d->msix_pending &= ~BIT64(v);
		msi_send(d->bus->dev.machine, (struct msi){ .addr = e->addr, .data = e->data });
	}
}

bool pci_msix_enabled(const struct pci_dev *d)
{
	return __atomic_load_n(&d->msix_enabled, __ATOMIC_ACQUIRE);
}

void pci_msix_notify(struct pci_dev *d, unsigned vector)
{
	if (vector >= d->msix_vectors)
		return;
	mutex_lock(&d->msix_lock);
	if (d->msix_enabled) {
		d->msix_pending |= BIT64(vector);
		send_pending(d);
	}
	mutex_unlock(&d->msix_lock);
}

void pci_msix_update(struct pci_dev *d)
{
	u16 control;
	bool enabled;

	if (!d->msix_cap)
		return;
	control = le16_at(d->config + d->msix_cap + PCI_MSIX_CONTROL);
	enabled = control & PCI_MSIX_ENABLE;
	mutex_lock(&d->msix_lock);
	__atomic_store_n(&d->msix_enabled, enabled, __ATOMIC_RELEASE);
	d->msix_may_send = enabled && !(control & PCI_MSIX_FUNCTION_MASK) &&
			   (pci_command(d) & PCI_COMMAND_MASTER);
	/* What an earlier driver left pending must not surprise the next one. */
	if (!enabled)
		d->msix_pending = 0;
	send_pending(d);
	mutex_unlock(&d->msix_lock);
}

void pci_msix_reset(struct pci_dev *d)
{
	if (!d->msix_cap)
		return;
	mutex_lock(&d->msix_lock);
	for (unsigned i = 0; i < d->msix_vectors; i++)
		d->msix[i] = (struct pci_msix_entry){ .control = PCI_MSIX_ENTRY_MASKED };
	d->msix_pending = 0;
	mutex_unlock(&d->msix_lock);
	pci_msix_update(d);
}

void pci_msix_loaded(struct pci_dev *d)
{
	if (!d->msix_cap)
		return;
	mutex_lock(&d->msix_lock);
	for (unsigned i = 0; i < d->msix_vectors; i++) {
		d->msix[i].addr &= ~3ull;
		d->msix[i].control &= PCI_MSIX_ENTRY_MASKED;
	}
	d->msix_pending &= ones(8) >> (64 - d->msix_vectors);
	mutex_unlock(&d->msix_lock);
	pci_msix_update(d);
}

static void entry_to_bytes(u8 b[PCI_MSIX_ENTRY_LEN], const struct pci_msix_entry *e)
{
	put_le64(b, e->addr);
	put_le32(b + 8, e->data);
	put_le32(b + 12, e->control);
}

static u64 table_read(void *dev, u64 off, unsigned size)
{
	struct pci_dev *d = dev;
	u8 b[PCI_MSIX_ENTRY_LEN];

	mutex_lock(&d->msix_lock);
	entry_to_bytes(b, &d->msix[off / PCI_MSIX_ENTRY_LEN]);
	mutex_unlock(&d->msix_lock);
	return le_at(b + off % PCI_MSIX_ENTRY_LEN, size);
}

static void table_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct pci_dev *d = dev;
	struct pci_msix_entry *e = &d->msix[off / PCI_MSIX_ENTRY_LEN];
	u8 b[PCI_MSIX_ENTRY_LEN];

	mutex_lock(&d->msix_lock);
	entry_to_bytes(b, e);
	put_le(b + off % PCI_MSIX_ENTRY_LEN, size, val);
	e->addr = le64_at(b) & ~3ull;
	e->data = le32_at(b + 8);
	e->control = le32_at(b + 12) & PCI_MSIX_ENTRY_MASKED;
	send_pending(d);
	mutex_unlock(&d->msix_lock);
}

static u64 pba_read(void *dev, u64 off, unsigned size)
{
	struct pci_dev *d = dev;
	u64 pending;

	mutex_lock(&d->msix_lock);
	pending = d->msix_pending;
	mutex_unlock(&d->msix_lock);
	return pending >> (8 * off) & ones(size);
}

static void pba_write(void *dev UNUSED, u64 off UNUSED, unsigned size UNUSED, u64 val UNUSED)
{
	/* Read-only; software that writes it gets undefined results, ours is none. */
}

/* Drivers use 4 and 8 bytes; io.h makes the same of smaller ones. */
static const struct io_ops table_io = { .read = table_read, .write = table_write, .min = 4 };
static const struct io_ops pba_io = { .read = pba_read, .write = pba_write, .min = 4 };

int pci_add_msix(struct pci_dev *d, unsigned bar, u32 offset, unsigned vectors, struct error *err)
{
	u64 table = PCI_MSIX_ENTRY_LEN * (u64)vectors, len = table + 8;
	u16 cap;

	if (!vectors || vectors > PCI_MSIX_MAX || bar >= PCI_BARS || d->bar[bar].is_io ||
	    offset % 8 || len > d->bar[bar].size || offset > d->bar[bar].size - len)
		return error_set(err, -EINVAL, "%u MSI-X vectors do not fit in PCI BAR %u", vectors,
				 bar);
	d->msix_vectors = (u16)vectors;
	d->msix_bar = (u8)bar;
	d->msix_offset = offset;
	for (unsigned i = 0; i < 2; i++)
		d->msix_window[i] = (struct io_window){
			.ops = i ? &pba_io : &table_io,
			.dev = d,
			.len = i ? 8 : table,
			.space = IO_MMIO,
			.priority = PCI_BAR_PRIORITY,
			.name = i ? "msix-pba" : "msix-table",
		};
	cap = pci_add_cap(d, PCI_CAP_ID_MSIX, PCI_MSIX_LEN);
	put_le16(d->config + cap + PCI_MSIX_CONTROL, (u16)(vectors - 1));
	put_le16(d->writable + cap + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	put_le32(d->config + cap + PCI_MSIX_TABLE, offset | bar);
	put_le32(d->config + cap + PCI_MSIX_PBA, (u32)(offset + table) | bar);
	d->msix_cap = cap;
	pci_config_changed(d);
	return 0;
}
