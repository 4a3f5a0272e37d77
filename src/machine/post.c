/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine/post.c: what a BIOS's self test leaves in q35's chipset, for kernels that start without
 * one. Intel ICH9 (316972) 13.1, 3 Series MCH (316966) 5.1; 8259A initialisation; platform.md 3.
 */
#include "core/machine.h"
#include "machine/q35_priv.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };
enum { MCH = 0, LPC = 0x1f << 3 };

static void config_write(struct machine *m, unsigned devfn, unsigned reg, unsigned size, u32 val)
	needs(in_machine)
{
	io_write(m, IO_PORT, CONFIG_ADDRESS, 4, 0x80000000u | devfn << 8 | (reg & 0xfc));
	io_write(m, IO_PORT, CONFIG_DATA + (reg & 3), size, val);
}

/* Vectors 08-0F and 70-77 as in real mode; all masked but the cascade. */
static void start_pics(struct machine *m) needs(in_machine)
{
	static const struct {
		u16 port;
		u8 val;
	} words[] = {
		{ 0x20, 0x11 }, { 0x21, 0x08 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xfb },
		{ 0xa0, 0x11 }, { 0xa1, 0x70 }, { 0xa1, 0x02 }, { 0xa1, 0x01 }, { 0xa1, 0xff },
	};

	for (unsigned i = 0; i < ARRAY_LEN(words); i++)
		io_write(m, IO_PORT, words[i].port, 1, words[i].val);
}

void post_chipset(struct machine *m)
{
	/* ECAM, the PM block at 600, PIRQs to lines 10 and 11, which are level triggered. */
	config_write(m, MCH, 0x64, 4, 0);
	config_write(m, MCH, 0x60, 4, POST_ECAM | 1);
	config_write(m, LPC, 0x40, 4, POST_PM_BASE | 1);
	config_write(m, LPC, 0x44, 1, 0x80);
	config_write(m, LPC, 0x60, 4, 0x0b0b0a0a);
	config_write(m, LPC, 0x68, 4, 0x0b0b0a0a);
	io_write(m, IO_PORT, 0x4d1, 1, 0x0c);
	start_pics(m);
}
