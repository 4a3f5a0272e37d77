/* SPDX-License-Identifier: GPL-2.0-or-later */
/* char/win32/refused.c: the kinds of streams that Windows has no like of. */
#include <errno.h>

#include "char/char_priv.h"

int chr_open_pty(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	return error_set(err, -ENOTSUP,
			 "pty: Windows has no pseudo terminals of this kind; use "
			 "tty, file=PATH or null");
}

int chr_open_socket(struct chr *c, const struct chr_config *cfg, struct error *err)
{
	return error_set(err, -ENOTSUP, "socket: not on Windows yet; use tty, file=PATH or null");
}
