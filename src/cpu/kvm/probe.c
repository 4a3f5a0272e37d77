/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/probe.c: does KVM here really run guests? A tiny one tells.
 *
 * /dev/kvm may be there and answer every question, and still not run an unmodified guest: software
 * implementations in cloud sandboxes do that. The guest runs on a thread of its own, so that a KVM
 * that never comes back costs a few seconds and a thread, not the program.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "cpu/kvm/kvm_priv.h"
#include "plat/time.h"

/* probe_guest.S */
extern const u8 kvm_probe_rom[4096];
extern const u8 kvm_probe_ud[];

enum {
	RAM_SIZE = 0x10000,
	PML4 = 0x1000,
	PDPT = 0x2000,
	PD_LOW = 0x3000,
	PD_TOP = 0x4000,
	IDT = 0x5000,
	UD_COUNT = 0x6000,
	MMIO = 0x100000,
	PORT = 0x510,
	PATTERN = 0x5a0f17c3,
	EXITS_MAX = 16,
};
#define ROM_BASE 0xfffff000u
#define PRESENT_RW 3ull
#define LARGE BIT64(7)

#define TIME_LIMIT_NS (5 * NS_PER_S)
#define GRACE_NS NS_PER_S

/* Advice that fits every way of not running: the hardware is not there. */
#define ADVICE                                                                                     \
	"it is not KVM on real virtualisation hardware; use a host that has it (in a cloud: one "  \
	"with nested virtualisation)"

struct probe {
	int vm, vcpu;
	size_t run_size;
	struct kvm_run *run;
	u8 *ram, *rom;
	struct thread *thread;
	struct mutex lock; /* for the rest */
	struct cond ended;
	bool done;
	int rc;
	char why[160];
};

static void fill_ram(u8 *ram)
{
	u32 handler = ROM_BASE + (u32)(kvm_probe_ud - kvm_probe_rom);

	put_le64(ram + PML4, PDPT | PRESENT_RW);
	put_le64(ram + PDPT, PD_LOW | PRESENT_RW);
	put_le64(ram + PDPT + 3 * 8, PD_TOP | PRESENT_RW);
	put_le64(ram + PD_LOW, LARGE | PRESENT_RW);
	put_le64(ram + PD_TOP + 511 * 8, 0xffe00000ull | LARGE | PRESENT_RW);
	/* Vector 6, an interrupt gate into selector 18. SDM 3A 6.14.1. */
	put_le16(ram + IDT + 6 * 16, (u16)handler);
	put_le16(ram + IDT + 6 * 16 + 2, 0x18);
	put_le16(ram + IDT + 6 * 16 + 4, 0x8e00);
	put_le16(ram + IDT + 6 * 16 + 6, (u16)(handler >> 16));
}

static int add_slot(struct probe *p, u32 slot, gpa_t at, u8 *host, u64 len, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = at,
		.memory_size = len,
		.userspace_addr = (u64)(uintptr_t)host,
	};

	return kvm_ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static int set_cpuid(struct kvm_host *h, struct probe *p)
{
	enum { ROOM = 512 };
	struct kvm_cpuid2 *all = xcalloc(1, sizeof(*all) + ROOM * sizeof(struct kvm_cpuid_entry2));
	int rc;

	all->nent = ROOM;
	rc = kvm_ioctl(h->fd, KVM_GET_SUPPORTED_CPUID, all);
	if (rc >= 0)
		rc = kvm_ioctl(p->vcpu, KVM_SET_CPUID2, all);
	free(all);
	return rc;
}

static u8 *pages(size_t len)
{
	u8 *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int build(struct kvm_host *h, struct probe *p, struct error *err)
{
	void *run;
	int rc;

	p->vm = kvm_ioctl_n(h->fd, KVM_CREATE_VM, 0);
	if (p->vm < 0)
		return kvm_error(err, p->vm, "KVM_CREATE_VM");
	p->ram = pages(RAM_SIZE);
	p->rom = pages(sizeof(kvm_probe_rom));
	if (!p->ram || !p->rom)
		return error_set(err, -ENOMEM, "no memory for a probe guest");
	fill_ram(p->ram);
	memcpy(p->rom, kvm_probe_rom, sizeof(kvm_probe_rom));
	rc = kvm_ioctl_n(p->vm, KVM_SET_TSS_ADDR, 0xfeffd000);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_TSS_ADDR");
	rc = add_slot(p, 0, 0, p->ram, RAM_SIZE, 0);
	if (rc >= 0)
		rc = add_slot(p, 1, ROM_BASE, p->rom, sizeof(kvm_probe_rom), KVM_MEM_READONLY);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_USER_MEMORY_REGION");
	p->vcpu = kvm_ioctl_n(p->vm, KVM_CREATE_VCPU, 0);
	if (p->vcpu < 0)
		return kvm_error(err, p->vcpu, "KVM_CREATE_VCPU");
	rc = set_cpuid(h, p);
	if (rc < 0)
		return kvm_error(err, rc, "KVM_SET_CPUID2");
	run = mmap(NULL, h->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (run == MAP_FAILED)
		return kvm_error(err, -errno, "mapping struct kvm_run");
	p->run = run;
	p->run_size = h->run_size;
	return 0;
}

static void unbuild(struct probe *p)
{
	if (p->run)
		munmap(p->run, p->run_size);
	if (p->vcpu >= 0)
		close(p->vcpu);
	if (p->vm >= 0)
		close(p->vm);
	if (p->ram)
		munmap(p->ram, RAM_SIZE);
	if (p->rom)
		munmap(p->rom, sizeof(kvm_probe_rom));
	mutex_finish(&p->lock);
	cond_finish(&p->ended);
	free(p);
}

static void where(struct probe *p, char *out, size_t len, const char *what)
{
	struct kvm_sregs s = { 0 };
	struct kvm_regs r = { 0 };

	(void)kvm_ioctl(p->vcpu, KVM_GET_REGS, &r);
	(void)kvm_ioctl(p->vcpu, KVM_GET_SREGS, &s);
	snprintf(out, len, "%s at %llx in %s mode", what, (unsigned long long)(s.cs.base + r.rip),
		 s.efer & BIT(10) ? "64-bit"
		 : s.cr0 & 1      ? "protected"
				  : "real");
}

/* 1: the guest did all it should; 0: go on; -errno: it cannot, @why says how. */
static int serve(struct probe *p, char *why, size_t len)
{
	struct kvm_run *run = p->run;
	char what[64];

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		if (run->mmio.is_write || run->mmio.phys_addr != MMIO || run->mmio.len != 4)
			break;
		put_le32(run->mmio.data, PATTERN);
		return 0;
	case KVM_EXIT_IO:
		if (run->io.direction != KVM_EXIT_IO_OUT || run->io.port != PORT ||
		    run->io.size != 4)
			break;
		if (le32_at((u8 *)run + run->io.data_offset) == ~(2 * (u32)PATTERN) &&
		    le32_at(p->ram + UD_COUNT) == 1)
			return 1;
		snprintf(why, len, "it computed a wrong result");
		return -EIO;
	case KVM_EXIT_SHUTDOWN: where(p, why, len, "it ended in a triple fault"); return -EIO;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(what, sizeof(what), "KVM gave up (internal error %u)",
			 run->internal.suberror);
		where(p, why, len, what);
		return -EIO;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(why, len, "the CPU refused to enter it, reason %llx",
			 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return -EIO;
	}
	snprintf(what, sizeof(what), "it left with exit %u", run->exit_reason);
	where(p, why, len, what);
	return -EIO;
}

static void run_probe(void *arg)
{
	struct probe *p = arg;
	char why[sizeof(p->why)] = "it ran without an end";
	int rc = 0;

	for (unsigned i = 0; i < EXITS_MAX && rc == 0; i++) {
		do { /* a debugger or a stopped process interrupts it, too; late, it is us */
			rc = kvm_ioctl_n(p->vcpu, KVM_RUN, 0);
		} while (rc == -EINTR &&
			 !__atomic_load_n(&p->run->immediate_exit, __ATOMIC_SEQ_CST));
		if (rc < 0)
			snprintf(why, sizeof(why), "KVM_RUN failed: %s", strerror(-rc));
		else
			rc = serve(p, why, sizeof(why));
	}
	mutex_lock(&p->lock);
	p->rc = rc == 0 ? -EIO : rc;
	memcpy(p->why, why, sizeof(why));
	p->done = true;
	cond_signal(&p->ended);
	mutex_unlock(&p->lock);
}

/* True when the thread has ended by itself before @ns have passed. */
static bool wait_end(struct probe *p, u64 ns)
{
	u64 until = time_now_ns() + ns, now;
	bool done;

	mutex_lock(&p->lock);
	while (!p->done && (now = time_now_ns()) < until)
		cond_wait_ns(&p->ended, &p->lock, until - now);
	done = p->done;
	mutex_unlock(&p->lock);
	return done;
}

int kvm_probe_guest(struct kvm_host *h, struct error *err)
{
	struct probe *p = xnew(struct probe);
	bool late;
	int rc;

	p->vm = p->vcpu = -1;
	mutex_init(&p->lock);
	cond_init(&p->ended);
	rc = build(h, p, err);
	if (rc == 0)
		rc = thread_start(&p->thread, "kvm-probe", run_probe, p, err);
	if (rc < 0) {
		unbuild(p);
		return rc;
	}
	late = !wait_end(p, TIME_LIMIT_NS);
	if (late) {
		__atomic_store_n(&p->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		thread_kick(p->thread);
		/* A thread that the kernel does not give back keeps what it uses. */
		if (!wait_end(p, GRACE_NS))
			return error_set(
				err, -ETIMEDOUT,
				"KVM hangs on a probe guest and cannot be interrupted; " ADVICE);
	}
	thread_join(p->thread);
	if (late)
		rc = error_set(err, -ETIMEDOUT, "a probe guest did not end within %llu s; " ADVICE,
			       TIME_LIMIT_NS / NS_PER_S);
	else
		rc = p->rc > 0 ? 0
			       : error_set(err, p->rc, "a probe guest does not run: %s; " ADVICE,
					   p->why);
	unbuild(p);
	return rc;
}

int kvm_probe(struct accel_info *out, struct error *err)
{
	struct kvm_host h;
	int rc = kvm_host_open(&h, err);

	if (rc < 0)
		return rc;
	rc = kvm_probe_guest(&h, err);
	if (rc == 0) {
		out->hyperv = h.hyperv;
		out->smm = h.smm;
		out->max_vcpus = h.max_vcpus;
		snprintf(out->detail, sizeof(out->detail), "API %d%s%s, at most %u vCPUs",
			 KVM_API_VERSION, h.hyperv ? ", Hyper-V" : "", h.smm ? ", SMM" : "",
			 h.max_vcpus);
	}
	kvm_host_close(&h);
	return rc;
}
