/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/pflash.c: firmware's flash at the top of 4 GiB: its code as ROM, its variables as a chip that
 * takes the command set OVMF speaks (Intel 28F008 style, one byte wide). platform.md 4, "Flash".
 *
 * Reads are direct, also while bytes are programmed: firmware polls no status there. Only after
 * "read status" and "erase" is the chip's memory hidden, until "read array", so that reads reach
 * us.
 *
 * With System Management Mode the chip is that code's alone, as if its write enable were wired to
 * the mode (ICH9 has this as BIOS_CNTL; OVMF expects QEMU's property "secure" of the chip and
 * switches nothing on itself): no kernel can write Secure Boot's keys past the firmware.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "fw/fw.h"
#include "fw/fw_priv.h"
#include "plat/file.h"

LOG_MODULE("flash");

enum flash_command {
	CMD_PROGRAM = 0x10,
	CMD_ERASE = 0x20,
	CMD_PROGRAM_ALT = 0x40,
	CMD_CLEAR_STATUS = 0x50,
	CMD_READ_STATUS = 0x70,
	CMD_ERASE_CONFIRM = 0xd0,
	CMD_READ_ARRAY = 0xff,
};
enum { STATUS_READY = 0x80 };

/* Written back this long after the last change, and at the latest after the second time. */
#define SAVE_AFTER_NS (100 * NS_PER_MS)
#define SAVE_LATEST_NS NS_PER_S

struct pflash {
	struct device dev;
	struct io_window window;
	struct region *code, *vars; /* vars: NULL when there are none */
	struct flash_file *file;    /* NULL: volatile */
	struct timer save;
	u64 first_change_ns, last_change_ns; /* not yet given to @file */
	u64 dirty[FLASH_WORDS];              /* blocks changed since */
	u8 pending;                          /* first byte of a two-byte command, or 0 */
	u8 status;
	bool show_status; /* reads give the status, not the array */
	bool smm_only;
};

static const struct field pflash_fields[] = {
	FIELD(struct pflash, pending), FIELD(struct pflash, status),
	FIELD(struct pflash, show_status), FIELD_END, /* the array is memory */
};

/* Who cannot have asked for the status sees the array. */
static void show_array(struct pflash *p)
{
	u8 hidden = !p->show_status ? 0 : p->smm_only ? IN_SMM : IN_ALL;

	region_show(p->vars, IN_ALL & ~hidden);
}

static void show(struct pflash *p, bool status)
{
	if (p->show_status == status)
		return;
	p->show_status = status;
	show_array(p);
	stat_add(p->dev.machine, STAT_flash_mode, 1);
}

static void stage(struct pflash *p) needs(in_machine)
{
	timer_cancel(p->dev.machine->clock, &p->save);
	if (p->file)
		flash_file_stage(p->file, p->vars->host, p->dirty);
}

static void save_due(void *dev) needs(in_machine)
{
	struct pflash *p = dev;
	struct clock *clock = p->dev.machine->clock;
	u64 due = MIN(p->last_change_ns + SAVE_AFTER_NS, p->first_change_ns + SAVE_LATEST_NS);

	if (clock_now_ns(clock) < due)
		timer_arm(clock, &p->save, due);
	else
		stage(p);
}

static void changed(struct pflash *p, u64 off, u64 len) needs(in_machine)
{
	struct clock *clock = p->dev.machine->clock;

	dirty_mark(p->vars, off, len);
	if (!p->file)
		return;
	for (u64 b = off / FLASH_BLOCK; b <= (off + len - 1) / FLASH_BLOCK; b++)
		p->dirty[b / 64] |= BIT64(b % 64);
	p->last_change_ns = clock_now_ns(clock);
	if (!p->save.armed) {
		p->first_change_ns = p->last_change_ns;
		timer_arm(clock, &p->save, p->last_change_ns + SAVE_AFTER_NS);
	}
}

static void program(struct pflash *p, u64 off, u8 val) needs(in_machine)
{
	u8 *at = p->vars->host + off, now = *at & val; /* bits only go from 1 to 0 */

	stat_add(p->dev.machine, STAT_flash_program, 1);
	if (now != *at) {
		*at = now;
		changed(p, off, 1);
	}
	p->status |= STATUS_READY;
}

static void erase(struct pflash *p, u64 off) needs(in_machine)
{
	off = ALIGN_DOWN(off, (u64)FLASH_BLOCK);
	memset(p->vars->host + off, 0xff, FLASH_BLOCK);
	changed(p, off, FLASH_BLOCK);
	p->status |= STATUS_READY;
	show(p, true);
}

static void second_byte(struct pflash *p, u64 off, u8 val) needs(in_machine)
{
	u8 command = p->pending;

	p->pending = 0;
	if (command != CMD_ERASE) {
		program(p, off, val);
	} else if (val == CMD_ERASE_CONFIRM) {
		erase(p, off);
	} else {
		log_guest("erase was not confirmed: %02x", val);
		show(p, false);
	}
}

static void command(struct pflash *p, u8 val) needs(in_machine)
{
	switch (val) {
	case CMD_PROGRAM:
	case CMD_PROGRAM_ALT:
	case CMD_ERASE: p->pending = val; break;
	case CMD_CLEAR_STATUS: p->status = 0; break;
	case CMD_READ_STATUS: show(p, true); break;
	case CMD_READ_ARRAY: show(p, false); break;
	default: log_guest("unknown command %02x", val);
	}
}

/* The code chip is below no command: it behaves as ROM. */
static bool in_vars(const struct pflash *p, u64 off)
{
	return p->vars && off < p->vars->size;
}

static u64 pflash_read(void *dev, u64 off, unsigned size)
{
	struct pflash *p = dev;

	(void)size;
	if (in_vars(p, off))
		return p->show_status ? p->status : p->vars->host[off];
	return p->code->host[off - (p->vars ? p->vars->size : 0)];
}

static void pflash_write(void *dev, u64 off, unsigned size, u64 val) needs(in_machine)
{
	struct pflash *p = dev;

	(void)size;
	if (!in_vars(p, off))
		return;
	if (p->smm_only && !machine_in_smm(p->dev.machine)) {
		log_guest("a write from outside System Management Mode has no effect; firmware "
			  "that is not built for the mode needs --machine q35,smm=auto");
		return;
	}
	if (p->pending)
		second_byte(p, off, (u8)val);
	else
		command(p, (u8)val);
}

static const struct io_ops pflash_io = {
	.read = pflash_read,
	.write = pflash_write,
	.min = 1,
	.max = 1,
};

/* The chip's reset line; its contents stay. */
static void pflash_reset(struct device *d, enum reset_kind kind)
{
	struct pflash *p = container_of(d, struct pflash, dev);

	(void)kind;
	p->pending = 0;
	p->status = 0;
	show(p, false);
}

static int pflash_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct pflash *p = container_of(d, struct pflash, dev);

	if (p->pending && p->pending != CMD_PROGRAM && p->pending != CMD_PROGRAM_ALT &&
	    p->pending != CMD_ERASE)
		return error_set(err, -EINVAL, "flash: %02x is no two-byte command", p->pending);
	if (!p->vars) {
		p->pending = 0;
		p->show_status = false;
		return 0;
	}
	show_array(p);
	/* The loaded memory may hold other variables than the file does. */
	changed(p, 0, p->vars->size);
	return 0;
}

static void pflash_destroy(struct device *d) needs(in_machine)
{
	struct pflash *p = container_of(d, struct pflash, dev);

	stage(p);
	flash_file_destroy(p->file);
	free(p);
}

static const struct device_class pflash_class = {
	.name = "pflash",
	.fields = pflash_fields,
	.reset = pflash_reset,
	.loaded = pflash_loaded,
	.destroy = pflash_destroy,
};

static int check_sizes(const struct flash_config *cfg, struct error *err)
{
	u64 total = (u64)cfg->code_len + (cfg->vars ? cfg->vars_len : 0);

	if (!cfg->code_len || cfg->code_len % FLASH_BLOCK)
		return error_set(err, -EINVAL, "firmware of %zu bytes is not made of 4 KiB blocks",
				 cfg->code_len);
	if (cfg->vars && (!cfg->vars_len || cfg->vars_len % FLASH_BLOCK))
		return error_set(err, -EINVAL,
				 "a variable store of %zu bytes is not made of 4 KiB blocks",
				 cfg->vars_len);
	/* Firmware is linked for its place below 4 GiB and finds the store by its own size. */
	if (cfg->vars && (total & (total - 1)))
		return error_set(err, -EINVAL,
				 "the variable store (%zu bytes) does not belong to this firmware "
				 "(%zu bytes): together they should be 1, 2, 4 or 8 MiB",
				 cfg->vars_len, cfg->code_len);
	if (total > FLASH_MAX)
		return error_set(err, -EINVAL, "firmware of %llu MiB is larger than %d MiB",
				 (unsigned long long)total >> 20, FLASH_MAX >> 20);
	return 0;
}

static int add_memory(struct pflash *p, struct machine *m, const struct flash_config *cfg,
		      struct error *err) needs(in_machine)
{
	gpa_t at = GIB(4) - cfg->code_len;
	int rc = mem_add(&p->code, m->mem, "flash code", REGION_ROM, at, cfg->code_len, 0, IN_ALL,
			 err);

	if (rc < 0)
		return rc;
	if (cfg->code)
		memcpy(p->code->host, cfg->code, cfg->code_len);
	else
		rc = file_read(cfg->code_file, p->code->host, cfg->code_len, cfg->code_at);
	if (rc < 0)
		return error_set(err, rc, "the firmware cannot be read again: %s", strerror(-rc));
	if (cfg->vars) {
		at -= cfg->vars_len;
		rc = mem_add(&p->vars, m->mem, "flash variables", REGION_ROM_DEVICE, at,
			     cfg->vars_len, 0, IN_ALL, err);
		if (rc < 0)
			return rc;
		memcpy(p->vars->host, cfg->vars, cfg->vars_len);
	}
	p->window = (struct io_window){
		.ops = &pflash_io,
		.dev = p,
		.base = at,
		.len = GIB(4) - at,
		.space = IO_MMIO,
		.priority = 1, /* no device can be laid over it */
		.name = "flash",
	};
	return io_map(m, &p->window, err);
}

struct device *pflash_create(struct machine *m, const struct flash_config *cfg, struct error *err)
{
	struct file *backing = cfg->backing;
	struct pflash *p = xnew(struct pflash);
	int rc = check_sizes(cfg, err);

	p->save.fire = save_due;
	p->save.dev = p;
	p->smm_only = cfg->smm_only;
	if (rc == 0 && backing && cfg->vars) {
		rc = flash_file_create(&p->file, m, backing, cfg->vars_len, err);
		backing = NULL;
	}
	if (rc == 0)
		rc = add_memory(p, m, cfg, err);
	if (backing)
		file_close(backing);
	if (rc < 0) {
		flash_file_destroy(p->file);
		free(p);
		return NULL;
	}
	device_add(m, &p->dev, &pflash_class, "flash");
	pflash_reset(&p->dev, RESET_POWER_ON);
	return &p->dev;
}

int pflash_sync(struct device *flash)
{
	struct pflash *p = container_of(flash, struct pflash, dev);
	struct machine *m = p->dev.machine;

	if (!p->file)
		return 0;
	machine_lock(m);
	stage(p);
	machine_unlock(m);
	return flash_file_wait(p->file);
}
