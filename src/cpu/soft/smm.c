/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/smm.c: System Management Mode: entry, the state save map, RSM. Intel SDM 3C 31; AMD APM
 * 2 10.2 and table 10-1, whose 64-bit map it is: the one that OVMF and SeaBIOS read under KVM. All
 * our models have long mode, so there is no other.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/system_priv.h"

/* The map's offsets from FE00h behind SMBASE. */
enum {
	MAP_AT = 0xfe00,
	MAP_SIZE = 0x200,
	MAP_SEG = 0x00, /* ES CS SS DS FS GS, 16 bytes each: selector, attributes, limit, base */
	MAP_GDTR = 0x60,
	MAP_LDTR = 0x70,
	MAP_IDTR = 0x80,
	MAP_TR = 0x90,
	MAP_HALT = 0xc9,   /* auto-halt restart */
	MAP_SHADOW = 0xcb, /* reserved there, as the next: what the interrupted boundary owed */
	MAP_TRAP = 0xcc,
	MAP_EFER = 0xd0,
	MAP_REVISION = 0xfc,
	MAP_SMBASE = 0x100,
	MAP_CR4 = 0x148,
	MAP_CR3 = 0x150,
	MAP_CR0 = 0x158,
	MAP_DR7 = 0x160,
	MAP_DR6 = 0x168,
	MAP_RFLAGS = 0x170,
	MAP_RIP = 0x178,
	MAP_R15 = 0x180 /* and down to RAX at 1F8 */
};

/* SMBASE can be moved; an I/O instruction cannot be begun again. SDM 3C 31.9 */
enum { REVISION = 0x20064 };
enum { SHADOW_STI = 1, SHADOW_SS = 2 };

static void put_seg(u8 *at, const struct cpu_seg *s)
{
	put_le16(at, s->sel);
	put_le16(at + 2, s->attr);
	put_le32(at + 4, s->limit);
	put_le64(at + 8, s->base);
}

static struct cpu_seg seg_at(const u8 *at)
{
	return (struct cpu_seg){
		.sel = le16_at(at),
		.attr = le16_at(at + 2) & SEG_ATTR_BITS,
		.limit = le32_at(at + 4),
		.base = make_canonical(le64_at(at + 8)),
	};
}

static void put_table(u8 *at, const struct soft_dtable *t)
{
	put_le32(at + 4, t->limit);
	put_le64(at + 8, t->base);
}

static struct soft_dtable table_at(const u8 *at)
{
	return (struct soft_dtable){ .limit = le32_at(at + 4) & 0xffff,
				     .base = make_canonical(le64_at(at + 8)) };
}

static void write_map(struct soft_cpu *c, const u8 *map)
{
	for (unsigned off = 0; off < MAP_SIZE; off += 8)
		phys_write(c, c->smbase + MAP_AT + off, 8, le64_at(map + off));
}

static void read_map(struct soft_cpu *c, u8 *map)
{
	for (unsigned off = 0; off < MAP_SIZE; off += 8)
		put_le64(map + off, phys_read(c, c->smbase + MAP_AT + off, 8));
}

static void fill_map(const struct soft_cpu *c, u8 *map)
{
	memset(map, 0, MAP_SIZE);
	for (unsigned s = 0; s < 6; s++)
		put_seg(map + MAP_SEG + 16 * s, &c->seg[s]);
	put_table(map + MAP_GDTR, &c->gdt);
	put_seg(map + MAP_LDTR, &c->ldt);
	put_table(map + MAP_IDTR, &c->idt);
	put_seg(map + MAP_TR, &c->tr);
	map[MAP_HALT] = c->activity == ACT_HALT;
	map[MAP_SHADOW] = (c->shadow ? SHADOW_STI : 0) | (c->shadow_ss ? SHADOW_SS : 0);
	put_le32(map + MAP_TRAP, (u32)c->trap_dr6);
	put_le64(map + MAP_EFER, c->efer);
	put_le32(map + MAP_REVISION, REVISION);
	put_le32(map + MAP_SMBASE, c->smbase);
	put_le64(map + MAP_CR4, c->cr4);
	put_le64(map + MAP_CR3, c->cr3);
	put_le64(map + MAP_CR0, c->cr0);
	put_le64(map + MAP_DR7, c->dr[7]);
	put_le64(map + MAP_DR6, c->dr[6]);
	put_le64(map + MAP_RFLAGS, flags_get(c));
	put_le64(map + MAP_RIP, c->rip);
	for (unsigned r = 0; r < 16; r++)
		put_le64(map + MAP_R15 + 8 * r, c->gpr[15 - r]);
}

/* SDM 3C table 31-4. The IDT's limit becomes 0, so that an interrupt before LIDT is a shutdown. */
static void enter_state(struct soft_cpu *c)
{
	const struct cpu_seg flat = { .limit = 0xffffffff, .attr = SA_G | 0x93 };

	for (unsigned s = 0; s < 6; s++)
		c->seg[s] = flat;
	c->seg[SEG_CS].sel = (u16)(c->smbase >> 4);
	c->seg[SEG_CS].base = c->smbase;
	c->cr0 &= ~(u64)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
	c->cr4 = c->efer = 0;
	c->dr[7] = DR7_ONES;
	c->idt = (struct soft_dtable){ 0 };
	c->rflags = FL_1;
	flags_set_arith(c, 0);
	c->rip = c->next_rip = 0x8000;
}

void smm_enter(struct soft_cpu *c)
{
	u8 map[MAP_SIZE];

	fill_map(c, map);
	c->in_smm = true;
	c->smi_pending = false;
	mmu_flush(c, true);
	write_map(c, map);
	c->smm_inside_nmi = c->nmi_blocked;
	c->nmi_blocked = true;
	c->shadow = c->shadow_ss = c->trap_tf = false;
	c->trap_dr6 = 0;
	c->activity = ACT_RUN;
	enter_state(c);
	cpu_mode_changed(c);
}

/* ---- RSM ---- */

static void shut_down(struct soft_cpu *c, const char *why)
{
	snprintf(c->why, sizeof(c->why), "RSM found an impossible state: %s", why);
	c->activity = ACT_SHUTDOWN;
	c->result = RUN_SHUTDOWN;
	cpu_attend(c, ATT_RESULT);
}

static void load_registers(struct soft_cpu *c, const u8 *map)
{
	for (unsigned s = 0; s < 6; s++)
		c->seg[s] = seg_at(map + MAP_SEG + 16 * s);
	c->gdt = table_at(map + MAP_GDTR);
	c->ldt = seg_at(map + MAP_LDTR);
	c->idt = table_at(map + MAP_IDTR);
	c->tr = seg_at(map + MAP_TR);
	c->smbase = le32_at(map + MAP_SMBASE);
	c->dr[7] = (le64_at(map + MAP_DR7) & DR7_BITS) | DR7_ONES;
	c->dr[6] = (le64_at(map + MAP_DR6) & DR6_BITS) | DR6_ONES;
	for (unsigned r = 0; r < 16; r++)
		c->gpr[15 - r] = le64_at(map + MAP_R15 + 8 * r);
	c->rip = c->next_rip = le64_at(map + MAP_RIP);
}

static void leave_events(struct soft_cpu *c, const u8 *map)
{
	if (!c->smm_inside_nmi)
		c->nmi_blocked = false;
	c->smm_inside_nmi = false;
	c->shadow = map[MAP_SHADOW] & (SHADOW_STI | SHADOW_SS);
	c->shadow_ss = map[MAP_SHADOW] & SHADOW_SS;
	c->shadow_rip = le64_at(map + MAP_RIP);
	c->trap_dr6 = le32_at(map + MAP_TRAP) & DR6_BITS;
	if (map[MAP_HALT] & 1) {
		c->activity = ACT_HALT;
		cpu_attend(c, ATT_HALT);
	}
	/* SMIs, NMIs, INITs and interrupts that waited. */
	cpu_attend(c, ATT_INTR | (c->shadow || c->trap_dr6 ? ATT_STEP : 0));
}

/* What the map says of the mode; NULL, or what is wrong with it. */
static const char *load_control(struct soft_cpu *c, const u8 *map)
{
	struct control r = {
		.cr0 = (u32)le64_at(map + MAP_CR0),
		.cr3 = le64_at(map + MAP_CR3),
		.cr4 = le64_at(map + MAP_CR4),
		.efer = le64_at(map + MAP_EFER) & ~(u64)EFER_LMA,
	};
	const char *wrong;

	if (r.efer & EFER_LME && r.cr0 & CR0_PG)
		r.efer |= EFER_LMA;
	wrong = control_wrong(c, &r);
	if (wrong)
		return wrong;
	c->cr0 = r.cr0 | CR0_ET;
	c->cr3 = r.cr3;
	c->cr4 = r.cr4;
	c->efer = r.efer;
	return pdptes_reload(c) ? NULL : "reserved bits are set in a PDPTE";
}

void smm_leave(struct soft_cpu *c)
{
	u8 map[MAP_SIZE];
	const char *wrong;
	u64 flags;

	read_map(c, map);
	c->in_smm = false;
	mmu_flush(c, true);
	wrong = load_control(c, map);
	if (wrong) {
		shut_down(c, wrong);
		return;
	}
	load_registers(c, map);
	flags = le64_at(map + MAP_RFLAGS) & RFLAGS_BITS;
	if (c->efer & EFER_LMA)
		flags &= ~(u64)FL_VM;
	flags_set(c, flags, ~0ull);
	cpu_mode_changed(c);
	debug_changed(c);
	leave_events(c, map);
}
