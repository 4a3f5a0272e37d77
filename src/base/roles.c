/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/roles.c: the role tokens of base/types.h. */
#include "base/types.h"

struct role in_machine;
struct role on_loop;
struct role on_vcpu;
