/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg by ports and by DMA: right, odd and hostile uses, lazy and writable files. */
#include <errno.h>

#include "base/bytes.h"
#include "bus/isa/isa.h"
#include "fw/fw.h"
#include "test.h"

struct rig {
	struct machine *m;
	struct isa_bus bus;
	struct device *fw;
	struct region *ram;
};

static struct rig rig_create(void) enters(in_machine)
{
	struct rig r = { 0 };

	CHECK(machine_create(&r.m, clock_create_manual(), NULL) == 0);
	machine_lock(r.m);
	CHECK(mem_add(&r.ram, r.m->mem, "ram", REGION_RAM, 0, MIB(4), 0, IN_ALL, NULL) == 0);
	r.bus.machine = r.m;
	r.fw = fw_cfg_create(&r.bus, NULL);
	CHECK(r.fw);
	return r;
}

static void rig_destroy(struct rig *r) leaves(in_machine)
{
	machine_unlock(r->m);
	machine_destroy(r->m);
}

static void select_key(struct rig *r, u16 key) needs(in_machine)
{
	io_write(r->m, IO_PORT, 0x510, 2, key);
}

static u64 data(struct rig *r, unsigned size) needs(in_machine)
{
	return io_read(r->m, IO_PORT, 0x511, size);
}

enum { BLOCK = 0x1000, BUFFER = 0x2000 };
enum { ERROR = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };

/* Run one DMA command; its control word afterwards. */
static u32 dma_at(struct rig *r, gpa_t block, u32 control, u32 len, u64 addr) needs(in_machine)
{
	u8 b[16];

	put_be32(b, control);
	put_be32(b + 4, len);
	put_be64(b + 8, addr);
	if (mem_write(r->m->mem, block, b, sizeof(b)) < 0)
		return 0xdead;
	io_write(r->m, IO_PORT, 0x514, 4, __builtin_bswap32((u32)(block >> 32)));
	io_write(r->m, IO_PORT, 0x518, 4, __builtin_bswap32((u32)block));
	CHECK(mem_read(r->m->mem, block, b, sizeof(b)) == 0);
	CHECK_EQ(be32_at(b + 4), len);
	return be32_at(b);
}

static u32 dma(struct rig *r, u32 control, u32 len, u64 addr) needs(in_machine)
{
	return dma_at(r, BLOCK, control, len, addr);
}

static bool buffer_is(struct rig *r, const void *want, size_t len)
{
	return !memcmp(r->ram->host + BUFFER, want, len);
}

static void signature_and_id_are_there_from_the_start(void)
{
	struct rig r = rig_create();

	CHECK_EQ(data(&r, 4), 0x554d4551); /* nothing selected yet: key 0 */
	select_key(&r, 0);
	CHECK_EQ(data(&r, 1), 'Q');
	CHECK_EQ(data(&r, 1), 'E');
	CHECK_EQ(data(&r, 2), 'M' | 'U' << 8);
	CHECK_EQ(data(&r, 4), 0);
	select_key(&r, 1);
	CHECK_EQ(data(&r, 4), 1); /* DMA works, but is not announced */
	CHECK_EQ(io_read(r.m, IO_PORT, 0x514, 4), 0x554d4551);
	CHECK_EQ(io_read(r.m, IO_PORT, 0x518, 4), 0x47464320);
	CHECK_EQ(io_read(r.m, IO_PORT, 0x519, 1), 'C');
	rig_destroy(&r);
}

static void dma_is_announced_where_it_pays(void)
{
	static const u8 kernel[65537];
	struct rig r = rig_create();
	u8 file[4] = { 0 };

	CHECK(fw_cfg_set(r.fw, 0x11, kernel, 65536, NULL) == 0);
	select_key(&r, 1);
	CHECK_EQ(data(&r, 4), 1);
	CHECK(fw_cfg_set(r.fw, 0x11, kernel, 65537, NULL) == 0);
	select_key(&r, 1);
	CHECK_EQ(data(&r, 4), 3);
	rig_destroy(&r);
	r = rig_create();
	CHECK(fw_cfg_add_writable(r.fw, "etc/ramfb", file, 4, NULL, NULL, NULL) == 0);
	select_key(&r, 1);
	CHECK_EQ(data(&r, 4), 3);
	rig_destroy(&r);
}

static void reads_past_the_end_and_of_nothing_give_zeroes(void)
{
	struct rig r = rig_create();

	CHECK(fw_cfg_set(r.fw, 5, "\x02", 2, NULL) == 0);
	select_key(&r, 5);
	CHECK_EQ(data(&r, 4), 2);
	CHECK_EQ(data(&r, 1), 0);
	select_key(&r, 0x8003);
	CHECK_EQ(data(&r, 4), 0);
	CHECK_EQ(dma(&r, SELECT | READ | 0xffffu << 16, 8, BUFFER), 0);
	CHECK(buffer_is(&r, "\0\0\0\0\0\0\0", 8));
	rig_destroy(&r);
}

static void directory_lists_files_in_order_of_addition(void)
{
	struct rig r = rig_create();
	u8 dir[4 + 2 * 64];

	CHECK(fw_cfg_add(r.fw, "etc/z", "abc", 3, NULL) == 0);
	CHECK(fw_cfg_add(r.fw, "bootorder", "x", 1, NULL) == 0);
	CHECK(fw_cfg_add(r.fw, "etc/z", "again", 5, NULL) == -EEXIST);
	CHECK(fw_cfg_add(r.fw, "", "", 0, NULL) == -EINVAL);
	CHECK(fw_cfg_add(r.fw, "12345678901234567890123456789012345678901234567890123456", "", 0,
			 NULL) == -EINVAL);
	CHECK(fw_cfg_set(r.fw, 0x20, "", 0, NULL) == -EINVAL);
	CHECK(fw_cfg_set(r.fw, 0x19, "", 0, NULL) == -EINVAL);
	select_key(&r, 0x19);
	for (unsigned i = 0; i < sizeof(dir); i++)
		dir[i] = (u8)data(&r, 1);
	CHECK_EQ(be32_at(dir), 2);
	CHECK_EQ(be32_at(dir + 4), 3);
	CHECK_EQ(be32_at(dir + 8), 0x20 << 16);
	CHECK(!strcmp((char *)dir + 12, "etc/z"));
	CHECK_EQ(be32_at(dir + 68), 1);
	CHECK_EQ(be32_at(dir + 72), 0x21 << 16);
	CHECK(!strcmp((char *)dir + 76, "bootorder"));
	select_key(&r, 0x20);
	CHECK_EQ(data(&r, 4), 'a' | 'b' << 8 | 'c' << 16);
	rig_destroy(&r);
}

static void one_command_selects_and_reads(void)
{
	struct rig r = rig_create();

	CHECK(fw_cfg_add(r.fw, "f", "0123456789", 10, NULL) == 0);
	memset(r.ram->host + BUFFER, 0xaa, 32);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 4, BUFFER), 0);
	CHECK(buffer_is(&r, "0123\xaa", 5));
	CHECK_EQ(dma(&r, SKIP, 3, 0), 0);
	CHECK_EQ(dma(&r, READ, 2, BUFFER), 0);
	CHECK(buffer_is(&r, "7823", 4));
	CHECK_EQ(dma(&r, READ, 4, BUFFER), 0);
	CHECK(buffer_is(&r, "9\0\0\0\xaa", 5));
	CHECK_EQ(dma(&r, SELECT | SKIP | 0x20 << 16, 9, 0), 0);
	CHECK_EQ(data(&r, 2), '9'); /* ports and DMA share the offset */
	CHECK_EQ(dma(&r, SKIP, 0xffffffff, 0), 0);
	CHECK_EQ(dma(&r, SKIP, 0xffffffff, 0), 0);
	CHECK_EQ(data(&r, 1), 0);
	CHECK_EQ(stat_get(r.m, STAT_fw_cfg_dma), 7);
	rig_destroy(&r);
}

static void hostile_dma_is_refused_with_the_error_bit(void)
{
	struct rig r = rig_create();

	CHECK(fw_cfg_add(r.fw, "f", "0123456789", 10, NULL) == 0);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 10, MIB(4) - 4), ERROR);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 10, ~0ull - 4), ERROR);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 0xffffffff, BUFFER), ERROR);
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x20 << 16, 1, BUFFER), ERROR); /* read only */
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x777 << 16, 1, BUFFER), ERROR);
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x19 << 16, 1, BUFFER), ERROR);
	/* The block itself lies outside RAM: nowhere to report it. */
	io_write(r.m, IO_PORT, 0x514, 4, 0xffffffff);
	io_write(r.m, IO_PORT, 0x518, 4, 0xffffffff);
	/* The high half is used once: the next command is taken from below 4 GiB again. */
	CHECK_EQ(dma_at(&r, BLOCK, 0, 0, 0), 0);
	rig_destroy(&r);
}

static void odd_accesses_change_nothing(void)
{
	struct rig r = rig_create();

	select_key(&r, 1);
	io_write(r.m, IO_PORT, 0x510, 1, 5);
	io_write(r.m, IO_PORT, 0x511, 1, 7);
	io_write(r.m, IO_PORT, 0x510, 4, 7);
	io_write(r.m, IO_PORT, 0x518, 2, 0x10);
	CHECK_EQ(data(&r, 1), 1);
	CHECK_EQ(io_read(r.m, IO_PORT, 0x510, 2), 0);
	CHECK_EQ(stat_get(r.m, STAT_fw_cfg_dma), 0);
	rig_destroy(&r);
}

struct lazy {
	u8 bytes[16];
	size_t len;
	unsigned made;
};

static const void *make(void *arg, size_t *len)
{
	struct lazy *l = arg;

	l->made++;
	*len = l->len;
	return l->bytes;
}

static void lazy_file_is_fixed_when_it_is_first_selected(void)
{
	struct rig r = rig_create();
	struct lazy l = { .bytes = "early", .len = 5 };
	u8 size[4];

	CHECK(fw_cfg_add_lazy(r.fw, "lazy", make, &l, NULL) == 0);
	CHECK_EQ(l.made, 0);
	CHECK_EQ(dma(&r, SELECT | READ | 0x19 << 16, 4, BUFFER), 0);
	CHECK_EQ(dma(&r, READ, 4, BUFFER), 0);
	memcpy(size, r.ram->host + BUFFER, 4);
	CHECK_EQ(be32_at(size), 5);
	memcpy(l.bytes, "late..", 6); /* firmware has placed things since it read the directory */
	l.len = 6;
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 6, BUFFER), 0);
	CHECK(buffer_is(&r, "late..", 6));
	memcpy(l.bytes, "later.", 6);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 6, BUFFER), 0);
	CHECK(buffer_is(&r, "late..", 6));
	device_reset_all(r.m, RESET_WARM);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 6, BUFFER), 0);
	CHECK(buffer_is(&r, "later.", 6));
	CHECK_EQ(l.made, 3);
	rig_destroy(&r);
}

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void writable_file_takes_whole_writes_only(void)
{
	struct rig r = rig_create();
	u8 file[8] = { 0 };
	unsigned writes = 0;

	CHECK(fw_cfg_add_writable(r.fw, "w", file, sizeof(file), count, &writes, NULL) == 0);
	memcpy(r.ram->host + BUFFER, "ABCDEFGHIJ", 10);
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x20 << 16, 8, BUFFER), 0);
	CHECK(!memcmp(file, "ABCDEFGH", 8));
	CHECK_EQ(writes, 1);
	CHECK_EQ(dma(&r, WRITE, 1, BUFFER), ERROR); /* at its end */
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x20 << 16, 9, BUFFER), ERROR);
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x20 << 16, 8, MIB(4) - 2), ERROR);
	CHECK_EQ(writes, 1);
	CHECK(!memcmp(file, "ABCDEFGH", 8));
	CHECK_EQ(dma(&r, SELECT | SKIP | 0x20 << 16, 6, 0), 0);
	CHECK_EQ(dma(&r, WRITE, 2, BUFFER), 0);
	CHECK(!memcmp(file, "ABCDEFAB", 8));
	select_key(&r, 0x20);
	CHECK_EQ(data(&r, 4), 'A' | 'B' << 8 | 'C' << 16 | 'D' << 24);
	rig_destroy(&r);
}

static void bump(void *arg)
{
	++*(u8 *)arg;
}

static void selecting_a_watched_file_is_told_before_it_is_read(void)
{
	struct rig r = rig_create();
	u8 file[2] = { 5, 7 };

	CHECK(fw_cfg_add_watched(r.fw, "seen", file, sizeof(file), bump, file, NULL) == 0);
	select_key(&r, 1);
	CHECK_EQ(data(&r, 4), 1); /* it needs no DMA */
	select_key(&r, 0x19);
	for (unsigned i = 0; i < 68; i++)
		data(&r, 1);
	CHECK_EQ(file[0], 5); /* looking at the directory is not selecting */
	select_key(&r, 0x20);
	CHECK_EQ(data(&r, 2), 0x0706);
	CHECK_EQ(dma(&r, SELECT | READ | 0x20 << 16, 2, BUFFER), 0);
	CHECK(buffer_is(&r, "\7\7", 2));
	CHECK_EQ(dma(&r, WRITE, 1, BUFFER), ERROR);
	CHECK_EQ(dma(&r, SELECT | WRITE | 0x20 << 16, 1, BUFFER), ERROR);
	CHECK_EQ(file[0], 8);
	rig_destroy(&r);
}

static void state_survives_saving_in_the_middle_of_a_file(void) unchecked_roles
{
	struct rig r = rig_create(), s = rig_create();
	struct lazy l = { .bytes = "0123456789", .len = 10 };
	struct str saved = { 0 };

	CHECK(fw_cfg_add_lazy(r.fw, "lazy", make, &l, NULL) == 0);
	CHECK(fw_cfg_add_lazy(s.fw, "lazy", make, &l, NULL) == 0);
	select_key(&r, 0x20);
	CHECK_EQ(data(&r, 2), '0' | '1' << 8);
	device_save_all(r.m, &saved);
	CHECK(device_load_all(s.m, (u8 *)saved.at, saved.len, NULL) == 0);
	CHECK_EQ(data(&s, 2), '2' | '3' << 8);
	device_reset_all(s.m, RESET_POWER_ON);
	CHECK_EQ(data(&s, 1), 'Q');
	str_free(&saved);
	rig_destroy(&r);
	rig_destroy(&s);
}

int main(void)
{
	RUN(signature_and_id_are_there_from_the_start);
	RUN(dma_is_announced_where_it_pays);
	RUN(reads_past_the_end_and_of_nothing_give_zeroes);
	RUN(directory_lists_files_in_order_of_addition);
	RUN(one_command_selects_and_reads);
	RUN(hostile_dma_is_refused_with_the_error_bit);
	RUN(odd_accesses_change_nothing);
	RUN(lazy_file_is_fixed_when_it_is_first_selected);
	RUN(writable_file_takes_whole_writes_only);
	RUN(selecting_a_watched_file_is_told_before_it_is_read);
	RUN(state_survives_saving_in_the_middle_of_a_file);
	return 0;
}
