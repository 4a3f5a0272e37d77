/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine/lpc.c: the LPC bridge of q35 and the meeting point of interrupt wires. Intel ICH9
 * (316972), section 13.1, as far as firmware and operating systems use it.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"
#include "machine/q35_priv.h"

enum {
	REG_PMBASE = 0x40,
	REG_ACPI_CNTL = 0x44,
	REG_PIRQ_A = 0x60, /* A-D at 60-63, E-H at 68-6B */
	REG_PIRQ_E = 0x68,
	REG_LPC_IO = 0x80, /* decode enables and ranges, 80-93: stored */
	REG_GEN_PMCON_1 = 0xa0,
	REG_BIOS_CNTL = 0xdc,
	REG_RCBA = 0xf0,
};
enum { ACPI_EN = 0x80, PMCON_SMI_LOCK = 0x10, PIRQ_OFF = 0x80 };

struct lpc {
	struct device dev;
	struct pci_dev pci;
	struct device *pic, *ioapic, *pm; /* borrowed */
	bool isa[16], pirq[8];            /* levels of the wires that come in */
	bool smi_locked;
};

static const struct field lpc_fields[] = {
	FIELD_SUB(struct lpc, pci, pci_fields),
	FIELD_ARRAY(struct lpc, isa),
	FIELD_ARRAY(struct lpc, pirq),
	FIELD(struct lpc, smi_locked),
	FIELD_END,
};

static u8 route(const struct lpc *l, unsigned pirq)
{
	return l->pci.config[pirq < 4 ? REG_PIRQ_A + pirq : REG_PIRQ_E + pirq - 4];
}

/* A PIC line is high when its ISA line is, or any PIRQ routed to it. */
static void drive_pic(struct lpc *l, unsigned line) needs(in_machine)
{
	bool level = l->isa[line];

	for (unsigned i = 0; i < 8; i++)
		if (!(route(l, i) & PIRQ_OFF) && (route(l, i) & 15) == line)
			level |= l->pirq[i];
	if (l->pic)
		pic_set(l->pic, line, level);
}

void lpc_isa_set(void *lpc, unsigned line, bool level)
{
	struct lpc *l = container_of((struct device *)lpc, struct lpc, dev);

	l->isa[line] = level;
	drive_pic(l, line);
	/* The timer is wired to pin 2, where the cascade would be; MADT override 0 to 2. */
	if (l->ioapic && line != 2)
		ioapic_set(l->ioapic, line ? line : 2, level);
}

void lpc_pirq_set(void *lpc, unsigned pirq, bool level)
{
	struct lpc *l = container_of((struct device *)lpc, struct lpc, dev);

	l->pirq[pirq] = level;
	if (l->ioapic)
		ioapic_set(l->ioapic, 16 + pirq, level);
	if (!(route(l, pirq) & PIRQ_OFF))
		drive_pic(l, route(l, pirq) & 15);
}

static void place_pm(struct lpc *l) needs(in_machine)
{
	const u8 *c = l->pci.config;

	if (l->pm)
		pm_set_base(l->pm, le16_at(c + REG_PMBASE) & 0xff80, c[REG_ACPI_CNTL] & ACPI_EN);
}

static void drive_all(struct lpc *l) needs(in_machine)
{
	for (unsigned i = 0; i < 16; i++)
		drive_pic(l, i);
}

static void lpc_written(struct pci_dev *d, unsigned off, unsigned len) needs(in_machine)
{
	struct lpc *l = d->dev;

	if (off < REG_ACPI_CNTL + 1 && off + len > REG_PMBASE)
		place_pm(l);
	if (off < REG_PIRQ_E + 4 && off + len > REG_PIRQ_A)
		drive_all(l);
	if (d->config[REG_GEN_PMCON_1] & PMCON_SMI_LOCK && !l->smi_locked) {
		l->smi_locked = true;
		d->writable[REG_GEN_PMCON_1] &= (u8)~PMCON_SMI_LOCK; /* 316972 13.8.1.1 */
		if (l->pm)
			pm_lock_smi(l->pm);
	}
}

static void set_writable(struct lpc *l)
{
	u8 *w = l->pci.writable;

	put_le32(w + REG_PMBASE, 0xff80);
	w[REG_ACPI_CNTL] = 0x87;
	for (unsigned i = 0; i < 4; i++)
		w[REG_PIRQ_A + i] = w[REG_PIRQ_E + i] = 0x8f;
	w[REG_PIRQ_A + 4] = 0xff; /* SERIRQ_CNTL */
	for (unsigned i = 0; i < 20; i++)
		w[REG_LPC_IO + i] = 0xff;
	put_le16(w + REG_GEN_PMCON_1, l->smi_locked ? 0xffef : 0xffff);
	w[REG_BIOS_CNTL] = 0x03;
	put_le32(w + REG_RCBA, 0xffffc001);
}

static void lpc_reset(struct device *d, enum reset_kind kind) needs(in_machine)
{
	struct lpc *l = container_of(d, struct lpc, dev);
	u8 *c = l->pci.config;

	pci_reset(&l->pci);
	put_le32(c + REG_PMBASE, 1);
	c[REG_ACPI_CNTL] = 0;
	for (unsigned i = 0; i < 4; i++)
		c[REG_PIRQ_A + i] = c[REG_PIRQ_E + i] = PIRQ_OFF;
	c[REG_PIRQ_A + 4] = 0x10;
	put_le16(c + REG_GEN_PMCON_1, 0);
	put_le32(c + REG_RCBA, 0);
	l->smi_locked = false;
	set_writable(l);
	drive_all(l); /* or the PIC would keep seeing what was routed to it */
	place_pm(l);
	(void)kind;
}

static int lpc_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct lpc *l = container_of(d, struct lpc, dev);
	int rc;

	set_writable(l); /* as the loaded lock has it */
	rc = pci_loaded(&l->pci, err);
	if (rc < 0)
		return rc;
	place_pm(l);
	return 0;
}

static void lpc_destroy(struct device *d)
{
	free(container_of(d, struct lpc, dev));
}

static const struct device_class lpc_class = {
	.name = "lpc",
	.fields = lpc_fields,
	.reset = lpc_reset,
	.loaded = lpc_loaded,
	.destroy = lpc_destroy,
};

struct device *lpc_create(struct pci_bus *bus, struct error *err)
{
	static const struct pci_ids ids = { 0x8086, 0x2918, 0x8086, 0x2918, 0x060100, 2 };
	struct lpc *l = xnew(struct lpc);

	l->pci.dev = l;
	l->pci.config_written = lpc_written;
	if (pci_add(bus, &l->pci, pci_devfn(31, 0), &ids, err) < 0) {
		free(l);
		return NULL;
	}
	device_add(pci_machine(bus), &l->dev, &lpc_class, "lpc");
	lpc_reset(&l->dev, RESET_POWER_ON);
	return &l->dev;
}

void lpc_attach(struct device *lpc, struct device *pic, struct device *ioapic, struct device *pm)
{
	struct lpc *l = container_of(lpc, struct lpc, dev);

	l->pic = pic;
	l->ioapic = ioapic;
	l->pm = pm;
}
