/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/x87.c: control instructions of x87. Intel SDM 1 8.1, 8.3.11. */
#include <string.h>

#include "base/bytes.h"
#include "cpu/soft/thunk.h"

/*
 * What FNSTENV stores, as the host does it: control, status and tag word 4 bytes apart, then the
 * pointers, which are not the guest's.
 */
enum { ENV_SIZE = 28, ENV_ST = 28, SAVE_SIZE = 108 };

static struct soft_fpu *begin(struct soft_cpu *c)
{
	fpu_check(c, USE_X87);
	fpu_enter(c->fpu, LIVE_X87);
	return c->fpu;
}

void exec_fninit(struct soft_cpu *c, const struct insn *i)
{
	struct soft_fpu *f = begin(c);

	__asm__ volatile("fninit");
	f->fop = 0;
	f->fip = f->fdp = f->cs_base = f->ds_base = 0;
	fpu_note_x87(f);
}

void exec_fnclex(struct soft_cpu *c, const struct insn *i)
{
	begin(c);
	__asm__ volatile("fnclex");
	fpu_note_x87(c->fpu);
}

void exec_fwait(struct soft_cpu *c, const struct insn *i)
{
	if ((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		raise_vec(c, VEC_NM);
	fpu_wait(c);
}

void exec_fldcw(struct soft_cpu *c, const struct insn *i)
{
	u16 cw;

	fpu_check(c, USE_X87);
	fpu_wait(c);
	cw = (u16)opnd_get(c, i, 0);
	fpu_enter(c->fpu, LIVE_X87);
	/* FLDCW would wait where CR0.NE says that nothing does: FNSTENV masks all exceptions. */
	if (fpu_pending(c->fpu)) {
		u8 env[ENV_SIZE];

		__asm__ volatile("fnstenv %0" : "=m"(env));
	}
	__asm__ volatile("fldcw %0" : : "m"(cw));
	fpu_note_x87(c->fpu);
}

void exec_fnstcw(struct soft_cpu *c, const struct insn *i)
{
	u16 cw;

	begin(c);
	__asm__ volatile("fnstcw %0" : "=m"(cw));
	opnd_set(c, i, 0, cw);
}

void exec_fnstsw(struct soft_cpu *c, const struct insn *i)
{
	fpu_check(c, USE_X87);
	opnd_set(c, i, 0, fpu_sw(c->fpu));
}

/*
 * SDM 1 figures 8-9 and 8-11: 32-bit operands. Unused halves are ones, as processors leave
 * them; selectors are 0 (CPUID.7:EBX bit 13), and in real mode addresses are linear.
 */
static void pack32(const struct soft_cpu *c, const u8 *env, u8 *out)
{
	const struct soft_fpu *f = c->fpu;
	u32 ip = (u32)(f->fip + f->cs_base), dp = (u32)(f->fdp + f->ds_base);

	for (unsigned n = 0; n < 12; n += 4)
		put_le32(out + n, 0xffff0000 | le16_at(env + n));
	if (c->prot) {
		put_le32(out + 12, (u32)f->fip);
		put_le32(out + 16, (u32)f->fop << 16);
		put_le32(out + 20, (u32)f->fdp);
		put_le32(out + 24, 0xffff0000);
	} else {
		put_le32(out + 12, 0xffff0000 | (ip & 0xffff));
		put_le32(out + 16, (ip >> 16) << 12 | f->fop);
		put_le32(out + 20, 0xffff0000 | (dp & 0xffff));
		put_le32(out + 24, (dp >> 16) << 12);
	}
}

/* SDM 1 figures 8-10 and 8-12: 16-bit operands. */
static void pack16(const struct soft_cpu *c, const u8 *env, u8 *out)
{
	const struct soft_fpu *f = c->fpu;
	u32 ip = (u32)(f->fip + f->cs_base), dp = (u32)(f->fdp + f->ds_base);

	for (unsigned n = 0; n < 3; n++)
		memcpy(out + 2 * n, env + 4 * n, 2);
	if (c->prot) {
		put_le16(out + 6, (u16)f->fip);
		put_le16(out + 8, 0);
		put_le16(out + 10, (u16)f->fdp);
		put_le16(out + 12, 0);
	} else {
		put_le16(out + 6, (u16)ip);
		put_le16(out + 8, (u16)((ip >> 16) << 12 | f->fop));
		put_le16(out + 10, (u16)dp);
		put_le16(out + 12, (u16)((dp >> 16) << 12));
	}
}

static void unpack32(struct soft_cpu *c, const u8 *in, u8 *env)
{
	struct soft_fpu *f = c->fpu;
	u32 mid = le32_at(in + 16), last = le32_at(in + 24);

	memcpy(env, in, 12);
	f->fip = le32_at(in + 12);
	f->fdp = le32_at(in + 20);
	f->cs_base = f->ds_base = 0;
	f->fop = mid >> 16 & 0x7ff;
	if (!c->prot) {
		f->fip = (f->fip & 0xffff) | (mid >> 12 & 0xffff) << 16;
		f->fdp = (f->fdp & 0xffff) | (last >> 12 & 0xffff) << 16;
		f->fop = mid & 0x7ff;
	}
}

static void unpack16(struct soft_cpu *c, const u8 *in, u8 *env)
{
	struct soft_fpu *f = c->fpu;
	u16 mid = le16_at(in + 8), last = le16_at(in + 12);

	for (unsigned n = 0; n < 3; n++)
		put_le32(env + 4 * n, le16_at(in + 2 * n));
	f->fip = le16_at(in + 6);
	f->fdp = le16_at(in + 10);
	f->cs_base = f->ds_base = 0;
	f->fop = 0;
	if (!c->prot) {
		f->fip |= (u64)(mid >> 12) << 16;
		f->fdp |= (u64)(last >> 12) << 16;
		f->fop = mid & 0x7ff;
	}
}

static unsigned pack(const struct soft_cpu *c, const struct insn *i, const u8 *env, u8 *out)
{
	if (i->osz == 2)
		pack16(c, env, out);
	else
		pack32(c, env, out);
	return i->osz == 2 ? 14 : 28;
}

static unsigned unpack(struct soft_cpu *c, const struct insn *i, const u8 *in, u8 *env)
{
	memset(env, 0, ENV_SIZE);
	if (i->osz == 2)
		unpack16(c, in, env);
	else
		unpack32(c, in, env);
	return i->osz == 2 ? 14 : 28;
}

/* Make sure of the @size bytes that are to be written: their offset. */
static u64 probe(struct soft_cpu *c, const struct insn *i, unsigned size)
{
	enum insn_seg seg = (enum insn_seg)i->seg;
	u64 off = insn_offset(c, i);

	seg_probe_write(c, seg, off, size);
	fp_check_alignment(c, seg_check(c, seg, off, size, true), i->osz == 2 ? 2 : 4);
	return off;
}

static void read_all(struct soft_cpu *c, const struct insn *i, u8 *out)
{
	enum insn_seg seg = (enum insn_seg)i->seg;
	unsigned size = operand_size(&i->operand[0]);
	u64 off = insn_offset(c, i);

	seg_read_bytes(c, seg, off, out, size);
	fp_check_alignment(c, seg_check(c, seg, off, size, false), i->osz == 2 ? 2 : 4);
}

void exec_fnstenv(struct soft_cpu *c, const struct insn *i)
{
	enum insn_seg seg = (enum insn_seg)i->seg;
	unsigned size = operand_size(&i->operand[0]);
	u8 env[ENV_SIZE], out[ENV_SIZE];
	u64 off;

	fpu_check(c, USE_X87);
	off = probe(c, i, size);
	fpu_enter(c->fpu, LIVE_X87);
	__asm__ volatile("fnstenv %0" : "=m"(env)); /* and masks all exceptions */
	fpu_note_x87(c->fpu);
	pack(c, i, env, out);
	seg_write_bytes(c, seg, off, out, size);
}

void exec_fldenv(struct soft_cpu *c, const struct insn *i)
{
	u8 env[ENV_SIZE], in[ENV_SIZE];

	fpu_check(c, USE_X87);
	fpu_wait(c);
	read_all(c, i, in);
	fpu_enter(c->fpu, LIVE_X87);
	unpack(c, i, in, env);
	__asm__ volatile("fnclex\n\tfldenv %0" : : "m"(env));
	fpu_note_x87(c->fpu);
}

void exec_fnsave(struct soft_cpu *c, const struct insn *i)
{
	enum insn_seg seg = (enum insn_seg)i->seg;
	unsigned size = operand_size(&i->operand[0]), head;
	u8 save[SAVE_SIZE], out[SAVE_SIZE];
	struct soft_fpu *f = c->fpu;
	u64 off;

	fpu_check(c, USE_X87);
	off = probe(c, i, size);
	fpu_enter(f, LIVE_X87);
	__asm__ volatile("fnsave %0" : "=m"(save)); /* and does what FNINIT does */
	head = pack(c, i, save, out);
	memcpy(out + head, save + ENV_ST, SAVE_SIZE - ENV_ST);
	f->fop = 0;
	f->fip = f->fdp = f->cs_base = f->ds_base = 0;
	fpu_note_x87(f);
	seg_write_bytes(c, seg, off, out, size);
}

void exec_frstor(struct soft_cpu *c, const struct insn *i)
{
	u8 save[SAVE_SIZE], in[SAVE_SIZE];
	unsigned head;

	fpu_check(c, USE_X87);
	fpu_wait(c);
	read_all(c, i, in);
	fpu_enter(c->fpu, LIVE_X87);
	head = unpack(c, i, in, save);
	memcpy(save + ENV_ST, in + head, SAVE_SIZE - ENV_ST);
	__asm__ volatile("fnclex\n\tfrstor %0" : : "m"(save));
	fpu_note_x87(c->fpu);
}
