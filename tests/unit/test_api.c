/* SPDX-License-Identifier: Apache-2.0 */
/* test_api.c - what the API is made of: rate limits, sealed values, typed JSON, the catalog. */
#include <string.h>

#include "api_json.h"
#include "catalog.h"
#include "ratelimit.h"
#include "seal.h"
#include "unit.h"

/* ---- rate limits ---- */

#define T0 1000000000000

static struct ratelimit_state state;

START_TEST(requests_over_the_limit_wait_for_the_next_window)
{
	struct ratelimit *r = ratelimit_new(3);

	for (int left = 2; left >= 0; left--) {
		ck_assert(ratelimit_take(r, 7, T0 + 10 * left, &state));
		ck_assert_int_eq(state.remaining, left);
		ck_assert_int_eq(state.limit, 3);
	}
	ck_assert(!ratelimit_take(r, 7, T0 + 59999, &state));
	ck_assert_int_eq(state.remaining, 0);
	ck_assert_int_eq(state.reset_s, (T0 + 20 + RATELIMIT_WINDOW_MS + 999) / 1000);
	ck_assert(ratelimit_take(r, 7, T0 + 20 + RATELIMIT_WINDOW_MS, &state));
	ck_assert_int_eq(state.remaining, 2);
	ratelimit_free(r);
}
END_TEST

START_TEST(each_key_has_its_own_window)
{
	struct ratelimit *r = ratelimit_new(1);

	ck_assert(ratelimit_take(r, 1, T0, &state));
	ck_assert(ratelimit_take(r, 1 + RATELIMIT_KEYS, T0, &state));
	ck_assert(ratelimit_take(r, 0, T0, &state));
	ck_assert(!ratelimit_take(r, 1, T0, &state));
	ck_assert(!ratelimit_take(r, 1 + RATELIMIT_KEYS, T0, &state));
	ratelimit_free(r);
}
END_TEST

START_TEST(keys_without_room_share_a_window)
{
	struct ratelimit *r = ratelimit_new(1);
	int allowed = 0;

	for (uint64_t i = 0; i < 100; i++)
		allowed += ratelimit_take(r, 5 + i * RATELIMIT_KEYS, T0, &state);
	ck_assert_int_gt(allowed, 1);
	ck_assert_int_lt(allowed, 100);
	ratelimit_free(r);
}
END_TEST

START_TEST(a_clock_that_goes_back_locks_nobody_out)
{
	struct ratelimit *r = ratelimit_new(1);

	ck_assert(ratelimit_take(r, 1, T0, &state));
	ck_assert(ratelimit_take(r, 1, T0 - 1000000, &state));
	ck_assert(!ratelimit_take(r, 1, T0 - 1000000, &state));
	ratelimit_free(r);
}
END_TEST

START_TEST(without_a_limit_all_pass)
{
	struct ratelimit *r = ratelimit_new(0);

	for (int i = 0; i < 1000; i++)
		ck_assert(ratelimit_take(r, 1, T0, &state));
	ck_assert_int_eq(state.limit, 0);
	ratelimit_free(r);
}
END_TEST

/* ---- sealed values ---- */

static const unsigned char salt[SEAL_SALT_BYTES] = "0123456789abcdef";
static struct hsw_error err;

static struct hsw_str
text(const struct buf *b)
{
	return (struct hsw_str){ b->data, b->len };
}

static struct seal *
new_seal(const char *key)
{
	struct seal *s = seal_new(key, salt, &err);

	ck_assert_ptr_nonnull(s);
	return s;
}

static const char hex_key[] = "000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char base64_key[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

START_TEST(a_sealed_value_comes_back_and_never_looks_the_same)
{
	static const char *const keys[] = { NULL, hex_key, base64_key, "a pass phrase", "" };
	static const struct hsw_str values[] = { { "", 0 }, { "x", 1 }, { "a\0b", 3 },
		{ "0123456789abcdef0", 17 } };

	for (size_t k = 0; k < 5; k++) {
		struct seal *s = new_seal(keys[k]);
		for (size_t i = 0; i < 4; i++) {
			struct buf sealed = BUF_INIT, again = BUF_INIT, value = BUF_INIT;
			ck_assert_int_eq(seal_close(s, str_of("me"), values[i], &sealed), HSW_OK);
			ck_assert_int_eq(seal_close(s, str_of("me"), values[i], &again), HSW_OK);
			ck_assert_int_eq(seal_is_encrypted(text(&sealed)), keys[k] != NULL);
			ck_assert_int_eq(str_equal(text(&sealed), text(&again)), keys[k] == NULL);
			ck_assert_int_eq(seal_open(s, str_of("me"), text(&sealed), &value), HSW_OK);
			ck_assert(str_equal(text(&value), values[i]));
			buf_free(&sealed);
			buf_free(&again);
			buf_free(&value);
		}
		seal_free(s);
	}
}
END_TEST

static int
open_with(const char *key, const char *of, struct hsw_str sealed)
{
	struct seal *s = new_seal(key);
	struct buf value = BUF_INIT;
	int rc = seal_open(s, str_of(of), sealed, &value);

	ck_assert(rc == HSW_OK || value.len == 0);
	buf_free(&value);
	seal_free(s);
	return rc;
}

START_TEST(hex_and_base64_are_the_same_key_and_a_phrase_is_another)
{
	struct seal *s = new_seal(hex_key);
	struct buf sealed = BUF_INIT;

	ck_assert_int_eq(seal_close(s, str_of("me"), str_of("secret"), &sealed), HSW_OK);
	ck_assert_int_eq(open_with(base64_key, "me", text(&sealed)), HSW_OK);
	ck_assert_int_eq(open_with("phrase", "me", text(&sealed)), HSW_EAUTH);
	ck_assert_int_eq(open_with(NULL, "me", text(&sealed)), HSW_EAUTH);
	ck_assert_int_eq(open_with(hex_key, "you", text(&sealed)), HSW_EAUTH);
	ck_assert_int_eq(open_with(hex_key, "me", str_of("secret")), HSW_EINVAL);
	buf_free(&sealed);
	seal_free(s);
}
END_TEST

START_TEST(every_damage_is_noticed)
{
	struct seal *s = new_seal(hex_key);
	struct buf sealed = BUF_INIT;

	ck_assert_int_eq(seal_close(s, str_of("me"), str_of("secret"), &sealed), HSW_OK);
	for (size_t i = 6; i < sealed.len; i++) {
		char before = sealed.data[i];
		sealed.data[i] = before == 'A' ? 'B' : 'A';
		/* The last digit before padding has bits that nothing uses. */
		if (sealed.data[i + 1 < sealed.len ? i + 1 : i] != '=')
			ck_assert_int_eq(open_with(hex_key, "me", text(&sealed)), HSW_EAUTH);
		sealed.data[i] = before;
	}
	for (size_t n = 6; n < sealed.len; n++)
		ck_assert_int_eq(
			open_with(hex_key, "me", (struct hsw_str){ sealed.data, n }), HSW_EAUTH);
	buf_free(&sealed);
	seal_free(s);
}
END_TEST

/* ---- JSON ---- */

static struct json_object *
parse(const char *body)
{
	struct json_object *root;

	ck_assert_int_eq(api_json_parse(str_of(body), &root, &err), HSW_OK);
	return root;
}

START_TEST(bad_json_is_told_with_its_place)
{
	static const struct {
		const char *body, *why;
	} cases[] = { { "", "empty" }, { " ", "too early" }, { "{\"a\":", "byte 5" },
		{ "{\"a\":1,}", "byte 7" }, { "{a:1}", "byte 1" }, { "{}{}", "byte 2" },
		{ "5", "object" }, { "\"a\"", "object" }, { "null", "object" },
		{ "{\"a\":\"\xff\"}", "utf-8" },
		{ "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "byte" } };
	struct json_object *root;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(api_json_parse(str_of(cases[i].body), &root, &err) == HSW_EINVAL,
			"%s", cases[i].body);
		ck_assert_ptr_null(root);
		ck_assert_msg(
			strstr(err.text, cases[i].why) != NULL, "%s: %s", cases[i].body, err.text);
	}
}
END_TEST

START_TEST(null_is_as_if_it_were_not_there)
{
	struct json_object *o = parse("{\"t\":null,\"b\":null,\"e\":null,\"h\":null} \r\n");
	struct event_list events = { .n = 1 };
	bool b = true, is_set = true;
	char *t = (char *)"x";

	ck_assert_int_eq(api_json_text(o, "t", 5, &t, &err), HSW_OK);
	ck_assert_ptr_null(t);
	ck_assert_int_eq(api_json_bool(o, "b", &b, &is_set, &err), HSW_OK);
	ck_assert(b && !is_set);
	ck_assert_int_eq(api_json_events(o, "e", &events, &err), HSW_OK);
	ck_assert_uint_eq(events.n, 0);
	ck_assert_int_eq(api_json_headers(o, "h", &t, &err), HSW_OK);
	ck_assert_ptr_null(t);
	json_object_put(o);
}
END_TEST

START_TEST(errors_begin_with_the_field)
{
	struct json_object *o = parse("{\"long\":\"123456\",\"ctl\":\"a\\tb\",\"number\":5,"
				      "\"list\":[\"call.update\",\"x\"],\"h\":{\"a\":\"\"}}");
	struct event_list events;
	bool b;
	char *t;

	ck_assert_int_eq(api_json_text(o, "long", 5, &t, &err), HSW_EINVAL);
	ck_assert_int_eq(strncmp(err.text, "long: ", 6), 0);
	ck_assert_int_eq(api_json_text(o, "ctl", 5, &t, &err), HSW_EINVAL);
	ck_assert_int_eq(strncmp(err.text, "ctl: ", 5), 0);
	ck_assert_int_eq(api_json_text(o, "number", 5, &t, &err), HSW_EINVAL);
	ck_assert_str_eq(err.text, "number: expected a string, found int");
	ck_assert_int_eq(api_json_bool(o, "number", &b, NULL, &err), HSW_EINVAL);
	ck_assert_str_eq(err.text, "number: expected true or false, found int");
	ck_assert_int_eq(api_json_events(o, "list", &events, &err), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "list: unknown event `x`"));
	ck_assert_int_eq(api_json_headers(o, "h", &t, &err), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "h: a is empty"));
	ck_assert_int_eq(
		api_json_check_names(o,
			(const char *const[]){ "long", "ctl", "numbers", "list", "h", NULL }, &err),
		HSW_EINVAL);
	ck_assert_str_eq(err.text, "number: unknown field, did you mean numbers?");
	json_object_put(o);
}
END_TEST

START_TEST(events_keep_their_order_and_come_once)
{
	struct json_object *o = parse(
		"{\"e\":[\"label.update\",\"message.exchange\",\"label.update\"]}");
	struct event_list events;
	struct buf out = BUF_INIT;

	ck_assert_int_eq(api_json_events(o, "e", &events, &err), HSW_OK);
	event_list_print(&events, &out);
	ck_assert(str_is(text(&out), "[\"label.update\",\"message.exchange\"]"));
	ck_assert_uint_eq(
		event_list_bits(&events), 1u << TYPE_LABEL_UPDATE | 1u << TYPE_MESSAGE_EXCHANGE);
	buf_free(&out);
	json_object_put(o);
}
END_TEST

/* ---- the catalog ---- */

START_TEST(a_view_keeps_what_it_shows)
{
	const struct config config = { .ingest.auto_create = false };
	struct catalog *c = catalog_new(&config);
	struct catalog_view view = { 0 };
	const struct websocket_setting none = { 0 };
	const char *const names[] = { "m", "a", "z", "mm", "b" };

	for (size_t i = 0; i < 5; i++) {
		struct instance *one = instance_new(str_of(names[i]), NULL, names[i]);
		ck_assert_int_eq(catalog_put(c, one, &none), HSW_OK);
		instance_unref(one);
	}
	catalog_view_set(&view, c, catalog_master(c)->now);
	ck_assert_int_eq(catalog_remove(c, str_of("m")), HSW_OK);
	ck_assert_int_eq(catalog_remove(c, str_of("nobody")), HSW_OK);
	ck_assert_ptr_nonnull(catalog_find(&view, str_of("m")));
	ck_assert_ptr_null(catalog_find(catalog_master(c), str_of("m")));
	ck_assert_ptr_null(catalog_find_token(catalog_master(c), str_of("m")));
	catalog_view_set(&view, c, catalog_master(c)->now);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(catalog_find(&view, str_of(names[i])) != NULL, i != 0);
	ck_assert(str_is(catalog_find_token(&view, str_of("mm"))->name, "mm"));
	ck_assert_ptr_null(catalog_find_token(&view, str_of("")));
	catalog_view_fini(&view);
	catalog_free(c);
	metrics_free();
}
END_TEST

START_TEST(a_view_keeps_the_websocket_that_it_shows)
{
	const struct config config = { .ingest.auto_create = false };
	const struct websocket_setting none = { 0 };
	const struct websocket_setting set = { true, true, 1u << TYPE_LABEL_UPDATE | 1u };
	struct catalog *c = catalog_new(&config);
	struct catalog_view view = { 0 };
	struct instance *i = instance_new(str_of("a"), NULL, NULL);
	struct websocket_setting got;

	ck_assert_int_eq(catalog_put(c, i, &none), HSW_OK);
	catalog_view_set(&view, c, catalog_master(c)->now);
	ck_assert_int_eq(catalog_put(c, i, &set), HSW_OK);
	ck_assert_ptr_eq(catalog_find_websocket(&view, str_of("a"), &got), i);
	ck_assert(!got.enabled && !got.media_base64 && got.events == 0);
	ck_assert_ptr_null(catalog_find_websocket(&view, str_of("b"), &got));
	catalog_view_set(&view, c, catalog_master(c)->now);
	ck_assert_ptr_eq(catalog_find_websocket(&view, str_of("a"), &got), i);
	ck_assert(got.enabled && got.media_base64);
	ck_assert_uint_eq(got.events, set.events);
	catalog_view_fini(&view);
	catalog_free(c);
	instance_unref(i);
	metrics_free();
}
END_TEST

UNIT_MAIN("api", requests_over_the_limit_wait_for_the_next_window, each_key_has_its_own_window,
	keys_without_room_share_a_window, a_clock_that_goes_back_locks_nobody_out,
	without_a_limit_all_pass, a_sealed_value_comes_back_and_never_looks_the_same,
	hex_and_base64_are_the_same_key_and_a_phrase_is_another, every_damage_is_noticed,
	bad_json_is_told_with_its_place, null_is_as_if_it_were_not_there,
	errors_begin_with_the_field, events_keep_their_order_and_come_once,
	a_view_keeps_what_it_shows, a_view_keeps_the_websocket_that_it_shows)
