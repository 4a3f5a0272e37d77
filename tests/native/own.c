/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that changes itself, in a loop: instructions with an immediate, and stores into their
 * immediates and operation fields, before or behind the store. What was stored counts for the next
 * instruction already, as on all of Intel's processors. SDM 3A 11.6
 */
#include <string.h>

#include "native.h"

enum { MAX_TARGETS = 8, RSP = 4 };
enum { FL_AF = 0x10, FL_UNDEFINED = 0x8d5 & ~1 }; /* by IMUL: all but CF, OF; taken together */

struct target {
	u8 imm, modrm; /* places in the code; modrm 0: none may be changed */
	u8 reg;
};

struct writing {
	struct ncase *c;
	struct rng *r;
	struct target target[MAX_TARGETS];
	unsigned targets;
	struct {
		u8 at, next; /* the displacement, and the instruction's end */
		u8 offset;   /* into the immediate */
		bool field;  /* writes a ModRM byte, which is its own last byte */
	} store[MAX_TARGETS];
	unsigned stores;
};

static void put8(struct writing *w, unsigned byte)
{
	w->c->code[w->c->code_len++] = (u8)byte;
}

static void put32(struct writing *w, u32 v)
{
	memcpy(w->c->code + w->c->code_len, &v, 4);
	w->c->code_len += 4;
}

/* Not the counter, not the stack. */
static unsigned some_register(struct writing *w)
{
	unsigned reg = below(w->r, 8);

	return reg == RSP || reg == 5 ? 0 : reg;
}

static void add_target(struct writing *w)
{
	struct target *t = &w->target[w->targets++];

	t->reg = (u8)some_register(w);
	t->modrm = 0;
	switch (below(w->r, 4)) {
	case 0: put8(w, 0xb8 | t->reg); break; /* MOV */
	case 1:                                /* IMUL */
		put8(w, 0x69);
		put8(w, 0xc0 | t->reg << 3 | some_register(w));
		break;
	default: /* ADD, OR, ADC, SBB, AND, SUB, XOR, CMP */
		put8(w, 0x81);
		t->modrm = (u8)w->c->code_len;
		put8(w, 0xc0 | below(w->r, 8) << 3 | t->reg);
	}
	t->imm = (u8)w->c->code_len;
	put32(w, (u32)edge_value(w->r));
}

static void add_store(struct writing *w)
{
	unsigned n = w->stores++, kind = below(w->r, 6), size = 4;
	static const u8 opcode[5] = { 0xc7, 0x89, 0xc6, 0x80, 0x01 };
	unsigned reg = opcode[kind % 5] == 0x89 || kind == 4 ? some_register(w) : 0;

	w->store[n].field = kind == 5;
	if (kind == 2 || kind == 3 || kind == 5)
		size = 1;
	put8(w, kind == 5 ? 0xc6 : opcode[kind]);
	put8(w, 5 | reg << 3);
	w->store[n].at = (u8)w->c->code_len;
	put32(w, 0);
	if (kind == 0)
		put32(w, (u32)edge_value(w->r));
	else if (size == 1)
		put8(w, (unsigned)rng_next(w->r) & 0xff);
	w->store[n].offset = (u8)below(w->r, 5 - size);
	w->store[n].next = (u8)w->c->code_len;
}

/* Every store gets a target; a ModRM byte is replaced by one with the same register. */
static void aim_stores(struct writing *w)
{
	struct ncase *c = w->c;

	for (unsigned n = 0; n < w->stores; n++) {
		const struct target *t = &w->target[below(w->r, w->targets)];
		bool field = w->store[n].field && t->modrm;
		unsigned to = field ? t->modrm : t->imm + w->store[n].offset;
		s32 disp = (s32)to - w->store[n].next;

		if (field)
			c->code[w->store[n].next - 1u] = (u8)(0xc0 | below(w->r, 8) << 3 | t->reg);
		if (c->mode == CPU_32)
			disp = (s32)(OWN_BASE + c->code_at + to);
		memcpy(c->code + w->store[n].at, &disp, 4);
	}
}

static void close_loop(struct writing *w)
{
	if (w->c->mode == CPU_64)
		put8(w, 0x41);
	put8(w, 0xff);
	put8(w, w->c->mode == CPU_64 ? 0xcf : 0xcd); /* DEC R15D, EBP */
	put8(w, 0x0f);
	put8(w, 0x85);
	put32(w, (u32) - (s32)(w->c->code_len + 4u));
	w->c->in.gpr[w->c->mode == CPU_64 ? 15 : 5] = 2 + below(w->r, 12);
}

void own_make(struct ncase *c, struct rng *r)
{
	struct writing w = { .c = c, .r = r };
	unsigned count = 3 + below(r, MAX_INSNS - 2);

	if (c->mode == CPU_16) /* has no flat addresses */
		c->mode = CPU_64;
	for (unsigned s = 0; s < 6; s++)
		c->in.sel[s] = c->mode == CPU_64 ? 0 : SEL_DATA;
	c->in.sel[SEG_CS] = c->mode == CPU_64 ? SEL_CODE64 : SEL_CODE32;
	c->in.sel[SEG_SS] = SEL_DATA;
	c->in.fs_base = c->in.gs_base = 0;
	c->code_at = (u16)(0x100 + below(r, 0xe00));
	c->flags |= CASE_OWN | CASE_LOOP | (one_in(r, 2) ? CASE_TWICE : 0);
	for (unsigned n = 0; n < count; n++) {
		c->insn_at[n] = (u8)c->code_len;
		if (n == 0 || one_in(r, 2))
			add_target(&w);
		else
			add_store(&w);
	}
	c->insns = (u8)count;
	c->insn_at[count] = (u8)c->code_len;
	close_loop(&w);
	aim_stores(&w);
	for (unsigned n = 0; n <= count; n++)
		c->undefined[n] = FL_UNDEFINED;
	c->patch[0] = (struct patch){ .at = (u16)(MEM_OWN + c->code_at), .len = c->code_len };
	memcpy(c->bytes, c->code, c->code_len);
	c->patches = 1;
	c->in.rip = OWN_BASE + c->code_at;
}
