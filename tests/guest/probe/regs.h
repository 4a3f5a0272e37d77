/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/probe/regs.h: control and debug registers at CPL 0. */
#pragma once

#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define READ_REG(name, insn)                                                                       \
	static inline u64 name(void)                                                               \
	{                                                                                          \
		u64 v;                                                                             \
		__asm__ volatile(insn : "=r"(v)::"memory");                                        \
		return v;                                                                          \
	}
#define WRITE_REG(name, insn)                                                                      \
	static inline void name(u64 v)                                                             \
	{                                                                                          \
		__asm__ volatile(insn ::"r"(v) : "memory");                                        \
	}
READ_REG(get_cr0, "mov %%cr0, %0")
READ_REG(get_cr2, "mov %%cr2, %0")
READ_REG(get_cr3, "mov %%cr3, %0")
READ_REG(get_cr4, "mov %%cr4, %0")
READ_REG(get_cr8, "mov %%cr8, %0")
READ_REG(get_dr6, "mov %%dr6, %0")
READ_REG(get_dr7, "mov %%dr7, %0")
WRITE_REG(set_cr0, "mov %0, %%cr0")
WRITE_REG(set_cr2, "mov %0, %%cr2")
WRITE_REG(set_cr3, "mov %0, %%cr3")
WRITE_REG(set_cr4, "mov %0, %%cr4")
WRITE_REG(set_cr8, "mov %0, %%cr8")
WRITE_REG(set_dr0, "mov %0, %%dr0")
WRITE_REG(set_dr1, "mov %0, %%dr1")
WRITE_REG(set_dr2, "mov %0, %%dr2")
WRITE_REG(set_dr3, "mov %0, %%dr3")
WRITE_REG(set_dr6, "mov %0, %%dr6")
WRITE_REG(set_dr7, "mov %0, %%dr7")

static inline void invlpg(u64 at)
{
	__asm__ volatile("invlpg (%0)" ::"r"(at) : "memory");
}
