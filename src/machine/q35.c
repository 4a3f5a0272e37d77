/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine/q35.c: the default board: an ICH9 and 3 Series MCH as far as Debian's OVMF and SeaBIOS,
 * Windows and Linux use them, with virtio on PCI. docs/ARCHITECTURE.md, Boards, has the address
 * map.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "char/char.h"
#include "dev/legacy/legacy.h"
#include "dev/virtio/virtio.h"
#include "fw/fw.h"
#include "fw/kernel.h"
#include "machine/board.h"
#include "machine/q35_priv.h"
#include "plat/file.h"

enum {
	LOW_RAM_MAX = 1u << 31, /* OVMF of Debian 12 and 13 both agree with 2 GiB */
	SCI_LINE = 9,
	FIRST_SLOT = 2,
	FW_NB_CPUS = 0x05,
	FW_MAX_CPUS = 0x0f,
	FW_RAM_SIZE = 0x03,
	FW_NO_GRAPHIC = 0x04,
	FW_NUMA = 0x0d,
	FW_BOOT_MENU = 0x0e,
};

struct board {
	struct machine *m;
	struct board_config *cfg; /* while it is built */
	struct device *lpc, *mch, *pm, *ioapic, *fw_cfg, *flash;
	struct isa_bus isa;
	struct pci_bus *pci;
	u64 ram_low, ram_high; /* bytes below and above 4 GiB */
	struct acpi_board acpi;
	struct acpi_blobs blobs;
	struct kernel_boot *kernel; /* that starts without firmware; or NULL */
	struct acpi_file {
		struct board *board;
		const struct str *blob; /* of @blobs */
	} acpi_file[3];
};

static void isa_wire(void *chip, unsigned line, bool level) needs(in_machine)
{
	struct board *b = chip;

	if (b->lpc)
		lpc_isa_set(b->lpc, line, level);
}

static void pirq_wire(void *chip, unsigned pirq, bool level) needs(in_machine)
{
	struct board *b = chip;

	if (b->lpc)
		lpc_pirq_set(b->lpc, pirq, level);
}

static void intr_wire(void *chip, unsigned pin, bool level)
{
	struct machine *m = chip;

	(void)pin;
	if (m->cpu_ops)
		m->cpu_ops->extint(m->cpus, level);
}

static int add_ram(struct board *b, struct error *err)
{
	const struct board_config *cfg = b->cfg;
	struct region *r;
	int rc;

	b->ram_low = MIN(cfg->ram, (u64)LOW_RAM_MAX);
	b->ram_high = cfg->ram - b->ram_low;
	rc = mem_add(&r, b->m->mem, "ram-low", REGION_RAM, 0, b->ram_low, cfg->ram_flags, IN_ALL,
		     err);
	if (rc == 0 && b->ram_high)
		rc = mem_add(&r, b->m->mem, "ram-high", REGION_RAM, GIB(4), b->ram_high,
			     cfg->ram_flags, IN_ALL, err);
	return rc;
}

/* The pointer goes to a device, which owns it from now on. */
static struct chr *take_chr(struct chr **from)
{
	struct chr *chr = *from;

	*from = NULL;
	return chr;
}

static int add_legacy(struct board *b, struct error *err) needs(in_machine)
{
	struct board_config *cfg = b->cfg;
	struct machine *m = b->m;
	struct irq intr = { intr_wire, m, 0 };
	struct device *pic;

	b->isa.machine = m;
	for (unsigned i = 0; i < 16; i++)
		b->isa.irq[i] = (struct irq){ isa_wire, b, i };
	pic = pic_create(&b->isa, intr, err);
	b->ioapic = pic ? ioapic_create(m, err) : NULL;
	b->pm = b->ioapic ? pm_create(m, b->isa.irq[SCI_LINE], cfg->smm, err) : NULL;
	b->lpc = b->pm ? lpc_create(b->pci, err) : NULL;
	if (!b->lpc)
		return -EINVAL;
	lpc_attach(b->lpc, pic, b->ioapic, b->pm);
	b->mch = mch_create(b->pci, cfg->smm, b->ram_low, err);
	if (!b->mch || !pit_create(&b->isa, err) ||
	    !rtc_create(&b->isa, b->ram_low, b->ram_high, err) || !reset_create(&b->isa, err))
		return -EINVAL;
	if (cfg->i8042 && !i8042_create(&b->isa, err))
		return -EINVAL;
	for (unsigned i = 0; i < 2; i++) {
		struct chr *chr = take_chr(&cfg->com[i]);

		if (chr && !serial_create(&b->isa, i + 1, chr, err))
			return -EINVAL;
	}
	b->fw_cfg = fw_cfg_create(&b->isa, err);
	return b->fw_cfg ? 0 : -EINVAL;
}

/* Last of those with fixed ports, when it is known which are taken. */
static int add_debugcon(struct board *b, struct error *err) needs(in_machine)
{
	struct board_config *cfg = b->cfg;
	const struct io_window *other = io_at(b->m, IO_PORT, cfg->debugcon_port);

	if (!cfg->debugcon)
		return 0;
	if (other)
		return error_set(err, -EBUSY,
				 "debug console: port %x is taken (%s); firmware writes to 402 or "
				 "e9: choose one with iobase=",
				 cfg->debugcon_port, other->name ? other->name : "another device");
	if (!debugcon_create(&b->isa, cfg->debugcon_port, take_chr(&cfg->debugcon), err))
		return -EINVAL;
	return 0;
}

static void ioapic_wire(void *chip, unsigned pin, bool level) needs(in_machine)
{
	struct board *b = chip;

	ioapic_set(b->ioapic, pin, level);
}

static int add_test_devices(struct board *b, struct error *err) needs(in_machine)
{
	struct irq line[TESTDEV_LINES];

	for (unsigned i = 0; i < TESTDEV_LINES; i++)
		line[i] = i < ARRAY_LEN(b->isa.irq) ? b->isa.irq[i]
						    : (struct irq){ ioapic_wire, b, i };
	return testdev_create(b->m, line, err) ? 0 : -EINVAL;
}

static int add_disks(struct board *b, struct error *err) needs(in_machine)
{
	struct board_config *cfg = b->cfg;

	for (unsigned i = 0; i < cfg->disks; i++) {
		struct board_disk *d = &cfg->disk[i];
		struct disk *disk = d->disk;

		d->disk = NULL; /* taken, by a failure too */
		if (!virtio_blk_create(b->pci, d->slot, disk, d->id, d->serial, d->queue_size,
				       d->loop, err))
			return error_prefix(err, "%s", d->id), -EINVAL;
	}
	if (cfg->rng && !virtio_rng_create(b->pci, -1, "rng0", cfg->rng_loop, err))
		return -EINVAL;
	return 0;
}

static int add_firmware(struct board *b, struct error *err) needs(in_machine)
{
	struct board_config *cfg = b->cfg;
	struct flash_config flash = {
		.code = cfg->firmware,
		.code_len = cfg->firmware_len,
		.code_file = cfg->firmware_file,
		.code_at = cfg->firmware_at,
		.vars = cfg->vars,
		.vars_len = cfg->vars_len,
		.backing = cfg->vars_file,
		.smm_only = cfg->smm,
	};

	if (cfg->direct)
		return 0;
	if (cfg->is_bios)
		return bios_load(b->m, cfg->firmware, cfg->firmware_len, err);
	cfg->vars_file = NULL;
	b->flash = pflash_create(b->m, &flash, err);
	return b->flash ? 0 : -EINVAL;
}

/*
 * etc/e820: {u64 base, u64 length, u32 type} each; type 1 is RAM. Not for UEFI, which is as content
 * with the sizes in CMOS (up to 1 TiB): each file costs OVMF some hundred exits, because it reads
 * the directory from its start for each of the 25 names it may want.
 */
static int add_e820(struct board *b, struct error *err)
{
	u8 e820[40];
	size_t n = 20;

	put_le64(e820, 0);
	put_le64(e820 + 8, b->ram_low);
	put_le32(e820 + 16, 1);
	if (b->ram_high) {
		put_le64(e820 + 20, GIB(4));
		put_le64(e820 + 28, b->ram_high);
		put_le32(e820 + 36, 1);
		n = 40;
	}
	return fw_cfg_add(b->fw_cfg, "etc/e820", e820, n, err);
}

/*
 * Firmware moves nothing that the tables tell but ECAM: they are built again only when that has
 * another place, and so describe the machine as it stands.
 */
static void build_acpi(struct board *b)
{
	struct acpi_board *a = &b->acpi;
	u64 size = 0;
	gpa_t base = mch_ecam(b->mch, &size);

	if (b->blobs.tables.len && base == a->ecam_base && size == a->ecam_size)
		return;
	a->ecam_base = base;
	a->ecam_size = size;
	acpi_free(&b->blobs);
	acpi_build(&b->blobs, a);
}

static const void *acpi_fill(void *arg, size_t *len)
{
	const struct acpi_file *f = arg;

	build_acpi(f->board);
	*len = f->blob->len;
	return f->blob->at;
}

static int add_tables(struct board *b, struct error *err)
{
	static const char *const name[] = { "etc/acpi/tables", "etc/acpi/rsdp",
					    "etc/table-loader" };
	const struct str *blob[] = { &b->blobs.tables, &b->blobs.rsdp, &b->blobs.loader };
	struct str tables = { 0 }, anchor = { 0 };
	int rc;

	smbios_build(&tables, &anchor, &b->cfg->smbios);
	rc = fw_cfg_add(b->fw_cfg, "etc/smbios/smbios-tables", tables.at, tables.len, err);
	if (rc == 0)
		rc = fw_cfg_add(b->fw_cfg, "etc/smbios/smbios-anchor", anchor.at, anchor.len, err);
	str_free(&tables);
	str_free(&anchor);
	for (unsigned i = 0; i < ARRAY_LEN(name) && rc == 0; i++) {
		b->acpi_file[i] = (struct acpi_file){ b, blob[i] };
		if (blob[i] != &b->blobs.rsdp || b->cfg->is_bios)
			rc = fw_cfg_add_lazy(b->fw_cfg, name[i], acpi_fill, &b->acpi_file[i], err);
	}
	return rc;
}

static int by_bootindex(const void *a, const void *b)
{
	const struct board_disk *const *x = a, *const *y = b;

	return (*x)->bootindex < (*y)->bootindex ? -1 : (*x)->bootindex > (*y)->bootindex;
}

/*
 * "bootorder" only when the user gave one: OVMF drops boot options that match no line, and would
 * so forget those that a guest wrote. Paths as QemuBootOrderLib translates them.
 */
static int add_boot_order(struct board *b, struct error *err)
{
	const struct board_disk *order[BOARD_DISKS];
	struct str text = { 0 };
	unsigned n = 0;
	int rc = 0;

	for (unsigned i = 0; i < b->cfg->disks; i++)
		if (b->cfg->disk[i].bootindex >= 0)
			order[n++] = &b->cfg->disk[i];
	qsort(order, n, sizeof(order[0]), by_bootindex);
	for (unsigned i = 0; i < n; i++) {
		struct device *d = device_find(b->m, order[i]->id);
		u8 devfn = virtio_pci(d)->devfn;

		str_add(&text, "%s/pci@i0cf8/scsi@%x", i ? "\n" : "", devfn >> 3);
		if (devfn & 7)
			str_add(&text, ",%x", devfn & 7);
		str_add(&text, "/disk@0,0");
	}
	if (n)
		rc = fw_cfg_add(b->fw_cfg, "bootorder", text.at, text.len + 1, err);
	str_free(&text);
	return rc;
}

static int add_numbers(struct board *b, struct error *err)
{
	const struct board_config *cfg = b->cfg;
	u8 cpus[2], ram[8], zero[8] = { 0 }, one[2] = { 1 };
	int rc;

	put_le16(cpus, (u16)cfg->vcpus);
	put_le64(ram, cfg->ram);
	rc = fw_cfg_set(b->fw_cfg, FW_NB_CPUS, cpus, 2, err);
	if (rc == 0)
		rc = fw_cfg_set(b->fw_cfg, FW_MAX_CPUS, cpus, 2, err);
	if (rc == 0)
		rc = fw_cfg_set(b->fw_cfg, FW_RAM_SIZE, ram, 8, err);
	if (rc == 0) /* SeaBIOS writes its screen to COM1 when this is set */
		rc = fw_cfg_set(b->fw_cfg, FW_NO_GRAPHIC, one, 2, err);
	if (rc == 0)
		rc = fw_cfg_set(b->fw_cfg, FW_NUMA, zero, 8, err);
	if (rc == 0)
		rc = fw_cfg_set(b->fw_cfg, FW_BOOT_MENU, zero, 2, err);
	return rc;
}

/* The tables' size does not depend on ECAM, which is not placed yet. */
static int prepare_kernel(struct board *b, struct error *err)
{
	const struct board_config *cfg = b->cfg;
	struct kernel_config k = {
		.kernel = cfg->kernel,
		.kernel_len = cfg->kernel_len,
		.initrd = cfg->initrd,
		.initrd_len = cfg->initrd_len,
		.kernel_name = cfg->kernel_name,
		.initrd_name = cfg->initrd_name,
		.cmdline = cfg->cmdline,
		.ram_low = b->ram_low,
		.ram_high = b->ram_high,
		.ecam_base = POST_ECAM,
		.ecam_size = POST_ECAM_SIZE,
	};

	build_acpi(b);
	k.tables = b->blobs.tables.len;
	return kernel_boot_create(&b->kernel, &k, err);
}

static int fill_fw_cfg(struct board *b, struct error *err) needs(in_machine)
{
	const struct board_config *cfg = b->cfg;
	int rc;

	rc = add_numbers(b, err);
	if (rc == 0 && cfg->is_bios)
		rc = add_e820(b, err);
	if (rc == 0)
		rc = add_tables(b, err);
	if (rc == 0)
		rc = add_boot_order(b, err);
	if (rc == 0 && cfg->direct)
		return prepare_kernel(b, err);
	if (rc == 0 && cfg->kernel)
		rc = fw_cfg_add_linux(b->fw_cfg, cfg->kernel, cfg->kernel_len, cfg->initrd,
				      cfg->initrd_len, cfg->cmdline, b->ram_low, err);
	return rc;
}

static void describe(struct board *b)
{
	const struct board_config *cfg = b->cfg;
	u64 flash = cfg->firmware_len + cfg->vars_len;

	b->acpi = (struct acpi_board){
		.vcpus = cfg->vcpus,
		.ram_low_end = b->ram_low,
		.ram_high_end = GIB(4) + b->ram_high,
		.phys_bits = cfg->phys_bits,
		.pm_base = POST_PM_BASE, /* where firmware places it, too */
		.uefi = !cfg->is_bios,
		.has_pic_pit = true,
		.rtc_needs_regc = true,
		.has_i8042 = cfg->i8042,
		.has_com1 = cfg->com[0],
		.has_com2 = cfg->com[1],
		.flash_base = GIB(4) - flash,
		.flash_size = flash,
	};
	memcpy(b->acpi.apic_id, cfg->apic_id, sizeof(cfg->apic_id));
}

static void q35_destroy(struct board *b)
{
	if (!b)
		return;
	acpi_free(&b->blobs);
	kernel_boot_destroy(b->kernel);
	free(b);
}

static int q35_build(struct board **out, struct machine *m, struct board_config *cfg,
		     struct error *err) needs(in_machine)
{
	struct board *b = xnew(struct board);
	struct irq pirq[8];
	int rc;

	b->m = m;
	b->cfg = cfg;
	for (unsigned i = 0; i < 8; i++)
		pirq[i] = (struct irq){ pirq_wire, b, i };
	rc = add_ram(b, err);
	describe(b);
	if (rc == 0)
		rc = pci_bus_create(&b->pci, m, pirq, err);
	if (rc == 0)
		rc = add_legacy(b, err);
	if (rc == 0)
		rc = add_firmware(b, err);
	if (rc == 0)
		rc = add_debugcon(b, err);
	if (rc == 0 && cfg->test_devices)
		rc = add_test_devices(b, err);
	if (rc == 0 && cfg->smm && !smi_features_create(m, b->pm, b->fw_cfg, err))
		rc = -EINVAL;
	/* After all devices of ours: the user names these, and a name that is taken is refused. */
	if (rc == 0)
		rc = add_disks(b, err);
	if (rc == 0)
		rc = fill_fw_cfg(b, err);
	*out = b; /* the devices know it: it goes after the machine, even now */
	b->cfg = NULL;
	return rc;
}

static int q35_boot(struct board *b, struct kernel_start *out, struct error *err) needs(in_machine)
{
	struct acpi_blobs blobs; /* the kernel's own: fw_cfg has them as firmware wants them */
	int rc;

	if (!b->kernel)
		return 0;
	post_chipset(b->m);
	build_acpi(b);
	acpi_build(&blobs, &b->acpi);
	rc = kernel_boot_load(b->kernel, b->m->mem, &blobs, out, err);
	acpi_free(&blobs);
	return rc < 0 ? rc : 1;
}

static void q35_power_button(struct board *b) unchecked_roles
{
	pm_power_button(b->pm);
}

static int q35_sync(struct board *b)
{
	return b->flash ? pflash_sync(b->flash) : 0;
}

extern const struct board_class q35_board;
const struct board_class q35_board = {
	.name = "q35",
	.summary = "PCI Express PC: Windows 10 and later, Linux",
	.build = q35_build,
	.boot = q35_boot,
	.power_button = q35_power_button,
	.sync = q35_sync,
	.destroy = q35_destroy,
};
