/* SPDX-License-Identifier: Apache-2.0 */
/* map.c - see map.h; and opening and closing. */
#include "map.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN 60 /* bytes of a name in an error */

int
kv_error(struct hsw_error *err, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

/* As much of a name as an error tells. */
static struct hsw_str
shown(struct hsw_str name)
{
	if (name.s == NULL)
		return (struct hsw_str){ "", 0 };
	return (struct hsw_str){ name.s, name.len < SHOWN ? name.len : SHOWN };
}

int
kv_damaged(struct hsw_error *err, const struct kv_key *key)
{
	static const char *const names[KV_TABLES] = {
		[KV_META] = "the head of the store",
		[KV_CURSOR] = "a cursor",
		[KV_EVENT] = "an event",
		[KV_RETRY] = "a retry",
		[KV_DEAD] = "a dead letter",
		[KV_NAMED] = "the index of events",
		[KV_RECORD] = "a record",
		[KV_MEMO] = "a memo",
	};

	const struct hsw_str who = shown(key->who), name = shown(key->name);

	return kv_error(err, HSW_EIO,
		"%s is damaged, or of a newer version (who: %.*s, name: %.*s, seq: %lld)",
		names[key->table], (int)who.len, who.s, (int)name.len, name.s, (long long)key->seq);
}

/* What a backend returns, kept to the results that there are. */
static int
result(int rc, const char *doing, struct hsw_error *err)
{
	if (rc <= HSW_OK && rc >= HSW_EUNPROCESSABLE)
		return rc;
	return kv_error(err, HSW_EIO, "the backend's %s returned %d", doing, rc);
}

/* ---- writing ---- */

static int
list_error(int rc, struct hsw_error *err)
{
	if (rc == HSW_EINVAL)
		return kv_error(err, rc, "a name is longer than this store can keep (%d bytes)",
			HSW_KV_KEY_MAX);
	if (rc == HSW_ELIMIT)
		return kv_error(err, rc, "a text is longer than this store can keep (4 GB)");
	return kv_error(err, rc, "out of memory");
}

int
kv_write(struct kv_store *s, struct kv_list *changes, bool is_new, struct hsw_error *err)
{
	size_t n = 0;

	if (changes->bytes.rc != HSW_OK)
		return list_error(changes->bytes.rc, err);
	if (changes->n == 0)
		return HSW_OK;
	struct hsw_kv_change *all = kv_list_changes(changes, &n);
	if (all == NULL)
		return list_error(HSW_ENOMEM, err);
	err->text[0] = '\0';
	int rc = result(s->ops->write(s->backend, all, n, is_new, err), "write", err);
	free(all);
	if (rc != HSW_OK && rc != HSW_ELIMIT)
		s->is_unsure = true;
	return rc;
}

/* ---- reading ---- */

struct scan {
	const struct kv_key *from;
	struct hsw_str exactly; /* kv_get: the key */
	bool is_one;
	kv_row_fn *fn;
	void *arg;
	int rc; /* of fn */
	struct hsw_error *err;
};

static int
take_pair(void *arg, struct hsw_str bytes, struct hsw_str value)
{
	struct scan *scan = arg;
	struct kv_strings strings;
	struct kv_key key;

	if (bytes.len == 0 || bytes.s[0] != (char)scan->from->table ||
		(scan->exactly.len > 0 && !kv_is_same(bytes, scan->exactly)))
		return KV_STOP;
	if (!kv_read_key(bytes, &key, &strings))
		scan->rc = kv_error(scan->err, HSW_EIO, "a key of %zu bytes is damaged", bytes.len);
	else if (scan->is_one && !kv_is_same(key.who, scan->from->who))
		scan->rc = KV_STOP;
	else
		scan->rc = scan->fn(scan->arg, &key, value, scan->err);
	return scan->rc != HSW_OK || scan->exactly.len > 0 ? KV_STOP : HSW_OK;
}

static int
scan_from(struct kv_store *s, struct scan *scan, bool is_get)
{
	struct kv_bytes key = { .rc = HSW_OK };

	kv_add_key(&key, scan->from);
	struct hsw_str from = { key.s, key.len };
	if (is_get)
		scan->exactly = from;
	int rc = key.rc == HSW_ENOMEM ? list_error(key.rc, scan->err) : key.rc;
	/* What has too long a key is not there. */
	if (rc == HSW_OK)
		rc = result(s->ops->scan(s->backend, from, take_pair, scan, scan->err), "scan",
			scan->err);
	else if (rc == HSW_EINVAL)
		rc = HSW_OK;
	kv_bytes_free(&key);
	if (rc != HSW_OK)
		return rc;
	return scan->rc != KV_STOP ? scan->rc : HSW_OK;
}

int
kv_scan(struct kv_store *s, const struct kv_key *from, bool is_one, kv_row_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct scan scan = { .from = from, .is_one = is_one, .fn = fn, .arg = arg, .err = err };

	return scan_from(s, &scan, false);
}

int
kv_get(struct kv_store *s, const struct kv_key *key, kv_row_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct scan scan = { .from = key, .fn = fn, .arg = arg, .err = err };

	return scan_from(s, &scan, true);
}

/* ---- opening and closing ---- */

struct head {
	bool is_there;
	struct kv_meta meta;
	struct hsw_error *err;
	int rc;
};

/* The first pair of all: no key is before the one of a NUL, but the empty one. */
static int
take_head(void *arg, struct hsw_str bytes, struct hsw_str value)
{
	struct head *head = arg;
	const struct kv_key key = { .table = KV_META };

	head->is_there = true;
	if (bytes.len != 1 || bytes.s[0] != KV_META)
		head->rc = kv_error(head->err, HSW_EIO,
			"there is something else than hookswitch's journal in it: name another");
	else if (value.len > 0 && (unsigned char)value.s[0] > VALUE_VERSION)
		head->rc = kv_error(head->err, HSW_EIO,
			"the journal was written by a newer version (%d, this one knows %d): use "
			"that one",
			(unsigned char)value.s[0], VALUE_VERSION);
	else if (!kv_read_meta(value, &head->meta))
		head->rc = kv_damaged(head->err, &key);
	return KV_STOP;
}

static int
load(struct kv_store *s, struct hsw_error *err)
{
	struct head head = { .err = err };
	struct kv_list first = { .n = 0 };
	int rc = s->ops->scan(s->backend, (struct hsw_str){ "", 1 }, take_head, &head, err);

	rc = result(rc, "scan", err);
	if (rc == HSW_OK)
		rc = head.rc;
	if (rc != HSW_OK)
		return rc;
	s->meta = head.meta;
	s->pruned_upto = 0;
	if (!head.is_there)
		kv_add_meta(kv_list_put(&first, &(struct kv_key){ .table = KV_META }), &s->meta);
	rc = kv_write(s, &first, false, err);
	kv_list_free(&first);
	return rc == HSW_OK ? kv_destinations_load(s, err) : rc;
}

int
kv_ready(struct kv_store *s, struct hsw_error *err)
{
	const struct kv_meta before = s->meta;

	if (!s->is_unsure)
		return HSW_OK;
	s->is_unsure = false;
	int rc = load(s, err);
	if (rc == HSW_OK)
		rc = kv_note_stored(s, before.last_seq, err);
	if (rc != HSW_OK) {
		s->meta = before;
		s->is_unsure = true;
	}
	return rc;
}

static bool
is_complete(const struct hsw_kv_ops *kv)
{
	return kv->size == sizeof(*kv) && kv->open != NULL && kv->write != NULL &&
		kv->scan != NULL && kv->bytes != NULL && kv->close != NULL;
}

int
hsw_kv_open(const struct hsw_kv_ops *kv, const struct hsw_host *host, struct hsw_handle *handle,
	const void *conf, void **self, struct hsw_error *err)
{
	if (!is_complete(kv))
		return kv_error(err, HSW_EINVAL,
			"struct hsw_kv_ops is not complete, or of another version");
	struct kv_store *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return list_error(HSW_ENOMEM, err);
	s->ops = kv;
	int rc = result(kv->open(host, handle, conf, &s->backend, err), "open", err);
	if (rc != HSW_OK) {
		free(s);
		return rc;
	}
	rc = load(s, err);
	if (rc == HSW_OK)
		*self = s;
	else
		hsw_kv_close(s);
	return rc;
}

void
hsw_kv_idle(void *self)
{
	struct kv_store *s = self;

	if (s->ops->idle != NULL)
		s->ops->idle(s->backend);
}

void
hsw_kv_close(void *self)
{
	struct kv_store *s = self;

	s->ops->close(s->backend);
	kv_destinations_free(s);
	free(s->stored);
	free(s);
}
