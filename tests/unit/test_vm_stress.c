/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four vCPUs that do everything at once and as they like, while the owner pauses, resets and looks
 * at the machine. Nothing is expected of the guest but that no harm comes to us: for the
 * sanitizers, the thread sanitizer above all (tests/README.md). STRESS_MS in the environment makes
 * it last longer.
 */
#include "base/bytes.h"
#include "base/log.h"
#include "bus/pci/pci_abi.h"
#include "dev/virtio/virtio_abi.h"
#include "vm_rig.h"

enum { CPUS = 4, STRESS_MS = 1500, RINGS = 0x100000, BUFFERS = 0x200000, VARS_LEN = RIG_VARS };
#define ECAM 0xb0000000ull
#define BARS 0xc0000000ull
#define FLASH (GIB(4) - MIB(1))

struct guest {
	struct machine *m;
	u64 random;
	unsigned disk; /* of its own, mostly: 0, 1, or 2 for the entropy device */
};

/* Each thread has its own. */
static u64 pick(struct guest *g, u64 n)
{
	g->random = g->random * 6364136223846793005ull + 1442695040888963407ull;
	return (g->random >> 33) % n;
}

/* What a guest's CPU does with its memory: in its own right, and seen by devices any time. */
static void guest_store(struct guest *g, gpa_t at, const void *p, size_t len)
{
	CHECK(mem_write(g->m->mem, at, p, len) == 0);
}

static void out(struct guest *g, u16 port, unsigned size, u64 v)
{
	io_write_vcpu(g->m, IO_PORT, port, size, v);
}

static void in(struct guest *g, u16 port, unsigned size)
{
	(void)io_read_vcpu(g->m, IO_PORT, port, size);
}

static void config(struct guest *g, unsigned slot, unsigned reg, unsigned size, u64 v)
{
	if (pick(g, 2)) {
		out(g, 0xcf8, 4, 0x80000000 | slot << 11 | (reg & 0xfc));
		out(g, (u16)(0xcfc + (reg & 3)), size, v);
	} else {
		io_write_vcpu(g->m, IO_MMIO, ECAM + (slot << 15) + reg, size, v);
	}
}

static u64 bar(unsigned slot, unsigned n)
{
	return BARS + slot * 0x100000ull + n * 0x10000ull;
}

static void set(struct guest *g, unsigned slot, unsigned reg, unsigned size, u64 v)
{
	io_write_vcpu(g->m, IO_MMIO, bar(slot, 4) + reg, size, v);
}

static void place_bars(struct guest *g, unsigned slot)
{
	config(g, 0, 0x60, 4, ECAM | 1);
	config(g, slot, PCI_BAR0 + 4, 4, bar(slot, 1));
	config(g, slot, PCI_BAR0 + 16, 4, bar(slot, 4));
	config(g, slot, PCI_BAR0 + 20, 4, 0);
	config(g, slot, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Ring and buffers of each slot's queue, the way a driver leaves them. */
static void start_driver(struct guest *g, unsigned slot)
{
	gpa_t ring = RINGS + slot * 0x10000ull;

	place_bars(g, slot);
	set(g, slot, COMMON_STATUS, 1, 0);
	set(g, slot, COMMON_STATUS, 1, 3);
	set(g, slot, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
	set(g, slot, COMMON_DRIVER_FEATURE, 4, pick(g, 2) ? VIRTIO_BLK_F_FLUSH : 0);
	set(g, slot, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	set(g, slot, COMMON_DRIVER_FEATURE, 4, 1);
	set(g, slot, COMMON_STATUS, 1, 11);
	set(g, slot, COMMON_CONFIG_VECTOR, 2, 0);
	set(g, slot, COMMON_QUEUE_SELECT, 2, 0);
	set(g, slot, COMMON_QUEUE_SIZE, 2, 64);
	set(g, slot, COMMON_QUEUE_VECTOR, 2, 1);
	set(g, slot, COMMON_QUEUE_DESC, 8, ring);
	set(g, slot, COMMON_QUEUE_DRIVER, 8, ring + 0x4000);
	set(g, slot, COMMON_QUEUE_DEVICE, 8, ring + 0x8000);
	set(g, slot, COMMON_QUEUE_ENABLE, 2, 1);
	guest_store(g, ring + 0x4000, (u8[4]){ 0 }, 4);
	set(g, slot, COMMON_STATUS, 1, 15);
	for (unsigned i = 0; i < 2; i++) {
		io_write_vcpu(g->m, IO_MMIO, bar(slot, 1) + 16 * i, 8, 0xfee00000);
		io_write_vcpu(g->m, IO_MMIO, bar(slot, 1) + 16 * i + 8, 8, 0x40 + i);
	}
	/* The MSI-X capability is somewhere among the first: its control word takes the bits. */
	for (unsigned cap = 0x40; cap < 0xb0; cap += 4)
		config(g, slot, cap + 2, 2, pick(g, 4) ? PCI_MSIX_ENABLE : 0);
}

static void put_desc(struct guest *g, unsigned slot, unsigned n, u64 at, u32 len, u16 flags)
{
	u8 d[VIRTQ_DESC_LEN];

	put_le64(d, at);
	put_le32(d + 8, len);
	put_le16(d + 12, flags);
	put_le16(d + 14, (u16)(n + 1));
	guest_store(g, RINGS + slot * 0x10000ull + n * sizeof(d), d, sizeof(d));
}

/* One request, offered again and again: the index only grows. */
static void request(struct guest *g, unsigned slot)
{
	static const u8 types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
				    VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_WRITE_ZEROES };
	u8 type = types[pick(g, ARRAY_LEN(types))];
	gpa_t ring = RINGS + slot * 0x10000ull, buf = BUFFERS + slot * 0x10000ull;
	u8 header[16] = { type }, avail[2];
	u16 next;

	put_le64(header + 8, pick(g, 2048));
	guest_store(g, buf, header, sizeof(header));
	put_desc(g, slot, 0, buf, sizeof(header), VIRTQ_DESC_F_NEXT);
	put_desc(g, slot, 1, buf + 0x1000, 512 * (u32)(1 + pick(g, 8)),
		 VIRTQ_DESC_F_NEXT | (type == VIRTIO_BLK_T_OUT ? 0 : VIRTQ_DESC_F_WRITE));
	put_desc(g, slot, 2, buf + 0x8000, 1, VIRTQ_DESC_F_WRITE);
	CHECK(mem_read(g->m->mem, ring + 0x4002, avail, 2) == 0);
	next = le16_at(avail);
	guest_store(g, ring + 0x4004 + 2 * (next % 64), (u8[2]){ 0 }, 2);
	put_le16(avail, (u16)(next + 1));
	guest_store(g, ring + 0x4002, avail, 2);
	set(g, slot, 0x3000, 2, 0);
}

static void mask_vectors(struct guest *g, unsigned slot)
{
	u64 at = bar(slot, 1) + 16 * pick(g, 2) + 12;

	io_write_vcpu(g->m, IO_MMIO, at, 4, 1);
	(void)io_read_vcpu(g->m, IO_MMIO, bar(slot, 1) + 32, 8);
	io_write_vcpu(g->m, IO_MMIO, at, 4, 0);
}

static void flash(struct guest *g)
{
	u64 at = FLASH + pick(g, VARS_LEN);
	static const u8 commands[] = { 0x10, 0x20, 0x50, 0x70, 0xd0, 0xff };

	io_write_vcpu(g->m, IO_MMIO, at, 1, commands[pick(g, sizeof(commands))]);
	(void)io_read_vcpu(g->m, IO_MMIO, at, 1);
}

static void fw_cfg_dma(struct guest *g)
{
	u8 block[16] = { 0 };
	gpa_t at = 0x80000 + 64 * pick(g, 16);

	put_be32(block, (u32)pick(g, 0x30) << 16 | 8 | 2);
	put_be32(block + 4, (u32)pick(g, 0x2000));
	put_be64(block + 8, 0x90000);
	guest_store(g, at, block, sizeof(block));
	out(g, 0x514, 4, 0);
	out(g, 0x518, 4, __builtin_bswap32((u32)at));
}

static void legacy(struct guest *g)
{
	static const u16 ports[] = {
		0x20,  0x21,  0x40,  0x42,  0x43,  0x60,  0x61,  0x64,  0x70,
		0x71,  0xa0,  0xa1,  0xb2,  0x3f8, 0x3f9, 0x3fa, 0x3fc, 0x3fd,
		0x4d0, 0x510, 0x511, 0x600, 0x602, 0x604, 0x608, 0x620, 0x630
	};
	u16 port = ports[pick(g, ARRAY_LEN(ports))];

	if (port == 0x64 || pick(g, 2)) /* FE to 64 would be one reset after the other */
		in(g, port, 1u << pick(g, 3));
	else if (port != 0x604)
		out(g, port, 1, pick(g, 256));
	io_write_vcpu(g->m, IO_MMIO, 0xfec00000, 4, 0x10 + pick(g, 48));
	io_write_vcpu(g->m, IO_MMIO, 0xfec00010, 4, pick(g, 4) ? 0x8030 + pick(g, 64) : 0x10000);
}

static void move_bar(struct guest *g, unsigned slot)
{
	config(g, slot, PCI_BAR0 + 16, 4, bar((unsigned)pick(g, 4), 4)); /* over another */
	set(g, slot, 0x3000, 2, 0);
	config(g, slot, PCI_COMMAND, 2, pick(g, 8));
	place_bars(g, slot);
}

static void act(struct guest *g)
{
	unsigned slot = 1 + (unsigned)(pick(g, 8) ? g->disk : pick(g, 3));

	switch (pick(g, 64)) {
	case 0: start_driver(g, slot); break;
	case 1: set(g, slot, COMMON_STATUS, 1, 0); break;
	case 2: move_bar(g, slot); break;
	case 3: config(g, 0, 0x60, 4, ECAM | pick(g, 8)); break;
	case 4:
	case 5: flash(g); break;
	case 6: fw_cfg_dma(g); break;
	case 7:
		if (!pick(g, 200))
			out(g, 0xcf9, 1, 6);
		break;
	case 8:
	case 9:
	case 10: mask_vectors(g, slot); break;
	case 11: set(g, slot, (unsigned)pick(g, 0x2040), 1u << pick(g, 3), g->random >> 20); break;
	default:
		if (pick(g, 2))
			request(g, slot);
		else
			legacy(g);
	}
}

static struct guest guests[CPUS];

static enum run_result live(struct fake_cpu *c)
{
	struct guest *g = &guests[c->base.index];

	if (!g->m)
		*g = (struct guest){ fake_machine(c), c->base.index + 1, c->base.index % 3 };
	for (unsigned i = 0; i < 20; i++)
		act(g);
	return RUN_AGAIN;
}

static void four_wild_processors_do_no_harm(void) unchecked_roles
{
	static struct vm_rig rig;
	struct str text = { 0 };
	const char *longer = getenv("STRESS_MS");
	u64 until = STRESS_MS;

	CHECK(!longer || parse_u64(&until, longer) == 0);
	rig_begin(&rig, "test_vm_stress", CPUS);
	fake.step = live;
	rig_start(&rig);
	until = time_now_ns() + until * NS_PER_MS;
	for (unsigned i = 0; time_now_ns() < until; i++) {
		rig_loop_ms(&rig, 20);
		str_free(&text);
		vm_inspect(rig.vm, &text);
		vm_stats(rig.vm, &text, true);
		if (i % 8 == 1)
			vm_pause(rig.vm);
		if (i % 8 == 2)
			vm_resume(rig.vm);
		if (i % 8 == 4)
			vm_reset(rig.vm);
		if (i % 8 == 6)
			vm_power_button(rig.vm);
	}
	CHECK_EQ(rig.ends, 0);
	CHECK(stat_get(rig.vm->machine, STAT_disk_write) > 0);
	CHECK(stat_get(rig.vm->machine, STAT_msi) > 0);
	vm_quit(rig.vm);
	CHECK_EQ(rig.how, VM_QUIT);
	str_free(&text);
	rig_end(&rig);
}

int main(void)
{
	CHECK(log_set_rules("error") == 0);
	RUN(four_wild_processors_do_no_harm);
	return 0;
}
