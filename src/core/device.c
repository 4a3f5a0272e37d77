/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/device.c: the machine's list of devices: find, reset, save, load, inspect. */
#include "core/device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/machine.h"

void device_add(struct machine *m, struct device *d, const struct device_class *cls, const char *id)
{
	assert(!device_find(m, id));
	d->cls = cls;
	snprintf(d->id, sizeof(d->id), "%s", id);
	d->machine = m;
	d->next = m->devices;
	m->devices = d;
}

struct device *device_find(struct machine *m, const char *id)
{
	for (struct device *d = m->devices; d; d = d->next)
		if (!strcmp(d->id, id))
			return d;
	return NULL;
}

/* Oldest first: the list is short and the recursion as deep as the machine has devices. */
static void each(struct device *d, void (*fn)(struct device *d, void *arg), void *arg)
{
	if (!d)
		return;
	each(d->next, fn, arg);
	fn(d, arg);
}

static void reset_one(struct device *d, void *arg)
{
	if (d->cls->reset)
		d->cls->reset(d, *(enum reset_kind *)arg);
}

void device_reset_all(struct machine *m, enum reset_kind kind)
{
	each(m->devices, reset_one, &kind);
}

static void hold(struct device *d, bool on)
{
	if (d->cls->hold)
		d->cls->hold(d, on);
}

/* Per device: u8 id length, id, u8 class name length, class name, u32 length, fields. */
static void save_one(struct device *d, void *arg)
{
	struct str *out = arg;
	u8 id = (u8)strlen(d->id), cls = (u8)strlen(d->cls->name), len[4] = { 0 };
	size_t mark;

	str_add_bytes(out, &id, 1);
	str_add_bytes(out, d->id, id);
	str_add_bytes(out, &cls, 1);
	str_add_bytes(out, d->cls->name, cls);
	mark = out->len;
	str_add_bytes(out, len, 4);
	hold(d, true);
	if (d->cls->fields)
		state_save(d->cls->fields, d, out);
	hold(d, false);
	put_le32(out->at + mark, (u32)(out->len - mark - 4));
}

void device_save_all(struct machine *m, struct str *out)
{
	each(m->devices, save_one, out);
}

static int load_one(struct machine *m, struct reader *r, struct error *err)
{
	char id[256] = { 0 }, cls[256] = { 0 };
	const void *p;
	struct device *d;
	u32 len;
	u8 n;
	int rc;

	n = read_u8(r);
	p = read_bytes(r, n);
	if (p)
		memcpy(id, p, n);
	n = read_u8(r);
	p = read_bytes(r, n);
	if (p)
		memcpy(cls, p, n);
	len = read_le32(r);
	p = read_bytes(r, len);
	if (!p)
		return error_set(err, -EINVAL, "the saved machine ends early");
	d = device_find(m, id);
	if (!d || strcmp(d->cls->name, cls))
		return error_set(err, -ENODEV, "the saved machine has a %s called %s, this one not",
				 cls, id);
	if (d->cls->fields) {
		hold(d, true);
		rc = state_load(d->cls->fields, d, p, len, err);
		hold(d, false);
		if (rc < 0)
			return error_prefix(err, "%s", id), rc;
	}
	return 0;
}

struct load_result {
	int rc;
	struct error *err;
};

static void loaded_one(struct device *d, void *arg)
{
	struct load_result *result = arg;

	if (result->rc < 0 || !d->cls->loaded)
		return;
	result->rc = d->cls->loaded(d, result->err);
	if (result->rc < 0)
		error_prefix(result->err, "%s", d->id);
}

int device_load_all(struct machine *m, const u8 *bytes, size_t len, struct error *err)
{
	struct reader r = { bytes, bytes + len, false };
	int rc = 0;

	while (rc == 0 && r.at < r.end)
		rc = load_one(m, &r, err);
	struct load_result result = { rc, err };
	each(m->devices, loaded_one, &result);
	return result.rc;
}

static void inspect_device(struct device *d, void *arg)
{
	struct str *out = arg;

	if (out->at[out->len - 1] != '{')
		str_add(out, ",");
	str_add_json(out, d->id);
	str_add(out, ":");
	hold(d, true);
	if (d->cls->fields)
		state_inspect(d->cls->fields, d, out);
	else
		str_add(out, "{}");
	hold(d, false);
}

void device_inspect_all(struct machine *m, struct str *out)
{
	str_add(out, "{");
	each(m->devices, inspect_device, out);
	str_add(out, "}");
}
