/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/machine.c: the lock, the calls between devices and CPUs, and the counters. */
#include "core/machine.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/trace.h"

LOG_MODULE("machine");

#define STAT(name, text) #name,
const char *const stat_names[N_STATS] = {
#include "core/stats.def"
};
#undef STAT

int machine_create(struct machine **out, struct clock *clock, struct error *err)
{
	struct machine *m = xnew(struct machine);
	int rc = mem_create(&m->mem, err);

	m->clock = clock;
	mutex_init(&m->lock);
	for (unsigned s = 0; s < N_IO_SPACES && rc == 0; s++)
		rc = io_map_create(&m->io[s]);
	if (rc < 0) {
		machine_destroy(m);
		return rc;
	}
	*out = m;
	return 0;
}

/* Nobody else may still know @m, so the devices may act as if the lock were held. */
void machine_destroy(struct machine *m) unchecked_roles
{
	struct device *next;

	if (!m)
		return;
	/* Or an older device that unmaps its windows would meet those of newer ones, long freed. */
	for (unsigned s = 0; s < N_IO_SPACES; s++)
		io_map_clear(m->io[s]);
	for (struct device *d = m->devices; d; d = next) {
		next = d->next;
		d->cls->destroy(d);
	}
	for (unsigned s = 0; s < N_IO_SPACES; s++)
		io_map_destroy(m->io[s]);
	mem_destroy(m->mem);
	clock_destroy(m->clock);
	mutex_finish(&m->lock);
	free(m);
}

void machine_lock(struct machine *m) unchecked_roles
{
	mutex_lock(&m->lock);
}

void machine_unlock(struct machine *m) unchecked_roles
{
	mutex_unlock(&m->lock);
}

static void add_doorbell(void *arg, const struct io_window *w)
{
	struct machine *m = arg;

	(void)m->cpu_ops->doorbell_add(m->cpus, w->space, w->base, (unsigned)w->len, w->doorbell);
}

void machine_attach_cpus(struct machine *m, const struct cpu_ops *ops, void *cpus)
{
	machine_lock(m);
	m->cpu_ops = ops;
	m->cpus = cpus;
	if (ops && ops->doorbell_add)
		io_each_doorbell(m, add_doorbell, m);
	machine_unlock(m);
}

void machine_request(struct machine *m, enum machine_request what)
{
	trace(machine_request, what);
	if (m->request)
		m->request(m->request_arg, what);
	else
		log_debug("request %u has no taker", what);
}

void machine_request_exit(struct machine *m, u32 value)
{
	__atomic_store_n(&m->exit_value, value, __ATOMIC_RELEASE);
	machine_request(m, REQUEST_EXIT);
}

void machine_eoi(struct machine *m, u8 vector)
{
	if (m->intc.eoi)
		m->intc.eoi(m->intc.ioapic, vector);
}

bool machine_in_smm(struct machine *m)
{
	return m->cpu_ops && m->cpu_ops->in_smm && m->cpu_ops->in_smm(m->cpus);
}

int machine_intack(struct machine *m)
{
	return m->intc.ack ? m->intc.ack(m->intc.pic) : -1;
}

void msi_send(struct machine *m, struct msi msg)
{
	stat_add(m, STAT_msi, 1);
	if (m->cpu_ops)
		m->cpu_ops->msi_send(m->cpus, msg);
}

void stat_add(struct machine *m, enum stat s, u64 n)
{
	__atomic_fetch_add(&m->stats[s], n, __ATOMIC_RELAXED);
}

u64 stat_get(struct machine *m, enum stat s)
{
	return __atomic_load_n(&m->stats[s], __ATOMIC_RELAXED);
}
