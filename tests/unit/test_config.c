/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the options of one machine must not contradict. */
#include <errno.h>

#include "base/alloc.h"
#include "plat/file.h"
#include "plat/map.h"
#include "test.h"
#include "vm/config.h"

/* A configuration that passes: one disk called @path. */
static struct vm_config good(void)
{
	struct vm_config c;

	config_init(&c);
	config_add_disk(&c)->path = xstrdup("a.img");
	return c;
}

static struct disk_options *add(struct vm_config *c, const char *path)
{
	struct disk_options *d = config_add_disk(c);

	d->path = xstrdup(path);
	return d;
}

/* @c passes, with @note among the lines for the user (NULL: without any). Frees @c. */
static void passes(struct vm_config *c, const char *note)
{
	struct str notes = { 0 };
	struct error err = { 0 };
	int rc = config_check(c, &notes, &err);

	if (rc < 0)
		fprintf(stderr, "%s\n", err.msg);
	CHECK_EQ(rc, 0);
	CHECK(note ? notes.len && strstr(notes.at, note) : !notes.len);
	CHECK(!notes.len || notes.at[notes.len - 1] == '\n');
	str_free(&notes);
	config_finish(c);
}

/* @c fails with @code and a message that contains @text. Frees @c. */
static void fails(struct vm_config *c, int code, const char *text)
{
	struct str notes = { 0 };
	struct error err = { 0 };

	CHECK_EQ(config_check(c, &notes, &err), code);
	if (!strstr(err.msg, text))
		fprintf(stderr, "%s\n", err.msg);
	CHECK(strstr(err.msg, text));
	str_free(&notes);
	config_finish(c);
}

static void the_defaults_and_a_disk_are_a_machine(void)
{
	struct vm_config c = good();

	CHECK_EQ(c.memory, GIB(4));
	CHECK(c.vcpus == 1 && c.hyperv == TOGGLE_AUTO && c.debugcon_port == 0xe9);
	CHECK_EQ(c.serial.kind, CHR_NULL);
	CHECK_EQ(c.serial2.kind, CHR_OFF);
	if (host_memory_total() >= GIB(4))
		passes(&c, NULL);
	else
		passes(&c, "more than the host's");
}

static void there_is_one_payload(void)
{
	struct vm_config c;

	config_init(&c);
	fails(&c, -EINVAL, "there is nothing to start");
	c = good();
	c.kernel = xstrdup("k");
	c.firmware = xstrdup("f");
	fails(&c, -EINVAL, "exclude each other");
	config_init(&c);
	c.firmware = xstrdup("f");
	passes(&c, "no --disk is given");
	config_init(&c);
	c.kernel = xstrdup("k");
	c.cmdline = xstrdup("quiet");
	passes(&c, NULL);
	c = good();
	c.firmware = xstrdup("f");
	c.cmdline = xstrdup("quiet");
	passes(&c, "--cmdline has no effect");
}

static void memory_is_whole_mebibytes_and_enough(void)
{
	static const struct {
		u64 size;
		const char *text;
	} bad[] = {
		{ 0, "at least 64M" },
		{ MIB(64) - 1, "at least 64M" },
		{ MIB(512) + 4096, "the nearest below is 512M" },
		{ GIB(4) - 1, "the nearest below is 4095M" },
		{ GIB(1025), "more than the 1024G" },
		{ ~0ull << 20, "more than the 1024G" },
		{ ~0ull, "more than the 1024G" },
	};
	struct vm_config c;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		c = good();
		c.memory = bad[i].size;
		fails(&c, -EINVAL, bad[i].text);
	}
	c = good();
	c.memory = MIB(64);
	passes(&c, NULL);
	c = good();
	c.memory = MIB(2047);
	c.hyperv = TOGGLE_ON;
	passes(&c, "little for Windows");
	c = good();
	c.memory = ALIGN_UP(host_memory_total() + 1, MIB(1));
	passes(&c, "more than the host's");
}

static void processors_and_their_topology_agree(void)
{
	struct vm_config c = good();

	c.vcpus = 0;
	fails(&c, -EINVAL, "is not in 1 to 240");
	c = good();
	c.vcpus = CONFIG_VCPUS + 1;
	fails(&c, -EINVAL, "is not in 1 to 240");
	c = good();
	c.vcpus = CONFIG_VCPUS;
	passes(&c, "more than the host's");
	c = good();
	c.topology = (struct cpu_topology){ 1, 2, 1, 1 };
	fails(&c, -EINVAL, "makes 2 vCPUs, but boot=1");
	c = good();
	c.topology = (struct cpu_topology){ 1, 65535, 65535, 65535 };
	fails(&c, -EINVAL, "the two must agree");
	c = good();
	c.vcpus = 8;
	c.topology = (struct cpu_topology){ 4, 2, 1, 1 };
	fails(&c, -EINVAL, "4 threads per core");
	c = good();
	c.topology = (struct cpu_topology){ 1, 1, 1, 1 };
	passes(&c, NULL);
	c = good();
	c.max_phys_bits = 38;
	passes(&c, "at least 39");
}

static void disks_are_unique_and_named(void)
{
	struct vm_config c = good();
	struct error err;
	struct str notes = { 0 };

	add(&c, "b.img")->id = xstrdup("_disk0");
	add(&c, "c.img");
	CHECK_EQ(config_check(&c, &notes, &err), 0);
	CHECK(!strcmp(c.disk[0].id, "_disk1") && !strcmp(c.disk[2].id, "_disk2"));
	CHECK_EQ(config_check(&c, &notes, &err), 0); /* again: the same */
	CHECK(!strcmp(c.disk[2].id, "_disk2"));
	add(&c, "a.img");
	fails(&c, -EEXIST, "path=a.img is given twice");
	c = good();
	c.disk[0].id = xstrdup("x");
	add(&c, "b.img")->id = xstrdup("x");
	fails(&c, -EEXIST, "id=x is given twice");
	c = good();
	c.disk[0].slot = 3;
	add(&c, "b.img")->slot = 3;
	fails(&c, -EEXIST, "pci_device_id=3");
	c = good();
	c.disk[0].bootindex = 0;
	add(&c, "b.img")->bootindex = 0;
	fails(&c, -EEXIST, "bootindex=0");
	c = good();
	c.nvram = xstrdup("a.img");
	fails(&c, -EEXIST, "--nvram and --disk both use a.img");
	str_free(&notes);
}

static void disks_have_sane_values(void)
{
	static const char *const ids[] = {
		"__x", "", "a b", "a/b", "a\"", "a,b", "abcdefghijklmnopqrstuvwxyz012345"
	};
	static const unsigned sizes[] = { 0, 1, 2, 3, 100, 65536 };
	struct vm_config c;

	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		c = good();
		c.disk[0].id = xstrdup(ids[i]);
		fails(&c, -EINVAL, "--disk: id=");
	}
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		c = good();
		c.disk[0].queue_size = sizes[i];
		fails(&c, -EINVAL, "queue_size=");
	}
	c = good();
	c.disk[0].queue_size = 32768;
	passes(&c, "1024 entries at most");
	c = good();
	c.disk[0].serial = xstrdup("123456789012345678901");
	fails(&c, -EINVAL, "21 bytes");
	c = good();
	c.disk[0].serial = xstrdup("12345678901234567890");
	passes(&c, NULL);
	c = good();
	c.disk[0].num_queues = 2;
	fails(&c, -EINVAL, "num_queues=2");
	c = good();
	c.disk[0].slot = 31;
	fails(&c, -EINVAL, "1 to 30");
	c = good();
	free(c.disk[0].path);
	c.disk[0].path = NULL;
	fails(&c, -EINVAL, "path=FILE is missing");
}

static void ports_do_not_share(void)
{
	struct vm_config c = good();

	c.serial.kind = c.serial2.kind = CHR_TTY;
	fails(&c, -EINVAL, "--serial and --serial2 both want the terminal");
	c = good();
	c.serial.kind = c.debugcon.kind = CHR_TTY;
	fails(&c, -EINVAL, "--serial and --debug-console both want");
	c = good();
	c.serial = (struct char_options){ CHR_FILE, xstrdup("log") };
	c.debugcon = (struct char_options){ CHR_FILE, xstrdup("log") };
	fails(&c, -EEXIST, "both use log");
	c = good();
	c.serial.kind = CHR_SOCKET;
	fails(&c, -EINVAL, "need a path");
	c = good();
	c.serial.kind = c.serial2.kind = CHR_PTY;
	passes(&c, NULL);
}

static void no_file_serves_two_ends(void)
{
	struct error err;
	struct vm_config c = good();

	CHECK(file_save("test_config_a.img", "x", 1, &err) == 0);
	free(c.disk[0].path);
	c.disk[0].path = xstrdup("test_config_a.img");
	add(&c, "./test_config_a.img");
	fails(&c, -EEXIST, "test_config_a.img and ./test_config_a.img are one file");
	c = good();
	c.disk[0].readonly = true;
	add(&c, "a.img")->readonly = true;
	passes(&c, NULL);
	c = good();
	add(&c, "test_config_a.img");
	c.serial = (struct char_options){ CHR_FILE, xstrdup("./test_config_a.img") };
	fails(&c, -EEXIST, "--serial ./test_config_a.img are one file");
	c = good();
	add(&c, "test_config_a.img")->readonly = true;
	c.log_file = xstrdup("test_config_a.img");
	fails(&c, -EEXIST, "--disk and --log-file both use test_config_a.img");
	c = good();
	c.firmware = xstrdup("test_config_a.img");
	c.trace_file = xstrdup("./test_config_a.img");
	fails(&c, -EEXIST, "are one file; give one of them another");
	c = good();
	c.log_file = xstrdup("log");
	c.pid_file = xstrdup("log");
	fails(&c, -EEXIST, "--log-file and --pid-file both use log");
	c = good();
	c.log_file = xstrdup("/dev/null");
	c.serial = (struct char_options){ CHR_FILE, xstrdup("/dev/null") };
	passes(&c, NULL);
	file_remove("test_config_a.img");
}

static void a_uuid_is_kept_in_the_order_of_its_text(void)
{
	static const char *const bad[] = {
		"",
		"d9b0a5f23c514a8e9a510f6f5d2c7b11",
		"d9b0a5f2-3c51-4a8e-9a51-0f6f5d2c7b1",
		"d9b0a5f2-3c51-4a8e-9a51-0f6f5d2c7b112",
		"d9b0a5f2-3c51-4a8e-9a51_0f6f5d2c7b11",
		"g9b0a5f2-3c51-4a8e-9a51-0f6f5d2c7b11",
	};
	static const u8 want[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	struct vm_config c = good();
	struct str notes = { 0 };
	struct error err;

	c.uuid = xstrdup("00112233-4455-6677-8899-AAbbccddeeff");
	CHECK_EQ(config_check(&c, &notes, &err), 0);
	CHECK(!memcmp(c.uuid_bytes, want, sizeof(want)));
	config_finish(&c);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		c = good();
		c.uuid = xstrdup(bad[i]);
		fails(&c, -EINVAL, "is not a UUID");
	}
	c = good();
	c.manufacturer = xcalloc(300, 1);
	memset(c.manufacturer, 'x', 299);
	fails(&c, -EINVAL, "is longer than 255");
	str_free(&notes);
}

static void a_configuration_is_printed_for_people(void)
{
	struct vm_config c = good();
	struct str out = { 0 };

	c.uuid = xstrdup("u");
	c.disk[0].readonly = true;
	config_print(&c, &out);
	CHECK(strstr(out.at, "disk                   a.img, read-only, id not named\n"));
	CHECK(strstr(out.at, "variables              volatile\n"));
	CHECK(strstr(out.at, "memory                 4 GiB\n"));
	str_free(&out);
	config_finish(&c);
}

int main(void)
{
	RUN(the_defaults_and_a_disk_are_a_machine);
	RUN(there_is_one_payload);
	RUN(memory_is_whole_mebibytes_and_enough);
	RUN(processors_and_their_topology_agree);
	RUN(disks_are_unique_and_named);
	RUN(disks_have_sane_values);
	RUN(ports_do_not_share);
	RUN(no_file_serves_two_ends);
	RUN(a_uuid_is_kept_in_the_order_of_its_text);
	RUN(a_configuration_is_printed_for_people);
	return 0;
}
