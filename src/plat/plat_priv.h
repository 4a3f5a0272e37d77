/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/plat_priv.h: what the files of plat/ owe each other. */
#pragma once

#include "plat/loop.h"

/*
 * Call rcu_thread_end(@slot) when the calling thread ends. For plat/rcu.c, once per thread; a
 * second call replaces the first.
 */
void thread_at_end(void *slot);
void rcu_thread_end(void *slot);

/* loop_destroy() and loop_unwatch() call @fn with the source's argument. */
void loop_on_unwatch(struct loop_source *src, void (*fn)(void *arg));
