/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two results, and a case in words. */
#include <string.h>

#include "native.h"

enum { FL_COMPARED = 0x254fd5 }; /* all of EFLAGS that user mode can change, and RF, TF */

static const char *const gpr_names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const seg_names[6] = { "es", "cs", "ss", "ds", "fs", "gs" };

/* Flags that no instruction that ran has defined: by where the case ended. */
static u32 undefined_flags(const struct ncase *c, const struct result *r)
{
	u64 at = r->out.rip - c->in.rip;
	u32 all = 0;

	for (unsigned n = 0; n <= c->insns; n++) {
		if (c->insn_at[n] == at)
			return c->undefined[n];
		all |= c->undefined[n];
	}
	return all;
}

/* Outside 64-bit mode the upper halves are nobody's. */
static u64 width(const struct ncase *c, const struct result *a)
{
	return c->mode == CPU_64 && a->out.sel[SEG_CS] == SEL_CODE64 ? ~0ull : 0xffffffff;
}

static bool differ(char what[WHAT_LEN], const char *name, u64 a, u64 b)
{
	snprintf(what, WHAT_LEN, "%s %llx, ours %llx", name, (unsigned long long)a,
		 (unsigned long long)b);
	return false;
}

/* The kernel's IRET has made 0 of every null selector. SDM 2A, IRET */
static u16 selector(u16 sel)
{
	return sel & ~3u ? sel : 0;
}

static bool regs_equal(const struct ncase *c, const struct result *a, const struct result *b,
		       char what[WHAT_LEN])
{
	u32 flags = FL_COMPARED & ~(undefined_flags(c, a) | b->dead);
	unsigned count = c->mode == CPU_64 ? 16 : 8;

	if ((a->out.rip ^ b->out.rip) & width(c, a))
		return differ(what, "rip", a->out.rip, b->out.rip);
	for (unsigned n = 0; n < count; n++)
		if ((a->out.gpr[n] ^ b->out.gpr[n]) & width(c, a))
			return differ(what, gpr_names[n], a->out.gpr[n], b->out.gpr[n]);
	if ((a->out.rflags ^ b->out.rflags) & flags)
		return differ(what, "flags", a->out.rflags & flags, b->out.rflags & flags);
	for (unsigned n = 0; n < 6; n++)
		if (selector(a->out.sel[n]) != selector(b->out.sel[n]))
			return differ(what, seg_names[n], a->out.sel[n], b->out.sel[n]);
	if (c->mode == CPU_64 && a->out.fs_base != b->out.fs_base)
		return differ(what, "fs.base", a->out.fs_base, b->out.fs_base);
	if (c->mode == CPU_64 && a->out.gs_base != b->out.gs_base)
		return differ(what, "gs.base", a->out.gs_base, b->out.gs_base);
	return true;
}

/* FOP, FIP, FDP (makers differ), MXCSR_MASK, and what is reserved do not count. */
static bool fp_equal(const struct result *a, const struct result *b, char what[WHAT_LEN])
{
	static const struct {
		u16 at, len, step;
		const char *name;
	} part[] = { { 0, 2, 0, "fcw" },      { 2, 2, 0, "fsw" },    { 4, 1, 0, "ftw" },
		     { 24, 4, 0, "mxcsr" },   { 32, 128, 16, "st" }, { 160, 256, 16, "xmm" },
		     { 576, 256, 16, "ymmh" } };

	for (size_t n = 0; n < ARRAY_LEN(part); n++) {
		unsigned step = part[n].step ? part[n].step : part[n].len;
		unsigned len = part[n].at == 32 ? 10 : step;

		for (unsigned k = 0; k < part[n].len; k += step) {
			unsigned at = part[n].at + k;
			u64 x[2] = { 0 }, y[2] = { 0 };

			if (!memcmp(a->fp + at, b->fp + at, len))
				continue;
			memcpy(x, a->fp + at, len);
			memcpy(y, b->fp + at, len);
			snprintf(what, WHAT_LEN, "%s%.0u %llx:%016llx, ours %llx:%016llx",
				 part[n].name, k / step, (unsigned long long)x[1],
				 (unsigned long long)x[0], (unsigned long long)y[1],
				 (unsigned long long)y[0]);
			return false;
		}
	}
	return true;
}

/* Memory that the image of the x87 or XSAVE writes and that does not count: makers differ. */
static bool memory_counts(const struct ncase *c)
{
	for (unsigned n = 0; n < c->insns; n++) {
		struct insn i;

		if (decode(&i, c->code + c->insn_at[n], 15, (enum cpu_mode)c->mode) <= 0)
			continue;
		switch (i.op) {
		case OP_FXSAVE:
		case OP_FNSAVE:
		case OP_FNSTENV:
		case OP_XSAVE:
		case OP_XSAVEC:
		case OP_XSAVEOPT: return false;
		default: break;
		}
	}
	return true;
}

static bool lines_equal(const struct result *a, const struct result *b, char what[WHAT_LEN])
{
	for (unsigned n = 0; n < MAX(a->lines, b->lines); n++) {
		const struct line *x = &a->line[n], *y = &b->line[n];
		u32 at = n < a->lines ? x->at : y->at;

		if (n < a->lines && n < b->lines && x->at == y->at) {
			for (unsigned k = 0; k < LINE; k++) {
				if (x->bytes[k] == y->bytes[k])
					continue;
				snprintf(what, WHAT_LEN, "memory %x: %02x, ours %02x", at + k,
					 x->bytes[k], y->bytes[k]);
				return false;
			}
			continue;
		}
		snprintf(what, WHAT_LEN, "memory %x: written by one", at);
		return false;
	}
	return true;
}

static bool all_equal(const struct ncase *c, const struct result *a, const struct result *b,
		      char what[WHAT_LEN])
{
	what[0] = 0;
	if (a->vector >= VEC_TIMEOUT)
		return true;
	if (a->vector != b->vector)
		return differ(what, "vector", a->vector, b->vector);
	if (a->has_error && a->error != b->error)
		return differ(what, "error", a->error, b->error);
	if ((a->cr2 ^ b->cr2) & width(c, a))
		return differ(what, "cr2", a->cr2, b->cr2);
	return regs_equal(c, a, b, what) && fp_equal(a, b, what) &&
	       (!memory_counts(c) || lines_equal(a, b, what));
}

bool results_equal(const struct ncase *c, const struct result *a, const struct result *b,
		   char what[WHAT_LEN], int *excused)
{
	*excused = -1;
	if (all_equal(c, a, b, what))
		return true;
	*excused = excuse(c, a, b, what);
	return *excused >= 0;
}

bool results_equal_undefined(const struct ncase *c, const struct result *a, const struct result *b)
{
	return !((a->out.rflags ^ b->out.rflags) & FL_COMPARED & undefined_flags(c, a));
}

/* ---- for people ---- */

void case_name(const struct ncase *c, char *buf, size_t size)
{
	struct insn i;

	snprintf(buf, size, "%02x%02x%02x", c->code[0], c->code[1], c->code[2]);
	if (decode(&i, c->code, 15, (enum cpu_mode)c->mode) > 0)
		insn_name(&i, buf, size);
}

static void print_fp(FILE *f, const u8 *fp, const struct ncase *c)
{
	struct insn_regs regs;
	struct insn i;
	u32 mxcsr;

	memcpy(&mxcsr, fp + 24, 4);
	fprintf(f, "    fcw %02x%02x fsw %02x%02x ftw %02x mxcsr %x\n", fp[1], fp[0], fp[3], fp[2],
		fp[4], mxcsr);
	if (decode(&i, c->code, 15, (enum cpu_mode)c->mode) <= 0)
		return;
	insn_regs(&i, &regs);
	for (unsigned n = 0; n < 8; n++) {
		u64 m;

		memcpy(&m, fp + 32 + 16 * n, 8);
		if (insn_info(&i)->cls == CLASS_X87 || insn_info(&i)->attr & INSN_MMX)
			fprintf(f, "    st%u %02x%02x:%016llx\n", n, fp[41 + 16 * n],
				fp[40 + 16 * n], (unsigned long long)m);
	}
	for (unsigned n = 0; n < 16; n++) {
		u64 v[4];

		memcpy(v, fp + 160 + 16 * n, 16);
		memcpy(v + 2, fp + 576 + 16 * n, 16);
		if ((regs.vec_read | regs.vec_written) & BIT(n))
			fprintf(f, "    ymm%-2u %016llx %016llx %016llx %016llx\n", n,
				(unsigned long long)v[3], (unsigned long long)v[2],
				(unsigned long long)v[1], (unsigned long long)v[0]);
	}
}

static void print_before(FILE *f, const struct ncase *c)
{
	const struct regs *r = &c->in;
	unsigned printed = 0;

	fprintf(f, "  before: rip %llx rflags %llx fs %llx gs %llx", (unsigned long long)r->rip,
		(unsigned long long)r->rflags, (unsigned long long)r->fs_base,
		(unsigned long long)r->gs_base);
	for (unsigned n = 0; n < 6; n++)
		fprintf(f, " %s %04x", seg_names[n], r->sel[n]);
	for (unsigned n = 0; n < 16; n++)
		if (r->gpr[n])
			fprintf(f, "%s%-3s %016llx", printed++ % 4 ? "  " : "\n    ", gpr_names[n],
				(unsigned long long)r->gpr[n]);
	fputc('\n', f);
	print_fp(f, c->fp, c);
	for (unsigned n = 0; n < c->patches; n++) {
		fprintf(f, "    memory %04x:", c->patch[n].at);
		for (unsigned k = 0; k < c->patch[n].len && k < 32; k++)
			fprintf(f, " %02x", c->bytes[c->patch[n].from + k]);
		fputc('\n', f);
	}
}

/* Registers that are not as before, or not as on the other side. */
static void print_result(FILE *f, const char *title, const struct ncase *c, const struct result *r,
			 const struct result *other)
{
	fprintf(f, "  %s: vector %u error %x cr2 %llx rip %llx rflags %06llx", title, r->vector,
		r->error, (unsigned long long)r->cr2, (unsigned long long)r->out.rip,
		(unsigned long long)r->out.rflags);
	for (unsigned n = 0; n < 6; n++)
		if (r->out.sel[n] != c->in.sel[n] || r->out.sel[n] != other->out.sel[n])
			fprintf(f, " %s %04x", seg_names[n], r->out.sel[n]);
	for (unsigned n = 0; n < 16; n++)
		if (r->out.gpr[n] != c->in.gpr[n] || r->out.gpr[n] != other->out.gpr[n])
			fprintf(f, " %s %llx", gpr_names[n], (unsigned long long)r->out.gpr[n]);
	fputc('\n', f);
	if (memcmp(r->fp, c->fp, FP_SIZE) || memcmp(r->fp, other->fp, FP_SIZE))
		print_fp(f, r->fp, c);
	for (unsigned n = 0; n < r->lines && n < 8; n++) {
		fprintf(f, "    %5x:", r->line[n].at);
		for (unsigned k = 0; k < LINE; k++)
			fprintf(f, "%s%02x", k % 16 || !k ? "" : " ", r->line[n].bytes[k]);
		fputc('\n', f);
	}
}

void report(FILE *f, const struct ncase *c, const struct result *native, const struct result *ours)
{
	fprintf(f, "  %u-bit code at %x%s%s\n", 16u << c->mode,
		(c->flags & CASE_OWN ? OWN_BASE : CODE_BASE) + c->code_at,
		c->flags & CASE_TF ? ", TF" : "", c->flags & CASE_LOOP ? ", a loop" : "");
	for (unsigned n = 0; n < c->insns || (n == c->insns && c->flags & CASE_LOOP); n++) {
		struct insn i;
		char name[32] = "?";

		if (decode(&i, c->code + c->insn_at[n], 15, (enum cpu_mode)c->mode) > 0)
			insn_name(&i, name, sizeof(name));
		fprintf(f, "    %-12s", name);
		for (unsigned k = c->insn_at[n];
		     k < (n < c->insns ? c->insn_at[n + 1u] : c->code_len); k++)
			fprintf(f, " %02x", c->code[k]);
		fputc('\n', f);
	}
	print_before(f, c);
	print_result(f, "native", c, native, ours);
	print_result(f, "ours", c, ours, native);
}
