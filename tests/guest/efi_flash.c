/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/efi_flash.c: an EFI application that does what Secure Boot must keep a kernel from:
 * it programs a byte of the variables' flash itself, past the firmware. It says on COM1 whether the
 * byte has changed, then powers off as efi_mark.c does. If it has not, it resets the machine first
 * and tries once more: the reset must not have left the flash, or SMRAM, open.
 *
 * The byte is the last of the chip at FFC00000 (the store of the 4 MiB builds of OVMF): spare room,
 * of which the firmware has no use in one boot. tests/e2e/make-images builds it.
 */
#include <stdint.h>

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static void say(const char *text)
{
	for (; *text; text++)
		outb(0x3f8, (uint8_t)*text);
}

/* True once after power-on: a byte of CMOS, which a reset leaves alone, remembers. */
static int first_time(void)
{
	enum { INDEX = 0x7e, SEEN = 0x5e };
	uint8_t was;

	outb(0x70, INDEX);
	__asm__ volatile("inb $0x71, %0" : "=a"(was));
	outb(0x71, SEEN);
	return was != SEEN;
}

uint64_t efi_main(void *image, void *system_table);
uint64_t efi_main(void *image, void *system_table)
{
	volatile uint8_t *last = (volatile uint8_t *)(uintptr_t)0xffc83fff;
	uint8_t before = *last;

	*last = 0x10; /* program: bits only fall */
	*last = (uint8_t)(before & 0x5a);
	*last = 0xff; /* read array */
	say("\r\nefi-flash: the variables are ");
	if (*last != before)
		say("changed\r\n");
	else
		say("safe\r\n");
	if (*last == before && first_time())
		outb(0xcf9, 0x06);
	outw(0x604, 1 << 13);
	for (;;)
		__asm__ volatile("hlt");
	(void)image;
	(void)system_table;
	return 0;
}
