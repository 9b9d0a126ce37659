/* SPDX-License-Identifier: Apache-2.0 */
/* api_instance.c - the routes of instances: new, list, delete, token. */
#include <stdlib.h>

#include "api_call.h"
#include "api_json.h"
#include "clock.h"
#include "crypt.h"
#include "err.h"
#include "log.h"

#define TOKEN_BYTES 32
#define TOKEN_MAX 512
#define NAMES_MAX 100000 /* bytes of ?instanceName= */

static const char failed_instance[] = "Failed to get instance";

/* ---- printing ---- */

static void
print_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (wall_ms == 0) {
		buf_printf(out, ",\"%s\":null", name);
		return;
	}
	clock_text(wall_ms, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void
print_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text != NULL && *text != '\0')
		buf_json_cstr(out, text);
	else
		buf_str(out, "null");
}

/* The members that `new` and `list` share. One of the file is known by its name. */
static void
print_head(const struct instance_settings *i, const char *status, struct buf *out)
{
	buf_str(out, "{\"id\":");
	buf_json_cstr(out, *i->instance->id != '\0' ? i->instance->id : i->instance->name.s);
	print_text(out, "name", i->instance->name.s);
	print_text(out, "token", i->instance->token.s);
	if (i->sealed_token != NULL)
		buf_str(out, ",\"tokenUndecryptable\":true");
	print_text(out, "status", status);
}

static void
print_instance(const struct instance_settings *i, struct buf *out)
{
	struct instance_seen seen;

	instance_get_seen(i->instance, &seen);
	const char *state = *seen.state != '\0' ? seen.state : "unknown";
	print_head(i, state, out);
	print_text(out, "numberJid", seen.jid);
	print_time(out, "createdAt", i->created_ms);
	print_time(out, "updatedAt", i->updated_ms);
	buf_str(out, ",\"connection\":{\"state\":");
	buf_json_cstr(out, state);
	print_text(out, "numberJid", seen.jid);
	buf_str(out, "},\"webhooks\":");
	api_print_webhooks(i, out);
	buf_str(out, ",\"websocket\":");
	api_print_websocket(&i->websocket, out);
	buf_str(out, "}");
}

/* ---- new ---- */

/* By the account, or by another instance than its own (NULL: it has none yet). */
static bool
is_token_taken(const struct change *c, const struct instance *own)
{
	const struct hsw_str token = str_of(c->token);
	const char *account = c->config->api.account_token;
	const struct instance *of = catalog_find_token(catalog_master(c->server->catalog), token);

	return (account != NULL && secret_equal(token, str_of(account))) ||
		(of != NULL && of != own);
}

static void
print_new(struct change *c, const struct instance_settings *i, bool has_webhook)
{
	buf_str(&c->out, "{\"success\":true,\"message\":\"Instance created\",\"instance\":");
	print_head(i, "created", &c->out);
	print_time(&c->out, "createdAt", i->created_ms);
	buf_str(&c->out, "}");
	if (has_webhook) {
		buf_str(&c->out, ",\"webhook\":");
		webhook_print(i->webhooks, &c->out);
	}
	if (c->has_websocket) {
		buf_str(&c->out, ",\"websocket\":");
		api_print_websocket(&i->websocket, &c->out);
	}
	buf_str(&c->out, "}");
}

static void
apply_new(struct change *c, const struct store_port *store)
{
	struct settings *settings = c->server->settings;
	struct instance_settings *i = settings_find(settings, str_of(c->instance));
	struct hsw_error err = { "" };

	if (i != NULL) {
		change_fail(c, 409, "Instance %s already exists", c->instance);
		return;
	}
	if (is_token_taken(c, NULL)) {
		change_fail(c, 409, "token: is used already");
		return;
	}
	if (c->webhook != NULL && !api_has_section(c))
		return;
	struct webhook_section *section = c->section;
	c->section = NULL;
	if (section != NULL && change_put(c, store, section) != HSW_OK)
		return;
	struct webhook *webhook = c->webhook;
	int rc = settings_add(settings, store, str_of(c->instance), c->token, webhook,
		c->has_websocket ? &c->websocket : NULL, &i, &err);
	if (rc == HSW_OK) {
		c->webhook = NULL;
		c->status = 201;
		change_note(
			c, "instance made", " websocket=%s", i->websocket.enabled ? "on" : "off");
		if (webhook != NULL)
			api_note_webhook(c, "instance made", i->webhooks);
		print_new(c, i, webhook != NULL);
		return;
	}
	if (change_is_late(c, rc))
		return;
	log_error("api", "an instance was not stored instance=%s: %s", c->instance, err.text);
	change_unput(c, store);
	change_fail(c, 500, "%s", failed_instance);
}

/* base64url (RFC 4648 section 5) without padding. NULL: no memory, or no random bytes. */
static char *
make_token(void)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[TOKEN_BYTES + 1] = { 0 };
	struct buf out = BUF_INIT;

	if (!seal_random(bytes, TOKEN_BYTES))
		return NULL;
	for (size_t bit = 0; bit < TOKEN_BYTES * 8; bit += 6) {
		unsigned two = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
		buf_append(&out, &digits[two >> (10 - bit % 8) & 63], 1);
	}
	buf_append(&out, "", 1);
	if (!out.failed)
		return out.data;
	buf_free(&out);
	return NULL;
}

/* A token goes into headers and URLs. */
static bool
check_token(const char *token, struct hsw_error *err)
{
	for (const char *t = token; *t != '\0'; t++) {
		if ((unsigned char)*t > 0x20 && (unsigned char)*t < 0x7f)
			continue;
		err_set(err, HSW_EINVAL, "token: has a character that is blank or no ASCII in it");
		return false;
	}
	return true;
}

static bool
read_name(struct change *c, struct json_object *root, struct hsw_error *err)
{
	free(c->instance);
	c->instance = NULL;
	if (api_json_text(root, "name", 4 * CONFIG_NAME_MAX, &c->instance, err) != HSW_OK)
		return false;
	if (c->instance != NULL && config_name_is_valid(str_of(c->instance)))
		return true;
	err_set(err, HSW_EINVAL,
		c->instance == NULL ? "name: is missing"
				    : "name: expected 1 to %d of the characters A-Z a-z 0-9 _ -",
		CONFIG_NAME_MAX);
	return false;
}

static bool
read_token(struct change *c, struct json_object *root, struct hsw_error *err)
{
	if (api_json_text(root, "token", TOKEN_MAX, &c->token, err) != HSW_OK)
		return false;
	if (c->token != NULL)
		return check_token(c->token, err);
	/* A script whose variable is not set means no random one. */
	if (json_object_object_get(root, "token") != NULL) {
		err_set(err, HSW_EINVAL, "token: token is empty");
		return false;
	}
	c->token = make_token();
	if (c->token == NULL)
		err_set(err, HSW_ENOMEM, "Out of memory");
	return c->token != NULL;
}

/* Whether one of these members is there. */
static bool
has_any(struct json_object *root, const char *prefix)
{
	json_object_object_foreach(root, name, value)
	{
		if (value != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

/* Settings without the flag are given to be used. */
static void
imply_enabled(struct json_object *root, const char *prefix, const char *flag)
{
	if (has_any(root, prefix) && json_object_object_get(root, flag) == NULL)
		json_object_object_add(root, flag, json_object_new_boolean(1));
}

static bool
read_new(struct change *c, struct json_object *root, struct hsw_error *err)
{
	static const struct webhook_names webhook = { NULL, "webhookEnabled", "webhookURL",
		"webhookAuthorization", "webhookByEvents", "webhookEvents", "webhookMediaBase64",
		NULL, NULL, NULL, NULL };
	static const struct websocket_names websocket = { "websocketEnabled", "websocketEvents",
		"websocketMediaBase64" };

	if (!read_name(c, root, err) || !read_token(c, root, err))
		return false;
	imply_enabled(root, "webhook", webhook.enabled);
	imply_enabled(root, "websocket", websocket.enabled);
	c->has_websocket = has_any(root, "websocket");
	return (!has_any(root, "webhook") || api_read_webhook(c, root, &webhook, err)) &&
		(!c->has_websocket || api_read_websocket(c, root, &websocket, err));
}

void
api_instance_new(struct api_call *call)
{
	static const char *const known[] = { "name", "token", "webhookEnabled", "webhookURL",
		"webhookAuthorization", "webhookByEvents", "webhookEvents", "webhookMediaBase64",
		"websocketEnabled", "websocketEvents", "websocketMediaBase64", NULL };
	struct json_object *root = api_body(call, known);
	struct change *c = root != NULL ? api_change(call) : NULL;
	struct hsw_error err = { "" };

	if (c != NULL) {
		c->apply = apply_new;
		if (read_new(c, root, &err)) {
			change_post(c);
		} else {
			change_free(c);
			api_error(call, 400, "%s", err.text);
		}
	}
	json_object_put(root);
}

/* ---- list ---- */

struct listing {
	struct change *change;
	size_t n;
};

static void
list_one(void *arg, struct instance_settings *i)
{
	struct listing *l = arg;

	if (l->change->of_token != NULL && l->change->of_token != i->instance)
		return;
	if (l->n++ > 0)
		buf_str(&l->change->out, ",");
	print_instance(i, &l->change->out);
}

/* Each of c->names, which are separated by commas; false: one is unknown or another's. */
static bool
list_named(struct listing *l)
{
	struct change *c = l->change;
	char *rest = c->names, *name;

	while ((name = strsep(&rest, ",")) != NULL) {
		struct instance_settings *i = settings_find(c->server->settings, str_of(name));
		if (c->of_token != NULL && !str_is(c->of_token->name, name)) {
			change_fail(c, 403, "Instance token does not match requested instance");
			return false;
		}
		if (i == NULL) {
			change_fail(c, 404, "Instance not found");
			return false;
		}
		list_one(l, i);
	}
	return true;
}

static void
apply_list(struct change *c, const struct store_port *store)
{
	struct listing l = { c, 0 };

	(void)store;
	buf_str(&c->out, "{\"success\":true,\"message\":\"Instances found\",\"instances\":[");
	if (c->names == NULL)
		settings_each(c->server->settings, list_one, &l);
	else if (!list_named(&l))
		return;
	buf_printf(&c->out, "],\"meta\":{\"total\":%zu}}", l.n);
}

void
api_instance_list(struct api_call *call)
{
	struct change *c = api_change(call);
	struct buf names = BUF_INIT;

	if (c == NULL)
		return;
	if (http_query_form(call->http, "instanceName", &names) && names.len > 0 &&
		names.len < NAMES_MAX)
		c->names = strndup(names.data, names.len);
	buf_free(&names);
	c->is_read = true;
	c->apply = apply_list;
	change_post(c);
}

/* ---- delete, token ---- */

/* NULL: it was refused. It may have been deleted since the request was admitted. */
static struct instance_settings *
find_made(struct change *c, const char *what)
{
	struct instance_settings *i = settings_find(c->server->settings, str_of(c->instance));

	if (i == NULL)
		change_fail(c, 404, "Instance not found");
	else if (i->file != NULL)
		change_fail(c, 409, "Instance %s is defined in %s, line %d: %s there", c->instance,
			i->file, i->line, what);
	return c->status == 0 ? i : NULL;
}

static void
apply_delete(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find_made(c, "remove it");
	struct hsw_error err = { "" };

	if (i == NULL)
		return;
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		if (w->enabled)
			change_remove(c, i->instance->name, w->label);
	}
	int rc = settings_remove(c->server->settings, store, i, &err);
	if (rc == HSW_OK) {
		change_end(c, str_of(c->instance), SETTINGS_DELETED);
		change_note(c, "instance deleted", "%s", "");
		return;
	}
	if (change_is_late(c, rc))
		return;
	log_error("api", "an instance was not deleted instance=%s: %s", c->instance, err.text);
	change_fail(c, 500, "%s", failed_instance);
}

static void
finish_delete(struct change *c)
{
	buf_printf(&c->out,
		"{\"success\":true,\"message\":\"Instance deleted\",\"instance\":{\"status\":"
		"\"deleted\"},\"droppedEvents\":%zu}",
		c->undelivered);
}

void
api_instance_delete(struct api_call *call)
{
	struct change *c = api_change(call);

	if (c == NULL)
		return;
	c->apply = apply_delete;
	c->finish = finish_delete;
	change_post(c);
}

/* The clients brought the token that is none any more, or the account's: all of them come again. */
static void
apply_token(struct change *c, const struct store_port *store)
{
	struct instance_settings *i = find_made(c, "change its token");
	struct hsw_error err = { "" };

	if (i == NULL)
		return;
	if (is_token_taken(c, i->instance)) {
		change_fail(c, 409, "token: is used already");
		return;
	}
	bool is_same = secret_equal(str_of(c->token), i->instance->token);
	int rc = is_same ? HSW_OK
			 : settings_set_token(c->server->settings, store, i, c->token, &err);
	if (change_is_late(c, rc))
		return;
	if (rc != HSW_OK) {
		log_error("api", "a token was not stored instance=%s: %s", c->instance, err.text);
		change_fail(c, 500, "%s", failed_instance);
		return;
	}
	if (!is_same) {
		change_end(c, str_of(c->instance), SETTINGS_TOKEN_CHANGED);
		change_note(c, "token changed", "%s", "");
	}
	buf_str(&c->out, "{\"success\":true,\"message\":\"Instance token changed\",\"instance\":");
	print_instance(i, &c->out);
	buf_str(&c->out, "}");
}

void
api_instance_token(struct api_call *call)
{
	static const char *const known[] = { "token", NULL };
	bool is_empty = call->http->body.len == 0;
	struct json_object *root = is_empty ? json_object_new_object() : api_body(call, known);
	struct change *c = root != NULL ? api_change(call) : NULL;
	struct hsw_error err = { "" };

	if (c != NULL) {
		c->apply = apply_token;
		if (read_token(c, root, &err)) {
			change_post(c);
		} else {
			change_free(c);
			api_error(call, 400, "%s", err.text);
		}
	}
	json_object_put(root);
}
