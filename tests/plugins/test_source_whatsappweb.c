/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-whatsappweb, as the .so that is installed: every payload of fixtures/whatsappweb against the events
 * written beside it, and source-whatsappweb.cases.json for what no payload shows.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "source_rig.h"

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("whatsappweb");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), NULL, "whatsappweb", 5);
}
END_TEST

START_TEST(what_no_payload_shows)
{
	source_check_cases(plugin(), NULL, "whatsappweb", 45);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), NULL, "whatsappweb", 8);
}
END_TEST

static const struct {
	const char *body, *text;
} refused[] = {
	{ "", "body: is empty, expected a JSON object" },
	{ "{\"status\":\"Con", "body: bad JSON: it ends after 14 bytes, too soon" },
	{ "{\"status\":1,,}", "body: bad JSON at byte 13: " },
	{ "{'status':'Connected'}", "body: bad JSON at byte " },
	{ "[]", "body: expected a JSON object, found array" },
	{ "null ", "body: expected a JSON object, found null" },
};

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct hsw_error err;
		void *self;
		int rc;
		ck_assert_int_eq(plugin()->open(NULL, NULL, NULL, &self, &err), HSW_OK);
		ck_assert_ptr_null(
			events_translate_with(plugin(), self, "", str(refused[i].body), &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_msg(strncmp(err.text, refused[i].text, strlen(refused[i].text)) == 0,
			"%s: expected \"%s\", found \"%s\"", refused[i].body, refused[i].text,
			err.text);
		plugin()->close(self);
	}
}
END_TEST

UNIT_MAIN("source-whatsappweb", every_payload_becomes_the_events_beside_it, what_no_payload_shows,
	identity_is_the_same_for_the_same_event_alone,
	bodies_that_cannot_be_read_are_refused_with_the_reason)
