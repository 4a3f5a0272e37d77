/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/keys_machine.c: the keys of --cpus, --memory, --platform, the serial ports and the like. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cli/options_priv.h"
#include "vm/config.h"

#define AT(member) offsetof(struct vm_config, member)

const struct key cpus_keys[] = {
	KEY("boot", V_NUMBER, "N", "1", set_unsigned, AT(vcpus), "vCPUs the guest starts with",
	    .min = 1, .max = CONFIG_VCPUS),
	TAKEN("max", V_NUMBER, "N", "boot",
	      "vCPUs it may ever have; they cannot be added to a running guest yet", .min = 1,
	      .max = 8192),
	KEY("topology", V_TEXT, "T:C:D:P", NULL, set_topology, AT(topology),
	    "threads per core, cores per die, dies per package, packages; their product is boot="),
	KEY("kvm_hyperv", V_CHOICE, "on|off|true|false|auto", "auto", set_toggle, AT(hyperv),
	    "show the guest a Hyper-V interface, which Windows needs to run well; auto: on for "
	    "UEFI guests"),
	KEY("hyperv", V_CHOICE, "on|off|true|false|auto", "auto", set_toggle, AT(hyperv),
	    "the same as kvm_hyperv="),
	KEY("max_phys_bits", V_NUMBER, "N", "the host's", set_unsigned, AT(max_phys_bits),
	    "physical address bits the guest sees at most; Windows needs 39", .min = 36, .max = 52),
	KEY("model", V_CHOICE, "host|max|x86-64-v2|x86-64-v3", "the backend's", set_text,
	    AT(cpu_model),
	    "the CPU that the guest sees: under KVM the host's own; of oriel's own CPU x86-64-v2, "
	    "x86-64-v3 where the host has AVX2, or max, the better of the two"),
	KEY("jit", V_TEXT, "on|off|lockstep[+WORD..]", "on", set_text, AT(jit),
	    "of oriel's own CPU: translate the guest's code (on), interpret it (off), or compare "
	    "both (lockstep); the words are for tests, see docs/manual/own-cpu.md"),
	KEY("nested", V_TOGGLE, NULL, "off", set_toggle, AT(nested),
	    "let the guest run virtual machines of its own (Windows then turns on VBS)"),
	NO_EFFECT("affinity", V_TUPLES, "[VCPU@[CPU,..],..]", NULL,
		  "vCPUs are not pinned one by one; start oriel under taskset to choose host CPUs"),
	NOT_YET("features", V_TEXT, "amx", NULL, "AMX is not offered to guests; leave the key out"),
	NOT_YET("core_scheduling", V_CHOICE, "vm|vcpu|off", "off",
		"start oriel under coresched (util-linux) instead"),
	NOT_YET("profile", V_TEXT, "host", "host",
		"model= chooses what the guest's CPU is; leave the key out"),
	KEYS_END,
};

const struct key memory_keys[] = {
	KEY("size", V_SIZE, NULL, "4G", set_u64, AT(memory),
	    "memory of the guest, a multiple of 1M; taken from the host as the guest uses it"),
	KEY("mergeable", V_TOGGLE, NULL, "off", set_bool, AT(mergeable),
	    "let the host merge equal pages (KSM)"),
	KEY("shared", V_TOGGLE, NULL, "off", set_bool, AT(shared),
	    "keep guest memory in a memfd that other processes can be given"),
	KEY("hugepages", V_TOGGLE, NULL, "off", set_bool, AT(hugepages),
	    "take the memory from the host's reserved huge pages"),
	NOT_YET("hugepage_size", V_SIZE, NULL, "2M",
		"only the host's 2M huge pages are used; leave the key out"),
	KEY("prefault", V_TOGGLE, NULL, "off", set_bool, AT(prefault),
	    "take all memory from the host before the guest starts"),
	KEY("thp", V_TOGGLE, NULL, "on", set_bool_not, AT(no_thp),
	    "ask the host for transparent huge pages"),
	NO_EFFECT("reserve", V_TOGGLE, NULL, "off",
		  "use prefault=on to be sure that the host has the memory"),
	NO_EFFECT("hotplug_method", V_CHOICE, "acpi|virtio-mem", "acpi",
		  "memory cannot be added to a running guest yet"),
	NOT_YET("hotplug_size", V_SIZE, NULL, "0",
		"memory cannot be added to a running guest yet; give it all with size="),
	NOT_YET("hotplugged_size", V_SIZE, NULL, "0",
		"memory cannot be added to a running guest yet; give it all with size="),
	KEYS_END,
};

const struct key platform_keys[] = {
	KEY("system_manufacturer", V_TEXT, "TEXT", NULL, set_text, AT(manufacturer),
	    "maker of the machine, as Windows shows it (SMBIOS type 1)"),
	KEY("system_product_name", V_TEXT, "TEXT", NULL, set_text, AT(product),
	    "model of the machine"),
	KEY("system_version", V_TEXT, "TEXT", NULL, set_text, AT(version),
	    "version of the machine"),
	KEY("system_serial_number", V_TEXT, "TEXT", NULL, set_text, AT(serial_number),
	    "serial number of the machine"),
	KEY("system_uuid", V_TEXT, "UUID", NULL, set_text, AT(uuid),
	    "identity of the machine; Windows ties its activation to it"),
	KEY("system_sku_number", V_TEXT, "TEXT", NULL, set_text, AT(sku),
	    "order number of the machine"),
	KEY("system_family", V_TEXT, "TEXT", NULL, set_text, AT(family), "family of the machine"),
	KEY("chassis_asset_tag", V_TEXT, "TEXT", NULL, set_text, AT(asset_tag),
	    "asset tag of the chassis (SMBIOS type 3)"),
	KEY("oem_strings", V_WORDS, "[TEXT,..]", NULL, set_words, AT(oem_strings),
	    "strings for the guest to read (SMBIOS type 11)"),
	KEY("serial_number", V_TEXT, "TEXT", NULL, set_text, AT(serial_number),
	    "old name of system_serial_number="),
	KEY("uuid", V_TEXT, "UUID", NULL, set_text, AT(uuid), "old name of system_uuid="),
	NOT_YET("num_pci_segments", V_NUMBER, "N", "1",
		"the board has one PCI segment with 256 buses", .min = 1, .max = 96),
	NOT_YET("iommu_segments", V_TEXT, "[N,..]", NULL, "there is no virtual IOMMU yet"),
	NOT_YET("iommu_address_width", V_TEXT, "BITS", NULL, "there is no virtual IOMMU yet"),
	NOT_YET("iommufd", V_TOGGLE, NULL, "off", "host devices cannot be passed through yet"),
	NOT_YET("iommufd_fd", V_TEXT, "FD", NULL, "host devices cannot be passed through yet"),
	NO_EFFECT("vfio_p2p_dma", V_TOGGLE, NULL, "on",
		  "host devices cannot be passed through yet"),
	NOT_YET("tdx", V_TOGGLE, NULL, "off",
		"confidential machines hide what oriel shows; they are not planned"),
	NOT_YET("sev_snp", V_TOGGLE, NULL, "off",
		"confidential machines hide what oriel shows; they are not planned"),
	KEYS_END,
};

const struct key serial_keys[] = {
	CHR("tty", V_NONE, NULL, CHR_TTY, set_chr_kind, 0,
	    "this terminal (Ctrl-A x ends oriel), or standard input and output"),
	CHR("null", V_NONE, NULL, CHR_NULL, set_chr_kind, 0, "a port whose output is lost"),
	CHR("off", V_NONE, NULL, CHR_OFF, set_chr_kind, 0, "no port at all"),
	CHR("pty", V_NONE, NULL, CHR_PTY, set_chr_kind, 0,
	    "a new pseudo terminal, whose name is printed"),
	CHR("file", V_TEXT, "FILE", CHR_FILE, set_chr_path, 0, "output is written to the file"),
	CHR("socket", V_TEXT, "PATH", CHR_SOCKET, set_chr_path, 0,
	    "a Unix socket to connect to, one client at a time"),
	KEYS_END,
};

#define NO_CONSOLE "Windows has no driver for a virtio console in the box; use --serial"
const struct key console_keys[] = {
	TAKEN("off", V_NONE, NULL, NULL, "no virtio console: the only choice yet"),
	TAKEN("null", V_NONE, NULL, NULL, "the same as off"),
	NOT_YET("tty", V_NONE, NULL, NULL, NO_CONSOLE " tty instead"),
	NOT_YET("pty", V_NONE, NULL, NULL, NO_CONSOLE " pty instead"),
	NOT_YET("file", V_TEXT, "FILE", NULL, NO_CONSOLE " file=FILE instead"),
	NOT_YET("socket", V_TEXT, "PATH", NULL, NO_CONSOLE " socket=PATH instead"),
	NOT_YET("iommu", V_TOGGLE, NULL, "off", "there is no virtual IOMMU yet"),
	NO_EFFECT("id", V_TEXT, "NAME", NULL, "there is no virtio console to name"),
	NOT_YET("pci_segment", V_NUMBER, "N", "0", "the board has one PCI segment", .min = 0,
		.max = 255),
	NO_EFFECT("pci_device_id", V_NUMBER, "N", NULL, "there is no virtio console to place",
		  .min = 0, .max = 31),
	KEYS_END,
};

#define DEBUGCON AT(debugcon)
const struct key debug_console_keys[] = {
	CHR("off", V_NONE, NULL, CHR_OFF, set_chr_kind, DEBUGCON, "no debug port"),
	CHR("null", V_NONE, NULL, CHR_NULL, set_chr_kind, DEBUGCON, "a port whose output is lost"),
	CHR("tty", V_NONE, NULL, CHR_TTY, set_chr_kind, DEBUGCON, "output goes to this terminal"),
	CHR("pty", V_NONE, NULL, CHR_PTY, set_chr_kind, DEBUGCON,
	    "a new pseudo terminal, whose name is printed"),
	CHR("file", V_TEXT, "FILE", CHR_FILE, set_chr_path, DEBUGCON,
	    "output is written to the file"),
	KEY("iobase", V_NUMBER, "PORT", "0xe9", set_u16, AT(debugcon_port),
	    "the I/O port; firmware logs to 0x402", .min = 0, .max = 0xffff),
	KEYS_END,
};

const struct key accel_keys[] = {
	KEY("auto", V_NONE, NULL, NULL, set_name, AT(accel),
	    "the best that works here (oriel doctor tells)"),
	KEY("kvm", V_NONE, NULL, NULL, set_name, AT(accel), "Linux KVM"),
	KEY("whp", V_NONE, NULL, NULL, set_name, AT(accel), "Windows Hypervisor Platform"),
	KEY("soft", V_NONE, NULL, NULL, set_name, AT(accel),
	    "oriel's own CPU: works everywhere, slower"),
	KEYS_END,
};

const struct key machine_keys[] = {
	KEY("q35", V_NONE, NULL, NULL, set_name, AT(machine),
	    "a PC with PCI Express, for Windows 10, 11, Server and Linux"),
	KEY("smm", V_CHOICE, "on|off|true|false|auto", "auto", set_toggle, AT(smm),
	    "System Management Mode, which some builds of UEFI firmware need to protect Secure "
	    "Boot; auto: when the name of the firmware's file is that of such a build"),
	NOT_YET("gen2", V_NONE, NULL, NULL,
		"the Hyper-V generation 2 board is not there yet; use q35"),
	NOT_YET("gen2-compat", V_NONE, NULL, NULL,
		"the board for Windows 7 is not there yet; use q35"),
	KEYS_END,
};

const struct key display_keys[] = {
	TAKEN("off", V_NONE, NULL, NULL, "no screen: the only choice yet"),
	NOT_YET("vnc", V_TEXT, "ADDRESS", NULL,
		"there is no screen yet; --serial tty shows firmware, boot menu and Windows' SAC"),
	NOT_YET("web", V_TEXT, "ADDRESS", NULL,
		"there is no screen yet; --serial tty shows firmware, boot menu and Windows' SAC"),
	KEYS_END,
};

#define NO_SECCOMP "oriel has no system call filter yet; a service manager can set one"
const struct key seccomp_keys[] = {
	TAKEN("false", V_NONE, NULL, NULL, "no system call filter"),
	NO_EFFECT("true", V_NONE, NULL, NULL, NO_SECCOMP),
	NO_EFFECT("log", V_NONE, NULL, NULL, NO_SECCOMP),
	NO_EFFECT("errno", V_NONE, NULL, NULL, NO_SECCOMP),
	KEYS_END,
};

const struct key rng_keys[] = {
	NO_EFFECT("src", V_TEXT, "FILE", "/dev/urandom",
		  "random numbers always come from the host's own generator"),
	NOT_YET("iommu", V_TOGGLE, NULL, "off", "there is no virtual IOMMU yet"),
	NO_EFFECT("id", V_TEXT, "NAME", NULL, "the board names it itself"),
	NOT_YET("pci_segment", V_NUMBER, "N", "0", "the board has one PCI segment", .min = 0,
		.max = 255),
	NO_EFFECT("pci_device_id", V_NUMBER, "N", NULL, "the board places it itself", .min = 0,
		  .max = 31),
	KEYS_END,
};

const struct key rtc_keys[] = {
	NOT_YET("iommu", V_TOGGLE, NULL, "off", "there is no virtual IOMMU yet"),
	NO_EFFECT("id", V_TEXT, "NAME", NULL, "there is no virtio clock to name"),
	NOT_YET("pci_segment", V_NUMBER, "N", "0", "the board has one PCI segment", .min = 0,
		.max = 255),
	NO_EFFECT("pci_device_id", V_NUMBER, "N", NULL, "there is no virtio clock to place",
		  .min = 0, .max = 31),
	KEYS_END,
};

#define FW_CFG_ALWAYS "firmware is always given this through fw_cfg"
const struct key fw_cfg_keys[] = {
	NO_EFFECT("e820", V_TOGGLE, NULL, "on", FW_CFG_ALWAYS),
	NO_EFFECT("kernel", V_TOGGLE, NULL, "on", FW_CFG_ALWAYS),
	NO_EFFECT("cmdline", V_TOGGLE, NULL, "on", FW_CFG_ALWAYS),
	NO_EFFECT("initramfs", V_TOGGLE, NULL, "on", FW_CFG_ALWAYS),
	NO_EFFECT("acpi_table", V_TOGGLE, NULL, "on", FW_CFG_ALWAYS),
	NOT_YET("items", V_TEXT, "[name=N,file=F:..]", NULL,
		"own fw_cfg items are not there yet; --platform oem_strings=[..] can carry text"),
	KEYS_END,
};

int cpus_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
	      struct error *err)
{
	const char *max = pairs_get(given, "max");
	u64 n;

	if (max && parse_u64(&n, max) == 0 && n < c->vcpus)
		return error_set(err, -EINVAL, "max=%s is less than boot=%u", max, c->vcpus);
	if (max && parse_u64(&n, max) == 0 && n > c->vcpus)
		note_add(notes,
			 "--cpus max=%s has no effect: vCPUs cannot be added to a running guest "
			 "yet; it gets boot=%u",
			 max, c->vcpus);
	if (pairs_get(given, "kvm_hyperv") && pairs_get(given, "hyperv"))
		return error_set(err, -EINVAL,
				 "kvm_hyperv= and hyperv= are one key; give one of them");
	return 0;
}

int memory_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		struct error *err)
{
	if (c->shared && c->mergeable)
		return error_set(err, -EINVAL,
				 "shared=on and mergeable=on exclude each "
				 "other; pages in use by others are not merged");
	if (pairs_get(given, "hugepage_size") && !c->hugepages)
		return error_set(err, -EINVAL, "hugepage_size= needs hugepages=on");
	return 0;
}

int platform_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		  struct error *err)
{
	static const char *const twice[][2] = { { "system_uuid", "uuid" },
						{ "system_serial_number", "serial_number" } };

	for (unsigned i = 0; i < ARRAY_LEN(twice); i++)
		if (pairs_get(given, twice[i][0]) && pairs_get(given, twice[i][1]))
			return error_set(err, -EINVAL, "%s= and %s= are one key; give the first",
					 twice[i][0], twice[i][1]);
	return 0;
}

/* "tty", "file=F": one of them must be there, and only one. Keys like id= do not count. */
int one_word_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		  struct error *err)
{
	const char *first = NULL;

	for (unsigned i = 0; i < given->n; i++) {
		const struct pair *p = &given->at[i];
		bool path = strcmp(p->key, "file") == 0 || strcmp(p->key, "socket") == 0;

		if (path && !(p->value && *p->value))
			return error_set(err, -EINVAL, "%s= needs a path", p->key);
		if (p->value && !path)
			continue;
		if (first)
			return error_set(err, -EINVAL, "%s and %s exclude each other; give one",
					 first, p->key);
		first = p->key;
	}
	if (!first)
		return error_set(err, -EINVAL, "the value says neither where to nor \"off\"");
	return 0;
}
