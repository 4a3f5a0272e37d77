/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder against Zydis on random bytes: length and validity, name, prefixes, operands, general
 * registers, flags. Differences that are meant are in exceptions.def, with the reason.
 *
 *   zydis [COUNT [SEED]]    instructions tried in each mode; prints the differences it has not been
 *                           told of, the most frequent first, and fails when there is one
 */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cpu/soft/decode.h"

enum { BYTES = 24, MAX_KINDS = 4096, MAX_FORMS = 4096, WHAT = 120 };

struct difference {
	char what[WHAT];
	u64 count;
	u8 bytes[BYTES];
	int ours, theirs;
	enum cpu_mode mode;
};

struct run {
	ZydisDecoder zydis[3];
	struct difference *kinds;
	unsigned n_kinds;
	u64 random, both, excused;
	u8 *reached; /* by line of the tables */
	/* The case at hand. */
	u8 bytes[BYTES];
	enum cpu_mode mode;
	int ours, theirs;
	struct insn i;
	ZydisDecodedInstruction z;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	char name[32], who[80];
};

static u64 next(struct run *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random * 0x2545f4914f6cdd1dull;
}

static unsigned below(struct run *r, unsigned n)
{
	return (unsigned)((next(r) >> 32) % n);
}

struct exception {
	const char *kind, *who; /* who: the beginning, or all of it */
	const char *why;
};

#define EXCEPTION(kind, who, why) { kind, who, why },
static const struct exception exceptions[] = {
#include "exceptions.def"
};

static bool excused(struct run *r, const char *kind)
{
	for (size_t n = 0; n < ARRAY_LEN(exceptions); n++) {
		const struct exception *e = &exceptions[n];
		const char *star = strchr(e->who, '*');
		const char *with = r->who;

		if (strcmp(e->kind, kind) != 0)
			continue;
		if (!strncmp(e->who, "isa:", 4))
			with = strstr(r->who, "isa:");
		if (with &&
		    (star ? !strncmp(with, e->who, (size_t)(star - e->who))
			  : !strncmp(with, e->who, strlen(e->who)) &&
				     (!with[strlen(e->who)] || with[strlen(e->who)] == ' ')))
			return true;
	}
	return false;
}

static void differ(struct run *r, const char *kind)
{
	char what[WHAT];
	unsigned n;

	if (excused(r, kind)) {
		r->excused++;
		return;
	}
	snprintf(what, sizeof(what), "%-8s %s", kind, r->who);
	for (n = 0; n < r->n_kinds && strcmp(r->kinds[n].what, what) != 0; n++)
		;
	if (n == MAX_KINDS)
		return;
	if (n == r->n_kinds) {
		r->n_kinds++;
		memcpy(r->kinds[n].what, what, sizeof(what));
		memcpy(r->kinds[n].bytes, r->bytes, BYTES);
		r->kinds[n].ours = r->ours;
		r->kinds[n].theirs = r->theirs;
		r->kinds[n].mode = r->mode;
	}
	r->kinds[n].count++;
}

static void make_prefixes(struct run *r, unsigned *at)
{
	static const u8 legacy[] = { 0x66, 0xf2, 0xf3, 0x67, 0xf0, 0x2e,
				     0x36, 0x64, 0x65, 0x26, 0x3e };

	while (*at < 5 && below(r, 3) == 0)
		r->bytes[(*at)++] = legacy[below(r, below(r, 2) ? 3 : ARRAY_LEN(legacy))];
	if (r->mode == CPU_64 && below(r, 3) == 0)
		r->bytes[(*at)++] = (u8)(0x40 | below(r, 16));
}

/* Random bytes, made to look like each of the encodings so that the deep maps are reached. */
static void make_bytes(struct run *r)
{
	unsigned at = 0, kind = below(r, 16);

	for (unsigned n = 0; n < BYTES; n += 8) {
		u64 v = next(r);

		memcpy(r->bytes + n, &v, 8);
	}
	if (kind < 9 || below(r, 8) == 0)
		make_prefixes(r, &at);
	if (kind < 3)
		return;
	if (kind < 9) {
		r->bytes[at++] = 0x0f;
		if (kind == 7)
			r->bytes[at++] = 0x38;
		else if (kind == 8)
			r->bytes[at++] = 0x3a;
		return;
	}
	r->bytes[at] = kind < 10 ? 0xc5 : kind < 12 ? 0xc4 : 0x62;
	if (r->mode != CPU_64 && below(r, 8))
		r->bytes[at + 1] |= 0xc0;
	if (kind < 10) {
		if (below(r, 2))
			r->bytes[at + 1] |= 0x78;
	} else if (kind < 12) {
		r->bytes[at + 1] = (u8)((r->bytes[at + 1] & 0xe0) | (1 + below(r, 3)));
		if (below(r, 2))
			r->bytes[at + 2] |= 0x78;
	} else {
		r->bytes[at + 1] = (u8)((r->bytes[at + 1] & 0xf0) | (1 + below(r, 3)));
		r->bytes[at + 2] |= 4;
		if (below(r, 2))
			r->bytes[at + 2] |= 0x78;
		if (below(r, 2))
			r->bytes[at + 3] |= 8;
		if (below(r, 2))
			r->bytes[at + 3] &= 0x6f;
	}
}

static u32 gpr_number(ZydisRegister reg)
{
	ZydisRegisterClass c = ZydisRegisterGetClass(reg);

	if (c == ZYDIS_REGCLASS_GPR8 && reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		return (u32)(reg - ZYDIS_REGISTER_AH);
	if (c == ZYDIS_REGCLASS_GPR8 && reg >= ZYDIS_REGISTER_SPL)
		return (u32)(reg - ZYDIS_REGISTER_SPL) + 4;
	if (c == ZYDIS_REGCLASS_GPR8 || c == ZYDIS_REGCLASS_GPR16 || c == ZYDIS_REGCLASS_GPR32 ||
	    c == ZYDIS_REGCLASS_GPR64)
		return (u32)(u8)ZydisRegisterGetId(reg);
	return 99;
}

static void zydis_regs(struct run *r, u32 *read, u32 *written)
{
	*read = *written = 0;
	for (unsigned n = 0; n < r->z.operand_count; n++) {
		const ZydisDecodedOperand *o = &r->op[n];
		u32 reg;

		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			reg = gpr_number(o->mem.base);
			if (reg < 16)
				*read |= BIT(reg);
			reg = gpr_number(o->mem.index);
			if (reg < 16)
				*read |= BIT(reg);
			continue;
		}
		if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		reg = gpr_number(o->reg.value);
		if (reg > 15)
			continue;
		if (o->actions &
			    (ZYDIS_OPERAND_ACTION_MASK_READ | ZYDIS_OPERAND_ACTION_CONDWRITE) ||
		    (o->actions & ZYDIS_OPERAND_ACTION_WRITE && o->size < 32))
			*read |= BIT(reg);
		if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			*written |= BIT(reg);
	}
}

static void compare_regs(struct run *r)
{
	struct insn_regs ours;
	u32 read, written;

	insn_regs(&r->i, &ours);
	zydis_regs(r, &read, &written);
	if (ours.gpr_written != written)
		differ(r, "writes");
	/* What is only written may also be read: a partial register. */
	if ((ours.gpr_read ^ read) & ~(ours.gpr_written & written))
		differ(r, "reads");
}

static void compare_flags(struct run *r)
{
	static const ZydisAccessedFlags none;
	const ZydisAccessedFlags *z = r->z.cpu_flags ? r->z.cpu_flags : &none;
	const u32 known = 0x47fd5 & ~0x3000u;
	struct flag_use ours;

	insn_flags(&r->i, &ours);
	if ((ours.read ^ z->tested) & known)
		differ(r, "fread");
	if ((ours.written ^ (z->modified | z->set_0 | z->set_1)) & known)
		differ(r, "fwrite");
	if ((ours.undefined ^ z->undefined) & known)
		differ(r, "fundef");
}

static bool register_matches(const struct insn_operand *o, ZydisRegister z)
{
	ZydisRegisterClass c = ZydisRegisterGetClass(z);
	int id = ZydisRegisterGetId(z);
	ZyanU16 bits = ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, z);

	switch (o->kind) {
	case OPERAND_GPR:
	case OPERAND_HIGH:
		return gpr_number(z) == o->reg && bits == 8 * operand_size(o) &&
		       (o->kind == OPERAND_HIGH) ==
			       (z >= ZYDIS_REGISTER_AH && z <= ZYDIS_REGISTER_BH);
	case OPERAND_SEG: return c == ZYDIS_REGCLASS_SEGMENT && id == o->reg;
	case OPERAND_CR: return c == ZYDIS_REGCLASS_CONTROL && id == o->reg;
	case OPERAND_DR: return c == ZYDIS_REGCLASS_DEBUG && id == o->reg;
	case OPERAND_ST: return c == ZYDIS_REGCLASS_X87 && id == o->reg;
	case OPERAND_MMX: return c == ZYDIS_REGCLASS_MMX && id == o->reg;
	case OPERAND_MASK: return c == ZYDIS_REGCLASS_MASK && id == o->reg;
	case OPERAND_VEC:
		return id == o->reg && bits == 8 * operand_size(o) &&
		       (c == ZYDIS_REGCLASS_XMM || c == ZYDIS_REGCLASS_YMM ||
			c == ZYDIS_REGCLASS_ZMM);
	default: return false;
	}
}

static ZydisRegister segment(u8 seg)
{
	return (ZydisRegister)(ZYDIS_REGISTER_ES + seg);
}

static bool index_matches(const struct run *r, const ZydisDecodedOperand *z)
{
	if (r->i.index == REG_NONE)
		return z->mem.index == ZYDIS_REGISTER_NONE;
	if (insn_info(&r->i)->attr & INSN_VSIB)
		return ZydisRegisterGetId(z->mem.index) == r->i.index;
	return gpr_number(z->mem.index) == r->i.index && z->mem.scale == 1 << r->i.scale;
}

static bool memory_matches(const struct run *r, const struct insn_operand *o,
			   const ZydisDecodedOperand *z)
{
	const struct insn *i = &r->i;
	u64 addresses = i->asz == 2 ? 0xffff : i->asz == 4 ? 0xffffffff : ~0ull;
	bool base;

	if (z->type != ZYDIS_OPERAND_TYPE_MEMORY)
		return false;
	if (o->kind == OPERAND_SRC)
		return z->mem.base != ZYDIS_REGISTER_NONE && gpr_number(z->mem.base) == 6 &&
		       z->mem.segment == segment(i->seg);
	if (o->kind == OPERAND_DST)
		return z->mem.base != ZYDIS_REGISTER_NONE && gpr_number(z->mem.base) == 7 &&
		       z->mem.segment == ZYDIS_REGISTER_ES;
	if (i->base == REG_NONE)
		base = z->mem.base == ZYDIS_REGISTER_NONE;
	else if (i->base == REG_RIP)
		base = z->mem.base == ZYDIS_REGISTER_RIP || z->mem.base == ZYDIS_REGISTER_EIP;
	else
		base = gpr_number(z->mem.base) == i->base;
	return base && index_matches(r, z) &&
	       (((u64)i->disp ^ (u64)z->mem.disp.value) & addresses) == 0;
}

static bool immediate_matches(const struct run *r, const struct insn_operand *o,
			      const ZydisDecodedOperand *z)
{
	const struct insn *i = &r->i;
	u64 mask = operand_size(o) >= 8 ? ~0ull : (1ull << 8 * operand_size(o)) - 1;

	if (o->kind == OPERAND_FAR)
		return z->type == ZYDIS_OPERAND_TYPE_POINTER && z->ptr.offset == (u32)i->imm &&
		       z->ptr.segment == i->imm >> 32;
	if (z->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return false;
	if (o->kind == OPERAND_REL)
		return z->imm.value.s == (s64)i->imm;
	if (o->kind == OPERAND_IMM2)
		return z->imm.value.u == i->imm >> 32;
	return ((z->imm.value.u ^ i->imm) & mask) == 0;
}

/*
 * Zydis 4.0 takes SIB.base 101b with ModRM.mod 0 for R13D when there are 67 and REX.B. SDM 2A table
 * 2-5: no base.
 */
static bool zydis_has_no_base(const struct run *r)
{
	const struct insn *i = &r->i;

	return i->mode == CPU_64 && i->asz == 4 && i->rex & 1 && i->modrm_at && i->modrm < 0x40 &&
	       (i->modrm & 7) == 4 && (i->sib & 7) == 5;
}

static void compare_memory(struct run *r, const struct insn_operand *o,
			   const ZydisDecodedOperand *z)
{
	if (!memory_matches(r, o, z))
		differ(r, "memory");
	else if (z->mem.segment != ZYDIS_REGISTER_NONE && o->kind == OPERAND_MEM &&
		 z->mem.segment != segment(r->i.seg))
		differ(r, "segment");
	else if (!(o->access & ACCESS_ADDRESS) && z->size != 8 * operand_size(o))
		differ(r, "memsize");
}

static void compare_access(struct run *r, const struct insn_operand *o,
			   const ZydisDecodedOperand *z)
{
	bool zr = z->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	bool zw = z->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

	if (o->access & ACCESS_ADDRESS)
		return;
	if (zw != !!(o->access & ACCESS_WRITE) || (zr != !!(o->access & ACCESS_READ)))
		differ(r, "access");
}

/* Zydis hides operands that the mnemonic implies: ST0, strings, XMM0. */
static bool implied(const struct run *r, unsigned at)
{
	const struct insn_operand *o = &r->i.operand[at];

	return at < r->i.operands &&
	       (o->kind == OPERAND_ST || o->kind == OPERAND_SRC || o->kind == OPERAND_DST ||
		(o->kind == OPERAND_VEC && o->reg == 0) ||
		(o->kind == OPERAND_GPR && insn_info(&r->i)->cls == CLASS_STRING));
}

static bool same_kind(const struct insn_operand *o, const ZydisDecodedOperand *z)
{
	if (z->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	return o->kind != OPERAND_SRC && o->kind != OPERAND_DST &&
	       register_matches(o, z->reg.value);
}

static void compare_operands(struct run *r)
{
	unsigned at = 0;

	for (unsigned n = 0; n < r->z.operand_count; n++) {
		const ZydisDecodedOperand *z = &r->op[n];
		const struct insn_operand *o;

		/* The mask is a field of ours, not an operand. */
		if (z->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN ||
		    (z->encoding == ZYDIS_OPERAND_ENCODING_MASK &&
		     ZydisRegisterGetClass(z->reg.value) == ZYDIS_REGCLASS_MASK))
			continue;
		while (implied(r, at) && !same_kind(&r->i.operand[at], z))
			at++;
		o = &r->i.operand[at];
		if (at++ >= r->i.operands) {
			differ(r, "fewer");
			return;
		}
		if (o->kind >= OPERAND_MEM && o->kind <= OPERAND_DST)
			compare_memory(r, o, z);
		else if (o->kind >= OPERAND_IMM) {
			if (!immediate_matches(r, o, z))
				differ(r, "imm");
		} else if (z->type != ZYDIS_OPERAND_TYPE_REGISTER ||
			   !register_matches(o, z->reg.value)) {
			differ(r, "register");
		}
		compare_access(r, o, z);
	}
	while (implied(r, at))
		at++;
	if (at < r->i.operands)
		differ(r, "more");
}

static void compare_prefixes(struct run *r)
{
	ZydisInstructionAttributes a = r->z.attributes;
	u8 rep = a & ZYDIS_ATTRIB_HAS_REP     ? REP_REP
		 : a & ZYDIS_ATTRIB_HAS_REPE  ? REP_REPZ
		 : a & ZYDIS_ATTRIB_HAS_REPNE ? REP_REPNZ
					      : REP_NONE;

	if (rep != r->i.rep)
		differ(r, "rep");
	if (!!(a & ZYDIS_ATTRIB_HAS_LOCK) != !!(r->i.prefix & PREFIX_LOCK))
		differ(r, "lock");
}

/* Whether AVX512VL matters: Zydis says it with the name of the set of instructions. */
static void compare_length(struct run *r)
{
	const char *set = ZydisISASetGetString(r->z.meta.isa_set);
	bool scalar = strstr(set, "_SCALAR") || strstr(set, "_128N");

	if (r->i.encoding == ENC_EVEX && scalar != !!(insn_info(&r->i)->attr & INSN_SCALAR))
		differ(r, "scalar");
}

static const char *plain_name(const char *name)
{
	static const char *const same[][2] = {
		{ "jz", "je" },         { "jnz", "jne" },       { "jb", "jb" },
		{ "jnb", "jae" },       { "jnbe", "ja" },       { "jnl", "jge" },
		{ "jnle", "jg" },       { "setz", "sete" },     { "setnz", "setne" },
		{ "setnb", "setae" },   { "setnbe", "seta" },   { "setnl", "setge" },
		{ "setnle", "setg" },   { "cmovz", "cmove" },   { "cmovnz", "cmovne" },
		{ "cmovnb", "cmovae" }, { "cmovnbe", "cmova" }, { "cmovnl", "cmovge" },
		{ "cmovnle", "cmovg" }, { "cwde", "cbw" },      { "cdqe", "cbw" },
		{ "cdq", "cwd" },       { "cqo", "cwd" },       { "jecxz", "jcxz" },
		{ "jrcxz", "jcxz" },
	};

	for (size_t n = 0; n < ARRAY_LEN(same); n++)
		if (!strcmp(name, same[n][0]))
			return same[n][1];
	return name;
}

static bool same_name(const char *ours, const char *theirs)
{
	/* One operation of ours, names by size theirs. */
	static const char *const families[] = { "movs", "cmps", "stos", "lods", "scas",
						"ins",  "outs", "push", "pop",  "iret",
						"cbw",  "cwd",  "jcxz", "nop",  "xlat" };
	size_t len = strlen(ours);

	theirs = plain_name(theirs);
	/* Far forms have names of their own with us. */
	if (!strcmp(ours, "callf") || !strcmp(ours, "jmpf") || !strcmp(ours, "retf"))
		return !strncmp(ours, theirs, len - 1) && strlen(theirs) == len - 1;
	/* One operation of ours for two sizes: MOVD and MOVQ, FXSAVE and FXSAVE64. */
	if (!strncmp(ours, theirs, len) && !strcmp(theirs + len, "64"))
		return true;
	if (len == strlen(theirs) && ours[len - 1] == 'd' && theirs[len - 1] == 'q' &&
	    !strncmp(ours, theirs, len - 1))
		return true;
	if (!strcmp(ours, theirs))
		return true;
	for (size_t n = 0; n < ARRAY_LEN(families); n++)
		if (!strncmp(ours, families[n], strlen(families[n])) &&
		    !strncmp(ours, theirs, len) && strlen(theirs) == len + 1)
			return true;
	return false;
}

static void describe(struct run *r)
{
	if (r->theirs > 0)
		snprintf(r->who, sizeof(r->who), "%s isa:%s", ZydisMnemonicGetString(r->z.mnemonic),
			 ZydisISASetGetString(r->z.meta.isa_set));
	else
		snprintf(r->who, sizeof(r->who), "%s status:%d", r->name, -r->theirs);
}

static void compare(struct run *r)
{
	ZyanStatus status;

	r->ours = decode(&r->i, r->bytes, BYTES, r->mode);
	status = ZydisDecoderDecodeFull(&r->zydis[r->mode], r->bytes, BYTES, &r->z, r->op);
	r->theirs = ZYAN_SUCCESS(status) ? r->z.length : -(int)(status & 0xff);
	if (r->ours > 0) {
		insn_name(&r->i, r->name, sizeof(r->name));
		r->reached[r->i.form] = 1;
	}
	if (r->ours <= 0 && r->theirs <= 0)
		return;
	describe(r);
	if (r->ours <= 0) {
		differ(r, "theirs");
		return;
	}
	if (r->theirs <= 0) {
		differ(r, "ours");
		return;
	}
	r->both++;
	if (zydis_has_no_base(r))
		return;
	if (r->ours != r->theirs) {
		differ(r, "length");
		return;
	}
	if (!same_name(r->name, ZydisMnemonicGetString(r->z.mnemonic)))
		differ(r, "name");
	compare_prefixes(r);
	compare_length(r);
	compare_operands(r);
	compare_regs(r);
	compare_flags(r);
}

static int by_count(const void *a, const void *b)
{
	const struct difference *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void print_differences(struct run *r)
{
	qsort(r->kinds, r->n_kinds, sizeof(*r->kinds), by_count);
	for (unsigned n = 0; n < r->n_kinds; n++) {
		const struct difference *d = &r->kinds[n];

		printf("%8llu %-44s %2u-bit ours %d theirs %d:", (unsigned long long)d->count,
		       d->what, 16u << d->mode, d->ours, d->theirs);
		for (int b = 0; b < 15; b++)
			printf(" %02x", d->bytes[b]);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	unsigned forms = 0;
	u64 count = 1000000, seed = 0x9e3779b97f4a7c15ull;

	if (!r || !(r->kinds = calloc(MAX_KINDS, sizeof(*r->kinds))) ||
	    !(r->reached = calloc(MAX_FORMS, 1)))
		return 1;
	if ((argc > 1 && parse_u64(&count, argv[1])) || (argc > 2 && parse_u64(&seed, argv[2])))
		return 2;
	r->random = seed | 1;
	ZydisDecoderInit(&r->zydis[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&r->zydis[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&r->zydis[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u64 n = 0; n < count; n++) {
		for (r->mode = CPU_16; r->mode <= CPU_64; r->mode++) {
			make_bytes(r);
			compare(r);
		}
	}
	print_differences(r);
	for (unsigned n = 0; n < MAX_FORMS; n++)
		forms += r->reached[n];
	printf("%u lines of the tables were reached\n", forms);
	printf("%s the_decoder_agrees_with_zydis_on_random_bytes: %llu tried, %llu valid to both, "
	       "%llu differ as listed, %u kinds differ otherwise\n",
	       r->n_kinds ? "not ok" : "ok", (unsigned long long)(3 * count),
	       (unsigned long long)r->both, (unsigned long long)r->excused, r->n_kinds);
	count = r->n_kinds;
	free(r->reached);
	free(r->kinds);
	free(r);
	return count ? 1 : 0;
}
