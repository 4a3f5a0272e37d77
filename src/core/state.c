/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/state.c: field tables to bytes, back, and to JSON.
 *
 * Saved form, little endian: for each field u8 name length, name, u8 type, u32 element size,
 * u32 count, u32 payload length, payload. Integers keep their own size in the payload; a struct's
 * element is its fields' saved form behind a u32 length; a timer is u8 armed, u64 deadline. A zero
 * name length ends a table.
 */
#include "core/state.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { NAME_MAX_LEN = 63, TIMER_BYTES = 9 };

static void add_u32(struct str *out, u32 v)
{
	u8 b[4];

	put_le32(b, v);
	str_add_bytes(out, b, sizeof(b));
}

static void save_timer(const struct timer *t, struct str *out)
{
	u8 b[TIMER_BYTES] = { t->armed };

	put_le64(b + 1, t->armed ? t->deadline_ns : 0);
	str_add_bytes(out, b, sizeof(b));
}

static void save_payload(const struct field *f, const u8 *at, struct str *out)
{
	for (u32 i = 0; i < f->count; i++, at += f->size) {
		size_t mark;

		switch (f->type) {
		case FIELD_STRUCT:
			mark = out->len;
			add_u32(out, 0);
			state_save(f->table, at, out);
			put_le32(out->at + mark, (u32)(out->len - mark - 4));
			break;
		case FIELD_TIME: save_timer((const struct timer *)(const void *)at, out); break;
		default: str_add_bytes(out, at, f->size); break;
		}
	}
}

void state_save(const struct field *f, const void *obj, struct str *out)
{
	u8 zero = 0;

	for (; f->type != FIELD_LAST; f++) {
		u8 len = (u8)MIN(strlen(f->name), (size_t)NAME_MAX_LEN), type = (u8)f->type;
		size_t mark;

		str_add_bytes(out, &len, 1);
		str_add_bytes(out, f->name, len);
		str_add_bytes(out, &type, 1);
		add_u32(out, f->type == FIELD_STRUCT || f->type == FIELD_TIME ? 0 : f->size);
		add_u32(out, f->count);
		mark = out->len;
		add_u32(out, 0);
		save_payload(f, (const u8 *)obj + f->offset, out);
		put_le32(out->at + mark, (u32)(out->len - mark - 4));
	}
	str_add_bytes(out, &zero, 1);
}

static const struct field *find_field(const struct field *f, const char *name, size_t len)
{
	for (; f->type != FIELD_LAST; f++)
		if (strlen(f->name) == len && !memcmp(f->name, name, len))
			return f;
	return NULL;
}

static int load_payload(const struct field *f, u8 *at, struct reader *r, struct error *err)
{
	for (u32 i = 0; i < f->count; i++, at += f->size) {
		if (f->type == FIELD_STRUCT) {
			u32 len = read_le32(r);
			const u8 *sub = read_bytes(r, len);
			int rc;

			if (!sub)
				break;
			rc = state_load(f->table, at, sub, len, err);
			if (rc < 0)
				return error_prefix(err, "%s", f->name), rc;
		} else if (f->type == FIELD_TIME) {
			struct timer *t = (struct timer *)(void *)at;

			t->armed = read_u8(r);
			t->deadline_ns = read_le64(r);
		} else {
			const u8 *p = read_bytes(r, f->size);

			if (p && f->type == FIELD_BOOL)
				*(bool *)at = *p != 0; /* any other byte is no bool */
			else if (p)
				memcpy(at, p, f->size);
		}
	}
	if (r->bad || r->at != r->end)
		return error_set(err, -EINVAL, "saved field %s is damaged", f->name);
	return 0;
}

int state_load(const struct field *f, void *obj, const u8 *bytes, size_t len, struct error *err)
{
	struct reader r = { bytes, bytes + len, false };

	for (;;) {
		u8 name_len = read_u8(&r);
		const char *name = read_bytes(&r, name_len);
		u8 type = name_len ? read_u8(&r) : 0;
		u32 size, count, payload;
		const struct field *have;
		const u8 *p;
		int rc;

		if (!r.bad && !name_len)
			return 0;
		size = read_le32(&r);
		count = read_le32(&r);
		payload = read_le32(&r);
		p = read_bytes(&r, payload);
		if (!p)
			return error_set(err, -EINVAL, "the saved state ends early");
		have = find_field(f, name, name_len);
		if (!have)
			continue; /* a field of a version that had it */
		if (have->type != type || have->count != count || (size && have->size != size))
			return error_set(err, -EINVAL, "saved field %s has another form",
					 have->name);
		struct reader sub = { p, p + payload, false };
		rc = load_payload(have, (u8 *)obj + have->offset, &sub, err);
		if (rc < 0)
			return rc;
	}
}

static void inspect_one(const struct field *f, const u8 *at, struct str *out)
{
	const struct timer *t = (const struct timer *)(const void *)at;

	switch (f->type) {
	case FIELD_STRUCT: state_inspect(f->table, at, out); break;
	case FIELD_TIME:
		if (t->armed)
			str_add(out, "%llu", (unsigned long long)t->deadline_ns);
		else
			str_add(out, "null");
		break;
	case FIELD_BYTES:
		str_add(out, "\"");
		for (u32 i = 0; i < f->size; i++)
			str_add(out, "%02x", at[i]);
		str_add(out, "\"");
		break;
	default: str_add(out, "%llu", (unsigned long long)le_at(at, f->size)); break;
	}
}

void state_inspect(const struct field *f, const void *obj, struct str *out)
{
	str_add(out, "{");
	for (const struct field *first = f; f->type != FIELD_LAST; f++) {
		const u8 *at = (const u8 *)obj + f->offset;

		str_add(out, "%s", f == first ? "" : ",");
		str_add_json(out, f->name);
		str_add(out, f->count == 1 ? ":" : ":[");
		for (u32 i = 0; i < f->count; i++) {
			if (i)
				str_add(out, ",");
			inspect_one(f, at + (size_t)i * f->size, out);
		}
		if (f->count != 1)
			str_add(out, "]");
	}
	str_add(out, "}");
}
