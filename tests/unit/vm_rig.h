/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/unit/vm_rig.h: a whole machine on the fake backend, and a loop that waits for its end. */
#pragma once

#include <errno.h>

#include "base/str.h"
#include "fake_accel.h"
#include "plat/file.h"
#include "plat/loop.h"
#include "plat/time.h"
#include "vm/config.h"
#include "vm/vm.h"
#include "vm/vm_priv.h"
#include "volume.h"

enum { RIG_VARS = 128 << 10, RIG_CODE = (1 << 20) - RIG_VARS, RIG_DISK = 4 << 20 };

struct vm_rig {
	char prefix[32];
	struct vm_config cfg;
	struct loop *loop;
	struct vm *vm;
	struct error err;
	enum vm_end how;
	unsigned ends; /* times that the end was told */
};

static inline char *rig_firmware(struct vm_rig *r, const char *name, size_t len, bool variables)
{
	char *path = xasprintf("%s%s", r->prefix, name);
	u8 *bytes = xcalloc(len, 1);
	FILE *f = fopen(path, "wb"); /* unlike file_save() it waits for no disk */

	make_volume(bytes, len, variables);
	CHECK(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
	free(bytes);
	return path;
}

static inline char *rig_disk(struct vm_rig *r, const char *name)
{
	char *path = xasprintf("%s%s", r->prefix, name);
	struct file *f;

	CHECK(file_open(&f, path, FILE_WRITE | FILE_CREATE, &r->err) == 0);
	CHECK(file_resize(f, RIG_DISK) == 0);
	file_close(f);
	return path;
}

/* A configuration with two disks, a serial port into a file and variables in a file. */
static inline void rig_begin(struct vm_rig *r, const char *prefix, unsigned cpus)
{
	static const char *const names[] = { "a.img", "b.img" };
	struct vm_config *c = &r->cfg;
	struct str notes = { 0 };

	memset(r, 0, sizeof(*r));
	memset(&fake, 0, sizeof(fake));
	snprintf(r->prefix, sizeof(r->prefix), "%s_", prefix);
	config_init(c);
	c->vcpus = cpus;
	c->memory = MIB(64);
	c->firmware = rig_firmware(r, "CODE.fd", RIG_CODE, false);
	c->nvram = rig_firmware(r, "vars.fd", RIG_VARS, true);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		config_add_disk(c)->path = rig_disk(r, names[i]);
	c->serial.kind = CHR_FILE;
	c->serial.path = xasprintf("%sserial.txt", r->prefix);
	c->i8042 = true;
	CHECK(config_check(c, &notes, &r->err) == 0);
	str_free(&notes);
	CHECK(loop_create(&r->loop, &r->err) == 0);
}

static inline void rig_ended(void *arg, enum vm_end how)
{
	struct vm_rig *r = arg;

	r->how = how;
	r->ends++;
	loop_stop(r->loop, 0);
}

static inline void rig_create(struct vm_rig *r) unchecked_roles
{
	if (vm_create(&r->vm, &r->cfg, r->loop, &r->err) < 0) {
		fprintf(stderr, "%s\n", r->err.msg);
		exit(1);
	}
}

static inline void rig_start(struct vm_rig *r) unchecked_roles
{
	rig_create(r);
	CHECK(vm_start(r->vm, rig_ended, r, &r->err) == 0);
}

static inline void rig_end(struct vm_rig *r) unchecked_roles
{
	vm_destroy(r->vm);
	CHECK(!fake.alive);
	loop_destroy(r->loop);
	config_finish(&r->cfg);
}

/* Run the main loop for @ms, or until the machine ends. */
struct rig_stop {
	struct loop *loop;
	u64 until;
};

static inline void rig_stopper(void *arg)
{
	struct rig_stop *s = arg;

	while (time_now_ns() < s->until)
		time_sleep_ns(NS_PER_MS);
	loop_stop(s->loop, 1);
}

static inline void rig_loop_ms(struct vm_rig *r, unsigned ms)
{
	struct rig_stop s = { r->loop, time_now_ns() + ms * NS_PER_MS };
	struct thread *t;

	CHECK(thread_start(&t, "stop", rig_stopper, &s, NULL) == 0);
	loop_run(r->loop);
	thread_join(t);
}
