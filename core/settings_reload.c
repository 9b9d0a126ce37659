/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_reload.c - the configuration was read again, or another node changed records (see settings.h). Store
 * thread.
 *
 * A draft is made as a start would make it, from the configuration and the store's records, and compared with
 * what is in use. So an instance that the API has, too, gets the same answer either way.
 */
#include "settings.h"

#include "err.h"

static bool
is_list(const struct event_list *a, const struct event_list *b)
{
	return a->n == b->n && memcmp(a->types, b->types, a->n) == 0;
}

static bool
are_sealed_alike(const struct webhook *a, const struct webhook *b)
{
	bool are = true;

	for (size_t i = 0; i < CREDENTIAL_COUNT; i++)
		are &= text_equal(a->sealed[i], b->sealed[i]);
	return are;
}

/* All that a webhook says. */
static bool
is_webhook(const struct webhook *a, const struct webhook *b)
{
	return a->enabled == b->enabled && a->by_events == b->by_events &&
		a->media_base64 == b->media_base64 && a->is_dashed == b->is_dashed &&
		is_list(&a->events, &b->events) && a->only == b->only &&
		text_equal(a->url, b->url) && text_equal(a->authorization, b->authorization) &&
		text_equal(a->secret, b->secret) && text_equal(a->secret_old, b->secret_old) &&
		text_equal(a->headers, b->headers) && text_equal(a->format, b->format) &&
		are_sealed_alike(a, b) && text_equal(a->aliases, b->aliases) &&
		text_equal(a->disabled_reason, b->disabled_reason) && a->set_ms == b->set_ms;
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

static void
put_webhooks(const struct instance_settings *i, const struct settings_watch *watch)
{
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		if (w->enabled)
			watch->put(watch->arg, i->instance->name, w);
	}
}

/* The file and the API give the same one different ids. */
static bool
is_same(const struct instance *a, const struct instance *b)
{
	return strcmp(a->id, b->id) == 0 && text_equal(a->token.s, b->token.s);
}

/* The API deleted it and made another one of its name. */
static bool
is_made_anew(const struct instance_settings *before, const struct instance_settings *now)
{
	return !instance_is_heir(now->instance, before->instance->id);
}

/* One that is the same is not made anew: requests that are under way have it. */
static void
keep_or_succeed(struct instance_settings *now, const struct instance_settings *before)
{
	if (is_same(now->instance, before->instance)) {
		struct instance_seen stored;
		instance_get_seen(now->instance, &stored);
		instance_recall(before->instance, &stored);
		instance_unref(now->instance);
		now->instance = instance_ref(before->instance);
		now->hh.key = now->instance->name.s; /* the same name */
	} else {
		instance_succeed(now->instance, before->instance);
	}
	settings_tell_raw(now);
}

static void
keep_all(struct settings *s, struct settings *draft)
{
	for (struct instance_settings *i = draft->instances; i != NULL; i = i->hh.next) {
		const struct instance_settings *before = settings_find(s, i->instance->name);
		if (before != NULL && !is_made_anew(before, i))
			keep_or_succeed(i, before);
	}
}

/* Of one that moved between the file and the API only the id is another one. */
static const char *
why_gone(const struct instance_settings *before, const struct instance_settings *now)
{
	if (now == NULL || is_made_anew(before, now))
		return SETTINGS_DELETED;
	return text_equal(before->instance->token.s, now->instance->token.s)
		? "the instance is configured elsewhere"
		: SETTINGS_TOKEN_CHANGED;
}

static void
compare_old(struct settings *s, struct settings *draft, const struct settings_watch *watch)
{
	for (struct instance_settings *i = s->instances; i != NULL; i = i->hh.next) {
		const struct instance_settings *now = settings_find(draft, i->instance->name);
		if (now == NULL || is_made_anew(i, now))
			remove_webhooks(i, watch);
		if (now == NULL || now->instance != i->instance)
			watch->gone(watch->arg, i->instance->name, why_gone(i, now));
	}
}

static void
compare_new(struct settings *s, struct settings *draft, const struct settings_watch *watch)
{
	for (struct instance_settings *i = draft->instances; i != NULL; i = i->hh.next) {
		const struct instance_settings *before = settings_find(s, i->instance->name);
		if (before == NULL || is_made_anew(before, i))
			put_webhooks(i, watch);
		else
			compare_webhooks(before, i, watch);
	}
}

static bool
is_websocket(const struct websocket *a, const struct websocket *b)
{
	return a->enabled == b->enabled && a->media_base64 == b->media_base64 &&
		is_list(&a->events, &b->events);
}

static void
compare_websockets(struct settings *s, struct settings *draft, const struct settings_watch *watch)
{
	static const struct websocket none = { .is_set = false };

	for (struct instance_settings *i = draft->instances; i != NULL; i = i->hh.next) {
		const struct instance_settings *before = settings_find(s, i->instance->name);
		const struct websocket *was = before != NULL ? &before->of_file : &none;
		if (i->websocket.is_stored && i->file != NULL && !is_websocket(was, &i->of_file) &&
			!is_websocket(&i->websocket, &i->of_file))
			watch->kept(watch->arg, i->instance->name);
	}
}

static int
make_draft(struct settings *draft, const struct config *config, const struct store_port *store,
	struct hsw_error *err)
{
	if (settings_init(draft, config, NULL) != HSW_OK)
		return err_set(err, HSW_ENOMEM, "out of memory");
	return settings_read(draft, store, err);
}

/* The old ones are the draft's then, to be freed with it. */
static void
exchange(struct settings *s, struct settings *draft)
{
	const struct settings before = *s;

	s->instances = draft->instances;
	s->strays = draft->strays;
	s->config = draft->config;
	s->version = draft->version;
	draft->instances = before.instances;
	draft->strays = before.strays;
	draft->config = before.config;
	draft->version = before.version;
}

int
settings_reload(struct settings *s, const struct config *config, const struct store_port *store,
	const struct settings_watch *watch, struct hsw_error *err)
{
	struct settings draft = { .seal = s->seal, .keep_undecryptable = s->keep_undecryptable };
	int rc = make_draft(&draft, config, store, err);

	if (rc == HSW_OK) {
		keep_all(s, &draft);
		draft.catalog = s->catalog;
		if (settings_publish_all(&draft) != HSW_OK)
			rc = err_set(err, HSW_ENOMEM, "out of memory");
	}
	if (rc == HSW_OK) {
		compare_old(s, &draft, watch);
		compare_new(s, &draft, watch);
		compare_websockets(s, &draft, watch);
		exchange(s, &draft);
	}
	draft.seal = NULL; /* of s */
	settings_fini(&draft);
	return rc;
}
