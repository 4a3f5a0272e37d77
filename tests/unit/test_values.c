/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language of option values: pairs, quotes, brackets, toggles, sizes, lists. */
#include <errno.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/values.h"
#include "test.h"

static const char *split(const char *text)
{
	static char out[512];
	struct error err;
	struct pairs p;
	size_t len = 0;

	if (pairs_split(&p, text, &err) < 0) {
		pairs_finish(&p);
		return "error";
	}
	out[0] = '\0';
	for (unsigned i = 0; i < p.n; i++)
		len += (size_t)snprintf(out + len, sizeof(out) - len, "<%s|%s>", p.at[i].key,
					p.at[i].value ? p.at[i].value : "none");
	pairs_finish(&p);
	return out;
}

static void pairs_are_split_at_commas_that_nothing_protects(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "   ", "" },
		{ "size=4G", "<size|4G>" },
		{ "tty", "<tty|none>" },
		{ "tap=", "<tap|>" },
		{ "path=a,readonly=on", "<path|a><readonly|on>" },
		{ "path=\"a,b\",id=x", "<path|a,b><id|x>" },
		{ "path=a\",\"b", "<path|a,b>" },
		{ "path=a=b", "<path|a=b>" },
		{ "path=\"\"", "<path|>" },
		{ "path=\" a \"", "<path| a >" },
		{ " path = a b ,id=x", "<path|a b><id|x>" },
		{ "affinity=[0@[1,2],1@[3]],boot=2", "<affinity|[0@[1,2],1@[3]]><boot|2>" },
		{ "oem=[\"a,]\",b],x=1", "<oem|[\"a,]\",b]><x|1>" },
		{ "\"a,b\"=c", "<a,b|c>" },
		{ "a=1,", "error" },
		{ ",a=1", "error" },
		{ "a=1,,b=2", "error" },
		{ "=1", "error" },
		{ "a=[1,2", "error" },
		{ "a=1]", "error" },
		{ "a=\"1", "error" },
		{ "a=]1[", "error" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		if (strcmp(split(cases[i].text), cases[i].want) != 0)
			fprintf(stderr, "%s: %s\n", cases[i].text, split(cases[i].text));
		CHECK(strcmp(split(cases[i].text), cases[i].want) == 0);
	}
}

static void more_pairs_than_any_option_has_are_refused(void)
{
	char text[4 * (PAIRS_MAX + 1) + 1] = "";
	struct error err;
	struct pairs p;

	for (unsigned i = 0; i <= PAIRS_MAX; i++)
		memcpy(text + 4 * i, i < PAIRS_MAX ? "a=1," : "a=1", 4);
	CHECK(pairs_split(&p, text, &err) < 0);
	CHECK(strstr(err.msg, "more than"));
	pairs_finish(&p);
	text[4 * PAIRS_MAX - 1] = '\0';
	CHECK(pairs_split(&p, text, &err) == 0);
	CHECK_EQ(p.n, PAIRS_MAX);
	pairs_finish(&p);
}

static void an_empty_value_counts_as_not_given(void)
{
	struct pairs p;

	CHECK(pairs_split(&p, "tap=,mac=x,tty", NULL) == 0);
	CHECK(!pairs_get(&p, "tap"));
	CHECK(!pairs_get(&p, "tty"));
	CHECK(!pairs_get(&p, "ip"));
	CHECK(strcmp(pairs_get(&p, "mac"), "x") == 0);
	pairs_finish(&p);
}

static void toggles_are_on_off_true_false_in_any_case(void)
{
	static const char *const good[] = { "on", "ON", "true", "True", "off", "Off", "FALSE", "" };
	static const char *const bad[] = { "yes", "1", "o", "onn", "tru", " on" };
	struct error err;
	bool on;

	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(toggle_parse(&on, good[i], &err) == 0);
		CHECK_EQ(on, i < 4);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(toggle_parse(&on, bad[i], &err) < 0);
}

static void sizes_have_binary_suffixes(void)
{
	struct error err;
	u64 n = 7;

	CHECK(size_parse(&n, "4G", &err) == 0 && n == GIB(4));
	CHECK(size_parse(&n, "512M", &err) == 0 && n == MIB(512));
	CHECK(size_parse(&n, "1k", &err) == 0 && n == 1024);
	CHECK(size_parse(&n, "65536", &err) == 0 && n == 65536);
	n = 7;
	CHECK(size_parse(&n, "4GiB", &err) < 0 && strstr(err.msg, "for example 4G"));
	CHECK(size_parse(&n, "1.5G", &err) < 0);
	CHECK(size_parse(&n, "-1", &err) < 0);
	CHECK(size_parse(&n, "G", &err) < 0);
	CHECK(size_parse(&n, "99999999999G", &err) < 0);
	CHECK(size_parse(&n, "18446744073709551616", &err) < 0);
	CHECK_EQ(n, 7);
}

static void numbers_keep_to_their_range(void)
{
	struct error err;
	u64 n = 7;

	CHECK(number_parse(&n, "0x402", 0, 0xffff, &err) == 0 && n == 0x402);
	CHECK(number_parse(&n, "0", 1, 8, &err) < 0 && strstr(err.msg, "1 to 8"));
	CHECK(number_parse(&n, "9", 1, 8, &err) < 0);
	CHECK(number_parse(&n, "8x", 1, 8, &err) < 0);
	CHECK(number_parse(&n, "", 0, 8, &err) < 0);
	CHECK_EQ(n, 0x402);
}

static void integer_lists_hold_numbers_and_rising_ranges(void)
{
	static const char *const bad[] = { "[]",       "[1,]",  "[2-2]", "[3-1]", "[1-2-3]",
					   "a",        "[1,2",  "1]",    "[-1]",  "[1-]",
					   "[0-2000]", "[0],1", "[[1]]", "",      "[1 2]" };
	struct error err;
	struct ints l;

	CHECK(ints_parse(&l, "[0,2-4,6]", &err) == 0);
	CHECK(l.n == 5 && l.at[0] == 0 && l.at[1] == 2 && l.at[3] == 4 && l.at[4] == 6);
	CHECK(ints_parse(&l, "7", &err) == 0 && l.n == 1 && l.at[0] == 7);
	CHECK(ints_parse(&l, "1,2", &err) == 0 && l.n == 2);
	CHECK(ints_parse(&l, "[ 1 , 2 ]", &err) == 0 && l.n == 2);
	CHECK(ints_parse(&l, "[0-1023]", &err) == 0 && l.n == INTS_MAX);
	CHECK(ints_parse(&l, "[0-1023,5]", &err) < 0);
	CHECK(ints_parse(&l, "[0-18446744073709551615]", &err) < 0);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(ints_parse(&l, bad[i], &err) < 0);
}

static int sum_tuples(void *arg, u64 left, const struct ints *right)
{
	u64 *sum = arg;

	for (unsigned i = 0; i < right->n; i++)
		*sum += (left + 1) * right->at[i];
	return left == 99 ? -EINVAL : 0;
}

static void tuple_lists_pair_a_number_with_a_list(void)
{
	static const char *const bad[] = { "[0]", "[0@]",     "[@1]",    "[0@1@2]",
					   "a@1", "[0@[1,2]", "0@[2-1]", "" };
	struct error err;
	u64 sum = 0;

	CHECK(tuples_parse("[0@[2,3],1@[0-1]]", sum_tuples, &sum, &err) == 0);
	CHECK_EQ(sum, 2 + 3 + 2 * (0 + 1));
	CHECK(tuples_parse("[0@20,1@10]", NULL, NULL, &err) == 0);
	CHECK(tuples_parse("3@[1]", NULL, NULL, &err) == 0);
	CHECK(tuples_parse("[99@1,1@100]", sum_tuples, &sum, &err) == -EINVAL);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(tuples_parse(bad[i], NULL, NULL, &err) < 0);
}

static void word_lists_keep_quoted_commas(void)
{
	struct error err;
	char **w;

	CHECK(words_parse(&w, "[one,\"two, three\",f=4]", &err) == 0);
	CHECK(!strcmp(w[0], "one") && !strcmp(w[1], "two, three") && !strcmp(w[2], "f=4"));
	CHECK(!w[3]);
	words_free(w);
	CHECK(words_parse(&w, "alone", &err) == 0 && !strcmp(w[0], "alone") && !w[1]);
	words_free(w);
	CHECK(words_parse(&w, "[a,,b]", &err) < 0);
	CHECK(words_parse(&w, "[]", &err) < 0);
	words_free(NULL);
}

static void addresses_are_checked(void)
{
	CHECK(mac_is_valid("52:54:00:12:34:Ff"));
	CHECK(!mac_is_valid("52:54:00:12:34"));
	CHECK(!mac_is_valid("52:54:00:12:34:56:"));
	CHECK(!mac_is_valid("52-54-00-12-34-56"));
	CHECK(!mac_is_valid(""));
	CHECK(ipv4_is_valid("192.168.249.1"));
	CHECK(!ipv4_is_valid("192.168.249"));
	CHECK(!ipv4_is_valid("192.168.249.256"));
	CHECK(!ipv4_is_valid("192.168.249.1.1"));
	CHECK(!ipv4_is_valid("1.2.3."));
	CHECK(!ipv4_is_valid(""));
}

int main(void)
{
	RUN(pairs_are_split_at_commas_that_nothing_protects);
	RUN(more_pairs_than_any_option_has_are_refused);
	RUN(an_empty_value_counts_as_not_given);
	RUN(toggles_are_on_off_true_false_in_any_case);
	RUN(sizes_have_binary_suffixes);
	RUN(numbers_keep_to_their_range);
	RUN(integer_lists_hold_numbers_and_rising_ranges);
	RUN(tuple_lists_pair_a_number_with_a_list);
	RUN(word_lists_keep_quoted_commas);
	RUN(addresses_are_checked);
	return 0;
}
