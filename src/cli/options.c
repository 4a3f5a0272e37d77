/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/options.c: the table of options, and how to find one. See cli/options.h. */
#include "cli/options.h"

#include <assert.h>
#include <string.h>

#include "cli/options_priv.h"
#include "vm/config.h"

#define AT(member) offsetof(struct vm_config, member)
#define BOOT "What starts"
#define MACHINE "The machine"
#define PORTS "Serial ports"
#define RUNNING "Running"
#define NONE_YET "Known, not supported"

#define FLAG(n, setter, member, g, h, ...)                                                         \
	{                                                                                          \
		.self = { n, V_NONE, NULL, NULL, WORKS, NULL, h, 0, 0, setter, AT(member) },       \
		.group = g, __VA_ARGS__                                                            \
	}
#define TEXT(n, form, member, g, h, ...)                                                           \
	{                                                                                          \
		.self = { n, V_TEXT, form, NULL, WORKS, NULL, h, 0, 0, set_text, AT(member) },     \
		.group = g, __VA_ARGS__                                                            \
	}
#define KEYS(n, form, none, k, d, g, h, ...)                                                       \
	{                                                                                          \
		.self = { n, V_KEYS, form, none, WORKS, NULL, h }, .group = g, .keys = k,          \
		.done = d, __VA_ARGS__                                                             \
	}
#define PORT(n, none, member, h, ...)                                                              \
	{                                                                                          \
		.self = { n,    V_KEYS,    "tty|null|off|pty|file=FILE|socket=PATH",               \
			  none, WORKS,     NULL,                                                   \
			  h,    0,         0,                                                      \
			  NULL, AT(member) },                                                      \
		.group = PORTS, .keys = serial_keys, .done = one_word_done, __VA_ARGS__            \
	}
#define NO(n, type, form, h, ...)                                                                  \
	{                                                                                          \
		.self = { n, type, form, NULL, REFUSED, NULL, h }, .group = NONE_YET, __VA_ARGS__  \
	}

const struct option options[] = {
	TEXT("firmware", "FILE", firmware, BOOT,
	     "firmware image: OVMF for UEFI (code alone, or with its variables), SeaBIOS for BIOS; "
	     "default: Debian's OVMF",
	     .example = "--firmware /usr/share/OVMF/OVMF_CODE_4M.fd"),
	TEXT("nvram", "FILE", nvram, BOOT,
	     "file for the UEFI variables (boot entries); made from the firmware's template when "
	     "missing",
	     .ours = true, .example = "--nvram win11.nvram"),
	TEXT("kernel", "FILE", kernel, BOOT,
	     "Linux kernel (bzImage) started by the firmware; a Multiboot or PVH kernel, which "
	     "needs "
	     "none; or a firmware image: told by content",
	     .example = "--kernel ./FV/OVMF.fd"),
	TEXT("initramfs", "FILE", initramfs, BOOT,
	     "initial RAM disk (the first module) for the kernel",
	     .example = "--initramfs initrd.img"),
	TEXT("cmdline", "TEXT", cmdline, BOOT, "command line of the kernel",
	     .example = "--cmdline \"console=ttyS0\""),
	KEYS("disk", "path=FILE[,KEY=VALUE..]..", NULL, disk_keys, disk_done, BOOT,
	     "one or more disks", .list = true, .target = disk_target,
	     .example = "--disk path=win11.img path=data.img,readonly=on"),

	KEYS("cpus", "boot=N[,KEY=VALUE..]", "boot=1", cpus_keys, cpus_done, MACHINE,
	     "processors and what they show the guest", .example = "--cpus boot=4,kvm_hyperv=on"),
	KEYS("memory", "size=SIZE[,KEY=VALUE..]", "size=4G", memory_keys, memory_done, MACHINE,
	     "memory of the guest", .example = "--memory size=8G"),
	KEYS("machine", "BOARD[,smm=on|off|auto]", "q35", machine_keys, one_word_done, MACHINE,
	     "board", .ours = true, .example = "--machine q35"),
	KEYS("accel", "auto|kvm|whp|soft", "auto", accel_keys, one_word_done, MACHINE,
	     "what runs the guest's instructions", .ours = true, .example = "--accel kvm"),
	KEYS("backend", "auto|kvm|whp|soft", "auto", accel_keys, one_word_done, MACHINE,
	     "the same as --accel", .ours = true, .example = "--backend kvm"),
	KEYS("platform", "KEY=VALUE[,KEY=VALUE..]", NULL, platform_keys, platform_done, MACHINE,
	     "identity of the machine (SMBIOS)",
	     .example = "--platform system_serial_number=A1,oem_strings=[a,b]"),
	FLAG("rtc-utc", set_bool, rtc_utc, MACHINE,
	     "the machine's clock shows UTC, as Linux likes it, not local time as Windows does",
	     .ours = true, .example = "--rtc-utc"),
	FLAG("i8042", set_bool, i8042, MACHINE, "add a PS/2 keyboard controller", .ours = true,
	     .example = "--i8042"),
	FLAG("test-devices", set_bool, test_devices, MACHINE,
	     "add what bare-metal test suites expect: an exit at port 0xf4, test registers and "
	     "interrupt lines",
	     .ours = true, .example = "--kernel tests/msr.flat --test-devices --serial tty"),
	FLAG("no-rng", set_bool, no_rng, MACHINE, "leave the virtio random number device out",
	     .ours = true, .example = "--no-rng"),
	KEYS("rng", "src=FILE", "src=/dev/urandom", rng_keys, NULL, MACHINE,
	     "the virtio random number device, which is there by default",
	     .example = "--rng src=/dev/urandom"),
	KEYS("fw-cfg-config", "KEY=VALUE[,KEY=VALUE..]", NULL, fw_cfg_keys, NULL, MACHINE,
	     "what firmware is given through fw_cfg", .example = "--fw-cfg-config e820=on"),
	KEYS("display", "off", "off", display_keys, one_word_done, MACHINE, "screen", .ours = true,
	     .example = "--display off"),

	PORT("serial", "null", serial, "first serial port (COM1), where Windows' SAC answers",
	     .example = "--serial tty"),
	PORT("serial2", "off", serial2, "second serial port (COM2)", .ours = true,
	     .example = "--serial2 socket=/tmp/kd.sock"),
	KEYS("console", "off|null", "off", console_keys, one_word_done, PORTS, "virtio console",
	     .example = "--console off"),
	KEYS("debug-console", "off|null|tty|pty|file=FILE[,iobase=PORT]", "off", debug_console_keys,
	     one_word_done, PORTS, "port that firmware and kernels log to",
	     .example = "--debug-console file=ovmf.log,iobase=0x402"),

	FLAG("no-reboot", set_bool, no_reboot, RUNNING,
	     "end with exit code 3 when the guest asks for a reset", .ours = true,
	     .example = "--no-reboot"),
	FLAG("stats", set_bool, stats, RUNNING, "print counters to standard error at the end",
	     .ours = true, .example = "--stats"),
	FLAG("json", set_bool, json, RUNNING, "print the counters of --stats as JSON", .ours = true,
	     .example = "--stats --json"),
	FLAG("dry-run", set_bool, dry_run, RUNNING,
	     "check everything, print the resulting configuration, start nothing", .ours = true,
	     .example = "--dry-run"),
	{ .self = { "v", V_NONE, NULL, NULL, WORKS, NULL, "say more; -vv says most", 0, 0,
		    set_count, AT(verbose) },
	  .letter = 'v',
	  .group = RUNNING,
	  .example = "-v" },
	TEXT("log-file", "FILE", log_file, RUNNING,
	     "append messages to the file instead of standard error",
	     .example = "--log-file oriel.log"),
	TEXT("trace-file", "FILE", trace_file, RUNNING,
	     "record events of the devices and write them to the file at the end", .ours = true,
	     .example = "--trace-file trace.txt"),
	TEXT("pid-file", "FILE", pid_file, RUNNING,
	     "write the process number to the file while the guest runs", .ours = true,
	     .example = "--pid-file /run/win11.pid"),
	KEYS("seccomp", "false", "false", seccomp_keys, one_word_done, RUNNING,
	     "system call filter", .example = "--seccomp false"),
	{ .self = { "help", V_NONE, NULL, NULL, WORKS, NULL, "print help" },
	  .letter = 'h',
	  .group = RUNNING,
	  .example = "--help" },
	{ .self = { "version", V_NONE, NULL, NULL, WORKS, NULL, "print the version" },
	  .letter = 'V',
	  .group = RUNNING,
	  .example = "--version" },

	{ .self = { "net", V_KEYS, "KEY=VALUE[,KEY=VALUE..]..", NULL, IGNORED, NULL,
		    "there is no network card in this version; the guest runs without a network" },
	  .list = true,
	  .group = NONE_YET,
	  .keys = net_keys,
	  .done = net_done,
	  .example = "--net tap=" },
	{ .self = { "rtc", V_KEYS, "KEY=VALUE[,KEY=VALUE..]", NULL, IGNORED, NULL,
		    "there is no virtio clock; the board's CMOS clock is always there" },
	  .group = NONE_YET,
	  .keys = rtc_keys,
	  .optional = true,
	  .example = "--rtc" },
	{ .self = { "pvpanic", V_NONE, NULL, NULL, IGNORED, NULL,
		    "a crash is reported through the Hyper-V crash registers instead" },
	  .group = NONE_YET,
	  .example = "--pvpanic" },
	{ .self = { "log-format", V_TEXT, "FORMAT", NULL, IGNORED, NULL,
		    "messages have one format; --stats --json prints counters for programs" },
	  .group = NONE_YET,
	  .example = "--log-format text" },

	NO("api-socket", V_TEXT, "PATH|path=PATH|fd=N",
	   "the REST interface is not there yet; SIGTERM presses the guest's power button"),
	NO("balloon", V_TEXT, "size=SIZE[,KEY=VALUE..]",
	   "the guest's memory is fixed; give what it needs with --memory size="),
	NO("daemon", V_NONE, NULL,
	   "oriel stays in the foreground; use nohup oriel .. & with --pid-file, or a systemd unit",
	   .ours = true),
	NO("dbus-object-path", V_TEXT, "PATH", "D-Bus is not built in; use signals"),
	NO("dbus-service-name", V_TEXT, "NAME", "D-Bus is not built in; use signals"),
	NO("dbus-system-bus", V_NONE, NULL, "D-Bus is not built in; use signals"),
	NO("device", V_TEXT, "path=SYSFS[,KEY=VALUE..]..",
	   "host devices cannot be passed through (VFIO) yet; disks are given with --disk "
	   "path=/dev/..",
	   .list = true),
	NO("event-monitor", V_TEXT, "path=FILE|fd=N",
	   "events are not there yet; the exit code and --trace-file tell how a run went"),
	NO("fs", V_TEXT, "tag=TAG,socket=PATH[,KEY=VALUE..]..",
	   "shared folders are not there yet; put files into a disk image and add it with --disk",
	   .list = true),
	NO("gdb", V_TEXT, "path=PATH",
	   "the debugger stub is not there yet; --serial2 can carry Windows' kernel debugger"),
	NO("generic-vhost-user", V_TEXT, "socket=PATH,device_type=N[,KEY=VALUE..]..",
	   "devices served by another process are not there yet; use --disk path=", .list = true),
	NO("host-data", V_TEXT, "HEX",
	   "confidential machines hide what oriel shows; start an ordinary one with --firmware"),
	NO("igvm", V_TEXT, "FILE",
	   "confidential machines hide what oriel shows; start an ordinary one with --firmware"),
	NO("install", V_TEXT, "FILE",
	   "unattended installation is not there yet; give an installed disk with --disk path=",
	   .ours = true),
	NO("iso", V_TEXT, "FILE",
	   "CD-ROM drives are not there yet; give an installed disk with --disk path=",
	   .ours = true),
	NO("ivshmem", V_TEXT, "path=FILE[,size=SIZE..]",
	   "shared memory between guests is not there yet; a disk or serial port can carry data"),
	NO("landlock", V_NONE, NULL,
	   "oriel does not confine itself yet; run it as its own user or in a confined systemd "
	   "unit"),
	NO("landlock-rules", V_TEXT, "path=PATH,access=r|w|rw..",
	   "oriel does not confine itself yet; run it as its own user or in a confined systemd "
	   "unit",
	   .list = true),
	NO("memory-zone", V_TEXT, "id=NAME,size=SIZE[,KEY=VALUE..]..",
	   "memory is one zone; use --memory size=, and numactl to choose the host's node",
	   .list = true),
	NO("no-shutdown", V_NONE, NULL,
	   "oriel ends with the guest; the exit code tells how it ended (oriel help exit-codes)"),
	NO("numa", V_TEXT, "guest_numa_id=N[,KEY=VALUE..]..",
	   "the guest has one NUMA node; leave the option out", .list = true),
	NO("pci-segment", V_TEXT, "pci_segment=N[,KEY=VALUE..]..",
	   "the board has one PCI segment with 256 buses; leave the option out", .list = true),
	NO("pmem", V_TEXT, "file=FILE[,KEY=VALUE..]..",
	   "persistent memory is not there yet; use --disk path=FILE", .list = true),
	NO("pvmemcontrol", V_NONE, NULL, "it serves Linux guests only; leave the option out"),
	NO("rate-limit-group", V_TEXT, "id=NAME[,KEY=VALUE..]..",
	   "limits on bandwidth and requests are not there yet; use cgroup io.max on the host",
	   .list = true),
	NO("restore", V_TEXT, "source_url=URL[,KEY=VALUE..]",
	   "saved machines are not there yet; start the guest from its disk with --disk path="),
	NO("secure-boot", V_NONE, NULL,
	   "keys among the variables turn it on; give --nvram FILE, a copy of "
	   "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
	   .ours = true),
	NO("tpm", V_TEXT, "socket=PATH|builtin[,state=PATH]",
	   "there is no TPM yet; Windows 10 and Windows Server run without one"),
	NO("user-device", V_TEXT, "socket=PATH[,KEY=VALUE..]..",
	   "devices served by another process are not there yet; use --disk path=", .list = true),
	NO("vdpa", V_TEXT, "path=PATH[,KEY=VALUE..]..",
	   "host devices cannot be passed through yet; use --disk path=", .list = true),
	NO("vsock", V_TEXT, "cid=N,socket=PATH[,KEY=VALUE..]",
	   "sockets to the guest are not there yet; --serial2 socket=PATH can carry data"),
	NO("watchdog", V_NONE, NULL,
	   "there is no watchdog device yet; Windows restarts by itself after a crash"),
	{ .self = { NULL } },
};

static_assert(ARRAY_LEN(options) <= OPTIONS_MAX, "options_parse() remembers which it saw");

const struct option *option_find(const char *name)
{
	for (const struct option *o = options; o->self.name; o++)
		if (strcmp(o->self.name, name) == 0)
			return o;
	return NULL;
}

const struct option *option_find_letter(char letter)
{
	for (const struct option *o = options; o->self.name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

const char *option_nearest(const char *name)
{
	const char *names[ARRAY_LEN(options)];
	size_t n = 0;

	for (const struct option *o = options; o->self.name; o++)
		names[n++] = o->self.name;
	names[n] = NULL;
	return str_nearest(name, names);
}

const struct key *key_find(const struct key *keys, const char *name)
{
	for (const struct key *k = keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

const char *key_nearest(const struct key *keys, const char *name)
{
	const char *names[PAIRS_MAX];
	size_t n = 0;

	for (const struct key *k = keys; k->name && n < PAIRS_MAX - 1; k++)
		names[n++] = k->name;
	names[n] = NULL;
	return str_nearest(name, names);
}

const char *key_form(const struct key *k)
{
	static const char *const forms[] = {
		[V_NONE] = "",           [V_TEXT] = "TEXT",
		[V_TOGGLE] = "on|off",   [V_NUMBER] = "N",
		[V_SIZE] = "SIZE",       [V_CHOICE] = "",
		[V_INTS] = "[N,..]",     [V_TUPLES] = "[N@[N,..],..]",
		[V_WORDS] = "[TEXT,..]", [V_MAC] = "xx:xx:xx:xx:xx:xx",
		[V_IPV4] = "N.N.N.N",    [V_KEYS] = "KEY=VALUE[,..]",
	};

	return k->values ? k->values : forms[k->type];
}
