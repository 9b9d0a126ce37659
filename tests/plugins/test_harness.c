/* SPDX-License-Identifier: Apache-2.0 */
/* test_harness.c - the harness takes what the daemon takes, and finds what the daemon refuses. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hookswitch/harness.h>
#include <hookswitch/harness_events.h>

#include "unit.h"

/* ---- options ---- */

struct conf {
	bool flag;
	int64_t size, time, number;
	const char **list;
	int choice;
};

static const char *const choices[] = { "Full", "none", NULL };

static const struct hsw_option options[] = {
	{ .key = "flag", .type = HSW_OPT_BOOL, .offset = offsetof(struct conf, flag) },
	{ .key = "size", .type = HSW_OPT_SIZE, .offset = offsetof(struct conf, size) },
	{ .key = "time", .type = HSW_OPT_MSEC, .offset = offsetof(struct conf, time) },
	{ .key = "number", .type = HSW_OPT_INT, .offset = offsetof(struct conf, number) },
	{ .key = "list", .type = HSW_OPT_LIST, .offset = offsetof(struct conf, list) },
	{ .key = "choice",
		.type = HSW_OPT_ENUM,
		.offset = offsetof(struct conf, choice),
		.choices = choices },
	{ .key = NULL },
};

static const struct hsw_plugin plugin = { .conf_size = sizeof(struct conf), .options = options };

/* What a number, a flag or a choice becomes; -1: it is refused. */
static int64_t
value_of(const char *key, const char *text)
{
	const char *const pairs[] = { key, text, NULL };
	struct hsw_error err;
	struct conf *conf = fake_conf_new(&plugin, pairs, &err);

	if (conf == NULL)
		return -1;
	int64_t value = conf->flag + conf->size + conf->time + conf->number + conf->choice;
	fake_conf_free(&plugin, conf);
	return value;
}

START_TEST(options_have_the_values_that_the_daemon_takes)
{
	static const struct {
		const char *key, *text;
		int64_t value;
	} cases[] = {
		{ "flag", "yes", 1 },
		{ "flag", "True", 1 },
		{ "flag", "ON", 1 },
		{ "flag", "1", 1 },
		{ "flag", "No", 0 },
		{ "flag", "false", 0 },
		{ "flag", "off", 0 },
		{ "flag", "0", 0 },
		{ "flag", "2", -1 },
		{ "flag", "", -1 },
		{ "size", "512", 512 },
		{ "size", "64K", 65536 },
		{ "size", "1m", 1 << 20 },
		{ "size", "0", 0 },
		{ "size", "1t", -1 },
		{ "time", "0", 0 },
		{ "time", "5S", 5000 },
		{ "time", "20MS", 20 },
		{ "time", "5", -1 },
		{ "number", "7", 7 },
		{ "number", "7k", -1 },
		{ "choice", "none", 1 },
		{ "choice", "full", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = value_of(cases[i].key, cases[i].text);
		ck_assert_msg(value == cases[i].value, "%s = %s: %jd", cases[i].key, cases[i].text,
			(intmax_t)value);
	}
}
END_TEST

START_TEST(items_of_a_list_have_no_blanks_around_them)
{
	const char *const pairs[] = { "list", "a,\tb c\t, d ", NULL };
	struct hsw_error err;
	struct conf *conf = fake_conf_new(&plugin, pairs, &err);

	ck_assert_ptr_nonnull(conf);
	ck_assert_str_eq(conf->list[0], "a");
	ck_assert_str_eq(conf->list[1], "b c");
	ck_assert_str_eq(conf->list[2], "d");
	ck_assert_ptr_null(conf->list[3]);
	fake_conf_free(&plugin, conf);
}
END_TEST

/* ---- events ---- */

/* The source that is tested emits this one. */
static struct hsw_event event;
static bool names_instances;

static int
translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	(void)self;
	(void)err;
	ck_assert_int_eq(request->instance.len == 0, names_instances);
	return emit(out, &event);
}

static int
tell_names_instances(void *self)
{
	(void)self;
	return names_instances;
}

static const struct hsw_source_ops source = {
	.size = sizeof(source), .translate = translate, .names_instances = tell_names_instances
};

/* A breach ends the process. */
static bool
is_taken(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct hsw_error err;
		int rc;
		ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
		json_object_put(events_translate_with(
			&source, NULL, "", (struct hsw_str){ "", 0 }, &err, &rc));
		_exit(rc == HSW_OK ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void
set_event(const struct hsw_piece *pieces, size_t n)
{
	event = (struct hsw_event){ .size = sizeof(event),
		.type = "message.exchange",
		.provider_event = { "message", 7 },
		.identity = { "1", 1 },
		.data = pieces,
		.pieces = n };
}

START_TEST(pieces_are_those_that_the_daemon_takes)
{
#define PIECE(text, part)                        \
	{                                        \
		{ text, sizeof(text) - 1 }, part \
	}
	static const struct {
		struct hsw_piece pieces[3];
		size_t n;
		bool is_taken;
	} cases[] = {
		{ { PIECE("{\"a\":1}", 0) }, 1, true },
		{ { PIECE("{\"a\":1", 0), PIECE(",\"b\":2", HSW_MEDIA), PIECE("}", 0) }, 3, true },
		{ { PIECE("{\"a\":1", 0), PIECE(",\"b\":2", HSW_CODES), PIECE("}", 0) }, 3, true },
		{ { PIECE("{\"a\":1", 0), PIECE(",\"b\":2", HSW_KEYS), PIECE("}", 0) }, 3, true },
		{ { PIECE("{\"a\":1", 0), PIECE(",\"b\":2", HSW_TOKEN), PIECE("}", 0) }, 3, false },
		{ { PIECE("{\"a\":1", 0), PIECE(",\"b\":2", HSW_RAW), PIECE("}", 0) }, 3, false },
		{ { PIECE("{\"a\":1", 0), PIECE(",\"b\":2", HSW_MEDIA | HSW_KEYS), PIECE("}", 0) },
			3, false },
		{ { PIECE("{\"a\":1", 0), PIECE("", 0), PIECE("}", 0) }, 3, true },
		{ { PIECE("", 0), PIECE("{\"a\":1}", 0) }, 2, false },
		{ { PIECE("{\"a\":1}", 0), PIECE("", 0) }, 2, false },
		{ { PIECE(" {\"a\":1}", 0) }, 1, false },
		{ { PIECE("{\"a\":1}\n", 0) }, 1, false },
		{ { PIECE("[1]", 0) }, 1, false },
	};
#undef PIECE

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_event(cases[i].pieces, cases[i].n);
		ck_assert_msg(is_taken() == cases[i].is_taken, "case %zu", i);
	}
}
END_TEST

START_TEST(data_may_be_nested_deeply)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "{\"a\":%0200d}", 0);
	const struct hsw_piece piece = { { text, (size_t)n }, 0 };

	memset(text + 5, '[', 100);
	memset(text + 105, ']', 100);
	set_event(&piece, 1);
	ck_assert(is_taken());
}
END_TEST

START_TEST(an_event_is_as_large_as_its_headers_say)
{
	static const struct hsw_piece piece = { { "{}", 2 }, 0 };
	const uint32_t first = offsetof(struct hsw_event, instance);

	set_event(&piece, 1);
	event.instance = (struct hsw_str){ (const char *)1, SIZE_MAX };
	event.size = first;
	ck_assert(is_taken());
	event.size = first - 1;
	ck_assert(!is_taken());
	event.size = sizeof(event) + 8;
	event.instance = (struct hsw_str){ "", 0 };
	ck_assert(is_taken());
}
END_TEST

START_TEST(only_events_of_a_source_that_says_so_name_an_instance)
{
	static const struct hsw_piece piece = { { "{}", 2 }, 0 };

	set_event(&piece, 1);
	event.instance = (struct hsw_str){ "sales", 5 };
	ck_assert(!is_taken());
	names_instances = true;
	ck_assert(is_taken());
	/* As a spoilt body may have it: the daemon ignores it. */
	event.instance.len = 0;
	ck_assert(is_taken());
}
END_TEST

UNIT_MAIN("harness", options_have_the_values_that_the_daemon_takes,
	items_of_a_list_have_no_blanks_around_them, pieces_are_those_that_the_daemon_takes,
	data_may_be_nested_deeply, an_event_is_as_large_as_its_headers_say,
	only_events_of_a_source_that_says_so_name_an_instance)
