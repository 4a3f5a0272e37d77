/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/bench/small.c: loops that show one thing each, to see where a difference comes from. */
#include <stdlib.h>
#include <string.h>

#include "work.h"

static u32 crc_table[256];

static void crc_prepare(void)
{
	for (u32 i = 0; i < 256; i++) {
		crc_table[i] = i;
		for (int k = 0; k < 8; k++)
			crc_table[i] = crc_table[i] >> 1 ^ (crc_table[i] & 1 ? 0xedb88320 : 0);
	}
}

/* CRC-32, a byte at a time: table look-ups and shifts, each waiting for the one before. */
static u64 crc(u64 n)
{
	u32 crc = ~0u;

	for (u64 i = 0; i < n * 100000; i++)
		crc = crc_table[(crc ^ (u32)i) & 0xff] ^ crc >> 8;
	return crc;
}

static u64 fib_of(u32 n)
{
	return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2);
}

static u64 calls(u64 n)
{
	u64 sum = 0;
	u32 depth = 20;

	for (u64 i = 0; i < n * 4; i++) {
		KEEP(depth);
		sum += fib_of(depth);
	}
	return sum;
}

static u64 add1(u64 x)
{
	return x + 1;
}
static u64 twice(u64 x)
{
	return x * 2;
}
static u64 flip(u64 x)
{
	return ~x;
}
static u64 halve(u64 x)
{
	return x >> 1;
}

/* Calls through pointers that chance chooses. */
static u64 indirect(u64 n)
{
	static u64 (*const function[])(u64 x) = { add1, twice, flip, halve };
	u64 x = 1;
	u32 seed = 1;

	for (u64 i = 0; i < n * 10000; i++)
		x = function[next_random(&seed) & 3](x);
	return x;
}

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

static u64 sort(u64 n)
{
	static u32 v[4096];
	u32 seed = 1;
	u64 sum = 0;

	for (u64 i = 0; i < n; i++) {
		for (u32 k = 0; k < 4096; k++)
			v[k] = next_random(&seed);
		qsort(v, 4096, sizeof(*v), by_value);
		sum += v[i & 4095];
	}
	return sum;
}

static u64 sieve(u64 n)
{
	static u8 composite[1 << 18];
	u64 primes = 0;

	for (u64 r = 0; r < n; r++) {
		memset(composite, 0, sizeof(composite));
		for (u32 i = 2; i < sizeof(composite); i++) {
			if (composite[i])
				continue;
			primes++;
			for (u32 k = 2 * i; k < sizeof(composite); k += i)
				composite[k] = 1;
		}
	}
	return primes;
}

enum { LINKS = 1 << 20 };
static u64 links[LINKS];

static void chase_prepare(void)
{
	for (u64 i = 0; i < LINKS; i++)
		links[i] = (i * 1566083941 + 12345) & (LINKS - 1);
}

/* Pointers all over 8 MiB, each telling the next: page table and TLB. */
static u64 chase(u64 n)
{
	u64 at = 0;

	for (u64 i = 0; i < n * 50000; i++)
		at = links[at];
	return at;
}

/* Divisions, wide multiplications, bit scans and rotations. */
static u64 arithmetic(u64 n)
{
	u64 x = 0x123456789abcdef, sum = 0;

	for (u64 i = 1; i <= n * 10000; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		sum += (x >> 20) / (i | 1) + (u64)__builtin_ctzll(x | 1ull << 63);
		sum = (sum << 13 | sum >> 51) ^ (u64)((unsigned __int128)x * sum >> 64);
	}
	return sum;
}

const struct row small_rows[] = {
	{ "small", "crc", 150, crc_prepare, crc },
	{ "small", "calls", 1300, NULL, calls },
	{ "small", "indirect", 1300, NULL, indirect },
	{ "small", "sort", 110, NULL, sort },
	{ "small", "sieve", 60, NULL, sieve },
	{ "small", "chase", 15, chase_prepare, chase },
	{ "small", "arithmetic", 1500, NULL, arithmetic },
	{ 0 },
};
