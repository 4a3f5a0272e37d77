/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer instructions where they are odd: 16-bit code, limits, stacks, faults in the middle.
 * Common cases are compared with the host's processor in tests/native. check: long-file, tables
 */
#include "soft_int_rig.h"

#include "core/clock.h"

/* ---- arithmetic ---- */

/* The examples of SDM 2A and 2B, and where the algorithms there do something unexpected. */
static void decimal_adjustment_is_as_in_the_manual(void)
{
	CASES({ 'p', "27", "ax=ae fl=882", "ax=14 fl=17/0d7" },
	      { 'p', "27", "ax=9a", "ax=0 fl=57/0d7" },
	      { 'p', "27", "ax=12345678 fl=13", "ax=123456de fl=97/0d7" },
	      { 'r', "2f", "ax=ee fl=97", "ax=88 fl=97/0d7" },
	      { 'r', "2f", "ax=5 fl=12", "ax=ff fl=97/0d7" },
	      { 'r', "37", "ax=f", "ax=105 fl=13/013" }, { 'r', "37", "ax=fa", "ax=200 fl=13/013" },
	      { 'r', "37", "ax=12340019", "ax=12340009 fl=2/013" },
	      { 'p', "3f", "ax=20f", "ax=109 fl=13/013" },
	      { 'p', "3f", "ax=105 fl=12", "ax=ff0f fl=13/013" },
	      { 'p', "d4 0a", "ax=4f", "ax=709 fl=6/0c6" },
	      { 'p', "d4 10", "ax=aa00", "ax=0 fl=46/0c6" }, { 'p', "d4 00", "ax=1", "v=0" },
	      { 'p', "d5 0a", "ax=709", "ax=4f fl=2/0c6" },
	      { 'p', "d5 10", "ax=ff0123", "ax=ff0033 fl=6/0c6" },
	      { 'p', "d6", "ax=1200 fl=3", "ax=12ff" },
	      { 'p', "d6", "ax=12ff fl=ffd6", "ax=1200" });
}

static void division_overflow_is_an_error(void)
{
	CASES({ 'r', "f6 f3", "ax=1ff bx=0", "v=0" }, { 'r', "f6 f3", "ax=200 bx=2", "v=0" },
	      { 'r', "f6 f3", "ax=1ff bx=2", "ax=1ff fl=0/0" },
	      { 'r', "f6 fb", "ax=ff80 bx=ff", "v=0" },
	      { 'r', "f6 fb", "ax=ff80 bx=1", "ax=80 fl=0/0" },
	      { 'r', "f6 fb", "ax=8000 bx=ff", "v=0" },
	      { 'r', "f7 fb", "dx=ffff ax=8000 bx=ffff", "v=0" },
	      { 'r', "f7 fb", "dx=ffff ax=8001 bx=ffff", "dx=0 ax=7fff fl=0/0" },
	      { 'p', "f7 f3", "dx=5 ax=0 bx=5", "v=0" },
	      { 'p', "f7 f3", "dx=4 ax=ffffffff bx=5", "dx=4 ax=ffffffff fl=0/0" },
	      { 'l', "48 f7 fb", "dx=ffffffffffffffff ax=8000000000000000 bx=ffffffffffffffff",
		"v=0" },
	      { 'l', "48 f7 fb", "dx=ffffffffffffffff ax=8000000000000000 bx=1",
		"dx=0 ax=8000000000000000 fl=0/0" },
	      { 'l', "48 f7 fb", "dx=8000000000000000 ax=0 bx=ffffffffffffffff", "v=0" },
	      { 'l', "48 f7 f3", "dx=1 ax=0 bx=2", "dx=0 ax=8000000000000000 fl=0/0" },
	      { 'l', "f7 f3", "dx=ffffffff00000000 ax=ffffffff00000009 bx=2", "dx=1 ax=4 fl=0/0" });
}

static void counts_are_cut_as_the_processor_does(void)
{
	CASES({ 'r', "c1 d0 11", "ax=1234 fl=3", "ax=1234 fl=3/0d7" },
	      { 'r', "c0 d0 09", "ax=1234 fl=3", "ax=1234 fl=3/0d7" },
	      { 'r', "c1 d0 12", "ax=8000 fl=3", "ax=1 fl=3/0d7" },
	      { 'r', "c0 e0 20", "ax=ff fl=8d7", "" },
	      { 'r', "c1 e0 10", "ax=1", "ax=0 fl=46/0c6" },
	      { 'l', "d3 e0", "ax=ffffffff12345678 cx=20", "ax=12345678" },
	      { 'l', "48 c1 e0 40", "ax=ffffffff12345678 fl=3", "" },
	      { 'r', "0f a4 d8 04", "ax=1234 bx=f000", "ax=234f fl=3/0c7" },
	      { 'p', "0f ad d8", "ax=1 bx=80000000 cx=21", "ax=0 fl=47/0c7" });
}

static void bit_numbers_reach_beyond_the_operand(void)
{
	CASES({ 'p', "0f a3 03", "ax=ffffffff bx=2000 @1ffc=00000080", "fl=3/001" },
	      { 'p', "0f a3 03", "ax=20 bx=2000 @2000=ffffffff00000000", "fl=2/001" },
	      { 'r', "0f ab 07", "ax=8000 bx=3000 @2000=0000", "@2000=0100 fl=2/001" },
	      { 'r', "66 0f ab 07", "ax=80001 bx=3000 @3000=00000000", "@3000=02000000 fl=2/001" },
	      { 'r', "0f ba 2f 1f", "bx=3000 @3000=0000", "@3000=0080 fl=2/001" },
	      { 'r', "0f bb 07", "ax=f bx=3000 @3000=00ff", "@3000=007f fl=3/001" },
	      { 'p', "0f b3 c8", "ax=ffff cx=21", "ax=fffd fl=3/001" },
	      { 'l', "48 0f a3 03", "ax=8000000000000000 bx=2000", "v=d:0" });
}

static void instructions_with_a_flag_for_their_source(void)
{
	CASES({ 'p', "f3 0f b8 c3", "bx=f0f0 fl=8d7", "ax=8 fl=2" },
	      { 'p', "f3 0f bd c3", "bx=0", "ax=20 fl=3/041" },
	      { 'p', "66 f3 0f bd c3", "bx=1", "ax=f fl=2/041" },
	      { 'p', "66 f3 0f bc c3", "bx=0", "ax=10 fl=3/041" },
	      { 'p', "f3 0f bc c3", "bx=1", "ax=0 fl=42/041" },
	      { 'l', "0f bc c3", "ax=1234567800000000 bx=0", "fl=42/040" },
	      { 'p', "0f bd c3", "bx=80000", "ax=13 fl=2/040" },
	      { 'l', "c4 e2 78 f3 cb", "bx=0 ax=1", "ax=0 fl=43/8c1" },
	      { 'l', "c4 e2 78 f3 d3", "bx=8", "ax=f fl=2/8c1" },
	      { 'l', "c4 e2 78 f3 d3", "bx=0", "ax=ffffffff fl=83/8c1" },
	      { 'l', "c4 e2 78 f3 db", "bx=18", "ax=8 fl=3/8c1" },
	      { 'l', "c4 e2 70 f5 c3", "bx=ffff cx=104", "ax=f fl=2/8c1" },
	      { 'l', "c4 e2 70 f5 c3", "bx=ffff cx=20", "ax=ffff fl=3/8c1" },
	      { 'l', "c4 e2 70 f7 c3", "bx=12345678 cx=0804", "ax=67 fl=2/841" },
	      { 'l', "c4 e2 70 f7 c3", "bx=12345678 cx=ff40", "ax=0 fl=42/841" },
	      { 'l', "c4 e2 f3 f5 c3", "cx=5 bx=30c", "ax=104" },
	      { 'l', "c4 e2 f2 f5 c3", "cx=ffff1234 bx=f0f0", "ax=13" });
}

static void carries_of_their_own(void)
{
	CASES({ 'p', "66 0f 38 f6 c3", "ax=ffffffff bx=0 fl=8c7", "ax=0 fl=8c7" },
	      { 'p', "f3 0f 38 f6 c3", "ax=ffffffff bx=1 fl=2", "ax=0 fl=802" },
	      { 'p', "f3 0f 38 f6 c3", "ax=1 bx=1 fl=803", "ax=3 fl=3" },
	      { 'l', "c4 e2 e3 f6 c3", "dx=ffffffffffffffff bx=2", "ax=1 bx=fffffffffffffffe" },
	      { 'l', "c4 e2 fb f6 c3", "dx=ffffffffffffffff bx=3", "ax=2" });
}

/* CRC-32C of "123456789" is e3069283. */
static void crc32_has_the_well_known_check_value(void)
{
	CASES({ 'l', "f2 48 0f 38 f1 c3", "ax=ffffffff bx=3837363534333231", "ax=9f787f65" },
	      { 'l', "f2 0f 38 f0 c3", "ax=9f787f65 bx=39", "ax=1cf96d7c" },
	      { 'l', "f2 0f 38 f0 c3", "ax=ffffffff00000000 bx=0", "ax=0" });
}

/* ---- addresses ---- */

static void sixteen_bit_addresses_wrap_and_operands_do_not(void)
{
	CASES({ 'r', "d7", "bx=fff0 ax=120 @10=5a", "ax=15a" },
	      { 'r', "8a 47 7f", "bx=fff0 @6f=77", "ax=77" },
	      { 'r', "67 8a 03", "bx=10000", "v=d:0" }, { 'r', "8b 46 00", "bp=ffff", "v=c:0" },
	      { 'r', "8b 07", "bx=ffff", "v=d:0" },
	      { 'r', "8b 46 00", "bp=2000 @2000=3412", "ax=1234" },
	      { 'r', "8d 47 ff", "bx=0", "ax=ffff" }, { 'p', "67 8d 47 ff", "bx=0", "ax=ffff" },
	      { 'r', "a1 00 20", "@2000=7856", "ax=5678" },
	      { 'l', "67 8d 44 18 ff", "ax=ffffffff00000001 bx=ffffffff", "ax=ffffffff" },
	      { 'l', "67 48 8b 05 f8 0f 00 00", "@2000=8877665544332211", "ax=1122334455667788" },
	      { 'l', "8a 03", "bx=800000000000", "v=d:0" },
	      { 'l', "8a 45 00", "bp=800000000000", "v=c:0" });
}

static void a_false_condition_still_reads_and_clears(void)
{
	CASES({ 'l', "0f 44 03", "ax=ffffffff00000001 bx=2000 @2000=05000000", "ax=1" },
	      { 'l', "0f 44 03", "bx=9000", "v=e:4" },
	      { 'l', "0f 44 03", "ax=1 bx=2000 fl=42 @2000=05000080", "ax=80000005" },
	      { 'l', "66 0f 45 c3", "ax=1111111111111111 bx=2222", "ax=1111111111112222" },
	      { 'p', "0f 9f c4", "fl=882", "ax=100" },
	      { 'p', "0f 9f c4", "ax=ffff fl=82", "ax=ff" });
}

static void byte_order_and_extension(void)
{
	CASES({ 'l', "0f c8", "ax=ffffffff12345678", "ax=78563412" },
	      { 'l', "66 0f c8", "ax=12345678", "ax=12340000" },
	      { 'r', "0f 38 f0 07", "bx=2000 @2000=1234", "ax=1234" },
	      { 'r', "66 0f 38 f1 07", "ax=12345678 bx=2000", "@2000=12345678" },
	      { 'l', "66 98", "ax=ffffffffffff7f80", "ax=ffffffffffffff80" },
	      { 'l', "48 98", "ax=80000000", "ax=ffffffff80000000" },
	      { 'l', "99", "ax=80000000 dx=1111111111111111", "dx=ffffffff" },
	      { 'l', "48 63 c3", "bx=80000000", "ax=ffffffff80000000" },
	      { 'l', "66 63 c3", "ax=1111 bx=8000", "ax=8000" }, { 'p', "9f", "fl=2d7", "ax=d700" },
	      { 'p', "9e", "ax=ff00", "fl=d7" }, { 'p', "9e", "ax=0 fl=8d7", "fl=802" },
	      { 'p', "fd", "", "fl=402" }, { 'p', "fc", "fl=402", "fl=2" },
	      { 'p', "f5", "fl=3", "fl=2" });
}

/* ---- memory that is read and written ---- */

static void exchanges(void)
{
	CASES({ 'p', "0f c1 c0", "ax=3", "ax=6 fl=6" },
	      { 'p', "0f c0 e0", "ax=102", "ax=203 fl=6" },
	      { 'l', "87 c0", "ax=ffffffff12345678", "ax=12345678" },
	      { 'p', "87 03", "ax=1 bx=dffe @dffe=78563412", "ax=12345678 @dffe=01000000" },
	      { 'p', "0f b1 0b", "ax=5 cx=7 bx=2000 @2000=05000000", "@2000=07000000 fl=46" },
	      { 'p', "0f b1 0b", "ax=6 cx=7 bx=2000 @2000=05000000", "ax=5 fl=2" },
	      { 'p', "0f b1 0b", "ax=6 cx=7 bx=b000 @b000=05000000", "v=e:3" },
	      { 'q', "0f c7 0f", "di=b000", "v=e:7" },
	      { 'p', "f0 0f c7 0f", "di=2001 ax=1 dx=2 bx=3 cx=4 @2001=0100000002000000",
		"@2001=0300000004000000 fl=42" },
	      { 'p', "0f c7 0f", "di=2001 ax=1 dx=1 bx=3 cx=4 fl=42 @2001=0100000002000000",
		"dx=2 fl=2" },
	      { 'l', "48 0f c7 0f", "di=2008", "v=d:0" },
	      { 'l', "48 0f c7 0f", "di=2000 ax=1 dx=2 @2000=01000000000000000200000000000000",
		"@2000=00000000000000000000000000000000 fl=42" },
	      { 'l', "f0 48 0f c7 0f", "di=d000 ax=1 dx=3 @d000=01000000000000000200000000000000",
		"dx=2 fl=2" });
}

static void a_fault_changes_nothing(void)
{
	CASES({ 'p', "83 03 01", "bx=b000 fl=8d7", "v=e:3" },
	      { 'p', "83 03 01", "bx=affe fl=8d7", "v=e:3" },
	      { 'p', "f0 ff 03", "bx=8ffd", "v=e:2" }, { 'p', "87 03", "ax=5 bx=b000", "v=e:3" },
	      { 'p', "d3 23", "bx=b000 cx=0", "v=e:3" }, { 'p', "0f ba 2b 00", "bx=b000", "v=e:3" },
	      { 'p', "03 03", "ax=5 bx=9000", "v=e:0" }, { 'p', "50", "sp=c000", "v=e:3" },
	      { 'p', "8f 03", "sp=8000 bx=b000", "v=e:3" },
	      { 'p', "ff 33", "bx=2000 sp=9004", "v=e:2" });
}

static void memory_without_a_pointer_works_as_any(void)
{
	CASES({ 'p', "83 03 01", "bx=d000 @d000=ffffffff", "@d000=00000000 fl=57" },
	      { 'p', "83 03 01", "bx=cffe @cffe=ffff0000", "@cffe=00000100 fl=16" },
	      { 'p', "f0 0f ba 2b 1f", "bx=d002 @d002=00000000", "@d002=00000080 fl=2/001" },
	      { 'p', "d1 23", "bx=d000 @d000=00000040", "@d000=00000080 fl=886/8c7" });
	rig_load('p', "f0 ff 03", "bx=dffe");
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(R.exclusive, 1);
	rig_load('p', "ff 03", "bx=dffe");
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(R.exclusive, 0);
}

/* ---- stack ---- */

static void the_stack_pointer_as_an_operand(void)
{
	CASES({ 'r', "54", "", "sp=7ffe @7ffe=0080" },
	      { 'r', "5c", "sp=ffff8000 @8000=3412", "sp=ffff1234" },
	      { 'p', "8f 44 24 04", "@8000=11223344", "sp=8004 @8008=11223344" },
	      { 'm', "8f 04 24", "sp=1fffe @fffe=11223344", "sp=10002 @10002=11223344" },
	      { 'p', "ff 74 24 04", "@8004=11223344", "sp=7ffc @7ffc=11223344" },
	      { 'r', "6a ff", "", "sp=7ffe @7ffe=ffff" },
	      { 'l', "66 6a ff", "", "sp=7ffe @7ffe=ffff" },
	      { 'l', "6a 80", "", "sp=7ff8 @7ff8=80ffffffffffffff" },
	      { 'r', "66 68 44 33 22 11", "", "sp=7ffc @7ffc=44332211" },
	      { 'm', "6a 00", "sp=10002", "sp=1fffe @fffe=00000000" },
	      { 'r', "50", "sp=1", "v=c:0" }, { 'r', "50", "sp=0", "sp=fffe @fffe=0000" },
	      { 'l', "50", "sp=800000000008", "v=c:0" });
}

static void all_registers_at_once(void)
{
	const char *regs = "ax=a0 cx=1 dx=2 bx=3 bp=5 si=6 di=7";
	char in[100];
	struct rig_case t[] = {
		{ 'r', "60", regs, "sp=7ff0 @7ff0=0700060005000080030002000100a000" },
		{ 'r', "60", in, "sp=fff4 @0=0100a000 @fff4=070006000500040003000200" },
		{ 'm', "60", regs,
		  "sp=7fe0 @7fe0=070000000600000005000000008000000300000002000000"
		  "01000000a0000000" },
		{ 'r', "61", "sp=7ff0 ax=ffff0000 @7ff0=0700060005000080030002000100a000",
		  "ax=ffff00a0 cx=1 dx=2 bx=3 sp=8000 bp=5 si=6 di=7" },
	};

	snprintf(in, sizeof(in), "%s sp=4", regs);
	rig_cases(t, ARRAY_LEN(t));
	/* Each slot is in the segment as a whole. What was written before a fault may stay. */
	CASES({ 'r', "60", "ax=1234 cx=5678 sp=5", "v=c:0 @1=78563412" },
	      { 'p', "60", "ax=11223344 sp=a008", "v=e:2 @a000=0000000044332211" },
	      { 'p', "61", "sp=8ff8 bp=5", "di=eeeeeeee si=eeeeeeee v=e:0" });
}

static void frames(void)
{
	CASES({ 'p', "c8 10 00 00", "bp=55667788", "sp=7fec bp=7ffc @7ffc=88776655" },
	      { 'p', "c8 08 00 03", "bp=4000 @3ff8=aaaaaaaabbbbbbbb",
		"sp=7fe8 bp=7ffc @7ff0=fc7f0000aaaaaaaabbbbbbbb00400000" },
	      { 'p', "c8 00 00 21", "bp=4000", "sp=7ff8 bp=7ffc @7ff8=fc7f000000400000" },
	      { 'p', "66 c8 00 00 00", "bp=aaaa4444", "sp=7ffe bp=aaaa7ffe @7ffe=4444" },
	      { 'm', "c8 04 00 00", "sp=18000 bp=1", "sp=17ff8 bp=17ffc @7ffc=01000000" },
	      { 'r', "c8 02 00 01", "bp=99", "sp=7ffa bp=7ffe @7ffc=fe7f9900" },
	      { 'l', "66 c8 10 00 00", "bp=1122334455667788",
		"sp=7fee bp=1122334455667ffe @7ffe=8877" },
	      { 'p', "c9", "bp=7000 @7000=44332211", "sp=7004 bp=11223344" },
	      { 'm', "c9", "sp=50000 bp=17000 @7000=44332211", "sp=57004 bp=11223344" },
	      { 'p', "c9", "bp=9000", "v=e:0" });
	/* ENTER tries the end of the new frame before it changes registers. */
	CASES({ 'p', "c8 00 10 00", "sp=a010 bp=5", "v=e:2 @a00c=05000000" });
}

static void flags_and_privilege(void)
{
	CASES({ 'p', "9c", "fl=10002", "sp=7ffc @7ffc=02000000" },
	      { 'p', "9d", "@8000=ffffffff", "sp=8004 fl=247fd7" },
	      { 'p', "66 9d", "fl=40002 @8000=ffff", "sp=8002 fl=47fd7" },
	      { 'p', "9d", "fl=10202 @8000=00000000", "sp=8004 fl=2" },
	      { 'q', "9d", "fl=202 @8000=00300000", "sp=8004 fl=202" },
	      { 'q', "9d", "fl=2 @8000=02720000", "sp=8004 fl=4002" },
	      { 'q', "9d", "fl=3202 @8000=02000000", "sp=8004 fl=3002" },
	      { 'l', "9d", "fl=3202 @8000=0200200000000000", "sp=8008 fl=203002" },
	      { 'l', "66 9d", "fl=2 @8000=d508", "sp=8002 fl=8d7" });
}

static void flags_in_virtual_8086_mode(void)
{
	CASES({ 'v', "9c", "", "v=d:0" }, { 'v', "9d", "@8000=0202", "v=d:0" },
	      { 'v', "9c", "fl=3202", "sp=7ffe @7ffe=0232" },
	      { 'v', "66 9c", "fl=3202", "sp=7ffc @7ffc=02320000" },
	      { 'v', "9d", "fl=3202 @8000=0200", "sp=8002 fl=23002" },
	      { 'v', "9c", "cr4=1 fl=80002", "sp=7ffe @7ffe=0232" },
	      { 'v', "9c", "cr4=1 fl=202", "sp=7ffe @7ffe=0230" },
	      { 'v', "66 9c", "cr4=1", "v=d:0" }, { 'v', "66 9d", "cr4=1", "v=d:0" },
	      { 'v', "9d", "cr4=1 fl=2 @8000=d57a", "sp=8002 fl=a48d7" },
	      { 'v', "9d", "cr4=1 fl=80202 @8000=0200", "sp=8002 fl=20202" },
	      { 'v', "9d", "cr4=1 fl=100002 @8000=0202", "v=d:0" },
	      { 'v', "9d", "cr4=1 fl=100002 @8000=0200", "sp=8002 fl=120002" },
	      { 'v', "9d", "cr4=1 @8000=0201", "v=d:0" });
}

/* ---- branches ---- */

static void targets_are_cut_and_checked(void)
{
	CASES({ 'r', "e9 00 f0", "", "ip=3" }, { 'r', "66 e9 00 00 01 00", "", "v=d:0" },
	      { 'c', "e9 00 10 00 00", "", "v=d:0" }, { 'c', "eb 0f", "", "v=d:0" },
	      { 'c', "eb 0e", "", "ip=1010" }, { 'p', "66 eb fe", "", "ip=1001" },
	      { 'l', "66 eb 00", "", "ip=1003" }, { 'l', "ff e0", "ax=800000000000", "v=d:0" },
	      { 'l', "ff e0", "ax=ffff800000000000", "ip=ffff800000000000" },
	      { 'r', "ff e0", "ax=12345678", "ip=5678" }, { 'c', "74 20", "fl=42", "v=d:0" },
	      { 'c', "74 20", "", "" });
}

static void calls_check_stack_and_target_before_they_write(void)
{
	CASES({ 'r', "e8 00 01", "", "sp=7ffe ip=1103 @7ffe=0310" },
	      { 'r', "e8 00 01", "sp=1", "v=c:0" },
	      { 'r', "66 e8 00 01 00 00", "", "sp=7ffc ip=1106 @7ffc=06100000" },
	      { 'c', "e8 00 10 00 00", "sp=9000", "v=d:0" },
	      { 'c', "e8 00 10 00 00", "sp=c000", "v=e:3" },
	      { 'p', "ff 14 24", "@8000=45230000", "sp=7ffc ip=2345 @7ffc=03100000" },
	      { 'l', "66 e8 00 00 00 00", "", "sp=7ff8 @7ff8=0610000000000000" });
}

static void returns(void)
{
	CASES({ 'r', "c2 04 00", "sp=7ffe @7ffe=3412", "sp=8004 ip=1234" },
	      { 'r', "66 c3", "@8000=34120000", "sp=8004 ip=1234" },
	      { 'r', "66 c3", "@8000=34120100", "v=d:0" }, { 'c', "c3", "@8000=00200000", "v=d:0" },
	      { 'c', "c2 08 00", "@8000=00100000", "sp=800c ip=1000" },
	      { 'r', "c3", "sp=ffff", "v=c:0" }, { 'l', "c3", "@8000=0000000000800000", "v=d:0" });
}

static void counters_have_the_size_of_addresses(void)
{
	CASES({ 'r', "e2 fe", "cx=10000", "cx=1ffff ip=1000" },
	      { 'r', "67 e2 fd", "cx=10000", "cx=ffff ip=1000" }, { 'r', "e2 fe", "cx=1", "cx=0" },
	      { 'r', "67 e3 05", "cx=10000", "" }, { 'r', "e3 05", "cx=10000", "ip=1007" },
	      { 'p', "67 e3 05", "cx=10000", "ip=1008" },
	      { 'l', "67 e2 fd", "cx=ffffffff00000001", "cx=0" }, { 'p', "e1 10", "cx=5", "cx=4" },
	      { 'p', "e1 10", "cx=5 fl=42", "cx=4 ip=1012" },
	      { 'p', "e0 10", "cx=5", "cx=4 ip=1012" }, { 'c', "e2 7f", "cx=5", "v=d:0" },
	      { 'c', "e2 7f", "cx=1", "cx=0" });
}

static void bounds(void)
{
	CASES({ 'r', "62 07", "ax=5 bx=2000 @2000=05000500", "" },
	      { 'r', "62 07", "ax=6 bx=2000 @2000=05000500", "v=5" },
	      { 'r', "62 07", "ax=ffff bx=2000 @2000=feff0500", "" },
	      { 'r', "62 07", "ax=fffd bx=2000 @2000=feff0500", "v=5" },
	      { 'r', "62 07", "bx=fffd", "v=d:0" },
	      { 'p', "62 03", "ax=80000000 bx=2000 @2000=0000008000000000", "" });
}

/* ---- strings ---- */

static void strings_wrap_with_the_address_size(void)
{
	CASES({ 'r', "f3 a4", "si=fffe di=2000 cx=4 @fffe=1122 @0=3344",
		"si=2 di=2004 cx=0 @2000=11223344" },
	      { 'r', "f3 a5", "si=ffff di=2000 cx=2", "v=d:0" },
	      { 'r', "f3 aa", "ax=55 di=fffe cx=3", "di=1 cx=0 @fffe=5555 @0=55" },
	      { 'r', "f3 aa", "ax=55 di=1 cx=3 fl=402", "di=fffe cx=0 @0=5555 @ffff=55" },
	      { 'r', "f3 a4", "si=2000 di=3000 cx=10000", "" },
	      { 'r', "67 f3 a4", "si=2000 di=3000 cx=10000", "si=8000 di=9000 cx=a000 v=e:2" },
	      { 'r', "67 f3 aa", "di=10000 cx=1", "v=d:0" },
	      { 'l', "67 f3 a4", "si=ffffffff00002000 di=ffffffff00003000 cx=ffffffff00000001",
		"si=2001 di=3001 cx=0" },
	      { 'l', "67 f3 a4", "si=ffffffff00002000 di=ffffffff00003000 cx=ffffffff00000000",
		"" },
	      { 'l', "67 a4", "si=ffffffff00002000 di=ffffffff00003000 cx=1", "si=2001 di=3001" });
}

static void overlapping_strings_are_copied_one_by_one(void)
{
	CASES({ 'p', "f3 a4", "si=2000 di=2001 cx=6 @2000=a1",
		"si=2006 di=2007 cx=0 @2001=a1a1a1a1a1a1" },
	      { 'p', "f3 a4", "fl=402 si=2005 di=2004 cx=5 @2005=b1",
		"si=2000 di=1fff cx=0 @2000=b1b1b1b1b1" },
	      { 'p', "f3 66 a5", "si=2000 di=2001 cx=3 @2000=0102030405060708",
		"si=2006 di=2007 cx=0 @2001=010202040406" },
	      { 'p', "f3 a5", "si=2000 di=dffe cx=2 @2000=0102030405060708",
		"si=2008 di=e006 cx=0 @dffe=0102030405060708" });
}

static void a_fault_in_the_middle_keeps_what_was_done(void)
{
	CASES({ 'p', "f3 a4", "si=2000 di=8ffc cx=10 @2000=01020304",
		"si=2004 di=9000 cx=c v=e:2 @8ffc=01020304" },
	      { 'p', "f3 a5", "si=2000 di=8ff6 cx=4 @2000=0102030405060708",
		"si=2008 di=8ffe cx=2 v=e:2 @8ff6=0102030405060708" },
	      { 'p', "f3 ab", "fl=402 ax=5 di=a004 cx=4",
		"di=9ffc cx=2 v=e:2 @a000=0500000005000000" },
	      { 'r', "f3 a6", "si=2000 di=2100 cx=5 fl=8d7 @2000=0000000000 @2100=0000000000",
		"si=2005 di=2105 cx=0 fl=46" },
	      { 'p', "f3 a6", "si=2000 di=8ffe cx=5 fl=8d7 @2000=0101 @8ffe=0101",
		"si=2002 di=9000 cx=3 fl=46 v=e:0" },
	      { 'p', "f3 ad", "si=8ffc cx=2 @8ffc=44332211", "ax=11223344 si=9000 cx=1 v=e:0" });
}

static void going_down_the_first_element_faults_first(void)
{
	rig_load('p', "f3 aa", "fl=402 di=b800 cx=2000");
	CHECK_EQ(rig_step(), VEC_PF);
	CHECK_EQ(R.cpu.event.cr2, 0xb800);
	rig_load('p', "f3 a5", "fl=402 si=9800 di=c800 cx=2000");
	CHECK_EQ(rig_step(), VEC_PF);
	CHECK_EQ(R.cpu.event.cr2, 0x9800);
}

static void conditions_end_a_repetition(void)
{
	CASES({ 'p', "f2 ae", "ax=33 di=2000 cx=ffffffff @2000=11223344",
		"di=2003 cx=fffffffc fl=46" },
	      { 'p', "f3 ae", "ax=11 di=2000 cx=10 @2000=11111311", "di=2003 cx=d fl=93" },
	      { 'p', "f2 af", "fl=402 ax=5 di=2008 cx=3 @2000=050000000600000007000000",
		"di=1ffc cx=0 fl=446" },
	      { 'p', "f3 a7", "si=2000 di=3000 cx=4 @2000=01000000ff000000 @3000=0100000001000000",
		"si=2008 di=3008 cx=2 fl=2" },
	      { 'p', "f2 a6", "si=2000 di=3000 cx=4 @2000=0102 @3000=0202",
		"si=2002 di=3002 cx=2 fl=46" },
	      { 'p', "a6", "si=2000 di=3000 cx=4 @2000=01 @3000=02", "si=2001 di=3001 fl=97" },
	      { 'p', "f2 ae", "di=2000 cx=0 fl=8d7", "" }, { 'p', "f3 ac", "si=2000 cx=0", "" },
	      { 'l', "f3 48 ad", "si=2000 cx=2 @2008=0100000000000000", "ax=1 si=2010 cx=0" });
}

static void single_steps_see_each_round(void)
{
	CASES({ 'p', "f3 aa", "fl=102 ax=1 di=2000 cx=2",
		"di=2001 cx=1 ip=1000 fl=10102 @2000=01" },
	      { 'p', "f3 aa", "fl=102 ax=1 di=2000 cx=1", "di=2001 cx=0 @2000=01" });
}

/* RF says so: SDM 3B 17.3.1.1. */
static void a_breakpoint_is_met_once_for_all_rounds(void)
{
	rig_load('p', "f3 aa", "di=2000 cx=2000");
	R.cpu.dr[7] = 1;
	R.cpu.attention = ATT_INTR;
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(R.cpu.rip, CODE);
	CHECK_EQ(flags_get(&R.cpu), 2 | FL_RF);
	while (R.cpu.rip == CODE)
		CHECK_EQ(rig_step(), -1);
	CHECK_EQ(flags_get(&R.cpu), 2);
}

static void a_long_string_comes_back_between_pages_where_something_waits(void)
{
	unsigned rounds = 0;

	rig_load('p', "f3 aa", "ax=77 di=11008 cx=8000");
	R.cpu.attention = ATT_INTR;
	while (R.cpu.rip == CODE && rounds < 100) {
		CHECK_EQ(rig_step(), -1);
		rounds++;
	}
	CHECK(rounds >= 8 && rounds < 20);
	CHECK_EQ(R.cpu.gpr[R_DI], 0x19008);
	CHECK_EQ(R.cpu.gpr[R_CX], 0);
	CHECK_EQ(flags_get(&R.cpu), 2);
	for (unsigned n = 0; n < 0x8000; n++)
		CHECK_EQ(R.mem[0x11008 + n], 0x77);
	CHECK_EQ(R.mem[0x11007], 0xee);
	CHECK_EQ(R.mem[0x19008], 0xee);
	/* And sooner where it goes one by one. */
	rig_load('p', "f3 aa", "di=d000 cx=800");
	R.cpu.attention = 0;
	CHECK_EQ(rig_step(), -1);
	CHECK(R.cpu.gpr[R_CX] && R.cpu.gpr[R_CX] <= 0x800 - 512);
}

static u64 random_state = 1;

static u64 rnd(u64 limit)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % limit;
}

struct string_case {
	char mode;
	u8 code[4];
	u64 gpr[N_GPRS], flags;
};

/* Run it to its end or fault, with or without host pointers. */
static int run_string(bool slow, const struct string_case *t)
{
	int vector = -1;

	rig_mode(t->mode);
	R.cpu.rflags |= t->flags;
	memcpy(R.cpu.gpr, t->gpr, sizeof(t->gpr));
	for (unsigned n = 0; n < MEM; n++)
		R.mem[n] = (u8)(n >> 4 & 3);
	R.all_slow = slow;
	CHECK(decode(&R.insn, t->code, sizeof(t->code), (enum cpu_mode)R.cpu.mode) > 0);
	while (vector < 0 && R.cpu.rip == CODE)
		vector = rig_run();
	return vector;
}

static void random_string(struct string_case *t)
{
	static const u8 ops[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
	u64 base = rnd(2) ? 0x6000 : 0xfe00;

	*t = (struct string_case){
		.mode = "rhpml"[rnd(5)],
		.code = { rnd(3) ? 0x26 : 0x67, rnd(2) ? 0xf2 : 0xf3, rnd(2) ? 0x66 : 0x26,
			  ops[rnd(sizeof(ops))] },
		.flags = rnd(2) ? FL_DF : 0,
	};
	t->gpr[R_SI] = base + rnd(0x1100);
	t->gpr[R_DI] = rnd(2) ? t->gpr[R_SI] + rnd(32) - 16 : base + rnd(0x3100);
	t->gpr[R_CX] = rnd(4) ? rnd(64) : rnd(0x1400);
	t->gpr[R_AX] = rnd(4) * 0x0101010101010101ull;
}

static void whole_pages_give_what_single_elements_give(void)
{
	static struct soft_cpu slow;
	struct string_case t;

	for (unsigned n = 0; n < 6000; n++) {
		int vector;

		random_string(&t);
		vector = run_string(true, &t);
		slow = R.cpu;
		memcpy(E.mem, R.mem, MEM);
		CHECK_EQ(run_string(false, &t), vector);
		CHECK(!memcmp(slow.gpr, R.cpu.gpr, sizeof(slow.gpr)));
		CHECK_EQ(flags_get(&slow), flags_get(&R.cpu));
		CHECK_EQ(slow.rip, R.cpu.rip);
		CHECK(!memcmp(E.mem, R.mem, MEM));
	}
}

/* ---- ports ---- */

struct port_device {
	unsigned reads, writes;
	u64 last;
	u32 attention_at; /* after so many accesses something is wanted */
};
static struct port_device P;

static void count_access(void)
{
	if (P.reads + P.writes == P.attention_at)
		R.cpu.attention = ATT_INTR;
}

static u64 port_in(void *dev, u64 off, unsigned size)
{
	P.reads++;
	count_access();
	return 0x11223300 + P.reads;
}

static void port_out(void *dev, u64 off, unsigned size, u64 val)
{
	P.writes++;
	P.last = val;
	count_access();
}

static const struct io_ops port_ops = { .read = port_in, .write = port_out };
static struct io_window port_window = {
	.ops = &port_ops,
	.base = 0x60,
	.len = 0x20,
	.space = IO_PORT,
};

static void ports_begin(void)
{
	CHECK_EQ(machine_create(&rig_machine, clock_create_manual(), NULL), 0);
	machine_lock(rig_machine);
	CHECK_EQ(io_map(rig_machine, &port_window, NULL), 0);
	machine_unlock(rig_machine);
}

static int port_step(const char *code, const char *in)
{
	P.reads = P.writes = 0;
	rig_load('p', code, in);
	return rig_step();
}

static void in_and_out_reach_the_device(void)
{
	CHECK_EQ(port_step("e4 60", "ax=ffffffff"), -1);
	CHECK_EQ(R.cpu.gpr[R_AX], 0xffffff01);
	CHECK_EQ(R.parked, 1);
	CHECK_EQ(R.checked, 1);
	CHECK_EQ(R.cpu.base.exits[EXIT_PORT_READ], 1);
	CHECK_EQ(port_step("ed", "dx=ffff0060 ax=ffffffffffffffff"), -1);
	CHECK_EQ(R.cpu.gpr[R_AX], 0x11223301);
	CHECK_EQ(port_step("66 ef", "dx=60 ax=12345678"), -1);
	CHECK_EQ(P.last, 0x5678);
	CHECK_EQ(R.cpu.base.exits[EXIT_PORT_WRITE], 1);
	CHECK_EQ(port_step("e6 66", "ax=1"), VEC_GP);
	CHECK_EQ(P.writes, 0);
	CHECK_EQ(port_step("e6 77", "ax=1"), -1);
	CHECK_EQ(R.cpu.trap_dr6, 1);
}

static void a_string_of_ports_goes_page_by_page(void)
{
	CHECK_EQ(port_step("f3 6d", "dx=60 di=affc cx=2"), VEC_PF);
	CHECK_EQ(P.reads, 1);
	CHECK_EQ(R.cpu.gpr[R_DI], 0xb000);
	CHECK_EQ(R.cpu.gpr[R_CX], 1);
	CHECK_EQ(port_step("f3 6c", "fl=402 dx=60 di=2003 cx=4"), -1);
	CHECK(!memcmp(R.mem + 0x2000, "\4\3\2\1", 4));
	CHECK_EQ(R.cpu.gpr[R_DI], 0x1fff);
	CHECK_EQ(R.cpu.base.exits[EXIT_PORT_READ], 1);
	CHECK_EQ(port_step("f3 6e", "dx=60 si=cffe cx=4 @cffe=01020304"), -1);
	CHECK_EQ(P.writes, 4);
	CHECK_EQ(P.last, 4);
	CHECK_EQ(port_step("f3 6e", "dx=60 si=9000 cx=4"), VEC_PF);
	CHECK_EQ(port_step("f3 6e", "dx=60 si=9000 cx=0"), -1);
	CHECK_EQ(port_step("f3 6e", "dx=66 si=9000 cx=0"), VEC_GP);
	CHECK_EQ(port_step("f3 6e", "dx=66 si=2000 cx=1"), VEC_GP);
	CHECK_EQ(port_step("6c", "dx=60 di=b000"), VEC_PF);
	CHECK_EQ(P.reads, 0);
}

static void what_a_port_leads_to_comes_before_the_next_access(void)
{
	P.attention_at = 3;
	CHECK_EQ(port_step("f3 6e", "dx=60 si=2000 cx=10"), -1);
	CHECK_EQ(P.writes, 3);
	P.attention_at = 0;
}

/* A REP that comes back early is met again; one breakpoint on a port is met after each round. */
static void breakpoints_on_ports_are_met_each_round(void)
{
	P.reads = 0;
	rig_load('p', "f3 6c", "dx=77 di=2000 cx=4 cr4=8");
	R.cpu.dr[7] = 1;
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(P.reads, 1);
	CHECK_EQ(R.cpu.trap_dr6, 1);
	CHECK_EQ(R.cpu.rip, CODE);
	CHECK_EQ(R.cpu.gpr[R_CX], 3);
}

/* ---- exec_check() ---- */

static int checked(void)
{
	struct soft_cpu *c = &R.cpu;

	CHECK(decode(&R.insn, R.mem + CODE, 15, (enum cpu_mode)c->mode) > 0);
	if (jump_set(&c->jump) == 0) {
		exec_check(c, &R.insn);
		return -1;
	}
	return c->event.vector;
}

static void features_that_are_not_there_are_undefined(void)
{
	rig_load('p', "0f 38 f0 03", "");
	R.cpu.has[FEATURE_MOVBE] = 0;
	CHECK_EQ(checked(), VEC_UD);
	rig_load('l', "9f", "");
	R.cpu.has[FEATURE_LAHF] = 0;
	CHECK_EQ(checked(), VEC_UD);
	rig_load('p', "9f", "");
	R.cpu.has[FEATURE_LAHF] = 0;
	CHECK_EQ(checked(), -1);
	/* F3 is for BSF and BSR of no account. */
	rig_load('p', "f3 0f bd c3", "bx=100");
	R.cpu.has[FEATURE_LZCNT] = 0;
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(R.cpu.gpr[R_AX], 8);
	rig_load('p', "f3 0f bc c3", "ax=7 bx=0");
	R.cpu.has[FEATURE_BMI1] = 0;
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(R.cpu.gpr[R_AX], 7);
}

struct check_case {
	char mode;
	const char *code, *in;
	u64 rflags, xcr0;
	int vector;
};

static void what_may_run_where(void)
{
	static const struct check_case t[] = {
		{ 'l', "f4", "", 0, 0, VEC_GP },
		{ 'k', "f4", "", 0, 0, -1 },
		{ 'r', "f4", "", 0, 0, -1 },
		{ 'v', "f4", "", FL_IOPL, 0, VEC_GP },
		{ 'q', "fa", "", 0, 0, VEC_GP },
		{ 'q', "fa", "", FL_IOPL, 0, -1 },
		{ 'q', "fa", "cr4=2", 0, 0, -1 },
		{ 'v', "fb", "", 0, 0, VEC_GP },
		{ 'v', "fb", "", FL_IOPL, 0, -1 },
		{ 'v', "fb", "cr4=1", 0, 0, -1 },
		{ 'v', "fb", "cr4=2", 0, 0, VEC_GP },
		{ 'v', "0f 00 c0", "", 0, 0, VEC_UD }, /* SLDT */
		{ 'r', "0f 00 d0", "", 0, 0, VEC_UD }, /* LLDT: before privilege */
		{ 'q', "0f 00 d0", "", 0, 0, VEC_GP },
		{ 'q', "0f 00 c0", "", 0, 0, -1 },
		{ 'q', "0f 00 c0", "cr4=800", 0, 0, VEC_GP },
		{ 'p', "0f 00 c0", "cr4=800", 0, 0, -1 },
		{ 'v', "0f 01 e0", "cr4=800", 0, 0, VEC_GP }, /* SMSW */
		{ 'r', "c4 e2 78 f2 c3", "", 0, 0, VEC_UD },  /* ANDN */
		{ 'v', "c4 e2 78 f2 c3", "", 0, 0, VEC_UD },
		{ 'h', "c4 e2 78 f2 c3", "", 0, 0, -1 },
		{ 'p', "c5 f8 57 c0", "", 0, 7, VEC_UD }, /* VXORPS */
		{ 'p', "c5 f8 57 c0", "cr4=40000", 0, 3, VEC_UD },
		{ 'p', "c5 f8 57 c0", "cr4=40000", 0, 7, -1 },
		{ 'r', "c5 f8 57 c0", "cr4=40000", 0, 7, VEC_UD },
		{ 'l', "c5 f8 90 c1", "cr4=40000", 0, 7, VEC_UD }, /* KMOVW */
		{ 'l', "c5 f8 90 c1", "cr4=40000", 0, 0xe7, -1 },
		{ 'l', "62 f1 7c 48 57 c0", "cr4=40000", 0, 7, VEC_UD },
		{ 'l', "62 f1 7c 48 57 c0", "cr4=40000", 0, 0xe7, -1 },
		{ 'l', "0f c7 2f", "", 0, 0, VEC_UD }, /* XSAVES without CR4.OSXSAVE */
		{ 'l', "0f c7 2f", "cr4=40000", 0, 0, VEC_GP },
		{ 'l', "0f 07", "", 0, 0, VEC_UD }, /* SYSRET without EFER.SCE */
	};

	for (unsigned n = 0; n < ARRAY_LEN(t); n++) {
		rig_load(t[n].mode, t[n].code, t[n].in);
		R.cpu.rflags |= t[n].rflags;
		R.cpu.xcr0 = t[n].xcr0;
		if (checked() != t[n].vector)
			fprintf(stderr, "mode %c: %s, case %u\n", t[n].mode, t[n].code, n);
		CHECK_EQ(checked(), t[n].vector);
	}
}

static void random_numbers_are_there(void)
{
	rig_load('l', "48 0f c7 f0", "fl=8d6");
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(flags_get(&R.cpu), 3);
	CHECK(R.cpu.gpr[R_AX] != 0);
	rig_load('l', "66 0f c7 f8", "ax=1111111111110000");
	CHECK_EQ(rig_step(), -1);
	CHECK_EQ(R.cpu.gpr[R_AX] >> 16, 0x111111111111);
}

#define EIGHT_BYTES "eeeeeeeeeeeeeeee"
#define SIXTY_FOUR_BYTES                                                                           \
	EIGHT_BYTES EIGHT_BYTES EIGHT_BYTES EIGHT_BYTES EIGHT_BYTES EIGHT_BYTES EIGHT_BYTES        \
		EIGHT_BYTES

static void hints_and_caches(void)
{
	CASES({ 'p', "0f 0d 0d 00 90 00 00", "", "" }, { 'p', "0f ae 3b", "bx=2000", "" },
	      { 'q', "0f ae 3b", "bx=9000", "v=e:4" }, { 'r', "0f ae 3f", "bx=ffff", "" },
	      { 'p', "66 0f ae 3b", "bx=b000", "" }, { 'p', "f3 0f 1e fa", "", "" },
	      { 'p', "0f 1f 00", "ax=9000", "" }, { 'p', "f3 90", "", "" },
	      { 'p', "0f c3 03", "ax=12345678 bx=2000", "@2000=78563412" },
	      { 'p', "66 0f 38 f8 03", "ax=2040 bx=3000", "@2040=" SIXTY_FOUR_BYTES },
	      { 'p', "66 0f 38 f8 03", "ax=2020 bx=3000", "v=d:0" },
	      { 'p', "66 0f 38 f8 03", "ax=9000 bx=3000", "v=e:2" });
}

int main(void)
{
	RUN(decimal_adjustment_is_as_in_the_manual);
	RUN(division_overflow_is_an_error);
	RUN(counts_are_cut_as_the_processor_does);
	RUN(bit_numbers_reach_beyond_the_operand);
	RUN(instructions_with_a_flag_for_their_source);
	RUN(carries_of_their_own);
	RUN(crc32_has_the_well_known_check_value);
	RUN(sixteen_bit_addresses_wrap_and_operands_do_not);
	RUN(a_false_condition_still_reads_and_clears);
	RUN(byte_order_and_extension);
	RUN(exchanges);
	RUN(a_fault_changes_nothing);
	RUN(memory_without_a_pointer_works_as_any);
	RUN(the_stack_pointer_as_an_operand);
	RUN(all_registers_at_once);
	RUN(frames);
	RUN(flags_and_privilege);
	RUN(flags_in_virtual_8086_mode);
	RUN(targets_are_cut_and_checked);
	RUN(calls_check_stack_and_target_before_they_write);
	RUN(returns);
	RUN(counters_have_the_size_of_addresses);
	RUN(bounds);
	RUN(strings_wrap_with_the_address_size);
	RUN(overlapping_strings_are_copied_one_by_one);
	RUN(a_fault_in_the_middle_keeps_what_was_done);
	RUN(going_down_the_first_element_faults_first);
	RUN(conditions_end_a_repetition);
	RUN(single_steps_see_each_round);
	RUN(a_breakpoint_is_met_once_for_all_rounds);
	RUN(a_long_string_comes_back_between_pages_where_something_waits);
	RUN(whole_pages_give_what_single_elements_give);
	ports_begin();
	RUN(in_and_out_reach_the_device);
	RUN(a_string_of_ports_goes_page_by_page);
	RUN(what_a_port_leads_to_comes_before_the_next_access);
	RUN(breakpoints_on_ports_are_met_each_round);
	machine_destroy(rig_machine);
	rig_machine = NULL;
	RUN(features_that_are_not_there_are_undefined);
	RUN(what_may_run_where);
	RUN(random_numbers_are_there);
	RUN(hints_and_caches);
	return 0;
}
