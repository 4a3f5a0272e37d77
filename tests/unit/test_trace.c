/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trace ring: order, overflow, many writers. */
#include "base/trace.h"

#include <errno.h>

#include "plat/file.h"
#include "plat/thread.h"
#include "plat/time.h"
#include "test.h"

static u64 tick(void)
{
	static u64 now;

	return ++now;
}

static u32 nobody(void)
{
	return 42;
}

static char *dump(void)
{
	struct error err;
	char path[64];
	size_t len;
	u8 *text;

	snprintf(path, sizeof(path), "oriel-test-trace-%u.txt", thread_id());
	CHECK(!trace_dump(path));
	CHECK(!file_load(&text, &len, path, 10 << 20, &err));
	file_remove(path);
	return (char *)text;
}

static void nothing_is_recorded_while_tracing_is_off(void)
{
	CHECK(!trace_on);
	trace(machine_request, 1);
	CHECK_EQ(trace_start(3, tick, nobody), -EINVAL);
	CHECK_EQ(trace_start(0, tick, nobody), -EINVAL);
	CHECK(!trace_on);
}

static void events_are_printed_by_name_with_their_arguments(void)
{
	char *text;

	CHECK(!trace_start(8, tick, nobody));
	CHECK_EQ(trace_start(8, tick, nobody), -EINVAL);
	trace(machine_request, 0xabc);
	trace(io_map, 1, 0xfec00000, 0x1000);
	text = dump();
	CHECK(!strcmp(text, "1 42 machine_request what abc\n"
			    "2 42 io_map space 1 base fec00000 len 1000\n"));
	free(text);
	trace_stop();
	CHECK(!trace_on);
}

static void a_full_ring_forgets_the_oldest(void)
{
	char *text;

	CHECK(!trace_start(4, tick, nobody));
	for (unsigned i = 0; i < 11; i++)
		trace(machine_request, i);
	text = dump();
	CHECK(strstr(text, "what 7\n") && strstr(text, "what a\n"));
	CHECK(!strstr(text, "what 6\n"));
	CHECK(strstr(text, "what 7\n") < strstr(text, "what 8\n"));
	free(text);
	trace_stop();
}

enum { WRITERS = 4, EACH = 20000 };

/* The arguments say each other: a torn record shows. */
static void write_many(void *arg)
{
	for (u64 i = 0; i < EACH; i++)
		trace(io_unclaimed, i, i * 3, i * 5, i * 7);
}

static void records_of_many_threads_are_whole_even_while_dumped(void)
{
	struct thread *t[WRITERS];
	struct error err;
	unsigned lines = 0;

	CHECK(!trace_start(1024, time_now_ns, thread_id));
	for (unsigned i = 0; i < WRITERS; i++)
		CHECK(!thread_start(&t[i], "trace", write_many, NULL, &err));
	for (unsigned round = 0; round < 5; round++) {
		unsigned long long ns, a, b, c, d;
		char *text = dump(), *p;
		unsigned id;

		for (p = text; *p; p = strchr(p, '\n') + 1) {
			/* check: forbidden, the form of the whole line is what is tested */
			CHECK_EQ(sscanf(p,
					"%llu %u io_unclaimed space %llx at %llx size %llx value "
					"%llx",
					&ns, &id, &a, &b, &c, &d),
				 6);
			CHECK(b == a * 3 && c == a * 5 && d == a * 7);
			lines++;
		}
		free(text);
		if (round == 3)
			for (unsigned i = 0; i < WRITERS; i++)
				thread_join(t[i]);
	}
	/* The last dump, with nobody writing, is complete. */
	CHECK(lines >= 1024);
	trace_stop();
}

int main(void)
{
	RUN(nothing_is_recorded_while_tracing_is_off);
	RUN(events_are_printed_by_name_with_their_arguments);
	RUN(a_full_ring_forgets_the_oldest);
	RUN(records_of_many_threads_are_whole_even_while_dumped);
	return 0;
}
