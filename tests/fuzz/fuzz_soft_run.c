/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random code in a whole vCPU of our own CPU: real mode, flat 32-bit code, 64-bit code, and 64-bit
 * code under page tables that are random, too. Whatever it does, the host lives on.
 *
 * The first byte chooses the mode, the next 128 are the general registers, the rest is code at
 * 8000; page tables begin at 10000. The environment's ORIEL_TEST_JIT is as --cpus jit=.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cpu/accel.h"
#include "plat/time.h"

enum { RAM = 1 << 20, CODE = 0x8000, TABLES = 0x10000, REGS = 128, ROUNDS = 3 };
enum { CR0_PE_NE = 0x21, CR0_PG_BIT = 31, CR4_PAE_FX = 0x620, EFER_LONG = 0x500 };

/* One machine for all inputs: to make one takes longer than to run one. */
static struct fixture {
	struct machine *m;
	struct accel *accel;
	struct vcpu *vcpu;
	struct region *ram;
	struct thread *kicker;
	struct cpu_state *state;
} f;

/* Random code often never ends. */
static void kick(void *arg)
{
	(void)arg;
	for (;;) {
		time_sleep_ns(300 * NS_PER_US);
		soft_accel.kick(f.vcpu);
	}
}

static void must(int rc)
{
	if (rc < 0)
		abort();
}

static void start(void) unchecked_roles
{
	const struct cpu_config cfg = { .count = 1, .smm = true, .jit = getenv("ORIEL_TEST_JIT") };
	struct error err = { 0 };

	must(machine_create(&f.m, clock_create_host(), &err));
	must(mem_add(&f.ram, f.m->mem, "ram", REGION_RAM, 0, RAM, 0, IN_ALL, &err));
	must(soft_accel.create(&f.accel, f.m, &cfg, &err));
	must(soft_accel.vcpu_create(&f.vcpu, f.accel, 0, &err));
	f.state = calloc(1, sizeof(*f.state));
	must(thread_start(&f.kicker, "kicker", kick, NULL, &err));
}

/* A PML4, a PDPT and a page directory that map the first GiB to itself. */
static void identity(u8 *ram)
{
	put_le64(ram + TABLES, (TABLES + 0x1000) | 7);
	put_le64(ram + TABLES + 0x1000, (TABLES + 0x2000) | 7);
	for (u64 i = 0; i < 512; i++)
		put_le64(ram + TABLES + 0x2000 + i * 8, i << 21 | 0x87);
}

static void set_mode(struct cpu_state *s, u8 mode, u8 *ram)
{
	const struct cpu_seg data = { 0, 0xffffffff, 0x10, 0xc093 };

	s->rip = CODE;
	if (mode == 0) {
		s->cs = (struct cpu_seg){ 0, 0xffff, 0, 0x9b };
		return;
	}
	s->cr0 = CR0_PE_NE;
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	s->cs = (struct cpu_seg){ 0, 0xffffffff, 8, mode == 1 ? 0xc09b : 0xa09b };
	if (mode == 1)
		return;
	s->cr4 = CR4_PAE_FX;
	s->cr3 = TABLES;
	s->efer = EFER_LONG;
	s->cr0 |= 1ull << CR0_PG_BIT;
	if (mode == 2)
		identity(ram);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);
int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct error err = { 0 };
	u8 mode;

	if (len < 1 + REGS)
		return 0;
	if (!f.m)
		start();
	mode = data[0] & 3;
	memset(f.ram->host, 0, RAM);
	/* With random tables code and tables are the same bytes. */
	memcpy(f.ram->host + CODE, data + 1 + REGS, MIN(len - 1 - REGS, RAM - CODE));
	if (mode == 3)
		memcpy(f.ram->host + TABLES, data + 1 + REGS, MIN(len - 1 - REGS, RAM - TABLES));
	must(soft_accel.vcpu_reset(f.vcpu, &err));
	must(soft_accel.get_state(f.vcpu, f.state, &err));
	for (unsigned i = 0; i < 16; i++)
		f.state->gpr[i] = le64_at(data + 1 + i * 8);
	set_mode(f.state, mode, f.ram->host);
	must(soft_accel.set_state(f.vcpu, f.state, &err));
	for (unsigned i = 0; i < ROUNDS; i++)
		if (soft_accel.run(f.vcpu) != RUN_AGAIN)
			break;
	return 0;
}
