/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system part of our own CPU: instructions with any registers, MSRs, save maps, saved states
 * and local APIC events in any order. Whatever comes, the vCPU stays in a state that a processor
 * can be in, and can be saved and loaded.
 */
#define RIG_ANY_ADDRESS
#include "unit/system_rig.h"

#include "base/alloc.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

#define C (&rig.c)

static const char *const instructions[] = {
	"0f 22 c0", "0f 22 d0", "0f 22 d8", "0f 22 e0", "0f 20 c3", "0f 20 e3", "0f 23 c0",
	"0f 23 f8", "0f 23 f0", "0f 21 fb", "0f 01 f0", "0f 01 e0", "0f 06",    "0f 30",
	"0f 30",    "0f 32",    "0f a2",    "0f 31",    "0f 01 f9", "0f 33",    "0f 01 d0",
	"0f 01 d1", "0f 01 cb", "0f 01 ca", "fb",       "fa",       "f4",       "0f aa",
	"0f 01 17", "0f 01 1f", "0f 01 07", "0f 01 0f", "0f 01 3f", "0f 09",
};

static void check_state(void)
{
	struct control r = { C->cr0, C->cr3, C->cr4, C->efer };
	u8 mode = C->mode, cpl = C->cpl;
	bool lma = C->lma;

	if (C->activity == ACT_SHUTDOWN)
		return;
	CHECK(!control_wrong(C, &r));
	CHECK(C->activity <= ACT_SHUTDOWN && C->cpl <= 3);
	CHECK(!(C->rflags & ~(RFLAGS_BITS | FL_1)) && C->rflags & FL_1);
	CHECK(!(C->rflags & FL_ARITH) && !(C->lf & ~LF_ALL));
	for (unsigned s = 0; s < 6; s++)
		CHECK(is_canonical(C->seg[s].base) && !(C->seg[s].attr & 0xf00));
	CHECK((C->dr[7] & ~DR7_BITS) == DR7_ONES && (C->dr[6] & ~DR6_BITS) == DR6_ONES);
	CHECK(C->gpr[R_ZERO] == 0 && xcr0_valid(C, C->xcr0));
	cpu_mode_changed(C); /* was it told of everything? */
	CHECK(C->mode == mode && C->cpl == cpl && C->lma == lma);
}

static void there_and_back(void)
{
	struct cpu_state *s = xnew(struct cpu_state), *again = xnew(struct cpu_state);
	struct error err;

	CHECK_EQ(soft_get_state(&C->base, s, &err), 0);
	if (C->activity != ACT_SHUTDOWN) {
		CHECK_EQ(soft_set_state(&C->base, s, &err), 0);
		CHECK_EQ(soft_get_state(&C->base, again, &err), 0);
		CHECK(!memcmp(s, again, sizeof(*s)));
	}
	free(s);
	free(again);
}

static void damage_events(struct cpu_state *s, u8 how)
{
	s->event.exception_injected = how & 1;
	s->event.exception_pending = how & 2;
	s->event.has_payload = how & 4;
	s->event.interrupt_injected = how & 8;
	s->event.in_smm = how & 16;
	s->event.nmi_injected = how & 32;
	s->event.exception = s->event.interrupt = s->event.interrupt_shadow = how;
	s->event.payload = ~(u64)how;
}

/* Load what is nearly a saved state: @n bytes of it are others. */
static void load_damaged(const u8 **data, size_t *len, unsigned n)
{
	struct cpu_state *s = xnew(struct cpu_state);
	struct error err;

	CHECK_EQ(soft_get_state(&C->base, s, &err), 0);
	for (; n-- && *len >= 3; *data += 3, *len -= 3) {
		u32 at = le16_at(*data) % sizeof(*s);

		/* A bool must stay one: those come from the field table. */
		if (at - offsetof(struct cpu_state, event) >= sizeof(s->event))
			((u8 *)s)[at] ^= (*data)[2];
		else
			damage_events(s, (*data)[2]);
	}
	if (soft_set_state(&C->base, s, &err) < 0)
		CHECK(err.msg[0]);
	free(s);
}

static void command(u8 what, const u8 **data, size_t *len)
{
	u64 val = *len >= 8 ? le64_at(*data) : 0;
	unsigned arg = what >> 3;

	switch (what & 7) {
	case 0: (void)run(instructions[arg % ARRAY_LEN(instructions)]); return;
	case 1: (void)run(instructions[(arg + 32) % ARRAY_LEN(instructions)]); return;
	case 2: C->gpr[arg & 15] = val; break;
	case 3:
		if (!C->in_smm)
			smm_enter(C);
		rig.smram[(C->smbase + 0xfe00 + (val & 511)) % (RIG_RAM / 2)] ^= (u8)(val >> 9);
		break;
	case 4: load_damaged(data, len, arg & 7); return;
	case 5: (void)msr_write(C, (u32)val, val >> 32 | val << 40); break;
	case 6:
		lapic_post(&C->lapic, (u32)val & LAPIC_EVENTS);
		cpu_take_events(C);
		break;
	default: there_and_back(); return;
	}
	*data += MIN(*len, 8u);
	*len -= MIN(*len, 8u);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	if (len < 2)
		return 0;
	rig_start();
	if (data[0] & 1)
		rig_mode32();
	if (data[0] & 2)
		rig_mode64();
	for (data++, len--; len;) {
		u8 what = *data++;

		len--;
		command(what, &data, &len);
		check_state();
		if (C->activity == ACT_SHUTDOWN)
			cpu_reset(C, false);
		rig.tsc += 1000;
	}
	there_and_back();
	return 0;
}
