/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.c - see api.h.
 *
 * The order of checks: rate limit 429, path 404, method 405, token 401 and 403, instance 404; then the
 * route's own: Content-Type 415, body 413 and 400. Only who has a token learns which instances exist, but
 * for /ws, where 404 stands before the token as clients know it.
 */
#include "api.h"

#include <stdarg.h>
#include <stdio.h>

#include "api_call.h"
#include "api_json.h"
#include "auth.h"
#include "clock.h"
#include "control.h"
#include "crypt.h"
#include "ops.h"

#define BODY_MAX (1u << 20)
#define QUERY_SHOWN_MAX 60 /* bytes of a parameter's name, in an error */

enum {
	ACCOUNT_ONLY = 1,
	HAS_INSTANCE = 2,
	MAKES_INSTANCE = 4,
	TAKES_APIKEY = 8,
	INSTANCE_FIRST = 16, /* who has no token, too, learns which instances exist */
	GIVES_INSTANCE = 32, /* header or body say which, as they say who asks */
	STRICT_QUERY = 64,   /* a parameter that is misspelt must not widen what it is about */
	TAKES_LABEL = 128    /* ?label= says which of them */
};

static const struct route {
	const char *method;
	const char *path; /* the instance follows it, or is the asterisk */
	unsigned flags;
	void (*fn)(struct api_call *);
} routes[] = {
	{ "POST", "/api/instance/new", ACCOUNT_ONLY | MAKES_INSTANCE, api_instance_new },
	{ "GET", "/api/instance/list", 0, api_instance_list },
	{ "DELETE", "/api/instance/delete/", ACCOUNT_ONLY | HAS_INSTANCE | STRICT_QUERY,
		api_instance_delete },
	{ "PUT", "/api/instance/token/", ACCOUNT_ONLY | HAS_INSTANCE, api_instance_token },
	{ "POST", "/api/events/webhook/", HAS_INSTANCE, api_webhook_set },
	{ "DELETE", "/api/events/webhook/", HAS_INSTANCE | STRICT_QUERY | TAKES_LABEL,
		api_webhook_delete },
	{ "GET", "/api/events/getWebhook/", HAS_INSTANCE | STRICT_QUERY | TAKES_LABEL,
		api_webhook_get },
	{ "POST", "/api/events/websocket/", HAS_INSTANCE, api_websocket_set },
	{ "GET", "/api/events/getWebsocket/", HAS_INSTANCE, api_websocket_get },
	{ "POST", "/webhook/set/", HAS_INSTANCE | TAKES_APIKEY, api_evolution_set },
	{ "POST", "/webhook/instance", TAKES_APIKEY, api_evolution_set_own },
	{ "GET", "/webhook/find/", HAS_INSTANCE | TAKES_APIKEY, api_evolution_find },
	{ "PUT", "/api/config/sent", GIVES_INSTANCE, api_config_sent },
	{ "PUT", "/api/config/return", GIVES_INSTANCE, api_config_return },
	{ "PUT", "/api/config/connect", GIVES_INSTANCE, api_config_connect },
	{ "PUT", "/api/config/disconnect", GIVES_INSTANCE, api_config_disconnect },
	{ "GET", "/api/deliveries/", HAS_INSTANCE, api_deliveries },
	{ "GET", "/api/dead/", HAS_INSTANCE, api_dead },
	{ "POST", "/api/dead/*/replay", HAS_INSTANCE, api_dead_replay },
	{ "POST", "/api/replay/", HAS_INSTANCE, api_replay },
	{ "GET", "/ws/", HAS_INSTANCE | INSTANCE_FIRST, api_ws },
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* ---- what routes use ---- */

void
api_error(const struct api_call *call, int status, const char *fmt, ...)
{
	struct hsw_error err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	http_reply_error(call->http, status, call->headers, err.text);
}

static bool
is_json(const struct http_request *r)
{
	struct hsw_str type = http_header(r, "content-type");
	static const char json[] = "application/json";
	size_t n = sizeof(json) - 1;

	return type.s == NULL ||
		(type.len >= n && strncasecmp(type.s, json, n) == 0 &&
			(type.len == n || type.s[n] == ';' || type.s[n] == ' '));
}

struct json_object *
api_body(const struct api_call *call, const char *const *known)
{
	struct json_object *root;
	struct hsw_error err = { "" };

	if (!is_json(call->http)) {
		api_error(call, 415, "Content-Type must be application/json");
		return NULL;
	}
	if (call->http->body.len > BODY_MAX) {
		api_error(call, 413, "The body is larger than %u bytes", BODY_MAX);
		return NULL;
	}
	int rc = api_json_parse(call->http->body, &root, &err);
	if (rc == HSW_OK && known != NULL)
		rc = api_json_check_names(root, known, &err);
	if (rc == HSW_OK)
		return root;
	json_object_put(root);
	api_error(call, rc == HSW_ENOMEM ? 503 : 400, "%s", err.text);
	return NULL;
}

struct change *
api_change(const struct api_call *call)
{
	struct change *c = change_new(call->worker, call->http, call->headers);

	if (c == NULL)
		return NULL;
	c->instance = strndup(call->instance.s != NULL ? call->instance.s : "", call->instance.len);
	if (call->of_token != NULL)
		c->of_token = instance_ref(call->of_token);
	if (c->instance != NULL)
		return c;
	change_free(c);
	api_error(call, 503, "Out of memory");
	return NULL;
}

/* ---- who asks, and how often ---- */

static bool
is_account(const struct api_call *call, struct hsw_str token)
{
	const char *account = call->worker->config->api.account_token;
	return account != NULL && secret_equal(token, str_of(account));
}

/* Those of a client without a token that is known share one window: guessing is slow, and stops nobody else. */
static uint64_t
rate_key(const struct http_request *r, struct hsw_str token, bool is_known)
{
	return is_known ? str_hash(HASH_START, token) : address_hash(&r->client.address);
}

static bool
take_rate(struct api_call *call, const struct route *route, uint64_t key)
{
	struct server *s = call->worker->server;
	struct ratelimit *limit = route->flags & MAKES_INSTANCE ? s->instance_rate : s->rate;
	struct ratelimit_state state;
	int64_t now = clock_wall_ms();
	_Static_assert(sizeof(call->headers) >= RATELIMIT_HEADERS_SIZE, "all lines");
	bool is_allowed = ratelimit_take(limit, key, now, &state);

	if (state.limit > 0)
		ratelimit_print(&state, is_allowed, now, call->headers);
	return is_allowed;
}

static bool
find_token(const struct api_call *call, const struct route *route, struct buf *out)
{
	struct hsw_str key = { NULL, 0 };

	if (route->flags & TAKES_APIKEY)
		key = http_header(call->http, "apikey");
	else if (route->flags & GIVES_INSTANCE)
		key = api_config_key(call);
	if (key.len == 0)
		return auth_token(call->http, out);
	buf_append(out, key.s, key.len);
	return true;
}

/* Who asks. */
struct asker {
	bool has_token, is_known;
};

/* Fills in call->of_token and the headers of the answer; false: it was answered, there were too many. */
static bool
identify(struct api_call *call, const struct route *route, struct asker *who)
{
	struct buf given = BUF_INIT;
	bool is_control = call->http->is_control;

	if (route->flags & GIVES_INSTANCE)
		api_config_read(call);
	who->has_token = is_control || find_token(call, route, &given);
	const struct hsw_str token = { given.data, given.len };
	bool is_of_account = is_control || is_account(call, token);
	if (!is_of_account && who->has_token)
		call->of_token = catalog_find_token(&call->worker->catalog, token);
	who->is_known = is_of_account || call->of_token != NULL;
	bool is_allowed = is_control ||
		take_rate(call, route, rate_key(call->http, token, who->is_known));
	buf_free(&given);
	if (route->flags & GIVES_INSTANCE)
		api_config_find_instance(call);
	if (!is_allowed)
		api_error(call, 429, "Rate limit exceeded. Try again later.");
	return is_allowed;
}

/* false: it was answered. */
static bool
admit(struct api_call *call, const struct route *route, const struct asker *who)
{
	bool has_instance = route->flags & (HAS_INSTANCE | GIVES_INSTANCE);
	bool is_there = !has_instance ||
		catalog_find_known(&call->worker->catalog, call->instance) != NULL;

	if (!is_there && (route->flags & INSTANCE_FIRST))
		api_error(call, 404, "Instance not found");
	else if (!who->has_token)
		api_error(call, 401, "%s", auth_message(AUTH_MISSING));
	else if (!who->is_known)
		api_error(call, 401, "%s", auth_message(AUTH_WRONG));
	else if (call->of_token != NULL && (route->flags & ACCOUNT_ONLY))
		api_error(call, 403, "This route needs the account token");
	else if (has_instance && call->instance.len == 0)
		api_error(call, 400, "id: is missing");
	else if (call->of_token != NULL && has_instance &&
		!str_equal(call->of_token->name, call->instance))
		api_error(call, 403, "Instance token does not match requested instance");
	else if (!is_there)
		api_error(call, 404, "Instance not found");
	else
		return true;
	return false;
}

/* The first parameter that the route does not know; NULL: there is none. */
static struct hsw_str
find_unknown(const struct api_call *call, const struct route *route)
{
	struct hsw_str rest = call->http->query;

	while (rest.len > 0) {
		const struct http_parameter p = http_take_parameter(&rest);
		bool is_known = str_is(p.name, "token") ||
			((route->flags & TAKES_LABEL) && str_is(p.name, "label"));
		bool is_nothing = p.name.len == 0 && p.value.s == NULL; /* && */
		if (!is_nothing && (!is_known || p.value.s == NULL))
			return p.name;
	}
	return (struct hsw_str){ NULL, 0 };
}

static void
refuse_parameter(const struct api_call *call, struct hsw_str name, const char *why)
{
	api_error(call, 400, "%.*s: %s",
		name.len < QUERY_SHOWN_MAX ? (int)name.len : QUERY_SHOWN_MAX, name.s, why);
}

/* false: it was answered. */
static bool
check_query(const struct api_call *call, const struct route *route)
{
	const struct hsw_str malformed = http_query_malformed(call->http);
	const struct hsw_str unknown = route->flags & STRICT_QUERY ? find_unknown(call, route)
								   : (struct hsw_str){ NULL, 0 };

	if (unknown.s != NULL)
		refuse_parameter(call, unknown, "unknown parameter of the query");
	else if (malformed.s != NULL)
		refuse_parameter(call, malformed, HTTP_QUERY_EXPECTED);
	return unknown.s == NULL && malformed.s == NULL;
}

/* ---- routing ---- */

static bool
is_below(struct hsw_str path, const char *prefix)
{
	size_t n = strlen(prefix);
	return path.len > n && memcmp(path.s, prefix, n) == 0;
}

/* A path without an instance is met whole; one with it by what stands around it. */
static bool
is_path_of(const struct route *route, struct hsw_str path, struct hsw_str *instance)
{
	size_t before = strcspn(route->path, "*");
	const char *after = route->path + before + (route->path[before] == '*');
	size_t n = strlen(after);

	*instance = (struct hsw_str){ path.s, 0 };
	if (!(route->flags & HAS_INSTANCE))
		return str_is(path, route->path);
	if (path.len <= before + n || memcmp(path.s, route->path, before) != 0 ||
		memcmp(path.s + path.len - n, after, n) != 0)
		return false;
	*instance = (struct hsw_str){ path.s + before, path.len - before - n };
	return memchr(instance->s, '/', instance->len) == NULL;
}

/* The route of the path and, where there is one, the method. NULL: no route has that path. */
static const struct route *
find_route(const struct http_request *r, struct hsw_str *instance, bool *has_method)
{
	const struct route *found = NULL;
	struct hsw_str name;

	*has_method = false;
	for (size_t i = 0; i < ROUTES && !*has_method; i++) {
		if (!is_path_of(&routes[i], r->path, &name))
			continue;
		*has_method = str_is(r->method, routes[i].method);
		*instance = name;
		found = &routes[i];
	}
	return found;
}

static void
refuse_method(struct api_call *call)
{
	struct buf headers = BUF_INIT;
	struct hsw_str instance;

	for (size_t i = 0; i < ROUTES; i++) {
		if (is_path_of(&routes[i], call->http->path, &instance))
			buf_printf(&headers, "%s%s",
				headers.len > 0 ? ", " : "Allow: ", routes[i].method);
	}
	buf_printf(&headers, "\r\n%s", call->headers);
	buf_append(&headers, "", 1);
	http_reply_error(call->http, 405, headers.failed ? call->headers : headers.data,
		"Method not allowed");
	buf_free(&headers);
}

/* found: NULL where no route has that path. */
static void
answer(struct api_call *call, const struct route *found, bool has_method)
{
	static const struct route none = { .flags = 0 };
	struct asker who;

	if (!identify(call, found != NULL && has_method ? found : &none, &who))
		return;
	if (found == NULL)
		api_error(call, 404, "Not found");
	else if (!has_method)
		refuse_method(call);
	else if (admit(call, found, &who) && check_query(call, found))
		found->fn(call);
}

/* false: the path is none of ours. */
static bool
route(struct worker *w, struct http_request *r)
{
	struct api_call call = { .worker = w, .http = r };
	bool has_method;
	const struct route *found = find_route(r, &call.instance, &has_method);

	if (found == NULL && !is_below(r->path, "/api/") && !is_below(r->path, "/ws/"))
		return false;
	answer(&call, found, has_method);
	json_object_put(call.given);
	return true;
}

void
api_handle(struct worker *w, struct http_request *r)
{
	if (is_below(r->path, "/in/")) {
		ingress_handle(w->ingress, r);
		return;
	}
	if (ops_handle(w, r) || (r->is_control && control_handle(w, r)) || route(w, r))
		return;
	http_reply_error(r, 404, "", "Not found");
}
