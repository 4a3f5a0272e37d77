/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/step_state.c: see cli/step_state.h. Segment attributes: Intel SDM 3A 3.4.5; XSAVE: 1 13.4. */
#include "cli/step_state.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"

enum { CODE = 0x9b, DATA = 0x93, TSS = 0x8b, LDT_ATTR = 0x82, BIG = 0xc000, LONG_CODE = 0xa000 };
enum { ST_AT = 32, XMM_AT = 160, XSTATE_BV = 512, YMMH_AT = 576, XSAVE_LEN = 832 };
enum { FCW_AT = 0, FSW_AT = 2, FTW_AT = 4, MXCSR_AT = 24, FCW_RESET = 0x37f, MXCSR_RESET = 0x1f80 };

static const char gprs[8][3] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
static const char segs[6][3] = { "es", "cs", "ss", "ds", "fs", "gs" };
static const char *const
	tables[N_SEGS] = { [S_TR] = "tr", [S_LDT] = "ldtr", [S_GDT] = "gdtr", [S_IDT] = "idtr" };
static const struct {
	const char *name;
	u8 n;
} others[] = {
	{ "cr0", N_CR0 },     { "cr2", N_CR2 },     { "cr3", N_CR3 },     { "cr4", N_CR4 },
	{ "cr8", N_CR8 },     { "efer", N_EFER },   { "xcr0", N_XCR0 },   { "dr0", N_DR0 },
	{ "dr1", N_DR0 + 1 }, { "dr2", N_DR0 + 2 }, { "dr3", N_DR0 + 3 }, { "dr6", N_DR0 + 6 },
	{ "dr7", N_DR0 + 7 }, { "mxcsr", N_MXCSR }, { "fcw", N_FCW },     { "fsw", N_FSW },
	{ "ftw", N_FTW },
};

bool step_bytes_add(struct step_bytes *b, u64 at, u8 value)
{
	if (b->count == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct step_byte *more =
			try_alloc(room * sizeof(more[0]), STEP_RAM_MAX * sizeof(more[0]));

		if (!more)
			return false;
		if (b->count)
			memcpy(more, b->at, b->count * sizeof(more[0]));
		free(b->at);
		b->at = more;
		b->room = room;
	}
	b->at[b->count++] = (struct step_byte){ at, value };
	return true;
}

void step_text_begin(struct step_text *t)
{
	struct step_bytes ram = t->ram;

	memset(t, 0, sizeof(*t));
	t->steps = 1;
	t->ram = ram;
	t->ram.count = 0;
}

void step_text_free(struct step_text *t)
{
	free(t->ram.at);
	memset(t, 0, sizeof(*t));
}

/* The size in bytes that @name has for the register @n, or 0: it is none of its names. */
static unsigned prefix_size(const char *name, const char *low)
{
	if (!strcmp(name, low))
		return 2;
	if (name[0] == 'e' && !strcmp(name + 1, low))
		return 4;
	return name[0] == 'r' && !strcmp(name + 1, low) ? 8 : 0;
}

static bool number_after(unsigned *out, const char *name, const char *prefix, unsigned limit)
{
	size_t len = strlen(prefix);
	u64 v;

	if (strncmp(name, prefix, len) != 0 || parse_u64(&v, name + len) < 0 || v >= limit)
		return false;
	*out = (unsigned)v;
	return true;
}

/* The number register called @name and the size that the name means; false: there is none. */
static bool find_num(unsigned *n, unsigned *size, const char *name)
{
	for (unsigned i = 0; i < 8; i++)
		if ((*size = prefix_size(name, gprs[i])) != 0)
			return *n = N_GPR + i, true;
	if ((*size = prefix_size(name, "ip")) != 0)
		return *n = N_IP, true;
	if ((*size = prefix_size(name, "flags")) != 0)
		return *n = N_FLAGS, true;
	*size = 8;
	if (number_after(n, name, "r", 16) && *n >= 8)
		return true;
	for (unsigned i = 0; i < 6; i++)
		if (!strcmp(name, segs[i]))
			return *n = N_SEG + i, *size = 2, true;
	for (unsigned i = 0; i < ARRAY_LEN(others); i++)
		if (!strcmp(name, others[i].name))
			return *n = others[i].n, true;
	return false;
}

static void read_seg(struct step_text *t, struct json *j, unsigned s)
{
	struct cpu_seg *seg = &t->seg[s];
	char key[16];

	*seg = (struct cpu_seg){ .limit = 0xffff };
	if (!json_object(j))
		return;
	while (json_key(j, key, sizeof(key))) {
		if (!strcmp(key, "sel"))
			seg->sel = (u16)json_u64(j);
		else if (!strcmp(key, "base"))
			seg->base = json_u64(j);
		else if (!strcmp(key, "limit"))
			seg->limit = (u32)json_u64(j);
		else if (!strcmp(key, "attr"))
			seg->attr = (u16)json_u64(j);
		else
			json_refuse(j, "a segment has sel, base, limit and attr");
	}
	t->given_seg |= BIT(s);
}

/* "0x" and the number, as many digits as fit into @len bytes. */
static void read_wide(struct json *j, u8 *out, size_t len)
{
	char text[80];
	size_t digits;

	json_text(j, text, sizeof(text));
	memset(out, 0, len);
	digits = strncmp(text, "0x", 2) == 0 ? strlen(text + 2) : 0;
	if (!digits || digits > 2 * len || strspn(text + 2, "0123456789abcdefABCDEF") != digits) {
		json_refuse(j, "a wide register is a string of hexadecimal digits after 0x");
		return;
	}
	for (size_t i = 0; i < digits; i++) {
		char c = text[2 + digits - 1 - i];
		unsigned v = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);

		out[i / 2] |= (u8)(v << (i % 2 ? 4 : 0));
	}
}

static bool read_wide_named(struct step_text *t, struct json *j, const char *name)
{
	u8 ymm[32];
	unsigned n;

	if (number_after(&n, name, "st", 8)) {
		read_wide(j, t->wide[W_ST + n], 10);
		t->given_wide |= BIT64(W_ST + n);
	} else if (number_after(&n, name, "xmm", 16)) {
		read_wide(j, t->wide[W_XMM + n], 16);
		t->given_wide |= BIT64(W_XMM + n);
	} else if (number_after(&n, name, "ymm", 16)) {
		read_wide(j, ymm, sizeof(ymm));
		memcpy(t->wide[W_XMM + n], ymm, 16);
		memcpy(t->wide[W_YMMH + n], ymm + 16, 16);
		t->given_wide |= BIT64(W_XMM + n) | BIT64(W_YMMH + n);
	} else {
		return false;
	}
	return true;
}

static void read_reg(struct step_text *t, struct json *j, const char *name)
{
	unsigned n, size;

	for (unsigned s = S_TR; s < N_SEGS; s++)
		if (!strcmp(name, tables[s])) {
			read_seg(t, j, s);
			return;
		}
	if (find_num(&n, &size, name)) {
		if (n >= N_SEG && n < N_SEG + 6 && json_peek(j) == JSON_OBJECT) {
			read_seg(t, j, n - N_SEG);
			t->num[n] = t->seg[n - N_SEG].sel;
		} else {
			t->num[n] = json_u64(j);
		}
		t->given_num |= BIT64(n);
		t->size[n] = (u8)size;
	} else if (!read_wide_named(t, j, name)) {
		json_refuse(j, "there is no register of that name");
	}
}

/* [[address, byte], ..] */
static void read_ram(struct step_text *t, struct json *j)
{
	json_array(j);
	while (json_item(j)) {
		u64 at = 0, value = 0;

		json_array(j);
		if (json_item(j))
			at = json_u64(j);
		if (json_item(j))
			value = json_u64(j);
		if (json_item(j))
			json_refuse(j, "memory is pairs of an address and a byte");
		if (!j->wrong && (value > 255 || !step_bytes_add(&t->ram, at, (u8)value)))
			json_refuse(j, "a byte is more than 255, or there are too many");
	}
}

void step_text_members(struct step_text *t, struct json *j, const char *key)
{
	char name[16];

	if (!strcmp(key, "regs")) {
		json_object(j);
		while (json_key(j, name, sizeof(name)))
			read_reg(t, j, name);
	} else if (!strcmp(key, "ram")) {
		read_ram(t, j);
	} else if (!strcmp(key, "mode")) {
		t->mode = (unsigned)json_u64(j);
		if (t->mode != 16 && t->mode != 32 && t->mode != 64)
			json_refuse(j, "a mode is 16, 32 or 64");
	} else if (!strcmp(key, "steps")) {
		u64 steps = json_u64(j);

		if (steps < 1 || steps > 1000000)
			json_refuse(j, "steps are 1 to 1000000");
		t->steps = (unsigned)steps;
	} else {
		json_skip(j);
	}
}

void step_text_read(struct step_text *t, struct json *j)
{
	char key[32];

	step_text_begin(t);
	json_object(j);
	while (json_key(j, key, sizeof(key)))
		step_text_members(t, j, key);
}

static bool given(const struct step_text *t, unsigned n)
{
	return t->given_num >> n & 1;
}

unsigned step_mode(const struct step_text *t)
{
	if (t->mode)
		return t->mode;
	for (unsigned n = N_GPR; n <= N_IP; n++)
		if (given(t, n) && t->size[n] == 8)
			return 64;
	return given(t, N_CR0) && t->num[N_CR0] & 1 ? 32 : 16;
}

static struct cpu_seg *seg_at(struct cpu_state *c, unsigned s)
{
	struct cpu_seg *const at[N_SEGS] = { &c->es, &c->cs, &c->ss,  &c->ds,  &c->fs,
					     &c->gs, &c->tr, &c->ldt, &c->gdt, &c->idt };

	return at[s];
}

u64 step_num_get(const struct cpu_state *c, unsigned n)
{
	if (n < N_IP)
		return c->gpr[n];
	if (n >= N_DR0 && n < N_DR0 + 8)
		return c->dr[n - N_DR0];
	if (n >= N_SEG && n < N_SEG + 6)
		return seg_at((struct cpu_state *)(uintptr_t)c, n - N_SEG)->sel;
	switch (n) {
	case N_IP: return c->rip;
	case N_FLAGS: return c->rflags;
	case N_CR0: return c->cr0;
	case N_CR2: return c->cr2;
	case N_CR3: return c->cr3;
	case N_CR4: return c->cr4;
	case N_CR8: return c->cr8;
	case N_EFER: return c->efer;
	case N_XCR0: return c->xcr0;
	case N_MXCSR: return le32_at(c->xsave + MXCSR_AT);
	case N_FCW: return le16_at(c->xsave + FCW_AT);
	case N_FSW: return le16_at(c->xsave + FSW_AT);
	default: return c->xsave[FTW_AT];
	}
}

/* Selectors are set with their segments. */
static void num_set(struct cpu_state *c, unsigned n, u64 v)
{
	if (n < N_IP)
		c->gpr[n] = v;
	else if (n >= N_DR0 && n < N_DR0 + 8)
		c->dr[n - N_DR0] = v;
	switch (n) {
	case N_IP: c->rip = v; break;
	case N_FLAGS: c->rflags = v; break;
	case N_CR0: c->cr0 = v; break;
	case N_CR2: c->cr2 = v; break;
	case N_CR3: c->cr3 = v; break;
	case N_CR4: c->cr4 = v; break;
	case N_CR8: c->cr8 = v; break;
	case N_EFER: c->efer = v; break;
	case N_XCR0: c->xcr0 = v; break;
	case N_MXCSR: put_le32(c->xsave + MXCSR_AT, (u32)v); break;
	case N_FCW: put_le16(c->xsave + FCW_AT, (u16)v); break;
	case N_FSW: put_le16(c->xsave + FSW_AT, (u16)v); break;
	case N_FTW: c->xsave[FTW_AT] = (u8)v; break;
	default: break;
	}
}

static u8 *wide_at(struct cpu_state *c, unsigned n)
{
	if (n < W_XMM)
		return c->xsave + ST_AT + 16 * (n - W_ST);
	if (n < W_YMMH)
		return c->xsave + XMM_AT + 16 * (n - W_XMM);
	return c->xsave + YMMH_AT + 16 * (n - W_YMMH);
}

const u8 *step_wide_at(const struct cpu_state *c, unsigned n)
{
	return wide_at((struct cpu_state *)(uintptr_t)c, n);
}

u64 step_flags_mask(unsigned mode)
{
	return mode == 16 ? 0x37fd5 : 0x3f7fd5; /* AC, VIF, VIP and ID are younger than the 386 */
}

/* CR0, CR4 and EFER as an operating system has them, so that SIMD and x87 work. */
static void set_mode(struct cpu_state *c, unsigned mode)
{
	c->cr0 = mode == 64 ? 0x80010033 : mode == 32 ? 0x33 : 0x10;
	c->cr4 = mode == 64 ? 0x406a0 : mode == 32 ? 0x40600 : 0;
	c->efer = mode == 64 ? 0xd01 : 0;
	c->xcr0 = 7;
	c->cr2 = c->cr3 = 0;
	memset(c->gpr, 0, sizeof(c->gpr));
	c->rip = 0;
	c->rflags = 2;
	memset(c->xsave, 0, sizeof(c->xsave));
	c->xsave_len = XSAVE_LEN;
	put_le16(c->xsave + FCW_AT, FCW_RESET);
	put_le32(c->xsave + MXCSR_AT, MXCSR_RESET);
	c->xsave[XSTATE_BV] = 7;
}

/* By its selector alone: as real mode loads it, or flat, with the selector's privilege. */
static struct cpu_seg plain_seg(unsigned s, u16 sel, unsigned mode, bool protected_mode)
{
	u16 attr = s == S_CS ? CODE : DATA;

	if (!protected_mode)
		return (struct cpu_seg){ (u64)sel << 4, 0xffff, sel, attr };
	attr |= (u16)((sel & 3) << 5);
	if (mode == 16)
		return (struct cpu_seg){ 0, 0xffff, sel, attr };
	return (struct cpu_seg){ 0, ~0u, sel, attr | (s == S_CS && mode == 64 ? LONG_CODE : BIG) };
}

static void set_segs(struct cpu_state *c, const struct step_text *t, unsigned mode)
{
	bool protected_mode = c->cr0 & 1;

	c->tr = (struct cpu_seg){ 0, 0x67, 0x18, TSS };
	c->ldt = (struct cpu_seg){ 0, 0, 0, LDT_ATTR };
	c->gdt = (struct cpu_seg){ 0, 0, 0, 0 };
	c->idt = (struct cpu_seg){ 0, protected_mode ? 0 : 0x3ff, 0, 0 };
	for (unsigned s = S_ES; s <= S_GS; s++) {
		u16 none = protected_mode ? (s == S_CS ? 8 : 0x10) : 0;
		u16 sel = given(t, N_SEG + s) ? (u16)t->num[N_SEG + s] : none;

		*seg_at(c, s) = plain_seg(s, sel, mode, protected_mode);
	}
	for (unsigned s = 0; s < N_SEGS; s++)
		if (t->given_seg & BIT(s))
			*seg_at(c, s) = t->seg[s];
}

void step_apply(struct cpu_state *c, const struct step_text *t, unsigned mode)
{
	set_mode(c, mode);
	for (unsigned n = 0; n < N_NUMS; n++)
		if (given(t, n))
			num_set(c, n, t->num[n]);
	c->rflags = (c->rflags & step_flags_mask(mode)) | 2;
	c->cr0 = (c->cr0 & 0xe005003f) | 0x10;
	set_segs(c, t, mode);
	for (unsigned n = 0; n < N_WIDE; n++)
		if (t->given_wide >> n & 1)
			memcpy(wide_at(c, n), t->wide[n], 16);
}

const char *step_num_name(unsigned n, unsigned size, char buf[8])
{
	static const char *const prefix[] = { [2] = "", [4] = "e", [8] = "r" };

	if (n >= 8 && n < N_IP)
		snprintf(buf, 8, "r%u", n);
	else if (n < 8)
		snprintf(buf, 8, "%s%s", prefix[size], gprs[n]);
	else if (n == N_IP || n == N_FLAGS)
		snprintf(buf, 8, "%s%s", prefix[size], n == N_IP ? "ip" : "flags");
	else if (n >= N_SEG && n < N_SEG + 6)
		snprintf(buf, 8, "%s", segs[n - N_SEG]);
	else
		snprintf(buf, 8, "?");
	for (unsigned i = 0; i < ARRAY_LEN(others); i++)
		if (others[i].n == n)
			snprintf(buf, 8, "%s", others[i].name);
	return buf;
}

const char *step_wide_name(unsigned n, char buf[8])
{
	if (n < W_XMM)
		snprintf(buf, 8, "st%u", n - W_ST);
	else
		snprintf(buf, 8, "%cmm%u", n < W_YMMH ? 'x' : 'y', (n - W_XMM) % 16);
	return buf;
}

/* Bytes that general registers have in the names of @t. */
static unsigned name_size(const struct step_text *t, unsigned mode)
{
	unsigned size = mode == 64 ? 8 : mode == 32 ? 4 : 2;

	for (unsigned n = N_GPR; n <= N_FLAGS; n++)
		if (given(t, n) && t->size[n] > size)
			size = t->size[n];
	return size;
}

static void print_wide(struct str *out, const char *name, const u8 *at, unsigned len)
{
	str_add(out, ",\"%s\":\"0x", name);
	while (len)
		str_add(out, "%02x", at[--len]);
	str_add(out, "\"");
}

static void print_wides(struct str *out, const struct cpu_state *c, const struct cpu_state *before,
			const struct step_text *t)
{
	char name[8];

	for (unsigned n = 0; n < N_WIDE; n++) {
		const u8 *at = step_wide_at(c, n);
		u8 ymm[32];

		if (!(t->given_wide >> n & 1) && !memcmp(at, step_wide_at(before, n), 16))
			continue;
		step_wide_name(n, name);
		if (n < W_YMMH) {
			print_wide(out, name, at, n < W_XMM ? 10 : 16);
			continue;
		}
		memcpy(ymm, step_wide_at(c, n - W_YMMH + W_XMM), 16);
		memcpy(ymm + 16, at, 16);
		print_wide(out, name, ymm, 32);
	}
}

static void print_seg(struct str *out, const char *name, const struct cpu_seg *s, bool table)
{
	str_add(out, ",\"%s\":{", name);
	if (!table)
		str_add(out, "\"sel\":%u,", s->sel);
	str_add(out, "\"base\":%llu,\"limit\":%u", (unsigned long long)s->base, s->limit);
	if (!table)
		str_add(out, ",\"attr\":%u", s->attr);
	str_add(out, "}");
}

/* As a number where that says it all. */
static void print_segs(struct str *out, struct cpu_state *c, const struct step_text *t,
		       unsigned mode)
{
	for (unsigned s = S_ES; s <= S_GS; s++) {
		struct cpu_seg *seg = seg_at(c, s),
			       plain = plain_seg(s, seg->sel, mode, c->cr0 & 1);

		if (t->given_seg & BIT(s) || seg->base != plain.base)
			print_seg(out, segs[s], seg, false);
		else
			str_add(out, ",\"%s\":%u", segs[s], seg->sel);
	}
	for (unsigned s = S_TR; s < N_SEGS; s++)
		if (t->given_seg & BIT(s))
			print_seg(out, tables[s], seg_at(c, s), s >= S_GDT);
}

void step_print(struct str *out, const struct cpu_state *cpu, const struct cpu_state *before,
		const struct step_text *t, unsigned mode)
{
	unsigned size = name_size(t, mode);
	struct cpu_state c = *cpu;
	char name[8];

	str_add(out, "\"mode\":%u,\"regs\":{", mode);
	for (unsigned n = 0; n < N_NUMS; n++) {
		u64 v = step_num_get(&c, n);
		bool always = n < (mode == 64 ? 16 : 8) || n == N_IP || n == N_FLAGS || n == N_CR0;

		if ((n >= N_SEG && n < N_SEG + 6) ||
		    (!always && !given(t, n) && v == step_num_get(before, n)))
			continue;
		if (n <= N_FLAGS)
			v &= ~0ull >> (64 - 8 * size);
		str_add(out, "%s\"%s\":%llu", n ? "," : "", step_num_name(n, size, name),
			(unsigned long long)v);
	}
	print_segs(out, &c, t, mode);
	print_wides(out, &c, before, t);
	str_add(out, "}");
}
