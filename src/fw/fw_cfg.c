/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw/fw_cfg.c: the items and files that firmware reads at ports 510-51B. QEMU's
 * docs/specs/fw_cfg.rst; platform.md 4.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "bus/isa/isa.h"
#include "fw/fw.h"

LOG_MODULE("fw_cfg");

enum { PORT = 0x510, N_PORTS = 12 };
enum { OFF_SELECT = 0, OFF_DATA = 1, OFF_DMA_HIGH = 4, OFF_DMA_LOW = 8 };
enum { KEY_SIGNATURE = 0x00, KEY_ID = 0x01, KEY_DIRECTORY = 0x19, KEY_FILES = 0x20 };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };
enum { FILES_MAX = 1024, FILE_NAME = 56, FILE_ENTRY = 64 };
enum { CTL_ERROR = 1, CTL_READ = 2, CTL_SKIP = 4, CTL_SELECT = 8, CTL_WRITE = 16 };
enum { DMA_BLOCK = 16, DMA_WORTH = 64 << 10 };
/* Reads past an item's end give zeroes; nobody needs more of them than this in one command. */
enum { ZEROES_MAX = 1 << 20 };

static const u8 dma_signature[8] = "QEMU CFG";

struct item {
	u16 key;
	char name[FILE_NAME]; /* "": not in the directory */
	u8 *data;             /* ours, unless borrowed */
	size_t len;
	const void *(*fill)(void *arg, size_t *len); /* lazy */
	bool final; /* lazy, and selected since the last reset: it stays as it is */
	bool borrowed, writable;
	void (*written)(void *arg);
	void (*selected)(void *arg);
	void *arg;
	struct item *next;
};

struct fw_cfg {
	struct device dev;
	struct io_window window;
	struct item *items; /* in order of addition */
	struct str directory;
	unsigned files;
	u16 key;      /* selected */
	u32 offset;   /* of the next byte of its data */
	u32 dma_high; /* address bits 63:32 */
};

static const struct field fw_cfg_fields[] = {
	FIELD(struct fw_cfg, key),
	FIELD(struct fw_cfg, offset),
	FIELD(struct fw_cfg, dma_high),
	FIELD_END,
};

static struct item *find_key(struct fw_cfg *f, u16 key)
{
	for (struct item *i = f->items; i; i = i->next)
		if (i->key == key)
			return i;
	return NULL;
}

static struct item *find_name(struct fw_cfg *f, const char *name)
{
	for (struct item *i = f->items; i; i = i->next)
		if (i->name[0] && !strcmp(i->name, name))
			return i;
	return NULL;
}

/* Keep a copy: the owner may remake several files at once. */
static void fill(struct item *i)
{
	const void *made;
	size_t len = 0;

	if (!i->fill || i->final)
		return;
	made = i->fill(i->arg, &len);
	free(i->data);
	i->data = made ? try_alloc(len, ~0u) : NULL;
	i->len = i->data ? len : 0;
	if (i->len)
		memcpy(i->data, made, len);
}

/*
 * The directory tells sizes, so lazy files are made for it, but not yet for good: firmware reads
 * the directory long before it has placed what the files describe.
 */
static void build_directory(struct fw_cfg *f)
{
	u8 count[4];

	f->directory.len = 0;
	put_be32(count, f->files);
	str_add_bytes(&f->directory, count, sizeof(count));
	for (struct item *i = f->items; i; i = i->next) {
		u8 e[FILE_ENTRY] = { 0 };

		if (!i->name[0])
			continue;
		fill(i);
		put_be32(e, (u32)i->len);
		put_be16(e + 4, i->key);
		memcpy(e + 8, i->name, FILE_NAME);
		str_add_bytes(&f->directory, e, sizeof(e));
	}
}

/* The selected item's bytes from the offset on, and their number; none past its end. */
static const u8 *rest(struct fw_cfg *f, size_t *len)
{
	struct item *i = find_key(f, f->key);
	const u8 *data = NULL;

	*len = 0;
	if (f->key == KEY_DIRECTORY) {
		if (!f->directory.len)
			build_directory(f);
		data = (const u8 *)f->directory.at;
		*len = f->directory.len;
	} else if (i) {
		fill(i); /* makes it only after a load of saved state */
		i->final = true;
		data = i->data;
		*len = i->len;
	}
	if (f->offset >= *len) {
		*len = 0;
		return NULL;
	}
	*len -= f->offset;
	return data + f->offset;
}

static void select_key(struct fw_cfg *f, u16 key)
{
	struct item *i = find_key(f, key);

	f->key = key;
	f->offset = 0;
	if (key == KEY_DIRECTORY)
		f->directory.len = 0;
	if (i) {
		fill(i);
		i->final = true;
		if (i->selected)
			i->selected(i->arg);
	}
}

static void advance(struct fw_cfg *f, u32 by)
{
	if (add_overflow(f->offset, by, &f->offset))
		f->offset = ~0u;
}

static int zero_guest(struct mem *m, gpa_t at, size_t len)
{
	static const u8 zeroes[4096];
	int rc = 0;

	if (len > ZEROES_MAX)
		return -EINVAL;
	for (size_t n; len && rc == 0; len -= n, at += n) {
		n = MIN(len, sizeof(zeroes));
		rc = mem_write(m, at, zeroes, n);
	}
	return rc;
}

static int dma_read(struct fw_cfg *f, gpa_t to, u32 len)
{
	struct mem *m = f->dev.machine->mem;
	size_t have;
	const u8 *from = rest(f, &have);
	gpa_t end;
	int rc = 0;

	if (add_overflow(to, (gpa_t)len, &end))
		return -EFAULT;
	have = MIN(have, len);
	if (have)
		rc = mem_write(m, to, from, have);
	if (rc == 0)
		rc = zero_guest(m, to + have, len - have);
	advance(f, len);
	return rc;
}

/* All or nothing: a write that does not fit is refused. */
static int dma_write(struct fw_cfg *f, gpa_t from, u32 len)
{
	struct item *i = find_key(f, f->key);
	size_t room;
	int rc = -EFAULT;
	u8 *copy;

	rest(f, &room);
	if (!i || !i->writable || len > room)
		return -EPERM;
	if (!len)
		return 0;
	copy = try_alloc(len, room);
	if (copy && mem_read(f->dev.machine->mem, from, copy, len) == 0) {
		memcpy(i->data + f->offset, copy, len);
		advance(f, len);
		if (i->written)
			i->written(i->arg);
		rc = 0;
	}
	free(copy);
	return rc;
}

static void dma(struct fw_cfg *f, gpa_t at)
{
	struct mem *m = f->dev.machine->mem;
	u8 block[DMA_BLOCK], status[4];
	u32 control, len;
	gpa_t addr;
	int rc = 0;

	stat_add(f->dev.machine, STAT_fw_cfg_dma, 1);
	if (mem_read(m, at, block, sizeof(block)) < 0) {
		log_guest("DMA block at %llx is not in RAM", (unsigned long long)at);
		return;
	}
	control = be32_at(block);
	len = be32_at(block + 4);
	addr = be64_at(block + 8);
	if (control & CTL_SELECT)
		select_key(f, (u16)(control >> 16));
	if (control & CTL_READ)
		rc = dma_read(f, addr, len);
	else if (control & CTL_WRITE)
		rc = dma_write(f, addr, len);
	else if (control & CTL_SKIP)
		advance(f, len);
	if (rc < 0)
		log_guest("DMA of %u bytes at %llx, item %x: refused", len,
			  (unsigned long long)addr, f->key);
	put_be32(status, rc < 0 ? CTL_ERROR : 0);
	if (mem_write(m, at, status, sizeof(status)) < 0)
		log_guest("DMA block at %llx cannot be written", (unsigned long long)at);
}

/* Data is a stream: an access of any size takes that many bytes, the first one lowest. */
static u64 read_stream(struct fw_cfg *f, unsigned size)
{
	size_t have;
	const u8 *from = rest(f, &have);
	u64 v = have ? le_at(from, (unsigned)MIN(have, size)) : 0;

	advance(f, size);
	return v;
}

static u64 fw_cfg_read(void *dev, u64 off, unsigned size)
{
	if (off == OFF_DATA)
		return read_stream(dev, size);
	if (off >= OFF_DMA_HIGH && off + size <= OFF_DMA_HIGH + sizeof(dma_signature))
		return le_at(dma_signature + (off - OFF_DMA_HIGH), size);
	return 0;
}

static void fw_cfg_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct fw_cfg *f = dev;

	if (off == OFF_SELECT && size == 2) {
		select_key(f, (u16)val);
	} else if (off == OFF_DMA_HIGH && size == 4) {
		f->dma_high = __builtin_bswap32((u32)val);
	} else if (off == OFF_DMA_LOW && size == 4) {
		gpa_t at = (u64)f->dma_high << 32 | __builtin_bswap32((u32)val);

		f->dma_high = 0;
		dma(f, at);
	}
}

static const struct io_ops fw_cfg_io = {
	.read = fw_cfg_read,
	.write = fw_cfg_write,
	.min = 1,
	.max = 4,
	.unaligned = true,
};

/* What firmware left (where BARs are, for one) may be gone, so lazy files are made again. */
static void forget_lazy(struct fw_cfg *f)
{
	f->directory.len = 0;
	for (struct item *i = f->items; i; i = i->next)
		i->final = false;
}

static void fw_cfg_reset(struct device *d, enum reset_kind kind)
{
	struct fw_cfg *f = container_of(d, struct fw_cfg, dev);

	(void)kind;
	f->key = KEY_SIGNATURE;
	f->offset = 0;
	f->dma_high = 0;
	forget_lazy(f);
}

/* Any key and offset are valid: reads past an end, or of nothing, give zeroes. */
static int fw_cfg_loaded(struct device *d, struct error *err)
{
	(void)err;
	forget_lazy(container_of(d, struct fw_cfg, dev));
	return 0;
}

static void fw_cfg_destroy(struct device *d)
{
	struct fw_cfg *f = container_of(d, struct fw_cfg, dev);
	struct item *next;

	for (struct item *i = f->items; i; i = next) {
		next = i->next;
		if (!i->borrowed)
			free(i->data);
		free(i);
	}
	str_free(&f->directory);
	free(f);
}

static const struct device_class fw_cfg_class = {
	.name = "fw_cfg",
	.fields = fw_cfg_fields,
	.reset = fw_cfg_reset,
	.loaded = fw_cfg_loaded,
	.destroy = fw_cfg_destroy,
};

static void append(struct fw_cfg *f, struct item *i)
{
	struct item **tail = &f->items;

	while (*tail)
		tail = &(*tail)->next;
	*tail = i;
	f->directory.len = 0;
}

static u8 *copy_of(const void *data, size_t len)
{
	u8 *copy = try_alloc(len ? len : 1, ~0u);

	if (copy && len)
		memcpy(copy, data, len);
	return copy;
}

static int announce(struct fw_cfg *f, u32 features, struct error *err)
{
	u8 id[4];

	put_le32(id, features);
	return fw_cfg_set(&f->dev, KEY_ID, id, sizeof(id), err);
}

/*
 * DMA always works, but is announced only where it pays. OVMF reads the directory some 25 times,
 * field by field: two exits a field by DMA, one by "rep insb". Written files need it, and a kernel
 * of many pages is faster by it.
 */
static int announce_dma(struct fw_cfg *f, struct error *err)
{
	return announce(f, ID_TRADITIONAL | ID_DMA, err);
}

int fw_cfg_set(struct device *fw, u16 key, const void *data, size_t len, struct error *err)
{
	struct fw_cfg *f = container_of(fw, struct fw_cfg, dev);
	struct item *i = find_key(f, key);
	u8 *copy;

	if (key == KEY_DIRECTORY || (i && i->name[0]))
		return error_set(err, -EINVAL, "fw_cfg: key %x belongs to a file", key);
	copy = copy_of(data, len);
	if (!copy)
		return error_set(err, -ENOMEM, "fw_cfg: no memory for item %x of %zu bytes", key,
				 len);
	if (!i) {
		i = xnew(struct item);
		i->key = key;
		append(f, i);
	}
	free(i->data);
	i->data = copy;
	i->len = len;
	return len > DMA_WORTH ? announce_dma(f, err) : 0;
}

static int new_file(struct item **out, struct fw_cfg *f, const char *name, struct error *err)
{
	struct item *i;

	if (!name[0] || strlen(name) >= FILE_NAME)
		return error_set(err, -EINVAL, "fw_cfg: the file name '%s' is not 1 to %d long",
				 name, FILE_NAME - 1);
	if (find_name(f, name))
		return error_set(err, -EEXIST, "fw_cfg: there is a file %s already", name);
	if (f->files == FILES_MAX)
		return error_set(err, -ENOSPC, "fw_cfg: no room for %s: there are %d files", name,
				 FILES_MAX);
	i = xnew(struct item);
	i->key = (u16)(KEY_FILES + f->files);
	memcpy(i->name, name, strlen(name));
	*out = i;
	return 0;
}

static void add_file(struct fw_cfg *f, struct item *i)
{
	append(f, i);
	f->files++;
}

int fw_cfg_add(struct device *fw, const char *name, const void *data, size_t len, struct error *err)
{
	struct fw_cfg *f = container_of(fw, struct fw_cfg, dev);
	struct item *i;
	int rc = new_file(&i, f, name, err);

	if (rc < 0)
		return rc;
	i->data = copy_of(data, len);
	if (!i->data) {
		free(i);
		return error_set(err, -ENOMEM, "fw_cfg: no memory for %s of %zu bytes", name, len);
	}
	i->len = len;
	add_file(f, i);
	return 0;
}

int fw_cfg_add_lazy(struct device *fw, const char *name,
		    const void *(*fill_fn)(void *arg, size_t *len), void *arg, struct error *err)
{
	struct fw_cfg *f = container_of(fw, struct fw_cfg, dev);
	struct item *i;
	int rc = new_file(&i, f, name, err);

	if (rc < 0)
		return rc;
	i->fill = fill_fn;
	i->arg = arg;
	add_file(f, i);
	return 0;
}

/* A file of the caller's bytes, added. */
static int add_borrowed(struct item **out, struct fw_cfg *f, const char *name, void *data,
			size_t len, void *arg, struct error *err)
{
	struct item *i;
	int rc = new_file(&i, f, name, err);

	if (rc < 0)
		return rc;
	i->data = data;
	i->len = len;
	i->borrowed = true;
	i->arg = arg;
	add_file(f, i);
	*out = i;
	return 0;
}

int fw_cfg_add_writable(struct device *fw, const char *name, void *data, size_t len,
			void (*written)(void *arg), void *arg, struct error *err)
{
	struct fw_cfg *f = container_of(fw, struct fw_cfg, dev);
	struct item *i;
	int rc = add_borrowed(&i, f, name, data, len, arg, err);

	if (rc < 0)
		return rc;
	i->writable = true;
	i->written = written;
	return announce_dma(f, err);
}

int fw_cfg_add_watched(struct device *fw, const char *name, void *data, size_t len,
		       void (*selected)(void *arg), void *arg, struct error *err)
{
	struct item *i;
	int rc = add_borrowed(&i, container_of(fw, struct fw_cfg, dev), name, data, len, arg, err);

	if (rc == 0)
		i->selected = selected;
	return rc;
}

struct device *fw_cfg_create(struct isa_bus *bus, struct error *err)
{
	struct fw_cfg *f = xnew(struct fw_cfg);

	if (isa_map(bus, &f->window, PORT, N_PORTS, &fw_cfg_io, f, err) < 0) {
		free(f);
		return NULL;
	}
	f->window.name = "fw_cfg";
	device_add(bus->machine, &f->dev, &fw_cfg_class, "fw_cfg");
	if (fw_cfg_set(&f->dev, KEY_SIGNATURE, "QEMU", 4, err) < 0 ||
	    announce(f, ID_TRADITIONAL, err) < 0)
		return NULL; /* the machine owns and destroys it */
	fw_cfg_reset(&f->dev, RESET_POWER_ON);
	return &f->dev;
}
