/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What --cpus jit= may say, and what it says to those who say something else. */
#include <errno.h>

#include "cpu/soft/jit.h"
#include "test.h"

static struct jit_options parsed(const char *text)
{
	struct jit_options o;
	struct error err = { 0 };

	memset(&o, 0xaa, sizeof(o));
	if (jit_options_parse(&o, text, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
	CHECK_EQ(err.code, 0);
	return o;
}

/* Refused, with all @words in the message, and nothing changed. */
static void refused(const char *text, const char *const *words)
{
	struct jit_options o, before;
	struct error err = { 0 };

	memset(&o, 0x55, sizeof(o));
	before = o;
	CHECK_EQ(jit_options_parse(&o, text, &err), -EINVAL);
	CHECK(memcmp(&o, &before, sizeof(o)) == 0);
	for (; *words; words++)
		CHECK(strstr(err.msg, *words));
}

static bool tortured(const struct jit_options *o)
{
	return o->one || o->tiny || o->flush || o->slow || o->leave || o->count || o->perf;
}

static void nothing_said_is_on(void)
{
	struct jit_options none = parsed(NULL), on = parsed("on");

	CHECK(!none.off && !none.lockstep && !tortured(&none));
	CHECK_EQ(none.heat, JIT_HEAT);
	CHECK(!on.off && !on.lockstep && !tortured(&on));
	CHECK_EQ(on.heat, JIT_HEAT);
}

static void off_and_lockstep_are_modes(void)
{
	struct jit_options off = parsed("off"), lockstep = parsed("lockstep");

	CHECK(off.off && !off.lockstep && !tortured(&off));
	CHECK(!lockstep.off && lockstep.lockstep && lockstep.leave);
	lockstep.leave = false;
	CHECK(!tortured(&lockstep));
}

static void each_word_sets_its_own_switch(void)
{
	struct jit_options o = parsed("one");

	CHECK(o.one && !o.tiny && !o.flush && !o.slow && !o.leave && !o.count && !o.perf);
	o = parsed("on+tiny");
	CHECK(o.tiny && !o.one && !o.flush && !o.slow && !o.leave && !o.count && !o.perf);
	o = parsed("flush+slow");
	CHECK(o.flush && o.slow && !o.one && !o.tiny && !o.leave && !o.count && !o.perf);
	o = parsed("lockstep+leave+count+perf");
	CHECK(o.lockstep && o.leave && o.count && o.perf && !o.flush && !o.slow && !o.one);
}

static void heat_is_a_number_with_an_end(void)
{
	static const char *const number[] = { "number", "1000000", NULL };

	CHECK_EQ(parsed("heat=0").heat, 0);
	CHECK_EQ(parsed("on+heat=1").heat, 1);
	CHECK_EQ(parsed("heat=3+one+heat=4").heat, 4);
	CHECK_EQ(parsed("heat=1000000").heat, 1000000);
	refused("heat=1000001", number);
	refused("heat=18446744073709551616", number);
	refused("heat=", number);
	refused("heat=-1", number);
	refused("heat=1x", number);
	refused("one+heat=on", number);
}

static void what_is_not_known_is_told_what_is(void)
{
	static const char *const all[] = { "lockstep", "tiny", "leave", "heat=N", NULL };

	refused("", all);
	refused("of", all);
	refused("ON", all);
	refused("on+", all);
	refused("+on", all);
	refused("on++one", all);
	refused("on,one", all);
	refused("heat", all);
	refused("one ", all);
}

static void a_mode_comes_first_and_once(void)
{
	static const char *const first[] = { "first", NULL };
	static const char *const alone[] = { "off", "no other", NULL };

	refused("on+lockstep", first);
	refused("one+off", first);
	refused("lockstep+lockstep", first);
	refused("off+one", alone);
	refused("off+heat=1", alone);
}

static void a_word_without_end_is_not_read(void)
{
	static const char *const end[] = { "too long", NULL };
	char text[4096];

	memset(text, 'o', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	refused(text, end);
	memcpy(text, "one+", 4);
	refused(text, end);
	refused("heat=00000000000000000000000000000001", end);
}

int main(void)
{
	RUN(nothing_said_is_on);
	RUN(off_and_lockstep_are_modes);
	RUN(each_word_sets_its_own_switch);
	RUN(heat_is_a_number_with_an_end);
	RUN(what_is_not_known_is_told_what_is);
	RUN(a_mode_comes_first_and_once);
	RUN(a_word_without_end_is_not_read);
	return 0;
}
