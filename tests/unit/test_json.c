/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON text read piece by piece: well-formed, odd and broken. */
#include "base/json.h"
#include "test.h"

static struct json j;

static void begin(const char *text)
{
	json_begin(&j, text, strlen(text));
}

static void members_and_elements_come_one_by_one(void)
{
	char key[16], text[16];

	begin(" {\"a\":1,\"b\" : [ 2 , -3,\"0xff\"], \"c\":\"x\\n\\u00e9\", \"d\":true,\"e\":{}} ");
	CHECK(json_object(&j));
	CHECK(json_key(&j, key, sizeof(key)) && !strcmp(key, "a"));
	CHECK_EQ(json_u64(&j), 1);
	CHECK(json_key(&j, key, sizeof(key)) && !strcmp(key, "b"));
	CHECK(json_array(&j) && json_item(&j));
	CHECK_EQ(json_u64(&j), 2);
	CHECK(json_item(&j));
	CHECK_EQ(json_u64(&j), (u64)-3);
	CHECK(json_item(&j));
	CHECK_EQ(json_u64(&j), 255);
	CHECK(!json_item(&j));
	CHECK(json_key(&j, key, sizeof(key)) && !strcmp(key, "c"));
	json_text(&j, text, sizeof(text));
	CHECK(!strcmp(text, "x\n\xc3\xa9"));
	CHECK(json_key(&j, key, sizeof(key)) && json_bool(&j));
	CHECK(json_key(&j, key, sizeof(key)) && !strcmp(key, "e"));
	CHECK(json_object(&j) && !json_key(&j, key, sizeof(key)));
	CHECK(!json_key(&j, key, sizeof(key)));
	CHECK(!j.wrong && json_peek(&j) == JSON_END);
}

static void what_nobody_wants_is_skipped(void)
{
	char key[8];

	begin("{\"x\":[[1,{\"y\":[]}],\"]}\",null,-1.5e+3,[],{}],\"z\":7}");
	CHECK(json_object(&j) && json_key(&j, key, sizeof(key)));
	json_skip(&j);
	CHECK(json_key(&j, key, sizeof(key)) && !strcmp(key, "z"));
	json_skip(&j);
	CHECK(!json_key(&j, key, sizeof(key)) && !j.wrong);
	begin("[1,2] {} 3");
	json_skip(&j);
	CHECK_EQ(json_peek(&j), JSON_OBJECT);
	json_skip(&j);
	CHECK_EQ(json_u64(&j), 3);
	CHECK_EQ(json_peek(&j), JSON_END);
}

static void numbers_are_integers_of_64_bits(void)
{
	static const char *const bad[] = {
		"1.5",    "1e3", "18446744073709551616",    "\"0x\"", "\"\"",
		"\"1x\"", "-",   "\"0x10000000000000000\"", "true",   "[1]"
	};

	begin("18446744073709551615");
	CHECK_EQ(json_u64(&j), ~0ull);
	begin("\"0xFFFFffffFFFFffff\"");
	CHECK_EQ(json_u64(&j), ~0ull);
	CHECK(!j.wrong);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		begin(bad[i]);
		json_u64(&j);
		CHECK(j.wrong);
	}
}

static void broken_text_is_wrong_and_ends(void)
{
	static const char *const bad[] = {
		"{",
		"[",
		"[1",
		"[1 2]",
		"[1,]",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"\"x",
		"\"\\q\"",
		"\"\\u12\"",
		"[,1]",
		"{\"a\":1,}",
		"nul",
		"tru",
		"}",
		"{\"a\":1 \"b\":2}",
	};

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		begin(bad[i]);
		json_skip(&j);
		CHECK(j.wrong);
		CHECK_EQ(json_peek(&j), JSON_END);
		CHECK(!json_item(&j) && !json_array(&j));
	}
}

static void depth_is_bounded(void)
{
	char deep[2 * JSON_DEPTH];

	memset(deep, '[', sizeof(deep));
	json_begin(&j, deep, sizeof(deep));
	json_skip(&j);
	CHECK(j.wrong && j.depth < JSON_DEPTH);
	memset(deep + JSON_DEPTH - 1, ']', JSON_DEPTH - 1);
	json_begin(&j, deep, 2 * (JSON_DEPTH - 1));
	json_skip(&j);
	CHECK(!j.wrong && j.depth == 0);
}

static void long_texts_are_cut(void)
{
	char text[4];

	begin("\"abcdef\" 1");
	json_text(&j, text, sizeof(text));
	CHECK(!strcmp(text, "abc"));
	CHECK_EQ(json_u64(&j), 1);
}

static void the_line_of_a_fault_is_known(void)
{
	begin("[\n1,\n\n x]");
	json_skip(&j);
	CHECK_EQ(json_line(&j), 4);
}

int main(void)
{
	RUN(members_and_elements_come_one_by_one);
	RUN(what_nobody_wants_is_skipped);
	RUN(numbers_are_integers_of_64_bits);
	RUN(broken_text_is_wrong_and_ends);
	RUN(depth_is_bounded);
	RUN(long_texts_are_cut);
	RUN(the_line_of_a_fault_is_known);
	return 0;
}
