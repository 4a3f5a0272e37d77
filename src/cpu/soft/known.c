/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/known.c: see known.h. */
#include "cpu/soft/known.h"

#include "cpu/soft/host_memory.h"

enum { INSN_MAX = 15 };

/* @len bytes, the rest 0, by reads that overlap: none goes past them. */
static void gather(const u8 *bytes, unsigned len, u64 out[2])
{
	out[1] = 0;
	if (len >= 8) {
		out[0] = host_load(bytes, 8);
		if (len > 8)
			out[1] = host_load(bytes + len - 8, 8) >> 8 * (16 - len);
	} else if (len >= 4) {
		out[0] = host_load(bytes, 4) | host_load(bytes + len - 4, 4) << 8 * (len - 4);
	} else {
		out[0] = bytes[0] | (u64)bytes[len / 2] << 8 * (len / 2) |
			 (u64)bytes[len - 1] << 8 * (len - 1);
	}
}

const struct insn *insn_known(struct known_insns *k, const u8 *bytes, unsigned len,
			      enum cpu_mode mode)
{
	struct known_insn *e;
	u8 copy[16];
	u64 key[2];

	gather(bytes, len, key);
	host_store(copy, 8, key[0]);
	host_store(copy + 8, 8, key[1]);
	key[1] |= (u64)(len | (unsigned)mode << 4) << 56;
	e = &k->at[(key[0] * 0x9e3779b97f4a7c15ull ^ key[1] * 0xc2b2ae3d27d4eb4full) >>
		   (64 - KNOWN_BITS)];
	if (e->key[0] == key[0] && e->key[1] == key[1])
		return &e->insn;
	e->key[0] = e->key[1] = 0;
	if (decode(&e->insn, copy, len, mode) != (int)len)
		return NULL;
	e->key[0] = key[0];
	e->key[1] = key[1];
	return &e->insn;
}
