/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine/boards.c: the boards there are, the default first. */
#include "machine/board.h"

extern const struct board_class q35_board;

const struct board_class *const boards[] = { &q35_board, NULL };
