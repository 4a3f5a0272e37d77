/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bus/pci/bar.c: base address registers and what they show. PCI Local Bus 3.0, 6.2.5.
 *
 * What is shown follows the registers after every write: a window appears when decode is on and the
 * address is usable, moves at once when the address changes, and may lie over anything. Windows 11
 * writes new bases while the old owners are still there, so an overlap is never refused.
 */
#include <assert.h>
#include <errno.h>

#include "base/bytes.h"
#include "base/trace.h"
#include "bus/pci/pci_priv.h"
#include "core/machine.h"
#include "mem/mem.h"

static unsigned bar_reg(unsigned n)
{
	return PCI_BAR0 + 4 * n;
}

/* Where the registers want BAR @n; false: nowhere. */
static bool bar_target(const struct pci_dev *d, unsigned n, u64 *at)
{
	const struct pci_bar *b = &d->bar[n];
	u16 decode = b->is_io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	const u8 *reg = d->config + bar_reg(n);
	u64 base = (b->is_64 ? le64_at(reg) : le32_at(reg)) & ~(b->size - 1);
	/* No CPU has more than 52 address bits: a half-written or sizing value is nowhere. */
	u64 limit = b->is_io ? 0x10000 : b->is_64 ? BIT64(52) : BIT64(32) - 1;

	*at = base;
	return (pci_command(d) & decode) && base != 0 && b->size <= limit &&
	       base <= limit - b->size;
}

/* Call @fn for each io window that lives in BAR @n, the largest first: later ones lie on top. */
static void each_window(struct pci_dev *d, unsigned n,
			void (*fn)(struct machine *m, struct io_window *w, u64 at), u64 at)
	needs(in_machine)
{
	struct machine *m = d->bus->dev.machine;

	if (!d->bar[n].region)
		fn(m, &d->bar[n].window, at);
	if (d->msix_vectors && d->msix_bar == n) {
		fn(m, &d->msix_window[0], at + d->msix_offset);
		fn(m, &d->msix_window[1],
		   at + d->msix_offset + PCI_MSIX_ENTRY_LEN * (u64)d->msix_vectors);
	}
	for (unsigned i = 0; i < d->doorbells; i++) {
		if (d->doorbell[i].bar == n)
			fn(m, &d->doorbell[i].window, at + d->doorbell[i].offset);
	}
}

static void show_window(struct machine *m, struct io_window *w, u64 at) needs(in_machine)
{
	io_move(m, w, at);
}

static void hide_window(struct machine *m, struct io_window *w, u64 at UNUSED) needs(in_machine)
{
	io_unmap(m, w);
}

static void bar_hide(struct pci_dev *d, unsigned n) needs(in_machine)
{
	struct pci_bar *b = &d->bar[n];

	if (!b->shown)
		return;
	b->shown = false;
	each_window(d, n, hide_window, 0);
	if (b->region)
		region_show(b->region, 0);
	trace(pci_bar_hide, d->devfn, n);
}

static void bar_show(struct pci_dev *d, unsigned n, u64 at) needs(in_machine)
{
	struct pci_bar *b = &d->bar[n];

	b->shown = true;
	b->at = at;
	if (b->region)
		region_move(b->region, at, IN_ALL);
	each_window(d, n, show_window, at);
	trace(pci_bar_show, d->devfn, n, at, b->size);
}

void pci_bars_hide(struct pci_dev *d)
{
	for (unsigned n = 0; n < PCI_BARS; n++)
		bar_hide(d, n);
}

void pci_bars_update(struct pci_dev *d)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		struct pci_bar *b = &d->bar[n];
		u64 at;
		bool on = b->size && bar_target(d, n, &at);

		if (b->shown && (!on || at != b->at))
			bar_hide(d, n);
		if (on && !b->shown)
			bar_show(d, n, at);
	}
}

/* Check a new BAR and make its register(s). */
static int bar_add(struct pci_dev *d, unsigned n, unsigned flags, u64 len, struct error *err)
	needs(in_machine)
{
	struct pci_bar *b = &d->bar[n];
	u8 *reg = d->config + bar_reg(n), *writable = d->writable + bar_reg(n);
	u64 mask = ~(len - 1);

	if (n >= PCI_BARS || ((flags & BAR_64) && (n + 1 >= PCI_BARS || d->bar[n + 1].size)) ||
	    b->size || (n && d->bar[n - 1].is_64) || ((flags & BAR_IO) && (flags & BAR_64)))
		return error_set(err, -EBUSY, "PCI BAR %u is not free", n);
	if (len < (flags & BAR_IO ? 4 : 16) || (len & (len - 1)) ||
	    (!(flags & BAR_64) && len > BIT64(31)))
		return error_set(err, -EINVAL, "PCI BAR %u cannot be %llu bytes long", n,
				 (unsigned long long)len);
	b->size = len;
	b->is_io = flags & BAR_IO;
	b->is_64 = flags & BAR_64;
	put_le32(reg, (flags & BAR_IO ? 1 : 0) | (flags & BAR_64 ? 4 : 0) |
			      (flags & BAR_PREFETCH ? 8 : 0));
	put_le32(writable, (u32)mask & (b->is_io ? ~3u : ~15u));
	if (b->is_64)
		put_le32(writable + 4, (u32)(mask >> 32));
	pci_config_changed(d);
	return 0;
}

int pci_add_bar(struct pci_dev *d, unsigned n, unsigned flags, u64 len, const struct io_ops *ops,
		void *dev, struct error *err)
{
	int r = bar_add(d, n, flags, len, err);

	if (r < 0)
		return r;
	d->bar[n].window = (struct io_window){
		.ops = ops,
		.dev = dev,
		.len = len,
		.space = flags & BAR_IO ? IO_PORT : IO_MMIO,
		.priority = PCI_BAR_PRIORITY,
		.name = "pci-bar",
	};
	return 0;
}

int pci_add_ram_bar(struct pci_dev *d, unsigned n, unsigned flags, struct region *r,
		    struct error *err)
{
	int e = bar_add(d, n, flags & ~(unsigned)BAR_IO, r->size, err);

	if (e < 0)
		return e;
	d->bar[n].region = r;
	region_set_priority(r, PCI_BAR_PRIORITY, 0);
	return 0;
}

int pci_add_doorbell(struct pci_dev *d, unsigned bar, u64 offset, unsigned len, struct event *e,
		     struct error *err)
{
	struct pci_doorbell *bell = &d->doorbell[d->doorbells];

	if (d->doorbells == PCI_DOORBELLS)
		return error_set(err, -ENOSPC, "PCI function 00:%02x.%x has no doorbell left",
				 d->devfn >> 3, d->devfn & 7);
	assert(bar < PCI_BARS && len <= d->bar[bar].size && offset <= d->bar[bar].size - len);
	bell->bar = bar;
	bell->offset = offset;
	bell->window = (struct io_window){
		.doorbell = e,
		.len = len,
		.space = d->bar[bar].is_io ? IO_PORT : IO_MMIO,
		.priority = PCI_BAR_PRIORITY,
		.name = "doorbell",
	};
	d->doorbells++;
	return 0;
}
