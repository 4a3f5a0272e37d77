/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm/open.c: from a configuration to a machine: everything that can fail for the user's reasons. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "block/block.h"
#include "fw/kernel.h"
#include "plat/file.h"
#include "plat/map.h"
#include "plat/time.h"
#include "vm/vm_priv.h"

enum { KERNEL_MAX = 256 << 20, PHYS_BITS_DEFAULT = 40 };

static int find_board(struct vm *vm, const char *name, struct error *err)
{
	const char *names[8] = { NULL };
	const char *near;

	for (unsigned i = 0; boards[i]; i++) {
		if (!name || !strcmp(boards[i]->name, name)) {
			vm->board_cls = boards[i];
			return 0;
		}
		names[i] = boards[i]->name;
	}
	near = str_nearest(name, names);
	return error_set(err, -EINVAL, "there is no machine called \"%s\"; try --machine %s", name,
			 near ? near : boards[0]->name);
}

static unsigned ram_flags(const struct vm_config *cfg)
{
	return (cfg->hugepages ? MAP_HUGE : 0) | (cfg->prefault ? MAP_PREFAULT : 0) |
	       (cfg->mergeable ? MAP_MERGE : 0) | (cfg->no_thp ? MAP_NO_THP : 0) |
	       (cfg->shared ? MAP_SHARE : 0);
}

/* Local time for Windows (docs/decisions.md), UTC on request. */
static void set_wall_clock(struct clock *clock, bool utc)
{
	s64 now = time_wall_ns();

	if (!utc)
		now += time_zone_offset_s(now / (s64)NS_PER_S) * (s64)NS_PER_S;
	clock_set_wall(clock, now);
}

/* Ctrl-A x on the terminal. */
static void quit_key(void *arg) unchecked_roles
{
	vm_quit(arg);
}

static int open_chars(struct vm *vm, const struct vm_config *cfg, struct error *err)
{
	static const char *const name[] = { "--serial", "--serial2", "--debug-console" };
	const struct char_options *from[] = { &cfg->serial, &cfg->serial2, &cfg->debugcon };
	struct chr **to[] = { &vm->board_cfg.com[0], &vm->board_cfg.com[1],
			      &vm->board_cfg.debugcon };

	for (unsigned i = 0; i < ARRAY_LEN(to); i++) {
		struct chr_config c = { from[i]->kind, from[i]->path };
		int rc;

		if (c.kind == CHR_OFF)
			continue;
		rc = chr_open(to[i], vm->loop, &c, err);
		if (rc < 0)
			return error_prefix(err, "%s", name[i]), rc;
		chr_on_quit(*to[i], quit_key, vm);
		if (c.kind == CHR_PTY)
			str_add(&vm->facts, "%s: %s\n", name[i], chr_describe(*to[i]));
	}
	vm->board_cfg.debugcon_port = cfg->debugcon_port;
	return 0;
}

static int open_disks(struct vm *vm, const struct vm_config *cfg, struct error *err)
{
	struct board_config *b = &vm->board_cfg;

	for (unsigned i = 0; i < cfg->disks; i++) {
		const struct disk_options *o = &cfg->disk[i];
		struct disk_config c = { o->path, o->format, o->readonly, o->direct };
		struct board_disk *d = &b->disk[i];
		char name[16];
		int rc;

		*d = (struct board_disk){
			.id = o->id,
			.serial = o->serial,
			.queue_size = o->queue_size,
			.slot = o->slot,
			.bootindex = o->bootindex,
		};
		rc = disk_open(&d->disk, &c, err);
		if (rc < 0)
			return error_prefix(err, "--disk"), rc;
		b->disks = i + 1;
		snprintf(name, sizeof(name), "io-disk%u", i);
		rc = io_loop_create(&vm->io_loop[i], name, err);
		if (rc < 0)
			return rc;
		d->loop = vm->io_loop[i];
	}
	b->rng = !cfg->no_rng;
	if (!b->rng)
		return 0;
	b->rng_loop = vm->io_loop[0]; /* it is rarely asked: it may wait for the first disk */
	if (b->rng_loop)
		return 0;
	return io_loop_create(&vm->io_loop[CONFIG_DISKS], "io-rng", err) < 0
		       ? -EINVAL
		       : (b->rng_loop = vm->io_loop[CONFIG_DISKS], 0);
}

static int load_kernel(struct vm *vm, const struct vm_config *cfg, struct error *err)
{
	struct board_config *b = &vm->board_cfg;
	int rc;

	if (!vm->firmware.kernel_path)
		return 0;
	rc = file_load(&vm->kernel, &b->kernel_len, vm->firmware.kernel_path, KERNEL_MAX, err);
	if (rc == 0 && cfg->initramfs)
		rc = file_load(&vm->initrd, &b->initrd_len, cfg->initramfs, GIB(1), err);
	if (rc == 0 && vm->firmware.direct) {
		struct kernel_image image;

		rc = kernel_parse(&image, vm->kernel, b->kernel_len, err);
		if (rc < 0)
			error_prefix(err, "--kernel %s", cfg->kernel);
	}
	b->kernel = vm->kernel;
	b->initrd = vm->initrd;
	b->kernel_name = cfg->kernel;
	b->initrd_name = cfg->initramfs;
	b->cmdline = cfg->cmdline;
	b->direct = vm->firmware.direct;
	return rc;
}

static void fill_smbios(struct vm *vm, const struct vm_config *cfg)
{
	struct smbios_info *s = &vm->board_cfg.smbios;

	*s = (struct smbios_info){
		.have_uuid = cfg->uuid,
		.uefi = !vm->firmware.is_bios,
		.manufacturer = cfg->manufacturer,
		.product = cfg->product,
		.version = cfg->version,
		.serial = cfg->serial_number,
		.sku = cfg->sku,
		.family = cfg->family,
		.asset_tag = cfg->asset_tag,
		.oem_strings = (const char *const *)cfg->oem_strings,
		.vcpus = cfg->vcpus,
		.threads = cfg->topology.threads,
		.cores = cfg->topology.cores,
		.packages = cfg->topology.packages,
		.ram_low = MIN(cfg->memory, GIB(2)),
		.ram_high = cfg->memory - MIN(cfg->memory, GIB(2)),
	};
	memcpy(s->uuid, cfg->uuid_bytes, sizeof(s->uuid));
}

/* Such firmware hangs without it and says nothing, so no way leads there but smm=auto. */
static int choose_smm(struct cpu_config *cpus, const struct vm *vm, const struct vm_config *cfg,
		      bool offered, const char *accel, struct error *err)
{
	bool needed = vm->firmware.needs_smm;

	if (cfg->smm == TOGGLE_ON && vm->firmware.is_bios)
		return error_set(err, -EINVAL,
				 "--machine smm=on: a BIOS has no use for System Management Mode "
				 "here; leave it out");
	if (cfg->smm == TOGGLE_OFF && needed)
		return error_set(err, -EINVAL,
				 "--machine smm=off: this firmware needs System Management Mode; "
				 "use OVMF_CODE_4M.fd to go without");
	cpus->smm = needed || cfg->smm == TOGGLE_ON;
	if (cpus->smm && !offered)
		return error_set(err, -ENOTSUP,
				 "%s needs System Management Mode, which %s does not offer here; "
				 "use OVMF_CODE_4M.fd instead",
				 needed ? "this firmware" : "--machine smm=on", accel);
	return 0;
}

static int start_accel(struct vm *vm, const struct vm_config *cfg, struct error *err)
{
	const struct accel_class *cls = NULL;
	struct str why = { 0 };
	struct accel_info info = { 0 };
	struct cpu_config cpus = {
		.count = cfg->vcpus,
		.topology = cfg->topology,
		.model = cfg->cpu_model,
		.jit = cfg->jit,
		.hyperv = cfg->hyperv == TOGGLE_ON ||
			  (cfg->hyperv == TOGGLE_AUTO && !vm->firmware.is_bios),
		.nested = cfg->nested == TOGGLE_ON,
		.phys_bits_limit = cfg->max_phys_bits,
	};
	int rc = accel_choose(&cls, &info, cfg->accel, &why, err);

	str_add(&vm->facts, "%s\n", why.at ? why.at : "");
	str_free(&why);
	if (rc < 0)
		return rc;
	if (cfg->vcpus > info.max_vcpus)
		return error_set(err, -EINVAL, "--cpus boot=%u: %s can run at most %u vCPUs here",
				 cfg->vcpus, cls->name, info.max_vcpus);
	rc = choose_smm(&cpus, vm, cfg, info.smm, cls->name, err);
	if (rc < 0)
		return rc;
	vm->board_cfg.smm = cpus.smm;
	if (cpus.hyperv && !info.hyperv) {
		str_add(&vm->notes,
			"%s offers no Hyper-V interface here: the guest will not see one\n",
			cls->name);
		cpus.hyperv = false;
	}
	if (cfg->jit && strcmp(cls->name, "soft") != 0)
		str_add(&vm->notes, "--cpus jit= has no effect: %s runs the guest\n", cls->name);
	return cls->create(&vm->accel, vm->machine, &cpus, err);
}

static int create_vcpus(struct vm *vm, unsigned count, struct error *err)
{
	for (unsigned i = 0; i < count; i++) {
		struct vm_cpu *c = &vm->cpu[i];
		int rc = vm->accel->cls->vcpu_create(&c->vcpu, vm->accel, i, err);

		if (rc < 0)
			return error_prefix(err, "vCPU %u", i), rc;
		c->vm = vm;
		vm->vcpus = i + 1;
		vm->board_cfg.apic_id[i] = c->vcpu->apic_id;
	}
	return 0;
}

/* Everything above 2 GiB lies behind the hole that ends at 4 GiB. */
static int check_reach(u64 ram, unsigned phys_bits, struct error *err)
{
	u64 end = ram > GIB(2) ? ram + GIB(2) : ram;
	char size[16];

	if (end <= BIT64(phys_bits))
		return 0;
	return error_set(err, -EINVAL,
			 "--memory size: the last byte of %s lies beyond the %u bits that physical "
			 "addresses have here; give less (or max_phys_bits= more, if it is given)",
			 format_size(size, sizeof(size), ram), phys_bits);
}

static int build_board(struct vm *vm, const struct vm_config *cfg, struct error *err)
{
	struct board_config *b = &vm->board_cfg;
	const struct cpuid_leaf *leaf = cpuid_find(&vm->accel->cpuid, 0x80000008, 0);
	int rc;

	b->ram = cfg->memory;
	b->ram_flags = ram_flags(cfg);
	b->vcpus = cfg->vcpus;
	b->topology = cfg->topology;
	b->phys_bits = leaf ? leaf->eax & 0xff : PHYS_BITS_DEFAULT;
	rc = check_reach(b->ram, b->phys_bits, err);
	if (rc < 0)
		return rc;
	b->rtc_utc = cfg->rtc_utc;
	b->i8042 = cfg->i8042;
	b->test_devices = cfg->test_devices;
	b->firmware = vm->firmware.code;
	b->firmware_file = vm->firmware.code_file;
	b->firmware_at = vm->firmware.code_at;
	b->firmware_len = vm->firmware.code_len;
	b->is_bios = vm->firmware.is_bios;
	b->vars = vm->firmware.vars;
	b->vars_len = vm->firmware.vars_len;
	b->vars_file = vm->firmware.vars_file;
	vm->firmware.vars_file = NULL; /* the board takes it, and disks and chars with it */
	fill_smbios(vm, cfg);
	machine_lock(vm->machine);
	rc = vm->board_cls->build(&vm->board, vm->machine, b, err);
	machine_unlock(vm->machine);
	return rc;
}

/* Firmware, kernel and initramfs as they were read: the board has its own copies. */
static void drop_images(struct vm *vm)
{
	firmware_close(&vm->firmware);
	free(vm->kernel);
	free(vm->initrd);
	vm->kernel = vm->initrd = NULL;
}

int vm_create(struct vm **out, const struct vm_config *cfg, struct loop *loop, struct error *err)
{
	struct vm *vm = xnew(struct vm);
	struct clock *clock = clock_create_host();
	int rc;

	vm->loop = loop;
	vm->no_reboot = cfg->no_reboot;
	vm_run_init(vm);
	set_wall_clock(clock, cfg->rtc_utc);
	rc = machine_create(&vm->machine, clock, err);
	if (rc == 0)
		rc = find_board(vm, cfg->machine, err);
	if (rc == 0)
		rc = firmware_open(&vm->firmware, cfg, err);
	if (rc == 0)
		rc = load_kernel(vm, cfg, err);
	if (rc == 0)
		rc = open_disks(vm, cfg, err);
	if (rc == 0)
		rc = start_accel(vm, cfg, err);
	if (rc == 0)
		rc = create_vcpus(vm, cfg->vcpus, err);
	if (rc == 0) /* last: a terminal goes raw only when the machine is sure to start */
		rc = open_chars(vm, cfg, err);
	if (rc == 0)
		rc = build_board(vm, cfg, err);
	if (rc < 0) {
		/* A machine that never was leaves nothing that the next try would stumble over. */
		if (vm->firmware.vars_made)
			file_remove(cfg->nvram);
		vm_destroy(vm);
		return rc;
	}
	if (cfg->stats) /* before what was needed only to get here is freed */
		vm_sample_memory(vm);
	str_add_bytes(&vm->notes, vm->firmware.notes.at, vm->firmware.notes.len);
	drop_images(vm);
	vm->machine->request = vm_request;
	vm->machine->request_arg = vm;
	*out = vm;
	return 0;
}

/* What was opened for the board and not handed to a device of it. */
static void close_left(struct board_config *b)
{
	for (unsigned i = 0; i < b->disks; i++)
		disk_close(b->disk[i].disk);
	chr_close(b->com[0]);
	chr_close(b->com[1]);
	chr_close(b->debugcon);
	file_close(b->vars_file);
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	vm_run_finish(vm);
	for (unsigned i = 0; i < vm->vcpus; i++)
		vm->accel->cls->vcpu_destroy(vm->cpu[i].vcpu);
	for (unsigned i = 0; i < ARRAY_LEN(vm->io_loop); i++)
		io_loop_stop(vm->io_loop[i]);
	close_left(&vm->board_cfg);
	if (vm->accel)
		vm->accel->cls->destroy(vm->accel);
	machine_destroy(vm->machine);
	if (vm->board)
		vm->board_cls->destroy(vm->board);
	for (unsigned i = 0; i < ARRAY_LEN(vm->io_loop); i++)
		io_loop_destroy(vm->io_loop[i]);
	drop_images(vm);
	str_free(&vm->facts);
	str_free(&vm->notes);
	free(vm);
}
