/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How "oriel run" ends: its exit codes, on the fake backend. */
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"
#include "vm_rig.h"

/* What cli/main.c has and cli/run.c calls. */
int cli_fail(const struct error *err)
{
	fprintf(stderr, "%s\n", err->msg);
	return CODE_ERROR;
}

int cli_print(struct str *out)
{
	str_free(out);
	return CODE_OK;
}

const char *cli_firmware_dir(void)
{
	return NULL;
}

bool cli_wants_help(int argc, const char *const *argv)
{
	return false;
}

int cmd_help(int argc, const char *const *argv)
{
	return CODE_OK;
}

int cmd_version(int argc, const char *const *argv)
{
	return CODE_OK;
}

/* The linker sends calls of file_flush() here: the host's disk, which may have gone. */
int __real_file_flush(struct file *f);
int __wrap_file_flush(struct file *f);
static bool disk_gone; /* atomic */

int __wrap_file_flush(struct file *f)
{
	return __atomic_load_n(&disk_gone, __ATOMIC_ACQUIRE) ? -EIO : __real_file_flush(f);
}

static struct vm_rig rig;

/* Run a machine whose vCPU takes @step again and again; one more argument, or NULL. */
static int run_with(enum run_result (*step)(struct fake_cpu *c), const char *more)
{
	const char *argv[8] = { "--firmware", NULL, "--nvram", NULL, "--memory", "size=64M", more };
	int code;

	rig_begin(&rig, "test_run", 1);
	argv[1] = rig.cfg.firmware;
	argv[3] = rig.cfg.nvram;
	fake.step = step;
	code = cmd_run(more ? 7 : 6, argv);
	rig_end(&rig);
	return code;
}

static void out(struct fake_cpu *c, u16 port, unsigned size, u64 v)
{
	io_write_vcpu(fake_machine(c), IO_PORT, port, size, v);
}

static enum run_result power_off(struct fake_cpu *c)
{
	out(c, 0xcf8, 4, 0x8000f840);
	out(c, 0xcfc, 4, 0x601); /* PMBASE */
	out(c, 0xcf8, 4, 0x8000f844);
	out(c, 0xcfc, 1, 0x80); /* ACPI_EN */
	out(c, 0x604, 2, 0x2000);
	return RUN_AGAIN;
}

/* A variable changes: one byte is programmed. Then the end, before it was written back. */
static enum run_result write_and_power_off(struct fake_cpu *c)
{
	gpa_t at = GIB(4) - MIB(1) + RIG_VARS - 1;

	io_write_vcpu(fake_machine(c), IO_MMIO, at, 1, 0x10);
	io_write_vcpu(fake_machine(c), IO_MMIO, at, 1, 0x00);
	__atomic_store_n(&disk_gone, true, __ATOMIC_RELEASE);
	return power_off(c);
}

static enum run_result reset(struct fake_cpu *c)
{
	out(c, 0xcf9, 1, 6);
	return RUN_AGAIN;
}

static enum run_result triple_fault(struct fake_cpu *c)
{
	return RUN_SHUTDOWN;
}

static enum run_result ignore_the_button(struct fake_cpu *c)
{
	kill(getpid(), SIGTERM);
	time_sleep_ns(NS_PER_MS);
	return RUN_AGAIN;
}

/* It is done, whatever becomes of the machine after that; only the low bits travel. */
static enum run_result tests_done(struct fake_cpu *c)
{
	out(c, 0xf4, 4, 0x12345621);
	out(c, 0xcf9, 1, 6);
	return RUN_SHUTDOWN;
}

static enum run_result never(struct fake_cpu *c)
{
	CHECK(!"it runs");
	return RUN_ERROR;
}

static void each_end_has_its_code(void)
{
	CHECK_EQ(run_with(power_off, NULL), CODE_OK);
	CHECK_EQ(run_with(power_off, "--stats"), CODE_OK);
	CHECK_EQ(run_with(reset, "--no-reboot"), CODE_RESET);
	CHECK_EQ(run_with(triple_fault, NULL), CODE_CRASHED);
	CHECK_EQ(run_with(power_off, "--nonsense"), CODE_ERROR);
}

static void a_suite_ends_with_its_own_code(void)
{
	CHECK_EQ(run_with(tests_done, "--test-devices"), 0x43);
	CHECK_EQ(run_with(tests_done, NULL), CODE_CRASHED); /* nothing listens */
}

static void the_second_signal_ends_it(void)
{
	CHECK_EQ(run_with(ignore_the_button, NULL), CODE_STOPPED);
}

static void a_signal_that_comes_before_the_start_is_no_power_button(void)
{
	sigset_t term;

	/* Blocked, as it is from the first moment on: the machine is made meanwhile. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	kill(getpid(), SIGTERM);
	CHECK_EQ(run_with(never, NULL), CODE_STOPPED);
}

static void variables_that_were_not_written_are_an_error(void)
{
	CHECK_EQ(run_with(write_and_power_off, NULL), CODE_ERROR);
	__atomic_store_n(&disk_gone, false, __ATOMIC_RELEASE);
}

int main(void)
{
	RUN(each_end_has_its_code);
	RUN(a_suite_ends_with_its_own_code);
	RUN(the_second_signal_ends_it);
	RUN(variables_that_were_not_written_are_an_error);
	RUN(a_signal_that_comes_before_the_start_is_no_power_button);
	return 0;
}
