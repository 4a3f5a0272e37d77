/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/triple.S: a triple fault ends the machine. */
#include "guest.inc"

	.code16
main16:
	GO_LONG
	SAY "down "
	ud2
	END
GUEST_DATA
