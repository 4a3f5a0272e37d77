/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/accel_list.c: the backends that were built, best first, and the choice between them. */
#include <errno.h>
#include <string.h>

#include "cpu/accel.h"

const struct accel_class *const accel_classes[] = {
#ifdef HAVE_KVM
	&kvm_accel,
#endif
#ifdef HAVE_SOFT
	&soft_accel,
#endif
	NULL,
};

static int choose_named(const struct accel_class **out, struct accel_info *info, const char *name,
			struct str *why, struct error *err)
{
	const char *known[ARRAY_LEN(accel_classes) + 1] = { "auto" };
	const char *near;

	for (unsigned i = 0; accel_classes[i]; i++) {
		int rc;

		known[i + 1] = accel_classes[i]->name;
		if (strcmp(accel_classes[i]->name, name) != 0)
			continue;
		rc = accel_classes[i]->probe(info, err);
		if (rc < 0) {
			error_prefix(err, "%s cannot be used here", name);
			return rc;
		}
		str_add(why, "%s (%s), as asked", name, info->detail);
		*out = accel_classes[i];
		return 0;
	}
	near = str_nearest(name, known);
	return error_set(err, -EINVAL, "this program has no backend \"%s\"; try --accel %s", name,
			 near ? near : "auto");
}

int accel_choose(const struct accel_class **out, struct accel_info *info, const char *name,
		 struct str *why, struct error *err)
{
	struct str refused = { 0 };
	struct error one = { 0 };
	int rc;

	if (name && strcmp(name, "auto") != 0)
		return choose_named(out, info, name, why, err);
	for (unsigned i = 0; accel_classes[i]; i++) {
		const struct accel_class *c = accel_classes[i];

		if (c->probe(info, &one) == 0) {
			str_add(why, "%s (%s)%s%s", c->name, info->detail, refused.len ? "; " : "",
				refused.len ? refused.at : "");
			str_free(&refused);
			*out = c;
			return 0;
		}
		str_add(&refused, "%snot %s: %s", refused.len ? "; " : "", c->name, one.msg);
	}
	rc = error_set(err, -ENOTSUP, "nothing here can run a guest: %s",
		       refused.len ? refused.at : "this program was built without a backend");
	str_free(&refused);
	return rc;
}
