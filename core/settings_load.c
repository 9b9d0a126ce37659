/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_load.c - what the store has, read at start. The key that its secrets are sealed with: settings_key.c.
 */
#include "settings.h"

#include <stdlib.h>

#include "err.h"
#include "log.h"
#include "migrate.h"
#include "record.h"
#include "settings_impl.h"

static struct hsw_str
keep(char **at, struct hsw_str s)
{
	struct hsw_str kept = { *at, s.len };

	if (s.len > 0)
		memcpy(*at, s.s, s.len);
	*at += s.len;
	return kept;
}

static struct loaded *
copy_record(struct loading *l, const struct hsw_store_record *r)
{
	struct loaded *one = malloc(sizeof(*one) + r->kind.len + r->name.len + r->text.len);

	if (one == NULL) {
		l->failed = true;
		return NULL;
	}
	char *at = one->memory;
	one->next = NULL;
	one->record = (struct hsw_store_record){ keep(&at, r->kind), keep(&at, r->name),
		keep(&at, r->text) };
	return one;
}

static int
keep_record(void *arg, const struct hsw_store_record *r)
{
	struct loading *l = arg;
	struct loaded *one = copy_record(l, r);

	if (one == NULL)
		return HSW_ENOMEM;
	*l->last = one;
	l->last = &one->next;
	l->n++;
	return HSW_OK;
}

static int
keep_state(struct loading *l, const struct hsw_store_record *r)
{
	struct loaded *one = copy_record(l, r);

	if (one == NULL)
		return HSW_ENOMEM;
	one->next = l->states;
	l->states = one;
	return HSW_OK;
}

/* Attempts are no settings: nothing of them is sealed, and there may be a lot of them. The version is that of all. */
static int
keep_setting(void *arg, const struct hsw_store_record *r)
{
	struct loading *l = arg;

	l->is_incomplete |= str_is(r->kind, MIGRATE_STATE_KIND);
	if (str_is(r->kind, record_version)) {
		buf_append(&l->version, r->text.s, r->text.len);
		l->failed |= l->version.failed;
		return HSW_OK;
	}
	if (str_is(r->kind, record_state))
		return keep_state(l, r);
	return str_is(r->kind, record_attempts) ? HSW_OK : keep_record(l, r);
}

int
settings_read_all(struct loading *l, const struct store_port *store, struct hsw_error *err)
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
free_list(struct loaded *one)
{
	while (one != NULL) {
		struct loaded *next = one->next;
		free(one);
		one = next;
	}
}

void
settings_free_all(struct loading *l)
{
	free_list(l->first);
	free_list(l->states);
	l->first = l->states = NULL;
	buf_free(&l->version);
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

/* Of an instance that the file had: with its section the record is used again. */
struct stray {
	struct stray *next;
	const char *kind;
	size_t instance_len; /* of the name: what it is of */
	size_t len;
	char name[];
};

static int
keep_stray(
	struct settings *s, const char *kind, const struct hsw_store_record *r, size_t instance_len)
{
	struct stray *stray = malloc(sizeof(*stray) + r->name.len);

	complain(r, "there is no such instance");
	if (stray == NULL)
		return HSW_ENOMEM;
	*stray = (struct stray){ s->strays, kind, instance_len, r->name.len };
	memcpy(stray->name, r->name.s, r->name.len);
	s->strays = stray;
	return HSW_OK;
}

void
settings_forget_strays(const struct settings *s, struct hsw_str instance, struct record_batch *b)
{
	for (const struct stray *stray = s->strays; stray != NULL; stray = stray->next) {
		const struct hsw_str of = { stray->name, stray->instance_len };
		if (str_equal(of, instance))
			record_forget(
				b, stray->kind, (struct hsw_str){ stray->name, stray->len }, NULL);
	}
	/* One that auto_create let in goes on, and with it what was seen of it. */
	if (!s->config->ingest.auto_create)
		record_forget(b, record_state, instance, NULL);
}

void
settings_free_strays(struct settings *s)
{
	while (s->strays != NULL) {
		struct stray *next = s->strays->next;
		free(s->strays);
		s->strays = next;
	}
}

static int
add_webhook(struct settings *s, const struct hsw_store_record *r)
{
	const char *slash = memchr(r->name.s, '/', r->name.len);
	size_t n = slash != NULL ? (size_t)(slash - r->name.s) : r->name.len;
	const struct hsw_str instance = { r->name.s, n };
	struct instance_settings *i = settings_find(s, instance);

	if (i == NULL)
		return keep_stray(s, record_webhook, r, n);
	if (slash == NULL) {
		complain(r, "it is damaged");
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

	if (i == NULL)
		return keep_stray(s, record_websocket, r, r->name.len);
	if (!record_read_websocket(r->text, &i->websocket))
		complain(r, "it is damaged");
	return HSW_OK;
}

static void
take_version(struct settings *s, struct loading *l)
{
	buf_free(&s->version);
	s->version = l->version;
	l->version = (struct buf)BUF_INIT;
}

/* Of an instance that auto_create let in there are no settings. A draft has no catalog: it is of those that are in use
 * then. NULL: there is none. */
static struct instance *
find_seen(struct settings *s, struct hsw_str name)
{
	struct instance_settings *i = settings_find(s, name);

	if (i != NULL)
		return i->instance;
	return s->catalog != NULL ? catalog_find(catalog_master(s->catalog), name) : NULL;
}

static void
recall_states(struct settings *s, const struct loading *l)
{
	char id[INSTANCE_ID_SIZE];
	struct instance_seen seen;

	for (const struct loaded *r = l->states; r != NULL; r = r->next) {
		struct instance *i = find_seen(s, r->record.name);
		if (i == NULL)
			continue;
		if (!record_read_state(r->record.text, id, &seen))
			complain(&r->record, "it is damaged");
		else if (instance_is_heir(i, id))
			instance_recall(i, &seen);
	}
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
	if (rc == HSW_OK)
		recall_states(s, l);
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

bool
settings_want(struct settings *s, struct hsw_str destination)
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
	return settings_want(sweep->settings, destination) ? HSW_OK : keep_record(&sweep->gone, &r);
}

static int
forget_destinations(struct settings *s, const struct store_port *store, struct hsw_error *err)
{
	struct sweep sweep = { .settings = s };

	sweep.gone.last = &sweep.gone.first;
	int rc = store->ops->cursors(store->self, note_gone, &sweep, err);
	for (const struct loaded *r = sweep.gone.first; r != NULL && rc == HSW_OK; r = r->next)
		rc = record_detach(store, r->record.name, err);
	settings_free_all(&sweep.gone);
	return rc;
}

/* Of instances that the file has no more, or that were deleted while one was on its way. */
static int
forget_states(struct settings *s, const struct loading *l, const struct store_port *store,
	struct hsw_error *err)
{
	struct record_batch b;

	record_batch_init(&b);
	for (const struct loaded *r = l->states; r != NULL; r = r->next) {
		if (find_seen(s, r->record.name) == NULL)
			record_forget(&b, record_state, r->record.name, NULL);
	}
	return record_commit(&b, store, err);
}

int
settings_read(struct settings *s, const struct store_port *store, struct hsw_error *err)
{
	struct loading l;
	int rc = settings_read_all(&l, store, err);

	if (rc == HSW_OK && add_all(s, &l) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK)
		rc = check_tokens(s, err);
	take_version(s, &l);
	settings_free_all(&l);
	return rc;
}

int
settings_load(struct settings *s, const struct store_port *store, struct hsw_error *err)
{
	struct loading l;
	int rc = settings_read_all(&l, store, err);

	if (rc == HSW_OK)
		rc = settings_open_key(s, &l, store, err);
	if (rc == HSW_OK && add_all(s, &l) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK)
		rc = check_tokens(s, err);
	if (rc == HSW_OK && settings_publish_all(s) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK && !s->is_shared)
		rc = forget_destinations(s, store, err);
	take_version(s, &l);
	if (rc == HSW_OK && !s->is_shared)
		rc = forget_states(s, &l, store, err);
	settings_free_all(&l);
	return rc;
}
