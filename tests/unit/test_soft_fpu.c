/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 and SIMD against the host: the same bytes and registers, once through thunks, once as they
 * are. check: long-file, one rig
 */
#include "soft_fpu_rig.h"

enum { AREA = 832, WINDOW = 1024 };

static struct native native;

/* ---- random states ---- */

static u64 random_double(void)
{
	static const u64 special[] = { 0,
				       BIT64(63),
				       0x7ff0000000000000,
				       0xfff0000000000000,
				       0x7ff8000000000001,
				       0x7ff0000000000001,
				       1,
				       0x000fffffffffffff,
				       0x3ff0000000000000,
				       0x7fefffffffffffff };

	switch (rnd() % 4) {
	case 0: return rnd();
	case 1: return special[rnd() % ARRAY_LEN(special)];
	default: return (rnd() & 0x800fffffffffffff) | (u64)(1000 + rnd() % 50) << 52;
	}
}

static u32 random_float(void)
{
	static const u32 special[] = { 0,          BIT(31), 0x7f800000, 0xff800000, 0x7fc00001,
				       0x7f800001, 1,       0x007fffff, 0x3f800000, 0x7f7fffff };

	switch (rnd() % 4) {
	case 0: return (u32)rnd();
	case 1: return special[rnd() % ARRAY_LEN(special)];
	default: return (u32)((rnd() & 0x807fffff) | (u32)(110 + rnd() % 34) << 23);
	}
}

static void random_vector(u8 *at, size_t len)
{
	bool floats = rnd() & 1;

	for (size_t n = 0; n < len; n += 8) {
		if (floats)
			put_le64(at + n, random_float() | (u64)random_float() << 32);
		else
			put_le64(at + n, random_double());
	}
}

/* 80 bits: normal numbers mostly. */
static void random_extended(u8 *at)
{
	u64 mantissa = rnd() | (rnd() % 16 ? BIT64(63) : 0);
	u16 exponent = (u16)(16383 - 20 + rnd() % 70);

	switch (rnd() % 8) {
	case 0: exponent = (u16)rnd(); break;
	case 1: exponent = 0x7fff; break;
	case 2: exponent = 0; break;
	case 3: mantissa = BIT64(63); break;
	default: break;
	}
	put_le64(at, mantissa);
	put_le16(at + 8, exponent | (u16)(rnd() << 15));
	memset(at + 10, 0, 6);
}

static void random_area(u8 *area, bool unmasked)
{
	u32 mxcsr = (u32)rnd() & 0xe07f, masks = unmasked ? (u32)rnd() & 0x1f80 : 0x1f80;
	u16 cw = (u16)((rnd() & 0xf00) | 0x7f), sw = (u16)rnd() & 0x7f7f;

	memset(area, 0, AREA);
	if (rnd() & 1)
		mxcsr &= 0x6000;
	if (unmasked)
		cw &= (u16)(0xff40 | rnd());
	if (rnd() & 1 || unmasked)
		sw &= 0x7f00; /* else it would always fault at once */
	if (unmasked && rnd() % 4 == 0)
		sw |= (u16)rnd() & 0x3f;
	put_le16(area + FX_CW, cw | 0x40);
	put_le16(area + FX_SW, sw);
	area[FX_TW] = (u8)(rnd() & rnd() ? rnd() : 0xff);
	put_le32(area + FX_MXCSR, mxcsr | masks);
	for (unsigned n = 0; n < 8; n++)
		random_extended(area + FX_ST + 16 * n);
	random_vector(area + FX_XMM, 256);
	random_vector(area + 576, 256);
	put_le64(area + 512, 7);
}

static void random_fill(void *p, size_t n)
{
	for (size_t k = 0; k < n; k++)
		((u8 *)p)[k] = (u8)(rnd() >> 24);
}

static u64 random_flags(void)
{
	return (rnd() & FL_ARITH) | 0x202;
}

static u64 random_gpr(void)
{
	return rnd() % 4 ? rnd() : rnd() & 0xff;
}

/* ---- one instruction, both ways ---- */

/* Bytes of the memory operand that may differ: pointers of x87, which hosts keep or not. */
static bool may_differ(const struct insn *i, size_t at)
{
	switch (i->op) {
	case OP_FXSAVE: return (at >= FX_OP && at < FX_MXCSR) || (at >= FX_MASK && at < FX_ST);
	case OP_XSAVE:
	case OP_XSAVEOPT:
	case OP_XSAVEC:
		/* Whether something unused is told as such is free. SDM 1 13.6 */
		return (at >= FX_OP && at < FX_MXCSR) || (at >= FX_MASK && at < FX_ST);
	case OP_FNSTENV:
	case OP_FNSAVE: return i->osz == 2 ? at >= 6 && at < 14 : at >= 12 && at < 28;
	default: return false;
	}
}

struct outcome {
	int vector;
	u64 gpr[16], flags;
	u8 area[AREA], memory[WINDOW];
};

static void complain(const struct insn *i, const u8 *bytes, const char *what)
{
	char name[32];

	insn_name(i, name, sizeof(name));
	fprintf(stderr, "%s in mode %u differs in %s:", name, i->mode, what);
	for (unsigned n = 0; n < i->len; n++)
		fprintf(stderr, " %02x", bytes[n]);
	fprintf(stderr, "\n");
}

static bool same_area(const struct outcome *a, const struct outcome *b)
{
	bool same = !memcmp(a->area, b->area, 5) &&
		    le32_at(a->area + FX_MXCSR) == le32_at(b->area + FX_MXCSR);

	for (unsigned n = 0; n < 8; n++)
		same &= !memcmp(a->area + FX_ST + 16 * n, b->area + FX_ST + 16 * n, 10);
	return same;
}

static bool same(const struct insn *i, const u8 *bytes, const struct outcome *ours,
		 const struct outcome *host, u64 operand)
{
	const char *what = NULL;
	size_t off = operand - (uintptr_t)memory;

	if (ours->vector != host->vector)
		what = "the vector";
	else if (memcmp(ours->gpr, host->gpr, sizeof(host->gpr)))
		what = "general registers";
	else if ((ours->flags ^ host->flags) & FL_ARITH)
		what = "flags";
	else if (!same_area(ours, host))
		what = "x87 or MXCSR";
	else if (memcmp(ours->area + FX_XMM, host->area + FX_XMM, 256))
		what = "XMM";
	else if (memcmp(ours->area + 576, host->area + 576, 256))
		what = "upper halves";
	for (size_t n = 0; n < WINDOW && !what; n++)
		if (ours->memory[n] != host->memory[n] && (n < off || !may_differ(i, n - off)))
			what = "memory";
	if (!what)
		return true;
	complain(i, bytes, what);
	fprintf(stderr, "vector %d, host %d\n", ours->vector, host->vector);
	for (unsigned n = 0; n < AREA; n++)
		if (ours->area[n] != host->area[n] && !(n >= 6 && n < 24) && !(n >= 28 && n < 32) &&
		    (n < 416 || n >= 576))
			fprintf(stderr, " area %u: %02x, host %02x\n", n, ours->area[n],
				host->area[n]);
	for (unsigned n = 0; n < WINDOW; n++)
		if (ours->memory[n] != host->memory[n])
			fprintf(stderr, " memory %u: %02x, host %02x\n", n - (unsigned)off,
				ours->memory[n], host->memory[n]);
	return false;
}

/* Run @i on the host, then with ours, from the same state: native, and memory. */
static bool compare(const struct insn *i, const u8 *bytes, u64 operand)
{
	struct outcome host = { 0 }, ours = { 0 };
	u64 gpr[16], flags = native.flags;
	u8 before[WINDOW], area[AREA];

	fpu_park(&cpu);
	memcpy(area, native.area, AREA);
	memcpy(gpr, native.gpr, sizeof(gpr));
	memcpy(before, memory, WINDOW);
	native_build(&native, bytes, i->len);
	host.vector = native_run();
	memcpy(host.gpr, native.gpr, sizeof(gpr));
	memcpy(host.area, native.area, AREA);
	memcpy(host.memory, memory, WINDOW);
	host.flags = native.flags;

	memcpy(memory, before, WINDOW);
	if (rnd() % 2)
		fpu_enter(cpu.fpu, rnd() % 2 ? LIVE_MXCSR : LIVE_X87);
	CHECK_EQ(fpu_load(&cpu, area, AREA), 0);
	memcpy(cpu.gpr, gpr, sizeof(gpr));
	cpu.rflags = flags & ~(u64)FL_ARITH;
	flags_set_arith(&cpu, flags);
	ours.vector = run_ours(i);
	memcpy(ours.gpr, cpu.gpr, sizeof(gpr));
	ours.flags = flags_get(&cpu);
	fpu_save(&cpu, ours.area);
	memcpy(ours.memory, memory, WINDOW);
	return same(i, bytes, &ours, &host, operand);
}

/* ---- all forms ---- */

/* A shape of instruction; vector and general registers are chosen at random. */
struct shape {
	unsigned map, pp, opcode;
	unsigned ext, rm; /* ModRM.reg; ModRM.rm of x87 registers */
	bool vex, w, l, memory;
};

static bool has_modrm(const struct shape *s)
{
	return !(s->map == 2 && s->opcode == 0x77);
}

/* The bytes of @s, and which address its memory operand has to have. */
static unsigned write_shape(const struct shape *s, bool low, u8 *out, unsigned *base,
			    unsigned *index)
{
	static const u8 prefix[] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned n = 0, reg = (unsigned)rnd() % (low ? 8 : 16),
		 rm = (unsigned)rnd() % (low ? 8 : 16);
	unsigned x = (unsigned)rnd() % (low ? 8 : 16), vvvv = (unsigned)rnd() % (low ? 8 : 16);

	reg = (reg & 8) | s->ext;
	if (s->map == 1 && !s->memory)
		rm = (rm & 8) | s->rm;
	if (x == 4 || rnd() % 2)
		x = 4; /* no index */
	if (s->vex) {
		out[n++] = 0xc4;
		out[n++] = (u8)((reg & 8 ? 0 : 0x80) | (x & 8 && s->memory ? 0 : 0x40) |
				(rm & 8 ? 0 : 0x20) | (s->map - 1));
		if (rnd() % 4 == 0)
			vvvv = 0;
		out[n++] = (u8)(s->w << 7 | (~vvvv & 15) << 3 | s->l << 2 | s->pp);
	} else {
		unsigned rex = s->w << 3 | (reg & 8) >> 1 | (s->memory ? (x & 8) >> 2 : 0) |
			       (rm & 8) >> 3;

		if (s->pp && s->map != 1)
			out[n++] = prefix[s->pp];
		if (!low && (rex || rnd() % 8 == 0))
			out[n++] = (u8)(0x40 | rex);
		if (s->map > 1)
			out[n++] = 0x0f;
		if (s->map > 2)
			out[n++] = s->map == 3 ? 0x38 : 0x3a;
	}
	out[n++] = (u8)s->opcode;
	if (!has_modrm(s))
		return n;
	if (s->memory) {
		/* [base + index + disp8] */
		out[n++] = (u8)(0x44 | (reg & 7) << 3);
		out[n++] = (u8)((x & 7) << 3 | (rm & 7));
		out[n++] = (u8)rnd() & 0x70;
		*base = rm;
		*index = x;
	} else {
		out[n++] = (u8)(0xc0 | (reg & 7) << 3 | (rm & 7));
	}
	/* An immediate, where there is one. 32-bit mode ignores a register's highest bit. */
	out[n++] = (u8)rnd() & (low ? 0x7f : 0xff);
	return n;
}

static bool wanted(const struct insn *i)
{
	const struct insn_info *info = insn_info(i);

	return (info->cls == CLASS_SIMD || info->cls == CLASS_X87) && !(info->attr & INSN_HAND) &&
	       i->encoding != ENC_EVEX && thunk_prepare(&cpu, i);
}

enum { FORMS = 4096 };
static u8 form_seen[FORMS];
static unsigned differences;

/* Point the memory operand at @target. False: it cannot. */
static bool aim(const struct insn *i, unsigned base, unsigned index, u64 target)
{
	u64 v = target - (u64)i->disp;

	if (index != 4) {
		native.gpr[index] = rnd() % 16;
		v -= native.gpr[index] << i->scale;
	}
	if (index == base && index != 4)
		return false;
	native.gpr[base] = v;
	return true;
}

/* False: there is no such instruction. */
static bool try_shape(const struct shape *s, enum cpu_mode mode, bool unmasked)
{
	unsigned base = 0, index = 4, len;
	u8 bytes[16] = { 0 };
	struct insn i;
	u64 target = (uintptr_t)memory + 256;

	len = write_shape(s, mode == CPU_32, bytes, &base, &index);
	if (decode(&i, bytes, len, mode) <= 0 || !wanted(&i))
		return false;
	if (mode == CPU_32 && (i.op == OP_ZEROALL || i.op == OP_ZEROUPPER))
		return false; /* of 8 registers there */
	set_mode(mode);
	random_area(native.area, unmasked);
	native.flags = random_flags();
	for (unsigned r = 0; r < 16; r++)
		native.gpr[r] = random_gpr();
	random_vector(memory, WINDOW);
	/* AMD's processors let SHA's operands lie anywhere; SDM 2B has them aligned. */
	if (rnd() % 8 == 0 && insn_info(&i)->feature != FEATURE_SHA)
		target += rnd() % 64;
	if (s->memory && !aim(&i, base, index, target))
		return true;
	CHECK(i.form < FORMS);
	if (!compare(&i, bytes, target))
		differences++;
	form_seen[i.form] = 1;
	return true;
}

typedef void (*shape_fn)(const struct shape *s);

/* All values of ModRM.reg; of ModRM.rm, too, where x87 has its opcodes there. */
static void each_modrm(shape_fn fn, struct shape *s)
{
	for (s->ext = 0; s->ext < 8; s->ext++)
		for (s->rm = 0; s->rm < (s->map == 1 && !s->memory ? 8u : 1u); s->rm++)
			fn(s);
}

static bool is_shape(const struct shape *s)
{
	if (s->map == 1)
		return (s->opcode & 0xf8) == 0xd8 && !s->pp && !s->w && !s->l;
	return (s->vex || !s->l) && !(s->map == 2 && (s->opcode & 0xfd) == 0x38);
}

static void each_shape(shape_fn fn)
{
	struct shape s = { 0 };

	for (unsigned n = 0; n < 2 * 4 * 32 * 256; n++) {
		s.opcode = n & 255;
		s.pp = n >> 8 & 3;
		s.w = n >> 10 & 1;
		s.l = n >> 11 & 1;
		s.memory = n >> 12 & 1;
		s.map = 1 + (n >> 13 & 3);
		s.vex = n >> 15 & 1;
		if (is_shape(&s) && !(s.vex && s.map == 1))
			each_modrm(fn, &s);
	}
}

static void shape_masked(const struct shape *s)
{
	for (unsigned n = 0; n < 3; n++)
		if (!try_shape(s, CPU_64, false))
			return;
}

static void shape_unmasked(const struct shape *s)
{
	for (unsigned n = 0; n < 3; n++)
		if (!try_shape(s, CPU_64, true))
			return;
}

static void shape_32(const struct shape *s)
{
	if (!s->w)
		(void)try_shape(s, CPU_32, false);
}

static unsigned forms(void)
{
	unsigned n = 0;

	for (unsigned f = 0; f < FORMS; f++)
		n += form_seen[f];
	return n;
}

static void every_form_does_what_the_host_does(void)
{
	each_shape(shape_masked);
	/* All of the tables, on a host that has AVX2 and what was there before it. */
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes"))
		CHECK(forms() >= 950);
	CHECK_EQ(differences, 0);
}

static void unmasked_exceptions_are_raised_as_the_host_raises_them(void)
{
	each_shape(shape_unmasked);
	CHECK_EQ(differences, 0);
}

static void modes_32_bits_wide_use_the_same_thunks(void)
{
	each_shape(shape_32);
	CHECK_EQ(differences, 0);
}

/* ---- instructions without a thunk ---- */

/* The bytes of one that has [rdi] for its memory operand, or maskmov's implied one. */
struct by_hand {
	const char *bytes;
	enum cpu_mode mode; /* in CPU_32, the host does the same in 64-bit mode */
	void (*prepare)(u8 *at);
};

/* A save area that XRSTOR and FXRSTOR take. */
static void valid_area(u8 *at)
{
	random_area(at, true);
	put_le64(at + 512, rnd() % 8);
	put_le32(at + FX_MASK, 0);
	native.gpr[R_AX] = rnd() % 8;
	native.gpr[R_DX] = 0;
}

/* The same, compacted, or something that is wrong in one place. */
static void compact_area(u8 *at)
{
	u64 comp = rnd() % 8;

	valid_area(at);
	put_le64(at + 512, rnd() & comp);
	put_le64(at + 520, BIT64(63) | comp);
	/* The host may know more: of what we both know nothing. */
	if (rnd() % 4 == 0)
		at[528 + rnd() % 48] = (u8)rnd();
	if (rnd() % 8 == 0)
		put_le64(at + 512, rnd() % 8);
}

static void bad_area(u8 *at)
{
	valid_area(at);
	switch (rnd() % 4) {
	case 0: put_le32(at + FX_MXCSR, BIT(18 + rnd() % 14)); break; /* AMD has 17 */
	case 1: at[520 + rnd() % 8] = 1; break;
	case 2: at[528 + rnd() % 8] = 1; break;
	default: put_le64(at + 512, BIT64(40)); break;
	}
	native.gpr[R_AX] = 7;
}

static void any_state(u8 *at)
{
	random_fill(at, 768);
	native.gpr[R_AX] = rnd() % 8;
	native.gpr[R_DX] = 0;
	put_le64(at + 512, rnd() % 8);
}

static void env32(u8 *at)
{
	random_fill(at, 28);
	random_area(native.area, true);
	put_le32(at, 0xffff0000 | le16_at(native.area));
	for (unsigned n = 0; n < 8; n++)
		random_extended(at + 28 + 10 * n);
	memset(at + 12, 0, 16);
}

static void env16(u8 *at)
{
	random_fill(at, 14);
	random_area(native.area, true);
	put_le16(at, le16_at(native.area));
	for (unsigned n = 0; n < 8; n++)
		random_extended(at + 14 + 10 * n);
	memset(at + 6, 0, 8);
}

static void mxcsr_value(u8 *at)
{
	put_le32(at, (u32)rnd() & (rnd() % 4 ? 0xffff : 0x1ffff));
}

static const struct by_hand hands[] = {
	{ "0f ae 07", CPU_64, any_state },       /* fxsave */
	{ "48 0f ae 07", CPU_64, any_state },    /* fxsave64 */
	{ "0f ae 0f", CPU_64, valid_area },      /* fxrstor */
	{ "48 0f ae 0f", CPU_64, valid_area },   /* fxrstor64 */
	{ "48 0f ae 0f", CPU_64, bad_area },     /* fxrstor64 */
	{ "0f ae 27", CPU_64, any_state },       /* xsave */
	{ "48 0f ae 27", CPU_64, any_state },    /* xsave64 */
	{ "0f ae 37", CPU_64, any_state },       /* xsaveopt */
	{ "0f c7 27", CPU_64, any_state },       /* xsavec */
	{ "48 0f c7 27", CPU_64, any_state },    /* xsavec64 */
	{ "0f ae 2f", CPU_64, valid_area },      /* xrstor */
	{ "48 0f ae 2f", CPU_64, valid_area },   /* xrstor64 */
	{ "0f ae 2f", CPU_64, compact_area },    /* xrstor */
	{ "0f ae 2f", CPU_64, bad_area },        /* xrstor */
	{ "0f ae 17", CPU_64, mxcsr_value },     /* ldmxcsr */
	{ "0f ae 1f", CPU_64, any_state },       /* stmxcsr */
	{ "c5 f8 ae 17", CPU_64, mxcsr_value },  /* vldmxcsr */
	{ "c5 f8 ae 1f", CPU_64, any_state },    /* vstmxcsr */
	{ "d9 2f", CPU_64, any_state },          /* fldcw */
	{ "d9 3f", CPU_64, any_state },          /* fnstcw */
	{ "dd 3f", CPU_64, any_state },          /* fnstsw */
	{ "df e0", CPU_64, any_state },          /* fnstsw ax */
	{ "d9 37", CPU_64, any_state },          /* fnstenv */
	{ "66 d9 37", CPU_64, any_state },       /* fnstenv, 16 bits */
	{ "d9 27", CPU_64, env32 },              /* fldenv */
	{ "66 d9 27", CPU_64, env16 },           /* fldenv, 16 bits */
	{ "dd 37", CPU_64, any_state },          /* fnsave */
	{ "66 dd 37", CPU_64, any_state },       /* fnsave, 16 bits */
	{ "dd 27", CPU_64, env32 },              /* frstor */
	{ "66 dd 27", CPU_64, env16 },           /* frstor, 16 bits */
	{ "db e2", CPU_64, any_state },          /* fnclex */
	{ "db e3", CPU_64, any_state },          /* fninit */
	{ "9b", CPU_64, any_state },             /* fwait */
	{ "66 0f f7 c8", CPU_64, any_state },    /* maskmovdqu */
	{ "66 45 0f f7 d3", CPU_64, any_state }, /* maskmovdqu */
	{ "c5 f9 f7 c8", CPU_64, any_state },    /* vmaskmovdqu */
	{ "0f f7 c8", CPU_64, any_state },       /* maskmovq */
	{ "c4 e2 71 2c 07", CPU_64, any_state }, /* vmaskmovps xmm0, xmm1, [rdi] */
	{ "c4 e2 75 2c 07", CPU_64, any_state }, /* ymm0 */
	{ "c4 e2 75 2d 07", CPU_64, any_state }, /* vmaskmovpd */
	{ "c4 e2 71 2e 07", CPU_64, any_state }, /* vmaskmovps [rdi], xmm1, xmm0 */
	{ "c4 e2 75 2f 07", CPU_64, any_state }, /* vmaskmovpd */
	{ "c4 62 75 8c 1f", CPU_64, any_state }, /* vpmaskmovd ymm11, ymm1, [rdi] */
	{ "c4 e2 f1 8c 07", CPU_64, any_state }, /* vpmaskmovq */
	{ "c4 e2 75 8e 07", CPU_64, any_state }, /* vpmaskmovd [rdi], ymm1, ymm0 */
	{ "c4 e2 f5 8e 07", CPU_64, any_state }, /* vpmaskmovq */
	{ "c5 f8 77", CPU_64, any_state },       /* vzeroupper */
	{ "c5 fc 77", CPU_64, any_state },       /* vzeroall */
};

static unsigned parse(const char *hex, u8 *out)
{
	struct writer w = { .at = out };

	put(&w, hex);
	return (unsigned)w.n;
}

static void instructions_done_by_hand_do_what_the_host_does(void)
{
	for (unsigned k = 0; k < ARRAY_LEN(hands) * 200; k++) {
		const struct by_hand *h = &hands[k % ARRAY_LEN(hands)];
		u8 bytes[16], *at = memory + 64;
		struct insn i;
		unsigned len = parse(h->bytes, bytes);

		CHECK_EQ(decode(&i, bytes, len, h->mode), len);
		set_mode(h->mode);
		native.flags = random_flags();
		for (unsigned r = 0; r < 16; r++)
			native.gpr[r] = random_gpr();
		random_vector(memory, WINDOW);
		h->prepare(at);
		random_area(native.area, true);
		if (rnd() % 16 == 0)
			at += rnd() % 16;
		native.gpr[R_DI] = (uintptr_t)at;
		if (!compare(&i, bytes, (uintptr_t)at))
			differences++;
	}
	CHECK_EQ(differences, 0);
}

/* Decode @hex for @mode, and run it: the vector, or -1. */
static int run_hex(const char *hex, enum cpu_mode mode)
{
	u8 bytes[16];
	struct insn i;
	unsigned len = parse(hex, bytes);

	CHECK_EQ(decode(&i, bytes, len, mode), len);
	set_mode(mode);
	return run_ours(&i);
}

static u8 *page(enum page_kind k)
{
	return memory + k * PAGE;
}

static void fresh(void)
{
	fpu_park(&cpu);
	random_area(native.area, false);
	CHECK_EQ(fpu_load(&cpu, native.area, AREA), 0);
	cpu.cr0 = CR0_PE | CR0_MP | CR0_NE;
	cpu.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	cpu.xcr0 = 7;
	cpu.gpr[R_DI] = (uintptr_t)memory;
}

static const char *const gathers[] = {
	"c4 e2 71 92 04 17",                         /* vgatherdps xmm0, [rdi + xmm2], xmm1 */
	"c4 e2 75 92 04 97",                         /* ymm0, [rdi + ymm2*4] */
	"c4 e2 f1 92 04 17",                         /* vgatherdpd */
	"c4 e2 f5 92 04 17",    "c4 e2 71 93 04 17", /* vgatherqps */
	"c4 e2 75 93 04 17",    "c4 e2 f1 93 04 17",
	"c4 e2 f5 93 04 57",    "c4 e2 71 90 04 17", /* vpgatherdd */
	"c4 e2 75 90 44 17 10", "c4 e2 f5 90 04 17",
	"c4 e2 f5 91 04 17",    "c4 e2 75 91 04 17",
};

/* Some elements lie where nothing is: those before them are loaded, and their masks cleared. */
static void gathers_stop_at_the_element_that_faults(void)
{
	if (!__builtin_cpu_supports("avx2"))
		return;
	for (unsigned k = 0; k < ARRAY_LEN(gathers) * 300; k++) {
		u8 bytes[16], *index = native.area;
		struct insn i;
		unsigned len = parse(gathers[k % ARRAY_LEN(gathers)], bytes);
		unsigned step;

		CHECK_EQ(decode(&i, bytes, len, CPU_64), len);
		set_mode(CPU_64);
		random_area(native.area, false);
		for (unsigned r = 0; r < 16; r++)
			native.gpr[r] = random_gpr();
		native.flags = random_flags();
		random_vector(memory, N_PAGES * PAGE - PAGE);
		native.gpr[R_DI] = (uintptr_t)page(PAGE_FAST2);
		step = (i.opcode & 1) ? 8 : 4;
		for (unsigned n = 0; n < 32; n += step) {
			s64 at = (s64)(rnd() % 1000) - 500;
			u8 *p = index + (n < 16 ? FX_XMM + 32 : 576 + 32 - 16) + n;

			if (rnd() % 16 == 0)
				at = PAGE * (PAGE_ABSENT - PAGE_FAST2) >> i.scale;
			put_le(p, step, (u64)at);
		}
		if (!compare(&i, bytes, (uintptr_t)memory))
			differences++;
	}
	CHECK_EQ(differences, 0);
}

/* A value that tells where it was written: 16 bytes in XMM1. */
static void set_xmm1(void)
{
	for (unsigned n = 0; n < 32; n++)
		fpu_vec(&cpu, 1)[n] = (u8)(0x40 + n);
}

static void operands_may_lie_anywhere(void)
{
	static const unsigned at[] = { PAGE_FAST * PAGE + 8,   PAGE_FAST2 * PAGE - 8,
				       PAGE_SLOW * PAGE - 3,   PAGE_SLOW * PAGE + 100,
				       PAGE_DEVICE * PAGE - 5, PAGE_DEVICE * PAGE + 7 };
	static const char *const load[] = { "0f 10 17", "66 0f 38 20 17", "d9 07", "db 2f" };

	fresh();
	for (unsigned k = 0; k < ARRAY_LEN(at); k++) {
		u8 want[16];

		set_xmm1();
		memcpy(want, fpu_vec(&cpu, 1), 16);
		cpu.gpr[R_DI] = (uintptr_t)memory + at[k];
		memset(memory, 0, (N_PAGES - 1) * PAGE);
		CHECK_EQ(run_hex("0f 11 0f", CPU_64), -1); /* movups [rdi], xmm1 */
		CHECK(!memcmp(memory + at[k], want, 16));
		CHECK_EQ(run_hex("0f 10 17", CPU_64), -1); /* movups xmm2, [rdi] */
		CHECK(!memcmp(fpu_vec(&cpu, 2), want, 16));
		/* Through a thunk: paddb xmm2, xmm2; movhps [rdi], xmm2. */
		CHECK_EQ(run_hex("66 0f fc d2", CPU_64), -1);
		CHECK_EQ(run_hex("0f 17 17", CPU_64), -1);
		CHECK_EQ(memory[at[k]], 2 * want[8] & 0xff);
		CHECK_EQ(memory[at[k] + 8], want[8]);
		CHECK_EQ(run_hex("db e3", CPU_64), -1);
		CHECK_EQ(run_hex("d9 e8", CPU_64), -1); /* fld1 */
		CHECK_EQ(run_hex("db 3f", CPU_64), -1); /* fstp tbyte [rdi] */
		CHECK_EQ(le16_at(memory + at[k] + 8), 0x3fff);
		CHECK_EQ(memory[at[k] + 10], want[10]);
		CHECK_EQ(run_hex("db 2f", CPU_64), -1); /* fld tbyte [rdi] */
		CHECK_EQ(run_hex("dd 1f", CPU_64), -1); /* fstp qword [rdi] */
		CHECK_EQ(le64_at(memory + at[k]), 0x3ff0000000000000);
	}
	CHECK(device_writes > 0);
	cpu.gpr[R_DI] = (uintptr_t)page(PAGE_ABSENT) - 2;
	for (unsigned k = 0; k < ARRAY_LEN(load); k++) {
		u8 before[AREA], after[AREA];

		fpu_save(&cpu, before);
		CHECK_EQ(run_hex(load[k], CPU_64), VEC_PF);
		CHECK_EQ(cpu.event.cr2, (uintptr_t)page(PAGE_ABSENT));
		fpu_save(&cpu, after);
		CHECK(!memcmp(before, after, AREA));
	}
	CHECK_EQ(run_hex("dd 1f", CPU_64), VEC_PF);
	CHECK_EQ(fpu_sw(cpu.fpu), 0x0000); /* nothing was popped: the stack is empty */
}

static void misaligned_operands_are_refused(void)
{
	fresh();
	for (unsigned k = PAGE_FAST; k <= PAGE_DEVICE; k++) {
		cpu.gpr[R_DI] = (uintptr_t)page((enum page_kind)k) + 8;
		CHECK_EQ(run_hex("0f 58 0f", CPU_64), VEC_GP);    /* addps xmm1, [rdi] */
		CHECK_EQ(run_hex("0f 29 0f", CPU_64), VEC_GP);    /* movaps [rdi], xmm1 */
		CHECK_EQ(run_hex("c5 fc 28 0f", CPU_64), VEC_GP); /* vmovaps ymm1, [rdi] */
		CHECK_EQ(run_hex("c5 f0 58 0f", CPU_64), -1);     /* vaddps xmm1, xmm1, [rdi] */
		CHECK_EQ(run_hex("f3 0f 58 0f", CPU_64), -1);     /* addss */
		CHECK_EQ(run_hex("0f ae 07", CPU_64), VEC_GP);    /* fxsave */
	}
	/* It comes before what the page has to say. */
	cpu.gpr[R_DI] = (uintptr_t)page(PAGE_ABSENT) + 8;
	CHECK_EQ(run_hex("0f 58 0f", CPU_64), VEC_GP);
}

static void control_registers_say_who_may_run(void)
{
	static const struct {
		const char *hex;
		int em, ts, no_fxsr, no_xsave;
	} cases[] = {
		{ "d8 c1", VEC_NM, VEC_NM, -1, -1 },           /* fadd */
		{ "d9 3f", VEC_NM, VEC_NM, -1, -1 },           /* fnstcw */
		{ "db e3", VEC_NM, VEC_NM, -1, -1 },           /* fninit */
		{ "9b", -1, VEC_NM, -1, -1 },                  /* fwait */
		{ "0f fc c1", VEC_UD, VEC_NM, -1, -1 },        /* paddb mm0, mm1 */
		{ "0f 77", VEC_UD, VEC_NM, -1, -1 },           /* emms */
		{ "0f 38 00 c1", VEC_UD, VEC_NM, -1, -1 },     /* pshufb mm0, mm1 */
		{ "0f 28 c1", VEC_UD, VEC_NM, VEC_UD, -1 },    /* movaps */
		{ "0f 58 c1", VEC_UD, VEC_NM, VEC_UD, -1 },    /* addps */
		{ "f3 0f d6 c1", VEC_UD, VEC_NM, VEC_UD, -1 }, /* movq2dq */
		{ "0f 2d 07", VEC_UD, VEC_NM, VEC_UD, -1 },    /* cvtps2pi mm0, [rdi] */
		{ "0f ae 1f", VEC_UD, VEC_NM, VEC_UD, -1 },    /* stmxcsr */
		{ "0f ae 07", VEC_UD, VEC_NM, -1, -1 },        /* fxsave */
		{ "0f ae 27", -1, VEC_NM, -1, VEC_UD },        /* xsave */
		{ "c5 f8 58 c1", -1, VEC_NM, -1, VEC_UD },     /* vaddps */
		{ "c5 f8 28 c1", -1, VEC_NM, -1, VEC_UD },     /* vmovaps */
		{ "c4 e2 71 2c 07", -1, VEC_NM, -1, VEC_UD },  /* vmaskmovps */
	};

	for (unsigned k = 0; k < ARRAY_LEN(cases); k++) {
		fresh();
		CHECK_EQ(run_hex(cases[k].hex, CPU_64), -1);
		cpu.cr0 |= CR0_EM;
		CHECK_EQ(run_hex(cases[k].hex, CPU_64), cases[k].em);
		cpu.cr0 ^= CR0_EM | CR0_TS;
		CHECK_EQ(run_hex(cases[k].hex, CPU_64), cases[k].ts);
		cpu.cr4 &= ~(u64)CR4_OSFXSR;
		if (cases[k].no_fxsr == VEC_UD)
			CHECK_EQ(run_hex(cases[k].hex, CPU_64), VEC_UD); /* before #NM */
		cpu.cr0 ^= CR0_TS;
		CHECK_EQ(run_hex(cases[k].hex, CPU_64), cases[k].no_fxsr);
		cpu.cr4 |= CR4_OSFXSR;
		cpu.cr4 &= ~(u64)CR4_OSXSAVE;
		CHECK_EQ(run_hex(cases[k].hex, CPU_64), cases[k].no_xsave);
	}
	fresh();
	cpu.xcr0 = 3;
	CHECK_EQ(run_hex("c5 f8 58 c1", CPU_64), VEC_UD);
	CHECK_EQ(run_hex("0f 58 c1", CPU_64), -1);
	fresh();
	cpu.cr0 = CR0_PE | CR0_NE | CR0_TS; /* FWAIT looks at TS only with MP */
	CHECK_EQ(run_hex("9b", CPU_64), -1);
}

/* A division by zero that is not masked: told by the next instruction that waits. */
static void pending_zero_divide(void)
{
	u8 cw[2];

	fresh();
	put_le16(cw, 0x37b);
	memcpy(memory, cw, 2);
	CHECK_EQ(run_hex("db e3", CPU_64), -1);
	CHECK_EQ(run_hex("d9 2f", CPU_64), -1); /* fldcw */
	CHECK_EQ(run_hex("d9 e8", CPU_64), -1); /* fld1 */
	CHECK_EQ(run_hex("d9 ee", CPU_64), -1); /* fldz */
	cpu.rip = 0x123456;
	CHECK_EQ(run_hex("de f9", CPU_64), -1); /* fdivp */
	cpu.rip = 0x200000;
	CHECK(fpu_pending(cpu.fpu));
}

static void x87_exceptions_come_with_the_next_instruction(void)
{
	static const char *const waiting[] = { "d9 e8", "9b",       "d9 2f", "d9 27", "0f fc c1",
					       "0f 77", "0f f7 c8", "d8 0f" /* fmul m32 */ };
	static const char *const others[] = { "d9 3f", "dd 3f", "0f ae 07", "0f 58 c1" };
	u8 area[AREA];

	for (unsigned k = 0; k < ARRAY_LEN(waiting); k++) {
		pending_zero_divide();
		CHECK_EQ(run_hex(waiting[k], CPU_64), VEC_MF);
		fpu_park(&cpu);
		CHECK_EQ(run_hex(waiting[k], CPU_64), VEC_MF);
		/* Before a fault of its own operand. */
		cpu.gpr[R_DI] = (uintptr_t)page(PAGE_ABSENT);
		CHECK_EQ(run_hex(waiting[k], CPU_64), VEC_MF);
	}
	for (unsigned k = 0; k < ARRAY_LEN(others); k++) {
		pending_zero_divide();
		CHECK_EQ(run_hex(others[k], CPU_64), -1);
	}
	pending_zero_divide();
	CHECK_EQ(run_hex("d9 e8", CPU_64), VEC_MF);
	fpu_save(&cpu, area);
	CHECK_EQ(le16_at(area + FX_SW) & 0x80ff, 0x8084);
	CHECK_EQ(le64_at(area + FX_IP), 0x123456);
	CHECK_EQ(le16_at(area + FX_OP), 0x6f9);
	CHECK_EQ(run_hex("db e2", CPU_64), -1); /* fnclex */
	CHECK_EQ(run_hex("d9 e8", CPU_64), -1);
}

/* CR0.NE clear: the board would be told, and instructions go on. */
static void without_ne_instructions_go_on(void)
{
	u8 area[AREA];

	pending_zero_divide();
	cpu.cr0 &= ~(u64)CR0_NE;
	CHECK_EQ(run_hex("d9 e8", CPU_64), -1); /* fld1 */
	CHECK_EQ(run_hex("9b", CPU_64), -1);
	CHECK_EQ(run_hex("d9 2f", CPU_64), -1); /* fldcw: the same word again */
	fpu_save(&cpu, area);
	CHECK_EQ(le16_at(area + FX_CW), 0x37b);
	CHECK_EQ(le16_at(area + FX_SW), 0x8084 | 5 << 11); /* three were pushed */
	CHECK_EQ(le16_at(area + FX_ST + 8), 0x3fff);
}

static void simd_exceptions_need_the_system(void)
{
	fresh();
	memset(fpu_vec(&cpu, 0), 0, 32);
	put_le32(fpu_vec(&cpu, 0), 0x3f800000);
	memset(fpu_vec(&cpu, 1), 0, 32);
	put_le32(memory, 0x1f80 & ~0x200u);
	CHECK_EQ(run_hex("0f ae 17", CPU_64), -1);
	CHECK_EQ(run_hex("f3 0f 5e c1", CPU_64), VEC_XM); /* divss: 1/0 */
	CHECK_EQ(fpu_mxcsr(cpu.fpu), 0x1d84);
	CHECK_EQ(le32_at(fpu_vec(&cpu, 0)), 0x3f800000);
	cpu.cr4 &= ~(u64)CR4_OSXMMEXCPT;
	CHECK_EQ(run_hex("f3 0f 5e c1", CPU_64), VEC_UD);
}

/* What x87 did not store because of an unmasked exception is not written for it either. */
static void x87_stores_nothing_with_an_exception(void)
{
	for (unsigned k = 0; k < 2; k++) {
		fresh();
		put_le16(memory, k ? 0x35f : 0x37e); /* precision; invalid */
		CHECK_EQ(run_hex("db e3", CPU_64), -1);
		CHECK_EQ(run_hex("d9 2f", CPU_64), -1);
		CHECK_EQ(run_hex("d9 eb", CPU_64), -1); /* fldpi */
		if (!k)
			CHECK_EQ(run_hex("dd d8", CPU_64), -1); /* fstp st0: empty */
		cpu.gpr[R_DI] = (uintptr_t)page(PAGE_DEVICE) + 8;
		memset(page(PAGE_DEVICE), 0x55, 64);
		device_writes = 0;
		CHECK_EQ(run_hex("d9 1f", CPU_64), -1); /* fstp dword [rdi] */
		CHECK_EQ(device_writes, k);
		CHECK_EQ(le32_at(page(PAGE_DEVICE) + 8), k ? 0x40490fdb : 0x55555555);
		cpu.gpr[R_DI] = (uintptr_t)memory;
		CHECK_EQ(run_hex("9b", CPU_64), VEC_MF);
	}
}

static void images_have_the_pointers_of_their_mode(void)
{
	u8 *m = memory + 64;

	fresh();
	cpu.seg_base[SEG_CS] = 0x12340;
	cpu.seg_base[SEG_DS] = 0;
	cpu.rip = 0xabcd;
	put_le32(memory, 0x3f800000);
	CHECK_EQ(run_hex("db e3", CPU_64), -1);
	CHECK_EQ(run_hex("d9 07", CPU_64), -1); /* fld dword [rdi] */
	CHECK_EQ(run_hex("d9 d0", CPU_64), -1); /* fnop: does not count */
	cpu.gpr[R_DI] = (uintptr_t)m;
	CHECK_EQ(run_hex("d9 37", CPU_32), -1);
	CHECK_EQ(le32_at(m), 0xffff037f);
	CHECK_EQ(le32_at(m + 12), 0xabcd);
	CHECK_EQ(le32_at(m + 16), 0x107 << 16);
	CHECK_EQ(le32_at(m + 20), 0); /* no exception came of it */
	cpu.gpr[R_DI] = (uintptr_t)memory;
	put_le16(memory, 0x37e);
	CHECK_EQ(run_hex("d9 2f", CPU_64), -1); /* fldcw [rdi] */
	put_le32(memory, 0x7f800001);
	CHECK_EQ(run_hex("d9 07", CPU_64), -1); /* a signalling NaN */
	cpu.gpr[R_DI] = (uintptr_t)m;
	CHECK_EQ(run_hex("d9 37", CPU_32), -1);
	CHECK_EQ(le32_at(m), 0xffff037e);
	CHECK_EQ(le32_at(m + 20), (u32)(uintptr_t)memory);
	cpu.prot = false;
	set_mode(CPU_32);
	cpu.prot = false;
	fp_table[OP_FNSTENV].fn(&cpu, &(struct insn){ .osz = 4,
						      .asz = 8,
						      .seg = SEG_DS,
						      .base = R_DI,
						      .index = REG_NONE,
						      .operand = { { OPERAND_MEM, 0, 0, 28 } } });
	CHECK_EQ(le32_at(m + 12), 0xffff0000 | ((0x12340 + 0xabcd) & 0xffff));
	CHECK_EQ(le32_at(m + 16), (0x12340 + 0xabcd) >> 16 << 12 | 0x107);
	set_mode(CPU_64);
	CHECK_EQ(run_hex("48 0f ae 07", CPU_64), -1); /* fxsave64 */
	CHECK_EQ(le64_at(m + FX_IP), 0xabcd);
	CHECK_EQ(le64_at(m + FX_DP), (uintptr_t)memory);
	memset(m, 0xee, 512);
	CHECK_EQ(run_hex("0f ae 07", CPU_32), -1); /* fxsave: XMM0 to 7 only */
	CHECK_EQ(m[FX_XMM + 8 * 16], 0xee);
	CHECK_EQ(m[FX_END], 0xee);
	CHECK_EQ(le32_at(m + FX_MASK), 0xffff);
	cpu.seg_base[SEG_CS] = 0;
}

static void reset_leaves_what_the_manual_says(void)
{
	u8 area[AREA];

	fresh();
	fpu_enter(cpu.fpu, LIVE_X87);
	fpu_reset(&cpu, true); /* INIT changes nothing */
	fpu_save(&cpu, area);
	CHECK(!memcmp(area + FX_XMM, native.area + FX_XMM, 256));
	fpu_reset(&cpu, false);
	fpu_save(&cpu, area);
	CHECK_EQ(le16_at(area + FX_CW), 0x40);
	CHECK_EQ(le16_at(area + FX_SW), 0);
	CHECK_EQ(area[FX_TW], 0xff);
	CHECK_EQ(le32_at(area + FX_MXCSR), 0x1f80);
	CHECK_EQ(area[FX_XMM + 100], 0);
	CHECK_EQ(fpu_load(&cpu, area, 575), -22);
	put_le32(area + FX_MXCSR, 0x10000);
	CHECK_EQ(fpu_load(&cpu, area, AREA), -22);
}

static void the_host_gets_its_own_back(void)
{
	u32 mxcsr;
	u16 cw, sw;

	fresh();
	put_le32(memory, 0x7f80);
	put_le16(memory + 4, 0x27f);
	CHECK_EQ(run_hex("0f ae 17", CPU_64), -1);
	cpu.gpr[R_DI] += 4;
	CHECK_EQ(run_hex("d9 2f", CPU_64), -1);
	CHECK_EQ(run_hex("d9 e8", CPU_64), -1);
	fpu_park(&cpu);
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tfnstsw %2" : "=m"(mxcsr), "=m"(cw), "=m"(sw));
	CHECK_EQ(mxcsr & ~0x3fu, 0x1f80);
	CHECK_EQ(cw, 0x37f);
	CHECK_EQ(sw, 0);
	CHECK_EQ(fpu_mxcsr(cpu.fpu), 0x7f80);
}

/* ---- how much code there can be ---- */

static unsigned thunks_made;

static void prepare_all(const struct shape *s)
{
	unsigned imms = 1;

	for (unsigned imm = 0; imm < imms; imm++)
		for (unsigned rm = 0; rm < (s->memory ? 1u : 8u); rm++) {
			unsigned base, index, len;
			u8 bytes[16];
			struct insn i;
			struct shape one = *s;

			one.rm = rm;
			len = write_shape(&one, false, bytes, &base, &index);
			bytes[len - 1] = (u8)imm;
			if (!s->memory && s->map > 1 && !s->vex)
				bytes[len - 2] = (u8)((bytes[len - 2] & 0xf8) | rm);
			if (decode(&i, bytes, len, CPU_64) <= 0)
				return;
			if (insn_info(&i)->attr & INSN_HAND || i.encoding == ENC_EVEX ||
			    (insn_info(&i)->cls != CLASS_SIMD && insn_info(&i)->cls != CLASS_X87))
				return;
			if (i.imm_len)
				imms = 256;
			thunks_made += thunk_prepare(&cpu, &i) != NULL;
		}
}

static void all_thunks_that_can_be_have_room(void)
{
	each_shape(prepare_all);
	CHECK(thunks_made > 100000);
	CHECK(thunks_room(soft.thunks) > 1 << 20);
}

/* ---- threads ---- */

enum { SAMPLE = 3000, THREADS = 4 };

struct maker {
	struct soft_cpu *c;
	const struct insn *insn;
	const void *found[SAMPLE];
	unsigned first;
};

static void make_thunks(void *arg)
{
	struct maker *m = arg;

	for (unsigned n = 0; n < SAMPLE; n++) {
		unsigned k = (m->first + n) % SAMPLE;

		m->found[k] = thunk_prepare(m->c, &m->insn[k]);
	}
}

static struct insn sample[SAMPLE];
static unsigned sampled;

static void take_sample(const struct shape *s)
{
	unsigned base, index, len;
	u8 bytes[16];

	len = write_shape(s, false, bytes, &base, &index);
	if (rnd() % 4 == 0 && sampled < SAMPLE &&
	    decode(&sample[sampled], bytes, len, CPU_64) > 0 && wanted(&sample[sampled]))
		sampled++;
}

static void threads_that_make_thunks_at_once_find_the_same(void)
{
	static struct soft other;
	static struct soft_cpu c = { .soft = &other };
	struct maker *m = calloc(THREADS, sizeof(*m));
	struct thread *t[THREADS];
	struct error err = { 0 };

	while (sampled < SAMPLE)
		each_shape(take_sample);
	memset(c.has, 1, sizeof(c.has));
	c.prot = true;
	CHECK(m != NULL);
	CHECK_EQ(fpu_create(&c, &err), 0);
	for (unsigned n = 0; n < THREADS; n++) {
		m[n].c = &c;
		m[n].insn = sample;
		m[n].first = n * SAMPLE / THREADS / 2;
		CHECK_EQ(thread_start(&t[n], "maker", make_thunks, &m[n], &err), 0);
	}
	for (unsigned n = 0; n < THREADS; n++)
		thread_join(t[n]);
	for (unsigned n = 0; n < SAMPLE; n++)
		for (unsigned k = 0; k < THREADS; k++)
			CHECK(m[k].found[n] && m[k].found[n] == m[0].found[n]);
	fpu_destroy(&c);
	thunks_destroy(&other);
	free(m);
}

int main(void)
{
	rig_create();
	native_create();
	RUN(every_form_does_what_the_host_does);
	RUN(unmasked_exceptions_are_raised_as_the_host_raises_them);
	RUN(modes_32_bits_wide_use_the_same_thunks);
	RUN(instructions_done_by_hand_do_what_the_host_does);
	RUN(gathers_stop_at_the_element_that_faults);
	RUN(operands_may_lie_anywhere);
	RUN(misaligned_operands_are_refused);
	RUN(control_registers_say_who_may_run);
	RUN(x87_exceptions_come_with_the_next_instruction);
	RUN(without_ne_instructions_go_on);
	RUN(simd_exceptions_need_the_system);
	RUN(x87_stores_nothing_with_an_exception);
	RUN(images_have_the_pointers_of_their_mode);
	RUN(reset_leaves_what_the_manual_says);
	RUN(the_host_gets_its_own_back);
	RUN(all_thunks_that_can_be_have_room);
	RUN(threads_that_make_thunks_at_once_find_the_same);
	native_destroy();
	rig_destroy();
	return 0;
}
