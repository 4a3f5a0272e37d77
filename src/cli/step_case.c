/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/step_case.c: one case of "oriel cpu-step": read, run, compared, printed. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cpu_step.h"

enum { PAGE_SIZE = 4096, HLT = 0xf4 };

static void read_exception(struct step_case *c, struct json *j)
{
	char key[32];

	json_object(j);
	while (json_key(j, key, sizeof(key))) {
		if (!strcmp(key, "number")) {
			c->vector = (u8)json_u64(j);
			c->wants_vector = true;
		} else if (!strcmp(key, "flag_address")) {
			c->flags_at = json_u64(j);
		} else {
			json_skip(j);
		}
	}
}

static void read_bytes_of_code(struct step_case *c, struct json *j)
{
	unsigned n = 0;
	u64 last = 0;

	json_array(j);
	for (; json_item(j); n++)
		last = json_u64(j);
	c->ends_in_halt = n > 1 && last == HLT;
}

void step_case_read(struct step_case *c, struct json *j)
{
	char key[32];

	step_text_begin(&c->in);
	step_text_begin(&c->want);
	c->name[0] = 0;
	c->has_want = c->wants_vector = c->ends_in_halt = false;
	c->flags_mask = c->flags_at = ~0ull;
	json_object(j);
	while (json_key(j, key, sizeof(key))) {
		if (!strcmp(key, "name")) {
			json_text(j, c->name, sizeof(c->name));
		} else if (!strcmp(key, "initial")) {
			step_text_read(&c->in, j);
		} else if (!strcmp(key, "final")) {
			step_text_read(&c->want, j);
			c->has_want = true;
		} else if (!strcmp(key, "exception") && json_peek(j) == JSON_OBJECT) {
			read_exception(c, j);
		} else if (!strcmp(key, "flags_mask") || !strcmp(key, "flags-mask")) {
			c->flags_mask = json_u64(j);
		} else if (!strcmp(key, "bytes")) {
			read_bytes_of_code(c, j);
		} else {
			step_text_members(&c->in, j, key);
		}
	}
}

void step_case_free(struct step_case *c)
{
	step_text_free(&c->in);
	step_text_free(&c->want);
}

struct looking {
	struct step_run *run;
	const struct step_text *in;
};

/* What of a written page differs from what was there: zeroes, and what the case put there. */
static void look_at_page(void *arg, u64 at, const u8 page[PAGE_SIZE])
{
	struct looking *l = arg;
	u8 was[PAGE_SIZE] = { 0 };

	for (size_t i = 0; i < l->in->ram.count; i++)
		if (l->in->ram.at[i].at - at < PAGE_SIZE)
			was[l->in->ram.at[i].at - at] = l->in->ram.at[i].value;
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		if (was[i] != page[i])
			step_bytes_add(&l->run->changed, at + i, page[i]);
}

int step_run_case(struct step_run *r, const struct step_case *c, const struct step_options *o,
		  struct error *err)
{
	struct looking l = { r, &c->in };
	struct cpu_state *start = xnew(struct cpu_state);
	unsigned flags = 0;
	int rc = 0;

	*start = r->reset;
	r->mode = step_mode(&c->in);
	step_apply(start, &c->in, r->mode);
	if (r->mode == 64 && !(c->in.given_num >> N_CR3 & 1))
		flags |= STEP_OWN_TABLES;
	if (!(start->cr0 & 1) || c->in.given_seg & BIT(S_IDT))
		flags |= STEP_DELIVER;
	stepper_clear(r->cpu);
	r->changed.count = 0;
	rc = stepper_load(r->cpu, start, flags, err);
	free(start);
	for (size_t i = 0; i < c->in.ram.count && rc == 0; i++)
		if (stepper_poke(r->cpu, c->in.ram.at[i].at, c->in.ram.at[i].value) < 0)
			rc = error_set(err, -EFAULT, "there is no memory at %llx",
				       (unsigned long long)c->in.ram.at[i].at);
	if (rc == 0)
		rc = stepper_save(r->cpu, &r->before, err);
	if (rc < 0)
		return rc;
	stepper_run(r->cpu, c->in.steps, flags, &r->result);
	rc = stepper_save(r->cpu, &r->after, err);
	stepper_each_written(r->cpu, look_at_page, &l);
	if (rc == 0 && o->halt && !r->result.shutdown && !r->result.halted)
		r->after.rip = r->mode == 16 ? (u16)(r->after.rip + 1) : r->after.rip + 1;
	return rc;
}

static void differs(struct str *out, const char *what, u64 is, u64 want)
{
	str_add(out, "%s is %llx, not %llx\n", what, (unsigned long long)is,
		(unsigned long long)want);
}

static u64 flags_to_compare(const struct step_run *r, const struct step_case *c,
			    const struct step_options *o)
{
	u64 mask = step_flags_mask(r->mode) & c->flags_mask & o->flags_mask;

	return o->strict ? mask : mask & ~(u64)r->result.undefined_flags;
}

/* Registers that the final state does not name must be as they were. */
static unsigned compare_nums(struct str *out, const struct step_run *r, const struct step_case *c,
			     u64 flags)
{
	unsigned wrong = 0;
	char name[8];

	for (unsigned n = 0; n < N_NUMS; n++) {
		bool named = c->want.given_num >> n & 1;
		u64 is = step_num_get(&r->after, n);
		u64 want = named ? c->want.num[n] : step_num_get(&r->before, n);
		unsigned size = named ? c->want.size[n] : c->in.size[n];
		u64 mask = size ? ~0ull >> (64 - 8 * size) : ~0ull;

		if (n == N_FLAGS)
			mask = flags;
		if (n == N_CR0)
			mask &= 0xe005003f; /* the bits that there are */
		if (!((is ^ want) & mask) || (!named && n == N_CR2))
			continue;
		differs(out, step_num_name(n, size ? size : 8, name), is & mask, want & mask);
		wrong++;
	}
	return wrong;
}

static unsigned compare_wides(struct str *out, const struct step_run *r, const struct step_case *c)
{
	unsigned wrong = 0;
	char name[8];

	for (unsigned n = 0; n < N_WIDE; n++) {
		const u8 *want = c->want.given_wide >> n & 1 ? c->want.wide[n]
							     : step_wide_at(&r->before, n);

		if (!memcmp(step_wide_at(&r->after, n), want, n < W_XMM ? 10 : 16))
			continue;
		str_add(out, "%s is not as it should be\n", step_wide_name(n, name));
		wrong++;
	}
	return wrong;
}

static const struct step_byte *find_byte(const struct step_text *t, u64 at)
{
	for (size_t i = t->ram.count; i > 0; i--)
		if (t->ram.at[i - 1].at == at)
			return &t->ram.at[i - 1];
	return NULL;
}

/* Pushed flags may be undefined, too. */
static u8 byte_mask(const struct step_case *c, u64 at, u64 flags)
{
	return c->flags_at != ~0ull && at - c->flags_at < 2 ? (u8)(flags >> 8 * (at - c->flags_at))
							    : 0xff;
}

static unsigned compare_ram(struct str *out, struct step_run *r, const struct step_case *c,
			    u64 flags)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < c->want.ram.count; i++) {
		const struct step_byte *w = &c->want.ram.at[i];
		u8 is = stepper_peek(r->cpu, w->at);

		if (!((is ^ w->value) & byte_mask(c, w->at, flags)))
			continue;
		str_add(out, "memory at %llx is %x, not %x\n", (unsigned long long)w->at, is,
			w->value);
		wrong++;
	}
	for (size_t i = 0; i < r->changed.count; i++) {
		const struct step_byte *b = &r->changed.at[i];

		if (find_byte(&c->want, b->at) || !byte_mask(c, b->at, flags))
			continue;
		str_add(out, "memory at %llx was changed to %x\n", (unsigned long long)b->at,
			b->value);
		wrong++;
	}
	return wrong;
}

unsigned step_compare(struct str *out, struct step_run *r, const struct step_case *c,
		      const struct step_options *o)
{
	u64 flags = flags_to_compare(r, c, o);
	unsigned wrong = compare_nums(out, r, c, flags) + compare_wides(out, r, c) +
			 compare_ram(out, r, c, flags);

	if (c->wants_vector && (!r->result.exception || r->result.vector != c->vector)) {
		str_add(out, "exception %u did not come\n", c->vector);
		wrong++;
	}
	return wrong;
}

static void print_ram(struct str *out, struct step_run *r, const struct step_case *c)
{
	const char *comma = "";

	str_add(out, ",\"ram\":[");
	for (size_t i = 0; i < c->in.ram.count; i++) {
		u64 at = c->in.ram.at[i].at;

		str_add(out, "%s[%llu,%u]", comma, (unsigned long long)at,
			stepper_peek(r->cpu, at));
		comma = ",";
	}
	for (size_t i = 0; i < r->changed.count; i++) {
		if (find_byte(&c->in, r->changed.at[i].at))
			continue;
		str_add(out, "%s[%llu,%u]", comma, (unsigned long long)r->changed.at[i].at,
			r->changed.at[i].value);
		comma = ",";
	}
	str_add(out, "]");
}

void step_run_print(struct str *out, struct step_run *r, const struct step_case *c)
{
	const struct step_result *res = &r->result;

	str_add(out, "{");
	if (c->name[0]) {
		str_add(out, "\"name\":");
		str_add_json(out, c->name);
		str_add(out, ",");
	}
	step_print(out, &r->after, &r->before, &c->in, r->mode);
	print_ram(out, r, c);
	str_add(out, ",\"steps\":%u", res->steps);
	if (res->exception) {
		str_add(out, ",\"exception\":{\"number\":%u", res->vector);
		if (res->has_error)
			str_add(out, ",\"error\":%u", res->error);
		if (res->vector == 14)
			str_add(out, ",\"cr2\":%llu", (unsigned long long)res->cr2);
		str_add(out, "}");
	}
	if (res->halted)
		str_add(out, ",\"halted\":true");
	if (res->shutdown)
		str_add(out, ",\"shutdown\":true");
	str_add(out, ",\"undefined_flags\":%u}\n", res->undefined_flags);
}
