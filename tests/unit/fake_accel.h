/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/fake_accel.h: a CPU backend whose vCPUs run a C function instead of a guest. The test
 * is linked with --wrap=accel_choose, so that every machine gets it.
 */
#pragma once

#include <errno.h>

#include "base/alloc.h"
#include "core/machine.h"
#include "cpu/accel.h"
#include "plat/thread.h"
#include "test.h"

enum { FAKE_CPUS = 8, FAKE_MSRS = 3 };

struct fake_cpu {
	struct vcpu base;
	struct mutex lock;
	struct cond kicked_now;
	bool kicked;
	unsigned resets, runs;  /* atomic */
	struct cpu_state state; /* as it was last set; zeroes after a reset, but for FAKE_MSRS */
};

/*
 * What the vCPUs do, set before they start: one step, after which kicks are looked at. NULL: they
 * wait to be kicked.
 */
struct fake {
	enum run_result (*step)(struct fake_cpu *c);
	unsigned paused, resumed, msis;     /* atomic */
	bool reset_fails, map_fails, alive; /* the backend refuses these */
	struct fake_cpu *cpu[FAKE_CPUS];
};

extern struct fake fake;

static inline struct machine *fake_machine(struct fake_cpu *c)
{
	return c->base.accel->machine;
}
