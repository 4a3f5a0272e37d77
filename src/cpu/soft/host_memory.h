/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/host_memory.h: guest memory on the host, which others use at the same time: one access
 * of the guest is one of the host where there is one of that size. Any alignment.
 */
#pragma once

#include <string.h>

#include "base/types.h"

typedef u16 __attribute__((aligned(1), may_alias)) any16;
typedef u32 __attribute__((aligned(1), may_alias)) any32;
typedef u64 __attribute__((aligned(1), may_alias)) any64;

static inline u64 host_load(const u8 *p, unsigned size)
{
	u64 val = 0;

	switch (size) {
	case 1: return *(const volatile u8 *)p;
	case 2: return *(const volatile any16 *)p;
	case 4: return *(const volatile any32 *)p;
	case 8: return *(const volatile any64 *)p;
	default: memcpy(&val, p, size); return val;
	}
}

static inline void host_store(u8 *p, unsigned size, u64 val)
{
	switch (size) {
	case 1: *(volatile u8 *)p = (u8)val; break;
	case 2: *(volatile any16 *)p = (u16)val; break;
	case 4: *(volatile any32 *)p = (u32)val; break;
	case 8: *(volatile any64 *)p = val; break;
	default: memcpy(p, &val, size);
	}
}
