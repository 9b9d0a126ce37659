/* SPDX-License-Identifier: Apache-2.0 */
/* settings_reload.c - what another node changed: the records are read again and compared with what is known. */
#include "settings.h"

#include <stdlib.h>

#include "log.h"

static bool
is_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_list(const struct event_list *a, const struct event_list *b)
{
	return a->n == b->n && memcmp(a->types, b->types, a->n) == 0;
}

/* All that a webhook says. */
static bool
is_webhook(const struct webhook *a, const struct webhook *b)
{
	return a->enabled == b->enabled && a->by_events == b->by_events &&
		a->media_base64 == b->media_base64 && a->is_dashed == b->is_dashed &&
		is_list(&a->events, &b->events) && a->only == b->only && is_text(a->url, b->url) &&
		is_text(a->authorization, b->authorization) && is_text(a->secret, b->secret) &&
		is_text(a->headers, b->headers) && is_text(a->format, b->format) &&
		is_text(a->sealed_authorization, b->sealed_authorization) &&
		is_text(a->aliases, b->aliases);
}

static bool
is_websocket(const struct websocket *a, const struct websocket *b)
{
	return a->is_set == b->is_set && a->enabled == b->enabled &&
		a->media_base64 == b->media_base64 && is_list(&a->events, &b->events);
}

static void
compare_webhooks(const struct instance_settings *before, const struct instance_settings *now,
	const struct settings_watch *watch)
{
	const struct hsw_str name = now->instance->name;

	for (const struct webhook *w = before->webhooks; w != NULL; w = w->next) {
		const struct webhook *is = settings_find_webhook(now, w->label);
		if (w->enabled && (is == NULL || !is->enabled))
			watch->remove(watch->arg, name, w->label);
	}
	for (const struct webhook *w = now->webhooks; w != NULL; w = w->next) {
		const struct webhook *was = settings_find_webhook(before, w->label);
		if (w->enabled && (was == NULL || !is_webhook(was, w)))
			watch->put(watch->arg, name, w);
	}
}

static void
remove_webhooks(const struct instance_settings *i, const struct settings_watch *watch)
{
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		if (w->enabled)
			watch->remove(watch->arg, i->instance->name, w->label);
	}
}

/* An instance that was deleted, and maybe made anew under its name: what it had is not the new one's. */
static void
end_instance(struct settings *s, struct instance_settings *i, bool is_replaced,
	const struct settings_watch *watch)
{
	remove_webhooks(i, watch);
	atomic_store(&i->instance->is_deleted, true);
	watch->gone(watch->arg, i->instance->name);
	if (!is_replaced && catalog_remove(s->catalog, i->instance->name) != HSW_OK)
		log_error("config", "out of memory: an instance is known until the next start");
}

static bool
is_replaced(const struct instance_settings *before, const struct instance_settings *now)
{
	return strcmp(before->id, now->id) != 0;
}

static void
take_over(struct settings *s, const struct instance_settings *before, struct instance_settings *now,
	const struct settings_watch *watch)
{
	bool is_same_token = str_equal(before->instance->token, now->instance->token);

	/* Its counters, and what was seen of it. */
	if (is_same_token && before->instance != now->instance) {
		instance_unref(now->instance);
		now->instance = instance_ref(before->instance);
		now->hh.key = now->instance->name.s; /* the same name */
	}
	if ((!is_same_token || !is_websocket(&before->websocket, &now->websocket)) &&
		settings_publish(s, now) != HSW_OK)
		log_error("config", "out of memory: an instance stays as it was");
	settings_tell_raw(now);
	compare_webhooks(before, now, watch);
}

static void
add_instance(struct settings *s, struct instance_settings *now, const struct settings_watch *watch)
{
	if (settings_publish(s, now) != HSW_OK)
		log_error("config", "out of memory: an instance is not known here");
	for (const struct webhook *w = now->webhooks; w != NULL; w = w->next) {
		if (w->enabled)
			watch->put(watch->arg, now->instance->name, w);
	}
}

static void
compare(struct settings *s, struct settings *fresh, const struct settings_watch *watch)
{
	struct instance_settings *i, *next;

	HASH_ITER(hh, s->instances, i, next)
	{
		struct instance_settings *now = settings_find(fresh, i->instance->name);
		if (now == NULL || is_replaced(i, now))
			end_instance(s, i, now != NULL, watch);
	}
	HASH_ITER(hh, fresh->instances, i, next)
	{
		struct instance_settings *before = settings_find(s, i->instance->name);
		if (before == NULL || is_replaced(before, i))
			add_instance(s, i, watch);
		else
			take_over(s, before, i, watch);
	}
}

int
settings_reload(struct settings *s, const struct store_port *store,
	const struct settings_watch *watch, struct hsw_error *err)
{
	struct settings fresh = { .is_silent = true, .seal = s->seal };
	int rc = settings_init(&fresh, s->config, s->catalog);

	if (rc == HSW_OK)
		rc = settings_read(&fresh, store, err);
	if (rc == HSW_OK) {
		struct instance_settings *before = s->instances;
		compare(s, &fresh, watch);
		s->instances = fresh.instances;
		fresh.instances = before;
	}
	fresh.seal = NULL;
	settings_fini(&fresh);
	return rc;
}
