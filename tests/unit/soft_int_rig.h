/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/unit/soft_int_rig.h: one vCPU for single instructions, in any mode, over flat memory of its
 * own. Linear is physical; pages can be absent, read-only, or slow: without a host pointer. A case
 * is text: code in hexadecimal, then registers and memory before and after.
 * check: long-file, it stands for all other parts of the processor
 */
#pragma once

#include "cpu/soft/soft_priv.h"
#include "test.h"

enum { MEM = 0x21000, CODE = 0x1000, ABSENT = 0x9000, READ_ONLY = 0xb000, SLOW = 0xd000 };

struct rig {
	struct soft_cpu cpu;
	struct soft soft;
	struct tlb tlb;
	struct insn insn;
	bool all_slow;
	unsigned exclusive, parked, checked; /* calls */
	_Alignas(PAGE) u8 mem[MEM];
};

static struct rig R;
static struct machine *rig_machine; /* for ports, if there is one */

/* ---- what the other parts of the processor would do ---- */

_Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e)
{
	c->event = *e;
	jump_to(&c->jump);
}

_Noreturn void raise_vec(struct soft_cpu *c, enum vector v)
{
	raise_event(c, &(struct soft_event){ .vector = (u8)v, .kind = EV_EXCEPTION });
}

_Noreturn void raise_error(struct soft_cpu *c, enum vector v, u32 error)
{
	raise_event(c, &(struct soft_event){ (u8)v, EV_EXCEPTION, true, error, 0, 0 });
}

_Noreturn void raise_gp(struct soft_cpu *c)
{
	raise_error(c, VEC_GP, 0);
}

_Noreturn void raise_ud(struct soft_cpu *c)
{
	raise_vec(c, VEC_UD);
}

void exclusive_begin(struct soft_cpu *c)
{
	R.exclusive++;
}

void exclusive_end(struct soft_cpu *c)
{
}

void cpu_attend(struct soft_cpu *c, u32 bits)
{
	c->attention |= bits;
}

void mmu_privilege(struct soft_cpu *c)
{
}
void mmu_view(struct soft_cpu *c)
{
}

void fpu_park(struct soft_cpu *c)
{
	R.parked++;
}

void io_check(struct soft_cpu *c, u16 port, unsigned size)
{
	R.checked++;
	if (port == 0x66)
		raise_gp(c);
}

u64 debug_io_match(const struct soft_cpu *c, u16 port, unsigned size)
{
	return port == 0x77 ? 1 : 0;
}

static void reach(struct soft_cpu *c, gva_t at, size_t len, bool write)
{
	for (gva_t p = ALIGN_DOWN(at, PAGE); p <= at + len - 1; p += PAGE) {
		bool absent = p == ABSENT || p >= MEM;
		u32 error = (absent ? 0 : 1) | (write ? 2 : 0) | (c->cpl == 3 ? 4 : 0);

		if (absent || (p == READ_ONLY && write))
			raise_event(c, &(struct soft_event){ VEC_PF, EV_EXCEPTION, true, error,
							     MAX(p, at), 0 });
	}
}

void lin_read_bytes(struct soft_cpu *c, gva_t at, void *buf, size_t len)
{
	reach(c, at, len, false);
	memcpy(buf, R.mem + at, len);
}

void lin_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len)
{
	reach(c, at, len, true);
	memcpy(R.mem + at, buf, len);
}

u64 lin_read(struct soft_cpu *c, gva_t at, unsigned size)
{
	u64 val = 0;

	lin_read_bytes(c, at, &val, size);
	return val;
}

void lin_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val)
{
	lin_write_bytes(c, at, &val, size);
}

void *lin_ptr(struct soft_cpu *c, gva_t at, size_t len, bool write, enum insn_seg seg)
{
	CHECK(len && (at & (PAGE - 1)) + len <= PAGE);
	reach(c, at, len, write);
	return R.all_slow || ALIGN_DOWN(at, PAGE) == SLOW ? NULL : R.mem + at;
}

gva_t seg_check(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len, bool write)
{
	bool bad = c->mode == CPU_64 ? (s64)(off << 16) >> 16 != (s64)off
				     : off + len - 1 > c->seg[s].limit;

	if (bad)
		raise_error(c, s == SEG_SS ? VEC_SS : VEC_GP, 0);
	return c->seg_base[s] + off;
}

u64 seg_read(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size)
{
	return lin_read(c, seg_check(c, s, off, size, false), size);
}

void seg_write(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size, u64 val)
{
	lin_write(c, seg_check(c, s, off, size, true), size, val);
}

void seg_read_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, void *buf, size_t len)
{
	lin_read_bytes(c, seg_check(c, s, off, len, false), buf, len);
}

void seg_write_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, const void *buf, size_t len)
{
	lin_write_bytes(c, seg_check(c, s, off, len, true), buf, len);
}

void seg_probe_write(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len)
{
	reach(c, seg_check(c, s, off, len, true), len, true);
}

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_int.def"
#undef EXEC

static exec_fn rig_function(unsigned op)
{
	switch (op) {
#define EXEC(op, function, attributes)                                                             \
	case OP_##op:                                                                              \
		return function;
#include "cpu/soft/exec_int.def"
#undef EXEC
	}
	return NULL;
}

/* ---- modes ---- */

enum { DATA_16 = 0x93, DATA_32 = 0xc093, CODE_16 = 0x9b, CODE_32 = 0xc09b, CODE_64 = 0xa09b };

static void rig_segments(struct soft_cpu *c, u16 code, u16 data, u16 stack, unsigned cpl)
{
	for (unsigned s = 0; s < 6; s++) {
		u16 attr = s == SEG_CS ? code : s == SEG_SS ? stack : data;

		c->seg[s] = (struct cpu_seg){ .attr = (u16)(attr | cpl << SA_DPL_SHIFT),
					      .limit = attr & SA_G ? 0xffffffff : 0xffff };
	}
}

/*
 * r: real, v: virtual-8086; p, q: 32-bit with privilege 0, 3; h: 16-bit, 3; m: 32-bit with a 16-bit
 * stack, 0; c: as p with a CS limit of 1010; k, l: 64-bit, 0, 3.
 */
static void rig_mode(char mode)
{
	struct soft_cpu *c = &R.cpu;

	memset(&R, 0, offsetof(struct rig, mem));
	c->tlb = &R.tlb;
	c->soft = &R.soft;
	c->base.accel = &R.soft.base;
	R.soft.base.machine = rig_machine;
	c->rflags = FL_1 | (mode == 'v' ? FL_VM : 0);
	c->cr0 = mode == 'r' ? 0 : CR0_PE;
	c->cr4 = 0;
	if (mode == 'k' || mode == 'l')
		c->efer = EFER_LME | EFER_LMA;
	switch (mode) {
	case 'p':
	case 'c': rig_segments(c, CODE_32, DATA_32, DATA_32, 0); break;
	case 'q': rig_segments(c, CODE_32, DATA_32, DATA_32, 3); break;
	case 'h': rig_segments(c, CODE_16, DATA_16, DATA_16, 3); break;
	case 'm': rig_segments(c, CODE_32, DATA_32, 0x8093, 0); break;
	case 'k': rig_segments(c, CODE_64, DATA_32, DATA_32, 0); break;
	case 'l': rig_segments(c, CODE_64, DATA_32, DATA_32, 3); break;
	default: rig_segments(c, CODE_16, DATA_16, DATA_16, 0);
	}
	if (mode == 'c')
		c->seg[SEG_CS].limit = 0x1010;
	memset(c->has, 1, sizeof(c->has));
	c->gpr[R_SP] = 0x8000;
	c->rip = CODE;
	cpu_mode_changed(c);
}

/* ---- texts ---- */

/* Up to @digits of a hexadecimal number; @text goes behind it. */
static u64 rig_hex(const char **text, unsigned digits)
{
	static const char all[] = "0123456789abcdef";
	const char *at;
	u64 val = 0;

	for (; digits && **text && (at = strchr(all, **text)); digits--, ++*text)
		val = val << 4 | (u64)(at - all);
	return val;
}

static const char *const rig_names[] = { "ax", "cx", "dx",  "bx",  "sp",  "bp",  "si",  "di",
					 "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };

struct expect {
	u64 gpr[16], rip, flags, mask;
	int vector;
	u32 error;
	u8 mem[MEM];
};

static struct expect E;

/* NAME=HEX, fl=HEX/MASK, cr4=HEX, ip=HEX, v=VECTOR:ERROR, @ADDRESS=BYTES, separated by spaces. */
static void rig_parse(const char *text, struct soft_cpu *c)
{
	u64 *gpr = c ? c->gpr : E.gpr;

	while (*text) {
		const char *name = text;
		u64 at = *text == '@' ? (text++, rig_hex(&text, 16)) : 0, val;
		size_t len;

		text += strcspn(text, "=") + 1;
		len = (size_t)(text - name) - 1;
		if (*name == '@') {
			for (; *text && *text != ' '; at++)
				(c ? R.mem : E.mem)[at] = (u8)rig_hex(&text, 2);
			text += *text == ' ';
			continue;
		}
		val = rig_hex(&text, 16);
		if (!strncmp(name, "fl", len)) {
			E.mask = *text == '/' ? (text++, rig_hex(&text, 16)) : ~0ull;
			E.flags = val;
			if (c)
				flags_set(c, val, ~(u64)FL_VM);
		} else if (!strncmp(name, "cr4", len)) {
			R.cpu.cr4 = val;
		} else if (!strncmp(name, "ip", len)) {
			E.rip = val;
		} else if (!strncmp(name, "v", len)) {
			E.vector = (int)val;
			E.error = *text == ':' ? (u32)(text++, rig_hex(&text, 8)) : 0;
			E.rip = CODE;
		} else {
			unsigned n = 0;

			while (strncmp(name, rig_names[n], len) || rig_names[n][len])
				CHECK(++n < 16);
			gpr[n] = val;
		}
		text += *text == ' ';
	}
}

/* Run R.insn at RIP. The vector of what it raised, or -1. */
static int rig_run(void)
{
	struct soft_cpu *c = &R.cpu;

	c->next_rip = c->rip + R.insn.len;
	c->event.kind = EV_NONE;
	if (jump_set(&c->jump) == 0) {
		exec_check(c, &R.insn);
		rig_function(R.insn.op)(c, &R.insn);
		c->rip = c->next_rip;
		return -1;
	}
	return c->event.vector;
}

/* The same with the instruction at RIP. */
static int rig_step(void)
{
	CHECK(decode(&R.insn, R.mem + R.cpu.rip, 15, (enum cpu_mode)R.cpu.mode) > 0);
	return rig_run();
}

static void rig_load(char mode, const char *code, const char *in)
{
	u8 *to = R.mem + CODE;

	rig_mode(mode);
	memset(R.mem, 0xee, sizeof(R.mem));
	rig_parse(in, &R.cpu);
	while (*code) {
		*to++ = (u8)rig_hex(&code, 2);
		code += *code == ' ';
	}
}

static bool rig_compare(int vector)
{
	struct soft_cpu *c = &R.cpu;
	bool good = true;

#define SAME(name, got, want)                                                                      \
	if ((got) != (want)) {                                                                     \
		fprintf(stderr, "  %s is %llx, want %llx\n", name, (unsigned long long)(got),      \
			(unsigned long long)(want));                                               \
		good = false;                                                                      \
	}
	for (unsigned n = 0; n < 16; n++)
		SAME(rig_names[n], c->gpr[n], E.gpr[n]);
	SAME("ip", c->rip, E.rip);
	SAME("fl", flags_get(c) & E.mask, E.flags & E.mask);
	SAME("vector", vector, E.vector);
	if (vector >= 0)
		SAME("error", c->event.error, E.error);
	for (unsigned n = 0; n < MEM && good; n++)
		if (R.mem[n] != E.mem[n]) {
			fprintf(stderr, "  %x:", n);
			SAME("byte", R.mem[n], E.mem[n]);
		}
#undef SAME
	return good;
}

struct rig_case {
	char mode;
	const char *code, *in, *out;
};

/* Run each; what @out does not name stays as it was, and RIP goes behind the instruction. */
static void rig_cases(const struct rig_case *t, size_t count)
{
	for (; count; count--, t++) {
		int vector;

		rig_load(t->mode, t->code, t->in);
		memcpy(E.gpr, R.cpu.gpr, sizeof(E.gpr));
		memcpy(E.mem, R.mem, sizeof(E.mem));
		CHECK(decode(&R.insn, R.mem + CODE, 15, (enum cpu_mode)R.cpu.mode) > 0);
		E.rip = CODE + R.insn.len;
		E.flags = flags_get(&R.cpu);
		E.mask = ~0ull;
		E.vector = -1;
		E.error = 0;
		rig_parse(t->out, NULL);
		vector = rig_step();
		if (!rig_compare(vector)) {
			fprintf(stderr, "in: mode %c, %s: %s -> %s\n", t->mode, t->code, t->in,
				t->out);
			exit(1);
		}
	}
}
#define CASES(...)                                                                                 \
	do {                                                                                       \
		static const struct rig_case cases_[] = { __VA_ARGS__ };                           \
		rig_cases(cases_, ARRAY_LEN(cases_));                                              \
	} while (0)
