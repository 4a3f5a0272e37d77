/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm/config.c: the defaults, and what options must not contradict. See vm/config.h. */
#include "vm/config.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "dev/virtio/virtio.h"
#include "plat/map.h"

enum { ID_MAX = 31, SERIAL_MAX = 20, QUEUE_MIN = 4, QUEUE_MAX = 32768, TEXT_MAX = 255 };

static const u64 memory_default = GIB(4), memory_min = MIB(64), memory_max = GIB(1024);

void config_init(struct vm_config *c)
{
	*c = (struct vm_config){
		.vcpus = 1,
		.memory = memory_default,
		.serial.kind = CHR_NULL,
		.debugcon_port = 0xe9,
	};
}

void config_finish(struct vm_config *c)
{
	char *const texts[] = {
		c->accel,        c->machine,       c->firmware,   c->kernel,       c->initramfs,
		c->cmdline,      c->firmware_dir,  c->nvram,      c->manufacturer, c->product,
		c->version,      c->serial_number, c->uuid,       c->sku,          c->family,
		c->asset_tag,    c->log_file,      c->trace_file, c->pid_file,     c->serial.path,
		c->serial2.path, c->debugcon.path, c->cpu_model,  c->jit,
	};

	for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	for (unsigned i = 0; i < c->disks; i++) {
		free(c->disk[i].path);
		free(c->disk[i].id);
		free(c->disk[i].serial);
		free(c->disk[i].format);
	}
	for (char **s = c->oem_strings; s && *s; s++)
		free(*s);
	free(c->oem_strings);
	memset(c, 0, sizeof(*c));
}

struct disk_options *config_add_disk(struct vm_config *c)
{
	struct disk_options *d;

	if (c->disks == CONFIG_DISKS)
		return NULL;
	d = &c->disk[c->disks++];
	*d = (struct disk_options){
		.queue_size = 128, .num_queues = 1, .slot = -1, .bootindex = -1
	};
	return d;
}

static int check_payload(const struct vm_config *c, struct str *notes, struct error *err)
{
	if (c->kernel && c->firmware)
		return error_set(err, -EINVAL,
				 "--kernel and --firmware exclude each other; a Linux kernel is "
				 "started by the default firmware");
	if (!c->kernel && !c->firmware && !c->disks)
		return error_set(err, -EINVAL,
				 "there is nothing to start; give --disk path=FILE, or --kernel "
				 "FILE, or --firmware FILE");
	if (!c->kernel && (c->initramfs || c->cmdline))
		str_add(notes, "--%s has no effect without a Linux kernel (--kernel FILE)\n",
			c->initramfs ? "initramfs" : "cmdline");
	if (c->json && !c->stats)
		str_add(notes, "--json has no effect without --stats\n");
	if (!c->disks && !c->kernel)
		str_add(notes, "no --disk is given: the firmware finds nothing to start\n");
	return 0;
}

static int check_cpus(const struct vm_config *c, struct str *notes, struct error *err)
{
	const struct cpu_topology *t = &c->topology;
	u64 product = (u64)MAX(t->threads, 1) * MAX(t->cores, 1);

	if (c->vcpus < 1 || c->vcpus > CONFIG_VCPUS)
		return error_set(err, -EINVAL, "--cpus boot=%u is not in 1 to %d", c->vcpus,
				 CONFIG_VCPUS);
	if (t->threads > 2)
		return error_set(err, -EINVAL,
				 "--cpus topology: %u threads per core; x86 cores have 1 or 2",
				 t->threads);
	if (mul_overflow(product, MAX(t->dies, 1), &product) ||
	    mul_overflow(product, MAX(t->packages, 1), &product))
		product = ~0ull;
	if (t->cores && product != c->vcpus)
		return error_set(err, -EINVAL,
				 "--cpus topology=%u:%u:%u:%u makes %llu vCPUs, but boot=%u; the "
				 "two must agree",
				 t->threads, t->cores, t->dies, t->packages,
				 (unsigned long long)product, c->vcpus);
	if (c->vcpus > host_cpus())
		str_add(notes,
			"--cpus boot=%u is more than the host's %u; they take turns, which is "
			"slow\n",
			c->vcpus, host_cpus());
	if (c->max_phys_bits && c->max_phys_bits < 39)
		str_add(notes, "--cpus max_phys_bits=%u: Windows needs at least 39\n",
			c->max_phys_bits);
	return 0;
}

static int check_memory(const struct vm_config *c, struct str *notes, struct error *err)
{
	char size[16], host[16];

	format_size(size, sizeof(size), c->memory);
	if (c->memory < memory_min)
		return error_set(err, -EINVAL,
				 "--memory size=%llu (%s) is too little for any firmware; give at "
				 "least 64M, 4G for Windows 11",
				 (unsigned long long)c->memory, size);
	if (c->memory > memory_max)
		return error_set(err, -EINVAL,
				 "--memory size=%llu is more than the 1024G that a machine can "
				 "have",
				 (unsigned long long)c->memory);
	/* Windows wants the top of memory aligned to 64 KiB; CMOS 34h-35h count such blocks. */
	if (c->memory % MIB(1))
		return error_set(err, -EINVAL,
				 "--memory size=%llu is not a multiple of 1M; the nearest below is "
				 "%lluM",
				 (unsigned long long)c->memory,
				 (unsigned long long)(c->memory / MIB(1)));
	if (c->memory > host_memory_total())
		str_add(notes, "--memory size: %s is more than the host's %s; it may run out\n",
			size, format_size(host, sizeof(host), host_memory_total()));
	if (c->memory < GIB(2) && c->hyperv == TOGGLE_ON)
		str_add(notes,
			"--memory size: %s is little for Windows; Windows 10 needs 2 GiB, Windows "
			"11 4 GiB\n",
			size);
	return 0;
}

/* An id names the device in saved states and in the REST interface. */
static int check_id(const char *id, struct error *err)
{
	size_t len = strlen(id);

	if (len == 0 || len > ID_MAX)
		return error_set(err, -EINVAL, "id=%s has %zu characters, not 1 to %d", id, len,
				 ID_MAX);
	if (!strncmp(id, "__", 2))
		return error_set(err, -EINVAL,
				 "id=%s begins with \"__\", which is kept for oriel's own", id);
	for (const char *s = id; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_-.:", *s))
			return error_set(err, -EINVAL,
					 "id=%s: only letters, digits and _ - . : may be in a name",
					 id);
	return 0;
}

/* "_disk0" and so on, as Cloud Hypervisor calls them, skipping what the user took. */
static void name_disks(struct vm_config *c)
{
	unsigned next = 0;

	for (unsigned i = 0; i < c->disks; i++) {
		while (!c->disk[i].id) {
			char *id = xasprintf("_disk%u", next++);
			bool taken = false;

			for (unsigned j = 0; j < c->disks; j++)
				taken |= c->disk[j].id && !strcmp(c->disk[j].id, id);
			if (taken)
				free(id);
			else
				c->disk[i].id = id;
		}
	}
}

static int check_disk(struct vm_config *c, struct disk_options *d, struct str *notes,
		      struct error *err)
{
	if (!d->path || !*d->path)
		return error_set(err, -EINVAL, "path=FILE is missing: which image is the disk?");
	if (d->id && check_id(d->id, err) < 0)
		return -EINVAL;
	if (d->serial && strlen(d->serial) > SERIAL_MAX)
		return error_set(err, -EINVAL, "serial=%s has %zu bytes; virtio disks carry %d",
				 d->serial, strlen(d->serial), SERIAL_MAX);
	if (d->queue_size < QUEUE_MIN || d->queue_size > QUEUE_MAX ||
	    (d->queue_size & (d->queue_size - 1)))
		return error_set(err, -EINVAL, "queue_size=%u is not a power of two in %d to %d",
				 d->queue_size, QUEUE_MIN, QUEUE_MAX);
	if (d->num_queues < 1 || d->num_queues > c->vcpus)
		return error_set(err, -EINVAL,
				 "num_queues=%u, but there are %u vCPUs to use them; give at most "
				 "that many",
				 d->num_queues, c->vcpus);
	if (d->slot == 0 || d->slot > 30)
		return error_set(err, -EINVAL,
				 "pci_device_id=%d: the board has 1 to 30 for devices", d->slot);
	if (d->queue_size > VQ_MAX_SIZE) {
		str_add(notes, "--disk queue_size=%u: the queue has %d entries at most\n",
			d->queue_size, VQ_MAX_SIZE);
		d->queue_size = VQ_MAX_SIZE;
	}
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static int check_disks(struct vm_config *c, struct str *notes, struct error *err)
{
	for (unsigned i = 0; i < c->disks; i++) {
		struct disk_options *d = &c->disk[i];

		if (check_disk(c, d, notes, err) < 0) {
			error_prefix(err, "--disk");
			return -EINVAL;
		}
		for (unsigned j = 0; j < i; j++) {
			const struct disk_options *e = &c->disk[j];

			if (same_text(d->id, e->id))
				return error_set(err, -EEXIST,
						 "--disk id=%s is given twice; names are unique",
						 d->id);
			if (d->slot >= 0 && d->slot == e->slot)
				return error_set(err, -EEXIST,
						 "--disk pci_device_id=%d is given twice", d->slot);
			if (d->bootindex >= 0 && d->bootindex == e->bootindex)
				return error_set(err, -EEXIST, "--disk bootindex=%d is given twice",
						 d->bootindex);
		}
	}
	name_disks(c);
	return 0;
}

static int check_chars(const struct vm_config *c, struct error *err)
{
	static const char *const name[] = { "--serial", "--serial2", "--debug-console" };
	const struct char_options *chr[] = { &c->serial, &c->serial2, &c->debugcon };

	for (unsigned i = 0; i < ARRAY_LEN(chr); i++) {
		bool path = chr[i]->kind == CHR_FILE || chr[i]->kind == CHR_SOCKET;

		if (path && !(chr[i]->path && *chr[i]->path))
			return error_set(err, -EINVAL, "%s: file= and socket= need a path",
					 name[i]);
		for (unsigned j = 0; j < i; j++)
			if (chr[i]->kind == CHR_TTY && chr[j]->kind == CHR_TTY)
				return error_set(err, -EINVAL,
						 "%s and %s both want the terminal; give one of "
						 "them file=FILE or pty",
						 name[j], name[i]);
	}
	return 0;
}

static unsigned hex_digit(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* 8-4-4-4-12 hexadecimal digits, kept in their order; fw/smbios.c knows what SMBIOS makes of it. */
static int parse_uuid(u8 out[16], const char *text)
{
	for (unsigned i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return -EINVAL;
		out[i] = (u8)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text += 2;
	}
	return *text ? -EINVAL : 0;
}

static int check_platform(struct vm_config *c, struct error *err)
{
	const char *const texts[] = { c->manufacturer, c->product, c->version,  c->serial_number,
				      c->sku,          c->family,  c->asset_tag };

	for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i] && strlen(texts[i]) > TEXT_MAX)
			return error_set(err, -EINVAL, "--platform: \"%.20s..\" is longer than %d",
					 texts[i], TEXT_MAX);
	for (char **s = c->oem_strings; s && *s; s++)
		if (strlen(*s) > TEXT_MAX)
			return error_set(err, -EINVAL, "--platform: \"%.20s..\" is longer than %d",
					 *s, TEXT_MAX);
	if (c->uuid && parse_uuid(c->uuid_bytes, c->uuid) < 0)
		return error_set(err, -EINVAL,
				 "--platform system_uuid=%s is not a UUID, for example "
				 "d9b0a5f2-3c51-4a8e-9a51-0f6f5d2c7b11",
				 c->uuid);
	return 0;
}

int config_check(struct vm_config *c, struct str *notes, struct error *err)
{
	int rc = check_payload(c, notes, err);

	if (rc == 0)
		rc = check_cpus(c, notes, err);
	if (rc == 0)
		rc = check_memory(c, notes, err);
	if (rc == 0)
		rc = check_disks(c, notes, err);
	if (rc == 0)
		rc = check_chars(c, err);
	if (rc == 0)
		rc = check_platform(c, err);
	if (rc == 0)
		rc = config_check_paths(c, err);
	return rc;
}

static void print_text(struct str *out, const char *name, const char *text)
{
	if (text)
		str_add(out, "%-22s %s\n", name, text);
}

static void print_chr(struct str *out, const char *name, const struct char_options *c)
{
	static const char *const kinds[] = {
		[CHR_OFF] = "off",   [CHR_NULL] = "null", [CHR_TTY] = "tty",
		[CHR_FILE] = "file", [CHR_PTY] = "pty",   [CHR_SOCKET] = "socket"
	};

	str_add(out, "%-22s %s%s%s\n", name, kinds[c->kind], c->path ? " " : "",
		c->path ? c->path : "");
}

static void print_disk(struct str *out, const struct disk_options *d)
{
	str_add(out, "%-22s %s%s%s, id %s", "disk", d->path, d->readonly ? ", read-only" : "",
		d->direct ? ", direct" : "", d->id ? d->id : "not named");
	if (d->serial)
		str_add(out, ", serial %s", d->serial);
	if (d->bootindex >= 0)
		str_add(out, ", bootindex %d", d->bootindex);
	str_add(out, "\n");
}

void config_print(const struct vm_config *c, struct str *out)
{
	static const char *const toggles[] = { "auto", "off", "on" };
	const struct cpu_topology *t = &c->topology;
	char size[16];

	print_text(out, "machine", c->machine ? c->machine : "q35");
	print_text(out, "accelerator", c->accel ? c->accel : "auto");
	print_text(out, "firmware", c->firmware ? c->firmware : c->kernel ? NULL : "default");
	print_text(out, "kernel or firmware", c->kernel);
	print_text(out, "initial RAM disk", c->initramfs);
	print_text(out, "command line", c->cmdline);
	str_add(out, "%-22s %s\n", "variables", c->nvram ? c->nvram : "volatile");
	str_add(out, "%-22s %u", "vCPUs", c->vcpus);
	if (t->cores)
		str_add(out, ", topology %u:%u:%u:%u", t->threads, t->cores, t->dies, t->packages);
	if (c->cpu_model)
		str_add(out, ", model %s", c->cpu_model);
	if (c->jit)
		str_add(out, ", translator %s", c->jit);
	str_add(out, "\n%-22s %s\n", "Hyper-V interface", toggles[c->hyperv]);
	if (c->smm != TOGGLE_AUTO)
		print_text(out, "management mode", toggles[c->smm]);
	str_add(out, "%-22s %s\n", "memory", format_size(size, sizeof(size), c->memory));
	for (unsigned i = 0; i < c->disks; i++)
		print_disk(out, &c->disk[i]);
	print_chr(out, "serial port 1", &c->serial);
	print_chr(out, "serial port 2", &c->serial2);
	print_chr(out, "debug port", &c->debugcon);
	print_text(out, "system UUID", c->uuid);
}
