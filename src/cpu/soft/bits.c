/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/bits.c: single bits, counting bits, bit fields, byte order, CRC32, random numbers. */
#include "cpu/soft/int_priv.h"

/* ---- BT and its kin ---- */

#define BIT_OPERATION(name)                                                                        \
	static inline u32 native_##name(u32 f, void *at, u64 v, unsigned how)                      \
	{                                                                                          \
		switch (how) {                                                                     \
		case 2: NATIVE(#name "w %w[v], (%[at])", f, at, v); break;                         \
		case 4: NATIVE(#name "l %k[v], (%[at])", f, at, v); break;                         \
		case 8: NATIVE(#name "q %q[v], (%[at])", f, at, v); break;                         \
		case LOCKED | 2: NATIVE("lock " #name "w %w[v], (%[at])", f, at, v); break;        \
		case LOCKED | 4: NATIVE("lock " #name "l %k[v], (%[at])", f, at, v); break;        \
		case LOCKED | 8: NATIVE("lock " #name "q %q[v], (%[at])", f, at, v); break;        \
		}                                                                                  \
		return f;                                                                          \
	}
BIT_OPERATION(bts)
BIT_OPERATION(btr)
BIT_OPERATION(btc)
#undef BIT_OPERATION

static u32 native_bt(u32 f, u64 val, u64 bit)
{
	__asm__ volatile(FLAGS_IN "btq %[bit], %[val]" FLAGS_OUT
			 : "+&a"(f)
			 : [val] "r"(val), [bit] "r"(bit)
			 : "cc");
	return f;
}

/*
 * Where the word with the bit is: a bit number in a register reaches as far as it can be signed.
 * SDM 2A 3.1.1.9
 */
static u64 bit_offset(const struct soft_cpu *c, const struct insn *i, u64 bit, unsigned size)
{
	u64 off = insn_offset(c, i);
	s64 words;

	if (!(insn_info(i)->attr & INSN_BITBASE))
		return off;
	words = (s64)sign_extend(bit, size) >> (size == 8 ? 6 : size == 4 ? 5 : 4);
	return (off + (u64)words * size) & ones(i->asz);
}

void exec_bt(struct soft_cpu *c, const struct insn *i)
{
	const struct insn_operand *o = &i->operand[0];
	unsigned size = operand_size(o);
	u64 bit = opnd_get(c, i, 1), val;

	if (o->kind == OPERAND_GPR)
		val = opnd_get(c, i, 0);
	else
		val = seg_read(c, (enum insn_seg)i->seg, bit_offset(c, i, bit, size), size);
	c->lf = (u16)native_bt(c->lf, val, bit & (8 * size - 1));
}

static void bit_modify(struct soft_cpu *c, const struct insn *i, alu_fn fn)
{
	unsigned size = operand_size(&i->operand[0]);
	u64 bit = opnd_get(c, i, 1);
	struct place p;
	u32 f;

	if (i->operand[0].kind == OPERAND_GPR)
		place_begin(c, i, 0, &p);
	else
		place_memory(c, (enum insn_seg)i->seg, bit_offset(c, i, bit, size), size,
			     insn_locked(i), &p);
	f = fn(c->lf, p.at, bit & (8 * size - 1), size | insn_locked(i));
	place_end(c, &p);
	c->lf = (u16)f;
}

void exec_bts(struct soft_cpu *c, const struct insn *i)
{
	bit_modify(c, i, native_bts);
}

void exec_btr(struct soft_cpu *c, const struct insn *i)
{
	bit_modify(c, i, native_btr);
}

void exec_btc(struct soft_cpu *c, const struct insn *i)
{
	bit_modify(c, i, native_btc);
}

/* ---- counting ---- */

/* The whole register goes in and comes out: what a source of 0 leaves in it is up to the host. */
#define SCAN(name)                                                                                 \
	static inline void scan_##name(struct soft_cpu *c, const struct insn *i)                   \
	{                                                                                          \
		u64 src = opnd_get(c, i, 1), dst = c->gpr[i->operand[0].reg];                      \
		u32 f = c->lf;                                                                     \
                                                                                                   \
		switch (operand_size(&i->operand[0])) {                                            \
		case 2: SCAN_NATIVE(#name "w %w[src], %w[dst]"); break;                            \
		case 4: SCAN_NATIVE(#name "l %k[src], %k[dst]"); break;                            \
		default: SCAN_NATIVE(#name "q %q[src], %q[dst]");                                  \
		}                                                                                  \
		c->gpr[i->operand[0].reg] = dst;                                                   \
		c->lf = (u16)f;                                                                    \
	}
#define SCAN_NATIVE(text)                                                                          \
	__asm__ volatile(FLAGS_IN text FLAGS_OUT                                                   \
			 : "+&a"(f), [dst] "+&r"(dst)                                              \
			 : [src] "r"(src)                                                          \
			 : "cc")
SCAN(bsf)
SCAN(bsr)
#undef SCAN
#undef SCAN_NATIVE

void exec_bsf(struct soft_cpu *c, const struct insn *i)
{
	scan_bsf(c, i);
}

void exec_bsr(struct soft_cpu *c, const struct insn *i)
{
	scan_bsr(c, i);
}

/* What is undefined is as on AMD's Zen: OF stays. */
static u16 count_flags(const struct soft_cpu *c, u64 src, u64 count)
{
	return (u16)((c->lf & LF_OF) | (src ? 0 : LF_CF) | (count ? 0 : LF_ZF));
}

void exec_lzcnt(struct soft_cpu *c, const struct insn *i)
{
	unsigned bits = operand_size(&i->operand[0]) * 8;
	u64 src, count;

	if (!cpu_has(c, FEATURE_LZCNT)) {
		scan_bsr(c, i);
		return;
	}
	src = opnd_get(c, i, 1);
	count = src ? (u64)__builtin_clzll(src) - (64 - bits) : bits;
	opnd_set(c, i, 0, count);
	c->lf = count_flags(c, src, count);
}

void exec_tzcnt(struct soft_cpu *c, const struct insn *i)
{
	unsigned bits = operand_size(&i->operand[0]) * 8;
	u64 src, count;

	if (!cpu_has(c, FEATURE_BMI1)) {
		scan_bsf(c, i);
		return;
	}
	src = opnd_get(c, i, 1);
	count = src ? (u64)__builtin_ctzll(src) : bits;
	opnd_set(c, i, 0, count);
	c->lf = count_flags(c, src, count);
}

void exec_popcnt(struct soft_cpu *c, const struct insn *i)
{
	u64 src = opnd_get(c, i, 1);

	opnd_set(c, i, 0, (u64)__builtin_popcountll(src));
	c->lf = src ? 0 : LF_ZF;
}

/* ---- BMI: in C, as the host may not have them ---- */

static void field_result(struct soft_cpu *c, const struct insn *i, u64 val, bool carry)
{
	unsigned size = operand_size(&i->operand[0]);

	val &= ones(size);
	opnd_set(c, i, 0, val);
	c->lf = logic_flags(val, size) | (carry ? LF_CF : 0);
}

void exec_andn(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 2);

	field_result(c, i, ~opnd_get(c, i, 1) & val, false);
}

void exec_bextr(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1), control = opnd_get(c, i, 2);
	unsigned start = control & 0xff, len = control >> 8 & 0xff;

	val = start < 64 ? val >> start : 0;
	if (len < 64)
		val &= BIT64(len) - 1;
	field_result(c, i, val, false);
}

void exec_blsr(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1);

	field_result(c, i, val & (val - 1), val == 0);
}

void exec_blsmsk(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1);

	field_result(c, i, val ^ (val - 1), val == 0);
}

void exec_blsi(struct soft_cpu *c, const struct insn *i)
{
	u64 val = opnd_get(c, i, 1);

	field_result(c, i, val & -val, val != 0);
}

void exec_bzhi(struct soft_cpu *c, const struct insn *i)
{
	unsigned bits = operand_size(&i->operand[0]) * 8;
	u64 val = opnd_get(c, i, 1);
	unsigned first = opnd_get(c, i, 2) & 0xff;

	field_result(c, i, first < bits ? val & (BIT64(first) - 1) : val, first >= bits);
}

void exec_pdep(struct soft_cpu *c, const struct insn *i)
{
	u64 mask = opnd_get(c, i, 2), src = opnd_get(c, i, 1), val = 0;

	for (; mask; mask &= mask - 1, src >>= 1)
		val |= src & 1 ? mask & -mask : 0;
	opnd_set(c, i, 0, val);
}

void exec_pext(struct soft_cpu *c, const struct insn *i)
{
	u64 mask = opnd_get(c, i, 2), src = opnd_get(c, i, 1), val = 0;

	for (unsigned n = 0; mask; mask &= mask - 1, n++)
		val |= src & mask & -mask ? BIT64(n) : 0;
	opnd_set(c, i, 0, val);
}

/* ---- ADX: each has one flag for its carry ---- */

static void add_with(struct soft_cpu *c, const struct insn *i, u16 flag)
{
	u64 b = opnd_get(c, i, 1), carry = c->lf & flag ? 1 : 0;
	unsigned __int128 sum = (unsigned __int128)opnd_get(c, i, 0) + b + carry;

	opnd_set(c, i, 0, (u64)sum);
	c->lf &= (u16)~flag;
	if (sum >> (8 * operand_size(&i->operand[0])))
		c->lf |= flag;
}

void exec_adcx(struct soft_cpu *c, const struct insn *i)
{
	add_with(c, i, LF_CF);
}

void exec_adox(struct soft_cpu *c, const struct insn *i)
{
	add_with(c, i, LF_OF);
}

/* ---- bytes ---- */

static u64 swapped(u64 val, unsigned size)
{
	return __builtin_bswap64(val) >> (64 - 8 * size);
}

void exec_bswap(struct soft_cpu *c, const struct insn *i)
{
	/* Of 16 bits it is undefined; processors leave 0. SDM 2A, BSWAP */
	opnd_set(c, i, 0, i->osz == 2 ? 0 : swapped(opnd_get(c, i, 0), i->osz));
}

void exec_movbe(struct soft_cpu *c, const struct insn *i)
{
	opnd_set(c, i, 0, swapped(opnd_get(c, i, 1), i->osz));
}

/* The polynomial 11EDC6F41, reflected; four bits at a time. SDM 2A, CRC32 */
void exec_crc32(struct soft_cpu *c, const struct insn *i)
{
	static const u32 table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
				       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
				       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
				       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
	u64 val = opnd_get(c, i, 1);
	u32 crc = (u32)opnd_get(c, i, 0);

	for (unsigned n = operand_size(&i->operand[1]) * 2; n; n--, val >>= 4)
		crc = crc >> 4 ^ table[(crc ^ val) & 15];
	opnd_set(c, i, 0, crc);
}

/* From the host's generator, which is there without the instruction, and when that is broken. */
static void random_number(struct soft_cpu *c, const struct insn *i)
{
	u64 val = 0;
	bool ok = random_bytes(&val, sizeof(val)) == 0;

	opnd_set(c, i, 0, ok ? val : 0);
	c->lf = ok ? LF_CF : 0;
}

void exec_rdrand(struct soft_cpu *c, const struct insn *i)
{
	random_number(c, i);
}

void exec_rdseed(struct soft_cpu *c, const struct insn *i)
{
	random_number(c, i);
}
