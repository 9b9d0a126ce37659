/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the records of the settings: what is written comes back, secrets are sealed to their place. */
#include "unit.h"

#include <string.h>

#include "record.h"

static const unsigned char salt[SEAL_SALT_BYTES] = "0123456789abcde";
static const struct hsw_str sales = { "sales", 5 }, other = { "other", 5 };
static const struct hsw_str label = { "default", 7 };
static struct seal *plain, *keyed, *stranger;

static void
setup(void)
{
	struct hsw_error err;

	plain = seal_new(NULL, salt, &err);
	keyed = seal_new(
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", salt, &err);
	stranger = seal_new(
		"ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", salt, &err);
	ck_assert(plain != NULL && keyed != NULL && stranger != NULL);
}

static void
teardown(void)
{
	seal_free(plain);
	seal_free(keyed);
	seal_free(stranger);
}

static void
set(char **member, const char *text)
{
	*member = strdup(text);
	ck_assert_ptr_nonnull(*member);
}

/* A webhook with all that it can have. */
static void
print_full(struct seal *seal, struct buf *text)
{
	struct webhook *w = webhook_new(label);

	ck_assert_ptr_nonnull(w);
	w->enabled = w->by_events = w->is_dashed = w->media_base64 = true;
	w->only = ONLY_OUTGOING;
	w->events = (struct event_list){ { TYPE_CALL_UPDATE, TYPE_MESSAGE_EXCHANGE }, 2 };
	set(&w->url, "https://h/\"x\"");
	set(&w->authorization, "Bearer SECRET-a");
	set(&w->secret, "SECRET-s");
	set(&w->headers, "A: SECRET-h\nB: c");
	set(&w->format, "data");
	set(&w->aliases, "MESSAGES_UPSERT");
	record_print_webhook(seal, sales, w, text);
	ck_assert(!text->failed);
	webhook_free(w);
}

START_TEST(a_webhook_comes_back_with_all_it_has)
{
	struct seal *const seals[] = { plain, keyed };

	for (size_t i = 0; i < 2; i++) {
		struct buf text = BUF_INIT;
		print_full(seals[i], &text);
		struct webhook *w = record_read_webhook(seals[i], sales, label, str_of_buf(&text));
		ck_assert_ptr_nonnull(w);
		ck_assert(w->enabled && w->by_events && w->is_dashed && w->media_base64);
		ck_assert_int_eq(w->only, ONLY_OUTGOING);
		ck_assert_uint_eq(w->events.n, 2);
		ck_assert_int_eq(w->events.types[0], TYPE_CALL_UPDATE);
		ck_assert_int_eq(w->events.types[1], TYPE_MESSAGE_EXCHANGE);
		ck_assert_str_eq(w->label, "default");
		ck_assert_str_eq(w->url, "https://h/\"x\"");
		ck_assert_str_eq(w->authorization, "Bearer SECRET-a");
		ck_assert_str_eq(w->secret, "SECRET-s");
		ck_assert_str_eq(w->headers, "A: SECRET-h\nB: c");
		ck_assert_str_eq(w->format, "data");
		ck_assert_str_eq(w->aliases, "MESSAGES_UPSERT");
		ck_assert_uint_eq(webhook_undecryptable(w), 0);
		webhook_free(w);
		buf_free(&text);
	}
}
END_TEST

START_TEST(with_a_key_no_secret_can_be_read_in_a_record)
{
	struct buf text = BUF_INIT;

	print_full(keyed, &text);
	ck_assert_ptr_null(memmem(text.data, text.len, "SECRET", 6));
	ck_assert_ptr_null(memmem(text.data, text.len, "plain:", 6));
	buf_free(&text);
}
END_TEST

START_TEST(a_secret_opens_with_its_key_and_in_its_place_only)
{
	const struct {
		struct seal *seal;
		struct hsw_str instance, label;
	} rows[] = { { stranger, sales, label }, { plain, sales, label }, { keyed, other, label },
		{ keyed, sales, { "second", 6 } } };
	struct buf text = BUF_INIT;

	print_full(keyed, &text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct webhook *w = record_read_webhook(
			rows[i].seal, rows[i].instance, rows[i].label, str_of_buf(&text));
		ck_assert_ptr_nonnull(w);
		ck_assert_ptr_null(w->authorization);
		ck_assert_ptr_null(w->secret);
		ck_assert_ptr_null(w->headers);
		/* It is kept for a key that may come back. */
		ck_assert_uint_eq(webhook_undecryptable(w),
			WEBHOOK_AUTHORIZATION | WEBHOOK_SECRET | WEBHOOK_HEADERS);
		for (size_t c = 0; c < CREDENTIAL_COUNT; c++)
			ck_assert(w->sealed[c] == NULL || seal_is_encrypted(str_of(w->sealed[c])));
		ck_assert_str_eq(w->url, "https://h/\"x\"");
		webhook_free(w);
	}
	buf_free(&text);
}
END_TEST

/* Another change of the webhook writes all of its record. */
START_TEST(what_cannot_be_opened_is_written_as_it_was)
{
	struct buf text = BUF_INIT, again = BUF_INIT;

	print_full(keyed, &text);
	struct webhook *w = record_read_webhook(stranger, sales, label, str_of_buf(&text));
	ck_assert_ptr_nonnull(w);
	record_print_webhook(stranger, sales, w, &again);
	webhook_free(w);
	w = record_read_webhook(keyed, sales, label, str_of_buf(&again));
	ck_assert_ptr_nonnull(w);
	ck_assert_uint_eq(webhook_undecryptable(w), 0);
	ck_assert_str_eq(w->authorization, "Bearer SECRET-a");
	ck_assert_str_eq(w->secret, "SECRET-s");
	ck_assert_str_eq(w->headers, "A: SECRET-h\nB: c");
	webhook_free(w);
	buf_free(&text);
	buf_free(&again);
}
END_TEST

START_TEST(members_that_are_missing_are_not_set)
{
	struct webhook *w = record_read_webhook(plain, sales, label, str_of("{}"));

	ck_assert_ptr_nonnull(w);
	ck_assert(!w->enabled && !w->by_events && !w->is_dashed && !w->media_base64);
	ck_assert_int_eq(w->only, ONLY_ALL);
	ck_assert_uint_eq(w->events.n, 0);
	ck_assert(w->url == NULL && w->authorization == NULL && w->headers == NULL);
	webhook_free(w);
}
END_TEST

START_TEST(damaged_records_are_refused)
{
	static const char *const rows[] = { "", "[]", "null", "\"x\"", "{", "{\"enabled\":true",
		"x" };
	unsigned char read[SEAL_SALT_BYTES];
	struct websocket socket;
	struct buf check = BUF_INIT;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct hsw_str text = str_of(rows[i]);
		ck_assert_ptr_null(record_read_webhook(plain, sales, label, text));
		ck_assert_ptr_null(record_read_instance(plain, sales, text));
		ck_assert(!record_read_websocket(text, &socket));
		ck_assert(!record_read_key(text, read, &check));
	}
	buf_free(&check);
}
END_TEST

/* Nobody shall get more than was asked for by a version that knew more. */
START_TEST(a_part_of_a_type_that_is_not_known_is_refused)
{
	ck_assert_ptr_null(record_read_webhook(
		plain, sales, label, str_of("{\"enabled\":true,\"only\":\"tomorrow\"}")));
}
END_TEST

START_TEST(an_instance_comes_back_and_without_its_key_has_no_token)
{
	struct buf text = BUF_INIT;
	struct instance_settings made = { .created_ms = 1795239228123, .updated_ms = 2 };

	made.instance = instance_new(sales, "0b5f", "SECRET-t");
	record_print_instance(keyed, &made, &text);
	instance_unref(made.instance);
	ck_assert_ptr_null(memmem(text.data, text.len, "SECRET", 6));
	for (int i = 0; i < 2; i++) {
		struct instance_settings *read = record_read_instance(
			i == 0 ? keyed : stranger, sales, str_of_buf(&text));
		ck_assert_ptr_nonnull(read);
		ck_assert_str_eq(read->instance->id, "0b5f");
		ck_assert_int_eq(read->created_ms, 1795239228123);
		ck_assert_int_eq(read->updated_ms, 2);
		ck_assert(i == 0 ? str_is(read->instance->token, "SECRET-t")
				 : read->instance->token.s == NULL);
		/* It is written as it was by what changes the instance else. */
		struct buf again = BUF_INIT;
		record_print_instance(stranger, read, &again);
		ck_assert(i == 0 || str_equal(str_of_buf(&again), str_of_buf(&text)));
		buf_free(&again);
		instance_unref(read->instance);
		free(read->sealed_token);
		free(read);
	}
	buf_free(&text);
}
END_TEST

START_TEST(the_key_record_tells_its_key_from_others)
{
	unsigned char read[SEAL_SALT_BYTES];
	struct buf text = BUF_INIT, check = BUF_INIT;

	record_print_key(keyed, salt, &text);
	ck_assert(record_read_key(str_of_buf(&text), read, &check));
	ck_assert_int_eq(memcmp(read, salt, sizeof(salt)), 0);
	ck_assert(record_is_key(keyed, str_of_buf(&check)));
	ck_assert(!record_is_key(stranger, str_of_buf(&check)));
	ck_assert(!record_is_key(plain, str_of_buf(&check)));
	ck_assert(!record_is_key(keyed, str_of("")));
	ck_assert(!record_is_key(keyed, str_of("plain:other")));
	buf_free(&text);
	buf_free(&check);
}
END_TEST

START_TEST(salts_are_32_hex_digits)
{
	static const char *const rows[] = { "{\"salt\":\"00\"}", "{\"salt\":7}", "{}",
		"{\"salt\":\"000102030405060708090a0b0c0d0e0g\"}",
		"{\"salt\":\"000102030405060708090a0b0c0d0e0f00\"}",
		"{\"salt\":\" 1 2 3 4 5 6 7 8 9 a b c d e f 0\"}",
		"{\"salt\":\"+1+2+3+4+5+6+7+8+9+a+b+c+d+e+f+0\"}" };
	unsigned char read[SEAL_SALT_BYTES];
	struct buf check = BUF_INIT;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(!record_read_key(str_of(rows[i]), read, &check), "%s", rows[i]);
	buf_free(&check);
}
END_TEST

START_TEST(another_key_reseals_all_secrets_or_none)
{
	struct buf text = BUF_INIT, resealed = BUF_INIT, failed = BUF_INIT;

	print_full(keyed, &text);
	struct hsw_store_record record = { str_of(record_webhook), str_of("sales/default"),
		str_of_buf(&text) };
	ck_assert_int_eq(record_reseal(&record, keyed, stranger, NULL, &resealed), HSW_OK);
	struct webhook *w = record_read_webhook(stranger, sales, label, str_of_buf(&resealed));
	ck_assert_str_eq(w->authorization, "Bearer SECRET-a");
	ck_assert_str_eq(w->secret, "SECRET-s");
	ck_assert_str_eq(w->headers, "A: SECRET-h\nB: c");
	webhook_free(w);
	ck_assert_int_eq(record_reseal(&record, stranger, keyed, NULL, &failed), HSW_EAUTH);
	ck_assert_uint_eq(failed.len, 0);
	record.text = str_of("[]");
	ck_assert_int_eq(record_reseal(&record, keyed, stranger, NULL, &failed), HSW_EINVAL);
	buf_free(&text);
	buf_free(&resealed);
	buf_free(&failed);
}
END_TEST

struct given_up {
	char names[8][64];
	size_t n;
};

static void
note_lost(void *arg, const struct hsw_store_record *r, const char *member)
{
	struct given_up *g = arg;

	ck_assert(g->n < 8);
	snprintf(g->names[g->n++], sizeof(g->names[0]), "%.*s %s", (int)r->name.len, r->name.s,
		member);
}

/* Of two secrets one is damaged: only that is given up, and is missed from then on. */
START_TEST(what_cannot_be_opened_is_given_up_where_that_is_asked_for)
{
	struct given_up given = { .n = 0 };
	const struct record_losses losses = { &given, note_lost };
	struct buf mine = BUF_INIT, theirs = BUF_INIT, resealed = BUF_INIT, again = BUF_INIT;
	struct webhook *w = webhook_new(label);

	set(&w->secret, "SECRET-s");
	record_print_webhook(keyed, sales, w, &mine);
	webhook_free(w);
	w = record_read_webhook(keyed, sales, label, str_of_buf(&mine));
	set(&w->sealed[CREDENTIAL_AUTHORIZATION], "enc:1:AAAA");
	set(&w->sealed[CREDENTIAL_HEADERS], "neither");
	record_print_webhook(keyed, sales, w, &theirs);
	webhook_free(w);
	struct hsw_store_record record = { str_of(record_webhook), str_of("sales/default"),
		str_of_buf(&theirs) };
	ck_assert_int_eq(record_reseal(&record, keyed, stranger, &losses, &resealed), HSW_OK);
	ck_assert_uint_eq(given.n, 2);
	ck_assert_str_eq(given.names[0], "sales/default authorization");
	ck_assert_str_eq(given.names[1], "sales/default headers");
	w = record_read_webhook(stranger, sales, label, str_of_buf(&resealed));
	ck_assert_str_eq(w->secret, "SECRET-s");
	ck_assert_uint_eq(webhook_undecryptable(w), WEBHOOK_AUTHORIZATION | WEBHOOK_HEADERS);
	ck_assert_str_eq(w->sealed[CREDENTIAL_AUTHORIZATION], record_lost);
	webhook_free(w);
	/* It is no trouble for the next key, and is not given up twice. */
	record.text = str_of_buf(&resealed);
	ck_assert_int_eq(record_reseal(&record, stranger, keyed, NULL, &again), HSW_OK);
	w = record_read_webhook(keyed, sales, label, str_of_buf(&again));
	ck_assert_str_eq(w->secret, "SECRET-s");
	ck_assert_uint_eq(webhook_undecryptable(w), WEBHOOK_AUTHORIZATION | WEBHOOK_HEADERS);
	webhook_free(w);
	record.text = str_of("[]");
	ck_assert_int_eq(record_reseal(&record, keyed, stranger, &losses, &again), HSW_EINVAL);
	buf_free(&mine);
	buf_free(&theirs);
	buf_free(&resealed);
	buf_free(&again);
}
END_TEST

/* ---- versions ---- */

/* A store that looks at one batch. */
struct looked {
	size_t n;
	enum hsw_write_kind first;
	struct buf before, text;
	int answer;
};

static int
look_at_batch(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	struct looked *l = self;

	(void)err;
	buf_free(&l->before);
	buf_free(&l->text);
	l->n = n;
	l->first = writes[0]->kind;
	buf_append(&l->before, writes[0]->text.s, writes[0]->text.len);
	buf_append(&l->text, writes[0]->record->text.s, writes[0]->record->text.len);
	ck_assert(str_is(writes[0]->record->kind, record_version));
	return l->answer;
}

START_TEST(each_change_replaces_the_version_it_follows_before_all_else)
{
	static const struct hsw_store_ops ops = { .size = sizeof(ops), .commit = look_at_batch };
	struct looked l = { .before = BUF_INIT, .text = BUF_INIT };
	const struct store_port store = { &ops, &l };
	struct buf version = BUF_INIT;

	for (int i = 0; i < 3; i++) {
		struct buf next = BUF_INIT;
		struct record_batch b;
		struct hsw_error err;
		record_batch_init(&b);
		record_follow(&b, str_of_buf(&version), &next);
		record_forget(&b, record_instance, sales, NULL);
		l.answer = i == 2 ? HSW_ENOENT : HSW_OK;
		ck_assert_int_eq(record_commit(&b, &store, &err), l.answer);
		ck_assert_uint_eq(l.n, 2);
		ck_assert_int_eq(l.first, HSW_WRITE_RECORD_IF);
		ck_assert(str_equal(str_of_buf(&l.before), str_of_buf(&version)));
		ck_assert(str_equal(str_of_buf(&l.text), str_of_buf(&next)));
		ck_assert(next.len > 0 && !str_equal(str_of_buf(&next), str_of_buf(&version)));
		buf_free(&version);
		version = next;
	}
	buf_free(&version);
	buf_free(&l.before);
	buf_free(&l.text);
}
END_TEST

/* ---- what a webhook keeps ---- */

START_TEST(what_is_kept_is_that_of_the_last_one_it_was_kept_of)
{
	struct webhook *w = webhook_new(label), *before = webhook_new(label);

	ck_assert(w != NULL && before != NULL);
	set(&before->secret, "SECRET-s");
	set(&before->secret_old, "SECRET-o");
	set(&before->format, "data");
	set(&before->sealed[CREDENTIAL_HEADERS], "sealed");
	ck_assert_int_eq(webhook_keep(w, before, WEBHOOK_EXTRAS), HSW_OK);
	ck_assert_str_eq(w->secret, "SECRET-s");
	ck_assert_str_eq(w->secret_old, "SECRET-o");
	ck_assert_str_eq(w->format, "data");
	ck_assert_str_eq(w->sealed[CREDENTIAL_HEADERS], "sealed");
	ck_assert_int_eq(webhook_keep(w, NULL, WEBHOOK_SECRET_OLD), HSW_OK);
	ck_assert_ptr_null(w->secret_old);
	ck_assert_str_eq(w->secret, "SECRET-s");
	ck_assert_int_eq(webhook_keep(w, before, WEBHOOK_EXTRAS), HSW_OK);
	ck_assert_str_eq(w->secret_old, "SECRET-o");
	ck_assert_int_eq(webhook_keep(w, NULL, WEBHOOK_EXTRAS), HSW_OK);
	ck_assert_ptr_null(w->secret);
	ck_assert_ptr_null(w->secret_old);
	ck_assert_ptr_null(w->format);
	ck_assert_uint_eq(webhook_undecryptable(w), 0);
	webhook_free(w);
	webhook_free(before);
}
END_TEST

START_TEST(what_was_seen_comes_back_where_it_is_whole)
{
	static const char *const damaged[] = { "", "[]", "{\"at\":1,\"state\":\"a\"}",
		"{\"at\":0,\"id\":\"\",\"state\":\"a\",\"numberJid\":\"\"}",
		("{\"at\":1,\"id\":\"\",\"numberJid\":\"\","
		 "\"state\":\"an invented state that is longer than any\"}") };
	const struct instance_seen seen = { .state = "connected", .jid = "5511@\"s", .at_ms = 7 };
	struct instance *i = instance_new(sales, "an-id", NULL);
	struct buf text = BUF_INIT;
	struct instance_seen back;
	char id[INSTANCE_ID_SIZE];

	record_print_state(i, &seen, &text);
	ck_assert(record_read_state(str_of_buf(&text), id, &back));
	ck_assert_str_eq(id, "an-id");
	ck_assert_str_eq(back.state, seen.state);
	ck_assert_str_eq(back.jid, seen.jid);
	ck_assert_int_eq(back.at_ms, 7);
	for (size_t n = 0; n < sizeof(damaged) / sizeof(damaged[0]); n++)
		ck_assert(!record_read_state(str_of(damaged[n]), id, &back));
	buf_free(&text);
	instance_unref(i);
}
END_TEST

UNIT_MAIN_WITH("record", setup, teardown, a_webhook_comes_back_with_all_it_has,
	with_a_key_no_secret_can_be_read_in_a_record,
	a_secret_opens_with_its_key_and_in_its_place_only,
	what_cannot_be_opened_is_written_as_it_was, members_that_are_missing_are_not_set,
	damaged_records_are_refused, a_part_of_a_type_that_is_not_known_is_refused,
	an_instance_comes_back_and_without_its_key_has_no_token,
	the_key_record_tells_its_key_from_others, salts_are_32_hex_digits,
	another_key_reseals_all_secrets_or_none,
	what_cannot_be_opened_is_given_up_where_that_is_asked_for,
	each_change_replaces_the_version_it_follows_before_all_else,
	what_is_kept_is_that_of_the_last_one_it_was_kept_of,
	what_was_seen_comes_back_where_it_is_whole)
