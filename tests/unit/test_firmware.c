/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which firmware is taken, where its variables live, and what is said about the wrong file. */
#include <errno.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/str.h"
#include "plat/file.h"
#include "test.h"
#include "vm/config.h"
#include "vm/firmware.h"
#include "volume.h"

enum { VARS = 128 << 10, CODE = (1 << 20) - VARS, BIOS = 256 << 10 };

/* Everything lies in files of the working directory that begin with this. */
#define DIR "test_firmware_"

static void save(const char *path, const u8 *bytes, size_t len)
{
	struct error err;

	CHECK(file_save(path, bytes, len, &err) == 0);
}

static u8 *volume(size_t len, bool variables)
{
	u8 *v = xcalloc(len, 1);

	make_volume(v, len, variables);
	return v;
}

/* The files the tests choose from. The template's first free byte tells it from others. */
static void make_files(void)
{
	u8 *code = volume(CODE, false), *vars = volume(VARS, true), *both = xcalloc(1 << 20, 1);
	u8 *bios = xcalloc(BIOS, 1), kernel[4096] = { 0 };

	save(DIR "CODE.fd", code, CODE);
	save(DIR "CODE.secboot.fd", code, CODE);
	save(DIR "short.fd", code, CODE / 2);
	memcpy(both, vars, VARS);
	both[VARS - 1] = 0x22;
	memcpy(both + VARS, code, CODE);
	save(DIR "both.fd", both, 1 << 20);
	vars[VARS - 1] = 0x11;
	save(DIR "VARS.fd", vars, VARS);
	memcpy(bios + BIOS - 16, "\xea\x5b\xe0\x00\xf0", 5);
	save(DIR "bios.bin", bios, BIOS);
	put_le16(kernel + 0x1fe, 0xaa55);
	memcpy(kernel + 0x202, "HdrS", 4);
	put_le16(kernel + 0x206, 0x20f);
	save(DIR "vmlinuz", kernel, sizeof(kernel));
	save(DIR "disk.qcow2", (const u8 *)"QFI\xfb and more than that", 24);
	save(DIR "elf", (const u8 *)"\177ELF and more than that", 24);
	save(DIR "text", (const u8 *)"this is not firmware", 20);
	save(DIR "empty", (const u8 *)"", 0);
	free(code);
	free(vars);
	free(both);
	free(bios);
}

static struct vm_config given(const char *firmware, const char *kernel, const char *nvram)
{
	struct vm_config c;

	config_init(&c);
	c.firmware = firmware ? xstrdup(firmware) : NULL;
	c.kernel = kernel ? xstrdup(kernel) : NULL;
	c.nvram = nvram ? xstrdup(nvram) : NULL;
	c.firmware_dir = xstrdup("test_firmware_nowhere");
	return c;
}

/* @c opens; frees it. */
static struct firmware opens(struct vm_config c)
{
	struct firmware fw = { 0 };
	struct error err = { 0 };

	if (firmware_open(&fw, &c, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
	CHECK_EQ(err.code, 0);
	CHECK(!fw.kernel_path); /* it would point into @c */
	config_finish(&c);
	return fw;
}

static void fails(struct vm_config c, const char *text)
{
	struct firmware fw = { .code_len = 7 };
	struct error err = { 0 };

	CHECK(firmware_open(&fw, &c, &err) < 0);
	if (!strstr(err.msg, text))
		fprintf(stderr, "%s\n", err.msg);
	CHECK(strstr(err.msg, text));
	CHECK_EQ(fw.code_len, 7); /* untouched */
	config_finish(&c);
}

static void code_alone_finds_the_template_beside_it(void)
{
	struct firmware fw = opens(given(DIR "CODE.fd", NULL, NULL));

	CHECK_EQ(fw.code_len, CODE);
	CHECK_EQ(fw.vars_len, VARS);
	CHECK_EQ(fw.vars[VARS - 1], 0x11);
	CHECK(!fw.vars_file && !fw.is_bios && !fw.needs_smm);
	firmware_close(&fw);
	firmware_close(&fw); /* closed twice is closed */
	fw = opens(given(DIR "CODE.secboot.fd", NULL, NULL));
	CHECK(fw.needs_smm && fw.vars[VARS - 1] == 0x11);
	firmware_close(&fw);
}

static void code_without_a_template_begins_with_erased_variables(void)
{
	struct firmware fw;

	CHECK(file_remove(DIR "VARS.fd") == 0);
	fw = opens(given(DIR "CODE.fd", NULL, NULL));
	CHECK(fw.vars_len == VARS && fw.vars[0] == 0xff && fw.vars[VARS - 1] == 0xff);
	firmware_close(&fw);
	make_files();
}

static void an_image_with_both_is_split(void)
{
	struct firmware fw = opens(given(NULL, DIR "both.fd", NULL)); /* as --kernel, too */
	u8 sign[4];

	CHECK_EQ(fw.code_len, CODE);
	CHECK(!fw.code && file_read(fw.code_file, sign, 4, fw.code_at + 40) == 0);
	CHECK(!memcmp(sign, "_FVH", 4));
	CHECK_EQ(fw.vars_len, VARS);
	CHECK_EQ(fw.vars[VARS - 1], 0x22);
	firmware_close(&fw);
}

static void variables_are_kept_in_the_file_given(void)
{
	struct firmware fw, other = { 0 };
	struct vm_config c = given(DIR "CODE.fd", NULL, DIR "nvram");
	struct error err;
	u8 byte = 0x99;

	file_remove(DIR "nvram");
	fw = opens(given(DIR "CODE.fd", NULL, DIR "nvram"));
	CHECK(fw.vars_file && fw.vars[VARS - 1] == 0x11);
	CHECK(file_write(fw.vars_file, &byte, 1, VARS - 1) == 0);
	CHECK(firmware_open(&other, &c, &err) == -EBUSY); /* locked while the machine runs */
	CHECK(strstr(err.msg, "in use"));
	CHECK(file_exists(DIR "nvram"));
	config_finish(&c);
	firmware_close(&fw);
	fw = opens(given(DIR "CODE.fd", NULL, DIR "nvram"));
	CHECK_EQ(fw.vars[VARS - 1], 0x99);
	firmware_close(&fw);
	save(DIR "nvram", (const u8 *)"", 0); /* as mktemp leaves it */
	fw = opens(given(DIR "both.fd", NULL, DIR "nvram"));
	CHECK(fw.vars_file && fw.vars[VARS - 1] == 0x22);
	firmware_close(&fw);
	file_remove(DIR "nvram");
}

static void a_variable_file_that_does_not_fit_is_left_alone(void)
{
	u8 *bytes = xcalloc(VARS, 1), *after;
	struct error err;
	size_t len;

	save(DIR "nvram", bytes, VARS);
	fails(given(DIR "CODE.fd", NULL, DIR "nvram"), "is not a variable store");
	save(DIR "nvram", bytes, 1000);
	fails(given(DIR "CODE.fd", NULL, DIR "nvram"), "belongs to another firmware");
	CHECK(file_load(&after, &len, DIR "nvram", VARS, &err) == 0);
	CHECK_EQ(len, 1000);
	free(after);
	file_remove(DIR "nvram");
	fails(given(DIR "CODE.fd", NULL, DIR "missing/nvram"), "--nvram");
	free(bytes);
}

static void a_bios_has_no_variables(void)
{
	struct firmware fw = opens(given(DIR "bios.bin", NULL, DIR "nvram"));

	CHECK(fw.is_bios && fw.code_len == BIOS && !fw.vars && !fw.vars_file);
	CHECK(!file_exists(DIR "nvram"));
	firmware_close(&fw);
}

static void what_is_no_firmware_is_named(void)
{
	fails(given(DIR "none.fd", NULL, NULL), "none.fd");
	fails(given(DIR "short.fd", NULL, NULL), "is cut short");
	fails(given(DIR "text", NULL, NULL), "(20 bytes) is neither");
	fails(given(NULL, DIR "text", NULL), "--kernel: ");
	fails(given(DIR "empty", NULL, NULL), "(0 bytes) is neither");
	fails(given(DIR "disk.qcow2", NULL, NULL), "--disk path=");
	fails(given(DIR "elf", NULL, NULL), "give it as --kernel");
	fails(given(DIR "VARS.fd", NULL, NULL), "--nvram");
	fails(given(DIR "vmlinuz", NULL, NULL), "give it as --kernel");
	fails(given(".", NULL, NULL), "--firmware");
	fails(given(NULL, NULL, NULL), "no firmware in test_firmware_nowhere;");
	fails(given(NULL, DIR "vmlinuz", NULL), "no firmware in test_firmware_nowhere;");
}

static void a_kernel_that_starts_by_itself_needs_no_firmware(void)
{
	struct vm_config c = given(NULL, DIR "elf", DIR "nvram");
	struct firmware fw = { 0 };

	CHECK(firmware_open(&fw, &c, NULL) == 0);
	CHECK(fw.direct && fw.is_bios && !strcmp(fw.kernel_path, DIR "elf"));
	CHECK(!fw.code && !fw.code_file && !fw.code_len && !fw.vars);
	CHECK(strstr(fw.notes.at, "without firmware"));
	CHECK(!file_exists(DIR "nvram"));
	firmware_close(&fw);
	config_finish(&c);
}

static void the_default_is_looked_for_where_it_is_installed(void)
{
	struct firmware fw = { 0 };
	struct vm_config c;
	struct error err;
	char *code, *vars;
	u8 *bytes = NULL;
	size_t len;

	/* A directory of its own is not needed: the name is what is looked for. */
	CHECK(file_load(&bytes, &len, DIR "both.fd", 1 << 20, &err) == 0);
	save("OVMF.fd", bytes, len);
	free(bytes);
	CHECK(firmware_find(FW_UEFI, ".", &code, &vars));
	CHECK(!strcmp(code, "./OVMF.fd") && !vars);
	free(code);
	CHECK(!firmware_find(FW_BIOS, ".", &code, &vars) && !code && !vars);
	c = given(NULL, DIR "vmlinuz", NULL);
	free(c.firmware_dir);
	c.firmware_dir = xstrdup(".");
	CHECK(firmware_open(&fw, &c, &err) == 0);
	CHECK(fw.kernel_path == c.kernel && fw.code_len == CODE);
	firmware_close(&fw);
	config_finish(&c);
	file_remove("OVMF.fd");
}

int main(void)
{
	static const char *const names[] = {
		"CODE.fd", "CODE.secboot.fd", "short.fd", "both.fd", "VARS.fd", "bios.bin",
		"vmlinuz", "disk.qcow2",      "elf",      "text",    "empty"
	};

	log_set_rules("error");
	make_files();
	RUN(code_alone_finds_the_template_beside_it);
	RUN(code_without_a_template_begins_with_erased_variables);
	RUN(an_image_with_both_is_split);
	RUN(variables_are_kept_in_the_file_given);
	RUN(a_variable_file_that_does_not_fit_is_left_alone);
	RUN(a_bios_has_no_variables);
	RUN(what_is_no_firmware_is_named);
	RUN(a_kernel_that_starts_by_itself_needs_no_firmware);
	RUN(the_default_is_looked_for_where_it_is_installed);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		char *path = xasprintf(DIR "%s", names[i]);

		file_remove(path);
		free(path);
	}
	return 0;
}
