/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "oriel cpu-step": states as JSON, on a processor in C that knows four instructions: NOP (90),
 * INC AX (40), MOV [BX],AL (88 07) and HLT (F4). Anything else is exception 6.
 */
#include <errno.h>

#include "base/alloc.h"
#include "cli/cpu_step.h"
#include "test.h"

struct stepper {
	struct cpu_state st;
	u8 mem[1 << 20];
	bool written[(1 << 20) / 4096];
	unsigned flags;
};

int stepper_create(struct stepper **out, const char *model, struct error *err)
{
	*out = xnew(struct stepper);
	return 0;
}

void stepper_destroy(struct stepper *s)
{
	free(s);
}

void stepper_clear(struct stepper *s)
{
	memset(s->mem, 0, sizeof(s->mem));
	memset(s->written, 0, sizeof(s->written));
}

int stepper_poke(struct stepper *s, u64 at, u8 val)
{
	if (at >= sizeof(s->mem))
		return -EFAULT;
	s->mem[at] = val;
	return 0;
}

u8 stepper_peek(struct stepper *s, u64 at)
{
	return at < sizeof(s->mem) ? s->mem[at] : 0;
}

int stepper_reset(struct stepper *s, struct cpu_state *out, struct error *err)
{
	memset(out, 0, sizeof(*out));
	return 0;
}

int stepper_load(struct stepper *s, const struct cpu_state *in, unsigned flags, struct error *err)
{
	s->st = *in;
	s->flags = flags;
	return 0;
}

int stepper_save(struct stepper *s, struct cpu_state *out, struct error *err)
{
	*out = s->st;
	return 0;
}

void stepper_run(struct stepper *s, unsigned limit, unsigned flags, struct step_result *out)
{
	struct cpu_state *c = &s->st;

	*out = (struct step_result){ .undefined_flags = 1 << 4 };
	for (; out->steps < limit && !out->shutdown && !out->halted; out->steps++) {
		u64 at = c->cs.base + c->rip, to = c->ds.base + (u16)c->gpr[3];

		if (s->mem[at] == 0x90) {
			c->rip++;
		} else if (s->mem[at] == 0x40) {
			c->gpr[0]++;
			c->rflags |= 0x11;
			c->rip++;
		} else if (s->mem[at] == 0x88) {
			s->mem[to] = (u8)c->gpr[0];
			s->written[to / 4096] = true;
			c->rip += 2;
		} else if (s->mem[at] == 0xf4) {
			c->rip++;
			out->halted = true;
		} else {
			out->exception = true;
			out->vector = 6;
			out->shutdown = !(flags & STEP_DELIVER);
		}
	}
}

void stepper_each_written(struct stepper *s, void (*fn)(void *arg, u64 at, const u8 page[4096]),
			  void *arg)
{
	for (unsigned i = 0; i < ARRAY_LEN(s->written); i++)
		if (s->written[i])
			fn(arg, i * 4096, s->mem + i * 4096);
}

static struct step_run run;
static struct step_case c;
static struct step_options options = { .flags_mask = ~0ull };
static struct str text;

/* Read, run and print one case. */
static const char *step(const char *json)
{
	struct error err;
	struct json j;

	json_begin(&j, json, strlen(json));
	step_case_read(&c, &j);
	if (j.wrong)
		printf("# %s\n", j.wrong);
	CHECK(!j.wrong);
	if (!run.cpu)
		CHECK(stepper_create(&run.cpu, NULL, &err) == 0);
	CHECK(step_run_case(&run, &c, &options, &err) == 0);
	text.len = 0;
	step_run_print(&text, &run, &c);
	return text.at;
}

/* What is not as the case wants it. */
static const char *compare(const char *json)
{
	step(json);
	text.len = 0;
	str_add(&text, "%s", "");
	if (text.at)
		text.at[0] = 0;
	step_compare(&text, &run, &c, &options);
	return text.at;
}

static const char *wrong(const char *json)
{
	struct json j;

	json_begin(&j, json, strlen(json));
	step_case_read(&c, &j);
	return j.wrong ? j.wrong : "";
}

static void a_state_becomes_the_next_one(void)
{
	const char *out =
		step("{\"name\":\"inc \\\"ax\\\"\",\"regs\":{\"ax\":7,\"cs\":16,\"ip\":2},"
		     "\"ram\":[[258,64]]}");

	CHECK(strstr(out, "{\"name\":\"inc \\\"ax\\\"\",\"mode\":16,\"regs\":{\"ax\":8,"));
	CHECK(strstr(out, "\"ip\":3,") && strstr(out, "\"cs\":16,"));
	CHECK(strstr(out, "\"ram\":[[258,64]]"));
	CHECK(strstr(out, "\"flags\":19,"));
}

static void what_was_written_is_told(void)
{
	const char *out = step("{\"regs\":{\"eax\":\"0xab\",\"ebx\":4097,\"eip\":0},"
			       "\"ram\":[[0,136],[1,7],[4096,5]]}");

	CHECK(strstr(out, "\"ram\":[[0,136],[1,7],[4096,5],[4097,171]]"));
	CHECK(strstr(out, "\"eax\":171,"));
	CHECK(!strstr(step("{\"regs\":{\"ip\":0},\"ram\":[[0,144]]}"), "4097")); /* nothing stays */
}

static void the_mode_follows_from_the_names(void)
{
	step("{\"regs\":{\"rip\":0,\"rax\":1},\"ram\":[[0,144]]}");
	CHECK_EQ(run.mode, 64);
	CHECK_EQ(run.cpu->flags, STEP_OWN_TABLES);
	CHECK_EQ(run.before.cs.attr, 0xa09b);
	CHECK_EQ(run.before.efer & 0x500, 0x500);
	step("{\"regs\":{\"rip\":0,\"cr3\":4096},\"ram\":[[0,144]]}");
	CHECK_EQ(run.cpu->flags, 0);
	step("{\"regs\":{\"eip\":0,\"cr0\":17},\"ram\":[[0,144]]}");
	CHECK_EQ(run.mode, 32);
	CHECK_EQ(run.before.cs.attr, 0xc09b);
	step("{\"mode\":32,\"regs\":{\"eip\":0,\"cs\":27,\"ss\":35},\"ram\":[[0,144]]}");
	CHECK_EQ(run.before.cs.attr, 0xc0fb);
	CHECK_EQ(run.before.ss.attr, 0xc0f3);
	step("{\"regs\":{\"eip\":0,\"cr0\":2147418096,\"eflags\":4294707347},\"ram\":[[0,144]]}");
	CHECK_EQ(run.mode, 16); /* as the 386 has its reserved bits */
	CHECK_EQ(run.before.rflags & ~step_flags_mask(16), 2);
	CHECK_EQ(run.cpu->flags, STEP_DELIVER);
}

static void whole_segments_and_wide_registers_can_be_given(void)
{
	const char *out =
		step("{\"mode\":32,\"regs\":{\"eip\":0,\"ds\":{\"sel\":35,\"base\":65536,"
		     "\"limit\":4095,\"attr\":243},\"idtr\":{\"base\":8192,\"limit\":255},"
		     "\"xmm1\":\"0x0102\",\"ymm15\":\"0x1000000000000000000000000000000000\","
		     "\"st0\":\"0x3fff8000000000000000\",\"mxcsr\":8064},"
		     "\"ram\":[[0,144]]}");

	CHECK(strstr(out, "\"ds\":{\"sel\":35,\"base\":65536,\"limit\":4095,\"attr\":243}"));
	CHECK(strstr(out, "\"idtr\":{\"base\":8192,\"limit\":255}"));
	CHECK(strstr(out, "\"xmm1\":\"0x00000000000000000000000000000102\""));
	CHECK(strstr(out, "\"ymm15\":\"0x000000000000000000000000000000100000000000"));
	CHECK(strstr(out, "\"st0\":\"0x3fff8000000000000000\""));
	CHECK_EQ(run.cpu->flags, STEP_DELIVER); /* there is a vector table */
}

static void exceptions_are_told(void)
{
	const char *out = step("{\"mode\":32,\"regs\":{\"eip\":4}}");

	CHECK(strstr(out, "\"exception\":{\"number\":6}"));
	CHECK(strstr(out, "\"shutdown\":true"));
}

#define INITIAL                                                                                    \
	"\"initial\":{\"regs\":{\"ax\":1,\"bx\":9,\"ip\":0,\"flags\":61442},\"ram\":[[0,64]]}"

static void a_suites_case_is_compared(void)
{
	CHECK(!*compare("{" INITIAL ",\"final\":{\"regs\":{\"ax\":2,\"ip\":1,\"flags\":61443},"
			"\"ram\":[]}}"));
	CHECK(strstr(compare("{" INITIAL
			     ",\"final\":{\"regs\":{\"ax\":3,\"ip\":1,\"flags\":61443}}}"),
		     "ax is 2, not 3\n"));
	CHECK(strstr(compare("{" INITIAL ",\"final\":{\"regs\":{\"ip\":1,\"flags\":61443}}}"),
		     "ax is 2, not 1\n")); /* not named: unchanged */
	CHECK(strstr(compare("{" INITIAL ",\"final\":{\"regs\":{\"ax\":2,\"ip\":1},"
			     "\"ram\":[[0,65]]}}"),
		     "memory at 0 is 40, not 41\n"));
	CHECK(strstr(compare("{" INITIAL ",\"exception\":{\"number\":0},\"final\":{\"regs\":"
			     "{\"ax\":2,\"ip\":1,\"flags\":61443}}}"),
		     "exception 0 did not come"));
}

static void undefined_flags_are_not_compared(void)
{
	CHECK(strstr(compare("{" INITIAL ",\"final\":{\"regs\":{\"ax\":2,\"ip\":1}}}"),
		     "flags is"));
	CHECK(!*compare("{" INITIAL
			",\"flags_mask\":65534,\"final\":{\"regs\":{\"ax\":2,\"ip\":1}}}"));
	options.strict = true;
	CHECK(strstr(compare("{" INITIAL
			     ",\"final\":{\"regs\":{\"ax\":2,\"ip\":1,\"flags\":61443}}}"),
		     "flags is"));
	options.strict = false;
}

static void writes_that_nobody_wants_are_found(void)
{
	static const char initial[] = "{\"initial\":{\"regs\":{\"ax\":5,\"bx\":9,\"ip\":0},"
				      "\"ram\":[[0,136],[1,7]]},\"final\":{\"regs\":{\"ip\":2}%s}}";
	char json[256];

	snprintf(json, sizeof(json), initial, "");
	CHECK(strstr(compare(json), "memory at 9 was changed to 5\n"));
	snprintf(json, sizeof(json), initial, ",\"ram\":[[9,5]]");
	CHECK(!*compare(json));
}

static void a_halt_behind_the_instruction_counts(void)
{
	options.halt = true;
	CHECK(!*compare("{\"initial\":{\"regs\":{\"eip\":7},\"ram\":[[7,144]]},"
			"\"final\":{\"regs\":{\"eip\":9}}}"));
	options.halt = false;
	wrong("{\"bytes\":[144,244]}");
	CHECK(c.ends_in_halt);
	wrong("{\"bytes\":[244]}");
	CHECK(!c.ends_in_halt);
}

static void wrong_texts_are_refused_by_name(void)
{
	CHECK(strstr(wrong("{\"regs\":{\"rzx\":1}}"), "no register"));
	CHECK(strstr(wrong("{\"regs\":{\"r16\":1}}"), "no register"));
	CHECK(strstr(wrong("{\"regs\":{\"xmm0\":\"12\"}}"), "0x"));
	CHECK(strstr(wrong("{\"regs\":{\"xmm0\":\"0x123456789012345678901234567890123\"}}"), "0x"));
	CHECK(strstr(wrong("{\"regs\":{\"cs\":{\"dpl\":1}}}"), "sel, base"));
	CHECK(strstr(wrong("{\"ram\":[[1,256]]}"), "255"));
	CHECK(strstr(wrong("{\"ram\":[[1,2,3]]}"), "pairs"));
	CHECK(strstr(wrong("{\"mode\":8}"), "16, 32 or 64"));
	CHECK(strstr(wrong("{\"steps\":0}"), "steps"));
	CHECK(!*wrong("{\"cycles\":[[0,\"CS\",null]],\"hash\":\"x\",\"idx\":3}"));
}

int main(void)
{
	RUN(a_state_becomes_the_next_one);
	RUN(what_was_written_is_told);
	RUN(the_mode_follows_from_the_names);
	RUN(whole_segments_and_wide_registers_can_be_given);
	RUN(exceptions_are_told);
	RUN(a_suites_case_is_compared);
	RUN(undefined_flags_are_not_compared);
	RUN(writes_that_nobody_wants_are_found);
	RUN(a_halt_behind_the_instruction_counts);
	RUN(wrong_texts_are_refused_by_name);
	stepper_destroy(run.cpu);
	free(run.changed.at);
	step_case_free(&c);
	str_free(&text);
	return 0;
}
