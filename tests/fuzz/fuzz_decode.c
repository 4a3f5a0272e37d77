/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine code: a mode, then up to 16 bytes. What decode() promises holds whatever they are. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/soft/decode.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* What belongs to a good instruction lies within it, and can be asked about. */
static void look(const struct insn *i, int rc)
{
	struct flag_use flags;
	struct insn_regs regs;
	char name[32];

	require(rc <= 15 && i->len == rc && i->op < N_OPS && i->operands <= 4);
	require(i->opcode_at < rc && i->modrm_at < rc);
	require(i->disp_at + i->disp_len <= rc && i->imm_at + i->imm_len <= rc);
	insn_flags(i, &flags);
	insn_regs(i, &regs);
	insn_name(i, name, sizeof(name));
	require(*name && strlen(name) < sizeof(name) - 1);
	for (unsigned n = 0; n < i->operands; n++)
		require(i->operand[n].kind != OPERAND_NONE && operand_size(&i->operand[n]) <= 512);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct insn i, again;
	enum cpu_mode mode;
	u8 *bytes;
	int rc;

	if (len < 1 || len > 17)
		return 0;
	mode = data[0] % 3;
	len--;
	/* No byte too many, so that a sanitizer sees every read beyond the end. */
	bytes = xcalloc(len + 1, 1);
	bytes = realloc(bytes, len ? len : 1);
	require(bytes != NULL);
	memcpy(bytes, data + 1, len);
	rc = decode(&i, bytes, len, mode);
	require(rc >= DECODE_GP_LENGTH && rc <= (int)len);
	if (rc > 0) {
		look(&i, rc);
		require(decode(&again, bytes, (size_t)rc, mode) == rc);
		require(!memcmp(&i, &again, sizeof(i)));
		for (int n = 0; n < rc; n++)
			require(decode(&again, bytes, (size_t)n, mode) == 0);
	}
	free(bytes);
	return 0;
}
