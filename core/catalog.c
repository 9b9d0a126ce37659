/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.c - see catalog.h.
 *
 * Who calls what from where: catalog_new and catalog_free the main thread; catalog_put,
 * catalog_replace and catalog_remove the store thread (the main thread before there is one); the rest any thread on its own view.
 */
#include "catalog.h"

#include <stdio.h>
#include <stdlib.h>

#include <uthash.h>

#include "crypt.h"
#include "router.h"

/* Sorted by name. */
struct catalog_snapshot {
	_Atomic unsigned refs;
	size_t n;
	struct catalog_entry entries[];
};

/* One that auto_create let in. */
struct made {
	struct instance *instance;
	UT_hash_handle hh;
};

struct catalog {
	struct catalog_view master;
	pthread_mutex_t lock; /* of made */
	struct made *made;
	bool auto_create;
};

/* ---- instances ---- */

static bool
set_token(struct instance *i, const char *token)
{
	struct buf json = BUF_INIT;

	if (token == NULL)
		return true;
	buf_str(&json, ",\"token\":");
	buf_json_cstr(&json, token);
	char *copy = strdup(token);
	if (json.failed || copy == NULL) {
		buf_free(&json);
		free(copy);
		return false;
	}
	i->token = str_of(copy);
	i->token_json = (struct hsw_str){ json.data, json.len };
	return true;
}

struct instance *
instance_new(struct hsw_str name, const char *id, const char *token)
{
	struct instance *i = calloc(1, sizeof(*i));
	char *copy = i != NULL ? strndup(name.s, name.len) : NULL;

	if (copy == NULL || !set_token(i, token)) {
		free(copy);
		free(i);
		return NULL;
	}
	i->name = (struct hsw_str){ copy, name.len };
	snprintf(i->id, sizeof(i->id), "%s", id != NULL ? id : "");
	atomic_init(&i->refs, 1);
	pthread_mutex_init(&i->lock, NULL);
	const struct metric_label label = { "instance", i->name };
	i->events = metric_get("hookswitch_events_total", &label, 1);
	return i;
}

struct instance *
instance_ref(struct instance *i)
{
	atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
	return i;
}

void
instance_unref(struct instance *i)
{
	if (i == NULL || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&i->lock);
	free((char *)i->name.s);
	free((char *)i->token.s);
	free((char *)i->token_json.s);
	free(i);
}

static void
put_text(char *out, size_t size, struct hsw_str text)
{
	size_t n = text.len < size ? text.len : 0; /* one that is cut would be another */

	if (n > 0)
		memcpy(out, text.s, n);
	out[n] = '\0';
}

/* The lock is held. Whether that is something new. */
static bool
see(struct instance *i, int64_t at_ms, struct hsw_str state, struct hsw_str jid)
{
	const struct instance_seen before = i->seen;

	put_text(i->seen.state, sizeof(i->seen.state), state);
	if (jid.len > 0)
		put_text(i->seen.jid, sizeof(i->seen.jid), jid);
	i->seen.at_ms = at_ms;
	return strcmp(before.state, i->seen.state) != 0 || strcmp(before.jid, i->seen.jid) != 0;
}

bool
instance_saw(
	struct instance *i, int64_t seq, int64_t at_ms, struct hsw_str state, struct hsw_str jid)
{
	bool must_save = false;

	pthread_mutex_lock(&i->lock);
	if (seq > i->seen_seq) {
		i->seen_seq = seq;
		must_save = see(i, at_ms, state, jid) || i->is_unsaved;
		i->is_unsaved = false;
	}
	pthread_mutex_unlock(&i->lock);
	return must_save;
}

void
instance_set_unsaved(struct instance *i)
{
	pthread_mutex_lock(&i->lock);
	i->is_unsaved = true;
	pthread_mutex_unlock(&i->lock);
}

void
instance_get_seen(struct instance *i, struct instance_seen *out)
{
	pthread_mutex_lock(&i->lock);
	*out = i->seen;
	pthread_mutex_unlock(&i->lock);
}

void
instance_recall(struct instance *i, const struct instance_seen *seen)
{
	pthread_mutex_lock(&i->lock);
	if (seen->at_ms > i->seen.at_ms)
		i->seen = *seen;
	pthread_mutex_unlock(&i->lock);
}

bool
instance_is_heir(const struct instance *i, const char *id)
{
	return *i->id == '\0' || *id == '\0' || strcmp(i->id, id) == 0;
}

void
instance_succeed(struct instance *i, struct instance *before)
{
	struct instance_seen seen;

	pthread_mutex_lock(&before->lock);
	seen = before->seen;
	i->seen_seq = before->seen_seq;
	i->is_unsaved = before->is_unsaved;
	pthread_mutex_unlock(&before->lock);
	instance_recall(i, &seen);
	atomic_store(&i->last_event_ms, atomic_load(&before->last_event_ms));
}

/* ---- snapshots ---- */

struct catalog_snapshot *
catalog_snapshot_ref(struct catalog_snapshot *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
catalog_snapshot_unref(struct catalog_snapshot *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < s->n; i++)
		instance_unref(s->entries[i].instance);
	free(s);
}

static int
compare(struct hsw_str a, struct hsw_str b)
{
	size_t both = a.len < b.len ? a.len : b.len;
	int order = both > 0 ? memcmp(a.s, b.s, both) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where the name is, or where it would have to be inserted. */
static size_t
place_of(const struct catalog_snapshot *s, struct hsw_str name)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(s->entries[mid].instance->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct catalog_snapshot *s, size_t at, struct hsw_str name)
{
	return at < s->n && str_equal(s->entries[at].instance->name, name);
}

/* A copy without `removed` entries at `at`, and with `added` there, where it is not NULL. */
static struct catalog_snapshot *
splice(const struct catalog_snapshot *s, size_t at, size_t removed,
	const struct catalog_entry *added)
{
	size_t n = s->n - removed + (added != NULL);
	struct catalog_snapshot *copy = malloc(sizeof(*copy) + n * sizeof(copy->entries[0]));
	size_t k = 0;

	if (copy == NULL)
		return NULL;
	atomic_init(&copy->refs, 1);
	copy->n = n;
	for (size_t i = 0; i < at; i++)
		copy->entries[k++] = s->entries[i];
	if (added != NULL)
		copy->entries[k++] = *added;
	for (size_t i = at + removed; i < s->n; i++)
		copy->entries[k++] = s->entries[i];
	for (size_t i = 0; i < n; i++)
		instance_ref(copy->entries[i].instance);
	return copy;
}

static int
replace_master(struct catalog *c, struct catalog_snapshot *s)
{
	if (s == NULL)
		return HSW_ENOMEM;
	catalog_snapshot_unref(c->master.now);
	c->master.now = s;
	return HSW_OK;
}

int
catalog_put(struct catalog *c, struct instance *i, const struct websocket_setting *websocket)
{
	const struct catalog_snapshot *s = c->master.now;
	const struct catalog_entry entry = { i, *websocket };
	size_t at = place_of(s, i->name);

	return replace_master(c, splice(s, at, is_at(s, at, i->name), &entry));
}

int
catalog_replace(struct catalog *c, const struct catalog_entry *entries, size_t n)
{
	struct catalog_snapshot *s = malloc(sizeof(*s) + n * sizeof(s->entries[0]));

	if (s == NULL)
		return HSW_ENOMEM;
	atomic_init(&s->refs, 1);
	s->n = n;
	for (size_t i = 0; i < n; i++) {
		s->entries[i] = entries[i];
		instance_ref(entries[i].instance);
	}
	return replace_master(c, s);
}

int
catalog_remove(struct catalog *c, struct hsw_str name)
{
	const struct catalog_snapshot *s = c->master.now;
	size_t at = place_of(s, name);

	return is_at(s, at, name) ? replace_master(c, splice(s, at, 1, NULL)) : HSW_OK;
}

/* ---- the catalog ---- */

static int
put_section(struct catalog *c, const struct config_section *section)
{
	const struct instance_conf *conf = &section->u.instance;
	const struct websocket_setting websocket = { conf->websocket, conf->websocket_media_base64,
		router_types(conf->websocket_events) };
	struct instance *i = instance_new(str_of(section->name), NULL, conf->token);

	if (i == NULL)
		return HSW_ENOMEM;
	int rc = catalog_put(c, i, &websocket);
	instance_unref(i);
	return rc;
}

struct catalog *
catalog_new(const struct config *config)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->auto_create = config->ingest.auto_create;
	c->master.catalog = c;
	c->master.now = calloc(1, sizeof(*c->master.now));
	int rc = c->master.now != NULL ? HSW_OK : HSW_ENOMEM;
	if (rc == HSW_OK)
		atomic_init(&c->master.now->refs, 1);
	for (const struct config_section *s = config->instances; s != NULL && rc == HSW_OK;
		s = s->next)
		rc = put_section(c, s);
	if (rc == HSW_OK)
		return c;
	catalog_free(c);
	return NULL;
}

void
catalog_free(struct catalog *c)
{
	struct made *m, *next;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->made, m, next)
	{
		HASH_DEL(c->made, m);
		instance_unref(m->instance);
		free(m);
	}
	catalog_snapshot_unref(c->master.now);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct catalog_view *
catalog_master(struct catalog *c)
{
	return &c->master;
}

void
catalog_view_set(struct catalog_view *v, struct catalog *c, struct catalog_snapshot *s)
{
	struct catalog_snapshot *before = v->now;

	v->catalog = c;
	v->now = catalog_snapshot_ref(s);
	catalog_snapshot_unref(before);
}

void
catalog_view_fini(struct catalog_view *v)
{
	catalog_snapshot_unref(v->now);
	v->now = NULL;
}

static struct made *
made_new(struct hsw_str name)
{
	struct made *m = calloc(1, sizeof(*m));

	if (m != NULL && (m->instance = instance_new(name, NULL, NULL)) != NULL)
		return m;
	free(m);
	return NULL;
}

static struct instance *
find_or_make(struct catalog *c, struct hsw_str name)
{
	struct made *m;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->made, name.s, name.len, m);
	if (m == NULL && HASH_COUNT(c->made) < INSTANCES_AUTO_MAX) {
		m = made_new(name);
		if (m != NULL)
			HASH_ADD_KEYPTR(hh, c->made, m->instance->name.s, name.len, m);
	}
	pthread_mutex_unlock(&c->lock);
	return m != NULL ? m->instance : NULL;
}

struct instance *
catalog_find_known(const struct catalog_view *v, struct hsw_str name)
{
	size_t at = place_of(v->now, name);

	return is_at(v->now, at, name) ? v->now->entries[at].instance : NULL;
}

struct instance *
catalog_find_websocket(
	const struct catalog_view *v, struct hsw_str name, struct websocket_setting *out)
{
	size_t at = place_of(v->now, name);

	if (!is_at(v->now, at, name))
		return NULL;
	*out = v->now->entries[at].websocket;
	return v->now->entries[at].instance;
}

bool
catalog_may_make(const struct catalog_view *v, struct hsw_str name)
{
	return v->catalog->auto_create && config_name_is_valid(name);
}

struct instance *
catalog_find(const struct catalog_view *v, struct hsw_str name)
{
	struct instance *i = catalog_find_known(v, name);

	if (i == NULL && catalog_may_make(v, name))
		i = find_or_make(v->catalog, name);
	return i;
}

struct instance *
catalog_find_token(const struct catalog_view *v, struct hsw_str token)
{
	struct instance *found = NULL;

	for (size_t i = 0; i < v->now->n && token.len > 0; i++) {
		struct instance *one = v->now->entries[i].instance;
		if (one->token.len > 0 && secret_equal(token, one->token))
			found = one;
	}
	return found;
}

void
catalog_each(const struct catalog_view *v, void (*fn)(void *, const struct instance *), void *arg)
{
	for (size_t i = 0; i < v->now->n; i++)
		fn(arg, v->now->entries[i].instance);
	pthread_mutex_lock(&v->catalog->lock);
	for (const struct made *m = v->catalog->made; m != NULL; m = m->hh.next) {
		if (catalog_find_known(v, m->instance->name) == NULL)
			fn(arg, m->instance);
	}
	pthread_mutex_unlock(&v->catalog->lock);
}
