/* SPDX-License-Identifier: Apache-2.0 */
/* dead.c - the ends of dead letters: replayed, purged, expired; each call is one batch. */
#include "map.h"

#include <string.h>

struct ending {
	struct kv_list changes;
	bool is_replay;
	int64_t due_ms;
	int64_t first; /* the lowest seq */
	size_t n;
};

static void
add_retry(struct kv_list *changes, const struct hsw_store_exception *x, int64_t due_ms)
{
	struct kv_bytes text = { .rc = HSW_OK };

	kv_add_raw(&text, "replay: ", 8);
	kv_add_raw(&text, x->text.s, x->text.len);
	kv_add_exception(kv_put_exception(changes, KV_RETRY, x->destination, x->seq), 0, due_ms,
		x->status, (struct hsw_str){ text.s, text.len });
	if (text.rc != HSW_OK && changes->bytes.rc == HSW_OK)
		changes->bytes.rc = text.rc;
	kv_bytes_free(&text);
}

static int
end_one(void *arg, const struct hsw_store_exception *x)
{
	struct ending *e = arg;

	kv_delete_exception(&e->changes, KV_DEAD, x->destination, x->seq);
	if (e->is_replay)
		add_retry(&e->changes, x, e->due_ms);
	e->first = x->seq < e->first ? x->seq : e->first;
	e->n++;
	return e->changes.bytes.rc;
}

static int
end_matching(struct kv_store *s, struct ending *e, const struct hsw_dead_query *q, size_t *n,
	struct hsw_error *err)
{
	int rc = kv_ready(s, err);

	*n = 0;
	if (rc == HSW_OK)
		rc = kv_exceptions(s, KV_DEAD, q, true, end_one, e, err);
	if (rc == HSW_OK)
		rc = kv_write(s, &e->changes, false, err);
	kv_list_free(&e->changes);
	if (rc == HSW_OK)
		*n = e->n;
	return rc;
}

int
hsw_kv_dead_replay(
	void *self, const struct hsw_dead_query *q, int64_t due, size_t *n, struct hsw_error *err)
{
	struct ending e = { .is_replay = true, .due_ms = due, .first = INT64_MAX };

	return end_matching(self, &e, q, n, err);
}

int
hsw_kv_dead_purge(void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err)
{
	struct ending e = { .first = INT64_MAX };
	int rc = end_matching(self, &e, q, n, err);

	if (*n > 0)
		kv_look_again(self, e.first);
	return rc;
}

/* ---- by age ---- */

struct look {
	struct kv_list deletes;
	int64_t before_ms;
	size_t left; /* how many are still to be looked at */
	size_t n;
	int64_t first; /* the lowest seq that is deleted */
	int64_t seq;   /* the last one that was looked at, with who */
	struct kv_strings who;
	bool has_more;
};

static int
look_at(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct look *look = arg;
	struct hsw_store_exception x;

	if (look->left == 0) {
		look->has_more = true;
		return KV_STOP;
	}
	if (!kv_read_exception(value, &x))
		return kv_damaged(err, key);
	look->left--;
	look->seq = key->seq;
	look->who.len = key->who.len;
	memcpy(look->who.s, key->who.s, key->who.len);
	if (x.at_ms < look->before_ms) {
		kv_delete_exception(&look->deletes, KV_DEAD, key->who, key->seq);
		look->first = key->seq < look->first ? key->seq : look->first;
		look->n++;
	}
	return HSW_OK;
}

int
hsw_kv_dead_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err)
{
	struct kv_store *s = self;
	struct look look = { .before_ms = before_ms,
		.left = max,
		.first = INT64_MAX,
		.seq = s->expired_seq,
		.who = s->expired_who };
	const struct kv_key from = { .table = KV_DEAD,
		.who = { s->expired_who.s, s->expired_who.len },
		.seq = s->expired_seq + 1 };
	int rc = kv_ready(s, err);

	*n = 0;
	if (rc == HSW_OK)
		rc = kv_scan(s, &from, false, look_at, &look, err);
	if (rc == HSW_OK)
		rc = kv_write(s, &look.deletes, false, err);
	kv_list_free(&look.deletes);
	if (rc != HSW_OK)
		return rc;
	*n = look.n;
	*is_through = !look.has_more;
	s->expired_seq = look.has_more ? look.seq : 0;
	s->expired_who = look.who;
	if (!look.has_more)
		s->expired_who.len = 0;
	if (look.n > 0)
		kv_look_again(s, look.first);
	return HSW_OK;
}
