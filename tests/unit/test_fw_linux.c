/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel, its command line and initramfs as fw_cfg items. */
#include <errno.h>

#include "base/bytes.h"
#include "bus/isa/isa.h"
#include "fw/fw.h"
#include "test.h"

enum { SETUP = 3 * 512, BODY = 10000 };
static const char initrd[] = "an initramfs";

struct rig {
	struct machine *m;
	struct isa_bus bus;
	struct device *fw;
	u8 kernel[SETUP + BODY];
};

static void rig_create(struct rig *r) enters(in_machine)
{
	memset(r, 0, sizeof(*r));
	CHECK(machine_create(&r->m, clock_create_manual(), NULL) == 0);
	machine_lock(r->m);
	r->bus.machine = r->m;
	r->fw = fw_cfg_create(&r->bus, NULL);
	CHECK(r->fw);
	r->kernel[0x1f1] = 2; /* setup sectors */
	put_le16(r->kernel + 0x1fe, 0xaa55);
	memcpy(r->kernel + 0x202, "HdrS", 4);
	put_le16(r->kernel + 0x206, 0x20f);
	r->kernel[0x211] = 1;
	put_le32(r->kernel + 0x22c, 0x7fffffff);
	put_le32(r->kernel + 0x238, 2047);
	put_le32(r->kernel + 0x260, MIB(32));
	memset(r->kernel + SETUP, 0x90, BODY);
}

static void rig_destroy(struct rig *r) leaves(in_machine)
{
	machine_unlock(r->m);
	machine_destroy(r->m);
}

static int add(struct rig *r, size_t initrd_len, const char *cmdline, u64 ram)
{
	return fw_cfg_add_linux(r->fw, r->kernel, sizeof(r->kernel),
				initrd_len ? (const u8 *)initrd : NULL, initrd_len, cmdline, ram,
				NULL);
}

static u32 item(struct rig *r, u16 key, unsigned off) needs(in_machine)
{
	io_write(r->m, IO_PORT, 0x510, 2, key);
	for (unsigned i = 0; i < off; i++)
		io_read(r->m, IO_PORT, 0x511, 1);
	return (u32)io_read(r->m, IO_PORT, 0x511, 4);
}

static void kernel_is_split_and_its_header_filled_in(void)
{
	struct rig r;

	rig_create(&r);
	CHECK(add(&r, sizeof(initrd), "console=ttyS0", MIB(128)) == 0);
	CHECK_EQ(item(&r, 0x07, 0), 0x100000);
	CHECK_EQ(item(&r, 0x08, 0), BODY);
	CHECK_EQ(item(&r, 0x11, 0), 0x90909090);
	CHECK_EQ(item(&r, 0x11, BODY), 0);
	CHECK_EQ(item(&r, 0x16, 0), 0x10000);
	CHECK_EQ(item(&r, 0x17, 0), SETUP);
	CHECK_EQ(item(&r, 0x13, 0), 0x20000);
	CHECK_EQ(item(&r, 0x14, 0), sizeof("console=ttyS0"));
	CHECK_EQ(item(&r, 0x15, 0), le32_at("cons"));
	CHECK_EQ(item(&r, 0x0b, 0), sizeof(initrd));
	CHECK_EQ(item(&r, 0x12, 0), le32_at(initrd));
	CHECK_EQ(item(&r, 0x0a, 0), MIB(128) - 4096);
	CHECK_EQ(item(&r, 0x18, 0x210) & 0xffff, 0x81b0);
	CHECK_EQ(item(&r, 0x18, 0x218), MIB(128) - 4096);
	CHECK_EQ(item(&r, 0x18, 0x21c), sizeof(initrd));
	CHECK_EQ(item(&r, 0x18, 0x224) & 0xffff, 0xfe00);
	CHECK_EQ(item(&r, 0x18, 0x228), 0x20000);
	rig_destroy(&r);
}

static void nothing_but_a_kernel_is_enough(void)
{
	struct rig r;

	rig_create(&r);
	CHECK(add(&r, 0, NULL, MIB(64)) == 0);
	CHECK_EQ(item(&r, 0x14, 0), 1); /* the empty line's NUL */
	CHECK_EQ(item(&r, 0x0b, 0), 0);
	CHECK_EQ(item(&r, 0x18, 0x218), 0);
	rig_destroy(&r);
}

static void initramfs_stays_where_the_kernel_can_reach_it(void)
{
	struct rig r;

	rig_create(&r);
	put_le32(r.kernel + 0x22c, 0x37ffffff);
	CHECK(add(&r, 8, "", GIB(2)) == 0);
	CHECK_EQ(item(&r, 0x0a, 0), 0x38000000 - 4096);
	CHECK(add(&r, 8, "", MIB(33)) == -ENOSPC); /* the kernel unpacks over 1 to 33 MiB */
	CHECK(add(&r, 8, "", MIB(33) + 4096) == 0);
	CHECK(add(&r, 8, "", 4) == -ENOSPC);
	rig_destroy(&r);
}

static void a_setup_size_of_zero_means_four_sectors(void)
{
	struct rig r;

	rig_create(&r);
	r.kernel[0x1f1] = 0;
	CHECK(add(&r, 0, "", MIB(64)) == 0);
	CHECK_EQ(item(&r, 0x17, 0), 5 * 512);
	rig_destroy(&r);
}

static void bad_kernels_and_long_lines_are_refused(void)
{
	static char line[3000];
	struct rig r;

	rig_create(&r);
	memset(line, 'x', 2048);
	CHECK(add(&r, 0, line, MIB(64)) == -E2BIG);
	line[2047] = 0;
	CHECK(add(&r, 0, line, MIB(64)) == 0);
	r.kernel[0x211] = 0;
	CHECK(add(&r, 0, "", MIB(64)) == -ENOTSUP); /* zImage */
	r.kernel[0x211] = 1;
	put_le16(r.kernel + 0x206, 0x202);
	CHECK(add(&r, 0, "", MIB(64)) == -ENOTSUP);
	put_le16(r.kernel + 0x206, 0x20f);
	r.kernel[0x1f1] = 0xff;
	CHECK(add(&r, 0, "", MIB(64)) == -EINVAL); /* its setup is longer than the file */
	r.kernel[0x202] = 0;
	CHECK(add(&r, 0, "", MIB(64)) == -EINVAL);
	rig_destroy(&r);
}

int main(void)
{
	RUN(kernel_is_split_and_its_header_filled_in);
	RUN(nothing_but_a_kernel_is_enough);
	RUN(initramfs_stays_where_the_kernel_can_reach_it);
	RUN(a_setup_size_of_zero_means_four_sectors);
	RUN(bad_kernels_and_long_lines_are_refused);
	return 0;
}
