/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/native/steer.h: what state.c asks of steer.c. */
#pragma once

#include "native.h"

bool reg_free(const struct making *m, unsigned reg);
/* Give a register its value at the beginning; false: it has one, or is written before. */
bool reg_settle(struct making *m, unsigned reg, u64 val, unsigned size);
/* A linear address where @size bytes meet memory, a page's end, or nothing. */
u64 pick_target(struct making *m, unsigned size, unsigned align);
bool steer_to(struct making *m, u64 target);
u64 address_now(const struct making *m);
bool patch_memory(struct making *m, u64 at, const void *bytes, unsigned len);
/* A linear address to branch to, and the offset in CS that has it. */
u64 code_target(struct making *m);
u64 code_offset(const struct making *m, u64 linear);
