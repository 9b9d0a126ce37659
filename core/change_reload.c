/* SPDX-License-Identifier: Apache-2.0 */
/* change_reload.c - what the file says now, or another node changed: a change that nobody asked for. */
#include "change.h"

#include "claim.h"
#include "err.h"
#include "log.h"

static void
reload_put(void *arg, struct hsw_str instance, const struct webhook *w)
{
	struct change *c = arg;
	struct hsw_error err = { "" };
	struct webhook_section *s = webhook_section_new(
		&c->server->webhook_sink, instance, w, &err);

	if (s == NULL)
		log_error("api", "a webhook cannot be opened instance=%.*s label=%s: %s",
			(int)instance.len, instance.s, w->label, err.text);
	else
		change_put(c, c->store, s);
}

static void
reload_remove(void *arg, struct hsw_str instance, const char *label)
{
	change_remove(arg, instance, label);
}

static void
reload_gone(void *arg, struct hsw_str instance, const char *why)
{
	change_end(arg, instance, why);
}

static void
reload_kept(void *arg, struct hsw_str instance)
{
	struct change *c = arg;

	buf_append(&c->kept_websockets, instance.s, instance.len);
	buf_append(&c->kept_websockets, "", 1);
}

static void
reload_apply(struct change *c, const struct store_port *store)
{
	const struct settings_watch watch = { c, reload_put, reload_remove, reload_gone,
		reload_kept };
	struct settings *settings = c->server->settings;
	const struct config *config = c->config != NULL ? c->config : settings->config;
	struct hsw_error err = { "" };

	c->store = store;
	settings->is_shared |= c->server->claims != NULL && claims_have_company(store);
	c->keeps_destinations = c->config != NULL && settings->is_shared;
	if (settings_reload(settings, config, store, &watch, &err) == HSW_OK) {
		c->status = 0; /* one webhook that fails does not keep the rest */
		settings->is_behind = false;
		return;
	}
	/* Among nodes it is tried again with each look at the store. */
	if (c->config != NULL || !settings->is_behind)
		log_error("api", "the instances stay as they were: %s", err.text);
	settings->is_behind = true;
	if (c->server->claims != NULL)
		claims_forget_settings(c->server->claims);
	change_fail(c, 503, "%s", err.text);
}

struct change *
change_new_reload(
	struct server *s, const struct config *config, void (*done)(struct change *), void *arg)
{
	struct change *c = change_new_unasked(s);

	if (c == NULL)
		return NULL;
	c->config = config != NULL ? config_ref(config) : NULL;
	c->apply = reload_apply;
	c->done = done;
	c->arg = arg;
	return c;
}

int
change_reload(
	struct server *s, const struct config *config, void (*done)(struct change *), void *arg)
{
	struct change *c = change_new_reload(s, config, done, arg);

	if (c == NULL)
		return HSW_ENOMEM;
	change_post(c);
	return HSW_OK;
}
