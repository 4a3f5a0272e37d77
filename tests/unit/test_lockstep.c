/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparing blocks: what is the same passes, what differs is found and told, and what cannot be
 * taken back is done once. A function of the test stands in for translated code.
 */
#include "base/alloc.h"
#include "base/bytes.h"
#include "cpu/soft/jit.h"
#include "cpu/soft/mmu_priv.h"
#include "test.h"

enum { RAM = 1 << 20, CODE = 0x1000, DATA = 0x2000, TABLES = 0x10000, PORT = 0x80 };
enum { CR4_PAE_FX = 0x620, EFER_LONG = 0x500, CR0_PE_NE = 0x21 };
#define DEVICE 0xa0000000ull

static struct machine *M;
static struct accel *A;
static struct soft_cpu *C;
static struct region *Ram;
static struct jit_block *B;
static unsigned Runs, Touched;
static int Wrong; /* how often the code does wrong; -1: always */
static enum {
	W_NOTHING,
	W_REG,
	W_RIP,
	W_FLAG,
	W_DEAD_FLAG,
	W_MEMORY,
	W_STRAY,
	W_VECTOR,
	W_MXCSR,
	W_EVENT,
	W_ERROR_CODE,
	W_NO_EVENT,
	W_SEGMENT,
	W_EARLY,
	W_LOST_WRITE
} How;

static u64 touch(void *dev, u64 off, unsigned size)
{
	return ++Touched;
}

static const struct io_ops device_ops = { .read = touch };
static struct io_window device = { .ops = &device_ops,
				   .base = DEVICE,
				   .len = 4096,
				   .space = IO_MMIO };

static void set_up_state(void)
{
	struct cpu_state *s = xnew(struct cpu_state);
	struct error err = { 0 };

	CHECK_EQ(soft_accel.get_state(&C->base, s, &err), 0);
	s->rip = CODE;
	s->ds = s->es = s->ss = (struct cpu_seg){ 0, 0xffffffff, 0x10, 0xc093 };
	s->cs = (struct cpu_seg){ 0, 0xffffffff, 8, 0xa09b };
	s->cr4 = CR4_PAE_FX;
	s->cr3 = TABLES;
	s->efer = EFER_LONG;
	s->cr0 = CR0_PE_NE | BIT64(31);
	s->gpr[R_SP] = 0x8000;
	s->gpr[R_BX] = DATA;
	CHECK_EQ(soft_accel.set_state(&C->base, s, &err), 0);
	free(s);
}

/* The first two MiB to itself, and the device; nothing else is there. */
static void set_up_tables(void)
{
	u8 *ram = Ram->host;

	put_le64(ram + TABLES, (TABLES + 0x1000) | 7);
	put_le64(ram + TABLES + 0x1000, (TABLES + 0x2000) | 7);
	put_le64(ram + TABLES + 0x1010, (TABLES + 0x3000) | 7);
	put_le64(ram + TABLES + 0x2000, 0x87);
	put_le64(ram + TABLES + 0x3000 + (DEVICE >> 21 & 511) * 8, (DEVICE & ~0x1fffffull) | 0x87);
}

static void start(const u8 *code, unsigned len) unchecked_roles
{
	struct cpu_config cfg = { .count = 1, .jit = "off" };
	struct error err = { 0 };
	struct fetch f;
	struct vcpu *v;

	Runs = Touched = 0;
	Wrong = -1;
	How = W_NOTHING;
	CHECK_EQ(machine_create(&M, clock_create_manual(), &err), 0);
	machine_lock(M);
	CHECK_EQ(mem_add(&Ram, M->mem, "ram", REGION_RAM, 0, RAM, 0, IN_ALL, &err), 0);
	CHECK_EQ(io_map(M, &device, &err), 0);
	machine_unlock(M);
	CHECK_EQ(topology_fill(&cfg.topology, 1, &err), 0);
	CHECK_EQ(soft_accel.create(&A, M, &cfg, &err), 0);
	CHECK_EQ(soft_accel.vcpu_create(&v, A, 0, &err), 0);
	C = soft_cpu_of(v);
	set_up_tables();
	memcpy(Ram->host + CODE, code, len);
	Ram->host[CODE + len] = 0xf4; /* HLT: all flags are alive there */
	set_up_state();
	CHECK_EQ(lockstep_create(C, &err), 0);
	B = xcalloc(1, sizeof(*B) + len);
	mmu_fetch(C, CODE, &f);
	*B = (struct jit_block){
		.host = f.host, .page = f.page, .rip = CODE, .key = C->block_key, .bytes = (u16)len
	};
	CHECK(mmu_claim_code(C, &f, &B->word));
	f.page->pieces = ~0ull;
	memcpy(B->copy, code, len);
}

static void stop(void) unchecked_roles
{
	free(B);
	lockstep_destroy(C);
	soft_accel.vcpu_destroy(&C->base);
	soft_accel.destroy(A);
	machine_lock(M);
	io_unmap(M, &device);
	machine_unlock(M);
	machine_destroy(M);
}

#define START(...)                                                                                 \
	do {                                                                                       \
		static const u8 code_[] = { __VA_ARGS__ };                                         \
		start(code_, sizeof(code_));                                                       \
	} while (0)

/* The block as it should be, but for what @How says. */
static void run(struct soft_cpu *c, const struct jit_block *b)
{
	u8 old = Ram->host[DATA];
	bool wrong = Wrong != 0;

	Runs++;
	if (How && Wrong > 0)
		Wrong--;
	for (unsigned at = 0; at < b->bytes; at = (unsigned)(c->rip - b->rip)) {
		struct insn i;

		if (wrong && How == W_NO_EVENT) {
			c->rip += b->bytes;
			return;
		}
		if (wrong && How == W_EVENT)
			raise_ud(c);
		if (wrong && How == W_ERROR_CODE)
			raise_pf(c, 0x40000000, 3);
		if (wrong && How == W_EARLY && at)
			return;
		CHECK(decode(&i, b->copy + at, b->bytes - at, CPU_64) > 0);
		c->next_rip = c->rip + i.len;
		exec_insn(c, &i);
		c->rip = c->next_rip;
		if (c->rip - b->rip < at)
			break;
	}
	if (!wrong)
		return;
	switch (How) {
	case W_REG: c->gpr[13] ^= 1ull << 63; break;
	case W_RIP: c->rip += 0x1000; break;
	case W_FLAG: c->lf ^= LF_ZF; break;
	case W_DEAD_FLAG: c->lf ^= LF_ALL & ~LF_CF; break;
	case W_MEMORY: Ram->host[DATA + 1] ^= 0x80; break;
	case W_LOST_WRITE: Ram->host[DATA] = old; break;
	case W_STRAY: lin_write(c, 0x5123, 1, 0x77); break;
	case W_VECTOR: fpu_vec(c, 9)[31] ^= 1; break;
	case W_SEGMENT: c->seg[SEG_GS].base++; break;
	default: break;
	}
}

/* Run the block once; the event that it raised. */
static __attribute__((noinline)) void go_on(void)
{
	lockstep_run(C, B, run);
}

static __attribute__((noinline)) bool try_it(void)
{
	if (jump_set(&C->jump))
		return false;
	go_on();
	jump_stay();
	return true;
}

static unsigned raised(void)
{
	C->event.kind = EV_NONE;
	return try_it() ? 0 : C->event.vector + 0x100u;
}

/* It was told: take the file away; what is in it must contain @words. */
static void told(const char *words)
{
	char text[16384], *name = strstr(C->why, "oriel-lockstep-");
	size_t n;
	FILE *f;

	CHECK(__atomic_load_n(&C->attention, __ATOMIC_SEQ_CST) & ATT_RESULT);
	CHECK_EQ(C->result, RUN_ERROR);
	CHECK(name);
	f = fopen(name, "r");
	CHECK(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	remove(name);
	if (!strstr(text, words))
		fprintf(stderr, "%s", text);
	CHECK(strstr(text, words));
}

static bool was_told(void)
{
	return __atomic_load_n(&C->attention, __ATOMIC_SEQ_CST) & ATT_RESULT;
}

/* MOV [RBX], AL; ADD EAX, 1; PADDB XMM9, XMM9 */
#define PLAIN 0x88, 0x03, 0x83, 0xc0, 0x01, 0x66, 0x45, 0x0f, 0xfc, 0xc9

static void the_same_passes_and_is_done_once(void)
{
	START(PLAIN);
	C->gpr[R_AX] = 0x41;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Runs, 1);
	CHECK_EQ(C->gpr[R_AX], 0x42);
	CHECK_EQ(C->rip, CODE + 10);
	CHECK_EQ(Ram->host[DATA], 0x41);
	CHECK(!C->held && !C->mmu->undo);
	stop();
}

static void finds(int how, const char *words)
{
	START(PLAIN);
	How = how;
	CHECK_EQ(raised(), 0);
	told(words);
	CHECK_EQ(C->rip, CODE); /* as it was before */
	CHECK_EQ(Ram->host[DATA], 0);
	CHECK_EQ(Ram->host[0x5123], 0);
	stop();
}

static void every_difference_is_found_and_told(void)
{
	finds(W_REG, "r13: interpreted 0, translated 8000000000000000");
	finds(W_RIP, "rip: interpreted 100a, translated 200a");
	finds(W_FLAG, "flags");
	finds(W_STRAY, "memory: interpreted 0, translated 77");
	finds(W_VECTOR, "ymm9.3");
	finds(W_SEGMENT, "seg[s].base");
	finds(W_EVENT, "raised");
	finds(W_SEGMENT, "  0000000000001002 add          83 c0 01");
}

static void a_write_that_is_missing_is_found(void)
{
	START(PLAIN);
	C->gpr[R_AX] = 0x41;
	How = W_LOST_WRITE;
	CHECK_EQ(raised(), 0);
	told("memory: interpreted 41, translated 0");
	stop();
}

static void a_difference_that_comes_once_is_nothing(void)
{
	START(PLAIN);
	C->gpr[R_AX] = 0x41;
	How = W_REG;
	Wrong = 1;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Runs, 2);
	CHECK_EQ(C->gpr[R_AX], 0x42);
	stop();
}

static void only_flags_that_are_read_count(void)
{
	/* CMP EAX, 0; behind it JC, then XOR EAX, EAX on both ways: CF alone is alive. */
	START(0x83, 0xf8, 0x00);
	memcpy(Ram->host + CODE + 3, (const u8[]){ 0x72, 0x00, 0x31, 0xc0 }, 4);
	How = W_DEAD_FLAG;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	stop();
}

static void faults_are_compared_and_raised(void)
{
	/* INC ECX; MOV [40000000], AL */
	static const u8 code[] = { 0xff, 0xc1, 0x88, 0x04, 0x25, 0, 0, 0, 0x40 };

	start(code, sizeof(code));
	CHECK_EQ(raised(), 0x100 + VEC_PF);
	CHECK(!was_told());
	CHECK_EQ(C->rip, CODE + 2);
	CHECK_EQ(C->gpr[R_CX], 1);
	CHECK_EQ(C->event.cr2, 0x40000000);
	stop();
	start(code, sizeof(code));
	How = W_NO_EVENT;
	CHECK_EQ(raised(), 0);
	told("raised");
	stop();
	start(code, sizeof(code));
	How = W_ERROR_CODE;
	CHECK_EQ(raised(), 0);
	told("error code: interpreted 2, translated 3");
	stop();
}

static void code_that_leaves_early_is_finished(void)
{
	START(PLAIN);
	C->gpr[R_AX] = 0x41;
	How = W_EARLY;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(C->rip, CODE + 10);
	CHECK_EQ(C->gpr[R_AX], 0x42);
	stop();
}

static void devices_are_asked_once(void)
{
	/* MOV EAX, [RDX]; INC ECX */
	START(0x8b, 0x02, 0xff, 0xc1);
	C->gpr[R_DX] = DEVICE;
	How = W_REG;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Touched, 1);
	CHECK_EQ(Runs, 0);
	CHECK_EQ(C->gpr[R_AX], 1);
	CHECK_EQ(C->rip, CODE + 2);
	stop();
}

static void what_cannot_be_taken_back_is_left_to_the_code(void)
{
	START(0x0f, 0x31); /* RDTSC */
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Runs, 1);
	CHECK_EQ(C->rip, CODE + 2);
	stop();
	START(0xff, 0xc1, 0x0f, 0x31); /* INC ECX; RDTSC */
	CHECK_EQ(raised(), 0);
	CHECK_EQ(Runs, 0);
	CHECK_EQ(C->rip, CODE + 2);
	stop();
}

static void code_that_writes_itself_is_run_once(void)
{
	/* INC DWORD [RBX]; MOV BYTE [1000], 90; INC ECX */
	START(0xff, 0x03, 0xc6, 0x04, 0x25, 0x00, 0x10, 0, 0, 0x90, 0xff, 0xc1);
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Runs, 0);
	CHECK_EQ(Ram->host[DATA], 1);
	CHECK_EQ(Ram->host[CODE], 0x90);
	CHECK_EQ(C->rip, CODE + 10);
	CHECK_EQ(C->gpr[R_CX], 0);
	stop();
}

static void long_strings_are_taken_back_as_far_as_there_is_room(void)
{
	START(0xf3, 0xaa); /* REP STOSB */
	C->gpr[R_DI] = 0x4000;
	C->gpr[R_CX] = 0x3000;
	C->gpr[R_AX] = 0x5a;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Runs, 1);
	CHECK_EQ(C->gpr[R_CX], 0);
	CHECK_EQ(Ram->host[0x4000], 0x5a);
	CHECK_EQ(Ram->host[0x6fff], 0x5a);
	CHECK_EQ(Ram->host[0x7000], 0);
	stop();
	START(0xf3, 0xaa);
	C->gpr[R_DI] = 0x20000;
	C->gpr[R_CX] = 0xd0000;
	CHECK_EQ(raised(), 0);
	CHECK(!was_told());
	CHECK_EQ(Runs, 0);
	stop();
}

static void it_is_compared_ever_more_seldom(void)
{
	unsigned found = 0;

	START(PLAIN);
	for (unsigned n = 0; n < 40; n++) {
		u64 ax = C->gpr[R_AX];

		C->rip = CODE;
		How = W_REG;
		Wrong = 1; /* the second try is right: two runs tell that it was compared */
		Runs = 0;
		CHECK_EQ(raised(), 0);
		found += Runs == 2;
		CHECK_EQ(C->gpr[R_AX], ax + 1);
	}
	CHECK_EQ(found, 7); /* 1, 2, 3, 5, 9, 17, 33 */
	CHECK(!was_told());
	stop();
}

static void attention_is_kept(void)
{
	START(PLAIN);
	cpu_attend(C, ATT_KICK);
	CHECK_EQ(raised(), 0);
	CHECK(__atomic_load_n(&C->attention, __ATOMIC_SEQ_CST) & ATT_KICK);
	stop();
}

int main(void)
{
	RUN(the_same_passes_and_is_done_once);
	RUN(every_difference_is_found_and_told);
	RUN(a_write_that_is_missing_is_found);
	RUN(a_difference_that_comes_once_is_nothing);
	RUN(only_flags_that_are_read_count);
	RUN(faults_are_compared_and_raised);
	RUN(code_that_leaves_early_is_finished);
	RUN(devices_are_asked_once);
	RUN(what_cannot_be_taken_back_is_left_to_the_code);
	RUN(code_that_writes_itself_is_run_once);
	RUN(long_strings_are_taken_back_as_far_as_there_is_room);
	RUN(it_is_compared_ever_more_seldom);
	RUN(attention_is_kept);
	return 0;
}
