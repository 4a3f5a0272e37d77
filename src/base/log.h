/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/log.h: leveled, per-module messages for people. Machine events go to base/trace.h. */
#pragma once

#include "base/types.h"

enum log_level { LVL_ERR, LVL_WARN, LVL_INFO, LVL_DEBUG };

struct log_module {
	const char *name;
	u8 level; /* messages above this level are dropped */
	u8 rules; /* which rules @level was taken from; 0: none yet */
};

/* One line near the top of a .c file: LOG_MODULE("vmbus"); */
#define LOG_MODULE(n) static struct log_module log_here = { .name = (n), .level = LVL_INFO }

void log_at(struct log_module *m, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_err(...) log_at(&log_here, LVL_ERR, __VA_ARGS__)
#define log_warn(...) log_at(&log_here, LVL_WARN, __VA_ARGS__)
#define log_info(...) log_at(&log_here, LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(&log_here, LVL_DEBUG, __VA_ARGS__)

/* The guest did something no driver should: at most 10 lines a second per call site. */
#define log_guest(...)                                                                             \
	do {                                                                                       \
		static struct log_limit limit_here;                                                \
		if (log_allow(&limit_here))                                                        \
			log_at(&log_here, LVL_WARN, __VA_ARGS__);                                  \
	} while (0)

struct log_limit {
	u64 window_s;
	u32 count;
};
/* True at most 10 times in each second. For log_guest(). */
bool log_allow(struct log_limit *limit);

/*
 * Set the levels from @rules: comma-separated "module=level" or "level" for all others, levels
 * error, warning, info, debug. Later rules win. NULL, and the state before the first call, is the
 * environment's ORIEL_LOG (whose unknown words are skipped), else "warning".
 * 0, or -EINVAL when a level is unknown (nothing is then changed). Call before other threads start.
 */
int log_set_rules(const char *rules);

/*
 * Where messages go: NULL is stderr. Takes @path's file in append mode. 0 or -errno. Call before
 * other threads start. A message is one line and one write; control characters in it become '?'.
 */
int log_to_file(const char *path);
