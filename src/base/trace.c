/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/trace.c: see base/trace.h. */
#include "base/trace.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"

struct trace_slot {
	u64 turn; /* number of the record in it plus one; 0 while it is written or empty */
	struct trace_record record;
};

/* The process's ring: one, made before other threads start, as the switch trace_on is one. */
struct trace_ring {
	struct trace_slot *slots;
	u32 count;
	u64 next; /* number of the next record */
	u64 (*now_ns)(void);
	u32 (*thread_id)(void);
};

bool trace_on;

static struct trace_ring *trace_ring(void)
{
	static struct trace_ring ring;

	return &ring;
}

int trace_start(u32 records, u64 (*now_ns)(void), u32 (*thread_id)(void))
{
	struct trace_ring *r = trace_ring();

	if (!records || (records & (records - 1)) || r->slots)
		return -EINVAL;
	r->slots = try_alloc((u64)records * sizeof(*r->slots), SIZE_MAX);
	if (!r->slots)
		return -ENOMEM;
	r->count = records;
	r->next = 0;
	r->now_ns = now_ns;
	r->thread_id = thread_id;
	trace_on = true;
	return 0;
}

void trace_stop(void)
{
	struct trace_ring *r = trace_ring();

	trace_on = false;
	free(r->slots);
	*r = (struct trace_ring){ 0 };
}

void trace_put(enum trace_event e, u64 a, u64 b, u64 c, u64 d)
{
	struct trace_ring *r = trace_ring();
	u64 n = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED);
	struct trace_slot *s = &r->slots[n & (r->count - 1)];

	__atomic_store_n(&s->turn, 0, __ATOMIC_RELAXED);
	/* A reader that sees a field below also sees that the turn has gone. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&s->record.time_ns, r->now_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&s->record.event, (u32)e, __ATOMIC_RELAXED);
	__atomic_store_n(&s->record.thread, r->thread_id(), __ATOMIC_RELAXED);
	__atomic_store_n(&s->record.arg[0], a, __ATOMIC_RELAXED);
	__atomic_store_n(&s->record.arg[1], b, __ATOMIC_RELAXED);
	__atomic_store_n(&s->record.arg[2], c, __ATOMIC_RELAXED);
	__atomic_store_n(&s->record.arg[3], d, __ATOMIC_RELAXED);
	__atomic_store_n(&s->turn, n + 1, __ATOMIC_RELEASE);
}

/* Copy record number @n. False when it is not (or no longer) whole. */
static bool trace_get(struct trace_ring *r, u64 n, struct trace_record *out)
{
	struct trace_slot *s = &r->slots[n & (r->count - 1)];

	if (__atomic_load_n(&s->turn, __ATOMIC_ACQUIRE) != n + 1)
		return false;
	out->time_ns = __atomic_load_n(&s->record.time_ns, __ATOMIC_RELAXED);
	out->event = __atomic_load_n(&s->record.event, __ATOMIC_RELAXED);
	out->thread = __atomic_load_n(&s->record.thread, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ARRAY_LEN(out->arg); i++)
		out->arg[i] = __atomic_load_n(&s->record.arg[i], __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&s->turn, __ATOMIC_RELAXED) == n + 1;
}

/* Every format is given all four arguments and prints those it names. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#define TRACE(name, format)                                                                        \
	case TRACE_##name: snprintf(buf, len, #name " " format, a, b, c, d); break;

static void trace_text(char *buf, size_t len, const struct trace_record *t)
{
	unsigned long long a = t->arg[0], b = t->arg[1], c = t->arg[2], d = t->arg[3];

	switch ((enum trace_event)t->event) {
#include "base/trace_all.def"
	case N_TRACE_EVENTS:
	default: snprintf(buf, len, "event%u %llx %llx %llx %llx", t->event, a, b, c, d); break;
	}
}
#undef TRACE
#pragma GCC diagnostic pop

int trace_dump(const char *path)
{
	struct trace_ring *r = trace_ring();
	u64 next = __atomic_load_n(&r->next, __ATOMIC_ACQUIRE);
	u64 n = next > r->count ? next - r->count : 0;
	struct trace_record t;
	char text[256];
	int rc = 0;
	FILE *f = fopen(path, "wb");

	if (!f)
		return -errno;
	for (; n < next; n++) {
		if (!trace_get(r, n, &t))
			continue;
		trace_text(text, sizeof(text), &t);
		fprintf(f, "%llu %u %s\n", (unsigned long long)t.time_ns, t.thread, text);
	}
	if (ferror(f))
		rc = -EIO;
	if (fclose(f) && !rc)
		rc = -errno;
	return rc;
}
