/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions of a wanted form, as bytes: the decoder's tables read backwards. */
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "cpu/soft/decode_priv.h"
#include "native.h"

enum { GROUP_INT, GROUP_SYSTEM, GROUP_X87, GROUP_SIMD, N_GROUPS };

static unsigned group_of(const struct insn_info *row)
{
	if (row->cls == CLASS_SIMD)
		return GROUP_SIMD;
	if (row->cls == CLASS_X87)
		return GROUP_X87;
	return row->cls == CLASS_SYSTEM || row->attr & INSN_FAR ? GROUP_SYSTEM : GROUP_INT;
}

static bool no_model(unsigned feature)
{
	switch (feature) {
	case FEATURE_AVX512F:
	case FEATURE_AVX512DQ:
	case FEATURE_AVX512IFMA:
	case FEATURE_AVX512CD:
	case FEATURE_AVX512BW:
	case FEATURE_AVX512VL:
	case FEATURE_AVX512VBMI:
	case FEATURE_AVX512VBMI2:
	case FEATURE_AVX512VNNI:
	case FEATURE_AVX512BITALG:
	case FEATURE_AVX512VPOPCNTDQ:
	case FEATURE_AVX512VP2INTERSECT:
	case FEATURE_AVX512BF16:
	case FEATURE_VMX:
	case FEATURE_SVM: return true;
	default: return false;
	}
}

static void ask_features(struct forms *f)
{
#if defined(__x86_64__)
	for (unsigned n = 0; n < N_FEATURES; n++) {
		const struct feature_bit *b = feature_bit((enum insn_feature)n);
		unsigned reg[4] = { 0 };

		/* No model of ours has them. */
		if (no_model(n))
			continue;
		f->has[n] = !b->leaf;
		if (b->leaf &&
		    __get_cpuid_count(b->leaf, b->subleaf, &reg[0], &reg[1], &reg[2], &reg[3]))
			f->has[n] = reg[b->reg] >> b->bit & 1;
	}
#endif
}

static void add_forms(struct forms *f, unsigned group)
{
	f->first[group] = f->count;
	for (unsigned t = 0; t < 12; t++) {
		for (unsigned op = 0; op < 256; op++) {
			const struct row_range *range = &insn_ranges[t][op];

			for (unsigned n = 0; n < range->count; n++) {
				const struct insn_info *row = &insn_rows[range->first + n];

				if (group_of(row) != group || t / 4 == ENC_EVEX ||
				    !f->has[row->feature])
					continue;
				f->at[f->count++] =
					(struct form){ .row = (u16)(range->first + n),
						       .encoding = (u8)(t / 4),
						       .seen = (u16)(f->seen_at[t][op] + n),
						       .map = (u8)(t % 4 + 1),
						       .opcode = (u8)op };
			}
		}
	}
	f->end[group] = f->count;
}

int forms_create(struct forms *f)
{
	struct rng r = { 7 };
	unsigned total = 0;

	memset(f, 0, sizeof(*f));
	for (unsigned t = 0; t < 12; t++)
		for (unsigned op = 0; op < 256; op++) {
			f->seen_at[t][op] = (u16)total;
			total += insn_ranges[t][op].count;
		}
	f->at = calloc(total, sizeof(*f->at));
	f->seen = calloc(total, sizeof(*f->seen));
	f->fp_pool = calloc(FP_POOL, FP_SIZE);
	if (!f->at || !f->seen || !f->fp_pool)
		return -1;
	for (unsigned n = 0; n < FP_POOL; n++)
		edge_fp_state(&r, f->fp_pool[n]);
	ask_features(f);
	for (unsigned g = 0; g < N_GROUPS; g++)
		add_forms(f, g);
	return 0;
}

void forms_destroy(struct forms *f)
{
	free(f->at);
	free(f->seen);
	free(f->fp_pool);
}

void forms_note(struct forms *f, const struct insn *i)
{
	unsigned t = i->encoding * 4u + i->map - 1;

	f->seen[f->seen_at[t][i->opcode] + i->form - insn_ranges[t][i->opcode].first]++;
}

void form_name(const struct form *f, char *buf, size_t size)
{
	struct insn i = { .form = f->row,
			  .op = insn_rows[f->row].op,
			  .encoding = f->encoding,
			  .opcode = f->opcode,
			  .cc = f->opcode & 15 };

	insn_name(&i, buf, size);
}

unsigned forms_pick(const struct forms *f, struct rng *r)
{
	static const u8 group[16] = { 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 3, 3, 3, 3 };
	unsigned g = group[below(r, 16)];

	return f->first[g] + below(r, f->end[g] - f->first[g]);
}

/* ---- bytes ---- */

struct encoder {
	struct rng *r;
	const struct insn_info *row;
	const struct row_range *range;
	enum cpu_mode mode;
	u32 key; /* as the decoder will build it, where the row cares */
	u8 *p;
};

static u32 bits(const struct encoder *e, unsigned shift, unsigned width)
{
	return e->key >> shift & (BIT(width) - 1);
}

static bool cares(const struct encoder *e, unsigned shift)
{
	return e->row->mask >> shift & 1;
}

/* Random where the row does not care. */
static void choose_key(struct encoder *e, u8 encoding)
{
	u32 key = (u32)rng_next(e->r);

	key &= ~(u32)(3 << MATCH_L | 3 << MATCH_REP | 1 << MATCH_66);
	if (encoding != ENC_LEGACY || one_in(e->r, 8))
		key |= below(e->r, 3) << MATCH_REP;
	if (encoding == ENC_VEX || one_in(e->r, 5))
		key |= below(e->r, 2) << MATCH_66;
	if (encoding != ENC_LEGACY)
		key |= below(e->r, 2) << MATCH_L;
	if (one_in(e->r, 2))
		key &= ~(u32)BIT(MATCH_MOD3);
	e->key = (key & ~e->row->mask) | e->row->want;
}

static void put_legacy_prefixes(struct encoder *e, u8 encoding)
{
	static const u8 seg[] = { 0x64, 0x65, 0x64, 0x65, 0x26, 0x2e, 0x36, 0x3e };
	static const u8 rep[] = { 0, 0xf3, 0xf2, 0 };
	u8 list[8], n = 0;

	if (one_in(e->r, 6))
		list[n++] = seg[below(e->r, ARRAY_LEN(seg))];
	if (one_in(e->r, 10))
		list[n++] = 0x67;
	if (one_in(e->r, e->row->attr & INSN_LOCK ? 4 : 200))
		list[n++] = 0xf0;
	if (encoding == ENC_LEGACY && bits(e, MATCH_66, 1))
		list[n++] = 0x66;
	if (encoding == ENC_LEGACY && bits(e, MATCH_REP, 2))
		list[n++] = rep[bits(e, MATCH_REP, 2)];
	if (n && one_in(e->r, 50))
		list[n++] = list[0];
	for (; n; n--) {
		unsigned at = below(e->r, n);

		*e->p++ = list[at];
		list[at] = list[n - 1];
	}
}

static void put_opcode(struct encoder *e, const struct form *f)
{
	bool rexw = bits(e, MATCH_W, 1) && (cares(e, MATCH_W) || one_in(e->r, 2));
	u8 rex = (u8)below(e->r, 8);

	rex = (u8)((rex & 6) | (rexw ? 8 : 0) | bits(e, MATCH_REXB, 1));
	if (e->mode == CPU_64 && (rexw || one_in(e->r, 2) || (cares(e, MATCH_REXB) && rex & 1)))
		*e->p++ = 0x40 | rex;
	if (f->map > 1)
		*e->p++ = 0x0f;
	if (f->map > 2)
		*e->p++ = f->map == 3 ? 0x38 : 0x3a;
	*e->p++ = f->opcode;
}

/* Fields are inverted. Outside 64-bit mode R and X are 0, and that is what makes it VEX. */
static void put_vex(struct encoder *e, const struct form *f)
{
	static const u8 pp[4] = { 0, 2, 3, 0 };
	u8 rxb = e->mode == CPU_64 ? (u8)below(e->r, 8) : 0;
	u8 v = (u8)below(e->r, 16), w = (u8)bits(e, MATCH_W, 1), last;

	if (e->row->rules & RULE_NOV && !one_in(e->r, 60))
		v = 0;
	if (e->mode == CPU_64 && cares(e, MATCH_REXB))
		rxb = (u8)((rxb & 6) | bits(e, MATCH_REXB, 1));
	last = (u8)((v ^ 15) << 3 | bits(e, MATCH_L, 2) << 2);
	last |= bits(e, MATCH_66, 1) ? 1 : pp[bits(e, MATCH_REP, 2)];
	if (f->map == 2 && !(rxb & 3) && !w && one_in(e->r, 2)) {
		*e->p++ = 0xc5;
		*e->p++ = (u8)((rxb & 4 ? 0 : 0x80) | last);
	} else {
		*e->p++ = 0xc4;
		*e->p++ = (u8)((rxb ^ 7) << 5 | (f->map - 1));
		*e->p++ = (u8)(w << 7 | last);
	}
	*e->p++ = f->opcode;
}

static u8 *put_modrm(struct encoder *e)
{
	unsigned mod = below(e->r, 3), rm = bits(e, MATCH_RM, 3);

	if (bits(e, MATCH_MOD3, 1))
		mod = 3;
	if (e->row->attr & INSN_VSIB)
		rm = 4;
	*e->p++ = (u8)(mod << 6 | bits(e, MATCH_REG, 3) << 3 | rm);
	return e->p;
}

bool forms_make(struct forms *f, struct rng *r, unsigned n, enum cpu_mode mode, u8 code[16],
		struct insn *out)
{
	struct form any = f->at[n == ~0u ? 0 : n];
	struct encoder e = { .r = r, .mode = mode, .p = code };
	u64 tail[2] = { rng_next(r), rng_next(r) };

	e.range = &insn_ranges[any.encoding * 4 + any.map - 1][any.opcode];
	e.row = &insn_rows[any.row];
	if (n == ~0u) {
		memcpy(code, tail, 16);
		return decode(out, code, 15, mode) > 0;
	}
	if (cares(&e, MATCH_LONG) && (e.row->want >> MATCH_LONG & 1) != (mode == CPU_64))
		return false;
	if (one_in(r, 2))
		tail[0] = edge_value(r);
	choose_key(&e, any.encoding);
	put_legacy_prefixes(&e, any.encoding);
	if (any.encoding == ENC_LEGACY)
		put_opcode(&e, &any);
	else
		put_vex(&e, &any);
	if (e.range->modrm)
		put_modrm(&e);
	if (e.p - code < 16)
		memcpy(e.p, tail, (size_t)(16 - (e.p - code)));
	if (decode(out, code, 15, mode) <= 0)
		return false;
	return out->form == any.row;
}

/* ---- what is no instruction ---- */

/*
 * XOP is #UD since Zen, but with more than 15 bytes it is #GP(0): its length is still known, with
 * map 10's four bytes at the end and without map 8's one. @p: the escape, behind @prefixes bytes.
 */
static bool long_xop(const u8 *p, unsigned prefixes)
{
	unsigned map = p[1] & 31, mod = p[4] >> 6, rm = p[4] & 7, len = prefixes + 5;

	if (p[0] != 0x8f || map < 8)
		return false;
	len += map == 10 ? 4 : 0;
	if (mod == 3)
		return len > 15;
	if (rm == 4)
		len++;
	if (mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (p[5] & 7) == 5))))
		return len + 4 > 15;
	return len + mod > 15;
}

/*
 * What AMD's processors have beyond: SYSCALL and SYSRET outside 64-bit mode, LOCK MOV CR0, SSE4a,
 * MONITORX, CLZERO and others behind 0F 01; VPERMQ and VPERMPD without VEX.W.
 */
static bool of_amd(const u8 *code)
{
	unsigned at = 0;

	while (memchr("\x66\xf2\xf3\xf0\x67\x64\x65\x26\x2e\x36\x3e", code[at], 11) ||
	       (code[at] & 0xf0) == 0x40)
		if (++at > 10)
			return true;
	if (code[at] == 0xc4)
		return (code[at + 1] & 31) == 3 && code[at + 3] < 2;
	if (code[at] != 0x0f)
		return long_xop(code + at, at);
	switch (code[at + 1]) {
	case 0x01: return code[at + 2] >= 0xc0;
	case 0x05:
	case 0x07:
	case 0x20:
	case 0x22:
	case 0x2b:
	case 0x34:
	case 0x35:
	case 0x78:
	case 0x79: return true;
	default: return false;
	}
}

/* Bytes that decode() refuses, made to look like each of the encodings. */
bool forms_make_wrong(struct rng *r, enum cpu_mode mode, u8 code[16])
{
	static const u8 prefix[] = { 0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x64, 0x48, 0x41 };
	static const u8 vex[] = { 0xc4, 0xc5 };
	u64 tail[2] = { rng_next(r), rng_next(r) };
	unsigned at = 0, kind = below(r, 8);
	struct insn i;

	for (unsigned n = below(r, 3); n; n--)
		code[at++] = prefix[below(r, ARRAY_LEN(prefix))];
	if (kind < 2)
		code[at++] = vex[kind];
	else if (kind < 7)
		code[at++] = 0x0f;
	if (kind == 5 || kind == 6)
		code[at++] = kind == 5 ? 0x38 : 0x3a;
	memcpy(code + at, tail, 16 - at);
	if (kind == 0)
		code[at] = (u8)((code[at] & 0xe0) | (1 + below(r, 3)));
	return decode(&i, code, 15, mode) < 0 && !of_amd(code);
}

/* ---- what cannot be compared ---- */

/* The kernel, the hypervisor or the host's CPUID answers, or time does. */
static bool answered_by_others(u16 op)
{
	switch (op) {
	case OP_CPUID:
	case OP_RDTSC:
	case OP_RDTSCP:
	case OP_RDRAND:
	case OP_RDSEED:
	case OP_RDPID:
	case OP_RDPMC:
	case OP_XGETBV:
	case OP_SYSCALL:
	case OP_SYSENTER:
	case OP_SGDT:
	case OP_SIDT:
	case OP_SLDT:
	case OP_STR:
	case OP_SMSW:
	case OP_VMCALL:
	case OP_VMMCALL:
	case OP_INT1:
	case OP_RSM: return true;
	default: return false;
	}
}

/*
 * Makers differ, and ours goes Intel's way while the host may be of the other: 66 before a near
 * branch in 64-bit mode; REX.W with a far branch or LSS, LFS, LGS; SYSRET and SYSEXIT; a 32-bit
 * PUSH of a segment register writes 2 bytes; so many does a 16-bit MOVSXD read; 0F 0D with a
 * register is no operation; VEX.W outside 64-bit mode does not count. LOOPE and LOOPNE with a
 * repeat prefix: Zen 5 goes by the prefix.
 */
static bool makers_differ(const struct insn *i, const struct insn_info *info)
{
	bool wide = i->mode == CPU_64 && i->rex & 8;

	if (i->mode == CPU_64 && info->rules & RULE_F64 && info->cls == CLASS_BRANCH &&
	    i->prefix & PREFIX_66)
		return true;
	if (wide && (info->attr & INSN_FAR || info->attr & INSN_W_SEG))
		return i->op != OP_RETF;
	switch (i->op) {
	case OP_SYSRET:
	case OP_SYSEXIT: return true;
	case OP_PUSH_SEG: return i->osz == 4;
	case OP_MOVSXD: return i->osz == 2;
	case OP_NOP: return i->map == 2 && i->opcode == 0x0d && i->modrm >= 0xc0;
	case OP_PEXTRD:
	case OP_PINSRD: return i->encoding == ENC_VEX && i->mode != CPU_64 && i->rex & 8;
	case OP_LOOPE:
	case OP_LOOPNE: return i->prefix & (PREFIX_F2 | PREFIX_F3);
	default: return false;
	}
}

bool comparable(const struct insn *i, const u8 has[N_FEATURES])
{
	const struct insn_info *info = insn_info(i);

	if (i->encoding == ENC_EVEX || !has[info->feature])
		return false;
	if (answered_by_others(i->op))
		return false;
	/* The kernel answers. */
	if (i->op == OP_INT && (u8)i->imm == 0x80)
		return false;
	return !makers_differ(i, info);
}
