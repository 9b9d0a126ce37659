/* SPDX-License-Identifier: Apache-2.0 */
/* api_read.c - what a request says that a webhook or the WebSocket of an instance shall be. On its worker. */
#include <stdlib.h>
#include <strings.h>

#include "api_call.h"
#include "api_json.h"
#include "err.h"
#include "signing.h"

static bool
read_text(struct json_object *o, const char *field, size_t max, char **out, struct hsw_error *err)
{
	return field == NULL || api_json_text(o, field, max, out, err) == HSW_OK;
}

/* All but the label. */
static bool
read_members(struct webhook *w, struct json_object *o, const struct webhook_names *n,
	struct hsw_error *err)
{
	bool is_set;

	if (api_json_bool(o, n->enabled, &w->enabled, &is_set, err) != HSW_OK)
		return false;
	if (!is_set) {
		err_set(err, HSW_EINVAL, "%s: is missing, expected true or false", n->enabled);
		return false;
	}
	return read_text(o, n->url, WEBHOOK_TEXT_MAX, &w->url, err) &&
		read_text(o, n->authorization, WEBHOOK_TEXT_MAX, &w->authorization, err) &&
		read_text(o, n->secret, WEBHOOK_TEXT_MAX, &w->secret, err) &&
		read_text(o, n->secret_old, WEBHOOK_TEXT_MAX, &w->secret_old, err) &&
		read_text(o, n->format, WEBHOOK_FORMAT_MAX, &w->format, err) &&
		(n->headers == NULL ||
			api_json_headers(o, n->headers, &w->headers, err) == HSW_OK) &&
		api_json_bool(o, n->by_events, &w->by_events, NULL, err) == HSW_OK &&
		api_json_bool(o, n->media_base64, &w->media_base64, NULL, err) == HSW_OK &&
		api_json_events(o, n->events, &w->events, err) == HSW_OK;
}

static bool
check_url(struct change *c, const char *field, struct hsw_error *err)
{
	const char *url = c->webhook->url;

	if (url == NULL && c->webhook->enabled) {
		err_set(err, HSW_EINVAL, "%s: is missing", field);
		return false;
	}
	if (url != NULL && c->config->api.https_only && strncasecmp(url, "https://", 8) != 0) {
		err_set(err, HSW_EINVAL, "%s: must begin with https://", field);
		return false;
	}
	return true;
}

static bool
check_secret(const char *field, const char *secret, struct hsw_error *err)
{
	return secret == NULL || signing_check(field, secret, err) == HSW_OK;
}

bool
api_make_section(struct change *c, struct hsw_error *err)
{
	const struct webhook_sink *sink = &c->server->webhook_sink;

	c->section = webhook_section_new(sink, str_of(c->instance), c->webhook, err);
	if (c->section == NULL)
		return false;
	/* Alone it is wrong; with the secret that is kept it may be right. */
	bool is_part = c->webhook->secret_old != NULL &&
		((c->kept & WEBHOOK_SECRET) || c->webhook->sealed[CREDENTIAL_SECRET] != NULL);
	bool is_good = c->webhook->url == NULL || is_part ||
		webhook_section_check(c->section, c->config, err) == HSW_OK;
	if (!is_good || !c->webhook->enabled) {
		webhook_section_free(c->section);
		c->section = NULL;
	}
	return is_good;
}

bool
api_has_section(struct change *c)
{
	struct hsw_error err = { "" };

	if (c->section != NULL || !c->webhook->enabled || api_make_section(c, &err))
		return true;
	change_fail(c, 400, "%s", err.text);
	return false;
}

static bool
is_absent(struct json_object *o, const char *field)
{
	return field == NULL || !json_object_object_get_ex(o, field, NULL);
}

static unsigned
find_absent(struct json_object *o, const struct webhook_names *n)
{
	return (is_absent(o, n->authorization) ? WEBHOOK_AUTHORIZATION : 0) |
		(is_absent(o, n->secret) ? WEBHOOK_SECRET : 0) |
		(is_absent(o, n->secret_old) ? WEBHOOK_SECRET_OLD : 0) |
		(is_absent(o, n->headers) ? WEBHOOK_HEADERS : 0) |
		(is_absent(o, n->format) ? WEBHOOK_FORMAT : 0);
}

/* The sink calls its options by their own names: the error names what the client gave. */
static void
name_field(struct hsw_error *err, const char *option, const char *field)
{
	size_t n = strlen(option);
	char rest[HSW_ERROR_SIZE];

	if (strcmp(option, field) == 0 || strncmp(err->text, option, n) != 0 || err->text[n] != ':')
		return;
	snprintf(rest, sizeof(rest), "%s", err->text + n);
	snprintf(err->text, sizeof(err->text), "%.64s%.*s", field, HSW_ERROR_SIZE - 65, rest);
}

bool
api_check_webhook(struct change *c, const char *url, struct hsw_error *err)
{
	if (!check_url(c, url, err) || !check_secret("secret", c->webhook->secret, err) ||
		!check_secret("secret_old", c->webhook->secret_old, err))
		return false;
	bool is_good = api_make_section(c, err);
	if (!is_good)
		name_field(err, "url", url);
	return is_good;
}

bool
api_read_webhook(struct change *c, struct json_object *o, const struct webhook_names *n,
	struct hsw_error *err)
{
	char *label = NULL;

	if (!read_text(o, n->label, WEBHOOK_LABEL_MAX, &label, err))
		return false;
	if (label != NULL && !webhook_label_is_valid(str_of(label))) {
		err_set(err, HSW_EINVAL,
			"label: has a control character, a mark of direction, or a blank at an "
			"end");
		free(label);
		return false;
	}
	c->webhook = webhook_new(str_of(label != NULL ? label : WEBHOOK_LABEL_DEFAULT));
	free(label);
	if (c->webhook == NULL) {
		err_set(err, HSW_ENOMEM, "Out of memory");
		return false;
	}
	if (!read_members(c->webhook, o, n, err))
		return false;
	unsigned absent = find_absent(o, n);
	c->kept = absent & WEBHOOK_EXTRAS;
	c->not_given = absent & WEBHOOK_CREDENTIALS;
	if (c->webhook->enabled && c->webhook->events.n == 0)
		event_list_all(&c->webhook->events);
	bool is_good = api_check_webhook(c, n->url, err);
	if (!is_good)
		name_field(err, "authorization", n->authorization);
	return is_good;
}

bool
api_read_websocket(struct change *c, struct json_object *o, const struct websocket_names *n,
	struct hsw_error *err)
{
	struct websocket *out = &c->websocket;
	bool is_set;

	*out = (struct websocket){ .is_set = true };
	if (api_json_bool(o, n->enabled, &out->enabled, &is_set, err) != HSW_OK)
		return false;
	if (!is_set) {
		err_set(err, HSW_EINVAL, "%s: is missing, expected true or false", n->enabled);
		return false;
	}
	if (api_json_bool(o, n->media_base64, &out->media_base64, NULL, err) != HSW_OK ||
		api_json_events(o, n->events, &out->events, err) != HSW_OK)
		return false;
	if (!out->enabled) {
		*out = (struct websocket){ .is_set = true };
		return true;
	}
	if (out->events.n == 0)
		event_list_all(&out->events);
	if (c->server->config->websocket_plugin != NULL)
		return true;
	err_set(err, HSW_ENOENT,
		"%s: WebSockets cannot be enabled: the plugin sink-websocket is not installed",
		n->enabled);
	return false;
}
