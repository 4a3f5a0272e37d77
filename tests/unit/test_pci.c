/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space by both methods, BARs under a guest that moves them, INTx, state. */
#include "bus/pci/pci.h"

#include "base/bytes.h"
#include "bus/pci/pci_abi.h"
#include "core/machine.h"
#include "test.h"

enum { ECAM = 0x60000000 };

static u8 wire[8];
static unsigned wire_changes;

static void wire_set(void *chip, unsigned pin, bool level)
{
	wire[pin] = level;
	wire_changes++;
}

/* A function with a 32-bit, a 64-bit and an I/O BAR, all of which read as @tag. */
struct gadget {
	struct device dev;
	struct pci_dev pci;
	u8 tag;
	unsigned written, written_off;
};

static u64 tag_read(void *dev, u64 off, unsigned size)
{
	struct gadget *g = dev;

	return g->tag * 0x0101010101010101ull;
}

static void tag_write(void *dev, u64 off, unsigned size, u64 val)
{
}

static const struct io_ops tag_io = { .read = tag_read, .write = tag_write };

static void config_written(struct pci_dev *d, unsigned off, unsigned len)
{
	struct gadget *g = d->dev;

	g->written++;
	g->written_off = off;
}

static const struct field gadget_fields[] = { FIELD_SUB(struct gadget, pci, pci_fields),
					      FIELD_END };

static void gadget_reset(struct device *d, enum reset_kind kind) needs(in_machine)
{
	pci_reset(&container_of(d, struct gadget, dev)->pci);
}

static int gadget_loaded(struct device *d, struct error *err) needs(in_machine)
{
	return pci_loaded(&container_of(d, struct gadget, dev)->pci, err);
}

static void gadget_destroy(struct device *d)
{
	free(container_of(d, struct gadget, dev));
}

static const struct device_class gadget_class = {
	.name = "gadget",
	.fields = gadget_fields,
	.reset = gadget_reset,
	.loaded = gadget_loaded,
	.destroy = gadget_destroy,
};

static struct gadget *gadget_create(struct pci_bus *bus, u8 devfn, u8 tag) needs(in_machine)
{
	static const struct pci_ids ids = { 0x1234, 0x5678, 0x1111, 0x2222, 0x0108aa, 7 };
	struct gadget *g = calloc(1, sizeof(*g));
	char id[16];

	g->tag = tag;
	g->pci.dev = g;
	g->pci.config_written = config_written;
	CHECK(pci_add(bus, &g->pci, devfn, &ids, NULL) == 0);
	g->pci.config[PCI_INTERRUPT_PIN] = 1;
	CHECK(pci_add_bar(&g->pci, 0, 0, 0x1000, &tag_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 2, BAR_64 | BAR_PREFETCH, 0x10000, &tag_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 4, BAR_IO, 0x20, &tag_io, g, NULL) == 0);
	snprintf(id, sizeof(id), "gadget%u", devfn);
	device_add(pci_machine(bus), &g->dev, &gadget_class, id);
	gadget_reset(&g->dev, RESET_POWER_ON);
	return g;
}

static struct machine *m;
static struct pci_bus *bus;

static void begin(void) enters(in_machine)
{
	struct irq irq[8];

	for (unsigned i = 0; i < 8; i++)
		irq[i] = (struct irq){ wire_set, NULL, i };
	memset(wire, 0, sizeof(wire));
	wire_changes = 0;
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_lock(m);
	CHECK(pci_bus_create(&bus, m, irq, NULL) == 0);
	pci_set_ecam(bus, ECAM, MIB(256));
}

static void end(void) leaves(in_machine)
{
	machine_unlock(m);
	machine_destroy(m);
}

static u32 get(u8 devfn, unsigned off, unsigned size) needs(in_machine)
{
	return pci_config_read(bus, 0, devfn, off, size);
}

static void put(u8 devfn, unsigned off, unsigned size, u32 val) needs(in_machine)
{
	pci_config_write(bus, 0, devfn, off, size, val);
}

static u64 at(u64 addr) needs(in_machine)
{
	return io_read(m, IO_MMIO, addr, 4);
}

static void absent_functions_read_as_ones_by_both_methods(void)
{
	begin();
	gadget_create(bus, pci_devfn(3, 0), 1);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM, 4), 0xffffffff);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM + (3 << 15 | 1 << 12), 2), 0xffff);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM + (1 << 20) + (3 << 15), 4), 0xffffffff); /* bus 1 */
	io_write(m, IO_PORT, 0xcf8, 4, 0x80000000);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfc, 4), 0xffffffff);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfd, 1), 0xff);
	io_write(m, IO_PORT, 0xcf8, 4, 0x80000000 | 3 << 11);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfc, 4), 0x56781234);
	io_write(m, IO_PORT, 0xcf8, 4, 0x80000000 | 1 << 16 | 3 << 11);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfc, 4), 0xffffffff);
	io_write(m, IO_PORT, 0xcf8, 4, 3 << 11); /* not enabled */
	CHECK_EQ(io_read(m, IO_PORT, 0xcfc, 4), 0xffffffff);
	put(0, 0, 4, 0); /* harmless */
	end();
}

static u8 reset_port;
static u64 reset_read(void *dev, u64 off, unsigned size)
{
	return reset_port;
}
static void reset_write(void *dev, u64 off, unsigned size, u64 val)
{
	reset_port = (u8)val;
}

static void the_address_port_takes_dwords_and_leaves_cf9_alone(void)
{
	static const struct io_ops ops = { .read = reset_read, .write = reset_write, .max = 1 };
	struct io_window cf9 = { .ops = &ops, .base = 0xcf9, .len = 1, .space = IO_PORT };

	begin();
	CHECK(io_map(m, &cf9, NULL) == 0);
	reset_port = 0x55;
	io_write(m, IO_PORT, 0xcf8, 4, 0x8000ff07);
	CHECK_EQ(reset_port, 0x55);
	CHECK_EQ(io_read(m, IO_PORT, 0xcf8, 4), 0x8000ff04);
	io_write(m, IO_PORT, 0xcf8, 1, 0x40);
	io_write(m, IO_PORT, 0xcfa, 2, 0x1234);
	CHECK_EQ(io_read(m, IO_PORT, 0xcf8, 4), 0x8000ff04);
	CHECK_EQ(io_read(m, IO_PORT, 0xcf8, 1), 0xff);
	io_write(m, IO_PORT, 0xcf9, 1, 6);
	CHECK_EQ(reset_port, 6);
	CHECK_EQ(io_read(m, IO_PORT, 0xcf9, 1), 6);
	CHECK_EQ(io_read(m, IO_PORT, 0xcf8, 4), 0x8000ff04);
	io_unmap(m, &cf9);
	device_reset_all(m, RESET_WARM);
	CHECK_EQ(io_read(m, IO_PORT, 0xcf8, 4), 0);
	end();
}

static void config_reads_have_any_size_and_alignment(void)
{
	u8 f = pci_devfn(2, 0);

	begin();
	gadget_create(bus, f, 1);
	io_write(m, IO_PORT, 0xcf8, 4, 0x80000000 | 2 << 11 | 8);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfc, 4), 0x0108aa07);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfd, 2), 0x08aa);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfe, 2), 0x0108);
	CHECK_EQ(io_read(m, IO_PORT, 0xcff, 1), 1);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(io_read(m, IO_MMIO, ECAM + (2 << 15) + 8 + i, 1),
			 0x0108aa07 >> (8 * i) & 0xff);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM + (2 << 15) + 9, 2), 0x08aa);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM + (2 << 15), 8), 0x56781234); /* command, status 0 */
	CHECK_EQ(get(f, 0x2c, 4), 0x22221111);
	CHECK_EQ(get(f, 4094, 4), 0xffffffff); /* beyond the end */
	end();
}

static void extended_space_and_rom_are_zeroes(void)
{
	u8 f = pci_devfn(2, 0);

	begin();
	gadget_create(bus, f, 1);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM + (2 << 15) + 0x100, 4), 0);
	CHECK_EQ(io_read(m, IO_MMIO, ECAM + (2 << 15) + 0xffc, 4), 0);
	put(f, 0x30, 4, 0xfffff801);
	CHECK_EQ(get(f, 0x30, 4), 0);
	put(f, 0, 4, 0);
	CHECK_EQ(get(f, 0, 4), 0x56781234);
	end();
}

static void bars_tell_their_size(void)
{
	u8 f = pci_devfn(2, 0);

	begin();
	gadget_create(bus, f, 1);
	for (unsigned i = 0; i < 6; i++)
		put(f, 0x10 + 4 * i, 4, 0xffffffff);
	CHECK_EQ(get(f, 0x10, 4), 0xfffff000);
	CHECK_EQ(get(f, 0x14, 4), 0);
	CHECK_EQ(get(f, 0x18, 4), 0xffff000c);
	CHECK_EQ(get(f, 0x1c, 4), 0xffffffff);
	CHECK_EQ(get(f, 0x20, 4), 0xffffffe1);
	CHECK_EQ(get(f, 0x24, 4), 0);
	/* Sizing while decode is on shows nothing anywhere near. */
	put(f, 4, 2, 7);
	CHECK_EQ(at(0xfffff000), 0xffffffff);
	CHECK_EQ(at(0xffffffffffff0000), 0xffffffff);
	CHECK_EQ(at(0), 0xffffffff);
	CHECK_EQ(io_read(m, IO_PORT, 0xffe0, 1), 0xff);
	end();
}

static void a_bar_is_seen_while_decode_is_on(void)
{
	u8 f = pci_devfn(2, 0);

	begin();
	gadget_create(bus, f, 0x77);
	put(f, 0x10, 4, 0xe0000000);
	put(f, 0x20, 4, 0xc000);
	CHECK_EQ(at(0xe0000000), 0xffffffff);
	put(f, 4, 2, 2);
	CHECK_EQ(at(0xe0000ffc), 0x77777777);
	CHECK_EQ(at(0xe0001000), 0xffffffff);
	CHECK_EQ(io_read(m, IO_PORT, 0xc000, 1), 0xff);
	put(f, 4, 1, 1);
	CHECK_EQ(at(0xe0000000), 0xffffffff);
	CHECK_EQ(io_read(m, IO_PORT, 0xc01f, 1), 0x77);
	put(f, 4, 1, 3);
	put(f, 0x12, 2, 0xe100); /* half a register moves it at once */
	CHECK_EQ(at(0xe0000000), 0xffffffff);
	CHECK_EQ(at(0xe1000000), 0x77777777);
	put(f, 4, 2, 0);
	CHECK_EQ(at(0xe1000000), 0xffffffff);
	end();
}

static void all_64_bits_of_a_bar_count(void)
{
	u8 f = pci_devfn(2, 0);

	begin();
	gadget_create(bus, f, 0x77);
	put(f, 4, 2, 2);
	put(f, 0x18, 4, 0xc0000000); /* half-written: below 4 GiB for a moment */
	CHECK_EQ(at(0xc0000000), 0x77777777);
	put(f, 0x1c, 4, 0x38);
	CHECK_EQ(at(0xc0000000), 0xffffffff);
	CHECK_EQ(at(0x38c0000000), 0x77777777);
	put(f, 0x1c, 4, 0x39);
	CHECK_EQ(at(0x38c0000000), 0xffffffff);
	CHECK_EQ(at(0x39c0000000), 0x77777777);
	put(f, 0x1c, 4, 0xffffffff); /* no CPU reaches that */
	CHECK_EQ(at(0xffffffffc0000000), 0xffffffff);
	put(f, 0x18, 4, 0);
	put(f, 0x1c, 4, 0);
	CHECK_EQ(at(0), 0xffffffff);
	put(f, 0x1c, 4, 1); /* an address whose low half is 0 is fine */
	CHECK_EQ(at(0x100000000), 0x77777777);
	end();
}

static void a_rebalance_over_occupied_ranges_ends_well(void)
{
	u8 a = pci_devfn(2, 0), b = pci_devfn(3, 0);

	begin();
	gadget_create(bus, a, 0xaa);
	gadget_create(bus, b, 0xbb);
	put(a, 0x10, 4, 0xe0000000);
	put(b, 0x10, 4, 0xe0001000);
	put(a, 4, 2, 2);
	put(b, 4, 2, 2);
	put(a, 0x10, 4, 0xe0001000); /* on top of b, both decoding */
	CHECK_EQ(at(0xe0001000), 0xaaaaaaaa);
	CHECK_EQ(at(0xe0000000), 0xffffffff);
	put(b, 0x10, 4, 0xe0000000);
	CHECK_EQ(at(0xe0000000), 0xbbbbbbbb);
	CHECK_EQ(at(0xe0001000), 0xaaaaaaaa);
	/* One covers the other and goes away again. */
	put(b, 0x10, 4, 0xe0001000);
	put(b, 4, 2, 0);
	CHECK_EQ(at(0xe0001000), 0xaaaaaaaa);
	end();
}

static void a_bar_hides_no_fixed_window_and_no_ram(void)
{
	struct gadget fixed = { .tag = 0x11 };
	struct io_window w = { .ops = &tag_io, .dev = &fixed, .base = 0xfec00000, .len = 0x1000 };
	struct region *ram, *vram;
	struct gadget *g;
	u8 byte = 0x5a;

	begin();
	w.space = IO_MMIO;
	CHECK(io_map(m, &w, NULL) == 0);
	CHECK(mem_add(&ram, m->mem, "ram", REGION_RAM, 0, MIB(1), 0, IN_ALL, NULL) == 0);
	CHECK(mem_add(&vram, m->mem, "vram", REGION_RAM, 0, 0x10000, 0, 0, NULL) == 0);
	g = gadget_create(bus, pci_devfn(2, 0), 0x77);
	CHECK(pci_add_ram_bar(&g->pci, 1, 0, vram, NULL) == 0);
	put(16, 4, 2, 2);
	put(16, 0x10, 4, 0xfec00000);
	CHECK_EQ(at(0xfec00000), 0x11111111);
	CHECK(mem_write(m->mem, 0x10000, &byte, 1) == 0);
	put(16, 0x14, 4, 0x10000);
	byte = 0;
	CHECK(mem_read(m->mem, 0x10000, &byte, 1) == 0);
	CHECK_EQ(byte, 0x5a);
	put(16, 0x14, 4, 0xd0000000);
	CHECK(mem_write(m->mem, 0xd000ffff, &byte, 1) == 0);
	CHECK_EQ(vram->host[0xffff], 0x5a);
	put(16, 4, 2, 0);
	CHECK(mem_write(m->mem, 0xd000ffff, &byte, 1) < 0);
	io_unmap(m, &w);
	end();
}

static void wrong_bars_are_refused(void)
{
	struct gadget *g;
	struct error err;

	begin();
	g = gadget_create(bus, pci_devfn(2, 0), 1);
	CHECK(pci_add_bar(&g->pci, 0, 0, 0x1000, &tag_io, g, &err) < 0); /* taken */
	CHECK(pci_add_bar(&g->pci, 3, 0, 0x1000, &tag_io, g, &err) < 0); /* upper half of 2 */
	CHECK(pci_add_bar(&g->pci, 1, BAR_64, 0x1000, &tag_io, g, &err) < 0);
	CHECK(pci_add_bar(&g->pci, 5, BAR_64, 0x1000, &tag_io, g, &err) < 0);
	CHECK(pci_add_bar(&g->pci, 6, 0, 0x1000, &tag_io, g, &err) < 0);
	CHECK(pci_add_bar(&g->pci, 1, 0, 0x1001, &tag_io, g, &err) < 0);
	CHECK(pci_add_bar(&g->pci, 1, 0, 8, &tag_io, g, &err) < 0);
	CHECK(pci_add_bar(&g->pci, 1, 0, GIB(4), &tag_io, g, &err) < 0);
	CHECK(pci_add(bus, &g->pci, pci_devfn(2, 0), &(struct pci_ids){ 0 }, &err) < 0);
	CHECK(strstr(err.msg, "00:02.0"));
	end();
}

static void the_multifunction_bit_follows_the_neighbours(void)
{
	struct gadget *other;

	begin();
	gadget_create(bus, pci_devfn(4, 0), 1);
	CHECK_EQ(get(pci_devfn(4, 0), 0x0e, 1), 0);
	CHECK_EQ(pci_free_slot(bus, 4), 5);
	other = gadget_create(bus, pci_devfn(4, 2), 2);
	CHECK_EQ(get(pci_devfn(4, 0), 0x0e, 1), 0x80);
	CHECK_EQ(get(pci_devfn(4, 2), 0x0e, 1), 0x80);
	pci_remove(&other->pci);
	CHECK_EQ(get(pci_devfn(4, 0), 0x0e, 1), 0);
	CHECK_EQ(get(pci_devfn(4, 2), 0, 4), 0xffffffff);
	for (unsigned s = 0; s < PCI_SLOTS; s++)
		if (s != 4)
			gadget_create(bus, pci_devfn(s, 1), 3);
	CHECK(pci_free_slot(bus, 0) < 0);
	end();
}

static void intx_wires_are_shared_and_can_be_disabled(void)
{
	struct gadget *a, *b;
	u8 fa = pci_devfn(2, 0), fb = pci_devfn(10, 0); /* both on line 2 */

	begin();
	a = gadget_create(bus, fa, 1);
	b = gadget_create(bus, fb, 2);
	pci_intx(&a->pci, true);
	CHECK_EQ(wire[2], 1);
	CHECK_EQ(get(fa, 6, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	CHECK_EQ(get(fb, 6, 2) & PCI_STATUS_INTERRUPT, 0);
	pci_intx(&b->pci, true);
	pci_intx(&b->pci, true);
	CHECK_EQ(wire_changes, 1);
	pci_intx(&a->pci, false);
	CHECK_EQ(wire[2], 1);
	put(fb, 4, 2, PCI_COMMAND_INTX_DISABLE);
	CHECK_EQ(wire[2], 0);
	CHECK_EQ(get(fb, 6, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	put(fb, 4, 2, 0);
	CHECK_EQ(wire[2], 1);
	device_reset_all(m, RESET_WARM);
	CHECK_EQ(wire[2], 0);
	b->pci.config[PCI_INTERRUPT_PIN] = 0; /* no pin, no wire */
	pci_intx(&b->pci, true);
	CHECK_EQ(wire_changes, 4);
	end();
}

static void writes_keep_to_the_writable_bits(void)
{
	u8 f = pci_devfn(2, 0);
	struct gadget *g;

	begin();
	g = gadget_create(bus, f, 1);
	put(f, 4, 2, 0xffff);
	CHECK_EQ(get(f, 4, 2), 0x547);
	put(f, 0x3c, 4, 0xffffffff);
	CHECK_EQ(get(f, 0x3c, 4), 0x01ff);
	put_le16(g->pci.config + PCI_STATUS, 0x2010); /* an error bit the device set */
	put(f, 6, 2, 0x0010);
	CHECK_EQ(get(f, 6, 2), 0x2010);
	put(f, 7, 1, 0x20);
	CHECK_EQ(get(f, 6, 2), 0x0010);
	CHECK_EQ(g->written_off, 7);
	CHECK_EQ(g->written, 4);
	device_reset_all(m, RESET_POWER_ON);
	CHECK_EQ(get(f, 4, 2), 0);
	CHECK_EQ(get(f, 0x3c, 4), 0x0100);
	end();
}

static void capabilities_form_a_chain(void)
{
	u8 f = pci_devfn(2, 0);
	struct gadget *g;

	begin();
	g = gadget_create(bus, f, 1);
	CHECK_EQ(get(f, 6, 2) & PCI_STATUS_CAP_LIST, 0);
	CHECK_EQ(pci_add_cap(&g->pci, 9, 6), 0x40);
	CHECK_EQ(pci_add_cap(&g->pci, 5, 10), 0x48);
	CHECK_EQ(get(f, 6, 2) & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	CHECK_EQ(get(f, 0x34, 1), 0x40);
	CHECK_EQ(get(f, 0x40, 2), 0x4809);
	CHECK_EQ(get(f, 0x48, 2), 0x0005);
	end();
}

static void a_saved_bus_comes_back(void)
{
	struct str s = { 0 };
	struct gadget *g;
	struct error err;
	u8 f = pci_devfn(2, 0);

	begin();
	g = gadget_create(bus, f, 0x77);
	put(f, 0x10, 4, 0xe0000000);
	put(f, 4, 2, 3);
	pci_intx(&g->pci, true);
	io_write(m, IO_PORT, 0xcf8, 4, 0x80001000);
	device_save_all(m, &s);
	device_reset_all(m, RESET_POWER_ON);
	CHECK_EQ(wire[2], 0);
	CHECK_EQ(at(0xe0000000), 0xffffffff);
	CHECK(device_load_all(m, (u8 *)s.at, s.len, &err) == 0);
	CHECK_EQ(wire[2], 1);
	CHECK_EQ(at(0xe0000000), 0x77777777);
	CHECK_EQ(io_read(m, IO_PORT, 0xcfc, 4), 0x56781234);
	/* A state of another device is refused. */
	put_le16(g->pci.config, 0x4321);
	s.len = 0;
	device_save_all(m, &s);
	put_le16(g->pci.config, 0x1234);
	CHECK(device_load_all(m, (u8 *)s.at, s.len, &err) < 0);
	CHECK(strstr(err.msg, "another device"));
	str_free(&s);
	end();
}

int main(void)
{
	RUN(absent_functions_read_as_ones_by_both_methods);
	RUN(the_address_port_takes_dwords_and_leaves_cf9_alone);
	RUN(config_reads_have_any_size_and_alignment);
	RUN(extended_space_and_rom_are_zeroes);
	RUN(bars_tell_their_size);
	RUN(a_bar_is_seen_while_decode_is_on);
	RUN(all_64_bits_of_a_bar_count);
	RUN(a_rebalance_over_occupied_ranges_ends_well);
	RUN(a_bar_hides_no_fixed_window_and_no_ram);
	RUN(wrong_bars_are_refused);
	RUN(the_multifunction_bit_follows_the_neighbours);
	RUN(intx_wires_are_shared_and_can_be_disabled);
	RUN(writes_keep_to_the_writable_bits);
	RUN(capabilities_form_a_chain);
	RUN(a_saved_bus_comes_back);
	return 0;
}
