/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.c - see catalog.h. Two hash tables: `fixed` is complete before any other thread starts and is
 * only read from then on; `made` grows under the lock.
 */
#include "catalog.h"

#include <pthread.h>
#include <stdlib.h>

#include <uthash.h>

#include "router.h"

struct entry {
	struct instance instance; /* first: an instance is its entry */
	UT_hash_handle hh;
	struct buf token_json;
	char name[];
};

struct catalog {
	struct entry *fixed;
	struct entry *made;
	pthread_mutex_t lock; /* of made */
	bool auto_create;
};

static struct entry *
entry_new(struct hsw_str name, const struct instance_conf *conf)
{
	struct entry *e = calloc(1, sizeof(*e) + name.len);
	if (e == NULL)
		return NULL;
	e->instance.conf = conf;
	memcpy(e->name, name.s, name.len);
	e->instance.name = (struct hsw_str){ e->name, name.len };
	if (conf != NULL && conf->token != NULL) {
		e->instance.token = str_of(conf->token);
		buf_str(&e->token_json, ",\"token\":");
		buf_json(&e->token_json, e->instance.token);
		e->instance.token_json = (struct hsw_str){ e->token_json.data, e->token_json.len };
	}
	if (e->token_json.failed) {
		free(e);
		return NULL;
	}
	const struct metric_label label = { "instance", e->instance.name };
	e->instance.events = metric_get("hookswitch_events_total", &label, 1);
	return e;
}

static void
free_table(struct entry *table)
{
	struct entry *e, *next;

	HASH_ITER(hh, table, e, next)
	{
		HASH_DEL(table, e);
		buf_free(&e->token_json);
		free(e);
	}
}

struct catalog *
catalog_new(const struct config *config)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->auto_create = config->ingest.auto_create;
	for (const struct config_section *s = config->instances; s != NULL; s = s->next) {
		struct entry *e = entry_new(str_of(s->name), &s->u.instance);
		if (e == NULL) {
			catalog_free(c);
			return NULL;
		}
		HASH_ADD_KEYPTR(hh, c->fixed, e->name, e->instance.name.len, e);
	}
	return c;
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	free_table(c->fixed);
	free_table(c->made);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry *
find_or_make(struct catalog *c, struct hsw_str name)
{
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	HASH_FIND(hh, c->made, name.s, name.len, e);
	if (e == NULL && HASH_COUNT(c->made) < INSTANCES_AUTO_MAX) {
		e = entry_new(name, NULL);
		if (e != NULL)
			HASH_ADD_KEYPTR(hh, c->made, e->name, name.len, e);
	}
	pthread_mutex_unlock(&c->lock);
	return e;
}

struct instance *
catalog_find(struct catalog *c, struct hsw_str name)
{
	struct entry *e;

	if (!config_name_is_valid(name))
		return NULL;
	HASH_FIND(hh, c->fixed, name.s, name.len, e);
	if (e == NULL && c->auto_create)
		e = find_or_make(c, name);
	return e != NULL ? &e->instance : NULL;
}

struct instance *
catalog_known(struct catalog *c, struct hsw_str name)
{
	struct entry *e;

	HASH_FIND(hh, c->fixed, name.s, name.len, e);
	if (e == NULL && c->auto_create) {
		pthread_mutex_lock(&c->lock);
		HASH_FIND(hh, c->made, name.s, name.len, e);
		pthread_mutex_unlock(&c->lock);
	}
	return e != NULL ? &e->instance : NULL;
}

bool
catalog_websocket(const struct instance *instance, struct websocket_setting *out)
{
	const struct instance_conf *conf = instance->conf;

	if (conf == NULL || !conf->websocket)
		return false;
	/* The clients brought the token, or one that is worth more. */
	*out = (struct websocket_setting){
		.types = router_types(conf->websocket_events),
		.parts = HSW_TOKEN | HSW_CODES |
			(conf->websocket_media_base64 ? (unsigned)HSW_MEDIA : 0),
	};
	return true;
}

void
catalog_each(struct catalog *c, void (*fn)(void *, const struct instance *), void *arg)
{
	for (struct entry *e = c->fixed; e != NULL; e = e->hh.next)
		fn(arg, &e->instance);
	pthread_mutex_lock(&c->lock);
	for (struct entry *e = c->made; e != NULL; e = e->hh.next)
		fn(arg, &e->instance);
	pthread_mutex_unlock(&c->lock);
}
