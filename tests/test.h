/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/test.h: the whole test framework. A test program lists its cases in main(). */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: CHECK(%s)\n", __FILE__, __LINE__, __func__,    \
				#cond);                                                            \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(got, want)                                                                        \
	do {                                                                                       \
		unsigned long long g_ = (unsigned long long)(got),                                 \
				   w_ = (unsigned long long)(want);                                \
		if (g_ != w_) {                                                                    \
			fprintf(stderr, "%s:%d: %s: %s is 0x%llx, want 0x%llx\n", __FILE__,        \
				__LINE__, __func__, #got, g_, w_);                                 \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define RUN(fn)                                                                                    \
	do {                                                                                       \
		fn();                                                                              \
		printf("ok %s\n", #fn);                                                            \
	} while (0)
