/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved state of the devices of dev/legacy: a machine in the middle of everything is saved, loaded
 * into a fresh one, and both go on alike; damaged states are refused.
 */
#include <errno.h>

#include "base/bytes.h"
#include "char/char.h"
#include "legacy_rig.h"

struct pair {
	struct rig r;
	struct device *pm;
	struct chr *chr;
};

static void start(struct pair *p) enters(in_machine)
{
	struct rig *r = &p->r;

	rig_start(r);
	clock_set_wall(r->m->clock, 1709210096 * (s64)NS_PER_S);
	p->chr = chr_create_memory();
	r->pic = pic_create(&r->bus, rig_intr_wire(r), NULL);
	r->ioapic = ioapic_create(r->m, NULL);
	p->pm = pm_create(r->m, rig_sci_wire(r), true, NULL);
	CHECK(r->pic && r->ioapic && p->pm);
	CHECK(pit_create(&r->bus, NULL) && rtc_create(&r->bus, GIB(1), 0, NULL));
	CHECK(serial_create(&r->bus, 1, p->chr, NULL) && reset_create(&r->bus, NULL));
	CHECK(i8042_create(&r->bus, NULL) && debugcon_create(&r->bus, 0x402, NULL, NULL));
}

static void program_pic(struct rig *r) needs(in_machine)
{
	static const u8 init[] = { 0x11, 0x20, 0x04, 0x11, 0x11, 0x28, 0x02, 0x03 };

	for (unsigned i = 0; i < 8; i++)
		outb(r, (u16)((i < 4 ? 0x20 : 0xa0) + !!(i & 3)), init[i]);
	outb(r, 0x21, 0x40);
	outb(r, 0xa1, 0x02);
	outb(r, 0x20, 0xc2); /* priorities */
	outb(r, 0xa0, 0x68); /* special mask */
	outb(r, 0x20, 0x0b);
	io_write(r->m, IO_PORT, 0x4d0, 2, 0x0c08);
	pic_set(r->pic, 3, true);
	machine_intack(r->m);
	pic_set(r->pic, 5, true);
	pic_set(r->pic, 11, true);
	outb(r, 0xa0, 0x11); /* half initialised */
	outb(r, 0xa1, 0x30);
}

static void program_ioapic(struct rig *r) needs(in_machine)
{
	for (u32 pin = 0; pin < 24; pin++) {
		io_write(r->m, IO_MMIO, 0xfec00000, 4, 0x11 + 2 * pin);
		io_write(r->m, IO_MMIO, 0xfec00010, 4, pin << 24);
		io_write(r->m, IO_MMIO, 0xfec00000, 4, 0x10 + 2 * pin);
		io_write(r->m, IO_MMIO, 0xfec00010, 4, 0x40 + pin + (pin & 4 ? 1u << 15 : 0));
	}
	ioapic_set(r->ioapic, 20, true);
	ioapic_set(r->ioapic, 12, true);
}

static void program_timers(struct rig *r) needs(in_machine)
{
	static const u8 rtc[] = { 0x0a, 0x2a, 0x01, 0x59, 0x03, 0xff, 0x05,
				  0xff, 0x0b, 0x62, 0x40, 0x77, 0x04, 0x13 };

	outb(r, 0x61, 0x03);
	outb(r, 0x43, 0x36);
	outb(r, 0x40, 0x00);
	outb(r, 0x40, 0x20);
	outb(r, 0x43, 0xb1); /* BCD, mode 0 */
	outb(r, 0x42, 0x00);
	outb(r, 0x42, 0x90);
	outb(r, 0x43, 0x78); /* counter 1: a first byte only */
	outb(r, 0x41, 0x12);
	for (unsigned i = 0; i < sizeof(rtc); i += 2) {
		outb(r, 0x70, rtc[i]);
		outb(r, 0x71, rtc[i + 1]);
	}
	outb(r, 0x70, 0x8c);
}

/* Every device away from its reset state, with time running. */
static void stir(struct pair *p) needs(in_machine)
{
	struct rig *r = &p->r;

	program_pic(r);
	program_ioapic(r);
	program_timers(r);
	pm_set_base(p->pm, 0x600, true);
	io_write(r->m, IO_PORT, 0x602, 2, 0x0101);
	io_write(r->m, IO_PORT, 0x628, 4, 0x20);
	io_write(r->m, IO_PORT, 0x630, 4, 0x21);
	pm_gpe(p->pm, 4);
	pm_smi_all(p->pm, true);
	pm_lock_smi(p->pm);
	outb(r, 0xb3, 0x42);
	outb(r, 0x3fa, 0xc1);
	outb(r, 0x3fb, 0x03);
	outb(r, 0x3fc, 0x0b);
	outb(r, 0x3f9, 0x05);
	outb(r, 0x3ff, 0x99);
	machine_unlock(r->m);
	chr_memory_feed(p->chr, "hello", 5);
	machine_lock(r->m);
	inb(r, 0x3f8);
	outb(r, 0xcf9, 0x02);
	outb(r, 0x92, 0x00);
	outb(r, 0x64, 0xd2);
	outb(r, 0x60, 0x1c);
	outb(r, 0x64, 0x60);
	clock_advance(r->m->clock, 1234567);
	outb(r, 0x43, 0xc4); /* latch count and status of counter 1 */
}

static void copy(struct pair *to, struct pair *from) needs(in_machine)
{
	struct clock *a = from->r.m->clock, *b = to->r.m->clock;
	struct error err = { 0 };
	struct str saved = { 0 };

	device_save_all(from->r.m, &saved);
	clock_set_now(b, clock_now_ns(a));
	clock_set_wall(b, clock_wall_ns(a));
	if (device_load_all(to->r.m, (const u8 *)saved.at, saved.len, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		CHECK(!"loaded");
	}
	str_free(&saved);
}

static void check_alike(struct pair *a, struct pair *b) needs(in_machine)
{
	struct str x = { 0 }, y = { 0 };

	device_inspect_all(a->r.m, &x);
	device_inspect_all(b->r.m, &y);
	if (strcmp(x.at, y.at)) {
		fprintf(stderr, "%s\n%s\n", x.at, y.at);
		CHECK(!"alike");
	}
	str_free(&x);
	str_free(&y);
	CHECK_EQ(a->r.intr, b->r.intr);
	CHECK_EQ(a->r.sci, b->r.sci);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(a->r.wire[i], b->r.wire[i]);
	for (unsigned pin = 0; pin < 24; pin++) {
		CHECK_EQ(a->r.route[pin].msg.addr, b->r.route[pin].msg.addr);
		CHECK_EQ(a->r.route[pin].msg.data, b->r.route[pin].msg.data);
		CHECK_EQ(a->r.route[pin].masked, b->r.route[pin].masked);
	}
}

/* What a guest can read without knowing more; most of it has side effects, too. */
static void check_same_reads(struct pair *a, struct pair *b) needs(in_machine)
{
	static const u16 ports[] = { 0x20,  0x21,  0xa0,  0xa1,  0x4d0, 0x4d1, 0x40,  0x41,
				     0x42,  0x61,  0x71,  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc,
				     0x3fd, 0x3fe, 0x3ff, 0xcf9, 0x92,  0x60,  0x64,  0x600,
				     0x604, 0x608, 0x620, 0x628, 0x630, 0xb2,  0xb3 };

	for (unsigned i = 0; i < ARRAY_LEN(ports); i++)
		CHECK_EQ(inb(&b->r, ports[i]), inb(&a->r, ports[i]));
}

/* The two machines are locked in turn: one role token stands for both. */
static void a_loaded_machine_goes_on_like_the_saved_one(void) unchecked_roles
{
	struct pair a, b;

	start(&a);
	start(&b);
	stir(&a);
	copy(&b, &a);
	check_alike(&a, &b);
	for (unsigned step = 0; step < 200; step++) {
		unsigned before_a = a.r.msis, before_b = b.r.msis;

		clock_advance(a.r.m->clock, 7777777);
		clock_advance(b.r.m->clock, 7777777);
		CHECK_EQ(b.r.msis - before_b, a.r.msis - before_a);
		check_alike(&a, &b);
		check_same_reads(&a, &b);
		check_alike(&a, &b);
	}
	rig_stop(&a.r);
	rig_stop(&b.r);
}

static void loading_into_a_machine_in_use_replaces_all_of_it(void) unchecked_roles
{
	struct pair a, b;

	start(&a);
	start(&b);
	stir(&b);
	copy(&b, &a); /* a fresh state: its timers must be gone */
	check_alike(&a, &b);
	clock_advance(a.r.m->clock, 10 * NS_PER_S);
	clock_advance(b.r.m->clock, 10 * NS_PER_S);
	check_alike(&a, &b);
	stir(&a);
	copy(&b, &a);
	check_alike(&a, &b);
	clock_advance(a.r.m->clock, NS_PER_S);
	clock_advance(b.r.m->clock, NS_PER_S);
	check_alike(&a, &b);
	rig_stop(&a.r);
	rig_stop(&b.r);
}

static void use(struct rig *r) needs(in_machine)
{
	clock_advance(r->m->clock, 50 * NS_PER_MS);
	for (u16 port = 0; port < 0x1000; port++)
		if (port != 0x402)
			inb(r, port);
	for (u32 i = 0; i < 0x40; i++) {
		io_write(r->m, IO_MMIO, 0xfec00000, 4, i);
		io_read(r->m, IO_MMIO, 0xfec00010, 4);
	}
	outb(r, 0x70, 0x0c);
	inb(r, 0x71);
	outb(r, 0x42, 0x12);
	outb(r, 0x61, 0x01);
	machine_intack(r->m);
	clock_advance(r->m->clock, 50 * NS_PER_MS);
}

/* Whatever the bytes say, loading is refused or leaves devices that work. */
static void damaged_states_do_no_harm(void) unchecked_roles
{
	static const u8 flips[] = { 0xff, 0x80, 0x01 };
	struct str saved = { 0 };
	unsigned refused = 0;
	struct pair a;

	start(&a);
	stir(&a);
	device_save_all(a.r.m, &saved);
	rig_stop(&a.r);
	for (size_t i = 0; i < saved.len; i++) {
		u8 flip = flips[i % ARRAY_LEN(flips)];
		struct error err = { 0 };

		start(&a);
		saved.at[i] ^= flip;
		if (device_load_all(a.r.m, (u8 *)saved.at, saved.len, &err) == 0)
			use(&a.r);
		else
			refused++;
		saved.at[i] ^= flip;
		rig_stop(&a.r);
	}
	CHECK(refused > 100 && refused < saved.len);
	start(&a);
	CHECK(device_load_all(a.r.m, (u8 *)saved.at, saved.len - 1, NULL) < 0);
	CHECK_EQ(device_load_all(a.r.m, (u8 *)saved.at, saved.len, NULL), 0);
	rig_stop(&a.r);
	str_free(&saved);
}

/* Load @d's state with field @name (one integer) replaced by @val. */
static int load_with(struct pair *p, const char *id, const char *name, u64 val) needs(in_machine)
{
	struct device *d = device_find(p->r.m, id);
	size_t len = strlen(name);
	struct error err = { 0 };
	struct str saved = { 0 };
	int rc = -ENOENT;

	CHECK(d);
	state_save(d->cls->fields, d, &saved);
	for (size_t i = 0; i + len + 14 < saved.len; i++) {
		u8 *at = (u8 *)saved.at + i;

		if (*at != len || memcmp(at + 1, name, len))
			continue;
		/* After the name: type, element size, count, payload length, payload. */
		put_le(at + len + 14, le32_at(at + len + 2), val);
		rc = state_load(d->cls->fields, d, (u8 *)saved.at, saved.len, &err);
		if (rc == 0)
			rc = d->cls->loaded(d, &err);
		break;
	}
	str_free(&saved);
	return rc;
}

static void values_that_cannot_be_are_refused(void)
{
	static const struct {
		const char *id, *name;
		u64 val;
	} bad[] = {
		{ "pic", "first", 8 },
		{ "pic", "step", 1 },
		{ "pic", "step", 5 },
		{ "pit", "mode", 6 },
		{ "pit", "access", 0 },
		{ "pit", "access", 4 },
		{ "pit", "count", 0 },
		{ "pit", "count", 1 }, /* in mode 3 */
		{ "pit", "count", 65537 },
		{ "pit", "next", 1 },
		{ "pit", "next", 65537 },
		{ "pit", "start", 1ull << 53 },
		{ "pit", "held", ~0ull },
		{ "rtc", "offset_s", 1ull << 63 },
		{ "rtc", "offset_s", 1ull << 62 },
		{ "rtc", "updated_s", 1ull << 62 },
		{ "rtc", "phase_ns", 1000000000 },
		{ "com1", "head", 16 },
		{ "com1", "count", 17 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct pair p;

		start(&p);
		stir(&p);
		if (load_with(&p, bad[i].id, bad[i].name, bad[i].val) != -EINVAL) {
			fprintf(stderr, "%s %s\n", bad[i].id, bad[i].name);
			CHECK(!"refused");
		}
		rig_stop(&p.r);
	}
}

static void bits_that_cannot_be_are_dropped(void)
{
	struct pair p;

	start(&p);
	stir(&p);
	CHECK_EQ(load_with(&p, "pic", "elcr", 0xff), 0);
	CHECK_EQ(inb(&p.r, 0x4d0), 0xf8);
	CHECK_EQ(load_with(&p, "pm", "pm1_en", 0xffff), 0);
	CHECK_EQ(io_read(p.r.m, IO_PORT, 0x602, 2), 0x4521);
	CHECK_EQ(load_with(&p, "reset", "cnt", 0xff), 0);
	CHECK_EQ(inb(&p.r, 0xcf9), 0x0a);
	CHECK_EQ(load_with(&p, "com1", "ier", 0xff), 0);
	CHECK_EQ(inb(&p.r, 0x3f9), 0x0f);
	CHECK_EQ(load_with(&p, "i8042", "status", 0xff), 0);
	CHECK_EQ(inb(&p.r, 0x64) & 0x82, 0);
	CHECK_EQ(load_with(&p, "ioapic", "id", 0xff), 0);
	io_write(p.r.m, IO_MMIO, 0xfec00000, 4, 0);
	CHECK_EQ(io_read(p.r.m, IO_MMIO, 0xfec00010, 4), 0x0f000000);
	rig_stop(&p.r);
}

int main(void)
{
	RUN(a_loaded_machine_goes_on_like_the_saved_one);
	RUN(loading_into_a_machine_in_use_replaces_all_of_it);
	RUN(damaged_states_do_no_harm);
	RUN(values_that_cannot_be_are_refused);
	RUN(bits_that_cannot_be_are_dropped);
	return 0;
}
