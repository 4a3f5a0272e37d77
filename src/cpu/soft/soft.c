/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/soft.c: our own CPU as a backend: made, reset, wired to the machine, explained. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "cpu/soft/block.h"
#include "cpu/soft/jit.h"
#include "cpu/soft/soft_priv.h"
#include "plat/time.h"

enum { MAX_VCPUS = 240, CALIBRATE_NS = 20 * 1000 * 1000 };

/* Ticks of the host's TSC a second, from two readings of both clocks. */
static u64 measure_tsc_hz(void)
{
	u64 ns = time_now_ns(), tsc = host_tsc();

	while (time_now_ns() - ns < CALIBRATE_NS)
		;
	ns = time_now_ns() - ns;
	tsc = host_tsc() - tsc;
	/* To the next 100 kHz: that is what frequencies are made of, and the rest is noise. */
	return (u64)((unsigned __int128)tsc * NS_PER_S / ns + 50000) / 100000 * 100000;
}

static int soft_probe(struct accel_info *out, struct error *err)
{
	(void)err;
	out->hyperv = false;
	out->smm = true;
	out->max_vcpus = MAX_VCPUS;
	snprintf(out->detail, sizeof(out->detail), "our own CPU: anywhere, but slower");
	return 0;
}

/* ---- what devices call, from any thread ---- */

static void send_msi(void *cpus, struct msi msg)
{
	struct soft *s = cpus;

	lapic_deliver(&s->apics, msg);
}

static void route(void *cpus, unsigned pin, struct msi msg, bool level, bool masked)
{
	(void)cpus, (void)pin, (void)msg, (void)level, (void)masked;
}

static void extint(void *cpus, bool level)
{
	struct soft *s = cpus;

	if (s->cpu[0])
		lapic_set_lint0(&s->cpu[0]->lapic, level);
}

static void nmi(void *cpus, unsigned index)
{
	struct soft *s = cpus;

	if (index < s->count && s->cpu[index])
		lapic_post(&s->cpu[index]->lapic, LAPIC_NMI);
}

static void smi(void *cpus, bool all)
{
	struct soft *s = cpus;
	struct soft_cpu *me = soft_current();

	for (unsigned i = 0; i < s->count; i++)
		if (s->cpu[i] && (all || s->cpu[i] == me || (!me && i == 0)))
			lapic_post(&s->cpu[i]->lapic, LAPIC_SMI);
}

static bool in_smm(void *cpus)
{
	struct soft_cpu *me = soft_current();

	(void)cpus;
	return me && me->in_smm;
}

static const struct cpu_ops soft_cpu_ops = {
	.msi_send = send_msi,
	.ioapic_route = route,
	.extint = extint,
	.nmi = nmi,
	.smi = smi,
	.in_smm = in_smm,
};

/* ---- what local APICs call ---- */

static void wake(void *cpu)
{
	cpu_attend(cpu, ATT_INTR);
}

static u64 now_ns(void *cpu)
{
	struct soft_cpu *c = cpu;

	return clock_now_ns(c->soft->base.machine->clock);
}

static u64 tsc(void *cpu)
{
	struct soft_cpu *c = cpu;

	return host_tsc_for(c) + c->tsc_offset;
}

static const struct lapic_ops lapic_ops = {
	.wake = wake,
	.now_ns = now_ns,
	.tsc = tsc,
	.alarm = world_alarm,
};

/* ---- the machine's CPUs ---- */

static int set_up_cpuid(struct soft *s, struct error *err)
{
	const struct cpu_config *cfg = &s->base.cfg;
	const struct cpuid_leaf *sizes;
	int rc = soft_model(&s->base.cpuid, cfg->model, s->tsc_hz, err);

	if (rc < 0)
		return rc;
	s->policy = (struct cpuid_policy){
		.vcpus = cfg->count,
		.topology = cfg->topology,
		.tsc_deadline = true,
		.x2apic = true,
		.overcommitted = cfg->count > host_cpus(),
		.phys_bits_limit = cfg->phys_bits_limit,
	};
	rc = cpuid_apply(&s->base.cpuid, &s->policy, err);
	sizes = cpuid_find(&s->base.cpuid, 0x80000008, 0);
	s->phys_bits = sizes ? (u8)sizes->eax : 36;
	return rc;
}

static int soft_create(struct accel **out, struct machine *m, const struct cpu_config *cfg,
		       struct error *err)
{
	struct jit_options jit;
	struct soft *s;
	int rc = jit_options_parse(&jit, cfg->jit, err);

	if (rc < 0)
		return error_prefix(err, "--cpus jit"), rc;
	if (cfg->hyperv)
		return error_set(err, -ENOTSUP,
				 "our own CPU does not present the Hyper-V interface yet; use "
				 "kvm_hyperv=off");
	if (cfg->nested)
		return error_set(err, -ENOTSUP, "our own CPU has no nested virtualisation");
	s = xnew(struct soft);
	s->base = (struct accel){ .cls = &soft_accel, .machine = m, .cfg = *cfg };
	s->count = cfg->count;
	s->tsc_hz = measure_tsc_hz();
	world_init(s);
	rc = topology_fill(&s->base.cfg.topology, s->count, err);
	if (rc == 0)
		rc = set_up_cpuid(s, err);
	s->apics = (struct apic_bus){
		.machine = m,
		.ops = &lapic_ops,
		.tsc_hz = s->tsc_hz,
		.phys_bits = s->phys_bits,
		.x2apic = true,
		.count = s->count,
	};
	apic_bus_init(&s->apics);
	if (rc == 0)
		rc = mmu_listen(s, err);
	if (rc == 0)
		rc = jit_create(s, &jit, err);
	if (rc == 0)
		rc = world_start(s, err);
	if (rc < 0) {
		soft_accel.destroy(&s->base);
		return rc;
	}
	machine_attach_cpus(m, &soft_cpu_ops, s);
	*out = &s->base;
	return 0;
}

static void soft_destroy(struct accel *a)
{
	struct soft *s;

	if (!a)
		return;
	s = soft_of(a);
	if (a->machine->cpus == s)
		machine_attach_cpus(a->machine, NULL, NULL);
	soft_irqfds_finish(s);
	world_finish(s);
	mmu_unlisten(s);
	thunks_destroy(s);
	jit_destroy(s);
	apic_bus_finish(&s->apics);
	free(s);
}

static void soft_vcpu_destroy(struct vcpu *v)
{
	struct soft_cpu *c;

	if (!v)
		return;
	c = soft_cpu_of(v);
	/* The alarm thread and deliverers look at all that are there. */
	mutex_lock(&c->soft->world_lock);
	if (c->soft->cpu[v->index] == c)
		c->soft->cpu[v->index] = NULL;
	mutex_unlock(&c->soft->world_lock);
	if (c->soft->apics.lapics[v->index] == &c->lapic)
		c->soft->apics.lapics[v->index] = NULL;
	blocks_destroy(c);
	fpu_destroy(c);
	mmu_destroy(c);
	cond_finish(&c->sleep_changed);
	mutex_finish(&c->sleep_lock);
	lockstep_destroy(c);
	jit_cpu_free(c);
}

static int soft_vcpu_create(struct vcpu **out, struct accel *a, unsigned index, struct error *err)
{
	struct soft *s = soft_of(a);
	struct soft_cpu *c = jit_cpu_new();
	int rc;

	c->base = (struct vcpu){
		.accel = a,
		.index = index,
		.apic_id = topology_apic_id(&a->cfg.topology, index),
	};
	c->soft = s;
	c->alarm_ns = ~0ull;
	mutex_init(&c->sleep_lock);
	cond_init(&c->sleep_changed);
	c->cpuid = a->cpuid;
	cpuid_for_vcpu(&c->cpuid, &s->policy, c->base.apic_id);
	cpu_features_init(c);
	lapic_init(&c->lapic, &s->apics, index, c->base.apic_id, c);
	rc = mmu_create(c);
	if (rc < 0)
		error_set(err, rc, "no memory for the TLB");
	if (rc == 0)
		rc = fpu_create(c, err);
	if (rc == 0)
		rc = blocks_create(c, err);
	if (rc == 0 && s->jit && s->jit->opt.lockstep)
		rc = lockstep_create(c, err);
	if (rc == 0)
		rc = soft_accel.vcpu_reset(&c->base, err);
	mutex_lock(&s->world_lock);
	s->cpu[index] = c;
	mutex_unlock(&s->world_lock);
	if (rc < 0) {
		soft_vcpu_destroy(&c->base);
		return rc;
	}
	*out = &c->base;
	return 0;
}

static int soft_vcpu_reset(struct vcpu *v, struct error *err)
{
	struct soft_cpu *c = soft_cpu_of(v);

	(void)err;
	__atomic_store_n(&c->attention, 0, __ATOMIC_SEQ_CST);
	c->event.kind = c->delivering.kind = EV_NONE;
	lapic_reset(&c->lapic, LAPIC_RESET_POWER_ON);
	(void)lapic_events_take(&c->lapic);
	blocks_flush(c);
	cpu_reset(c, false);
	c->activity = v->index == 0 ? ACT_RUN : ACT_WAIT_SIPI;
	c->tsc_offset = -host_tsc();
	if (v->index && c->soft->cpu[0])
		c->tsc_offset = c->soft->cpu[0]->tsc_offset;
	lapic_time_changed(&c->lapic);
	return 0;
}

static void soft_pause(struct accel *a)
{
	struct soft *s = soft_of(a);

	mutex_lock(&s->world_lock);
	s->paused = true;
	s->paused_tsc = host_tsc();
	mutex_unlock(&s->world_lock);
}

static void soft_resume(struct accel *a)
{
	struct soft *s = soft_of(a);
	u64 gone;

	mutex_lock(&s->world_lock);
	gone = s->paused ? host_tsc() - s->paused_tsc : 0;
	s->paused = false;
	for (unsigned i = 0; i < s->count; i++) {
		if (!s->cpu[i])
			continue;
		s->cpu[i]->tsc_offset -= gone;
		/* Whoever runs next looks at its timer. */
		__atomic_fetch_or(&s->cpu[i]->attention, ATT_INTR, __ATOMIC_SEQ_CST);
	}
	cond_broadcast(&s->world_changed);
	mutex_unlock(&s->world_lock);
}

static void soft_nmi(struct vcpu *v)
{
	lapic_post(&soft_cpu_of(v)->lapic, LAPIC_NMI);
}

static void say_seg(struct str *out, const char *name, const struct cpu_seg *s)
{
	str_add(out, "%s %04x base %" PRIx64 " limit %x attr %x\n", name, s->sel, s->base, s->limit,
		s->attr);
}

static void soft_explain(struct vcpu *v, struct str *out)
{
	static const char gpr[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char seg[6][3] = { "es", "cs", "ss", "ds", "fs", "gs" };
	const struct soft_cpu *c = soft_cpu_of(v);

	if (c->result == RUN_SHUTDOWN)
		str_add(out, "triple fault: vector %u, error %x, cr2 %" PRIx64 "\n",
			c->event.vector, c->event.error, c->cr2);
	else
		str_add(out, "%s\n", c->why[0] ? c->why : "nothing is wrong");
	str_add(out, "rip %" PRIx64 " rflags %" PRIx64 "\n", c->rip, flags_get(c));
	for (unsigned i = 0; i < 16; i++)
		str_add(out, "%s %" PRIx64 "%s", gpr[i], c->gpr[i], i % 4 == 3 ? "\n" : " ");
	for (unsigned i = 0; i < 6; i++)
		say_seg(out, seg[i], &c->seg[i]);
	say_seg(out, "tr", &c->tr);
	say_seg(out, "ldt", &c->ldt);
	str_add(out, "gdt %" PRIx64 "+%x idt %" PRIx64 "+%x\n", c->gdt.base, c->gdt.limit,
		c->idt.base, c->idt.limit);
	str_add(out,
		"cr0 %" PRIx64 " cr2 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64 " efer %" PRIx64,
		c->cr0, c->cr2, c->cr3, c->cr4, c->efer);
}

const struct accel_class soft_accel = {
	.name = "soft",
	.summary = "our own CPU: needs nothing of the host",
	.probe = soft_probe,
	.create = soft_create,
	.destroy = soft_destroy,
	.vcpu_create = soft_vcpu_create,
	.vcpu_destroy = soft_vcpu_destroy,
	.vcpu_reset = soft_vcpu_reset,
	.run = soft_run,
	.kick = soft_kick,
	.explain = soft_explain,
	.get_state = soft_get_state,
	.set_state = soft_set_state,
	.pause = soft_pause,
	.resume = soft_resume,
	.nmi = soft_nmi,
	.irqfd_add = soft_irqfd_add,
	.irqfd_update = soft_irqfd_update,
	.irqfd_remove = soft_irqfd_remove,
};
