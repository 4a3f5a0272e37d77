/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/bench/memory.c: memory copied and filled, by the C library and by string instructions. */
#include <stdlib.h>
#include <string.h>

#include "work.h"

enum { SMALL = 16 << 10, LARGE = 1 << 20 };
static u8 from[LARGE], to[LARGE];

static void prepare(void)
{
	make_text(from, LARGE, 5);
	make_text(to, LARGE, 6);
}

static void movs_bytes(void *out, const void *in, size_t len)
{
	__asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(len)::"memory");
}

static void movs_words(void *out, const void *in, size_t len)
{
	len /= 8;
	__asm__ volatile("rep movsq" : "+D"(out), "+S"(in), "+c"(len)::"memory");
}

static void stos_bytes(void *out, int value, size_t len)
{
	__asm__ volatile("rep stosb" : "+D"(out), "+c"(len) : "a"(value) : "memory");
}

static void stos_words(void *out, int value, size_t len)
{
	u64 word = (u64)(u8)value * 0x0101010101010101;

	len /= 8;
	__asm__ volatile("rep stosq" : "+D"(out), "+c"(len) : "a"(word) : "memory");
}

static void by_library(void *out, const void *in, size_t len)
{
	KEEP(len);
	memcpy(out, in, len);
	KEEP_MEMORY();
}

/* @n MiB in pieces. */
static u64 copy(u64 n, size_t len, void (*how)(void *out, const void *in, size_t len))
{
	u64 pieces = n * LARGE / len;

	for (u64 i = 0; i < pieces; i++) {
		from[i % len] = (u8)i;
		how(to, from, len);
		if (to[i % len] != (u8)i)
			wrong("memory: what was copied differs");
	}
	if (memcmp(from, to, len) != 0)
		wrong("memory: what was copied differs");
	return sum_of(to, len);
}

static u64 fill(u64 n, size_t len, void (*how)(void *out, int value, size_t len))
{
	u64 pieces = n * LARGE / len, sum = 0;

	for (u64 i = 0; i < pieces; i++) {
		how(to, (int)(u8)i, len);
		if (to[0] != (u8)i || to[len - 1] != (u8)i || to[i % len] != (u8)i)
			wrong("memory: what was filled differs");
		sum += to[i % len];
	}
	return sum;
}

#define COPY(how)                                                                                  \
	static u64 how##_small(u64 n)                                                              \
	{                                                                                          \
		return copy(n, SMALL, how);                                                        \
	}                                                                                          \
	static u64 how##_large(u64 n)                                                              \
	{                                                                                          \
		return copy(n, LARGE, how);                                                        \
	}
#define FILL(how)                                                                                  \
	static u64 how##_small(u64 n)                                                              \
	{                                                                                          \
		return fill(n, SMALL, how);                                                        \
	}                                                                                          \
	static u64 how##_large(u64 n)                                                              \
	{                                                                                          \
		return fill(n, LARGE, how);                                                        \
	}
COPY(by_library)
COPY(movs_bytes)
COPY(movs_words)
FILL(stos_bytes)
FILL(stos_words)

#define ROW(name, n, how)                                                                          \
	{                                                                                          \
		"mem", name, n, prepare, how                                                       \
	}
const struct row memory_rows[] = {
	ROW("memcpy-16k", 1500, by_library_small),
	ROW("memcpy-1m", 600, by_library_large),
	ROW("movsb-16k", 1500, movs_bytes_small),
	ROW("movsb-1m", 600, movs_bytes_large),
	ROW("movsq-16k", 1500, movs_words_small),
	ROW("movsq-1m", 600, movs_words_large),
	ROW("stosb-16k", 1500, stos_bytes_small),
	ROW("stosb-1m", 1500, stos_bytes_large),
	ROW("stosq-16k", 1500, stos_words_small),
	ROW("stosq-1m", 1500, stos_words_large),
	{ 0 },
};
