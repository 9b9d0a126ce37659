/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_config.c - the part of WhatsApp Web API's own interface that sets an instance's webhooks: programs
 * that configure them there can configure them here. What is posted are our envelopes.
 *
 * Each route has one webhook, with a label of its own, which gets a part of one type. Credentials and the
 * instance's name are headers or members of the body, in any case; they are looked for before the rate
 * limit is taken, so that only a small body is read for them.
 */
#include <stdlib.h>
#include <strings.h>

#include "api_call.h"
#include "api_json.h"
#include "err.h"

#define KEY "apikey" /* names of headers are asked for in lower case */
#define INSTANCE "id"
#define URL "URL"
#define BODY_WITH_CREDENTIALS_MAX 16384

static const char scheme[] = "https://";

/* The member's name as it is spelled there; the first where there are more. NULL: there is none. */
static const char *
find_name(struct json_object *o, const char *member)
{
	json_object_object_foreach(o, name, value)
	{
		(void)value;
		if (strcasecmp(name, member) == 0)
			return name;
	}
	return NULL;
}

/* A number as it is written; what is neither is empty. */
static struct hsw_str
read_literal(struct json_object *o, const char *member)
{
	const char *name = o != NULL ? find_name(o, member) : NULL;
	struct json_object *v = name != NULL ? json_object_object_get(o, name) : NULL;

	if (json_object_is_type(v, json_type_string))
		return (struct hsw_str){ json_object_get_string(v),
			(size_t)json_object_get_string_len(v) };
	if (json_object_is_type(v, json_type_int))
		return str_of(json_object_get_string(v));
	return (struct hsw_str){ NULL, 0 };
}

static struct hsw_str
header_or_member(const struct api_call *call, const char *name)
{
	struct hsw_str value = http_header(call->http, name);
	return value.len > 0 ? value : read_literal(call->given, name);
}

void
api_config_read(struct api_call *call)
{
	struct hsw_error err = { "" };

	/* What is wrong with it is the route's to say, to those who may know. */
	if (call->http->body.len <= BODY_WITH_CREDENTIALS_MAX)
		(void)api_json_parse(call->http->body, &call->given, &err);
}

struct hsw_str
api_config_key(const struct api_call *call)
{
	return header_or_member(call, KEY);
}

void
api_config_find_instance(struct api_call *call)
{
	call->instance = header_or_member(call, INSTANCE);
	if (call->instance.len == 0 && call->of_token != NULL)
		call->instance = call->of_token->name;
}

/* *out is the caller's, also on error; NULL: the webhook shall be gone. */
static bool
read_url(struct json_object *root, char **out, struct hsw_error *err)
{
	const char *name = find_name(root, URL);

	*out = NULL;
	if (name == NULL) {
		err_set(err, HSW_EINVAL, URL ": is missing; \"\" removes the webhook");
		return false;
	}
	if (api_json_text(root, name, WEBHOOK_TEXT_MAX, out, err) != HSW_OK)
		return false;
	if (*out == NULL || strncasecmp(*out, scheme, sizeof(scheme) - 1) == 0)
		return true;
	err_set(err, HSW_EINVAL, "%s: must begin with %s", name, scheme);
	return false;
}

/* Fills in c->webhook, with its section where it has a URL. */
static bool
read_webhook(struct change *c, struct json_object *root, const char *label, enum event_type type,
	enum sink_only only, struct hsw_error *err)
{
	c->webhook = webhook_new(str_of(label));
	c->label = strdup(label);
	if (c->webhook == NULL || c->label == NULL) {
		err_set(err, HSW_ENOMEM, "Out of memory");
		return false;
	}
	if (!read_url(root, &c->webhook->url, err))
		return false;
	if (c->webhook->url == NULL)
		return true;
	c->webhook->enabled = true;
	c->webhook->only = only;
	c->webhook->events = (struct event_list){ .types = { (unsigned char)type }, .n = 1 };
	c->kept = WEBHOOK_EXTRAS;
	c->not_given = WEBHOOK_CREDENTIALS;
	return api_check_webhook(c, URL, err);
}

static void
set(struct api_call *call, const char *label, enum event_type type, enum sink_only only)
{
	struct json_object *root = api_body(call, NULL);
	struct change *c = root != NULL ? api_change(call) : NULL;
	struct hsw_error err = { "" };

	if (c == NULL) {
		json_object_put(root);
		return;
	}
	bool is_good = read_webhook(c, root, label, type, only, &err);
	json_object_put(root);
	if (!is_good) {
		change_free(c);
		api_error(call, 400, "%s", err.text);
	} else if (c->webhook->enabled) {
		api_post_webhook(c, NULL);
	} else {
		api_post_remove(c);
	}
}

void
api_config_sent(struct api_call *call)
{
	set(call, "sent", TYPE_MESSAGE_EXCHANGE, ONLY_OUTGOING);
}

void
api_config_return(struct api_call *call)
{
	set(call, "return", TYPE_MESSAGE_EXCHANGE, ONLY_INCOMING);
}

void
api_config_connect(struct api_call *call)
{
	set(call, "connect", TYPE_INSTANCE_STATE, ONLY_CONNECTED);
}

void
api_config_disconnect(struct api_call *call)
{
	set(call, "disconnect", TYPE_INSTANCE_STATE, ONLY_DISCONNECTED);
}
