/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identities.c - see identities.h. A memo is "owner NUL lid NUL phone". Readers share the lock; it is only
 * taken for writing when a pair is new, or was last noted NOTE_AGAIN_MS ago. Where several nodes tell of one LID, the
 * memo that the store has last holds on all of them: each node reads its own back, too.
 */
#include "identities.h"

#include <pthread.h>
#include <stdlib.h>

#include <uthash.h>

#include "clock.h"
#include "err.h"
#include "log.h"

#define KIND "identity"
#define DAY_MS INT64_C(86400000)
#define NOTE_AGAIN_MS (30 * DAY_MS)
#define KEY_MAX 256   /* bytes of owner, NUL and LID */
#define PHONE_MAX 128 /* bytes */

struct pair {
	UT_hash_handle hh;
	int64_t noted_ms;
	size_t key_len, phone_len;
	char phone[PHONE_MAX];
	char key[];
};

struct identities {
	struct journal *journal;
	pthread_rwlock_t lock;
	struct pair *pairs; /* in the order in which they were noted */
};

static size_t
make_key(char out[KEY_MAX], struct hsw_str owner, struct hsw_str lid)
{
	if (owner.len + 1 + lid.len > KEY_MAX)
		return 0;
	memcpy(out, owner.s, owner.len);
	out[owner.len] = '\0';
	memcpy(out + owner.len + 1, lid.s, lid.len);
	return owner.len + 1 + lid.len;
}

static struct pair *
find(const struct identities *ids, const char *key, size_t len)
{
	struct pair *p;

	HASH_FIND(hh, ids->pairs, key, len, p);
	return p;
}

static bool
is_known(const struct pair *p, struct hsw_str phone, int64_t now_ms)
{
	return p != NULL && str_equal(phone, (struct hsw_str){ p->phone, p->phone_len }) &&
		now_ms - p->noted_ms < NOTE_AGAIN_MS;
}

static void
drop(struct identities *ids, struct pair *p)
{
	HASH_DEL(ids->pairs, p);
	free(p);
}

/* The lock is held for writing. */
static void
put(struct identities *ids, const char *key, size_t len, struct hsw_str phone, int64_t now_ms)
{
	struct pair *old = find(ids, key, len);
	struct pair *p = malloc(sizeof(*p) + len);

	if (p == NULL)
		return;
	if (old != NULL)
		drop(ids, old);
	else if (HASH_COUNT(ids->pairs) >= IDENTITIES_MAX)
		drop(ids, ids->pairs);
	p->noted_ms = now_ms;
	p->key_len = len;
	p->phone_len = phone.len;
	memcpy(p->phone, phone.s, phone.len);
	memcpy(p->key, key, len);
	HASH_ADD_KEYPTR(hh, ids->pairs, p->key, len, p);
}

void
identities_learn(struct identities *ids, unsigned port, struct hsw_str owner, struct hsw_str lid,
	struct hsw_str phone)
{
	char key[KEY_MAX];
	size_t len = make_key(key, owner, lid);
	int64_t now = clock_wall_ms();

	if (len == 0 || phone.len > PHONE_MAX)
		return;
	pthread_rwlock_rdlock(&ids->lock);
	bool known = is_known(find(ids, key, len), phone, now);
	pthread_rwlock_unlock(&ids->lock);
	if (known)
		return;
	pthread_rwlock_wrlock(&ids->lock);
	put(ids, key, len, phone, now);
	pthread_rwlock_unlock(&ids->lock);

	struct buf memo = BUF_INIT;
	buf_append(&memo, key, len);
	buf_append(&memo, "", 1);
	buf_append(&memo, phone.s, phone.len);
	if (!memo.failed)
		journal_memo(ids->journal, port, KIND, (struct hsw_str){ memo.data, memo.len });
	buf_free(&memo);
}

size_t
identities_phone(
	struct identities *ids, struct hsw_str owner, struct hsw_str lid, char *out, size_t size)
{
	char key[KEY_MAX];
	size_t len = make_key(key, owner, lid), found = 0;

	if (len == 0)
		return 0;
	pthread_rwlock_rdlock(&ids->lock);
	const struct pair *p = find(ids, key, len);
	if (p != NULL && p->phone_len < size) {
		memcpy(out, p->phone, p->phone_len);
		out[p->phone_len] = '\0';
		found = p->phone_len;
	}
	pthread_rwlock_unlock(&ids->lock);
	return found;
}

/* The store thread, at the start and when a node added one. */
static int
recall(void *arg, int64_t at_ms, struct hsw_str memo)
{
	struct identities *ids = arg;
	const char *lid = memchr(memo.s, '\0', memo.len);
	const char *end = memo.s + memo.len;
	const char *nul = lid != NULL ? memchr(lid + 1, '\0', (size_t)(end - lid - 1)) : NULL;

	if (nul == NULL || nul - memo.s > KEY_MAX || end - nul - 1 > PHONE_MAX)
		return HSW_OK;
	pthread_rwlock_wrlock(&ids->lock);
	put(ids, memo.s, (size_t)(nul - memo.s),
		(struct hsw_str){ nul + 1, (size_t)(end - nul - 1) }, at_ms);
	pthread_rwlock_unlock(&ids->lock);
	return HSW_OK;
}

/* ---- start and end ---- */

struct identities *
identities_open(struct journal *j, struct hsw_error *err)
{
	struct identities *ids = calloc(1, sizeof(*ids));

	if (ids == NULL) {
		err_set(err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	ids->journal = j;
	pthread_rwlock_init(&ids->lock, NULL);
	int rc = journal_recall_and_follow(j, KIND, IDENTITIES_DAYS * DAY_MS, recall, ids, err);
	if (rc == HSW_OK)
		return ids;
	identities_close(ids);
	return NULL;
}

void
identities_close(struct identities *ids)
{
	struct pair *p, *next;

	if (ids == NULL)
		return;
	HASH_ITER(hh, ids->pairs, p, next)
	{
		drop(ids, p);
	}
	pthread_rwlock_destroy(&ids->lock);
	free(ids);
}
