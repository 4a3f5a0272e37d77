/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What firmware and board agree on for SMIs: right and wrong requests, the lock, reset, state. */
#include "base/bytes.h"
#include "bus/isa/isa.h"
#include "dev/legacy/legacy.h"
#include "fw/fw.h"
#include "machine/q35_priv.h"
#include "test.h"

enum { SUPPORTED = 0x20, REQUESTED, OK }; /* keys in order of addition */
enum { BLOCK = 0x1000, BUFFER = 0x2000, PM = 0x600, SMI_EN = PM + 0x30, APMC_EN = 0x20 };

struct rig {
	struct machine *m;
	struct isa_bus bus;
	struct device *pm, *fw_cfg;
	struct region *ram;
	unsigned smis;
	bool all;
};

static void smi(void *cpus, bool all)
{
	struct rig *r = cpus;

	r->smis++;
	r->all = all;
}

static const struct cpu_ops ops = { .smi = smi };

static void start(struct rig *r) enters(in_machine)
{
	struct irq none = { 0 };

	*r = (struct rig){ 0 };
	CHECK(machine_create(&r->m, clock_create_manual(), NULL) == 0);
	machine_attach_cpus(r->m, &ops, r);
	machine_lock(r->m);
	CHECK(mem_add(&r->ram, r->m->mem, "ram", REGION_RAM, 0, MIB(1), 0, IN_ALL, NULL) == 0);
	r->bus.machine = r->m;
	r->pm = pm_create(r->m, none, true, NULL);
	r->fw_cfg = fw_cfg_create(&r->bus, NULL);
	CHECK(r->pm && r->fw_cfg && smi_features_create(r->m, r->pm, r->fw_cfg, NULL));
}

static void stop(struct rig *r) leaves(in_machine)
{
	machine_unlock(r->m);
	machine_destroy(r->m);
}

static u64 in(struct rig *r, u16 key, unsigned size)needs(in_machine)
{
	io_write(r->m, IO_PORT, 0x510, 2, key);
	return io_read(r->m, IO_PORT, 0x511, size);
}

static void request(struct rig *r, u64 features) needs(in_machine)
{
	u8 *block = r->ram->host + BLOCK;

	put_be32(block, 8 | 16 | REQUESTED << 16); /* select, write */
	put_be32(block + 4, 8);
	put_be64(block + 8, BUFFER);
	put_le64(r->ram->host + BUFFER, features);
	io_write(r->m, IO_PORT, 0x518, 4, __builtin_bswap32(BLOCK));
	CHECK_EQ(be32_at(block), 0);
}

/* Does an SMI go to all vCPUs? */
static bool broadcast(struct rig *r) needs(in_machine)
{
	unsigned before = r->smis;

	pm_set_base(r->pm, PM, true);
	io_write(r->m, IO_PORT, SMI_EN, 4, APMC_EN);
	io_write(r->m, IO_PORT, 0xb2, 1, 0);
	CHECK_EQ(r->smis, before + 1);
	return r->all;
}

static void firmware_gets_what_it_asks_for(void)
{
	struct rig r;

	start(&r);
	CHECK(!broadcast(&r));
	CHECK_EQ(in(&r, SUPPORTED, 4), 1);
	CHECK_EQ(in(&r, REQUESTED, 4), 0);
	request(&r, 1);
	CHECK(!broadcast(&r)); /* not before it has looked at the answer */
	CHECK_EQ(in(&r, OK, 1), 1);
	CHECK(broadcast(&r));
	stop(&r);
}

static void nothing_may_be_asked_for_too(void)
{
	struct rig r;

	start(&r);
	CHECK_EQ(in(&r, OK, 1), 1);
	CHECK(!broadcast(&r));
	stop(&r);
}

static void what_is_not_there_is_refused_until_firmware_asks_for_less(void)
{
	struct rig r;

	start(&r);
	request(&r, 3);
	CHECK_EQ(in(&r, OK, 1), 0);
	request(&r, BIT64(63) | 1);
	CHECK_EQ(in(&r, OK, 1), 0);
	CHECK(!broadcast(&r));
	request(&r, 1);
	CHECK_EQ(in(&r, OK, 1), 1);
	CHECK(broadcast(&r));
	stop(&r);
}

static void an_agreement_holds_until_reset(void)
{
	struct rig r;

	start(&r);
	request(&r, 1);
	CHECK_EQ(in(&r, OK, 1), 1);
	request(&r, 0);
	CHECK_EQ(in(&r, OK, 1), 1);
	CHECK(broadcast(&r));
	device_reset_all(r.m, RESET_WARM);
	CHECK(!broadcast(&r));
	CHECK_EQ(in(&r, REQUESTED, 4), 0);
	request(&r, 2);
	CHECK_EQ(in(&r, OK, 1), 0);
	stop(&r);
}

/* The value of a one-byte field called @name: behind its name and 13 bytes; core/state.c. */
static char *saved_byte(struct str *saved, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 1; i + len + 13 < saved->len; i++)
		if (saved->at[i - 1] == (char)len && !memcmp(saved->at + i, name, len))
			return saved->at + i + len + 13;
	CHECK(!"there is such a field");
	return NULL;
}

static void the_agreement_is_saved_and_checked(void) unchecked_roles
{
	struct str saved = { 0 };
	struct error err;
	struct rig r, s;
	char *at;

	start(&r);
	start(&s);
	request(&r, 1);
	CHECK_EQ(in(&r, OK, 1), 1);
	device_save_all(r.m, &saved);
	CHECK(device_load_all(s.m, (u8 *)saved.at, saved.len, &err) == 0);
	CHECK(broadcast(&s));
	request(&s, 0);
	CHECK_EQ(in(&s, OK, 1), 1);
	CHECK(broadcast(&s));
	at = saved_byte(&saved, "agreed");
	*at = 2;
	CHECK(device_load_all(s.m, (u8 *)saved.at, saved.len, &err) < 0);
	*at = 1;
	*saved_byte(&saved, "ok") = 0;
	CHECK(device_load_all(s.m, (u8 *)saved.at, saved.len, &err) < 0);
	stop(&r);
	stop(&s);
	str_free(&saved);
}

int main(void)
{
	RUN(firmware_gets_what_it_asks_for);
	RUN(nothing_may_be_asked_for_too);
	RUN(what_is_not_there_is_refused_until_firmware_asks_for_less);
	RUN(an_agreement_holds_until_reset);
	RUN(the_agreement_is_saved_and_checked);
	return 0;
}
