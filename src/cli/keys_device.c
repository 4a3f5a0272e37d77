/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/keys_device.c: the keys of --disk and --net. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "cli/options_priv.h"
#include "vm/config.h"

#define AT(member) offsetof(struct disk_options, member)
#define NO_LIMITS                                                                                  \
	"limits on bandwidth and requests are not there yet; use cgroup io.max on the host"
#define NO_IOMMU "there is no virtual IOMMU yet"
#define ONE_SEGMENT "the board has one PCI segment"

const struct key disk_keys[] = {
	KEY("path", V_TEXT, "FILE", NULL, set_text, AT(path),
	    "the image, or a host's disk; its format is found by content"),
	KEY("readonly", V_TOGGLE, NULL, "off", set_bool, AT(readonly), "the guest cannot write"),
	KEY("direct", V_TOGGLE, NULL, "off", set_bool, AT(direct),
	    "bypass the host's page cache (O_DIRECT)"),
	KEY("id", V_TEXT, "NAME", "_diskN", set_text, AT(id),
	    "name of the device, unique in the machine"),
	KEY("serial", V_TEXT, "TEXT", NULL, set_text, AT(serial),
	    "serial number that the guest sees, at most 20 bytes"),
	KEY("image_type", V_CHOICE, "raw|qcow2|vhd|fixedvhd|vhdx|vmdk", "by content", set_text,
	    AT(format), "format of the image"),
	KEY("queue_size", V_NUMBER, "N", "128", set_unsigned, AT(queue_size),
	    "entries in the request queue, a power of two", .min = 0, .max = 65535),
	NO_EFFECT("num_queues", V_NUMBER, "N", "1", "a disk has one queue for now", .min = 1,
		  .max = 65535, .set = set_unsigned, .offset = AT(num_queues)),
	KEY("pci_device_id", V_NUMBER, "N", "first free", set_int, AT(slot),
	    "PCI device number of the disk", .min = 1, .max = 30),
	KEY("bootindex", V_NUMBER, "N", NULL, set_int, AT(bootindex),
	    "place in the boot order: lower is tried earlier", .min = 0, .max = 9999),
	NOT_YET("bus", V_CHOICE, "virtio|scsi|nvme|sata|vmbus", "virtio",
		"only virtio disks are there yet; leave the key out"),
	NOT_YET("media", V_CHOICE, "disk|cdrom", "disk",
		"only disks are there yet; firmware and installed systems can read an ISO as "
		"media=disk"),
	NOT_YET("pci_segment", V_NUMBER, "N", "0", ONE_SEGMENT, .min = 0, .max = 255),
	NOT_YET("iommu", V_TOGGLE, NULL, "off", NO_IOMMU),
	NOT_YET("vhost_user", V_TOGGLE, NULL, "off",
		"disks served by another process are not there yet; give the image with path="),
	NOT_YET("socket", V_TEXT, "PATH", NULL,
		"disks served by another process are not there yet; give the image with path="),
	NOT_YET("rate_limit_group", V_TEXT, "NAME", NULL, NO_LIMITS),
	NOT_YET("bw_size", V_NUMBER, "BYTES", "0", NO_LIMITS, .min = 0, .max = ~0ull),
	NOT_YET("bw_one_time_burst", V_NUMBER, "BYTES", "0", NO_LIMITS, .min = 0, .max = ~0ull),
	NOT_YET("bw_refill_time", V_NUMBER, "MS", "0", NO_LIMITS, .min = 0, .max = ~0ull),
	NOT_YET("ops_size", V_NUMBER, "N", "0", NO_LIMITS, .min = 0, .max = ~0ull),
	NOT_YET("ops_one_time_burst", V_NUMBER, "N", "0", NO_LIMITS, .min = 0, .max = ~0ull),
	NOT_YET("ops_refill_time", V_NUMBER, "MS", "0", NO_LIMITS, .min = 0, .max = ~0ull),
	NO_EFFECT("queue_affinity", V_TUPLES, "[QUEUE@[CPU,..],..]", NULL,
		  "start oriel under taskset to choose host CPUs"),
	NOT_YET("backing_files", V_TOGGLE, NULL, "off",
		"images with a backing file are not there yet; qemu-img convert makes one image of "
		"both"),
	NO_EFFECT("sparse", V_TOGGLE, NULL, "on",
		  "blocks that the guest discards are given back to the host"),
	TAKEN("lock_granularity", V_CHOICE, "byte-range|full", "full",
	      "taken as it is: an image is locked whole"),
	NO_EFFECT("discard_granularity", V_SIZE, NULL, NULL, "the disk chooses it itself for now"),
	NO_EFFECT("rotation_rate", V_NUMBER, "RPM", "1", "a disk is always a solid state disk",
		  .min = 0, .max = 65535),
	NOT_YET("cache", V_TEXT, "MODE", NULL,
		"the page cache is used, flushes are honoured; direct=on bypasses it"),
	NOT_YET("snapshot", V_TOGGLE, NULL, "off",
		"throw-away changes are not there yet; give a copy of the image"),
	NO_EFFECT("_disable_io_uring", V_TOGGLE, NULL, "off",
		  "the host interface is chosen by oriel"),
	NO_EFFECT("_disable_aio", V_TOGGLE, NULL, "off", "the host interface is chosen by oriel"),
	KEYS_END,
};

#define NO_NET "the guest has no network card yet"
const struct key net_keys[] = {
	NO_EFFECT("tap", V_TEXT, "NAME", NULL, NO_NET),
	NO_EFFECT("ip", V_IPV4, NULL, NULL, NO_NET),
	NO_EFFECT("mask", V_IPV4, NULL, NULL, NO_NET),
	NO_EFFECT("mac", V_MAC, NULL, NULL, NO_NET),
	NO_EFFECT("host_mac", V_MAC, NULL, NULL, NO_NET),
	NO_EFFECT("mtu", V_NUMBER, "BYTES", NULL, NO_NET, .min = 1280, .max = 65535),
	NO_EFFECT("fd", V_INTS, "[FD,..]", NULL, NO_NET),
	NO_EFFECT("iommu", V_TOGGLE, NULL, "off", NO_NET),
	NO_EFFECT("num_queues", V_NUMBER, "N", "2", NO_NET, .min = 2, .max = 65534),
	NO_EFFECT("queue_size", V_NUMBER, "N", "256", NO_NET, .min = 2, .max = 32768),
	NO_EFFECT("vhost_user", V_TOGGLE, NULL, "off", NO_NET),
	NO_EFFECT("socket", V_TEXT, "PATH", NULL, NO_NET),
	NO_EFFECT("vhost_mode", V_CHOICE, "client|server", "client", NO_NET),
	NO_EFFECT("bw_size", V_NUMBER, "BYTES", NULL, NO_NET, .min = 0, .max = ~0ull),
	NO_EFFECT("bw_one_time_burst", V_NUMBER, "BYTES", NULL, NO_NET, .min = 0, .max = ~0ull),
	NO_EFFECT("bw_refill_time", V_NUMBER, "MS", NULL, NO_NET, .min = 0, .max = ~0ull),
	NO_EFFECT("ops_size", V_NUMBER, "N", NULL, NO_NET, .min = 0, .max = ~0ull),
	NO_EFFECT("ops_one_time_burst", V_NUMBER, "N", NULL, NO_NET, .min = 0, .max = ~0ull),
	NO_EFFECT("ops_refill_time", V_NUMBER, "MS", NULL, NO_NET, .min = 0, .max = ~0ull),
	NO_EFFECT("id", V_TEXT, "NAME", NULL, NO_NET),
	NO_EFFECT("pci_segment", V_NUMBER, "N", "0", NO_NET, .min = 0, .max = 255),
	NO_EFFECT("pci_device_id", V_NUMBER, "N", NULL, NO_NET, .min = 1, .max = 30),
	NO_EFFECT("offload_tso", V_TOGGLE, NULL, "on", NO_NET),
	NO_EFFECT("offload_ufo", V_TOGGLE, NULL, "on", NO_NET),
	NO_EFFECT("offload_csum", V_TOGGLE, NULL, "on", NO_NET),
	KEYS_END,
};

void *disk_target(struct vm_config *c, const struct option *o, struct error *err)
{
	if (c->disks == CONFIG_DISKS) {
		error_set(err, -EINVAL, "more than %d disks", CONFIG_DISKS);
		return NULL;
	}
	return config_add_disk(c);
}

int disk_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
	      struct error *err)
{
	const struct disk_options *d = target;

	if (!d->path)
		return error_set(err, -EINVAL, "path=FILE is missing: which image is the disk?");
	return 0;
}

/* A key whose form was checked already. */
static u64 number_of(const struct pairs *p, const char *key, u64 none)
{
	const char *text = pairs_get(p, key);
	u64 n = none;

	if (text && parse_u64(&n, text) < 0)
		return none;
	return n;
}

static bool toggle_of(const struct pairs *p, const char *key, bool none)
{
	const char *text = pairs_get(p, key);
	bool on = none;

	if (text && toggle_parse(&on, text, NULL) < 0)
		return none;
	return on;
}

static int check_fds(const struct pairs *given, u64 queues, struct error *err)
{
	const char *text = pairs_get(given, "fd");
	struct ints fds;

	if (!text)
		return 0;
	if (ints_parse(&fds, text, err) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < fds.n; i++)
		if (fds.at[i] <= 2)
			return error_set(err, -EINVAL,
					 "fd=%llu is standard input, output or error; tap "
					 "descriptors begin at 3",
					 (unsigned long long)fds.at[i]);
	if (pairs_get(given, "num_queues") && 2ull * fds.n != queues)
		return error_set(err, -EINVAL, "%u descriptors need num_queues=%u, not %llu", fds.n,
				 2 * fds.n, (unsigned long long)queues);
	return 0;
}

/* There is no card yet, but what could never work with one is refused now. */
int net_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
	     struct error *err)
{
	u64 queues = number_of(given, "num_queues", 2), size = number_of(given, "queue_size", 256);
	bool vhost_user = toggle_of(given, "vhost_user", false);

	if (queues % 2)
		return error_set(err, -EINVAL,
				 "num_queues=%llu is odd; queues come in pairs, one to send and "
				 "one to receive",
				 (unsigned long long)queues);
	if (size & (size - 1))
		return error_set(err, -EINVAL, "queue_size=%llu is not a power of two",
				 (unsigned long long)size);
	if (!pairs_get(given, "ip") != !pairs_get(given, "mask"))
		return error_set(err, -EINVAL, "ip= and mask= belong together; %s= is missing",
				 pairs_get(given, "ip") ? "mask" : "ip");
	if (!toggle_of(given, "offload_csum", true) &&
	    (toggle_of(given, "offload_tso", true) || toggle_of(given, "offload_ufo", true)))
		return error_set(err, -EINVAL,
				 "offload_csum=off needs offload_tso=off and "
				 "offload_ufo=off: both build on checksums");
	if (vhost_user && !pairs_get(given, "socket"))
		return error_set(err, -EINVAL, "vhost_user=on needs socket=PATH");
	if (check_fds(given, queues, err) < 0)
		return -EINVAL;
	return 0;
}
