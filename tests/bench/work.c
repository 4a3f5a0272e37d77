/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/work.c: pieces of work for comparing processors: integers, memory, floating point,
 * and what an operating system does all day. Static, for x86-64 with SSE2 alone, so that it runs in
 * any guest. For each piece it prints when it begins and ends and a checksum; whoever reads takes
 * the time: in a guest the guest's own clock is not to be trusted.
 *
 *	work [SCALE [NAME]]     SCALE in percent, 100 is some 30 ms of each on a processor of today
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;
#define KEEP(x) __asm__ volatile("" : "+r"(x))

static u32 crc_table[256];

/* CRC-32 of a buffer, a byte at a time: table look-ups and shifts. */
static u64 integer(u64 n)
{
	u32 crc = ~0u;

	for (u32 i = 0; i < 256; i++) {
		crc_table[i] = i;
		for (int k = 0; k < 8; k++)
			crc_table[i] = crc_table[i] >> 1 ^ (crc_table[i] & 1 ? 0xedb88320 : 0);
	}
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

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return (x > y) - (x < y);
}

static u64 sort(u64 n)
{
	u32 *v = malloc(4096 * sizeof(*v)), seed = 1;
	u64 sum = 0;

	for (u64 i = 0; i < n; i++) {
		for (u32 k = 0; k < 4096; k++)
			v[k] = seed = seed * 1664525 + 1013904223;
		qsort(v, 4096, sizeof(*v), by_value);
		sum += v[i & 4095];
	}
	free(v);
	return sum;
}

static u64 sieve(u64 n)
{
	static unsigned char composite[1 << 18];
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

/* Pointers all over 8 MiB, each telling the next. */
static u64 chase(u64 n)
{
	enum { COUNT = 1 << 20 };
	u64 *next = malloc(COUNT * sizeof(*next)), at = 0;

	for (u64 i = 0; i < COUNT; i++)
		next[i] = (i * 1566083941 + 12345) & (COUNT - 1);
	for (u64 i = 0; i < n * 50000; i++)
		at = next[at];
	free(next);
	return at;
}

static u64 copy(u64 n)
{
	static char from[65536], to[65536];
	u64 sum = 0;

	for (u64 i = 0; i < n * 250; i++) {
		from[i & 65535]++;
		memcpy(to, from, sizeof(to));
		__asm__ volatile("" ::: "memory");
		sum += (u64)to[i & 65535];
	}
	return sum;
}

static u64 bits_of(double d)
{
	u64 u;

	memcpy(&u, &d, sizeof(u));
	return u;
}

static u64 scalar_fp(u64 n)
{
	double x = 0.1, y = 0.2, z = 0.3;

	for (u64 i = 0; i < n * 20000; i++) {
		double dx = 10 * (y - x), dy = x * (28 - z) - y, dz = x * y - z * (8.0 / 3);

		x += dx * 0.001;
		y += dy * 0.001;
		z += dz * 0.001;
	}
	return bits_of(x + y + z);
}

static u64 vector_fp(u64 n)
{
	static double a[64][64], b[64][64], c[64][64];
	double sum = 0;

	for (int i = 0; i < 64; i++)
		for (int j = 0; j < 64; j++)
			a[i][j] = (i + j) % 7, b[i][j] = (i * j) % 5;
	for (u64 r = 0; r < n; r++) {
		for (int i = 0; i < 64; i++)
			for (int k = 0; k < 64; k++)
				for (int j = 0; j < 64; j++)
					c[i][j] += a[i][k] * b[k][j];
		sum += c[r & 63][63];
	}
	return bits_of(sum);
}

static u64 x87(u64 n)
{
	long double x = 0.5L;
	double d;

	for (u64 i = 0; i < n * 20000; i++)
		x = x * 3.5L * (1.0L - x) + 0.01L;
	d = (double)x;
	return bits_of(d);
}

static u64 syscalls(u64 n)
{
	u64 sum = 0;

	for (u64 i = 0; i < n * 2000; i++)
		sum += syscall(SYS_getppid) == -1;
	return sum;
}

static u64 faults(u64 n)
{
	enum { LEN = 512 * 4096 };
	u64 sum = 0;

	for (u64 r = 0; r < (n + 3) / 4; r++) {
		char *p =
			mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(p, LEN, MADV_NOHUGEPAGE);
		for (u32 i = 0; i < LEN; i += 4096)
			p[i] = 1;
		sum += (u64)p[LEN / 2];
		munmap(p, LEN);
	}
	return sum;
}

static u64 forks(u64 n)
{
	u64 sum = 0;

	for (u64 i = 0; i < n * 2; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			_exit(1);
		waitpid(pid, &status, 0);
		sum += (u64)WEXITSTATUS(status);
	}
	return sum;
}

static u64 pipes(u64 n)
{
	int there[2], back[2];
	u64 sum = 0;
	char byte = 1;

	if (pipe(there) || pipe(back))
		exit(1);
	if (fork() == 0) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			if (write(back[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	close(there[0]);
	for (u64 i = 0; i < n * 50; i++)
		if (write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1)
			sum += (u64)byte;
	close(there[1]);
	wait(NULL);
	return sum;
}

static const struct {
	const char *name;
	u64 (*run)(u64 n);
	u64 n; /* at scale 100 */
} work[] = {
	{ "integer", integer, 100 },     { "calls", calls, 1200 },        { "sort", sort, 80 },
	{ "sieve", sieve, 40 },          { "chase", chase, 60 },          { "copy", copy, 20 },
	{ "scalar-fp", scalar_fp, 240 }, { "vector-fp", vector_fp, 200 }, { "x87", x87, 150 },
	{ "syscalls", syscalls, 60 },    { "faults", faults, 60 },        { "forks", forks, 20 },
	{ "pipes", pipes, 60 },
};

int main(int argc, char **argv)
{
	u64 scale = argc > 1 ? 0 : 100;

	for (const char *d = argc > 1 ? argv[1] : ""; *d >= '0' && *d <= '9'; d++)
		scale = scale * 10 + (u64)(*d - '0');
	for (size_t i = 0; i < sizeof(work) / sizeof(work[0]); i++) {
		u64 n = (work[i].n * scale + 99) / 100, sum;

		if (argc > 2 && strcmp(argv[2], work[i].name) != 0)
			continue;
		printf("work: begin %s\n", work[i].name);
		fflush(stdout);
		sum = work[i].run(n);
		printf("work: end %s %016llx\n", work[i].name, (unsigned long long)sum);
		fflush(stdout);
	}
	return 0;
}
