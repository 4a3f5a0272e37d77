/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams on a POSIX host: ptys, sockets, files, and the many things that stdin and stdout are. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "char/char.h"
#include "plat/file.h"
#include "plat/thread.h"
#include "plat/time.h"
#include "test.h"

enum { GOT_MAX = 20000 };

struct rig {
	struct loop *loop;
	struct chr *c;
	u8 *got; /* GOT_MAX bytes */
	size_t len, room, want;
	u64 until;
	bool quit;
};

static size_t rig_room(void *dev)
{
	return ((struct rig *)dev)->room;
}

static void rig_input(void *dev, const u8 *buf, size_t len)
{
	struct rig *r = dev;

	CHECK(len <= r->room && r->len + len <= GOT_MAX);
	memcpy(r->got + r->len, buf, len);
	r->len += len;
	r->room -= len;
	if (r->len >= r->want)
		loop_stop(r->loop, 1);
}

static u64 rig_timeout(void *arg)
{
	struct rig *r = arg;
	u64 now = time_now_ns();

	if (now < r->until)
		return r->until - now;
	loop_stop(r->loop, 0);
	return 0;
}

static void rig_quit(void *arg)
{
	struct rig *r = arg;

	r->quit = true;
	loop_stop(r->loop, 2);
}

static void setup(struct rig *r, enum chr_kind kind, const char *path)
{
	struct chr_config cfg = { .kind = kind, .path = path };
	struct chr_user user = { rig_room, rig_input, r };
	struct error err;

	memset(r, 0, sizeof(*r));
	r->got = malloc(GOT_MAX);
	r->room = GOT_MAX;
	r->want = ~(size_t)0;
	CHECK(!loop_create(&r->loop, &err));
	loop_set_timeout(r->loop, rig_timeout, r);
	if (chr_open(&r->c, r->loop, &cfg, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		CHECK(!"opened");
	}
	chr_on_quit(r->c, rig_quit, r);
	chr_attach(r->c, &user);
}

static void teardown(struct rig *r)
{
	chr_close(r->c);
	loop_destroy(r->loop);
	free(r->got);
}

/* Run for @ms, or until @want bytes have come in all. */
static int run_for(struct rig *r, size_t want, unsigned ms)
{
	r->want = want;
	r->until = time_now_ns() + ms * NS_PER_MS;
	return loop_run(r->loop);
}

/* Read exactly @len bytes within two seconds. */
static void expect(int fd, const void *want, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static u8 got[100000];
	size_t at = 0;

	while (at < len) {
		ssize_t n;

		CHECK_EQ(poll(&p, 1, 2000), 1);
		n = read(fd, got + at, len - at);
		CHECK(n > 0);
		at += (size_t)n;
	}
	CHECK(!memcmp(got, want, len));
}

static void all_bytes(u8 *all)
{
	for (unsigned i = 0; i < 256; i++)
		all[i] = (u8)i;
}

static void a_pty_carries_all_bytes_both_ways_and_survives_its_readers(void)
{
	struct rig r;
	u8 all[256];

	all_bytes(all);
	setup(&r, CHR_PTY, NULL);
	CHECK(!strncmp(chr_describe(r.c), "pty /dev/", 9));
	for (unsigned round = 0; round < 2; round++) {
		int fd = open(chr_describe(r.c) + 4, O_RDWR | O_NOCTTY);

		CHECK(fd >= 0);
		r.len = 0;
		CHECK_EQ(write(fd, all, 256), 256);
		CHECK_EQ(run_for(&r, 256, 2000), 1);
		CHECK(!memcmp(r.got, all, 256));
		CHECK_EQ(chr_write(r.c, all, 256), 256);
		run_for(&r, ~(size_t)0, 20);
		expect(fd, all, 256);
		close(fd);
	}
	teardown(&r);
}

static void a_pty_without_a_reader_neither_blocks_nor_spins(void)
{
	static u8 block[100000];
	struct rig r;
	u64 cpu, before = time_now_ns();

	setup(&r, CHR_PTY, NULL);
	for (unsigned i = 0; i < 10; i++)
		chr_write(r.c, block, sizeof(block));
	run_for(&r, ~(size_t)0, 50);
	chr_write(r.c, block, sizeof(block));
	CHECK(chr_dropped(r.c) > 0);
	cpu = process_cpu_ns();
	run_for(&r, ~(size_t)0, 200);
	CHECK(process_cpu_ns() - cpu < 100 * NS_PER_MS);
	teardown(&r);
	CHECK(time_now_ns() - before < 3 * NS_PER_S);
}

static void socket_path(char *path, size_t len)
{
	snprintf(path, len, "/tmp/oriel-test-%d.sock", (int)getpid());
}

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	CHECK(fd >= 0);
	CHECK(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	return fd;
}

static void a_socket_serves_one_client_after_the_other(void)
{
	char path[64];
	int one, two;
	struct rig r;
	u8 all[256];

	all_bytes(all);
	socket_path(path, sizeof(path));
	setup(&r, CHR_SOCKET, path);
	CHECK_EQ(chr_write(r.c, "early", 5), 5);
	run_for(&r, ~(size_t)0, 10);
	one = dial(path);
	run_for(&r, ~(size_t)0, 20);
	expect(one, "early", 5);
	two = dial(path);
	CHECK_EQ(write(two, "two", 3), 3);
	CHECK_EQ(write(one, all, 256), 256);
	run_for(&r, ~(size_t)0, 50);
	CHECK_EQ(r.len, 256);
	CHECK(!memcmp(r.got, all, 256));
	r.len = 0;
	close(one);
	CHECK_EQ(run_for(&r, 3, 2000), 1);
	CHECK(!memcmp(r.got, "two", 3));
	chr_write(r.c, all, 256);
	run_for(&r, ~(size_t)0, 20);
	expect(two, all, 256);
	close(two);
	teardown(&r);
	CHECK(access(path, F_OK) && errno == ENOENT);
}

static void a_client_that_only_stops_sending_still_hears(void)
{
	char path[64];
	struct rig r;
	u64 cpu;
	int fd;

	socket_path(path, sizeof(path));
	setup(&r, CHR_SOCKET, path);
	fd = dial(path);
	CHECK_EQ(write(fd, "cmd", 3), 3);
	CHECK(!shutdown(fd, SHUT_WR));
	CHECK_EQ(run_for(&r, 3, 2000), 1);
	cpu = process_cpu_ns();
	run_for(&r, ~(size_t)0, 100);
	CHECK(process_cpu_ns() - cpu < 50 * NS_PER_MS);
	chr_write(r.c, "answer", 6);
	run_for(&r, ~(size_t)0, 20);
	expect(fd, "answer", 6);
	close(fd);
	/* Its going is noticed though nothing is read or written. */
	run_for(&r, ~(size_t)0, 20);
	fd = dial(path);
	CHECK_EQ(write(fd, "next", 4), 4);
	CHECK_EQ(run_for(&r, 7, 2000), 1);
	close(fd);
	teardown(&r);
}

static void a_client_that_goes_before_the_device_reads_loses_nothing(void)
{
	static u8 in[9000];
	char path[64];
	struct rig r;
	int fd;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 5);
	socket_path(path, sizeof(path));
	setup(&r, CHR_SOCKET, path);
	r.room = 0;
	fd = dial(path);
	CHECK_EQ(write(fd, in, sizeof(in)), sizeof(in));
	close(fd);
	run_for(&r, ~(size_t)0, 20);
	while (r.len < sizeof(in)) {
		r.room = 1000;
		chr_more(r.c);
		CHECK_EQ(run_for(&r, r.len + 1, 2000), 1);
	}
	CHECK(!memcmp(r.got, in, sizeof(in)));
	teardown(&r);
}

static void a_stale_socket_is_replaced_and_a_live_one_refused(void)
{
	struct chr_config cfg = { .kind = CHR_SOCKET };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct error err;
	struct chr *c;
	char path[64];
	struct rig r;
	int fd;

	socket_path(path, sizeof(path));
	cfg.path = path;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	CHECK(!bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	close(fd);
	setup(&r, CHR_SOCKET, path);
	close(dial(path));
	CHECK_EQ(chr_open(&c, r.loop, &cfg, &err), -EADDRINUSE);
	CHECK(strstr(err.msg, "another program listens"));
	/* The refused one did not take the name away. */
	close(dial(path));
	teardown(&r);

	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	CHECK(!loop_create(&r.loop, &err));
	CHECK_EQ(chr_open(&c, r.loop, &cfg, &err), -EEXIST);
	CHECK(!access(path, F_OK));
	unlink(path);
	cfg.path = "/tmp/a/very/very/very/long/path/that/no/socket/can/have/because/sun_path/has/"
		   "but/one/"
		   "hundred/and/eight/bytes.sock";
	CHECK_EQ(chr_open(&c, r.loop, &cfg, &err), -ENAMETOOLONG);
	loop_destroy(r.loop);
}

static void a_file_holds_all_that_was_written_when_it_is_closed(void)
{
	static u8 in[200000], out[200001];
	char path[64];
	struct rig r;
	int fd;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 11);
	snprintf(path, sizeof(path), "/tmp/oriel-test-%d.out", (int)getpid());
	setup(&r, CHR_FILE, path);
	chr_write(r.c, "old", 3);
	teardown(&r);
	setup(&r, CHR_FILE, path);
	CHECK_EQ(chr_write(r.c, in, sizeof(in)), sizeof(in));
	teardown(&r);
	fd = open(path, O_RDONLY);
	CHECK_EQ(read(fd, out, sizeof(out)), sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	close(fd);
	unlink(path);
}

static void a_file_that_cannot_be_written_is_an_error_with_its_path(void)
{
	struct chr_config cfg = { .kind = CHR_FILE, .path = "/tmp" };
	struct loop *loop;
	struct error err;
	struct chr *c;

	CHECK(!loop_create(&loop, &err));
	CHECK_EQ(chr_open(&c, loop, &cfg, &err), -EISDIR);
	CHECK(!strncmp(err.msg, "/tmp: ", 6));
	loop_destroy(loop);
}

static void a_full_disk_costs_output_but_nothing_else(void)
{
	struct rig r;

	setup(&r, CHR_FILE, "/dev/full");
	CHECK_EQ(chr_write(r.c, "lost", 4), 4);
	for (unsigned i = 0; i < 200 && !chr_dropped(r.c); i++)
		time_sleep_ns(5 * NS_PER_MS);
	CHECK_EQ(chr_dropped(r.c), 4);
	teardown(&r);
}

static void the_same_failure_is_told_once(void)
{
	char path[64], *at;
	u8 *text;
	size_t len;
	unsigned times = 0;
	struct error err;
	struct rig r;

	snprintf(path, sizeof(path), "/tmp/oriel-test-%d.log", (int)getpid());
	CHECK(!log_to_file(path));
	setup(&r, CHR_FILE, "/dev/full");
	for (u64 n = 1; n <= 5; n++) {
		CHECK_EQ(chr_write(r.c, "x", 1), 1);
		for (unsigned i = 0; i < 200 && chr_dropped(r.c) < n; i++)
			time_sleep_ns(5 * NS_PER_MS);
		CHECK_EQ(chr_dropped(r.c), n);
	}
	teardown(&r);
	CHECK(!log_to_file(NULL));
	CHECK(!file_load(&text, &len, path, 65536, &err));
	unlink(path);
	for (at = (char *)text; (at = strstr(at, "No space left")) != NULL; at++)
		times++;
	CHECK_EQ(times, 1);
	CHECK(strstr((char *)text, "5 bytes of output were lost in all"));
	free(text);
}

static void a_pipe_that_nobody_reads_does_not_hold_up_the_end(void)
{
	static u8 block[200000];
	char path[64];
	struct rig r;
	u64 before;

	snprintf(path, sizeof(path), "/tmp/oriel-test-%d.fifo", (int)getpid());
	CHECK(!mkfifo(path, 0600));
	before = time_now_ns();
	setup(&r, CHR_FILE, path);
	chr_write(r.c, block, sizeof(block));
	teardown(&r);
	CHECK(time_now_ns() - before < 3 * NS_PER_S);
	unlink(path);
}

/* A child whose stdin and stdout are @in and @out (-1: closed) runs @fn and ends. */
static pid_t spawn(int in, int out, void (*fn)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	if (in >= 0)
		dup2(in, STDIN_FILENO);
	else
		close(STDIN_FILENO);
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	else
		close(STDOUT_FILENO);
	fn();
	_exit(0);
}

/* How the child ended; -1 if it did not within five seconds. */
static int ended(pid_t pid)
{
	int status;

	for (unsigned i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		time_sleep_ns(10 * NS_PER_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static void child_lives_without_input(void)
{
	struct rig r;
	u64 cpu;

	setup(&r, CHR_TTY, NULL);
	run_for(&r, ~(size_t)0, 20);
	cpu = process_cpu_ns();
	CHECK_EQ(run_for(&r, ~(size_t)0, 150), 0);
	CHECK(process_cpu_ns() - cpu < 75 * NS_PER_MS);
	CHECK_EQ(r.len, 0);
	chr_write(r.c, "alive", 5);
	teardown(&r);
}

static void no_stdin_or_an_empty_one_ends_and_spins_nothing(void)
{
	int out[2], null = open("/dev/null", O_RDWR);

	for (int closed = 0; closed < 2; closed++) {
		CHECK(!pipe(out));
		CHECK_EQ(ended(spawn(closed ? -1 : null, out[1], child_lives_without_input)), 0);
		close(out[1]);
		expect(out[0], "alive", 5);
		close(out[0]);
	}
	close(null);
}

static void child_reads_twelve_bytes(void)
{
	struct rig r;

	setup(&r, CHR_TTY, NULL);
	CHECK_EQ(run_for(&r, 12, 2000), 1);
	CHECK(!memcmp(r.got, "hello\001x\001\001\003\r\n", 12));
	CHECK_EQ(run_for(&r, ~(size_t)0, 50), 0);
	teardown(&r);
}

static void pipes_and_files_are_read_unaltered_to_their_end(void)
{
	char path[64];
	int in[2], fd;

	CHECK(!pipe(in));
	CHECK_EQ(write(in[1], "hello\001x\001\001\003\r\n", 12), 12);
	close(in[1]);
	CHECK_EQ(ended(spawn(in[0], STDOUT_FILENO, child_reads_twelve_bytes)), 0);
	close(in[0]);
	snprintf(path, sizeof(path), "/tmp/oriel-test-%d.in", (int)getpid());
	fd = open(path, O_CREAT | O_RDWR, 0600);
	CHECK_EQ(write(fd, "hello\001x\001\001\003\r\n", 12), 12);
	CHECK(!lseek(fd, 0, SEEK_SET));
	CHECK_EQ(ended(spawn(fd, STDOUT_FILENO, child_reads_twelve_bytes)), 0);
	close(fd);
	unlink(path);
}

static void child_writes_much(void)
{
	static u8 block[400000];
	struct rig r;
	u64 before = time_now_ns();

	setup(&r, CHR_TTY, NULL);
	chr_write(r.c, block, sizeof(block));
	CHECK(time_now_ns() - before < NS_PER_S);
	run_for(&r, ~(size_t)0, 50);
	CHECK(chr_dropped(r.c) > 0);
	teardown(&r);
	CHECK(time_now_ns() - before < 3 * NS_PER_S);
}

static void a_reader_that_left_or_sleeps_blocks_nothing(void)
{
	int out[2], null = open("/dev/null", O_RDONLY);

	CHECK(!pipe(out));
	CHECK_EQ(ended(spawn(null, out[1], child_writes_much)), 0);
	close(out[0]);
	CHECK_EQ(ended(spawn(null, out[1], child_writes_much)), 0);
	close(out[1]);
	CHECK_EQ(ended(spawn(null, -1, child_writes_much)), 0);
	close(null);
}

static void only_one_stream_may_have_stdin(void)
{
	struct chr_config cfg = { .kind = CHR_TTY };
	int null = open("/dev/null", O_RDONLY), keep = dup(STDIN_FILENO);
	struct error err;
	struct chr *c;
	struct rig r;

	dup2(null, STDIN_FILENO);
	setup(&r, CHR_TTY, NULL);
	CHECK_EQ(chr_open(&c, r.loop, &cfg, &err), -EBUSY);
	teardown(&r);
	setup(&r, CHR_TTY, NULL);
	teardown(&r);
	dup2(keep, STDIN_FILENO);
	close(keep);
	close(null);
}

struct terminal {
	int master, slave;
	struct termios before;
};

static void terminal_open(struct terminal *t)
{
	char name[64];

	t->master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(t->master >= 0 && !grantpt(t->master) && !unlockpt(t->master));
	CHECK(!ptsname_r(t->master, name, sizeof(name)));
	t->slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(t->slave >= 0);
	CHECK(!tcgetattr(t->slave, &t->before));
	CHECK(t->before.c_lflag & ISIG);
}

static void terminal_close(struct terminal *t)
{
	close(t->slave);
	close(t->master);
}

static bool is_raw(struct terminal *t)
{
	struct termios now;

	CHECK(!tcgetattr(t->slave, &now));
	return !(now.c_lflag & (ISIG | ICANON | ECHO)) && !(now.c_oflag & OPOST);
}

static bool is_restored(struct terminal *t)
{
	struct termios now;

	CHECK(!tcgetattr(t->slave, &now));
	return now.c_lflag == t->before.c_lflag && now.c_iflag == t->before.c_iflag &&
	       now.c_oflag == t->before.c_oflag;
}

static bool soon(bool (*fn)(struct terminal *t), struct terminal *t)
{
	for (unsigned i = 0; i < 200; i++) {
		if (fn(t))
			return true;
		time_sleep_ns(10 * NS_PER_MS);
	}
	return false;
}

/* Echoes what it gets until Ctrl-A x; says in the end how much that was. */
static void child_on_terminal(void)
{
	u64 end = time_now_ns() + 4 * NS_PER_S;
	size_t told = 0;
	struct rig r;

	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	setup(&r, CHR_TTY, NULL);
	while (!r.quit && time_now_ns() < end) {
		run_for(&r, told + 1, 1000);
		chr_write(r.c, r.got + told, r.len - told);
		told = r.len;
	}
	CHECK(r.quit);
	teardown(&r);
	_exit((int)r.len);
}

static void a_terminal_is_raw_and_ends_by_its_escape_alone(void)
{
	struct terminal t;
	int status;
	pid_t pid;

	terminal_open(&t);
	pid = spawn(t.slave, t.slave, child_on_terminal);
	CHECK(soon(is_raw, &t));
	CHECK_EQ(write(t.master, "a\003\032\034\004\r\n\021\023\377", 10), 10);
	expect(t.master, "a\003\032\034\004\r\n\021\023\377", 10);
	CHECK_EQ(write(t.master, "\001\001\001b\001\001x", 7), 7);
	expect(t.master, "\001\001b\001x", 5);
	CHECK_EQ(write(t.master, "\001", 1), 1);
	time_sleep_ns(20 * NS_PER_MS);
	CHECK_EQ(write(t.master, "x", 1), 1);
	status = ended(pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 15);
	CHECK(is_restored(&t));
	terminal_close(&t);
}

static void a_terminal_is_restored_after_a_fatal_signal(void)
{
	static const int signals[] = { SIGTERM, SIGABRT, SIGINT, SIGQUIT };

	for (unsigned i = 0; i < ARRAY_LEN(signals); i++) {
		struct terminal t;
		int status;
		pid_t pid;

		terminal_open(&t);
		pid = spawn(t.slave, t.slave, child_on_terminal);
		CHECK(soon(is_raw, &t));
		CHECK(!kill(pid, signals[i]));
		status = ended(pid);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), signals[i]);
		CHECK(is_restored(&t));
		terminal_close(&t);
	}
}

/* A job in the background of a session whose shell is this child itself. */
static void child_shell(void)
{
	pid_t job;
	int status;

	setsid();
	CHECK(!ioctl(STDIN_FILENO, TIOCSCTTY, 0));
	signal(SIGTTOU, SIG_IGN);
	job = fork();
	CHECK(job >= 0);
	if (!job) {
		u64 cpu = process_cpu_ns();
		struct rig r;

		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		setup(&r, CHR_TTY, NULL);
		run_for(&r, 1, 300);
		CHECK_EQ(r.len, 0);
		CHECK(process_cpu_ns() - cpu < 150 * NS_PER_MS);
		chr_write(r.c, "back", 4);
		/* Brought to the foreground, it reads. */
		CHECK_EQ(run_for(&r, 2, 3000), 1);
		teardown(&r);
		_exit(r.len == 2 ? 0 : 1);
	}
	setpgid(job, job);
	time_sleep_ns(500 * NS_PER_MS);
	CHECK(!tcsetpgrp(STDIN_FILENO, job));
	CHECK_EQ(waitpid(job, &status, 0), job);
	tcsetpgrp(STDIN_FILENO, getpgrp());
	CHECK_EQ(status, 0);
}

static void a_background_job_leaves_the_terminal_alone_until_it_is_in_front(void)
{
	struct terminal t;
	pid_t pid;

	terminal_open(&t);
	pid = spawn(t.slave, t.slave, child_shell);
	expect(t.master, "back", 4);
	CHECK(is_restored(&t));
	CHECK(soon(is_raw, &t));
	CHECK_EQ(write(t.master, "hi", 2), 2);
	CHECK_EQ(ended(pid), 0);
	terminal_close(&t);
}

int main(void)
{
	alarm(25); /* a hang is a failure with a name */
	RUN(a_pty_carries_all_bytes_both_ways_and_survives_its_readers);
	RUN(a_pty_without_a_reader_neither_blocks_nor_spins);
	RUN(a_socket_serves_one_client_after_the_other);
	RUN(a_client_that_only_stops_sending_still_hears);
	RUN(a_client_that_goes_before_the_device_reads_loses_nothing);
	RUN(a_stale_socket_is_replaced_and_a_live_one_refused);
	RUN(a_file_holds_all_that_was_written_when_it_is_closed);
	RUN(a_file_that_cannot_be_written_is_an_error_with_its_path);
	RUN(a_full_disk_costs_output_but_nothing_else);
	RUN(the_same_failure_is_told_once);
	RUN(a_pipe_that_nobody_reads_does_not_hold_up_the_end);
	RUN(only_one_stream_may_have_stdin);
	RUN(no_stdin_or_an_empty_one_ends_and_spins_nothing);
	RUN(pipes_and_files_are_read_unaltered_to_their_end);
	RUN(a_reader_that_left_or_sleeps_blocks_nothing);
	RUN(a_terminal_is_raw_and_ends_by_its_escape_alone);
	RUN(a_terminal_is_restored_after_a_fatal_signal);
	RUN(a_background_job_leaves_the_terminal_alone_until_it_is_in_front);
	return 0;
}
