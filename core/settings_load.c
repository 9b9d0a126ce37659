/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_load.c - what the store has, read at start; the key that its secrets are sealed with.
 *
 * A store without a key's check was written without a key: values stand there readable, and are sealed
 * as soon as there is a key.
 */
#include "settings.h"

#include <stdlib.h>

#include "err.h"
#include "log.h"
#include "migrate.h"
#include "record.h"

/* A copy of what the store reads. */
struct loaded {
	struct loaded *next;
	struct hsw_store_record record;
	char memory[];
};

struct loading {
	struct loaded *first, **last;
	size_t n;
	bool failed;
	bool is_incomplete; /* what the store holds is a part of another one */
};

static struct hsw_str
keep(char **at, struct hsw_str s)
{
	struct hsw_str kept = { *at, s.len };

	if (s.len > 0)
		memcpy(*at, s.s, s.len);
	*at += s.len;
	return kept;
}

static int
keep_record(void *arg, const struct hsw_store_record *r)
{
	struct loading *l = arg;
	struct loaded *one = malloc(sizeof(*one) + r->kind.len + r->name.len + r->text.len);

	if (one == NULL) {
		l->failed = true;
		return HSW_ENOMEM;
	}
	char *at = one->memory;
	one->next = NULL;
	one->record = (struct hsw_store_record){ keep(&at, r->kind), keep(&at, r->name),
		keep(&at, r->text) };
	*l->last = one;
	l->last = &one->next;
	l->n++;
	return HSW_OK;
}

/* Attempts are no settings: nothing of them is sealed, and there may be a lot of them. */
static int
keep_setting(void *arg, const struct hsw_store_record *r)
{
	struct loading *l = arg;

	l->is_incomplete |= str_is(r->kind, MIGRATE_STATE_KIND);
	return str_is(r->kind, record_attempts) ? HSW_OK : keep_record(l, r);
}

static int
read_all(struct loading *l, const struct store_port *store, struct hsw_error *err)
{
	*l = (struct loading){ .last = &l->first };
	int rc = store->ops->records(store->self, keep_setting, l, err);

	if (l->failed)
		return err_set(err, HSW_ENOMEM, "out of memory");
	/* Its cursors are not there yet: each sink would get everything again. */
	if (rc == HSW_OK && l->is_incomplete)
		return err_set(err, HSW_EINVAL,
			"the store holds a part of another one: complete the copy with the same "
			"`hookswitch migrate` as before, or name another store");
	return rc;
}

static void
free_all(struct loading *l)
{
	while (l->first != NULL) {
		struct loaded *next = l->first->next;
		free(l->first);
		l->first = next;
	}
}

/* ---- the key ---- */

#define KEY_TRIES \
	3 /* other nodes write the store's first key once, and `rekey` wants to be alone */

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
reseal_one(const struct hsw_store_record *r, struct seal *from, struct seal *to, struct buf *text,
	struct hsw_error *err)
{
	int rc = record_reseal(r, from, to, text);
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
reseal_all(const struct loading *l, struct seal *from, struct seal *to, struct record_batch *b,
	struct hsw_error *err)
{
	int rc = HSW_OK;

	for (const struct loaded *r = l->first; r != NULL && rc == HSW_OK; r = r->next) {
		struct buf text = BUF_INIT;
		char kind[32];
		if (str_is(r->record.kind, record_key))
			continue;
		snprintf(kind, sizeof(kind), "%.*s", (int)r->record.kind.len, r->record.kind.s);
		rc = reseal_one(&r->record, from, to, &text, err);
		if (rc == HSW_OK)
			record_put(b, kind, r->record.name, NULL, &text);
		buf_free(&text);
	}
	return rc;
}

/*
 * The key's record and all secrets sealed with it, in one transaction: no secret is sealed with a salt that the
 * store has not. HSW_ENOENT: another node has written the key's record meanwhile.
 */
static int
write_first_key(const struct loading *l, const struct store_port *store, struct seal *seal,
	const struct known_key *key, struct hsw_error *err)
{
	struct buf text = BUF_INIT;
	struct record_batch b;

	record_batch_init(&b);
	record_print_key(seal, key->salt, &text);
	record_replace(&b, record_key, str_of("1"), key->text, &text);
	int rc = reseal_all(l, seal, seal, &b, err);
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
		rc = reseal_one(&r->record, seal, seal, &text, err);
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
static int
open_key(struct settings *s, struct loading *l, const struct store_port *store,
	struct hsw_error *err)
{
	int rc = try_key(s, l, store, err);

	for (int i = 1; rc == HSW_ENOENT && i < KEY_TRIES; i++) {
		free_all(l);
		rc = read_all(l, store, err);
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
		free_all(l);
		rc = read_all(l, store, err);
	}
	return rc;
}

/* Without a key there is no record of it: the next start with one begins anew. */
static int
write_next_key(const struct loading *l, const struct store_port *store, struct seal *from,
	struct seal *to, const unsigned char salt[SEAL_SALT_BYTES], struct hsw_error *err)
{
	struct buf text = BUF_INIT;
	struct record_batch b;

	record_batch_init(&b);
	int rc = reseal_all(l, from, to, &b, err);
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
check_old_key(const struct known_key *key, struct seal *from, struct hsw_error *err)
{
	if (check_key(key, from, NULL) == HSW_OK)
		return HSW_OK;
	return err_set(err, HSW_EAUTH,
		seal_has_key(from) ? "the old key is not the one of the store: nothing was changed"
				   : "the store's secrets are encrypted: give the old key with "
				     "--old-key-file, or in the environment's OLD_ENCRYPTION_KEY");
}

/* The key of a service's environment is not in the environment of who calls `rekey`. */
static int
check_new_key(const char *old_key, const char *new_key, bool decrypts, struct hsw_error *err)
{
	if (old_key == NULL && new_key == NULL)
		return err_set(err, HSW_EINVAL,
			"there is no key: the store's secrets are readable, and [server] "
			"encryption_key is not set");
	if (new_key == NULL && !decrypts)
		return err_set(err, HSW_EINVAL,
			"there is no new key: set [server] encryption_key, or ENCRYPTION_KEY in "
			"the environment of this command; with --decrypt the secrets are readable "
			"from then on. Nothing was changed");
	if (new_key != NULL && decrypts)
		return err_set(err, HSW_EINVAL,
			"--decrypt: [server] encryption_key, or the environment's ENCRYPTION_KEY, "
			"is set: the next start would encrypt the secrets again. Nothing was "
			"changed");
	if (old_key != NULL && new_key != NULL && strcmp(old_key, new_key) == 0)
		return err_set(err, HSW_EINVAL,
			"[server] encryption_key is the old key: give the new one there");
	return HSW_OK;
}

int
settings_rekey(const struct config *config, const struct store_port *store, const char *old_key,
	bool decrypts, size_t *n_records, struct hsw_error *err)
{
	struct known_key key = { .check = BUF_INIT };
	unsigned char salt[SEAL_SALT_BYTES];
	struct seal *from = NULL, *to = NULL;
	struct loading l;
	int rc = read_all(&l, store, err);

	*n_records = l.n;
	if (rc == HSW_OK)
		rc = find_key(&l, &key, err);
	if (rc == HSW_OK && !seal_random(salt, sizeof(salt)))
		rc = err_set(err, HSW_EIO, "the operating system gives no random bytes");
	if (rc == HSW_OK) {
		from = seal_new(old_key, key.salt, err);
		to = from != NULL ? seal_new(config->server.encryption_key, salt, err) : NULL;
		rc = to != NULL ? HSW_OK : HSW_EINVAL;
	}
	if (rc == HSW_OK)
		rc = check_old_key(&key, from, err);
	if (rc == HSW_OK)
		rc = check_new_key(old_key, config->server.encryption_key, decrypts, err);
	if (rc == HSW_OK)
		rc = write_next_key(&l, store, from, to, salt, err);
	seal_free(from);
	seal_free(to);
	buf_free(&key.check);
	free_all(&l);
	return rc;
}

/* ---- records ---- */

static void
complain(const struct hsw_store_record *r, const char *why)
{
	log_warn("config", "a stored record is not used: %s kind=%.*s name=%.*s", why,
		(int)r->kind.len, r->kind.s, (int)r->name.len, r->name.s);
}

static int
add_instance(struct settings *s, const struct hsw_store_record *r)
{
	if (settings_find(s, r->name) != NULL) {
		complain(r, "the configuration file has an instance of that name");
		return HSW_OK;
	}
	struct instance_settings *i = record_read_instance(s->seal, r->name, r->text);
	if (i == NULL) {
		complain(r, "it is damaged");
		return HSW_OK;
	}
	HASH_ADD_KEYPTR(hh, s->instances, i->instance->name.s, i->instance->name.len, i);
	return i->hh.tbl != NULL ? HSW_OK : HSW_ENOMEM;
}

static int
add_webhook(struct settings *s, const struct hsw_store_record *r)
{
	const char *slash = memchr(r->name.s, '/', r->name.len);
	size_t n = slash != NULL ? (size_t)(slash - r->name.s) : r->name.len;
	const struct hsw_str instance = { r->name.s, n };
	struct instance_settings *i = settings_find(s, instance);

	if (slash == NULL || i == NULL) {
		complain(r, "there is no such instance");
		return HSW_OK;
	}
	struct webhook *w = record_read_webhook(
		s->seal, instance, (struct hsw_str){ slash + 1, r->name.len - n - 1 }, r->text);
	if (w == NULL) {
		complain(r, "it is damaged");
		return HSW_OK;
	}
	/* The store lists by name, so labels come in their order. */
	struct webhook **last = &i->webhooks;
	while (*last != NULL)
		last = &(*last)->next;
	*last = w;
	settings_tell_raw(i);
	return HSW_OK;
}

static int
add_websocket(struct settings *s, const struct hsw_store_record *r)
{
	struct instance_settings *i = settings_find(s, r->name);

	if (i == NULL || !record_read_websocket(r->text, &i->websocket))
		complain(r, i == NULL ? "there is no such instance" : "it is damaged");
	return HSW_OK;
}

/* Instances first: "instance" is the first kind in the store's order, too. */
static int
add_all(struct settings *s, const struct loading *l)
{
	static const struct {
		const char *kind;
		int (*add)(struct settings *, const struct hsw_store_record *);
	} kinds[] = { { record_instance, add_instance }, { record_webhook, add_webhook },
		{ record_websocket, add_websocket } };
	int rc = HSW_OK;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (const struct loaded *r = l->first; r != NULL && rc == HSW_OK; r = r->next) {
			if (str_is(r->record.kind, kinds[k].kind))
				rc = kinds[k].add(s, &r->record);
		}
	}
	return rc;
}

/* ---- tokens: each says who asks ---- */

static bool
has_token(const struct instance_settings *i, const char *token)
{
	return token != NULL && *token != '\0' && str_is(i->instance->token, token);
}

/* NULL: no other instance has its token. */
static const struct instance_settings *
find_same_token(const struct settings *s, const struct instance_settings *i)
{
	const struct instance_settings *o = s->instances;

	while (o != NULL && (o == i || !has_token(o, i->instance->token.s)))
		o = o->hh.next;
	return o;
}

/* The file against what the API made: within each of them they were looked at. */
static int
check_tokens(const struct settings *s, struct hsw_error *err)
{
	for (const struct instance_settings *i = s->instances; i != NULL; i = i->hh.next) {
		const struct instance_settings *o = i->file != NULL ? find_same_token(s, i) : NULL;
		if (o != NULL)
			return err_set(err, HSW_EINVAL,
				"%s:%d: [instance %s] has the token of the instance %s, which the "
				"API "
				"made: give it another one",
				i->file, i->line, i->instance->name.s, o->instance->name.s);
		if (i->file == NULL && has_token(i, s->config->api.account_token))
			return err_set(err, HSW_EINVAL,
				"[api] account_token is the token of the instance %s, which the "
				"API made: "
				"give it another one",
				i->instance->name.s);
	}
	return HSW_OK;
}

/* ---- destinations that nobody wants any more ---- */

static bool
is_wanted(struct settings *s, struct hsw_str destination)
{
	const char *slash = memchr(destination.s, '/', destination.len);
	size_t n = slash != NULL ? (size_t)(slash - destination.s) : 0;
	struct instance_settings *i = settings_find(s, (struct hsw_str){ destination.s, n });

	if (slash == NULL)
		return true;
	for (const struct webhook *w = i != NULL ? i->webhooks : NULL; w != NULL; w = w->next) {
		if (str_equal(str_of(w->label),
			    (struct hsw_str){ slash + 1, destination.len - n - 1 }))
			return w->enabled;
	}
	return false;
}

struct sweep {
	struct settings *settings;
	struct loading gone; /* names */
};

static int
note_gone(void *arg, struct hsw_str destination, int64_t cursor)
{
	struct sweep *sweep = arg;
	const struct hsw_store_record r = { .name = destination };

	(void)cursor;
	return is_wanted(sweep->settings, destination) ? HSW_OK : keep_record(&sweep->gone, &r);
}

static int
forget_destinations(struct settings *s, const struct store_port *store, struct hsw_error *err)
{
	struct sweep sweep = { .settings = s };

	sweep.gone.last = &sweep.gone.first;
	int rc = store->ops->cursors(store->self, note_gone, &sweep, err);
	for (const struct loaded *r = sweep.gone.first; r != NULL && rc == HSW_OK; r = r->next)
		rc = record_detach(store, r->record.name, err);
	free_all(&sweep.gone);
	return rc;
}

int
settings_read(struct settings *s, const struct store_port *store, struct hsw_error *err)
{
	struct loading l;
	int rc = read_all(&l, store, err);

	if (rc == HSW_OK && add_all(s, &l) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK)
		rc = check_tokens(s, err);
	free_all(&l);
	return rc;
}

int
settings_load(struct settings *s, const struct store_port *store, struct hsw_error *err)
{
	struct loading l;
	int rc = read_all(&l, store, err);

	if (rc == HSW_OK)
		rc = open_key(s, &l, store, err);
	if (rc == HSW_OK && add_all(s, &l) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK)
		rc = check_tokens(s, err);
	if (rc == HSW_OK && settings_publish_all(s) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK && !s->is_shared)
		rc = forget_destinations(s, store, err);
	free_all(&l);
	return rc;
}
