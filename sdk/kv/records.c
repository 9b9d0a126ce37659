/* SPDX-License-Identifier: Apache-2.0 */
/* records.c - the configuration that is made at run time, and memos. */
#include "map.h"

#define MEMOS_AT_ONCE 1000 /* that forget_memos looks at */

struct listing {
	hsw_record_fn *record_fn;
	hsw_memo_fn *memo_fn;
	void *arg;
	int64_t since_ms;
};

static int
show_record(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	const struct listing *l = arg;
	struct hsw_store_record r = { .kind = key->who, .name = key->name };

	if (!kv_read_record(value, &r.text))
		return kv_damaged(err, key);
	return l->record_fn(l->arg, &r) == HSW_OK ? HSW_OK : KV_STOP;
}

int
hsw_kv_records(void *self, hsw_record_fn *fn, void *arg, struct hsw_error *err)
{
	struct listing l = { .record_fn = fn, .arg = arg };

	return kv_scan(self, &(struct kv_key){ .table = KV_RECORD }, false, show_record, &l, err);
}

static int
show_memo(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	const struct listing *l = arg;
	struct hsw_str text;
	int64_t at_ms;

	if (!kv_read_memo(value, &at_ms, &text))
		return kv_damaged(err, key);
	if (at_ms < l->since_ms)
		return HSW_OK;
	return l->memo_fn(l->arg, at_ms, text) == HSW_OK ? HSW_OK : KV_STOP;
}

static struct kv_key
first_memo(struct hsw_str kind)
{
	return (struct kv_key){ .table = KV_MEMO, .who = kind, .seq = INT64_MIN };
}

int
hsw_kv_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct listing l = { .memo_fn = fn, .arg = arg, .since_ms = since_ms };
	const struct kv_key from = first_memo(kind);

	return kv_scan(self, &from, true, show_memo, &l, err);
}

struct look {
	struct kv_list deletes;
	int64_t before_ms;
	int left;
};

static int
look_at_memo(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct look *look = arg;
	struct hsw_str text;
	int64_t at_ms;

	if (look->left-- == 0)
		return KV_STOP;
	if (!kv_read_memo(value, &at_ms, &text))
		return kv_damaged(err, key);
	if (at_ms < look->before_ms)
		kv_list_delete(&look->deletes, key);
	return HSW_OK;
}

int
hsw_kv_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err)
{
	struct kv_store *s = self;
	struct look look = { .before_ms = before_ms, .left = MEMOS_AT_ONCE };
	const struct kv_key from = first_memo(kind);
	int rc = kv_ready(s, err);

	if (rc == HSW_OK)
		rc = kv_scan(s, &from, true, look_at_memo, &look, err);
	if (rc == HSW_OK)
		rc = kv_write(s, &look.deletes, false, err);
	kv_list_free(&look.deletes);
	return rc;
}
