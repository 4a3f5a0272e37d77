/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat/rcu.h: lock-free readers of an immutable snapshot, and its safe retirement.
 *
 * A reader brackets its use with rcu_read_lock()/rcu_read_unlock(); these nest, never block and
 * touch only the thread's own cache line. A writer publishes a new snapshot with an atomic store
 * and hands the old one to rcu_retire(), which frees it once no reader can still see it: at this
 * or at a later call. Up to RCU_THREADS threads may read; a thread's place is freed when it ends.
 */
#pragma once

#include "base/types.h"

enum { RCU_THREADS = 1024 };

void rcu_read_lock(void);
void rcu_read_unlock(void);

struct rcu_head {
	struct rcu_head *next;
	void (*free_fn)(struct rcu_head *head);
	u64 epoch;
};
void rcu_retire(struct rcu_head *head, void (*free_fn)(struct rcu_head *head));
/* Wait until all readers that were inside have left, and free all that was retired. */
void rcu_synchronize(void);
