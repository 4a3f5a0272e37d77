/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine code that we write, and the floating point exceptions that it raises. */
#include "plat/code.h"
#include "plat/fault.h"
#include "plat/thread.h"
#include "test.h"

typedef int(__attribute__((ms_abi)) * code_fn)(const void *arg);

static struct code_map code;

static const u8 *add_code(size_t at, const void *bytes, size_t n)
{
	memcpy(code.write + at, bytes, n);
	return code.exec + at;
}

static int call(const u8 *at, const void *arg)
{
	return ((code_fn)(uintptr_t)at)(arg);
}

static void what_is_written_at_one_address_runs_at_the_other(void)
{
	static const u8 seven[] = { 0xb8, 7, 0, 0, 0, 0xc3 }; /* mov eax, 7; ret */
	static const u8 eight[] = { 0xb8, 8, 0, 0, 0, 0xc3 };
	struct error err = { 0 };

	CHECK_EQ(code_map_create(&code, 65536, "test-code", &err), 0);
	CHECK(code.write != code.exec);
	CHECK_EQ(code.exec[65535], 0);
	CHECK_EQ(call(add_code(0, seven, sizeof(seven)), NULL), 7);
	CHECK_EQ(call(add_code(4096, eight, sizeof(eight)), NULL), 8);
}

enum { RESUME = 0, DIVIDE = 64, X87 = 128, END = 4096 };

/* ldmxcsr [rcx]; xorps xmm0, xmm0; xorps xmm1, xmm1; divps xmm0, xmm1; xor eax, eax; ret */
static const u8 divide[] = { 0x0f, 0xae, 0x11, 0x0f, 0x57, 0xc0, 0x0f, 0x57,
			     0xc9, 0x0f, 0x5e, 0xc1, 0x31, 0xc0, 0xc3 };
/* fninit; fldcw [rcx]; fldz; fldz; fdivp; fwait; xor eax, eax; ret */
static const u8 x87[] = { 0xdb, 0xe3, 0xd9, 0x29, 0xd9, 0xee, 0xd9,
			  0xee, 0xde, 0xf9, 0x9b, 0x31, 0xc0, 0xc3 };
static const u8 resume[] = { 0xb8, 1, 0, 0, 0, 0xc3 };

static void set_mxcsr(u32 v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v));
}

static void divide_and_return(void *arg)
{
	const struct fault_area *area = arg;
	const u32 all_masked = 0x1f80, invalid = 0x1f00;
	const u16 cw_masked = 0x37f, cw_invalid = 0x37e;
	u32 mxcsr;
	u16 sw;

	fault_guard(area);
	for (unsigned n = 0; n < 1000; n++) {
		CHECK_EQ(call(code.exec + DIVIDE, &all_masked), 0);
		CHECK_EQ(call(code.exec + DIVIDE, &invalid), 1);
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		CHECK_EQ(mxcsr, 0x1f01);
		CHECK_EQ(fault_last(), FAULT_SIMD);
		set_mxcsr(all_masked);
		CHECK_EQ(call(code.exec + X87, &cw_masked), 0);
		CHECK_EQ(call(code.exec + X87, &cw_invalid), 1);
		__asm__ volatile("fnstsw %0\n\tfninit" : "=m"(sw));
		CHECK_EQ(sw & 0xff, 0x81);
		CHECK_EQ(fault_last(), FAULT_X87);
	}
	fault_guard(NULL);
}

static void exceptions_leave_guarded_code_and_keep_their_flags(void)
{
	struct fault_area area = { code.exec, code.exec + END, code.exec + RESUME };
	struct error err = { 0 };

	CHECK_EQ(fault_init(&err), 0);
	CHECK_EQ(fault_init(&err), 0);
	add_code(RESUME, resume, sizeof(resume));
	add_code(DIVIDE, divide, sizeof(divide));
	add_code(X87, x87, sizeof(x87));
	divide_and_return(&area);
}

static void each_thread_guards_for_itself(void)
{
	struct fault_area area = { code.exec, code.exec + END, code.exec + RESUME };
	struct thread *t[3];
	struct error err = { 0 };

	for (unsigned n = 0; n < ARRAY_LEN(t); n++)
		CHECK_EQ(thread_start(&t[n], "guarded", divide_and_return, &area, &err), 0);
	for (unsigned n = 0; n < ARRAY_LEN(t); n++)
		thread_join(t[n]);
	code_map_destroy(&code);
	code_map_destroy(&code);
}

int main(void)
{
	RUN(what_is_written_at_one_address_runs_at_the_other);
	RUN(exceptions_leave_guarded_code_and_keep_their_flags);
	RUN(each_thread_guards_for_itself);
	return 0;
}
