/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From command lines to configurations and messages. */
#include <errno.h>

#include "base/alloc.h"
#include "cli/options.h"
#include "test.h"
#include "vm/config.h"

/* A parsed command line; done() frees it. */
struct parsed {
	struct vm_config c;
	struct str notes;
	struct error err;
	int rc;
};

/* @line is split at blanks. */
static struct parsed parse(const char *line)
{
	AUTO_FREE char *copy = xstrdup(line);
	const char *argv[64];
	struct parsed p = { 0 };
	int argc = 0;

	for (char *at = copy; *at;) {
		at += strspn(at, " ");
		if (!*at)
			break;
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	config_init(&p.c);
	p.rc = options_parse(&p.c, argc, argv, &p.notes, &p.err);
	return p;
}

static void done(struct parsed *p)
{
	config_finish(&p->c);
	str_free(&p->notes);
}

static bool says(const struct parsed *p, const char *text)
{
	return p->notes.len && strstr(p->notes.at, text);
}

/* The whole line fails with a message that contains @text. */
static void fails(const char *line, const char *text)
{
	struct parsed p = parse(line);

	if (p.rc >= 0 || !strstr(p.err.msg, text))
		fprintf(stderr, "%s: %d %s\n", line, p.rc, p.err.msg);
	CHECK(p.rc < 0 && p.err.code == p.rc);
	CHECK(strstr(p.err.msg, text));
	done(&p);
}

static void the_command_of_the_windows_guide_works_word_for_word(void)
{
	struct parsed p = parse("--kernel ./FV/OVMF.fd --disk path=./windows-disk.qcow "
				"--cpus boot=1,kvm_hyperv=on --memory size=4G --serial tty "
				"--console off --net tap=");

	CHECK_EQ(p.rc, 0);
	CHECK(!strcmp(p.c.kernel, "./FV/OVMF.fd"));
	CHECK(!p.c.firmware);
	CHECK_EQ(p.c.disks, 1);
	CHECK(!strcmp(p.c.disk[0].path, "./windows-disk.qcow"));
	CHECK(!p.c.disk[0].readonly && !p.c.disk[0].format);
	CHECK_EQ(p.c.vcpus, 1);
	CHECK_EQ(p.c.hyperv, TOGGLE_ON);
	CHECK_EQ(p.c.memory, GIB(4));
	CHECK_EQ(p.c.serial.kind, CHR_TTY);
	CHECK(says(&p, "--net has no effect"));
	CHECK_EQ(strchr(p.notes.at, '\n') - p.notes.at + 1, p.notes.len);
	CHECK_EQ(config_check(&p.c, &p.notes, &p.err), 0);
	done(&p);
}

static void values_follow_a_blank_or_an_equals_sign(void)
{
	struct parsed p = parse("--memory=size=1G --cpus=boot=2 --cmdline=-x --serial=null");

	CHECK_EQ(p.rc, 0);
	CHECK_EQ(p.c.memory, GIB(1));
	CHECK_EQ(p.c.vcpus, 2);
	CHECK(!strcmp(p.c.cmdline, "-x"));
	done(&p);
	fails("--memory", "--memory needs a value");
	fails("--memory=", "needs a value");
	fails("--memory --cpus boot=1", "--memory needs a value");
	fails("--stats=on", "takes no value");
}

static void list_options_take_several_values_and_append(void)
{
	struct parsed p = parse("--disk path=a path=b,readonly=on --serial off --disk path=c");

	CHECK_EQ(p.rc, 0);
	CHECK_EQ(p.c.disks, 3);
	CHECK(!strcmp(p.c.disk[1].path, "b") && p.c.disk[1].readonly);
	CHECK(!strcmp(p.c.disk[2].path, "c") && !p.c.disk[2].readonly);
	done(&p);
	fails("--disk=path=a path=b", "belongs to no option");
	fails("--memory size=1G path=b", "belongs to no option");
	fails("--disk", "--disk needs a value");
}

static void more_disks_than_fit_are_refused(void)
{
	struct str line = { 0 };
	struct parsed p;

	str_add(&line, "--serial off --disk");
	for (unsigned i = 0; i < CONFIG_DISKS; i++)
		str_add(&line, " path=d%u", i);
	p = parse(line.at);
	CHECK_EQ(p.rc, 0);
	CHECK_EQ(p.c.disks, CONFIG_DISKS);
	done(&p);
	str_add(&line, " path=more");
	fails(line.at, "more than 16 disks");
	str_free(&line);
}

static void an_empty_value_leaves_the_default(void)
{
	struct parsed p = parse("--cpus boot=,kvm_hyperv= --memory size=,thp= --serial off");

	CHECK_EQ(p.rc, 0);
	CHECK_EQ(p.c.vcpus, 1);
	CHECK_EQ(p.c.hyperv, TOGGLE_AUTO);
	CHECK_EQ(p.c.memory, GIB(4));
	CHECK(!p.c.no_thp);
	done(&p);
	fails("--disk path=", "path=FILE is missing");
}

static void what_is_unknown_names_the_nearest(void)
{
	fails("--memry size=1G", "did you mean --memory?");
	fails("--dsik path=a", "--disk");
	fails("--xyzzy", "unknown option --xyzzy");
	fails("-q", "unknown option -q");
	fails("--v", "unknown option --v");
	fails("--disk pth=a", "did you mean \"path\"?");
	fails("--cpus boots=1", "did you mean \"boot\"?");
	fails("--memory 4G", "did you mean size=4G?");
	fails("--disk win.img", "did you mean path=win.img?");
	fails("--serial ttyy", "did you mean \"tty\"?");
	fails("--serial elsewhere", "is not one of tty|null");
	fails("win.img", "--disk path=win.img");
	fails("--", "unknown option");
}

static void what_is_given_twice_is_refused(void)
{
	struct parsed p;

	fails("--memory size=1G --memory size=2G", "--memory is given twice");
	fails("--kernel a --kernel b", "--kernel is given twice");
	fails("--memory size=1G,size=2G", "\"size\" is given twice");
	fails("--cpus kvm_hyperv=on,hyperv=on", "one key");
	fails("--platform uuid=x,system_uuid=x", "one key");
	fails("--stats --stats", "given twice");
	p = parse("-v -vv --serial off");
	CHECK_EQ(p.rc, 0);
	CHECK_EQ(p.c.verbose, 3);
	done(&p);
}

static void values_are_checked_by_their_type(void)
{
	fails("--cpus boot=0", "0 is not in 1 to");
	fails("--cpus boot=9999", "9999 is not in 1 to");
	fails("--cpus boot=two", "\"two\" is not a number");
	fails("--cpus boot=1,kvm_hyperv=yes", "\"yes\" is not one of on|off");
	fails("--cpus boot=4,topology=2:2", "threads:cores:dies:packages");
	fails("--cpus boot=4,topology=0:2:1:1", "0 is not in 1");
	fails("--cpus boot=4,topology=1:2:2:1:1", "threads:cores:dies:packages");
	fails("--cpus boot=2,max=1", "max=1 is less than boot=2");
	fails("--cpus affinity=[0", "not closed");
	fails("--cpus affinity=[0]", "has no @");
	fails("--memory size=4X", "is not a size");
	fails("--memory size=1G,prefault=1", "neither on nor off");
	fails("--memory mergeable=on,shared=on", "exclude each other");
	fails("--memory hugepage_size=2M", "needs hugepages=on");
	fails("--disk path=a,image_type=iso", "is not one of raw|qcow2");
	fails("--disk path=a,pci_device_id=31", "1 to 30");
	fails("--debug-console file=x,iobase=65536", "0 to 65535");
	fails("--net num_queues=3", "is odd");
	fails("--net num_queues=1", "2 to");
	fails("--net queue_size=100", "power of two");
	fails("--net ip=1.2.3.4", "mask= is missing");
	fails("--net mask=255.0.0.0", "ip= is missing");
	fails("--net mac=1", "is not a MAC");
	fails("--net ip=1.2.3.x,mask=1.1.1.1", "is not an IPv4");
	fails("--net fd=[1,3]", "standard input");
	fails("--net fd=[3,4],num_queues=2", "need num_queues=4");
	fails("--net offload_csum=off", "needs offload_tso=off");
	fails("--net vhost_user=on", "needs socket=");
	fails("--net brigde=x", "unknown key");
}

static void where_output_goes_is_said_once(void)
{
	struct parsed p = parse("--serial file=a,b --console null");

	CHECK(p.rc < 0);
	done(&p);
	p = parse("--serial socket=/tmp/s --serial2 pty --debug-console file=f,iobase=0x402");
	CHECK_EQ(p.rc, 0);
	CHECK(p.c.serial.kind == CHR_SOCKET && !strcmp(p.c.serial.path, "/tmp/s"));
	CHECK_EQ(p.c.serial2.kind, CHR_PTY);
	CHECK(p.c.debugcon.kind == CHR_FILE && p.c.debugcon_port == 0x402);
	done(&p);
	fails("--serial file=", "file= needs a path");
	fails("--serial file", "needs a value");
	fails("--serial tty=x", "takes no value");
	fails("--serial tty,off", "exclude each other");
	fails("--debug-console iobase=0x402", "neither where to nor");
	fails("--accel kvm,soft", "exclude each other");
}

static void what_is_not_there_is_refused_by_name(void)
{
	fails("--balloon size=1G", "--balloon is not supported");
	fails("--pmem file=a file=b", "--pmem is not supported");
	fails("--landlock", "--landlock is not supported");
	fails("--tpm socket=/tmp/x", "--tpm is not supported");
	fails("--console tty", "use --serial tty instead");
	fails("--disk path=a,bus=nvme", "bus=nvme is not supported");
	fails("--disk path=a,iommu=on", "iommu=on is not supported");
	fails("--disk path=a,bw_size=1000", "bw_size=1000 is not supported");
	fails("--memory size=1G,hotplug_size=1G", "hotplug_size=1G is not supported");
	fails("--platform tdx=on", "tdx=on is not supported");
	fails("--platform num_pci_segments=2", "is not supported");
	fails("--machine gen2", "gen2 is not supported");
	fails("--display vnc=:1", "there is no screen yet");
	fails("--secure-boot", "OVMF_VARS_4M.ms.fd");
}

static void harmless_values_of_missing_features_pass_in_silence(void)
{
	struct parsed p =
		parse("--disk path=a,iommu=OFF,bus=virtio,num_queues=1,bw_size=0,sparse=on "
		      "--memory size=1G,hotplug_size=0,reserve=false "
		      "--platform tdx=off,num_pci_segments=1 --rng src=/dev/urandom "
		      "--seccomp false --fw-cfg-config e820=on --cpus profile=host,max=1 "
		      "--serial off --display off");

	CHECK_EQ(p.rc, 0);
	CHECK_EQ(p.notes.len, 0);
	done(&p);
}

static void what_has_no_effect_is_said(void)
{
	struct parsed p =
		parse("--cpus boot=1,max=4,affinity=[0@[1]] --seccomp true --pvpanic --rtc "
		      "--rng src=/dev/hwrng --net tap=a mac=52:54:00:00:00:01");

	CHECK_EQ(p.rc, 0);
	CHECK(says(&p, "--cpus max=4 has no effect"));
	CHECK(says(&p, "--cpus affinity=[0@[1]] has no effect"));
	CHECK(says(&p, "--seccomp true has no effect"));
	CHECK(says(&p, "--pvpanic has no effect"));
	CHECK(says(&p, "--rtc has no effect"));
	CHECK(says(&p, "--rng src=/dev/hwrng has no effect"));
	CHECK(says(&p, "--net has no effect"));
	CHECK(says(&p, "no --serial is given"));
	CHECK(!strstr(strstr(p.notes.at, "--net has") + 1, "--net has")); /* once for two cards */
	done(&p);
}

static void words_and_platform_strings_are_stored(void)
{
	struct parsed p = parse("--platform uuid=x,system_family=\"a,b\",oem_strings=[one,two] "
				"--backend soft --machine q35,smm=on --memory thp=off,prefault=on "
				"--cpus nested=on,hyperv=auto,topology=2:3:1:1,boot=6 --no-reboot "
				"--disk path=a,pci_device_id=0x1e,bootindex=0,serial=S,direct=TRUE "
				"--i8042 --serial off");

	CHECK_EQ(p.rc, 0);
	CHECK(!strcmp(p.c.uuid, "x") && !strcmp(p.c.family, "a,b"));
	CHECK(!strcmp(p.c.oem_strings[1], "two") && !p.c.oem_strings[2]);
	CHECK(!strcmp(p.c.accel, "soft") && !strcmp(p.c.machine, "q35"));
	CHECK(p.c.no_thp && p.c.prefault && p.c.no_reboot && p.c.i8042);
	CHECK(p.c.nested == TOGGLE_ON && p.c.hyperv == TOGGLE_AUTO && p.c.smm == TOGGLE_ON);
	CHECK(p.c.topology.threads == 2 && p.c.topology.cores == 3);
	CHECK(p.c.disk[0].slot == 30 && p.c.disk[0].bootindex == 0 && p.c.disk[0].direct);
	CHECK_EQ(p.c.disk[0].queue_size, 128);
	done(&p);
}

static void every_option_and_key_of_the_table_is_complete(void)
{
	for (const struct option *o = options; o->self.name; o++) {
		CHECK(o->self.help && *o->self.help && o->group);
		CHECK(option_find(o->self.name) == o); /* no name twice */
		CHECK(o->self.support == REFUSED || o->example);
		CHECK((o->self.type == V_KEYS) == (o->keys != NULL));
		CHECK(o->self.support != REFUSED || strstr(o->self.help, ";"));
		for (const struct key *k = o->keys; k && k->name; k++) {
			CHECK(k->help && *k->help);
			CHECK(key_find(o->keys, k->name) == k);
			CHECK(k->type != V_CHOICE || k->values);
			CHECK(k->type != V_NUMBER || k->max > k->min);
			CHECK(k->support != REFUSED || !k->set);
		}
	}
}

/* An example of the help is the first thing that people try. */
static void every_example_of_the_help_parses(void)
{
	for (const struct option *o = options; o->self.name; o++) {
		struct parsed p;

		if (!o->example || strchr(o->example, '"'))
			continue;
		p = parse(o->example);
		if (p.rc < 0)
			fprintf(stderr, "%s: %s\n", o->example, p.err.msg);
		CHECK_EQ(p.rc, 0);
		done(&p);
	}
}

static void a_single_option_can_be_applied_from_elsewhere(void)
{
	struct vm_config c;
	struct str notes = { 0 };
	struct error err = { 0 };

	config_init(&c);
	CHECK_EQ(option_apply(&c, option_find("disk"), "path=x", &notes, &err), 0);
	CHECK_EQ(option_apply(&c, option_find("disk"), "path=y", &notes, &err), 0);
	CHECK_EQ(c.disks, 2);
	CHECK_EQ(option_apply(&c, option_find("vdpa"), "path=x", &notes, &err), -ENOTSUP);
	CHECK_EQ(option_apply(&c, option_find("memory"), "size=x", &notes, NULL), -EINVAL);
	CHECK_EQ(notes.len, 0);
	config_finish(&c);
	config_finish(&c); /* finished twice is finished */
}

int main(void)
{
	RUN(the_command_of_the_windows_guide_works_word_for_word);
	RUN(values_follow_a_blank_or_an_equals_sign);
	RUN(list_options_take_several_values_and_append);
	RUN(more_disks_than_fit_are_refused);
	RUN(an_empty_value_leaves_the_default);
	RUN(what_is_unknown_names_the_nearest);
	RUN(what_is_given_twice_is_refused);
	RUN(values_are_checked_by_their_type);
	RUN(where_output_goes_is_said_once);
	RUN(what_is_not_there_is_refused_by_name);
	RUN(harmless_values_of_missing_features_pass_in_silence);
	RUN(what_has_no_effect_is_said);
	RUN(words_and_platform_strings_are_stored);
	RUN(every_option_and_key_of_the_table_is_complete);
	RUN(every_example_of_the_help_parses);
	RUN(a_single_option_can_be_applied_from_elsewhere);
	return 0;
}
