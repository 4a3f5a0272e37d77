/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/kvm/node_priv.h: opening /dev/kvm, and what to do when that fails. */
#pragma once

#include "base/error.h"

#define KVM_NODE "/dev/kvm"

/* A file descriptor, or -errno with advice in @err. */
int kvm_open_node(struct error *err);
/* Fill @err for the failure @code (negative) and return it. */
int kvm_node_error(struct error *err, int code);
