/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/run.c: run one payload on a CPU backend and compare what it reports.
 *
 *	run [--accel NAME] [--cpus N] [--jit WORDS] [--hyperv] [--smm] [--shuttle]
 *	    PAYLOAD WANT [EXCEPTIONS]
 *
 * The payload is a 64 KiB ROM at FFFF0000, seen at F0000 too, in a machine of 16 MiB with an 8259
 * pair, an I/O APIC, an 8254 and the device of testdev.h. --shuttle stops the vCPUs every few
 * milliseconds, saves their state, resets them and loads the state again: the payload must not
 * notice. --jit: as --cpus jit= of oriel; without it the environment's ORIEL_TEST_JIT. With --smm
 * the page at 4000 of the ROM is put where an SMI begins.
 * WANT and EXCEPTIONS: see report.h; the latter count in the rig.
 * Exit code 77: the backend cannot be used here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bus/isa/isa.h"
#include "cpu/accel.h"
#include "dev/legacy/legacy.h"
#include "plat/time.h"
#include "report.h"
#include "testdev.h"

enum { ROM_SIZE = 0x10000, SMI_CODE = 0x4000, SMI_ENTRY = 0x8000, CPUS_MAX = 8, SKIPPED = 77 };
#define TIME_LIMIT_NS (60 * NS_PER_S)
#define SHUTTLE_NS (3 * NS_PER_MS)

struct runner;

struct cpu {
	struct runner *r;
	struct vcpu *vcpu;
	struct thread *thread;
	struct cpu_state saved;
};

struct runner {
	const char *accel_name, *payload, *want, *exceptions;
	struct cpu_config cfg;
	bool shuttle;

	struct machine *machine;
	struct accel *accel;
	struct isa_bus isa;
	struct testdev dev;
	struct cpu cpu[CPUS_MAX];

	struct mutex lock; /* for the rest */
	struct cond changed;
	bool hold, stop;
	unsigned parked;
	char failure[4096];
};

static void die(const char *what, const struct error *err)
{
	fprintf(stderr, "%s: %s\n", what, err->msg);
	exit(1);
}

/* Under the machine lock, as all of the report. */
static void note(struct runner *r, const char *text) unchecked_roles
{
	machine_lock(r->machine);
	str_add(&r->dev.report, "[%s]", text);
	machine_unlock(r->machine);
}

static void fail(struct runner *r, struct vcpu *v)
{
	struct str why = { 0 };

	r->accel->cls->explain(v, &why);
	mutex_lock(&r->lock);
	snprintf(r->failure, sizeof(r->failure), "%s", why.at);
	mutex_unlock(&r->lock);
	str_free(&why);
}

static void print_reason(struct runner *r, struct vcpu *v)
{
	struct str why = { 0 };

	r->accel->cls->explain(v, &why);
	printf("%s\n", why.at);
	str_free(&why);
}

static void note_crash(struct runner *r, struct vcpu *v)
{
	struct str why = { 0 };
	char *end;

	r->accel->cls->explain(v, &why);
	end = strchr(why.at, '\n'); /* the registers differ from run to run */
	if (end)
		*end = 0;
	note(r, why.at);
	str_free(&why);
}

/* Park while held. False: the end. */
static bool may_run(struct runner *r)
{
	bool go;

	mutex_lock(&r->lock);
	r->parked++;
	cond_broadcast(&r->changed);
	while (r->hold && !r->stop)
		cond_wait(&r->changed, &r->lock);
	r->parked--;
	go = !r->stop;
	mutex_unlock(&r->lock);
	return go;
}

static void cpu_main(void *arg)
{
	struct cpu *c = arg;
	struct runner *r = c->r;

	while (may_run(r)) {
		switch (r->accel->cls->run(c->vcpu)) {
		case RUN_AGAIN: break;
		case RUN_RESET:
			note(r, "reset");
			__atomic_store_n(&r->dev.reset, 1, __ATOMIC_RELEASE);
			break;
		case RUN_CRASH: note_crash(r, c->vcpu); break;
		case RUN_SHUTDOWN:
			note(r, "triple fault");
			print_reason(r, c->vcpu);
			__atomic_store_n(&r->dev.ended, 1, __ATOMIC_RELEASE);
			break;
		case RUN_ERROR:
			fail(r, c->vcpu);
			__atomic_store_n(&r->dev.ended, 1, __ATOMIC_RELEASE);
			break;
		}
		/* The main thread decides: wait for it rather than run on. */
		if (__atomic_load_n(&r->dev.ended, __ATOMIC_ACQUIRE) ||
		    __atomic_load_n(&r->dev.reset, __ATOMIC_ACQUIRE)) {
			mutex_lock(&r->lock);
			r->hold = true;
			cond_broadcast(&r->changed);
			mutex_unlock(&r->lock);
		}
	}
}

static void hold_all(struct runner *r)
{
	mutex_lock(&r->lock);
	r->hold = true;
	mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->cfg.count; i++)
		r->accel->cls->kick(r->cpu[i].vcpu);
	mutex_lock(&r->lock);
	while (r->parked < r->cfg.count)
		cond_wait(&r->changed, &r->lock);
	mutex_unlock(&r->lock);
}

static void let_go(struct runner *r)
{
	mutex_lock(&r->lock);
	r->hold = false;
	cond_broadcast(&r->changed);
	mutex_unlock(&r->lock);
}

static void reset_cpus(struct runner *r)
{
	struct error err = { 0 };

	for (unsigned i = 0; i < r->cfg.count; i++)
		if (r->accel->cls->vcpu_reset(r->cpu[i].vcpu, &err) < 0)
			die("reset", &err);
}

static void pause_all(struct runner *r)
{
	hold_all(r);
	clock_pause(r->machine->clock);
	r->accel->cls->pause(r->accel);
}

static void resume_all(struct runner *r)
{
	r->accel->cls->resume(r->accel);
	clock_resume(r->machine->clock);
	let_go(r);
}

static void shuttle(struct runner *r)
{
	struct error err = { 0 };

	pause_all(r);
	for (unsigned i = 0; i < r->cfg.count; i++)
		if (r->accel->cls->get_state(r->cpu[i].vcpu, &r->cpu[i].saved, &err) < 0)
			die("saving", &err);
	reset_cpus(r);
	for (unsigned i = 0; i < r->cfg.count; i++)
		if (r->accel->cls->set_state(r->cpu[i].vcpu, &r->cpu[i].saved, &err) < 0)
			die("loading", &err);
	resume_all(r);
}

static void reset_machine(struct runner *r) unchecked_roles
{
	pause_all(r);
	machine_lock(r->machine);
	device_reset_all(r->machine, RESET_WARM);
	machine_unlock(r->machine);
	reset_cpus(r);
	__atomic_store_n(&r->dev.reset, 0, __ATOMIC_RELEASE);
	resume_all(r);
}

/* The loop of the main thread: timers, resets, the end. False: the payload did not end in time. */
static bool watch(struct runner *r) unchecked_roles
{
	u64 start = time_now_ns(), last = start;

	while (!__atomic_load_n(&r->dev.ended, __ATOMIC_ACQUIRE)) {
		u64 now = time_now_ns(), ns;

		if (now - start > TIME_LIMIT_NS)
			return false;
		if (__atomic_load_n(&r->dev.reset, __ATOMIC_ACQUIRE))
			reset_machine(r);
		if (r->shuttle && now - last > SHUTTLE_NS) {
			shuttle(r);
			last = time_now_ns();
		}
		machine_lock(r->machine);
		ns = clock_run_due(r->machine->clock);
		machine_unlock(r->machine);
		time_sleep_ns(MIN(ns, NS_PER_MS / 4));
	}
	return true;
}

static void set_line(void *chip, unsigned pin, bool level) unchecked_roles
{
	testdev_line(chip, pin, level);
}

static void set_intr(void *chip, unsigned pin, bool level)
{
	struct machine *m = chip;

	if (m->cpu_ops)
		m->cpu_ops->extint(m->cpus, level);
}

static void build(struct runner *r) unchecked_roles
{
	struct region *rom = NULL, *alias = NULL, *smram = NULL, *cover = NULL;
	struct machine *m = r->machine;
	struct error err = { 0 };
	int rc = mem_add(&r->dev.ram, m->mem, "ram", REGION_RAM, 0, MIB(16), 0, IN_ALL, &err);
	FILE *f = fopen(r->payload, "rb");

	if (rc == 0)
		rc = mem_add(&rom, m->mem, "rom", REGION_ROM, GIB(4) - ROM_SIZE, ROM_SIZE, 0,
			     IN_ALL, &err);
	if (rc == 0)
		rc = mem_alias(&alias, m->mem, "rom-low", REGION_ROM, MIB(1) - ROM_SIZE, rom, 0,
			       ROM_SIZE, IN_ALL, &err);
	if (rc == 0)
		rc = mem_add(&cover, m->mem, "smram-cover", REGION_HOLE, TD_SMRAM, ROM_SIZE, 0,
			     r->cfg.smm ? IN_NORMAL : 0, &err);
	if (rc == 0)
		rc = mem_add(&smram, m->mem, "smram", REGION_RAM, TD_SMRAM, ROM_SIZE, 0,
			     r->cfg.smm ? IN_SMM : 0, &err);
	if (rc == 0)
		rc = mem_add(&r->dev.page, m->mem, "page", REGION_HOLE, TD_PAGE, 4096, 0, 0, &err);
	if (rc < 0)
		die("memory", &err);
	region_set_priority(alias, 1, IN_ALL);
	if (!f || fread(rom->host, 1, ROM_SIZE, f) != ROM_SIZE) {
		fprintf(stderr, "%s: not a payload of 64 KiB\n", r->payload);
		exit(1);
	}
	fclose(f);
	memcpy(smram->host + SMI_ENTRY, rom->host + SMI_CODE, 4096);
	machine_lock(m);
	r->isa.machine = m;
	r->dev.accel = r->accel;
	for (unsigned i = 0; i < 16; i++)
		r->isa.irq[i] = (struct irq){ set_line, &r->dev, i };
	r->dev.pic = pic_create(&r->isa, (struct irq){ set_intr, m, 0 }, &err);
	r->dev.ioapic = r->dev.pic ? ioapic_create(m, &err) : NULL;
	r->dev.pit = r->dev.ioapic ? pit_create(&r->isa, &err) : NULL;
	if (!r->dev.pit || testdev_init(&r->dev, m, &err) < 0)
		die("devices", &err);
	machine_unlock(m);
}

static void start(struct runner *r)
{
	const struct accel_class *cls = NULL;
	struct accel_info info = { 0 };
	struct error err = { 0 };
	struct str why = { 0 };

	if (accel_choose(&cls, &info, r->accel_name, &why, &err) < 0) {
		printf("skipped: %s\n", err.msg);
		exit(SKIPPED);
	}
	if ((r->cfg.hyperv && !info.hyperv) || (r->cfg.smm && !info.smm)) {
		printf("skipped: %s has no %s here\n", cls->name,
		       r->cfg.hyperv ? "Hyper-V interface" : "System Management Mode");
		exit(SKIPPED);
	}
	str_free(&why);
	if (machine_create(&r->machine, clock_create_host(), &err) < 0)
		die("machine", &err);
	if (cls->create(&r->accel, r->machine, &r->cfg, &err) < 0)
		die("accel", &err);
	build(r);
	r->hold = true;
	for (unsigned i = 0; i < r->cfg.count; i++) {
		struct cpu *c = &r->cpu[i];

		c->r = r;
		if (cls->vcpu_create(&c->vcpu, r->accel, i, &err) < 0)
			die("vcpu", &err);
	}
	reset_cpus(r);
	for (unsigned i = 0; i < r->cfg.count; i++) {
		struct cpu *c = &r->cpu[i];

		if (thread_start(&c->thread, "vcpu", cpu_main, c, &err) < 0)
			die("thread", &err);
		c->vcpu->thread = c->thread;
	}
	clock_resume(r->machine->clock);
	let_go(r);
}

static void stop(struct runner *r)
{
	hold_all(r);
	mutex_lock(&r->lock);
	r->stop = true;
	cond_broadcast(&r->changed);
	mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->cfg.count; i++)
		thread_join(r->cpu[i].thread);
}

static void print_exits(struct runner *r)
{
	for (unsigned k = 0; k < N_EXIT_KINDS; k++) {
		u64 n = 0;

		for (unsigned i = 0; i < r->cfg.count; i++)
			n += r->cpu[i].vcpu->exits[k];
		if (n)
			printf("%s=%llu ", exit_names[k], (unsigned long long)n);
	}
	printf("\n");
}

static bool compare(struct runner *r)
{
	bool rig = getenv("RIG_OUT") && !strcmp(r->accel->cls->name, "kvm");

	return report_is(&r->dev.report, r->want, rig ? r->exceptions : NULL);
}

static void finish(struct runner *r)
{
	r->accel->cls->irqfd_remove(r->accel, r->dev.irqfd);
	for (unsigned i = 0; i < r->cfg.count; i++)
		r->accel->cls->vcpu_destroy(r->cpu[i].vcpu);
	r->accel->cls->destroy(r->accel);
	machine_destroy(r->machine);
	testdev_finish(&r->dev);
	mutex_finish(&r->lock);
	cond_finish(&r->changed);
}

static void parse(struct runner *r, int argc, char **argv)
{
	u64 cpus = 1;

	r->accel_name = getenv("ORIEL_TEST_ACCEL");
	r->cfg.jit = getenv("ORIEL_TEST_JIT");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--accel") && i + 1 < argc)
			r->accel_name = argv[++i];
		else if (!strcmp(argv[i], "--cpus") && i + 1 < argc)
			(void)parse_u64(&cpus, argv[++i]);
		else if (!strcmp(argv[i], "--jit") && i + 1 < argc)
			r->cfg.jit = argv[++i];
		else if (!strcmp(argv[i], "--hyperv"))
			r->cfg.hyperv = true;
		else if (!strcmp(argv[i], "--smm"))
			r->cfg.smm = true;
		else if (!strcmp(argv[i], "--shuttle"))
			r->shuttle = true;
		else if (!r->payload)
			r->payload = argv[i];
		else if (!r->want)
			r->want = argv[i];
		else
			r->exceptions = argv[i];
	}
	r->cfg.count = cpus <= CPUS_MAX ? (unsigned)cpus : 0;
	if (!r->want || !r->cfg.count) {
		fprintf(stderr, "usage: run [--accel NAME] [--cpus N] [--jit WORDS] [--hyperv] "
				"[--smm] [--shuttle] PAYLOAD WANT [EXCEPTIONS]\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct runner *r = xnew(struct runner);
	bool ended, good;

	parse(r, argc, argv);
	mutex_init(&r->lock);
	cond_init(&r->changed);
	start(r);
	ended = watch(r);
	stop(r);
	if (!ended) {
		printf("the payload did not end in time\n");
		for (unsigned i = 0; i < r->cfg.count; i++)
			fail(r, r->cpu[i].vcpu), printf("%s\n", r->failure);
	} else if (r->failure[0]) {
		printf("%s\n", r->failure);
	}
	good = ended && !r->failure[0];
	good = compare(r) && good;
	print_exits(r);
	finish(r);
	free(r);
	return good ? 0 : 1;
}
