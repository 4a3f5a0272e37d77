/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that were decoded before are the same as decoded now. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/soft/known.h"

static bool same(struct known_insns *k, const u8 *bytes, unsigned len, enum cpu_mode mode)
{
	const struct insn *i = insn_known(k, bytes, len, mode);
	struct insn now;

	CHECK_EQ(decode(&now, bytes, len, mode), (int)len);
	return i && memcmp(i, &now, sizeof(now)) == 0;
}

/* Each in a buffer that ends where it ends: nothing behind it is read. */
static void all_instructions_are_what_they_are(void)
{
	struct known_insns *k = xnew(struct known_insns);
	u64 state = 1, lengths = 0, found = 0;

	for (unsigned n = 0; n < 200000; n++) {
		enum cpu_mode mode = (enum cpu_mode)(n % 3);
		struct insn insn;
		u8 bytes[16], *alone;
		int len;

		for (unsigned b = 0; b < sizeof(bytes); b++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			bytes[b] = (u8)(state >> 56);
		}
		len = decode(&insn, bytes, 15, mode);
		if (len <= 0)
			continue;
		alone = malloc((size_t)len);
		CHECK(alone);
		memcpy(alone, bytes, (size_t)len);
		CHECK(same(k, alone, (unsigned)len, mode));
		CHECK(same(k, alone, (unsigned)len, mode));
		free(alone);
		lengths |= BIT64(len);
		found++;
	}
	CHECK(found > 100000);
	CHECK((lengths & 0x1ffe) == 0x1ffe); /* 1 to 12 */
	free(k);
}

static void modes_and_lengths_are_told_apart(void)
{
	struct known_insns *k = xnew(struct known_insns);
	const u8 inc[] = { 0x40, 0x90 }; /* INC EAX; in 64-bit mode REX and NOP */
	const u8 nops[] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
			    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90 };

	CHECK(same(k, inc, 1, CPU_32));
	CHECK(same(k, inc, 2, CPU_64));
	CHECK(same(k, inc, 1, CPU_32));
	CHECK_EQ(insn_known(k, inc, 1, CPU_32)->op, OP_INC);
	for (unsigned len = 1; len <= 15; len++)
		CHECK(same(k, nops + 15 - len, len, CPU_64));
	for (unsigned len = 15; len >= 1; len--)
		CHECK(same(k, nops + 15 - len, len, CPU_64));
	free(k);
}

static void what_is_none_of_that_length_is_not_kept(void)
{
	struct known_insns *k = xnew(struct known_insns);
	const u8 mov[] = { 0xb8, 1, 2, 3, 4 }, none[] = { 0x0f, 0x0b, 0x90 };

	CHECK(!insn_known(k, mov, 4, CPU_64));
	CHECK(!insn_known(k, none, 3, CPU_64));
	CHECK(!insn_known(k, none, 3, CPU_64));
	CHECK(same(k, mov, 5, CPU_64));
	free(k);
}

int main(void)
{
	RUN(all_instructions_are_what_they_are);
	RUN(modes_and_lengths_are_told_apart);
	RUN(what_is_none_of_that_length_is_not_kept);
	return 0;
}
