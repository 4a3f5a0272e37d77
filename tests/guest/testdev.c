/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/guest/testdev.c: see testdev.h. */
#include "testdev.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "dev/legacy/legacy.h"

void testdev_line(struct testdev *t, unsigned n, bool level)
{
	if (n > 15)
		return;
	pic_set(t->pic, n, level);
	ioapic_set(t->ioapic, n == 0 ? 2 : n, level);
}

static void fire_later(void *dev) unchecked_roles
{
	struct testdev *t = dev;

	testdev_line(t, t->later_line, true);
}

static void hide(struct testdev *t, bool on) unchecked_roles
{
	region_show(t->page, on ? IN_ALL : 0);
}

static struct msi vector(void)
{
	return (struct msi){ .addr = 0xfee00000, .data = TD_VECTOR };
}

static void port_write(void *dev, u64 off, unsigned size, u64 val) unchecked_roles
{
	const struct cpu_ops *ops;
	struct testdev *t = dev;
	u8 c = (u8)val;

	ops = t->machine->cpu_ops;
	switch (TD_TEXT + off) {
	case TD_TEXT: str_add_bytes(&t->report, &c, 1); break;
	case TD_NUMBER: str_add(&t->report, "%llx ", (unsigned long long)val); break;
	case TD_END: __atomic_store_n(&t->ended, 1, __ATOMIC_RELEASE); break;
	case TD_RESET: __atomic_store_n(&t->reset, 1, __ATOMIC_RELEASE); break;
	case TD_RAISE: testdev_line(t, c, true); break;
	case TD_LOWER: testdev_line(t, c, false); break;
	case TD_LATER:
		t->later_line = c;
		timer_arm(t->machine->clock, &t->later,
			  clock_now_ns(t->machine->clock) + 3 * NS_PER_MS);
		break;
	case TD_MSI:
		msi_send(t->machine, (struct msi){ .addr = 0xfee00000, .data = (u32)val });
		break;
	case TD_SMI: ops->smi(t->machine->cpus, c); break;
	case TD_NMI: ops->nmi(t->machine->cpus, c); break;
	case TD_HIDE: hide(t, c); break;
	case TD_IRQFD: event_signal(&t->irq_event); break;
	case TD_MASK: t->accel->cls->irqfd_update(t->accel, t->irqfd, vector(), c); break;
	default:
		str_add(&t->report, "[write %u to port %llx]", size,
			(unsigned long long)(TD_TEXT + off));
	}
}

static u64 port_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;

	return TD_TEXT + off == TD_SMI ? machine_in_smm(t->machine) : ones(size);
}

static const struct io_ops port_ops = { .read = port_read, .write = port_write };

static u64 echo_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;

	str_add(&t->report, "[r%u %llx]", size, (unsigned long long)off);
	return 0x0123456789abcdefull >> 8 * (off & 7);
}

static void echo_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct testdev *t = dev;

	str_add(&t->report, "[w%u %llx=%llx]", size, (unsigned long long)off,
		(unsigned long long)val);
}

static const struct io_ops echo_ops = {
	.read = echo_read,
	.write = echo_write,
	.unaligned = true,
};

static u64 bell_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;

	return event_clear(&t->bell_event);
}

static u64 mbell_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;

	return event_clear(&t->mbell_event);
}

static void no_write(void *dev, u64 off, unsigned size, u64 val)
{
}

static void dirty_write(void *dev, u64 off, unsigned size, u64 val)
{
	struct testdev *t = dev;

	if (off == 0 && dirty_start(t->ram, val & 1) < 0)
		str_add(&t->report, "[no dirty log]");
	if (off == 4)
		t->dirty_page = (u32)(val % t->ram->size / 4096);
}

static u64 dirty_read(void *dev, u64 off, unsigned size)
{
	struct testdev *t = dev;
	u64 *word = &t->dirty_all[t->dirty_page / 64], bit = BIT64(t->dirty_page % 64);
	bool written;

	(void)dirty_fetch(t->ram, t->dirty_new);
	for (u64 i = 0; i < t->ram->size / 4096 / 64; i++)
		t->dirty_all[i] |= t->dirty_new[i];
	written = *word & bit;
	*word &= ~bit;
	return written;
}

static const struct io_ops dirty_ops = { .read = dirty_read, .write = dirty_write };
static const struct io_ops rung_ops = { .read = bell_read, .write = no_write };
static const struct io_ops mrung_ops = { .read = mbell_read, .write = no_write };

static void window(struct testdev *t, struct io_window *w, enum io_space s, u64 base, u64 len,
		   const struct io_ops *ops, struct event *bell)
{
	*w = (struct io_window){
		.ops = ops,
		.dev = t,
		.doorbell = bell,
		.base = base,
		.len = len,
		.space = s,
	};
}

int testdev_init(struct testdev *t, struct machine *m, struct error *err)
{
	struct io_window *all[] = { &t->ports, &t->echo,  &t->mmio,  &t->bell,
				    &t->rung,  &t->mbell, &t->mrung, &t->dirty };
	int rc = event_init(&t->bell_event, err);

	t->machine = m;
	t->later = (struct timer){ .fire = fire_later, .dev = t };
	if (rc == 0)
		rc = event_init(&t->mbell_event, err);
	window(t, &t->ports, IO_PORT, TD_TEXT, TD_BELL - TD_TEXT, &port_ops, NULL);
	window(t, &t->echo, IO_PORT, TD_ECHO, 8, &echo_ops, NULL);
	window(t, &t->mmio, IO_MMIO, TD_MMIO, 4096, &echo_ops, NULL);
	window(t, &t->bell, IO_PORT, TD_BELL, 4, NULL, &t->bell_event);
	window(t, &t->rung, IO_PORT, TD_RUNG, 1, &rung_ops, NULL);
	window(t, &t->mbell, IO_MMIO, TD_MBELL, 4, NULL, &t->mbell_event);
	window(t, &t->mrung, IO_MMIO, TD_MRUNG, 4, &mrung_ops, NULL);
	window(t, &t->dirty, IO_PORT, TD_DIRTY, 8, &dirty_ops, NULL);
	t->echo.priority = 1;
	t->dirty_new = xcalloc((size_t)(t->ram->size / 4096 / 64), sizeof(u64));
	t->dirty_all = xcalloc((size_t)(t->ram->size / 4096 / 64), sizeof(u64));
	if (rc == 0)
		rc = event_init(&t->irq_event, err);
	if (rc == 0)
		rc = t->accel->cls->irqfd_add(t->accel, &t->irqfd, &t->irq_event, vector(), err);
	for (unsigned i = 0; i < ARRAY_LEN(all) && rc == 0; i++)
		rc = io_map(m, all[i], err);
	return rc;
}

void testdev_finish(struct testdev *t)
{
	event_finish(&t->bell_event);
	event_finish(&t->mbell_event);
	event_finish(&t->irq_event);
	free(t->dirty_new);
	free(t->dirty_all);
	str_free(&t->report);
}
