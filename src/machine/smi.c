/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine/smi.c: firmware and board agree on what an SMI does. QEMU's interface (docs/specs of its
 * ICH9): firmware reads etc/smi/supported-features, writes the ones it wants to
 * requested-features, and selects features-ok, which then reads 1 if they are had, and holds from
 * there to the next reset.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "dev/legacy/legacy.h"
#include "fw/fw.h"
#include "machine/q35_priv.h"

LOG_MODULE("smi");

enum { SMI_F_BROADCAST = 1, SUPPORTED = SMI_F_BROADCAST };

struct smi_features {
	struct device dev;
	struct device *pm; /* borrowed */
	u8 requested[8];   /* as the guest wrote it */
	u8 ok;             /* agreed: what is written now changes nothing */
	u8 agreed;
};

static const struct field smi_fields[] = {
	FIELD_ARRAY(struct smi_features, requested),
	FIELD(struct smi_features, ok),
	FIELD(struct smi_features, agreed),
	FIELD_END,
};

/* Once only: a kernel must not take back what the firmware's safety rests on. */
static void ok_selected(void *arg) needs(in_machine)
{
	struct smi_features *s = arg;
	u64 wanted = le64_at(s->requested);

	if (s->ok || wanted & ~(u64)SUPPORTED)
		return;
	s->agreed = (u8)wanted;
	s->ok = 1;
	pm_smi_all(s->pm, s->agreed & SMI_F_BROADCAST);
	log_debug("features agreed with the firmware: %x", s->agreed);
}

static void smi_reset(struct device *d, enum reset_kind kind) needs(in_machine)
{
	struct smi_features *s = container_of(d, struct smi_features, dev);

	(void)kind;
	put_le64(s->requested, 0);
	s->ok = s->agreed = 0;
	pm_smi_all(s->pm, false);
}

static int smi_loaded(struct device *d, struct error *err) needs(in_machine)
{
	struct smi_features *s = container_of(d, struct smi_features, dev);

	if (s->ok > 1 || s->agreed & ~SUPPORTED || (s->agreed && !s->ok))
		return error_set(err, -EINVAL, "smi: features %x, ok %u is no agreement", s->agreed,
				 s->ok);
	pm_smi_all(s->pm, s->agreed & SMI_F_BROADCAST);
	return 0;
}

static void smi_destroy(struct device *d)
{
	free(container_of(d, struct smi_features, dev));
}

static const struct device_class smi_class = {
	.name = "smi",
	.fields = smi_fields,
	.reset = smi_reset,
	.loaded = smi_loaded,
	.destroy = smi_destroy,
};

struct device *smi_features_create(struct machine *m, struct device *pm, struct device *fw_cfg,
				   struct error *err)
{
	struct smi_features *s = xnew(struct smi_features);
	u8 supported[8];

	s->pm = pm;
	device_add(m, &s->dev, &smi_class, "smi");
	put_le64(supported, SUPPORTED);
	if (fw_cfg_add(fw_cfg, "etc/smi/supported-features", supported, 8, err) < 0 ||
	    fw_cfg_add_writable(fw_cfg, "etc/smi/requested-features", s->requested, 8, NULL, NULL,
				err) < 0 ||
	    fw_cfg_add_watched(fw_cfg, "etc/smi/features-ok", &s->ok, 1, ok_selected, s, err) < 0)
		return NULL; /* the machine owns and destroys it */
	smi_reset(&s->dev, RESET_POWER_ON);
	return &s->dev;
}
