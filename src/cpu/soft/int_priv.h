/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/int_priv.h: what the files with integer instructions share. */
#pragma once

#include "base/bytes.h"
#include "cpu/soft/soft_priv.h"

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_int.def"
#undef EXEC

/*
 * Arithmetic runs on the host: the flags go in (SAHF for all but OF, which 7F + 1 sets), the
 * instruction runs, the flags come out in the form of soft_cpu.lf. So also flags that the manuals
 * leave undefined, or that an instruction does not touch, are as on the host. EAX holds them.
 */
#define FLAGS_IN "addb $0x7f, %%al\n\tsahf\n\t"
#define FLAGS_OUT "\n\tlahf\n\tseto %%al"

/* @text with flags @f on @at, a pointer to memory, and the register @v. */
#define NATIVE(text, f, at_, v_)                                                                   \
	__asm__ volatile(FLAGS_IN text FLAGS_OUT                                                   \
			 : "+&a"(f)                                                                \
			 : [at] "r"(at_), [v] "r"(v_)                                              \
			 : "cc", "memory")

/* Cases of a switch over the size, and over size | LOCKED. */
enum { LOCKED = 16 };
#define NATIVE_SIZES(text, f, at, v)                                                               \
	case 1: NATIVE(text "b %b[v], (%[at])", f, at, v); break;                                  \
	case 2: NATIVE(text "w %w[v], (%[at])", f, at, v); break;                                  \
	case 4: NATIVE(text "l %k[v], (%[at])", f, at, v); break;                                  \
	case 8:                                                                                    \
		NATIVE(text "q %q[v], (%[at])", f, at, v);                                         \
		break
#define NATIVE_LOCKED(text, f, at, v)                                                              \
	case LOCKED | 1: NATIVE("lock " text "b %b[v], (%[at])", f, at, v); break;                 \
	case LOCKED | 2: NATIVE("lock " text "w %w[v], (%[at])", f, at, v); break;                 \
	case LOCKED | 4: NATIVE("lock " text "l %k[v], (%[at])", f, at, v); break;                 \
	case LOCKED | 8: NATIVE("lock " text "q %q[v], (%[at])", f, at, v); break

/* Operates on @at with @v; @how: the size, and LOCKED. Flags in, flags out. */
typedef u32 (*alu_fn)(u32 f, void *at, u64 v, unsigned how);

/* XCHG with memory is locked without saying so. SDM 2C, XCHG */
static inline unsigned insn_locked(const struct insn *i)
{
	return i->prefix & PREFIX_LOCK || i->op == OP_XCHG ? LOCKED : 0;
}

static inline u64 sign_extend(u64 val, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (u64)((s64)(val << shift) >> shift);
}

/* Something is to be done before the next instruction, or the next round of one. */
static inline bool cpu_is_wanted(const struct soft_cpu *c)
{
	return __atomic_load_n(&c->attention, __ATOMIC_RELAXED);
}

/* SDM 1 appendix B: bit 0 of a condition inverts it. */
static inline bool condition(const struct soft_cpu *c, unsigned cc)
{
	u16 lf = c->lf;
	bool sf = lf & LF_SF, of = lf & LF_OF, met;

	switch (cc >> 1 & 7) {
	case 0: met = of; break;
	case 1: met = lf & LF_CF; break;
	case 2: met = lf & LF_ZF; break;
	case 3: met = lf & (LF_CF | LF_ZF); break;
	case 4: met = sf; break;
	case 5: met = lf & LF_PF; break;
	case 6: met = sf != of; break;
	default: met = lf & LF_ZF || sf != of;
	}
	return met ^ (cc & 1);
}

/* Flags of AND, OR, XOR, TEST with the result @val, of @a + @b, and of @a - @b. */
u16 logic_flags(u64 val, unsigned size);
u16 add_flags(u64 a, u64 b, unsigned size);
u16 compare_flags(u64 a, u64 b, unsigned size);

/* As place_begin() for memory that is not where the operand says. */
void place_memory(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size, unsigned locked,
		  struct place *p);

/* The stack pointer, cut to the stack's size; and set, the rest of the register as it was. */
u64 stack_pointer(const struct soft_cpu *c);
void stack_set(struct soft_cpu *c, u64 sp);
/* What is on the stack, @slot times @size bytes from its top. */
u64 stack_peek(struct soft_cpu *c, unsigned slot, unsigned size);

/*
 * A string instruction is made of two parts. one() does one element: all that can fault, then
 * memory, then registers and flags; true: its condition ends a repetition. bulk() does up to @count
 * elements within a page and returns how many that were; 0 when it cannot.
 */
struct string_op {
	bool (*one)(struct soft_cpu *c, const struct insn *i);
	u64 (*bulk)(struct soft_cpu *c, const struct insn *i, u64 count, bool *done);
};
void string_run(struct soft_cpu *c, const struct insn *i, const struct string_op *op);

/* One of its operands: offset, linear address, and host memory for several elements. */
struct string_side {
	enum insn_seg seg;
	unsigned reg;
};
static inline struct string_side string_source(const struct insn *i)
{
	return (struct string_side){ (enum insn_seg)i->seg, R_SI };
}
static inline struct string_side string_target(void)
{
	return (struct string_side){ SEG_ES, R_DI };
}
static inline unsigned string_size(const struct insn *i)
{
	return operand_size(&i->operand[i->op == OP_OUTS]);
}
u64 string_read(struct soft_cpu *c, const struct insn *i, struct string_side s);
void string_write(struct soft_cpu *c, const struct insn *i, struct string_side s, u64 val);
/* The register, @count elements on in the direction of DF. */
void string_advance(struct soft_cpu *c, const struct insn *i, struct string_side s, u64 count);
/*
 * The host address of the first of @count elements, of which fewer may be possible: then @count
 * becomes less. NULL: one by one. May raise what the first element does.
 */
void *string_memory(struct soft_cpu *c, const struct insn *i, struct string_side s, bool write,
		    u64 *count);
