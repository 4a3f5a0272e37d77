/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/work.h: rows of work for comparing processors. A row is prepared once, then run some
 * times; each run does the same and yields the same number, so that a wrong processor is seen.
 * What is written here is for x86-64 with SSE2 alone; libraries choose for themselves.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

struct row {
	const char *set, *name;
	u64 count;             /* at scale 100, some 30 ms on a processor of today */
	void (*prepare)(void); /* what does not count; may be absent */
	u64 (*run)(u64 count);
};

/* All rows, by files; the last of each has no name. */
extern const struct row pack_rows[];   /* set int: compressors */
extern const struct row script_rows[]; /* set int: interpreter, data base, a mix of small things */
extern const struct row small_rows[];  /* set small: one thing each */
extern const struct row float_rows[];  /* set fp */
extern const struct row memory_rows[]; /* set mem */
extern const struct row event_rows[];  /* set sys */
extern const struct row two_rows[];    /* set two: NAME-1 with one process, NAME-2 with two */

/* Say that a result is not what it must be. */
void wrong(const char *what);

/* Fill @out with @len bytes that look like prose; the same ones for the same @seed. */
void make_text(u8 *out, size_t len, u32 seed);

/* A checksum of bytes (FNV-1a, 64 bits, eight bytes at a time). */
u64 sum_of(const void *bytes, size_t len);

/* The next number of a linear congruential generator. */
static inline u32 next_random(u32 *seed)
{
	return (*seed = *seed * 1664525 + 1013904223) >> 8;
}

/* The mix of lists, matrices, a state machine and checksums, @count times. */
u64 mix(u64 count);

/* Keep the compiler from knowing what @x is. */
#define KEEP(x) __asm__ volatile("" : "+r"(x))
/* ... or what is in memory. */
#define KEEP_MEMORY() __asm__ volatile("" ::: "memory")
