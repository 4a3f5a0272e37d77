/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine/mch.c: the host bridge of q35. Intel 3 Series Express Chipset (316966), section 5.1, as
 * far as firmware uses it; the extended TSEG query at 50h is QEMU's (docs/specs), which Debian's
 * SMM builds of OVMF use.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "core/machine.h"
#include "machine/q35_priv.h"

LOG_MODULE("mch");

enum {
	REG_EXT_TSEG = 0x50,
	REG_PCIEXBAR = 0x60,
	REG_PAM0 = 0x90,
	REG_SMRAM = 0x9d,
	REG_ESMRAMC = 0x9e,
	REG_TSEG_SAVE = 0xa0, /* A0-B3: TOM, TOUUD, GBSM, BGSM, TSEGMB, TOLUD: stored */
};
enum { PCIEXBAR_ENABLE = 1, SMRAM_LOCK = 0x10, SMRAM_OPEN = 0x40, ESMRAMC_T_EN = 1 };

struct mch {
	struct device dev;
	struct pci_dev pci;
	bool smm;
	struct region *tseg; /* the hole over TSEG; NULL without SMM */
};

static const struct field mch_fields[] = {
	FIELD_SUB(struct mch, pci, pci_fields),
	FIELD_END,
};

gpa_t mch_ecam(struct device *d, u64 *size)
{
	struct mch *m = container_of(d, struct mch, dev);
	u64 bar = le64_at(m->pci.config + REG_PCIEXBAR);
	unsigned len = bar >> 1 & 3; /* 0: 256 MiB, 1: 128, 2: 64; 316966 5.1.15 */

	if (!(bar & PCIEXBAR_ENABLE) || len == 3)
		return 0;
	*size = MIB(256) >> len;
	return bar & 0xfffffffffull & ~(*size - 1);
}

static void place_ecam(struct mch *m) needs(in_machine)
{
	u64 size = 0;
	gpa_t base = mch_ecam(&m->dev, &size);

	pci_set_ecam(m->pci.bus, base, size);
}

/* TSEG is hidden outside SMM while T_EN is set; firmware opens it to fill it, then locks. */
static void place_tseg(struct mch *m) needs(in_machine)
{
	if (m->tseg)
		region_show(m->tseg, m->pci.config[REG_ESMRAMC] & ESMRAMC_T_EN ? IN_NORMAL : 0);
}

static void lock_smram(struct mch *m)
{
	u8 *c = m->pci.config;

	if (!(c[REG_SMRAM] & SMRAM_LOCK))
		return;
	/* D_LCK makes both registers read-only until reset and closes D_OPEN; 316966 5.1.30. */
	c[REG_SMRAM] &= (u8)~SMRAM_OPEN;
	m->pci.writable[REG_SMRAM] = 0;
	m->pci.writable[REG_ESMRAMC] = 0;
}

/* Only SMM builds of OVMF ask, and without an answer that they like they stop in silence. */
static void tseg_asked(struct mch *m)
{
	if (m->smm)
		put_le16(m->pci.config + REG_EXT_TSEG, TSEG_BYTES >> 20);
	else
		log_guest(
			"the firmware looks for System Management Mode and may hang without; if it "
			"is built for that, start again with --machine q35,smm=on");
}

static void mch_written(struct pci_dev *d, unsigned off, unsigned len) needs(in_machine)
{
	struct mch *m = d->dev;

	if (off < REG_EXT_TSEG + 2 && off + len > REG_EXT_TSEG)
		tseg_asked(m);
	if (off < REG_PCIEXBAR + 8 && off + len > REG_PCIEXBAR)
		place_ecam(m);
	if (m->smm && off <= REG_ESMRAMC && off + len > REG_SMRAM) {
		lock_smram(m);
		place_tseg(m);
	}
}

static void set_writable(struct mch *m)
{
	u8 *w = m->pci.writable;

	put_le16(w + REG_EXT_TSEG, 0xffff);
	/* Base 35:28 and length; only those that the length leaves are used. 316966 5.1.15. */
	put_le64(w + REG_PCIEXBAR, 0xff0000007ull | 0xc000000);
	for (unsigned i = 0; i < 7; i++)
		w[REG_PAM0 + i] = 0x33;
	for (unsigned i = 0; i < 20; i++)
		w[REG_TSEG_SAVE + i] = 0xff;
	w[REG_SMRAM] = m->smm ? 0x78 : 0;
	w[REG_ESMRAMC] = m->smm ? 0x87 : 0;
}

static void mch_reset(struct device *d, enum reset_kind kind) needs(in_machine)
{
	struct mch *m = container_of(d, struct mch, dev);
	u8 *c = m->pci.config;

	pci_reset(&m->pci);
	put_le16(c + REG_EXT_TSEG, 0);
	put_le64(c + REG_PCIEXBAR, 0xb0000000);
	for (unsigned i = 0; i < 7; i++)
		c[REG_PAM0 + i] = 0;
	c[REG_SMRAM] = 0x02;
	c[REG_ESMRAMC] = 0x38;
	set_writable(m);
	place_ecam(m);
	place_tseg(m);
	(void)kind;
}

static int mch_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct mch *m = container_of(d, struct mch, dev);
	int rc;

	set_writable(m);
	rc = pci_loaded(&m->pci, err);
	if (rc < 0)
		return rc;
	lock_smram(m);
	place_ecam(m);
	place_tseg(m);
	return 0;
}

static void mch_destroy(struct device *d)
{
	free(container_of(d, struct mch, dev));
}

static const struct device_class mch_class = {
	.name = "mch",
	.fields = mch_fields,
	.reset = mch_reset,
	.loaded = mch_loaded,
	.destroy = mch_destroy,
};

struct device *mch_create(struct pci_bus *bus, bool smm, gpa_t low_end, struct error *err)
{
	static const struct pci_ids ids = { 0x8086, 0x29c0, 0x8086, 0x29c0, 0x060000, 2 };
	struct machine *machine = pci_machine(bus);
	struct mch *m = xnew(struct mch);

	m->smm = smm;
	m->pci.dev = m;
	m->pci.config_written = mch_written;
	if (pci_add(bus, &m->pci, pci_devfn(0, 0), &ids, err) < 0)
		goto out;
	if (smm && mem_add(&m->tseg, machine->mem, "tseg", REGION_HOLE, low_end - TSEG_BYTES,
			   TSEG_BYTES, 0, 0, err) < 0)
		goto out;
	device_add(machine, &m->dev, &mch_class, "mch");
	mch_reset(&m->dev, RESET_POWER_ON);
	return &m->dev;
out:
	pci_remove(&m->pci);
	free(m);
	return NULL;
}
