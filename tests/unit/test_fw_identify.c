/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firmware told apart by its bytes, and a BIOS put where x86 starts. */
#include "base/bytes.h"
#include "fw/fw.h"
#include "plat/file.h"
#include "test.h"

static const u8 nv_data[16] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
				0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };
static const u8 ffs2[16] = { 0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f,
			     0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3 };

static void put_volume(u8 *at, u64 len, const u8 *guid)
{
	u16 sum = 0;

	memcpy(at + 16, guid, 16);
	put_le64(at + 32, len);
	memcpy(at + 40, "_FVH", 4);
	put_le16(at + 48, 72);
	put_le16(at + 50, 0);
	for (unsigned i = 0; i < 72; i += 2)
		sum = (u16)(sum + le16_at(at + i));
	put_le16(at + 50, (u16)-sum);
}

static void put_jump(u8 *image, size_t len)
{
	static const u8 far_jump[] = { 0xea, 0x5b, 0xe0, 0x00, 0xf0 };

	memcpy(image + len - 16, far_jump, sizeof(far_jump));
}

static void volumes_are_told_apart_by_their_guid(void)
{
	static u8 image[0x40000];

	put_volume(image, sizeof(image), ffs2);
	CHECK(fw_identify(image, sizeof(image)) == FW_UNKNOWN); /* no code at its end */
	put_jump(image, sizeof(image));
	CHECK(fw_identify(image, sizeof(image)) == FW_UEFI);
	CHECK_EQ(fw_vars_size(image, sizeof(image)), 0);
	put_volume(image, sizeof(image), nv_data);
	CHECK(fw_identify(image, sizeof(image)) == FW_UEFI_VARS);
	CHECK_EQ(fw_vars_size(image, sizeof(image)), 0);
	put_volume(image, 0x20000, nv_data);
	put_volume(image + 0x20000, 0x20000, ffs2);
	CHECK(fw_identify(image, sizeof(image)) == FW_UEFI);
	CHECK_EQ(fw_vars_size(image, sizeof(image)), 0x20000);
}

static void damaged_volumes_are_not_firmware(void)
{
	static u8 image[0x20000];

	put_volume(image, sizeof(image), nv_data);
	image[60] ^= 1; /* the header's sum */
	CHECK(fw_identify(image, sizeof(image)) == FW_UNKNOWN);
	image[60] ^= 1;
	CHECK(fw_identify(image, sizeof(image) - 1) == FW_UNKNOWN); /* cut off */
	CHECK(fw_identify(image, 71) == FW_UNKNOWN);
	CHECK(fw_identify(image, 0) == FW_UNKNOWN);
	put_volume(image, 0x800, nv_data);
	put_volume(image + 0x800, 0x1000, ffs2);
	CHECK_EQ(fw_vars_size(image, sizeof(image)), 0); /* not made of blocks */
	put_volume(image, 0x1000, nv_data);
	put_volume(image + 0x1000, 0x1000, nv_data);
	CHECK_EQ(fw_vars_size(image, sizeof(image)), 0);
}

static void a_bios_has_a_jump_where_x86_starts(void)
{
	static u8 image[5 << 20];

	CHECK(fw_identify(image, 0x20000) == FW_UNKNOWN);
	put_jump(image, 0x20000);
	CHECK(fw_identify(image, 0x20000) == FW_BIOS);
	CHECK(fw_identify(image, 0x1ffff) == FW_UNKNOWN);
	put_le16(image + 0x20000 - 13, 0x7c0); /* a boot sector's jump */
	CHECK(fw_identify(image, 0x20000) == FW_UNKNOWN);
	memcpy(image + 0x20000 - 16, "\xfa\x0f\x09\xe9", 4);
	CHECK(fw_identify(image, 0x20000) == FW_BIOS);
	put_jump(image, 0x8000);
	CHECK(fw_identify(image, 0x8000) == FW_UNKNOWN); /* too small */
	put_jump(image, sizeof(image));
	CHECK(fw_identify(image, sizeof(image)) == FW_UNKNOWN); /* too large */
}

static void a_bzimage_is_a_kernel_even_with_an_efi_header(void)
{
	static u8 image[0x20000];

	memcpy(image, "MZ", 2);
	put_le16(image + 0x1fe, 0xaa55);
	CHECK(fw_identify(image, sizeof(image)) == FW_UNKNOWN);
	memcpy(image + 0x202, "HdrS", 4);
	put_le16(image + 0x206, 0x20f);
	CHECK(fw_identify(image, sizeof(image)) == FW_LINUX);
	CHECK(fw_identify(image, 0x206) == FW_UNKNOWN);
}

/* What Debian ships, where it is installed. */
static void debians_files_are_recognised(void)
{
	static const struct {
		const char *path;
		enum fw_kind kind;
		size_t vars;
	} files[] = {
		{ "/usr/share/OVMF/OVMF_CODE.fd", FW_UEFI, 0 },
		{ "/usr/share/OVMF/OVMF_CODE_4M.fd", FW_UEFI, 0 },
		{ "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", FW_UEFI, 0 },
		{ "/usr/share/OVMF/OVMF_VARS.fd", FW_UEFI_VARS, 0 },
		{ "/usr/share/OVMF/OVMF_VARS_4M.fd", FW_UEFI_VARS, 0 },
		{ "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", FW_UEFI_VARS, 0 },
		{ "/usr/share/ovmf/OVMF.fd", FW_UEFI, 0x20000 },
		{ "/usr/share/seabios/bios.bin", FW_BIOS, 0 },
		{ "/usr/share/seabios/bios-256k.bin", FW_BIOS, 0 },
		{ "/usr/share/seabios/bios-microvm.bin", FW_BIOS, 0 },
		{ "/usr/share/seabios/vgabios-stdvga.bin", FW_UNKNOWN, 0 },
		{ "/bin/sh", FW_KERNEL, 0 },
	};
	u8 *bytes;
	size_t len;

	for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
		if (file_load(&bytes, &len, files[i].path, MIB(64), NULL) < 0) {
			printf("# no %s\n", files[i].path);
			continue;
		}
		CHECK_EQ(fw_identify(bytes, len), files[i].kind);
		CHECK_EQ(fw_vars_size(bytes, len), files[i].vars);
		free(bytes);
	}
}

static void bios_is_rom_and_comes_back_below_1_mib_at_reset(void)
{
	static u8 image[KIB(512)];
	struct region *ram;
	struct machine *m;
	u8 b;

	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i >> 10);
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_lock(m);
	CHECK(bios_load(m, image, sizeof(image), NULL) < 0); /* no RAM yet */
	CHECK(mem_add(&ram, m->mem, "ram", REGION_RAM, 0, MIB(2), 0, IN_ALL, NULL) == 0);
	CHECK(bios_load(m, image, KIB(32), NULL) < 0);
	CHECK(bios_load(m, image, sizeof(image), NULL) == 0);
	CHECK(mem_read(m->mem, GIB(4) - KIB(512), &b, 1) == 0 && b == 0);
	CHECK(mem_read(m->mem, GIB(4) - 1, &b, 1) == 0 && b == 0xff);
	CHECK_EQ(ram->host[0xc0000], 0x00); /* 256 of 512 KiB: (u8)(256 * 1024 >> 10) */
	CHECK_EQ(ram->host[0xc0400], 0x01);
	CHECK_EQ(ram->host[0xfffff], 0xff);
	CHECK_EQ(ram->host[0xbffff], 0x00);
	memset(ram->host, 0x77, MIB(2));
	device_reset_all(m, RESET_WARM);
	CHECK_EQ(ram->host[0xc0400], 0x01);
	CHECK_EQ(ram->host[0xfffff], 0xff);
	CHECK_EQ(ram->host[0xbffff], 0x77);
	CHECK_EQ(ram->host[0x100000], 0x77);
	machine_unlock(m);
	machine_destroy(m);
}

static void a_small_bios_ends_at_1_mib(void)
{
	static u8 image[KIB(128)];
	struct region *ram;
	struct machine *m;

	memset(image, 0x5a, sizeof(image));
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_lock(m);
	CHECK(mem_add(&ram, m->mem, "ram", REGION_RAM, 0, MIB(2), 0, IN_ALL, NULL) == 0);
	CHECK(bios_load(m, image, sizeof(image), NULL) == 0);
	CHECK_EQ(ram->host[0xdffff], 0);
	CHECK_EQ(ram->host[0xe0000], 0x5a);
	CHECK_EQ(ram->host[0xfffff], 0x5a);
	machine_unlock(m);
	machine_destroy(m);
}

int main(void)
{
	RUN(volumes_are_told_apart_by_their_guid);
	RUN(damaged_volumes_are_not_firmware);
	RUN(a_bios_has_a_jump_where_x86_starts);
	RUN(a_bzimage_is_a_kernel_even_with_an_efi_header);
	RUN(debians_files_are_recognised);
	RUN(bios_is_rom_and_comes_back_below_1_mib_at_reset);
	RUN(a_small_bios_ends_at_1_mib);
	return 0;
}
