/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing text, numbers from text, and nearest words. */
#include "base/str.h"

#include <errno.h>

#include "base/alloc.h"
#include "test.h"

static void text_grows_past_every_size(void)
{
	struct str s = { 0 };

	for (unsigned i = 0; i < 5000; i++)
		str_add(&s, "%u,", i % 10);
	CHECK_EQ(s.len, 10000);
	CHECK_EQ(strlen(s.at), 10000);
	CHECK(!strncmp(s.at + 9994, "7,8,9,", 6));
	str_add_bytes(&s, "a\0b", 3);
	CHECK_EQ(s.len, 10003);
	CHECK_EQ(s.at[10002], 'b');
	CHECK_EQ(s.at[10003], 0);
	str_free(&s);
	CHECK(!s.at && !s.len && !s.cap);
	str_free(NULL);
}

static void nothing_added_is_still_a_string(void)
{
	struct str s = { 0 };

	str_add_bytes(&s, NULL, 0);
	CHECK(!strcmp(s.at, ""));
	str_add(&s, "%s", "");
	CHECK_EQ(s.len, 0);
	str_free(&s);
}

static void check_json(const char *text, const char *want)
{
	struct str s = { 0 };

	str_add_json(&s, text);
	if (strcmp(s.at, want))
		fprintf(stderr, "%s\n", s.at);
	CHECK(!strcmp(s.at, want));
	str_free(&s);
}

static void json_is_valid_whatever_the_bytes(void)
{
	check_json("", "\"\"");
	check_json("a\"b\\c/", "\"a\\\"b\\\\c/\"");
	check_json("\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"");
	check_json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		   "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* A lone tail, an overlong slash, a surrogate, beyond U+10FFFF, a cut character. */
	check_json("\x80", "\"\\ufffd\"");
	check_json("\xc0\xaf", "\"\\ufffd\\ufffd\"");
	check_json("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	check_json("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	check_json("x\xe2\x82", "\"x\\ufffd\\ufffd\"");
}

static void copies_are_cut_at_their_length(void)
{
	AUTO_FREE char *a = xstrdup("abc"), *b = xstrndup("abcdef", 2), *c = xstrndup("ab", 9);
	AUTO_FREE char *d = xasprintf("%s-%d", "x", 7);

	CHECK(!strcmp(a, "abc") && !strcmp(b, "ab") && !strcmp(c, "ab") && !strcmp(d, "x-7"));
}

static void check_u64(const char *s, int rc, u64 want)
{
	u64 v = 77;

	CHECK_EQ(parse_u64(&v, s), rc);
	CHECK_EQ(v, rc ? 77 : want);
}

static void numbers_are_whole_strings(void)
{
	check_u64("0", 0, 0);
	check_u64("18446744073709551615", 0, ~0ull);
	check_u64("18446744073709551616", -ERANGE, 0);
	check_u64("0xffffffffffffffff", 0, ~0ull);
	check_u64("0x10000000000000000", -ERANGE, 0);
	check_u64("0XaF", 0, 0xaf);
	check_u64("007", 0, 7);
	check_u64("", -EINVAL, 0);
	check_u64("0x", -EINVAL, 0);
	check_u64("0xg", -EINVAL, 0);
	check_u64(" 1", -EINVAL, 0);
	check_u64("+1", -EINVAL, 0);
	check_u64("-1", -EINVAL, 0);
	check_u64("1 ", -EINVAL, 0);
	check_u64("12a", -EINVAL, 0);
}

static void check_size(const char *s, int rc, u64 want)
{
	u64 v = 77;

	CHECK_EQ(parse_size(&v, s), rc);
	CHECK_EQ(v, rc ? 77 : want);
}

static void sizes_have_one_suffix(void)
{
	check_size("512", 0, 512);
	check_size("4K", 0, 4096);
	check_size("2g", 0, 2ull << 30);
	check_size("1T", 0, 1ull << 40);
	check_size("16777215T", 0, 16777215ull << 40);
	check_size("16777216T", -ERANGE, 0);
	check_size("1M1", -EINVAL, 0);
	check_size("1MB", -EINVAL, 0);
	check_size("G", -EINVAL, 0);
	check_size("1.5G", -EINVAL, 0);
	check_size("0x10", -EINVAL, 0);
	check_size("", -EINVAL, 0);
}

static void check_format(u64 bytes, const char *want)
{
	char buf[16];

	CHECK(format_size(buf, sizeof(buf), bytes) == buf);
	CHECK(!strcmp(buf, want));
}

static void sizes_are_said_in_binary_units(void)
{
	check_format(0, "0 B");
	check_format(1023, "1023 B");
	check_format(1024, "1 KiB");
	check_format(1536, "1.5 KiB");
	check_format(3ull << 30, "3 GiB");
	check_format((1ull << 20) - 1, "1 MiB");
	check_format(1126, "1.1 KiB");
	check_format(~0ull, "16 EiB");
}

static void the_nearest_word_is_found_or_none(void)
{
	static const char *const words[] = { "memory", "kernel", "disk", "serial",
					     "cpus",   "cpu",    "net",  NULL };

	CHECK(str_nearest("memory", words) == words[0]);
	CHECK(str_nearest("memroy", words) == words[0]);
	CHECK(str_nearest("MEMORI", words) == words[0]);
	CHECK(str_nearest("mem", words) == words[0]);
	CHECK(str_nearest("kernal", words) == words[1]);
	CHECK(str_nearest("dsik", words) == words[2]);
	CHECK(str_nearest("disks", words) == words[2]);
	CHECK(str_nearest("cpus", words) == words[4]);
	CHECK(str_nearest("nte", words) == words[6]);
	CHECK(!str_nearest("firmware", words));
	CHECK(!str_nearest("x", words));
	CHECK(!str_nearest("", words));
	CHECK(!str_nearest("a-word-that-is-much-longer-than-any-option-could-ever-be", words));
}

int main(void)
{
	RUN(text_grows_past_every_size);
	RUN(nothing_added_is_still_a_string);
	RUN(json_is_valid_whatever_the_bytes);
	RUN(copies_are_cut_at_their_length);
	RUN(numbers_are_whole_strings);
	RUN(sizes_have_one_suffix);
	RUN(sizes_are_said_in_binary_units);
	RUN(the_nearest_word_is_found_or_none);
	return 0;
}
