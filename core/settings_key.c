/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_key.c - the key that the store's secrets are sealed with: checked at start, and changed.
 *
 * A store without a key's check was written without a key: values stand there readable, and are sealed
 * as soon as there is a key.
 */
#include "settings.h"

#include <stdlib.h>

#include "err.h"
#include "log.h"
#include "record.h"
#include "settings_impl.h"

#define KEY_TRIES \
	10 /* other nodes write the store's first key once, and `rekey` wants to be alone; but they change settings */

/* What the store says of its key. */
struct known_key {
	struct hsw_str text; /* of its record, the loading's; empty: there is none */
	unsigned char salt[SEAL_SALT_BYTES];
	struct buf check; /* empty: there is no key */
};

/* Earlier versions wrote the record without a key, too: then its check is readable. */
static int
find_key(const struct loading *l, struct known_key *key, struct hsw_error *err)
{
	const struct loaded *r = l->first;

	*key = (struct known_key){ .check = BUF_INIT };
	while (r != NULL && !str_is(r->record.kind, record_key))
		r = r->next;
	if (r != NULL) {
		key->text = r->record.text;
		if (!record_read_key(r->record.text, key->salt, &key->check))
			return err_set(err, HSW_EIO, "the store's record of its key is damaged");
		if (!seal_is_encrypted((struct hsw_str){ key->check.data, key->check.len }))
			buf_free(&key->check);
	} else if (!seal_random(key->salt, sizeof(key->salt))) {
		return err_set(err, HSW_EIO, "the operating system gives no random bytes");
	}
	return HSW_OK;
}

/* what: what was found to be so, with ": " behind it; or empty. */
static int
refuse_key(const struct seal *seal, const char *what, struct hsw_error *err)
{
	return err_set(err, HSW_EAUTH,
		seal_has_key(seal)
			? "%s[server] encryption_key is not the key of the store's secrets: give "
			  "that one, change it (`hookswitch rekey` with OLD_ENCRYPTION_KEY), or "
			  "start with --keep-undecryptable"
			: "%sthe store's secrets are encrypted: [server] encryption_key (or the "
			  "environment's ENCRYPTION_KEY) is missing; or start with "
			  "--keep-undecryptable",
		what);
}

static int
check_key(const struct known_key *key, struct seal *seal, struct hsw_error *err)
{
	const struct hsw_str check = { key->check.data, key->check.len };

	return check.len == 0 || record_is_key(seal, check) ? HSW_OK : refuse_key(seal, "", err);
}

#define SHOWN_NAME_BYTES 40 /* of a name in an error that says what to do, too */

static int
reseal_one(const struct hsw_store_record *r, struct seal *from, struct seal *to,
	const struct record_losses *losses, struct buf *text, struct hsw_error *err)
{
	int rc = record_reseal(r, from, to, losses, text);
	size_t shown = r->name.len < SHOWN_NAME_BYTES ? r->name.len : SHOWN_NAME_BYTES;

	if (rc == HSW_OK)
		return HSW_OK;
	return err_set(err, rc, "the record %.*s %.*s %s", (int)r->kind.len, r->kind.s, (int)shown,
		r->name.s,
		rc == HSW_EAUTH            ? "cannot be decrypted"
			: rc == HSW_EINVAL ? "is damaged"
					   : "could not be encrypted");
}

/* Every record's values sealed anew, in the batch; but for the key's own. */
static int
reseal_all(const struct loading *l, struct seal *from, struct seal *to,
	const struct record_losses *losses, struct record_batch *b, struct hsw_error *err)
{
	int rc = HSW_OK;

	for (const struct loaded *r = l->first; r != NULL && rc == HSW_OK; r = r->next) {
		struct buf text = BUF_INIT;
		char kind[32];
		if (str_is(r->record.kind, record_key))
			continue;
		snprintf(kind, sizeof(kind), "%.*s", (int)r->record.kind.len, r->record.kind.s);
		rc = reseal_one(&r->record, from, to, losses, &text, err);
		if (rc == HSW_OK)
			record_put(b, kind, r->record.name, NULL, &text);
		buf_free(&text);
	}
	return rc;
}

/*
 * The key's record and all secrets sealed with it, in one transaction: no secret is sealed with a salt that the
 * store has not. HSW_ENOENT: another node has written the key's record meanwhile, or has changed what is sealed here.
 */
static int
write_first_key(const struct loading *l, const struct store_port *store, struct seal *seal,
	const struct known_key *key, struct hsw_error *err)
{
	struct buf text = BUF_INIT;
	struct record_batch b;

	record_batch_init(&b);
	record_follow(&b, str_of_buf(&l->version), NULL);
	record_print_key(seal, key->salt, &text);
	record_replace(&b, record_key, str_of("1"), key->text, &text);
	int rc = reseal_all(l, seal, seal, NULL, &b, err);
	if (rc != HSW_OK)
		b.failed = true; /* it is only emptied */
	int committed = record_commit(&b, store, rc == HSW_OK ? err : NULL);
	if (rc == HSW_OK && committed == HSW_OK && l->n > (key->text.len > 0 ? 1 : 0))
		log_info("config", "the store's secrets are encrypted now");
	return rc == HSW_OK ? committed : rc;
}

/* Nothing is changed without a key, but a secret that is encrypted is not to be overlooked. */
static int
check_readable(const struct loading *l, struct seal *seal, struct hsw_error *err)
{
	int rc = HSW_OK;

	for (const struct loaded *r = l->first; r != NULL && rc != HSW_EAUTH; r = r->next) {
		struct buf text = BUF_INIT;
		rc = reseal_one(&r->record, seal, seal, NULL, &text, err);
		buf_free(&text);
	}
	return rc == HSW_EAUTH ? rc : HSW_OK;
}

/* A store that has no key yet gets it, if there is one. */
static int
begin_key(const struct loading *l, const struct store_port *store, struct seal *seal,
	const struct known_key *key, struct hsw_error *err)
{
	int rc = seal_has_key(seal) ? write_first_key(l, store, seal, key, err)
				    : check_readable(l, seal, err);
	char what[HSW_ERROR_SIZE];

	if (rc != HSW_EAUTH)
		return rc;
	snprintf(what, sizeof(what), "%.*s: ", (int)sizeof(what) - 3, err->text);
	return refuse_key(seal, what, err);
}

/* Makes s->seal of what was read. */
static int
try_key(struct settings *s, const struct loading *l, const struct store_port *store,
	struct hsw_error *err)
{
	struct known_key key;
	int rc = find_key(l, &key, err);

	if (rc == HSW_OK) {
		seal_free(s->seal);
		s->seal = seal_new(s->config->server.encryption_key, key.salt, err);
		rc = s->seal == NULL        ? HSW_EINVAL
			: key.check.len > 0 ? check_key(&key, s->seal, err)
					    : begin_key(l, store, s->seal, &key, err);
	}
	buf_free(&key.check);
	return rc;
}

/* Makes s->seal, seals what stands readable where the store had no key, and reads that again. */
int
settings_open_key(struct settings *s, struct loading *l, const struct store_port *store,
	struct hsw_error *err)
{
	int rc = try_key(s, l, store, err);

	for (int i = 1; rc == HSW_ENOENT && i < KEY_TRIES; i++) {
		settings_free_all(l);
		rc = settings_read_all(l, store, err);
		if (rc == HSW_OK)
			rc = try_key(s, l, store, err);
	}
	if (rc == HSW_ENOENT)
		rc = err_set(err, HSW_EAGAIN, "other nodes change the store's key: start again");
	if (rc == HSW_EAUTH && s->keep_undecryptable) {
		log_warn("config", "secrets that cannot be decrypted are kept as they are: %s",
			err->text);
		s->has_wrong_key = true;
		rc = HSW_OK;
	}
	if (rc == HSW_OK) {
		settings_free_all(l);
		rc = settings_read_all(l, store, err);
	}
	return rc;
}

/* ---- another key ---- */

struct rekeying {
	const struct rekey_order *order;
	size_t n_lost;
};

static void
lose(void *arg, const struct hsw_store_record *r, const char *member)
{
	struct rekeying *k = arg;

	k->n_lost++;
	k->order->lost(k->order->arg, r->kind, r->name, member);
}

static int
reseal_or_lose(const struct loading *l, struct seal *from, struct seal *to,
	const struct rekey_order *order, struct record_batch *b, struct hsw_error *err)
{
	struct rekeying k = { .order = order };
	const struct record_losses losses = { &k, lose };
	int rc = reseal_all(l, from, to, order->forgets ? &losses : NULL, b, err);

	if (rc == HSW_OK && k.n_lost > 0 && !order->may_lose(order->arg))
		rc = err_set(err, HSW_ECLOSED, "nothing was changed");
	return rc;
}

/* Without a key there is no record of it: the next start with one begins anew. */
static int
write_next_key(const struct loading *l, const struct store_port *store, struct seal *from,
	struct seal *to, const unsigned char salt[SEAL_SALT_BYTES], const struct rekey_order *order,
	struct hsw_error *err)
{
	struct buf text = BUF_INIT;
	struct record_batch b;

	record_batch_init(&b);
	int rc = reseal_or_lose(l, from, to, order, &b, err);
	if (seal_has_key(to)) {
		record_print_key(to, salt, &text);
		record_put(&b, record_key, str_of("1"), NULL, &text);
	} else {
		record_forget(&b, record_key, str_of("1"), NULL);
	}
	b.failed |= rc != HSW_OK;
	int committed = record_commit(&b, store, rc == HSW_OK ? err : NULL);
	return rc == HSW_OK ? committed : rc;
}

static int
check_old_key(const struct known_key *key, struct seal *from, const struct rekey_order *order,
	struct hsw_error *err)
{
	if (check_key(key, from, NULL) == HSW_OK || (order->forgets && order->old_key == NULL))
		return HSW_OK;
	return err_set(err, HSW_EAUTH,
		seal_has_key(from)
			? "the old key is not the one of the store: nothing was changed"
			: "the store's secrets are encrypted: give the old key with "
			  "--old-key-file, or in the environment's OLD_ENCRYPTION_KEY; if it is "
			  "lost for good: --forget-undecryptable");
}

/* The key of a service's environment is not in the environment of who calls `rekey`. */
static int
check_new_key(const struct rekey_order *order, const char *new_key, struct hsw_error *err)
{
	const char *old_key = order->old_key;

	if (old_key == NULL && new_key == NULL && !order->forgets)
		return err_set(err, HSW_EINVAL,
			"there is no key: the store's secrets are readable, and [server] "
			"encryption_key is not set");
	if (new_key == NULL && !order->decrypts)
		return err_set(err, HSW_EINVAL,
			"there is no new key: set [server] encryption_key, or ENCRYPTION_KEY in "
			"the environment of this command; with --decrypt the secrets are readable "
			"from then on. Nothing was changed");
	if (new_key != NULL && order->decrypts)
		return err_set(err, HSW_EINVAL,
			"--decrypt: [server] encryption_key, or the environment's ENCRYPTION_KEY, "
			"is set: the next start would encrypt the secrets again. Nothing was "
			"changed");
	if (old_key != NULL && new_key != NULL && strcmp(old_key, new_key) == 0)
		return err_set(err, HSW_EINVAL,
			"[server] encryption_key is the old key: give the new one there");
	return HSW_OK;
}

/* Makes both keys' seals. */
static int
make_seals(const struct rekey_order *order, const char *new_key, const struct known_key *key,
	unsigned char salt[SEAL_SALT_BYTES], struct seal **from, struct seal **to,
	struct hsw_error *err)
{
	const char *old_key = order->old_key == NULL && order->forgets ? new_key : order->old_key;

	if (!seal_random(salt, SEAL_SALT_BYTES))
		return err_set(err, HSW_EIO, "the operating system gives no random bytes");
	*from = seal_new(old_key, key->salt, err);
	*to = *from != NULL ? seal_new(new_key, salt, err) : NULL;
	return *to != NULL ? HSW_OK : HSW_EINVAL;
}

int
settings_rekey(const struct config *config, const struct store_port *store,
	const struct rekey_order *order, size_t *n_records, struct hsw_error *err)
{
	const char *new_key = config->server.encryption_key;
	struct known_key key = { .check = BUF_INIT };
	unsigned char salt[SEAL_SALT_BYTES];
	struct seal *from = NULL, *to = NULL;
	struct loading l;
	int rc = settings_read_all(&l, store, err);

	*n_records = l.n;
	if (rc == HSW_OK)
		rc = find_key(&l, &key, err);
	if (rc == HSW_OK)
		rc = make_seals(order, new_key, &key, salt, &from, &to, err);
	if (rc == HSW_OK)
		rc = check_old_key(&key, from, order, err);
	if (rc == HSW_OK)
		rc = check_new_key(order, new_key, err);
	if (rc == HSW_OK)
		rc = write_next_key(&l, store, from, to, salt, order, err);
	seal_free(from);
	seal_free(to);
	buf_free(&key.check);
	settings_free_all(&l);
	return rc;
}
