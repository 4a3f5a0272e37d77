/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/work.c: does pieces of work, one row at a time, for whoever measures them.
 *
 *	work                  what lines on standard input say; in a guest they come from its host
 *	work WHAT [SCALE] [RUNS]
 *	                      a row, a set or all; SCALE in percent
 *	work list             names them
 *
 * Lines are "prepare ROW SCALE", answered with "work: ready ROW", then any number of "run", each
 * answered with "work: done CHECKSUM MICROSECONDS", CPU time as the kernel below sees it; and
 * "quit". Whoever measures a guest takes the time outside, while the guest waits for a line.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "work.h"

static u64 empty(u64 count)
{
	return count;
}

/* What a run costs that does nothing: wake-up and answer. */
static const struct row empty_rows[] = { { "none", "empty", 100, NULL, empty }, { 0 } };

static const struct row *const all_rows[] = {
	empty_rows, pack_rows,   script_rows, small_rows,
	float_rows, memory_rows, event_rows,  two_rows,
};
enum { FILES = sizeof(all_rows) / sizeof(all_rows[0]) };

void wrong(const char *what)
{
	printf("work: wrong %s\n", what);
}

u64 sum_of(const void *bytes, size_t len)
{
	u64 sum = 0xcbf29ce484222325, word;
	size_t at = 0;

	for (; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, (const u8 *)bytes + at, sizeof(word));
		sum = (sum ^ word) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	for (; at < len; at++)
		sum = (sum ^ ((const u8 *)bytes)[at]) * 0x100000001b3;
	return sum;
}

void make_text(u8 *out, size_t len, u32 seed)
{
	enum { WORDS = 1024 };
	static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz";
	u8 word[WORDS][10];

	for (u32 i = 0; i < WORDS; i++) {
		word[i][0] = (u8)(1 + next_random(&seed) % 9);
		for (u32 k = 1; k <= word[i][0]; k++) {
			u32 a = next_random(&seed) % 26, b = next_random(&seed) % 26;

			word[i][k] = (u8)letters[a < b ? a : b];
		}
	}
	for (size_t at = 0; at < len;) {
		/* A few words are used often, most of them seldom. */
		u32 a = next_random(&seed) % WORDS, b = next_random(&seed) % WORDS;
		const u8 *w = word[a * b / WORDS];

		for (u32 k = 1; k <= w[0] && at < len; k++)
			out[at++] = w[k];
		if (at < len)
			out[at++] = next_random(&seed) % 12 ? ' ' : '\n';
	}
}

static u64 cpu_us(void)
{
	u64 us = 0;

	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
		struct rusage r;

		getrusage(who, &r);
		us += (u64)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
		      (u64)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
	}
	return us;
}

static void run(const struct row *row, u64 scale)
{
	u64 count = (row->count * scale + 99) / 100, before = cpu_us(), sum = row->run(count);

	printf("work: done %016llx %llu\n", (unsigned long long)sum,
	       (unsigned long long)(cpu_us() - before));
	fflush(stdout);
}

static void ready(const struct row *row)
{
	if (row->prepare)
		row->prepare();
	printf("work: ready %s\n", row->name);
	fflush(stdout);
}

static void list(void)
{
	for (int i = 0; i < FILES; i++)
		for (const struct row *r = all_rows[i]; r->name; r++)
			printf("work: row %s %s\n", r->set, r->name);
}

static const struct row *find(const char *name)
{
	for (int i = 0; i < FILES; i++)
		for (const struct row *r = all_rows[i]; r->name; r++)
			if (strcmp(r->name, name) == 0)
				return r;
	return NULL;
}

static u64 number(const char *digits, u64 otherwise)
{
	u64 n = 0;

	if (!digits || !*digits)
		return otherwise;
	for (; *digits >= '0' && *digits <= '9' && n < 1000000; digits++)
		n = n * 10 + (u64)(*digits - '0');
	return n;
}

/* The guest's console neither echoes nor edits. */
static void make_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t))
		return;
	t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static int serve(void)
{
	const struct row *row = NULL;
	char line[128];
	u64 scale = 100;

	make_raw();
	printf("work: waiting\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest, *word = strtok_r(line, " \r\n", &rest);

		if (!word)
			continue;
		if (strcmp(word, "quit") == 0)
			break;
		if (strcmp(word, "run") == 0 && row)
			run(row, scale);
		if (strcmp(word, "prepare") == 0) {
			word = strtok_r(NULL, " \r\n", &rest);
			row = word ? find(word) : NULL;
			scale = number(strtok_r(NULL, " \r\n", &rest), 100);
			if (row)
				ready(row);
			else
				wrong("row: there is none of this name");
		}
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool found = false;
	u64 scale = number(argc > 2 ? argv[2] : NULL, 100),
	    runs = number(argc > 3 ? argv[3] : NULL, 1);

	if (argc < 2)
		return serve();
	if (strcmp(argv[1], "nothing") == 0) /* what the row "exec" executes */
		return 0;
	if (strcmp(argv[1], "list") == 0) {
		list();
		return 0;
	}
	for (int i = 0; i < FILES; i++) {
		for (const struct row *r = all_rows[i]; r->name; r++) {
			if (strcmp(argv[1], "all") && strcmp(argv[1], r->set) &&
			    strcmp(argv[1], r->name))
				continue;
			found = true;
			ready(r);
			for (u64 k = 0; k < runs; k++)
				run(r, scale);
		}
	}
	return found ? 0 : 2;
}
