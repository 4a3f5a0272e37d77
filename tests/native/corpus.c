/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case as a text file, a line for each thing: what once failed is kept so, and readable. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

static void put_hex(FILE *f, const u8 *p, size_t len)
{
	for (size_t n = 0; n < len; n++)
		fprintf(f, "%02x", p[n]);
	fputc('\n', f);
}

void case_write(FILE *f, const struct ncase *c)
{
	fprintf(f, "mode %u\nflags %u\nat %x\ncode ", 16u << c->mode, c->flags, c->code_at);
	put_hex(f, c->code, c->code_len);
	for (unsigned n = 0; n <= c->insns; n++)
		fprintf(f, "insn %x %x\n", c->insn_at[n], c->undefined[n]);
	fprintf(f, "rip %llx\nrflags %llx\nbases %llx %llx\n", (unsigned long long)c->in.rip,
		(unsigned long long)c->in.rflags, (unsigned long long)c->in.fs_base,
		(unsigned long long)c->in.gs_base);
	for (unsigned n = 0; n < 16; n++)
		fprintf(f, "gpr %x %llx\n", n, (unsigned long long)c->in.gpr[n]);
	for (unsigned n = 0; n < 6; n++)
		fprintf(f, "seg %x %x\n", n, c->in.sel[n]);
	for (unsigned n = 0; n < FP_SIZE; n += 16) {
		static const u8 none[16];

		if (!memcmp(c->fp + n, none, 16))
			continue;
		fprintf(f, "fp %x ", n);
		put_hex(f, c->fp + n, 16);
	}
	for (unsigned n = 0; n < c->patches; n++) {
		fprintf(f, "memory %x ", c->patch[n].at);
		put_hex(f, c->bytes + c->patch[n].from, c->patch[n].len);
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal bytes at @s into @out: how many; more than @max do not fit: -1. */
static int get_hex(u8 *out, size_t max, const char *s)
{
	size_t n = 0;

	for (; digit(s[0]) >= 0 && digit(s[1]) >= 0; s += 2) {
		if (n == max)
			return -1;
		out[n++] = (u8)(digit(s[0]) << 4 | digit(s[1]));
	}
	return (int)n;
}

/* The hexadecimal number at @s, and where it and the space behind it end. */
static u64 get_number(const char **s)
{
	u64 v = 0;

	for (; digit(**s) >= 0; (*s)++)
		v = v << 4 | (u64)digit(**s);
	while (isspace((unsigned char)**s))
		(*s)++;
	return v;
}

static bool get_patch(struct ncase *c, u64 at, const char *hex)
{
	struct patch *p = &c->patch[c->patches];
	int len;

	if (c->patches == MAX_PATCHES)
		return false;
	p->from = c->patches ? (u16)(p[-1].from + p[-1].len) : 0;
	len = get_hex(c->bytes + p->from, (size_t)(PATCH_BYTES - p->from), hex);
	if (len < 0 || at + (u64)len > MEM_SIZE)
		return false;
	p->at = (u16)at;
	p->len = (u16)len;
	c->patches++;
	return true;
}

/* @a: the first number behind the key, @rest: what comes behind that. */
static bool get_line(struct ncase *c, const char *key, u64 a, const char *rest)
{
	const char *second = rest;
	u64 b = get_number(&second);
	int len;

	if (!strcmp(key, "flags"))
		c->flags = (u8)a;
	else if (!strcmp(key, "at") && a < CODE_SIZE)
		c->code_at = (u16)a;
	else if (!strcmp(key, "insn") && c->insns < MAX_INSNS + 1) {
		c->insn_at[c->insns] = (u8)a;
		c->undefined[c->insns++] = (u32)b;
	} else if (!strcmp(key, "rip"))
		c->in.rip = a;
	else if (!strcmp(key, "rflags"))
		c->in.rflags = a;
	else if (!strcmp(key, "bases")) {
		c->in.fs_base = a;
		c->in.gs_base = b;
	} else if (!strcmp(key, "gpr") && a < 16)
		c->in.gpr[a] = b;
	else if (!strcmp(key, "seg") && a < 6)
		c->in.sel[a] = (u16)b;
	else if (!strcmp(key, "fp") && a < FP_SIZE) {
		len = get_hex(c->fp + a, FP_SIZE - a, rest);
		return len > 0;
	} else {
		return !strcmp(key, "memory") && get_patch(c, a, rest);
	}
	return true;
}

bool case_read(FILE *f, struct ncase *c)
{
	char line[2 * PATCH_BYTES + 64];
	const char *key = line;

	memset(c, 0, sizeof(*c));
	c->mode = CPU_64;
	while (fgets(line, sizeof(line), f)) {
		size_t end = strcspn(line, " ");
		const char *rest = line + end + 1;
		u64 a;
		int len;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (line[end] != ' ')
			return false;
		line[end] = 0;
		if (!strcmp(key, "mode")) {
			c->mode = !strncmp(rest, "64", 2)   ? CPU_64
				  : !strncmp(rest, "32", 2) ? CPU_32
							    : CPU_16;
			continue;
		}
		if (!strcmp(key, "code")) {
			len = get_hex(c->code, MAX_CODE - 15, rest);
			if (len <= 0)
				return false;
			c->code_len = (u16)len;
			continue;
		}
		a = get_number(&rest);
		if (!get_line(c, key, a, rest))
			return false;
	}
	if (!c->insns || !c->code_len)
		return false;
	c->insns--; /* the last line was its end */
	return true;
}
