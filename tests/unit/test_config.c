/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of configurations as a whole, with the plugins of the build tree. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "policy.h"

static char path[] = "/tmp/test_config.XXXXXX";
static const char *plugin_dir = BUILT_PLUGINS;
static struct config_errors errors;

static struct config *
load(const char *text)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	errors.count = 0;
	fprintf(f, "%s[server]\nplugin_dir = %s\n", text, plugin_dir);
	fclose(f);
	struct config *c = config_load(path, CONFIG_CHECK, &errors);
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	return c;
}

static void
assert_error(const char *text, const char *word)
{
	struct config *c = load(text);
	bool found = false;

	ck_assert_ptr_null(c);
	for (size_t i = 0; i < errors.count; i++)
		found |= strstr(errors.text[i], word) != NULL;
	ck_assert_msg(found, "%s: %s", word, errors.count > 0 ? errors.text[0] : "no error");
	config_errors_free(&errors);
}

#define BASE "[store]\npath = /tmp/x.db\n[instance sales]\n[source evolution]\n"

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer's own tracer crashes at the end of a process that has opened as many plugins as these tests do. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return 1;
}
#endif

START_TEST(a_whole_configuration_is_loaded)
{
	struct config *c = load(BASE
		"token = t\n[sink crm]\nplugin = webhook\nurl = https://x/\nevents = "
		"message.exchange, message.status\ninstances = sales\nretry = 1s, 15s, 4m, 1h\n"
		"[sink archive]\nplugin = file\npath = /tmp/%{instance}.ndjson\n"
		"[log]\nlevel = warn\n");

	config_errors_print(&errors, stderr);
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->sources->u.source.token, "t");
	ck_assert_str_eq(c->sinks->name, "crm");
	ck_assert_uint_eq(c->sinks->u.sink.retry_steps, 4);
	ck_assert_int_eq(c->sinks->u.sink.retry_ms[3], 3600000);
	ck_assert_int_eq(c->sinks->u.sink.timeout_ms, 5000);
	ck_assert_str_eq(c->sinks->next->plugin->info->name, "file");
	ck_assert_str_eq(c->server.base_url, "http://127.0.0.1:8080");
	ck_assert_int_eq(c->server.workers, 0);
	config_free(c);
}
END_TEST

START_TEST(mistakes_are_named)
{
	assert_error("", "[store] is missing");
	assert_error("[store]\npath = /x\n", "no [source NAME]");
	assert_error("[store]\n[instance a]\n[source evolution]\n", "path: is missing");
	assert_error(BASE "[sink x]\nurl = http://x\n", "plugin: is missing");
	assert_error(BASE "[sink x]\nplugin = nope\n", "cannot load the plugin: no file ");
	assert_error(BASE "[sink x]\nplugin = webook\n", "did you mean `webhook`? no file ");
	assert_error(BASE "[sink x]\nplugin = ../x\n", "no plugin's name");
	assert_error(BASE "[sink x]\nplugin = webhook\nulr = http://x\n", "did you mean `url`");
	assert_error(
		BASE "[sink x]\nplugin = webhook\nurl = http://x\nretry = 1s, soon\n", "`soon`");
	assert_error(BASE "[sink x]\nplugin = webhook\nurl = http://x\ninstances = nobody\n",
		"[instance nobody]");
	assert_error(
		BASE "[sink x]\nplugin = webhook\nurl = http://x\nevents = calls\n", "`calls`");
	assert_error(
		BASE "[sink x]\nplugin = file\npath = /x\nordering = chat\n", "has no meaning");
	assert_error(BASE "[server]\nnotify_url = http://x\nnotify_secret = short\n",
		"[server] notify_secret: expected a text of 24 to 64 bytes");
	assert_error(BASE "[sink]\n", "needs a name");
	assert_error(BASE "[log x]\n", "takes no name");
	assert_error(BASE "[sinks x]\n", "did you mean [sink]");
	assert_error(BASE "[sink a.b]\n", "A-Z a-z 0-9");
}
END_TEST

START_TEST(the_package_of_a_plugin_is_named)
{
	plugin_dir = "/var/empty";
	assert_error(
		"[store]\nplugin = postgres\n", "package hookswitch-plugin-postgres: no file /var");
	assert_error(
		"[source x]\nplugin = postgres\n", "plugin: no file /var/empty/source-postgres.so");
	assert_error("[sink x]\nplugin = map\n", "plugin: no file /var/empty/sink-map.so");
	assert_error("[sink x]\nplugin = webhook\n", "plugin: no file /var/empty/sink-webhook.so");
	plugin_dir = BUILT_PLUGINS;
}
END_TEST

START_TEST(one_failed_attempt_is_enough_with_retry_never)
{
	struct config *c = load(BASE "[sink x]\nplugin = webhook\nurl = http://x\nretry = never\n");

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->sinks->u.sink.retry_steps, 0);
	config_free(c);
}
END_TEST

START_TEST(auto_create_allows_names_that_no_section_has)
{
	struct config *c = load("[store]\npath = /tmp/x\n[source evolution]\n[ingest]\nauto_create "
				"= yes\n[sink x]\n"
				"plugin = webhook\nurl = http://x\ninstances = later\n");

	ck_assert_ptr_nonnull(c);
	config_free(c);
}
END_TEST

#define SINK BASE "[sink x]\nplugin = webhook\nurl = http://x\n"

START_TEST(schedules_are_lists_presets_or_exponential)
{
	static const struct {
		const char *text;
		size_t n;
		int64_t first, last;
		bool is_endless;
	} cases[] = {
		{ "", 4, 1000, 3600000, false },
		{ "policy = eazewa\n", 1, 3000, 3000, true },
		{ "policy = standard-webhooks\n", 9, 5000, 86400000, false },
		{ "policy = standard-webhooks\nretry = 2s\n", 1, 2000, 2000, false },
		{ "policy = eazewa\nretry = never\n", 0, 0, 0, false },
		{ "retry = 1s, 10s, forever\n", 2, 1000, 10000, true },
		{ "retry = exponential 1s..1h x5\n", 5, 1000, 3600000, false },
		{ "retry = exponential 100ms..7d x32\n", 32, 100, 604800000, false },
		{ "retry = exponential 5s..5s x3\n", 3, 5000, 5000, false },
		{ "retry = exponential 2s..1h x1\n", 1, 2000, 2000, false },
	};
	char text[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), SINK "%s", cases[i].text);
		struct config *c = load(text);
		ck_assert_msg(c != NULL, "%s: %s", cases[i].text, errors.text[0]);
		const struct sink_conf *s = &c->sinks->u.sink;
		ck_assert_uint_eq(s->retry_steps, cases[i].n);
		ck_assert_int_eq(s->is_retry_endless, cases[i].is_endless);
		for (size_t k = 1; k < cases[i].n; k++)
			ck_assert_int_ge(s->retry_ms[k], s->retry_ms[k - 1]);
		if (cases[i].n > 0) {
			ck_assert_int_eq(s->retry_ms[0], cases[i].first);
			ck_assert_int_eq(s->retry_ms[cases[i].n - 1], cases[i].last);
		}
		config_free(c);
	}
}
END_TEST

START_TEST(statuses_decide_what_becomes_of_a_failure)
{
	static const struct {
		const char *text;
		int status;
		enum hsw_outcome before, wanted;
	} cases[] = {
		{ "", 500, HSW_RETRY, HSW_RETRY },
		{ "", 410, HSW_GONE, HSW_GONE },
		{ "drop_on = 4xx\n", 404, HSW_RETRY, HSW_REJECT },
		{ "drop_on = 4xx\n", 410, HSW_GONE, HSW_REJECT },
		{ "drop_on = 4xx\n", 503, HSW_RETRY, HSW_RETRY },
		{ "drop_on = 4xx\n", 0, HSW_RETRY, HSW_RETRY },
		{ "retry_on = 429, 5xx\n", 429, HSW_RETRY, HSW_RETRY },
		{ "retry_on = 429, 5xx\n", 599, HSW_RETRY, HSW_RETRY },
		{ "retry_on = 429, 5xx\n", 404, HSW_RETRY, HSW_REJECT },
		{ "retry_on = 429, 5xx\n", 0, HSW_RETRY, HSW_RETRY },
		{ "retry_on = 429, 5xx\n", 410, HSW_GONE, HSW_GONE },
		{ "retry_on = 429, 5xx\n", 200, HSW_DELIVERED, HSW_DELIVERED },
		{ "retry_on = 410\n", 410, HSW_GONE, HSW_RETRY },
		{ "policy = eazewa\n", 500, HSW_RETRY, HSW_DELIVERED },
		{ "policy = eazewa\n", 410, HSW_GONE, HSW_DELIVERED },
		{ "policy = eazewa\n", 0, HSW_RETRY, HSW_RETRY },
		{ "policy = eazewa\nretry_on = 503\n", 503, HSW_RETRY, HSW_RETRY },
		{ "policy = eazewa\nretry_on = 503\n", 500, HSW_RETRY, HSW_DELIVERED },
		{ "policy = eazewa\ndrop_on = 400\n", 400, HSW_RETRY, HSW_REJECT },
	};
	char text[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), SINK "%s", cases[i].text);
		struct config *c = load(text);
		ck_assert_msg(c != NULL, "%s: %s", cases[i].text, errors.text[0]);
		ck_assert_msg(policy_outcome(&c->sinks->u.sink, cases[i].before, cases[i].status) ==
				cases[i].wanted,
			"%s%d", cases[i].text, cases[i].status);
		config_free(c);
	}
}
END_TEST

START_TEST(rates_and_concurrency_are_read)
{
	struct config *c = load(SINK "rate = 50/s\nconcurrency = auto\n");

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->sinks->u.sink.rate_interval_us, 20000);
	ck_assert(c->sinks->u.sink.is_concurrency_auto);
	config_free(c);
	c = load(SINK "rate = 30/min\nconcurrency = 7\n");
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->sinks->u.sink.rate_interval_us, 2000000);
	ck_assert_int_eq(c->sinks->u.sink.concurrency, 7);
	config_free(c);
}
END_TEST

START_TEST(options_without_sense_are_refused)
{
	static const char *const serial = BASE "[sink x]\nplugin = file\npath = /x\n%s";
	static const struct {
		bool is_file;
		const char *text, *word;
	} cases[] = {
		{ true, "ordering = strict\n", "ordering: has no meaning" },
		{ true, "concurrency = auto\n", "concurrency: has no meaning" },
		{ true, "retry_on = 5xx\n", "retry_on: has no meaning" },
		{ true, "drop_on = 400\n", "drop_on: has no meaning" },
		{ true, "policy = eazewa\n", "eazewa has no meaning" },
		{ false, "ordering = strict\nconcurrency = 4\n", "one at a time" },
		{ false, "retry = never\nretry_on = 5xx\n", "retry = never" },
		{ false, "retry = never\nretry_after_max = 1m\n", "retry = never" },
		{ true, "retry_after_max = 1m\n", "retry_after_max: has no meaning" },
		{ false, "retry_on = 5xx\ndrop_on = 503\n", "503 is in retry_on too" },
		{ false, "retry_on = 6xx\n", "`6xx`" },
		{ false, "drop_on = 50x\n", "`50x`" },
		{ false, "drop_on = 5030\n", "`5030`" },
		{ false, "drop_on = 2xx\n", "`2xx`, expected statuses from 300" },
		{ false, "retry_on = 5xx, 204\n", "`204`, expected statuses from 300" },
		{ false, "drop_on = 100\n", "`100`" },
		{ false, "batch = 9/1s\nordering = strict\n", "ordering: strict is one at a time" },
		{ false, "batch = 9/1s\nconcurrency = 8\n",
			"concurrency: 8 can never fill a batch of 9" },
		{ false, "concurrency = many\n", "`many`" },
		{ false, "concurrency = 1025\n", "`1025`" },
		{ false, "rate = 50\n", "`50`" },
		{ false, "rate = 0/s\n", "`0/s`" },
		{ false, "rate = fast/s\n", "`fast/s`" },
		{ false, "retry = forever\n", "`forever`" },
		{ false, "retry = 1s, forever, 2s\n", "`forever`" },
		{ false, "retry = exponential 1h..1s x5\n", "`exponential" },
		{ false, "retry = exponential 1s..1h x33\n", "`exponential" },
		{ false, "retry = exponential 1s..1h x4294967301\n", "`exponential" },
		{ false, "retry = 8d\n", "`8d`" },
		{ false, "policy = stripe\n", "stripe" },
	};
	char text[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), cases[i].is_file ? serial : SINK "%s", cases[i].text);
		assert_error(text, cases[i].word);
	}
}
END_TEST

static bool
has_error(const char *word)
{
	for (size_t i = 0; i < errors.count; i++) {
		if (strstr(errors.text[i], word) != NULL)
			return true;
	}
	return false;
}

START_TEST(a_sinks_own_check_is_part_of_the_configurations)
{
	static const char *const webhook = "plugin = webhook\nurl = http://x/\n";
	static const char *const file = "plugin = file\npath = /tmp/%Y.jsonl\n";
	static const char *const udp = "plugin = syslog\ntarget = udp://127.0.0.1:514\n";
	const struct {
		const char *sink, *text, *word;
	} cases[] = {
		{ webhook, "secret = whsec_YWJj\n", "[sink x] secret: " },
		{ webhook, "https_only = yes\n", "[sink x] url: must begin with https://" },
		{ webhook, "ca_file = /nonexistent.pem\n", "[sink x] ca_file: " },
		{ webhook, "headers = Host: x\n", "[sink x] headers: " },
		{ webhook, "hmac_header = X-Mine\n", "hmac_" },
		{ webhook, "batch_format = ndjson\n", "[sink x] batch_format: has no meaning" },
		{ webhook, "hmac_prefix = sha256=\n", "[sink x] hmac_prefix: has no meaning" },
		{ webhook, "hmac_algorithm = sha1\n", "[sink x] hmac_algorithm: has no meaning" },
		{ webhook, "hmac_encoding = base64\n", "[sink x] hmac_encoding: has no meaning" },
		{ webhook, "batch = 0/1s\n", "[sink x] batch: " },
		{ webhook, "batch = 9/1s\nby_events = dotted\n", "[sink x] batch: " },
		{ webhook, "allow_private = foo\n", "[sink x] allow_private: " },
		{ file, "mode = 999\n", "[sink x] mode: " },
		{ file, "user = nosuchuser\n", "[sink x] user: " },
		{ file, "keep = 3\n", "compress, keep and keep_age" },
		{ udp, "severity = message.*: blah\n", "[sink x] severity: " },
		{ udp, "ca_file = /etc/passwd\n", "ca_file, cert_file and key_file" },
	};
	char text[400];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), BASE "[sink x]\n%s", cases[i].sink);
		struct config *c = load(text);
		ck_assert_msg(c != NULL, "%s", errors.text[0]);
		config_free(c);
		snprintf(text, sizeof(text), BASE "[sink x]\n%s%s", cases[i].sink, cases[i].text);
		assert_error(text, cases[i].word);
	}
}
END_TEST

START_TEST(the_websockets_own_check_is_part_of_it)
{
	assert_error(BASE "[websocket]\nheartbeat = 9s\npong_timeout = 8s\n",
		"[websocket] pong_timeout: must be longer");
}
END_TEST

START_TEST(all_errors_are_told_at_once)
{
	static const char *const words[] = { "conurrency", "`0/s`", "`-1`", "`8d`", "`6xx`",
		"`50x`", "`nosuch`", "[sink y] secret: ", "[sink y] rate: " };

	ck_assert_ptr_null(load(SINK
		"conurrency = 1\nconcurrency = -1\nrate = 0/s\nretry = 8d\nretry_on = 6xx\n"
		"drop_on = 50x\nevents = nosuch\n"
		"[sink y]\nplugin = webhook\nurl = http://y\nsecret = whsec_YWJj\nrate = 0/s\n"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(has_error(words[i]), "%s", words[i]);
	config_errors_free(&errors);
}
END_TEST

UNIT_MAIN("config", a_whole_configuration_is_loaded, mistakes_are_named,
	the_package_of_a_plugin_is_named, one_failed_attempt_is_enough_with_retry_never,
	auto_create_allows_names_that_no_section_has, schedules_are_lists_presets_or_exponential,
	statuses_decide_what_becomes_of_a_failure, rates_and_concurrency_are_read,
	options_without_sense_are_refused, a_sinks_own_check_is_part_of_the_configurations,
	the_websockets_own_check_is_part_of_it, all_errors_are_told_at_once)
