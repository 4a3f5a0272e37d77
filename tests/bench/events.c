/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/events.c: what an operating system does all day: system calls, faults, processes.
 * Where two processes take turns they share a processor, so that each turn is a switch.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

enum { PAGE = 4096 };

static void on_processor(int number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)number, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static u64 syscalls(u64 n)
{
	u64 sum = 0;

	for (u64 i = 0; i < n * 1000; i++)
		sum += syscall(SYS_getppid) > -1;
	return sum;
}

/* Memory that nobody has touched, a page at a time. */
static u64 touch(u64 pages, u64 times)
{
	u64 sum = 0;

	for (u64 r = 0; r < times; r++) {
		u8 *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			wrong("events: no memory");
			return 0;
		}
		madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
		for (u64 i = 0; i < pages; i++) {
			sum += p[i * PAGE]++;
			sum += p[i * PAGE];
		}
		munmap(p, pages * PAGE);
	}
	return sum;
}

static u64 faults(u64 n)
{
	return touch(512, n);
}

static u64 maps(u64 n)
{
	return touch(4, n * 20);
}

static u64 child_of(pid_t pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		wrong("events: a process is missing");
	return (u64)WEXITSTATUS(status);
}

static u64 forks(u64 n)
{
	u64 sum = 0;

	for (u64 i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit((int)(i & 7));
		sum += child_of(pid);
	}
	return sum;
}

static u64 execs(u64 n)
{
	char *const argv[] = { (char[]){ "work" }, (char[]){ "nothing" }, NULL };
	u64 sum = 0;

	for (u64 i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execv("/proc/self/exe", argv);
			_exit(1);
		}
		sum += child_of(pid) == 0;
	}
	return sum;
}

static void echo(int in, int out)
{
	u8 byte;

	while (read(in, &byte, 1) == 1) {
		byte++;
		if (write(out, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

/* A byte goes through a pipe to another process and comes back through a second one. */
static u64 pipes(u64 n)
{
	int there[2], back[2];
	u64 sum = 0;
	pid_t pid;
	u8 byte = 0;

	if (pipe(there) || pipe(back)) {
		wrong("events: no pipe");
		return 0;
	}
	on_processor(0);
	pid = fork();
	if (pid == 0) {
		close(there[1]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	for (u64 i = 0; i < n * 10; i++) {
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) {
			wrong("events: a pipe is closed");
			break;
		}
		sum += byte;
	}
	close(there[1]);
	child_of(pid);
	close(back[0]);
	close(back[1]);
	return sum;
}

static void take_turns(volatile u32 *turn, u32 mine, u64 turns)
{
	for (u64 i = 0; i < turns; i++) {
		while (*turn % 2 != mine)
			sched_yield();
		(*turn)++;
	}
}

/* Two processes that yield to each other. */
static u64 switches(u64 n)
{
	volatile u32 *turn =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 sum;
	pid_t pid;

	if (turn == MAP_FAILED) {
		wrong("events: no memory");
		return 0;
	}
	on_processor(0);
	pid = fork();
	if (pid == 0) {
		take_turns(turn, 1, n * 10);
		_exit(0);
	}
	take_turns(turn, 0, n * 10);
	child_of(pid);
	sum = *turn;
	munmap((void *)(uintptr_t)turn, PAGE);
	return sum;
}

const struct row event_rows[] = {
	{ "sys", "syscall", 300, NULL, syscalls }, { "sys", "fault", 30, NULL, faults },
	{ "sys", "mmap", 100, NULL, maps },        { "sys", "fork", 50, NULL, forks },
	{ "sys", "exec", 30, NULL, execs },        { "sys", "pipe", 400, NULL, pipes },
	{ "sys", "switch", 1500, NULL, switches }, { 0 },
};

/* The same in one process, or in two at once, each on a processor of its own. */
static u64 at_once(u64 (*what)(u64 count), u64 count, int processes)
{
	pid_t pid[2];
	u64 sum = 0;

	for (int i = 0; i < processes; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			on_processor(i);
			_exit((int)(what(count) & 0x7f));
		}
	}
	for (int i = 0; i < processes; i++)
		sum = sum * 256 + child_of(pid[i]);
	return sum;
}

static u64 busy1(u64 n)
{
	return at_once(mix, n, 1);
}
static u64 busy2(u64 n)
{
	return at_once(mix, n, 2);
}
static u64 kernel1(u64 n)
{
	return at_once(faults, n, 1);
}
static u64 kernel2(u64 n)
{
	return at_once(faults, n, 2);
}

const struct row two_rows[] = {
	{ "two", "busy-1", 1500, NULL, busy1 },
	{ "two", "busy-2", 1500, NULL, busy2 },
	{ "two", "kernel-1", 60, NULL, kernel1 },
	{ "two", "kernel-2", 60, NULL, kernel2 },
	{ 0 },
};
