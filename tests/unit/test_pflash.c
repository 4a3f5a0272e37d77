/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flash chip: how firmware probes and writes it, and how the file follows. */
#include <errno.h>

#include "base/bytes.h"
#include "fw/fw.h"
#include "plat/event.h"
#include "plat/file.h"
#include "plat/time.h"
#include "test.h"

enum { VARS = 0x84000, CODE = 0x37c000, BASE = 0xffc00000 };
static const char nvram[] = "test_pflash.nvram";

struct rig {
	struct machine *m;
	struct device *flash;
	u8 *vars, *code;
};

static struct rig rig_create_as(struct file *backing, bool smm_only) enters(in_machine)
{
	struct rig r = { .vars = malloc(VARS), .code = malloc(CODE) };
	struct flash_config cfg = {
		.code = r.code,
		.code_len = CODE,
		.vars = r.vars,
		.vars_len = VARS,
		.backing = backing,
		.smm_only = smm_only,
	};

	memset(r.vars, 0xff, VARS);
	memset(r.code, 0xc3, CODE);
	if (backing)
		CHECK(file_read(backing, r.vars, VARS, 0) == 0);
	CHECK(machine_create(&r.m, clock_create_manual(), NULL) == 0);
	machine_lock(r.m);
	r.flash = pflash_create(r.m, &cfg, NULL);
	CHECK(r.flash);
	return r;
}

static struct rig rig_create(struct file *backing) enters(in_machine)
{
	return rig_create_as(backing, false);
}

static void rig_destroy(struct rig *r) leaves(in_machine)
{
	machine_unlock(r->m);
	machine_destroy(r->m);
	free(r->vars);
	free(r->code);
}

/* As a vCPU sees it: direct where memory is shown, else through the device. */
static u8 get_in(struct rig *r, enum mem_view view, u32 off) needs(in_machine)
{
	struct mem_range range;

	if (mem_find(r->m->mem, view, (gpa_t)BASE + off, &range))
		return range.host[(gpa_t)BASE + off - range.at];
	return (u8)io_read(r->m, IO_MMIO, (gpa_t)BASE + off, 1);
}

static u8 get(struct rig *r, u32 off) needs(in_machine)
{
	u8 v = get_in(r, VIEW_NORMAL, off);

	CHECK_EQ(get_in(r, VIEW_SMM, off), v);
	return v;
}

static void put(struct rig *r, u32 off, u8 v) needs(in_machine)
{
	io_write(r->m, IO_MMIO, (gpa_t)BASE + off, 1, v);
}

static void program(struct rig *r, u32 off, u8 v) needs(in_machine)
{
	put(r, off, 0x10);
	put(r, off, v);
}

/* By the main loop, which does not hold the lock. */
static int sync_now(struct rig *r) needs(in_machine)
{
	int rc;

	machine_unlock(r->m);
	rc = pflash_sync(r->flash);
	machine_lock(r->m);
	return rc;
}

static bool mapped(struct rig *r)
{
	struct mem_range range;

	return mem_find(r->m->mem, VIEW_NORMAL, BASE, &range);
}

static void debian_12_finds_a_flash_chip(void)
{
	struct rig r = rig_create(NULL);

	put(&r, 0x10, 0x50);
	CHECK_EQ(get(&r, 0x10), 0xff);
	put(&r, 0x10, 0x70);
	CHECK_EQ(get(&r, 0x10), 0x00);
	put(&r, 0x10, 0xff);
	CHECK_EQ(get(&r, 0x10), 0xff);
	CHECK_EQ(stat_get(r.m, STAT_flash_mode), 2);
	rig_destroy(&r);
}

/* It also programs the byte it found and wants to see no protection. */
static void debian_13_finds_a_writable_flash_chip(void)
{
	struct rig r = rig_create(NULL);
	u8 found = get(&r, 0x10);

	put(&r, 0x10, 0x50);
	put(&r, 0x10, 0x70);
	CHECK_EQ(get(&r, 0x10), 0x00);
	put(&r, 0x10, 0xff);
	put(&r, 0x10, 0x10);
	put(&r, 0x10, found);
	put(&r, 0x10, 0x70);
	CHECK_EQ(get(&r, 0x10) & 0x10, 0);
	CHECK_EQ(get(&r, 0x10), 0x80);
	put(&r, 0x10, 0xff);
	CHECK_EQ(get(&r, 0x10), found);
	rig_destroy(&r);
}

static void code_is_rom_to_every_probe(void)
{
	struct rig r = rig_create(NULL);
	static const u8 commands[] = { 0x50, 0x70, 0x10, 0x00, 0x20, 0xd0, 0x40, 0x00, 0xff };

	for (unsigned i = 0; i < sizeof(commands); i++) {
		put(&r, VARS + 0x10, commands[i]);
		CHECK_EQ(get(&r, VARS + 0x10), 0xc3);
	}
	CHECK_EQ(get(&r, VARS), 0xc3);
	CHECK_EQ(get(&r, VARS + CODE - 1), 0xc3);
	CHECK_EQ(get(&r, 0), 0xff);
	CHECK_EQ(stat_get(r.m, STAT_flash_mode), 0);
	CHECK_EQ(stat_get(r.m, STAT_io_unclaimed), 0);
	rig_destroy(&r);
}

static void programming_clears_bits_and_keeps_reads_direct(void)
{
	struct rig r = rig_create(NULL);

	program(&r, 0x100, 0xf0);
	CHECK(mapped(&r));
	CHECK_EQ(get(&r, 0x100), 0xf0);
	put(&r, 0x100, 0x40);
	put(&r, 0x100, 0x3c);
	CHECK_EQ(get(&r, 0x100), 0x30);
	program(&r, 0x100, 0xff); /* cannot set bits */
	CHECK_EQ(get(&r, 0x100), 0x30);
	program(&r, 0x101, 0xff); /* data that looks like a command is data */
	program(&r, 0x102, 0x70);
	CHECK_EQ(get(&r, 0x102), 0x70);
	CHECK_EQ(stat_get(r.m, STAT_flash_program), 5);
	CHECK_EQ(stat_get(r.m, STAT_flash_mode), 0);
	rig_destroy(&r);
}

static void erasing_fills_one_block_and_shows_the_status(void)
{
	struct rig r = rig_create(NULL);

	program(&r, 0xfff, 0);
	program(&r, 0x1000, 0);
	program(&r, 0x1fff, 0);
	program(&r, 0x2000, 0);
	put(&r, 0x1234, 0x20);
	CHECK(mapped(&r));
	put(&r, 0x1234, 0xd0);
	CHECK(!mapped(&r));
	CHECK_EQ(get(&r, 0x1234), 0x80);
	put(&r, 0x1234, 0xff);
	CHECK(mapped(&r));
	CHECK_EQ(get(&r, 0x1000), 0xff);
	CHECK_EQ(get(&r, 0x1fff), 0xff);
	CHECK_EQ(get(&r, 0xfff), 0);
	CHECK_EQ(get(&r, 0x2000), 0);
	rig_destroy(&r);
}

static void an_unconfirmed_erase_changes_nothing(void)
{
	struct rig r = rig_create(NULL);

	program(&r, 0x1000, 0x12);
	put(&r, 0x1000, 0x20);
	put(&r, 0x1000, 0x70);
	CHECK_EQ(get(&r, 0x1000), 0x12);
	put(&r, 0x1000, 0xe8); /* a command of other chips */
	CHECK_EQ(get(&r, 0x1000), 0x12);
	put(&r, 0x1000, 0xd0);
	CHECK_EQ(get(&r, 0x1000), 0x12);
	rig_destroy(&r);
}

static void wide_accesses_are_bytes_in_order(void)
{
	struct rig r = rig_create(NULL);

	io_write(r.m, IO_MMIO, (gpa_t)BASE + 0x40, 2, 0xab10); /* 10 here, then AB at 41: data */
	CHECK_EQ(get(&r, 0x40), 0xff);
	CHECK_EQ(get(&r, 0x41), 0xab);
	put(&r, 0, 0x70);
	CHECK_EQ(io_read(r.m, IO_MMIO, BASE, 8), 0x8080808080808080);
	CHECK_EQ(io_read(r.m, IO_MMIO, (gpa_t)BASE + VARS, 4), 0xc3c3c3c3);
	rig_destroy(&r);
}

static void reset_ends_commands_and_keeps_the_contents(void)
{
	struct rig r = rig_create(NULL);

	program(&r, 0x55, 0x5a);
	put(&r, 0, 0x70);
	put(&r, 0, 0x10);
	device_reset_all(r.m, RESET_WARM);
	CHECK(mapped(&r));
	CHECK_EQ(get(&r, 0x55), 0x5a);
	put(&r, 0x55, 0x70); /* a command again, not data for the 10 */
	CHECK_EQ(get(&r, 0x55), 0);
	device_reset_all(r.m, RESET_POWER_ON);
	CHECK_EQ(get(&r, 0x55), 0x5a);
	rig_destroy(&r);
}

static void command_state_is_saved_and_checked(void) unchecked_roles
{
	struct rig r = rig_create(NULL), s = rig_create(NULL);
	struct str saved = { 0 };
	struct error err;
	char *at;

	put(&r, 0, 0x70);
	put(&r, 0x123, 0x40);
	device_save_all(r.m, &saved);
	CHECK(device_load_all(s.m, (u8 *)saved.at, saved.len, &err) == 0);
	CHECK(!mapped(&s));
	CHECK_EQ(get(&s, 7), 0);
	put(&s, 0x123, 0x77); /* the data byte of the saved command */
	put(&s, 0x123, 0xff);
	CHECK_EQ(get(&s, 0x123), 0x77);
	at = memchr(saved.at, 0x40, saved.len);
	CHECK(at);
	*at = 0x41;
	CHECK(device_load_all(s.m, (u8 *)saved.at, saved.len, &err) < 0);
	str_free(&saved);
	rig_destroy(&r);
	rig_destroy(&s);
}

static bool is_true(void *flag)
{
	return *(bool *)flag;
}

static const struct cpu_ops smm_ops = { .in_smm = is_true };

/* Its accesses are a vCPU's, which is in System Management Mode while *in_smm. */
static struct rig rig_create_smm(bool *in_smm) enters(in_machine)
{
	struct rig r = rig_create_as(NULL, true);

	machine_unlock(r.m);
	machine_attach_cpus(r.m, &smm_ops, in_smm);
	machine_lock(r.m);
	return r;
}

static void the_chip_may_obey_system_management_mode_alone(void)
{
	bool in_smm = false;
	struct rig r = rig_create_smm(&in_smm);

	program(&r, 0x100, 0x5a);
	put(&r, 0x100, 0x20);
	put(&r, 0x100, 0xd0);
	put(&r, 0x100, 0x70);
	CHECK_EQ(get(&r, 0x100), 0xff);
	in_smm = true;
	program(&r, 0x100, 0x5a);
	CHECK_EQ(get(&r, 0x100), 0x5a);
	put(&r, 0x200, 0x10); /* somebody else comes in between */
	in_smm = false;
	put(&r, 0x200, 0x00);
	put(&r, 0x200, 0xff);
	CHECK_EQ(get(&r, 0x200), 0xff);
	in_smm = true;
	put(&r, 0x200, 0xa5);
	CHECK_EQ(get(&r, 0x200), 0xa5);
	rig_destroy(&r);
}

static void its_status_is_shown_to_that_mode_alone(void)
{
	bool in_smm = true;
	struct rig r = rig_create_smm(&in_smm);

	program(&r, 0x1010, 0x5a);
	put(&r, 0x1010, 0x70);
	CHECK_EQ(get_in(&r, VIEW_SMM, 0x1010), 0x80);
	CHECK_EQ(get_in(&r, VIEW_NORMAL, 0x1010), 0x5a);
	put(&r, 0x1010, 0x20);
	put(&r, 0x1010, 0xd0);
	CHECK_EQ(get_in(&r, VIEW_SMM, 0x1010), 0x80);
	CHECK_EQ(get_in(&r, VIEW_NORMAL, 0x1010), 0xff);
	in_smm = false;
	put(&r, 0x1010, 0xff);
	CHECK_EQ(get_in(&r, VIEW_SMM, 0x1010), 0x80);
	device_reset_all(r.m, RESET_WARM);
	CHECK_EQ(get(&r, 0x1010), 0xff);
	rig_destroy(&r);
}

static void no_device_can_be_laid_over_the_chip(void)
{
	struct rig r = rig_create(NULL);
	struct io_window over = { .ops = NULL, .base = BASE, .len = VARS, .space = IO_MMIO };
	struct event bell;

	CHECK(event_init(&bell, NULL) == 0);
	over.doorbell = &bell;
	CHECK(io_map(r.m, &over, NULL) == 0);
	program(&r, 0x10, 0x12);
	CHECK_EQ(get(&r, 0x10), 0x12);
	CHECK(!event_clear(&bell));
	io_unmap(r.m, &over);
	event_finish(&bell);
	rig_destroy(&r);
}

static struct file *open_nvram(void)
{
	struct file *f;

	CHECK(file_open(&f, nvram, FILE_WRITE | FILE_CREATE, NULL) == 0);
	CHECK(file_resize(f, VARS) == 0);
	return f;
}

static u8 in_file(u32 off)
{
	struct file *f;
	u8 v;

	CHECK(file_open(&f, nvram, FILE_READ, NULL) == 0);
	CHECK(file_read(f, &v, 1, off) == 0);
	file_close(f);
	return v;
}

static void fill_nvram(void)
{
	struct file *f = open_nvram();
	static u8 ones_block[VARS];

	memset(ones_block, 0xff, sizeof(ones_block));
	CHECK(file_write(f, ones_block, VARS, 0) == 0);
	file_close(f);
}

static void wait_for_sync(struct machine *m)
{
	for (unsigned i = 0; i < 500 && !stat_get(m, STAT_flash_sync); i++)
		time_sleep_ns(10 * NS_PER_MS);
	CHECK(stat_get(m, STAT_flash_sync));
}

static void changes_reach_the_file_a_moment_after_the_last(void)
{
	struct rig r;

	fill_nvram();
	r = rig_create(open_nvram());
	program(&r, 0x10, 0x21);
	clock_advance(r.m->clock, 60 * NS_PER_MS);
	program(&r, VARS - 1, 0x43);
	clock_advance(r.m->clock, 60 * NS_PER_MS);
	CHECK_EQ(stat_get(r.m, STAT_flash_sync), 0); /* 120 ms after the first, 60 after the last */
	clock_advance(r.m->clock, 60 * NS_PER_MS);
	wait_for_sync(r.m);
	CHECK_EQ(in_file(0x10), 0x21);
	CHECK_EQ(in_file(VARS - 1), 0x43);
	CHECK_EQ(in_file(0x11), 0xff);
	CHECK_EQ(stat_get(r.m, STAT_flash_sync), 1);
	rig_destroy(&r);
}

static void a_busy_guest_does_not_put_off_writing_for_ever(void)
{
	struct rig r;

	fill_nvram();
	r = rig_create(open_nvram());
	for (u32 i = 0; i < 40; i++) {
		program(&r, i, (u8)i);
		clock_advance(r.m->clock, 50 * NS_PER_MS);
	}
	wait_for_sync(r.m);
	CHECK_EQ(in_file(3), 3);
	rig_destroy(&r);
}

static void a_probe_that_changes_nothing_writes_nothing(void)
{
	struct rig r;

	fill_nvram();
	r = rig_create(open_nvram());
	program(&r, 0, 0xff);
	clock_advance(r.m->clock, NS_PER_S);
	CHECK(sync_now(&r) == 0);
	CHECK_EQ(stat_get(r.m, STAT_flash_sync), 0);
	rig_destroy(&r);
}

static void sync_and_destroy_write_at_once_and_a_new_machine_sees_it(void)
{
	struct rig r;

	fill_nvram();
	r = rig_create(open_nvram());
	program(&r, 0x2000, 0x11);
	CHECK(sync_now(&r) == 0);
	CHECK_EQ(in_file(0x2000), 0x11);
	program(&r, 0x2001, 0x22);
	put(&r, 0x5000, 0x20);
	put(&r, 0x5000, 0xd0);
	rig_destroy(&r); /* still in status mode, and 100 ms have not gone by */
	CHECK_EQ(in_file(0x2001), 0x22);
	r = rig_create(open_nvram());
	CHECK_EQ(get(&r, 0x2000), 0x11);
	CHECK_EQ(get(&r, 0x2001), 0x22);
	CHECK_EQ(get(&r, 0x2002), 0xff);
	rig_destroy(&r);
	CHECK(file_remove(nvram) == 0);
}

static void a_failing_file_is_reported_and_loses_nothing(void)
{
	struct file *f;
	struct rig r;

	fill_nvram();
	CHECK(file_open(&f, nvram, FILE_READ, NULL) == 0); /* writes will fail */
	r = rig_create(f);
	program(&r, 0x10, 0x21);
	CHECK(sync_now(&r) < 0);
	CHECK(sync_now(&r) < 0); /* still wanted */
	CHECK_EQ(get(&r, 0x10), 0x21);
	rig_destroy(&r);
	CHECK_EQ(in_file(0x10), 0xff);
	CHECK(file_remove(nvram) == 0);
}

static void sizes_that_cannot_be_right_are_refused(void)
{
	static u8 bytes[0x20000];
	struct flash_config odd = { .code = bytes, .code_len = 4095 };
	struct flash_config mixed = {
		.code = bytes,
		.code_len = 0x10000,
		.vars = bytes,
		.vars_len = 0x8000,
	};
	struct flash_config whole = { .code = bytes, .code_len = 0x11000 };
	struct error err = { 0 };
	struct machine *m;

	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_lock(m);
	CHECK(!pflash_create(m, &odd, &err));
	CHECK(err.code == -EINVAL);
	CHECK(!pflash_create(m, &mixed, &err));
	CHECK(strstr(err.msg, "does not belong"));
	CHECK(pflash_create(m, &whole, &err)); /* code alone may have any length */
	io_write(m, IO_MMIO, GIB(4) - 0x11000, 1, 0x70);
	CHECK_EQ(stat_get(m, STAT_flash_mode), 0);
	machine_unlock(m);
	machine_destroy(m);
}

int main(void)
{
	RUN(debian_12_finds_a_flash_chip);
	RUN(debian_13_finds_a_writable_flash_chip);
	RUN(code_is_rom_to_every_probe);
	RUN(programming_clears_bits_and_keeps_reads_direct);
	RUN(erasing_fills_one_block_and_shows_the_status);
	RUN(an_unconfirmed_erase_changes_nothing);
	RUN(wide_accesses_are_bytes_in_order);
	RUN(reset_ends_commands_and_keeps_the_contents);
	RUN(command_state_is_saved_and_checked);
	RUN(the_chip_may_obey_system_management_mode_alone);
	RUN(its_status_is_shown_to_that_mode_alone);
	RUN(no_device_can_be_laid_over_the_chip);
	RUN(changes_reach_the_file_a_moment_after_the_last);
	RUN(a_busy_guest_does_not_put_off_writing_for_ever);
	RUN(a_probe_that_changes_nothing_writes_nothing);
	RUN(sync_and_destroy_write_at_once_and_a_new_machine_sees_it);
	RUN(a_failing_file_is_reported_and_loses_nothing);
	RUN(sizes_that_cannot_be_right_are_refused);
	return 0;
}
