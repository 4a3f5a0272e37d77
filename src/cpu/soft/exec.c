/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/exec.c: which function executes which instruction. */
#include "cpu/soft/soft_priv.h"

#define EXEC(op, function, attributes) void function(struct soft_cpu *c, const struct insn *i);
#include "cpu/soft/exec_far.def"
#include "cpu/soft/exec_fp.def"
#include "cpu/soft/exec_int.def"
#include "cpu/soft/exec_sys.def"
#undef EXEC

#define EXEC(op, function, attributes) [OP_##op] = { function, attributes },
const struct exec exec_table[N_OPS] = {
#include "cpu/soft/exec_far.def"
#include "cpu/soft/exec_fp.def"
#include "cpu/soft/exec_int.def"
#include "cpu/soft/exec_sys.def"
};
#undef EXEC

void exec_insn(struct soft_cpu *c, const struct insn *i)
{
	const struct exec *e = &exec_table[i->op];

	if (!e->fn)
		raise_ud(c);
	exec_check(c, i);
	e->fn(c, i);
}
