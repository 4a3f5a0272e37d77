/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/kvm/kvm.c: opening KVM, looking at what it can do, and making a machine in it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cpu/kvm/kvm_priv.h"
#include "cpu/kvm/node_priv.h"
#include "plat/map.h"

/* Three pages for Intel CPUs that cannot run real mode, then one for their identity map. */
#define KVM_TSS_ADDR 0xfeffd000ull
#define KVM_IDENTITY_ADDR 0xfeffc000ull

/* No guest of ours runs without these; all are there since Linux 4.11. */
static const struct {
	u32 cap;
	const char *name;
} required[] = {
	{ KVM_CAP_USER_MEMORY, "memory slots" },
	{ KVM_CAP_EXT_CPUID, "CPUID tables" },
	{ KVM_CAP_SET_TSS_ADDR, "a TSS address" },
	{ KVM_CAP_SPLIT_IRQCHIP, "the split irqchip" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_SIGNAL_MSI" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
	{ KVM_CAP_IOEVENTFD, "ioeventfd" },
	{ KVM_CAP_READONLY_MEM, "read-only memory" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate_exit" },
	{ KVM_CAP_MP_STATE, "the multiprocessing state" },
	{ KVM_CAP_VCPU_EVENTS, "the event state" },
	{ KVM_CAP_DEBUGREGS, "the debug registers" },
	{ KVM_CAP_XSAVE, "the XSAVE state" },
};

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	int rc = ioctl(fd, req, arg);

	return rc < 0 ? -errno : rc;
}

int kvm_ioctl_n(int fd, unsigned long req, unsigned long arg)
{
	int rc = ioctl(fd, req, arg);

	return rc < 0 ? -errno : rc;
}

int kvm_error(struct error *err, int rc, const char *call)
{
	return error_set(err, rc, "kvm: %s failed: %s", call, strerror(-rc));
}

int kvm_check_cap(int fd, long cap)
{
	int rc = kvm_ioctl_n(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return rc < 0 ? 0 : rc;
}

int kvm_enable_cap(int fd, u32 cap, u64 arg0)
{
	struct kvm_enable_cap arg = { .cap = cap, .args = { arg0 } };

	return kvm_ioctl(fd, KVM_ENABLE_CAP, &arg);
}

static void look(struct kvm_host *h)
{
	int vcpus = kvm_check_cap(h->fd, KVM_CAP_MAX_VCPUS);
	int slots = kvm_check_cap(h->fd, KVM_CAP_NR_MEMSLOTS);

	h->max_vcpus = vcpus > 0 ? (unsigned)vcpus : 4; /* the manual's word for "not told" */
	h->max_slots = slots > 0 ? (unsigned)slots : 32;
	h->smm = kvm_check_cap(h->fd, KVM_CAP_X86_SMM) > 0 &&
		 kvm_check_cap(h->fd, KVM_CAP_MULTI_ADDRESS_SPACE) > 1;
	h->xcrs = kvm_check_cap(h->fd, KVM_CAP_XCRS) > 0;
	h->exception_payload = kvm_check_cap(h->fd, KVM_CAP_EXCEPTION_PAYLOAD) > 0;
	h->triple_fault = kvm_check_cap(h->fd, KVM_CAP_X86_TRIPLE_FAULT_EVENT) > 0;
	h->msr_exits = kvm_check_cap(h->fd, KVM_CAP_X86_USER_SPACE_MSR) > 0;
	h->msr_filter = h->msr_exits && kvm_check_cap(h->fd, KVM_CAP_X86_MSR_FILTER) > 0;
	h->tsc_deadline = kvm_check_cap(h->fd, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	h->clock = kvm_check_cap(h->fd, KVM_CAP_ADJUST_CLOCK) > 0;
	h->any_length = kvm_check_cap(h->fd, KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0;
	h->x2apic_ids = kvm_check_cap(h->fd, KVM_CAP_X2APIC_API) > 0;
	h->pmu_cap = kvm_check_cap(h->fd, KVM_CAP_PMU_CAPABILITY) > 0;
	h->tsc_steady = kvm_tsc_is_steady();
	kvm_hyperv_look(h);
}

int kvm_host_open(struct kvm_host *out, struct error *err)
{
	struct kvm_host h = { .fd = kvm_open_node(err) };
	int rc;

	if (h.fd < 0)
		return h.fd;
	rc = kvm_ioctl_n(h.fd, KVM_GET_API_VERSION, 0);
	if (rc != KVM_API_VERSION) {
		rc = error_set(err, -ENOTSUP, KVM_NODE " does not speak KVM's API version %d",
			       KVM_API_VERSION);
		goto fail;
	}
	for (unsigned i = 0; i < ARRAY_LEN(required); i++) {
		if (kvm_check_cap(h.fd, required[i].cap) > 0)
			continue;
		rc = error_set(err, -ENOTSUP,
			       "this KVM lacks %s; it needs the KVM of Linux 4.11 or newer, on "
			       "real virtualisation hardware",
			       required[i].name);
		goto fail;
	}
	rc = kvm_ioctl_n(h.fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (rc < (int)sizeof(struct kvm_run)) {
		rc = error_set(err, -ENOTSUP, KVM_NODE " gives no room for struct kvm_run");
		goto fail;
	}
	h.run_size = (size_t)rc;
	look(&h);
	*out = h;
	return 0;
fail:
	close(h.fd);
	return rc;
}

void kvm_host_close(struct kvm_host *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

/* The host's leaves as KVM can virtualise them. Those that are all zero need no entry. */
static int host_cpuid(const struct kvm_host *h, struct cpuid_table *out, struct error *err)
{
	enum { ROOM = 512 };
	struct kvm_cpuid2 *all = xcalloc(1, sizeof(*all) + ROOM * sizeof(struct kvm_cpuid_entry2));
	int rc;

	all->nent = ROOM;
	rc = kvm_ioctl(h->fd, KVM_GET_SUPPORTED_CPUID, all);
	if (rc < 0)
		rc = kvm_error(err, rc, "KVM_GET_SUPPORTED_CPUID");
	out->count = 0;
	for (u32 i = 0; i < all->nent && rc == 0; i++) {
		const struct kvm_cpuid_entry2 *e = &all->entries[i];
		struct cpuid_leaf l = {
			.leaf = e->function,
			.subleaf = e->index,
			.has_subleaf = e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = e->eax,
			.ebx = e->ebx,
			.ecx = e->ecx,
			.edx = e->edx,
		};

		if ((l.eax | l.ebx | l.ecx | l.edx) == 0)
			continue;
		if (cpuid_add(out, &l) < 0)
			rc = error_set(err, -ENOSPC, "kvm: the host reports too many CPUID leaves");
	}
	free(all);
	return rc;
}

static int apply_policy(struct kvm *k, struct error *err)
{
	const struct cpu_config *cfg = &k->base.cfg;
	int rc = host_cpuid(&k->host, &k->base.cpuid, err);

	if (rc < 0)
		return rc;
	if (cfg->hyperv && !k->host.hyperv)
		return error_set(err, -ENOTSUP,
				 "the host's KVM does not offer the Hyper-V interface (a kernel "
				 "built without it, or older than 5.11); use kvm_hyperv=off");
	k->policy = (struct cpuid_policy){
		.vcpus = cfg->count,
		.topology = cfg->topology,
		.hyperv = cfg->hyperv,
		.nested = cfg->nested,
		.tsc_deadline = k->host.tsc_deadline,
		.x2apic = true,
		.overcommitted = cfg->count > host_cpus(),
		.phys_bits_limit = cfg->phys_bits_limit,
		.hv_eax = k->host.hv_eax,
		.hv_ebx = k->host.hv_ebx,
		.hv_edx = k->host.hv_edx,
		.hv_hints = k->host.hv_hints,
	};
	return cpuid_apply(&k->base.cpuid, &k->policy, err);
}

static int enable_vm_caps(struct kvm *k, struct error *err)
{
	const struct cpu_config *cfg = &k->base.cfg;
	u64 identity = KVM_IDENTITY_ADDR;
	int rc = kvm_ioctl_n(k->vm, KVM_SET_TSS_ADDR, KVM_TSS_ADDR);

	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_TSS_ADDR");
	rc = kvm_ioctl(k->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_IDENTITY_MAP_ADDR");
	rc = kvm_enable_cap(k->vm, KVM_CAP_SPLIT_IRQCHIP, KVM_IOAPIC_PINS);
	if (rc < 0)
		return kvm_error(err, rc, "enabling the split irqchip");
	/* Ids above 254 need the wide form; it changes how the APIC state is saved. */
	if (topology_apic_id(&cfg->topology, cfg->count - 1) > 254) {
		rc = kvm_enable_cap(k->vm, KVM_CAP_X2APIC_API,
				    KVM_X2APIC_API_USE_32BIT_IDS |
					    KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
		if (rc < 0)
			return kvm_error(err, rc, "enabling 32-bit APIC ids");
	}
	/* The rest refines: a kernel that refuses one of them still runs guests. */
	if (k->host.exception_payload)
		(void)kvm_enable_cap(k->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1);
	if (k->host.triple_fault)
		k->host.triple_fault = kvm_enable_cap(k->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1) ==
				       0;
	if (k->host.pmu_cap)
		(void)kvm_enable_cap(k->vm, KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE);
	return kvm_msr_init(k, err);
}

static int check_config(const struct kvm *k, struct error *err)
{
	const struct cpu_config *cfg = &k->base.cfg;

	if (cfg->count > k->host.max_vcpus)
		return error_set(err, -EINVAL, "%u vCPUs; this host's KVM runs at most %u",
				 cfg->count, k->host.max_vcpus);
	if (cfg->smm && !k->host.smm)
		return error_set(err, -ENOTSUP,
				 "the host's KVM has no System Management Mode; use firmware "
				 "built without SMM");
	return 0;
}

static void kvm_destroy(struct accel *a)
{
	struct kvm *k;

	if (!a)
		return;
	k = kvm_of(a);
	machine_attach_cpus(a->machine, NULL, NULL);
	kvm_slots_finish(k);
	kvm_irq_finish(k);
	if (k->vm >= 0)
		close(k->vm);
	kvm_host_close(&k->host);
	mutex_finish(&k->gate);
	cond_finish(&k->left);
	mutex_finish(&k->irq_lock);
	mutex_finish(&k->msr_lock);
	free(k->vcpu);
	free(k);
}

/* The guest's instructions run on the host's processor, which cannot be another. */
static int check_model(const char *model, struct error *err)
{
	if (!model || strcmp(model, "host") == 0 || strcmp(model, "max") == 0)
		return 0;
	return error_set(
		err, -ENOTSUP,
		"--cpus model=%s: under KVM the guest sees the host's own CPU (model=host); "
		"other models are for --accel soft",
		model);
}

static int kvm_create(struct accel **out, struct machine *m, const struct cpu_config *cfg,
		      struct error *err)
{
	struct kvm *k = xnew(struct kvm);
	int rc;

	k->base = (struct accel){ .cls = &kvm_accel, .machine = m, .cfg = *cfg };
	k->host.fd = k->vm = -1;
	mutex_init(&k->gate);
	cond_init(&k->left);
	mutex_init(&k->irq_lock);
	mutex_init(&k->msr_lock);
	rc = check_model(cfg->model, err);
	if (rc == 0)
		rc = topology_fill(&k->base.cfg.topology, cfg->count, err);
	if (rc < 0)
		goto fail;
	rc = kvm_host_open(&k->host, err);
	if (rc < 0)
		goto fail;
	rc = check_config(k, err);
	if (rc == 0)
		rc = apply_policy(k, err);
	if (rc < 0)
		goto fail;
	k->vcpu = xcalloc(cfg->count, sizeof(k->vcpu[0]));
	do { /* a signal may interrupt it: it makes threads in the kernel */
		k->vm = kvm_ioctl_n(k->host.fd, KVM_CREATE_VM, 0);
	} while (k->vm == -EINTR);
	if (k->vm < 0) {
		rc = kvm_error(err, k->vm, "KVM_CREATE_VM");
		goto fail;
	}
	rc = enable_vm_caps(k, err);
	if (rc == 0)
		rc = kvm_irq_init(k, err);
	if (rc == 0)
		rc = kvm_slots_init(k, err);
	if (rc < 0)
		goto fail;
	machine_attach_cpus(m, &kvm_cpu_ops, k);
	*out = &k->base;
	return 0;
fail:
	kvm_destroy(&k->base);
	return rc;
}

const struct accel_class kvm_accel = {
	.name = "kvm",
	.summary = "Linux KVM (needs /dev/kvm and virtualisation hardware)",
	.probe = kvm_probe,
	.create = kvm_create,
	.destroy = kvm_destroy,
	.vcpu_create = kvm_vcpu_create,
	.vcpu_destroy = kvm_vcpu_destroy,
	.vcpu_reset = kvm_vcpu_reset,
	.run = kvm_vcpu_run,
	.kick = kvm_vcpu_kick,
	.explain = kvm_vcpu_explain,
	.get_state = kvm_get_state,
	.set_state = kvm_set_state,
	.pause = kvm_pause,
	.resume = kvm_resume,
	.nmi = kvm_vcpu_nmi,
	.irqfd_add = kvm_irqfd_add,
	.irqfd_update = kvm_irqfd_update,
	.irqfd_remove = kvm_irqfd_remove,
};
