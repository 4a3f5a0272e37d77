/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/kvm/node.c: see cpu/kvm/node_priv.h. Apart, because <fcntl.h> and core/stats.h do not mix. */
#include "cpu/kvm/node_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int kvm_node_error(struct error *err, int code)
{
	switch (-code) {
	case ENOENT:
		return error_set(err, code,
				 "there is no " KVM_NODE "; load the module kvm_intel or kvm_amd, "
				 "switch virtualisation on in the firmware setup, or give it to "
				 "the container (--device " KVM_NODE ")");
	case EACCES:
	case EPERM:
		return error_set(err, code,
				 "no permission to open " KVM_NODE "; join its group: "
				 "sudo usermod -aG kvm \"$USER\", then log in again");
	case ENODEV:
	case ENXIO:
		return error_set(err, code,
				 KVM_NODE " has no driver behind it; load the module kvm_intel or "
					  "kvm_amd and look at dmesg for why it refuses");
	default: return error_set(err, code, "cannot open " KVM_NODE ": %s", strerror(-code));
	}
}

int kvm_open_node(struct error *err)
{
	int fd = open(KVM_NODE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? kvm_node_error(err, -errno) : fd;
}
