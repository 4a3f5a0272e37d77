/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/flash_file.c: keeps the file behind a flash chip as new as the chip, on a thread of its own.
 *
 * Under the leaf lock there are: a copy of every block that the file lacks, and a bit for each.
 * The thread takes a run of them into its buffer, writes it, and flushes when none is left.
 * Blocks are written in ascending order: as on a real chip whose power fails, firmware's own
 * journal in the variable store decides what a half-written batch means.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "fw/fw_priv.h"
#include "plat/file.h"

LOG_MODULE("flash");

enum { RUN_BLOCKS = 16 };

struct flash_file {
	struct machine *machine;
	struct file *file;
	struct thread *thread;
	u64 len;
	struct mutex lock; /* leaf; for what follows */
	struct cond work, done;
	u8 *staged; /* @len bytes; those of blocks in @want are newer than the file */
	u64 want[FLASH_WORDS];
	bool busy, stop, hurry;
	u32 failures;
	int error; /* of the last attempt */
	u8 run[RUN_BLOCKS * FLASH_BLOCK];
};

static bool wanted(const struct flash_file *f, u64 block)
{
	return f->want[block / 64] & BIT64(block % 64);
}

static bool anything_wanted(const struct flash_file *f)
{
	for (unsigned i = 0; i < FLASH_WORDS; i++)
		if (f->want[i])
			return true;
	return false;
}

/* Move the next run of wanted blocks from *from on into the buffer; its number of blocks. */
static unsigned take_run(struct flash_file *f, u64 *from)
{
	u64 blocks = f->len / FLASH_BLOCK, at = *from;
	unsigned n = 0;

	while (at < blocks && !wanted(f, at))
		at++;
	*from = at;
	while (at < blocks && n < RUN_BLOCKS && wanted(f, at)) {
		memcpy(f->run + (size_t)n * FLASH_BLOCK, f->staged + at * FLASH_BLOCK, FLASH_BLOCK);
		f->want[at / 64] &= ~BIT64(at % 64);
		n++;
		at++;
	}
	return n;
}

static void want_run(struct flash_file *f, u64 from, unsigned n)
{
	for (u64 b = from; b < from + n; b++)
		f->want[b / 64] |= BIT64(b % 64);
}

/*
 * Write all that is wanted, and flush. Holds the lock but for the file's calls. After a failed
 * flush nobody knows what has reached the disk, so all blocks of this round are written again.
 */
static int write_round(struct flash_file *f)
{
	u64 round[FLASH_WORDS], at = 0;
	unsigned n;
	int rc = 0;

	memcpy(round, f->want, sizeof(round));
	while (rc == 0 && (n = take_run(f, &at)) > 0) {
		mutex_unlock(&f->lock);
		rc = file_write(f->file, f->run, (size_t)n * FLASH_BLOCK, at * FLASH_BLOCK);
		mutex_lock(&f->lock);
		if (rc < 0)
			want_run(f, at, n);
		else
			at += n;
	}
	if (rc == 0) {
		mutex_unlock(&f->lock);
		rc = file_flush(f->file);
		mutex_lock(&f->lock);
	}
	if (rc < 0)
		for (unsigned i = 0; i < FLASH_WORDS; i++)
			f->want[i] |= round[i];
	return rc;
}

static void report(struct flash_file *f, int rc)
{
	if (rc < 0 && f->error == 0)
		log_err("the variable store cannot be written (%s): keeping it in memory and "
			"trying again",
			strerror(-rc));
	if (rc == 0 && f->error < 0)
		log_warn("the variable store has been written now");
	f->failures += rc < 0;
	f->error = rc;
	stat_add(f->machine, STAT_flash_sync, 1);
}

static void writer(void *arg)
{
	struct flash_file *f = arg;

	mutex_lock(&f->lock);
	for (;;) {
		bool last = f->stop;

		if (anything_wanted(f)) {
			f->busy = true;
			report(f, write_round(f));
			f->busy = false;
			cond_broadcast(&f->done);
		}
		if (last)
			break;
		if (f->stop)
			continue;
		if (f->error < 0 && !f->hurry)
			cond_wait_ns(&f->work, &f->lock, NS_PER_S);
		else if (!anything_wanted(f))
			cond_wait(&f->work, &f->lock);
		f->hurry = false;
	}
	mutex_unlock(&f->lock);
}

int flash_file_create(struct flash_file **out, struct machine *m, struct file *file, u64 len,
		      struct error *err)
{
	struct flash_file *f = xnew(struct flash_file);
	int rc;

	f->machine = m;
	f->file = file;
	f->len = len;
	mutex_init(&f->lock);
	cond_init(&f->work);
	cond_init(&f->done);
	f->staged = try_alloc(len, FLASH_MAX);
	if (f->staged)
		rc = thread_start(&f->thread, "flash", writer, f, err);
	else
		rc = error_set(err, -ENOMEM, "no memory for the variable store");
	if (rc < 0) {
		flash_file_destroy(f);
		return rc;
	}
	*out = f;
	return 0;
}

void flash_file_stage(struct flash_file *f, const u8 *chip, u64 dirty[FLASH_WORDS])
{
	mutex_lock(&f->lock);
	for (u64 b = 0; b < f->len / FLASH_BLOCK; b++) {
		if (!(dirty[b / 64] & BIT64(b % 64)))
			continue;
		memcpy(f->staged + b * FLASH_BLOCK, chip + b * FLASH_BLOCK, FLASH_BLOCK);
		f->want[b / 64] |= BIT64(b % 64);
	}
	memset(dirty, 0, FLASH_WORDS * sizeof(*dirty));
	cond_signal(&f->work);
	mutex_unlock(&f->lock);
}

int flash_file_wait(struct flash_file *f)
{
	u32 failures;
	int rc = 0;

	mutex_lock(&f->lock);
	failures = f->failures;
	f->hurry = true;
	cond_signal(&f->work);
	while ((f->busy || anything_wanted(f)) && f->failures == failures)
		cond_wait(&f->done, &f->lock);
	if (f->failures != failures)
		rc = f->error < 0 ? f->error : -EIO;
	mutex_unlock(&f->lock);
	return rc;
}

void flash_file_destroy(struct flash_file *f)
{
	if (!f)
		return;
	if (f->thread) {
		mutex_lock(&f->lock);
		f->stop = true;
		cond_signal(&f->work);
		mutex_unlock(&f->lock);
		thread_join(f->thread);
	}
	if (f->error < 0)
		log_err("the variable store could not be written (%s): its last changes are lost",
			strerror(-f->error));
	cond_finish(&f->work);
	cond_finish(&f->done);
	mutex_finish(&f->lock);
	file_close(f->file);
	free(f->staged);
	free(f);
}
