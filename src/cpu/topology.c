/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/topology.c: threads, cores, dies and packages, and the APIC ids that say so. */
#include <errno.h>

#include "cpu/cpuid.h"

/* Bits that number @n things: 0 for one, 2 for three or four. */
static unsigned bits_for(unsigned n)
{
	unsigned bits = 0;

	while (bits < 31 && 1u << bits < n)
		bits++;
	return bits;
}

int topology_fill(struct cpu_topology *t, unsigned vcpus, struct error *err)
{
	struct cpu_topology full = *t;
	u64 product;

	if (!full.threads)
		full.threads = 1;
	if (!full.dies)
		full.dies = 1;
	if (!full.packages)
		full.packages = 1;
	if (full.threads > 2)
		return error_set(err, -EINVAL,
				 "topology: %u threads per core; Windows and real CPUs have 1 or 2",
				 full.threads);
	/* Each number is checked before it is multiplied: the product stays below 2^64. */
	if (full.dies > vcpus || full.packages > vcpus || full.cores > vcpus)
		return error_set(err, -EINVAL, "topology: more parts than the %u vCPUs", vcpus);
	product = (u64)full.threads * full.dies * full.packages;
	if (!full.cores)
		full.cores = (unsigned)(vcpus / product);
	product *= full.cores;
	if (product != vcpus)
		return error_set(err, -EINVAL,
				 "topology: %u threads x %u cores x %u dies x %u packages is not "
				 "the number of vCPUs, %u",
				 full.threads, full.cores, full.dies, full.packages, vcpus);
	*t = full;
	return 0;
}

unsigned topology_core_shift(const struct cpu_topology *t)
{
	return bits_for(t->threads);
}

unsigned topology_die_shift(const struct cpu_topology *t)
{
	return topology_core_shift(t) + bits_for(t->cores);
}

unsigned topology_package_shift(const struct cpu_topology *t)
{
	return topology_die_shift(t) + bits_for(t->dies);
}

u32 topology_apic_id(const struct cpu_topology *t, unsigned index)
{
	unsigned thread = index % t->threads, rest = index / t->threads;
	unsigned core = rest % t->cores, die, package;

	rest /= t->cores;
	die = rest % t->dies;
	package = rest / t->dies;
	return thread | core << topology_core_shift(t) | die << topology_die_shift(t) |
	       package << topology_package_shift(t);
}
