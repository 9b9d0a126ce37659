/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of configurations as a whole, with the plugins of the build tree. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static char path[] = "/tmp/test_config.XXXXXX";
static struct config_errors errors;

static struct config *
load(const char *text)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	errors.count = 0;
	fprintf(f, "%s[server]\nplugin_dir = %s\n", text, BUILT_PLUGINS);
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
	assert_error(BASE "[sink x]\nplugin = nope\n", "nope");
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
	assert_error(BASE "[sink]\n", "needs a name");
	assert_error(BASE "[log x]\n", "takes no name");
	assert_error(BASE "[sinks x]\n", "did you mean [sink]");
	assert_error(BASE "[sink a.b]\n", "A-Z a-z 0-9");
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

UNIT_MAIN("config", a_whole_configuration_is_loaded, mistakes_are_named,
	one_failed_attempt_is_enough_with_retry_never, auto_create_allows_names_that_no_section_has)
