/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/fake_accel.c: see tests/unit/fake_accel.h. */
#include "fake_accel.h"

struct fake fake;

static int fake_mem_add(void *arg, enum mem_view view, const struct mem_range *r)
{
	return fake.map_fails && r->at >= GIB(4) ? -ENOSPC : 0;
}

static void fake_mem_remove(void *arg, enum mem_view view, const struct mem_range *r)
{
}

static const struct mem_listener fake_listener = { .add = fake_mem_add, .remove = fake_mem_remove };

static void fake_msi(void *cpus, struct msi msg)
{
	__atomic_fetch_add(&fake.msis, 1, __ATOMIC_RELAXED);
}

static void fake_extint(void *cpus, bool level)
{
}

static void fake_smi(void *cpus, bool all)
{
}

static void fake_route(void *cpus, unsigned pin, struct msi msg, bool level, bool masked)
{
}

static int fake_doorbell_add(void *cpus, enum io_space s, u64 at, unsigned size, struct event *e)
{
	return 0;
}

static void fake_doorbell_remove(void *cpus, enum io_space s, u64 at, unsigned size,
				 struct event *e)
{
}

static const struct cpu_ops fake_ops = {
	.msi_send = fake_msi,
	.ioapic_route = fake_route,
	.extint = fake_extint,
	.smi = fake_smi,
	.doorbell_add = fake_doorbell_add,
	.doorbell_remove = fake_doorbell_remove,
};

static int fake_create(struct accel **out, struct machine *m, const struct cpu_config *cfg,
		       struct error *err);

static void fake_destroy(struct accel *a)
{
	if (!a)
		return;
	machine_attach_cpus(a->machine, NULL, NULL);
	mem_unlisten(a->machine->mem, &fake_listener);
	fake.alive = false;
	free(a);
}

static int fake_vcpu_create(struct vcpu **out, struct accel *a, unsigned index, struct error *err)
{
	struct fake_cpu *c = xnew(struct fake_cpu);

	c->base = (struct vcpu){ .accel = a, .index = index, .apic_id = index };
	mutex_init(&c->lock);
	cond_init(&c->kicked_now);
	fake.cpu[index] = c;
	*out = &c->base;
	return 0;
}

static void fake_vcpu_destroy(struct vcpu *v)
{
	struct fake_cpu *c = container_of(v, struct fake_cpu, base);

	fake.cpu[v->index] = NULL;
	cond_finish(&c->kicked_now);
	mutex_finish(&c->lock);
	free(c);
}

static int fake_vcpu_reset(struct vcpu *v, struct error *err)
{
	struct fake_cpu *c = container_of(v, struct fake_cpu, base);

	static const u32 msrs[FAKE_MSRS] = { 0x200, 0x201, 0x2ff };

	__atomic_fetch_add(&c->resets, 1, __ATOMIC_RELAXED);
	memset(&c->state, 0, sizeof(c->state));
	for (unsigned i = 0; i < FAKE_MSRS; i++)
		c->state.msr[i].index = msrs[i];
	c->state.msr_count = FAKE_MSRS;
	return fake.reset_fails ? error_set(err, -EIO, "this one cannot be reset") : 0;
}

static bool fake_was_kicked(struct fake_cpu *c, bool wait)
{
	bool was;

	mutex_lock(&c->lock);
	while (wait && !c->kicked)
		cond_wait(&c->kicked_now, &c->lock);
	was = c->kicked;
	c->kicked = false;
	mutex_unlock(&c->lock);
	return was;
}

static enum run_result fake_run(struct vcpu *v)
{
	struct fake_cpu *c = container_of(v, struct fake_cpu, base);
	enum run_result r = RUN_AGAIN;

	__atomic_fetch_add(&c->runs, 1, __ATOMIC_RELAXED);
	while (r == RUN_AGAIN && !fake_was_kicked(c, !fake.step))
		r = fake.step(c);
	return r;
}

static void fake_kick(struct vcpu *v)
{
	struct fake_cpu *c = container_of(v, struct fake_cpu, base);
	struct thread *t = __atomic_load_n(&v->thread, __ATOMIC_ACQUIRE);

	mutex_lock(&c->lock);
	c->kicked = true;
	cond_signal(&c->kicked_now);
	mutex_unlock(&c->lock);
	if (t)
		thread_kick(t);
}

static void fake_explain(struct vcpu *v, struct str *out)
{
	str_add(out, "vcpu%u: the test wanted it\nrip=1234", v->index);
}

static int fake_get_state(struct vcpu *v, struct cpu_state *out, struct error *err)
{
	*out = container_of(v, struct fake_cpu, base)->state;
	return 0;
}

static int fake_set_state(struct vcpu *v, const struct cpu_state *in, struct error *err)
{
	container_of(v, struct fake_cpu, base)->state = *in;
	return 0;
}

static void fake_pause(struct accel *a)
{
	__atomic_fetch_add(&fake.paused, 1, __ATOMIC_RELAXED);
}

static void fake_resume(struct accel *a)
{
	__atomic_fetch_add(&fake.resumed, 1, __ATOMIC_RELAXED);
}

static const struct accel_class fake_class = {
	.name = "fake",
	.create = fake_create,
	.destroy = fake_destroy,
	.vcpu_create = fake_vcpu_create,
	.vcpu_destroy = fake_vcpu_destroy,
	.vcpu_reset = fake_vcpu_reset,
	.run = fake_run,
	.kick = fake_kick,
	.explain = fake_explain,
	.get_state = fake_get_state,
	.set_state = fake_set_state,
	.pause = fake_pause,
	.resume = fake_resume,
};

static int fake_create(struct accel **out, struct machine *m, const struct cpu_config *cfg,
		       struct error *err)
{
	struct accel *a = xnew(struct accel);
	int rc = mem_listen(m->mem, &fake_listener, err);

	if (rc < 0) {
		free(a);
		return rc;
	}
	*a = (struct accel){ .cls = &fake_class, .machine = m, .cfg = *cfg };
	machine_attach_cpus(m, &fake_ops, a);
	fake.alive = true;
	*out = a;
	return 0;
}

int __wrap_accel_choose(const struct accel_class **out, struct accel_info *info, const char *name,
			struct str *why, struct error *err);

int __wrap_accel_choose(const struct accel_class **out, struct accel_info *info, const char *name,
			struct str *why, struct error *err)
{
	*info = (struct accel_info){ .hyperv = true, .smm = true, .max_vcpus = FAKE_CPUS };
	str_add(why, "a fake");
	*out = &fake_class;
	return 0;
}
