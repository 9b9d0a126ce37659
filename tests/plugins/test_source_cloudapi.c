/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-cloudapi, as the .so that is installed: every payload of fixtures/cloudapi against the events
 * written beside it, source-cloudapi.cases.json for what no capture shows, and what proves a request. A case may be
 *
 *   {name, message, is}    what is added to a message, and what the event's data.message must have
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "source_rig.h"

/* As the plugin has it: see its option table. */
struct conf {
	const char *app_secret, *verify_token;
	bool history;
	int instance_from; /* 1: phone_number_id */
	const char **numbers;
};

static const struct conf plain = { NULL, NULL, false, 0, NULL };

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("cloudapi");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, s != NULL ? strlen(s) : 0 };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), &plain, "cloudapi", 72);
}
END_TEST

/* ---- small bodies ---- */

/* The JSON of one message that has these members, too. */
static struct json_object *
body_of(struct json_object *members)
{
	struct json_object *body = json_tokener_parse(
		"{\"entry\":[{\"changes\":[{\"field\":\"messages\",\"value\":{\"messages\":[{"
		"\"id\":\"A\",\"from\":\"5511999999999\"}]}}]}]}");
	struct json_object *message;

	ck_assert_int_eq(
		json_pointer_get(body, "/entry/0/changes/0/value/messages/0", &message), 0);
	json_object_object_foreach(members, name, value)
		json_object_object_add(message, name, json_object_get(value));
	return body;
}

/* A case as the others have it: {name, body, events}. */
static struct json_object *
expanded(struct json_object *c)
{
	struct json_object *plain_case = json_object_new_object();
	struct json_object *events = json_tokener_parse(
		"[{\"type\":\"message.exchange\",\"provider_event\":\"messages\",\"data\":{}}]");
	struct json_object *data = json_object_object_get(
		json_object_array_get_idx(events, 0), "data");

	json_object_object_add(data, "message", json_object_get(json_object_object_get(c, "is")));
	json_object_object_add(
		plain_case, "name", json_object_new_string(source_member(c, "name")));
	json_object_object_add(plain_case, "body", body_of(json_object_object_get(c, "message")));
	json_object_object_add(plain_case, "events", events);
	return plain_case;
}

START_TEST(what_no_capture_shows)
{
	const struct hsw_source_ops *ops = plugin();
	struct json_object *cases = source_read_cases("cloudapi", "cases", 170);

	for (size_t i = 0; i < json_object_array_length(cases); i++) {
		struct json_object *c = json_object_array_get_idx(cases, i);
		bool is_short = json_object_object_get_ex(c, "message", NULL);
		c = is_short ? expanded(c) : json_object_get(c);
		source_check_case(ops, &plain, c);
		json_object_put(c);
	}
	json_object_put(cases);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), &plain, "cloudapi", 22);
}
END_TEST

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ "", "body: is empty, expected a JSON object" },
		{ "[]", "body: expected a JSON object, found array" },
		{ "{\"entry\":[", "body: bad JSON: it ends after 10 bytes, too soon" },
		{ "{\"entry\":[],}", "body: bad JSON at byte 13: " },
		{ "{\"entry\":[]} x", "body: bad JSON at byte 14: " },
		{ "{}", "entry: is missing, expected an array" },
		{ "{\"entry\":null}", "entry: is missing, expected an array" },
		{ "{\"entry\":{\"id\":1}}", "entry: expected an array, found object" },
		{ "{\"entry\":\"x\"}", "entry: expected an array, found string" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_error err;
		void *self;
		int rc;
		ck_assert_int_eq(plugin()->open(NULL, NULL, &plain, &self, &err), HSW_OK);
		ck_assert_ptr_null(
			events_translate_with(plugin(), self, "", str(cases[i].body), &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_msg(strncmp(err.text, cases[i].text, strlen(cases[i].text)) == 0,
			"%s: expected \"%s\", found \"%s\"", cases[i].body, cases[i].text,
			err.text);
		plugin()->close(self);
	}
}
END_TEST

START_TEST(a_body_that_was_cut_anywhere_is_refused)
{
	const struct hsw_source_ops *ops = plugin();
	char path[1024];
	size_t len;
	void *self;
	struct hsw_error err;

	source_fixture_path(path, sizeof(path), "cloudapi/pywa-message-order", ".json");
	char *body = source_read_file(path, &len);
	ck_assert_int_eq(ops->open(NULL, NULL, &plain, &self, &err), HSW_OK);
	while (body[len - 1] == '\n')
		len--;
	for (size_t n = 0; n < len; n++) {
		int rc;
		ck_assert_ptr_null(events_translate_with(
			ops, self, "", (struct hsw_str){ body, n }, &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_uint_gt(strlen(err.text), 0);
	}
	ops->close(self);
	free(body);
}
END_TEST

/* ---- history ---- */

static const char old[] =
	"{\"entry\":[{\"changes\":[{\"field\":\"history\",\"value\":{\"metadata\":{"
	"\"display_phone_number\":\"551140000000\"},\"contacts\":[{\"wa_id\":\"5511999999999\","
	"\"profile\":{\"name\":\"Ana\"}}],\"history\":[{\"metadata\":{\"phase\":0},\"threads\":[{"
	"\"id\":\"5511999999999\",\"context\":{\"user_id\":\"BR.9\"},\"messages\":["
	"{\"id\":\"1\",\"from\":\"5511999999999\",\"type\":\"text\",\"text\":{\"body\":\"a\"}},"
	"{\"id\":\"2\",\"from\":\"551140000000\",\"to\":\"5511999999999\",\"type\":\"text\"},"
	"{\"id\":\"3\",\"history_context\":{\"from_me\":true},\"type\":\"media_placeholder\"},"
	"{\"id\":\"4\",\"from\":\"551140000000\",\"history_context\":{\"from_me\":false}},"
	"{\"id\":\"5\",\"from\":\"551199999999\",\"to\":\"551140000000\"}]}]},"
	"{\"errors\":[{\"code\":2593109}]}],"
	"\"messages\":[{\"id\":\"3\",\"from\":\"5511999999999\",\"type\":\"image\",\"image\":{}}]"
	"}}]}]}";

static const char *
text_at(struct json_object *events, const char *path)
{
	struct json_object *o = NULL;

	ck_assert_msg(json_pointer_get(events, path, &o) == 0, "no %s in %s", path,
		json_object_to_json_string(events));
	return json_object_get_string(o);
}

START_TEST(history_is_translated_where_it_is_wanted)
{
	static const struct conf conf = { NULL, NULL, true, 0, NULL };
	static const struct {
		const char *path, *text;
	} wanted[] = {
		/* What comes first of a value's lists are its messages. */
		{ "/0/data/id", "3" },
		{ "/0/data/message/type", "image" },
		{ "/0/data/history", "true" },
		{ "/1/data/id", "1" },
		{ "/1/data/history", "true" },
		{ "/1/data/direction", "incoming" },
		{ "/1/data/sender/name", "Ana" },
		{ "/2/data/direction", "outgoing" },
		{ "/2/data/chat/userId", "BR.9" },
		{ "/2/data/chat/jid", "5511999999999@s.whatsapp.net" },
		{ "/2/data/sender/jid", "551140000000@s.whatsapp.net" },
		{ "/2/data/recipient/jid", "5511999999999@s.whatsapp.net" },
		{ "/3/data/direction", "outgoing" },
		{ "/3/data/message/type", "unknown" },
		{ "/4/data/direction", "incoming" },
		/* A number that is written in two ways: it is not ours. */
		{ "/5/data/direction", "incoming" },
		{ "/5/data/chat/jid", "5511999999999@s.whatsapp.net" },
	};
	struct hsw_error err;
	struct json_object *events = events_translate(plugin(), &conf, "", str(old), &err);

	ck_assert_msg(events != NULL, "%s", err.text);
	ck_assert_uint_eq(json_object_array_length(events), 7);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		ck_assert_str_eq(text_at(events, wanted[i].path), wanted[i].text);
	/* The placeholder must not stand for the image that comes under the same id. */
	ck_assert_str_ne(text_at(events, "/0/identity"), text_at(events, "/3/identity"));
	ck_assert_ptr_null(json_object_object_get(json_object_array_get_idx(events, 6), "type"));
	json_object_put(events);
}
END_TEST

/* ---- many contacts ---- */

#define MANY 20000

/* Each status is of another contact: going through all of them for each is a matter of many seconds. */
START_TEST(time_grows_with_the_body_and_not_with_contacts_times_elements)
{
	struct hsw_error err;
	char *body = NULL;
	size_t len;
	FILE *out = open_memstream(&body, &len);

	fputs("{\"entry\":[{\"changes\":[{\"field\":\"messages\",\"value\":{\"contacts\":[", out);
	for (int i = 0; i < MANY; i++)
		fprintf(out, "%s{\"wa_id\":\"%d\",\"user_id\":\"US.%d\"}", i > 0 ? "," : "",
			i + MANY, i);
	fputs("],\"statuses\":[", out);
	for (int i = 0; i < MANY; i++)
		fprintf(out, "%s{\"id\":\"A\",\"status\":\"%s\",\"recipient_user_id\":\"US.%d\"}",
			i > 0 ? "," : "", i < MANY - 1 ? "deleted" : "read", i);
	fputs("]}}]}]}", out);
	fclose(out);
	clock_t start = clock();
	struct json_object *events = events_translate(
		plugin(), &plain, "", (struct hsw_str){ body, len }, &err);
	double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	ck_assert_msg(events != NULL, "%s", err.text);
	ck_assert_uint_eq(json_object_array_length(events), MANY);
	ck_assert_str_eq(text_at(events, "/19999/data/recipient"), "39999@s.whatsapp.net");
	ck_assert_msg(seconds < 2, "%f s", seconds);
	json_object_put(events);
	free(body);
}
END_TEST

/* ---- whose an event is ---- */

#define CHANGE(id, metadata)                                                         \
	"{\"field\":\"messages\",\"value\":{" metadata "\"messages\":[{\"id\":\"" id \
	"\",\"from\":\"5511999999999\"}]}}"
#define NUMBER(id) "\"metadata\":{\"phone_number_id\":" id "},"

/* The instance that each event of a body names; "-": none. */
static void
check_instances(const struct conf *conf, const char *body, const char *const *wanted)
{
	struct hsw_error err;
	struct json_object *events = events_translate(plugin(), conf, "", str(body), &err);
	size_t n = 0;

	ck_assert_msg(events != NULL, "%s", err.text);
	for (; wanted[n] != NULL; n++) {
		struct json_object *instance = json_object_object_get(
			json_object_array_get_idx(events, n), "instance");
		ck_assert_str_eq(
			instance != NULL ? json_object_get_string(instance) : "-", wanted[n]);
	}
	ck_assert_uint_eq(json_object_array_length(events), n);
	json_object_put(events);
}

START_TEST(each_change_is_of_its_numbers_instance)
{
	static const char *numbers[] = { "106: sales", "107 :support", NULL };
	static const struct conf by_number = { NULL, NULL, false, 1, numbers };
	static const struct conf by_id = { NULL, NULL, false, 1, NULL };
	static const char body[] = "{\"entry\":[{\"changes\":[" CHANGE(
		"A", NUMBER("\"107\"")) "," CHANGE("B", NUMBER("\"106\"")) "," CHANGE("C",
		NUMBER("106")) "," CHANGE("D", NUMBER("\"10\"")) "," CHANGE("E",
		"") "]},{\"changes\":[" CHANGE("F",
		NUMBER("\"107\"")) ",{\"field\":\"flows\",\"value\":{}}]},{\"id\":\"1\"}]}";
	static const char partner[] = "{\"event\":\"messages\",\"data\":{" NUMBER(
		"\"107\"") "\"messages\":[{\"id\":\"A\",\"from\":\"5511999999999\"}]}}";

	check_instances(&by_number, body,
		(const char *const[]){
			"support", "sales", "sales", "10", "-", "support", "-", "-", NULL });
	check_instances(&by_id, body,
		(const char *const[]){ "107", "106", "106", "10", "-", "107", "-", "-", NULL });
	check_instances(&plain, body,
		(const char *const[]){ "-", "-", "-", "-", "-", "-", "-", "-", NULL });
	check_instances(&by_number, partner, (const char *const[]){ "support", NULL });
}
END_TEST

START_TEST(events_name_instances_where_it_is_asked_for)
{
	static const struct conf by_id = { NULL, NULL, false, 1, NULL };
	struct hsw_error err;
	void *self;

	ck_assert_int_eq(plugin()->open(NULL, NULL, &by_id, &self, &err), HSW_OK);
	ck_assert_int_ne(plugin()->names_instances(self), 0);
	plugin()->close(self);
	ck_assert_int_eq(plugin()->open(NULL, NULL, &plain, &self, &err), HSW_OK);
	ck_assert_int_eq(plugin()->names_instances(self), 0);
	plugin()->close(self);
}
END_TEST

START_TEST(numbers_that_cannot_be_read_are_refused_with_the_reason)
{
	static const struct {
		const char *item, *text;
		int from;
	} cases[] = {
		{ "107: support", "numbers: needs instance_from = phone_number_id", 0 },
		{ "107", "numbers: found `107`, expected <phone number id>: <instance>", 1 },
		{ "107:", "numbers: found `107:`, expected", 1 },
		{ ": support", "numbers: found `: support`, expected", 1 },
		{ "sales: 107", "numbers: found `sales: 107`, expected", 1 },
		{ "107: sup port", "numbers: found `107: sup port`, expected", 1 },
		{ "107: s\303\244", "numbers: found `107: s\303\244`, expected", 1 },
		{ "+107: support", "numbers: found `+107: support`, expected", 1 },
		{ "123456789012345678901234567890123: support", "numbers: found `1234", 1 },
		{ "106: support", "numbers: 106 is there twice", 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *numbers[] = { "106: sales", cases[i].item, NULL };
		const struct conf conf = { NULL, NULL, false, cases[i].from, numbers };
		struct hsw_error err = { "" };
		void *self;
		ck_assert_int_eq(plugin()->open(NULL, NULL, &conf, &self, &err), HSW_EINVAL);
		ck_assert_msg(strncmp(err.text, cases[i].text, strlen(cases[i].text)) == 0,
			"expected \"%s\", found \"%s\"", cases[i].text, err.text);
	}
}
END_TEST

/* ---- proofs ---- */

static const char *signature; /* what the request brings */

static struct hsw_str
header(const struct hsw_request *request, const char *name)
{
	(void)request;
	ck_assert_str_eq(name, "X-Hub-Signature-256");
	return str(signature);
}

static int
verify(const struct conf *conf, const char *body, const char *given, struct hsw_error *err)
{
	const struct hsw_request request = {
		.size = sizeof(request), .body = str(body), .header = header
	};
	void *self;

	signature = given;
	ck_assert_int_eq(plugin()->open(NULL, NULL, conf, &self, err), HSW_OK);
	int rc = plugin()->verify(self, &request, err);
	plugin()->close(self);
	return rc;
}

/* HMAC-SHA256("app-secret", "{\"entry\":[]}") */
#define GOOD "fe6aaed5aff30b5679e782271914a2287bdd7de6bedb495c95c24ad91e5e3fdb"

START_TEST(signature_is_checked_over_the_raw_bytes_where_a_secret_is_set)
{
	static const struct conf conf = { "app-secret", NULL, false, 0, NULL };
	static const struct {
		const char *body, *signature, *text; /* text: NULL: it is good */
	} cases[] = {
		{ "{\"entry\":[]}", "sha256=" GOOD, NULL },
		{ "{\"entry\":[]}",
			"sha256=FE6AAED5AFF30B5679E782271914A2287BDD7DE6BEDB495C95C24AD91E5E3FDB",
			NULL },
		{ "{\"entry\":[]} ", "sha256=" GOOD, "not the one expected" },
		{ "", "sha256=" GOOD, "not the one expected" },
		{ "{\"entry\":[]}", NULL, "missing" },
		{ "{\"entry\":[]}", "", "not the one expected" },
		{ "{\"entry\":[]}", GOOD, "not the one expected" },
		{ "{\"entry\":[]}", "sha512=" GOOD, "not the one expected" },
		{ "{\"entry\":[]}", "sha256=", "not the one expected" },
		{ "{\"entry\":[]}", "sha256=" GOOD "00", "not the one expected" },
		{ "{\"entry\":[]}",
			"sha256=fe6aaed5aff30b5679e782271914a2287bdd7de6bedb495c95c24ad91e5e3fd",
			"not the one expected" },
		{ "{\"entry\":[]}",
			"sha256=fe6aaed5aff30b5679e782271914a2287bdd7de6bedb495c95c24ad91e5e3fdc",
			"not the one expected" },
		{ "{\"entry\":[]}",
			"sha256=ge6aaed5aff30b5679e782271914a2287bdd7de6bedb495c95c24ad91e5e3fdb",
			"not the one expected" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_error err = { "" };
		int rc = verify(&conf, cases[i].body, cases[i].signature, &err);
		ck_assert_int_eq(rc, cases[i].text == NULL ? HSW_OK : HSW_EAUTH);
		if (cases[i].text != NULL)
			ck_assert_ptr_nonnull(strstr(err.text, cases[i].text));
		ck_assert_int_eq(verify(&plain, cases[i].body, cases[i].signature, &err), HSW_OK);
	}
}
END_TEST

static int
ask(const struct conf *conf, const char *query, struct hsw_reply *reply, struct hsw_error *err)
{
	const struct hsw_request request = {
		.size = sizeof(request), .query = str(query), .header = header
	};
	void *self;

	*reply = (struct hsw_reply){ .size = sizeof(*reply), .status = 200 };
	ck_assert_int_eq(plugin()->open(NULL, NULL, conf, &self, err), HSW_OK);
	int rc = plugin()->challenge(self, &request, reply, err);
	plugin()->close(self);
	return rc;
}

START_TEST(challenge_is_answered_to_who_knows_the_token)
{
	static const struct conf conf = { NULL, "a&b c+d", false, 0, NULL };
#define TOKEN "hub.verify_token=a%26b+c%2Bd"
	static const struct {
		const char *query, *answer; /* answer: NULL: none */
		int rc;
	} cases[] = {
		{ "hub.mode=subscribe&hub.challenge=1158201444&" TOKEN, "1158201444", HSW_OK },
		{ TOKEN "&hub.challenge=a%2fb+c&hub.mode=subscribe", "a/b c", HSW_OK },
		{ "hub%2Emode=subscribe&x&&=&token=t&hub%2echallenge=1&" TOKEN, "1", HSW_OK },
		{ "hub.mode=subscribe&" TOKEN "&hub.challenge=1&hub.challenge=2", "1", HSW_OK },
		{ "hub.mode=unsubscribe&hub.challenge=1&" TOKEN, NULL, HSW_EINVAL },
		{ "hub.mode&hub.challenge=1&" TOKEN, NULL, HSW_EINVAL },
		{ "hub.challenge=1&" TOKEN, NULL, HSW_EINVAL },
		{ "", NULL, HSW_EINVAL },
		{ NULL, NULL, HSW_EINVAL },
		{ "hub.mode=subscribe&" TOKEN, NULL, HSW_EINVAL },
		{ "hub.mode=subscribe&hub.challenge=&" TOKEN, NULL, HSW_EINVAL },
		{ "hub.mode=subscribe&hub.challenge=%zz&" TOKEN, NULL, HSW_EINVAL },
		{ "hub.mode=subscribe&hub.challenge=1%2&" TOKEN, NULL, HSW_EINVAL },
		{ "hub.mode=subscribe&hub.challenge=1", NULL, HSW_EAUTH },
		{ "hub.mode=subscribe&hub.challenge=1&hub.verify_token=", NULL, HSW_EAUTH },
		{ "hub.mode=subscribe&hub.challenge=1&hub.verify_token=a%26b", NULL, HSW_EAUTH },
		{ "hub.mode=subscribe&hub.challenge=1&" TOKEN "d", NULL, HSW_EAUTH },
		{ "hub.mode=subscribe&hub.challenge=1&" TOKEN "%00", NULL, HSW_EAUTH },
		{ "hub.mode=subscribe&hub.challenge=1&hub.verify_token=a&" TOKEN, NULL, HSW_EAUTH },
	};
	struct hsw_reply reply;
	struct hsw_error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = ask(&conf, cases[i].query, &reply, &err);
		ck_assert_msg(rc == cases[i].rc, "%s: %d %s", cases[i].query, rc, err.text);
		if (rc != HSW_OK)
			continue;
		ck_assert_uint_eq(reply.len, strlen(cases[i].answer));
		ck_assert_int_eq(memcmp(reply.body, cases[i].answer, reply.len), 0);
		ck_assert_int_eq(reply.status, 200);
	}
	ck_assert_int_eq(ask(&plain, cases[0].query, &reply, &err), HSW_EAUTH);
}
END_TEST

START_TEST(challenge_is_as_long_as_a_reply_at_most)
{
	static const struct conf conf = { NULL, "t", false, 0, NULL };
	static const char start[] = "hub.mode=subscribe&hub.verify_token=t&hub.challenge=";
	char query[sizeof(start) + HSW_REPLY_MAX + 1];
	struct hsw_reply reply;
	struct hsw_error err;

	memcpy(query, start, sizeof(start));
	memset(query + sizeof(start) - 1, '7', HSW_REPLY_MAX + 1);
	query[sizeof(query) - 1] = '\0';
	ck_assert_int_eq(ask(&conf, query, &reply, &err), HSW_EINVAL);
	query[sizeof(query) - 2] = '\0';
	ck_assert_int_eq(ask(&conf, query, &reply, &err), HSW_OK);
	ck_assert_uint_eq(reply.len, HSW_REPLY_MAX);
}
END_TEST

UNIT_MAIN("source-cloudapi", every_payload_becomes_the_events_beside_it, what_no_capture_shows,
	identity_is_the_same_for_the_same_event_alone,
	bodies_that_cannot_be_read_are_refused_with_the_reason,
	a_body_that_was_cut_anywhere_is_refused, history_is_translated_where_it_is_wanted,
	time_grows_with_the_body_and_not_with_contacts_times_elements,
	each_change_is_of_its_numbers_instance, events_name_instances_where_it_is_asked_for,
	numbers_that_cannot_be_read_are_refused_with_the_reason,
	signature_is_checked_over_the_raw_bytes_where_a_secret_is_set,
	challenge_is_answered_to_who_knows_the_token, challenge_is_as_long_as_a_reply_at_most)
