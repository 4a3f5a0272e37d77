/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bus/pci/pci.h: configuration space, BARs, INTx, MSI and MSI-X. PCI Local Bus 3.0, PCIe 4.0.
 *
 * One root bus. BARs may be placed anywhere at any time: a window appears only while its decode bit
 * is on, overlaps are tolerated (core/io.h), and all 64 bits of an address count (Windows 11 moves
 * BARs into ranges that others still occupy).
 */
#pragma once

#include "base/error.h"
#include "core/io.h"
#include "core/irq.h"
#include "core/state.h"
#include "plat/thread.h"

struct device;
struct event;
struct machine;
struct pci_bus;
struct region;

enum { PCI_SLOTS = 32, PCI_FUNCTIONS = 256, PCI_BARS = 6, PCI_MSIX_MAX = 64, PCI_DOORBELLS = 32 };

static inline u8 pci_devfn(unsigned slot, unsigned fn)
{
	return (u8)(slot << 3 | fn);
}

struct pci_ids {
	u16 vendor, device, subvendor, subdevice;
	u32 class_code; /* 24 bits: base, sub, interface */
	u8 revision;
};

struct pci_bar {
	struct io_window window; /* registers; unused when @region */
	struct region *region;   /* or memory that the guest reaches without an exit */
	u64 size;                /* a power of two; 0: no such BAR */
	bool is_io, is_64;
	bool shown; /* the guest sees it at @at */
	u64 at;
};

/* A doorbell inside a BAR; it moves with the BAR. */
struct pci_doorbell {
	struct io_window window;
	unsigned bar;
	u64 offset;
};

struct pci_msix_entry {
	u64 addr;
	u32 data, control; /* control bit 0: masked */
};

/* A function. Its device embeds this and puts FIELD_SUB(struct x, pci, pci_fields) in its table. */
struct pci_dev {
	struct pci_bus *bus;
	u8 devfn;
	u32 ids; /* device and vendor id, as added */
	u8 config[4096];
	u8 writable[4096]; /* guest-writable bits */
	u8 w1c[4096];      /* bits that a written 1 clears */
	u16 next_cap;      /* where pci_add_cap puts the next one */
	u16 last_cap;      /* where the next one is linked; 0: none yet */
	struct pci_bar bar[PCI_BARS];
	struct pci_doorbell doorbell[PCI_DOORBELLS];
	unsigned doorbells;
	u16 msix_cap, msix_vectors;
	struct io_window msix_window[2]; /* table, PBA */
	u8 msix_bar;
	u32 msix_offset;
	/*
	 * Guards the MSI-X state below, as I/O loops notify without the machine lock. Taken
	 * after the machine lock and any queue lock; only msi_send() is called under it, so
	 * that no message leaves after the guest has masked its vector and read that back.
	 */
	struct mutex msix_lock;
	struct pci_msix_entry msix[PCI_MSIX_MAX];
	u64 msix_pending;
	bool msix_enabled;  /* atomic; pci_msix_enabled() reads it without the lock */
	bool msix_may_send; /* enabled, function not masked, bus master on */
	bool intx;          /* what the device wants of its INTx wire */
	bool intx_wire;     /* what it adds to the wire now */
	/* After the guest wrote [off, off+len) and the generic effects took place. [in_machine] */
	void (*config_written)(struct pci_dev *d, unsigned off, unsigned len);
	/* Before the guest reads [off, off+len): refresh computed bytes. May be NULL. As above. */
	void (*config_reading)(struct pci_dev *d, unsigned off, unsigned len);
	/*
	 * With @config as it is now, does config_reading() change anything? While it says no, the
	 * guest may read a copy of @config. NULL: always. [in_machine]
	 */
	bool (*config_computed)(const struct pci_dev *d);
	bool config_trapped; /* no copy until reset: it said yes, or the function is incomplete */
	void *dev;           /* for the three above */
};
extern const struct field pci_fields[];

/*
 * The root bus and its ports CF8-CFF (CF9 is not claimed). It is a device of @m, which owns it.
 * @intx: wires of PIRQ A-H (GSI 16-23), indexed by (slot + pin) as pci_intx_line() says.
 */
int pci_bus_create(struct pci_bus **out, struct machine *m, const struct irq intx[8],
		   struct error *err) needs(in_machine) MUST_CHECK;
struct machine *pci_machine(struct pci_bus *bus);

/* Show the ECAM window, with a readable page for each function; @size 0 hides it. */
void pci_set_ecam(struct pci_bus *bus, gpa_t base, u64 size) needs(in_machine);

/*
 * Any change of @config must end in this: the guest reads a copy. The functions here call it, also
 * after config_written(); a device does when it sets registers elsewhere, as after pci_reset().
 */
void pci_config_changed(struct pci_dev *d) needs(in_machine);

/*
 * Put the zeroed @d on the bus with its ids. -EBUSY when the function is taken. Its device then
 * fills further read-only bytes of @config (the interrupt pin above all) and ends with pci_reset().
 */
int pci_add(struct pci_bus *bus, struct pci_dev *d, u8 devfn, const struct pci_ids *ids,
	    struct error *err) needs(in_machine) MUST_CHECK;
/*
 * Hide its BARs and take it off the bus: on unplug, or when its constructor fails (one that was not
 * added is allowed). Not when the whole machine ends: windows of newer devices are gone by then.
 */
void pci_remove(struct pci_dev *d) needs(in_machine);
/* The first free slot from @from on; negative when the bus is full. */
int pci_free_slot(struct pci_bus *bus, unsigned from);

/* Registers in a memory BAR (64-bit when @flags say so) or an I/O BAR. @len is a power of two. */
enum { BAR_IO = 1, BAR_64 = 2, BAR_PREFETCH = 4 };
int pci_add_bar(struct pci_dev *d, unsigned n, unsigned flags, u64 len, const struct io_ops *ops,
		void *dev, struct error *err) needs(in_machine) MUST_CHECK;
/* Memory in a BAR: @r (not shown yet) is seen where the guest puts it, but never over RAM. */
int pci_add_ram_bar(struct pci_dev *d, unsigned n, unsigned flags, struct region *r,
		    struct error *err) needs(in_machine) MUST_CHECK;
/* Writes to [offset, offset + len) of memory BAR @bar signal @e without reaching the BAR's ops. */
int pci_add_doorbell(struct pci_dev *d, unsigned bar, u64 offset, unsigned len, struct event *e,
		     struct error *err) needs(in_machine) MUST_CHECK;

/* A capability of @len bytes (header included) at the returned offset, zero but for its header. */
u16 pci_add_cap(struct pci_dev *d, u8 id, u8 len) needs(in_machine);
/* MSI-X: table at @offset of memory BAR @bar (which must exist), PBA behind it. */
int pci_add_msix(struct pci_dev *d, unsigned bar, u32 offset, unsigned vectors, struct error *err)
	needs(in_machine) MUST_CHECK;
bool pci_msix_enabled(const struct pci_dev *d);
/* Any thread. Vectors that are masked, or lack the bus master bit, pend until they may be sent. */
void pci_msix_notify(struct pci_dev *d, unsigned vector);
/* Level of the function's INTx pin; the wire stays low while disabled or while MSI-X is enabled. */
void pci_intx(struct pci_dev *d, bool level) needs(in_machine);

/* One configuration access of 1, 2 or 4 bytes; absent functions read as ones. */
u32 pci_config_read(struct pci_bus *bus, u8 busnr, u8 devfn, unsigned off, unsigned size)
	needs(in_machine);
void pci_config_write(struct pci_bus *bus, u8 busnr, u8 devfn, unsigned off, unsigned size, u32 val)
	needs(in_machine);

/*
 * Back to the state after RST#: all guest-writable bits 0 (decode off, BARs 0, MSI-X off), INTx
 * low. From the device's reset, which then sets registers that do not start as 0.
 */
void pci_reset(struct pci_dev *d) needs(in_machine);
/*
 * After a load: check that ids, BARs and MSI-X are where this device has them, show BARs, set INTx.
 * From the device's loaded(). -EINVAL for the state of another device.
 */
int pci_loaded(struct pci_dev *d, struct error *err) needs(in_machine);

/* For _PRT and for setting wires: PIRQ 0-7 of @slot's pin (0 = A). */
static inline unsigned pci_intx_line(unsigned slot, unsigned pin)
{
	return (slot + pin) & 7;
}
