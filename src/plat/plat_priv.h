/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/plat_priv.h: what the files of plat/ owe each other. */
#pragma once

#include "plat/event.h"
#include "plat/file.h"
#include "plat/loop.h"
#include "plat/thread.h"

/*
 * Call rcu_thread_end(@slot) when the calling thread ends. For plat/rcu.c, once per thread; a
 * second call replaces the first.
 */
void thread_at_end(void *slot);
void rcu_thread_end(void *slot);

/* loop_destroy() and loop_unwatch() call @fn with the source's argument. */
void loop_on_unwatch(struct loop_source *src, void (*fn)(void *arg));

/* The posted jobs of a loop. Any thread. */
struct job_queue {
	struct mutex lock;
	struct job *first, **tail;
	struct job *batch; /* those of this turn that did not run yet */
};

void jobs_init(struct job_queue *q);
void jobs_finish(struct job_queue *q);
bool jobs_post(struct job_queue *q, struct job *job); /* true: there was none, wake the loop */
void jobs_unpost(struct job_queue *q, struct job *job);
bool jobs_waiting(struct job_queue *q);
/* Those queued now; what they post waits for the next turn, so that handles get theirs. */
void jobs_run(struct job_queue *q);

/* What the loops of all hosts share: the first member of each one's struct loop. plat/loop.c. */
struct loop_base {
	struct event wake;
	u64 (*timeout)(void *arg);
	void *timeout_arg;
	bool stop;
	int code;
	struct job_queue jobs;
};

/*
 * The hosts' half of reading and writing files, for plat/file.c: all of @v, in as many calls as it
 * takes. @total is the sum of its lengths, and @off + @total fits a signed number. @aligned:
 * offset, lengths and buffers are multiples of FILE_ALIGN, so the page cache can be bypassed.
 */
enum { FILE_ALIGN = 4096 };
int file_transfer(struct file *f, const struct io_vec *v, unsigned n, u64 off, u64 total,
		  bool aligned, bool write);
