/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/test_kvm.c: what is said where KVM cannot be used. Guests on KVM: tests/guest. */
#include <errno.h>

#include "cpu/accel.h"
#include "cpu/kvm/node_priv.h"
#include "plat/time.h"
#include "test.h"

static void each_failure_to_open_the_node_has_advice(void)
{
	struct error err = { 0 };

	CHECK_EQ(kvm_node_error(&err, -ENOENT), -ENOENT);
	CHECK(strstr(err.msg, "kvm_intel"));
	CHECK_EQ(kvm_node_error(&err, -EACCES), -EACCES);
	CHECK(strstr(err.msg, "usermod -aG kvm"));
	CHECK_EQ(kvm_node_error(&err, -EPERM), -EPERM);
	CHECK(strstr(err.msg, "permission"));
	CHECK_EQ(kvm_node_error(&err, -ENODEV), -ENODEV);
	CHECK(strstr(err.msg, "dmesg"));
	CHECK_EQ(kvm_node_error(&err, -EMFILE), -EMFILE);
	CHECK(strstr(err.msg, "/dev/kvm"));
}

/* The watchdog's promise, whatever /dev/kvm is here. */
static void the_probe_ends_in_time_and_says_why(void)
{
	struct accel_info info = { 0 };
	struct error err = { 0 };
	u64 start = time_now_ns();
	int rc = kvm_accel.probe(&info, &err);

	CHECK(time_now_ns() - start < 10 * NS_PER_S);
	if (rc == 0) {
		CHECK(info.detail[0]);
		CHECK(info.max_vcpus >= 1);
	} else {
		CHECK(strchr(err.msg, ';')); /* what failed; what to do */
		printf("# no KVM here: %s\n", err.msg);
	}
}

/* Each refusal comes before anything is left behind, so that they can follow each other. */
static void impossible_machines_are_refused(void)
{
	struct cpu_config cfg = { .count = 3, .topology = { .cores = 2 } };
	struct accel_info info = { 0 };
	struct machine *m = NULL;
	struct accel *a = NULL;
	struct error err = { 0 };

	CHECK_EQ(machine_create(&m, clock_create_manual(), &err), 0);
	CHECK_EQ(kvm_accel.create(&a, m, &cfg, &err), -EINVAL);
	CHECK(strstr(err.msg, "topology"));
	cfg = (struct cpu_config){ .count = 1, .model = "x86-64-v2" };
	CHECK_EQ(kvm_accel.create(&a, m, &cfg, &err), -ENOTSUP);
	CHECK(strstr(err.msg, "model=host") && strstr(err.msg, "--accel soft"));
	if (kvm_accel.probe(&info, NULL) == 0) {
		cfg = (struct cpu_config){ .count = info.max_vcpus + 1 };
		CHECK(kvm_accel.create(&a, m, &cfg, &err) < 0);
		CHECK(strstr(err.msg, "vCPUs"));
		cfg = (struct cpu_config){ .count = 1, .phys_bits_limit = 8 };
		CHECK(kvm_accel.create(&a, m, &cfg, &err) < 0);
	}
	CHECK(!a);
	machine_destroy(m);
}

int main(void)
{
	RUN(each_failure_to_open_the_node_has_advice);
	RUN(the_probe_ends_in_time_and_says_why);
	RUN(impossible_machines_are_refused);
	return 0;
}
