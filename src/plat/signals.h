/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/signals.h: requests to end that reach the process: SIGINT, SIGTERM, Ctrl-C on Windows. */
#pragma once

#include "plat/loop.h"

enum quit_signal { QUIT_INTERRUPT /* Ctrl-C */, QUIT_TERMINATE, QUIT_HANGUP };

/*
 * Call @fn on the loop thread for each request. A signal that was ignored when the process started
 * (nohup and SIGHUP) stays so. SIGPIPE and SIGXFSZ are ignored from here on: a disk that may not
 * grow further (ulimit -f) gives an error.
 */
int signals_watch(struct loop *loop, void (*fn)(void *arg, enum quit_signal s), void *arg,
		  struct error *err) MUST_CHECK;

/* True when a request has come that the loop has not served yet. */
bool signals_waiting(void);
