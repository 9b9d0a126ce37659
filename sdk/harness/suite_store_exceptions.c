/* SPDX-License-Identifier: Apache-2.0 */
/* suite_store_exceptions.c - what every store plugin must do with retries and dead letters. */
#include "store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "suite.h"

#define assert_ok(call) expect_that((call) == HSW_OK, "%s: %s", #call, error.text)

/* ---- retries ---- */

static struct hsw_store_exception seen;
static char seen_text[64], seen_body[64];

static int
see(void *arg, const struct hsw_store_exception *x)
{
	(void)arg;
	seen = *x;
	snprintf(seen_text, sizeof(seen_text), "%.*s", (int)x->text.len, x->text.s);
	snprintf(seen_body, sizeof(seen_body), "%.*s", (int)x->event->body.len, x->event->body.s);
	expect_eq(x->event->seq, x->seq);
	expect_eq(x->event->received_ms, 77);
	return HSW_OK;
}

static void
a_retry_is_replaced_and_comes_back_without_the_body(void)
{
	attach("crm");
	int64_t seq = append("the body", 77);

	set_retry("crm", seq, 1, 1000);
	set_retry("crm", seq, 2, 5000);
	rig_reopen();
	attach("crm");
	expect_ne(*retries_of("crm"), 0);
	assert_ok(ops->retries(store, str("crm"), 0, 10, see, NULL, &error));
	expect_eq(seen.attempts, 2);
	expect_eq(seen.due_ms, 5000);
	expect_eq(seen.status, 503);
	expect_text(seen_text, "try later");
	expect_text(seen_body, "");
}

static int
stop_at_once(void *arg, const struct hsw_store_exception *x)
{
	(void)x;
	++*(int *)arg;
	return HSW_ECLOSED;
}

static void
retries_are_listed_by_destination_and_seq(void)
{
	int calls = 0;

	attach("crm");
	attach("erp");
	append_many(5, 1);
	set_retry("erp", 2, 1, 1);
	set_retry("crm", 4, 1, 1);
	set_retry("crm", 1, 1, 9);
	set_retry("crm", 3, 1, 1);
	expect_text(retries_of("crm"), "crm:1 crm:3 crm:4");
	expect_text(retries_of("erp"), "erp:2");
	expect_text(retries_of("nobody"), "");
	set_settled("crm", 3);
	set_settled("crm", 2); /* of another destination: nothing happens */
	expect_text(retries_of("crm"), "crm:1 crm:4");
	expect_text(retries_of("erp"), "erp:2");
	assert_ok(ops->retries(store, str("crm"), 1, 10, stop_at_once, &calls, &error));
	expect_eq(calls, 1);
	assert_ok(ops->retries(store, str("crm"), 4, 10, stop_at_once, &calls, &error));
	expect_eq(calls, 1);
	assert_ok(ops->retries(store, str("crm"), 0, 0, stop_at_once, &calls, &error));
	expect_eq(calls, 1);
}

/* ---- dead letters ---- */

/* Dead letters crm:1 crm:2 crm:4 erp:2; event bodies and ids are "1" to "5". */
static void
make_dead(void)
{
	attach("crm");
	attach("erp");
	attach("idle");
	append_many(5, 77);
	set_retry("crm", 2, 3, 1);
	set_dead("crm", 4, 5, 40);
	set_dead("crm", 1, 5, 10);
	set_dead("crm", 2, 5, 20);
	set_dead("erp", 2, 6, 25);
}

static struct hsw_dead_query
query(const char *destination, const char *id)
{
	static char padded[HSW_EVENT_ID_BYTES];
	struct hsw_dead_query q = { .destination = str(destination) };

	if (id != NULL) {
		memset(padded, 0, sizeof(padded));
		memcpy(padded, id, strlen(id));
		q.id = (struct hsw_str){ padded, sizeof(padded) };
	}
	return q;
}

static int
count_exception(void *arg, const struct hsw_store_exception *x)
{
	(void)x;
	++*(int *)arg;
	return HSW_OK;
}

static int
count_dead(struct hsw_dead_query q)
{
	int n = 0;

	assert_ok(ops->dead(store, &q, count_exception, &n, &error));
	return n;
}

static void
a_dead_letter_takes_the_place_of_its_retry(void)
{
	make_dead();
	expect_text(retries_of("crm"), "");
	rig_reopen();
	expect_text(dead_of("crm"), "crm:1 crm:2 crm:4");
	expect_text(dead_of("erp"), "erp:2");
	expect_text(dead_of("idle"), "");
	expect_text(dead_of("nobody"), "");
}

static void
dead_letters_tell_everything(void)
{
	make_dead();
	struct hsw_dead_query q = query("erp", NULL);
	assert_ok(ops->dead(store, &q, see, NULL, &error));
	expect_eq(seen.seq, 2);
	expect_eq(seen.attempts, 6);
	expect_eq(seen.at_ms, 25);
	expect_eq(seen.status, 410);
	expect_text(seen_text, "gone");
	expect_text(seen_body, "");
	q.with_body = 1;
	assert_ok(ops->dead(store, &q, see, NULL, &error));
	expect_text(seen_body, "2");
}

static void
dead_letters_are_found_by_destination_id_and_page(void)
{
	make_dead();
	expect_eq(count_dead(query("", NULL)), 4);
	expect_eq(count_dead(query("", "2")), 2);
	expect_eq(count_dead(query("crm", "2")), 1);
	expect_eq(count_dead(query("crm", "3")), 0);
	struct hsw_dead_query page = query("crm", NULL);
	page.limit = 2;
	expect_eq(count_dead(page), 2);
	page.after = 2;
	expect_eq(count_dead(page), 1);
	page.after = 4;
	expect_eq(count_dead(page), 0);
	page = query("", NULL);
	page.after = 1;
	expect_eq(count_dead(page), 3);
}

struct counts {
	int64_t crm, erp;
	int n;
};

static int
add_count(void *arg, struct hsw_str destination, int64_t count)
{
	struct counts *c = arg;

	c->n++;
	if (destination.len == 3 && memcmp(destination.s, "crm", 3) == 0)
		c->crm = count;
	else
		c->erp = count;
	return HSW_OK;
}

static void
dead_letters_are_counted_for_each_destination(void)
{
	struct counts c = { 0 };

	assert_ok(ops->dead_counts(store, add_count, &c, &error));
	expect_eq(c.n, 0);
	make_dead();
	assert_ok(ops->dead_counts(store, add_count, &c, &error));
	expect_eq(c.n, 2);
	expect_eq(c.crm, 3);
	expect_eq(c.erp, 1);
}

static size_t
replay(struct hsw_dead_query q)
{
	size_t n = SIZE_MAX;

	assert_ok(ops->dead_replay(store, &q, 123, &n, &error));
	return n;
}

static void
replayed_letters_are_retries_without_attempts(void)
{
	make_dead();
	set_retry("crm", 5, 2, 9);
	expect_eq(replay(query("crm", NULL)), 3);
	rig_reopen();
	expect_text(retries_of("crm"), "crm:1 crm:2 crm:4 crm:5");
	expect_text(dead_of(""), "erp:2");
	assert_ok(ops->retries(store, str("crm"), 2, 1, see, NULL, &error));
	expect_eq(seen.seq, 4);
	expect_eq(seen.attempts, 0);
	expect_eq(seen.due_ms, 123);
	expect_that(
		strncmp(seen_text, "replay", 6) == 0, "the text begins with replay: %s", seen_text);
	expect_eq(replay(query("crm", NULL)), 0);
}

static void
only_what_is_asked_for_is_replayed(void)
{
	make_dead();
	expect_eq(replay(query("crm", "2")), 1);
	expect_text(retries_of("crm"), "crm:2");
	expect_text(retries_of("erp"), "");
	struct hsw_dead_query page = query("crm", NULL);
	page.limit = 1;
	expect_eq(replay(page), 1);
	expect_text(retries_of("crm"), "crm:1 crm:2");
	expect_text(dead_of(""), "crm:4 erp:2");
	expect_eq(replay(query("nobody", NULL)), 0);
}

static size_t
purge(struct hsw_dead_query q)
{
	size_t n = SIZE_MAX;

	assert_ok(ops->dead_purge(store, &q, &n, &error));
	return n;
}

static void
purged_letters_are_gone(void)
{
	make_dead();
	expect_eq(purge(query("crm", "2")), 1);
	expect_text(dead_of(""), "crm:1 crm:4 erp:2");
	expect_eq(purge(query("nobody", NULL)), 0);
	expect_eq(purge(query("crm", NULL)), 2);
	expect_eq(purge(query("", NULL)), 1);
	rig_reopen();
	expect_text(dead_of(""), "");
	expect_text(retries_of("crm"), "");
	expect_text(log_seqs(), "1 2 3 4 5");
}

static size_t
expire(int64_t before_ms, size_t max, int is_last)
{
	int is_through = -1;
	size_t n = SIZE_MAX;

	assert_ok(ops->dead_expire(store, before_ms, max, &n, &is_through, &error));
	expect_eq(is_through != 0, is_last);
	return n;
}

static void
old_letters_are_deleted_look_by_look(void)
{
	make_dead();
	expect_eq(expire(25, 2, 0), 2);
	expect_text(dead_of(""), "crm:4 erp:2");
	expect_eq(expire(25, 3, 1), 0);
	expect_eq(expire(26, 100, 1), 1);
	rig_reopen();
	expect_text(dead_of(""), "crm:4");
	expect_text(retries_of("crm"), "");
	expect_eq(prune(5, 1000, 100), 4);
	expect_text(log_seqs(), "4");
	expect_eq(expire(41, 100, 1), 1);
	expect_eq(prune(5, 1000, 100), 1);
	expect_eq(expire(INT64_MAX, 100, 1), 0);
}

static void
many_letters_are_all_looked_at(void)
{
	attach("crm");
	attach("erp");
	append_many(100, 1);
	for (int64_t seq = 1; seq <= 100; seq++)
		set_dead(seq % 2 ? "crm" : "erp", seq, 1, seq);
	size_t n = 0;
	for (int i = 0; i < 14; i++)
		n += expire(51, 7, 0);
	expect_eq(n + expire(51, 7, 1), 50);
	expect_eq(expire(51, 1000, 1), 0);
	expect_eq(expire(101, 1000, 1), 50);
}

const struct suite_store_test fake_suite_of_exceptions[] = {
	STORE_TEST(a_retry_is_replaced_and_comes_back_without_the_body),
	STORE_TEST(retries_are_listed_by_destination_and_seq),
	STORE_TEST(a_dead_letter_takes_the_place_of_its_retry),
	STORE_TEST(dead_letters_tell_everything),
	STORE_TEST(dead_letters_are_found_by_destination_id_and_page),
	STORE_TEST(dead_letters_are_counted_for_each_destination),
	STORE_TEST(replayed_letters_are_retries_without_attempts),
	STORE_TEST(only_what_is_asked_for_is_replayed),
	STORE_TEST(purged_letters_are_gone),
	STORE_TEST(old_letters_are_deleted_look_by_look),
	STORE_TEST(many_letters_are_all_looked_at),
	{ NULL, NULL },
};
