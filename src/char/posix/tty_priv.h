/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/posix/tty_priv.h: the mode of the process's one terminal, restored whatever happens. */
#pragma once

#include "base/types.h"

/* Claim stdin and stdout for one stream of the process. False when another has them. */
bool tty_claim(void);
void tty_release(void);

/* True while another process group has the terminal @fd: reading and changing it would stop us. */
bool tty_in_background(int fd);
/* Remember the mode of @fd once, restore it at exit and at fatal signals, and make it raw. */
int tty_raw(int fd) MUST_CHECK;
void tty_restore(void);
