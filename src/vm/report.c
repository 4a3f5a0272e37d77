/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm/report.c: counters and device states of a VM, for people and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "plat/map.h"
#include "plat/time.h"
#include "vm/vm_priv.h"

struct table {
	struct str *out;
	bool json, any;
};

static void row(struct table *t, const char *name, u64 value)
{
	if (t->json)
		str_add(t->out, "%s\"%s\":%llu", t->any ? "," : "{", name,
			(unsigned long long)value);
	else
		str_add(t->out, "%-24s %llu\n", name, (unsigned long long)value);
	t->any = true;
}

static void exit_rows(struct table *t, const struct vm *vm)
{
	u64 sum = 0;

	for (unsigned k = 0; k < N_EXIT_KINDS; k++) {
		u64 n = 0;
		char *name;

		for (unsigned i = 0; i < vm->vcpus; i++)
			n += __atomic_load_n(&vm->cpu[i].vcpu->exits[k], __ATOMIC_RELAXED);
		sum += n;
		name = xasprintf("exits_%s", exit_names[k]);
		row(t, name, n);
		free(name);
	}
	row(t, "exits", sum);
	sum = 0;
	for (unsigned i = 0; i < vm->vcpus; i++)
		sum += __atomic_load_n(&vm->cpu[i].vcpu->insns, __ATOMIC_RELAXED);
	if (sum) /* KVM does not count them */
		row(t, "instructions", sum);
}

static bool is_guest_ram(void *arg, const void *at)
{
	return mem_owns(arg, REGION_RAM, at);
}

void vm_sample_memory(struct vm *vm)
{
	u64 now = process_rss_but(is_guest_ram, vm->machine->mem);

	vm->peak_own = MAX(vm->peak_own, now);
}

/*
 * peak_rss_bytes has the guest's memory in it, as far as it was touched; peak_own_bytes is what
 * oriel costs beyond that, flash and shared libraries included, as seen when the machine was made
 * and now.
 */
void vm_stats(struct vm *vm, struct str *out, bool json)
{
	struct table t = { out, json, false };

	row(&t, "wall_us", vm->started_ns ? (time_now_ns() - vm->started_ns) / NS_PER_US : 0);
	row(&t, "cpu_us", process_cpu_ns() / NS_PER_US);
	row(&t, "peak_rss_bytes", process_peak_rss());
	vm_sample_memory(vm);
	row(&t, "peak_own_bytes", vm->peak_own);
	exit_rows(&t, vm);
	for (unsigned s = 0; s < N_STATS; s++)
		row(&t, stat_names[s], stat_get(vm->machine, (enum stat)s));
	if (json)
		str_add(out, "}\n");
}

void vm_inspect(struct vm *vm, struct str *out)
{
	machine_lock(vm->machine);
	device_inspect_all(vm->machine, out);
	machine_unlock(vm->machine);
}

void vm_tell(const struct vm *vm, struct str *facts, struct str *notes)
{
	str_add_bytes(facts, vm->facts.at, vm->facts.len);
	str_add_bytes(notes, vm->notes.at, vm->notes.len);
}
