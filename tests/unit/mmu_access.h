/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/mmu_access.h: accesses as data, so that one function catches what they raise. */
#pragma once

#include "mmu_rig.h"

/* One access to memory, in one of the ways there are. */
enum rig_way {
	LIN_READ,
	LIN_WRITE,
	SYS_READ,
	SYS_WRITE,
	FETCH, /* gives the physical address */
	LIN_READ_BYTES,
	LIN_WRITE_BYTES,
	SYS_READ_BYTES,
	SYS_WRITE_BYTES,
	LIN_PROBE,
	SYS_PROBE,
	SYS_CMPXCHG, /* against 0 */
	LIN_PTR_READ,
	LIN_PTR_WRITE,
	SEG_READ,
	SEG_WRITE,
	SEG_READ_BYTES,
	SEG_WRITE_BYTES,
	SEG_PROBE,
};

struct rig_access {
	enum rig_way way;
	gva_t at;
	size_t size;
	u64 val;
	u8 *bytes;
	enum insn_seg seg;
	struct fetch fetch;
	void *ptr;
};

static inline void rig_perform(struct soft_cpu *c, struct rig_access *a)
{
	unsigned size = (unsigned)a->size;

	switch (a->way) {
	case LIN_READ: a->val = lin_read(c, a->at, size); break;
	case LIN_WRITE: lin_write(c, a->at, size, a->val); break;
	case SYS_READ: a->val = sys_read(c, a->at, size); break;
	case SYS_WRITE: sys_write(c, a->at, size, a->val); break;
	case FETCH:
		mmu_fetch(c, a->at, &a->fetch);
		a->val = a->fetch.phys;
		break;
	case LIN_READ_BYTES: lin_read_bytes(c, a->at, a->bytes, a->size); break;
	case LIN_WRITE_BYTES: lin_write_bytes(c, a->at, a->bytes, a->size); break;
	case SYS_READ_BYTES: sys_read_bytes(c, a->at, a->bytes, a->size); break;
	case SYS_WRITE_BYTES: sys_write_bytes(c, a->at, a->bytes, a->size); break;
	case LIN_PROBE: lin_probe_write(c, a->at, a->size); break;
	case SYS_PROBE: sys_probe_write(c, a->at, a->size); break;
	case SYS_CMPXCHG: a->val = sys_cmpxchg(c, a->at, size, 0, a->val); break;
	case LIN_PTR_READ: a->ptr = lin_ptr(c, a->at, a->size, false, a->seg); break;
	case LIN_PTR_WRITE: a->ptr = lin_ptr(c, a->at, a->size, true, a->seg); break;
	case SEG_READ: a->val = seg_read(c, a->seg, a->at, size); break;
	case SEG_WRITE: seg_write(c, a->seg, a->at, size, a->val); break;
	case SEG_READ_BYTES: seg_read_bytes(c, a->seg, a->at, a->bytes, a->size); break;
	case SEG_WRITE_BYTES: seg_write_bytes(c, a->seg, a->at, a->bytes, a->size); break;
	case SEG_PROBE: seg_probe_write(c, a->seg, a->at, a->size); break;
	}
}

/* False: it raised, and @cpu->event says what. */
static inline bool rig_try(struct rig_cpu *cpu, struct rig_access *a)
{
	if (setjmp(cpu->fault))
		return false;
	rig_perform(&cpu->c, a);
	return true;
}
