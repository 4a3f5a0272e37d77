/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base/trace.h: events for machines: a binary ring of fixed-size records, printed by scripts/trace.
 *
 * Each folder lists its events in trace.def, one line per event:
 *	TRACE(pci_bar_map, "devfn %llx bar %llx at %llx len %llx")
 * and base/trace_events.h gathers them. trace(pci_bar_map, a, b, c, d) costs one load and a branch
 * while tracing is off, which it is until trace_start().
 */
#pragma once

#include "base/trace_events.h"
#include "base/types.h"

struct trace_record {
	u64 time_ns;
	u32 event, thread;
	u64 arg[4];
};

extern bool trace_on;

/*
 * Begin to record into a ring of @records (a power of two). @now_ns and @thread_id are the host's
 * (plat/time.h, plat/thread.h): base/ knows no OS. Call before other threads start.
 * 0, -EINVAL (not a power of two, or started already) or -ENOMEM.
 */
int trace_start(u32 records, u64 (*now_ns)(void), u32 (*thread_id)(void));
void trace_stop(void); /* after the other threads have ended; frees the ring */

/* Any thread, many at once: a slot is claimed with one atomic add. */
void trace_put(enum trace_event e, u64 a, u64 b, u64 c, u64 d);

/*
 * Write the ring, oldest first, as text lines "ns thread event arguments" to the file @path, while
 * others may go on recording: a record that changes under our eyes is left out. 0 or -errno.
 */
int trace_dump(const char *path);

#define TRACE_PICK(_0, _1, _2, _3, _4, N, ...) N
#define TRACE_CALL0(e) trace_put(e, 0, 0, 0, 0)
#define TRACE_CALL1(e, a) trace_put(e, (u64)(a), 0, 0, 0)
#define TRACE_CALL2(e, a, b) trace_put(e, (u64)(a), (u64)(b), 0, 0)
#define TRACE_CALL3(e, a, b, c) trace_put(e, (u64)(a), (u64)(b), (u64)(c), 0)
#define TRACE_CALL4(e, a, b, c, d) trace_put(e, (u64)(a), (u64)(b), (u64)(c), (u64)(d))
#define trace(event, ...)                                                                          \
	do {                                                                                       \
		if (__builtin_expect(trace_on, 0))                                                 \
			TRACE_PICK(_, ##__VA_ARGS__, TRACE_CALL4, TRACE_CALL3, TRACE_CALL2,        \
				   TRACE_CALL1, TRACE_CALL0)                                       \
		(TRACE_##event, ##__VA_ARGS__);                                                    \
	} while (0)
