/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/virtio_driver.h: a small virtio driver in guest memory, for tests and fuzzers. */
#pragma once

#include "base/bytes.h"
#include "bus/pci/pci_abi.h"
#include "dev/virtio/virtio_priv.h"
#include "test.h"

enum {
	DRV_RAM = 4 << 20,
	DRV_BAR1 = 0xe0000000,
	DRV_BAR4 = 0xe0100000,
	DRV_ISR = DRV_BAR4 + 0x1000,
	DRV_CONFIG = DRV_BAR4 + 0x2000,
	DRV_BELL = DRV_BAR4 + 0x3000,
	DRV_DESC = 0x10000,
	DRV_AVAIL = 0x20000,
	DRV_USED = 0x30000,
	DRV_DATA = 0x100000,
	DRV_SLOT = 4,
	DRV_DEVFN = DRV_SLOT << 3,
};

struct drv {
	struct machine *m;
	struct pci_bus *bus;
	struct region *ram;
	struct virtio *v;
	u16 size, avail;
	struct msi sent[256];
	unsigned n_sent;
	bool wire;
};

static void drv_msi(void *cpus, struct msi msg)
{
	struct drv *d = cpus;
	unsigned n = __atomic_fetch_add(&d->n_sent, 1, __ATOMIC_RELAXED); /* any thread */

	if (n < ARRAY_LEN(d->sent))
		d->sent[n] = msg;
}

static void drv_wire(void *chip, unsigned pin UNUSED, bool level)
{
	((struct drv *)chip)->wire = level;
}

/* A machine with RAM and a bus, machine lock held. */
static void drv_begin(struct drv *d) enters(in_machine)
{
	static const struct cpu_ops ops = { .msi_send = drv_msi };
	struct irq irq[8];

	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < 8; i++)
		irq[i] = (struct irq){ drv_wire, d, i };
	CHECK(machine_create(&d->m, clock_create_manual(), NULL) == 0);
	machine_attach_cpus(d->m, &ops, d);
	machine_lock(d->m);
	CHECK(mem_add(&d->ram, d->m->mem, "ram", REGION_RAM, 0, DRV_RAM, 0, IN_ALL, NULL) == 0);
	CHECK(pci_bus_create(&d->bus, d->m, irq, NULL) == 0);
}

static void drv_end(struct drv *d) leaves(in_machine)
{
	machine_unlock(d->m);
	machine_destroy(d->m);
}

static inline u64 drv_get(struct drv *d, u64 at, unsigned size) needs(in_machine)
{
	return io_read(d->m, IO_MMIO, at, size);
}

static inline void drv_put(struct drv *d, u64 at, unsigned size, u64 val) needs(in_machine)
{
	io_write(d->m, IO_MMIO, at, size, val);
}

static inline u64 drv_common(struct drv *d, unsigned reg, unsigned size) needs(in_machine)
{
	return drv_get(d, DRV_BAR4 + reg, size);
}

static inline void drv_set(struct drv *d, unsigned reg, unsigned size, u64 val) needs(in_machine)
{
	drv_put(d, DRV_BAR4 + reg, size, val);
}

/* Show the BARs of @dev in slot DRV_SLOT; with @msix three vectors of data 0x40 + n. */
static void drv_attach(struct drv *d, struct device *dev, bool msix) needs(in_machine)
{
	d->v = container_of(dev, struct virtio, dev);
	pci_config_write(d->bus, 0, DRV_DEVFN, 0x14, 4, DRV_BAR1);
	pci_config_write(d->bus, 0, DRV_DEVFN, 0x20, 4, DRV_BAR4);
	pci_config_write(d->bus, 0, DRV_DEVFN, 4, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!msix)
		return;
	for (unsigned i = 0; i < d->v->pci.msix_vectors; i++) {
		drv_put(d, DRV_BAR1 + 16 * i, 8, 0xfee00000);
		drv_put(d, DRV_BAR1 + 16 * i + 8, 8, 0x40 + i);
	}
	pci_config_write(d->bus, 0, DRV_DEVFN, d->v->pci.msix_cap + 2, 2, PCI_MSIX_ENABLE);
}

/* The driver's initialisation, 3.1.1, with @features of those offered; returns what was taken. */
static u64 drv_start(struct drv *d, u64 features, u16 size) needs(in_machine)
{
	u64 offered;

	drv_set(d, COMMON_STATUS, 1, 0);
	drv_set(d, COMMON_STATUS, 1, 1);
	drv_set(d, COMMON_STATUS, 1, 3);
	drv_set(d, COMMON_DEVICE_FEATURE_SELECT, 4, 1);
	offered = drv_common(d, COMMON_DEVICE_FEATURE, 4) << 32;
	drv_set(d, COMMON_DEVICE_FEATURE_SELECT, 4, 0);
	offered |= drv_common(d, COMMON_DEVICE_FEATURE, 4);
	features &= offered;
	drv_set(d, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
	drv_set(d, COMMON_DRIVER_FEATURE, 4, (u32)features);
	drv_set(d, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	drv_set(d, COMMON_DRIVER_FEATURE, 4, features >> 32);
	drv_set(d, COMMON_STATUS, 1, 11);
	CHECK_EQ(drv_common(d, COMMON_STATUS, 1), 11);
	drv_set(d, COMMON_CONFIG_VECTOR, 2, 0);
	drv_set(d, COMMON_QUEUE_SELECT, 2, 0);
	drv_set(d, COMMON_QUEUE_SIZE, 2, size);
	drv_set(d, COMMON_QUEUE_VECTOR, 2, 1);
	drv_set(d, COMMON_QUEUE_DESC, 8, DRV_DESC);
	drv_set(d, COMMON_QUEUE_DRIVER, 8, DRV_AVAIL);
	drv_set(d, COMMON_QUEUE_DEVICE, 8, DRV_USED);
	drv_set(d, COMMON_QUEUE_ENABLE, 2, 1);
	memset(d->ram->host + DRV_DESC, 0, 0x30000);
	d->size = size;
	d->avail = 0;
	drv_set(d, COMMON_STATUS, 1, 15);
	return features;
}

static inline void drv_desc(struct drv *d, u64 table, unsigned i, u64 addr, u32 len, u16 flags,
			    u16 next)
{
	u8 *p = d->ram->host + table + 16 * i;

	put_le64(p, addr);
	put_le32(p + 8, len);
	put_le16(p + 12, flags);
	put_le16(p + 14, next);
}

/* Make the chain that begins at @head available. */
static inline void drv_offer(struct drv *d, u16 head)
{
	put_le16(d->ram->host + DRV_AVAIL + 4 + 2 * (d->avail % d->size), head);
	put_le16(d->ram->host + DRV_AVAIL + 2, ++d->avail);
}

/* Ring the doorbell of queue 0 and let the device work. */
static inline void drv_kick(struct drv *d) needs(in_machine)
{
	drv_put(d, DRV_BELL, 2, 0);
	machine_unlock(d->m);
	virtio_poll(&d->v->dev);
	machine_lock(d->m);
}

static inline u16 drv_used(struct drv *d)
{
	return le16_at(d->ram->host + DRV_USED + 2);
}

static inline u32 drv_used_id(struct drv *d, unsigned i)
{
	return le32_at(d->ram->host + DRV_USED + 4 + 8 * (i % d->size));
}

static inline u32 drv_used_len(struct drv *d, unsigned i)
{
	return le32_at(d->ram->host + DRV_USED + 8 + 8 * (i % d->size));
}
