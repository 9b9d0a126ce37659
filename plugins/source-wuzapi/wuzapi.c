/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wuzapi.c - source-wuzapi: webhooks of servers that hand on whatsmeow's events as Go writes them.
 *
 *   wuzapi         {type, event: whatsmeow's event, state, base64, mimeType, fileName, s3}, as JSON, or as the
 *                  member jsonData of a form or of an object, beside token or instanceName and userID
 *   Evolution GO   {event: the type, data: whatsmeow's event, state, instanceToken, instanceId, instanceName}
 *
 * With a key, x-hmac-signature has the HMAC-SHA256 in hexadecimal: of the body as it was sent, or of jsonData.
 */
#include "wuzapi.h"

#include <stddef.h>
#include <stdlib.h>

#include "signature.h"

struct conf {
	const char *hmac_key;
};

static const struct hsw_option options[] = {
	{ .key = "hmac_key",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, hmac_key),
		.help = "The key of wuzapi's webhooks: x-hmac-signature must be the body's "
			"HMAC-SHA256; "
			"others are refused with 401. Without it: the header is not looked at." },
	{ .key = NULL },
};

/* ---- what the translators use ---- */

void
wuzapi_party(struct hsw_party *p, struct json_object *o, const char *member)
{
	frame_party(p, cj_string(o, member));
}

int64_t
wuzapi_time(struct json_object *event)
{
	int64_t ms = cj_time(event, "Timestamp");

	return ms > 0 ? ms : 0;
}

/* ---- events by name ---- */

static const struct route routes[] = {
	{ "Message", wuzapi_message },
	{ "SendMessage", wuzapi_sent_message },
	{ "UndecryptableMessage", wuzapi_undecryptable },
	{ "ReadReceipt", wuzapi_receipt },
	{ "Receipt", wuzapi_receipt },
	{ "CallOffer", wuzapi_call_offer },
	{ "CallOfferNotice", wuzapi_call_notice },
	{ "CallAccept", wuzapi_call_accept },
	{ "CallReject", wuzapi_call_reject },
	{ "CallTerminate", wuzapi_call_terminate },
	{ "CallRelayLatency", wuzapi_call_latency },
	{ "GroupInfo", wuzapi_group_info },
	{ "JoinedGroup", wuzapi_group_joined },
	{ "Picture", wuzapi_picture },
	{ "LabelEdit", wuzapi_label_edit },
	{ "LabelAssociationChat", wuzapi_label_chat },
	{ "LabelAssociationMessage", wuzapi_label_message },
	{ NULL, NULL },
};

/* wuzapi's type, else Evolution GO's event. */
static int
route_body(struct translation *t, struct hsw_error *err)
{
	bool is_go = cj_get(t->body, "type") == NULL && cj_string(t->body, "event").len > 0;
	struct json_object *event = cj_object(t->body, is_go ? "data" : "event");
	int rc = frame_event(t, is_go ? "event" : "type", "Message", err);

	if (rc != HSW_OK || wuzapi_state(t, event, &rc))
		return rc;
	return frame_route(t, routes, event);
}

/* A form that was decoded on the way has become {jsonData: {...} or "{...}", ...}. */
static int
dispatch(struct translation *t, struct hsw_error *err)
{
	struct json_object *body = t->body, *parsed = NULL;
	struct json_object *inner = cj_get(body, "jsonData");

	canon_start(t->canon, t->request, (struct hsw_str){ NULL, 0 });
	if (json_object_is_type(inner, json_type_string))
		inner = parsed = cj_parse(t->tokener, cj_text(inner), err);
	if (err->text[0] != '\0')
		return HSW_EINVAL;
	if (json_object_is_type(inner, json_type_object))
		t->body = inner;
	int rc = route_body(t, err);
	t->body = body;
	json_object_put(parsed);
	return rc;
}

/* ---- the source ---- */

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	static const char header[] = "x-hmac-signature";
	const struct conf *conf = ((struct handle *)self)->conf;
	struct hsw_str json;
	char *buffer = NULL;

	if (conf->hmac_key == NULL)
		return HSW_OK;
	struct hsw_str given = request->header(request, header);
	if (signature_is("SHA256", conf->hmac_key, request->body, given))
		return HSW_OK;
	int rc = form_json(request->body, &json, &buffer, err);
	bool is_signed = rc == HSW_OK && json.s != request->body.s &&
		signature_is("SHA256", conf->hmac_key, json, given);
	free(buffer);
	if (is_signed || rc == HSW_ENOMEM)
		return rc;
	return signature_refuse(header, given.s == NULL, err);
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct translation t = { .request = request, .emit = emit, .out = out };
	struct hsw_str json;
	char *buffer = NULL;
	int rc = form_json(request->body, &json, &buffer, err);

	if (rc == HSW_OK)
		rc = frame_translate(self, &t, json, dispatch, err);
	free(buffer);
	return rc;
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = handle_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = handle_close,
};

HSW_PLUGIN(HSW_SOURCE, "wuzapi", "1.0", "wuzapi, Evolution GO: whatsmeow's events as JSON",
	sizeof(struct conf), options, &ops);
