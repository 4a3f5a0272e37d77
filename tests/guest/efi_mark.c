/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/efi_mark.c: an EFI application that stands where a boot loader would: it says so on
 * COM1 and powers the machine off (PM1a control at 604h, SLP_TYP 0, as OVMF's ResetSystem does).
 * What the monitor counts until then is the firmware's cost. It touches no EFI service.
 *
 * Build: x86_64-w64-mingw32-gcc -O2 -ffreestanding -nostdlib -mno-red-zone
 *	-Wl,--subsystem,10 -e efi_main -o BOOTX64.EFI efi_mark.c
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

uint64_t efi_main(void *image, void *system_table);
uint64_t efi_main(void *image, void *system_table)
{
	static const char text[] = "\r\nefi-mark: boot loader\r\n";

	for (const char *p = text; *p; p++)
		outb(0x3f8, (uint8_t)*p);
	outw(0x604, 1 << 13);
	for (;;)
		__asm__ volatile("hlt");
	(void)image;
	(void)system_table;
	return 0;
}
