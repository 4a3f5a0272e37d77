/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev/legacy/pm.c: ICH9's power management block: PM1, the 24-bit timer, GPE0, SMI_EN, APM.
 *
 * Source: ACPI 6.4 section 4.8 (registers, 4.8.2.1 timer); ICH9 (316972) 13.8.3 for the offsets
 * and 13.8.2 for the APM ports. Beyond it, as platform.md 3 says: SCI_EN always reads 1 and sleep
 * type 0 is S5, which is how OVMF powers off.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"
#include "bus/isa/isa.h"
#include "core/machine.h"
#include "dev/legacy/legacy.h"
#include "dev/legacy/legacy_priv.h"

LOG_MODULE("pm");

enum {
	PM1_STS = 0x00, /* two bytes */
	PM1_EN = 0x02,  /* two bytes */
	PM1_CNT = 0x04,
	PM1_TMR = 0x08,
	GPE0_STS = 0x20, /* eight bytes */
	GPE0_EN = 0x28,  /* eight bytes */
	SMI_EN = 0x30,
	SMI_STS = 0x34,
	PM_LEN = 0x80,
};
enum { TMR_STS = BIT(0), PWRBTN_STS = BIT(8), PM1_STS_ALL = 0xcd31, PM1_EN_ALL = 0x4521 };
enum { SCI_EN = BIT(0), BM_RLD = BIT(1), SLP_TYP = 7 << 10, SLP_EN = BIT(13) };
enum { GBL_SMI_EN = BIT(0), APMC_EN = BIT(5), APM_STS = BIT(5), SMI_EN_ALL = 0x0006687f };
enum { SLP_TYP_S5 = 0, PM_TIMER_HZ = 3579545, PM_TIMER_BITS = 24, GPES = 16 };
enum { APM_CNT_PORT = 0xb2 };

struct pm {
	struct device dev;
	struct irq sci;
	struct io_window window, apm_window;
	struct timer timer; /* the next carry, while its interrupt is enabled */
	bool smm;
	u16 base; /* where the block is seen, while @shown */
	bool shown;
	u16 pm1_sts, pm1_en, pm1_cnt;
	u64 gpe_sts, gpe_en;
	u32 smi_en, smi_sts;
	bool smi_locked, smi_all;
	u8 apm[2];   /* B2, B3 */
	u64 carries; /* times the timer's top bit had changed when last looked */
};

static const struct field pm_fields[] = {
	FIELD(struct pm, base),    FIELD(struct pm, shown),
	FIELD(struct pm, pm1_sts), FIELD(struct pm, pm1_en),
	FIELD(struct pm, pm1_cnt), FIELD(struct pm, gpe_sts),
	FIELD(struct pm, gpe_en),  FIELD(struct pm, smi_en),
	FIELD(struct pm, smi_sts), FIELD(struct pm, smi_locked),
	FIELD(struct pm, smi_all), FIELD_ARRAY(struct pm, apm),
	FIELD(struct pm, carries), FIELD_END,
};

static u64 pm_ticks(struct pm *p)
{
	return ticks_at(clock_now_ns(p->dev.machine->clock), PM_TIMER_HZ);
}

/* Notice carries of the timer; then drive the SCI and the host timer from the registers. */
static void pm_sync(struct pm *p) needs(in_machine)
{
	struct clock *clock = p->dev.machine->clock;
	u64 carries = pm_ticks(p) >> (PM_TIMER_BITS - 1);

	if (carries != p->carries)
		p->pm1_sts |= TMR_STS;
	p->carries = carries;
	irq_set(&p->sci, (p->pm1_sts & p->pm1_en) || (p->gpe_sts & p->gpe_en));
	if (p->pm1_en & ~p->pm1_sts & TMR_STS)
		timer_arm(clock, &p->timer,
			  tick_ns((carries + 1) << (PM_TIMER_BITS - 1), PM_TIMER_HZ));
	else
		timer_cancel(clock, &p->timer);
}

static void pm_fire(void *dev) needs(in_machine)
{
	pm_sync(dev);
}

/* The aligned four bytes at @off. Nothing changes by being read. */
static u32 read_dword(struct pm *p, u64 off)
{
	switch (off) {
	case PM1_STS: return p->pm1_sts | (u32)p->pm1_en << 16;
	case PM1_CNT: return p->pm1_cnt | SCI_EN;
	case PM1_TMR: return (u32)pm_ticks(p) & (BIT(PM_TIMER_BITS) - 1);
	case GPE0_STS: return (u32)p->gpe_sts;
	case GPE0_STS + 4: return (u32)(p->gpe_sts >> 32);
	case GPE0_EN: return (u32)p->gpe_en;
	case GPE0_EN + 4: return (u32)(p->gpe_en >> 32);
	/* Without SMM a set APMC_EN says "has been done": SeaBIOS then goes on without. */
	case SMI_EN: return p->smm ? p->smi_en : APMC_EN;
	case SMI_STS: return p->smi_sts;
	default: return 0;
	}
}

static u64 pm_read(void *dev, u64 off, unsigned size UNUSED) needs(in_machine)
{
	struct pm *p = dev;

	pm_sync(p);
	return read_dword(p, off & ~3ull) >> (8 * (off & 3));
}

/* Byte @n of @reg becomes @val. */
static u64 put_byte(u64 reg, unsigned n, u8 val)
{
	return (reg & ~(0xffull << (8 * n))) | (u64)val << (8 * n);
}

static void write_control(struct pm *p, unsigned n, u8 val)
{
	u16 cnt = (u16)put_byte(p->pm1_cnt, n, val);
	unsigned type = (cnt & SLP_TYP) >> 10;

	p->pm1_cnt = cnt & (SLP_TYP | BM_RLD);
	if (!(cnt & SLP_EN))
		return;
	if (type == SLP_TYP_S5)
		machine_request(p->dev.machine, REQUEST_POWEROFF);
	else
		log_guest("sleep type %u is none of this machine's", type);
}

static void write_smi_en(struct pm *p, unsigned n, u8 val)
{
	u32 en = (u32)put_byte(p->smi_en, n, val) & SMI_EN_ALL;

	if (p->smi_locked)
		en = (en & ~GBL_SMI_EN) | (p->smi_en & GBL_SMI_EN);
	if (p->smm)
		p->smi_en = en;
}

static void write_byte(struct pm *p, unsigned off, u8 val)
{
	switch (off) {
	case PM1_STS:
	case PM1_STS + 1: p->pm1_sts &= ~(val << (8 * off)); break;
	case PM1_EN:
	case PM1_EN + 1:
		p->pm1_en = (u16)put_byte(p->pm1_en, off - PM1_EN, val) & PM1_EN_ALL;
		break;
	case PM1_CNT:
	case PM1_CNT + 1: write_control(p, off - PM1_CNT, val); break;
	default:
		if (off >= GPE0_STS && off < GPE0_STS + 8)
			p->gpe_sts &= ~((u64)val << (8 * (off - GPE0_STS)));
		else if (off >= GPE0_EN && off < GPE0_EN + 8)
			p->gpe_en = put_byte(p->gpe_en, off - GPE0_EN, val);
		else if (off >= SMI_EN && off < SMI_EN + 4)
			write_smi_en(p, off - SMI_EN, val);
		else if (off >= SMI_STS && off < SMI_STS + 4)
			p->smi_sts &= ~((u32)val << (8 * (off - SMI_STS)));
		break;
	}
}

static void pm_write(void *dev, u64 off, unsigned size, u64 val) needs(in_machine)
{
	struct pm *p = dev;

	pm_sync(p);
	for (unsigned i = 0; i < size; i++)
		write_byte(p, (unsigned)off + i, (u8)(val >> (8 * i)));
	pm_sync(p);
}

/* Status bits are cleared by writing ones, so core/io.h must not merge small writes for us. */
static const struct io_ops pm_io = { .read = pm_read, .write = pm_write, .max = 4 };

static u64 apm_read(void *dev, u64 off, unsigned size UNUSED)
{
	struct pm *p = dev;

	return p->apm[off];
}

/* SeaBIOS sets APMC_EN without GBL_SMI_EN and expects SMIs, so the latter is not asked. */
static void apm_write(void *dev, u64 off, unsigned size UNUSED, u64 val) needs(in_machine)
{
	struct pm *p = dev;
	struct machine *m = p->dev.machine;

	p->apm[off] = (u8)val;
	if (off || !p->smm || !(p->smi_en & APMC_EN))
		return;
	p->smi_sts |= APM_STS;
	if (m->cpu_ops && m->cpu_ops->smi)
		m->cpu_ops->smi(m->cpus, p->smi_all);
}

static const struct io_ops apm_io = { .read = apm_read, .write = apm_write, .max = 1 };

void pm_set_base(struct device *pm, u16 base, bool enabled)
{
	struct pm *p = container_of(pm, struct pm, dev);

	p->base = base & ~(PM_LEN - 1);
	p->shown = enabled;
	if (enabled)
		io_move(pm->machine, &p->window, p->base);
	else
		io_unmap(pm->machine, &p->window);
}

void pm_lock_smi(struct device *pm)
{
	container_of(pm, struct pm, dev)->smi_locked = true;
}

void pm_smi_all(struct device *pm, bool all)
{
	container_of(pm, struct pm, dev)->smi_all = all;
}

void pm_power_button(struct device *pm)
{
	struct pm *p = container_of(pm, struct pm, dev);

	p->pm1_sts |= PWRBTN_STS;
	pm_sync(p);
}

void pm_gpe(struct device *pm, unsigned n)
{
	struct pm *p = container_of(pm, struct pm, dev);

	if (n >= GPES)
		return;
	p->gpe_sts |= BIT64(n);
	pm_sync(p);
}

static void pm_reset(struct device *d, enum reset_kind kind UNUSED) needs(in_machine)
{
	struct pm *p = container_of(d, struct pm, dev);

	p->pm1_sts = p->pm1_en = p->pm1_cnt = 0;
	p->gpe_sts = p->gpe_en = 0;
	p->smi_en = p->smi_sts = 0;
	p->smi_locked = p->smi_all = false;
	p->apm[0] = p->apm[1] = 0;
	p->carries = pm_ticks(p) >> (PM_TIMER_BITS - 1);
	pm_set_base(d, 0, false);
	pm_sync(p);
}

static int pm_loaded(struct device *d, struct error *err UNUSED) needs(in_machine)
{
	struct pm *p = container_of(d, struct pm, dev);

	p->pm1_sts &= PM1_STS_ALL;
	p->pm1_en &= PM1_EN_ALL;
	p->pm1_cnt &= SLP_TYP | BM_RLD;
	p->smi_en &= p->smm ? SMI_EN_ALL : 0;
	pm_set_base(d, p->base, p->shown);
	pm_sync(p);
	return 0;
}

static void pm_destroy(struct device *d) needs(in_machine)
{
	struct pm *p = container_of(d, struct pm, dev);

	timer_cancel(d->machine->clock, &p->timer);
	io_unmap(d->machine, &p->window);
	io_unmap(d->machine, &p->apm_window);
	free(p);
}

static const struct device_class pm_class = {
	.name = "pm",
	.fields = pm_fields,
	.reset = pm_reset,
	.loaded = pm_loaded,
	.destroy = pm_destroy,
};

struct device *pm_create(struct machine *m, struct irq sci, bool smm, struct error *err)
{
	struct pm *p = xnew(struct pm);

	p->dev.machine = m;
	p->sci = sci;
	p->smm = smm;
	p->timer = (struct timer){ .fire = pm_fire, .dev = p };
	p->window = (struct io_window){
		.ops = &pm_io,
		.dev = p,
		.len = PM_LEN,
		.space = IO_PORT,
		.priority = -1, /* wherever the guest puts it, the fixed ports stay */
		.name = "pm",
	};
	p->apm_window = (struct io_window){
		.ops = &apm_io,
		.dev = p,
		.base = APM_CNT_PORT,
		.len = 2,
		.space = IO_PORT,
		.name = "apm",
	};
	if (io_map(m, &p->apm_window, err) < 0) {
		pm_destroy(&p->dev);
		return NULL;
	}
	device_add(m, &p->dev, &pm_class, "pm");
	pm_reset(&p->dev, RESET_POWER_ON);
	return &p->dev;
}
