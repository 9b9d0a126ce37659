/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_reload.c - the instances of a configuration that was read again (see settings.h). Store thread.
 *
 * A draft is made as a start would make it, from the configuration and the store's records, and compared with
 * what is in use. So an instance that the API has, too, gets the same answer either way.
 */
#include "settings.h"

#include "err.h"

static bool
is_same_token(const struct instance *a, const struct instance *b)
{
	return a->token.s == NULL ? b->token.s == NULL
				  : b->token.s != NULL && str_equal(a->token, b->token);
}

/* One that is the same is not made anew: requests that are under way have it. */
static void
keep_or_succeed(struct instance_settings *fresh, const struct instance_settings *before)
{
	if (is_same_token(fresh->instance, before->instance)) {
		instance_unref(fresh->instance);
		fresh->instance = instance_ref(before->instance);
		fresh->hh.key = fresh->instance->name.s;
	} else {
		instance_succeed(fresh->instance, before->instance);
	}
	settings_tell_raw(fresh);
}

static bool
has_enabled(const struct instance_settings *i, const char *label)
{
	const struct webhook *w = i != NULL ? settings_find_webhook(i, label) : NULL;

	return w != NULL && w->enabled;
}

/* Those of one that another does not have. */
static int
visit_webhooks(const struct instance_settings *i, const struct instance_settings *other,
	int (*fn)(void *, struct hsw_str, const struct webhook *), void *arg)
{
	int rc = HSW_OK;

	for (const struct webhook *w = i->webhooks; w != NULL && rc == HSW_OK; w = w->next) {
		if (w->enabled && !has_enabled(other, w->label))
			rc = fn(arg, i->instance->name, w);
	}
	return rc;
}

static int
leave(void *arg, struct hsw_str instance, const struct webhook *w)
{
	const struct settings_visitor *v = arg;

	v->left(v->arg, instance, w);
	return HSW_OK;
}

static int
visit_fresh(struct settings *s, struct settings *draft, const struct settings_visitor *v)
{
	int rc = HSW_OK;

	for (struct instance_settings *i = draft->instances; i != NULL && rc == HSW_OK;
		i = i->hh.next)
		rc = visit_webhooks(i, settings_find(s, i->instance->name), v->came, v->arg);
	return rc;
}

static void
visit_old(struct settings *s, struct settings *draft, const struct settings_visitor *v)
{
	for (struct instance_settings *i = s->instances; i != NULL; i = i->hh.next) {
		struct instance_settings *fresh = settings_find(draft, i->instance->name);
		if (fresh == NULL || !is_same_token(fresh->instance, i->instance))
			v->ended(v->arg, i->instance->name);
		visit_webhooks(i, fresh, leave, (void *)v);
		if (fresh != NULL)
			keep_or_succeed(fresh, i);
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
	s->config = draft->config;
	draft->instances = before.instances;
	draft->config = before.config;
}

int
settings_reload(struct settings *s, const struct config *config, const struct store_port *store,
	const struct settings_visitor *v, struct hsw_error *err)
{
	struct settings draft = { .seal = s->seal, .keep_undecryptable = s->keep_undecryptable };
	int rc = make_draft(&draft, config, store, err);

	if (rc == HSW_OK)
		rc = visit_fresh(s, &draft, v);
	if (rc == HSW_OK) {
		visit_old(s, &draft, v);
		draft.catalog = s->catalog;
		rc = settings_publish_all(&draft);
		if (rc != HSW_OK)
			err_set(err, rc, "out of memory");
	}
	if (rc == HSW_OK)
		exchange(s, &draft);
	draft.seal = NULL; /* of s */
	settings_fini(&draft);
	return rc;
}
