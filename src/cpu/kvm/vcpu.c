/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/kvm/vcpu.c: a vCPU's life: made, reset, run, kicked, and its exits served. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "cpu/kvm/kvm_priv.h"
#include "plat/time.h"

#define MSR_FEATURE_CONTROL 0x3a
#define SIPI_POLL_NS (200 * NS_PER_US)

/* The vCPU whose exit this thread serves: devices called from there may raise an SMI for it. */
static _Thread_local struct kvm_vcpu *current;

struct kvm_vcpu *kvm_current_vcpu(void)
{
	return current;
}

static int set_cpuid(struct kvm_vcpu *v, struct error *err)
{
	struct cpuid_table *t = xnew(struct cpuid_table);
	struct kvm_cpuid2 *arg =
		xcalloc(1, sizeof(*arg) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2));
	int rc;

	*t = v->kvm->base.cpuid;
	cpuid_for_vcpu(t, &v->kvm->policy, v->base.apic_id);
	for (unsigned i = 0; i < t->count; i++) {
		const struct cpuid_leaf *l = &t->at[i];

		arg->entries[arg->nent++] = (struct kvm_cpuid_entry2){
			.function = l->leaf,
			.index = l->has_subleaf ? l->subleaf : 0,
			.flags = l->has_subleaf ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = l->eax,
			.ebx = l->ebx,
			.ecx = l->ecx,
			.edx = l->edx,
		};
	}
	rc = kvm_ioctl(v->fd, KVM_SET_CPUID2, arg);
	free(arg);
	free(t);
	return rc < 0 ? kvm_error(err, rc, "KVM_SET_CPUID2") : 0;
}

/* KVM's new vCPU is in the state after RESET, but for what depends on its CPUID. */
static int keep_reset_state(struct kvm_vcpu *v, struct error *err)
{
	const struct cpuid_leaf *id = cpuid_find(&v->kvm->base.cpuid, 1, 0);
	int rc;

	if (v->base.index == 0) {
		rc = kvm_list_msrs(v, err);
		if (rc < 0)
			return rc;
	}
	v->reset_state = xnew(struct cpu_state);
	rc = kvm_save_cpu(v, v->reset_state, err);
	if (rc == 0 && id)
		v->reset_state->gpr[2] = id->eax; /* EDX: family, model, stepping. SDM 3A 9.1.2 */
	return rc;
}

int kvm_vcpu_create(struct vcpu **out, struct accel *a, unsigned index, struct error *err)
{
	struct kvm_vcpu *v = xnew(struct kvm_vcpu);
	struct kvm *k = kvm_of(a);
	void *run;
	int rc;

	v->base = (struct vcpu){
		.accel = a,
		.index = index,
		.apic_id = topology_apic_id(&a->cfg.topology, index),
	};
	v->kvm = k;
	v->extint = v->given = -1;
	/* KVM's name for a vCPU is its APIC id. */
	v->fd = kvm_ioctl_n(k->vm, KVM_CREATE_VCPU, v->base.apic_id);
	if (v->fd < 0) {
		rc = kvm_error(err, v->fd, "KVM_CREATE_VCPU");
		goto fail;
	}
	run = mmap(NULL, k->host.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED) {
		rc = kvm_error(err, -errno, "mapping struct kvm_run");
		goto fail;
	}
	v->run = run;
	rc = set_cpuid(v, err);
	if (rc == 0)
		rc = kvm_hyperv_init_vcpu(v, err);
	if (rc == 0)
		rc = keep_reset_state(v, err);
	if (rc < 0)
		goto fail;
	__atomic_store_n(&k->vcpu[index], v, __ATOMIC_RELEASE);
	*out = &v->base;
	return 0;
fail:
	kvm_vcpu_destroy(&v->base);
	return rc;
}

void kvm_vcpu_destroy(struct vcpu *base)
{
	struct kvm_vcpu *v;

	if (!base)
		return;
	v = kvm_vcpu_of(base);
	if (v->kvm->vcpu[base->index] == v)
		v->kvm->vcpu[base->index] = NULL;
	if (v->run)
		munmap(v->run, v->kvm->host.run_size);
	if (v->fd >= 0)
		close(v->fd);
	str_free(&v->why);
	free(v->reset_state);
	free(v);
}

int kvm_vcpu_reset(struct vcpu *base, struct error *err)
{
	struct kvm_vcpu *v = kvm_vcpu_of(base);
	int rc = kvm_load_cpu(v, v->reset_state, err);

	/* Where the MSR is KVM's (Intel): locked, VMX allowed if it is shown. SDM 3C 24.7. */
	if (rc == 0)
		(void)kvm_set_msr(v, MSR_FEATURE_CONTROL, base->accel->cfg.nested ? 5 : 1);
	return rc < 0 ? error_prefix(err, "vcpu%u", base->index) : 0;
}

/*
 * The order makes it safe against a run() that is about to enter: it clears immediate_exit first
 * and looks at what it is woken for afterwards.
 */
void kvm_vcpu_wake(struct kvm_vcpu *v)
{
	struct thread *t = __atomic_load_n(&v->base.thread, __ATOMIC_ACQUIRE);

	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (t)
		thread_kick(t);
}

void kvm_vcpu_kick(struct vcpu *base)
{
	struct kvm_vcpu *v = kvm_vcpu_of(base);

	__atomic_store_n(&v->kicked, 1, __ATOMIC_SEQ_CST);
	kvm_vcpu_wake(v);
}

/* A string instruction brings many accesses in one exit: one round of the lock serves them. */
static void port_access(struct kvm_vcpu *v)
{
	struct machine *m = v->base.accel->machine;
	struct kvm_run *run = v->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	unsigned size = run->io.size;
	u16 port = run->io.port;
	bool in = run->io.direction == KVM_EXIT_IO_IN;

	v->base.exits[in ? EXIT_PORT_READ : EXIT_PORT_WRITE]++;
	if (run->io.count == 1) {
		if (in)
			put_le(data, size, io_read_vcpu(m, IO_PORT, port, size));
		else
			io_write_vcpu(m, IO_PORT, port, size, le_at(data, size));
		return;
	}
	machine_lock(m);
	for (u32 i = 0; i < run->io.count; i++, data += size) {
		if (in)
			put_le(data, size, io_read(m, IO_PORT, port, size));
		else
			io_write(m, IO_PORT, port, size, le_at(data, size));
	}
	machine_unlock(m);
}

static void memory_access(struct kvm_vcpu *v)
{
	struct machine *m = v->base.accel->machine;
	struct kvm_run *run = v->run;
	unsigned size = MIN(run->mmio.len, 8u);

	v->base.exits[run->mmio.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ]++;
	if (run->mmio.is_write)
		io_write_vcpu(m, IO_MMIO, run->mmio.phys_addr, size, le_at(run->mmio.data, size));
	else
		put_le(run->mmio.data, size, io_read_vcpu(m, IO_MMIO, run->mmio.phys_addr, size));
}

static enum run_result system_event(struct kvm_vcpu *v)
{
	v->base.exits[EXIT_SYSTEM]++;
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_RESET: return RUN_RESET;
	case KVM_SYSTEM_EVENT_CRASH: kvm_hyperv_crashed(v); return RUN_CRASH;
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_request(v->base.accel->machine, REQUEST_POWEROFF);
		return RUN_AGAIN;
	default:
		str_free(&v->why);
		str_add(&v->why, "KVM reports system event %u", v->run->system_event.type);
		return RUN_ERROR;
	}
}

static void add_instruction(struct kvm_vcpu *v)
{
	const struct kvm_run *run = v->run;
	bool told = run->emulation_failure.ndata >= 3 && run->emulation_failure.flags & 1;
	unsigned len = told ? MIN(run->emulation_failure.insn_size, (u8)15) : 0;

	if (!len)
		return;
	str_add(&v->why, "; the instruction is");
	for (unsigned i = 0; i < len; i++)
		str_add(&v->why, " %02x", run->emulation_failure.insn_bytes[i]);
}

static enum run_result give_up(struct kvm_vcpu *v)
{
	const struct kvm_run *run = v->run;

	v->base.exits[EXIT_OTHER]++;
	str_free(&v->why);
	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
			str_add(&v->why,
				"KVM cannot emulate an instruction: it touches a device in "
				"a way KVM does not know, or runs where no memory is");
			add_instruction(v);
		} else {
			str_add(&v->why, "KVM internal error %u", run->internal.suberror);
			for (u32 i = 0; i < MIN(run->internal.ndata, 16u); i++)
				str_add(&v->why, " %llx",
					(unsigned long long)run->internal.data[i]);
		}
		break;
	case KVM_EXIT_FAIL_ENTRY:
		str_add(&v->why, "the CPU refused to enter the guest, reason %llx",
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	default: str_add(&v->why, "KVM exit %u is not handled", run->exit_reason);
	}
	return RUN_ERROR;
}

/* RUN_AGAIN: the exit is served, go on. Exits that KVM completes on re-entry are noted. */
static enum run_result serve(struct kvm_vcpu *v)
{
	struct machine *m = v->base.accel->machine;
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		v->unfinished = true;
		port_access(v);
		return RUN_AGAIN;
	case KVM_EXIT_MMIO:
		v->unfinished = true;
		memory_access(v);
		return RUN_AGAIN;
	case KVM_EXIT_X86_RDMSR:
		v->unfinished = true;
		v->base.exits[EXIT_MSR_READ]++;
		return kvm_msr_read_exit(v) ? RUN_CRASH : RUN_AGAIN;
	case KVM_EXIT_X86_WRMSR:
		v->unfinished = true;
		v->base.exits[EXIT_MSR_WRITE]++;
		return kvm_msr_write_exit(v) ? RUN_CRASH : RUN_AGAIN;
	case KVM_EXIT_HYPERV:
		v->unfinished = true;
		v->base.exits[EXIT_HYPERV]++;
		kvm_hyperv_exit(v);
		return RUN_AGAIN;
	case KVM_EXIT_IOAPIC_EOI:
		v->base.exits[EXIT_IOAPIC_EOI]++;
		machine_lock(m);
		machine_eoi(m, run->eoi.vector);
		machine_unlock(m);
		return RUN_AGAIN;
	case KVM_EXIT_IRQ_WINDOW_OPEN: v->base.exits[EXIT_INTR_WINDOW]++; return RUN_AGAIN;
	case KVM_EXIT_HLT: /* not with the kernel's local APIC, which waits itself */
		v->base.exits[EXIT_HALT]++;
		return RUN_AGAIN;
	case KVM_EXIT_INTR: v->base.exits[EXIT_KICK]++; return RUN_AGAIN;
	case KVM_EXIT_SHUTDOWN:
		v->base.exits[EXIT_OTHER]++;
		str_free(&v->why);
		str_add(&v->why, "triple fault");
		return RUN_SHUTDOWN;
	case KVM_EXIT_SYSTEM_EVENT: return system_event(v);
	default: return give_up(v);
	}
}

static enum run_result enter_failed(struct kvm_vcpu *v, int code)
{
	switch (code) {
	case EINTR: v->base.exits[EXIT_KICK]++; return RUN_AGAIN;
	case EAGAIN:
		/*
		 * A vCPU that waits for its SIPI was woken. By its INIT, once; but while an SMI is
		 * pending KVM does not wait at all.
		 */
		if (v->again)
			time_sleep_ns(SIPI_POLL_NS);
		v->again = true;
		return RUN_AGAIN;
	default:
		str_free(&v->why);
		str_add(&v->why, "KVM_RUN failed: %s", strerror(code));
		return RUN_ERROR;
	}
}

/*
 * Enter once. @finish: only complete the last exit, do not run the guest; that may bring another
 * exit (the rest of a string instruction), so the caller repeats until nothing is unfinished.
 */
static enum run_result enter(struct kvm_vcpu *v, bool finish)
{
	int rc;

	if (finish)
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	kvm_enter_gate(v);
	rc = kvm_ioctl_n(v->fd, KVM_RUN, 0);
	kvm_leave_gate(v);
	v->unfinished = false;
	v->again = rc == -EAGAIN && v->again;
	/* An untouched reason means that KVM turned back at once and injected nothing. */
	if (v->run->exit_reason != KVM_EXIT_UNKNOWN)
		v->given = -1;
	return rc < 0 ? enter_failed(v, -rc) : serve(v);
}

/*
 * Registers are right only when the last exit is complete, and a reset must not be followed by a
 * belated completion. So nobody sees a vCPU before that.
 */
static enum run_result finish(struct kvm_vcpu *v, enum run_result why)
{
	while (v->unfinished && why != RUN_ERROR && why != RUN_SHUTDOWN) {
		enum run_result next = enter(v, true);

		if (next != RUN_AGAIN)
			why = next;
	}
	return why;
}

enum run_result kvm_vcpu_run(struct vcpu *base)
{
	struct kvm_vcpu *v = kvm_vcpu_of(base);
	enum run_result why = RUN_AGAIN;

	current = v;
	/* For ready_for_interrupt_injection: a halted vCPU would sleep before it is looked at. */
	if (v->loaded)
		why = enter(v, true);
	v->loaded = false;
	while (why == RUN_AGAIN) {
		/* First this, then the reasons to turn back: see kvm_vcpu_wake(). */
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (__atomic_exchange_n(&v->kicked, 0, __ATOMIC_SEQ_CST))
			break;
		if (base->index == 0)
			kvm_offer_extint(v);
		why = enter(v, false);
	}
	why = finish(v, why);
	current = NULL;
	return why;
}

static void add_segment(struct str *out, const char *name, const struct cpu_seg *s)
{
	str_add(out, "%s=%04x %llx+%x attr %04x ", name, s->sel, (unsigned long long)s->base,
		s->limit, s->attr);
}

static void add_registers(struct str *out, const struct cpu_state *s)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"
	};

	str_add(out, "\nrip=%llx rflags=%llx", (unsigned long long)s->rip,
		(unsigned long long)s->rflags);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		str_add(out, "%s%s=%llx", i % 4 ? " " : "\n", names[i],
			(unsigned long long)s->gpr[i]);
	str_add(out, "\ncr0=%llx cr2=%llx cr3=%llx cr4=%llx cr8=%llx efer=%llx\n",
		(unsigned long long)s->cr0, (unsigned long long)s->cr2, (unsigned long long)s->cr3,
		(unsigned long long)s->cr4, (unsigned long long)s->cr8,
		(unsigned long long)s->efer);
	add_segment(out, "cs", &s->cs);
	add_segment(out, "ss", &s->ss);
	add_segment(out, "ds", &s->ds);
	str_add(out, "\ngdt=%llx+%x idt=%llx+%x activity=%u%s", (unsigned long long)s->gdt.base,
		s->gdt.limit, (unsigned long long)s->idt.base, s->idt.limit, s->activity,
		s->event.in_smm ? " in SMM" : "");
}

void kvm_vcpu_explain(struct vcpu *base, struct str *out)
{
	struct kvm_vcpu *v = kvm_vcpu_of(base);
	struct cpu_state *s = xnew(struct cpu_state);
	struct error err = { 0 };

	str_add(out, "vcpu%u: %s", base->index, v->why.len ? v->why.at : "nothing to tell");
	if (kvm_save_cpu(v, s, &err) < 0) {
		str_add(out, " (%s)", err.msg);
	} else {
		/* AMD's CPUs leave nothing behind, so KVM gives the vCPU an INIT. */
		if (s->rip == 0xfff0 && s->cs.base == 0xffff0000 && !(s->cr0 & 1))
			str_add(out,
				" (the registers below are those after INIT; this CPU keeps no "
				"others)");
		add_registers(out, s);
	}
	free(s);
}
