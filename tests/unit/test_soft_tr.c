/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translated blocks, looked at with our own decoder. What they do is for tests/native. */
#include "core/machine.h"
#include "cpu/soft/jit.h"
#include "test.h"

enum { RAM_SIZE = 1 << 20, PAGE_AT = 0x10000, RIP = 0x7f0000010000 };

struct rig {
	struct machine *m;
	struct accel *accel;
	struct region *ram;
	struct soft_cpu *c;
	struct jit *j;
	struct code_page *page; /* of the code */
	u32 sites;              /* the first one of the last block */
};

static struct rig rig_start(void)
{
	struct cpu_config cfg = { .count = 1, .topology = { 1, 1, 1, 1 }, .jit = "on" };
	struct error err = { 0 };
	struct rig r = { 0 };
	struct vcpu *v;

	CHECK_EQ(machine_create(&r.m, clock_create_manual(), &err), 0);
	machine_lock(r.m);
	CHECK_EQ(mem_add(&r.ram, r.m->mem, "ram", REGION_RAM, 0, RAM_SIZE, 0, IN_ALL, &err), 0);
	machine_unlock(r.m);
	CHECK_EQ(soft_accel.create(&r.accel, r.m, &cfg, &err), 0);
	CHECK_EQ(soft_accel.vcpu_create(&v, r.accel, 0, &err), 0);
	r.c = soft_cpu_of(v);
	r.j = r.c->soft->jit;
	r.page = &r.ram->code[PAGE_AT / PAGE];
	return r;
}

static void rig_stop(struct rig *r)
{
	soft_accel.vcpu_destroy(&r->c->base);
	soft_accel.destroy(r->accel);
	machine_destroy(r->m);
}

/* Translate @len bytes @at bytes into the page, which holds INT3 elsewhere. */
static struct jit_block *made(struct rig *r, unsigned at, const void *code, size_t len)
{
	u8 *host = r->ram->host + PAGE_AT;
	struct fetch f = { .host = host + at, .phys = PAGE_AT + at, .page = r->page };
	struct jit_block *b;
	bool full;

	memset(host, 0xcc, PAGE);
	memcpy(host + at, code, len);
	__atomic_fetch_add(&r->page->word, CODE_TURN, __ATOMIC_SEQ_CST);
	r->page->pieces = 0;
	f.len = PAGE - at;
	r->c->rip = RIP + at;
	r->sites = r->j->n_sites;
	b = translate(r->c, &f, CPU_64, &full);
	CHECK(!full);
	return b;
}
#define MADE(r, ...) made(r, 0, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

/* What there is of host instructions. */
struct seen {
	unsigned insns, op[N_OPS];
	unsigned books, misses; /* jumps to C, calls for the TLB */
};

static bool to_glue(const struct rig *r, const u8 *to, unsigned first, unsigned last)
{
	for (unsigned g = first; g <= last; g++)
		if (r->j->glue[0][g] == to)
			return true;
	return false;
}

static void look(const struct rig *r, struct seen *s, u32 at, u32 size)
{
	const u8 *p = r->j->map.write + at, *end = p + size;
	struct insn i;

	for (; p < end; p += i.len) {
		const u8 *to;

		CHECK(decode(&i, p, (size_t)(end - p), CPU_64) > 0);
		s->insns++;
		s->op[i.op]++;
		if (!i.operands || i.operand[0].kind != OPERAND_REL)
			continue;
		to = jit_code(r->j, (u32)(p - r->j->map.write)) + i.len + (s64)i.imm;
		CHECK(to >= r->j->map.exec && to < r->j->map.exec + JIT_CODE + JIT_COLD);
		s->books += to_glue(r, to, GLUE_BOOK, GLUE_BOOK);
		s->misses += to_glue(r, to, GLUE_MISS, GLUE_MISS_LAST);
	}
	CHECK(p == end);
}

static struct seen hot(const struct rig *r, const struct jit_block *b)
{
	struct seen s = { 0 };

	CHECK(b);
	look(r, &s, b->code, b->size);
	return s;
}

static struct seen cold(const struct rig *r, const struct jit_block *b)
{
	struct seen s = { 0 };

	look(r, &s, b->cold, b->cold_size);
	return s;
}

/* ---- flags ---- */

static void flags_that_nobody_reads_are_not_saved(void)
{
	struct rig r = rig_start();
	/* add rax, rbx; mov rcx, [rdx]; add rax, rbx; jmp to xor eax, eax; cmp eax, ebx */
	struct seen s = hot(&r, MADE(&r, 0x48, 0x01, 0xd8, 0x48, 0x8b, 0x0a, 0x48, 0x01, 0xd8, 0xeb,
				     1, 0xcc, 0x31, 0xc0, 0x39, 0xd8));

	CHECK_EQ(s.op[OP_LAHF], 0);
	CHECK_EQ(s.op[OP_SAHF], 0);
	CHECK_EQ(s.op[OP_ADD], 3); /* and one of a lookup */
	rig_stop(&r);
}

static void flags_that_are_read_survive_a_memory_operand(void)
{
	struct rig r = rig_start();
	/* cmp eax, ebx; mov rcx, [rdx]; adc eax, 0; xor eax, eax; mov [rdx], rax; ret */
	struct jit_block *b = MADE(&r, 0x39, 0xd8, 0x48, 0x8b, 0x0a, 0x83, 0xd0, 0, 0x31, 0xc0,
				   0x48, 0x89, 0x02, 0xc3);
	struct seen s = hot(&r, b);

	CHECK_EQ(s.op[OP_LAHF], 2); /* nobody knows what is read after RET */
	CHECK_EQ(s.op[OP_SAHF], 1);
	CHECK_EQ(s.op[OP_ADC], 1);
	CHECK_EQ(b->insns, 6);
	rig_stop(&r);
}

/* INC leaves CF alone: with memory it needs the old one, which the lookup destroys. */
static void flags_that_an_instruction_leaves_are_brought_back_for_it(void)
{
	struct rig r = rig_start();
	/* cmp eax, ebx; inc dword [rdx]; jb */
	struct seen s = hot(&r, MADE(&r, 0x39, 0xd8, 0xff, 0x02, 0x72, 0x10));

	CHECK_EQ(s.op[OP_SAHF], 1);
	/* cmp eax, ebx; add dword [rdx], 1; jb */
	s = hot(&r, MADE(&r, 0x39, 0xd8, 0x83, 0x02, 1, 0x72, 0x10));
	CHECK_EQ(s.op[OP_SAHF], 0);
	rig_stop(&r);
}

static void flags_native_behind_a_site_are_fetched_after_it(void)
{
	struct rig r = rig_start();
	/* add eax, [rdx]; jb; xor eax, eax */
	struct jit_block *b = MADE(&r, 0x03, 0x02, 0x72, 0x10, 0x31, 0xc0);
	const struct jit_site *s = &r.j->sites[r.sites];

	CHECK_EQ(cold(&r, b).op[OP_SAHF], 1);
	CHECK(s->resume >= b->cold && s->resume < b->cold + b->cold_size);
	/* mov eax, [rdx]; nop */
	b = MADE(&r, 0x8b, 0x02, 0x90);
	s = &r.j->sites[r.sites];
	CHECK_EQ(cold(&r, b).op[OP_SAHF], 0);
	CHECK(s->resume > b->code && s->resume <= b->code + b->size);
	rig_stop(&r);
}

/* ---- instructions ---- */

static const struct {
	u8 len, code[12];
} copied[] = {
	{ 3, { 0x4d, 0x89, 0xca } },                            /* mov r10, r9 */
	{ 3, { 0x45, 0x89, 0xc9 } },                            /* mov r9d, r9d */
	{ 3, { 0x4d, 0x01, 0xd9 } },                            /* add r9, r11 */
	{ 3, { 0x45, 0x10, 0xd9 } },                            /* adc r9b, r11b */
	{ 4, { 0x4f, 0x8b, 0x14, 0x19 } },                      /* mov r10, [r9 + r11] */
	{ 5, { 0x4e, 0x8b, 0x54, 0x1c, 0x08 } },                /* mov r10, [rsp + r11 + 8] */
	{ 4, { 0x4a, 0x8d, 0x04, 0xcc } },                      /* lea rax, [rsp + r9 * 8] */
	{ 5, { 0x67, 0x41, 0x8d, 0x04, 0x01 } },                /* lea eax, [r9d + eax] */
	{ 2, { 0x02, 0x20 } },                                  /* add ah, [rax] */
	{ 3, { 0x0f, 0xb6, 0xe4 } },                            /* movzx esp, ah */
	{ 3, { 0x0f, 0xc0, 0x20 } },                            /* xadd [rax], ah */
	{ 9, { 0x65, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0 } }, /* mov rax, gs:[28h] */
	{ 7, { 0x48, 0x8b, 0x05, 0, 1, 0, 0 } },                /* mov rax, [rip + 100h] */
	{ 4, { 0x67, 0x64, 0x88, 0x20 } },                      /* mov fs:[eax], ah */
	{ 10, { 0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 0 } },         /* mov rax, [moffs] */
	{ 10, { 0x49, 0xb9, 1, 2, 3, 4, 5, 6, 7, 8 } },         /* mov r9, imm64 */
	{ 5, { 0xf0, 0x4c, 0x0f, 0xb1, 0x0a } },                /* lock cmpxchg [rdx], r9 */
	{ 4, { 0x48, 0x0f, 0xc7, 0x0f } },                      /* cmpxchg16b [rdi] */
	{ 3, { 0x49, 0xf7, 0xf1 } },                            /* div r9 */
	{ 3, { 0x48, 0xf7, 0x39 } },                            /* idiv qword [rcx] */
	{ 4, { 0x45, 0x0f, 0x4f, 0xca } },                      /* cmovg r9d, r10d */
	{ 4, { 0x45, 0x0f, 0xa5, 0xd1 } },                      /* shld r9d, r10d, cl */
	{ 4, { 0x4d, 0x0f, 0xa3, 0xd1 } },                      /* bt r9, r10 */
	{ 4, { 0x0f, 0xba, 0x2a, 3 } },                         /* bts dword [rdx], 3 */
	{ 3, { 0x4d, 0x87, 0xd1 } },                            /* xchg r9, r10 */
	{ 5, { 0xf3, 0x4d, 0x0f, 0xb8, 0xca } },                /* popcnt r9, r10 */
	{ 4, { 0xf3, 0x0f, 0xbc, 0xc1 } },                      /* tzcnt eax, ecx */
	{ 5, { 0xf3, 0x4d, 0x0f, 0xbd, 0xca } },                /* lzcnt r9, r10 */
	{ 1, { 0x9e } },                                        /* sahf */
};

static void listed_instructions_are_not_left_to_c(void)
{
	struct rig r = rig_start();

	for (size_t n = 0; n < ARRAY_LEN(copied); n++) {
		struct jit_block *b = made(&r, 0, copied[n].code, copied[n].len);
		struct seen s = hot(&r, b);
		struct insn i;

		CHECK(decode(&i, copied[n].code, copied[n].len, CPU_64) == copied[n].len);
		CHECK_EQ(s.books, 1); /* INT3 behind it */
		CHECK_EQ(cold(&r, b).misses, insn_memory(&i) && i.op != OP_LEA);
	}
	rig_stop(&r);
}

static void others_are_left_to_c_and_come_back(void)
{
	struct rig r = rig_start();
	/* bt [rdx], eax; cpuid; mov al, [rdi + 1] */
	struct jit_block *b = MADE(&r, 0x0f, 0xa3, 0x02, 0x0f, 0xa2, 0x8a, 0x47, 1);
	const struct jit_site *s = &r.j->sites[r.sites];

	CHECK_EQ(hot(&r, b).books, 3); /* and INT3 behind them */
	CHECK_EQ(s[0].at, 0);
	CHECK_EQ(s[1].at, 3);
	CHECK_EQ(s[2].at, 5);
	CHECK_EQ(s[2].len, 3);
	CHECK(s[0].resume > b->code && s[1].resume > s[0].resume && s[2].resume > s[1].resume);
	CHECK(!(s[1].flags & SITE_ENDS));
	/* mov cr0, rax; nop */
	b = MADE(&r, 0x0f, 0x22, 0xc0, 0x90);
	CHECK_EQ(b->insns, 1);
	CHECK(r.j->sites[r.sites].flags & SITE_ENDS);
	rig_stop(&r);
}

static void high_bytes_beside_memory_are_exchanged(void)
{
	struct rig r = rig_start();

	CHECK_EQ(hot(&r, MADE(&r, 0x8a, 0x3a)).op[OP_XCHG], 2); /* mov bh, [rdx] */
	CHECK_EQ(hot(&r, MADE(&r, 0x88, 0xfc)).op[OP_XCHG], 0); /* mov ah, bh */
	/* mov bh, [rbx]: the address is taken before RBX is changed */
	CHECK_EQ(hot(&r, MADE(&r, 0x8a, 0x3b)).op[OP_LEA], 2);
	/* cmpxchg [rdx], ah: AL is needed as it is */
	CHECK_EQ(hot(&r, MADE(&r, 0x0f, 0xb0, 0x22)).books, 2);
	rig_stop(&r);
}

/* ---- blocks ---- */

static void a_block_ends_with_its_page(void)
{
	static const u8 code[] = { 0x90, 0x90, 0x48, 0x01, 0xd8 };
	struct rig r = rig_start();
	struct jit_block *b = made(&r, PAGE - 4, code, 4);

	/* the last instruction is in two pages */
	CHECK_EQ(b->insns, 2);
	CHECK_EQ(b->bytes, 2);
	CHECK(memcmp(b->copy, code, 2) == 0);
	CHECK(b->rip == RIP + PAGE - 4);
	CHECK(made(&r, PAGE - 2, code + 2, 2) == NULL);
	b = made(&r, PAGE - 5, code, 5);
	CHECK_EQ(b->insns, 3);
	rig_stop(&r);
}

static void what_was_looked_at_is_noted(void)
{
	struct rig r = rig_start();
	u8 code[0x150] = { 0xe9, 0x40, 1, 0, 0 }; /* jmp to 145h: more than the flags */

	memset(code + 0x145, 0x90, 8);
	CHECK_EQ(made(&r, 0, code, sizeof(code))->insns, 1);
	CHECK(r.page->pieces == (BIT64(0) | BIT64(5)));
	CHECK(r.page->word & CODE_HERE);
	rig_stop(&r);
}

static void what_is_no_instruction_is_not_translated(void)
{
	struct rig r = rig_start();
	struct jit_block *b;

	CHECK(MADE(&r, 0x0f, 0x0b) == NULL);
	b = MADE(&r, 0x90, 0x0f, 0x0b);
	CHECK_EQ(b->insns, 1);
	rig_stop(&r);
}

static void a_block_is_as_long_as_is_allowed(void)
{
	struct rig r = rig_start();
	u8 code[256];

	memset(code, 0x90, sizeof(code));
	CHECK_EQ(made(&r, 0, code, sizeof(code))->insns, JIT_BLOCK_INSNS);
	for (unsigned n = 0; n < sizeof(code); n += 8)
		memcpy(code + n, (const u8[]){ 0x48, 0x8b, 0x84, 0x8b, 1, 2, 3, 4 }, 8);
	CHECK_EQ(made(&r, 0, code, sizeof(code))->bytes, JIT_BLOCK_BYTES);
	r.j->opt.one = true;
	CHECK_EQ(made(&r, 0, code, sizeof(code))->insns, 1);
	rig_stop(&r);
}

static u64 next_random(u64 *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

static void any_bytes_become_whole_host_instructions(void)
{
	struct rig r = rig_start();
	unsigned blocks = 0;
	u64 state = 1;
	u8 code[64];

	for (unsigned n = 0; n < 3000; n++) {
		struct jit_block *b;
		struct seen s;

		for (unsigned i = 0; i < sizeof(code); i++)
			code[i] = (u8)next_random(&state);
		b = made(&r, (unsigned)next_random(&state) % (PAGE - 64), code, sizeof(code));
		if (!b)
			continue;
		s = hot(&r, b);
		CHECK(s.insns >= b->insns);
		(void)cold(&r, b);
		blocks++;
	}
	CHECK(blocks > 1000);
	rig_stop(&r);
}

int main(void)
{
	RUN(flags_that_nobody_reads_are_not_saved);
	RUN(flags_that_are_read_survive_a_memory_operand);
	RUN(flags_that_an_instruction_leaves_are_brought_back_for_it);
	RUN(flags_native_behind_a_site_are_fetched_after_it);
	RUN(listed_instructions_are_not_left_to_c);
	RUN(others_are_left_to_c_and_come_back);
	RUN(high_bytes_beside_memory_are_exchanged);
	RUN(a_block_ends_with_its_page);
	RUN(what_was_looked_at_is_noted);
	RUN(what_is_no_instruction_is_not_translated);
	RUN(a_block_is_as_long_as_is_allowed);
	RUN(any_bytes_become_whole_host_instructions);
	return 0;
}
