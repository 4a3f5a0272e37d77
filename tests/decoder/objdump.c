/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder against objdump: reads `objdump -d -M intel -w --insn-width=15` from standard
 * input and compares length and mnemonic of each instruction. against-objdump prepares the code.
 *
 *   objdump 16|32|64 TITLE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "cpu/soft/decode.h"

enum { MAX_KINDS = 1024, LINE = 1024, WORD = 32 };

struct difference {
	char what[96], example[200];
	u64 count;
};

struct run {
	struct difference *kinds;
	unsigned n_kinds;
	u64 lines, unknown;
	enum cpu_mode mode;
};

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static bool is_prefix(const char *word)
{
	static const char *const words[] = { "lock",    "rep",      "repz",     "repnz", "data16",
					     "data32",  "addr16",   "addr32",   "cs",    "ds",
					     "es",      "fs",       "gs",       "ss",    "bnd",
					     "notrack", "xacquire", "xrelease", "{vex}", "{evex}",
					     "rex",     NULL };

	return is_one_of(word, words) || !strncmp(word, "rex.", 4);
}

/* Left out of the tables on purpose, or an instruction that is #UD: UD2. */
static bool is_undefined(const char *word)
{
	static const char *const words[] = {
		"(bad)",      "ud0",       "ud1",       "ud2",         ".byte",    "xbegin",
		"xend",       "xabort",    "xtest",     "incsspd",     "incsspq",  "wrssd",
		"wrssq",      "wrussd",    "wrussq",    "saveprevssp", "rstorssp", "setssbsy",
		"clrssbsy",   "getsec",    "ptwrite",   "enclu",       "encls",    "rdpru",
		"clzero",     "monitorx",  "mwaitx",    "pconfig",     "femms",    "tdcall",
		"senduipi",   "pvalidate", "rmpadjust", "rmpupdate",   "psmash",   "pmulhrw",
		"frstpm(287", NULL
	};

	/* XOP, 3DNow!, AMX */
	return is_one_of(word, words) || !strncmp(word, "vprot", 5) || !strncmp(word, "vpsha", 5) ||
	       (!strncmp(word, "vpshl", 5) && strlen(word) == 6) || !strncmp(word, "pf", 2) ||
	       !strncmp(word, "vpcom", 5) || !strncmp(word, "tile", 4);
}

struct alias {
	const char *theirs, *ours;
};

static const struct alias aliases[] = {
	{ "movabs", "mov" },
	{ "sal", "shl" },
	{ "cwde", "cbw" },
	{ "cdqe", "cbw" },
	{ "cdq", "cwd" },
	{ "cqo", "cwd" },
	{ "jecxz", "jcxz" },
	{ "jrcxz", "jcxz" },
	{ "endbr64", "nop" },
	{ "endbr32", "nop" },
	{ "prefetch", "nop" },
	{ "cldemote", "nop" },
	{ "prefetchwt1", "prefetchw" },
	{ "rdsspd", "nop" },
	{ "rdsspq", "nop" },
	{ "icebp", "int1" },
	{ "jz", "je" },
	{ "repz", "rep" },
	{ "sysexitl", "sysexit" },
	{ "sysretl", "sysret" },
	{ "sysretq", "sysret" },
	{ "iretd", "iret" },
	{ "iretq", "iret" },
	{ "iretw", "iret" },
	{ "pushaw", "pusha" },
	{ "popaw", "popa" },
	{ "pushad", "pusha" },
	{ "popad", "popa" },
	{ "retw", "ret" },
	{ "fxch", "fxch" },
	{ "bndmov", "nop" },
	{ "bndcl", "nop" },
	{ "bndcu", "nop" },
	{ "bndcn", "nop" },
	{ "bndmk", "nop" },
	{ "bndldx", "nop" },
	{ "bndstx", "nop" },
	{ "fneni(8087", "fnop" },
	{ "fndisi(8087", "fnop" },
	{ "fnsetpm(287", "fnop" },
	{ "prefetch(bad)", "nop" },
	{ "nopw", "nop" },
	{ "nopl", "nop" },
	{ "pushw", "push" },
	{ "popw", "pop" },
	{ "vmgexit", "vmmcall" }, /* outside an encrypted guest: APM 3 */
};

/* CMPLTPS and the like are CMPPS with an immediate: objdump names the most usual of them. */
static bool is_pseudo(const char *ours, const char *theirs)
{
	static const char *const stems[] = { "cmp",    "vcmp",    "vpcmp", "vpcmpu",
					     "pclmul", "vpclmul", "vpcom" };

	for (size_t n = 0; n < ARRAY_LEN(stems); n++) {
		size_t stem = strlen(stems[n]), a = strlen(ours), b = strlen(theirs);
		const char *tail = ours + stem;

		if (!strncmp(ours, stems[n], stem) && !strncmp(theirs, stems[n], stem) && b > a &&
		    (!strcmp(theirs + b - strlen(tail), tail) || strstr(theirs, "qdq")))
			return true;
	}
	return false;
}

static bool same(const char *ours, const char *theirs, const char *operands)
{
	size_t len = strlen(ours);

	for (size_t n = 0; n < ARRAY_LEN(aliases); n++)
		if (!strcmp(theirs, aliases[n].theirs) && !strcmp(ours, aliases[n].ours))
			return true;
	if (!strcmp(ours, theirs) || is_pseudo(ours, theirs))
		return true;
	/* A suffix for size: PUSHFQ, FXSAVE64, MOVQ for MOVD, XCHG for NOP. */
	if (!strncmp(ours, theirs, len) &&
	    (strlen(theirs) == len + 1 || !strcmp(theirs + len, "64")))
		return true;
	if (len == strlen(theirs) && ours[len - 1] == 'd' && theirs[len - 1] == 'q' &&
	    !strncmp(ours, theirs, len - 1))
		return true;
	if (!strcmp(ours, "nop") && !strcmp(theirs, "xchg"))
		return true;
	if (ours[len - 1] == 'f' && strlen(theirs) >= len - 1 && !strncmp(ours, theirs, len - 1))
		return !strcmp(ours, "retf") || strchr(operands, ':') || strstr(operands, "FAR") ||
		       strstr(operands, "WORD") || strchr(operands, '[');
	return false;
}

static void differ(struct run *r, const char *what, const char *line)
{
	unsigned n;

	for (n = 0; n < r->n_kinds && strcmp(r->kinds[n].what, what) != 0; n++)
		;
	if (n == MAX_KINDS)
		return;
	if (n == r->n_kinds) {
		snprintf(r->kinds[n].what, sizeof(r->kinds[n].what), "%s", what);
		snprintf(r->kinds[n].example, sizeof(r->kinds[n].example), "%s", line);
		r->n_kinds++;
	}
	r->kinds[n].count++;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static unsigned read_bytes(const char *text, u8 *out)
{
	unsigned n = 0;

	for (; n < 16 && digit(text[0]) >= 0 && digit(text[1]) >= 0; n++, text += 3)
		out[n] = (u8)(digit(text[0]) << 4 | digit(text[1]));
	return n;
}

/*
 * What objdump prints for bytes that no processor takes: LOCK where it may not be, VEX after a REX
 * prefix, more than 15 bytes. It also prints FWAIT and the instruction after it as one.
 */
static bool objdump_is_lenient(const struct insn *i, int rc, const u8 *bytes, const char *text)
{
	switch (rc) {
	case DECODE_UD_LOCK: return strstr(text, "lock");
	case DECODE_UD_VEX:
	case DECODE_UD_EVEX:
		return strstr(text, "rex") || strstr(text, "data16") || strstr(text, "rep");
	case DECODE_UD_OPERAND:
		return strstr(text, "cs,") || strstr(text, "?") || strstr(text, "cr") ||
		       strstr(text, "db");
	default: return rc > 0 && i->op == OP_FWAIT;
	}
}

/* The mnemonic: the first word that is no prefix. What follows it comes back. */
static const char *mnemonic(const char *text, char *word)
{
	for (;;) {
		size_t n = strcspn(text, " \t\n,");

		snprintf(word, WORD, "%.*s", (int)n, text);
		text += n + strspn(text + n, " \t");
		if (!is_prefix(word) || !*text || *text == '\n')
			return text;
	}
}

static void compare(struct run *r, const u8 *bytes, unsigned len, const char *text,
		    const char *line)
{
	char theirs[WORD], ours[WORD] = "", what[96];
	const char *operands = mnemonic(text, theirs);
	struct insn i;
	int rc = decode(&i, bytes, len, r->mode);

	r->lines++;
	if (rc > 0)
		insn_name(&i, ours, sizeof(ours));
	if (strstr(line, "(bad)") || is_undefined(theirs)) {
		r->unknown++;
		if (rc > 0 && strcmp(theirs, "(bad)") && !strstr(line, "(bad)")) {
			snprintf(what, sizeof(what), "%s is not undefined", theirs);
			differ(r, what, line);
		}
		return;
	}
	/* A prefix alone: objdump could make nothing of what follows and goes on a byte further. */
	if (is_prefix(theirs)) {
		r->unknown++;
		return;
	}
	if (rc != (int)len && objdump_is_lenient(&i, rc, bytes, text)) {
		r->unknown++;
		return;
	}
	if (rc != (int)len) {
		snprintf(what, sizeof(what), "%s: result %d of %u", theirs, rc < 0 ? rc : rc, len);
		differ(r, what, line);
	} else if (!same(ours, theirs, operands)) {
		snprintf(what, sizeof(what), "%s is %s", theirs, ours);
		differ(r, what, line);
	}
}

static void take_line(struct run *r, char *line)
{
	char *colon = strstr(line, ":\t"), *text;
	u8 bytes[16];
	unsigned len;

	if (!colon)
		return;
	line[strcspn(line, "\n")] = 0;
	text = strchr(colon + 2, '\t');
	if (!text)
		return;
	len = read_bytes(colon + 2, bytes);
	if (len)
		compare(r, bytes, len, text + 1, line);
}

static int by_count(const void *a, const void *b)
{
	const struct difference *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct run r = { .mode = CPU_64 };
	char line[LINE];

	if (argc < 3 || !(r.kinds = calloc(MAX_KINDS, sizeof(*r.kinds))))
		return 2;
	r.mode = !strcmp(argv[1], "16") ? CPU_16 : !strcmp(argv[1], "32") ? CPU_32 : CPU_64;
	while (fgets(line, sizeof(line), stdin))
		take_line(&r, line);
	qsort(r.kinds, r.n_kinds, sizeof(*r.kinds), by_count);
	for (unsigned n = 0; n < r.n_kinds; n++)
		printf("%8llu %-40s %s\n", (unsigned long long)r.kinds[n].count, r.kinds[n].what,
		       r.kinds[n].example);
	printf("%s the_decoder_agrees_with_objdump_on_%s: %llu instructions, %llu unknown to "
	       "objdump\n",
	       r.n_kinds || !r.lines ? "not ok" : "ok", argv[2], (unsigned long long)r.lines,
	       (unsigned long long)r.unknown);
	free(r.kinds);
	return r.n_kinds || !r.lines;
}
