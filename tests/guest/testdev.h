/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/testdev.h: the device that guest payloads talk to. Numbers for guest.inc too.
 *
 * Ports, all of the size given:
 *	500 w1	text of the report
 *	504 w4	a number for the report, in hexadecimal, and a space
 *	508 w1	the end: the runner compares the report
 *	50c w1	ask the machine for a reset
 *	510-517	r/w of any size: recorded in the report; reads give 0123456789abcdef's bytes
 *	520 w1	raise interrupt line n (8259 and I/O APIC)	521 w1	lower it
 *	522 w1	raise line n from another thread 3 ms later
 *	524 w4	send a message to FEE00000 with this data
 *	528 w1	SMI: 0 the writing vCPU, 1 all; r1: 1 if the reading vCPU serves one
 *	529 w1	NMI to vCPU n
 *	52c w1	hide (1) or show (0) a RAM page at 600000
 *	52d w1	signal the event that irqfd turns into vector 65
 *	52e w1	mask (1) or unmask (0) it
 *	530 w4	doorbell; 534 r1: 1 once if it was rung
 *	538 w4	start (1) or end (0) the dirty log of RAM
 *	53c w4	choose an address in RAM; r4: 1 if its page was written since it was last asked for
 * Memory: d0000000-d0000fff is recorded as 510-517; d0001000 w4 is a doorbell, d0001004 r4 tells.
 */
#pragma once

#define TD_TEXT 0x500
#define TD_NUMBER 0x504
#define TD_END 0x508
#define TD_RESET 0x50c
#define TD_ECHO 0x510
#define TD_RAISE 0x520
#define TD_LOWER 0x521
#define TD_LATER 0x522
#define TD_MSI 0x524
#define TD_SMI 0x528
#define TD_NMI 0x529
#define TD_HIDE 0x52c
#define TD_IRQFD 0x52d
#define TD_MASK 0x52e
#define TD_BELL 0x530
#define TD_RUNG 0x534
#define TD_DIRTY 0x538
#define TD_VECTOR 0x65
#define TD_MMIO 0xd0000000
#define TD_MBELL 0xd0001000
#define TD_MRUNG 0xd0001004
#define TD_PAGE 0x600000
#define TD_SMRAM 0x30000 /* 64 KiB that only System Management Mode sees */

#ifndef __ASSEMBLER__
#include "base/str.h"
#include "core/machine.h"
#include "cpu/accel.h"
#include "plat/event.h"

struct testdev {
	struct machine *machine;
	struct device *pic, *ioapic, *pit;
	struct region *ram, *page;
	struct accel *accel;
	struct event irq_event;
	unsigned irqfd;
	u64 *dirty_new, *dirty_all;
	u32 dirty_page;
	struct io_window ports, echo, mmio, bell, rung, mbell, mrung, dirty;
	struct event bell_event, mbell_event;
	struct timer later;
	unsigned later_line;
	struct str report; /* under the machine lock */
	u8 ended, reset;   /* atomic */
};

/* @t's accel and ram are filled in. */
int testdev_init(struct testdev *t, struct machine *m, struct error *err) needs(in_machine);
void testdev_finish(struct testdev *t);
/* Drive line @n (0-15) of the 8259 pair and the I/O APIC. */
void testdev_line(struct testdev *t, unsigned n, bool level) needs(in_machine);
#endif
