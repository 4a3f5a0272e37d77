/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copies of configuration space in ECAM: right after each kind of change, and when hidden. */
#include "base/bytes.h"
#include "bus/pci/pci.h"
#include "bus/pci/pci_abi.h"
#include "core/machine.h"
#include "test.h"

enum { ECAM = 0x60000000, A = 2 << 3, B = 3 << 3, BAR_AT = 0x70000000 };

/*
 * A vendor capability: a register that is 55h after reset, one whose complement stands beside it,
 * and a selector; while that is not 0, the data behind it count how often they are read.
 */
enum { CAP_PRESET = 4, CAP_WRITTEN = 8, CAP_INVERSE = 9, CAP_SELECT = 12, CAP_DATA = 16 };

struct gadget {
	struct device dev;
	struct pci_dev pci;
	u16 cap;
	u32 reads;
};

static struct machine *m;
static struct pci_bus *bus;
static struct gadget *a, *b;
static u32 status_then, control_then; /* what A's page said as a wire or a message went out */
static unsigned wires, messages, gadgets;

static gpa_t page_of(u8 devfn)
{
	return ECAM + ((gpa_t)devfn << 12);
}

static bool has_page(gpa_t at)
{
	struct mem_range r;

	return mem_find(m->mem, VIEW_NORMAL, at, &r) && r.region->kind == REGION_ROM_DEVICE;
}

static u32 in_page(gpa_t at, unsigned size)
{
	u8 bytes[4];

	CHECK(mem_read(m->mem, at, bytes, size) == 0);
	return (u32)le_at(bytes, size);
}

static u32 get(u8 devfn, unsigned off, unsigned size) needs(in_machine)
{
	return pci_config_read(bus, 0, devfn, off, size);
}

static void put(u8 devfn, unsigned off, unsigned size, u32 val) needs(in_machine)
{
	pci_config_write(bus, 0, devfn, off, size, val);
}

/* @devfn has a page at @at that says what an access by an exit says, whatever is read. */
static void check_page_at(u8 devfn, gpa_t at) needs(in_machine)
{
	CHECK(has_page(at));
	for (unsigned size = 1; size <= 4; size *= 2)
		for (unsigned off = 0; off <= 4096 - size; off++)
			CHECK_EQ(in_page(at + off, size), get(devfn, off, size));
}

static void check_pages(void) needs(in_machine)
{
	check_page_at(A, page_of(A));
	check_page_at(B, page_of(B));
}

static void wire_set(void *chip, unsigned pin, bool level)
{
	wires++;
	if (has_page(page_of(A)))
		status_then = in_page(page_of(A) + PCI_COMMAND, 4);
}

static void take_msi(void *cpus, struct msi msg)
{
	messages++;
	control_then = in_page(page_of(A) + a->pci.msix_cap, 4) >> 16;
}

static u64 no_read(void *dev, u64 off, unsigned size)
{
	return 0;
}

static void no_write(void *dev, u64 off, unsigned size, u64 val)
{
}

static const struct io_ops no_io = { .read = no_read, .write = no_write };

static void config_written(struct pci_dev *d, unsigned off, unsigned len)
{
	struct gadget *g = d->dev;

	d->config[g->cap + CAP_INVERSE] = (u8)~d->config[g->cap + CAP_WRITTEN];
}

static bool config_computed(const struct pci_dev *d)
{
	const struct gadget *g = d->dev;

	return d->config[g->cap + CAP_SELECT];
}

static void config_reading(struct pci_dev *d, unsigned off, unsigned len)
{
	struct gadget *g = d->dev;
	unsigned data = g->cap + CAP_DATA;

	if (config_computed(d) && off < data + 4 && off + len > data)
		put_le32(d->config + data, ++g->reads);
}

static const struct field fields[] = { FIELD_SUB(struct gadget, pci, pci_fields), FIELD_END };

static void reset(struct device *dev, enum reset_kind kind) needs(in_machine)
{
	struct gadget *g = container_of(dev, struct gadget, dev);

	pci_reset(&g->pci);
	g->pci.config[g->cap + CAP_PRESET] = 0x55;
	pci_config_changed(&g->pci);
}

static int loaded(struct device *dev, struct error *err) needs(in_machine)
{
	return pci_loaded(&container_of(dev, struct gadget, dev)->pci, err);
}

static void destroy(struct device *dev)
{
	free(container_of(dev, struct gadget, dev));
}

static const struct device_class cls = { "gadget", fields, reset, loaded, destroy };

static struct gadget *gadget_create(u8 devfn) needs(in_machine)
{
	static const struct pci_ids ids = { 0x1234, 0x5678, 0x1111, 0x2222, 0x0108aa, 7 };
	struct gadget *g = calloc(1, sizeof(*g));
	char id[16];

	g->pci.dev = g;
	g->pci.config_written = config_written;
	g->pci.config_reading = config_reading;
	g->pci.config_computed = config_computed;
	CHECK(pci_add(bus, &g->pci, devfn, &ids, NULL) == 0);
	g->pci.config[PCI_INTERRUPT_PIN] = 1;
	CHECK(pci_add_bar(&g->pci, 0, 0, 0x1000, &no_io, g, NULL) == 0);
	CHECK(pci_add_bar(&g->pci, 2, BAR_64 | BAR_PREFETCH, 0x10000, &no_io, g, NULL) == 0);
	CHECK(pci_add_msix(&g->pci, 0, 0, 3, NULL) == 0);
	g->cap = pci_add_cap(&g->pci, PCI_CAP_ID_VENDOR, 20);
	g->pci.writable[g->cap + CAP_PRESET] = 0xff;
	g->pci.writable[g->cap + CAP_WRITTEN] = 0xff;
	g->pci.writable[g->cap + CAP_SELECT] = 0xff;
	CHECK(!has_page(page_of(devfn))); /* it is not complete yet */
	snprintf(id, sizeof(id), "gadget%u", gadgets++);
	device_add(m, &g->dev, &cls, id);
	reset(&g->dev, RESET_POWER_ON);
	return g;
}

static void begin(void) enters(in_machine)
{
	static const struct cpu_ops ops = { .msi_send = take_msi };
	struct region *ram;
	struct irq irq[8];

	for (unsigned i = 0; i < 8; i++)
		irq[i] = (struct irq){ wire_set, NULL, i };
	wires = messages = gadgets = 0;
	CHECK(machine_create(&m, clock_create_manual(), NULL) == 0);
	machine_attach_cpus(m, &ops, NULL);
	machine_lock(m);
	CHECK(mem_add(&ram, m->mem, "ram", REGION_RAM, 0, MIB(2), 0, IN_ALL, NULL) == 0);
	CHECK(pci_bus_create(&bus, m, irq, NULL) == 0);
	a = gadget_create(A);
	pci_set_ecam(bus, ECAM, MIB(64));
	b = gadget_create(B);
}

static void end(void) leaves(in_machine)
{
	machine_unlock(m);
	machine_destroy(m);
}

static void each_function_has_a_page_and_the_others_have_none(void)
{
	begin();
	check_pages();
	CHECK_EQ(in_page(page_of(A), 4), 0x56781234);
	CHECK(!has_page(page_of(0)));
	CHECK(!has_page(page_of(A + 1)));
	CHECK(!has_page(ECAM + MIB(1) + (A << 12))); /* bus 1 */
	CHECK(mem_write(m->mem, page_of(A), "x", 1) < 0);
	CHECK(!mem_ptr(m->mem, page_of(A), 4, true));
	end();
}

static void the_page_follows_what_the_guest_writes(void)
{
	begin();
	for (unsigned off = 0; off < 256; off += 4) {
		put(A, off, 4, 0xffffffff);
		if (a->pci.config_trapped)
			reset(&a->dev, RESET_WARM); /* the selector was among them */
		check_pages();
	}
	for (unsigned off = 0; off < a->cap; off++) {
		io_write(m, IO_MMIO, page_of(A) + off, 1, 0xa5 ^ off);
		check_pages();
	}
	io_write(m, IO_PORT, 0xcf8, 4, 0x80000000 | A << 8 | PCI_INTERRUPT_LINE);
	io_write(m, IO_PORT, 0xcfc, 1, 0x77);
	CHECK_EQ(in_page(page_of(A) + PCI_INTERRUPT_LINE, 1), 0x77);
	check_pages();
	end();
}

static void the_page_follows_what_the_device_does(void)
{
	begin();
	put(A, a->cap + CAP_WRITTEN, 1, 0x3c);
	CHECK_EQ(in_page(page_of(A) + a->cap + CAP_INVERSE, 1), 0xc3);
	CHECK_EQ(in_page(page_of(A) + a->cap + CAP_PRESET, 1), 0x55);
	put_le16(a->pci.config + PCI_STATUS, 0x2010); /* an error it found */
	pci_config_changed(&a->pci);
	CHECK_EQ(in_page(page_of(A) + PCI_STATUS, 2), 0x2010);
	put(A, PCI_STATUS, 2, 0x2000);
	CHECK_EQ(in_page(page_of(A) + PCI_STATUS, 2), 0x0010);
	pci_add_cap(&a->pci, PCI_CAP_ID_VENDOR, 8);
	CHECK(pci_add_bar(&a->pci, 5, 0, 0x20, &no_io, a, NULL) == 0);
	check_pages();
	put(A, PCI_COMMAND, 2, 0x7ff);
	put(A, a->cap + CAP_PRESET, 1, 1);
	pci_intx(&a->pci, true);
	device_reset_all(m, RESET_WARM);
	CHECK_EQ(in_page(page_of(A) + a->cap + CAP_PRESET, 1), 0x55);
	CHECK_EQ(in_page(page_of(A) + PCI_COMMAND, 4), 0x00100000);
	check_pages();
	end();
}

static void an_interrupt_never_arrives_before_its_cause_can_be_read(void)
{
	begin();
	pci_intx(&a->pci, true);
	CHECK_EQ(wires, 1);
	CHECK_EQ(status_then >> 16 & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	check_pages();
	put(A, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	CHECK_EQ(wires, 2);
	put(A, PCI_COMMAND, 2, 0);
	CHECK_EQ(wires, 3);
	CHECK_EQ(status_then & PCI_COMMAND_INTX_DISABLE, 0);
	pci_intx(&a->pci, false);
	CHECK_EQ(status_then >> 16 & PCI_STATUS_INTERRUPT, 0);
	check_pages();
	/* The same with a message that waits for the function mask. */
	put(A, PCI_BAR0, 4, BAR_AT);
	put(A, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	io_write(m, IO_MMIO, BAR_AT + 12, 4, 0);
	put(A, a->pci.msix_cap + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	pci_msix_notify(&a->pci, 0);
	CHECK_EQ(messages, 0);
	put(A, a->pci.msix_cap + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE);
	CHECK_EQ(messages, 1);
	CHECK_EQ(control_then, PCI_MSIX_ENABLE | 2);
	check_pages();
	end();
}

static void pages_move_and_go_with_the_window(void)
{
	begin();
	pci_set_ecam(bus, 0x80000000, MIB(256));
	CHECK(!has_page(page_of(A)));
	check_page_at(A, 0x80000000 + (A << 12));
	check_page_at(B, 0x80000000 + (B << 12));
	pci_set_ecam(bus, 0x80000000, 0);
	CHECK(!has_page(0x80000000 + (A << 12)));
	put(A, PCI_INTERRUPT_LINE, 1, 9); /* while nobody can see it */
	pci_intx(&b->pci, true);
	a->pci.config[a->cap + CAP_PRESET] = 0x66; /* told to nobody */
	pci_set_ecam(bus, 0xf00000000, MIB(64));
	check_page_at(A, 0xf00000000 + (A << 12));
	check_page_at(B, 0xf00000000 + (B << 12));
	/* Nowhere, or too small a place. */
	pci_set_ecam(bus, 0ull - MIB(64), MIB(256));
	CHECK(!has_page(0ull - MIB(64) + (A << 12)));
	pci_set_ecam(bus, ECAM, 4096 * (A + 1));
	check_page_at(A, page_of(A));
	CHECK(!has_page(page_of(B)));
	CHECK_EQ(io_read(m, IO_MMIO, page_of(B), 4), 0xffffffff);
	end();
}

static char told[16];

static void tell(char what)
{
	size_t n = strlen(told);

	CHECK(n < sizeof(told) - 1);
	told[n] = what;
}

static int on_add(void *arg, enum mem_view view, const struct mem_range *r)
{
	tell('+');
	return 0;
}

static void on_remove(void *arg, enum mem_view view, const struct mem_range *r)
{
	tell('-');
}

static void all_pages_move_in_one_step(void)
{
	const struct mem_listener l = { .add = on_add, .remove = on_remove };

	begin();
	CHECK(mem_listen(m->mem, &l, NULL) == 0);
	memset(told, 0, sizeof(told));
	pci_set_ecam(bus, 0x80000000, MIB(256));
	CHECK(!strcmp(told, "--++"));
	put(A, PCI_COMMAND, 2, 7); /* what is read changes, not where */
	pci_intx(&b->pci, true);
	pci_set_ecam(bus, 0x80000000, MIB(256));
	device_reset_all(m, RESET_WARM);
	CHECK(!strcmp(told, "--++"));
	pci_set_ecam(bus, 0, 0);
	CHECK(!strcmp(told, "--++--"));
	mem_unlisten(m->mem, &l);
	end();
}

static void pages_hide_what_the_window_hides(void)
{
	struct region *vram, *hole;
	struct gadget *c;

	begin();
	/* RAM, holes in it and BAR memory are seen where ECAM is laid over them. */
	pci_set_ecam(bus, 0, MIB(64));
	CHECK(!has_page(A << 12));
	CHECK(mem_write(m->mem, A << 12, "ram", 4) == 0);
	CHECK(mem_add(&hole, m->mem, "hole", REGION_HOLE, A << 12, 4096, 0, IN_NORMAL, NULL) == 0);
	CHECK(!has_page(A << 12));
	CHECK_EQ(io_read(m, IO_MMIO, A << 12, 4), 0x56781234);
	pci_set_ecam(bus, ECAM, MIB(64));
	CHECK(mem_add(&vram, m->mem, "vram", REGION_RAM, 0, 0x40000, 0, 0, NULL) == 0);
	c = gadget_create(4 << 3);
	CHECK(pci_add_ram_bar(&c->pci, 1, 0, vram, NULL) == 0);
	put(4 << 3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	put(4 << 3, PCI_BAR0 + 4, 4, ECAM);
	CHECK(!has_page(page_of(A)));
	CHECK(!has_page(page_of(4 << 3))); /* its page is younger than the memory */
	CHECK(mem_write(m->mem, page_of(A), "vram", 4) == 0);
	put(4 << 3, PCI_COMMAND, 2, 0);
	check_pages();
	/* Registers are not: the window is a fixed one. */
	put(A, PCI_BAR0, 4, ECAM + (A << 12));
	put(A, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	check_pages();
	CHECK_EQ(io_read(m, IO_MMIO, page_of(A), 4), 0x56781234);
	end();
}

static void computed_registers_are_read_by_an_exit(void)
{
	struct str s = { 0 };
	unsigned data;

	begin();
	data = a->cap + CAP_DATA;
	CHECK_EQ(get(A, data, 4), 0);
	put(A, a->cap + CAP_SELECT, 1, 1);
	CHECK(!has_page(page_of(A)));
	CHECK_EQ(io_read(m, IO_MMIO, page_of(A) + data, 4), 1);
	CHECK_EQ(io_read(m, IO_MMIO, page_of(A) + data, 4), 2);
	check_page_at(B, page_of(B));
	device_save_all(m, &s);
	/* Not again and again: whoever used it will use it. */
	put(A, a->cap + CAP_SELECT, 1, 0);
	CHECK(!has_page(page_of(A)));
	CHECK_EQ(io_read(m, IO_MMIO, page_of(A) + data, 4), 2);
	device_reset_all(m, RESET_WARM);
	check_pages();
	CHECK(device_load_all(m, (u8 *)s.at, s.len, NULL) == 0);
	CHECK(!has_page(page_of(A)));
	CHECK_EQ(io_read(m, IO_MMIO, page_of(A) + data, 4), 3);
	check_page_at(B, page_of(B));
	/* A device that does not say when it computes. */
	device_reset_all(m, RESET_WARM);
	check_pages();
	b->pci.config_computed = NULL;
	device_reset_all(m, RESET_WARM);
	CHECK(has_page(page_of(A)));
	CHECK(!has_page(page_of(B)));
	str_free(&s);
	end();
}

static void a_loaded_state_is_read_at_once(void)
{
	struct str s = { 0 };

	begin();
	put(A, PCI_BAR0, 4, BAR_AT);
	put(A, a->cap + CAP_WRITTEN, 1, 0x3c);
	pci_intx(&b->pci, true);
	device_save_all(m, &s);
	device_reset_all(m, RESET_POWER_ON);
	CHECK_EQ(in_page(page_of(A) + PCI_BAR0, 4), 0);
	CHECK(device_load_all(m, (u8 *)s.at, s.len, NULL) == 0);
	CHECK_EQ(in_page(page_of(A) + PCI_BAR0, 4), BAR_AT);
	CHECK_EQ(in_page(page_of(B) + PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	check_pages();
	str_free(&s);
	end();
}

static void an_unplugged_function_leaves_no_page(void)
{
	struct gadget *c;

	begin();
	c = gadget_create(A + 1);
	CHECK_EQ(in_page(page_of(A) + PCI_HEADER_TYPE, 1), PCI_HEADER_MULTIFUNCTION);
	check_page_at(A + 1, page_of(A + 1));
	put(A + 1, PCI_INTERRUPT_LINE, 1, 5);
	pci_remove(&c->pci);
	CHECK(!has_page(page_of(A + 1)));
	CHECK_EQ(io_read(m, IO_MMIO, page_of(A + 1), 4), 0xffffffff);
	CHECK_EQ(in_page(page_of(A) + PCI_HEADER_TYPE, 1), 0);
	check_pages();
	pci_config_changed(&c->pci); /* harmless */
	CHECK(!has_page(page_of(A + 1)));
	c = gadget_create(A + 1);
	check_page_at(A + 1, page_of(A + 1));
	CHECK_EQ(in_page(page_of(A + 1) + PCI_INTERRUPT_LINE, 1), 0);
	end();
}

int main(void)
{
	RUN(each_function_has_a_page_and_the_others_have_none);
	RUN(the_page_follows_what_the_guest_writes);
	RUN(the_page_follows_what_the_device_does);
	RUN(an_interrupt_never_arrives_before_its_cause_can_be_read);
	RUN(pages_move_and_go_with_the_window);
	RUN(all_pages_move_in_one_step);
	RUN(pages_hide_what_the_window_hides);
	RUN(computed_registers_are_read_by_an_exit);
	RUN(a_loaded_state_is_read_at_once);
	RUN(an_unplugged_function_leaves_no_page);
	return 0;
}
