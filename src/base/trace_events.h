/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/trace_events.h: every event of every folder's trace.def as one enumeration. */
#pragma once

#define TRACE(name, format) TRACE_##name,
enum trace_event {
#include "base/trace_all.def"
	N_TRACE_EVENTS
};
#undef TRACE
