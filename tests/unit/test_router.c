/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of router: types, instances and parts of types that a sink wants. */
#include "router.h"

#include <stdlib.h>

#include "buf.h"
#include "unit.h"

/* An envelope as the store gives it back. */
static struct hsw_envelope *
envelope(const char *type, const char *data)
{
	struct buf body = BUF_INIT;
	unsigned char layout[5] = { 0 };

	buf_printf(&body,
		"{\"event\":\"%s\",\"data\":%s,\"instanceData\":{\"state\":\"connected\"}}", type,
		data);
	for (int k = 0; k < 4; k++)
		layout[k] = (unsigned char)(body.len >> (8 * k));
	const struct hsw_store_event row = { .seq = 1,
		.type = str_of(type),
		.layout = { (char *)layout, sizeof(layout) },
		.body = { body.data, body.len } };
	struct hsw_envelope *e = envelope_from_row(&row, str_of(""));
	buf_free(&body);
	ck_assert_ptr_nonnull(e);
	return e;
}

static bool
has_part(enum sink_only only, const char *type, const char *data)
{
	const struct sink_conf conf = { .only = only };
	struct hsw_envelope *e = envelope(type, data);
	bool has = router_has_part(&conf, e);

	envelope_unref(e);
	return has;
}

#define MESSAGE "message.exchange"
#define STATE "instance.state"

START_TEST(each_part_is_told_by_its_member)
{
	static const struct {
		const char *type, *data;
		enum sink_only only; /* ONLY_ALL: it is of no part */
	} cases[] = {
		{ MESSAGE, "{\"id\":\"A\",\"direction\":\"outgoing\",\"x\":1}", ONLY_OUTGOING },
		{ MESSAGE, "{\"direction\":\"incoming\"}", ONLY_INCOMING },
		{ STATE, "{\"state\":\"connected\",\"timestamp\":null}", ONLY_CONNECTED },
		{ STATE, "{\"state\":\"disconnected\"}", ONLY_DISCONNECTED },
		{ STATE, "{\"state\":\"logged_out\"}", ONLY_DISCONNECTED },
		{ STATE, "{\"state\":\"connecting\"}", ONLY_ALL },
		/* texts that look like members */
		{ MESSAGE,
			"{\"id\":\"\\\",\\\"direction\\\":\\\"outgoing\",\"direction\":"
			"\"incoming\"}",
			ONLY_INCOMING },
		{ MESSAGE, "{\"id\":\"\\\\\",\"direction\":\"outgoing\"}", ONLY_OUTGOING },
		{ MESSAGE, "{\"id\":\"direction\",\"direction\":\"outgoing\"}", ONLY_OUTGOING },
		/* elsewhere, and as other writers space it */
		{ MESSAGE,
			"{ \"chat\": {\"direction\":\"incoming\"}, \"direction\" : \"outgoing\" }",
			ONLY_OUTGOING },
		{ MESSAGE, "{\"a\":[{\"direction\":\"incoming\"}],\"direction\":\"outgoing\"}",
			ONLY_OUTGOING },
		{ MESSAGE, "{\"a\":[\"direction\",\"incoming\"],\"direction\":null}", ONLY_ALL },
		{ MESSAGE, "{\"message\":{\"direction\":\"incoming\"}}", ONLY_ALL },
		{ MESSAGE, "{\"direction\":[\"incoming\"]}", ONLY_ALL },
		{ MESSAGE, "{\"direction\":\"\"}", ONLY_ALL },
		{ MESSAGE, "{\"direction\":\"incomings\"}", ONLY_ALL },
		{ MESSAGE, "{\"state\":\"outgoing\"}", ONLY_ALL },
		{ MESSAGE, "{}", ONLY_ALL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert(has_part(ONLY_ALL, cases[i].type, cases[i].data));
		for (int only = ONLY_OUTGOING; only <= ONLY_DISCONNECTED; only++)
			ck_assert_msg(has_part((enum sink_only)only, cases[i].type,
					      cases[i].data) == ((int)cases[i].only == only),
				"%s of %s", router_only_name((enum sink_only)only), cases[i].data);
	}
}
END_TEST

START_TEST(only_the_beginning_is_looked_at)
{
	static const char tail[] = "\",\"direction\":\"outgoing\"}";
	char data[ENVELOPE_TEXT_WITHIN + sizeof(tail)];

	for (size_t over = 0; over < 2; over++) {
		/* the last byte that is looked at is the quote before the brace */
		size_t n = ENVELOPE_TEXT_WITHIN + 1 - (sizeof(tail) - 1) + over;
		memset(data, 'x', n);
		memcpy(data, "{\"id\":\"", 7);
		memcpy(data + n, tail, sizeof(tail));
		ck_assert_int_eq(has_part(ONLY_OUTGOING, MESSAGE, data), over == 0);
	}
}
END_TEST

START_TEST(a_body_that_is_cut_has_no_part)
{
	static const char whole[] = "{\"event\":\"call.update\",\"data\":{\"state\":\"connected\"";
	const struct sink_conf conf = { .only = ONLY_CONNECTED };

	for (size_t n = 0; n < sizeof(whole); n++) {
		unsigned char layout[5] = { (unsigned char)n };
		char *copy = malloc(n + 1);
		memcpy(copy, whole, n);
		const struct hsw_store_event row = { .type = str_of("call.update"),
			.layout = { (char *)layout, sizeof(layout) },
			.body = { copy, n } };
		struct hsw_envelope *e = envelope_from_row(&row, str_of(""));
		ck_assert_ptr_nonnull(e);
		ck_assert_int_eq(router_has_part(&conf, e), n == sizeof(whole) - 1);
		envelope_unref(e);
		free(copy);
	}
}
END_TEST

START_TEST(names_of_parts_are_read_back)
{
	static const char *const none[] = { "", "all", "Outgoing", "outgoing ", "logged_out" };

	ck_assert_ptr_null(router_only_name(ONLY_ALL));
	for (int only = ONLY_OUTGOING; only <= ONLY_DISCONNECTED; only++)
		ck_assert_int_eq(
			router_only_of(str_of(router_only_name((enum sink_only)only))), only);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_int_eq(router_only_of(str_of(none[i])), -1);
}
END_TEST

START_TEST(types_and_instances_are_those_of_the_section)
{
	const struct sink_conf all = { .events = NULL };
	const struct sink_conf some = {
		.events = (const char *[]){ "call.update", "raw", NULL },
		.instances = (const char *[]){ "sales", "shop", NULL },
	};

	ck_assert_uint_eq(router_types(all.events), (1u << TYPE_COUNT) - 1);
	ck_assert_uint_eq(router_types(some.events), 1u << TYPE_CALL_UPDATE | 1u << TYPE_RAW);
	ck_assert(router_has_instance(&all, str_of("any")));
	ck_assert(router_has_instance(&some, str_of("shop")));
	ck_assert(!router_has_instance(&some, str_of("shops")));
	ck_assert(!router_has_instance(&some, str_of("sho")));
}
END_TEST

UNIT_MAIN("router", each_part_is_told_by_its_member, only_the_beginning_is_looked_at,
	a_body_that_is_cut_has_no_part, names_of_parts_are_read_back,
	types_and_instances_are_those_of_the_section)
