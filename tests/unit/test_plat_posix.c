/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only a POSIX host has: signals, kicks, pipes in place of files, symbolic links. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plat/file.h"
#include "plat/map.h"
#include "plat/signals.h"
#include "plat/thread.h"
#include "plat/time.h"
#include "test.h"

struct rig {
	struct loop *loop;
	unsigned got[3];
	u64 until;
};

static void on_quit(void *arg, enum quit_signal s)
{
	struct rig *r = arg;

	r->got[s]++;
	if (s == QUIT_TERMINATE)
		loop_stop(r->loop, 9);
}

static void signals_arrive_on_the_loop(void)
{
	struct rig r = { 0 };
	struct error err;

	signal(SIGHUP, SIG_IGN);
	CHECK(!loop_create(&r.loop, &err));
	CHECK(!signals_watch(r.loop, on_quit, &r, &err));
	kill(getpid(), SIGHUP);
	CHECK(!signals_waiting());
	kill(getpid(), SIGINT);
	CHECK(signals_waiting());
	kill(getpid(), SIGPIPE);
	kill(getpid(), SIGTERM);
	CHECK_EQ(loop_run(r.loop), 9);
	CHECK(!signals_waiting());
	CHECK_EQ(r.got[QUIT_INTERRUPT], 1);
	CHECK_EQ(r.got[QUIT_TERMINATE], 1);
	/* It was ignored when we began (nohup) and still is. */
	CHECK_EQ(r.got[QUIT_HANGUP], 0);
	loop_destroy(r.loop);
}

struct sleeper {
	int fd;
	int error;
	bool done;
};

static void block_in_read(void *arg)
{
	struct sleeper *s = arg;
	char c;

	s->error = read(s->fd, &c, 1) < 0 ? errno : 0;
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
}

static void a_kick_interrupts_a_blocking_call(void)
{
	struct sleeper s = { 0 };
	struct thread *t;
	struct error err;
	int p[2];

	CHECK(!pipe(p));
	s.fd = p[0];
	CHECK(!thread_start(&t, "sleeper", block_in_read, &s, &err));
	while (!__atomic_load_n(&s.done, __ATOMIC_ACQUIRE)) {
		thread_kick(t);
		time_sleep_ns(NS_PER_MS);
	}
	thread_kick(t);
	thread_join(t);
	CHECK_EQ(s.error, EINTR);
	close(p[0]);
	close(p[1]);
}

/* A signal to the process, blocked by the main thread, waits for it whatever threads there are. */
static void other_threads_take_no_signals(void)
{
	struct sleeper s = { 0 };
	struct thread *t;
	struct error err;
	sigset_t usr1;
	int p[2], got;

	CHECK(!pipe(p));
	s.fd = p[0];
	CHECK(!thread_start(&t, "sleeper", block_in_read, &s, &err));
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK(!pthread_sigmask(SIG_BLOCK, &usr1, NULL));
	CHECK(!kill(getpid(), SIGUSR1)); /* the default would end us */
	time_sleep_ns(5 * NS_PER_MS);
	CHECK(!sigwait(&usr1, &got) && got == SIGUSR1);
	CHECK(!pthread_sigmask(SIG_UNBLOCK, &usr1, NULL));
	CHECK(write(p[1], "x", 1) == 1);
	thread_join(t);
	CHECK_EQ(s.error, 0);
	close(p[0]);
	close(p[1]);
}

/* Run @fn in a child process; it must end well. */
static void in_child(void (*fn)(void))
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (!child) {
		fn();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void write_too_much(void)
{
	const struct rlimit limit = { 4096, 4096 };
	static const u8 bytes[8192];
	struct rig r = { 0 };
	struct error err;
	struct file *f;

	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK(!loop_create(&r.loop, &err));
	CHECK(!signals_watch(r.loop, on_quit, &r, &err));
	CHECK(!file_open(&f, "test_plat_posix_limit", FILE_WRITE | FILE_CREATE, &err));
	CHECK_EQ(file_write(f, bytes, sizeof(bytes), 0), -EFBIG);
	file_close(f);
	file_remove("test_plat_posix_limit");
}

static void a_limit_on_file_sizes_is_an_error_and_no_end(void)
{
	in_child(write_too_much);
}

static void on_pipe(void *arg, unsigned events)
{
	unsigned *got = arg;

	*got |= events;
}

static u64 at_once(void *arg)
{
	loop_stop(arg, 0);
	return 10 * NS_PER_MS;
}

static void a_hang_up_comes_with_what_was_asked_for(void)
{
	struct loop_source *src;
	struct loop *loop;
	struct error err;
	unsigned got = 0;
	int p[2];

	CHECK(!pipe(p));
	CHECK(!loop_create(&loop, &err));
	loop_set_timeout(loop, at_once, loop);
	CHECK(!loop_watch(&src, loop, p[0], 0, on_pipe, &got, &err));
	close(p[1]);
	loop_run(loop);
	CHECK_EQ(got, 0);
	loop_rewatch(src, LOOP_READ);
	loop_run(loop);
	CHECK_EQ(got, LOOP_READ | LOOP_HANGUP);
	got = 0;
	loop_rewatch(src, LOOP_HANGUP);
	loop_run(loop);
	CHECK_EQ(got, LOOP_HANGUP);
	loop_unwatch(src);
	loop_destroy(loop);
	close(p[0]);
}

static void what_epoll_refuses_is_always_ready(void)
{
	int fd = open("/dev/null", O_RDWR);
	struct loop_source *src;
	struct loop *loop;
	struct error err;
	unsigned got = 0;

	CHECK(!loop_create(&loop, &err));
	loop_set_timeout(loop, at_once, loop);
	CHECK(!loop_watch(&src, loop, fd, LOOP_READ, on_pipe, &got, &err));
	loop_run(loop);
	CHECK_EQ(got, LOOP_READ);
	got = 0;
	loop_rewatch(src, 0);
	loop_run(loop);
	CHECK_EQ(got, 0);
	loop_rewatch(src, LOOP_WRITE);
	loop_unwatch(src);
	loop_run(loop);
	CHECK_EQ(got, 0);
	CHECK_EQ(loop_watch(&src, loop, 9999, LOOP_READ, on_pipe, &got, &err), -EBADF);
	loop_destroy(loop);
	close(fd);
}

/* A name of our own in the working directory; nothing stands there. */
static void fresh(char *buf, size_t len, const char *what)
{
	snprintf(buf, len, "oriel-test-%d-%s", (int)getpid(), what);
	unlink(buf);
}

static void pipes_devices_and_sockets_are_no_files(void)
{
	struct error err = { 0 };
	struct file *f;
	char path[64];

	fresh(path, sizeof(path), "fifo");
	CHECK(!mkfifo(path, 0600));
	CHECK_EQ(file_open(&f, path, FILE_READ, &err), -EINVAL);
	CHECK(strstr(err.msg, "a pipe"));
	CHECK_EQ(file_open(&f, path, FILE_WRITE, &err), -EINVAL);
	unlink(path);
	CHECK_EQ(file_open(&f, "/dev/null", FILE_READ, &err), -EINVAL);
	CHECK(strstr(err.msg, "character device"));
}

static void saving_follows_links_and_keeps_permissions(void)
{
	struct error err = { 0 };
	char target[64], alias[64];
	struct stat st;
	size_t len;
	u8 *data;

	fresh(target, sizeof(target), "target");
	fresh(alias, sizeof(alias), "link");
	CHECK(!file_save(target, "old", 3, &err));
	CHECK(!chmod(target, 0640));
	CHECK(!symlink(target, alias));
	CHECK(!file_save(alias, "new", 3, &err));
	CHECK(!lstat(alias, &st) && S_ISLNK(st.st_mode));
	CHECK(!lstat(target, &st) && S_ISREG(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0640);
	CHECK(!file_load(&data, &len, target, 100, &err));
	CHECK(!memcmp(data, "new", 3));
	free(data);
	unlink(alias);
	unlink(target);
	CHECK(!file_save("/dev/null", "x", 1, &err));
	CHECK(!stat("/dev/null", &st) && S_ISCHR(st.st_mode));
	/* The kernel tells no size of these. */
	CHECK(!file_load(&data, &len, "/proc/self/status", 1 << 20, &err));
	CHECK(len > 100 && strstr((char *)data, "Pid:"));
	free(data);
	CHECK_EQ(file_load(&data, &len, "/proc/self/status", 10, &err), -EFBIG);
}

static void closed_standard_streams_are_not_taken_by_files(void)
{
	struct error err = { 0 };
	struct file *f;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		close(0);
		close(1);
		if (file_open(&f, "/proc/self/exe", FILE_READ, &err) || file_handle(f) <= 2)
			_exit(1);
		file_open_std();
		_exit(fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void guest_memory_begins_like_a_huge_page_and_ends_at_a_guard(void)
{
	struct map m = { 0 };
	struct error err;
	int status;
	pid_t pid;

	for (u64 size = MIB(2); size <= MIB(8); size += MIB(3)) {
		CHECK(!map_create(&m, size, 0, "test", &err));
		CHECK_EQ((uintptr_t)m.at % MIB(2), 0);
		((u8 *)m.at)[size - 1] = 1;
		fflush(stdout);
		pid = fork();
		CHECK(pid >= 0);
		if (!pid) {
			close(2); /* a sanitizer would complain */
			((volatile u8 *)m.at)[size] = 1;
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(status != 0);
		map_destroy(&m);
	}
}

static void what_the_host_lacks_is_not_taken_at_once(void)
{
	struct map m = { 0 };
	struct error err;

	/* More than any address space: without the check it would fail in other words. */
	CHECK_EQ(map_create(&m, GIB(1) << 17, MAP_PREFAULT, "test", &err), -ENOMEM);
	CHECK(strstr(err.msg, "cannot be taken at once, the host has"));
	CHECK(!m.at);
}

static bool is_map(void *arg, const void *at)
{
	return arg && at == ((struct map *)arg)->at;
}

static void resident_memory_is_counted_without_what_is_named(void)
{
	struct map m = { 0 };
	struct error err;
	u64 all, rest;

	CHECK(!map_create(&m, MIB(8), MAP_NO_THP, "test", &err));
	memset(m.at, 1, MIB(4));
	all = process_rss_but(is_map, NULL);
	rest = process_rss_but(is_map, &m);
	CHECK(rest > KIB(200) && all > rest);
	/* Fault-around may add some; a sanitizer's heap grows between the two. */
	CHECK(all - rest >= MIB(4) - KIB(256) && all - rest <= MIB(8));
	map_destroy(&m);
}

int main(void)
{
	alarm(20);
	RUN(signals_arrive_on_the_loop);
	RUN(other_threads_take_no_signals);
	RUN(a_limit_on_file_sizes_is_an_error_and_no_end);
	RUN(a_kick_interrupts_a_blocking_call);
	RUN(a_hang_up_comes_with_what_was_asked_for);
	RUN(what_epoll_refuses_is_always_ready);
	RUN(pipes_devices_and_sockets_are_no_files);
	RUN(saving_follows_links_and_keeps_permissions);
	RUN(guest_memory_begins_like_a_huge_page_and_ends_at_a_guard);
	RUN(what_the_host_lacks_is_not_taken_at_once);
	RUN(resident_memory_is_counted_without_what_is_named);
	RUN(closed_standard_streams_are_not_taken_by_files);
	return 0;
}
