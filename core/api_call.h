/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_call.h - one request to the API as its routes see it: on its worker, authenticated, within the
 * rate limit. A route answers it at once, or sends a change on its way.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "change.h"

struct json_object;

struct api_call {
	struct worker *worker;
	struct http_request *http;
	struct hsw_str instance;   /* of the path; empty where the route has none */
	struct json_object *given; /* the body, where credentials can stand in it; may be NULL */
	struct instance *of_token; /* whose token it is; NULL: the account's. The view's */
	char headers[CHANGE_HEADERS_SIZE]; /* of the answer */
};

void api_error(const struct api_call *, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The body as JSON with only these members (ends with NULL; known NULL: with any); the caller's. NULL: it
 * was answered. */
struct json_object *api_body(const struct api_call *, const char *const *known);
/* A change with instance and of_token set. NULL: it was answered. */
struct change *api_change(const struct api_call *);

/* What the members of a webhook are called; NULL: there is no such member. */
struct webhook_names {
	const char *label, *enabled, *url, *authorization, *by_events, *events, *media_base64,
		*secret, *secret_old, *headers, *format;
};

/* Reads a webhook into c->webhook and c->section. false: err says why. */
bool api_read_webhook(struct change *c, struct json_object *, const struct webhook_names *,
	struct hsw_error *err);

/* The same when c->webhook was filled in already; url: what its field is called. */
bool api_check_webhook(struct change *c, const char *url, struct hsw_error *err);
/* Makes c->section of c->webhook and checks it; it stays NULL where the webhook is disabled, which is checked
 * as well. Also on the store thread. false: err says why. */
bool api_make_section(struct change *c, struct hsw_error *err);
/* Makes it again where a change that is made again has used it. On the store thread. false: it was refused. */
bool api_has_section(struct change *c);
/* Sends it on its way: c->webhook is set and answered as this interface does, or by print. */
void api_post_webhook(struct change *c, void (*print)(struct change *, const struct webhook *));
/* Sends one on its way that removes the webhook c->label; that there is none is as good. */
void api_post_remove(struct change *c);
/* Sends one on its way that reads c->instance's webhook with that label; NULL: there is none. */
void api_post_find(struct change *c, void (*print)(struct change *, const struct webhook *));

/* The note of a change that set this webhook: of its URL the host alone, which has no secret in it. */
void api_note_webhook(struct change *, const char *what, const struct webhook *);

struct websocket_names {
	const char *enabled, *events, *media_base64;
};

/* Reads a WebSocket into c->websocket. false: err says why. */
bool api_read_websocket(struct change *c, struct json_object *, const struct websocket_names *,
	struct hsw_error *err);
/* The object that clients read back. */
void api_print_websocket(const struct websocket *, struct buf *);
void api_print_webhooks(const struct instance_settings *, struct buf *);

/* ---- routes ---- */

void api_instance_new(struct api_call *);
void api_instance_list(struct api_call *);
void api_instance_delete(struct api_call *);
void api_instance_token(struct api_call *);
void api_webhook_set(struct api_call *);
void api_webhook_get(struct api_call *);
void api_webhook_delete(struct api_call *);
void api_websocket_set(struct api_call *);
void api_websocket_get(struct api_call *);
void api_ws(struct api_call *);
void api_deliveries(struct api_call *);
void api_dead(struct api_call *);
void api_dead_replay(struct api_call *);
void api_replay(struct api_call *);
/* Evolution API's */
void api_evolution_set(struct api_call *);
void api_evolution_set_own(struct api_call *);
void api_evolution_find(struct api_call *);
/* WhatsApp Web API's */
void api_config_sent(struct api_call *);
void api_config_return(struct api_call *);
void api_config_connect(struct api_call *);
void api_config_disconnect(struct api_call *);

/* Reads call->given. */
void api_config_read(struct api_call *);
/* Who asks: header or member apiKey; empty where there is none. */
struct hsw_str api_config_key(const struct api_call *);
/* Sets call->instance: header or member id, or else the token's own. */
void api_config_find_instance(struct api_call *);

#endif
