/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/port.c: IN, OUT, INS, OUTS. */
#include "cpu/soft/int_priv.h"

static struct machine *machine_of(struct soft_cpu *c)
{
	return c->base.accel->machine;
}

static u64 port_read(struct soft_cpu *c, u16 port, unsigned size)
{
	fpu_park(c);
	c->base.exits[EXIT_PORT_READ]++;
	c->trap_dr6 |= debug_io_match(c, port, size);
	return io_read_vcpu(machine_of(c), IO_PORT, port, size);
}

static void port_write(struct soft_cpu *c, u16 port, unsigned size, u64 val)
{
	fpu_park(c);
	c->base.exits[EXIT_PORT_WRITE]++;
	c->trap_dr6 |= debug_io_match(c, port, size);
	io_write_vcpu(machine_of(c), IO_PORT, port, size, val);
}

void exec_in(struct soft_cpu *c, const struct insn *i)
{
	u16 port = (u16)opnd_get(c, i, 1);
	unsigned size = operand_size(&i->operand[0]);

	io_check(c, port, size);
	opnd_set(c, i, 0, port_read(c, port, size));
}

void exec_out(struct soft_cpu *c, const struct insn *i)
{
	u16 port = (u16)opnd_get(c, i, 0);
	unsigned size = operand_size(&i->operand[1]);

	io_check(c, port, size);
	port_write(c, port, size, opnd_get(c, i, 1));
}

/* ---- strings: the right to use the port counts also when there is nothing to do ---- */

static u16 port_of(const struct soft_cpu *c)
{
	return (u16)c->gpr[R_DX];
}

/* The port is not read when its value could not be stored. */
static bool ins_one(struct soft_cpu *c, const struct insn *i)
{
	struct string_side to = string_target();
	unsigned size = string_size(i);

	seg_probe_write(c, to.seg, gpr_get(c, to.reg, i->asz), size);
	string_write(c, i, to, port_read(c, port_of(c), size));
	string_advance(c, i, to, 1);
	return false;
}

static bool outs_one(struct soft_cpu *c, const struct insn *i)
{
	port_write(c, port_of(c), string_size(i), string_read(c, i, string_source(i)));
	string_advance(c, i, string_source(i), 1);
	return false;
}

/*
 * Under one hold of the machine's lock; nothing in there can raise. At least one element; what an
 * access leads to (an SMI, a reset) comes before the next one.
 */
static u64 transfer(struct soft_cpu *c, const struct insn *i, u8 *at, u64 count, bool in)
{
	struct machine *m = machine_of(c);
	unsigned size = string_size(i);
	ptrdiff_t step = c->rflags & FL_DF ? -(ptrdiff_t)size : (ptrdiff_t)size;
	u16 port = port_of(c);
	u64 n = 0;

	fpu_park(c);
	c->base.exits[in ? EXIT_PORT_READ : EXIT_PORT_WRITE]++;
	c->trap_dr6 |= debug_io_match(c, port, size);
	machine_lock(m);
	do {
		if (in)
			put_le(at, size, io_read(m, IO_PORT, port, size));
		else
			io_write(m, IO_PORT, port, size, le_at(at, size));
		at += step;
		n++;
	} while (n < count && !cpu_is_wanted(c));
	machine_unlock(m);
	return n;
}

static u64 bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool in)
{
	struct string_side s = in ? string_target() : string_source(i);
	u8 *at;

	/* A breakpoint on the port is met after each round. */
	if (c->cr4 & CR4_DE && c->dr[7] & 0xff)
		return 0;
	at = string_memory(c, i, s, in, &count);
	if (!at)
		return 0;
	count = transfer(c, i, at, count, in);
	string_advance(c, i, s, count);
	return count;
}

static u64 ins_bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool *done)
{
	return bulk(c, i, count, true);
}

static u64 outs_bulk(struct soft_cpu *c, const struct insn *i, u64 count, bool *done)
{
	return bulk(c, i, count, false);
}

void exec_ins(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { ins_one, ins_bulk };

	io_check(c, port_of(c), string_size(i));
	string_run(c, i, &op);
}

void exec_outs(struct soft_cpu *c, const struct insn *i)
{
	static const struct string_op op = { outs_one, outs_bulk };

	io_check(c, port_of(c), string_size(i));
	string_run(c, i, &op);
}
