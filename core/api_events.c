/* SPDX-License-Identifier: Apache-2.0 */
/* api_events.c - the routes of an instance's webhooks and its WebSocket. */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "api_call.h"
#include "log.h"

static const char failed_webhook[] = "Failed to get webhook configuration";
static const char failed_websocket[] = "Failed to get websocket configuration";

/* ---- printing ---- */

void
api_print_websocket(const struct websocket *w, struct buf *out)
{
	buf_printf(out, "{\"enabled\":%s,\"events\":", w->enabled ? "true" : "false");
	event_list_print(&w->events, out);
	buf_printf(out, ",\"mediaBase64\":%s}", w->media_base64 ? "true" : "false");
}

void
api_print_webhooks(const struct instance_settings *i, struct buf *out)
{
	buf_str(out, "[");
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		if (w != i->webhooks)
			buf_str(out, ",");
		webhook_print(w, out);
	}
	buf_str(out, "]");
}

/* ---- on the store thread ---- */

/* It may have been deleted since the request was admitted. */
static struct instance_settings *
find(struct change *c)
{
	struct instance_settings *i = settings_find(c->server->settings, str_of(c->instance));

	if (i == NULL)
		change_fail(c, 404, "Instance not found");
	return i;
}

static void
fail_store(struct change *c, int rc, const char *message, const struct hsw_error *err)
{
	if (change_is_late(c, rc))
		return;
	log_error("api", "a change was not stored instance=%s: %s", c->instance, err->text);
	change_fail(c, 500, "%s", message);
}

static bool
has_room(struct change *c, const struct instance_settings *i)
{
	const struct webhook *before = settings_find_webhook(i, c->webhook->label);
	int64_t max = c->config->api.max_webhooks;
	bool is_counted = c->webhook->enabled && c->webhook->only == ONLY_ALL;
	bool was_counted = before != NULL && webhook_is_on(before) && before->only == ONLY_ALL;
	size_t all = 0;

	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next)
		all++;
	if (is_counted && !was_counted && (int64_t)settings_count_enabled(i) >= max)
		change_fail(c, 400, "An instance can have at most %lld enabled webhooks",
			(long long)max);
	else if (before == NULL && all >= WEBHOOKS_OF_INSTANCE_MAX)
		change_fail(c, 400, "An instance can have at most %d webhooks",
			WEBHOOKS_OF_INSTANCE_MAX);
	return c->status == 0;
}

static void
print_webhook(struct change *c, const struct webhook *w)
{
	if (c->print != NULL) {
		c->print(c, w);
		return;
	}
	buf_str(&c->out, "{\"success\":true,\"webhook\":");
	webhook_print(w, &c->out);
	buf_str(&c->out, "}");
}

void
api_note_webhook(struct change *c, const char *what, const struct webhook *w)
{
	const char *host = w->url != NULL ? strstr(w->url, "://") : NULL;

	host = host != NULL ? host + strlen("://") : "";
	change_note(c, what, " enabled=%s host=%.*s label=%s", w->enabled ? "yes" : "no",
		(int)strcspn(host, "/?#"), host, w->label);
}

/* Who reads a webhook back and sets it like that gives what is stored. */
static bool
is_as_stored(const struct webhook *w, const struct webhook *before)
{
	const char *sealed = before->sealed[CREDENTIAL_AUTHORIZATION];

	return sealed != NULL && w->authorization != NULL && strcmp(w->authorization, sealed) == 0;
}

/* WEBHOOK_CREDENTIALS that cannot be decrypted and are not set anew. Who removes the secret wants no signature
 * by the old one, either. */
static unsigned
find_missing(const struct change *c, const struct webhook *before)
{
	const struct webhook *w = c->webhook;
	unsigned not_given = c->not_given;

	if (is_as_stored(w, before))
		not_given |= WEBHOOK_AUTHORIZATION;
	if (w->secret == NULL && (not_given & WEBHOOK_SECRET) == 0)
		not_given &= ~(unsigned)WEBHOOK_SECRET_OLD;
	return webhook_undecryptable(before) & not_given;
}

/* A receiver would refuse what comes without its credentials, or take it from anybody. */
static bool
has_credentials(struct change *c, const struct webhook *before)
{
	const struct webhook *w = c->webhook;
	unsigned missing = before != NULL && w->enabled ? find_missing(c, before) : 0;
	size_t i = 0;

	if (missing == 0)
		return true;
	while ((missing & 1u << i) == 0)
		i++;
	change_fail(c, 400,
		"%s: the stored one cannot be decrypted: give it again by POST "
		"/api/events/webhook/%s (label %s), or %s for none",
		webhook_credential_name((enum webhook_credential)i), c->instance, w->label,
		i == CREDENTIAL_HEADERS ? "{}" : "\"\"");
	return false;
}

/* What is kept is known here only. false: it was refused. */
static bool
keep_extras(struct change *c, const struct webhook *before)
{
	const unsigned kept = c->kept;
	struct hsw_error err = { "" };

	if (kept == 0)
		return api_has_section(c);
	if (webhook_keep(c->webhook, before, kept) != HSW_OK) {
		change_fail(c, 503, "Out of memory");
		return false;
	}
	webhook_section_free(c->section);
	c->section = NULL;
	c->kept = 0; /* it is whole now */
	bool is_good = api_make_section(c, &err);
	c->kept = kept;
	if (!is_good)
		change_fail(c, 400, "%s", err.text);
	return is_good;
}

static void
apply_set_webhook(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find(c);
	struct hsw_error err = { "" };

	if (i == NULL || !has_room(c, i))
		return;
	const struct webhook *before = settings_find_webhook(i, c->webhook->label);
	bool was_enabled = before != NULL && before->enabled;
	if (!has_credentials(c, before) || !keep_extras(c, before))
		return;
	struct webhook *w = c->webhook;
	struct webhook_section *section = c->section;
	c->section = NULL;
	if (section != NULL && change_put(c, store, section) != HSW_OK)
		return;
	if (!w->enabled && was_enabled)
		change_remove(c, i->instance->name, w->label);
	print_webhook(c, w);
	api_note_webhook(c, "webhook set", w);
	int rc = settings_put_webhook(c->server->settings, store, i, w, &err);
	if (rc == HSW_OK) {
		c->webhook = NULL;
		return;
	}
	fail_store(c, rc, failed_webhook, &err);
	if (section != NULL && !was_enabled && !c->is_late)
		change_unput(c, store);
}

static void
apply_get_webhook(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find(c);

	(void)store;
	if (i == NULL)
		return;
	const struct webhook *w = settings_find_webhook(i, c->label);
	if (c->print != NULL) {
		c->print(c, w);
		return;
	}
	if (!c->has_label) {
		buf_str(&c->out, "{\"success\":true,\"webhooks\":");
		api_print_webhooks(i, &c->out);
		buf_str(&c->out, "}");
		return;
	}
	if (w == NULL)
		change_fail(c, 404, "Webhook not found");
	else
		print_webhook(c, w);
}

/* false: there is none with that label. */
static bool
remove_webhook(struct change *c, const struct store_port *store, struct instance_settings *i)
{
	const struct webhook *w = settings_find_webhook(i, c->label);
	struct hsw_error err = { "" };

	if (w == NULL)
		return false;
	if (w->enabled)
		change_remove(c, i->instance->name, w->label);
	int rc = settings_remove_webhook(c->server->settings, store, i, c->label, &err);
	if (rc != HSW_OK)
		fail_store(c, rc, failed_webhook, &err);
	change_note(c, "webhook removed", " label=%s", c->label);
	return true;
}

static void
apply_delete_webhook(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find(c);

	if (i != NULL && !remove_webhook(c, store, i))
		change_fail(c, 404, "Webhook not found");
}

static void
apply_remove_webhook(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find(c);

	if (i != NULL)
		(void)remove_webhook(c, store, i);
}

static void
finish_delete_webhook(struct change *c)
{
	buf_printf(&c->out,
		"{\"success\":true,\"message\":\"Webhook deleted\",\"droppedEvents\":%zu}",
		c->undelivered);
}

static void
apply_set_websocket(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find(c);
	struct hsw_error err = { "" };

	if (i == NULL)
		return;
	int rc = settings_put_websocket(c->server->settings, store, i, &c->websocket, &err);
	if (rc != HSW_OK) {
		fail_store(c, rc, failed_websocket, &err);
		return;
	}
	change_note(c, "WebSocket set", " enabled=%s", i->websocket.enabled ? "yes" : "no");
	buf_str(&c->out, "{\"success\":true,\"websocket\":");
	api_print_websocket(&i->websocket, &c->out);
	buf_str(&c->out, "}");
}

static void
apply_get_websocket(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find(c);

	(void)store;
	if (i == NULL)
		return;
	buf_printf(&c->out, "{\"success\":true,\"message\":\"%s\",\"websocket\":",
		i->websocket.is_set ? "Websocket configuration found"
				    : "Websocket is not configured");
	api_print_websocket(&i->websocket, &c->out);
	buf_str(&c->out, "}");
}

/* ---- routes ---- */

/* ?label=, where there is one; an empty one is the default. false: it was answered. */
static bool
read_label(const struct api_call *call, struct change *c)
{
	struct buf label = BUF_INIT;

	c->has_label = http_query_form(call->http, "label", &label);
	if (!label.failed)
		c->label = strndup(label.len > 0 ? label.data : WEBHOOK_LABEL_DEFAULT,
			label.len > 0 ? label.len : sizeof(WEBHOOK_LABEL_DEFAULT) - 1);
	buf_free(&label);
	if (c->label != NULL)
		return true;
	change_free(c);
	api_error(call, 503, "Out of memory");
	return false;
}

static void
post(struct change *c, bool is_read, void (*apply)(struct change *, const struct store_port *))
{
	c->is_read = is_read;
	c->apply = apply;
	change_post(c);
}

void
api_post_webhook(struct change *c, void (*print)(struct change *, const struct webhook *))
{
	c->print = print;
	post(c, false, apply_set_webhook);
}

void
api_post_find(struct change *c, void (*print)(struct change *, const struct webhook *))
{
	c->print = print;
	post(c, true, apply_get_webhook);
}

void
api_post_remove(struct change *c)
{
	c->finish = finish_delete_webhook;
	post(c, false, apply_remove_webhook);
}

static void
refuse(struct api_call *call, struct change *c, const struct hsw_error *err)
{
	change_free(c);
	api_error(call, 400, "%s", err->text);
}

void
api_webhook_set(struct api_call *call)
{
	static const struct webhook_names names = { "label", "enabled", "url", "authorization",
		"byEvents", "events", "mediaBase64", "secret", "secret_old", "headers", "format" };
	/* The last ones are only read back: who changes what was read back may send them along. */
	static const char *const known[] = { "label", "enabled", "url", "authorization", "byEvents",
		"events", "mediaBase64", "secret", "secret_old", "headers", "format",
		"disabledReason", "hasSecret", "hasSecretOld", "headerNames", "undecryptable",
		NULL };
	struct json_object *root = api_body(call, known);
	struct change *c = root != NULL ? api_change(call) : NULL;
	struct hsw_error err = { "" };

	if (c != NULL) {
		if (api_read_webhook(c, root, &names, &err))
			post(c, false, apply_set_webhook);
		else
			refuse(call, c, &err);
	}
	json_object_put(root);
}

void
api_webhook_get(struct api_call *call)
{
	struct change *c = api_change(call);

	if (c != NULL && read_label(call, c))
		post(c, true, apply_get_webhook);
}

void
api_webhook_delete(struct api_call *call)
{
	struct change *c = api_change(call);

	if (c == NULL || !read_label(call, c))
		return;
	c->finish = finish_delete_webhook;
	post(c, false, apply_delete_webhook);
}

void
api_websocket_set(struct api_call *call)
{
	static const struct websocket_names names = { "enabled", "events", "mediaBase64" };
	static const char *const known[] = { "enabled", "events", "mediaBase64", NULL };
	struct json_object *root = api_body(call, known);
	struct change *c = root != NULL ? api_change(call) : NULL;
	struct hsw_error err = { "" };

	if (c != NULL) {
		if (api_read_websocket(c, root, &names, &err))
			post(c, false, apply_set_websocket);
		else
			refuse(call, c, &err);
	}
	json_object_put(root);
}

void
api_websocket_get(struct api_call *call)
{
	struct change *c = api_change(call);

	if (c != NULL)
		post(c, true, apply_get_websocket);
}
