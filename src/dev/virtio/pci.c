/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/virtio/pci.c: virtio over PCI, modern only. Virtio 1.2, section 4.1.
 *
 * BARs are where QEMU has them, which every driver has met: BAR 1 (32-bit) the MSI-X table, BAR 4
 * (64-bit, prefetchable) four pages: common configuration, ISR, device configuration, doorbells.
 * The doorbells are windows of two bytes, the size drivers write, so that KVM can take them.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "bus/pci/pci_abi.h"
#include "dev/virtio/virtio_priv.h"

LOG_MODULE("virtio");

enum {
	MSIX_BAR = 1,
	MSIX_BAR_LEN = 0x1000,
	BAR = 4,
	PAGE = 0x1000,
	PAGE_COMMON = 0,
	PAGE_ISR,
	PAGE_DEVICE,
	PAGE_NOTIFY,
	BAR_LEN = 4 * PAGE,
	NOTIFY_STEP = 4, /* notify_off_multiplier */
	NOTIFY_LEN = 2,
	/* struct virtio_pci_cap, 4.1.4 */
	CAP_LEN = 2,
	CAP_TYPE = 3,
	CAP_BAR = 4,
	CAP_OFFSET = 8,
	CAP_LENGTH = 12,
	CAP_EXTRA = 16, /* notify_off_multiplier, or pci_cfg_data */
};

static struct vq *selected(struct virtio *v)
{
	return v->queue_select < v->cls->nqueues ? &v->vq[v->queue_select] : NULL;
}

/* The common configuration structure as it reads now. */
static void common_bytes(struct virtio *v, u8 b[COMMON_LEN])
{
	const struct vq *q = selected(v);

	memset(b, 0, COMMON_LEN);
	put_le32(b + COMMON_DEVICE_FEATURE_SELECT, v->offered_select);
	if (v->offered_select < 2)
		put_le32(b + COMMON_DEVICE_FEATURE, (u32)(v->offered >> (32 * v->offered_select)));
	put_le32(b + COMMON_DRIVER_FEATURE_SELECT, v->acked_select);
	if (v->acked_select < 2)
		put_le32(b + COMMON_DRIVER_FEATURE, (u32)(v->acked >> (32 * v->acked_select)));
	put_le16(b + COMMON_CONFIG_VECTOR, __atomic_load_n(&v->config_vector, __ATOMIC_RELAXED));
	put_le16(b + COMMON_NUM_QUEUES, v->cls->nqueues);
	b[COMMON_STATUS] = __atomic_load_n(&v->status, __ATOMIC_RELAXED);
	b[COMMON_GENERATION] = v->generation;
	put_le16(b + COMMON_QUEUE_SELECT, v->queue_select);
	if (!q)
		return; /* 4.1.4.3.1: a queue that is not there has size 0 */
	put_le16(b + COMMON_QUEUE_SIZE, q->size);
	put_le16(b + COMMON_QUEUE_VECTOR, __atomic_load_n(&q->vector, __ATOMIC_RELAXED));
	put_le16(b + COMMON_QUEUE_ENABLE, q->enabled);
	put_le16(b + COMMON_QUEUE_NOTIFY_OFF, q->index);
	put_le64(b + COMMON_QUEUE_DESC, q->desc);
	put_le64(b + COMMON_QUEUE_DRIVER, q->driver);
	put_le64(b + COMMON_QUEUE_DEVICE, q->device);
}

/* 4.1.5.1.2: a vector that cannot be had reads back as none. */
static u16 usable_vector(const struct virtio *v, u64 val)
{
	return val < v->pci.msix_vectors ? (u16)val : VIRTIO_MSI_NO_VECTOR;
}

static void set_driver_feature(struct virtio *v, u64 val)
{
	unsigned shift = 32 * v->acked_select;

	if (v->acked_select > 1 ||
	    __atomic_load_n(&v->status, __ATOMIC_RELAXED) & VIRTIO_STATUS_FEATURES_OK)
		return; /* 2.2.1: too late */
	v->acked = (v->acked & ~(0xffffffffull << shift)) | val << shift;
}

static void enable_queue(struct virtio *v, struct vq *q) needs(in_machine)
{
	u8 status = __atomic_load_n(&v->status, __ATOMIC_RELAXED);

	mutex_lock(&q->lock);
	q->enabled = true;
	q->live = (status & VIRTIO_STATUS_DRIVER_OK) && !(status & VIRTIO_STATUS_NEEDS_RESET);
	mutex_unlock(&q->lock);
}

static void queue_write(struct virtio *v, unsigned reg, u64 val) needs(in_machine)
{
	struct vq *q = selected(v);

	if (!q)
		return;
	if (reg == COMMON_QUEUE_VECTOR) {
		__atomic_store_n(&q->vector, usable_vector(v, val), __ATOMIC_RELAXED);
		return;
	}
	if (q->enabled) {
		log_guest("%s: queue %u is changed while enabled", v->dev.id, q->index);
		return;
	}
	switch (reg) {
	case COMMON_QUEUE_SIZE:
		if (val && val <= v->queue_max && !(val & (val - 1)))
			q->size = (u16)val;
		else
			log_guest("%s: queue size %llu is refused", v->dev.id,
				  (unsigned long long)val);
		break;
	case COMMON_QUEUE_ENABLE:
		if (val == 1)
			enable_queue(v, q);
		break;
	case COMMON_QUEUE_DESC: q->desc = val; break;
	case COMMON_QUEUE_DRIVER: q->driver = val; break;
	case COMMON_QUEUE_DEVICE: q->device = val; break;
	}
}

static void common_set(struct virtio *v, unsigned reg, u64 val) needs(in_machine)
{
	switch (reg) {
	case COMMON_DEVICE_FEATURE_SELECT: v->offered_select = (u32)val; break;
	case COMMON_DRIVER_FEATURE_SELECT: v->acked_select = (u32)val; break;
	case COMMON_DRIVER_FEATURE: set_driver_feature(v, val); break;
	case COMMON_CONFIG_VECTOR:
		__atomic_store_n(&v->config_vector, usable_vector(v, val), __ATOMIC_RELAXED);
		break;
	case COMMON_STATUS: virtio_set_status(v, (u8)val); break;
	case COMMON_QUEUE_SELECT: v->queue_select = (u16)val; break;
	default: queue_write(v, reg, val); break;
	}
}

/*
 * The registers that a driver may write. 64-bit ones are written whole or by halves (4.1.3.1); the
 * bytes that a write leaves out keep what they were.
 */
static const struct {
	u8 at, len;
} common_regs[] = {
	{ COMMON_DEVICE_FEATURE_SELECT, 4 },
	{ COMMON_DRIVER_FEATURE_SELECT, 4 },
	{ COMMON_DRIVER_FEATURE, 4 },
	{ COMMON_CONFIG_VECTOR, 2 },
	{ COMMON_STATUS, 1 },
	{ COMMON_QUEUE_SELECT, 2 },
	{ COMMON_QUEUE_SIZE, 2 },
	{ COMMON_QUEUE_VECTOR, 2 },
	{ COMMON_QUEUE_ENABLE, 2 },
	{ COMMON_QUEUE_DESC, 8 },
	{ COMMON_QUEUE_DRIVER, 8 },
	{ COMMON_QUEUE_DEVICE, 8 },
};

static void common_write(struct virtio *v, unsigned off, unsigned size, u64 val) needs(in_machine)
{
	u8 b[COMMON_LEN + 8];

	if (off >= COMMON_LEN)
		return;
	common_bytes(v, b);
	put_le(b + off, size, val);
	for (unsigned i = 0; i < ARRAY_LEN(common_regs); i++) {
		unsigned at = common_regs[i].at, len = common_regs[i].len;

		if (off < at + len && at < off + size)
			common_set(v, at, le_at(b + at, len));
	}
}

static u64 common_read(struct virtio *v, unsigned off, unsigned size)
{
	u8 b[COMMON_LEN + 8] = { 0 };

	if (off >= COMMON_LEN)
		return 0;
	common_bytes(v, b);
	return le_at(b + off, size);
}

/* 4.1.4.5: reading acknowledges. */
static u64 isr_read(struct virtio *v) needs(in_machine)
{
	u8 isr = __atomic_exchange_n(&v->isr, 0, __ATOMIC_RELAXED);

	pci_intx(&v->pci, false);
	return isr;
}

static u64 device_read(struct virtio *v, unsigned off, unsigned size)
{
	u8 b[8] = { 0 };

	if (off < v->cls->config_len && v->cls->config_read)
		v->cls->config_read(v, off, b, MIN(size, v->cls->config_len - off));
	return le_at(b, size);
}

static void device_write(struct virtio *v, unsigned off, unsigned size, u64 val)
{
	u8 b[8];

	put_le(b, size, val);
	if (off < v->cls->config_len && v->cls->config_write)
		v->cls->config_write(v, off, b, MIN(size, v->cls->config_len - off));
}

static u64 bar_read(void *dev, u64 off, unsigned size) needs(in_machine)
{
	struct virtio *v = dev;
	unsigned at = off % PAGE;

	switch (off / PAGE) {
	case PAGE_COMMON: return common_read(v, at, size);
	case PAGE_ISR: return at == 0 ? isr_read(v) : 0;
	case PAGE_DEVICE: return device_read(v, at, size);
	default: return 0;
	}
}

static void bar_write(void *dev, u64 off, unsigned size, u64 val) needs(in_machine)
{
	struct virtio *v = dev;
	unsigned at = off % PAGE;

	switch (off / PAGE) {
	case PAGE_COMMON: common_write(v, at, size, val); break;
	case PAGE_DEVICE: device_write(v, at, size, val); break;
	case PAGE_NOTIFY:
		/* From the configuration access window; doorbells lie over this page. */
		if (at % NOTIFY_STEP == 0 && at / NOTIFY_STEP < v->cls->nqueues)
			event_signal(&v->vq[at / NOTIFY_STEP].event);
		break;
	}
}

/* BAR 1 holds nothing but the MSI-X windows. */
static u64 nothing_read(void *dev UNUSED, u64 off UNUSED, unsigned size UNUSED)
{
	return 0;
}

static void nothing_write(void *dev UNUSED, u64 off UNUSED, unsigned size UNUSED, u64 val UNUSED)
{
}

static const struct io_ops nothing_io = { .read = nothing_read, .write = nothing_write };
static const struct io_ops bar_io = { .read = bar_read, .write = bar_write };

/* 4.1.4.9: BAR 4 through configuration space, for drivers that cannot map it (SeaBIOS). */
static bool access_target(const struct virtio *v, u32 *off, u32 *len)
{
	const u8 *cap = v->pci.config + v->access_cap;

	*off = le32_at(cap + CAP_OFFSET);
	*len = le32_at(cap + CAP_LENGTH);
	return cap[CAP_BAR] == BAR && (*len == 1 || *len == 2 || *len == 4) && *off % *len == 0 &&
	       *off <= BAR_LEN - *len;
}

static bool touches_data(const struct virtio *v, unsigned off, unsigned len)
{
	unsigned data = v->access_cap + CAP_EXTRA;

	return off < data + 4 && data < off + len;
}

static bool config_computed(const struct pci_dev *d)
{
	u32 at, size;

	return access_target(d->dev, &at, &size);
}

static void config_reading(struct pci_dev *d, unsigned off, unsigned len) needs(in_machine)
{
	struct virtio *v = d->dev;
	u32 at, size;

	if (touches_data(v, off, len) && access_target(v, &at, &size))
		put_le32(d->config + v->access_cap + CAP_EXTRA, (u32)bar_read(v, at, size));
}

static void config_written(struct pci_dev *d, unsigned off, unsigned len) needs(in_machine)
{
	struct virtio *v = d->dev;
	u32 at, size;

	if (touches_data(v, off, len) && access_target(v, &at, &size))
		bar_write(v, at, size, le_at(d->config + v->access_cap + CAP_EXTRA, size));
}

void virtio_sync_intx(struct virtio *v)
{
	struct machine *m = v->dev.machine;

	if (!__atomic_exchange_n(&v->intx_stale, false, __ATOMIC_ACQUIRE))
		return;
	/* The one time that serving takes the machine lock: few guests use INTx. */
	machine_lock(m);
	pci_intx(&v->pci, __atomic_load_n(&v->isr, __ATOMIC_RELAXED) != 0);
	machine_unlock(m);
}

static u8 add_cap(struct virtio *v, u8 type, u8 len, u32 page) needs(in_machine)
{
	u16 at = pci_add_cap(&v->pci, PCI_CAP_ID_VENDOR, len);
	u8 *cap = v->pci.config + at;

	cap[CAP_LEN] = len;
	cap[CAP_TYPE] = type;
	if (type != VIRTIO_PCI_CAP_PCI_CFG) {
		cap[CAP_BAR] = BAR;
		put_le32(cap + CAP_OFFSET, page * PAGE);
		put_le32(cap + CAP_LENGTH, PAGE);
	}
	return (u8)at;
}

static void add_caps(struct virtio *v) needs(in_machine)
{
	u8 at, *writable;

	add_cap(v, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_LEN, PAGE_COMMON);
	add_cap(v, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_LEN, PAGE_ISR);
	add_cap(v, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_CAP_LEN, PAGE_DEVICE);
	at = add_cap(v, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_PCI_CAP_LEN + 4, PAGE_NOTIFY);
	put_le32(v->pci.config + at + CAP_EXTRA, NOTIFY_STEP);
	v->access_cap = add_cap(v, VIRTIO_PCI_CAP_PCI_CFG, VIRTIO_PCI_CAP_LEN + 4, 0);
	writable = v->pci.writable + v->access_cap;
	writable[CAP_BAR] = 0xff;
	memset(writable + CAP_OFFSET, 0xff, 12); /* offset, length, data */
}

static int add_bars(struct virtio *v, struct error *err) needs(in_machine)
{
	int r = pci_add_bar(&v->pci, MSIX_BAR, 0, MSIX_BAR_LEN, &nothing_io, v, err);

	if (r == 0)
		r = pci_add_bar(&v->pci, BAR, BAR_64 | BAR_PREFETCH, BAR_LEN, &bar_io, v, err);
	if (r == 0)
		r = pci_add_msix(&v->pci, MSIX_BAR, 0, v->cls->nqueues + 1u, err);
	for (unsigned i = 0; r == 0 && i < v->cls->nqueues; i++)
		r = pci_add_doorbell(&v->pci, BAR, PAGE_NOTIFY * PAGE + i * NOTIFY_STEP, NOTIFY_LEN,
				     &v->vq[i].event, err);
	return r;
}

int virtio_pci_init(struct virtio *v, struct pci_bus *bus, int slot, struct error *err)
{
	const struct pci_ids ids = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = (u16)(VIRTIO_PCI_DEVICE_BASE + v->cls->id),
		.subvendor = VIRTIO_PCI_VENDOR,
		.subdevice = 0x1100, /* what the Windows drivers' INF files name */
		.class_code = v->cls->class_code,
		.revision = 1,
	};
	int r;

	if (slot < 0)
		slot = pci_free_slot(bus, 1);
	if (slot < 0 || slot >= PCI_SLOTS)
		return error_set(err, -ENOSPC, "no PCI slot is left (there are %u)", PCI_SLOTS);
	v->pci.dev = v;
	v->pci.config_reading = config_reading;
	v->pci.config_computed = config_computed;
	v->pci.config_written = config_written;
	r = pci_add(bus, &v->pci, pci_devfn((unsigned)slot, 0), &ids, err);
	if (r < 0)
		return r;
	v->pci.config[PCI_INTERRUPT_PIN] = 1;
	add_caps(v);
	r = add_bars(v, err);
	if (r < 0)
		pci_remove(&v->pci);
	return r;
}
