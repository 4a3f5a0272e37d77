/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over files, for compilers without libFuzzer and for the test suite. */
#include <stdio.h>

#include "base/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int main(int argc, char **argv)
{
	static u8 buf[1 << 20];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		size_t n;

		if (!f)
			return 1;
		n = fread(buf, 1, sizeof(buf), f);
		fclose(f);
		LLVMFuzzerTestOneInput(buf, n);
	}
	return 0;
}
