/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/options_priv.h: the setters and key tables that cli/options.c puts together. */
#pragma once

#include "cli/options.h"

/*
 * Lines of a key table. KEY: stored by @setter at @at. TAKEN: checked, and what it asks for is so
 * anyway. NO_EFFECT: checked, then said to have none. NOT_YET: refused. The last two let the value
 * @harmless pass in silence, and their text says why and what to use instead.
 */
#define KEY(n, t, form, none, setter, at, h, ...)                                                  \
	{                                                                                          \
		.name = n, .type = t, .values = form, .initial = none, .help = h, .set = setter,   \
		.offset = at, ##__VA_ARGS__                                                        \
	}
#define TAKEN(n, t, form, none, h, ...)                                                            \
	{                                                                                          \
		.name = n, .type = t, .values = form, .initial = none, .help = h, ##__VA_ARGS__    \
	}
#define NO_EFFECT(n, t, form, fine, h, ...)                                                        \
	{                                                                                          \
		.name = n, .type = t, .values = form, .initial = fine, .support = IGNORED,         \
		.harmless = fine, .help = h, ##__VA_ARGS__                                         \
	}
#define NOT_YET(n, t, form, fine, h, ...)                                                          \
	{                                                                                          \
		.name = n, .type = t, .values = form, .initial = fine, .support = REFUSED,         \
		.harmless = fine, .help = h, ##__VA_ARGS__                                         \
	}
#define CHR(n, t, form, chr_kind, setter, at, h)                                                   \
	{                                                                                          \
		.name = n, .type = t, .values = form, .help = h, .min = chr_kind, .set = setter,   \
		.offset = at                                                                       \
	}
#define KEYS_END                                                                                   \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* A line for the user; the same one only once. */
void note_add(struct str *notes, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Setters: the member at key.offset has the type in the name. */
int set_text(void *to, const struct key *k, const struct value *v, struct error *err);
int set_bool(void *to, const struct key *k, const struct value *v, struct error *err);
int set_bool_not(void *to, const struct key *k, const struct value *v, struct error *err);
int set_toggle(void *to, const struct key *k, const struct value *v, struct error *err);
int set_unsigned(void *to, const struct key *k, const struct value *v, struct error *err);
int set_int(void *to, const struct key *k, const struct value *v, struct error *err);
int set_u16(void *to, const struct key *k, const struct value *v, struct error *err);
int set_u64(void *to, const struct key *k, const struct value *v, struct error *err);
int set_words(void *to, const struct key *k, const struct value *v, struct error *err);
int set_name(void *to, const struct key *k, const struct value *v, struct error *err);
int set_count(void *to, const struct key *k, const struct value *v, struct error *err);
int set_chr_kind(void *to, const struct key *k, const struct value *v, struct error *err);
int set_chr_path(void *to, const struct key *k, const struct value *v, struct error *err);
int set_topology(void *to, const struct key *k, const struct value *v, struct error *err);

/* Key tables: cli/keys_machine.c. */
extern const struct key cpus_keys[], memory_keys[], platform_keys[], serial_keys[], serial2_keys[],
	console_keys[], debug_console_keys[], accel_keys[], machine_keys[], display_keys[],
	seccomp_keys[], rng_keys[], rtc_keys[], fw_cfg_keys[];
int cpus_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
	      struct error *err);
int memory_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		struct error *err);
int platform_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		  struct error *err);
int one_word_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
		  struct error *err);

/* Key tables: cli/keys_device.c. */
extern const struct key disk_keys[], net_keys[];
void *disk_target(struct vm_config *c, const struct option *o, struct error *err);
int disk_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
	      struct error *err);
int net_done(struct vm_config *c, void *target, const struct pairs *given, struct str *notes,
	     struct error *err);
