/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/irq.c: interrupts into the kernel's local APICs.
 *
 * Messages go by KVM_SIGNAL_MSI. The kernel's routing table holds the level-triggered I/O APIC
 * pins (GSI 0-23), for which it must tell us the EOI, and the irqfds behind them. The 8259's
 * vectors are given to vCPU 0 by its own thread, when it can take one.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cpu/kvm/kvm_priv.h"
#include "plat/event.h"

LOG_MODULE("kvm");

/* Intel SDM 3A 11.11: message address and data. */
#define MSI_WINDOW 0xfee00000u
#define MSI_WINDOW_MASK 0xfff00000u
#define MSI_MODE_SMI (2u << 8)
#define MSI_MODE_NMI (4u << 8)

static bool is_msi(struct msi msg)
{
	return ((u32)msg.addr & MSI_WINDOW_MASK) == MSI_WINDOW;
}

static void send_msi(void *cpus, struct msi msg)
{
	struct kvm *k = cpus;
	struct kvm_msi arg = {
		.address_lo = (u32)msg.addr,
		.address_hi = (u32)(msg.addr >> 32),
		.data = msg.data,
	};
	int rc;

	if (!is_msi(msg)) {
		log_guest("message %x to %llx, which no local APIC hears", msg.data,
			  (unsigned long long)msg.addr);
		return;
	}
	/* 0 is not an error: no APIC took it, which is the guest's affair. */
	rc = kvm_ioctl(k->vm, KVM_SIGNAL_MSI, &arg);
	if (rc < 0)
		log_guest("message %x to %llx was refused: %s", msg.data,
			  (unsigned long long)msg.addr, strerror(-rc));
}

/* A message to one APIC by physical id; the wide form where ids do not fit into 8 bits. */
static struct msi msi_to(u32 apic_id, u32 data)
{
	return (struct msi){
		.addr = MSI_WINDOW | (apic_id & 0xff) << 12 | (u64)(apic_id & ~0xffu) << 32,
		.data = data,
	};
}

static void nmi(void *cpus, unsigned index)
{
	struct kvm *k = cpus;

	if (index < k->base.cfg.count)
		send_msi(k, msi_to(topology_apic_id(&k->base.cfg.topology, index), MSI_MODE_NMI));
}

void kvm_vcpu_nmi(struct vcpu *v)
{
	nmi(kvm_of(v->accel), v->index);
}

/* To the caller's own vCPU directly, so that it comes right after the access that asked for it. */
static void smi(void *cpus, bool all)
{
	struct kvm *k = cpus;
	struct kvm_vcpu *me = kvm_current_vcpu();
	int rc = 0;

	if (me)
		rc = kvm_ioctl_n(me->fd, KVM_SMI, 0);
	if (rc < 0)
		log_err("KVM_SMI failed: %s", strerror(-rc));
	if (!all && me)
		return;
	for (unsigned i = 0; i < k->base.cfg.count; i++) {
		u32 id = topology_apic_id(&k->base.cfg.topology, i);

		if (!me || me->base.index != i)
			send_msi(k, msi_to(id, MSI_MODE_SMI));
		if (!all)
			return; /* nobody's access: vCPU 0 serves it */
	}
}

/* KVM says it with each exit. api.rst, KVM_RUN_X86_SMM. */
static bool in_smm(void *cpus)
{
	struct kvm_vcpu *me = kvm_current_vcpu();

	(void)cpus;
	return me && me->run->flags & KVM_RUN_X86_SMM;
}

static void fill_route(struct kvm_irq_routing_entry *e, u32 gsi, struct msi msg)
{
	*e = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {
			.address_lo = (u32)msg.addr,
			.address_hi = (u32)(msg.addr >> 32),
			.data = msg.data,
		},
	};
}

/* Give the kernel the whole table; irq_lock is held. */
static int set_routes(struct kvm *k)
{
	enum { ROOM = KVM_IOAPIC_PINS + KVM_IRQFDS };
	struct kvm_irq_routing *r =
		xcalloc(1, sizeof(*r) + ROOM * sizeof(struct kvm_irq_routing_entry));
	int rc;

	for (unsigned i = 0; i < KVM_IOAPIC_PINS; i++)
		if (k->pin[i].active)
			fill_route(&r->entries[r->nr++], i, k->pin[i].msg);
	for (unsigned i = 0; i < KVM_IRQFDS; i++)
		if (k->irqfd[i].used && is_msi(k->irqfd[i].msg))
			fill_route(&r->entries[r->nr++], KVM_IOAPIC_PINS + i, k->irqfd[i].msg);
	rc = kvm_ioctl(k->vm, KVM_SET_GSI_ROUTING, r);
	free(r);
	return rc;
}

/*
 * A masked pin keeps its route: its last interrupt may still wait for the EOI that clears the
 * pin's remote IRR. Edge-triggered pins need none, and each change of the table makes the kernel
 * wait for all vCPUs, so it hears only of what it must know.
 */
static void ioapic_route(void *cpus, unsigned pin, struct msi msg, bool level, bool masked)
{
	struct kvm *k = cpus;
	struct kvm_pin *p;
	bool active = level && is_msi(msg);
	int rc = 0;

	if (pin >= KVM_IOAPIC_PINS || masked)
		return;
	mutex_lock(&k->irq_lock);
	p = &k->pin[pin];
	if (p->active != active ||
	    (active && (p->msg.addr != msg.addr || p->msg.data != msg.data))) {
		p->active = active;
		p->msg = msg;
		rc = set_routes(k);
	}
	mutex_unlock(&k->irq_lock);
	if (rc < 0)
		log_err("routing I/O APIC pin %u failed: %s", pin, strerror(-rc));
}

static void extint(void *cpus, bool level)
{
	struct kvm *k = cpus;
	struct kvm_vcpu *v = k->vcpu[0];

	if (__atomic_exchange_n(&k->extint, level, __ATOMIC_SEQ_CST) == level)
		return;
	if (level && v && v != kvm_current_vcpu())
		kvm_vcpu_wake(v);
}

/*
 * The INTA cycle comes only when the CPU can take the interrupt: until then a higher one may still
 * replace it, and the guest may mask it. What KVM was given it cannot give back, so a vCPU that is
 * about to be stopped keeps its vector here, where it can be saved or forgotten.
 */
void kvm_offer_extint(struct kvm_vcpu *v)
{
	struct machine *m = v->base.accel->machine;
	struct kvm *k = v->kvm;
	struct kvm_interrupt arg;
	bool line = __atomic_load_n(&k->extint, __ATOMIC_SEQ_CST);
	int rc;

	if (line && v->extint < 0 && v->given < 0 && v->run->ready_for_interrupt_injection) {
		machine_lock(m);
		v->extint = machine_intack(m);
		machine_unlock(m);
		line = __atomic_load_n(&k->extint, __ATOMIC_SEQ_CST);
	}
	if (v->extint >= 0 && !__atomic_load_n(&v->run->immediate_exit, __ATOMIC_SEQ_CST)) {
		arg.irq = (u32)v->extint;
		rc = kvm_ioctl(v->fd, KVM_INTERRUPT, &arg);
		if (rc < 0)
			log_err("KVM_INTERRUPT failed: %s", strerror(-rc));
		else
			v->given = v->extint;
		v->extint = -1;
	}
	v->run->request_interrupt_window = line;
}

static int set_irqfd(struct kvm *k, unsigned id, bool on)
{
	struct kvm_irqfd arg = {
		.fd = (u32)k->irqfd[id].event->handle,
		.gsi = KVM_IOAPIC_PINS + id,
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};
	int rc;

	if (k->irqfd[id].live == on)
		return 0;
	rc = kvm_ioctl(k->vm, KVM_IRQFD, &arg);
	if (rc >= 0)
		k->irqfd[id].live = on;
	return rc;
}

int kvm_irqfd_add(struct accel *a, unsigned *id, struct event *e, struct msi msg, struct error *err)
{
	struct kvm *k = kvm_of(a);
	unsigned i = 0;
	int rc;

	mutex_lock(&k->irq_lock);
	while (i < KVM_IRQFDS && k->irqfd[i].used)
		i++;
	if (i == KVM_IRQFDS) {
		mutex_unlock(&k->irq_lock);
		return error_set(err, -ENOSPC, "kvm: more than %u interrupts by file descriptor",
				 KVM_IRQFDS);
	}
	k->irqfd[i] = (struct kvm_fd_route){ .event = e, .msg = msg, .used = true };
	rc = set_routes(k);
	if (rc >= 0)
		rc = set_irqfd(k, i, true);
	if (rc < 0)
		k->irqfd[i] = (struct kvm_fd_route){ 0 };
	mutex_unlock(&k->irq_lock);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_IRQFD");
	*id = i;
	return 0;
}

/* While masked it is detached: the event keeps a signal until it is attached again. */
void kvm_irqfd_update(struct accel *a, unsigned id, struct msi msg, bool masked)
{
	struct kvm *k = kvm_of(a);
	int rc = 0;

	mutex_lock(&k->irq_lock);
	if (id < KVM_IRQFDS && k->irqfd[id].used) {
		struct kvm_fd_route *f = &k->irqfd[id];

		if (!masked && (f->msg.addr != msg.addr || f->msg.data != msg.data)) {
			f->msg = msg;
			rc = set_routes(k);
		}
		if (rc >= 0)
			rc = set_irqfd(k, id, !masked);
	}
	mutex_unlock(&k->irq_lock);
	if (rc < 0)
		log_guest("routing an interrupt failed: %s", strerror(-rc));
}

void kvm_irqfd_remove(struct accel *a, unsigned id)
{
	struct kvm *k = kvm_of(a);

	mutex_lock(&k->irq_lock);
	if (id < KVM_IRQFDS && k->irqfd[id].used) {
		(void)set_irqfd(k, id, false);
		k->irqfd[id] = (struct kvm_fd_route){ 0 };
		(void)set_routes(k);
	}
	mutex_unlock(&k->irq_lock);
}

/* A length of 0 means any size of write to exactly that address, and is quicker for memory. */
static int doorbell(struct kvm *k, enum io_space s, u64 at, unsigned size, struct event *e, bool on)
{
	bool exact = !k->host.any_length && (size == 1 || size == 2 || size == 4 || size == 8);
	struct kvm_ioeventfd arg = {
		.addr = at,
		.len = exact ? size : 0,
		.fd = (s32)e->handle,
		.flags = (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN) |
			 (s == IO_PORT ? KVM_IOEVENTFD_FLAG_PIO : 0),
	};

	if (!exact && !k->host.any_length)
		return -EINVAL;
	return kvm_ioctl(k->vm, KVM_IOEVENTFD, &arg);
}

static int doorbell_add(void *cpus, enum io_space s, u64 at, unsigned size, struct event *e)
{
	return doorbell(cpus, s, at, size, e, true);
}

static void doorbell_remove(void *cpus, enum io_space s, u64 at, unsigned size, struct event *e)
{
	(void)doorbell(cpus, s, at, size, e, false);
}

const struct cpu_ops kvm_cpu_ops = {
	.msi_send = send_msi,
	.ioapic_route = ioapic_route,
	.extint = extint,
	.nmi = nmi,
	.smi = smi,
	.in_smm = in_smm,
	.doorbell_add = doorbell_add,
	.doorbell_remove = doorbell_remove,
};

/* Without a table of ours the kernel has none for a split irqchip; make that certain. */
int kvm_irq_init(struct kvm *k, struct error *err)
{
	int rc;

	mutex_lock(&k->irq_lock);
	rc = set_routes(k);
	mutex_unlock(&k->irq_lock);
	return rc < 0 ? kvm_error(err, rc, "KVM_SET_GSI_ROUTING") : 0;
}

void kvm_irq_finish(struct kvm *k)
{
	for (unsigned i = 0; i < KVM_IRQFDS && k->vm >= 0; i++)
		if (k->irqfd[i].used)
			(void)set_irqfd(k, i, false);
}
