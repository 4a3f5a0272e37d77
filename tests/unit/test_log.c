/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages for people: which pass, and what a line looks like. */
#include "base/log.h"

#include <errno.h>

#include "plat/file.h"
#include "plat/thread.h"
#include "test.h"

static struct log_module alpha = { .name = "alpha" }, beta = { .name = "beta" };

struct capture {
	char path[64];
	u8 *text;
};

static void begin(struct capture *c)
{
	snprintf(c->path, sizeof(c->path), "oriel-test-log-%u.txt", thread_id());
	file_remove(c->path);
	c->text = NULL;
	CHECK(!log_to_file(c->path));
}

/* What was logged since begin(). */
static const char *end(struct capture *c)
{
	struct error err;
	size_t len;

	CHECK(!log_to_file(NULL));
	CHECK(!file_load(&c->text, &len, c->path, 10 << 20, &err));
	file_remove(c->path);
	return (const char *)c->text;
}

static void say_all(struct log_module *m)
{
	log_at(m, LVL_ERR, "e");
	log_at(m, LVL_WARN, "w");
	log_at(m, LVL_INFO, "i");
	log_at(m, LVL_DEBUG, "d");
}

static void expect(const char *rules, const char *want)
{
	struct capture c;

	CHECK(!log_set_rules(rules));
	begin(&c);
	say_all(&alpha);
	if (strcmp(end(&c), want))
		fprintf(stderr, "%s", c.text);
	CHECK(!strcmp((char *)c.text, want));
	free(c.text);
}

static void rules_choose_by_module_and_level(void)
{
	expect("error", "oriel: alpha: error: e\n");
	expect("", "oriel: alpha: error: e\noriel: alpha: warning: w\n");
	expect("info", "oriel: alpha: error: e\noriel: alpha: warning: w\noriel: alpha: i\n");
	expect("debug,error", "oriel: alpha: error: e\n");
	expect("alpha=error,debug", "oriel: alpha: error: e\n");
	expect("alp=debug,alphabet=debug,beta=debug,error", "oriel: alpha: error: e\n");
	expect("error,alpha=debug", "oriel: alpha: error: e\noriel: alpha: warning: w\n"
				    "oriel: alpha: i\noriel: alpha: d\n");
}

static void an_unknown_level_changes_nothing(void)
{
	CHECK(!log_set_rules("error"));
	CHECK_EQ(log_set_rules("loud"), -EINVAL);
	CHECK_EQ(log_set_rules("debug,alpha=verbose"), -EINVAL);
	CHECK_EQ(log_set_rules("alpha="), -EINVAL);
	struct capture c;

	begin(&c);
	say_all(&beta);
	CHECK(!strcmp(end(&c), "oriel: beta: error: e\n"));
	free(c.text);
}

static void the_environment_rules_until_someone_else_does(void)
{
	putenv((char[]){ "ORIEL_LOG=nonsense,alpha=error" });
	expect(NULL, "oriel: alpha: error: e\n");
	putenv((char[]){ "ORIEL_LOG=" });
	expect(NULL, "oriel: alpha: error: e\noriel: alpha: warning: w\n");
}

static void a_message_is_one_clean_line(void)
{
	static char longer[4000];
	static const char clean[] = "oriel: alpha: warning: a?b?[2J?\xc3\xa4\n";
	struct capture c;
	const char *text;

	memset(longer, 'x', sizeof(longer) - 1);
	CHECK(!log_set_rules("warning"));
	begin(&c);
	log_at(&alpha, LVL_WARN, "a\nb\x1b[2J\x7f%s", "\xc3\xa4");
	log_at(&alpha, LVL_ERR, "%s", longer);
	text = end(&c);
	CHECK(!strncmp(text, clean, strlen(clean)));
	CHECK(strlen(text) < 1100);
	CHECK_EQ(text[strlen(text) - 1], '\n');
	free(c.text);
}

static void talk(void *arg)
{
	for (unsigned i = 0; i < 500; i++)
		log_at(arg, LVL_WARN, "0123456789 0123456789 0123456789 %u", i % 10);
}

static void lines_of_many_threads_stay_whole(void)
{
	struct capture c;
	struct thread *t[4];
	struct error err;
	const char *p;
	unsigned lines = 0;

	CHECK(!log_set_rules("warning"));
	begin(&c);
	for (unsigned i = 0; i < 4; i++)
		CHECK(!thread_start(&t[i], "talk", talk, i & 1 ? &alpha : &beta, &err));
	for (unsigned i = 0; i < 4; i++)
		thread_join(t[i]);
	for (p = end(&c); *p; p = strchr(p, '\n') + 1) {
		CHECK(!strncmp(p, "oriel: alpha: warning: 0123456789 ", 34) ||
		      !strncmp(p, "oriel: beta: warning: 0123456789 ", 33));
		lines++;
	}
	CHECK_EQ(lines, 2000);
	free(c.text);
}

static void a_noisy_guest_is_limited(void)
{
	struct log_limit limit = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		n += log_allow(&limit);
	/* The second may turn while we count. */
	CHECK(n >= 10 && n <= 20);
}

static void a_file_that_cannot_be_opened_is_an_error(void)
{
	CHECK_EQ(log_to_file("no/such/folder/log"), -ENOENT);
}

int main(void)
{
	RUN(rules_choose_by_module_and_level);
	RUN(an_unknown_level_changes_nothing);
	RUN(the_environment_rules_until_someone_else_does);
	RUN(a_message_is_one_clean_line);
	RUN(lines_of_many_threads_stay_whole);
	RUN(a_noisy_guest_is_limited);
	RUN(a_file_that_cannot_be_opened_is_an_error);
	log_set_rules(NULL);
	return 0;
}
